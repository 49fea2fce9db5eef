"""`--json`: one JSON document on standard output, and nothing else there, of every command."""

import json
import shutil
import types
from pathlib import Path

import numpy as np
import pytest
import shapely
import xarray as xr

from lst_raster.cli import command as results
from tests.support.areas import write_places
from tests.support.commands import commands
from tests.support.custom_sensors import make_custom_sensor, write_response
from tests.support.factories import make_scene, ramp
from tests.support.matchup_tables import HEADER, row, write_table

AIR = ("--emissivity", "0.97", "--water-vapour", "20", "--air-temperature", "295", "--surface-pressure", "1000")
MODEL = "landsat8-b10/surface"
RUN = {
    "example": ("-o", "new"),
    "retrieve": ("scene", "--date", "2015-01", "-o", ".", "--overwrite"),
    "batch": ("scene", "-o", "many", *AIR),
    "info": (MODEL,),
    "check": ("SCENE_LST.tif",),
    "compare": ("SCENE_LST.tif", "SCENE_LST.tif"),
    "composite": ("SCENE_LST.tif", "-o", "median.tif"),
    "zones": ("SCENE_LST.tif", "zones.gpkg", "-o", "zones.csv"),
    "series": ("SCENE_LST.tif", "--zones", "zones.gpkg", "-o", "series.csv"),
    "fetch-reanalysis": ("scene", "--dry-run", "--date", "2015-01-17T16:20"),
    "validate": ("table.csv",),
    "qgis install": ("--profiles-folder", "profiles"),
    "qgis where": ("--profiles-folder", "profiles"),
    "qgis uninstall": ("--profiles-folder", "profiles"),
    "doctor": (),
    "config show": (),
    "config path": (),
    "preview": ("SCENE_LST.tif", "--overwrite"),
    "sensor new": ("made-here", "--response", "response.csv", "--folder", "bands", "--overwrite"),
    "sensor list": (),
    "sensor show": ("landsat8-b10",),
    "sensor remove": ("made-before",),
}
"""Commands that are run as they are."""
STAND_INS = {
    "simulate": ("lst_raster.profiles.simulate.simulate_file", ("p.nc", "--sensor", "landsat8-b10", "-o", "s.nc")),
    "train": ("lst_raster.network.train.train_model", ("train.toml", "-o", "model")),
    "evaluate": ("lst_raster.validation.evaluate.evaluate", (MODEL, "s.nc")),
    "profiles from-era5": ("lst_raster.profiles.era5.profiles_from_era5", ("levels.nc", "-o", "profiles.nc")),
    "build absorption": (
        "lst_raster.simulator.make_absorption_table.make_table",
        (
            "--water-lines=a",
            "--carbon-dioxide-lines=b",
            "--continuum=c",
            "--k-distribution=d",
            "--cross-sections=x",
            "-o",
            "e",
        ),
    ),
    "build climatology": (
        "lst_raster.profiles.make_climatology.make_climatology",
        ("gpt3_5.grd", "profiles.nc", "-o", "climatology.npz"),
    ),
    "build bands": ("lst_raster.sensors.response.make_bands", ("responses", "-o", "bands")),
    "build emissivity": ("lst_raster.inputs.emissivity.spectra.make_components", ("index", "spectra", "-o", "c.csv")),
    "build spectra": ("lst_raster.inputs.emissivity.spectra.crop_spectra", ("library", "-o", "slum.csv")),
    "build profiles": ("lst_raster.profiles.library.make_library", ("gfs.grib2", "-o", "library.nc")),
}
"""Commands whose work is hours long or needs what is not here: a function that is stood in for, and arguments."""


def made(*arguments, **values):
    """What each of the functions stood in for gives, as far as the commands look at it."""
    return types.SimpleNamespace(sizes={"profile": 5, "level": 3}, as_dict=lambda: {"rmse": float("nan")})


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("json")
    path = make_scene(folder / "scene", lst=ramp(280, 310))
    shutil.rmtree(folder / "scene" / "air")
    (folder / "profiles" / "default" / "QGIS").mkdir(parents=True)
    write_table(folder / "table.csv", *(row(insitu_lst_K=str(290 + step)) for step in range(3)), header=HEADER)
    write_response(folder / "response.csv")
    write_places(folder / "zones.gpkg", [shapely.box(452775, 3407145, 453975, 3408345)])  # within the scene
    from lst_raster import retrieve

    retrieve(path, output=folder / "SCENE_LST.tif", emissivity=0.97, water_vapour=20.0, air_temperature=295.0,
             surface_pressure=1000.0)  # fmt: skip
    return folder


def document(command, *arguments):
    code, out, err = command(*arguments, "--json")
    assert (code, [line for line in err if line.startswith("Error")]) == (0, [])
    return json.loads("\n".join(out))


def test_every_command_has_the_option_and_is_tried_here():
    found = commands()
    lacking = [name for name, one in found.items() if "as_json" not in [param.name for param in one.params]]
    assert lacking == [], "add options.as_json, and write by results.show"
    assert set(found) == RUN.keys() | STAND_INS.keys(), "add the command to RUN or STAND_INS above"


@pytest.mark.slow
@pytest.mark.parametrize("name", RUN)
def test_the_output_is_one_document(name, folder, user_folder, monkeypatch, command):
    monkeypatch.chdir(folder)
    if name == "sensor remove":
        make_custom_sensor(folder, "made-before")
    assert document(command, *name.split(), *RUN[name])


@pytest.mark.parametrize("name", STAND_INS)
def test_the_output_of_makers_is_one_document_too(name, folder, monkeypatch, command):
    monkeypatch.chdir(folder)
    function, arguments = STAND_INS[name]
    special = {
        "make_bands": [Path("a"), Path("b")],
        "train_model": {},
        "make_climatology": dict.fromkeys(("water_vapour", "air_temperature", "surface_pressure"), np.ones((2, 7))),
        "profiles_from_era5": xr.Dataset({"p": (("profile", "level"), np.ones((2, 3)))}),
    }
    returned = special.get(function.rpartition(".")[2], made())
    monkeypatch.setattr(function, lambda *given, **values: returned)
    for other in (
        "lst_raster.profiles.simulated_set.read_simulated",
        "lst_raster.profiles.profile_sets.write_profiles",
    ):
        monkeypatch.setattr(other, made)
    monkeypatch.setattr("tests.benchmarks.accuracy.run.write_benchmark", lambda *given: [Path("benchmark.md")])
    assert document(command, *name.split(), *arguments)


def test_the_documents_list_the_products(folder, monkeypatch, command, tmp_path):
    monkeypatch.chdir(folder)
    found = document(command, "retrieve", "scene", "-o", tmp_path, *AIR)
    assert Path(found["product"]).is_file() and found["product"] in found["files"]
    assert (found["pixels"], found["reused"], found["warnings"]) == (found["retrieved"], False, [])
    assert found["tags"]["water_vapour"].startswith("20 kg")
    batch = document(command, "batch", "scene", "-o", tmp_path / "many", *AIR)
    assert batch["counts"] == {"ok": 1} and Path(batch["scenes"][0]["product"]).is_file()
    assert json.loads(Path(batch["report"][1]).read_text())["scenes"] == batch["scenes"]
    plan = document(command, "batch", "scene", "-o", tmp_path / "many", *AIR, "--dry-run")
    assert (plan["would_fail"], plan["scenes"][0]["exists"], plan["scenes"][0]["error"]) == (0, True, None)


def test_an_error_leaves_standard_output_empty(tmp_path, command):
    code, out, err = command("info", tmp_path / "nothing.tif", "--json")
    assert (code, out) == (1, []) and "does not exist" in err[0]


def test_a_number_that_is_not_finite_is_null_and_a_path_is_text(capsys):
    results.show({"a": float("nan"), "b": Path("x"), "c": (1, True, None), 4: {"d": float("inf")}}, (), True)
    assert json.loads(capsys.readouterr().out) == {"a": None, "b": "x", "c": [1, True, None], "4": {"d": None}}
