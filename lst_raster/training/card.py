"""The model card: what a user must know of a model, written from its numbers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from lst_raster.physics.band import sensor_band
from lst_raster.simulation.sampling import EMISSIVITY, TEMPERATURE_DIFFERENCE, InputErrors

_INTRODUCTION = """\
# {sensor}/{tier}

Land surface temperature from {title} under a clear sky, by inversion of the radiative transfer equation.
A small network predicts the atmosphere's transmittance, upwelling and downwelling radiance from
{known}; the equation does the rest, inside the same file.
The network never sees the pixel: `atmosphere.onnx` is its part alone, for use on a coarse grid, and `model.onnx` holds
both.

    from lst_raster import Model
    model = Model.load("{sensor}/{tier}")
    model.predict({arguments})["lst"]

## Inputs and outputs
All are float32 and of one length. Inputs of the atmosphere outside their range are taken as its nearer end.

"""

_ACCURACY = """
## Accuracy
Error of the land surface temperature [K] on simulated atmospheres that the model has not learnt, inputs exact: the
atmosphere is all that is unknown. Surfaces: {low:g} to {high:+g} K from the air temperature, emissivity {dull} to
{bright}, {per_profile} under each profile. Classes are of the water vapour column [kg m-2].
"""

_UNCERTAINTY = """
The model also says how uncertain its atmosphere makes the temperature; with the uncertainties of the inputs this is
that of the product. "within" is the share of errors, in per cent, that are no larger (68 is right), with exact inputs
and with noisy ones: {water_vapour:.0%} in water vapour, {air_temperature:g} K in the air, {emissivity:g} in emissivity,
{sensor:g} K at the sensor.
"""

_DATA = """
## Data
Learnt from {profiles} simulated atmospheres, {validation_profiles} more chose the state to keep.
{sources}
Atmospheres vary beyond the inputs in aerosol, continuum and the year of the minor gases; the model knows their spread,
not their value.

## Limits
- Clear sky. Under cloud, the temperature is that of a mixture of cloud and ground.
- Single channel: an error of the water vapour column goes into the temperature, more so in humid air, and so does an
  error of the emissivity (0.01 is about 0.5 K in dry air).
- View within the swath of Landsat: transfer is simulated at nadir. No scattering.
- Accuracy above is that of simulations. On real scenes the errors of spectroscopy, calibration, emissivity and
  reanalysis come on top; the documentation has comparisons with measurements.

## Made with
lst-raster {version}: `lst-raster train train.toml -o FOLDER`, seed {seed}; the file is beside this card.
{versions}.
"""


def model_card(metadata: Mapping[str, Any]) -> str:
    """Write the card of a model.

    Parameters
    ----------
    metadata : mapping
        Metadata of the retrieval graph: contract, "training" and "metrics".

    Returns
    -------
    str
        Markdown.
    """
    return (
        _introduction(metadata)
        + _table(("input", "unit", "range"), map(_input_row, metadata["inputs"]))
        + "\n"
        + _table(("output", "unit"), ((f"`{one['name']}`", one["units"]) for one in metadata["outputs"]))
        + _accuracy(metadata["metrics"])
        + _data(metadata)
    )


def _introduction(metadata: Mapping[str, Any]) -> str:
    names = [one["name"] for one in metadata["inputs"]]
    known = [name.replace("_", " ") for name in names[2:]]
    return _INTRODUCTION.format(
        sensor=metadata["sensor"],
        tier=metadata["tier"],
        title=sensor_band(metadata["sensor"]).title,
        known=f"{', '.join(known[:-1])} and {known[-1]}",
        arguments=", ".join(f"{name}=..." for name in names),
    )


def _input_row(entry: Mapping[str, Any]) -> tuple[str, ...]:
    low, high = entry["valid_range"]
    return f"`{entry['name']}`", entry["units"], f"{low:.4g} to {high:.4g}"


def _accuracy(metrics: Mapping[str, Any]) -> str:
    if not metrics:
        return "\n## Accuracy\nNot measured: the training named no held-out set.\n"
    low, high = TEMPERATURE_DIFFERENCE
    per_profile = next(iter(metrics.values()))["surfaces_per_profile"]
    text = _ACCURACY.format(low=low, high=high, dull=EMISSIVITY[0], bright=EMISSIVITY[1], per_profile=per_profile)
    text += _UNCERTAINTY.format(**asdict(InputErrors()))
    for title, result in metrics.items():
        text += f"\n### {title}: {result['profiles']} profiles\n" + _errors(result["lst"], result["coverage"])
    return text


def _errors(summaries: Mapping[str, Mapping[str, Any]], coverage: Mapping[str, Mapping[str, float]]) -> str:
    rows = (
        (
            name,
            str(one["samples"]),
            *(f"{one[key]:.2f}" for key in ("rmse", "bias", "mae")),
            *(f"{100.0 * coverage[inputs][name]:.0f}" for inputs in ("exact", "noisy")),
        )
        for name, one in summaries.items()
        if one["samples"]
    )
    return _table(("water vapour", "samples", "RMSE", "bias", "MAE", "within", "within, noisy"), rows)


def _data(metadata: Mapping[str, Any]) -> str:
    training = metadata["training"]
    return _DATA.format(
        profiles=training["profiles"],
        validation_profiles=training["validation_profiles"],
        sources="\n".join(f"- {source}" for source in training["sources"]),
        version=metadata["lst_raster_version"],
        seed=training["seed"],
        versions=", ".join(f"{name} {number}" for name, number in training["versions"].items() if name != "lst_raster"),
    )


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)
