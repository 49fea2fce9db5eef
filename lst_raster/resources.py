"""Paths of packaged data and models and of the user's, and imports of optional dependencies."""

from __future__ import annotations

import gc
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from types import ModuleType

from lst_raster.errors import InputNotFoundError, MissingExtraError, ModelError

_WITH_PROJ = ("eccodes", "cfgrib")  # their wheels contain a PROJ library that makes pyproj crash if loaded first
_PACKAGE = Path(__file__).resolve().parent


def data_path(*parts: str) -> Path:
    """Path of a packaged data file, for example ``data_path("bands", "bands.toml")``."""
    return _PACKAGE.joinpath("data", *parts)


def plugin_path() -> Path:
    """Folder of the QGIS plugin, from which it is copied into a profile."""
    return _PACKAGE / "qgis"


def example_path() -> Path:
    """Folder of the example scene, in the installed package or in a checkout; else InputNotFoundError."""
    for folder in (_PACKAGE / "example", _PACKAGE.parent / "examples" / "data"):
        if folder.is_dir():
            return folder
    raise InputNotFoundError("the example scene is missing from this installation; reinstall lst-raster")


def page_path(name: str) -> Path:
    """Path of a file of the preview page, for example ``page.js``."""
    return _PACKAGE.joinpath("product", "preview", "browser", name)


def models_path() -> Path:
    """Folder of the shipped models, in the installed package or in a checkout; else ModelError."""
    for folder in (_PACKAGE / "models", _PACKAGE.parent / "models"):
        if folder.is_dir():
            return folder
    raise ModelError("the shipped models are missing from this installation; reinstall lst-raster")


def user_path(*parts: str) -> Path:
    """Path in the user's data folder for custom sensors and models, which need not exist.

    The folder is ``$LST_RASTER_DATA``, else ``lst-raster`` in ``%LOCALAPPDATA%`` on Windows, in
    ``~/Library/Application Support`` on macOS, else in ``$XDG_DATA_HOME`` or ``~/.local/share``.
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
    """Import an optional dependency; MissingExtraError, with the command that installs the extra, if it is missing."""
    try:
        if module in _WITH_PROJ:
            import_module("pyproj")
        return import_module(module)
    except ImportError as error:
        raise MissingExtraError(f"{module} is not installed; run: pip install 'lst-raster[{extra}]'") from error


@contextmanager
def quick_imports() -> Iterator[None]:
    """Import the libraries of a retrieval without boto3, threads of BLAS and garbage collection, which take long.

    For the command line only: afterwards sessions of rasterio find no credentials unless they are given them, and BLAS
    has one thread, here and in worker processes; tiles and scenes are processed in parallel instead.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # idle threads of OpenBLAS spin at first
    hides_boto3 = "rasterio" not in sys.modules and "boto3" not in sys.modules
    if hides_boto3:
        sys.modules["boto3"] = None  # type: ignore[assignment]  # rasterio would import it, and takes it as missing
    known, collects = len(sys.modules), gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if hides_boto3:
            del sys.modules["boto3"]
        if len(sys.modules) > known:
            gc.freeze()  # modules stay, so collections need not search them
        if collects:
            gc.enable()


def ignore_library_warnings() -> None:
    """Suppress warnings of libraries that are irrelevant to an application, for the whole process.

    For the command line and its worker processes only: the library must not change filters, which are global to the
    process; `warnings.catch_warnings` in several threads leaves filters behind.
    """
    for message in ("Dataset has no geotransform", "The given matrix is equal to Affine.identity"):
        warnings.filterwarnings("ignore", message)  # of rasterio for scenes without coordinates
    warnings.filterwarnings("ignore", module=r"ecmwf\.datastores")  # announcements of the Climate Data Store
