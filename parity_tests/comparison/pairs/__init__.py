"""Pairs of programs as a user would write them, with faults to plant; none is a recipe's model."""
