"""STAC item of a product, and the footprint of a grid as GeoJSON."""

from __future__ import annotations

import calendar
import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import rasterio
from numpy.typing import NDArray
from pyproj import Transformer
from pyproj.exceptions import ProjError
from rasterio.errors import RasterioError

from lst_raster.errors import InputError, OutputError
from lst_raster.io.grid import Grid
from lst_raster.product.paths import COMPONENTS
from lst_raster.product.quality_flags import FLAGS, Flag, flag
from lst_raster.product.staging import writing
from lst_raster.sensors.bands import SensorBand, sensor_band

Ring: TypeAlias = NDArray[np.float64]  # longitudes and latitudes of a closed line, (points, 2) [degree]

_TOLERANCE = 0.5  # [pixel], largest distance of a straight line between two points from the edge of the grid
_AT_POLE = 1e-7  # distance from a pole at which a point is on it. [degree]
_MAX_PIECES = 4096  # of an edge; a continent in a polar projection needs a few hundred
_DECIMALS = 7  # [degree], a centimetre


@dataclass(frozen=True, kw_only=True, slots=True)
class Footprint:
    """Outline of a grid in longitude and latitude; its parts are None without a location on Earth.

    `geometry` is a GeoJSON Polygon, counter-clockwise, or a MultiPolygon if the grid crosses the antimeridian; a grid
    around a pole is one Polygon from -180 to 180 degrees, closed along the pole. `bbox` are west, south, east and
    north, with west greater than east across the antimeridian. [degree]
    """

    geometry: dict[str, Any] | None = None
    bbox: list[float] | None = None


def footprint(grid: Grid) -> Footprint:
    """Outline of a grid, within half a pixel of its edges; empty if its location on Earth is not known.

    Source: RFC 7946, The GeoJSON Format (2016), sections 3.1.6, 3.1.9 and 5.2
    """
    if grid.crs is None:
        return Footprint()
    try:
        ring = _outline(grid)
    except ProjError:
        return Footprint()
    has_pole = round((ring[-1, 0] - ring[0, 0]) / 360.0) != 0
    if has_pole:  # close the line via the pole
        latitude = 90.0 if ring[:, 1].mean() > 0 else -90.0
        ring = _from_antimeridian(ring)
        ring = np.vstack([ring, [[ring[-1, 0], latitude], [ring[0, 0], latitude]], ring[:1]])
    polygons = [[_counter_clockwise(part).tolist()] for part in _split(ring) if len(part) > 3]
    geometry: dict[str, Any] = {"type": "MultiPolygon", "coordinates": polygons}
    if len(polygons) == 1:
        geometry = {"type": "Polygon", "coordinates": polygons[0]}
    (west, south), (east, north) = ring.min(axis=0), ring.max(axis=0)
    if has_pole or east - west >= 360.0:
        west, east = -180.0, 180.0
    elif west < -180.0 or east > 180.0:
        west, east = ((end + 180.0) % 360.0 - 180.0 for end in (west, east))
    bbox = [round(float(end), _DECIMALS) for end in (west, south, east, north)]
    return Footprint(geometry=geometry, bbox=bbox)


def _outline(grid: Grid) -> Ring:
    """Points along the edges of a grid; longitudes continue beyond 180 degrees."""
    to_grid = Transformer.from_crs("EPSG:4326", grid.crs.to_wkt(), always_xy=True)
    a, b, c, d, e, f = (~grid.transform)[:6]
    pieces = 1
    while True:
        ring = _edge_points(grid, pieces)
        middle = (ring[1:] + ring[:-1]) / 2
        x, y = to_grid.transform(middle[:, 0], middle[:, 1], errcheck=True)
        column, row = a * x + b * y + c, d * x + e * y + f
        distance = np.abs([column, column - grid.width, row, row - grid.height]).min(axis=0).max()
        if pieces >= _MAX_PIECES or distance <= _TOLERANCE:
            return ring
        pieces *= 2


def _edge_points(grid: Grid, pieces: int) -> Ring:
    """Corners of a grid and points between them, counter-clockwise if north is up; the last point is the first."""
    fraction = np.arange(pieces) / pieces
    zero, one = np.zeros(pieces), np.ones(pieces)
    column = np.concatenate([zero, fraction, one, 1 - fraction, [0.0]]) * grid.width
    row = np.concatenate([fraction, one, 1 - fraction, zero, [0.0]]) * grid.height
    latitude, longitude = (np.asarray(values) for values in grid.degrees(column, row))
    at_pole = np.flatnonzero(np.abs(latitude[:-1]) > 90.0 - _AT_POLE)
    if at_pole.size == 0:
        return np.column_stack([np.unwrap(longitude, period=360.0), latitude])
    # A pole on the edge has no longitude: the line goes to it along one meridian and leaves it along another.
    pole = int(at_pole[0])
    order = np.roll(np.arange(latitude.size - 1), -pole)[1:]
    ring = np.column_stack([np.unwrap(longitude[order], period=360.0), latitude[order]])
    there = float(np.sign(latitude[pole])) * 90.0
    return np.vstack([ring, [[ring[-1, 0], there], [ring[0, 0], there]], ring[:1]])


def _from_antimeridian(ring: Ring) -> Ring:
    """Start a line around a pole at the antimeridian, so that it is cut there only; longitudes are -180 to 180."""
    turn = np.floor((ring[:, 0] + 180.0) / 360.0)
    before = int(np.flatnonzero(np.diff(turn))[0])
    limit = 360.0 * max(turn[before], turn[before + 1]) - 180.0
    (west, south), (east, north) = ring[before], ring[before + 1]
    start = np.array([[limit, south + (limit - west) / (east - west) * (north - south)]])
    around = np.array([ring[-1, 0] - ring[0, 0], 0.0])
    line = np.vstack([start, ring[before + 1 : -1], ring[: before + 1] + around, start + around])
    line[:, 0] -= min(limit, limit + around[0]) + 180.0
    moves: NDArray[np.bool_] = np.append(True, np.abs(np.diff(line, axis=0)).max(axis=1) > 0.0)
    return np.asarray(line[moves], np.float64)


def _split(ring: Ring) -> list[Ring]:
    """Cut a line at the antimeridian into parts between -180 and 180 degrees."""
    first, last = (int(np.floor((end + 180.0) / 360.0)) for end in (ring[:, 0].min(), ring[:, 0].max() - 1e-9))
    parts = (ring - [360.0 * turn, 0.0] for turn in range(first, last + 1))
    return [_clip(_clip(part, 180.0, 1.0), -180.0, -1.0) for part in parts]


def _clip(ring: Ring, limit: float, side: float) -> Ring:
    """Clip a line to the part west (`side` 1) or east (-1) of a meridian."""
    inside = side * (ring[:, 0] - limit) <= 0
    if inside.all():
        return ring
    points: list[Ring] = []
    for (start, end), (start_inside, end_inside) in zip(pairwise(ring), pairwise(inside), strict=True):
        if start_inside:
            points.append(start)
        if start_inside != end_inside:
            fraction = (limit - start[0]) / (end[0] - start[0])
            points.append(np.array([limit, start[1] + fraction * (end[1] - start[1])]))
    return np.array([*points, points[0]]) if points else np.empty((0, 2))


def _counter_clockwise(ring: Ring) -> Ring:
    x, y = ring.T
    area = float(np.sum(x[:-1] * y[1:] - x[1:] * y[:-1]))
    return (ring if area > 0 else ring[::-1]).round(_DECIMALS)


Item: TypeAlias = dict[str, Any]  # STAC item, as for JSON
Files: TypeAlias = Mapping[str, tuple[Path, str]]  # current path and final name of each file, by role

RUN = "lst_raster:run"  # property of a STAC item with the provenance of the run
COUNTS_PROPERTY = "lst_raster:counts"  # property of a STAC item with the numbers of pixels, `pixels` and `retrieved`

COG_TYPE = "image/tiff; application=geotiff; profile=cloud-optimized"  # media type of the rasters
STAC_VERSION = "1.1.0"  # version of the specification
_VERSIONS = {
    "projection": "v2.0.0", "raster": "v2.0.0", "eo": "v2.0.0", "processing": "v1.2.0", "classification": "v1.1.0",
    "file": "v2.1.0", "view": "v1.1.0",
}  # fmt: skip
# URLs of the schemas of the extensions, by name; `classification` only with a quality band, `view` with its fields
EXTENSIONS = {name: f"https://stac-extensions.github.io/{name}/{v}/schema.json" for name, v in _VERSIONS.items()}


class AssetKind(NamedTuple):
    """Fields of an asset that are the same for all products."""

    title: str
    media_type: str
    roles: tuple[str, ...]


_QUALITY_ROLES = ("metadata", "cloud", "cloud-shadow", "snow-ice", "water-mask", "saturation")
_STYLE = "application/xml"
ASSETS: Mapping[str, AssetKind] = {  # by role
    "lst": AssetKind("Land surface temperature", COG_TYPE, ("data", "temperature")),
    "uncertainty": AssetKind("Uncertainty of the temperature, one sigma", COG_TYPE, ("data", "uncertainty")),
    **{
        role: AssetKind(title[0].upper() + title[1:], COG_TYPE, ("data", "uncertainty"))
        for role, title in COMPONENTS.items()
    },
    "quality": AssetKind("Quality", COG_TYPE, _QUALITY_ROLES),
    "view_zenith": AssetKind("Zenith angle of the satellite", COG_TYPE, ("metadata", "incidence-angle")),
    "view_azimuth": AssetKind("Azimuth of the satellite", COG_TYPE, ("metadata", "azimuth")),
    "sun_zenith": AssetKind("Zenith angle of the sun", COG_TYPE, ("metadata", "sun-zenith")),
    "sun_azimuth": AssetKind("Azimuth of the sun", COG_TYPE, ("metadata", "sun-azimuth")),
    "quicklook": AssetKind("Quicklook", "image/png", ("thumbnail", "overview")),
    "style": AssetKind("QGIS style of the temperature", _STYLE, ("style",)),
    "quality_style": AssetKind("QGIS style of the quality", _STYLE, ("style",)),
}

_UNKNOWN = "unknown"
_MAX_SIZE = 2048  # [pixel], of the sample of the quality band for the cloud cover
_LINEAGE = {
    "input": "input", "radiance": "calibration", "second band": "second_input",
    "radiance of the second band": "second_calibration", "emissivity": "emissivity", "atmosphere": "atmosphere",
    "water vapour": "water_vapour", "air temperature": "air_temperature", "surface pressure": "surface_pressure",
    "brightness temperature": "brightness_temperature",
    "difference of both bands": "brightness_temperature_difference", "aerosol": "aerosol_optical_depth",
    "angles": "angles", "gas year": "gas_year", "model": "model", "atmosphere interpolation": "air", "masked": "mask",
}  # fmt: skip


def make_item(files: Files) -> Item:
    """Make the STAC item of a product from its finished files, by role (`ASSETS`); ``lst`` is required.

    The same files give the same item. Raises InputError if the roles are wrong or ``lst`` is not a product of
    lst-raster, OutputError if a file cannot be read.
    """
    unknown = [role for role in files if role not in ASSETS]
    if unknown or "lst" not in files:
        raise InputError(f"files of a product are {', '.join(ASSETS)}; found {', '.join(files)}; give lst and no other")
    path, name = files["lst"]
    try:
        with rasterio.open(path) as dataset:
            tags, grid = dataset.tags(), Grid.of(dataset)
        if "sensor" not in tags or "lst_raster_version" not in tags:
            raise InputError(f"{name} has no metadata sensor and lst_raster_version; give the LST file of a product")
        cloud_cover = _cloud_cover(files["quality"][0], tags) if "quality" in files else None
        view = _view(tags, {role: path for role, (path, _) in files.items()})
        assets = {role: _asset(role, *files[role], tags["sensor"]) for role in ASSETS if role in files}
    except (OSError, RasterioError) as error:
        raise OutputError(f"cannot read the files of {name} for its STAC item: {error}") from error
    place, used = footprint(grid), {"classification": "quality" in files, "view": bool(view)}
    item: Item = {
        "type": "Feature", "stac_version": STAC_VERSION,
        "stac_extensions": [url for key, url in EXTENSIONS.items() if used.get(key, True)],
        "id": Path(name).stem, "geometry": place.geometry,
        "properties": {**_properties(tags, grid, cloud_cover, place.geometry is not None), **view}, "links": [],
        "assets": assets,
    }  # fmt: skip
    return item if place.bbox is None else {**item, "bbox": place.bbox}


def item_text(item: Item) -> str:
    """Format an item as JSON."""
    return json.dumps(item, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def write_item(item: Item, path: Path) -> None:
    """Write an item to a file; raises OutputError if that is not possible."""
    with writing(path):
        path.write_text(item_text(item), encoding="utf-8")


def _asset(role: str, path: Path, name: str, sensor: str) -> dict[str, Any]:
    kind = ASSETS[role]
    return {
        "href": f"./{name}", "type": kind.media_type, "title": kind.title, "roles": list(kind.roles),
        **(raster_fields(path) if kind.media_type == COG_TYPE else {}),
        **({"bands": [_band(sensor)]} if role == "lst" else {}),
        **({"classification:bitfields": [_bitfield(entry) for entry in FLAGS]} if role == "quality" else {}),
        "file:size": path.stat().st_size, "file:checksum": checksum(path),
    }  # fmt: skip


def checksum(path: Path) -> str:
    """SHA-256 of a file as a hexadecimal multihash, with code and length as a prefix (STAC file extension)."""
    with path.open("rb") as file:
        return "1220" + hashlib.file_digest(file, "sha256").hexdigest()


def raster_fields(path: Path) -> dict[str, Any]:
    """Asset fields of a raster; its statistics are those of the stored numbers, as in GDAL."""
    with rasterio.open(path) as dataset:
        nodata, scale, offset, unit = dataset.nodata, dataset.scales[0], dataset.offsets[0], dataset.units[0]
        band, tags = dataset.tags(1), dataset.tags()
        size = Grid.of(dataset).pixel_size()
        fields: dict[str, Any] = {"data_type": dataset.dtypes[0]}
    if nodata is not None:
        fields["nodata"] = "nan" if math.isnan(nodata) else nodata
    if unit:
        fields["unit"] = unit
    names = ("minimum", "maximum", "mean", "stddev", "valid_percent")
    statistics = {name: float(band.get(f"STATISTICS_{name.upper()}", "nan")) for name in names}
    finite = {name: number for name, number in statistics.items() if math.isfinite(number)}  # as JSON requires
    if finite:
        fields["statistics"] = finite
    if (scale, offset) != (1.0, 0.0):
        fields |= {"raster:scale": scale, "raster:offset": offset}
    if size is not None:
        fields["raster:spatial_resolution"] = round((size[0] + size[1]) / 2, 3)
    if "precision" in tags:
        fields["description"] = tags["precision"]
    return {**fields, "raster:sampling": tags.get("AREA_OR_POINT", "Area").lower()}


def _band(sensor: str) -> dict[str, Any]:
    band = sensor_band(sensor)
    return {
        "name": band.name if band.is_custom else band.name.partition("-")[2].upper(),
        "description": band.title,
        **({} if band.is_custom else {"eo:common_name": band.common_name}),
        "eo:center_wavelength": band.wavelength,
    }


def _bitfield(entry: Flag) -> dict[str, Any]:
    values = sorted(entry.values.items())
    classes = [{"value": value, "name": name, "description": text} for value, (name, text) in values]
    return {
        "name": entry.name, "description": entry.description, "offset": entry.offset, "length": entry.length,
        "classes": classes,
    }  # fmt: skip


def _sensor_title(tags: Mapping[str, str]) -> str:
    """Title of the sensor band, or of both."""
    other = tags.get("second_sensor")
    second = f" and {sensor_band(other).title.rpartition(' ')[2]}" if other else ""
    return f"{sensor_band(tags['sensor']).title}{second}"


def _properties(tags: Mapping[str, str], grid: Grid, cloud_cover: float | None, located: bool) -> dict[str, Any]:
    band = sensor_band(tags["sensor"])
    date = tags.get("acquisition_date", _UNKNOWN)
    spacecraft = {
        "platform": f"landsat-{band.satellite}", "constellation": "landsat", "instruments": [band.instrument],
        "gsd": band.ground_sample_distance,
    }  # fmt: skip
    return {
        "title": f"Land surface temperature, {_sensor_title(tags)}, {date if date != _UNKNOWN else 'date unknown'}",
        **_times(date, tags.get("acquisition_time", _UNKNOWN), band),
        **({} if band.is_custom else spacecraft),
        **({} if cloud_cover is None else {"eo:cloud_cover": cloud_cover}),
        **projection_fields(grid, located),
        "processing:level": "L2", "processing:software": {"lst-raster": tags["lst_raster_version"]},
        "processing:expression": {"format": "equation", "expression": tags.get("equation", "")},
        "processing:lineage": "; ".join(f"{title} {tags[key]}" for title, key in _LINEAGE.items() if key in tags),
        **{f"lst_raster:{key}": tags[key] for key in sorted(tags) if key.islower() and key != "lst_raster_version"},
    }  # fmt: skip


def _times(date: str, time: str, band: SensorBand) -> dict[str, str | None]:
    """Acquisition time, or the interval that includes it; without any date the years of the satellite."""
    if date != _UNKNOWN and time != _UNKNOWN:
        return {"datetime": f"{date}T{time}"}
    if date == _UNKNOWN:
        first, last = f"{band.first_year}-01-01", f"{band.last_year}-12-31"
    elif date.count("-") == 1:
        year, month = (int(part) for part in date.split("-"))
        first, last = f"{date}-01", f"{date}-{calendar.monthrange(year, month)[1]:02}"
    else:
        first = last = date
    return {"datetime": None, "start_datetime": f"{first}T00:00:00Z", "end_datetime": f"{last}T23:59:59Z"}


def projection_fields(grid: Grid, located: bool) -> dict[str, Any]:
    """Properties of the grid; if it is not `located` on Earth its coordinate system is ignored."""
    code = grid.crs.to_epsg() if located else None
    return {
        "proj:code": f"EPSG:{code}" if code else None,
        **({} if code or not located else {"proj:wkt2": grid.crs.to_wkt(version="WKT2_2019")}),
        "proj:shape": [grid.height, grid.width], "proj:transform": [float(number) for number in grid.transform[:6]],
    }  # fmt: skip


def _view(tags: Mapping[str, str], files: Mapping[str, Path]) -> dict[str, float]:
    """Mean directions of the view and the sun; without angles the sun at the scene centre, if known. [degree]

    The incidence angle is the mean zenith angle; the mean azimuth is that of the mean horizontal direction.
    """
    fields = {f"view:{name}": float(tags[name]) for name in ("sun_elevation", "sun_azimuth") if name in tags}
    if {"view_zenith", "view_azimuth"} <= files.keys():
        zenith, azimuth = _mean_direction(files["view_zenith"], files["view_azimuth"])
        fields |= {"view:incidence_angle": zenith, "view:azimuth": azimuth}
    if {"sun_zenith", "sun_azimuth"} <= files.keys():
        zenith, azimuth = _mean_direction(files["sun_zenith"], files["sun_azimuth"])
        fields |= {"view:sun_elevation": 90.0 - zenith, "view:sun_azimuth": azimuth}
    return {name: round(value, 2) for name, value in fields.items() if math.isfinite(value)}


def _mean_direction(zenith_path: Path, azimuth_path: Path) -> tuple[float, float]:
    """Mean zenith angle and azimuth of the mean horizontal direction of rasters; NaN without pixels. [degree]"""
    angles = []
    for path in (zenith_path, azimuth_path):
        with rasterio.open(path) as dataset:
            factor = 1
            while max(dataset.shape) > factor * _MAX_SIZE:
                factor *= 2
            angles.append(np.radians(dataset.read(1, out_shape=tuple(-(-side // factor) for side in dataset.shape))))
    zenith, azimuth = (values[np.isfinite(angles[0] + angles[1])].astype(np.float64) for values in angles)
    if not zenith.size:
        return math.nan, math.nan
    east, north = (float((np.sin(zenith) * function(azimuth)).mean()) for function in (np.sin, np.cos))
    return math.degrees(zenith.mean()), math.degrees(math.atan2(east, north)) % 360.0


def _cloud_cover(path: Path, tags: Mapping[str, str]) -> float | None:
    """Fraction of the measured pixels under cloud; None if no quality band of the scene was used. [%]"""
    if tags.get("mask", "none").startswith("none"):
        return None
    with rasterio.open(path) as dataset:
        factor = 1
        while max(dataset.shape) > factor * _MAX_SIZE:
            factor *= 2  # the size of an overview, which GDAL reads without resampling
        bits = dataset.read(1, out_shape=tuple(-(-side // factor) for side in dataset.shape))
    measured = flag("fill").of(bits) == 0
    count = int(measured.sum())
    return round(100 * int((measured & (flag("cloud").of(bits) == 1)).sum()) / count, 2) if count else None
