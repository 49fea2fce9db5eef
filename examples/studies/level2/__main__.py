"""Radiative terms of USGS Level-2 products compared with simulations and models: the tables of docs/science/level2.md.

python -m examples.studies.level2 report LC08_L2SP_098084_20210503_20210508_02_T1/

With `--simulated SET`, made by `lst-raster simulate` for the products' sensor band, the products are compared with the
nearest atmospheres of that set instead, and the tables are printed.
"""

import argparse
from pathlib import Path

from examples.studies.level2 import neighbours
from examples.studies.level2.report import write
from examples.studies.level2.study import SHAPES, run


def main() -> None:
    """Write tables and maps, and print their paths."""
    parser = argparse.ArgumentParser(
        prog="python -m examples.studies.level2", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("folder", type=Path, help="folder of tables and maps")
    parser.add_argument("products", type=Path, nargs="+", help="Level-2 products, as `retrieve --level-2` reads them")
    parser.add_argument("--elevation", type=float, default=0.0, metavar="M", help="height of the ground [m]")
    parser.add_argument("--shapes", type=int, default=SHAPES, metavar="N", help="profiles tried for each product")
    parser.add_argument("--simulated", type=Path, metavar="SET", help="print the tables of nearest atmospheres instead")
    asked = parser.parse_args()
    if asked.simulated is not None:
        neighbours.main(asked.simulated, asked.products)
        return
    asked.folder.mkdir(parents=True, exist_ok=True)
    for path in write(run(asked.products, elevation=asked.elevation, shapes=asked.shapes), asked.folder):
        print(path)


if __name__ == "__main__":
    main()
