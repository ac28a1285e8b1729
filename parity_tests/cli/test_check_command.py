"""`parity check FILE`: somebody else's code cannot hurt; `parity template`: the stub of a file."""

import ast
import inspect
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import numpy_impl.functional
from parity.checking.checker import Result
from parity.checking.entry import check_file
from parity.checking.report import Report
from parity.cli.check import Check
from parity.cli.template import Template
from parity.contract.operations import SUBJECTS
from parity.contract.template import TEMPLATE
from parity.errors import InputError
from parity.sandbox import wire

# Seconds that a loop is given to come to its end: enough for what is right, beside which others
# are at work. What ends is not held to it.
SHORT = 2.0
pytestmark = pytest.mark.usefixtures("unchecked")
RIGHT = "def relu(x):\n    return x * (x > 0)\n"


def run(tmp_path: Path, code: str, **options: Any) -> Report:
    """The report on a file with this code, and at its end a relu that is right."""
    path = tmp_path / "mine.py"
    path.write_text(code)
    return check_file(path, **options)


def verdict(report: Report, name: str) -> Result:
    (result,) = (result for result in report.results if result.name == name)
    return result


# --- whatever the file does, the other functions are still checked -------------------------------

FAULTS = {
    "an endless loop": ("while True:\n        pass", "timeout", "does not come to an end"),
    "a loop that swallows everything": (
        "while True:\n        try:\n            while True:\n                pass\n"
        "        except BaseException:\n            pass",
        "timeout",
        "does not come to an end",
    ),
    "sys.exit": ("import sys\n    sys.exit(3)", "error", r"calls sys.exit(3) (line 6)"),
    "a crash": ("import os\n    os.abort()", "error", "ends the process (signal SIGABRT)"),
    "too much memory": ("return bytearray(2**40)", "error", "needs more memory"),
    "an exception": ("return x @ x @ x.tolist()[0][0]", "error", "raises ValueError"),
    "too much print": ("print('x' * 2**24)", "error", "prints or saves more than 10 MiB (line"),
    "a missing return": ("y = x", "error", "returns None: is there a `return`?"),
    "a question": ("return input('x? ')", "error", "raises EOFError"),
    "rows of unequal length": ("return [[1.0], [1.0, 2.0]]", "error", "rows of unequal length"),
    "words": ("return 'relu'", "error", "expected an array of float dtype"),
}


@pytest.mark.parametrize(("body", "status", "words"), FAULTS.values(), ids=FAULTS)
def test_an_error_becomes_one_line_and_the_rest_is_checked(
    tmp_path: Path, body: str, status: str, words: str
) -> None:
    code = f"{RIGHT}def sigmoid(x):\n    print('here')\n    {body}\n"
    report = run(tmp_path, code, **({"timeout": SHORT} if status == "timeout" else {}))
    result = verdict(report, "sigmoid")
    assert (result.status, result.diagnosis) == (status, None)
    assert words in result.message
    assert "\n" not in result.message
    assert verdict(report, "relu").status == "pass"
    assert (report.passed, report.failed) == (1, 1)


def test_no_mistake_is_named_where_the_process_ends(tmp_path: Path) -> None:
    code = "import os\ndef evaluate(model, images, labels, batch_size=1000):\n    os._exit(1)\n"
    result = verdict(run(tmp_path, code), "evaluate")
    assert (result.status, result.diagnosis) == ("error", None)
    assert result.message == "ends the process (exit code 1)"


FILES = {
    "sys.exit at the end": ("raise SystemExit(1)", "calls sys.exit(1) (line 3)"),
    "a script at the end": ("train()", "name 'train' is not defined (line 3)"),
    "a loop at the end": ("while True: pass", "takes too long"),
    "a file that is not there": ("open('train.csv')", "raises FileNotFoundError"),
    "a use of what is not installed": (
        "import no_such_thing\nlist(no_such_thing.rows)",
        "uses no_such_thing.rows",
    ),
}


@pytest.mark.parametrize(("code", "words"), FILES.values(), ids=FILES)
def test_a_file_that_does_not_run_to_its_end_is_judged_by_its_definitions(
    tmp_path: Path, code: str, words: str
) -> None:
    last = "def sigmoid(x):\n    return STEEPNESS * np.exp(x) / (1 + np.exp(x))\n"
    late = f"import numpy as np\nSTEEPNESS = 1.0\n{last}"
    report = run(tmp_path, f"{RIGHT}{code}\n{late}", timeout=SHORT)
    (note,) = (line for line in report.notes if "definitions" in line)
    assert words in note
    assert verdict(report, "relu").status == "pass"
    assert verdict(report, "sigmoid").diagnosis == "overflow" or report.failed == 1


def test_a_module_that_is_not_installed_is_named_when_it_is_used(tmp_path: Path) -> None:
    code = (
        "import no_such_thing as nst\nfrom no_such_thing.more import exp\n"
        "table = nst.table(3)[0]\n"
        "def sigmoid(x):\n    return 1 / (1 + exp(-x))\n"
    )
    report = run(tmp_path, RIGHT + code)
    assert verdict(report, "relu").status == "pass"
    result = verdict(report, "sigmoid")
    assert result.status == "borrowed"
    assert result.explanation.startswith("uses no_such_thing.more.exp")


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("def relu(x):\n    return x +\n", "SyntaxError: invalid syntax (mine.py, line 2)"),
        ("1 / 0\n", "ZeroDivisionError: division by zero (line 1)"),
    ],
    ids=["a syntax error", "an error at the top"],
)
def test_a_file_that_defines_nothing_is_one_line(tmp_path: Path, code: str, words: str) -> None:
    (result,) = run(tmp_path, code).results
    assert result.status == "error"
    assert result.message == f"the file raises {words}; nothing was checked."


def test_what_the_file_prints_is_kept_apart(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    noisy = "import os\nprint('one')\nos.write(1, b'two')\n" + RIGHT
    report = run(tmp_path, noisy)
    assert capfd.readouterr().out == ""
    assert report.passed == 1
    assert "one" in report.printed
    assert "two" in report.printed


def test_a_file_may_import_from_its_folder_and_guard_its_main(tmp_path: Path) -> None:
    (tmp_path / "helper.py").write_text("def clip(v):\n    return max(0.0, v)\n")
    code = (
        "from helper import clip\n"
        "def relu(x):\n    return [[clip(v) for v in row] for row in x]\n"
        "if __name__ == '__main__':\n    raise SystemExit\n"
    )
    assert run(tmp_path, code).ok


def test_the_child_never_imports_pytorch(tmp_path: Path) -> None:
    code = "import sys\ndef relu(x):\n    assert 'torch' not in sys.modules\n" + RIGHT[12:]
    assert run(tmp_path, code).ok


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"timeout": 0.0}, "timeout is 0.0"),
        ({"memory_mb": 1}, "memory-mb is 1"),
        ({"seed": -1}, "seed is -1"),
    ],
    ids=["timeout", "memory", "seed"],
)
def test_bad_options_are_refused(tmp_path: Path, options: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        run(tmp_path, RIGHT, **options)


def test_no_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is no file"):
        check_file(tmp_path / "nowhere.py")


def test_a_file_about_something_else_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="none of the names"):
        run(tmp_path, "x = 1\n")


# --- the command ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("only", "code"), [(("relu",), 0), (("relu,sigmoid",), 1), (("sigmoid",), 1)]
)
def test_what_only_asks_for_has_to_be_there(
    tmp_path: Path, only: tuple[str, ...], code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "mine.py"
    file.write_text(RIGHT)
    assert Check(file=file, only=only).run() == code
    assert ("not written yet: sigmoid" in capsys.readouterr().out) == bool(code)


def test_exit_code_and_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, answer = tmp_path / "mine.py", tmp_path / "answer.json"
    file.write_text(RIGHT)
    assert Check(file=file, json=answer).run() == 0
    file.write_text(RIGHT + "def sigmoid(x):\n    return x / 0\n")
    assert Check(file=file, json=answer).run() == 1
    payload = json.loads(answer.read_text())
    assert set(payload) == {
        *("file", "layout", "isolation", "seed", "notes", "results", "passed", "failed")
    }
    assert (payload["passed"], payload["failed"]) == (1, 1)
    for result in payload["results"]:
        assert set(result) == {
            *("name", "status", "diagnosis", "explanation", "hint", "where", "example"),
            *("unchecked", "notes"),
        }
    assert {result["name"]: result["status"] for result in payload["results"]} == {
        **dict.fromkeys(SUBJECTS, "missing"),
        "relu": "pass",
        "sigmoid": "fail",
    }
    assert "not written yet: linear" in capsys.readouterr().out


def test_the_traceback_comes_with_verbose_only(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "mine.py"
    file.write_text("def relu(x):\n    return no_such_name\n")
    assert Check(file=file).run() == 1
    assert "Traceback" not in capsys.readouterr().out
    assert Check(file=file, verbose=True).run() == 1
    assert "Traceback" in capsys.readouterr().out


def test_the_template_names_the_whole_contract(capsys: pytest.CaptureFixture[str]) -> None:
    assert Template().run() == 0
    printed = capsys.readouterr().out
    assert printed == TEMPLATE
    stubs = {node.name: node for node in ast.parse(printed).body if hasattr(node, "name")}
    assert set(stubs) - {"Parameter"} == set(SUBJECTS)
    namespace: dict[str, Any] = {}
    exec(printed, namespace)
    for name, stub in stubs.items():
        if isinstance(stub, ast.FunctionDef) and hasattr(numpy_impl.functional, name):
            ours = inspect.signature(getattr(numpy_impl.functional, name)).parameters
            theirs = inspect.signature(namespace[name]).parameters
            assert list(theirs) == list(ours)[: len(theirs)]  # ours may take more
            assert [one.default for one in theirs.values()] == [ours[one].default for one in theirs]
            assert ast.get_docstring(stub)


def test_an_empty_template_is_not_written_yet(tmp_path: Path) -> None:
    report = run(tmp_path, TEMPLATE)
    assert {result.status for result in report.results} == {"missing"}
    assert not report.ok
    assert "nothing is written yet" in report.summary()


@pytest.mark.timeout(600)  # for one that hangs
def test_a_whole_file_takes_seconds_of_work(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    (tmp_path / "own").mkdir()
    for source in Path(numpy_impl.functional.__file__).parent.glob("*.py"):
        text = source.read_text(encoding="utf-8").replace("numpy_impl", "own")
        (tmp_path / "own" / source.name).write_text(text, encoding="utf-8")
    modules = ("functional", "models", "optim", "training")
    file.write_text("".join(f"from own.{module} import *\n" for module in modules))
    code = (
        f"from parity.cli.check import Check; from pathlib import Path; import sys; "
        f"sys.exit(Check(file=Path({str(file)!r}), allow=('jaxtyping',)).run())"
    )

    def work() -> float:
        """The processor's seconds in the child: not those for which others kept it waiting."""
        times = os.times()
        return times.children_user + times.children_system

    start = work()
    assert subprocess.run([sys.executable, "-c", code], stdout=subprocess.DEVNULL).returncode == 0
    assert 0 < work() - start < 12  # 4 s on an idle machine


# --- the wire ------------------------------------------------------------------------------------


def test_the_wire_carries_what_a_call_is_made_of() -> None:
    value: dict[str, Any] = {
        "a": [np.arange(6.0).reshape(2, 3), (1, 2.5, None)],
        "b": np.float32(1.5),
        "c": "x",
    }
    back = wire.decode(wire.encode(value))
    np.testing.assert_array_equal(back["a"][0], value["a"][0])
    assert back["a"][1] == (1, 2.5, None)
    assert back["b"].dtype == np.float32
    assert back["c"] == "x"
