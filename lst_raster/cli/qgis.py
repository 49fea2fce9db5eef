"""`lst-raster qgis`: installation of the QGIS plugin."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from lst_raster.cli import messages, options, qgis_install
from lst_raster.cli.command import Group, show
from lst_raster.cli.qgis_install import Profile, find_profiles
from lst_raster.errors import InputNotFoundError

_profile = options.combine(
    click.option("--profile", metavar="NAME", help="Profile. [default: the one QGIS starts with]"),
    click.option(
        "--profiles-folder", type=click.Path(path_type=Path, file_okay=False), metavar="DIR",
        help="Folder of the profiles. [default: the folders of QGIS]",
    ),
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
    command = [_absolute(program)] if program else qgis_install.this_program()
    profiles = find_profiles(profile, profiles_folder)
    for found in profiles:
        before = qgis_install.install(found, command)
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
        removed = qgis_install.uninstall(found)
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
    show({"profiles": states}, (line for state in states for line in _lines(state)), as_json)


def _state(found: Profile) -> dict[str, Any]:
    version = qgis_install.installed_version(found)
    return {
        "profile": found.folder,
        "plugin": found.plugin,
        "version": version,
        "switched_on": found.enabled if version else None,
        "program": qgis_install.installed_program(found) if version else None,
    }


def _lines(state: dict[str, Any]) -> Iterator[str]:
    yield f"profile: {state['profile']}"
    yield f"plugin: {state['plugin']}"
    yield "installed: " + (f"version {state['version']}" if state["version"] else "no")
    if state["version"]:
        yield f"switched on: {'yes' if state['switched_on'] else 'no'}"
        yield f"program: {state['program'] or 'lst-raster, from the search path'}"


def _absolute(program: str) -> str:
    found = shutil.which(program)
    if found is None:
        raise InputNotFoundError(f"there is no program {program}; give the path of lst-raster with --program")
    return str(Path(found).absolute())
