"""How good a trained network is on simulated sets: the numbers of metrics.json, the model's metadata and its card."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from lst_raster.inference.contract import SURFACE_INPUTS, PredictedAtmosphere
from lst_raster.inference.uncertainty import Retrieved, retrieve_with_uncertainty
from lst_raster.simulation.metrics import coverage, summarise
from lst_raster.simulation.regimes import regimes_of
from lst_raster.simulation.samples import Samples, causes_of, observe, radiance_deviation, with_errors
from lst_raster.simulation.sampling import EXACT, SURFACES_PER_PROFILE, InputErrors, Surfaces, surface_samples
from lst_raster.simulation.simulated_set import SimulatedSet
from lst_raster.training.calibration import IDENTITY, Calibration
from lst_raster.training.graphs import AtmosphereGraph, RetrievalGraph
from lst_raster.training.network import Atmosphere, CoupledNetwork
from lst_raster.training.tiers import TIERS

SEED = 0  # and the number of surfaces: those of `lst-raster evaluate` and of the benchmark, so that all tell the same

Float = NDArray[np.float64]


def measure(network: CoupledNetwork, simulated: SimulatedSet, calibration: Calibration = IDENTITY) -> dict[str, Any]:
    """Errors of a network on a simulated set.

    Parameters
    ----------
    network : CoupledNetwork
        The network.
    simulated : SimulatedSet
        Atmospheres that it has not learnt.
    calibration : Calibration
        Factor on the predicted uncertainties.

    Returns
    -------
    dict
        "profiles", "surfaces_per_profile"; with exact inputs "lst", the error of the temperature [K] in all and by
        regime (`lst_raster.simulation.regimes.REGIMES`), "lst_noisy" with those of `InputErrors`;
        "atmosphere", the error of each term of the equation in its unit, and "predicted_uncertainty" of the temperature
        [K]: its mean, and "standardised_rmse", the root mean square of error over uncertainty; "coverage", the share of
        errors within one standard uncertainty, in all and by regime, with exact inputs and with the errors of
        `InputErrors` on them ("noisy").
    """
    surfaces = surface_samples(simulated.air_temperature_2m, SURFACES_PER_PROFILE, SEED)
    lst, terms = retrieve(network, simulated, surfaces)
    error = lst - surfaces.surface_temperature
    regimes = {name: where for name, where in regimes_of(simulated).items() if where.any()}
    exact = observe(simulated, surfaces)
    noisy = with_errors(exact, InputErrors(), SEED + 1)
    sure = estimate(network, exact, EXACT, calibration)
    with_noise = estimate(network, noisy, InputErrors(), calibration)
    noisy_error = with_noise.temperature - surfaces.surface_temperature
    return {
        "profiles": len(simulated),
        "surfaces_per_profile": SURFACES_PER_PROFILE,
        "lst": {name: asdict(summarise(error[where])) for name, where in regimes.items()},
        "lst_noisy": {name: asdict(summarise(noisy_error[where])) for name, where in regimes.items()},
        "atmosphere": {name: asdict(summarise(terms[name][:, 0] - getattr(simulated, name))) for name in terms},
        "predicted_uncertainty": {
            "mean": float(np.nanmean(sure.uncertainty)),
            "standardised_rmse": summarise(error / sure.uncertainty).rmse,
        },
        "coverage": {
            "exact": {name: coverage(error[where], sure.uncertainty[where]) for name, where in regimes.items()},
            "noisy": {
                name: coverage(noisy_error[where], with_noise.uncertainty[where]) for name, where in regimes.items()
            },
        },
    }


def retrieve(network: CoupledNetwork, simulated: SimulatedSet, surfaces: Surfaces) -> tuple[Float, dict[str, Float]]:
    """Run the graph that is shipped on surfaces under simulated atmospheres.

    Parameters
    ----------
    network : CoupledNetwork
        The network.
    simulated : SimulatedSet
        Atmospheres.
    surfaces : Surfaces
        Surfaces, (profile, sample).

    Returns
    -------
    tuple of array and dict
        Temperature [K] and the terms of the equation by name, all (profile, sample).
    """
    known = observe(simulated, surfaces).inputs()
    inputs = [known[name] for name in (*SURFACE_INPUTS, *TIERS[network.tier])]
    lst, *terms = _run(RetrievalGraph(network), inputs)
    return lst, dict(zip(Atmosphere._fields, terms, strict=False))


def estimate(
    network: CoupledNetwork, given: Samples, errors: InputErrors, calibration: Calibration = IDENTITY
) -> Retrieved:
    """Retrieve temperatures with their uncertainty, as the engine does.

    Parameters
    ----------
    network : CoupledNetwork
        The network.
    given : Samples
        What the retrieval is told.
    errors : InputErrors
        Standard deviations of the errors that are in it.
    calibration : Calibration
        Factor on the predicted uncertainties.

    Returns
    -------
    Retrieved
        Temperatures and their uncertainties, (profile, sample). [K]
    """
    graph, names = AtmosphereGraph(network, calibration), TIERS[network.tier]

    def atmosphere(**inputs: Float) -> PredictedAtmosphere:
        return PredictedAtmosphere(*_run(graph, [inputs[name] for name in names]))

    known = given.inputs()
    return retrieve_with_uncertainty(
        atmosphere,
        given.radiance,
        given.emissivity,
        {name: known[name] for name in names},
        causes=causes_of(given, errors, names),
        sensor_noise=radiance_deviation(given, errors),
        emissivity_uncertainty=errors.emissivity,
        band=network.band,
    )


def _run(graph: torch.nn.Module, inputs: Sequence[Float]) -> list[Float]:
    """Run a graph on arrays of one shape, in its precision."""
    columns = [torch.from_numpy(values.astype(np.float32).ravel()) for values in inputs]
    with torch.no_grad():
        return [values.double().numpy().reshape(inputs[0].shape) for values in graph(*columns)]
