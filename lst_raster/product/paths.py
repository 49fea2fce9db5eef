"""The files that a retrieval writes, and what each band of them holds."""

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
"""What is added to the product's name for the file of each role."""
ITEM = ".json"
"""What is added for the STAC item, which tells of them."""

STEP = 0.01
"""Step of temperatures and uncertainties that are kept as integers. [K]"""


@dataclass(frozen=True, kw_only=True, slots=True)
class OutputForm:
    """How a product is kept."""

    dtype: Literal["float32", "uint16"] = "float32"
    """Type of temperature and uncertainty; ``uint16`` keeps hundredths of a kelvin in half the space."""
    compress: Compression = "deflate"
    """Compression: ``deflate``, which every reader has, ``zstd``, ``lzw``, ``lerc_zstd`` or ``none``."""
    lst_only: bool = False
    """Whether nothing is written but the temperature."""


def temperature_layer(form: OutputForm) -> Layer:
    """Layer of the land surface temperature."""
    return _kelvins("land surface temperature", form)


def uncertainty_layer(form: OutputForm) -> Layer:
    """Layer of its standard uncertainty."""
    return _kelvins("standard uncertainty of the land surface temperature", form)


def quality_layer() -> Layer:
    """Layer of the quality bits; every pixel has some, and an overview shows one of its pixels."""
    return Layer(description="quality bits", dtype=DTYPE, nodata=None, resampling="nearest")


def _kelvins(description: str, form: OutputForm) -> Layer:
    if form.dtype == "uint16":
        return Layer(description=description, units="K", dtype="uint16", scale=STEP, nodata=0)
    return Layer(description=description, units="K")


@dataclass(frozen=True, kw_only=True, slots=True)
class ProductPaths:
    """Where the files of a product lie."""

    temperature: Location
    """Land surface temperature: a path, or an address in an object store."""

    @property
    def uncertainty(self) -> Location:
        """Its standard uncertainty."""
        return self._with(SUFFIXES["uncertainty"])

    @property
    def quality(self) -> Location:
        """Quality bits."""
        return self._with(SUFFIXES["quality"])

    @property
    def item(self) -> Location:
        """STAC item."""
        return self._with(ITEM)

    @property
    def quicklook(self) -> Location:
        """Picture."""
        return self._with(SUFFIXES["quicklook"])

    @property
    def style(self) -> Location:
        """Style for QGIS of the temperature."""
        return self._with(SUFFIXES["style"])

    @property
    def quality_style(self) -> Location:
        """Style for QGIS of the quality bits."""
        return self._with(SUFFIXES["quality_style"])

    def rasters(self, form: OutputForm, *, uncertainty: bool) -> list[Location]:
        """Rasters that are written, the temperature last."""
        if form.lst_only:
            return [self.temperature]
        return [*([self.uncertainty] if uncertainty else []), self.quality, self.temperature]

    def sidecars(self, form: OutputForm) -> list[Location]:
        """Files that are written beside the rasters."""
        return [] if form.lst_only else [self.quicklook, self.style, self.quality_style, self.item]

    def _with(self, ending: str) -> Location:
        return self.temperature.with_name(self.temperature.stem + ending)
