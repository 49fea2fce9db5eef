"""Emissivity from every source, on made scenes and on real ones."""

import os

import numpy as np
import pytest
import rasterio
from rasterio import Affine
from rasterio.windows import Window

from lst_raster import Scene, retrieve
from lst_raster.errors import GridMismatchError, InputError, InputNotFoundError, OutputError
from lst_raster.inputs.emissivity.aster_ged import read_mosaic
from lst_raster.inputs.emissivity.merge import choose_emissivity, open_emissivity
from lst_raster.inputs.emissivity.spectra import _band_means, packaged_spectra
from lst_raster.inputs.emissivity.tables import components, land_cover_table, relation_to_first
from lst_raster.io.grid import Box
from tests.support.emissivity_scenes import DEGREES, add_metadata, add_quality, add_reflectance, make_tile
from tests.support.factories import STATE, make_scene, ramp, write_raster
from tests.support.shared import shared_path

SHAPE = (60, 70)
WHOLE = Window(0, 0, 70, 60)
LEFT = np.arange(70)[None, :] < np.full((60, 1), 20)


@pytest.fixture
def scene(tmp_path):
    return make_scene(tmp_path / "in", lst=ramp(290, 300))


def merged(path, *given, **options):
    opened = Scene.open(path)
    with open_emissivity(choose_emissivity(opened, list(given), **options), opened) as read:
        return read(Window(0, 0, opened.grid.width, opened.grid.height))


def test_ndvi_takes_reflectance_and_not_digital_numbers(scene):
    # Digital numbers would give an index of 0.17 where reflectance gives 0.5: their offset is half of it.
    add_reflectance(scene, np.full(SHAPE, 0.1), np.full(SHAPE, 0.3))
    found = merged(scene, "ndvi")
    assert found.value == pytest.approx(0.987, abs=1e-4)
    assert found.uncertainty == pytest.approx(0.006, abs=1e-4)


def test_bare_soil_depends_on_its_brightness_and_on_the_sun(scene):
    add_reflectance(scene, np.full(SHAPE, 0.3), np.full(SHAPE, 0.36))
    assert merged(scene, "ndvi").value == pytest.approx(0.979 - 0.046 * 0.3, abs=2e-5)


def test_emissivity_from_ndvi_has_no_steps_and_never_exceeds_one(scene):
    near_infrared = np.linspace(0.05, 0.6, 4200).reshape(SHAPE)
    add_reflectance(scene, np.full(SHAPE, 0.1), near_infrared)
    value = merged(scene, "ndvi").value.ravel()
    assert value.max() <= 0.9875
    assert np.abs(np.diff(value)).max() < 1e-4


def move_bands(scene, *bands, columns=13.0, rows=7.0, fill=0):
    """Write bands of the made scene again with another extent: larger, and beginning further to the north-west."""
    for band in bands:
        path = scene.parent / f"{scene.name.rpartition('_B')[0]}_{band}.TIF"
        with rasterio.open(path) as dataset:
            values, transform, nodata = dataset.read(1), dataset.transform, dataset.nodata
        wider = np.full((90, 100), fill, values.dtype)
        wider[7:67, 13:83] = values
        a, _, c, _, e, f = transform[:6]
        path.unlink()  # else GDAL removes it, and the MTL file with it
        write_raster(path, wider, transform=Affine(a, 0, c - columns * a, 0, e, f - rows * e), nodata=nodata)


def test_bands_of_a_larger_extent_are_cut_and_others_warped_when_asked(tmp_path, scene):
    red, near_infrared = np.full(SHAPE, 0.1), np.linspace(0.05, 0.6, 4200).reshape(SHAPE)
    red[:3] = np.nan  # fill, which the file does not declare
    add_reflectance(scene, red, near_infrared)
    water = np.zeros(SHAPE, bool)
    water[20:30, 40:] = True
    add_quality(scene, water=water)
    make_tile(tmp_path, 31, -88, mean=plane, index=0.2)
    sources = ("quality", "ndvi"), (f"aster-ged:{tmp_path}",)
    expected = [merged(scene, *given) for given in sources]
    move_bands(scene, "B4", "B5")
    move_bands(scene, "QA_PIXEL", fill=1)
    for given, found in zip(sources, expected, strict=True):  # bands with the same pixels that cover the scene are cut
        for align in (False, True):
            warped = merged(scene, *given, align=align)
            np.testing.assert_allclose(warped.value, found.value, rtol=1e-6)
            np.testing.assert_array_equal(warped.source, found.source)
    with rasterio.open(str(scene).replace("_B10", "_B4"), "r+") as dataset:  # half a pixel further east
        a, b, c, d, e, f = dataset.transform[:6]
        dataset.transform = Affine(a, b, c + 15.0, d, e, f)
    for given in ("ndvi", f"aster-ged:{tmp_path}"):
        with pytest.raises(GridMismatchError, match="pass --align to warp it onto the scene's grid"):
            merged(scene, given)


def test_fill_of_a_warped_band_is_not_blended_into_its_neighbours(scene):
    red = np.full(SHAPE, 0.1)
    red[:, 30:33] = np.nan
    add_reflectance(scene, red, np.full(SHAPE, 0.3))
    move_bands(scene, "B4", "B5", columns=13.4, rows=7.3)
    found = merged(scene, "ndvi", align=True).value
    known = np.isfinite(found)
    assert 0.9 < known.mean() < 1.0
    assert found[known] == pytest.approx(0.987, abs=1e-4)


def test_dark_water_whose_index_wraps_around_in_unsigned_numbers_is_no_vegetation(scene):
    add_reflectance(scene, np.full(SHAPE, 0.08), np.full(SHAPE, 0.02))
    assert merged(scene, "ndvi").value == pytest.approx(0.979 - 0.046 * 0.08, abs=2e-5)


def test_fill_in_a_reflective_band_is_filled_from_the_next_source(scene):
    red = np.where(LEFT, np.nan, 0.1)
    add_reflectance(scene, red, np.full(SHAPE, 0.3))
    found = merged(scene, "ndvi", 0.95)
    assert (found.value[LEFT] == np.float32(0.95)).all()
    assert (found.source == np.where(LEFT, 2, 1)).all()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"sun": None}, "no SUN_ELEVATION"),
        ({"sun": -3.0}, "a sun elevation of -3.0 degrees"),
        ({"constants": False}, "no REFLECTANCE_MULT_BAND_4"),
    ],
)
def test_ndvi_says_what_it_lacks(scene, change, words):
    options = {"sun": 40.0, **change}
    if options["sun"] is None:
        add_reflectance(scene, np.full(SHAPE, 0.1), np.full(SHAPE, 0.3), sun=40.0)
        mtl = next(scene.parent.glob("*_MTL.txt"))
        mtl.write_text("\n".join(line for line in mtl.read_text().splitlines() if "SUN_EL" not in line))
    else:
        add_reflectance(scene, np.full(SHAPE, 0.1), np.full(SHAPE, 0.3), **options)
    with pytest.raises(InputError, match=words):
        merged(scene, "ndvi")


def test_ndvi_without_its_bands_or_metadata_says_so(tmp_path, scene):
    add_metadata(scene, ["    SUN_ELEVATION = 40.0"])
    with pytest.raises(InputError, match=r"no red band .*_B4\.TIF"):
        merged(scene, "ndvi")
    alone = make_scene(tmp_path / "alone", lst=290.0 + ramp(0, 1), mtl=False)
    with pytest.raises(InputError, match="no metadata file"):
        merged(alone, "ndvi")


def test_water_and_snow_come_before_ndvi_without_being_asked(scene):
    water, snow = np.zeros(SHAPE, bool), np.zeros(SHAPE, bool)
    water[:20], snow[40:] = True, True
    add_reflectance(scene, np.full(SHAPE, 0.3), np.full(SHAPE, 0.36))
    add_quality(scene, water=water, snow=snow)
    found = merged(scene, "ndvi")
    parts = components("landsat8-b10")
    assert found.value[:20] == pytest.approx(parts["water"].emissivity)
    assert found.value[40:] == pytest.approx(parts["snow"].emissivity)
    assert (found.source[20:40] == 2).all()
    assert found.uncertainty[0, 0] == pytest.approx(parts["water"].uncertainty)


def test_quality_stays_where_the_user_puts_it(scene):
    add_reflectance(scene, np.full(SHAPE, 0.3), np.full(SHAPE, 0.36))
    add_quality(scene, water=np.ones(SHAPE, bool))
    assert (merged(scene, "ndvi", "quality").source == 1).all()
    with pytest.raises(InputError, match="no quality band"):
        (scene.parent / f"{scene.name.rpartition('_B')[0]}_QA_PIXEL.TIF").unlink()
        merged(scene, "quality")


def test_a_raster_elsewhere_is_warped_when_asked_and_refused_when_not(tmp_path, scene):
    # a plane in degrees is close to one in metres over two kilometres
    rows, _ = np.mgrid[0:100, 0:100]
    path = write_raster(tmp_path / "e.tif", (0.95 + 2e-4 * rows).astype("f4"), **DEGREES)
    with pytest.raises(GridMismatchError, match="pass --align"):
        merged(scene, path)
    found = merged(scene, path, align=True).value
    latitude, longitude = Scene.open(scene).grid.degrees(*(np.mgrid[0:60, 0:70][::-1] + 0.5))
    assert DEGREES["transform"].c < longitude.min() and longitude.max() < DEGREES["transform"].c + 0.05
    expected = 0.95 + 2e-4 * ((DEGREES["transform"].f - latitude) / 0.0005 - 0.5)
    assert found == pytest.approx(expected, abs=2e-5)


def test_beyond_the_edge_of_a_warped_raster_there_is_nothing(tmp_path, scene):
    _, longitude = Scene.open(scene).grid.degrees(*(np.mgrid[0:60, 0:70][::-1] + 0.5))
    half = int((longitude.mean() - DEGREES["transform"].c) / 0.0005)
    path = write_raster(tmp_path / "e.tif", np.full((100, half), 9500, "u2"), scale=1e-4, **DEGREES)
    found = merged(scene, path, 0.99, align=True)
    edge = DEGREES["transform"].c + 0.0005 * half
    assert found.value[longitude < edge - 0.0005] == pytest.approx(0.95)
    assert found.value[longitude > edge + 0.0005] == pytest.approx(0.99)


def test_land_cover_is_read_at_the_nearest_cell_by_its_own_legend(tmp_path, scene):
    classes = np.full((100, 100), 10, "u1")
    classes[:, 30:] = 80
    path = write_raster(tmp_path / "map.tif", classes, nodata=0, **DEGREES)
    found = merged(scene, f"landcover:{path}")
    table = land_cover_table("worldcover", "landsat8-b10")
    values = {np.float32(table[code].emissivity) for code in (10, 80)}
    assert set(np.unique(found.value)) == values
    own = tmp_path / "own.csv"
    own.write_text("class,emissivity,uncertainty\n10,0.9,0.03\n80,0.8,\n")
    found = merged(scene, f"landcover:{path}:{own}")
    assert set(np.unique(found.value)) == {np.float32(0.9), np.float32(0.8)}
    assert set(np.unique(found.uncertainty)) == {np.float32(0.03), np.float32(0.02)}


def test_a_class_without_emissivity_is_filled_and_a_wrong_legend_refused(tmp_path, scene):
    classes = np.full((100, 100), 10, "u1")
    classes[:, 30:] = 77
    path = write_raster(tmp_path / "map.tif", classes, **DEGREES)
    found = merged(scene, f"landcover:{path}", 0.95)
    assert set(np.unique(found.source)) == {1, 2}
    with pytest.raises(InputError, match=r"classes 10, 77, none of them in the legend nlcd"):
        merged(scene, f"landcover:{path}:nlcd")


@pytest.mark.parametrize(
    ("text", "error", "words"),
    [
        ("aster-ged:", InputError, "needs a path"),
        ("aster-ged:nowhere", InputNotFoundError, "nowhere does not exist"),
        ("landcover", InputError, "needs a path"),
        ("landcover:nowhere.tif", InputNotFoundError, "'nowhere.tif' does not exist"),
        ("ndvy", InputNotFoundError, "none of a number, a raster that exists, quality, ndvi"),
        ("1.2", InputError, "outside"),
    ],
)
def test_a_source_that_is_none_is_refused(scene, text, error, words):
    with pytest.raises(error, match=words):
        merged(scene, text)


@pytest.mark.parametrize(
    "table", ["class,value\n1,0.9\n", "class,emissivity\nforest,0.9\n", "class,emissivity\n1,98\n"]
)
def test_a_table_that_is_none_is_refused(tmp_path, scene, table):
    path = write_raster(tmp_path / "map.tif", np.ones((100, 100), "u1"), **DEGREES)
    (tmp_path / "own.csv").write_text(table)
    with pytest.raises(InputError, match=r"own\.csv"):
        merged(scene, f"landcover:{path}:{tmp_path / 'own.csv'}")


@pytest.mark.parametrize("code", [-1, -9999, 65536, 10**12])
def test_a_class_in_the_table_that_no_map_can_hold_is_refused(tmp_path, scene, code):
    path = write_raster(tmp_path / "map.tif", np.ones((100, 100), "u1"), **DEGREES)
    (tmp_path / "own.csv").write_text(f"class,emissivity\n1,0.95\n{code},0.9\n")
    with pytest.raises(InputError, match=rf"own\.csv line 3 contains the class {code}; classes .* from 0 to 65535"):
        merged(scene, f"landcover:{path}:{tmp_path / 'own.csv'}")


def test_a_class_that_stands_twice_in_the_table_is_refused(tmp_path, scene):
    path = write_raster(tmp_path / "map.tif", np.ones((100, 100), "u1"), **DEGREES)
    (tmp_path / "own.csv").write_text("class,emissivity\n1,0.95\n1,0.9\n")
    with pytest.raises(InputError, match=r"own\.csv line 3 contains the class 1 again"):
        merged(scene, f"landcover:{path}:{tmp_path / 'own.csv'}")


@pytest.mark.parametrize("kind", ["i2", "i4", "f4", "f8"])
def test_classes_of_the_map_that_are_not_in_the_table_have_no_value_whatever_they_are(tmp_path, scene, kind):
    strange = (-1, -9999, 32767) if kind == "i2" else (-1, -9999, 70000, 2**31 - 1)
    classes = np.full((100, 100), 1, kind)
    classes[np.arange(100) % 2 == 1] = np.resize(strange, 50)[:, None]
    path = write_raster(tmp_path / "map.tif", classes, **DEGREES)
    (tmp_path / "own.csv").write_text("class,emissivity\n0,0.8\n1,0.95\n2,0.9\n")
    found = merged(scene, f"landcover:{path}:{tmp_path / 'own.csv'}", 0.99)
    assert set(np.unique(found.value)) == {np.float32(0.95), np.float32(0.99)}


def test_a_map_of_classes_that_were_averaged_is_refused(tmp_path, scene):
    classes = np.full((100, 100), 1.0, "f4")
    classes[:, 30:32] = 1.5
    path = write_raster(tmp_path / "map.tif", classes, **DEGREES)
    (tmp_path / "own.csv").write_text("class,emissivity\n1,0.95\n")
    with pytest.raises(InputError, match=r"contains 1\.5, and classes are whole numbers; .* nearest pixel"):
        merged(scene, f"landcover:{path}:{tmp_path / 'own.csv'}")


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_land_cover_table_is_read_as_programs_save_it(tmp_path, scene, separator, encoding):
    path = write_raster(tmp_path / "map.tif", np.ones((100, 100), "u1"), **DEGREES)
    point = "." if separator == "," else ","
    rows = ["# façade", "Class,Emissivity,Uncertainty", "", "1, 0.95,0.03", "2,0.9,"]
    text = "\r\n".join(row.replace(",", separator).replace(".", point) for row in rows)
    (tmp_path / "own.csv").write_bytes(text.encode(encoding))
    found = merged(scene, f"landcover:{path}:{tmp_path / 'own.csv'}")
    assert set(np.unique(found.value)) == {np.float32(0.95)}
    assert set(np.unique(found.uncertainty)) == {np.float32(0.03)}


def test_a_product_of_a_table_that_was_edited_is_not_kept(tmp_path, scene, model_path):
    path = write_raster(tmp_path / "map.tif", np.ones((100, 100), "u1"), **DEGREES)
    table = tmp_path / "own.csv"
    options = {
        "output": tmp_path / "r.tif", "model": model_path, "emissivity": f"landcover:{path}:{table}", **STATE,
    }  # fmt: skip
    table.write_text("class,emissivity\n1,0.95\n")
    assert [retrieve(scene, **options).reused for _ in range(2)] == [False, True]
    table.write_text("class,emissivity\n1,0.98\n")
    os.utime(table, ns=(1, 1))
    with pytest.raises(OutputError, match="exists and is kept; add --overwrite"):
        retrieve(scene, **options)
    assert [retrieve(scene, overwrite=True, **options).reused, retrieve(scene, **options).reused] == [False, True]
    with pytest.raises(OutputError, match="it is one of the inputs"):
        retrieve(scene, **options | {"output": table.rename(tmp_path / "own.tif"), "overwrite": True,
                                     "emissivity": f"landcover:{path}:{tmp_path / 'own.tif'}"})  # fmt: skip


def plane(latitude, longitude):
    return 0.95 + 0.02 * (latitude - 30.0), 0.96 + 0.02 * (longitude + 88.0)


def test_aster_is_brought_to_the_band_at_the_place_where_it_was_measured(tmp_path, scene):
    make_tile(tmp_path, 31, -88, mean=plane, spread=0.005)
    found = merged(scene, f"aster-ged:{tmp_path}")
    latitude, longitude = Scene.open(scene).grid.degrees(*(np.mgrid[0:60, 0:70][::-1] + 0.5))
    band_13, band_14 = plane(latitude, longitude)
    assert found.value == pytest.approx(0.6820 * band_13 + 0.2578 * band_14 + 0.0584, abs=6e-4)  # stored in thousandths
    of_13, of_14 = 0.682 * np.hypot(0.005, 0.0164), 0.2578 * np.hypot(0.005, 0.0174)
    assert found.uncertainty == pytest.approx(np.sqrt(of_13**2 + of_14**2 + 0.00094**2), abs=1e-5)


@pytest.mark.parametrize("edges", [False, True])
def test_aster_tiles_of_one_kilometre_have_their_own_cells(tmp_path, scene, edges):
    make_tile(tmp_path, 31, -88, mean=plane, name="AG1km.v003.31.-088.0010.h5", size=100, edges=edges)
    found = merged(scene, f"aster-ged:{tmp_path}", 0.93)
    assert (found.source == 1).all()
    latitude, longitude = Scene.open(scene).grid.degrees(*(np.mgrid[0:60, 0:70][::-1] + 0.5))
    band_13, band_14 = plane(latitude, longitude)
    assert found.value == pytest.approx(0.6820 * band_13 + 0.2578 * band_14 + 0.0584, abs=6e-4)


def test_aster_tiles_of_another_shape_or_of_two_kinds_are_refused(tmp_path, scene):
    path = make_tile(tmp_path, 31, -88, mean=plane, size=250)
    with pytest.raises(InputError, match=r"0001.h5 has 250 x 250 cells; a tile of one degree has 1000 x 1000"):
        merged(scene, f"aster-ged:{path}", 0.93)
    make_tile(tmp_path, 31, -88, mean=plane)
    make_tile(tmp_path, 31, -88, mean=plane, name="AG1km.v003.31.-088.0010.h5", size=100)
    with pytest.raises(InputError, match=r"tiles of 0.001 and of 0.01 degrees .AG1km.* give a folder of one kind"):
        merged(scene, f"aster-ged:{tmp_path}", 0.93)


def test_holes_in_aster_and_missing_tiles_are_filled_from_the_next_source(tmp_path, scene):
    _, longitude = Scene.open(scene).grid.degrees(*(np.mgrid[0:60, 0:70][::-1] + 0.5))
    middle = float(longitude.mean())
    make_tile(tmp_path, 31, -88, mean=plane, gap=lambda lat, lon: lon > middle)
    found = merged(scene, f"aster-ged:{tmp_path}", 0.93)
    assert (found.source[longitude < middle - 0.001] == 1).all()
    assert (found.source[longitude > middle + 0.001] == 2).all()
    assert np.isfinite(found.value).all()
    (tmp_path / "AG100.v003.31.-088.0001.h5").rename(tmp_path / "AG100.v003.41.-088.0001.h5")  # none here
    assert (merged(scene, f"aster-ged:{tmp_path}", 0.93).source == 2).all()


def test_aster_follows_the_vegetation_of_the_scene(tmp_path, scene):
    make_tile(tmp_path, 31, -88, mean=lambda lat, lon: (np.full(lat.shape, 0.95), np.full(lat.shape, 0.96)), index=0.2)
    bare = 0.6820 * 0.95 + 0.2578 * 0.96 + 0.0584
    add_reflectance(scene, np.full(SHAPE, 0.03), np.where(LEFT, 0.4, 0.03))
    found = merged(scene, f"aster-ged:{tmp_path}").value
    assert found[LEFT] == pytest.approx(0.9885, abs=1e-4)
    assert found[~LEFT] == pytest.approx(bare, abs=1e-4)


def test_tiles_are_placed_by_their_coordinates_across_the_date_line(tmp_path):
    make_tile(tmp_path, 11, 179, mean=lambda lat, lon: (lon / 200.0, np.full(lat.shape, 0.96)))
    make_tile(tmp_path, 11, -180, mean=lambda lat, lon: ((lon + 360.0) / 200.0, np.full(lat.shape, 0.96)))
    for west in (179.9, -180.1):
        found = read_mosaic(sorted(tmp_path.iterdir()), Box(south=10.3, north=10.5, west=west, east=west + 0.2))
        values = found.fields["band_13"]
        assert np.isfinite(values[5:-5, 5:-5]).all()
        assert np.diff(values[10]).min() >= 0.0
        assert values[10].mean() == pytest.approx(180.0 / 200.0, abs=1e-3)


def test_a_scene_across_the_date_line_has_the_tiles_of_both_sides(tmp_path):
    grid = {"crs": "EPSG:32660", "transform": Affine(200.0, 0.0, 819_000.0, 0.0, -200.0, 1_168_000.0)}
    path = make_scene(tmp_path / "in", lst=np.full((60, 100), 290.0), **grid)
    _, longitude = Scene.open(path).grid.degrees(*(np.mgrid[0:60, 0:100][::-1] + 0.5))
    assert longitude.min() < -179.9 and longitude.max() > 179.9
    for west, turn in ((179, 0.0), (-180, 360.0)):
        make_tile(tmp_path, 11, west, mean=lambda lat, lon, turn=turn: ((lon + turn) / 200.0, np.full(lat.shape, 0.96)))
    found = merged(path, f"aster-ged:{tmp_path}").value
    expected = 0.6820 * (longitude % 360.0) / 200.0 + 0.2578 * 0.96 + 0.0584
    assert found == pytest.approx(expected, abs=6e-4)  # stored in thousandths


def test_a_renamed_tile_is_found_and_a_damaged_one_is_reported(tmp_path, scene):
    path = make_tile(tmp_path, 31, -88, mean=plane, name="tile.h5")
    assert np.isfinite(merged(scene, f"aster-ged:{path}").value).all()
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(InputError, match=r"tile.h5 is not a tile of ASTER GED"):
        merged(scene, f"aster-ged:{path}")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="contains no AG100"):
        merged(scene, f"aster-ged:{tmp_path / 'empty'}")


def test_band_11_has_no_relation_to_aster(tmp_path):
    scene = make_scene(tmp_path / "in", lst=290 + ramp(0, 1), sensor="landsat8-b11", name="LC08_x_B11.TIF")
    with pytest.raises(InputError, match="is published"):
        merged(scene, f"aster-ged:{tmp_path}")


def test_a_merged_emissivity_gives_the_true_temperature_and_its_provenance(tmp_path, scene, model_path):
    water = np.zeros(SHAPE, bool)
    water[:20] = True
    red = np.where(np.arange(70) < 20, np.nan, 0.3) * np.ones(SHAPE)
    near_infrared = np.full(SHAPE, 0.36)
    truth = np.full(SHAPE, 0.979 - 0.046 * 0.3)
    truth[LEFT] = 0.95
    truth[water] = components("landsat8-b10")["water"].emissivity
    path = make_scene(scene.parent, lst=ramp(290, 300), emissivity=truth)
    add_reflectance(path, red, near_infrared)
    add_quality(path, water=water)
    product = retrieve(path, output=tmp_path, model=model_path, emissivity=["ndvi", 0.95], **STATE)
    with rasterio.open(product.path) as dataset:
        assert np.abs(dataset.read(1) - ramp(290, 300)).max() < 0.01
    assert product.tags["emissivity"] == "quality (water and snow), then ndvi, then 0.95 (given)"
    counts = (water.sum(), (~LEFT & ~water).sum(), (LEFT & ~water).sum())
    assert product.tags["emissivity_pixels"] == "quality (water and snow) {}, ndvi {}, 0.95 {}".format(*counts)


@pytest.mark.parametrize(
    "name",
    [
        "extdata/LC08_L1TP_195025_20130707_20170503_01_T1_MTL.txt",
        "extdata/LE07_L1TP_195025_20010730_20170204_01_T1_MTL.txt",
        "testdata/LC8/LC81950252013188LGN00_MTL.txt",
        "testdata/LE7/LE71950252001211EDC00_MTL.txt",
        "testdata/LT05/LT05_L1TP_167055_20000309_20161214_01_T1_MTL.txt",
    ],
)
def test_real_scenes_of_every_age_have_plausible_emissivity_from_their_own_bands(name):
    found = merged(shared_path("data", "landsat", "c1_marburg", *name.split("/")), "ndvi")
    known = found.value[np.isfinite(found.value)]
    assert known.size > 0.5 * found.value.size
    assert known.min() > 0.93 and known.max() <= 0.9911
    assert 0.965 < np.median(known) < 0.9905


@pytest.mark.parametrize("satellite", ["landsat8", "landsat9"])
def test_the_relation_of_both_bands_is_that_of_the_components_and_the_spectra(satellite):
    first, second = components(f"{satellite}-b10"), components(f"{satellite}-b11")
    names = ("soil", "vegetation", "rock", "built", "water")
    emissivity = np.array([first[name].emissivity for name in names])
    difference = np.array([second[name].emissivity for name in names]) - emissivity
    slope, constant = np.polyfit(emissivity - 0.97, difference, 1)
    relation = relation_to_first(f"{satellite}-b11")
    assert (relation.constant, relation.slope) == pytest.approx((constant, slope), abs=5e-4)
    spectra = packaged_spectra()
    natural = np.array([kind != "metal" for kind in spectra.kinds])
    bands = [_band_means(spectra, f"{satellite}-{band}")[natural] for band in ("b10", "b11")]
    own = np.polyfit(bands[0], bands[1] - bands[0], 1)
    scatter = np.std(bands[1] - bands[0] - np.polyval(own, bands[0]))
    fit = np.sqrt(np.mean((difference - constant - slope * (emissivity - 0.97)) ** 2))
    assert relation.uncertainty == pytest.approx(np.hypot(scatter, fit), abs=1e-4)
    np.testing.assert_allclose(relation.second(emissivity) - emissivity, difference, atol=0.004)


def test_a_first_band_has_no_relation_to_itself():
    with pytest.raises(InputError, match="no emissivity coefficients are known for landsat8-b10"):
        relation_to_first("landsat8-b10")
