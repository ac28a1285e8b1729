"""`parity sweep`: every combination, on both backends, held to the rule of `parity compare`."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from numpy_impl import functional as F
from parity.cli import main
from parity.comparison.compare import compare
from parity.comparison.sweep import cells_of
from parity.errors import InputError
from parity.experiment.prepare import prepare
from parity.experiment.settings import Settings

Run = Callable[..., tuple[int, str, str]]

QUICK = ("--epochs", "1", "--train-size", "200")


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: Any) -> Run:
    """Run `parity sweep` in an empty folder: exit code, standard output, standard error."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> tuple[int, str, str]:
        code = main(("sweep", *arguments))
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


@given(
    st.dictionaries(
        st.sampled_from(["batch_size", "lr", "weight_decay", "train_size"]),
        st.lists(st.integers(1, 99), max_size=4, unique=True),
    )
)
def test_the_grid_has_every_combination_once(grid: dict[str, list[int]]) -> None:
    cells = cells_of(grid)
    given_values = {name: values for name, values in grid.items() if values}
    assert len(cells) == np.prod([len(values) for values in given_values.values()], dtype=int)
    assert len({tuple(cell.items()) for cell in cells}) == len(cells)
    for cell in cells:
        assert set(cell) == set(given_values)
        assert all(cell[name] in values for name, values in given_values.items())


def test_a_value_given_twice_is_refused() -> None:
    with pytest.raises(InputError, match=r"batch-size: 16 is given twice"):
        cells_of({"batch_size": (16, 64, 16)})


@pytest.mark.usefixtures("blank_pictures")
def test_every_cell_is_the_comparison_with_its_settings(run: Run) -> None:
    code, out, err = run(
        *("tutorial", *QUICK, "--lr", "0.01", "0.1", "--batch-size", "16", "50"),
        *("--weight-decay", "0.01", "--json", "answer.json", "--seed", "2"),
    )
    assert (code, err) == (0, "")
    assert "parity holds in all 4 cells" in out
    answer = json.loads(Path("answer.json").read_text())
    assert answer["parity"] is True
    assert len(answer["cells"]) == 4
    for cell in answer["cells"]:
        alone = compare(prepare("tutorial", Settings(epochs=1, seed=2, **cell["choices"])))
        last = alone.curve("validation")[-1]
        assert cell["steps"] == len(alone.steps)
        assert cell["curve"][-1] == {
            "step": last.step,
            "split": "validation",
            "loss": last.loss,
            "accuracy": last.accuracy,
        }
    results = {cell["curve"][-1]["loss"]["numpy"] for cell in answer["cells"]}
    assert len(results) == 4, "settings that change nothing"


@pytest.mark.parametrize(
    ("grid", "panels"),
    [((), 1), (("--lr", "0.1", "0.2"), 1), (("--lr", "0.1", "0.2", "--weight-decay", "0", "1"), 2)],
)
def test_the_picture_grows_with_the_panels(run: Run, grid: tuple[str, ...], panels: int) -> None:
    code, out, _ = run("tutorial", *QUICK, *grid)
    assert code == 0
    with Image.open(out.split("picture: ")[1].splitlines()[0]) as picture:
        assert picture.width == round(120 * (max(4.6 * panels, 6) + 2.6))


@pytest.mark.usefixtures("blank_pictures")
def test_nothing_in_a_large_table_is_cut(run: Run) -> None:
    code, out, _ = run(
        *("tutorial", *QUICK[:2], "--lr", "0.1", "1e9", "--batch-size", "16", "64"),
        *("--weight-decay", "0", "--train-size", "500"),
    )
    assert code == 0
    assert "…" not in out
    table = [line.split() for line in out.splitlines() if line.startswith(" ") and line.strip()]
    assert ["size", "lr", "decay", "size"] in [row[:4] for row in table]
    losses = [row[5] for row in table if row[0] in ("16", "64")]
    assert [len(loss) for loss in losses] == [6, 9, 6, 9]
    assert float(losses[1]) > 1e8


@pytest.mark.usefixtures("blank_pictures")
def test_a_divergence_in_one_cell_exits_with_1(run: Run, monkeypatch: Any) -> None:
    exact = F.sgd_step

    def forgets_weight_decay(
        param: Any, grad: Any, lr: float, decay: float = 0.0, **out: Any
    ) -> Any:
        return exact(param, grad, lr, 0.0, **out)

    monkeypatch.setattr(F, "sgd_step", forgets_weight_decay)
    code, out, _ = run("tutorial", *QUICK, "--weight-decay", "0", "0.5", "--json", "answer.json")
    assert code == 1
    assert "parity holds in 1 of 2 cells only" in out
    assert "train size 200: first divergence at step 1, step, fc." in out
    fine, wrong = json.loads(Path("answer.json").read_text())["cells"]
    assert (fine["parity"], wrong["parity"]) == (True, False)


@pytest.mark.usefixtures("blank_pictures")
def test_a_cell_that_is_stopped_does_not_stop_the_others(run: Run) -> None:
    code, out, _ = run("tutorial", *QUICK, "--lr", "3e38", "0.1", "--json", "answer.json")
    assert code == 1
    assert "parity holds in 1 of 2 cells only" in out
    stopped, fine = json.loads(Path("answer.json").read_text())["cells"]
    assert "the loss is not finite" in stopped["stopped"]
    assert (stopped["parity"], fine["parity"]) == (False, True)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("--batch-size", "16", "64", "--train-size", "100", "50"),
            "batch-size is 64, expected at",
        ),
        (("--lr", "0.1", "-1"), "lr is -1.0, expected a finite number above 0"),
        (("--epochs", "0"), "epochs is 0, expected at least 1"),
        (("--lr", "0.1", "0.1"), "lr: 0.1 is given twice"),
    ],
)
def test_a_cell_that_cannot_run_is_refused_before_anything_runs(
    run: Run, arguments: tuple[str, ...], message: str
) -> None:
    code, out, err = run("tutorial", *arguments)
    assert (code, out) == (2, "")
    assert err.startswith(f"parity: error: {message}")
    assert len(err.splitlines()) == 1


@pytest.mark.usefixtures("blank_pictures")
def test_a_cell_says_up_to_where_it_agrees(run: Run) -> None:
    """At this rate the two backends drift apart until they answer differently."""
    code, out, _ = run("tutorial", "--lr", "0.1", "10", "--epochs", "2")
    assert code == 0
    assert "parity holds in all 2 cells, up to the noise horizon of each" in out
    assert re.search(r" yes .*\n.* to step \d+", out)


@pytest.mark.usefixtures("blank_pictures")
def test_cells_that_run_side_by_side_are_the_same_in_the_same_order(run: Run) -> None:
    answers = []
    for jobs in ("1", "2"):
        grid = (*QUICK, "--lr", "0.1", "0.2", "3e38", "--json", "answer.json", "--jobs", jobs)
        assert run("tutorial", *grid)[0] == 1  # at the last rate nothing is finite
        answers.append(json.loads(Path("answer.json").read_text()))
        for cell in answers[-1]["cells"]:
            del cell["seconds"]
    assert answers[0] == answers[1]


def test_cells_that_run_side_by_side_have_no_checkpoints(run: Run) -> None:
    code, _, err = run("tutorial", *QUICK, "--jobs", "2", "--checkpoint", "kept")
    assert (code, err.splitlines()) == (
        2,
        ["parity: error: jobs is 2, expected 1 with --checkpoint or --resume"],
    )
