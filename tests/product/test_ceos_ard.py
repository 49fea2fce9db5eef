"""CEOS-ARD Surface Temperature, point by point: the answers follow the product, and the page follows the code."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from lst_raster.errors import InputError
from lst_raster.product.ceos_ard import REQUIREMENTS, assess, lines
from tests.support.product_sets import FLOATS as LAYERS
from tests.support.product_sets import NAME, file_names, make_set, write_raster_of

NAMES = file_names(NAME)
PAGE = Path(__file__).resolve().parents[2] / "docs" / "ceos-ard.md"


def answers(path):
    return {point.number: point for point in assess(path)}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return make_set(tmp_path_factory.mktemp("set") / "whole")


def test_every_requirement_of_the_specification_has_an_answer(whole):
    numbers = [f"1.{n}" for n in range(1, 18)] + [f"2.{n}" for n in range(1, 9)] + ["3.1", "3.2", "3.3", "4.1"]
    points = assess(whole)
    assert [point.number for point in points] == numbers == [entry.number for entry in REQUIREMENTS]
    for point in points:
        assert (point.at_threshold == "not required") == (point.threshold == "nothing")
        assert point.at_goal != "not required"
        assert point.evidence


def test_the_answers_rest_on_what_the_product_tells(whole):
    found = answers(whole)
    assert "2015-07-19 16:19:21Z" in found["1.3"].evidence
    assert "Landsat 8 TIRS band 10" in found["1.9"].evidence
    assert "10.9022 um" in found["1.10"].evidence
    assert "water_vapour 29 kg m-2 (era5.nc)" in found["1.14"].evidence
    assert "280.00 to 320.00 K" in found["3.1"].evidence
    assert "_B10.TIF" in found["4.1"].evidence


@pytest.mark.slow
@pytest.mark.parametrize(("tags", "expected"), [
    ({"acquisition_time": "unknown"}, {"1.3": ("not", "not")}),
    ({"acquisition_date": "unknown", "acquisition_time": "unknown"}, {"1.3": ("not", "not")}),
    ({"mask": "none: clouds are kept"}, {
        "2.3": ("partly", "partly"), "2.5": ("depends on input",) * 2, "2.6": ("depends on input",) * 2,
        "2.7": ("not required", "depends on input"),
    }),
    ({"input": "another_B10.TIF", "sensor": "landsat5-b6"}, {}),
])  # fmt: skip
def test_other_metadata_give_other_answers_and_change_no_others(tmp_path, whole, tags, expected):
    before = answers(whole)
    for number, point in answers(make_set(tmp_path, tags=tags)).items():
        usual = (before[number].at_threshold, before[number].at_goal)
        assert (point.at_threshold, point.at_goal) == expected.get(number, usual), number


@pytest.mark.parametrize(("missing", "expected"), [
    (["uncertainty"], {"3.3": ("not required", "not")}),
    (["quality"], {"2.1": "not", "2.2": "partly", "2.3": "not", "2.4": "partly", "2.5": "partly", "2.6": "partly"}),
    (["item"], {"1.2": ("met", "not"), "1.4": ("met", "partly"), "1.10": "partly", "2.1": "partly"}),
])  # fmt: skip
def test_files_that_are_not_there_count_against_the_product(tmp_path, whole, missing, expected):
    path = make_set(tmp_path)
    for role in missing:
        (tmp_path / NAMES[role]).unlink()
    before, after = answers(whole), answers(path)
    for number, point in after.items():
        usual = before[number].at_threshold
        status = expected.get(number, usual)
        found = point.at_threshold if isinstance(status, str) else (point.at_threshold, point.at_goal)
        assert found == status, number


def test_temperatures_that_cannot_be_are_no_measurement(tmp_path):
    path = make_set(tmp_path, fields=None)
    write_raster_of(path, np.full((80, 90), 20.0, "f4"), LAYERS["lst"])
    found = answers(path)["3.1"]
    assert (found.at_threshold, "outside 150 to 380 K" in found.evidence) == ("not", True)


def test_without_place_the_points_on_place_are_not_met(tmp_path):
    found = answers(make_set(tmp_path, crs=None))
    assert [found[number].at_threshold for number in ("1.4", "1.5")] == ["not", "not"]
    assert found["1.6"].at_goal == "not"


def test_what_is_no_product_is_refused(tmp_path):
    path = make_set(tmp_path, tags={"lst_raster_version": "0.1.0"}, item=False)
    write_raster_of(path, np.full((80, 90), 300.0, "f4"), LAYERS["lst"], tags={"a": "b"})
    with pytest.raises(InputError, match="is no product of lst-raster"):
        assess(path)


def test_the_command_writes_lines_or_json(whole, command):
    code, out, err = command("check", whole, "--ceos-ard")
    assert (code, out, err) == (0, list(lines(assess(whole))), [])
    assert "an account by its maker" in out[0]
    code, out, _ = command("check", whole, "--ceos-ard", "--json")
    assert code == 0
    assert [entry["number"] for entry in json.loads("\n".join(out))] == [entry.number for entry in REQUIREMENTS]


def test_the_page_says_what_the_command_says_of_a_complete_product(whole):
    rows = re.findall(r"^\| (\d\.\d+) \| (.+?) \| (.+?) \| (.+?) \| (.+?) \| (.+?) \|$", PAGE.read_text(), re.MULTILINE)
    assert rows == [
        (point.number, point.title, point.threshold, point.goal, point.at_threshold, point.at_goal)
        for point in assess(whole)
    ]


def test_the_summary_of_the_page_is_that_of_the_command(whole):
    summary = list(lines(assess(whole)))[-1]
    assert summary in PAGE.read_text()
