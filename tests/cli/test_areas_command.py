"""`lst-raster zones` and `lst-raster series`, and what their page says."""

import json
import math
import re
import sys
from pathlib import Path

import numpy as np
import pandas
import pytest

import lst_raster
from lst_raster.cli.areas import series, zones
from lst_raster.physics.correlated_errors import (
    CORRELATION_LENGTHS,
    Components,
    components_of_sum,
    independent_samples,
    random_of_mean,
)
from tests.support.areas import area_product, write_districts, write_stations
from tests.support.composites import season
from tests.support.servers import STORE_ENVIRONMENT, object_store

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "zones.md").read_text()


@pytest.fixture
def places(tmp_path):
    """Two products with components, zones and points."""
    for number in range(2):
        area_product(tmp_path / "in", f"p{number}", seed=number, date=f"2015-0{number + 1}-12")
    return tmp_path / "in", write_districts(tmp_path / "districts.gpkg"), write_stations(tmp_path / "stations.csv")


def test_the_commands_write_the_tables_of_python(places, tmp_path, command):
    products, districts, stations = places
    code, out, err = command("zones", products, districts, "-o", tmp_path / "z.csv", "--percentile", "90")
    assert (code, out, err) == (0, [str(tmp_path / "z.csv")], [])
    found = pandas.read_csv(tmp_path / "z.csv")
    wanted = lst_raster.zones(products, districts, percentile=90).table
    np.testing.assert_allclose(found["mean"], wanted["mean"], rtol=1e-6)
    assert found["zone"].tolist() == ["park", "centre", "harbour"] * 2
    files = ("-o", tmp_path / "s.csv", "--summary", tmp_path / "m.csv", "--plot", tmp_path / "p.png")
    code, out, err = command("series", products, "--points", stations, *files, "--from", "2015-02")
    assert (code, out, err) == (0, [str(tmp_path / name) for name in ("s.csv", "m.csv", "p.png")], [])
    assert pandas.read_csv(tmp_path / "s.csv")["date"].tolist() == ["2015-02-12"] * 3


def test_json_has_the_rows_with_null_where_there_is_no_value(places, tmp_path, command):
    products, districts, stations = places
    _, out, _ = command("zones", products, districts, "-o", tmp_path / "z.gpkg", "--reference", "park", "--json")
    made = json.loads("\n".join(out))
    assert len(made["table"]) == 6 and made["table"][0]["difference_uncertainty"] == 0.0
    assert made["products"] == ["p0_LST.tif", "p1_LST.tif"]
    _, out, _ = command("series", products, "--points", stations, "-o", tmp_path / "s.csv", "--json", "-q")
    rows = json.loads("\n".join(out))["table"]
    assert all((row["temperature"] is None) == (row["reason"] is not None) for row in rows)
    assert {row["reason"] for row in rows} == {None, "cloud"}


def test_errors_are_one_line_and_nothing_is_written(places, tmp_path, command):
    products, districts, stations = places
    before = sorted(tmp_path.rglob("*"))
    for arguments, code, words in (
        (("zones", products, districts, "-o", tmp_path / "z.xls"), 1, "should end in .csv"),
        (("zones", products, districts, "-o", tmp_path / "z.csv", "--reference", "lake"), 1, "no zone lake"),
        (("zones", products, tmp_path / "none.gpkg", "-o", tmp_path / "z.csv"), 1, "does not exist"),
        (("zones", products, "-o", tmp_path / "z.csv"), 2, "Missing argument"),
        (("zones", products, districts), 2, "Missing option '-o'"),
        (("series", products, "-o", tmp_path / "s.csv"), 2, "either --points or --zones"),
        (("series", products, "--points", districts, "-o", tmp_path / "s.csv"), 1, "give points"),
        (("series", products, "--points", stations, "-o", tmp_path / "n" / "s.csv", "--max-uncertainty", "0.1"), 1,
            "no temperature at any point"),
    ):  # fmt: skip
        found, out, err = command(*arguments)
        assert (found, out) == (code, []) and any(words in line for line in err), (arguments, err)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_missing_extra_is_named(places, tmp_path, command, monkeypatch):
    products, districts, _ = places
    monkeypatch.setitem(sys.modules, "geopandas", None)
    code, _, err = command("zones", products, districts, "-o", tmp_path / "z.csv")
    assert code == 1 and err[-1].endswith("geopandas is not installed; run: pip install 'lst-raster[zones]'")


@pytest.mark.slow
def test_products_and_tables_may_be_in_a_store(places, tmp_path, command, monkeypatch):
    pytest.importorskip("moto")
    products, districts, stations = places
    for name, value in STORE_ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    with object_store() as store:
        monkeypatch.setenv("AWS_ENDPOINT_URL", store.endpoint)
        store.upload(products, "products", "zones/")  # a prefix that no other test of this process uses
        table = lst_raster.zones("s3://products/zones", districts, output="s3://products/tables/z.csv", threads=2)
        points = lst_raster.series("s3://products/zones", points=stations)
        with pytest.raises(lst_raster.errors.OutputError, match="add --overwrite"):
            lst_raster.zones("s3://products/zones", districts, output="s3://products/tables/z.csv")
    local = lst_raster.zones(products, districts)
    pandas.testing.assert_frame_equal(table.table, local.table)
    assert str(table.path) == "s3://products/tables/z.csv"
    pandas.testing.assert_frame_equal(points.table, lst_raster.series(products, points=stations).table)


def test_estimated_components_are_a_warning(tmp_path, command):
    season(tmp_path / "in", shape=(20, 30), number=1)
    districts = write_districts(tmp_path / "districts.gpkg")
    code, _, err = command("zones", tmp_path / "in", districts, "-o", tmp_path / "z.csv")
    assert code == 0 and len(err) == 1 and err[0].startswith("Warning: the components of the uncertainty of LC08_01")


def test_the_page_names_every_option_and_column(places):
    products, districts, stations = places
    listed = set(re.findall(r"--[a-z-]+", PAGE)) | {"--overwrite", "--quiet", "--output", "--json"}
    options = [option for one in (zones, series) for param in one.params for option in getattr(param, "opts", [])]
    assert {option for option in options if option.startswith("--")} <= listed
    columns = {*lst_raster.zones(products, districts, reference="park").table}
    made = lst_raster.series(products, points=stations)
    columns |= {*made.table, *made.summary} - {"geometry"}
    named = set(re.findall(r"`(\w+)`", PAGE))
    parts = {f"{prefix}uncertainty_{part}" for part in Components._fields for prefix in ("", "difference_")}
    assert columns - parts - {"geometry"} <= named


def test_the_uncertainties_of_squares_on_the_page_are_those_of_the_formulas():
    table = PAGE.split("<!-- uncertainties of squares -->")[1].split("<!-- end -->")[0]
    rows = [
        [float(cell.replace(",", "")) for cell in line.strip("| ").split(" | ")]
        for line in table.splitlines()[3:]
        if line
    ]
    sigma = Components(0.08, 0.8, 0.5, 0.15)
    for pixels, *stated in rows:
        cells = min(round(math.sqrt(pixels)), 50)
        weights, side = np.full((cells, cells), 1.0 / cells**2), 30.0 * math.sqrt(pixels) / cells
        components = Components(*(np.full((cells, cells), part) for part in sigma))
        random = random_of_mean(components, weights, independent_samples(pixels, 900.0, 100.0))
        found = components_of_sum(components, weights, (side, side), random)
        naive = float(sigma.combined()) / math.sqrt(pixels)
        np.testing.assert_allclose([*found, found.combined(), naive], stated, atol=0.002)
    assert [row[0] for row in rows] == [1, 100, 10_000, 1_000_000]
    for name, length in CORRELATION_LENGTHS.items():
        assert f"| {name} | exp(-d / {length / 1000:g} km)" in PAGE
    for distance, stated in re.findall(r"(?:at|K, at) (\d+) km (?:the uncertainty is )?([\d.]+) K", PAGE):
        cells = round(float(distance) * 1000.0 / 300.0)
        weights = np.zeros((10, cells + 10))
        weights[:, :10] += 0.01
        weights[:, cells:] -= 0.01
        components = Components(*(np.full(weights.shape, part) for part in sigma))
        noise = math.sqrt(2.0) * random_of_mean(components, np.abs(weights) / 2, independent_samples(1e4, 900.0, 100.0))
        found = components_of_sum(components, weights, (300.0, 300.0), noise)
        one = components_of_sum(components, np.maximum(weights, 0.0), (300.0, 300.0), 0.0)
        found = found._replace(surface=math.sqrt(2.0) * one.surface)
        assert float(found.combined()) == pytest.approx(float(stated), abs=0.006), distance
