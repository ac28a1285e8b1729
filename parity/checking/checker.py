"""The check: every name of the contract in turn, each fed true values, each bug reported once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import starmap, zip_longest
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np

from parity.checking.catalogue import Mistake
from parity.checking.diagnosis import EMPTY, Trial, diagnose, explains
from parity.checking.judging import Mismatch, expect, find_mismatch, single_call
from parity.checking.words import example, mismatch_in_words
from parity.contract.calls import Call
from parity.contract.conventions import Conventions
from parity.contract.operations import SUBJECTS
from parity.contract.subject import Subject
from parity.sandbox.answers import KINDS, Outcome
from parity.sandbox.placeholders import reproach

__all__ = ["Checker", "Result", "Student"]

Status = Literal[
    "pass",
    "partial",  # right as far as it went
    "unstable",  # right on ordinary numbers, wrong or not finite on extreme ones
    "fail",
    "borrowed",  # computed by another library
    "missing",
    "error",
    "timeout",
]
STUB = "not written yet: raises NotImplementedError"


@runtime_checkable
class Student(Protocol):
    """The code under check."""

    @property
    def layout(self) -> Any:
        """The layout of the course whose names it has, None for the contract's."""

    def load(self) -> Outcome:
        """Run it, and tell its names."""

    def ask(self, request: dict[str, Any]) -> list[Outcome]:
        """Run some calls."""


@dataclass(frozen=True)
class Result:
    """The verdict on one name."""

    name: str
    status: Status
    diagnosis: str | None = None  # the mistake's id in the catalogue, or two joined by +
    explanation: str = ""  # one line
    hint: str = ""
    where: str = ""  # the worst number of the smallest example
    example: str = ""
    traceback: str = ""
    unchecked: tuple[str, ...] = ()  # what could not be looked at
    notes: tuple[str, ...] = ()  # what is worth knowing

    @property
    def written(self) -> bool:
        """Whether the name is there, be it as a stub."""
        return self.status != "missing" or self.explanation == STUB

    @property
    def remarks(self) -> tuple[str, ...]:
        """What was not checked, and what is worth knowing."""
        unchecked = f"not checked: {', '.join(self.unchecked)}" if self.unchecked else ""
        return (*filter(None, [unchecked]), *self.notes)

    @property
    def message(self) -> str:
        """Everything but the example and the traceback, as one paragraph."""
        hint = f"Hint: {self.hint}" if self.hint else ""
        parts = (self.explanation, self.where, hint, *self.remarks)
        return " ".join(part if part[-1] in ".?)" else f"{part}." for part in parts if part)


@dataclass
class Checker:
    """Checks one student's code."""

    student: Student
    conventions: Conventions
    seed: int = 0
    timeout: float = 10.0  # for the words only
    only: Sequence[str] = ()  # the names to look at; none for all
    names: set[str] = field(default_factory=set)
    wrong: list[str] = field(default_factory=list)  # the names that were found wrong so far
    right: set[str] = field(default_factory=set)
    asked: str = ""  # the name that is looked at: the subject's, or another way to compute it
    left_out: dict[str, dict[str, None]] = field(
        default_factory=dict
    )  # what of a name is not asked

    def run(self) -> list[Result]:
        """The verdict on each name, and first on the file if it does not run to its end."""
        loaded = self.student.load()
        self.names = set(loaded["names"])
        results = []
        if "raised" in loaded or "timeout" in loaded:
            how = loaded.get("raised") or f"does not come to its end within {self.timeout:g} s"
            found = self.names & SUBJECTS.keys()
            rest = "what it defined until then is checked below" if found else "nothing was checked"
            explanation = f"the file {how}; {rest}"
            status: Status = "timeout" if "timeout" in loaded else "error"
            trace = loaded.get("traceback", "")
            results.append(Result("file", status, explanation=explanation, traceback=trace))
            if not found:
                return results
        for subject in SUBJECTS.values():
            if subject.name not in (self.only or loaded.get("covered", SUBJECTS)):
                continue
            if subject.name not in self.names:
                results.append(Result(subject.name, "missing", explanation="not written yet"))
                continue
            further = sorted(name for name in self.names if name.startswith(f"{subject.name} ("))
            for self.asked in (subject.name, *further):
                results.append(replace(self.check(subject), name=self.asked))
                self.remember(results[-1])
        return results

    def remember(self, result: Result) -> None:
        """What a verdict means for the names that are checked later."""
        if result.status in ("pass", "partial"):
            if result.status == "pass" and not result.notes:
                self.right.add(result.name)
        elif result.status not in ("missing", "unstable"):
            self.wrong.append(result.name)

    def check(self, subject: Subject) -> Result:
        """The verdict on one name."""
        calls = self.draw(subject)
        stand_ins = self.needed_by(subject)
        trials = self.trials(subject, calls, stand_ins)
        result = self.judge(subject, trials)
        if result.diagnosis == "relu-mask-missing" and self.right_for_input(subject, calls):
            note = (
                "right for the ReLU's input, which a --map hands over; the contract has its output"
            )
            result = replace(result, notes=(*result.notes, note))
        if not self.student.layout and "softmax-over-batch" in (result.diagnosis or ""):
            note = 'right for examples in columns, of which a --map says batch = "columns"'
            result = replace(result, notes=(*result.notes, note))
        # Nothing else calls fit, and nothing of ours would stand in for it.
        blamed = [name for name in self.wrong if name not in (*stand_ins, "fit")]
        if result.status not in ("fail", "error") or not blamed or self.student.layout:
            return result  # what a course's functions call is not of the contract
        # Perhaps it only uses a function that is wrong: look again with ours in its place.
        second = self.judge(subject, self.trials(subject, calls, [*stand_ins, *blamed]))
        if second.status not in ("pass", "partial"):
            return second if second.diagnosis else result
        for name in blamed if len(blamed) > 1 else []:
            alone = self.judge(subject, self.trials(subject, calls, [*stand_ins, name]))
            if alone.status in ("pass", "partial"):
                blamed = [name]
                break
        note = f"right once {' and '.join(blamed)} {'is' if len(blamed) == 1 else 'are'}"
        return replace(second, notes=(*second.notes, note))

    def right_for_input(self, subject: Subject, calls: list[Call]) -> bool:
        """Whether a backward of ReLU would be right if it were given the input."""

        def given_input(call: Call) -> Call:
            grad_output, output = call.args
            return call.with_args(
                grad_output, np.where(output > 0, output, -1).astype(output.dtype)
            )

        result = self.judge(subject, self.trials(subject, [*map(given_input, calls)], []))
        return result.status in ("pass", "partial")

    def draw(self, subject: Subject) -> list[Call]:
        """The probes of all sizes, and those of the second size in single precision, too."""
        calls = [call for sizes in subject.sizes for call in subject.draw(self.seed, sizes)]
        if subject.large:
            calls += [
                replace(call, label=call.label or f"{subject.large[0]} rows")
                for call in subject.draw(self.seed, subject.large)[:1]
            ]
        if subject.name != "ConvNet":  # loops by hand take long enough for one
            calls += map(single_call, subject.draw(self.seed, subject.sizes[1]))
        calls = [self.conventions.adapt(subject.name, call) for call in calls]
        covered = [call for call in calls if self.covers(subject, call)]
        for label in {call.label for call in covered}:  # such a call is made, if not each of them
            self.left_out.get(subject.name, {}).pop(label, None)
        return covered

    def covers(self, subject: Subject, call: Call) -> bool:
        """Whether the course that the file is of asks for such a call."""
        if self.student.layout is None:
            return True
        left_out = self.student.layout.left_out(subject.name, call)
        if left_out:
            self.left_out.setdefault(subject.name, {}).setdefault(left_out)
        return not left_out

    def needed_by(self, subject: Subject) -> list[str]:
        """The classes that `fit` is run with and that the file does not have right."""
        if subject.name != "fit":
            return []
        return [name for name in ("FeedForward", "SGD") if name not in self.right]

    def trials(self, subject: Subject, calls: Sequence[Call], stand_ins: list[str]) -> list[Trial]:
        """Run the calls, and compute what they should give."""
        # Our own FeedForward has PyTorch's layout, whatever the file's convention.
        own = self.conventions if "FeedForward" not in stand_ins else Conventions()
        outputs = [len(subject.outputs(call)) for call in calls]
        request = {
            "subject": self.asked or subject.name,
            "stand_ins": stand_ins,
            "calls": [
                {
                    "args": own.args(subject.name, call.args),
                    "options": {**call.options, **call.file_options},
                    "outputs": count,
                }
                for call, count in zip(calls, outputs, strict=True)
            ],
        }
        answers = self.student.ask(request)
        outcomes = list(starmap(sound, zip_longest(answers, outputs)))
        ends = [at for at, one in enumerate(outcomes, 1) if "timeout" in one or ended(one)]
        outcomes = outcomes[: ends[0] if ends else None]  # nothing came after it

        def held_against(variant: Mapping[str, Any]) -> list[Trial]:
            """The trials with PyTorch's results for what a file may do as well."""
            given = [
                replace(call, reference_options={**call.reference_options, **variant})
                for call in calls
            ]
            return [
                Trial(
                    call,
                    expect(subject, call, partial(own.results, subject.name, call)),
                    outcome,
                )
                for call, outcome in zip(given, outcomes, strict=False)
            ]

        layout = self.student.layout
        variants = layout.variants(subject.name) if layout else subject.variants
        if len(variants) == 1:
            return held_against({})
        return max(map(held_against, variants), key=agreement)

    def judge(self, subject: Subject, trials: list[Trial]) -> Result:
        """Hold the trials against what they should give."""
        name, outcomes = subject.name, [trial.outcome for trial in trials]
        if all("not_written" in outcome for outcome in outcomes):
            return Result(name, "missing", explanation=STUB)
        borrowed = next((one["borrowed"] for one in outcomes if "borrowed" in one), None)
        if borrowed is not None:
            return Result(name, "borrowed", explanation=reproach(borrowed))
        if any("timeout" in outcome for outcome in outcomes):
            words = f"does not come to an end within {self.timeout:g} s"
            return Result(name, "timeout", explanation=words)
        if self.student.layout and all("unsupported" in outcome for outcome in outcomes):
            words = str(outcomes[0]["unsupported"])
            self.left_out.setdefault(name, {}).setdefault(words)
            return Result(name, "missing", explanation=f"not checked: {words}")
        if all("unsupported" in outcome for outcome in outcomes):
            words = f"{outcomes[0]['unsupported']}, expected ({', '.join(subject.arguments)})"
            return Result(name, "error", explanation=words)
        lost = next((one["lost"] for one in outcomes if "lost" in one), None)
        if lost is not None or not trials:
            words = f"the run gave {lost or 'no call'}, so that nothing is known"
            return Result(name, "error", explanation=words)
        unchecked = self.unchecked(subject, trials)
        notes: tuple[str, ...] = ()
        mismatches = [(trial, mismatch) for trial in trials if (mismatch := first_mismatch(trial))]
        if mismatches:
            result = replace(self.explain(subject, trials, mismatches), unchecked=unchecked)
            only_extreme = all(trial.call.extreme for trial, _ in mismatches)
            return replace(result, status="unstable") if only_extreme else result
        if coarse(trials):
            known = diagnose(name, trials, self.conventions, pairs=False)
            if known:
                worst = [(trial, trial.mismatch) for trial in trials if trial.mismatch]
                return replace(self.explain(subject, trials, worst), unchecked=unchecked)
            notes = ("agrees to single precision",)
        changed = sorted({index for outcome in outcomes for index in outcome.get("changed", ())})
        if changed:
            words = " and ".join(subject.arguments[index] for index in changed)
            return Result(
                name,
                "fail",
                "input-changed",
                f"changes {words} in place, under the hands of the caller",
                "Which operators write into the array that they are given?",
                unchecked=unchecked,
            )
        status: Status = "partial" if unchecked else "pass"
        return Result(name, status, unchecked=unchecked, notes=notes)

    def unchecked(self, subject: Subject, trials: list[Trial]) -> tuple[str, ...]:
        """What the file does not take, and what it does not have."""
        taken = {trial.call.label for trial in trials if trial.arrays is not None}
        unsupported = [
            # What a layout refuses, it says in its own words.
            (trial.asserted and "windows that leave a rest of the image")
            or (self.student.layout and trial.outcome.get("unsupported"))
            or trial.call.label
            or trial.outcome["unsupported"]
            for trial in trials
            if trial.refused
            and (trial.asserted or not (trial.call.label and trial.call.label in taken))
        ]
        for trial in trials:
            names = subject.outputs(trial.call)
            absent = [
                name for name, one in zip(names, trial.arrays or (), strict=False) if one is None
            ]
            unsupported += ["backward"] if absent and subject.role == "class" else absent
        return tuple(dict.fromkeys(unsupported))

    def explain(
        self, subject: Subject, trials: list[Trial], mismatches: list[tuple[Trial, Mismatch]]
    ) -> Result:
        """The cause, and the smallest example."""
        known = diagnose(subject.name, trials, self.conventions)
        # A slice that padding 0 makes empty is plain to see; what else is wrong comes first.
        known = tuple(sorted(known, key=lambda mistake: mistake.id == "slice-with-padding-0"))
        mismatches = sorted(mismatches, key=lambda item: is_empty(item[0]))
        trial, mismatch = mismatches[0]
        if not known and self.varies(subject, trial):
            return Result(
                subject.name,
                "fail",
                "not-deterministic",
                "wrong, and otherwise when it is called again with the same arguments: something "
                "is drawn at random inside, or kept from one call to the next",
                "What is random here, or left over from the call before?",
                mismatch_in_words(subject, trial.call, mismatch),
            )
        if known:
            numbers = [item for item in mismatches if item[1].kind != "raises"]
            trial, mismatch = (numbers or mismatches)[0]
        trial, mismatch = self.shrink(subject, trial, mismatch, known)
        raised = all(mismatch.kind == "raises" for _, mismatch in mismatches)
        words = " ".join(mistake.sentence for mistake in known)
        if not known:
            words = "raises" if raised else f"wrong, cause not recognised{self.factor(mismatches)}"
            words = mismatch.got if raised else words
        label = f" ({trial.call.label})" if trial.call.label else ""
        where = mismatch_in_words(subject, trial.call, mismatch)
        return Result(
            subject.name,
            "error" if raised and not known else "fail",
            "+".join(sorted(mistake.id for mistake in known)) or None,
            words + ("" if known or not raised else label),
            " ".join(mistake.hint for mistake in known),
            "" if raised and not known else where + label,
            example(
                subject,
                trial.call,
                self.conventions,
                trial.arrays,
                trial.expected.arrays,
                mismatch.output,
            ),
            trial.outcome.get("traceback", ""),
        )

    def varies(self, subject: Subject, trial: Trial) -> bool:
        """Whether the same call now gives something else."""
        if trial.arrays is None:
            return False
        (again,) = self.trials(subject, [trial.call], self.needed_by(subject))
        return again.arrays is not None and not all(
            first is None or second is None or np.array_equal(first, second, equal_nan=True)
            for first, second in zip(trial.arrays, again.arrays, strict=True)
        )

    def factor(self, mismatches: list[tuple[Trial, Mismatch]]) -> str:
        """What stands out about the wrong numbers, if they are all in one proportion."""
        ratios = [
            mismatch.got / mismatch.expected
            for _, mismatch in mismatches
            if mismatch.kind == "values" and mismatch.expected
        ]
        several = len({mismatch.expected for _, mismatch in mismatches}) > 1
        if (
            several
            and len(ratios) == len(mismatches)
            and max(ratios) - min(ratios) < 1e-6 * abs(ratios[0])
        ):
            numbers = not any(mismatch.index for _, mismatch in mismatches)
            where = "" if numbers else ", wherever it is most off"
            return f"; it is {ratios[0]:.6g} times what it should be{where}"
        return ""

    def shrink(
        self, subject: Subject, trial: Trial, mismatch: Mismatch, known: tuple[Mistake, ...]
    ) -> tuple[Trial, Mismatch]:
        """The same mismatch at the smallest sizes that show it."""
        sizes = next(
            (
                s
                for s in (*subject.sizes, subject.large)
                if s
                for call in self.redraw(subject, s)
                if same(call, trial.call)
            ),
            None,
        )
        if sizes is None or not subject.shrinks or ended(trial.outcome):
            return trial, mismatch
        position = 0
        while position < len(sizes):
            for smaller in smaller_sizes(sizes[position]):
                candidate = (*sizes[:position], smaller, *sizes[position + 1 :])
                found = self.fails_at(subject, candidate, trial.call.label, mismatch.kind)
                if found and (
                    not known or explains(subject.name, known, [found[0]], self.conventions)
                ):
                    sizes, (trial, mismatch) = candidate, found
                    break
            position += 1
        return trial, mismatch

    def redraw(self, subject: Subject, sizes: tuple[int, ...]) -> list[Call]:
        """The probes of these sizes, adapted."""
        return [
            self.conventions.adapt(subject.name, call) for call in subject.draw(self.seed, sizes)
        ]

    def fails_at(
        self, subject: Subject, sizes: tuple[int, ...], label: str, kind: str
    ) -> tuple[Trial, Mismatch] | None:
        """A call of this label that fails in this way at these sizes."""
        calls = [call for call in self.redraw(subject, sizes) if call.label == label]
        if not calls:
            return None
        stand_ins = self.needed_by(subject)
        for trial in self.trials(subject, calls, stand_ins):
            mismatch = first_mismatch(trial)
            if mismatch and mismatch.kind == kind:
                return trial, mismatch
        return None


def first_mismatch(trial: Trial) -> Mismatch | None:
    """What is wrong in a trial, to the precision of single numbers where that is all it has."""
    outcome = trial.outcome
    if trial.refused:
        return None
    for kind in ("raised", "bad_result"):
        if kind in outcome:
            return Mismatch("raises", got=outcome[kind])
    if "not_written" in outcome:
        return Mismatch("raises", got="raises NotImplementedError")
    if trial.mismatch is None:
        return None
    return find_mismatch(outcome["arrays"], trial.expected, "float32")


def is_empty(trial: Trial) -> bool:
    """Whether an array came back with nothing in it, or was put somewhere."""
    return EMPTY in trial.outcome.get("raised", "") or any(
        one is not None and not one.size for one in trial.arrays or ()
    )


def sound(outcome: Any, outputs: int) -> Outcome:
    """The outcome of a call; a `lost` one for none, or for one that says nothing."""
    if not isinstance(outcome, dict) or not outcome.keys() & KINDS:
        return {"lost": "no answer to a call"}
    if "arrays" in outcome and (
        not isinstance(outcome["arrays"], list) or len(outcome["arrays"]) != outputs
    ):
        return {"lost": "an answer without its arrays"}
    return outcome


def agreement(trials: list[Trial]) -> tuple[int, int, int]:
    """How many of the first outputs are right, how many trials, and how many outputs about."""
    misfits = [trial.mismatch for trial in trials if trial.arrays is not None]
    first = [mismatch for mismatch in misfits if mismatch is None or mismatch.output > 0]
    near = [
        got.shape == exact.shape and np.allclose(got, exact, 1e-4)
        for trial in trials
        for got, exact in zip(trial.arrays or (), trial.expected.arrays, strict=False)
        if got is not None
    ]
    return len(first), misfits.count(None), sum(near)


def ended(outcome: Outcome) -> bool:
    """Whether the process ended in this call, so that there is no answer to those after it."""
    return "raised" in outcome and not outcome.get("traceback")


def smaller_sizes(size: int) -> list[int]:
    """What a size may be made: each up to 8, then twice as large each time."""
    return [*range(1, min(size, 9)), *(2**k for k in range(4, 10) if 2**k < size)]


def coarse(trials: list[Trial]) -> bool:
    """Whether double precision came back, and single precision is all that was right of it."""
    return any(trial.mismatch for trial in trials)


def same(call: Call, other: Call) -> bool:
    """Whether two calls were drawn alike."""
    shapes = [getattr(arg, "shape", None) for arg in call.args]
    dtypes = [getattr(arg, "dtype", None) for arg in call.args]
    return (
        call.label == other.label
        and shapes == [getattr(arg, "shape", None) for arg in other.args]
        and dtypes == [getattr(arg, "dtype", None) for arg in other.args]
    )
