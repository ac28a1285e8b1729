"""Many calls of one function: on the cores of this machine, or on a Dask cluster; by joblib."""

import os
import re
import signal
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from threading import Thread
from typing import Any, Literal, TypeVar

import joblib

from parity.errors import InputError

__all__ = ["Backend", "Lost", "Pool"]

Backend = Literal["loky", "dask"]
T = TypeVar("T")

WAIT = 10  # seconds for a scheduler to answer
LOOK = 0.5  # seconds after which a worker looks whether its parent is there
MOST = 4  # processes for each core; hundreds would take all memory


class Lost:
    """What comes of a call in which the worker process ended."""


@dataclass(frozen=True)
class Pool:
    """Worker processes.

    Parameters
    ----------
    jobs
        How many on this machine; 0 for one for each core. A cluster has as many as it has threads.
    backend
        "loky" for processes of this machine, "dask" for a cluster.
    scheduler
        The address of the cluster's scheduler, such as "tcp://host:8786".
    """

    jobs: int = 0
    backend: Backend = "loky"
    scheduler: str = ""

    def check(self) -> None:
        """Raise InputError for options that make no sense together."""
        cores = joblib.cpu_count()
        if not 0 <= self.jobs <= MOST * cores:
            raise InputError(
                f"jobs is {self.jobs}, expected 1 to {MOST * cores} on {cores} cores, or 0 for one "
                "for each"
            )
        if (self.backend == "dask") != bool(self.scheduler):
            raise InputError(
                f"scheduler is {self.scheduler!r} and backend is {self.backend!r}, expected "
                "--backend dask --scheduler ADDRESS, or neither"
            )
        if self.scheduler and not re.fullmatch(r"(tcp|tls|ws|wss)://.+:\d+", self.scheduler):
            raise InputError(f"scheduler is {self.scheduler!r}, expected such as tcp://host:8786")

    def run(
        self, function: Callable[[T], Any], arguments: Sequence[T]
    ) -> Iterator[tuple[int, Any]]:
        """(index, result) of each call, in the order in which they end.

        A call in which its worker ended gives `Lost`; the others go on in new workers. What the
        function raises is raised here and ends the rest. Leaving the iterator stops the workers.
        """
        with self.workers(len(arguments)) as (calls, count):
            waiting, suspects = list(range(len(arguments))), 0
            while waiting:
                # After a worker ended, those that may have been at work go on one at a time: the
                # next that ends is to blame.
                batch = waiting[:1] if suspects else list(waiting)
                try:
                    with stopped(calls(function, [(k, arguments[k]) for k in batch])) as results:
                        for index, result in results:
                            waiting.remove(index)
                            yield index, result
                except self.ended():
                    if len(batch) > 1:
                        suspects = count
                        continue
                    waiting.remove(batch[0])
                    yield batch[0], Lost
                suspects = max(suspects - 1, 0)

    def ended(self) -> type[BaseException]:
        """What is raised where a worker process ended."""
        if self.backend == "dask":
            from distributed.scheduler import KilledWorker

            return KilledWorker
        from joblib.externals.loky.process_executor import BrokenProcessPool

        return BrokenProcessPool

    @contextmanager
    def workers(self, most: int) -> Iterator[tuple[Callable[..., Any], int]]:
        """What makes calls (function, [(index, argument)]) in workers; how many run at a time.

        Of this machine's processes there are at most so many.
        """
        if self.backend == "dask":
            with cluster(self.scheduler) as (dask, count), joblib.parallel_config(dask):
                yield lambda *call: generator(*call, pre_dispatch=2 * count), 2 * count
            return
        count = max(1, min(self.jobs or joblib.cpu_count(), most))
        # One process would be this one, and a file that brings it down would end the run.
        processes = max(count, 2)
        options: dict[str, Any] = {
            "inner_max_num_threads": 1,
            "initializer": partial(follow, os.getpid()),
        }
        with joblib.parallel_config("loky", n_jobs=processes, **options):
            yield lambda *call: generator(*call, n_jobs=processes, pre_dispatch=count), count


@contextmanager
def cluster(scheduler: str) -> Iterator[tuple[Any, int]]:
    """A backend of joblib for the cluster, and how many threads its workers have."""
    try:
        from distributed import Client
        from joblib._dask import DaskDistributedBackend
    except ImportError as error:
        raise InputError(
            f"backend is dask, but {error.name} is not installed: install this package with its "
            "extra cluster, in the checkout by pip install -e '.[cluster]'"
        ) from None

    class Cluster(DaskDistributedBackend):  # type: ignore[misc]
        """Joblib's, which waits for ever for a call whose worker was ended; here it is told.

        It makes calls in this process where there is but one worker; here it does not.
        """

        def effective_n_jobs(self, n_jobs: int) -> int:
            return max(2, super().effective_n_jobs(n_jobs))

        def submit(self, func: Any, callback: Any = None) -> Any:
            def tell(done: Future[Any]) -> None:
                if error := done.exception():
                    callback(error)

            future = self.apply_async(func, callback)
            future.add_done_callback(tell)
            return future

        def retrieve_result_callback(self, out: Any) -> Any:
            if isinstance(out, BaseException):
                raise out
            return super().retrieve_result_callback(out)

    try:
        client = Client(scheduler, timeout=WAIT, set_as_default=False)
    except (OSError, ValueError) as error:
        raise InputError(f"scheduler: {scheduler} does not answer: {error}") from None
    with client:
        if not (count := sum(client.ncores().values())):
            raise InputError(f"scheduler: {scheduler} has no workers, expected at least one")
        yield Cluster(client=client), count


def generator(
    function: Callable[[T], Any], calls: Sequence[tuple[int, T]], **options: Any
) -> Iterator[tuple[int, Any]]:
    """The indexed results as they come."""
    # A large array would arrive as a memory map, which is no plain array.
    options = {"return_as": "generator_unordered", "batch_size": 1, "max_nbytes": None, **options}
    parallel = joblib.Parallel(**options)
    return iter(parallel(joblib.delayed(indexed)(function, *call) for call in calls))


@contextmanager
def stopped(results: Any) -> Iterator[Any]:
    """The results; what is still at work in the end is cancelled, without the warning of it."""
    try:
        yield results
    finally:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            results.close()


def indexed(function: Callable[[T], Any], index: int, argument: T) -> tuple[int, Any]:
    """The result and where it belongs."""
    return index, function(argument)


def follow(parent: int) -> None:
    """Let a worker end with the process that started it, and not before.

    Ctrl-C goes to all processes of a terminal, and the first of them ends the others. If that one
    is killed, nobody tells the workers: they would wait for work, with all their memory.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Thread(target=end_without, args=(parent,), daemon=True).start()


def end_without(parent: int) -> None:
    """End this process when it has another parent."""
    while os.getppid() == parent:
        time.sleep(LOOK)
    os._exit(1)
