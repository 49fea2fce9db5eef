"""The files of a product as a STAC item tells of them: what each is, its numbers, its size and its checksum."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import rasterio

from lst_raster.engine.product.flags import FLAGS, Flag
from lst_raster.physics.band import sensor_band
from lst_raster.scene.grid import Grid

COG_TYPE = "image/tiff; application=geotiff; profile=cloud-optimized"
"""Media type of the rasters."""

_COMMON_NAMES = {"b6": "lwir", "b10": "lwir11", "b11": "lwir12"}
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
    if band.is_own:
        return {"name": band.name, "description": band.title, "eo:center_wavelength": band.wavelength}
    _, _, number = band.name.partition("-")
    return {
        "name": number.upper(),
        "description": band.title,
        "eo:common_name": _COMMON_NAMES[number],
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
