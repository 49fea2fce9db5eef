"""The formulas of emissivity hold their limits, on numpy and on torch alike."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lst_raster.inputs.emissivity.tables import band_table, components, land_cover_names, land_cover_table
from lst_raster.physics import emissivity as formulas
from lst_raster.sensors.bands import sensor_names

shares = st.floats(0.0, 1.0)


@pytest.fixture(params=["numpy", "torch"])
def array(request):
    if request.param == "numpy":
        return lambda values: np.asarray(values, dtype=np.float64)
    import torch

    return lambda values: torch.tensor(values, dtype=torch.float64)


def test_the_index_needs_reflectance_that_adds_up_to_something(array):
    index = formulas.ndvi(array([0.1, 0.0, -0.1]), array([0.3, 0.0, 0.05]))
    assert float(index[0]) == pytest.approx(0.5)
    assert np.isnan(np.asarray(index[1:])).all()


def test_vegetation_cover_is_held_between_none_and_all(array):
    cover = formulas.vegetation_cover(array([-1.0, 0.2, 0.35, 0.5, 0.9]), 0.2, 0.5)
    assert np.asarray(cover) == pytest.approx([0.0, 0.0, 0.25, 1.0, 1.0])


@given(cover=shares, soil=st.floats(0.9, 0.99), vegetation=st.floats(0.97, 0.995))
def test_a_mixture_lies_between_its_parts(cover, soil, vegetation):
    mixed = formulas.mixed_emissivity(np.float64(cover), soil, vegetation)
    assert min(soil, vegetation) - 1e-12 <= mixed <= max(soil, vegetation) + 1e-12
    spread = formulas.mixed_uncertainty(np.float64(cover), 0.012, 0.006)
    assert 0.0 < spread <= 0.012


@given(then=st.floats(0.0, 0.7), now=shares, soil=st.floats(0.9, 0.98))
def test_the_adjustment_to_vegetation_undoes_the_mixture_and_makes_it_anew(then, now, soil):
    seen = formulas.mixed_emissivity(np.float64(then), soil, 0.9885)
    adjusted = formulas.vegetation_adjusted_emissivity(seen, np.float64(then), np.float64(now), 0.9885, 0.3)
    assert adjusted == pytest.approx(formulas.mixed_emissivity(np.float64(now), soil, 0.9885), abs=1e-12)


def test_the_adjustment_stays_finite_under_a_closed_canopy():
    adjusted = formulas.vegetation_adjusted_emissivity(np.float64(0.98), np.float64(1.0), np.float64(0.0), 0.9885, 0.3)
    assert 0.94 < adjusted < 0.98


def test_reflectance_from_radiance_is_that_of_the_constants_in_a_newer_file():
    # Landsat 7 of 2001-07-30, band 4: the older file tells radiance, the newer one of the same scene reflectance too.
    from tests.support.shared import shared_path

    folder = shared_path("data", "landsat", "c1_marburg")
    newer = (folder / "extdata" / "LE07_L1TP_195025_20010730_20170204_01_T1_MTL.txt").read_text()
    entries = dict(line.split(" = ", 1) for line in newer.splitlines() if " = " in line)
    entries = {key.strip(): value for key, value in entries.items()}
    gain, offset = float(entries["RADIANCE_MULT_BAND_4"]), float(entries["RADIANCE_ADD_BAND_4"])
    irradiance = band_table("landsat7-b6").solar_irradiance["near_infrared"]
    mine = [float(formulas.reflectance_from_radiance(x, irradiance, 1.0)) for x in (gain, offset)]
    theirs = [float(entries["REFLECTANCE_MULT_BAND_4"]), float(entries["REFLECTANCE_ADD_BAND_4"])]
    assert mine == pytest.approx(theirs, rel=1e-3)  # Collection 1 leaves the distance of the sun out of them


@pytest.mark.parametrize("sensor", sensor_names())
def test_every_band_has_emissivities_that_could_be(sensor):
    table, parts = band_table(sensor), components(sensor)
    assert set(parts) == {"soil", "vegetation", "rock", "built", "water", "snow"}
    for value in parts.values():
        assert 0.9 < value.emissivity < 1.0
        assert 0.005 <= value.uncertainty < 0.07
    assert 0.95 < table.soil[0] + 0.5 * table.soil[1] < table.soil[0] < table.vegetation
    assert abs(parts["soil"].emissivity - (table.soil[0] + table.soil[1] * 0.2)) < 0.01  # two independent sources
    if table.aster:  # grey ground stays grey
        assert abs(table.aster.band_13 + table.aster.band_14 + table.aster.constant - 1.0) < 0.002


@pytest.mark.parametrize("name", land_cover_names())
def test_the_parts_of_every_class_make_a_whole(name):
    assert name in ("igbp", "nlcd", "worldcover")
    for value in land_cover_table(name, "landsat8-b10").values():
        assert 0.93 < value.emissivity < 0.995
        assert 0.004 < value.uncertainty < 0.03


def test_the_components_are_what_their_maker_makes_of_the_spectra(tmp_path):
    from lst_raster.inputs.emissivity.spectra import make_components
    from lst_raster.resources import data_path
    from tests.support.shared import shared_path

    folder = shared_path("data", "emissivity")
    made = make_components(
        folder / "ecostress_band_emissivity_index.csv", folder / "slum_ir.csv", tmp_path / "components.csv"
    )
    assert made.read_text() == data_path("emissivity", "components.csv").read_text()
