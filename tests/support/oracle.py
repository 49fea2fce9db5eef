"""Independent radiative transfer results used as reference."""

import json

import numpy as np

from lst_raster.simulator.atmosphere import Column, column
from tests.support.shared import shared_path

SENSORS = {"L5": "landsat5-b6", "L7": "landsat7-b6", "L8B10": "landsat8-b10", "L8B11": "landsat8-b11"}
ATMOSPHERES = ("tro", "mls", "mlw")


def rfm() -> dict:
    return json.loads(shared_path("oracle", "rfm_v5.13.json").read_text())["atmospheres"]


def line_by_line() -> dict:
    return json.loads(shared_path("oracle", "line_by_line_mt_ckd_4.3.json").read_text())["atmospheres"]


def afgl(name: str) -> dict[str, np.ndarray]:
    """Sections of an RFM atmosphere file: HGT [km], PRE [hPa], TEM [K], gases [ppmv]."""
    sections: dict[str, list[float]] = {}
    values: list[float] = []
    for line in shared_path("oracle", f"rfm_{name}.atm").read_text().splitlines():
        if line.startswith("*"):
            values = sections.setdefault(line.split()[0][1:], [])
        elif not line.startswith("!") and sections:
            values += [float(value) for value in line.replace(",", " ").split()]
    return {key: np.array(section) for key, section in sections.items() if section}


def afgl_column(name: str, with_ozone: bool = False) -> Column:
    atmosphere = afgl(name)
    vapour = atmosphere["H2O"] * 1e-6
    humidity = vapour * 18.01528 / (vapour * 18.01528 + (1.0 - vapour) * 28.9647)
    ozone = atmosphere["O3"] * 1e-6 * 47.9982 / 28.9647 if with_ozone else None
    return column(atmosphere["PRE"], atmosphere["TEM"], humidity, ozone)


def us_standard_atmosphere() -> Column:
    """US Standard Atmosphere in the AFGL form, with its ozone."""
    _, pressure, temperature, air, ozone, _, vapour, *_ = np.loadtxt(
        shared_path("data", "profiles", "afgl", "afglus.dat"), unpack=True
    )
    fraction = vapour / air
    humidity = fraction * 18.01528 / (fraction * 18.01528 + (1.0 - fraction) * 28.9647)
    return column(pressure, temperature, humidity, ozone / air * 47.9982 / 28.9647)
