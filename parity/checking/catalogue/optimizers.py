"""Mistakes in the classes SGD and Adam; `states`, `grads` and `lrs` have an entry for each step."""

from functools import partial
from typing import Any

import numpy as np
from numpy import ndarray

from parity.checking.catalogue.mistake import CATALOGUE, Mistake, mistake
from parity.checking.catalogue.steps import DECAY_SIGN, adam

Right = Any
Steps = list[list[ndarray]]


def per_parameter(run: Any, states: Steps, grads: Steps, lrs: list[float]) -> list[ndarray]:
    """Run each parameter by itself, as `run(index, states, grads, lrs)`; back in step order."""
    runs = [
        run(index, [step[index] for step in states], [step[index] for step in grads], lrs)
        for index in range(len(states[0]))
    ]
    return [after for step in zip(*runs, strict=True) for after in step]


@mistake(
    "SGD Adam",
    "bias-not-decayed",
    "A bias is not decayed; PyTorch decays every parameter that the optimizer is given.",
    "Which parameters does the weight decay leave out?",
)
def bias_not_decayed(
    right: Right, states: Any, grads: Any, lrs: Any, weight_decay: float = 0.0, **options: Any
) -> list[ndarray]:
    def run(_index: int, states: Any, grads: Any, lrs: Any) -> Any:
        decay = 0.0 if states[0].ndim == 1 else weight_decay
        of_one = right(
            [[s] for s in states], [[g] for g in grads], lrs, weight_decay=decay, **options
        )
        return list(of_one)

    return per_parameter(run, states, grads, lrs)


@mistake(
    "SGD Adam",
    "step-uphill",
    "The step goes up the gradient: a sign is wrong.",
    "In which direction does the loss become smaller?",
)
def uphill(right: Right, states: Any, grads: Any, lrs: Any, **options: Any) -> Any:
    before = [data for state in states for data in state]
    after = right(states, grads, lrs, **options)
    return [2 * data - moved for data, moved in zip(before, after, strict=True)]


@mistake("SGD", *DECAY_SIGN)
def decay_sign(
    right: Right, states: Any, grads: Any, lrs: Any, weight_decay: float = 0.0, **options: Any
) -> Any:
    # The steps are linear in the decay.
    without = right(states, grads, lrs, **options)
    decayed = right(states, grads, lrs, weight_decay=weight_decay, **options)
    return [2 * one - other for one, other in zip(without, decayed, strict=True)]


@mistake(
    "SGD Adam",
    "lr-frozen",
    "A change of `.lr` has no effect: the learning rate of the start is used throughout.",
    "At which moment does the step read the learning rate?",
)
def lr_frozen(right: Right, states: Any, grads: Any, lrs: Any, **options: Any) -> Any:
    return right(states, grads, [lrs[0]] * len(lrs), **options)


@mistake(
    "SGD Adam",
    "first-parameter-only",
    "Only the first parameter is updated.",
    "Does the loop come to its second turn?",
)
def first_only(right: Right, states: Any, grads: Any, lrs: Any, **options: Any) -> Any:
    after = right(states, grads, lrs, **options)
    before = [data for state in states for data in state]
    count = len(states[0])
    return [after[i] if i % count == 0 else before[i] for i in range(len(after))]


@mistake(
    "SGD Adam",
    "never-updated",
    "The parameters are as before: the step computes new arrays, but does not put them in place.",
    "Does `p.data` change, or only a local name?",
)
def never_updated(right: Right, states: Any, grads: Any, lrs: Any, **options: Any) -> Any:
    return [data for state in states for data in state]


@mistake(
    "SGD",
    "velocity-anew",
    "Momentum has no effect: the velocity starts from nothing at each step, so that the first step "
    "is right and the others are plain SGD, or there is none.",
    "Where is the velocity kept from one step to the next?",
)
def velocity_anew(right: Right, states: Any, grads: Any, lrs: Any, **options: Any) -> Any:
    after: list[ndarray] = []
    for state, grad, lr in zip(states, grads, lrs, strict=True):
        after += right([state], [grad], [lr], **options)
    return after


def velocities(
    states: list[ndarray],
    grads: list[ndarray],
    lrs: list[float],
    momentum: float = 0.0,
    dampening: float = 0.0,
    weight_decay: float = 0.0,
    nesterov: bool = False,
    first: Any = lambda grad, dampening: grad,
    update: Any = None,
    look_ahead: bool = True,
    decay_apart: bool = False,
    lr_inside: bool = False,
) -> list[ndarray]:
    """SGD of one parameter, with what people get wrong as arguments."""
    velocity: Any = None
    after = []
    for param, gradient, lr in zip(states, grads, lrs, strict=True):
        grad = gradient if decay_apart else gradient + weight_decay * param
        new = lr * grad if lr_inside else grad
        if velocity is None:
            velocity = first(new, dampening) if momentum else new
        elif momentum:
            velocity = (update or (lambda v, g, mu, d: mu * v + (1 - d) * g))(
                velocity, new, momentum, dampening
            )
        else:
            velocity = new
        step = new + momentum * velocity if nesterov and look_ahead else velocity
        if not lr_inside:
            step = lr * step
        after.append(param - step - (lr * weight_decay * param if decay_apart else 0))
    return after


def sgd_with(**change: Any) -> Any:
    """An SGD with something changed."""

    def wrong(right: Right, states: Any, grads: Any, lrs: Any, **options: Any) -> Any:
        def run(_index: int, states: Any, grads: Any, lrs: Any) -> Any:
            return velocities(states, grads, lrs, **{**options, **change})

        return per_parameter(run, states, grads, lrs)

    return wrong


@mistake(
    "SGD",
    "momentum-as-mean",
    "The new gradient enters the velocity with the share 1 - μ, as in a running mean; PyTorch adds "
    "it whole.",
    "With a constant gradient and μ = 0.9, how long should the steps become?",
)
def mean_from_the_start(
    right: Right, states: Any, grads: Any, lrs: Any, momentum: float = 0.0, **options: Any
) -> Any:
    # The velocity is linear in the gradients: a share of each is a share of every step.
    options["dampening"] = 0.0
    return right(states, grads, [(1 - momentum) * lr for lr in lrs], momentum=momentum, **options)


for id, sentence, hint, change in (
    (
        "momentum-as-mean",
        "From the second step on the new gradient enters the velocity with the share 1 - μ; "
        "PyTorch adds it whole.",
        "With a constant gradient and μ = 0.9, how long should the steps become?",
        {"update": lambda v, g, mu, d: mu * v + (1 - mu) * g},
    ),
    (
        "dampening-at-step-1",
        "The dampening acts at the first step, too, where PyTorch skips it.",
        "What is the velocity before there is one?",
        {"first": lambda grad, dampening: (1 - dampening) * grad},
    ),
    (
        "dampening-ignored",
        "The dampening is not looked at.",
        "Which argument is never used?",
        {"dampening": 0.0},
    ),
    (
        "nesterov-ignored",
        "There is no look-ahead: this is ordinary momentum.",
        "Which argument is never used?",
        {"nesterov": False},
    ),
    (
        "lr-in-velocity",
        "The learning rate is multiplied into the velocity; it is the same until the rate changes. "
        "PyTorch multiplies the velocity by the present rate.",
        "After the learning rate is lowered, how long are the steps of the old gradients?",
        {"lr_inside": True},
    ),
    (
        "decay-decoupled",
        "The decay does not pass through the velocity; PyTorch adds it to the gradient.",
        "At which point does the decay enter: before or after the momentum?",
        {"decay_apart": True},
    ),
):
    mistake("SGD", id, sentence, hint)(sgd_with(**change))


def adam_run(
    step_function: Any, states: Any, grads: Any, lrs: Any, count: Any = None, **options: Any
) -> list[ndarray]:
    """Adam, a call of `step_function` for each parameter and step."""

    def run(index: int, states: Any, grads: Any, lrs: Any) -> Any:
        m = v = np.zeros(states[0].shape)
        after = []
        for number, (param, grad, lr) in enumerate(zip(states, grads, lrs, strict=True), start=1):
            at = count(number, index) if count else number
            new, m, v = step_function(param, grad, m, v, at, lr=lr, **options)
            after.append(new)
        return after

    return per_parameter(run, states, grads, lrs)


@mistake(
    "Adam",
    "step-counted-per-parameter",
    "The step is counted up for each parameter: the first one is right, the next are corrected as "
    "if they were steps further on.",
    "How often in one step is the counter raised?",
)
def counted_per_parameter(right: Right, states: Any, grads: Any, lrs: Any, **options: Any) -> Any:
    count = len(states[0])
    return adam_run(
        adam, states, grads, lrs, lambda number, index: (number - 1) * count + index + 1, **options
    )


@mistake(
    "Adam",
    "moments-anew",
    "The moments start from nothing at each step.",
    "Where are the moments kept from one step to the next?",
)
def moments_anew(right: Right, states: Any, grads: Any, lrs: Any, **options: Any) -> Any:
    def forgetting(param: Any, grad: Any, m: Any, v: Any, step: int, **options: Any) -> Any:
        return adam(param, grad, 0 * m, 0 * v, step, **options)

    return adam_run(forgetting, states, grads, lrs, **options)


@mistake(
    "Adam",
    "moments-anew",
    "Moments and count start from nothing at each step, so that each is a first step.",
    "What is kept from one step to the next, and where?",
)
def moments_and_count_anew(right: Right, states: Any, grads: Any, lrs: Any, **options: Any) -> Any:
    after: list[ndarray] = []
    for state, grad, lr in zip(states, grads, lrs, strict=True):
        after += right([state], [grad], [lr], **options)
    return after


@mistake(
    "Adam",
    "step-not-counted",
    "The step stays at 1.",
    "Where is the counter raised?",
)
def not_counted(right: Right, states: Any, grads: Any, lrs: Any, **options: Any) -> Any:
    return adam_run(adam, states, grads, lrs, lambda number, index: 1, **options)


def lifted(known: Mistake) -> Any:
    """A mistake of adam_step, made at each step of Adam."""

    def wrong(right: Right, states: Any, grads: Any, lrs: Any, **options: Any) -> Any:
        return adam_run(partial(known.wrong, adam), states, grads, lrs, **options)

    return wrong


present = {known.id for known in CATALOGUE if "Adam" in known.subjects}
present.add("old-moments-returned")  # which is moments-anew here
for known in [known for known in CATALOGUE if known.subjects == ("adam_step",)]:
    if known.id not in present:
        mistake("Adam", known.id, known.sentence, known.hint)(lifted(known))
