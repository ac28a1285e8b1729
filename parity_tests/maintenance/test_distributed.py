"""The model of what a step costs on several processes, and the page that has it."""

import json
from math import sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maintenance.distributed import (
    DOCS,
    RESULT,
    TIMED,
    Costs,
    best,
    fit_link,
    fit_work,
    fitted,
    size_of,
    step_time,
)
from maintenance.distributed import program as numpy_program
from parity.recipes import RECIPES

COSTS = Costs(fixed=1e-4, example=2e-6, message=3e-5, byte=1e-9)

seconds = st.floats(1e-7, 1e-2)


def test_a_step_of_one_process_has_no_messages() -> None:
    assert step_time(COSTS, 64, 1, 10**6) == pytest.approx(1e-4 + 64 * 2e-6)


def test_a_step_of_three_waits_for_the_largest_share_and_four_messages() -> None:
    assert step_time(COSTS, 64, 3, 3000) == pytest.approx(1e-4 + 22 * 2e-6 + 4 * (3e-5 + 1e-6))


def test_processes_beyond_the_cores_take_turns() -> None:
    work, messages = 1e-4 + 16 * 2e-6, 6 * 3e-5
    assert step_time(COSTS, 64, 4, 0, cores=2) == pytest.approx(2 * work + messages)


@given(fixed=seconds, example=seconds)
def test_the_fit_finds_what_the_times_were_made_of(fixed: float, example: float) -> None:
    times = {n: fixed + n * example for n in (16, 64, 256, 1024)}
    assert fit_work(times) == pytest.approx((fixed, example), rel=1e-6, abs=1e-12)


@given(message=seconds, byte=st.floats(1e-11, 1e-8), processes=st.integers(2, 4))
def test_the_fit_finds_the_link(message: float, byte: float, processes: int) -> None:
    bare = Costs(0.0, 0.0, message, byte)
    times = {n: step_time(bare, processes, processes, n) for n in (4000, 16_000, 10**6)}
    assert fit_link(times, processes) == pytest.approx((message, byte), rel=1e-6, abs=1e-13)


@given(example=st.floats(1e-5, 1e-3), nbytes=st.integers(0, 10_000))
def test_the_best_number_is_the_one_of_the_formula(example: float, nbytes: int) -> None:
    """Shares are whole examples, so it is near that number, and no step is shorter."""
    costs = Costs(1e-4, example, 3e-5, 1e-9)
    root = sqrt(max(0.0, (1024 * example - 2 * nbytes * 1e-9) / (2 * 3e-5)))
    found = best(costs, 1024, nbytes)
    assert abs(found - root) <= 1 + 0.2 * root


def test_short_work_is_done_by_one_process() -> None:
    assert best(COSTS, 16, 10**5) == 1


@pytest.mark.parametrize("name", TIMED)
def test_gradients_are_as_large_as_the_model(name: str) -> None:
    count = {"logistic": 7850, "linear-adam": 7850, "feedforward": 79_510, "cnn-adam": 3930}[name]
    assert size_of(numpy_program(RECIPES[name])[0]) == 4 * count


def test_the_page_s_comparisons_all_hold() -> None:
    rows = json.loads(RESULT.read_text())["parity"]
    assert len(rows) == 5 * 2 * 4
    assert all(row["parity"] for row in rows)


def test_the_page_has_the_fitted_figures() -> None:
    page = (DOCS / "distributed.md").read_text()
    for name, costs in fitted(json.loads(RESULT.read_text())).items():
        assert f"| `{name}` | {1e6 * costs.fixed:.0f} | {1e6 * costs.example:.2f} |" in page
