"""One emissivity for a band against the spectrum under the integral: the study, its limits, and what its page says."""

import csv
import json

import numpy as np
import pytest
from click.testing import CliRunner
from scipy.integrate import simpson

from examples.studies.columns import column_of
from examples.studies.spectra.report import row, write
from examples.studies.spectra.study import GROUND_EXCESS, PARTS, choose, run
from lst_raster.cli.training import build
from lst_raster.errors import CancelledError, InputError, InputNotFoundError, OutputError
from lst_raster.inputs.emissivity.spectra import EmissivitySpectra, packaged_spectra, read_spectra
from lst_raster.physics.constants import C1, C2
from lst_raster.physics.planck import brightness_temperature
from lst_raster.profiles.profile_sets import library_path, read_profiles, water_vapour
from lst_raster.resources import data_path
from lst_raster.sensors.bands import sensor_band
from lst_raster.sensors.response import load_response
from lst_raster.simulator.band_simulation import band_average, effective_average, simulate_spectrum
from tests.support.shared import shared_path

WAVELENGTH = np.linspace(9.9, 13.3, 200)
SENSORS = ("landsat5-b6", "landsat7-b6", "landsat8-b10", "landsat9-b11")


def made_spectra() -> EmissivitySpectra:
    """Two grey ones, and one that rises along the band as quartz does."""
    rising = 0.80 + 0.15 * (WAVELENGTH - 9.9) / 3.4
    emissivity = np.stack([np.full(200, 0.97), np.full(200, 0.60), rising])
    return EmissivitySpectra(
        wavelength=WAVELENGTH, emissivity=emissivity, names=("g97", "g60", "r"), kinds=("grey", "grey", "rising")
    )


@pytest.fixture(scope="module")
def library():
    return read_profiles(library_path())


@pytest.fixture(scope="module")
def made(library):
    return run(spectra=made_spectra(), profiles=library, per_class=1)


@pytest.fixture(scope="module")
def study(library):
    return run(profiles=library)


def test_atmospheres_are_unperturbed_over_land_from_dry_to_humid(library):
    chosen = choose(library, 5)
    vapour = water_vapour(library)[chosen]
    assert len(set(chosen)) == 30
    assert (np.diff(vapour) > 0.0).all()
    assert vapour[0] < 2.0
    assert vapour[-1] > 50.0
    assert (library["land"].values[chosen] == 1).all()
    assert (library["perturbation"].values[chosen] == 0).all()


def test_a_grey_spectrum_has_no_spectral_error(made):
    grey = made.spectral[..., :2]
    assert grey.size == 7 * 6 * 3 * 2
    assert np.abs(grey).max() < 1e-3
    assert np.abs(made.spectral[..., 2]).max() > 0.1  # the rising one has


@pytest.mark.parametrize("sensor", SENSORS)
def test_a_synthetic_spectrum_gives_the_error_of_an_independent_integral(made, library, sensor):
    number = len(made.profiles) - 2
    spectrum = simulate_spectrum(column_of(library, made.profiles[number]))
    response = load_response(sensor)
    points = 1e4 / (760.0 + 0.01 * (np.arange(24000) + 0.5))
    inside = (points >= response.wavelength[0]) & (points <= response.wavelength[-1])
    points, parts = (
        points[inside][::-1],
        [
            part[inside][::-1].astype(float)
            for part in (spectrum.transmittance, spectrum.upwelling, spectrum.downwelling)
        ],
    )
    weight = np.interp(points, response.wavelength, response.value)

    def mean(values):
        """Over the response, by Simpson's rule in wavelength; the package sums in wavenumber."""
        return simpson(values * weight, x=points) / simpson(weight, x=points)

    def planck(temperature):
        return C1 / points**5 / np.expm1(C2 / (points * temperature))

    emissivity = np.interp(points, WAVELENGTH, made_spectra().emissivity[2])
    band_emissivity = mean(emissivity * planck(300.0)) / mean(planck(300.0))
    assert made.band_emissivity[made.sensors.index(sensor), 2] == pytest.approx(band_emissivity, abs=2e-5)
    averages = [mean(part) for part in parts]
    for excess, spectral, by_equation in zip(
        GROUND_EXCESS,
        made.spectral[made.sensors.index(sensor), number, :, 2],
        made.band_equation[made.sensors.index(sensor), number, :, 2],
        strict=True,
    ):
        ground = made.air_temperature[number] + excess
        found = []
        for one in (emissivity, band_emissivity):
            seen = mean(parts[0] * (one * planck(ground) + (1.0 - one) * parts[2]) + parts[1])
            reflected = averages[0] * (1.0 - band_emissivity) * averages[2]
            black_body = (seen - averages[1] - reflected) / (averages[0] * band_emissivity)
            found.append(brightness_temperature(black_body, sensor_band(sensor).planck))
        assert spectral == pytest.approx(found[0] - found[1], abs=2e-3)
        assert by_equation == pytest.approx(found[1] - ground, abs=5e-3)


def test_effective_terms_have_a_small_error_where_plain_averages_have_half_a_kelvin(study):
    for sensor in study.sensors:
        plain, effective = (row(study, part, sensor, vapour="50+") for part in PARTS[1:])
        assert abs(effective.bias) < 0.05
        assert effective.rmse < 0.05
        if sensor in ("landsat5-b6", "landsat7-b6"):
            assert 0.4 < plain.bias < 0.7
    assert abs(row(study, "band equation", "landsat8-b10").bias) < 0.05


def test_effective_terms_equal_plain_averages_without_variation_in_the_band(library):
    spectrum = simulate_spectrum(column_of(library, choose(library, 1)[-1]))
    flat = type(spectrum)(
        transmittance=np.full_like(spectrum.transmittance, 0.5),
        upwelling=spectrum.upwelling,
        downwelling=spectrum.downwelling,
    )
    plain, effective = band_average(flat, "landsat7-b6"), effective_average(flat, "landsat7-b6", (290.0, 310.0))
    assert effective.transmittance == pytest.approx(0.5, rel=1e-6)
    assert effective.upwelling_radiance == pytest.approx(plain.upwelling_radiance, rel=1e-5)
    assert effective.downwelling_radiance == pytest.approx(plain.downwelling_radiance, rel=1e-5)


def test_a_single_emissivity_adds_hundredths_of_a_kelvin_in_band_10_and_a_tenth_in_band_6(study):
    assert row(study, "spectral", "landsat8-b10").rmse < 0.02
    assert row(study, "spectral", "landsat9-b10").rmse < 0.02
    assert 0.05 < row(study, "spectral", "landsat5-b6").rmse < 0.10
    assert 0.05 < row(study, "spectral", "landsat7-b6").rmse < 0.10
    assert row(study, "spectral", "landsat5-b6", kind="metal").largest > 2.0


def test_the_page_has_the_figures_of_the_study(study):
    page = (data_path().parents[1] / "docs" / "science" / "spectral_emissivity.md").read_text(encoding="utf-8")
    lines = {tuple(line.strip("| ").split(" | ")) for line in page.splitlines() if line.startswith("| landsat")}
    classes = ("all", "0-10", "10-20", "20-30", "30-40", "40-50", "50+")
    for part, statistic, digits in (("spectral", "rmse", 3), ("band equation", "bias", 2)):
        for sensor in study.sensors:
            values = [getattr(row(study, part, sensor, vapour=vapour), statistic) for vapour in classes]
            near = [
                line
                for line in lines
                if line[0] == sensor
                and len(line) == 8
                and np.allclose([float(cell) for cell in line[1:]], values, atol=1.1 * 10.0**-digits)
            ]
            assert near, (part, sensor, values)


def test_a_study_is_written_as_tables_numbers_and_pictures(made, tmp_path):
    paths = write(made, tmp_path)
    assert [path.name for path in paths] == [
        *(f"spectral_emissivity.{kind}" for kind in ("csv", "json", "md", "png")), "band_equation.png",
    ]  # fmt: skip
    with paths[0].open(newline="") as file:
        table = list(csv.DictReader(file))
    found = json.loads(paths[1].read_text())
    assert len(table) == len(found["rows"]) > 100
    assert float(table[0]["rmse_K"]) == pytest.approx(found["rows"][0]["rmse"], abs=1e-4)
    assert {one["name"] for one in found["materials"]} == {"g97", "g60", "r"}
    assert "| landsat8-b10 |" in paths[2].read_text()
    again = write(made, tmp_path)
    assert [path.read_bytes() for path in again] == [path.read_bytes() for path in paths]
    with pytest.raises(OutputError, match="not an existing folder"):
        write(made, tmp_path / "none")


def test_progress_is_reported_and_can_cancel(library):
    seen = []
    with pytest.raises(CancelledError, match="1 of 6"):
        run(lambda done, total: bool(seen.append((done, total))), spectra=made_spectra(), profiles=library, per_class=1)
    assert seen == [(1, 6)]


def test_the_packaged_spectra_are_those_of_the_library_within_the_bands(tmp_path):
    source = shared_path("data", "emissivity", "slum_ir.csv")
    result = CliRunner().invoke(
        build, ["spectra", str(source), "-o", str(tmp_path / "slum.csv")], catch_exceptions=False
    )
    assert result.exit_code == 0
    assert (tmp_path / "slum.csv").read_bytes() == data_path("emissivity", "slum.csv").read_bytes()
    whole, packaged = read_spectra(source), packaged_spectra()
    assert packaged.names == whole.names
    assert packaged.kinds.count("metal") == 8
    assert "other" not in packaged.kinds
    points = np.linspace(10.0, 13.15, 500)
    assert np.abs(packaged.at(points) - whole.at(points)).max() < 2e-4


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not a table"),
        ("wavelength,a\n10,0.9\n11,none\n", "not a table of numbers"),
        ("wavelength,a\n11,0.9\n10,0.9\n", "are not ascending"),
        ("wavelength,a\n10,95\n11,96\n", "fractions"),
    ],
)
def test_an_invalid_table_of_spectra_is_refused(tmp_path, text, message):
    path = tmp_path / "spectra.csv"
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        read_spectra(path)


def test_a_missing_table_and_spectra_that_are_too_short_are_reported(tmp_path, library):
    with pytest.raises(InputNotFoundError, match="emissivity spectra"):
        read_spectra(tmp_path / "none.csv")
    short = EmissivitySpectra(
        wavelength=np.array([10.5, 11.5]), emissivity=np.full((1, 2), 0.9), names=("a",), kinds=("b",)
    )
    with pytest.raises(InputError, match="wider"):
        run(spectra=short, profiles=library)
