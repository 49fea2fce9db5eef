"""Names and attributes of the variables of a dataset, by the CF conventions."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from lst_raster.product.paths import ANGLES, COMPONENTS
from lst_raster.product.quality_flags import FLAGS, Flag

CONVENTIONS = "CF-1.11"
"""The conventions that names and attributes follow."""
_RADIANCE = "W m-2 sr-1 um-1"

LST_ATTRIBUTES: Mapping[str, Any] = MappingProxyType(
    {"standard_name": "surface_temperature", "long_name": "land surface temperature", "units": "K"}
)
UNCERTAINTY_ATTRIBUTES: Mapping[str, Any] = MappingProxyType(
    {
        "standard_name": "surface_temperature standard_error",
        "long_name": "standard uncertainty of the land surface temperature", "units": "K",
    }
)  # fmt: skip
COMPONENT_ATTRIBUTES: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        f"lst_{role}": {
            "standard_name": "surface_temperature standard_error",
            "long_name": title.replace("uncertainty", "standard uncertainty of the land surface temperature"),
            "units": "K", "lst_cci_name": name,
        }
        for (role, title), name in zip(
            COMPONENTS.items(), ("lst_unc_ran", "lst_unc_loc_atm", "lst_unc_loc_sfc", "lst_unc_sys"), strict=True
        )
    }
)  # fmt: skip
"""Attributes of the components of the uncertainty by variable, with their names in LST_cci products of ESA."""
ANGLE_ATTRIBUTES: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        name: {"standard_name": standard_name, "long_name": ANGLES[name], "units": "degree"}
        for name, standard_name in (
            ("view_zenith", "sensor_zenith_angle"), ("view_azimuth", "sensor_azimuth_angle"),
            ("sun_zenith", "solar_zenith_angle"), ("sun_azimuth", "solar_azimuth_angle"),
        )
    }
)  # fmt: skip
"""Attributes of the angles, by name."""
TERM_ATTRIBUTES: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "transmittance": {"long_name": "transmittance of the atmosphere in the band, towards the sensor", "units": "1"},
        "upwelling_radiance": {"long_name": "upwelling radiance of the atmosphere at the sensor", "units": _RADIANCE},
        "downwelling_radiance": {
            "long_name": "hemispheric mean downwelling radiance of the atmosphere at the surface", "units": _RADIANCE,
        },
        "outside_range": {"long_name": "an input is outside the valid range of the model"},
    }
)  # fmt: skip
"""Attributes of the terms of the atmosphere, by name."""


def acquisition(coordinates: Mapping[Any, Any]) -> dict[str, str]:
    """Date and time of acquisition in the format of a product, from a scalar coordinate ``time``."""
    time = coordinates.get("time")
    if time is None or time.ndim or time.dtype.kind != "M" or np.isnat(time.values):
        return {"acquisition_date": "unknown"}
    date, _, clock = str(time.values.astype("datetime64[s]")).partition("T")
    return {"acquisition_date": date, **({} if clock == "00:00:00" else {"acquisition_time": f"{clock}Z"})}


def ancillary(*names: str) -> dict[str, str]:
    """Attribute of the temperature that refers to its uncertainty and quality."""
    return {"ancillary_variables": " ".join(names)} if names else {}


def quality_attributes() -> dict[str, Any]:
    """Attributes of the quality bits: masks, values and meanings, with all values of fields of several bits."""
    masks, values, meanings = [], [], []
    for flag in FLAGS:
        names = {value: f"{flag.name}_{name}" for value, (name, _) in flag.values.items()}
        for value, name in ({1: flag.name} if flag.length == 1 else names).items():
            masks.append(flag.mask)
            values.append(value << flag.offset)
            meanings.append(name)
    return {
        "standard_name": "quality_flag", "long_name": "quality bits", "flag_masks": np.array(masks, np.uint32),
        "flag_values": np.array(values, np.uint32), "flag_meanings": " ".join(meanings),
    }  # fmt: skip


def flag_attributes(flag: Flag) -> dict[str, Any]:
    """Attributes of a variable with one field of the quality bits."""
    attributes: dict[str, Any] = {"long_name": flag.description}
    if flag.length > 1:
        attributes["flag_values"] = np.array(list(flag.values), np.uint8)
        attributes["flag_meanings"] = " ".join(name for name, _ in flag.values.values())
    return attributes
