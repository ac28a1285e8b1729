"""The one training of the page: its process, its events, its command line."""

import json
import os
import shlex
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

from parity.errors import InputError
from parity.web import engine
from parity.web.fields import Fields

__all__ = ["Training", "choices_of"]

AT_ONCE = 3000  # events in one answer
SILENCE = 120.0  # seconds after which a page that asks for nothing is gone; hidden tabs ask slowly

CHOICES = {
    "lr": (1e-9, 1e9),
    "weight_decay": (0, 1e9),
    "batch_size": (1, 10**6),
    "epochs": (1, 1000),
    "train_size": (1, 10**6),
    "hidden_features": (1, 2000),
    "seed": (0, 2**31),
}
WHOLE = ("batch_size", "epochs", "train_size", "hidden_features", "seed")
WORDS = {
    "dtype": ("float32", "float64"),
    "init": ("default", "xavier"),
    "activation": ("sigmoid", "relu"),
}


def choices_of(fields: Fields) -> dict[str, Any]:
    """The settings that were chosen; what was left empty is the recipe's own."""
    choices: dict[str, Any] = {
        "recipe": fields.choice("recipe", engine.RECIPE_NAMES, "feedforward"),
        "data": fields.choice("data", engine.DATA, "digits"),
    }
    for name, (low, high) in CHOICES.items():
        if name in fields:
            read = fields.integer if name in WHOLE else fields.number
            choices[name] = read(name, low, high, low)  # type: ignore[arg-type]
    for name, words in WORDS.items():
        if name in fields:
            choices[name] = fields.choice(name, words, words[0])
    return choices


def command_line(choices: dict[str, Any]) -> str:
    """The same run in a terminal."""
    options = [
        f"--{name.replace('_', '-')} {shlex.quote(f'{value}')}"
        for name, value in choices.items()
        if name != "recipe"
    ]
    return " ".join(["parity compare", choices["recipe"], *options])


def notebook_cell(choices: dict[str, Any]) -> str:
    """The same run in a notebook."""
    settings = ", ".join(f"{name}={value!r}" for name, value in choices.items() if name != "recipe")
    return (
        "from parity.comparison.compare import compare\n"
        "from parity.experiment.prepare import prepare\n"
        "from parity.experiment.settings import Settings\n\n"
        f"experiment = prepare({choices['recipe']!r}, Settings({settings}))\n"
        "result = compare(experiment)\n"
        "result.parity, result.curve(experiment.held_out)[-1]"
    )


@dataclass
class Run:
    """A training that was started."""

    number: int
    process: subprocess.Popen[str]
    about: dict[str, Any]
    events: list[dict[str, Any]] = field(default_factory=list)
    paused: bool = False
    heard: float = field(default_factory=monotonic)  # when the page last asked

    def listen(self) -> None:
        """Take in the events until the process ends."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.events.append(json.loads(line))
            if monotonic() - self.heard > SILENCE:
                break
        self.end()

    def end(self) -> None:
        """End the process; that is all there is to clean up."""
        self.process.kill()
        self.process.wait()


class Training:
    """One training at a time: a new one ends the one before."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.run: Run | None = None
        self.count = 0

    def start(self, fields: Fields) -> dict[str, Any]:
        """Start a run; raises InputError for settings that make no sense."""
        choices = choices_of(fields)
        experiment = engine.experiment_of(**choices)
        recipe = experiment.recipe
        about = {
            "title": f"{recipe.name}: {recipe.title}",
            "steps": experiment.num_steps,
            "steps_per_epoch": experiment.steps_per_epoch,
            "images": {name: len(split) for name, split in experiment.splits.items()},
            "held_out": experiment.held_out,
            "command": command_line(choices),
            "cell": notebook_cell(choices),
        }
        with self.lock:
            self.end()
            self.count += 1
            process = subprocess.Popen(
                [sys.executable, "-m", "parity.web.training_process"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                encoding="utf-8",
                env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
                start_new_session=True,  # Ctrl-C is the server's affair, which ends it
            )
            self.run = Run(self.count, process, about)
            self.tell(json.dumps(choices))
            if fields.given.get("paused") is True:
                self.tell("pause")
                self.run.paused = True
            threading.Thread(target=self.run.listen, daemon=True).start()
            return {"run": self.count, **about}

    def command(self, fields: Fields) -> dict[str, Any]:
        """Pause it, let it go on, take one step, or stop it."""
        word = fields.choice("command", ("pause", "go", "step", "stop"), "stop")
        with self.lock:
            if self.run is None:
                raise InputError("no training was started")
            if word == "stop":
                self.end()
            else:
                self.tell(word)
                self.run.paused = word != "go"
        return {}

    def since(self, fields: Fields) -> dict[str, Any]:
        """The events from number `since` on, of the run that is meant."""
        first = fields.integer("since", 0, 10**9, 0)
        run = self.run
        if run is None or run.number != fields.integer("run", 0, 10**9, 0):
            return {"alive": False, "gone": True, "events": []}
        run.heard = monotonic()
        alive = run.process.poll() is None
        events = run.events[first : first + AT_ONCE]
        return {"alive": alive, "gone": False, "paused": run.paused, "events": events}

    def tell(self, line: str) -> None:
        """A line for the process; one that has ended hears nothing."""
        assert self.run is not None
        assert self.run.process.stdin is not None
        try:
            self.run.process.stdin.write(line + "\n")
            self.run.process.stdin.flush()
        except BrokenPipeError:
            self.run.paused = False

    def end(self) -> None:
        """End the run, if there is one."""
        if self.run is not None:
            self.run.end()
