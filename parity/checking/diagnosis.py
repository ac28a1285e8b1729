"""Which known mistake is it? The one that gives the same wrong numbers on every probe."""

import pickle
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache, partial
from itertools import permutations
from typing import Any

import numpy as np
from numpy import ndarray

from parity.checking.catalogue import Mistake, compose, mistakes_of
from parity.checking.judging import FAR, Expected, Mismatch, as_arrays, find_mismatch, precision
from parity.contract.calls import Call, cast
from parity.contract.conventions import Conventions
from parity.contract.reference import reference
from parity.tolerance import allowance, is_close, scale_of

__all__ = ["EMPTY", "Trial", "diagnose", "explains"]

EMPTY = "x[pad:-pad] is empty where pad is 0"  # said by the child process of such an error
ARITHMETIC = ("OverflowError", "ZeroDivisionError", "FloatingPointError", "math domain error")


@dataclass(frozen=True)
class Trial:
    """One call, what it should give, and what the file made of it."""

    call: Call
    expected: Expected
    outcome: dict[str, Any]

    @property
    def arrays(self) -> list[ndarray | None] | None:
        """The file's results, if there are any of the right number."""
        return self.outcome.get("arrays")

    @cached_property
    def mismatch(self) -> Mismatch | None:
        """What is wrong with the arrays, to the precision that their numbers have."""
        return None if self.arrays is None else find_mismatch(self.arrays, self.expected)

    @property
    def refused(self) -> bool:
        """Whether the file does not take such a call, and need not."""
        return (
            "unsupported" in self.outcome
            or (self.call.may_raise and "raised" in self.outcome)
            or self.asserted
        )

    @property
    def asserted(self) -> bool:
        """Whether the file rules out such sizes, and may."""
        raised = self.outcome.get("raised", "")
        return self.call.may_assert and raised.startswith("raises AssertionError")


def diagnose(
    subject: str, trials: Sequence[Trial], conventions: Conventions, pairs: bool = True
) -> tuple[Mistake, ...]:
    """The mistake that explains all trials, or the two of them; none if none does.

    Single mistakes come before pairs, specific ones before general ones. Code that overflows is
    looked at again without the trials in which it does, for an overflow hides what else is wrong.
    """
    # Wrong results first: they tell the candidates apart, and most fall at the first of them.
    looked_at = [trial for trial in trials if not trial.refused]
    looked_at.sort(key=is_right)
    if all(trial.arrays is None for trial in looked_at):
        return ()  # no number to know a mistake by: arithmetic raises for many reasons
    for candidate in candidates(subject, pairs):
        if explains(subject, candidate, looked_at, conventions):
            return candidate
    finite = [trial for trial in looked_at if not overflows(trial)]
    overflow = [known for known in mistakes_of(subject) if known.id == "no-max-subtraction"]
    if overflow and 0 < len(finite) < len(looked_at):
        known = diagnose(subject, finite, conventions, pairs)
        together = (*known, overflow[0])
        if known and explains(subject, together, looked_at, conventions):
            return together
    return ()


def candidates(subject: str, pairs: bool) -> Iterator[tuple[Mistake, ...]]:
    """Each mistake of the subject, then every two of them in either order."""
    known = mistakes_of(subject)
    yield from ((mistake,) for mistake in known)
    if pairs:
        yield from ((a, b) for a, b in permutations(known, 2) if a.id != b.id)


def overflows(trial: Trial) -> bool:
    """Whether the file gave no numbers where there should be some, or arithmetic that raised."""
    if trial.arrays is None:
        return any(name in trial.outcome.get("raised", "") for name in ARITHMETIC)
    return any(
        got is not None and np.isfinite(exact).all() and not np.isfinite(got).all()
        for got, exact in zip(trial.arrays, trial.expected.arrays, strict=False)
    )


def is_right(trial: Trial) -> bool:
    """Whether the file's result of this trial is right."""
    return trial.arrays is not None and trial.mismatch is None


def explains(
    subject: str,
    candidate: tuple[Mistake, ...],
    trials: Sequence[Trial],
    conventions: Conventions,
) -> bool:
    """Whether the file's results are those of the mistake in every trial, and wrong in one."""
    wrong_function = compose(partial(remembered, subject), *candidate)
    seen = False
    for trial in trials:
        # Code that is given single precision computes in it, or in double: exp overflows at
        # 89 in the one and at 710 in the other.
        kinds = [np.float64, np.float32] if trial.expected.single else [np.float64]
        verdicts = [computes(wrong_function, subject, trial, kind, conventions) for kind in kinds]
        if "no" in verdicts and not {"wrong", "right"} & set(verdicts):
            return False
        seen = seen or "wrong" in verdicts
    return seen


def remembered(subject: str, *args: Any, **options: Any) -> Any:
    """PyTorch's `subject`; hundreds of candidates ask it for the same few calls."""
    return recall(subject, pickle.dumps((args, options)))


@lru_cache(maxsize=4096)
def recall(subject: str, pickled: bytes) -> Any:
    """PyTorch's result for arguments that can be looked up."""
    args, options = pickle.loads(pickled)
    return reference(subject)(*args, **options)


def computes(
    wrong_function: Any, subject: str, trial: Trial, kind: Any, conventions: Conventions
) -> str:
    """Whether the mistake gives what the file gave: "no", or "wrong" or "right" as both are."""
    call = trial.call
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # such as of a mean over no batch at all
            value = as_arrays(wrong_function(*cast(call.args, kind), **call.all_options))
        wrong = conventions.results(subject, call, value)
    except Exception as error:  # a mistake may well raise what the file raises
        if trial.arrays is not None:
            return "no"
        return "wrong" if type(error).__name__ in ARITHMETIC else "right"
    if not same_results(trial, wrong):
        return "no"
    return "right" if find_mismatch(list(wrong), trial.expected) is None else "wrong"


def same_results(trial: Trial, wrong: list[ndarray]) -> bool:
    """Whether the file gave the wrong arrays; code that raises where they overflow did."""
    if trial.arrays is None:
        raised = trial.outcome.get("raised", "")
        if EMPTY in raised and not wrong[0].size:
            return True
        overflows = not all(np.isfinite(array).all() for array in wrong)
        return overflows and any(name in raised for name in ARITHMETIC)
    if len(wrong) != len(trial.arrays):
        return False
    for output, (got, array) in enumerate(zip(trial.arrays, wrong, strict=True)):
        if got is None:
            continue
        if got.shape != array.shape:
            return False
        dtype = precision(got, trial.expected)
        right_scale, wrong_scale = scale_of(trial.expected.arrays[output]), scale_of(array)
        growth = max(1.0, wrong_scale / right_scale) if right_scale else 1.0
        near = allowance(dtype, wrong_scale)
        with np.errstate(all="ignore"):
            both_non_finite = ~np.isfinite(got) & ~np.isfinite(array)
            if np.all(is_close(got, array, near) | both_non_finite):
                continue
            far = FAR * max(wrong_scale, right_scale)  # a sum may cancel to rounding
            if not np.all(is_close(got, array, far) | both_non_finite):
                return False  # far off, without asking how much rounding may cost here
            allowed = near + growth * trial.expected.allowed(dtype, output)
            if not np.all(is_close(got, array, allowed) | both_non_finite):
                return False
    return True
