"""What is asked of a server of reanalysis for a scene: steps, area, and a text that asks the same."""

import ast
import json
import os
import subprocess

import numpy as np
import pytest
from rasterio import Affine

from lst_raster import Scene
from lst_raster.inputs.reanalysis.fetch.run import fetch_reanalysis
from lst_raster.inputs.reanalysis.products import SERVERS
from lst_raster.io.grid import Box, box_over
from tests.support.factories import STEM, make_scene
from tests.support.fetching import DATE, SOURCE_NAMES, scene_at


@pytest.mark.parametrize(
    ("date", "steps"),
    [
        ("2016-02-29T23:30", ["2016-02-29T23:00:00", "2016-03-01T00:00:00"]),
        ("2015-12-31T23:59", ["2015-12-31T23:00:00", "2016-01-01T00:00:00"]),
        ("2015-07-19T16:00", ["2015-07-19T16:00:00", "2015-07-19T17:00:00"]),
    ],
)
def test_the_steps_around_the_scene_are_asked_for_across_days_and_years(tmp_path, date, steps):
    fetched = fetch_reanalysis(scene_at(tmp_path, 10.0, 35.0, date), folder=tmp_path, dry_run=True)
    written = json.loads(fetched.request.read_text())
    assert written["steps"] == steps
    asked = [
        f"{part['request'][name][0]}" if name != "time" else part["request"]["time"]
        for part in written["files"]
        for name in ("year", "month", "day", "time")
    ]
    expected = []
    for day in dict.fromkeys(step[:10] for step in steps):
        expected += [*day.split("-"), [step[11:16] for step in steps if step[:10] == day]]
    assert asked == expected


def test_merra_is_asked_for_its_half_hours_and_its_streams(tmp_path):
    for date, hours, names in (
        ("2015-07-19T16:20", "[15:1:16]", ["MERRA2_400.tavg1_2d_slv_Nx.20150719", "MERRA2_401"]),
        ("1999-07-19T16:40", "[16:1:17]", ["MERRA2_200.tavg1_2d_slv_Nx.19990719"]),
        ("1985-07-19T00:20", "[23:1:23]", ["MERRA2_100.tavg1_2d_slv_Nx.19850718"]),
    ):
        plan = fetch_reanalysis(
            scene_at(tmp_path, 10.0, 35.0, date), source="merra2", folder=tmp_path, dry_run=True
        ).plan
        urls = plan.parts[0].details["urls"]
        assert len(urls) == len(names)
        for url, name in zip(urls, names, strict=True):
            assert name in url and hours.replace("[", "%5B").replace("]", "%5D") in url
    assert "M2C0NXASM" in plan.parts[-1].details["urls"][0]


BOXES = [
    (Box(south=30.1, north=30.6, west=10.1, east=10.6), [29.75, 31.0, 9.75, 11.0]),
    (Box(south=-30.0, north=-29.5, west=-0.1, east=0.1), [-30.25, -29.25, -0.5, 0.5]),
    (Box(south=65.0, north=66.1, west=179.9, east=180.3), [64.75, 66.5, 179.5, 180.75]),
    (Box(south=65.0, north=66.1, west=-180.0, east=-179.0), [64.75, 66.5, 179.75, 181.25]),
    (Box(south=82.0, north=90.0, west=-180.0, east=180.0), [81.75, 90.0, -180.0, 180.0]),
    (Box(south=-90.0, north=-89.9, west=10.0, east=369.6), [-90.0, -89.5, -180.0, 180.0]),
]


@pytest.mark.parametrize(("box", "expected"), BOXES)
def test_the_area_is_whole_cells_and_one_more(box, expected):
    found = box.widened(0.25, 0.25)
    assert [found.south, found.north, found.west, found.east] == expected
    plan = SERVERS["era5"].load().plan("scene", np.datetime64(DATE), box, None)
    north, west, south, east = plan.parts[0].details["request"]["area"]
    assert [south, north, west, east] == expected


def test_a_scene_across_the_date_line_is_one_narrow_area(tmp_path):
    scene = scene_at(tmp_path, 179.8, 52.0)
    box = box_over(scene.grid)
    assert (box.west, box.east) == (pytest.approx(179.8), pytest.approx(180.3))
    request = fetch_reanalysis(scene, folder=tmp_path, dry_run=True).plan.parts[0].details["request"]
    assert request["area"] == [52.25, 179.5, 51.25, 180.75]
    rows = fetch_reanalysis(scene, source="merra2", folder=tmp_path, dry_run=True).plan.parts[0].details["urls"][0]
    assert "/lon%5B0:1:575%5D" in rows  # an index range cannot cross the seam, a whole row need not


def test_a_scene_over_the_pole_needs_all_longitudes(tmp_path):
    polar = {"crs": "EPSG:3413", "transform": Affine(3000.0, 0.0, -30_000.0, 0.0, -3000.0, 40_000.0)}
    path = make_scene(tmp_path / "in", lst=np.full((20, 20), 270.0), **polar)
    box = box_over(Scene.open(path, date=DATE).grid)
    assert box.spans_all_longitudes and box.north == 90.0 and 89.0 < box.south < 89.9
    offset = polar | {"transform": Affine(3000.0, 0.0, 20_000.0, 0.0, -3000.0, 40_000.0)}
    path = make_scene(tmp_path / "offset", lst=np.full((20, 20), 270.0), **offset)
    box = box_over(Scene.open(path, date=DATE).grid)
    assert not box.spans_all_longitudes and box.north < 90.0


@pytest.mark.parametrize("source", SOURCE_NAMES)
def test_a_dry_run_asks_no_server_and_prints_what_runs_by_itself(tmp_path, command, source):
    scene = make_scene(tmp_path / "in", lst=np.full((20, 30), 300.0))
    code, out, err = command("fetch-reanalysis", scene, "--source", source, "-o", tmp_path, "--date", DATE, "--dry-run")
    assert (code, err) == (0, [])
    text = "\n".join(out)
    if source == "merra2":
        assert text.count("curl --fail") == 3 and "$EARTHDATA_TOKEN" in text
    else:
        compile(text, "script.py", "exec")
    assert (tmp_path / f"{STEM}_{source}_request.json").exists()


NASTY = [
    "a b",
    "it's",
    'say "hi"',
    "$(touch hacked)",
    "`touch hacked`",
    "x; touch hacked",
    '"); open("hacked", "w"); ("',
    "a\\b",
]


@pytest.mark.parametrize("stem", NASTY)
@pytest.mark.parametrize("source", SOURCE_NAMES)
def test_the_name_of_a_scene_is_text_alone_in_the_printed_script(tmp_path, monkeypatch, source, stem):
    box = Box(south=30.0, north=31.0, west=-88.0, east=-87.0)
    plan = SERVERS[source].load().plan(stem, np.datetime64(DATE), box, f"https://example.com/{stem}", levels=True)
    monkeypatch.chdir(tmp_path)
    if source == "merra2":
        (tmp_path / "curl").write_text('#!/bin/sh\nfor word; do printf "%s\\n" "$word" >> words; done\n')
        (tmp_path / "curl").chmod(0o755)
        environment = {"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}", "EARTHDATA_TOKEN": "t"}
        subprocess.run(["sh", "-c", plan.script], env=environment, check=True)
        texts = (tmp_path / "words").read_text().splitlines()
        files = [f"./{part.file}" for part in plan.parts]
        assert {part.details["urls"][0] for part in plan.parts} <= set(texts)
    else:
        tree = ast.parse(plan.script)
        texts = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)]
        calls = [ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)]
        assert "open" not in calls
        files = [part.file for part in plan.parts]
    assert set(files) <= set(texts)
    assert not (tmp_path / "hacked").exists()
