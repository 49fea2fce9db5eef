"""Scenes of STAC items: the files that a retrieval needs, as far as a box needs them, copied to a cache folder.

A copy is read once and completely, so that a retrieval does not depend on the server, and a repeated one needs none.
"""

from __future__ import annotations

import contextvars
import hashlib
import json
import logging
import os
import re
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import numpy as np
import rasterio
from rasterio.errors import RasterioError
from rasterio.windows import Window

from lst_raster.atomic_write import atomic_write
from lst_raster.cache import cache_folder, mark_used, remove_unused
from lst_raster.errors import CancelledError, OutputError, RemoteAccessError, RemoteError, SceneError
from lst_raster.io.address import Address, without_secrets
from lst_raster.io.bundle import Place
from lst_raster.io.grid import Box, Grid
from lst_raster.io.raster import gdal_settings, open_raster, read_numbers
from lst_raster.io.remote import Part, fetch, requests_stopped
from lst_raster.io.remote_raster import Get, open_remote_raster
from lst_raster.io.stac_services import SERVICES, FoundItem, ProductId, find_item, is_item_address
from lst_raster.sensors.bands import landsat_bands

_LOGGER = logging.getLogger(__name__)
_FILE = re.compile(
    r"(?P<stem>L[COTEM]\d\d_L[12][A-Z]{2}_\d{6}_\d{8}_\d{8}_\d\d_\w\w)_(?P<suffix>[A-Z0-9_]+)\.(?P<ending>TIF|TXT|JSON|XML)",
    re.IGNORECASE,
)
_METADATA = ("MTL.TXT", "MTL.JSON", "MTL.XML")
_MASKS = ("QA_PIXEL.TIF", "QA_RADSAT.TIF")
_TERMS = ("ST_ATRAN.TIF", "ST_URAD.TIF", "ST_DRAD.TIF")
_EMISSIVITY = ("ST_EMIS.TIF", "ST_EMSD.TIF")
_TEXT_LIMIT = 1 << 20  # of a metadata file [byte]
_PARALLEL = 4  # files at the same time
_STRIP = 32 << 20  # of pixels that are read at once [byte]
_BLOCK = 512  # of a copy [pixel]

Say = Callable[[str], None]  # Receives one-line messages
Progress = Callable[[int, int], bool]  # Takes the number of completed files and the total; returns False to stop


@dataclass(frozen=True, kw_only=True, slots=True)
class Needs:
    """What a retrieval reads of a scene."""

    emissivity: Collection[str] | None = None  # sources given by the user, None for the default ones
    level_2: bool = False  # whether the atmosphere of a Level-2 product is used
    band: str | None = None  # the only thermal band, such as ``10``; None for all
    angles: bool = False  # whether the angles of view and sun are written

    def uses(self, source: str, *, by_default: bool) -> bool:
        """Whether an emissivity source is used."""
        if self.emissivity is None:
            return by_default
        return any(str(given).strip().lower() == source for given in self.emissivity)


def download_scene(
    source: str | FoundItem, *, box: Box | None = None, needs: Needs | None = None, say: Say | None = None,
    progress: Progress | None = None,
) -> Path:  # fmt: skip
    """Copy the files of a scene that a retrieval needs to the cache, and return their folder.

    Parameters
    ----------
    source : str or FoundItem
        Identifier of a Landsat product, address of a STAC item, or an item.
    box : Box, optional
        Box of latitude and longitude outside which nothing is read. [degree]
    needs : Needs, optional
        What the retrieval reads; by default that of a retrieval without options.
    say : callable, optional
        Receives one-line messages on what is downloaded.
    progress : callable, optional
        Called with the number of completed files and the total; returns False to stop.

    Raises
    ------
    InputNotFoundError
        There is no such product or item.
    SceneError
        The item has no thermal band, or a file is damaged.
    InputError
        The box is outside the scene.
    RemoteError
        A server fails or refuses access; RemoteAccessError if it needs an account.
    OutputError
        The cache cannot be written.
    CancelledError
        `progress` returned False. Complete files stay in the cache.
    """
    needs = needs or Needs()
    parent = cache_folder("scenes") / _folder_name(source)
    folder = parent / (f"box_{str(box).replace(',', '_')}" if box else "whole")
    remove_unused(parent.parent)
    say = say or _LOGGER.info
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"the cache folder {folder} cannot be made ({error.strerror or error}); set LST_RASTER_CACHE to another"
        ) from error
    found = _known_item(source, parent)
    files = _files(found, needs)
    for file in (parent / "item.json", *(folder / name for name in files)):
        mark_used(file)
    _say_differences(source, found, next(iter(files)), say)
    missing = {name: href for name, href in files.items() if not _is_complete(folder / name)}
    if missing:
        _download(found, missing, folder, box, say, progress or (lambda done, total: True))
    return folder


def _is_complete(file: Path) -> bool:
    return file.is_file() and file.stat().st_size > 0


def _say_differences(source: str | FoundItem, found: FoundItem, name: str, say: Say) -> None:
    """Report services that failed, and a product that is not the one of the identifier."""
    for note in found.notes:
        say(f"{note}; {found.service.name if found.service else 'another server'} is used")
    wanted = ProductId.parse(source) if isinstance(source, str) else None
    match = _FILE.fullmatch(name)
    given = ProductId.parse(match["stem"]) if match else None
    if wanted and given and (wanted.level != given.level or wanted.processed not in (None, given.processed)):
        say(f"{wanted} is not in this service: {given} is used, of the same acquisition")


def is_product_or_item(text: object) -> bool:
    """Whether a text is the identifier of a Landsat product or the address of a STAC item, and not that of a file.

    Examples
    --------
    >>> is_product_or_item("LC09_L2SP_195025_20230707_20230709_02_T1"), is_product_or_item("LC09_B10.TIF")
    (True, False)
    """
    if not isinstance(text, str | Path):
        return False
    return (ProductId.parse(str(text)) is not None and not Path(text).exists()) or is_item_address(str(text))


def _folder_name(source: str | FoundItem) -> str:
    """Name of the folder of a scene in the cache."""
    if isinstance(source, FoundItem):
        digest = hashlib.sha256(json.dumps(source.item, sort_keys=True, default=str).encode()).hexdigest()[:8]
        return f"{source.identifier}_{digest}"
    product = ProductId.parse(source)
    if product is not None:
        return str(product)
    digest = hashlib.sha256(source.encode()).hexdigest()[:8]
    return f"item_{digest}"


def _known_item(source: str | FoundItem, folder: Path) -> FoundItem:
    """Item of a scene, from the cache if it is there."""
    if isinstance(source, FoundItem):
        return source
    path = folder / "item.json"
    with suppress(OSError, ValueError, KeyError, TypeError):
        known = json.loads(path.read_text(encoding="utf-8"))
        service = next((service for service in SERVICES if service.name == known["service"]), None)
        is_item = isinstance(known["item"], dict) and isinstance(known["item"].get("assets"), dict)
        if (
            is_item
            and (service is None) == (known["service"] is None)
            and (service is None or service.base == known["base"])
        ):
            return FoundItem(item=known["item"], service=service, address=known["address"])
    found = find_item(source)
    is_signed = any("?" in str(asset.get("href")) for asset in found.item["assets"].values() if isinstance(asset, dict))
    if is_signed or found.notes:  # signatures are secrets, and expire; a service that failed may have the product
        return found
    service_name, base = (found.service.name, found.service.base) if found.service else (None, None)
    with atomic_write(path) as temporary:
        known = {"service": service_name, "base": base, "address": without_secrets(found.address), "item": found.item}
        temporary.write_text(json.dumps(known), encoding="utf-8")
    return found


def _files(found: FoundItem, needs: Needs) -> dict[str, str]:
    """Unsigned addresses of the needed files by name; SceneError where the thermal band is missing."""
    there: dict[str, tuple[str, str]] = {}  # name and address, by suffix and ending
    stem = ""
    for asset in found.item["assets"].values():
        href = found.file(asset) if isinstance(asset, dict) and asset.get("href") else ""
        name = unquote(urlsplit(href).path if "://" in href else href).replace("\\", "/").rpartition("/")[2]
        match = _FILE.fullmatch(name)
        if match:
            stem = match["stem"].upper()
            there.setdefault(f"{match['suffix']}.{match['ending']}".upper(), (name, href))
    satellite, is_level_2 = int(stem[2:4]) if stem else 0, stem[5:7] == "L2"
    wanted = _suffixes(satellite, needs, is_level_2=is_level_2)
    metadata = next((suffix for suffix in _METADATA if suffix in there), None)
    chosen = {there[suffix][0]: there[suffix][1] for suffix in (*wanted, metadata) if suffix and suffix in there}
    thermal = ["ST_TRAD.TIF"] if is_level_2 else _thermal(satellite, needs.band)
    if not any(suffix in there for suffix in thermal):
        held = ", ".join(sorted(there)) or ", ".join(map(str, found.item["assets"])) or "none"
        product = f"the product {stem}" if stem else f"the STAC item {found.identifier}"
        raise SceneError(
            f"{product} has no {' or '.join(thermal) or 'thermal band of Landsat'} among its files ({held[:300]}); "
            "give a Level-1 product, or a Level-2 product with surface temperature (L2SP)"
        )
    return chosen


def _thermal(satellite: int, band: str | None) -> list[str]:
    suffixes = list(landsat_bands().get(satellite, {}))
    if band is None:
        return [f"{suffix}.TIF" for suffix in suffixes]
    plain = re.sub(r"^(BAND|B)_?", "", band.strip().upper())
    return [f"{suffix}.TIF" for suffix in suffixes if plain in (suffix[1:], suffix[1:].partition("_")[0])]


def _suffixes(satellite: int, needs: Needs, *, is_level_2: bool) -> list[str]:
    """Suffixes and endings of the files that a retrieval reads, without metadata."""
    wanted = [*(["ST_TRAD.TIF"] if is_level_2 else _thermal(satellite, needs.band)), *_MASKS]
    if is_level_2 and needs.level_2:
        wanted += [*_TERMS, *_EMISSIVITY]
    if is_level_2 and needs.uses("st-emis", by_default=True):
        wanted += _EMISSIVITY
    if needs.uses("ndvi", by_default=is_level_2 and not needs.level_2):
        prefix = "SR_B" if is_level_2 else "B"
        wanted += [f"{prefix}{number}.TIF" for number in ((4, 5) if satellite >= 8 else (3, 4))]
    if needs.angles:
        wanted.append("ANG.TXT")
    return list(dict.fromkeys(wanted))


def _download(
    found: FoundItem, files: Mapping[str, str], folder: Path, box: Box | None, say: Say, progress: Progress
) -> None:
    """Copy files in parallel; each is complete or missing, so that a repeated run continues."""
    name = next(iter(files))
    match = _FILE.fullmatch(name)
    where = found.service.title if found.service else urlsplit(next(iter(files.values()))).hostname
    part = f", only the box {box}" if box else ""
    say(f"Downloading {len(files)} files of {match['stem'] if match else name} from {where}{part}")
    stop = threading.Event()
    token = requests_stopped.set(stop)
    with ThreadPoolExecutor(_PARALLEL) as pool:
        tasks = [
            pool.submit(contextvars.copy_context().run, _copy_file, found, href, folder / name, box)
            for name, href in files.items()
        ]
        requests_stopped.reset(token)
        try:
            for done, task in enumerate(as_completed(tasks), start=1):
                task.result()
                if not progress(done, len(tasks)):
                    raise CancelledError("the download was stopped; complete files are kept for the next run")
        except BaseException as error:
            stop.set()
            pool.shutdown(cancel_futures=True)
            if isinstance(error, RemoteAccessError) and found.service is not None and found.service.account:
                raise RemoteAccessError(f"{error}; or {found.service.account}") from None
            raise


def _copy_file(found: FoundItem, href: str, target: Path, box: Box | None) -> None:
    with atomic_write(target) as temporary:
        _copy(found, href, target, box, temporary)
        os.utime(temporary, (time.time(), 0))  # a repeated download is the same input, of the same modification time


def _copy(found: FoundItem, href: str, target: Path, box: Box | None, temporary: Path) -> None:
    if target.suffix.lower() != ".tif":
        temporary.write_bytes(_text(found, href))
        return
    address = Address.parse(href)
    if address is None:  # next to an item on disk
        with open_raster(Place.of(href), "file", SceneError) as dataset:
            _copy_raster(dataset, lambda window: None, box, temporary)
        return
    with open_remote_raster(address, _getter(found, href), temporary.with_suffix(".part")) as raster:
        _copy_raster(raster.dataset, raster.prepare, box, temporary)


def _text(found: FoundItem, href: str) -> bytes:
    """Content of a metadata file."""
    if Address.parse(href) is None:
        return Place.of(href).text()
    content = _getter(found, href)(0, _TEXT_LIMIT).content
    if not content:
        raise RemoteError(f"{Address.parse(href)} is empty; try again later")
    return content


def _getter(found: FoundItem, href: str) -> Get:
    """Function that requests bytes of a file; a refused signature is renewed once, as it may have expired."""

    def get(start: int, length: int) -> Part:
        try:
            return fetch(_address(found.signed(href)), start, length)
        except RemoteAccessError:
            if found.sign is None and found.signed(href) == href:
                raise
            return fetch(_address(found.signed(href, renew=True)), start, length)

    return get


def _address(href: str) -> Address:
    address = Address.parse(href)
    assert address is not None, "the caller has an address"
    return address


def _copy_raster(dataset: Any, prepare: Callable[[Window], None], box: Box | None, target: Path) -> None:
    """Copy the part of a raster in a box, in strips that are prepared before they are read."""
    grid = Grid.of(dataset)
    part = grid.window_over(box, "the scene") if box else Window(0, 0, grid.width, grid.height)
    profile: dict[str, Any] = {
        "driver": "GTiff", "count": 1, "dtype": dataset.dtypes[0], "nodata": dataset.nodata, "crs": dataset.crs,
        "width": part.width, "height": part.height, "transform": grid.part(part).transform,
        "tiled": True, "blockxsize": _BLOCK, "blockysize": _BLOCK, "compress": "deflate", "zlevel": 1,
    }  # fmt: skip
    try:
        with gdal_settings(), rasterio.open(target, "w", **profile) as copy:
            copy.update_tags(**dataset.tags())
            copy.scales, copy.offsets = dataset.scales, dataset.offsets
            copy.units, copy.descriptions = dataset.units, dataset.descriptions
            for window, position in _strips(dataset, part):
                prepare(window)
                copy.write(read_numbers(dataset, "file", SceneError, window=window), 1, window=position)
    except RasterioError as error:
        raise OutputError(f"cannot write {target.parent} ({error}); is the disk full?") from None


def _strips(source: Any, part: Window) -> Iterator[tuple[Window, Window]]:
    """Strips of whole blocks of a raster, and their positions in the copy of its part."""
    block, size = source.block_shapes[0][0], np.dtype(source.dtypes[0]).itemsize
    rows = max(1, _STRIP // (part.width * size) // block) * block
    top, end = part.row_off, part.row_off + part.height
    while top < end:
        bottom = min(top // block * block + rows, end)
        yield (
            Window(part.col_off, top, part.width, bottom - top),
            Window(0, top - part.row_off, part.width, bottom - top),
        )
        top = bottom
