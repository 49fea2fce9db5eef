"""`lst-raster retrieve`."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import click

from lst_raster.cli import options
from lst_raster.cli.command import Command, show
from lst_raster.cli.progress import hushed_libraries, progress_bar


@click.command(
    "retrieve",
    cls=Command,
    examples="""
    lst-raster retrieve LC08_alabama_B10.tif
    # with what is known of the surface and the air
    lst-raster retrieve LC08_alabama_B10.tif -o known.tif --emissivity 0.98 \\
      --water-vapour 18mm --air-temperature 12C
    # the air from ERA5, the emissivity from the scene's own vegetation
    lst-raster retrieve LC08_L1TP_PRODUCT.tar --reanalysis era5.nc \\
      --emissivity quality --emissivity ndvi
    # a Level-2 product, solved again with another emissivity
    lst-raster retrieve LC08_L2SP_PRODUCT --level-2 --emissivity 0.98
""",
)
@click.argument("scene", shell_complete=options.files)
@options.output
@options.retrieval
@options.as_json
def retrieve(
    scene: str, output: str, band: str | None, date: str | None, sensor: str | None, model: str | None,
    quantity: str | None, level_2: bool, downwelling: str | None, overwrite: bool, quiet: bool, as_json: bool,
    **values: Any,
) -> None:  # fmt: skip
    """Land surface temperature of SCENE, a Level-1 thermal band or product.

    SCENE is the GeoTIFF of one thermal band, or the folder, the metadata file (*_MTL.txt, .xml, .json) or the archive
    (.zip, .tar, .tar.gz, ...) of a product, or the https or s3 address of one of them. The result, SCENE_LST.tif,
    is a Cloud Optimized GeoTIFF in kelvin, on the scene's grid. What is not given is assumed, with a warning: the
    standard atmosphere of latitude and season, and an emissivity of 0.97.With --level-2, SCENE is a
    Level-2 product of Collection 2, solved again from its own radiative terms. A raster of radiance or brightness
    temperature of any sensor band (lst-raster sensor list) is a SCENE too, with --quantity.
    """
    from lst_raster.retrieval.retrieve import retrieve as run

    opened = options.open_scene(scene, level_2, downwelling, quantity, band=band, sensor=sensor, date=date)
    with hushed_libraries(), progress_bar("Retrieving", quiet=quiet) as progress:
        product = run(opened, output=output, model=model, overwrite=overwrite, progress=progress, **values)
    found = {field.name: getattr(product, field.name) for field in fields(product)}
    show({"product": found.pop("path"), **found}, [product.path], as_json)
