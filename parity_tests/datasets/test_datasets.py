"""Splits, batches and the embedded digits."""

import hashlib
import subprocess
import sys
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from parity import datasets
from parity.datasets.digits import enlarge


def make_split(n: int, width: int = 3) -> datasets.Split:
    """Examples that are all different, so that an index can be read off a row."""
    rows = np.arange(n, dtype=np.float32)[:, None] / np.float32(max(n, 1))
    return datasets.Split(rows.repeat(width, axis=1), np.arange(n) % 10)


# --- Split and Dataset -------------------------------------------------------------------------

IMAGES = np.full((4, 3), 0.5, np.float32)
LABELS = np.array([0, 1, 2, 9])


def replaced(value: float) -> np.ndarray:
    images = IMAGES.copy()
    images[2, 1] = value
    return images


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("images", "labels", "error", "message"),
    [
        ([[0.5]], LABELS, TypeError, "images: got list, expected a NumPy array"),
        (IMAGES.astype(np.int16), LABELS, TypeError, "images: got dtype int16, expected floating"),
        (IMAGES[0], LABELS, ValueError, r"images: got shape \(3,\), expected \(N, P\)"),
        (IMAGES[:0], LABELS[:0], ValueError, r"images: got shape \(0, 3\)"),
        (replaced(np.nan), LABELS, ValueError, r"images\[2, 1\] = nan, expected 0 to 1"),
        (replaced(np.inf), LABELS, ValueError, r"images\[2, 1\] = inf, expected 0 to 1"),
        (replaced(-0.25), LABELS, ValueError, r"images\[2, 1\] = -0.25, expected 0 to 1"),
        (replaced(255), LABELS, ValueError, r"images\[2, 1\] = 255.0, expected 0 to 1"),
        (IMAGES, [0, 1, 2, 9], TypeError, "labels: got list, expected a NumPy array"),
        (IMAGES, LABELS.astype(np.int32), TypeError, "labels: got dtype int32, expected int64"),
        (IMAGES, LABELS[:3], ValueError, r"labels: got shape \(3,\), expected \(4,\)"),
        (IMAGES, LABELS[:, None], ValueError, r"labels: got shape \(4, 1\), expected \(4,\)"),
        (IMAGES, LABELS - 1, ValueError, r"labels: got labels\[0\] = -1, expected 0 or more"),
    ],
)
def test_split_names_what_is_wrong(
    images: np.ndarray, labels: np.ndarray, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        datasets.Split(images, labels)


def test_the_shape_checks_are_on_in_tests() -> None:
    with pytest.raises(TypeError, match="Type-check error"):
        datasets.Split(IMAGES, LABELS[:3])


def test_split_is_indexed_by_slices_and_index_arrays() -> None:
    split = make_split(10)
    assert len(split) == 10
    assert np.shares_memory(split[2:5].images, split.images)
    assert split[-3:].labels.tolist() == [7, 8, 9]
    batch = split[np.array([7, 0, -1])]
    assert batch.labels.tolist() == [7, 0, 9]
    assert np.array_equal(batch.images, split.images[[7, 0, 9]])
    assert not np.shares_memory(batch.images, split.images)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("index", "error", "message"),
    [
        (slice(0, 11), ValueError, r"slice\(0, 11, None\), expected both ends within 10"),
        (slice(-11, None), ValueError, "expected both ends within 10"),
        (slice(5, 5), ValueError, "selects no example"),
        (np.array([3, 10]), ValueError, "got 10, expected -10 to 9"),
        (np.array([-11]), ValueError, "got -11, expected -10 to 9"),
        (np.array([], np.int64), ValueError, "selects no example"),
        (np.array([[1]]), ValueError, r"got shape \(1, 1\), expected \(B,\)"),
        (np.ones(10, bool), TypeError, "got an array of bool, expected a slice or an integer"),
        (3, TypeError, "got 3, expected a slice or an integer array"),
    ],
)
def test_split_refuses_a_bad_index(index: slice, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        make_split(10)[index]


def test_dataset_checks_labels_and_sizes() -> None:
    split = make_split(10)
    assert datasets.Dataset(split, split).num_classes == 10
    with pytest.raises(
        ValueError, match=r"train: got labels\[9\] = 9, expected labels from 0 to 8"
    ):
        datasets.Dataset(split, split[:3], num_classes=9)
    with pytest.raises(ValueError, match=r"test: got labels\[4\] = 4, expected .* 0 to 3"):
        datasets.Dataset(split[:3], split[:5], num_classes=4)
    with pytest.raises(ValueError, match="test: got images of 4 pixels, expected 3"):
        datasets.Dataset(split, make_split(5, width=4))


# --- concatenate and random_split --------------------------------------------------------------


def test_concatenate_joins_in_order() -> None:
    split = make_split(10)
    joined = datasets.concatenate(split[6:], split[:6])
    assert joined.labels.tolist() == [6, 7, 8, 9, 0, 1, 2, 3, 4, 5]
    assert np.array_equal(joined.images, np.roll(split.images, 4, axis=0))


def test_concatenate_refuses_images_of_another_size() -> None:
    split = make_split(4)
    double = datasets.Split(split.images.astype(np.float64), split.labels)
    with pytest.raises(ValueError, match="splits: got none"):
        datasets.concatenate()
    with pytest.raises(ValueError, match=r"splits\[1\]: got images of 5 pixels .* expected 3"):
        datasets.concatenate(split, make_split(4, width=5))
    with pytest.raises(ValueError, match=r"splits\[1\]: .* float64, expected 3 in float32"):
        datasets.concatenate(split, double)


@given(st.lists(st.integers(1, 20), min_size=1, max_size=5), st.integers(0, 2**32))
def test_random_split_uses_every_example_once(lengths: list[int], seed: int) -> None:
    whole = make_split(sum(lengths))
    parts = datasets.random_split(whole, lengths, seed)
    assert [len(part) for part in parts] == lengths
    dealt = datasets.concatenate(*parts)
    order = dealt.images[:, 0].argsort()  # disjoint and covering: sorted, it is the whole again
    assert np.array_equal(dealt.images[order], whole.images)
    assert np.array_equal(dealt.labels[order], whole.labels)
    again = datasets.concatenate(*datasets.random_split(whole, lengths, seed))
    assert np.array_equal(again.images, dealt.images)


def test_random_split_is_random() -> None:
    whole = make_split(50)
    first, other = (datasets.random_split(whole, [25, 25], seed)[0].images for seed in (0, 1))
    assert not np.array_equal(first, whole.images[:25])
    assert not np.array_equal(first, other)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("lengths", "seed", "error", "message"),
    [
        ([5, 4], 0, ValueError, r"lengths: got \[5, 4\], 9 in all, expected 10 in all"),
        ([10, 0], 0, ValueError, r"lengths\[1\]: got 0, expected an integer of at least 1"),
        ([0.5, 0.5], 0, TypeError, r"lengths\[0\]: got 0.5, expected an integer"),
        ([10], -1, ValueError, "seed: got -1, expected an integer of at least 0"),
    ],
)
def test_random_split_refuses_bad_arguments(
    lengths: list[int], seed: int, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        datasets.random_split(make_split(10), lengths, seed)


# --- batches -----------------------------------------------------------------------------------


@st.composite
def plans(draw: st.DrawFn) -> tuple[int, int, int, int, bool]:
    n = draw(st.integers(1, 60))
    return (
        n,
        draw(st.integers(1, n)),
        draw(st.integers(1, 4)),
        draw(st.integers(0, 2**64)),
        draw(st.booleans()),
    )


@given(plans())
def test_batches_visit_every_example_once_an_epoch(plan: tuple[int, int, int, int, bool]) -> None:
    n, batch_size, epochs, seed, drop_last = plan
    drawn = list(datasets.batches(n, batch_size, epochs, seed, drop_last))
    assert len(drawn) == datasets.num_batches(n, batch_size, epochs, drop_last)
    assert all(batch.dtype == np.int64 for batch in drawn)
    sizes = [batch_size] * (n // batch_size)
    if n % batch_size and not drop_last:
        sizes.append(n % batch_size)
    assert [len(batch) for batch in drawn] == sizes * epochs
    for epoch in np.split(np.concatenate(drawn), epochs):
        assert len(set(epoch.tolist())) == sum(sizes)
        assert set(epoch.tolist()) <= set(range(n))


@given(plans())
def test_the_seed_decides_the_batches(plan: tuple[int, int, int, int, bool]) -> None:
    n, batch_size, epochs, seed, _ = plan
    drawn = np.concatenate(list(datasets.batches(n, batch_size, epochs, seed)))
    rng = np.random.default_rng(seed)  # the law in full: one permutation after the other
    assert np.array_equal(drawn, np.concatenate([rng.permutation(n) for _ in range(epochs)]))


def test_batches_of_another_epoch_or_seed_differ() -> None:
    one, two = datasets.batches(100, 100, epochs=2, seed=0)
    (other,) = datasets.batches(100, 100, epochs=1, seed=1)
    assert not np.array_equal(one, two)
    assert not np.array_equal(one, other)


NAN = float("nan")


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((0, 1, 1, 0), ValueError, "n: got 0, expected an integer of at least 1"),
        ((NAN, 1, 1, 0), TypeError, "n: got nan, expected an integer"),
        ((9, 0, 1, 0), ValueError, "batch_size: got 0, expected an integer from 1 to 9"),
        ((9, -4, 1, 0), ValueError, "batch_size: got -4, expected an integer from 1 to 9"),
        ((9, 10, 1, 0), ValueError, "batch_size: got 10, expected an integer from 1 to 9"),
        ((9, 2.0, 1, 0), TypeError, "batch_size: got 2.0, expected an integer"),
        ((9, NAN, 1, 0), TypeError, "batch_size: got nan, expected an integer"),
        ((9, True, 1, 0), TypeError, "batch_size: got True, expected an integer"),
        ((9, 2, 0, 0), ValueError, "epochs: got 0, expected an integer of at least 1"),
        ((9, 2, NAN, 0), TypeError, "epochs: got nan, expected an integer"),
        ((9, 2, 1, -1), ValueError, "seed: got -1, expected an integer of at least 0"),
        ((9, 2, 1, 0.5), TypeError, "seed: got 0.5, expected an integer"),
    ],
)
def test_batches_raise_before_the_first_batch_is_drawn(
    arguments: tuple[int, int, int, int], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        datasets.batches(*arguments)  # nothing is drawn: the call itself must refuse
    if not message.startswith("seed"):
        with pytest.raises(error, match=message):
            datasets.num_batches(*arguments[:3])


def test_numpy_integers_are_integers(unchecked: None) -> None:
    counts = np.array([9, 2, 1])
    assert datasets.num_batches(*counts) == 5


# --- the embedded digits -----------------------------------------------------------------------


def test_digits_are_the_published_ones() -> None:
    digits = datasets.load("digits")
    assert (digits.name, digits.num_classes) == ("digits", 10)
    assert (len(digits.train), len(digits.test)) == (1415, 382)
    both = datasets.concatenate(digits.train, digits.test)
    # Undo the enlarging: the middle of each 3x3 block, in sixteenths, is the file's text again.
    pixels = both.images.reshape(-1, 28, 28)[:, 3:26:3, 3:26:3].reshape(-1, 64) * 16
    rows = np.column_stack([pixels.astype(int), both.labels]).tolist()
    text = "".join(",".join(map(str, row)) + "\n" for row in rows)
    assert hashlib.sha256(text.encode()).hexdigest() == (
        "6ebb3d2fee246a4e99363262ddf8a00a3c41bee6014c373ed9d9216ba7f651b8"
    )


@pytest.mark.parametrize("part", ["train", "test"])
def test_digits_are_ready_to_train_on(part: str) -> None:
    split: datasets.Split = getattr(datasets.load("digits"), part)
    assert split.images.dtype == np.float32
    assert split.images.flags.c_contiguous
    assert split.images.shape == (len(split), 784)
    assert (split.images.min(), split.images.max()) == (0, 1)
    assert split.labels.dtype == np.int64
    share = np.bincount(split.labels, minlength=10) / len(split)
    assert (share > 0.09).all()
    assert (share < 0.11).all()


def test_digits_are_enlarged_three_by_three() -> None:
    pixels = np.zeros((1, 64), np.uint8)
    pixels[0, 8 * 2 + 5] = 12  # row 2, column 5
    image = enlarge(pixels).reshape(28, 28)
    expected = np.zeros((28, 28), np.float32)
    expected[8:11, 17:20] = 0.75
    assert np.array_equal(image, expected)


def test_no_form_has_digits_in_both_splits() -> None:
    # Why the split is where it is: the labels of the file's first form begin again there.
    digits = datasets.load("digits")
    assert np.array_equal(digits.test.labels[:130], digits.train.labels[:130])


def test_digits_need_no_torch() -> None:
    program = (
        "import sys; from parity import datasets; datasets.load('digits'); "
        "sys.exit('torch' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


@pytest.mark.parametrize("call", [datasets.load, datasets.describe])
def test_an_unknown_name_is_refused(call: Callable[[str], object]) -> None:
    with pytest.raises(ValueError, match="name: got 'mnits', expected one of digits, mnist, fash"):
        call("mnits")
