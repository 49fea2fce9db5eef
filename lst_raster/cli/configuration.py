"""Defaults of the options: from the user's file, from one in the current folder, and from the environment."""

from __future__ import annotations

import difflib
import os
import re
import sys
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from lst_raster.errors import ConfigError

VARIABLE = "LST_RASTER_CONFIG"
"""Names the one file that is read; where it is empty none is."""
FOLDER_FILE = "lst-raster.toml"
"""Name of the file in the current folder. It is not looked for above: what a run depends on shall be seen beside it."""

_PREFIX = "LST_RASTER"
_TABLE = re.compile(r"\s*\[([^\[\]]+)\]")
_KEY = re.compile(r"\s*[\"']?([\w-]+)[\"']?\s*=")
_NEVER = ("json", "help")  # whoever reads the output must see its form where it is asked for
_IN_FOLDER = frozenset(
    (
        "align", "air-temperature", "band", "date", "dem", "downwelling", "emissivity", "exact", "level-2",
        "mask-clouds", "mask-dilation", "model", "quantity", "quiet", "reanalysis", "sensor", "surface-pressure",
        "threads", "water-vapour", "water-vapor", "compress", "dtype", "lst-only", "bbox", "collection",
        "datetime", "limit", "query", "retries", "workers", "crs", "exclude", "from", "grid", "keep",
        "max-uncertainty", "min-count", "months", "percentile", "resolution", "statistic", "to", "air",
        "broadband-emissivity", "column", "elevation", "tier", "utc", "without", "ceos-ard", "dry-run", "html",
        "levels", "mask", "units", "width"
    )
)  # fmt: skip
"""Options that the file in the current folder may set: inputs, form and extent of the work.

That file may have come with somebody else's data, so it sets no output, overwriting, code or server.
"""
_REMOTE = re.compile(r"://|\b(?:https?|s3):/|^(?:[a-z-]+:)?[\\/]{2}|/vsi", re.IGNORECASE)
# An address, a network share of Windows, a virtual file of GDAL.


@dataclass(frozen=True, kw_only=True, slots=True)
class Setting:
    """A default of one option of one command."""

    words: tuple[str, ...]
    """The command."""
    key: str
    """The option, without its dashes."""
    value: Any
    """The value, as it was written."""
    origin: str
    """The file and the line, or the variable."""
    own: bool = True
    """Whether the user chose the file: false for the one that was found in the current folder."""


def user_file() -> Path:
    """Path of the user's file, whether it is there or not."""
    home = Path.home()
    if sys.platform == "win32":
        return Path(os.environ.get("APPDATA") or home / "AppData" / "Roaming") / "lst-raster" / "config.toml"
    if sys.platform == "darwin":
        return home / "Library" / "Application Support" / "lst-raster" / "config.toml"
    return Path(os.environ.get("XDG_CONFIG_HOME") or home / ".config") / "lst-raster" / "config.toml"


def files() -> list[Path]:
    """Files that are read, the stronger after the weaker.

    Raises
    ------
    ConfigError
        LST_RASTER_CONFIG names a file that is not there.
    """
    named = os.environ.get(VARIABLE)
    if named is None:
        return [path for path in (user_file(), Path(FOLDER_FILE)) if path.is_file()]
    if named and not Path(named).is_file():
        raise ConfigError(f"{VARIABLE} names {named}, which is no file; correct it, or unset it")
    return [Path(named)] if named else []


def settings(group: click.Group, context: click.Context, only: str | None = None) -> list[Setting]:
    """Read and check the settings.

    Parameters
    ----------
    group : click.Group
        The command line.
    context : click.Context
        Its context.
    only : str, optional
        Command whose settings are wanted; those of others are not looked at, but that their command exists.

    Returns
    -------
    list of Setting
        One for an option of a command: the strongest.

    Raises
    ------
    ConfigError
        A file or a variable is not understood; the message names it, the line, and what to do.
    """
    found: dict[tuple[str, ...], Setting] = {}
    for origin in (*(_in_file(path, group, context) for path in files()), _in_environment(group, context)):
        for setting in origin:
            if only in (None, setting.words[0]):
                _check(setting, group, context)
                found[(*setting.words, setting.key)] = setting
    return list(found.values())


def default_map(group: click.Group, context: click.Context, name: str) -> dict[str, Any]:
    """Defaults of a command, in the form that click takes."""
    whole: dict[str, Any] = {}
    for setting in settings(group, context, name):
        place = whole
        for word in setting.words:
            place = place.setdefault(word, {})
        option = _check(setting, group, context)
        place[option.name or ""] = _written(option, setting)
    return whole


def _in_file(path: Path, group: click.Group, context: click.Context) -> Iterator[Setting]:
    try:
        text = path.read_text(encoding="utf-8")
        whole = tomllib.loads(text)
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}; correct its rights") from None
    except ValueError as error:  # TOML's and UTF-8's
        raise ConfigError(f"{path} is no TOML: {error}; correct it there") from None
    own = VARIABLE in os.environ or path != Path(FOLDER_FILE)
    for words, key, value in _leaves(whole, ()):
        commands = group.list_commands(context)
        unknown = bool(words) and words[0] not in commands
        line = _line_of(text, words, None if unknown else key)
        origin = f"{path}, line {line}" if line else str(path)
        if not words:
            raise ConfigError(f"{origin}: {key} stands under no command; write it below [retrieve], for example")
        if unknown:
            raise ConfigError(f"{origin}: there is no command {words[0]}{_like(words[0], commands)}")
        yield Setting(words=words, key=key, value=value, origin=origin, own=own)


def _leaves(table: Mapping[str, Any], words: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str, Any]]:
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, (*words, key))
        else:
            yield words, key, value


def _in_environment(group: click.Group, context: click.Context) -> Iterator[Setting]:
    names = {f"{_PREFIX}_{name}_".replace("-", "_").upper(): name for name in group.list_commands(context)}
    for variable, value in os.environ.items():
        name = next((names[prefix] for prefix in names if variable.startswith(prefix)), None)
        if name is None or not value:
            continue
        rest = variable[len(f"{_PREFIX}_{name}_") :].lower().replace("_", "-")
        command = group.get_command(context, name)
        words = [name]
        if isinstance(command, click.Group):
            below = next((one for one in command.list_commands(context) if rest.startswith(f"{one}-")), None)
            if below is None:
                continue
            words, rest = [name, below], rest[len(below) + 1 :]
        yield Setting(words=tuple(words), key=rest, value=value, origin=f"the variable {variable}")


def _line_of(text: str, words: tuple[str, ...], key: str | None) -> int | None:
    """Line of a key in a table, or of the table's head where no key is meant; None where it is written otherwise."""
    table: tuple[str, ...] = ()
    for number, line in enumerate(text.splitlines(), 1):
        if found := _TABLE.match(line):
            table = tuple(part.strip().strip("\"'") for part in found[1].split("."))
            if key is None and table == words:
                return number
        elif table == words and (found := _KEY.match(line)) and found[1] == key:
            return number
    return None


def _check(setting: Setting, group: click.Group, context: click.Context) -> click.Option:
    """Find the option of a setting, and see whether it takes the value."""
    option = _option(setting, group, context)
    try:
        option.process_value(click.Context(click.Command(setting.words[-1])), _written(option, setting))
    except click.UsageError as error:
        said = " ".join(error.message.split()).rstrip(".")
        raise ConfigError(f"{setting.origin}: {setting.key} = {setting.value!r}: {said}; correct it there") from None
    return option


def _option(setting: Setting, group: click.Group, context: click.Context) -> click.Option:
    command: click.Command | None = group
    for word in setting.words:
        command = command.get_command(context, word) if isinstance(command, click.Group) else None
    said = f"{setting.origin}: {' '.join(setting.words)}"
    if command is None or isinstance(command, click.Group):
        raise ConfigError(f"{said} is no command with options; see lst-raster --help")
    options = [option for option in command.params if isinstance(option, click.Option)]
    if setting.key in _NEVER:
        raise ConfigError(f"{setting.origin}: {setting.key} is not taken from there; give it on the command line")
    for option in options:
        if f"--{setting.key}" in option.opts:
            _require_harmless(setting)
            return option
        if f"--{setting.key}" in option.secondary_opts:
            raise ConfigError(f"{setting.origin}: for {setting.key} write {option.opts[0][2:]} = false")
    known = [name[2:] for option in options for name in option.opts if name.startswith("--") and name[2:] not in _NEVER]
    raise ConfigError(f"{said} has no option {setting.key}{_like(setting.key, known)}")


def _require_harmless(setting: Setting) -> None:
    """Refuse what a file that was only found in the current folder must not decide."""
    values = setting.value if isinstance(setting.value, list) else [setting.value]
    remote = any(isinstance(value, str) and _REMOTE.search(value) for value in values)
    if setting.own or (setting.key in _IN_FOLDER and not remote):
        return
    variable = "_".join((_PREFIX, *setting.words, setting.key)).replace("-", "_").upper()
    what = f"an address in {setting.key}" if setting.key in _IN_FOLDER else setting.key
    raise ConfigError(
        f"{setting.origin}: {what} is not taken from a file of the current folder, which may be somebody else's; move "
        f"it to {user_file()}, set {variable}, or give it on the command line"
    )


def _like(word: str, known: list[str]) -> str:
    near = difflib.get_close_matches(word.replace("_", "-"), known, 1)
    return f"; is {near[0]} meant?" if near else f"; it may be one of {', '.join(known)}"


def _written(option: click.Option, setting: Setting) -> Any:
    """Give a value the form that it has on the command line."""
    value, variable = setting.value, setting.origin.startswith("the variable ")
    if variable and (option.multiple or option.nargs != 1):
        value = value.split()
    if option.is_flag:
        if not variable and not isinstance(value, bool):
            raise click.UsageError("it is a switch: true or false")
        return value
    if option.multiple or option.nargs != 1:
        return [_text(entry) for entry in (value if isinstance(value, list) else [value])]
    return _text(value)


def _text(value: Any) -> str:
    if isinstance(value, bool | list):
        raise click.UsageError("it takes one value, in quotes or as a number")
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
