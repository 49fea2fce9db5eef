"""The quicklook of a product: a picture that shows what it holds, or that it holds nothing."""

import numpy as np
import pytest
from PIL import Image

from lst_raster import retrieve
from lst_raster.errors import InputError, InputNotFoundError, OutputError
from lst_raster.plots.colours import inferno
from lst_raster.product.sidecars import write_quicklook
from tests.support.factories import STATE, make_scene, ramp, write_raster

GREY = [200, 200, 200]


def pixels(path):
    with Image.open(path) as picture:
        return np.asarray(picture)


def test_the_colours_of_a_quicklook_follow_the_temperature(tmp_path, model_path):
    path = make_scene(tmp_path / "in", lst=ramp(280.0, 320.0, (600, 700)))
    product = retrieve(path, model=model_path, output=tmp_path, **STATE, emissivity=0.97)
    write_quicklook(product.path, tmp_path / "look.png")
    found = pixels(tmp_path / "look.png")
    assert found.shape[1] <= 1010
    table = inferno().astype(int)
    rows = [np.abs(table - found[row, 300].astype(int)).sum(axis=1).argmin() for row in (60, 200, 350, 500, 640)]
    assert rows == sorted(rows)
    assert rows[0] < 10
    assert rows[-1] > 245


def test_a_large_raster_is_reduced(tmp_path):
    path = write_raster(tmp_path / "a_LST.tif", np.full((900, 3000), 300.0, "f4"), nodata=np.nan)
    write_quicklook(path, tmp_path / "look.png")
    assert pixels(tmp_path / "look.png").shape == (16 + 22 + 14 + 264 + 22 + 16, 880 + 14 + 18 + 64 + 32, 3)


def test_float_and_scaled_integers_give_the_same_quicklook(tmp_path):
    kelvin = np.rint(ramp(280.0, 320.0, (330, 340)) * 100.0) / 100.0
    kelvin[:40] = np.nan
    numbers = np.where(np.isnan(kelvin), 0, np.rint(kelvin * 100.0)).astype("u2")
    write_raster(tmp_path / "float.tif", kelvin, nodata=np.nan)
    write_raster(tmp_path / "scaled.tif", numbers, scale=0.01, nodata=0, units="K")
    for name in ("float", "scaled"):
        write_quicklook(tmp_path / f"{name}.tif", tmp_path / f"{name}.png", title="the same")
    assert (tmp_path / "float.png").read_bytes() == (tmp_path / "scaled.png").read_bytes()


def test_the_units_change_only_the_numbers_of_the_colour_bar(tmp_path):
    path = write_raster(tmp_path / "a_LST.tif", ramp(280.0, 320.0, (400, 400)).astype("f4"))
    for units in ("K", "degC"):
        limits = write_quicklook(path, tmp_path / f"{units}.png", units=units)
        assert limits == pytest.approx((280.8, 319.2), abs=0.01)  # kelvin in either case
    kelvin, celsius = pixels(tmp_path / "K.png"), pixels(tmp_path / "degC.png")
    assert np.abs(kelvin[52:452, 16:416].astype(int) - celsius[52:452, 16:416]).max() <= 8  # a neighbouring colour
    assert (kelvin[:, 450:] != celsius[:, 450:]).any()


@pytest.mark.parametrize("shape", [(1, 1), (5, 4)])
def test_a_raster_without_a_temperature_has_a_note(tmp_path, shape):
    path = write_raster(tmp_path / "a_LST.tif", np.full(shape, np.nan, "f4"), nodata=np.nan)
    assert write_quicklook(path, tmp_path / "look.png") is None
    found = pixels(tmp_path / "look.png")
    assert found[60, 20].tolist() == GREY
    assert not (found == inferno()[255]).all(axis=-1).any()  # no colour bar


def test_a_single_pixel_has_a_quicklook(tmp_path):
    path = write_raster(tmp_path / "a_LST.tif", np.full((1, 1), 300.0, "f4"), nodata=np.nan)
    write_quicklook(path, tmp_path / "look.png")
    middle = pixels(tmp_path / "look.png")[200, 100]
    assert np.abs(middle.astype(int) - inferno()[128]).max() <= 3


def test_rasters_of_other_quantities_are_rejected(tmp_path):
    with pytest.raises(InputNotFoundError, match="does not exist"):
        write_quicklook(tmp_path / "none.tif", tmp_path / "look.png")
    path = write_raster(tmp_path / "numbers.tif", np.full((4, 4), 29000, "u2"))
    with pytest.raises(InputError, match="values such as 29000, which are not kelvin"):
        write_quicklook(path, tmp_path / "look.png")
    path = write_raster(tmp_path / "a_LST.tif", np.full((4, 4), 290.0, "f4"))
    with pytest.raises(OutputError, match="does not exist"):
        write_quicklook(path, tmp_path / "nowhere" / "look.png")
    assert not list(tmp_path.rglob("*.png"))
