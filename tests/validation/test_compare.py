"""`lst-raster compare`: known differences are found, in numbers and in pictures."""

import json
import sys
import tracemalloc

import numpy as np
import pytest
from PIL import Image
from rasterio import Affine

from lst_raster import Level2Scene, retrieve
from lst_raster.errors import CancelledError, GridMismatchError, InputError, InputNotFoundError, OutputError, SceneError
from lst_raster.io.quality_band import PRODUCT_LAYOUT
from lst_raster.plots.charts import MAP_CORNER
from lst_raster.plots.colours import blue_to_red
from lst_raster.product.quality_flags import flag
from lst_raster.validation import compare as compare_module
from lst_raster.validation.compare import PRECISION, CellMeans, compare_rasters, quantile
from tests.support.factories import ramp, write_raster
from tests.support.shared import shared_path

CLEAR, CLOUD, SHADOW, WATER, SNOW = 21824, 22280, 23888, 21952, 30048
USGS = "LC08_L2SP_020039_20150719_20200908_02_T1_ST_B10.TIF"


def pair(folder, a, b, **options):
    """Write two rasters of float64, so that nothing is lost in rounding."""
    return write_raster(folder / "a.tif", a, **options), write_raster(folder / "b.tif", b, **options)


def random_pair(shape=(600, 700), missing=0.1):
    rng = np.random.default_rng(1)
    b = rng.normal(295.0, 6.0, shape)
    a = b + rng.normal(-0.7, 1.3, shape) + 8.0 * (rng.random(shape) < 0.02)
    a[rng.random(shape) < missing], b[rng.random(shape) < missing] = np.nan, np.nan
    return a, b


def test_the_statistics_are_those_of_the_whole_arrays(tmp_path):
    a, b = random_pair()
    found = compare_rasters(*pair(tmp_path, a, b, nodata=np.nan))
    both = np.isfinite(a) & np.isfinite(b)
    difference, got = (a - b)[both], found.difference
    assert (found.pixels.pixels, found.pixels.a, found.pixels.b) == (a.size, *(np.isfinite(x).sum() for x in (a, b)))
    assert got.count == found.pixels.both == both.sum()
    assert got.bias == pytest.approx(difference.mean(), abs=1e-9)
    assert got.sd == pytest.approx(difference.std(), abs=1e-9)
    assert got.rmse == pytest.approx(np.sqrt((difference**2).mean()), abs=1e-9)
    assert (got.minimum, got.maximum) == (difference.min(), difference.max())
    assert got.correlation == pytest.approx(np.corrcoef(a[both], b[both])[0, 1], abs=1e-9)
    assert got.median == pytest.approx(np.median(difference), abs=PRECISION / 2)
    robust = 1.4826 * np.median(np.abs(difference - np.median(difference)))
    assert got.robust_sd == pytest.approx(robust, abs=1.4826 * PRECISION)
    for number, value in got.percentiles.items():
        assert value == pytest.approx(np.percentile(difference, int(number)), abs=PRECISION)


def test_a_known_difference_comes_out(tmp_path):
    b = ramp(280.0, 310.0)
    got = compare_rasters(*pair(tmp_path, b + 0.25, b)).difference
    assert (got.bias, got.median, got.rmse) == pytest.approx((0.25, 0.25, 0.25), abs=1e-9)
    assert (got.sd, got.robust_sd) == pytest.approx((0.0, 0.0), abs=1e-6)
    assert got.correlation == pytest.approx(1.0)


@pytest.mark.parametrize("tile", [64, 130, 1000])
def test_the_size_of_the_tiles_makes_no_difference(tmp_path, monkeypatch, tile):
    a, b = random_pair((300, 400))
    paths = pair(tmp_path, a, b, nodata=np.nan)
    whole = compare_rasters(*paths).difference
    monkeypatch.setattr(compare_module, "_TILE", tile)
    got = compare_rasters(*paths).difference
    assert (got.count, got.median, got.percentiles) == (whole.count, whole.median, whole.percentiles)
    assert (got.bias, got.rmse, got.correlation) == pytest.approx((whole.bias, whole.rmse, whole.correlation), abs=1e-9)


def test_the_memory_does_not_grow_with_the_rasters(tmp_path):
    peaks = []
    for height in (1024, 8192):
        a = write_raster(tmp_path / "a.tif", np.full((height, 512), 290.0, "f4"), tiled=True)
        tracemalloc.start()
        compare_rasters(a, a)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + 2 * 2**20  # [byte]; the further rows are 28 MiB in either raster


def test_a_constant_raster_correlates_with_nothing(tmp_path):
    a, b = pair(tmp_path, ramp(280.0, 310.0), np.full((60, 70), 295.0))
    found = compare_rasters(a, b)
    assert np.isnan(found.difference.correlation)
    assert found.as_dict()["difference"]["correlation"] is None


def with_fill(values, *fills):
    """Put fill into the first rows, one after the other."""
    filled = values.copy()
    for row, fill in enumerate(fills):
        filled[row] = fill
    return filled


@pytest.mark.parametrize("fill", [0.0, -9999.0, np.finfo("f4").min, 1e15, -32768.0, 999.0, 65535.0])
@pytest.mark.parametrize("rows", [1, 40])
def test_fill_that_no_nodata_value_names_is_left_out_and_reported(tmp_path, command, fill, rows):
    kelvin = ramp(280.0, 310.0).astype("f4")
    a = write_raster(tmp_path / "a.tif", kelvin + np.float32(0.5))
    b = write_raster(tmp_path / "b.tif", with_fill(kelvin, *[fill] * rows))
    found = compare_rasters(a, b)
    assert (found.difference.count, found.pixels.b) == ((60 - rows) * 70, (60 - rows) * 70)
    assert found.difference.bias == pytest.approx(0.5, abs=1e-4)
    text = f"b.tif: {rows * 70} pixels with the value {fill:g} are left out: no surface temperature (150 to 400 K)"
    assert text in found.notes[0]
    code, _, errors = command("compare", a, b)
    assert (code, errors) == (0, [f"Note: {found.notes[0]}"])


def test_several_fill_values_are_all_left_out(tmp_path):
    kelvin = ramp(280.0, 310.0)
    a, b = pair(tmp_path, with_fill(kelvin, -9999.0, 0.0, 1e15, 500.0, 120.0), kelvin)
    found = compare_rasters(a, b)
    assert (found.difference.count, found.difference.maximum) == (55 * 70, 0.0)
    assert "a.tif: 350 pixels with the value -9999, 0, 120, ... are left out" in found.notes[0]


def test_fill_next_to_the_nodata_value_of_the_file_is_left_out_too(tmp_path):
    kelvin = ramp(280.0, 310.0)
    a, b = pair(tmp_path, with_fill(kelvin, -9999.0, 0.0), kelvin, nodata=-9999.0)
    found = compare_rasters(a, b)
    assert (found.difference.count, found.difference.bias) == (58 * 70, 0.0)
    assert "a.tif: 70 pixels with the value 0 are left out" in found.notes[0]


def test_untagged_fill_is_not_blended_into_temperatures_when_they_are_warped(tmp_path):
    coarse = Affine(60, 0, 452475, 0, -60, 3408645)
    a = write_raster(tmp_path / "a.tif", np.full((60, 80), 300.0))
    b = write_raster(tmp_path / "b.tif", with_fill(np.full((30, 40), 300.0), *[0.0] * 10), transform=coarse)
    found = compare_rasters(a, b, align=True)
    assert (found.difference.minimum, found.difference.maximum) == (0.0, 0.0)
    assert "b.tif: 400 pixels with the value 0 are left out" in found.notes[0]
    b = write_raster(tmp_path / "b.tif", with_fill(np.full((30, 40), 300.0), 0.0, -1.0), transform=coarse)
    with pytest.raises(InputError, match=r"b\.tif cannot be warped: 80 pixels have .* replace them by one nodata"):
        compare_rasters(a, b, align=True)


@pytest.mark.parametrize("options", [{"units": "degC"}, {"units": "degC", "scale": 0.01}, {"offset": 273.15}])
def test_zeros_that_may_be_fill_or_freezing_are_refused_until_the_file_has_a_nodata_value(tmp_path, options):
    kelvin = np.rint(ramp(290.0, 310.0) * 100.0) / 100.0
    numbers = with_fill((kelvin - 273.15) / options.get("scale", 1.0), *[0.0] * 10)
    a, b = write_raster(tmp_path / "a.tif", kelvin), write_raster(tmp_path / "b.tif", numbers, **options)
    with pytest.raises(InputError, match=r"b\.tif has exactly 0 in 17% of its pixels .* -a_nodata 0 if it is fill"):
        compare_rasters(a, b)
    write_raster(tmp_path / "b.tif", numbers, nodata=0, **options)
    assert compare_rasters(a, b).difference.bias == pytest.approx(0.0, abs=1e-6)
    write_raster(tmp_path / "b.tif", numbers, nodata=-9999, **options)
    assert compare_rasters(a, b).difference.count == 4200


def test_whole_degrees_about_freezing_are_compared(tmp_path):
    kelvin = ramp(263.15, 283.15)
    degrees = np.rint(kelvin - 273.15).astype("i2")
    a, b = write_raster(tmp_path / "a.tif", kelvin), write_raster(tmp_path / "b.tif", degrees, units="degC")
    assert compare_rasters(a, b).difference.count == 4200


def test_a_temperature_of_a_unit_that_is_not_known_is_refused(tmp_path):
    kelvin = np.full((8, 9), 300.0, "f4")
    a, b = write_raster(tmp_path / "a.tif", kelvin), write_raster(tmp_path / "b.tif", kelvin, units="rankine")
    with pytest.raises(InputError, match=r"b\.tif has the unit 'rankine', which is not one of K, degC, degF"):
        compare_rasters(a, b)


def test_scale_offset_and_unit_of_a_file_are_applied(tmp_path):
    kelvin = np.rint(ramp(280.0, 310.0) * 100.0) / 100.0
    a = write_raster(tmp_path / "a.tif", np.rint(kelvin * 100).astype("u2"), scale=0.01, nodata=0, units="K")
    b = write_raster(tmp_path / "b.tif", np.rint((kelvin - 273.15) * 100).astype("i2"), scale=0.01, units="degC")
    found = compare_rasters(a, b)
    assert found.difference.count == 4200
    assert max(abs(found.difference.minimum), found.difference.maximum) < 1e-6
    assert found.notes == ()


def usgs(folder, kelvin, **options):
    numbers = np.where(np.isnan(kelvin), 0, np.rint((kelvin - 149.0) / 0.00341802)).astype("u2")
    return write_raster(folder / USGS, numbers, **options)


def test_a_usgs_temperature_is_recognised_by_its_name_with_a_note(tmp_path, command):
    kelvin = ramp(280.0, 310.0)
    kelvin[:5] = np.nan
    a, b = write_raster(tmp_path / "a.tif", kelvin), usgs(tmp_path, kelvin)
    found = compare_rasters(a, b)
    assert found.difference.count == 55 * 70
    assert max(abs(found.difference.minimum), found.difference.maximum) <= 0.00341802 / 2 + 1e-9
    assert "according to its name it is a USGS product: times 0.00341802 K plus 149 K" in found.notes[0]
    code, _, errors = command("compare", a, b)
    assert (code, len(errors)) == (0, 1)
    assert errors[0] == f"Note: {found.notes[0]}"


def test_a_usgs_temperature_that_was_scaled_is_not_scaled_again(tmp_path):
    kelvin = ramp(280.0, 310.0)
    a, b = write_raster(tmp_path / "a.tif", kelvin), write_raster(tmp_path / USGS, kelvin.astype("f4"))
    assert abs(compare_rasters(a, b).difference.bias) < 1e-5
    numbers = np.rint(kelvin * 100).astype("u2")
    b = write_raster(tmp_path / USGS, numbers, scale=0.01)
    assert abs(compare_rasters(a, b).difference.bias) < 1e-3


@pytest.mark.parametrize(("values", "shown"), [(ramp(5.0, 35.0), "20"), (np.full((60, 70), 41000, "u2"), "41000")])
def test_what_is_no_kelvin_is_refused(tmp_path, values, shown):
    a, b = write_raster(tmp_path / "a.tif", ramp(280.0, 310.0)), write_raster(tmp_path / "b.tif", values)
    with pytest.raises(InputError, match=rf"b\.tif has values such as {shown}, which are not kelvin"):
        compare_rasters(a, b)


def plane(rows, columns, step):
    """A plane over the ground, on a grid whose pixels are so large: what bilinear interpolation keeps exactly."""
    y, x = np.mgrid[:rows, :columns]
    return 280.0 + 0.002 * ((x + 0.5) * step) + 0.001 * ((y + 0.5) * step)


def test_another_grid_is_refused_or_warped_onto_the_first(tmp_path, command):
    coarse = Affine(60, 0, 452475, 0, -60, 3408645)
    a = write_raster(tmp_path / "a.tif", plane(60, 80, 30.0))
    b = write_raster(tmp_path / "b.tif", plane(30, 40, 60.0) - 0.5, transform=coarse)
    with pytest.raises(GridMismatchError, match=r"b\.tif is EPSG:32616 40x30 .* --align warps"):
        compare_rasters(a, b)
    found = compare_rasters(a, b, align=True)
    assert found.difference.count == 4800
    assert found.difference.median == pytest.approx(0.5, abs=0.001)
    assert found.difference.robust_sd < 0.002
    code, lines, _ = command("compare", a, b, "--align", "--json")
    assert code == 0
    assert json.loads("\n".join(lines))["difference"]["median"] == pytest.approx(0.5, abs=0.001)


def test_fill_is_not_blended_into_temperatures_when_they_are_warped(tmp_path):
    kelvin = np.full((30, 40), 300.0)
    kelvin[:15] = np.nan
    a = write_raster(tmp_path / "a.tif", np.full((60, 80), 300.0))
    b = usgs(tmp_path, kelvin, transform=Affine(60, 0, 452475, 0, -60, 3408645))  # it does not name its fill
    got = compare_rasters(a, b, align=True).difference
    assert 2400 <= got.count <= 2480
    assert abs(got.minimum) < 0.01
    assert abs(got.maximum) < 0.01


QUALITY = np.repeat([CLEAR, CLOUD, SHADOW, WATER, SNOW, 1], 10)[:, None].repeat(70, axis=1).astype("u2")
OURS = {CLEAR: 0, CLOUD: 2, SHADOW: 4, WATER: 16, SNOW: 8, 1: 1}


@pytest.mark.parametrize("name", ["x_QA_PIXEL.TIF", "a_LST_QA.tif", "renamed.tif"])
def test_clouds_shadows_and_fill_are_left_out_water_and_snow_are_not(tmp_path, name):
    a, b = pair(tmp_path, ramp(280.0, 310.0) + QUALITY % 7, ramp(280.0, 310.0))
    ours = np.vectorize(OURS.get)(QUALITY).astype("u2")
    if name == "renamed.tif":
        mask = write_raster(tmp_path / name, ours | 2048, tags={"lst_raster_version": "0.1.0"})
    else:
        mask = write_raster(tmp_path / name, ours if "LST" in name else QUALITY)
    found = compare_rasters(a, b, mask=mask)
    kept = np.isin(QUALITY, [CLEAR, WATER, SNOW])
    assert (found.difference.count, found.pixels.masked) == (kept.sum(), (~kept).sum()) == (2100, 2100)
    assert found.difference.bias == pytest.approx((QUALITY % 7)[kept].mean(), abs=1e-9)
    assert found.mask.startswith(f"{name} (")


def test_our_own_layout_is_that_of_the_product():
    assert {name: 1 << bit for name, bit in PRODUCT_LAYOUT.flags.items()} == {
        name: flag(name).mask for name in PRODUCT_LAYOUT.flags
    }
    assert {"fill", "cloud", "cloud_shadow", "saturated"} <= PRODUCT_LAYOUT.flags.keys()


def test_a_mask_on_another_grid_is_refused_or_warped(tmp_path):
    a, b = pair(tmp_path, ramp(280.0, 310.0), ramp(280.0, 310.0))
    mask = write_raster(
        tmp_path / "x_QA_PIXEL.TIF", QUALITY[::2, ::2], transform=Affine(60, 0, 452475, 0, -60, 3408645)
    )
    with pytest.raises(GridMismatchError, match=r"quality band x_QA_PIXEL\.TIF is .* --align"):
        compare_rasters(a, b, mask=mask)
    assert compare_rasters(a, b, mask=mask, align=True).difference.count == 2100


def test_a_mask_that_is_no_quality_band_is_refused(tmp_path):
    a, b = pair(tmp_path, ramp(280.0, 310.0), ramp(280.0, 310.0))
    mask = write_raster(tmp_path / "mask.tif", np.full((60, 70), 2, "u2") + np.arange(70, dtype="u2") * 2)
    with pytest.raises(SceneError, match="not quality bits of any Landsat collection"):
        compare_rasters(a, b, mask=mask)


def test_rasters_that_share_nothing_are_refused_with_the_reason(tmp_path):
    a, b = ramp(280.0, 310.0), ramp(280.0, 310.0)
    a[:30], b[30:] = np.nan, np.nan
    paths = pair(tmp_path, a, b)
    with pytest.raises(InputError, match=r"no pixel has a temperature in both \(2100 in the first, 2100"):
        compare_rasters(*paths)
    mask = write_raster(tmp_path / "x_QA_PIXEL.TIF", np.full((60, 70), CLOUD, "u2"))
    with pytest.raises(InputError, match="excludes all 2100 pixels"):
        compare_rasters(paths[0], paths[0], mask=mask)
    with pytest.raises(InputNotFoundError, match="does not exist"):
        compare_rasters(paths[0], tmp_path / "none.tif")


def pixels(path):
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB"))


def test_the_map_shows_where_they_differ_and_to_which_side(tmp_path):
    b = ramp(280.0, 310.0, (400, 500))
    a = b.copy()
    a[:200], a[200:300], a[300:350, :] = b[:200] + 2.0, b[200:300] - 2.0, np.nan
    found = compare_rasters(*pair(tmp_path, a, b), output=tmp_path)
    assert [path.name for path in found.pictures] == ["a_less_b_map.png", "a_less_b_histogram.png"]
    left, top = MAP_CORNER
    column = pixels(found.pictures[0])[top : top + 400, left + 184]
    red, blue, white = (blue_to_red()[number].tolist() for number in (256, 0, 128))
    assert column[:200].tolist() == [red] * 200
    assert column[200:300].tolist() == [blue] * 100
    assert column[300:350].tolist() == [[200, 200, 200]] * 50
    assert column[350:].tolist() == [white] * 50


def test_pictures_are_the_same_bytes_again_and_are_kept_without_overwrite(tmp_path, command):
    paths = pair(tmp_path, *random_pair((100, 120)), nodata=np.nan)
    first = [path.read_bytes() for path in compare_rasters(*paths, output=tmp_path).pictures]
    code, _, errors = command("compare", *paths, "-o", tmp_path)
    assert (code, len(errors)) == (1, 1)
    assert "exists and is kept; add --overwrite" in errors[0]
    code, lines, _ = command("compare", *paths, "-o", tmp_path, "--overwrite")
    assert code == 0
    assert [(tmp_path / name).read_bytes() for name in ("a_less_b_map.png", "a_less_b_histogram.png")] == first
    assert lines[-2:] == [str(tmp_path / "a_less_b_map.png"), str(tmp_path / "a_less_b_histogram.png")]
    with pytest.raises(OutputError, match="is not an existing folder"):
        compare_rasters(*paths, output=tmp_path / "nowhere")


def test_without_matplotlib_the_numbers_are_there_and_a_note_names_the_extra(tmp_path, monkeypatch, command):
    paths = pair(tmp_path, *random_pair((100, 120)), nodata=np.nan)
    whole = compare_rasters(*paths, output=tmp_path, overwrite=True)
    for path in whole.pictures:
        path.unlink()
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    found = compare_rasters(*paths, output=tmp_path)
    assert (found.difference, found.pictures) == (whole.difference, ())
    (note,) = found.notes
    assert "no pictures were written: matplotlib is not installed; run: pip install 'lst-raster[plot]'" in note
    code, _, errors = command("compare", *paths, "-o", tmp_path)
    assert (code, errors) == (0, [f"Note: {note}"])
    assert not list(tmp_path.glob("*.png"))


def test_equal_rasters_have_pictures_too(tmp_path):
    a = write_raster(tmp_path / "a.tif", np.full((1, 1), 300.0))
    found = compare_rasters(a, a, output=tmp_path)
    assert (found.difference.count, found.difference.rmse, found.difference.robust_sd) == (1, 0.0, 0.0)
    assert all(path.stat().st_size > 1000 for path in found.pictures)


def test_the_table_shows_what_was_compared(tmp_path, command):
    a, b = pair(tmp_path, ramp(280.0, 310.0) + 0.25, ramp(280.0, 310.0))
    mask = write_raster(tmp_path / "x_QA_PIXEL.TIF", QUALITY)
    code, lines, errors = command("compare", a, b, "--mask", mask)
    assert (code, errors) == (0, [])
    assert lines[0] == "a.tif minus b.tif [K]"
    assert lines[1].startswith("2100 of 4200 pixels compared; 4200 and 4200 have a value; 2100 masked by x_QA_PIXEL")
    assert dict(line.rsplit(maxsplit=1) for line in lines[3:])["bias"] == "0.250"


def test_a_comparison_stops_when_progress_returns_false(tmp_path):
    a = write_raster(tmp_path / "a.tif", np.full((600, 600), 300.0, "f4"))
    steps = []
    with pytest.raises(CancelledError, match="after 2 of 4 tiles"):
        compare_rasters(a, a, output=tmp_path, progress=lambda *step: steps.append(step) or len(steps) < 2)
    assert not list(tmp_path.glob("*.png"))


@pytest.mark.parametrize("shape", [(7, 5), (13, 20), (1, 1)])
def test_cells_are_means_of_their_pixels_whatever_the_windows(shape):
    values = np.random.default_rng(0).normal(size=(13, 20))
    values[4:9, 3:8] = np.nan

    class Window:
        def __init__(self, row_off, col_off, height, width):
            self.row_off, self.col_off, self.height, self.width = row_off, col_off, height, width

    small = CellMeans(13, 20, shape)
    for row in range(0, 13, 3):
        for column in range(0, 20, 6):
            part = values[row : row + 3, column : column + 6]
            small.add(part, Window(row, column, *part.shape))
    rows, columns = np.arange(13) * shape[0] // 13, np.arange(20) * shape[1] // 20
    for (row, column), mean in np.ndenumerate(small.means()):
        cell = values[np.ix_(rows == row, columns == column)]
        known = cell[np.isfinite(cell)]
        assert mean == pytest.approx(known.mean()) if known.size else np.isnan(mean)


def test_quantiles_of_repeated_values_are_those_of_the_list():
    values, counts = np.array([1.0, 2.0, 5.0, 9.0]), np.array([3, 1, 4, 2])
    for share in (0.0, 0.1, 0.3, 0.5, 0.77, 1.0):
        assert quantile(values, counts, share) == pytest.approx(np.quantile(np.repeat(values, counts), share))


def test_ours_from_the_usgs_terms_is_the_usgs_temperature(tmp_path):
    """The figures of docs/compare.md."""
    stem = "LC08_L2SP_098084_20210503_20210508_02_T1"
    folder = shared_path("data", "landsat", stem)
    scene = Level2Scene.open(folder, downwelling="usgs")
    product = retrieve(scene, output=tmp_path, mask_clouds=False)
    theirs, quality = folder / f"{stem}_ST_B10.TIF", folder / f"{stem}_QA_PIXEL.TIF"
    found = compare_rasters(product.path, theirs, mask=quality)
    assert abs(found.difference.median) < 0.02
    assert (found.difference.count, found.pixels.masked) == (198, 2216)
    shown = {name: f"{getattr(found.difference, name):.3f}" for name in ("bias", "median", "rmse", "robust_sd")}
    assert shown == {"bias": "0.013", "median": "-0.002", "rmse": "0.050", "robust_sd": "0.016"}
    assert [f"{found.difference.percentiles[number]:.3f}" for number in ("25", "75")] == ["-0.011", "0.023"]
    assert f"{found.difference.maximum:.3f}" == "0.300"
