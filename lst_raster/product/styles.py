"""How QGIS shows the rasters of a product: style files beside them, which it loads by itself.

The elements are those that QGIS 3.22 saves, of the category Symbology; later versions read them too.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from xml.etree.ElementTree import Element, SubElement, indent, tostring

import numpy as np
from rasterio.windows import Window

from lst_raster.errors import InputError
from lst_raster.io.raster import open_raster, read_stored
from lst_raster.plots.canvas import widened
from lst_raster.plots.colours import Colours, inferno
from lst_raster.product.quality_flags import FLAGS, Flag, flag, require_quality_band
from lst_raster.product.tiff_blocks import BLOCK

_DOCTYPE = "<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>\n"
_VERSION = "3.22.0"
_STOPS = 17  # colours between which QGIS interpolates

_NUMBERS = {"decimals": ("int", "1"), "rounding_type": ("int", "0"), "show_trailing_zeros": ("bool", "false")}


@dataclass(frozen=True, kw_only=True, slots=True)
class QualityClass:
    """What a pixel of the quality band is shown as."""

    name: str
    """Name in the legend."""
    field: str
    """Field of bits that decides."""
    value: int
    """Its value."""
    colour: str
    """Colour, as ``#rrggbb``."""
    opacity: int = 255
    """From 0, not seen, to 255."""


QUALITY_CLASSES = (
    QualityClass(name="fill", field="fill", value=1, colour="#000000", opacity=0),
    QualityClass(name="saturated", field="saturated", value=1, colour="#ff00ff"),
    QualityClass(name="cloud", field="cloud", value=1, colour="#e8e8e8"),
    QualityClass(name="cloud shadow", field="cloud_shadow", value=1, colour="#505050"),
    QualityClass(name="no input", field="no_input", value=1, colour="#a08cb4"),
    QualityClass(name="no solution", field="no_solution", value=1, colour="#7a1f5c"),
    QualityClass(name="uncertain", field="uncertain", value=1, colour="#d7301f"),
    QualityClass(name="outside the model's range", field="outside_range", value=1, colour="#fc8d59"),
    QualityClass(name="snow", field="snow", value=1, colour="#9be7ff"),
    QualityClass(name="water", field="water", value=1, colour="#2b5fd9"),
    QualityClass(name="near a cloud", field="cloud_distance", value=1, colour="#c7d98a"),
    QualityClass(name="clear", field="fill", value=0, colour="#4f9e4f"),
)
"""What a pixel is shown as, the first that applies: why it has none, then why to doubt it, then what it is."""


def lst_style(low: float, high: float) -> str:
    """Style of a raster in kelvin: colours from black over red to yellow.

    Parameters
    ----------
    low, high : float
        Temperatures of the first and the last colour, as QGIS shows values: with scale and offset applied. [K]

    Returns
    -------
    str
        Text of a ``.qml`` file.

    Raises
    ------
    InputError
        `low` is not below `high`, or one of them is not a number.
    """
    if not low <= high:
        raise InputError(f"the style's lowest value, {low:g} K, is not below its highest, {high:g} K; swap them")
    low, high = widened(low, high, 0.1)
    root, renderer = _raster("singlebandpseudocolor")
    renderer.attrib |= {"classificationMin": f"{low:.10g}", "classificationMax": f"{high:.10g}"}
    ends = {"minimumValue": f"{low:.10g}", "maximumValue": f"{high:.10g}"}
    shader = SubElement(
        SubElement(renderer, "rastershader"), "colorrampshader",
        {"colorRampType": "INTERPOLATED", "classificationMode": "1", "clip": "0", "labelPrecision": "1", **ends},
    )  # fmt: skip
    shares = np.linspace(0.0, 1.0, _STOPS)
    table = inferno()[np.rint(shares * (len(inferno()) - 1)).astype(int)]
    _gradient(shader, shares.tolist(), table)
    for share, colour in zip(shares.tolist(), table, strict=True):
        value = low + share * (high - low)
        item = {"value": f"{value:.10g}", "label": f"{value:.1f}", "color": _hex(colour), "alpha": "255"}
        SubElement(shader, "item", item)
    _legend(shader, " K")
    return _text(root)


def quality_style(values: Collection[int]) -> str:
    """Style of a quality band: a colour and a name for every value that occurs.

    A value stands for many flags at once. Its colour is that of its class (`QUALITY_CLASSES`), its name the class and
    those of its other flags that are not the same in the whole raster.

    Parameters
    ----------
    values : collection of int
        Values that occur, `quality_values` finds them.

    Returns
    -------
    str
        Text of a ``.qml`` file.
    """
    root, renderer = _raster("paletted")
    palette = SubElement(renderer, "colorPalette")
    telling = _telling(values)
    named = [(_class_of(value), _label(value, telling), value) for value in sorted({int(value) for value in values})]
    for kind, label, value in sorted(named, key=lambda entry: (-QUALITY_CLASSES.index(entry[0]), entry[1:])):
        entry = {"value": str(value), "label": label, "color": kind.colour, "alpha": str(kind.opacity)}
        SubElement(palette, "paletteEntry", entry)
    return _text(root)


def quality_values(path: Path) -> list[int]:
    """Values that occur in a quality band, rising.

    Parameters
    ----------
    path : path
        The band.

    Raises
    ------
    InputNotFoundError
        There is no such file.
    InputError
        It is no quality band of a product, or damaged.
    """
    found: set[int] = set()
    with open_raster(path, "quality band", InputError) as dataset:
        require_quality_band(dataset.dtypes[0], str(path))
        for row in range(0, dataset.height, BLOCK):
            for column in range(0, dataset.width, BLOCK):
                size = (min(BLOCK, dataset.width - column), min(BLOCK, dataset.height - row))
                bits, _ = read_stored(dataset, "quality band", InputError, window=Window(column, row, *size))
                found.update(np.unique(bits).tolist())
    return sorted(found)


def _class_of(value: int) -> QualityClass:
    return next(kind for kind in QUALITY_CLASSES if _value_of(flag(kind.field), value) == kind.value)


def _value_of(field: Flag, value: int) -> int:
    return (value & field.mask) >> field.offset


def _telling(values: Collection[int]) -> Mapping[str, bool]:
    """Tell for each field whether it differs between the pixels that have a value."""
    filled = [value for value in values if not value & flag("fill").mask]
    return {field.name: len({_value_of(field, value) for value in filled}) > 1 for field in FLAGS}


def _label(value: int, telling: Mapping[str, bool]) -> str:
    """Name of a value: its class, then what its other fields say."""
    kind = _class_of(value)
    if kind.field == "fill" and kind.value:
        return kind.name
    parts = [kind.name]
    for field in FLAGS:
        number = _value_of(field, value)
        if not telling[field.name] or (field.name, number) == (kind.field, kind.value) or field.name == "fill":
            continue
        parts.append(field.words(number))
    return ", ".join(part for part in parts if part)


def _raster(kind: str) -> tuple[Element, Element]:
    """Root of a style, and its renderer."""
    root = Element("qgis", {"version": _VERSION, "styleCategories": "Symbology"})
    pipe = SubElement(root, "pipe")
    resampling = {"enabled": "false", "maxOversampling": "2"}
    resampling |= {"zoomedInResamplingMethod": "nearestNeighbour", "zoomedOutResamplingMethod": "nearestNeighbour"}
    SubElement(SubElement(pipe, "provider"), "resampling", resampling)
    attributes = {"type": kind, "band": "1", "opacity": "1", "alphaBand": "-1", "nodataColor": ""}
    renderer = SubElement(pipe, "rasterrenderer", attributes)
    SubElement(renderer, "rasterTransparency")
    origin = SubElement(renderer, "minMaxOrigin")
    for name, text in (("limits", "None"), ("extent", "WholeRaster"), ("statAccuracy", "Estimated")):
        SubElement(origin, name).text = text
    SubElement(pipe, "brightnesscontrast", {"brightness": "0", "contrast": "0", "gamma": "1"})
    SubElement(pipe, "huesaturation", {"saturation": "0", "grayscaleMode": "0", "colorizeOn": "0", "invertColors": "0"})
    SubElement(pipe, "rasterresampler", {"maxOversampling": "2"})
    SubElement(pipe, "resamplingStage").text = "resamplingFilter"
    SubElement(root, "blendMode").text = "0"
    return root, renderer


def _gradient(shader: Element, shares: list[float], table: Colours) -> None:
    ramp = SubElement(SubElement(shader, "colorramp", {"name": "[source]", "type": "gradient"}), "Option", type="Map")
    colours = [",".join(str(part) for part in (*colour, 255)) for colour in table.tolist()]
    inner = [f"{share:g};{colour}" for share, colour in zip(shares[1:-1], colours[1:-1], strict=True)]
    options = {"color1": colours[0], "color2": colours[-1], "discrete": "0", "rampType": "gradient"}
    for name, value in {**options, "stops": ":".join(inner)}.items():
        SubElement(ramp, "Option", {"name": name, "type": "QString", "value": value})


def _legend(shader: Element, suffix: str) -> None:
    settings = {"useContinuousLegend": "1", "minimumLabel": "", "maximumLabel": "", "prefix": "", "suffix": suffix}
    legend = SubElement(shader, "rampLegendSettings", {**settings, "direction": "0", "orientation": "2"})
    numbers = SubElement(SubElement(legend, "numericFormat", id="basic"), "Option", type="Map")
    for name, (kind, value) in _NUMBERS.items():
        SubElement(numbers, "Option", {"name": name, "type": kind, "value": value})


def _hex(colour: Colours) -> str:
    return "#" + bytes(colour.tolist()).hex()


def _text(root: Element) -> str:
    indent(root)
    return _DOCTYPE + tostring(root, encoding="unicode") + "\n"
