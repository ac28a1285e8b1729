"""Rebuild the tables of docs/robustness.md: `python -m maintenance.robustness`.

The files are damaged and the command lines are drawn here and now, and what came of it is kept in
docs/results/faults.json. The kills are those of docs/results/crashes.json, the load that of
docs/results/load.json.
"""

import contextlib
import io
import json
import os
import sys
import threading
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from hypothesis import HealthCheck, Phase, given, settings
from numpy import ndarray

from maintenance.pages import RESULTS, ROOT, markdown_table, replace_block
from parity.cli import main as parity
from parity.cli.parsing import script
from parity.errors import InputError
from parity.experiment import checkpoints, weights
from parity.system import jsonfile
from parity_tests.cli.test_bad_settings import CODES, command_lines, make_files

__all__ = ["Robustness", "kills", "load_rows", "tried"]

Row = tuple[str, str, str, str]  # what was tried, how often, survived, lost
TITLES = ("what was tried", "times", "survived", "lost")
LOAD_TITLES = ("command", "images", "memory", "for each image more", "time of a step")
LIKE: dict[str, ndarray] = {
    "fc.weight": np.arange(60, dtype=np.float32).reshape(10, 6) / 60,
    "fc.bias": np.ones(10, np.float32),
}


def tried(command_lines: int) -> Iterator[Row]:
    """What is tried here and now, how often, and what comes of it."""
    with TemporaryDirectory() as folder:
        yield damage("bit flipped in a weight file (.safetensors)", our_weights, Path(folder))
        yield damage("bit flipped in a state_dict (.pt)", their_weights, Path(folder))
        yield damage("bit flipped in a checkpoint", a_checkpoint, Path(folder))
        yield truncation(Path(folder))
        yield torn_reads(Path(folder) / "answer.json")
    with TemporaryDirectory() as folder:
        yield command_line_row(Path(folder), command_lines)


def kills() -> Iterator[Row]:
    """The commands that were killed, as `make crash-test` found them."""
    for name, found in json.loads((RESULTS / "crashes.json").read_text()).items():
        survived = f"{found['old']} files old and {found['new']} new, each whole"
        if found["resumed"]:
            survived += f"; {found['resumed']} runs taken up again to the same bits"
        yield f"`kill -9` of `parity {name}`", f"{found['killed']}", survived, str(found["lost"])


def load_rows() -> Iterator[tuple[str, ...]]:
    """The commands on many images, as `maintenance.load` measured them."""
    few: dict[str, dict[str, int]] = {}
    for found in json.loads((RESULTS / "load.json").read_text()):
        first = few.setdefault(found["command"], found)
        more = found["images"] - first["images"]
        each = f"{2**20 * (found['MiB'] - first['MiB']) / more:,.0f} bytes" if more else ""
        times = ", ".join(f"{name} {ms} ms" for name, ms in found["ms per step"].items())
        yield found["command"], f"{found['images']:,}", f"{found['MiB']} MiB", each, times


def our_weights(path: Path) -> Callable[[], object]:
    """Write a weight file; returns what reads it."""
    path = path / "w.safetensors"
    weights.save(path, LIKE)
    return lambda: weights.load(path, LIKE)


def their_weights(path: Path) -> Callable[[], object]:
    """The same, as `torch.save` writes it."""
    path = path / "w.pt"
    torch.save({name: torch.from_numpy(array) for name, array in LIKE.items()}, path)
    return lambda: weights.load(path, LIKE)


def a_checkpoint(path: Path) -> Callable[[], object]:
    """Write a checkpoint; returns what goes on from it."""
    checkpoints.Checkpoints(path, {}, every=1).write(1, dict(LIKE))
    return lambda: checkpoints.resume(path, {}, ())


def damage(what: str, write: Callable[[Path], Callable[[], object]], folder: Path) -> Row:
    """Flip one bit of the file, each in its turn or some of them, and read it."""
    read = write(folder)
    (path,) = [path for path in folder.iterdir() if path.is_file()]
    content = path.read_bytes()
    before, counts = str(read()), Counter[str]()
    positions = np.random.default_rng(0).permutation(8 * len(content))[:3500]
    for position in positions.tolist():
        flipped = bytearray(content)
        flipped[position // 8] ^= 1 << position % 8
        path.write_bytes(flipped)
        try:
            counts["harmless" if str(read()) == before else "lost"] += 1
        except InputError:
            counts["noticed"] += 1
    path.unlink()
    survived = f"{counts['noticed']:,} noticed"
    if counts["harmless"]:
        survived += f", {counts['harmless']:,} outside the values, which are the same"
    return what, f"{len(positions):,}", survived, str(counts["lost"])


def truncation(folder: Path) -> Row:
    """Cut a weight file at every length."""
    read = our_weights(folder)
    path = folder / "w.safetensors"
    content = path.read_bytes()
    noticed = 0
    for length in range(len(content)):
        path.write_bytes(content[:length])
        with contextlib.suppress(InputError):
            read()
            continue
        noticed += 1
    path.unlink()
    total = len(content)
    return "weight file cut short", f"{total:,}", f"{noticed:,} noticed", str(total - noticed)


def torn_reads(path: Path) -> Row:
    """Two writers of one file, and a reader that wants it whole."""
    answers = [[side] * 5_000 for side in (1, 2)]
    jsonfile.write(path, answers[0])

    def write(answer: list[int]) -> None:
        for _ in range(200):
            jsonfile.write(path, answer)

    writers = [threading.Thread(target=write, args=(answer,)) for answer in answers]
    for writer in writers:
        writer.start()
    reads = torn = 0
    while any(writer.is_alive() for writer in writers):
        reads += 1
        try:
            torn += json.loads(path.read_text()) not in answers
        except ValueError:
            torn += 1
    path.unlink()
    return "read of a file with two writers", f"{reads:,}", f"{reads - torn:,} whole", str(torn)


def command_line_row(folder: Path, examples: int) -> Row:
    """Command lines drawn from the options of the commands."""
    make_files(folder)
    counts = Counter[int]()

    @settings(
        max_examples=examples,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
        deadline=None,
        database=None,
        derandomize=True,
    )
    @given(command_lines())
    def run(arguments: list[str]) -> None:
        output = io.StringIO()
        with contextlib.redirect_stdout(output), contextlib.redirect_stderr(output):
            try:
                code = parity(arguments)
            except SystemExit as stop:
                code = int(stop.code or 0)
            except Exception:  # a user would see this traceback
                traceback.print_exc()
                code = 70
        counts[code] += 1
        if code not in CODES:
            print(arguments, output.getvalue())

    before = Path.cwd()
    os.chdir(folder)
    try:
        run()
    finally:
        os.chdir(before)
    codes = ", ".join(f"{count:,} with {code}" for code, count in sorted(counts.items()))
    lost = sum(count for code, count in counts.items() if code not in CODES)
    return "command line drawn at random", f"{counts.total():,}", f"ended {codes}", str(lost)


@dataclass(kw_only=True)
class Robustness:
    """Rebuild the tables of docs/robustness.md."""

    command_lines: int = 2000
    """How many command lines are drawn."""
    again: bool = True
    """Damage the files and draw the command lines again, or take what came of it last."""

    def run(self) -> int:
        """Exit code 0 if nothing was lost."""
        faults = RESULTS / "faults.json"
        if self.again:
            jsonfile.write(faults, list(tried(self.command_lines)))
        rows = [*kills(), *json.loads(faults.read_text())]
        page = ROOT / "docs" / "robustness.md"
        replace_block(page, "faults", markdown_table(TITLES, rows))
        replace_block(page, "load", markdown_table(LOAD_TITLES, load_rows()))
        return 1 if any(lost != "0" for *_, lost in rows) else 0


if __name__ == "__main__":
    sys.exit(script(Robustness, "python -m maintenance.robustness"))
