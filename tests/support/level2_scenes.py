"""Synthetic Level-2 surface temperature products with known temperature."""

from pathlib import Path

import numpy as np

from lst_raster.physics.radiative_transfer import sensor_radiance, surface_temperature
from lst_raster.sensors.bands import sensor_band
from tests.support.factories import ramp, write_raster

STEMS = {
    "landsat4-b6": "LT04_L2SP_015033_19880510_20200917_02_T1",
    "landsat5-b6": "LT05_L2SP_015033_19980510_20200917_02_T1",
    "landsat7-b6": "LE07_L2SP_020039_20010719_20200917_02_T1",
    "landsat8-b10": "LC08_L2SP_020039_20150719_20200908_02_T1",
    "landsat9-b10": "LC09_L2SP_020039_20220719_20230407_02_T1",
}
AIR = (0.72, 2.1, 3.3)
"""Transmittance, upwelling radiance and hemispheric mean downwelling radiance."""
CLEAR = 21824
MTL = """GROUP = LANDSAT_METADATA_FILE
  GROUP = PRODUCT_CONTENTS
    LANDSAT_PRODUCT_ID = "{stem}"
    PROCESSING_LEVEL = "{level}"
    COLLECTION_NUMBER = 02
    FILE_NAME_BAND_ST_{band} = "{stem}_ST_{band}.TIF"
    FILE_NAME_EMISSIVITY = "{emissivity}"
  END_GROUP = PRODUCT_CONTENTS
  GROUP = IMAGE_ATTRIBUTES
    SPACECRAFT_ID = "LANDSAT_{satellite}"
    DATE_ACQUIRED = {day}
    SCENE_CENTER_TIME = "16:19:21.7917421Z"
  END_GROUP = IMAGE_ATTRIBUTES
  GROUP = LEVEL1_PROCESSING_RECORD
    PROCESSING_LEVEL = "L1TP"
  END_GROUP = LEVEL1_PROCESSING_RECORD
END_GROUP = LANDSAT_METADATA_FILE
END
"""


def stored(values, scale, fill):
    """Stored values of the product: int16, -9999 for fill."""
    numbers = np.broadcast_to(np.rint(np.asarray(values) / scale), fill.shape)
    return np.where(fill, -9999, numbers).astype("int16")


def make_level2(
    folder, *, sensor="landsat8-b10", lst=None, emissivity=0.96, air=AIR, fill=None, cloud=None, level="L2SP"
):
    """Write a Level-2 product with surface temperature `lst` and the temperature that the USGS derives from it.

    The terms are exact except for quantization; ST_DRAD is the downwelling radiance divided by pi, and ST_B* the
    temperature retrieved with it in place of the downwelling radiance. Returns the folder.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    lst = ramp(270, 325) if lst is None else np.asarray(lst)
    fill = np.zeros(lst.shape, bool) if fill is None else fill
    transmittance, upwelling, downwelling = air
    stem, planck = STEMS[sensor], sensor_band(sensor).planck
    radiance = sensor_radiance(lst, np.asarray(emissivity), *air, planck)
    usgs = surface_temperature(radiance, np.asarray(emissivity), transmittance, upwelling, downwelling / np.pi, planck)
    terms = {
        "ST_TRAD": (radiance, 1e-3), "ST_ATRAN": (transmittance, 1e-4), "ST_URAD": (upwelling, 1e-3),
        "ST_DRAD": (np.asarray(downwelling) / np.pi, 1e-3), "ST_EMIS": (emissivity, 1e-4), "ST_EMSD": (0.012, 1e-4),
        "ST_CDIST": (3.21, 0.01), "ST_QA": (1.87, 0.01),
    }  # fmt: skip
    for suffix, (values, scale) in terms.items():
        write_raster(folder / f"{stem}_{suffix}.TIF", stored(values, scale, fill), nodata=-9999)
    band = sensor.partition("-")[2].upper()
    numbers = np.where(fill, 0, np.rint((usgs - 149.0) / 0.00341802)).astype("uint16")
    write_raster(folder / f"{stem}_ST_{band}.TIF", numbers, nodata=0)
    bits = np.where(fill, 1, np.where(False if cloud is None else cloud, CLEAR | 1 << 3, CLEAR)).astype("uint16")
    write_raster(folder / f"{stem}_QA_PIXEL.TIF", bits, nodata=1)
    day = stem.split("_")[3]
    text = MTL.format(
        stem=stem, level=level, band=band, satellite=sensor[7], day=f"{day[:4]}-{day[4:6]}-{day[6:]}",
        emissivity=f"{stem}_ST_EMIS.TIF",
    )  # fmt: skip
    (folder / f"{stem}_MTL.txt").write_text(text)
    return folder
