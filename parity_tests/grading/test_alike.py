"""Files that are equal or nearly so: after renaming, and not for what all have in common."""

import re
from pathlib import Path

import pytest

from parity.contract.template import TEMPLATE
from parity.grading.alike import alike
from parity.grading.submissions import Submission

HOMEWORK = Path(__file__).parents[1] / "checking" / "homework"
LOOPS, SINGLE = (
    (HOMEWORK / name).read_text(encoding="utf-8") for name in ("loops.py", "single.py")
)
LOCALS = sorted(set(re.findall(r"^ +([a-z_]\w{2,}) = ", LOOPS, re.MULTILINE)))


def groups(files: dict[str, str], template: str = "") -> list[tuple[tuple[str, ...], float]]:
    """The groups of a class with these files."""
    handed_in = [
        Submission(student, "hw.py", "hw.py", {"hw.py": code.encode()})
        for student, code in files.items()
    ]
    found = alike(handed_in, [template.encode()] if template else [])
    return [(one.students, one.least) for one in found]


def renamed(code: str) -> str:
    """The code with other names for its variables, other comments and docstrings."""
    for name in LOCALS:
        code = re.sub(rf"\b{name}\b", f"my_{name}", code)
    return "# all mine\n" + re.sub(r'""".*?"""', '"""Mine."""', code, flags=re.DOTALL)


def test_renaming_hides_nothing() -> None:
    assert LOCALS
    assert groups({"ann": LOOPS, "bob": SINGLE, "cy": renamed(LOOPS)}) == [(("ann", "cy"), 1.0)]


def test_a_function_that_is_written_anew_leaves_the_rest_near() -> None:
    changed = LOOPS.replace("\n    for ", "\n    while False:\n        pass\n    for ", 1)
    ((students, least),) = groups({"ann": LOOPS, "bob": changed})
    assert students == ("ann", "bob")
    assert 0.8 <= least < 1


def test_two_ways_of_writing_the_same_are_not_alike() -> None:
    assert groups({"ann": LOOPS, "bob": SINGLE}) == []


def test_the_template_does_not_count() -> None:
    files = {"ann": TEMPLATE, "bob": TEMPLATE + "\nx = 1\n"}
    assert groups(files, TEMPLATE) == []
    assert groups(files)


def test_a_few_lines_say_nothing() -> None:
    code = "import numpy as np\ndef relu(input):\n    return np.maximum(input, 0)\n"
    assert groups({"ann": code, "bob": code}) == []


def test_what_many_have_makes_nobody_alike() -> None:
    """Twelve have the same half, as from a lecture, and each a half of his own."""
    own = "def own(x):\n" + "".join(f"    x = x {{0}} {k} {{1}} x\n" for k in range(60))
    operators = ["+", "-", "*", "/", "//", "%", "**", "&", "|", "^", "<<", ">>"]
    files = {
        f"s{k}": LOOPS + own.format(operators[k], operators[k - 1]) for k in range(len(operators))
    }
    assert groups(files) == []


@pytest.mark.parametrize("code", ["x = )", "", "(" * 500], ids=["no Python", "nothing", "deep"])
def test_what_is_no_python_is_left_out(code: str) -> None:
    assert groups({"ann": code, "bob": code, "cy": LOOPS, "dan": LOOPS}) == [(("cy", "dan"), 1.0)]
