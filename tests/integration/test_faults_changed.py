"""Files and folders that change during a run: the product of the original files, or an error."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio import Affine

from lst_raster import Scene, retrieve
from lst_raster.errors import InputError, LstRasterError
from lst_raster.retrieval.resume import file_states, require_unchanged
from tests.support.factories import STATE, make_scene, ramp, write_raster
from tests.support.faults import assert_nothing_lost, assert_one_line_message, contents

SHAPE = (600, 1100)  # six tiles
EXACT = {**STATE, "emissivity": 0.97}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Scene, emissivity, and a band of another scene, to be copied."""
    folder = tmp_path_factory.mktemp("made")
    make_scene(folder / "in", lst=ramp(280, 300, SHAPE), compress="deflate", tiled=True)
    make_scene(folder / "other", lst=ramp(250, 260, SHAPE), name="LC08_x_B10.TIF")
    write_raster(folder / "e.tif", ramp(0.9, 0.99, SHAPE).astype("f4"), compress="deflate", tiled=True)
    return folder


@pytest.fixture(scope="module")
def expected(made, model_path):
    """Temperature of the unchanged scene, with a constant emissivity and with a raster."""
    scene = next((made / "in").glob("*_B10.TIF"))
    given = {"number": EXACT, "raster": EXACT | {"emissivity": made / "e.tif"}}
    return {
        name: read(retrieve(scene, output=made / f"{name}.tif", model=model_path, **options).path)
        for name, options in given.items()
    }


@pytest.fixture
def scene(tmp_path, made):
    shutil.copytree(made / "in", tmp_path / "in")
    shutil.copy(made / "other" / "LC08_x_B10.TIF", tmp_path / "other.tif")
    return next((tmp_path / "in").glob("*_B10.TIF"))


@pytest.fixture
def output(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "LC08_L1TP_020039_20150719_20200908_02_T1_LST.tif").write_text("of an earlier run")
    return tmp_path / "out"


def read(path):
    with rasterio.open(path) as dataset:
        return dataset.read(1)


def delete(path):
    path.unlink()


def replace(path):
    next(folder for folder in path.parents if (folder / "other.tif").exists()).joinpath("other.tif").replace(path)


def cut_to_half(path):
    os.truncate(path, path.stat().st_size // 2)


def cut_to_nothing(path):
    os.truncate(path, 0)


def rewrite(path):
    numbers = read(path)
    write_raster(path, numbers + 3000, compress="deflate", tiled=True)


def write_one_number(path):
    with path.open("r+b") as file:
        file.seek(-1000, os.SEEK_END)
        file.write(b"\1")


def move_folder(path):
    path.parent.rename(path.parent.with_name("moved"))


CHANGES = (delete, replace, cut_to_half, cut_to_nothing, rewrite, write_one_number, move_folder)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("at", [1, 4])
@pytest.mark.parametrize("change", CHANGES)
def test_a_scene_that_changes_while_it_is_read(scene, output, model_path, expected, change, at, threads):
    before = contents(output)

    def progress(done, total):
        if done == at:
            change(scene)
        return True

    try:
        product = retrieve(
            scene, output=output, model=model_path, overwrite=True, threads=threads, progress=progress, **EXACT
        )
    except LstRasterError as error:
        assert_one_line_message(error)
        assert_nothing_lost(output, before)
    else:
        assert change in (delete, move_folder)
        np.testing.assert_array_equal(read(product.path), expected["number"])


@pytest.mark.parametrize("change", CHANGES[:6])
def test_an_emissivity_raster_that_changes_while_it_is_read(
    tmp_path, made, scene, output, model_path, expected, change
):
    emissivity = Path(shutil.copy(made / "e.tif", tmp_path / "e.tif"))
    given = {**EXACT, "emissivity": emissivity}
    before = contents(output)
    try:
        product = retrieve(
            scene, output=output, model=model_path, overwrite=True,
            progress=lambda done, total: done != 2 or change(emissivity) or True, **given,
        )  # fmt: skip
    except LstRasterError as error:
        assert_one_line_message(error)
        assert_nothing_lost(output, before)
    else:
        assert change is delete
        np.testing.assert_array_equal(read(product.path), expected["raster"])


@pytest.mark.parametrize("change", ["another size", "another place"])
def test_a_scene_that_changes_between_open_and_read(scene, output, model_path, change):
    opened, before = Scene.open(scene), contents(output)
    if change == "another size":
        write_raster(scene, np.full((700, 1300), 25000, "u2"))
    else:
        write_raster(scene, np.full(SHAPE, 25000, "u2"), transform=Affine(30, 0, 0, 0, -30, 0))
    with pytest.raises(LstRasterError) as caught:
        retrieve(opened, output=output, model=model_path, overwrite=True, **EXACT)
    assert_one_line_message(caught.value)
    assert_nothing_lost(output, before)


def test_a_folder_has_changed_if_a_file_in_it_has(tmp_path):
    (tmp_path / "air.zarr" / "tcwv").mkdir(parents=True)
    chunk, other = tmp_path / "air.zarr" / "tcwv" / "0", tmp_path / "air.zarr" / "tcwv" / "1"
    chunk.write_bytes(b"chunk")
    other.write_bytes(b"chunk")
    states = file_states([tmp_path / "air.zarr", tmp_path / "on a server"])
    assert set(states) == {chunk, other, tmp_path / "on a server"}
    chunk.unlink()
    require_unchanged(states)
    other.write_bytes(b"longer chunk")
    with pytest.raises(InputError, match="1 has changed while it was read"):
        require_unchanged(states)


@pytest.mark.parametrize("at", [1, 6])
def test_an_output_folder_removed_during_the_run(scene, output, model_path, at):
    def progress(done, total):
        if done == at:
            shutil.rmtree(output)
        return True

    with pytest.raises(LstRasterError) as caught:
        retrieve(scene, output=output, model=model_path, overwrite=True, progress=progress, **EXACT)
    assert_one_line_message(caught.value, "cannot write", "No such file or directory")
    assert not output.exists()


def test_an_output_folder_replaced_by_a_file_during_the_run(scene, output, model_path):
    def progress(done, total):
        if done == 2:
            shutil.rmtree(output)
            output.write_text("a file")
        return True

    with pytest.raises(LstRasterError) as caught:
        retrieve(scene, output=output, model=model_path, overwrite=True, progress=progress, **EXACT)
    assert_one_line_message(caught.value, "cannot write", "Not a directory")
    assert output.read_text() == "a file"


def test_a_folder_with_the_name_of_the_product_created_during_the_run(scene, output, model_path):
    target = next(output.iterdir())

    def progress(done, total):
        if done == 2:
            target.unlink()
            target.mkdir()
        return True

    with pytest.raises(LstRasterError) as caught:
        retrieve(scene, output=output, model=model_path, overwrite=True, progress=progress, **EXACT)
    assert_one_line_message(caught.value, "cannot write", "directory")
    assert [path.name for path in output.iterdir()] == [target.name]
