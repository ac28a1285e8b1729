"""`numpy_impl` as it is."""

import numpy as np
from numpy import ndarray

import numpy_impl.models
import numpy_impl.optim
import numpy_impl.training
from benchmarks.programs import base
from benchmarks.work import Work

__all__ = ["Program"]


class Program(base.Program):
    """The training loop of `numpy_impl`."""

    def __init__(self, work: Work) -> None:
        super().__init__(work)
        recipe = work.recipe
        model_class = getattr(numpy_impl.models, recipe.model)
        self.model = model_class(*work.model_arguments, dtype=np.float32)
        self.model.load_state_dict(work.initial)
        self.optimizer = getattr(numpy_impl.optim, recipe.optimizer)(
            self.model.parameters(), lr=recipe.lr, weight_decay=recipe.weight_decay
        )
        self.steps = numpy_impl.training.steps(
            self.model, self.optimizer, work.images, work.labels, work.batches()
        )

    def weights(self) -> dict[str, ndarray]:
        return self.model.state_dict()
