"""Two programs of the user's own, NumPy and PyTorch, compared step by step."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from copy import deepcopy
from fnmatch import fnmatchcase
from itertools import islice
from typing import Any, Literal

import numpy as np
from numpy import ndarray

from parity.backends import Batch, NumpyProgram, State, TorchProgram
from parity.backends.base import cast_batch, map_arrays, named_arrays
from parity.backends.matching import squares
from parity.backends.torch_program import as_numpy
from parity.comparison.location import locate_mistake
from parity.comparison.lockstep import MEASURED, Lockstep
from parity.comparison.order import Order
from parity.comparison.pair_result import PairResult
from parity.comparison.reproduce import load_step
from parity.comparison.steps import Divergence, StepReport, locate
from parity.errors import BadCaseError, InputError
from parity.tolerance import allowance, distance, scale_of
from parity.tolerance.table import HORIZON

__all__ = ["compare_programs"]


def compare_programs(
    numpy: NumpyProgram | tuple[Any, ...],
    torch: TorchProgram | tuple[Any, ...],
    batches: Iterable[Batch],
    *,
    names: Mapping[str, Any] | None = None,
    weights_from: Literal["torch", "numpy"] = "torch",
    constant: Iterable[str] = (),
    zero: Iterable[str] = (),
    batch_axis: int | None = 0,
    evaluate: Iterable[tuple[ndarray, ...]] = (),
    resync: bool = False,
    steps: int | None = None,
    replay: Any = None,
    seed: int = 0,
    on_step: Callable[[StepReport], None] | None = None,
) -> PairResult:
    """Train a NumPy program and a PyTorch program on the same batches and compare every tensor.

    At each step the output, the loss, every gradient, every weight and buffer, and the layers'
    outputs where both programs show them, are held against PyTorch in float64 by the rule of
    `parity.tolerance`. It stops at the first step that is wrong. The NumPy program is trained in
    place; of the PyTorch program copies are trained.

    Parameters
    ----------
    numpy
        A `NumpyProgram`, or the tuple `(step, parameters)` of its arguments. Its dtype, float32 or
        float64, is that of the comparison.
    torch
        A `TorchProgram`, or the tuple `(model, loss, optimizer)` of its arguments.
    batches
        What each step is given: tuples, lists or dicts of arrays, or one array; a DataLoader's
        tensors are taken, too. Float arrays are cast to the dtype; NumPy gets arrays, PyTorch the
        same numbers as tensors.
    names
        NumPy's name of each PyTorch tensor that is not found by name or shape: {"fc1.weight":
        "W1"}, with ("W1", "T") for one that is stored transposed, ("W1", (2, 3, 1, 0)) for axes,
        ("W1", "reshape") for the same numbers in another shape.
    weights_from
        Whose initial weights both begin with.
    constant
        Names, or patterns such as "bn*", of weights that both programs start with the same.
    zero
        Names or patterns of tensors that are meant to be zero, or whose gradient is.
    batch_axis
        The axis of the examples, along which batches are permuted to measure what rounding does;
        None if their order matters.
    evaluate
        Inputs on which the trained programs' outputs are compared: `NumpyProgram(predict=...)`
        against the module in `eval()` mode.
    resync
        Give every run PyTorch's weights after each step: each step is judged alone. What PyTorch's
        optimizer keeps goes to the other runs, too, and to NumPy if `NumpyProgram(state=...)` says
        where.
    steps
        At most so many of the batches.
    replay
        A file that `PairResult.save` wrote: run its step alone, from its weights. The optimizers
        start anew.
    seed
        Draws the order of permuted batches.
    on_step
        Called with the report of each step.

    Raises
    ------
    InputError
        For arguments that do not fit; both programs' arrays are listed with their shapes.
    BadCaseError
        If the comparison could not fail, and so proves nothing.

    Examples
    --------
    Linear regression by hand, five steps of it:

    >>> import numpy as np
    >>> import parity
    >>> import torch
    >>> params = {"weight": np.zeros((1, 3)), "bias": np.zeros(1)}
    >>> def step(x, t):
    ...     y = x @ params["weight"].T + params["bias"]
    ...     dy = 2 * (y - t) / y.size
    ...     grads = {"weight": dy.T @ x, "bias": dy.sum(axis=0)}
    ...     for name, grad in grads.items():
    ...         params[name] -= 0.1 * grad
    ...     return y, ((y - t) ** 2).mean(), grads
    >>> net = torch.nn.Linear(3, 1)
    >>> sgd = torch.optim.SGD(net.parameters(), lr=0.1)
    >>> rng = np.random.default_rng(0)
    >>> batches = [(rng.normal(size=(8, 3)), rng.normal(size=(8, 1))) for _ in range(5)]
    >>> result = parity.compare((step, params), (net, torch.nn.MSELoss(), sgd), batches)
    >>> print(result)
    parity holds: every tensor agrees to rounding at all 5 steps, float64.
    >>> result.assert_parity()
    """
    if weights_from not in ("torch", "numpy"):
        raise InputError(f"weights_from is {weights_from!r}, expected 'torch' or 'numpy'")
    numpy = numpy if isinstance(numpy, NumpyProgram) else NumpyProgram(*given("numpy", numpy, 2))
    torch = torch if isinstance(torch, TorchProgram) else TorchProgram(*given("torch", torch, 3))
    initial = None
    if replay is not None:
        initial, batch = load_step(replay)
        batches = [batch]
    batches = [cast_batch(as_numpy(batch), numpy.dtype) for batch in islice(batches, steps)]
    if not batches:
        raise InputError("batches is empty, expected at least one batch")
    result = PairResult(numpy.dtype, resync)
    program = copied(torch, numpy.dtype, result.notes)
    program.note_order()
    shapes = {name: tuple(tensor.shape) for name, tensor in program.named_tensors().items()}
    numpy.match(shapes, set(program.buffers), names or {})
    result.names = {name: str(match) for name, match in numpy.matches.items()}
    if unmatched := sorted(set(shapes) - set(numpy.matches)):
        result.notes.append(f"not compared, for NumPy has no such array: {', '.join(unmatched)}")
    result.notes += [f"frozen: {name}" for name in sorted(program.frozen())]
    if initial is None:
        source = program if weights_from == "torch" else numpy
        initial = deepcopy({**program.weights(), **source.weights()})
    order = Order(batch_axis or 0, repeat=False, seed=seed) if batch_axis is not None else None
    can_copy = program is not torch
    can_cast = False
    if can_copy:
        order = probe(program, initial, batches[0], order, result.notes)
        can_cast = numpy.dtype == "float64" or casts(program, batches[0], result.notes)
    lockstep = Lockstep(
        numpy,
        program,
        batches,
        initial,
        order=order,
        copies=(can_copy, can_cast),
        resync=resync,
        constant=matching(constant, shapes),
        zero=matching(zero, [*shapes, *(f"{name}.output" for name in modules(program))]),
        seed=seed,
        late=not resync,
    )
    before = getattr(program.scheduler, "last_epoch", None)
    for report in lockstep.steps():
        result.steps.append(report)
        if resync and report.number == 1 and (lost := set(program.moments()) - set(numpy.state)):
            result.notes.append(
                f"resync leaves NumPy its own {', '.join(sorted(lost))}: NumpyProgram(state=...) "
                "does not say where its optimizer keeps that"
            )
        if on_step is not None:
            on_step(report)
        if report.divergence is not None:
            break
    if program.step and before is not None and before == program.scheduler.last_epoch:
        result.notes.append(
            "the scheduler was not called: a step of your own calls program.scheduler.step() itself"
        )
    if not numpy.gradients():
        result.notes.append("no gradients: the NumPy program does not show any")
    elif not program.gradients():
        result.notes.append("no gradients: the PyTorch step leaves none, for it clears them last")
    if lockstep.reproduction is not None and lockstep.reproduction.tensors is not None:
        result.reproduction, last = lockstep.reproduction, result.steps[-1]
        assert last.divergence is not None
        result.location = locate_mistake(
            last.divergence, last.used_by_tensor, lockstep.reproduction.tensors
        )
        taken = squares(numpy.matches, names or {}).items()
        if last.divergence.phase == "forward" and taken:
            transposed = ", ".join(f"{name!r}: ({it.name!r}, 'T')" for name, it in taken)
            result.notes.append(
                "a square weight was taken to lie as PyTorch's does; if it is transposed, say "
                f"names={{{transposed}}}"
            )
    elif result.parity:
        inputs = list(evaluate)
        result.evaluation = first_wrong(evaluated(numpy, lockstep, inputs), len(result.steps))
        if result.evaluation[1] is not None and lockstep.catch_up(len(result.steps)) is not None:
            result.evaluation = first_wrong(evaluated(numpy, lockstep, inputs), len(result.steps))
    if lockstep.comparison.resting:
        result.measured = MEASURED
    result.seconds = {name: lockstep.seconds[name] for name in ("numpy", "torch")}
    return result


def given(name: str, program: Any, length: int) -> tuple[Any, ...]:
    """The arguments of a program; raises InputError for what is no tuple of so many."""
    kind, arguments = {
        "numpy": ("NumpyProgram", "(step, parameters)"),
        "torch": ("TorchProgram", "(model, loss, optimizer)"),
    }[name]
    if isinstance(program, tuple | list) and len(program) == length:
        return tuple(program)
    came = "None" if program is None else f"a {type(program).__name__}"
    came += f" of {len(program)}" if isinstance(program, tuple | list) else ""
    raise InputError(f"{name} is {came}, expected a parity.{kind} or {arguments}")


def copied(torch: TorchProgram, dtype: str, notes: list[str]) -> TorchProgram:
    """A copy of the program to be trained; the program itself if it cannot be copied."""
    try:
        return torch.copy(dtype)
    except (TypeError, RuntimeError, AttributeError, ValueError) as error:
        if torch.dtype != dtype:
            raise InputError(
                f"the PyTorch program is {torch.dtype} and cannot be copied as {dtype}: {error}"
            ) from error
        notes.append(
            f"the PyTorch program cannot be copied ({error}): there is no float64 run and no "
            "perturbed run, so NumPy is allowed the base tolerance alone"
        )
        return torch


def probe(
    program: TorchProgram, initial: State, batch: Batch, order: Order | None, notes: list[str]
) -> Order | None:
    """How the noise can be measured: by permuted batches, or else by perturbed weights (None).

    Raises
    ------
    BadCaseError
        If the same batch gives another result the second time, or the step trains another model.
    """
    first, second = (one_step(program, initial, batch) for _ in range(2))
    if not alike(first, second, program.dtype):
        raise BadCaseError(
            "the PyTorch program does not repeat itself: the losses of the same batch are "
            f"{float(first['loss'])!r} and {float(second['loss'])!r}; give dropout its mask with "
            "the batch"
        )
    if order is None:
        return None
    try:
        other = one_step(program, initial, order.permuted(batch))
    except (RuntimeError, ValueError, IndexError) as error:
        reason = str(error).splitlines()[0]
    else:
        if alike(first, other, program.dtype):
            return Order(order.axis, order.repeat, seed=order.seed)
        reason = f"the loss is {float(other['loss'])!r} and not {float(first['loss'])!r}"
    notes.append(
        f"a batch in another order gives another result ({reason}): rounding is measured by a run "
        "whose weights start a unit in the last place off, not by permuted sums"
    )
    return None


def one_step(program: TorchProgram, initial: State, batch: Batch) -> State:
    """The loss and the gradients of one step of a copy."""
    trial = program.copy(program.dtype)
    trial.load(initial)
    (step,) = trial.run([batch])
    weights = trial.weights()
    trained = set(trial.parameters) - trial.frozen()
    if all(np.array_equal(weights[name], initial[name]) for name in trained):
        raise BadCaseError(
            "a step of a copy of the PyTorch program changes no weight of it: a step of your own "
            "has to train program.model with program.optimizer"
        )
    return {"loss": np.asarray(step.loss), **deepcopy(trial.gradients())}


def casts(program: TorchProgram, batch: Batch, notes: list[str]) -> bool:
    """Whether the program runs in float64."""
    try:
        list(program.copy("float64").run([batch]))
    except (RuntimeError, TypeError, ValueError) as error:
        notes.append(
            f"the PyTorch program does not run in float64 ({str(error).splitlines()[0]}): its "
            "float32 run is the reference, and NumPy is allowed what permuted sums explain"
        )
        return False
    return True


def alike(one: State, other: State, dtype: str) -> bool:
    """Whether all arrays agree to half of their digits, of the largest number in any."""
    scale = max(map(scale_of, one.values()))
    return all(distance(one[name], other[name]) <= HORIZON[dtype] * scale for name in one)


def modules(program: TorchProgram) -> Iterator[str]:
    """The names of the program's modules."""
    return (name for name, _ in program.model.named_modules())


def matching(patterns: Iterable[str], names: Iterable[str]) -> set[str]:
    """The names that one of the patterns fits; raises InputError for one that fits none."""
    names = list(names)
    patterns = [patterns] if isinstance(patterns, str) else list(patterns)
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in names):
            raise InputError(f"{pattern!r} is the name of no tensor: {', '.join(names)}")
    return {name for name in names if any(fnmatchcase(name, pattern) for pattern in patterns)}


def evaluated(
    numpy: NumpyProgram, lockstep: Lockstep, evaluate: Iterable[tuple[ndarray, ...]]
) -> Iterator[tuple[str, ndarray, ndarray, ndarray, float]]:
    """Each output in evaluation: its name, NumPy's, PyTorch's, the truth, and the allowance."""
    runs = {
        name: backend
        for name, backend in lockstep.backends.items()
        if isinstance(backend, TorchProgram)
    }
    for number, inputs in enumerate(evaluate):
        if numpy.predict is None:
            raise InputError("evaluate is given, but NumpyProgram has no predict")
        inputs = inputs if isinstance(inputs, tuple) else (inputs,)
        arrays = cast_batch(as_numpy(inputs), numpy.dtype)
        mine = named_arrays("output", numpy.predict(*map_arrays(np.copy, arrays)))
        found = {name: run.evaluate_on(*arrays) for name, run in runs.items()}
        truth = found.get("reference", found["torch"])
        if len(mine) != len(truth):
            raise InputError(
                f"predict returns {len(mine)} outputs for evaluate[{number}], expected "
                f"{len(truth)} as the PyTorch module does"
            )
        for own, (name, exact) in zip(mine.values(), truth.items(), strict=True):
            farthest = max(distance(outputs[name], exact) for outputs in found.values())
            allowed = allowance(numpy.dtype, scale_of(exact), farthest)
            yield f"{name} of evaluate[{number}]", own, found["torch"][name], exact, allowed


def first_wrong(
    outputs: Iterable[tuple[str, ndarray, ndarray, ndarray, float]], step: int
) -> tuple[int, Divergence | None]:
    """How many outputs were compared, and the first that is wrong."""
    count = 0
    for count, (name, mine, theirs, exact, allowed) in enumerate(outputs, start=1):
        if mine.shape != exact.shape:
            raise BadCaseError(f"{name} has shape {mine.shape}, PyTorch's {exact.shape}")
        if not distance(mine, exact) <= allowed:
            return count, locate(step, ("evaluate", name), mine, theirs, exact, allowed, mine)
    return count, None
