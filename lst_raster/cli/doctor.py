"""``lst-raster doctor``: whether the installation is in order."""

from __future__ import annotations

from dataclasses import asdict

import click

from lst_raster.cli import options
from lst_raster.cli.colours import coloured
from lst_raster.cli.helping import Command
from lst_raster.cli.results import show


@click.command(
    "doctor",
    cls=Command,
    examples="""
    lst-raster doctor
    lst-raster doctor --json
""",
)
@options.as_json
@click.pass_context
def doctor(context: click.Context, as_json: bool) -> None:
    """Look at the installation: versions, GDAL and PROJ, models, folders, extras; say what is wrong and its mend.

    The exit code is 1 where something is wrong; extras that are missing are no fault.
    """
    from lst_raster.cli.installation import look
    from lst_raster.cli.progress import hushed_libraries

    with hushed_libraries():  # PROJ tells of a missing database by itself, too
        found = look()
    lines = [f"{finding.level:5}  {finding.text}{f'; {finding.mend}' if finding.mend else ''}" for finding in found]
    wrong = sum(finding.level == "wrong" for finding in found)
    end = f"{wrong} of {len(found)} are wrong" if wrong else "all is well"
    show([asdict(finding) for finding in found], map(coloured, [*lines, end]), as_json)
    context.exit(1 if wrong else 0)
