"""The functions under test: `numpy_impl.functional`, or the file of pytest's `--parity-impl`.

A test module that takes its functions from here (`from parity_tests.implementation import
functional as F`) can also be run against such a file.
"""

import numpy_impl.functional
from parity_tests import plugin

__all__ = ["functional"]

functional = plugin.homework or numpy_impl.functional
