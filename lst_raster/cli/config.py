"""Defaults of the options from TOML files and the environment, and `lst-raster config`, which shows them."""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from lst_raster.cli import options
from lst_raster.cli.command import Group, show
from lst_raster.errors import ConfigError

VARIABLE = "LST_RASTER_CONFIG"  # environment variable with the only file to read; no file is read if it is empty
FOLDER_FILE = "lst-raster.toml"  # in the current folder, not in its parents: a run depends on visible files only

_NEVER = ("json", "help")  # the caller that parses the output has to request its format
_IN_FOLDER = frozenset({
    "aerosol", "air", "air-temperature", "align", "angles", "band", "bands", "bbox", "broadband-emissivity", "ceos-ard",
    "collection", "column", "compress", "crs", "date", "datetime", "dem", "downwelling", "dry-run", "dtype",
    "elevation", "emissivity", "exact", "exclude", "from", "grid", "html", "id", "keep", "level-2", "levels", "limit",
    "lst-only", "mask", "mask-clouds", "mask-dilation", "max-site-deviation", "max-uncertainty", "min-count", "model",
    "months", "percentile", "points", "precision", "quantity", "query", "quiet", "reanalysis", "reference",
    "resolution", "retries", "sensor", "site-radius", "statistic", "surface-pressure", "threads", "tier", "to",
    "uncertainty", "units", "utc", "utc-offset", "water-vapor", "water-vapour", "where", "width", "without", "workers",
    "zones",
})  # fmt: skip
# Options that the file in the current folder may set: inputs, format and extent of the work. It may have come with data
# from another person, so it sets no output, overwriting, code or server.
_REMOTE = re.compile(r"://|\b(?:https?|s3):/|^(?:[a-z-]+:)?[\\/]{2}|/vsi", re.IGNORECASE)
# a URL, a network share of Windows, a virtual file of GDAL


@dataclass(frozen=True, kw_only=True, slots=True)
class Setting:
    """Default of one option of one command."""

    words: tuple[str, ...]  # the command
    key: str  # the option without its dashes
    value: Any  # as written in the file or the variable
    origin: str  # file or variable
    in_folder: bool = False  # from the file in the current folder, which the user did not choose
    in_environment: bool = False


def user_file() -> Path:
    """Path of the user's file, which need not exist."""
    return Path(click.get_app_dir("lst-raster"), "config.toml")


def files() -> list[Path]:
    """Files that are read, in ascending priority; raises ConfigError if LST_RASTER_CONFIG names a missing file."""
    named = os.environ.get(VARIABLE)
    if named is None:
        return [path for path in (user_file(), Path(FOLDER_FILE)) if path.is_file()]
    if named and not Path(named).is_file():
        raise ConfigError(f"{VARIABLE} is {named}, which is not a file; correct it, or unset it")
    return [Path(named)] if named else []


def settings(group: click.Group, only: str | None = None) -> list[tuple[Setting, click.Option, Any]]:
    """Read and check the defaults of all commands, or of one; the last of several for the same option applies.

    Returns the settings with their options and their values in click's form. Raises ConfigError, with the file or the
    variable and a remedy, if one is not understood.
    """
    names = group.list_commands(click.Context(group))
    commands = _commands(group, [only] if only else names)
    found = {}
    for setting in (*_from_files(names), *_from_environment(commands)):
        if only in (None, setting.words[0]):
            option = _option(setting, commands.get(setting.words))
            found[*setting.words, setting.key] = (setting, option, _value(setting, option))
    return list(found.values())


def default_map(group: click.Group, name: str) -> dict[str, Any]:
    """Defaults of a command in the form of click's `default_map`."""
    result: dict[str, Any] = {}
    for setting, option, value in settings(group, name):
        table = result
        for word in setting.words:
            table = table.setdefault(word, {})
        table[option.name or ""] = value
    return result


def _commands(group: click.Group, names: Iterable[str]) -> dict[tuple[str, ...], click.Command]:
    """Commands of the given names, or those below them, by the words with which they are called."""
    found: dict[tuple[str, ...], click.Command] = {}
    for name in names:
        command = group.get_command(click.Context(group), name)
        if isinstance(command, click.Group):
            found.update({(name, below): one for below, one in command.commands.items()})
        elif command is not None:
            found[name,] = command
    return found


def _from_files(commands: list[str]) -> Iterator[Setting]:
    for path in files():
        try:
            content = tomllib.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise ConfigError(f"{path} cannot be read: {error.strerror}; correct its permissions") from None
        except ValueError as error:  # from TOML and UTF-8
            raise ConfigError(f"{path} is not valid TOML: {error}; correct it there") from None
        in_folder = VARIABLE not in os.environ and path == Path(FOLDER_FILE)
        for words, key, value in _entries(content, ()):
            if not words:
                raise ConfigError(f"{path}: {key} is not in a table of a command; put it below [retrieve], for example")
            if words[0] not in commands:
                raise ConfigError(f"{path}: there is no command {words[0]}{_suggestion(words[0], commands)}")
            yield Setting(words=words, key=key, value=value, origin=str(path), in_folder=in_folder)


def _entries(table: Mapping[str, Any], words: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str, Any]]:
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield from _entries(value, (*words, key))
        else:
            yield words, key, value


def _from_environment(commands: Mapping[tuple[str, ...], click.Command]) -> Iterator[Setting]:
    for words in commands:
        prefix = _variable(*words, "")
        for variable, value in os.environ.items():
            if variable.startswith(prefix) and value:
                key = variable.removeprefix(prefix).lower().replace("_", "-")
                origin = f"the variable {variable}"
                yield Setting(words=words, key=key, value=value, origin=origin, in_environment=True)


def _variable(*words: str) -> str:
    return "_".join(("LST_RASTER", *words)).replace("-", "_").upper()


def _option(setting: Setting, command: click.Command | None) -> click.Option:
    """Find the option of a setting, and check that it may be set there."""
    title = f"{setting.origin}: {' '.join(setting.words)}"
    if command is None:
        raise ConfigError(f"{title} is not a command with options; see lst-raster --help")
    if setting.key in _NEVER:
        raise ConfigError(f"{setting.origin}: {setting.key} cannot be set there; give it on the command line")
    options_ = [option for option in command.params if isinstance(option, click.Option)]
    for option in options_:
        if f"--{setting.key}" in option.opts:
            _check_folder(setting)
            return option
        if f"--{setting.key}" in option.secondary_opts:
            raise ConfigError(f"{setting.origin}: instead of {setting.key} write {option.opts[0][2:]} = false")
    known = [name[2:] for option in options_ for name in option.opts if name.startswith("--")]
    suggestion = _suggestion(setting.key, [name for name in known if name not in _NEVER])
    raise ConfigError(f"{title} has no option {setting.key}{suggestion}")


def _check_folder(setting: Setting) -> None:
    """Raise ConfigError for a setting that a file in the current folder must not control."""
    values = setting.value if isinstance(setting.value, list) else [setting.value]
    remote = any(isinstance(value, str) and _REMOTE.search(value) for value in values)
    if not setting.in_folder or (setting.key in _IN_FOLDER and not remote):
        return
    what = f"an address in {setting.key}" if setting.key in _IN_FOLDER else setting.key
    raise ConfigError(
        f"{setting.origin}: {what} is not accepted from a file in the current folder, which may be from someone "
        f"else; move it to {user_file()}, set {_variable(*setting.words, setting.key)}, or give it on the command line"
    )


def _suggestion(word: str, known: list[str]) -> str:
    near = difflib.get_close_matches(word.replace("_", "-"), known, 1)
    return f"; did you mean {near[0]}?" if near else f"; choose from {', '.join(known)}"


def _value(setting: Setting, option: click.Option) -> Any:
    """Convert a value to the form it has on the command line, and check that the option accepts it."""
    value, several = setting.value, option.multiple or option.nargs != 1
    try:
        if setting.in_environment:
            value = value.split() if several else value
        elif option.is_flag:
            if not isinstance(value, bool):
                raise click.UsageError("expected true or false")
        else:
            entries = value if several and isinstance(value, list) else [value]
            if any(isinstance(entry, bool | list) for entry in entries):
                raise click.UsageError("expected one value, in quotes or as a number")
            texts = [entry.isoformat() if hasattr(entry, "isoformat") else str(entry) for entry in entries]
            value = texts if several else texts[0]
        option.process_value(click.Context(click.Command(setting.words[-1])), value)
    except click.UsageError as error:
        reason = " ".join(error.message.split()).rstrip(".")
        raise ConfigError(f"{setting.origin}: {setting.key} = {setting.value!r}: {reason}; correct it there") from None
    return value


@click.group(cls=Group)
def config() -> None:
    """Show the defaults of the options: from the user's file, and from lst-raster.toml in the current folder.

    A file is TOML, with a table for each command that holds its options without dashes, such as emissivity = "ndvi"
    below [retrieve]. The command line has priority, then the environment (LST_RASTER_RETRIEVE_EMISSIVITY), then
    lst-raster.toml, then the user's file.
    """


@config.command("show")
@options.as_json
@click.pass_context
def show_defaults(context: click.Context, as_json: bool) -> None:
    """Show the files that are used, and every default that is set, with its origin.

    Examples
    --------
    lst-raster config show
    lst-raster config show --json
    """
    root = context.find_root().command
    found = [setting for setting, _, _ in settings(root)] if isinstance(root, click.Group) else []
    entries = [
        {"command": " ".join(one.words), "option": one.key, "value": one.value, "origin": one.origin} for one in found
    ]
    used = [f"file: {path}" for path in files()] or [f"no file found; looked for {user_file()} and ./{FOLDER_FILE}"]
    lines = []
    for one in found:
        value = str(one.value).lower() if isinstance(one.value, bool) else one.value
        lines.append(f"{' '.join(one.words)}: {one.key} = {value} ({one.origin})")
    show({"files": files(), "settings": entries}, [*used, *(lines or ["no defaults are set"])], as_json)


@config.command()
@options.as_json
def path(as_json: bool) -> None:
    """Print the path of the user's file, which need not exist.

    Examples
    --------
    lst-raster config path
    """
    file = user_file()
    show({"path": file, "exists": file.is_file()}, [file], as_json)
