"""What counts as equal: one table, one rule, perturbed runs, and the worst element.

Used wherever results are compared: comparison, check, gradcheck, predict, benchmarks and tests.
"""

from parity.tolerance.elements import element_name, first_element, index_of, worst_element
from parity.tolerance.rule import allowance, distance, is_close, scale_of

__all__ = [
    "allowance",
    "distance",
    "first_element",
    "index_of",
    "is_close",
    "scale_of",
    "element_name",
    "worst_element",
]
