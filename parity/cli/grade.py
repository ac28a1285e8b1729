"""`parity grade`: a class's files, graded."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from parity.cli.exits import INTERRUPTED
from parity.cli.working import Working

__all__ = ["Grade"]


@dataclass(kw_only=True)
class Grade(Working):
    """Check the files of a whole class: points, a page for each student, a summary."""

    submissions: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="SUBMISSIONS")]
    """A folder of files, folders and notebooks, or a zip as a learning platform exports it."""
    config: Path | None = None
    """What counts, and for how many points; by default the grading.toml beside SUBMISSIONS."""
    output: Path = Path("grades")
    """The folder of the grades and pages; made if it is not there."""
    isolation: Literal["required", "auto", "none"] = "required"
    """Whether the files must run in bubblewrap, do where that is installed, or do not."""
    seed: int | None = None
    """Of the probes; by default drawn, and kept in the output folder."""
    json: Path | None = None
    """Write the answer to this file, too, as JSON."""

    def run(self) -> int:
        """Exit code 0 if all was graded, whatever the grades are; 130 if Ctrl-C ended it."""
        from parity.errors import InputError
        from parity.grading.grades import Grades
        from parity.grading.run import Kept, graded
        from parity.grading.settings import read_grading
        from parity.grading.submissions import not_read, read_submissions
        from parity.sandbox import isolation
        from parity.system import files, jsonfile
        from parity.system.console import console, show_path, track

        pool = self.pool()
        if self.seed is not None and self.seed < 0:
            raise InputError(f"seed is {self.seed}, expected at least 0")
        # Not `resolve`, which raises an error for a link to itself.
        beside = Path(os.path.realpath(self.submissions)).parent / "grading.toml"
        config = self.config or (beside if beside.is_file() else None)
        if config is None and (self.submissions / "grading.toml").is_file():
            raise InputError(
                f"config: grading.toml lies in {self.submissions}, expected it beside that folder, "
                "or --config FILE"
            )
        files.check_outputs({"json": self.json}, {"config": config})
        grading = read_grading(config)
        submissions = read_submissions(self.submissions, grading.file)
        if self.backend == "loky":
            isolation.chosen(self.isolation)
        kept = Kept(self.output, self.seed)
        answers = graded(
            submissions,
            grading,
            kept,
            self.isolation,
            pool,
            lambda total: track("grading", total),
        )
        done = [answer for answer in answers if answer is not None]
        if len(done) < len(answers):
            console.print(
                f"interrupted: {len(done)} of {len(answers)} are graded and kept in {self.output}; "
                "the same command goes on"
            )
            return INTERRUPTED
        grades = Grades.of(submissions, done, grading, kept.seed)
        grades.write(self.output)
        console.print(grades.render())
        if left := not_read(self.submissions):
            words = (
                f"not read, for no Python file (.py) and no notebook is in it: {', '.join(left)}"
            )
            console.print(words, markup=False)
        show_path("grades", self.output / "grades.csv")
        if self.json is not None:
            jsonfile.write(self.json, grades.as_json())
        return 0
