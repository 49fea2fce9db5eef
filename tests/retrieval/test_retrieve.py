"""From a scene to a product: the temperature is right, and the file is what it claims to be."""

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import rasterio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rasterio.env import get_gdal_config

import lst_raster
from lst_raster import Model, Scene, retrieve
from lst_raster.errors import CancelledError, InputError, ModelError, OutputError, SceneError
from lst_raster.inputs.resolve import SATURATION_RATIO, saturation_ratio
from lst_raster.product import cog as cog_module
from lst_raster.product.destination import required_disk_space
from lst_raster.product.paths import OutputFormat
from lst_raster.profiles.gfs import _read_fields
from lst_raster.retrieval import run as run_module
from tests.support.factories import FULL_PRECISION, STATE, STEM, make_model, make_scene, ramp, write_raster
from tests.support.shared import shared_path

EXACT = {**STATE, "emissivity": 0.97}
BIG = (600, 1100)  # six blocks, none of them whole at the edges


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def read(product):
    with rasterio.open(product.path) as dataset:
        return dataset.read(1)


def left_in(folder):
    return sorted(path.name for path in folder.iterdir())


def test_the_true_temperature_is_retrieved(tmp_path, model_path):
    truth = ramp(270, 320, BIG)
    scene = make_scene(tmp_path / "in", lst=truth)
    product = retrieve(scene, model=model_path, form=FULL_PRECISION, **EXACT)
    assert np.abs(read(product) - truth).max() < 0.005  # half a digital number
    assert (product.path.name, product.pixels, product.retrieved) == (f"{STEM}_LST.tif", truth.size, truth.size)
    assert product.warnings == ()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("sensor", "name", "dtype", "options", "tolerance"),
    [
        ("landsat5-b6", "LT05_x_B6.tif", "uint8", {}, 0.5),
        ("landsat7-b6", "LE07_x_B6_VCID_1.tif", "uint8", {}, 0.5),
        ("landsat7-b6", "LE07_x_B6_VCID_2.tif", "uint8", {"gain": 0.037205, "offset": 3.1628}, 0.3),
        ("landsat9-b10", "LC09_x_B10.tif", "float64", {}, 0.005),
    ],
)
@pytest.mark.parametrize("mtl", [True, False])
def test_every_sensor_has_its_own_constants(tmp_path, sensor, name, dtype, options, tolerance, mtl):
    truth = ramp(275, 305)
    scene = make_scene(tmp_path / "in", lst=truth, sensor=sensor, name=name, dtype=dtype, mtl=mtl, **options)
    model = make_model(tmp_path / "model" / "model.onnx", sensor)
    product = retrieve(scene, model=model, form=FULL_PRECISION, **EXACT)
    assert np.abs(read(product) - truth).max() < tolerance
    assert product.path.name == name.split("_B")[0] + "_LST.tif"
    assert any("no radiance constants" in line for line in product.warnings) is not mtl


@pytest.mark.slow
def test_rasters_are_used_pixel_by_pixel(tmp_path, model_path):
    rng = np.random.default_rng(1)
    fields = {
        "emissivity": rng.uniform(0.9, 1.0, BIG).astype("f4"),
        "water_vapour": rng.uniform(5, 60, BIG).astype("f4"),
        "surface_pressure": rng.uniform(850, 1030, BIG).astype("f4"),
        "air_temperature": rng.uniform(288, 303, BIG).astype("f4"),
    }
    truth = ramp(280, 320, BIG)
    atmosphere = {name: values for name, values in fields.items() if name != "emissivity"}
    scene = make_scene(tmp_path / "in", lst=truth, emissivity=fields["emissivity"], atmosphere=atmosphere)
    paths = {name: write_raster(tmp_path / f"{name}.tif", values) for name, values in fields.items()}
    product = retrieve(scene, model=model_path, **paths)
    assert np.abs(read(product) - truth).max() < 0.02
    assert product.tags["water_vapour"] == "water_vapour.tif (given)"


def test_a_number_and_a_raster_of_that_number_agree(tmp_path, model_path):
    scene = make_scene(tmp_path / "in", lst=ramp(270, 320))
    rasters = {
        name: write_raster(tmp_path / f"{name}.tif", np.full((60, 70), value, "f4")) for name, value in EXACT.items()
    }
    numbers = retrieve(scene, model=model_path, output="n.tif", **EXACT)
    assert np.abs(read(numbers) - read(retrieve(scene, model=model_path, output="r.tif", **rasters))).max() < 2e-4


@pytest.mark.slow
@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(block=st.integers(7, 80))
def test_the_product_is_the_same_for_any_tile_size(tmp_path, model_path, monkeypatch, block):
    scene = make_scene(tmp_path / "in", lst=ramp(270, 320), fill=ramp(0, 1) > 0.8)
    emissivity = write_raster(tmp_path / "e.tif", ramp(0.9, 1.0).astype("f4"))
    options = {"model": model_path, "emissivity": emissivity, "overwrite": True, **STATE}
    expected = read(retrieve(scene, output="whole.tif", **options))
    monkeypatch.setattr(run_module, "BLOCK", block)
    np.testing.assert_array_equal(read(retrieve(scene, output="tiles.tif", **options)), expected)


def test_the_engine_agrees_with_the_model_it_uses(tmp_path, model_path):
    scene = Scene.open(make_scene(tmp_path / "in", lst=ramp(270, 320)))
    with rasterio.open(scene.place.address) as dataset:
        radiance, *_ = scene.read(dataset)
    expected = Model.load(model_path).predict(radiance=radiance, **EXACT)["lst"]
    assert np.abs(read(retrieve(scene, model=model_path, form=FULL_PRECISION, **EXACT)) - expected).max() < 2e-4


def test_nodata_stays_nodata_across_a_tile_edge(tmp_path, model_path):
    fill = np.zeros(BIG, bool)
    fill[500:520, 505:515] = True
    missing = np.zeros(BIG, bool)
    missing[505:530, 1000:1040] = True
    emissivity = np.where(missing, -9999.0, 0.97).astype("f4")
    path = write_raster(tmp_path / "e.tif", emissivity, nodata=-9999)
    scene = make_scene(tmp_path / "in", lst=np.full(BIG, 300.0), fill=fill)
    product = retrieve(scene, model=model_path, **{**EXACT, "emissivity": path})
    np.testing.assert_array_equal(np.isnan(read(product)), fill | missing)
    assert product.retrieved == (~(fill | missing)).sum()


def test_impossible_values_under_fill_do_no_harm(tmp_path, model_path):
    fill = ramp(0, 1) > 0.9
    emissivity = write_raster(tmp_path / "e.tif", np.where(fill, 0.0, 0.97).astype("f4"))
    scene = make_scene(tmp_path / "in", lst=ramp(280, 300), fill=fill)
    assert retrieve(scene, model=model_path, **{**EXACT, "emissivity": emissivity}).retrieved == (~fill).sum()


def test_where_the_path_radiance_exceeds_the_radiance_there_is_no_temperature(tmp_path, model_path):
    cold = ramp(0, 1) > 0.7
    scene = make_scene(tmp_path / "in", lst=np.where(cold, 200.0, 300.0), atmosphere={**STATE, "water_vapour": 1.0})
    lst = read(retrieve(scene, model=model_path, **{**EXACT, "water_vapour": 40.0}))
    np.testing.assert_array_equal(np.isnan(lst), cold)


def test_the_product_is_a_cog_on_the_scene_s_grid_with_its_provenance(tmp_path, model_path):
    scene = make_scene(
        tmp_path / "in", lst=ramp(270, 320, BIG), fill=ramp(0, 1, BIG) > 0.6, tags={"AREA_OR_POINT": "Point"}
    )
    product = retrieve(scene, model=model_path, water_vapour="2cm", air_temperature="295", surface_pressure=1000)
    with rasterio.open(scene) as source, rasterio.open(product.path) as dataset:
        assert (dataset.crs, dataset.transform, dataset.shape) == (source.crs, source.transform, source.shape)
        assert (dataset.dtypes, dataset.units, dataset.descriptions) == (
            ("float32",),
            ("K",),
            ("land surface temperature",),
        )
        assert np.isnan(dataset.nodata)
        assert dataset.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert dataset.overviews(1) == [2, 4]
        assert dataset.block_shapes == [(512, 512)]
        overview = dataset.read(1, out_shape=(300, 550))
        assert 270 <= np.nanmin(overview) <= np.nanmax(overview) <= 320  # nodata is not blended into its neighbours
        assert float(dataset.tags(1)["STATISTICS_MAXIMUM"]) == pytest.approx(np.nanmax(read(product)), abs=1e-3)
        tags = dataset.tags()
    assert tags.items() >= product.tags.items()
    assert tags["AREA_OR_POINT"] == "Point"
    assert (tags["sensor"], tags["acquisition_date"]) == ("landsat8-b10", "2015-07-19")
    assert (tags["water_vapour"], tags["emissivity"]) == ("20 kg m-2 (given)", "0.97 (default)")
    assert (tags["model"], tags["lst_raster_version"]) == ("landsat8-b10/surface", lst_raster.__version__)
    assert tags["model_sha256"] == Model.load(model_path).digest
    assert tags["input"] == scene.name
    assert str(tmp_path) not in str(tags)


def test_the_same_scene_gives_the_same_bytes(tmp_path, model_path):
    scene = make_scene(tmp_path / "in", lst=ramp(270, 320))
    first, second = (retrieve(scene, model=model_path, output=f"{i}.tif", **EXACT).path.read_bytes() for i in (1, 2))
    assert first == second


def test_a_scene_without_coordinates_is_retrieved_when_the_atmosphere_is_given(tmp_path, model_path):
    scene = make_scene(tmp_path / "in", lst=ramp(280, 300), crs=None, transform=None)
    assert np.abs(read(retrieve(scene, model=model_path, form=FULL_PRECISION, **EXACT)) - ramp(280, 300)).max() < 0.005
    with pytest.raises(InputError, match=r"has no coordinate system,.* add --surface-pressure, --air-temperature"):
        retrieve(scene, model=model_path, water_vapour=20)


def test_missing_inputs_are_those_of_the_climatology_with_a_warning(tmp_path, model_path):
    scene = make_scene(tmp_path / "in", lst=ramp(280, 300))
    product = retrieve(scene, model=model_path)
    assert product.warnings[0].startswith("no emissivity given: 0.97 everywhere")
    assert "climatology of latitude 30.8, longitude -87.5 and 2015-07-19: water vapour 46.6" in product.warnings[1]
    assert product.tags["air_temperature"] == "300.7 K ± 5.2 K (climatology)"
    assert product.tags["aerosol_optical_depth"] == "0.02 ± 0.015 (background)"
    assert product.tags["gas_year"] == "2015.55 year (acquisition)"
    assert len(product.warnings) == 2


def test_an_unknown_date_uses_the_annual_mean_with_a_warning(tmp_path, model_path):
    scene = make_scene(tmp_path / "in", lst=ramp(280, 300), name="LC08_x_B10.tif", mtl=False)
    product = retrieve(scene, model=model_path)
    assert "an unknown date (annual mean)" in product.warnings[2]
    assert product.tags["acquisition_date"] == "unknown"


@pytest.fixture
def shipped(tmp_path, monkeypatch):
    """Test models in the place of the shipped ones."""
    folder = tmp_path / "models"
    for tier in ("profile", "surface"):
        make_model(folder / "landsat8-b10" / tier / "model.onnx", tier=tier)
    monkeypatch.setattr("lst_raster.inference.model.models_path", lambda: folder)


@pytest.mark.slow
@pytest.mark.parametrize(
    "given", [{}, {"surface_pressure": 1000}, {"water_vapour": 20}, {"air_temperature": 295}, {"aerosol": 0.1}, STATE]
)
def test_without_levels_the_tier_is_surface_whatever_is_given(tmp_path, shipped, given):
    product = retrieve(make_scene(tmp_path / "in", lst=ramp(280, 300)), **given)
    assert product.tags["model"] == "landsat8-b10/surface"


def test_a_model_of_another_sensor_is_refused_and_of_none_is_named(tmp_path, shipped):
    scene = make_scene(tmp_path / "in", lst=ramp(280, 300), name="LC08_x_B11.tif", sensor="landsat8-b11")
    with pytest.raises(ModelError, match="is for landsat8-b10, the scene is landsat8-b11"):
        retrieve(scene, model="landsat8-b10/surface")
    with pytest.raises(
        ModelError, match=r"no model 'landsat8-b11/surface';.* landsat8-b10/profile, landsat8-b10/surface"
    ):
        retrieve(scene)


def test_unused_inputs_cause_a_warning(tmp_path, model_path):
    scene = make_scene(tmp_path / "in", lst=ramp(280, 300))
    product = retrieve(scene, model=model_path, dem=10.0, **EXACT)
    assert product.warnings == ("the model landsat8-b10/surface takes no elevation: not used",)


def test_values_outside_the_model_s_range_cause_a_warning(tmp_path, model_path):
    scene = make_scene(tmp_path / "in", lst=ramp(280, 300))
    vapour = write_raster(tmp_path / "w.tif", ramp(0.0, 80.0).astype("f4"))
    product = retrieve(scene, model=model_path, **{**EXACT, "water_vapour": vapour, "surface_pressure": 450})
    assert "water vapour 0 to 80 kg m-2 is outside the range 0.1 to 75" in product.warnings[0]
    assert "surface pressure 450 hPa is outside the range 500 to 1060" in product.warnings[1]


DRY = "less than 10% is rare in reality: if it is in cm (g cm-2), give the unit, for example 2.9cm"


@pytest.mark.slow
@pytest.mark.parametrize("form", ["number", "raster", "climatology"])
@pytest.mark.parametrize(("vapour", "is_dry"), [(2.0, True), (0.5, True), (20.0, False), (4.5, False)])
def test_centimetres_taken_for_millimetres_of_water_vapour_cause_a_warning(tmp_path, model_path, form, vapour, is_dry):
    scene = make_scene(tmp_path / "in", lst=ramp(280, 300))
    given = {"air_temperature": 293.0, "model": model_path}
    if form == "raster":
        values = ramp(0.9 * vapour, 1.1 * vapour).astype("f4")
        values[:20, 0] = np.nan
        given["water_vapour"] = write_raster(tmp_path / "w.tif", values)
    elif form == "number":
        given["water_vapour"] = vapour
    else:  # of July in Alabama: 301 K
        given = {"water_vapour": vapour, "model": model_path}
    warnings = [
        line
        for line in retrieve(scene, emissivity=0.97, surface_pressure=1000.0, **given).warnings
        if "water vapour" in line
    ]
    warnings = [line for line in warnings if "range" not in line and "outside the range" not in line]
    assert len(warnings) == is_dry
    assert not warnings or DRY.replace("10%", "7%" if form == "climatology" else "10%") in warnings[0]


def test_dry_air_over_antarctica_is_no_reason_for_a_warning(tmp_path, model_path):
    scene = make_scene(
        tmp_path / "in",
        lst=ramp(230, 250),
        name="LC08_x_B10.TIF",
        crs="EPSG:32758",
        transform=rasterio.Affine(30, 0, 5e5, 0, -30, 1.5e6),
    )
    product = retrieve(scene, emissivity=0.97, surface_pressure=700.0, water_vapour=0.2, model=model_path)
    assert not [line for line in product.warnings if "rare in reality" in line]


@pytest.mark.slow
def test_less_than_half_a_per_cent_of_real_atmospheres_over_land_cause_the_warning_of_units():
    z = np.load(shared_path("data", "profiles", "tigr2000_2311.npz"))
    cases = [(z["tcwv_gcm2"] * 10.0, z["ts"])]
    z = np.load(shared_path("data", "profiles", "eraint_20110605T00.npz"))
    cases.append((z["tcwv"][z["lsm"] > 0.5], z["t2m"][z["lsm"] > 0.5]))
    for name in ("gfs_20041212.grb", "gfs_20110115T12.grib2", "gfs_20111011T00.grb", "gfs_20150912T18.grib2"):
        fields = _read_fields(shared_path("data", "profiles", "gfs") / name)[0]
        land = fields["lsm", "surface", 0] > 0.5
        vapour, air = fields["pwat", "atmosphereSingleLayer", 0], fields["2t", "heightAboveGround", 2]
        cases.append((vapour[land], air[land]))
    for vapour, air in cases:
        share, limit = np.array(
            [
                saturation_ratio({"water_vapour": w, "air_temperature": t})[SATURATION_RATIO]
                for w, t in zip(vapour, air, strict=True)
            ]
        ).T
        assert (share < limit).mean() < 0.005
        assert (share / 10.0 < limit).mean() > 0.5


@pytest.mark.slow
def test_progress_is_reported_after_every_tile_and_may_stop_the_run(tmp_path, model_path):
    scene = make_scene(tmp_path / "in", lst=ramp(280, 300, BIG))
    seen = []
    retrieve(scene, model=model_path, progress=lambda *step: seen.append(step) or True, **EXACT)
    assert seen == [(done, 6) for done in range(1, 7)]
    (tmp_path / "out").mkdir()
    with pytest.raises(CancelledError, match="stopped after 2 of 6 tiles"):
        retrieve(scene, model=model_path, output="out", progress=lambda done, total: done < 2, **EXACT)
    assert left_in(tmp_path / "out") == []


def test_an_empty_scene_gives_no_product(tmp_path, model_path):
    (tmp_path / "out").mkdir()
    empty = make_scene(tmp_path / "a", lst=ramp(280, 300), fill=np.ones((60, 70), bool))
    with pytest.raises(SceneError, match="every pixel is fill"):
        retrieve(empty, model=model_path, output="out", **EXACT)
    scene = make_scene(tmp_path / "b", lst=ramp(280, 300))
    nothing = write_raster(tmp_path / "e.tif", np.full((60, 70), np.nan, "f4"))
    with pytest.raises(SceneError, match="check their nodata values"):
        retrieve(scene, model=model_path, output="out", **{**EXACT, "emissivity": nothing})
    cold = make_scene(tmp_path / "c", lst=ramp(210, 220), atmosphere={**STATE, "water_vapour": 1.0})
    with pytest.raises(SceneError, match="the path radiance exceeds its radiance"):
        retrieve(cold, model=model_path, output="out", **{**EXACT, "water_vapour": 70})
    assert left_in(tmp_path / "out") == []


def test_a_failed_run_keeps_the_product_that_was_there(tmp_path, model_path):
    scene = make_scene(tmp_path / "in", lst=ramp(280, 300))
    (tmp_path / "out").mkdir()
    old = tmp_path / "out" / f"{STEM}_LST.tif"
    old.write_text("old")
    with pytest.raises(OutputError, match="exists and is kept; add --overwrite"):
        retrieve(scene, model=model_path, output="out", **EXACT)
    emissivity = write_raster(tmp_path / "e.tif", ramp(0.9, 1.1).astype("f4"))
    with pytest.raises(InputError, match=r"has values from 0.9 to 1.1, outside \(0, 1\]"):
        retrieve(scene, model=model_path, output="out", overwrite=True, **{**EXACT, "emissivity": emissivity})
    assert (left_in(tmp_path / "out"), old.read_text()) == ([old.name], "old")


def test_overwriting_replaces_the_product_and_a_viewer_s_notes_on_the_old_one(tmp_path, model_path):
    scene = make_scene(tmp_path / "in", lst=ramp(280, 300))
    (tmp_path / "out").mkdir()
    product = retrieve(scene, model=model_path, output="out", **EXACT)
    product.path.with_name(product.path.name + ".aux.xml").write_text("statistics")
    retrieve(scene, model=model_path, output="out", overwrite=True, **{**EXACT, "emissivity": 0.9})
    assert left_in(tmp_path / "out") == sorted(path.name for path in product.files)
    assert read(product).mean() > 291


def test_a_file_that_does_not_read_back_as_written_is_not_published(tmp_path, model_path, monkeypatch):
    scene = make_scene(tmp_path / "in", lst=ramp(280, 300))
    (tmp_path / "out").mkdir()
    assemble = cog_module.CogWriter._assemble

    def careless(writer, path, head):
        assemble(writer, path, head)
        with path.open("r+b") as file:
            file.seek(len(head) + 100)
            file.write(b"careless")

    monkeypatch.setattr(cog_module.CogWriter, "_assemble", careless)
    with pytest.raises(OutputError, match="does not read back as it was written"):
        retrieve(scene, model=model_path, output="out", **EXACT)
    assert left_in(tmp_path / "out") == []


def test_a_disk_known_to_be_too_full_is_refused_before_any_work(tmp_path, model_path, monkeypatch):
    scene = make_scene(tmp_path / "in", lst=ramp(280, 300))
    monkeypatch.setattr(
        "shutil.disk_usage", lambda path: os.statvfs_result((0,) * 10) and type("U", (), {"free": 100})()
    )
    with pytest.raises(OutputError, match="0 MiB are free, 1 MiB are needed; make room"):
        retrieve(scene, model=model_path, **EXACT)


@pytest.mark.slow
def test_a_disk_on_which_the_product_fits_is_not_refused(tmp_path, model_path, monkeypatch):
    scene = make_scene(tmp_path / "in", lst=ramp(280, 300, BIG))
    options = {"model": model_path, "form": OutputFormat(dtype="uint16"), **EXACT}
    product = retrieve(scene, output="first.tif", **options)
    room = 2 * sum(path.stat().st_size for path in product.files)  # of each raster its temporary file, too
    assert room < 4 * product.pixels
    monkeypatch.setattr("shutil.disk_usage", lambda path: SimpleNamespace(free=room))
    assert retrieve(scene, output="second.tif", **options).retrieved == product.retrieved


@pytest.mark.slow
@pytest.mark.parametrize("form", [{}, {"dtype": "uint16"}, {"dtype": "uint16", "lst_only": True}, {"compress": "none"}])
def test_a_real_scene_takes_at_least_the_estimated_disk_space(tmp_path, model_path, form):
    scene = shared_path("data/landsat/l8_l1_alabama_cc0/test_B10.tif")
    product = retrieve(scene, model=model_path, form=OutputFormat(**form), **EXACT)
    rasters = [path for path in product.files if path.suffix == ".tif"]
    assert required_disk_space(product.files, Scene.open(scene).grid) < 2 * sum(path.stat().st_size for path in rasters)


RUN = """
import os, resource, signal, sys
import lst_raster
from lst_raster.product.paths import OutputFormat
scene, model, how, value = sys.argv[1:]
if how == "limit":  # as a full disk, it lets so many bytes be written and no more
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(value), resource.RLIM_INFINITY))
def progress(done, total):
    if how == "kill" and done == 2:
        os.kill(os.getpid(), int(value))
    return True
try:
    lst_raster.retrieve(scene, output="out", model=model, emissivity=0.97, water_vapour=20.0, surface_pressure=1000.0,
                        air_temperature=295.0, progress=progress,
                        form=OutputFormat(precision="full"))
except lst_raster.errors.OutputError as error:
    sys.exit(f"OutputError: {error}")
"""


def run_apart(scene, model, how, value):
    """Retrieve in a separate process."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    arguments = [sys.executable, "-c", RUN, str(scene), str(model), how, str(value)]
    return subprocess.run(arguments, env=environment, capture_output=True, text=True, timeout=60)


# The product is 2.5 MB: the limits are met by the first of its blocks, by a middle one, and by the last.
@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit on the size of a file")
@pytest.mark.parametrize("limit", [1000, 1_000_000, 2_400_000])
def test_a_full_disk_leaves_nothing_behind(tmp_path, model_path, limit):
    noise = np.random.default_rng(0).uniform(270, 320, BIG)
    scene = make_scene(tmp_path / "in", lst=noise)
    (tmp_path / "out").mkdir()
    ended = run_apart(scene, model_path, "limit", limit)
    assert ended.returncode == 1
    assert ended.stderr.splitlines()[-1].startswith("OutputError: cannot write"), ended.stderr
    assert left_in(tmp_path / "out") == []


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_files_left_by_a_killed_run_are_removed_by_the_next_run(tmp_path, model_path):
    scene = make_scene(tmp_path / "in", lst=ramp(280, 300, BIG))
    (tmp_path / "out").mkdir()
    assert run_apart(scene, model_path, "kill", 9).returncode == -9
    assert len(left_in(tmp_path / "out")) == 7  # of each of three rasters two, and the lock
    product = retrieve(scene, model=model_path, output="out", **EXACT)
    assert left_in(tmp_path / "out") == sorted(path.name for path in product.files)


def test_an_impossible_output_is_an_error(tmp_path, model_path):
    scene = make_scene(tmp_path / "in", lst=ramp(280, 300))
    (tmp_path / "file").write_text("x")
    (tmp_path / f"{STEM}_LST.tif").mkdir()
    for output, words in {
        "file": "file is not a folder",
        "file/x.tif": "file is not a folder",
        "file/new/": "file is not a folder",
        ".": "it is a folder; give another name",
        str(scene): "it is one of the inputs",
    }.items():
        with pytest.raises(OutputError, match=words):
            retrieve(scene, model=model_path, output=output, overwrite=True, **EXACT)


@pytest.mark.slow
@pytest.mark.parametrize("output", ["new/", "new", Path("new/and/inner"), "new/x.tif"])
def test_a_folder_that_is_missing_is_made_for_the_product(tmp_path, model_path, output):
    scene = make_scene(tmp_path / "in", lst=ramp(280, 300))
    product = retrieve(scene, model=model_path, output=output, **EXACT)
    name = "x" if str(output).endswith(".tif") else f"{STEM}_LST"
    folder = Path("new") if str(output).endswith(".tif") else Path(output)
    assert (product.path, left_in(folder)) == (folder / f"{name}.tif", sorted(path.name for path in product.files))


def test_a_folder_that_was_made_is_removed_if_the_run_fails(tmp_path, model_path, monkeypatch):
    scene = make_scene(tmp_path / "in", lst=ramp(280, 300, BIG))
    seen = []

    def stop(done, total):
        seen.append(Path("new/inner").is_dir())
        return False

    with pytest.raises(CancelledError):
        retrieve(scene, model=model_path, output="new/inner/", progress=stop, **EXACT)
    with pytest.raises(ModelError):
        retrieve(scene, model="nothing", output="new/inner/", **EXACT)
    assert (seen, left_in(tmp_path)) == ([True], ["in"])


def test_a_folder_without_permission_is_named_with_the_system_s_message(tmp_path, model_path, monkeypatch):
    scene = make_scene(tmp_path / "in", lst=ramp(280, 300))

    def refuse(path, *arguments, **options):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("pathlib.Path.touch", refuse)
    with pytest.raises(OutputError, match=r"_LST_UNC.tif: Permission denied"):
        retrieve(scene, model=model_path, **EXACT)
    assert left_in(tmp_path) == ["in"]


def test_a_truncated_raster_stops_the_run(tmp_path, model_path):
    scene = make_scene(tmp_path / "in", lst=ramp(280, 300, BIG))
    noise = np.random.default_rng(0).uniform(0.9, 1.0, BIG).astype("f4")
    path = write_raster(tmp_path / "e.tif", noise, tiled=True, blockxsize=256, blockysize=256)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(InputError, match="truncated or damaged; download it again"):
        retrieve(scene, model=model_path, **{**EXACT, "emissivity": path})
    assert left_in(tmp_path) == ["e.tif", "in"]


def test_blocks_in_memory_are_limited_to_some_mebibytes_while_a_run_lasts(tmp_path, model_path):
    scene = make_scene(tmp_path / "in", lst=ramp(280, 300))
    before, during = get_gdal_config("GDAL_CACHEMAX"), []
    retrieve(
        scene, model=model_path, progress=lambda *_: during.append(get_gdal_config("GDAL_CACHEMAX")) or True, **EXACT
    )
    assert set(during) == {64 << 20}
    assert get_gdal_config("GDAL_CACHEMAX") == before
