"""Five pairs of a user's own: parity holds, and each planted fault is found where it is."""

from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

import parity
from parity_tests.comparison.pairs.faults import FAULTS, Fault

FOLDER = Path(__file__).parent / "pairs"
CASES = [
    pytest.param(name, fault, id=f"{name}-{number}")
    for name, faults in FAULTS.items()
    for number, fault in enumerate(faults, start=1)
]


def load(name: str, fault: Fault | None = None) -> ModuleType:
    """The pair, with the fault in its source if there is one."""
    path = FOLDER / f"{name}.py"
    source = path.read_text(encoding="utf-8")
    if fault is not None:
        assert source.count(fault.right) == 1, (
            f"{fault.right!r} stands there {source.count(fault.right)}x"
        )
        source = source.replace(fault.right, fault.wrong)
    module = ModuleType(name)
    exec(compile(source, str(path), "exec"), module.__dict__)
    return module


def compare(module: Any, dtype: str, steps: int) -> Any:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        numpy, theirs = module.pair(dtype)
    return parity.compare(numpy, theirs, module.batches(steps), **module.OPTIONS)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", FAULTS)
def test_parity_holds(name: str, dtype: str) -> None:
    result = compare(load(name), dtype, 30)
    result.assert_parity()
    assert len(result.steps) == 30
    assert result.noise_horizon is None


@pytest.mark.parametrize(("name", "fault"), CASES)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # a fault may overflow
def test_a_planted_fault_is_found_where_it_is(name: str, fault: Fault) -> None:
    result = compare(load(name, fault), "float64", 3)
    found = result.first_divergence
    assert found is not None, "not found"
    assert (found.step, found.phase, result.layer) == (fault.step, fault.phase, fault.layer), result


@pytest.mark.parametrize("name", FAULTS)
def test_a_user_writes_few_lines_beyond_the_programs(name: str) -> None:
    """The step, the programs and the options: at most 15 lines of code."""
    source = (FOLDER / f"{name}.py").read_text(encoding="utf-8")
    _, _, comparison = source.partition("# --- the comparison")
    lines = [line for line in comparison.splitlines()[1:] if line.strip()]
    assert len(lines) <= 15, len(lines)


def test_every_pair_has_twenty_faults() -> None:
    assert all(len(faults) >= 20 for faults in FAULTS.values())
