"""Array library of the arguments: numpy or torch."""

from __future__ import annotations

import sys
from typing import Any, TypeAlias

import numpy as np

Array: TypeAlias = Any  # A numpy array or a torch tensor; the formulas are written for both


def keep_where(valid: Array, values: Array, other: float) -> Array:
    """Keep values where `valid`, of the same shape, is True, and replace the rest by a number.

    Without a copy for numpy arrays that are valid everywhere: `where` takes longer than a logarithm.
    """
    xp = namespace(values)
    if xp is np and np.all(valid):
        return values
    return xp.where(valid, values, xp.full_like(values, other))


def namespace(*arrays: Array) -> Any:
    """Return the module whose ``exp``, ``log``, ... fit the arguments: torch if one is a tensor, else numpy.

    torch is not imported here: the caller of a function with tensors has imported it.

    Examples
    --------
    >>> namespace(np.zeros(2), 1.0).__name__
    'numpy'
    """
    for array in arrays:
        if type(array).__module__.split(".")[0] == "torch":
            return sys.modules["torch"]
    return np
