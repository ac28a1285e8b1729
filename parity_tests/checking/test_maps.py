"""`--map`: a layout of one's own; whose line an error names; what is wrong in the map itself."""

from pathlib import Path

import pytest

from parity.checking.checker import Result
from parity.checking.entry import check, check_file
from parity.checking.report import Report
from parity.contract.layouts import LAYOUTS, layout_named, read_map, recognised
from parity.errors import InputError

HOMEWORK = """\
import numpy as np

def fc(x, p):
    y = x @ p["w"] + p["b"]
    return y, (x, p)

def fc_grad(d, memory):
    x, p = memory
    return d @ p["w"].T, {"w": x.T @ d, "b": d.sum(0, keepdims=True)}

class Rectifier:
    def run(self, x):
        self.on = x > 0
        return x * self.on

    def back(self, d):
        return d * self.on

def nll(logits, hot):
    z = logits - logits.max(1, keepdims=True)
    logp = z - np.log(np.exp(z).sum(1, keepdims=True))
    return -(hot * logp).sum() / len(hot), (np.exp(logp) - hot) / len(hot)
"""

MAP = """\
linear = 'fc(input, {"w": weight, "b": bias})[0]'
linear_backward = '(lambda d, g: (d, g["w"], g["b"]))(*fc_grad(grad_output, (input, {"w": weight, "b": bias})))'
relu = "Rectifier().run(input)"
relu_backward = "(lambda r: (r.run(input), r.back(grad_output))[1])(Rectifier())"
cross_entropy = "nll(input, target)[0]"
cross_entropy_backward = "nll(input, target)[1]"
[conventions]
weights = "in-out"
bias = "row"
targets = "one-hot"
"""  # noqa: E501

PYTHON_MAP = """\
conventions = {"weights": "in-out", "bias": "row", "targets": "one-hot"}
def linear(input, weight, bias):
    return student.fc(input, {"w": weight, "b": bias})[0]
def relu(input):
    return student.Rectifier().run(input)
def relu_backward(grad_output, input):
    return backward(student.Rectifier(), grad_output, input)
def backward(layer, grad_output, input):
    layer.run(input)
    return layer.back(grad_output)
"""


def checked(tmp_path: Path, map: str, homework: str = HOMEWORK, suffix: str = ".toml") -> Report:
    """The report on some homework, by some map."""
    (tmp_path / "homework.py").write_text(homework)
    (tmp_path / f"course{suffix}").write_text(map)
    return check_file(tmp_path / "homework.py", map=tmp_path / f"course{suffix}")


def statuses(report: Report) -> dict[str, str]:
    return {one.name: one.status for one in report.results if one.status != "missing"}


def verdict(report: Report, name: str) -> Result:
    (result,) = (one for one in report.results if one.name == name)
    return result


def test_ten_lines_of_a_map_are_enough_for_another_course(tmp_path: Path) -> None:
    assert len(MAP.splitlines()) == 10
    report = checked(tmp_path, MAP)
    assert statuses(report) == dict.fromkeys(
        [
            *("linear", "linear_backward", "relu", "relu_backward"),
            *("cross_entropy", "cross_entropy_backward"),
        ],
        "pass",
    )
    assert report.layout == "course"


def test_a_map_in_python_calls_objects_with_state(tmp_path: Path) -> None:
    report = checked(tmp_path, PYTHON_MAP, suffix=".py")
    assert statuses(report) == dict.fromkeys(["linear", "relu", "relu_backward"], "pass")


def test_a_map_serves_a_module_of_this_process_too(tmp_path: Path) -> None:
    (tmp_path / "course.toml").write_text(MAP)
    namespace = {"__name__": "mine"}
    exec(HOMEWORK, namespace)
    assert check(namespace, map=tmp_path / "course.toml").passed == 6


def test_an_error_names_the_students_line(tmp_path: Path) -> None:
    report = checked(tmp_path, MAP, HOMEWORK.replace("return x * self.on", "return x * self.of"))
    result = verdict(report, "relu")
    assert result.status == "error"
    assert result.explanation.startswith("raises AttributeError")
    assert result.explanation.endswith(", called as Rectifier().run(input) (line 14)")


def test_a_mistake_is_named_as_without_a_map(tmp_path: Path) -> None:
    report = checked(tmp_path, MAP, HOMEWORK.replace("d.sum(0, keepdims=True)", "d.sum()"))
    assert verdict(report, "linear_backward").diagnosis == "grad-bias-over-everything"


@pytest.mark.parametrize(
    "stub",
    ["raise NotImplementedError", "pass", "...", "return None", "y = None\n    return y, (x, p)"],
)
def test_what_the_map_needs_and_is_a_stub_is_not_written(tmp_path: Path, stub: str) -> None:
    homework = HOMEWORK.replace('y = x @ p["w"] + p["b"]\n    return y, (x, p)', stub)
    assert verdict(checked(tmp_path, MAP, homework), "linear").status == "missing"


def test_a_function_that_returns_nothing_is_told_so_and_not_the_map(tmp_path: Path) -> None:
    homework = HOMEWORK.replace("    return y, (x, p)\n", "")
    result = verdict(checked(tmp_path, MAP, homework), "linear")
    assert result.explanation == "returns None: is there a `return`?"


WRONG_MAPS = {
    'relu = "Rectifier().run(input"': r"line 1: relu = .* is no expression: '\(' was never closed",
    'rellu = "Rectifier().run(input)"': "line 1: rellu is no operation, expected one of linear, ",
    "relu = 3": "line 1: relu is 3, expected an expression",
    'relu = "np.maximum(input, 0)"': "line 1: relu = .* uses no name of the file under check",
    'relu = "Rectifier().run(input, 1)"': r"line 1: raises TypeError: Rectifier.run\(\) takes 2",
    '\nrelu = "Rectifier().go(input)"': "line 2: raises AttributeError: 'Rectifier' object has no",
    'relu = "Rectifier().run(input)"\n[conventions]\nbatch = "columnar"': (
        "batch is 'columnar', expected one of rows, columns"
    ),
    'relu = "Rectifier().run(input)"\n[conventions]\nbach = "rows"': "bach is no convention",
    "relu =": "is no TOML",
    "": "has no operation of the contract",
}


@pytest.mark.parametrize(("map", "words"), WRONG_MAPS.items(), ids=lambda text: text[:40])
def test_a_wrong_map_is_bad_input_in_its_own_lines(tmp_path: Path, map: str, words: str) -> None:
    with pytest.raises(InputError, match=f"course.toml.*{words}"):
        checked(tmp_path, map)


WRONG_PYTHON = {
    "def relu(input:": "line 1",
    "def relu(inputs):\n    return student.f(inputs)": "relu has the parameter inputs",
    "def relu(input):\n    return student.Rectifier(2).run(input)": "line 2: raises TypeError",
    "conventions = dict(weights=1)\ndef relu(input):\n    return student.f(input)": "no literal",
}


@pytest.mark.parametrize(("map", "words"), WRONG_PYTHON.items(), ids=lambda text: text[:40])
def test_a_wrong_map_in_python_is_bad_input_too(tmp_path: Path, map: str, words: str) -> None:
    with pytest.raises(InputError, match=f"course.py.*{words}"):
        checked(tmp_path, map, suffix=".py")


def test_no_map_of_another_kind(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"expected a \.toml or a \.py file"):
        checked(tmp_path, MAP, suffix=".json")


def test_an_unknown_layout_is_refused(tmp_path: Path) -> None:
    (tmp_path / "homework.py").write_text(HOMEWORK)
    with pytest.raises(InputError, match="layout is 'mit', expected one of cs231n-a1, cs231n-a2"):
        check_file(tmp_path / "homework.py", layout="mit")


def test_a_file_of_no_known_course_is_told_of_maps(tmp_path: Path) -> None:
    (tmp_path / "homework.py").write_text(HOMEWORK)
    with pytest.raises(InputError, match="of no known course; --map"):
        check_file(tmp_path / "homework.py")


def test_a_file_with_some_names_of_a_course_is_told_of_its_layout(tmp_path: Path) -> None:
    """CMU's files are one for each kind of layer; Linear alone may be of any course."""
    (tmp_path / "linear.py").write_text("class Linear:\n    pass\n")
    with pytest.raises(InputError, match=r"whose names it has, or --layout mytorch \(Linear\)$"):
        check_file(tmp_path / "linear.py")


def test_what_only_raises_as_the_contract_is_told_of_other_layouts(tmp_path: Path) -> None:
    file = tmp_path / "sgd.py"
    file.write_text(
        "class SGD:\n    def __init__(self, model, lr):\n        self.layers = model.layers\n"
    )
    (note,) = (one for one in check_file(file).notes if "--layout" in one)
    assert note.endswith("or --layout deep-learning-from-scratch (SGD) or mytorch (SGD)")


# --- which layout a file has ---------------------------------------------------------------------


@pytest.mark.parametrize("name", LAYOUTS)
def test_names_that_only_one_course_has_tell_it(name: str) -> None:
    layout = layout_named(name)
    assert recognised(sorted(layout.recognised_by)) == layout
    others = (layout_named(other) for other in LAYOUTS if other != name)
    assert not any(layout.recognised_by & other.recognised_by for other in others)


def test_the_contracts_names_are_no_course() -> None:
    names = ["linear", "relu", "softmax", "cross_entropy", "conv2d", "avg_pool2d"]
    assert recognised(names) is None
    assert recognised([*names, "compute_cost"]) is None


def test_only_and_the_layout_can_be_given(tmp_path: Path) -> None:
    (tmp_path / "course.toml").write_text(MAP)
    assert read_map(tmp_path / "course.toml").operations.keys() >= {"linear", "relu"}
    (tmp_path / "homework.py").write_text("def relu(x):\n    return x * (x > 0)\n")
    report = check_file(tmp_path / "homework.py", layout="contract", only=["relu", "sigmoid"])
    assert [one.name for one in report.results] == ["sigmoid", "relu"]
    with pytest.raises(InputError, match="only: got rellu"):
        check_file(tmp_path / "homework.py", only=["rellu"])


# --- what a course does otherwise ----------------------------------------------------------------

SPELT = """\
import numpy as np

def soft_max(z):
    e = np.exp(z - z.max(axis=1)[:, None])
    return e / e.sum(axis=1)[:, None]

class rectify_layer:
    def run(self, x):
        self.off = x <= 0
        return x * (x > 0)

    def back(self, d):
        d[self.off] = 0
        return d

def nll(z, hot):
    return -np.sum(hot * np.log(soft_max(z) + 1e-7)) / len(z)
"""
SPELT_MAP = """\
softmax = "softmax(input)"
relu_backward = "(lambda r: (r.run(input), r.back(grad_output))[1])(RectifyLayer())"
cross_entropy = "nll(input, target)"
[conventions]
stability = "ordinary"
targets = "either"
backward = "in-place"
epsilon = "1e-7"
"""


def test_a_name_may_be_spelt_otherwise_and_a_softmax_be_of_rows_alone(tmp_path: Path) -> None:
    report = checked(tmp_path, SPELT_MAP.replace("RectifyLayer", "rectifyLayer"), SPELT)
    assert statuses(report) == dict.fromkeys(["softmax", "relu_backward", "cross_entropy"], "pass")
    assert report.notes[0] == "read by the map course.toml"
    (note,) = (one for one in report.notes if one.startswith("not asked for by the map: "))
    assert "softmax (along dim 0, one dimension, three dimensions" in note


def test_a_class_is_no_function_by_another_spelling(tmp_path: Path) -> None:
    assert "relu_backward" not in statuses(checked(tmp_path, SPELT_MAP, SPELT))


@pytest.mark.parametrize(
    ("line", "name", "diagnosis"),
    [
        ('backward = "in-place"\n', "relu_backward", "input-changed"),
        ('epsilon = "1e-7"\n', "cross_entropy", "epsilon-in-log"),
    ],
)
def test_without_its_convention_it_is_wrong(
    tmp_path: Path, line: str, name: str, diagnosis: str
) -> None:
    map = SPELT_MAP.replace("RectifyLayer", "rectifyLayer").replace(line, "")
    assert verdict(checked(tmp_path, map, SPELT), name).diagnosis == diagnosis


def test_of_several_expressions_each_function_is_looked_at(tmp_path: Path) -> None:
    map = 'relu = ["slow(input)", "quick(input)", "quick(input + 0)"]\n'
    homework = "import numpy as np\ndef slow(x):\n    return np.maximum(x, 0)\n"
    report = checked(tmp_path, map, homework + "def quick(x):\n    return abs(x)\n")
    assert statuses(report) == {"relu": "pass", "relu (quick)": "fail"}


NETWORK = """\
import numpy as np
data = np.array(open("train.csv").read())
m, n = data.shape

def forward_prop(W1, b1, W2, b2, X):
    Z1 = W1.dot(X) + b1
    A1 = np.maximum(Z1, 0)
    Z2 = W2.dot(A1) + b2
    Z2 = Z2 - Z2.max(0)
    return Z1, A1, np.exp(Z2) / sum(np.exp(Z2))

def back_prop(Z1, A1, A2, W2, X, Y):
    dZ2 = A2 - np.eye(len(A2))[Y].T
    dZ1 = W2.T.dot(dZ2) * (Z1 > 0)
    return 1 / m * dZ1.dot(X.T), 1 / m * dZ1.sum(1), 1 / m * dZ2.dot(A1.T), 1 / m * dZ2.sum(1)
"""

NETWORK_MAP = """\
def loss_and_grads(params, X, y):
    student.m = len(y)
    W1, b1, W2, b2 = params["W1"], params["b1"][:, None], params["W2"], params["b2"][:, None]
    Z1, A1, A2 = student.forward_prop(W1, b1, W2, b2, X.T)
    grads = dict(zip(("W1", "b1", "W2", "b2"), student.back_prop(Z1, A1, A2, W2, X.T, y)))
    return -np.log(A2[y, np.arange(len(y))]).mean(), grads
"""


def network_by_its_map(tmp_path: Path, code: str) -> Result:
    """The verdict on the network of a script that has read a file of images."""
    (tmp_path / "nn.py").write_text(code)
    (tmp_path / "map.py").write_text(NETWORK_MAP)
    report = check_file(
        tmp_path / "nn.py", map=tmp_path / "map.py", only=["loss_and_grads"], stability="warn"
    )
    return report.results[0]


def test_a_map_sets_a_global_that_the_file_takes_from_its_data(tmp_path: Path) -> None:
    assert network_by_its_map(tmp_path, NETWORK).status == "pass"


def test_a_gradient_of_biases_that_cancels_is_named(tmp_path: Path) -> None:
    """The sum over everything of what comes out of a softmax is 0, to rounding."""
    result = network_by_its_map(tmp_path, NETWORK.replace(".sum(1)", ".sum()"))
    assert result.diagnosis == "grad-bias-over-everything"


def test_a_file_without_the_names_of_the_map_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="has nothing that map computes anything with"):
        network_by_its_map(tmp_path, "def something(x): return x\n")


def test_what_an_operation_of_a_map_needs_is_told_where_it_is_missing(tmp_path: Path) -> None:
    """A variable that is misspelt looks like a name of the file."""
    text = 'relu = "rectify(inputs)"\nsoftmax = "soft(input)"\n'
    code = "import numpy as np\ndef rectify(x):\n    return x\ndef soft(x):\n    return x\n"
    report = checked(tmp_path, text, code)
    assert "relu of the map uses what the file does not define: inputs" in report.notes
    assert not any(note.startswith("softmax of") for note in report.notes)
