"""The functions under test: `numpy_impl.functional`, or the file of pytest's `--parity-impl`.

A test module that takes its functions from here, with
`from parity_tests.implementation import functional as F`, is run against such a file, too.
"""

import numpy_impl.functional
from parity_tests import plugin

__all__ = ["functional"]

functional = plugin.homework or numpy_impl.functional
