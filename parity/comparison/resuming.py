"""What a checkpoint of a run holds, and how a run takes it up again, to the bit."""

from dataclasses import replace
from typing import Any

from parity.backends import Backend
from parity.comparison.lockstep import Lockstep
from parity.comparison.reproduce import Reproduction
from parity.comparison.result import CompareResult, Epoch
from parity.comparison.steps import Divergence, StepReport
from parity.experiment.published import Checkpoint
from parity.recipes import Published, Recipe

__all__ = ["KINDS", "backend_state", "comparison_state", "restore_backend", "restore_comparison"]

KINDS = (Reproduction, Checkpoint, Divergence, Epoch, Published, Recipe, StepReport)
MEMORY = ("farthest", "farthest_torch", "largest")  # what a Comparison remembers of earlier steps


def comparison_state(lockstep: Lockstep, result: CompareResult) -> dict[str, Any]:
    """Everything that the next step of a comparison depends on, and what was found so far."""
    memory = {name: getattr(lockstep.comparison, name) for name in MEMORY}
    reproduction = lockstep.reproduction and replace(
        lockstep.reproduction, snapshot=None, tensors=None
    )
    return {
        "backends": {name: backend_state(backend) for name, backend in lockstep.backends.items()},
        "memory": {
            name: [[*key, value] for key, value in values.items()]
            for name, values in memory.items()
        },
        "case": reproduction,
        "seconds": lockstep.seconds,
        "steps": result.steps,
        "checkpoints": result.checkpoints,
        "epochs": result.epochs,
    }


def restore_comparison(lockstep: Lockstep, result: CompareResult, state: dict[str, Any]) -> None:
    """Put a comparison that has not begun where `comparison_state` saw it."""
    result.steps, result.epochs = state["steps"], state["epochs"]
    result.checkpoints = state["checkpoints"]
    lockstep.done, lockstep.reproduction = len(result.steps), state["case"]
    lockstep.seconds = state["seconds"]
    backends = {"alone": state["backends"]["torch"], **state["backends"]}  # it may begin here
    for name, backend in lockstep.backends.items():
        restore_backend(backend, backends[name], lockstep.done)
    for name, values in state["memory"].items():
        getattr(lockstep.comparison, name).update(
            {(phase, tensor): value for phase, tensor, value in values}
        )


def backend_state(backend: Backend) -> dict[str, Any]:
    """The weights and what the optimizer keeps."""
    return {"weights": backend.weights(), "moments": backend.moments()}


def restore_backend(backend: Backend, state: dict[str, Any], steps: int) -> None:
    """Put a backend where `backend_state` saw it after so many steps."""
    backend.load(state["weights"])
    backend.load_moments(state["moments"], steps)
