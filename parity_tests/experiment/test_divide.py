"""How a recipe divides a data set that has more images than the one it was made for."""

import numpy as np
import pytest

from parity.datasets import Dataset, Split
from parity.experiment.prepare import divide
from parity.recipes import RECIPES

DIVIDED = [name for name, recipe in RECIPES.items() if recipe.train_size is not None]


@pytest.mark.parametrize("name", DIVIDED)
def test_of_more_images_the_first_are_taken(name: str) -> None:
    recipe = RECIPES[name]
    wanted = recipe.train_size, recipe.validation_size
    count = 80_000
    late = np.arange(count, dtype=np.float32)[:, None] >= sum(filter(None, wanted))
    large = Split(late.astype(np.float32), np.zeros(count, np.int64))
    splits = divide(recipe, Dataset(large, large[:100], "large"), seed=0)
    assert (len(splits["training"]), len(splits["validation"])) == wanted
    assert not splits["training"].images.any()
    assert not splits["validation"].images.any()
