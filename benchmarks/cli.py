"""The command line of `python -m benchmarks`.

Exit codes: 0 measured; 1 a program does not train as PyTorch does, or failed; 2 bad input; 130
interrupted; 141 the output was closed before its end.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

__all__ = ["BATCH_SIZES", "main"]

BATCH_SIZES = (16, 64, 128, 256, 1024)
PROG = "python -m benchmarks"


class Parser(argparse.ArgumentParser):
    """A parser whose error message is one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"benchmarks: error: {message}; see {PROG} --help\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line `arguments` (default: the process's own); returns the exit code."""
    from parity.cli.exits import guarded

    return guarded(lambda: measure(parse(arguments)), "benchmarks")


def measure(options: argparse.Namespace) -> int:
    """Run the benchmarks; returns the exit code."""
    from benchmarks.run import run
    from parity.errors import BadCaseError

    try:
        run(options)
    except BadCaseError as error:
        print(f"benchmarks: no parity: {error}", file=sys.stderr)
        return 1
    except RuntimeError as error:
        print(f"benchmarks: stopped: {error}", file=sys.stderr)
        return 1
    return 0


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The options; a wrong command line gives one line and the exit code 2."""
    from parity.datasets import NAMES
    from parity.recipes import RECIPES

    recipes = [name for name in RECIPES if name != "tutorial"]  # logistic, on fewer images
    parser = Parser(
        PROG,
        description="Measure the time of a training step in NumPy and in PyTorch, in float32.",
        allow_abbrev=False,
    )
    add = parser.add_argument
    add(
        "--recipe",
        nargs="+",
        choices=recipes,
        default=recipes,
        metavar="R",
        help=f"which of {', '.join(recipes)} (default: all)",
    )
    add(
        "--batch-size",
        nargs="+",
        type=count,
        metavar="N",
        help=f"images in a batch (default: {', '.join(map(str, BATCH_SIZES))})",
    )
    add(
        "--threads",
        type=count,
        metavar="N",
        help="threads of every program (default: one for each core that this process may use)",
    )
    add("--data", choices=NAMES, default="mnist", help="which images (default: mnist)")
    add(
        "--data-root",
        type=Path,
        metavar="DIR",
        help="the folder of the images (default: PARITY_DATA_ROOT, else ~/.cache/parity)",
    )
    add("--seed", type=int, default=0, metavar="N", help="draws weights and batches (default: 0)")
    add("--compile", action="store_true", help="also measure torch.compile")
    add(
        "--device",
        choices=("cpu", "cuda"),
        default="cpu",
        help="cuda: also time torch_impl on the CUDA device (default: cpu)",
    )
    add("--quick", action="store_true", help="batch size 64 only, short turns: under a minute")
    add(
        "--profile",
        action="store_true",
        help="show where a NumPy step spends its time, instead of the comparison",
    )
    add("--json", type=Path, metavar="FILE", help="also write the results to this file, as JSON")
    add(
        "--report",
        type=Path,
        default=Path("reports"),
        metavar="DIR",
        help="the folder of the pictures (default: reports)",
    )
    options = parser.parse_args(arguments)
    if options.batch_size is None:
        options.batch_size = [64] if options.quick else list(BATCH_SIZES)
    for name, values in (("recipe", options.recipe), ("batch-size", options.batch_size)):
        if twice := [value for value in values if values.count(value) > 1]:
            parser.error(f"{name}: {twice[0]} is given twice")
    return options


def count(text: str) -> int:
    """A whole number of at least 1; argparse adds the name of the option."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"got {text!r}, expected a whole number from 1")
    return int(text)
