"""The plugin for QGIS, which runs `lst-raster` as a program of its own.

It imports QGIS and the standard library, nothing of ours: inside QGIS there would be two GDALs and two numpys. It is
copied into a profile of QGIS (`lst-raster qgis install`), and keeps to Python 3.8, as QGIS 3.22 may bring it.
"""

from __future__ import annotations

from typing import Any


def classFactory(iface: Any) -> Any:
    """Make the plugin; QGIS looks for this name."""
    from .plugin import LstRasterPlugin

    return LstRasterPlugin()
