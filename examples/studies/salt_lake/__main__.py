"""Temperature of the Great Salt Lake compared with that of the USGS: the figures of docs/science/great_salt_lake.md.

python -m examples.studies.salt_lake great_salt_lake_usgs_terms.csv.gz docs/science/great_salt_lake

Takes seconds; the chart needs matplotlib (the extra `plot`).
"""

import argparse
from pathlib import Path

from examples.studies.salt_lake.report import write
from examples.studies.salt_lake.study import run
from examples.studies.salt_lake.table import read_overpasses


def main() -> None:
    """Write tables and chart, and print their paths."""
    description = (__doc__ or "").split("\n")[0]
    parser = argparse.ArgumentParser(prog="python -m examples.studies.salt_lake", description=description)
    parser.add_argument("table", type=Path, help="table of overpasses (CSV, gzip)")
    parser.add_argument("folder", type=Path, help="folder of tables and chart")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    for path in write(run(read_overpasses(options.table)), options.folder):
        print(path)


if __name__ == "__main__":
    main()
