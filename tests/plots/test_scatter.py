"""The scatter plot: points where they belong, the same bytes for the same numbers."""

import numpy as np
import pytest

from lst_raster.plots.maps import save
from lst_raster.plots.scatter import Series, draw_scatter

WORDS = {"title": "a table", "across": "ground [K]", "up": "retrieved [K]"}


def series(x, y, name="one", **figures):
    return Series(name=name, x=np.asarray(x, float), y=np.asarray(y, float), figures=figures)


def blue(picture):
    """Rows and columns of pixels that are rather blue, below the legend."""
    pixels = np.asarray(picture).astype(int)
    near = pixels[..., 2] - pixels[..., 0] > 60
    near[: picture.height - 640 - 60] = False
    return np.nonzero(near)


def frame(picture):
    """Left, right, top and bottom of the square."""
    ink = (np.asarray(picture) == (34, 34, 34)).all(axis=-1)
    (rows,), (columns,) = np.nonzero(ink.sum(axis=1) > 600), np.nonzero(ink.sum(axis=0) > 600)
    return columns.min(), columns.max(), rows.min(), rows.max()


def test_points_lie_where_their_values_are_and_both_axes_are_the_same():
    picture = draw_scatter([series([280.0, 300.0, 290.0], [280.0, 300.0, 285.0])], **WORDS)
    left, right, top, bottom = frame(picture)
    assert right - left == bottom - top == 640
    low, high = 279.0, 301.0  # five per cent beyond the values on each side
    rows, columns = blue(picture)
    for x, y in ((280.0, 280.0), (300.0, 300.0), (290.0, 285.0)):
        column, row = left + (x - low) / (high - low) * 640, bottom - (y - low) / (high - low) * 640
        near = np.hypot(columns - column, rows - row) < 6
        assert columns[near].mean() == pytest.approx(column, abs=1.0)
        assert rows[near].mean() == pytest.approx(row, abs=1.0)
        assert 40 < near.sum() < 90


def test_the_line_runs_where_both_values_are_the_same():
    picture = draw_scatter([series([280.0, 300.0], [300.0, 280.0])], **WORDS)
    left, _, _, bottom = frame(picture)
    pixels = np.asarray(picture).sum(axis=-1)
    for step in (50, 333, 601):
        around = pixels[bottom - step - 3 : bottom - step + 4, left + step]
        assert around.argmin() == pytest.approx(3, abs=1)
        assert around.min() < 450


def test_the_first_series_lies_on_top_and_each_has_its_colour_and_figures():
    one, two = series([290.0], [290.0], "ours", bias="0.10"), series([290.0], [290.0], "theirs", bias="-0.20")
    picture = draw_scatter([one, two], **WORDS)
    assert blue(picture)[0].size > 0
    alone = draw_scatter([one], **WORDS)
    assert picture.height == alone.height + 22
    assert blue(draw_scatter([two, one], **WORDS))[0].size == blue(picture)[0].size  # the first is blue
    below = draw_scatter([series([], []), one], **WORDS)
    assert blue(below)[0].size == 0


@pytest.mark.parametrize(
    "points", [[], [series([], [])], [series([np.nan, 290.0], [290.0, np.nan])], [series([290.0], [290.0])]]
)
def test_no_point_and_one_point_are_drawn_too(points):
    picture = draw_scatter(points, **WORDS)
    assert picture.width > 640 and picture.height > 640
    none = not any(np.isfinite(one.x + one.y).any() for one in points)
    assert (blue(picture)[0].size == 0) == none


@pytest.mark.slow
def test_more_series_than_colours_and_long_names_are_drawn():
    many = [series([280.0 + number], [290.0], f"a method with a long name {number} " * 9) for number in range(12)]
    picture = draw_scatter(many, **WORDS)
    assert (np.asarray(picture)[:, -14:] == 255).all()


def test_the_same_numbers_make_the_same_bytes(tmp_path):
    rng = np.random.default_rng(0)
    points = [series(rng.normal(290, 9, 400), rng.normal(290, 9, 400), str(number), rows="400") for number in range(3)]
    for name in ("one.png", "two.png"):
        save(draw_scatter(points, **WORDS), tmp_path / name)
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()
