"""Mistakes in fit.

They take the right function and give the weights after each step; what most of them change
is the list of the steps' gradients, which is then put through the right optimizer.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy import ndarray

from parity.checking.catalogue.mistake import mistake
from parity.checking.catalogue.models import feedforward
from parity.checking.catalogue.softmaxes import probabilities

Right = Any
State = dict[str, ndarray]
Gradients = list[State | None]  # of each step; None for a step that is not made


def gradient(
    state: State, images: ndarray, labels: ndarray, loss: Callable[..., ndarray], **change: Any
) -> State:
    """The gradients of a FeedForward by name; `loss(logits, labels)` is that of the logits."""
    shape = len(images), len(state["fc2.bias"])
    logits = feedforward(state, images, np.zeros(shape))[len(state)]
    after = feedforward(state, images, loss(logits, labels), **change)
    return dict(zip(reversed(state), after[len(state) + 1 :], strict=True))


def mean_loss(logits: ndarray, labels: ndarray) -> ndarray:
    """The gradient of the mean cross-entropy."""
    return (probabilities(logits) - np.eye(logits.shape[1])[labels]) / len(labels)


def sum_loss(logits: ndarray, labels: ndarray) -> ndarray:
    """The gradient of the summed cross-entropy."""
    return mean_loss(logits, labels) * len(labels)


def true_gradients(
    states: list[State],
    images: ndarray,
    labels: ndarray,
    batches: list[ndarray],
    reduction: str = "mean",
    **change: Any,
) -> list[State]:
    """The gradients of each step."""
    loss = mean_loss if reduction == "mean" else sum_loss
    return [
        gradient(state, images[batch], labels[batch], loss, **change)
        for state, batch in zip(states, batches, strict=True)
    ]


def descend(
    states: list[State],
    gradients: Gradients,
    lrs: list[float],
    momentum: float = 0.0,
    weight_decay: float = 0.0,
    reduction: str = "mean",
) -> list[ndarray]:
    """The weights after each step of SGD with these gradients, each from its own state."""
    velocity: State = {}
    after = []
    for state, grads, lr in zip(states, gradients, lrs, strict=True):
        for name, data in state.items():
            if grads is None:
                after.append(data)
                continue
            grad = grads[name] + weight_decay * data
            velocity[name] = momentum * velocity[name] + grad if name in velocity else grad
            after.append(data - lr * velocity[name])
    return after


Change = Callable[..., Gradients]


def gradient_mistake(id: str, sentence: str, hint: str) -> Callable[[Change], Change]:
    """Enter the decorated `change(gradients, states, images, labels, batches, lrs)`."""

    def enter(change: Change) -> Change:
        @mistake("fit", id, sentence, hint)
        def wrong(
            right: Right,
            states: Any,
            images: Any,
            labels: Any,
            batches: Any,
            lrs: Any,
            **options: Any,
        ) -> Any:
            reduction = options.get("reduction", "mean")
            grads = true_gradients(states, images, labels, batches, reduction)
            changed = change(grads, states, images, labels, batches, lrs)
            return descend(states, changed, lrs, **options)

        return change

    return enter


@gradient_mistake(
    "gradients-not-zeroed",
    "The gradients of the steps before are still there: step 1 is right, step 2 takes the sum of "
    "both gradients.",
    "backward adds to .grad. Who empties it, and when?",
)
def not_zeroed(grads: Any, *_: Any) -> Gradients:
    sums: Gradients = []
    for step in grads:
        last = sums[-1] if sums else None
        sums.append({n: g + last[n] if last else g for n, g in step.items()})
    return sums


@gradient_mistake(
    "divided-by-full-batch-size",
    "The last, smaller batch is divided by the size of a full one.",
    "How many examples are there in the batch at hand?",
)
def full_size(grads: Any, states: Any, images: Any, labels: Any, batches: Any, lrs: Any) -> Any:
    return [
        {name: grad * len(batch) / len(batches[0]) for name, grad in step.items()}
        for step, batch in zip(grads, batches, strict=True)
    ]


@gradient_mistake(
    "last-batch-skipped",
    "The last, smaller batch is not trained on.",
    "How many batches are there when the batch size does not divide the data?",
)
def last_skipped(grads: Any, states: Any, images: Any, labels: Any, batches: Any, lrs: Any) -> Any:
    full = len(batches[0])
    return [
        step if len(batch) == full else None for step, batch in zip(grads, batches, strict=True)
    ]


@gradient_mistake(
    "summed-not-averaged",
    "The gradient is summed over the batch, not averaged.",
    "What should happen to the step when every example stands in the batch twice?",
)
def summed(grads: Any, states: Any, images: Any, labels: Any, batches: Any, lrs: Any) -> Any:
    return [
        {name: grad * len(batch) for name, grad in step.items()}
        for step, batch in zip(grads, batches, strict=True)
    ]


@gradient_mistake(
    "averaged-twice",
    "The gradient is divided by the batch size twice.",
    "How often does the loss divide by N?",
)
def averaged_twice(
    grads: Any, states: Any, images: Any, labels: Any, batches: Any, lrs: Any
) -> Any:
    return [
        {name: grad / len(batch) for name, grad in step.items()}
        for step, batch in zip(grads, batches, strict=True)
    ]


@gradient_mistake(
    "step-uphill",
    "The step goes up the gradient: a sign is wrong.",
    "In which direction does the loss become smaller?",
)
def uphill(grads: Any, *_: Any) -> Any:
    return [{name: -grad for name, grad in step.items()} for step in grads]


@gradient_mistake(
    "gradient-of-last-step",
    "Each step uses the gradients of the step before.",
    "In which order do forward, backward and step come?",
)
def of_last_step(grads: Any, *_: Any) -> Any:
    return [None, *grads[:-1]]


@gradient_mistake(
    "labels-of-other-images",
    "The labels are not taken with the indices of the batch: they are the first of the data.",
    "Do images and labels of a batch come from the same indices?",
)
def other_labels(grads: Any, states: Any, images: Any, labels: Any, batches: Any, lrs: Any) -> Any:
    return [
        gradient(state, images[batch], labels[: len(batch)], mean_loss)
        for state, batch in zip(states, batches, strict=True)
    ]


@gradient_mistake(
    "labels-of-other-images",
    "The images are not taken with the indices of the batch: they are the first of the data.",
    "Do images and labels of a batch come from the same indices?",
)
def other_images(grads: Any, states: Any, images: Any, labels: Any, batches: Any, lrs: Any) -> Any:
    return [
        gradient(state, images[: len(batch)], labels[batch], mean_loss)
        for state, batch in zip(states, batches, strict=True)
    ]


@gradient_mistake(
    "batch-indices-ignored",
    "Each step takes the first images of the data, whatever the batch.",
    "What are the entries of `batches`?",
)
def indices_ignored(
    grads: Any, states: Any, images: Any, labels: Any, batches: Any, lrs: Any
) -> Any:
    return [
        gradient(state, images[: len(batch)], labels[: len(batch)], mean_loss)
        for state, batch in zip(states, batches, strict=True)
    ]


@gradient_mistake(
    "whole-data-each-step",
    "Each step takes all images, not those of the batch.",
    "What are the entries of `batches`?",
)
def whole_data(grads: Any, states: Any, images: Any, labels: Any, batches: Any, lrs: Any) -> Any:
    return [gradient(state, images, labels, mean_loss) for state in states]


@gradient_mistake(
    "softmax-twice",
    "A softmax is applied to the logits before the loss, which applies one itself.",
    "What goes into the cross-entropy: logits or probabilities?",
)
def softmax_twice(grads: Any, states: Any, images: Any, labels: Any, batches: Any, lrs: Any) -> Any:
    def loss(logits: ndarray, labels: ndarray) -> ndarray:
        return mean_loss(probabilities(logits), labels)

    return [
        gradient(state, images[batch], labels[batch], loss)
        for state, batch in zip(states, batches, strict=True)
    ]


@mistake(
    "fit",
    "never-updated",
    "The weights do not change: no step is made, or the gradients are emptied before it.",
    "In which order do zero_grad, backward and step come?",
)
def never_updated(right: Right, states: Any, *args: Any, **options: Any) -> Any:
    return [data for state in states for data in state.values()]


@mistake(
    "fit",
    "velocity-anew",
    "The velocity starts from nothing at each step: momentum has no effect.",
    "Where is the optimizer made, and how often?",
)
def velocity_anew(
    right: Right, states: Any, images: Any, labels: Any, batches: Any, lrs: Any, **options: Any
) -> Any:
    options["momentum"] = 0.0
    return right(states, images, labels, batches, lrs, **options)


@mistake(
    "fit",
    "optimizer-not-used",
    "The weights change by -lr times the gradient: momentum and weight decay are left out.",
    "What does optimizer.step() do that your update does not?",
)
def plain_update(
    right: Right, states: Any, images: Any, labels: Any, batches: Any, lrs: Any, **options: Any
) -> Any:
    options.update(momentum=0.0, weight_decay=0.0)
    return right(states, images, labels, batches, lrs, **options)


@mistake(
    "fit",
    "decay-missing",
    "The weight decay is left out.",
    "What does optimizer.step() do that your update does not?",
)
def decay_missing(
    right: Right, states: Any, images: Any, labels: Any, batches: Any, lrs: Any, **options: Any
) -> Any:
    options["weight_decay"] = 0.0
    return right(states, images, labels, batches, lrs, **options)


@mistake(
    "fit",
    "lr-frozen",
    "A change of optimizer.lr has no effect: the learning rate of the start is used throughout.",
    "At which moment is the learning rate read?",
)
def lr_frozen(
    right: Right, states: Any, images: Any, labels: Any, batches: Any, lrs: Any, **options: Any
) -> Any:
    return right(states, images, labels, batches, [lrs[0]] * len(lrs), **options)


def updated_early(momentum: bool, weight_decay: bool) -> None:
    """Enter the mistake for a loop that has, or has not, the optimizer's options in its update."""

    @mistake(
        "fit",
        "later-layer-updated-early",
        "The second layer is updated before its weight is used to go back: the second layer is "
        "right, the first one off in proportion to the learning rate.",
        "With which weights was the loss computed, and are they still there when you go back?",
    )
    def wrong(
        right: Right, states: Any, images: Any, labels: Any, batches: Any, lrs: Any, **options: Any
    ) -> Any:
        options["momentum"] = options.get("momentum", 0.0) if momentum else 0.0
        options["weight_decay"] = options.get("weight_decay", 0.0) if weight_decay else 0.0
        after = right(states, images, labels, batches, lrs, **options)
        grads = []
        for step, (state, batch) in enumerate(zip(states, batches, strict=True)):
            second = after[step * len(state) + list(state).index("fc2.weight")]

            def back(
                grad_logits: ndarray, _state: State, _hidden: ndarray, second: ndarray = second
            ) -> ndarray:
                return grad_logits @ second

            loss = mean_loss if options.get("reduction", "mean") == "mean" else sum_loss
            grads.append(gradient(state, images[batch], labels[batch], loss, back=back))
        return descend(states, grads, lrs, **options)  # type: ignore[arg-type]


updated_early(True, True)
updated_early(False, True)
updated_early(False, False)
