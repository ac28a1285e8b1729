"""The options of a command whose work can be interrupted and taken up again."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

if TYPE_CHECKING:
    from parity.experiment.checkpoints import Checkpoints

__all__ = ["Keeping"]


@dataclass(kw_only=True)
class Keeping:
    """Where checkpoints go, how often, and which one to go on from."""

    checkpoint: Path | None = None
    """Write checkpoints to this folder, which must be new or empty; the last two are kept."""
    every: Annotated[
        int | None, tyro.conf.arg(metavar="INT", help_behavior_hint="(default: an epoch)")
    ] = None
    """Steps from one checkpoint to the next."""
    resume: Path | None = None
    """Go on from the newest checkpoint in this folder, or from this file; same settings."""

    def checkpoints(self, settings: Mapping[str, Any], epoch: int) -> "Checkpoints | None":
        """What these options ask for in a run with these settings; None if it is nothing.

        Raises
        ------
        InputError
            If the folder cannot be written to, or there is nothing to go on from.
        """
        from parity.comparison.sweep import KINDS
        from parity.errors import InputError
        from parity.experiment import checkpoints

        if self.every is not None and self.every < 1:
            raise InputError(f"every is {self.every}, expected at least 1")
        if self.checkpoint is None and self.resume is None:
            if self.every is not None:
                raise InputError(f"every is {self.every}, expected --checkpoint DIR with it")
            return None
        state, source = None, None
        if self.resume is not None:
            state = checkpoints.resume(self.resume, settings, KINDS)
            source = self.resume if self.resume.is_dir() else self.resume.parent
        folder = self.checkpoint or source
        assert folder is not None
        if source is None or os.path.realpath(folder) != os.path.realpath(source):
            checkpoints.check_unused(folder)
        return checkpoints.Checkpoints(folder, settings, self.every or epoch, state)
