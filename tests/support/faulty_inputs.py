"""Every kind of input file of a retrieval, each with a scene that depends on it."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import rasterio

from lst_raster import Scene, retrieve
from lst_raster.errors import LstRasterError
from lst_raster.io.level2_scene import Level2Scene
from tests.support.emissivity_scenes import add_quality, add_reflectance, make_tile
from tests.support.factories import STATE, make_model, make_scene, write_raster
from tests.support.faults import assert_nothing_lost, assert_one_line_message, contents
from tests.support.level2_scenes import make_level2
from tests.support.products import as_xml, groups, in_form, make_product
from tests.support.reanalysis_files import write_reanalysis

SHAPE = (60, 70)


@dataclass(frozen=True, kw_only=True)
class Made:
    """A retrieval and the input file to be damaged."""

    file: Path
    options: dict = field(default_factory=dict)
    scene: Path | None = None
    open: Callable = Scene.open


def _noise(low, high):
    return np.random.default_rng(7).uniform(low, high, SHAPE)


def _scene(folder, **options):
    return make_scene(folder / "in", lst=_noise(280, 300), **options)


def thermal_band(folder):
    return Made(file=_scene(folder, compress="deflate"))


def thermal_band_plain(folder):
    return Made(file=_scene(folder))


def mtl_text(folder):
    scene = _scene(folder)
    return Made(file=next(scene.parent.glob("*_MTL.txt")), scene=scene)


def _mtl_in(folder, ending, write):
    text = mtl_text(folder)
    path = text.file.with_suffix(ending)
    path.write_text(write(groups(text.file.read_text())))
    text.file.unlink()
    return Made(file=path, scene=text.scene)


def mtl_json(folder):
    import json

    return _mtl_in(folder, ".json", json.dumps)


def mtl_xml(folder):
    return _mtl_in(folder, ".xml", as_xml)


def emissivity_raster(folder):
    path = write_raster(folder / "e.tif", _noise(0.9, 0.99).astype("f4"), compress="lzw", nodata=-9999)
    return Made(file=path, scene=_scene(folder), options={"emissivity": path})


def air_raster(folder):
    path = write_raster(folder / "t.tif", _noise(290, 300).astype("f4"), compress="zstd")
    return Made(file=path, scene=_scene(folder), options={"air_temperature": path})


def elevation(folder):
    path = write_raster(folder / "dem.tif", _noise(0, 900).astype("i2"), compress="deflate")
    given = {"water_vapour": None, "surface_pressure": None, "air_temperature": None}
    return Made(file=path, scene=_scene(folder), options={"dem": path, **given})


def quality_band(folder):
    scene = _scene(folder)
    return Made(file=add_quality(scene, water=_noise(0, 1) > 0.5), scene=scene)


def _reflectance(folder, band):
    scene = _scene(folder)
    add_reflectance(scene, _noise(0.05, 0.2), _noise(0.2, 0.4))
    return Made(file=next(scene.parent.glob(f"*_{band}.TIF")), scene=scene, options={"emissivity": "ndvi"})


def red_band(folder):
    return _reflectance(folder, "B4")


def near_infrared_band(folder):
    return _reflectance(folder, "B5")


def aster_tile(folder):
    path = make_tile(folder, 31, -88, mean=lambda north, east: (0.95 + 0 * north, 0.96 + 0.01 * np.sin(99 * east)))
    return Made(file=path, scene=_scene(folder), options={"emissivity": f"aster-ged:{path}"})


def _reanalysis(folder, ending, engine):
    latitude, longitude = np.arange(29, 33.1, 0.5), np.arange(-90, -84.9, 0.5)
    shape = (3, latitude.size, longitude.size)
    vapour = np.random.default_rng(1).uniform(20, 30, shape)
    path = write_reanalysis(
        folder / f"era5{ending}", {"tcwv": vapour}, latitude=latitude, longitude=longitude, engine=engine
    )
    return Made(
        file=path, scene=_scene(folder), options={"reanalysis": path, "water_vapour": None},
        open=partial(Scene.open, date="2015-07-19T16:20"),
    )  # fmt: skip


def reanalysis_netcdf4(folder):
    return _reanalysis(folder, ".nc", "h5netcdf")


def reanalysis_netcdf3(folder):
    return _reanalysis(folder, ".nc3", "scipy")


def _archive(folder, form):
    path = make_product(folder / "in", "landsat8-b10", 2, lst=_noise(280, 300), gain=3.342e-4, offset=0.1)
    return Made(file=in_form(path, form))


def archive(folder):
    return _archive(folder, "tar")


def compressed_archive(folder):
    return _archive(folder, "tar.gz")


def model(folder):
    path = make_model(folder / "m" / "model.onnx")
    return Made(file=path, scene=_scene(folder), options={"model": path})


def level2_term(folder):
    product = make_level2(folder / "in")
    given = dict.fromkeys(STATE)
    file = next(product.glob("*_ST_ATRAN.TIF"))
    return Made(file=file, scene=product, options={"model": None, **given}, open=Level2Scene.open)


INPUTS = {
    function.__name__: function
    for function in (
        thermal_band, thermal_band_plain, mtl_text, mtl_json, mtl_xml, emissivity_raster, air_raster, elevation,
        quality_band, red_band, near_infrared_band, aster_tile, reanalysis_netcdf4, reanalysis_netcdf3, archive,
        compressed_archive, model, level2_term,
    )
}  # fmt: skip


def product_of(made, output, model, **options):
    """Retrieve; returns pixels and their georeference."""
    given = {"model": model, "emissivity": 0.97, **STATE, **made.options, **options}
    product = retrieve(made.open(made.scene or made.file), output=output, overwrite=True, **given)
    with rasterio.open(product.path) as dataset:
        return dataset.read(1), (dataset.crs, dataset.transform)


def try_damaged(made, output, model, expected):
    """Retrieve with a damaged input: a one-line error without output, or a product.

    Returns the error, None if the product is the expected one, or the number of different pixels.
    """
    inputs = made.file.parent
    before, older = _digests(inputs), contents(output)
    try:
        found, place = product_of(made, output, model)
    except LstRasterError as error:
        assert_one_line_message(error)
        assert_nothing_lost(output, older)
        return error
    finally:
        assert _digests(inputs) == before
    assert place == expected[1]
    return int((~((found == expected[0]) | (np.isnan(found) & np.isnan(expected[0])))).sum()) or None


def _digests(folder):
    """Checksums of the files of a folder, which must not change."""
    return {path: hashlib.sha256(path.read_bytes()).digest() for path in folder.rglob("*") if path.is_file()}
