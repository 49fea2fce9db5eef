"""Reanalysis for a scene from the first source that has it, in the cache: for ``--reanalysis auto``."""

from __future__ import annotations

import contextvars
import hashlib
import logging
import os
import queue
import re
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from lst_raster.cache import cache_folder, mark_used, remove_unused
from lst_raster.errors import LstRasterError, MissingExtraError, RemoteError
from lst_raster.inputs.reanalysis.fetch import cds, merra2
from lst_raster.inputs.reanalysis.fetch.plan import Part, Plan, Say
from lst_raster.inputs.reanalysis.fetch.run import require_usable
from lst_raster.inputs.reanalysis.products import SERVERS
from lst_raster.inputs.reanalysis.request import make_request
from lst_raster.io.address import without_secrets
from lst_raster.io.grid import Box
from lst_raster.io.remote import SilentError, brief_requests
from lst_raster.io.scene import Scene

_LOGGER = logging.getLogger(__name__)

_LONGEST = 300  # characters of the reason of a source
_ADDRESS = re.compile(
    r"https?://([^/\s'\"<>]+)(?:/[^/\s'\"<>]*)*?(/[^/\s'\"<>:;,)]*)?(?=[\s'\"<>:;,)]|$)"
)  # host and name

_PAUSE = 600.0  # during which a server that did not answer is not tried again by the same process [s]
_SILENT: dict[str, float] = {}  # monotonic time of the last attempt, by source and address
QUEUE = 600.0
"""Longest time for a source with a queue, after which the next one is tried. [s]"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Automatic:
    """Result of `fetch_automatically`."""

    files: tuple[Path, ...] = ()
    """Files in the cache, the input of `retrieve`; empty where the climatology serves."""
    warnings: tuple[str, ...] = ()
    """Reasons why data are missing, as in the log."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Source:
    """A source, in the order in which they are tried."""

    name: str
    since: str  # first time
    delay: int  # between the time of the data and their publication, at least [day]
    variable: str | None = None  # environment variable with the address of another server
    has_credentials: Callable[[], bool] | None = None  # None where none are needed
    has_queue: bool = False
    package: tuple[str, str] | None = None  # a module that it needs, and the extra that installs it


_ARCO = _Source(name="era5-arco", since="1940-01-01", delay=5, variable="LST_RASTER_ARCO", package=("zarr", "zarr"))
_NCAR = _Source(name="era5-ncar", since="1940-01-01", delay=5, variable="LST_RASTER_NCAR")
_CDS = _Source(name="era5", since="1940-01-01", delay=5, has_credentials=cds.has_credentials, has_queue=True)
_MERRA2 = _Source(name="merra2", since="1980-01-01", delay=14, has_credentials=merra2.has_credentials)
ORDER = (_ARCO, _NCAR, _CDS, _MERRA2)
"""Sources without an account first."""
ORDER_WITH_LEVELS = (_NCAR, _ARCO, _CDS, _MERRA2)
"""The same with levels, of which a chunk of ARCO's store has all of the globe, while NCAR's server cuts the area."""


def fetch_automatically(
    scene: Scene, *, levels: bool = False, say: Say | None = None, folder: Path | None = None
) -> Automatic:
    """Find the reanalysis for a scene in the cache, or download it there from the first source that has it.

    With `levels`, temperature and humidity on pressure levels are included; if they cannot be had, the fields of the
    surface serve where an interrupted download has left them. `say` receives lines on the progress, by default the log
    (level INFO); the first has the size to expect. Files are downloaded one by one, so that a repeated run continues an
    interrupted one, and are checked over the scene. `folder` is that of the files, by default ``reanalysis`` in the
    cache, where files that were unused for a month are removed.

    Nothing is raised: a warning in the log names the reason of each source, and no files are returned.
    """
    say = say or _LOGGER.info
    try:
        request = make_request(scene)
        assert request.when is not None and request.box is not None
        plans = {one.name: _plan(one, request.when, request.box, levels) for one in ORDER}
        folder = cache_folder("reanalysis") if folder is None else folder
    except (LstRasterError, RuntimeError) as reason:  # the latter without a home folder
        return _without(f"no reanalysis is fetched: {reason}")
    order, reasons = ORDER_WITH_LEVELS if levels else ORDER, dict[str, str]()
    for source in order:
        if files := _cached(scene, plans[source.name], folder, levels=levels):
            return Automatic(files=files)
    for source in order:
        try:
            if unavailable := _unavailable(source, request.when):
                reasons[source.name] = unavailable
                if "not installed" in unavailable:
                    say(f"{source.name} is not used: {unavailable}")
                continue
            with brief_requests():
                return Automatic(files=_fetch(scene, source, plans[source.name], folder, say, levels=levels))
        except MissingExtraError as error:
            say(f"{source.name} is not used: {error}")
            reasons[source.name] = _short(error)
        except Exception as error:  # errors of many libraries; a run goes on with the next source or without any
            if isinstance(error, SilentError):
                _SILENT[f"{source.name} {_server(source)}"] = time.monotonic()
            reasons[source.name] = _short(error)
            say(f"{source.name} failed: {reasons[source.name]}")
    listed = "; ".join(f"{name}: {reason}" for name, reason in reasons.items())
    if levels:
        for source in order:
            surface = _plan(source, request.when, request.box, False)
            if files := _cached(scene, surface, folder, levels=False):
                return _without(
                    f"no levels of a reanalysis were fetched, and fields of the surface serve: {listed}", files
                )
    return _without(f"no reanalysis was fetched, and the climatology serves: {listed}")


def _without(warning: str, files: tuple[Path, ...] = ()) -> Automatic:
    _LOGGER.warning(warning)
    return Automatic(files=files, warnings=(warning,))


def _plan(source: _Source, when: np.datetime64, box: Box, levels: bool) -> Plan:
    """Plan downloads with the area in the names of the files, in place of the scene: several scenes may share them."""
    module, server = SERVERS[source.name].load(), _server(source)
    area = module.plan("", when, box, server, levels=levels).box
    stem = "_".join(f"{edge:g}" for edge in (area.south, area.north, area.west, area.east))
    if server:
        stem += f"_{hashlib.sha256(without_secrets(server).encode()).hexdigest()[:6]}"  # of another server: other data
    if levels and source.has_credentials:
        stem += "_with-levels"  # their files of the surface have more variables then
    return module.plan(stem, when, box, server, levels=levels)


def _server(source: _Source) -> str | None:
    return (os.environ.get(source.variable) or None) if source.variable else None


def _unavailable(source: _Source, when: np.datetime64) -> str:
    """Reason not to try a source, empty if there is none."""
    if when < np.datetime64(source.since):
        return f"begins in {source.since[:4]}"
    if when > _now() - np.timedelta64(source.delay, "D"):
        return f"is published {source.delay} days later or more"
    if time.monotonic() - _SILENT.get(f"{source.name} {_server(source)}", -_PAUSE) < _PAUSE:
        return f"did not answer in the last {_PAUSE / 60:g} minutes"
    if source.package and find_spec(source.package[0]) is None:
        return f"{source.package[0]} is not installed; run: pip install 'lst-raster[{source.package[1]}]'"
    return "" if source.has_credentials is None or source.has_credentials() else "no credentials"


def _now() -> np.datetime64:
    return np.datetime64(int(time.time()), "s")


def _cached(scene: Scene, plan: Plan, folder: Path, *, levels: bool) -> tuple[Path, ...]:
    """Complete and usable files of a plan in the cache, or none; damaged ones are removed."""
    files = tuple(folder / part.file for part in plan.parts)
    try:
        if not all(file.is_file() for file in files):
            return ()
        _check(scene, files, levels=levels)
    except Exception:  # of many libraries, for a damaged file
        return ()
    for file in files:
        mark_used(file)
    return files


def _check(scene: Scene, files: tuple[Path, ...], *, levels: bool) -> None:
    """Read the files as `retrieve` does; if that fails, remove them."""
    try:
        require_usable(scene, files, levels=levels)
    except Exception:
        for file in files:
            with suppress(OSError):
                file.unlink(missing_ok=True)
        raise


def _fetch(scene: Scene, source: _Source, plan: Plan, folder: Path, say: Say, *, levels: bool) -> tuple[Path, ...]:
    """Download the files of a plan that are not in the cache, each with its final name as soon as it is complete."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        remove_unused(folder)
        hidden = tempfile.TemporaryDirectory(dir=folder, prefix=".")
    except OSError as reason:
        raise RemoteError(
            f"the cache {folder} cannot be written ({reason.strerror or reason}); set LST_RASTER_CACHE"
        ) from reason
    missing = tuple(part for part in plan.parts if not (folder / part.file).is_file())
    size = sum(part.size for part in missing)
    say(
        f"fetching {source.name}, {SERVERS[source.name].title}: {len(missing)} of {len(plan.parts)} files, at most "
        f"{megabytes(size)}, into {folder}"
    )
    with hidden as name:
        parts = SERVERS[source.name].load().download(replace(plan, parts=missing), Path(name), _server(source), say)
        for number, part in enumerate(_until(QUEUE, parts) if source.has_queue else parts, start=1):
            (Path(name) / part.file).replace(folder / part.file)
            say(f"{source.name}: {number} of {len(missing)} files complete")
    files = tuple(folder / part.file for part in plan.parts)
    _check(scene, files, levels=levels)
    return files


def megabytes(size: int) -> str:
    """Size for messages, rounded up.

    Examples
    --------
    >>> megabytes(1_234), megabytes(31_070_000)
    ('0.1 MB', '32 MB')
    """
    return f"{-(-size // 1_000_000)} MB" if size > 1_000_000 else f"{-(-size // 100_000) / 10:g} MB"


def _until(seconds: float, parts: Iterator[Part]) -> Iterator[Part]:
    """Iterate in another thread, at most for some time: its requests cannot be interrupted otherwise."""
    results: queue.Queue[Part | BaseException | None] = queue.Queue()

    def work() -> None:
        try:
            for part in parts:
                results.put(part)
            results.put(None)
        except BaseException as reason:
            results.put(reason)

    end = time.monotonic() + seconds
    threading.Thread(target=contextvars.copy_context().run, args=(work,), daemon=True).start()
    while True:
        try:
            result = results.get(timeout=max(end - time.monotonic(), 0.0))
        except queue.Empty:
            raise RemoteError(f"the request was not completed within {seconds / 60:g} minutes") from None
        if isinstance(result, BaseException):
            raise result
        if result is None:
            return
        yield result


def _short(reason: Exception) -> str:
    """First part of a message, without advice and secrets, and with short addresses."""
    text = _ADDRESS.sub(r"\1\2", " ".join(without_secrets(str(reason)).split()))
    text = text.partition("; ")[0] if isinstance(reason, LstRasterError) else f"{type(reason).__name__}: {text}"
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]} ..."
