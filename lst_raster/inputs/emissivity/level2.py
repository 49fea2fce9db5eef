"""Emissivity of a Level-2 product."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from lst_raster.errors import InputError, SceneError
from lst_raster.inputs.emissivity.source import UNCERTAINTY, Estimate, EstimateReader
from lst_raster.io.address import Location, path_of
from lst_raster.io.grid import on_grid
from lst_raster.io.level2_scene import (
    EMISSIVITY,
    EMISSIVITY_UNCERTAINTY,
    Level2Emissivity,
    Level2Scene,
    find_level2_emissivity,
)
from lst_raster.io.raster import open_raster
from lst_raster.io.scene import Scene


@dataclass(frozen=True, kw_only=True, slots=True)
class ProductEmissivity:
    """ST_EMIS, with ST_EMSD as its standard uncertainty."""

    files: Level2Emissivity  # The files
    align: bool = False  # Whether files on another grid are warped onto that of the scene
    kind: ClassVar[str] = "level_2"

    @classmethod
    def of(cls, scene: Scene, argument: str, *, align: bool = False) -> ProductEmissivity:
        """Find the files of the named product, or those of the scene.

        Raises InputError if no product is named and the scene has no ST_EMIS, InputNotFoundError or SceneError if the
        named product does not exist or has no ST_EMIS.
        """
        if argument:
            return cls(files=find_level2_emissivity(path_of(argument, "Level-2 product")), align=align)
        if not isinstance(scene, Level2Scene) or scene.emissivity is None:
            raise InputError(f"{scene.stem} has no ST_EMIS; give the Level-2 product, st-emis:PATH")
        return cls(files=scene.emissivity, align=align)

    @property
    def name(self) -> str:
        """Name of the file, for messages and provenance."""
        return f"st-emis ({self.files.value.label})"

    @property
    def rasters(self) -> list[Location]:
        """Input files."""
        return [place.location for place in (self.files.value, self.files.uncertainty) if place is not None]

    @contextmanager
    def open(self, scene: Scene) -> Iterator[EstimateReader]:
        """Open for reading window by window; without ST_EMSD the uncertainty is `UNCERTAINTY`.

        Raises SceneError for a damaged file, GridMismatchError for another grid, also from the reader.
        """
        with ExitStack() as stack:

            def opened(place: Any, what: str) -> Any:
                dataset = stack.enter_context(open_raster(place, what, SceneError))
                return stack.enter_context(on_grid(dataset, scene.grid, f"{what} {place.name}", align=self.align))

            value = opened(self.files.value, EMISSIVITY.suffix)
            spread = opened(self.files.uncertainty, EMISSIVITY_UNCERTAINTY.suffix) if self.files.uncertainty else None

            def read(window: Any) -> Estimate:
                values = EMISSIVITY.read(value, window=window)
                uncertainty: Any = np.float32(UNCERTAINTY)
                if spread is not None:
                    uncertainty = EMISSIVITY_UNCERTAINTY.read(spread, window=window)
                    uncertainty = np.where(np.isfinite(uncertainty), uncertainty, np.float32(UNCERTAINTY))
                return Estimate(values, np.where(np.isfinite(values), uncertainty, np.float32("nan")))

            yield read
