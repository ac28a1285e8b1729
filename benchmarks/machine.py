"""The machine and the libraries that a timing depends on."""

import os
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from threadpoolctl import threadpool_info

from benchmarks.programs import installed

__all__ = ["available_cores", "describe_machine"]

PACKAGES = ("numpy", "torch", "jax", "scikit-learn")


def describe_machine(cuda: bool) -> dict[str, Any]:
    """Processor, cores, memory, system, versions, and how busy the machine was before."""
    found = [name for name in PACKAGES if installed({"scikit-learn": "sklearn"}.get(name, name))]
    blas = [pool for pool in threadpool_info() if pool["user_api"] == "blas"]
    return {
        "processor": processor(),
        "cores": available_cores(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "versions": {name: version(name) for name in found},
        "numpy_blas": ", ".join(
            f"{pool['internal_api']} {pool['version']} ({pool.get('architecture', '?')} kernels)"
            for pool in blas
        ),
        "openblas_coretype": os.environ.get("OPENBLAS_CORETYPE"),
        "torch_blas": "MKL" if torch.backends.mkl.is_available() else "no MKL",
        "cuda": torch.cuda.get_device_name() if cuda and torch.cuda.is_available() else None,
        "load_before": round(os.getloadavg()[0], 1),  # of the last minute
    }


def processor() -> str:
    """The name of the processor, as the system gives it."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def available_cores() -> int:
    """How many cores this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
