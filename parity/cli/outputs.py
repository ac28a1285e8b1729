"""What a command writes after its work."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from parity.errors import InputError
from parity.system.console import show_path

if TYPE_CHECKING:
    from parity.experiment.checkpoints import Checkpoints

__all__ = ["Outputs"]


class Outputs:
    """Files that are written one by one, the dearest first: one that fails costs no other."""

    def __init__(self, checkpoints: "Checkpoints | None" = None) -> None:
        self.errors: list[InputError] = []
        if checkpoints is not None and checkpoints.error is not None:
            self.errors.append(checkpoints.error)

    def write(self, what: str, path: Path | None, writer: Callable[[Path], object]) -> None:
        """Let `writer` write to `path`, if there is one, and say so."""
        if path is None:
            return
        try:
            writer(path)
        except InputError as error:
            self.errors.append(error)
        else:
            show_path(what, path)

    def finish(self) -> None:
        """Raise InputError with all that could not be written, if anything could not."""
        if self.errors:
            raise InputError("; ".join(map(str, self.errors)))
