"""Draws of correlated errors of simulated scenes: noise, atmosphere, emissivity and calibration."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from examples.studies.uncertainty.scenes import PIXEL, SENSOR, Area, Date
from lst_raster.inputs.emissivity.source import UNCERTAINTY
from lst_raster.inputs.resolve import choose_bands, resolve_inputs
from lst_raster.io.open_scene import open_scene
from lst_raster.physics.correlated_errors import CORRELATION_LENGTHS
from lst_raster.physics.planck import band_radiance, band_radiance_slope, brightness_temperature
from lst_raster.physics.radiative_transfer import sensor_radiance, surface_temperature
from lst_raster.product.paths import OutputFormat
from lst_raster.retrieval.masks import choose_masking
from lst_raster.retrieval.neighbourhood import neighbourhood_fields
from lst_raster.retrieval.run import Run
from lst_raster.retrieval.tiles import open_tiles
from lst_raster.sensors.bands import sensor_band

Float = NDArray[np.float64]

CELL = 6  # pixels of a side of the cells within which correlated errors are the same
_BATCH = 20  # draws at a time


@dataclass(frozen=True, kw_only=True, slots=True)
class Pixels:
    """State of the pixels of all areas on one date; arrays of shape (pixel,)."""

    temperature: Float  # retrieved without errors [K]
    emissivity: Float  # [1]
    terms: tuple[Float, Float, Float]  # transmittance [1], upwelling and downwelling radiance [W m-2 sr-1 um-1]
    depth_uncertainty: Float  # of the optical depth [1]
    emission_uncertainty: Float  # of the emission temperature of the atmosphere [K]
    emission_temperature: Float  # [K]
    noise: float  # of the radiance [W m-2 sr-1 um-1]
    calibration: float  # likewise, of the calibration


def read_pixels(scene_path: Path, date: Date, emissivity: float, places: Sequence[Area]) -> Pixels:
    """Predicted atmosphere and its uncertainty, as the run of the scene has them."""
    scene = choose_bands(open_scene(scene_path), "auto", None)
    given = {"water_vapour": float(date.water_vapour), "air_temperature": float(date.air_temperature)}
    inputs = resolve_inputs(scene, given, None, emissivity=emissivity)
    masking = choose_masking(scene, clouds=True, dilation=0.0)
    inputs = inputs.with_neighbourhood(*neighbourhood_fields(scene, inputs.emissivity, masking, 2))
    run = Run.prepare(scene, inputs, masking, OutputFormat(), exact=False)
    band, sensor = sensor_band(SENSOR).planck, run.check.sensors[0]
    parts: list[list[Float]] = []
    with open_tiles(scene, inputs, masking, run.coarse, uncertainty=True) as read:
        for area in places:
            top, left = int(area.rows.min()), int(area.columns.min())
            window = Window(left, top, int(area.columns.max()) - left + 1, int(area.rows.max()) - top + 1)
            tile = read(window)
            shape = tile.radiance.shape
            errors = tile.atmosphere.errors
            assert errors is not None
            layers = [tile.radiance, *tile.atmosphere.terms, errors.depth, errors.emission]
            at = area.rows - top, area.columns - left
            parts.append([np.broadcast_to(layer, shape)[at].astype(np.float64) for layer in layers])
    radiance, tau, upwelling, downwelling, depth, emission = (
        np.concatenate(layer) for layer in zip(*parts, strict=True)
    )
    e = np.full(radiance.shape, emissivity)
    emission_temperature = np.asarray(brightness_temperature(upwelling / (1.0 - tau), band))
    return Pixels(
        temperature=np.asarray(surface_temperature(radiance, e, tau, upwelling, downwelling, band)), emissivity=e,
        terms=(tau, upwelling, downwelling), depth_uncertainty=depth, emission_temperature=emission_temperature,
        emission_uncertainty=emission / ((1.0 - tau) * np.asarray(band_radiance_slope(emission_temperature, band))),
        noise=sensor.noise, calibration=sensor.calibration,
    )  # fmt: skip


class Errors:
    """Source of correlated errors at the pixels of the areas, in standard deviations."""

    def __init__(self, places: Sequence[Area], seed: int) -> None:
        self._rng = np.random.default_rng(seed)
        rows, columns = (np.concatenate([getattr(area, name) for area in places]) for name in ("rows", "columns"))
        cells, self._cell = np.unique(np.stack([rows // CELL, columns // CELL]), axis=1, return_inverse=True)
        y, x = cells * CELL * PIXEL
        distance = np.hypot(y[:, None] - y, x[:, None] - x)
        self._factors = {
            name: np.linalg.cholesky(np.exp(-distance / length) + 1e-9 * np.eye(y.size))
            for name, length in CORRELATION_LENGTHS.items()
        }
        footprint = sensor_band(SENSOR).ground_sample_distance / PIXEL
        samples = np.stack([rows // footprint, columns // footprint]).astype(np.int64)
        _, self._sample = np.unique(samples, axis=1, return_inverse=True)

    def field(self, name: str, draws: int) -> Float:
        """Field correlated with the length of a component, (draw, pixel)."""
        factor = self._factors[name]
        return np.asarray((factor @ self._rng.standard_normal((factor.shape[0], draws))).T[:, self._cell.ravel()])

    def noise(self, draws: int) -> Float:
        """Noise of the samples of the detector, of which each serves several pixels, (draw, pixel)."""
        return np.asarray(self._rng.standard_normal((draws, int(self._sample.max()) + 1))[:, self._sample.ravel()])

    def common(self, draws: int) -> Float:
        """Error common to all pixels, (draw, 1)."""
        return self._rng.standard_normal((draws, 1))


def draw_errors(dates: Sequence[Pixels], errors: Errors, draws: int) -> Iterator[Float]:
    """Errors of the temperatures, retrieved again by the equation, (date, draw, pixel), batch by batch. [K]

    The emissivity and the calibration have the same error on all dates.
    """
    band = sensor_band(SENSOR).planck
    for start in range(0, draws, _BATCH):
        count = min(_BATCH, draws - start)
        emissivity_error, gain = UNCERTAINTY * errors.field("surface", count), errors.common(count)
        found = []
        for pixels in dates:
            tau, upwelling, downwelling = pixels.terms
            # the state that the retrieval does not know: the prediction plus its errors
            true_tau = tau * np.exp(-pixels.depth_uncertainty * errors.field("atmosphere", count))
            emission = pixels.emission_temperature + pixels.emission_uncertainty * errors.field("atmosphere", count)
            true_upwelling = (1.0 - true_tau) * np.asarray(band_radiance(emission, band))
            radiance = sensor_radiance(
                pixels.temperature, pixels.emissivity + emissivity_error, true_tau, true_upwelling, downwelling, band
            )
            radiance = radiance + pixels.noise * errors.noise(count) + pixels.calibration * gain
            retrieved = surface_temperature(radiance, pixels.emissivity, tau, upwelling, downwelling, band)
            found.append(np.asarray(retrieved) - pixels.temperature)
        yield np.stack(found)
