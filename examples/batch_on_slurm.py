"""Retrieve a list of scenes on a Slurm cluster.

python examples/batch_on_slurm.py LIST OUT [--jobs N] [--queue NAME] [--show]

Needs the extra `dask` and the package dask-jobqueue. List, scenes and OUT must be on a file system that all nodes see.
"""

import argparse

from dask.distributed import Client
from dask_jobqueue import SLURMCluster

import lst_raster


def cluster_of(queue: str) -> SLURMCluster:
    """Jobs of eight workers, each with one thread and 2 GB of memory."""
    return SLURMCluster(queue=queue, cores=8, processes=8, memory="16GB", walltime="04:00:00")


def main() -> None:
    """Read the command line, and work."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("list")
    parser.add_argument("out")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--queue", default="normal")
    parser.add_argument("--show", action="store_true", help="print the job's script, and do nothing")
    options = parser.parse_args()
    with cluster_of(options.queue) as cluster:
        if options.show:
            print(cluster.job_script())
            return
        cluster.scale(jobs=options.jobs)
        with Client(cluster) as client:
            results = lst_raster.retrieve_many(options.list, out=options.out, client=client)
    failed = [result for result in results if result.error is not None]
    print(f"{len(results) - len(failed)} products in {options.out}")
    for result in failed:
        print(f"{result.scene.name}: {result.error}")


if __name__ == "__main__":
    main()
