"""What lies beside the rasters of a product: a picture, styles for QGIS, and the STAC item that holds all together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lst_raster.engine.product.files import ProductPaths
from lst_raster.engine.product.stac import item_text, make_item
from lst_raster.engine.product.staging import Staging, writing
from lst_raster.engine.product.styles import lst_style, quality_style, quality_values


def write_sidecars(paths: ProductPaths, files: Staging, properties: Mapping[str, Any]) -> None:
    """Write them, from the finished rasters; the item last, for it tells that the product is whole.

    Parameters
    ----------
    paths : ProductPaths
        Names of the product's files.
    files : Staging
        The set that they belong to.
    properties : mapping
        Further properties of the STAC item.

    Raises
    ------
    OutputError
        A file cannot be written.
    """
    from lst_raster.engine.product.quicklook import write_quicklook  # Pillow takes a while, and is needed here alone

    title = paths.temperature.stem
    limits = write_quicklook(files.path_of(paths.temperature), files.new(paths.quicklook), title=title)
    if limits is not None:
        with writing(paths.style):
            files.new(paths.style).write_text(lst_style(*limits), encoding="utf-8")
    values = quality_values(files.path_of(paths.quality))
    with writing(paths.quality_style):
        files.new(paths.quality_style).write_text(quality_style(values), encoding="utf-8")
    _write_item(paths, files, properties)


def _write_item(paths: ProductPaths, files: Staging, properties: Mapping[str, Any]) -> None:
    roles = {
        "lst": paths.temperature,
        "uncertainty": paths.uncertainty,
        "quality": paths.quality,
        "quicklook": paths.quicklook,
        "style": paths.style,
        "quality_style": paths.quality_style,
    }
    found = {role: (files.path_of(path), path.name) for role, path in roles.items() if files.has(path)}
    item = make_item(found)
    item["properties"] |= properties
    with writing(paths.item):
        files.new(paths.item).write_text(item_text(item), encoding="utf-8")
