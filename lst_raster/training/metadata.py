"""What a model file says of itself: its contract, how it was made, how good it is."""

from __future__ import annotations

import hashlib
import platform
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path, PurePath
from typing import Any

import numpy as np

from lst_raster import __version__
from lst_raster.inference.contract import ATMOSPHERE_OUTPUTS, CONTRACT_VERSION, SURFACE_INPUTS, UNITS
from lst_raster.physics.band import sensor_band
from lst_raster.physics.surface import sensor_radiance
from lst_raster.simulation.sampling import EMISSIVITY, TEMPERATURE_DIFFERENCE
from lst_raster.simulation.simulated_set import SimulatedSet
from lst_raster.training.config import TrainingConfig
from lst_raster.training.network import CoupledNetwork
from lst_raster.training.normalise import readable, valid_range
from lst_raster.training.tiers import TIERS

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
