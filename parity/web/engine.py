"""All that this room asks of the rooms below about data and runs, behind a few verbs."""

from functools import lru_cache
from typing import Any

from parity import datasets
from parity.backends import NUM_CLASSES
from parity.datasets.loading import resolve_root
from parity.datasets.mnist import COLLECTIONS
from parity.experiment.prepare import Experiment, prepare
from parity.experiment.settings import Settings
from parity.recipes import RECIPES

__all__ = ["DATA", "NUM_CLASSES", "RECIPE_NAMES", "available", "experiment_of"]

DATA = datasets.NAMES
RECIPE_NAMES = tuple(RECIPES)


def available() -> tuple[str, ...]:
    """The data sets whose files are here."""
    root = resolve_root(None)
    found = (name for name, one in COLLECTIONS.items() if one.raw_folder(root).is_dir())
    return ("digits", *found)


@lru_cache(maxsize=2)
def dataset(name: str) -> datasets.Dataset:
    """A data set, loaded once."""
    return datasets.load(name)


@lru_cache(maxsize=4)
def experiment_of(recipe: str, **choices: Any) -> Experiment:
    """A recipe with its images and its initial weights; `choices` are those of `Settings`.

    Raises what `prepare` raises.
    """
    settings = Settings(**choices)
    return prepare(recipe, settings, dataset(settings.data))
