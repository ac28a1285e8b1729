"""Every public name has an example, every example runs, and links lead somewhere."""

import doctest
import importlib
import re
from pathlib import Path

import pytest

import parity

ROOT = Path(__file__).parents[2]
API = ROOT / "docs" / "api"
MODULES = ("functional", "nn", "models", "optim", "training")
NAMES = [name for name in parity.__all__ if name != "__version__"]


@pytest.mark.parametrize("module", MODULES)
def test_the_examples_of_a_page_run(module: str, unchecked: None) -> None:
    page = API / f"{module}.rst"
    result = doctest.testfile(str(page), module_relative=False, encoding="utf-8")
    assert result.attempted > 0
    assert result.failed == 0


@pytest.mark.parametrize("module", MODULES)
def test_every_name_of_a_module_has_an_example(module: str) -> None:
    text = (API / f"{module}.rst").read_text(encoding="utf-8")
    entries = re.split(r"^\.\. auto\w+:: ", text, flags=re.MULTILINE)[1:]
    shown = [entry.split()[0] for entry in entries if ">>> " in entry]
    assert sorted(shown) == sorted(importlib.import_module(f"numpy_impl.{module}").__all__)


@pytest.mark.parametrize("name", NAMES)
def test_the_example_of_a_function_runs(name: str, unchecked: None) -> None:
    finder = doctest.DocTestFinder(recurse=False)
    (test,) = finder.find(getattr(parity, name), name)
    assert test.examples, f"parity.{name} has no example"
    assert doctest.DocTestRunner().run(test).failed == 0


def test_every_function_is_on_the_page_of_the_library() -> None:
    text = (API / "parity.rst").read_text(encoding="utf-8")
    assert [name for name in NAMES if not re.search(rf"^\.\. auto\w+:: {name}$", text, re.M)] == []


@pytest.mark.parametrize(
    "page", ["README.md", "CHANGELOG.md", *(f"docs/{it.name}" for it in ROOT.glob("docs/*.md"))]
)
def test_the_links_of_a_page_lead_to_files(page: str) -> None:
    """As GitHub reads them; what `make docs` makes of them, it checks itself."""
    text = (ROOT / page).read_text(encoding="utf-8")
    links = re.findall(r"\]\((?!https?:|#)([^)#\s]+)", text)
    assert [link for link in links if not ((ROOT / page).parent / link).exists()] == []
