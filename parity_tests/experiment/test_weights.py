"""Weight files: the same for NumPy and PyTorch, bit for bit; files that do not fit are refused."""

import warnings
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

import numpy as np
import pytest
import safetensors.numpy
import safetensors.torch
import torch
from hypothesis import given
from hypothesis import strategies as st

from parity.backends import NumpyBackend, RecipeBackend, State, TorchBackend
from parity.errors import InputError
from parity.experiment import tensorfile, weights
from parity.recipes import RECIPES

MODELS = ("tutorial", "feedforward", "cnn-adam")
DTYPES = ("float32", "float64")
BACKENDS: dict[str, Any] = {"numpy": NumpyBackend, "torch": TorchBackend}


def make(impl: str, recipe: str, dtype: str, seed: int) -> RecipeBackend:
    backend: RecipeBackend = BACKENDS[impl](RECIPES[recipe], dtype, seed)
    return backend


def bits(state: dict[str, np.ndarray]) -> dict[str, tuple[Any, tuple[int, ...], bytes]]:
    """What two equal files have in common: dtype, shape and every bit (-0.0 is not 0.0)."""
    return {name: (array.dtype, array.shape, array.tobytes()) for name, array in state.items()}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("recipe", MODELS)
@pytest.mark.parametrize(("writer", "reader"), [("numpy", "torch"), ("torch", "numpy")])
def test_what_one_backend_saved_the_other_loads_bit_for_bit(
    tmp_path: Path, writer: str, reader: str, recipe: str, dtype: str
) -> None:
    saved, loaded = make(writer, recipe, dtype, 1), make(reader, recipe, dtype, 2)
    assert bits(saved.weights()) != bits(loaded.weights())
    path = tmp_path / "a.safetensors"
    weights.save(path, saved.weights())
    loaded.load(weights.load(path, loaded.weights()))
    assert bits(loaded.weights()) == bits(saved.weights())


@pytest.mark.parametrize("dtype", DTYPES)
def test_pytorch_alone_reads_what_was_saved(tmp_path: Path, dtype: str) -> None:
    """A user needs nothing of this project: safetensors and load_state_dict take the file."""
    numpy, torch_backend = (
        make(impl, "cnn-adam", dtype, seed) for seed, impl in enumerate(BACKENDS)
    )
    weights.save(tmp_path / "a.safetensors", numpy.weights())
    torch_backend.model.load_state_dict(safetensors.torch.load_file(tmp_path / "a.safetensors"))
    assert bits(torch_backend.weights()) == bits(numpy.weights())


@pytest.mark.parametrize("dtype", DTYPES)
def test_what_pytorch_alone_wrote_is_read(tmp_path: Path, dtype: str) -> None:
    backend = make("torch", "feedforward", dtype, 1)
    torch.save(backend.model.state_dict(), tmp_path / "a.pt")
    torch.save(backend.model.state_dict(), tmp_path / "b.pth", _use_new_zipfile_serialization=False)
    safetensors.torch.save_file(backend.model.state_dict(), tmp_path / "c.safetensors")
    like = make("numpy", "feedforward", dtype, 2).weights()
    for path in sorted(tmp_path.iterdir()):
        assert bits(weights.load(path, like)) == bits(backend.weights()), path.name


@given(
    shape=st.lists(st.integers(1, 5), min_size=1, max_size=4),
    axes=st.randoms(use_true_random=False),
    step=st.integers(1, 2),
    seed=st.integers(0, 2**32 - 1),
    dtype=st.sampled_from(DTYPES),
)
def test_arrays_of_any_strides_keep_their_values(
    tmp_path_factory: Any, shape: list[int], axes: Any, step: int, seed: int, dtype: str
) -> None:
    """safetensors 0.8 writes the memory of a transposed view in the wrong order, without a word."""
    order = axes.sample(range(len(shape)), len(shape))
    array = np.random.default_rng(seed).standard_normal(shape).astype(dtype)
    view = array.transpose(order)[..., ::step]
    path = tmp_path_factory.mktemp("weights") / "a.safetensors"
    weights.save(path, {"w": view})
    np.testing.assert_array_equal(safetensors.numpy.load_file(path)["w"], view, strict=True)


def test_a_loaded_array_owns_its_memory(tmp_path: Path) -> None:
    backend = make("torch", "tutorial", "float32", 1)
    path = tmp_path / "a.safetensors"
    weights.save(path, backend.weights())
    loaded = weights.load(path, backend.weights())
    assert all(array.flags.writeable and array.flags.owndata for array in loaded.values())


def spoilt(fault: str) -> dict[str, np.ndarray]:
    """The weights of `feedforward` with one fault."""
    state = {
        name: a.copy() for name, a in make("numpy", "feedforward", "float32", 1).weights().items()
    }
    if fault == "missing":
        del state["fc1.bias"]
    elif fault == "extra":
        state["fc3.weight"] = np.ones(3, np.float32)
    elif fault == "transposed":
        state["fc1.weight"] = np.ascontiguousarray(state["fc1.weight"].T)
    elif fault == "float64":
        state["fc2.bias"] = state["fc2.bias"].astype(np.float64)
    elif fault == "int32":
        state["fc2.bias"] = state["fc2.bias"].astype(np.int32)
    elif fault == "nan":
        state["fc2.weight"][3, 4] = np.nan
    return state


FAULTS = {
    "missing": "fc1.bias is missing",
    "extra": "fc3.weight is unexpected",
    "transposed": "fc1.weight has shape (784, 100), expected (100, 784)",
    "float64": "fc2.bias is float64, expected float32",
    "int32": "fc2.bias is int32, expected float32",
    "nan": "fc2.weight has values that are not finite",
}


@pytest.mark.parametrize("suffix", [".safetensors", ".pt"])
@pytest.mark.parametrize(("fault", "message"), FAULTS.items())
def test_a_file_that_does_not_fit_is_refused_by_name(
    tmp_path: Path, fault: str, message: str, suffix: str
) -> None:
    path, state = tmp_path / f"a{suffix}", spoilt(fault)
    if suffix == ".pt":
        torch.save({name: torch.from_numpy(array) for name, array in state.items()}, path)
    else:
        weights.save(path, state)
    with pytest.raises(InputError) as refusal:
        weights.load(path, make("numpy", "feedforward", "float32", 2).weights())
    assert str(refusal.value) == f"load: {path} does not fit the model: {message}"


def test_all_errors_are_named_at_once(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    weights.save(path, make("numpy", "tutorial", "float32", 1).weights())
    with pytest.raises(InputError) as refusal:
        weights.load(path, make("numpy", "feedforward", "float32", 2).weights())
    for name in ("fc1.weight", "fc1.bias", "fc2.weight", "fc2.bias"):
        assert f"{name} is missing" in str(refusal.value)
    for name in ("fc.weight", "fc.bias"):
        assert f"{name} is unexpected" in str(refusal.value)


@pytest.mark.parametrize("content", [b"", b"abc", b"\xff" * 200, b"PK\x03\x04" + b"a" * 50])
@pytest.mark.parametrize("suffix", [".safetensors", ".pt"])
def test_another_kind_of_file_is_refused(tmp_path: Path, content: bytes, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    path.write_bytes(content)
    with pytest.raises(InputError, match="is damaged or no"):
        weights.load(path, make("numpy", "tutorial", "float32", 1).weights())


@pytest.mark.parametrize("suffix", [".safetensors", ".pt"])
@pytest.mark.parametrize("share", [0.01, 0.3, 0.999])
def test_a_truncated_file_is_refused(tmp_path: Path, suffix: str, share: float) -> None:
    backend, path = make("torch", "tutorial", "float32", 1), tmp_path / f"a{suffix}"
    if suffix == ".pt":
        torch.save(backend.model.state_dict(), path)
    else:
        weights.save(path, backend.weights())
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(InputError, match="is damaged"):
        weights.load(path, backend.weights())


def test_a_pickle_of_code_is_not_run(tmp_path: Path) -> None:
    """weights_only=True: a pickled module is code, and is refused unread."""
    torch.save(make("torch", "tutorial", "float32", 1).model, tmp_path / "a.pt")
    with pytest.raises(InputError, match="is damaged or no state_dict"):
        weights.load(tmp_path / "a.pt", make("numpy", "tutorial", "float32", 1).weights())


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (torch.ones(3), "holds a Tensor, expected a state_dict"),
        ({3: torch.ones(3)}, "holds a dict, expected a state_dict"),
        (OrderedDict(model={"fc.weight": torch.ones(3)}), "fc.weight is missing"),
        ({"fc.weight": 1.0, "fc.bias": 2.0}, "fc.weight is a float, expected a tensor"),
    ],
)
def test_a_pt_file_that_holds_something_else_is_refused(
    tmp_path: Path, content: Any, message: str
) -> None:
    torch.save(content, tmp_path / "a.pt")
    with pytest.raises(InputError) as refusal:
        weights.load(tmp_path / "a.pt", make("numpy", "tutorial", "float32", 1).weights())
    assert message in str(refusal.value)


def test_a_folder_and_a_file_that_is_not_there_are_refused(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none.safetensors"):
        with pytest.raises(InputError, match=r"expected a file that is there|it is no file"):
            weights.load(path, {})


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("a.pt", "expected a name that ends in .safetensors"),
        ("none/a.safetensors", "expected a file in a folder that is there"),
        ("folder.safetensors", "it is a folder, expected a file"),
    ],
)
def test_a_file_that_cannot_be_written_is_refused(tmp_path: Path, name: str, message: str) -> None:
    (tmp_path / "folder.safetensors").mkdir()
    with pytest.raises(InputError) as refusal:
        weights.check_writable(tmp_path / name)
    assert message in str(refusal.value)


# --- damage --------------------------------------------------------------------------------------


@given(st.data())
def test_no_flipped_bit_of_a_weight_file_passes(data: st.DataObject) -> None:
    arrays: State = {"fc.weight": np.ones((2, 3), np.float32), "fc.bias": np.arange(2.0)}
    content = bytearray(tensorfile.pack(arrays, {"note": "any"}))
    position = data.draw(st.integers(0, 8 * len(content) - 1))
    content[position // 8] ^= 1 << position % 8
    with pytest.raises(tensorfile.DamagedError):
        tensorfile.unpack(bytes(content))


def test_every_bit_of_a_pt_file_that_pytorch_wrote_counts(tmp_path: Path) -> None:
    """PyTorch reads its archives without a look at their checksums."""
    path, like = tmp_path / "a.pt", {"w": np.zeros(64, np.float32)}
    torch.save({"w": torch.arange(64.0)}, path)
    content = bytearray(path.read_bytes())
    content[content.index(np.float32(63).tobytes())] ^= 1
    path.write_bytes(content)
    with pytest.raises(InputError, match="is damaged: its checksum does not match"):
        weights.load(path, like)


# Built when called: PyTorch warns of its nested tensors.
ODD: dict[str, Callable[[], torch.Tensor]] = {
    "meta": lambda: torch.ones(4, device="meta"),
    "sparse": lambda: torch.ones(4).to_sparse(),
    "nested": lambda: torch.nested.nested_tensor([torch.ones(1), torch.ones(3)]),
    "quantized": lambda: torch.quantize_per_tensor(torch.ones(4), 0.1, 0, torch.quint8),
}


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("kind", ODD)
def test_a_tensor_that_is_not_dense_is_refused(tmp_path: Path, kind: str) -> None:
    torch.save({"w": ODD[kind]()}, tmp_path / "a.pt")
    warnings.simplefilter("error")  # a warning of PyTorch's would be a second line
    with pytest.raises(InputError, match=r"load: .*a\.pt .*(expected a dense one|no state_dict)"):
        weights.load(tmp_path / "a.pt", {"w": np.ones(4, np.float32)})


@pytest.mark.parametrize(("dtype", "value"), [("float32", 3e38), ("float64", 1e300)])
def test_weights_whose_products_overflow_are_refused(
    tmp_path: Path, dtype: str, value: float
) -> None:
    path, like = tmp_path / "a.safetensors", {"w": np.zeros(3, dtype)}
    weights.save(path, {"w": np.array([0, -value, 1], dtype)})
    with pytest.raises(InputError, match=r"w has values up to .*, whose products are not finite"):
        weights.load(path, like)
    weights.save(path, {"w": np.array([0, -(value**0.4), 1], dtype)})
    assert weights.load(path, like)["w"][1] < 0


@pytest.mark.parametrize("suffix", [".safetensors", ".pt"])
def test_a_file_far_larger_than_the_model_is_not_read(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    with open(path, "wb") as file:
        file.truncate(40 << 30)
    with pytest.raises(InputError, match="has 42,949,672,960 bytes, expected at most"):
        weights.load(path, {"w": np.zeros(3, np.float32)})


def test_an_archive_that_unpacks_to_far_more_is_not_unpacked(tmp_path: Path) -> None:
    with ZipFile(tmp_path / "a.pt", "w", ZIP_DEFLATED) as archive:
        archive.writestr("a/data/0", bytes(200 << 20))
    with pytest.raises(InputError, match="unpacks to more than"):
        weights.load(tmp_path / "a.pt", {"w": np.zeros(3, np.float32)})


def header(text: str, data: bytes = b"") -> bytes:
    return len(text).to_bytes(8, "little") + text.encode() + data


@pytest.mark.parametrize(
    "content",
    [
        (2**63).to_bytes(8, "little") + b"{}",
        header(
            '{"w":{"dtype":"F32","shape":[4611686018427387904],"data_offsets":[0,8]}}', b"8 bytes."
        ),
        header('{"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8000]}}', b"8 bytes."),
        header('{"w":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}}', b"8 bytes."),
        header('{"__metadata__":3}'),
        header("[" * 100_000),
    ],
    ids=["length", "shape", "offsets", "negative", "metadata", "depth"],
)
def test_a_header_that_lies_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.safetensors").write_bytes(content)
    with pytest.raises(InputError, match="is damaged or no safetensors file"):
        weights.load(tmp_path / "a.safetensors", {"w": np.zeros(2, np.float32)})
