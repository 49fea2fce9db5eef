"""Angles of view and sun, compared with the orbit, a formula of the sun's position, and the angle bands of the USGS."""

import json
import re
import shutil
from types import SimpleNamespace

import numpy as np
import pytest
import rasterio
from pyproj import Transformer
from rasterio import Affine
from rasterio.crs import CRS
from rasterio.windows import Window

import lst_raster
from lst_raster.errors import InputError, SceneError
from lst_raster.io.angle_coefficients import AngleCoefficients
from lst_raster.io.angles import ANGLES, AngleSource, find_angles, open_angles
from lst_raster.io.bundle import Place
from lst_raster.io.grid import Grid
from lst_raster.io.scene import Scene
from lst_raster.physics.viewing_geometry import zenith_and_azimuth
from lst_raster.product.check import check_product
from lst_raster.product.paths import OutputFormat
from lst_raster.retrieval.retrieve import retrieve
from tests.support.angle_files import LANDSAT_7, LANDSAT_8, angle_text, sun_position
from tests.support.factories import make_scene, ramp
from tests.support.shared import shared_path


def file_of(stem):
    return shared_path("data", "landsat", stem, f"{stem}_ANG.txt")


def coefficients_of(stem, band):
    return AngleCoefficients.read(Place(disk=file_of(stem)), band)


def angles_at(coefficients, x, y):
    """Angles at points, without interpolation between nodes."""
    chosen = coefficients.choose(coefficients.directions(x, y))
    return dict(zip(ANGLES, (*zenith_and_azimuth(*chosen[:3]), *zenith_and_azimuth(*chosen[3:])), strict=True))


def numbers_of(path, name):
    text = re.search(rf"\b{name}\s*=\s*(\([^)]*\)|\S+)", path.read_text())[1]
    return np.array([float(part) for part in text.strip("()").split(",")])


def turn(first, second):
    """Smallest difference of two azimuths."""
    return np.abs((first - second + 180) % 360 - 180)


def in_the_swath(coefficients, band):
    """Points of one detector array each, their coordinates, and lines in the image before projection."""
    path = file_of(LANDSAT_8)
    lines, samples = (numbers_of(path, f"BAND{band}_L1T_IMAGE_CORNER_{name}") for name in ("LINES", "SAMPS"))
    rng = np.random.default_rng(5)
    right, down = rng.uniform(0.05, 0.95, (2, 400))
    corners = np.array([lines, samples])  # upper left, upper right, lower right, lower left
    upper = corners[:, :1] + right * (corners[:, 1:2] - corners[:, :1])
    lower = corners[:, 3:] + right * (corners[:, 2:3] - corners[:, 3:])
    line, sample = upper + down * (lower - upper)
    x, y = coefficients.corner[0] + 30 * sample, coefficients.corner[1] - 30 * line
    directions = coefficients.directions(x, y)
    inside = (directions[:, 1] >= 0) & (directions[:, 1] <= 639)
    single = inside.sum(axis=0) == 1
    return x[single], y[single], directions[inside.argmax(axis=0), 0, np.arange(x.size)][single]


@pytest.mark.parametrize("band", ["10", "11"])
def test_the_view_of_the_thermal_bands_is_the_direction_to_the_satellite_on_its_orbit(band):
    coefficients, path = coefficients_of(LANDSAT_8, f"B{band}"), file_of(LANDSAT_8)
    x, y, line = in_the_swath(coefficients, band)
    assert x.size > 200
    seconds = numbers_of(path, f"BAND{band}_START_TIME") + line * numbers_of(path, f"BAND{band}_LINE_TIME")
    known = numbers_of(path, "EPHEMERIS_TIME")
    orbit = np.array([np.interp(seconds, known, numbers_of(path, f"EPHEMERIS_ECEF_{axis}")) for axis in "XYZ"])
    longitude, latitude = Transformer.from_crs(32656, 4326, always_xy=True).transform(x, y)
    ground = Transformer.from_crs(4979, 4978, always_xy=True).transform(longitude, latitude, np.zeros_like(x))
    to_satellite = orbit - np.array(ground)
    a, b = np.radians(longitude), np.radians(latitude)
    east = np.array([-np.sin(a), np.cos(a), 0 * a])
    north = np.array([-np.sin(b) * np.cos(a), -np.sin(b) * np.sin(a), np.cos(b)])
    up = np.array([np.cos(b) * np.cos(a), np.cos(b) * np.sin(a), np.sin(b)])
    expected = zenith_and_azimuth(*((to_satellite * axis).sum(axis=0) for axis in (east, north, up)))
    found = angles_at(coefficients, x, y)
    assert np.abs(found["view_zenith"] - expected[0]).max() < 0.001
    assert turn(found["view_azimuth"], expected[1]).max() < 0.02
    assert 8.0 < found["view_zenith"].max() < 9.5


def test_the_sun_agrees_with_an_independent_formula_and_the_metadata():
    path, coefficients = file_of(LANDSAT_8), coefficients_of(LANDSAT_8, "B10")
    x, y, line = in_the_swath(coefficients, "10")
    seconds = numbers_of(path, "SOLAR_EPOCH_SECONDS") + numbers_of(path, "BAND10_START_TIME")
    seconds = seconds + line * numbers_of(path, "BAND10_LINE_TIME")
    longitude, latitude = Transformer.from_crs(32656, 4326, always_xy=True).transform(x, y)
    zenith, azimuth = sun_position(2022, 126, seconds, latitude, longitude)
    found = angles_at(coefficients, x, y)
    assert np.abs(found["sun_zenith"] - zenith).max() < 0.02
    assert turn(found["sun_azimuth"], azimuth).max() < 0.02
    middle = np.array([710100.0]), np.array([-2238600.0])
    centre = angles_at(coefficients, *middle)
    assert centre["sun_zenith"][0] == pytest.approx(90 - 43.24426868, abs=0.05)
    assert centre["sun_azimuth"][0] == pytest.approx(39.80724521, abs=0.05)


@pytest.mark.parametrize(("stem", "band", "largest"), [(LANDSAT_8, "B4", 0.09), (LANDSAT_7, "B4", 0.11)])
def test_angles_of_the_reflective_band_agree_with_the_angle_bands(stem, band, largest):
    """The shared bands are decimated to kilometres, so pixels on the seams of detector arrays are mixed."""
    coefficients, folder = coefficients_of(stem, band), shared_path("data", "landsat", stem)
    bands = {}
    suffixes = {"view_zenith": "VZA", "view_azimuth": "VAA", "sun_zenith": "SZA", "sun_azimuth": "SAA"}
    for name, suffix in suffixes.items():
        with rasterio.open(folder / f"{stem}_{suffix}.TIF") as dataset:
            bands[name], grid = dataset.read(1) / 100, Grid.of(dataset)
    column, row = np.meshgrid(np.arange(grid.width) + 0.5, np.arange(grid.height) + 0.5)
    a, _, c, _, e, f = grid.transform[:6]
    found = angles_at(coefficients, a * column + c, e * row + f)
    seen = bands["sun_zenith"] > 0.9 * np.median(bands["sun_zenith"][bands["sun_zenith"] > 0])
    assert np.quantile(np.abs(found["view_zenith"] - bands["view_zenith"])[seen], 0.97) < largest
    assert np.quantile(np.abs(found["sun_zenith"] - bands["sun_zenith"])[seen], 0.97) < 0.02
    assert np.quantile(turn(found["sun_azimuth"], bands["sun_azimuth"])[seen], 0.97) < 0.02
    steep = seen & (bands["view_zenith"] > 2)
    assert np.quantile(turn(found["view_azimuth"], bands["view_azimuth"])[steep], 0.5) < 0.5


def grid_of(coefficients, crs="EPSG:32656", size=(2000, 2100), x=690000.0, y=-2200000.0):
    return Grid(crs=CRS.from_user_input(crs), transform=Affine(30, 0, x, 0, -30, y), width=size[1], height=size[0])


@pytest.mark.parametrize(("stem", "band", "crs", "x", "y"), [
    (LANDSAT_8, "B10", "EPSG:32656", 690000.0, -2200000.0),
    (LANDSAT_7, "B6_VCID_1", "EPSG:32652", 500000.0, -1250000.0),
])  # fmt: skip
def test_interpolated_angles_are_those_of_every_pixel_for_any_window(stem, band, crs, x, y):
    coefficients = coefficients_of(stem, band)
    grid = grid_of(coefficients, crs, x=x, y=y)
    source, window = AngleSource(coefficients=coefficients, files=()), Window(700, 900, 300, 200)
    with open_angles(source, SimpleNamespace(grid=grid)) as read:
        found, whole = read(window), read(Window(512, 512, 512, 600))
    column, row = np.meshgrid(np.arange(700, 1000) + 0.5, np.arange(900, 1100) + 0.5)
    exact = angles_at(coefficients, x + 30 * column, y - 30 * row)
    for name in ANGLES:
        np.testing.assert_array_equal(found[name], whole[name][388:588, 188:488])
        differs = turn(found[name], exact[name]) > (0.05 if name == "view_azimuth" else 0.002)
        assert differs.mean() < 0.002, name  # seams between scans, where single precision decides


def test_angles_of_a_scene_in_another_projection_are_those_of_the_same_places():
    coefficients = coefficients_of(LANDSAT_8, "B10")
    other = CRS.from_epsg(32657)
    x, y = Transformer.from_crs(32656, other, always_xy=True).transform(720000.0, -2230000.0)
    grid = Grid(crs=other, transform=Affine(30, 0, x - 15, 0, -30, y + 15), width=1, height=1)
    source = AngleSource(coefficients=coefficients, files=())
    with open_angles(source, SimpleNamespace(grid=grid)) as read:
        found = read(Window(0, 0, 1, 1))
    exact = angles_at(coefficients, np.array([720000.0]), np.array([-2230000.0]))
    for name in ANGLES:
        assert found[name][0, 0] == pytest.approx(exact[name][0], abs=0.002), name


def test_the_seam_between_scans_of_landsat_7_has_no_holes():
    coefficients = coefficients_of(LANDSAT_7, "B6_VCID_1")
    grid = grid_of(coefficients, "EPSG:32652", x=500000.0, y=-1250000.0)
    with open_angles(AngleSource(coefficients=coefficients, files=()), SimpleNamespace(grid=grid)) as read:
        zenith = read(Window(0, 0, 512, 512))["view_zenith"]
    assert np.isfinite(zenith).all()
    assert np.abs(np.diff(zenith, axis=0)).max() < 0.1


def scene_of(folder):
    """A scene with fill in its first rows."""
    fill = np.zeros((60, 70), bool)
    fill[:7] = True
    return make_scene(folder, lst=ramp(285, 300), fill=fill)


def with_file(folder, text=None, **options):
    """A scene with an angle coefficient file next to it."""
    path = scene_of(folder)
    stem = path.stem.removesuffix("_B10")
    (folder / f"{stem}_ANG.txt").write_text(angle_text(**options) if text is None else text)
    return path


def test_a_product_has_angles_where_it_has_a_radiance(tmp_path, model_path):
    path = with_file(tmp_path)
    product = retrieve(path, output=tmp_path / "out", model=model_path, form=OutputFormat(angles=True))
    assert {finding.outcome for finding in check_product(product.path)} <= {"ok", "skipped"}
    data = lst_raster.open_product(product.path)
    assert {name: data[name].attrs["standard_name"] for name in ANGLES} == {
        "view_zenith": "sensor_zenith_angle", "view_azimuth": "sensor_azimuth_angle",
        "sun_zenith": "solar_zenith_angle", "sun_azimuth": "solar_azimuth_angle",
    }  # fmt: skip
    measured = ~data["fill"].values
    for name, expected in (
        ("view_zenith", 5.768),
        ("view_azimuth", 0.0),
        ("sun_zenith", 35.54),
        ("sun_azimuth", 36.87),
    ):
        values = data[name].values
        assert data[name].attrs["units"] == "degree"
        np.testing.assert_array_equal(np.isfinite(values), measured)
        assert values[measured] == pytest.approx(expected, abs=0.01)
    item = json.loads(product.path.with_suffix(".json").read_text())
    assert item["properties"]["view:incidence_angle"] == pytest.approx(5.77, abs=0.02)
    assert item["properties"]["view:sun_elevation"] == pytest.approx(54.46, abs=0.02)
    assert item["properties"]["view:sun_azimuth"] == pytest.approx(36.87, abs=0.02)
    assert "incidence-angle" in item["assets"]["view_zenith"]["roles"]
    assert product.tags["angles"].endswith("_ANG.txt, band 10")


def test_a_changed_file_of_angles_makes_another_product(tmp_path, model_path):
    path, form = with_file(tmp_path), OutputFormat(angles=True)
    assert not retrieve(path, output=tmp_path / "out", model=model_path, form=form).reused
    assert retrieve(path, output=tmp_path / "out", model=model_path, form=form).reused
    with_file(tmp_path, sun=(0.0, 0.5, 0.8))
    again = retrieve(path, output=tmp_path / "out", model=model_path, form=form, overwrite=True)
    assert not again.reused


@pytest.mark.parametrize(("text", "message"), [
    ("nothing", "is not an angle coefficient file of Landsat"),
    (angle_text(band="06"), r"has no coefficients of band 10, only of \(6\)"),
    (angle_text().replace("BAND10_SUN_Y_NUM_COEF = (0.0, ", "BAND10_SUN_Y_NUM_COEF = ("), "expected 10 numbers"),
    (angle_text()[:900], "expected"),
    (angle_text().replace('"UTM"', '"AEA"'), "is in the projection AEA"),
])  # fmt: skip
def test_a_wrong_file_is_an_error_and_nothing_is_written(tmp_path, model_path, text, message):
    path = with_file(tmp_path, text)
    with pytest.raises(SceneError, match=message):
        retrieve(path, output=tmp_path / "out", model=model_path, form=OutputFormat(angles=True))
    assert not list((tmp_path / "out").glob("*"))


def test_a_scene_without_angles_is_an_error_that_names_the_file(tmp_path, model_path, command):
    path = scene_of(tmp_path)
    code, _, err = command("retrieve", path, "-o", tmp_path / "out", "--model", model_path, "--angles", "-q")
    assert code == 1
    assert "_ANG.txt" in err[-1] and "leave out --angles" in err[-1]


def test_angles_need_the_other_files_of_a_product(tmp_path, command):
    with pytest.raises(InputError, match="leave out --angles or --lst-only"):
        OutputFormat(angles=True, lst_only=True)
    code, _, err = command("retrieve", scene_of(tmp_path), "--angles", "--lst-only")
    assert code != 0 and "--lst-only" in err[-1]


def test_angle_bands_serve_without_the_coefficients(tmp_path):
    for file in shared_path("data", "landsat", LANDSAT_8).glob("*"):
        if not file.name.endswith("ANG.txt"):
            shutil.copy(file, tmp_path)
    scene = Scene.open(tmp_path)
    source = find_angles(scene)
    assert "of a reflective band" in str(source)
    with open_angles(source, scene) as read:
        found = read(Window(0, 0, 60, 60))
    with rasterio.open(tmp_path / f"{LANDSAT_8}_VAA.TIF") as dataset:
        stored = dataset.read(1)
    seen = np.isfinite(found["view_azimuth"])
    assert found["view_azimuth"][seen] == pytest.approx(stored[seen] / 100 % 360, abs=1e-3)
    assert 2000 < seen.sum() < 3000
    (tmp_path / f"{LANDSAT_8}_SZA.TIF").unlink()
    with pytest.raises(SceneError, match=r"no \*_SZA.TIF; download"):
        find_angles(Scene.open(tmp_path))


def test_angles_of_an_archive_are_read_without_unpacking():
    scene = Scene.open(shared_path("data", "landsat", "LT05_L1TP_090085_19970406_20161231_01_T1.tar.gz"))
    source = find_angles(scene)
    with open_angles(source, scene) as read:
        found = read(Window(0, 0, scene.grid.width, scene.grid.height))
    middle = scene.grid.height // 2, scene.grid.width // 2
    assert 90 - found["sun_zenith"][middle] == pytest.approx(31.99, abs=0.2)  # as in the metadata
    assert found["view_zenith"].min() < 0.5
