"""`parity template`: the stub of a file for `parity check`."""

import sys
from dataclasses import dataclass

from parity.contract.template import TEMPLATE

__all__ = ["Template"]


@dataclass(kw_only=True)
class Template:
    """Print the stub of a file that `parity check` checks; fill in any part of it."""

    def run(self) -> int:
        """Exit code 0."""
        sys.stdout.write(TEMPLATE)
        return 0
