"""Retrieve a list of scenes on two workers, and say how each went.

python examples/scene_list.py OUT

The list is a table: the example scene twice, over dry ground and over water, and a scene that is not there.
"""

import sys
from pathlib import Path

import lst_raster

SCENE = Path(__file__).parent / "data" / "LC08_alabama_B10.tif"
TABLE = f"""scene,name,emissivity,water_vapour
{SCENE},dry ground,0.96,12mm
{SCENE},water,0.99,12mm
nothing_B10.tif,missing,,
"""


def main(out: Path) -> None:
    """Write the list, retrieve its scenes, and print a line for each."""
    out.mkdir(parents=True, exist_ok=True)
    (out / "list.csv").write_text(TABLE)
    for result in lst_raster.retrieve_many(out / "list.csv", out=out, workers=2):
        if result.error is None:
            print(f"{result.scene.name}: {result.mean:.2f} K, {result.product.path.name}")
        else:
            print(f"{result.scene.name}: {result.error}")


if __name__ == "__main__":  # workers import this file
    main(Path(sys.argv[1]))
