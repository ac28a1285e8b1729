"""What a trained model gets wrong."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Int
from numpy import ndarray

from parity.predict.answers import Answers

__all__ = ["Findings", "confusion_matrix", "find"]


@dataclass(frozen=True)
class Findings:
    """The images that either backend gets wrong, and the counts of every answer, by side."""

    answers: Answers
    labels: ndarray  # (N,)
    wrong: ndarray  # indices, the surest answer first
    confusion: dict[str, ndarray]  # (C, C)

    @property
    def accuracy(self) -> dict[str, float]:
        """The share of right answers, by side."""
        return {
            backend: float((classes == self.labels).mean())
            for backend, classes in self.answers.classes.items()
        }

    @property
    def prediction_agreement(self) -> float:
        """The share of images to which both backends give the same answer."""
        numpy, torch = self.answers.classes.values()
        return float((numpy == torch).mean())


def find(answers: Answers, labels: Int[ndarray, " N"]) -> Findings:
    """Hold the answers against the labels."""
    numpy, torch = answers.classes.values()
    wrong = np.flatnonzero((numpy != labels) | (torch != labels))
    surest = np.argsort(-answers.confidence["numpy"][wrong], kind="stable")
    num_classes = answers.probabilities["numpy"].shape[1]
    confusion = {
        backend: confusion_matrix(labels, classes, num_classes)
        for backend, classes in answers.classes.items()
    }
    return Findings(answers, labels, wrong[surest], confusion)


def confusion_matrix(
    labels: Int[ndarray, " N"], answers: Int[ndarray, " N"], num_classes: int
) -> Int[ndarray, "C C"]:
    """counts[i, j]: how many images of class i were answered j."""
    flat = np.bincount(labels * num_classes + answers, minlength=num_classes**2)
    return flat.reshape(num_classes, num_classes)
