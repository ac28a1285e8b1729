"""A PyTorch program of the user's own: a module with its loss and its optimizer."""

import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import nullcontext
from copy import deepcopy
from functools import cached_property
from itertools import count
from typing import Any

import numpy as np
import torch
from numpy import ndarray
from torch import Tensor, nn
from torch.nn import functional as F

from parity.backends.base import (
    Backend,
    Batch,
    Moments,
    State,
    TrainingStep,
    call_with,
    cast_batch,
    map_arrays,
    named_arrays,
)
from parity.errors import InputError

__all__ = ["TorchProgram", "as_numpy", "to_numpy"]


class TorchProgram(Backend):
    """A PyTorch module, and how it is trained one step.

    Parameters
    ----------
    model
        The module.
    loss
        `loss(output, target)`, a module or a function; the target is the last item of a batch, and
        the items before it are the model's inputs.
    optimizer
        Of the model's parameters.
    scheduler
        A learning-rate scheduler of the optimizer, called after it. A step of your own calls
        `program.scheduler.step()` itself.
    step
        A training step of the user's own in place of `loss`: `step(program, *batch)` trains
        `program.model` with `program.optimizer` and returns the loss, or `(output, loss)`. It has
        to use the program that it is given, for the step is taken by copies of the model, too.

    Raises
    ------
    InputError
        If the model is no module, the optimizer is missing, or not exactly one of loss and step is
        given.

    Examples
    --------
    A step of one's own, with gradient clipping:

    >>> import parity
    >>> import torch
    >>> def step(program, x, t):
    ...     loss = torch.nn.functional.mse_loss(program.model(x), t)
    ...     program.optimizer.zero_grad()
    ...     loss.backward()
    ...     torch.nn.utils.clip_grad_norm_(program.model.parameters(), 1.0)
    ...     program.optimizer.step()
    ...     return loss
    >>> net = torch.nn.Linear(3, 1)
    >>> sgd = torch.optim.SGD(net.parameters(), lr=0.1)
    >>> program = parity.TorchProgram(net, optimizer=sgd, step=step)
    """

    name = "torch"

    def __init__(
        self,
        model: nn.Module,
        loss: Callable[..., Tensor] | None = None,
        optimizer: torch.optim.Optimizer | None = None,
        *,
        scheduler: Any = None,
        step: Callable[..., Any] | None = None,
    ) -> None:
        if not isinstance(model, nn.Module):
            raise InputError(f"model is a {type(model).__name__}, expected a torch.nn.Module")
        if (loss is None) == (step is None):
            raise InputError("TorchProgram: expected either a loss or a step of your own")
        if optimizer is None:
            raise InputError("optimizer is missing, expected one of torch.optim")
        self.model, self.loss, self.optimizer = model, loss, optimizer
        self.scheduler, self.step = scheduler, step
        first = next(iter(model.parameters()))
        self.dtype, self.device = str(first.dtype).removeprefix("torch."), first.device
        self.is_copy = False
        self.watched: dict[str, list[tuple[Tensor, list[Tensor]]]] = {}
        self.names: list[str] = []  # of the watched modules
        self.handles: list[Any] = []  # of our hooks that watch
        self.noting: list[Any] = []  # and of those that note the order of the modules, once
        self.views: dict[str, tuple[int, ndarray]] = {}  # weights: their addresses, as arrays
        self.began: dict[str, int] = {}  # when each module was first called, and gave its output
        self.ended: dict[str, int] = {}
        self.turns: dict[str, int] = {}  # the same by tensor, once it was asked for

    def copy(self, dtype: str) -> "TorchProgram":
        """Another program in the same state, which shares nothing with this one."""
        parts = self.model, self.loss, self.optimizer, self.scheduler
        other = object.__new__(type(self))
        other.__dict__.update(self.__dict__)
        for cached in ("parameters", "buffers"):
            other.__dict__.pop(cached, None)
        memo: dict[int, Any] = {}
        other.model, other.loss, other.optimizer, other.scheduler = deepcopy(parts, memo)
        # An optimizer's copy lacks its own attributes. A scheduler puts a method of this one there.
        for name, value in vars(self.optimizer).items():
            if name not in vars(other.optimizer) and not callable(value):
                setattr(other.optimizer, name, deepcopy(value, memo))
        other.is_copy, other.watched, other.handles, other.noting = True, {}, [], []
        other.views = {}
        for module in other.model.modules():
            for handle in self.handles + self.noting:  # a copied hook would write into this program
                module._forward_hooks.pop(handle.id, None)
                module._forward_pre_hooks.pop(handle.id, None)
        other.watch(self.names)
        kind = getattr(torch, dtype)
        other.model.to(kind)
        if isinstance(other.loss, nn.Module):
            other.loss.to(kind)
        for state in other.optimizer.state.values():
            for name, value in state.items():
                if isinstance(value, Tensor) and value.is_floating_point() and name != "step":
                    state[name] = value.to(kind)
        other.dtype = dtype
        return other

    @property
    def output_name(self) -> str:
        """The output is called logits where the loss says that it is."""
        cross_entropy = isinstance(self.loss, nn.CrossEntropyLoss) or self.loss is F.cross_entropy
        return "logits" if cross_entropy else "output"

    @cached_property
    def parameters(self) -> dict[str, nn.Parameter]:
        """The parameters by name; of tied ones the first name."""
        return dict(self.model.named_parameters())

    @cached_property
    def buffers(self) -> dict[str, Tensor]:
        """The buffers that hold floats, such as running means."""
        return {name: it for name, it in self.model.named_buffers() if it.is_floating_point()}

    def named_tensors(self) -> dict[str, Tensor]:
        """The parameters, then the buffers."""
        return {**self.parameters, **self.buffers}

    def frozen(self) -> set[str]:
        """The names of the parameters that need no gradient."""
        return {name for name, it in self.parameters.items() if not it.requires_grad}

    def weights(self) -> State:
        return {name: self.view(name, tensor) for name, tensor in self.named_tensors().items()}

    def view(self, name: str, tensor: Tensor) -> ndarray:
        """The tensor as an array; on the CPU the same as before while it lies where it did."""
        if tensor.device.type != "cpu":
            return to_numpy(tensor)
        address, array = self.views.get(name, (0, None))
        if array is None or address != tensor.data_ptr():
            address, array = tensor.data_ptr(), to_numpy(tensor)
            self.views[name] = address, array
        return array

    def gradients(self) -> State:
        return {
            name: to_numpy(parameter.grad)
            for name, parameter in self.parameters.items()
            if parameter.grad is not None and parameter.requires_grad
        }

    @torch.no_grad()
    def load(self, weights: Mapping[str, ndarray]) -> None:
        tensors = self.named_tensors()
        for name, array in weights.items():
            tensors[name].copy_(torch.tensor(np.ascontiguousarray(array)).reshape(array.shape))

    def moments(self) -> Moments:
        return {
            name: [to_numpy(state[name]) for state in self.states()]
            for name in (self.states() or [{}])[0]
        }

    @torch.no_grad()
    def load_moments(self, moments: Moments, steps: int) -> None:
        for name, arrays in moments.items():
            for state, array in zip(self.states(), arrays, strict=True):
                state[name].copy_(torch.tensor(array))

    def states(self) -> list[dict[str, Tensor]]:
        """What the optimizer keeps of each parameter, as long as it; nothing if it is not alike."""
        kept = [
            {
                name: value
                for name, value in self.optimizer.state.get(parameter, {}).items()
                if isinstance(value, Tensor) and value.shape == parameter.shape and name != "step"
            }
            for parameter in self.parameters.values()
            if parameter.requires_grad
        ]
        return kept if len({tuple(state) for state in kept}) == 1 else []

    def snapshot(self) -> Any:
        """The state of optimizer and scheduler, and the buffers, to be given back to `restore`."""
        return (
            copied(self.optimizer.state_dict()),
            self.scheduler and deepcopy(self.scheduler.state_dict()),
            {name: buffer.detach().clone() for name, buffer in self.model.named_buffers()},
        )

    def restore(self, snapshot: Any) -> None:
        """Go back to the state of a snapshot; the parameters are loaded apart."""
        optimizer, scheduler, buffers = snapshot
        self.optimizer.load_state_dict(copied(optimizer))  # what is loaded is trained in place
        if scheduler is not None:
            self.scheduler.load_state_dict(deepcopy(scheduler))
        with torch.no_grad():
            for name, buffer in self.model.named_buffers():  # integers, too: they may count steps
                buffer.copy_(buffers[name])

    def watch(self, names: Iterable[str]) -> None:
        """Keep the outputs of these modules, and the gradients of these, from now on."""
        modules = dict(self.model.named_modules())
        self.names = list(names)
        for name in self.names:
            if name not in modules:
                raise InputError(
                    f"layers: {name!r} is no module of the PyTorch program: "
                    f"{', '.join(filter(None, modules))}"
                )
            self.handles.append(modules[name].register_forward_hook(self.keep(name)))

    def keep(self, name: str) -> Callable[..., None]:
        """A hook that keeps the output and, once it is there, the gradient of it."""

        def hook(_module: nn.Module, _inputs: Any, output: Any) -> None:
            if isinstance(output, Tensor) and output.requires_grad:
                gradients: list[Tensor] = []
                output.register_hook(gradients.append)
                self.watched.setdefault(name, []).append((output, gradients))

        return hook

    def note_order(self) -> None:
        """Note in which order the modules are called for the first time, in the next step."""
        clock = count()

        def noted(name: str, times: dict[str, int]) -> Callable[..., None]:
            def hook(*_: Any) -> None:
                times.setdefault(name, next(clock))

            return hook

        for name, module in self.model.named_modules():
            self.noting += [
                module.register_forward_pre_hook(noted(name, self.began)),
                module.register_forward_hook(noted(name, self.ended)),
            ]

    def turn(self, tensor: str) -> int:
        """When a module gave its output, or was called with its parameters; 0 if it never was."""
        if tensor not in self.turns:
            module, _, last = tensor.rpartition(".")
            times = self.ended if last == "output" else self.began
            self.turns[tensor] = times.get(module, 0)
        return self.turns[tensor]

    def run(self, batches: Iterable[Batch], first: int = 1) -> Iterator[TrainingStep]:
        self.model.train()
        for number, batch in enumerate(batches, start=first):
            self.watched.clear()
            output, loss = self.one_step(self.as_tensors(batch))
            while self.noting:
                self.noting.pop().remove()
            yield TrainingStep(
                number,
                named_arrays(self.output_name, as_numpy(output)),
                loss.item() if isinstance(loss, Tensor) else float(loss),
                *self.seen(),
            )

    def seen(self) -> tuple[State, State, set[str]]:
        """The watched modules' outputs, the gradients of these, and who was called repeatedly."""
        outputs, gradients = {}, {}
        for name, calls in self.watched.items():
            outputs[name] = stacked([output for output, _ in calls])
            if all(grads for _, grads in calls):
                gradients[name] = stacked([grad for _, grads in calls for grad in grads])
        return outputs, gradients, {name for name, calls in self.watched.items() if len(calls) > 1}

    def one_step(self, batch: Batch) -> tuple[Any, Any]:
        """Train one step; the output, None if the user's own step does not say, and the loss."""
        copied = self.is_copy and self.scheduler is not None
        first = copied and getattr(self.scheduler, "last_epoch", 0) <= 0
        with warnings.catch_warnings() if first else nullcontext():
            if first:  # the scheduler warns of having been copied
                warnings.simplefilter("ignore")
            if self.step is not None:
                result = call_with(self.step, batch, self)
                return result if isinstance(result, tuple) else (None, result)
            if not isinstance(batch, tuple | list) or len(batch) < 2:
                raise InputError(
                    f"batch is a {type(batch).__name__}, expected (inputs, target); with a step of "
                    "your own, TorchProgram(model, optimizer=..., step=...), it can be anything"
                )
            assert self.loss is not None
            *inputs, target = batch
            self.optimizer.zero_grad()
            output = self.model(*inputs)
            loss = self.loss(output, target)
            loss.backward()
            self.optimizer.step()
            if isinstance(self.scheduler, torch.optim.lr_scheduler.ReduceLROnPlateau):
                self.scheduler.step(loss.item())
            elif self.scheduler is not None:
                self.scheduler.step()
            return output, loss

    @torch.no_grad()
    def evaluate_on(self, *inputs: Any) -> dict[str, ndarray]:
        """The output in evaluation."""
        self.model.eval()
        output = as_numpy(self.model(*self.as_tensors(inputs)))
        self.model.train()
        return named_arrays(self.output_name, output)

    def as_tensors(self, batch: Batch) -> Batch:
        """The batch as tensors of this program's dtype on its device; all integers as int64."""

        def tensor(array: ndarray) -> Tensor:
            wide = array.astype(np.int64) if array.dtype.kind in "iu" else array
            return torch.tensor(np.ascontiguousarray(wide).reshape(array.shape), device=self.device)

        return map_arrays(tensor, cast_batch(batch, self.dtype))


def copied(value: Any) -> Any:
    """A copy of tensors in dicts and lists; `deepcopy` takes ten times as long."""
    if isinstance(value, Tensor):
        return value.detach().clone()
    if isinstance(value, dict):
        return {key: copied(item) for key, item in value.items()}
    if isinstance(value, list):
        return [copied(item) for item in value]
    return value


def stacked(tensors: list[Tensor]) -> ndarray:
    """One call's array as it is; those of several calls on a new first axis."""
    arrays = [to_numpy(tensor) for tensor in tensors]
    return arrays[0] if len(arrays) == 1 else np.stack(arrays)


def as_numpy(value: Any) -> Any:
    """Tensors as arrays, in whatever structure they are."""
    if isinstance(value, Tensor):
        return to_numpy(value)
    if isinstance(value, Mapping):
        return {key: as_numpy(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [as_numpy(item) for item in value]
    return value


def to_numpy(tensor: Tensor) -> ndarray:
    """The tensor as a NumPy array; a view where it lies on the CPU."""
    return tensor.detach().cpu().numpy()
