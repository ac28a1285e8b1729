"""A divergence in a file: the step that first went wrong, to be run again in three lines."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy import ndarray

from parity.backends import Backend, Moments, State, TrainingStep, make_backend
from parity.comparison.steps import Divergence, Key
from parity.recipes import Recipe
from parity.system import files

__all__ = ["Case", "load", "save", "snippet", "tensors_of"]


@dataclass(frozen=True)
class Case:
    """One training step: the state before it and its batch."""

    recipe: Recipe
    dtype: str
    step: int  # counts from 1
    images: ndarray  # (N, 784)
    labels: ndarray  # (N,)
    weights: State
    moments: Moments


def tensors_of(side: Backend, step: TrainingStep) -> dict[Key, ndarray]:
    """All tensors of a step in the order of computation: the backward runs from the last layer."""
    gradients = reversed(side.gradients().items())
    return {
        ("forward", "logits"): step.logits,
        ("loss", "loss"): np.asarray(step.loss, side.dtype),
        **{("backward", name): gradient for name, gradient in gradients},
        **{("step", name): weight for name, weight in side.weights().items()},
    }


def save(case: Case, path: Path) -> None:
    """Write the case as an .npz file, which `load` reads; whole or not at all.

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    recipe = asdict(case.recipe)
    del recipe["published"]
    header = json.dumps({"recipe": recipe, "dtype": case.dtype, "step": case.step})
    arrays: dict[str, Any] = {f"weights/{name}": a for name, a in case.weights.items()}
    for name, moments in case.moments.items():
        arrays |= {f"moments/{name}/{index}": array for index, array in enumerate(moments)}
    content = BytesIO()
    np.savez(content, header=header, images=case.images, labels=case.labels, **arrays)
    files.write(path, content.getvalue(), "report")


def load(path: str | Path) -> tuple[Mapping[Key, ndarray], Mapping[Key, ndarray]]:
    """Run the step in the file once more on both sides; returns NumPy's tensors and PyTorch's.

    Keys are (phase, tensor), such as ("backward", "fc1.weight").
    """
    with np.load(path) as file:
        header = json.loads(str(file["header"]))
        images, labels = file["images"], file["labels"]
        weights = {n.split("/", 1)[1]: file[n] for n in file.files if n.startswith("weights/")}
        moments: Moments = {}
        for name in file.files:  # in the order of the parameters
            if name.startswith("moments/"):
                moments.setdefault(name.split("/")[1], []).append(file[name])
    recipe, dtype, step = Recipe(**header["recipe"]), header["dtype"], header["step"]
    both = []
    for impl in ("numpy", "torch"):
        side = make_backend(impl, recipe, dtype, seed=0, device="cpu")
        side.load(weights)
        if moments:
            side.load_moments(moments, step - 1)
        (outcome,) = side.steps(images, labels, [np.arange(len(images))])
        both.append(tensors_of(side, outcome))
    return both[0], both[1]


def snippet(divergence: Divergence, path: Path) -> str:
    """Python lines that show both sides' values at the divergence."""
    key = f"{divergence.phase!r}, {divergence.tensor!r}"
    index = ", ".join(map(str, divergence.index)) or "()"
    return (
        "from parity.reproduce import load\n"
        f"numpy, torch = load({str(path)!r})\n"
        f"print(numpy[{key}][{index}], torch[{key}][{index}])"
    )
