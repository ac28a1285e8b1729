"""pytest's option `--impl`: `pytest --impl homework.py --pyargs parity_tests` grades that file.

A plugin, not a part of conftest.py, which pytest reads too late for an option when the tests are
installed. It imports nothing of ours, for that has to wait for the import hook of conftest.py.
"""

from pathlib import Path

import pytest

__all__: list[str] = []

MNIST = "mnist: needs the real MNIST files under PARITY_DATA_ROOT"

impl: Path | None = None  # what `--impl` says


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--impl",
        metavar="FILE",
        type=Path,
        help="test the functions of this file in the place of numpy_impl.functional",
    )


def pytest_configure(config: pytest.Config) -> None:
    global impl
    impl = config.getoption("--impl")
    config.addinivalue_line("markers", MNIST)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """With --impl, leave out the tests that are not about the functions of the file."""
    if impl is None:
        return
    from parity_tests.implementation import functional

    kept: list[pytest.Item] = []
    left_out: list[pytest.Item] = []
    for item in items:
        names = vars(getattr(item, "module", None) or object)
        (kept if any(value is functional for value in names.values()) else left_out).append(item)
    items[:] = kept
    config.hook.pytest_deselected(items=left_out)
