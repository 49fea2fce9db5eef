"""How good a trained network is on simulated sets: the numbers of metrics.json, the model's metadata and its card."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from lst_raster.physics.surface import sensor_radiance
from lst_raster.physics.uncertainty import atmosphere_uncertainty
from lst_raster.simulation.metrics import summarise, summarise_by_water_vapour
from lst_raster.simulation.sampling import Surfaces, surface_samples
from lst_raster.simulation.simulated_set import SimulatedSet
from lst_raster.training.data import predictors_of
from lst_raster.training.graphs import RetrievalGraph
from lst_raster.training.network import Atmosphere, CoupledNetwork

PER_PROFILE = 10  # surfaces and seed are those of `lst-raster evaluate`, so that both tell the same numbers
SEED = 0

Float = NDArray[np.float64]


def measure(network: CoupledNetwork, simulated: SimulatedSet) -> dict[str, Any]:
    """Errors of a network on a simulated set, with exact inputs.

    Parameters
    ----------
    network : CoupledNetwork
        The network.
    simulated : SimulatedSet
        Atmospheres that it has not learnt.

    Returns
    -------
    dict
        "profiles", "surfaces_per_profile"; "lst", the error of the temperature [K] in all and by class of water
        vapour; "atmosphere", the error of each term of the equation in its unit; "predicted_uncertainty" of the
        temperature [K]: its mean, and "standardised_rmse", the root mean square of error over uncertainty, 1 where
        the network knows what it does not know.
    """
    surfaces = surface_samples(simulated.air_temperature_2m, PER_PROFILE, SEED)
    lst, terms = retrieve(network, simulated, surfaces)
    error = lst - surfaces.surface_temperature
    uncertainty = uncertainty_of(network, simulated, surfaces)
    summaries = summarise_by_water_vapour(error, simulated.water_vapour[:, None])
    return {
        "profiles": len(simulated),
        "surfaces_per_profile": PER_PROFILE,
        "lst": {name: asdict(summary) for name, summary in summaries.items()},
        "atmosphere": {name: asdict(summarise(terms[name][:, 0] - getattr(simulated, name))) for name in terms},
        "predicted_uncertainty": {
            "mean": float(uncertainty.mean()),
            "standardised_rmse": summarise(error / uncertainty).rmse,
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
    transmittance, upwelling, downwelling = (term[:, None] for term in simulated.terms)
    radiance = sensor_radiance(
        surfaces.surface_temperature, surfaces.emissivity, transmittance, upwelling, downwelling, network.band
    )
    predictors = [values[:, None] for values in predictors_of(simulated, network.tier)]
    inputs = np.broadcast_arrays(radiance, surfaces.emissivity, *predictors)
    columns = [torch.from_numpy(values.astype(np.float32).ravel()) for values in inputs]
    with torch.no_grad():
        lst, *terms = (values.double().numpy().reshape(radiance.shape) for values in RetrievalGraph(network)(*columns))
    return lst, dict(zip(Atmosphere._fields, terms, strict=True))


def uncertainty_of(network: CoupledNetwork, simulated: SimulatedSet, surfaces: Surfaces) -> Float:
    """Uncertainty of the temperature that the network expects, (profile, sample). [K]"""
    predictors = [torch.from_numpy(values.astype(np.float32)) for values in predictors_of(simulated, network.tier)]
    with torch.no_grad():
        effective = {
            name: values.double().numpy()[:, None]
            for name, values in network.effective(predictors)._asdict().items()
            if name != "downwelling_temperature"
        }
    return np.asarray(
        atmosphere_uncertainty(surfaces.surface_temperature, surfaces.emissivity, **effective, band=network.band)
    )
