"""Five pairs of a user's own: parity holds, and each planted mistake is found where it is."""

import pytest

from parity_tests.comparison.pairs.mistakes import MISTAKES, Mistake
from parity_tests.comparison.pairs.running import compare, is_found, lines_beyond, load

CASES = [
    pytest.param(name, mistake, id=f"{name}-{number}")
    for name, mistakes in MISTAKES.items()
    for number, mistake in enumerate(mistakes, start=1)
]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", MISTAKES)
def test_parity_holds(name: str, dtype: str) -> None:
    result = compare(load(name), dtype, 30)  # `make pairs` takes 500 steps
    result.assert_parity()
    assert len(result.steps) == 30
    assert result.noise_horizon is None


@pytest.mark.parametrize(("name", "mistake"), CASES)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # a mistake may overflow
def test_a_planted_mistake_is_found_where_it_is(name: str, mistake: Mistake) -> None:
    result = compare(load(name, mistake), "float64", 3)
    assert is_found(result, mistake), str(result)


@pytest.mark.parametrize("name", MISTAKES)
def test_a_user_writes_few_lines_beyond_the_programs(name: str) -> None:
    assert lines_beyond(name) <= 15


def test_every_pair_has_twenty_mistakes() -> None:
    assert all(len(mistakes) >= 20 for mistakes in MISTAKES.values())
