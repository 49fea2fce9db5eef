"""Output files of a validation: rows, statistics and a scatter plot."""

from __future__ import annotations

import csv
import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lst_raster.atomic_write import atomic_write
from lst_raster.errors import MissingExtraError, OutputError
from lst_raster.physics.error_metrics import Agreement, outliers
from lst_raster.plots.charts import Series, draw_scatter, save_figure
from lst_raster.validation.groups import sun_elevation
from lst_raster.validation.matchups import BRIGHTNESS, LST_RASTER, NUMERIC_COLUMNS, Matchups, product_header
from lst_raster.validation.validate import Retrievals, Validation

Float = NDArray[np.float64]

NAMES = ("rows.csv", "statistics.json", "scatter.png")  # names of the files

_LOGGER = logging.getLogger(__name__)
_COPIED = ("radiance", "emissivity", "ground_temperature", "ground_uncertainty")  # with or without a value
_DIGITS = {
    **dict.fromkeys(("radiance", "upwelling_radiance", "downwelling_radiance", "latitude", "longitude"), 5),
    **dict.fromkeys(("emissivity", "transmittance", "aerosol_optical_depth", "aerosol_optical_depth_uncertainty"), 4),
}


def check_targets(folder: Path, *, overwrite: bool) -> None:
    """Raise OutputError for a folder that does not exist, or has files that must not be replaced."""
    if not folder.is_dir():
        raise OutputError(f"cannot write into {folder}: it is not an existing folder; create it")
    existing = [name for name in NAMES if (folder / name).exists()]
    if existing and not overwrite:
        raise OutputError(
            f"{folder} already contains {', '.join(existing)}; add --overwrite to replace, or give another folder"
        )


def write_validation(found: Validation, matchups: Matchups, rows: Retrievals, folder: Path) -> tuple[Path, ...]:
    """Write the files `NAMES` into an existing folder; existing files are replaced.

    Without matplotlib the scatter plot is omitted with a warning. Raises OutputError.
    """
    table, statistics, picture = (folder / name for name in NAMES)
    with atomic_write(table) as path, path.open("w", newline="", encoding="utf-8") as file:
        columns = _columns(matchups, rows)
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))
    with atomic_write(statistics) as path:
        path.write_text(json.dumps(found.as_dict(), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    try:
        save_figure(scatter(found, matchups, rows), picture)
    except MissingExtraError as error:
        _LOGGER.warning(f"{picture.name} was not written: {error}")
        return table, statistics
    return table, statistics, picture


def scatter(found: Validation, matchups: Matchups, rows: Retrievals) -> Any:
    """Draw retrieved against in-situ temperatures.

    With retrievals of several sensors: the package's retrieval on all compared rows, a colour for each sensor.
    Otherwise: all methods on their common rows.
    """
    ground = matchups.values["ground_temperature"]
    sensors = found.groups["sensor"]
    names = np.array(matchups.sensor)
    if len(sensors) > 1:
        shown = {name: np.where(rows.compared & (names == name), rows.lst, np.nan) for name in sensors}
        statistics = {name: group.agreement for name, group in sensors.items()}
    else:
        methods = {LST_RASTER: rows.lst, **rows.other_methods}
        common = rows.compared & np.logical_and.reduce([np.isfinite(methods[name]) for name in found.methods])
        shown = {name: np.where(common, methods[name], np.nan) for name in found.methods if name != BRIGHTNESS}
        statistics = {name: found.methods[name] for name in shown}
    return draw_scatter(
        [Series(name=name, x=ground, y=y, statistics=_texts_of(statistics[name])) for name, y in shown.items()],
        title=f"{found.table}: {next(iter(found.models)) if len(found.models) == 1 else LST_RASTER}"
        if found.models else found.table,
        x_label="in-situ temperature [K]",
        y_label="retrieved temperature [K]" if found.models else "temperature of the product [K]",
        empty="no row has all methods",
    )  # fmt: skip


def _texts_of(found: Agreement) -> dict[str, str]:
    values = {"bias [K]": found.bias, "SD [K]": found.sd, "RMSE [K]": found.rmse}
    texts = {title: "-" if np.isnan(value) else f"{value:.2f}" for title, value in values.items()}
    return {**texts, "rows": str(found.count)}


def _columns(matchups: Matchups, rows: Retrievals) -> dict[str, list[str]]:
    """Columns of rows.csv as text; columns of the table keep their headers, so that it can be validated again."""
    far = outliers(np.where(rows.compared, rows.difference, np.nan))
    atmosphere = rows.atmosphere if any(rows.models) else {}
    inputs = {
        name: atmosphere.get(name, matchups.values[name]) for name in NUMERIC_COLUMNS
        if name in (*_COPIED, *atmosphere) or np.isfinite(matchups.values[name]).any()
    }  # fmt: skip
    inputs.pop("brightness_temperature", None)  # one of the methods
    ground = np.where([not reason for reason in matchups.excluded], matchups.values["ground_temperature"], np.nan)
    columns = {
        "line": [str(line) for line in matchups.lines],
        "sensor": list(matchups.sensor),
        "site": list(matchups.site),
        "surface_type": list(matchups.surface_type),
        "time": [time.isoformat().replace("+00:00", "Z") if time else "" for time in matchups.time],
        "model": list(rows.models),
        "lst_K": _formatted(rows.lst),
        "lst_uncertainty_K": _formatted(rows.uncertainty),
        "difference_K": _formatted(rows.difference),
        "difference_uncertainty_K": _formatted(rows.difference_uncertainty),
        "outlier": ["yes" if outlier else "" for outlier in far],
        "not_compared": list(rows.reasons),
        "excluded": list(matchups.excluded),
        "climatology": list(rows.climatology),
        **{NUMERIC_COLUMNS[name].header: _formatted(array, _DIGITS.get(name, 3)) for name, array in inputs.items()},
        **{_header(name, matchups): _formatted(array) for name, array in rows.other_methods.items()},
        **{
            product_header(name, uncertainty=True): _formatted(array)
            for name, array in matchups.product_uncertainties.items()
        },
        **{
            f"difference_{product_header(name)}": _formatted(array - ground)
            for name, array in matchups.products.items()
        },
        "sun_elevation_degree": _formatted(sun_elevation(matchups), 1),
    }
    return columns | {name: list(cells) for name, cells in matchups.extra_columns.items() if name not in columns}


def _header(method: str, matchups: Matchups) -> str:
    if method == BRIGHTNESS:
        return NUMERIC_COLUMNS["brightness_temperature"].header
    return (
        product_header(method) if method in matchups.products else f"{method.replace('-', '_').replace(' ', '_')}_lst_K"
    )


def _formatted(values: Float, digits: int = 3) -> list[str]:
    return ["" if np.isnan(value) else f"{value:.{digits}f}" for value in values]
