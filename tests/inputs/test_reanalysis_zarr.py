"""Reanalysis in zarr stores: ARCO's names, formats 2 and 3, folders and servers, and no more chunks than are needed."""

import numpy as np
import pytest
import rasterio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lst_raster import Scene, retrieve
from lst_raster.errors import InputError, InputNotFoundError, RemoteError
from lst_raster.inputs.reanalysis.over_scene import fields_over_scene
from lst_raster.inputs.reanalysis.read import read_request
from lst_raster.inputs.reanalysis.request import Request
from lst_raster.io.grid import Box
from tests.support.factories import make_scene
from tests.support.http_server import serving, serving_folder
from tests.support.reanalysis_files import TIMES, read_reanalysis, write_reanalysis, write_store

WHOLE = {"latitude": np.arange(90.0, -91.0, -10.0), "longitude": np.arange(0.0, 360.0, 10.0)}
SMALL = {"latitude": np.arange(20.0, 41.0, 5.0), "longitude": np.arange(-100.0, -74.0, 5.0)}
DATE = "2015-07-19T16:20"
WHEN = np.datetime64(DATE)
NAMES = {
    "tcwv": "total_column_water_vapour", "t2m": "2m_temperature", "sp": "surface_pressure",
    "z": "geopotential_at_surface",
}  # fmt: skip


def values(low, high, axes=WHOLE):
    shape = (TIMES.size, axes["latitude"].size, axes["longitude"].size)
    return np.random.default_rng(int(low)).uniform(low, high, shape)


def all_four(axes=WHOLE):
    return {
        "tcwv": values(10.0, 30.0, axes), "t2m": values(280.0, 300.0, axes), "sp": values(9.5e4, 1e5, axes),
        "z": values(0.0, 4e3, axes),
    }  # fmt: skip


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_a_store_is_read_as_the_same_fields_in_netcdf_are(tmp_path, zarr_format):
    fields = all_four()
    fields["z"][1:] = fields["z"][0]  # the surface does not change
    stored = {NAMES[name]: array for name, array in fields.items()} | {"geopotential_at_surface": fields["z"][0]}
    store = write_store(
        tmp_path / "era5.zarr", stored, zarr_format=zarr_format, static=("geopotential_at_surface",), **WHOLE
    )
    plain = write_reanalysis(tmp_path / "era5.nc", fields, **WHOLE)
    theirs = {field.quantity.name: field for field in read_reanalysis(store, WHEN)}
    for ours in read_reanalysis(plain, WHEN):
        found = theirs.pop(ours.quantity.name)
        np.testing.assert_array_equal(found.values, ours.values)
        np.testing.assert_array_equal(found.longitude, ours.longitude)
        assert found.is_global and (found.times.size == 2 or ours.quantity.name == "elevation")
    assert not theirs


@pytest.mark.slow
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    east=st.sampled_from([0.0, 360.0]), shift=st.integers(0, 5), north_first=st.booleans(),
    time_order=st.permutations(range(3)), zarr_format=st.sampled_from([2, 3]), start=st.sampled_from([-100.0, 170.0]),
)  # fmt: skip
def test_layout_does_not_change_the_field(tmp_path, east, shift, north_first, time_order, zarr_format, start):
    axes = {"latitude": SMALL["latitude"], "longitude": start + np.arange(6) * 5.0}
    array, columns, rows = (
        values(10.0, 30.0, axes),
        np.roll(np.arange(6), shift),
        slice(None, None, 1 - 2 * north_first),
    )
    plain = write_reanalysis(tmp_path / "plain.nc", {"tcwv": array}, **axes)
    number = len(list(tmp_path.iterdir()))
    store = write_store(
        tmp_path / f"{number}.zarr", {"tcwv": array[list(time_order)][:, rows][:, :, columns]},
        latitude=axes["latitude"][rows], longitude=(axes["longitude"][columns] + 180.0) % 360.0 - 180.0 + east,
        times=TIMES[list(time_order)], zarr_format=zarr_format,
    )  # fmt: skip
    (a,), (b,) = read_reanalysis(plain), read_reanalysis(store)
    for name in ("times", "latitude", "longitude", "values"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name))


@pytest.mark.slow
def test_only_the_chunks_around_the_time_and_the_place_are_fetched(tmp_path):
    axes = {"latitude": np.arange(90.0, -90.5, -1.0), "longitude": np.arange(0.0, 360.0, 1.0)}
    times = np.datetime64("2015-07-19T00:00", "s") + np.arange(24) * np.timedelta64(1, "h")
    write_store(
        tmp_path / "era5.zarr", {"tcwv": np.ones((24, 181, 360))}, times=times,
        chunks={"latitude": 30, "longitude": 60}, **axes,
    )  # fmt: skip
    box = Box(south=40.0, north=42.0, west=-1.0, east=2.0)  # across Greenwich, in a file from 0 to 360
    with serving_folder(tmp_path) as (address, asked):
        (field,) = read_request(f"{address}/era5.zarr", Request(when=WHEN, box=box))
    chunks = sorted(name for name in asked if name.startswith("/era5.zarr/tcwv/") and name[-1].isdigit())
    assert chunks == [f"/era5.zarr/tcwv/{hour}.1.{column}" for hour in (16, 17) for column in (0, 5)]
    assert field.longitude[0] <= -2.0 and field.longitude[-1] >= 3.0 and not field.is_global


def test_a_scene_is_retrieved_from_a_store_on_a_server(tmp_path, model_path):
    state = {"water_vapour": 20.0, "surface_pressure": 1000.0, "air_temperature": 295.0}
    scene = make_scene(tmp_path / "in", lst=np.full((40, 50), 305.0), atmosphere=state)
    constant = {"total_column_water_vapour": 20.0, "2m_temperature": 295.0, "surface_pressure": 1e5}
    write_store(tmp_path / "air.zarr", {name: np.full((3, 19, 36), value) for name, value in constant.items()}, **WHOLE)
    with serving_folder(tmp_path) as (address, _):
        product = retrieve(
            Scene.open(scene, date=DATE), output=tmp_path, reanalysis=f"{address}/air.zarr", model=model_path,
            emissivity=0.97,
        )  # fmt: skip
    assert product.tags["water_vapour"] == "air.zarr total_column_water_vapour, mean 20 kg m-2 (reanalysis)"
    with rasterio.open(product.path) as dataset:
        assert np.abs(dataset.read(1) - 305.0).max() < 0.01


def test_a_time_that_the_store_has_not_filled_yet_is_refused(tmp_path):
    scene = Scene.open(make_scene(tmp_path / "in", lst=np.full((20, 30), 300.0)), date=DATE)
    array = values(10.0, 30.0)
    array[1:] = np.nan
    write_store(tmp_path / "era5.zarr", {"tcwv": array}, **WHOLE)
    with pytest.raises(InputError, match="has no value over the scene"):
        fields_over_scene(scene, [tmp_path / "era5.zarr"], ["water_vapour"])


def test_a_folder_that_is_no_store_is_refused(tmp_path):
    with pytest.raises(InputError, match="is a folder, but no zarr store"):
        read_reanalysis(tmp_path)


def test_an_address_without_a_store_is_reported(tmp_path):
    with serving_folder(tmp_path) as (address, _), pytest.raises(InputNotFoundError, match="there is no zarr store at"):
        read_reanalysis(f"{address}/none.zarr")


def test_a_server_that_fails_is_retried_and_then_reported(monkeypatch):
    monkeypatch.setattr("lst_raster.io.remote.PAUSE", 0.0)
    asked = []

    def busy(request):
        asked.append(request.path)
        request.answer(503)

    with serving(busy) as address, pytest.raises(RemoteError, match="does not answer"):
        read_reanalysis(f"{address}/era5.zarr")
    assert len(asked) >= 4


def test_a_damaged_chunk_is_refused(tmp_path):
    store = write_store(tmp_path / "era5.zarr", {"tcwv": values(10.0, 30.0)}, **WHOLE)
    (store / "tcwv" / "0.0.0").write_bytes(b"nonsense")
    with pytest.raises(InputError, match="cannot be read as zarr"):
        read_reanalysis(store, np.datetime64("2015-07-19T15:10"))


def test_buckets_of_google_are_asked_at_their_public_address():
    from lst_raster.inputs.reanalysis.datasets import public_address

    address = public_address("gs://gcp-public-data-arco-era5/ar/store.zarr")
    assert address == "https://storage.googleapis.com/gcp-public-data-arco-era5/ar/store.zarr"
    assert public_address("https://example.org/a.zarr/") == "https://example.org/a.zarr"
