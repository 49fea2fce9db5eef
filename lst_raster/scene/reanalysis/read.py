"""Reading a reanalysis file, whatever it is: told by its first bytes, not by its name."""

from __future__ import annotations

import tempfile
import zipfile
from pathlib import Path

import numpy as np

from lst_raster.errors import InputError, InputNotFoundError
from lst_raster.scene.reanalysis.grib import read_grib
from lst_raster.scene.reanalysis.gridded import GriddedField
from lst_raster.scene.reanalysis.netcdf import read_netcdf

_ENGINES = {b"\x89HDF": "h5netcdf", b"CDF\x01": "scipy", b"CDF\x02": "scipy"}
_HINT = "give netCDF, GRIB, or a ZIP of them"


def read_reanalysis(path: str | Path, when: np.datetime64 | None = None) -> list[GriddedField]:
    """Read every quantity that is known in a reanalysis file.

    Parameters
    ----------
    path : str or path
        netCDF (3, 4), GRIB (1, 2), or a ZIP of such files, as the Climate Data Store sends for mixed requests.
    when : numpy.datetime64, optional
        Time that is asked for, UTC: only the two steps around it are read. Without it, all are.

    Returns
    -------
    list of GriddedField
        Water vapour [kg m-2], air temperature [K], surface pressure [hPa], elevation of the model's surface [m]: at
        least one of them.

    Raises
    ------
    InputNotFoundError
        There is no such file.
    InputError
        It is none of these, damaged, holds nothing that is known, or is not on latitude and longitude.
    MissingExtraError
        It is GRIB, and eccodes is not installed.
    """
    path = Path(path)
    if not path.exists():
        raise InputNotFoundError(f"reanalysis {path} does not exist; check the path")
    if path.is_dir():
        raise InputError(f"reanalysis {path} is a folder (zarr stores are not read); {_HINT}")
    return _read(path, path.name, when)


def _read(path: Path, source: str, when: np.datetime64 | None) -> list[GriddedField]:
    with path.open("rb") as file:
        start = file.read(4)
    if start in _ENGINES:
        return read_netcdf(path, source, _ENGINES[start], when)
    if start == b"GRIB":
        return read_grib(path, source, when)
    if start == b"PK\x03\x04":
        return _read_zip(path, source, when)
    raise InputError(f"reanalysis {source} {_what(start)}; {_HINT}")


def _what(start: bytes) -> str:
    """Say what else a file is."""
    if start.startswith(b"<"):
        return "is a text such as an OPeNDAP description (.dmr) or a web page, not the data it describes"
    if start.startswith(b"CDF\x05"):
        return "is netCDF of the kind CDF-5, which is not read (nccopy -k nc4 converts it)"
    return "is empty" if not start else "is of an unknown format"


def _read_zip(path: Path, source: str, when: np.datetime64 | None) -> list[GriddedField]:
    """Read the members of an archive one by one; one that holds nothing of use does not spoil the others."""
    fields: list[GriddedField] = []
    complaints: list[str] = []
    try:
        with zipfile.ZipFile(path) as archive, tempfile.TemporaryDirectory() as folder:
            for number, member in enumerate(info for info in archive.infolist() if not info.is_dir()):
                target = Path(folder) / str(number)
                with archive.open(member) as packed, target.open("wb") as file:
                    while block := packed.read(1 << 20):
                        file.write(block)
                try:
                    fields += _read(target, f"{source}/{member.filename}", when)
                except InputError as complaint:
                    complaints.append(str(complaint))
                target.unlink()
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError) as reason:
        raise InputError(f"reanalysis {source} is a ZIP that cannot be read ({reason}); fetch it again") from reason
    if not fields:
        raise InputError("; ".join(complaints) or f"reanalysis {source} is an empty ZIP; {_HINT}")
    return fields
