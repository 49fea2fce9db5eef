"""What a retrieval takes beside the scene: the model, the emissivity and the atmosphere, given or by default."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lst_raster.errors import InputError, ModelError
from lst_raster.inference.model import Model
from lst_raster.scene.emissivity.merge import Emissivity, choose_emissivity
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
from lst_raster.scene.level2_terms import Level2Air
from lst_raster.scene.nodes import Nodes
from lst_raster.scene.reanalysis.over_scene import fields_over_scene
from lst_raster.scene.scene import Scene
from lst_raster.scene.standard_atmosphere import standard_atmosphere

_STANDARD = "standard atmosphere"
ROUNDING = 1e-6
"""By which a value may leave a model's range: it went through float32, the limits did not. [1]"""
_TRUST = {"given": 0.5}
"""What a model is told of the errors of its inputs by where they come from (`INPUT_ERRORS`), else 1: those of
`INPUT_UNCERTAINTIES` as a share of a reanalysis'. A standard atmosphere is less sure than any model has learnt. [1]"""
_FROM_REANALYSIS = ("water_vapour", "air_temperature", "surface_pressure")


@dataclass(frozen=True, kw_only=True, slots=True)
class Inputs:
    """The model and what it is fed with, or the air of a Level-2 product in their place."""

    model: Model | None
    """The model, None where the air is a Level-2 product's."""
    emissivity: Emissivity
    """Sources of the surface's emissivity."""
    atmosphere: Mapping[str, Field]
    """The model's atmosphere inputs, by name."""
    surplus: tuple[Field, ...] = ()
    """What was given but the model does not take."""
    level2: Level2Air | None = None
    """The air of a Level-2 product, None where there is a model."""

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
    def texts(self) -> dict[str, str]:
        """What each of them is, by name, the emissivity first."""
        air = {"atmosphere": str(self.level2)} if self.level2 else {}
        fields = {name: str(field) for name, field in self.atmosphere.items()}
        return {"emissivity": str(self.emissivity), **air, **fields}

    @property
    def rasters(self) -> list[Path]:
        """Files that are read."""
        own = self.level2.rasters if self.level2 else []
        return self.emissivity.rasters + own + [path for field in self.atmosphere.values() for path in field.rasters]

    @property
    def varying(self) -> list[str]:
        """Names, for people, of what is not one number for all pixels."""
        emissivity = ["emissivity"] if self.emissivity.rasters else []
        air = ["the Level-2 product's air"] if self.level2 else []
        fields = [field for field in self.atmosphere.values() if field.rasters or isinstance(field.source, Nodes)]
        return emissivity + air + [field.quantity.title for field in fields]


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
    Without `model` the tier is ``column`` where the water vapour is given and the air temperature is not, else
    ``surface``: a temperature assumed beside a measured column would pretend to know more than is known.
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
        There is no such model, or it is another sensor band's.
    """
    if isinstance(scene, Level2Scene):
        _require_none(scene, {**given, "model": model, "reanalysis": reanalysis or None, "dem": dem})
        own = choose_emissivity(scene, emissivity, align=align)
        return Inputs(model=None, emissivity=own, atmosphere={}, level2=scene.air)
    fields = {
        name: parse_field(QUANTITIES[name], source, align=align) for name, source in given.items() if source is not None
    }
    ground = parse_field(ELEVATION, dem, align=align) if dem is not None else None
    wanted = [name for name in _FROM_REANALYSIS if name not in fields]
    if reanalysis and wanted:
        fields |= fields_over_scene(scene, reanalysis, wanted, ground)
    model = _choose_model(scene, fields, model)
    names = [variable.name for variable in model.contract.atmosphere_inputs if variable.name != INPUT_ERRORS.name]
    defaults = _standard_fields(scene, [name for name in names if name not in fields], ground)
    atmosphere = {name: fields[name] if name in fields else defaults[name] for name in names}
    if len(names) < len(model.contract.atmosphere_inputs):
        atmosphere[INPUT_ERRORS.name] = _trust(atmosphere)
    lifted = any(field.lift for field in atmosphere.values())
    return Inputs(
        model=model,
        emissivity=choose_emissivity(scene, emissivity, align=align),
        atmosphere=atmosphere,
        surplus=(
            *(field for name, field in fields.items() if name not in names),
            *((ground,) if ground and not lifted else ()),
        ),
    )


def _trust(atmosphere: Mapping[str, Field]) -> Field:
    """How far the inputs of the air are to be trusted: as far as the least sure of them."""
    shares = {field.origin: _TRUST.get(field.origin, 1.0) for field in atmosphere.values()}
    origin = max(shares, key=shares.__getitem__)
    return Field(quantity=INPUT_ERRORS, source=shares[origin], origin=origin)


def warnings_of(scene: Scene, inputs: Inputs) -> list[str]:
    """Say what a retrieval assumes, one line each, with the values.

    Parameters
    ----------
    scene : Scene
        The scene.
    inputs : Inputs
        What is fed to the model.
    """
    lines = []
    if scene.calibration.source == "default":
        lines.append(f"no radiance constants in metadata beside {scene.place.name}: {scene.calibration}")
    if inputs.emissivity.origin == "default":
        lines.append(f"no emissivity given: {inputs.emissivity.names[0]} everywhere; --emissivity changes that")
    assumed = [
        field
        for field in inputs.atmosphere.values()
        if field.origin == _STANDARD and field.quantity is not INPUT_ERRORS
    ]
    if assumed:
        values = ", ".join(f"{field.quantity.title} {field.source:g} {field.quantity.units}" for field in assumed)
        season = scene.date or "an unknown date (annual mean)"
        lines.append(
            f"no {', '.join(field.quantity.title for field in assumed)} given: standard atmosphere of latitude "
            f"{scene.latitude:.1f} and {season}: {values}{' at sea level' if assumed[0].lift else ''}"
        )
    for field in inputs.atmosphere.values():
        lines += field.source.notes if isinstance(field.source, Nodes) else ()
    if inputs.surplus and inputs.model:
        names = ", ".join(field.quantity.title for field in inputs.surplus)
        lines.append(f"the model {inputs.model.contract.name} takes no {names}: not used")
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


def _require_none(scene: Scene, given: Mapping[str, object]) -> None:
    """Refuse what has no use: the user believes that it has one."""
    names = [name.replace("_", " ") for name, value in given.items() if value is not None]
    if names:
        raise InputError(
            f"{scene.stem} is solved with the air of the Level-2 product, which takes no {', '.join(names)}; leave out "
            "what is too much, or retrieve the Level-1 product"
        )


def _choose_model(scene: Scene, fields: Mapping[str, Field], model: Model | str | Path | None) -> Model:
    if model is None:
        tier = "column" if "water_vapour" in fields and "air_temperature" not in fields else "surface"
        model = f"{scene.sensor}/{tier}"
    if not isinstance(model, Model):
        model = Model.load(model)
    if model.contract.sensor != scene.sensor:
        raise ModelError(
            f"the model {model.contract.name} is for {model.contract.sensor}, the scene is {scene.sensor}; "
            "give a model of the scene's sensor band"
        )
    return model


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
            origin=_STANDARD,
            lift=Lift(surface=0.0, ground=ground, formula=BETWEEN_ELEVATIONS[name]) if ground else None,
        )
        for name in names
    }
