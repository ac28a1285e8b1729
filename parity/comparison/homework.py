"""A file's own network as one of the two programs: it is trained in the sandbox, judged here.

Nothing that comes back is trusted: the arrays pass the strict decoder of `parity.sandbox`, and here
their shapes are held against the model's.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy import ndarray

from numpy_impl import functional as F
from parity.backends import RecipeBackend, State, TrainingStep, model_arguments
from parity.backends.recipes import options
from parity.contract.operations import SUBJECTS
from parity.contract.reference import reference
from parity.errors import BadCaseError, InputError
from parity.recipes import Recipe
from parity.sandbox.isolation import Isolation
from parity.sandbox.placeholders import reproach
from parity.sandbox.student import MEMORY_MB, TIMEOUT, FileStudent, Layout

__all__ = ["HomeworkBackend"]

LOSS = ("cross_entropy", "cross_entropy_backward")
LAYERS = {"FeedForward": ["fc1", "fc2"], "SoftmaxRegression": ["fc"]}
EVALUATED = 1000  # images at a time


class HomeworkBackend(RecipeBackend):
    """The network and the optimizer of a file, for a recipe.

    The file's class is trained, with its optimizer; where it has none, a network made of its
    `linear`, its activation and their backwards. What it lacks of the loss and of the step of SGD,
    PyTorch computes in its place.

    Parameters
    ----------
    path
        A Python file or a notebook.
    recipe
        What to train, and how.
    dtype
        In which it is compared: "float32" or "float64". The file computes in its own.
    initial
        Arrays like the weights.
    choose
        Says by which layout the file is read, given its names; None for the contract's own.
    isolation
        Whether bubblewrap is "required", used where it is installed ("auto"), or not ("none").

    Raises
    ------
    InputError
        If there is no such file, or it has no such network.
    """

    name = "numpy"

    def __init__(
        self,
        path: Path,
        recipe: Recipe,
        dtype: str,
        initial: State,
        choose: Callable[[Sequence[str]], Layout | None] = lambda _names: None,
        isolation: Isolation = "auto",
    ) -> None:
        if not path.is_file():
            raise InputError(f"numpy: {path} is no file, expected a Python file or a notebook")
        self.path, self.recipe, self.dtype = path, recipe, dtype
        self.shapes = {name: array.shape for name, array in initial.items()}
        self.state: State = {}
        self.grads: State = {}
        self.dtypes: set[str] = set()  # in which the file has answered
        self.student = FileStudent(
            path,
            TIMEOUT,
            MEMORY_MB,
            choose=choose,
            truth=reference,
            contract=list(SUBJECTS),
            isolated=isolation,
        )
        try:
            self.begin(self.student.load())
        except BaseException:
            self.close()
            raise

    def begin(self, loaded: Mapping[str, Any]) -> None:
        """Let the child make the network of what the file has."""
        self.stand_ins: list[str] = []
        written = {name for name in loaded["names"] if name in SUBJECTS and self.is_written(name)}
        recipe = self.recipe
        self.parts: list[str] = [recipe.model]
        args: tuple[Any, ...] = "class", recipe.model, model_arguments(recipe)
        if recipe.model not in written:
            names = ["linear", *[str(recipe.activation)] * (recipe.model == "FeedForward")]
            self.parts = [part for name in names for part in (name, f"{name}_backward")]
            missing = [name for name in self.parts if name not in written]
            if missing or recipe.model not in LAYERS:
                raise InputError(self.lacks(loaded, missing))
            args = ("functions", LAYERS[recipe.model], self.shapes, recipe.activation)
        optimizer = recipe.optimizer if recipe.optimizer in written else ""
        if not optimizer and recipe.optimizer != "SGD":
            raise InputError(f"numpy: {self.path} has no {recipe.optimizer}, expected that class")
        more: list[str] = [*LOSS, optimizer or "sgd_step"]
        self.parts += [name for name in more if name in written]
        self.stand_ins = [name for name in more if name not in written]
        given = {name: value for name, value in options(recipe).items() if value}
        lr = given.pop("lr")
        first = self.ask("start", *args, optimizer, lr, given, outputs=len(self.shapes))
        self.state = self.named("before training", first)

    def lacks(self, loaded: Mapping[str, Any], missing: Sequence[str]) -> str:
        """What there should be in the file."""
        how = f"{self.path} {loaded['raised']}; it" if "raised" in loaded else str(self.path)
        pieces = f", or functions; of these it lacks {', '.join(missing)}" * bool(missing)
        return f"numpy: {how} has no {self.recipe.model}, expected that class{pieces}"

    def is_written(self, name: str) -> bool:
        """Whether a name is more than a stub; by a layout there are none."""
        if self.student.layout is not None:
            return True
        call = {"args": (), "options": {}, "outputs": 1}
        (outcome,) = self.student.ask({"subject": name, "calls": [call], "stand_ins": []})
        return "not_written" not in outcome

    def described(self) -> list[str]:
        """A line each: what is trained, as what it was read, what stands in."""
        lines = [f"NumPy: {', '.join(self.parts)} of {self.path}"]
        if self.student.layout is not None:
            lines[0] += f", read as {self.student.layout.name}"
        if self.stand_ins:
            lines.append(f"PyTorch's stand in for {', '.join(self.stand_ins)}")
        if self.student.alone:
            lines.append(
                f"the file {self.student.alone}; only its imports, definitions and constants "
                "were run"
            )
        if self.student.isolation == "none":
            lines.append("not isolated: the file ran without bubblewrap, within limits alone")
        return lines

    def weights(self) -> State:
        return self.state

    def gradients(self) -> State:
        return self.grads

    def load(self, weights: Mapping[str, ndarray]) -> None:
        state = {name: array.astype(self.dtype) for name, array in weights.items()}
        arrays = self.ask("load", state, outputs=len(state))
        self.state = self.named("after load_state_dict", arrays)
        for name, array in self.state.items():
            if not np.array_equal(array, state[name]):
                raise InputError(
                    f"numpy: {self.path}: load_state_dict does not take over {name} as it is"
                )

    def steps(
        self, images: ndarray, labels: ndarray, batches: Iterable[ndarray], first: int = 1
    ) -> Iterator[TrainingStep]:
        count = len(self.shapes)
        for number, indices in enumerate(batches, start=first):
            arrays = self.ask(
                "step", images[indices], labels[indices], outputs=2 + 2 * count, step=number
            )
            logits, loss = arrays[:2]
            if np.size(loss) != 1:
                raise InputError(f"numpy: {self.path}: the loss has shape {loss.shape}, not ()")
            self.grads = self.named(f"step {number}, gradients", arrays[2 : 2 + count])
            self.state = self.named(f"step {number}", arrays[2 + count :])
            self.dtypes |= {array.dtype.name for array in arrays}
            yield TrainingStep(number, {"logits": self.cast(logits)}, float(loss.item()))

    def predict(self, images: ndarray) -> ndarray:
        starts = range(0, len(images), EVALUATED)
        return np.concatenate([self.logits(images[at : at + EVALUATED]) for at in starts])

    def logits(self, images: ndarray) -> ndarray:
        """The logits (N, C) of some images; raises InputError for another shape."""
        (logits,) = self.ask("predict", images, outputs=1)
        (classes,) = list(self.shapes.values())[-1]  # of the last bias
        if logits.shape != (len(images), classes):
            raise InputError(
                f"numpy: {self.path}: the logits of {len(images)} images have shape "
                f"{logits.shape}, expected {(len(images), classes)}"
            )
        return self.cast(logits)

    def cross_entropy(self, logits: ndarray, labels: ndarray) -> float:
        return float(F.cross_entropy(logits.astype(np.float64), labels))

    def ask(self, verb: str, *args: Any, outputs: int, step: int | None = None) -> list[ndarray]:
        """The arrays of one request.

        Raises
        ------
        InputError
            If the file raises, takes too long, or answers something else.
        BadCaseError
            If it writes into the images or labels that it is given.
        """
        call = {"args": args, "options": {}, "outputs": outputs}
        request = {
            "subject": f"training: {verb}",
            "calls": [call],
            "stand_ins": self.stand_ins,
        }
        (outcome,) = self.student.ask(request)
        where = f"numpy: {self.path}" + (f", step {step}" if step else "")
        if "arrays" not in outcome or any(array is None for array in outcome["arrays"]):
            raise InputError(f"{where}: {reason(outcome)}")
        if outcome["changed"] and verb in ("step", "predict"):
            what = ("the images", "the labels")[outcome["changed"][0]]
            raise BadCaseError(f"{where}: writes into {what} that it is given")
        arrays: list[ndarray] = outcome["arrays"]
        return arrays

    def named(self, where: str, arrays: Sequence[ndarray]) -> State:
        """The arrays under the parameters' names; raises InputError for another shape."""
        for (name, shape), array in zip(self.shapes.items(), arrays, strict=True):
            if array.shape != shape:
                raise InputError(
                    f"numpy: {self.path}, {where}: {name} has shape {array.shape}, expected {shape}"
                )
        return dict(zip(self.shapes, map(self.cast, arrays), strict=True))

    def cast(self, array: ndarray) -> ndarray:
        """The array in the dtype of the comparison."""
        with np.errstate(over="ignore"):
            return array.astype(self.dtype)

    def close(self) -> None:
        """End the child process."""
        self.student.close()


def reason(outcome: Mapping[str, Any]) -> str:
    """Why there are no arrays."""
    if "timeout" in outcome:
        return f"takes more than {TIMEOUT:g} seconds"
    if "not_written" in outcome:
        return "something that it needs is not written yet: it raises NotImplementedError"
    if "unsupported" in outcome:
        return f"the network or the optimizer does not take {outcome['unsupported']}"
    if "borrowed" in outcome:
        return reproach(outcome["borrowed"])
    return str(outcome.get("raised") or outcome.get("bad_result") or "no answer")
