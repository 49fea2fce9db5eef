"""Retrieve a list of scenes on a dask cluster.

python examples/04_scene_list_with_dask.py

The table has the example scene twice, with the emissivity of dry ground and of water, and a missing scene. The
cluster has two local workers; any other `Client` can be used. Needs `pip install 'lst-raster[dask]'`.
Products and report are written to the folder `lst`.
"""

from pathlib import Path

from dask.distributed import Client, LocalCluster

import lst_raster

SCENE = Path(__file__).parent / "data" / "LC08_alabama_B10.tif"
TABLE = f"""scene,name,emissivity,water_vapour
{SCENE.resolve()},dry ground,0.96,12mm
{SCENE.resolve()},water,0.99,12mm
nothing_B10.tif,missing,,
"""


def main() -> None:
    """Write the table, retrieve its scenes, and print the results."""
    Path("lst").mkdir(exist_ok=True)
    Path("list.csv").write_text(TABLE)
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster, Client(cluster) as client:
        results = lst_raster.retrieve_many("list.csv", out="lst", client=client)
    for result in results:
        if result.error is None:
            print(f"{result.scene.name}: {result.mean:.2f} K, {result.product.path.name}")
        else:
            print(f"{result.scene.name}: {result.error}")


if __name__ == "__main__":  # workers import this file
    main()
