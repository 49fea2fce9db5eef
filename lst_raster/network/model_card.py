"""Metadata and card of a trained model."""

from __future__ import annotations

import hashlib
import platform
import re
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path, PurePath
from typing import Any

import numpy as np

from lst_raster import __version__
from lst_raster.inference.contract import (
    ATMOSPHERE_OUTPUTS,
    BOTH_BANDS,
    CONTRACT_VERSION,
    PROFILE_UNCERTAINTY,
    SECOND_SURFACE_INPUTS,
    SURFACE_INPUTS,
    TWO_BAND_OUTPUTS,
    UNCERTAIN_INPUTS,
    UNITS,
    uncertainty_name,
)
from lst_raster.network.config import TIERS, TrainingConfig, has_levels, has_two_bands
from lst_raster.network.data import round_limit, valid_range
from lst_raster.network.model import EXTRAPOLATION_LIMIT, CoupledNetwork
from lst_raster.physics.radiative_transfer import sensor_radiance
from lst_raster.profiles.sampling import (
    COMMON_TEMPERATURE_ERROR,
    CONDITION_TITLES,
    EMISSIVITY,
    LEVEL_HUMIDITY_ERROR,
    LEVEL_TEMPERATURE_ERROR,
    TEMPERATURE_DIFFERENCE,
    InputErrors,
    conditions,
)
from lst_raster.profiles.simulated_set import REGIMES, SimulatedSet
from lst_raster.sensors.bands import second_band, sensor_band
from lst_raster.simulator.sigma_levels import HUMIDITY_LEVELS, TEMPERATURE_LEVELS

Ranges = Mapping[str, tuple[float, float]]
_PACKAGES = ("torch", "onnx", "numpy")  # whose versions affect a model


def valid_ranges(network: CoupledNetwork, training: Sequence[SimulatedSet]) -> dict[str, tuple[float, float]]:
    """Range of each input over the training set, by name, widened as in `valid_range`.

    The range of the radiance is that of the coldest to warmest surfaces of the sampling design under each profile. The
    range of the emissivity ends at 1, where the equation is simplest.
    """
    limits = zip(TIERS[network.tier], network.low.tolist(), network.high.tolist(), strict=True)
    found = {
        "radiance": _radiance_range(training),
        "emissivity": (EMISSIVITY[0], 1.0),
        **{name: (round_limit(low), round_limit(high)) for name, low, high in limits},
    }
    seconds = [one.second_band for one in training if one.second_band is not None]
    if seconds:
        found |= {"second_radiance": _radiance_range(seconds), "second_emissivity": (EMISSIVITY[0], 1.0)}
    return found


def _radiance_range(training: Sequence[SimulatedSet]) -> tuple[float, float]:
    """Range of the radiance of one band [W m-2 sr-1 um-1] over the sampling design."""
    radiances = [
        sensor_radiance(
            one.air_temperature_2m + difference, np.float64(emissivity), *one.terms, sensor_band(one.sensor).planck
        )
        for one in training
        for difference in TEMPERATURE_DIFFERENCE
        for emissivity in EMISSIVITY
    ]
    return valid_range(np.concatenate(radiances))


def contract_of(graph: str, config: TrainingConfig, ranges: Ranges) -> dict[str, Any]:
    """Contract of a graph (a key of `lst_raster.inference.contract.GRAPHS`), as the inference reads it."""
    inputs: tuple[str, ...] = TIERS[config.tier]
    outputs: tuple[str, ...] = ATMOSPHERE_OUTPUTS
    pixel: tuple[str, ...] = SURFACE_INPUTS
    if has_two_bands(config.tier):
        outputs, pixel = TWO_BAND_OUTPUTS, (*SURFACE_INPUTS, *SECOND_SURFACE_INPUTS)
    if graph != "atmosphere":
        inputs, outputs = (*pixel, *inputs), ("lst", *outputs)
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


def provenance(config: TrainingConfig, folder: Path, training: Sequence[SimulatedSet]) -> dict[str, Any]:
    """Record of a training run: configuration, data with checksums, versions; without local folders."""
    return {
        "config": to_json(asdict(config)),
        "seed": config.seed,
        "profiles": sum(map(len, training)),
        "simulated_sets": [
            {"file": PurePath(name).name, "sha256": hashlib.sha256((folder / name).read_bytes()).hexdigest()}
            for name in (*config.data.train, *config.data.second_train)
        ],
        "sources": sorted({without_folders(one.source) for one in training}),
        "simulated_with": sorted({one.version for one in training}),
        "versions": {"lst_raster": __version__, "python": platform.python_version()}
        | {name: version(name) for name in _PACKAGES},
    }


def to_json(value: Any) -> Any:
    """Convert mappings and sequences to JSON types, and remove folders from strings."""
    if isinstance(value, Mapping):
        return {key: to_json(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [to_json(entry) for entry in value]
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
_OPTIONAL = ("brightness_temperature", "aerosol_optical_depth", "gas_year")
"""Inputs for which `lst_raster.inference.model.Model.predict` has defaults, in addition to the uncertainties."""

_INTRODUCTION = """\
# {sensor}/{tier}, version {version}

Land surface temperature from {title} under a clear sky, by inversion of the radiative transfer equation{bands}.
{known}
{scene}
`atmosphere.onnx` contains the network only, for use on a coarse grid, and `model.onnx` contains both.

    from lst_raster import Model
    model = Model.load("{sensor}/{tier}")
    model.predict({arguments})["lst"]

The other inputs have defaults (`Model.predict`).

## Intended use
{kind} retrieval over land and inland water, clear sky, near nadir, anywhere on Earth and in any season, with
{who}.

## Out of scope
- Cloudy scenes: under cloud the temperature is that of a mixture of cloud and ground. Apply a cloud mask first.
- Another sensor band, or a view more than some degrees from nadir: the simulation is at nadir, without scattering.
- Brightness temperatures measured near the ground (masts, drones): the model assumes the path to space.
- Absolute accuracy of tenths of a kelvin: errors of calibration, spectroscopy, emissivity and reanalysis add to
  those below, which are of simulations. `docs/science/` has comparisons with measurements.

## Inputs and outputs
All are float32 and of one length. Atmospheric inputs outside their range are clamped to it, except that more water
vapour absorbs more, up to {beyond:g} times the range. Water vapour, air temperature and aerosol have a standard
uncertainty as a further input, from 0 (exact) to that of a climatology{levels}.

"""

_WHO = {
    "surface": "water vapour and air temperature at 2 m, from a measurement, a reanalysis or a climatology",
    "profile": "profiles of temperature and humidity, for example from a reanalysis",
    "dual": "water vapour and air temperature at 2 m, from a measurement, a reanalysis or a climatology",
    "dual-profile": "profiles of temperature and humidity, for example from a reanalysis",
}

_ACCURACY = """
## Accuracy
Error of the land surface temperature [K] on simulated atmospheres that were not used in training, by the inputs:

{conditions}
In the cross-validation groups of the atmospheres are left out in turn: whole sources, or dates or regions where there
are fewer than four sources. The temperatures are from networks trained on the others, with fewer steps, the
uncertainties from this model.

Noise: {water_vapour:.0%} in water vapour, {air_temperature:g} K in the air temperature at 2 m, {emissivity:g} in
emissivity, {sensor:g} K at the sensor{levels}{second}.

Surfaces: {low:g} to {high:+g} K from the air temperature, emissivity {dull} to {bright}, {per_profile} for each
profile.
Regimes named by numbers are classes of the water vapour column [kg m-2].

The model also predicts the uncertainty of its atmosphere, which includes that of its inputs. "within" is the
percentage of errors within one standard uncertainty: 68 is correct.
"""

_LEVELS = (
    f"; on levels {COMMON_TEMPERATURE_ERROR:g} K common to all and {LEVEL_TEMPERATURE_ERROR:g} K\n"
    f"independent, {LEVEL_HUMIDITY_ERROR:.0%} independent in humidity"
)

_SECOND = (
    "; in the second band {second_sensor:g} K\nat the sensor and further {emissivity_difference:g} in emissivity, "
    "without stray light. Half of the variance of the errors\nof the emissivity is common to the pixel and its "
    "neighbourhood"
)

_DATA = """
## Data
Trained on {profiles} simulated atmospheres:
{sources}
Atmospheres vary in the water vapour continuum too; the model includes its spread in its uncertainty.

Licence of the profiles:
{licence}
Inputs that are not given: climatology derived from GPT3 of TU Wien (CC BY 4.0), from data of ECMWF.

Spectroscopy: HITRAN lines and cross sections, MT_CKD 4.3 continuum (Mlawer et al. 2023), SOCRATES minor gases; sources
and terms are in `lst_raster/data/absorption/SOURCE.md`. The model: Apache-2.0, as all of lst-raster.

## Limits
{limits}
- The profiles are of the sources above and of all hours of the day. Near-surface profiles at the hour of Landsat may
  differ, and for different atmospheres the uncertainty can be too small.

## Provenance
lst-raster {version}: `lst-raster train train.toml -o FOLDER`, seed {seed}; the file is in the same folder.
{versions}.
"""

_ONE_BAND_LIMIT = """\
- Single channel: errors of the water vapour column cause errors of the temperature, larger in humid atmospheres, and so
  do errors of the emissivity (0.01 is about 0.5 K in a dry atmosphere)."""
_TWO_BAND_LIMIT = """\
- Two bands: errors of the difference of their brightness temperatures (stray light, calibration) or emissivities are
  amplified. Their standard uncertainties are inputs: the larger they are, the less the model relies on the difference.\
"""

_PUBLIC_DOMAIN = "GFS and NCEP reanalysis: works of the US Government, in the public domain"
_LICENCES = {
    "GFS": _PUBLIC_DOMAIN,
    "NCEP": _PUBLIC_DOMAIN,
    "ERA-Interim": "ERA-Interim: European Centre for Medium-Range Weather Forecasts (ECMWF)",
    "ERA5": "ERA5: contains modified Copernicus Climate Change Service information; the European Commission and ECMWF "
    "are not responsible for any use of it",
}
"""By a word in the description of the profiles' sources."""


def model_card(metadata: Mapping[str, Any]) -> str:
    """Markdown card of a model, from the metadata of its retrieval graph: contract, "training" and "metrics"."""
    ranges = ["{:.4g} to {:.4g}".format(*one["valid_range"]) for one in metadata["inputs"]]
    inputs, outputs = ([(f"`{one['name']}`", one["units"]) for one in metadata[key]] for key in ("inputs", "outputs"))
    return (
        _introduction(metadata)
        + _table(("input", "unit", "range"), [(*row, limits) for row, limits in zip(inputs, ranges, strict=True)])
        + "\n"
        + _table(("output", "unit"), outputs)
        + _accuracy(metadata["metrics"], metadata["tier"])
        + _data(metadata)
    )


def _introduction(metadata: Mapping[str, Any]) -> str:
    names = [one["name"] for one in metadata["inputs"]]
    uncertainties = (PROFILE_UNCERTAINTY, *map(uncertainty_name, UNCERTAIN_INPUTS))
    single = [name for name in names if name not in (*_ON_LEVELS, *uncertainties, *BOTH_BANDS)]
    other = second_band(metadata["sensor"]) if has_two_bands(metadata["tier"]) else None
    on_levels = has_levels(metadata["tier"])
    known = [name.replace("_", " ") for name in single if name not in (*SURFACE_INPUTS, *SECOND_SURFACE_INPUTS)]
    if other:
        known.append("the difference of the brightness temperatures of both bands with the emissivities")
    if on_levels:
        known.append("temperature and humidity on sigma levels")
    sentence = (
        "A small network predicts the atmosphere's transmittance, upwelling and downwelling radiance from "
        f"{', '.join(known[:-1])} and {known[-1]}; the equation, in the same file, gives the temperature."
    )
    seen = "the brightness temperatures and emissivities of both bands" if other else "the brightness temperature"
    return _INTRODUCTION.format(
        version=metadata["version"],
        who=_WHO.get(metadata["tier"], "the inputs below"),
        sensor=metadata["sensor"],
        tier=metadata["tier"],
        title=sensor_band(metadata["sensor"]).title + (f" and {other.title.rpartition(' ')[2]}" if other else ""),
        scene=textwrap.fill(
            f"Of the scene the network uses only {seen} of the neighbourhood (tens of kilometres), not the pixel:", 120
        ),
        bands=" in\nboth bands" if other else "",
        kind="Two-band" if other else "Single-band",
        beyond=EXTRAPOLATION_LIMIT,
        levels="; `profile_uncertainty` is\nthat of the levels, 1 for the errors of a reanalysis" if on_levels else "",
        known=textwrap.fill(sentence, 120),
        arguments=", ".join(f"{name}=..." for name in single if name not in _OPTIONAL)
        + (", **levels" if on_levels else ""),
    )


def _accuracy(metrics: Mapping[str, Any], tier: str) -> str:
    if not metrics:
        return "\n## Accuracy\nNot measured: there was no cross-validation and no test set.\n"
    errors = asdict(InputErrors())
    text = _ACCURACY.format(
        low=TEMPERATURE_DIFFERENCE[0],
        high=TEMPERATURE_DIFFERENCE[1],
        dull=EMISSIVITY[0],
        bright=EMISSIVITY[1],
        per_profile=next(iter(metrics.values()))["surfaces_per_profile"],
        levels=_LEVELS if has_levels(tier) else "",
        second=_SECOND.format(**errors) if has_two_bands(tier) else "",
        conditions="".join(f"- {name}: {CONDITION_TITLES[name]}\n" for name in conditions(tier)),
        **errors,
    )
    for title, result in metrics.items():
        text += f"\n### {title}: {result['profiles']} profiles\n" + _error_table(result, tuple(conditions(tier)))
    return text


def _error_table(result: Mapping[str, Any], shown: Sequence[str]) -> str:
    """Table of a held-out set by regime and condition: RMSE, bias, MAE, and percentage within the uncertainty."""
    rows = []
    for name, regime in REGIMES.items():
        if name not in result[shown[0]]["lst"]:  # no profile of the set is in the regime
            continue
        cells = [regime.title, str(result[shown[0]]["lst"][name]["samples"])]
        for condition in shown:
            errors = result[condition]["lst"][name]
            figures = " / ".join(f"{errors[key]:.2f}" for key in ("rmse", "bias", "mae"))
            cells.append(f"{figures} / {100.0 * result[condition]['coverage'][name]:.0f}")
        rows.append(cells)
    return "RMSE / bias / MAE / within, by the inputs:\n\n" + _table(("regime", "samples", *shown), rows)


def _data(metadata: Mapping[str, Any]) -> str:
    training = metadata["training"]
    sources = " ".join(training["sources"])
    licences = dict.fromkeys(text for word, text in _LICENCES.items() if word in sources) or ["that of their sources"]
    return _DATA.format(
        profiles=training["profiles"],
        sources="\n".join(f"- {source}" for source in training["sources"]),
        licence="\n".join(f"- {text}." for text in licences),
        limits=_TWO_BAND_LIMIT if has_two_bands(metadata["tier"]) else _ONE_BAND_LIMIT,
        version=metadata["lst_raster_version"],
        seed=training["seed"],
        versions=", ".join(f"{name} {training['versions'][name]}" for name in ("python", *_PACKAGES)),
    )


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)
