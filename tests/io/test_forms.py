"""Forms in which scenes are exported: each gives the temperatures of the plain scene."""

import json
import logging

import numpy as np
import pytest
import rasterio
from pyproj import Transformer
from rasterio import Affine
from rasterio.warp import Resampling, reproject

import lst_raster
from lst_raster.errors import InputError, SceneError, UnknownSensorError
from lst_raster.io.level2_scene import Level2Scene
from lst_raster.io.measured_scene import MeasuredScene
from lst_raster.io.stack import split_band
from lst_raster.physics.calibration import brightness_temperature_two_constants
from tests.support.factories import FULL_PRECISION, write_raster
from tests.support.shared import shared_path

LOGGER = logging.getLogger(__name__)
PLAIN = "LC08_L1TP_020039_20150804_20170226_01_T1"
EARTH_ENGINE = "LC08_020039_20150804"
BANDS = ("B4", "B5", "B10", "B11", "BQA")
K1, K2 = {"B10": 774.8853, "B11": 480.8883}, {"B10": 1321.0789, "B11": 1201.1442}  # of the metadata
SUN = np.sin(np.radians(64.74360932))
SIZE = (603, 627)
LARGEST_DIFFERENCE = 0.01  # [K]


@pytest.fixture(scope="module")
def real():
    """Digital numbers of the Alabama scene, by band; its first rows are fill."""
    folder = shared_path("data", "landsat", "l8_l1_alabama_cc0")
    found = {}
    for band in BANDS:
        with rasterio.open(folder / f"test_{band}.tif") as dataset:
            numbers = dataset.read(1)
            profile = {"crs": dataset.crs, "transform": dataset.transform}
        numbers[:8] = 1 if band == "BQA" else 0
        found[band] = numbers
    text = (folder / "test_MTL.txt").read_text().replace("STATION_ID", "COLLECTION_NUMBER = 01\n    STATION_ID")
    return found, profile, text  # of a collection, as the images of Earth Engine


@pytest.fixture(scope="module")
def plain(real, tmp_path_factory):
    """The scene as files of one band with metadata, named as in Collection 1."""
    folder = tmp_path_factory.mktemp("plain")
    numbers, profile, text = real
    for band, values in numbers.items():
        write_raster(folder / f"{PLAIN}_{band}.TIF", values, **profile)
    (folder / f"{PLAIN}_MTL.txt").write_text(text)
    return folder


@pytest.fixture(scope="module")
def temperature(plain, tmp_path_factory):
    """Temperature of the plain scene, by its options."""
    known = {}

    def retrieved(**options):
        key = repr(options)
        if key not in known:
            known[key] = numbers_of(plain, tmp_path_factory.mktemp("product"), **options)
        return known[key]

    return retrieved


def numbers_of(path, output, opening=None, **options):
    options = {"emissivity": "ndvi", "bands": "both", **options}
    scene = lst_raster.open_scene(path, **(opening or {}))
    product = lst_raster.retrieve(scene, output=output / "x.tif", form=FULL_PRECISION, **options)
    with rasterio.open(product.path) as dataset:
        return dataset.read(1), product


def as_temperature(numbers, band):
    radiance = numbers.astype("f8") * 3.342e-4 + 0.1
    kelvin = brightness_temperature_two_constants(radiance, K1[band], K2[band])
    return np.where(numbers > 0, kelvin, 0.0)


def as_reflectance(numbers):
    return np.where(numbers > 0, (numbers * 2e-5 - 0.1) / SUN, 0.0)


def toa(numbers, fill):
    """Bands of an image of LANDSAT/LC08/C01/T1_TOA, all as floating-point numbers."""
    found = {band: as_temperature(numbers[band], band) if band in K1 else as_reflectance(numbers[band])
             for band in BANDS[:-1]}  # fmt: skip
    found = {band: np.where(values == 0.0, fill, values) for band, values in found.items()}
    return {**found, "BQA": np.where(numbers["BQA"] == 1, fill, numbers["BQA"])}


def write_stack(path, bands, dtype, *, names=True, **profile):
    path.parent.mkdir(parents=True, exist_ok=True)
    write_raster(path, np.stack(list(bands.values())).astype(dtype), **profile)
    if names:
        with rasterio.open(path, "r+") as dataset:
            dataset.descriptions = tuple(bands)
    return path


def vrt(path, files, profile, names=None):
    """Write a raster as `gdalbuildvrt -separate`, which gives the bands no descriptions."""
    shape, transform = SIZE, profile["transform"]
    bands = "".join(
        f'<VRTRasterBand dataType="UInt16" band="{number}">'
        + (f"<Description>{names[number - 1]}</Description>" if names else "")
        + f"<SimpleSource><SourceFilename relativeToVRT='0'>{file}</SourceFilename><SourceBand>1</SourceBand>"
        "</SimpleSource></VRTRasterBand>"
        for number, file in enumerate(files, start=1)
    )
    path.write_text(
        f'<VRTDataset rasterXSize="{shape[1]}" rasterYSize="{shape[0]}"><SRS>{profile["crs"].to_string()}</SRS>'
        f"<GeoTransform>{', '.join(map(str, transform.to_gdal()))}</GeoTransform>{bands}</VRTDataset>"
    )
    return path


def form(name, real, plain, folder):
    """Path and opening options of a form."""
    numbers, profile, text = real
    files = [plain / f"{PLAIN}_{band}.TIF" for band in BANDS]
    if name.startswith("stack"):
        path = write_stack(folder / f"{PLAIN}.tif", numbers, "f8" if "float" in name else "u2", **profile)
        (folder / f"{PLAIN}_MTL.txt").write_text(text)
    elif name == "vrt with names":
        path = vrt(folder / f"{PLAIN}.vrt", files, profile, BANDS)
        (folder / f"{PLAIN}_MTL.txt").write_text(text)
    elif name == "vrt of files":
        for band, file in zip(BANDS, files, strict=True):
            path = vrt(folder / f"{PLAIN}_{band}.vrt", [file], profile)
        path = folder / f"{PLAIN}_B10.vrt"
        (folder / f"{PLAIN}_MTL.txt").write_text(text)
    elif name.startswith("Earth Engine, TOA"):
        fill = np.nan if "NaN" in name else 0.0
        path = write_stack(folder / f"{EARTH_ENGINE}.tif", toa(numbers, fill), name.split()[-1], **profile)
    elif name == "Earth Engine, files of one band":
        folder.mkdir(exist_ok=True)
        for band, values in toa(numbers, 0.0).items():
            dtype = "u2" if band == "BQA" else "f4"
            write_raster(folder / f"{EARTH_ENGINE}_{band}.tif", values.astype(dtype), **profile)
        path = folder / f"{EARTH_ENGINE}_B10.tif"
    return path


FORMS = (
    "stack", "stack of float", "vrt with names", "vrt of files", "Earth Engine, TOA float32",
    "Earth Engine, TOA float64", "Earth Engine, TOA with NaN, float32", "Earth Engine, files of one band",
)  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", FORMS)
def test_every_form_has_the_temperatures_of_the_plain_scene(tmp_path, real, plain, temperature, name):
    for bands in ("both", "one"):
        path = form(name, real, plain, tmp_path / "in" if name.startswith(("stack", "Earth")) else made(tmp_path))
        found, product = numbers_of(path, tmp_path / bands, bands=bands)
        expected, known = temperature(bands=bands)
        assert (np.isnan(found) == np.isnan(expected)).all()
        difference = np.abs(found - expected)[np.isfinite(found)]
        most = np.percentile(difference, 99.99)
        LOGGER.info("%s, bands %s: 99.99 %% %.5f, all %.5f K", name, bands, most, difference.max())
        assert most < LARGEST_DIFFERENCE
        assert difference.max() < (0.05 if bands == "both" else LARGEST_DIFFERENCE)  # a cloud edge at 201 K
        assert product.retrieved == known.retrieved > 200_000
        assert product.tags["emissivity_pixels"] == known.tags["emissivity_pixels"]
        assert product.tags["masked_pixels"].split(" of ")[0] == known.tags["masked_pixels"].split(" of ")[0]
        assert product.tags["acquisition_date"] == "2015-08-04"


def made(tmp_path):
    (tmp_path / "in").mkdir(exist_ok=True)
    return tmp_path / "in"


def crop(real, rows=120, columns=130):
    numbers, profile, text = real
    return {band: values[300 : 300 + rows, 300 : 300 + columns] for band, values in numbers.items()}, profile, text


@pytest.mark.parametrize("names", [True, False])
@pytest.mark.parametrize("way", ["option", "colon", "number"])
def test_a_band_of_a_raster_is_chosen_by_name_or_number(tmp_path, real, way, names):
    numbers, profile, _ = crop(real)
    for band, values in numbers.items():
        write_raster(tmp_path / f"plain_{band}.TIF", values, **profile)
    path = write_stack(tmp_path / "stack.tif", numbers, "u2", names=names, **profile)
    given = {"sensor": "landsat8-b10", "date": "2015-08-04"}
    expected, _ = numbers_of(tmp_path / "plain_B10.TIF", tmp_path / "a", {**given}, emissivity=0.97, bands="one")
    if way == "colon":
        path = f"{path}:{'B10' if names else 3}"
    else:
        given["band"] = "b10" if way == "option" and names else "3"
    scene = lst_raster.open_scene(path, **given)
    assert (scene.stem, scene.sensor, scene.place.band) == ("stack", "landsat8-b10", 3)
    assert (scene.files.quality is not None) == names
    found, product = numbers_of(path, tmp_path / "b", given, emissivity=0.97, bands="one")
    assert product.tags["input"] == "stack.tif/stack_B10.tif"
    if names:
        assert np.nanmax(np.abs(found - expected)) == 0.0
        assert (np.isnan(found) == np.isnan(expected)).all()
    else:  # without the mask
        assert np.isfinite(found).sum() > np.isfinite(expected).sum()


def test_raw_numbers_of_earth_engine_have_the_default_constants(tmp_path, real):
    numbers, profile, text = crop(real)
    folder = tmp_path / "plain"
    for band, values in numbers.items():
        write_raster(made_in(folder) / f"{PLAIN}_{band}.TIF", values, **profile)
    (folder / f"{PLAIN}_MTL.txt").write_text(text)
    path = write_stack(tmp_path / f"{EARTH_ENGINE}.tif", numbers, "f4", **profile)
    expected, _ = numbers_of(folder, tmp_path / "a", emissivity=0.97)
    found, product = numbers_of(path, tmp_path / "b", emissivity=0.97)
    assert np.nanmax(np.abs(found - expected)) < LARGEST_DIFFERENCE
    assert product.tags["calibration"] == "gain 0.0003342, offset 0.1 (default)"
    assert not isinstance(lst_raster.open_scene(path), MeasuredScene)


def made_in(folder):
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def test_a_single_band_of_earth_engine_is_named_by_its_description(tmp_path, real):
    numbers, profile, _ = crop(real)
    kelvin = {"B10": as_temperature(numbers["B10"], "B10")}
    path = write_stack(tmp_path / f"{EARTH_ENGINE}.tif", kelvin, "f4", **profile)
    scene = lst_raster.open_scene(path)
    assert isinstance(scene, MeasuredScene)
    assert (scene.sensor, str(scene.date), scene.stem) == ("landsat8-b10", "2015-08-04", EARTH_ENGINE)
    (note,) = scene.files.notes
    assert note == f"{EARTH_ENGINE}.tif/{EARTH_ENGINE}_B10.tif is taken as brightness temperature in kelvin"


def in_albers(numbers, profile):
    """Bands in the projection of US ARD, by nearest neighbour."""
    (height, width), corner = next(iter(numbers.values())).shape, profile["transform"]
    to_albers = Transformer.from_crs(profile["crs"].to_wkt(), ALBERS, always_xy=True)
    x, y = to_albers.transform(corner.c, corner.f)
    transform = Affine(30.0, 0.0, x - 300.0, 0.0, -30.0, y + 900.0)
    found = {}
    for band, values in numbers.items():
        fill = 1 if band == "BQA" else 0
        found[band] = np.full((height, width), fill, "u2")
        reproject(values, found[band], src_crs=profile["crs"], src_transform=profile["transform"], dst_crs=ALBERS,
                  dst_transform=transform, resampling=Resampling.nearest, init_dest_nodata=False)  # fmt: skip
    return found, {"crs": ALBERS, "transform": transform}


ALBERS = "+proj=aea +lat_0=23 +lon_0=-96 +lat_1=29.5 +lat_2=45.5 +x_0=0 +y_0=0 +datum=WGS84 +units=m +no_defs"
TILE = "LC08_CU_023016_20150804_20210504_02"


def test_a_tile_of_us_ard_has_the_temperatures_of_the_bands_on_its_grid(tmp_path, real):
    numbers, profile, text = crop(real)
    numbers, profile = in_albers(numbers, profile)
    plain, tile = made_in(tmp_path / "plain"), made_in(tmp_path / TILE)
    for band, values in numbers.items():
        write_raster(plain / f"{PLAIN}_{band}.TIF", values, **profile)
        if band in K1:
            scaled = np.where(values > 0, (as_temperature(values, band) - 149.0) / 0.00341802, 0)
            write_raster(tile / f"{TILE}_BT_{band}.TIF", np.rint(scaled).astype("u2"), **profile)
        elif band != "BQA":
            scaled = np.where(values > 0, (as_reflectance(values) + 0.2) / 2.75e-5, 0)
            write_raster(tile / f"{TILE}_TOA_{band}.TIF", np.rint(scaled).astype("u2"), **profile)
        else:
            write_raster(tile / f"{TILE}_QA_PIXEL.TIF", values, **profile)
    (plain / f"{PLAIN}_MTL.txt").write_text(text)
    for bands, path in (("one", tile), ("one", tile / f"{TILE}_BT_B10.TIF"), ("both", tile)):
        expected, known = numbers_of(plain, tmp_path / f"plain {bands}", bands=bands, overwrite=True)
        found, product = numbers_of(path, tmp_path / f"tile {bands}", bands=bands, overwrite=True)
        difference = np.abs(found - expected)[np.isfinite(found)]
        most = np.percentile(difference, 99.0)
        LOGGER.info("US ARD, bands %s: 99 %% %.5f, all %.5f K", bands, most, difference.max())
        # Numbers of 0.0034 K; both bands amplify the rounding of their difference.
        assert (most if bands == "both" else difference.max()) < (0.05 if bands == "both" else LARGEST_DIFFERENCE)
        assert product.retrieved == known.retrieved
        assert (product.tags["acquisition_date"], product.tags["sensor"]) == ("2015-08-04", "landsat8-b10")


@pytest.mark.parametrize("form", ["stack", "stack, colon", "float"])
def test_bands_of_a_level_2_product_may_be_in_one_raster(tmp_path, form):
    folder = shared_path("data", "landsat", "LC08_L2SP_098084_20210503_20210508_02_T1")
    stem = folder.name
    names = ("ST_TRAD", "ST_B10", "QA_PIXEL", "ST_EMIS", "ST_EMSD", "SR_B4", "SR_B5", "ST_ATRAN", "ST_URAD", "ST_DRAD")
    bands = {}
    for name in names:
        with rasterio.open(folder / f"{stem}_{name}.TIF") as dataset:
            bands[name], profile = dataset.read(1), {"crs": dataset.crs, "transform": dataset.transform}
    path = tmp_path / "LC08_098084_20210503.tif"
    write_stack(path, bands, "f8" if form == "float" else "i4", **profile)
    given = {"emissivity": ["st-emis", "ndvi", 0.97], "bands": "one"}
    expected, known = numbers_of(folder, tmp_path / "a", **given)
    found, product = numbers_of(f"{path}:ST_TRAD" if "colon" in form else path, tmp_path / "b", **given)
    assert np.nanmax(np.abs(found - expected)) < LARGEST_DIFFERENCE
    assert product.retrieved == known.retrieved == 198
    scene = lst_raster.open_scene(path)
    assert isinstance(scene, Level2Scene)
    assert lst_raster.retrieve(path, output=tmp_path / "c").tags["emissivity"].startswith("st-emis")
    with_terms, _ = numbers_of(path, tmp_path / "d", {"level_2": True}, emissivity="st-emis", bands="auto")
    of_folder, _ = numbers_of(folder, tmp_path / "e", {"level_2": True}, emissivity="st-emis", bands="auto")
    assert np.nanmax(np.abs(with_terms - of_folder)) == 0.0
    with pytest.raises(SceneError, match="has bands of a Level-2 product"):
        lst_raster.open_scene(path, band="ST_B10")


def test_a_stac_item_names_its_scene(tmp_path, real, command, monkeypatch):
    numbers, profile, text = crop(real)
    for band, values in numbers.items():
        write_raster(tmp_path / f"{PLAIN}_{band}.TIF", values, **profile)
    (tmp_path / f"{PLAIN}_MTL.txt").write_text(text)
    monkeypatch.chdir(tmp_path)
    assets = {band: {"href": f"https://example.com/{PLAIN}_{band}.TIF"} for band in numbers}
    item = {"type": "Feature", "id": PLAIN, "properties": {}, "assets": assets}
    (tmp_path / "item.json").write_text(json.dumps(item))
    code, out, _ = command("retrieve", "item.json", "-q", "--emissivity", "0.97")
    assert (code, out) == (0, [f"{PLAIN}_LST.tif"])
    code, out, _ = command("info", "item.json", "--json")
    assert json.loads("\n".join(out))["name"] == PLAIN
    (tmp_path / "two.json").write_text(json.dumps({"type": "FeatureCollection", "features": [item, item]}))
    code, _, err = command("retrieve", "two.json")
    assert (code, "two.json has 2 scenes; give it to lst-raster batch" in err[0]) == (1, True)


def test_a_stac_item_of_a_level_2_product_on_this_disk_names_its_radiance():
    folder = shared_path("data/landsat/l8_l2sp_017036")
    (scene,) = lst_raster.read_scene_list(folder / "LC08_L2SP_017036_20130419_20200913_02_T2_ST_stac.json")
    assert scene.name == "LC08_L2SP_017036_20130419_20200913_02_T2"
    assert lst_raster.open_scene(scene.signed_path()).files.band.name.endswith("_ST_TRAD.TIF")


NUMBERS = np.full((3, 20, 20), 26000, "u2")


@pytest.mark.parametrize(
    ("names", "given", "error", "message"),
    [
        (("B4", "B10", "QA_PIXEL"), {"band": "B7"}, SceneError, r"has no band B7; it has 1 B4 \(uint16\), 2 B10"),
        (("B4", "B10", "QA_PIXEL"), {"band": "B4"}, SceneError, r"band B4 of Landsat 8 is not thermal"),
        (("B4", "B10", "QA_PIXEL"), {"band": "7"}, SceneError, r"has no band 7; it has 1 B4"),
        (("B10", "B4", "B10"), {}, SceneError, r"has 2 bands named B10 \(1, 3\); give a raster of one date"),
        (("QA_PIXEL", "B10", "QA_PIXEL"), {"band": "B10"}, SceneError, r"has 2 bands named QA_PIXEL"),
        ((None, None, None), {}, SceneError, r"3 bands, none with the name of a thermal band \(1 without a name"),
        (("red", "green", "blue"), {}, SceneError, r"none with the name of a thermal band \(1 red \(uint16\), 2 green"),
        ((None, None, None), {"band": "2"}, SceneError, r"band 2 of .* no name of a thermal band; add its sensor band"),
        (("ST_B10", "QA_PIXEL", "ST_QA"), {}, SceneError, "has bands of a Level-2 product"),
    ],
)
def test_a_raster_without_the_band_lists_what_it_has(tmp_path, names, given, error, message):
    path = write_raster(tmp_path / f"{EARTH_ENGINE}.tif", NUMBERS)
    with rasterio.open(path, "r+") as dataset:
        dataset.descriptions = tuple(names)
    with pytest.raises(error, match=message):
        lst_raster.open_scene(path, **given)


def test_a_raster_of_an_unknown_satellite_or_without_coordinates_needs_them(tmp_path):
    path = write_raster(tmp_path / "export.tif", NUMBERS, crs=None, transform=Affine.identity())
    with rasterio.open(path, "r+") as dataset:
        dataset.descriptions = ("B4", "B5", "B10")
    with pytest.raises(UnknownSensorError, match="no sensor in the name or the metadata of export; add --sensor"):
        lst_raster.open_scene(path)
    scene = lst_raster.open_scene(path, sensor="landsat9-b10")
    assert (scene.sensor, scene.latitude, scene.date) == ("landsat9-b10", None, None)
    with pytest.raises(InputError, match="has no coordinate system"):
        lst_raster.retrieve(scene, output=tmp_path)


@pytest.mark.parametrize("name", ["a&b.tif", "a?b.tif"])
def test_names_that_gdal_takes_for_options_are_refused(tmp_path, name):
    path = write_stack(tmp_path / name, {"B10": NUMBERS[0], "B11": NUMBERS[1]}, "u2")
    with pytest.raises(SceneError, match=r"has several bands, and a name with \? or &.*; rename it"):
        lst_raster.open_scene(path, sensor="landsat8-b10")


def test_a_colon_in_the_name_of_a_file_is_no_band(tmp_path):
    path = tmp_path / "x.tif:B10"
    path.write_bytes(b"")
    assert split_band(path) == (path, None)
    assert split_band(tmp_path / "y.tif:B10") == (str(tmp_path / "y.tif"), "B10")


def test_quantity_and_batch_take_a_band_of_a_raster(tmp_path, real):
    numbers, profile, _ = crop(real)
    kelvin = {"B4": numbers["B4"], "tir": as_temperature(numbers["B10"], "B10")}
    path = write_stack(tmp_path / "kelvin.tif", kelvin, "f4", **profile)
    scene = MeasuredScene.open(f"{path}:tir", sensor="landsat8-b10", quantity="brightness-temperature")
    assert scene.place.band == 2
    (listed,) = lst_raster.read_scene_list(f"{path}:tir")
    assert listed.name == "kelvin"
    stack = write_stack(tmp_path / "list" / f"{EARTH_ENGINE}.tif", {"B10": numbers["B10"], "B5": numbers["B5"]}, "u2",
                        **profile)  # fmt: skip
    (listed,) = lst_raster.read_scene_list(stack.parent)
    assert listed.name == EARTH_ENGINE
    (result,) = lst_raster.retrieve_many([stack], out=tmp_path / "out", emissivity=0.97)
    assert result.status == "ok"


def test_two_constants_of_the_metadata_convert_temperature(tmp_path, real):
    numbers, profile, text = crop(real)
    kelvin = {band: as_temperature(numbers[band], band) for band in K1}
    path = write_stack(tmp_path / f"{PLAIN}.tif", kelvin, "f4", **profile)
    (tmp_path / f"{PLAIN}_MTL.txt").write_text(text.replace("BAND_10 = 774.8853", "BAND_10 = 700"))
    scene = lst_raster.open_scene(path)
    with rasterio.open(scene.place.address) as dataset:
        radiance = scene.read(dataset).radiance
    expected = numbers["B10"] * 3.342e-4 + 0.1
    assert np.allclose(radiance / expected, 700 / 774.8853, rtol=1e-4)
