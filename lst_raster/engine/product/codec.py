"""Compressed blocks, and the file that they are put into, both made by GDAL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
import rasterio
import rasterio.shutil
from rasterio import Affine
from rasterio.enums import Resampling
from rasterio.io import MemoryFile

from lst_raster.engine.product.blocks import BLOCK, level_shapes
from lst_raster.engine.product.layer import Layer, Values
from lst_raster.engine.product.tiff import block_tables
from lst_raster.errors import InputError
from lst_raster.scene.grid import Grid

Compression: TypeAlias = Literal["deflate", "zstd", "lzw", "lerc_zstd", "none"]

_OPTIONS: Mapping[str, Mapping[str, Any]] = {
    "deflate": {"zlevel": 1},  # the one that every reader has; level 6 makes noisy bytes no smaller
    "zstd": {"zstd_level": 1},
    "lzw": {},
    "lerc_zstd": {"zstd_level": 1},
    "none": {},
}
_LERC_ERROR = 0.005  # of float32; half of the step that integers have
_SOMEWHERE = Affine.scale(2)  # rasterio would warn of a file without a place
_PREDICTED = ("deflate", "zstd", "lzw")


@dataclass(frozen=True, kw_only=True, slots=True)
class Encoded:
    """A block as it stands in the file."""

    data: bytes
    """Its bytes."""
    pixels: Values
    """What they give when they are read, of shape (512, 512)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Codec:
    """How the blocks of a layer are compressed."""

    layer: Layer
    """What they hold."""
    compress: Compression = "deflate"
    """Method; ``lerc_zstd`` keeps float32 within 0.005, all others keep every bit."""

    def __post_init__(self) -> None:
        if self.compress not in _OPTIONS:
            raise InputError(f"compression {self.compress!r} is not known; give one of {', '.join(_OPTIONS)}")

    @property
    def lossy(self) -> bool:
        """Whether numbers change within the tolerance."""
        return self.compress == "lerc_zstd" and self.layer.dtype == "float32"

    def encode(self, blocks: Sequence[Values]) -> list[Encoded]:
        """Compress blocks; several at once cost less than one at a time.

        Parameters
        ----------
        blocks : sequence of array of shape (512, 512)
            Numbers of the file.

        Returns
        -------
        list of Encoded
            Each block's bytes.
        """
        if not blocks:
            return []
        profile = {**self._profile(), "width": BLOCK, "height": BLOCK * len(blocks)}
        with MemoryFile() as memory:
            with rasterio.open(memory.name, "w", transform=_SOMEWHERE, **profile) as dataset:
                dataset.write(np.concatenate(blocks)[None])
            file = memory.getbuffer()
            positions, sizes = (table.read(file) for table in block_tables(file)[0])
            data = [bytes(file[start : start + size]) for start, size in zip(positions, sizes, strict=True)]
            kept = self._kept(memory, blocks) if self.lossy else blocks
        return [Encoded(data=part, pixels=block) for part, block in zip(data, kept, strict=True)]

    def skeleton(self, grid: Grid, tags: Mapping[str, str], band_tags: Mapping[str, str]) -> bytearray:
        """Make a Cloud Optimized GeoTIFF with all its metadata and overviews, and without a single block.

        Parameters
        ----------
        grid : Grid
            Where its pixels lie.
        tags, band_tags : mapping of str to str
            Metadata of the file and of its band.

        Returns
        -------
        bytearray
            The file; blocks can be appended once its tables tell where they lie.
        """
        place = {"width": grid.width, "height": grid.height, "crs": grid.crs, "transform": grid.transform}
        profile = {**self._profile(), **place}
        with MemoryFile() as source, MemoryFile() as target:
            with rasterio.open(source.name, "w", **profile, sparse_ok=True) as dataset:
                self._describe(dataset, tags, band_tags)
                levels = len(level_shapes(grid.height, grid.width))
                dataset.build_overviews([2**level for level in range(1, levels)], Resampling.nearest)
            rasterio.shutil.copy(source.name, target.name, driver="COG", **self._cog_options())
            return bytearray(target.getbuffer())

    def _profile(self) -> dict[str, Any]:
        return {
            "driver": "GTiff", "count": 1, "dtype": self.layer.dtype, "nodata": self.layer.nodata, "tiled": True,
            "blockxsize": BLOCK, "blockysize": BLOCK, "compress": self.compress.upper(), "predictor": self._predictor(),
            "bigtiff": "IF_SAFER", **_OPTIONS[self.compress], **self._tolerance(),
        }  # fmt: skip

    def _cog_options(self) -> dict[str, Any]:
        return {
            "compress": self.compress.upper(), "blocksize": BLOCK, "bigtiff": "IF_SAFER", "sparse_ok": "YES",
            "predictor": "YES" if self._predictor() > 1 else "NO", "overviews": "FORCE_USE_EXISTING",
            "overview_predictor": "YES" if self._predictor() > 1 else "NO",
            "overview_compress": self.compress.upper(), **self._tolerance(),
        }  # fmt: skip

    def _predictor(self) -> int:
        if self.compress not in _PREDICTED:
            return 1
        return 3 if self.layer.dtype == "float32" else 2

    def _tolerance(self) -> dict[str, float]:
        return {"max_z_error": _LERC_ERROR} if self.lossy else {}

    def _describe(self, dataset: Any, tags: Mapping[str, str], band_tags: Mapping[str, str]) -> None:
        dataset.set_band_description(1, self.layer.description)
        dataset.units = (self.layer.units,)
        if self.layer.scale is not None:
            dataset.scales = (self.layer.scale,)
        dataset.update_tags(**tags)
        dataset.update_tags(1, **{**self.layer.tags, **band_tags})

    def _kept(self, memory: MemoryFile, blocks: Sequence[Values]) -> list[Values]:
        """Read back what a lossy method has made of the numbers."""
        with rasterio.open(memory.name) as dataset:
            kept = np.split(dataset.read(1), len(blocks))
        for block, after in zip(blocks, kept, strict=True):
            if not np.allclose(after, block, rtol=0, atol=_LERC_ERROR * 1.01, equal_nan=True):
                raise OSError(f"{self.compress} has changed numbers by more than {_LERC_ERROR}")
        return kept
