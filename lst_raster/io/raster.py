"""Rasters opened and read with GDAL."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.enums import MaskFlags
from rasterio.env import Env, getenv, hasenv
from rasterio.errors import RasterioError
from rasterio.io import DatasetReader
from rasterio.session import DummySession
from rasterio.windows import Window

from lst_raster.errors import InputError, InputNotFoundError, LstRasterError
from lst_raster.io.address import Location, without_secrets
from lst_raster.io.bundle import Place, unpacked
from lst_raster.io.grid import Grid
from lst_raster.io.remote import gdal_reading, require_parts

try:
    from rasterio._err import CPLE_BaseError
except ImportError:  # another release of rasterio
    CPLE_BaseError = RasterioError

GdalError: type[Exception] = CPLE_BaseError
"""Parent of GDAL's exceptions that rasterio passes on; it has no public name in rasterio."""
Float32 = NDArray[np.float32]
Mask = NDArray[np.bool_]

_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")  # first bytes of a TIFF or a BigTIFF
_SAMPLE_STRIPS = 8  # of a subsample
_LARGE = 2_000_000  # smaller rasters are subsampled as a whole [pixel]
_SERVERS = ("/vsicurl/", "/vsis3/", "/vsigs/", "/vsiaz/")
_IN_PLACE = {"CPL_VSIL_GZIP_WRITE_PROPERTIES": "NO"}  # else GDAL writes a file next to a .tar.gz


class _KnownCredentials(DummySession):  # type: ignore[misc]  # rasterio has no types
    """Credentials as options of GDAL, which rasterio does not accept as settings."""

    def __init__(self, options: dict[str, Any]) -> None:
        super().__init__()
        self._options = options

    def get_credential_options(self) -> dict[str, Any]:
        return self._options


def gdal_settings(**options: Any) -> Env:
    """GDAL settings for a block, without rasterio's search for credentials, which is slow."""
    return Env(session=DummySession(), **options)


def copied_gdal_settings() -> Callable[[], Env]:
    """Copy GDAL's settings of this thread for blocks of other threads."""
    found = getenv() if hasenv() else {}
    credentials = {key: value for key, value in found.items() if key.startswith("AWS_")}
    others = {key: value for key, value in found.items() if key not in credentials}
    return lambda: Env(session=_KnownCredentials(credentials), **others)


TYPE_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
"""Length of a value of each type. [byte] TIFF 6.0 (Adobe, 1992), section 2; BigTIFF: 16 to 18"""


def has_all_tags(path: Path) -> bool:
    r"""Whether a TIFF contains the values of all tags of its first image.

    GDAL only logs a message for a tag beyond the end, and continues without it: without the coordinate system,
    for example.
    """
    size = path.stat().st_size
    with path.open("rb") as file, suppress(struct.error):  # the file ends within the directory
        start = file.read(16)
        order = "<" if start[:2] == b"II" else ">"
        is_big = struct.unpack_from(f"{order}H", start, 2)[0] == 43
        word, count_format = ("Q", "Q") if is_big else ("I", "H")
        file.seek(struct.unpack_from(order + word, start, 8 if is_big else 4)[0])
        (count,) = struct.unpack(order + count_format, file.read(struct.calcsize(count_format)))
        entry = struct.Struct(f"{order}HH{word}{word}")
        for _ in range(count):
            _, kind, values, place = entry.unpack(file.read(entry.size))
            length = TYPE_SIZES.get(kind, 0) * values
            if length > struct.calcsize(word) and place + length > size:
                return False
        return True
    return False


@contextmanager
def open_raster(path: Location | Place, what: str, error: type[LstRasterError]) -> Iterator[Any]:
    """Open a raster of one band as a rasterio dataset; `what` is its role in messages.

    InputNotFoundError without a file, RemoteError of a server; `error` for a file that is not a raster of one band of
    real numbers.
    """
    with open_bands(path, what, error) as dataset:
        if dataset.count != 1:
            raise error(f"{what} {path} has {dataset.count} bands; give a raster of one band")
        if np.dtype(dataset.dtypes[0]).kind not in "iuf":
            raise error(f"{what} {path} holds {dataset.dtypes[0]} values; give a raster of real numbers")
        yield dataset


@contextmanager
def open_bands(path: Location | Place, what: str, error: type[LstRasterError]) -> Iterator[Any]:
    """Open a raster of any number of bands as a rasterio dataset; otherwise as `open_raster`."""
    place = path if isinstance(path, Place) else Place.of(path)
    start = _first_bytes(place, what, error)
    if start in _TIFF and place.remote is None and not place.member and not has_all_tags(place.disk):
        raise error(f"{what} {place} {_complaint(place, start)}")
    with (
        unpacked(place) if place.is_unpacked else nullcontext(place.file_address) as address,
        gdal_reading(place.remote) if place.remote else nullcontext(),
        gdal_settings(**_IN_PLACE),
    ):
        try:
            dataset = rasterio.open(place.of_band(address))
        except RasterioError as reason:  # whose message may contain the signature of an address
            raise error(f"{what} {place} {_complaint(place, start)}") from (None if place.remote else reason)
        if place.box is not None:
            dataset = _within(dataset, place, address, what)
        with dataset:
            yield dataset


def _within(dataset: Any, place: Place, address: str, what: str) -> Any:
    """Reopen a raster, which GDAL opens as `address`, as its part in a box."""
    with dataset:
        if place.box is None or "?" in address or "&" in address:  # which separate the options of a part
            raise InputError(
                f"{what} {place}: GDAL cannot read a part of a file whose name has ? or &, or of a signed address; "
                "rename or download it, or leave out the box"
            )
        part = Grid.of(dataset).window_over(place.box, f"{what} {place.name}")
    window = ",".join(str(value) for value in (part.col_off, part.row_off, part.width, part.height))
    band = f"bands={place.band}&" if place.band is not None else ""
    return rasterio.open(f"vrt://{address}?{band}srcwin={window}")


def _first_bytes(place: Place, what: str, error: type[LstRasterError]) -> bytes:
    """First bytes of a file or its archive; errors as `open_raster`."""
    if place.remote is not None:
        return require_parts(place.remote)
    if not place.disk.exists():
        raise InputNotFoundError(f"{what} {place} does not exist; check the path")
    if place.disk.is_dir():
        raise error(f"{what} {place} is a folder; give the path of a raster file in it")
    try:
        with place.disk.open("rb") as file:
            return file.read(len(_TIFF[0]))
    except OSError as reason:
        raise error(f"{what} {place} cannot be read: {reason.strerror or reason}; check the file") from reason


def _complaint(place: Place, start: bytes) -> str:
    """Reason why a file cannot be opened: usually a truncated TIFF."""
    if place.member:
        return "cannot be read in its archive, which may be truncated or damaged; download it again"
    if start[: len(_TIFF[0])] in _TIFF:
        return "is a TIFF, but truncated or damaged; download it again"
    return "is not a raster that GDAL can read; give a GeoTIFF of one band"


def read_window(dataset: Any, what: str, error: type[LstRasterError], **where: Any) -> tuple[Float32, Mask]:
    """Read part of an open raster of one band, without scale and offset, as arrays of shape (rows, columns).

    `where` is `window` or `out_shape` of rasterio's `read`. Returns the values and where they are finite and not
    nodata. Raises `error` for a damaged file.
    """
    stored, valid = read_stored(dataset, what, error, **where)
    with np.errstate(over="ignore"):  # a float64 nodata such as -1.7e308 becomes infinite, which is not valid
        values = stored.astype(np.float32, copy=False)
    return values, valid if stored.dtype.kind in "iu" else valid & np.isfinite(values)


def read_stored(dataset: Any, what: str, error: type[LstRasterError], **where: Any) -> tuple[NDArray[Any], Mask]:
    """Read part of an open raster in its own type, and where it is not nodata; otherwise as `read_window`."""
    with _reading(dataset, what, error):
        windows = _sample(dataset, where["out_shape"]) if where.keys() == {"out_shape"} else [where]
        stored = _read_parts(dataset.read, windows)
        if len(windows) > 1 and (stored == stored[0, 0]).all():  # only fill: something may lie between the strips
            windows = [where]
            stored = _read_parts(dataset.read, windows)
        flags = set(dataset.mask_flag_enums[0])
        if flags == {MaskFlags.all_valid}:
            return stored, np.ones(stored.shape, bool)
        if flags == {MaskFlags.nodata} and stored.dtype.kind in "iu" and "window" in where:
            return stored, stored != dataset.nodata  # without reading twice
        return stored, _read_parts(dataset.read_masks, windows) != 0


def _read_parts(read: Callable[..., NDArray[Any]], windows: list[dict[str, Any]]) -> NDArray[Any]:
    parts = [read(1, **where) for where in windows]
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def _sample(dataset: Any, out_shape: tuple[int, int]) -> list[dict[str, Any]]:
    """Windows of which a subsample of a raster is read: whole, or strips spread over a large one without overviews.

    A subsample of the whole raster would decode, or fetch, every block.
    """
    if not isinstance(dataset, DatasetReader) or dataset.overviews(1):
        return [{"out_shape": out_shape}]
    rows = -(-out_shape[0] // _SAMPLE_STRIPS)
    block = dataset.block_shapes[0][0]
    height = -(-rows // block) * block  # of a strip, whole blocks
    if dataset.height * dataset.width < _LARGE or dataset.height < 2 * _SAMPLE_STRIPS * height:
        return [{"out_shape": out_shape}]
    middles = (np.arange(_SAMPLE_STRIPS) + 0.5) * dataset.height / _SAMPLE_STRIPS
    tops = [int(middle) // height * height for middle in middles]
    return [
        {"window": Window(0, top, dataset.width, min(height, dataset.height - top)), "out_shape": (rows, out_shape[1])}
        for top in tops
    ]


def read_numbers(dataset: Any, what: str, error: type[LstRasterError], **where: Any) -> NDArray[Any]:
    """Read part of an open raster in its own type, without a mask, which may take a second reading."""
    with _reading(dataset, what, error):
        stored: NDArray[Any] = dataset.read(1, **where)
        return stored


@contextmanager
def _reading(dataset: Any, what: str, error: type[LstRasterError]) -> Iterator[None]:
    try:
        yield
    except RasterioError as reason:
        shown = without_secrets(dataset.name.removeprefix("vrt://"))
        shown = shown.partition("?")[0] if dataset.name.startswith("vrt://") else shown
        remote = any(server in shown for server in _SERVERS)
        raise error(
            f"{what} {shown} opens but cannot be read completely: it is truncated or damaged"
            f"{', or the connection was lost; try again, or download it first' if remote else '; download it again'}"
        ) from (None if remote else reason)
