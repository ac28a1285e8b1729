"""The one table: how large a difference rounding may cause, and when nothing can be concluded.

The differences are relative to a tensor's scale, the largest absolute value of the reference.
"""

import numpy as np

__all__ = ["BASE", "FACTOR", "HORIZON", "SMALLEST"]

FACTOR = 4.0

# float64: the figure of the contract. float32: a few units in the last place of the tensor's scale.
BASE = {"float64": 1e-12, "float32": 16 * float(np.finfo(np.float32).eps)}

# The smallest normal number. Below it the last place of a number is no longer a share of it, so no
# tolerance is relative to less.
SMALLEST = {dtype: float(np.finfo(dtype).tiny) for dtype in BASE}

# Half of the digits: what is lost beyond them, no step has rounded away.
HORIZON = {dtype: float(np.sqrt(np.finfo(dtype).eps)) for dtype in BASE}
