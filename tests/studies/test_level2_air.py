"""Atmospheric terms of Level-2 products, synthetic and real, compared with simulations."""

import csv
import json
from dataclasses import replace

import numpy as np
import pytest
import rasterio
from PIL import Image

import lst_raster
from examples.studies.columns import column_of
from examples.studies.level2 import study as study_module
from examples.studies.level2 import terms as terms_module
from examples.studies.level2.model_atmosphere import EXACT, once, vapour_and_temperature_of
from examples.studies.level2.report import PI, UNCHANGED, as_dict, rows, tables, write
from examples.studies.level2.retrieval import BOTH, STEPS, VAPOUR, retrievals
from examples.studies.level2.retrieval import write as retrieval_report
from examples.studies.level2.simulated_atmosphere import GROUNDS, changed, choose_shapes, match_air
from examples.studies.level2.study import (
    BOTH_GIVEN,
    BOTH_MATCHED,
    GIVEN,
    MATCHED,
    SIMULATED,
    SIMULATED_PLAIN,
    neighbourhood,
    run,
)
from examples.studies.level2.terms import read_terms
from examples.studies.points import implied_vapour
from lst_raster.errors import CancelledError, InputError, OutputError, SceneError
from lst_raster.inference.model import Model
from lst_raster.physics.planck import brightness_temperature
from lst_raster.profiles.profile_sets import library_path, read_profiles
from lst_raster.sensors.bands import sensor_band
from lst_raster.simulator.atmosphere import layers
from lst_raster.simulator.band_simulation import band_average, effective_average, simulate_spectrum
from lst_raster.simulator.gases import Composition
from tests.support.factories import ramp
from tests.support.level2_scenes import make_level2
from tests.support.shared import shared_path

SENSOR = "landsat8-b10"
GASES = Composition(year=2015.0)  # the year of the made product
WARMING, MOISTENING = 3.0, 0.2
PRODUCT = ("data", "landsat", "LC08_L2SP_098084_20210503_20210508_02_T1")
CLOUDY = ("data", "landsat", "l8_l2sp_017036")


@pytest.fixture(scope="module")
def library():
    return read_profiles(library_path())


@pytest.fixture(scope="module")
def hidden(library):
    """Perturbed library profile, warmer and more humid, unknown to the study."""
    index = choose_shapes(library, 25.0, 295.0, 0.0, 3)[1]  # with the middle transmittance of the three
    return changed(column_of(library, index), MOISTENING, WARMING)


@pytest.fixture(scope="module")
def spectrum(hidden):
    return simulate_spectrum(hidden, GASES)


@pytest.fixture(scope="module")
def air(spectrum):
    """Terms of that profile, computed as in the method of the product."""
    found = effective_average(spectrum, SENSOR, GROUNDS)
    return found.transmittance, found.upwelling_radiance, found.downwelling_radiance


@pytest.fixture(scope="module")
def made(tmp_path_factory, air):
    lst = ramp(285, 315)
    cloud = np.zeros(lst.shape, bool)
    cloud[5:15, 5:15] = True
    folder = make_level2(tmp_path_factory.mktemp("product") / "p", lst=lst, air=air, cloud=cloud, emissivity=0.95)
    return run([folder], shapes=2)[0]


def value(study, method, quantity, reference, *, pixels="all", group="all"):
    return next(
        row
        for row in rows(study)
        if (row.method, row.quantity, row.reference, row.pixels, row.group)
        == (method, quantity, reference, pixels, group)
    )


def test_water_vapour_and_temperature_of_an_unknown_profile_are_derived(made, hidden):
    found = next(one for one in made.atmospheres if one.name == SIMULATED)
    # profiles with the same terms differ by a fifth in water vapour, by its vertical distribution
    assert np.mean(found.water_vapour) == pytest.approx(layers(hidden).water_vapour, rel=0.2)
    assert np.mean(found.air_temperature) == pytest.approx(hidden.air_temperature[0], abs=3.0)


def test_its_downwelling_radiance_and_surface_temperature_are_derived(made):
    assert abs(value(made, SIMULATED, "downwelling over pi ST_DRAD", "1").bias) < 0.015
    assert abs(value(made, SIMULATED, "temperature", PI, pixels="clear").bias) < 0.02
    assert value(made, SIMULATED_PLAIN, "downwelling over pi ST_DRAD", "1").bias > 0.02  # another average, not pi
    wrong = value(made, UNCHANGED, "temperature", PI, pixels="clear").bias
    assert wrong > 0.4
    first_order = -np.mean(made.change_by_pi(made.lst(made.usgs(corrected=True)))[made.terms.clear])
    assert wrong == pytest.approx(first_order, rel=0.05)


def test_a_product_with_the_full_downwelling_radiance_is_distinguished_from_one_divided_by_pi(tmp_path, air):
    folder = make_level2(tmp_path / "p", lst=ramp(285, 315), air=(*air[:2], np.pi * air[2]), emissivity=0.95)
    found = run([folder], shapes=1)[0]
    assert value(found, SIMULATED, "downwelling over pi ST_DRAD", "1").bias == pytest.approx(
        1.0 / np.pi - 1.0, abs=0.01
    )
    # what the stated ground shows through that air is not what ours finds of it
    assert value(found, SIMULATED, "temperature of the assumed surface", PI).bias > 0.5
    assert abs(value(found, SIMULATED, "temperature of the assumed surface", UNCHANGED).bias) < 0.02


def test_clouds_are_excluded_from_temperatures_but_not_from_atmospheric_terms(made):
    clouds = np.count_nonzero(~made.terms.clear)
    assert 0 < clouds < made.terms.pixel.size
    assert value(made, SIMULATED, "downwelling radiance", "pi ST_DRAD").count == made.terms.pixel.size
    assert value(made, PI, "temperature", "ST_B10", pixels="clear").count == made.terms.pixel.size - clouds
    assert not [row for row in rows(made) if row.quantity == "temperature" and row.pixels == "all"]
    assert made.terms.map(made.terms.temperature).shape == made.terms.shape


def test_profiles_are_adjusted_to_the_target_terms(library):
    wanted = [(0.75, 1.70), (0.70, 2.05)]
    (index,) = choose_shapes(library, 22.0, 288.0, 0.0, 1)
    first, second = match_air(library, index, wanted, SENSOR, GASES)
    assert (first.transmittance, first.upwelling_radiance) == wanted[0]
    assert second.water_vapour > first.water_vapour
    assert first.effective < first.plain
    assert 1.3 * first.upwelling_radiance < first.plain < 1.8 * first.upwelling_radiance
    assert not match_air(library, index, [(0.95, 8.0)], SENSOR, GASES)  # no air is so clear and so bright


def test_adjustments_decrease_to_zero_at_the_tropopause(library):
    profile = column_of(library, 100)
    other = changed(profile, np.log(1.5), 4.0)
    low, high = profile.pressure > 300.0, profile.pressure < 100.0
    assert np.allclose(other.air_temperature[low] - profile.air_temperature[low], 4.0)
    assert np.allclose(other.specific_humidity[low], 1.5 * profile.specific_humidity[low])
    assert np.array_equal(other.air_temperature[high], profile.air_temperature[high])


OTHERS = {"surface_pressure": 1000.0, "brightness_temperature": 292.0}


@pytest.fixture(scope="module")
def model():
    return Model.load(f"{SENSOR}/surface", graph="atmosphere")


def test_the_model_is_inverted(model):
    vapour, temperature = np.array([4.0, 15.0, 28.0, 45.0]), np.array([275.0, 288.0, 297.0, 302.0])
    state = {**OTHERS, **EXACT, "water_vapour": vapour, "air_temperature": temperature}
    terms = model.atmosphere(**state)
    transmittance, upwelling = terms.transmittance.astype(float), terms.upwelling_radiance.astype(float)
    known = {**OTHERS, "air_temperature": temperature, "air_temperature_uncertainty": 0.0}
    assert np.allclose(implied_vapour(model, transmittance, known), vapour, rtol=0.01)
    impossible = {**OTHERS, "air_temperature": 288.0, "air_temperature_uncertainty": 0.0}
    assert np.isnan(implied_vapour(model, np.array([0.9999]), impossible)).all()
    found = vapour_and_temperature_of(model, transmittance, upwelling, 1.3 * vapour, OTHERS)
    assert np.allclose(found[0], vapour, rtol=0.02)
    assert np.allclose(found[1], temperature, atol=0.5)
    none = vapour_and_temperature_of(model, np.array([0.95]), np.array([8.0]), np.array([20.0]), OTHERS)
    assert np.isnan(none).all()


def test_inversion_of_a_model_excludes_atmospheres_too_cold_for_their_water_vapour(model):
    state = {**OTHERS, **EXACT, "water_vapour": np.array([44.0]), "air_temperature": np.array([240.0])}
    saturated = model.atmosphere(**state)
    transmittance, upwelling = saturated.transmittance.astype(float), saturated.upwelling_radiance.astype(float)
    emission = brightness_temperature(upwelling / (1.0 - transmittance), sensor_band(SENSOR).planck)
    assert emission > 250.0  # so much vapour emits from warmer air than the 240 K at the ground
    _, temperature = vapour_and_temperature_of(model, transmittance, upwelling, np.array([40.0]), OTHERS)
    assert not (temperature < emission).any()


def test_the_neighbourhood_is_that_of_the_clear_pixels_or_of_the_assumed_surface(made):
    clear = brightness_temperature(made.terms.radiance[made.terms.clear], sensor_band(SENSOR).planck)
    assert neighbourhood(made.terms) == pytest.approx(np.median(clear))
    assert made.ground.mean() - 8.0 < neighbourhood(replace(made.terms, clear=np.zeros_like(made.terms.clear)))


def test_equal_pixels_are_computed_once():
    calls = []

    def double(first, second):
        calls.append(first.size)
        return 2.0 * first, first + second

    twice, total = once(double, np.array([3.0, 1.0, 3.0]), np.array([1.0, 1.0, 1.0]))
    assert calls == [2]
    assert twice.tolist() == [6.0, 2.0, 6.0]
    assert total.tolist() == [4.0, 2.0, 4.0]


def test_downwelling_radiance_of_the_real_product_is_pi_st_drad_within_three_per_cent():
    found = run([shared_path(*PRODUCT)], shapes=2)[0]
    assert found.terms.clear.sum() == 198
    effective, plain = (
        value(found, way, "downwelling over pi ST_DRAD", "1", pixels="clear") for way in (SIMULATED, SIMULATED_PLAIN)
    )
    assert -0.03 < effective.bias < 0.0 < plain.bias < 0.05
    assert max(effective.sd, plain.sd) < 0.005
    assert abs(value(found, SIMULATED, "temperature", PI, pixels="clear").bias) < 0.02
    assert all(0.7 < one.largest_relative_humidity < 1.2 for one in found.matched)  # air that could be
    assert value(found, PI, "temperature", "ST_B10", pixels="clear").bias == pytest.approx(-0.345, abs=0.005)
    stands = value(found, UNCHANGED, "temperature", "ST_B10", pixels="clear")
    assert stands.bias == pytest.approx(0.013, abs=0.005)
    assert stands.sd < 0.06
    matched = value(found, BOTH_MATCHED, "temperature", PI, pixels="clear")
    assert abs(matched.bias) < 0.15  # transmittance and upwelling radiance are the product's: the sky alone differs
    assert abs(value(found, MATCHED, "transmittance", "ST_ATRAN").bias) < 1e-3
    given = [next(one for one in found.atmospheres if one.name == way).transmittance for way in (GIVEN, BOTH_GIVEN)]
    assert np.abs(np.array(given) - found.terms.transmittance).max() < 0.08


def test_retrievals_with_the_model_are_explained_term_by_term(tmp_path):
    found = run([shared_path(*PRODUCT)], shapes=2)[0]
    climatology, *others = retrievals(shared_path(*PRODUCT), found)
    assert [one.inputs for one in others] == [VAPOUR, BOTH]
    for one in (climatology, *others):
        *steps, total = (one.changes[step] for step in STEPS)
        assert total.shape == (198,)
        assert np.allclose(np.sum(steps, axis=0), total)
        assert abs(steps[0].mean()) < 0.02
        assert steps[1].mean() == pytest.approx(-0.36, abs=0.01)
        assert abs(total.mean()) < 1.6
    product = lst_raster.retrieve(shared_path(*PRODUCT), output=tmp_path, emissivity="st-emis", exact=True)
    with rasterio.open(product.path) as dataset:
        ours = dataset.read(1).ravel()[found.terms.pixel[found.terms.clear]]
    total = climatology.changes[STEPS[-1]]
    assert np.abs(ours - found.terms.temperature[found.terms.clear] - total).max() < 0.02
    assert np.abs(climatology.differences["tau"]).mean() > np.abs(others[1].differences["tau"]).mean()


def test_a_comparison_of_retrievals_is_written_without_cloudy_products(tmp_path):
    folder = shared_path(*CLOUDY)
    cloudy = run([folder], shapes=1)[0]
    assert not list(retrievals(folder, cloudy))
    csv_path, table_path = retrieval_report([folder], [cloudy], tmp_path)
    assert len(csv_path.read_text().splitlines()) == 1
    assert table_path.read_text() == "\n"


def test_the_cloudy_product_has_no_clear_pixel_but_consistent_terms(monkeypatch):
    monkeypatch.setattr(terms_module, "LARGEST", 128)
    found = run([shared_path(*CLOUDY)], shapes=1)[0]
    assert not found.terms.clear.any()
    assert -0.04 < value(found, SIMULATED, "downwelling over pi ST_DRAD", "1").bias < 0.01
    assert -0.02 < value(found, SIMULATED_PLAIN, "downwelling over pi ST_DRAD", "1").bias < 0.04
    assert abs(value(found, SIMULATED, "temperature of the assumed surface", PI).bias) < 0.02
    assert not [row for row in rows(found) if row.pixels == "clear"]


def test_a_study_is_written_as_tables_numbers_and_maps(made, tmp_path):
    paths = write([made], tmp_path)
    assert [path.suffix for path in paths] == [".csv", ".json", ".md", ".png", ".png"]
    with paths[0].open(newline="") as file:
        table = list(csv.DictReader(file))
    found = json.loads(paths[1].read_text())["products"][0]
    assert len(table) == len(found["rows"]) == len(list(rows(made)))
    assert found["clear"] == int(made.terms.clear.sum())
    assert len(found["matched_profiles"]) == len(as_dict([made])["products"][0]["matched_profiles"]) == 2
    assert f"| {BOTH_GIVEN} |" in paths[2].read_text() == tables([made])
    for path in paths[3:]:
        with Image.open(path) as picture:
            assert picture.size[0] > 300
    with pytest.raises(OutputError, match="not an existing folder"):
        write([made], tmp_path / "none")


def test_a_large_product_is_thinned(tmp_path, air, monkeypatch):
    folder = make_level2(tmp_path / "p", lst=ramp(285, 315), air=air)
    whole = read_terms(folder)
    monkeypatch.setattr(terms_module, "LARGEST", 16)
    thinned = read_terms(folder)
    assert max(thinned.shape) <= 16 < max(whole.shape)
    assert thinned.temperature.mean() == pytest.approx(whole.temperature.mean(), abs=1.0)


@pytest.mark.parametrize(
    ("suffix", "message"),
    [("ST_EMIS", "no ST_EMIS"), ("ST_B10", "its surface temperature"), ("QA_PIXEL", "no QA_PIXEL")],
)
def test_missing_bands_are_named(tmp_path, air, suffix, message):
    folder = make_level2(tmp_path / "p", air=air)
    next(folder.glob(f"*_{suffix}.TIF")).unlink()
    with pytest.raises(SceneError, match=message):
        read_terms(folder)


def test_a_product_with_only_fill_is_refused(tmp_path):
    lst = ramp(285, 315)
    with pytest.raises((SceneError, InputError)):
        read_terms(make_level2(tmp_path / "p", lst=lst, fill=np.ones(lst.shape, bool)))


def test_progress_is_reported_and_can_cancel(tmp_path, air, monkeypatch):
    folder, seen = make_level2(tmp_path / "p", air=air), []
    monkeypatch.setattr(study_module, "match_air", lambda *_: [])
    with pytest.raises(CancelledError, match="simulating"):
        run([folder], shapes=3, progress=lambda done, total: bool(seen.append((done, total))))
    assert seen == [(1, 3)]


def test_models_are_compared_without_a_matched_profile(tmp_path, air, monkeypatch):
    folder = make_level2(tmp_path / "p", air=air)
    monkeypatch.setattr(study_module, "match_air", lambda *_: [])
    found = run([folder], shapes=1)[0]
    assert not [row for row in rows(found) if row.method in (SIMULATED, BOTH_GIVEN) and row.reference == "pi ST_DRAD"]
    assert value(found, MATCHED, "transmittance", "ST_ATRAN").rmse < 1e-3
    assert "| simulated, effective terms | 0 % | - | - | " in tables([found])


def test_the_plain_downwelling_radiance_is_the_band_average_of_the_simulator(made, spectrum):
    plain = band_average(spectrum, SENSOR).downwelling_radiance
    found = next(one for one in made.atmospheres if one.name == SIMULATED_PLAIN)
    assert found.downwelling_radiance.mean() == pytest.approx(plain, rel=0.015)
