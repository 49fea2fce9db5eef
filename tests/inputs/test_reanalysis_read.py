"""Reanalysis files as they come in the wild, in one normal form."""

import gc
import shutil
import zipfile

import h5py
import numpy as np
import pytest
import xarray as xr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyproj import Proj

from lst_raster.errors import InputError, InputNotFoundError
from lst_raster.inputs.reanalysis.gridded import interpolate, merge_times, normalise_projected
from lst_raster.inputs.reanalysis.read import read_request
from lst_raster.inputs.reanalysis.request import Request
from lst_raster.physics.quantities import WATER_VAPOUR
from lst_raster.resources import require
from tests.support.faults import assert_one_line_message
from tests.support.reanalysis_files import TIMES, read_reanalysis, write_reanalysis
from tests.support.shared import shared_path

LATITUDE = np.arange(20.0, 41.0, 5.0)
LONGITUDE = np.arange(-100.0, -74.0, 5.0)
SMALL = {"latitude": LATITUDE, "longitude": LONGITUDE}


def plane(low=10.0, high=30.0):
    """Values that differ at every point and time."""
    shape = (TIMES.size, LATITUDE.size, LONGITUDE.size)
    return np.random.default_rng(7).uniform(low, high, shape)


# file, variable, unit's factor; the values are read by hand, with xarray or eccodes
REAL = [
    ("era5_tcwv_new_cds_layout_derived.nc", "tcwv", 1.0, "water_vapour"),
    ("wam2_ERA5_2020-01-01_sp.nc", "sp", 0.01, "surface_pressure"),
    ("hoss_M2T1NXSLV_temporal.nc4", "PS", 0.01, "surface_pressure"),
    ("pr_wtr.eatm.2018.test.nc", "pr_wtr", 1.0, "water_vapour"),
]


@pytest.mark.parametrize(("name", "variable", "factor", "quantity"), REAL, ids=[row[0] for row in REAL])
def test_values_at_the_points_of_real_netcdf_are_what_xarray_reads(name, variable, factor, quantity):
    path = shared_path("data", "reanalysis", name)
    (field,) = read_reanalysis(path)
    assert (field.quantity.name, field.variable, field.source) == (quantity, variable, name)
    with xr.open_dataset(path, engine="h5netcdf") as dataset:
        array = dataset[variable]
        time, north, east = array.dims
        for step, row, column in ((0, 0, 0), (-1, -1, -1), (1, 17, 5), (0, 8, 40), (1, 33, 11)):
            point = array[step, row, column]
            found = interpolate(field, point[time].values, float(point[north]), float(point[east]))
            assert found == pytest.approx(max(float(point) * factor, 0.0), rel=1e-6), (step, row, column)


GRIB = [("era5-2mt-2019-03-uk.grib", 743, "air_temperature"), ("s2tbx_AUX_ECMWFT.grib", 0, "water_vapour")]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "number", "quantity"), GRIB, ids=[row[0] for row in GRIB])
def test_values_at_the_points_of_real_grib_are_what_eccodes_reads(name, number, quantity):
    eccodes = require("eccodes", "grib")
    path = shared_path("data", "reanalysis", name)
    with path.open("rb") as file:
        for _ in range(number + 1):
            message = eccodes.codes_grib_new_from_file(file)
        north, east, values = (eccodes.codes_get_array(message, key) for key in ("latitudes", "longitudes", "values"))
        day, clock = (eccodes.codes_get(message, key) for key in ("validityDate", "validityTime"))
        eccodes.codes_release(message)
    when = np.datetime64(f"{day // 10000}-{day // 100 % 100:02d}-{day % 100:02d}T{clock // 100:02d}:{clock % 100:02d}")
    (field,) = read_reanalysis(path, when)
    assert field.quantity.name == quantity
    np.testing.assert_allclose(interpolate(field, when, north, east), values, rtol=1e-6)


GFS = {"pwat": (1.0, "water_vapour"), "2t": (1.0, "air_temperature"), "sp": (0.01, "surface_pressure"),
       "orog": (1.0, "elevation"), "2sh": (1.0, "specific_humidity_2m")}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", ["gfs_20110115T12.grib2", "gfs_20111011T00.grb"])
def test_all_quantities_of_real_gfs_are_what_eccodes_reads(name):
    eccodes = require("eccodes", "grib")
    path = shared_path("data", "profiles", "gfs", name)
    fields = {field.variable: field for field in read_reanalysis(path)}
    assert set(fields) == set(GFS)
    compared = 0
    with path.open("rb") as file:
        while (message := eccodes.codes_grib_new_from_file(file)) is not None:
            variable, kind = (eccodes.codes_get(message, key) for key in ("shortName", "typeOfLevel"))
            if variable in GFS:
                factor, quantity = GFS[variable]
                north, east, values = (
                    eccodes.codes_get_array(message, key) for key in ("latitudes", "longitudes", "values")
                )
                found = interpolate(fields[variable], fields[variable].times[0], north, east)
                expected = np.maximum(values, 0.0) if variable == "pwat" else values * factor
                inside = np.abs(north) < 90.0  # at a pole the points of a row differ by packing
                np.testing.assert_allclose(found[inside], expected[inside], rtol=1e-6, atol=1e-6, err_msg=kind)
                assert fields[variable].quantity.name == quantity
                compared += 1
            eccodes.codes_release(message)
    assert compared == len(GFS)


def test_the_fill_value_of_merra_is_no_value(tmp_path):
    temperature = plane(280.0, 300.0)
    temperature[:, 1, 2] = 1e15
    path = write_reanalysis(
        tmp_path / "merra.nc", {"T2M": temperature}, names=("time", "lat", "lon"), fill=1e15, **SMALL
    )
    (field,) = read_reanalysis(path)
    assert field.quantity.name == "air_temperature"
    assert np.isnan(field.values[:, 1, 2]).all() and np.isnan(field.values).sum() == 3
    np.testing.assert_allclose(field.values[:, 0], temperature[:, 0], rtol=1e-6)


def test_averages_of_merra_are_centred_on_the_half_hour(tmp_path):
    times = TIMES + np.timedelta64(30, "m")
    path = write_reanalysis(tmp_path / "merra.nc", {"TQV": plane()}, times=times, names=("time", "lat", "lon"), **SMALL)
    (field,) = read_reanalysis(path, np.datetime64("2015-07-19T16:00"))
    at = interpolate(field, np.datetime64("2015-07-19T16:00"), 30.0, -90.0)
    assert at == pytest.approx(plane()[:2, 2, 2].mean(), rel=1e-6)


@pytest.mark.slow
def test_nam_on_its_lambert_grid_has_the_files_values_at_the_files_points():
    eccodes = require("eccodes", "grib")
    path = shared_path("data", "reanalysis", "nam.t00z.awp21100.tm00.grib2")
    fields = {field.variable: field for field in read_reanalysis(path)}
    assert set(fields) == set(GFS) - {"2sh"}
    compared = 0
    with path.open("rb") as file:
        while (message := eccodes.codes_grib_new_from_file(file)) is not None:
            variable = eccodes.codes_get(message, "shortName")
            if variable in GFS:
                north, east, values = (
                    eccodes.codes_get_array(message, key) for key in ("latitudes", "longitudes", "values")
                )
                found = interpolate(fields[variable], fields[variable].times[0], north, east)
                np.testing.assert_allclose(found, values * GFS[variable][0], rtol=1e-6, atol=1e-6)
                compared += 1
            eccodes.codes_release(message)
    assert compared == 4


def test_nam_is_bilinear_between_its_points_and_ends_at_its_edge():
    path = shared_path("data", "reanalysis", "nam.t00z.awp21100.tm00.grib2")
    field = next(field for field in read_reanalysis(path) if field.variable == "pwat")
    sphere = Proj(proj="lcc", lat_1=25.0, lat_2=25.0, lat_0=25.0, lon_0=265.0, R=6371229.0)  # of NCEP's grid 211
    x0, y0 = sphere(226.541, 12.19)
    column, row, cell = 40, 20, 81271.0
    east, north = sphere(x0 + (column + 0.25) * cell, y0 + (row + 0.5) * cell, inverse=True)
    lines = [0.75 * field.values[0, line, column] + 0.25 * field.values[0, line, column + 1] for line in (row, row + 1)]
    found = interpolate(field, field.times[0], north, east)
    assert found == pytest.approx(np.mean(lines), rel=1e-5) and lines[0] != lines[1]
    with pytest.raises(InputError, match=r"covers x -4226.11 to .* km of its projection, the scene latitude 5 to 5"):
        interpolate(field, field.times[0], 5.0, -95.0)


def test_levels_on_a_lambert_grid_are_refused():
    path = shared_path("data", "reanalysis", "nam.t00z.awp21100.tm00.grib2")
    with pytest.raises(InputError, match="is on levels of a lambert grid, which is not supported; regrid it"):
        read_request(path, Request(on_levels=True))


def test_points_that_are_not_on_their_projection_are_refused():
    north, east = np.meshgrid([30.0, 31.0, 32.0], [-90.0, -89.0, -88.0], indexing="ij")
    with pytest.raises(InputError, match="is not on even rows and columns"):
        normalise_projected(
            WATER_VAPOUR, TIMES[:1], north, east, np.ones((1, 3, 3)),
            "+proj=lcc +lat_0=25 +lat_1=25 +lon_0=265 +R=6371229",
            source="nam.grib2", variable="pwat",
        )  # fmt: skip


def test_a_gaussian_grid_with_small_negatives_is_read(tmp_path):
    eccodes = require("eccodes", "grib")
    message = eccodes.codes_grib_new_from_samples("regular_gg_sfc_grib2")
    for key, value in (("discipline", 0), ("parameterCategory", 1), ("parameterNumber", 3), ("bitsPerValue", 24)):
        eccodes.codes_set(message, key, value)
    north, east = (eccodes.codes_get_array(message, key) for key in ("latitudes", "longitudes"))
    values = 20.0 * np.cos(np.radians(north)) + np.sin(np.radians(east)) - 0.5
    eccodes.codes_set_array(message, "values", values)
    with (tmp_path / "cfs.grib2").open("wb") as file:
        eccodes.codes_write(message, file)
    eccodes.codes_release(message)
    (field,) = read_reanalysis(tmp_path / "cfs.grib2")
    assert (field.variable, field.is_global) == ("pwat", True) and "is set to 0" in field.notes[0]
    found = interpolate(field, field.times[0], north, east)
    np.testing.assert_allclose(found, np.maximum(values, 0.0), atol=1e-4)
    assert values.min() < 0.0


def test_grids_of_other_projections_are_refused(tmp_path):
    eccodes = require("eccodes", "grib")
    message = eccodes.codes_grib_new_from_samples("polar_stereographic_sfc_grib2")
    for key, value in (("discipline", 0), ("parameterCategory", 1), ("parameterNumber", 3)):  # precipitable water
        eccodes.codes_set(message, key, value)
    with (tmp_path / "polar.grib2").open("wb") as file:
        eccodes.codes_write(message, file)
    eccodes.codes_release(message)
    with pytest.raises(InputError, match="pwat is on a grid of type polar_stereographic; regrid it"):
        read_reanalysis(tmp_path / "polar.grib2")


REFUSED = [
    ("wam2_ERA5_2020-01-01_tcw.nc", "tcw is the water of vapour and clouds together"),
    ("wam2_ERA5_2020-01-01_pl_q.nc", "contains q; give a file with tcwv"),
    ("raider_GMAO_2020_01_24_T12_00_00_32N_36N_121W_114W.nc", "contains e, hydro.*give a file with tcwv"),
    ("hoss_M2T1NXSLV_example.dmr", r"OPeNDAP description \(.dmr\).*not the data"),
    ("pyaps_ERA5_N30_N40_E120_E140_20101017_14.grb", r"contains q, t, z \(on isobaricInhPa\)"),
]


@pytest.mark.parametrize(("name", "message"), REFUSED, ids=[row[0] for row in REFUSED])
def test_real_files_without_a_use_are_refused_with_the_reason(name, message):
    with pytest.raises(InputError, match=message):
        read_reanalysis(shared_path("data", "reanalysis", name))


def test_the_dew_point_of_real_era5_is_read():
    (field,) = read_reanalysis(shared_path("data", "reanalysis", "wam2_ERA5_2020-01-01_d2m.nc"))
    assert field.quantity.name == "dew_point"
    assert 200.0 < field.values.min() < field.values.max() < 305.0


def test_negative_water_vapour_is_clipped_with_a_note():
    (field,) = read_reanalysis(shared_path("data", "reanalysis", "pr_wtr.eatm.2018.test.nc"))
    assert field.values.min() == 0.0
    assert "negative water vapour (down to -2.8 kg m-2)" in field.notes[0]


@pytest.mark.slow
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    east=st.sampled_from([0.0, 360.0, 720.0]), shift=st.integers(0, 5), north_first=st.booleans(),
    time_order=st.permutations(range(3)), packed=st.booleans(), engine=st.sampled_from(["h5netcdf", "scipy"]),
    names=st.sampled_from([("time", "lat", "lon"), ("valid_time", "latitude", "longitude"), ("time", "y", "x")]),
    epoch=st.sampled_from(["1900-01-01", "1800-01-01", "1970-01-01"]), start=st.sampled_from([-100.0, 170.0, -10.0]),
)  # fmt: skip
def test_layout_and_packing_do_not_change_the_field(
    tmp_path, east, shift, north_first, time_order, packed, engine, names, epoch, start
):
    values, longitude = plane(), start + np.arange(LONGITUDE.size) * 5.0
    plain = write_reanalysis(tmp_path / "plain.nc", {"tcwv": values}, latitude=LATITUDE, longitude=longitude)
    columns = np.roll(np.arange(longitude.size), shift)
    rows = slice(None, None, -1 if north_first else 1)
    other = write_reanalysis(
        tmp_path / "other.nc", {"TQV": values[list(time_order)][:, rows][:, :, columns]},
        latitude=LATITUDE[rows], longitude=(longitude[columns] + 180.0) % 360.0 - 180.0 + east,
        times=TIMES[list(time_order)], names=names, packed=packed, epoch=epoch, engine=engine,
    )  # fmt: skip
    (a,), (b,) = read_reanalysis(plain), read_reanalysis(other)
    np.testing.assert_array_equal(a.times, b.times)
    np.testing.assert_array_equal(a.latitude, b.latitude)
    np.testing.assert_array_equal(a.longitude, b.longitude)
    np.testing.assert_allclose(a.values, b.values, atol=2e-4 if packed else 1e-5)
    assert a.is_global == b.is_global is False


def test_only_the_two_steps_around_the_time_are_read(tmp_path):
    path = write_reanalysis(tmp_path / "a.nc", {"tcwv": plane()}, **SMALL)
    (field,) = read_reanalysis(path, np.datetime64("2015-07-19T16:20"))
    np.testing.assert_array_equal(field.times, TIMES[1:])


def test_all_quantities_come_in_our_units(tmp_path):
    variables = {
        "tcwv": plane(), "t2m": plane(270.0, 300.0), "sp": plane(9e4, 1e5), "z": np.broadcast_to(980.665, plane().shape)
    }  # fmt: skip
    fields = read_reanalysis(write_reanalysis(tmp_path / "a.nc", variables, **SMALL))
    found = {field.quantity.name: field.values.mean() for field in fields}
    assert found["surface_pressure"] == pytest.approx(variables["sp"].mean() / 100.0)
    assert found["elevation"] == pytest.approx(100.0)
    assert found["air_temperature"] == pytest.approx(variables["t2m"].mean())


def test_era5_and_its_preliminary_part_are_joined(tmp_path):
    values = np.stack([plane(), plane()], axis=1)
    values[:2, 1], values[2:, 0] = np.nan, np.nan
    coords = {"time": TIMES.astype("datetime64[ns]"), "expver": [1, 5], **SMALL}
    dims = ("time", "expver", "latitude", "longitude")
    xr.Dataset({"tcwv": (dims, values, {"units": "kg m**-2"})}, coords).to_netcdf(tmp_path / "a.nc", engine="h5netcdf")
    (field,) = read_reanalysis(tmp_path / "a.nc")
    np.testing.assert_allclose(field.values, plane())


def test_a_zip_of_netcdf_gives_what_its_members_hold(tmp_path):
    write_reanalysis(tmp_path / "a.nc", {"tcwv": plane()}, **SMALL)
    write_reanalysis(tmp_path / "b.nc", {"t2m": plane(280.0, 290.0)}, engine="scipy", **SMALL)
    with zipfile.ZipFile(tmp_path / "both.zip", "w") as archive:
        archive.write(tmp_path / "a.nc", "data_stream-oper.nc")
        archive.write(tmp_path / "b.nc", "data_stream-wave.nc")
        archive.writestr("readme.txt", "nothing of use")
    vapour, temperature = read_reanalysis(tmp_path / "both.zip")
    assert (vapour.source, vapour.quantity.name) == ("both.zip/data_stream-oper.nc", "water_vapour")
    assert temperature.quantity.name == "air_temperature"


def test_files_of_neighbouring_days_are_put_together(tmp_path):
    write_reanalysis(tmp_path / "a.nc", {"tcwv": plane()}, **SMALL)
    write_reanalysis(tmp_path / "b.nc", {"tcwv": plane() + 1.0}, times=TIMES + np.timedelta64(2, "h"), **SMALL)
    fields = [*read_reanalysis(tmp_path / "b.nc"), *read_reanalysis(tmp_path / "a.nc")]
    (field,) = merge_times(fields)
    assert field.times.size == 5
    np.testing.assert_allclose(field.values[:2], plane()[:2], rtol=1e-6)
    np.testing.assert_allclose(field.values[2], plane()[0] + 1.0, rtol=1e-6)  # of the file that came first


def test_a_grid_that_goes_around_gets_its_poles(tmp_path):
    values = np.random.default_rng(1).uniform(5.0, 9.0, (3, 18, 36))
    path = write_reanalysis(
        tmp_path / "a.nc",
        {"tcwv": values},
        latitude=np.arange(-85.0, 86.0, 10.0),
        longitude=np.arange(0.0, 360.0, 10.0),
    )
    (field,) = read_reanalysis(path)
    assert field.is_global and field.latitude[[0, -1]].tolist() == [-90.0, 90.0]
    at_pole = interpolate(field, TIMES[0], np.full(4, 90.0), np.array([-180.0, -3.0, 77.0, 359.0]))
    np.testing.assert_allclose(at_pole, values[0, -1].mean(), rtol=1e-6)


WRONG = [
    (lambda path: path.write_bytes(b""), "is empty"),
    (lambda path: path.write_bytes(b"CDF\x05 more"), "CDF-5"),
    (lambda path: path.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(50)), "cannot be read as netCDF"),
    (lambda path: path.write_bytes(b"CDF\x01" + b"\xff" * 60), "cannot be read as netCDF"),
    (lambda path: path.write_bytes(b"PK\x03\x04" + bytes(60)), "ZIP that cannot be read"),
    (lambda path: path.write_bytes(b"GRIB" + bytes(60)), r"GRIB|no variables"),
    (lambda path: path.mkdir(), "is a folder"),
    (lambda path: write_reanalysis(path, {"sp": plane()}, units={"sp": "inches"}, **SMALL), "unit 'inches'"),
    (lambda path: write_reanalysis(path, {"t2m": plane()[:, :1]}, latitude=[20.0], longitude=LONGITUDE), "1x6 points"),
]


@pytest.mark.parametrize(("make", "message"), WRONG, ids=[row[1] for row in WRONG])
def test_what_cannot_be_read_is_refused_with_the_reason(tmp_path, make, message):
    make(tmp_path / "file.nc")
    with pytest.raises(InputError, match=message):
        read_reanalysis(tmp_path / "file.nc")


def test_a_truncated_file_is_refused(tmp_path):
    source = shared_path("data", "reanalysis", "era5_tcwv_new_cds_layout_derived.nc")
    shutil.copyfile(source, tmp_path / "cut.nc")
    with (tmp_path / "cut.nc").open("r+b") as file:
        file.truncate(90_000)
    with pytest.raises(InputError, match="cannot be read as netCDF"):
        read_reanalysis(tmp_path / "cut.nc")


def test_a_geopotential_on_one_level_is_not_taken_for_the_surface(tmp_path):
    coords = {"time": TIMES.astype("datetime64[ns]"), "pressure_level": [500.0], **SMALL}
    variable = (("time", "pressure_level", "latitude", "longitude"), plane()[:, None], {"units": "m**2 s**-2"})
    xr.Dataset({"z": variable}, coords).to_netcdf(tmp_path / "a.nc", engine="h5netcdf")
    with pytest.raises(InputError, match="z is on pressure_level"):
        read_reanalysis(tmp_path / "a.nc")


def test_a_projected_netcdf_is_refused(tmp_path):
    points = np.ones((4, 5))
    coords = {"time": TIMES[:1].astype("datetime64[ns]"), "lat": (("y", "x"), points), "lon": (("y", "x"), points)}
    variable = (("time", "y", "x"), points[None], {"units": "kg m-2"})
    xr.Dataset({"pwat": variable}, coords).to_netcdf(tmp_path / "a.nc", engine="h5netcdf")
    with pytest.raises(InputError, match="its grid is projected; regrid it"):
        read_reanalysis(tmp_path / "a.nc")


def test_a_missing_file_is_reported(tmp_path):
    with pytest.raises(InputNotFoundError, match=r"none.nc does not exist"):
        read_reanalysis(tmp_path / "none.nc")


def make_zip(folder, compression=zipfile.ZIP_DEFLATED):
    write_reanalysis(folder / "a.nc", {"tcwv": plane()}, engine="scipy", **SMALL)
    with zipfile.ZipFile(folder / "era5.zip", "w", compression) as archive:
        archive.write(folder / "a.nc", "a.nc")
    return folder / "era5.zip"


def with_flipped(content, at):
    damaged = bytearray(content)
    damaged[at] ^= 0x55
    return bytes(damaged)


ZIP_DAMAGE = {
    "a byte of the data": lambda whole: with_flipped(whole, len(whole) // 3),
    "a byte of the data's head": lambda whole: with_flipped(whole, 44),
    "the checksum in the directory": lambda whole: with_flipped(whole, whole.rindex(b"PK\x01\x02") + 16),
    "the place of the member": lambda whole: with_flipped(whole, whole.rindex(b"PK\x01\x02") + 42),
    "the kind of compression": lambda whole: with_flipped(whole, whole.rindex(b"PK\x01\x02") + 10),
    "the flag of encryption": lambda whole: (
        whole[: (at := whole.rindex(b"PK\x01\x02") + 8)] + b"\x01" + whole[at + 1 :]
    ),
    "the end of the directory": lambda whole: with_flipped(whole, whole.rindex(b"PK\x05\x06")),
    "cut in the data": lambda whole: whole[: len(whole) // 2],
    "cut in the directory": lambda whole: whole[:-30],
}


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
@pytest.mark.parametrize("damage", ZIP_DAMAGE)
def test_a_damaged_zip_is_refused_with_the_reason(tmp_path, damage, compression):
    path = make_zip(tmp_path, compression)
    path.write_bytes(ZIP_DAMAGE[damage](path.read_bytes()))
    with pytest.raises(InputError, match=r"reanalysis era5\.zip is a ZIP that cannot be read \(.+\); fetch it again"):
        read_reanalysis(path)


def test_a_flipped_byte_anywhere_in_a_zip_is_an_error_or_does_not_matter(tmp_path):
    path = make_zip(tmp_path)
    (expected,) = read_reanalysis(path)
    whole = path.read_bytes()
    for at in range(0, len(whole), 7):
        path.write_bytes(with_flipped(whole, at))
        try:
            (found,) = read_reanalysis(path)
        except InputError as error:
            assert_one_line_message(error)
        else:
            np.testing.assert_array_equal(found.values, expected.values)


def test_a_flipped_byte_in_a_compressed_chunk_of_netcdf_is_reported(tmp_path):
    path = tmp_path / "era5.nc"
    with xr.open_dataset(write_reanalysis(tmp_path / "a.nc", {"tcwv": plane()}, **SMALL)) as dataset:
        dataset.to_netcdf(path, engine="h5netcdf", encoding={"tcwv": {"zlib": True}})
    with h5py.File(path) as file:
        chunk = file["tcwv"].id.get_chunk_info(0)
    path.write_bytes(with_flipped(path.read_bytes(), chunk.byte_offset + chunk.size // 2))
    with pytest.raises(InputError, match=r"era5\.nc cannot be read as netCDF \(.+\); fetch it again"):
        read_reanalysis(path)


@pytest.mark.parametrize("cut", [0.3, 0.999])
def test_a_grib_file_that_is_cut_off_is_reported(tmp_path, cut):
    whole = shared_path("data", "reanalysis", "s2tbx_AUX_ECMWFT.grib").read_bytes()
    (tmp_path / "a.grib").write_bytes(whole[: int(cut * len(whole))])
    with pytest.raises(InputError, match=r"a\.grib cannot be read as GRIB \(.+\); fetch it again"):
        read_reanalysis(tmp_path / "a.grib")


def rewritten_by_netcdf4(dataset, path):
    pytest.importorskip("netCDF4", reason="needs the extra dev")
    dataset.to_netcdf(path, engine="netcdf4")


def rewritten_as_by_matlab(dataset, path):
    """Texts as arrays of one element that ends with NUL."""
    dataset.to_netcdf(path, engine="h5netcdf")
    with h5py.File(path, "r+") as file:
        for name in dataset.variables:
            for key, value in file[name].attrs.items():
                if isinstance(value, str):
                    file[name].attrs[key] = np.array([value.encode() + b"\0"], f"S{len(value) + 1}")


@pytest.mark.slow
@pytest.mark.parametrize("levels", [False, True], ids=["near the ground", "on levels"])
@pytest.mark.parametrize("rewrite", [rewritten_by_netcdf4, rewritten_as_by_matlab])
def test_who_wrote_the_netcdf_does_not_matter(tmp_path, rewrite, levels):
    if levels:
        shape = (3, 2, 5, 6)
        units = {"t": "K", "q": "kg kg**-1"}
        variables = {
            name: (("time", "lev", "y", "x"), np.full(shape, value), {"units": units[name]})
            for name, value in (("t", 280.0), ("q", 0.01))
        }
        coords = {"lev": ("lev", [500.0, 1000.0], {"units": "hPa"})}
    else:
        variables = {"tcwv": (("time", "y", "x"), plane(), {"units": "kg m**-2"})}
        coords = {}
    shape = next(iter(variables.values()))[1].shape
    coords |= {
        "time": TIMES.astype("datetime64[ns]"),
        "y": ("y", np.linspace(20.0, 30.0, shape[-2]), {"units": "degrees_north"}),  # known by their units only
        "x": ("x", np.linspace(50.0, 60.0, shape[-1]), {"units": "degrees_east"}),
    }
    dataset = xr.Dataset(variables, coords)
    dataset.to_netcdf(tmp_path / "expected.nc", engine="h5netcdf")
    rewrite(dataset, tmp_path / "other.nc")
    expected, found = (read_request(tmp_path / name, Request(on_levels=levels)) for name in ("expected.nc", "other.nc"))
    assert len(found) == len(expected) == (4 if levels else 1)
    for one, other in zip(expected, found, strict=True):
        np.testing.assert_array_equal(one.values, other.values)
        np.testing.assert_array_equal(one.times, other.times)
        assert one.pressure == other.pressure


@pytest.mark.slow
def test_damage_in_the_head_of_netcdf_is_told_and_leaves_no_traceback_of_the_library(tmp_path):
    """A file that h5netcdf opened in part complains on standard error when it is collected: a warning, so an error."""
    whole = write_reanalysis(tmp_path / "a.nc", {"tcwv": plane()}, **SMALL).read_bytes()
    complaints = 0
    for at in range(0, 2400, 24):
        (tmp_path / "era5.nc").write_bytes(whole[:at] + b"\xd5" * 8 + whole[at + 8 :])
        try:
            read_reanalysis(tmp_path / "era5.nc")
        except InputError as error:
            assert_one_line_message(error)
            complaints += 1
    gc.collect()
    assert complaints > 10
