"""Fixtures and the run-time shape checks that only the tests pay for."""

import os
import signal
from collections.abc import Iterator
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from PIL import Image

from parity_tests import type_checks

type_checks.install(["numpy_impl", "torch_impl", "parity"])

# Installed without the checkout, the tests of what is not installed are left out.
collect_ignore = []
if not (Path(__file__).parents[1] / "pyproject.toml").is_file():
    collect_ignore += ["benchmarks", "maintenance", "suite/test_examples.py"]
    collect_ignore += ["suite/test_structure.py", "suite/test_grading_platforms.py"]
    collect_ignore += ["distributed/test_data_parallel.py"]
if find_spec("playwright") is None:
    collect_ignore += ["web/test_browser.py"]

# No deadline: the first call into PyTorch loads its kernels. `--hypothesis-profile deep` looks
# ten times as hard.
settings.register_profile("quick", deadline=None, max_examples=50)
settings.register_profile("deep", deadline=None, max_examples=500)
settings.register_profile(
    "mutants", deadline=None, max_examples=20, derandomize=True, database=None
)
settings.load_profile("quick")


@pytest.fixture(scope="session")
def mnist_root() -> Path:
    """The folder of the real MNIST; `.ci/run` fails when a test was skipped for want of it."""
    root = os.environ.get("PARITY_DATA_ROOT")
    if not root:
        pytest.skip("real MNIST: PARITY_DATA_ROOT is not set")
    if not (Path(root) / "MNIST" / "raw").is_dir():
        pytest.skip(f"real MNIST: no MNIST/raw in PARITY_DATA_ROOT={root}")
    return Path(root)


@pytest.fixture
def unchecked() -> Iterator[None]:
    """The checks of the tests' import hook are off: to see the library's own messages, or where a
    whole training would only check the same shapes at every step.
    """
    with type_checks.off():
        yield


@pytest.fixture
def blank_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pictures that the test does not look at are of one pixel: to draw one takes longer than a
    small run.
    """
    pixel = BytesIO()
    Image.new("L", (1, 1)).save(pixel, "PNG")
    for module in ("pages", "saving"):
        monkeypatch.setattr(f"parity.pictures.{module}.as_png", lambda *_, **__: pixel.getvalue())


@pytest.fixture
def free_flags(monkeypatch: pytest.MonkeyPatch) -> None:
    """PyTorch's own test helpers, which other tests import, forbid to set its global flags."""
    import torch

    names: dict[str, Any] = torch.backends.flags_frozen.__globals__
    monkeypatch.setitem(names, "__allow_nonbracketed_mutation_flag", True)


@pytest.fixture
def in_a_terminal() -> Iterator[None]:
    """Signals do what they do there: a shell lets what it starts in the background ignore some."""
    defaults: dict[int, Any] = {
        signal.SIGINT: signal.default_int_handler,
        signal.SIGHUP: signal.SIG_DFL,
    }
    before = {number: signal.signal(number, handler) for number, handler in defaults.items()}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--no-skips", action="store_true", help="fail if a test was skipped, as CI must"
    )


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if terminalreporter.config.getoption("--no-skips") and terminalreporter.stats.get("skipped"):
        terminalreporter.write_line("--no-skips: the skipped tests above should have run", red=True)


def pytest_sessionfinish(session: pytest.Session) -> None:
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    skipped = reporter is not None and reporter.stats.get("skipped")
    if session.config.getoption("--no-skips") and skipped and session.exitstatus == 0:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
