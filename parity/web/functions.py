"""Side by side: the sources of a function, its lesson, its numbers, and what mistakes do to it."""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy import ndarray

import numpy_impl.functional
from parity.checking.catalogue import Mistake, mistakes_of
from parity.contract.calls import Call
from parity.contract.operations import SUBJECTS
from parity.contract.reference import reference
from parity.errors import BadCaseError, InputError
from parity.gradients.pairs import PAIRS, check_pair
from parity.web import engine
from parity.web.fields import Fields
from parity.web.lessons import LESSONS, mathml
from parity.web.packing import pack, ulps, ulps_of_scale
from parity.web.source import MODULES, names_of, side_by_side
from parity.web.tape import PLANS, Optimizer, Plan, by_hand, with_mistake

__all__ = ["function", "names", "spoiled"]

STEPS, STEPS_OF_CONVNET, BATCH = 150, 50, 32  # of the training that a mistake spoils

# What a mistake may raise: it was written by somebody who had not noticed yet.
RAISED = (ArithmeticError, IndexError, RuntimeError, TypeError, ValueError)

NAMES = {module: tuple(n for n in names_of(module) if n in LESSONS) for module in MODULES}


def names(_fields: Fields) -> dict[str, Any]:
    """Every function that stands in both programs, by module."""
    return {"modules": NAMES}


def function(fields: Fields) -> dict[str, Any]:
    """Both sources, the lesson, an example with both programs' numbers, and the known mistakes."""
    module, name = chosen(fields)
    mine, theirs, rows = side_by_side(module, name)
    lesson = LESSONS.get(name)
    subject = subject_of(name)
    return {
        "name": name,
        "module": module,
        "files": [f"{source.file}:{source.first}" for source in (mine, theirs)],
        "rows": [[row.kind, row.numpy, row.torch] for row in rows],
        "formula": lesson and mathml(lesson.formula),
        "steps": [[words, mathml(latex)] for words, latex in lesson.steps] if lesson else [],
        "example": example(name) if module == "functional" else None,
        "mistakes": [
            {"id": known.id, "sentence": known.sentence, "hint": known.hint}
            for known in (mistakes_of(subject) if subject else [])
        ],
    }


def chosen(fields: Fields) -> tuple[str, str]:
    """The module and the name that were asked for."""
    everything = {name: module for module, found in NAMES.items() for name in found}
    name = fields.choice("name", tuple(everything), "steps")
    return everything[name], name


def subject_of(name: str) -> str | None:
    """What the contract calls a name of the sources."""
    subject = "fit" if name == "steps" else name
    return subject if subject in SUBJECTS else None


def example_call(name: str) -> Call:
    """A small call of the contract's."""
    subject = SUBJECTS[name]
    return subject.draw(0, subject.sizes[0])[0]


def example(name: str) -> dict[str, Any]:
    """A call in float32 with the arguments, and what each program returns."""
    call = example_call(name)
    args = tuple(as_float32(arg) for arg in call.args)
    mine = outputs(getattr(numpy_impl.functional, name)(*args, **call.options))
    theirs = outputs(reference(name, "float32")(*args, **call.options))
    subject = SUBJECTS[name]
    return {
        "arguments": [
            argument(key, arg) for key, arg in zip(subject.arguments, args, strict=False)
        ],
        "options": {key: repr(value) for key, value in call.options.items()},
        "outputs": [
            {
                "name": key,
                "what": "values",
                "pairs": {
                    "values": {
                        "numpy": pack(one),
                        "torch": pack(other),
                        "ulps": pack(np.asarray(ulps(one, other), "f4")),
                        "max_ulps": float(np.max(ulps(one, other))),
                        "of_scale": ulps_of_scale(one, other),
                        "changed": pack(np.zeros(one.shape, "u1")),
                    }
                },
            }
            for key, one, other in zip(subject.outputs(call), mine, theirs, strict=True)
        ],
    }


def as_float32(value: Any) -> Any:
    """A float array in single precision; anything else as it is."""
    is_float = isinstance(value, ndarray) and value.dtype.kind == "f"
    return value.astype(np.float32) if is_float else value


def argument(name: str, value: Any) -> dict[str, Any]:
    """An argument, as it is shown."""
    if isinstance(value, ndarray) and value.dtype.kind == "f":
        return {"name": name, "array": pack(value)}
    text = repr(value.tolist()) if isinstance(value, ndarray) else repr(value)
    return {"name": name, "text": text}


def outputs(value: Any) -> list[ndarray]:
    """What a function returned, as arrays."""
    return [np.asarray(one) for one in (value if isinstance(value, tuple) else (value,))]


def spoiled(fields: Fields) -> dict[str, Any]:
    """What a mistake of the catalogue does to numbers, gradient check and training."""
    module, name = chosen(fields)
    subject = subject_of(name)
    known = mistakes_of(subject) if subject else []
    if not known:
        raise InputError(f"name is {name!r}, of which the catalogue has no mistake")
    mistake = known[fields.integer("mistake", 0, len(known) - 1, 0)]
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")  # that they warn is in the nature of mistakes
        is_function = module == "functional"
        return {
            "numbers": numbers(name, mistake) if is_function else None,
            "gradcheck": checked(name, mistake) if is_function else None,
            "curve": curve(name, mistake) if is_function else None,
        }


def with_it(name: str, mistake: Mistake, right: Callable[..., Any]) -> Callable[..., Any]:
    """The function as somebody who makes the mistake writes it, in NumPy."""

    def wrong(*args: Any, **options: Any) -> Any:
        return mistake.wrong(right, *args, **options)

    wrong.__name__ = name
    return wrong


def numbers(name: str, mistake: Mistake) -> dict[str, Any]:
    """The first of the contract's calls that shows the mistake: what comes, and what should."""
    subject, right = SUBJECTS[name], reference(name)
    wrong = with_it(name, mistake, right)
    for sizes in subject.sizes:
        for call in subject.draw(0, sizes):
            expected = outputs(right(*call.args, **call.options))
            try:
                got = outputs(wrong(*call.args, **call.options))
            except RAISED as error:
                return {"label": call.label, "raises": f"{type(error).__name__}: {error}"}
            for key, one, other in zip(subject.outputs(call), got, expected, strict=False):
                if one.shape != other.shape:
                    shapes = f"shape {one.shape}, expected {other.shape}"
                    return {"label": call.label, "raises": f"{key} has {shapes}"}
                if not np.allclose(one, other, rtol=1e-9, atol=1e-12, equal_nan=True):
                    return {
                        "label": call.label,
                        "output": key,
                        "got": pack(np.asarray(one, "f8")),
                        "expected": pack(np.asarray(other, "f8")),
                    }
    return {"label": "", "raises": "no number of the examples changes"}


def checked(name: str, mistake: Mistake) -> dict[str, Any] | None:
    """What `parity gradcheck` says to it; None for what is no forward and no backward."""
    forward_name = name.removesuffix("_backward")
    pairs = [pair for pair in PAIRS if pair.name == forward_name]
    if not pairs:
        return None
    functions = {
        key: getattr(numpy_impl.functional, key)
        for key in (forward_name, f"{forward_name}_backward")
    }
    functions[name] = with_it(name, mistake, functions[name])
    try:
        result = check_pair(pairs[0], *functions.values())
    except (BadCaseError, *RAISED) as error:
        return {"ok": False, "lines": [str(error)]}
    return {"ok": result.ok, "lines": str(result).splitlines()}


def curve(name: str, mistake: Mistake) -> dict[str, Any] | None:
    """The loss of a small training by hand, with the right function and with the wrong one."""
    setting = setting_of(name)
    if setting is None:
        return None
    recipe, plan, optimizer, loss = setting
    right = getattr(numpy_impl.functional, name)
    spoiled_functional = with_mistake(numpy_impl.functional, name, with_it(name, mistake, right))
    return {
        "recipe": recipe,
        "right": losses(recipe, plan, optimizer, loss, numpy_impl.functional),
        "wrong": losses(recipe, plan, optimizer, loss, spoiled_functional),
    }


def setting_of(name: str) -> tuple[str, Plan, Optimizer, str] | None:
    """A training in which the function takes part; None where none of ours has it."""
    base = name.removesuffix("_backward")
    if base in ("conv2d", "avg_pool2d", "relu"):
        return "cnn-adam", PLANS["ConvNet"], Optimizer("SGD", 1.0), "cross_entropy"
    if base in ("linear", "sigmoid", "cross_entropy", "sgd_step"):
        loss, kind = "cross_entropy", Optimizer("SGD", 0.5, 1e-3)
    elif base in ("softmax", "log_softmax"):
        loss, kind = base, Optimizer("SGD", 0.5)
    elif base == "adam_step":
        loss, kind = "cross_entropy", Optimizer("Adam", 0.01, 1e-3)
    else:
        return None
    return "feedforward", PLANS["FeedForward"], kind, loss


def losses(
    recipe: str, plan: Plan, optimizer: Optimizer, loss: str, functional: Any
) -> list[float | None]:
    """The loss of each step, until one is not finite or nothing fits any more."""
    experiment = engine.experiment_of(recipe, dtype="float64", batch_size=BATCH)
    images, labels = experiment.arrays("training", "float64")
    weights = {key: np.array(array) for key, array in experiment.initial.items()}
    found: list[float | None] = []
    steps = STEPS_OF_CONVNET if recipe == "cnn-adam" else STEPS
    for batch in experiment.batches()[:steps]:
        try:
            step = by_hand(functional, plan, weights, images[batch], labels[batch], optimizer, loss)
            value = float(step.values["loss"])
        except RAISED:
            return [*found, None]
        found.append(value)
        if not np.isfinite(value):
            break
        weights = {key: np.asarray(array) for key, array in step.updated.items()}
    return found
