"""Compare products of two installations from the same scenes bit by bit.

    python -m tests.benchmarks.same_products OLD_PYTHON NEW_PYTHON [--megapixels 59]

Each interpreter has one installation. Scenes: the example, the Marburg scenes of Landsat 7 and 8 (if the shared data
are available), and that of the speed benchmark. Temperature and uncertainty must be bit-identical; quality bands are
compared field by field, as described in the STAC items, so that their layout may differ.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import rasterio

from tests.benchmarks.benchmark_scene import STEM, make_benchmark_scene, shape_of
from tests.support.shared import SHARED

EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "data"
MARBURG = SHARED / "data" / "landsat" / "c1_marburg"
RETRIEVE = ("-P", "-c", "from lst_raster.cli.main import main; main()", "retrieve", "--quiet", "--overwrite")
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
"""Without `PYTHONPATH`, and with `-P`, so that an interpreter imports its installation and not this checkout."""
_ATMOSPHERE = ("--water-vapour", "29", "--air-temperature", "294", "--surface-pressure", "1000")


def cases(folder, megapixels):
    """Yield name and options of each case."""
    example = EXAMPLES / "LC08_alabama_B10.tif"
    yield "example, nothing given", (example,)
    yield "example, numbers", (example, "--emissivity", "0.98", *_ATMOSPHERE)
    yield "example, exact, uint16", (example, "--exact", "--dtype", "uint16", *_ATMOSPHERE)
    for metadata in sorted(MARBURG.rglob("*_MTL.txt")):
        name = metadata.name.removesuffix("_MTL.txt")
        yield f"{name}, nothing given", (metadata,)
        yield f"{name}, numbers", (metadata, "--emissivity", "0.97", *_ATMOSPHERE)
    scene = make_benchmark_scene(folder / "benchmark_scene", shape_of(megapixels)) / f"{STEM}_B10.TIF"
    given = scene.parent
    yield "benchmark scene, ndvi", (scene, "--emissivity", "ndvi", *_ATMOSPHERE)
    real = ("--reanalysis", given / "era5.nc", "--dem", given / "dem.tif")
    yield "benchmark scene, ndvi, reanalysis and DEM", (scene, "--emissivity", "ndvi", *real)
    yield "benchmark scene, emissivity raster, uint16", (
        scene, "--emissivity", given / "emissivity.tif", "--dtype", "uint16", *_ATMOSPHERE,
    )  # fmt: skip


def made_by(python, options, folder):
    """Write a product; returns its values by role, or the error message."""
    folder.mkdir()
    command = [python, *RETRIEVE, *options, "-o", folder / "x_LST.tif"]
    ended = subprocess.run([str(part) for part in command], capture_output=True, text=True, env=ENVIRONMENT)
    if ended.returncode:
        return {"error": ended.stderr.splitlines()[-1]}
    values = {}
    for role, name in (("temperature", "x_LST.tif"), ("uncertainty", "x_LST_UNC.tif")):
        if (folder / name).exists():
            with rasterio.open(folder / name) as dataset:
                values[role] = dataset.read(1)
    with rasterio.open(folder / "x_LST_QA.tif") as dataset:
        bits = dataset.read(1)
    item = json.loads((folder / "x_LST.json").read_text())
    (asset,) = (one for one in item["assets"].values() if one["href"].endswith("_QA.tif"))
    for field in described(asset):
        values[field["name"]] = (bits >> field["offset"]) & ((1 << field["length"]) - 1)
    return values


def described(asset):
    """Fields of the quality band, from the STAC item."""
    bands = asset.get("bands") or [asset]
    return asset.get("classification:bitfields") or bands[0]["classification:bitfields"]


def differences(old, new):
    """Names of the differing rasters and fields."""
    if old.keys() != new.keys():
        return sorted(old.keys() ^ new.keys())
    return [name for name in old if not same(old[name], new[name])]


def same(old, new):
    """Whether two arrays or messages are identical."""
    if isinstance(old, str):
        return old == new
    equal_nan = old.dtype.kind == "f"
    return np.array_equal(old, new, equal_nan=equal_nan)


def main():
    """Compare all cases; the exit code is 1 if any differs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("old", help="Python interpreter of the first installation")
    parser.add_argument("new", help="Python interpreter of the second installation")
    parser.add_argument("--megapixels", type=float, default=59.0, help="size of the scene of the speed benchmark")
    options = parser.parse_args()
    failed = 0
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for number, (name, arguments) in enumerate(cases(folder, options.megapixels)):
            old, new = (made_by(one, arguments, folder / f"{number}{two}") for one, two in
                        ((options.old, "old"), (options.new, "new")))  # fmt: skip
            found = differences(old, new)
            failed += bool(found)
            pixels = old["temperature"].size if "temperature" in old else old["error"]
            sys.stdout.write(f"{name}: {'differs in ' + ', '.join(found) if found else 'equal'} ({pixels} pixels)\n")
            sys.stdout.flush()
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
