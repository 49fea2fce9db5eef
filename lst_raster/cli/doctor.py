"""`lst-raster doctor`: checks of the installation."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import shutil
import tempfile
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal, NamedTuple

import click

from lst_raster import __version__
from lst_raster.cli import options
from lst_raster.cli.command import Command, show
from lst_raster.cli.config import files, settings, user_file
from lst_raster.cli.messages import coloured, silent_c_libraries
from lst_raster.errors import LstRasterError
from lst_raster.resources import models_path

EXTRAS = {  # optional extras: a module that each installs, and its use
    "s3": ("boto3", "scenes and products in object stores"),
    "cloud": ("obstore", "scenes in Google Cloud Storage and Azure Blob Storage"),
    "dask": ("distributed", "batches on a cluster, chunked arrays"),
    "stac": ("pystac_client", "searches for scenes"),
    "grib": ("eccodes", "reanalysis in GRIB"),
    "zarr": ("zarr", "reanalysis in Zarr stores"),
    "era5": ("cdsapi", "fetch-reanalysis from Copernicus"),
    "train": ("torch", "train"),
    "plot": ("matplotlib", "pictures of preview, compare and validate"),
    "zones": ("exactextract", "statistics over zones, time series"),
}
_SETTINGS = ("PROJ_LIB", "PROJ_DATA", "GDAL_DATA", "GDAL_DRIVER_PATH")
# variables that lead GDAL and PROJ to the files of another installation
_LIBRARIES = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "ECCODES_DEFINITION_PATH")
# variables that lead to the libraries or the GRIB tables of another installation
_BINDINGS = ("GDAL", "pygdal", "fiona")  # each comes with its GDAL, or uses that of the system
_EPSG = 32616
_NEW_ENVIRONMENT = "install into a new environment: python3 -m venv new && new/bin/pip install lst-raster"


class Finding(NamedTuple):
    """Result of a check."""

    level: Literal["ok", "note", "wrong"]
    text: str
    fix: str | None = None


def versions() -> dict[str, str]:
    """Versions of the shipped models and the libraries that products depend on."""
    import pyproj
    import rasterio

    configurations = [path.read_text(encoding="utf-8") for path in models_path().glob("*/*/train.toml")]
    models = sorted({str(tomllib.loads(text).get("version", "unversioned")) for text in configurations})
    names = ("numpy", "onnxruntime", "rasterio", "pyproj", "xarray")
    return {
        "models": f"{len(configurations)} of version {', '.join(models)}",
        "GDAL": rasterio.__gdal_version__,
        "PROJ": pyproj.proj_version_str,
        **{name: importlib.metadata.version(name) for name in names},
        "Python": platform.python_version(),
    }


def _run(check: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    """Run a check; that it fails is a finding as well."""
    try:
        yield from check()
    except Exception as error:  # any error of a broken installation
        title = check.__name__.strip("_").replace("_", " ")
        yield Finding("wrong", f"{title}: {type(error).__name__}: {' '.join(str(error).split())}", _NEW_ENVIRONMENT)


def _versions() -> Iterator[Finding]:
    yield Finding("ok", f"lst-raster {__version__}")
    for name, version in versions().items():
        yield Finding("ok", f"{name} {version}" if name != "models" else f"models: {version}")


def _coordinate_systems() -> Iterator[Finding]:
    """Look up a CRS with rasterio and with pyproj, each of which has its own PROJ and has to find its database."""
    import pyproj
    from rasterio.crs import CRS

    set_ = [name for name in _SETTINGS if os.environ.get(name)]
    fix = f"unset {' '.join(set_)}" if set_ else "reinstall rasterio and pyproj, both by pip or both by conda"
    for name, from_epsg in (("rasterio", CRS.from_epsg), ("pyproj", pyproj.CRS.from_epsg)):
        try:
            from_epsg(_EPSG)
        except Exception as error:  # each library has its own exceptions
            yield Finding("wrong", f"{name} does not find EPSG:{_EPSG}: {' '.join(str(error).split())}", fix)
        else:
            yield Finding("ok", f"{name} finds its coordinate reference systems")
    yield from _variables(set_, "GDAL and PROJ may use the files of another installation")


def _other_gdal() -> Iterator[Finding]:
    """Look for a second GDAL; two in one process may crash without an exception."""
    import rasterio

    for name in _BINDINGS:
        try:
            version = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
        text = f"{name} {version} is installed as well, and may load another GDAL than rasterio"
        if name in ("GDAL", "pygdal") and not version.startswith(rasterio.__gdal_version__.rpartition(".")[0]):
            text = f"two versions of GDAL: {name} {version}, and {rasterio.__gdal_version__} in rasterio"
        fix = "if a run crashes, install lst-raster into a separate environment: python3 -m venv new"
        yield Finding("note", text, fix)
    set_ = [name for name in _LIBRARIES if os.environ.get(name)]
    yield from _variables(set_, "libraries or tables of another installation may be loaded")


def _variables(names: list[str], consequence: str) -> Iterator[Finding]:
    for name in names:
        text = f"{name} is set ({os.environ[name]}): {consequence}"
        yield Finding("note", text, f"unset {name}, unless it is set on purpose")


def _formats() -> Iterator[Finding]:
    from rasterio.drivers import raster_driver_extensions
    from rasterio.env import GDALVersion

    if "GTiff" in raster_driver_extensions().values():
        yield Finding("ok", f"GDAL {GDALVersion.runtime()} reads and writes GeoTIFF")
    else:
        yield Finding("wrong", "GDAL has no GeoTIFF driver", "pip install --force-reinstall rasterio")


def _models() -> Iterator[Finding]:
    from lst_raster.inference.model import Model

    model = Model.load("landsat8-b10/surface", graph="atmosphere")
    typical = {"water_vapour": 20.0, "surface_pressure": 1000.0, "air_temperature": 290.0}
    transmittance = float(model.atmosphere(**typical, brightness_temperature=290.0).transmittance)
    if 0.0 < transmittance < 1.0:
        yield Finding("ok", "the shipped models run")
    else:
        text = f"a shipped model has a transmittance of {transmittance:g}; expected 0-1"
        yield Finding("wrong", text, "pip install --force-reinstall onnxruntime")


def _folders() -> Iterator[Finding]:
    folders = {
        "temporary files": (Path(tempfile.gettempdir()), "set TMPDIR to another folder"),
        "products, by default": (Path.cwd(), "give another folder by -o"),
    }
    if os.environ.get("CPL_TMPDIR"):
        path = Path(os.environ["CPL_TMPDIR"])
        folders["temporary files of GDAL"] = (path, "set CPL_TMPDIR to another folder, or unset it")
    for purpose, (folder, fix) in folders.items():
        if not os.access(folder, os.W_OK):
            yield Finding("wrong", f"the folder for {purpose}, {folder}, is not writable", fix)
            continue
        free = shutil.disk_usage(folder).free
        text = f"{folder} ({purpose}) is writable, {free >> 30} GiB are free"
        if free > 1 << 30:  # temporary files of a full scene, about [byte]
            yield Finding("ok", text)
        else:
            yield Finding("note", text, "free disk space: a full scene needs about 1 GiB")


def _defaults() -> Iterator[Finding]:
    """Check all files of defaults, and every setting in them."""
    from lst_raster.cli.main import cli

    try:
        used, found = files(), settings(cli)
    except LstRasterError as error:
        text, _, fix = str(error).rpartition("; ")
        yield Finding("wrong", text or fix, fix)
        return
    names = ", ".join(map(str, used)) or f"none ({user_file()} does not exist)"
    yield Finding("ok", f"file of defaults: {names}; {len(found)} set")


def _extras() -> Iterator[Finding]:
    for extra, (module, purpose) in EXTRAS.items():
        text, missing = f"{module}, for {purpose}", importlib.util.find_spec(module) is None
        fix = f"pip install 'lst-raster[{extra}]'"
        yield Finding("note", f"not installed: {text}", fix) if missing else Finding("ok", text)


def _plugin() -> Iterator[Finding]:
    from lst_raster.cli.qgis import find_profiles, installed_version

    try:
        profiles = find_profiles(None, None)
    except LstRasterError:
        return  # there is no QGIS
    for profile in profiles:
        version = installed_version(profile)
        if version and version != __version__:
            text = f"the QGIS plugin has version {version}, lst-raster {__version__}"
            yield Finding("note", text, "lst-raster qgis install")
        elif version:
            yield Finding("ok", f"the QGIS plugin is installed ({profile.folder})")


CHECKS: tuple[Callable[[], Iterator[Finding]], ...] = (
    _versions, _coordinate_systems, _other_gdal, _formats, _models, _folders, _defaults, _extras, _plugin,
)  # fmt: skip
"""All checks, in the order of the output."""


@click.command("doctor", cls=Command)
@options.as_json
def doctor(as_json: bool) -> int:
    """Check the installation: versions, GDAL and PROJ, models, folders, extras; suggest a fix for each problem.

    The exit code is 1 if something is wrong; missing extras are not counted.

    Examples
    --------
    lst-raster doctor
    lst-raster doctor --json
    """
    with silent_c_libraries():  # PROJ also prints that its database is missing
        found = [finding for check in CHECKS for finding in _run(check)]
    lines = [f"{finding.level:5}  {finding.text}{f'; {finding.fix}' if finding.fix else ''}" for finding in found]
    wrong = sum(finding.level == "wrong" for finding in found)
    lines.append(f"{wrong} of {len(found)} checks failed" if wrong else "all checks passed")
    show([finding._asdict() for finding in found], map(coloured, lines), as_json)
    return int(wrong > 0)
