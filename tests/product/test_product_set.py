"""Temperature, uncertainty and quality of one retrieval: what they hold, and that they belong together."""

import json
import re

import numpy as np
import pytest
import rasterio
from rasterio import Affine
from rasterio.windows import Window

from lst_raster import Model, Scene, retrieve
from lst_raster.errors import OutputError
from lst_raster.inference.uncertainty import INPUT_UNCERTAINTIES
from lst_raster.inputs.emissivity.registry import QUALITY_VALUES
from lst_raster.physics.radiative_transfer import surface_temperature
from lst_raster.physics.uncertainty import noise_radiance, quantisation_noise
from lst_raster.product.check import check_product
from lst_raster.product.paths import OutputFormat, ProductPaths
from lst_raster.product.quality_flags import FLAGS, VALUES, flag
from lst_raster.retrieval import retrieve as retrieve_module
from lst_raster.retrieval.masks import CELL, choose_masking, measure_cloud_distance
from lst_raster.sensors.bands import sensor_band
from tests.support.emissivity_scenes import add_quality, add_reflectance
from tests.support.factories import STATE, STEM, make_scene, ramp, write_raster
from tests.support.reanalysis_files import write_reanalysis
from tests.support.shared import shared_path

SHAPE = (60, 70)
EXACT = {**STATE, "emissivity": 0.97}
BAND = sensor_band("landsat8-b10")


def read(path):
    with rasterio.open(path) as dataset:
        return dataset.read(1)


def paths_of(product):
    return ProductPaths(temperature=product.path)


def value(bits, name):
    return flag(name).of(bits)


@pytest.fixture
def scene(tmp_path):
    return make_scene(tmp_path / "in", lst=ramp(280, 310))


def test_no_bit_is_of_two_flags_and_every_value_has_a_name():
    taken = 0
    for entry in FLAGS:
        assert taken & entry.mask == 0
        taken |= entry.mask
        whole = set(range(1 << entry.length))
        assert set(entry.values) == whole or (entry.name == "emissivity_source" and set(entry.values) < whole)
        assert all(name.islower() and text for name, text in entry.values.values())
    assert taken < VALUES <= 1 << 32
    assert len({entry.name for entry in FLAGS}) == len(FLAGS)


def test_the_three_rasters_have_the_same_grid(tmp_path, scene, model_path):
    product = retrieve(scene, output=tmp_path, model=model_path, **EXACT)
    paths = paths_of(product)
    assert list(product.files[:3]) == [paths.uncertainty, paths.quality, paths.temperature]
    with rasterio.open(scene) as source:
        for path in product.files[:3]:
            with rasterio.open(path) as dataset:
                assert (dataset.crs, dataset.transform, dataset.shape) == (source.crs, source.transform, source.shape)
                assert dataset.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
                assert dataset.tags()["model_sha256"] == product.tags["model_sha256"]


def test_with_lst_only_the_temperature_is_the_same_and_the_only_file(tmp_path, scene, model_path):
    whole = retrieve(scene, output=tmp_path / "a.tif", model=model_path, **EXACT)
    alone = retrieve(scene, output=tmp_path / "b.tif", model=model_path, form=OutputFormat(lst_only=True), **EXACT)
    assert alone.files == (tmp_path / "b.tif",)
    np.testing.assert_array_equal(read(alone.path), read(whole.path))


def test_uint16_temperatures_agree_within_half_a_step(tmp_path, scene, model_path):
    fill = np.zeros(SHAPE, bool)
    fill[5:9] = True
    path = make_scene(scene.parent, lst=ramp(280, 310), fill=fill)
    floats = retrieve(path, output=tmp_path / "a.tif", model=model_path, form=OutputFormat(precision="full"), **EXACT)
    form = OutputFormat(dtype="uint16", compress="zstd")
    integers = retrieve(path, output=tmp_path / "b.tif", model=model_path, form=form, **EXACT)
    for name in ("temperature", "uncertainty"):
        with rasterio.open(getattr(paths_of(integers), name)) as dataset:
            assert (dataset.dtypes[0], dataset.scales[0], dataset.nodata) == ("uint16", 0.01, 0)
            stored = dataset.read(1)
        expected = read(getattr(paths_of(floats), name))
        np.testing.assert_array_equal(stored == 0, np.isnan(expected))
        assert np.nanmax(np.abs(np.where(stored, stored * 0.01, np.nan) - expected)) < 0.00502
    np.testing.assert_array_equal(read(paths_of(integers).quality), read(paths_of(floats).quality))


def test_the_uncertainty_agrees_with_perturbed_inputs(tmp_path, model_path):
    """An independent calculation: each part is changed by its uncertainty, and the equation solved again."""
    truth = 300.0
    path = make_scene(tmp_path / "in", lst=np.full(SHAPE, truth))
    opened = Scene.open(path)
    product = retrieve(opened, output=tmp_path, model=model_path, **EXACT)
    model = Model.load(model_path)
    with rasterio.open(path) as dataset:
        radiance = opened.read(dataset).radiance[0, 0].astype(float)

    known = INPUT_UNCERTAINTIES["given"]
    uncertainties = {f"{name}_uncertainty": known[name].at(STATE[name]) for name in ("water_vapour", "air_temperature")}
    predicted = model.atmosphere(**STATE, **uncertainties, brightness_temperature=290.0)

    def lst(radiance=radiance, emissivity=0.97, terms=predicted.terms):
        return float(surface_temperature(radiance, emissivity, *(np.float64(term) for term in terms), BAND.planck))

    noise = np.hypot(noise_radiance(BAND.noise, BAND.planck), quantisation_noise(BAND.gain))
    parts = [lst(radiance + noise) - lst(), lst(emissivity=0.97 + 0.01) - lst()]
    tau, up, down = (float(term) for term in predicted.terms)
    depth, temperature = (float(part) for part in predicted[3:5])
    black = up / (1 - tau)
    thicker = tau * np.exp(-depth)
    parts.append(lst(terms=(thicker, (1 - thicker) * black, down)) - lst())
    slope = noise_radiance(temperature, BAND.planck)  # at 300 K; the atmosphere of the test model is near
    parts.append(lst(terms=(tau, up + (1 - tau) * slope, down)) - lst())
    expected = float(np.sqrt(np.sum(np.square(parts))))
    found = read(paths_of(product).uncertainty)
    assert np.ptp(found) < 1e-3
    assert found[0, 0] == pytest.approx(expected, rel=0.05)


def test_assumed_inputs_have_a_larger_uncertainty_than_given_ones(tmp_path, scene):
    given = retrieve(scene, output=tmp_path / "a.tif", water_vapour=29.0, air_temperature=294.0, emissivity=0.97)
    assumed = retrieve(scene, output=tmp_path / "b.tif", form=OutputFormat(precision="full"))  # as the bit sees it
    one, other = (read(paths_of(product).uncertainty) for product in (given, assumed))
    assert (other > one).all() and other.mean() > 1.2 * one.mean() and (one > 0.1).all()
    assert not value(read(paths_of(given).quality), "assumed_atmosphere").any()
    assert value(read(paths_of(assumed).quality), "assumed_atmosphere").all()
    uncertain = value(read(paths_of(assumed).quality), "uncertain").astype(bool)
    np.testing.assert_array_equal(uncertain, other > 2.0)


@pytest.mark.slow
def test_the_coarse_grid_gives_the_uncertainty_of_the_exact_calculation(tmp_path, scene):
    latitude, longitude = [30.0, 31.0, 32.0], [-88.0, -87.0]
    fields = {"tcwv": 30.0, "t2m": 296.0, "sp": 95e3, "z": 500 * 9.8}
    fields = {name: np.full((3, 3, 2), number) for name, number in fields.items()}
    fields["tcwv"][:, 1:] *= 1.4
    air = write_reanalysis(tmp_path / "era5.nc", fields, latitude=latitude, longitude=longitude)
    dem = write_raster(tmp_path / "dem.tif", ramp(200, 1500).astype("f4"))
    options = {"reanalysis": air, "dem": dem, "emissivity": 0.97, "form": OutputFormat(precision="full")}
    opened = Scene.open(scene, date="2015-07-19T16:00")
    coarse = retrieve(opened, output=tmp_path / "a.tif", **options)
    exact = retrieve(opened, output=tmp_path / "b.tif", exact=True, **options)
    one, other = (read(paths_of(product).uncertainty) for product in (coarse, exact))
    assert other.min() > 0.2
    assert np.abs(one / other - 1.0).max() < 0.02
    np.testing.assert_array_equal(read(paths_of(coarse).quality), read(paths_of(exact).quality))


def test_uncertainty_and_temperature_have_the_same_valid_pixels(tmp_path, scene, model_path):
    emissivity = np.where(ramp(0, 1) < 0.3, np.nan, 0.97).astype("f4")
    path = write_raster(tmp_path / "e.tif", emissivity)
    product = retrieve(scene, output=tmp_path, model=model_path, **{**EXACT, "emissivity": path})
    paths = paths_of(product)
    np.testing.assert_array_equal(np.isnan(read(paths.uncertainty)), np.isnan(read(paths.temperature)))
    np.testing.assert_array_equal(value(read(paths.quality), "no_input") == 1, np.isnan(emissivity))


def test_the_quality_bits_explain_missing_temperatures(tmp_path, model_path):
    fill = np.zeros(SHAPE, bool)
    fill[:10] = True
    cold = np.zeros(SHAPE, bool)
    cold[50:] = True
    path = make_scene(tmp_path / "in", lst=np.where(cold, 150.0, 300.0), fill=fill)
    with rasterio.open(path, "r+") as dataset:
        numbers = dataset.read(1)
        numbers[20:22] = 65535
        numbers[50:] = 400  # less than the atmospheric radiance
        dataset.write(numbers, 1)
    product = retrieve(path, output=tmp_path, model=model_path, **EXACT)
    bits = read(paths_of(product).quality)
    for name, rows in (("fill", [*range(10), 20, 21]), ("saturated", [20, 21]), ("no_solution", range(50, 60))):
        expected = np.zeros(SHAPE, bool)
        expected[list(rows)] = True
        np.testing.assert_array_equal(value(bits, name) == 1, expected, err_msg=name)
    gone = (bits & (flag("fill").mask | flag("no_solution").mask)) != 0
    np.testing.assert_array_equal(np.isnan(read(product.path)), gone)
    assert (value(bits, "cloud_distance") == 0).all()
    assert (value(bits[~gone & True], "emissivity_source") == 2).all()


def test_clouds_are_flagged_also_if_they_are_kept(tmp_path, scene, model_path):
    quality = np.full(SHAPE, 21824, "uint16")
    quality[10:20] = 22280
    write_raster(scene.parent / f"{scene.name.rpartition('_B')[0]}_QA_PIXEL.TIF", quality)
    for keep in (False, True):
        product = retrieve(scene, output=tmp_path / f"{keep}.tif", model=model_path, mask_clouds=not keep, **EXACT)
        bits = read(paths_of(product).quality)
        np.testing.assert_array_equal(value(bits, "cloud") == 1, quality == 22280)
        assert np.isnan(read(product.path)[15]).all() == (not keep)
    quality[30:] = 1  # fill, where the band has values
    write_raster(scene.parent / f"{scene.name.rpartition('_B')[0]}_QA_PIXEL.TIF", quality)
    product = retrieve(scene, output=tmp_path / "fill.tif", model=model_path, mask_clouds=False, **EXACT)
    assert np.isfinite(read(product.path)[30:]).all() and not value(read(paths_of(product).quality), "fill")[30:].any()
    assert [finding.text for finding in check_product(product.path) if finding.outcome == "failed"] == []
    (scene.parent / f"{scene.name.rpartition('_B')[0]}_QA_PIXEL.TIF").write_bytes(b"not a raster")
    product = retrieve(scene, output=tmp_path / "x.tif", model=model_path, mask_clouds=False, **EXACT)
    assert not value(read(paths_of(product).quality), "cloud").any()


def test_cloud_distance_has_classes(tmp_path, model_path):
    shape = (520, 40)  # 15.6 km long: more than one tile
    path = make_scene(tmp_path / "in", lst=np.full(shape, 300.0))
    quality = np.full(shape, 21824, "uint16")
    quality[:8] = 22280
    write_raster(path.parent / f"{path.name.rpartition('_B')[0]}_QA_PIXEL.TIF", quality)
    product = retrieve(path, output=tmp_path, model=model_path, **EXACT)
    classes = value(read(paths_of(product).quality), "cloud_distance")
    distance = 30.0 * (np.arange(520) - 7.5)[:, None] * np.ones(shape)
    margin = 2 * 8 * 30.0
    assert (classes[distance < 1000 - margin] == 1).all()
    assert (classes[(distance > 1000 + margin) & (distance < 5000 - margin)] == 2).all()
    assert (classes[distance > 5000 + margin] == 3).all()


@pytest.mark.parametrize("pixel", [(25.0, 25.0), (60.0, 25.0), (30.0, 200.0)])  # 25 m: cells exactly 1 km apart
def test_cloud_distances_are_those_between_cells(tmp_path, pixel):
    cells = np.zeros((45, 60), bool)
    cells[(3, 20, 21, 44), (4, 30, 30, 59)] = True
    numbers = np.where(cells.repeat(CELL, 0).repeat(CELL, 1), 22280, 21824)[:-3, :-5].astype("uint16")
    transform = Affine(pixel[0], 0.0, 5e5, 0.0, -pixel[1], 4e6)
    write_raster(tmp_path / f"{STEM}_QA_PIXEL.TIF", numbers, transform=transform)
    scene = Scene.open(make_scene(tmp_path, lst=np.full(numbers.shape, 300.0), transform=transform))
    masking = choose_masking(scene, clouds=True, dilation=0.0)
    classes = measure_cloud_distance(masking, scene.grid)(Window(0, 0, *numbers.shape[::-1]))
    away = np.indices(cells.shape)[..., None] - np.argwhere(cells).T[:, None, None]  # in rows and columns
    distance = CELL * np.hypot(pixel[1] * away[0], pixel[0] * away[1]).min(axis=-1)
    expected = (1 + (distance >= 1000.0) + (distance >= 5000.0)).repeat(CELL, 0).repeat(CELL, 1)[:-3, :-5]
    assert set(np.unique(expected)) == {1, 2, 3}
    np.testing.assert_array_equal(classes, expected)


def test_the_emissivity_source_is_given_for_each_pixel(tmp_path, scene, model_path):
    water = np.zeros(SHAPE, bool)
    water[:20] = True
    add_reflectance(scene, np.where(np.arange(70) < 20, np.nan, 0.1) * np.ones(SHAPE), np.full(SHAPE, 0.3))
    add_quality(scene, water=water)
    product = retrieve(scene, output=tmp_path, model=model_path, **{**EXACT, "emissivity": ["ndvi", 0.95]})
    bits = read(paths_of(product).quality)
    codes = {name: code for code, (name, _) in QUALITY_VALUES.items()}
    expected = np.where(np.arange(70) < 20, codes["number"], codes["ndvi"]) * np.ones(SHAPE, int)
    expected[water] = codes["quality"]
    np.testing.assert_array_equal(value(bits, "emissivity_source"), expected)
    np.testing.assert_array_equal(value(bits, "water") == 1, water)


def test_pixels_with_inputs_outside_the_range_of_the_model_are_flagged(tmp_path, scene, model_path):
    vapour = write_raster(tmp_path / "w.tif", ramp(60.0, 90.0).astype("f4"))
    product = retrieve(scene, output=tmp_path, model=model_path, **{**EXACT, "water_vapour": vapour})
    outside = value(read(paths_of(product).quality), "outside_range") == 1
    np.testing.assert_array_equal(outside, ramp(60.0, 90.0).astype("f4") > 75.0 * (1 + 1e-6))


def test_an_incomplete_set_is_not_overwritten(tmp_path, scene, model_path):
    old = tmp_path / f"{scene.name.rpartition('_B')[0]}_LST_QA.tif"
    old.write_text("mine")
    with pytest.raises(OutputError, match=r"_LST_QA\.tif exists and is kept"):
        retrieve(scene, output=tmp_path, model=model_path, **EXACT)
    assert old.read_text() == "mine"
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(["in", old.name])


@pytest.mark.slow
def test_every_command_line_form_opens(tmp_path, scene, model_path, command):
    for compress in ("deflate", "zstd", "lzw", "lerc_zstd", "none"):
        for dtype in ("float32", "uint16"):
            out = tmp_path / f"{compress}-{dtype}.tif"
            given = [part for name, number in STATE.items() for part in (f"--{name.replace('_', '-')}", number)]
            code, *_ = command(
                "retrieve", scene, "-o", out, "--model", model_path, "--emissivity", 0.97, *given, "--dtype", dtype,
                "--compress", compress,
            )  # fmt: skip
            assert code == 0
            with rasterio.open(out) as dataset:
                kelvin = dataset.read(1, masked=True) * dataset.scales[0]
            assert np.abs(kelvin - ramp(280, 310)).max() < 0.016


def test_an_existing_product_of_the_same_inputs_is_kept(tmp_path, scene, model_path, monkeypatch):
    first = retrieve(scene, output=tmp_path, model=model_path, **EXACT)
    before = {path: path.read_bytes() for path in first.files}
    with monkeypatch.context() as patched:
        patched.setattr("lst_raster.retrieval.run.retrieve_tile", None)  # would be called otherwise
        again = retrieve(scene, output=tmp_path, model=model_path, **EXACT)
    assert (first.reused, again.reused) == (False, True)
    assert (again.pixels, again.retrieved, again.files) == (first.pixels, first.retrieved, first.files)
    assert again.tags["emissivity"] == first.tags["emissivity"]
    assert {path: path.read_bytes() for path in again.files} == before
    retrieve(scene, output=tmp_path, model=model_path, overwrite=True, **EXACT)
    assert {path: path.read_bytes() for path in again.files} == before


def test_the_counts_of_a_product_do_not_depend_on_the_wording_of_its_metadata(tmp_path, scene, model_path, monkeypatch):
    result_tags = retrieve_module._result_tags
    reworded = {"retrieved_pixels": "nearly all"}
    monkeypatch.setattr(retrieve_module, "_result_tags", lambda run, counts: result_tags(run, counts) | reworded)
    first = retrieve(scene, output=tmp_path, model=model_path, **EXACT)
    again = retrieve(scene, output=tmp_path, model=model_path, **EXACT)
    assert again.reused and (first.pixels, first.retrieved) == (again.pixels, again.retrieved)
    item = json.loads(next(tmp_path.glob("*_LST.json")).read_text())
    assert item["properties"]["lst_raster:counts"] == {"pixels": first.pixels, "retrieved": first.retrieved}


def test_other_inputs_give_another_product(tmp_path, scene, model_path):
    options = {"output": tmp_path, "model": model_path, **EXACT}
    retrieve(scene, **options)
    changes = [{"emissivity": 0.96}, {"water_vapour": 21.0}, {"form": OutputFormat(dtype="uint16")}, {"exact": True}]
    for change in changes:
        with pytest.raises(OutputError, match="exists and is kept"):
            retrieve(scene, **{**options, **change})
    with rasterio.open(scene, "r+") as dataset:
        dataset.write(dataset.read(1) + 1, 1)
    with pytest.raises(OutputError, match="exists and is kept"):
        retrieve(scene, **options)


@pytest.mark.parametrize("damage", ["quality", "item", "missing"])
def test_a_damaged_set_is_not_kept_as_complete(tmp_path, scene, model_path, damage):
    product = retrieve(scene, output=tmp_path, model=model_path, **EXACT)
    paths = paths_of(product)
    if damage == "missing":
        paths.uncertainty.unlink()
    else:
        broken = getattr(paths, damage)
        broken.write_bytes(broken.read_bytes()[:-10])
    with pytest.raises(OutputError, match="exists and is kept"):
        retrieve(scene, output=tmp_path, model=model_path, **EXACT)


def test_the_uncertainty_components_add_up(tmp_path, scene, model_path):
    product = retrieve(scene, output=tmp_path, model=model_path, **EXACT)
    text = product.tags["uncertainty_parts"]
    assert text.endswith("(root mean squares at 4200 pixels)")
    parts = {name: float(number) for name, number in re.findall(r"([a-z ]+) (\d+\.\d+) K", text)}
    assert {name.strip() for name in parts} == {"sensor", "emissivity", "atmosphere"}
    total = np.sqrt(np.mean(read(paths_of(product).uncertainty).astype(float) ** 2))
    assert np.sqrt(sum(part**2 for part in parts.values())) == pytest.approx(total, rel=0.05)
    common = product.tags["systematic_uncertainty"]
    assert re.fullmatch(r"calibration (\d+\.\d+) K, common to all pixels", common)


def test_the_set_passes_its_own_check(tmp_path, scene, model_path, command):
    add_quality(scene, water=np.eye(60, 70, dtype=bool))
    product = retrieve(scene, output=tmp_path, model=model_path, **EXACT)
    code, out, _ = command("check", product.path)
    others = [line for line in out if not line.startswith("ok")]
    assert (code, others) == (0, ["skipped angles      there are no rasters of angles"])
    paths = paths_of(product)
    content = bytearray(paths.uncertainty.read_bytes())
    content[len(content) // 2] ^= 1
    paths.uncertainty.write_bytes(content)
    code, out, _ = command("check", product.path)
    assert code == 1
    assert any(line.startswith("failed") and "checksums" in line for line in out)


def test_styles_and_quicklook_are_written_with_the_rasters(tmp_path, scene, model_path):
    product = retrieve(scene, output=tmp_path, model=model_path, **EXACT)
    paths = paths_of(product)
    assert paths.of("quicklook").read_bytes().startswith(b"\x89PNG")
    assert "<qgis" in paths.of("style").read_text() and "<qgis" in paths.of("quality_style").read_text()
    assert set(product.files) == {path for path in tmp_path.iterdir() if path.is_file()}


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        "LC08_L1GT_089074_20220506_20220512_02_T2",
        "LE07_L1TP_107068_20220310_20220405_02_T1",
        "LT05_L1TP_090085_19970406_20161231_01_T1.tar.gz",
        "c1_marburg/extdata/LE07_L1TP_195025_20010730_20170204_01_T1_MTL.txt",
        "c1_marburg/testdata/LT5",
        "LC08_L2SP_098084_20210503_20210508_02_T1",
    ],
)
def test_products_of_real_scenes_pass_their_own_check(tmp_path, command, name):
    scene = shared_path("data", "landsat", *name.split("/"))
    options = ["--level-2"] if "L2SP" in name else ["--emissivity", "0.97", "--mask-dilation", 100]
    options += ["--dtype", "uint16", "-o", tmp_path / "x.tif"]
    assert command("retrieve", scene, *options)[0] == 0
    code, out, _ = command("check", tmp_path / "x.tif")
    assert (code, [line for line in out if line.startswith("failed")]) == (0, [])


def test_by_default_values_are_rounded_and_nothing_else_changes(tmp_path, scene, model_path):
    full = retrieve(scene, output=tmp_path / "a.tif", model=model_path, form=OutputFormat(precision="full"), **EXACT)
    rounded = retrieve(scene, output=tmp_path / "b.tif", model=model_path, **EXACT)
    for name, step in (("temperature", 1 / 128), ("uncertainty", 1 / 64)):
        values, expected = (read(getattr(paths_of(product), name)) for product in (rounded, full))
        assert np.abs(values - expected).max() <= step / 2
        np.testing.assert_array_equal(values, np.rint(expected / step) * step)
        assert not np.array_equal(values, expected)
    np.testing.assert_array_equal(*(read(paths_of(product).quality) for product in (rounded, full)))
    items = [json.loads(paths_of(product).item.read_text()) for product in (rounded, full)]
    assert [item["assets"]["lst"].get("description") for item in items] == ["rounded to 1/128 K", None]
    assert items[0]["assets"]["uncertainty"]["description"] == "rounded to 1/64 K"
    means = [item["assets"]["lst"]["statistics"]["mean"] for item in items]
    assert means[0] == pytest.approx(means[1], abs=1e-3)
