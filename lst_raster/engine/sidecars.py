"""What lies beside the rasters of a product: a picture, and styles for QGIS."""

from __future__ import annotations

from lst_raster.engine.product_files import ProductPaths
from lst_raster.engine.quicklook import write_quicklook
from lst_raster.engine.staging import Staging, writing
from lst_raster.engine.styles import lst_style, quality_style, quality_values


def write_sidecars(paths: ProductPaths, files: Staging) -> None:
    """Write them, from the finished rasters.

    Parameters
    ----------
    paths : ProductPaths
        Names of the product's files.
    files : Staging
        The set that they belong to.

    Raises
    ------
    OutputError
        A file cannot be written.
    """
    title = paths.temperature.stem
    limits = write_quicklook(files.path_of(paths.temperature), files.new(paths.quicklook), title=title)
    if limits is not None:
        with writing(paths.style):
            files.new(paths.style).write_text(lst_style(*limits), encoding="utf-8")
    values = quality_values(files.path_of(paths.quality))
    with writing(paths.quality_style):
        files.new(paths.quality_style).write_text(quality_style(values), encoding="utf-8")
