"""Is what is right ever called wrong? `python -m maintenance.false_alarms SEEDS`.

Checks right files in several styles with the seeds 0 to SEEDS - 1, in as many processes as there
are cores, and prints what was not found right. Exit code 0 if that is nothing.
"""

import multiprocessing
import sys
import warnings

from parity.checking.entry import check
from parity_tests.checking.homework import right

__all__ = ["alarms", "main"]

PATIENCE = 600.0  # seconds: how busy the machine is says nothing about the code


def alarms(seed: int) -> list[str]:
    """What is called wrong with this seed, in all styles."""
    warnings.simplefilter("ignore")  # code that overflows where it may
    return [
        f"seed {seed}: {style}: {result.name} is {result.status}: {result.message}"
        for style, namespace in right.STYLES.items()
        for result in check(namespace, seed=seed, timeout=PATIENCE).results
        if result.status not in ("pass", "partial", "missing")
    ]


def main(seeds: int) -> int:
    """Check with so many seeds, and return the exit code."""
    found = 0
    with multiprocessing.get_context("spawn").Pool() as pool:
        for done, words in enumerate(pool.imap_unordered(alarms, range(seeds)), 1):
            found += len(words)
            for line in words:
                print(line, flush=True)
            if done % 10 == 0 or done == seeds:
                print(f"{done} of {seeds} seeds, {found} false alarms", flush=True)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000))
