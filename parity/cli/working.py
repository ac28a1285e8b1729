"""The options of a command whose work many processes share."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from parity.system.jobs import Pool

__all__ = ["Working"]


@dataclass(kw_only=True)
class Working:
    """How many processes work, and where."""

    jobs: int = 0
    """How many are worked on at a time; 0 for one on each core."""
    backend: Literal["loky", "dask"] = "loky"
    """Processes of this machine, or a Dask cluster."""
    scheduler: str = ""
    """The address of the cluster's scheduler, such as tcp://host:8786."""

    def pool(self) -> "Pool":
        """The workers; raises InputError for options that make no sense."""
        from parity.system.jobs import Pool

        pool = Pool(self.jobs, self.backend, self.scheduler)
        pool.check()
        return pool
