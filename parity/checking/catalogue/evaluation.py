"""Mistakes in evaluate; `weight` is that of the model, whose logits are images times weight."""

from typing import Any

import numpy as np
from numpy import ndarray

from parity.checking.catalogue.mistake import mistake

Right = Any


def chunks(count: int, size: int) -> list[slice]:
    """The batches that evaluate goes through."""
    return [slice(start, min(start + size, count)) for start in range(0, count, size)]


@mistake(
    "evaluate",
    "return-inside-the-loop",
    "Only the first batch counts: a `return` stands inside the loop.",
    "How far is the return indented?",
)
def first_batch(
    right: Right, weight: ndarray, images: ndarray, labels: ndarray, batch_size: int = 1000
) -> Any:
    return right(weight, images[:batch_size], labels[:batch_size], batch_size)


@mistake(
    "evaluate",
    "last-batch-only",
    "Only the last batch counts: its numbers replace those of the others.",
    "Is the result of one turn of the loop added to the one before?",
)
def last_batch(
    right: Right, weight: ndarray, images: ndarray, labels: ndarray, batch_size: int = 1000
) -> Any:
    last = chunks(len(images), batch_size)[-1]
    return right(weight, images[last], labels[last], batch_size)


@mistake(
    "evaluate",
    "last-batch-skipped",
    "The last, smaller batch is left out.",
    "How many batches are there when the batch size does not divide the data?",
)
def last_batch_left_out(
    right: Right, weight: ndarray, images: ndarray, labels: ndarray, batch_size: int = 1000
) -> Any:
    whole = len(images) // batch_size * batch_size
    return right(weight, images[:whole], labels[:whole], batch_size)


def averaged(which: str, mean_loss: bool, mean_accuracy: bool) -> None:
    """Enter the mistake for one or both of the numbers."""

    @mistake(
        "evaluate",
        "mean-of-batch-means",
        f"{which} is the mean of the batches' means; the smaller last batch counts too much.",
        "How many examples stand behind each of the means?",
    )
    def wrong(
        right: Right, weight: ndarray, images: ndarray, labels: ndarray, batch_size: int = 1000
    ) -> Any:
        means = [
            right(weight, images[chunk], labels[chunk], batch_size)
            for chunk in chunks(len(images), batch_size)
        ]
        loss, accuracy = right(weight, images, labels, batch_size)
        return (
            np.mean([mean[0] for mean in means]) if mean_loss else loss,
            np.mean([mean[1] for mean in means]) if mean_accuracy else accuracy,
        )


averaged("The loss", True, False)
averaged("The accuracy", False, True)
averaged("Each of loss and accuracy", True, True)


@mistake(
    "evaluate",
    "accuracy-of-all-pairs",
    "The accuracy compares every prediction with every label: (N, 1) against (N,) gives (N, N).",
    "Which shapes have the two sides of your ==?",
)
def all_pairs(
    right: Right, weight: ndarray, images: ndarray, labels: ndarray, batch_size: int = 1000
) -> Any:
    predicted = (images @ weight.T).argmax(axis=1)
    hits = [
        (predicted[chunk, None] == labels[chunk]).mean() * (chunk.stop - chunk.start)
        for chunk in chunks(len(images), batch_size)
    ]
    return right(weight, images, labels, batch_size)[0], sum(hits) / len(images)


@mistake(
    "evaluate",
    "accuracy-in-percent",
    "The accuracy is in percent; the contract has a share between 0 and 1.",
    "How large can a share be?",
)
def percent(
    right: Right, weight: ndarray, images: ndarray, labels: ndarray, *args: Any, **options: Any
) -> Any:
    loss, accuracy = right(weight, images, labels, *args, **options)
    return loss, 100 * accuracy


@mistake(
    "evaluate",
    "hits-counted-not-averaged",
    "The accuracy is a count of hits; the contract has their share.",
    "How large can a share be?",
)
def counted(
    right: Right, weight: ndarray, images: ndarray, labels: ndarray, *args: Any, **options: Any
) -> Any:
    loss, accuracy = right(weight, images, labels, *args, **options)
    return loss, accuracy * len(images)


@mistake(
    "evaluate",
    "loss-summed",
    "The loss is the sum over the examples; the contract has their mean.",
    "By what is the sum divided in the end?",
)
def loss_summed(
    right: Right, weight: ndarray, images: ndarray, labels: ndarray, *args: Any, **options: Any
) -> Any:
    loss, accuracy = right(weight, images, labels, *args, **options)
    return loss * len(images), accuracy


@mistake(
    "evaluate",
    "divided-by-number-of-batches",
    "The sums are divided by the number of batches, not of examples.",
    "How many examples are behind the sum?",
)
def by_batches(
    right: Right, weight: ndarray, images: ndarray, labels: ndarray, batch_size: int = 1000
) -> Any:
    loss, accuracy = right(weight, images, labels, batch_size)
    factor = len(images) / len(chunks(len(images), batch_size))
    return loss * factor, accuracy * factor


@mistake(
    "evaluate",
    "loss-and-accuracy-swapped",
    "Accuracy and loss come in the other order.",
    "In which order does the contract name them?",
)
def swapped(right: Right, *args: Any, **options: Any) -> Any:
    loss, accuracy = right(*args, **options)
    return accuracy, loss
