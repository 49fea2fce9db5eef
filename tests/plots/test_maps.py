"""Quicklook maps: perceptually even colours, round numbers on the bar, the same bytes for the same numbers."""

import matplotlib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from lst_raster.errors import OutputError
from lst_raster.plots.charts import LARGEST, draw_map, save, shape_of_map
from lst_raster.plots.colours import blue_to_red, cloud_free_limits, inferno, labels, paint, robust_limits, ticks

GREY = (200, 200, 200)
WORDS = {"title": "a scene", "unit": "K", "missing": "no temperature"}


def lightness(table):
    """Lightness L* of colours, CIE 1976, from their luminance in sRGB."""
    share = table / 255.0
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    luminance = linear @ [0.2126, 0.7152, 0.0722]
    return np.where(luminance > 0.008856, 116.0 * np.cbrt(luminance) - 16.0, 903.3 * luminance)


def test_warmer_is_always_lighter_and_evenly_so():
    steps = np.diff(lightness(inferno()))
    assert len(inferno()) == 256
    assert steps.min() > -0.4  # rounding to whole numbers
    assert np.abs(np.convolve(steps, np.ones(32) / 32, "valid") - steps.mean()).max() < 0.12


def test_the_packaged_table_is_that_of_matplotlib():
    colours = matplotlib.colormaps["inferno"].colors
    assert np.array_equal(np.rint(255.0 * np.array(colours)), inferno())


def test_differences_of_both_signs_are_equally_dark_and_zero_is_nearly_white():
    table = blue_to_red()
    light = lightness(table)
    assert np.ptp(table[len(table) // 2]) == 0
    assert light.argmax() == len(table) // 2
    assert light.max() > 90.0
    assert np.abs(light - light[::-1]).max() < 6.0
    below, above = table[:100].astype(int), table[-100:].astype(int)
    assert (below[:, 2] > below[:, 0] + 20).all()
    assert (above[:, 0] > above[:, 2] + 20).all()


def test_colours_rise_with_the_values_and_stay_at_the_ends():
    table = inferno()
    painted = paint(np.array([[270.0, 280.0, 300.0, 320.0, 330.0, np.nan, np.inf]]), table, 280.0, 320.0, GREY)
    assert painted.shape == (1, 7, 3)
    assert painted[0].tolist() == [*table[[0, 0, 128, 255, 255]].tolist(), [*GREY], [*GREY]]


@given(st.floats(-1e3, 1e3), st.floats(1e-2, 1e3), st.integers(2, 12))
def test_ticks_are_few_round_and_within(low, span, most):
    found = ticks(low, low + span, most)
    assert 1 <= len(found) <= most + 1
    assert min(found) >= low - 1e-6
    assert max(found) <= low + span + 1e-6
    shown = [float(text) for text in labels(found)]
    assert np.allclose(shown, found, atol=1e-8)


def test_limits_do_not_follow_outliers():
    values = np.append(np.linspace(280.0, 300.0, 1000), [150.0, 900.0, np.nan])
    low, high = robust_limits(values)
    assert low == pytest.approx(280.4, abs=0.1)
    assert high == pytest.approx(299.6, abs=0.1)
    assert robust_limits(np.full((3, 3), np.nan)) is None
    assert cloud_free_limits(np.array([300.0, 220.0]), np.array([True, True])) == robust_limits(
        np.array([300.0, 220.0])
    )


def test_a_map_shows_every_pixel_where_it_lies():
    values = np.full((400, 500), 290.0)
    values[100:110, 200:220] = 310.0
    values[300:, 400:] = np.nan
    pixels = np.asarray(draw_map(values, inferno(), (280.0, 320.0), **WORDS))
    (hot,) = {tuple(colour) for colour in inferno()[[192]].tolist()}
    rows, columns = np.nonzero((pixels[:, :516] == hot).all(axis=-1))
    assert (np.ptp(rows) + 1, np.ptp(columns) + 1, rows.size) == (10, 20, 200)
    top, left = rows.min() - 100, columns.min() - 200
    assert (pixels[top + 300 : top + 400, left + 400 : left + 500] == GREY).all()
    bar = pixels[top : top + 400, left + 500 + 20]
    assert bar[0].tolist() == inferno()[255].tolist()
    assert bar[-1].tolist() == inferno()[0].tolist()


@pytest.mark.parametrize("shape", [(1, 1), (1, 800), (800, 1), (3, 880), (60, 60)])
@pytest.mark.parametrize("value", [290.0, np.nan])
def test_a_raster_of_any_shape_is_drawn(shape, value):
    values = np.full(shape, value)
    picture = draw_map(values, inferno(), robust_limits(values), **WORDS)
    assert 160 < picture.height < 1000
    assert 400 < picture.width <= 1010
    words = (np.asarray(picture)[60:-40] == (34, 34, 34)).all(axis=-1).any()
    assert words  # the bar's frame, or what is missing


def test_a_title_that_is_too_long_is_shortened_in_its_middle():
    values = np.zeros((400, 400))
    long = np.asarray(draw_map(values, inferno(), (0.0, 1.0), **{**WORDS, "title": "left " * 60}))
    assert long.shape == np.asarray(draw_map(values, inferno(), (0.0, 1.0), **WORDS)).shape
    assert (long[:50, -16:] == 255).all()


def test_large_rasters_are_made_to_fit():
    assert shape_of_map(7800, 7600) == (LARGEST, round(LARGEST * 7600 / 7800))
    assert shape_of_map(1, 100_000) == (1, LARGEST)
    assert shape_of_map(60, 70) == (60, 70)


def test_the_same_numbers_make_the_same_bytes_and_nothing_else_is_left(tmp_path):
    values = np.random.default_rng(0).normal(290.0, 5.0, (50, 60))
    for name in ("one.png", "two.png"):
        save(draw_map(values, inferno(), (280.0, 300.0), **WORDS), tmp_path / name)
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one.png", "two.png"]
    with Image.open(tmp_path / "one.png") as picture:
        assert picture.format == "PNG"
    with pytest.raises(OutputError, match="does not exist"):
        save(draw_map(values, inferno(), (280.0, 300.0), **WORDS), tmp_path / "nowhere" / "three.png")
