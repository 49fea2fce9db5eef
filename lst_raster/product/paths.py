"""Names of the files of a product, the layer of each raster, and the files of an existing product."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from lst_raster.errors import InputError, InputNotFoundError
from lst_raster.io.address import Location, path_of
from lst_raster.product.cog import Compression
from lst_raster.product.layers import Layer
from lst_raster.product.quality_flags import DTYPE

SUFFIXES: Mapping[str, str] = {  # of the file of each role, appended to the name of the product
    "lst": ".tif", "uncertainty": "_UNC.tif", "quality": "_QA.tif", "quicklook": ".png", "style": ".qml",
    "quality_style": "_QA.qml", "uncertainty_random": "_UNC_RAN.tif", "uncertainty_atmosphere": "_UNC_ATM.tif",
    "uncertainty_surface": "_UNC_SFC.tif", "uncertainty_systematic": "_UNC_SYS.tif", "view_zenith": "_VZA.tif",
    "view_azimuth": "_VAA.tif", "sun_zenith": "_SZA.tif", "sun_azimuth": "_SAA.tif",
}  # fmt: skip
COMPONENTS: Mapping[str, str] = {
    "uncertainty_random": "random component of the uncertainty (noise)",
    "uncertainty_atmosphere": "locally correlated component of the uncertainty (atmosphere)",
    "uncertainty_surface": "locally correlated component of the uncertainty (surface emissivity)",
    "uncertainty_systematic": "systematic component of the uncertainty (calibration)",
}
"""Descriptions of the rasters of the components of the uncertainty by role, in the order of
`lst_raster.physics.correlated_errors.Components`."""
COMPONENTS_TAG, ANGLES_TAG = "uncertainty_components", "angles"
"""Metadata items that only products with these rasters have."""
ANGLES: Mapping[str, str] = {
    "view_zenith": "zenith angle of the satellite", "view_azimuth": "azimuth of the satellite, from north to east",
    "sun_zenith": "zenith angle of the sun", "sun_azimuth": "azimuth of the sun, from north to east",
}  # fmt: skip
"""Descriptions of the rasters of the angles by role."""
ITEM = ".json"  # suffix of the STAC item

STEP = 0.01  # step of temperatures and uncertainties stored as integers [K]
ANGLE_STEP = 1 / 128  # step to which angles are rounded; those of the USGS have steps of 0.01 [degree]
TEMPERATURE_STEP, UNCERTAINTY_STEP, COMPONENT_STEP = 1 / 128, 1 / 64, 1 / 256
"""Steps to which float32 is rounded [K]. A digital number of Landsat 8 is 3 mK wide and its noise is 50 mK; the digits
below are noise that takes half of the space."""


@dataclass(frozen=True, kw_only=True, slots=True)
class OutputFormat:
    """Format of a product."""

    dtype: Literal["float32", "uint16"] = "float32"
    """Data type of temperature and uncertainty; ``uint16`` has steps of 0.01 K and takes half the space."""
    compress: Compression = "deflate"
    """Compression: ``deflate``, supported by every reader, ``zstd``, ``lzw``, ``lerc_zstd`` or ``none``."""
    lst_only: bool = False
    """Whether to write the temperature only."""
    precision: Literal["rounded", "full"] = "rounded"
    """Whether float32 is rounded, temperatures to 1/128 K, uncertainties to 1/64 K and their components to 1/256 K, or
    stored as computed."""
    uncertainty: Literal["total", "components"] = "total"
    """Whether the components of the uncertainty are written too (`COMPONENTS`)."""
    angles: bool = False
    """Whether the angles of view and sun are written too (`ANGLES`)."""

    def __post_init__(self) -> None:
        if self.angles and self.lst_only:
            raise InputError("--lst-only leaves out the angles; leave out --angles or --lst-only")
        if self.uncertainty == "components" and self.lst_only:
            raise InputError("--lst-only leaves out the uncertainty; leave out --uncertainty or --lst-only")


def temperature_layer(form: OutputFormat) -> Layer:
    """Layer of the land surface temperature."""
    description = "land surface temperature"
    if form.dtype == "uint16":
        return Layer(description=description, units="K", dtype="uint16", scale=STEP, nodata=0)
    return Layer(description=description, units="K", step=TEMPERATURE_STEP if form.precision == "rounded" else None)


def uncertainty_layer(form: OutputFormat) -> Layer:
    """Layer of the standard uncertainty."""
    layer = replace(temperature_layer(form), description="standard uncertainty of the land surface temperature")
    return replace(layer, step=UNCERTAINTY_STEP) if layer.step is not None else layer


def component_layer(role: str, form: OutputFormat) -> Layer:
    """Layer of a component of the uncertainty, one of `COMPONENTS`; float32, since 0 is a valid value."""
    step = COMPONENT_STEP if form.precision == "rounded" else None
    return Layer(description=COMPONENTS[role], units="K", step=step)


def angle_layer(role: str, form: OutputFormat) -> Layer:
    """Layer of an angle, one of `ANGLES`; float32, without means in overviews: an azimuth jumps from 360 to 0."""
    step = ANGLE_STEP if form.precision == "rounded" else None
    return Layer(description=ANGLES[role], units="degree", resampling="nearest", step=step)


def quality_layer() -> Layer:
    """Layer of the quality bits, without nodata; overviews use one of the pixels below."""
    return Layer(description="quality bits", dtype=DTYPE, nodata=None, resampling="nearest")


@dataclass(frozen=True, kw_only=True, slots=True)
class ProductPaths:
    """Paths or addresses of the files of a product."""

    temperature: Location  # LST file

    def of(self, role: str) -> Location:
        """File of a role (`SUFFIXES`)."""
        suffix = {**SUFFIXES, "item": ITEM}[role]
        return self.temperature if role == "lst" else self.temperature.with_name(self.temperature.stem + suffix)

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
        return self.of("item")

    def rasters(self, form: OutputFormat, *, uncertainty: bool) -> list[Location]:
        """List the rasters to write, the temperature last."""
        if form.lst_only:
            return [self.temperature]
        components = map(self.of, COMPONENTS if form.uncertainty == "components" else ())
        angles = map(self.of, ANGLES if form.angles else ())
        return [*([self.uncertainty, *components] if uncertainty else []), *angles, self.quality, self.temperature]

    def sidecars(self, form: OutputFormat) -> list[Location]:
        """List the sidecar files to write."""
        return [] if form.lst_only else [*map(self.of, ("quicklook", "style", "quality_style")), self.item]


RASTERS = ("lst", "uncertainty", "quality", *COMPONENTS, *ANGLES)  # roles of the rasters


@dataclass(frozen=True, kw_only=True, slots=True)
class ProductSet:
    """The files of a product."""

    lst: Path
    files: Mapping[str, Path]  # by role: those of the STAC item, existing or not; without an item the existing ones
    item_path: Path  # existing or not
    item: Mapping[str, Any] | None  # None if there is no readable one
    problems: tuple[str, ...] = ()  # of the item, that affect the search for files

    @property
    def rasters(self) -> dict[str, Path]:
        """Existing rasters by role."""
        return {role: self.files[role] for role in RASTERS if role in self.files and self.files[role].is_file()}


def may_have(role: str, tags: Mapping[str, str]) -> bool:
    """Whether a product has the raster of a role by its metadata; on a server a search costs a request."""
    item = COMPONENTS_TAG if role in COMPONENTS else ANGLES_TAG if role in ANGLES else None
    return item is None or item in tags


def file_names(name: str) -> dict[str, str]:
    """Names by role of the files of a product whose LST file has this name; the STAC item has the role ``item``."""
    stem = Path(name).stem
    return {**{role: stem + suffix for role, suffix in SUFFIXES.items()}, "lst": name, "item": stem + ITEM}


def find_product(path: str | Path) -> ProductSet:
    """Find the files of a product from its LST file or STAC item.

    Raises InputNotFoundError if there is no such file, InputError if it is a folder or another kind of file.
    """
    path = path_of(path, "product")
    if not path.exists():
        raise InputNotFoundError(f"product {path} does not exist; check the path")
    if path.is_dir():
        raise InputError(f"product {path} is a folder; give the path of an LST file or STAC item in it")
    if path.suffix.lower() not in (".tif", ".tiff", ITEM):
        raise InputError(f"product {path} is not a .tif or {ITEM} file; give the LST file or its STAC item")
    is_item = path.suffix.lower() == ITEM
    lst = path.with_suffix(".tif") if is_item else path
    item_path = path if is_item else path.with_suffix(ITEM)
    item, problems = None, []
    if item_path.is_file():
        try:
            item = json.loads(item_path.read_text(encoding="utf-8"))
            if not isinstance(item, dict) or not isinstance(item.get("assets"), dict):
                raise ValueError("it has no assets")
        except ValueError as error:
            item, problems = None, [f"{item_path.name} is not a STAC item: {error}"]
    if item is None:
        names = {role: lst.with_name(name) for role, name in file_names(lst.name).items() if role != "item"}
        files = {role: file for role, file in names.items() if file.is_file() or role == "lst"}
        return ProductSet(lst=lst, files=files, item_path=item_path, item=None, problems=tuple(problems))
    files, problems = _files_of_item(item["assets"], item_path.parent)
    lst_of_item = files.get("lst", lst)
    if is_item:
        lst = lst_of_item
    elif lst_of_item.name != lst.name:
        problems.append(f"{item_path.name} is the item of {lst_of_item.name}, not of {lst.name}")
    return ProductSet(lst=lst, files={**files, "lst": lst}, item_path=item_path, item=item, problems=tuple(problems))


def _files_of_item(assets: Mapping[str, Any], folder: Path) -> tuple[dict[str, Path], list[str]]:
    """Files of an item's assets, which must be in its folder, and the problems of the others."""
    files, problems = {}, []
    for role, asset in assets.items():
        href = asset.get("href") if isinstance(asset, dict) else None
        name = href.removeprefix("./") if isinstance(href, str) else ""
        if not name or name in (".", "..") or any(character in name for character in "/\\:\0"):
            problems.append(f"asset {role} has the href {href!r}, which is not a file in the folder of the item")
        else:
            files[role] = folder / name
    return files, problems
