"""Sphinx: the pages of docs/, and the API reference from the docstrings, for `make docs`."""

from sphinx.application import Sphinx

from parity import __version__

project = "numpy-torch-parity"
author = "The numpy-torch-parity authors"
copyright = author
release = version = __version__

extensions = ["myst_nb", "numpydoc", "sphinx.ext.autodoc", "sphinx.ext.viewcode"]
exclude_patterns = ["results", "class", "grading-platforms"]
default_role = "code"  # `name` in a docstring is code
smartquotes = False
nitpick_ignore_regex = [  # types of other libraries, and of ours that have no page
    (
        "py:class",
        r"(collections|hypothesis|jaxtyping|numpy|os|pathlib|torch|types)\..+|ndarray|dict\[str|tuple\[int"
        r"|parity\.(backends|checking|comparison|datasets|gradients)\..+",
    )
]

html_theme = "furo"
html_title = f"numpy-torch-parity {release}"
html_static_path = ["static"]
html_css_files = ["docs.css"]
html_copy_source = False

autodoc_typehints = "signature"  # with jaxtyping's shapes: Float[ndarray, "N in"]
autodoc_typehints_format = "short"
autodoc_type_aliases = {"Same": "Float[ndarray, '*shape']"}
python_maximum_signature_line_length = 80
autodoc_member_order = "bysource"
numpydoc_show_class_members = False  # autodoc lists them

nb_execution_mode = "off"  # `make notebooks` runs them; the pages show what is saved in them
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 4  # links such as check.md#the-contract, as on GitHub

# Files beside docs/ that pages link to, as GitHub needs it, and the pages that include them.
INCLUDED = {"../CHANGELOG.md": "changes.md", "../data/digits.README.md": "digits.md"}


def link_to_included(_app: Sphinx, _name: str, source: list[str]) -> None:
    """In the built pages, link to the page that includes the file."""
    for file, page in INCLUDED.items():
        source[0] = source[0].replace(f"]({file})", f"]({page})")


def setup(app: Sphinx) -> None:
    """Called by Sphinx."""
    app.connect("source-read", link_to_included)
