"""What a child process answers, as far as it makes sense: nothing in it is trusted.

Every answer is either an outcome of the agreed form or becomes one that says what was wrong with
it. Words that came from the child have their control characters escaped.
"""

from typing import Any

import numpy as np

__all__ = ["KINDS", "Outcome", "escaped", "loaded", "outcomes"]

Outcome = dict[str, Any]

WORDS = {
    "raised",
    "bad_result",
    "unsupported",
    "borrowed",
    "layout_error",
}  # one says what happened
KINDS = {"arrays", "timeout", "not_written", *WORDS}  # of an outcome, which is one of them
LONGEST = 20_000  # characters of a message that are kept


class Senseless(Exception):  # noqa: N818 - said of the child
    """The answer does not have the form that was agreed on; the message says how."""


def escaped(text: str, keep: str = "") -> str:
    """The text with what is not printable as an escape, other than the characters to `keep`."""
    return "".join(
        one if one.isprintable() or one in keep else one.encode("unicode_escape").decode()
        for one in text[:LONGEST]
    )


def loaded(answer: Any) -> Outcome:
    """The outcome of loading a file: its `names`, what was `left_out`, and how it stopped."""
    try:
        check_keys(answer, {"names", "left_out", "traceback", "line", "timeout", *WORDS, "alone"})
        outcome = words_of(answer)
        for key in ("names", "left_out"):
            outcome[key] = [escaped(str(one)) for one in list_of(answer.get(key, []), str)]
        return outcome
    except Senseless as reason:
        return {"raised": f"answers with {reason}", "traceback": "", "names": [], "left_out": []}


def outcomes(answer: Any, calls: list[dict[str, Any]]) -> list[Outcome]:
    """An outcome for each of the calls; fewer where the last says why the rest is missing."""
    found: list[Outcome] = []
    try:
        check_keys(answer, {"outcomes"})
        for call, one in zip(calls, list_of(answer["outcomes"], dict), strict=False):
            found.append(outcome_of(one, call["outputs"], len(call["args"])))
        complete = len(found) == len(calls) or (found and "timeout" in found[-1])
        if not complete or len(answer["outcomes"]) > len(calls):
            count = len(answer["outcomes"])
            raise Senseless(f"the results of {count} calls, expected {len(calls)}")
    except Senseless as reason:
        found.append({"raised": f"answers with {reason}", "traceback": "", "changed": []})
    return found


def outcome_of(answer: Any, outputs: int, arguments: int) -> Outcome:
    """The outcome of one call; raises Senseless."""
    check_keys(answer, {"changed", "traceback", "line", *KINDS})
    outcome = words_of(answer)
    changed = list_of(answer.get("changed", []), int)
    if not all(0 <= index < arguments for index in changed):
        raise Senseless("an argument that there is not")
    outcome["changed"] = changed
    if "arrays" in answer:
        arrays = list_of(answer["arrays"], np.ndarray | None)
        if len(arrays) != outputs or all(array is None for array in arrays):
            raise Senseless(f"{len(arrays)} arrays, expected {outputs}")
        outcome["arrays"] = arrays
    kinds = outcome.keys() & KINDS
    if len(kinds) != 1:
        raise Senseless(f"{' and '.join(sorted(kinds)) or 'nothing'} for one call")
    return outcome


def words_of(answer: dict[str, Any]) -> Outcome:
    """The parts of an outcome that are words or marks; raises Senseless."""
    outcome: Outcome = {}
    for key in answer.keys() & {"timeout", "not_written"}:
        if answer[key] is not True:
            raise Senseless(f"{key} that is {type(answer[key]).__name__}")
        outcome[key] = True
    for key in answer.keys() & (WORDS | {"traceback", "alone"}):
        if not isinstance(answer[key], str):
            raise Senseless(f"{key} that is {type(answer[key]).__name__}")
        outcome[key] = escaped(answer[key], "\n" if key == "traceback" else "")
    if "line" in answer:
        if type(answer["line"]) is not int:
            raise Senseless("a line that is no number")
        outcome["line"] = answer["line"]
    return outcome


def check_keys(answer: Any, allowed: set[str]) -> None:
    """Raises Senseless for anything but a dict with some of the keys."""
    if not isinstance(answer, dict):
        raise Senseless(f"{type(answer).__name__}, expected an object")
    strange = sorted(answer.keys() - allowed)
    if strange:
        raise Senseless(f"the unknown key {escaped(strange[0])[:40]!r}")


def list_of(value: Any, kind: Any) -> list[Any]:
    """The value, if it is a list of that kind; raises Senseless."""
    if not isinstance(value, list) or not all(isinstance(one, kind) for one in value):
        raise Senseless("a list of something else than was agreed on")
    return value
