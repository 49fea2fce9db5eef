"""Tables and chart of the comparison over the Great Salt Lake."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from examples.studies.report import markdown, plain_json, signed, unsigned, write_texts
from examples.studies.salt_lake.study import IMPLIED, NOTHING, Group, SaltLakeStudy, groups
from examples.studies.salt_lake.table import Float
from lst_raster.plots.charts import new_figure, save_figure
from lst_raster.plots.colours import OKABE_ITO

NAME = "great_salt_lake"
"""Stem of the file names."""
HEADER = (
    "method",
    "overpasses",
    "median",
    "bias",
    "SD",
    "robust SD",
    "stated",
    "within",
    "within atmosphere",
    "within, with ST_QA",
)
_FEWEST = 5  # overpasses of a point of the chart


def tables(study: SaltLakeStudy) -> str:
    """Format Markdown tables: every method for each sensor, then seasons and periods for the main ones."""
    found = list(groups(study))
    sensors = list(dict.fromkeys(study.overpasses.sensor))
    parts = [
        f"{len(study.overpasses)} of {study.total} overpasses are clear; retrieved minus USGS [K].",
        *(f"{name}:\n\n{markdown(HEADER, _rows(found, name))}" for name in sorted(sensors)),
    ]
    for method in (NOTHING, IMPLIED):
        rows = (_cells(one, one.group) for one in found if one.method == method and one.group not in sensors)
        parts.append(f"{method[0].upper()}{method[1:]}:\n\n{markdown(('group', *HEADER[1:]), rows)}")
    known = np.isfinite(study.implied_vapour)
    excess = study.water_vapour[known] - study.implied_vapour[known]
    parts.append(
        f"Water vapour of the climatology minus that of ST_ATRAN: {signed(float(np.median(excess)), 1)} kg m-2 in the "
        f"median, SD {excess.std():.1f}; that of ST_ATRAN {study.implied_vapour[known].mean():.1f} kg m-2 on average. "
        f"{np.count_nonzero(~known)} overpasses have a transmittance outside the range of the model."
    )
    return "\n\n".join(parts) + "\n"


def as_dict(study: SaltLakeStudy) -> dict[str, Any]:
    """Return all statistics as plain dictionaries and numbers, for JSON."""
    return {
        "total": study.total,
        "clear": len(study.overpasses),
        "without_implied_vapour": int(np.count_nonzero(np.isnan(study.implied_vapour))),
        "groups": [_rounded(asdict(one)) for one in groups(study)],
    }


def write(study: SaltLakeStudy, folder: Path) -> list[Path]:
    """Write JSON, Markdown and the chart to an existing folder; existing files are replaced."""
    texts = {f"{NAME}.json": plain_json(as_dict(study)), f"{NAME}.md": tables(study)}
    chart = folder / f"{NAME}.png"
    save_figure(draw(study), chart)
    return [*write_texts(folder, texts), chart]


def draw(study: SaltLakeStudy) -> Any:
    """Draw the median difference and the range of the middle 68 % by month and by year; needs matplotlib."""
    figure = new_figure(1000, 640, layout="constrained")
    figure.suptitle("Great Salt Lake: retrieved minus USGS temperature, median and middle 68 % [K]", fontsize=12)
    date = study.overpasses.date
    month = date.astype("datetime64[M]").astype(int) % 12 + 1
    year = date.astype("datetime64[Y]").astype(int) + 1970
    panels = figure.subplots(2, 2, sharey="row", width_ratios=(1, 2))
    for row, method in zip(panels, (NOTHING, IMPLIED), strict=True):
        for axes, place, label in zip(row, (month, year), ("month", "year"), strict=True):
            difference = study.methods[method].difference
            for number, sensor in enumerate(np.unique(study.overpasses.sensor)):
                of_sensor = study.overpasses.sensor == sensor
                points = list(_points(place[of_sensor], difference[of_sensor]))
                at, low, middle, high = np.reshape(points, (-1, 4)).T
                errors = np.stack([middle - low, high - middle])
                axes.errorbar(
                    at + 0.2 * (number - 1), middle, yerr=errors, fmt="o", markersize=4, linewidth=1,
                    color=OKABE_ITO[number], label=str(sensor),
                )  # fmt: skip
            axes.axhline(0.0, color="#222222", linewidth=0.8, zorder=1)
            axes.set_xlabel(label)
            axes.set_title(method, fontsize=10)
            axes.grid(axis="y", color="#e4e4e4")
            axes.set_axisbelow(True)
    panels[0, 1].legend(frameon=False, fontsize=8)
    return figure


def _points(place: Any, difference: Float) -> Iterator[tuple[float, float, float, float]]:
    """Place, 16th, 50th and 84th percentile of the differences at each place with enough overpasses."""
    for one in np.unique(place):
        values = difference[(place == one) & np.isfinite(difference)]
        if values.size >= _FEWEST:
            low, middle, high = np.percentile(values, (16.0, 50.0, 84.0))
            yield float(one), float(low), float(middle), float(high)


def _rows(found: list[Group], group: str) -> Iterator[tuple[str, ...]]:
    return (_cells(one, one.method) for one in found if one.group == group)


def _cells(one: Group, title: str) -> tuple[str, ...]:
    stated = one.agreement
    fractions = (
        "-" if value is None else f"{value:.0%}" for value in (one.within, one.within_atmosphere, one.within_combined)
    )
    return (
        title, str(stated.count), signed(stated.median), signed(stated.bias), unsigned(stated.sd),
        unsigned(stated.robust_sd), unsigned(one.expected), *fractions,
    )  # fmt: skip


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _rounded(entry) for name, entry in value.items()}
    return round(value, 4) if isinstance(value, float) else value
