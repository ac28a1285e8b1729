"""The recipes' models as programs to be compared.

The only file that knows how each implementation builds, trains and shows a model.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import torch
from numpy import ndarray

import numpy_impl.functional
import numpy_impl.models
import numpy_impl.nn
import numpy_impl.optim
import numpy_impl.training
import torch_impl.models
import torch_impl.nn
import torch_impl.optim
import torch_impl.training
from parity.backends.base import Backend, Moments, State, TrainingStep
from parity.backends.torch_program import TorchProgram, as_numpy, to_numpy
from parity.datasets.mnist import NUM_CLASSES
from parity.recipes import Recipe

__all__ = [
    "NumpyBackend",
    "RecipeBackend",
    "TorchBackend",
    "make_backend",
    "model_arguments",
]

IN_FEATURES = 784

Arrays = tuple[ndarray, ndarray]  # images (N, 784) and labels (N,)

# PyTorch's name of what an optimizer keeps, and numpy_impl's of the list of them: Adam's, SGD's.
MOMENTS = {"exp_avg": "exp_avgs", "exp_avg_sq": "exp_avg_sqs", "momentum_buffer": "velocities"}


class RecipeBackend(Backend):
    """A recipe's model with its optimizer, on either side."""

    training: Any  # the implementation's module of that name
    model: Any
    optimizer: Any
    take: Callable[[str, ndarray], Arrays]  # these training images in that dtype, copies

    def steps(
        self, images: ndarray, labels: ndarray, batches: Iterable[ndarray], first: int = 1
    ) -> Iterator[TrainingStep]:
        """Train one step on each batch of indices; the `first` step has that number."""
        for number, logits, loss in self.training.steps(
            self.model, self.optimizer, images, labels, batches, first
        ):
            yield TrainingStep(number, {"logits": as_numpy(logits)}, loss)

    def run(self, batches: Iterable[tuple[ndarray]], first: int = 1) -> Iterator[TrainingStep]:
        """Train on batches of indices of training images, of which one batch is in memory."""
        for number, (rows,) in enumerate(batches, start=first):
            yield from self.steps(*self.take(self.dtype, rows), [np.arange(len(rows))], number)

    def predict(self, images: ndarray) -> ndarray:
        """The logits (N, C) of `images`."""
        return as_numpy(self.training.predict(self.model, images))

    def evaluate(self, portions: Iterable[Arrays]) -> tuple[float, float]:
        """(loss, accuracy), exact means over the examples of all portions, as if they were one.

        To the bit, if all portions but the last are multiples of the batches of `predict`, 1,000.
        """
        found = [(self.predict(images), labels) for images, labels in portions]
        return self.figures(*map(np.concatenate, zip(*found, strict=True)))

    def figures(self, logits: ndarray, labels: ndarray) -> tuple[float, float]:
        """(loss, accuracy) of the logits (N, C)."""
        return self.cross_entropy(logits, labels), float((logits.argmax(1) == labels).mean())

    def cross_entropy(self, logits: ndarray, labels: ndarray) -> float:
        """The mean over the examples."""
        raise NotImplementedError


def model_arguments(recipe: Recipe) -> tuple[int, ...]:
    """The positional arguments of the recipe's model class, on either side."""
    return {
        "SoftmaxRegression": (IN_FEATURES, NUM_CLASSES),
        "FeedForward": (IN_FEATURES, recipe.hidden_features, NUM_CLASSES),
        "ConvNet": (NUM_CLASSES,),
    }[recipe.model]


def activate(model: Any, nn: Any, recipe: Recipe) -> None:
    """Give the hidden layer of a FeedForward the activation that the recipe asks for."""
    if recipe.model == "FeedForward" and recipe.activation == "relu":
        model.sigmoid = nn.ReLU()


def options(recipe: Recipe) -> dict[str, float]:
    """The keyword arguments of the recipe's optimizer class, on either side."""
    momentum = {"momentum": recipe.momentum} if recipe.optimizer == "SGD" else {}
    return {"lr": recipe.lr, "weight_decay": recipe.weight_decay, **momentum}


class NumpyBackend(RecipeBackend):
    """`numpy_impl` behind the verbs of `Backend`."""

    name = "numpy"
    training = numpy_impl.training

    def __init__(self, recipe: Recipe, dtype: str, seed: int) -> None:
        self.dtype = dtype
        model_class = getattr(numpy_impl.models, recipe.model)
        rng = np.random.default_rng(seed)
        self.model = model_class(*model_arguments(recipe), dtype=np.dtype(dtype), rng=rng)
        activate(self.model, numpy_impl.nn, recipe)
        optimizer_class = getattr(numpy_impl.optim, recipe.optimizer)
        self.optimizer = optimizer_class(self.model.parameters(), **options(recipe))

    def cross_entropy(self, logits: ndarray, labels: ndarray) -> float:
        return float(numpy_impl.functional.cross_entropy(logits, labels))

    def weights(self) -> State:
        return {name: parameter.data for name, parameter in self.model.named_parameters()}

    def gradients(self) -> State:
        return {name: parameter.grad for name, parameter in self.model.named_parameters()}

    def load(self, weights: Mapping[str, ndarray]) -> None:
        self.model.load_state_dict(weights)

    def moments(self) -> Moments:
        kept = {name: getattr(self.optimizer, mine, []) for name, mine in MOMENTS.items()}
        return {name: [a for a in arrays if a is not None] for name, arrays in kept.items()}

    def load_moments(self, moments: Moments, steps: int) -> None:
        for name, arrays in moments.items():
            for index, (array, like) in enumerate(
                zip(arrays, self.weights().values(), strict=False)
            ):
                kept = getattr(self.optimizer, MOMENTS[name])
                if kept[index] is None:
                    kept[index] = np.empty_like(like)
                kept[index][...] = array
        if hasattr(self.optimizer, "steps"):
            self.optimizer.steps = [steps] * len(self.optimizer.steps)


class TorchBackend(RecipeBackend, TorchProgram):
    """`torch_impl` behind the verbs of `Backend`."""

    name = "torch"
    training = torch_impl.training

    def __init__(self, recipe: Recipe, dtype: str, seed: int, device: str = "cpu") -> None:
        model_class = getattr(torch_impl.models, recipe.model)
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            model = model_class(
                *model_arguments(recipe), device=device, dtype=getattr(torch, dtype)
            )
        activate(model, torch_impl.nn, recipe)
        optimizer_class = getattr(torch_impl.optim, recipe.optimizer)
        optimizer = optimizer_class(  # fused: one kernel for the whole step
            model.parameters(), fused=True, **options(recipe)
        )
        super().__init__(model, torch_impl.nn.CrossEntropyLoss(), optimizer)

    def cross_entropy(self, logits: ndarray, labels: ndarray) -> float:
        input, target = (torch.from_numpy(array).to(self.device) for array in (logits, labels))
        return torch.nn.functional.cross_entropy(input, target).item()

    def moments(self) -> Moments:
        states = self.optimizer.state.values()
        return {
            name: [to_numpy(state[name]) for state in states if state.get(name) is not None]
            for name in MOMENTS
        }

    def load_moments(self, moments: Moments, steps: int) -> None:
        for name, arrays in moments.items():
            for parameter, array in zip(self.model.parameters(), arrays, strict=False):
                state = self.optimizer.state[parameter]
                # The fused optimizers walk through memory and take the strides for the parameter's.
                array = array.astype(self.dtype, order="C")
                state[name] = torch.from_numpy(array).to(parameter.device)
                state["step"] = torch.tensor(float(steps), device=parameter.device)


def make_backend(impl: str, recipe: Recipe, dtype: str, seed: int, device: str) -> RecipeBackend:
    """The backend named "numpy" or "torch"; the device is PyTorch's alone."""
    if impl == "numpy":
        return NumpyBackend(recipe, dtype, seed)
    return TorchBackend(recipe, dtype, seed, device)
