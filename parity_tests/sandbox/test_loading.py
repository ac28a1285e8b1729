"""How somebody's file is read: its own package, a notebook, Python 2, what is a stub."""

import json
from pathlib import Path

import pytest

from parity.checking.entry import check_file
from parity.checking.report import Report
from parity.sandbox import loading
from parity.sandbox.isolation import Isolation

RELU = "def relu(x):\n    return x * (x > 0)\n"


def statuses(report: Report) -> dict[str, str]:
    return {one.name: one.status for one in report.results if one.status != "missing"}


# --- the student's own files ---------------------------------------------------------------------

BOTH = pytest.mark.parametrize("isolation", ["auto", "none"])


@BOTH
def test_a_package_is_found_by_its_relative_imports(tmp_path: Path, isolation: Isolation) -> None:
    package = tmp_path / "course" / "nn"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "helpers.py").write_text("from .deeper import positive\n")
    (package / "deeper.py").write_text("def positive(x):\n    return x > 0\n")
    (package / "layers.py").write_text(
        "from .helpers import positive\nfrom . import deeper\n"
        "def relu(x):\n    return x * positive(x) * deeper.positive(x)\n"
    )
    assert check_file(package / "layers.py", isolation=isolation).ok


def test_a_folder_without_init_is_a_package_if_the_file_says_so(tmp_path: Path) -> None:
    (tmp_path / "nn").mkdir()
    (tmp_path / "nn" / "helpers.py").write_text("def positive(x):\n    return x > 0\n")
    (tmp_path / "nn" / "layers.py").write_text(f"from .helpers import positive\n{RELU}")
    report = check_file(tmp_path / "nn" / "layers.py")
    assert report.ok
    assert not any("definitions" in note for note in report.notes)


@BOTH
def test_a_module_of_a_folder_above_is_found(tmp_path: Path, isolation: Isolation) -> None:
    (tmp_path / "common").mkdir()
    (tmp_path / "ch05").mkdir()
    (tmp_path / "common" / "functions.py").write_text("def positive(x):\n    return x > 0\n")
    (tmp_path / "ch05" / "layers.py").write_text(
        "import sys, os\nsys.path.append(os.pardir)\nfrom common.functions import positive\n"
        "def relu(x):\n    return x * positive(x)\n"
    )
    assert check_file(tmp_path / "ch05" / "layers.py", isolation=isolation).ok


def test_an_error_in_another_file_of_the_student_names_the_file(tmp_path: Path) -> None:
    (tmp_path / "helper.py").write_text("def positive(x):\n    return x.no_such\n")
    (tmp_path / "mine.py").write_text(
        "from helper import positive\ndef relu(x):\n    return x * positive(x)\n"
    )
    (result,) = (one for one in check_file(tmp_path / "mine.py").results if one.status != "missing")
    assert result.explanation.endswith("(helper.py, line 2)")


def test_what_older_versions_of_numpy_let_pass_is_explained(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("def relu(x):\n    return float(x.reshape(1, -1)[:, :1])\n")
    (result,) = (one for one in check_file(tmp_path / "mine.py").results if one.status != "missing")
    assert "x.item() still does (line 2)" in result.explanation


# --- notebooks -----------------------------------------------------------------------------------

CELLS = [
    "%matplotlib inline\nimport numpy as np\nimport matplotlib.pyplot as plt\nGAIN = 1.0\n",
    "!pip install numpy\n",
    "def relu(x):\n    return GAIN * x * (x > 0)\n",
    "%%time\nfor step in range(10**9):\n    pass\n",
    "plt.plot([1, 2])\nplt.show()\n",
    "def sigmoid(x):\n    return 1 / (1 + np.exp(x.missing))\n",
    "this is no Python\n",
]


def notebook(path: Path, cells: list[str]) -> Path:
    """A notebook with these code cells, and a cell of text between."""
    content = [{"cell_type": "markdown", "source": ["# text"]}]
    content += [{"cell_type": "code", "source": cell.splitlines(keepends=True)} for cell in cells]
    path.write_text(json.dumps({"cells": content, "nbformat": 4}))
    return path


def test_a_notebook_is_read_without_its_plots_and_training(tmp_path: Path) -> None:
    report = check_file(notebook(tmp_path / "hw.ipynb", CELLS))
    assert statuses(report) == {"relu": "pass", "sigmoid": "error"}
    (result,) = (one for one in report.results if one.name == "sigmoid")
    assert result.explanation.endswith("(cell 6, line 2)")
    (note,) = (line for line in report.notes if "left out: " in line)
    left_out = [f"cell {number}" in note for number in range(1, 8)]
    assert left_out == [True, True, False, True, True, False, True]


@pytest.mark.parametrize("magic", ["%%time", "%%capture out"])
def test_the_definitions_of_a_cell_that_is_timed_are_kept(magic: str, tmp_path: Path) -> None:
    cells = ["import numpy as np\n", f"{magic}\ndef relu(x):\n    return x * (x > 0)\nrelu(1)\n"]
    assert statuses(check_file(notebook(tmp_path / "hw.ipynb", cells))) == {"relu": "pass"}


def test_a_cell_of_another_language_is_left_out(tmp_path: Path) -> None:
    cells = [CELLS[2], "%%timeit\ndef sigmoid(x):\n    return x\n", "GAIN = 1.0\n"]
    assert statuses(check_file(notebook(tmp_path / "hw.ipynb", cells))) == {"relu": "pass"}


def test_what_is_no_notebook_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "hw.ipynb").write_text("[]")
    (result,) = check_file(tmp_path / "hw.ipynb").results
    assert "is no notebook" in result.message


@pytest.mark.parametrize(
    "code", ['print "loss"\n', "try:\n    pass\nexcept ValueError, e:\n    pass\n", "x = 0777\n"]
)
def test_python_2_is_one_line_that_says_so(tmp_path: Path, code: str) -> None:
    (tmp_path / "old.py").write_text(RELU + code)
    (result,) = check_file(tmp_path / "old.py").results
    assert "is written in Python 2, expected Python 3 (line" in result.explanation


# --- stubs ---------------------------------------------------------------------------------------

STUBS = {
    "fewer arguments": "def f():\n    raise NotImplementedError\n",
    "raised with words": "def f(x):\n    raise NotImplementedError('write me')\n",
    "pass": "def f(x):\n    pass\n",
    "a docstring": 'def f(x):\n    """Words."""\n',
    "dots": "def f(x):\n    ...\n",
    "return dots": "def f(x):\n    return ...\n",
    "return None": "def f(x):\n    return None\n",
    "out = None": "def f(x):\n    out = None\n    # TODO\n    cache = x\n    return out, cache\n",
    "dx, dw = None": "def f(d, c):\n    dx, dw = None, None\n    return dx, dw\n",
    "YOUR CODE HERE": (
        "def f(W, X):\n    loss = 0.0\n    dW = np.zeros_like(W)\n    # YOUR CODE HERE\n"
        "    n = X.shape[0]\n    return loss, dW\n"
    ),
}
WRITTEN = {
    "one line": "def f(x):\n    return abs(x)\n",
    "None at first": (
        "def f(x):\n    out = None\n    # START OF YOUR CODE\n    out = x * 2\n    return out\n"
    ),
    "None unless": "def f(x):\n    out = None\n    if x:\n        out = x\n    return out\n",
    "no return": "def f(x):\n    y = x\n",
    "a part that refuses": (
        "def f(x):\n    if x:\n        raise NotImplementedError\n    return x\n"
    ),
    "counted up": "def f(x):\n    n = None\n    for n in x:\n        pass\n    return n\n",
    "TODO beside code": "def f(x):\n    # TODO: faster\n    return np.maximum(x, 0)\n",
}


def is_stub(tmp_path: Path, code: str) -> bool:
    """Whether `f` of a file with this code is a stub."""
    file = tmp_path / f"mine{len(list(tmp_path.iterdir()))}.py"
    file.write_text(code)
    namespace: dict[str, object] = {}
    exec(compile(code, str(file), "exec"), namespace)
    return loading.is_stub(namespace["f"])


@pytest.mark.parametrize("code", STUBS.values(), ids=STUBS)
def test_a_stub_counts_as_not_written(tmp_path: Path, code: str) -> None:
    assert is_stub(tmp_path, code)


@pytest.mark.parametrize("code", WRITTEN.values(), ids=WRITTEN)
def test_what_computes_something_is_no_stub(tmp_path: Path, code: str) -> None:
    assert not is_stub(tmp_path, code)


def test_a_class_is_a_stub_with_its_constructor_or_its_forward(tmp_path: Path) -> None:
    layer = "class f:\n    def __init__(self):\n        {}\n    def forward(self, x):\n        {}\n"
    assert is_stub(tmp_path, layer.format("raise NotImplementedError", "return x * 2"))
    assert is_stub(tmp_path, layer.format("self.x = None", "pass"))
    assert not is_stub(tmp_path, layer.format("self.x = None", "return x * 2"))
    assert not is_stub(tmp_path, layer.format("pass", "return x * 2"))
