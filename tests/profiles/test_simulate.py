"""The command that simulates a file of profiles."""

import h5netcdf
import numpy as np
import pytest
import xarray as xr
from click.testing import CliRunner

from lst_raster.cli.simulate import simulate as command
from lst_raster.errors import CancelledError, InputError, InputNotFoundError, OutputError
from lst_raster.profiles.simulate import RESULTS, SimulationOptions, simulate_file
from lst_raster.profiles.simulated_set import read_simulated
from lst_raster.simulator.band_simulation import GROUND, effective_average, simulate_spectrum
from tests.simulator.test_transfer import make_column

SENSOR = "landsat8-b10"


@pytest.fixture
def profiles(tmp_path):
    """Three profiles of rising humidity, the second over high ground, the third upside down."""
    humidities = (0.003, 0.009, 0.015)
    columns = [make_column(280.0 + 10 * index, humidity) for index, humidity in enumerate(humidities)]
    data = {
        name: (("profile", "level"), np.array([getattr(column, name) for column in columns]), {"units": unit})
        for name, unit in (("pressure", "hPa"), ("air_temperature", "K"), ("specific_humidity", "kg kg-1"))
    }
    data["surface_pressure"] = ("profile", [1000.0, 800.0, 1000.0], {"units": "hPa"})
    data["surface_temperature"] = ("profile", [281.0, 291.0, 301.0], {"units": "K"})
    dataset = xr.Dataset(data)
    for name in ("pressure", "air_temperature", "specific_humidity"):
        dataset[name][2] = dataset[name].values[2, ::-1]
    path = tmp_path / "profiles.nc"
    dataset.to_netcdf(path, engine="h5netcdf")
    return path


def test_a_file_of_profiles_becomes_a_simulated_set_with_units_and_sources(profiles, tmp_path):
    target = tmp_path / "out.nc"
    result = CliRunner().invoke(command, [str(profiles), "--sensor", SENSOR, "-o", str(target)])
    assert result.exit_code == 0, result.output
    simulated = read_simulated(target)
    assert simulated.sensor == SENSOR and len(simulated) == 3
    assert simulated.transmittance[2] < simulated.transmittance[0]
    assert simulated.water_vapour[2] > simulated.water_vapour[1] > simulated.water_vapour[0]
    assert simulated.surface_pressure.tolist() == [1000.0, 800.0, 1000.0]
    assert simulated.surface_temperature.tolist() == [281.0, 291.0, 301.0]
    with h5netcdf.File(target) as file:
        assert {name: file.variables[name].attrs["units"] for name in RESULTS} == {
            name: unit for name, (unit, _) in RESULTS.items()
        }
        assert "MT_CKD 4.3" in file.attrs["spectroscopy"] and file.attrs["lst_raster_version"]


def test_the_file_gives_what_the_simulator_gives_for_each_profile(profiles, tmp_path):
    simulate_file(profiles, {SENSOR: tmp_path / "out.nc"})
    simulated = read_simulated(tmp_path / "out.nc")
    ground = 300.0 + GROUND[0], 300.0 + GROUND[1]
    single = effective_average(simulate_spectrum(make_column(300.0, 0.015)), SENSOR, ground)
    assert simulated.transmittance[2] == pytest.approx(single.transmittance, rel=1e-5)
    assert simulated.downwelling_radiance[2] == pytest.approx(single.downwelling_radiance, rel=1e-5)


def test_drawn_unknowns_differ_by_profile_and_repeat_by_seed(profiles, tmp_path):
    sets = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        simulate_file(profiles, {SENSOR: tmp_path / f"{name}.nc"}, SimulationOptions(vary_seed=seed))
        sets.append(read_simulated(tmp_path / f"{name}.nc"))
    assert np.unique(sets[0].aerosol_optical_depth).size == 3
    assert np.array_equal(sets[0].transmittance, sets[1].transmittance)
    assert not np.array_equal(sets[0].transmittance, sets[2].transmittance)


def test_a_stopped_run_leaves_nothing(profiles, tmp_path):
    with pytest.raises(CancelledError):
        simulate_file(profiles, {SENSOR: tmp_path / "out.nc"}, progress=lambda done, total: False)
    assert [path.name for path in tmp_path.iterdir()] == ["profiles.nc"]


def change(path, **changes):
    """Write the profiles again with changed variables; None drops one."""
    with xr.open_dataset(path, engine="h5netcdf") as dataset:
        changed = dataset.load()
    for name, values in changes.items():
        changed = changed.drop_vars(name) if values is None else changed.assign({name: values(changed[name])})
    changed.to_netcdf(path, engine="h5netcdf")


def celsius(temperature):
    result = temperature - 273.15
    result.attrs["units"] = "degC"
    return result


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"specific_humidity": None}, "no variable specific_humidity"),
        ({"air_temperature": celsius}, "air_temperature of .* is in degC; convert it to K"),
        ({"surface_pressure": lambda pressure: pressure * 100.0}, "profile 0: surface pressure 100000 is not in hPa"),
        ({"pressure": lambda pressure: pressure * np.nan}, "profile 0: the profile has no level"),
    ],
)
def test_bad_profiles_are_refused_with_what_was_found(profiles, tmp_path, changes, message):
    change(profiles, **changes)
    with pytest.raises(InputError, match=message):
        simulate_file(profiles, {SENSOR: tmp_path / "out.nc"})
    assert [path.name for path in tmp_path.iterdir()] == ["profiles.nc"]


def test_files_that_cannot_be_read_or_written_are_named(profiles, tmp_path):
    with pytest.raises(InputNotFoundError, match=r"absent\.nc not found"):
        simulate_file(tmp_path / "absent.nc", {SENSOR: tmp_path / "out.nc"})
    text = tmp_path / "text.nc"
    text.write_text("not NetCDF")
    with pytest.raises(InputError, match="not a NetCDF-4 file"):
        simulate_file(text, {SENSOR: tmp_path / "out.nc"})
    with pytest.raises(OutputError, match="cannot write"):
        simulate_file(profiles, {SENSOR: tmp_path / "no_folder" / "out.nc"})


def test_an_existing_output_is_kept_unless_told_otherwise(profiles, tmp_path):
    target = tmp_path / "out.nc"
    target.write_text("mine")
    with pytest.raises(OutputError, match="--overwrite"):
        CliRunner().invoke(command, [str(profiles), "--sensor", SENSOR, "-o", str(target)], catch_exceptions=False)
    assert target.read_text() == "mine"


def test_one_run_serves_several_sensors_and_gives_each_what_a_run_of_its_own_gives(profiles, tmp_path):
    folder = tmp_path / "sets"
    folder.mkdir()
    arguments = [str(profiles), "--sensor", SENSOR, "--sensor", "landsat9-b11", "-o", str(folder)]
    result = CliRunner().invoke(command, arguments)
    assert result.exit_code == 0, result.output
    assert {path.name for path in folder.iterdir()} == {"landsat8-b10_profiles.nc", "landsat9-b11_profiles.nc"}
    simulate_file(profiles, {"landsat9-b11": tmp_path / "alone.nc"})
    together, alone = read_simulated(folder / "landsat9-b11_profiles.nc"), read_simulated(tmp_path / "alone.nc")
    assert np.array_equal(together.transmittance, alone.transmittance)
    assert together.sensor == alone.sensor == "landsat9-b11"
