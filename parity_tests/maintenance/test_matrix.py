"""Which Pythons `make test-matrix` finds, and how it counts."""

from pathlib import Path

import pytest

from maintenance.matrix import counts, interpreters


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        ("...\n12 passed in 0.10s\n", (12, 0)),
        ("FAILED test_a\n2 failed, 3 passed, 1 skipped, 4 errors in 2.10s (0:00:02)", (3, 6)),
        ("1 error in 0.10s", (0, 1)),
        ("INTERNALERROR> no such option", (0, 0)),
    ],
)
def test_what_failed_is_read_from_the_last_line(output: str, expected: tuple[int, int]) -> None:
    assert counts(output) == expected


def test_a_python_that_does_not_run_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, code in (("python3.12", 0), ("python3.13", 1)):
        (tmp_path / name).write_text(f"#!/bin/sh\nexit {code}\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    assert interpreters() == {"3.12": str(tmp_path / "python3.12")}
