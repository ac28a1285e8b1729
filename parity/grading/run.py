"""A run of grading: what is graded is kept, the rest goes to the workers."""

import hashlib
import json
import secrets
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from parity.errors import InputError
from parity.grading.one import Job, check_one
from parity.grading.settings import Grading
from parity.grading.submissions import Submission
from parity.sandbox.isolation import Isolation
from parity.system import files, jsonfile
from parity.system.jobs import Lost, Pool
from parity.system.version import __version__

__all__ = ["Kept", "graded"]

LARGEST = 64 * 2**20  # bytes of a kept answer
LOST = {"error": "the process that checked it was ended, by the system or by the file"}


class Kept:
    """What is graded already, in the output folder: an answer for each file and its settings."""

    def __init__(self, folder: Path, seed: int | None) -> None:
        self.folder = folder / "kept"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"output: cannot make {folder}: {error.strerror}") from None
        self.seed = self.seed_of(seed)

    def seed_of(self, given: int | None) -> int:
        """The seed that was given, or that of the run before, or a new one."""
        path = self.folder / "seed.json"
        if given is None and path.is_file():
            before = self.read(path)
            if isinstance(before, int) and before >= 0:
                return before
        seed = secrets.randbelow(2**32) if given is None else given
        jsonfile.write(path, seed)
        return seed

    def read(self, path: Path) -> Any:
        """What a file holds; None if it is not there or damaged: then it is made again."""
        try:
            return json.loads(files.read(path, LARGEST, "output"))
        except (InputError, ValueError):
            return None

    def key(self, job: Job) -> str:
        """Changes with whatever the answer depends on."""
        parts = [__version__, job.main, job.isolation, str(job.seed), job.grading.fingerprint()]
        parts += [
            f"{name}:{hashlib.sha256(job.contents[name]).hexdigest()}"
            for name in sorted(job.contents)
        ]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()

    def answer(self, key: str) -> Any:
        """What was kept under the key, None for nothing."""
        answer = self.read(self.folder / f"{key}.json")
        return answer if isinstance(answer, dict) else None

    def keep(self, key: str, answer: dict[str, Any]) -> None:
        """Write an answer."""
        jsonfile.write(self.folder / f"{key}.json", answer)


def graded(
    submissions: Sequence[Submission],
    grading: Grading,
    kept: Kept,
    isolation: Isolation,
    pool: Pool,
    track: Callable[[int], Any],
) -> list[dict[str, Any] | None]:
    """The answer for each submission; None for those that an interruption left out.

    Equal files are checked once. `track(total)` is a context that gives what to call after each
    check, whose true answer ends the run.
    """
    jobs = {}  # by key
    keys: list[str | None] = []
    for one in submissions:
        if one.problem:
            keys.append(None)
            continue
        job = Job(one.main, one.contents, grading, kept.seed, isolation)
        keys.append(kept.key(job))
        jobs[keys[-1]] = job
    answers = {key: kept.answer(str(key)) for key in jobs}
    waiting = [key for key, answer in answers.items() if answer is None]
    with track(len(waiting)) as advance:
        for index, result in pool.run(check_one, [jobs[key] for key in waiting]):
            key = waiting[index]
            answers[key] = LOST if result is Lost else result
            if result is not Lost:  # else it is tried again the next time
                kept.keep(str(key), result)
            if advance(index):
                break
    return [
        {"error": one.problem} if key is None else answers[key]
        for one, key in zip(submissions, keys, strict=True)
    ]
