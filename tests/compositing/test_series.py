"""Time series at points and over zones, compared with the arrays of the products."""

import math

import geopandas
import numpy as np
import pandas
import pytest
import shapely
from PIL import Image

import lst_raster
from lst_raster.errors import InputError, OutputError
from lst_raster.product.quality_flags import flag
from tests.support.areas import NAMES, area_product, blob, polygon_at, write_places
from tests.support.composites import field, grid_at, season

SHAPE = (60, 80)
DATES = ("2015-01-19", "2015-03-08", "2015-07-30", "2016-01-06")


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    """Products of two sensors, and their fields."""
    folder = tmp_path_factory.mktemp("archive")
    sensors = ("landsat8-b10", "landsat8-b10", "landsat7-b6", "landsat8-b10")
    made = [
        area_product(folder, f"p{n}", SHAPE, n, date=date, tags={"sensor": sensor})
        for n, (date, sensor) in enumerate(zip(DATES, sensors, strict=True))
    ]
    return folder, [one[1] for one in made], [one[2] for one in made], sensors


def point_at(grid, column, row):
    a, _, c, _, e, f = grid.transform[:6]
    return shapely.Point(c + a * (column + 0.4), f + e * (row + 0.7))


def write_points(path, pixels, grid=None):
    return write_places(path, [point_at(grid or grid_at(SHAPE), *pixel) for pixel in pixels])


PIXELS = [(0, 0), (79, 59), (40, 30), (12, 50), (33, 7), (60, 22), (100, 5)]  # the last is outside


def test_values_and_components_are_those_of_the_pixel(archive, tmp_path):
    folder, fields, components, sensors = archive
    found = lst_raster.series(folder, points=write_points(tmp_path / "points.gpkg", PIXELS))
    table = found.table
    assert len(table) == len(PIXELS) * len(DATES) and table["date"].tolist() == [date for date in DATES for _ in PIXELS]
    assert table["sensor"].tolist() == [sensor for sensor in sensors for _ in PIXELS]
    for number in range(len(DATES)):
        for (column, row), line in zip(PIXELS, table[number * 7 : number * 7 + 7].itertuples(), strict=True):
            if column > 80:
                assert (line.reason, math.isnan(line.valid_fraction)) == ("outside the product", True)
                continue
            lst = fields[number]["lst"][row, column]
            np.testing.assert_equal(line.temperature, lst)
            assert line.valid_fraction == np.isfinite(lst)
            assert (line.reason is None or line.reason != line.reason) == bool(np.isfinite(lst))
            if np.isfinite(lst):
                wanted = [getattr(components[number], part)[row, column] for part in NAMES]
                np.testing.assert_allclose([getattr(line, f"uncertainty_{part}") for part in NAMES], wanted, rtol=1e-6)
                assert line.uncertainty == pytest.approx(math.hypot(*wanted), rel=1e-6)
            else:
                assert line.reason == "cloud" and math.isnan(line.uncertainty)


def test_the_mean_over_dates_has_common_errors_of_surface_and_calibration(archive, tmp_path):
    folder, fields, components, sensors = archive
    summary = lst_raster.series(folder, points=write_points(tmp_path / "points.gpkg", PIXELS)).summary
    for (column, row), line in zip(PIXELS, summary.itertuples(), strict=True):
        if column > 80:
            assert (line.overpasses, line.dates) == (0, 0) and math.isnan(line.mean) and math.isnan(line.uncertainty)
            continue
        values = np.array([one["lst"][row, column] for one in fields], "f8")
        valid = np.isfinite(values)
        count = valid.sum()
        assert (line.overpasses, line.dates, line.clear_fraction) == (4, count, count / 4)
        if not count:
            continue
        assert line.mean == pytest.approx(values[valid].mean()) and line.maximum == np.nanmax(values)
        parts = {part: np.array([getattr(one, part)[row, column] for one in components])[valid] for part in NAMES}
        assert line.uncertainty_random == pytest.approx(np.sqrt((parts["random"] ** 2).sum()) / count, rel=1e-6)
        assert line.uncertainty_atmosphere == pytest.approx(np.sqrt((parts["atmosphere"] ** 2).sum()) / count, rel=1e-6)
        assert line.uncertainty_surface == pytest.approx(parts["surface"].mean(), rel=1e-6)
        sums = [parts["systematic"][np.array(sensors)[valid] == one].sum() for one in set(sensors)]
        assert line.uncertainty_systematic == pytest.approx(math.hypot(*sums) / count, rel=1e-6)
    assert summary["dates"].max() == 4 and summary["dates"].sum() > 8


def test_the_series_of_a_zone_is_that_of_its_means(archive, tmp_path):
    folder, *_ = archive
    polygons = [polygon_at(grid_at(SHAPE), blob((40, 30), 20, 1)), polygon_at(grid_at(SHAPE), blob((200, 30), 20, 2))]
    zones = write_places(tmp_path / "zones.gpkg", polygons, names=["in", "out"])
    found, means = lst_raster.series(folder, zones=zones), lst_raster.zones(folder, zones).table
    np.testing.assert_array_equal(found.table["temperature"], means["mean"])
    for name in ("uncertainty", "uncertainty_surface", "valid_fraction"):
        np.testing.assert_array_equal(found.table[name], means[name])
    assert found.table["reason"].isna().tolist() == [True, False] * 4
    assert found.summary["dates"].tolist() == [4, 0] and found.summary.geometry.iloc[0].equals(polygons[0])


def test_scenes_of_one_overpass_are_one_date_and_the_one_with_a_value_is_used(tmp_path):
    fields = [field(SHAPE, seed, gaps=0.5) for seed in range(2)]
    for number, clock in enumerate(("16:19:21Z", "16:19:45Z")):
        area_product(tmp_path / "in", f"p{number}", fields=fields[number], clock=clock, gaps=0.5)
    points = write_points(tmp_path / "points.gpkg", [(column, 20) for column in range(80)])
    found = lst_raster.series(tmp_path / "in", points=points)
    first, second = (one["lst"][20] for one in fields)
    np.testing.assert_array_equal(found.table["temperature"], np.where(np.isfinite(first), first, second))
    assert len(found.table) == 80 and (found.summary["overpasses"] == 1).all()


def test_the_reason_is_a_quality_flag_or_the_filter(tmp_path):
    one = field(SHAPE, 0, gaps=0.0)
    for column, name in enumerate(("fill", "cloud", "cloud_shadow", "no_input")):
        one["lst"][10, column] = np.nan
        one["quality"][10, column] = flag(name).mask
    one["lst"][10, 4] = np.nan
    one["quality"][10, 5] |= np.uint32(flag("water").mask)
    path, _, _ = area_product(tmp_path / "in", fields=one)
    points = write_points(tmp_path / "points.gpkg", [(column, 10) for column in range(7)])
    found = lst_raster.series(path, points=points)
    reasons = ["fill", "cloud", "cloud shadow", "no input", "no temperature", None, None]
    assert found.table["reason"].astype(object).where(found.table["reason"].notna(), None).tolist() == reasons
    assert found.summary["overpasses"].tolist() == [0, 1, 1, 1, 1, 1, 1]  # fill is no view of the place
    found = lst_raster.series(path, points=points, exclude="water")
    assert found.table["reason"].tolist()[5] == "excluded" and found.table["temperature"].notna().tolist()[6]


def test_the_series_is_the_same_for_any_number_of_threads(tmp_path):
    for number, date in enumerate(DATES):
        area_product(tmp_path / "in", f"p{number}", (700, 600), number, date=date)
    grid, rng = grid_at((700, 600)), np.random.default_rng(0)
    pixels = np.stack([rng.integers(0, 600, 50), rng.integers(0, 700, 50)], axis=1)
    points = write_points(tmp_path / "points.gpkg", pixels, grid)
    one, two = (lst_raster.series(tmp_path / "in", points=points, threads=number) for number in (1, 3))
    pandas.testing.assert_frame_equal(one.table, two.table)
    pandas.testing.assert_frame_equal(one.summary, two.summary)
    assert one.table["temperature"].notna().mean() == pytest.approx(0.7, abs=0.1)


def test_points_of_a_table_are_degrees(archive, tmp_path):
    folder, *_ = archive
    degrees = geopandas.GeoSeries([point_at(grid_at(SHAPE), *pixel) for pixel in PIXELS[:4]], crs=32616).to_crs(4326)
    rows = [f"s{n};{one.y:.7f};{one.x:.7f}".replace(".", ",") for n, one in enumerate(degrees)]
    (tmp_path / "points.csv").write_text("\n".join(["Name;Latitude;Longitude", *rows]))
    a = lst_raster.series(folder, points=tmp_path / "points.csv")
    b = lst_raster.series(folder, points=write_points(tmp_path / "points.gpkg", PIXELS[:4]))
    np.testing.assert_array_equal(a.table["temperature"], b.table["temperature"])
    assert a.summary["point"].tolist() == ["s0", "s1", "s2", "s3"]
    for text, words in (("name,lat\na,1\n", "no column longitude"), ("lon,lat\n1,95\n", "line 2: lat is '95'")):
        (tmp_path / "wrong.csv").write_text(text)
        with pytest.raises(InputError, match=words):
            lst_raster.series(folder, points=tmp_path / "wrong.csv")


def test_tables_and_plot_are_written_together_or_not_at_all(archive, tmp_path):
    folder, *_ = archive
    points = write_points(tmp_path / "points.gpkg", PIXELS[:6])
    files = {"output": tmp_path / "s.parquet", "summary": tmp_path / "m.gpkg", "plot": tmp_path / "p.png"}
    made = lst_raster.series(folder, points=points, **files)
    assert made.files == tuple(files.values())
    pandas.testing.assert_frame_equal(pandas.read_parquet(files["output"]), made.table)
    assert geopandas.read_file(files["summary"])["point"].tolist() == [f"z{n}" for n in range(6)]
    with Image.open(files["plot"]) as picture:
        assert picture.size[0] == 900 and len(picture.convert("RGB").getcolors(1 << 20)) > 20
    files["summary"].unlink(), files["output"].unlink()
    with pytest.raises(OutputError, match=r"p\.png exists and is kept"):
        lst_raster.series(folder, points=points, **files)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["p.png", "points.gpkg"]


def test_wrong_arguments_are_errors_that_say_what_to_do(archive, tmp_path):
    folder, *_ = archive
    points = write_points(tmp_path / "points.gpkg", [(n, 5) for n in range(9)])
    zones = write_places(tmp_path / "zones.gpkg", [polygon_at(grid_at(SHAPE), blob((40, 30), 20, 1))])
    cases = (
        ({}, "either points or zones"),
        ({"points": points, "zones": points}, "either points or zones"),
        ({"points": zones}, "Polygon found; give points"),
        ({"points": points, "plot": tmp_path / "p.png"}, "up to 8 points"),
        ({"points": points, "plot": tmp_path / "p.pdf"}, "should end in .png"),
        ({"points": points, "output": tmp_path / "p.txt"}, "should end in .csv"),
        ({"points": points, "max_uncertainty": 0.01}, "no temperature at any point of .*: cloud, excluded"),
        ({"points": points, "first_date": "2020"}, "no product is within"),
    )
    for arguments, words in cases:
        with pytest.raises(InputError, match=words):
            lst_raster.series(folder, **arguments)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["points.gpkg", "zones.gpkg"]


def test_two_tables_of_one_name_are_an_error(tmp_path):
    paths, _ = season(tmp_path / "in", shape=(20, 30), number=1)
    points = tmp_path / "p.csv"
    points.write_text("longitude,latitude\n-88.2,48.7\n")
    with pytest.raises(OutputError, match="given for two files"):
        lst_raster.series(paths, points=points, output=tmp_path / "x.csv", summary=tmp_path / "x.csv")
    assert not list(tmp_path.glob("x*"))
