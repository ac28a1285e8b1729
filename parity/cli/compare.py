"""`parity compare`: train both backends in lock-step and say whether they are the same."""

import traceback
from collections.abc import Iterator
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from parity.cli.exits import INTERRUPTED
from parity.cli.keeping import Keeping
from parity.cli.outputs import Outputs
from parity.errors import BadCaseError, InputError
from parity.experiment.settings import Settings
from parity.recipes import find
from parity.system.optimizers import spare_compiler
from parity.system.threads import allow_tf32, limit_threads

if TYPE_CHECKING:
    from parity.comparison.homework import HomeworkBackend
    from parity.distributed.group import Group
    from parity.experiment.prepare import Experiment

__all__ = ["Compare"]

OF_A_PAIR = ("recipe", "resync", "json", "report")  # the options that a FILE.py takes


@contextmanager
def told(path: Path) -> Iterator[None]:
    """What somebody's pair raises, with its traceback, as bad input: no verdict on parity."""
    try:
        yield
    except (InputError, BadCaseError, FloatingPointError):
        raise
    except Exception as error:
        traceback.print_exc()
        words = str(error).partition("\n")[0]
        raise InputError(f"{path} raises {type(error).__name__}: {words}") from error


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
    tf32: bool = False
    """With --device cuda: let float32 products be of TF32, 10 bits instead of 23."""
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
        if self.device == "cuda":
            allow_tf32(self.tf32)
        spare_compiler()
        if not self.distributed:
            return self.run_recipe()
        from parity.distributed.group import join
        from parity.distributed.program import DataParallel, follow
        from parity.experiment.prepare import prepare

        command = f"parity compare {self.recipe} --distributed"
        with join(self.device, self.timeout, command) as group:
            if group.rank == 0:
                return self.run_recipe(group)
            with limit_threads():
                follow(DataParallel(prepare(self.recipe, self), group))
            return 0

    def run_recipe(self, group: "Group | None" = None) -> int:
        """Compare a recipe's two programs; PyTorch's on several processes, given their group."""
        from parity.comparison import report
        from parity.experiment import weights
        from parity.experiment.prepare import prepare
        from parity.pictures.saving import make_folder
        from parity.system import files
        from parity.system.console import console

        weights.check_writable(self.save)
        many = f"{group.size} process{'es' * (group.size != 1)}" if group else ""
        whose = [self.numpy.stem] if self.numpy is not None else []
        parts = [self.recipe, *whose, self.data, self.dtype, *many.split()]
        picture = make_folder(self.report) / f"{'-'.join(parts)}.png"
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
            return self.train_both(experiment, picture, group, homework)

    def train_both(
        self,
        experiment: "Experiment",
        picture: Path,
        group: "Group | None",
        homework: "HomeworkBackend | None",
    ) -> int:
        """Compare the two programs, and write what was asked for."""
        from parity.comparison import report, reproduce
        from parity.comparison.compare import compare
        from parity.distributed.program import leading
        from parity.experiment import weights
        from parity.experiment.checkpoints import settings_of
        from parity.pictures import pages, training
        from parity.pictures.saving import save
        from parity.system import jsonfile
        from parity.system.console import console, track

        precision = {"tf32": True} if self.tf32 else {}
        kept = self.checkpoints(
            settings_of(experiment, command="compare", resync=self.resync, **precision),
            experiment.steps_per_epoch,
        )
        rows = report.epoch_rows(experiment)
        with (
            limit_threads(),
            track("comparing", experiment.num_steps) as advance,
            nullcontext(None) if group is None else leading(group) as program,
        ):
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
        if self.tf32 and self.device != "cuda":
            raise InputError(f"tf32: got device {self.device!r}, expected --device cuda with it")
        if self.distributed and self.numpy is not None:
            raise InputError("numpy and distributed are both given, expected one of them")
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
        self.check_pair()
        from parity.comparison.pair import compare_programs
        from parity.comparison.pair_file import arguments_of
        from parity.pictures.pair import pair_curves
        from parity.pictures.saving import make_folder, save
        from parity.system import jsonfile
        from parity.system.console import console

        picture = make_folder(self.report) / f"{path.stem}.png"
        with limit_threads(), told(path):
            result = compare_programs(resync=self.resync, **arguments_of(path))
        console.print(str(result), markup=False)
        outputs, figure = Outputs(), pair_curves(result, path.name)
        outputs.write("picture", picture, lambda where: save(figure, where, "report"))
        if result.reproduction is not None:
            outputs.write("inputs", picture.with_suffix(".npz"), result.save)
        outputs.write("json", self.json, lambda where: jsonfile.write(where, result.as_json()))
        outputs.finish()
        return 0 if result.parity else 1

    def check_pair(self) -> None:
        """Raise InputError for an option that a pair of the user's own does not take."""
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name in OF_A_PAIR or value == field.default:
                continue
            why = "makes its programs and batches itself"
            if field.name in ("checkpoint", "every", "resume"):
                why = "may keep more from step to step than can be seen and put in a checkpoint"
            option = field.name.replace("_", "-")
            raise InputError(
                f"{option} is {value}, but {self.recipe} {why}; expected only --resync, --json or "
                "--report with it"
            )
