"""Radiative terms of USGS Level-2 products compared with simulations and models: the tables of docs/science/level2.md.

python -m examples.studies.level2 report LC08_L2SP_098084_20210503_20210508_02_T1/

With `--simulated SET`, written by `lst-raster simulate` for the sensor band of the products, the products are instead
compared with the nearest atmospheres of that set, and the tables are printed.
"""

import argparse
from pathlib import Path

from examples.studies.level2 import neighbours, retrieval
from examples.studies.level2.report import write
from examples.studies.level2.simulated_atmosphere import SHAPES
from examples.studies.level2.study import run


def main() -> None:
    """Write tables and maps, and print their paths."""
    parser = argparse.ArgumentParser(
        prog="python -m examples.studies.level2", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("folder", type=Path, help="folder of tables and maps")
    parser.add_argument("products", type=Path, nargs="+", help="Level-2 products, as `retrieve --level-2` reads them")
    parser.add_argument("--elevation", type=float, default=0.0, metavar="M", help="surface elevation [m]")
    parser.add_argument("--shapes", type=int, default=SHAPES, metavar="N", help="profiles tried for each product")
    parser.add_argument("--simulated", type=Path, metavar="SET", help="print the tables of nearest atmospheres instead")
    options = parser.parse_args()
    if options.simulated is not None:
        neighbours.main(options.simulated, options.products)
        return
    options.folder.mkdir(parents=True, exist_ok=True)
    studies = run(options.products, elevation=options.elevation, shapes=options.shapes)
    for path in [*write(studies, options.folder), *retrieval.write(options.products, studies, options.folder)]:
        print(path)


if __name__ == "__main__":
    main()
