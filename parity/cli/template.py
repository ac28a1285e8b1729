"""`parity template`: the stub of a file for `parity check`, or for `parity compare`."""

import sys
from dataclasses import dataclass

__all__ = ["Template"]


@dataclass(kw_only=True)
class Template:
    """Print the stub of a file that `parity check` checks; fill in any part of it."""

    pair: bool = False
    """Print a pair of programs for `parity compare FILE.py` instead."""

    def run(self) -> int:
        """Exit code 0."""
        from parity.comparison import pair_file
        from parity.contract.template import TEMPLATE

        sys.stdout.write(pair_file.TEMPLATE if self.pair else TEMPLATE)
        return 0
