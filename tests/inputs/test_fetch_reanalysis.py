"""Fetching reanalysis from servers that speak the real protocols, and what goes wrong with them."""

import json
import logging
import sys

import numpy as np
import pytest
import rasterio

from lst_raster import Scene, retrieve
from lst_raster.errors import InputError, MissingExtraError, OutputError, RemoteAccessError, RemoteError
from lst_raster.inputs.reanalysis.fetch.run import fetch_reanalysis
from lst_raster.inputs.reanalysis.over_scene import fields_over_scene
from lst_raster.io.grid import box_over
from tests.support.factories import STEM, make_scene, write_raster
from tests.support.fetching import DATE, SOURCE_NAMES, scene_at, seen
from tests.support.http_server import serving, serving_folder
from tests.support.linear_air import periodic_in_longitude
from tests.support.ncar_server import BASE, NAMES, Archive
from tests.support.reanalysis_servers import KEY, TOKEN, ClimateDataStore, EarthdataLogin, Opendap, arco_store

NEAR_MIDNIGHT = "2015-07-19T23:45"  # the next steps of all sources are of the next day


@pytest.fixture(autouse=True)
def no_credentials(monkeypatch, tmp_path):
    """No credentials of this machine's user, and no long pauses."""
    for name in ("CDSAPI_URL", "CDSAPI_KEY", "EARTHDATA_TOKEN", "NETRC"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("CDSAPI_RC", str(tmp_path / "home" / ".cdsapirc"))
    monkeypatch.setattr("lst_raster.io.remote.PAUSE", 0.0)
    monkeypatch.setattr("lst_raster.inputs.reanalysis.fetch.cds._PATIENCE", {"retry_max": 4, "sleep_max": 0.01})


@pytest.fixture
def known(monkeypatch):
    """A user with credentials."""
    monkeypatch.setenv("CDSAPI_KEY", KEY)
    monkeypatch.setenv("EARTHDATA_TOKEN", TOKEN)


def server_of(source, folder):
    """A server that speaks the protocol of a source."""
    (folder / "server").mkdir()
    if source == "era5-ncar":
        return serving(Archive())
    if source == "era5-arco":
        arco_store(folder / "server" / "air.zarr")
        return serving_folder(folder / "server")
    return serving((ClimateDataStore if source == "era5" else Opendap)(folder / "server"))


def address_of(source, served):
    if source == "era5-ncar":
        return f"{served}{BASE}"
    return {"era5": f"{served}/api", "era5-arco": f"{served[0]}/air.zarr", "merra2": served}[source]


@pytest.mark.slow
@pytest.mark.parametrize("date", [DATE, NEAR_MIDNIGHT])
@pytest.mark.parametrize("source", SOURCE_NAMES)
def test_what_is_fetched_gives_the_temperature_that_the_fields_themselves_give(
    tmp_path, known, model_path, source, date
):
    scene, air = seen(tmp_path, date)
    with server_of(source, tmp_path) as served:
        fetched = fetch_reanalysis(scene, source=source, folder=tmp_path, server=address_of(source, served))
    product = retrieve(scene, output=tmp_path, reanalysis=fetched.files, model=model_path, emissivity=0.97, dem=0.0)
    rasters = {
        name: write_raster(tmp_path / f"{name}.tif", values.astype("f4"), nodata=-1.0) for name, values in air.items()
    }
    given = retrieve(scene, output=tmp_path / "given.tif", model=model_path, emissivity=0.97, **rasters)
    with rasterio.open(product.path) as ours, rasterio.open(given.path) as theirs:
        found, expected = ours.read(1), theirs.read(1)
    assert np.abs(found - expected).max() < 0.002
    assert np.abs(found - 305.0).max() < 0.01
    assert product.tags["water_vapour"].count("(reanalysis)") == 1
    days = 2 if date == NEAR_MIDNIGHT and source not in ("era5-arco", "era5-ncar") else 1
    assert len(fetched.files) == days + (source == "merra2")
    assert sorted(path.name for path in tmp_path.glob(".*")) == []


def test_the_request_for_the_climate_data_store_is_exact(tmp_path, known):
    scene, _ = seen(tmp_path)
    server = ClimateDataStore(tmp_path)
    with serving(server) as address:
        fetched = fetch_reanalysis(scene, folder=tmp_path, server=f"{address}/api")
    request = {
        "product_type": ["reanalysis"],
        "variable": ["total_column_water_vapour", "2m_temperature", "surface_pressure", "geopotential"],
        "year": ["2015"], "month": ["07"], "day": ["19"], "time": ["16:00", "17:00"],
        "data_format": "netcdf", "download_format": "unarchived",
        "area": [31.25, -87.75, 30.5, -87.0],
    }  # fmt: skip
    assert server.requests == [("reanalysis-era5-single-levels", request)]
    written = json.loads(fetched.request.read_text())
    assert written["files"] == [
        {"file": f"{STEM}_era5_20150719T1600.nc", "dataset": "reanalysis-era5-single-levels", "request": request}
    ]
    box = box_over(scene.grid)
    assert box.south >= 30.75 and box.north <= 31.0 and box.west >= -87.5 and box.east <= -87.25


@pytest.mark.parametrize("west", [179.8, -0.3])  # across the date line, and across the edge of NCAR's grid
def test_what_is_fetched_from_ncar_lies_over_the_scene(tmp_path, west):
    scene = scene_at(tmp_path, west, 32.0)
    air = lambda name, times, *where: periodic_in_longitude(NAMES[name], times, *where)  # noqa: E731
    with serving(Archive(air=air)) as address:
        files = fetch_reanalysis(scene, source="era5-ncar", folder=tmp_path, server=f"{address}{BASE}").files
    (field,) = fields_over_scene(scene, files, ["water_vapour"]).values()
    expected = periodic_in_longitude("tcwv", [DATE], [0.0], field.source.columns / 20 * 0.5 + west)[0, 0]
    np.testing.assert_allclose(field.source.values, np.broadcast_to(expected, field.source.values.shape), rtol=1e-6)


def test_the_last_hour_of_a_year_needs_two_months_of_ncar(tmp_path):
    scene = scene_at(tmp_path, 10.0, 35.0, "2015-12-31T23:20")
    air = lambda name, times, *where: periodic_in_longitude(NAMES[name], times, *where)  # noqa: E731
    server = Archive(air=air)
    with serving(server) as address:
        files = fetch_reanalysis(scene, source="era5-ncar", folder=tmp_path, server=f"{address}{BASE}").files
    assert len(files) == 1
    assert any(
        "201512/e5.oper.an.sfc.128_134_sp.ll025sc.2015120100_2015123123.nc.dods?SP%5B743:1:743" in path
        for path in server.asked
    )
    assert any(
        "201601/e5.oper.an.sfc.128_134_sp.ll025sc.2016010100_2016013123.nc.dods?SP%5B0:1:0" in path
        for path in server.asked
    )


@pytest.mark.slow
@pytest.mark.parametrize("source", ["era5", "merra2"])
def test_what_is_fetched_across_the_date_line_lies_over_the_scene(tmp_path, known, source):
    scene = scene_at(tmp_path, 179.8, 32.0)
    server = (ClimateDataStore if source == "era5" else Opendap)(tmp_path, air=periodic_in_longitude)
    with serving(server) as address:
        files = fetch_reanalysis(
            scene, source=source, folder=tmp_path, server=f"{address}/api" if source == "era5" else address
        ).files
    (field,) = fields_over_scene(scene, files, ["water_vapour"]).values()
    columns = field.source.columns / 20 * 0.5 + 179.8
    expected = periodic_in_longitude("tcwv", [DATE], [0.0], columns)[0, 0]
    np.testing.assert_allclose(field.source.values, np.broadcast_to(expected, field.source.values.shape), rtol=1e-6)


@pytest.mark.parametrize(
    ("source", "words"),
    [("era5", [".cdsapirc", "CDSAPI_KEY", "cds.climate"]), ("merra2", ["EARTHDATA_TOKEN", ".netrc", "urs.earthdata"])],
)
def test_without_credentials_it_is_told_where_to_get_them_and_the_request_is_written(tmp_path, command, source, words):
    scene = make_scene(tmp_path / "in", lst=np.full((20, 30), 300.0))
    out = tmp_path / "out"
    out.mkdir()
    code, lines, err = command("fetch-reanalysis", scene, "--source", source, "-o", out, "--date", DATE)
    request = out / f"{STEM}_{source}_request.json"
    assert (code, lines) == (1, []) and len(err) == 1
    assert all(word in err[0] for word in (*words, f"the request is in {request}"))
    assert [path.name for path in out.iterdir()] == [request.name] and json.loads(request.read_text())["files"]


def test_a_full_disk_is_not_told_as_a_fault_of_the_store(tmp_path, monkeypatch):
    scene, _ = seen(tmp_path)
    arco_store(tmp_path / "air.zarr")

    def full(*arguments, **options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("xarray.Dataset.to_netcdf", full)
    with pytest.raises(OutputError, match=r"cannot write into .*: No space left on device; is the disk full\?"):
        fetch_reanalysis(scene, source="era5-arco", folder=tmp_path, server=str(tmp_path / "air.zarr"))


@pytest.mark.parametrize(("source", "module", "extra"), [("era5", "cdsapi", "era5"), ("era5-arco", "zarr", "zarr")])
def test_a_missing_package_is_told_with_its_extra(tmp_path, known, monkeypatch, source, module, extra):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingExtraError, match=rf"pip install 'lst-raster\[{extra}\]'; the request is in"):
        fetch_reanalysis(scene_at(tmp_path, 10.0, 35.0), source=source, folder=tmp_path, server="http://127.0.0.1:9")


def test_a_key_of_the_old_service_is_reported(tmp_path, monkeypatch):
    monkeypatch.setenv("CDSAPI_KEY", "12345:abcdef-secret")
    scene, _ = seen(tmp_path)
    with pytest.raises(RemoteAccessError, match="has a colon: it is one of the service that closed") as raised:
        fetch_reanalysis(scene, folder=tmp_path, server="http://127.0.0.1:9/api")
    assert "secret" not in str(raised.value)


@pytest.mark.slow
@pytest.mark.parametrize("source", ["era5", "era5-arco", "era5-ncar"])
def test_the_printed_python_fetches_the_same(tmp_path, known, monkeypatch, source):
    scene, _ = seen(tmp_path)
    with server_of(source, tmp_path) as served:
        address = address_of(source, served)
        fetched = fetch_reanalysis(scene, source=source, folder=tmp_path, server=address)
        (tmp_path / "again").mkdir()
        monkeypatch.chdir(tmp_path / "again")
        monkeypatch.setenv("CDSAPI_URL", address)
        monkeypatch.setattr(logging.getLogger("ecmwf.datastores.legacy_client"), "disabled", True)
        exec(fetched.plan.script, {})
    (ours,) = fetched.files
    from tests.support.reanalysis_files import read_reanalysis

    for a, b in zip(read_reanalysis(ours), read_reanalysis(tmp_path / "again" / ours.name), strict=True):
        np.testing.assert_array_equal(a.values, b.values)
        np.testing.assert_array_equal(a.longitude, b.longitude)


def test_secrets_are_in_no_line_that_is_said_written_or_logged(tmp_path, known, caplog):
    caplog.set_level(logging.DEBUG)
    scene, _ = seen(tmp_path)
    lines = []
    with serving(ClimateDataStore(tmp_path)) as address:
        fetch_reanalysis(scene, folder=tmp_path, server=f"{address}/api", say=lines.append)
    with serving(Opendap(tmp_path)) as address:
        fetch_reanalysis(scene, source="merra2", folder=tmp_path, server=address, say=lines.append)
    assert any("successful" in line for line in lines)
    text = "\n".join([*lines, caplog.text, *(path.read_text() for path in tmp_path.glob("*.json"))])
    assert KEY not in text and TOKEN not in text


def test_a_refused_key_is_told_without_the_key(tmp_path, monkeypatch):
    monkeypatch.setenv("CDSAPI_KEY", "another-secret")
    scene, _ = seen(tmp_path)
    with serving(ClimateDataStore(tmp_path)) as address, pytest.raises(RemoteError, match="401") as raised:
        fetch_reanalysis(scene, folder=tmp_path, server=f"{address}/api")
    assert "secret" not in str(raised.value)


def test_a_licence_that_is_not_accepted_is_told_in_the_stores_words(tmp_path, known):
    scene, _ = seen(tmp_path)
    with (
        serving(ClimateDataStore(tmp_path, refuse="visit the licences page")) as address,
        pytest.raises(RemoteError, match=r"required licences not accepted\s+visit the licences page"),
    ):
        fetch_reanalysis(scene, folder=tmp_path, server=f"{address}/api")


def test_a_wrong_token_is_refused_with_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setenv("EARTHDATA_TOKEN", "expired-secret")
    scene, _ = seen(tmp_path)
    with serving(Opendap(tmp_path)) as address, pytest.raises(RemoteAccessError, match="refuses the login") as raised:
        fetch_reanalysis(scene, source="merra2", folder=tmp_path, server=address)
    assert "authorize there the application" in str(raised.value) and "secret" not in str(raised.value)


def test_name_and_password_go_to_the_login_alone(tmp_path, monkeypatch):
    home = tmp_path / "home"
    home.mkdir()
    (home / ".netrc").write_text("machine 127.0.0.1 login me password secret-word\n")
    (home / ".netrc").chmod(0o600)
    scene, _ = seen(tmp_path)
    login, server = EarthdataLogin(), Opendap(tmp_path)
    with serving(login) as there, serving(server) as address:
        monkeypatch.setattr("lst_raster.inputs.reanalysis.fetch.merra2.LOGIN", there)
        server.login = there
        fetched = fetch_reanalysis(scene, source="merra2", folder=tmp_path, server=address)
    assert len(fetched.files) == 2
    assert login.authorizations and set(login.authorizations) == {"Basic bWU6c2VjcmV0LXdvcmQ="}
    assert set(server.authorizations) == {None}


def test_a_token_is_not_sent_on_to_another_server(tmp_path, monkeypatch):
    monkeypatch.setenv("EARTHDATA_TOKEN", "expired-secret")
    scene, _ = seen(tmp_path)
    login, server = EarthdataLogin(), Opendap(tmp_path)
    with serving(login) as there, serving(server) as address:
        monkeypatch.setattr("lst_raster.inputs.reanalysis.fetch.merra2.LOGIN", there)
        server.login = there
        with pytest.raises(RemoteAccessError, match="refuses the login"):
            fetch_reanalysis(scene, source="merra2", folder=tmp_path, server=address)
    assert login.authorizations == [None]


def test_a_month_that_was_produced_again_is_found(tmp_path, known):
    scene, _ = seen(tmp_path)
    server = Opendap(tmp_path, missing=("MERRA2_400",))
    with serving(server) as address:
        fetched = fetch_reanalysis(scene, source="merra2", folder=tmp_path, server=address)
    assert len(fetched.files) == 2 and "MERRA2_401.tavg1" in server.asked[1]


def test_a_day_that_is_not_there_is_reported(tmp_path, known):
    scene, _ = seen(tmp_path)
    with (
        serving(Opendap(tmp_path, missing=("tavg1",))) as address,
        pytest.raises(RemoteError, match=r"has no .*MERRA2_401.*is the scene too recent\?"),
    ):
        fetch_reanalysis(scene, source="merra2", folder=tmp_path, server=address)


@pytest.mark.parametrize("source", ["era5", "merra2"])
def test_a_busy_server_is_asked_again(tmp_path, known, source):
    scene, _ = seen(tmp_path)
    server = (ClimateDataStore if source == "era5" else Opendap)(tmp_path, failures=2)
    with serving(server) as address:
        fetched = fetch_reanalysis(
            scene, source=source, folder=tmp_path, server=f"{address}/api" if source == "era5" else address
        )
    assert fetched.files


@pytest.mark.parametrize("source", ["era5", "merra2"])
def test_a_server_that_sends_too_little_leaves_nothing(tmp_path, known, source):
    scene, _ = seen(tmp_path)
    out = tmp_path / "out"
    out.mkdir()
    server = (ClimateDataStore if source == "era5" else Opendap)(tmp_path, short=True)
    with serving(server) as address, pytest.raises(RemoteError):
        fetch_reanalysis(scene, source=source, folder=out, server=f"{address}/api" if source == "era5" else address)
    assert [path.suffix for path in out.iterdir()] == [".json"]


def test_a_server_that_is_not_there_is_reported(tmp_path, known):
    scene, _ = seen(tmp_path)
    with serving(Opendap(tmp_path)) as address:
        pass
    with pytest.raises(RemoteError, match=r"does not answer \(.*refused.*the request is in"):
        fetch_reanalysis(scene, source="merra2", folder=tmp_path, server=address)


def test_what_arrives_and_does_not_serve_gets_no_name(tmp_path, known):
    scene, _ = seen(tmp_path)
    out = tmp_path / "out"
    out.mkdir()
    with (
        serving(ClimateDataStore(tmp_path, content=b"<html>maintenance</html>")) as address,
        pytest.raises(RemoteError, match=r"the downloaded files cannot be used.*web page"),
    ):
        fetch_reanalysis(scene, folder=out, server=f"{address}/api")
    assert [path.suffix for path in out.iterdir()] == [".json"]


@pytest.mark.parametrize("source", ["era5", "merra2"])
def test_ctrl_c_leaves_nothing_but_the_request(tmp_path, known, command, source):
    scene, _ = seen(tmp_path)
    out = tmp_path / "out"
    out.mkdir()

    def interrupt(line):
        if "successful" in line or line.endswith("surface.nc"):  # amid the work: the other file is there
            raise KeyboardInterrupt

    server = (ClimateDataStore if source == "era5" else Opendap)(tmp_path)
    with serving(server) as address, pytest.raises(KeyboardInterrupt):
        fetch_reanalysis(
            scene, source=source, folder=out, server=f"{address}/api" if source == "era5" else address, say=interrupt
        )
    assert [path.suffix for path in out.iterdir()] == [".json"]


@pytest.mark.slow
def test_a_file_that_exists_is_not_replaced_unasked(tmp_path, known):
    scene, _ = seen(tmp_path)
    arco_store(tmp_path / "air.zarr")
    options = {"source": "era5-arco", "folder": tmp_path}
    with serving_folder(tmp_path) as (address, asked):
        (first,) = fetch_reanalysis(scene, server=f"{address}/air.zarr", **options).files
        before = len(asked)
        with pytest.raises(OutputError, match="exists; --overwrite replaces it"):
            fetch_reanalysis(scene, server=f"{address}/air.zarr", **options)
        assert len(asked) == before
        assert fetch_reanalysis(scene, server=f"{address}/air.zarr", overwrite=True, **options).files == (first,)


@pytest.mark.slow
def test_a_store_that_lacks_the_time_is_reported(tmp_path):
    scene = scene_at(tmp_path, 271.0, 31.0, "2015-07-25T16:20")
    arco_store(tmp_path / "air.zarr")
    with serving_folder(tmp_path) as (address, _), pytest.raises(RemoteError, match="has the times 2015-07-19"):
        fetch_reanalysis(scene, source="era5-arco", folder=tmp_path, server=f"{address}/air.zarr")


def test_a_scene_without_a_time_is_asked_for_it(tmp_path):
    scene = Scene.open(make_scene(tmp_path / "in", lst=np.full((20, 30), 300.0)))
    with pytest.raises(InputError, match="add --date 2015-07-19T16:20 with its own time"):
        fetch_reanalysis(scene, folder=tmp_path)


def test_the_command_prints_the_files_that_retrieve_takes(tmp_path, known, command, model_path):
    scene, _ = seen(tmp_path)
    with serving(ClimateDataStore(tmp_path)) as address:
        code, out, err = command(
            "fetch-reanalysis", scene.place.disk, "-o", tmp_path, "--date", DATE, "--server", f"{address}/api"
        )
    assert code == 0 and out == [str(tmp_path / f"{STEM}_era5_20150719T1600.nc")]
    assert any("successful" in line for line in err)
    code, out, err = command(
        "retrieve", scene.place.disk, "-o", tmp_path / "out.tif", "--date", DATE, "--model", model_path, "-q",
        "--emissivity", "0.97", "--reanalysis", out[0],
    )  # fmt: skip
    assert (code, err) == (0, [])
    with rasterio.open(tmp_path / "out.tif") as dataset:
        assert np.abs(dataset.read(1) - 305.0).max() < 0.01
