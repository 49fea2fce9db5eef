"""`lst-raster check`."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

import click

_WIDTH = 12  # of a name


@click.command()
@click.argument("product")
@click.option("--ceos-ard", is_flag=True, help="Hold PRODUCT against CEOS-ARD Surface Temperature 5.0, point by point.")
@click.option("--json", "as_json", is_flag=True, help="Write JSON instead of lines.")
def check(product: str, ceos_ard: bool, as_json: bool) -> int:
    """Check PRODUCT: its files, checksums, layout, metadata and pixels.

    PRODUCT is the temperature, SCENE_LST.tif, or its STAC item, SCENE_LST.json. One line is written for each check; the
    exit code is 1 if one of them failed. With --ceos-ard one entry is written for each requirement instead, and the
    exit code is 0: it is an account of the product, and not all of it is the product's fault.
    """
    from lst_raster.engine.checking.ceos_ard import assess, lines
    from lst_raster.engine.checking.check import check_product

    if ceos_ard:
        points = assess(product)
        _write([asdict(point) for point in points], lines(points), as_json)
        return 0
    findings = check_product(product)
    text = (f"{finding.outcome:8}{finding.name:{_WIDTH}}{finding.text}" for finding in findings)
    _write([asdict(finding) for finding in findings], text, as_json)
    return int(any(finding.outcome == "failed" for finding in findings))


def _write(found: Any, lines: Iterable[str], as_json: bool) -> None:
    click.echo(json.dumps(found, indent=2, ensure_ascii=False) if as_json else "\n".join(lines))
