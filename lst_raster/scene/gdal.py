"""GDAL's settings, which belong to a thread."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rasterio.env import Env, getenv, hasenv
from rasterio.errors import RasterioError
from rasterio.session import DummySession

try:
    from rasterio._err import CPLE_BaseError
except ImportError:  # another release of rasterio
    CPLE_BaseError = RasterioError

GdalError: type[Exception] = CPLE_BaseError
"""Parent of GDAL's own exceptions that rasterio passes on; it has no public name in rasterio."""
_OF_SESSIONS = "AWS_"


class _Known(DummySession):  # type: ignore[misc]  # rasterio tells no types
    """Credentials that are known already: rasterio refuses them as settings."""

    def __init__(self, options: dict[str, Any]) -> None:
        super().__init__()
        self._options = options

    def get_credential_options(self) -> dict[str, Any]:
        return self._options


def gdal_settings(**options: Any) -> Env:
    """Set what is given for the time of a block.

    Credentials stay as they are. By itself rasterio would look for some, which takes long, and files on disk need none.
    """
    return Env(session=DummySession(), **options)


def settings_of_this_thread() -> Callable[[], Env]:
    """Take GDAL's settings of this thread, for other threads to have them, too, for the time of a block."""
    found = getenv() if hasenv() else {}
    credentials = {key: value for key, value in found.items() if key.startswith(_OF_SESSIONS)}
    others = {key: value for key, value in found.items() if key not in credentials}
    return lambda: Env(session=_Known(credentials), **others)
