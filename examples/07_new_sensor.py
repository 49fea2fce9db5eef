"""A sensor of your own, from its spectral response to a temperature: ASTER's band 13, by the four commands of the page.

python examples/07_new_sensor.py

A few columns and steps, so that it takes a minute; leave out --columns and --steps for a model to work with. The scene
is made here: ground of known temperature, seen through the air of one column.
"""

import os
from pathlib import Path

import numpy as np
import rasterio

from lst_raster.cli.main import cli
from lst_raster.physics.radiative_transfer import sensor_radiance
from lst_raster.profiles.simulated_set import read_simulated
from lst_raster.sensors.bands import sensor_band

NAME, EMISSIVITY = "aster-b13", 0.97
RESPONSE = Path(__file__).parent / "data" / "aster_b13.csv"


def run(*arguments: object) -> None:
    """Run a command of lst-raster, as at a terminal."""
    print("lst-raster", *arguments)
    cli.main([str(argument) for argument in arguments], standalone_mode=False)


def make_scene(path: Path, simulated: Path) -> tuple[np.ndarray, list[object]]:
    """Write radiance at the sensor; returns the ground's temperature, and the air as options of retrieve."""
    air = read_simulated(simulated)
    column = int(np.abs(air.air_temperature_2m - 290.0).argmin())
    temperature = air.air_temperature_2m[column] + np.linspace(0.0, 15.0, 64 * 64).reshape(64, 64)
    terms = [term[column] for term in air.terms]
    radiance = sensor_radiance(temperature, np.float64(EMISSIVITY), *terms, sensor_band(NAME).planck)
    form = {"crs": "EPSG:32616", "transform": rasterio.Affine(90, 0, 500000, 0, -90, 4000000), "dtype": "float32"}
    with rasterio.open(path, "w", driver="GTiff", width=64, height=64, count=1, **form) as file:
        file.write(radiance.astype("float32"), 1)
    known = {"water-vapour": air.water_vapour, "surface-pressure": air.surface_pressure}
    known["air-temperature"] = air.air_temperature_2m
    return temperature, [word for name, values in known.items() for word in (f"--{name}", f"{values[column]:.2f}")]


def main(out: Path) -> None:
    """Define, simulate, train, retrieve."""
    os.environ["LST_RASTER_DATA"] = str(out / "own")  # else your own data folder
    run("sensor", "new", NAME, "--response", RESPONSE, "--title", "ASTER band 13", "--noise", 0.1, "--overwrite")
    run("simulate", "--sensor", NAME, "--columns", 150, "--quiet")
    run("train", "--sensor", NAME, "--tier", "surface", "--steps", 300, "--quiet")
    truth, air = make_scene(out / "scene.tif", out / "own" / "sensors" / NAME / "simulated.nc")
    given = ("--quantity", "radiance", "--emissivity", EMISSIVITY, *air, "-o", out, "--overwrite", "--quiet")
    run("retrieve", out / "scene.tif", "--sensor", NAME, *given)
    with rasterio.open(out / "scene_LST.tif") as product:
        print(f"error: {np.abs(product.read(1) - truth).mean():.2f} K in the mean")


if __name__ == "__main__":
    main(Path())
