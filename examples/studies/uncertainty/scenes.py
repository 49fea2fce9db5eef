"""Simulated scenes with known surface temperature, and the areas over which means are taken."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio import Affine
from scipy.ndimage import gaussian_filter, zoom

from lst_raster import retrieve
from lst_raster.inference.model import Model
from lst_raster.inference.uncertainty import GIVEN, default_uncertainty
from lst_raster.physics.radiative_transfer import sensor_radiance
from lst_raster.product.paths import OutputFormat
from lst_raster.sensors.bands import sensor_band

Float = NDArray[np.float64]

SENSOR = "landsat8-b10"
EMISSIVITY = 0.97
PIXEL = 30.0  # [m]
_ORIGIN = (399_885.0, 5_400_015.0)  # [m], UTM zone 16 north
_SEED = 7


@dataclass(frozen=True, kw_only=True, slots=True)
class Date:
    """Overpass and its atmosphere."""

    day: str
    water_vapour: float  # [kg m-2]
    air_temperature: float  # [K]


DATES = tuple(
    Date(day=f"2019{5 + 16 * n // 30:02}{1 + 16 * n % 30:02}", water_vapour=vapour, air_temperature=air)
    for n, (vapour, air) in enumerate(
        [(14, 290), (18, 293), (22, 296), (30, 299), (35, 301), (28, 300), (40, 302), (25, 298), (17, 293), (12, 288)]
    )
)


def simulate(folder: Path, side: int, dates: tuple[Date, ...]) -> list[Path]:
    """Write a scene of `side` pixels for each date and retrieve it; returns the products.

    Land 5 K warmer than the air, with structure of 0.3 to 20 km and an amplitude of 3 K.
    """
    products = []
    for number, date in enumerate(dates):
        rng = np.random.default_rng(_SEED + number)
        ground = date.air_temperature + 5.0 + _structure(side, rng)
        radiance = _at_sensor(ground, date)
        band = sensor_band(SENSOR)
        counts = np.rint((radiance - band.radiance_offset) / band.gain).astype(np.uint16)
        path = folder / f"LC08_L1TP_020039_{date.day}_{date.day}_02_T1_B10.TIF"
        transform = Affine(PIXEL, 0, _ORIGIN[0], 0, -PIXEL, _ORIGIN[1])
        with rasterio.open(
            path, "w", driver="GTiff", width=side, height=side, count=1, dtype="uint16", nodata=0, crs="EPSG:32616",
            transform=transform, tiled=True, blockxsize=256, blockysize=256,
        ) as dataset:  # fmt: skip
            dataset.write(counts, 1)
        made = retrieve(
            path, output=folder, emissivity=EMISSIVITY, water_vapour=float(date.water_vapour),
            air_temperature=float(date.air_temperature), form=OutputFormat(uncertainty="components", precision="full"),
        )  # fmt: skip
        products.append(Path(str(made.path)))
    return products


def _structure(side: int, rng: np.random.Generator) -> Float:
    """Field of several scales with a mean of 0. [K]"""
    found = np.zeros((side, side))
    for scale, amplitude in ((10, 1.0), (60, 1.5), (300, 2.0)):  # [pixel], [K]
        step = max(1, scale // 4)
        coarse = rng.standard_normal((-(-side // step) + 1,) * 2)
        smooth = gaussian_filter(coarse, scale / step, mode="wrap")
        smooth *= amplitude / max(smooth.std(), 1e-9)
        found += zoom(smooth, step, order=1)[:side, :side]
    return found - found.mean()


def _at_sensor(ground: Float, date: Date) -> Float:
    model, band = Model.load(f"{SENSOR}/surface"), sensor_band(SENSOR)
    values = {
        "water_vapour": date.water_vapour, "air_temperature": date.air_temperature, "surface_pressure": 1000.0,
        "brightness_temperature": date.air_temperature + 2.0, "aerosol_optical_depth": 0.02, "gas_year": 2019.5,
    }  # fmt: skip
    known = {
        f"{name}_uncertainty": float(default_uncertainty(name, GIVEN).at(values[name]))
        for name in ("water_vapour", "air_temperature", "aerosol_optical_depth")
    }
    inputs = {name: np.array([float(value)], np.float32) for name, value in {**values, **known}.items()}
    terms = (float(term[0]) for term in model.atmosphere(**inputs).terms)
    return np.asarray(sensor_radiance(ground, EMISSIVITY, *terms, band.planck))


@dataclass(frozen=True, kw_only=True, slots=True)
class Area:
    """Pixels of an area, a rectangle or a disc."""

    name: str
    rows: NDArray[np.intp]
    columns: NDArray[np.intp]
    polygon: dict[str, object]  # GeoJSON geometry in the coordinates of the scenes


def areas(side: int) -> list[Area]:
    """Squares of 1, 100 and 10,000 pixels, and a rectangular zone of 40,000, in different parts of the scene."""
    shapes = [("1 pixel", 1, 1), ("100 pixels", 10, 10), ("10,000 pixels", 100, 100), ("zone", 160, 250)]
    found = []
    for number, (name, height, width) in enumerate(shapes):
        top, left = (int(side * part) for part in ((0.1, 0.15), (0.3, 0.7), (0.6, 0.2), (0.55, 0.55))[number])
        rows, columns = (grid.ravel() for grid in np.mgrid[top : top + height, left : left + width])
        x, y = _ORIGIN[0] + PIXEL * left, _ORIGIN[1] - PIXEL * top
        right, bottom = x + PIXEL * width, y - PIXEL * height
        ring = [(x, bottom), (right, bottom), (right, y), (x, y), (x, bottom)]
        found.append(Area(
            name=name, rows=rows, columns=columns, polygon={"type": "Polygon", "coordinates": [ring]},
        ))  # fmt: skip
    return found
