"""Retrieval error from spectrally varying emissivity: the tables and figures of docs/science/spectral_emissivity.md.

python -m examples.studies.spectra report

Takes ten seconds.
"""

import argparse
from pathlib import Path

from examples.studies.spectra.report import write
from examples.studies.spectra.study import PER_CLASS, run


def main() -> None:
    """Write tables and figures, and print their paths."""
    parser = argparse.ArgumentParser(
        prog="python -m examples.studies.spectra", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("folder", type=Path, help="folder of tables and figures")
    parser.add_argument(
        "--per-class", type=int, default=PER_CLASS, metavar="N", help="profiles in each class of water vapour"
    )
    asked = parser.parse_args()
    asked.folder.mkdir(parents=True, exist_ok=True)
    for path in write(run(per_class=asked.per_class), asked.folder):
        print(path)


if __name__ == "__main__":
    main()
