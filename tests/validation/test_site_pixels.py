"""Products at the sites of match-ups: the pixel of the site, and the deviation around it."""

import numpy as np
import pytest

from lst_raster.compositing.products import open_product
from lst_raster.errors import InputError
from lst_raster.io.bundle import Place
from lst_raster.product.quality_flags import flag
from lst_raster.validation.matchups import read_matchups
from lst_raster.validation.site_pixels import PRODUCT, exclude_heterogeneous, fill_from_products, pixels_at
from lst_raster.validation.validate import validate
from tests.support.composites import CLEAR, grid_at, product
from tests.support.matchup_tables import write_table

SHAPE = (60, 80)
HEADER = ("sensor", "site", "time", "latitude", "longitude", "insitu_lst_K", "insitu_lst_uncertainty_K")


def fields(lst=None, quality=None):
    lst = np.random.default_rng(1).normal(300.0, 2.0, SHAPE).astype("f4") if lst is None else lst
    bits = np.full(SHAPE, CLEAR, "u4") if quality is None else quality
    return {"lst": lst, "uncertainty": np.full(SHAPE, 1.25, "f4"), "quality": bits}


def opened(folder, name="LC08_A", **options):
    return open_product(Place(disk=product(folder, name, **options)))


def place(row, column, shape=SHAPE):
    """Latitude and longitude of the centre of a pixel."""
    latitude, longitude = grid_at(shape).degrees(column + 0.5, row + 0.5)
    return float(latitude), float(longitude)


def row(row=30, column=40, *, time="2015-07-19T16:20:00Z", insitu="299.0", sensor="", site="a"):
    latitude, longitude = place(row, column)
    return sensor, site, time, f"{latitude:.7f}", f"{longitude:.7f}", insitu, "0.5"


def read(tmp_path, *rows):
    return read_matchups(write_table(tmp_path / "table.csv", *rows, header=HEADER))


def within(radius, row, column, shape=SHAPE):
    rows, columns = np.indices(shape)
    return np.hypot(30.0 * (rows - row), 30.0 * (columns - column)) <= radius


@pytest.mark.parametrize("options", [{}, {"dtype": "uint16"}])
def test_the_pixel_and_the_deviation_are_those_of_the_raster(tmp_path, options):
    given = fields()
    (found,) = pixels_at(opened(tmp_path, fields=given, **options), [place(30, 40)], 140.0)
    assert found.temperature == pytest.approx(given["lst"][30, 40], abs=0.01)
    assert found.uncertainty == pytest.approx(1.25, abs=0.01)
    expected = np.std(given["lst"][within(140.0, 30, 40)].astype("f8"), ddof=1)
    assert found.deviation == pytest.approx(expected, abs=0.005)


@pytest.mark.parametrize("radius", [20.0, 30.0, 95.0, 300.0, 700.0, 1200.0, 5000.0])
@pytest.mark.parametrize("site", [(30, 40), (3, 4), (0, 79), (15, 0)])
def test_half_of_the_area_must_be_in_the_grid(tmp_path, radius, site):
    given = fields()
    found = pixels_at(opened(tmp_path, fields=given), [place(*site)], radius + 0.01)[0]
    near = within(radius + 0.01, *site)
    middle = int(radius // 30.0) + 2
    whole = np.count_nonzero(within(radius + 0.01, middle, middle, (2 * middle + 1, 2 * middle + 1)))
    if near.sum() > 1 and near.sum() >= 0.5 * whole:
        assert found.deviation == pytest.approx(np.std(given["lst"][near].astype("f8"), ddof=1), abs=0.005)
    else:
        assert np.isnan(found.deviation)


def test_pixels_under_clouds_count_neither_as_the_site_nor_around_it(tmp_path):
    lst, bits = fields()["lst"], np.full(SHAPE, CLEAR, "u4")
    cloud = 1 << flag("cloud").offset
    bits[:, 45:] |= cloud
    lst[:, 45:] = 200.0
    source = opened(tmp_path, fields=fields(lst, bits))
    site, cloudy, edge, outside = pixels_at(source, [place(30, 42), place(30, 50), place(30, 44), place(30, 90)], 140.0)
    clear = within(140.0, 30, 42) & (np.indices(SHAPE)[1] < 45)
    assert site.deviation == pytest.approx(np.std(lst[clear].astype("f8"), ddof=1), abs=0.005)
    assert cloudy is None and outside is None
    assert np.isfinite(edge.deviation)  # slightly more than half of the area
    few = pixels_at(source, [place(0, 0)], 140.0)[0]  # a quarter of the area
    assert np.isnan(few.deviation) and few.temperature == pytest.approx(lst[0, 0], abs=0.01)


def test_a_row_has_the_product_of_its_overpass_and_sensor(tmp_path):
    first = opened(tmp_path, "LC08_A", fields=fields(np.full(SHAPE, 290.0, "f4")))
    second = opened(tmp_path, "LC08_B", fields=fields(np.full(SHAPE, 310.0, "f4")), date="2015-08-04")
    untimed = opened(tmp_path, "LC08_C", fields=fields(np.full(SHAPE, 280.0, "f4")), date="2015-09-05", clock="unknown")
    rows = [
        row(), row(time="2015-08-04T16:40:00Z"), row(time="2015-08-04T17:40:00Z"), row(sensor="landsat8-b10"),
        row(sensor="landsat7-b6"), row(time="2015-09-05T10:00:00Z"), row(time=""),
    ]  # fmt: skip
    found = fill_from_products(read(tmp_path, *rows), [first, second, untimed])
    expected = [290.0, 310.0, np.nan, 290.0, np.nan, 280.0, np.nan]
    assert found.products[PRODUCT] == pytest.approx(expected, nan_ok=True, abs=0.01)
    assert found.product_uncertainties[PRODUCT][:2] == pytest.approx([1.25, 1.25])
    assert found.values["site_deviation"][:2] == pytest.approx([0.0, 0.0], abs=1e-6)


def test_the_deviation_widens_the_expected_difference_and_can_exclude_a_site(tmp_path):
    lst = np.full(SHAPE, 300.0, "f4")
    lst[:, 40:] = 310.0
    product_of_site = opened(tmp_path, fields=fields(lst))
    rows = [row(column=20, insitu="298.5"), row(column=39, insitu="305.0", site="b")]
    table = fill_from_products(read(tmp_path, *rows), [product_of_site])
    deviation = table.values["site_deviation"]
    assert deviation[0] == pytest.approx(0.0, abs=1e-6) and deviation[1] == pytest.approx(5.0, abs=0.2)
    groups = validate(table)[0].products[PRODUCT]
    plain, mixed = groups["site"]["a"], groups["site"]["b"]
    assert plain.expected == plain.expected_of_point == pytest.approx(np.hypot(1.25, 0.5))
    assert mixed.expected == pytest.approx(np.hypot(np.hypot(1.25, 0.5), deviation[1]))
    assert (mixed.coverage_of_point, mixed.coverage) == (0.0, 1.0)
    assert (groups["all"]["all"].coverage_of_point, groups["all"]["all"].coverage) == (0.0, 0.5)
    found, by_row = validate(exclude_heterogeneous(table, 2.0))
    assert found.compared == 1 and by_row.reasons[1] == "excluded: deviation within the site above 2 K"


def test_products_that_do_not_fit_are_refused(tmp_path):
    table = read(tmp_path, row(time="2016-07-19T16:20:00Z"))
    with pytest.raises(InputError, match="none of the 1 products has a temperature at a row"):
        fill_from_products(table, [opened(tmp_path, fields=fields())])
    flat = opened(tmp_path, "LC08_F", fields=fields(), grid=grid_at(SHAPE, crs=None))
    with pytest.raises(InputError, match="has no coordinate system, so it has no pixel at a site"):
        fill_from_products(read(tmp_path, row()), [flat])
    with pytest.raises(InputError, match="radius of a site is 0 m"):
        fill_from_products(table, [], 0.0)
    for radius in (5001.0, 1e6, np.inf, np.nan):
        with pytest.raises(InputError, match=r"radius of a site is .* m; give a number above 0, at most 5000"):
            fill_from_products(table, [], radius)
    twice = fill_from_products(read(tmp_path, row()), [opened(tmp_path, fields=fields())])
    with pytest.raises(InputError, match="has the column other_lst-raster_product_K, but the products given have"):
        fill_from_products(twice, [])


def test_the_command_compares_products_at_stations(tmp_path, command):
    source = product(tmp_path, "LC08_A", fields())
    path = write_table(tmp_path / "table.csv", row(), row(column=20, site="b"), header=HEADER)
    code, lines, _ = command("validate", path, "--products", tmp_path, "--site-radius", "90", "-o", tmp_path)
    assert code == 0 and lines[0] == "table.csv: 2 of 2 rows compared"
    assert any(line.startswith("lst-raster product minus in-situ") for line in lines)
    assert any("of a point" in line for line in lines)
    written = read_matchups(tmp_path / "rows.csv")
    assert np.isfinite(written.values["site_deviation"]).all() and PRODUCT in written.product_uncertainties
    code, _, errors = command("validate", path, "--products", tmp_path / "*.none")
    assert code == 1 and "no file matches" in errors[0]
    code, _, errors = command("validate", path, "--products", source, "--max-site-deviation", "0.1")
    assert code == 1 and "no row can be compared; excluded in 2 of 2 rows" in errors[0]
