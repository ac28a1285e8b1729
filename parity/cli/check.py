"""`parity check`: somebody else's file, and what is wrong with it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

__all__ = ["Check"]


@dataclass(kw_only=True)
class Check:
    """Check somebody's own NumPy file against PyTorch, and say what is wrong and why."""

    file: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="FILE")]
    """A Python file or a notebook; it may define any of the names that `parity template` prints, or
    those of a known course."""
    layout: str | None = None
    """The course whose names the file has; by default it is recognised. `contract` for none."""
    map: Path | None = None
    """A layout of your own: a .toml of expressions or a .py of functions."""
    only: tuple[str, ...] = ()
    """The names of the contract to look at."""
    allow: tuple[str, ...] = ()
    """Packages that the file may use beside NumPy."""
    isolation: Literal["required", "auto", "none"] = "auto"
    """Whether the file must run in bubblewrap, does where that is installed, or does not."""
    reduction: Literal["mean", "sum"] = "mean"
    """Whether the file's cross-entropy takes the mean or the sum over the batch."""
    weights: Literal["out-in", "in-out"] = "out-in"
    """The shape of the file's linear weights."""
    l2_half: bool = False
    """The file's weight decay λ stands for λ‖p‖²; PyTorch's for half of that."""
    stability: Literal["fail", "warn"] = "fail"
    """Whether a name that is right but for extreme numbers counts as wrong or as right."""
    seed: int = 0
    """Of the probes."""
    timeout: float = 10.0
    """Seconds for each function."""
    memory_mb: int = 4096
    """Memory that the file may have, in MiB."""
    verbose: bool = False
    """Show tracebacks, and what the file printed."""
    json: Path | None = None
    """Write the answer to this file, too, as JSON."""
    html: Path | None = None
    """Write the answer to this file, too, as a page: FILE.html."""

    def run(self) -> int:
        """Exit code 0 if all that is written is right, 1 if something is wrong or nothing there.

        What --only asks for has to be there.
        """
        from parity.checking.entry import check_file
        from parity.contract.conventions import Conventions
        from parity.system import files, jsonfile
        from parity.system.console import console

        files.check_outputs({"json": self.json, "html": self.html}, {"file": self.file})
        conventions = Conventions(self.reduction, self.weights, self.l2_half)
        report = check_file(
            self.file,
            conventions,
            self.seed,
            self.timeout,
            self.memory_mb,
            layout=self.layout,
            map=self.map,
            only=self.only,
            allowed=self.allow,
            isolation=self.isolation,
            stability=self.stability,
            own_process=True,
        )
        console.print(report.render(self.verbose))
        if self.json is not None:
            jsonfile.write(self.json, report.as_json())
        if self.html is not None:
            from parity.pictures import pages

            command = f"parity check {self.file}{pages.options(self)}"
            pages.save(pages.check_page(report, command), self.html, "html")
        return 0 if report.ok else 1
