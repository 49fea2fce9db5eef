"""Scenes of both thermal bands of Landsat 8 or 9, under an atmosphere that their model predicts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from lst_raster.inference.model import Model
from lst_raster.inference.uncertainty import second_of
from lst_raster.inputs.emissivity.tables import relation_to_first
from lst_raster.physics.planck import brightness_temperature
from lst_raster.physics.radiative_transfer import sensor_radiance
from lst_raster.sensors.bands import second_band, sensor_band
from tests.support.factories import MTL, STATE, STEM, write_raster

UNCERTAINTIES = {"water_vapour_uncertainty": 1.0, "air_temperature_uncertainty": 1.0}
"""Those of given `STATE`."""


def make_two_band_scene(
    folder: Path, *, lst: Any, emissivity: Any = 0.97, state: dict[str, float] = STATE, sensor: str = "landsat8-b10",
    stem: str = STEM, mtl: bool = True, fill: Any = None, **raster: Any,
) -> Path:  # fmt: skip
    """Write both bands of a scene with surface temperature `lst` [K], and return the path of the first.

    The model's atmosphere depends on the brightness temperatures, so radiances and atmosphere are computed in turns.
    """
    folder.mkdir(parents=True, exist_ok=True)
    first, second = sensor_band(sensor), second_band(sensor)
    assert second is not None
    lst, emissivity = np.asarray(lst, float), np.asarray(emissivity, float)
    others = relation_to_first(second.name).second(emissivity)
    model, around, difference = Model.load(f"{sensor}/dual"), float(np.median(lst)) - 3.0, 1.0
    for _ in range(60):
        predicted = model.atmosphere(
            **state, **UNCERTAINTIES, brightness_temperature=around, brightness_temperature_difference=difference,
            brightness_temperature_difference_uncertainty=second.stray_light,
            neighbourhood_emissivity=np.median(emissivity), emissivity_difference=np.median(others - emissivity),
            emissivity_difference_uncertainty=relation_to_first(second.name).uncertainty,
            gas_year=2015.546,
        )  # fmt: skip
        radiances = [
            sensor_radiance(lst, part, *(np.float64(term) for term in terms), band.planck)
            for part, terms, band in (
                (emissivity, predicted.terms, first), (others, second_of(predicted).terms, second),
            )
        ]  # fmt: skip
        seen = [brightness_temperature(one, band.planck) for one, band in zip(radiances, (first, second), strict=True)]
        around += 0.5 * (float(np.median(seen[0])) - around)
        difference += 0.5 * (float(np.median(seen[0] - seen[1])) - difference)
    paths = []
    for radiance, band in zip(radiances, (first, second), strict=True):
        suffix = next(iter(band.files))
        numbers = np.rint((radiance - band.radiance_offset) / band.gain)
        numbers = numbers if fill is None else np.where(fill, 0, numbers)
        paths.append(write_raster(folder / f"{stem}_{suffix}.TIF", numbers.astype("uint16"), **raster))
    if mtl:
        text = MTL.format(satellite=first.satellite, band=10, gain=first.gain, offset=first.radiance_offset)
        constants = f"    RADIANCE_MULT_BAND_11 = {second.gain}\n    RADIANCE_ADD_BAND_11 = {second.radiance_offset}\n"
        end = "  END_GROUP = LEVEL1_RADIOMETRIC_RESCALING"
        text = text.replace(end, constants + end)
        (folder / f"{stem}_MTL.txt").write_text(text)
    return paths[0]
