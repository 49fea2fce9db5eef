"""Custom sensor, from its spectral response to a temperature: ASTER band 13.

python examples/07_new_sensor.py

Few columns and training steps, so that it takes a minute; omit --columns and --steps for a useful model. The scene is
synthetic: a surface of known temperature under one atmospheric column.
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
    """Run a command of lst-raster."""
    print("lst-raster", *arguments)
    cli.main([str(argument) for argument in arguments], standalone_mode=False)


def make_scene(path: Path, simulated: Path) -> tuple[np.ndarray, list[object]]:
    """Write at-sensor radiance; returns the surface temperature and the atmospheric options of retrieve."""
    simulated_set = read_simulated(simulated)
    column = int(np.abs(simulated_set.air_temperature_2m - 290.0).argmin())
    temperature = simulated_set.air_temperature_2m[column] + np.linspace(0.0, 15.0, 64 * 64).reshape(64, 64)
    terms = [term[column] for term in simulated_set.terms]
    radiance = sensor_radiance(temperature, np.float64(EMISSIVITY), *terms, sensor_band(NAME).planck)
    form = {"crs": "EPSG:32616", "transform": rasterio.Affine(90, 0, 500000, 0, -90, 4000000), "dtype": "float32"}
    with rasterio.open(path, "w", driver="GTiff", width=64, height=64, count=1, **form) as file:
        file.write(radiance.astype("float32"), 1)
    inputs = {"water-vapour": simulated_set.water_vapour, "surface-pressure": simulated_set.surface_pressure}
    inputs["air-temperature"] = simulated_set.air_temperature_2m
    return temperature, [word for name, values in inputs.items() for word in (f"--{name}", f"{values[column]:.2f}")]


def main(out: Path) -> None:
    """Define, simulate, train, retrieve."""
    os.environ["LST_RASTER_DATA"] = str(out / "custom")  # default: the data folder of the user
    run("sensor", "new", NAME, "--response", RESPONSE, "--title", "ASTER band 13", "--noise", 0.1, "--overwrite")
    run("simulate", "--sensor", NAME, "--columns", 150, "--quiet")
    run("train", "--sensor", NAME, "--tier", "surface", "--steps", 300, "--quiet")
    truth, atmosphere = make_scene(out / "scene.tif", out / "custom" / "sensors" / NAME / "simulated.nc")
    options = ("--quantity", "radiance", "--emissivity", EMISSIVITY, *atmosphere, "-o", out, "--overwrite", "--quiet")
    run("retrieve", out / "scene.tif", "--sensor", NAME, *options)
    with rasterio.open(out / "scene_LST.tif") as product:
        print(f"error: {np.abs(product.read(1) - truth).mean():.2f} K in the mean")


if __name__ == "__main__":
    main(Path())
