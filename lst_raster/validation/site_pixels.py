"""Pixels of finished products over the sites of match-ups: temperature, uncertainty and deviation within the site."""

from __future__ import annotations

import datetime
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from lst_raster.errors import InputError
from lst_raster.io.bundle import Place
from lst_raster.io.raster import open_raster, read_window
from lst_raster.product.quality_flags import FLAGS
from lst_raster.validation.matchups import Matchups, product_header

if TYPE_CHECKING:
    from lst_raster.compositing.products import SourceProduct

Float = NDArray[np.float64]

PRODUCT = "lst-raster product"  # name of the products among the methods
RADIUS = 150.0
"""Radius of the area of a site, three footprints of TIRS of 100 m in diameter. [m]"""

_LARGEST = 5000.0  # largest radius; the pixels around a site are read at once [m]
_SAME_OVERPASS = datetime.timedelta(minutes=30)  # an orbit takes 99 minutes
_FEWEST = 0.5  # fraction of the pixels of the area that must have a temperature
_UNUSABLE = sum(flag.mask for flag in FLAGS if flag.name in ("fill", "cloud", "cloud_shadow", "no_solution"))


@dataclass(frozen=True, kw_only=True, slots=True)
class SitePixels:
    """A product at a site."""

    temperature: float  # of the pixel that contains the site [K]
    uncertainty: float  # its standard uncertainty, NaN without one [K]
    deviation: float
    """Standard deviation of the temperatures of the pixels within a radius; NaN if half of them have none. [K]"""


def fill_from_products(matchups: Matchups, products: Sequence[SourceProduct], radius: float = RADIUS) -> Matchups:
    """Add products of lst-raster as another product, `PRODUCT`, and the deviation within the site where it is missing.

    Rows with a place and a time have the pixel of the product of the same overpass, within 30 minutes, and of the same
    sensor band if the row has one; a date serves where one of them has no time. Pixels with clouds, shadows or without
    a solution are not used. `radius` is that of the area of a site [m].

    Raises InputError where no row has a pixel, a product has no coordinate system, the radius is not above 0 or more
    than 5000 m, or the table has a product of this name, as rows.csv of another validation has.
    """
    if not 0.0 < radius <= _LARGEST:
        raise InputError(f"the radius of a site is {radius:g} m; give a number above 0, at most {_LARGEST:g}")
    if PRODUCT in matchups.products:
        raise InputError(
            f"{matchups.name} has the column {product_header(PRODUCT)}, but the products given have this name; rename "
            "the column, or compare it without products"
        )
    values = {name: array.copy() for name, array in matchups.values.items()}
    temperature, uncertainty = np.full(len(matchups), math.nan), np.full(len(matchups), math.nan)
    for product in products:
        rows = [row for row in _rows_of(matchups, product) if math.isnan(temperature[row])]
        places = [(float(values["latitude"][row]), float(values["longitude"][row])) for row in rows]
        for row, pixels in zip(rows, pixels_at(product, places, radius), strict=True):
            if pixels is not None:
                temperature[row], uncertainty[row] = pixels.temperature, pixels.uncertainty
                if math.isnan(values["site_deviation"][row]):
                    values["site_deviation"][row] = pixels.deviation
    if not np.isfinite(temperature).any():
        raise InputError(
            f"none of the {len(products)} products has a temperature at a row of {matchups.name}; rows need latitude, "
            "longitude and the time of the overpass, within 30 minutes"
        )
    uncertainties = {PRODUCT: uncertainty} if np.isfinite(uncertainty).any() else {}
    return replace(
        matchups, values=values, products={**matchups.products, PRODUCT: temperature},
        product_uncertainties={**matchups.product_uncertainties, **uncertainties},
    )  # fmt: skip


def exclude_heterogeneous(matchups: Matchups, limit: float) -> Matchups:
    """Exclude rows whose deviation within the site is above a limit. [K]"""
    above = matchups.values["site_deviation"] > limit
    reason = f"deviation within the site above {limit:g} K"
    excluded = tuple(text or (reason if one else "") for text, one in zip(matchups.excluded, above, strict=True))
    return replace(matchups, excluded=excluded)


def _rows_of(matchups: Matchups, product: SourceProduct) -> list[int]:
    """Rows with a place and the overpass of a product."""
    date, sensor = product.date, product.tags.get("sensor", "")
    if date is None or date.month_only:
        return []
    moment = date.moment.replace(tzinfo=datetime.UTC) if date.moment is not None else None
    rows = []
    for row, time in enumerate(matchups.time):
        place = matchups.values["latitude"][row] + matchups.values["longitude"][row]
        if math.isnan(place) or (matchups.sensor[row] and matchups.sensor[row] != sensor):
            continue
        if time is not None and moment is not None:
            same = abs(time - moment) <= _SAME_OVERPASS
        else:
            same = bool(matchups.date[row] == np.datetime64(date.date, "D"))
        if same:
            rows.append(row)
    return rows


def pixels_at(
    product: SourceProduct, places: Sequence[tuple[float, float]], radius: float = RADIUS
) -> list[SitePixels | None]:
    """Pixels of a product at places (latitude, longitude) [degree]; None outside it and without a temperature.

    `radius` is that of the area of a site [m]. Raises InputError for a product without a coordinate system.
    """
    if not places:
        return []
    size = product.grid.pixel_size()
    if size is None:
        raise InputError(f"{product.name} has no coordinate system, so it has no pixel at a site; leave it out")
    columns, rows = product.grid.positions(*np.transpose(places))
    found: list[SitePixels | None] = []
    for column, row in zip(columns.tolist(), rows.tolist(), strict=True):
        inside = 0.0 <= column < product.grid.width and 0.0 <= row < product.grid.height
        found.append(_site_pixels(product, column, row, size, radius) if inside else None)
    return found


def _site_pixels(
    product: SourceProduct, column: float, row: float, size: tuple[float, float], radius: float
) -> SitePixels | None:
    """Pixels at a position from the upper left corner [pixel], of `size`, width and height [m]."""
    reach = math.ceil(radius / size[0]), math.ceil(radius / size[1])
    left, top = math.floor(column) - reach[0], math.floor(row) - reach[1]
    width, height = 2 * reach[0] + 1, 2 * reach[1] + 1  # of the square around the area, also outside the grid
    inner = Window.from_slices(
        (max(top, 0), min(top + height, product.grid.height)), (max(left, 0), min(left + width, product.grid.width))
    )
    x = size[0] * (np.arange(width) + left + 0.5 - column)
    y = size[1] * (np.arange(height) + top + 0.5 - row)
    half = np.sqrt(np.maximum(radius**2 - y**2, 0.0))[np.abs(y) <= radius]  # of the chord of each row
    area = int(np.sum(np.searchsorted(x, half, "right") - np.searchsorted(x, -half, "left")))
    row_offset, column_offset = int(inner.row_off) - top, int(inner.col_off) - left
    x = x[column_offset : column_offset + int(inner.width)]
    y = y[row_offset : row_offset + int(inner.height)]
    temperature = _values(product.place, inner)
    if product.quality is not None:
        bits = _values(product.quality, inner)
        temperature[(np.nan_to_num(bits, nan=1.0).astype(np.uint32) & np.uint32(_UNUSABLE)) != 0] = math.nan
    centre = reach[1] - row_offset, reach[0] - column_offset
    if math.isnan(temperature[centre]):
        return None
    known = temperature[np.hypot(x, y[:, None]) <= radius]
    known = known[np.isfinite(known)]
    enough = known.size > 1 and known.size >= _FEWEST * area
    return SitePixels(
        temperature=float(temperature[centre]),
        uncertainty=float(_values(product.uncertainty, inner)[centre]) if product.uncertainty else math.nan,
        deviation=float(np.std(known, ddof=1)) if enough else math.nan,
    )


def _values(place: Place, window: Window) -> Float:
    """Values of a window, NaN where there are none."""
    with open_raster(place, "product", InputError) as dataset:
        stored, valid = read_window(dataset, "product", InputError, window=window)
        return np.where(valid, stored.astype(np.float64) * float(dataset.scales[0]), math.nan)
