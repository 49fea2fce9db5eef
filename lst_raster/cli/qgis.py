"""``lst-raster qgis``: the plugin for QGIS, put into a profile and taken out of it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click

from lst_raster.cli import messages, options
from lst_raster.cli import qgis_install as qgis_plugin
from lst_raster.cli.command import Group, show
from lst_raster.cli.qgis_install import Profile, find_profiles
from lst_raster.errors import InputNotFoundError


def _which(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that say which profile is meant."""
    folder = click.option(
        "--profiles-folder", type=click.Path(path_type=Path, file_okay=False), metavar="DIR",
        help="Folder of the profiles. [default: where QGIS has it]",
    )  # fmt: skip
    return click.option("--profile", metavar="NAME", help="[default: the one QGIS starts with]")(folder(command))


@click.group(cls=Group)
def qgis() -> None:
    """Install the plugin for QGIS (3.22 and later), which runs this program from the Processing toolbox."""


@qgis.command(
    examples="""
    lst-raster qgis install
    lst-raster qgis install --profile field --program /opt/lst/bin/lst-raster
"""
)
@_which
@click.option("--program", metavar="PATH", help="Program the plugin runs. [default: this one]")
@options.as_json
def install(profile: str | None, profiles_folder: Path | None, program: str | None, as_json: bool) -> None:
    """Copy the plugin into a profile of QGIS and switch it on; an older one is replaced."""
    command = [_checked(program)] if program else qgis_plugin.this_program()
    profiles = find_profiles(profile, profiles_folder)
    for found in profiles:
        before = qgis_plugin.install(found, command)
        messages.say(f"{f'Version {before} replaced' if before else 'Installed'}; it runs {' '.join(command)}")
    messages.say("Start QGIS (again): the algorithms are in Processing > Toolbox > LST raster")
    show({"profiles": [_state(found) for found in profiles]}, (found.plugin for found in profiles), as_json)


@qgis.command(
    examples="""
    lst-raster qgis uninstall
"""
)
@_which
@options.as_json
def uninstall(profile: str | None, profiles_folder: Path | None, as_json: bool) -> None:
    """Remove the plugin from a profile of QGIS."""
    profiles = find_profiles(profile, profiles_folder)
    for found in profiles:
        there = qgis_plugin.uninstall(found)
        messages.say(f"{'Removed from' if there else 'It was not in'} {found.folder}")
    show({"profiles": [_state(found) for found in profiles]}, (), as_json)


@qgis.command(
    examples="""
    lst-raster qgis where
    lst-raster qgis where --json
"""
)
@_which
@options.as_json
def where(profile: str | None, profiles_folder: Path | None, as_json: bool) -> None:
    """Tell where the plugin is or would be, and which program it runs."""
    states = [_state(found) for found in find_profiles(profile, profiles_folder)]
    show({"profiles": states}, (line for state in states for line in _lines(state)), as_json)


def _state(found: Profile) -> dict[str, Any]:
    version = qgis_plugin.installed_version(found)
    return {
        "profile": found.folder,
        "plugin": found.plugin,
        "version": version,
        "switched_on": found.enabled if version else None,
        "program": qgis_plugin.installed_program(found) if version else None,
    }


def _lines(state: dict[str, Any]) -> Iterator[str]:
    yield f"profile: {state['profile']}"
    yield f"plugin: {state['plugin']}"
    yield "installed: " + (f"version {state['version']}" if state["version"] else "no")
    if state["version"]:
        yield f"switched on: {'yes' if state['switched_on'] else 'no'}"
        yield f"program: {state['program'] or 'lst-raster, from the search path'}"


def _checked(program: str) -> str:
    found = shutil.which(program)
    if found is None:
        raise InputNotFoundError(f"there is no program {program}; give the path of lst-raster by --program")
    return str(Path(found).absolute())
