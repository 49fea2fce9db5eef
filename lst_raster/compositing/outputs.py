"""Files of a composite: names and content of the rasters, STAC item, styles and quicklooks."""

from __future__ import annotations

import calendar
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import rasterio
from rasterio.enums import Resampling
from rasterio.errors import RasterioError

from lst_raster.compositing.products import SourceProduct
from lst_raster.compositing.statistics import UNCERTAINTY, Statistic
from lst_raster.errors import OutputError
from lst_raster.io.address import Location
from lst_raster.io.grid import Grid
from lst_raster.product.destination import product_location
from lst_raster.product.layers import Layer
from lst_raster.product.paths import ITEM, OutputFormat, temperature_layer, uncertainty_layer
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


@dataclass(frozen=True, kw_only=True, slots=True)
class Output:
    """A raster of a composite."""

    key: str  # of the values in the results
    path: Location
    layer: Layer
    is_statistic: bool = True  # False for uncertainties

    @property
    def has_style(self) -> bool:
        """Whether the raster gets a style, whose legend is in kelvin."""
        return self.is_statistic and self.layer.units == "K"


def main_path(output: str | Location, products: Sequence[SourceProduct], first: Statistic) -> tuple[Location, str]:
    """Path of the raster of the first statistic, and the stem of the names of the others.

    The path is `output` if it ends in ``.tif``, else ``LST_<first day>_<last day>_<STATISTIC>.tif`` in that folder.
    """
    place = product_location(output)
    if place.suffix.lower() in (".tif", ".tiff") and not (isinstance(place, Path) and place.is_dir()):
        return place, place.stem
    days = sorted(str(product.date).replace("-", "") for product in products if product.date is not None)
    stem = "_".join(["LST", *dict.fromkeys([*days[:1], *days[-1:]])])
    name = f"{stem}{first.suffix}.tif"
    return place / name if isinstance(place, Path) else place.inside().with_name(name), stem


def plan_outputs(
    target: Location, stem: str, statistics: Sequence[Statistic], form: OutputFormat, *, uncertainty: bool
) -> list[Output]:
    """List the rasters of a composite: the statistics, the count, and the uncertainty of means.

    The first statistic goes to `target`; the names of the others begin with `stem`.
    """
    kelvin = temperature_layer(form)
    outputs: list[Output] = []
    for statistic in dict.fromkeys([*statistics, Statistic(name="count")]):
        path = target if not outputs else target.with_name(f"{stem}{statistic.suffix}.tif")
        layer = replace(kelvin, description=statistic.title)
        if statistic.name == "count":
            layer = Layer(description=statistic.title, dtype="uint16", nodata=None, resampling="nearest")
        elif statistic.name == "deviation":  # always float32: 0, nodata of integers, is a valid value
            layer = Layer(description=statistic.title, units="K", step=kelvin.step)
        outputs.append(Output(key=statistic.key, path=path, layer=layer))
        if uncertainty and statistic.is_mean:
            layer = replace(uncertainty_layer(form), description=f"standard uncertainty of the {statistic.title}")
            raster = path.with_name(f"{path.stem}_UNC.tif")
            outputs.append(Output(key=f"{statistic.key}_{UNCERTAINTY}", path=raster, layer=layer, is_statistic=False))
    return outputs


_SIDECARS = {
    ".png": ("quicklook", "Quicklook", "image/png", ["thumbnail", "overview"]),
    ".qml": ("style", "QGIS style", "application/xml", ["style"]),
}  # by ending: suffix of the asset's key, title, media type, roles


def sidecar_paths(outputs: Sequence[Output]) -> list[Location]:
    """Paths of all sidecar files: a quicklook and a style per statistic, and one STAC item."""
    pictures = [output.path.with_suffix(".png") for output in outputs if output.is_statistic]
    styles = [output.path.with_suffix(".qml") for output in outputs if output.has_style]
    return [*pictures, *styles, outputs[0].path.with_suffix(ITEM)]


def write_sidecars(outputs: Sequence[Output], files: Staging, tags: Mapping[str, str]) -> None:
    """Write all sidecar files from the rasters; raise OutputError on failure.

    The item is the last file, as the sign of a complete composite.
    """
    for output in outputs:
        if not output.is_statistic:
            continue
        limits = _write_quicklook(output, files)
        if limits is not None and output.has_style:
            style = output.path.with_suffix(".qml")
            with writing(style):
                files.new(style).write_text(lst_style(*limits), encoding="utf-8")
    write_item(_make_item(outputs, files, tags), files.new(outputs[0].path.with_suffix(ITEM)))


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


def _make_item(outputs: Sequence[Output], files: Staging, tags: Mapping[str, str]) -> Item:
    """Make the STAC item of a composite from its rasters, the main one first, and their tags.

    The item is identical in repeated runs. Raise OutputError if a file cannot be read.
    """
    main = outputs[0]
    try:
        with rasterio.open(files.path_of(main.path)) as dataset:
            grid = Grid.of(dataset)
        assets = {name: asset for output in outputs for name, asset in _assets(output, files).items()}
    except (OSError, RasterioError) as error:
        raise OutputError(f"cannot read the files of {main.path} for its STAC item: {error}") from error
    place = footprint(grid)
    start, end = _time_range(tags)
    # The definition of a custom sensor, and so its constellation, may be missing on this machine.
    is_landsat = all(name.startswith(("landsat", "unknown")) for name in tags["sensors"].split(", "))
    properties = {
        "title": f"{_capitalised(main.layer.description)}, {start[:10]} to {end[:10]}",
        "datetime": None,
        "start_datetime": start,
        "end_datetime": end,
        **({"constellation": "landsat"} if is_landsat else {}),
        **projection_fields(grid, place.geometry is not None),
        "processing:level": "L3",
        "processing:software": {"lst-raster": tags["lst_raster_version"]},
        "processing:lineage": f"{tags['composite']}: {tags['products']}; pixels: {tags['pixels_taken']}",
        **{f"lst_raster:{key}": tags[key] for key in sorted(tags) if key.islower() and key != "lst_raster_version"},
    }
    item: Item = {
        "type": "Feature",
        "stac_version": STAC_VERSION,
        "stac_extensions": [EXTENSIONS[name] for name in ("projection", "raster", "processing", "file")],
        "id": main.path.stem,
        "geometry": place.geometry,
        "properties": properties,
        "links": [],
        "assets": assets,
    }
    return item if place.bbox is None else {**item, "bbox": place.bbox}


def _time_range(tags: Mapping[str, str]) -> tuple[str, str]:
    """First and last time; without dates the operation period of the sensors."""
    first, last = tags["first_date"], tags["last_date"]
    if first == "unknown":
        bands = [sensor_band(name) for name in tags["sensors"].split(", ")]
        first = f"{min(band.first_year for band in bands)}-01-01"
        last = f"{max(band.last_year for band in bands)}-12-31"
    if last.count("-") == 1:
        year, month = (int(part) for part in last.split("-"))
        last = f"{last}-{calendar.monthrange(year, month)[1]:02}"
    return f"{first}{'-01' if first.count('-') == 1 else ''}T00:00:00Z", f"{last}T23:59:59Z"


def _assets(output: Output, files: Staging) -> dict[str, Any]:
    """Assets of a raster, its quicklook and its style."""
    raster: dict[str, Any] = {
        "href": f"./{output.path.name}",
        "type": COG_TYPE,
        "title": _capitalised(output.layer.description),
        "roles": ["data"] if output.is_statistic else ["data", "uncertainty"],
        **raster_fields(files.path_of(output.path)),
        **_file_fields(files.path_of(output.path)),
    }
    assets = {output.key: raster}
    for ending, (suffix, title, media_type, roles) in _SIDECARS.items():
        target = output.path.with_suffix(ending)
        if output.is_statistic and files.has(target):
            assets[f"{output.key}_{suffix}"] = {
                "href": f"./{target.name}", "type": media_type, "title": f"{title} of the {output.key}",
                "roles": roles, **_file_fields(files.path_of(target)),
            }  # fmt: skip
    return assets


def _file_fields(path: Path) -> dict[str, Any]:
    return {"file:size": path.stat().st_size, "file:checksum": checksum(path)}


def _capitalised(text: str) -> str:
    return text[0].upper() + text[1:]
