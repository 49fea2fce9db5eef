"""Zones and series in a real QGIS: the tables of the command line."""

import geopandas
import pytest

from tests.support.areas import area_product, blob, polygon_at, write_places
from tests.support.composites import grid_at
from tests.support.qgis_home import Home, qgis_process


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """QGIS with the plugin in it."""
    qgis_process()
    return Home.made(tmp_path_factory.mktemp("qgis"))


@pytest.fixture(scope="module")
def done(home, tmp_path_factory):
    """Results of a session of PyQGIS, and its folder."""
    folder = tmp_path_factory.mktemp("areas")
    products = [str(area_product(folder / "in", f"p{n}", seed=n, date=f"2015-0{n + 1}-01")[0]) for n in range(2)]
    grid = grid_at((60, 80))
    polygons = [polygon_at(grid, blob((25 + 20 * n, 30), 12, n)) for n in range(3)]
    zones = str(write_places(folder / "places.gpkg", polygons))
    points = str(write_places(folder / "points.gpkg", [one.centroid for one in polygons]))
    for name in ("zones", "filtered"):
        geopandas.GeoDataFrame({"name": [name]}, geometry=polygons[:1], crs=32616).to_file(
            folder / "layers.gpkg", layer=name
        )
    home.command("zones", *products, zones, "-o", folder / "zones.csv", "--percentile", "90", "--reference", "z1")
    home.command("series", *products, "--points", points, "-o", folder / "series.csv")
    common = {"PRODUCTS": products}
    jobs = {
        "zones": {
            "do": "run", "algorithm": "zones",
            "values": {
                **common, "ZONES": zones, "PERCENTILE": "90", "REFERENCE": "z1", "OUTPUT": str(folder / "q_zones.csv"),
            },
        },
        "layer": {
            "do": "run", "algorithm": "zones",
            "values": {
                **common, "ZONES": f"{folder / 'layers.gpkg'}|layername=zones", "OUTPUT": str(folder / "l.gpkg"),
            },
        },
        "series": {
            "do": "run", "algorithm": "series",
            "values": {
                **common, "POINTS": points, "OUTPUT": str(folder / "q_series.csv"),
                "SUMMARY": str(folder / "q_summary.gpkg"), "PLOT": str(folder / "q.png"),
            },
        },
        "filtered": {
            "do": "run", "algorithm": "zones",
            "values": {
                **common, "ZONES": f"{folder / 'layers.gpkg'}|layername=zones|subset=\"name\" = 'zones'",
                "OUTPUT": str(folder / "f.csv"),
            },
        },
        "both": {
            "do": "run", "algorithm": "series",
            "values": {**common, "POINTS": points, "ZONES": zones, "OUTPUT": str(folder / "b.csv")},
        },
    }  # fmt: skip
    return folder, home.session(jobs)


def test_tables_are_those_of_the_command_line(done):
    folder, found = done
    for name in ("zones", "series"):
        assert found[name]["well"], found[name]["said"]
        assert (folder / f"q_{name}.csv").read_bytes() == (folder / f"{name}.csv").read_bytes()
    assert set(found["series"]["results"]) == {"OUTPUT", "SUMMARY", "PLOT"}
    summary = geopandas.read_file(folder / "q_summary.gpkg")
    assert summary["point"].tolist() == ["z0", "z1", "z2"] and (folder / "q.png").stat().st_size > 5000


def test_a_layer_of_several_is_read(done):
    assert done[1]["layer"]["well"], done[1]["layer"]["said"]
    assert geopandas.read_file(done[0] / "l.gpkg")["zone"].tolist() == ["zones"] * 2


def test_a_filtered_layer_and_two_kinds_of_places_are_errors(done):
    folder, found = done
    for name, words in (("filtered", "save its features"), ("both", "not several")):
        assert not found[name]["well"]
        assert any(words in text for _, text in found[name]["said"]), found[name]["said"]
    assert not (folder / "f.csv").exists() and not (folder / "b.csv").exists()
