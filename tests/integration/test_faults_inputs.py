"""Truncated or damaged inputs: a one-line error or the correct product; never a wrong product from a truncated file."""

import gc
import random
import shutil

import numpy as np
import pytest
import rasterio

from lst_raster.errors import LstRasterError
from tests.support.faults import contents
from tests.support.faulty_inputs import INPUTS, product_of, try_damaged

# scipy warns when a damaged netCDF 3 file is garbage-collected, which is forced here and not left to a later test.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

CUTS = {"nothing": 0.0, "ten bytes": 10, "a quarter": 0.25, "half": 0.5, "all but one byte": -1}
TEXTS = ("mtl_text", "mtl_json", "mtl_xml")
TAGS = 0.1  # fraction of a TIFF at either end: a flipped bit may change the georeference, which cannot be detected
CHECKED = ("compressed_archive",)  # containers with a checksum
PIXELWISE = ("thermal_band_plain", "quality_band", "level2_term", "red_band", "near_infrared_band")  # not compressed


@pytest.fixture(autouse=True)
def collected(request):
    yield
    if "netcdf3" in request.node.name:  # garbage collection is slow
        gc.collect()


@pytest.fixture(scope="module")
def made(tmp_path_factory, model_path):
    """Every retrieval with its product from undamaged inputs, created on first use."""
    known = {}

    def find(name):
        if name not in known:
            folder = tmp_path_factory.mktemp(name)
            retrieval = INPUTS[name](folder)
            output = tmp_path_factory.mktemp(f"{name}-out")
            known[name] = retrieval, product_of(retrieval, output, model_path), output, retrieval.file.read_bytes()
        retrieval, expected, output, whole = known[name]
        retrieval.file.write_bytes(whole)
        return retrieval, expected, output, whole

    return find


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("name", INPUTS)
def test_a_truncated_file(made, model_path, name, cut):
    retrieval, expected, output, whole = made(name)
    length = CUTS[cut]
    length = int(length * len(whole)) if isinstance(length, float) else length % len(whole)
    retrieval.file.write_bytes(whole[:length])
    found = try_damaged(retrieval, output, model_path, expected)
    if cut == "all but one byte" or (name in ("archive", *TEXTS) and found is None):
        assert found is None or isinstance(found, LstRasterError)  # end of the last line, or padding
    else:
        assert isinstance(found, LstRasterError)


def test_every_input_affects_its_product(made, model_path, tmp_path):
    for name in ("air_raster", "emissivity_raster", "elevation", "reanalysis_netcdf4", "aster_tile", "red_band"):
        retrieval, (values, _), _, _ = made(name)
        assert np.isfinite(values).any()
        retrieval.file.unlink()
        with pytest.raises(LstRasterError):
            product_of(retrieval, tmp_path, model_path)
    assert contents(tmp_path) == {}


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", [name for name in INPUTS if name != "aster_tile"])
def test_a_flipped_bit(made, model_path, name, seed):
    retrieval, expected, output, whole = made(name)
    assert any(output.iterdir())  # an older product must be kept
    places = random.Random(f"{name} {seed}")
    for _ in range(4):
        at = int(len(whole) * places.uniform(TAGS, 1 - TAGS))
        damaged = bytearray(whole)
        damaged[at] ^= 1 << places.randrange(8)
        retrieval.file.write_bytes(damaged)
        found = try_damaged(retrieval, output, model_path, expected)
        if name in CHECKED:
            assert found is None or isinstance(found, LstRasterError)
        if name in PIXELWISE:
            assert found in (None, 1) or isinstance(found, LstRasterError)
        for product in output.glob("*_LST.tif"):
            with rasterio.open(product) as dataset:
                kelvin = dataset.read(1)
            assert kelvin.shape == expected[0].shape


@pytest.mark.parametrize("part", range(4))
def test_a_flipped_bit_in_a_compressed_archive_is_detected_by_its_checksum(made, model_path, part):
    retrieval, expected, output, whole = made("compressed_archive")
    found = []
    for step in range(10):
        damaged = bytearray(whole)
        damaged[(part * 10 + step) * (len(whole) - 20) // 40 + 10] ^= 4  # not in the header, where bits are unused
        retrieval.file.write_bytes(damaged)
        found.append(try_damaged(retrieval, output, model_path, expected))
    assert all(error is None or isinstance(error, LstRasterError) for error in found), found
    assert sum(error is not None for error in found) > 5


@pytest.mark.parametrize("how", ["deleted", "a folder", "not readable"])
@pytest.mark.parametrize("name", [name for name in INPUTS if name not in (*TEXTS, "quality_band")])
def test_a_file_that_no_longer_exists(made, model_path, name, how):
    retrieval, expected, output, _ = made(name)
    aside = retrieval.file.with_name("aside")
    retrieval.file.rename(aside)
    try:
        if how == "a folder":
            retrieval.file.mkdir()
        if how == "not readable":
            retrieval.file.symlink_to(retrieval.file.name)  # a link to itself cannot be opened
        found = try_damaged(retrieval, output, model_path, expected)
        assert isinstance(found, LstRasterError)
    finally:
        if how == "a folder":
            shutil.rmtree(retrieval.file)
        if how == "not readable":
            retrieval.file.unlink()
        aside.rename(retrieval.file)
