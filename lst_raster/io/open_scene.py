"""Opening of a scene in any form: product on disk or in a public service, or raster of an at-sensor quantity."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from lst_raster.errors import InputError, InputNotFoundError, SceneError
from lst_raster.io.address import Location
from lst_raster.io.bundle import Place
from lst_raster.io.grid import Box
from lst_raster.io.landsat import AcquisitionDate, Level2ProductError
from lst_raster.io.level2_scene import Downwelling, Level2Scene, has_radiance
from lst_raster.io.measured_scene import MeasuredScene, find_temperature
from lst_raster.io.raster import open_raster
from lst_raster.io.scene import Scene
from lst_raster.io.scene_download import Needs, Progress, Say, download_scene, is_product_or_item
from lst_raster.io.scene_files import find_files
from lst_raster.io.stac_services import FoundItem
from lst_raster.io.stack import split_band

_LIKE_IDENTIFIER = re.compile(r"L[COTEM]\d+\w*(?:\.tar)?/?", re.IGNORECASE)


def open_scene(
    path: str | Location | FoundItem, *, band: str | None = None, sensor: str | None = None, date: str | None = None,
    level_2: bool = False, downwelling: Downwelling | None = None, quantity: str | None = None,
    bbox: str | Sequence[float] | None = None, emissivity: Any = None, angles: bool = False, say: Say | None = None,
    progress: Progress | None = None,
) -> Scene:  # fmt: skip
    """Open a scene in any of its forms.

    Parameters
    ----------
    path : str, path, Address or FoundItem
        Level-1 scene as for `Scene.open`, of digital numbers or of brightness temperature [K], which is recognised;
        Level-2 product (its folder, archive, metadata file or ``*_ST_TRAD.TIF``), whose at-sensor radiance is used;
        with `quantity`, a raster as for `MeasuredScene.open`; or the identifier of a product or the address of a STAC
        item, whose files are downloaded to the cache (`download_scene`). Bands may be in one raster, also
        ``scene.tif:B10``.
    band, sensor, date : str, optional
        As for `Scene.open`; of a raster of several bands also the description of the band, or its number from 1.
    level_2 : bool
        Whether to use the atmospheric terms of a Level-2 product too, instead of a model.
    downwelling : {"corrected", "usgs"}, optional
        As for `Level2Scene.open`, with `level_2`; by default ``corrected``.
    quantity : str, optional
        As for `MeasuredScene.open`.
    bbox : str or sequence of float, optional
        Bounding box ``west,south,east,north``: only the pixels that it touches are read. [degree]
    emissivity : optional
        Sources of the emissivity, as for `retrieve`, which determine the files of a product that are downloaded.
    angles : bool
        Whether the angle coefficient file of a product is downloaded too.
    say, progress : callable, optional
        As for `download_scene`.

    Returns
    -------
    Scene
        The scene; no file stays open.

    Raises
    ------
    LstRasterError
        As `Scene.open`, `Level2Scene.open`, `MeasuredScene.open` and `download_scene`.
    """
    box = Box.parse(bbox) if bbox is not None else None
    if isinstance(path, FoundItem) or is_product_or_item(path):
        if quantity is not None:
            raise InputError("a quantity is for rasters, not for products of a public service; leave out --quantity")
        several = isinstance(emissivity, Iterable) and not isinstance(emissivity, str)
        given = list(emissivity) if several else [] if emissivity is None else [emissivity]
        needs = Needs(emissivity=[str(source) for source in given] or None, level_2=level_2, band=band, angles=angles)
        source = path if isinstance(path, FoundItem) else str(path)
        place = Place.of(download_scene(source, box=box, needs=needs, say=say, progress=progress))
    else:
        if _LIKE_IDENTIFIER.fullmatch(str(path)) and not Path(str(path)).exists():
            raise InputNotFoundError(
                f"{path} does not exist, and is not the identifier of a product, which is such as "
                "LC09_L2SP_195025_20230707_20230709_02_T1; check it"
            )
        raster, band = split_band(path, band)
        place = replace(Place.of(raster), box=box)
    if level_2:
        return Level2Scene.open(place, band=band, sensor=sensor, date=date, downwelling=downwelling or "corrected")
    if quantity is not None:
        return MeasuredScene.open(place, band=band, sensor=sensor, date=date, quantity=quantity)
    stated = AcquisitionDate.parse(date) if date is not None else None
    try:
        files = find_files(place, sensor=sensor, band=band)
    except Level2ProductError:
        if not has_radiance(place, band):
            raise
        return Level2Scene.open(place, band=band, sensor=sensor, date=date, with_atmosphere=False)
    with open_raster(files.band, "scene", SceneError) as dataset:
        if "lst_raster_version" in dataset.tags():
            raise SceneError(f"{files.band} is a product of lst-raster, a surface temperature; give the scene")
        temperature = find_temperature(dataset, files)
        if temperature is None:
            return Scene.of_dataset(dataset, files, sensor=sensor, date=stated)
        scaled = "" if temperature.gain == 1.0 else f", scale {temperature.gain:g}, offset {temperature.offset:g}"
        note = f"{files.band.label} is taken as brightness temperature in kelvin{scaled}"
        files = replace(files, notes=(*files.notes, note))
        return MeasuredScene.of_dataset(dataset, files, sensor=sensor, date=stated, calibration=temperature)
