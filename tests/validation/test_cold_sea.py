"""Retrieval over cold sea compared with MODTRAN 4 and libRadtran, water vapour given and all else from the climatology.

The runs are off West Antarctica, in months of an unstated year; date and place of the climatology are the 15th of the
month in 2018, 72 degrees south and 110 degrees west, at sea level. Their profiles are known: those of ERA5 with the
numbers of the rows, of which 200 are in the profile library. The simulator, with these profiles, is compared too.
"""

import csv
import gzip
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

import lst_raster
from examples.studies.points import climatological_inputs, retrieve
from lst_raster.inference.model import Model
from lst_raster.physics.error_metrics import coverage
from lst_raster.physics.planck import band_radiance
from lst_raster.physics.radiative_transfer import surface_temperature
from lst_raster.sensors.bands import sensor_band
from lst_raster.simulator.atmosphere import column, layers
from lst_raster.simulator.band_simulation import effective_average, simulate_spectrum
from lst_raster.simulator.gases import Composition
from tests.support.shared import shared_path

SENSOR = "landsat8-b10"
LATITUDE, LONGITUDE = -72.0, -110.0
EMISSIVITY = 0.993  # of the runs, inferred
VAPOUR = (0.0, 3.0, 6.0, 10.0, 21.0)  # limits of the classes [kg m-2]
PAGE = Path(lst_raster.__file__).parents[1] / "docs" / "science" / "simulator.md"
WITHOUT_AEROSOL = {"aerosol_optical_depth": 0.0, "aerosol_optical_depth_uncertainty": 0.0}


@pytest.fixture(scope="module")
def runs():
    """Columns of the table as arrays, NaN for empty cells, without the ten rows that have no water vapour."""
    with gzip.open(shared_path("oracle", "modtran_polar_sea_l8b10.csv.gz"), "rt", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["tcwv_cm"]]
    return {name: np.array([float(row[name] or "nan") for row in rows]) for name in rows[0]}


def statistics(runs, brightness, **inputs):
    """Bias, standard deviation [K], number and coverage of the retrieved sea surface temperature by class of vapour."""
    month = runs["month"].astype(int)
    date = np.array([f"2018-{number:02d}-15" for number in month], "datetime64[D]")
    known = climatological_inputs(LATITUDE, LONGITUDE, 0.0, date)
    known |= {"water_vapour": 10.0 * runs["tcwv_cm"], "water_vapour_uncertainty": 0.0, **inputs}
    radiance = band_radiance(brightness, sensor_band(SENSOR).planck)
    found = retrieve(Model.load(f"{SENSOR}/surface", graph="atmosphere"), radiance, EMISSIVITY, known)
    return by_vapour(found.temperature - runs["sst_K"], known["water_vapour"], found.from_atmosphere)


def by_vapour(error, vapour, uncertainty):
    """Mean, standard deviation [K], number and coverage of errors by class of water vapour."""
    classes = []
    for low, high in pairwise(VAPOUR):
        inside = (vapour >= low) & (vapour < high) & np.isfinite(error)
        part = error[inside]
        within = coverage(part, uncertainty[inside])
        classes.append((part.mean(), part.std(), part.size, within) if part.size else (np.nan, np.nan, 0, None))
    return classes


@pytest.fixture(scope="module")
def tables(runs):
    modtran, libradtran = runs["toa_bt_K"], runs["lrt_bt_K"]
    return {
        "MODTRAN": statistics(runs, modtran),
        "MODTRAN, aerosol 0.035 given": statistics(runs, modtran, aerosol_optical_depth=0.035),
        "libRadtran, no aerosol given": statistics(runs, libradtran, **WITHOUT_AEROSOL),
    }


def test_the_sea_surface_temperature_of_modtran_is_found_in_every_class_of_water_vapour(tables):
    assert [count for _, _, count, _ in tables["MODTRAN"]] == [2163, 5811, 6048, 2282]
    for bias, deviation, _, _ in tables["MODTRAN"]:
        assert abs(bias) <= 0.3
        assert deviation <= 0.4


def test_the_sea_surface_temperature_of_libradtran_is_found_in_every_class_of_water_vapour(tables):
    assert [count for _, _, count, _ in tables["libRadtran, no aerosol given"]] == [0, 768, 1829, 659]
    for bias, deviation, _, _ in tables["libRadtran, no aerosol given"][1:]:
        assert abs(bias) <= 0.4
        assert deviation <= 0.4


def test_more_aerosol_gives_a_higher_temperature_where_the_air_is_colder_than_the_sea(tables):
    classes = zip(tables["MODTRAN"], tables["MODTRAN, aerosol 0.035 given"], strict=True)
    change = [more[0] - default[0] for default, more in classes]
    assert all(0.03 < value < 0.2 for value in change[:3])
    assert abs(change[3]) < 0.05  # humid air is as warm as the sea


@pytest.fixture(scope="module")
def simulations(runs):
    """The same with the simulator and the profile of the run in place of the model, for some rows of four months."""
    profiles = np.load(shared_path("data", "profiles", "era5_west_antarctic_sea.npz"))
    planck, absorbers = sensor_band(SENSOR).planck, Composition().absorbers
    codes = {
        "MODTRAN, simulator": ("toa_bt_K", Composition()),
        "libRadtran, simulator without minor gases": (
            "lrt_bt_K", Composition(absorbers=absorbers - {"minor_gases", "aerosol"}),
        ),
    }  # fmt: skip
    found = {name: [] for name in codes}
    rows = []
    for month in (1, 4, 7, 11):
        of_month = np.flatnonzero((runs["month"] == month) & (runs["idx"] < len(profiles[f"m{month:02d}"])))
        by_humidity = of_month[np.argsort(runs["tcwv_cm"][of_month], kind="stable")]
        rows += list(by_humidity[np.linspace(0, by_humidity.size - 1, 18).astype(int)])
    for row in rows:
        levels = profiles[f"m{int(runs['month'][row]):02d}"][int(runs["idx"][row])].astype(float)[::-1]
        _, pressure, temperature, humidity = levels.T  # the first is the altitude; from the ground up
        profile = column(
            pressure, temperature, humidity,
            surface_pressure=pressure[0], air_temperature_2m=temperature[0], specific_humidity_2m=humidity[0],
        )  # fmt: skip
        assert layers(profile).water_vapour == pytest.approx(10.0 * runs["tcwv_cm"][row], rel=0.02)
        for name, (brightness, composition) in codes.items():
            air = effective_average(simulate_spectrum(profile, composition), SENSOR, (265.0, 285.0))
            terms = air.transmittance, air.upwelling_radiance, air.downwelling_radiance
            radiance = band_radiance(runs[brightness][row], planck)
            found[name].append(surface_temperature(radiance, EMISSIVITY, *terms, planck) - runs["sst_K"][row])
    vapour = 10.0 * runs["tcwv_cm"][rows]
    return {name: by_vapour(np.array(error), vapour, np.ones_like(vapour)) for name, error in found.items()}


@pytest.mark.slow
def test_the_simulator_agrees_with_both_codes_for_the_same_profiles(simulations):
    for classes in simulations.values():
        for bias, deviation, count, _ in classes:
            assert count == 0 or (abs(bias) <= 0.3 and deviation <= 0.2)
    check_page(simulations)


def test_the_page_has_these_figures(tables):
    check_page(tables)


def check_page(tables):
    lines = [line.strip("| ").split(" | ") for line in PAGE.read_text(encoding="utf-8").splitlines()]
    for name, classes in tables.items():
        cells = next(line[1:] for line in lines if line[0] == name)
        for cell, (bias, deviation, _, _) in zip(cells, classes, strict=True):
            if cell != "-":
                assert [float(number) for number in cell.split(" ± ")] == pytest.approx([bias, deviation], abs=0.011)
            else:
                assert np.isnan(bias)
