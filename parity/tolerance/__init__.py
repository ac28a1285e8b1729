"""How close is equal: one table, one rule, perturbed runs, the worst element.

Everybody who judges closeness calls this room: comparison, check, gradcheck, predict, benchmarks
and the tests.
"""

from parity.tolerance.elements import first_element, index_of, spelled, worst_element
from parity.tolerance.rule import allowance, distance, is_close, scale_of

__all__ = [
    "allowance",
    "distance",
    "first_element",
    "index_of",
    "is_close",
    "scale_of",
    "spelled",
    "worst_element",
]
