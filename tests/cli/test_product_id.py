"""From a product identifier to a map: `retrieve`, `batch` and `info` with a local service."""

import json
from pathlib import Path

import numpy as np
import pytest
import rasterio

import lst_raster
from lst_raster.errors import InputError
from lst_raster.io import stac_services
from lst_raster.io.grid import Box, Grid
from tests.support.landsat_service import landsat_service, short
from tests.support.shared import shared_path

SMALL = "LC08_L2SP_098084_20210503_20210508_02_T1"
LARGE = "LC08_L2SP_017036_20130419_20200913_02_T2"
BOXES = {SMALL: "137.2,-34.6,137.9,-34", LARGE: "-83.6,34.2,-83,34.6"}
EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "data" / "LC08_alabama_B10.tif"


def folder_of(product):
    return shared_path("data", "landsat", SMALL if product == SMALL else "l8_l2sp_017036")


@pytest.fixture(scope="module")
def service():
    with landsat_service(folder_of(SMALL), folder_of(LARGE)) as running:
        yield running


@pytest.fixture(autouse=True)
def _here(service, tmp_path, monkeypatch):
    service.requests.clear()
    stac_services._TOKENS.clear()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LST_RASTER_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("LST_RASTER_PLANETARY_COMPUTER", service.base)
    monkeypatch.setenv("LST_RASTER_LANDSATLOOK", f"{service.base}/usgs")


def same_files(a, b, product):
    """Whether two products have the same rasters, byte for byte."""
    names = [f"{product}_LST{end}" for end in (".tif", "_UNC.tif", "_QA.tif")]
    return all((Path(a) / name).read_bytes() == (Path(b) / name).read_bytes() for name in names)


@pytest.mark.slow
@pytest.mark.parametrize("product", [SMALL, LARGE])
@pytest.mark.parametrize("is_part", [False, True], ids=["whole", "box"])
def test_the_product_of_an_identifier_is_that_of_the_bundle_on_disk(product, is_part, service, command):
    options = ["--keep-clouds", *(["--bbox", BOXES[product]] if is_part else [])]
    code, out, _ = command("retrieve", product, "-o", "of_id", *options)
    assert (code, out) == (0, [f"of_id/{product}_LST.tif"])
    assert command("retrieve", folder_of(product), "-o", "of_folder", *options)[0] == 0
    assert same_files("of_id", "of_folder", product)
    ours = service.sent()
    with rasterio.open(folder_of(product) / f"{product}_ST_TRAD.TIF") as source:
        window = Grid.of(source).window_over(Box.parse(BOXES[product]), "scene") if is_part else None
        top, bottom = (window.row_off, window.row_off + window.height) if is_part else (0, source.height)
        rows, line = source.block_shapes[0][0], source.width * 2
    strips = (-(-bottom // rows) - top // rows) * rows * line  # of one file: 16 bits, stored without compression
    copies = list(Path("cache").rglob("*.TIF"))
    metadata = (folder_of(product) / f"{product}_MTL.txt").stat().st_size
    if product == LARGE:
        assert ours <= 1.3 * (strips * len(copies) + metadata)
    else:  # 7 kB of pixels in 60 lines, of which the directory of the file is a part
        assert ours <= 1.3 * (sum((folder_of(product) / path.name).stat().st_size for path in copies) + metadata)


@pytest.mark.slow
def test_a_repeated_run_needs_no_server_and_keeps_the_product(service, command):
    assert command("retrieve", SMALL, "-o", "out")[0] == 0
    service.requests.clear()
    code, _, err = command("retrieve", SMALL, "-o", "out")
    assert code == 0 and "has the same inputs: it is kept" in err[0]
    assert not service.requests


def test_a_download_is_announced_with_its_source(command):
    _, _, err = command("retrieve", SMALL, "-o", "out", "--bbox", BOXES[SMALL], "--emissivity", "0.97")
    assert err[0] == (
        f"Downloading 4 files of {SMALL} from Microsoft Planetary Computer (no account), only the box "
        "137.2,-34.6,137.9,-34"
    )


def test_info_describes_an_identifier_without_its_files(service, command):
    code, out, _ = command("info", SMALL, "--json")
    found = json.loads("\n".join(out))
    assert code == 0
    assert (found["kind"], found["name"]) == ("item", short(SMALL))
    assert {"trad", "qa_pixel"} <= set(found["assets"])
    assert service.sent() == 0


def test_an_unknown_identifier_names_the_services(command):
    code, _, err = command("retrieve", SMALL.replace("20210503", "20990101"))
    assert code == 1 and "in any service (planetary-computer: no such product; usgs: no such product)" in err[-1]


@pytest.mark.slow
def test_a_batch_takes_identifiers(service, command):
    Path("ids.txt").write_text(f"{SMALL}\n{LARGE}\n")
    code, out, _ = command("batch", "ids.txt", "-o", "plan", "--dry-run")
    assert code == 0 and service.sent() == 0
    assert f"{SMALL} -> plan/{SMALL}_LST.tif: to download, 2021-05-03, new" in out
    assert command("batch", "ids.txt", "-o", "out", "--keep-clouds")[0] == 0
    command("retrieve", folder_of(LARGE), "-o", "one", "--keep-clouds")
    assert same_files("out", "one", LARGE)


@pytest.mark.slow
@pytest.mark.parametrize("workers", [(), ("--workers", "2")])
def test_a_batch_searches_a_service_by_its_name(workers, service, command):
    arguments = ("--search", "planetary-computer", "--datetime", "2013/2021", "-o", "out", "--keep-clouds")
    assert command("batch", *arguments, *workers)[0] == 0
    assert service.searches[-1]["collections"] == ["landsat-c2-l2"]
    assert {path.name for path in Path("out").glob("*_LST.tif")} == {f"{SMALL}_LST.tif", f"{LARGE}_LST.tif"}


def test_a_search_in_a_box_retrieves_the_box(service, command):
    code, _, _ = command("batch", "--search", "planetary-computer", "--bbox", BOXES[SMALL], "-o", "out")
    assert code == 1  # the local service does not select by the box, and the other scene is outside it
    assert service.searches[-1]["bbox"] == [137.2, -34.6, 137.9, -34.0]
    with rasterio.open(f"out/{SMALL}_LST.tif") as dataset:
        assert dataset.width < 20


@pytest.mark.parametrize("bbox", ["-86.9,30.7,-86.8,30.75", (-86.9, 30.7, -86.8, 30.75)])
def test_a_box_of_a_scene_on_disk(bbox):
    with rasterio.open(EXAMPLE) as source:
        extent = Grid.of(source)
        latitude, longitude = extent.degrees(np.array([100, 250]), np.array([50, 300]))
    west, east = sorted(longitude)
    south, north = sorted(latitude)
    bbox = f"{west},{south},{east},{north}" if isinstance(bbox, str) else (west, south, east, north)
    given = {"water_vapour": 20.0, "air_temperature": 288.0, "surface_pressure": 1000.0, "emissivity": 0.97}
    whole = lst_raster.retrieve(EXAMPLE, output="whole", **given)
    part = lst_raster.retrieve(EXAMPLE, output="part", bbox=bbox, **given)
    with rasterio.open(whole.path) as all_of_it, rasterio.open(part.path) as cut:
        window = Grid.of(all_of_it).window_over(Box.parse(bbox), "scene")
        assert (cut.width, cut.height) == (window.width, window.height)
        difference = cut.read(1) - all_of_it.read(1, window=window)
    assert np.nanmax(np.abs(difference)) < 0.1  # another neighbourhood


def test_a_box_of_an_open_scene_is_an_error():
    with pytest.raises(InputError, match="open already"):
        lst_raster.retrieve(lst_raster.Scene.open(EXAMPLE), bbox="1,2,3,4")


@pytest.mark.parametrize(
    ("box", "message"),
    [
        ("8.4,49.3,8.8,49.5", "and nothing of the box 8.4,49.3,8.8,49.5"),
        ("8.4,49.3,8.8", "is not WEST,SOUTH,EAST,NORTH"),
        ("30,-87,31,-86", "covers"),
    ],
)
def test_a_wrong_box_is_explained(box, message, command):
    code, _, err = command("retrieve", EXAMPLE, "--bbox", box)
    assert code == 1 and message in err[-1]
    assert not list(Path().glob("*.tif"))
