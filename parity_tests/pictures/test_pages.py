"""The pages: whole in themselves, and without an error in a browser's console."""

import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from parity.checking.checker import Result
from parity.checking.report import Report
from parity.comparison.compare import compare
from parity.comparison.sweep import Cell, run_cell
from parity.datasets import load
from parity.experiment.settings import Settings
from parity.pictures import pages
from parity.system import html
from parity_tests.experiments import small

BROWSERS = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="module")
def browser() -> str:
    """A browser to open pages in; `.ci/run` installs one, and fails when this is skipped."""
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        pytest.skip(f"a browser: none of {', '.join(BROWSERS)} is installed")
    return found


def opened(browser: str, page: str, folder: Path) -> tuple[str, list[str]]:
    """The page as the browser has it after the scripts ran, and what it wrote to its console."""
    path = folder / "page.html"
    path.write_text(page)
    command = (browser, "--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr")
    done = subprocess.run(
        [*command, f"--user-data-dir={folder}/profile", "--dump-dom", path.as_uri()],
        capture_output=True,
        text=True,
        timeout=100,
        check=True,
    )
    return done.stdout, re.findall(r"CONSOLE.*", done.stderr)


@pytest.fixture(scope="module")
def cells() -> list[Cell]:
    settings, data = Settings(epochs=1, train_size=200), load("digits")
    return [run_cell("tutorial", settings, {"lr": lr}, data) for lr in (0.01, 3e38)]


@pytest.fixture(scope="module")
def made(cells: list[Cell]) -> dict[str, str]:
    """A page of each kind."""
    wrong = Result("relu", "fail", diagnosis="<too large>", hint="halve it", example="relu(1)")
    report = Report("a.py", [Result("sigmoid", "pass"), wrong, Result("softmax", "missing")])
    return {
        "compare": pages.compare_page(compare(small()), "parity compare feedforward"),
        "sweep": pages.sweep_page("a sweep", cells, "parity sweep tutorial"),
        "check": pages.check_page(report, "parity check a.py"),
    }


@pytest.mark.parametrize("kind", ["compare", "sweep", "check"])
def test_a_page_opens_without_an_error_in_the_console(
    browser: str, made: dict[str, str], kind: str, tmp_path: Path
) -> None:
    dom, errors = opened(browser, made[kind], tmp_path)
    assert errors == []
    charts = dom.split('<g class="ticks">')[1:]
    assert len(charts) == {"compare": 4, "sweep": 2, "check": 0}[kind]
    for chart in charts:
        assert chart.split("</g>")[0].count("<text") >= 4, "the script writes the ticks"


def test_an_error_in_the_console_would_be_seen(browser: str, tmp_path: Path) -> None:
    _, errors = opened(browser, "<script>nothing.there</script>", tmp_path)
    assert "nothing is not defined" in errors[0]


@pytest.mark.parametrize("kind", ["compare", "sweep", "check"])
def test_a_page_needs_nothing_but_itself(made: dict[str, str], kind: str) -> None:
    links = re.findall(r'(?:src|href)="([^"]*)"', made[kind])
    assert links
    assert all(link.startswith("data:") for link in links)
    assert "@import" not in made[kind]
    assert "url(" not in made[kind]
    assert f"<pre>parity {kind}" in made[kind], "how to run it again"


def test_the_page_of_a_comparison_has_every_tensor_and_what_was_answered_wrong() -> None:
    result = compare(small())
    page = pages.compare_page(result, "parity compare")
    for phase, tensor in result.steps[0].used_by_tensor:
        assert tensor in page
        assert phase in page
    assert result.in_short in page
    answers = result.backends["numpy"].predict(result.experiment.arrays("test", "float32")[0])
    wrong = (answers.argmax(1) != result.experiment.arrays("test", "float32")[1]).sum()
    assert f"{wrong} of 382 test images are answered wrong" in page
    assert page.count('<figure class="digit">') == min(wrong, 24)


def test_the_page_of_a_check_says_what_is_wrong_and_escapes_it(made: dict[str, str]) -> None:
    assert "relu: &lt;too large&gt;" in made["check"]
    assert "halve it" in made["check"]
    assert "not written yet: softmax" in made["check"]
    assert "1 right, 1 wrong" in made["check"]


def test_a_stopped_cell_is_on_the_page(made: dict[str, str]) -> None:
    assert "lr 3e+38" in made["sweep"]
    assert "the loss is not finite" in made["sweep"]


def test_options_are_those_that_differ_from_the_defaults() -> None:
    assert pages.options(Settings()) == ""
    given = Settings(epochs=3, lr=0.5, dtype="float64", load=Path("a.safetensors"))
    assert pages.options(given) == " --dtype float64 --epochs 3 --lr 0.5 --load a.safetensors"


def test_a_heat_map_is_orange_above_the_limit_and_grey_where_nothing_is() -> None:
    pixels = html.colored(np.array([[1e-4, 0.9, 1.5, np.nan]]))[0].tolist()
    assert pixels[0] == [255, 255, 255]
    assert sum(pixels[1]) < 200, "nearly used up is dark"
    assert pixels[2] == [0xD5, 0x5E, 0x00]
    assert pixels[3] == [128, 128, 128]


def test_a_divergence_of_one_step_among_many_is_not_lost() -> None:
    values = np.full((1, 12_345), 1e-3)
    values[0, 7_001] = 2.0
    assert [0xD5, 0x5E, 0x00] in html.colored(values)[0].tolist()


def test_a_gap_in_a_curve_is_not_bridged() -> None:
    line = html.Line("", [0, 1, 2, 3, 4], [1.0, 2.0, np.nan, 3.0, 4.0], "#000")
    assert html.path_of(line, *html.points_of(line, log=False)).count("M") == 2
