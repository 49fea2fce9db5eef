"""What a retrieval is fed with where the user, the files and the defaults each tell a part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lst_raster.engine.inputs import STANDARD, Inputs, names_of
from lst_raster.errors import InputError, ModelError
from lst_raster.inference.model import Model, has_model
from lst_raster.inference.uncertainty import TRUST
from lst_raster.scene.emissivity.merge import choose_emissivity
from lst_raster.scene.fields import (
    BETWEEN_ELEVATIONS,
    ELEVATION,
    INPUT_ERRORS,
    QUANTITIES,
    Field,
    Lift,
    Source,
    parse_field,
)
from lst_raster.scene.level2 import Level2Scene
from lst_raster.scene.profile import ON_LEVELS, Profile
from lst_raster.scene.reanalysis.levels import LevelNodes, profiles_over_scene
from lst_raster.scene.reanalysis.over_scene import ORIGIN, fields_over_scene
from lst_raster.scene.reanalysis.remote_files import local_files
from lst_raster.scene.reanalysis.variables import HUMIDITY_2M, NothingFoundError
from lst_raster.scene.reanalysis.zarr_store import is_address
from lst_raster.scene.scene import Scene
from lst_raster.scene.standard_atmosphere import standard_atmosphere

_FROM_REANALYSIS = ("water_vapour", "air_temperature", "surface_pressure")
_FROM_PROFILE = ("water_vapour", "air_temperature", *ON_LEVELS)
_PROFILE = "profile"  # the tier


def choose_inputs(
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
    )


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
            lift=Lift(surface=0.0, ground=ground, formula=BETWEEN_ELEVATIONS[name]) if ground else None,
        )
        for name in names
    }
