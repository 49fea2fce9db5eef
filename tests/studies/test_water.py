"""Emissivity and skin of water."""

import csv

import numpy as np
import pytest

from examples.studies.lake.error_sources import cool_skin, normal_emissivity
from examples.studies.lake.retrieval import WINDY_COOL_SKIN
from lst_raster.resources import data_path
from lst_raster.sensors.response import load_response
from tests.support.shared import shared_path


def water_index():
    path = data_path("water", "refractive_index.csv")
    return np.loadtxt(path, delimiter=",", skiprows=1, unpack=True)


@pytest.fixture(params=["numpy", "torch"])
def array(request):
    if request.param == "numpy":
        return lambda values: np.asarray(values, dtype=np.float64)
    import torch

    return lambda values: torch.tensor(values, dtype=torch.float64)


def test_emissivity_limits_for_refractive_index_one_and_perfect_reflection(array):
    assert float(normal_emissivity(array(1.0), array(0.0))) == 1.0
    assert float(normal_emissivity(array(1.0), array(1e6))) < 1e-6
    assert float(normal_emissivity(array(1.5), array(0.0))) == pytest.approx(0.96)  # glass: 4 % at each face


@pytest.mark.parametrize(("column", "sensor"), [("eps_L7", "landsat7-b6"), ("eps_L8", "landsat8-b10")])
def test_the_emissivity_of_water_agrees_with_measured_spectra(column, sensor):
    path = shared_path("data", "emissivity", "ecostress_band_emissivity_index.csv")
    with path.open(newline="") as file:
        measured = [float(row[column]) for row in csv.DictReader(file) if row["name"] == "Distilled Water"]
    wavelength, index, absorption = water_index()
    response = load_response(sensor)
    found = response.mean(np.interp(response.wavelength, wavelength, normal_emissivity(index, absorption)))
    assert len(measured) == 1
    assert float(found) == pytest.approx(measured[0], abs=0.004)  # two laboratories: 0.2 K


def test_the_cool_skin_decreases_with_wind_to_its_value_above_6_metres_per_second(array):
    wind = array([0.0, 2.0, 6.0, 10.0, 30.0])
    found = np.asarray(cool_skin(wind))
    assert np.all(np.diff(found) < 0.0)
    assert found[0] == pytest.approx(0.44)
    assert np.all(np.abs(found[3:] - WINDY_COOL_SKIN) < 0.07)  # the spread that Donlon et al. give


def test_air_temperatures_over_the_lake_are_in_kelvin_with_one_row_per_day():
    with data_path("lake_sunapee", "air.csv").open() as file:
        rows = list(csv.DictReader(file))
    temperature = np.array([float(row["air_temperature_K"]) for row in rows])
    assert len({row["date"] for row in rows}) == len(rows) == 42
    assert 265.0 < temperature.min() < temperature.max() < 300.0
