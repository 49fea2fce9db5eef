"""Command `qgis`: installation of the QGIS plugin into user profiles."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from lst_raster import __version__
from lst_raster.atomic_write import atomic_write
from lst_raster.cli import messages, options
from lst_raster.cli.command import Group, make_folder, show
from lst_raster.errors import InputNotFoundError, OutputError
from lst_raster.resources import plugin_path

PLUGIN = "lst_raster_provider"  # name of the plugin's folder, which is its identifier in QGIS
_RELEASES = ("QGIS3", "QGIS4")  # QGIS 4 has separate folders
_ENABLED = re.compile(rf"{PLUGIN}\s*=.*")
_SECTION = "[PythonPlugins]"
_MODULE = "from lst_raster.cli.main import main; main()"  # starts the program if there is no executable of its name


@dataclass(frozen=True, kw_only=True, slots=True)
class Profile:
    """A QGIS profile: settings and plugins of a user."""

    folder: Path

    @property
    def plugin(self) -> Path:
        """Folder of the plugin, which need not exist."""
        return self.folder / "python" / "plugins" / PLUGIN

    @property
    def settings(self) -> tuple[Path, ...]:
        """Existing settings files, or the one that QGIS would create."""
        files = [self.folder / "QGIS" / f"{release}.ini" for release in _RELEASES]
        existing = tuple(path for path in files if path.is_file())
        return existing or (files[1] if "QGIS4" in self.folder.parts else files[0],)

    @property
    def enabled(self) -> bool:
        """Whether QGIS loads the plugin on start."""
        lines = [line for path in self.settings if path.is_file() for line in _read(path).splitlines()]
        return any(_ENABLED.fullmatch(line) and line.rstrip().endswith("true") for line in lines)

    def enable(self, wanted: bool) -> None:
        """Switch the plugin on, or remove it from the settings; all other settings stay unchanged."""
        for path in self.settings:
            before = _read(path) if path.is_file() else ""
            after = switched(before, wanted)
            if after == before:
                continue
            target = path.resolve()  # a link stays a link
            make_folder(target.parent)
            with atomic_write(target) as temporary:
                temporary.write_bytes(after.encode("utf-8", "surrogateescape"))
                if target.exists():
                    temporary.chmod(target.stat().st_mode)


def find_profiles(name: str | None, folder: Path | None) -> list[Profile]:
    """Find a profile by its name (None: that QGIS starts with) in a folder of profiles (None: all default ones).

    A profile in a given folder need not exist. Raises InputNotFoundError if there is none in the default folders.
    """
    if folder is not None:
        return [Profile(folder=folder / (name or _default(folder)))]
    places = [place for place in default_places() if place.is_dir()]
    candidates = [Profile(folder=place / (name or _default(place))) for place in places]
    found = [profile for profile in candidates if profile.folder.is_dir()]
    if found:
        return found
    existing = [str(path) for place in places for path in sorted(place.iterdir()) if path.is_dir()]
    if existing:
        available = ", ".join(existing)
        raise InputNotFoundError(f"QGIS has no profile '{name or 'default'}'; choose with --profile from: {available}")
    searched = ", ".join(str(place) for place in default_places())
    raise InputNotFoundError(f"no QGIS profile in {searched}; start QGIS once, or give --profiles-folder")


def default_places() -> list[Path]:
    """Folders where QGIS keeps its profiles on this system; they need not exist."""
    custom = os.environ.get("QGIS_CUSTOM_CONFIG_PATH")
    if custom:
        return [Path(custom) / "profiles"]
    home = Path.home()
    homes = {
        "win32": [Path(os.environ.get("APPDATA") or home / "AppData" / "Roaming")],
        "darwin": [home / "Library" / "Application Support"],
    }
    linux = [Path(os.environ.get("XDG_DATA_HOME") or home / ".local/share"), home / ".var/app/org.qgis.qgis/data"]
    roots = dict.fromkeys(homes.get(sys.platform, linux))  # each once
    return [root / "QGIS" / release / "profiles" for root in roots for release in _RELEASES]


def switched(text: str, wanted: bool) -> str:
    r"""Switch the plugin on in the text of a settings file, or remove it there; line ends are kept.

    >>> switched("[PythonPlugins]\nother=true\n", True)
    '[PythonPlugins]\nlst_raster_provider=true\nother=true\n'
    """
    end = "\r\n" if "\r\n" in text else "\n"
    lines = [line for line in text.splitlines(keepends=True) if not _ENABLED.fullmatch(line.rstrip("\r\n"))]
    if not wanted:
        return "".join(lines)
    if lines and not lines[-1].endswith("\n"):
        lines[-1] += end
    titles = [number for number, line in enumerate(lines) if line.strip() == _SECTION]
    if not titles:
        lines += [*([end] if lines else []), _SECTION + end]
        titles = [len(lines) - 1]
    lines.insert(titles[0] + 1, f"{PLUGIN}=true{end}")
    return "".join(lines)


def _default(place: Path) -> str:
    """Name of the profile that QGIS starts with."""
    settings = place / "profiles.ini"
    found = re.search(r"^defaultProfile=(.+)$", _read(settings), re.MULTILINE) if settings.is_file() else None
    name = found[1].strip().strip('"') if found else "default"
    return name if (place / name).is_dir() else "default"


def _read(path: Path) -> str:
    return path.read_bytes().decode("utf-8", "surrogateescape")


def install_plugin(profile: Profile, program: list[str]) -> str:
    """Copy the plugin into a profile and switch it on; `program` is the command that it runs.

    Returns the version of the plugin that was replaced, or an empty text. Raises OutputError if the profile cannot be
    written; an older plugin then stays unchanged.
    """
    before = installed_version(profile)
    with _temporary_names(profile.plugin) as (new, old):
        profile.plugin.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(plugin_path(), new, ignore=shutil.ignore_patterns("__pycache__"))
        config = json.dumps({"program": program, "version": __version__}, indent=2)
        (new / "config.json").write_text(config + "\n", encoding="utf-8")
        if os.path.lexists(profile.plugin):
            profile.plugin.rename(old)
        try:
            new.rename(profile.plugin)
        except OSError:
            if os.path.lexists(old):
                old.rename(profile.plugin)
            raise
    profile.enable(True)
    return before


def uninstall_plugin(profile: Profile) -> bool:
    """Remove the plugin from a profile and its settings; returns whether it was installed. Raises OutputError."""
    installed = os.path.lexists(profile.plugin)
    if installed:
        with _temporary_names(profile.plugin) as (_, old):
            profile.plugin.rename(old)
    if profile.folder.is_dir() and any(path.is_file() for path in profile.settings):
        profile.enable(False)
    return installed


def installed_version(profile: Profile) -> str:
    """Version of the plugin in a profile; empty if it is not installed."""
    try:
        lines = (profile.plugin / "metadata.txt").read_text(encoding="utf-8").splitlines()
    except OSError:
        return ""
    return next((line.partition("=")[2].strip() for line in lines if line.startswith("version=")), "unknown")


def installed_program(profile: Profile) -> str:
    """Program that the plugin in a profile was configured to run; empty if there is none."""
    try:
        config = json.loads((profile.plugin / "config.json").read_text(encoding="utf-8"))
        return " ".join(config["program"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def this_program() -> list[str]:
    """Command that starts this program: its executable, or the interpreter that has the package."""
    folder = Path(sys.executable).parent
    for path in (Path(sys.argv[0]), folder / "lst-raster", folder / "lst-raster.exe"):
        if path.stem == "lst-raster" and path.is_file():
            return [os.path.abspath(path)]  # noqa: PTH100  # a link is not resolved
    if not sys.executable:
        raise InputNotFoundError("cannot determine the path of lst-raster; give it with --program")
    return [sys.executable, "-c", _MODULE]


@contextmanager
def _temporary_names(plugin: Path) -> Iterator[tuple[Path, Path]]:
    """Yield paths for the new and the old plugin outside the plugins' folder, which QGIS scans; remove both at last."""
    new, old = (plugin.parent.parent / f".{PLUGIN}.{os.getpid()}.{kind}" for kind in ("new", "old"))
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


_profile = options.combine(
    click.option("--profile", metavar="NAME", help="Profile. [default: the one QGIS starts with]"),
    click.option("--profiles-folder", type=click.Path(path_type=Path, file_okay=False), metavar="DIR",
        help="Folder of the profiles. [default: the folders of QGIS]"),
)  # fmt: skip


@click.group(cls=Group)
def qgis() -> None:
    """Install the QGIS plugin (3.22 and later), which runs this program from the Processing toolbox."""


@qgis.command()
@_profile
@click.option("--program", metavar="PATH", help="Program that the plugin runs. [default: this one]")
@options.as_json
def install(profile: str | None, profiles_folder: Path | None, program: str | None, as_json: bool) -> None:
    """Copy the plugin into a QGIS profile and switch it on; an older version is replaced.

    Examples
    --------
    lst-raster qgis install
    lst-raster qgis install --profile field --program /opt/lst/bin/lst-raster
    """
    path = shutil.which(program) if program else None
    if program and path is None:
        raise InputNotFoundError(f"there is no program {program}; give the path of lst-raster with --program")
    command = [str(Path(path).absolute())] if path else this_program()
    profiles = find_profiles(profile, profiles_folder)
    for found in profiles:
        before = install_plugin(found, command)
        messages.say(f"{f'Version {before} replaced' if before else 'Installed'}; it runs {' '.join(command)}")
    messages.say("Start QGIS (again): the algorithms are in Processing > Toolbox > LST raster")
    show({"profiles": [_state(found) for found in profiles]}, (found.plugin for found in profiles), as_json)


@qgis.command()
@_profile
@options.as_json
def uninstall(profile: str | None, profiles_folder: Path | None, as_json: bool) -> None:
    """Remove the plugin from a QGIS profile.

    Examples
    --------
    lst-raster qgis uninstall
    """
    profiles = find_profiles(profile, profiles_folder)
    for found in profiles:
        removed = uninstall_plugin(found)
        messages.say(f"{'Removed from' if removed else 'Not installed in'} {found.folder}")
    show({"profiles": [_state(found) for found in profiles]}, (), as_json)


@qgis.command()
@_profile
@options.as_json
def where(profile: str | None, profiles_folder: Path | None, as_json: bool) -> None:
    """Show the folder of the plugin, its version, and the program that it runs.

    Examples
    --------
    lst-raster qgis where
    lst-raster qgis where --json
    """
    states = [_state(found) for found in find_profiles(profile, profiles_folder)]
    lines = []
    for state in states:
        version = state["version"]
        lines += [f"profile: {state['profile']}", f"plugin: {state['plugin']}"]
        lines.append(f"installed: version {version}" if version else "installed: no")
        if version:
            lines.append(f"switched on: {'yes' if state['switched_on'] else 'no'}")
            lines.append(f"program: {state['program'] or 'lst-raster, from the search path'}")
    show({"profiles": states}, lines, as_json)


def _state(found: Profile) -> dict[str, Any]:
    version = installed_version(found)
    enabled, program = (found.enabled, installed_program(found)) if version else (None, None)
    state = {"profile": found.folder, "plugin": found.plugin, "version": version}
    return {**state, "switched_on": enabled, "program": program}
