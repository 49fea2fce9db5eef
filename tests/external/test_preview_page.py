"""The preview as a page, in a browser: moved, enlarged, read; and nothing is asked of any network."""

import re

import numpy as np
import pytest
from pyproj import Transformer
from rasterio import Affine
from rasterio.crs import CRS
from selenium.webdriver.common.keys import Keys

import lst_raster
from lst_raster.io.grid import Grid
from lst_raster.plots.colours import inferno, pale_to_dark
from lst_raster.product.cog import new_cog
from lst_raster.product.preview.page import mesh_of
from lst_raster.product.quality_flags import flag
from tests.support.browser import running
from tests.support.cogs import cut, windows_of
from tests.support.factories import write_raster
from tests.support.product_sets import FLOATS, TAGS, grid_of, make_set

SHAPE = (300, 400)
CLEAR = (5 << flag("emissivity_source").offset) | (3 << flag("cloud_distance").offset)
CLOUD, WATER = flag("cloud").mask, flag("water").mask


def fields():
    """A different temperature for nearly every pixel, a cloud without one, one with it, and water."""
    rows, columns = np.indices(SHAPE)
    lst, bits = 280.0 + 0.1 * rows + 0.011 * columns, np.full(SHAPE, CLEAR, "u4")
    uncertainty = 0.5 + 0.004 * columns
    bits[20:80, 30:90] = CLOUD
    lst[20:80, 30:90] = uncertainty[20:80, 30:90] = np.nan
    bits[200:260, 300:380] |= CLOUD
    bits[100:140, 250:350] |= WATER
    return {"lst": lst, "uncertainty": uncertainty, "quality": bits}


@pytest.fixture(scope="module")
def browser():
    with running() as page:
        yield page


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    """The page of a whole product, in kelvin."""
    product = make_set(tmp_path_factory.mktemp("page"), SHAPE, fields=fields(), components=False)
    return lst_raster.preview(product, html=True, units="K")


@pytest.fixture
def page(browser, path):
    """That page, freshly opened; at its end the console must be empty, and nothing may have been asked for."""
    yield browser.open(path)
    assert browser.complaints() == []
    assert browser.requests() == []


def near(colour, expected, within=2):
    return np.abs(np.asarray(colour[:3], int) - np.asarray(expected, int)).max() <= within


def colour_of(value, values, table):
    """Colour of a value, between the 2nd and the 98th percentile of all but the clouds'."""
    low, high = np.nanpercentile(values[(fields()["quality"] & CLOUD) == 0], (2, 98))
    return table[int(np.clip((value - low) / (high - low) * 256, 0, 255))]


def test_the_page_shows_everything_and_asks_for_nothing(page, path):
    assert page.of("h1").text == path.stem.removesuffix("_LST_preview")
    assert page.of("header p").text == "Land surface temperature, Landsat 8 TIRS band 10, 2015-07-19 16:19 UTC"
    scale, column, row = page.view()
    box = page.map.rect
    assert scale == pytest.approx(0.96 * min(box["width"] / 400, box["height"] / 300))
    assert (column, row) == (200, 150)
    assert page.text("failure") == ""
    assert page.text("cell") == "Each value is a pixel of the raster (30 m)."


def test_the_policy_of_the_page_forbids_every_connection(browser, path):
    browser.open(path)
    outcome = browser.chrome.execute_async_script(
        "fetch('http://127.0.0.1:9/').then(() => arguments[0]('sent'), (error) => arguments[0](String(error)))"
    )
    assert "Failed to fetch" in outcome
    assert any("Content Security Policy" in one for one in browser.complaints())
    text = path.read_text()
    assert not re.findall(r"""(?:src|href)=["'](?!data:,)""", text)
    assert not re.findall(r"https?://|url\(|@import|//\w+\.\w+/", text.partition('<script type="text/plain"')[0])


@pytest.mark.parametrize(("column", "row"), [(399, 0), (399, 299), (0, 150), (123, 45)])
def test_a_click_reads_the_value_below_it(page, column, row):
    page.click(column, row)
    assert page.kelvin() == pytest.approx(280.0 + 0.1 * row + 0.011 * column, abs=0.0051)
    assert page.reading()["Uncertainty"] == f"{np.rint(50 + 0.4 * column) / 100:.2f} K"


def test_what_is_read_is_said_in_words_with_its_place(page):
    page.click(300, 120)
    reading = page.reading()
    assert reading["Quality"] == "water, 5 km or more from a cloud, emissivity: ndvi"
    grid = grid_of(SHAPE, "EPSG:32616")
    x, y = grid.transform.c + 30 * 300.5, grid.transform.f - 30 * 120.5
    assert reading["EPSG:32616"] == f"{x:.0f}, {y:.0f} m"
    lon, lat = Transformer.from_crs("EPSG:32616", "EPSG:4326", always_xy=True).transform(x, y)
    found = [float(text) for text in re.findall(r"-?[\d.]+", reading["Lon, lat"])]
    assert found == pytest.approx([lon, lat], abs=6e-5)  # a fifth of a pixel
    page.click(50, 50)
    assert page.reading()["Temperature"] == "none"
    assert page.reading()["Quality"] == "cloud, emissivity: none"


def test_the_pointer_reads_without_a_click_and_the_mark_comes_back_when_it_leaves(page):
    assert page.of("#hint").is_displayed()
    page.hover(10, 290)
    assert page.kelvin() == pytest.approx(309.11, abs=0.0051)
    page.click(200, 150)
    page.hover(10, 290)
    assert page.kelvin() == pytest.approx(309.11, abs=0.0051)
    page.point(200, 20)
    assert page.kelvin() == pytest.approx(297.2, abs=0.0051)
    assert not page.of("#hint").is_displayed()


def test_dragging_takes_the_map_along_with_the_pointer(page):
    page.hover(150, 100)
    start, value = page.place(150, 100), page.kelvin()
    scale, column, row = page.view()
    page.drag(start, (120, -60))
    after = page.view()
    assert after == pytest.approx((scale, column - 120 / scale, row + 60 / scale))
    assert page.point(start[0] + 120, start[1] - 60).kelvin() == value
    assert page.text("spoken") == ""  # a drag is no click


def test_some_of_the_map_stays_in_sight_however_far_it_is_dragged(page):
    for _ in range(6):
        page.drag((100, 100), (600, 600))
    assert page.view()[1:] == (0, 0)


def test_the_wheel_enlarges_about_the_pointer(page):
    place = page.place(320, 60)
    page.hover(320, 60)
    value, scale = page.kelvin(), page.view()[0]
    page.wheel(place, -240)
    assert page.view()[0] == pytest.approx(2 * scale)
    assert page.point(*place).kelvin() == value
    page.wheel(place, 240)
    assert page.view() == pytest.approx((scale, 200, 150))


def test_buttons_and_keys_zoom_and_show_all(page):
    scale = page.view()[0]
    page.of("#zoom-in").click()
    page.of("#zoom-in").click()
    assert page.view()[0] == pytest.approx(4 * scale)
    page.of("#zoom-out").click()
    assert page.view()[0] == pytest.approx(2 * scale)
    page.of("#zoom-all").click()
    assert page.view() == pytest.approx((scale, 200, 150))
    page.run("document.getElementById('map').focus()")
    page.keys("+")
    assert page.view()[0] == pytest.approx(2 * scale)
    page.keys("-").keys("-")
    assert page.view()[0] == pytest.approx(scale / 2)
    page.keys("0")
    assert page.view() == pytest.approx((scale, 200, 150))


def test_zooming_ends_before_pixels_or_the_map_are_lost(page):
    page.run("document.getElementById('map').focus()")
    page.keys("+" * 20)
    assert page.view()[0] == 64
    page.keys("-" * 30)
    assert page.view()[0] == pytest.approx(20 / 400)


def test_all_can_be_done_by_keys_alone(page):
    page.keys(Keys.TAB)
    assert page.run("return document.activeElement.id") == "map"
    page.keys(Keys.ARROW_DOWN)
    assert page.kelvin() == pytest.approx(297.2, abs=0.0051)  # the first mark is in the middle
    page.keys(Keys.ARROW_RIGHT).keys(Keys.ARROW_DOWN)
    assert page.kelvin() == pytest.approx(297.311, abs=0.0051)
    page.chord(Keys.SHIFT, Keys.ARROW_UP)
    assert page.kelvin() == pytest.approx(296.311, abs=0.0051)
    assert page.text("spoken").startswith("Temperature 296.31 K, Uncertainty 1.30 K, Quality clear, ")
    before = page.view()
    page.chord(Keys.CONTROL, Keys.ARROW_LEFT)
    assert page.view()[1] == pytest.approx(before[1] - 60 / before[0])
    page.keys(Keys.ESCAPE)
    assert page.reading() == {}
    reached = []
    for _ in range(7):
        page.keys(Keys.TAB)
        reached.append(page.run("const it = document.activeElement; return it.id || it.name || it.localName"))
    assert reached == ["zoom-in", "zoom-out", "zoom-all", "layer", "opacity", "hatch", "summary"]


def test_the_mark_that_leaves_the_sight_takes_the_map_along(page):
    page.run("document.getElementById('map').focus()")
    page.keys("+" * 5)
    page.keys(Keys.ARROW_RIGHT)
    for _ in range(3):
        page.chord(Keys.SHIFT, Keys.ARROW_RIGHT)
    assert 0 <= page.place(230, 150)[0] <= page.map.rect["width"]
    assert page.kelvin() == pytest.approx(280 + 15.0 + 0.011 * 230, abs=0.0051)


def test_every_layer_has_its_colours_and_its_legend(page):
    own = fields()
    assert near(page.colours(200, 150)[0], colour_of(own["lst"][150, 200], own["lst"], inferno()), 8)
    assert page.of("#legend h2").text == "Temperature [K]"
    ticks = [float(one.text) for one in page.all("#ticks span")]
    assert ticks == sorted(ticks)
    assert 280 < ticks[0] < ticks[-1] < 314
    page.choose("uncertainty")
    expected = colour_of(own["uncertainty"][150, 200], own["uncertainty"], pale_to_dark())
    assert near(page.colours(200, 150)[0], expected, 4)
    assert page.of("#legend h2").text == "Uncertainty [K]"
    page.choose("quality")
    assert near(page.colours(200, 150)[0], (0x4F, 0x9E, 0x4F))
    assert near(page.colours(300, 120)[0], (0x2B, 0x5F, 0xD9))
    shares = dict(one.text.rsplit("\n", 1) for one in page.all("#classes li"))
    assert shares == {"cloud": "7.0 %", "water": "3.3 %", "clear": "89.7 %"}
    page.choose("temperature")
    assert near(page.colours(200, 150)[0], colour_of(own["lst"][150, 200], own["lst"], inferno()), 8)


def test_the_opacity_mixes_a_layer_with_the_greys_below(page):
    page.choose("quality")
    whole = np.array(page.colours(200, 150)[0], float)
    page.run("document.getElementById('opacity').focus()")
    page.keys(Keys.HOME)
    grey = np.array(page.colours(200, 150)[0], float)
    assert page.of("#opacity-text").text == "0 %"
    assert grey[0] == grey[1] == grey[2]
    colder = page.colours(200, 20)[0]
    assert colder[0] < grey[0] - 50  # the greys are the temperature's
    page.keys(Keys.ARROW_RIGHT * 40)
    assert page.of("#opacity-text").text == "40 %"
    assert near(page.colours(200, 150)[0], 0.6 * grey[:3] + 0.4 * whole[:3])
    page.keys(Keys.END)
    assert near(page.colours(200, 150)[0], whole[:3])


def test_clouds_are_hatched_and_nothing_else_until_that_is_switched_off(page):
    def kinds(column, row):
        found = {tuple(one[:3]) for one in page.colours(column, row, 24)}
        return (255, 255, 255) in found, (48, 48, 48) in found

    assert kinds(330, 230) == (True, True)
    assert kinds(50, 50) == (True, True)
    assert kinds(200, 150) == (False, False)
    page.of("#hatch").click()
    assert kinds(330, 230) == (False, False)


def test_the_stripes_keep_to_the_flagged_pixels_when_they_are_large(page):
    for _ in range(5):
        page.wheel(page.place(299, 230), -240)
    assert page.view()[0] > 40
    inside, outside = ({tuple(one[:3]) for one in page.colours(column, 230, 20)} for column in (300, 299))
    assert (48, 48, 48) in inside
    assert (48, 48, 48) not in outside


def test_the_scale_bar_is_as_long_as_it_says_at_every_zoom(page):
    for _ in range(3):
        length = page.run("return document.getElementById('scale-bar').getBoundingClientRect().width")
        number, unit = page.text("scale-text").split()
        metres = float(number) * {"km": 1000, "m": 1}[unit]
        assert length == pytest.approx(metres / 30 * page.view()[0], abs=1.0)
        page.of("#zoom-in").click()


@pytest.mark.parametrize(("scheme", "dark"), [("light", False), ("dark", True)])
def test_the_page_follows_the_readers_light_or_dark(browser, path, scheme, dark):
    browser.open(path, scheme=scheme)
    ink, paper = (
        sum(map(int, re.findall(r"\d+", browser.run(f"return getComputedStyle(document.body).{name}"))[:3]))
        for name in ("color", "backgroundColor")
    )
    assert (paper < ink) is dark
    assert abs(paper - ink) > 450  # of 765: it can be read
    assert near(browser.colours(200, 150)[0], colour_of(297.2, fields()["lst"], inferno()), 8)


def test_on_a_narrow_screen_the_map_lies_above_and_nothing_sticks_out(browser, path):
    browser.open(path, size=(360, 700), ratio=2)
    assert browser.run("return document.documentElement.scrollWidth") <= 360
    assert browser.map.rect["width"] == 360
    assert browser.run("return document.getElementById('map').width") == 720  # as fine as the screen
    assert browser.of("aside").rect["y"] >= browser.map.rect["y"] + browser.map.rect["height"] - 1
    browser.click(123, 45)
    assert browser.kelvin() == pytest.approx(280.0 + 4.5 + 0.011 * 123, abs=0.35)  # a finger is wider than a pixel
    assert browser.complaints() == []


def test_two_fingers_enlarge_the_map(browser, path):
    browser.open(path)
    scale = browser.view()[0]
    box = browser.map.rect
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    for kind, half in (("touchStart", 50), ("touchMove", 60), ("touchMove", 100), ("touchEnd", None)):
        points = [] if half is None else [{"x": x - half, "y": y, "id": 1}, {"x": x + half, "y": y, "id": 2}]
        browser.chrome.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    assert browser.view() == pytest.approx((2 * scale, 200, 150), rel=0.02)
    assert browser.complaints() == []


def test_everything_that_can_be_reached_has_a_name(page):
    nodes = page.chrome.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
    reached = [
        node for node in nodes
        if any(one["name"] == "focusable" and one["value"].get("value") for one in node.get("properties", []))
        and node["role"]["value"] != "RootWebArea"
    ]  # fmt: skip
    names = {node["name"].get("value", "") for node in reached}
    assert "" not in names
    assert {"Zoom in", "Zoom out", "Show all", "Temperature", "Uncertainty", "Quality", "Opacity"} <= names
    assert any(name.startswith("Map of ") for name in names)


def test_a_product_without_quality_or_uncertainty_offers_neither(browser, tmp_path):
    path = write_raster(tmp_path / "a_LST.tif", np.array([[290.0, 300.0], [np.nan, 310.0]], "f4"), nodata=np.nan)
    page = browser.open(lst_raster.preview(path, html=True))
    assert [one.text for one in page.all("#layers label")] == ["Temperature"]
    assert not page.of("#hatching").is_displayed()
    page.click(0, 0)
    assert page.reading()["Temperature"] == "16.85 °C"
    assert set(page.reading()) == {"Temperature", "EPSG:32616", "Lon, lat"}
    page.click(0, 1)
    assert page.reading()["Temperature"] == "none"
    assert (page.complaints(), page.requests()) == ([], [])


def test_a_product_without_any_temperature_opens_and_says_so(browser, tmp_path):
    path = write_raster(tmp_path / "a_LST.tif", np.full((5, 5), np.nan, "f4"), nodata=np.nan)
    page = browser.open(lst_raster.preview(path, html=True))
    assert page.of("#legend p").text == "no value"
    page.click(2, 2)
    assert page.reading()["Temperature"] == "none"
    assert page.complaints() == []


def test_names_are_text_whatever_they_hold(browser, tmp_path):
    evil = "a<img src=x onerror=document.title='taken'>{{script}}&amp;'\"_LST.tif"
    tags = {"sensor": "</script><script>document.title='taken'</script>", "acquisition_date": "2015-07-19"}
    path = write_raster(tmp_path / evil, np.full((5, 5), 300.0, "f4"), tags=tags)
    page = browser.open(lst_raster.preview(path, tmp_path / "page.html", html=True))
    assert page.of("h1").text == evil.removesuffix("_LST.tif")
    assert page.chrome.title == evil.removesuffix("_LST.tif")
    assert tags["sensor"] in page.of("header p").text
    assert page.complaints() == []


def test_of_a_large_product_the_page_holds_means_and_says_so(browser, tmp_path):
    shape = (1200, 1600)
    kelvin = 280.0 + np.indices(shape)[1] * 0.02
    with new_cog(tmp_path / "a_LST.tif", grid_of(shape), FLOATS["lst"]) as cog:
        for window in windows_of(shape, 512):
            cog.write(cut(kelvin, window), window)
        cog.tags.update(TAGS)
    made = lst_raster.preview(tmp_path / "a_LST.tif", html=True, units="K", width=400)
    page = browser.open(made)
    assert page.text("cell") == "Each value is the mean of 4 by 4 pixels of the raster (120 m)."
    page.click(200, 100)
    assert page.kelvin() == pytest.approx(280.0 + (200 * 4 + 1.5) * 0.02, abs=0.011)
    x = grid_of(shape).transform.c + 30 * 4 * 200.5
    assert next(text for name, text in page.reading().items() if name.startswith("EPSG")).startswith(f"{x:.0f}, ")


def test_a_raster_without_place_is_read_by_column_and_row(browser, tmp_path):
    path = write_raster(tmp_path / "a_LST.tif", np.full((20, 20), 300.0, "f4"), crs=None, transform=Affine.identity())
    page = browser.open(lst_raster.preview(path, html=True))
    page.click(3, 7)
    assert page.reading() == {"Temperature": "26.85 °C", "Column, row": "3.5, 7.5"}
    assert not page.of("#scale").is_displayed()


def test_coordinates_of_small_pixels_have_more_decimals(browser, tmp_path):
    small = Affine(0.1, 0, 452475, 0, -0.1, 3408645)
    path = write_raster(tmp_path / "a_LST.tif", np.full((20, 20), 300.0, "f4"), transform=small)
    page = browser.open(lst_raster.preview(path, html=True))
    page.click(3, 7)
    assert page.reading()["EPSG:32616"] == "452475.35, 3408644.25 m"
    longitude, latitude = (text.partition(".")[2] for text in page.reading()["Lon, lat"].split(", "))
    assert len(longitude.rstrip("°")) == len(latitude.rstrip("°")) == 7


def test_where_north_is_not_up_an_arrow_shows_it(browser, tmp_path):
    turned = Affine.translation(452475, 3408645) @ Affine.rotation(30) @ Affine.scale(30, -30)
    path = write_raster(tmp_path / "a_LST.tif", np.full((20, 20), 300.0, "f4"), transform=turned)
    page = browser.open(lst_raster.preview(path, html=True))
    assert page.of("#north").is_displayed()
    assert float(
        re.search(r"rotate\((-?[\d.]+)deg", page.of("#north span").get_attribute("style"))[1]
    ) == pytest.approx(30.0, abs=1.0)


@pytest.mark.parametrize(
    ("crs", "transform", "size"),
    [
        ("EPSG:32616", Affine(30, 0, 452475, 0, -30, 3408645), (7800, 7700)),
        ("EPSG:32601", Affine(30, 0, 300000, 0, -30, 7400000), (3000, 9000)),  # across the date line
        ("EPSG:3995", Affine(3000, 0, -600000, 0, -3000, 600000), (400, 400)),  # the north pole within
        ("EPSG:4326", Affine(0.01, 0, 10, 0, -0.01, 50), (500, 800)),
    ],
)
def test_longitude_and_latitude_are_right_to_a_quarter_of_a_value(crs, transform, size):
    grid = Grid(crs=CRS.from_user_input(crs), transform=transform, width=size[1], height=size[0])
    shape = tuple(min(side, 1400) for side in size)
    mesh = mesh_of(grid, shape)
    cells = mesh["cells"]
    nodes = np.array(mesh["vectors"]).reshape(cells + 1, cells + 1, 3)
    rng = np.random.default_rng(0)
    u, v = rng.uniform(0, 1, (2, 500))
    left, top = (np.minimum(cells - 1, (share * cells).astype(int)) for share in (u, v))
    s, t = (u * cells - left)[:, None], (v * cells - top)[:, None]
    guess = (1 - t) * ((1 - s) * nodes[top, left] + s * nodes[top, left + 1])
    guess += t * ((1 - s) * nodes[top + 1, left] + s * nodes[top + 1, left + 1])
    guess /= np.linalg.norm(guess, axis=1, keepdims=True)
    latitude, longitude = np.radians(grid.degrees(u * size[1], v * size[0]))
    true = np.stack(
        [np.cos(latitude) * np.cos(longitude), np.cos(latitude) * np.sin(longitude), np.sin(latitude)], axis=1
    )
    metres = 6_371_000 * np.linalg.norm(guess - true, axis=1).max()
    assert metres <= 0.3 * min(grid.pixel_size()) * max(1.0, size[0] / 1400)


def test_the_same_product_makes_the_same_page(tmp_path):
    product = make_set(tmp_path / "p", (40, 50))
    first, second = (lst_raster.preview(product, tmp_path / f"{name}.html", html=True) for name in "ab")
    assert first.read_bytes() == second.read_bytes()
