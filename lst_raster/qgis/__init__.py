"""The QGIS plugin, which runs `lst-raster` as a separate program.

It imports QGIS and the standard library only: inside QGIS there would be two versions of GDAL and numpy. It is copied
into a QGIS profile (`lst-raster qgis install`), and supports Python 3.8, the oldest with QGIS 3.22.
"""

from __future__ import annotations

from typing import Any


def classFactory(iface: Any) -> Any:
    """Make the plugin; QGIS calls this function."""
    from .plugin import LstRasterPlugin

    return LstRasterPlugin()
