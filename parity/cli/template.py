"""`parity template`: the stub of a file for `parity check`, or for `parity compare`."""

import sys
from dataclasses import dataclass

__all__ = ["Template"]


@dataclass(kw_only=True)
class Template:
    """Print the stub of a file that `parity check` checks; fill in any part of it."""

    only: tuple[str, ...] = ()
    """The names of the contract to print, with commas or spaces between them."""
    layout: str = "contract"
    """The course whose names to print."""
    notebook: bool = False
    """Print a notebook."""
    pair: bool = False
    """Print a pair of programs for `parity compare FILE.py` instead."""

    def run(self) -> int:
        """Exit code 0."""
        from parity.comparison import pair_file
        from parity.contract.template import notebook, template

        if self.pair:
            sys.stdout.write(pair_file.TEMPLATE)
            return 0
        only = [name for part in self.only for name in part.split(",") if name]
        make = notebook if self.notebook else template
        sys.stdout.write(make(only, self.layout))
        return 0
