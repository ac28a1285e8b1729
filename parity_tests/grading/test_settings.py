"""`grading.toml`: what it may say, and the one line that names what is wrong in it."""

from pathlib import Path

import pytest

from parity.errors import InputError
from parity.grading.settings import Grading, Part, Show, read_grading

WHOLE = """
layout = "contract"
file = "layers.py"
allow = ["scipy"]
timeout = 5
memory-mb = 1024
[points]
relu = 1.5
linear = 2
[part]
unstable = 0.5
[show]
hint = false
"""


def read(tmp_path: Path, text: str) -> Grading:
    (tmp_path / "grading.toml").write_text(text)
    return read_grading(tmp_path / "grading.toml")


def test_everything_is_read(tmp_path: Path) -> None:
    grading = read(tmp_path, WHOLE)
    assert (grading.layout, grading.file, grading.allow) == ("contract", "layers.py", ("scipy",))
    assert (grading.timeout, grading.memory_mb) == (5.0, 1024)
    assert list(grading.points.items()) == [("linear", 2.0), ("relu", 1.5)]  # the contract's order
    assert grading.part == Part(unstable=0.5, partial=1.0)
    assert grading.show == Show(explanation=True, hint=False, example=True)


def test_no_file_says_nothing() -> None:
    assert read_grading(None) == Grading()


WRONG = {
    "no TOML": ("points = ", "is no TOML"),
    "an unknown key": ("laoyut = 'contract'", "laoyut is no key, expected one of layout, "),
    "an unknown layout": ("layout = 'mit'", "layout is 'mit', expected one of contract, "),
    "a number for a text": ("layout = 3", "layout is 3, expected a text in quotes"),
    "a text for a number": ("timeout = '3'", "timeout is '3', expected a number"),
    "a truth for a number": ("timeout = true", "timeout is True, expected a number"),
    "no time": ("timeout = 0", "timeout is 0.0, expected seconds above 0"),
    "no memory": ("memory-mb = 1", "memory-mb is 1, expected at least 256"),
    "a text for a list": ("allow = 'scipy'", "allow is 'scipy', expected a list"),
    "an unknown reduction": ("reduction = 'none'", "reduction is 'none', expected one of mean"),
    "a file of another kind": ("file = 'a.txt'", "file is 'a.txt', expected the name of a .py"),
    "both": ("layout = 'contract'\nmap = 'm.toml'", "map and layout are both given"),
    "a name that the layout has not": (
        "layout = 'dlsys-hw0'\n[points]\nconv2d = 1",
        "points.conv2d: dlsys-hw0 has no conv2d, expected some of",
    ),
    "a map that is not there": ("map = 'm.toml'", "expected a file that is there"),
    "points that are no table": ("points = 3", r"points is 3, expected a table"),
    "no points": ("[points]", "points is {}, expected a table"),
    "an unknown name": ("[points]\nrelo = 1", "points.relo: got relo, expected a name"),
    "points below 0": ("[points]\nrelu = -1", "points.relu is -1, expected a number"),
    "points without end": ("[points]\nrelu = inf", "points.relu is inf, expected a number"),
    "an unknown part": ("[part]\nfail = 1", "part.fail is no key, expected one of unstable"),
    "more than all": ("[part]\npartial = 2", "part.partial is 2.0, expected a share from 0 to 1"),
    "an unknown word": ("[show]\nhints = true", "show.hints is no key, expected one of expl"),
    "a number for a truth": ("[show]\nhint = 1", "show.hint is 1, expected true or false"),
}


@pytest.mark.parametrize(("text", "words"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_one_line_that_names_the_key(
    tmp_path: Path, text: str, words: str
) -> None:
    with pytest.raises(InputError) as caught:
        read(tmp_path, text)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "grading.toml" in str(caught.value) or "m.toml" in str(caught.value)


def test_a_map_is_read_from_beside_the_file(tmp_path: Path) -> None:
    (tmp_path / "map.toml").write_text('relu = "rectify(input)"')
    with pytest.raises(InputError, match=r"points\.linear: map has no linear"):
        read(tmp_path, 'map = "map.toml"\n[points]\nlinear = 1')
    grading = read(tmp_path, 'map = "map.toml"')
    assert grading.map_content == b'relu = "rectify(input)"'


OTHER = {
    "the layout": 'layout = "contract"',
    "a name that counts": "[points]\nrelu = 1\nlinear = 1",
    "the time": "timeout = 3\n[points]\nrelu = 1",
}


@pytest.mark.parametrize("text", OTHER.values(), ids=OTHER)
def test_what_changes_a_verdict_changes_the_fingerprint(tmp_path: Path, text: str) -> None:
    before = read(tmp_path, "[points]\nrelu = 1").fingerprint()
    assert read(tmp_path, text).fingerprint() != before


def test_a_changed_map_changes_the_fingerprint(tmp_path: Path) -> None:
    (tmp_path / "map.toml").write_text('relu = "one(input)"')
    before = read(tmp_path, 'map = "map.toml"').fingerprint()
    (tmp_path / "map.toml").write_text('relu = "two(input)"')
    assert read(tmp_path, 'map = "map.toml"').fingerprint() != before


def test_points_and_words_do_not_change_the_fingerprint(tmp_path: Path) -> None:
    before = read(tmp_path, "[points]\nrelu = 1").fingerprint()
    assert read(tmp_path, "[points]\nrelu = 9\n[show]\nhint = false").fingerprint() == before
