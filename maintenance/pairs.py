"""What `parity.compare` finds in five pairs of programs: `python -m maintenance.pairs`.

Each pair of parity_tests/comparison/pairs is compared over 500 steps in both dtypes, and every
mistake that can be planted in it is looked for. The times are those of one thread, the least of
two runs. Written are docs/results/pairs.json and the table of docs/compare-your-own.md.
"""

import warnings
from collections.abc import Callable
from time import process_time
from typing import Any

from maintenance.pages import RESULTS, ROOT, markdown_table, replace_block
from parity.backends.base import cast_batch
from parity.system import jsonfile
from parity.system.console import Column, console, table
from parity.system.threads import limit_threads
from parity_tests.comparison.pairs.mistakes import MISTAKES
from parity_tests.comparison.pairs.running import compare, is_found, lines_beyond, load, programs

__all__: list[str] = []

STEPS, RUNS, TRIED = 500, 2, 3
DTYPES = ("float64", "float32")
TITLES = {
    "tanh_mlp": "tanh MLP, dict of (in, out) arrays, MSE",
    "ngram": "embedding n-gram model, AdamW, cosine schedule",
    "batch_norm": "ConvNet: batch norm, max pooling, dropout by masks, BCE",
    "recurrent": "recurrent net, tied weights, ten time steps",
    "transformer": "block of a transformer: layer norm, attention",
}
HEADER = ("pair", "lines", *(f"{dtype}, {STEPS} steps" for dtype in DTYPES), "mistakes found")
OVERHEAD = tuple(f"overhead {dtype}" for dtype in DTYPES)


def figures(name: str) -> dict[str, Any]:
    """What is measured of one pair."""
    found = [
        is_found(compare(load(name, mistake), "float64", TRIED), mistake)
        for mistake in MISTAKES[name]
    ]
    results = {dtype: compare(load(name), dtype, STEPS) for dtype in DTYPES}
    return {
        "lines": lines_beyond(name),
        "mistakes": len(found),
        "found": sum(found),
        "steps": STEPS,
        "verdict": {dtype: result.in_short for dtype, result in results.items()},
        "parity": {dtype: result.parity for dtype, result in results.items()},
        "noise_horizon": {dtype: result.noise_horizon for dtype, result in results.items()},
        "overhead": {dtype: round(overhead(name, dtype), 2) for dtype in DTYPES},
    }


def overhead(name: str, dtype: str) -> float:
    """The time of the comparison over that of the two trainings by themselves."""
    module = load(name)
    batches = [cast_batch(batch, dtype) for batch in module.batches(STEPS)]

    def train(side: int) -> None:
        for _ in programs(module, dtype)[side].run(batches):
            pass

    trainings = sum(least(lambda side=side: train(side)) for side in (0, 1))  # type: ignore[misc]
    return least(lambda: compare(module, dtype, STEPS)) / trainings


def least(run: Callable[[], object]) -> float:
    """Seconds of one thread that it takes, the least of some runs."""
    times = []
    for _ in range(RUNS):
        start = process_time()
        run()
        times.append(process_time() - start)
    return min(times)


def row(name: str, result: dict[str, Any]) -> list[str]:
    """The figures of a pair as they stand in the table."""
    verdicts = [
        result["verdict"][dtype].replace(f" at all {STEPS:,} steps", "") for dtype in DTYPES
    ]
    times = [f"{result['overhead'][dtype]:.2f}x" for dtype in DTYPES]
    found = f"{result['found']} of {result['mistakes']}"
    return [TITLES[name], str(result["lines"]), *verdicts, found, *times]


def main() -> int:
    """Measure, show the table, and write it; 0 if all holds and everything was found."""
    warnings.simplefilter("ignore", RuntimeWarning)  # a mistake may overflow
    with limit_threads():
        results = {name: figures(name) for name in MISTAKES}
    rows = [row(name, result) for name, result in results.items()]
    header = (*HEADER, *OVERHEAD)
    columns = [Column(title, "left" if not at else "right") for at, title in enumerate(header)]
    console.print(table(columns, rows))
    jsonfile.write(RESULTS / "pairs.json", results)
    replace_block(ROOT / "docs" / "compare-your-own.md", "pairs", markdown_table(header, rows))
    right = [r["found"] == r["mistakes"] and all(r["parity"].values()) for r in results.values()]
    return 0 if all(right) else 1


if __name__ == "__main__":
    raise SystemExit(main())
