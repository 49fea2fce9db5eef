"""`lst-raster check`."""

from __future__ import annotations

from dataclasses import asdict

import click

from lst_raster.cli import options
from lst_raster.cli.command import Command, show
from lst_raster.cli.messages import coloured

_WIDTH = 12  # column of the names


@click.command("check", cls=Command)
@click.argument("product", shell_complete=options.files)
@click.option("--ceos-ard", is_flag=True, help="List the status of all CEOS-ARD Surface Temperature 5.0 requirements.")
@options.as_json
def check(product: str, ceos_ard: bool, as_json: bool) -> int:
    """Check PRODUCT: its files, checksums, layout, metadata and pixels.

    PRODUCT is the temperature, SCENE_LST.tif, or its STAC item, SCENE_LST.json. The output has one line for each check,
    and the exit code is 1 if one of them failed. With --ceos-ard it has one entry for each requirement instead, and the
    exit code is 0, since some requirements do not depend on the product.

    Examples
    --------
    lst-raster check LC08_alabama_LST.tif
    lst-raster check LC08_alabama_LST.tif --ceos-ard
    """
    from lst_raster.product.ceos_ard import assess, report_lines
    from lst_raster.product.check import check_product

    if ceos_ard:
        points = assess(product)
        show([asdict(point) for point in points], report_lines(points), as_json)
        return 0
    findings = check_product(product)
    text = (f"{finding.outcome:8}{finding.name:{_WIDTH}}{finding.text}" for finding in findings)
    show([asdict(finding) for finding in findings], map(coloured, text), as_json)
    return int(any(finding.outcome == "failed" for finding in findings))
