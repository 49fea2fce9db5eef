"""A sensor band, an emissivity source and a reanalysis product are each added by one small diff: those of the page."""

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.shared import shared_path

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "contributing.md").read_text(encoding="utf-8")
DIFFS = re.findall(r"^```diff\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
SENSOR, EMISSIVITY, REANALYSIS = DIFFS

BUILD_BANDS = """
from pathlib import Path
from lst_raster.resources import data_path
from lst_raster.sensors.response import make_bands
make_bands(Path(RESPONSES), data_path("bands"))
print("null")
"""
USE_SENSOR = """
import json
from pathlib import Path
from lst_raster import open_product, retrieve
from lst_raster.product.check import check_product
from tests.support.factories import STATE, make_model, make_scene, ramp

path = make_scene(Path("scene"), lst=ramp(285.0, 305.0), sensor="landsat6-b6",
                  name="LT06_L1TP_020039_19930719_20200908_02_T1_B6.TIF", mtl=False, dtype="uint8")
make_model(Path("model/model.onnx"), sensor="landsat6-b6")
make_model(Path("model/atmosphere.onnx"), sensor="landsat6-b6", graph="atmosphere")
given = {name: float(value) for name, value in STATE.items()}
product = retrieve(path, model="model", emissivity=0.97, **given)
assert product.retrieved == product.pixels
found = open_product(product.path).lst
print(json.dumps({
    "error": float(abs(found - ramp(285.0, 305.0)).max()),
    "sensor": product.tags["sensor"],
    "calibration": product.tags["calibration"],
    "problems": [finding.name for finding in check_product(product.path) if finding.outcome == "failed"],
    "platform": json.loads(Path(str(product.path)).with_suffix(".json").read_text())["properties"]["platform"],
}))
"""
USE_EMISSIVITY = """
import json
from pathlib import Path
import click.testing
from lst_raster import open_product, retrieve
from lst_raster.cli.options import emissivities
from lst_raster.errors import InputError
from lst_raster.product.check import check_product
from tests.support.factories import STATE, make_model, make_scene, ramp

path = make_scene(Path("scene"), lst=ramp(285.0, 305.0), emissivity=0.9908)
make_model(Path("model/model.onnx"))
make_model(Path("model/atmosphere.onnx"), graph="atmosphere")
product = retrieve(path, model="model", emissivity=["water", 0.5], **{k: float(v) for k, v in STATE.items()})
found = open_product(product.path)
try:
    retrieve(path, output="other.tif", emissivity="no-such-file.tif")
except LookupError as error:
    message = str(error)
print(json.dumps({
    "error": float(abs(found.lst - ramp(285.0, 305.0)).max()),
    "codes": sorted(set(found.emissivity_source.values.ravel().tolist())),
    "meanings": found.emissivity_source.attrs["flag_meanings"].split(),
    "problems": [finding.name for finding in check_product(product.path) if finding.outcome == "failed"],
    "completed": [item.value for item in emissivities(None, None, "wa")],
    "listed": "water" in message,
}))
"""
USE_REANALYSIS = """
import json
from pathlib import Path
import numpy as np
from lst_raster.inputs.resolve import resolve_inputs
from lst_raster.io.scene import Scene
from tests.support.factories import make_scene, ramp
from tests.support.reanalysis_files import write_reanalysis

path = make_scene(Path("scene"), lst=ramp(285.0, 305.0), name="LC08_L1TP_020039_20150719_20200908_02_T1_B10.TIF")
scene = Scene.open(path, date="2015-07-19T16:20")
latitude, longitude = np.arange(32.0, 28.9, -0.25), np.arange(-89.0, -85.9, 0.25)
shape = 2, latitude.size, longitude.size
values = {"TQV": 31.0, "T_2M": 299.0, "PS": 1.011e5}
write_reanalysis("icon.nc", {name: np.full(shape, value) for name, value in values.items()}, latitude=latitude,
                 longitude=longitude, times=np.array(["2015-07-19T16", "2015-07-19T17"], "datetime64[s]"),
                 units={"TQV": "kg m-2", "T_2M": "K", "PS": "Pa"})
inputs = resolve_inputs(scene, {}, None, reanalysis=["icon.nc"])
print(json.dumps(inputs.texts))
"""


@pytest.fixture
def package(tmp_path):
    """Apply a diff to a copy of the package and run code with it; what the code prints as JSON is returned."""
    copy = tmp_path / "copy"
    shutil.copytree(ROOT / "lst_raster", copy / "lst_raster", ignore=shutil.ignore_patterns("__pycache__"))
    (copy / "models").symlink_to(ROOT / "models")
    (copy / "examples").symlink_to(ROOT / "examples")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(copy), str(ROOT), *filter(None, sys.path)])}

    def run(code):
        ended = subprocess.run(
            [sys.executable, "-c", code], env=environment, cwd=tmp_path, capture_output=True, text=True
        )
        assert ended.returncode == 0, ended.stderr
        return json.loads(ended.stdout.splitlines()[-1])

    def apply(diff):
        subprocess.run(["git", "apply", "-"], input=diff, cwd=copy, check=True, text=True)
        assert run("import json, lst_raster; print(json.dumps(lst_raster.__file__))").startswith(str(copy))
        return run

    return apply


def changed_files(diff):
    return re.findall(r"^\+\+\+ b/(.*)$", diff, re.MULTILINE)


@pytest.mark.parametrize(("diff", "files"), [(SENSOR, 1), (EMISSIVITY, 2), (REANALYSIS, 1)])
def test_each_diff_is_one_row_and_at_most_one_module(diff, files):
    assert len(changed_files(diff)) == files
    assert sum(line.startswith("-") and not line.startswith("---") for line in diff.splitlines()) == 0


@pytest.mark.slow
def test_a_sensor_band_is_one_table(package):
    responses = shared_path("data", "responses")
    run = package(SENSOR)
    run(BUILD_BANDS.replace("RESPONSES", repr(str(responses))))
    found = run(USE_SENSOR)
    assert found["error"] < 0.35  # half a digital number is 0.24 K at the sensor, and more at the ground
    assert (found["sensor"], found["platform"], found["problems"]) == ("landsat6-b6", "landsat-6", [])
    assert found["calibration"] == "gain 0.055375, offset 1.18243 (default)"


@pytest.mark.slow
def test_an_emissivity_source_is_one_module_and_one_row(package):
    found = package(EMISSIVITY)(USE_EMISSIVITY)
    assert found["error"] < 0.01
    assert (found["codes"], found["problems"], found["completed"], found["listed"]) == ([9], [], ["water"], True)
    assert "water" in found["meanings"]


@pytest.mark.slow
def test_a_reanalysis_product_is_one_row(package):
    found = package(REANALYSIS)(USE_REANALYSIS)
    assert found["water_vapour"] == "icon.nc TQV, mean 31 kg m-2 (reanalysis)"
    assert "T_2M, mean 299 K" in found["air_temperature"]
    assert "PS, mean 1011 hPa" in found["surface_pressure"]


def test_the_package_as_it_is_has_none_of_them():
    from lst_raster.inputs.emissivity.registry import SOURCES
    from lst_raster.inputs.reanalysis.products import VARIABLES
    from lst_raster.sensors.bands import sensor_names

    assert "landsat6-b6" not in sensor_names() and "water" not in SOURCES and "t_2m" not in VARIABLES


def test_values_of_the_emissivity_sources_fit_the_quality_band_and_are_of_one_source_each():
    from lst_raster.inputs.emissivity.registry import QUALITY_VALUES, SOURCES
    from lst_raster.product.quality_flags import flag

    field = flag("emissivity_source")
    codes = [source.code for source in SOURCES.values()]
    assert len(set(codes)) == len(codes) and min(codes) > 3 and max(codes) < 1 << field.length
    assert (1 << field.length) - 1 - 3 >= 28 and len(QUALITY_VALUES) == len(codes) + 4


def test_a_name_of_a_variable_means_one_quantity_in_all_products():
    from lst_raster.inputs.reanalysis.products import PRODUCTS

    for kind in ("fields", "levels"):
        found = {}
        for product in PRODUCTS:
            for name, quantity in getattr(product, kind).items():
                assert found.setdefault(name.lower(), quantity) == quantity, (product.title, name)


def test_a_gap_in_the_values_of_the_sources_moves_no_word_of_the_preview(monkeypatch):
    from types import MappingProxyType

    from lst_raster.product.preview import page
    from lst_raster.product.quality_flags import flag

    field = flag("emissivity_source")
    gap = replace(field, values=MappingProxyType({k: v for k, v in field.values.items() if k != 5}))
    words = page._quality((gap,))["flags"][0]["words"]
    assert len(words) == 1 << field.length
    assert (words[5], words[7]) == ("", "emissivity: land cover")
    assert gap.words(5) == "emissivity: source 5"


def test_the_qgis_plugin_names_every_emissivity_source():
    from lst_raster.inputs.emissivity.registry import SOURCES

    text = (ROOT / "lst_raster" / "qgis" / "forms.py").read_text(encoding="utf-8")
    assert [keyword for keyword in SOURCES if keyword not in text] == []
