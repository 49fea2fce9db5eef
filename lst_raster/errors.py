"""Errors of the package, each with a built-in parent, too, so that generic handlers catch them.

None is an OSError: a handler for failures of the operating system must not catch errors of the package.
"""

from __future__ import annotations


class LstRasterError(Exception):
    """Parent of all errors that this package raises deliberately.

    The message says what was found and what to do; the command line prints it on one line and exits with 1.
    """


class InputError(LstRasterError, ValueError):
    """A value, a unit or a variable is not valid for the operation."""


class InputNotFoundError(LstRasterError, LookupError):
    """A file or folder does not exist."""


class RemoteError(LstRasterError, RuntimeError):
    """A server does not respond, refuses the request, or sends invalid data."""


class RemoteAccessError(RemoteError):
    """A server refuses access: credentials are missing or not valid."""


class SceneError(LstRasterError, ValueError):
    """A file is not a thermal scene that can be retrieved."""


class GridMismatchError(LstRasterError, ValueError):
    """Two rasters that must share a grid do not."""


class UnknownSensorError(LstRasterError, LookupError):
    """The name of a sensor band is unknown."""


class ModelError(LstRasterError, RuntimeError):
    """A model file is missing, or its contract is of an unsupported version."""


class ConfigError(LstRasterError, ValueError):
    """A configuration file has an unknown key or an invalid value."""


class OutputError(LstRasterError, RuntimeError):
    """A product could not be written; no incomplete file remains."""


class MissingExtraError(LstRasterError, ImportError):
    """An optional dependency is missing; the message names the extra to install."""


class CancelledError(LstRasterError, RuntimeError):
    """The caller's progress function stopped the run."""


class WorkerError(LstRasterError, RuntimeError):
    """A worker process was lost, or raised an unexpected error."""
