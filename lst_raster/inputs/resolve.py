"""Inputs of a retrieval: what is used for each quantity, from the options, files and defaults."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lst_raster.errors import InputError, ModelError
from lst_raster.inference.model import Model, has_model
from lst_raster.inference.uncertainty import TRUST
from lst_raster.inputs.emissivity.merge import Emissivity, choose_emissivity
from lst_raster.inputs.fields import (
    BETWEEN_ELEVATIONS,
    INPUT_ERRORS,
    QUANTITIES,
    ElevationAdjustment,
    Field,
    Source,
    parse_field,
)
from lst_raster.inputs.profile_input import ON_LEVELS, Profile
from lst_raster.inputs.reanalysis.over_scene import ORIGIN, LevelNodes, fields_over_scene, profiles_over_scene
from lst_raster.inputs.reanalysis.read import local_files
from lst_raster.inputs.reanalysis.variables import NothingFoundError
from lst_raster.inputs.reanalysis.zarr_store import is_address
from lst_raster.io.address import Location
from lst_raster.io.coarse_grid import Nodes
from lst_raster.io.level2_scene import Level2Atmosphere, Level2Scene
from lst_raster.io.scene import Scene
from lst_raster.physics.humidity import saturated_column
from lst_raster.physics.quantities import ELEVATION, HUMIDITY_2M
from lst_raster.simulator.standard_atmosphere import standard_atmosphere

STANDARD = "standard atmosphere"
"""Origin of what is assumed."""
DRYNESS = "dryness"
"""Name, among the extremes of the inputs, of the given water vapour's share of that of saturated air. [1]"""
# Least plausible share of the water vapour of saturated air, at the air temperature or, where that is not an input, at
# that of the standard atmosphere. Of the 14268 land columns of four GFS analyses (December 2004, January and October
# 2011, September 2015) 0.12 % are drier than the first (0.20 % by area), and 0.30 % of the 9806 north of 60 degrees
# south than the second; of TIGR-2000 0.04 %. Divided by ten, as by a slip of cm for mm, 60 % (70 % by area) are.
_DRIEST, _DRIEST_OF_STANDARD = 0.10, 0.05
_DRAWN = 4096  # pixels of a tile at which the share is looked at
ROUNDING = 1e-6
"""By which a value may leave a model's range: it went through float32, the limits did not. [1]"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Inputs:
    """The model and what it is fed with, or the air of a Level-2 product in their place."""

    model: Model | None
    """The model, None where the air is a Level-2 product's."""
    emissivity: Emissivity
    """Sources of the surface's emissivity."""
    atmosphere: Mapping[str, Field]
    """The model's atmosphere inputs that are fields, by name."""
    profile: Profile | None = None
    """What tells the others, None where there are none."""
    surplus: tuple[Field, ...] = ()
    """What was given but the model does not take."""
    notes: tuple[str, ...] = ()
    """What is to be known of what was found, one line each."""
    level2: Level2Atmosphere | None = None
    """The air of a Level-2 product, None where there is a model."""
    usual_temperature: float | None = None
    """Air temperature of the standard atmosphere, where the model takes none and the water vapour is to be held
    against it; None elsewhere. [K]"""

    @property
    def network(self) -> Model:
        """The model, where it is needed.

        Raises
        ------
        ModelError
            There is none.
        """
        if self.model is None:
            raise ModelError(
                "the air is a Level-2 product's, so there is no model to run; retrieve the Level-1 product"
            )
        return self.model

    @property
    def fields(self) -> dict[str, Field]:
        """All fields of the air, by name: the model's inputs, and what the profile needs beside them."""
        return {**self.atmosphere, **(self.profile.fields if self.profile else {})}

    @property
    def names(self) -> list[str]:
        """Names of the model's inputs of the air itself, in its order; none where there is no model."""
        return names_of(self.model) if self.model else []

    @property
    def origins(self) -> dict[str, str]:
        """Where the model's inputs that are fields come from, by name."""
        return {name: field.origin for name, field in self.atmosphere.items()}

    @property
    def texts(self) -> dict[str, str]:
        """What each of them is, by name, the emissivity first."""
        air = {"atmosphere": str(self.level2)} if self.level2 else {}
        fields = {name: str(field) for name, field in self.atmosphere.items()}
        profile = self.profile.texts if self.profile else {}
        return {"emissivity": str(self.emissivity), **air, **fields, **profile}

    @property
    def rasters(self) -> list[Location]:
        """Files that are read."""
        own = self.level2.rasters if self.level2 else []
        return self.emissivity.rasters + own + [path for field in self.fields.values() for path in field.rasters]

    @property
    def varying(self) -> list[str]:
        """Names, for people, of what is not one number for all pixels."""
        emissivity = ["emissivity"] if self.emissivity.rasters else []
        air = ["the Level-2 product's air"] if self.level2 else []
        fields = [field for field in self.atmosphere.values() if field.rasters or isinstance(field.source, Nodes)]
        return emissivity + air + [field.quantity.title for field in fields]


def names_of(model: Model) -> list[str]:
    """Names of a model's inputs that are quantities of the air, in its order."""
    return [variable.name for variable in model.contract.atmosphere_inputs if variable.name != INPUT_ERRORS.name]


def warnings_of(scene: Scene, inputs: Inputs) -> list[str]:
    """Say what a retrieval assumes, one line each, with the values.

    Parameters
    ----------
    scene : Scene
        The scene.
    inputs : Inputs
        What is fed to the model.
    """
    lines = list(scene.files.notes)
    if scene.calibration.source == "default":
        others = f"; the values may also be {scene.other_readings}: check them" if scene.other_readings else ""
        lines.append(f"no radiance constants in metadata beside {scene.place.name}: {scene.calibration}{others}")
    if inputs.emissivity.origin == "default":
        lines.append(f"no emissivity given: {inputs.emissivity.names[0]} everywhere; --emissivity changes that")
    assumed = [
        field for field in inputs.atmosphere.values() if field.origin == STANDARD and field.quantity is not INPUT_ERRORS
    ]
    if assumed:
        values = ", ".join(f"{field.quantity.title} {field.source:g} {field.quantity.units}" for field in assumed)
        season = scene.date or "an unknown date (annual mean)"
        lines.append(
            f"no {', '.join(field.quantity.title for field in assumed)} given: standard atmosphere of latitude "
            f"{scene.latitude:.1f} and {season}: {values}{' at sea level' if assumed[0].lift else ''}"
        )
    lines += inputs.notes
    for field in inputs.fields.values():
        lines += field.source.notes if isinstance(field.source, Nodes) else ()
    if inputs.surplus and inputs.model:
        names = ", ".join(field.quantity.title for field in inputs.surplus)
        lines.append(f"the model {inputs.model.contract.name} takes no {names}: not used")
    return lines


def dryness(values: Mapping[str, Any], usual_temperature: float | None = None) -> dict[str, tuple[float, float]]:
    """Water vapour as a share of that of saturated air, the median over some of the pixels.

    Parameters
    ----------
    values : mapping of str to array
        Inputs of the model by name; arrays that broadcast with each other.
    usual_temperature : float, optional
        Air temperature to take where `values` has none. [K]

    Returns
    -------
    dict of str to tuple of float
        `DRYNESS` with the share [1] and the least share that is plausible [1]; nothing where the temperature is not
        known.
    """
    temperature, limit = values.get("air_temperature", usual_temperature), _DRIEST
    if "air_temperature" not in values:
        limit = _DRIEST_OF_STANDARD
    if temperature is None or "water_vapour" not in values:
        return {}
    vapour, temperature = np.broadcast_arrays(values["water_vapour"], temperature)
    step = max(1, vapour.size // _DRAWN)
    vapour, temperature = vapour.reshape(-1)[::step], temperature.reshape(-1)[::step]
    known = np.isfinite(vapour) & np.isfinite(temperature)
    if not known.any():
        return {}
    share = np.median(vapour[known] / saturated_column(temperature[known].astype(np.float64)))
    return {DRYNESS: (float(share), limit)}


def input_warnings(model: Model, extremes: Mapping[str, tuple[float, float]]) -> dict[str, str]:
    """Say what is unusual about the values of the inputs.

    Parameters
    ----------
    model : Model
        The model.
    extremes : mapping of str to tuple of float
        Lowest and highest value by input, in the input's unit, and what `dryness` gives.

    Returns
    -------
    dict of str to str
        A line for each input that has something unusual.
    """
    ranges = {name: range_warning(model, name, *extremes[name]) for name in names_of(model) if name in extremes}
    lines = {name: line for name, line in ranges.items() if line is not None}
    share, limit = extremes.get(DRYNESS, (1.0, 0.0))
    if share < limit:
        low, high = extremes["water_vapour"]
        span = f"{low:.3g}" if low == high else f"{low:.3g} to {high:.3g}"
        lines[DRYNESS] = (
            f"water vapour {span} kg m-2 is {share:.0%} of that of saturated air at the air temperature, and real air "
            f"hardly ever has less than {limit:.0%}: if it is in cm (g cm-2), give the unit, for example 2.9cm"
        )
    return lines


def range_warning(model: Model, name: str, low: float, high: float) -> str | None:
    """Say that values of an input leave the range that a model was made for, None where they do not.

    Parameters
    ----------
    model : Model
        The model.
    name : str
        The input.
    low, high : float
        Lowest and highest value, in the input's unit.
    """
    limits = next(variable for variable in model.contract.inputs if variable.name == name)
    if limits.valid_range is None:
        return None
    bottom, top = limits.valid_range
    rounding = ROUNDING * top
    if bottom - rounding <= low and high <= top + rounding:
        return None
    span = f"{low:g}" if low == high else f"{low:g} to {high:g}"
    return (
        f"{name.replace('_', ' ')} {span} {limits.units} leaves the {bottom:g} to {top:g} that the model "
        f"{model.contract.name} was made for: the nearer end is taken"
    )


_FROM_REANALYSIS = ("water_vapour", "air_temperature", "surface_pressure")
_FROM_PROFILE = ("water_vapour", "air_temperature", *ON_LEVELS)
_PROFILE = "profile"  # the tier
_ANTARCTICA = -60.0  # [degree] of latitude, south of which it lies


def resolve_inputs(
    scene: Scene,
    given: Mapping[str, Source | None],
    model: Model | str | Path | None,
    *,
    emissivity: Source | Sequence[Source] | None = None,
    reanalysis: Sequence[str | Path] = (),
    dem: Source | None = None,
    align: bool = False,
) -> Inputs:
    """Decide on a model and fill in what was not given.

    What the user gave comes first, then the reanalysis, then the standard atmosphere.
    Without `model` the tier is ``profile`` where the reanalysis has temperature and humidity on levels; else ``column``
    where the water vapour is given and the air temperature is not, else ``surface``: a temperature assumed beside a
    measured column would pretend to know more than is known.
    A Level-2 product has its own air, and no model is needed.

    Parameters
    ----------
    scene : Scene
        The scene.
    given : mapping of str to number, str, path or None
        What the user gave of the atmosphere, by the quantity's name.
    model : Model, str, path or None
        The model, or its name or path.
    emissivity : number, str, path, sequence of them, or None
        Sources of emissivity, as `choose_emissivity`.
    reanalysis : sequence of str or path
        Reanalysis files.
    dem : number, str, path or None
        Elevation of the pixels, to which the reanalysis and the standard atmosphere are brought. [m]
    align : bool
        Whether rasters on another grid are warped onto the scene's.

    Returns
    -------
    Inputs
        Everything the model needs.

    Raises
    ------
    InputError
        Something given is not possible, or something not given has no default because the scene has no latitude.
    ModelError
        There is no such model, or it is another sensor band's, or it takes a profile and there is none.
    """
    if isinstance(scene, Level2Scene):
        _require_none(scene, {**given, "model": model, "reanalysis": reanalysis or None, "dem": dem})
        ground_alone = choose_emissivity(scene, emissivity, align=align)
        return Inputs(model=None, emissivity=ground_alone, atmosphere={}, level2=scene.air)
    own = {
        name: parse_field(QUANTITIES[name], source, align=align) for name, source in given.items() if source is not None
    }
    ground = parse_field(ELEVATION, dem, align=align) if dem is not None else None
    wanted = None if model is None else _load(scene, model)
    air = _known_air(scene, reanalysis, own, ground, wanted)
    chosen = wanted or _load(scene, f"{scene.sensor}/{_tier(scene, air)}")
    profile = _profile(air, chosen)
    told = profile.names if profile else ()
    fields = {name: field for name, field in air.fields.items() if name not in told}
    names = [name for name in names_of(chosen) if name not in told]
    defaults = _standard_fields(scene, [name for name in names if name not in fields], ground)
    atmosphere = {name: fields[name] if name in fields else defaults[name] for name in names}
    if any(variable.name == INPUT_ERRORS.name for variable in chosen.contract.atmosphere_inputs):
        atmosphere[INPUT_ERRORS.name] = _trust(atmosphere, profile)
    lifted = any(field.lift for field in atmosphere.values())
    return Inputs(
        model=chosen,
        emissivity=choose_emissivity(scene, emissivity, align=align),
        atmosphere=atmosphere,
        profile=profile,
        surplus=(
            *(field for name, field in fields.items() if name not in names),
            *((ground,) if ground and not lifted else ()),
        ),
        notes=air.notes,
        usual_temperature=None if "air_temperature" in (*atmosphere, *told) else _usual_temperature(scene),
    )


def _usual_temperature(scene: Scene) -> float | None:
    """Air temperature of the standard atmosphere; over Antarctica, whose plateau it is not made for, there is none."""
    if scene.latitude is None or scene.latitude < _ANTARCTICA:
        return None
    return standard_atmosphere(scene.latitude, scene.date.day_of_year if scene.date else None).air_temperature


def _trust(atmosphere: Mapping[str, Field], profile: Profile | None) -> Field:
    """How far the inputs of the air are to be trusted: as far as the least sure of them."""
    origins = [field.origin for field in atmosphere.values()] + ([ORIGIN] if profile else [])
    shares = {origin: TRUST[origin] for origin in origins}
    origin = max(shares, key=shares.__getitem__)
    return Field(quantity=INPUT_ERRORS, source=shares[origin], origin=origin)


def _require_none(scene: Scene, given: Mapping[str, object]) -> None:
    """Refuse what has no use: the user believes that it has one."""
    names = [name.replace("_", " ") for name, value in given.items() if value is not None]
    if names:
        raise InputError(
            f"{scene.stem} is solved with the air of the Level-2 product, which takes no {', '.join(names)}; leave out "
            "what is too much, or retrieve the Level-1 product"
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class _KnownAir:
    """What user and reanalysis tell of the air."""

    fields: dict[str, Field]
    """Quantities near the ground and of the whole column, by name."""
    levels: LevelNodes | None = None
    """Temperature and humidity on levels."""
    humidity_2m: Field | None = None
    """Specific humidity at 2 m, where there are levels."""
    notes: tuple[str, ...] = ()
    """What is to be known of it."""


def _known_air(
    scene: Scene, paths: Sequence[str | Path], given: dict[str, Field], ground: Field | None, model: Model | None
) -> _KnownAir:
    """Read from the reanalysis what is not given; without need it is not opened."""
    wanted = [name for name in _FROM_REANALYSIS if name not in given]
    profiled = _takes_levels(model) if model else has_model(f"{scene.sensor}/{_PROFILE}")
    if not paths or not (wanted or profiled):
        return _KnownAir(fields=given)
    with local_files(paths) as files:
        return _read_air(scene, files, given, ground, is_needed=model is not None and profiled, profiled=profiled)


def _read_air(
    scene: Scene, paths: Sequence[str | Path], given: dict[str, Field], ground: Field | None, *,
    is_needed: bool, profiled: bool,
) -> _KnownAir:  # fmt: skip
    """Read from files on disk, and from stores, what is not given."""
    wanted = [name for name in _FROM_REANALYSIS if name not in given]
    levels, complaint = _levels(scene, paths, is_needed=is_needed)
    if levels is None and not wanted:
        return _KnownAir(fields=given)
    try:
        found = fields_over_scene(
            scene, paths, wanted + ([HUMIDITY_2M.name] if levels else []), ground,
            beside_levels=bool(levels or complaint), needs_vapour=levels is None,
        )  # fmt: skip
    except InputError as reason:
        if complaint is None or str(complaint) == str(reason):
            raise
        raise InputError(f"{reason}; its levels do not serve either: {complaint}") from reason
    notes = (f"levels of the reanalysis are not used: {complaint}",) if complaint and profiled else ()
    humidity_2m = found.pop(HUMIDITY_2M.name, None)
    return _KnownAir(fields=given | found, levels=levels, humidity_2m=humidity_2m, notes=notes)


def _levels(
    scene: Scene, paths: Sequence[str | Path], *, is_needed: bool
) -> tuple[LevelNodes | None, InputError | None]:
    """Read what the files have on levels; where they have some that do not serve, tell why.

    Stores on servers are asked for them on demand alone: of a store in ARCO's layout they are hundreds of megabytes.
    """
    asked = [path for path in paths if is_needed or not is_address(path)]
    try:
        return (profiles_over_scene(scene, asked) if asked else None), None
    except InputError as complaint:
        if is_needed:
            raise
        return None, None if isinstance(complaint, NothingFoundError) else complaint


def _profile(air: _KnownAir, model: Model) -> Profile | None:
    """Ask the levels for what the model takes of them, and for what no field tells."""
    takes = _takes_levels(model)
    if air.levels is None:
        if takes:
            raise ModelError(
                f"the model {model.contract.name} takes temperature and humidity on levels of pressure, and none are "
                "given; add files with t and q with --reanalysis, or use another model"
            )
        return None
    known = dict(air.fields)
    if takes and "water_vapour" in known and known["water_vapour"].origin == ORIGIN:
        del known["water_vapour"]  # the levels' own column goes with them, above any ground
    names = tuple(name for name in names_of(model) if name in _FROM_PROFILE and name not in known)
    scaled = takes and "water_vapour" in known
    return Profile(levels=air.levels, humidity_2m=air.humidity_2m, names=names, is_scaled=scaled) if names else None


def _load(scene: Scene, model: Model | str | Path) -> Model:
    if not isinstance(model, Model):
        model = Model.load(model)
    if model.contract.sensor != scene.sensor:
        raise ModelError(
            f"the model {model.contract.name} is for {model.contract.sensor}, the scene is {scene.sensor}; "
            "give a model of the scene's sensor band"
        )
    return model


def _tier(scene: Scene, air: _KnownAir) -> str:
    if air.levels is not None and has_model(f"{scene.sensor}/{_PROFILE}"):
        return _PROFILE
    if air.levels is not None and "water_vapour" not in air.fields:
        return "surface"  # the levels tell both
    return "column" if "water_vapour" in air.fields and "air_temperature" not in air.fields else "surface"


def _takes_levels(model: Model) -> bool:
    return any(name in ON_LEVELS for name in names_of(model))


def _standard_fields(scene: Scene, names: list[str], ground: Field | None) -> dict[str, Field]:
    """Take what is missing of the atmosphere from the standard atmosphere, which is one above the sea."""
    if not names:
        return {}
    if scene.latitude is None:
        options = ", ".join(f"--{name.replace('_', '-')}" for name in names)
        raise InputError(
            f"{scene.place.name} has no coordinate system, so no standard atmosphere can be chosen for it; "
            f"add {options}"
        )
    atmosphere = standard_atmosphere(scene.latitude, scene.date.day_of_year if scene.date else None)
    return {
        name: Field(
            quantity=QUANTITIES[name],
            source=getattr(atmosphere, name),
            origin=STANDARD,
            lift=ElevationAdjustment(surface=0.0, ground=ground, formula=BETWEEN_ELEVATIONS[name]) if ground else None,
        )
        for name in names
    }
