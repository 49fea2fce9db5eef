"""The preview as a picture: position and colour of its parts, and errors for invalid input."""

import re
import sys

import numpy as np
import pytest
import rasterio
from PIL import Image
from rasterio import Affine
from rasterio.crs import CRS

import lst_raster
from lst_raster.errors import (
    GridMismatchError,
    InputError,
    InputNotFoundError,
    LstRasterError,
    MissingExtraError,
    OutputError,
)
from lst_raster.io.grid import Grid
from lst_raster.plots.charts import MAP_CORNER, scale_bar
from lst_raster.plots.colours import inferno
from lst_raster.product.cog import new_cog
from lst_raster.product.preview.page import page_of
from lst_raster.product.preview.run import find_preview_files, preview, read_view, shape_of_view, subtitle
from lst_raster.product.quality_flags import flag
from tests.support.cogs import cut, grid_of, windows_of
from tests.support.composites import season
from tests.support.factories import ramp, write_raster
from tests.support.product_sets import FLOATS, NAME, TAGS, fields_of, make_set, swap_overviews
from tests.support.servers import web_server
from tests.support.shared import shared_path

GREY = [200, 200, 200]
LIGHT, DARK = [255, 255, 255], [48, 48, 48]
LEFT, TOP = MAP_CORNER
CLEAR, CLOUD, SHADOW = 5 << flag("emissivity_source").offset, 1 << 1, 1 << 2


def pixels(path):
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB"))


def map_of(path, shape):
    """The map alone, without its surroundings."""
    return pixels(path)[TOP : TOP + shape[0], LEFT : LEFT + shape[1]]


def stripes(shape):
    """Which lines of the hatching cross a pixel: 0 the light one, 1 the dark one."""
    return np.add.outer(np.arange(shape[0]), np.arange(shape[1])) % 8


def even_set(folder, shape=(400, 500), **fields):
    """A product whose temperature rises evenly, with no gap and no flag but those that are given."""
    even = {
        "lst": ramp(280.0, 320.0, shape),
        "uncertainty": np.full(shape, 1.0),
        "quality": np.full(shape, CLEAR, "u4"),
    }
    return make_set(folder, shape, fields=even | fields)


def test_each_pixel_has_the_colour_of_its_temperature_and_the_bar_shows_which(tmp_path):
    path = even_set(tmp_path / "p")
    made = lst_raster.preview(path)
    assert made == path.with_name(path.stem + "_preview.png")
    drawn, kelvin = map_of(made, (400, 500)).astype(int), ramp(280.0, 320.0, (400, 500))
    low, high = np.percentile(kelvin, (2, 98))
    places = np.clip((kelvin - low) / (high - low) * 256, 0, 255).astype(int)
    expected = inferno().astype(int)[places]
    assert np.abs(drawn - expected).max() <= 8  # a neighbouring colour
    bar = pixels(made)[TOP : TOP + 400, LEFT + 500 + 14 + 9]
    np.testing.assert_array_equal(bar[[0, -1]], inferno()[[255, 0]])
    middle = np.abs(inferno().astype(int) - bar[200].astype(int)).sum(axis=1).argmin()
    assert abs(middle - 128) <= 1


def test_what_is_flagged_as_cloud_or_shadow_is_hatched_and_nothing_else(tmp_path):
    shape = (400, 500)
    bits, lst = np.full(shape, CLEAR, "u4"), ramp(280.0, 320.0, shape)
    bits[50:150, 40:200] |= CLOUD  # a temperature beneath: clouds were kept
    bits[200:300, 300:400] = SHADOW
    lst[200:300, 300:400] = np.nan
    bits[310:330, 10:60] = 1  # fill: no temperature, and no cloud
    lst[310:330, 10:60] = np.nan
    hatched, phase = (bits & (CLOUD | SHADOW)) != 0, stripes(shape)
    bare = np.where(hatched, np.nan, lst)
    plain = map_of(preview(even_set(tmp_path / "plain", lst=bare), width=500), shape)
    drawn = map_of(preview(even_set(tmp_path / "p", quality=bits, lst=lst), width=500), shape)
    assert (drawn[hatched & (phase == 0)] == LIGHT).all()
    assert (drawn[hatched & (phase == 1)] == DARK).all()
    np.testing.assert_array_equal(drawn[~hatched], plain[~hatched])
    between = hatched & (phase > 1)
    assert (drawn[between & np.isfinite(lst)] != GREY).any(axis=-1).all()
    assert (drawn[between & np.isnan(lst)] == GREY).all()
    assert (drawn[310:330, 10:60] == GREY).all()


def test_clouds_that_were_kept_do_not_take_the_colours(tmp_path):
    lst, bits = ramp(290.0, 310.0, (400, 500)), np.full((400, 500), CLEAR, "u4")
    lst[:150], bits[:150] = 200.0, CLOUD
    drawn = map_of(preview(even_set(tmp_path / "p", quality=bits, lst=lst)), (400, 500))
    low, high = np.percentile(lst[150:], (2, 98))
    expected = inferno().astype(int)[np.clip((lst[150:] - low) / (high - low) * 256, 0, 255).astype(int)]
    assert np.abs(drawn[150:].astype(int) - expected).max() <= 8
    bits[:] = CLOUD  # and where all is cloud the clouds have them
    drawn = map_of(preview(even_set(tmp_path / "all", quality=bits, lst=lst)), (400, 500))
    assert drawn[390, 496].tolist() == inferno()[255].tolist()


def test_the_legend_lists_hatching_and_gaps_only_where_there_are_some(tmp_path):
    """The legend's words are pictures; what differs between the pictures lies where a word is expected."""
    shape = (400, 500)
    flagged = np.full(shape, CLEAR, "u4")
    flagged[:200] |= CLOUD
    below = slice(TOP + 400 + 8, None)
    clear, cloudy = (
        pixels(preview(even_set(tmp_path / name, quality=bits)))[below]
        for name, bits in (("clear", np.full(shape, CLEAR, "u4")), ("cloudy", flagged))
    )
    assert clear.shape == cloudy.shape
    assert (clear != cloudy).any(axis=-1).sum() > 500
    bar = scale_bar(30.0, 500)[0]
    assert (clear[:, LEFT + bar + 60 :] == 255).all()


def test_a_product_without_quality_says_so_and_is_not_hatched(tmp_path):
    path = make_set(tmp_path / "p", (400, 500))
    path.with_name(path.stem + "_QA.tif").unlink()
    with_bits = pixels(preview(even_set(tmp_path / "q")))
    without = pixels(preview(path))
    assert with_bits.shape == without.shape
    words = without[TOP + 408 :, LEFT + scale_bar(30.0, 500)[0] + 60 :]
    assert (words != 255).any(axis=-1).sum() > 300
    assert not (without[TOP : TOP + 400, LEFT : LEFT + 500] == DARK).all(axis=-1).any()


def test_the_scale_bar_is_as_long_as_it_says(tmp_path):
    path = even_set(tmp_path / "p")
    drawn = pixels(preview(path))
    row = drawn[TOP + 400 + 14 + 12]
    dark = np.flatnonzero((row[LEFT:, :] < 60).all(axis=-1))
    length, text = scale_bar(30.0, 500)
    assert (length, text) == (67, "2 km")
    assert dark[:length].tolist() == list(range(length))
    assert length + 1 not in dark[: length + 3].tolist()


@pytest.mark.parametrize(
    ("pixel", "columns", "expected"),
    [(30.0, 200, (33, "1 km")), (0.1, 300, (50, "5 m")), (1000.0, 880, (200, "200 km")), (30.0, 16, (3, "100 m"))],
)
def test_a_scale_bar_is_a_round_number_at_most_a_quarter_of_the_map(pixel, columns, expected):
    assert scale_bar(pixel, columns) == expected
    assert expected[0] <= columns / 4


def test_units_change_the_bar_and_not_the_map(tmp_path):
    path = even_set(tmp_path / "p")
    celsius, kelvin = (pixels(preview(path, tmp_path / f"{unit}.png", units=unit)) for unit in ("C", "K"))
    place = (slice(TOP, TOP + 400), slice(LEFT, LEFT + 500))
    assert np.abs(celsius[place].astype(int) - kelvin[place]).max() <= 8
    assert (celsius[:, LEFT + 530 :] != kelvin[:, LEFT + 530 :]).any()


def test_a_large_product_is_read_from_its_overviews_alone(tmp_path):
    """Full resolution and overviews of the file differ, which no true product's do."""
    shape, files = (1100, 1300), {}
    for name, value in (("warm", 310.0), ("cold", 280.0)):
        with new_cog(tmp_path / f"{name}.tif", grid_of(shape), FLOATS["lst"]) as cog:
            for window in windows_of(shape, 512):
                cog.write(cut(ramp(value, value + 5.0, shape), window), window)
            cog.tags.update(TAGS)
        files[name] = bytearray((tmp_path / f"{name}.tif").read_bytes())
    mixed = tmp_path / "mixed_LST.tif"
    mixed.write_bytes(swap_overviews(files["warm"], bytes(files["cold"])))
    made, warm = preview(mixed, width=500), preview(tmp_path / "warm.tif", width=500)
    np.testing.assert_array_equal(map_of(made, (423, 500)), map_of(warm, (423, 500)))
    assert pixels(made).shape[1] == 500 + 14 + 18 + 64 + 32


def test_untagged_fill_is_neither_shown_nor_averaged_into_what_is(tmp_path, caplog):
    values = np.full((1000, 1000), 300.0, "f4")
    values[::3] = -9999.0
    path = write_raster(tmp_path / "a_LST.tif", values)
    kelvin = read_view(find_preview_files(path), 250).kelvin
    assert np.unique(kelvin[np.isfinite(kelvin)]).tolist() == [300.0]
    assert "with the value -9999 are left out" in caplog.text


def test_a_small_raster_is_enlarged_and_one_pixel_is_enough(tmp_path):
    path = write_raster(tmp_path / "a_LST.tif", np.array([[280.0, 320.0]], "f4"))
    drawn = map_of(preview(path), (160, 320))
    np.testing.assert_array_equal(drawn[80, [80, 240]], inferno()[[0, 255]])
    write_raster(path, np.full((1, 1), 300.0, "f4"))
    assert np.abs(map_of(preview(path, overwrite=True), (320, 320))[160, 160].astype(int) - inferno()[128]).max() <= 3


def test_a_product_without_any_temperature_says_so(tmp_path):
    path = write_raster(tmp_path / "a_LST.tif", np.full((20, 20), np.nan, "f4"), nodata=np.nan)
    drawn = pixels(preview(path))
    assert drawn[TOP + 10, LEFT + 10].tolist() == GREY
    assert not (drawn == inferno()[255]).all(axis=-1).any()  # no colour bar


def test_pixels_that_are_no_squares_are_drawn_as_they_lie_on_the_ground():
    degrees = Affine(0.001, 0, 10.0, 0, -0.001, 60.05)
    grid = Grid(crs=CRS.from_epsg(4326), transform=degrees, width=100, height=100)
    assert shape_of_view(grid, 1000) == (200, 100)  # at 60 degrees a degree of longitude is half as long
    assert shape_of_view(grid, 100) == (100, 50)


def test_an_arrow_shows_north_where_it_is_not_up(tmp_path):
    shape = (400, 400)
    kelvin = np.full(shape, 300.0, "f4")
    up = write_raster(tmp_path / "up_LST.tif", kelvin)
    turned = Affine.translation(452475, 3408645) @ Affine.rotation(90) @ Affine.scale(30, -30)
    right = write_raster(tmp_path / "right_LST.tif", kelvin, transform=turned)
    assert len(np.unique(map_of(preview(up), shape).reshape(-1, 3), axis=0)) == 1
    arrow = map_of(preview(right), shape)
    disc = arrow[6:51, 349:395]
    dark = (disc < 60).all(axis=-1)
    assert dark[20:25].sum() > 40  # the shaft lies along the row: north is to the left or to the right
    assert abs(np.flatnonzero(dark[:, 18:27].any(axis=1)).mean() - 22) <= 2


def test_the_same_product_makes_the_same_picture(tmp_path):
    path = even_set(tmp_path / "p")
    first, second = preview(path, tmp_path / "1.png"), preview(path, tmp_path / "2.png")
    assert first.read_bytes() == second.read_bytes()


def test_the_folder_and_the_item_of_a_product_do_as_well(tmp_path):
    path = even_set(tmp_path / "p")
    by_file = preview(path).read_bytes()
    assert preview(tmp_path / "p", overwrite=True).read_bytes() == by_file
    assert preview(path.with_suffix(".json"), tmp_path / "item.png").read_bytes() == by_file
    (tmp_path / "p" / NAME.replace(".tif", ".json")).unlink()
    assert preview(tmp_path / "p", overwrite=True).read_bytes() == by_file


def test_a_folder_without_one_product_is_refused(tmp_path):
    with pytest.raises(InputNotFoundError, match="holds no product: it has no raster"):
        preview(tmp_path)
    for band in ("B4", "B10"):
        write_raster(tmp_path / f"LC08_x_{band}.TIF", np.full((4, 4), 29000, "u2"))
    with pytest.raises(InputNotFoundError, match="it has 2 rasters, and none has the name of a product"):
        preview(tmp_path)
    for name in ("a_LST.tif", "b_LST.tif"):
        write_raster(tmp_path / name, np.full((4, 4), 300.0, "f4"))
    with pytest.raises(InputError, match=r"several rasters: a_LST\.tif, b_LST\.tif; give one of them"):
        preview(tmp_path)


def test_what_is_no_product_is_refused_by_what_it_is(tmp_path):
    text = tmp_path / "notes.txt"
    text.write_text("no raster")
    with pytest.raises(InputError, match="not a raster that GDAL can read"):
        preview(text)
    with pytest.raises(InputNotFoundError, match="does not exist"):
        preview(tmp_path / "none_LST.tif")
    numbers = write_raster(tmp_path / "LC08_x_B10.tif", np.full((4, 4), 29000, "u2"))
    with pytest.raises(InputError, match="values such as 29000, which are not kelvin"):
        preview(numbers)
    bands = write_raster(tmp_path / "bands.tif", np.full((3, 4, 4), 290.0, "f4"))
    with pytest.raises(InputError, match="3 bands"):
        preview(bands)
    assert not list(tmp_path.glob("*.png"))


def test_a_product_on_a_server_is_drawn_with_its_companion_files(tmp_path):
    path = even_set(tmp_path / "p", quality=np.full((400, 500), CLOUD, "u4"))
    here = preview(path)
    (tmp_path / "out").mkdir()
    with web_server(path.parent) as server:
        address = f"{server.url(NAME)}?sig=secret"
        there = preview(address, tmp_path / "out")
        assert there == tmp_path / "out" / here.name
        assert there.read_bytes() == here.read_bytes()
        server.answers[NAME.replace(".tif", "_QA.tif")] = 404
        assert (map_of(preview(address, there, overwrite=True), (400, 500)) != DARK).any(axis=-1).all()
        with pytest.raises(OutputError, match=rf"on a server, .* give a local file: -o {here.name}") as raised:
            preview(address)
        assert "secret" not in str(raised.value)


def test_companion_files_must_have_the_same_grid_and_type(tmp_path):
    path = even_set(tmp_path / "p", (40, 50), **fields_of((40, 50)))
    quality = path.with_name(path.stem + "_QA.tif")
    write_raster(quality, np.full((40, 51), 0, "u4"))
    with pytest.raises(GridMismatchError, match=re.escape(quality.name)):
        preview(path)
    write_raster(quality, np.full((40, 50), 0, "f4"), transform=grid_of((40, 50)).transform)
    with pytest.raises(InputError, match="holds float32, not the uint32 of a quality band"):
        preview(path)
    quality.write_bytes(b"II*\0 cut off")
    with pytest.raises(InputError, match="truncated or damaged"):
        preview(path)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"width": 99}, "a width of 99 pixels is not supported; give one of 100 to 4000"),
        ({"width": 4001}, "give one of 100 to 4000"),
        ({"units": "F"}, "units 'F' are not supported; give C or K"),
        ({"output": "page.html"}, "must end in .png; for a page add --html"),
        ({"output": "page.png", "html": True}, "must end in .html or .htm"),
        ({"output": "s3://bucket/a.png"}, "previews are written to disk"),
        ({"output": "nowhere/a.png"}, "does not exist"),
    ],
)
def test_arguments_that_cannot_be_are_refused(tmp_path, monkeypatch, arguments, words):
    monkeypatch.chdir(tmp_path)
    path = write_raster("a_LST.tif", np.full((4, 4), 300.0, "f4"))
    with pytest.raises((InputError, OutputError), match=re.escape(words)):
        preview(path, **arguments)
    assert not [file for file in tmp_path.rglob("*") if file.suffix != ".tif"]


def test_a_preview_that_exists_is_kept_without_overwrite(tmp_path, command):
    path = even_set(tmp_path / "p", (40, 50))
    made = path.with_name(path.stem + "_preview.png")
    assert command("preview", path) == (0, [str(made)], [])
    made.write_text("mine")
    code, out, err = command("preview", path)
    assert (code, out) == (1, [])
    assert err == [f"Error: {made} exists and is kept; add --overwrite to replace it, or give another file"]
    assert made.read_text() == "mine"
    assert command("preview", path, "--overwrite")[0] == 0
    assert pixels(made).ndim == 3
    assert command("preview", path, "-o", tmp_path, "--units", "k", "--width", "200")[:2] == (
        0, [str(tmp_path / made.name)],
    )  # fmt: skip
    assert command("preview", path, "--units", "F")[0] == 2
    assert not list(tmp_path.rglob(".*.tmp"))


def test_a_composite_shows_its_statistic_and_its_dates(tmp_path):
    paths, _ = season(tmp_path / "in", number=3)
    out = lst_raster.composite(paths, output=tmp_path / "summer.tif", statistic="mean").path
    assert pixels(preview(out)).ndim == 3
    found = read_view(find_preview_files(out), 100)
    assert found.subtitle == (
        "Mean of the land surface temperature, 3 products from 3 overpasses, 2015-01-12 to 2015-03-12"
    )
    assert found.bits is None
    assert found.uncertainty is not None
    with pytest.raises(InputError, match="not kelvin"):
        preview(tmp_path / "summer_COUNT.tif")


def test_the_subtitle_has_quantity_sensor_and_time():
    tags = {"sensor": "landsat8-b10", "acquisition_date": "2015-07-19", "acquisition_time": "16:19:21Z"}
    assert subtitle("a_LST.tif", tags, "land surface temperature") == (
        "Land surface temperature, Landsat 8 TIRS band 10, 2015-07-19 16:19 UTC"
    )
    usgs = subtitle("LC08_L2SP_098084_20210503_20210508_02_T1_ST_B10.TIF", {}, None)
    assert usgs == "Surface temperature, 2021-05-03"
    assert subtitle("mine.tif", {"sensor": "my-camera"}, None) == "Surface temperature, my-camera"


def test_a_surface_temperature_of_the_usgs_is_drawn_with_its_own_quality_band(tmp_path):
    folder = shared_path("data", "landsat", "LC08_L2SP_098084_20210503_20210508_02_T1")
    made = preview(folder, tmp_path)
    assert made.name == f"{folder.name}_ST_B10_preview.png"
    drawn = pixels(made)
    assert len(np.unique(drawn[TOP : TOP + 300, LEFT : LEFT + 300].reshape(-1, 3), axis=0)) > 100
    view = read_view(find_preview_files(folder), 1000)
    with rasterio.open(folder / f"{folder.name}_QA_PIXEL.TIF") as band:
        stored = band.read(1)
    assert view.bits.shape == stored.shape
    cloudy = (stored & (1 << 1 | 1 << 2 | 1 << 3 | 1 << 4)) != 0  # dilated cloud, cirrus, cloud, shadow
    assert cloudy.sum() > 2000
    np.testing.assert_array_equal(view.cloudy, cloudy)
    np.testing.assert_array_equal((view.bits & 1) != 0, (stored & 1) != 0)
    assert [field.name for field in view.flags] == ["fill", "cloud", "cloud_shadow", "snow", "water"]


def test_only_the_defined_flags_of_a_usgs_quality_band_are_shown(tmp_path):
    name = "LC08_L2SP_098084_20210503_20210508_02_T1"
    path = write_raster(tmp_path / f"{name}_ST_B10.TIF", np.full((4, 4), 45000, "u2"))
    bits = np.full((4, 4), 21824, "u2")
    bits[0], bits[1] = 22280, 21952
    write_raster(tmp_path / f"{name}_QA_PIXEL.TIF", bits)
    view = read_view(find_preview_files(path), 100)
    assert view.cloudy[:, 0].tolist() == [True, False, False, False]
    page = page_of(view, ("K", 0.0))
    assert '"name":"water"' in page
    assert '"name":"uncertain"' not in page
    assert "emissivity:" not in page
    write_raster(tmp_path / f"{name}_QA_PIXEL.TIF", np.full((4, 4), 1 << 15, "u2"))
    with pytest.raises(LstRasterError, match="not quality bits of any Landsat collection"):
        preview(path)


def test_without_matplotlib_a_picture_names_the_extra_and_a_page_is_written(tmp_path, monkeypatch):
    path = write_raster(tmp_path / "a_LST.tif", np.full((4, 4), 300.0, "f4"))
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'lst-raster\[plot\]'"):
        preview(path)
    assert preview(path, html=True).is_file()
    assert not list(tmp_path.glob("*.png"))
