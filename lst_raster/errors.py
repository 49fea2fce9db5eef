"""The errors a user can meet, each with a built-in parent too, so that generic handlers catch them.

None is an OSError: a handler of what the operating system refuses must not take an error of the package for that.
"""

from __future__ import annotations


class LstRasterError(Exception):
    """Parent of every error that this package raises on purpose.

    The message says what was found and what to do; the command line prints it on one line and exits with 1.
    """


class InputError(LstRasterError, ValueError):
    """A value, a unit or a variable is not what the operation needs."""


class InputNotFoundError(LstRasterError, LookupError):
    """A file or folder that was named does not exist."""


class RemoteError(LstRasterError, RuntimeError):
    """A server does not answer, refuses, or sends what is of no use."""


class RemoteAccessError(RemoteError):
    """A server refuses what was asked of it: it wants credentials, or others."""


class SceneError(LstRasterError, ValueError):
    """A file is not a thermal scene that can be retrieved."""


class GridMismatchError(LstRasterError, ValueError):
    """Two rasters that must share a grid do not."""


class UnknownSensorError(LstRasterError, LookupError):
    """A sensor band, by name, that the package does not know."""


class ModelError(LstRasterError, RuntimeError):
    """A model file is missing, or its contract is not one this version knows."""


class ConfigError(LstRasterError, ValueError):
    """A configuration file has a key or a value that is not understood."""


class OutputError(LstRasterError, RuntimeError):
    """A product could not be written; nothing half written stays behind."""


class MissingExtraError(LstRasterError, ImportError):
    """An optional dependency is needed; the message names the extra to install."""


class CancelledError(LstRasterError, RuntimeError):
    """The caller's progress function asked to stop."""


class WorkerError(LstRasterError, RuntimeError):
    """A process that worked on a scene was lost, or met something that this package did not foresee."""
