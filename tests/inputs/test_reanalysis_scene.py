"""Reanalysis over a scene: the right air over every pixel, and its provenance."""

import numpy as np
import pytest
import rasterio
from rasterio.windows import Window

import lst_raster
from lst_raster import Scene, retrieve
from lst_raster.errors import InputError, InputNotFoundError
from lst_raster.inputs.reanalysis.gridded import interpolate
from lst_raster.inputs.reanalysis.over_scene import fields_over_scene
from tests.support.factories import STEM, make_model, make_scene, write_raster
from tests.support.linear_air import linear, truth
from tests.support.reanalysis_files import TIMES, read_reanalysis, write_reanalysis

SHAPE = (300, 560)
DATE = "2015-07-19T16:20"
LATITUDE = np.arange(32.0, 29.9, -0.25)
LONGITUDE = np.arange(270.0, 275.1, 0.25)


def made(path, names=("tcwv", "t2m", "sp"), **options):
    hours = (TIMES - TIMES[1]) / np.timedelta64(1, "h")
    axes = hours[:, None, None], LATITUDE[:, None], LONGITUDE
    fields = {name: linear(name, axes[1], axes[2], axes[0]) for name in names}
    return write_reanalysis(path, fields, latitude=LATITUDE, longitude=LONGITUDE, **options)


@pytest.fixture
def seen(tmp_path):
    """A scene seen through the linear air, and its reanalysis."""
    grid = write_raster(tmp_path / "grid.tif", np.zeros(SHAPE, "u1"))
    air = {
        "water_vapour": truth("tcwv", grid), "air_temperature": truth("t2m", grid),
        "surface_pressure": truth("sp", grid) / 100.0,
    }  # fmt: skip
    return make_scene(tmp_path / "in", lst=np.full(SHAPE, 305.0), atmosphere=air), made(tmp_path / "era5.nc")


@pytest.fixture
def shipped(tmp_path, monkeypatch):
    """Both tiers, where models are shipped."""
    for tier in ("surface", "profile"):
        make_model(tmp_path / "models" / "landsat8-b10" / tier / "model.onnx", tier=tier)
        make_model(tmp_path / "models" / "landsat8-b10" / tier / "atmosphere.onnx", tier=tier, graph="atmosphere")
    monkeypatch.setattr("lst_raster.inference.model.models_path", lambda: tmp_path / "models")


def read(product):
    with rasterio.open(product.path) as dataset:
        return dataset.read(1)


def test_the_temperature_is_right_under_air_that_changes_across_the_scene(tmp_path, seen, model_path):
    scene, reanalysis = seen
    product = retrieve(
        Scene.open(scene, date=DATE), output=tmp_path, reanalysis=reanalysis, model=model_path, emissivity=0.97
    )
    assert np.abs(read(product) - 305.0).max() < 0.01
    assert product.warnings == ()


@pytest.mark.slow
def test_the_provenance_names_file_variable_and_mean(tmp_path, seen, model_path):
    scene, reanalysis = seen
    product = retrieve(Scene.open(scene, date=DATE), output=tmp_path, reanalysis=[reanalysis], model=model_path)
    mean = truth("tcwv", scene).mean()
    assert product.tags["water_vapour"] == f"era5.nc tcwv, mean {mean:.5g} kg m-2 (reanalysis)"
    assert product.tags["surface_pressure"].startswith("era5.nc sp, mean 100")
    assert product.tags["acquisition_time"] == "16:20:00Z"


@pytest.mark.slow
def test_the_time_comes_from_the_metadata(tmp_path, seen, model_path):
    scene, reanalysis = seen
    metadata = scene.parent / f"{STEM}_MTL.txt"
    day = "DATE_ACQUIRED = 2015-07-19\n"
    metadata.write_text(metadata.read_text().replace(day, f'{day}    SCENE_CENTER_TIME = "16:20:00.7917421Z"\n'))
    product = retrieve(scene, output=tmp_path, reanalysis=reanalysis, model=model_path, emissivity=0.97)
    assert np.abs(read(product) - 305.0).max() < 0.01
    assert Scene.open(scene, date="2015-07-20").date.moment is None  # another day: the metadata's time is not its


@pytest.mark.slow
def test_what_is_given_comes_before_the_reanalysis(tmp_path, seen, model_path):
    scene, reanalysis = seen
    product = retrieve(
        Scene.open(scene, date=DATE), output=tmp_path, reanalysis=reanalysis, water_vapour=33.0, model=model_path
    )
    assert product.tags["water_vapour"] == "33 kg m-2 (given)"
    assert product.tags["air_temperature"].endswith("(reanalysis)")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("names", "given", "tier"),
    [
        (("tcwv", "t2m", "sp"), {}, "surface"),
        (("tcwv", "sp"), {}, "surface"),
        (("tcwv",), {"air_temperature": 295.0}, "surface"),
        (("t2m",), {"water_vapour": 20.0}, "surface"),
    ],
)
def test_the_tier_is_the_one_that_the_files_allow(tmp_path, seen, shipped, names, given, tier):
    reanalysis = made(tmp_path / "some.nc", names)
    product = retrieve(Scene.open(seen[0], date=DATE), output=tmp_path, reanalysis=reanalysis, **given)
    assert product.tags["model"] == f"landsat8-b10/{tier}"
    assert product.tags["surface_pressure"].endswith("(reanalysis)" if "sp" in names else "(climatology)")


def test_a_file_for_each_quantity_and_step_gives_the_same(tmp_path, seen):
    scene = Scene.open(seen[0], date=DATE)
    whole = fields_over_scene(scene, [seen[1]], ["water_vapour", "air_temperature"])
    parts = [made(tmp_path / f"{name}.nc", [name], packed=True) for name in ("t2m", "tcwv")]
    split = fields_over_scene(scene, parts, ["water_vapour", "air_temperature"])
    for name, field in whole.items():
        np.testing.assert_allclose(field.source.values, split[name].source.values, atol=1e-3)


def test_of_files_on_other_grids_the_one_that_covers_the_scene_is_taken(tmp_path, seen):
    elsewhere = write_reanalysis(
        tmp_path / "far.nc", {"tcwv": np.ones((3, 2, 2))}, latitude=[0.0, 1.0], longitude=[0.0, 1.0]
    )
    fields = fields_over_scene(Scene.open(seen[0], date=DATE), [elsewhere, seen[1]], ["water_vapour"])
    assert fields["water_vapour"].source.label == "era5.nc tcwv"


def test_the_error_between_nodes_is_bounded(tmp_path, seen):
    rough = np.random.default_rng(5).uniform(10.0, 30.0, (3, LATITUDE.size, LONGITUDE.size))
    path = write_reanalysis(tmp_path / "rough.nc", {"tcwv": rough}, latitude=LATITUDE, longitude=LONGITUDE)
    scene = Scene.open(seen[0], date=DATE)
    nodes = fields_over_scene(scene, [path], ["water_vapour"])["water_vapour"].source
    (field,) = read_reanalysis(path)
    rows, columns = np.mgrid[: SHAPE[0], : SHAPE[1]] + 0.5
    exact = interpolate(field, np.datetime64("2015-07-19T16:20"), *scene.grid.degrees(columns, rows))
    kinks = max(np.abs(np.diff(rough, 2, axis=axis)).max() for axis in (1, 2))
    cells = 32 * 30.0 / (0.25 * 111.2e3 * np.cos(np.radians(31.0)))  # between two nodes
    found = nodes.read(Window(0, 0, SHAPE[1], SHAPE[0]))
    assert np.abs(found - exact).max() < 2.0 * kinks * cells / 4.0
    assert found.dtype == np.float32
    part = nodes.read(Window(100, 40, 70, 50))
    np.testing.assert_array_equal(part, found[40:90, 100:170])


@pytest.mark.slow
def test_missing_values_stay_missing(tmp_path, seen, model_path):
    values = np.full((3, LATITUDE.size, LONGITUDE.size), 20.0)
    values[:, LATITUDE < 30.6] = np.nan  # the sea, say
    path = write_reanalysis(tmp_path / "land.nc", {"tcwv": values}, latitude=LATITUDE, longitude=LONGITUDE)
    scene = Scene.open(seen[0], date=DATE)
    product = retrieve(scene, output=tmp_path, reanalysis=path, model=model_path, emissivity=0.97)
    assert 0 < product.retrieved < product.pixels
    values[:] = np.nan
    nothing = write_reanalysis(tmp_path / "none.nc", {"tcwv": values}, latitude=LATITUDE, longitude=LONGITUDE)
    with pytest.raises(InputError, match=r"none.nc tcwv has no value over the scene"):
        retrieve(scene, output=tmp_path, reanalysis=nothing, model=model_path, overwrite=True)


def test_negative_water_vapour_is_said(tmp_path, seen, model_path):
    values = np.full((3, LATITUDE.size, LONGITUDE.size), 20.0)
    values[:, 0, 0] = -3.0
    path = write_reanalysis(
        tmp_path / "ncep.nc", {"pr_wtr": values}, latitude=LATITUDE, longitude=LONGITUDE, epoch="1800-01-01"
    )
    product = retrieve(Scene.open(seen[0], date=DATE), output=tmp_path, reanalysis=path, model=model_path)
    assert "ncep.nc pr_wtr: negative water vapour (down to -3 kg m-2) is set to 0" in product.warnings


def test_without_a_time_the_error_asks_for_it(seen):
    with pytest.raises(InputError, match=r"add --date 2015-07-19T16:20 with its own time \(UTC\)"):
        fields_over_scene(Scene.open(seen[0]), [seen[1]], ["water_vapour"])


@pytest.mark.parametrize(
    ("date", "message"),
    [
        ("2015-07-20T16:20", "era5.nc tcwv has, nearest to the scene, 2015-07-19T16:00:00 to 2015-07-19T17:00:00 UTC"),
        ("2015-07-19T17:31", "give the steps before and after the scene"),
    ],
)
def test_files_of_another_time_are_refused(seen, date, message):
    with pytest.raises(InputError, match=message):
        fields_over_scene(Scene.open(seen[0], date=date), [seen[1]], ["water_vapour"])


def test_files_without_water_vapour_are_refused_if_no_value_is_given(tmp_path, seen):
    path = made(tmp_path / "cold.nc", ["t2m"])
    with pytest.raises(InputError, match=r"cold.nc has no water vapour \(found: t2m\); add a file with tcwv"):
        fields_over_scene(Scene.open(seen[0], date=DATE), [path], ["water_vapour", "air_temperature"])


def test_a_scene_without_coordinates_is_refused(tmp_path, seen):
    scene = make_scene(tmp_path / "bare", lst=np.full((20, 30), 300.0), crs=None)
    with pytest.raises(InputError, match="has no coordinate system, so no reanalysis"):
        fields_over_scene(Scene.open(scene, date=DATE), [seen[1]], ["water_vapour"])


def test_a_missing_file_is_told_first_of_all(tmp_path, seen, model_path):
    with pytest.raises(InputNotFoundError, match=r"no\.nc does not exist"):
        lst_raster.retrieve(Scene.open(seen[0], date=DATE), output=tmp_path, reanalysis="no.nc", model=model_path)


@pytest.mark.slow
def test_the_command_takes_several_files_and_a_time(tmp_path, seen, model_path, command):
    files = [str(made(tmp_path / f"{name}.nc", [name])) for name in ("t2m", "tcwv", "sp")]
    options = [part for file in files for part in ("--reanalysis", file)]
    code, out, err = command(
        "retrieve", seen[0], "-o", tmp_path / "out.tif", "--date", DATE, "--model", model_path, "-q",
        "--emissivity", "0.97", *options,
    )  # fmt: skip
    assert (code, out, err) == (0, [str(tmp_path / "out.tif")], [])
    with rasterio.open(tmp_path / "out.tif") as dataset:
        assert np.abs(dataset.read(1) - 305.0).max() < 0.01
