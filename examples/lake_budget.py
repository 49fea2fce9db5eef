"""Work through the bias over Lake Sunapee, and write the tables and pictures of docs/science/lake.md.

python examples/lake_budget.py lake_sunapee_l7.csv docs/science/lake_sunapee

Takes two minutes on one core; the pictures need matplotlib (the extra `plot`).
"""

import sys
from pathlib import Path

from examples.studies.lake.budget import run
from examples.studies.lake.draw import draw
from examples.studies.lake.table import read_lake
from examples.studies.lake.write import write

if __name__ == "__main__":
    table, folder = Path(sys.argv[1]), Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    found = run(table)
    for path in (*write(found, folder), *draw(found, read_lake(table), folder)):
        print(path)
