"""The simulator against independent codes: RFM, a line-by-line code with the same continuum, and MODTRAN."""

import numpy as np
import pytest

from lst_raster.physics.radiative_transfer import sensor_radiance, surface_temperature
from lst_raster.sensors.bands import sensor_band
from lst_raster.simulator.absorption_table import wavenumber_grid
from lst_raster.simulator.atmosphere import column
from lst_raster.simulator.band_simulation import Geometry, band_average, simulate_spectrum
from lst_raster.simulator.gases import Composition
from tests.support.oracle import ATMOSPHERES, SENSORS, afgl_column, line_by_line, rfm
from tests.support.shared import shared_path

WATER = frozenset({"water_lines", "water_continuum"})
RURAL_23_KM = 0.022
"""Optical depth at 11 um of MODTRAN's rural aerosol at a visibility of 23 km: 0.158, 0.099 and 0.062 km-1 at 0, 1 and
2 km and 550 nm, 0.075 times that at 11 um, and a little from the free troposphere above.

E. P. Shettle and R. W. Fenn, AFGL-TR-79-0214 (1979); F. X. Kneizys et al., AFGL-TR-88-0177 (1988).
"""


@pytest.mark.parametrize("atmosphere", ATMOSPHERES)
@pytest.mark.parametrize(("gas", "absorber"), [("H2O", "water_lines"), ("CO2", "carbon_dioxide")])
def test_lines_alone_agree_with_rfm(atmosphere, gas, absorber):
    composition = Composition(absorbers=frozenset({absorber}), year=1980.0)
    spectrum = simulate_spectrum(afgl_column(atmosphere), composition, geometry=Geometry(zenith_sky=True))
    for band, expected in rfm()[atmosphere]["cases"][gas]["bands"].items():
        ours = band_average(spectrum, SENSORS[band])
        assert ours.transmittance == pytest.approx(expected["transmittance"], abs=0.003), band
        if gas == "H2O":
            assert ours.upwelling_radiance == pytest.approx(expected["upwelling_radiance"], rel=0.01), band


@pytest.mark.parametrize("atmosphere", ATMOSPHERES)
def test_lines_carbon_dioxide_and_continuum_agree_with_a_code_that_has_the_same(atmosphere):
    expected = line_by_line()[atmosphere]
    levels = expected["levels"]
    profile = column(*(np.array(levels[name]) for name in ("pressure_hPa", "temperature_K", "specific_humidity_kg_kg")))
    composition = Composition(absorbers=WATER | {"carbon_dioxide"}, year=2019.0)  # 410 ppm
    spectrum = simulate_spectrum(profile, composition)
    for band, values in expected["bands"].items():
        ours = band_average(spectrum, SENSORS[band])
        assert ours.transmittance == pytest.approx(values["transmittance"], abs=0.008), band
        assert ours.upwelling_radiance == pytest.approx(values["upwelling_radiance"], rel=0.03), band
        assert ours.downwelling_radiance == pytest.approx(values["downwelling_radiance"], rel=0.03), band


def modtran_transmittance() -> tuple[np.ndarray, np.ndarray]:
    """Wavenumber [cm-1] and total transmittance of the MODTRAN run."""
    rows = [line.split() for line in shared_path("oracle", "modtran_tape7_lwir_tropical").read_text().splitlines()]
    table = np.array([[float(row[0]), float(row[1])] for row in rows if len(row) == 16 and row[0][0].isdigit()])
    return table[:, 0], table[:, 1]


def bin_depths(transmittance: np.ndarray, edges: range) -> np.ndarray:
    """Optical depth of the mean transmittance of each 10 cm-1 bin of our grid."""
    first = round((edges[0] - 760.0) / 0.01)
    means = transmittance[first : first + 1000 * len(edges)].reshape(len(edges), 1000).mean(axis=1)
    return -np.log(means)


def test_all_gases_and_aerosol_agree_with_modtran_once_the_continuum_version_is_accounted_for():
    edges = range(840, 980, 10)
    profile = afgl_column("tro", with_ozone=True)
    full = simulate_spectrum(profile, Composition(year=1995.0, aerosol_optical_depth=RURAL_23_KM))
    water = simulate_spectrum(profile, Composition(absorbers=WATER))
    older = np.array(rfm()["tro"]["cases"]["H2O+continuum"]["transmittance_10cm1"])  # MT_CKD 4.1, bins from 780
    first = (edges[0] - 780) // 10
    version = -np.log(older[first : first + len(edges)]) - bin_depths(water.transmittance, edges)
    wavenumber, transmittance = modtran_transmittance()
    modtran = []
    for low in edges:
        inside = (wavenumber >= low) & (wavenumber <= low + 10)
        modtran.append(-np.log(np.trapezoid(transmittance[inside], wavenumber[inside]) / 10.0))
    difference = bin_depths(full.transmittance, edges) + version - np.array(modtran)
    # What remains is an older HITRAN in a 1 cm-1 band model.
    assert np.abs(difference).max() < 0.03
    assert abs(difference.mean()) < 0.006  # -0.0072 without nitric acid, CFC-113, HCFC-22 and carbon tetrachloride
    nitric_acid = difference[2:8]  # 860 to 920 cm-1
    assert abs(nitric_acid.mean()) < 0.002  # -0.0046 without it


@pytest.mark.slow
@pytest.mark.parametrize("atmosphere", ATMOSPHERES)
def test_twice_as_many_layers_move_the_temperature_by_less_than_20_mk(atmosphere):
    planck = sensor_band("landsat8-b10").planck
    profile = afgl_column(atmosphere)
    coarse, fine = (
        band_average(simulate_spectrum(profile, geometry=Geometry(refinement=factor)), "landsat8-b10")
        for factor in (1, 2)
    )

    def terms(result):
        return 0.96, result.transmittance, result.upwelling_radiance, result.downwelling_radiance

    kelvin = profile.air_temperature[0] + 5.0
    radiance = sensor_radiance(kelvin, *terms(fine), planck)
    assert abs(surface_temperature(radiance, *terms(coarse), planck) - kelvin) < 0.02


def test_the_grid_of_the_simulator_is_the_documented_one():
    grid = wavenumber_grid()
    assert grid.size == 24000 and grid[0] == pytest.approx(760.005) and grid[-1] == pytest.approx(999.995)
