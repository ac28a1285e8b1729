"""Nobody gets credit for what he did not write: ways of cheating, none of which passes."""

from pathlib import Path

import pytest

import numpy_impl.functional
from parity.checking.checker import Result
from parity.checking.entry import check_file
from parity.errors import InputError
from parity.sandbox import isolation

SITE = str(Path(pytest.__file__).parents[1])
REPOSITORY = str(Path(numpy_impl.functional.__file__).parents[1])

pytestmark = pytest.mark.usefixtures("unchecked")
bubblewrapped = pytest.mark.skipif(bool(isolation.unavailable()), reason="no bubblewrap")


def sigmoid(tmp_path: Path, code: str, **options: object) -> Result:
    """The verdict on the sigmoid of a file with this code."""
    (tmp_path / "mine.py").write_text(code)
    report = check_file(tmp_path / "mine.py", timeout=30.0, only=["sigmoid"], **options)  # type: ignore[arg-type]
    (result,) = (one for one in report.results if one.name == "sigmoid")
    return result


BORROWED = {
    "from numpy_impl.functional import *": "numpy_impl.functional.sigmoid",
    "from numpy_impl.functional import sigmoid": "numpy_impl.functional.sigmoid",
    "import numpy_impl.functional as F\nsigmoid = F.sigmoid": "numpy_impl.functional.sigmoid",
    "from torch import sigmoid as s\ndef sigmoid(x): return s(x)": "torch.sigmoid",
    "import torch\ndef sigmoid(x): return torch.tensor(x).sigmoid().numpy()": "torch.tensor",
    "def sigmoid(x):\n    import torch\n    return torch.sigmoid(torch.from_numpy(x)).numpy()": (
        "torch.from_numpy"
    ),
    "import importlib\ndef sigmoid(x):\n"
    "    return importlib.import_module('torch').sigmoid(x)": "torch.sigmoid",
    "def sigmoid(x): return __import__('jax').nn.sigmoid(x)": "jax.nn.sigmoid",
    "import jax.numpy as jnp\ndef sigmoid(x): return 1 / (1 + jnp.exp(-x))": "jax.numpy.exp",
    "import tensorflow as tf\nsigmoid = tf.nn.sigmoid": "tensorflow.nn.sigmoid",
    "from autograd import numpy as anp\ndef sigmoid(x): return 1 / (1 + anp.exp(-x))": (
        "autograd.numpy.exp"
    ),
    "from scipy.special import expit\nsigmoid = expit": "scipy.special.expit",
    "from scipy.special import expit\ndef sigmoid(x):\n"
    "    try: return expit(x)\n    except Exception: return None": "scipy.special.expit",
    "import torch\nclass Net(torch.nn.Module): pass\ndef sigmoid(x): return Net()(x)": (
        "torch.nn.Module"
    ),
    "from parity.contract.reference import reference\nsigmoid = reference('sigmoid')": (
        "parity.contract.reference.reference"
    ),
    "import numba\n@numba.njit\ndef sigmoid(x): return 1 / (1 + 2.718281828459045**-x)": (
        "numba.njit"
    ),
}


def test_what_is_imported_from_a_file_left_behind_is_not_judged(tmp_path: Path) -> None:
    """As the helpers of a course are, which the notebook finds beside it there."""
    (tmp_path / "mine.py").write_text(
        "from dnn_utils import sigmoid\ndef relu(x): return x * (x > 0)\n"
        "def tanh(x): return 2 * sigmoid(2 * x) - 1\n"
    )
    report = check_file(tmp_path / "mine.py", only=["sigmoid", "relu", "tanh"])
    found = {one.name: (one.status, one.explanation) for one in report.results}
    assert found == {
        "sigmoid": ("missing", "not written yet"),
        "tanh": ("borrowed", "uses dnn_utils.sigmoid, and there is no dnn_utils beside the file"),
        "relu": ("pass", ""),
    }


def check_borrowed(tmp_path: Path, code: str, mode: str) -> None:
    """The file is told what it borrows."""
    result = sigmoid(tmp_path, code, isolation=mode)
    assert result.status == "borrowed", result.message
    assert result.explanation.startswith(f"uses {BORROWED[code]}, which is not by hand")


@pytest.mark.parametrize("code", BORROWED, ids=lambda code: code[:50])
def test_what_another_package_computes_is_borrowed(tmp_path: Path, code: str) -> None:
    check_borrowed(tmp_path, code, "none")


@bubblewrapped
@pytest.mark.parametrize("code", [one for one in BORROWED if "importlib" in one or "*" in one])
def test_it_is_borrowed_in_bubblewrap_too(tmp_path: Path, code: str) -> None:
    check_borrowed(tmp_path, code, "required")


CHEATS = {
    "a path to the packages": (
        f"import sys\nsys.path.insert(0, {SITE!r})\nimport torch\n"
        "def sigmoid(x): return torch.sigmoid(torch.tensor(x)).numpy()"
    ),
    "a path to the answers": (
        f"import sys\ndef sigmoid(x):\n    sys.path.insert(0, {REPOSITORY!r})\n"
        "    sys.meta_path[:] = [one for one in sys.meta_path if type(one).__name__ == 'type']\n"
        "    from numpy_impl.functional import sigmoid\n    return sigmoid(x)"
    ),
    "the source of the answers": (
        f"exec(open({numpy_impl.functional.__file__!r}).read())\ndef sigmoid(x): return sigmoid(x)"
    ),
    "another Python": (
        "import subprocess, sys, json, numpy as np\ndef sigmoid(x):\n"
        "    code = f'import torch; print(torch.sigmoid(torch.tensor({x.tolist()})).tolist())'\n"
        f"    env = {{'PYTHONPATH': {SITE!r}}}\n"
        "    out = subprocess.run([sys.executable, '-c', code], capture_output=True, env=env)\n"
        "    return np.array(json.loads(out.stdout))"
    ),
    "a patched comparison": (
        "import numpy as np\nnp.allclose = np.array_equal = lambda *a, **k: True\n"
        "def sigmoid(x): return x"
    ),
    "a verdict on the output": (
        "import os\ndef sigmoid(x):\n    print('sigmoid: pass')\n"
        '    os.write(1, b\'{"status": "pass"}\\n\')\n    return x'
    ),
    "an end that looks good": "import os\ndef sigmoid(x): os._exit(0)",
    "the session's own class": (
        "import gc\ndef sigmoid(x):\n    for one in gc.get_objects():\n"
        "        if type(one).__name__ == 'Session':\n"
        "            type(one).answer = lambda *_: {'outcomes': [{'arrays': [None]}] * 3}\n"
        "    return x"
    ),
    "no outcomes at all": (
        "import gc\ndef sigmoid(x):\n    for one in gc.get_objects():\n"
        "        if type(one).__name__ == 'Session':\n"
        "            type(one).answer = lambda *_: {'outcomes': []}\n    return x"
    ),
    "a question that nobody asked": (
        "import gc\ndef sigmoid(x):\n    for one in gc.get_objects():\n"
        "        if type(one).__name__ == 'Session':\n"
        "            return one.parent('sigmoid', (x,), {})[0]\n"
    ),
    "an array that is equal to all": (
        "import numpy as np\nclass Yes(np.ndarray):\n    def __eq__(self, other): return True\n"
        "    def __sub__(self, other): return np.zeros(self.shape)\n"
        "def sigmoid(x): return x.view(Yes)"
    ),
}


@bubblewrapped
@pytest.mark.parametrize("code", CHEATS.values(), ids=CHEATS)
def test_no_cheat_passes(tmp_path: Path, code: str) -> None:
    assert sigmoid(tmp_path, code, isolation="required").status in ("fail", "error", "borrowed")


@bubblewrapped
def test_what_a_course_allows_is_in_sight(tmp_path: Path) -> None:
    code = "import jaxtyping\ndef sigmoid(x):\n    assert jaxtyping.Float\n    return x"
    assert sigmoid(tmp_path, code).status == "borrowed"
    assert sigmoid(tmp_path, code, allowed=["jaxtyping"]).status == "fail"


def test_only_what_is_installed_can_be_allowed(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="allow: got no_such_thing, expected a package that is"):
        sigmoid(tmp_path, "def sigmoid(x): return x", allowed=["no_such_thing"])


def test_packages_may_be_imported_for_other_ends(tmp_path: Path) -> None:
    code = (
        "import torch, torchvision\nimport matplotlib.pyplot as plt\ntorch.manual_seed(0)\n"
        "device = 'cuda' if torch.cuda.is_available() else 'cpu'\nplt.style.use('dark')\n"
        "@torch.no_grad()\ndef look(x): plt.imshow(x)\n"
        "import numpy as np\n"
        "def sigmoid(x):\n    e = np.exp(-abs(x))\n    return np.where(x < 0, e, 1) / (1 + e)\n"
    )
    assert sigmoid(tmp_path, code).status == "pass"


def test_data_that_another_package_reads_is_named(tmp_path: Path) -> None:
    """An array cannot be made of it, so that the definitions are run alone."""
    file = tmp_path / "homework.py"
    file.write_text(
        "import numpy as np\nimport pandas as pd\ndata = np.array(pd.read_csv('train.csv'))\n"
        "def relu(x):\n    return x * (x > 0)\n"
    )
    assert "the file uses pandas.read_csv; only its imports" in check_file(file).notes[0]


def test_a_star_import_of_what_is_not_there_brings_nothing(tmp_path: Path) -> None:
    """As in the homework of CMU 10-714, whose extension in C++ is built later."""
    (tmp_path / "mine.py").write_text(
        "try:\n    from simple_ml_ext import *\nexcept ImportError:\n    pass\n"
        "def relu(x):\n    return x * (x > 0)\n"
    )
    written = {one.name for one in check_file(tmp_path / "mine.py").results if one.written}
    assert written == {"relu"}
