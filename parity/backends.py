"""One face for both implementations: the same verbs, NumPy arrays in and NumPy arrays out.

The only file that knows how each implementation builds, trains and shows a model.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy import ndarray

import numpy_impl.models
import numpy_impl.nn
import numpy_impl.optim
import numpy_impl.training
import torch_impl.models
import torch_impl.nn
import torch_impl.optim
import torch_impl.training
from parity.recipes import Recipe

__all__ = [
    "IN_FEATURES",
    "NUM_CLASSES",
    "NumpyBackend",
    "TrainingStep",
    "Backend",
    "TorchBackend",
    "make_backend",
]

IN_FEATURES = 784
NUM_CLASSES = 10

State = dict[str, ndarray]
Moments = dict[str, list[ndarray]]

# PyTorch's name of what an optimizer keeps, and numpy_impl's of the list of them: Adam's, SGD's.
MOMENTS = {"exp_avg": "exp_avgs", "exp_avg_sq": "exp_avg_sqs", "momentum_buffer": "velocities"}


class TrainingStep(NamedTuple):
    """What one training step computed, as NumPy arrays; gradients and weights are on the side."""

    number: int
    logits: ndarray
    loss: float


class Backend(ABC):
    """A model with its optimizer, in one implementation and one dtype."""

    name: str
    dtype: str
    training: Any  # the implementation's module of that name
    model: Any

    @abstractmethod
    def weights(self) -> State:
        """The parameters by name; views where the implementation allows, so only to be read."""

    @abstractmethod
    def gradients(self) -> State:
        """The gradients by name, as the last step left them; views too."""

    @abstractmethod
    def load(self, weights: Mapping[str, ndarray]) -> None:
        """Copy `weights` into the model."""

    @abstractmethod
    def moments(self) -> Moments:
        """What the optimizer keeps by PyTorch's name: as long as the parameters, or still empty."""

    @abstractmethod
    def load_moments(self, moments: Moments, steps: int) -> None:
        """Copy `moments` into the optimizer, as if it had taken `steps` steps."""

    @abstractmethod
    def steps(
        self, images: ndarray, labels: ndarray, batches: Iterable[ndarray], first: int = 1
    ) -> Iterator[TrainingStep]:
        """Train one step on each batch, and yield after each; the `first` has that number."""

    @abstractmethod
    def predict(self, images: ndarray) -> ndarray:
        """The logits (N, C) of `images`."""

    def evaluate(self, images: ndarray, labels: ndarray) -> tuple[float, float]:
        """(loss, accuracy), exact means over the examples."""
        return self.training.evaluate(self.model, images, labels)


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


class NumpyBackend(Backend):
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

    def steps(
        self, images: ndarray, labels: ndarray, batches: Iterable[ndarray], first: int = 1
    ) -> Iterator[TrainingStep]:
        data = images, labels, batches, first
        for step in numpy_impl.training.steps(self.model, self.optimizer, *data):
            yield TrainingStep(*step)

    def predict(self, images: ndarray) -> ndarray:
        return numpy_impl.training.predict(self.model, images)


class TorchBackend(Backend):
    """`torch_impl` behind the verbs of `Backend`."""

    name = "torch"
    training = torch_impl.training

    def __init__(self, recipe: Recipe, dtype: str, seed: int, device: str = "cpu") -> None:
        self.dtype = dtype
        model_class = getattr(torch_impl.models, recipe.model)
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self.model = model_class(
                *model_arguments(recipe), device=device, dtype=getattr(torch, dtype)
            )
        activate(self.model, torch_impl.nn, recipe)
        optimizer_class = getattr(torch_impl.optim, recipe.optimizer)
        self.optimizer = optimizer_class(  # fused: one kernel for the whole step
            self.model.parameters(), fused=True, **options(recipe)
        )

    def weights(self) -> State:
        return {name: to_numpy(parameter) for name, parameter in self.model.named_parameters()}

    def gradients(self) -> State:
        return {name: to_numpy(parameter.grad) for name, parameter in self.model.named_parameters()}

    def load(self, weights: Mapping[str, ndarray]) -> None:
        self.model.load_state_dict(
            {name: torch.from_numpy(array.copy()) for name, array in weights.items()}
        )

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

    def steps(
        self, images: ndarray, labels: ndarray, batches: Iterable[ndarray], first: int = 1
    ) -> Iterator[TrainingStep]:
        data = images, labels, batches, first
        for step in torch_impl.training.steps(self.model, self.optimizer, *data):
            yield TrainingStep(step.number, to_numpy(step.logits), step.loss)

    def predict(self, images: ndarray) -> ndarray:
        return to_numpy(torch_impl.training.predict(self.model, images))


def make_backend(impl: str, recipe: Recipe, dtype: str, seed: int, device: str) -> Backend:
    """The side named "numpy" or "torch"; the device is PyTorch's alone."""
    if impl == "numpy":
        return NumpyBackend(recipe, dtype, seed)
    return TorchBackend(recipe, dtype, seed, device)


def to_numpy(tensor: torch.Tensor) -> ndarray:
    """The tensor as a NumPy array; a view where it lies on the CPU."""
    return tensor.detach().cpu().numpy()
