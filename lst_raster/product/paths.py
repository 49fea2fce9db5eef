"""Names of the files that a retrieval writes, and the layer of each raster."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from lst_raster.io.address import Location
from lst_raster.product.layers import Layer
from lst_raster.product.quality_flags import DTYPE
from lst_raster.product.tiff_blocks import Compression

SUFFIXES: Mapping[str, str] = MappingProxyType(
    {
        "lst": ".tif",
        "uncertainty": "_UNC.tif",
        "quality": "_QA.tif",
        "quicklook": ".png",
        "style": ".qml",
        "quality_style": "_QA.qml",
    }
)
"""Suffix of the file of each role, appended to the name of the product."""
ITEM = ".json"  # suffix of the STAC item

STEP = 0.01  # step of temperatures and uncertainties stored as integers [K]


@dataclass(frozen=True, kw_only=True, slots=True)
class OutputFormat:
    """Format of a product."""

    dtype: Literal["float32", "uint16"] = "float32"
    """Data type of temperature and uncertainty; ``uint16`` has steps of 0.01 K and takes half the space."""
    compress: Compression = "deflate"
    """Compression: ``deflate``, supported by every reader, ``zstd``, ``lzw``, ``lerc_zstd`` or ``none``."""
    lst_only: bool = False
    """Whether to write the temperature only."""


def temperature_layer(form: OutputFormat) -> Layer:
    """Layer of the land surface temperature."""
    return _kelvin_layer("land surface temperature", form)


def uncertainty_layer(form: OutputFormat) -> Layer:
    """Layer of the standard uncertainty."""
    return _kelvin_layer("standard uncertainty of the land surface temperature", form)


def quality_layer() -> Layer:
    """Layer of the quality bits, without nodata; overviews use one of the pixels below."""
    return Layer(description="quality bits", dtype=DTYPE, nodata=None, resampling="nearest")


def _kelvin_layer(description: str, form: OutputFormat) -> Layer:
    if form.dtype == "uint16":
        return Layer(description=description, units="K", dtype="uint16", scale=STEP, nodata=0)
    return Layer(description=description, units="K")


@dataclass(frozen=True, kw_only=True, slots=True)
class ProductPaths:
    """Paths or addresses of the files of a product."""

    temperature: Location
    """LST file: a path, or an address in an object store."""

    def of(self, role: str) -> Location:
        """File of a role (`SUFFIXES`)."""
        return self.temperature if role == "lst" else self._with_suffix(SUFFIXES[role])

    @property
    def uncertainty(self) -> Location:
        """Standard uncertainty."""
        return self.of("uncertainty")

    @property
    def quality(self) -> Location:
        """Quality bits."""
        return self.of("quality")

    @property
    def item(self) -> Location:
        """STAC item."""
        return self._with_suffix(ITEM)

    @property
    def quicklook(self) -> Location:
        """Quicklook."""
        return self.of("quicklook")

    @property
    def style(self) -> Location:
        """QGIS style of the temperature."""
        return self.of("style")

    @property
    def quality_style(self) -> Location:
        """QGIS style of the quality bits."""
        return self.of("quality_style")

    def rasters(self, form: OutputFormat, *, uncertainty: bool) -> list[Location]:
        """List the rasters to write, the temperature last."""
        if form.lst_only:
            return [self.temperature]
        return [*([self.uncertainty] if uncertainty else []), self.quality, self.temperature]

    def sidecars(self, form: OutputFormat) -> list[Location]:
        """List the sidecar files to write."""
        return [] if form.lst_only else [self.quicklook, self.style, self.quality_style, self.item]

    def _with_suffix(self, suffix: str) -> Location:
        return self.temperature.with_name(self.temperature.stem + suffix)
