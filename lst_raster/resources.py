"""Where packaged data and models lie, and the user's own: the only file that knows."""

from __future__ import annotations

import os
import sys
import warnings
from importlib import import_module
from pathlib import Path
from types import ModuleType

from lst_raster.errors import InputNotFoundError, MissingExtraError, ModelError

_BRING_A_PROJ = ("eccodes", "cfgrib")
# Their wheels carry a PROJ library of their own; loaded before pyproj's it makes pyproj crash, after it it does not.
_PACKAGE = Path(__file__).resolve().parent


def data_path(*parts: str) -> Path:
    """Path of a packaged data file, for example ``data_path("bands", "bands.toml")``."""
    return _PACKAGE.joinpath("data", *parts)


def plugin_path() -> Path:
    """Folder of the plugin for QGIS, from which it is copied into a profile."""
    return _PACKAGE / "qgis"


def example_path() -> Path:
    """Folder of the example scene: inside the installed package, or in a checkout.

    Raises
    ------
    InputNotFoundError
        Neither folder exists: the installation is damaged.
    """
    for folder in (_PACKAGE / "example", _PACKAGE.parent / "examples" / "data"):
        if folder.is_dir():
            return folder
    raise InputNotFoundError("the example scene is missing from this installation; reinstall lst-raster")


def page_path(name: str) -> Path:
    """Path of a part of the page that shows a product, for example ``page.js``."""
    return _PACKAGE.joinpath("product", "preview", "browser", name)


def models_path() -> Path:
    """Folder of the shipped models: inside the installed package, or at the top of a checkout.

    Raises
    ------
    ModelError
        Neither folder exists: the installation is damaged.
    """
    for folder in (_PACKAGE / "models", _PACKAGE.parent / "models"):
        if folder.is_dir():
            return folder
    raise ModelError("the shipped models are missing from this installation; reinstall lst-raster")


def user_path(*parts: str) -> Path:
    """Path in the user's own folder, which holds the sensors and models that are not of the package.

    The folder is ``$LST_RASTER_DATA``; else ``lst-raster`` where the system keeps the data of programs:
    ``%LOCALAPPDATA%`` on Windows, ``~/Library/Application Support`` on macOS, else ``$XDG_DATA_HOME`` or
    ``~/.local/share``. It need not exist.
    """
    stated = os.environ.get("LST_RASTER_DATA")
    return (Path(stated).expanduser() if stated else _system_folder() / "lst-raster").joinpath(*parts)


def _system_folder() -> Path:
    home = Path.home()
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local")
    if sys.platform == "darwin":
        return home / "Library" / "Application Support"
    return Path(os.environ.get("XDG_DATA_HOME") or home / ".local" / "share")


def require(module: str, extra: str) -> ModuleType:
    """Import an optional dependency where it is used.

    Parameters
    ----------
    module : str
        Module to import.
    extra : str
        Name of the extra that installs it.

    Raises
    ------
    MissingExtraError
        The module is not installed; the message names the command that installs it.
    """
    try:
        if module in _BRING_A_PROJ:
            import_module("pyproj")
        return import_module(module)
    except ImportError as error:
        raise MissingExtraError(f"{module} is not installed; run: pip install 'lst-raster[{extra}]'") from error


def ignore_library_warnings() -> None:
    """Silence, for the whole process, warnings of libraries that an application does not act on.

    For entry points of processes of our own: the command line and its workers. Filters belong to the process, so the
    library itself never changes them; `warnings.catch_warnings` in several threads leaves filters behind.
    """
    for message in ("Dataset has no geotransform", "The given matrix is equal to Affine.identity"):
        warnings.filterwarnings("ignore", message)  # rasterio's, of scenes without coordinates
    warnings.filterwarnings("ignore", module=r"ecmwf\.datastores")  # news of the Climate Data Store
