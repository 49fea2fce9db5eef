"""Charts: points, bars and lines at their values, and the same bytes for the same numbers."""

import io
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import lst_raster
from examples.studies.spectra.lines import draw_lines
from lst_raster.errors import MissingExtraError, OutputError
from lst_raster.plots.charts import (
    MAP_CORNER,
    MapSheet,
    Series,
    draw_histogram,
    draw_map_sheet,
    draw_scatter,
    new_figure,
    save_figure,
)
from lst_raster.plots.colours import OKABE_ITO, inferno

WORDS = {"title": "a table", "x_label": "ground [K]", "y_label": "retrieved [K]"}


def pixels(figure):
    target = io.BytesIO()
    figure.savefig(target, format="png", dpi=figure.dpi)
    with Image.open(target) as picture:
        return np.asarray(picture.convert("RGB")).astype(int)


def series(x, y, name="one", **statistics):
    return Series(name=name, x=np.asarray(x, float), y=np.asarray(y, float), statistics=statistics)


def of_colour(drawn, number, within=75):
    """Mask of the pixels of the colour of a series, whose markers are translucent."""
    colour = np.array([int(OKABE_ITO[number][start : start + 2], 16) for start in (1, 3, 5)])
    return np.abs(drawn - (0.75 * colour + 0.25 * 255)).max(axis=-1) < within


def place(figure, x, y):
    """Column and row of a value in the picture, after it was drawn."""
    column, height = figure.axes[0].transData.transform((x, y))
    return column, figure.bbox.height - height


def test_points_lie_at_their_values_and_both_axes_are_the_same():
    figure = draw_scatter([series([280.0, 300.0, 290.0], [280.0, 300.0, 285.0])], **WORDS)
    drawn = pixels(figure)
    axes = figure.axes[0]
    assert axes.get_xlim() == axes.get_ylim() == pytest.approx((279.0, 301.0))  # five per cent on each side
    assert axes.bbox.width == pytest.approx(axes.bbox.height)
    rows, columns = np.nonzero(of_colour(drawn, 0, 40))
    for x, y in ((280.0, 280.0), (300.0, 300.0), (290.0, 285.0)):
        column, row = place(figure, x, y)
        near = np.hypot(columns - column, rows - row) < 7
        assert columns[near].mean() == pytest.approx(column, abs=1.0)
        assert rows[near].mean() == pytest.approx(row, abs=1.0)
        assert 30 < near.sum() < 90


def test_the_line_runs_where_both_values_are_the_same():
    figure = draw_scatter([series([280.0, 300.0], [300.0, 280.0])], **WORDS)
    drawn = pixels(figure).sum(axis=-1)
    for column in (200, 333, 601):
        value = figure.axes[0].transData.inverted().transform((column + 0.5, 0.0))[0]
        row = int(place(figure, value, value)[1])
        around = drawn[row - 3 : row + 4, column]
        assert around.argmin() == pytest.approx(3, abs=1)
        assert around.min() < 450


def test_the_first_series_lies_on_top_and_each_has_its_colour_and_statistics():
    one, two = series([290.0], [290.0], "ours", bias="0.10"), series([290.0], [290.0], "theirs", bias="-0.20")
    figure = draw_scatter([one, two], **WORDS)
    drawn = pixels(figure)
    column, row = (round(value) for value in place(figure, 290.0, 290.0))
    assert drawn[row - 2, column + 1, 2] > drawn[row - 2, column + 1, 0] + 60  # the blue of the first
    labels = [text.get_text().strip() for text in figure.legends[0].get_texts()]
    assert labels == ["1:1", "ours,  bias 0.10", "theirs,  bias -0.20"]


@pytest.mark.parametrize(
    "points", [[], [series([], [])], [series([np.nan, 290.0], [290.0, np.nan])], [series([290.0], [290.0])]]
)
def test_no_point_and_one_point_are_drawn_too(points):
    figure = draw_scatter(points, **WORDS, empty="nothing here")
    drawn = pixels(figure)
    assert drawn.shape[0] > 640 and drawn.shape[1] > 640
    none = not any(np.isfinite(one.x + one.y).any() for one in points)
    assert ("nothing here" in [text.get_text() for text in figure.axes[0].texts]) == none
    inside = drawn[60:600, 80:]
    assert (not of_colour(inside, 0, 40).any()) == none


@pytest.mark.slow
def test_more_series_than_colours_and_names_of_any_kind_are_drawn():
    names = ("_hidden", "a $\\broken formula", "温度", "a method with a long name " * 9)
    many = [series([280.0 + number], [290.0], f"{names[number % 4]}") for number in range(12)]
    drawn = pixels(draw_scatter(many, **WORDS | {"title": "$\\title 度 " * 40}))
    assert (drawn[:, -8:] == 255).all()


def test_bars_are_as_high_as_the_counts():
    edges, counts = np.linspace(-1.0, 1.0, 5), np.array([10, 0, 40, 20])
    figure = draw_histogram(edges, counts, title="t", label="l", marks={"0": 0.0, "far": 9.0}, notes=["n"])
    drawn = pixels(figure)
    filled = (drawn == (0x68, 0x82, 0xA0)).all(axis=-1).sum(axis=0)
    heights = [filled[round(place(figure, middle, 0.0)[0])] for middle in (-0.75, -0.25, 0.25, 0.75)]
    assert heights[1] == 0
    assert heights[0] / heights[2] == pytest.approx(0.25, abs=0.01)
    assert heights[3] / heights[2] == pytest.approx(0.5, abs=0.01)
    assert [text.get_text() for text in figure.axes[0].get_legend().get_texts()] == ["0"]


@pytest.mark.parametrize("shape", [(1, 1), (1, 800), (800, 1), (3, 880), (60, 60), (401, 503)])
@pytest.mark.parametrize("value", [290.0, np.nan])
def test_a_raster_of_any_shape_is_drawn(shape, value):
    limits = (289.0, 291.0) if np.isfinite(value) else None
    sheet = MapSheet(values=np.full(shape, value), table=inferno(), limits=limits, unit="K", title="left " * 60)
    drawn = pixels(draw_map_sheet(sheet))
    left, top = MAP_CORNER
    factor = max(1, -(-320 // max(shape)))
    rows, columns = shape[0] * factor, shape[1] * factor
    expected = inferno()[128] if limits else (200, 200, 200)
    found = (drawn[top : top + rows, left : left + columns] == expected).all(axis=-1)
    assert found.all() if limits else found.mean() > 0.5  # the rest is text
    assert not (drawn[top : top + rows, left + columns : left + columns + 3] == expected).all(axis=-1).any()
    assert (drawn[:40, -14:] == 255).all()  # the title is shortened


def test_lines_rise_with_their_values_and_skip_missing_ones():
    lines = {"one": [0.0, 0.5, 1.0], "other": [np.nan, -0.5, np.nan], "none": [np.nan] * 3}
    figure = draw_lines(("a", "b", "c"), lines, title="t", label="[K] by class")
    drawn = pixels(figure)[:, :740]  # without the legend
    rows, columns = np.nonzero((drawn == (0, 114, 178)).all(axis=-1))
    assert rows[columns.argmin()] > rows[columns.argmax()] + 100  # higher values lie higher
    below, across = np.nonzero((drawn == (213, 94, 0)).all(axis=-1))
    assert below.min() > rows.max() - 10
    assert np.ptp(across) < 10  # a single dot
    assert not (drawn == (0, 158, 115)).all(axis=-1).any()
    low, high = figure.axes[0].get_ylim()
    assert low < 0.0 < high
    again = pixels(draw_lines(("a", "b", "c"), lines, title="t", label="[K] by class"))[:, :740]
    assert np.array_equal(drawn, again)
    pixels(draw_lines(("a", "b"), {"none": [np.nan, np.nan]}, title="t", label="[K]"))


def test_the_same_numbers_make_the_same_bytes_and_nothing_else_is_left(tmp_path):
    rng = np.random.default_rng(0)
    points = [series(rng.normal(290, 9, 400), rng.normal(290, 9, 400), str(number), rows="400") for number in range(3)]
    for name in ("one.png", "two.png"):
        save_figure(draw_scatter(points, **WORDS), tmp_path / name)
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()
    assert b"atplotlib" not in (tmp_path / "one.png").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one.png", "two.png"]
    with pytest.raises(OutputError, match="does not exist"):
        save_figure(draw_scatter(points, **WORDS), tmp_path / "nowhere" / "three.png")


def test_without_matplotlib_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingExtraError, match=r"^matplotlib is not installed; run: pip install 'lst-raster\[plot\]'"):
        new_figure(10, 10)


def test_matplotlib_is_required_in_plots_only():
    package = Path(lst_raster.__file__).parent
    using = [
        path for path in package.rglob("*.py") if re.search(r'require\("matplotlib|import matplotlib', path.read_text())
    ]
    assert {path.parent.name for path in using} == {"plots"}
