"""CEOS-ARD Surface Temperature: the assessment follows from the product, and the page agrees with the command."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from lst_raster.errors import InputError
from lst_raster.product.ceos_ard import assess, report_lines, requirements
from tests.support.product_sets import FLOATS as LAYERS
from tests.support.product_sets import NAME, file_names, make_set, write_raster_of

NAMES = file_names(NAME)
PAGE = Path(__file__).resolve().parents[2] / "docs" / "ceos-ard.md"


def answers(path):
    return {point.number: point for point in assess(path)}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return make_set(tmp_path_factory.mktemp("set") / "whole")


def test_every_requirement_of_the_specification_is_assessed(whole):
    numbers = [f"1.{n}" for n in range(1, 18)] + [f"2.{n}" for n in range(1, 9)] + ["3.1", "3.2", "3.3", "4.1"]
    points = assess(whole)
    assert [point.number for point in points] == numbers == [entry["identifier"] for entry in requirements()]
    for point in points:
        assert (point.at_threshold == "not required") == (point.threshold == "none")
        assert point.at_goal != "not required"
        assert point.evidence


def test_the_evidence_comes_from_the_product(whole):
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
def test_metadata_change_only_the_requirements_that_depend_on_them(tmp_path, whole, tags, expected):
    before = answers(whole)
    for number, point in answers(make_set(tmp_path, tags=tags)).items():
        usual = (before[number].at_threshold, before[number].at_goal)
        assert (point.at_threshold, point.at_goal) == expected.get(number, usual), number


@pytest.mark.parametrize(("missing", "expected"), [
    (["uncertainty"], {"3.3": ("not required", "not")}),
    (["quality"], {"2.1": "not", "2.2": "partly", "2.3": "not", "2.4": "partly", "2.5": "partly", "2.6": "partly"}),
    (["item"], {"1.2": ("met", "not"), "1.4": ("met", "partly"), "1.10": "partly", "2.1": "partly"}),
])  # fmt: skip
def test_missing_files_lower_the_status(tmp_path, whole, missing, expected):
    path = make_set(tmp_path)
    for role in missing:
        (tmp_path / NAMES[role]).unlink()
    before, after = answers(whole), answers(path)
    for number, point in after.items():
        usual = before[number].at_threshold
        status = expected.get(number, usual)
        found = point.at_threshold if isinstance(status, str) else (point.at_threshold, point.at_goal)
        assert found == status, number


def test_implausible_temperatures_are_not_a_measurement(tmp_path):
    path = make_set(tmp_path, fields=None)
    write_raster_of(path, np.full((80, 90), 20.0, "f4"), LAYERS["lst"])
    found = answers(path)["3.1"]
    assert (found.at_threshold, "outside 150 to 380 K" in found.evidence) == ("not", True)


def test_without_crs_the_geographical_requirements_are_not_met(tmp_path):
    found = answers(make_set(tmp_path, crs=None))
    assert [found[number].at_threshold for number in ("1.4", "1.5")] == ["not", "not"]
    assert found["1.6"].at_goal == "not"


def test_a_raster_of_other_software_is_rejected(tmp_path):
    path = make_set(tmp_path, tags={"lst_raster_version": "0.1.0"}, item=False)
    write_raster_of(path, np.full((80, 90), 300.0, "f4"), LAYERS["lst"], tags={"a": "b"})
    with pytest.raises(InputError, match="is not a product of lst-raster"):
        assess(path)


def test_the_command_writes_lines_or_json(whole, command):
    code, out, err = command("check", whole, "--ceos-ard")
    assert (code, out, err) == (0, list(report_lines(assess(whole))), [])
    assert "a self-assessment" in out[0]
    code, out, _ = command("check", whole, "--ceos-ard", "--json")
    assert code == 0
    assert [entry["number"] for entry in json.loads("\n".join(out))] == [
        entry["identifier"] for entry in requirements()
    ]


def test_the_table_of_the_page_is_that_of_a_complete_product(whole):
    rows = re.findall(r"^\| (\d\.\d+) \| (.+?) \| (.+?) \| (.+?) \| (.+?) \| (.+?) \|$", PAGE.read_text(), re.MULTILINE)
    assert rows == [
        (point.number, point.title, point.threshold, point.goal, point.at_threshold, point.at_goal)
        for point in assess(whole)
    ]


def test_the_summary_of_the_page_is_that_of_the_command(whole):
    summary = list(report_lines(assess(whole)))[-1]
    assert summary in PAGE.read_text()
