"""Angles of view and sun at the pixels of a scene, from its angle coefficient file or its angle bands."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from pyproj import Transformer
from rasterio.windows import Window

from lst_raster.errors import SceneError
from lst_raster.io.angle_coefficients import AngleCoefficients
from lst_raster.io.bundle import Place
from lst_raster.io.coarse_grid import spread
from lst_raster.io.grid import Grid, require_same_grid
from lst_raster.io.raster import open_raster, read_stored
from lst_raster.io.scene import Scene
from lst_raster.physics.viewing_geometry import zenith_and_azimuth
from lst_raster.sensors.bands import sensor_band

Float32: TypeAlias = NDArray[np.float32]

_BANDS: Mapping[str, str] = {
    "view_zenith": "VZA", "view_azimuth": "VAA", "sun_zenith": "SZA", "sun_azimuth": "SAA",
}  # fmt: skip
ANGLES = tuple(_BANDS)
"""Names of the angles."""
_SCALE = np.float32(0.01)  # [degree], of a number in the angle bands, USGS LSDS-1619
_NODE_DISTANCE = 1920.0  # [m], between the nodes from which directions are interpolated: errors below 0.0005 degree
AngleReader: TypeAlias = Callable[[Window], dict[str, Float32]]
"""Reads the angles in a window [degree], NaN where they are not known."""


@dataclass(frozen=True, kw_only=True, slots=True)
class AngleSource:
    """Files with the angles of a scene: the coefficients or else the four bands."""

    coefficients: AngleCoefficients | None = None
    bands: Mapping[str, Place] | None = None
    files: tuple[Place, ...]  # that are read

    def __str__(self) -> str:
        if self.coefficients is not None:
            return self.coefficients.label
        return f"{', '.join(place.name for place in self.files)} (of a reflective band)"


def find_angles(scene: Scene) -> AngleSource:
    """Find the angles of a scene.

    The angle coefficient file comes first, as it has those of the thermal bands: the angle bands are those of a
    reflective band, whose detectors look in other directions, up to 2 degrees for Landsat 8. Raises SceneError where
    both are missing, and for a damaged file.
    """
    files = scene.files
    place = files.find_text("ANG", "FILE_NAME_ANGLE_COEFFICIENT", "ANGLE_COEFFICIENT_FILE_NAME")
    if place is not None:
        suffix = files.name.band or next(iter(sensor_band(scene.sensor).files), "")
        return AngleSource(coefficients=AngleCoefficients.read(place, suffix), files=(place,))
    found = {name: files.find(suffix) for name, suffix in _BANDS.items()}
    bands = {name: place for name, place in found.items() if place is not None}
    if len(bands) < len(_BANDS):
        missing = ", ".join(f"*_{_BANDS[name]}.TIF" for name in _BANDS if name not in bands)
        raise SceneError(
            f"{files.bundle.path} has no angle coefficient file {files.stems[0]}_ANG.txt, and no {missing}; download "
            "the file, which is part of every Collection 1 and 2 product, or leave out --angles"
        )
    return AngleSource(bands=bands, files=tuple(bands.values()))


@contextmanager
def open_angles(source: AngleSource, scene: Scene) -> Iterator[AngleReader]:
    """Open the angles of a scene for reading window by window in one thread.

    Raises SceneError for a damaged file and a scene without georeference, GridMismatchError for bands on another grid.
    """
    if source.coefficients is not None:
        yield _reader(source.coefficients, scene)
        return
    with ExitStack() as stack:
        datasets = {
            name: stack.enter_context(open_raster(place, "angle band", SceneError))
            for name, place in (source.bands or {}).items()
        }
        for name, dataset in datasets.items():
            require_same_grid(f"angle band *_{_BANDS[name]}", Grid.of(dataset), scene.grid, "leave out --angles")

        def read(window: Window) -> dict[str, Float32]:
            stored = {
                name: read_stored(dataset, "angle band", SceneError, window=window)[0]
                for name, dataset in datasets.items()
            }
            fill = ~np.logical_or.reduce([numbers != 0 for numbers in stored.values()])
            angles = {}
            for name, numbers in stored.items():
                values = numbers.astype(np.float32) * _SCALE
                angles[name] = np.where(fill, np.float32(np.nan), values % 360.0 if "azimuth" in name else values)
            return angles

        yield read


def _reader(coefficients: AngleCoefficients, scene: Scene) -> AngleReader:
    grid = scene.grid
    if grid.crs is None:
        raise SceneError(
            f"{scene.place.name} has no coordinate system, so its angles are not known; leave out --angles"
        )
    transformer = Transformer.from_crs(grid.crs.to_wkt(), coefficients.crs, always_xy=True)
    size = grid.pixel_size()
    assert size is not None, "the grid has a coordinate system"
    rows, columns = (
        np.arange(0.0, length + step, step)
        for length, step in ((grid.height, _NODE_DISTANCE / size[1]), (grid.width, _NODE_DISTANCE / size[0]))
    )
    column, row = np.meshgrid(columns, rows)
    a, b, c, d, e, f = grid.transform[:6]
    nodes = coefficients.directions(*transformer.transform(a * column + b * row + c, d * column + e * row + f))

    def read(window: Window) -> dict[str, Float32]:
        chosen = coefficients.choose(spread(rows, columns, nodes, window))
        angles = (*zenith_and_azimuth(*chosen[:3]), *zenith_and_azimuth(*chosen[3:]))
        return dict(zip(ANGLES, angles, strict=True))

    return read
