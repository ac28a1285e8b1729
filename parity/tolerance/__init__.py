"""How close is equal: one rule and its table, for everybody who judges closeness."""
