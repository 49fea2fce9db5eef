"""Products under a profile: right, the same for any tiles and threads, and telling what they are made of."""

import numpy as np
import pytest
import xarray as xr
from rasterio import Affine

from lst_raster import Scene, retrieve
from lst_raster.errors import OutputError
from lst_raster.inputs.resolve import resolve_inputs
from lst_raster.resources import require
from lst_raster.retrieval import run as run_module
from lst_raster.retrieval.atmosphere import CoarseAtmosphere
from lst_raster.simulator.sigma_levels import HUMIDITY_LEVELS, TEMPERATURE_LEVELS
from tests.support.factories import make_model, make_scene, model_metadata, write_raster
from tests.support.profile_air import (
    DATE,
    HOURS,
    LATITUDE,
    LEVELS,
    LONGITUDE,
    SHAPE,
    by_hand,
    inputs_of_profile,
    opened,
    places,
    read,
    write_profile,
    write_surface,
)
from tests.support.reanalysis_files import TIMES
from tests.support.shared import shared_path


@pytest.mark.slow
def test_the_temperature_is_right_under_a_profile_that_changes_across_the_scene(tmp_path, profile_model):
    known = inputs_of_profile(985.0 + np.zeros(SHAPE), *places()[2:], HOURS)
    path = make_scene(tmp_path / "in", lst=np.full(SHAPE, 305.0), atmosphere=known, air=profile_model / "model.onnx")
    files = [write_surface(tmp_path / "sl.nc", 985.0), write_profile(tmp_path / "pl.nc")]
    product = retrieve(
        Scene.open(path, date=DATE), output=tmp_path, reanalysis=files, model=profile_model, emissivity=0.97
    )
    assert np.abs(read(product) - 305.0).max() < 0.02
    assert product.warnings == ()
    assert product.tags["profile"] == "37 levels of pl.nc t, pl.nc q (reanalysis)"
    assert product.tags["water_vapour"] == "column of the profile above the surface (reanalysis)"
    assert product.tags["surface_pressure"] == "sl.nc sp, mean 985 hPa (reanalysis)"
    parts = product.tags["uncertainty_parts"]
    assert [part.rsplit(" ", 2)[0] for part in parts.partition(" (")[0].split(", ")] == [
        "sensor", "emissivity", "atmosphere",
    ]  # fmt: skip


BIG = (560, 1040)


_ROW, _ACROSS = np.mgrid[: BIG[0], : BIG[1]]


TERRAIN = (800.0 + 700.0 * np.sin(_ROW / 90.0) * np.cos(_ACROSS / 130.0) + 3.0 * np.sin(_ROW * 1.7)).astype("f4")


@pytest.fixture
def mountains(tmp_path):
    """A scene over rough terrain, and its inputs; the atmosphere varies from cell to cell of the reanalysis."""
    random = np.random.default_rng(11)
    rough = {
        "t": random.normal(0.0, 0.5, (3, LEVELS.size, LATITUDE.size, LONGITUDE.size)),
        "q": random.uniform(0.9, 1.1, (3, LEVELS.size, LATITUDE.size, LONGITUDE.size)),
    }
    files = [
        write_profile(tmp_path / "pl.nc", rough=rough),
        write_surface(tmp_path / "sl.nc", z=np.full((3, 1, 1), 4e3)),
    ]
    path = make_scene(tmp_path / "scene", lst=np.full(BIG, 300.0))
    dem = write_raster(tmp_path / "dem.tif", TERRAIN)
    return Scene.open(path, date=DATE), {"reanalysis": files, "dem": dem, "emissivity": 0.97}


@pytest.mark.slow
def test_the_coarse_grid_gives_the_temperature_of_the_profile_at_every_pixel(tmp_path, mountains, profile_model):
    scene, options = mountains
    coarse = retrieve(scene, output=tmp_path / "coarse.tif", model=profile_model, **options)
    exact = retrieve(scene, output=tmp_path / "exact.tif", model=profile_model, exact=True, **options)
    difference = read(coarse) - read(exact)
    assert np.ptp(read(exact)) > 2.0  # the atmosphere varies over the scene
    assert np.sqrt(np.mean(difference**2)) < 0.01
    assert np.abs(difference).max() < 0.08  # where the ground crosses a level, within 50 m
    assert coarse.tags["air"].startswith("interpolated between 6x11 nodes, steps of 50 m; largest difference 0.0")


@pytest.mark.slow
def test_threads_and_tiles_change_no_byte_of_a_product_of_a_profile(tmp_path, mountains, profile_model, monkeypatch):
    scene, options = mountains
    expected = retrieve(scene, output=tmp_path / "a.tif", threads=1, model=profile_model, **options)
    monkeypatch.setattr(run_module, "BLOCK", 1024)
    product = retrieve(scene, output=tmp_path / "b.tif", threads=3, model=profile_model, **options)
    assert product.path.read_bytes() == expected.path.read_bytes()
    assert [file.read_bytes() for file in product.files[:3]] == [file.read_bytes() for file in expected.files[:3]]


@pytest.mark.slow
def test_rasters_of_atmospheric_quantities_are_combined_with_a_profile_at_every_pixel(tmp_path, profile_model):
    scene = opened(tmp_path)
    files = [write_profile(tmp_path / "pl.nc"), write_surface(tmp_path / "sl.nc")]
    vapour = write_raster(tmp_path / "wv.tif", np.where(places()[1] < 280.0, 12.0, 24.0).astype("f4"))
    options = {"reanalysis": files, "model": profile_model, "emissivity": 0.97}
    found = retrieve(scene, output=tmp_path / "a.tif", water_vapour=vapour, **options)
    dry = retrieve(scene, output=tmp_path / "b.tif", water_vapour=12.0, exact=True, **options)
    assert found.tags["air"] == "exact: the model at every pixel"
    np.testing.assert_array_equal(read(found)[:, :280], read(dry)[:, :280])
    assert (read(found)[:, 280:] != read(dry)[:, 280:]).any()


@pytest.mark.slow
def test_levels_of_era5_give_the_profile_that_other_readers_give(tmp_path, all_tiers):
    cfgrib = require("cfgrib", "dev")
    path = shared_path("data", "reanalysis", "pyaps_ERA5_N30_N40_E120_E140_20101017_14.grb")
    transform = Affine(0.01, 0.0, 130.1, 0.0, -0.01, 35.4)
    made = make_scene(tmp_path / "in", lst=np.full((60, 70), 295.0), crs="EPSG:4326", transform=transform)
    scene = Scene.open(made, date="2010-10-17T14:10")
    dem = write_raster(tmp_path / "dem.tif", np.full((60, 70), 400.0, "f4"), crs="EPSG:4326", transform=transform)
    inputs = resolve_inputs(scene, {}, None, reanalysis=[path], dem=dem)
    assert inputs.network.contract.tier == "profile"
    row, across = np.array([30.0]), np.array([40.0])  # 35.1 N, 130.5 E
    found = CoarseAtmosphere.over(inputs, scene.grid, uncertainty=False).values(row, across, 400.0)
    variables = cfgrib.open_file(path, read_keys=[], indexpath="").variables
    pressure = variables["isobaricInhPa"].data.astype(float)
    theirs = {
        name: xr.DataArray(
            variables[name].data[(slice(None),) * 3], dims=variables[name].dimensions[-3:],
            coords={axis: variables[axis].data for axis in ("latitude", "longitude")},
        ).interp(latitude=35.1, longitude=130.5).values[np.argsort(pressure)]
        for name in ("t", "q")
    }  # fmt: skip
    ground, levels = float(found["surface_pressure"][0]), np.sort(pressure)
    lowest = ground > levels
    expected = by_hand(
        levels, theirs["t"], np.maximum(theirs["q"], 1e-8),
        (ground, float(found["air_temperature"][0]), theirs["q"][lowest][-1]),
    )  # fmt: skip
    np.testing.assert_allclose([found[name][0] for name in TEMPERATURE_LEVELS], expected[0], atol=0.01)
    np.testing.assert_allclose([found[name][0] for name in HUMIDITY_LEVELS], expected[1], rtol=3e-3)
    layers = 0.5 * (theirs["q"][lowest][1:] + theirs["q"][lowest][:-1]) * np.diff(levels[lowest])
    trapezoids = (layers.sum() + theirs["q"][lowest][-1] * (ground - levels[lowest][-1])) * 100.0 / 9.80665
    assert found["water_vapour"][0] == pytest.approx(trapezoids, rel=0.02)
    product = retrieve(scene, output=tmp_path, reanalysis=path, dem=dem, emissivity=0.97)
    assert product.retrieved == product.pixels and product.tags["model"] == "landsat8-b10/profile"


@pytest.mark.slow
def test_a_product_is_not_kept_where_files_of_levels_have_changed(tmp_path, profile_model):
    scene = opened(tmp_path)
    files = [write_profile(tmp_path / "pl.nc"), write_surface(tmp_path / "sl.nc")]
    options = {"output": tmp_path / "out.tif", "model": profile_model, "reanalysis": files}
    assert not retrieve(scene, **options).reused
    assert retrieve(scene, **options).reused
    write_profile(tmp_path / "pl.nc", times=TIMES[[0, 1, 2]], levels=LEVELS[3:])
    with pytest.raises(OutputError, match="exists"):
        retrieve(scene, **options)


@pytest.mark.slow
def test_warnings_name_the_levels_outside_a_model_s_range(tmp_path):
    metadata = model_metadata(tier="profile")
    for entry in metadata["inputs"]:
        if entry["name"] in ("air_temperature_sigma300", "specific_humidity_sigma975"):
            entry["valid_range"] = [250.0, 325.0] if entry["name"].startswith("air") else [0.0, 0.005]
    model = make_model(tmp_path / "narrow" / "model.onnx", tier="profile", metadata=metadata)
    scene = opened(tmp_path)
    files = [write_profile(tmp_path / "pl.nc"), write_surface(tmp_path / "sl.nc", 985.0)]
    product = retrieve(scene, output=tmp_path, model=model, reanalysis=files, emissivity=0.97)
    outside = [line for line in product.warnings if "outside the range" in line]
    assert [line.split(" to ")[0].rsplit(" ", 1)[0] for line in outside] == ["specific humidity sigma975"]
