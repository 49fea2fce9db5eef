"""`lst-raster check`: complete products pass, and every kind of damage is found by its check."""

import json
import shutil

import numpy as np
import pytest
import rasterio
import rasterio.shutil
from rio_cogeo.cogeo import cog_validate

from lst_raster import retrieve
from lst_raster.errors import InputError, InputNotFoundError
from lst_raster.product.check import REQUIRED_TAGS, TAGS_WITH_ITEM, check_product, layout_problems
from lst_raster.product.paths import COMPONENTS
from lst_raster.product.quality_flags import flag
from tests.support.cogs import grid_of
from tests.support.factories import STATE, make_scene, ramp
from tests.support.product_sets import (
    FLOATS,
    NAME,
    QUALITY,
    STEPS,
    TAGS,
    components_of,
    edit_item,
    fields_of,
    file_names,
    item_of,
    make_set,
    swap_overviews,
    write_item,
    write_raster_of,
)

NAMES = file_names(NAME)
CHECKS = [
    "files", "item", "agreement", "checksums", "layout", "grid", "metadata", "temperature", "statistics", "uncertainty",
    "quality", "angles", "overviews",
]  # fmt: skip
SHAPE = (600, 130)  # more than a block, so that there are overviews

CALM = tuple(np.argwhere(fields_of(SHAPE)["uncertainty"] < 1.9)[-1])  # a pixel without the bit uncertain

NDVI = 5 << flag("emissivity_source").offset
MEANINGLESS = "1 pixels with undefined bits or values"


def outcomes(path):
    return {finding.name: finding.outcome for finding in check_product(path)}


def failures(path):
    return {finding.name: finding.text for finding in check_product(path) if finding.outcome == "failed"}


@pytest.fixture(scope="session")
def whole(tmp_path_factory):
    """A valid product, to be copied."""
    return make_set(tmp_path_factory.mktemp("whole") / "set", SHAPE)


@pytest.fixture
def product(whole, tmp_path):
    shutil.copytree(whole.parent, tmp_path / "set")
    return tmp_path / "set" / NAME


@pytest.mark.slow
@pytest.mark.parametrize("options", [
    {}, {"shape": (600, 700)}, {"dtype": "uint16"}, {"dtype": "uint16", "compress": "zstd"}, {"compress": "lerc_zstd"},
    {"shape": (1, 1), "fields": {"lst": [[300.0]], "uncertainty": [[1.0]], "quality": [[NDVI]]}},
    {"shape": (513, 511)}, {"shape": (80, 90), "tags": {"acquisition_date": "2015-07", "acquisition_time": "unknown"}},
    {"crs": "EPSG:4326", "grid": "degrees"},
], ids=str)  # fmt: skip
def test_a_complete_product_passes_every_check(tmp_path, options):
    options = {"shape": SHAPE} | options
    if "grid" in options:
        transform = rasterio.Affine(0.0003, 0, 179.9, 0, -0.0003, 50)
        options["grid"] = type(grid_of((1, 1)))(
            crs=rasterio.crs.CRS.from_epsg(4326), transform=transform, height=SHAPE[0], width=SHAPE[1]
        )
    if "fields" in options:
        types = {"quality": "u4"}
        options["fields"] = {
            name: np.array(value, types.get(name, "f4")) for name, value in options["fields"].items()
        }  # fmt: skip
    path = make_set(tmp_path, **options)
    assert failures(path) == {}
    assert outcomes(path) == dict.fromkeys(CHECKS, "ok")
    assert outcomes(path.with_suffix(".json")) == dict.fromkeys(CHECKS, "ok")


def test_an_lst_file_without_other_files_is_checked(tmp_path, model_path):
    scene = make_scene(tmp_path / "in", lst=ramp(280, 310))
    product = retrieve(scene, output=tmp_path, model=model_path, emissivity=0.97, **STATE)
    alone = tmp_path / "alone_LST.tif"  # also where the engine writes more files
    shutil.copy(product.path, alone)
    found = outcomes(alone)
    skipped = {"item", "agreement", "checksums", "uncertainty", "quality", "angles"}
    assert found == {name: "skipped" if name in skipped else "ok" for name in CHECKS}


@pytest.mark.slow
def test_a_product_of_an_older_version_made_by_gdal_passes_too(tmp_path):
    old = {name: TAGS[name] for name in REQUIRED_TAGS}
    path = write_raster_of(tmp_path / "raw.tif", fields_of((901, 1203))["lst"].astype("f4"), FLOATS["lst"], tags=old)
    target = tmp_path / NAME
    rasterio.shutil.copy(path, target, driver="COG", blocksize=512, compress="deflate", overview_resampling="average",
                         overviews="IGNORE_EXISTING")  # fmt: skip
    found = outcomes(target)
    assert found["overviews"] == found["layout"] == found["metadata"] == "ok"
    assert "failed" not in found.values()


def rewrite(path, role, layer, change, grid=None, tags=None):
    """Write a raster of a set again with other values, and the item so that it fits it."""
    target = path.with_name(NAMES[role])
    values = fields_of(SHAPE)
    values |= components_of(values)
    change(values)
    tags = TAGS if tags is None else tags
    write_raster_of(target, values[role].astype("u4" if role == "quality" else "f4"), layer, grid=grid, tags=tags)
    write_item(item_of(path.parent), path.with_suffix(".json"))


def put(role, where, value):
    def change(values):
        values[role][where] = value

    return change


def put_bits(where, name, on=True):
    def change(values):
        bits = values["quality"]
        mask = np.uint32(flag(name).mask)
        bits[where] = bits[where] | mask if on else bits[where] & ~mask

    return change


@pytest.mark.slow
@pytest.mark.parametrize(("role", "change", "found"), [
    ("lst", put("lst", (500, 100), 149.0), {"temperature": "1 pixels with a temperature outside 150 to 380 K"}),
    ("lst", put("lst", (500, slice(100, 103)), 381.0), {"temperature": "3 pixels with a temperature outside"}),
    ("lst", put("lst", (500, 100), np.nan), {
        "uncertainty": "1 pixels with an uncertainty and no temperature",
        "quality": "1 pixels with no temperature and no bit that explains it",
    }),
    ("lst", put("lst", (0, slice(0, 2)), 300.0), {
        "uncertainty": "2 pixels with a temperature and no uncertainty",
        "quality": "2 pixels with a temperature and fill, saturated, no_solution or no_input",
    }),
    ("lst", put("lst", (200, 5), 300.0), {
        "uncertainty": "1 pixels with a temperature and no uncertainty",
        "quality": "a temperature under cloud or shadow",
    }),
    ("uncertainty", put("uncertainty", CALM, 0.0), {"uncertainty": "an uncertainty that is not above"}),
    ("uncertainty", put("uncertainty", CALM, -0.5), {"uncertainty": "not above 0 and finite"}),
    ("uncertainty", put("uncertainty", CALM, np.inf), {
        "uncertainty": "not above 0 and finite", "quality": "a bit uncertain that does not agree",
    }),
    ("uncertainty", put("uncertainty", (500, 100), np.nan), {"uncertainty": "a temperature and no uncertainty"}),
    ("uncertainty", put("uncertainty", CALM, 9.0), {
        "quality": "a bit uncertain that does not agree", "uncertainty": "1 pixels with components that do not add up",
    }),
    ("uncertainty_surface", put("uncertainty_surface", (500, 100), np.nan), {
        "uncertainty": "1 pixels with a component other than where there is a temperature",
    }),
    ("uncertainty_random", put("uncertainty_random", CALM, 9.0), {
        "uncertainty": "1 pixels with components that do not add up",
    }),
    ("quality", put_bits((slice(500, 504), 100), "saturated"), {"quality": "4 pixels with saturated and not fill"}),
    ("quality", put_bits((500, 100), "emissivity_source", on=False), {"quality": "no emissivity source"}),
    ("quality", put("quality", (500, 100), NDVI | 1 << 7), {"quality": MEANINGLESS}),
    ("quality", put("quality", (500, 100), 29 << 16), {"quality": MEANINGLESS}),
    ("quality", put_bits((500, 100), "no_input"), {"quality": "1 pixels with a temperature and fill"}),
    ("quality", put_bits((599, 129), "fill", on=False), {"quality": "1 pixels with saturated and not fill"}),
    ("quality", put_bits((200, 5), "cloud", on=False), {"quality": "no temperature and no bit that explains it"}),
])  # fmt: skip
def test_implausible_pixels_are_found(product, role, change, found):
    layer = QUALITY if role == "quality" else FLOATS.get(role, FLOATS["uncertainty"])
    with np.errstate(invalid="ignore"):
        rewrite(product, role, layer, change)
    problems = failures(product)
    assert problems.keys() == found.keys()
    assert all(text in problems[name] for name, text in found.items()), problems


@pytest.mark.parametrize(("where", "found"), [(slice(None), True), (slice(0, 200), False)])
def test_a_product_that_is_largely_hotter_than_any_ground_is_found(product, where, found):
    def heat(values):
        values["lst"][where] += 60.0

    rewrite(product, "lst", FLOATS["lst"], heat)
    problem = failures(product).get("temperature", "")
    assert ("a temperature above 343 K, which no natural land surface has" in problem) is found


def test_a_dilated_mask_explains_gaps_near_clouds_and_no_others(product):
    tags = TAGS | {"mask": TAGS["mask"].replace(", by", ", dilated by 200 m, by")}
    rewrite(product, "lst", FLOATS["lst"], put("lst", (500, 100), np.nan), tags=tags)
    rewrite(product, "uncertainty", FLOATS["uncertainty"], put("uncertainty", (500, 100), np.nan), tags=tags)
    for role in COMPONENTS:
        rewrite(product, role, FLOATS["uncertainty"], put(role, (500, 100), np.nan), tags=tags)
    assert failures(product).keys() == {"quality"}
    near = NDVI | (1 << flag("cloud_distance").offset)
    rewrite(product, "quality", QUALITY, put("quality", (500, 100), near), tags=tags)
    assert failures(product) == {}


@pytest.mark.parametrize("role", [role for role in NAMES if role != "item"])
def test_a_flipped_bit_is_found_in_every_file(product, role):
    path = product.with_name(NAMES[role])
    data = bytearray(path.read_bytes())
    data[len(data) * 2 // 3] ^= 4
    path.write_bytes(data)
    assert f"{NAMES[role]} has another SHA-256" in failures(product)["checksums"]


@pytest.mark.parametrize("role", [role for role in NAMES if role != "item"])
def test_a_truncated_file_is_found(product, role):
    path = product.with_name(NAMES[role])
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    problems = failures(product)
    assert f"{NAMES[role]} has {path.stat().st_size} bytes, not " in problems["checksums"]
    if role in ("lst", "uncertainty", "quality"):
        assert "before the end of a block" in problems["layout"]
        assert "truncated" in problems["temperature"]


@pytest.mark.parametrize("role", [role for role in NAMES if role != "item"])
def test_a_missing_file_is_found(product, role):
    product.with_name(NAMES[role]).unlink()
    path = product.with_suffix(".json") if role == "lst" else product
    assert failures(path)["files"] == f"missing {NAMES[role]}"


@pytest.mark.slow
@pytest.mark.parametrize("role", ["uncertainty", "quality"])
def test_a_file_of_another_product_is_found_even_if_the_item_names_its_checksum(product, tmp_path, role):
    fields = fields_of(SHAPE, seed=3)
    fields["lst"][500:, 100:] = np.nan
    fields["uncertainty"][500:, 100:] = np.nan
    fields["quality"][500:, 100:] |= np.uint32(flag("cloud").mask)
    other = make_set(tmp_path / "other", SHAPE, fields=fields)
    assert failures(other) == {}
    shutil.copy(other.with_name(NAMES[role]), product.with_name(NAMES[role]))
    assert "checksums" in failures(product)
    write_item(item_of(product.parent), product.with_suffix(".json"))
    assert role in failures(product)


def test_a_raster_on_another_grid_is_found(product):
    place = grid_of(SHAPE, "EPSG:32617")
    rewrite(product, "uncertainty", FLOATS["uncertainty"], lambda values: None, grid=place)
    problems = failures(product)
    assert problems.keys() == {"grid"}
    assert "uncertainty is EPSG:32617" in problems["grid"]
    assert outcomes(product)["uncertainty"] == "skipped"


def test_a_product_without_coordinate_system_fails_the_grid_check(tmp_path):
    problems = failures(make_set(tmp_path, crs=None))
    assert problems.keys() == {"grid"}
    assert "no coordinate reference system" in problems["grid"]


@pytest.mark.slow
@pytest.mark.parametrize("name", [*REQUIRED_TAGS, *TAGS_WITH_ITEM])
def test_a_missing_metadata_item_is_found(tmp_path, name):
    tags = {key: value for key, value in TAGS.items() if key != name}
    make_set(tmp_path)
    write_raster_of(tmp_path / NAME, fields_of((80, 90))["lst"].astype("f4"), FLOATS["lst"], tags=tags)
    assert failures(tmp_path / NAME)["metadata"] == f"missing {name}"
    (tmp_path / NAMES["item"]).unlink()
    assert ("metadata" in failures(tmp_path / NAME)) == (name in REQUIRED_TAGS)


def change_property(name, value):
    return lambda item: item["properties"].__setitem__(name, value)


@pytest.mark.slow
@pytest.mark.parametrize(("change", "check", "text"), [
    (lambda item: item.pop("stac_version"), "item", "it has no stac_version"),
    (lambda item: item.update(stac_version="1.0.0"), "item", "STAC 1.0.0"),
    (lambda item: item.update(id="another"), "item", "its id is another"),
    (lambda item: item.pop("bbox"), "item", "both geometry and bbox"),
    (lambda item: item.update(stac_extensions=[]), "item", "does not name the extensions projection"),
    (lambda item: item.pop("links"), "item", "it has no links"),
    (change_property("datetime", "19 July 2015"), "item", "its datetime is '19 July 2015'"),
    (change_property("datetime", None), "item", "its start_datetime is None"),
    (lambda item: item["properties"].pop("datetime"), "item", "it has no datetime"),
    (lambda item: item["assets"]["lst"].update(type="image/tiff"), "item", "asset lst is not of the type"),
    (lambda item: item["assets"]["style"].pop("file:checksum"), "item", "asset style has no SHA-256"),
    (lambda item: item["assets"].update(notes={"href": "./x"}), "item", "it has an asset notes"),
    (lambda item: item["assets"].pop("lst"), "item", "it has no asset lst"),
    (change_property("datetime", "2015-07-20T16:19:21Z"), "agreement", "properties.datetime is '2015-07-20T16:19:21Z'"),
    (change_property("lst_raster:emissivity", "0.97"), "agreement", "in the files 'ndvi"),
    (change_property("eo:cloud_cover", 0.0), "agreement", "properties.eo:cloud_cover is 0.0"),
    (lambda item: item["geometry"]["coordinates"][0][0].__setitem__(0, 5.0), "agreement", "geometry.coordinates"),
    (lambda item: item["properties"].pop("platform"), "agreement", "properties.platform is None"),
    (lambda item: item["assets"].pop("quality"), "agreement", "classification"),
    (lambda item: item["assets"]["lst"].update({"file:size": 5}), "checksums", "bytes, not 5"),
    (lambda item: item["assets"]["lst"].update({"file:checksum": "1220" + "0" * 64}), "checksums", "another SHA-256"),
    (lambda item: item["assets"]["lst"].update(href="../x_LST.tif"), "files", "is not a file in the folder of the"),
    (lambda item: item["assets"]["lst"].update(href="https://example.com/x.tif"), "files", "not a file in the folder"),
    (lambda item: item["assets"]["lst"].update(href="./other_LST.tif"), "files", "is the item of other_LST.tif"),
    (lambda item: item["assets"]["style"].update(href=7), "files", "asset style has the href 7"),
])  # fmt: skip
def test_an_edited_item_is_found(product, change, check, text):
    edit_item(product, change)
    assert text in failures(product)[check]


@pytest.mark.slow
@pytest.mark.parametrize("text", ["", "{", "[]", '{"type": "Feature"}', "\xff"])
def test_an_invalid_item_is_found(product, text):
    product.with_suffix(".json").write_bytes(text.encode("latin-1"))
    for path in (product, product.with_suffix(".json")):
        assert "is not a STAC item" in failures(path)["item"]
        assert outcomes(path)["temperature"] == "ok"


def test_an_item_of_another_version_is_not_compared(product):
    edit_item(product, lambda item: item["properties"].update({"processing:software": {"lst-raster": "0.0.1"}}))
    assert outcomes(product)["agreement"] == "skipped"


def test_a_geotiff_that_is_no_cog_is_found(product):
    with rasterio.open(product) as dataset:
        profile, values, tags = dataset.profile, dataset.read(), dataset.tags()
    for options in ({"tiled": False}, {"tiled": True, "blockxsize": 512, "blockysize": 512}):
        keep = {key: value for key, value in profile.items() if key not in ("tiled", "blockxsize", "blockysize")}
        with rasterio.open(product, "w", **keep | options) as dataset:
            dataset.write(values)
            dataset.update_tags(**tags)
        write_item(item_of(product.parent), product.with_suffix(".json"))
        assert failures(product).keys() == {"layout"}


def test_a_cog_that_was_edited_in_place_is_found(tmp_path):
    product = make_set(tmp_path / "set", (600, 700))  # large enough for blocks that outgrow their place
    with rasterio.open(product, "r+", IGNORE_COG_LAYOUT_BREAK="YES") as dataset:
        values = dataset.read(1)
        values[300:, 300:] += np.random.default_rng(0).uniform(1, 5, values[300:, 300:].shape).astype("f4")
        dataset.write(values, 1)
    write_item(item_of(product.parent), product.with_suffix(".json"))
    problems = failures(product)
    assert problems.keys() == {"layout", "overviews", "statistics"}
    assert "edited after creation" in problems["layout"]


@pytest.mark.slow
@pytest.mark.parametrize("layer", [FLOATS["lst"], STEPS["lst"], QUALITY], ids=["float32", "uint16", "bits"])
@pytest.mark.parametrize("item", [True, False])
def test_overviews_of_other_values_are_found(tmp_path, layer, item):
    role = "quality" if layer is QUALITY else "lst"
    path = make_set(tmp_path, SHAPE, dtype="float32" if layer is FLOATS["lst"] else "uint16")
    target = path.with_name(NAMES[role])
    data = bytearray(target.read_bytes())
    other = fields_of(SHAPE, seed=8)[role]
    other = (other + 45).astype("f4") if role == "lst" else np.roll(other, 300, axis=0)
    another = write_raster_of(tmp_path / "another.tif", other, layer).read_bytes()
    data = swap_overviews(bytearray(another), bytes(data))
    target.write_bytes(data)
    if item:
        write_item(item_of(path.parent), path.with_suffix(".json"))
    else:
        path.with_suffix(".json").unlink()
    problems = failures(path)
    assert "of overview 1 differ" in problems["overviews"]
    assert "layout" not in problems


def test_the_layout_agrees_with_an_independent_validator(product, tmp_path):
    for role in ("lst", "uncertainty", "quality"):
        assert layout_problems(product.with_name(NAMES[role])) == []
        assert cog_validate(product.with_name(NAMES[role]), strict=True, quiet=True)[0]
    with rasterio.open(product) as dataset:
        profile = {**dataset.profile, "driver": "GTiff"}
        with rasterio.open(tmp_path / "plain.tif", "w", **profile) as plain:
            plain.write(dataset.read())
    assert layout_problems(tmp_path / "plain.tif") != []
    assert not cog_validate(tmp_path / "plain.tif", strict=True, quiet=True)[0]


@pytest.mark.slow
@pytest.mark.parametrize("at", range(0, 400, 11))
def test_a_damaged_head_never_ends_in_a_traceback(product, at):
    data = bytearray(product.read_bytes())
    data[at] ^= 0xFF
    product.write_bytes(data)
    assert "checksums" in failures(product)
    product.with_suffix(".json").unlink()
    assert outcomes(product).keys() == set(CHECKS)


@pytest.mark.parametrize("content", [b"", b"II*\0", b"not a raster", b"II*\0\x08\0\0\0" + b"\0" * 20])
def test_a_file_that_is_no_raster_fails(tmp_path, content):
    path = tmp_path / NAME
    path.write_bytes(content)
    assert {"layout", "temperature"} <= failures(path).keys()


def test_files_that_cannot_be_a_product_are_rejected(tmp_path):
    with pytest.raises(InputNotFoundError, match="check the path"):
        check_product(tmp_path / "none_LST.tif")
    with pytest.raises(InputError, match="is a folder"):
        check_product(tmp_path)
    (tmp_path / "x.png").touch()
    with pytest.raises(InputError, match=r"not a \.tif or \.json file"):
        check_product(tmp_path / "x.png")


def test_the_command_writes_a_line_for_each_check_and_has_exit_code_1_after_failures(product, command):
    code, lines, err = command("check", product)
    assert (code, err) == (0, [])
    assert [line.split()[:2] for line in lines] == [["ok", name] for name in CHECKS]
    product.with_name(NAMES["style"]).write_text("other")
    code, lines, _ = command("check", product, "--json")
    assert code == 1
    found = {finding["name"]: finding["outcome"] for finding in json.loads("\n".join(lines))}
    assert found == {name: "failed" if name == "checksums" else "ok" for name in CHECKS}
    assert command("check", product.with_name("none.tif"))[0] == 1
