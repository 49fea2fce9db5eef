"""CEOS-ARD Surface Temperature: the assessment follows from the product, and the page agrees with the command."""

import json
import re
from pathlib import Path

import jsonschema
import numpy as np
import pytest

from lst_raster.errors import InputError
from lst_raster.product.ceos_ard import assess, report_lines, requirements
from tests.support.product_sets import FLOATS as LAYERS
from tests.support.product_sets import NAME, file_names, make_set, write_raster_of

NAMES = file_names(NAME)
PAGE = Path(__file__).resolve().parents[2] / "docs" / "ceos-ard.md"


IDENTIFIERS = [  # of the specification, in its order
    "meta-ardver", "meta-trace-st", "meta-memare-st", "meta-time-st", "meta-geoarea-optical", "meta-crs-ar",
    "meta-mapproj-ar", "meta-geocorm-st", "meta-geounc-st", "meta-instru-st", "meta-specband-st", "meta-sencal-st",
    "meta-measurunc", "meta-measurenc", "meta-malgos-st", "meta-auxdat-st", "meta-proprov-st", "meta-daccess-st",
    "meta-valpix", "pxl-pinodat-st", "pxl-pincot-st", "pxl-pisatur-ar", "pxl-picloud-st", "pxl-picloudsh-st",
    "pxl-surf-st", "pxl-vigeso-ar", "pxl-terrain-st", "rac-measur-st", "rac-catmos", "rac-emiani", "rac-muncer-st",
    "gcor-geocorr-st",
]  # fmt: skip


def answers(path):
    return {point.identifier: point for point in assess(path)}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return make_set(tmp_path_factory.mktemp("set") / "whole")


def test_every_requirement_of_the_specification_is_assessed(whole):
    assert len(IDENTIFIERS) == 32
    points = assess(whole)
    assert [point.identifier for point in points] == IDENTIFIERS == [entry["identifier"] for entry in requirements()]
    for point in points:
        assert (point.at_threshold == "not required") == (point.threshold == "none")
        assert point.at_goal != "not required"
        assert point.evidence


def test_the_evidence_comes_from_the_product(whole):
    found = answers(whole)
    assert "2015-07-19 16:19:21Z" in found["meta-time-st"].evidence
    assert "Landsat 8 TIRS band 10" in found["meta-instru-st"].evidence
    assert "10.9022 um" in found["meta-specband-st"].evidence
    assert "water_vapour 29 kg m-2 (era5.nc)" in found["meta-auxdat-st"].evidence
    assert "at every pixel, from LC08" in found["pxl-vigeso-ar"].evidence
    assert ", with its components" in found["rac-muncer-st"].evidence
    assert "280.00 to 320.00 K" in found["rac-measur-st"].evidence
    assert "_B10.TIF" in found["gcor-geocorr-st"].evidence


@pytest.mark.slow
@pytest.mark.parametrize(("tags", "expected"), [
    ({"acquisition_time": "unknown"}, {"meta-time-st": ("not", "not")}),
    ({"acquisition_date": "unknown", "acquisition_time": "unknown"}, {"meta-time-st": ("not", "not")}),
    ({"mask": "none: clouds are kept"}, {
        "pxl-pincot-st": ("partly", "partly"), "pxl-picloud-st": ("depends on input",) * 2,
        "pxl-picloudsh-st": ("not required", "depends on input"), "pxl-surf-st": ("depends on input",) * 2,
    }),
    ({"input": "another_B10.TIF", "sensor": "landsat5-b6"}, {}),
])  # fmt: skip
def test_metadata_change_only_the_requirements_that_depend_on_them(tmp_path, whole, tags, expected):
    before = answers(whole)
    for identifier, point in answers(make_set(tmp_path, tags=tags)).items():
        usual = (before[identifier].at_threshold, before[identifier].at_goal)
        assert (point.at_threshold, point.at_goal) == expected.get(identifier, usual), identifier


@pytest.mark.parametrize(("missing", "expected"), [
    (["uncertainty"], {"meta-measurunc": ("not", "not"), "rac-muncer-st": ("not", "not")}),
    (["quality"], {
        "pxl-pinodat-st": "partly", "pxl-pincot-st": "not", "pxl-pisatur-ar": "partly", "pxl-picloud-st": "partly",
        "pxl-surf-st": "partly",
    }),
    (["view_zenith"], {"pxl-vigeso-ar": "partly"}),
    (["item"], {"meta-memare-st": ("met", "partly"), "meta-geoarea-optical": ("met", "partly")}),
])  # fmt: skip
def test_missing_files_lower_the_status(tmp_path, whole, missing, expected):
    path = make_set(tmp_path)
    for role in missing:
        (tmp_path / NAMES[role]).unlink()
    before, after = answers(whole), answers(path)
    for identifier, point in after.items():
        usual = before[identifier].at_threshold
        status = expected.get(identifier, usual)
        found = point.at_threshold if isinstance(status, str) else (point.at_threshold, point.at_goal)
        assert found == status, identifier


def test_implausible_temperatures_are_not_a_measurement(tmp_path):
    path = make_set(tmp_path, fields=None)
    write_raster_of(path, np.full((80, 90), 20.0, "f4"), LAYERS["lst"])
    found = answers(path)["rac-measur-st"]
    assert (found.at_threshold, "outside 150 to 380 K" in found.evidence) == ("not", True)


def test_without_crs_the_geographical_requirements_are_not_met(tmp_path):
    found = answers(make_set(tmp_path, crs=None))
    assert [
        found[identifier].at_threshold for identifier in ("meta-geoarea-optical", "meta-crs-ar", "meta-mapproj-ar")
    ] == 3 * ["not"]


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
    assert [entry["identifier"] for entry in json.loads("\n".join(out))] == [
        entry["identifier"] for entry in requirements()
    ]


def test_the_table_of_the_page_is_that_of_a_complete_product(whole):
    rows = re.findall(
        r"^\| `([a-z-]+)` \| (.+?) \| (.+?) \| (.+?) \| (.+?) \| (.+?) \|$", PAGE.read_text(), re.MULTILINE
    )
    assert rows == [
        (point.identifier, point.title, point.threshold, point.goal, point.at_threshold, point.at_goal)
        for point in assess(whole)
    ]


def test_the_summary_of_the_page_is_that_of_the_command(whole):
    summary = list(report_lines(assess(whole)))[-1]
    assert summary in PAGE.read_text()


EXTENSION = {  # facts of the schema of https://github.com/stac-extensions/ceos-ard, version 0.2.0
    "required": ["properties", "links", "stac_extensions"],
    "properties": {
        "stac_extensions": {"contains": {"const": "https://stac-extensions.github.io/ceos-ard/v0.2.0/schema.json"}},
        "properties": {
            "required": ["ceosard:type", "ceosard:specification", "ceosard:specification_version"],
            "properties": {
                "ceosard:type": {"const": "optical"},
                "ceosard:specification": {"enum": ["SR", "ST", "AR", "NLSR"]},
                "ceosard:specification_version": {"type": "string", "pattern": r"^\d+\.\d+(.\d+)?$"},
            },
        },
        "links": {
            "contains": {"required": ["rel", "href"], "properties": {"rel": {"const": "ceos-ard-specification"}}}
        },
    },
}


def test_an_item_declares_no_compliance_and_can_be_completed_as_on_the_page(whole):
    item = json.loads(whole.with_suffix(".json").read_text())
    validator = jsonschema.Draft7Validator(EXTENSION)
    assert not any(name.startswith(("ceosard:", "ceos_ard:", "card4l:")) for name in item["properties"])
    assert not any("ceos" in url or "card4l" in url for url in item["stac_extensions"])
    assert not validator.is_valid(item)
    block = re.search(r"adds to each item\n\n(.*?)\n\n", PAGE.read_text(), re.DOTALL)[1]
    added = json.loads("{" + block + "}")
    item["properties"] |= added["properties"]
    item["links"] += added["links"]
    item["stac_extensions"] += added["stac_extensions"]
    validator.validate(item)
