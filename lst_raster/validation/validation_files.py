"""What a validation leaves behind: every row, the statistics, and a picture."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lst_raster.atomic_write import atomic_write
from lst_raster.errors import OutputError
from lst_raster.physics.error_metrics import Agreement, outliers
from lst_raster.plots.canvas import Picture
from lst_raster.plots.maps import save
from lst_raster.plots.scatter import Series, draw_scatter
from lst_raster.validation.matchup_retrieval import BRIGHTNESS, Retrievals
from lst_raster.validation.matchups import NUMBERS, Matchups, product_header
from lst_raster.validation.validate import OURS, Validation

Float = NDArray[np.float64]

NAMES = ("rows.csv", "statistics.json", "scatter.png")
"""The files."""

_GIVEN = ("radiance", "emissivity", "ground_temperature", "ground_uncertainty")
_DIGITS = {"radiance": 5, "emissivity": 4}


def check_targets(folder: Path, *, overwrite: bool) -> None:
    """Refuse a folder that results cannot or must not be written into, before any work.

    Parameters
    ----------
    folder : Path
        Existing folder.
    overwrite : bool
        Whether files that exist may be replaced.

    Raises
    ------
    OutputError
        It is no folder, or a file exists.
    """
    if not folder.is_dir():
        raise OutputError(f"cannot write into {folder}: it is not an existing folder; create it")
    there = [name for name in NAMES if (folder / name).exists()]
    if there and not overwrite:
        raise OutputError(
            f"{folder} holds {', '.join(there)} already; add --overwrite to replace, or give another folder"
        )


def write_validation(found: Validation, matchups: Matchups, rows: Retrievals, folder: Path) -> tuple[Path, ...]:
    """Write the rows, the statistics and the picture.

    Parameters
    ----------
    found : Validation
        The statistics.
    matchups : Matchups
        The table.
    rows : Retrievals
        What was found, row by row.
    folder : Path
        Existing folder; files that exist are replaced.

    Returns
    -------
    tuple of Path
        The files `NAMES`.

    Raises
    ------
    OutputError
        The operating system refuses.
    """
    table, statistics, picture = (folder / name for name in NAMES)
    with atomic_write(table) as path, path.open("w", newline="", encoding="utf-8") as file:
        columns = _columns(matchups, rows)
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))
    with atomic_write(statistics) as path:
        path.write_text(json.dumps(found.as_dict(), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    save(scatter(found, matchups, rows), picture)
    return table, statistics, picture


def scatter(found: Validation, matchups: Matchups, rows: Retrievals) -> Picture:
    """Draw the retrieved temperatures against those of the ground.

    Parameters
    ----------
    found, matchups, rows
        As for `write_validation`.

    Returns
    -------
    PIL.Image.Image
        Our retrieval on all compared rows in a colour for each sensor; where there is one alone, the other methods
        beside it, on the rows that all of them have.
    """
    ground = matchups.values["ground_temperature"]
    sensors = found.groups["sensor"]
    names = np.array(matchups.sensor)
    if len(sensors) > 1:
        chosen = {name: np.where(rows.compared & (names == name), rows.lst, np.nan) for name in sensors}
        figures = {name: group.agreement for name, group in sensors.items()}
    else:
        every = {OURS: rows.lst, **rows.others}
        common = rows.compared & np.logical_and.reduce([np.isfinite(every[name]) for name in found.methods])
        chosen = {name: np.where(common, every[name], np.nan) for name in found.methods if name != BRIGHTNESS}
        figures = {name: found.methods[name] for name in chosen}
    return draw_scatter(
        [Series(name=name, x=ground, y=values, figures=_figures(figures[name])) for name, values in chosen.items()],
        title=f"{found.table}: {next(iter(found.models)) if len(found.models) == 1 else OURS}",
        across="in-situ temperature [K]",
        up="retrieved temperature [K]",
        empty="no row has all methods",
    )


def _figures(found: Agreement) -> dict[str, str]:
    values = {"bias [K]": found.bias, "SD [K]": found.sd, "RMSE [K]": found.rmse}
    shown = {title: "-" if np.isnan(value) else f"{value:.2f}" for title, value in values.items()}
    return {**shown, "rows": str(found.count)}


def _columns(matchups: Matchups, rows: Retrievals) -> dict[str, list[str]]:
    """Every row as text; columns of the table keep their names, so that it can be read again."""
    far = outliers(np.where(rows.compared, rows.difference, np.nan))
    used = {**{name: matchups.values[name] for name in _GIVEN}, **rows.air}
    return {
        "line": [str(line) for line in matchups.lines],
        "sensor": list(matchups.sensor),
        "site": list(matchups.site),
        "time": [time.isoformat().replace("+00:00", "Z") if time else "" for time in matchups.time],
        "model": list(rows.models),
        "lst_K": _texts(rows.lst),
        "lst_uncertainty_K": _texts(rows.uncertainty),
        "difference_K": _texts(rows.difference),
        "difference_uncertainty_K": _texts(rows.expected),
        "outlier": ["yes" if outlier else "" for outlier in far],
        "not_compared": list(rows.reasons),
        "excluded": list(matchups.excluded),
        **{NUMBERS[name].header: _texts(values, _DIGITS.get(name, 3)) for name, values in used.items()},
        **{_header(name, matchups): _texts(values) for name, values in rows.others.items()},
        **{name: list(cells) for name, cells in matchups.surplus.items()},
    }


def _header(method: str, matchups: Matchups) -> str:
    if method == BRIGHTNESS:
        return NUMBERS["brightness_temperature"].header
    return product_header(method) if method in matchups.products else f"{method.replace('-', '_')}_lst_K"


def _texts(values: Float, digits: int = 3) -> list[str]:
    return ["" if np.isnan(value) else f"{value:.{digits}f}" for value in values]
