"""How strong is the suite? `python -m maintenance.mutants` counts the changes that no test notices.

mutmut changes one place at a time (an operator, a number, an argument) in a copy of `numpy_impl`
and of the files of `parity` that compare. Each change is a mutant. mutmut then runs the tests that
reach the changed function: the mutant is killed if one fails, else it survives. The settings are in
pyproject.toml under `[tool.mutmut]`. A mutant that no test can kill, because it computes the same,
is listed in `equivalent_mutants.toml` with the reason.
"""

import argparse
import ast
import importlib.metadata
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

__all__ = ["Change", "Mutant", "judge", "main", "undecorated"]

ROOT = Path(__file__).resolve().parent.parent
SCRATCH = ROOT / "build" / "mutants"
RESULTS = ROOT / "docs" / "results" / "mutants.json"
EQUIVALENT = Path(__file__).with_name("equivalent_mutants.toml")
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["mutmut"]


class Change(NamedTuple):
    """What a mutant changes. Its number is left out: it depends on the lines above it."""

    file: str
    function: str
    before: str  # the changed lines, without their indentation
    after: str


class Mutant(NamedTuple):
    """A mutant and its status: "killed", "timeout", "equivalent" or "survived"."""

    name: str
    file: str
    status: str
    change: Change | None = None  # of one that no test killed
    diff: str = ""


def undecorated(source: str) -> str:
    """`source` with plain functions that are decorated only when they are called.

    mutmut skips decorated functions, such as `training.steps`. A decorator normally runs when the
    file is imported, which is before mutmut switches a mutant on. Properties are decorated at once,
    because that calls nothing.

    Defaults of decorated functions are left alone: `numpy_impl.checks.checked` reads them before a
    mutant is switched on, and passes them itself. The test of the contract's signatures holds them.
    """
    lines = source.splitlines()
    functions = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef)]
    for node in sorted(functions, key=lambda node: node.end_lineno or 0, reverse=True):
        called = "f"
        for decorator in reversed(node.decorator_list):
            called = f"{ast.unparse(decorator)}({called})"
            lines[decorator.lineno - 1] = ""
        if node.decorator_list:
            for default in (*node.args.defaults, *filter(None, node.args.kw_defaults)):
                if "# pragma" not in lines[default.lineno - 1]:
                    lines[default.lineno - 1] += "  # pragma: no mutate"
            late = f"lambda *args, **options: {called}(*args, **options)"
            late = f"__import__('functools').wraps(f)({late})"  # for its signature
            is_property = called.removeprefix("functools.") in ("property(f)", "cached_property(f)")
            new = f"(lambda f: {called if is_property else late})({node.name})"
            line = f"{' ' * node.col_offset}{node.name} = {new}  # pragma: no mutate"
            lines.insert(node.end_lineno or 0, line)
    return "\n".join(lines) + "\n"


def copy_project() -> None:
    """Make a fresh copy of what mutmut needs: it keeps old results even if tests have changed."""
    shutil.rmtree(SCRATCH, ignore_errors=True)
    for folder in {*SETTINGS["source_paths"], *SETTINGS["also_copy"]}:
        ignore = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / folder, SCRATCH / folder, ignore=ignore)
    shutil.copy(ROOT / "pyproject.toml", SCRATCH)
    for path in mutated_files():
        path.write_text(undecorated(path.read_text()))


def mutated_files() -> list[Path]:
    """The files of the copy that are mutated."""
    return sorted(path for pattern in SETTINGS["only_mutate"] for path in SCRATCH.glob(pattern))


def run(children: int) -> None:
    """Let mutmut run all mutants; it writes each result to a `.meta` file of the copy."""
    one_thread = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "mutmut", "run", "--max-children", str(children)]
    subprocess.run(command, cwd=SCRATCH, env={**os.environ, **one_thread}, check=True)
    packages = {name: importlib.metadata.version(name) for name in ("mutmut", "numpy", "torch")}
    versions = {"python": platform.python_version(), **packages}
    (SCRATCH / "versions.json").write_text(json.dumps(versions))


def collect() -> list[Mutant]:
    """Every mutant with its status.

    Raises
    ------
    RuntimeError
        If mutmut could not run a mutant.
    """
    from mutmut.mutation.diff_apply import get_diff_for_mutant
    from mutmut.stats import status_by_exit_code

    same = {"segfault": "killed", "suspicious": "killed", "no tests": "survived"}  # crashes
    mutants = []
    for path in mutated_files():
        file = path.relative_to(SCRATCH)
        meta = json.loads((SCRATCH / "mutants" / f"{file}.meta").read_text())
        for name, code in meta["exit_code_by_key"].items():
            status = same.get(status_by_exit_code[code], status_by_exit_code[code])
            if status not in ("killed", "timeout", "survived"):
                raise RuntimeError(f"{name}: mutmut says {status}")
            if status == "survived":
                diff = get_diff_for_mutant(name, path=file)
                mutants.append(Mutant(name, str(file), status, change(name, str(file), diff), diff))
            else:
                mutants.append(Mutant(name, str(file), status))
    return mutants


def change(name: str, file: str, diff: str) -> Change:
    """What the diff of a mutant changes; mutmut's names are `x_f__mutmut_7`, `xǁCǁf__mutmut_7`."""
    function = name.rpartition(".")[2].rpartition("__mutmut_")[0]
    function = function.removeprefix("x").removeprefix("_").strip("ǁ").replace("ǁ", ".")
    lines = diff.splitlines()[2:]
    before, after = (
        "\n".join(line[1:].strip() for line in lines if line.startswith(sign)) for sign in "-+"
    )
    return Change(file, function, before, after)


def judge(mutants: Iterable[Mutant], listed: Iterable[Change]) -> tuple[list[Mutant], list[Change]]:
    """The mutants, with the listed ones as equivalent, and the entries that fit no survivor."""
    left = Counter(listed)
    judged = []
    for mutant in mutants:
        if mutant.change is not None and is_of_strict_alone(mutant.change):
            mutant = mutant._replace(status="equivalent")
        elif mutant.change is not None and left[mutant.change] > 0:
            left[mutant.change] -= 1
            mutant = mutant._replace(status="equivalent")
        judged.append(mutant)
    return judged, list(left.elements())


def is_of_strict_alone(change: Change) -> bool:
    """Whether nothing but a `strict=True` is changed.

    It raises an error where lengths differ. They never do: it is written down for who reads it.
    """
    without = re.compile(r", (strict=(True|False|None))?(?=\))")
    return "strict=True" in change.before and without.sub("", change.before) == without.sub(
        "", change.after
    )


def by_file(mutants: Sequence[Mutant]) -> dict[str, Any]:
    """The numbers of each file and its survivors, for JSON."""
    files = {}
    for file in dict.fromkeys(mutant.file for mutant in mutants):
        own = [mutant for mutant in mutants if mutant.file == file]
        counts = Counter(mutant.status for mutant in own)
        files[file] = {
            "mutants": len(own),
            **{status: counts[status] for status in ("killed", "timeout", "equivalent")},
            "survived": counts["survived"],
            "survivors": [
                {"name": mutant.name, "diff": mutant.diff}
                for mutant in own
                if mutant.status == "survived"
            ],
        }
    return files


def listed_changes() -> list[Change]:
    """The mutants that are known to be equivalent, from the list."""
    entries = tomllib.loads(EQUIVALENT.read_text(encoding="utf-8"))["mutant"]
    return [Change(*(entry[field] for field in Change._fields)) for entry in entries]


def main() -> int:
    """Run all; returns 1 if a mutant of `numpy_impl` survives or an entry of the list is stale."""
    parser = argparse.ArgumentParser(prog="python -m maintenance.mutants")
    parser.add_argument("--children", type=int, default=os.cpu_count() or 1, help="processes")
    parser.add_argument("--keep", action="store_true", help="use the results of the last run")
    arguments = parser.parse_args()
    if not arguments.keep:
        copy_project()
        run(arguments.children)
    os.chdir(SCRATCH)  # where mutmut looks for its files
    mutants, stale = judge(collect(), listed_changes())
    versions = json.loads((SCRATCH / "versions.json").read_text())  # those of the run
    result = {"versions": versions, "files": by_file(mutants)}
    RESULTS.write_text(json.dumps(result, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    for mutant in mutants:
        if mutant.status == "survived":
            print(f"\n{mutant.name} survived\n{mutant.diff}")
    print(f"\n{'file':30} mutants  killed timeout equivalent survived   score")
    for file, row in result["files"].items():
        score = (row["killed"] + row["timeout"]) / max(1, row["mutants"] - row["equivalent"])
        print(
            f"{file:30} {row['mutants']:7} {row['killed']:7} {row['timeout']:7}"
            f" {row['equivalent']:10} {row['survived']:8} {score:7.1%}"
        )
    for entry in stale:
        print(f"no survivor fits this entry of {EQUIVALENT.name}: {entry}")
    unseen = any(mutant.status == "survived" for mutant in mutants if "numpy_impl" in mutant.file)
    return 1 if unseen or stale else 0


if __name__ == "__main__":
    sys.exit(main())
