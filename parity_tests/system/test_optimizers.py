"""Without its compiler PyTorch takes the same steps."""

import subprocess
import sys
from pathlib import Path

SCRIPT = """
import sys
import numpy as np
from parity.cli import main
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
assert main(["compare", "linear-adam", "--epochs", "1", "--train-size", "65"]) == 0
assert not {"torch._dynamo", "sympy"} & sys.modules.keys()
import torch._dynamo
assert all(map(np.array_equal, spared, list(steps())))
"""


def test_neither_a_step_nor_a_comparison_imports_the_compiler_and_a_step_is_the_same_with_it(
    tmp_path: Path,
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
