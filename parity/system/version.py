"""The version of all packages, which the wheel is built with."""

__all__ = ["__version__"]

__version__ = "0.2.0"
