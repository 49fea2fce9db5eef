"""STAC item of a product."""

from __future__ import annotations

import calendar
import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeAlias

import rasterio
from rasterio.errors import RasterioError

from lst_raster.errors import InputError, OutputError
from lst_raster.io.grid import Grid
from lst_raster.product.footprint import footprint
from lst_raster.product.quality_flags import FLAGS, Flag, flag
from lst_raster.product.staging import writing
from lst_raster.sensors.bands import SensorBand, sensor_band

RUN = "lst_raster:run"
"""Property of a STAC item that tells what its product was made of."""
COUNTS = "lst_raster:counts"
"""Property of a STAC item with the numbers of its product's pixels, `pixels` and `retrieved`."""

COG_TYPE = "image/tiff; application=geotiff; profile=cloud-optimized"
"""Media type of the rasters."""

_SHA2_256 = "1220"  # multihash: the function's code, and the length of 32 bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class AssetKind:
    """What a file of a product is to those who read its item."""

    title: str
    """Title."""
    media_type: str
    """Media type."""
    roles: tuple[str, ...]
    """Roles."""


ASSETS = MappingProxyType(
    {
        "lst": AssetKind(title="Land surface temperature", media_type=COG_TYPE, roles=("data", "temperature")),
        "uncertainty": AssetKind(
            title="Uncertainty of the temperature, one sigma", media_type=COG_TYPE, roles=("data", "uncertainty")
        ),
        "quality": AssetKind(
            title="Quality", media_type=COG_TYPE,
            roles=("metadata", "cloud", "cloud-shadow", "snow-ice", "water-mask", "saturation"),
        ),
        "quicklook": AssetKind(title="Quicklook", media_type="image/png", roles=("thumbnail", "overview")),
        "style": AssetKind(title="QGIS style of the temperature", media_type="application/xml", roles=("style",)),
        "quality_style": AssetKind(title="QGIS style of the quality", media_type="application/xml", roles=("style",)),
    }
)  # fmt: skip
"""The files of a product, by role."""


def checksum(path: Path) -> str:
    """SHA-256 of a file, as the multihash that STAC wants.

    Parameters
    ----------
    path : path
        File.

    Returns
    -------
    str
        Hexadecimal, in lower case.

    References
    ----------
    https://github.com/stac-extensions/file#checksums; https://github.com/multiformats/multihash
    """
    with path.open("rb") as file:
        return _SHA2_256 + hashlib.file_digest(file, "sha256").hexdigest()


def asset(role: str, path: Path, name: str, sensor: str) -> dict[str, Any]:
    """Tell of a file.

    Parameters
    ----------
    role : str
        Key of `ASSETS`.
    path : path
        The finished file as it lies now.
    name : str
        Its final name.
    sensor : str
        Sensor band of the product.

    Returns
    -------
    dict
        The asset.

    Raises
    ------
    OSError, rasterio.errors.RasterioError
        The file cannot be read.
    """
    kind = ASSETS[role]
    return {
        "href": f"./{name}",
        "type": kind.media_type,
        "title": kind.title,
        "roles": list(kind.roles),
        **(raster_fields(path) if kind.media_type == COG_TYPE else {}),
        **({"bands": [_band(sensor)]} if role == "lst" else {}),
        **({"classification:bitfields": [_bitfield(entry) for entry in FLAGS]} if role == "quality" else {}),
        "file:size": path.stat().st_size,
        "file:checksum": checksum(path),
    }


def raster_fields(path: Path) -> dict[str, Any]:
    """Tell what the numbers of a raster are; its statistics are those of the numbers, as GDAL has them."""
    with rasterio.open(path) as dataset:
        nodata, scale, offset, unit = dataset.nodata, dataset.scales[0], dataset.offsets[0], dataset.units[0]
        band, sampling = dataset.tags(1), dataset.tags().get("AREA_OR_POINT", "Area").lower()
        size = Grid.of(dataset).pixel_size()
        fields: dict[str, Any] = {"data_type": dataset.dtypes[0]}
    if nodata is not None:
        fields["nodata"] = "nan" if math.isnan(nodata) else nodata
    if unit:
        fields["unit"] = unit
    names = {"minimum": "MINIMUM", "maximum": "MAXIMUM", "mean": "MEAN", "stddev": "STDDEV",
             "valid_percent": "VALID_PERCENT"}  # fmt: skip
    found = {name: band.get(f"STATISTICS_{key}") for name, key in names.items()}
    numbers = {name: float(text) for name, text in found.items() if text is not None}
    statistics = {name: number for name, number in numbers.items() if math.isfinite(number)}  # JSON has no others
    if statistics:
        fields["statistics"] = statistics
    if (scale, offset) != (1.0, 0.0):
        fields |= {"raster:scale": scale, "raster:offset": offset}
    if size is not None:
        fields["raster:spatial_resolution"] = round((size[0] + size[1]) / 2, 3)
    return {**fields, "raster:sampling": sampling}


def _band(sensor: str) -> dict[str, Any]:
    band = sensor_band(sensor)
    if band.is_custom:
        return {"name": band.name, "description": band.title, "eo:center_wavelength": band.wavelength}
    _, _, number = band.name.partition("-")
    return {
        "name": number.upper(),
        "description": band.title,
        "eo:common_name": band.common_name,
        "eo:center_wavelength": band.wavelength,
    }


def _bitfield(entry: Flag) -> dict[str, Any]:
    classes = [
        {"value": value, "name": name, "description": description}
        for value, (name, description) in sorted(entry.values.items())
    ]
    return {
        "name": entry.name, "description": entry.description, "offset": entry.offset, "length": entry.length,
        "classes": classes,
    }  # fmt: skip


Item: TypeAlias = dict[str, Any]
"""A STAC item, ready for JSON."""
Files: TypeAlias = Mapping[str, tuple[Path, str]]
"""By role the file as it lies now, and its final name."""

STAC_VERSION = "1.1.0"
"""Version of the specification."""
EXTENSIONS = MappingProxyType(
    {
        name: f"https://stac-extensions.github.io/{name}/{version}/schema.json"
        for name, version in {
            "projection": "v2.0.0", "raster": "v2.0.0", "eo": "v2.0.0", "processing": "v1.2.0",
            "classification": "v1.1.0", "file": "v2.1.0",
        }.items()
    }
)  # fmt: skip
"""Extensions that items use, by name."""

_UNKNOWN = "unknown"
_THIN = 2048  # rows and columns of the quality band from which the share of cloud is taken


def make_item(files: Files) -> Item:
    """Make the STAC item of a product from its files alone.

    Parameters
    ----------
    files : mapping of str to tuple of path and str
        By role (the keys of `ASSETS`) the finished file as it lies now, and its final name. ``lst`` must be there.

    Returns
    -------
    dict
        The item; the same files give the same.

    Raises
    ------
    InputError
        A role is not known, there is no ``lst``, or it is no product of ours.
    OutputError
        A file cannot be read.
    """
    unknown = [role for role in files if role not in ASSETS]
    if unknown or "lst" not in files:
        raise InputError(f"files of a product are {', '.join(ASSETS)}; found {', '.join(files)}; give lst and no other")
    try:
        return _item(files)
    except (OSError, RasterioError) as error:
        raise OutputError(f"cannot read the files of {files['lst'][1]} for its STAC item: {error}") from error


def _item(files: Files) -> Item:
    path, name = files["lst"]
    with rasterio.open(path) as dataset:
        tags, grid = dataset.tags(), Grid.of(dataset)
    if "sensor" not in tags or "lst_raster_version" not in tags:
        raise InputError(f"{name} has no items sensor and lst_raster_version; only products of lst-raster get an item")
    place = footprint(grid)
    cloud_cover = _cloud_cover(files["quality"][0], tags) if "quality" in files else None
    item: Item = {
        "type": "Feature",
        "stac_version": STAC_VERSION,
        "stac_extensions": [url for key, url in EXTENSIONS.items() if key != "classification" or "quality" in files],
        "id": Path(name).stem,
        "geometry": place.geometry,
        "properties": _properties(tags, grid, cloud_cover, place.geometry is not None),
        "links": [],
        "assets": {role: asset(role, *files[role], tags["sensor"]) for role in ASSETS if role in files},
    }
    return item if place.bbox is None else {**item, "bbox": place.bbox}


def item_text(item: Item) -> str:
    """Write an item as JSON; the same item gives the same text."""
    return json.dumps(item, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def write_item(item: Item, path: Path) -> None:
    """Write an item into a file.

    Raises
    ------
    OutputError
        It cannot be written.
    """
    with writing(path):
        path.write_text(item_text(item), encoding="utf-8")


def _properties(tags: Mapping[str, str], grid: Grid, cloud_cover: float | None, located: bool) -> dict[str, Any]:
    band = sensor_band(tags["sensor"])
    date = tags.get("acquisition_date", _UNKNOWN)
    return {
        "title": f"Land surface temperature, {band.title}, {date if date != _UNKNOWN else 'date unknown'}",
        **_times(date, tags.get("acquisition_time", _UNKNOWN), band),
        **({} if band.is_custom else _spacecraft(band)),
        **({} if cloud_cover is None else {"eo:cloud_cover": cloud_cover}),
        **projection_fields(grid, located),
        "processing:level": "L2",
        "processing:software": {"lst-raster": tags["lst_raster_version"]},
        "processing:expression": {"format": "equation", "expression": tags.get("equation", "")},
        "processing:lineage": _lineage(tags),
        **{f"lst_raster:{key}": tags[key] for key in sorted(tags) if key.islower() and key != "lst_raster_version"},
    }


def _spacecraft(band: SensorBand) -> dict[str, Any]:
    """Tell of the satellite; of a sensor of the user's own nothing is known."""
    return {
        "platform": f"landsat-{band.satellite}", "constellation": "landsat", "instruments": [band.instrument],
        "gsd": band.ground_sample_distance,
    }  # fmt: skip


def _times(date: str, clock: str, band: SensorBand) -> dict[str, str | None]:
    """Moment of the acquisition, or a span of time in which it lies: STAC wants one of them.

    Of a scene without any date only that is true that it was taken while the satellite was at work.
    """
    if date != _UNKNOWN and clock != _UNKNOWN:
        return {"datetime": f"{date}T{clock}"}
    if date == _UNKNOWN:
        first, last = f"{band.first_year}-01-01", f"{band.last_year}-12-31"
    elif date.count("-") == 1:
        year, month = (int(part) for part in date.split("-"))
        first, last = f"{date}-01", f"{date}-{calendar.monthrange(year, month)[1]:02}"
    else:
        first = last = date
    return {"datetime": None, "start_datetime": f"{first}T00:00:00Z", "end_datetime": f"{last}T23:59:59Z"}


def projection_fields(grid: Grid, located: bool) -> dict[str, Any]:
    """Tell the grid; a file without coordinate system may come back with one that is about nothing."""
    code = grid.crs.to_epsg() if located else None
    wkt = {} if code or not located else {"proj:wkt2": grid.crs.to_wkt(version="WKT2_2019")}
    return {
        "proj:code": f"EPSG:{code}" if code else None,
        **wkt,
        "proj:shape": [grid.height, grid.width],
        "proj:transform": [float(number) for number in grid.transform[:6]],
    }


def _lineage(tags: Mapping[str, str]) -> str:
    parts = {
        "input": "input", "radiance": "calibration", "emissivity": "emissivity", "atmosphere": "atmosphere",
        "water vapour": "water_vapour", "air temperature": "air_temperature", "surface pressure": "surface_pressure",
        "model": "model", "air": "air", "masked": "mask",
    }  # fmt: skip
    return "; ".join(f"{title} {tags[key]}" for title, key in parts.items() if key in tags)


def _cloud_cover(path: Path, tags: Mapping[str, str]) -> float | None:
    """Share of the measured pixels under cloud; None where no quality band of the scene told it. [%]"""
    if tags.get("mask", "none").startswith("none"):
        return None
    with rasterio.open(path) as dataset:
        factor = 1
        while max(dataset.shape) > factor * _THIN:
            factor *= 2  # the size of an overview, which is then read as it is
        bits = dataset.read(1, out_shape=tuple(-(-side // factor) for side in dataset.shape))
    measured = flag("fill").of(bits) == 0
    count = int(measured.sum())
    return round(100 * int((measured & (flag("cloud").of(bits) == 1)).sum()) / count, 2) if count else None
