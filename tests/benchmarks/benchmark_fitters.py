"""Fitters that replace the training of networks in tests; module-level functions, as they are pickled."""

import os
import time
from dataclasses import dataclass

import numpy as np

from tests.benchmarks.accuracy.refit import refit_single_channel


@dataclass(frozen=True)
class Shifted:
    """A refitted method with a constant offset that identifies its fit in a table."""

    method: object
    shift: float

    def __call__(self, given):
        return self.method(given) + self.shift


class WithUncertainty(Shifted):
    """The same with an uncertainty that covers all errors."""

    def uncertainty(self, given, errors):
        return np.full(given.radiance.shape, 1e3)


def quick_fitter(fit_spec, training):
    """Fit by least squares, with a different offset for each tier and seed; calibrated fits have an uncertainty."""
    shift = {"surface": 0.2, "profile": 0.1, "dual": 0.08, "dual-profile": 0.04}[fit_spec.tier] + 0.01 * fit_spec.seed
    assert all(len(one) for one in training)
    known = WithUncertainty if fit_spec.calibration else Shifted
    return known(refit_single_channel(training, 0), shift if fit_spec.method == "coupled" else 2.0 * shift)


def failing_fitter(fit_spec, training):
    """Fail as a diverging training."""
    from lst_raster.errors import ConfigError

    raise ConfigError("training diverged at step 3; lower optimiser.learning_rate")


def slow_fitter(fit_spec, training):
    """Sleep longer than the time limit of a test."""
    time.sleep(120.0)


def dying_fitter(fit_spec, training):
    """Terminate the process, as the system does when memory is exhausted."""
    os._exit(9)


def silent_fitter(fit_spec, training):
    """Return NaN for all samples."""
    return Shifted(lambda given: np.full(given.radiance.shape, np.nan), 0.0)
