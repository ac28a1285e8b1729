"""How each kind of subject is called: a function, an optimizer, a model, a training loop.

Runs in the child process, on the names of the code under check; everything comes back as a flat
list of arrays, None for what the code does not have.
"""

import inspect
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy import ndarray

__all__ = ["NOTHING", "Arrays", "BadResult", "Computed", "Unsupported", "arrays_of", "call"]

NOTHING = "returns None: is there a `return`?"
Arrays = list[ndarray | None]
Namespace = dict[str, Any]


class Unsupported(Exception):  # noqa: N818 - not an error of the file: it leaves something out
    """The code has no such option; the message is its name."""


class BadResult(Exception):  # noqa: N818 - the message is the verdict
    """What came back is no array, or not as many as there should be."""


def call(
    namespace: Namespace,
    subject: str,
    args: tuple[Any, ...],
    options: dict[str, Any],
    outputs: int,
) -> Arrays:
    """The arrays that the code's `subject` computes.

    Raises Unsupported, BadResult and whatever the code raises.
    """
    if subject in METHODS:
        return METHODS[subject](namespace, subject, *args, **options)
    function = namespace[subject]
    if isinstance(function, Computed):
        return function.arrays(args, options)
    positional, named = bind(function, len(args), options)
    return arrays_of(function(*args, *positional, **named), outputs)


class Computed:
    """An operation that is no function of the file: one of a layout computes it."""

    def arrays(self, args: tuple[Any, ...], options: dict[str, Any]) -> Arrays:
        """What it computes."""
        raise NotImplementedError


def bind(
    function: Callable[..., Any], required: int, options: dict[str, Any]
) -> tuple[list[Any], dict[str, Any]]:
    """The `options` by name, or by position where the code calls them otherwise.

    Raises Unsupported with the name of the first that it does not take.
    """
    try:
        signature = inspect.signature(function)
    except ValueError:  # some built-in functions tell nothing about themselves
        return [], options
    parameters = list(signature.parameters.values())
    named = {parameter.name for parameter in parameters}
    takes_all = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters)
    missing = [] if takes_all else [name for name in options if name not in named]
    positional: list[Any] = []
    if missing and len(options) == 1 and len(parameters) > required:  # softmax(x, axis=-1)
        positional, options, missing = list(options.values()), {}, []
    try:
        signature.bind(*[None] * required, *positional, **options)
    except TypeError:
        raise Unsupported(missing[0] if missing else f"takes {signature}") from None
    return positional, options


def arrays_of(value: Any, outputs: int) -> Arrays:
    """`value` as so many arrays; raises BadResult for what is none."""
    if value is None:
        raise BadResult(NOTHING)
    if outputs == 1:
        return [array_of(value)]
    if not isinstance(value, list | tuple) or len(value) != outputs:
        came = f"{len(value)} things" if isinstance(value, list | tuple) else type(value).__name__
        raise BadResult(f"returns {came}, expected a tuple of {outputs} arrays")
    return [array_of(item) for item in value]


def array_of(value: Any) -> ndarray:
    """A number, nested lists or an array as an array of real numbers; raises BadResult."""
    try:
        array = np.asarray(value)
    except ValueError:
        raise BadResult("returns rows of unequal length, expected an array") from None
    if array.dtype.kind not in "fiub":
        came = type(value).__name__ if array.dtype.kind == "O" else f"dtype {array.dtype}"
        raise BadResult(f"returns {came}, expected an array of float dtype")
    return array


class Parameter:
    """What the contract says a parameter is: an object with `.data` and `.grad`."""

    def __init__(self, data: ndarray) -> None:
        self.data = data
        self.grad: ndarray | None = None


def run_optimizer(
    namespace: Namespace,
    subject: str,
    states: list[list[ndarray]],
    grads: list[list[ndarray]],
    lrs: list[float],
    **options: Any,
) -> Arrays:
    """The parameters after each step; each step starts from the right parameters."""
    parameters = [namespace.get("Parameter", Parameter)(data.copy()) for data in states[0]]
    factory = namespace[subject]
    positional, named = bind(factory, 2, options)
    optimizer = factory(parameters, lrs[0], *positional, **named)
    after: Arrays = []
    for state, gradients, lr in zip(states, grads, lrs, strict=True):
        set_lr(optimizer, lr)
        for parameter, data, grad in zip(parameters, state, gradients, strict=True):
            parameter.data[...] = data
            parameter.grad = grad.copy()
        optimizer.step()
        after += [array_of(parameter.data).copy() for parameter in parameters]
    return after


def set_lr(optimizer: Any, lr: float) -> None:
    """Change the learning rate, as a schedule does; raises BadResult if `.lr` is not there."""
    if not hasattr(optimizer, "lr"):
        raise BadResult("does not keep the learning rate in self.lr")
    optimizer.lr = lr


def run_model(
    namespace: Namespace,
    subject: str,
    sizes: tuple[int, ...],
    state: dict[str, ndarray],
    input: ndarray,
    grad_logits: ndarray,
) -> Arrays:
    """The state as loaded, the logits, and the gradients from the last parameter to the first."""
    model = load(namespace[subject](*sizes), state)
    loaded = [array_of(model.state_dict()[name]) for name in state]
    input, grad_logits = (array.astype(dtype_of(model)) for array in (input, grad_logits))
    forward = model.forward if hasattr(model, "forward") else model
    logits = array_of(forward(input))
    if not hasattr(model, "backward"):
        return [*loaded, logits, *[None] * len(state)]
    if hasattr(model, "zero_grad"):
        model.zero_grad()
    model.backward(grad_logits)
    grads = gradients(model, list(state))
    return [*loaded, logits, *(grads[name] for name in reversed(state))]


def load(model: Any, state: dict[str, ndarray]) -> Any:
    """The model with the weights of `state`, through its `load_state_dict`."""
    names = list(model.state_dict())
    if set(names) != set(state):
        raise BadResult(f"has the state_dict names {names}, expected {list(state)}")
    model.load_state_dict({name: array.copy() for name, array in state.items()})
    return model


def dtype_of(model: Any) -> np.dtype[Any]:
    """The float dtype in which the model keeps its weights, float64 if it is none."""
    dtype = array_of(next(iter(model.state_dict().values()))).dtype
    return dtype if dtype.kind == "f" else np.dtype(np.float64)


def gradients(model: Any, names: list[str]) -> dict[str, ndarray]:
    """The gradient of each parameter by name."""
    if hasattr(model, "named_parameters"):
        named = dict(model.named_parameters())
    else:
        named = dict(zip(model.state_dict(), model.parameters(), strict=True))
    for name in names:
        if named[name].grad is None:
            raise BadResult(f"leaves no gradient in {name} after backward")
    return {name: array_of(named[name].grad) for name in names}


def run_fit(
    namespace: Namespace,
    subject: str,
    states: list[dict[str, ndarray]],
    images: ndarray,
    labels: ndarray,
    batches: list[ndarray],
    lrs: list[float],
    **options: Any,
) -> Arrays:
    """The weights after each step of `fit`; each step starts from the right weights.

    Weights are set and read while `fit` fetches its next batch.
    """
    fit = namespace[subject]

    def build() -> tuple[Any, Any]:
        hidden, num_classes = (len(states[0][name]) for name in ("fc1.bias", "fc2.bias"))
        model = namespace["FeedForward"](images.shape[1], hidden, num_classes)
        return model, namespace["SGD"](model.parameters(), lrs[0], **options)

    def prepare(model: Any, optimizer: Any, index: int) -> ndarray:
        load(model, states[index])
        optimizer.lr = lrs[index]
        return batches[index].copy()

    def weights(model: Any) -> dict[str, ndarray]:
        return {name: array_of(data).copy() for name, data in model.state_dict().items()}

    def fetched(model: Any, optimizer: Any, after: list[dict[str, ndarray]]) -> Iterator[ndarray]:
        for index in range(len(batches)):
            yield prepare(model, optimizer, index)
            after.append(weights(model))

    model, optimizer = build()
    after: list[dict[str, ndarray]] = []
    images = images.astype(dtype_of(model))
    fit(model, optimizer, images, labels, fetched(model, optimizer, after))
    if len(after) < len(batches):
        raise BadResult(f"fetches only {len(after) + 1} of the {len(batches)} batches")
    if all(same_state(one, state) for one, state in zip(after, states, strict=True)):
        # It fetched all batches before its first step: hand them out one call at a time.
        model, optimizer = build()
        after = []
        for index in range(len(batches)):
            fit(model, optimizer, images, labels, [prepare(model, optimizer, index)])
            after.append(weights(model))
    return [one[name] for one in after for name in states[0]]


def same_state(one: dict[str, ndarray], other: dict[str, ndarray]) -> bool:
    """Whether two states hold the same numbers, to single precision."""
    return all(np.allclose(one[name], other[name], rtol=1e-6, atol=0) for name in other)


def run_evaluate(
    namespace: Namespace,
    subject: str,
    weight: ndarray,
    images: ndarray,
    labels: ndarray,
    **options: Any,
) -> Arrays:
    """(loss, accuracy) of `evaluate` on a model whose logits are `images` times `weight`."""

    class Model:
        """A model that is right, whatever the file's own are."""

        def forward(self, input: Any) -> ndarray:
            return np.asarray(input) @ weight.T

        __call__ = forward

    evaluate = namespace[subject]
    positional, named = bind(evaluate, 3, options)
    value = evaluate(Model(), images, labels, *positional, **named)
    if hasattr(value, "loss") and hasattr(value, "accuracy"):
        value = value.loss, value.accuracy
    elif isinstance(value, dict) and {"loss", "accuracy"} <= value.keys():
        value = value["loss"], value["accuracy"]
    return arrays_of(value, 2)


METHODS: dict[str, Callable[..., Arrays]] = {
    "SGD": run_optimizer,
    "Adam": run_optimizer,
    "SoftmaxRegression": run_model,
    "FeedForward": run_model,
    "ConvNet": run_model,
    "fit": run_fit,
    "evaluate": run_evaluate,
}
