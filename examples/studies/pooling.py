"""From which surroundings models of two bands should take their differences: simulations over a real scene.

The ground has the temperatures and the emissivity (NDVI) of a clear part of a scene, the atmospheres are columns of a
simulated set with the water vapour varying over the scene.

    python -m examples.studies.pooling SCENE B10_SET.nc B11_SET.nc --rows 475 603
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window
from scipy.ndimage import gaussian_filter, uniform_filter

from lst_raster import Scene
from lst_raster.errors import SceneError
from lst_raster.inference.contract import BOTH_BANDS
from lst_raster.inference.model import Model
from lst_raster.inference.uncertainty import PixelValues, retrieve_two_bands
from lst_raster.inputs.emissivity.merge import choose_emissivity, open_emissivity
from lst_raster.io.raster import open_raster
from lst_raster.network.config import TIERS
from lst_raster.physics.constants import DIFFUSIVITY_FACTOR
from lst_raster.physics.planck import BandPlanck, band_radiance_slope, brightness_temperature
from lst_raster.physics.radiative_transfer import coupled_atmosphere, sensor_radiance
from lst_raster.profiles.sampling import CONDITIONS, InputErrors, given_inputs, prior_inputs
from lst_raster.profiles.simulated_set import SimulatedSet, read_simulated
from lst_raster.sensors.bands import sensor_band

Float = NDArray[np.float64]

AIR_CONTRAST = 5.0  # median of the ground temperature less the air temperature [K]
VAPOUR_SPREAD = 0.03  # relative standard deviation of the water vapour over the scene [1]
VAPOUR_EXPONENT = 1.4  # change of the optical depth with the water vapour: lines and self continuum [1]
FIELD = 6.0  # correlation length of the errors of the emissivity, 180 m [pixel]
EMISSIVITY_ERRORS = (0.007, 0.004)  # correlated over `FIELD`, and of single pixels [1]
DIFFERENCE_ERRORS = (0.0035, 0.002)  # of the difference of the emissivities, likewise [1]
WINDOWS = {"4 km": 133, "2 km": 67, "1 km": 33, "300 m": 9}  # [pixel]


@dataclass(frozen=True, kw_only=True, slots=True)
class Ground:
    """Part of a scene, arrays of shape (rows, columns)."""

    temperature: Float  # less its median [K]
    emissivity: tuple[Float, Float]  # in both bands [1]


def read_ground(folder: Path, rows: tuple[int, int]) -> Ground:
    """Brightness temperature and emissivity by the NDVI of some rows of a scene."""
    scene = Scene.open(folder).with_second_band()
    window = Window(0, rows[0], scene.grid.width, rows[1] - rows[0])
    with open_raster(scene.place, "scene", SceneError) as dataset:
        radiance = scene.read(dataset, window=window).radiance.astype(float)
    with open_emissivity(choose_emissivity(scene, "ndvi"), scene) as read:
        known = read(window)
    assert known.second is not None
    temperature = brightness_temperature(radiance, sensor_band(scene.sensor).planck)
    return Ground(
        temperature=temperature - np.median(temperature),
        emissivity=(known.value.astype(float), known.second.astype(float)),
    )


def fractal(shape: tuple[int, ...], random: np.random.Generator) -> Float:
    """Field of mean 0 and standard deviation 1 with the power spectrum of a scalar in turbulence, k^(-8/3)."""
    size = 2 * max(shape)
    frequency = np.fft.fftfreq(size)
    wavenumber = np.hypot(frequency[:, None], frequency)
    wavenumber[0, 0] = np.inf
    noise = np.fft.fft2(random.standard_normal((size, size)))
    field = np.fft.ifft2(noise * wavenumber ** (-4.0 / 3.0)).real[: shape[0], : shape[1]]
    return (field - field.mean()) / field.std()


def _errors(deviations: tuple[float, float], shape: tuple[int, ...], random: np.random.Generator) -> Float:
    correlated = gaussian_filter(random.standard_normal(shape), FIELD)
    return deviations[0] * correlated / correlated.std() + deviations[1] * random.standard_normal(shape)


def surroundings(pixel: Mapping[str, Float]) -> dict[str, dict[str, Float]]:
    """Values of the neighbourhood by the surroundings from which they are taken."""
    whole = {name: np.full_like(values, np.median(values)) for name, values in pixel.items()}
    found = {"whole scene": whole}
    for title, size in WINDOWS.items():
        found[title] = {name: uniform_filter(values, size, mode="nearest") for name, values in pixel.items()}
    found["pixel"] = dict(pixel)
    found["mean of scene and pixel"] = {name: 0.5 * (whole[name] + pixel[name]) for name in pixel}
    return found


def simulate_errors(
    ground: Ground, simulated: SimulatedSet, profile: int, model: Model, random: np.random.Generator
) -> dict[str, Float]:
    """Errors of the temperature over the ground under one column, by the surroundings. [K]"""
    assert simulated.second_band is not None
    shape, typical = ground.temperature.shape, InputErrors()
    temperature = simulated.air_temperature_2m[profile] + AIR_CONTRAST + ground.temperature
    vapour = 1.0 + VAPOUR_SPREAD * fractal(shape, random)
    common = _errors(EMISSIVITY_ERRORS, shape, random)
    true = [ground.emissivity[0] + common, ground.emissivity[1] + common + _errors(DIFFERENCE_ERRORS, shape, random)]
    seen, pixels = [], []
    sets, noises = (simulated, simulated.second_band), (typical.sensor, typical.second_sensor)
    for one, emissivity, known, noise in zip(sets, true, ground.emissivity, noises, strict=True):
        band = sensor_band(one.sensor).planck
        terms = _varied_terms([term[profile] for term in one.terms], vapour, band)
        radiance = sensor_radiance(temperature, np.minimum(emissivity, 1.0), *terms, band)
        slope = band_radiance_slope(brightness_temperature(radiance, band), band)
        radiance = radiance + noise * slope * random.standard_normal(shape)
        seen.append(brightness_temperature(radiance, band))
        pixels.append(PixelValues(radiance, known, noise * slope, band))
    truth = {name: values[[profile], None] for name, values in simulated.atmosphere_inputs.items()}
    prior = {name: values[[profile]] for name, values in prior_inputs(simulated).items()}
    given = given_inputs(truth, prior, CONDITIONS["nothing"], (1, 1), random)
    pixel = {
        "brightness_temperature": seen[0], BOTH_BANDS[0]: seen[0] - seen[1], BOTH_BANDS[2]: ground.emissivity[0],
        BOTH_BANDS[3]: ground.emissivity[1] - ground.emissivity[0],
    }  # fmt: skip
    certain = {BOTH_BANDS[1]: 0.0, BOTH_BANDS[4]: typical.emissivity_difference}
    errors = {}
    for title, around in surroundings(pixel).items():
        known = {**given, **certain, **around}
        inputs = {name: np.broadcast_to(known[name], shape) for name in TIERS["dual"]}
        found = retrieve_two_bands(model.atmosphere, pixels[0], pixels[1], inputs, typical.emissivity)
        errors[title] = found.temperature - temperature
    return errors


def _varied_terms(terms: list[float], vapour: Float, band: BandPlanck) -> tuple[Float, Float, Float]:
    """Terms of an atmosphere with the water vapour multiplied by a field."""
    transmittance, upwelling, downwelling = (np.float64(term) for term in terms)
    depth = -np.log(transmittance)
    up = brightness_temperature(upwelling / -np.expm1(-depth), band)
    down = brightness_temperature(downwelling / -np.expm1(-DIFFUSIVITY_FACTOR * depth), band)
    transmittance, upwelling, downwelling = coupled_atmosphere(depth * vapour**VAPOUR_EXPONENT, up, down, band)
    return transmittance, upwelling, downwelling


def table(errors: Mapping[str, list[Float]]) -> Iterator[str]:
    """Markdown table: root mean square over all pixels and columns, and the part on scales below 1 km. [K]"""
    yield "| differences from | RMSE [K] | below 1 km [K] |"
    yield "|---|---|---|"
    for title, parts in errors.items():
        fine = [part - uniform_filter(part, WINDOWS["1 km"], mode="nearest") for part in parts]
        total, small = (np.sqrt(np.mean(np.square(np.array(one)))) for one in (parts, fine))
        yield f"| {title} | {total:.2f} | {small:.2f} |"


def run(
    folder: Path, simulated: SimulatedSet, rows: tuple[int, int], columns: int, model: str
) -> dict[str, list[Float]]:
    """Errors by the surroundings, of some columns of a set, spread over the water vapour. [K]"""
    ground, loaded, random = read_ground(folder, rows), Model.load(model, graph="atmosphere"), np.random.default_rng(0)
    order = np.argsort(simulated.water_vapour)
    found: dict[str, list[Float]] = {}
    for profile in order[np.linspace(0, len(order) - 1, columns).astype(int)]:
        for title, error in simulate_errors(ground, simulated, int(profile), loaded, random).items():
            found.setdefault(title, []).append(error)
    return found


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scene", type=Path, help="scene with both bands, red and near infrared")
    parser.add_argument("sets", type=Path, nargs=2, help="simulated sets of both bands")
    parser.add_argument("--rows", type=int, nargs=2, default=(475, 603), help="first row, and that after the last")
    parser.add_argument("--columns", type=int, default=24, help="number of atmospheres")
    parser.add_argument("--model", default="landsat8-b10/dual", help="model of both bands")
    known = parser.parse_args()
    simulated = read_simulated(*known.sets)
    print("\n".join(table(run(known.scene, simulated, tuple(known.rows), known.columns, known.model))))


if __name__ == "__main__":
    main()
