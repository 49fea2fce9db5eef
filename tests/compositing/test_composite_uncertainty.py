"""Uncertainty of means over dates, compared with draws of correlated errors."""

import numpy as np
import pytest
import rasterio

import lst_raster
from lst_raster.compositing.products import open_product
from lst_raster.io.bundle import Place
from lst_raster.product.paths import COMPONENTS, COMPONENTS_TAG
from tests.support.composites import field, product, read
from tests.support.factories import FULL_PRECISION
from tests.support.servers import web_server

SHAPE = (12, 15)
DRAWS = 4000
SENSORS = ["landsat8-b10"] * 6 + ["landsat9-b10"] * 4
LEVELS = {  # typical component [K]
    "uncertainty_random": 0.4, "uncertainty_atmosphere": 0.9, "uncertainty_surface": 0.4, "uncertainty_systematic": 0.3,
}  # fmt: skip


def fields_with_components(seed, gaps=0.2):
    """A product whose components differ from pixel to pixel, with gaps."""
    rng = np.random.default_rng(seed + 100)
    fields = field(SHAPE, seed, gaps)
    gap = np.isnan(fields["lst"])
    parts = {name: level * rng.uniform(0.5, 1.5, SHAPE) for name, level in LEVELS.items()}
    parts = {name: np.where(gap, np.nan, np.round(part * 256) / 256) for name, part in parts.items()}
    total = np.sqrt(sum(part**2 for name, part in parts.items() if name != "uncertainty_systematic"))
    return fields | parts | {"uncertainty": total}


def write(folder, fields, **options):
    return [
        product(folder, f"LC_{n}", one, date=f"2015-{n + 1:02}-12", tags={"sensor": sensor}, compress="none", **options)
        for n, (one, sensor) in enumerate(zip(fields, SENSORS, strict=False))
    ]


def errors_of_dates(fields, rng):
    """Errors of all dates, (draw, date, row, column): the definition of the components."""
    shape = (DRAWS, len(fields), *SHAPE)
    stack = {name: np.array([one[name] for one in fields]) for name in COMPONENTS}
    noise, air = (rng.standard_normal(shape, dtype=np.float32) for _ in range(2))
    surface = rng.standard_normal((DRAWS, 1, *SHAPE), dtype=np.float32)
    by_sensor = {name: rng.standard_normal((DRAWS, 1, 1), dtype=np.float32) for name in set(SENSORS)}
    gain = np.stack([by_sensor[name] for name in SENSORS], axis=1)
    drawn = (noise, air, surface, gain)
    return sum(part * one for part, one in zip(stack.values(), drawn, strict=True))


@pytest.mark.slow
@pytest.mark.parametrize("statistic", ["mean", "weighted_mean"])
def test_the_uncertainty_of_a_mean_is_that_of_drawn_errors(tmp_path, statistic):
    fields = [fields_with_components(seed) for seed in range(len(SENSORS))]
    made = lst_raster.composite(
        write(tmp_path / "in", fields), output=tmp_path / "out.tif", statistic=statistic, form=FULL_PRECISION
    )
    weight = np.array([1.0 / one["uncertainty"] ** 2 if statistic != "mean" else np.ones(SHAPE) for one in fields])
    weight = np.where(np.isnan([one["lst"] for one in fields]), 0.0, weight)
    errors = np.nan_to_num(errors_of_dates(fields, np.random.default_rng(1)))
    drawn = ((weight * errors).sum(axis=1) / weight.sum(axis=0)).std(axis=0)
    ratio = read(made.rasters[f"{statistic}_uncertainty"]) / drawn
    assert np.abs(ratio - 1.0).max() < 0.06  # 5 deviations of 4,000 draws; the limit is 0.10
    assert np.mean(ratio) == pytest.approx(1.0, abs=0.01)
    assert made.tags["uncertainty_components"].startswith("of 10 of 10 products")


def test_products_without_components_are_divided_like_their_parts_over_the_scene(tmp_path):
    tags = {
        "uncertainty_parts": "sensor 0.30 K, emissivity 0.40 K, atmosphere 1.20 K (root mean squares at 9 pixels)",
        "systematic_uncertainty": "calibration 0.50 K, common to all pixels",
    }
    one, other = (
        product(tmp_path, f"a{month}", field((4, 5), month, gaps=0.0), date=f"2015-0{month}-12", tags=tags)
        for month in (1, 2)
    )
    made = lst_raster.composite([one, other], output=tmp_path / "out.tif", statistic="mean", form=FULL_PRECISION)
    totals = np.array([read(path.with_name(f"{path.stem}_UNC.tif")) for path in (one, other)])
    random, surface, air = (totals * part / 1.3 for part in (0.3, 0.4, 1.2))
    variance = (random**2 + air**2).sum(axis=0) / 4 + surface.mean(axis=0) ** 2 + 0.5**2
    np.testing.assert_allclose(read(made.rasters["mean_uncertainty"]), np.sqrt(variance), rtol=1e-5)


def test_in_an_overlap_components_come_from_the_product_of_the_temperature(tmp_path):
    fields = [fields_with_components(seed, gaps=0.5) for seed in (1, 2)]
    paths = [
        product(tmp_path / "in", name, one, compress="none", clock=f"16:1{n}:00Z")
        for n, (name, one) in enumerate(zip("ab", fields, strict=True))
    ]
    made = lst_raster.composite(paths, output=tmp_path / "out.tif", statistic="mean", form=FULL_PRECISION)
    first = np.isfinite(fields[0]["lst"])
    parts = [np.where(first, *(one[name] for one in fields)) for name in COMPONENTS]
    np.testing.assert_allclose(
        read(made.rasters["mean_uncertainty"]), np.sqrt(sum(part**2 for part in parts)), rtol=1e-5, equal_nan=True
    )


def test_components_on_a_server_are_searched_for_only_if_the_metadata_name_them(tmp_path):
    fields = [fields_with_components(seed) for seed in range(2)]
    named = {COMPONENTS_TAG: "random, atmosphere, surface, systematic"}
    for folder, tags in (("with", named), ("without", {})):
        path = product(tmp_path / folder, "a", fields[0], tags=tags)
        with web_server(path.parent) as server:
            found = open_product(Place.of(server.url(path.name)))
            asked = {name for name, _, _ in server.requests}
        assert bool(found.components) is (folder == "with")
        assert any("_UNC_" in name for name in asked) is (folder == "with")


def test_a_product_with_a_component_missing_is_used_without_components(tmp_path):
    paths = write(tmp_path / "in", [fields_with_components(seed) for seed in range(2)], without=["_UNC_SFC.tif"])
    made = lst_raster.composite(paths, output=tmp_path / "out.tif", statistic="mean")
    assert made.tags["uncertainty_components"].startswith("of 0 of 2 products")
    with rasterio.open(made.rasters["mean_uncertainty"]) as dataset:
        assert dataset.descriptions[0] == "standard uncertainty of the mean of the land surface temperature"
