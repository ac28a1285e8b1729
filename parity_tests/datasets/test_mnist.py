"""Parity on the real MNIST images."""

from pathlib import Path
from typing import Any

import pytest

from parity.comparison.compare import compare
from parity.experiment.prepare import prepare
from parity.experiment.settings import Settings

pytestmark = [pytest.mark.mnist, pytest.mark.usefixtures("unchecked")]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_feedforward_holds_parity_over_an_epoch_of_60_000(mnist_root: Path, dtype: Any) -> None:
    settings = Settings(data="mnist", data_root=mnist_root, dtype=dtype, epochs=1)
    result = compare(prepare("feedforward", settings))
    assert result.first_divergence is None
    assert len(result.steps) == 469
    (epoch,) = result.epochs
    assert epoch.accuracy["numpy"] > 0.85
    assert abs(epoch.accuracy["numpy"] - epoch.accuracy["torch"]) <= 0.001
