"""MNIST and Fashion-MNIST from files that are complete, damaged, missing or downloaded."""

import gc
import gzip
import hashlib
import importlib
import os
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from itertools import product
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from parity import datasets
from parity.backends import make_backend
from parity.datasets import mnist, torchvision_import
from parity.datasets.dataset import scale
from parity.experiment.prepare import prepare
from parity.experiment.settings import Settings
from parity.recipes import RECIPES

FILES = [
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
]


def idx(values: np.ndarray) -> bytes:
    """Write an array of bytes in IDX format."""
    dims = np.array(values.shape, ">u4").tobytes()
    return bytes([0, 0, 8, values.ndim]) + dims + values.astype(np.uint8).tobytes()


def write_files(raw: Path) -> None:
    """Write a tiny data set: 12 training and 11 test images, every class there."""
    raw.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for part, count in (("train", 12), ("t10k", 11)):
        (raw / f"{part}-images-idx3-ubyte").write_bytes(
            idx(rng.integers(256, size=(count, 28, 28)))
        )
        (raw / f"{part}-labels-idx1-ubyte").write_bytes(idx(np.arange(count) % 10))


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    folder = tmp_path / "FashionMNIST" / "raw"
    write_files(folder)
    return folder


def load_error(root: Path, name: str = "fashion-mnist", download: bool = False) -> str:
    with pytest.raises(datasets.DataError) as caught:
        datasets.load(name, root, download)
    message = str(caught.value)
    assert "\n" not in message
    return message


# --- whole files -------------------------------------------------------------------------------


def test_files_are_read_and_scaled(raw: Path, tmp_path: Path) -> None:
    loaded = datasets.load("fashion-mnist", tmp_path)
    assert (loaded.name, loaded.num_classes) == ("fashion-mnist", 10)
    for split, count in ((loaded.train, 12), (loaded.test, 11)):
        assert split.images.shape == (count, 784)
        assert split.images.dtype == np.float32
        assert split.images.flags.c_contiguous
        assert split.labels.dtype == np.int64
        assert split.labels.tolist() == [label % 10 for label in range(count)]
    pixels = np.frombuffer((raw / "t10k-images-idx3-ubyte").read_bytes(), np.uint8, offset=16)
    assert np.array_equal(loaded.test.images.ravel(), pixels.astype(np.float32) / np.float32(255))


def test_root_comes_from_the_environment(
    raw: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PARITY_DATA_ROOT", str(tmp_path))
    assert len(datasets.load("fashion-mnist").train) == 12
    monkeypatch.delenv("PARITY_DATA_ROOT")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "home"))
    with pytest.raises(
        datasets.DataError, match=r"home.\.cache.parity.FashionMNIST.raw: .* not there"
    ):
        datasets.load("fashion-mnist")


def test_an_old_processed_folder_is_not_read(raw: Path, tmp_path: Path) -> None:
    # torchvision's MNIST class would load these instead of the files that were checked.
    (tmp_path / "FashionMNIST" / "processed").mkdir()
    for file in ("training.pt", "test.pt"):
        (tmp_path / "FashionMNIST" / "processed" / file).write_bytes(b"anything")
    assert len(datasets.load("fashion-mnist", tmp_path).train) == 12


def test_scaling_is_torchvision_s_to_the_bit() -> None:
    to_tensor = torchvision_import.import_torchvision().transforms.ToTensor()
    pixels = np.arange(256, dtype=np.uint8).reshape(1, 16, 16)
    assert scale(pixels[0]).tobytes() == to_tensor(pixels[0][..., None]).numpy().tobytes()


@pytest.mark.mnist
def test_the_real_mnist(mnist_root: Path) -> None:
    mnist = datasets.load("mnist", mnist_root)
    assert mnist.train.images.shape == (60000, 784)
    assert mnist.test.images.shape == (10000, 784)
    assert mnist.train.images.flags.c_contiguous
    assert mnist.train.labels[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    assert mnist.test.labels[:10].tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]
    # The mean pixel, published with every PyTorch example as 0.1307.
    assert mnist.train.images.mean(dtype=np.float64) == pytest.approx(0.1307, abs=5e-5)


@pytest.mark.mnist
def test_the_real_mnist_is_described(mnist_root: Path) -> None:
    found = datasets.describe("mnist", mnist_root)
    assert found.available
    assert found.train is not None
    assert found.train.per_class == (5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949)
    assert (found.train.examples, found.train.smallest, found.train.largest) == (60000, 0, 1)


@pytest.mark.parametrize("recipe", RECIPES)
def test_bytes_and_a_memory_map_train_on_the_same_bits(
    raw: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, recipe: str
) -> None:
    """As images that are kept as floating point numbers."""
    loaded = datasets.load("fashion-mnist", tmp_path)
    monkeypatch.setattr(mnist, "MAPPED", 100)
    mapped = datasets.load("fashion-mnist", tmp_path)
    train, test = (datasets.Split(one.images, one.labels) for one in (loaded.train, loaded.test))
    floats = datasets.Dataset(train, test, "fashion-mnist")
    assert loaded.train.pixels.dtype == np.uint8
    assert isinstance(mapped.train.pixels.base, np.memmap)
    assert floats.train.pixels.dtype == np.float32
    settings = Settings(data="fashion-mnist", batch_size=4)
    runs = [prepare(recipe, settings, dataset) for dataset in (floats, loaded, mapped)]
    for dtype in ("float32", "float64"):
        for split in runs[0].splits:
            wanted, *others = (run.arrays(split, dtype) for run in runs)
            for images, labels in others:
                assert images.dtype == dtype
                assert images.tobytes() == wanted[0].tobytes()
                assert labels.tobytes() == wanted[1].tobytes()
        for run, batch in product(runs, runs[0].batches()):
            whole, labels = run.arrays("training", dtype)
            images, targets = run.take(dtype, batch)
            assert images.dtype == dtype
            assert images.tobytes() == whole[batch].tobytes()
            assert targets.tobytes() == labels[batch].tobytes()


@pytest.mark.parametrize("impl", ["numpy", "torch"])
def test_an_evaluation_in_portions_has_the_bits_of_one_over_all(impl: str) -> None:
    experiment = prepare("feedforward", Settings())
    backend = make_backend(impl, experiment.recipe, "float32", 0, "cpu")
    arrays = experiment.arrays("training", "float32")
    images, labels = (np.concatenate([array] * 4)[:5500] for array in arrays)
    portions = [(images[:5000], labels[:5000]), (images[5000:], labels[5000:])]
    assert backend.evaluate(portions) == backend.training.evaluate(backend.model, images, labels)


# --- damaged files -----------------------------------------------------------------------------


def spoil(path: Path, how: str) -> None:
    content = path.read_bytes()
    count = int.from_bytes(content[4:8], "big")
    spoilt = {
        "truncated": content[:-1],
        "longer": content + b"\0",
        "empty": b"",
        "header only": content[:6],
        "compressed": gzip.compress(content),
        "other size": idx(np.zeros((count, 20, 30))),
        "no images": idx(np.zeros((0, 28, 28))),
        "fewer labels": idx(np.arange(count - 1) % 10),
        "label 10": content[:-1] + b"\x0a",
        "huge header": content[:4] + b"\xff" * 12 + content[16:],
    }
    path.write_bytes(spoilt[how])


@pytest.mark.parametrize(
    ("file", "how", "message"),
    [
        (FILES[0], "truncated", "truncated: got 9423 bytes, expected 9424 by its header"),
        (FILES[1], "truncated", "truncated: got 19 bytes, expected 20"),
        (FILES[2], "longer", "too long: got 8641 bytes, expected 8640"),
        (FILES[0], "empty", "got magic number 0x, expected 0x00000803"),
        (FILES[1], "header only", "got 6 bytes, expected a header of 8"),
        (FILES[2], "compressed", "got magic number 0x1f8b0"),
        (FILES[0], "huge header", "truncated: got 9424 bytes, expected 79228162"),
        (FILES[0], "other size", "got images of 20x30 pixels, expected 28x28"),
        (FILES[2], "no images", "got no image, expected at least one"),
        (FILES[1], "fewer labels", "got 11 labels, expected 12, one for each of train-images"),
        (FILES[3], "label 10", "got label 10 at position 10, expected 0 to 9"),
    ],
)
def test_a_damaged_file_is_named(
    raw: Path, tmp_path: Path, file: str, how: str, message: str
) -> None:
    spoil(raw / file, how)
    assert load_error(tmp_path).startswith(f"{raw / file}: {message}")


def test_labels_in_place_of_images(raw: Path, tmp_path: Path) -> None:
    (raw / FILES[0]).write_bytes((raw / FILES[1]).read_bytes())
    assert "got magic number 0x00000801, expected 0x00000803" in load_error(tmp_path)


def test_a_folder_in_place_of_a_file(raw: Path, tmp_path: Path) -> None:
    (raw / FILES[1]).unlink()
    (raw / FILES[1]).mkdir()
    assert load_error(tmp_path).startswith(f"{raw / FILES[1]}: cannot be read")


@pytest.mark.parametrize("kind", ["pipe", "device", "circle"])
def test_a_pipe_or_device_is_refused(raw: Path, tmp_path: Path, kind: str) -> None:
    path = raw / FILES[1]
    path.unlink()
    if kind == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to("/dev/zero" if kind == "device" else FILES[1])
    reason = "is not there" if kind == "circle" else "cannot be read (it is no file)"
    assert reason in load_error(tmp_path)


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_folder_with_one_image_is_too_few(tmp_path: Path, recipe: str) -> None:
    raw = tmp_path / "FashionMNIST" / "raw"
    raw.mkdir(parents=True)
    for part in ("train", "t10k"):
        (raw / f"{part}-images-idx3-ubyte").write_bytes(idx(np.zeros((1, 28, 28))))
        (raw / f"{part}-labels-idx1-ubyte").write_bytes(idx(np.zeros(1)))
    with pytest.raises(ValueError, match=r"too few|expected at most the 1 training images"):
        prepare(recipe, Settings(data="fashion-mnist", data_root=tmp_path))


def test_mnist_must_have_its_published_md5_sums(tmp_path: Path) -> None:
    raw = tmp_path / "MNIST" / "raw"
    write_files(raw)
    assert load_error(tmp_path, "mnist").startswith(f"{raw / FILES[0]}: got MD5 sum ")


# --- missing files and downloads ---------------------------------------------------------------


def test_missing_files_name_the_command(raw: Path, tmp_path: Path) -> None:
    (raw / FILES[3]).unlink()
    assert load_error(tmp_path) == (
        f"{raw}: fashion-mnist is not there (no {FILES[3]}); get it: "
        f"parity data --data fashion-mnist --data-root {tmp_path} --download"
    )


@pytest.mark.parametrize("name", datasets.NAMES)
def test_a_missing_root_is_refused(tmp_path: Path, name: str) -> None:
    message = load_error(tmp_path / "nowhere", name)
    assert message == f"data-root: got '{tmp_path / 'nowhere'}', expected a folder that is there"


def test_a_folder_without_read_permission_is_named(
    raw: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def closed(path: Path) -> bool:  # to everybody but root, as whom the tests may run
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "exists", closed)
    assert load_error(tmp_path) == f"{raw / FILES[0]}: cannot be read (Permission denied)"


def test_describe_lists_what_is_here(raw: Path, tmp_path: Path) -> None:
    found = datasets.describe("fashion-mnist", tmp_path)
    assert (found.available, found.location) == (True, str(raw))
    assert found.test is not None
    assert found.test.per_class == (2, 1, 1, 1, 1, 1, 1, 1, 1, 1)
    missing = datasets.describe("mnist", tmp_path)
    assert (missing.available, missing.train, missing.test) == (False, None, None)
    assert missing.problem is not None
    assert "--data mnist" in missing.problem
    assert datasets.describe("digits").location == "embedded"


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Serve a tiny Fashion-MNIST on this machine, where torchvision then looks for it."""
    served = tmp_path / "served"
    write_files(served)
    resources = []
    for file in FILES:
        content = gzip.compress((served / file).read_bytes())
        (served / f"{file}.gz").write_bytes(content)
        resources.append((f"{file}.gz", hashlib.md5(content).hexdigest()))

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None: ...

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(served)))
    thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    fashion = torchvision_import.import_torchvision().datasets.FashionMNIST
    monkeypatch.setattr(fashion, "mirrors", [f"http://127.0.0.1:{httpd.server_port}/"])
    monkeypatch.setattr(fashion, "resources", resources)
    yield served
    httpd.shutdown()
    thread.join()
    httpd.server_close()


def test_download_fetches_what_is_missing(server: Path, tmp_path: Path) -> None:
    root = tmp_path / "new" / "root"
    assert len(datasets.load("fashion-mnist", root, download=True).train) == 12
    raw = root / "FashionMNIST" / "raw"
    assert sorted(file.name for file in raw.iterdir()) == sorted(FILES)
    kept = (raw / FILES[0]).stat().st_mtime_ns
    (raw / FILES[3]).unlink()
    datasets.load("fashion-mnist", root, download=True)
    assert (raw / FILES[0]).stat().st_mtime_ns == kept


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
@pytest.mark.parametrize("fault", ["gone", "damaged"])
def test_a_failed_download_leaves_nothing(server: Path, tmp_path: Path, fault: str) -> None:
    last = server / f"{FILES[3]}.gz"  # the first three arrive
    last.unlink() if fault == "gone" else last.write_bytes(b"damaged")
    root = tmp_path / "new" / "root"
    message = load_error(root, download=True)
    gc.collect()  # torchvision leaves the 404 answer open: warn here, where it is expected
    assert message.startswith(f"{root / 'FashionMNIST' / 'raw'}: download of FashionMNIST failed: ")
    assert not (tmp_path / "new").exists()


def test_no_network_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fashion = torchvision_import.import_torchvision().datasets.FashionMNIST
    monkeypatch.setattr(fashion, "mirrors", ["http://127.0.0.1:9/"])  # nobody listens
    assert "download of FashionMNIST failed" in load_error(tmp_path, download=True)
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_downloaded_unless_asked_for(server: Path, tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    assert "is not there" in load_error(tmp_path / "root")
    assert list((tmp_path / "root").iterdir()) == []


# --- the mend of torchvision's import ----------------------------------------------------------


@pytest.mark.parametrize(
    ("message", "mended"),
    [("operator torchvision::nms does not exist", True), ("something else", False)],
)
def test_only_the_known_import_error_is_handled(
    monkeypatch: pytest.MonkeyPatch, message: str, mended: bool
) -> None:
    declared: list[bool] = []
    module = ModuleType("torchvision")

    def import_module(name: str) -> ModuleType:
        if not declared:
            raise RuntimeError(message)
        return module

    monkeypatch.setattr(importlib, "import_module", import_module)
    monkeypatch.setattr(
        torchvision_import, "_declare_missing_operators", lambda: declared.append(True)
    )
    torchvision_import.import_torchvision.cache_clear()
    try:
        if mended:
            assert torchvision_import.import_torchvision() is module
        else:
            with pytest.raises(RuntimeError, match="something else"):
                torchvision_import.import_torchvision()
    finally:
        torchvision_import.import_torchvision.cache_clear()
    assert declared == [True] * mended
