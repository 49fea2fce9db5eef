"""Draw correlated errors over simulated scenes and compare them with the stated uncertainties of means.

    python -m examples.studies.uncertainty FOLDER --side 6000 --draws 2000

writes the simulated scenes and their products to FOLDER and prints, for means over areas on one date and over ten
dates, the uncertainty that `lst-raster zones` and `series` state, the standard deviation of the drawn errors, the
fraction of them within the stated uncertainty, and that of uncertainties divided by the root of the number of pixels.
"""

from __future__ import annotations

import argparse
import json
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import lst_raster
from examples.studies.uncertainty.draws import Errors, draw_errors, read_pixels
from examples.studies.uncertainty.scenes import DATES, EMISSIVITY, areas, simulate


@dataclass(frozen=True, kw_only=True, slots=True)
class Result:
    """Stated and drawn uncertainty of a mean."""

    area: str
    dates: int
    stated: float  # [K]
    drawn: float  # standard deviation of the drawn errors [K]
    within: float  # fraction of them within the stated uncertainty [1]
    naive_within: float  # likewise, for the root mean square of the pixels' uncertainties over the root of their number


def run(folder: Path, side: int, draws: int, dates: int = len(DATES), seed: int = 1) -> list[Result]:
    """Simulate, retrieve, state and draw."""
    places, chosen = areas(side), DATES[:dates]
    products = simulate(folder, side, chosen)
    features = [
        {"type": "Feature", "properties": {"name": area.name}, "geometry": area.polygon} for area in places
    ]  # fmt: skip
    crs = {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::32616"}}
    zones = folder / "areas.geojson"
    zones.write_text(json.dumps({"type": "FeatureCollection", "crs": crs, "features": features}), encoding="utf-8")
    one = lst_raster.zones(products[0], zones).table.set_index("zone")
    many = lst_raster.series(products, zones=zones).summary.set_index("zone")
    scenes = [next(folder.glob(f"*_{date.day}_*_B10.TIF")) for date in chosen]
    pixels = [read_pixels(scene, date, EMISSIVITY, places) for scene, date in zip(scenes, chosen, strict=True)]
    bounds = np.cumsum([0, *(area.rows.size for area in places)])
    means = np.concatenate(
        [
            np.add.reduceat(batch, bounds[:-1], axis=2) / np.diff(bounds)
            for batch in draw_errors(pixels, Errors(places, seed), draws)
        ],
        axis=1,
    )  # (date, draw, area)
    results = []
    for number, area in enumerate(places):
        for count, errors, stated in (
            (1, means[0, :, number], float(one.loc[area.name, "uncertainty"])),
            (dates, means[:, :, number].mean(axis=0), float(many.loc[area.name, "uncertainty"])),
        ):
            single = float(one.loc["1 pixel", "uncertainty"])
            naive = single / math.sqrt(area.rows.size * count)
            results.append(Result(
                area=area.name, dates=count, stated=stated, drawn=float(errors.std()),
                within=float(np.mean(np.abs(errors) <= stated)), naive_within=float(np.mean(np.abs(errors) <= naive)),
            ))  # fmt: skip
    return results


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--side", type=int, default=6000, help="rows and columns of the scenes")
    parser.add_argument("--draws", type=int, default=2000)
    parser.add_argument("--dates", type=int, default=len(DATES))
    values = parser.parse_args()
    values.folder.mkdir(parents=True, exist_ok=True)
    print("| mean over | dates | stated [K] | drawn [K] | within stated [%] | within sigma / sqrt(n) [%] |")
    print("|---|---|---|---|---|---|")
    for one in run(values.folder, values.side, values.draws, values.dates):
        print(
            f"| {one.area} | {one.dates} | {one.stated:.3f} | {one.drawn:.3f} | {100 * one.within:.1f} | "
            f"{100 * one.naive_within:.1f} |"
        )


if __name__ == "__main__":
    main()
