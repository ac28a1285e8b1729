"""The pictures: figures that are returned, titles that agree with the curves, safe colors."""

from itertools import combinations
from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.legend import Legend
from matplotlib.text import Text
from numpy import ndarray

from numpy_impl import functional as F
from parity.comparison.compare import compare
from parity.comparison.result import CompareResult
from parity.pictures.style import BACKENDS as SIDE_STYLES
from parity.pictures.style import KIND_STYLES, smoothed
from parity.pictures.training import first_layer, in_a_row, training_curves, weight_images
from parity_tests.experiments import small


@pytest.fixture(scope="module")
def result() -> CompareResult:
    return compare(small())


def words(figure: Figure) -> str:
    """Every text of the figure, titles and legends included."""
    texts: list[Any] = figure.findobj(Text)
    return "\n".join(text.get_text() for text in texts)


def test_a_picture_is_a_figure_that_shows_itself(result: CompareResult) -> None:
    figure = training_curves(result)
    assert isinstance(figure, Figure)
    assert figure._repr_png_().startswith(b"\x89PNG")


def test_training_and_held_out_figures_share_a_picture(result: CompareResult) -> None:
    legend = words(training_curves(result))
    for backend in ("NumPy", "PyTorch"):
        assert f"{backend}, training" in legend
        assert f"{backend}, test" in legend


def test_no_legend_hides_data(result: CompareResult) -> None:
    figure = training_curves(result)
    figure.draw_without_rendering()
    boxes = [legend.get_window_extent() for legend in figure.findobj(Legend)]
    every_axes: list[Any] = figure.findobj(Axes)
    plots = [axes for axes in every_axes if axes.get_lines()]
    assert len(boxes) == len(plots) == 3
    for box in boxes:
        for axes in plots:
            assert not box.overlaps(axes.get_window_extent())
        assert box.x0 >= 0, "cut at the left"
        assert box.x1 <= figure.bbox.width, "cut at the right"


def test_the_title_and_the_lines_say_where_rounding_takes_over() -> None:
    result = compare(small("tutorial", lr=10.0, epochs=8, batch_size=16))
    assert result.noise_horizon is not None, "bad case: no horizon"
    text = words(training_curves(result))
    assert f"from step {result.noise_horizon} on rounding decides (noise horizon)" in text
    assert f"the first {result.noise_horizon - 1} steps" in text
    assert "noise horizon" in text.splitlines()


def test_the_title_and_the_lines_say_where_a_bug_shows(monkeypatch: Any) -> None:
    exact = F.sigmoid
    monkeypatch.setattr(F, "sigmoid", lambda x: exact(x) * np.float32(1.001))
    text = words(training_curves(compare(small())))
    assert "parity does not hold: step 1, forward, logits" in text
    assert "first divergence" in text.splitlines()
    assert "parity holds" not in text


def test_both_backends_weights_are_drawn(result: CompareResult) -> None:
    figure = weight_images({name: backend.weights() for name, backend in result.backends.items()})
    drawn = [np.asarray(axes.get_images()[0].get_array()) for axes in figure.axes]
    for image, backend in zip(drawn, result.backends.values(), strict=True):
        weight = backend.weights()["fc1.weight"]
        np.testing.assert_allclose(image[:, :28], weight[0].reshape(28, 28))


@pytest.mark.parametrize(("shape", "tiles"), [((10, 784), (10, 28, 28)), ((4, 1, 3, 3), (4, 3, 3))])
def test_weights_become_tiles(shape: tuple[int, ...], tiles: tuple[int, ...]) -> None:
    weight = np.arange(np.prod(shape), dtype=float).reshape(shape)
    images = first_layer({"weight": weight, "bias": np.zeros(shape[0])})
    assert images.shape == tiles
    np.testing.assert_array_equal(in_a_row(images)[:, : tiles[2]], images[0])


def test_smoothing_keeps_a_straight_line() -> None:
    where, means = smoothed(np.arange(1000.0))
    np.testing.assert_allclose(means, where)
    assert len(means) == 981  # a window of 20


# --- colors --------------------------------------------------------------------------------------

# Machado, Oliveira and Fernandes (2009), deuteranopia of severity 1, for linear RGB.
DEUTERANOPIA = np.array(
    [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ]
)
TO_XYZ = np.array(
    [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
) / np.array([[0.9505], [1.0], [1.0890]])


def seen(color: str) -> ndarray:
    """L*, a*, b* of a color such as "#0072B2", as somebody with deuteranopia sees it."""
    rgb = np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    xyz = np.cbrt(np.clip(TO_XYZ @ np.clip(DEUTERANOPIA @ linear, 0, 1), 1e-4, None))
    x, y, z = xyz
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def nearest(colors: list[str]) -> float:
    """The smallest difference of two of the colors; about 2 is just visible."""
    pairs = combinations([seen(color) for color in colors], 2)
    return min(float(np.linalg.norm(one - other)) for one, other in pairs)


@pytest.mark.parametrize("styles", [SIDE_STYLES, KIND_STYLES], ids=["backends", "kinds"])
def test_colors_differ_for_the_colour_blind_and_lines_in_style_too(styles: Any) -> None:
    assert nearest([style["color"] for style in styles.values()]) > 15
    lines = [style.get("linestyle", "-") for style in styles.values()]
    assert len(set(lines)) == len(lines)


def test_the_simulation_takes_red_and_green_together() -> None:
    assert nearest(["#a05a00", "#6a7b00"]) < 15
