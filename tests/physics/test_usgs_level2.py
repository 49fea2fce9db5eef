"""The equation against the USGS surface temperature: its terms, put into our physics, give its temperature.

And what ST_DRAD is: the figures of docs/science/level2.md, computed again from the real products and the simulator.
"""

from dataclasses import dataclass

import numpy as np
import pytest
import rasterio
import xarray as xr

from examples.studies.level2.simulated_atmosphere import GROUNDS
from lst_raster.physics.calibration import downwelling_from_st_drad
from lst_raster.physics.constants import DIFFUSIVITY_FACTOR
from lst_raster.physics.planck import brightness_temperature
from lst_raster.physics.radiative_transfer import surface_temperature
from lst_raster.profiles.profile_sets import water_vapour
from lst_raster.resources import data_path
from lst_raster.sensors.bands import sensor_band
from lst_raster.simulator.atmosphere import Column, column
from lst_raster.simulator.band_simulation import Geometry, band_average, effective_average, simulate_spectrum
from tests.support.shared import shared_path

PRODUCT = "LC08_L2SP_098084_20210503_20210508_02_T1"
CLOUDY = "LC08_L2SP_017036_20130419_20200913_02_T2"
FOLDERS = {PRODUCT: PRODUCT, CLOUDY: "l8_l2sp_017036"}
_NOT_CLEAR = 0b11111  # QA_PIXEL: fill, dilated cloud, cirrus, cloud, cloud shadow


def read(name: str, scale: float = 1.0, offset: float = 0.0, product: str = PRODUCT) -> np.ndarray:
    with rasterio.open(shared_path("data", "landsat", FOLDERS[product], f"{product}_{name}.TIF")) as source:
        return source.read(1).astype(np.float64) * scale + offset


def test_usgs_terms_put_into_the_equation_give_the_usgs_temperature():
    terms = [read("ST_TRAD", 1e-3), read("ST_EMIS", 1e-4), read("ST_ATRAN", 1e-4)]
    terms += [read("ST_URAD", 1e-3), read("ST_DRAD", 1e-3)]
    theirs = read("ST_B10", 0.00341802, 149.0)
    valid = (theirs > 150.0) & np.all([term > 0.0 for term in terms], axis=0)
    clear = valid & ((read("QA_PIXEL").astype(np.uint16) & _NOT_CLEAR) == 0)
    assert clear.sum() > 150  # of the bundle's 60 x 60 pixels
    ours = surface_temperature(*(term[clear] for term in terms), sensor_band("landsat8-b10").planck)
    difference = ours - theirs[clear]
    assert np.median(np.abs(difference)) < 0.02, np.median(difference)


@dataclass(frozen=True, kw_only=True)
class AtmosphereTerms:
    """Transmittance, up- and downwelling radiance of many atmospheres."""

    transmittance: np.ndarray
    upwelling: np.ndarray
    downwelling: np.ndarray

    @property
    def quotient(self) -> np.ndarray:
        """Down- by upwelling radiance."""
        return self.downwelling / self.upwelling

    @property
    def isothermal(self) -> np.ndarray:
        """The same quotient, if all the air had one temperature."""
        return (1.0 - self.transmittance**DIFFUSIVITY_FACTOR) / (1.0 - self.transmittance)


def usgs_air(product: str) -> AtmosphereTerms:
    """Terms of all pixels that have them: they are modelled, clouds do not matter."""
    values = [read(*term, product=product) for term in (("ST_ATRAN", 1e-4), ("ST_URAD", 1e-3), ("ST_DRAD", 1e-3))]
    known = np.all([term > 0.0 for term in values], axis=0)
    return AtmosphereTerms(
        **dict(zip(("transmittance", "upwelling", "downwelling"), (term[known] for term in values), strict=True))
    )


@pytest.fixture(scope="module")
def simulated() -> dict[str, AtmosphereTerms]:
    """Columns of the profile library as moist as the products', under the whole sky and under the zenith alone."""
    with xr.open_dataset(data_path("profiles", "library.nc"), engine="h5netcdf") as library:
        vapour = water_vapour(library)
        moist = np.flatnonzero((library["perturbation"].values == 0) & (vapour > 10.0) & (vapour < 36.0))
        chosen = library.isel(profile=moist[:: moist.size // 36]).load()
    names = ("pressure", "air_temperature", "specific_humidity")
    columns = [column(*(chosen[name].values[index] for name in names)) for index in range(chosen.sizes["profile"])]
    return {
        "hemisphere": atmosphere_terms(columns, Geometry()),
        "zenith": atmosphere_terms(columns[::3], Geometry(zenith_sky=True)),
    }


def atmosphere_terms(columns: list[Column], geometry: Geometry) -> AtmosphereTerms:
    spectra = (simulate_spectrum(profile, geometry=geometry) for profile in columns)
    if geometry.zenith_sky:
        bands = [band_average(spectrum, "landsat8-b10") for spectrum in spectra]
    else:  # as in the method of the product
        bands = [effective_average(spectrum, "landsat8-b10", GROUNDS) for spectrum in spectra]
    rows = np.array([[band.transmittance, band.upwelling_radiance, band.downwelling_radiance] for band in bands])
    return AtmosphereTerms(transmittance=rows[:, 0], upwelling=rows[:, 1], downwelling=rows[:, 2])


@pytest.mark.slow
@pytest.mark.parametrize("product", FOLDERS)
def test_st_drad_lies_below_the_upwelling_radiance_which_no_downwelling_radiance_does(product, simulated):
    theirs = usgs_air(product)
    assert theirs.quotient.max() < 0.55
    assert simulated["zenith"].quotient.min() > 1.0  # even the zenith, the coldest part of the sky, is above
    assert (downwelling_from_st_drad(theirs.downwelling) > theirs.upwelling).all()


@pytest.mark.slow
@pytest.mark.parametrize("product", FOLDERS)
def test_simulated_air_like_the_product_s_sends_down_pi_times_st_drad(product, simulated):
    theirs, ours = usgs_air(product), simulated["hemisphere"]
    warmer_below = ours.quotient / ours.isothermal  # 1.05: radiance down comes from lower, warmer air
    assert np.std(warmer_below) < 0.03
    factor = np.mean(warmer_below) * theirs.isothermal / theirs.quotient
    assert np.median(factor) == pytest.approx(np.pi, rel=0.05)  # 3.11; plain averages give 3.30
    assert np.std(factor) < 0.02 * np.pi  # one factor for the dry and the humid pixels of a scene


@pytest.mark.slow
@pytest.mark.parametrize("product", FOLDERS)
def test_neither_the_zenith_nor_an_error_added_to_the_radiance_explains_st_drad(product, simulated):
    theirs = usgs_air(product)
    assert 2.0 < np.mean(simulated["zenith"].quotient) / np.median(theirs.quotient) < 2.4  # neither 1 nor pi
    ours = simulated["hemisphere"]
    sky = np.mean(ours.quotient / ours.isothermal) * theirs.isothermal * theirs.upwelling
    slope, offset = np.polyfit(theirs.downwelling, sky, 1)
    assert slope > 2.5  # an error that is added would leave it at 1
    assert abs(offset) < 0.05 * np.median(sky)


@pytest.mark.parametrize("product", FOLDERS)
def test_the_sky_of_pi_st_drad_is_as_warm_as_the_air_that_sends_radiance_up(product, simulated):
    planck, theirs, ours = sensor_band("landsat8-b10").planck, usgs_air(product), simulated["hemisphere"]

    def warmth(air: AtmosphereTerms, factor: float) -> np.ndarray:
        """Temperature of the air for radiance down, less that for radiance up."""
        down = brightness_temperature(factor * air.downwelling / (1.0 - air.transmittance**DIFFUSIVITY_FACTOR), planck)
        return down - brightness_temperature(air.upwelling / (1.0 - air.transmittance), planck)

    low, high = np.percentile(warmth(ours, 1.0), (0, 100))
    assert low - 1.5 < np.median(warmth(theirs, np.pi)) < high + 1.5
    assert np.median(warmth(theirs, 1.0)) < low - 40.0
