"""Check that every program trains the same weights as PyTorch, before anything is timed.

The process of each program trains the first steps. Its weights are then compared with those of
PyTorch in float64, by the rule of `parity.tolerance`. The largest difference counts, but with Adam
the Euclidean norm of the difference.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from itertools import islice

import numpy as np
from numpy import ndarray

from benchmarks.work import Case, Work
from benchmarks.worker import Worker
from parity.backends import RecipeBackend, TorchBackend
from parity.errors import BadCaseError
from parity.tolerance import allowance
from parity.tolerance.perturbed import rounded

__all__ = ["check_parity"]

STEPS = 5
VALID_RUNS = 6
SLACK = {"jax": 100.0, "cuda": 100.0}  # their exp and convolution round differently
Weights = Mapping[str, ndarray]


def check_parity(case: Case, programs: Mapping[str, Worker]) -> None:
    """Raise BadCaseError if a program's weights after the first steps are out of tolerance.

    Programs that do not train the weights of the case (`weights` is None) are not checked.
    """
    work = case.load()
    truth, valid = reference(work)
    for name, worker in programs.items():
        weights = worker.ask("weights_after", STEPS)
        if weights is not None:
            compare(name, case, weights, truth, valid)


def reference(work: Work) -> tuple[Weights, list[Weights]]:
    """The weights after the first steps in float64, and those of equally valid float32 runs.

    The valid runs start from weights that differ by rounding, and sum each batch in another order.
    There are several of them: where a ReLU's input is about zero, rounding decides whether a
    gradient passes, and then all further steps differ by far more than rounding.
    """
    batches = list(islice(work.batches(), STEPS))
    rng = np.random.default_rng(work.seed)
    valid = [train(work, "float32", work.initial, batches)]
    for _ in range(VALID_RUNS):
        initial = rounded(work.initial, "float32", rng)
        valid.append(train(work, "float32", initial, [rng.permutation(it) for it in batches]))
    return train(work, "float64", work.initial, batches), valid


def train(work: Work, dtype: str, initial: Weights, batches: list[ndarray]) -> Weights:
    """PyTorch's weights after training on the batches."""
    backend: RecipeBackend = TorchBackend(work.recipe, dtype, work.seed)
    backend.load(initial)
    for batch in batches:
        images, labels = work.images[batch].astype(dtype), work.labels[batch]
        deque(backend.steps(images, labels, [np.arange(len(batch))]), maxlen=0)
    return backend.weights()


def compare(
    name: str, case: Case | Work, weights: Weights, truth: Weights, valid: Sequence[Weights]
) -> None:
    """Raise BadCaseError if `weights` are too far from `truth`, or the initial weights are not."""
    recipe = case.recipe
    # Where a gradient is about zero, rounding decides its sign, and Adam takes a full step in the
    # direction of that sign. So the largest difference of two correct programs says nothing.
    order = 2 if recipe.optimizer == "Adam" else np.inf
    for key, exact in truth.items():
        farthest = max(distance(run[key], exact, order) for run in valid)
        allowed = SLACK.get(name, 1.0) * allowance("float32", 1.0, farthest)
        if distance(case.initial[key], exact, order) <= allowed:
            raise BadCaseError(f"{key} before training would pass, too, so it proves nothing")
        off = distance(weights[key], exact, order)
        if not off <= allowed:
            raise BadCaseError(
                f"{recipe.name}, batch size {recipe.batch_size}: {key} of {name} is {off:.1e} of "
                f"its scale from PyTorch in float64 after {STEPS} steps, allowed is {allowed:.1e}"
            )


def distance(value: ndarray, exact: ndarray, order: float) -> float:
    """|value - exact| / |exact|, in the norm of this order; inf is the largest absolute value."""
    norms = (np.linalg.norm(array.ravel(), order) for array in (value - exact, exact))
    return float(next(norms) / next(norms))
