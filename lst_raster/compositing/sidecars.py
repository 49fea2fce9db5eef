"""Sidecar files of a composite: STAC item, styles and quicklook."""

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
from lst_raster.product.footprint import footprint
from lst_raster.product.paths import ITEM
from lst_raster.product.stac import (
    COG_TYPE,
    EXTENSIONS,
    STAC_VERSION,
    Item,
    checksum,
    projection_fields,
    raster_fields,
    write_item,
)
from lst_raster.product.staging import Staging, writing
from lst_raster.product.styles import lst_style
from lst_raster.sensors.bands import sensor_band

_USED = ("projection", "raster", "processing", "file")
_UNKNOWN = "unknown"
_OTHERS = {
    ".png": ("quicklook", "Quicklook", "image/png", ["thumbnail", "overview"]),
    ".qml": ("style", "QGIS style", "application/xml", ["style"]),
}  # by ending: what is added to the statistic's name, title, media type, roles


def make_item(outputs: Sequence[Output], files: Staging, tags: Mapping[str, str]) -> Item:
    """Make the STAC item of a composite.

    Parameters
    ----------
    outputs : sequence of Output
        The rasters, the main one first.
    files : Staging
        The set that they belong to, with their pictures and styles.
    tags : mapping of str to str
        Metadata of the rasters.

    Returns
    -------
    dict
        The item, without anything that would differ in a second run.

    Raises
    ------
    OutputError
        A file cannot be read.
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
        "stac_extensions": [EXTENSIONS[name] for name in _USED],
        "id": main.stem,
        "geometry": place.geometry,
        "properties": _properties(tags, grid, outputs[0], place.geometry is not None),
        "links": [],
        "assets": assets,
    }
    return item if place.bbox is None else {**item, "bbox": place.bbox}


def _properties(tags: Mapping[str, str], grid: Grid, main: Output, located: bool) -> dict[str, Any]:
    start, end = _span(tags)
    title = main.layer.description
    return {
        "title": f"{title[0].upper()}{title[1:]}, {start[:10]} to {end[:10]}",
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
    """Name the constellation, unless a sensor is the user's own; its definition need not be on this machine."""
    return {"constellation": "landsat"} if all(name.startswith(("landsat", _UNKNOWN)) for name in sensors) else {}


def _span(tags: Mapping[str, str]) -> tuple[str, str]:
    """First and last moment; where no date is known the years in which the satellites were at work."""
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
    """Tell of a raster, its picture and its style."""
    path = files.path_of(output.path)
    title = output.layer.description
    raster: dict[str, Any] = {
        "href": f"./{output.path.name}",
        "type": COG_TYPE,
        "title": title[0].upper() + title[1:],
        "roles": ["data"] if output.is_statistic else ["data", "uncertainty"],
        **raster_fields(path),
        "file:size": path.stat().st_size,
        "file:checksum": checksum(path),
    }
    found = {output.key: raster}
    for ending, (role, name, media, roles) in _OTHERS.items():
        target = output.path.with_suffix(ending)
        if output.is_statistic and files.has(target):
            its = files.path_of(target)
            found[f"{output.key}_{role}"] = {
                "href": f"./{target.name}", "type": media, "title": f"{name} of the {output.key}", "roles": roles,
                "file:size": its.stat().st_size, "file:checksum": checksum(its),
            }  # fmt: skip
    return found


def sidecar_paths(outputs: Sequence[Output]) -> list[Location]:
    """Files that are written beside the rasters: for every statistic a picture and a style, and one item."""
    pictures = [output.path.with_suffix(".png") for output in outputs if output.is_statistic]
    styles = [output.path.with_suffix(".qml") for output in outputs if _has_style(output)]
    return [*pictures, *styles, outputs[0].path.with_suffix(ITEM)]


def write_sidecars(outputs: Sequence[Output], files: Staging, tags: Mapping[str, str]) -> None:
    """Write them, from the finished rasters; the item last, for it tells that the composite is whole.

    Parameters
    ----------
    outputs : sequence of Output
        The rasters, the main one first.
    files : Staging
        The set that they belong to.
    tags : mapping of str to str
        Metadata of the rasters.

    Raises
    ------
    OutputError
        A file cannot be written.
    """
    for output in outputs:
        if not output.is_statistic:
            continue
        limits = _write_picture(output, files)
        if limits is not None and _has_style(output):
            style = output.path.with_suffix(".qml")
            with writing(style):
                files.new(style).write_text(lst_style(*limits), encoding="utf-8")
    write_item(make_item(outputs, files, tags), files.new(outputs[0].path.with_suffix(ITEM)))


def _has_style(output: Output) -> bool:
    """Whether it gets a style: the legend of that of temperatures is in kelvin."""
    return output.is_statistic and output.layer.units == "K"


def _write_picture(output: Output, files: Staging) -> tuple[float, float] | None:
    """Draw a statistic; returns the values of the first and the last colour in the unit of the raster."""
    from lst_raster.plots.maps import shape_of_map
    from lst_raster.product.sidecars import UNITS, draw_quicklook  # Pillow takes a while

    with rasterio.open(files.path_of(output.path)) as dataset:
        shape = shape_of_map(dataset.height, dataset.width)
        values = dataset.read(1, out_shape=shape, resampling=Resampling.average, masked=True)
        numbers = (values.astype("f8") * dataset.scales[0]).filled(float("nan"))
    celsius = output.layer.units == "K" and output.key != "deviation"
    unit = UNITS["degC"] if celsius else (output.layer.units or "dates", 0.0)
    return draw_quicklook(numbers, files.new(output.path.with_suffix(".png")), title=output.path.stem, unit=unit)
