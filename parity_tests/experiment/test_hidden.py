"""The hidden layer of a feed-forward net, where a run sets it otherwise than the recipe."""

import numpy as np
import pytest

from numpy_impl import functional as F
from parity.backends import make_backend
from parity.comparison.compare import compare
from parity.errors import InputError
from parity.experiment.prepare import prepare
from parity.experiment.settings import Settings


@pytest.mark.parametrize("impl", ["numpy", "torch"])
def test_relu_takes_the_place_of_the_sigmoid(impl: str) -> None:
    settings = Settings(activation="relu", hidden_features=7, dtype="float64")
    experiment = prepare("feedforward", settings)
    backend = make_backend(impl, experiment.recipe, "float64", 0, "cpu")
    backend.load(experiment.initial)
    weights, images = experiment.initial, experiment.arrays("training", "float64")[0][:5]
    hidden = np.maximum(images @ weights["fc1.weight"].T + weights["fc1.bias"], 0)
    logits = F.linear(hidden, weights["fc2.weight"], weights["fc2.bias"])
    assert hidden.shape == (5, 7)
    np.testing.assert_allclose(backend.predict(images), logits, rtol=1e-12)


def test_parity_holds_with_relu() -> None:
    settings = Settings(activation="relu", hidden_features=7, lr=0.1, epochs=1, train_size=200)
    assert compare(prepare("feedforward", settings)).parity


@pytest.mark.parametrize("setting", [{"activation": "relu"}, {"hidden_features": 7}])
def test_a_recipe_without_a_hidden_layer_refuses_it(setting: dict[str, str]) -> None:
    with pytest.raises(InputError, match="has no hidden layer to set"):
        prepare("logistic", Settings(**setting))  # type: ignore[arg-type]


@pytest.mark.parametrize("count", [0, -1, 10**12])
def test_a_number_of_units_that_cannot_be_is_refused(count: int) -> None:
    with pytest.raises(InputError, match=f"hidden-features is {count}, expected at"):
        prepare("feedforward", Settings(hidden_features=count))
