"""Checkpoint files: what goes in comes out, and what is not right is refused by name."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from parity.errors import InputError
from parity.experiment import tensorfile
from parity.experiment.checkpoints import Checkpoints, check_unused, decode, encode, resume
from parity.system import files

SETTINGS = {"recipe": "tutorial", "lr": 0.1, "seed": 0}


@dataclass(frozen=True)
class Point:
    where: tuple[int, ...]
    value: float
    by_key: dict[tuple[str, str], float]


def write(folder: Path, *steps: int, settings: Any = None) -> list[Path]:
    """Checkpoints whose state is the number of the step; returns those that are left."""
    kept = Checkpoints(folder, settings or SETTINGS, every=10)
    for step in steps:
        kept.after(step, False, lambda step=step: {"step": step})  # type: ignore[misc]
    return sorted(folder.iterdir())


def refusal(path: Path, settings: Any = None) -> str:
    with pytest.raises(InputError) as caught:
        resume(path, settings or SETTINGS, ())
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_what_goes_in_comes_out() -> None:
    state: dict[str, Any] = {
        "arrays": [np.arange(6.0).reshape(2, 3).T, np.array([-0.0, np.nan, np.inf], np.float32)],
        "point": Point((3, 4), 0.1 + 0.2, {("step", "w"): 1.5}),
        "numbers": [1 / 3, -0.0, float("inf"), 2**70, None, True, "ü\n"],
        "scalar": np.float32(0.1),
        "scale": np.array(1.5),
    }
    content = encode(state, {"seed": 1})
    again, about = decode(content, [Point])
    for one, other in zip(state["arrays"], again["arrays"], strict=True):
        assert (one.dtype, one.shape, one.tobytes()) == (other.dtype, other.shape, other.tobytes())
    assert again["point"] == state["point"]
    assert str(again["numbers"]) == str(state["numbers"])
    assert (again["scalar"], again["scale"].shape) == (np.float32(0.1), ())
    assert about == {"seed": 1}


def test_what_it_cannot_hold_is_an_error_and_no_pickle() -> None:
    with pytest.raises(TypeError, match="cannot hold a set"):
        encode({"a": {1, 2}}, {})


def test_one_is_written_when_it_is_due_and_the_last_two_stay(tmp_path: Path) -> None:
    left = write(tmp_path / "new" / "folder", 5, 10, 20, 25, 30)
    assert [path.name for path in left] == [f"step-{step:012d}.safetensors" for step in (20, 30)]
    assert resume(tmp_path / "new" / "folder", SETTINGS, ()) == {"step": 30}
    assert resume(left[0], SETTINGS, ()) == {"step": 20}


def test_the_end_of_a_run_is_always_written(tmp_path: Path) -> None:
    Checkpoints(tmp_path, SETTINGS, every=10).after(7, True, lambda: 7)
    assert resume(tmp_path, SETTINGS, ()) == 7


def damaged(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-10])


def of_another_layout(path: Path) -> None:
    arrays, _ = tensorfile.unpack(path.read_bytes())
    path.write_bytes(tensorfile.pack(arrays, {"layout": "0"}))


def of_weights(path: Path) -> None:
    path.write_bytes(tensorfile.pack({"w": np.ones(3)}))


FAULTS = {
    damaged: "is damaged: its checksum does not match",
    truncated: "is damaged: its checksum does not match",
    of_another_layout: "is of layout 0, which another version wrote; expected layout 1",
    of_weights: "is no checkpoint",
}


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_what_is_not_whole_is_refused_and_the_one_before_it_is_offered(
    tmp_path: Path, fault: Any
) -> None:
    before, newest = write(tmp_path, 10, 20)
    fault(newest)
    message = f"resume: {newest} {FAULTS[fault]}"
    assert refusal(tmp_path) == f"{message}; the one before it is whole: --resume {before}"
    assert resume(before, SETTINGS, ()) == {"step": 10}
    fault(before)
    assert refusal(tmp_path) == message


def test_other_settings_are_named(tmp_path: Path) -> None:
    (path,) = write(tmp_path, 10)
    assert refusal(tmp_path, SETTINGS | {"lr": 0.2, "dtype": "float64"}) == (
        f"resume: {path} was made with lr 0.1, dtype None; this run has lr 0.2, dtype float64"
    )


def test_a_folder_without_a_checkpoint_is_refused(tmp_path: Path) -> None:
    expected = f"resume: got {tmp_path}, expected a folder with a checkpoint, step-*.safetensors"
    assert refusal(tmp_path) == expected
    missing = tmp_path / "none"
    assert refusal(missing) == f"resume: got {missing}, expected a file that is there"


def test_a_new_run_does_not_remove_another_one_s(tmp_path: Path) -> None:
    check_unused(tmp_path)
    (path,) = write(tmp_path, 10)
    with pytest.raises(InputError) as caught:
        check_unused(tmp_path)
    assert str(caught.value).startswith(f"checkpoint: {path} is there already; --resume {tmp_path}")


def test_a_folder_that_cannot_be_written_is_refused_before_the_work(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for folder in (tmp_path / "file", tmp_path / "file" / "in"):
        with pytest.raises(InputError, match="checkpoint: cannot write"):
            Checkpoints(folder, SETTINGS, every=1)


def test_a_full_disk_costs_the_checkpoint_and_not_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = Checkpoints(tmp_path, SETTINGS, every=1)
    kept.after(1, False, lambda: 1)

    def full(path: Path, *_: Any) -> None:
        raise InputError(f"checkpoint: cannot write {path}: No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(files, "write", full)
        kept.after(2, False, lambda: 2)
    assert "No space left" in str(kept.error)
    assert resume(tmp_path, SETTINGS, ()) == 1
    kept.after(3, False, lambda: 3)
    assert kept.error is None
