"""`parity template`: what it prints is read back as what it is, with nothing written."""

import ast
import json
from pathlib import Path

import pytest

from parity.checking.entry import check_file
from parity.cli import main
from parity.contract.layouts import LAYOUTS, layout_named
from parity.contract.operations import SUBJECTS
from parity.contract.template import IN_WORDS, TEMPLATE, notebook, template
from parity_tests.checking.courses.wrong import right_file

EVERYWHERE = ["contract", *LAYOUTS]
BOTH = ["linear", "linear_backward"]


def definitions(source: str) -> dict[str, ast.arguments]:
    """The arguments of each function of some source, and of each method."""
    found = {}
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef):
            found[node.name] = node.args
        elif isinstance(node, ast.ClassDef):
            methods = [one for one in node.body if isinstance(one, ast.FunctionDef)]
            found |= {f"{node.name}.{one.name}": one.args for one in methods}
    return found


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_template_of_a_course_is_recognised_with_nothing_written(
    layout: str, tmp_path: Path
) -> None:
    (tmp_path / "homework.py").write_text(template(layout=layout), encoding="utf-8")
    report = check_file(tmp_path / "homework.py")
    assert report.layout == layout
    assert {one.status for one in report.results} == {"missing"}
    assert {one.name for one in report.results} == layout_named(layout).operations.keys()


def test_a_notebook_of_a_course_is_recognised_with_nothing_written(tmp_path: Path) -> None:
    (tmp_path / "homework.ipynb").write_text(notebook(BOTH, "mytorch"), encoding="utf-8")
    report = check_file(tmp_path / "homework.ipynb", layout="mytorch", only=BOTH)
    assert [(one.name, one.status) for one in report.results] == [(n, "missing") for n in BOTH]


@pytest.mark.parametrize("layout", EVERYWHERE)
def test_a_notebook_holds_the_code_of_the_file(layout: str) -> None:
    cells = json.loads(notebook(layout=layout))["cells"]
    sources = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    (docstring, *body) = ast.parse(template(layout=layout)).body
    assert isinstance(docstring, ast.Expr)
    assert ast.dump(ast.parse("\n".join(sources[:-1]))) == ast.dump(ast.Module(body, []))
    assert "parity.check(globals()" in sources[-1]
    assert len({cell["id"] for cell in cells}) == len(cells)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_right_file_of_the_course_takes_as_many_arguments(layout: str) -> None:
    right = definitions(right_file(layout).read_text(encoding="utf-8"))
    for name, arguments in definitions(template(layout=layout)).items():
        count, theirs = len(arguments.args), right[name]
        assert len(theirs.args) - len(theirs.defaults) <= count <= len(theirs.args), name


def test_an_argument_is_called_what_the_layout_hands_over() -> None:
    found = definitions(template(["linear", "relu_backward", "sgd_step"], "cs231n-a2"))
    names = {name: [one.arg for one in arguments.args] for name, arguments in found.items()}
    assert names == {
        "affine_forward": ["input", "weight", "bias"],
        "relu_forward": ["input"],
        "relu_backward": ["grad_output", "cache"],
        "sgd": ["param", "grad", "options"],
    }


SHAPES = {
    "contract": "input (N, in), weight (out, in), bias (out,) -> (N, out): x Wᵀ + b.",
    "cs231n-a2": "input (N, in), weight (in, out), bias (out,) -> (N, out): x W + b.",
    "dlai": "input (in, N), weight (out, in), bias (out, 1) -> (out, N): W x + b.",
    "mytorch": "input (N, in), weight (out, in), bias (out, 1) -> (N, out): x Wᵀ + b.",
}


@pytest.mark.parametrize("layout", SHAPES)
def test_shapes_are_those_of_the_course(layout: str) -> None:
    assert SHAPES[layout] in template(["linear"], layout)


def test_words_of_a_convention_are_those_of_the_contract() -> None:
    words = " ".join(subject.summary for subject in SUBJECTS.values())
    assert [row for row in IN_WORDS if row[2] not in words and not row[2].startswith("/ N")] == []


@pytest.mark.parametrize("only", [["linear,linear_backward"], BOTH])
def test_only_some_names_are_printed(only: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["template", "--only", *only]) == 0
    assert list(definitions(capsys.readouterr().out)) == BOTH


def test_an_optimizer_comes_with_the_parameters_it_is_given() -> None:
    assert next(iter(definitions(template(["SGD"])))) == "Parameter.__init__"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--only", "lineer"], "only: got lineer, expected some of linear, linear_backward, "),
        (["--only", "tanh", "--layout", "dlai"], "only: got tanh, expected some of linear, "),
        (["--layout", "cs231n"], "layout is 'cs231n', expected one of cs231n-a1, "),
    ],
)
def test_what_there_is_not_is_one_line(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["template", *arguments]) == 2
    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1


def test_by_default_the_whole_contract_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["template"]) == 0
    assert capsys.readouterr().out == TEMPLATE


def test_a_pair_is_printed_as_before(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["template", "--pair"]) == 0
    assert capsys.readouterr().out.startswith('"""A pair for `parity compare FILE.py`')
