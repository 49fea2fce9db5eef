"""Night scenes, scenes without reflective bands, and scenes around the poles and the date line."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import rasterio
import xarray as xr
from pyproj import Transformer
from rasterio import Affine

from lst_raster import open_product, retrieve
from lst_raster.compositing.composite import composite
from lst_raster.errors import InputError
from lst_raster.inference.model import Model
from lst_raster.inputs.climatology import climatology
from lst_raster.io.angle_coefficients import AngleCoefficients
from lst_raster.io.bundle import Place
from lst_raster.physics.radiative_transfer import sensor_radiance
from lst_raster.product.check import check_product
from lst_raster.resources import data_path, models_path
from lst_raster.sensors.bands import sensor_band
from tests.support.angle_files import LANDSAT_8, angle_text, sun_position
from tests.support.factories import make_scene, ramp, write_raster
from tests.support.shared import shared_path

NIGHT = "LC08_L1GT_160215_20220506_20220512_02_T2"
SHAPE = (120, 130)
GRIDS = {  # coordinate system, and coordinates of the upper left corner [m]
    "south pole": ("EPSG:3031", -18_000.0, 15_000.0),
    "date line, south": ("EPSG:3031", -18_000.0, -800_000.0),
    "82 degrees south": ("EPSG:3031", 800_000.0, 0.0),
    "north pole": ("EPSG:3413", -19_000.0, 21_000.0),
    "date line, north": ("EPSG:3995", -18_000.0, 900_000.0),
    "date line, UTM": ("EPSG:32601", 380_000.0, 8_010_000.0),
}


def night_scene(folder, *, reflective):
    """A real scene as one of the night: without reflective bands, or with bands of fill."""
    folder.mkdir()
    for file in shared_path("data", "landsat", LANDSAT_8).iterdir():
        name = file.name.replace(LANDSAT_8, NIGHT)
        is_reflective = re.search(r"_B[1-9]\.TIF$", name) is not None
        if name.endswith("stac.json") or ("_MTL." in name and not name.endswith("txt")) or is_reflective > reflective:
            continue
        if name.endswith("MTL.txt"):
            text = file.read_text().replace(LANDSAT_8, NIGHT)
            (folder / name).write_text(re.sub(r"SUN_ELEVATION = \S+", "SUN_ELEVATION = -38.2", text))
        else:
            shutil.copy(file, folder / name)
        if is_reflective:
            with rasterio.open(folder / name, "r+") as band:
                band.write(np.zeros(band.shape, band.dtypes[0]), 1)
    return folder


@pytest.mark.parametrize("reflective", [False, True])
def test_a_night_scene_has_a_temperature_and_a_warning_on_its_cloud_mask(tmp_path, command, reflective):
    scene = night_scene(tmp_path / "scene", reflective=reflective)
    product = retrieve(scene, output=tmp_path, emissivity=0.98)
    assert product.retrieved > 100
    assert product.tags["second_sensor"] == "landsat8-b11"
    assert product.tags["sun_elevation"] == "-38.20"
    (warning,) = (line for line in product.warnings if "night scene" in line)
    assert "sun elevation -38.2 degrees" in warning and "QA_PIXEL" in warning
    assert {finding.outcome for finding in check_product(product.path)} <= {"ok", "skipped"}
    item = json.loads(product.path.with_suffix(".json").read_text())
    assert item["properties"]["view:sun_elevation"] == -38.2
    code, out, _ = command("info", scene)
    assert code == 0 and any("is a night scene" in line for line in out)


def test_a_day_scene_and_a_night_scene_with_kept_clouds(tmp_path):
    day = retrieve(shared_path("data", "landsat", LANDSAT_8), output=tmp_path, emissivity=0.98)
    assert not any("night" in line for line in day.warnings)
    scene = night_scene(tmp_path / "scene", reflective=False)
    night = retrieve(scene, output=tmp_path / "night", emissivity=0.98)
    with open_product(day.path) as first, open_product(night.path) as second:
        np.testing.assert_array_equal(first.lst, second.lst)  # the hour has no effect without a reanalysis


@pytest.mark.parametrize("reflective", [False, True])
def test_ndvi_of_a_night_scene_is_an_error_with_other_sources(tmp_path, command, reflective):
    scene = night_scene(tmp_path / "scene", reflective=reflective)
    with pytest.raises(InputError, match="as of every night scene; give another emissivity: a number, a raster"):
        retrieve(scene, output=tmp_path / "out", emissivity=["quality", "ndvi", 0.98])
    code, _, err = command("retrieve", scene, "-o", tmp_path / "out", "--emissivity", "ndvi", "-q")
    assert code == 1 and "night scene" in err[-1]
    assert not list((tmp_path / "out").glob("*"))


def test_ndvi_without_reflective_bands_by_day_names_the_missing_file(tmp_path):
    scene = night_scene(tmp_path / "scene", reflective=False)
    path = scene / f"{NIGHT}_MTL.txt"
    path.write_text(path.read_text().replace("SUN_ELEVATION = -38.2", "SUN_ELEVATION = 38.2"))
    with pytest.raises(InputError, match=f"has no red band {NIGHT}_B4.TIF"):
        retrieve(scene, output=tmp_path / "out", emissivity="ndvi")


def polar_scene(folder, place, *, lst=None, size=300.0, time=None):
    crs, x, y = GRIDS[place]
    lst = ramp(230.0, 265.0, SHAPE) if lst is None else lst
    path = make_scene(folder, lst=lst, emissivity=0.985, crs=crs, transform=Affine(size, 0, x, 0, -size, y))
    if time is not None:
        (mtl,) = folder.glob("*_MTL.txt")
        day = "    DATE_ACQUIRED = 2015-07-19"
        mtl.write_text(mtl.read_text().replace(day, f'{day}\n    SCENE_CENTER_TIME = "{time}"'))
    return path


def degrees_of(path):
    """Latitudes and longitudes of all pixels of a raster."""
    with rasterio.open(path) as dataset:
        column, row = np.meshgrid(np.arange(dataset.width) + 0.5, np.arange(dataset.height) + 0.5)
        a, _, c, _, e, f = tuple(dataset.transform)[:6]
        to_degrees = Transformer.from_crs(dataset.crs, 4326, always_xy=True)
        longitude, latitude = to_degrees.transform(a * column + c, e * row + f)
    return latitude, longitude


def inside(geometry, latitude, longitude):
    """Whether points are in a GeoJSON geometry, by the number of edges east of them."""
    polygons = geometry["coordinates"] if geometry["type"] == "MultiPolygon" else [geometry["coordinates"]]
    found = np.zeros(latitude.shape, bool)
    for (ring,) in polygons:
        (x1, y1), (x2, y2) = (np.array(part).T[:, :, None, None] for part in (ring[:-1], ring[1:]))
        with np.errstate(divide="ignore", invalid="ignore"):
            crossing = ((y1 > latitude) != (y2 > latitude)) & (longitude < x1 + (latitude - y1) / (y2 - y1) * (x2 - x1))
        found |= crossing.sum(axis=0) % 2 == 1
    return found


@pytest.mark.parametrize("place", GRIDS)
def test_products_around_poles_and_the_date_line_are_complete(tmp_path, place):
    product = retrieve(polar_scene(tmp_path / "scene", place), output=tmp_path, emissivity=0.985)
    assert product.retrieved == product.pixels
    assert {finding.outcome for finding in check_product(product.path)} <= {"ok", "skipped"}
    item = json.loads(product.path.with_suffix(".json").read_text())
    west, south, east, north = item["bbox"]
    latitude, longitude = degrees_of(product.path)
    assert south <= latitude.min() and latitude.max() <= north
    across = (longitude >= west) | (longitude <= east) if west > east else (longitude >= west) & (longitude <= east)
    assert across.all()
    if "pole" in place:
        assert (west, east) == (-180.0, 180.0)
        assert abs(latitude).max() < 90.0 == max(abs(south), abs(north))
    elif "date line" in place:
        assert west > 170.0 > -170.0 > east
    assert inside(item["geometry"], latitude[1:-1, 1:-1], longitude[1:-1, 1:-1]).all()
    assert not inside(item["geometry"], np.array([[0.0]]), np.array([[30.0]])).any()
    with open_product(product.path) as data:
        assert data.lst.shape == SHAPE and np.isfinite(data.lst_uncertainty).all()


@pytest.mark.parametrize("place", GRIDS)
def test_a_reanalysis_is_interpolated_across_poles_and_the_date_line(tmp_path, place):
    latitude, longitude = np.linspace(90, -90, 181), np.arange(360.0)

    def vapour(latitude, longitude):
        return 4.0 + 0.02 * latitude + 2.0 * np.cos(np.radians(latitude)) * np.cos(np.radians(longitude))

    fields = {
        "tcwv": (vapour(latitude[:, None], longitude), "kg m**-2"),
        "t2m": (np.full((181, 360), 250.0), "K"), "sp": (np.full((181, 360), 98_000.0), "Pa"),
    }  # fmt: skip
    dataset = xr.Dataset(
        {name: (("time", "latitude", "longitude"), v[None], {"units": unit}) for name, (v, unit) in fields.items()},
        {"time": np.array(["2015-07-19T12:00"], "datetime64[ns]"), "latitude": latitude, "longitude": longitude},
    )
    dataset.to_netcdf(tmp_path / "era5.nc")
    scene = polar_scene(tmp_path / "scene", place, time="12:00:00.0Z")
    product = retrieve(scene, output=tmp_path, emissivity=0.985, reanalysis=tmp_path / "era5.nc")
    mean = float(re.search(r"mean (\S+) kg m-2", product.tags["water_vapour"])[1])
    assert mean == pytest.approx(vapour(*degrees_of(product.path)).mean(), abs=0.01)
    assert float(re.search(r"largest difference (\S+) K", product.tags["air"])[1]) < 0.05


@pytest.mark.parametrize(("place", "box"), [
    ("south pole", "-180,-90,180,-89.95"), ("date line, south", "179.5,-82.5,-179.5,-82.4"),
    ("date line, north", "179.5,81.5,-179.5,81.9"), ("date line, UTM", "179.9,72,-179.9,72.1"),
])  # fmt: skip
def test_a_box_across_pole_or_date_line_cuts_the_scene(tmp_path, place, box):
    scene = polar_scene(tmp_path / "scene", place)
    given = {"emissivity": 0.985, "water_vapour": 2.0, "air_temperature": 245.0}
    whole = retrieve(scene, output=tmp_path / "whole", surface_pressure=980.0, **given)
    part = retrieve(scene, output=tmp_path / "part", surface_pressure=980.0, bbox=box, **given)
    west, south, east, north = map(float, box.split(","))
    latitude, _ = degrees_of(part.path)
    assert 0 < part.pixels < whole.pixels
    step = 0.03  # a square around the circle of the pole
    assert latitude.min() > south - step and latitude.max() < north + step
    all_latitudes, all_longitudes = degrees_of(whole.path)
    in_box = (all_latitudes > south) & (all_latitudes < north)
    in_box &= (all_longitudes > west) | (all_longitudes < east) if west > east else True
    assert in_box.sum() <= part.pixels


def test_a_composite_across_the_date_line_has_the_temperatures_of_the_product(tmp_path):
    scene = polar_scene(tmp_path / "scene", "date line, north")
    product = retrieve(scene, output=tmp_path / "p", emissivity=0.985)
    made = composite([product.path], output=tmp_path / "c.tif", statistic="mean")
    with rasterio.open(product.path) as first, rasterio.open(next(iter(made.rasters.values()))) as second:
        assert first.transform == second.transform
        np.testing.assert_allclose(first.read(1), second.read(1), atol=1e-6)
    item = json.loads((tmp_path / "c.json").read_text())
    assert item["bbox"][0] > 170 > -170 > item["bbox"][2]


def test_the_climatology_is_continuous_at_poles_and_date_line():
    for latitude in (90.0, -90.0):
        air = climatology(latitude, np.linspace(-180, 180, 73), 200.0)
        assert np.ptp(air.air_temperature) < 1e-9 and np.ptp(air.water_vapour) < 1e-9
        near = climatology(latitude - np.sign(latitude) * 1e-6, 77.0, 200.0)
        assert near.air_temperature == pytest.approx(air.air_temperature[0], abs=1e-3)
    for latitude in (-82.0, 82.0):
        west, east = (climatology(latitude, longitude, 15.0) for longitude in (179.999999, -179.999999))
        assert west.air_temperature == pytest.approx(east.air_temperature, abs=1e-3)


@pytest.mark.parametrize(("vapour", "pressure", "air", "low", "high"), [
    (0.3, 620.0, 225.0, 192.0, 240.0), (2.0, 1000.0, 245.0, 225.0, 265.0),
])  # fmt: skip
def test_the_coldest_ground_is_retrieved_with_the_shipped_model(tmp_path, vapour, pressure, air, low, high):
    """Polar night: a radiance simulated with the model gives the temperature back, down to 192 K."""
    lst, band = ramp(low, high, SHAPE), sensor_band("landsat8-b10")
    model = Model.load(models_path() / "landsat8-b10" / "surface" / "model.onnx", graph="atmosphere")
    terms = model.atmosphere(
        water_vapour=vapour, surface_pressure=pressure, air_temperature=air, brightness_temperature=lst.mean(),
        aerosol_optical_depth=0.02, gas_year=2015.55, water_vapour_uncertainty=0.5, air_temperature_uncertainty=1.0,
        aerosol_optical_depth_uncertainty=0.015,
    )  # fmt: skip
    radiance = sensor_radiance(lst, np.asarray(0.985), *(term.astype("f8") for term in terms[:3]), band.planck)
    path = polar_scene(tmp_path / "scene", "82 degrees south", lst=lst)
    crs, x, y = GRIDS["82 degrees south"]
    numbers = np.rint((radiance - band.radiance_offset) / band.gain).astype("uint16")
    write_raster(path, numbers, crs=crs, transform=Affine(300, 0, x, 0, -300, y))
    product = retrieve(
        path, output=tmp_path, emissivity=0.985, water_vapour=vapour, surface_pressure=pressure, air_temperature=air
    )
    with open_product(product.path) as data:
        assert np.abs(data.lst - lst).max() < 0.3
        assert 0.2 < data.lst_uncertainty.mean() < 1.0


def test_angles_of_antarctic_products_are_in_polar_stereographic_coordinates(tmp_path):
    path = tmp_path / "a_ANG.txt"
    path.write_text(angle_text().replace('"UTM"', '"PS"').replace("UTM_ZONE = 16\n", "UTM_ZONE = 0\n"))
    assert AngleCoefficients.read(Place(disk=path), "B10").crs == "EPSG:3031"


def test_the_columns_of_the_night_in_the_library_are_those_of_the_page():
    library = xr.open_dataset(data_path("profiles", "library.nc"), engine="h5netcdf").load()
    is_mean = np.array(["mean" in str(source) for source in library.source.values])
    kept = (library.perturbation.values == 0) & ~np.isnat(library.time.values) & ~is_mean
    library = library.isel(profile=kept)
    moments = library.time.values.astype("datetime64[s]").astype(object)
    latitude, longitude = library.latitude.values, library.longitude.values
    zenith = np.array([
        sun_position(at.year, at.timetuple().tm_yday, at.hour * 3600 + at.minute * 60, *place)[0]
        for at, *place in zip(moments, latitude, longitude, strict=True)
    ])  # fmt: skip
    sigma = library.pressure.values / library.surface_pressure.values[:, None]
    aloft = np.where((sigma > 0.88) & (sigma < 0.97), library.air_temperature.values, -np.inf).max(axis=1)
    inversion, night = aloft > library.air_temperature_2m.values + 1.0, zenith > 90.0
    polar = night & (np.abs(latitude) > 60.0)
    page = " ".join((Path(__file__).parents[2] / "docs" / "night-and-poles.md").read_text().split())
    counts = [night.sum(), night.size, (inversion & night).sum(), (inversion & ~night).sum(), polar.sum()]
    for count in (*counts, (inversion & polar).sum()):
        assert f"{count:,}" in page, count
