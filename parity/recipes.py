"""The recipes: each system as data, from top to bottom of this file."""

from dataclasses import dataclass
from typing import Literal

__all__ = ["RECIPES", "Recipe"]


@dataclass(frozen=True)
class Recipe:
    """A model, an optimizer and a schedule; images are (N, 784), classes 10."""

    name: str
    title: str
    model: Literal["SoftmaxRegression", "FeedForward"]
    lr: float
    batch_size: int
    epochs: int
    hidden_features: int = 100  # of FeedForward
    weight_decay: float = 0.0
    train_size: int | None = None  # the first so many training images; None for all


LOGISTIC = Recipe(
    name="logistic",
    title="softmax regression 784-10, SGD",
    model="SoftmaxRegression",
    lr=0.001,
    batch_size=128,
    epochs=20,
)

FEEDFORWARD = Recipe(
    name="feedforward",
    title="feed-forward 784-100-10 with sigmoids, SGD",
    model="FeedForward",
    lr=0.1,
    batch_size=128,
    epochs=5,
)

RECIPES = {recipe.name: recipe for recipe in (LOGISTIC, FEEDFORWARD)}
