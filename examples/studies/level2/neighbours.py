"""Terms of USGS Level-2 products compared with the nearest atmospheres of a simulated set."""

from itertools import pairwise
from pathlib import Path

import numpy as np
from scipy.spatial import cKDTree

from lst_raster.io.grid import Grid
from lst_raster.io.level2_scene import Level2Scene
from lst_raster.physics.calibration import downwelling_from_st_drad, temperature_change_by_downwelling
from lst_raster.physics.planck import brightness_temperature
from lst_raster.profiles.simulated_set import SimulatedSet, read_simulated
from lst_raster.sensors.bands import sensor_band

STEPS = 0.05, 1.0  # distance scales of optical depth [1] and emission temperature [K]
NEIGHBOURS = 5
EMISSIVITIES = (0.99, 0.97, 0.95, 0.90)
VAPOUR = (0, 10, 20, 30, 40, 50, 75)  # [kg m-2]
GROUND_EXCESS = 5.0  # [K], surface minus air temperature
PERCENTILES = (5, 50, 95)


def place(transmittance: np.ndarray, upwelling: np.ndarray, sensor: str) -> np.ndarray:
    """Scaled optical depth and emission temperature, the coordinates of the neighbour search."""
    emission_temperature = brightness_temperature(upwelling / (1.0 - transmittance), sensor_band(sensor).planck)
    return np.stack([-np.log(transmittance) / STEPS[0], emission_temperature / STEPS[1]], axis=1)


def read_terms(path: Path) -> np.ndarray:
    """Distinct (transmittance, ST_URAD, ST_DRAD) of a product, one per row; includes cloudy pixels."""
    scene = Level2Scene.open(path, downwelling="usgs")
    with scene.air.open() as read:
        terms = np.stack([term.ravel() for term in read(whole(scene.grid))], axis=1).astype(np.float64)
    return np.unique(terms[np.isfinite(terms).all(axis=1)], axis=0)


def whole(grid: Grid) -> tuple[tuple[int, int], tuple[int, int]]:
    """Window of all pixels."""
    return (0, grid.height), (0, grid.width)


def show(values: np.ndarray) -> str:
    """Format the median and the 5th and 95th percentile."""
    low, middle, high = np.percentile(values, PERCENTILES)
    return f"{middle:.3f} ({low:.3f} to {high:.3f})"


def compare(path: Path, simulated: SimulatedSet) -> str:
    """Row of the first table: one product and its nearest simulated atmospheres."""
    transmittance, upwelling, st_drad = read_terms(path).T
    tree = cKDTree(place(simulated.transmittance, simulated.upwelling_radiance, simulated.sensor))
    distance, index = tree.query(place(transmittance, upwelling, simulated.sensor), k=NEIGHBOURS)
    near = distance[:, -1] < 1.0
    neighbours = simulated.downwelling_radiance[index[near]]
    means = neighbours.mean(axis=1)
    cells = [
        path.name,
        f"{near.sum()} of {near.size}",
        show(transmittance[near]),
        show(st_drad[near] / upwelling[near]),
        show(downwelling_from_st_drad(st_drad[near]) / upwelling[near]),
        show(means / upwelling[near]),
        show(means / st_drad[near]),
        f"{100.0 * np.mean(neighbours.std(axis=1) / means):.1f} %",
    ]
    return f"| {' | '.join(cells)} |"


def effects(simulated: SimulatedSet) -> list[str]:
    """Rows of the second table: temperature change from Ld in place of Ld / pi. [K]"""
    band = sensor_band(simulated.sensor).planck
    ground = simulated.air_temperature_2m + GROUND_EXCESS
    excess = simulated.downwelling_radiance - simulated.downwelling_radiance / np.pi
    rows = []
    for low, high in pairwise(VAPOUR):
        chosen = (simulated.water_vapour >= low) & (simulated.water_vapour < high)
        changes = [
            np.mean(temperature_change_by_downwelling(ground[chosen], emissivity, excess[chosen], band))
            for emissivity in EMISSIVITIES
        ]
        rows.append(f"| {low}-{high} | " + " | ".join(f"{change:+.2f}" for change in changes) + " |")
    return rows


def main(simulated: Path, products: list[Path]) -> None:
    """Print both tables."""
    atmospheres = read_simulated(simulated)
    print("| product | atmospheres | tau | ST_DRAD / ST_URAD | pi ST_DRAD / ST_URAD ", end="")
    print("| Ld / Lu, simulated | Ld / ST_DRAD | scatter of Ld |")
    print("|---" * 8 + "|")
    for product in products:
        print(compare(product, atmospheres))
    print("\n| vapour [kg m-2] | " + " | ".join(f"e = {emissivity:.2f}" for emissivity in EMISSIVITIES) + " |")
    print("|---" * (len(EMISSIVITIES) + 1) + "|")
    print("\n".join(effects(atmospheres)))
