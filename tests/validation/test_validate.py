"""`lst-raster validate`: known differences are found row by row and in all statistics, with reasons for other rows."""

import csv
import datetime
import json
import math
import re
import sys
from pathlib import Path

import numpy as np
import pytest
import rasterio
from PIL import Image

import lst_raster
from lst_raster.cli.validation import validate as cli_command
from lst_raster.errors import InputError
from lst_raster.inference.model import Model
from lst_raster.inference.uncertainty import INPUT_UNCERTAINTIES
from lst_raster.inputs.climatology import climatology
from lst_raster.physics.elevation import air_temperature_between_pressures, pressure_at
from lst_raster.physics.error_metrics import agreement, outliers
from lst_raster.physics.planck import band_radiance, brightness_temperature
from lst_raster.physics.radiative_transfer import sensor_radiance
from lst_raster.profiles.profile_sets import read_profiles, write_profiles
from lst_raster.sensors.bands import sensor_band
from lst_raster.validation import validation_files
from lst_raster.validation.matchups import GIVEN_TERMS, LST_RASTER, NUMERIC_COLUMNS, read_matchups
from lst_raster.validation.profiles import fill_from_profiles
from lst_raster.validation.validate import REMEDIES, TIERS, validate
from tests.support.factories import FULL_PRECISION, STATE, make_model, make_scene, ramp
from tests.support.matchup_tables import (
    HEADER,
    at_sensor_temperature,
    row,
    write_soundings,
    write_station_day,
    write_table,
)
from tests.support.profile_air import inputs_of_profile
from tests.support.shared import shared_path

AIR = {"water_vapour": 15.0, "surface_pressure": 980.0, "air_temperature": 288.0}
PLACE = ("latitude", "longitude")
THERE = ("40.05", "-88.37")


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return Model.load(make_model(tmp_path_factory.mktemp("model") / "model.onnx"))


def seen(model, lst):
    """Cells of a row whose surface has a temperature."""
    kelvin = float(at_sensor_temperature(lst, model, 0.97, **AIR))
    return {"brightness_temperature_K": f"{kelvin:.6f}"}


def read(tmp_path, *rows, header=HEADER, **options):
    return read_matchups(write_table(tmp_path / "table.csv", *rows, header=header), **options)


def test_a_known_difference_comes_out_in_every_figure(model, tmp_path):
    differences = [-1.0, 0.5, 1.5, 2.0]
    rows = [row(**seen(model, 292.0 + step), insitu_lst_K="292.0") for step in differences]
    found, by_row = validate(read(tmp_path, *rows), models=[model])
    assert by_row.difference == pytest.approx(differences, abs=2e-3)
    ours = found.groups["all"]["all"].agreement
    assert (ours.count, found.compared, found.total) == (4, 4, 4)
    assert ours.bias == pytest.approx(0.75, abs=2e-3)
    assert ours.sd == pytest.approx(np.std(differences, ddof=1), abs=2e-3)
    assert ours.rmse == pytest.approx(math.sqrt(np.mean(np.square(differences))), abs=2e-3)
    assert ours.median == pytest.approx(1.0, abs=2e-3)
    assert ours.robust_sd == pytest.approx(1.4826 * 0.75, abs=4e-3)
    assert found.methods[LST_RASTER] == ours


def test_radiance_and_brightness_temperature_mean_the_same_and_elevation_stands_for_pressure(model, tmp_path):
    radiance = float(band_radiance(np.float64(290.0), sensor_band("landsat8-b10").planck))
    header = (*HEADER, "radiance_W_m2_sr_um", "elevation_m")
    given = (*row(), "", ""), (*row(brightness_temperature_K=""), f"{radiance:.9f}", "")
    lifted = (*row(surface_pressure_hPa=""), "", "500"), (*row(), "", "3000")
    by_row = validate(read(tmp_path, *given, *lifted, header=header), models=[model])[1]
    assert by_row.lst[1] == pytest.approx(by_row.lst[0], abs=1e-6)
    assert by_row.other_methods["brightness temperature"] == pytest.approx([290.0] * 4, abs=1e-6)
    assert by_row.atmosphere["surface_pressure"].tolist() == [
        980.0,
        980.0,
        pytest.approx(float(pressure_at(500.0))),
        980.0,
    ]
    assert by_row.lst[3] == by_row.lst[0]  # what is measured comes first


@pytest.fixture
def models(tmp_path, monkeypatch):
    """Small models of two bands and both tiers in place of the shipped ones; they depend on neighbourhood and year."""
    sensitivity = {"brightness_temperature": 1e-3, "gas_year": 1e-3}
    for sensor in ("landsat8-b10", "landsat7-b6"):
        for tier in TIERS:
            make_model(tmp_path / "models" / sensor / tier / "model.onnx", sensor, tier, sensitivity=sensitivity)
    monkeypatch.setattr("lst_raster.inference.model.models_path", lambda: tmp_path / "models")


def test_every_row_goes_to_its_sensor_with_the_defaults_of_all_other_inputs(models, tmp_path):
    header = (*HEADER, "aerosol_optical_depth", "neighbourhood_brightness_temperature_K")
    rows = [(*row(), "", ""), (*row(sensor="landsat7-b6", time=""), "", ""), (*row(), "0.1", ""), (*row(), "", "285")]
    found, by_row = validate(read(tmp_path, *rows, header=header))
    assert found.models == {"landsat8-b10/surface": 3, "landsat7-b6/surface": 1}
    further = (
        {"gas_year": 2016.0},
        {"gas_year": 2012.0},
        {"aerosol_optical_depth": 0.1},
        {"brightness_temperature": 285.0},
    )
    for number, (name, other) in enumerate(zip(by_row.models, further, strict=True)):
        band = sensor_band(name.partition("/")[0]).planck
        inputs = {"radiance": band_radiance(np.float64(290.0), band), "emissivity": 0.97, "gas_year": 2016.0, **AIR}
        assert by_row.lst[number] == pytest.approx(float(Model.load(name).predict(**inputs | other)["lst"]), abs=1e-3)
    assert np.unique(by_row.lst.round(3)).size == 4
    assert set(found.groups["sensor"]) == {"landsat8-b10", "landsat7-b6"}


def test_rows_without_the_inputs_of_a_required_tier_have_a_reason(models, tmp_path):
    rows = [row(air_temperature_K=air) for air in ("288.0", "")]
    found, by_row = validate(read(tmp_path, *rows))
    assert by_row.reasons == ("", "no air temperature")
    assert found.left_out == {"no air temperature": 1}
    with pytest.raises(InputError, match=r"no profile in 1 of 1 rows \(--profiles, or --tier surface\)"):
        validate(read(tmp_path, row()), tier="profile")


def test_missing_inputs_are_those_of_the_climatology_where_place_and_date_are_known(model, tmp_path):
    header = (*HEADER, *PLACE, "elevation_m", "product")
    missing = {"water_vapour_kg_m2": "", "air_temperature_K": "", "surface_pressure_hPa": ""}
    july, name = {"time": "2016-07-01T16:30Z"}, "LE07_L1TP_023032_20160701_20200908_02_T1"
    rows = [
        (*row(**missing, **july), *THERE, "", ""),
        (*row(**missing, time=""), *THERE, "", name),
        (*row(**missing, **july), *THERE, "1500", ""),
        (*row(**missing | {"surface_pressure_hPa": "850"}, **july), *THERE, "", ""),
        (*row(**missing | {"water_vapour_kg_m2": "15"}, **july), *THERE, "", ""),
        (*row(**missing, time=""), *THERE, "", "LE07_scene"),
        (*row(**missing, **july), "", "", "", ""),
    ]
    found, by_row = validate(read(tmp_path, *rows, header=header), models=[model])
    mean = climatology(40.05, -88.37, 183)
    air = by_row.atmosphere
    for name in ("water_vapour", "air_temperature", "surface_pressure"):
        assert air[name][:2] == pytest.approx([float(getattr(mean, name))] * 2)
        assert air[name][2] == pytest.approx(getattr(mean.at_elevation(1500.0), name), rel=0.01)
    assert air["air_temperature"][3] == pytest.approx(mean.at_pressure(850.0).air_temperature)
    unknown = mean.at_unknown_elevation()
    for name in ("water_vapour_uncertainty", "air_temperature_uncertainty"):
        assert air[name][0] == pytest.approx(getattr(unknown, name))
        assert air[name][3] == pytest.approx(getattr(mean.at_pressure(850.0), name))
    assert air["water_vapour_uncertainty"][4] == 1.5  # of a reanalysis
    both = "water vapour; air temperature"
    assert by_row.climatology == (
        *["water vapour; surface pressure; air temperature"] * 2, both, both, "surface pressure; air temperature",
        "", "",
    )  # fmt: skip
    lacking = "no water vapour; no surface pressure; no air temperature"
    assert by_row.reasons == ("", "", "", "", "", lacking, lacking)
    assert "water vapour is that of the climatology in 4 rows" in found.notes
    assert "air temperature is that of the climatology in 5 rows" in found.notes
    assert by_row.uncertainty[0] > by_row.uncertainty[4]
    groups = validate(read(tmp_path, *rows, (*row(), "", "", "", ""), header=header), models=[model])[0].groups[
        "inputs"
    ]
    assert {name: group.agreement.count for name, group in groups.items()} == {"climatology": 5, "given": 1}


def test_an_uncertainty_without_its_value_is_not_that_of_the_climatology(model, tmp_path):
    header = (*HEADER, *PLACE, "elevation_m", "product", "water_vapour_uncertainty_kg_m2")
    rows = [(*row(water_vapour_kg_m2="", time="2016-07-01T16:30Z"), *THERE, "", "", cell) for cell in ("", "0.5")]
    _, by_row = validate(read(tmp_path, *rows, header=header), models=[model])
    stated = by_row.atmosphere["water_vapour_uncertainty"]
    assert stated[0] == stated[1] > 2.0


def test_the_uncertainty_of_the_inputs_may_be_in_the_table(model, tmp_path):
    own = ("water_vapour_uncertainty_kg_m2", "air_temperature_uncertainty_K")
    own += ("aerosol_optical_depth", "aerosol_optical_depth_uncertainty")
    cells = (
        ("", "", "", ""),
        ("1.5", "1.5", "0.02", "0.015"),
        ("6", "", "", ""),
        ("", "6", "", ""),
        ("", "", "0.02", "0.1"),
    )
    table = read(tmp_path, *((*row(), *some) for some in cells), header=(*HEADER, *own))
    sigma = validate(table, models=[model])[1].uncertainty
    assert sigma[0] == pytest.approx(sigma[1])
    assert (sigma[2:] > sigma[0] + 0.05).all()


def test_rows_with_a_profile_have_the_tier_profile(models, tmp_path, command):
    where = 30.8, 272.5, 0.0
    missing = {"water_vapour_kg_m2": "", "air_temperature_K": "", "surface_pressure_hPa": ""}
    rows = [
        row(**missing),
        row(**missing | {"surface_pressure_hPa": "940"}),
        row(**missing | {"water_vapour_kg_m2": "20"}),
    ]
    path = write_table(tmp_path / "table.csv", *rows, row())
    file = write_soundings(tmp_path / "profiles.nc", 4)
    found, by_row = validate(fill_from_profiles(read_matchups(path), file), air="given")
    assert by_row.models == (*["landsat8-b10/profile"] * 3, "landsat8-b10/surface")
    assert by_row.reasons == ("",) * 4
    planck = sensor_band("landsat8-b10").planck
    common = {"radiance": band_radiance(np.float64(290.0), planck), "emissivity": 0.97, "gas_year": 2016.0}
    model = Model.load("landsat8-b10/profile")
    for number, pressure in enumerate((1000.0, 940.0, 1000.0)):
        inputs = inputs_of_profile(pressure, *where)
        if number == 1:  # the temperature at 2 m of the file belongs to 1000 hPa
            inputs["air_temperature"] = air_temperature_between_pressures(289.0, 1000.0, 940.0)
            assert by_row.atmosphere["air_temperature"][1] == pytest.approx(inputs["air_temperature"])
        if number == 2:
            scale = 20.0 / inputs["water_vapour"]
            inputs |= {
                name: scale * value for name, value in inputs.items() if "humidity" in name or name == "water_vapour"
            }
        expected = float(model.predict(**inputs, **common)["lst"])
        assert by_row.lst[number] == pytest.approx(expected, abs=0.1 if number == 1 else 0.02)
        assert by_row.atmosphere["water_vapour"][number] == pytest.approx(inputs["water_vapour"], rel=1e-2)
    assert np.ptp(by_row.lst[:3]) > 0.05
    code, lines, _ = command("validate", path, "--profiles", file, "--air", "given", "--json")
    assert code == 0 and json.loads("\n".join(lines))["models"] == found.models
    code, _, errors = command("validate", path, "--profiles", write_soundings(tmp_path / "five.nc", 5))
    assert code == 1 and "five.nc has 5 profiles, table.csv 4 rows; give one profile for each row" in errors[0]
    code, _, errors = command("validate", path, "--profiles", tmp_path / "none.nc")
    assert code == 1 and "none.nc not found" in errors[0]
    impossible = write_soundings(tmp_path / "bad.nc", 4)
    table = write_table(tmp_path / "high.csv", *[row(surface_pressure_hPa="310")] * 4)
    profiles = read_profiles(impossible)
    write_profiles(profiles.isel(level=profiles.pressure[0] > 500.0), impossible)
    code, _, errors = command("validate", table, "--profiles", impossible)
    assert code == 1 and "bad.nc, profile of line 2: the profile has no level above the ground" in errors[0]


def test_terms_of_the_table_give_a_further_method(model, tmp_path):
    band = sensor_band("landsat8-b10").planck
    radiance = sensor_radiance(np.float64(300.0), 0.97, 0.8, 1.5, 2.4, band)
    terms = ("transmittance", "upwelling_radiance_W_m2_sr_um", "downwelling_radiance_W_m2_sr_um")
    kelvin = f"{float(brightness_temperature(radiance, band)):.6f}"
    rows = [(*row(brightness_temperature_K=kelvin), "0.8", "1.5", "2.4"), (*row(), "0.8", "", "2.4")]
    found, by_row = validate(read(tmp_path, *rows, header=(*HEADER, *terms)), models=[model])
    assert by_row.other_methods[GIVEN_TERMS] == pytest.approx([300.0, math.nan], abs=1e-3, nan_ok=True)
    assert found.available[GIVEN_TERMS] == 1
    assert GIVEN_TERMS not in validate(read(tmp_path, row()), models=[model])[1].other_methods


def test_methods_are_compared_on_the_same_rows_and_one_with_holes_can_be_left_out(model, tmp_path):
    header = (*HEADER, "usgs_lst_K", "other_kriging_K")
    table = read(tmp_path, (*row(), "291.0", ""), (*row(), "", ""), (*row(), "293.5", ""), header=header)
    found, _ = validate(table, models=[model])
    assert list(found.methods) == [
        LST_RASTER,
        "single-channel",
        "mono-window",
        "USGS Collection 2",
        "brightness temperature",
    ]
    assert {one.count for one in found.methods.values()} == {found.common} == {2}
    assert found.methods["USGS Collection 2"].bias == pytest.approx(0.25)
    assert found.methods["brightness temperature"].bias == pytest.approx(-2.0)
    assert found.available["USGS Collection 2"] == 2 and found.available[LST_RASTER] == 3
    assert found.groups["all"]["all"].agreement.count == 3
    without, _ = validate(table, models=[model], without=["USGS Collection 2"])
    assert without.common == 3 and "USGS Collection 2" not in without.methods
    with pytest.raises(InputError, match="--without usgs: there is no such method; use one of single-channel"):
        validate(table, models=[model], without=["usgs"])


def test_the_uncertainty_is_combined_with_the_grounds_and_covers_what_it_should(model, tmp_path):
    header = (*HEADER, "insitu_lst_uncertainty_K")
    alone = float(validate(read(tmp_path, row()), models=[model])[1].uncertainty[0])
    lst = float(validate(read(tmp_path, row()), models=[model])[1].lst[0])
    factors = (0.5, 0.99, 1.01, -0.9, -3.0)
    rows = [(*row(insitu_lst_K=f"{lst - factor * alone:.6f}"), "") for factor in factors]
    found, by_row = validate(read(tmp_path, *rows, header=header), models=[model])
    group = found.groups["all"]["all"]
    assert group.coverage == pytest.approx(3 / 5)
    assert group.expected == pytest.approx(alone)
    assert found.with_ground_uncertainty == 0
    surer = [(*cells[:-1], f"{alone:.6f}") for cells in rows]
    found, by_row = validate(read(tmp_path, *surer, header=header), models=[model])
    assert by_row.difference_uncertainty == pytest.approx([alone * math.sqrt(2.0)] * 5, rel=1e-5)
    assert found.groups["all"]["all"].coverage == pytest.approx(4 / 5)
    assert found.with_ground_uncertainty == 5


def test_temperature_and_uncertainty_are_those_of_the_product_of_the_same_pixel(tmp_path, model_path):
    scene = make_scene(tmp_path / "scene", lst=ramp(285.0, 305.0))
    air = {name: f"{value:g}" for name, value in STATE.items()}
    product = lst_raster.retrieve(
        scene, output=tmp_path, model=model_path, emissivity=0.97, exact=True, form=FULL_PRECISION, **STATE
    )
    band = sensor_band("landsat8-b10")
    pixels = (0, 0), (30, 40), (59, 69)
    with rasterio.open(scene) as numbers:
        dn = numbers.read(1)
    header = (
        "sensor",
        "radiance_W_m2_sr_um",
        "emissivity",
        "insitu_lst_K",
        *(NUMERIC_COLUMNS[name].header for name in air),
    )
    rows = [
        ("landsat8-b10", f"{dn[pixel] * band.gain + band.radiance_offset:.9f}", "0.97", "290", *air.values())
        for pixel in pixels
    ]
    _, by_row = validate(read(tmp_path, *rows, header=header), models=[Model.load(model_path)], air="given")
    with (
        rasterio.open(product.path) as lst,
        rasterio.open(product.path.with_name(f"{product.path.stem}_UNC.tif")) as unc,
    ):
        assert by_row.lst == pytest.approx([lst.read(1)[pixel] for pixel in pixels], abs=1e-3)
        assert by_row.uncertainty == pytest.approx([unc.read(1)[pixel] for pixel in pixels], rel=2e-3)


def test_air_that_is_known_better_makes_a_smaller_uncertainty(model, tmp_path):
    table = read(tmp_path, row())
    sure = [validate(table, models=[model], air=air)[1].uncertainty[0] for air in ("given", "reanalysis")]
    assert sure[0] < sure[1]


def test_groups_hold_the_rows_that_they_name(model, tmp_path):
    rows = [
        row(site=site, water_vapour_kg_m2=vapour)
        for site, vapour in (("bon", "5"), ("bon", "9.9"), ("fpk", "10"), ("", "62"))
    ]
    found, _ = validate(read(tmp_path, *rows), models=[model])
    sizes = {
        title: {name: group.agreement.count for name, group in members.items()}
        for title, members in found.groups.items()
    }
    assert sizes["all"] == {"all": 4}
    assert sizes["site"] == {"bon": 2, "fpk": 1}
    assert sizes["water vapour"] == {"0-10": 2, "10-20": 1, "50+": 1}


def test_what_is_not_compared_has_a_reason(model, tmp_path):
    rows = [
        (*row(), ""),
        (*row(), "cloud"),
        (*row(), "yes"),
        (*row(), "0"),
        (*row(sensor=""), ""),
        (*row(brightness_temperature_K=""), ""),
        (*row(emissivity="nan"), ""),
        (*row(water_vapour_kg_m2=""), ""),
        (*row(surface_pressure_hPa=""), ""),
        (*row(insitu_lst_K=""), ""),
        (*row(brightness_temperature_K="151"), ""),
        (*row(emissivity="", insitu_lst_K=""), ""),
    ]
    found, by_row = validate(read(tmp_path, *rows, header=(*HEADER, "excluded")), models=[model])
    assert by_row.reasons == (
        "", "excluded: cloud", "excluded", "", "no sensor", "no radiance", "no emissivity", "no water vapour",
        "no surface pressure", "no in-situ LST", "no solution: the atmospheric radiance exceeds the measured radiance",
        "no emissivity; no in-situ LST",
    )  # fmt: skip
    assert np.isfinite(by_row.lst[[0, 1, 9]]).all()  # retrieved, if not compared
    assert (found.compared, found.left_out["excluded"], found.left_out["no emissivity"]) == (2, 2, 2)
    assert sum(found.left_out.values()) == 11  # of 10 rows, one of which lacks two things


def test_a_table_without_comparable_rows_is_an_error_that_lists_reasons(model, tmp_path):
    header = tuple("humidity" if name == "water_vapour_kg_m2" else name for name in HEADER)
    with pytest.raises(InputError) as raised:
        validate(read(tmp_path, row(), row(emissivity=""), header=header), models=[model])
    message = str(raised.value)
    assert "no emissivity in 1 of 2 rows (column emissivity, or --emissivity)" in message
    remedy = "column water_vapour_kg_m2, --profiles, or for the climatology latitude, longitude and time"
    assert f"no water vapour in 2 of 2 rows ({remedy})" in message
    assert "for unknown columns (humidity) add --column NAME=HEADER" in message
    for reason in REMEDIES:
        assert reason.startswith("no ")


def test_models_must_fit_the_table(model, tmp_path):
    with pytest.raises(InputError, match="for landsat8-b10, the match-ups are of landsat5-b6"):
        validate(read(tmp_path, row(sensor="landsat5-b6")), models=[model])
    with pytest.raises(InputError, match="two models for landsat8-b10"):
        validate(read(tmp_path, row()), models=[model, model])


def test_a_model_that_is_given_is_taken_whatever_a_row_lacks(models, tmp_path, profile_model):
    table = read(tmp_path, row(), row(sensor="landsat7-b6"))
    found, by_row = validate(table, models=[Model.load(profile_model)])
    assert by_row.models == ("landsat8-b10/profile", "landsat7-b6/surface")
    assert by_row.reasons == ("no profile", "")
    assert found.models == {"landsat7-b6/surface": 1}


def test_inputs_outside_the_range_of_a_model_have_a_note(model, tmp_path):
    found, _ = validate(read(tmp_path, row(water_vapour_kg_m2="80"), row()), models=[model])
    (note,) = found.notes
    assert "water vapour is outside the range of landsat8-b10/surface, 0.1 to 75 kg m-2, in 1 row" in note


def test_water_vapour_that_looks_like_centimetres_has_a_note(model, tmp_path):
    rows = [row(water_vapour_kg_m2=vapour) for vapour in ("1.2", "3.4", "2.2", "0.8", "1.9")]
    (note,) = validate(read(tmp_path, *rows), models=[model])[0].notes
    assert "at most 3.4 kg m-2 in all 5 rows: a very dry atmosphere, or centimetres?" in note
    assert validate(read(tmp_path, *rows[:4]), models=[model])[0].notes == ()
    assert validate(read(tmp_path, *rows, row()), models=[model])[0].notes == ()


def test_one_failure_moves_the_bias_but_not_the_median():
    error = np.array([0.1, -0.1, 0.0, 0.2, -0.2, -9.0])
    found = agreement(error)
    assert found.bias == pytest.approx(-1.5) and found.median == pytest.approx(-0.05)
    assert found.outliers == 1 and found.robust_sd < 0.3 < found.sd
    assert outliers(np.append(error, np.nan)).tolist() == [*[False] * 5, True, False]


def test_the_command_prints_tables_and_writes_rows_statistics_and_picture(model, tmp_path, command):
    header = (*HEADER, "usgs_lst_K", "scene")
    rows = [(*row(insitu_lst_K=str(290 + step)), str(291 + step), f"s{step}") for step in range(4)]
    path = write_table(tmp_path / "table.csv", *rows, (*row(insitu_lst_K=""), "", "s9"), header=header)
    out = tmp_path / "out"
    out.mkdir()
    code, lines, notes = command("validate", path, "--model", model.path, "-o", out)
    assert code == 0
    assert lines[0] == "table.csv: 4 of 5 rows compared, by landsat8-b10/surface (4)"
    assert lines[1] == "not compared: 1 no in-situ LST"
    usgs, *_ = (line.split() for line in lines if line.startswith("USGS Collection 2"))
    assert usgs[3:6] == ["4", "1.00", "0.00"]
    assert notes == ["Note: other columns are copied into rows.csv: scene"]
    assert sorted(file.name for file in out.iterdir()) == ["rows.csv", "scatter.png", "statistics.json"]
    with (out / "rows.csv").open(newline="") as file:
        written = list(csv.DictReader(file))
    assert [line["scene"] for line in written] == ["s0", "s1", "s2", "s3", "s9"]
    assert [line["not_compared"] for line in written] == [*[""] * 4, "no in-situ LST"]
    for line in written[:4]:
        assert float(line["difference_K"]) == pytest.approx(
            float(line["lst_K"]) - float(line["insitu_lst_K"]), abs=2e-3
        )
    with Image.open(out / "scatter.png") as picture:
        assert picture.format == "PNG"
    statistics = json.loads((out / "statistics.json").read_text())
    as_json = json.loads("\n".join(command("validate", path, "--model", model.path, "--json")[1]))
    assert as_json == statistics
    assert statistics["methods"]["USGS Collection 2"]["bias"] == pytest.approx(1.0)


def test_the_rows_that_were_written_give_the_same_statistics_again(model, tmp_path, command):
    header = (*HEADER, "usgs_lst_K", "other_my_map_K", "excluded")
    rows = [(*row(insitu_lst_K=str(290 + step)), str(291 + step), "290", "") for step in range(4)]
    path = write_table(tmp_path / "table.csv", *rows, (*row(), "300", "290", "fog"), header=header)
    before = json.loads("\n".join(command("validate", path, "--model", model.path, "-o", tmp_path, "--json")[1]))
    after = json.loads("\n".join(command("validate", tmp_path / "rows.csv", "--model", model.path, "--json")[1]))
    assert after["left_out"] == before["left_out"] == {"excluded": 1}
    assert list(after["methods"]) == list(before["methods"])
    for name, figures in before["methods"].items():
        assert after["methods"][name] == pytest.approx(figures, abs=2e-3), name
    assert after["groups"]["site"].keys() == before["groups"]["site"].keys()


def test_the_picture_shows_sensors_where_there_are_several_and_methods_where_there_is_one(
    models, tmp_path, monkeypatch
):
    shown = []
    monkeypatch.setattr(validation_files, "draw_scatter", lambda series, **words: shown.append((series, words)))
    tables = (
        read(tmp_path, row(), row(insitu_lst_K="291"), row(insitu_lst_K="")),
        read(tmp_path, row(), row(sensor="landsat7-b6"), row(sensor="landsat7-b6", insitu_lst_K="")),
    )
    results = [validate(table) for table in tables]
    for table, (found, by_row) in zip(tables, results, strict=True):
        validation_files.scatter(found, table, by_row)
    (methods, _), (sensors, words) = shown
    assert [one.name for one in methods] == [LST_RASTER, "single-channel", "mono-window"]
    assert np.array_equal(methods[0].y, [*results[0][1].lst[:2], np.nan], equal_nan=True)
    assert methods[0].statistics["bias [K]"] == f"{results[0][0].methods[LST_RASTER].bias:.2f}"
    assert [(one.name, one.statistics["rows"]) for one in sensors] == [("landsat7-b6", "1"), ("landsat8-b10", "1")]
    assert np.array_equal(sensors[0].y, [np.nan, results[1][1].lst[1], np.nan], equal_nan=True)
    assert sensors[0].x.tolist()[:2] == [292.0, 292.0]
    assert words["title"] == "table.csv: lst-raster"


def test_json_holds_no_nan(model, tmp_path, command):
    path = write_table(tmp_path / "table.csv", row())
    code, lines, _ = command("validate", path, "--model", model.path, "--json")

    def refuse(text):
        raise AssertionError(text)

    found = json.loads("\n".join(lines), parse_constant=refuse)
    assert code == 0 and found["methods"][LST_RASTER]["bias"] is None and found["methods"][LST_RASTER]["count"] == 1
    code, lines, _ = command("validate", path, "--model", model.path)
    assert code == 0 and "-" in lines[5].split()


def test_existing_results_are_kept_without_overwrite(model, tmp_path, command):
    path = write_table(tmp_path / "table.csv", row(), row())
    arguments = ("validate", path, "--model", model.path, "-o", tmp_path)
    assert command(*arguments)[0] == 0
    (tmp_path / "rows.csv").write_text("mine")
    code, _, errors = command(*arguments)
    assert code == 1 and "already contains rows.csv, statistics.json, scatter.png; add --overwrite" in errors[0]
    assert (tmp_path / "rows.csv").read_text() == "mine"
    assert command(*arguments, "--overwrite")[0] == 0
    assert (tmp_path / "rows.csv").read_text() != "mine"
    code, _, errors = command(*arguments[:-1], tmp_path / "none")
    assert code == 1 and "not an existing folder" in errors[0]


def test_stations_fill_the_ground_the_air_and_the_place(models, tmp_path, command):
    write_station_day(tmp_path / "files", datetime.date(2016, 1, 1), up=lambda minute: 410.0)
    header = tuple(name for name in HEADER if name not in ("insitu_lst_K", "surface_pressure_hPa", "air_temperature_K"))
    rows = [cells[:6] for cells in (row(site="Bondville"), row(water_vapour_kg_m2=""), row(site="sxf"))]
    path = write_table(tmp_path / "table.csv", *rows, header=header)
    stations = ("--stations", tmp_path / "files", "--broadband-emissivity", "0.97")
    code, lines, _ = command("validate", path, *stations, "--json")
    found = json.loads("\n".join(lines))
    assert code == 0 and found["models"] == {"landsat8-b10/surface": 2}
    reasons = "no file of a station sxf", "no air temperature", "no surface pressure"
    assert found["left_out"] == dict.fromkeys(reasons, 1)
    assert found["notes"] == ["water vapour is that of the climatology in 1 row"]
    assert found["with_ground_uncertainty"] == 2
    code, _, errors = command("validate", path, *stations[:2])
    assert code == 1
    assert (
        "no broadband emissivity in 2 of 3 rows (column broadband_emissivity, or --broadband-emissivity)" in errors[0]
    )


def test_wrong_usage_is_an_error(tmp_path, command):
    path = write_table(tmp_path / "table.csv", row())
    code, _, errors = command("validate", path, "--column", "insitu_lst_K")
    assert code == 2 and "write NAME=HEADER" in errors[-1]
    code, _, errors = command("validate", path, "--column", "insitu_lst_K=other")
    assert code == 1 and "has no column other" in errors[0]


def test_the_choices_of_the_command_are_those_of_the_library():
    choices = {
        option.name: list(option.type.choices) for option in cli_command.params if hasattr(option.type, "choices")
    }
    assert sorted(choices["air"]) == sorted(INPUT_UNCERTAINTIES)
    assert sorted(choices["tier"]) == sorted(TIERS)


def test_known_products_agree_with_the_buoy_of_the_lake_and_all_methods_are_there():
    table = shared_path("data", "matchups", "lake_sunapee_l7.csv")
    place = {"elevation": 333.0, "latitude": 43.38, "longitude": -72.05}
    found, _ = validate(read_matchups(table, defaults={"emissivity": 0.99, **place}))
    assert "air temperature is that of the climatology in 56 rows" in found.notes
    assert (found.total, found.compared, found.common) == (56, 56, 53)  # USGS has no value for three
    assert found.methods["brightness temperature"].bias == pytest.approx(-3.0, abs=0.15)
    assert found.methods["USGS Collection 2"].bias == pytest.approx(-0.15, abs=0.05)
    assert found.methods["USGS Collection 2"].sd == pytest.approx(1.36, abs=0.05)
    assert found.methods["single-channel"].sd < 1.7 and found.methods["mono-window"].sd < 1.7


def test_the_page_shows_what_the_command_says_of_the_lake(command):
    table = shared_path("data", "matchups", "lake_sunapee_l7.csv")
    place = ("--latitude", "43.38", "--longitude", "-72.05", "--elevation", "333")
    _, lines, _ = command("validate", table, *place, "--emissivity", "0.99")
    page = Path(__file__).resolve().parents[2].joinpath("docs", "validate.md").read_text().splitlines()
    start = next(number for number, line in enumerate(page) if "rows compared, by landsat7-b6/surface" in line)
    shown = [line.removeprefix("    ") for line in page[start : start + len(lines)]]
    numbers = re.compile(r"-?\d+\.\d\d")
    assert [numbers.sub("#", line).split() for line in lines] == [numbers.sub("#", line).split() for line in shown]
    both = ([float(found) for line in text for found in numbers.findall(line)] for text in (lines, shown))
    assert next(both) == pytest.approx(next(both), abs=0.0101)


def test_without_matplotlib_rows_and_statistics_are_written_and_a_warning_names_the_extra(
    model, tmp_path, command, monkeypatch
):
    path = write_table(tmp_path / "table.csv", row(), row())
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    code, lines, errors = command("validate", path, "--model", model.path, "-o", tmp_path)
    assert (code, lines[-2:]) == (0, [str(tmp_path / "rows.csv"), str(tmp_path / "statistics.json")])
    assert errors == [
        "Warning: scatter.png was not written: matplotlib is not installed; run: pip install 'lst-raster[plot]'"
    ]
    assert not list(tmp_path.glob("*.png"))
