"""How each kind of subject is called: a function, an optimizer, a model, a training loop.

Runs in the child process, on the names of the code under check; everything comes back as a flat
list of arrays, None for what the code does not have.
"""

import inspect
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy import ndarray

__all__ = [
    "NOTHING",
    "Arrays",
    "BadResult",
    "Computed",
    "Unsupported",
    "array_of",
    "arrays_of",
    "call",
    "run_network",
]

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
    function = namespace[subject]
    if isinstance(function, Computed):
        return function.arrays(args, options)
    if subject in METHODS:
        return METHODS[subject](namespace, subject, *args, **options)
    return arrays_of(function(*args, **bind(function, len(args), options)), outputs)


class Computed:
    """An operation that is no function of the file: one of a layout computes it."""

    def arrays(self, args: tuple[Any, ...], options: dict[str, Any]) -> Arrays:
        """What it computes."""
        raise NotImplementedError


# The names that an option goes by: an unknown one is not taken for it, whatever its place is.
SYNONYMS = {
    "alpha": {"decay_rate", "rho", "beta"},
    "batch_size": {"batch", "bs", "size"},
    "dim": {"axis", "d"},
    "lr": {"learning_rate", "rate", "eta"},
    "momentum": {"mu", "rho", "beta"},
    "padding": {"pad", "p"},
    "reduction": {"reduce", "mode"},
    "stride": {"s", "strides"},
    "weight_decay": {"decay", "wd", "reg", "l2", "lam", "lamda", "lambda_", "lambd", "lmbda"},
}


def bind(function: Callable[..., Any], required: int, options: dict[str, Any]) -> dict[str, Any]:
    """The `options` by their names, or by others that they go by.

    Raises Unsupported with the name of the first that it does not take.
    """
    try:
        signature = inspect.signature(function)
    except ValueError:  # some built-in functions tell nothing about themselves
        return options
    parameters = list(signature.parameters.values())
    named = {parameter.name for parameter in parameters}
    takes_all = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters)
    missing = [] if takes_all else [name for name in options if name not in named]
    others = {parameter.name for parameter in parameters[required:]}
    known = {name: others & SYNONYMS.get(name, set()) for name in missing}
    options = {min(known.get(name) or {name}): value for name, value in options.items()}
    missing = [name for name in missing if not known[name]]
    try:
        signature.bind(*[None] * required, **options)
    except TypeError:
        raise Unsupported(missing[0] if missing else f"takes {signature}") from None
    return options


def arrays_of(value: Any, outputs: int) -> Arrays:
    """`value` as so many arrays; raises BadResult if it is not an array."""
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
    factory = namespace[subject]
    named = bind(factory, 2, options)

    def build() -> tuple[list[Any], Any]:
        parameters = [namespace.get("Parameter", Parameter)(data.copy()) for data in states[0]]
        return parameters, factory(parameters, lrs[0], **named)

    (parameters, optimizer), (others, other) = build(), build()
    after: Arrays = []
    for state, gradients, lr in zip(states, grads, lrs, strict=True):
        set_lr(optimizer, lr)
        for parameter, data, grad in zip(parameters, state, gradients, strict=True):
            parameter.data[...] = data
            parameter.grad = grad.copy()
        for parameter, grad in zip(others, gradients, strict=True):
            parameter.grad = -grad
        other.step()  # which is none of the first one's business
        optimizer.step()
        after += [array_of(parameter.data).copy() for parameter in parameters]
    if hasattr(optimizer, "zero_grad"):
        optimizer.zero_grad()
        check_zeroed({f"parameter {at}": parameter for at, parameter in enumerate(parameters)})
    return after


def check_zeroed(parameters: dict[str, Any]) -> None:
    """Raise BadResult if there is a gradient left."""
    for name, parameter in parameters.items():
        if parameter.grad is not None and np.any(array_of(parameter.grad)):
            raise BadResult(f"zero_grad leaves the gradient of {name} as it was")


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
    load(namespace[subject](*sizes), {name: -array for name, array in state.items()})  # another
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
    if subject != "ConvNet":  # loops by hand take long enough for one pass
        check_accumulation(model, forward, input, grad_logits, grads)
    return [*loaded, logits, *(grads[name] for name in reversed(state))]


def check_accumulation(
    model: Any, forward: Any, input: ndarray, grad_logits: ndarray, grads: dict[str, ndarray]
) -> None:
    """Raise BadResult if a second backward does not add to `grads`, or zero_grad leaves any."""
    if not hasattr(model, "zero_grad"):
        return
    forward(input)
    model.backward(grad_logits)
    for name, grad in gradients(model, list(grads)).items():
        if grad.shape == grads[name].shape and np.array_equal(grad, grads[name]) and grad.any():
            raise BadResult(f"backward overwrites the gradient of {name}, expected to add to it")
    model.zero_grad()
    check_zeroed(named_parameters(model))


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
    """The gradient of each parameter by name, as copies."""
    named = named_parameters(model)
    for name in names:
        if named[name].grad is None:
            raise BadResult(f"leaves no gradient in {name} after backward")
    return {name: array_of(named[name].grad).copy() for name in names}


def named_parameters(model: Any) -> dict[str, Any]:
    """The parameters by name."""
    if hasattr(model, "named_parameters"):
        return dict(model.named_parameters())
    return dict(zip(model.state_dict(), model.parameters(), strict=True))


def run_fit(
    namespace: Namespace,
    subject: str,
    states: list[dict[str, ndarray]],
    images: ndarray,
    labels: ndarray,
    batches: list[ndarray],
    lrs: list[float],
    on_step: bool = False,
    **options: Any,
) -> Arrays:
    """The weights after each step of `fit`; each step starts from the right weights.

    Weights are set and read while `fit` fetches its next batch. With `on_step` it is told to report
    its steps, and they are counted.
    """
    reported: list[Any] = []
    more = {"on_step": lambda *step: reported.append(step)} if on_step else {}
    more = bind(namespace[subject], 5, more)

    def fit(*args: Any) -> None:
        before = len(reported)
        namespace[subject](*args, **more)
        count = len(args[4]) if isinstance(args[4], list) else len(batches)
        if on_step and not reported:
            raise Unsupported("on_step, which is never called")
        if on_step and len(reported) - before != count:
            raise BadResult(f"calls on_step {len(reported) - before} times in {count} steps")

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


def run_network(
    namespace: Namespace,
    subject: str,
    params: dict[str, ndarray],
    X: ndarray,  # noqa: N803 - as the courses call it
    y: ndarray,
    **options: Any,
) -> Arrays:
    """The loss, and the gradients from the last parameter to the first, None for a lacking one."""
    function = namespace[subject]
    value = function(params, X, y, **bind(function, 3, options))
    if not isinstance(value, tuple | list) or len(value) != 2 or not isinstance(value[1], dict):
        raise BadResult("returns something else than (loss, grads), with grads a dict")
    loss, grads = value
    unknown = sorted(map(str, grads.keys() - params.keys()))
    if unknown or not grads:
        came = f"grads[{unknown[0]!r}]" if unknown else "no gradient"
        raise BadResult(f"returns {came}, expected gradients of {', '.join(params)}")
    known = (grads.get(name) for name in reversed(params))
    return [array_of(loss), *(None if grad is None else array_of(grad) for grad in known)]


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
    value = evaluate(Model(), images, labels, **bind(evaluate, 3, options))
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
    "loss_and_grads": run_network,
    "fit": run_fit,
    "evaluate": run_evaluate,
}
