"""`lst-raster retrieve`."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import click

from lst_raster.cli import options
from lst_raster.cli.command import Command, show
from lst_raster.cli.progress import progress_bar, silent_c_libraries


@click.command("retrieve", cls=Command)
@click.argument("scene", shell_complete=options.files)
@options.output
@options.retrieval
@options.as_json
def retrieve(
    scene: str, output: str, band: str | None, date: str | None, sensor: str | None, model: str | None,
    quantity: str | None, level_2: bool, downwelling: str | None, overwrite: bool, quiet: bool, as_json: bool,
    **values: Any,
) -> None:  # fmt: skip
    r"""Retrieve the land surface temperature of SCENE, a Level-1 thermal band or product.

    SCENE is the GeoTIFF of one thermal band, or the folder, the metadata file (*_MTL.txt, .xml, .json) or the archive
    (.zip, .tar, .tar.gz, ...) of a product, or an https or s3 address of one of these. The result, SCENE_LST.tif, is a
    Cloud Optimized GeoTIFF in kelvin, on the scene's grid. Missing inputs are assumed, with a warning: the standard
    atmosphere of latitude and season, and an emissivity of 0.97.

    With --level-2, SCENE is a Collection 2 Level-2 product, and its radiative terms are used. With --quantity, SCENE is
    a raster of radiance or brightness temperature of any sensor band (lst-raster sensor list).

    Examples
    --------
    lst-raster retrieve LC08_alabama_B10.tif
    # with measurements of the surface and the atmosphere
    lst-raster retrieve LC08_alabama_B10.tif -o known.tif --emissivity 0.98 \
      --water-vapour 18mm --air-temperature 12C
    # with ERA5, and emissivity from the NDVI of the scene
    lst-raster retrieve LC08_L1TP_PRODUCT.tar --reanalysis era5.nc \
      --emissivity quality --emissivity ndvi
    # a Level-2 product, with another emissivity
    lst-raster retrieve LC08_L2SP_PRODUCT --level-2 --emissivity 0.98
    """
    from lst_raster.retrieval.retrieve import retrieve as run

    opened = _open(scene, level_2, downwelling, quantity, band=band, sensor=sensor, date=date)
    with silent_c_libraries(), progress_bar("Retrieving", quiet=quiet) as progress:
        product = run(opened, output=output, model=model, overwrite=overwrite, progress=progress, **values)
    found = {field.name: getattr(product, field.name) for field in fields(product)}
    show({"product": found.pop("path"), **found}, [product.path], as_json)


def _open(path: str, level_2: bool, downwelling: str | None, quantity: str | None, **stated: str | None) -> Any:
    """Open a Level-1 scene, a Level-2 product, or a raster of an at-sensor quantity."""
    if level_2 and quantity is not None:
        raise click.UsageError("--level-2 and --quantity exclude each other; give one of them")
    if downwelling is not None and not level_2:
        raise click.UsageError("--downwelling is for Level-2 products; add --level-2")
    if level_2:
        from lst_raster.io.level2_scene import Level2Scene

        return Level2Scene.open(path, downwelling="usgs" if downwelling == "usgs" else "corrected", **stated)
    if quantity is not None:
        from lst_raster.io.scene import MeasuredScene

        return MeasuredScene.open(path, quantity=quantity, **stated)
    from lst_raster.io.scene import Scene

    return Scene.open(path, **stated)
