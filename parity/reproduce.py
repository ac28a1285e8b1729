"""`from parity.reproduce import load`, as the printed snippet of a divergence has it."""

from parity.comparison.reproduce import load

__all__ = ["load"]
