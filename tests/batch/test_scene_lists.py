"""Lists of scenes in all forms, and their errors."""

import json
import pickle
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest

from lst_raster import ListedScene, Scene, read_scene_list, search_scenes
from lst_raster.errors import (
    InputError,
    InputNotFoundError,
    LstRasterError,
    RemoteAccessError,
    RemoteError,
    SceneError,
)
from tests.support.factories import MTL, write_raster
from tests.support.many_scenes import make_scenes, stem_of
from tests.support.servers import web_server
from tests.support.shared import shared_path
from tests.support.stac_server import catalogue, item_of


@pytest.fixture(scope="module")
def scenes(tmp_path_factory, model_path):
    """A folder of three scenes, one folder each."""
    folder = tmp_path_factory.mktemp("scenes")
    make_scenes(folder, model_path, 3)
    return folder


def names(listed):
    return [scene.name for scene in listed]


ALL = [stem_of(day) for day in (1, 2, 3)]


def test_a_folder_is_every_scene_in_it_and_below_it_in_the_order_of_the_paths(scenes, tmp_path):
    folder = tmp_path / "in"
    shutil.copytree(scenes, folder)
    shutil.move(folder / ALL[2], folder / "2015" / "07" / ALL[2])
    found = read_scene_list(folder)
    assert names(found) == [ALL[2], ALL[0], ALL[1]]
    assert [Scene.open(scene.path).stem for scene in found] == names(found)
    assert names(read_scene_list(str(folder))) == names(found)


def test_archives_count_as_scenes_and_hidden_files_products_and_other_bands_do_not(tmp_path):
    scenes = ("LC08_a.tar.gz", "LC08_b.tar", "LC08_c.tgz", "LC08_d.tar.bz2", "LC08_e.txz", "LC08_f.zip")
    bands = ("._LC08_d_B10.TIF", "LC08_e_B4.TIF", "LC08_e_B6.TIF", "LC08_e_QA_PIXEL.TIF", "LC08_L2SP_f_ST_B10.TIF")
    others = ("LC08_x_LST.tif", "LC08_x_LST_UNC.tif", "LC08_x_LST.json", "report.csv", "era5.nc")
    for name in (*scenes, *bands, *others):
        (tmp_path / name).touch()
    (tmp_path / "store.zarr").mkdir()
    (tmp_path / "store.zarr" / "LC08_g_B10.TIF").touch()
    (tmp_path / "__MACOSX").mkdir()
    (tmp_path / "__MACOSX" / "LC08_h_B10.TIF").touch()
    for name, member in (
        ("era5.zip", "data.nc"),
        ("LC08_i.zip", "LC08_i/LC08_i_B10.TIF"),
        ("j.zip", "._LC08_j_B10.TIF"),
    ):
        with zipfile.ZipFile(tmp_path / name, "w") as archive:
            archive.writestr(member, "")
    found = [f"LC08_{letter}" for letter in "abcdefi"]
    assert names(read_scene_list(tmp_path)) == found
    (tmp_path / "store.zarr" / "LC08_g_B10.TIF").unlink()  # a pattern may match files in a .zarr folder
    assert names(read_scene_list(f"{tmp_path}/**")) == found
    with pytest.raises(SceneError, match="no scenes in"):
        read_scene_list(f"{tmp_path}/._*")


def test_a_scene_without_metadata_is_opened_by_the_selected_band(tmp_path):
    for name in ("LC08_x_B10.TIF", "LC08_x_B11.TIF", "LE07_y_B6_VCID_1.TIF", "LE07_y_B6_VCID_2.TIF", "thing_B11.tif"):
        (tmp_path / name).touch()
    bands = {None: ["_B10.", "_VCID_1.", "thing_B11"], "11": ["_B11.", "_VCID_1.", "thing_B11"]}
    for band, wanted in bands.items():
        found = read_scene_list(tmp_path, band=band)
        assert names(found) == ["LC08_x", "LE07_y", "thing"]
        assert all(part in scene.path for part, scene in zip(wanted, found, strict=True))


def test_renamed_bands_belong_to_their_product_if_it_has_other_files_and_are_scenes_otherwise(tmp_path):
    a, b = (f"LC08_L1TP_020039_2015071{day}_20200908_02_T1" for day in (1, 2))
    for name in (
        f"{a}_MTL.txt",
        f"{a}_B10_clip.TIF",
        f"{b}_B10_east.TIF",
        f"west_{b}_B10.TIF",
        f"{b}_B10_clip_LST.tif",
    ):
        (tmp_path / name).touch()
    assert names(read_scene_list(tmp_path)) == [a, f"{b}_east", f"west_{b}"]


def test_a_folder_with_a_link_to_itself_is_read_once(scenes, tmp_path):
    shutil.copytree(scenes / ALL[0], tmp_path / "in" / ALL[0])
    (tmp_path / "in" / "again").symlink_to(tmp_path / "in")
    assert len(read_scene_list(tmp_path / "in")) == 1


def test_a_pattern_selects_matching_files(scenes, tmp_path):
    (tmp_path / "LC08_x_ANG.txt").touch()
    assert names(read_scene_list(f"{scenes}/*/*_MTL.txt")) == ALL
    assert names(read_scene_list(f"{scenes}/*0702*")) == [ALL[1]]
    assert names(read_scene_list(f"{scenes}/**")) == ALL  # a folder, and again the files in it
    (only,) = read_scene_list(f"{scenes}/*/*0703*_B10.TIF")
    assert only.path.endswith("_B10.TIF")
    with pytest.raises(InputNotFoundError, match="no file matches the pattern"):
        read_scene_list(f"{scenes}/*.SAFE")
    with pytest.raises(SceneError, match=r"no scenes in .*: no"):
        read_scene_list(f"{tmp_path}/*")


@pytest.mark.parametrize(
    "path", ["/vsizip/in/LC08_x.zip/LC08_x_B10.TIF", "/vsitar//vsicurl/https://a.org/LC08_x.tar/LC08_x_B10.TIF"]
)
def test_a_file_in_an_archive_is_a_scene_by_the_name_that_gdal_gives_it(path):
    (scene,) = read_scene_list(path)
    assert (scene.path, scene.name, scene.signed_path()) == (path, "LC08_x", path)


def test_an_existing_name_with_brackets_is_not_a_pattern(tmp_path):
    (tmp_path / "in [1]").mkdir()
    (tmp_path / "in [1]" / "LC08_x_B10.TIF").touch()
    assert names(read_scene_list(tmp_path / "in [1]")) == ["LC08_x"]


def test_a_table_has_options_of_each_scene_and_paths_relative_to_its_folder(scenes, tmp_path):
    (tmp_path / "emissivity.tif").touch()
    (tmp_path / "ged").mkdir()
    rows = (
        "scene,name,emissivity,Water Vapour,date\n"
        f"{scenes / ALL[0]},first,0.97,29mm,2015-07-01\n"
        "# a remark\n\n"
        "in/LC08_x.tar,,aster-ged:ged | emissivity.tif | ndvi,,\n"
        "s3://bucket/LC08_y_B10.TIF,,landcover:emissivity.tif:nowhere.csv,s3://b/vapour.tif,\n"
    )
    (tmp_path / "list.csv").write_text(rows)
    first, second, third = read_scene_list(tmp_path / "list.csv")
    assert (first.path, first.name) == (str(scenes / ALL[0]), "first")
    assert first.options == {"emissivity": "0.97", "water_vapour": "29mm", "date": "2015-07-01"}
    assert (second.path, second.name) == (str(tmp_path / "in/LC08_x.tar"), "LC08_x")
    assert second.options == {"emissivity": f"aster-ged:{tmp_path}/ged|{tmp_path}/emissivity.tif|ndvi"}
    assert (third.path, third.name) == ("s3://bucket/LC08_y_B10.TIF", "LC08_y")
    assert third.options["emissivity"] == f"landcover:{tmp_path}/emissivity.tif:nowhere.csv"
    assert third.options["water_vapour"] == "s3://b/vapour.tif"


def test_a_table_has_aerosol_and_uncertainties_of_values_and_of_rasters(tmp_path):
    (tmp_path / "haze.tif").touch()
    (tmp_path / "w+-1.tif").touch()
    rows = "scene,water_vapour,air_temperature,aerosol", "a_B10.TIF,29mm±2mm,25C+-2C,haze.tif±20%"
    (tmp_path / "list.csv").write_text("\n".join([*rows, "b_B10.TIF,w+-1.tif,,0.1"]), encoding="utf-8")
    first, second = read_scene_list(tmp_path / "list.csv")
    assert first.options == {
        "water_vapour": "29mm±2mm", "air_temperature": "25C±2C", "aerosol": f"{tmp_path}/haze.tif±20%",
    }  # fmt: skip
    assert second.options == {"water_vapour": f"{tmp_path}/w+-1.tif", "aerosol": "0.1"}


def test_a_table_with_semicolons_and_decimal_commas_is_read(tmp_path):
    rows = "\ufeffscene;emissivity;air-temperature;water_vapour\r\nx_B10.TIF;0,97;25,5C;2,1cm±0,2cm\r\n"
    (tmp_path / "list.csv").write_bytes(rows.encode())
    (scene,) = read_scene_list(tmp_path / "list.csv")
    assert scene.options == {"emissivity": "0.97", "air_temperature": "25.5C", "water_vapour": "2.1cm±0.2cm"}


BAD_LISTS = {
    "an unknown column": (
        "list.csv",
        "scene,emisivity\nx,1\n",
        "unknown column emisivity; valid columns are scene",
    ),
    "no scenes": ("list.csv", "path,date\nx,2015-01-01\n", "unknown column path"),
    "no column of scenes": ("list.csv", "name\nx\n", "has no column scene"),
    "an empty scene": ("list.csv", "scene,date\n,2015-01-01\n", "line 2 has no scene"),
    "a name with folders": ("list.csv", "scene,name\nx,../y\n", "is not a file name"),
    "an empty table": ("list.csv", "", "is empty; it should hold scenes"),
    "only a header": ("list.csv", "scene\n", "has a header and no row"),
    "an empty text": ("list.txt", "# nothing\n\n", "has no scenes"),
    "no JSON": ("list.json", "{", "is not JSON"),
    "a list in JSON": ("list.json", "[]", "has a JSON list"),
    "a collection": ("list.json", '{"type": "Collection"}', "is a STAC Collection, not a STAC item"),
    "other JSON": ("list.json", '{"a": 1}', "not a STAC item"),
    "geometries": (
        "list.geojson",
        '{"type": "FeatureCollection", "features": [{"type": "Feature"}]}',
        "no assets",
    ),
    "no items": ("list.json", '{"type": "FeatureCollection", "features": []}', "an empty item collection"),
}


@pytest.mark.parametrize("case", BAD_LISTS, ids=lambda case: case.replace(" ", "-"))
def test_an_invalid_list_is_an_error_of_one_line(tmp_path, case):
    name, text, message = BAD_LISTS[case]
    (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match="(?i)" + message.replace("(", r"\(")) as caught:
        read_scene_list(tmp_path / name)
    assert "\n" not in str(caught.value)


def test_a_missing_list_and_an_empty_folder_are_errors(tmp_path):
    with pytest.raises(InputNotFoundError, match="does not exist; give a folder, a pattern, a table"):
        read_scene_list(tmp_path / "nothing")
    with pytest.raises(SceneError, match="no scenes in"):
        read_scene_list(tmp_path)
    with pytest.raises(InputError, match="cannot be a float"):
        read_scene_list([1.5])


def test_a_text_file_has_one_scene_per_line(scenes, tmp_path):
    (tmp_path / "list.txt").write_text(
        f"# scenes\n{scenes / ALL[1]}\r\n\nhttps://example.com/LC08_z_B10.TIF?sig=s3cret\n"
    )
    first, second = read_scene_list(tmp_path / "list.txt")
    assert names([first, second]) == [ALL[1], "LC08_z"]
    assert second.shown == "https://example.com/LC08_z_B10.TIF"
    assert "s3cret" not in repr(second)


def test_nested_lists_keep_their_order_and_a_scene_is_a_list(scenes):
    band = scenes / ALL[2] / f"{ALL[2]}_B10.TIF"
    listed = ListedScene(path="x", name="x")
    assert names(read_scene_list([band, listed, [scenes / ALL[0]]])) == [ALL[2], "x", ALL[0]]
    assert pickle.loads(pickle.dumps(listed)) == listed


@pytest.mark.parametrize(
    ("folder", "band", "file"),
    [
        ("LC08_L1GT_089074_20220506_20220512_02_T2", None, "B10"),
        ("LC08_L1GT_089074_20220506_20220512_02_T2", "11", "B11"),
        ("LE07_L1TP_107068_20220310_20220405_02_T1", None, "B6_VCID_1"),
        ("LE07_L1TP_107068_20220310_20220405_02_T1", "6_VCID_2", "B6_VCID_2"),
    ],
)
def test_thermal_bands_are_found_in_items_of_the_usgs(tmp_path, folder, band, file):
    product = shared_path("data/landsat") / folder
    item = json.loads((product / f"{folder}_stac.json").read_text())
    (tmp_path / "item.json").write_text(json.dumps(item))
    (far,) = read_scene_list(tmp_path / "item.json", band=band)
    assert (far.name, far.problem) == (folder, None)
    assert far.path.startswith("https://landsatlook.usgs.gov/data/collection02/level-1/")
    assert far.path.endswith(f"{folder}_{file}.TIF")
    (store,) = read_scene_list(item, band=band, alternate="s3")
    assert store.path.startswith("s3://usgs-landsat/collection02/level-1/")
    (near,) = read_scene_list(product / f"{folder}_stac.json", band=band)
    assert Path(near.path) == product / f"{folder}_{file}.TIF"


@pytest.mark.parametrize("level_2", [False, True])
def test_an_item_of_level_2_is_downloaded_for_its_radiance(level_2):
    folder = shared_path("data/landsat/l8_l2sp_017036")
    path = folder / "LC08_L2SP_017036_20130419_20200913_02_T2_ST_stac.json"
    (scene,) = read_scene_list(json.loads(path.read_text()), level_2=level_2)  # a mapping has no files next to it
    assert scene.name == "LC08_L2SP_017036_20130419_20200913_02_T2"
    assert scene.item.is_level_2


def test_an_item_of_surface_reflectance_alone_has_a_problem():
    item = item_of("a", {"red": "https://example.com/LC08_L2SR_017036_20130419_20200913_02_T2_SR_B4.TIF"})
    item["properties"]["landsat:correction"] = "L2SR"
    (scene,) = read_scene_list(item)
    with pytest.raises(SceneError, match=r"has only Level 2.*search a collection of Level 1"):
        scene.signed_path()


def test_thermal_assets_are_recognised_by_key_or_common_name():
    by_key = item_of("a", {"lwir11": "https://example.com/1234.tif", "blue": "https://example.com/1.tif"})
    by_name = item_of("b", {"x": "https://example.com/99.tif"})
    by_name["assets"]["x"]["eo:bands"] = [{"name": "B6", "common_name": "lwir"}]
    listed = read_scene_list({"type": "FeatureCollection", "features": [by_key, by_name]})
    assert [(scene.name, scene.path) for scene in listed] == [
        ("a", "https://example.com/1234.tif"),
        ("b", "https://example.com/99.tif"),
    ]


def test_surface_temperature_with_the_key_of_the_thermal_band_is_not_the_thermal_band():
    item = item_of("LC09_L2SP_x", {"lwir11": "https://example.com/LC09_L2SP_x_ST_B10.TIF"})
    assert "has only Level 2" in read_scene_list(item)[0].problem


def test_an_item_without_a_thermal_band_has_a_problem():
    items = [item_of("a", {"red": "https://example.com/LC08_a_B4.TIF"}), item_of("b", {"t": "in/LC08_b_B10.TIF"})]
    first, second = read_scene_list({"type": "FeatureCollection", "features": items})
    assert "no thermal band of Level 1 among its assets (red)" in first.problem
    assert (second.problem, second.path) == (None, "in/LC08_b_B10.TIF")
    (other,) = read_scene_list(items[1], band="11")
    assert other.problem == "item b has no band B11, only B10; choose another with --band"


def test_lists_on_a_server_are_read_and_their_paths_are_relative_to_it(tmp_path):
    (tmp_path / "list.csv").write_text("scene,date\nLC08_x_B10.TIF,2015-07-01\n")
    (tmp_path / "items.json").write_text(json.dumps(item_of("a", {"t": "./LC08_b_B10.TIF"})))
    with web_server(tmp_path) as server:
        (scene,) = read_scene_list(server.url("list.csv"))
        assert (scene.path, scene.options) == (server.url("LC08_x_B10.TIF"), {"date": "2015-07-01"})
        assert read_scene_list(server.url("items.json"))[0].path.endswith("LC08_b_B10.TIF")
        assert read_scene_list(server.url("LC08_q_MTL.json"))[0].name == "LC08_q"  # a scene, not a list
        with pytest.raises(InputNotFoundError):
            read_scene_list(server.url("nothing.csv"))


def test_addresses_are_signed_when_they_are_opened_and_signatures_are_not_shown(tmp_path):
    asked = []

    def sign(address):
        asked.append(address)
        return f"{address}?sig=s3cret"

    item = item_of("a", {"t": "https://example.com/LC08_b_B10.TIF"})
    (scene,) = read_scene_list(item, sign=sign)
    assert asked == []
    assert scene.signed_path() == "https://example.com/LC08_b_B10.TIF?sig=s3cret"
    assert "s3cret" not in repr(scene) + scene.shown
    (local,) = read_scene_list(item_of("a", {"t": "LC08_b_B10.TIF"}), sign=sign)
    assert local.signed_path() == "LC08_b_B10.TIF"

    def refuse(address):
        raise KeyError(f"no key for {address}?sig=s3cret")

    (scene,) = read_scene_list(item, sign=refuse)
    with pytest.raises(RemoteAccessError, match="cannot be signed: KeyError") as caught:
        scene.signed_path()
    assert "s3cret" not in str(caught.value)


def test_a_search_reads_all_pages_and_its_scenes_can_be_opened(tmp_path):
    for day in (1, 2, 3):
        stem = stem_of(day)
        write_raster(tmp_path / f"{stem}_B10.TIF", np.full((60, 70), 26000, "u2"))
        (tmp_path / f"{stem}_MTL.txt").write_text(MTL.format(satellite=8, band=10, gain=3.342e-4, offset=0.1))
    with web_server(tmp_path) as files:
        items = [item_of(s, {"lwir11": files.url(f"{s}_B10.TIF")}) for s in map(stem_of, (1, 2, 3))]
        with catalogue(items, page=2) as (url, asked):
            found = search_scenes(
                url,
                collections="landsat-c2l1",
                bbox=(-88, 30, -86, 31),
                datetime="2015-07",
                query=["eo:cloud_cover < 20", "eo:cloud_cover>=1", "platform=LANDSAT_8"],
            )
            assert names(found) == ALL
            assert Scene.open(found[1].signed_path()).sensor == "landsat8-b10"
            assert len(search_scenes(url, collections=["landsat-c2l1"], limit=1)) == 1
            assert asked[0]["bbox"] == [-88, 30, -86, 31]
            assert asked[0]["query"] == {"eo:cloud_cover": {"lt": 20, "gte": 1}, "platform": {"eq": "LANDSAT_8"}}
            with pytest.raises(InputError, match="invalid condition 'clouds'"):
                search_scenes(url, collections="landsat-c2l1", query=["clouds"])
            with pytest.raises(InputError, match="has no results in other"):
                search_scenes(url, collections="other")


def test_errors_of_a_search_have_no_secrets(tmp_path):
    with web_server(tmp_path) as server:
        with pytest.raises(RemoteError, match="does not answer as expected") as caught:
            search_scenes(server.url("stac?key=s3cret"), collections="x")
        assert "s3cret" not in str(caught.value)
    with catalogue([]) as (url, _), pytest.raises(LstRasterError, match="invalid search"):
        search_scenes(url, collections="x", datetime="yesterday")
    with pytest.raises(RemoteError):
        search_scenes("http://127.0.0.1:9/", collections="x")


def test_a_missing_scene_is_an_error_only_when_it_is_opened(scenes, tmp_path):
    for missing in ("x_B10.TIF", "x.tar.gz", "x_MTL.txt"):
        *_, last = read_scene_list([scenes, tmp_path / missing])
        with pytest.raises(InputNotFoundError, match="does not exist"):
            Scene.open(last.signed_path())
