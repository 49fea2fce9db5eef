"""Emissivity from several sources: a raster, land cover around it, a number for the rest.

python examples/03_emissivity_merge.py

The synthetic inputs are a survey of a town, and classes of ESA WorldCover for the west of the scene. All files are
written to the current folder.
"""

from pathlib import Path

import numpy as np
import rasterio

import lst_raster

SCENE = Path(__file__).parent / "data" / "LC08_alabama_B10.tif"
AIR = {"water_vapour": 12.0, "air_temperature": 282.0, "surface_pressure": 1015.0}
TREES, GRASS, BUILT_UP = 10, 30, 50


def write(path: str, values: np.ndarray, nodata: float) -> str:
    """Write a raster on the grid of the scene."""
    with rasterio.open(SCENE) as scene:
        profile = {"crs": scene.crs, "transform": scene.transform, "width": scene.width, "height": scene.height}
    with rasterio.open(path, "w", driver="GTiff", count=1, dtype=values.dtype, nodata=nodata, **profile) as raster:
        raster.write(values, 1)
    return path


def make_up() -> tuple[str, str]:
    """Make a survey, 0.94 to 0.96 in a square, and land cover: trees, grass and a town, nothing in the east."""
    with rasterio.open(SCENE) as scene:
        shape = scene.shape
    survey = np.full(shape, np.nan, "f4")
    survey[100:200, 100:200] = np.linspace(0.94, 0.96, 100, dtype="f4")
    cover = np.zeros(shape, "u1")
    cover[:, :150], cover[:, 150:250], cover[80:220, 80:220] = TREES, GRASS, BUILT_UP
    return write("survey.tif", survey, np.nan), write("worldcover.tif", cover, 0)


def main() -> None:
    """Retrieve with all sources, the best first, and with the number only."""
    survey, cover = make_up()
    sources = [survey, f"landcover:{cover}", 0.97]  # each pixel uses the first source with a value
    merged = lst_raster.retrieve(SCENE, output="merged_LST.tif", emissivity=sources, overwrite=True, **AIR)
    plain = lst_raster.retrieve(SCENE, output="plain_LST.tif", emissivity=0.97, overwrite=True, **AIR)
    print("sources:", merged.tags["emissivity"])
    print("pixels:", merged.tags["emissivity_pixels"])
    dataset = lst_raster.open_product(merged.path)
    change = dataset.lst - lst_raster.open_product(plain.path).lst
    source = dataset.emissivity_source
    for value, name in zip(source.attrs["flag_values"], source.attrs["flag_meanings"].split(), strict=True):
        if (here := source == value).any():
            print(f"{name}: {int(here.sum())} pixels, {float(change.where(here).mean()):+.2f} K against 0.97")


if __name__ == "__main__":
    main()
