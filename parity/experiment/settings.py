"""The settings that all commands share: a dataclass, and the options of the command line."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

__all__ = ["Activation", "Count", "Factor", "Init", "Settings"]

HINT = "(default: the recipe's own)"
Count = Annotated[int | None, tyro.conf.arg(metavar="INT", help_behavior_hint=HINT)]
Factor = Annotated[float | None, tyro.conf.arg(metavar="FLOAT", help_behavior_hint=HINT)]
Init = Annotated[
    Literal["default", "xavier"] | None,
    tyro.conf.arg(metavar="{default,xavier}", help_behavior_hint=HINT),
]
Activation = Annotated[
    Literal["sigmoid", "relu"] | None,
    tyro.conf.arg(metavar="{sigmoid,relu}", help_behavior_hint=HINT),
]


@dataclass(kw_only=True)
class Settings:
    """What can be chosen in addition to the recipe; None keeps the recipe's own value."""

    data: Literal["digits", "mnist", "fashion-mnist"] = "digits"
    """Which images: the digits are embedded, `parity data --download` downloads the others."""
    data_root: Path | None = None
    """The folder of the images; None for PARITY_DATA_ROOT, else ~/.cache/parity."""
    seed: int = 0
    """Draws the initial weights and the order of the batches."""
    dtype: Literal["float32", "float64"] = "float32"
    """The dtype of both backends."""
    epochs: Count = None
    """How many times each training image is seen."""
    batch_size: Count = None
    """Images in a batch."""
    lr: Factor = None
    """The learning rate."""
    weight_decay: Factor = None
    """The L2 factor."""
    train_size: Count = None
    """Train on this number of the recipe's training images only, the first ones."""
    init: Init = None
    """Initial weights: PyTorch's default, or randn / sqrt(fan_in) with zero biases."""
    hidden_features: Count = None
    """Hidden units of a feed-forward net."""
    activation: Activation = None
    """What a feed-forward net's hidden units compute."""
    load: Path | None = None
    """Start from the weights in this file: safetensors, or PyTorch's own state_dict."""
    device: Literal["cpu", "cuda"] = "cpu"
    """Where PyTorch runs."""
