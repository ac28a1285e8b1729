"""What a class hands in: platforms' names, zips that mean harm, which file counts."""

import io
import os
import zipfile
from pathlib import Path

import pytest

from parity.errors import InputError
from parity.grading import submissions
from parity.grading.submissions import Submission, not_read, read_submissions

Files = dict[str, str]


def folder(tmp_path: Path, names: Files) -> Path:
    """A folder with these files."""
    for name, content in names.items():
        file = tmp_path / "subs" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
    return tmp_path / "subs"


def archive(path: Path, names: Files) -> Path:
    """A zip with these files."""
    path.write_bytes(packed(names))
    return path


def packed(names: Files) -> bytes:
    output = io.BytesIO()
    with zipfile.ZipFile(output, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in names.items():
            file.writestr(name, content)
    return output.getvalue()


def summary(found: list[Submission]) -> dict[str, tuple[str, str]]:
    return {one.student: (one.file, one.main) for one in found}


PLATFORMS: dict[str, tuple[Files, dict[str, tuple[str, str]]]] = {
    "files": (
        {"ann.py": "", "bob.ipynb": "", "notes.txt": "", ".hidden.py": ""},
        {"ann": ("ann.py", "ann.py"), "bob": ("bob.ipynb", "bob.ipynb")},
    ),
    "folders": (
        {"Ann Lee/homework.py": "", "Ann Lee/helper.py": "", "bob/work/mine.py": ""},
        {
            "Ann Lee": ("Ann Lee/homework.py", "homework.py"),
            "bob": ("bob/work/mine.py", "work/mine.py"),
        },
    ),
    "Canvas": (
        {"leeann_12345_678_homework-2.py": "", "roebob_LATE_23456_679_hw.py": ""},
        {
            "leeann": ("leeann_12345_678_homework-2.py", "homework.py"),
            "roebob": ("roebob_LATE_23456_679_hw.py", "hw.py"),
        },
    ),
    "Canvas, two files of one student": (
        {"lee_ann_12_3_main.py": "", "lee_ann_12_4_helper.py": ""},
        {"lee_ann": ("lee_ann_12_3_main.py", "main.py")},
    ),
    "Moodle": (
        {
            "Ann Lee_123456_assignsubmission_file_/homework.py": "",
            "Bob Roe_123457_assignsubmission_file_/x/a.ipynb": "",
        },
        {
            "Ann Lee": ("Ann Lee_123456_assignsubmission_file_/homework.py", "homework.py"),
            "Bob Roe": ("Bob Roe_123457_assignsubmission_file_/x/a.ipynb", "x/a.ipynb"),
        },
    ),
    "two students of one name": (
        {
            "Ann Lee_1_assignsubmission_file_/a.py": "",
            "Ann Lee_2_assignsubmission_file_/a.py": "",
        },
        {
            "Ann Lee 1": ("Ann Lee_1_assignsubmission_file_/a.py", "a.py"),
            "Ann Lee 2": ("Ann Lee_2_assignsubmission_file_/a.py", "a.py"),
        },
    ),
}


@pytest.mark.parametrize("kind", ["folder", "zip"])
@pytest.mark.parametrize("platform", PLATFORMS)
def test_a_platforms_names_are_read(tmp_path: Path, platform: str, kind: str) -> None:
    names, expected = PLATFORMS[platform]
    zipped = kind == "zip"
    path = archive(tmp_path / "all.zip", names) if zipped else folder(tmp_path, names)
    assert summary(read_submissions(path)) == expected


def test_a_folder_around_everything_is_no_student(tmp_path: Path) -> None:
    path = archive(tmp_path / "all.zip", {"hw1/ann.py": "", "hw1/bob.py": ""})
    assert [one.student for one in read_submissions(path)] == ["ann", "bob"]


def test_the_zip_of_a_student_is_a_folder(tmp_path: Path) -> None:
    subs = folder(tmp_path, {"bob.py": ""})
    archive(subs / "ann.zip", {"homework.py": "x = 1", "data.csv": ""})
    (ann, _) = read_submissions(subs)
    assert (ann.student, ann.main, ann.contents) == (
        "ann",
        "homework.py",
        {"homework.py": b"x = 1"},
    )


def test_the_zip_of_a_student_that_is_damaged_costs_one_row(tmp_path: Path) -> None:
    subs = folder(tmp_path, {"bob.py": "", "ann.zip": "PK no"})
    (ann, bob) = read_submissions(subs)
    assert "no zip that can be read" in ann.problem
    assert not bob.problem


@pytest.mark.parametrize(
    "name", ["../evil.py", "a/../../evil.py", "/etc/evil.py", "..\\evil.py", "C:\\evil.py", "."]
)
def test_a_name_that_leaves_the_folder_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="leaves the folder"):
        read_submissions(archive(tmp_path / "all.zip", {"ann.py": "", name: ""}))


def test_nothing_of_a_zip_is_written(tmp_path: Path) -> None:
    read_submissions(archive(tmp_path / "all.zip", {"ann/a.py": "", "bob/b.py": ""}))
    assert [one.name for one in tmp_path.iterdir()] == ["all.zip"]


def test_a_bomb_is_refused_before_it_is_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(submissions, "LARGEST", 1000)
    with pytest.raises(InputError, match="too large"):
        read_submissions(archive(tmp_path / "all.zip", {"ann.py": "#" * 1001}))


def test_many_small_files_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(submissions, "MOST", 2)
    with pytest.raises(InputError, match="has 3 entries, expected at most 2"):
        read_submissions(archive(tmp_path / "all.zip", dict.fromkeys(("a.py", "b.py", "c.py"), "")))


def test_a_link_in_a_zip_is_left_out(tmp_path: Path) -> None:
    path = archive(tmp_path / "all.zip", {"ann.py": ""})
    link = zipfile.ZipInfo("bob.py")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(path, "a") as file:
        file.writestr(link, "/etc/passwd")
    assert [one.student for one in read_submissions(path)] == ["ann"]


def test_a_link_in_a_folder_is_left_out(tmp_path: Path) -> None:
    subs = folder(tmp_path, {"ann.py": ""})
    (tmp_path / "secret.py").write_text("")
    os.symlink(tmp_path / "secret.py", subs / "bob.py")
    os.symlink(tmp_path, subs / "cy")
    assert [one.student for one in read_submissions(subs)] == ["ann"]


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"PK\3\4 no zip", "no zip that can be read"), (b"", "no zip that can be read")],
    ids=["damaged", "empty"],
)
def test_what_is_no_zip_is_refused(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "all.zip").write_bytes(content)
    with pytest.raises(InputError, match=words):
        read_submissions(tmp_path / "all.zip")


def test_a_password_is_refused(tmp_path: Path) -> None:
    path = archive(tmp_path / "all.zip", {"ann.py": "x"})
    content = bytearray(path.read_bytes())
    content[6] |= 1  # the flag in the file's own header
    content[content.index(b"PK\1\2") + 8] |= 1  # and in the list of all
    path.write_bytes(content)
    with pytest.raises(InputError, match="has a password"):
        read_submissions(path)


@pytest.mark.parametrize("names", [{}, {"notes.txt": ""}])
def test_nothing_to_grade_is_refused(tmp_path: Path, names: Files) -> None:
    (tmp_path / "subs").mkdir()
    with pytest.raises(InputError, match="no Python file and no notebook"):
        read_submissions(folder(tmp_path, names))


def test_no_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"expected a folder or a \.zip"):
        read_submissions(tmp_path / "nowhere")


MAINS: dict[str, tuple[list[str], str, str]] = {
    "the only one": (["any.py"], "", "any.py"),
    "a usual name": (["util.py", "homework.py"], "", "homework.py"),
    "the one that is named": (["homework.py", "src/layers.py"], "layers.py", "src/layers.py"),
    "the one nearest to the top": (["a/main.py", "main.py"], "", "main.py"),
    "one name for what each handed in": (["any.py"], "layers.py", "any.py"),
}


@pytest.mark.parametrize("case", MAINS)
def test_the_main_file_is_found(tmp_path: Path, case: str) -> None:
    names, main, expected = MAINS[case]
    subs = folder(tmp_path, {f"ann/{name}": "" for name in names})
    (ann,) = read_submissions(subs, main)
    assert ann.main == expected


@pytest.mark.parametrize(
    ("main", "words"),
    [("", 'file = "NAME" in grading.toml'), ("layers.py", "expected layers.py")],
)
def test_several_files_of_which_none_is_named_cost_one_row(
    tmp_path: Path, main: str, words: str
) -> None:
    (ann,) = read_submissions(folder(tmp_path, {"ann/a.py": "", "ann/b.py": ""}), main)
    assert words in ann.problem
    assert ann.file == "ann"


def test_control_characters_of_names_are_escaped(tmp_path: Path) -> None:
    (one,) = read_submissions(folder(tmp_path, {"an\x1b[31mn.py": ""}))
    assert one.student == "an\\x1b[31mn"


def test_what_is_not_read_is_told(tmp_path: Path) -> None:
    for name in ("Ann.py", "Bo/notes.txt", "Cy/homework.py", "Doc.docx", "Eve.PY", "grading.toml"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x = 1\n")
    (tmp_path / "Fay").mkdir()
    (tmp_path / "Gil.py").symlink_to(tmp_path / "Ann.py")
    assert not_read(tmp_path) == ["Bo", "Doc.docx", "Eve.PY", "Fay", "Gil.py"]
    assert [one.student for one in read_submissions(tmp_path)] == ["Ann", "Cy"]


def test_what_is_not_read_of_a_zip_is_told(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "class.zip", "w") as archive:
        for name in ("all/Ann.py", "all/Bo.txt", "all/Cy/homework.ipynb", "all/.DS_Store"):
            archive.writestr(name, "1")
    assert not_read(tmp_path / "class.zip") == ["Bo.txt"]
