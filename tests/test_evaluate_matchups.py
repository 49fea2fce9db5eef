import json

import numpy as np
import pytest
from click.testing import CliRunner

from lst_raster.cli.matchups import matchups as command
from lst_raster.errors import InputError, InputNotFoundError
from lst_raster.evaluation.matchups import agreement, compare, read_matchups
from lst_raster.inference.model import Model
from lst_raster.physics.elevation import pressure_at
from tests.factories import make_model
from tests.shared import shared_path

HEADER = "product,sensor,water_vapour_kg_m2,"
HEADER += "brightness_temperature_K,usgs_c2_surface_temperature_K,insitu_water_temperature_K"


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = make_model(tmp_path_factory.mktemp("model") / "model.onnx", sensor="landsat7-b6", tier="column")
    return Model.load(path)


def table(tmp_path, *rows, header=HEADER):
    path = tmp_path / "table.csv"
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


def row(usgs="291.0", ground="292.0", sensor="landsat7-b6"):
    return f"LE07_x,{sensor},15.0,290.0,{usgs},{ground}"


def test_all_methods_are_compared_over_the_same_complete_rows(model, tmp_path):
    path = table(tmp_path, row(), row(usgs=""), row(ground="291.0"), row(ground="nan"))
    report = compare(model, read_matchups(path), elevation=333.0)
    assert (report.total, report.compared) == (4, 2)
    assert {found.count for found in report.methods.values()} == {2}
    assert report.methods["brightness temperature"].bias == pytest.approx(-1.5)
    assert report.methods["USGS Collection 2"].bias == pytest.approx(-0.5)
    assert next(iter(report.methods)) == "landsat7-b6/column"


def test_the_surface_pressure_follows_from_the_elevation(model, tmp_path):
    matchups = read_matchups(table(tmp_path, row(), row()))
    low, high = (compare(model, matchups, elevation=z).methods["landsat7-b6/column"].bias for z in (0.0, 3000.0))
    assert low != high
    assert pressure_at(333.0) == pytest.approx(973.9, abs=0.1)
    assert pressure_at(0.0) == 1013.25


def test_one_failure_moves_the_bias_but_not_the_median():
    error = np.array([0.1, -0.1, 0.0, 0.2, -0.2, -9.0])
    found = agreement(error)
    assert found.bias == pytest.approx(-1.5) and found.median == pytest.approx(-0.05)
    assert found.outliers == 1 and found.robust_sd < 0.3 < found.sd


def test_no_match_up_gives_no_figures(model, tmp_path):
    report = compare(model, read_matchups(table(tmp_path, row(usgs=""))), elevation=0.0)
    assert report.compared == 0
    assert np.isnan(report.methods["mono-window"].bias)


def test_a_table_that_cannot_be_used_is_told_why(model, tmp_path):
    with pytest.raises(InputNotFoundError, match=r"none\.csv"):
        read_matchups(tmp_path / "none.csv")
    with pytest.raises(InputError, match="water_vapour_kg_m2"):
        read_matchups(table(tmp_path, "a,b", header="product,sensor"))
    with pytest.raises(InputError, match="several sensors"):
        read_matchups(table(tmp_path, row(), row(sensor="landsat8-b10")))
    with pytest.raises(InputError, match="usgs_c2"):
        read_matchups(table(tmp_path, row(usgs="cloudy")))
    with pytest.raises(InputError, match="landsat8-b10"):
        compare(model, read_matchups(table(tmp_path, row(sensor="landsat8-b10"))), elevation=0.0)


def test_a_model_that_needs_air_temperature_is_refused(tmp_path):
    path = make_model(tmp_path / "surface.onnx", sensor="landsat7-b6", tier="surface")
    with pytest.raises(InputError, match="air_temperature"):
        compare(Model.load(path), read_matchups(table(tmp_path, row())), elevation=0.0)


def test_the_lake_match_ups_are_read_whole_and_the_known_products_agree_with_the_buoy(model):
    matchups = read_matchups(shared_path("data", "matchups", "lake_sunapee_l7.csv"))
    report = compare(model, matchups, elevation=333.0)
    assert (report.total, report.compared) == (56, 53)  # USGS has no value for three
    assert report.methods["brightness temperature"].bias == pytest.approx(-3.0, abs=0.15)
    assert report.methods["USGS Collection 2"].bias == pytest.approx(-0.15, abs=0.05)
    assert report.methods["USGS Collection 2"].sd == pytest.approx(1.36, abs=0.05)
    assert report.methods["single-channel"].sd < 1.7 and report.methods["mono-window"].sd < 1.7


def test_the_command_prints_and_writes_json(model, tmp_path):
    arguments = [str(model.path), str(table(tmp_path, row(), row())), "--elevation", "333"]
    shown = CliRunner().invoke(command, arguments, catch_exceptions=False)
    assert "2 of 2 match-ups compared" in shown.output and "USGS Collection 2" in shown.output
    found = json.loads(CliRunner().invoke(command, [*arguments, "--json"], catch_exceptions=False).output)
    assert found["methods"]["brightness temperature"]["count"] == 2
