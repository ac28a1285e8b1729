"""The use of a trained model: --save, --load, `parity predict` and `parity mistakes`."""

import json
import os
import shutil
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy import ndarray
from PIL import Image, ImageDraw
from rich.console import Console

from numpy_impl import functional as F
from parity import datasets
from parity.cli import main
from parity.errors import InputError
from parity.experiment.prepare import prepare
from parity.experiment.settings import Settings
from parity.predict.answers import Answers, agrees
from parity.predict.image_file import read_image
from parity.predict.misclassified import confusion_matrix, find
from parity_tests import type_checks
from torch_impl.models import FeedForward

Run = Callable[..., tuple[int, str, str]]

GOOD = ("--epochs", "15", "--batch-size", "16", "--lr", "0.5")


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: Any) -> Run:
    """Run `parity` in an empty folder: exit code, standard output, standard error."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PARITY_DATA_ROOT", raising=False)

    def run(*arguments: str) -> tuple[int, str, str]:
        code = main(arguments)
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A feed-forward net in a file, trained in PyTorch."""
    path = tmp_path_factory.mktemp("trained") / "m.safetensors"
    with type_checks.off():
        assert main(("train", "feedforward", "--impl", "torch", *GOOD, "--save", str(path))) == 0
    return path


@pytest.fixture
def model(run: Run, trained: Path) -> str:
    """The file in the folder of this test."""
    return Path(shutil.copy(trained, ".")).name


def size(path: Path) -> tuple[int, int]:
    with Image.open(path) as picture:
        return picture.size


def answer() -> Any:
    return json.loads(Path("answer.json").read_text())


@pytest.mark.usefixtures("blank_pictures")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_one_file_serves_both_backends_and_the_comparison(run: Run, dtype: str) -> None:
    quick = ("feedforward", "--dtype", dtype, "--epochs", "1")
    train = ("train", *quick, "--json", "answer.json")
    run(*train, "--impl", "torch", "--save", "a.safetensors")
    trained = answer()["loss"]
    for impl in ("numpy", "torch"):
        assert run(*train, "--impl", impl, "--load", "a.safetensors")[0] == 0
        before = answer()["checkpoints"][0]["loss"][impl]
        assert before == pytest.approx(trained, rel=1e-6), "training goes on where it ended"
    code, out, _ = run("compare", *quick, "--load", "a.safetensors", "--save", "b.safetensors")
    assert code == 0
    assert "weights: b.safetensors" in out
    assert Path("a.safetensors").read_bytes() != Path("b.safetensors").read_bytes()


def test_pytorch_alone_gives_the_answers_of_predict(run: Run, model: str) -> None:
    run("predict", "7", "--recipe", "feedforward", "--load", model, "--json", "answer.json")
    net = FeedForward(784, 100, 10)
    net.load_state_dict(safetensors.torch.load_file(model))
    image = torch.from_numpy(datasets.load("digits").test.images[7:8])
    expected = net(image).softmax(dim=1)[0].tolist()
    for backend in ("numpy", "torch"):
        assert answer()["probabilities"][backend] == pytest.approx(expected, rel=1e-5, abs=1e-9)
        assert answer()["prediction"][backend] == int(np.argmax(expected))


def test_predict_shows_the_image_and_both_answers(run: Run, model: str) -> None:
    code, out, err = run(
        "predict", "7", "--recipe", "feedforward", "--load", model, "--picture", "p.png"
    )
    label = int(datasets.load("digits").test.labels[7])
    assert (code, err) == (0, "")
    assert f"test image 7 of digits, feedforward: it is a {label}" in out
    assert f"NumPy says {label}, PyTorch says {label}; the probabilities agree" in out
    assert size(Path("p.png")) == (1200, 600)
    drawn = out.splitlines()[2:16]  # under the name of the file and the title
    image = datasets.load("digits").test.images[7].reshape(14, 2, 28) > 0.5
    for row, (upper, lower) in zip(drawn, image, strict=True):
        assert row == "".join(" ▄▀█"[2 * a + b] for a, b in zip(upper, lower, strict=True))


def test_without_a_file_the_recipe_is_trained_first(run: Run) -> None:
    command = ("predict", "0", "--recipe", "tutorial")
    code, out, _ = run(*command, "--epochs", "1", "--save", "w.safetensors", "--json", "first.json")
    assert code == 0
    assert "No --load, so tutorial was trained first: 1 epoch of digits" in out
    assert run(*command, "--load", "w.safetensors", "--json", "again.json")[0] == 0
    first, again = (json.loads(Path(f"{name}.json").read_text()) for name in ("first", "again"))
    assert first["probabilities"] == again["probabilities"]


@pytest.mark.usefixtures("blank_pictures")
@pytest.mark.parametrize(
    "command", [("predict", "7", "--recipe", "feedforward"), ("mistakes", "feedforward")]
)
def test_backends_that_disagree_exit_with_1(
    run: Run, model: str, monkeypatch: Any, command: tuple[str, ...]
) -> None:
    exact = F.sigmoid
    monkeypatch.setattr(F, "sigmoid", lambda x: exact(x) * np.float32(1.0001))
    code, out, _ = run(*command, "--load", model, "--json", "answer.json")
    assert code == 1
    assert "the probabilities do not agree" in out
    assert answer()["parity"] is False


def test_mistakes_counts_what_predict_says(run: Run, model: str) -> None:
    code, out, err = run("mistakes", "feedforward", "--load", model, "--json", "answer.json")
    assert (code, err) == (0, "")
    found, split = answer(), datasets.load("digits").test
    net = FeedForward(784, 100, 10)
    net.load_state_dict(safetensors.torch.load_file(model))
    answers = net(torch.from_numpy(split.images)).argmax(dim=1).numpy()
    wrong = np.flatnonzero(answers != split.labels)
    assert len(wrong) > 5, "bad case: too few mistakes to see anything"
    assert sorted(mistake["index"] for mistake in found["mistakes"]) == wrong.tolist()
    for mistake in found["mistakes"]:
        assert mistake["label"] == split.labels[mistake["index"]]
        assert mistake["prediction"]["torch"] == answers[mistake["index"]]
    surest = [mistake["confidence"]["numpy"] for mistake in found["mistakes"]]
    assert surest == sorted(surest, reverse=True)
    assert np.sum(found["confusion"]["numpy"]) == len(split)
    assert f"Wrong on {len(wrong)} (NumPy) and {len(wrong)} (PyTorch) of 382 test images" in out
    for line in out.splitlines():
        if line.startswith("picture: "):
            assert min(size(Path(line.removeprefix("picture: ")))) > 700


def test_both_backends_mistakes_are_listed() -> None:
    """An image that only one backend gets wrong is a mistake, too, and counts as disagreement."""
    numpy, theirs = np.eye(3)[[0, 1, 2, 0]], np.eye(3)[[0, 2, 2, 0]]
    answers = Answers({"numpy": numpy, "torch": theirs}, False, 1.0)
    found = find(answers, np.array([0, 1, 2, 1]))
    assert found.wrong.tolist() == [1, 3]
    assert found.accuracy == {"numpy": 0.75, "torch": 0.5}
    assert found.prediction_agreement == 0.75
    assert found.confusion["torch"].tolist() == [[1, 0, 0], [1, 0, 1], [0, 0, 1]]


@given(seed=st.integers(0, 2**32 - 1), n=st.integers(1, 40), c=st.integers(1, 7))
def test_the_confusion_matrix_counts_every_image_once(seed: int, n: int, c: int) -> None:
    rng = np.random.default_rng(seed)
    labels, answers = rng.integers(0, c, n), rng.integers(0, c, n)
    counts = confusion_matrix(labels, answers, c)
    for i, j in np.ndindex(c, c):
        assert counts[i, j] == sum((labels == i) & (answers == j))


def picture(path: Path, mode: str = "L", size: tuple[int, int] = (28, 28)) -> ndarray:
    """Write noise to `path`; returns its grey pixels."""
    noise = np.random.default_rng(0).integers(0, 256, (size[1], size[0]), dtype=np.uint8)
    Image.fromarray(noise).convert(mode).save(path)
    return noise


def test_a_picture_that_is_closed_is_not_called_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def closed(*_: Any, **options: Any) -> Any:  # to everybody but root, as whom the tests may run
        raise PermissionError(13, "Permission denied")

    picture(tmp_path / "a.png")
    monkeypatch.setattr("io.open", closed)
    monkeypatch.setattr("builtins.open", closed)
    with pytest.raises(InputError, match=r"^image: cannot read .*a\.png: Permission denied$"):
        read_image(tmp_path / "a.png")


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "LA"])
def test_a_picture_as_in_mnist_is_read_pixel_by_pixel(tmp_path: Path, mode: str) -> None:
    """Of 28x28 pixels, white on black."""
    pixels = np.pad(picture(tmp_path / "a.png", size=(20, 20)), 4)
    Image.fromarray(pixels).convert(mode).save(tmp_path / "a.png")
    image = read_image(tmp_path / "a.png").image
    np.testing.assert_array_equal(image, pixels.reshape(1, 784) / np.float32(255), strict=True)
    image = read_image(tmp_path / "a.png", denominator=256).image
    np.testing.assert_array_equal(image, pixels.reshape(1, 784) / np.float32(256))


def test_a_saved_image_of_the_data_gets_the_same_answer(run: Run, model: str) -> None:
    experiment = prepare("feedforward", Settings())
    for index in (3, 4):
        pixels = np.rint(experiment.splits["test"].images[index].reshape(28, 28) * 255)
        Image.fromarray(pixels.astype(np.uint8)).save("digit.png")
        both = []
        for image in (str(index), "digit.png"):
            assert (
                run(
                    "predict",
                    image,
                    "--recipe",
                    "feedforward",
                    "--load",
                    model,
                    "--json",
                    "answer.json",
                )[0]
                == 0
            )
            both.append(answer()["probabilities"]["numpy"])
        assert both[0] == pytest.approx(both[1], abs=0.02)  # the digits' 17 levels are rounded


def drawn(angle: float = 0.0) -> ndarray:
    """A 7 of black strokes on white, far from the middle of 300x200 pixels."""
    canvas = Image.new("L", (300, 200), 255)
    pen = ImageDraw.Draw(canvas)
    pen.line([(30, 40), (90, 40), (50, 150)], fill=0, width=12)
    return np.asarray(canvas.rotate(angle, fillcolor=255))


def as_found(tmp_path: Path, image: Image.Image, data: str = "mnist") -> ndarray:
    image.save(tmp_path / "digit.png")
    return read_image(tmp_path / "digit.png", data=data).image.reshape(28, 28)


def test_a_drawn_digit_is_cut_out_inverted_scaled_and_centred(tmp_path: Path) -> None:
    image = as_found(tmp_path, Image.fromarray(drawn()))
    rows, columns = np.flatnonzero(image.any(1)), np.flatnonzero(image.any(0))
    assert rows[-1] - rows[0] + 1 == 20  # as in MNIST
    assert len(columns) < len(rows)
    centre = [(axis * image).sum() / image.sum() for axis in np.indices(image.shape)]
    np.testing.assert_allclose(centre, 13.5, atol=0.8)
    assert image.max() == 1
    assert image[rows[1], columns[2]] > 0.5, "the bar of the 7 is at the top left"
    assert image[rows[-2], columns[0]] == 0


LOOKS: dict[str, Callable[[ndarray], Image.Image]] = {
    "white on black": lambda grey: Image.fromarray(255 - grey),
    "in color": lambda grey: Image.fromarray(
        np.stack([grey, grey, np.full_like(grey, 255)], axis=-1)
    ),
    "on nothing": lambda grey: Image.merge(
        "LA", [Image.fromarray(np.zeros_like(grey)), Image.fromarray(255 - grey)]
    ),
    "white on nothing": lambda grey: Image.merge(
        "LA", [Image.fromarray(np.full_like(grey, 255)), Image.fromarray(255 - grey)]
    ),
    "in a shadow": lambda grey: Image.fromarray(
        np.uint8(grey * np.linspace(0.4, 1, grey.shape[1]))
    ),
    "in noise": lambda grey: Image.fromarray(
        np.uint8(np.clip(grey * 0.8 + np.random.default_rng(0).normal(20, 5, grey.shape), 0, 255))
    ),
}


@pytest.mark.parametrize("look", LOOKS)
def test_the_same_digit_is_found_however_it_looks(tmp_path: Path, look: str) -> None:
    plain = as_found(tmp_path, Image.fromarray(drawn()))
    found = as_found(tmp_path, LOOKS[look](drawn()))
    cosine = (plain * found).sum() / np.sqrt((plain**2).sum() * (found**2).sum())
    assert cosine > 0.95


def test_a_digit_is_made_as_coarse_as_the_digits(tmp_path: Path) -> None:
    image = as_found(tmp_path, Image.fromarray(drawn()), data="digits")
    cells = image[2:26, 2:26].reshape(8, 3, 8, 3)
    np.testing.assert_array_equal(cells, cells[:, :1, :, :1].repeat(3, 1).repeat(3, 3))
    assert image[2:26].any(1).all(), "it fills the height"


def test_predict_says_what_it_made_of_a_picture(run: Run, model: str) -> None:
    Image.fromarray(drawn()).save("seven.png")
    predict = ("--recipe", "feedforward", "--load", model)
    code, out, _ = run("predict", "seven.png", *predict)
    assert code == 0
    assert "dark on light, inverted; found 17-77% down and 10-33% across; cut out" in out
    assert "NumPy says 7, PyTorch says 7" in out
    assert "warning" not in out


def test_predict_warns_of_what_is_no_digit(run: Run, model: str) -> None:
    picture(Path("noise.png"), size=(90, 90))
    code, out, _ = run("predict", "noise.png", "--recipe", "feedforward", "--load", model)
    assert code == 0
    assert "warning: it looks like nothing that feedforward was trained on" in out
    assert "warning" not in run("predict", "3", "--recipe", "feedforward", "--load", model)[1]


@pytest.mark.parametrize("colors", ["standard", "256", "truecolor"])
@pytest.mark.parametrize("no_color", [True, False])
def test_the_image_is_legible_without_color(
    run: Run, model: str, monkeypatch: pytest.MonkeyPatch, colors: str, no_color: bool
) -> None:
    """Half blocks in levels of grey are all alike where no color is shown."""
    monkeypatch.setattr("parity.system.console.console.no_color", no_color)
    monkeypatch.setattr(Console, "color_system", colors)
    out = run("predict", "7", "--recipe", "feedforward", "--load", model)[1]
    in_ink = no_color or colors == "standard"
    assert ("█" in "".join(out.splitlines()[2:16])) == in_ink


BAD = [
    (("predict", "382", "--recipe", "feedforward"), "image is 382, expected an index of 0..381"),
    (
        ("predict", "none.png", "--recipe", "feedforward"),
        "image: got none.png, expected an index or a picture file",
    ),
    (("predict", "deep.png", "--recipe", "feedforward"), "image: deep.png has pixels of mode I;16"),
    (
        ("predict", "clear.png", "--recipe", "feedforward"),
        "image: clear.png is all transparent, expected a digit",
    ),
    (
        ("predict", "blank.png", "--recipe", "feedforward"),
        "image: blank.png is of one color, expected a digit",
    ),
    (
        ("predict", "vast.png", "--recipe", "feedforward"),
        "image: vast.png is 8000x8000 pixels, too large to decode: expected at most 16 million",
    ),
    (
        ("predict", "cut.png", "--recipe", "feedforward"),
        "image: cut.png is damaged or no PNG or JPEG picture",
    ),
    (
        ("predict", "a.gif", "--recipe", "feedforward"),
        "image: a.gif is damaged or no PNG or JPEG picture",
    ),
    (
        ("predict", "3", "--recipe", "feedforward", "--picture", "a.jpg"),
        "picture: got a.jpg, expected a name that ends in",
    ),
    (("predict", "3", "--recipe", "nope"), "recipe is 'nope', expected one of"),
    (
        ("predict", "3", "--recipe", "feedforward", "--load", "m.safetensors", "--lr", "1"),
        "lr is 1.0, but a model that is",
    ),
    (
        ("predict", "3", "--recipe", "feedforward", "--load", "none.pt"),
        "load: got none.pt, expected a file that is there",
    ),
    (("mistakes", "tutorial", "--load", "m.safetensors"), "load: m.safetensors does not fit"),
    (
        ("mistakes", "feedforward", "--load", "m.safetensors", "--dtype", "float64"),
        "load: m.safetensors does not fit the model: fc1.weight is float32, expected float64",
    ),
    (
        ("compare", "feedforward", "--load", "m.safetensors", "--init", "xavier"),
        "init is 'xavier', but the initial weights are loaded",
    ),
    (("train", "tutorial", "--impl", "numpy", "--save", "a.pt"), "save: got a.pt, expected a name"),
    (("compare", "tutorial", "--save", "no/a.safetensors"), "save: cannot write no/a.safetensors"),
]


@pytest.mark.parametrize(("arguments", "message"), BAD)
def test_bad_input_gets_one_line_and_exit_code_2(
    run: Run, model: str, arguments: tuple[str, ...], message: str
) -> None:
    Image.new("1", (8000, 8000)).save("vast.png")
    Image.new("L", (30, 30), 200).save("blank.png")
    picture(Path("a.gif"))
    Image.fromarray(np.zeros((28, 28), np.uint16)).save("deep.png")
    Image.new("RGBA", (28, 28)).save("clear.png")
    picture(Path("whole.png"))
    Path("cut.png").write_bytes(Path("whole.png").read_bytes()[:200])
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert err.startswith(f"parity: error: {message}")
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_answers_of_zero_throughout_agree(dtype: str) -> None:
    """All-zero weights have logits without a scale."""
    zeros = np.zeros((3, 10), dtype)
    assert agrees(zeros, zeros, zeros.astype(np.float64))
    assert not agrees(zeros + np.float32(1e-30), zeros, zeros.astype(np.float64))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("large.png", "is 13000x13000 pixels, too large to decode: expected at most 16 million"),
        ("bomb.png", "is too large to decode: expected at most 16 million pixels"),
        ("sparse.png", "has 42,949,672,960 bytes, expected at most 67,108,864"),
        ("pipe.png", "expected an index or a picture file that is there"),
        ("zero.png", "expected an index or a picture file that is there"),
        ("circle.png", "expected an index or a picture file that is there"),
    ],
)
def test_a_picture_that_is_too_large_or_no_file_is_refused_unread(
    run: Run, model: str, name: str, message: str
) -> None:
    Image.new("1", (13000, 13000)).save("large.png")
    large = bytearray(Path("large.png").read_bytes())
    large[16:24] = 2 * (40_000).to_bytes(4, "big")  # a header that lies
    large[29:33] = zlib.crc32(large[12:29]).to_bytes(4, "big")
    Path("bomb.png").write_bytes(large)
    with open("sparse.png", "wb") as file:
        file.truncate(40 << 30)
    os.mkfifo("pipe.png")
    Path("zero.png").symlink_to("/dev/zero")
    Path("circle.png").symlink_to("circle.png")
    code, out, error = run("predict", name, "--recipe", "feedforward", "--load", model)
    assert (code, out, len(error.splitlines())) == (2, "", 1)
    assert message in error


def test_a_large_jpeg_is_decoded_at_an_eighth_of_its_size_or_not_at_all(tmp_path: Path) -> None:
    large = Image.new("L", (6000, 6000), 255)
    large.paste(0, (2800, 1500, 3200, 4500))
    large.save(tmp_path / "plain.jpg")
    large.save(tmp_path / "progressive.jpg", progressive=True)
    assert "found 25-75% down" in read_image(tmp_path / "plain.jpg").done
    with pytest.raises(InputError, match="is 6000x6000 pixels, too large to decode"):
        read_image(tmp_path / "progressive.jpg")


PEAK = """
import sys
from pathlib import Path
from parity.predict.image_file import read_image

def peak():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))

before = peak()
print(read_image(Path("large.png")).done)
print(peak() - before, file=sys.stderr)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="/proc tells how much memory it took")
def test_a_large_transparent_picture_is_read_with_one_copy_of_its_pixels(tmp_path: Path) -> None:
    large = Image.new("RGBA", (4096, 4096))
    large.paste((0, 0, 0, 255), (1900, 1024, 2200, 3072))
    turned = Image.Exif()
    turned[0x0112] = 6  # the right side is up
    large.save(tmp_path / "large.png", compress_level=1, exif=turned)
    command = [sys.executable, "-c", PEAK]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "found 46-54% down and 25-75% across" in done.stdout
    assert int(done.stderr) < 96 << 10, "KiB, of which the pixels are 64 Mi"
