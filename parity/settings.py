"""The choices that every command shares: a plain dataclass, and the options of the command line."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

__all__ = ["Settings"]


@dataclass(kw_only=True)
class Settings:
    """What can be chosen beside the recipe; what is None keeps the recipe's own value."""

    data: Literal["digits", "mnist", "fashion-mnist"] = "digits"
    """Which images: the digits are embedded, `parity data --download` fetches the others."""
    data_root: Path | None = None
    """The folder of the images; None for PARITY_DATA_ROOT, else ~/.cache/parity."""
    seed: int = 0
    """Draws the initial weights and the order of the batches."""
    dtype: Literal["float32", "float64"] = "float32"
    """The dtype of both sides."""
    epochs: int | None = None
    """How often each training image is seen."""
    batch_size: int | None = None
    """Images in a batch."""
    lr: float | None = None
    """The learning rate."""
    weight_decay: float | None = None
    """The L2 factor."""
    train_size: int | None = None
    """Train on the first so many of the recipe's training images only."""
    init: Literal["default", "xavier"] | None = None
    """Initial weights: PyTorch's default, or randn / sqrt(fan_in) with zero biases."""
    load: Path | None = None
    """Start from the weights in this file: safetensors, or PyTorch's own state_dict."""
    device: Literal["cpu", "cuda"] = "cpu"
    """Where the torch side runs."""
