"""How the arithmetic is done: with how many threads, and in which precision on a GPU."""

from threadpoolctl import threadpool_limits

__all__ = ["allow_tf32", "limit_threads"]


def limit_threads(count: int = 1) -> threadpool_limits:
    """Give NumPy's BLAS and PyTorch `count` threads each, until the context is left.

    One is best where the two alternate: their idle threads spin and would take each other's cores.
    """
    import torch  # its thread pool can be limited only once it is loaded

    torch.set_num_threads(count)
    return threadpool_limits(limits=count)


def allow_tf32(allowed: bool) -> None:
    """Say whether PyTorch may round the factors of float32 products to TF32's 10 bits on a GPU.

    By default it does so in convolutions, and not in matrix products.
    """
    import torch

    torch.backends.cuda.matmul.allow_tf32 = allowed
    torch.backends.cudnn.allow_tf32 = allowed
