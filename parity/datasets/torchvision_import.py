"""Import torchvision, also beside a CPU build of PyTorch.

torchvision's Linux wheels on the package index are CUDA builds. Beside a CPU build of PyTorch their
compiled extension cannot be loaded. Then `import torchvision` fails, because it registers shapes
for operators that are not declared. Declaring them is enough for `datasets` and `transforms`.
"""

import importlib
from functools import cache
from types import ModuleType

MISSING_OPERATOR = "operator torchvision::nms does not exist"


@cache
def import_torchvision() -> ModuleType:
    """Return the torchvision module; declare the missing operators if it needs them.

    Raises
    ------
    ImportError
        If torchvision is not installed.
    RuntimeError
        If it cannot be imported for another reason.
    """
    try:
        return importlib.import_module("torchvision")
    except RuntimeError as error:
        if str(error) != MISSING_OPERATOR:
            raise
    _declare_missing_operators()
    return importlib.import_module("torchvision")


@cache  # keeps the library object: without it the operators are removed again
def _declare_missing_operators() -> object:
    import torch

    library = torch.library.Library("torchvision", "FRAGMENT")
    for name in ("nms", "qnms"):
        library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    return library
