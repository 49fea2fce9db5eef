"""The example of a new sensor runs unchanged, and its model retrieves the surface temperature."""

import re
import runpy
from pathlib import Path

from lst_raster.sensors.response import read_response

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def test_the_example_of_a_new_sensor_retrieves_the_surface_temperature(user_folder, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    runpy.run_path(str(EXAMPLES / "07_new_sensor.py"), run_name="__main__")
    printed = re.search(r"^error: ([\d.]+) K in the mean$", capsys.readouterr().out, re.MULTILINE)
    assert float(printed[1]) < 3.0
    assert (tmp_path / "custom" / "models" / "aster-b13" / "surface" / "MODEL_CARD.md").is_file()


def test_the_response_of_the_example_has_the_limits_of_its_source():
    found = read_response(EXAMPLES / "data" / "aster_b13.csv")
    assert found.warnings == ()
    assert [round(limit, 2) for limit in found.limits] == [10.25, 10.95]
