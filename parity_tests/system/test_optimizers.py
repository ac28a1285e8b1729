"""Without its compiler PyTorch takes the same steps."""

import subprocess
import sys

SCRIPT = """
import sys
import numpy as np
from parity.contract.operations import SUBJECTS
from parity.contract.reference import reference
from parity.system.optimizers import spare_compiler

def steps():
    names = ("sgd_step", "rmsprop_step", "adam_step", "adamw_step", "Adam", "linear_backward")
    for name in names:
        for call in SUBJECTS[name].draw(0, SUBJECTS[name].sizes[0]):
            yield from reference(name)(*call.args, **call.options)

spare_compiler()
spared = list(steps())
assert not {"torch._dynamo", "sympy"} & sys.modules.keys()
import torch._dynamo
assert all(map(np.array_equal, spared, list(steps())))
"""


def test_a_step_imports_no_compiler_and_is_the_same_with_one() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
