"""Sidecar files of a composite: STAC item, styles and quicklooks."""

from __future__ import annotations

import calendar
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import rasterio
from rasterio.enums import Resampling
from rasterio.errors import RasterioError

from lst_raster.compositing.outputs import Output
from lst_raster.errors import OutputError
from lst_raster.io.address import Location
from lst_raster.io.grid import Grid
from lst_raster.product.paths import ITEM
from lst_raster.product.sidecars import lst_style
from lst_raster.product.stac import (
    COG_TYPE,
    EXTENSIONS,
    STAC_VERSION,
    Item,
    checksum,
    footprint,
    projection_fields,
    raster_fields,
    write_item,
)
from lst_raster.product.staging import Staging, writing
from lst_raster.sensors.bands import sensor_band

_UNKNOWN = "unknown"
_SIDECARS = {
    ".png": ("quicklook", "Quicklook", "image/png", ["thumbnail", "overview"]),
    ".qml": ("style", "QGIS style", "application/xml", ["style"]),
}  # by ending: suffix of the asset's key, title, media type, roles


def sidecar_paths(outputs: Sequence[Output]) -> list[Location]:
    """Paths of all sidecar files: a quicklook and a style per statistic, and one STAC item."""
    pictures = [output.path.with_suffix(".png") for output in outputs if output.is_statistic]
    styles = [output.path.with_suffix(".qml") for output in outputs if _has_style(output)]
    return [*pictures, *styles, outputs[0].path.with_suffix(ITEM)]


def write_sidecars(outputs: Sequence[Output], files: Staging, tags: Mapping[str, str]) -> None:
    """Write all sidecar files from the rasters; raise OutputError on failure.

    The item is the last file, as the sign of a complete composite.
    """
    for output in outputs:
        if not output.is_statistic:
            continue
        limits = _write_quicklook(output, files)
        if limits is not None and _has_style(output):
            style = output.path.with_suffix(".qml")
            with writing(style):
                files.new(style).write_text(lst_style(*limits), encoding="utf-8")
    write_item(make_item(outputs, files, tags), files.new(outputs[0].path.with_suffix(ITEM)))


def _has_style(output: Output) -> bool:
    """Whether the raster gets a style, whose legend is in kelvin."""
    return output.is_statistic and output.layer.units == "K"


def _write_quicklook(output: Output, files: Staging) -> tuple[float, float] | None:
    """Write a quicklook; return the values of the first and the last colour in the unit of the raster."""
    from lst_raster.plots.charts import shape_of_map
    from lst_raster.product.sidecars import UNITS, draw_quicklook  # Pillow is slow to import

    with rasterio.open(files.path_of(output.path)) as dataset:
        shape = shape_of_map(dataset.height, dataset.width)
        stored = dataset.read(1, out_shape=shape, resampling=Resampling.average, masked=True)
        values = (stored.astype("f8") * dataset.scales[0]).filled(float("nan"))
    celsius = output.layer.units == "K" and output.key != "deviation"
    unit = UNITS["degC"] if celsius else (output.layer.units or "dates", 0.0)
    return draw_quicklook(values, files.new(output.path.with_suffix(".png")), title=output.path.stem, unit=unit)


def make_item(outputs: Sequence[Output], files: Staging, tags: Mapping[str, str]) -> Item:
    """Make the STAC item of a composite from its rasters, the main one first, and their tags.

    The item is identical in repeated runs. Raise OutputError if a file cannot be read.
    """
    main = outputs[0].path
    try:
        with rasterio.open(files.path_of(main)) as dataset:
            grid = Grid.of(dataset)
        assets = {name: asset for output in outputs for name, asset in _assets(output, files).items()}
    except (OSError, RasterioError) as error:
        raise OutputError(f"cannot read the files of {main} for its STAC item: {error}") from error
    place = footprint(grid)
    item: Item = {
        "type": "Feature",
        "stac_version": STAC_VERSION,
        "stac_extensions": [EXTENSIONS[name] for name in ("projection", "raster", "processing", "file")],
        "id": main.stem,
        "geometry": place.geometry,
        "properties": _properties(tags, grid, outputs[0], place.geometry is not None),
        "links": [],
        "assets": assets,
    }
    return item if place.bbox is None else {**item, "bbox": place.bbox}


def _properties(tags: Mapping[str, str], grid: Grid, main: Output, located: bool) -> dict[str, Any]:
    start, end = _time_range(tags)
    return {
        "title": f"{_capitalised(main.layer.description)}, {start[:10]} to {end[:10]}",
        "datetime": None,
        "start_datetime": start,
        "end_datetime": end,
        **_constellation(tags["sensors"].split(", ")),
        **projection_fields(grid, located),
        "processing:level": "L3",
        "processing:software": {"lst-raster": tags["lst_raster_version"]},
        "processing:lineage": f"{tags['composite']}: {tags['products']}; pixels: {tags['pixels_taken']}",
        **{f"lst_raster:{key}": tags[key] for key in sorted(tags) if key.islower() and key != "lst_raster_version"},
    }


def _constellation(sensors: Iterable[str]) -> dict[str, str]:
    """Constellation, unless a sensor is custom; its definition may be missing on this machine."""
    return {"constellation": "landsat"} if all(name.startswith(("landsat", _UNKNOWN)) for name in sensors) else {}


def _time_range(tags: Mapping[str, str]) -> tuple[str, str]:
    """First and last time; without dates the operation period of the sensors."""
    first, last = tags["first_date"], tags["last_date"]
    if first == _UNKNOWN:
        bands = [sensor_band(name) for name in tags["sensors"].split(", ")]
        first = f"{min(band.first_year for band in bands)}-01-01"
        last = f"{max(band.last_year for band in bands)}-12-31"
    if last.count("-") == 1:
        year, month = (int(part) for part in last.split("-"))
        last = f"{last}-{calendar.monthrange(year, month)[1]:02}"
    return f"{first}{'-01' if first.count('-') == 1 else ''}T00:00:00Z", f"{last}T23:59:59Z"


def _assets(output: Output, files: Staging) -> dict[str, Any]:
    """Assets of a raster, its quicklook and its style."""
    path = files.path_of(output.path)
    raster: dict[str, Any] = {
        "href": f"./{output.path.name}",
        "type": COG_TYPE,
        "title": _capitalised(output.layer.description),
        "roles": ["data"] if output.is_statistic else ["data", "uncertainty"],
        **raster_fields(path),
        "file:size": path.stat().st_size,
        "file:checksum": checksum(path),
    }
    assets = {output.key: raster}
    for ending, (suffix, title, media_type, roles) in _SIDECARS.items():
        target = output.path.with_suffix(ending)
        if output.is_statistic and files.has(target):
            sidecar = files.path_of(target)
            assets[f"{output.key}_{suffix}"] = {
                "href": f"./{target.name}", "type": media_type, "title": f"{title} of the {output.key}",
                "roles": roles, "file:size": sidecar.stat().st_size, "file:checksum": checksum(sidecar),
            }  # fmt: skip
    return assets


def _capitalised(text: str) -> str:
    return text[0].upper() + text[1:]
