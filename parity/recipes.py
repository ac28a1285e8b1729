"""The recipes: each published system as data.

The images are (N, 784), and there are 10 classes. The sizes of splits are those of MNIST; a smaller
data set is divided in the same proportion. The published settings are for MNIST. On the 1,797
digits an epoch has far fewer steps, and the model would hardly learn. So each recipe has other
settings for the digits.
"""

from dataclasses import dataclass, replace
from typing import Literal

from parity.errors import InputError

__all__ = ["RECIPES", "Published", "Recipe", "Training", "find"]

Init = Literal["default", "xavier"]


@dataclass(frozen=True)
class Published:
    """A published figure: which metric, on which images, after how many steps."""

    where: str  # the name of the moment in reports, such as "epoch 3"
    step: int  # after how many training steps
    split: str  # validation or test
    metric: str  # loss or accuracy
    value: float


@dataclass(frozen=True)
class Training:
    """Settings of a recipe for other images than those it was published with."""

    lr: float
    batch_size: int
    epochs: int
    init: Init = "default"


@dataclass(frozen=True)
class Recipe:
    """A model, its data, its optimizer and its schedule."""

    name: str
    title: str
    model: Literal["SoftmaxRegression", "FeedForward", "ConvNet"]
    optimizer: Literal["SGD", "Adam"]
    lr: float
    batch_size: int
    epochs: int
    hidden_features: int = 100  # of FeedForward
    activation: Literal["sigmoid", "relu"] = "sigmoid"  # of FeedForward
    weight_decay: float = 0.0
    momentum: float = 0.0  # of SGD
    init: Init = "default"
    drop_last: bool = False  # leave out each epoch's last batch if it is smaller

    pool: Literal["train", "train+test"] = "train"  # which images are divided
    train_size: int | None = None  # None for all of the pool
    validation_size: int | None = None  # the images after the training images
    random_split: bool = False  # divide at random, else in the order of the files
    denominator: int = 255  # pixels 0..255 are divided by this

    evaluate_every: int | None = None  # steps; None for every epoch
    evaluate_training: bool = False  # also the accuracy on the training images
    published: tuple[Published, ...] = ()
    on_digits: Training | None = None  # used instead of the above on the embedded digits

    def settings_for(self, data: str) -> "Recipe":
        """The recipe with its settings for the digits; for other images as it was published."""
        if data != "digits" or self.on_digits is None:
            return replace(self, on_digits=None)
        return replace(self, on_digits=None, **vars(self.on_digits))


# CSC321 (University of Toronto), tutorial 4.
TUTORIAL = Recipe(
    name="tutorial",
    title="softmax regression 784-10 on 2,000 images, SGD",
    model="SoftmaxRegression",
    optimizer="SGD",
    lr=0.01,
    batch_size=64,
    epochs=10,
    drop_last=True,
    train_size=2000,
    validation_size=500,
    evaluate_every=10,
    evaluate_training=True,
    on_digits=Training(lr=0.1, batch_size=16, epochs=20),
)


LOGISTIC_EPOCH = 391  # steps: 50,000 images in batches of 128
# fmt: off
LOGISTIC_LOSS = [1.9208, 1.6565, 1.4599, 1.3116, 1.1978, 1.1083, 1.0365, 0.9777, 0.9287, 0.8873,
                 0.8517, 0.8210, 0.7939, 0.7700, 0.7487, 0.7295, 0.7123, 0.6966, 0.6822, 0.6691]
LOGISTIC_ACCURACY = [.6665, .7396, .7663, .7836, .7975, .8057, .8137, .8194, .8240, .8287,
                     .8326, .8360, .8392, .8419, .8445, .8467, .8480, .8495, .8513, .8527]
# fmt: on

LOGISTIC = Recipe(
    name="logistic",
    title="softmax regression 784-10, SGD",
    model="SoftmaxRegression",
    optimizer="SGD",
    lr=0.001,
    batch_size=128,
    epochs=20,
    train_size=50_000,
    validation_size=10_000,
    random_split=True,
    published=(
        Published("before training", 0, "validation", "loss", 2.2833),
        Published("before training", 0, "validation", "accuracy", 0.1075),
        *(
            Published(f"epoch {epoch}", epoch * LOGISTIC_EPOCH, "validation", metric, value)
            for metric, values in (("loss", LOGISTIC_LOSS), ("accuracy", LOGISTIC_ACCURACY))
            for epoch, value in enumerate(values, start=1)
        ),
        Published("after training", 20 * LOGISTIC_EPOCH, "test", "loss", 0.6401),
        Published("after training", 20 * LOGISTIC_EPOCH, "test", "accuracy", 0.8604),
    ),
    on_digits=Training(lr=0.1, batch_size=16, epochs=20),
)

FEEDFORWARD = Recipe(
    name="feedforward",
    title="feed-forward 784-100-10 with sigmoids, SGD",
    model="FeedForward",
    optimizer="SGD",
    lr=0.1,
    batch_size=128,
    epochs=5,
    evaluate_every=500,
    published=(
        Published("iteration 500", 500, "test", "accuracy", 0.8642),
        Published("iteration 1000", 1000, "test", "accuracy", 0.8948),
        Published("iteration 1500", 1500, "test", "accuracy", 0.9046),
        Published("iteration 2000", 2000, "test", "accuracy", 0.9110),
    ),
    on_digits=Training(lr=0.5, batch_size=16, epochs=15),
)

# The 70,000 images in the order of OpenML's mnist_784: the training images, then the test images.
LINEAR_ADAM = Recipe(
    name="linear-adam",
    title="softmax regression 784-10, Adam",
    model="SoftmaxRegression",
    optimizer="Adam",
    lr=0.001,
    batch_size=64,
    epochs=15,
    pool="train+test",
    train_size=50_000,
    validation_size=20_000,
    denominator=256,
    on_digits=Training(lr=0.003, batch_size=16, epochs=15),
)

CNN_ADAM = Recipe(
    name="cnn-adam",
    title="three 3x3 convolutions 1-16-16-10 with ReLU and average pooling, Adam",
    model="ConvNet",
    optimizer="Adam",
    lr=0.001,
    batch_size=64,
    epochs=15,
    pool="train+test",
    train_size=50_000,
    validation_size=20_000,
    denominator=256,
    # With the default initial weights most classes are dead (docs/recipes.md).
    on_digits=Training(lr=0.005, batch_size=32, epochs=30, init="xavier"),
)

RECIPES = {
    recipe.name: recipe for recipe in (TUTORIAL, LOGISTIC, FEEDFORWARD, LINEAR_ADAM, CNN_ADAM)
}


def find(name: str) -> Recipe:
    """The recipe of that name.

    Raises
    ------
    InputError
        If there is none.
    """
    if name not in RECIPES:
        raise InputError(f"recipe is {name!r}, expected one of {', '.join(RECIPES)}")
    return RECIPES[name]
