"""What lies beside the rasters of a composite: pictures, styles for QGIS, and the STAC item that holds all together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import rasterio
from rasterio.enums import Resampling

from lst_raster.engine.composite.item import make_item
from lst_raster.engine.composite.outputs import Output
from lst_raster.engine.product.files import ITEM
from lst_raster.engine.product.stac import write_item
from lst_raster.engine.product.staging import Staging, writing
from lst_raster.engine.product.styles import lst_style
from lst_raster.scene.address import Location


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
    from lst_raster.engine.product.quicklook import UNITS, draw_quicklook  # Pillow takes a while
    from lst_raster.pictures.draw import shape_of_map

    with rasterio.open(files.path_of(output.path)) as dataset:
        shape = shape_of_map(dataset.height, dataset.width)
        values = dataset.read(1, out_shape=shape, resampling=Resampling.average, masked=True)
        numbers = (values.astype("f8") * dataset.scales[0]).filled(float("nan"))
    celsius = output.layer.units == "K" and output.key != "deviation"
    unit = UNITS["degC"] if celsius else (output.layer.units or "dates", 0.0)
    return draw_quicklook(numbers, files.new(output.path.with_suffix(".png")), title=output.path.stem, unit=unit)
