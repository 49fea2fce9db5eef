"""Versions of what a product depends on, told without opening a model."""

from __future__ import annotations

import importlib.metadata
import platform
import tomllib

from lst_raster.resources import models_path


def versions() -> dict[str, str]:
    """Tell the versions of what a product depends on, by name."""
    import pyproj
    import rasterio

    names = ("numpy", "onnxruntime", "rasterio", "pyproj", "xarray")
    return {
        "models": _models(),
        "GDAL": rasterio.__gdal_version__,
        "PROJ": pyproj.proj_version_str,
        **{name: importlib.metadata.version(name) for name in names},
        "Python": platform.python_version(),
    }


def _models() -> str:
    """Versions of the shipped models, and how many there are; by their configurations, which need no session."""
    configurations = [path.read_text(encoding="utf-8") for path in models_path().glob("*/*/train.toml")]
    found = sorted({str(tomllib.loads(text).get("version", "unversioned")) for text in configurations})
    return f"{len(configurations)} of version {', '.join(found)}"
