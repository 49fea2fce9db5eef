"""Line chart over classes, such as an error by class of water vapour; needs matplotlib."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lst_raster.plots.charts import new_figure
from lst_raster.plots.colours import OKABE_ITO

_LEAST_RANGE = 0.01  # minimum range of the vertical axis, so that noise does not fill it


def draw_lines(places: Sequence[str], lines: Mapping[str, Sequence[float]], *, title: str, label: str) -> Any:
    """Draw one line per name (at most seven) over evenly spaced places; the vertical axis includes zero.

    `label` names the quantities of both axes, with units. Raises `MissingExtraError` without matplotlib.
    """
    figure = new_figure(890, 420, layout="constrained")
    figure.suptitle(title, x=0.02, ha="left", fontsize=12)
    axes = figure.add_subplot(xlabel=label)
    for (name, values), colour in zip(lines.items(), OKABE_ITO, strict=False):
        axes.plot(places, values, color=colour, marker="o", markersize=5, label=name)
    axes.update_datalim([(0.0, -_LEAST_RANGE / 2), (0.0, _LEAST_RANGE / 2)])
    axes.autoscale_view()
    axes.axhline(0.0, color="#222222", linewidth=0.8, zorder=1)
    axes.grid(axis="y", color="#e4e4e4")
    axes.set_axisbelow(True)
    axes.spines[["right", "top", "bottom"]].set_visible(False)
    figure.legend(loc="outside right upper", frameon=False)
    return figure
