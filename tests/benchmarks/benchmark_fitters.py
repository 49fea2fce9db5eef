"""Fitters that stand in for the training of networks: functions of a module, so that they reach other processes."""

import os
import time
from dataclasses import dataclass

import numpy as np

from tests.benchmarks.accuracy.refit import refit_single_channel


@dataclass(frozen=True)
class Shifted:
    """A refitted method that is off by what its fit says, so that a table shows which fit it came from."""

    method: object
    shift: float

    def __call__(self, given):
        return self.method(given) + self.shift


def quick_fitter(asked, learn):
    """Fit by least squares; each tier and each seed has its own offset."""
    shift = {"column": 0.3, "surface": 0.2, "profile": 0.1}[asked.tier] + 0.01 * asked.seed
    assert all(len(one) for one in learn)
    return Shifted(refit_single_channel(learn, 0), shift if asked.method == "coupled" else 2.0 * shift)


def failing_fitter(asked, learn):
    """Fail as a training that diverged does."""
    from lst_raster.errors import ConfigError

    raise ConfigError("training diverged at step 3; lower optimiser.learning_rate")


def slow_fitter(asked, learn):
    """Take far longer than a test may."""
    time.sleep(120.0)


def dying_fitter(asked, learn):
    """End the process, as a lack of memory does."""
    os._exit(9)


def silent_fitter(asked, learn):
    """Retrieve nothing."""
    return Shifted(lambda given: np.full(given.radiance.shape, np.nan), 0.0)
