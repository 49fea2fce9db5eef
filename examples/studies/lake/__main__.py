"""Error budget of the temperature of Lake Sunapee: the tables and figures of docs/science/lake.md.

python -m examples.studies.lake lake_sunapee_l7.csv docs/science/lake_sunapee

The figures need matplotlib (the extra `plot`).
"""

import argparse
from pathlib import Path

from examples.studies.lake.budget import run
from examples.studies.lake.draw import draw
from examples.studies.lake.table import read_lake
from examples.studies.lake.write import write


def main() -> None:
    """Write tables and figures, and print their paths."""
    parser = argparse.ArgumentParser(prog="python -m examples.studies.lake", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("table", type=Path, help="table of match-ups (CSV)")
    parser.add_argument("folder", type=Path, help="folder of tables and figures")
    asked = parser.parse_args()
    asked.folder.mkdir(parents=True, exist_ok=True)
    budget = run(asked.table)
    for path in (*write(budget, asked.folder), *draw(budget, read_lake(asked.table), asked.folder)):
        print(path)


if __name__ == "__main__":
    main()
