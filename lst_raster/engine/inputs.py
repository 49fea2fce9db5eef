"""What a retrieval takes beside the scene: the model, the emissivity and the atmosphere, given or by default."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from lst_raster.errors import ModelError
from lst_raster.inference.model import Model
from lst_raster.scene.address import Location
from lst_raster.scene.emissivity.merge import Emissivity
from lst_raster.scene.fields import INPUT_ERRORS, Field
from lst_raster.scene.level2_terms import Level2Air
from lst_raster.scene.nodes import Nodes
from lst_raster.scene.profile import Profile
from lst_raster.scene.scene import Scene

STANDARD = "standard atmosphere"
"""Origin of what is assumed."""
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
    lines = []
    if scene.calibration.source == "default":
        lines.append(f"no radiance constants in metadata beside {scene.place.name}: {scene.calibration}")
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
