"""Inputs of a retrieval: the source of each quantity, from options, files and defaults."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from lst_raster.errors import InputError, ModelError
from lst_raster.inference.contract import (
    BOTH_BANDS,
    PROFILE_UNCERTAINTY,
    UNCERTAIN_INPUTS,
    UNCERTAINTIES,
    uncertainty_name,
    with_unit,
)
from lst_raster.inference.model import Model, has_model
from lst_raster.inference.uncertainty import InputUncertainty, default_uncertainty
from lst_raster.inputs.climatology import ClimatologicalAtmosphere, climatology
from lst_raster.inputs.emissivity.merge import Emissivity, choose_emissivity
from lst_raster.inputs.fields import (
    BETWEEN_ELEVATIONS,
    QUANTITIES,
    ElevationAdjustment,
    Field,
    Source,
    parse_field,
)
from lst_raster.inputs.profile_input import ON_LEVELS, Profile
from lst_raster.inputs.reanalysis.datasets import is_address
from lst_raster.inputs.reanalysis.over_scene import ORIGIN, LevelNodes, fields_over_scene, profiles_over_scene
from lst_raster.inputs.reanalysis.read import local_files
from lst_raster.inputs.reanalysis.request import NothingFoundError
from lst_raster.io.address import Location
from lst_raster.io.coarse_grid import Nodes
from lst_raster.io.level2_scene import Level2Atmosphere, Level2Scene
from lst_raster.io.scene import Scene
from lst_raster.physics.humidity import saturated_column
from lst_raster.physics.quantities import (
    AEROSOL_OPTICAL_DEPTH,
    BRIGHTNESS_TEMPERATURE,
    ELEVATION,
    GAS_YEAR,
    HUMIDITY_2M,
    SURFACE_PRESSURE,
)
from lst_raster.sensors.bands import second_band, sensor_band
from lst_raster.simulator.gases import BACKGROUND_AEROSOL

CLIMATOLOGY = "climatology"  # Origin of default values
BACKGROUND = "background"  # Origin of the default aerosol
SATURATION_RATIO = "saturation_ratio"
"""Name, among the extremes of the inputs, of the ratio of water vapour to that of a saturated atmosphere. [1]"""
# Lowest plausible ratio, at the air temperature or, where that is not given, at that of the climatology. Of the
# 13,696 land columns of four GFS fields (December 2004, January and October 2011, September 2015) 0.12 % are drier than
# the first (0.20 % by area) and 0.07 % than the second; of TIGR-2000 0.04 % than the first. Divided by ten, as by
# confusing cm with mm, 60 % (70 % by area) and 51 % are.
_MIN_RATIO, _MIN_RATIO_CLIMATOLOGY = 0.10, 0.07
_SAMPLE = 4096  # pixels of a tile from which the ratio is computed
RANGE_TOLERANCE = 1e-6
"""Tolerance of the limits of a model's valid range: the values went through float32, the limits did not. [1]"""

BANDS = ("auto", "both", "one")
"""Thermal bands to use, for `choose_bands`."""
_BAND_COUNTS = {"both": "both thermal bands", "one": "one thermal band"}
_FROM_REANALYSIS = ("water_vapour", "air_temperature", "surface_pressure")
_FROM_PROFILE = ("water_vapour", "air_temperature", *ON_LEVELS)


@dataclass(frozen=True, kw_only=True, slots=True)
class Inputs:
    """The model and its inputs, or instead of them the atmosphere of a Level-2 product."""

    model: Model | None  # The model, None for a Level-2 product
    emissivity: Emissivity  # Sources of the surface emissivity
    atmosphere: Mapping[str, Field]  # Atmosphere inputs of the model that are fields, by name
    profile: Profile | None = None  # Profile with the other inputs, None if there are none
    unused: tuple[Field, ...] = ()  # Given fields that the model does not use
    notes: tuple[str, ...] = ()  # Remarks for the user, one line each
    level2: Level2Atmosphere | None = None  # Atmosphere of a Level-2 product, None with a model

    @property
    def network(self) -> Model:
        """The model; raises ModelError for a Level-2 product."""
        if self.model is None:
            raise ModelError("the atmosphere is that of the Level-2 product, without a model; leave out --level-2")
        return self.model

    @property
    def fields(self) -> dict[str, Field]:
        """All atmospheric fields by name: inputs of the model, and additional ones of the profile."""
        return {**self.atmosphere, **(self.profile.fields if self.profile else {})}

    @property
    def names(self) -> list[str]:
        """Names of the atmosphere inputs of the model, in its order; empty without a model."""
        return atmosphere_input_names(self.model) if self.model else []

    @property
    def uncertainties(self) -> dict[str, InputUncertainty]:
        """Standard uncertainties of the inputs that have one, by name; of those of a profile that of a reanalysis."""
        known = {name: _uncertainty(field) for name, field in self.atmosphere.items() if name in UNCERTAIN_INPUTS}
        return {name: known.get(name) or default_uncertainty(name, ORIGIN) for name in UNCERTAIN_INPUTS}

    def with_uncertainties(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Add the standard uncertainties, which are inputs of the model too, to values of the other inputs."""
        return {**values, **input_uncertainties(self.network, values, self.uncertainties)}

    def with_neighbourhood(self, *fields: Field) -> Inputs:
        """Add the values of the neighbourhood (`NEIGHBOURHOOD`), which are known when the masks are."""
        return replace(self, atmosphere={**self.atmosphere, **{field.quantity.name: field for field in fields}})

    @property
    def texts(self) -> dict[str, str]:
        """Descriptions for the provenance by name, the emissivity first."""
        level2 = {"atmosphere": str(self.level2)} if self.level2 else {}
        fields = {name: str(field) for name, field in self.atmosphere.items()}
        return {"emissivity": str(self.emissivity), **level2, **fields, **(self.profile.texts if self.profile else {})}

    @property
    def rasters(self) -> list[Location]:
        """Input files."""
        level2 = self.level2.rasters if self.level2 else []
        return self.emissivity.rasters + level2 + [path for field in self.fields.values() for path in field.rasters]

    @property
    def varying(self) -> list[str]:
        """Titles of the inputs that vary across the scene."""
        emissivity = ["emissivity"] if self.emissivity.rasters else []
        level2 = ["the atmosphere of the Level-2 product"] if self.level2 else []
        fields = [field for field in self.atmosphere.values() if field.rasters or isinstance(field.source, Nodes)]
        return emissivity + level2 + [field.quantity.title for field in fields]


def input_uncertainties(
    model: Model, values: Mapping[str, Any], uncertainties: Mapping[str, InputUncertainty]
) -> dict[str, Any]:
    """Standard uncertainties of inputs, by the names of the model's inputs for them and in their unit.

    Levels have the uncertainty of a reanalysis.
    """
    found = {uncertainty_name(name): known.at(values[name]) for name, known in uncertainties.items()}
    if _uses_levels(model):
        found[PROFILE_UNCERTAINTY] = np.ones_like(values["water_vapour"])
    return found


def _uncertainty(field: Field) -> InputUncertainty:
    """Uncertainty of a field, or that of its origin."""
    return field.uncertainty or default_uncertainty(field.quantity.name, field.origin)


def atmosphere_input_names(model: Model) -> list[str]:
    """Names of the atmospheric quantities among the inputs of a model, in its order.

    Without their uncertainties and the differences of two bands.
    """
    others = (PROFILE_UNCERTAINTY, *map(uncertainty_name, UNCERTAIN_INPUTS), *BOTH_BANDS)
    return [variable.name for variable in model.contract.atmosphere_inputs if variable.name not in others]


def assumption_warnings(scene: Scene, inputs: Inputs) -> list[str]:
    """List the assumptions of a retrieval with their values, one line each."""
    lines = list(scene.files.notes)
    if scene.calibration.source == "default":
        others = f"; the values may also be {scene.other_quantities}: check them" if scene.other_quantities else ""
        lines.append(f"no radiance constants in metadata for {scene.place.name}: {scene.calibration}{others}")
    if scene.second is not None and scene.second.calibration.source == "default":
        lines.append(f"no radiance constants in metadata for {scene.second.place.name}: {scene.second.calibration}")
    if inputs.emissivity.origin == "default":
        sources = inputs.emissivity.names
        used = f"{sources[0]} everywhere" if len(sources) == 1 else ", then ".join(sources)
        lines.append(f"no emissivity given: {used}; --emissivity changes that")
    assumed = [field for field in inputs.atmosphere.values() if field.origin == CLIMATOLOGY]
    if assumed:
        values = ", ".join(f"{field.quantity.title} {field.source:g} {field.quantity.units}" for field in assumed)
        season = scene.date or "an unknown date (annual mean)"
        pressure = inputs.atmosphere.get(SURFACE_PRESSURE.name)
        is_adjusted = pressure in assumed or any(field.adjustment for field in assumed)
        elevation = _climatology(scene, None if is_adjusted else pressure).elevation
        lines.append(
            f"no {', '.join(field.quantity.title for field in assumed)} given: climatology of latitude "
            f"{scene.latitude:.1f}, longitude {scene.longitude:.1f} and {season}: {values} at "
            f"{elevation:.0f} m"
        )
    lines += inputs.notes
    for field in inputs.fields.values():
        lines += field.source.notes if isinstance(field.source, Nodes) else ()
    if inputs.unused and inputs.model:
        names = ", ".join(field.quantity.title for field in inputs.unused)
        lines.append(f"the model {inputs.model.contract.name} takes no {names}: not used")
    return lines


def saturation_ratio(values: Mapping[str, Any], *, is_climatological: bool = False) -> dict[str, tuple[float, float]]:
    """Median ratio of water vapour to that of a saturated atmosphere, over a sample of the pixels.

    `values` has the inputs of the model by name, as arrays that broadcast; `is_climatological` is whether the air
    temperature is that of the climatology. The result maps `SATURATION_RATIO` to the ratio and its lowest plausible
    value [1]; it is empty where no pixel has both.
    """
    vapour, temperature = np.broadcast_arrays(values["water_vapour"], values["air_temperature"])
    step = max(1, vapour.size // _SAMPLE)
    vapour, temperature = vapour.reshape(-1)[::step], temperature.reshape(-1)[::step]
    valid = np.isfinite(vapour) & np.isfinite(temperature)
    if not valid.any():
        return {}
    ratio = np.median(vapour[valid] / saturated_column(temperature[valid].astype(np.float64)))
    return {SATURATION_RATIO: (float(ratio), _MIN_RATIO_CLIMATOLOGY if is_climatological else _MIN_RATIO)}


def input_warnings(model: Model, extremes: Mapping[str, tuple[float, float]]) -> dict[str, str]:
    """Warnings about values outside the valid range of the model and implausibly dry atmospheres, by input.

    `extremes` has the lowest and highest value by input, in the unit of the input, and that of `saturation_ratio`.
    """
    lines = {}
    for variable in model.contract.atmosphere_inputs:
        if variable.name not in extremes or variable.valid_range is None or variable.name in UNCERTAINTIES:
            continue
        (low, high), (bottom, top) = extremes[variable.name], variable.valid_range
        if not (bottom - RANGE_TOLERANCE * top <= low and high <= top + RANGE_TOLERANCE * top):
            span = f"{low:g}" if low == high else f"{low:g} to {high:g}"
            units = with_unit(variable.units)
            lines[variable.name] = (
                f"{variable.name.replace('_', ' ')} {span}{units} is outside the range {bottom:g} to {top:g} "
                f"of the model {model.contract.name}: clipped to that range"
            )
    ratio, limit = extremes.get(SATURATION_RATIO, (1.0, 0.0))
    if ratio < limit:
        low, high = extremes["water_vapour"]
        span = f"{low:.3g}" if low == high else f"{low:.3g} to {high:.3g}"
        lines[SATURATION_RATIO] = (
            f"water vapour {span} kg m-2 is {ratio:.0%} of that of saturated air at the air temperature, and less than "
            f"{limit:.0%} is rare in reality: if it is in cm (g cm-2), give the unit, for example 2.9cm"
        )
    return lines


def resolve_inputs(
    scene: Scene, given: Mapping[str, Source | None], model: Model | str | Path | None, *,
    emissivity: Source | Sequence[Source] | None = None, reanalysis: Sequence[str | Path] = (),
    dem: Source | None = None, align: bool = False,
) -> Inputs:  # fmt: skip
    """Select a model and the source of each of its inputs.

    Values given by the user have priority over the reanalysis, and that over the climatology. Without `model` the tier
    is ``profile`` if the reanalysis has temperature and humidity on levels, else ``surface``. A Level-2 product opened
    with its atmosphere needs no model. The brightness temperature of the neighbourhood is added later
    (`Inputs.with_neighbourhood`).

    `given` has the atmospheric quantities given by the user, by name; `model` is a model, or its name or path;
    `emissivity` has the sources as for `choose_emissivity`; `dem` is the elevation of the pixels [m], to which the
    reanalysis and the climatology are adjusted; with `align`, rasters on another grid are warped.

    Raises InputError if a given value is invalid, or a missing one has no default because the scene has no coordinates;
    ModelError if there is no such model, it is for another sensor band, or it needs a profile and there is none.
    """
    terms = scene.air if isinstance(scene, Level2Scene) else None
    if terms is not None:
        options = {**given, "model": model, "reanalysis": reanalysis or None, "dem": dem}
        useless = ", ".join(name.replace("_", " ") for name, value in options.items() if value is not None)
        if useless:
            raise InputError(
                f"{scene.stem} is retrieved with the atmosphere of the Level-2 product, which takes no {useless}; "
                "leave these options out, or leave out --level-2"
            )
        sources = choose_emissivity(scene, emissivity, align=align)
        return Inputs(model=None, emissivity=sources, atmosphere={}, level2=terms)
    parsed = {
        name: parse_field(QUANTITIES[name], source, align=align) for name, source in given.items() if source is not None
    }
    ground = parse_field(ELEVATION, dem, align=align) if dem is not None else None
    requested = None if model is None else _load(scene, model)
    available = _available(scene, reanalysis, parsed, ground, requested)
    chosen = requested or _load(scene, _default_model(scene, available))
    profile = _profile(available, chosen)
    from_profile = profile.names if profile else ()
    fields = {name: field for name, field in available.fields.items() if name not in from_profile}
    names = [
        name for name in atmosphere_input_names(chosen) if name not in (*from_profile, BRIGHTNESS_TEMPERATURE.name)
    ]
    fields = _default_composition(scene) | fields
    pressure = fields.get(SURFACE_PRESSURE.name)
    defaults = _climatology_fields(scene, [name for name in names if name not in fields], ground, pressure)
    atmosphere = {name: fields[name] if name in fields else defaults[name] for name in names}
    unused = [field for name, field in fields.items() if name not in names]
    if ground and not any(field.adjustment for field in atmosphere.values()):
        unused.append(ground)
    return Inputs(
        model=chosen, emissivity=choose_emissivity(scene, emissivity, align=align), atmosphere=atmosphere,
        profile=profile, unused=tuple(unused), notes=available.notes,
    )  # fmt: skip


def _has_place(scene: Scene) -> bool:
    return scene.latitude is not None and scene.longitude is not None


def _climatology(scene: Scene, pressure: Field | None = None) -> ClimatologicalAtmosphere:
    """Climatology of the centre of a scene with coordinates; without a date the mean of the year.

    It is adjusted to a surface pressure that is one number.
    """
    assert scene.latitude is not None and scene.longitude is not None
    mean = climatology(scene.latitude, scene.longitude, scene.date.day_of_year if scene.date else None)
    if pressure is not None and isinstance(pressure.source, int | float):
        mean = mean.at_pressure(pressure.source)
    return mean


@dataclass(frozen=True, kw_only=True, slots=True)
class _Available:
    """Atmospheric inputs of the user and the reanalysis."""

    fields: dict[str, Field]  # near the surface and of the whole column, by name
    levels: LevelNodes | None = None
    humidity_2m: Field | None = None  # only with levels
    notes: tuple[str, ...] = ()


def needs_of_reanalysis(scene: Scene, given: Collection[str], model: Model | str | Path | None) -> tuple[bool, bool]:
    """Whether quantities of the surface are not given, and whether the model, or one for the scene, uses levels."""
    wanted, uses_levels = _missing(scene, given, None if model is None else _load(scene, model))
    return bool(wanted), uses_levels


def _missing(scene: Scene, given: Collection[str], model: Model | None) -> tuple[list[str], bool]:
    wanted = [name for name in _FROM_REANALYSIS if name not in given]
    return wanted, _uses_levels(model) if model else has_model(_model_name(scene, has_levels=True))


def _available(
    scene: Scene, paths: Sequence[str | Path], given: dict[str, Field], ground: Field | None, model: Model | None
) -> _Available:
    """Add quantities of the reanalysis to the given ones; it is opened only if something is missing."""
    wanted, uses_levels = _missing(scene, given, model)
    if not paths or not (wanted or uses_levels):
        return _Available(fields=given)
    with local_files(paths) as files:
        levels, error = _levels(scene, files, is_required=model is not None and uses_levels)
        if levels is None and not wanted:
            return _Available(fields=given)
        try:
            found = fields_over_scene(
                scene, files, wanted + ([HUMIDITY_2M.name] if levels else []), ground,
                with_levels=bool(levels or error), needs_vapour=levels is None,
            )  # fmt: skip
        except InputError as reason:
            if error is None or str(error) == str(reason):
                raise
            raise InputError(f"{reason}; its levels cannot be used either: {error}") from reason
    notes = (f"levels of the reanalysis are not used: {error}",) if error and uses_levels else ()
    humidity_2m = found.pop(HUMIDITY_2M.name, None)
    return _Available(fields=given | found, levels=levels, humidity_2m=humidity_2m, notes=notes)


def _levels(
    scene: Scene, paths: Sequence[str | Path], *, is_required: bool
) -> tuple[LevelNodes | None, InputError | None]:
    """Read the levels of the files, or return the reason why the existing ones cannot be used.

    Levels of stores on servers are read only if they are required: for a store such as that of ARCO, they are hundreds
    of megabytes.
    """
    read = [path for path in paths if is_required or not is_address(path)]
    try:
        return (profiles_over_scene(scene, read) if read else None), None
    except InputError as error:
        if is_required:
            raise
        return None, None if isinstance(error, NothingFoundError) else error


def _profile(available: _Available, model: Model) -> Profile | None:
    """Profile for the inputs of the model on levels, and for those without a field; None if it is not needed."""
    uses_levels = _uses_levels(model)
    if available.levels is None:
        if uses_levels:
            raise ModelError(
                f"the model {model.contract.name} takes temperature and humidity on levels of pressure, and none are "
                "given; add files with t and q with --reanalysis, or use another model"
            )
        return None
    known = dict(available.fields)
    if uses_levels and "water_vapour" in known and known["water_vapour"].origin == ORIGIN:
        del known["water_vapour"]  # the column of the levels is consistent with them, above any elevation
    names = tuple(name for name in atmosphere_input_names(model) if name in _FROM_PROFILE and name not in known)
    is_scaled = uses_levels and "water_vapour" in known
    if not names:
        return None
    return Profile(levels=available.levels, humidity_2m=available.humidity_2m, names=names, is_scaled=is_scaled)


def _load(scene: Scene, model: Model | str | Path) -> Model:
    if not isinstance(model, Model):
        model = Model.load(model)
    if model.contract.has_two_bands and scene.second is None:
        remedy = "give one of one band" if isinstance(scene, Level2Scene) else "add --bands both"
        raise ModelError(f"the model {model.contract.name} uses both thermal bands; {remedy}")
    if model.contract.sensor != scene.sensor:
        raise ModelError(
            f"the model {model.contract.name} is for {model.contract.sensor}, the scene is {scene.sensor}; "
            "give a model of the scene's sensor band"
        )
    return model


def _default_model(scene: Scene, available: _Available) -> str:
    with_levels = _model_name(scene, has_levels=True)
    return with_levels if available.levels is not None and has_model(with_levels) else _model_name(scene)


def _model_name(scene: Scene, *, has_levels: bool = False) -> str:
    tiers = ("dual", "dual-profile") if scene.second else ("surface", "profile")
    return f"{scene.sensor}/{tiers[has_levels]}"


def choose_bands(scene: Scene, bands: str = "auto", model: Model | str | Path | None = None) -> Scene:
    """Add the second thermal band where it is used.

    Parameters
    ----------
    scene : Scene
        The scene, of its first band.
    bands : {"auto", "both", "one"}
        Bands to use. ``auto`` means both where the scene has them, the user has not chosen one (`Scene.open`), there is
        a model of both, and stray light is corrected; or those of the given model.
    model : Model, str or path, optional
        The given model, its name or its path.

    Raises
    ------
    InputError
        The choice is unknown, or contradicts the model.
    ModelError
        There is no such model.
    SceneError
        The second band is needed, and missing or damaged.
    """
    if bands not in BANDS:
        raise InputError(f"bands is {bands!r}; give one of {', '.join(BANDS)}")
    if isinstance(scene, Level2Scene):
        if bands == "both":
            raise InputError(f"{scene.stem} has the terms of one thermal band; leave out --bands both")
        return scene
    if model is not None:
        model = model if isinstance(model, Model) else Model.load(model)
        needed = "both" if model.contract.has_two_bands else "one"
        if bands not in ("auto", needed):
            raise InputError(f"the model {model.contract.name} uses {_BAND_COUNTS[needed]}; leave out --bands {bands}")
        bands = needed
    if bands == "both":
        both = scene if scene.second is not None else scene.with_second_band()
        if both.has_stray_light_correction:
            return both
        return _with_note(both, "used", f"its uncertainty is {both.stray_light:g} K")
    one, other = replace(scene, second=None), second_band(scene.sensor)
    if bands == "one" or other is None or scene.files.is_chosen:
        return one
    if not set(other.files) <= set(scene.files.bands) or not has_model(f"{scene.sensor}/dual"):
        return one
    if not scene.has_stray_light_correction:
        return _with_note(one, "not used", "--bands both uses it, --bands one confirms the other band alone")
    return scene if scene.second is not None else scene.with_second_band()


def _with_note(scene: Scene, use: str, consequence: str) -> Scene:
    """Add the note that stray light is not corrected."""
    other = second_band(scene.sensor)
    assert other is not None
    state = "not known to be" if scene.has_stray_light_correction is None else "not"
    note = (
        f"band {next(iter(other.files))[1:]} is {use}, and its stray light is {state} corrected as in collections 1 "
        f"and 2: {consequence}"
    )
    return replace(scene, files=replace(scene.files, notes=(*scene.files.notes, note)))


def _uses_levels(model: Model) -> bool:
    return any(name in ON_LEVELS for name in atmosphere_input_names(model))


def _climatology_fields(
    scene: Scene, names: list[str], ground: Field | None, pressure: Field | None
) -> dict[str, Field]:
    """Defaults from the climatology: at the elevation of a DEM, else for a pressure that is a number, else at its own.

    Its own elevation is that of the surface of its grid.
    """
    if not names:
        return {}
    if not _has_place(scene):
        options = ", ".join(f"--{name.replace('_', '-')}" for name in names)
        raise InputError(
            f"{scene.place.name} has no coordinate system, so there is no climatology for it; add {options}"
        )
    mean = _climatology(scene) if ground else _climatology(scene, pressure).at_unknown_elevation()
    fields = {}
    for name in names:
        value, uncertainty = float(getattr(mean, name)), float(getattr(mean, f"{name}_uncertainty"))
        adjustment = ElevationAdjustment(
            surface=float(mean.elevation), ground=ground, formula=BETWEEN_ELEVATIONS[name]
        ) if ground else None  # fmt: skip
        # Water vapour is adjusted to the elevation by a factor, and its uncertainty with it.
        known = InputUncertainty(0.0, uncertainty / value) if name == "water_vapour" else InputUncertainty(uncertainty)
        fields[name] = Field(
            quantity=QUANTITIES[name], source=max(round(value, 1), 0.1), origin=CLIMATOLOGY, uncertainty=known,
            adjustment=adjustment,
        )  # fmt: skip
    return fields


def _default_composition(scene: Scene) -> dict[str, Field]:
    """Background aerosol, and the year of the trace gases: that of the acquisition, else of the sensor's operation."""
    aerosol, spread = BACKGROUND_AEROSOL
    return {
        AEROSOL_OPTICAL_DEPTH.name: Field(
            quantity=AEROSOL_OPTICAL_DEPTH, source=aerosol, origin=BACKGROUND, uncertainty=InputUncertainty(spread)
        ),
        GAS_YEAR.name: Field(
            quantity=GAS_YEAR, source=float(gas_year(scene.sensor, scene.date.decimal_year if scene.date else np.nan)),
            origin="acquisition" if scene.date else "sensor",
        ),
    }  # fmt: skip


def gas_year(sensor: str, year: Any) -> Any:
    """Year of the trace gases for decimal years, NaN for the middle of the sensor's operation; within `GAS_YEAR`."""
    band = sensor_band(sensor)
    known = np.where(np.isnan(year), 0.5 * (band.first_year + band.last_year + 1.0), year)
    return np.clip(known, GAS_YEAR.low, GAS_YEAR.high)
