"""`lst-raster config`: which file sets defaults, and what it sets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from lst_raster.cli import options
from lst_raster.cli.command import Group
from lst_raster.cli.command import show as show_result
from lst_raster.cli.configuration import FOLDER_FILE, files, settings, user_file


@click.group(cls=Group)
def config() -> None:
    """Defaults of the options: the user's file, and lst-raster.toml in the current folder.

    A file is TOML: a table for each command, in it its options without dashes, as emissivity = "ndvi" below [retrieve].
    What is given on the command line wins, then the environment (LST_RASTER_RETRIEVE_EMISSIVITY), then
    lst-raster.toml, then the user's file.
    """


@config.command(
    examples="""
    lst-raster config show
    lst-raster config show --json
"""
)
@options.as_json
@click.pass_context
def show(context: click.Context, as_json: bool) -> None:
    """Show which files are used, and every default that is set and where."""
    root = context.find_root()
    group = root.command
    found = settings(group, root) if isinstance(group, click.Group) else []
    entries = [
        {"command": " ".join(one.words), "option": one.key, "value": one.value, "origin": one.origin} for one in found
    ]
    lines = [f"{one['command']}: {one['option']} = {_plain(one['value'])} ({one['origin']})" for one in entries]
    show_result({"files": files(), "settings": entries}, [*_used(), *(lines or ["no defaults are set"])], as_json)


def _used() -> list[str]:
    used = files()
    missing = f"no file is used; {user_file()} or ./{FOLDER_FILE} would be"
    return [f"file: {path}" for path in used] or [missing]


def _plain(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


@config.command(
    examples="""
    lst-raster config path
"""
)
@options.as_json
def path(as_json: bool) -> None:
    """Tell the path of the user's file, whether it is there or not."""
    own = user_file()
    show_result({"path": own, "exists": Path(own).is_file()}, [own], as_json)
