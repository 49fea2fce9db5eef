"""`lst-raster fetch-reanalysis`."""

from __future__ import annotations

from typing import Any

import click

from lst_raster.cli import messages, options
from lst_raster.cli.command import Command, show
from lst_raster.inputs.reanalysis.products import SERVERS


@click.command("fetch-reanalysis", cls=Command)
@click.argument("scene", shell_complete=options.files)
@click.option("--source", type=click.Choice(list(SERVERS)), default="era5", show_default=True,
    help="; ".join(f"{name}: {server.title}" for name, server in SERVERS.items()) + ".")  # fmt: skip
@click.option("--levels", is_flag=True, help="Also temperature and humidity on pressure levels.")
@click.option("-o", "--output", default=".", show_default=True, metavar="DIR", help="Folder of the files.")
@click.option("--server", metavar="URL", help="Another server with the same protocol.")
@click.option("--dry-run", is_flag=True, help="Write the request, and print a script that sends it; access no server.")
@options.band
@options.date
@options.sensor
@options.overwrite
@click.option("-q", "--quiet", is_flag=True, help="Print nothing while waiting.")
@options.as_json
def fetch_reanalysis(
    scene: str, output: str, band: str | None, date: str | None, sensor: str | None, quiet: bool, as_json: bool,
    **values: Any,
) -> None:  # fmt: skip
    r"""Download the reanalysis for SCENE: the two time steps and the grid cells around it.

    The request is always written to SCENE_SOURCE_request.json. The paths of the files are printed; pass each to
    retrieve with --reanalysis.

    Examples
    --------
    lst-raster fetch-reanalysis LC08_alabama_B10.tif \
      --date 2015-01-17T16:20 --dry-run
    # from a public cloud, without an account
    lst-raster fetch-reanalysis LC08_L1TP_PRODUCT --source era5-arco --levels
    """
    from lst_raster.inputs.reanalysis.fetch.run import fetch_reanalysis as run
    from lst_raster.io.open_scene import open_scene

    opened = open_scene(scene, band=band, sensor=sensor, date=date)
    fetched = run(opened, folder=output, say=None if quiet else messages.say, **values)
    script = {"script": fetched.plan.script} if values["dry_run"] else {}
    show({"request": fetched.request, "files": fetched.files, **script}, script.values() or fetched.files, as_json)
