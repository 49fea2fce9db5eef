"""Recompute a USGS Level-2 product and compare it with the temperature of the USGS.

python examples/05_compare_with_usgs.py [PRODUCT]

PRODUCT is the folder of a Collection 2 Level-2 product of Landsat 8 or 9 (L2SP). Default: a small synthetic product.
All files are written to the current folder.
"""

import sys
from pathlib import Path

import numpy as np
import rasterio

import lst_raster
from lst_raster.physics.radiative_transfer import sensor_radiance, surface_temperature
from lst_raster.sensors.bands import sensor_band
from lst_raster.validation.compare import compare_rasters

NAME = "LC08_L2SP_020039_20150719_20200908_02_T1"
MTL = f"""GROUP = LANDSAT_METADATA_FILE
  PROCESSING_LEVEL = "L2SP"
  LANDSAT_PRODUCT_ID = "{NAME}"
  SPACECRAFT_ID = "LANDSAT_8"
  DATE_ACQUIRED = 2015-07-19
END_GROUP = LANDSAT_METADATA_FILE
END
"""
TRANSMITTANCE, UP, DOWN = 0.72, 2.1, 3.3  # an atmosphere; radiances in W m-2 sr-1 um-1


def make_product(folder: Path) -> Path:
    """Make a product with known temperature, and with the USGS temperature for unchanged ST_DRAD."""
    folder.mkdir(exist_ok=True)
    truth, band = np.linspace(290.0, 315.0, 100 * 120).reshape(100, 120), sensor_band("landsat8-b10").planck
    radiance = sensor_radiance(truth, 0.96, TRANSMITTANCE, UP, DOWN, band)
    usgs = surface_temperature(radiance, 0.96, TRANSMITTANCE, UP, DOWN / np.pi, band)
    terms = {"TRAD": radiance / 1e-3, "ATRAN": TRANSMITTANCE / 1e-4, "URAD": UP / 1e-3, "DRAD": DOWN / np.pi / 1e-3}
    terms |= {"EMIS": 0.96 / 1e-4, "EMSD": 0.01 / 1e-4, "B10": (usgs - 149.0) / 0.00341802}
    grid = {"driver": "GTiff", "count": 1, "height": 100, "width": 120, "crs": "EPSG:32616"}
    grid["transform"] = rasterio.Affine(30, 0, 452475, 0, -30, 3408645)
    for name, values in terms.items():
        dtype, nodata = ("uint16", 0) if name == "B10" else ("int16", -9999)
        with rasterio.open(folder / f"{NAME}_ST_{name}.TIF", "w", dtype=dtype, nodata=nodata, **grid) as raster:
            raster.write(np.broadcast_to(np.rint(values), truth.shape).astype(dtype), 1)
    (folder / f"{NAME}_MTL.txt").write_text(MTL)
    return folder


if __name__ == "__main__":
    product = Path(sys.argv[1]) if len(sys.argv) > 1 else make_product(Path(NAME))
    (theirs,) = product.glob("*_ST_B10.TIF")
    for downwelling in ("usgs", "corrected"):  # ST_DRAD unchanged, and times pi: see docs/science/level2.md
        scene = lst_raster.Level2Scene.open(product, downwelling=downwelling)
        ours = lst_raster.retrieve(scene, output=f"{downwelling}_LST.tif", mask_clouds=False, overwrite=True)
        found = compare_rasters(ours.path, theirs).difference
        print(f"{downwelling}: {found.count} pixels, difference {found.median:+.3f} K, RMSE {found.rmse:.3f} K")
