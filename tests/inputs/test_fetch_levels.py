"""Fetching temperature and humidity on levels and at the surface, from servers with the real protocols."""

import json

import numpy as np
import pytest

from lst_raster import retrieve
from lst_raster.errors import RemoteError
from lst_raster.inputs.reanalysis.fetch.run import fetch_reanalysis
from lst_raster.inputs.reanalysis.over_scene import fields_over_scene, profiles_over_scene
from tests.support.factories import STEM
from tests.support.fetching import DATE, SOURCE_NAMES, scene_at, seen
from tests.support.http_server import serving, serving_folder
from tests.support.linear_air import START, cube, linear
from tests.support.ncar_server import BASE, Archive
from tests.support.profile_air import humidity_at, temperature_at
from tests.support.reanalysis_files import TIMES, write_store
from tests.support.reanalysis_servers import KEY, TOKEN, ClimateDataStore, Opendap, arco_store

NEAR_MIDNIGHT = "2015-07-19T23:45"
HUMIDITY_AT_2M = {"era5": "d2m", "era5-ncar": "VAR_2D", "era5-arco": "2m_dewpoint_temperature", "merra2": "QV2M"}


def arco_files(first, second):
    """Names of the files of ARCO: one of the surface, and one per variable and step."""
    levels = [f"{name}_{step}" for name in ("temperature", "specific_humidity") for step in (first, second)]
    return [
        f"era5-arco_{name}"
        for name in (first, *(f"levels_{one}" for one in (f"2m_dewpoint_temperature_{first}", *levels)))
    ]


FILES = {
    ("era5", DATE): ["era5_20150719T1600", "era5_levels_20150719T1600"],
    ("era5", NEAR_MIDNIGHT): [
        "era5_20150719T2300", "era5_20150720T0000", "era5_levels_20150719T2300", "era5_levels_20150720T0000",
    ],
    ("era5-ncar", DATE): ["era5-ncar_20150719T1600", "era5-ncar_levels_20150719T1600"],
    ("era5-ncar", NEAR_MIDNIGHT): ["era5-ncar_20150719T2300", "era5-ncar_levels_20150719T2300"],
    ("era5-arco", DATE): arco_files("20150719T1600", "20150719T1700"),
    ("era5-arco", NEAR_MIDNIGHT): arco_files("20150719T2300", "20150720T0000"),
    ("merra2", DATE): ["merra2_20150719T1530", "merra2_surface", "merra2_levels_20150719T1500"],
    ("merra2", NEAR_MIDNIGHT): [
        "merra2_20150719T2330", "merra2_20150720T0030", "merra2_surface", "merra2_levels_20150719T2100",
        "merra2_levels_20150720T0000",
    ],
}  # fmt: skip


@pytest.fixture(autouse=True)
def known(monkeypatch, tmp_path):
    """A user with credentials, and no long pauses."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("CDSAPI_RC", str(tmp_path / "home" / ".cdsapirc"))
    monkeypatch.delenv("CDSAPI_URL", raising=False)
    monkeypatch.setenv("CDSAPI_KEY", KEY)
    monkeypatch.setenv("EARTHDATA_TOKEN", TOKEN)
    monkeypatch.setattr("lst_raster.io.remote.PAUSE", 0.0)
    monkeypatch.setattr("lst_raster.inputs.reanalysis.fetch.cds._PATIENCE", {"retry_max": 4, "sleep_max": 0.01})


def fetched_from(source, scene, folder):
    (folder / "server").mkdir()
    options = {"source": source, "folder": folder, "levels": True}
    if source == "era5-arco":
        arco_store(folder / "server" / "air.zarr")
        with serving_folder(folder / "server") as (address, _):
            return fetch_reanalysis(scene, server=f"{address}/air.zarr", **options)
    if source == "era5-ncar":
        with serving(Archive()) as address:
            return fetch_reanalysis(scene, server=f"{address}{BASE}", **options)
    with serving((ClimateDataStore if source == "era5" else Opendap)(folder / "server")) as address:
        return fetch_reanalysis(scene, server=f"{address}/api" if source == "era5" else address, **options)


@pytest.mark.slow
@pytest.mark.parametrize("date", [DATE, NEAR_MIDNIGHT])
@pytest.mark.parametrize("source", SOURCE_NAMES)
def test_the_levels_that_are_fetched_are_those_of_the_air_over_the_scene(tmp_path, profile_model, source, date):
    scene, _ = seen(tmp_path, date)
    fetched = fetched_from(source, scene, tmp_path)
    assert [path.name for path in fetched.files] == [f"{STEM}_{name}.nc" for name in FILES[source, date]]
    found = profiles_over_scene(scene, fetched.files)
    assert found.pressure.size == (42 if source == "merra2" else 37)
    hours = (np.datetime64(date, "s") - START) / np.timedelta64(1, "h")
    latitude, longitude = scene.grid.degrees(*np.meshgrid(found.columns, found.rows))
    where = found.pressure[:, None, None], latitude, longitude % 360.0, hours
    linear_there = found.pressure > 5.0  # above it ends at the coldest
    np.testing.assert_allclose(found.temperature[linear_there], temperature_at(*where)[linear_there], atol=2e-3)
    np.testing.assert_allclose(found.specific_humidity, humidity_at(*where), rtol=2e-4)
    fields = fields_over_scene(scene, fetched.files, ["specific_humidity_2m"], with_levels=True, needs_vapour=False)
    assert fields["specific_humidity_2m"].source.label.endswith(HUMIDITY_AT_2M[source])
    if source == "merra2":
        nodes = fields["specific_humidity_2m"].source
        at = scene.grid.degrees(*np.meshgrid(nodes.columns, nodes.rows))
        np.testing.assert_allclose(nodes.values, linear("q2m", at[0], at[1] % 360.0, hours), rtol=1e-4)
    product = retrieve(scene, output=tmp_path, reanalysis=fetched.files, model=profile_model, emissivity=0.97, dem=0.0)
    assert product.retrieved == product.pixels and "levels of" in product.tags["profile"]


@pytest.mark.slow
def test_the_requests_for_levels_are_exact(tmp_path):
    scene, _ = seen(tmp_path)
    server = ClimateDataStore(tmp_path)
    with serving(server) as address:
        fetched = fetch_reanalysis(scene, folder=tmp_path, server=f"{address}/api", levels=True)
    (dataset, surface), (on_levels, request) = server.requests
    assert (dataset, on_levels) == ("reanalysis-era5-single-levels", "reanalysis-era5-pressure-levels")
    assert surface["variable"][-1] == "2m_dewpoint_temperature"
    assert request["variable"] == ["temperature", "specific_humidity"]
    assert (request["pressure_level"][0], request["pressure_level"][-1], len(request["pressure_level"])) == (
        "1", "1000", 37,
    )  # fmt: skip
    same = ("product_type", "year", "month", "day", "time", "area", "data_format", "download_format")
    assert {name: request[name] for name in same} == {name: surface[name] for name in same}
    assert [part["dataset"] for part in json.loads(fetched.request.read_text())["files"]] == [dataset, on_levels]


def test_merra_is_asked_for_the_three_hours_around_the_scene(tmp_path):
    for date, steps in (("2015-07-19T16:20", ["5:1:6"]), ("2015-07-19T22:20", ["7:1:7", "0:1:0"])):
        scene = scene_at(tmp_path, 10.0, 35.0, date)
        plan = fetch_reanalysis(scene, source="merra2", folder=tmp_path, levels=True, dry_run=True).plan
        parts = [part for part in plan.parts if "levels" in part.file]
        assert len(parts) == len(steps)
        for part, step in zip(parts, steps, strict=True):
            for url in part.details["urls"]:
                assert "C1276812879-GES_DISC/granules/M2I3NPASM.5.12.4%3AMERRA2_40" in url
                assert f"/T%5B{step}%5D%5B0:1:41%5D%5B" in url and "/lev%5B0:1:41%5D;/lat" in url


@pytest.mark.parametrize("source", SOURCE_NAMES)
def test_without_the_option_no_levels_are_asked_for(tmp_path, source):
    plan = fetch_reanalysis(scene_at(tmp_path, 10.0, 35.0), source=source, folder=tmp_path, dry_run=True).plan
    assert "level" not in plan.as_json().replace("single-levels", "") and "level" not in plan.script.replace(
        "single-levels", ""
    )


def test_a_store_without_levels_is_reported(tmp_path):
    scene, _ = seen(tmp_path)
    latitude, longitude = np.arange(33.0, 28.9, -0.25), np.arange(268.0, 277.1, 0.25)
    names = {"total_column_water_vapour": "tcwv", "2m_temperature": "t2m", "surface_pressure": "sp"}
    names["geopotential_at_surface"] = "z"
    fields = {name: cube(ours, TIMES, latitude, longitude) for name, ours in names.items()}
    write_store(tmp_path / "air.zarr", fields, latitude=latitude, longitude=longitude)
    with pytest.raises(RemoteError, match=r"has no 2m_dewpoint_temperature; give the address"):
        fetch_reanalysis(scene, source="era5-arco", folder=tmp_path, server=str(tmp_path / "air.zarr"), levels=True)
