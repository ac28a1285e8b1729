"""A process for one program of one case, which does what it is told and answers when it is done."""

import ctypes
import multiprocessing
import signal
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from threadpoolctl import threadpool_info

from benchmarks.phases import time_phases
from benchmarks.programs import Program, load_program
from benchmarks.work import Case
from parity.system.threads import limit_threads

__all__ = ["Worker", "workers"]

# A process starts as a copy of one that has imported these and computed nothing: as fresh as a new
# interpreter, without the seconds of importing.
CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload([f"benchmarks.programs.{name}" for name in ("numpy", "tutorial")])
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # mallopt(3)


class Worker:
    """The end that gives the orders: each method waits for the answer of the process."""

    def __init__(self, name: str, case: Case) -> None:
        self.name = name
        self.connection, theirs = CONTEXT.Pipe()
        self.process = CONTEXT.Process(target=serve, args=(name, case, theirs), daemon=True)
        self.process.start()
        theirs.close()

    def ask(self, order: str, *arguments: Any) -> Any:
        """Send an order: a method of `Servant`.

        Raises
        ------
        RuntimeError
            If the process could not carry it out, or is gone.
        """
        try:
            self.connection.send((order, arguments))
            done, answer = self.connection.recv()
        except (EOFError, BrokenPipeError, ConnectionResetError) as error:
            raise RuntimeError(f"{self.name}: its process ended at {order!r}") from error
        if not done:
            raise RuntimeError(f"{self.name}: {answer}")
        return answer

    def stop(self) -> None:
        """End the process."""
        self.connection.close()
        self.process.join(timeout=5)
        if self.process.is_alive():
            self.process.kill()


@contextmanager
def workers(names: Iterable[str], case: Case) -> Iterator[dict[str, Worker]]:
    """A process for each program, all of them ready, until the context is left."""
    with ExitStack() as stack:
        made = {}
        for name in names:  # they start side by side
            made[name] = worker = Worker(name, case)
            stack.callback(worker.stop)
        for worker in made.values():
            worker.ask("start")
        yield made


def serve(name: str, case: Case, connection: Connection) -> None:
    """Carry out orders until the other end is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent hears it, and ends this process
    servant = Servant(name, case)
    while True:
        try:
            order, arguments = connection.recv()
        except EOFError:
            return
        try:
            answer = True, getattr(servant, order)(*arguments)
        except Exception as error:  # whatever it is, the parent reports it
            answer = False, f"{type(error).__name__}: {error}"
        fall_asleep()
        connection.send(answer)


class Servant:
    """The end that carries out the orders."""

    program: Program

    def __init__(self, name: str, case: Case) -> None:
        self.name, self.case = name, case

    def start(self) -> None:
        """Import the program, hold its threads, read the images, set up the model."""
        program_class = load_program(self.name)
        hold_threads(self.case.threads)
        keep_freed_memory()
        self.work = self.case.load()
        self.memory_before = peak_memory()
        self.program = program_class(self.work)

    def weights_after(self, count: int) -> Any:
        """The weights after `count` steps, None if the program has none of this work."""
        self.program.run(count)
        return self.program.weights()

    def seconds(self, count: int) -> float:
        """The seconds of `count` steps, after a few that bring the caches back."""
        self.program.run(1 + count // 20)
        return self.program.seconds(count)

    def epoch_seconds(self, num_images: int) -> float:
        """The seconds of an epoch on the first `num_images` images."""
        self.program = load_program(self.name)(self.work.first(num_images))
        count = len(self.program.work.epoch())
        self.program.run(1 + count // 20)
        return self.program.seconds(count)

    def phases(self, count: int) -> dict[str, float]:
        """The seconds of each phase of a step of `numpy_impl`, the mean over `count` steps."""
        self.program.run(1 + count // 20)
        return time_phases(self.program, count)

    def memory(self) -> int:
        """By how many bytes training has raised the peak of the process's memory."""
        return peak_memory() - self.memory_before


def fall_asleep() -> None:
    """Wait until no thread of this process runs: a second at most.

    Idle threads of OpenBLAS or OpenMP spin for up to 0.1 s, and would take a core from who is next.
    """
    for _ in range(100):
        before = time.process_time()  # of all threads
        time.sleep(0.01)
        if time.process_time() - before < 0.001:
            return


def hold_threads(count: int) -> None:
    """Let NumPy's BLAS and PyTorch have `count` threads each, to the end of the process.

    Raises
    ------
    RuntimeError
        If a pool does not obey.
    """
    limit_threads(count)
    for pool in threadpool_info():
        if pool["num_threads"] != count:
            raise RuntimeError(f"{pool['prefix']} has {pool['num_threads']} threads, not {count}")


def keep_freed_memory() -> None:
    """Let glibc keep what is freed instead of giving it back to the system, to the end.

    By default it may give back the arrays of each step, and the next step pays for every page of
    them again. Whether it does hangs on the order in which a program happens to free: one way to
    write PyTorch's loop takes half as long as another. PyTorch's tuning guide says to replace or
    to tune the allocator: https://docs.pytorch.org/tutorials/recipes/recipes/tuning_guide.html
    """
    libc = ctypes.CDLL(None)
    if hasattr(libc, "gnu_get_libc_version"):
        libc.mallopt(M_TRIM_THRESHOLD, 2**30)
        libc.mallopt(M_MMAP_THRESHOLD, 2**25)


def peak_memory() -> int:
    """The most memory that this process has had, in bytes."""
    status = Path("/proc/self/status")
    if status.exists():  # Linux: ru_maxrss would begin with the parent's figure
        (line,) = (line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
