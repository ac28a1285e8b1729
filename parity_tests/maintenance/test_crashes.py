"""Killed at any moment, a command loses nothing; `make crash-test` tries a hundred of each."""

import json
import subprocess
import sys
from pathlib import Path

from maintenance import crashes


def test_nothing_is_lost_by_a_kill(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "maintenance.crashes", "--moments", "3"]
    done = subprocess.run(
        [*command, "--only", "train", "--json", tmp_path / "counts.json"],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert (done.returncode, done.stderr) == (0, "")
    for counts in json.loads((tmp_path / "counts.json").read_text()).values():
        assert counts["what"] == []
        assert counts["killed"] == 3


def test_half_a_file_is_noticed(tmp_path: Path) -> None:
    """The script that finds nothing lost would find it."""
    old, new, half = tmp_path / "old.json", tmp_path / "new.json", tmp_path / "half.json"
    old.write_text('{"loss": 1, "seconds": 3}')
    new.write_text('{"loss": 2, "seconds": 3}')
    for content, expected in (
        ('{"loss": 1, "seconds": 3}', "old"),
        ('{"loss": 2, "seconds": 4}', "new"),
        ('{"loss": 3, "seconds": 3}', "lost"),
        ('{"loss": 2, "sec', "lost"),
    ):
        half.write_text(content)
        assert crashes.which(half, old, new) == expected
    assert crashes.which(tmp_path / "gone.json", old, new) == "lost"
