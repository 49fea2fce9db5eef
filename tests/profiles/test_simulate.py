"""The command that simulates a file of profiles."""

import h5netcdf
import h5py
import numpy as np
import pytest
import xarray as xr
from click.testing import CliRunner

from lst_raster.cli.sensor import simulate as command
from lst_raster.errors import CancelledError, InputError, InputNotFoundError, OutputError
from lst_raster.profiles.profile_sets import library_path, open_profiles, read_profiles, write_profiles
from lst_raster.profiles.simulate import RESULTS, SimulationOptions, check_profiles, simulate_file, subsample
from lst_raster.profiles.simulated_set import read_simulated
from lst_raster.simulator.band_simulation import SURFACE_OFFSETS, effective_average, simulate_spectrum
from tests.simulator.test_band_simulation import make_column
from tests.support.reanalysis_files import write_reanalysis

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


@pytest.mark.slow
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


@pytest.mark.slow
@pytest.mark.parametrize("form", [str, object])
def test_weight_and_source_of_profiles_survive_the_simulation(profiles, tmp_path, form):
    names = np.array(["GFS 2011-01-15", "NCEP mean June", "GFS 2011-01-15"], form)
    with xr.open_dataset(profiles, engine="h5netcdf") as dataset:
        marked = dataset.load().assign(
            weight=("profile", [1.5, 0.3, 1.0]), land=("profile", np.int8([1, -1, 0])), source=("profile", names)
        )
    if form is object:  # strings of any length, as xarray writes them
        marked.to_netcdf(profiles, engine="h5netcdf")
    else:
        write_profiles(marked, profiles)
    simulate_file(profiles, {SENSOR: tmp_path / "out.nc"})
    simulated = read_simulated(tmp_path / "out.nc")
    assert simulated.weight.tolist() == pytest.approx([1.5, 0.3, 1.0])
    assert simulated.profile_source.tolist() == names.tolist() and simulated.land.tolist() == [1, -1, 0]
    assert simulated.select(np.array([False, True, False])).profile_source.tolist() == ["NCEP mean June"]
    with h5netcdf.File(tmp_path / "out.nc") as file:
        variable = file.variables["profile_source"]
        assert variable.attrs["flag_meanings"] == "GFS_2011-01-15 NCEP_mean_June"
        assert variable.attrs["flag_values"].tolist() == [0, 1] and variable[...].tolist() == [0, 1, 0]


@pytest.mark.slow
def test_the_file_gives_what_the_simulator_gives_for_each_profile(profiles, tmp_path):
    simulate_file(profiles, {SENSOR: tmp_path / "out.nc"})
    simulated = read_simulated(tmp_path / "out.nc")
    ground = 300.0 + SURFACE_OFFSETS[0], 300.0 + SURFACE_OFFSETS[1]
    single = effective_average(simulate_spectrum(make_column(300.0, 0.015)), SENSOR, ground)
    assert simulated.transmittance[2] == pytest.approx(single.transmittance, rel=1e-5)
    assert simulated.downwelling_radiance[2] == pytest.approx(single.downwelling_radiance, rel=1e-5)


@pytest.mark.slow
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


def in_unit(units, factor, offset=0.0):
    """Write the values of a variable in another unit."""
    return lambda values: (values * factor + offset).assign_attrs(units=units)


@pytest.mark.slow
def test_profiles_in_other_units_are_converted(profiles, tmp_path):
    simulate_file(profiles, {SENSOR: tmp_path / "a.nc"})
    kept = read_profiles(profiles)
    change(
        profiles, pressure=in_unit("Pa", 100.0), surface_pressure=in_unit("mbar", 1.0),
        air_temperature=in_unit("degC", 1.0, -273.15), specific_humidity=in_unit("g/kg", 1000.0),
        surface_temperature=in_unit("degrees_C", 1.0, -273.15),
    )  # fmt: skip
    simulate_file(profiles, {SENSOR: tmp_path / "b.nc"})
    a, b = (read_simulated(tmp_path / name) for name in ("a.nc", "b.nc"))
    for name in ("transmittance", "water_vapour", "surface_pressure"):
        np.testing.assert_allclose(getattr(b, name), getattr(a, name), rtol=1e-6)
    with xr.open_dataset(tmp_path / "b.nc", engine="h5netcdf") as made:
        np.testing.assert_allclose(made["surface_temperature"], kept["surface_temperature"])
        assert made["surface_temperature"].attrs["units"] == "K"
    found = read_profiles(profiles)
    for name in ("pressure", "surface_pressure", "air_temperature", "specific_humidity", "surface_temperature"):
        np.testing.assert_allclose(found[name], kept[name], rtol=1e-12)
        assert found[name].attrs["units"] in (kept[name].attrs["units"], "mbar")


def test_profiles_of_a_unit_that_is_not_known_are_refused_by_all_who_read_them(profiles):
    change(profiles, air_temperature=in_unit("rankine", 1.8))
    with pytest.raises(InputError, match=r"air_temperature of .* has the unit 'rankine', which is not one of K, degC"):
        read_profiles(profiles)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"specific_humidity": None}, "no variable specific_humidity"),
        ({"air_temperature": in_unit("rankine", 1.8)}, "air_temperature of .* 'rankine', .* convert the values to K"),
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
    with pytest.raises(InputError, match=r"text\.nc cannot be read as netCDF"):
        simulate_file(text, {SENSOR: tmp_path / "out.nc"})
    with pytest.raises(OutputError, match="cannot write"):
        simulate_file(profiles, {SENSOR: tmp_path / "no_folder" / "out.nc"})


def test_an_existing_output_is_kept_unless_told_otherwise(profiles, tmp_path):
    target = tmp_path / "out.nc"
    target.write_text("mine")
    with pytest.raises(OutputError, match="--overwrite"):
        CliRunner().invoke(command, [str(profiles), "--sensor", SENSOR, "-o", str(target)], catch_exceptions=False)
    assert target.read_text() == "mine"


@pytest.mark.slow
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


def written_by_netcdf4(dataset, path):
    """Texts of fixed length, which h5netcdf gives as bytes."""
    pytest.importorskip("netCDF4", reason="needs the extra dev")
    dataset.to_netcdf(path, engine="netcdf4")


def written_by_h5py(dataset, path, text=np.bytes_, transposed=False):
    """Plain HDF5, without names of dimensions."""
    with h5py.File(path, "w") as file:
        for name, variable in dataset.variables.items():
            file[name] = variable.values.T if transposed else variable.values
            for key, value in variable.attrs.items():
                file[name].attrs[key] = text(value)


def written_as_by_matlab(dataset, path):
    """Columns first, texts as arrays of one element that ends with NUL."""
    written_by_h5py(dataset, path, lambda value: np.array([value.encode() + b"\0"], "S12"), transposed=True)


def written_as_by_fortran(dataset, path):
    """Texts as arrays of single characters, filled with blanks."""
    written_by_h5py(dataset, path, lambda value: np.frombuffer(value.ljust(10).encode(), "S1"))


def written_as_by_matlab_netcdf(dataset, path):
    """Named dimensions in the order of columns."""
    dataset.transpose().to_netcdf(path, engine="h5netcdf")


WRITERS = {
    "netCDF4": written_by_netcdf4,
    "netCDF 3 by scipy": lambda dataset, path: dataset.to_netcdf(path, engine="scipy"),
    "packed": lambda dataset, path: dataset.to_netcdf(
        path, engine="h5netcdf", encoding={"surface_pressure": {"dtype": "i2", "scale_factor": 0.5, "_FillValue": -9}}
    ),
    "h5py": written_by_h5py,
    "MATLAB": written_as_by_matlab,
    "MATLAB's netCDF": written_as_by_matlab_netcdf,
    "Fortran": written_as_by_fortran,
}


@pytest.mark.slow
@pytest.mark.parametrize("columns", [False, True], ids=["all", "some columns"])
@pytest.mark.parametrize("writer", WRITERS)
def test_profiles_of_every_writer_are_read_as_those_of_h5netcdf(profiles, tmp_path, writer, columns):
    with xr.open_dataset(profiles, engine="h5netcdf") as dataset:
        expected = dataset.load()
    expected["specific_humidity_2m"] = expected["specific_humidity"][:, 0].assign_attrs(units="kg kg-1")
    other = tmp_path / "other.nc"
    WRITERS[writer](expected, other)
    if columns:
        with subsample(other, 2) as chosen, open_profiles(chosen) as few:
            assert few["surface_pressure"].values.tolist() == [800.0, 1000.0]
    else:
        with open_profiles(other) as found:
            assert check_profiles(other, found) == 3
            for name, variable in expected.variables.items():
                np.testing.assert_array_equal(found[name].values, variable.values)
                assert found[name].attrs["units"] == variable.attrs["units"]


@pytest.mark.slow
def test_a_file_that_xarray_writes_by_default_is_simulated_as_any_other(profiles, tmp_path):
    with xr.open_dataset(profiles, engine="h5netcdf") as dataset:
        written_by_netcdf4(dataset.load().assign(land=("profile", np.int8([0, 1, 0]))), tmp_path / "other.nc")
    for name in (profiles, tmp_path / "other.nc"):
        simulate_file(name, {SENSOR: tmp_path / f"out_{name.name}"})
    first, second = (read_simulated(tmp_path / f"out_{name}.nc") for name in ("profiles", "other"))
    np.testing.assert_array_equal(first.transmittance, second.transmittance)
    assert second.land.tolist() == [0, 1, 0]


def test_variables_of_unlike_shapes_are_refused(profiles, tmp_path):
    change(profiles, surface_pressure=lambda pressure: ("other", np.full(5, 1000.0), {"units": "hPa"}))
    with pytest.raises(
        InputError, match=r"surface_pressure of .* has shape \(5,\), pressure \(3, \d+\); write it \(3,"
    ):
        simulate_file(profiles, {SENSOR: tmp_path / "out.nc"})


@pytest.mark.parametrize("columns", [[], ["--columns", "50"]], ids=["all", "some columns"])
def test_a_reanalysis_is_not_taken_for_profiles(tmp_path, columns):
    path = write_reanalysis(tmp_path / "era5.nc", {"tcwv": np.ones((3, 4, 5))}, latitude=range(4), longitude=range(5))
    result = CliRunner().invoke(command, [str(path), "--sensor", SENSOR, "-o", str(tmp_path / "out.nc"), *columns])
    assert isinstance(result.exception, InputError) and "has no variable pressure" in str(result.exception)


def test_a_damaged_file_of_profiles_is_told_and_nothing_is_written(tmp_path):
    path = tmp_path / "damaged.nc"
    damaged = bytearray(library_path().read_bytes())
    with h5py.File(library_path()) as file:
        chunk = file["air_temperature"].id.get_chunk_info(0)
    damaged[chunk.byte_offset + chunk.size // 2] ^= 1
    path.write_bytes(damaged)
    for attempt in (lambda: simulate_file(path, {SENSOR: tmp_path / "out.nc"}), lambda: read_profiles(path)):
        with pytest.raises(InputError, match=r"damaged\.nc cannot be read"):
            attempt()
    assert [path.name for path in tmp_path.iterdir()] == ["damaged.nc"]
