"""What is graded is kept: an interrupted run goes on, and what changed is graded again."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from parity.grading.one import Job
from parity.grading.run import Kept, graded
from parity.grading.settings import Grading
from parity.grading.submissions import Submission
from parity.system.jobs import Lost, Pool

ANN, BOB = (
    Submission(name, f"{name}.py", f"{name}.py", {f"{name}.py": name.encode()})
    for name in ("ann", "bob")
)


@dataclass(frozen=True)
class Here(Pool):
    """Makes the calls in this process, and remembers which; some of them lose their worker."""

    losing: str = ""
    called: list[str] = field(default_factory=list)

    def run(
        self, function: Callable[[Any], Any], arguments: Sequence[Any]
    ) -> Iterator[tuple[int, Any]]:
        for index, job in enumerate(arguments):
            assert isinstance(job, Job)
            self.called.append(job.main)
            lost = job.main.startswith(self.losing or "-")
            yield index, Lost if lost else {"results": [], "of": job.main, "seed": job.seed}


def grade(
    folder: Path,
    handed_in: Sequence[Submission],
    grading: Grading | None = None,
    seed: int | None = None,
    pool: Here | None = None,
    stop_after: int = 99,
) -> tuple[list[str], list[Any]]:
    """Which files were checked, and the answers."""
    pool = pool or Here()

    @contextmanager
    def track(total: int) -> Iterator[Callable[[object], bool]]:
        yield lambda index: isinstance(index, int) and index + 1 >= stop_after

    kept = Kept(folder, seed)
    return pool.called, graded(handed_in, grading or Grading(), kept, "none", pool, track)


def test_what_is_graded_is_not_graded_again(tmp_path: Path) -> None:
    _, before = grade(tmp_path, [ANN, BOB])
    called, after = grade(tmp_path, [ANN, BOB])
    assert called == []
    assert after == before


def test_an_interrupted_run_goes_on_where_it_was(tmp_path: Path) -> None:
    _, before = grade(tmp_path, [ANN, BOB], stop_after=1)
    assert [answer is None for answer in before] == [False, True]
    called, _ = grade(tmp_path, [ANN, BOB])
    assert called == ["bob.py"]


CHANGES: dict[str, dict[str, Any]] = {
    "the seed": {"seed": 5},
    "the layout": {"grading": Grading(layout="dlai")},
    "the map": {"grading": Grading(map="m.toml", map_content=b"other")},
    "the names": {"grading": Grading(points={"relu": 1.0})},
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_changes_the_verdict_is_graded_again(tmp_path: Path, change: str) -> None:
    before = {"seed": 4, "grading": Grading(map="m.toml" * (change == "the map"))}
    grade(tmp_path, [ANN], **before)  # type: ignore[arg-type]
    called, _ = grade(tmp_path, [ANN], **{**before, **CHANGES[change]})
    assert called == ["ann.py"]


def test_a_changed_file_alone_is_graded_again(tmp_path: Path) -> None:
    grade(tmp_path, [ANN, BOB])
    called, _ = grade(tmp_path, [replace(ANN, contents={"ann.py": b"new"}), BOB])
    assert called == ["ann.py"]


def test_the_seed_is_drawn_for_each_folder_and_stays_with_it(tmp_path: Path) -> None:
    first, again, other = (Kept(tmp_path / name, None).seed for name in ("one", "one", "other"))
    assert first == again
    assert first != other


def test_a_lost_worker_is_one_error_and_is_tried_again(tmp_path: Path) -> None:
    _, (ann, bob) = grade(tmp_path, [ANN, BOB], pool=Here(losing="ann"))
    assert "was ended" in ann["error"]
    assert bob["of"] == "bob.py"
    called, _ = grade(tmp_path, [ANN, BOB])
    assert called == ["ann.py"]


def test_a_damaged_answer_is_made_again(tmp_path: Path) -> None:
    grade(tmp_path, [ANN])
    (file,) = (one for one in (tmp_path / "kept").iterdir() if one.name != "seed.json")
    file.write_text('{"results"')
    called, (answer,) = grade(tmp_path, [ANN])
    assert called == ["ann.py"]
    assert json.loads(file.read_text()) == answer


def test_a_submission_with_a_problem_is_not_run(tmp_path: Path) -> None:
    called, (answer,) = grade(tmp_path, [Submission("ann", "ann", problem="has two files")])
    assert called == []
    assert answer == {"error": "has two files"}
