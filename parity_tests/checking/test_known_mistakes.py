"""What people get wrong by hand, put into our own code: lock-step sees it, the check names it.

Each row of the table plants one mistake in `numpy_impl`. It has to be caught by `parity compare`,
at the step and phase where it first shows, and called by its name by `parity check`.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest
from numpy import ndarray

from numpy_impl import convolution, models, nn, optim, training
from numpy_impl import functional as F
from parity.checking.entry import check
from parity.comparison.compare import compare
from parity.experiment.prepare import prepare
from parity.experiment.settings import Settings

pytestmark = [
    pytest.mark.usefixtures("unchecked"),  # some mistakes are mistakes of shape
    pytest.mark.filterwarnings("ignore::RuntimeWarning"),  # wrong code overflows
]

Right = Any


ACCEPTED = "accepted"  # by the check, as a way of working


class Row(NamedTuple):
    mistake: str
    owner: Any  # the module or class that has the name
    name: str
    wrong: Callable[[Right], Any]  # from the right function or class
    recipe: str | None  # in which lock-step meets it; None if no recipe runs such code
    seen: tuple[int, str] | type[Exception] | None  # where it first shows, or what it raises
    subject: str  # what the check is given, and what it calls the mistake
    diagnosis: str | None  # None for what is wrong without a name
    dtype: Any = "float32"


# --- how a mistake is made -----------------------------------------------------------------------


def result(change: Callable[..., Any]) -> Callable[[Right], Any]:
    """What comes out, changed by `change(value, *arguments)`."""

    def plant(right: Right) -> Any:
        return lambda *args, **options: change(right(*args, **options), *args)

    return plant


def grads(position: int, change: Callable[..., Any]) -> Callable[[Right], Any]:
    """One of the gradients of a backward changed, by `change(gradient, grad_output, ...)`."""

    def plant(right: Right) -> Any:
        def wrong(*args: Any, **options: Any) -> Any:
            values = list(right(*args, **options))
            values[position] = change(values[position], *args)
            return tuple(values)

        return wrong

    return plant


def sgd(change: Callable[..., ndarray]) -> Callable[[Right], Any]:
    """A step of SGD as `change(param, grad, lr, weight_decay)` has it."""

    def plant(right: Right) -> Any:
        def wrong(
            param: ndarray, grad: ndarray, lr: float, weight_decay: float = 0.0, out: Any = None
        ) -> ndarray:
            return stored(change(param, grad, lr, weight_decay), out)

        return wrong

    return plant


def adam(
    before: Callable[..., Any] = lambda p, g, lr, wd: (p, g + wd * p),
    correction: Callable[..., float] = lambda beta, t: 1 - beta**t,
    denominator: Callable[..., Any] = lambda v, eps: np.sqrt(v) + eps,
) -> Callable[[Right], Any]:
    """A step of Adam with one of its parts changed."""

    def plant(right: Right) -> Any:
        def wrong(
            p: ndarray,
            g: ndarray,
            m: ndarray,
            v: ndarray,
            step: int,
            lr: float = 1e-3,
            betas: tuple[float, float] = (0.9, 0.999),
            eps: float = 1e-8,
            weight_decay: float = 0.0,
            out: Any = (None, None, None),
        ) -> tuple[Any, ...]:
            p, g = before(p, g, lr, weight_decay)
            m, v = (b * x + (1 - b) * y for b, x, y in zip(betas, (m, v), (g, g * g), strict=True))
            mean, square = (x / correction(b, step) for b, x in zip(betas, (m, v), strict=True))
            p = p - lr * mean / denominator(square, eps)
            return tuple(stored(value, home) for value, home in zip((p, m, v), out, strict=True))

        return wrong

    return plant


def stored(value: ndarray, out: ndarray | None) -> ndarray:
    if out is None:
        return value
    out[...] = value
    return out


def loss_of(probability: Callable[[ndarray], ndarray]) -> Callable[[Right], Any]:
    """The cross-entropy as -log of what `probability` makes of the one of the right class."""

    def plant(right: Right) -> Any:
        def wrong(x: ndarray, y: ndarray) -> tuple[ndarray, ndarray]:
            right_ones = F.softmax(x)[np.arange(len(y)), y]
            return -np.log(probability(right_ones)), right(x, y)[1]

        return wrong

    return plant


def slope_of_loss(change: Callable[..., ndarray]) -> Callable[[Right], Any]:
    """The gradient of the cross-entropy's rows changed, by `change(gradient, x, y)`."""

    def plant(right: Right) -> Any:
        def wrong(x: ndarray, y: ndarray) -> tuple[ndarray, ndarray]:
            losses, grad = right(x, y)
            return losses, change(grad, x, y)

        return wrong

    return plant


# --- mistakes that take more than a line ----------------------------------------------------------


def softmax_over_batch(right: Right) -> Any:
    return lambda input, dim=-1: right(input, 0)


def bare_softmax(right: Right) -> Any:
    def wrong(input: ndarray, dim: int = -1) -> ndarray:
        odds = np.exp(input)
        return odds / odds.sum(axis=dim, keepdims=True)

    return wrong


def softmax_twice(right: Right) -> Any:
    return lambda x, y: (right(F.softmax(x), y)[0], right(x, y)[1])


def full_batch_size(right: Right) -> Any:
    full = [0]

    def wrong(self: Any, *share: float) -> ndarray:
        grad = right(self, *share)
        full[0] = max(full[0], len(grad))
        return grad * (len(grad) / full[0])

    return wrong


def slope_of_pre_activation(right: Right) -> Any:
    class Wrong(right):  # type: ignore[misc]
        def forward(self, input: ndarray) -> ndarray:
            self.input = input
            return super().forward(input)

        def backward(self, grad_output: ndarray) -> ndarray:
            return grad_output * self.input * (1 - self.input)

    return Wrong


def updated_early(right: Right) -> Any:
    """What reaches fc1 went back through fc2 as it is after the step."""

    def wrong(self: Any, grad_logits: ndarray) -> None:
        weight = self.fc2.weight.data
        self.fc2.backward(grad_logits)
        grad_hidden = grad_logits @ (weight - 0.5 * self.fc2.weight.grad)
        self.fc1.backward(self.sigmoid.backward(grad_hidden), needs_input_grad=False)

    return wrong


def undecayed_biases(right: Right) -> Any:
    class Wrong(right):  # type: ignore[misc]
        def step(self) -> None:
            grads = [parameter.grad for parameter in self.parameters]
            for parameter in self.parameters:
                if parameter.data.ndim == 1:
                    parameter.grad = parameter.grad - self.weight_decay * parameter.data
            super().step()
            for parameter, grad in zip(self.parameters, grads, strict=True):
                parameter.grad = grad

    return Wrong


def momentum_as_mean(right: Right) -> Any:
    class Wrong(right):  # type: ignore[misc]
        def step(self) -> None:
            before = {"lr": self.lr, "dampening": self.dampening}
            self.__dict__.update(lr=self.lr * (1 - self.momentum), dampening=0.0)
            super().step()
            self.__dict__.update(before)

    return Wrong


def dampened_at_once(right: Right) -> Any:
    class Wrong(right):  # type: ignore[misc]
        def step(self) -> None:
            starts = [velocity is None for velocity in self.velocities]
            super().step()
            for index, parameter in enumerate(self.parameters):
                if starts[index] and self.momentum:
                    velocity = self.velocities[index]
                    parameter.data += self.lr * self.dampening * velocity
                    self.velocities[index] = (1 - self.dampening) * velocity

    return Wrong


def velocity_anew(right: Right) -> Any:
    class Wrong(right):  # type: ignore[misc]
        def step(self) -> None:
            self.velocities = [None] * len(self.parameters)
            super().step()

    return Wrong


def counted_per_parameter(right: Right) -> Any:
    class Wrong(right):  # type: ignore[misc]
        turns = 0

        def step(self) -> None:
            count = len(self.parameters)
            self.steps = [self.turns * count + index for index in range(count)]
            super().step()
            self.turns += 1

    return Wrong


def mean_of_means(right: Right) -> Any:
    def wrong(model: Any, images: ndarray, labels: ndarray, batch_size: int = 1000) -> Any:
        starts = range(0, len(images), batch_size)
        parts = [np.s_[start : start + batch_size] for start in starts]
        losses = [right(model, images[part], labels[part]).loss for part in parts]
        return right(model, images, labels)._replace(loss=float(np.mean(losses)))

    return wrong


def all_pairs(right: Right) -> Any:
    def wrong(model: Any, images: ndarray, labels: ndarray, batch_size: int = 1000) -> Any:
        hits = sum(
            (model(images[part]).argmax(axis=1, keepdims=True) == labels[part]).mean() * len(part)
            for part in np.split(np.arange(len(images)), range(batch_size, len(images), batch_size))
        )
        return right(model, images, labels)._replace(accuracy=float(hits / len(images)))

    return wrong


def first_batch_only(right: Right) -> Any:
    return lambda model, images, labels, batch_size=1000: right(
        model, images[:batch_size], labels[:batch_size]
    )


def shuffled_apart(right: Right) -> Any:
    def wrong(model: Any, optimizer: Any, images: ndarray, labels: ndarray, *rest: Any) -> Any:
        return right(model, optimizer, images, np.random.permutation(labels), *rest)  # noqa: NPY002

    return wrong


def in_place(right: Right) -> Any:
    def wrong(input: ndarray) -> ndarray:
        input[...] = right(input)
        return input.copy()

    return wrong


def channels_last(right: Right) -> Any:
    def wrong(input: ndarray, *args: Any) -> ndarray:
        return right(input.transpose(0, 3, 1, 2), *args).transpose(0, 2, 3, 1)

    return wrong


def onehot(x: ndarray, y: ndarray) -> ndarray:
    return np.eye(x.shape[1], dtype=x.dtype)[y]


BACK, STEP = (1, "backward"), (1, "step")
ENTROPY = (F, "entropy")  # what the cross-entropy is for the function and the layer

# fmt: off
ROWS = [
    Row("summed over the batch", *ENTROPY, slope_of_loss(lambda v, x, y: v * len(x)),
        "logistic", BACK, "cross_entropy_backward", "multiplied-by-batch-size"),
    Row("sign flipped", *ENTROPY, slope_of_loss(lambda v, *_: -v),
        "logistic", BACK, "cross_entropy_backward", "sign-flipped"),
    Row("+= in the step", F, "sgd_step", sgd(lambda p, g, lr, wd: p + lr * (g + wd * p)),
        "logistic", STEP, "sgd_step", "step-uphill"),
    Row("softmax over the batch axis", F, "softmax", softmax_over_batch,
        None, None, "softmax", "softmax-over-batch"),
    Row("log-softmax over the batch axis", F, "log_softmax", softmax_over_batch,
        None, None, "log_softmax", "softmax-over-batch"),
    Row("no max-subtraction", F, "softmax", bare_softmax,
        None, None, "softmax", "no-max-subtraction"),
    Row("log(p + 1e-7)", *ENTROPY, loss_of(lambda p: p + 1e-7),
        "logistic", (1, "loss"), "cross_entropy", "epsilon-in-log", "float64"),
    Row("softmax before the cross-entropy", *ENTROPY, softmax_twice,
        "logistic", (1, "loss"), "cross_entropy", "softmax-twice"),
    Row("p(1 - p) as softmax derivative", F, "softmax_backward",
        lambda right: lambda g, p, dim=-1: g * p * (1 - p),
        None, None, "softmax_backward", "softmax-diagonal-only"),
    Row("p(1 - p) under the cross-entropy", *ENTROPY,
        slope_of_loss(lambda v, x, y: v * onehot(x, y)),
        "logistic", BACK, "cross_entropy_backward", "right-class-only"),
    Row("weight (in, out)", F, "linear",
        lambda right: lambda x, w, b=None: x @ w + (0 if b is None else b),
        None, None, "linear", "weight-in-out"),
    Row("bias gradient over everything", F, "linear_backward", grads(2, lambda v, g, *_: g.sum()),
        "logistic", TypeError, "linear_backward", "grad-bias-over-everything"),
    Row("bias gradient not summed", F, "linear_backward", grads(2, lambda v, g, *_: g),
        "logistic", ValueError, "linear_backward", "grad-bias-not-summed"),
    Row("sigmoid derivative missing", F, "sigmoid_backward", result(lambda v, g, *_: g),
        "feedforward", BACK, "FeedForward", "sigmoid-derivative-missing"),
    Row("z(1 - z) as sigmoid derivative", nn, "Sigmoid", slope_of_pre_activation,
        "feedforward", BACK, "FeedForward", "derivative-of-pre-activation"),
    Row("ReLU mask from the gradient", F, "relu_backward",
        result(lambda v, g, *_: np.maximum(g, 0)),
        "cnn-adam", BACK, "relu_backward", "relu-mask-from-gradient"),
    Row("ReLU gradient 1 at 0", F, "relu_backward",
        lambda right: lambda g, y: np.where(y >= 0, g, 0),
        "cnn-adam", BACK, "relu_backward", "relu-mask-missing"),
    Row("a later layer updated early", models.FeedForward, "backward", updated_early,
        "feedforward", BACK, "FeedForward", None),
    Row("gradients not zeroed", optim.SGD, "zero_grad", lambda right: lambda self: None,
        "logistic", (2, "backward"), "SGD", None),
    Row("2λ", F, "sgd_step", sgd(lambda p, g, lr, wd: p - lr * (g + 2 * wd * p)),
        "logistic", STEP, "sgd_step", "decay-doubled"),
    Row("λ/N", F, "sgd_step", sgd(lambda p, g, lr, wd: p - lr * (g + wd / 150 * p)),
        "logistic", STEP, "sgd_step", None),
    Row("L2 absent", F, "sgd_step", sgd(lambda p, g, lr, wd: p - lr * g),
        "logistic", STEP, "sgd_step", "decay-missing"),
    Row("biases not decayed", optim, "SGD", undecayed_biases,
        "logistic", STEP, "SGD", "bias-not-decayed"),
    Row("AdamW", F, "adam_step", adam(before=lambda p, g, lr, wd: (p - lr * wd * p, g)),
        "linear-adam", STEP, "adam_step", "decay-decoupled"),
    Row("momentum with (1 - μ) g", optim, "SGD", momentum_as_mean,
        None, None, "SGD", "momentum-as-mean"),
    Row("dampening at step 1", optim, "SGD", dampened_at_once,
        None, None, "SGD", "dampening-at-step-1"),
    Row("velocity created anew", optim, "SGD", velocity_anew, None, None, "SGD", "velocity-anew"),
    Row("no bias correction", F, "adam_step", adam(correction=lambda beta, t: 1),
        "linear-adam", STEP, "adam_step", "bias-correction-missing"),
    Row("step counted from 0", F, "adam_step", adam(correction=lambda beta, t: 1 - beta ** (t - 1)),
        "linear-adam", FloatingPointError, "adam_step", "step-from-0"),
    Row("step counted per parameter", optim, "Adam", counted_per_parameter,
        "linear-adam", STEP, "Adam", "step-counted-per-parameter"),
    Row("epsilon inside the root", F, "adam_step",
        adam(denominator=lambda v, eps: np.sqrt(v + eps)),
        "linear-adam", STEP, "adam_step", "epsilon-inside-root"),
    Row("last batch over the full size", nn.CrossEntropyLoss, "backward", full_batch_size,
        "logistic", (3, "backward"), "fit", "divided-by-full-batch-size"),
    Row("mean of batch means", training, "evaluate", mean_of_means,
        None, None, "evaluate", "mean-of-batch-means"),
    Row("float32 beside float64", F, "linear",
        lambda right: lambda *args: right(*(a.astype("f4") for a in args)).astype(args[0].dtype),
        "logistic", (1, "forward"), "linear", ACCEPTED, "float64"),
    Row("/255 missing", training, "steps",
        lambda right: lambda m, o, x, *rest: right(m, o, 255 * x, *rest),
        "logistic", (1, "forward"), "fit", None),
    Row("activation overwritten in place", F, "sigmoid", in_place,
        None, None, "sigmoid", "input-changed"),
    Row("(N, 1) against (N,)", training, "evaluate", all_pairs,
        None, None, "evaluate", "accuracy-of-all-pairs"),
    Row("return inside the loop", training, "evaluate", first_batch_only,
        None, None, "evaluate", "return-inside-the-loop"),
    Row("images and labels shuffled apart", training, "steps", shuffled_apart,
        "logistic", (1, "loss"), "fit", "not-deterministic"),
    Row("convolution for correlation", convolution, "convolve",
        lambda right: lambda x, w, *args, **kw: right(x, w[..., ::-1, ::-1].copy(), *args, **kw),
        "cnn-adam", (1, "forward"), "conv2d", "kernel-flipped"),
    Row("NHWC against NCHW", F, "avg_pool2d", channels_last,
        None, None, "avg_pool2d", "channels-last"),
]
# fmt: on

# Rows of the list that this code cannot have, and why.
ELSEWHERE = {
    "another initialisation": "the sides are given one draw of weights; a model that agrees "
    "before is a bad case (test_lockstep)",
}
each_row = pytest.mark.parametrize("row", ROWS, ids=lambda row: row.mistake)
met = [row for row in ROWS if row.recipe]


@pytest.mark.parametrize("row", met, ids=lambda row: row.mistake)
def test_lock_step_catches_it(row: Row, monkeypatch: pytest.MonkeyPatch) -> None:
    assert row.recipe is not None
    settings = Settings(
        dtype=row.dtype, train_size=150, batch_size=64, epochs=1, weight_decay=0.01, seed=1
    )
    experiment = prepare(row.recipe, settings)
    assert compare(experiment).parity
    monkeypatch.setattr(row.owner, row.name, row.wrong(getattr(row.owner, row.name)))
    if isinstance(row.seen, type):
        with pytest.raises(row.seen):
            compare(experiment)
        return
    divergence = compare(experiment).first_divergence
    assert divergence is not None
    assert (divergence.step, divergence.phase) == row.seen


@each_row
def test_the_check_names_it(row: Row, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(row.owner, row.name, row.wrong(getattr(row.owner, row.name)))
    home = next(m for m in (F, models, optim, training) if hasattr(m, row.subject))
    (result,) = (
        result
        for result in check({row.subject: getattr(home, row.subject)}).results
        if result.name == row.subject
    )
    caught = ("fail", "unstable", "error")
    expected = ("pass",) if row.diagnosis == ACCEPTED else caught
    assert result.status in expected, result.message
    if row.diagnosis != ACCEPTED:
        assert str(row.diagnosis) in str(result.diagnosis).split("+"), result.message
