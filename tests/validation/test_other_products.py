"""Products that the package did not make: rows without radiance are compared by site, surface type and time of day."""

import csv
import gzip
import json
from pathlib import Path

import numpy as np
import pytest

from lst_raster.errors import InputError
from lst_raster.inference.model import Model
from lst_raster.validation.matchups import LST_RASTER, read_matchups
from lst_raster.validation.validate import validate
from tests.support.factories import make_model
from tests.support.matchup_tables import write_table
from tests.support.shared import shared_path

HEADER = (
    "site", "igbp", "time", "lat", "lon", "insitu_lst_K", "insitu_lst_uncertainty_K", "other_my_map_K",
    "other_my_map_uncertainty_K", "usgs_lst_K", "flag",
)  # fmt: skip
DAY, NIGHT = "2016-07-01T16:30:00Z", "2016-12-02T04:30:00Z"  # at 40 N, 88 W
TOWERS = (
    "--column", "time=match_utc", "--column", "usgs_lst_K=usgs_st_K", "--column", "insitu_lst_K=tower_lst_eps98_K",
    "--column", "water_vapour_kg_m2=w_atm_mm_from_ea", "--where", "dst_shift_h=0", "--where", "dup_same_site_date=0",
)  # fmt: skip


def row(site="a", igbp="GRA", time=DAY, insitu="300", product="301", uncertainty="1.5", usgs="", flag="0"):
    return site, igbp, time, "40", "-88", insitu, "0.5", product, uncertainty, usgs, flag


def read(tmp_path, *rows, **options):
    return read_matchups(write_table(tmp_path / "table.csv", *rows, header=HEADER), **options)


def test_a_product_is_compared_without_radiance(tmp_path):
    rows = [
        row(product="301"), row(product="299", igbp="ENF"), row(product="303", time=NIGHT, site="b"),
        row(product=""), row(insitu=""), row(flag="2"),
    ]  # fmt: skip
    found, by_row = validate(read(tmp_path, *rows, where={"FLAG": "0.0"}))
    assert (found.compared, found.total, found.models) == (3, 6, {})
    assert found.left_out == {"excluded": 1, "no in-situ LST": 1, "no product temperature": 1}
    assert by_row.reasons[-1] == "excluded: flag is not 0.0"
    assert found.methods.keys() == {"my map"}
    groups = found.products["my map"]
    assert groups["all"]["all"].agreement.bias == pytest.approx(1.0)
    assert groups["all"]["all"].agreement.sd == pytest.approx(2.0)
    assert {name: group.agreement.count for name, group in groups["surface type"].items()} == {"ENF": 1, "GRA": 2}
    assert {name: group.agreement.count for name, group in groups["day or night"].items()} == {"day": 2, "night": 1}
    assert list(groups["season"]) == ["December to February", "June to August"]
    assert list(groups["site"]) == ["a", "b"]
    assert groups["all"]["all"].expected == pytest.approx(np.hypot(1.5, 0.5))
    assert groups["all"]["all"].coverage == pytest.approx(2 / 3)
    assert not any(found.groups.values())
    assert np.isnan(by_row.lst).all()


def test_a_product_without_uncertainty_has_no_coverage(tmp_path):
    found = validate(read(tmp_path, row(product="", uncertainty="", usgs="301"), row(usgs="302", product="303")))[0]
    group = found.products["USGS Collection 2"]["all"]["all"]
    assert group.coverage is None and np.isnan(group.expected) and group.agreement.bias == pytest.approx(1.5)
    assert found.common == 1 and found.available == {"my map": 1, "USGS Collection 2": 2}
    found = validate(read(tmp_path, row(usgs="302"), row(usgs="303")), without=["my map"])[0]
    assert list(found.products) == list(found.methods) == ["USGS Collection 2"]
    with pytest.raises(InputError, match="--without leaves no method to compare"):
        validate(read(tmp_path, row()), without=["my map", "USGS Collection 2"])


def test_a_table_may_have_rows_with_and_without_radiance(tmp_path):
    model = Model.load(make_model(tmp_path / "model.onnx"))
    header = (*HEADER, "sensor", "brightness_temperature_K", "emissivity")
    air = "water_vapour_kg_m2", "air_temperature_K", "surface_pressure_hPa"
    with_radiance = (*row(), "landsat8-b10", "290", "0.97", "15", "288", "980")
    rows = [with_radiance, (*row(), *[""] * 6), (*row(), "landsat8-b10", "290", "", "15", "288", "980")]
    table = read_matchups(write_table(tmp_path / "table.csv", *rows, header=(*header, *air)))
    found, by_row = validate(table, models=[model])
    assert by_row.reasons == ("", "", "no emissivity")  # a row with radiance that lacks an input is no silent success
    assert found.compared == 2 and found.models == {"landsat8-b10/surface": 1}
    assert found.available[LST_RASTER] == 1 and found.available["my map"] == 2
    assert found.groups["all"]["all"].agreement.count == 1
    assert found.products["my map"]["all"]["all"].agreement.count == 3


def test_conditions_on_rows_must_exist(tmp_path, command):
    path = write_table(tmp_path / "table.csv", row(), row(flag="good"), header=HEADER)
    code, _, errors = command("validate", path, "--where", "flag")
    assert code == 2 and "write HEADER=VALUE" in errors[-1]
    code, _, errors = command("validate", path, "--where", "state=0")
    assert code == 1 and "--where state=0: table.csv has no column state; it has site, igbp" in errors[0]
    code, _, errors = command("validate", path, "--where", "flag=7")
    assert code == 1 and "--where flag=7: no row has this value; it has 0, good" in errors[0]
    code, lines, _ = command("validate", path, "--where", "flag=GOOD")
    assert code == 0 and lines[0] == "table.csv: 1 of 2 rows compared"


def test_a_compressed_table_is_read_and_its_rows_are_validated_again(tmp_path, command):
    rows = [row(product=str(300 + step), time=DAY if step % 2 else NIGHT) for step in range(6)]
    path = write_table(tmp_path / "plain.csv", *rows, header=HEADER)
    zipped = tmp_path / "table.csv.gz"
    zipped.write_bytes(gzip.compress(path.read_bytes()))
    code, lines, _ = command("validate", zipped, "-o", tmp_path)
    assert code == 0 and lines[0] == "table.csv.gz: 6 of 6 rows compared"
    assert (tmp_path / "scatter.png").stat().st_size > 1000
    with (tmp_path / "rows.csv").open(newline="") as file:
        written = list(csv.DictReader(file))
    assert [float(line["difference_other_my_map_K"]) for line in written] == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]
    assert {line["surface_type"] for line in written} == {"GRA"}
    assert float(written[0]["sun_elevation_degree"]) < 0.0 < float(written[1]["sun_elevation_degree"])
    before = json.loads((tmp_path / "statistics.json").read_text())
    after = json.loads("\n".join(command("validate", tmp_path / "rows.csv", "--json")[1]))
    assert after["methods"] == before["methods"]
    assert after["products"]["my map"].keys() == before["products"]["my map"].keys()
    for title, members in before["products"]["my map"].items():
        assert after["products"]["my map"][title] == members, title


def test_differences_of_excluded_rows_are_empty(tmp_path, command):
    path = write_table(tmp_path / "table.csv", row(product="301"), row(product="302", flag="1"), header=HEADER)
    assert command("validate", path, "--where", "flag=0", "-o", tmp_path)[0] == 0
    with (tmp_path / "rows.csv").open(newline="") as file:
        written = list(csv.DictReader(file))
    assert [line["difference_other_my_map_K"] for line in written] == ["1.000", ""]
    assert [line["other_my_map_K"] for line in written] == ["301.000", "302.000"]


@pytest.mark.parametrize(
    "name", ["lst-raster", "LST-Raster", "single-channel", "single_channel", "mono-window", "split-window",
             "given_terms", "brightness_temperature", "USGS_Collection_2"],
)  # fmt: skip
def test_a_product_cannot_have_the_name_of_a_method(tmp_path, command, name):
    path = write_table(tmp_path / "table.csv", (*row(), "350"), header=(*HEADER, f"other_{name}_K"))
    code, lines, errors = command("validate", path, "-o", tmp_path)
    assert code == 1 and not lines and not (tmp_path / "rows.csv").exists()
    assert f"table.csv has the column other_{name}_K, but results have a method of the name" in errors[0]
    assert "rename the column" in errors[0]
    path = write_table(tmp_path / "table.csv", row(), header=HEADER)
    code, _, errors = command("validate", path, "--column", f"other_{name}_K=flag")
    assert code == 1 and "has the column flag, but results have a method" in errors[0]


def test_an_uncertainty_needs_its_product_and_a_product_one_column(tmp_path):
    for header, lacking in (("other_X_uncertainty_K", "other_X_K"), ("other_My_map_uncertainty_K", "other_My_map_K")):
        path = write_table(tmp_path / "table.csv", ("a", "300", "1"), header=("site", "insitu_lst_K", header))
        with pytest.raises(InputError, match=f"has the column {header} without {lacking}; add the temperatures"):
            read_matchups(path)
    columns = ("site", "insitu_lst_K", "usgs_lst_uncertainty_K")
    with pytest.raises(InputError, match="has the column usgs_lst_uncertainty_K without usgs_lst_K"):
        read_matchups(write_table(tmp_path / "table.csv", ("a", "300", "1"), header=columns))
    path = write_table(tmp_path / "table.csv", (*row(), "310"), header=(*HEADER, "other_my map_K"))
    with pytest.raises(InputError, match="has both other_my_map_K and other_my map_K for my map; rename one"):
        read_matchups(path)


def test_many_sites_are_counted_not_printed(tmp_path, command):
    rows = [row(site=f"site{number}") for number in range(30)]
    path = write_table(tmp_path / "table.csv", *rows, header=HEADER)
    lines = command("validate", path)[1]
    assert "30 of site: --json, or statistics.json of --output" in lines
    assert not any(line.startswith("site7 ") for line in lines)
    found = json.loads("\n".join(command("validate", path, "--json")[1]))
    assert len(found["products"]["my map"]["site"]) == 30


def test_the_towers_have_the_figures_of_the_page(command):
    path = shared_path("data", "matchups", "towers_usgs_st_l8.csv.gz")
    code, lines, _ = command("validate", path, *TOWERS)
    assert code == 0 and lines[0] == "towers_usgs_st_l8.csv.gz: 495 of 4764 rows compared"
    page = (Path(__file__).resolve().parents[2] / "docs" / "science" / "towers.md").read_text().splitlines()
    start = page.index(f"    {lines[0]}")
    assert [line.removeprefix("    ") for line in page[start : start + len(lines)]] == lines


def test_the_towers_agree_with_numbers_worked_out_apart():
    with gzip.open(shared_path("data", "matchups", "towers_usgs_st_l8.csv.gz"), "rt", newline="") as file:
        rows = [
            line for line in csv.DictReader(file) if line["dst_shift_h"] == "0" and line["dup_same_site_date"] == "0"
        ]
    used = [line for line in rows if line["usgs_st_K"]]
    error = np.array([float(line["usgs_st_K"]) - float(line["tower_lst_eps98_K"]) for line in used])
    columns = {"time": "match_utc", "usgs_lst_K": "usgs_st_K", "insitu_lst_K": "tower_lst_eps98_K"}
    table = read_matchups(
        shared_path("data", "matchups", "towers_usgs_st_l8.csv.gz"), columns=columns,
        where={"dst_shift_h": "0", "dup_same_site_date": "0"},
    )  # fmt: skip
    groups = validate(table)[0].products["USGS Collection 2"]
    towers: dict[str, list[float]] = {}
    for line, difference in zip(used, error.tolist(), strict=True):
        towers.setdefault(line["site"], []).append(difference)
    often = [np.array(values) for values in towers.values() if len(values) >= 5]
    biases = np.array([values.mean() for values in often])
    squares = np.concatenate([values - values.mean() for values in often]) ** 2
    within = np.sqrt(squares.sum() / (len(squares) - len(often)))
    page = (Path(__file__).resolve().parents[2] / "docs" / "science" / "towers.md").read_text()
    assert f"Of the {len(often)} towers with at least five overpasses, {(abs(biases) <= 1).sum()} have a bias" in page
    assert f"scatter by {biases.std(ddof=1):.2f} K (standard deviation)" in page
    assert f"the overpasses of one of them by {within:.2f} K" in page
    whole = groups["all"]["all"].agreement
    assert (whole.count, len(rows)) == (495, 621)
    assert (whole.bias, whole.sd) == pytest.approx((error.mean(), error.std(ddof=1)))
    assert (whole.bias, whole.sd) == pytest.approx((-0.43, 2.20), abs=0.006)
    assert len(groups["site"]) == 72
    for name, group in groups["surface type"].items():
        chosen = np.array([line["igbp"] == name for line in used])
        assert group.agreement.count == chosen.sum()
        assert group.agreement.bias == pytest.approx(error[chosen].mean())
    assert list(groups["day or night"]) == ["day"]
