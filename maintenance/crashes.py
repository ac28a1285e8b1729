"""Kill the commands at random moments, and see what is lost: `python -m maintenance.crashes`.

Each command runs in a child process, in a folder where its outputs are there already, whole, from
another run. After a random time the child is killed (SIGKILL: nothing is caught, nothing is tidied
up). Then every output must be the old file or the new one, to the last byte that matters; the run
is taken up again with --resume, and must end with the bits of a run that was never killed; and no
scratch file may be left. The children are forked from one process that has loaded all libraries, so
that the moments fall into the work.
"""

import json
import os
import random
import shutil
import signal
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

from parity.cli import main
from parity.cli.parsing import script
from parity.errors import InputError
from parity.experiment import tensorfile
from parity.system import jsonfile

__all__ = ["COMMANDS", "Crashes", "crash"]

SMALL = ("--train-size", "100", "--epochs", "3")
KEPT = ("--checkpoint", "kept", "--every", "3")

# Command lines by name; those with a --checkpoint are taken up again. `grade` does so by itself.
COMMANDS = {
    "train": ("train", "feedforward", "--impl", "numpy", *SMALL, *KEPT, "--save", "w.safetensors"),
    "compare": ("compare", "tutorial", *SMALL, *KEPT, "--save", "w.safetensors"),
    "sweep": ("sweep", "tutorial", "--lr", "0.1", "0.2", *SMALL, *KEPT),
    "predict": (
        *("predict", "3", "--recipe", "tutorial", *SMALL),
        *("--picture", "digit.png", "--save", "w.safetensors"),
    ),
    "grade": ("grade", "class", "--output", "grades", "--jobs", "1", "--isolation", "none"),
}
NEW, OLD = ("--seed", "0"), ("--seed", "1")  # the old outputs are from another run
CLASS = ("np.maximum(input, 0)", "abs(input)")  # what two students hand in as ReLU


@dataclass(kw_only=True)
class Crashes:
    """Kill each command at random moments, and count what is lost."""

    moments: int = 100
    """How often each command is killed."""
    only: tuple[Literal["train", "compare", "sweep", "predict", "grade"], ...] = ()
    """Which commands; all of them if none is named."""
    seed: int = 0
    """Draws the moments."""
    at_once: int = 2
    """How many commands are tried at once."""
    json: Path | None = None
    """Write the counts to this file, too, as JSON."""

    def run(self) -> int:
        """Exit code 0 if nothing was lost."""
        for name, value in (("moments", self.moments), ("at-once", self.at_once)):
            if value < 1:
                raise InputError(f"{name} is {value}, expected at least 1")
        jsonfile.check_writable(self.json)
        names: tuple[str, ...] = self.only or tuple(COMMANDS)
        found = {}
        with (
            TemporaryDirectory() as folder,
            ProcessPoolExecutor(self.at_once, get_context("fork")) as pool,
        ):
            running = {
                name: pool.submit(crash, name, self.moments, self.seed, Path(folder) / name)
                for name in names
            }
            for name, counts in running.items():
                found[name] = counts.result()
                print(f"{name}: {found[name]}", flush=True)
        if self.json is not None:
            jsonfile.write(self.json, found)
        return 1 if any(counts["lost"] for counts in found.values()) else 0


def crash(name: str, moments: int, seed: int, folder: Path) -> dict[str, Any]:
    """Kill one command so often; returns the counts, and what was lost in words."""
    command = (*COMMANDS[name], "--json", "answer.json")
    arguments = (*command, *NEW)
    old, new, place = folder / "old", folder / "new", folder / "killed"
    run((*command, *OLD), old)
    for kept in list(old.rglob("kept")):  # what another run would go on from
        shutil.rmtree(kept)
    seconds = run(arguments, new)
    lost: list[str] = []
    counts = {"killed": 0, "resumed": 0, "old": 0, "new": 0}
    for share in spread(moments, random.Random(f"{name} {seed}")):
        killed = False
        while not killed:  # one that ended before tells how long a run takes
            shutil.rmtree(place, ignore_errors=True)
            shutil.copytree(old, place)
            moment = share * seconds
            child = begin(arguments, place)
            time.sleep(moment)
            os.kill(child, signal.SIGKILL)
            killed = wait(child) == -signal.SIGKILL
            seconds = seconds if killed else moment
        counts["killed"] += 1
        where = f"after {moment:.3f} s"
        for output in outputs(new):
            age = which(place / output, old / output, new / output)
            if age == "lost":
                lost.append(f"{where}: {output} is neither the old file nor the new one")
            else:
                counts[age] += 1
        parts = [*place.glob("kept/step-*"), *place.glob(f"grades/kept/{'?' * 64}.json")]
        resumed = bool(parts)
        counts["resumed"] += resumed
        again = ("--resume", "kept") if resumed and name != "grade" else ()
        try:
            took = run((*arguments, *again), place)
        except InputError as error:
            lost.append(f"{where}: the run after it: {error}")
        else:
            seconds = seconds if resumed else took  # the machine may have other work by now
        lost += [
            f"{where}: {output} of the run after it differs from the run that was never killed"
            for output in outputs(new)
            if which(place / output, new / output, new / output) == "lost"
        ]
        lost += [f"{where}: {left} was left" for left in place.rglob(".parity-*")]
    return {**counts, "lost": len(lost), "what": lost}


def spread(count: int, draw: random.Random) -> list[float]:
    """So many moments in the whole of a run, one drawn from each equal part of it, in any order."""
    moments = [(number + draw.random()) / count for number in range(count)]
    return draw.sample(moments, count)


def run(arguments: tuple[str, ...], folder: Path) -> float:
    """Run the command to its end; returns the seconds that it took."""
    start = time.perf_counter()
    if (code := wait(begin(arguments, folder))) != 0:
        raise InputError(f"{arguments[0]} ended with exit code {code}, expected 0")
    return time.perf_counter() - start


def begin(arguments: tuple[str, ...], folder: Path) -> int:
    """Run the command in a child of this process, in `folder`; returns its number."""
    (folder / "class").mkdir(parents=True, exist_ok=True)
    for number, relu in enumerate(CLASS):
        homework = f"import numpy as np\n\n\ndef relu(input):\n    return {relu}\n"
        (folder / "class" / f"student{number}.py").write_text(homework)
    sys.stdout.flush()
    child = os.fork()
    if child:
        return child
    code = 70
    try:
        os.chdir(folder)
        output = os.open("output", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(output, 1)
        os.dup2(output, 2)
        code = main(arguments)
    finally:
        os._exit(code)


def wait(child: int) -> int:
    """The exit code of the child, or minus the signal that ended it."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def outputs(folder: Path) -> list[Path]:
    """What the command wrote there, without its checkpoints and what it printed."""
    found = [path.relative_to(folder) for path in folder.rglob("*") if path.is_file()]
    return sorted(path for path in found if path.parts[0] not in ("kept", "output", "class"))


def which(path: Path, old: Path, new: Path) -> str:
    """Whether the file is the "old" one (or missing as that is), "new", or neither: "lost"."""
    was, now = (file.read_bytes() if file.exists() else None for file in (old, path))
    try:
        if now == was:
            return "old"
        return "new" if meaning(path) == meaning(new) else "lost"
    except (OSError, ValueError):
        return "lost"


def meaning(path: Path) -> Any:
    """What must be the same in two runs: of a JSON answer, all but the seconds that it took.

    Of a page or a picture, which show the seconds or the time of day, that it is whole.
    """
    if path.suffix == ".safetensors":
        arrays, _ = tensorfile.unpack(path.read_bytes())
        return {name: (str(a.dtype), a.shape, a.tobytes()) for name, a in arrays.items()}
    if path.suffix == ".json":
        return without_seconds(json.loads(path.read_text()))
    content = path.read_bytes()
    if path.suffix == ".csv":
        return content
    end = {".png": b"IEND\xaeB`\x82", ".html": b"</html>\n"}[path.suffix]
    return content.endswith(end)


def without_seconds(answer: Any) -> Any:
    """The answer without the times."""
    if isinstance(answer, dict):
        return {key: without_seconds(item) for key, item in answer.items() if key != "seconds"}
    return [without_seconds(item) for item in answer] if isinstance(answer, list) else answer


def load_all() -> None:
    """Import what the commands import when they run, and start no thread."""
    import torch

    from parity.comparison import compare, report, reproduce, sweep  # noqa: F401
    from parity.pictures import galleries, pages, training  # noqa: F401
    from parity.pictures import sweep as pictures  # noqa: F401
    from parity.predict import answers, misclassified  # noqa: F401

    torch.set_num_threads(1)


if __name__ == "__main__":
    load_all()
    sys.exit(script(Crashes, "python -m maintenance.crashes"))
