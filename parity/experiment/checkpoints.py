"""Checkpoints: what a run has come to, written to a folder as it goes, for another to go on from.

One file for each, safetensors with a checksum: the arrays as they are, and all else (settings,
position, figures so far) as JSON, which is kept as an array of bytes. No pickle.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, fields, is_dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, get_origin

import numpy as np
import torch
from numpy import ndarray

from parity.datasets import Dataset
from parity.errors import InputError
from parity.experiment import tensorfile
from parity.experiment.prepare import Experiment
from parity.experiment.settings import Settings
from parity.system import files

__all__ = [
    "Checkpoints",
    "Part",
    "check_unused",
    "decode",
    "encode",
    "resume",
    "settings_of",
    "sweep_settings",
]

LAYOUT = 1  # of what a checkpoint holds: another number is another version's
PATTERN = "step-*.safetensors"
MAX_BYTES = 16 << 30

# Dicts with keys of str, lists, tuples, arrays, numbers, strings, and dataclasses of these.
State = Any
Same = Mapping[str, Any]  # what must be the same for a run to go on to the same bits


class Checkpoints:
    """The checkpoints of one run: the newest in `folder`, and the one before it.

    Parameters
    ----------
    folder
        Made if it is not there.
    settings
        Written with each, and compared by `resume`.
    every
        Steps from one to the next.
    state
        What the run goes on from; None for one that begins.
    """

    def __init__(
        self, folder: Path, settings: Same, every: int, state: State | None = None
    ) -> None:
        self.folder, self.settings, self.every, self.state = folder, settings, every, state
        self.error: InputError | None = None  # why the last one could not be written
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"checkpoint: cannot write to {folder}: {error.strerror}") from error
        files.check_writable(self.path(0), "checkpoint")

    def after(self, step: int, ends: bool, state: Callable[[], State]) -> None:
        """Write the state if one is due after `step`, or if the run `ends` there.

        A disk that is full costs the checkpoint, not the run: see `error`.
        """
        if ends or step % self.every == 0:
            self.write(step, state())

    def write(self, step: int, state: State) -> None:
        """Write the state after `step`, and remove what is older than the one before."""
        content = encode(state, {"settings": self.settings, "step": step})
        try:
            files.write(self.path(step), content, "checkpoint")
        except InputError as error:
            self.error = error
            return
        self.error = None
        older = [path for path in in_order(self.folder) if path < self.path(step)]
        for path in older[:-1]:
            path.unlink(missing_ok=True)

    def path(self, step: int) -> Path:
        """The file of the checkpoint after `step`; in the order of the names, as of the steps."""
        return self.folder / PATTERN.replace("*", f"{step:012d}")


class Part(Checkpoints):
    """Those of one part of a run, after the parts that are `done`, which took `before` steps."""

    def __init__(self, whole: Checkpoints, done: Sequence[Any], before: int, every: int) -> None:
        self.whole, self.done, self.before, self.every = whole, done, before, every
        state = whole.state or {"done": None, "part": None}
        self.state = state["part"] if state["done"] == list(done) else None

    def write(self, step: int, state: State) -> None:
        """Write the state after `step` of this part, with what the others came to."""
        self.whole.write(self.before + step, {"done": self.done, "part": state})


def check_unused(folder: Path) -> None:
    """Raise InputError for a folder with another run's checkpoints, which a new run would remove.

    Those of a run that goes on are its own.
    """
    if there := in_order(folder):
        raise InputError(
            f"checkpoint: {there[-1]} is there already; --resume {folder} goes on from it, and a "
            "new run needs another folder"
        )


def resume(path: Path, settings: Same, kinds: Iterable[type]) -> State:
    """The state in the newest checkpoint of the folder `path`, or in that file.

    Parameters
    ----------
    path
        The folder, or one file of it.
    settings
        What the checkpoint must have been made with.
    kinds
        The dataclasses that the state may hold.

    Raises
    ------
    InputError
        If there is none, or it is damaged, another version's or made with other settings; the
        message names the one before it, if that one is whole.
    """
    checkpoints = in_order(path) if path.is_dir() else [path]
    if not checkpoints:
        raise InputError(f"resume: got {path}, expected a folder with a checkpoint, {PATTERN}")
    newest = checkpoints[-1]
    try:
        return read(newest, settings, kinds)
    except InputError as error:
        for other in reversed(in_order(newest.parent)):
            if other < newest and is_whole(other, settings, kinds):
                raise InputError(
                    f"{error}; the one before it is whole: --resume {other}"
                ) from error
        raise


def is_whole(path: Path, settings: Same, kinds: Iterable[type]) -> bool:
    """Whether a run with these settings can go on from the checkpoint."""
    try:
        read(path, settings, kinds)
    except InputError:
        return False
    return True


def read(path: Path, settings: Same, kinds: Iterable[type]) -> State:
    """The state in one checkpoint; raises InputError as `resume` does."""
    try:
        state, about = decode(files.read(path, MAX_BYTES, "resume"), kinds)
    except tensorfile.DamagedError as error:
        raise InputError(f"resume: {path} {error}") from error
    theirs, ours = about["settings"], json.loads(json.dumps(settings))
    differing = [name for name in {**theirs, **ours} if theirs.get(name) != ours.get(name)]
    if differing:
        made, has = (
            ", ".join(f"{name} {values.get(name)}" for name in differing)
            for values in (theirs, ours)
        )
        raise InputError(f"resume: {path} was made with {made}; this run has {has}")
    return state


def settings_of(experiment: Experiment, **others: Any) -> dict[str, Any]:
    """What must be the same for a run of the experiment to go on to the same bits."""
    words = ("title", "published", "on_digits")
    recipe = {name: value for name, value in asdict(experiment.recipe).items() if name not in words}
    settings, splits = experiment.settings, experiment.splits
    return {
        **recipe,
        "data": settings.data,
        "dtype": settings.dtype,
        "seed": settings.seed,
        "device": settings.device,
        **{f"{name} images": len(split) for name, split in splits.items()},
        "labels": digest([split.labels for split in splits.values()]),
        "initial weights": digest(experiment.initial.values()),
        **versions(),
        **others,
    }


def sweep_settings(
    recipe: str, settings: Settings, cells: Sequence[Mapping[str, Any]], dataset: Dataset
) -> dict[str, Any]:
    """What must be the same for a sweep over the cells to go on to the same bits."""
    chosen = {name: value for name, value in asdict(settings).items() if name != "data_root"}
    labels = digest([dataset.train.labels, dataset.test.labels])
    return {"command": "sweep", "recipe": recipe, "cells": list(cells), **chosen} | {
        "labels": labels,
        **versions(),
    }


def versions() -> dict[str, str]:
    """Of what computes: another may round otherwise."""
    return {"numpy": np.__version__, "torch": torch.__version__}


def digest(arrays: Iterable[ndarray]) -> str:
    """The first digits of the SHA-256 of all bytes."""
    total = sha256()
    for array in arrays:
        total.update(np.asarray(array, order="C").data)
    return total.hexdigest()[:12]


def in_order(folder: Path) -> list[Path]:
    """The checkpoints in a folder, the newest last."""
    return sorted(folder.glob(PATTERN))


def encode(state: State, about: Mapping[str, Any]) -> bytes:
    """`state` as a file, exact to the bit, and `about` beside it."""
    arrays: dict[str, ndarray] = {}

    def special(value: Any) -> Any:
        if isinstance(value, ndarray):
            name = f"array {len(arrays)}"
            arrays[name] = value
            return {"array": name}
        if isinstance(value, np.generic):
            return value.item()
        if is_dataclass(value):
            values = {name: keyed(item) for name, item in vars(value).items()}
            return {"kind": type(value).__name__, "fields": values}
        raise TypeError(f"a checkpoint cannot hold a {type(value).__name__}")

    text = json.dumps({"about": about, "state": state}, default=special)
    arrays["json"] = np.frombuffer(text.encode(), np.uint8)
    return tensorfile.pack(arrays, {"layout": str(LAYOUT)})


def keyed(value: Any) -> Any:
    """What JSON can hold of a dict whose keys are tuples; anything else as it is."""
    if isinstance(value, dict) and any(isinstance(key, tuple) for key in value):
        return {"pairs": list(value.items())}
    return value


def decode(content: bytes, kinds: Iterable[type]) -> tuple[State, dict[str, Any]]:
    """The state and what was said about it; DamagedError for what `encode` did not write."""
    arrays, metadata = tensorfile.unpack(content)
    layout = metadata.get("layout")
    if layout != str(LAYOUT):
        raise tensorfile.DamagedError(
            f"is of layout {layout}, which another version wrote; expected layout {LAYOUT}"
            if layout
            else "is no checkpoint"
        )
    by_name = {kind.__name__: kind for kind in kinds}

    def special(value: dict[str, Any]) -> Any:
        if value.keys() == {"array"}:
            return arrays[value["array"]]
        if value.keys() == {"kind", "fields"}:
            return build(by_name[value["kind"]], value["fields"])
        if value.keys() == {"pairs"}:
            return {tuple(key): item for key, item in value["pairs"]}
        return value

    whole = json.loads(arrays["json"].tobytes(), object_hook=special)
    return whole["state"], whole["about"]


def build(kind: Any, values: dict[str, Any]) -> Any:
    """The dataclass with these values; JSON has lists for tuples."""
    for field in fields(kind):
        if get_origin(field.type) is tuple and isinstance(values.get(field.name), list):
            values[field.name] = tuple(values[field.name])
    return kind(**{f.name: values[f.name] for f in fields(kind) if f.init})
