"""`parity compare`: train both backends in lock-step and say whether they are the same."""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from parity.cli.exits import INTERRUPTED
from parity.cli.keeping import Keeping
from parity.cli.outputs import Outputs
from parity.errors import InputError
from parity.experiment.settings import Settings
from parity.recipes import find

if TYPE_CHECKING:
    from parity.backends import TorchBackend
    from parity.comparison.homework import HomeworkBackend
    from parity.experiment.prepare import Experiment

__all__ = ["Compare"]


@dataclass(kw_only=True)
class Compare(Keeping, Settings):
    """Train both backends in lock-step, compare every tensor of every step, write the report."""

    recipe: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="RECIPE")]
    """Which system: tutorial, logistic, feedforward, linear-adam, cnn-adam; or your FILE.py."""
    numpy: Path | None = None
    """Compare the network of this file, which has the names of `parity template` or of a course."""
    layout: str | None = None
    """The course whose names that file has; by default it is recognised. `contract` for none."""
    map: Path | None = None
    """A layout of your own for that file: a .toml of expressions or a .py of functions."""
    resync: bool = False
    """Give both backends PyTorch's state after each step: that separates a bug from drift."""
    save: Path | None = None
    """Write the trained weights (NumPy's) to this file: FILE.safetensors."""
    json: Path | None = None
    """Write the answer to this file, too, as JSON."""
    distributed: bool = False
    """PyTorch on the processes of torchrun: torchrun --nproc-per-node=K -m parity compare ..."""
    timeout: float = 60.0
    """With --distributed: a process that is silent for so many seconds ends the run."""
    report: Path = Path("reports")
    """The folder of the picture and of the page; made if it is not there."""

    def run(self) -> int:
        """Exit code 0 if parity holds, 1 if not, 130 if Ctrl-C ended it."""
        if self.recipe.endswith(".py"):
            return self.run_file(Path(self.recipe))
        find(self.recipe)  # before the seconds that PyTorch takes to load
        self.check_options()
        if not self.distributed:
            return self.run_recipe()
        from parity.distributed.group import join
        from parity.distributed.program import DataParallel, follow
        from parity.experiment.prepare import prepare
        from parity.system.threads import limit_threads

        with join(
            self.device, self.timeout, f"parity compare {self.recipe} --distributed"
        ) as group:
            if group.rank == 0:
                with group.leading():
                    return self.run_recipe(lambda made: DataParallel(made, group), group.size)
            with limit_threads():
                follow(DataParallel(prepare(self.recipe, self), group))
            return 0

    def run_recipe(
        self,
        program: "Callable[[Experiment], TorchBackend] | None" = None,
        processes: int | None = None,
    ) -> int:
        """Compare a recipe's two programs; in PyTorch another `program`, on so many processes."""
        from parity.comparison import report
        from parity.experiment import weights
        from parity.experiment.prepare import prepare
        from parity.pictures.saving import make_folder
        from parity.system import files
        from parity.system.console import console

        weights.check_writable(self.save)
        whose = [self.numpy.stem] if self.numpy is not None else []
        many = f"{processes} process{'es' * (processes != 1)}" if processes else ""
        shared = [many.replace(" ", "-")] if many else []
        name = "-".join([self.recipe, *whose, self.data, self.dtype, *shared])
        picture = make_folder(self.report) / f"{name}.png"
        start = self.load if self.load != self.save else None
        files.check_outputs(
            {"save": self.save, "json": self.json, "report": picture},
            {"load": start, "numpy": self.numpy},
        )
        experiment = prepare(self.recipe, self)
        console.print(report.headline(experiment))
        if many:
            console.print(f"PyTorch: DistributedDataParallel, {many}")
        with self.homework(experiment) as homework:
            return self.compared(experiment, picture, homework, program)

    def compared(
        self,
        experiment: "Experiment",
        picture: Path,
        homework: "HomeworkBackend | None",
        program: "Callable[[Experiment], TorchBackend] | None",
    ) -> int:
        """Compare a recipe's two backends, and write what was asked for."""
        from parity.comparison import report, reproduce
        from parity.comparison.compare import compare
        from parity.experiment import weights
        from parity.experiment.checkpoints import settings_of
        from parity.pictures import pages, training
        from parity.pictures.saving import save
        from parity.system import jsonfile
        from parity.system.console import console, track
        from parity.system.threads import limit_threads

        kept = self.checkpoints(
            settings_of(experiment, command="compare", resync=self.resync),
            experiment.steps_per_epoch,
        )
        rows = report.epoch_rows(experiment)
        with limit_threads(), track("comparing", experiment.num_steps) as advance:
            result = compare(
                experiment,
                advance,
                self.resync,
                lambda epoch: rows.add(*report.epoch_row(epoch)),
                kept,
                program,
                homework,
            )
        outputs, trained = Outputs(kept), result.backends["numpy"]
        outputs.write("weights", self.save, lambda path: weights.save(path, trained.weights()))
        outputs.write("json", self.json, lambda path: jsonfile.write(path, result.as_json()))
        if result.published:
            console.print(report.published_table(result.published))
        console.print()
        console.print(report.verdict(result))
        figure = training.training_curves(result)
        outputs.write("picture", picture, lambda path: save(figure, path, "report"))
        page = pages.compare_page(result, f"parity compare {self.recipe}{pages.options(self)}")
        outputs.write(
            "report", picture.with_suffix(".html"), lambda path: pages.save(page, path, "report")
        )
        if result.reproduction is not None and result.first_divergence is not None:
            step, case = result.reproduction, picture.with_suffix(".npz")
            outputs.write("inputs", case, lambda path: reproduce.save(step, path))
            console.print("run the step again:", style="bold")
            lines = reproduce.snippet(result.first_divergence, case)
            console.print(lines, markup=False, soft_wrap=True)
        outputs.finish()
        return INTERRUPTED if result.interrupted else 0 if result.parity else 1

    def check_options(self) -> None:
        """Raise InputError for options that do not go with each other."""
        if self.layout is not None and self.map is not None:
            raise InputError("map and layout are both given, expected one of them")
        for name in ("layout", "map") if self.numpy is None else ():
            if getattr(self, name) is not None:
                raise InputError(f"{name} is given, expected --numpy FILE with it")
        if self.numpy is not None and (self.checkpoint or self.resume):
            raise InputError(
                "numpy and a checkpoint are both given: the state of a file's own optimizer cannot "
                "be kept"
            )

    @contextmanager
    def homework(self, experiment: "Experiment") -> Iterator["HomeworkBackend | None"]:
        """The network of the file, while it runs; None if there is no file."""
        if self.numpy is None:
            yield None
            return
        from parity.checking.entry import chooser
        from parity.comparison.homework import HomeworkBackend
        from parity.system.console import console

        homework = HomeworkBackend(
            self.numpy,
            experiment.recipe,
            self.dtype,
            experiment.initial,
            chooser(self.layout, self.map),
        )
        with closing(homework):
            for line in homework.described():
                console.print(line, markup=False)
            yield homework

    def run_file(self, path: Path) -> int:
        """Compare the pair of programs that a file defines."""
        if self.distributed:
            raise InputError(f"distributed: got {path}, expected a recipe")
        from parity.comparison.pair import compare_programs
        from parity.comparison.pair_file import arguments_of
        from parity.pictures.pair import pair_curves
        from parity.pictures.saving import make_folder, save
        from parity.system import jsonfile
        from parity.system.console import console
        from parity.system.threads import limit_threads

        picture = make_folder(self.report) / f"{path.stem}.png"
        with limit_threads():
            result = compare_programs(resync=self.resync, **arguments_of(path))
        console.print(str(result), markup=False)
        outputs, figure = Outputs(), pair_curves(result, path.name)
        outputs.write("picture", picture, lambda where: save(figure, where, "report"))
        if result.reproduction is not None:
            outputs.write("inputs", picture.with_suffix(".npz"), result.save)
        outputs.write("json", self.json, lambda where: jsonfile.write(where, result.as_json()))
        outputs.finish()
        return 0 if result.parity else 1
