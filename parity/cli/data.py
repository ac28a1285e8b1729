"""`parity data`: what images are here, and fetching the ones that are not."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from rich.table import Table

from parity.errors import DataError, InputError
from parity.system import jsonfile
from parity.system.console import Column, console, table

if TYPE_CHECKING:
    from parity.datasets import Description

__all__ = ["Data"]


@dataclass(kw_only=True)
class Data:
    """Say what data is here; with --download, fetch it first."""

    data: Literal["all", "digits", "mnist", "fashion-mnist"] = "all"
    """Which data set."""
    data_root: Path | None = None
    """The folder of the images; None for PARITY_DATA_ROOT, else ~/.cache/parity."""
    download: bool = False
    """Fetch the data set named by --data into the data root, through torchvision."""
    json: Path | None = None
    """Write the answer to this file, too, as JSON."""

    def run(self) -> int:
        """Exit code 0; 2 if the data set that was named is not here or damaged."""
        from parity import datasets

        jsonfile.check_writable(self.json)
        if self.download:
            if self.data == "all":
                raise InputError("download: expected --data mnist or --data fashion-mnist with it")
            datasets.load(self.data, self.data_root, download=True)
        names = datasets.NAMES if self.data == "all" else (self.data,)
        found = [datasets.describe(name, self.data_root) for name in names]
        console.print(table_of(found))
        for missing in found:
            if missing.problem:
                console.print(f"{missing.name}: {missing.problem}", soft_wrap=True)
        if self.json is not None:
            jsonfile.write(self.json, {"data": [asdict(description) for description in found]})
        if self.data != "all" and found[0].problem:
            raise DataError(found[0].problem)
        return 0


def table_of(found: list["Description"]) -> Table:
    """A row for each split that is here, and one for each data set that is not."""
    columns = [
        *(Column(title, "left") for title in ("data", "split")),
        Column("images"),
        *(Column(title, "left") for title in ("of each class", "size", "values", "where")),
    ]
    rows = []
    for description in found:
        for name, split in (("train", description.train), ("test", description.test)):
            if split is None:
                continue
            fewest, most = min(split.per_class), max(split.per_class)
            rows.append(
                [
                    description.name,
                    name,
                    f"{split.examples:,}",
                    f"{fewest:,} to {most:,}",
                    "x".join(map(str, description.image_size)),
                    f"{split.smallest:g} to {split.largest:g}",
                    description.location,
                ]
            )
        if description.problem:
            rows.append([description.name, "see below", *[""] * 4, description.location])
    return table(columns, rows)
