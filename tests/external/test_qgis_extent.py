"""Product identifiers, bounding boxes and downloads of the forms, from QGIS to the arguments of the program."""

import pytest

from lst_raster.qgis import forms
from lst_raster.qgis.forms import bounding_box
from tests.support.qgis_home import Home, qgis_process

PRODUCT = "LC09_L2SP_195025_20230707_20230709_02_T1"
UTM = "EPSG:32616"
BOX = [-88.044519, 29.826413, -87.0, 30.73289]
"""The rectangle 400000-500000, 3300000-3400000 of UTM zone 16, in degrees."""


def grid(west, east, south, north):
    """Points of a rectangle, ten degrees or less apart."""
    steps = range(41)
    return [(west + (east - west) * i / 40, south + (north - south) * j / 40) for i in steps for j in steps]


@pytest.mark.parametrize(
    ("rectangle", "box"),
    [
        ((10.0, 11.0, 47.0, 48.0), (10.0, 47.0, 11.0, 48.0)),
        ((-1.0, 1.0, -1.0, 1.0), (-1.0, -1.0, 1.0, 1.0)),
        ((170.0, 190.0, -10.0, 10.0), (170.0, -10.0, -170.0, 10.0)),  # across the date line
        ((-190.0, -170.0, -10.0, 10.0), (170.0, -10.0, -170.0, 10.0)),
        ((170.0, 180.0, 1.0, 2.0), (170.0, 1.0, 180.0, 2.0)),
        ((180.0, 190.0, 1.0, 2.0), (-180.0, 1.0, -170.0, 2.0)),
        ((190.0, 200.0, 1.0, 2.0), (-170.0, 1.0, -160.0, 2.0)),
        ((-125.0, 60.0, 20.0, 30.0), (-125.0, 20.0, 60.0, 30.0)),  # more than half of the globe
        ((-180.0, 180.0, -90.0, 90.0), (-180.0, -90.0, 180.0, 90.0)),
        ((-200.0, 200.0, -120.0, 120.0), (-180.0, -90.0, 180.0, 90.0)),  # a map that shows more than the Earth
    ],
)
def test_a_box_is_west_south_east_north_and_west_is_greater_across_the_date_line(rectangle, box):
    assert bounding_box(grid(*rectangle)) == pytest.approx(box, abs=1e-9)


def test_points_around_a_pole_give_all_longitudes():
    ring = [(longitude, -80.0 + longitude % 7) for longitude in range(0, 360, 10)]
    assert bounding_box(ring) == (-180.0, -80.0, 180.0, -74.0)


def test_a_point_a_line_and_nothing_have_no_box():
    assert bounding_box([]) is None
    assert bounding_box([(1.0, 2.0)]) is None
    assert bounding_box(grid(1.0, 1.0, 2.0, 3.0)) is None
    assert bounding_box(grid(1.0, 2.0, 3.0, 3.0)) is None
    assert bounding_box(grid(1.0, 2.0, 95.0, 99.0)) is None  # beyond the pole


def test_identifier_box_and_download_are_arguments_of_the_program():
    values = {
        "LAYER": None, "SCENE": "", "PRODUCT": PRODUCT, "BBOX": (-88.044519463, 0.00001, -87.0, 30.73289),
        "REANALYSIS": [], "DOWNLOAD_REANALYSIS": "auto:levels",
    }  # fmt: skip
    assert forms.RETRIEVE.problem(values) == ""
    assert forms.RETRIEVE.arguments(values) == [
        "--bbox", "-88.044519,1e-05,-87,30.73289", "--reanalysis", "auto:levels", "--", PRODUCT,
    ]  # fmt: skip
    assert forms.BATCH.arguments({"FOLDER": "/in", "BBOX": (170.0, -10.0, -170.0, 10.0)}) == [
        "--bbox", "170,-10,-170,10", "--", "/in",
    ]  # fmt: skip


def test_layer_scene_and_identifier_exclude_each_other():
    for other in ("LAYER", "SCENE"):
        problem = forms.RETRIEVE.problem({other: "a.tif", "PRODUCT": PRODUCT})
        assert "'Product identifier or address of a STAC item instead', not several" in problem
    assert "'Product identifier or address" in forms.RETRIEVE.problem({"PRODUCT": ""})


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """QGIS with the plugin, which runs a program that records its arguments."""
    qgis_process()
    home = Home.made(tmp_path_factory.mktemp("qgis"))
    home.command("qgis", "install", "--profiles-folder", home.folder / "profiles", "--program", home.recorder())
    return home


def test_identifier_and_extent_reach_the_program_in_a_headless_run(home, tmp_path):
    extent = f"400000,500000,3300000,3400000 [{UTM}]"
    code, out, err = home.run("retrieve", PRODUCT=f" {PRODUCT}\n", BBOX=extent, OUTPUT=tmp_path / "x.tif")
    assert code == 0, out + err
    words = home.recorded(tmp_path / "x.tif")
    assert words[:2] == ["retrieve", "--bbox"]
    assert [float(text) for text in words[2].split(",")] == pytest.approx(BOX, abs=2e-6)
    assert words[3:] == ["--overwrite", "--output", str(tmp_path / "x.tif"), "--", PRODUCT]


@pytest.fixture(scope="module")
def done(home, tmp_path_factory):
    """What a session of PyQGIS gave for extents of all kinds, by name; the output of a job has its name."""
    folder = tmp_path_factory.mktemp("extents")
    layer = home.folder / "layer.geojson"
    layer.write_text(
        '{"type": "Feature", "properties": {}, "geometry": {"type": "LineString", "coordinates": [[10, 47], [11, 48]]}}'
    )
    extents = {
        "degrees": "-88,-86,30,31 [EPSG:4326]",
        "reversed": "-86,-88,31,30 [EPSG:4326]",
        "projected": f"400000,500000,3300000,3400000 [{UTM}]",
        "of the project": "400000,500000,3300000,3400000",
        "of a layer": str(layer),
        "date line, degrees": "170,190,-10,10 [EPSG:4326]",
        "date line, UTM": "-500000,300000,-1000,1000 [EPSG:32601]",
        "date line, Mercator": "19900000,20200000,0,20000 [EPSG:3857]",
        "pole": "-4000000,4000000,-4000000,4000000 [EPSG:3031]",
        "globe": "-1e7,1e7,-1e7,1e7 [ESRI:102035]",
        "empty": "5,5,6,6 [EPSG:4326]",
        "beyond the Earth": f"1e10,2e10,1e10,2e10 [{UTM}]",
        "unknown system": "0,10,0,10 [EPSG:999999]",
        "no extent": "abc",
    }
    jobs = {
        name: {
            "do": "run", "algorithm": "retrieve", "program": str(home.recorder()), "crs": UTM,
            "values": {"PRODUCT": PRODUCT, "BBOX": extent, "OUTPUT": str(folder / f"{name}.tif")},
        }
        for name, extent in extents.items()
    }  # fmt: skip
    common = {"do": "run", "program": str(home.recorder())}
    jobs["map"] = {
        **common, "algorithm": "retrieve", "crs": UTM, "canvas": [400000, 3300000, 500000, 3400000],
        "values": {"PRODUCT": PRODUCT, "OUTPUT": str(folder / "map.tif")},
    }  # fmt: skip
    jobs["no project"] = {
        **common, "algorithm": "retrieve",
        "values": {"PRODUCT": PRODUCT, "BBOX": "-88,-86,30,31", "OUTPUT": str(folder / "no project.tif")},
    }  # fmt: skip
    jobs["metres without a system"] = {
        **common, "algorithm": "retrieve",
        "values": {
            "PRODUCT": PRODUCT, "BBOX": "400000,500000,3300000,3400000",
            "OUTPUT": str(folder / "metres without a system.tif"),
        },
    }  # fmt: skip
    jobs["many"] = {
        **common, "algorithm": "batch", "crs": UTM,
        "values": {
            "FOLDER": str(folder), "BBOX": "400000,500000,3300000,3400000", "DOWNLOAD_REANALYSIS": "auto",
            "OUTPUT": str(folder / "many"),
        },
    }  # fmt: skip
    jobs["blank"] = {
        **common, "algorithm": "retrieve", "values": {"PRODUCT": " ", "OUTPUT": str(folder / "blank.tif")},
    }  # fmt: skip
    jobs["form"] = {"do": "ask", "algorithm": "retrieve"}
    return folder, home.session(jobs)


@pytest.mark.parametrize(
    ("name", "box"),
    [
        ("degrees", [-88.0, 30.0, -86.0, 31.0]),
        ("reversed", [-88.0, 30.0, -86.0, 31.0]),
        ("projected", BOX),
        ("of the project", BOX),
        ("no project", [-88.0, 30.0, -86.0, 31.0]),
        ("of a layer", [10.0, 47.0, 11.0, 48.0]),
        ("date line, degrees", [170.0, -10.0, -170.0, 10.0]),
        ("date line, UTM", [174.05012, -0.009042834, -178.79705, 0.009042834]),
        ("date line, Mercator", [178.764742, 0.0, -178.540313, 0.179663]),
        ("pole", [-180.0, -90.0, 180.0, -41.031632]),
        ("globe", [-180.0, 3.820741, 180.0, 90.0]),
    ],
)
def test_every_extent_is_converted_to_degrees(home, done, name, box):
    folder, found = done
    assert found[name]["well"], found[name]["said"]
    words = home.recorded(folder / f"{name}.tif")
    assert [float(text) for text in words[words.index("--bbox") + 1].split(",")] == pytest.approx(box, abs=5e-6)


def test_the_extent_of_a_map_in_utm_is_taken_by_the_form(home, done):
    folder, found = done
    assert found["map"]["well"], found["map"]["said"]
    words = home.recorded(folder / "map.tif")
    west, south, east, north = map(float, words[words.index("--bbox") + 1].split(","))
    assert west <= BOX[0] and south <= BOX[1] + 0.01 and east >= BOX[2] and north >= BOX[3] - 0.01
    assert east - west < 2 and north - south < 1.2  # the canvas may be a little larger than what it was set to


def test_many_scenes_have_one_box_and_one_choice_of_the_reanalysis(home, done):
    words = home.recorded(done[0] / "many")
    assert words[:2] == ["batch", "--bbox"]
    assert [float(text) for text in words[2].split(",")] == pytest.approx(BOX, abs=2e-6)
    assert words[3:5] == ["--reanalysis", "auto"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("empty", "'Bounding box': 5,5,6,6 [EPSG:4326] is not an area on the Earth in EPSG:4326; give west,"),
        ("beyond the Earth", "is not an area on the Earth in EPSG:32616"),
        ("unknown system", "'Bounding box': there is no coordinate reference system EPSG:999999"),
        ("metres without a system", "is not in degrees; add the coordinate reference system, such as [EPSG:32616]"),
        ("no extent", "'Bounding box': abc is not an area on the Earth"),
        ("blank", "no input: give 'Thermal band' / "),
    ],
)
def test_a_wrong_extent_and_a_blank_identifier_are_messages_and_start_no_program(home, done, name, message):
    folder, found = done
    assert not found[name]["well"]
    assert any(message in text for _, text in found[name]["said"]), found[name]["said"]
    assert str(folder / f"{name}.tif") not in (home.folder / "recorded.jsonl").read_text()


def test_the_form_has_an_extent_and_a_choice_of_downloads(done):
    parameters = done[1]["form"]["parameters"]
    assert parameters["BBOX"]["type"] == "extent"
    assert parameters["DOWNLOAD_REANALYSIS"]["type"] == "enum"
    assert parameters["PRODUCT"]["type"] == "string"
    assert all(parameters[name]["optional"] for name in ("BBOX", "DOWNLOAD_REANALYSIS", "PRODUCT"))
    assert not any(parameters[name]["advanced"] for name in ("BBOX", "DOWNLOAD_REANALYSIS", "PRODUCT"))
