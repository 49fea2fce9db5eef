"""A product's file: complete, valid, the same every time, and readable by everybody."""

import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import rasterio
import rasterio.shutil
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lst_raster.errors import InputError, OutputError
from lst_raster.product import cog as cog_module
from lst_raster.product.cog import _OPTIONS, Codec, new_cog, read_directories
from lst_raster.product.layers import Layer
from tests.support.cogs import (
    BITS,
    FLAGS,
    FLOATS,
    LAYERS,
    ROUNDED,
    STEPS,
    cut,
    expected_overview,
    grid_of,
    kelvin,
    levels_of,
    values_of,
    windows_of,
    write_cog,
)
from tests.support.tiff import assert_strict_cog

SHAPE = (700, 1300)  # six blocks, most of them cut at an edge; two levels of overviews, of odd size
FLOAT = 2.0**-22  # a mean of four: three times rounded, by half of 2^-23 at most


@pytest.mark.slow
@pytest.mark.parametrize("layer", LAYERS.values(), ids=LAYERS)
@pytest.mark.parametrize("compress", _OPTIONS)
def test_every_type_and_compression_reads_back_from_a_strict_cog(tmp_path, layer, compress):
    values = values_of(layer, SHAPE)
    path = write_cog(tmp_path / "x.tif", values, layer, compress=compress)
    full, *overviews = levels_of(path)
    tolerance = 0.00501 if compress == "lerc_zstd" and layer.dtype == "float32" else 0
    np.testing.assert_allclose(full, layer.stored(values), rtol=0, atol=tolerance)
    assert full.dtype == layer.dtype
    assert [level.shape for level in overviews] == [(350, 650), (175, 325)]
    assert_strict_cog(path)
    with rasterio.open(path) as dataset:
        assert dataset.compression == (rasterio.enums.Compression(compress.upper()) if compress != "none" else None)


@pytest.mark.slow
@pytest.mark.parametrize("layer", LAYERS.values(), ids=LAYERS)
def test_overviews_agree_with_a_plain_python_calculation_and_never_blend_nodata(tmp_path, layer):
    path = write_cog(tmp_path / "x.tif", values_of(layer, SHAPE), layer)
    levels = levels_of(path)
    for level, overview in pairwise(levels):
        expected = expected_overview(layer, level)
        np.testing.assert_allclose(overview, expected, rtol=FLOAT if layer is FLOATS else 0)
    if layer is FLOATS:
        assert np.nanmin(levels[-1]) >= 270


def test_rounded_values_are_the_nearest_multiples_and_the_metadata_state_the_step(tmp_path):
    values = kelvin(SHAPE)
    full, *overviews = levels_of(write_cog(tmp_path / "x.tif", values, ROUNDED))
    assert np.nanmax(np.abs(full - values.astype(float))) <= 1 / 256
    for level in (full, *overviews):
        np.testing.assert_array_equal(level * 128, np.rint(level * 128))
    with rasterio.open(tmp_path / "x.tif") as dataset:
        assert dataset.tags()["precision"] == "rounded to 1/128 K"
        assert dataset.tags(1)["STATISTICS_MAXIMUM"] == f"{np.nanmax(full):.14g}"
    with rasterio.open(write_cog(tmp_path / "y.tif", values, FLOATS)) as dataset:
        assert "precision" not in dataset.tags()
        np.testing.assert_array_equal(dataset.read(1), values)


@pytest.mark.parametrize(("step", "dtype"), [(0.01, "float32"), (1 / 128, "uint16")])
def test_only_floats_are_rounded_and_only_to_powers_of_two(step, dtype):
    with pytest.raises(ValueError, match="powers of two"):
        Layer(description="x", dtype=dtype, nodata=np.nan if dtype == "float32" else 0, step=step)


@pytest.mark.parametrize("shape", [(300, 200), (1100, 1700), (513, 5000)])
@pytest.mark.parametrize("layer", LAYERS.values(), ids=LAYERS)
def test_the_header_has_the_tags_of_gdal_s_own_driver(tmp_path, shape, layer):
    values = values_of(layer, shape)
    path = write_cog(tmp_path / "x.tif", values, layer, tags={"input": "scene"})
    with rasterio.open(path) as dataset:
        profile = {**dataset.profile, "driver": "GTiff", "predictor": 3 if layer.dtype == "float32" else 2}
        with rasterio.open(tmp_path / "source.tif", "w", **profile) as source:
            source.write(dataset.read())
            source.update_tags(**dataset.tags())
            source.update_tags(1, **dataset.tags(1))
            source.set_band_description(1, layer.description)
            source.units, source.scales = dataset.units, dataset.scales
            source.build_overviews(dataset.overviews(1), rasterio.enums.Resampling.nearest)
    rasterio.shutil.copy(
        tmp_path / "source.tif", tmp_path / "gdal.tif", driver="COG", compress="DEFLATE", predictor="YES",
        overview_predictor="YES", overviews="FORCE_USE_EXISTING",
    )  # fmt: skip
    ours, theirs = (tags_of((tmp_path / name).read_bytes()) for name in ("x.tif", "gdal.tif"))
    assert ours == theirs


def tags_of(file):
    """Values of the tags of every image, of positions and sizes of blocks the number."""
    return [
        {tag: table.count if tag in (324, 325) else table.read(file) for tag, _, table in directory}
        for directory in read_directories(file)
    ]


def test_files_beyond_4_gib_are_big_tiffs(tmp_path, monkeypatch):
    expected = levels_of(write_cog(tmp_path / "x.tif", kelvin(SHAPE), FLOATS))
    monkeypatch.setattr(cog_module, "_LARGEST_CLASSIC", 1000)
    path = write_cog(tmp_path / "big.tif", kelvin(SHAPE), FLOATS)
    assert path.read_bytes()[:4] == b"II+\0"
    assert_strict_cog(path)
    for level, other in zip(levels_of(path), expected, strict=True):
        np.testing.assert_array_equal(level, other)


def test_a_file_whose_header_does_not_fit_its_blocks_is_an_error(tmp_path, monkeypatch):
    header = Codec.header
    monkeypatch.setattr(
        Codec, "header", lambda codec, *given, **big: header(replace(codec, compress="lzw"), *given, **big)
    )
    with pytest.raises(OutputError, match="does not read back"):
        write_cog(tmp_path / "x.tif", kelvin(SHAPE), FLOATS)
    assert list(tmp_path.iterdir()) == []


def test_gdal_makes_the_same_mean(tmp_path):
    path = write_cog(tmp_path / "x.tif", kelvin(SHAPE), STEPS)
    profile = {"driver": "GTiff", "dtype": "uint16", "nodata": 0, "count": 1, "height": SHAPE[0], "width": SHAPE[1]}
    with rasterio.open(tmp_path / "gdal.tif", "w", **profile) as dataset:
        dataset.write(levels_of(path)[0], 1)
        dataset.build_overviews([2, 4], rasterio.enums.Resampling.average)
        np.testing.assert_array_equal(dataset.overviews(1), [2, 4])
    with rasterio.open(tmp_path / "gdal.tif", overview_level=0) as dataset:
        np.testing.assert_array_equal(levels_of(path)[1], dataset.read(1))


@pytest.mark.slow
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_the_bytes_are_the_same_for_any_windows_order_and_threads(tmp_path, data):
    layer = data.draw(st.sampled_from(list(LAYERS.values())))
    step = data.draw(st.sampled_from([512, (512, 1300), (700, 512), (2048, 2048), (97, 301), (300, 40)]))
    threads = data.draw(st.sampled_from([1, 2, 4]))
    windows = data.draw(st.permutations(windows_of(SHAPE, step)))
    values = values_of(layer, SHAPE)
    expected = write_cog(tmp_path / "expected.tif", values, layer).read_bytes()
    with (
        new_cog(tmp_path / "x.tif", grid_of(SHAPE), layer) as cog,
        ThreadPoolExecutor(threads) as pool,
    ):
        list(pool.map(lambda window: cog.write(cut(values, window), window), windows))
    assert (tmp_path / "x.tif").read_bytes() == expected


@pytest.mark.slow
@pytest.mark.parametrize("compress", ["deflate", "zstd"])
def test_many_threads_under_a_cache_too_small_for_them_make_the_same_bytes(tmp_path, compress):
    values = kelvin((2100, 2600))
    expected = write_cog(tmp_path / "expected.tif", values, STEPS, compress=compress).read_bytes()
    with (
        rasterio.Env(GDAL_CACHEMAX=1),
        new_cog(tmp_path / "x.tif", grid_of(values.shape), STEPS, compress=compress) as cog,
        ThreadPoolExecutor(8) as pool,
    ):
        list(pool.map(lambda window: cog.write(cut(values, window), window), windows_of(values.shape, 512)))
    assert (tmp_path / "x.tif").read_bytes() == expected


@pytest.mark.slow
@pytest.mark.parametrize("shape", [(1, 1), (3, 2), (1, 700), (511, 513), (512, 512), (513, 1), (1025, 1024)])
@pytest.mark.parametrize("layer", LAYERS.values(), ids=LAYERS)
def test_a_raster_of_any_size_is_written(tmp_path, shape, layer):
    values = values_of(layer, shape)
    values.flat[-1] = 300 if layer.resampling == "average" else 2
    path = write_cog(tmp_path / "x.tif", values, layer)
    assert_strict_cog(path)
    levels = levels_of(path)
    np.testing.assert_array_equal(levels[0], layer.stored(values))
    for level, overview in pairwise(levels):
        np.testing.assert_allclose(overview, expected_overview(layer, level), rtol=FLOAT if layer is FLOATS else 0)


def test_a_raster_without_coordinates_and_one_without_values_are_written(tmp_path):
    path = write_cog(tmp_path / "x.tif", np.full(SHAPE, np.nan, "f4"), STEPS, crs=None)
    with rasterio.open(path) as dataset:
        assert dataset.crs is None
        assert not dataset.read(1).any()
        assert dataset.tags(1) == {}
    assert_strict_cog(path)


def test_the_metadata_of_a_band_are_in_the_file(tmp_path):
    layer = Layer(description="uncertainty", units="K", dtype="uint16", scale=0.01, nodata=0)
    tags = {"model": "landsat8-b10/surface", "AREA_OR_POINT": "Point", "lines": "a\nb <c> & é"}
    path = write_cog(tmp_path / "x.tif", kelvin(SHAPE), layer, tags=tags)
    grid = grid_of(SHAPE)
    with rasterio.open(path) as dataset:
        assert (dataset.descriptions, dataset.units) == (("uncertainty",), ("K",))
        assert (dataset.scales, dataset.offsets, dataset.nodata) == ((0.01,), (0.0,), 0)
        assert (dataset.crs, dataset.transform) == (grid.crs, grid.transform)
        assert dataset.tags().items() >= tags.items()
        masked = dataset.read(1, masked=True) * dataset.scales[0]
    assert np.abs(masked - kelvin(SHAPE)).max() <= 0.005 + 2e-5  # [K] half a step, and what float32 has of it
    np.testing.assert_array_equal(masked.mask, np.isnan(kelvin(SHAPE)))


@pytest.mark.parametrize("layer", [FLOATS, STEPS], ids=["floats", "steps"])
def test_the_statistics_are_those_that_gdal_computes(tmp_path, layer):
    path = write_cog(tmp_path / "x.tif", kelvin(SHAPE), layer)
    with rasterio.open(path) as dataset:
        ours = {name: value for name, value in dataset.tags(1).items() if name.startswith("STATISTICS")}
        numbers = dataset.read(1)
    profile = {"driver": "GTiff", "dtype": layer.dtype, "nodata": layer.nodata, "count": 1, "height": 700}
    with rasterio.open(tmp_path / "gdal.tif", "w", width=1300, **profile) as dataset:
        dataset.write(numbers, 1)
    rasterio.shutil.copy(tmp_path / "gdal.tif", tmp_path / "cog.tif", driver="COG", statistics="YES")
    with rasterio.open(tmp_path / "cog.tif") as dataset:
        gdal = {name: value for name, value in dataset.tags(1).items() if name.startswith("STATISTICS")}
    assert ours.keys() == gdal.keys()
    if layer is STEPS:
        assert ours == gdal
    assert {name: float(value) for name, value in ours.items()} == pytest.approx(
        {name: float(value) for name, value in gdal.items()}, rel=1e-9
    )


def test_classes_have_no_statistics(tmp_path):
    for layer in (BITS, FLAGS):
        with rasterio.open(write_cog(tmp_path / "x.tif", values_of(layer, SHAPE), layer)) as dataset:
            assert not any(name.startswith("STATISTICS") for name in dataset.tags(1))


def test_values_are_rounded_to_the_nearest_step_and_those_out_of_range_are_nodata():
    values = np.float32([np.nan, np.inf, -np.inf, -1, 0, 0.004, 0.006, 300.004, 300.006, 655.35, 655.36, 1e30])
    np.testing.assert_array_equal(STEPS.stored(values), np.uint16([0, 0, 0, 0, 0, 0, 1, 30000, 30001, 65535, 0, 0]))


def test_arrays_can_be_reused_after_writing(tmp_path):
    buffer = np.empty((512, 512), "f4")
    with new_cog(tmp_path / "x.tif", grid_of((512, 1024)), FLOATS) as cog:
        for number, window in enumerate(windows_of((512, 1024), 512)):
            buffer[:] = 300 + number
            cog.write(buffer, window)
    full = levels_of(tmp_path / "x.tif")[0]
    assert (full[:, :512] == 300).all()
    assert (full[:, 512:] == 301).all()


@pytest.mark.slow
def test_the_memory_does_not_grow_with_the_height(tmp_path):
    values = kelvin((512, 1024))
    peaks = []
    for rows in (8, 32):
        tracemalloc.start()
        with new_cog(tmp_path / "x.tif", grid_of((512 * rows, 1024)), FLOATS, compress="zstd") as cog:
            for window in windows_of((512 * rows, 1024), (512, 1024)):
                cog.write(values, window)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + 2 * 2**20  # [byte]; the 24 further rows of blocks are 48 MiB


def test_windows_must_cover_the_grid_once(tmp_path):
    values = kelvin(SHAPE)
    with pytest.raises(ValueError, match="do not cover"), new_cog(tmp_path / "x.tif", grid_of(SHAPE), STEPS) as cog:
        cog.write(values[:512], windows_of(SHAPE, (512, 1300))[0])
    for step in (512, 100):
        first = windows_of(SHAPE, step)[0]
        with pytest.raises(ValueError, match="was written before"):  # noqa: SIM117
            with new_cog(tmp_path / "x.tif", grid_of((step, step)), STEPS) as cog:
                cog.write(cut(values, first), first)
                cog.write(cut(values, first), first)
    with pytest.raises(ValueError, match="leave 100 x 100 pixels"):  # noqa: SIM117
        with new_cog(tmp_path / "x.tif", grid_of((100, 100)), STEPS) as cog:
            cog.write(values[:60, :60], windows_of((200, 200), 60)[1])
    assert list(tmp_path.iterdir()) == []


def test_invalid_layers_and_compressions_are_rejected(tmp_path):
    with pytest.raises(InputError, match="'jpeg' is not known; give one of deflate, zstd"):
        write_cog(tmp_path / "x.tif", kelvin(SHAPE), compress="jpeg")
    for options in (
        {"dtype": "float32", "nodata": -9999},
        {"dtype": "uint16", "nodata": 65535},
        {"dtype": "uint16", "scale": 0.01, "nodata": 1, "resampling": "nearest"},
    ):
        with pytest.raises(ValueError, match="nodata"):
            Layer(description="x", **options)
    assert list(tmp_path.iterdir()) == []
