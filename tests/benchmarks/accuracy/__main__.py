"""Run the accuracy benchmark: `python -m tests.benchmarks.accuracy --help`."""

from lst_raster.cli.main import main
from tests.benchmarks.accuracy.command import PROGRAM, benchmark

if __name__ == "__main__":
    main(command=benchmark, program=PROGRAM)
