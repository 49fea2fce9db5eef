"""Where the program `lst-raster` is, and in which environment it runs; needs no QGIS."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
from pathlib import Path

from .child import NO_WINDOW, ProgramError

FOREIGN = (
    "PROJ_LIB", "PROJ_DATA", "GDAL_DATA", "GDAL_DRIVER_PATH", "PYTHONPATH", "PYTHONHOME", "LD_LIBRARY_PATH",
    "DYLD_LIBRARY_PATH", "__PYVENV_LAUNCHER__", "PYTHONEXECUTABLE",
)  # fmt: skip
"""What QGIS sets for its own libraries, which are not those of the program."""

HERE = Path(__file__).resolve().parent
_PATIENCE = 60.0  # seconds for the program to tell its version: the first start after an installation is slow
_INSTALL = "run `lst-raster qgis install` again, or name the program in Settings > Options > Processing > Providers"


def environment() -> dict[str, str]:
    """Environment of the program: that of QGIS without what leads to its libraries."""
    kept = {name: value for name, value in os.environ.items() if name not in FOREIGN}
    return {**kept, "PYTHONIOENCODING": "utf-8"}


def find_program(setting: str = "") -> list[str]:
    """Command that starts the program.

    Parameters
    ----------
    setting : str
        Its path as the user has set it in QGIS; empty where there is none.

    Returns
    -------
    list of str
        From the setting, else as it was when the plugin was installed, else from the search path.

    Raises
    ------
    ProgramError
        It is nowhere.
    """
    if setting:
        if shutil.which(setting) is None:
            raise ProgramError(f"there is no program {setting}, as the settings of QGIS have it; {_INSTALL}")
        return [setting]
    noted = _noted()
    if noted and shutil.which(noted[0]) is not None:
        return noted
    found = shutil.which("lst-raster")
    if found is not None:
        return [found]
    gone = f"{noted[0]}, which installed this plugin, is gone" if noted else "the program lst-raster was not found"
    raise ProgramError(f"{gone}; install it (pip install lst-raster), then {_INSTALL}")


def plugin_version() -> str:
    """Version of the plugin, which is that of the program it was installed by."""
    for line in (HERE / "metadata.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("version="):
            return line.partition("=")[2].strip()
    return ""


def version_warning(program: list[str]) -> str:
    """Tell where the program is of another version than the plugin; nothing where it is not."""
    version = _version(program)
    if version == plugin_version():
        return ""
    return (
        f"the program {program[0]} is lst-raster {version}, this plugin is of version {plugin_version()}: their "
        "options may differ; run `lst-raster qgis install` of that program, and start QGIS again"
    )


def _noted() -> list[str]:
    """Command that was written beside the plugin when it was installed."""
    try:
        noted = json.loads((HERE / "config.json").read_text(encoding="utf-8"))["program"]
    except (OSError, ValueError, KeyError, TypeError):
        return []
    return [str(part) for part in noted] if isinstance(noted, list) else []


def _version(program: list[str]) -> str:
    try:
        told = subprocess.run(
            [*program, "--version"], env=environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, timeout=_PATIENCE, creationflags=NO_WINDOW, encoding="utf-8", errors="replace",
            check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ProgramError(f"{program[0]} cannot be started: {error}; {_INSTALL}") from error
    lines = told.stdout.strip().splitlines() or ["it says nothing"]
    name, _, version = lines[0].rpartition(", version ")
    if told.returncode or name != "lst-raster":
        raise ProgramError(f"{program[0]} is not lst-raster, or is damaged: {lines[-1]}; {_INSTALL}")
    return version


def shown(command: list[str]) -> str:
    """Text of a command for a log: without what is secret in addresses."""
    return shlex.join(_public(part) for part in command)


def _public(part: str) -> str:
    scheme, sign, rest = part.partition("://")
    if not sign:
        return part
    address, asked, _ = rest.partition("?")
    host, slash, path = address.partition("/")
    return f"{scheme}://{host.rpartition('@')[2]}{slash}{path}" + ("?..." if asked else "")
