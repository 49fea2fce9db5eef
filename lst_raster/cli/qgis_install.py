"""Installation of the QGIS plugin into user profiles."""

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

from lst_raster import __version__
from lst_raster.atomic_write import atomic_write
from lst_raster.errors import InputNotFoundError, OutputError
from lst_raster.resources import plugin_path

PLUGIN = "lst_raster_provider"
"""Name of the plugin's folder, by which QGIS knows it."""
_RELEASES = ("QGIS3", "QGIS4")  # QGIS 4 has folders of its own
_FLATPAK = Path(".var", "app", "org.qgis.qgis", "data")
_ENABLED = re.compile(rf"{PLUGIN}\s*=.*")
_SECTION = "[PythonPlugins]"


@dataclass(frozen=True, kw_only=True, slots=True)
class Profile:
    """A profile: a user's settings and plugins."""

    folder: Path
    """Where it lies."""

    @property
    def plugin(self) -> Path:
        """Where the plugin is, or would be."""
        return self.folder / "python" / "plugins" / PLUGIN

    @property
    def settings(self) -> tuple[Path, ...]:
        """Files of settings: those that are there, else the one that QGIS would make."""
        files = [self.folder / "QGIS" / f"{release}.ini" for release in _RELEASES]
        there = tuple(path for path in files if path.is_file())
        return there or (files[1] if "QGIS4" in self.folder.parts else files[0],)

    @property
    def enabled(self) -> bool:
        """Whether QGIS loads the plugin when it starts."""
        return any(
            _ENABLED.fullmatch(line) and line.rstrip().endswith("true")
            for path in self.settings
            if path.is_file()
            for line in _read(path).splitlines()
        )

    def enable(self, wanted: bool) -> None:
        """Switch the plugin on or off, and change nothing else of the settings.

        Parameters
        ----------
        wanted : bool
            On; off leaves no word of it.

        Raises
        ------
        OutputError
            The settings cannot be written.
        """
        for path in self.settings:
            before = _read(path) if path.is_file() else ""
            after = switched(before, wanted)
            if after != before:
                _write(path, after)


def find_profiles(name: str | None, folder: Path | None) -> list[Profile]:
    """Find the profiles that are meant.

    Parameters
    ----------
    name : str, optional
        Name of the profile; without it that which QGIS starts with.
    folder : path, optional
        Folder of the profiles; without it the default places of QGIS, of which each may have one that is meant.

    Returns
    -------
    list of Profile
        At least one. A profile in a folder that was given need not exist.

    Raises
    ------
    InputNotFoundError
        There is none in the default places.
    """
    if folder is not None:
        return [Profile(folder=folder / (name or _default(folder)))]
    places = [place for place in default_places() if place.is_dir()]
    wanted = [Profile(folder=place / (name or _default(place))) for place in places]
    found = [profile for profile in wanted if profile.folder.is_dir()]
    if not found:
        raise InputNotFoundError(_nothing(name, places))
    return found


def default_places() -> list[Path]:
    """Folders in which QGIS keeps its profiles on this system, whether they are there or not."""
    custom = os.environ.get("QGIS_CUSTOM_CONFIG_PATH")
    if custom:
        return [Path(custom) / "profiles"]
    homes = {
        "win32": [Path(os.environ.get("APPDATA") or Path.home() / "AppData" / "Roaming")],
        "darwin": [Path.home() / "Library" / "Application Support"],
    }
    linux = [Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"), Path.home() / _FLATPAK]
    roots = dict.fromkeys(homes.get(sys.platform, linux))
    return [root / "QGIS" / release / "profiles" for root in roots for release in _RELEASES]


def switched(text: str, wanted: bool) -> str:
    r"""Switch the plugin on or off in the text of a settings file.

    Parameters
    ----------
    text : str
        The file's text, with the ends of its lines.
    wanted : bool
        On; off leaves no word of the plugin.

    Examples
    --------
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
    noted = place / "profiles.ini"
    found = re.search(r"^defaultProfile=(.+)$", _read(noted), re.MULTILINE) if noted.is_file() else None
    name = found[1].strip().strip('"') if found else "default"
    return name if (place / name).is_dir() else "default"


def _nothing(name: str | None, places: list[Path]) -> str:
    there = [str(path) for place in places for path in sorted(place.iterdir()) if path.is_dir()]
    if not there:
        looked = ", ".join(str(place) for place in default_places())
        return f"no profile of QGIS in {looked}; start QGIS once, or name its folder by --profiles-folder"
    return f"QGIS has no profile '{name or 'default'}'; give one of these by --profile: {', '.join(there)}"


def _read(path: Path) -> str:
    with path.open(encoding="utf-8", errors="surrogateescape", newline="") as file:
        return file.read()


def _write(path: Path, text: str) -> None:
    target = path.resolve()  # who has a link there wants to keep it
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot make the folder {target.parent}: {error.strerror or error}") from error
    with atomic_write(target) as temporary:
        with temporary.open("w", encoding="utf-8", errors="surrogateescape", newline="") as file:
            file.write(text)
        if target.exists():
            temporary.chmod(target.stat().st_mode)


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
