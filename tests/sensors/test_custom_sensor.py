"""A custom sensor band: defined from a response, available everywhere, removed."""

import json
import shutil

import numpy as np
import pytest

from lst_raster.errors import ConfigError, InputError, InputNotFoundError, OutputError, UnknownSensorError
from lst_raster.inference.model import Model, custom_models
from lst_raster.physics.planck import brightness_temperature
from lst_raster.resources import user_path
from lst_raster.sensors.bands import response_path, sensor_band, sensor_names
from lst_raster.sensors.custom import SensorProperties, define_sensor, remove_sensor
from lst_raster.sensors.response import exact_band_radiance, load_response, read_response
from lst_raster.simulator.band_simulation import band_weights
from tests.support.custom_sensors import make_custom_models, make_custom_sensor, write_response

KELVIN = np.arange(200.0, 360.5, 0.5)


def write(path, text):
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("header", "scale", "unit"),
    [
        ("wavelength [um],response", 1.0, None),
        ("Wavelength (µm);RSR", 1.0, None),
        ("lambda_nm,rsr", 1e3, None),
        ("# wavelength in nanometres, response", 1e3, None),
        (None, 1.0, "um"),
        (None, 1e3, "nm"),
    ],
)
def test_a_response_is_read_in_the_unit_of_its_header_or_of_the_option(tmp_path, header, scale, unit):
    found = read_response(write_response(tmp_path / "r.csv", header=header, scale=scale), unit)
    assert found.limits == pytest.approx((10.25, 10.95), abs=0.002)
    assert found.response.value.max() == 1.0
    assert (found.outside, found.warnings) == (0.0, ())


def test_wavenumbers_that_fall_in_wavelength_and_other_separators_are_the_same_response(tmp_path):
    straight = read_response(write_response(tmp_path / "r.csv"))
    rows = [f"{1e4 / w:.8f}\t{v * 37.0:.6f}" for w, v in np.loadtxt(tmp_path / "r.csv", delimiter=",", skiprows=1)]
    turned = read_response(write(tmp_path / "t.txt", "wavenumber cm-1\tpercent\n" + "\n".join(rows)))
    np.testing.assert_allclose(turned.response.wavelength, straight.response.wavelength, atol=1e-6)
    np.testing.assert_allclose(turned.response.value, straight.response.value, atol=1e-6)
    commas = "\n".join(line.replace(".", ",") for line in "; ".join(rows).replace("\t", ";").split("; "))
    decimal = read_response(write(tmp_path / "c.csv", "cm^-1;response\n" + commas))
    np.testing.assert_allclose(decimal.response.value, straight.response.value, atol=1e-6)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("10.2,0\n10.3,1\n10.5,1\n10.7,1\n10.9,0\n", "state it: --unit um"),
        ("wavelength,response\n10.2,0\n10.3,1\n10.5,1\n10.7,1\n10.9,0\n", "has no unit of the first column"),
        ("um or nm\n10.2,0\n10.3,1\n10.5,1\n10.7,1\n10.9,0\n", "several units"),
        ("um,r\n10.2,0\n10.9,1\n", "2 rows of numbers"),
        ("um,r,error\n10.2,0,1\n10.3,1,1\n10.5,1,1\n10.7,1,1\n10.9,0,1\n", "3 columns; give two"),
        ("um,r\n10.2,0\n10.3,1\n10.25,1\n10.7,1\n10.9,0\n", "see row 3"),
        ("um,r\n10.2,0\n10.3,1\n10.3,1\n10.7,1\n10.9,0\n", "does not rise or fall"),
        ("um,r\n10.2,0\n10.3,1\noops,1\n10.7,1\n10.9,0\n10.95,0\n", "line 4 is 'oops,1', not numbers"),
        ("um,r\n10.2,0\n10.3,1\n10.5,nan\n10.7,1\n10.9,0\n", "not finite"),
        ("um,r\n10.2,0\n10.3,0\n10.5,0\n10.7,0\n10.9,0\n", "nowhere positive"),
        ("um,r\n10.2,-0.2\n10.3,1\n10.5,1\n10.7,1\n10.9,0\n", "-20.0% of its peak"),
        ("um,r\n10.2,0\n10.3,0\n10.5,1\n10.7,0\n10.9,0\n", "1 points above half its peak"),
        ("nm,r\n10.2,0\n10.3,1\n10.5,1\n10.7,1\n10.9,0\n", "state another --unit"),
        ("um,r\n-10.2,0\n10.3,1\n10.5,1\n10.7,1\n10.9,0\n", "give positive values"),
    ],
)
def test_an_invalid_response_is_refused_with_the_reason(tmp_path, text, says):
    with pytest.raises(InputError, match=says):
        read_response(write(tmp_path / "r.csv", text))


def test_a_unit_that_the_header_denies_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"--unit says nm, the header of .* says um"):
        read_response(write_response(tmp_path / "r.csv"), "nm")


def test_a_missing_file_or_one_that_is_no_text_is_reported(tmp_path):
    with pytest.raises(InputNotFoundError, match="does not exist"):
        read_response(tmp_path / "none.csv")
    (tmp_path / "r.xlsx").write_bytes(b"PK\x03\x04\xff\xfe\x00")
    with pytest.raises(InputError, match="is not a text"):
        read_response(tmp_path / "r.xlsx")


@pytest.mark.parametrize(("low", "high", "share"), [(8.0, 14.0, "47%"), (8.13, 8.48, "100%"), (9.8, 10.6, "25%")])
def test_a_response_beyond_the_simulator_is_refused_with_the_reason(tmp_path, low, high, share):
    path = write_response(tmp_path / "camera.csv", low=low, high=high)
    with pytest.raises(InputError, match=f"^{share} of the response .* covers only 760 to 1000 cm-1.*out of scope"):
        read_response(path)


def test_a_noise_floor_beyond_the_simulator_is_cut_and_its_fraction_reported(tmp_path):
    wavelength = np.linspace(9.0, 14.0, 501)
    value = np.where((wavelength > 10.3) & (wavelength < 12.3), 1.0, 0.002)
    rows = "\n".join(f"{w:.2f} {v:.4f}" for w, v in zip(wavelength, value, strict=True))
    found = read_response(write(tmp_path / "r.txt", "um response\n" + rows))
    assert found.outside == pytest.approx((1.0 + 0.85) * 0.002 / 2.0, rel=0.05)
    assert (found.response.wavelength[0], found.response.wavelength[-1]) == (10.0, 13.15)


def test_coarse_cut_off_and_slightly_negative_tables_are_used_with_a_warning(tmp_path):
    found = read_response(write(tmp_path / "r.csv", "um,r\n10.3,0.5\n10.5,1\n10.7,1\n10.9,0.9\n11.1,-0.001\n"))
    warnings = "\n".join(found.warnings)
    assert "negative values, less than 1 % of the peak" in warnings
    assert "coarse: 4 points" in warnings
    assert "cut off at 10.30 um, where the response is still 50%" in warnings
    assert found.response.value.min() == 0.0


def test_the_band_follows_its_response_and_is_known_by_name(tmp_path, user_folder):
    make_custom_sensor(tmp_path, noise=0.12, first_year=1999, last_year=2024)
    band = sensor_band("ASTER-B13")
    assert (band.name, band.is_custom, band.noise, band.first_year, band.wavelength) == (
        "aster-b13",
        True,
        0.12,
        1999,
        10.6,
    )
    exact = exact_band_radiance(load_response("aster-b13"), KELVIN)
    assert np.abs(brightness_temperature(exact, band.planck) - KELVIN).max() < 0.01
    assert band_weights("aster-b13").sum() == pytest.approx(1.0)
    assert "aster-b13" not in sensor_names()


def test_a_definition_that_changes_changes_everything_in_the_same_process(tmp_path, user_folder):
    make_custom_sensor(tmp_path)
    before = band_weights("aster-b13").copy()
    make_custom_models()
    assert custom_models() == ["aster-b13/surface"]
    table = read_response(write_response(tmp_path / "other.csv", low=11.3, high=11.9))
    with pytest.raises(OutputError, match="--overwrite"):
        define_sensor("aster-b13", table, SensorProperties())
    define_sensor("aster-b13", table, SensorProperties(), overwrite=True)
    assert sensor_band("aster-b13").wavelength == pytest.approx(11.6)
    assert band_weights("aster-b13") @ before == 0.0
    assert custom_models() == []  # they were of the other response
    assert sorted(path.name for path in (user_folder / "sensors").iterdir()) == ["aster-b13"]


@pytest.mark.parametrize("name", ["landsat8-b10", "Aster B13", "../x", "", "8um"])
def test_names_that_are_taken_or_no_names_are_refused(tmp_path, user_folder, name):
    table = read_response(write_response(tmp_path / "r.csv"))
    with pytest.raises(InputError, match=r"choose another name|is not a valid sensor name"):
        define_sensor(name, table, SensorProperties())
    assert not user_folder.exists()


@pytest.mark.parametrize("facts", [{"noise": -1.0}, {"noise": float("nan")}, {"noise": 50.0}, {"first_year": 2030}])
def test_facts_that_cannot_be_are_refused(facts):
    with pytest.raises(InputError, match="give"):
        SensorProperties(**facts)


def test_an_unknown_sensor_lists_those_of_the_user_too(tmp_path, user_folder):
    make_custom_sensor(tmp_path)
    for name in ("nothing", "../sensors/aster-b13", "a\0b"):
        with pytest.raises(
            UnknownSensorError, match=r"landsat9-b11, aster-b13; define another with lst-raster sensor new"
        ):
            sensor_band(name)


@pytest.mark.parametrize("text", ["", "[sensor]\ntitle = 3", "no toml", "sensor = 4"])
def test_a_damaged_definition_is_reported(tmp_path, user_folder, text):
    make_custom_sensor(tmp_path)
    (user_folder / "sensors" / "aster-b13" / "sensor.toml").write_text(text)
    with pytest.raises(ConfigError, match="define it again with lst-raster sensor new"):
        sensor_band("aster-b13")


def test_the_users_folder_follows_the_system(monkeypatch, tmp_path):
    monkeypatch.delenv("LST_RASTER_DATA", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "local"))
    monkeypatch.setattr("lst_raster.resources.Path.home", lambda: tmp_path / "home")
    for platform, folder in (
        ("linux", tmp_path),
        ("win32", tmp_path / "local"),
        ("darwin", tmp_path / "home" / "Library" / "Application Support"),
    ):
        monkeypatch.setattr("sys.platform", platform)
        assert user_path("models") == folder / "lst-raster" / "models"
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.delenv("XDG_DATA_HOME")
    assert user_path() == tmp_path / "home" / ".local" / "share" / "lst-raster"


def test_the_commands_define_list_show_and_remove(tmp_path, user_folder, command):
    path = write_response(tmp_path / "b13.csv")
    code, out, _ = command("sensor", "new", "aster-b13", "--response", path, "--title", "ASTER band 13", "--noise", 0.1)
    assert (code, out[0]) == (0, "aster-b13: half power at 10.25 and 10.95 um, 50 points")
    assert out[-1] == "next: lst-raster simulate --sensor aster-b13"
    make_custom_models(tiers=["surface"])
    code, out, _ = command("sensor", "list")
    assert (code, len(out)) == (0, 8)
    assert out[-1].split() == ["aster-b13", "custom", "10.60", "um", "ASTER", "band", "13,", "models:", "surface"]
    _, out, _ = command("sensor", "list", "--json")
    assert [one["name"] for one in json.loads("\n".join(out)) if one["kind"] == "custom"] == ["aster-b13"]
    _, out, _ = command("sensor", "show", "aster-b13", "--json")
    shown = json.loads("\n".join(out))
    assert (shown["wavelength_um"], shown["noise_K"], shown["models"]) == (10.6, 0.1, ["surface"])
    assert command("sensor", "show", "landsat8-b10")[0] == 0
    code, _, err = command("sensor", "remove", "aster-b13")
    assert (code, err) == (
        1,
        ["Error: aster-b13 has trained models (surface); pass --models to remove them too"],
    )
    assert Model.load("aster-b13/surface").contract.sensor == "aster-b13"
    assert command("sensor", "remove", "aster-b13", "--models")[0] == 0
    assert not any(path.is_file() for path in user_folder.rglob("*"))
    code, _, err = command("sensor", "remove", "landsat8-b10")
    assert (code, "not a custom sensor; custom sensors are: none" in err[0]) == (1, True)


def test_a_definition_in_another_folder_is_found_with_it(tmp_path, user_folder, command, monkeypatch):
    path = write_response(tmp_path / "b13.csv")
    code, out, _ = command("sensor", "new", "b13", "--response", path, "--folder", tmp_path / "elsewhere")
    assert (code, out[2]) == (0, f"other commands find it with LST_RASTER_DATA={tmp_path / 'elsewhere'}")
    assert command("sensor", "show", "b13")[0] == 1
    monkeypatch.setenv("LST_RASTER_DATA", str(tmp_path / "elsewhere"))
    assert command("sensor", "show", "b13")[0] == 0


def test_a_folder_that_cannot_be_written_is_reported_and_nothing_stays(tmp_path, user_folder, command):
    user_folder.write_text("a file")
    code, _, err = command("sensor", "new", "b13", "--response", write_response(tmp_path / "b13.csv"))
    assert (code, err[0].startswith("Error: cannot write ")) == (1, True)


def test_warnings_on_the_response_reach_the_user(tmp_path, user_folder, command):
    path = write(tmp_path / "r.csv", "um,r\n10.2,0\n10.4,1\n10.6,1\n10.8,1\n11,0\n")
    code, _, err = command("sensor", "new", "coarse", "--response", path)
    assert (code, [line for line in err if "coarse" in line] != []) == (0, True)
    shutil.rmtree(user_folder)
    assert response_path("landsat8-b10").is_file()


def test_removing_what_is_not_the_users_is_refused(user_folder):
    with pytest.raises(UnknownSensorError, match="custom sensors are: none"):
        remove_sensor("nothing")
