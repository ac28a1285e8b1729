"""The default settings of the recipes: with them each recipe learns on the digits."""

from typing import Any

import pytest

from parity.comparison.report import headline
from parity.comparison.train import train
from parity.datasets import load
from parity.experiment.prepare import prepare
from parity.experiment.settings import Settings
from parity.recipes import RECIPES

# Measured with seeds 0 to 2: at least 95.1, 96.6, 90.6, 91.4, 90.7 %.
LEARNED = {"tutorial": 92, "logistic": 94, "feedforward": 88, "linear-adam": 89, "cnn-adam": 86}


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("recipe", RECIPES)
def test_every_recipe_learns_the_digits_by_default(recipe: str) -> None:
    experiment = prepare(recipe, Settings())
    run = train(experiment, "numpy")
    assert 100 * run.last(experiment.held_out).accuracy["numpy"] > LEARNED[recipe]


@pytest.mark.parametrize(
    ("choices", "whose"),
    [
        ({}, "settings for the digits"),
        ({"lr": 0.1, "batch_size": 64}, "settings for the digits, batch size and lr changed"),
        ({"data": "fashion-mnist"}, "published settings"),
    ],
)
def test_the_first_line_says_which_settings_are_used(choices: dict[str, Any], whose: str) -> None:
    any_images = load("digits")
    first = headline(prepare("feedforward", Settings(**choices), any_images)).splitlines()[0]
    assert first.endswith(f"; {whose}")


def test_published_settings_are_untouched_on_mnist() -> None:
    for recipe in RECIPES.values():
        on_mnist = recipe.settings_for("mnist")
        names = ("lr", "batch_size", "epochs", "init")
        assert [getattr(on_mnist, name) for name in names] == [
            getattr(recipe, name) for name in names
        ]
