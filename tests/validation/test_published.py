import json

import numpy as np
import pytest

from lst_raster.errors import UnknownSensorError
from lst_raster.physics.planck import band_radiance
from lst_raster.physics.published_retrievals import (
    mono_window_temperature,
    single_channel_temperature,
    split_window_temperature,
)
from lst_raster.resources import data_path
from lst_raster.sensors.bands import sensor_band
from lst_raster.validation.published import (
    _table,
    has_split_window,
    mono_window,
    published_methods,
    retrieve_published,
    single_channel,
    split_window,
)
from tests.support.shared import shared_path

L8 = sensor_band("landsat8-b10").planck
SPLIT_WINDOW = _table()["split_window"]["landsat8-b10"]["coefficients"]


def radiance_of(temperature):
    return band_radiance(np.asarray(temperature, float), L8)


def test_the_single_channel_method_follows_its_formula_by_hand():
    psi = _table()["single_channel"]["landsat8-b10"]["psi"]
    found = single_channel_temperature(9.0, 295.0, 0.97, 20.0, psi, 1324.0)
    psi1 = 0.04019 * 4 + 0.02916 * 2 + 1.01523
    psi2 = -0.38333 * 4 - 1.50294 * 2 + 0.20324
    psi3 = 0.00918 * 4 + 1.36072 * 2 - 0.27514
    gamma, delta = 295.0**2 / (1324.0 * 9.0), 295.0 - 295.0**2 / 1324.0
    assert found == pytest.approx(gamma * ((psi1 * 9.0 + psi2) / 0.97 + psi3) + delta, abs=1e-9)


def test_the_mono_window_method_follows_its_formula_by_hand():
    assert mono_window_temperature(290.0, 0.96, 1.0541, -253.1943, 238.9548) == pytest.approx(
        1.0541 * 290.0 / 0.96 - 253.1943 / 0.96 + 238.9548, abs=1e-9
    )


def test_the_split_window_method_follows_its_formula_by_hand():
    found = split_window_temperature(295.0, 293.0, 0.96, 0.98, 20.0, SPLIT_WINDOW)
    atmosphere = 1.378 * 2.0 + 0.183 * 4.0 - 0.268
    emissivity = (54.3 - 2.238 * 2.0) * 0.03 + (-129.2 + 16.4 * 2.0) * -0.02
    assert found == pytest.approx(295.0 + atmosphere + emissivity, abs=1e-9)


def test_without_differences_of_the_bands_only_the_mean_emissivity_counts_in_the_split_window_method():
    black = split_window_temperature(295.0, 295.0, 1.0, 1.0, 20.0, SPLIT_WINDOW)
    assert black == pytest.approx(295.0 - 0.268, abs=1e-9)
    grey = split_window_temperature(295.0, 295.0, 0.95, 0.95, 0.0, SPLIT_WINDOW)
    assert grey - black == pytest.approx(54.3 * 0.05, abs=1e-9)


def test_the_split_window_method_takes_the_radiances_of_both_bands():
    eleven = sensor_band("landsat8-b11").planck
    pixel = (radiance_of(295.0), band_radiance(np.float64(293.0), eleven)), (np.float64(0.96), np.float64(0.98))
    found = split_window("landsat8-b10", *pixel, np.float64(20.0))
    assert found == pytest.approx(split_window_temperature(295.0, 293.0, 0.96, 0.98, 20.0, SPLIT_WINDOW), abs=1e-6)
    assert "split-window" not in published_methods("landsat8-b10")
    assert has_split_window("landsat8-b10") and not has_split_window("landsat9-b10")
    with pytest.raises(UnknownSensorError, match="split-window method has no published coefficients for landsat9-b10"):
        split_window("landsat9-b10", *pixel, np.float64(20.0))


def test_torch_gives_what_numpy_gives():
    torch = pytest.importorskip("torch", reason="needs the extra train")
    psi = _table()["single_channel"]["landsat7-b6"]["psi"]
    values = np.array([8.0, 9.0]), np.array([288.0, 295.0]), np.array([0.95, 0.98]), np.array([10.0, 30.0])
    tensors = [torch.tensor(value) for value in values]
    expected = single_channel_temperature(*values, psi, 1277.0)
    assert np.allclose(single_channel_temperature(*tensors, psi, 1277.0).numpy(), expected, atol=1e-10)


def test_dry_air_over_a_black_surface_leaves_the_brightness_temperature_nearly_unchanged():
    for lst in retrieve_published("landsat8-b10", radiance_of(290.0), np.float64(0.99), np.float64(1.0)).values():
        assert lst == pytest.approx(290.7, abs=0.6)


def test_the_two_methods_part_in_humid_air_as_their_authors_coefficients_do():
    # Known differences at a brightness temperature of 295 K and emissivity 0.97.
    for vapour, difference in ((20.0, -0.9), (40.0, -2.6), (60.0, -7.4)):
        arguments = "landsat8-b10", radiance_of(295.0), np.float64(0.97), np.float64(vapour)
        assert single_channel(*arguments) - mono_window(*arguments) == pytest.approx(difference, abs=0.25)


def test_a_class_edge_belongs_to_the_class_below():
    at, above = np.float64(6.0), np.float64(6.0 + 1e-9)
    first = mono_window_temperature(290.0, 0.97, 0.9751, -205.8929, 212.7173)
    second = mono_window_temperature(290.0, 0.97, 1.009, -232.275, 230.5698)
    assert mono_window("landsat8-b10", radiance_of(290.0), np.float64(0.97), at) == pytest.approx(first, abs=0.02)
    assert mono_window("landsat8-b10", radiance_of(290.0), np.float64(0.97), above) == pytest.approx(second, abs=0.02)


def test_missing_vapour_gives_no_temperature():
    results = retrieve_published("landsat8-b10", radiance_of([290.0, 290.0]), np.full(2, 0.97), np.array([np.nan, 9.0]))
    for lst in results.values():
        assert np.isnan(lst[0]) and np.isfinite(lst[1])


def test_a_band_without_published_coefficients_is_named():
    assert published_methods("landsat9-b10") == ["mono-window"]
    with pytest.raises(UnknownSensorError, match="landsat9-b10"):
        single_channel("landsat9-b10", radiance_of(290.0), np.float64(0.97), np.float64(9.0))


def test_the_packaged_coefficients_are_those_of_the_collected_publications():
    collected = json.loads(shared_path("data", "baselines", "published_coefficients.json").read_text())
    assert data_path("baselines", "SOURCE.md").is_file()
    names = {"L4": "landsat4-b6", "L5": "landsat5-b6", "L7": "landsat7-b6", "L8": "landsat8-b10", "L9": "landsat9-b10"}
    for short, rows in collected["smw_ermida2020"]["tables"].items():
        assert [row[1:] for row in rows] == _table()["mono_window"]["coefficients"][names[short]]
    single = collected["single_channel_jimenez_munoz"]["psi"]
    for key, name in (("TM5_2009", "L5"), ("ETM+_2009", "L7"), ("TIRS_B10_2014", "L8")):
        assert single[key]["c"] == _table()["single_channel"][names[name]]["psi"]
