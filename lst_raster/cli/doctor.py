"""``lst-raster doctor``: whether the installation is in order."""

from __future__ import annotations

import json
from dataclasses import asdict

import click


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Write JSON instead of lines.")
@click.pass_context
def doctor(context: click.Context, as_json: bool) -> None:
    """Look at the installation: versions, GDAL and PROJ, models, folders, extras; say what is wrong and its mend.

    The exit code is 1 where something is wrong; extras that are missing are no fault.
    """
    from lst_raster.cli.installation import look
    from lst_raster.cli.progress import hushed_libraries

    with hushed_libraries():  # PROJ tells of a missing database by itself, too
        found = look()
    if as_json:
        click.echo(json.dumps([asdict(finding) for finding in found], indent=2))
    else:
        for finding in found:
            click.echo(f"{finding.level:5}  {finding.text}{f'; {finding.mend}' if finding.mend else ''}")
    wrong = sum(finding.level == "wrong" for finding in found)
    if not as_json:
        click.echo(f"{wrong} of {len(found)} are wrong" if wrong else "all is well")
    context.exit(1 if wrong else 0)
