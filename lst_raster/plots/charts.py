"""Quicklook maps drawn with Pillow; map sheets, histograms and scatter plots drawn with matplotlib.

The same values give the same bytes.
"""

from __future__ import annotations

import datetime
import io
import math
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from lst_raster.atomic_write import atomic_write
from lst_raster.plots.colours import OKABE_ITO, Colours, labels, paint, ticks, widened
from lst_raster.resources import require

LARGEST = 880  # [pixel], most rows and columns of a quicklook map, which makes a picture about 1000 pixels wide
MARGIN, GAP, LINE = 16, 14, 22  # [pixel], margin of the page, space between its parts, height of a line of text
MAP_CORNER = (MARGIN, MARGIN + 2 * LINE + 19)  # column and row of a map sheet at which the map begins [pixel]

_SMALLEST = 320  # [pixel], longer side of a map; smaller rasters are enlarged
_BAR, _LABELS = 18, 64  # [pixel], width of the colour bar and of its labels
_MISSING, _WHITE = (200, 200, 200), (255, 255, 255)  # colours of pixels without a value, and of the page
_TEXT, _TITLE = 13, 16  # [pixel], font sizes
_TICK, _SWATCH = 5, 12  # [pixel], length of a tick, side of a colour sample
_NARROWEST_MAP = 420  # [pixel], so that titles fit
_font = cache(ImageFont.load_default)  # Pillow's own font, which is the same on every system

_DPI = 96  # matplotlib's default font of 10 points has 13 pixels
_INK, _GREY, _STEEL, _RED = "#222222", "#5a5a5a", "#6882a0", "#b22222"
_NARROWEST = 500  # [pixel], so that subtitle and legend fit
_CHARACTER = 7.5  # [pixel], mean width of a character of the default font
_STRIPES = 8  # [pixel] between two lines of the hatching; each has a light and a dark side, visible on every colour
_ARROW = 22  # [pixel], radius of the disc behind the north arrow
_MARKERS = ("o", "s", "^", "D", "v")


def draw_map(
    values: NDArray[Any], table: Colours, limits: tuple[float, float] | None, *, title: str, unit: str, missing: str
) -> Image.Image:
    """Draw values of shape (rows, columns); `limits` are those of the first and last colour, None if all are NaN.

    `unit` is written above the colour bar, `missing` is the meaning of NaN.
    """
    large = enlarged(values, enlargement(values.shape))
    rows, columns = large.shape
    bar_height, top = max(rows, _SMALLEST // 2), MARGIN + LINE + GAP
    width = max(columns + GAP + _BAR + _LABELS, _NARROWEST_MAP) + 2 * MARGIN
    picture = Image.new("RGB", (width, top + bar_height + LINE + MARGIN), _WHITE)
    pen = ImageDraw.Draw(picture)
    pen.text((MARGIN, MARGIN), _shortened_title(title, width - 2 * MARGIN), _INK, _font(_TITLE))
    picture.paste(Image.fromarray(paint(large, table, *(limits or (0.0, 1.0)), _MISSING)), (MARGIN, top))
    if limits is None:
        pen.text((MARGIN + columns / 2, top + rows / 2), missing, _INK, _font(_TITLE), anchor="mm")
        return picture
    _colour_bar(picture, (MARGIN + columns + GAP, top), bar_height, table, limits, unit)
    if not np.isfinite(values).all():
        bottom = picture.height - MARGIN
        pen.rectangle((MARGIN, bottom - _SWATCH, MARGIN + _SWATCH, bottom), _MISSING, _INK)
        pen.text((MARGIN + _SWATCH + 6, bottom - _SWATCH // 2), missing, _INK, _font(_TEXT), anchor="lm")
    return picture


def shape_of_map(height: int, width: int) -> tuple[int, int]:
    """Return the rows and columns of the map of a raster, reduced to fit `LARGEST`."""
    longest = max(height, width, LARGEST)
    return max(1, round(height * LARGEST / longest)), max(1, round(width * LARGEST / longest))


def enlargement(shape: tuple[int, ...]) -> int:
    """Return the integer factor that enlarges a small map to at least 320 pixels."""
    return max(1, -(-_SMALLEST // max(shape)))


def enlarged(values: NDArray[Any], factor: int) -> NDArray[Any]:
    """Repeat every pixel `factor` times along rows and columns."""
    return values.repeat(factor, axis=0).repeat(factor, axis=1)


def save(picture: Image.Image, target: Path) -> None:
    """Write a picture as PNG, completely or not at all; raises OutputError."""
    with atomic_write(target) as path:
        # Runs only: half the time, and hardly larger for maps, whose pixels do not repeat in longer patterns.
        picture.save(path, format="PNG", compress_type=zlib.Z_RLE)


def _colour_bar(
    picture: Image.Image, corner: tuple[int, int], height: int, table: Colours, limits: tuple[float, float], unit: str
) -> None:
    (left, top), (low, high) = corner, limits
    values = np.linspace(high, low, height)[:, None].repeat(_BAR, axis=1)
    picture.paste(Image.fromarray(paint(values, table, low, high, _MISSING)), corner)
    pen = ImageDraw.Draw(picture)
    pen.rectangle((left - 1, top - 1, left + _BAR, top + height), outline=_INK)
    pen.text((left, top - 4), unit, _INK, _font(_TEXT), anchor="ls")
    marks = ticks(low, high)
    for value, text in zip(marks, labels(marks), strict=True):
        y = top + round((high - value) / (high - low) * (height - 1))
        pen.line((left + _BAR, y, left + _BAR + _TICK, y), _INK)
        pen.text((left + _BAR + _TICK + 3, y), text, _INK, _font(_TEXT), anchor="lm")


def _shortened_title(text: str, width: int) -> str:
    """Shorten a title in its middle, where file names differ least, to a width in pixels."""
    shown, kept = text, len(text)
    while _font(_TITLE).getlength(shown) > width and kept > 2:
        kept -= 1
        shown = f"{text[: (kept + 1) // 2]}…{text[-(kept // 2) :]}"
    return shown


def require_matplotlib() -> None:
    """Raise MissingExtraError where matplotlib is not installed."""
    require("matplotlib", "plot")


def new_figure(width: int, height: int, **options: Any) -> Any:
    """Return an empty matplotlib figure, its size in pixels; raises MissingExtraError without matplotlib."""
    require_matplotlib()  # first, so that the message names the package and not its module
    figure = require("matplotlib.figure", "plot").Figure
    return figure(figsize=(width / _DPI, height / _DPI), dpi=_DPI, **options)


def save_figure(figure: Any, target: Path) -> None:
    """Write a figure as PNG, completely or not at all; raises OutputError."""
    with atomic_write(target) as path:
        path.write_bytes(encoded_figure(figure))


def encoded_figure(figure: Any) -> bytes:
    """Encode a figure as PNG."""
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=_DPI, metadata={"Software": None})  # no version: the same bytes
    return content.getvalue()


@dataclass(frozen=True, kw_only=True, slots=True)
class MapSheet:
    """Content of a map sheet."""

    values: NDArray[Any]  # values of shape (rows, columns), NaN where there are none
    table: Colours  # colours, from low to high
    limits: tuple[float, float] | None  # values of the first and the last colour, None where there is no value at all
    unit: str  # unit of the values
    title: str  # line above the map
    subtitle: str = ""  # smaller line below the title
    missing: str = "no temperature"  # meaning of NaN
    cloudy: NDArray[np.bool_] | None = None  # mask of the pixels that are hatched, same shape
    pixel: float | None = None  # width of a value on the ground, for the scale bar [m]
    north: float | None = None  # direction of north, clockwise from up; None for no arrow [degree]
    notes: tuple[str, ...] = ()  # further lines of the legend


def draw_map_sheet(sheet: MapSheet) -> Any:
    """Draw a map, one value per pixel or enlarged, with colour bar, scale bar, north arrow and legend."""
    factor = enlargement(sheet.values.shape)
    image = enlarged(paint(sheet.values, sheet.table, *(sheet.limits or (0.0, 1.0)), _MISSING), factor)
    if sheet.cloudy is not None:
        image = hatched(image, enlarged(sheet.cloudy, factor))
    (rows, columns), (left, top) = image.shape[:2], MAP_CORNER
    bar_height = max(rows, _SMALLEST // 2)
    width = max(columns + GAP + _BAR + _LABELS, _NARROWEST) + 2 * MARGIN
    height = top + bar_height + GAP + 2 * LINE + MARGIN
    figure = new_figure(width, height)
    figure.figimage(image, left, height - top - rows, zorder=-1)
    page = figure.add_axes((0.0, 0.0, 1.0, 1.0), xlim=(0, width), ylim=(height, 0))
    page.set_axis_off()
    _write(page, left, MARGIN + LINE / 2, _shortened(sheet.title, width, 12), size=12)
    _write(page, left, MARGIN + 3 * LINE / 2, _shortened(sheet.subtitle, width, 10))
    if sheet.limits is None:
        _write(page, left + columns / 2, top + rows / 2, sheet.missing, size=12, ha="center")
    else:
        corner = (left + columns + GAP) / width, 1.0 - (top + bar_height) / height
        bar = figure.add_axes((*corner, _BAR / width, bar_height / height), frame_on=False)
        extent = (0.0, 1.0, *sheet.limits)
        bar.imshow(sheet.table[::-1, None], extent=extent, aspect="auto", interpolation="nearest")
        bar.set_xticks([])
        bar.yaxis.tick_right()
        bar.set_title(sheet.unit, fontsize=10, pad=4)
    if sheet.north is not None:
        _draw_north(page, left + columns - _ARROW - 6, top + _ARROW + 6, sheet.north)
    below, start = top + bar_height + GAP, left
    if sheet.pixel is not None:
        length, text = scale_bar(sheet.pixel / factor, columns)
        page.plot([left, left + length], [below + 12] * 2, color=_INK, linewidth=2.5, solid_capstyle="butt", snap=False)
        _write(page, left + length + 6, below + 12, text)
        start += length + 80
    handles = _legend(sheet)
    if handles:
        page.legend(
            handles=handles, loc="upper left", bbox_to_anchor=(start / width, 1.0 - below / height),
            frameon=False, borderpad=0.0, borderaxespad=0.3, handlelength=1.2,
        )  # fmt: skip
    return figure


def hatched(colours: Colours, mask: NDArray[np.bool_]) -> Colours:
    """Draw diagonal stripes over the masked pixels of an image."""
    rows, columns = (np.arange(side) for side in mask.shape)
    phase = np.add.outer(rows, columns) % _STRIPES
    striped = colours.copy()
    striped[mask & (phase == 0)] = 255
    striped[mask & (phase == 1)] = 48
    return striped


def scale_bar(pixel: float, columns: int) -> tuple[int, str]:
    """Return length [pixel] and label of a scale bar of round length, at most a quarter of the map's width."""
    most = max(0.25 * pixel * columns, 1e-6)
    power = 10.0 ** math.floor(math.log10(most))
    metres = max(step * power for step in (1.0, 2.0, 5.0) if step * power <= most * (1.0 + 1e-9))
    return max(1, round(metres / pixel)), f"{metres / 1000.0:g} km" if metres >= 1000.0 else f"{metres:g} m"


def draw_histogram(
    edges: NDArray[np.float64], counts: NDArray[np.int64], *, title: str, label: str, marks: Mapping[str, float],
    notes: Sequence[str],
) -> Any:  # fmt: skip
    """Draw a histogram of shapes (bins + 1,) and (bins,), with vertical lines at up to two marked values.

    `label` is the quantity below the axis, `notes` are written on one line above the bars.
    """
    figure = new_figure(760, 420, layout="constrained")
    figure.suptitle(_shortened(title, 760, 12), x=0.02, ha="left", fontsize=12, parse_math=False)
    axes = figure.add_subplot(xlim=(edges[0], edges[-1]), ylim=(0.0, 1.05 * max(1, counts.max())), yticks=[])
    axes.stairs(counts, edges, fill=True, color=_STEEL)
    for (name, value), colour in zip(marks.items(), (_GREY, _RED), strict=False):
        if edges[0] <= value <= edges[-1]:
            axes.axvline(value, color=colour, linewidth=1.0, label=name)
    axes.set_title("      ".join(notes), loc="left", fontsize=10)
    axes.set_xlabel(label)
    axes.spines[["left", "right", "top"]].set_visible(False)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(loc="upper right", frameon=False)
    return figure


@dataclass(frozen=True, kw_only=True, slots=True)
class Series:
    """Points of one colour; a point with a NaN is not drawn."""

    name: str  # name in the legend
    x: NDArray[np.float64]  # horizontal positions, shape (points,)
    y: NDArray[np.float64]  # vertical positions, same shape and unit
    statistics: Mapping[str, str]  # further text of the legend, by title


def draw_scatter(series: Sequence[Series], *, title: str, x_label: str, y_label: str, empty: str = "no value") -> Any:
    """Draw points on two axes of the same range, with the 1:1 line; the first series lies on top.

    `empty` is written where there is no point at all.
    """
    points = [np.stack([one.x, one.y])[:, np.isfinite(one.x) & np.isfinite(one.y)] for one in series]
    values = np.concatenate([part.ravel() for part in points]) if points else np.zeros(0)
    low, high = (float(values.min()), float(values.max())) if values.size else (0.0, 1.0)
    limits = widened(low, high, max(1.0, 1.1 * (high - low)))
    figure = new_figure(730, 740 + LINE * len(series), layout="constrained")
    figure.suptitle(_shortened(title, 730, 12), x=0.02, ha="left", fontsize=12, parse_math=False)
    axes = figure.add_subplot(xlim=limits, ylim=limits, xlabel=x_label, ylabel=y_label, box_aspect=1.0)
    axes.grid(color="#e4e4e4")
    handles = [axes.axline((limits[0], limits[0]), slope=1.0, color=_GREY, linewidth=1.0, label="1:1")]
    for number, (one, (x, y)) in enumerate(zip(series, points, strict=True)):
        statistics = [f"{key} {text}" for key, text in one.statistics.items()]
        label = ",  ".join([f" {_shortened(one.name, 280, 10)}", *statistics])  # a leading underscore hides a label
        handles += axes.plot(
            x, y, linestyle="", marker=_MARKERS[number % len(_MARKERS)], color=OKABE_ITO[number % len(OKABE_ITO)],
            markersize=6.5, markeredgewidth=0, alpha=0.75, zorder=3 - number / 100, label=label,
        )  # fmt: skip
    legend = figure.legend(handles=handles, loc="outside lower left", frameon=False, borderaxespad=1.0)
    for text in legend.get_texts():
        text.set_parse_math(False)
    if not values.size:
        axes.text(0.5, 0.5, empty, transform=axes.transAxes, ha="center")
    return figure


@dataclass(frozen=True, kw_only=True, slots=True)
class TimeSeries:
    """Values of one colour over time, with error bars."""

    name: str  # name in the legend
    dates: Sequence[datetime.date]  # dates or times, shape (values,)
    values: NDArray[np.float64]  # same shape
    uncertainty: NDArray[np.float64]  # standard uncertainty, same shape and unit; 0 for no bar


def draw_time_series(series: Sequence[TimeSeries], *, title: str, label: str) -> Any:
    """Draw values against dates, with bars of one standard uncertainty; `label` is the quantity."""
    require_matplotlib()
    dates = require("matplotlib.dates", "plot")
    figure = new_figure(900, 440 + LINE * -(-len(series) // 3), layout="constrained")
    figure.suptitle(_shortened(title, 900, 12), x=0.02, ha="left", fontsize=12, parse_math=False)
    axes = figure.add_subplot(ylabel=label)
    axes.grid(color="#e4e4e4")
    for number, one in enumerate(series):
        axes.errorbar(
            one.dates, one.values, yerr=one.uncertainty, linestyle="-", linewidth=0.8, elinewidth=1.0,
            marker=_MARKERS[number % len(_MARKERS)], markersize=4.5, markeredgewidth=0,
            color=OKABE_ITO[number % len(OKABE_ITO)], label=f" {_shortened(one.name, 280, 10)}",
        )  # fmt: skip
    locator = dates.AutoDateLocator()
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(dates.ConciseDateFormatter(locator))
    axes.spines[["right", "top"]].set_visible(False)
    axes.set_title("bars: standard uncertainty", loc="right", fontsize=10)
    legend = figure.legend(loc="outside lower left", frameon=False, ncols=3)
    for text in legend.get_texts():
        text.set_parse_math(False)
    return figure


def _legend(sheet: MapSheet) -> list[Any]:
    patch, handles = require("matplotlib.patches", "plot").Patch, []
    missing = ~np.isfinite(sheet.values)
    if missing.any() and not missing.all():
        handles.append(patch(facecolor="#c8c8c8", edgecolor=_INK, label=f"{sheet.missing} ({_percent(missing)})"))
    if sheet.cloudy is not None and sheet.cloudy.any():
        label = f"cloud or cloud shadow, unreliable ({_percent(sheet.cloudy)})"
        handles.append(patch(facecolor="white", edgecolor=_INK, hatch="//////", label=label))
    return handles + [patch(facecolor="none", edgecolor="none", label=note) for note in sheet.notes]


def _percent(mask: NDArray[np.bool_]) -> str:
    percent = 100.0 * float(mask.mean())
    return f"{percent:.0f} %" if percent >= 1.0 else "below 1 %"


def _draw_north(page: Any, x: float, y: float, north: float) -> None:
    """Draw an arrow on a white disc, the letter N at its head."""
    right, up = math.sin(math.radians(north)), math.cos(math.radians(north))
    page.plot(x, y, "o", markersize=2 * _ARROW * 72 / _DPI, color="white", markeredgecolor=_INK, markeredgewidth=0.75)
    style = {"arrowstyle": "-|>", "color": _INK, "linewidth": 1.5, "shrinkA": 0, "shrinkB": 0}
    head, tail = (x + 8 * right, y - 8 * up), (x - 17 * right, y + 17 * up)
    page.annotate("", xy=head, xytext=tail, arrowprops=style)
    _write(page, x + 15 * right, y - 15 * up, "N", size=8, ha="center")


def _write(page: Any, x: float, y: float, text: str, *, size: int = 10, ha: str = "left") -> None:
    page.text(x, y, text, fontsize=size, ha=ha, va="center", color=_INK, parse_math=False)


def _shortened(text: str, width: float, size: int) -> str:
    """Shorten a text in its middle, where file names differ least, to about a width in pixels.

    Characters that the font does not have, for which matplotlib would warn, become question marks.
    """
    fonts = require("matplotlib.font_manager", "plot")
    font = fonts.get_font(fonts.findfont(fonts.FontProperties()))
    text = "".join(letter if font.get_char_index(ord(letter)) else "?" for letter in text)
    most = int((width - 2 * MARGIN) / (_CHARACTER * size / 10))
    return text if len(text) <= most else f"{text[: most // 2]}…{text[-(most // 2 - 1) :]}"
