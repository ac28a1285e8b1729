"""The benchmark script: its results, its errors, and that it checks parity before it measures."""

import json
import math
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import charts, goals, page, phases, report
from benchmarks.check import STEPS, compare, reference
from benchmarks.cli import main, parse
from benchmarks.programs import Program, load_program, lower_bound, program_names
from benchmarks.report import TABLES, line_through, step_table
from benchmarks.run import cases
from benchmarks.work import Work
from maintenance.pages import ROOT
from numpy_impl import nn
from parity.errors import BadCaseError, InputError

OPTIONS = ("--data", "digits", "--threads", "1")
PAGE = Path("docs/benchmarks.md")
CHECKED = ("numpy", "torch", "tuned", "tutorial")


def work_of(recipe: str, batch_size: int = 32) -> Work:
    """The recipe on the digits."""
    options = parse([*OPTIONS, "--recipe", recipe, "--batch-size", str(batch_size)])
    for case, _ in cases(options, 1):
        return case.load()
    raise AssertionError("no case")


@pytest.fixture(scope="module")
def answer(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a quick run on the digits writes."""
    folder = tmp_path_factory.mktemp("benchmarks")
    arguments = ["--quick", "--recipe", "feedforward", "--batch-size", "16", "64"]
    paths = ["--json", str(folder / "answer.json"), "--report", str(folder)]
    assert main([*OPTIONS, *arguments, *paths]) == 0
    for name in ("step", "scaling"):
        assert (folder / f"benchmarks-{name}.png").read_bytes().startswith(b"\x89PNG")
    answer: dict[str, Any] = json.loads((folder / "answer.json").read_text())
    return answer


def test_the_json_is_that_of_the_contract(answer: dict[str, Any]) -> None:
    assert {"machine", "threads", "rows"} <= set(answer)
    assert answer["threads"] == 1
    assert [(row["recipe"], row["batch_size"]) for row in answer["rows"]] == [
        ("feedforward", 16),
        ("feedforward", 64),
    ]
    for row in answer["rows"]:
        us = row["us_per_step"]
        assert {"numpy", "torch", "tuned", "tutorial", "floor"} <= set(us)
        assert row["speedup_over_torch"] == pytest.approx(us["torch"] / us["numpy"])
        assert row["over_floor"] == pytest.approx(us["numpy"] / us["floor"])
        for name, (low, high) in row["quartiles"].items():
            assert 0 < low <= us[name] <= high
    assert all(value >= 0 for value in answer["rows"][0]["peak_memory_mb"].values())


def test_the_cost_by_number_of_images_is_measured_once_a_recipe(answer: dict[str, Any]) -> None:
    small, large = answer["rows"]
    assert "scaling" not in small
    assert set(large["scaling"]["seconds"]) == {"numpy", "torch"}


def test_the_lower_bound_is_below_the_step(answer: dict[str, Any]) -> None:
    """By the lower quartiles: where others are at work, the median is of those who waited."""
    for row in answer["rows"]:
        assert row["quartiles"]["floor"][0] < row["quartiles"]["numpy"][0]


@pytest.mark.parametrize("batch_size", [1, 48, 100, 128])
def test_every_way_to_compute_a_lower_bound_multiplies_the_same(batch_size: int) -> None:
    """Whole or in portions, by positions or in one: each is all of a layer's y, dW or dx."""
    work = work_of("cnn-adam", batch_size)
    counts = [
        {sum(math.prod(product.shape) * left.shape[-1] for left, _, product in way) for way in ways}
        for ways in lower_bound.convolutions(work)
    ]
    layers = [196 * 16 * 9, 49 * 16 * 144, 16 * 10 * 144]  # positions, out and K
    expected = [{batch_size * layer} for layer in layers for _ in range(3)]
    assert counts == expected[:2] + expected[3:]


@pytest.fixture
def pages(tmp_path: Path) -> Path:
    """A folder with a copy of the page that holds measurements."""
    (tmp_path / "docs").mkdir()
    shutil.copy(ROOT / PAGE, tmp_path / PAGE)
    return tmp_path


def test_the_page_takes_the_answer_and_keeps_its_text(answer: dict[str, Any], pages: Path) -> None:
    text = (ROOT / PAGE).read_text()
    page.rebuild(pages, [answer])
    rebuilt = (pages / PAGE).read_text()
    assert report.machine_lines(answer)[1] in rebuilt
    blank = r"(?s)<!-- ([a-z]+) -->.*?<!-- /\1 -->"
    assert re.sub(blank, r"\1", rebuilt) == re.sub(blank, r"\1", text)
    page.rebuild(pages, [answer])
    assert (pages / PAGE).read_text() == rebuilt


def test_the_page_has_the_microseconds(answer: dict[str, Any], pages: Path) -> None:
    page.rebuild(pages, [answer])
    us = answer["rows"][1]["us_per_step"]["numpy"]
    assert f"| feedforward | 64 | {us:,.0f} ±" in (pages / PAGE).read_text()


def test_a_page_without_its_markers_is_refused(answer: dict[str, Any], pages: Path) -> None:
    file = pages / PAGE
    file.write_text(file.read_text().replace("<!-- steps -->", "<!-- stairs -->"))
    with pytest.raises(ValueError, match="steps 0 times"):
        page.rebuild(pages, [answer])


@pytest.mark.parametrize("panels", [1, 2, 3, 4])
@pytest.mark.parametrize("draw", [charts.steps, charts.scaling])
def test_the_legend_fits_into_the_picture(
    answer: dict[str, Any], monkeypatch: pytest.MonkeyPatch, draw: Any, panels: int
) -> None:
    figures: list[Any] = []
    monkeypatch.setattr(charts, "save", lambda figure, *_, **options: figures.append(figure))
    _, row = answer["rows"]
    for key in ("us_per_step", "quartiles"):  # those that are not installed here, too
        row = {**row, key: {**dict.fromkeys(report.TITLES, row[key]["numpy"]), **row[key]}}
    rows = [{**row, "recipe": f"recipe {number}"} for number in range(panels)]
    draw([{**answer, "rows": rows}], Path("unused.png"))
    (figure,) = figures
    figure.draw_without_rendering()
    (legend,) = figure.legends
    box = legend.get_window_extent()
    assert box.x0 >= 0
    assert box.x1 <= figure.bbox.x1


@pytest.mark.parametrize("content", [None, "", "[]", '{"rows": []}', "profile", "no rows"])
def test_a_file_that_is_no_answer_is_refused(
    answer: dict[str, Any], tmp_path: Path, content: str | None
) -> None:
    file = tmp_path / "answer.json"
    file.write_text(json.dumps(answer))
    assert page.read(file) == answer
    if content == "profile":
        content = json.dumps({key: value for key, value in answer.items() if key != "goals"})
    elif content == "no rows":
        content = json.dumps({**answer, "rows": [], "goals": []})
    file.unlink() if content is None else file.write_text(content)
    with pytest.raises(InputError, match=r"^answers: got .*answer\.json, expected a file that"):
        page.main([str(file)])
    with pytest.raises(InputError, match=r"^answers: got none"):
        page.main([])


def test_a_table_without_rows_is_left_out(answer: dict[str, Any]) -> None:
    assert len(report.tables(answer)) == len(TABLES)
    assert len(report.tables({**answer, "goals": []})) == len(TABLES) - 1


def test_kernels_that_were_asked_for_are_named(answer: dict[str, Any]) -> None:
    machine = {**answer["machine"], "openblas_coretype": "SkylakeX"}
    title = report.threads({**answer, "machine": machine, "threads": 2})
    assert title == "2 threads, SkylakeX kernels"


def test_profile_prints_every_phase(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    arguments = ("--profile", "--quick", "--recipe", "logistic", "--json", "answer.json")
    assert main([*OPTIONS, *arguments]) == 0
    (row,) = json.loads(Path("answer.json").read_text())["rows"]
    assert set(phases.PHASES) <= set(row["us_per_phase"])
    assert all(row["us_per_phase"][phase] > 0 for phase in phases.PHASES)
    assert "gather" in capsys.readouterr().out


def test_profiling_leaves_the_program_as_it_was() -> None:
    program = load_program("numpy")(work_of("feedforward"))
    call = nn.CrossEntropyLoss.__call__
    layers = phases.time_phases(program, 3)
    assert {"forward fc1", "backward fc2"} <= set(layers)
    assert nn.CrossEntropyLoss.__call__ is call
    assert "forward" not in vars(program.model)  # type: ignore[attr-defined]


@pytest.mark.parametrize("recipe", ["logistic", "feedforward", "linear-adam", "cnn-adam"])
def test_every_loop_trains_the_same_weights(recipe: str) -> None:
    work = work_of(recipe)
    truth, valid = reference(work)
    for name in CHECKED:
        program = load_program(name)(work)
        program.run(STEPS)
        weights = program.weights() or {}
        assert list(weights) == list(work.initial)
        compare(name, work, weights, truth, valid)


def test_the_check_names_the_program_that_is_wrong() -> None:
    (case, _), *_ = cases(parse([*OPTIONS, "--recipe", "logistic", "--batch-size", "32"]), 1)
    truth = {name: array + 0.1 for name, array in case.initial.items()}
    valid = [{name: array.astype(np.float32) for name, array in truth.items()}]
    compare("numpy", case, valid[0], truth, valid)
    wrong = {**truth, "fc.weight": truth["fc.weight"].copy()}
    wrong["fc.weight"][3, 5] += 1e-4 * np.abs(truth["fc.weight"]).max()
    with pytest.raises(BadCaseError, match=r"batch size 32: fc\.weight of numpy is 1\.0e-04"):
        compare("numpy", case, wrong, truth, valid)
    with pytest.raises(BadCaseError, match="before training would pass"):
        compare("numpy", case, truth, dict(case.initial), [dict(case.initial)])


def test_a_program_that_trains_differently_is_not_timed(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The parent's PyTorch is given another learning rate than the processes have."""
    from benchmarks import check

    exact = check.train

    def wrong(work: Work, *arguments: Any) -> Any:
        from dataclasses import replace

        return exact(replace(work, recipe=replace(work.recipe, lr=0.2)), *arguments)

    monkeypatch.setattr(check, "train", wrong)
    arguments = ("--quick", "--recipe", "logistic", "--report", str(tmp_path))
    assert main([*OPTIONS, *arguments]) == 1
    error = capsys.readouterr().err
    assert error.startswith("benchmarks: no parity: logistic, batch size 64: fc.weight of numpy")
    assert not list(tmp_path.glob("*.png"))


def test_scikit_learn_is_not_asked_for_a_convolution(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.programs.base.installed", lambda module: True)
    assert "sklearn" in program_names("FeedForward", compile=False, cuda=False)
    names = program_names("ConvNet", compile=True, cuda=True)
    assert names == ["numpy", "torch", "tuned", "compile", "tutorial", "floor", "jax", "cuda"]


def test_a_program_that_cannot_train_a_recipe_leaves_a_blank(answer: dict[str, Any]) -> None:
    other, row = (json.loads(json.dumps(row)) for row in answer["rows"])
    other["recipe"] = "cnn-adam"
    for key in ("us_per_step", "quartiles", "peak_memory_mb"):
        other[key].pop("sklearn", None)  # there if it is installed
        row[key]["sklearn"] = row[key]["torch"]
    answer = {**answer, "rows": [other, row]}
    for table in TABLES:
        table(answer)
    column = step_table(answer).titles.index("scikit-learn")
    assert step_table(answer).rows[0][column] == ""
    assert step_table(answer).rows[1][column] == step_table(answer).rows[1][3]


class Counting(Program):
    """A program that counts its steps."""

    def __init__(self) -> None:
        self.done = 0
        self.steps = iter(self.count, None)

    def count(self) -> int:
        self.done += 1
        return self.done


def test_run_trains_the_number_of_steps_it_is_given() -> None:
    program = Counting()
    program.run(3)
    program.run(4)
    assert program.done == 7


def test_every_step_has_a_whole_batch() -> None:
    work = work_of("feedforward", 100)
    epoch = work.epoch()
    assert {len(batch) for batch in epoch} == {100}
    assert len(epoch) == len(work.labels) // 100
    assert max(batch.max() for batch in work.first(250).epoch()) < 250


def test_a_cost_in_proportion_has_exponent_1() -> None:
    slope, exponent, farthest = line_through([1000, 2000, 8000], [0.5, 1.0, 4.0])
    assert (slope, exponent) == pytest.approx((0.0005, 1))
    assert farthest == pytest.approx(0, abs=1e-12)
    _, quadratic, off = line_through([1000, 2000, 4000], [1.0, 4.0, 16.0])
    assert quadratic == pytest.approx(2)
    assert off > 0.5


def goal_rows(**us: float) -> list[dict[str, Any]]:
    """Rows of the logistic recipe, in all of which the programs take as long."""
    us = {"numpy": 100.0, "torch": 400, "tuned": 400, "tutorial": 4000, "floor": 80, **us}
    sizes = (16, 64, 128, 256, 1024)
    return [{"recipe": "logistic", "batch_size": size, "us_per_step": us} for size in sizes]


def met(rows: list[dict[str, Any]], threads: int = 1) -> list[bool | None]:
    return [verdict.met for verdict in goals.judge(rows, threads)]


def test_goals_are_judged_by_the_ratios() -> None:
    assert met(goal_rows(jax=100)) == [True] * 7
    at_16, at_64, lowest, *_ = goals.judge(goal_rows(tuned=329), 1)
    assert (at_16.met, at_64.met, lowest.met) == (False, False, True)
    assert at_64.measured == pytest.approx(3.29)


def test_a_goal_may_be_for_one_number_of_threads() -> None:
    assert met(goal_rows(jax=100, tuned=150), threads=2)[0] is True
    assert met(goal_rows(jax=100, tuned=149), threads=2)[0] is False
    assert len(met(goal_rows(jax=100), threads=4)) == 4  # those for any number


def test_a_goal_is_open_where_a_size_or_a_program_was_not_measured() -> None:
    assert met(goal_rows(jax=100)[:1]) == [True] + [None] * 6
    assert met(goal_rows()).count(None) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--recipe", "nope"), "argument --recipe: invalid choice: 'nope'"),
        (("--batch-size", "0"), "argument --batch-size: got '0', expected a whole number from 1"),
        (("--batch-size", "64", "16", "64"), "batch-size: 64 is given twice"),
        (("--recipe", "logistic", "logistic"), "recipe: logistic is given twice"),
        (("--batch-size", "9999"), "batch-size is 9999, expected at most"),
        (("--threads", "x"), "argument --threads: got 'x', expected a whole number from 1"),
        (("--threads", "4096"), "threads is 4096, expected at most the"),
        (("--seed", "-1"), "seed is -1, expected at least 0"),
        (("--seed", str(2**64)), "seed is 18446744073709551616, expected at least 0 and below"),
        (("--data", "cifar"), "argument --data: invalid choice: 'cifar'"),
        (("--data", "mnist", "--data-root", "."), "or take the embedded images: --data digits"),
        (("--data-root", "nowhere"), "'nowhere', expected a folder"),
        (("--json", "no/answer.json"), "json: cannot write no/answer.json"),
        (("--report", "/proc/none"), "report: cannot write to /proc/none"),
        (("--fly",), "unrecognized arguments: --fly"),
    ],
)
def test_bad_input_gets_one_line_and_exit_code_2(
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    try:
        code = main(["--data", "digits", "--threads", "1", *arguments])
    except SystemExit as stop:
        code = int(str(stop.code))
    error = capsys.readouterr().err
    assert code == 2
    assert message in error
    assert error.startswith("benchmarks: error: ")
    assert len(error.splitlines()) == 1


def test_cuda_is_bad_input_where_there_is_none(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert main([*OPTIONS, "--device", "cuda", "--report", str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert error == "benchmarks: error: device is 'cuda', but PyTorch finds no CUDA device here\n"
