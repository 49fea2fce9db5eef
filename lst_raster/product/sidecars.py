"""Sidecar files of a product: quicklook, QGIS styles and STAC item."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeAlias
from xml.etree.ElementTree import Element, SubElement, fromstring, indent, tostring

import numpy as np
from numpy.typing import NDArray
from rasterio.enums import Resampling

from lst_raster.errors import InputError
from lst_raster.io.bundle import Place
from lst_raster.io.raster import gdal_settings
from lst_raster.io.temperature_raster import open_temperature
from lst_raster.plots.charts import draw_map, save, shape_of_map
from lst_raster.plots.colours import Colours, inferno, robust_limits, widened
from lst_raster.product.paths import SUFFIXES, ProductPaths
from lst_raster.product.quality_flags import FLAGS, flag
from lst_raster.product.stac import item_text, make_item
from lst_raster.product.staging import Staging, writing

_DOCTYPE = "<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>\n"
_TEMPLATE = (
    '<qgis version="3.22.0" styleCategories="Symbology"><pipe>'
    '<provider><resampling enabled="false" maxOversampling="2" zoomedInResamplingMethod="nearestNeighbour"'
    ' zoomedOutResamplingMethod="nearestNeighbour"/></provider>'
    '<rasterrenderer type="" band="1" opacity="1" alphaBand="-1" nodataColor=""><rasterTransparency/><minMaxOrigin>'
    "<limits>None</limits><extent>WholeRaster</extent><statAccuracy>Estimated</statAccuracy></minMaxOrigin>"
    '</rasterrenderer><brightnesscontrast brightness="0" contrast="0" gamma="1"/>'
    '<huesaturation saturation="0" grayscaleMode="0" colorizeOn="0" invertColors="0"/>'
    '<rasterresampler maxOversampling="2"/><resamplingStage>resamplingFilter</resamplingStage></pipe>'
    "<blendMode>0</blendMode></qgis>"
)
_STOPS = 17  # colours between which QGIS interpolates
_NUMBER_FORMAT = {"decimals": ("int", "1"), "rounding_type": ("int", "0"), "show_trailing_zeros": ("bool", "false")}


class QualityClass(NamedTuple):
    """Class of pixels of the quality band in the legend."""

    name: str  # in the legend
    field: str
    value: int
    colour: str  # #rrggbb
    opacity: int = 255


QUALITY_CLASSES = (  # by priority: reasons for a missing temperature, then for a doubtful one, then the surface
    QualityClass("fill", "fill", 1, "#000000", 0),
    QualityClass("saturated", "saturated", 1, "#ff00ff"),
    QualityClass("cloud", "cloud", 1, "#e8e8e8"),
    QualityClass("cloud shadow", "cloud_shadow", 1, "#505050"),
    QualityClass("no input", "no_input", 1, "#a08cb4"),
    QualityClass("no solution", "no_solution", 1, "#7a1f5c"),
    QualityClass("uncertain", "uncertain", 1, "#d7301f"),
    QualityClass("outside the model's range", "outside_range", 1, "#fc8d59"),
    QualityClass("snow", "snow", 1, "#9be7ff"),
    QualityClass("water", "water", 1, "#2b5fd9"),
    QualityClass("near a cloud", "cloud_distance", 1, "#c7d98a"),
    QualityClass("clear", "fill", 0, "#4f9e4f"),
)


def lst_style(low: float, high: float) -> str:
    """Style (``.qml``) of a raster in kelvin: colours from black over red to yellow between two temperatures. [K]

    Raises InputError if `low` is above `high`, or one of them is NaN.
    """
    if not low <= high:
        raise InputError(f"the style's lowest value, {low:g} K, is not below its highest, {high:g} K; swap them")
    low, high = widened(low, high, 0.1)
    root, renderer = _raster_style("singlebandpseudocolor")
    renderer.attrib |= {"classificationMin": f"{low:.10g}", "classificationMax": f"{high:.10g}"}
    limits = {"minimumValue": f"{low:.10g}", "maximumValue": f"{high:.10g}"}
    shader = SubElement(
        SubElement(renderer, "rastershader"), "colorrampshader",
        {"colorRampType": "INTERPOLATED", "classificationMode": "1", "clip": "0", "labelPrecision": "1", **limits},
    )  # fmt: skip
    positions = np.linspace(0.0, 1.0, _STOPS)
    colours = inferno()[np.rint(positions * (len(inferno()) - 1)).astype(int)]
    _add_gradient(shader, positions.tolist(), colours)
    for position, colour in zip(positions.tolist(), colours, strict=True):
        value = low + position * (high - low)
        text = "#" + bytes(colour.tolist()).hex()
        SubElement(shader, "item", {"value": f"{value:.10g}", "label": f"{value:.1f}", "color": text, "alpha": "255"})
    settings = {"useContinuousLegend": "1", "minimumLabel": "", "maximumLabel": "", "prefix": "", "suffix": " K"}
    legend = SubElement(shader, "rampLegendSettings", {**settings, "direction": "0", "orientation": "2"})
    _add_options(SubElement(SubElement(legend, "numericFormat", id="basic"), "Option", type="Map"), _NUMBER_FORMAT)
    return _text(root)


def quality_style(values: Collection[int]) -> str:
    """Style (``.qml``) of a quality band with these values: a colour and a label for every value.

    A value has many flags. Its colour is that of its class (`QUALITY_CLASSES`), its label the class and those of its
    other flags that differ between the pixels of the raster.
    """
    root, renderer = _raster_style("paletted")
    palette = SubElement(renderer, "colorPalette")
    filled = [value for value in values if not value & flag("fill").mask]
    varying = {field.name for field in FLAGS if len({value & field.mask for value in filled}) > 1}
    rows = []
    for value in {int(value) for value in values}:
        kind = next(kind for kind in QUALITY_CLASSES if _field_value(kind.field, value) == kind.value)
        rows.append((-QUALITY_CLASSES.index(kind), _label(value, kind, varying), value, kind))
    for _, label, value, kind in sorted(rows, key=lambda row: row[:3]):
        entry = {"value": str(value), "label": label, "color": kind.colour, "alpha": str(kind.opacity)}
        SubElement(palette, "paletteEntry", entry)
    return _text(root)


def _field_value(name: str, value: int) -> int:
    field = flag(name)
    return (value & field.mask) >> field.offset


def _label(value: int, kind: QualityClass, varying: set[str]) -> str:
    """Label of a value: its class, then its other varying flags."""
    parts = [kind.name]
    if (kind.field, kind.value) != ("fill", 1):
        for field in FLAGS:
            number = _field_value(field.name, value)
            if field.name in varying and field.name != "fill" and (field.name, number) != (kind.field, kind.value):
                parts.append(field.words(number))
    return ", ".join(part for part in parts if part)


def _raster_style(kind: str) -> tuple[Element, Element]:
    """Root element of a style, and its renderer."""
    root = fromstring(_TEMPLATE)
    renderer = next(root.iter("rasterrenderer"))
    renderer.set("type", kind)
    return root, renderer


def _add_gradient(shader: Element, positions: list[float], colours: Colours) -> None:
    ramp = SubElement(SubElement(shader, "colorramp", {"name": "[source]", "type": "gradient"}), "Option", type="Map")
    texts = [",".join(str(part) for part in (*colour, 255)) for colour in colours.tolist()]
    stops = [f"{position:g};{text}" for position, text in zip(positions[1:-1], texts[1:-1], strict=True)]
    options = {"color1": texts[0], "color2": texts[-1], "discrete": "0", "rampType": "gradient"}
    options["stops"] = ":".join(stops)
    _add_options(ramp, {name: ("QString", value) for name, value in options.items()})


def _add_options(parent: Element, options: Mapping[str, tuple[str, str]]) -> None:
    """Add options by name: their type and value."""
    for name, (kind, value) in options.items():
        SubElement(parent, "Option", {"name": name, "type": kind, "value": value})


def _text(root: Element) -> str:
    indent(root)
    return _DOCTYPE + tostring(root, encoding="unicode") + "\n"


Units: TypeAlias = Literal["degC", "K"]  # unit of the colour bar
Limits: TypeAlias = tuple[float, float]  # values of the first and last colour

CACHE = 64 << 20  # size of GDAL's block cache; a raster without overviews is read completely [byte]
UNITS: Mapping[Units, tuple[str, float]] = {"degC": ("°C", 273.15), "K": ("K", 0.0)}  # label and zero [K]


def write_quicklook(lst_path: Path, target: Path, *, title: str | None = None, units: Units = "degC") -> Limits | None:
    """Write a quicklook (PNG) of a product or another raster of surface temperature.

    The colours range from the 2nd to the 98th percentile of a suitable overview, so that memory and time do not depend
    on the size of the product. The title is the name of the product by default. Output is reproducible.

    Returns the temperatures [K] of the first and last colour, for `lst_style`; None if no pixel has a temperature.
    Raises InputNotFoundError if the raster is missing, InputError if it is damaged or not in kelvin, OutputError if the
    file cannot be written.
    """
    with gdal_settings(GDAL_CACHEMAX=CACHE), open_temperature(Place(disk=lst_path)) as product:
        shape = shape_of_map(product.grid.height, product.grid.width)
        kelvin = product.read(out_shape=shape, resampling=Resampling.average)
    return draw_quicklook(kelvin, target, title=title or lst_path.stem, unit=UNITS[units])


def draw_quicklook(values: NDArray[Any], target: Path, *, title: str, unit: tuple[str, float]) -> Limits | None:
    """Draw values (rows, columns), NaN where missing, as `write_quicklook` does; `unit` is its label and zero."""
    name, zero = unit
    limits = robust_limits(values - zero)
    save(draw_map(values - zero, inferno(), limits, title=title, unit=name, missing="no temperature"), target)
    return (limits[0] + zero, limits[1] + zero) if limits else None


def write_sidecars(
    paths: ProductPaths, files: Staging, properties: Mapping[str, Any], quality_values: Collection[int]
) -> None:
    """Write the sidecar files of finished rasters, with further `properties` of the STAC item.

    `quality_values` are the values of the pixels of the quality band.

    The item is last: it shows that the product is complete. Raises OutputError if a file cannot be written.
    """
    title = paths.temperature.stem
    limits = write_quicklook(files.path_of(paths.temperature), files.new(paths.of("quicklook")), title=title)
    if limits is not None:
        with writing(paths.of("style")):
            files.new(paths.of("style")).write_text(lst_style(*limits), encoding="utf-8")
    with writing(paths.of("quality_style")):
        files.new(paths.of("quality_style")).write_text(quality_style(quality_values), encoding="utf-8")
    targets = {role: paths.of(role) for role in SUFFIXES}
    item = make_item({role: (files.path_of(path), path.name) for role, path in targets.items() if files.has(path)})
    item["properties"] |= properties
    with writing(paths.item):
        files.new(paths.item).write_text(item_text(item), encoding="utf-8")
