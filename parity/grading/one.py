"""The check of one submission, in whichever process."""

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from parity.errors import InputError
from parity.grading.settings import Grading
from parity.sandbox.answers import escaped
from parity.sandbox.isolation import Isolation
from parity.system.version import __version__

__all__ = ["Job", "check_one"]

# Above its folder imports are looked for, and there must be nothing of another's.
DEPTH = ("handed", "in", "by", "one")


@dataclass(frozen=True)
class Job:
    """What a worker needs: the bytes, not where they lie."""

    main: str
    contents: Mapping[str, bytes]
    grading: Grading
    seed: int
    isolation: Isolation
    version: str = __version__


def check_one(job: Job) -> dict[str, Any]:
    """The report as `parity check --json` has it, or `error`: why there is none.

    Raises
    ------
    InputError
        If this machine has not the isolation that is required, or another version of this package.
    """
    from parity.checking.entry import check_file
    from parity.sandbox import isolation
    from parity.system.threads import limit_threads

    if job.version != __version__:
        raise InputError(f"a worker has version {__version__} of this package, not {job.version}")
    isolation.chosen(job.isolation)
    grading = job.grading
    with tempfile.TemporaryDirectory(prefix="parity-") as temporary, limit_threads():
        folder = Path(temporary).joinpath(*DEPTH)
        map_file = Path(temporary) / Path(grading.map).name if grading.map else None
        if map_file is not None:
            map_file.write_bytes(grading.map_content)
        try:
            write(folder, job.contents)
            report = check_file(
                folder / job.main,
                grading.conventions(),
                job.seed,
                grading.timeout,
                grading.memory_mb,
                layout=grading.layout or None,
                map=map_file,
                only=tuple(grading.points),
                allowed=grading.allow,
                isolation=job.isolation,
            )
        except InputError as error:
            words = str(error).replace(str(folder / job.main), job.main).removeprefix("file: ")
            words = words.replace("--map says", "map in grading.toml says")
            return {"error": escaped(words.replace(temporary, ""))}
        except Exception as error:  # a fault of the check costs one row, which says so
            return {"error": escaped(f"the check fails: {type(error).__name__}: {error}")}
    return {**report.as_json(), "file": job.main}


def write(folder: Path, contents: Mapping[str, bytes]) -> None:
    """Write the files of a submission under an empty folder."""
    for name, content in contents.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
