"""What is known of a sensor band, where it is defined, and which models there are for it."""

from __future__ import annotations

from typing import Any

from lst_raster._resources import user_path
from lst_raster.inference.model import own_models, shipped_models
from lst_raster.physics.band import response_path, sensor_band
from lst_raster.transfer.own_sensor import SIMULATED
from lst_raster.transfer.read_response import half_limits
from lst_raster.transfer.response import load_response


def describe_sensor(name: str) -> dict[str, Any]:
    """Tell what is known of a sensor band.

    Parameters
    ----------
    name : str
        Its name.

    Returns
    -------
    dict
        By name, ready for JSON; keys end in their unit. None for what there is not.

    Raises
    ------
    UnknownSensorError, ConfigError
        As `sensor_band`.
    """
    band, response = sensor_band(name), load_response(name)
    path, simulated = response_path(name), user_path("sensors", band.name, SIMULATED)
    models = [name.partition("/") for name in (own_models() if band.is_own else shipped_models())]
    return {
        "name": band.name,
        "kind": "own" if band.is_own else "shipped",
        "title": band.title,
        "wavelength_um": band.wavelength,
        "half_power_um": [round(limit, 3) for limit in half_limits(response)],
        "response_points": int(response.value.size),
        "noise_K": band.noise,
        "calibration_uncertainty_K": band.calibration_uncertainty,
        "gain": band.gain or None,
        "radiance_offset": band.radiance_offset if band.gain else None,
        "years": [band.first_year, band.last_year],
        "folder": str(path.parent),
        "simulated_set": str(simulated) if simulated.is_file() else None,
        "models": [tier for sensor, _, tier in models if sensor == band.name],
    }
