"""Temperatures retrieved with only place and date, and with the water vapour that the transmittance implies."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from examples.studies.points import climatological_inputs, implied_vapour, retrieve
from examples.studies.salt_lake.table import Float, Mask, Overpasses
from lst_raster.inference.model import Model
from lst_raster.inference.uncertainty import Retrieved
from lst_raster.physics.error_metrics import Agreement, agreement, coverage
from lst_raster.physics.planck import brightness_temperature
from lst_raster.sensors.bands import sensor_band

WATER_EMISSIVITY = 0.99
"""Emissivity of water at nadir, see `examples.studies.lake.table`. [1]"""
NOTHING, NOTHING_WATER = "only place and date", "only place and date, emissivity of water"
IMPLIED, IMPLIED_DRAD = "water vapour of ST_ATRAN", "water vapour of ST_ATRAN, ST_DRAD of the USGS"
SEASONS = ("December to February", "March to May", "June to August", "September to November")
PERIOD = 5  # length of the periods of the statistics [year]


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """Temperatures by one method; arrays of shape (overpass,), NaN without result."""

    difference: Float
    """Retrieved temperature minus that of the USGS. [K]"""
    uncertainty: Float
    """Stated standard uncertainty of the retrieved temperature. [K]"""
    of_atmosphere: Float
    """The part of it due to the atmosphere; radiance and emissivity are common to both products. [K]"""


@dataclass(frozen=True, kw_only=True, slots=True)
class SaltLakeStudy:
    """All methods over the clear overpasses."""

    overpasses: Overpasses
    """The clear overpasses."""
    total: int
    """Number of all overpasses of the table."""
    water_vapour: Float
    """Water vapour of the climatology, shape (overpass,). [kg m-2]"""
    water_vapour_uncertainty: Float
    """Standard uncertainty of it. [kg m-2]"""
    implied_vapour: Float
    """Water vapour for which the model has the transmittance of the product, NaN without solution. [kg m-2]"""
    methods: Mapping[str, Comparison]
    """Comparisons by name of the method."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Group:
    """Statistics of one method in a group of overpasses."""

    method: str
    group: str
    """Sensor band, season, or years."""
    agreement: Agreement
    """Retrieved minus USGS. [K]"""
    expected: float
    """Root mean square of the stated uncertainty of the retrieved temperature. [K]"""
    expected_of_atmosphere: float
    """The same of the part of it due to the atmosphere. [K]"""
    within: float | None
    """Fraction of the differences within that uncertainty. [1]"""
    within_atmosphere: float | None
    """Fraction within the part of it due to the atmosphere. [1]"""
    within_combined: float | None
    """Fraction within that uncertainty combined with that of the USGS (ST_QA). [1]"""


def run(table: Overpasses) -> SaltLakeStudy:
    """Retrieve the clear overpasses with the `surface` models, and compare them with the temperatures of the USGS.

    The radiance is ST_TRAD, the emissivity ST_EMIS or that of water, the neighbourhood's brightness temperature that of
    the lake. For the implied water vapour, which is given as exact, the transmittance of the model is ST_ATRAN.
    """
    clear = select(table, table.clear)
    size = len(clear)
    methods = {
        name: Comparison(**{field: np.full(size, np.nan) for field in Comparison.__slots__})
        for name in (NOTHING, NOTHING_WATER, IMPLIED, IMPLIED_DRAD)
    }
    vapour = np.full(size, np.nan)
    inputs = climatological_inputs(clear.latitude, clear.longitude, clear.elevation, clear.date)
    for sensor in np.unique(clear.sensor):
        rows = clear.sensor == sensor
        model = Model.load(f"{sensor}/surface", graph="atmosphere")
        of_sensor, known = select(clear, rows), {name: values[rows] for name, values in inputs.items()}
        vapour[rows], found = _retrieve(model, of_sensor, known)
        for name, one in found.items():
            methods[name].difference[rows] = one.temperature - of_sensor.temperature
            methods[name].uncertainty[rows] = one.uncertainty
            methods[name].of_atmosphere[rows] = one.from_atmosphere
    return SaltLakeStudy(
        overpasses=clear, total=len(table), water_vapour=inputs["water_vapour"],
        water_vapour_uncertainty=inputs["water_vapour_uncertainty"], implied_vapour=vapour, methods=methods,
    )  # fmt: skip


def select(table: Overpasses, rows: Mask) -> Overpasses:
    """Some of the overpasses."""
    return Overpasses(**{name: getattr(table, name)[rows] for name in Overpasses.__slots__})


def groups(study: SaltLakeStudy) -> Iterator[Group]:
    """Statistics of every method for each sensor band, and of each season and period; empty groups are omitted."""
    month = study.overpasses.date.astype("datetime64[M]").astype(int) % 12 + 1
    year = study.overpasses.date.astype("datetime64[Y]").astype(int) + 1970
    masks = {str(name): study.overpasses.sensor == name for name in np.unique(study.overpasses.sensor)}
    masks |= {name: month % 12 // 3 == number for number, name in enumerate(SEASONS)}
    starts = range(int(year.min()) // PERIOD * PERIOD, int(year.max()) + 1, PERIOD)
    masks |= {f"{start}-{start + PERIOD - 1}": year // PERIOD * PERIOD == start for start in starts}
    for method, found in study.methods.items():
        for group, mask in masks.items():
            rows = mask & np.isfinite(found.difference)
            if rows.any():
                yield _group(method, group, found, rows, study.overpasses.uncertainty)


def _group(method: str, group: str, found: Comparison, rows: Mask, of_usgs: Float) -> Group:
    error, uncertainty = found.difference[rows], found.uncertainty[rows]
    return Group(
        method=method, group=group, agreement=agreement(error),
        expected=float(np.sqrt(np.mean(uncertainty**2))),
        expected_of_atmosphere=float(np.sqrt(np.mean(found.of_atmosphere[rows] ** 2))),
        within=coverage(error, uncertainty),
        within_atmosphere=coverage(error, found.of_atmosphere[rows]),
        within_combined=coverage(error, np.hypot(uncertainty, of_usgs[rows])),
    )  # fmt: skip


def _retrieve(model: Model, table: Overpasses, inputs: dict[str, Float]) -> tuple[Float, dict[str, Retrieved]]:
    """Implied water vapour, and temperatures with their uncertainties by method, for overpasses of one sensor band."""
    around = brightness_temperature(table.radiance, sensor_band(model.contract.sensor).planck)
    vapour = implied_vapour(model, table.transmittance, {**inputs, "brightness_temperature": around})
    exact = {**inputs, "water_vapour": vapour, "water_vapour_uncertainty": np.zeros_like(vapour)}
    settings: Mapping[str, tuple[Float | float, dict[str, Float], float]] = {
        NOTHING: (table.emissivity, inputs, 1.0),
        NOTHING_WATER: (WATER_EMISSIVITY, inputs, 1.0),
        IMPLIED: (table.emissivity, exact, 1.0),
        # ST_DRAD is the hemispheric radiance divided by pi: docs/science/level2.md
        IMPLIED_DRAD: (table.emissivity, exact, 1.0 / np.pi),
    }
    return vapour, {
        name: retrieve(model, table.radiance, emissivity, given, downwelling_factor=factor)
        for name, (emissivity, given, factor) in settings.items()
    }
