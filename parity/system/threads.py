"""How many threads the arithmetic uses: the same in both backends."""

from threadpoolctl import threadpool_limits

__all__ = ["limit_threads"]


def limit_threads(count: int = 1) -> threadpool_limits:
    """Give NumPy's BLAS and PyTorch `count` threads each, until the context is left.

    One is best where the two alternate: their idle threads spin and would take each other's cores.
    """
    import torch  # its thread pool can be limited only once it is loaded

    torch.set_num_threads(count)
    return threadpool_limits(limits=count)
