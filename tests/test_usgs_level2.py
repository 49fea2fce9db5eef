"""The equation against the USGS surface temperature: its terms, put into our physics, give its temperature."""

import numpy as np
import rasterio

from lst_raster.physics.band import sensor_band
from lst_raster.physics.surface import surface_temperature
from tests.shared import shared_path

PRODUCT = "LC08_L2SP_098084_20210503_20210508_02_T1"
_NOT_CLEAR = 0b11111  # QA_PIXEL: fill, dilated cloud, cirrus, cloud, cloud shadow


def read(name: str, scale: float = 1.0, offset: float = 0.0) -> np.ndarray:
    with rasterio.open(shared_path("data", "landsat", PRODUCT, f"{PRODUCT}_{name}.TIF")) as source:
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
