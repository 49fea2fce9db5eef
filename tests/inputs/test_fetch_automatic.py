"""Reanalysis that is fetched automatically, from servers with the real protocols on this machine."""

import logging
import re
import shutil
import time
from pathlib import Path

import numpy as np
import pytest
import rasterio
import xarray as xr

from lst_raster import Scene, retrieve
from lst_raster.errors import InputError, ModelError
from lst_raster.inputs.automatic_reanalysis import reanalysis_files
from lst_raster.inputs.reanalysis.fetch import automatic
from lst_raster.inputs.reanalysis.fetch.automatic import fetch_automatically
from lst_raster.inputs.reanalysis.products import SERVERS
from lst_raster.io.level2_scene import Level2Scene
from lst_raster.io.remote import BusyError, brief_requests, timeouts, with_retries
from lst_raster.resources import example_path
from tests.support.factories import make_scene
from tests.support.faulty_servers import OPENDAP, ZARR, Fault, FaultyArchive, FaultyStore
from tests.support.fetching import scene_at, seen
from tests.support.http_server import serving, serving_folder
from tests.support.landsat_service import landsat_service
from tests.support.level2_scenes import make_level2
from tests.support.linear_air import cube, periodic_in_longitude
from tests.support.ncar_server import BASE, LATITUDE, LONGITUDE, NAMES, Archive
from tests.support.profile_air import LEVELS
from tests.support.reanalysis_files import TIMES, write_levels, write_reanalysis
from tests.support.reanalysis_servers import KEY, TOKEN, ClimateDataStore, Opendap, arco_store, on_levels
from tests.support.shared import shared_path

LEVEL_2 = "LC08_L2SP_098084_20210503_20210508_02_T1"
AREA = "30.5_31.25_-87.75_-87"
DEAD = "http://127.0.0.1:9"


@pytest.fixture(autouse=True)
def cache(monkeypatch, tmp_path):
    """An empty cache, no servers, no credentials, no pauses; returns the folder."""
    for name in ("CDSAPI_URL", "CDSAPI_KEY", "EARTHDATA_TOKEN", "NETRC"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("CDSAPI_RC", str(tmp_path / "home" / ".cdsapirc"))
    monkeypatch.setenv("LST_RASTER_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("LST_RASTER_ARCO", f"{DEAD}/air.zarr")
    monkeypatch.setenv("LST_RASTER_NCAR", DEAD)
    monkeypatch.setattr("lst_raster.inputs.reanalysis.fetch.merra2.SERVER", DEAD)
    monkeypatch.setattr("lst_raster.io.remote.PAUSE", 0.0)
    monkeypatch.setattr(automatic, "_SILENT", {})
    monkeypatch.setattr(
        "lst_raster.inputs.reanalysis.fetch.cds._BRIEF", {"timeout": 5, "retry_max": 2, "sleep_max": 0.01}
    )
    return tmp_path / "cache" / "reanalysis"


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """Folder with a store such as ARCO's."""
    folder = tmp_path_factory.mktemp("store")
    arco_store(folder / "air.zarr")
    return folder


@pytest.fixture
def scene(tmp_path):
    return seen(tmp_path)[0]


def use(monkeypatch, *, arco=None, ncar=None):
    """Set the servers, with a password and a signature that must not be shown."""
    if arco:
        monkeypatch.setenv("LST_RASTER_ARCO", arco.replace("http://", "http://me:secret-word@") + "/air.zarr")
    if ncar:
        address = ncar.replace("http://", "http://me:secret-word@")
        monkeypatch.setenv("LST_RASTER_NCAR", f"{address}{BASE}?sig=secret-signature")


def temperature(product):
    with rasterio.open(product.path) as dataset:
        return dataset.read(1)


def names(folder):
    """Names in the cache, without the digest of a server that is not the default."""
    return sorted(unmarked(path.name) for path in folder.rglob("*")) if folder.exists() else []


def unmarked(text):
    return re.sub(r"_[0-9a-f]{6}(?=_(?:with-levels_)?era5)", "", text)


def assert_climatology(product, caplog, *words):
    """The climatology serves, and one warning names the reasons, without secrets."""
    assert product.retrieved == product.pixels
    assert product.tags["water_vapour"].endswith("(climatology)")
    (warning,) = [line for line in product.warnings if "reanalysis" in line]
    assert [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING].count(warning) == 1
    for word in words:
        assert word in warning, warning
    assert len(warning) < 1500 and "\n" not in warning
    assert_no_secret(product, caplog)


def assert_no_secret(product, caplog):
    texts = [caplog.text, *product.tags.values(), *(path.read_text() for path in product.path.parent.glob("*.json"))]
    assert "secret" not in "\n".join(texts)


def test_a_store_gives_the_product_that_a_file_with_its_fields_gives(
    tmp_path, cache, store, scene, model_path, monkeypatch, caplog
):
    caplog.set_level(logging.INFO, "lst_raster.inputs.reanalysis.fetch")  # `--quiet` of an earlier test raised it
    options = {"model": model_path, "emissivity": 0.97, "dem": 12.0}
    with serving_folder(store) as (address, asked):
        use(monkeypatch, arco=address)
        product = retrieve(scene, output=tmp_path / "auto.tif", reanalysis="auto", **options)
    fields = ["total_column_water_vapour", "2m_temperature", "surface_pressure", "geopotential_at_surface"]
    with xr.open_zarr(store / "air.zarr", chunks=None) as opened:
        opened[fields].load().drop_encoding().to_netcdf(tmp_path / "fields.nc")
    given = retrieve(scene, output=tmp_path / "given.tif", reanalysis=tmp_path / "fields.nc", **options)
    np.testing.assert_array_equal(temperature(product), temperature(given))
    assert np.ptp(temperature(product)) > 0 and product.warnings == ()
    assert names(cache) == [f"{AREA}_era5-arco_20150719T1600.nc"]
    assert unmarked(product.tags["water_vapour"]).startswith(
        f"{AREA}_era5-arco_20150719T1600.nc total_column_water_vapour, mean"
    )
    assert any("at most 32 MB" in record.getMessage() for record in caplog.records)
    assert_no_secret(product, caplog)
    before = len(asked)
    with serving_folder(store) as (_, asked):
        again = retrieve(scene, output=tmp_path / "auto.tif", reanalysis="auto", **options)
    assert again.reused and asked == [] and before


def surface_file(path, **more):
    latitude, longitude = LATITUDE[220:250], LONGITUDE[1070:1110]
    names = ("tcwv", "t2m", "sp", "z", *more.pop("names", ()))
    fields = {name: cube(name, TIMES, latitude, longitude).astype("f4") for name in names}
    return write_reanalysis(path, fields, latitude=latitude, longitude=longitude)


def test_opendap_gives_the_product_that_a_file_with_its_fields_gives(
    tmp_path, cache, scene, model_path, monkeypatch, caplog
):
    options = {"model": model_path, "emissivity": 0.97, "dem": 12.0}
    server = Archive()
    with serving(server) as address:
        use(monkeypatch, ncar=address)
        product = retrieve(scene, output=tmp_path / "auto.tif", reanalysis="auto", **options)
    given = retrieve(scene, output=tmp_path / "given.tif", reanalysis=surface_file(tmp_path / "f.nc"), **options)
    np.testing.assert_array_equal(temperature(product), temperature(given))
    assert product.warnings == () and names(cache) == [f"{AREA}_era5-ncar_20150719T1600.nc"]
    asked = len(server.asked)
    again = retrieve(scene, output=tmp_path / "auto.tif", reanalysis="auto", **options)
    assert again.reused and len(server.asked) == asked == 8
    assert_no_secret(product, caplog)


def test_levels_from_opendap_give_the_product_that_files_give(
    tmp_path, cache, scene, all_tiers, monkeypatch, profile_model
):
    with serving(Archive()) as address:
        use(monkeypatch, ncar=address)
        product = retrieve(scene, output=tmp_path / "auto.tif", reanalysis="auto:levels", emissivity=0.97)
        surface = retrieve(scene, output=tmp_path / "surface.tif", reanalysis="auto", emissivity=0.97)
    latitude, longitude = LATITUDE[220:250], LONGITUDE[1070:1110]
    fields = {name: on_levels(name, TIMES, LEVELS, latitude, longitude).astype("f4") for name in ("t", "q")}
    where = {"latitude": latitude, "longitude": longitude, "levels": LEVELS}
    files = [write_levels(tmp_path / "levels.nc", fields, **where), surface_file(tmp_path / "f.nc", names=("d2m",))]
    given = retrieve(scene, output=tmp_path / "given.tif", reanalysis=files, emissivity=0.97)
    np.testing.assert_array_equal(temperature(product), temperature(given))
    assert product.tags["model"] == "landsat8-b10/profile" and surface.tags["model"] == "landsat8-b10/surface"
    assert names(cache) == [f"{AREA}_era5-ncar_20150719T1600.nc", f"{AREA}_era5-ncar_levels_20150719T1600.nc"]


@pytest.mark.slow
def test_levels_of_a_store_are_fetched_by_variable_and_step_and_continued(
    tmp_path, cache, store, scene, all_tiers, monkeypatch
):
    fault = Fault("", "", lambda request, right: request.answer(503), only="/specific_humidity/")
    folder = tmp_path / "served"
    shutil.copytree(store, folder)
    server = FaultyStore(folder, fault)
    with serving(server) as address:
        use(monkeypatch, arco=address)
        product = retrieve(scene, output=tmp_path / "part.tif", reanalysis="auto:levels", emissivity=0.97)
        # what has arrived serves: the surface
        assert product.tags["model"] == "landsat8-b10/surface" and "no levels of a reanalysis" in product.warnings[0]
        arrived = names(cache)
        assert len(arrived) == 4 and sum("levels_temperature" in name for name in arrived) == 2
        server.asked.clear()
        fault.answer = None
        complete = retrieve(scene, output=tmp_path / "complete.tif", reanalysis="auto:levels", emissivity=0.97)
    assert complete.tags["model"] == "landsat8-b10/profile" and complete.warnings == ()
    assert len(names(cache)) == 6 and set(arrived) < set(names(cache))
    chunks = [path for path in server.asked if path.rpartition("/")[2][:1].isdigit()]
    assert {path.split("/")[2] for path in chunks} <= {"specific_humidity", "time", "latitude", "longitude", "level"}
    with serving(Archive()) as address:
        use(monkeypatch, ncar=address)
        shutil.rmtree(cache)
        other = retrieve(scene, output=tmp_path / "ncar.tif", reanalysis="auto:levels", emissivity=0.97)
    np.testing.assert_allclose(temperature(complete), temperature(other), atol=0.01)


def test_an_interrupted_download_is_continued(tmp_path, cache, scene, monkeypatch):
    server = Archive()

    def interrupt(line):
        if "1 of 2 files complete" in line:
            raise KeyboardInterrupt

    with serving(server) as address:
        use(monkeypatch, ncar=address)
        with pytest.raises(KeyboardInterrupt):
            fetch_automatically(scene, levels=True, say=interrupt)
        assert names(cache) == [f"{AREA}_era5-ncar_20150719T1600.nc"]
        server.asked.clear()
        assert len(fetch_automatically(scene, levels=True).files) == 2
    assert len(server.asked) == 6 and not any("tcwv" in path for path in server.asked)


@pytest.mark.parametrize("fault", OPENDAP, ids=str)
def test_the_climatology_serves_after_any_fault_of_opendap(
    tmp_path, cache, scene, model_path, monkeypatch, caplog, fault
):
    caplog.set_level(logging.DEBUG, "lst_raster")
    monkeypatch.setattr("lst_raster.io.remote._SHORT_TIMEOUT", 0.3 if "timeout" in fault.name else 10.0)
    started = time.monotonic()
    with serving(FaultyArchive(fault)) as address:
        use(monkeypatch, ncar=address)
        product = retrieve(scene, output=tmp_path / "out.tif", reanalysis="auto", model=model_path, emissivity=0.97)
    assert_climatology(product, caplog, "era5-ncar: ", fault.words, "era5: no credentials", "era5-arco: 127.0.0.1:9")
    assert names(cache) == []
    assert time.monotonic() - started < 15.0


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Both zarr.json")  # wrong answers to both
@pytest.mark.parametrize("fault", ZARR, ids=str)
def test_the_climatology_serves_after_any_fault_of_a_store(
    tmp_path, cache, store, scene, model_path, monkeypatch, caplog, fault
):
    caplog.set_level(logging.DEBUG, "lst_raster")
    monkeypatch.setattr("lst_raster.io.remote._SHORT_TIMEOUT", 0.3 if "timeout" in fault.name else 10.0)
    folder = store
    if fault.server:
        folder = tmp_path / "served"
        shutil.copytree(store, folder)
        fault.server(folder / "air.zarr")
    with serving(FaultyStore(folder, fault)) as address:
        use(monkeypatch, arco=address)
        product = retrieve(scene, output=tmp_path / "out.tif", reanalysis="auto", model=model_path, emissivity=0.97)
    assert_climatology(product, caplog, "era5-arco: ", fault.words, "merra2: no credentials", "era5-ncar: 127.0.0.1:9")
    assert names(cache) == []


@pytest.mark.filterwarnings("ignore:Both zarr.json")
@pytest.mark.parametrize("fault", [ZARR[0], ZARR[6], ZARR[13], ZARR[19]], ids=str)
def test_the_next_source_serves_after_a_fault(tmp_path, cache, store, scene, model_path, monkeypatch, caplog, fault):
    folder = tmp_path / "served"
    shutil.copytree(store, folder)
    if fault.server:
        fault.server(folder / "air.zarr")
    with serving(FaultyStore(folder, fault)) as broken, serving(Archive()) as address:
        use(monkeypatch, arco=broken, ncar=address)
        product = retrieve(scene, output=tmp_path / "out.tif", reanalysis="auto", model=model_path, emissivity=0.97)
    assert product.warnings == () and "_era5-ncar_" in product.tags["water_vapour"]
    assert_no_secret(product, caplog)


@pytest.mark.slow
@pytest.mark.parametrize("levels", [False, True])
@pytest.mark.parametrize("source", ["era5", "merra2"])
def test_sources_with_credentials_are_the_last(tmp_path, cache, scene, monkeypatch, source, levels):
    server = (ClimateDataStore if source == "era5" else Opendap)(tmp_path)
    with serving(server) as address:
        if source == "era5":
            monkeypatch.setenv("CDSAPI_URL", f"{address}/api")
            monkeypatch.setenv("CDSAPI_KEY", KEY)
        else:
            monkeypatch.setattr("lst_raster.inputs.reanalysis.fetch.merra2.SERVER", address)
            monkeypatch.setenv("EARTHDATA_TOKEN", TOKEN)
        found = fetch_automatically(scene, levels=levels)
    assert found.warnings == () and all(f"_{source}_" in file.name for file in found.files)
    assert fetch_automatically(scene, levels=levels).files == found.files  # without a server


def test_a_queue_is_left_after_a_while(tmp_path, cache, scene, monkeypatch):
    class Busy(ClimateDataStore):
        def _poll(self, request, base, job):
            request.answer(200, '{"processID": "era5", "status": "accepted", "links": []}')

    monkeypatch.setattr(automatic, "QUEUE", 1.0)
    with serving(Busy(tmp_path)) as address:
        monkeypatch.setenv("CDSAPI_URL", f"{address}/api")
        monkeypatch.setenv("CDSAPI_KEY", KEY)
        found = fetch_automatically(scene)
        time.sleep(0.2)
    assert "era5: the request was not completed within" in found.warnings[0] and KEY not in found.warnings[0]


def test_without_a_network_the_climatology_serves_within_seconds(tmp_path, scene, model_path, monkeypatch, caplog):
    monkeypatch.setenv("LST_RASTER_ARCO", "https://no-such-host.invalid/air.zarr")
    monkeypatch.setenv("LST_RASTER_NCAR", "https://no-such-host.invalid/thredds")
    started = time.monotonic()
    product = retrieve(scene, output=tmp_path / "out.tif", reanalysis="auto", model=model_path, emissivity=0.97)
    assert time.monotonic() - started < 15.0
    assert_climatology(product, caplog, "era5-ncar: ", "no server no-such-host.invalid, or no network")


def test_requests_are_brief_where_another_server_serves(monkeypatch):
    def busy(retry_after):
        def request():
            calls.append(retry_after)
            error = BusyError("busy")
            error.retry_after = retry_after
            raise error

        return request

    monkeypatch.delenv("GDAL_HTTP_TIMEOUT", raising=False)
    for retry_after, attempts in ((0.0, 2), (600.0, 1)):
        calls = []
        with brief_requests(), pytest.raises(BusyError):
            with_retries(busy(retry_after))
        assert len(calls) == attempts
    with brief_requests():
        assert timeouts() == (10.0, 20.0)  # with two attempts, at most 40 s per server
        monkeypatch.setenv("GDAL_HTTP_TIMEOUT", "3")
        assert timeouts() == (3.0, 3.0)
    monkeypatch.delenv("GDAL_HTTP_TIMEOUT")
    assert timeouts() == (30.0, 30.0)


def test_a_missing_extra_is_said_and_the_next_source_serves(scene, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "zarr", None)
    lines = []
    with serving(Archive()) as address:
        use(monkeypatch, ncar=address)
        found = fetch_automatically(scene, say=lines.append)
    assert found.warnings == () and "_era5-ncar_" in found.files[0].name
    assert any("era5-arco is not used: zarr is not installed; run: pip install" in line for line in lines)


def test_the_size_is_said_before_the_download_and_then_the_progress(scene, cache, monkeypatch):
    lines, server = [], Archive()

    def say(line):
        lines.append((line, len(server.asked)))

    with serving(server) as address:
        use(monkeypatch, ncar=address)
        fetch_automatically(scene, levels=True, say=say)
    line, asked = lines[0]
    assert line == f"fetching era5-ncar, NCAR (no account): 2 of 2 files, at most 0.2 MB, into {cache}" and asked == 0
    assert [text for text, _ in lines if "complete" in text] == [
        "era5-ncar: 1 of 2 files complete", "era5-ncar: 2 of 2 files complete",
    ]  # fmt: skip
    assert not any("secret" in text for text, _ in lines)


@pytest.mark.parametrize("source", list(SERVERS))
@pytest.mark.parametrize("levels", [False, True])
def test_the_size_of_every_plan_is_known_and_more_with_levels(source, levels, scene):
    from lst_raster.inputs.reanalysis.request import make_request

    request = make_request(scene)
    plan = SERVERS[source].load().plan("x", request.when, request.box, None, levels=levels)
    size = sum(part.size for part in plan.parts)
    if source == "era5-arco":
        assert size > (600e6 if levels else 29e6)
    else:
        assert 40_000 < size < 1e6


def test_damaged_files_of_the_cache_are_fetched_again(scene, cache, monkeypatch):
    server = Archive()
    with serving(server) as address:
        use(monkeypatch, ncar=address)
        (file,) = fetch_automatically(scene).files
        right = file.read_bytes()
        for damage in (b"", right[: len(right) // 2], b"<html>"):
            file.write_bytes(damage)
            server.asked.clear()
            assert fetch_automatically(scene).files == (file,) and len(server.asked) == 8
            assert len(file.read_bytes()) == len(right)


def test_files_of_the_cache_serve_other_scenes_of_the_time_and_the_area(tmp_path, scene, monkeypatch):
    other = seen(tmp_path / "other", "2015-07-19T16:59")[0] if (tmp_path / "other").mkdir() is None else None
    server = Archive()
    with serving(server) as address:
        use(monkeypatch, ncar=address)
        first = fetch_automatically(scene)
        server.asked.clear()
        assert fetch_automatically(other).files == first.files and server.asked == []


def test_old_files_of_the_cache_are_removed(scene, cache, monkeypatch):
    import os

    cache.mkdir(parents=True)
    old, new = cache / "old.nc", cache / "new.nc"
    for file in (old, new):
        file.write_bytes(b"x")
    month_ago = time.time() - 31 * 86400
    os.utime(old, (month_ago, month_ago))
    with serving(Archive()) as address:
        use(monkeypatch, ncar=address)
        fetch_automatically(scene)
    assert not old.exists() and new.exists()


def test_a_cache_that_cannot_be_written_is_reported(tmp_path, scene, model_path, monkeypatch, caplog):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("LST_RASTER_CACHE", str(tmp_path / "file"))
    with serving(Archive()) as address:
        use(monkeypatch, ncar=address)
        product = retrieve(scene, output=tmp_path / "out.tif", reanalysis="auto", model=model_path, emissivity=0.97)
    assert_climatology(product, caplog, "era5-ncar: the cache", "cannot be written (Not a directory)")


def test_a_full_disk_is_reported_and_leaves_nothing(tmp_path, scene, cache, model_path, monkeypatch, caplog):
    def full(*arguments, **options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("xarray.Dataset.to_netcdf", full)
    with serving(Archive()) as address:
        use(monkeypatch, ncar=address)
        product = retrieve(scene, output=tmp_path / "out.tif", reanalysis="auto", model=model_path, emissivity=0.97)
    assert_climatology(product, caplog, "era5-ncar: OSError: [Errno 28] No space left on device")
    assert names(cache) == []


@pytest.mark.parametrize(
    ("date", "words"), [(None, "the acquisition time of"), ("2015-07-19", "is hourly"), ("2015-07", "--date")]
)
def test_a_scene_without_a_time_gets_the_climatology(tmp_path, model_path, caplog, date, words):
    scene = Scene.open(make_scene(tmp_path / "in", lst=np.full((20, 30), 300.0)), date=date)
    product = retrieve(scene, output=tmp_path / "out.tif", reanalysis="auto", model=model_path, emissivity=0.97)
    assert_climatology(product, caplog, "no reanalysis is fetched: ", words)


@pytest.mark.parametrize(
    ("date", "words"),
    [("1939-07-19T16:20", "era5-arco: begins in 1940"), ("2015-07-19T16:20", "is published 5 days later")],
)
def test_times_that_no_source_has_are_asked_of_none(tmp_path, monkeypatch, caplog, model_path, date, words):
    monkeypatch.setattr(automatic, "_now", lambda: np.datetime64("2015-07-20T00:00:00"))
    scene = scene_at(tmp_path, 10.0, 35.0, date)
    product = retrieve(scene, output=tmp_path / "out.tif", reanalysis="auto", model=model_path, emissivity=0.97)
    assert_climatology(product, caplog, words)


def test_nothing_is_fetched_if_everything_is_given(tmp_path, scene, model_path, monkeypatch):
    monkeypatch.setattr(automatic, "fetch_automatically", None)
    given = {"water_vapour": 20.0, "air_temperature": 295.0, "surface_pressure": 1000.0}
    product = retrieve(
        scene, output=tmp_path / "out.tif", reanalysis="auto", model=model_path, emissivity=0.97, **given
    )
    assert product.warnings == () and product.retrieved


def test_values_of_the_user_have_priority(tmp_path, scene, model_path, monkeypatch):
    with serving(Archive()) as address:
        use(monkeypatch, ncar=address)
        product = retrieve(
            scene,
            output=tmp_path / "out.tif",
            reanalysis=["auto"],
            model=model_path,
            emissivity=0.97,
            water_vapour=20.0,
        )
    assert product.tags["water_vapour"].startswith("20 kg m-2") and "VAR_2T" in product.tags["air_temperature"]


def test_a_given_model_of_levels_needs_them(tmp_path, scene, profile_model, monkeypatch):
    with pytest.raises(ModelError, match="takes temperature and humidity on levels"):
        retrieve(scene, output=tmp_path / "out.tif", reanalysis="auto", model=profile_model, emissivity=0.97)
    with serving(Archive()) as address:
        use(monkeypatch, ncar=address)
        product = retrieve(scene, output=tmp_path / "out.tif", reanalysis="auto", model=profile_model, emissivity=0.97)
    assert "levels of" in product.tags["profile"]


@pytest.mark.parametrize("other", ["era5.nc", "auto:levels", "auto"])
def test_the_word_stands_alone(tmp_path, scene, other):
    with pytest.raises(InputError, match=rf"reanalysis is auto together with {other}; give auto or auto:levels alone"):
        retrieve(scene, output=tmp_path / "out.tif", reanalysis=["auto", other], emissivity=0.97)


def test_the_example_scene_is_retrieved_on_the_command_line(tmp_path, cache, command, monkeypatch):
    air = lambda name, times, *where: periodic_in_longitude(NAMES[name], times, *where)  # noqa: E731
    scene = example_path() / "LC08_alabama_B10.tif"
    with serving(Archive(air=air)) as address:
        use(monkeypatch, ncar=address)
        code, out, err = command(
            "retrieve", scene, "-o", tmp_path / "out.tif", "--reanalysis", "auto", "--emissivity", "0.97",
            "--date", "2015-01-17T16:20",
        )  # fmt: skip
    assert (code, out) == (0, [str(tmp_path / "out.tif")])
    assert any(line.startswith("Info: fetching era5-ncar, NCAR (no account)") and "0.1 MB" in line for line in err)
    assert not any("climatology" in line or "secret" in line for line in err)
    with rasterio.open(tmp_path / "out.tif") as dataset:
        assert "_era5-ncar_" in dataset.tags()["water_vapour"]
    assert not any(line.startswith("Info") for line in command("retrieve", scene, "-o", tmp_path / "2.tif", "-q")[2])


def test_a_batch_fetches_for_every_scene_and_a_dry_run_for_none(tmp_path, cache, command, monkeypatch, model_path):
    for folder, date in (("one", "2015-07-19T16:20"), ("two", "2015-07-19T18:20")):
        (tmp_path / folder).mkdir()
        seen(tmp_path / folder, date)
    bands = [next((tmp_path / folder / "in").glob("*B10*")) for folder in ("one", "two")]
    rows = [f"{bands[0]},one,2015-07-19T16:20,auto", f"{bands[1]},two,2015-07-19T18:20,auto"]
    (tmp_path / "list.csv").write_text("\n".join(["scene,name,date,reanalysis", *rows]) + "\n")
    server = Archive()
    options = ("--model", model_path, "--emissivity", "0.97")
    with serving(server) as address:
        use(monkeypatch, ncar=address)
        code, out, err = command("batch", tmp_path / "list.csv", "-o", tmp_path / "out", "--dry-run", *options)
        assert code == 0 and server.asked == [] and names(cache) == [], (out, err)
        code, out, err = command("batch", tmp_path / "list.csv", "-o", tmp_path / "out", *options)
        assert code == 0, (out, err)
        server.asked.clear()
        code, out, err = command("batch", tmp_path / "list.csv", "-o", tmp_path / "out", *options)
        assert code == 0 and "kept" in out[-1] and server.asked == []
    assert len(names(cache)) == 2
    log = (tmp_path / "out" / "logs" / "one.log").read_text()
    assert "secret" not in log


def test_a_dry_run_with_a_model_of_levels_finds_no_error(tmp_path, command, profile_model, scene):
    code, out, err = command(
        "batch", scene.place.disk, "-o", tmp_path / "out", "--dry-run", "--model", profile_model, "--date",
        "2015-07-19T16:20", "--reanalysis", "auto:levels",
    )  # fmt: skip
    assert code == 0, (out, err)
    assert "landsat8-b10/profile" in "\n".join(out)


def test_the_radiance_of_a_level_2_product_needs_a_reanalysis(tmp_path, monkeypatch):
    """A product in a public service, in one box, with the reanalysis of another service."""
    folder = shared_path("data", "landsat", LEVEL_2)
    constant = {"TCWV": 20.0, "VAR_2T": 290.0, "VAR_2D": 280.0, "SP": 1.0e5, "Z": 500.0}

    def air(name, *axes):
        return np.full(tuple(len(np.atleast_1d(axis)) for axis in axes), constant[name])

    with landsat_service(folder) as service, serving(Archive(air=air)) as address:
        monkeypatch.setenv("LST_RASTER_PLANETARY_COMPUTER", service.base)
        use(monkeypatch, ncar=address)
        given = {"bbox": "137.2,-34.6,137.9,-34", "reanalysis": "auto"}
        product = retrieve(LEVEL_2, output=tmp_path / "id", **given)
        local = retrieve(folder, output=tmp_path / "folder", **given)
    assert "era5-ncar" in product.tags["water_vapour"] and "era5-ncar" in product.tags["air_temperature"]
    assert product.path.read_bytes() == local.path.read_bytes()


def test_a_server_that_does_not_answer_is_asked_once_in_a_batch(scene, monkeypatch, caplog):
    fetch_automatically(scene)
    attempts = []
    monkeypatch.setattr(automatic, "_fetch", lambda *args, **options: attempts.append(args))
    caplog.clear()
    assert fetch_automatically(scene).files == ()
    assert attempts == []
    assert "era5-ncar: did not answer in the last 10 minutes" in caplog.text


def test_the_atmosphere_of_a_level_2_product_needs_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(automatic, "fetch_automatically", None)
    scene = Level2Scene.open(make_level2(tmp_path / "in"))
    product = retrieve(scene, output=tmp_path / "out.tif", reanalysis="auto")
    assert product.retrieved and not any("reanalysis" in line for line in product.warnings)


def test_a_file_of_the_name_of_a_word_is_a_path(tmp_path, scene):
    assert reanalysis_files(scene, [Path("auto")], (), None) == ([Path("auto")], ())


def test_without_a_home_folder_nothing_is_fetched(scene, monkeypatch):
    def homeless():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("LST_RASTER_CACHE")
    monkeypatch.setattr("pathlib.Path.home", homeless)
    found = fetch_automatically(scene)
    assert (found.files, found.warnings) == ((), ("no reanalysis is fetched: Could not determine home directory.",))


@pytest.mark.parametrize("variable", ["LST_RASTER_NCAR", "LST_RASTER_ARCO"])
@pytest.mark.parametrize(
    "address",
    ["nonsense", "ftp://example.com/x", "http://", "https://[::1", "http://127.0.0.1:99999/x", "http://a b/c"],
)
def test_an_address_that_is_none_is_reported(
    tmp_path, scene, cache, model_path, monkeypatch, caplog, variable, address
):
    monkeypatch.setenv(variable, address)
    product = retrieve(scene, output=tmp_path / "out.tif", reanalysis="auto", model=model_path, emissivity=0.97)
    assert_climatology(product, caplog, "era5-ncar: ", "era5-arco: ")
    assert names(cache) == []
