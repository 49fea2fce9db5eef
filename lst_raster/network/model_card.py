"""Metadata and card of a trained model."""

from __future__ import annotations

import hashlib
import platform
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path, PurePath
from typing import Any

import numpy as np

from lst_raster import __version__
from lst_raster.inference.contract import ATMOSPHERE_OUTPUTS, CONTRACT_VERSION, SURFACE_INPUTS, UNITS
from lst_raster.network.config import TIERS, TrainingConfig
from lst_raster.network.data import readable, valid_range
from lst_raster.network.model import BEYOND, CoupledNetwork
from lst_raster.physics.radiative_transfer import sensor_radiance
from lst_raster.profiles.sampling import EMISSIVITY, TEMPERATURE_DIFFERENCE, InputErrors
from lst_raster.profiles.simulated_set import REGIMES, SimulatedSet
from lst_raster.sensors.bands import sensor_band
from lst_raster.simulator.input_errors import INPUT_ERROR
from lst_raster.simulator.sigma_levels import HUMIDITY_LEVELS, TEMPERATURE_LEVELS

Ranges = Mapping[str, tuple[float, float]]


def valid_ranges(network: CoupledNetwork, learnt: Sequence[SimulatedSet]) -> dict[str, tuple[float, float]]:
    """Range of each input over the training set, a little widened (`valid_range`), by name.

    That of the radiance is spanned by the coldest and warmest surfaces of the sampling design under each profile.
    That of the emissivity ends at 1, where the equation is simplest.
    """
    radiances = np.concatenate([_extreme_radiances(one) for one in learnt])
    ends = zip(network.low.tolist(), network.high.tolist(), strict=True)
    return {
        "radiance": valid_range(radiances),
        "emissivity": (EMISSIVITY[0], 1.0),
        **{name: (readable(low), readable(high)) for name, (low, high) in zip(TIERS[network.tier], ends, strict=True)},
    }


def _extreme_radiances(simulated: SimulatedSet) -> np.ndarray[Any, np.dtype[np.float64]]:
    band = sensor_band(simulated.sensor).planck
    corners = [
        sensor_radiance(simulated.air_temperature_2m + difference, np.float64(emissivity), *simulated.terms, band)
        for difference in TEMPERATURE_DIFFERENCE
        for emissivity in EMISSIVITY
    ]
    return np.concatenate(corners)


def contract_of(graph: str, config: TrainingConfig, ranges: Ranges) -> dict[str, Any]:
    """Contract of a graph, a key of `lst_raster.inference.contract.GRAPHS`, as the inference reads it."""
    inputs = TIERS[config.tier] if graph == "atmosphere" else (*SURFACE_INPUTS, *TIERS[config.tier])
    outputs = ATMOSPHERE_OUTPUTS if graph == "atmosphere" else ("lst", *ATMOSPHERE_OUTPUTS)
    return {
        "contract": CONTRACT_VERSION,
        "graph": graph,
        "sensor": config.sensor,
        "tier": config.tier,
        "version": config.version,
        "inputs": [{"name": name, "units": UNITS[name], "valid_range": list(ranges[name])} for name in inputs],
        "outputs": [{"name": name, "units": UNITS[name]} for name in outputs],
        "lst_raster_version": __version__,
    }


def provenance(
    config: TrainingConfig, folder: Path, learnt: Sequence[SimulatedSet], checked: Sequence[SimulatedSet]
) -> dict[str, Any]:
    """Tell how a model was made, without the folders of the machine it was made on.

    Parameters
    ----------
    config : TrainingConfig
        The run.
    folder : Path
        Folder of its data.
    learnt, checked : sequence of SimulatedSet
        Profiles learnt from, and those kept for validation.
    """
    files = [*config.data.train, *config.data.validation]
    packages = ("torch", "onnx", "numpy")
    return {
        "config": plain(asdict(config)),
        "seed": config.seed,
        "profiles": sum(map(len, learnt)),
        "validation_profiles": sum(map(len, checked)),
        "simulated_sets": [
            {"file": PurePath(name).name, "sha256": hashlib.sha256((folder / name).read_bytes()).hexdigest()}
            for name in files
        ],
        "sources": sorted({without_folders(one.source) for one in learnt}),
        "simulated_with": sorted({one.version for one in learnt}),
        "versions": {"lst_raster": __version__, "python": platform.python_version()}
        | {name: version(name) for name in packages},
    }


def plain(value: Any) -> Any:
    """Make mappings and sequences what JSON has, and texts free of folders."""
    if isinstance(value, Mapping):
        return {key: plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [plain(entry) for entry in value]
    return without_folders(value) if isinstance(value, str) else value


def without_folders(text: str) -> str:
    """Shorten the absolute paths in a text to file names.

    Examples
    --------
    >>> without_folders("columns of /data/run/library.nc, see https://example.org/a/b")
    'columns of library.nc, see https://example.org/a/b'
    """
    return re.sub(r"(?<![\w:/.])/(?:[^\s/]+/)+", "", text)


_ON_LEVELS = (*TEMPERATURE_LEVELS, *HUMIDITY_LEVELS)

_INTRODUCTION = """\
# {sensor}/{tier}, version {version}

Land surface temperature from {title} under a clear sky, by inversion of the radiative transfer equation.
A small network predicts the atmosphere's transmittance, upwelling and downwelling radiance from
{known}; the equation does the rest,
inside the same file.
The network never sees the pixel: `atmosphere.onnx` is its part alone, for use on a coarse grid, and `model.onnx` holds
both.

    from lst_raster import Model
    model = Model.load("{sensor}/{tier}")
    model.predict({arguments})["lst"]

## For what
Single-band retrieval over land and inland water, clear sky, near nadir, anywhere on Earth and in any season, with
{who}.

## For what not
- Anything but a clear sky: under cloud the temperature is that of a mixture of cloud and ground. Mask first.
- Another sensor band, or a view more than some degrees from nadir: transfer is simulated at nadir, without scattering.
- Measured brightness temperatures near the ground (masts, drones): the path is that from space.
- Absolute accuracy of tenths of a kelvin: errors of calibration, spectroscopy, emissivity and reanalysis come on top of
  those below, which are of simulations. `docs/science/` has comparisons with measurements.

## Inputs and outputs
All are float32 and of one length. Inputs of the atmosphere outside their range are taken as its
nearer end; more water vapour absorbs more, up to {beyond:g} times the range.
`input_error` says how far the others are to be trusted, from 0 (exact) to 1 (as sure as a reanalysis: errors as in the
noisy columns below); it may be left out and is 1 then.

"""

_WHO = {
    "column": "water vapour and surface pressure known and nothing else of the air",
    "surface": "water vapour, surface pressure and the air temperature at 2 m known",
    "profile": "temperature and humidity of the air known on levels, as reanalyses have them",
}

_ACCURACY = """
## Accuracy
Error of the land surface temperature [K] on simulated atmospheres that the model has not learnt: with exact inputs, and
with noisy ones, {water_vapour:.0%} in water vapour, {air_temperature:g} K in the air at 2 m, {emissivity:g} in
emissivity, {sensor:g} K at the sensor{levels}.

Surfaces: {low:g} to {high:+g} K from the air temperature, emissivity {dull} to {bright}, {per_profile} under each
profile.
Regimes with figures are classes of the water vapour column [kg m-2].

The model also says how uncertain its atmosphere makes the temperature; with the uncertainties of the inputs this is
that of the product. "within" is the share of errors, in per cent, that are no larger: 68 is right.
"""

_LEVELS = (
    "; on levels {profile_temperature:g} K in common and {level_temperature:g} K each,\n"
    "{level_humidity:.0%} each in humidity"
)

_DATA = """
## Data
Learnt from {profiles} simulated atmospheres; {validation_profiles} of other regions validate.
{sources}
Atmospheres vary beyond the inputs in aerosol, continuum and the year of the minor gases; the model knows their spread,
not their value.

Licence of the profiles: {licence} Spectroscopy: HITRAN
lines, MT_CKD 4.3 continuum (Mlawer et al. 2023), SOCRATES minor gases; sources and terms are in
`lst_raster/data/absorption/SOURCE.md`. The model itself: Apache-2.0, as all of lst-raster.

## Limits
- Single channel: an error of the water vapour column goes into the temperature, more so in humid air, and so does an
  error of the emissivity (0.01 is about 0.5 K in dry air).
{limits}

## Made with
lst-raster {version}: `lst-raster train train.toml -o FOLDER`, seed {seed}; the file is beside this card.
{versions}.
"""


_NCEP = "NCEP"
_LICENCES = {
    _NCEP: "NCEP model output is a work of the US Government and in the public domain.",
    "ERA5": "contains modified Copernicus Climate Change Service information.",
    "": "that of their sources.",
}
_LIMITS = {
    _NCEP: "- The profiles are of two dates, of all hours of the day: at the hour of Landsat the ground's own air may "
    "differ.\n- The uncertainty is calibrated on those dates; where air is unlike both it can be too small.",
    **dict.fromkeys(
        ("ERA5", ""), "- The profiles are those named above; where air is unlike them the uncertainty can be too small."
    ),
}
"""By a word in the description of the profiles' sources; the last for any other."""


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
        + _accuracy(metadata["metrics"], metadata["tier"])
        + _data(metadata)
    )


def _introduction(metadata: Mapping[str, Any]) -> str:
    names = [one["name"] for one in metadata["inputs"]]
    return _INTRODUCTION.format(
        version=metadata["version"],
        who=_WHO.get(metadata["tier"], "the inputs below known"),
        sensor=metadata["sensor"],
        tier=metadata["tier"],
        title=sensor_band(metadata["sensor"]).title,
        beyond=BEYOND,
        known=_known(names[2:]),
        arguments=", ".join(f"{name}=..." for name in names if name not in (*_ON_LEVELS, INPUT_ERROR))
        + (", **levels" if set(names) & set(_ON_LEVELS) else ""),
    )


def _known(names: Sequence[str]) -> str:
    texts = [name.replace("_", " ") for name in names if name not in (*_ON_LEVELS, INPUT_ERROR)]
    if set(names) & set(_ON_LEVELS):
        texts.append("temperature and humidity on sigma levels")
    return f"{', '.join(texts[:-1])} and {texts[-1]}"


def _input_row(entry: Mapping[str, Any]) -> tuple[str, ...]:
    low, high = entry["valid_range"]
    return f"`{entry['name']}`", entry["units"], f"{low:.4g} to {high:.4g}"


def _accuracy(metrics: Mapping[str, Any], tier: str) -> str:
    if not metrics:
        return "\n## Accuracy\nNot measured: the training named no held-out set.\n"
    low, high = TEMPERATURE_DIFFERENCE
    per_profile = next(iter(metrics.values()))["surfaces_per_profile"]
    errors = asdict(InputErrors())
    text = _ACCURACY.format(
        low=low,
        high=high,
        dull=EMISSIVITY[0],
        bright=EMISSIVITY[1],
        per_profile=per_profile,
        levels=_LEVELS.format(**errors) if tier == "profile" else "",
        **errors,
    )
    for title, result in metrics.items():
        text += f"\n### {title}: {result['profiles']} profiles\n" + _errors(result)
    return text


def _errors(result: Mapping[str, Any]) -> str:
    """Table of a held-out set by regime, exact beside noisy inputs."""
    rows = []
    for name, regime in REGIMES.items():
        if name not in result["lst"]:  # a set need not have every regime
            continue
        cells = [regime.title, str(result["lst"][name]["samples"])]
        for inputs, errors in (("exact", result["lst"][name]), ("noisy", result["lst_noisy"][name])):
            cells += [f"{errors[key]:.2f}" for key in ("rmse", "bias", "mae")]
            cells.append(f"{100.0 * result['coverage'][inputs][name]:.0f}")
        rows.append(cells)
    head = ("RMSE", "bias", "MAE", "within")
    return _table(("regime", "samples", *head, *(f"{name}, noisy" for name in head)), rows)


def _data(metadata: Mapping[str, Any]) -> str:
    training = metadata["training"]
    origin = next((name for name in _LICENCES if all(name in source for source in training["sources"])), "")
    return _DATA.format(
        profiles=training["profiles"],
        validation_profiles=training["validation_profiles"],
        sources="\n".join(f"- {source}" for source in training["sources"]),
        licence=_LICENCES[origin],
        limits=_LIMITS[origin],
        version=metadata["lst_raster_version"],
        seed=training["seed"],
        versions=", ".join(f"{name} {number}" for name, number in training["versions"].items() if name != "lst_raster"),
    )


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)
