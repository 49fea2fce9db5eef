"""Over which distances are errors of the atmosphere and of the emissivity correlated? From real fields.

    python -m examples.studies.uncertainty.correlation --set SET.nc --water-vapour ERA5.nc:tcw --emissivity EMIS.TIF

SET: a simulated set of all land columns of one date (`lst-raster simulate`), for the errors of the shipped model
without noise and with an exact emissivity; water vapour: its deviation from the climatology at sea level; emissivity:
the deviation from its mean over a scene, which is the error of one assumed value.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import rasterio
import xarray as xr
from numpy.typing import NDArray

from lst_raster.inference.model import Model
from lst_raster.inputs.climatology import climatology, days_and_years
from lst_raster.profiles.sampling import CONDITIONS, Surfaces, add_input_errors, observe, retrieve_samples
from lst_raster.profiles.simulated_set import SimulatedSet, read_simulated

Float = NDArray[np.float64]

EARTH_RADIUS = 6371.0  # [km]
AIR_CONTRAST = 5.0  # ground minus air temperature [K]
SHORT = (0.2, 0.6, 1.5, 3.0, 6.0, 12.0, 16.0, 24.0, 32.0, 48.0)  # limits of classes of distance, of the surface [km]
LONG = (20, 40, 80, 140, 200, 260, 320, 450, 600, 800, 1000, 1300)  # likewise, of the atmosphere


def correlation_by_distance(
    latitude: Float, longitude: Float, errors: Float, limits: tuple[float, ...]
) -> list[tuple[float, float, int]]:
    """Correlation of errors about zero by class of distance: mean distance [km], correlation [1], number of pairs."""
    lat, lon = np.radians(latitude), np.radians(longitude)
    vectors = np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)], axis=1)
    first, second = np.triu_indices(errors.size, 1)
    distance = EARTH_RADIUS * np.arccos(np.clip(np.einsum("ij,ij->i", vectors[first], vectors[second]), -1.0, 1.0))
    product, square = errors[first] * errors[second], (errors[first] ** 2 + errors[second] ** 2) / 2.0
    return list(_classes(distance, product, square, limits))


def correlation_on_grid(
    values: Float, cell: tuple[float, float], limits: tuple[float, ...]
) -> list[tuple[float, float, int]]:
    """The same for the deviations of a raster from its mean, NaN where missing; `cell` is height and width [km]."""
    known = np.isfinite(values)
    deviation = np.where(known, values - values[known].mean(), 0.0)
    shape = tuple(2 * side for side in values.shape)

    def pairs(array: Float) -> Float:
        return np.fft.irfft2(np.abs(np.fft.rfft2(array, s=shape)) ** 2, s=shape)

    down, across = (np.minimum(np.arange(n), n - np.arange(n)) * side for n, side in zip(shape, cell, strict=True))
    distance = np.hypot(down[:, None], across[None, :])
    count = pairs(known.astype(float))
    variance = float(np.mean(deviation[known] ** 2))
    return list(_classes(distance, pairs(deviation), count * variance, limits))


def _classes(
    distance: Float, product: Float, square: Float, limits: tuple[float, ...]
) -> Iterator[tuple[float, float, int]]:
    for low, high in pairwise(limits):
        inside = (distance >= low) & (distance < high)
        if inside.any():
            yield float(distance[inside].mean()), float(product[inside].sum() / square[inside].sum()), int(inside.sum())


def model_errors(simulated: SimulatedSet, condition: str) -> Float:
    """Errors of the shipped model over their stated uncertainty, due to the atmosphere alone, (profile,). [1]"""
    surfaces = Surfaces(
        surface_temperature=(simulated.air_temperature_2m + AIR_CONTRAST)[:, None],
        emissivity=np.full((len(simulated), 1), 0.97),
    )
    exact = dict.fromkeys(
        ("sensor", "emissivity", "second_sensor", "emissivity_difference", "aerosol_optical_depth"), 0.0
    )
    model, errors = Model.load(f"{simulated.sensor}/surface"), replace(CONDITIONS[condition], **exact)
    true = observe(simulated, surfaces, 0)
    names = [variable.name for variable in model.contract.atmosphere_inputs]
    found = retrieve_samples(model.atmosphere, add_input_errors(true, errors, 1), errors, names)
    return np.asarray((found.temperature - true.surface_temperature) / found.uncertainty, np.float64).ravel()


def _table(title: str, rows: list[tuple[float, float, int]]) -> str:
    return f"{title}: " + ", ".join(f"{distance:.3g} km {correlation:.2f}" for distance, correlation, _ in rows)


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--set", type=Path)
    parser.add_argument("--water-vapour", metavar="FILE:VARIABLE")
    parser.add_argument("--emissivity", type=Path, nargs="*", default=[])
    values = parser.parse_args()
    if values.set:
        simulated = read_simulated(values.set)
        assert simulated.latitude is not None
        assert simulated.longitude is not None
        for condition in ("nothing", "exact vapour", "exact"):
            rows = correlation_by_distance(
                simulated.latitude, simulated.longitude, model_errors(simulated, condition), LONG
            )
            print(_table(f"model, {condition}", rows))
    if values.water_vapour:
        path, _, name = values.water_vapour.rpartition(":")
        with xr.open_dataset(path, engine="h5netcdf") as dataset:
            field = dataset[name].isel(time=slice(0, None, 6)).load()
        latitude, longitude = (part.ravel() for part in np.meshgrid(field.latitude, field.longitude, indexing="ij"))
        for moment in field:
            day = days_and_years(moment.time.values)[0]
            mean = climatology(latitude, longitude, np.full(latitude.size, float(day))).at_elevation(
                np.zeros(latitude.size)
            )
            rows = correlation_by_distance(latitude, longitude, moment.values.ravel() - mean.water_vapour, LONG)
            print(_table(f"water vapour less climatology, {str(moment.time.values)[:16]}", rows))
    for path in values.emissivity:
        with rasterio.open(path) as dataset:
            band = dataset.read(1, masked=True).astype(float)
            cell = dataset.res[1] / 1000.0, dataset.res[0] / 1000.0
        print(_table(path.name, correlation_on_grid(band.filled(np.nan), cell, SHORT)))


if __name__ == "__main__":
    main()
