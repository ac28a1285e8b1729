"""Layouts: how the contract's operations are computed with the names of a course.

A layout is a file, TOML or Python. In TOML an operation is an expression, read in the student's own
namespace, with `np` and the contract's arguments as variables; `[conventions]` say in what shapes
these come. In Python an operation is a function of the contract's name, whose parameters are such
variables, and `student` has the names of the student's file. `docs/check.md` shows both.
"""

from parity.contract.layouts.layout import CONVENTIONS, Layout
from parity.contract.layouts.reading import read_map
from parity.contract.layouts.shipped import LAYOUTS, layout_named, recognised

__all__ = ["CONVENTIONS", "LAYOUTS", "Layout", "layout_named", "read_map", "recognised"]
