"""The STAC item of a product, compared with the published schemas and with the grid."""

import hashlib
import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pystac
import pytest
from pystac.stac_io import DefaultStacIO
from pystac.validation.stac_validator import JsonSchemaSTACValidator
from rasterio import Affine
from rasterio.crs import CRS

from lst_raster.errors import InputError, OutputError
from lst_raster.io.grid import Grid
from lst_raster.product.paths import file_names
from lst_raster.product.quality_flags import FLAGS
from lst_raster.product.stac import ASSETS, EXTENSIONS, checksum, footprint, item_text, make_item, write_item
from tests.support.product_sets import NAME, item_of, make_set
from tests.support.shared import shared_path

SCHEMAS = {
    EXTENSIONS["projection"]: "projection.json", EXTENSIONS["raster"]: "raster.json", EXTENSIONS["eo"]: "eo.json",
    EXTENSIONS["processing"]: "processing.json", EXTENSIONS["classification"]: "classification.json",
}  # fmt: skip
VIEW = {  # the fields of the view extension, https://github.com/stac-extensions/view, version 1.1.0
    "view:off_nadir": (0, 90), "view:incidence_angle": (0, 90), "view:azimuth": (0, 360), "view:sun_azimuth": (0, 360),
    "view:sun_elevation": (-90, 90), "view:moon_azimuth": (0, 360), "view:moon_elevation": (0, 90),
}  # fmt: skip
GEOJSON = "https://proj.org/schemas/v0.7/projjson.schema.json"
STEM = Path(NAME).stem


def view_schema():
    """JSON schema of the fields: at least one of them, within its limits, and no other of that prefix."""
    limits = {
        name: {"type": "number", "minimum": low, "maximum": high} for name, (low, high) in VIEW.items()
    }  # fmt: skip
    properties = {
        "anyOf": [{"required": [name]} for name in VIEW], "properties": limits,
        "patternProperties": {"^(?!view:)": {}}, "additionalProperties": False,
    }  # fmt: skip
    head = {"$schema": "http://json-schema.org/draft-07/schema#", "$id": EXTENSIONS["view"]}
    return {**head, "properties": {"properties": properties}}


class Offline(DefaultStacIO):
    """Reads the extensions' schemas from the shared data, and nothing from a server."""

    def read_text_from_href(self, href):
        if href.rstrip("#") in SCHEMAS:
            return shared_path("data", "stac_schemas", SCHEMAS[href.rstrip("#")]).read_text()
        if href.rstrip("#") == EXTENSIONS["view"]:
            return json.dumps(view_schema())
        if href == GEOJSON:  # of a field that items do not use
            return "{}"
        if "://" in href:
            raise AssertionError(f"{href} is requested from a server")
        return super().read_text_from_href(href)


@pytest.fixture
def offline(monkeypatch):
    monkeypatch.setattr(pystac.StacIO, "_default_io", Offline)
    shared_path("data", "stac_schemas")


def validate(item):
    """Validate against the core schemas and those of the extensions that are there; all but one of them must be."""
    checked = [url for url in item["stac_extensions"] if url in SCHEMAS or url == EXTENSIONS["view"]]
    assert set(item["stac_extensions"]) - set(checked) <= {EXTENSIONS["file"]}
    validator = JsonSchemaSTACValidator()
    pystac.validation.validate_dict({**item, "stac_extensions": checked}, validator=validator)


@pytest.mark.slow
@pytest.mark.parametrize(("options", "tags"), [
    ({}, {}),
    ({"dtype": "uint16"}, {}),
    ({"crs": None}, {}),
    ({"crs": "+proj=laea +lat_0=31 +lon_0=-87 +datum=WGS84"}, {}),
    ({}, {"acquisition_time": "unknown"}),
    ({}, {"acquisition_date": "2016-02", "acquisition_time": "unknown"}),
    ({}, {"acquisition_date": "unknown", "acquisition_time": "unknown"}),
    ({}, {"mask": "none: clouds are kept", "sensor": "landsat5-b6", "AREA_OR_POINT": None}),
])  # fmt: skip
def test_items_pass_the_published_schemas(tmp_path, offline, options, tags):
    make_set(tmp_path, **options, tags=tags)
    item = json.loads((tmp_path / f"{STEM}.json").read_text())
    validate(item)
    assert item["id"] == STEM
    assert len(item["stac_extensions"]) == len(EXTENSIONS)


def wrong(path, value):
    """Put a value at a place in an item; None removes what is there."""

    def change(item):
        for key in path[:-1]:
            item = item[key]
        if value is None:
            del item[path[-1]]
        else:
            item[path[-1]] = value

    return change


@pytest.mark.slow
@pytest.mark.parametrize("change", [
    wrong(["properties", "datetime"], None),
    wrong(["properties", "proj:shape"], [80]),
    wrong(["properties", "proj:code"], 32616),
    wrong(["properties", "eo:cloud_cover"], 120),
    wrong(["properties", "processing:software"], "lst-raster"),
    wrong(["assets", "lst", "raster:spatial_resolution"], "30 m"),
    wrong(["assets", "lst", "data_type"], "float"),
    wrong(["assets", "lst", "href"], None),
    wrong(["assets", "quality", "classification:bitfields", 0, "offset"], -1),
    wrong(["assets", "lst", "bands", 0, "eo:common_name"], "thermal"),
    wrong(["properties", "view:sun_elevation"], 91.0),
    wrong(["properties", "view:azimuth"], -80.0),
    wrong(["properties", "view:zenith"], 5.0),
    wrong(["bbox"], None),
    wrong(["links"], None),
])  # fmt: skip
def test_the_same_schemas_reject_a_wrong_item(tmp_path, offline, change):
    make_set(tmp_path)
    item = json.loads((tmp_path / f"{STEM}.json").read_text())
    change(item)
    with pytest.raises(pystac.errors.STACValidationError):
        validate(item)


def test_pystac_reads_the_item_and_finds_its_files(tmp_path, offline):
    path = make_set(tmp_path)
    item = pystac.Item.from_file(str(path.with_suffix(".json")))
    assert item.datetime.isoformat() == "2015-07-19T16:19:21+00:00"
    assert {role: Path(asset.get_absolute_href()) for role, asset in item.assets.items()} == {
        role: tmp_path / name for role, name in file_names(NAME).items() if role != "item"
    }
    assert all(Path(asset.get_absolute_href()).is_file() for asset in item.assets.values())


def test_an_item_has_sizes_and_checksums_of_all_files(tmp_path):
    make_set(tmp_path)
    for asset in item_of(tmp_path)["assets"].values():
        data = (tmp_path / asset["href"]).read_bytes()
        assert asset["file:size"] == len(data)
        assert asset["file:checksum"] == "1220" + hashlib.sha256(data).hexdigest()
    (tmp_path / "x").write_text("test")  # the example of the extension's own page
    assert checksum(tmp_path / "x") == "12209f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"


def test_the_same_files_give_the_same_item_also_under_temporary_names_and_in_another_folder(tmp_path):
    make_set(tmp_path / "a")
    make_set(tmp_path / "b", item=False)
    files = {}
    for role, name in file_names(NAME).items():
        if role != "item":
            files[role] = ((tmp_path / "b" / name).rename(tmp_path / "b" / f".{name}.part"), name)
    write_item(make_item(files), tmp_path / "b" / "item.json")
    text = (tmp_path / "b" / "item.json").read_bytes()
    assert text == (tmp_path / "a" / f"{STEM}.json").read_bytes()
    assert str(tmp_path).encode() not in text
    assert b".part" not in text


def test_an_item_agrees_with_the_files(tmp_path):
    make_set(tmp_path, dtype="uint16")
    item = item_of(tmp_path)
    properties, assets = item["properties"], item["assets"]
    assert (properties["platform"], properties["instruments"], properties["gsd"]) == ("landsat-8", ["tirs"], 100)
    assert properties["proj:code"] == "EPSG:32616"
    assert properties["proj:shape"] == [80, 90]
    assert properties["proj:transform"] == [30.0, 0.0, 399885.0, 0.0, -30.0, 5400015.0]
    assert properties["processing:software"] == {"lst-raster": properties["lst_raster:model_version"]}
    assert "water vapour 29 kg m-2 (era5.nc)" in properties["processing:lineage"]
    assert properties["eo:cloud_cover"] == pytest.approx(100 * 20 * 22 / (80 * 90 - 20 * 22 - 1), abs=0.005)
    lst = assets["lst"]
    assert (lst["data_type"], lst["nodata"], lst["unit"], lst["raster:scale"]) == ("uint16", 0, "K", 0.01)
    assert (lst["raster:sampling"], lst["raster:spatial_resolution"]) == ("point", 30)
    assert 27999 < lst["statistics"]["minimum"] < 28100
    assert "nodata" not in assets["quality"]
    assert {asset["href"] for asset in assets.values()} == {
        f"./{name}" for role, name in file_names(NAME).items() if role != "item"
    }


def test_the_bits_of_an_item_are_those_of_the_quality_band(tmp_path):
    make_set(tmp_path)
    fields = item_of(tmp_path)["assets"]["quality"]["classification:bitfields"]
    assert [(field["name"], field["offset"], field["length"]) for field in fields] == [
        (entry.name, entry.offset, entry.length) for entry in FLAGS
    ]
    assert sum(len(field["classes"]) for field in fields) == sum(len(entry.values) for entry in FLAGS)


@pytest.mark.parametrize(("date", "clock", "expected"), [
    ("2015-07-19", "16:19:21Z", ("2015-07-19T16:19:21Z", None, None)),
    ("2015-07-19", "unknown", (None, "2015-07-19T00:00:00Z", "2015-07-19T23:59:59Z")),
    ("2016-02", "unknown", (None, "2016-02-01T00:00:00Z", "2016-02-29T23:59:59Z")),
    ("unknown", "unknown", (None, "2013-01-01T00:00:00Z", "2029-12-31T23:59:59Z")),  # the satellite's years
])  # fmt: skip
def test_the_times_of_an_item_cover_the_known_acquisition_time(tmp_path, date, clock, expected):
    make_set(tmp_path, tags={"acquisition_date": date, "acquisition_time": clock})
    properties = item_of(tmp_path)["properties"]
    found = tuple(properties.get(name) for name in ("datetime", "start_datetime", "end_datetime"))
    assert found == expected


def test_without_a_quality_band_of_the_scene_there_is_no_cloud_cover(tmp_path):
    make_set(tmp_path, tags={"mask": "none: the scene has no quality band"})
    assert "eo:cloud_cover" not in item_of(tmp_path)["properties"]


def test_without_coordinate_system_there_is_no_place(tmp_path):
    make_set(tmp_path, crs=None)
    item = item_of(tmp_path)
    assert item["geometry"] is None
    assert "bbox" not in item
    assert item["properties"]["proj:code"] is None
    assert "proj:wkt2" not in item["properties"]


def test_a_temperature_alone_has_an_item_too(tmp_path, offline):
    path = make_set(tmp_path, item=False)
    item = make_item({"lst": (path, NAME)})
    validate(item)
    assert EXTENSIONS["classification"] not in item["stac_extensions"]


def test_a_raster_of_other_software_gets_no_item(tmp_path):
    path = make_set(tmp_path, tags={"sensor": None}, item=False)
    with pytest.raises(InputError, match="give the LST file of a product"):
        make_item({"lst": (path, NAME)})
    with pytest.raises(InputError, match="give lst and no other"):
        make_item({"lst": (path, NAME), "histogram": (path, NAME)})
    with pytest.raises(OutputError, match=r"cannot read the files of .*LST\.tif"):
        make_item({"lst": (tmp_path / "none.tif", NAME)})
    assert set(ASSETS) | {"item"} == set(file_names(NAME))


def test_the_text_of_an_item_is_plain_json(tmp_path):
    make_set(tmp_path)
    text = item_text(item_of(tmp_path))
    assert json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is no JSON")) == item_of(tmp_path)


def grid(crs, x, y, step=30.0, shape=(7800, 7600), rotation=0.0):
    turn = np.radians(rotation)
    transform = Affine(step * np.cos(turn), step * np.sin(turn), x, step * np.sin(turn), -step * np.cos(turn), y)
    return Grid(crs=CRS.from_user_input(crs), transform=transform, height=shape[0], width=shape[1])


GRIDS = {
    "UTM, middle latitude": grid("EPSG:32616", 300000, 5_900_000),
    "UTM, far north": grid("EPSG:32633", 400000, 9_000_000),
    "UTM, south": grid("EPSG:32755", 500000, 6_000_000),
    "rotated": grid("EPSG:32616", 300000, 3_400_000, rotation=12),
    "polar": grid("EPSG:3031", -1_500_000, 1_300_000, step=60),
    "degrees": grid("EPSG:4326", 10, 50, step=0.0003),
    "date line, UTM 60": grid("EPSG:32660", 620_000, 7_200_000),
    "date line, UTM 1": grid("EPSG:32601", 100_000, 5_000_000),
    "date line, degrees": grid("EPSG:4326", 179, 50, step=0.0003),
    "date line, polar": grid("EPSG:3413", -2_200_000, 1_900_000, step=240, shape=(1900, 1900)),
    "around the pole": grid("EPSG:3031", -300_000, 400_000, step=100, shape=(7000, 7500)),
    "around the north pole": grid("EPSG:3413", -300_000, 400_000, step=100, shape=(7000, 7500)),
    "one pixel": grid("EPSG:32616", 300000, 3_400_000, shape=(1, 1)),
}


def inside(geometry, longitude, latitude):
    """Whether places lie in a GeoJSON geometry: an odd number of its lines runs above them."""
    polygons = [geometry["coordinates"]] if geometry["type"] == "Polygon" else geometry["coordinates"]
    result = np.zeros(longitude.shape, bool)
    for (ring,) in polygons:
        for (x1, y1), (x2, y2) in pairwise(ring):
            spans = (x1 > longitude) != (x2 > longitude)
            if x1 != x2:
                result ^= spans & (latitude < y1 + (longitude - x1) / (x2 - x1) * (y2 - y1))
    return result


@pytest.mark.parametrize("name", GRIDS)
def test_a_footprint_is_right_within_a_pixel(name):
    place, shape = GRIDS[name], np.array([GRIDS[name].width, GRIDS[name].height])
    found = footprint(place)
    share = np.random.default_rng(1).uniform(0, 1, (1000, 2))
    side = np.arange(1000) % 4
    for distance, expected in ((-1.0, False), (0.98 if min(shape) > 2 else 0.5, True)):
        points = share * (shape - 2 * max(distance, 0)) + max(distance, 0)
        points[side == 0, 0], points[side == 1, 0] = distance, shape[0] - distance
        points[side == 2, 1], points[side == 3, 1] = distance, shape[1] - distance
        latitude, longitude = place.degrees(points[:, 0], points[:, 1])
        longitude = (np.asarray(longitude) + 180) % 360 - 180
        assert (inside(found.geometry, longitude, np.asarray(latitude)) == expected).all()


@pytest.mark.parametrize("name", GRIDS)
def test_a_footprint_keeps_to_the_rules_of_geojson(name):
    found = footprint(GRIDS[name])
    crosses = name.startswith("date line")
    assert found.geometry["type"] == ("MultiPolygon" if crosses else "Polygon")
    polygons = found.geometry["coordinates"] if crosses else [found.geometry["coordinates"]]
    for (ring,) in polygons:
        x, y = np.array(ring).T
        assert ring[0] == ring[-1]
        assert np.abs(x).max() <= 180
        assert np.sum(x[:-1] * y[1:] - x[1:] * y[:-1]) > 0
    west, south, east, north = found.bbox
    assert (west > east) is crosses
    corners = np.vstack([np.array(ring) for (ring,) in polygons])
    assert (corners[:, 1].min(), corners[:, 1].max()) == (south, north)
    outside = (corners[:, 0] > east) & (corners[:, 0] < west) if crosses else np.zeros(1, bool)
    assert not outside.any()


def test_a_grid_with_a_local_coordinate_system_has_no_footprint():
    found = footprint(grid('LOCAL_CS["a drawing", UNIT["metre", 1]]', 0, 0))
    assert (found.geometry, found.bbox) == (None, None)


def test_the_place_of_a_grid_over_the_date_line_is_in_two_parts():
    found = footprint(grid("EPSG:4326", 179, 50, step=0.5, shape=(4, 6)))
    assert found.bbox == [179.0, 48.0, -178.0, 50.0]
    assert found.geometry["type"] == "MultiPolygon"
    assert sorted((min(x), max(x)) for (ring,) in found.geometry["coordinates"] for x in [[p[0] for p in ring]]) == [
        (-180.0, -178.0), (179.0, 180.0)
    ]  # fmt: skip
