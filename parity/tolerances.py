"""How close is equal: the one table of tolerances, and the one rule that uses it.

Every difference is the largest absolute difference in a tensor, over the tensor's scale: the
largest absolute value of the reference. Two quantities are differences of larger numbers, and have
the rounding of those. The loss is a difference of logits, so its scale is at least 1 and at least
theirs. The gradients come from softmax - onehot, of which a model that is sure and right leaves
1 - exp(-loss), so their scale is divided by that, or multiplied by that of the logits, if this is
more. At each step, NumPy may be as far from the reference as

    base + FACTOR x the farthest that an equally valid run has been from it so far.

The reference is PyTorch in float64. In a float32 comparison, PyTorch's own float32 run is an
equally valid run (this is the truth test: NumPy must be about as near to the truth as PyTorch is);
in both dtypes so is a PyTorch run that sums each batch in another order, which measures how far
rounding alone drives two correct programs apart as training goes on.

Where that run is out of tolerance itself, or either has lost more than HORIZON, the comparison is
at its noise horizon, and no longer says that the two sides agree to rounding.
"""

import numpy as np

__all__ = ["BASE", "FACTOR", "HORIZON", "KINDS", "SMALLEST"]

KINDS = ("logits", "loss", "gradients", "weights")

FACTOR = 4.0

# A few units in the last place of the tensor's scale; for float64 the figures of the contract.
BASE = {
    "float64": {"logits": 1e-12, "loss": 1e-12, "gradients": 1e-12, "weights": 1e-12},
    "float32": dict.fromkeys(KINDS, 16 * float(np.finfo(np.float32).eps)),
}

# The smallest normal number. Below it the last place of a number is no longer a share of it, so no
# tolerance is relative to less.
SMALLEST = {dtype: float(np.finfo(dtype).tiny) for dtype in BASE}

# Half of the digits: what is lost beyond them, no step has rounded away.
HORIZON = {dtype: float(np.sqrt(np.finfo(dtype).eps)) for dtype in BASE}
