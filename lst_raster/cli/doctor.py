"""The `doctor` command: checks of the installation."""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Literal

import click

from lst_raster import __version__
from lst_raster.cli import options
from lst_raster.cli.command import Command, show
from lst_raster.cli.messages import coloured
from lst_raster.cli.versions import versions
from lst_raster.errors import LstRasterError

Level = Literal["ok", "note", "wrong"]

EXTRAS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "s3": ("boto3", "scenes and products in object stores"),
        "dask": ("distributed", "batches on a cluster, arrays in chunks"),
        "stac": ("pystac_client", "searches for scenes"),
        "grib": ("eccodes", "reanalysis in GRIB"),
        "zarr": ("zarr", "reanalysis in zarr stores"),
        "era5": ("cdsapi", "fetch-reanalysis from Copernicus"),
        "train": ("torch", "train"),
        "plot": ("matplotlib", "figures of the accuracy benchmark and the studies"),
    }
)
"""Extras: a module that each brings, and what it is for."""
SETTINGS = ("PROJ_LIB", "PROJ_DATA", "GDAL_DATA", "GDAL_DRIVER_PATH")
"""Variables by which one installation's GDAL and PROJ take the files of another one's."""
_LIBRARIES = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "ECCODES_DEFINITION_PATH")
# The same for the libraries themselves, and for the tables of GRIB.
_BINDINGS = ("GDAL", "pygdal", "fiona", "pyogrio")  # each brings a GDAL of its own, or takes the system's

_EPSG = 32616
_ROOM = 1 << 30  # [byte] that a whole scene needs of temporary files, about


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """An answer."""

    level: Level
    """Whether all is well, something is to be known, or something is wrong."""
    text: str
    """What was found."""
    mend: str | None = None
    """What to do."""


def look() -> list[Finding]:
    """Look at everything.

    Returns
    -------
    list of Finding
        In the order in which a reader wants it.
    """
    return [finding for question in QUESTIONS for finding in _safely(question)]


def _safely(question: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    """Answer a question; that it cannot be answered is an answer, too."""
    try:
        yield from question()
    except Exception as error:  # whatever an installation that is broken may raise
        title = question.__name__.strip("_").replace("_", " ")
        said = " ".join(str(error).split())
        yield Finding(
            level="wrong", text=f"{title}: {type(error).__name__}: {said}",
            mend="install into a new environment: python3 -m venv new && new/bin/pip install lst-raster",
        )  # fmt: skip


def _what_is_installed() -> Iterator[Finding]:
    yield Finding(level="ok", text=f"lst-raster {__version__}")
    for name, version in versions().items():
        yield Finding(level="ok", text=f"{name} {version}" if name != "models" else f"models: {version}")


def _coordinate_systems() -> Iterator[Finding]:
    """PROJ is there twice, in rasterio and in pyproj, and each must find its own database."""
    import pyproj
    from rasterio.crs import CRS

    set_ = [name for name in SETTINGS if os.environ.get(name)]
    mend = f"unset {' '.join(set_)}" if set_ else "install rasterio and pyproj again, both by pip or both by conda"
    for name, known in (("rasterio", CRS.from_epsg), ("pyproj", pyproj.CRS.from_epsg)):
        try:
            known(_EPSG)
        except Exception as error:  # each has its own
            said = " ".join(str(error).split())
            yield Finding(level="wrong", text=f"{name} does not know EPSG:{_EPSG}: {said}", mend=mend)
        else:
            yield Finding(level="ok", text=f"{name} finds its coordinate systems")
    for name in set_:
        text = f"{name} is set ({os.environ[name]}): GDAL and PROJ of another installation may be meant"
        yield Finding(level="note", text=text, mend=f"unset {name}, unless you know why it is there")


def _other_gdals() -> Iterator[Finding]:
    """Look for a second GDAL; two in one process may crash, which no exception tells."""
    import rasterio

    for name in _BINDINGS:
        try:
            version = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
        text = f"{name} {version} is installed, too, and may bring another GDAL than rasterio's"
        if name in ("GDAL", "pygdal") and not version.startswith(rasterio.__gdal_version__.rpartition(".")[0]):
            text = f"two GDALs: {name} {version} beside rasterio's {rasterio.__gdal_version__}"
        mend = "if a run crashes, install lst-raster into an environment of its own: python3 -m venv new"
        yield Finding(level="note", text=text, mend=mend)
    for name in _LIBRARIES:
        if os.environ.get(name):
            text = f"{name} is set ({os.environ[name]}): libraries or tables of another installation may be taken"
            yield Finding(level="note", text=text, mend=f"unset {name}, unless you know why it is there")


def _formats() -> Iterator[Finding]:
    from rasterio.drivers import raster_driver_extensions
    from rasterio.env import GDALVersion

    known = set(raster_driver_extensions().values())
    if "GTiff" not in known:
        yield Finding(level="wrong", text="GDAL has no GeoTIFF", mend="install rasterio by pip: pip install rasterio")
    else:
        yield Finding(level="ok", text=f"GDAL {GDALVersion.runtime()} reads and writes GeoTIFF")


def _models_run() -> Iterator[Finding]:
    from lst_raster.inference.model import Model

    model = Model.load("landsat8-b10/column", graph="atmosphere")
    terms = model.atmosphere(water_vapour=20.0, surface_pressure=1000.0)
    if not 0.0 < float(terms.transmittance) < 1.0:
        yield Finding(
            level="wrong", text="a shipped model gives nonsense", mend="pip install --force-reinstall onnxruntime"
        )
    else:
        yield Finding(level="ok", text="the shipped models run")


def _folders() -> Iterator[Finding]:
    places = {
        "temporary files": (Path(tempfile.gettempdir()), "set TMPDIR to another"),
        "products, by default": (Path.cwd(), "give another folder by -o"),
    }
    if os.environ.get("CPL_TMPDIR"):
        places["temporary files of GDAL"] = (Path(os.environ["CPL_TMPDIR"]), "set CPL_TMPDIR to another, or unset it")
    for what, (folder, mend) in places.items():
        if not os.access(folder, os.W_OK):
            yield Finding(level="wrong", text=f"the folder of {what}, {folder}, cannot be written", mend=mend)
            continue
        free = shutil.disk_usage(folder).free
        room = None if free > _ROOM else "make room: a whole scene needs about 1 GiB"
        text = f"{folder} ({what}) can be written, {free >> 30} GiB are free"
        yield Finding(level="note" if room else "ok", text=text, mend=room)


def _defaults() -> Iterator[Finding]:
    """Look at the files of defaults; every setting is checked, so that a wrong one is found before it is met."""
    import click

    from lst_raster.cli.configuration import files, settings, user_file
    from lst_raster.cli.main import cli

    try:
        used, found = files(), settings(cli, click.Context(cli)) if isinstance(cli, click.Group) else []
    except LstRasterError as error:
        text, _, mend = str(error).rpartition("; ")
        yield Finding(level="wrong", text=text or mend, mend=mend)
        return
    names = ", ".join(map(str, used)) or f"none ({user_file()} is not there)"
    yield Finding(level="ok", text=f"file of defaults: {names}; {len(found)} set")


def _extras() -> Iterator[Finding]:
    for extra, (module, purpose) in EXTRAS.items():
        if importlib.util.find_spec(module) is None:
            mend = f"pip install 'lst-raster[{extra}]'"
            yield Finding(level="note", text=f"not installed: {module}, for {purpose}", mend=mend)
        else:
            yield Finding(level="ok", text=f"{module}, for {purpose}")


def _plugin() -> Iterator[Finding]:
    from lst_raster.cli import qgis_install as qgis_plugin
    from lst_raster.cli.qgis_install import find_profiles

    try:
        profiles = find_profiles(None, None)
    except LstRasterError:
        return  # no QGIS here
    for profile in profiles:
        version = qgis_plugin.installed_version(profile)
        if version is not None and version != __version__:
            text = f"the plugin in QGIS is of version {version}, this is {__version__}"
            yield Finding(level="note", text=text, mend="lst-raster qgis install")
        elif version is not None:
            yield Finding(level="ok", text=f"the plugin is in QGIS ({profile.folder})")


QUESTIONS: tuple[Callable[[], Iterator[Finding]], ...] = (
    _what_is_installed, _coordinate_systems, _other_gdals, _formats, _models_run, _folders, _defaults, _extras, _plugin,
)  # fmt: skip
"""What is looked at, in this order."""


@click.command(
    "doctor",
    cls=Command,
    examples="""
    lst-raster doctor
    lst-raster doctor --json
""",
)
@options.as_json
@click.pass_context
def doctor(context: click.Context, as_json: bool) -> None:
    """Look at the installation: versions, GDAL and PROJ, models, folders, extras; say what is wrong and its mend.

    The exit code is 1 where something is wrong; extras that are missing are no fault.
    """
    from lst_raster.cli.progress import hushed_libraries

    with hushed_libraries():  # PROJ tells of a missing database by itself, too
        found = look()
    lines = [f"{finding.level:5}  {finding.text}{f'; {finding.mend}' if finding.mend else ''}" for finding in found]
    wrong = sum(finding.level == "wrong" for finding in found)
    end = f"{wrong} of {len(found)} are wrong" if wrong else "all is well"
    show([asdict(finding) for finding in found], map(coloured, [*lines, end]), as_json)
    context.exit(1 if wrong else 0)
