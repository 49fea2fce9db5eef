"""Radiative terms of the atmosphere: from the model at every pixel or on a coarse grid, or from a Level-2 product."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from types import MappingProxyType
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lst_raster.inference.contract import EMISSIVITY_DIFFERENCE, TEMPERATURE_DIFFERENCE, UNCERTAINTIES, uncertainty_name
from lst_raster.inference.model import Model
from lst_raster.inference.uncertainty import model_errors, second_of
from lst_raster.inputs.emissivity.source import UNCERTAINTY
from lst_raster.inputs.fields import Field, open_field, value_at
from lst_raster.inputs.resolve import CLIMATOLOGY, RANGE_TOLERANCE, Inputs, saturation_ratio
from lst_raster.io.coarse_grid import Float, Nodes, interpolate_at, interpolate_levels, spread
from lst_raster.io.grid import Grid
from lst_raster.io.level2_scene import Level2Atmosphere
from lst_raster.physics.planck import band_radiance
from lst_raster.physics.quantities import (
    AIR_TEMPERATURE,
    BRIGHTNESS_TEMPERATURE,
    NEIGHBOURHOOD,
    SURFACE_PRESSURE,
    WATER_VAPOUR,
)
from lst_raster.physics.radiative_transfer import surface_temperature
from lst_raster.physics.two_bands import BandState, two_band_temperature
from lst_raster.physics.uncertainty import AtmosphereErrors
from lst_raster.sensors.bands import second_band, sensor_band
from lst_raster.simulator.sigma_levels import Profiles

Float32: TypeAlias = NDArray[np.float32]
Mask: TypeAlias = NDArray[np.bool_]
Terms: TypeAlias = tuple[Any, Any, Any]
"""Transmittance [1], upwelling and downwelling radiance [W m-2 sr-1 um-1], or changes of them."""
Ranges: TypeAlias = dict[str, tuple[float, float]]
"""Lowest and highest value by input, and `saturation_ratio`."""

ELEVATION_STEP = 50.0
"""Distance between the elevations for which the model runs at each node. [m]"""
NODE_TOLERANCES: Mapping[str, float] = MappingProxyType(
    {WATER_VAPOUR.name: 0.05, AIR_TEMPERATURE.name: 0.03, SURFACE_PRESSURE.name: 0.5}
)
"""Largest error of an input when nodes are left out, in its unit: one fiftieth of the uncertainty of a reanalysis, a
few millikelvins of the surface temperature."""
NODE_ERROR = 0.03
"""Largest change of the temperature by interpolation halfway between nodes of the brightness temperature. [K]"""
CONTRAST = 15.0  # of surfaces with their neighbourhood, for which this error is computed [K]
_HALVINGS = 6  # of the distance between these nodes
_STRIDES = (8, 6, 4, 2)  # tried in this order: every eighth node in each direction, every sixth, and so on
_TERMS, _BAND = 3, 6  # layers of `solve_atmosphere`: terms of a band, and with its errors
_PROFILES_PER_CALL = 16_384  # pixels; each profile has dozens of levels in memory


def solve_atmosphere(model: Model, values: Mapping[str, NDArray[Any]], *, uncertainty: bool) -> Float32:
    """Run the model for inputs of one shape.

    `values` has all inputs of the model, with their uncertainties. Returns an array of shape (layers, ...):
    transmittance [1], upwelling and downwelling radiance [W m-2 sr-1 um-1]; with `uncertainty` also their errors
    (`AtmosphereErrors`), and last 1 where an input is outside the model's range, else 0. Models of two bands always
    have the errors; those of the second band follow, and its further error of the optical depth.
    """
    predicted = model.atmosphere(**values)
    first, second = sensor_band(model.contract.sensor), second_band(model.contract.sensor)
    layers = [*predicted.terms]
    if model.contract.has_two_bands and second is not None:
        other = second_of(predicted)
        layers += [*model_errors(predicted, first.planck), *other.terms, *model_errors(other, second.planck)]
        layers.append(np.asarray(predicted.depth_difference))
    elif uncertainty:
        layers += model_errors(predicted, first.planck)
    if uncertainty:
        layers.append(_outside_range(model, values))
    return np.stack(np.broadcast_arrays(*layers)).astype(np.float32)


def _outside_range(model: Model, values: Mapping[str, NDArray[Any]]) -> Mask:
    """Whether an input is outside the model's valid range, of the common shape or one value."""
    outside = np.asarray(False)
    for variable in model.contract.inputs:
        if variable.name in values and variable.valid_range is not None and variable.name not in UNCERTAINTIES:
            low, high = variable.valid_range
            value = values[variable.name]
            outside = outside | (value < low - RANGE_TOLERANCE * high) | (value > high * (1.0 + RANGE_TOLERANCE))
    return outside


class SecondBandTerms(NamedTuple):
    """The atmosphere in the second band; arrays as in `AtmosphereTerms`."""

    terms: Terms
    errors: AtmosphereErrors
    depth_difference: Any  # further error of the optical depth, over the one common to both bands [1]


@dataclass(frozen=True, kw_only=True, slots=True)
class AtmosphereTerms:
    """The atmosphere over a window; every array of shape (rows, columns), or one number for all pixels."""

    terms: Terms  # of the radiative transfer equation, NaN where an input is missing
    errors: AtmosphereErrors | None = None  # of the terms, None without uncertainty
    second: SecondBandTerms | None = None  # the second band, None of models of one band
    outside_range: Float32 | None = None  # above 0 where an input is outside the model's valid range, None for nowhere
    input_ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict)  # of every model input
    inputs_at: Callable[[Any, Any], dict[str, Any]] | None = None
    """Returns the model inputs at rows and columns of the window; None without a model."""

    @classmethod
    def from_layers(cls, layers: Float32 | Sequence[Any], **more: Any) -> AtmosphereTerms:
        """Name the layers of `solve_atmosphere`; the last one is optional."""
        terms, errors, second = (layers[0], layers[1], layers[2]), None, None
        if len(layers) >= _BAND:
            errors = AtmosphereErrors(layers[3], layers[4], layers[5])
        if len(layers) > 2 * _BAND:
            others = layers[_BAND:]
            second = SecondBandTerms(
                terms=(others[0], others[1], others[2]), errors=AtmosphereErrors(others[3], others[4], others[5]),
                depth_difference=others[6],
            )  # fmt: skip
        outside = layers[-1] if _has_outside(layers) else None
        return cls(terms=terms, errors=errors, second=second, outside_range=outside, **more)

    def layers(self) -> list[Any]:
        """The layers again."""
        outside = () if self.outside_range is None else (self.outside_range,)
        second = () if self.second is None else (*self.second.terms, *self.second.errors, self.second.depth_difference)
        return [*self.terms, *(self.errors or ()), *second, *outside]


def _has_outside(layers: Sequence[Any] | Float32) -> bool:
    """Whether the last layer of `solve_atmosphere` is that on inputs outside the range."""
    return len(layers) in (_BAND + 1, 2 * _BAND + 2)


def _without_zeros(layers: Float32) -> Float32:
    """Leave out the last layer where no input is outside the range."""
    return layers[:-1] if _has_outside(layers) and not layers[-1].any() else layers


AtmosphereReader: TypeAlias = Callable[[Any, Mask], AtmosphereTerms]
"""Takes a window of the scene, and the mask of its pixels for which the atmosphere is needed."""


@contextmanager
def open_level2_atmosphere(level2: Level2Atmosphere) -> Iterator[AtmosphereReader]:
    """Open the terms of a Level-2 product; errors as `open_exact_atmosphere`."""
    with level2.open() as read:
        yield lambda window, needed: AtmosphereTerms(terms=read(window))


@contextmanager
def open_exact_atmosphere(inputs: Inputs, grid: Grid, *, uncertainty: bool) -> Iterator[AtmosphereReader]:
    """Open the model's inputs; the reader runs the model at every pixel, or once where no input varies.

    Raises LstRasterError, from the reader too: a file is missing, damaged or on another grid, or a value is impossible.
    """
    with ExitStack() as stack:
        readers = {name: stack.enter_context(open_field(field, grid)) for name, field in inputs.fields.items()}

        def read(window: Any, needed: Mask) -> AtmosphereTerms:
            fields = {name: reader(window) for name, reader in readers.items()}
            return _exact_terms(inputs, fields, window, needed, uncertainty)

        yield read


def _exact_terms(
    inputs: Inputs, fields: Mapping[str, Float32], window: Any, needed: Mask, uncertainty: bool
) -> AtmosphereTerms:
    """Run the model at every pixel that is needed and has all inputs."""

    def inputs_at(row: Any, column: Any) -> dict[str, Any]:
        values = {
            name: np.broadcast_to(array[row, column] if array.ndim else array, np.shape(row))
            for name, array in fields.items()
        }
        whole = _with_profile(inputs, values, window.row_off + row + 0.5, window.col_off + column + 0.5)
        return inputs.with_uncertainties(whole)

    valid = needed.copy()
    for array in fields.values():
        valid &= np.isfinite(array)
    if inputs.profile is None:
        values = {name: array[valid] if array.ndim else array for name, array in fields.items()}
    else:
        row, column = np.nonzero(valid)
        starts = range(0, max(row.size, 1), _PROFILES_PER_CALL)
        parts = [inputs_at(row[start:][:_PROFILES_PER_CALL], column[start:][:_PROFILES_PER_CALL]) for start in starts]
        values = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    ranges = _checked_ranges(inputs, values) if valid.any() else {}
    values = inputs.with_uncertainties(values)
    pixels = dict(zip(values, np.broadcast_arrays(*values.values()), strict=True))
    layers = solve_atmosphere(inputs.network, pixels, uncertainty=uncertainty)
    if layers.ndim > 1:
        layers = scatter(layers, valid)
    return AtmosphereTerms.from_layers(layers, input_ranges=ranges, inputs_at=inputs_at)


def _with_profile(inputs: Inputs, values: dict[str, Any], row: Any, column: Any) -> dict[str, Any]:
    """Add the inputs that the profile provides at places of the scene [pixel] to the values of the fields."""
    if inputs.profile is None:
        return values
    return inputs.profile.inputs(values, inputs.profile.over(row, column))


def _checked_ranges(inputs: Inputs, values: Mapping[str, Any]) -> Ranges:
    """Range of every input, and `saturation_ratio` of a given water vapour; raises InputError for impossible values."""
    ranges = value_ranges(values)
    for name, given in inputs.atmosphere.items():
        if name in ranges and np.ndim(values[name]):
            given.quantity.check(ranges[name], f"{given.quantity.title} {given.source}")
    vapour = inputs.atmosphere.get("water_vapour")
    if vapour and vapour.origin == "given":
        air = inputs.atmosphere.get("air_temperature")
        ranges |= saturation_ratio(values, is_climatological=air is not None and air.origin == CLIMATOLOGY)
    return ranges


def value_ranges(values: Mapping[str, Any]) -> Ranges:
    """Lowest and highest finite value of every input that has one."""
    finite = {name: array[np.isfinite(array)] for name, array in values.items()}
    return {name: (float(array.min()), float(array.max())) for name, array in finite.items() if array.size}


def widen_ranges(ranges: Ranges, others: Mapping[str, tuple[float, float]]) -> None:
    """Extend ranges, in place, so that they include others."""
    for name, (low, high) in others.items():
        before = ranges.get(name, (np.inf, -np.inf))
        ranges[name] = (min(before[0], low), max(before[1], high))


def scatter(layers: Float32, valid: Mask) -> Float32:
    """Put layers of shape (layers, pixels) at the valid pixels of an array, NaN elsewhere."""
    scattered = np.full((len(layers), *valid.shape), np.nan, np.float32)
    scattered[:, valid] = layers
    return scattered


def min_nodes(fields: Sequence[Field]) -> tuple[Float, Float] | None:
    """Choose the nodes at which the model runs, for every elevation.

    Returns rows and columns [pixel] of the densest input, or a part of them (`_STRIDES`) where all inputs stay within
    `NODE_TOLERANCES` when interpolated from these, at the lowest elevation of the reanalysis; None where no input has
    nodes. The nodes of the brightness temperature, which varies between any two, are added.
    """
    parts: list[tuple[Field, Nodes]] = []  # where each field is compared
    scene = [given.source for given in fields if given.quantity in NEIGHBOURHOOD]
    around = next((nodes for nodes in scene if isinstance(nodes, Nodes)), None)  # all of one grid
    for given in fields:
        if given.quantity in NEIGHBOURHOOD:
            continue
        surface = given.adjustment.surface if given.adjustment else None  # elevation to which the input belongs
        parts += [(given, nodes) for nodes in (given.source, surface) if isinstance(nodes, Nodes)]
    if not parts:
        return (around.rows, around.columns) if around else None
    densest = max((nodes for _, nodes in parts), key=lambda nodes: nodes.values.size)
    rows, columns = densest.rows, densest.columns
    for stride in _STRIDES:
        fewer = _every(densest.rows, stride), _every(densest.columns, stride)
        if all(
            _interpolation_error(given, nodes, *fewer) <= NODE_TOLERANCES.get(given.quantity.name, 0.0)
            for given, nodes in parts
        ):
            rows, columns = fewer
            break
    return (np.union1d(rows, around.rows), np.union1d(columns, around.columns)) if around else (rows, columns)


def _every(axis: Float, stride: int) -> Float:
    """Leave out nodes, but not the first and the last."""
    return np.append(axis[:-1:stride], axis[-1])


def _interpolation_error(given: Field, nodes: Nodes, rows: Float, columns: Float) -> float:
    """Largest difference at nodes when interpolated from other rows and columns; infinite where values lack."""
    surface = given.adjustment.surface if given.adjustment else 0.0
    # Not the field and its surface elevation apart: at one elevation, their changes of slope largely cancel.
    elevation = np.nanmin(surface.values) if isinstance(surface, Nodes) else surface

    def at(row: Float, column: Float) -> Float:
        return np.asarray(np.broadcast_to(value_at(given, row, column, elevation), row.shape))

    column, row = np.meshgrid(columns, rows)
    node_column, node_row = np.meshgrid(nodes.columns, nodes.rows)
    interpolated = interpolate_at(rows, columns, at(row, column), node_row, node_column)
    error = np.abs(interpolated - at(node_row, node_column)).max()
    return float(error) if np.isfinite(error) else np.inf


@dataclass(kw_only=True, slots=True)
class CoarseAtmosphere:
    """Terms of the atmosphere at nodes over the scene, computed on demand for each elevation; shared by all threads."""

    inputs: Inputs
    rows: Float  # of the nodes [pixel]
    columns: Float  # of the nodes [pixel]
    uncertainty: bool
    noises: tuple[float, ...] = ()  # standard uncertainty of the radiance in each band [W m-2 sr-1 um-1]
    input_ranges: Ranges = field(default_factory=dict)  # at the nodes and elevations computed so far
    _profiles: Profiles | None = None  # they do not depend on the elevation and are read once
    _levels: dict[float, Float32] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def over(
        cls, inputs: Inputs, grid: Grid, *, uncertainty: bool, noises: tuple[float, ...] = (0.0, 0.0)
    ) -> CoarseAtmosphere:
        """Choose nodes over a scene: those of the profile, else the fewest for the inputs, else the corners.

        The nodes of the brightness temperature, which varies between any two, are among them, and further ones between
        them where the terms are not linear in it.
        """
        fields = list(inputs.fields.values())
        if inputs.profile is not None:
            fields = [given for given in fields if given.quantity in NEIGHBOURHOOD]
        nodes = min_nodes(fields)
        rows, columns = nodes or (np.array([0.0, grid.height]), np.array([0.0, grid.width]))
        if inputs.profile is not None:
            levels = inputs.profile.levels
            rows, columns = np.union1d(levels.rows, rows), np.union1d(levels.columns, columns)
        coarse = cls(inputs=inputs, rows=rows, columns=columns, uncertainty=uncertainty, noises=noises)
        if any(given.quantity in NEIGHBOURHOOD and isinstance(given.source, Nodes) for given in fields):
            for _ in range(_HALVINGS):
                if not coarse._add_nodes():
                    break
        return coarse

    def _add_nodes(self) -> bool:
        """Add nodes halfway between those where interpolation is in error by `NODE_ERROR`; returns whether any.

        The error is the larger one of two surfaces, colder and warmer than their neighbourhood by `CONTRAST`, at sea
        level: it is larger in more humid air.
        """
        model, found = self.inputs.network, []
        layers = solve_atmosphere(model, self._node_values(0.0), uncertainty=False)
        self._profiles = None  # those of these nodes
        middle_rows, middle_columns = (0.5 * (nodes[1:] + nodes[:-1]) for nodes in (self.rows, self.columns))
        for rows, columns in ((middle_rows, self.columns), (self.rows, middle_columns)):
            column, row = np.meshgrid(columns, rows)
            values = self.values(row, column, 0.0)
            at_places = solve_atmosphere(model, values, uncertainty=False)
            between = interpolate_at(self.rows, self.columns, layers, row, column)
            exact, interpolated = (self._surfaces(values, terms) for terms in (at_places, between))
            found.append((np.abs(exact - interpolated) > NODE_ERROR).any(axis=0))
        new_rows, new_columns = middle_rows[found[0].any(axis=1)], middle_columns[found[1].any(axis=0)]
        self.rows, self.columns = np.union1d(self.rows, new_rows), np.union1d(self.columns, new_columns)
        return bool(new_rows.size or new_columns.size)

    def _surfaces(self, values: Mapping[str, Any], layers: Any) -> Any:
        """Temperature of black surfaces colder and warmer than their neighbourhood, with layers of the atmosphere.

        In the second band, the surfaces differ as much from its brightness temperature.
        """
        atmosphere, sensor = AtmosphereTerms.from_layers(layers), self.inputs.network.contract.sensor
        contrast, around = np.array([-CONTRAST, CONTRAST])[:, None, None], values[BRIGHTNESS_TEMPERATURE.name]
        band, other, second = sensor_band(sensor).planck, second_band(sensor), atmosphere.second
        radiance, black = band_radiance(around + contrast, band), np.float64(1.0)
        if second is None or other is None or atmosphere.errors is None:
            return surface_temperature(radiance, black, *atmosphere.terms, band)
        brightness = around - values[TEMPERATURE_DIFFERENCE] + contrast
        first = BandState(radiance, black, atmosphere.terms, atmosphere.errors, self.noises[0], band)
        state = BandState(
            band_radiance(brightness, other.planck), black, second.terms, second.errors, self.noises[-1], other.planck
        )
        spread = values[uncertainty_name(EMISSIVITY_DIFFERENCE)]
        return two_band_temperature(first, state, UNCERTAINTY, spread, second.depth_difference).temperature

    @property
    def ground(self) -> Field | None:
        """Elevation of the pixels, None where no input is adjusted to it."""
        return next((given.adjustment.ground for given in self.inputs.fields.values() if given.adjustment), None)

    def level(self, elevation: float) -> Float32:
        """Layers of `solve_atmosphere` at all nodes for one elevation [m], of shape (layers, rows, columns)."""
        with self._lock:
            if elevation not in self._levels:
                values = self._node_values(elevation)
                widen_ranges(self.input_ranges, _checked_ranges(self.inputs, values))
                layers = solve_atmosphere(self.inputs.network, values, uncertainty=self.uncertainty)
                self._levels[elevation] = layers
            return self._levels[elevation]

    def _node_values(self, elevation: float) -> dict[str, Any]:
        """Model inputs at all nodes for one elevation [m], of shape (rows, columns)."""
        column, row = np.meshgrid(self.columns, self.rows)
        values, profile = _field_values(self.inputs, row, column, elevation), self.inputs.profile
        if profile is not None:
            self._profiles = self._profiles or profile.over(row, column)
            values = profile.inputs(values, self._profiles)
        return self.inputs.with_uncertainties(values)

    def values(self, row: Any, column: Any, elevation: Any) -> dict[str, Any]:
        """Model inputs at places of the scene [pixel] and their elevation [m]."""
        values = _with_profile(self.inputs, _field_values(self.inputs, row, column, elevation), row, column)
        return self.inputs.with_uncertainties(values)


def _field_values(inputs: Inputs, row: Any, column: Any, elevation: Any) -> dict[str, Any]:
    return {
        name: np.broadcast_to(value_at(given, row, column, elevation), np.shape(row))
        for name, given in inputs.fields.items()
    }


@contextmanager
def open_coarse_atmosphere(coarse: CoarseAtmosphere, grid: Grid) -> Iterator[AtmosphereReader]:
    """Open the elevation of the pixels; the reader interpolates the atmosphere to the pixels of a window.

    Raises LstRasterError, from the reader too: the elevation raster is missing, damaged or on another grid, or a value
    is impossible.
    """
    ground = coarse.ground
    with ExitStack() as stack:
        read_ground = stack.enter_context(open_field(ground, grid)) if ground is not None else None

        def read(window: Any, needed: Mask) -> AtmosphereTerms:
            elevation = np.asarray(0.0, np.float32) if read_ground is None else read_ground(window)
            if elevation.ndim and ground is not None:
                used = np.where(needed, elevation, np.float32("nan"))
                layers = _between_levels(coarse, ground, used, window)
            else:
                layers = coarse.level(float(elevation))
                layers = _without_zeros(layers)
                same_everywhere = (layers == layers[:, :1, :1]).all()
                layers = layers[:, 0, 0] if same_everywhere else spread(coarse.rows, coarse.columns, layers, window)
            inputs_at = partial(_coarse_inputs_at, coarse, elevation, window)
            return AtmosphereTerms.from_layers(layers, input_ranges=dict(coarse.input_ranges), inputs_at=inputs_at)

        yield read


def _coarse_inputs_at(
    coarse: CoarseAtmosphere, elevation: Float32, window: Any, row: Any, column: Any
) -> dict[str, Any]:
    height = elevation[row, column] if elevation.ndim else elevation
    return coarse.values(window.row_off + row + 0.5, window.col_off + column + 0.5, height.astype(float))


def _between_levels(coarse: CoarseAtmosphere, ground: Field, elevation: Float32, window: Any) -> Float32:
    """Interpolate linearly between the two levels below and above each pixel's elevation [m], NaN where missing."""
    lowest, highest = np.fmin.reduce(elevation, axis=None), np.fmax.reduce(elevation, axis=None)
    if np.isnan(lowest):
        return np.full((_TERMS, *elevation.shape), np.nan, np.float32)
    ground.quantity.check((lowest, highest), f"elevation {ground.source}")
    step = np.float32(ELEVATION_STEP)
    first, last = int(np.floor(lowest / step)), int(np.floor(highest / step))
    levels = [coarse.level(number * ELEVATION_STEP) for number in range(first, last + 2)]
    inside = [_without_zeros(level) for level in levels]
    if len({len(level) for level in inside}) == 1:
        levels = inside
    return interpolate_levels(coarse.rows, coarse.columns, levels, first, window, elevation / step)
