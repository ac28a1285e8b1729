"""A divergence in a file: the step that first went wrong, to be looked at or run again."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy import ndarray

from parity.backends import Backend, Batch, Moments, State, TorchProgram, TrainingStep, make_backend
from parity.comparison.steps import Divergence, Key
from parity.errors import InputError
from parity.recipes import Recipe
from parity.system import files

__all__ = ["Reproduction", "load", "load_step", "save", "snippet", "tensors_of"]

Both = tuple[Mapping[Key, ndarray], Mapping[Key, ndarray]]


@dataclass(frozen=True)
class Reproduction:
    """One training step: the state before it, its batch, and what both programs computed."""

    dtype: str
    step: int  # counts from 1
    batch: Batch
    weights: State  # NumPy's, in PyTorch's layout
    moments: Moments
    snapshot: Any = None  # of the PyTorch program, while it is there
    tensors: Mapping[str, Mapping[Key, ndarray]] | None = None  # of "numpy" and "torch"
    recipe: Recipe | None = None  # whose batch is (images, labels)


def tensors_of(
    backend: Backend, step: TrainingStep, order: TorchProgram | None = None
) -> dict[Key, ndarray]:
    """All tensors of a step in the order of computation: the backward runs from the last layer.

    Of a user's program `order` knows when its modules were called.
    """
    gradients = [
        *((f"{name}.output", gradient) for name, gradient in step.layer_gradients.items()),
        *reversed(backend.gradients().items()),
    ]
    if order is not None:
        gradients.sort(key=lambda item: order.turn(item[0]), reverse=True)
    return {
        **{("forward", f"{name}.output"): array for name, array in step.layers.items()},
        **{("forward", name): array for name, array in step.output.items()},
        ("loss", "loss"): np.asarray(step.loss, backend.dtype),
        **{("backward", name): gradient for name, gradient in gradients},
        **{("step", name): weight for name, weight in backend.weights().items()},
    }


def save(reproduction: Reproduction, path: Path) -> None:
    """Write the reproduction as an .npz file, which `load` reads; whole or not at all.

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    arrays: dict[str, Any] = {f"weights/{name}": a for name, a in reproduction.weights.items()}
    for name, moments in reproduction.moments.items():
        arrays |= {f"moments/{name}/{index}": array for index, array in enumerate(moments)}
    items = (
        reproduction.batch.items()
        if isinstance(reproduction.batch, Mapping)
        else enumerate(as_tuple(reproduction))
    )
    arrays |= {f"batch/{name}": array for name, array in items}
    for backend, tensors in (reproduction.tensors or {}).items():
        for (phase, name), array in tensors.items():
            arrays[f"{backend}/{phase}/{name}"] = array
    recipe = reproduction.recipe and {
        k: v for k, v in asdict(reproduction.recipe).items() if k != "published"
    }
    header = json.dumps({"recipe": recipe, "dtype": reproduction.dtype, "step": reproduction.step})
    content = BytesIO()
    np.savez(content, header=header, **arrays)
    files.write(path, content.getvalue(), "report")


def as_tuple(reproduction: Reproduction) -> tuple[Any, ...]:
    """The batch as a tuple."""
    return (
        tuple(reproduction.batch)
        if isinstance(reproduction.batch, tuple | list)
        else (reproduction.batch,)
    )


def group(file: Any, name: str) -> dict[str, ndarray]:
    """The arrays of the file under name/, in their order."""
    start = f"{name}/"
    return {key.removeprefix(start): file[key] for key in file.files if key.startswith(start)}


def load(path: str | Path) -> Both:
    """NumPy's tensors and PyTorch's at the step in the file.

    A recipe's step is run once more on both backends; of a user's own pair the file has the tensors
    as they were. Keys are (phase, tensor), such as ("backward", "fc1.weight").
    """
    with np.load(path) as file:
        header = json.loads(str(file["header"]))
        if header["recipe"] is not None:
            return run_recipe(header, file)
        numpy, torch = (group(file, name) for name in ("numpy", "torch"))
    return tuple(map(by_key, (numpy, torch)))  # type: ignore[return-value]


def by_key(tensors: Mapping[str, ndarray]) -> dict[Key, ndarray]:
    """The tensors of a file by (phase, name)."""
    split = {name: name.partition("/") for name in tensors}
    return {(phase, name): tensors[whole] for whole, (phase, _, name) in split.items()}


def load_step(path: str | Path) -> tuple[State, tuple[ndarray, ...] | dict[str, ndarray]]:
    """The weights before the step in the file, in PyTorch's layout, and its batch.

    Raises
    ------
    InputError
        If there is no such file.
    """
    if not Path(path).is_file():
        raise InputError(f"replay: got {path}, expected a file that is there")
    with np.load(path) as file:
        weights, batch = group(file, "weights"), group(file, "batch")
    return weights, tuple(batch.values()) if all(name.isdigit() for name in batch) else batch


def run_recipe(header: Mapping[str, Any], file: Any) -> Both:
    """Run the step of a recipe again."""
    recipe, dtype, step = Recipe(**header["recipe"]), header["dtype"], header["step"]
    images, labels = group(file, "batch").values()
    moments: Moments = {}
    for name, array in group(file, "moments").items():  # in the order of the parameters
        moments.setdefault(name.split("/")[0], []).append(array)
    both = []
    for impl in ("numpy", "torch"):
        backend = make_backend(impl, recipe, dtype, seed=0, device="cpu")
        backend.load(group(file, "weights"))
        if moments:
            backend.load_moments(moments, step - 1)
        (computed,) = backend.steps(images, labels, [np.arange(len(images))])
        both.append(tensors_of(backend, computed))
    return both[0], both[1]


def snippet(divergence: Divergence, path: Path) -> str:
    """Python lines that show both backends' values at the divergence."""
    key = f"{divergence.phase!r}, {divergence.tensor!r}"
    index = ", ".join(map(str, divergence.index)) or "()"
    return (
        "from parity.reproduce import load\n"
        f"numpy, torch = load({str(path)!r})\n"
        f"print(numpy[{key}][{index}], torch[{key}][{index}])"
    )
