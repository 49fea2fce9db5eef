"""The plugin for QGIS in a profile: copied, replaced and removed as a whole."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lst_raster import __version__
from lst_raster._resources import plugin_path
from lst_raster.cli.qgis_profiles import PLUGIN, Profile
from lst_raster.errors import InputNotFoundError, OutputError

_MODULE = "from lst_raster.cli.main import main; main()"  # starts the program where no file of its name does


def install(profile: Profile, program: list[str]) -> str:
    """Copy the plugin into a profile and switch it on.

    Parameters
    ----------
    profile : Profile
        The profile.
    program : list of str
        Command that starts `lst-raster`; the plugin will use it.

    Returns
    -------
    str
        Version of the plugin that was replaced; empty where there was none.

    Raises
    ------
    OutputError
        The profile cannot be written; an older plugin stays as it was.
    """
    before = installed_version(profile)
    with _cleanly(profile.plugin) as (new, old):
        profile.plugin.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(plugin_path(), new, ignore=shutil.ignore_patterns("__pycache__"))
        config = json.dumps({"program": program, "version": __version__}, indent=2)
        (new / "config.json").write_text(config + "\n", encoding="utf-8")
        _put_away(profile.plugin, old)
        try:
            new.rename(profile.plugin)
        except OSError:
            if os.path.lexists(old):
                old.rename(profile.plugin)
            raise
    profile.enable(True)
    return before


def uninstall(profile: Profile) -> bool:
    """Remove the plugin from a profile, and what the settings say of it.

    Returns
    -------
    bool
        Whether it was there.

    Raises
    ------
    OutputError
        The profile cannot be written.
    """
    there = os.path.lexists(profile.plugin)
    with _cleanly(profile.plugin) as (_, old):
        _put_away(profile.plugin, old)
    if profile.folder.is_dir() and any(path.is_file() for path in profile.settings):
        profile.enable(False)
    return there


def installed_version(profile: Profile) -> str:
    """Version of the plugin in a profile; empty where there is none."""
    try:
        lines = (profile.plugin / "metadata.txt").read_text(encoding="utf-8").splitlines()
    except OSError:
        return ""
    return next((line.partition("=")[2].strip() for line in lines if line.startswith("version=")), "unknown")


def installed_program(profile: Profile) -> str:
    """Program that the plugin in a profile was told to use; empty where there is none."""
    try:
        noted = json.loads((profile.plugin / "config.json").read_text(encoding="utf-8"))
        return " ".join(noted["program"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def this_program() -> list[str]:
    """Command that starts this very program: its file, or the interpreter that has the package.

    Raises
    ------
    InputNotFoundError
        Neither is known.
    """
    beside = Path(sys.executable).parent
    for path in (Path(sys.argv[0]), beside / "lst-raster", beside / "lst-raster.exe"):
        if path.stem == "lst-raster" and path.is_file():
            return [os.path.abspath(path)]  # noqa: PTH100  # of a link the name is meant, not what it leads to
    if not sys.executable:
        raise InputNotFoundError("it is not known where lst-raster lies; name it by --program")
    return [sys.executable, "-c", _MODULE]


@contextmanager
def _cleanly(plugin: Path) -> Iterator[tuple[Path, Path]]:
    """Give two names beside the folder of the plugins, and leave nothing there."""
    outside = plugin.parent.parent  # QGIS looks at all that lies beside its plugins
    new, old = (outside / f".{PLUGIN}.{os.getpid()}.{kind}" for kind in ("new", "old"))
    try:
        yield new, old
    except OSError as error:
        raise OutputError(f"cannot write {plugin}: {error.strerror or error}; is QGIS running?") from error
    finally:
        for path in (new, old):
            if path.is_symlink():
                path.unlink(missing_ok=True)
            else:
                shutil.rmtree(path, ignore_errors=True)


def _put_away(plugin: Path, old: Path) -> None:
    if os.path.lexists(plugin):
        plugin.rename(old)
