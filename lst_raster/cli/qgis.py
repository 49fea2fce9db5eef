"""``lst-raster qgis``: the plugin for QGIS, put into a profile and taken out of it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from lst_raster.cli import messages, qgis_plugin
from lst_raster.cli.qgis_profiles import find_profiles
from lst_raster.errors import InputNotFoundError


def _which(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that say which profile is meant."""
    folder = click.option(
        "--profiles-folder", type=click.Path(path_type=Path, file_okay=False), metavar="DIR",
        help="Folder of the profiles. [default: where QGIS has it]",
    )  # fmt: skip
    return click.option("--profile", metavar="NAME", help="[default: the one QGIS starts with]")(folder(command))


@click.group()
def qgis() -> None:
    """Install the plugin for QGIS (3.22 and later), which runs this program from the Processing toolbox."""


@qgis.command()
@_which
@click.option("--program", metavar="PATH", help="Program the plugin runs. [default: this one]")
def install(profile: str | None, profiles_folder: Path | None, program: str | None) -> None:
    """Copy the plugin into a profile of QGIS and switch it on; an older one is replaced."""
    command = [_checked(program)] if program else qgis_plugin.this_program()
    for found in find_profiles(profile, profiles_folder):
        before = qgis_plugin.install(found, command)
        click.echo(found.plugin)
        messages.say(f"{f'Version {before} replaced' if before else 'Installed'}; it runs {' '.join(command)}")
    messages.say("Start QGIS (again): the algorithms are in Processing > Toolbox > LST raster")


@qgis.command()
@_which
def uninstall(profile: str | None, profiles_folder: Path | None) -> None:
    """Remove the plugin from a profile of QGIS."""
    for found in find_profiles(profile, profiles_folder):
        there = qgis_plugin.uninstall(found)
        messages.say(f"{'Removed from' if there else 'It was not in'} {found.folder}")


@qgis.command()
@_which
def where(profile: str | None, profiles_folder: Path | None) -> None:
    """Tell where the plugin is or would be, and which program it runs."""
    for found in find_profiles(profile, profiles_folder):
        version = qgis_plugin.installed_version(found)
        click.echo(f"profile: {found.folder}")
        click.echo(f"plugin: {found.plugin}")
        click.echo(f"installed: {f'version {version}' if version else 'no'}")
        if version:
            click.echo(f"switched on: {'yes' if found.enabled else 'no'}")
            click.echo(f"program: {qgis_plugin.installed_program(found) or 'lst-raster, from the search path'}")


def _checked(program: str) -> str:
    found = shutil.which(program)
    if found is None:
        raise InputNotFoundError(f"there is no program {program}; give the path of lst-raster by --program")
    return str(Path(found).absolute())
