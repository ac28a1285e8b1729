"""What both programs make of a drawn digit, and of the images that they get wrong."""

from functools import lru_cache
from typing import Any

import numpy as np
from numpy import ndarray

import numpy_impl.functional
from parity.errors import InputError
from parity.predict.answers import ask
from parity.predict.misclassified import Findings, find
from parity.web import engine
from parity.web.fields import Fields
from parity.web.packing import pack
from parity.web.rasterising import CANVAS, PREPARATIONS, rasterised
from parity.web.tape import PLANS, backward, forward

__all__ = ["answer", "confusion", "images"]

MOST_STROKES, MOST_POINTS = 100, 5000
SHOWN = 60  # images of one cell of the confusion matrix


def model_of(fields: Fields) -> engine.Trained:
    """The trained model that was asked for."""
    recipe = fields.choice("recipe", engine.RECIPE_NAMES, "feedforward")
    return engine.trained(recipe, fields.choice("data", engine.DATA, "digits"))


def answer(fields: Fields) -> dict[str, Any]:
    """Both programs' probabilities of a drawing or held-out image, and what spoke for a class."""
    model = model_of(fields)
    label = None
    if "image" in fields:
        held_out, labels = model.experiment.arrays(model.experiment.held_out, "float32")
        index = fields.integer("image", 0, len(labels) - 1, 0)
        image, label = held_out[index], int(labels[index])
    else:
        prepare = PREPARATIONS[model.experiment.settings.data]
        image = prepare(rasterised(strokes_of(fields))).reshape(784)
    probabilities = {name: p[0] for name, p in model.probabilities(image[None]).items()}
    likeliest = int(probabilities["numpy"].argmax())
    explained = fields.integer("class", 0, engine.NUM_CLASSES - 1, likeliest)
    return {
        "label": label,
        "empty": not image.any(),
        "pixels": pack(image.reshape(28, 28)),
        "probabilities": {name: p.tolist() for name, p in probabilities.items()},
        "class": explained,
        "spoke": pack(contributions(model, image, explained).reshape(28, 28)),
    }


def strokes_of(fields: Fields) -> list[list[tuple[float, float]]]:
    """The strokes, each a flat list of coordinates x, y, x, y."""
    strokes = []
    for stroke in fields.items("strokes", MOST_STROKES):
        if not isinstance(stroke, list) or not 2 <= len(stroke) <= MOST_POINTS or len(stroke) % 2:
            raise InputError(f"strokes: expected lists of 1 to {MOST_POINTS // 2} points x, y")
        numbers = [Fields({"strokes": n}).number("strokes", -CANVAS, 2 * CANVAS, 0) for n in stroke]
        strokes.append(list(zip(numbers[::2], numbers[1::2], strict=True)))
    return strokes


def contributions(model: engine.Trained, image: ndarray, wanted: int) -> ndarray:
    """How much each pixel raises the logit of a class over the mean of all: gradient times pixel.

    Where the model is linear they sum to that difference, but for the biases.
    """
    plan = PLANS[model.experiment.recipe.model]
    values = forward(numpy_impl.functional, plan, model.weights, image[None])
    grad = np.full((1, engine.NUM_CLASSES), -1 / engine.NUM_CLASSES, image.dtype)
    grad[0, wanted] += 1
    grads = backward(numpy_impl.functional, plan, values, grad)
    return grads["input"].reshape(784) * image


@lru_cache(maxsize=4)
def findings(recipe: str, data: str) -> Findings:
    """The answers to all held-out images."""
    model = engine.trained(recipe, data)
    held_out, labels = model.experiment.arrays(model.experiment.held_out, "float32")
    return find(ask(model.experiment, model.weights, held_out), labels)


def confusion(fields: Fields) -> dict[str, Any]:
    """Counts of each true class and answer, in both programs."""
    model = model_of(fields)
    found = findings(model.experiment.recipe.name, model.experiment.settings.data)
    return {
        "split": model.experiment.held_out,
        "images": len(found.labels),
        "accuracy": found.accuracy,
        "same_answer": found.prediction_agreement,
        "counts": {name: counts.tolist() for name, counts in found.confusion.items()},
    }


def images(fields: Fields) -> dict[str, Any]:
    """The held-out images of one true class that were given one answer, the surest first."""
    model = model_of(fields)
    found = findings(model.experiment.recipe.name, model.experiment.settings.data)
    label = fields.integer("label", 0, engine.NUM_CLASSES - 1, 0)
    given = fields.integer("answer", 0, engine.NUM_CLASSES - 1, 0)
    classes, confidence = found.answers.classes, found.answers.confidence["numpy"]
    chosen = np.flatnonzero((found.labels == label) & (classes["numpy"] == given))
    chosen = chosen[np.argsort(-confidence[chosen], kind="stable")]
    held_out, _ = model.experiment.arrays(model.experiment.held_out, "float32")
    return {
        "count": len(chosen),
        "images": [
            {
                "index": int(index),
                "confidence": float(confidence[index]),
                "torch": int(classes["torch"][index]),
                "pixels": pack((held_out[index].reshape(28, 28) * 255).astype(np.uint8)),
            }
            for index in chosen[:SHOWN]
        ],
    }
