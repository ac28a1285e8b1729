"""scikit-learn's multilayer perceptron."""

import warnings

from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

from benchmarks.programs import base
from benchmarks.work import Work

__all__ = ["Program"]


class Program(base.Program):
    """One pass of `MLPClassifier.fit`, with its own initial weights and order of batches.

    So its weights are not compared with those of the others.
    """

    def __init__(self, work: Work) -> None:
        super().__init__(work)
        recipe = work.recipe
        self.classifier = MLPClassifier(
            hidden_layer_sizes=work.model_arguments[1:-1],
            activation="logistic",
            solver=recipe.optimizer.lower(),
            alpha=recipe.weight_decay,
            batch_size=recipe.batch_size,
            learning_rate_init=recipe.lr,
            momentum=0,
            max_iter=1,
            random_state=work.seed,
        )

    def run(self, count: int) -> None:
        """Fit to as many images as `count` batches hold, at most all of them."""
        size = count * self.work.recipe.batch_size
        with warnings.catch_warnings():  # one pass is intended
            warnings.simplefilter("ignore", ConvergenceWarning)
            self.classifier.fit(self.work.images[:size], self.work.labels[:size])
