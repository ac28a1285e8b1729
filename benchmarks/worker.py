"""A process for one program of one case: it carries out orders and sends the results back."""

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

# Each process is forked from one that has imported these modules and computed nothing. So it is as
# fresh as a new interpreter, but does not take seconds to import.
CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload([f"benchmarks.programs.{name}" for name in ("numpy", "tutorial")])
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # mallopt(3)


class Worker:
    """The parent's end, which gives orders and waits for the result of each."""

    def __init__(self, name: str, case: Case) -> None:
        self.name = name
        self.connection, theirs = CONTEXT.Pipe()
        self.process = CONTEXT.Process(target=serve, args=(name, case, theirs), daemon=True)
        self.process.start()
        theirs.close()

    def ask(self, order: str, *arguments: Any) -> Any:
        """Send an order (the name of a method of `Servant`) and return its result.

        Raises
        ------
        RuntimeError
            If the order failed, or the process has ended.
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
    """A process for each program, ready to take orders, until the context ends."""
    with ExitStack() as stack:
        made = {}
        for name in names:  # they start in parallel
            made[name] = worker = Worker(name, case)
            stack.callback(worker.stop)
        for worker in made.values():
            worker.ask("start")
        yield made


def serve(name: str, case: Case, connection: Connection) -> None:
    """Carry out orders until the other end is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent handles it, and ends this process
    servant = Servant(name, case)
    while True:
        try:
            order, arguments = connection.recv()
        except EOFError:
            return
        try:
            answer = True, getattr(servant, order)(*arguments)
        except Exception as error:  # the parent reports any of them
            answer = False, f"{type(error).__name__}: {error}"
        fall_asleep()
        connection.send(answer)


class Servant:
    """The child's end, which carries out the orders."""

    program: Program

    def __init__(self, name: str, case: Case) -> None:
        self.name, self.case = name, case

    def start(self) -> None:
        """Import the program, set its threads, read the images, make the model."""
        program_class = load_program(self.name)
        hold_threads(self.case.threads)
        keep_freed_memory()
        self.work = self.case.load()
        self.memory_before = peak_memory()
        self.program = program_class(self.work)

    def weights_after(self, count: int) -> Any:
        """The weights after `count` steps; None if it does not train the work's weights."""
        self.program.run(count)
        return self.program.weights()

    def seconds(self, count: int) -> float:
        """The seconds of `count` steps, after a few steps that fill the caches."""
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
        """By how many bytes training has raised the peak memory of the process."""
        return peak_memory() - self.memory_before


def fall_asleep() -> None:
    """Wait until no thread of this process runs, for at most a second.

    Idle threads of OpenBLAS or OpenMP spin for up to 0.1 s, which would take a core from the next
    program.
    """
    for _ in range(100):
        before = time.process_time()  # of all threads
        time.sleep(0.01)
        if time.process_time() - before < 0.001:
            return


def hold_threads(count: int) -> None:
    """Set the threads of NumPy's BLAS and of PyTorch to `count` each, for the rest of the process.

    Raises
    ------
    RuntimeError
        If a pool does not take the setting.
    """
    limit_threads(count)
    for pool in threadpool_info():
        if pool["num_threads"] != count:
            raise RuntimeError(f"{pool['prefix']} has {pool['num_threads']} threads, not {count}")


def keep_freed_memory() -> None:
    """Let glibc keep freed memory instead of giving it back to the system.

    By default glibc may give back the arrays of each step, and then the next step pays for every
    page of them again. Whether this happens depends on the order in which a program frees them: one
    way to write PyTorch's loop takes half as long as another. PyTorch's tuning guide recommends to
    replace or tune the allocator:
    https://docs.pytorch.org/tutorials/recipes/recipes/tuning_guide.html
    """
    libc = ctypes.CDLL(None)
    if hasattr(libc, "gnu_get_libc_version"):
        libc.mallopt(M_TRIM_THRESHOLD, 2**30)
        libc.mallopt(M_MMAP_THRESHOLD, 2**25)


def peak_memory() -> int:
    """The peak memory of this process, in bytes."""
    status = Path("/proc/self/status")
    if status.exists():  # Linux: ru_maxrss would begin with the parent's figure
        (line,) = (line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
