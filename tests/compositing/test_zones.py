"""Statistics over zones, compared with exact intersections, numpy and the covariance of every pair of pixels."""

import math

import geopandas
import numpy as np
import pandas
import pytest
import shapely

import lst_raster
from lst_raster.compositing import areas
from lst_raster.errors import CancelledError, InputError, InputNotFoundError, OutputError
from lst_raster.product.paths import SUFFIXES
from tests.support.areas import (
    NAMES,
    area_product,
    blob,
    covariance_of_sum,
    coverage,
    polygon_at,
    smooth,
    write_places,
)
from tests.support.composites import field, grid_at, product, season

SAMPLES = 100.0**2 / 30.0**2  # pixels of a detector sample of Landsat 8


def only(table, zone):
    (row,) = table[table["zone"] == zone].to_dict("records")
    return row


def effective(weights):
    return weights.sum() ** 2 / np.square(weights).sum()


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A product with gaps, 12 zones from a part of a pixel to most of the product, and their statistics."""
    folder = tmp_path_factory.mktemp("zones")
    path, fields, components = area_product(folder / "in")
    grid = grid_at(fields["lst"].shape)
    sizes = (0.3, 0.8, 1.5, 2.0, 3.0, 5.0, 8.0, 12.0, 18.0, 25.0, 29.0, 34.0)
    centres = np.random.default_rng(2).uniform(0.35, 0.65, (len(sizes), 2)) * (80, 60)
    polygons = [polygon_at(grid, blob(*item, seed)) for seed, item in enumerate(zip(centres, sizes, strict=True))]
    polygons[3] = shapely.make_valid(polygon_at(grid, [(30, 30), (36, 36), (36, 30), (30, 36)]))  # two triangles
    names = [f"z{number}" for number in range(len(polygons))]
    zones = write_places(folder / "zones.gpkg", polygons, names=names)
    found = lst_raster.zones(path, zones, percentile=[10, 90])
    return found, dict(zip(names, polygons, strict=True)), fields, components, grid


def test_statistics_equal_those_of_exact_intersections(made):
    found, polygons, fields, _, grid = made
    assert list(found.table["zone"]) == list(polygons)
    for name, polygon in polygons.items():
        row, covered = only(found.table, name), coverage(polygon, grid)
        used = (covered > 1e-12) & np.isfinite(fields["lst"])
        values, weights = fields["lst"][used].astype("f8"), covered[used]
        assert row["count"] == pytest.approx(weights.sum(), rel=1e-6, abs=1e-9)
        assert row["valid_fraction"] == pytest.approx(weights.sum() / covered.sum(), rel=1e-6, abs=1e-9)
        if not used.any():
            assert math.isnan(row["mean"]) and math.isnan(row["uncertainty"])
            continue
        mean = np.average(values, weights=weights)
        assert row["mean"] == pytest.approx(mean, abs=1e-5)
        assert row["deviation"] == pytest.approx(np.sqrt(np.average((values - mean) ** 2, weights=weights)), abs=1e-5)
        assert (row["minimum"], row["maximum"]) == (values.min(), values.max())
        for key, part in (("percentile_10", 0.1), ("median", 0.5), ("percentile_90", 0.9)):
            wanted = np.quantile(values, part, weights=weights, method="inverted_cdf")
            assert row[key] == pytest.approx(wanted, abs=0.5 / 128)
    assert (found.table["count"] > 0).sum() >= 10 and (found.table["count"] < 3).sum() >= 2


def test_the_uncertainty_of_a_mean_is_that_of_the_covariance_of_all_pixels(made):
    found, polygons, fields, components, grid = made
    for name, polygon in polygons.items():
        row, weights = only(found.table, name), np.where(np.isnan(fields["lst"]), 0.0, coverage(polygon, grid))
        if not weights.any():
            continue
        shares = weights / weights.sum()
        for part in NAMES[1:]:
            wanted = covariance_of_sum(shares, components, 30.0, part)
            assert row[f"uncertainty_{part}"] == pytest.approx(wanted, rel=0.005), (name, part)
        variance = np.nansum(shares * components.random**2)
        samples = 1.0 + (effective(weights) - 1.0) / SAMPLES
        assert row["uncertainty_random"] == pytest.approx(math.sqrt(variance / samples), rel=1e-4)
        combined = math.sqrt(sum(row[f"uncertainty_{part}"] ** 2 for part in NAMES))
        assert row["uncertainty"] == pytest.approx(combined, rel=1e-9)


def test_the_uncertainty_of_a_difference_is_that_of_the_covariance_of_all_pixels(tmp_path):
    path, fields, components = area_product(tmp_path / "in", side=120.0)  # 7 by 10 km
    grid = grid_at(fields["lst"].shape, side=120.0)
    polygons = [polygon_at(grid, blob(*item)) for item in (((20, 20), 9, 1), ((60, 40), 12, 2), ((38, 22), 6, 3))]
    zones = write_places(tmp_path / "zones.gpkg", polygons, names=["park", "city", "near"])
    found = lst_raster.zones(path, zones, reference="park").table
    shares = {}
    for name, polygon in zip(found["zone"], polygons, strict=True):
        weights = np.where(np.isnan(fields["lst"]), 0.0, coverage(polygon, grid))
        shares[name] = weights / weights.sum()
    for name in ("city", "near"):
        row, park = only(found, name), only(found, "park")
        assert row["difference"] == pytest.approx(row["mean"] - park["mean"], abs=1e-9)
        for part in NAMES[1:]:
            wanted = covariance_of_sum(shares[name] - shares["park"], components, 120.0, part)
            if part == "surface":  # independent: other surfaces
                both = (shares[name], shares["park"])
                wanted = math.hypot(*(covariance_of_sum(one, components, 120.0, part) for one in both))
            assert row[f"difference_uncertainty_{part}"] == pytest.approx(wanted, rel=0.03, abs=1e-4), (name, part)
        noise = math.hypot(row["uncertainty_random"], park["uncertainty_random"])
        assert row["difference_uncertainty_random"] == pytest.approx(noise, rel=1e-6)
        assert row["difference_uncertainty"] < math.hypot(row["uncertainty"], park["uncertainty"])
    assert (only(found, "park")["difference"], only(found, "park")["difference_uncertainty"]) == (0.0, 0.0)


@pytest.mark.slow
def test_coarser_cells_of_large_zones_keep_the_uncertainty(tmp_path, monkeypatch):
    shape = (150, 170)
    path, fields, components = area_product(tmp_path / "in", shape=shape, side=60.0, gaps=0.1)
    grid = grid_at(shape, side=60.0)
    polygons = [polygon_at(grid, blob((80, 75), 70, 5, corners=30)), polygon_at(grid, blob((150, 20), 15, 6))]
    zones = write_places(tmp_path / "zones.gpkg", polygons, names=["large", "small"])
    monkeypatch.setattr(areas, "_CELLS", 16)  # cells of 4 pixels
    found = lst_raster.zones(path, zones, reference="small").table
    shares = []
    for polygon in polygons:
        weights = np.where(np.isnan(fields["lst"]), 0.0, coverage(polygon, grid))
        shares.append(weights / weights.sum())
    row = only(found, "large")
    for part in NAMES[1:]:
        wanted = covariance_of_sum(shares[0], components, 60.0, part)
        assert row[f"uncertainty_{part}"] == pytest.approx(wanted, rel=0.005), part
        wanted = covariance_of_sum(shares[0] - shares[1], components, 60.0, part)
        if part == "surface":
            wanted = math.hypot(*(covariance_of_sum(share, components, 60.0, part) for share in shares))
        assert row[f"difference_uncertainty_{part}"] == pytest.approx(wanted, rel=0.03, abs=1e-3), part


def test_the_table_is_the_same_for_any_number_of_threads_and_any_height_of_windows(tmp_path, monkeypatch):
    paths = [area_product(tmp_path / "in", f"p{n}", (600, 130), n, date=f"2015-0{n + 1}-05")[0] for n in range(3)]
    grid = grid_at((600, 130))
    polygons = [polygon_at(grid, blob((60, 300), size, seed)) for seed, size in enumerate((250, 40, 60, 90))]
    zones = write_places(tmp_path / "zones.gpkg", polygons)
    one = lst_raster.zones(paths, zones, threads=1).table
    three = lst_raster.zones(paths[::-1], zones, threads=3).table
    pandas.testing.assert_frame_equal(one, three)
    monkeypatch.setattr(areas, "_WINDOW_PIXELS", 1000)
    low = lst_raster.zones(paths, zones, threads=1).table
    pandas.testing.assert_frame_equal(one.drop(columns="geometry"), low.drop(columns="geometry"), rtol=1e-9)
    assert list(one["date"]) == ["2015-01-05"] * 4 + ["2015-02-05"] * 4 + ["2015-03-05"] * 4


def test_zones_in_degrees_are_those_in_metres(tmp_path):
    path, _, _ = area_product(tmp_path / "in", gaps=0.0)
    fields = {"lst": smooth((60, 80), 280, 320)}
    path, fields, _ = area_product(tmp_path / "in", gaps=0.0, fields=fields)
    grid = grid_at((60, 80))
    polygons = [polygon_at(grid, blob((40, 30), 25, 7)), polygon_at(grid, [(5, 5), (75, 5), (75, 55), (5, 55)])]
    first = write_places(tmp_path / "zones.gpkg", polygons)
    degrees = geopandas.GeoSeries([shapely.segmentize(one, 30.0) for one in polygons], crs=grid.crs).to_crs(4326)
    second = write_places(tmp_path / "zones.geojson", degrees, crs=4326)
    a, b = (lst_raster.zones(path, zones).table for zones in (first, second))
    np.testing.assert_allclose(a["mean"], b["mean"], atol=1e-4)
    np.testing.assert_allclose(a["count"], b["count"], rtol=1e-4)
    assert b.crs.to_epsg() == 4326


def test_a_zone_beyond_the_product_has_the_fraction_that_is_within(tmp_path):
    path, _, _ = area_product(tmp_path / "in", gaps=0.0)
    grid = grid_at((60, 80))
    corners = (
        [(-10, 10), (10, 10), (10, 20), (-10, 20)],
        [(100, 0), (110, 0), (110, 10)],
        [(78, 58), (85, 58), (85, 65), (78, 65)],
    )
    zones = write_places(tmp_path / "zones.gpkg", [polygon_at(grid, one) for one in corners])
    table = lst_raster.zones(path, zones).table
    assert table["count"].round(6).tolist() == [100.0, 0.0, 4.0]
    np.testing.assert_allclose(table["valid_fraction"], [0.5, np.nan, 4 / 49])
    assert table["mean"].notna().tolist() == [True, False, True]


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".gpkg"])
def test_every_format_has_the_same_table(tmp_path, suffix):
    path, _, _ = area_product(tmp_path / "in")
    zones = write_places(
        tmp_path / "zones.parquet", [polygon_at(grid_at((60, 80)), blob((40, 30), 20, 1))], names=["ä"]
    )
    made = lst_raster.zones(path, zones, output=tmp_path / "new" / f"t{suffix}", percentile=90)
    readers = {".csv": pandas.read_csv, ".parquet": geopandas.read_parquet, ".gpkg": geopandas.read_file}
    found = readers[suffix](made.path)
    assert list(found.columns) == [name for name in made.table.columns if suffix != ".csv" or name != "geometry"]
    assert found["zone"].tolist() == ["ä"] and found["date"].astype(str).tolist() == ["2015-07-19"]
    for name in ("count", "mean", "percentile_90", "uncertainty", "uncertainty_surface"):
        np.testing.assert_allclose(found[name], made.table[name], rtol=1e-6)
    if suffix != ".csv":
        assert found.crs.to_epsg() == 32616 and found.geometry.iloc[0].equals(made.table.geometry.iloc[0])
    with pytest.raises(OutputError, match="add --overwrite"):
        lst_raster.zones(path, zones, output=made.path)
    assert lst_raster.zones(path, zones, output=made.path, overwrite=True).path == made.path
    assert [file.name for file in made.path.parent.iterdir()] == [f"t{suffix}"]


def test_pixels_and_dates_are_selected(tmp_path):
    paths = []
    for number in range(3):
        one = field((60, 80), number, gaps=0.0)
        one["quality"][:, :40] |= np.uint32(16)  # water
        paths.append(
            area_product(tmp_path / "in", f"p{number}", fields=one, gaps=0.0, date=f"2015-0{number + 5}-01")[0]
        )
    zones = write_places(
        tmp_path / "zones.gpkg", [polygon_at(grid_at((60, 80)), [(30, 10), (50, 10), (50, 20), (30, 20)])]
    )
    table = lst_raster.zones(tmp_path / "in", zones, months="6-7", exclude="water").table
    assert table["date"].tolist() == ["2015-06-01", "2015-07-01"] and table["count"].round(9).tolist() == [100.0, 100.0]
    assert lst_raster.zones(paths[0], zones, keep="water").table["count"].iloc[0] == pytest.approx(100.0)
    with pytest.raises(InputError, match=r"no zone of .* has a valid pixel"):
        lst_raster.zones(paths[0], zones, max_uncertainty=0.1)


def test_components_are_estimated_from_the_total_where_there_are_none(tmp_path):
    parts = "sensor 0.10 K, emissivity 0.30 K, atmosphere 0.40 K"
    tags = {"uncertainty_parts": parts, "systematic_uncertainty": "calibration 0.15 K"}
    path = product(
        tmp_path / "in", "A", field((60, 80), 1, gaps=0.0) | {"uncertainty": np.ones((60, 80), "f4")}, tags=tags
    )
    zones = write_places(tmp_path / "zones.gpkg", [polygon_at(grid_at((60, 80)), [(1, 1), (2, 1), (2, 2), (1, 2)])])
    made = lst_raster.zones(path, zones)
    whole = math.sqrt(0.1**2 + 0.3**2 + 0.4**2)
    wanted = [0.1 / whole, 0.4 / whole, 0.3 / whole, 0.15]
    row = only(made.table, "z0")
    np.testing.assert_allclose([row[f"uncertainty_{part}"] for part in NAMES], wanted, rtol=5e-3)
    assert "A_LST.tif are estimated" in made.warnings[0] or "A_LST.tif" in made.warnings[0]
    path.with_name("A_LST_UNC.tif").unlink()
    made = lst_raster.zones(path, zones)
    assert math.isnan(only(made.table, "z0")["uncertainty"]) and only(made.table, "z0")["count"] == pytest.approx(1.0)
    assert made.warnings[0].startswith("means over zones and over dates have no uncertainty")


def test_names_are_those_of_a_unique_column(tmp_path):
    path, _, _ = area_product(tmp_path / "in")
    squares = [polygon_at(grid_at((60, 80)), [(n, 1), (n + 5, 1), (n + 5, 6), (n, 6)]) for n in (1, 11, 21)]
    zones = write_places(tmp_path / "zones.gpkg", squares, names=["a", "b", "b"], code=[7, 8, 9])
    assert lst_raster.zones(path, zones).table["zone"].tolist() == ["1", "2", "3"]  # the numbers of the features
    assert lst_raster.zones(path, zones, identifier="code").table["zone"].tolist() == ["7", "8", "9"]
    for wrong, words in (
        ("name", "'b' occurs several times"),
        ("nothing", "no column nothing; its columns are name, code"),
    ):
        with pytest.raises(InputError, match=words):
            lst_raster.zones(path, zones, identifier=wrong)
    with pytest.raises(InputError, match="there is no zone 10, the reference; the zones are 7, 8, 9"):
        lst_raster.zones(path, zones, identifier="code", reference="10")


def test_a_layer_of_several_is_given_as_in_qgis(tmp_path):
    path, _, _ = area_product(tmp_path / "in")
    squares = [polygon_at(grid_at((60, 80)), [(1, 1), (6, 1), (6, 6), (1, 6)])]
    for layer in ("one", "two"):
        frame = geopandas.GeoDataFrame({"name": [layer]}, geometry=squares, crs=32616)
        frame.to_file(tmp_path / "zones.gpkg", layer=layer)
    with pytest.raises(InputError, match=r"has the layers one, two; give zones.gpkg\|layername=NAME"):
        lst_raster.zones(path, tmp_path / "zones.gpkg")
    assert lst_raster.zones(path, f"{tmp_path / 'zones.gpkg'}|layername=two").table["zone"].tolist() == ["two"]


def test_files_that_are_not_zones_are_errors_that_say_what_to_do(tmp_path):
    path, _, _ = area_product(tmp_path / "in")
    square = polygon_at(grid_at((60, 80)), [(1, 1), (6, 1), (6, 6), (1, 6)])
    (tmp_path / "text.gpkg").write_text("x")
    (tmp_path / "table.csv").write_text("a,b\n1,2\n")
    cases = {
        "missing.gpkg": "does not exist",
        "text.gpkg": "cannot be read",
        "table.csv": "has no geometry",
        write_places(tmp_path / "nowhere.parquet", [square], crs=None).name: "no coordinate reference system",
        write_places(tmp_path / "points.gpkg", [square.centroid]).name: r"without area \(Point\)",
        write_places(tmp_path / "empty.gpkg", [shapely.Polygon()]).name: "no feature with a geometry",
        write_places(tmp_path / "far.gpkg", [shapely.box(0, 0, 1, 1)], crs=4326).name: "has a valid pixel",
    }
    for name, words in cases.items():
        with pytest.raises((InputError, InputNotFoundError), match=words):
            lst_raster.zones(path, tmp_path / name, output=tmp_path / "t.csv")
    good = write_places(tmp_path / "zones.gpkg", [square])
    with pytest.raises(InputError, match=r"should end in .csv, .parquet or .gpkg"):
        lst_raster.zones(path, good, output=tmp_path / "t.xlsx")
    with pytest.raises(OutputError, match="one of the inputs"):
        lst_raster.zones(path, good, output=good, overwrite=True)
    with pytest.raises(CancelledError):
        lst_raster.zones(path, good, output=tmp_path / "t.csv", progress=lambda done, total: False)
    assert not (tmp_path / "t.csv").exists() and not list(tmp_path.glob(".*"))


def test_a_damaged_product_is_an_error_or_skipped(tmp_path):
    paths = [area_product(tmp_path / "in", f"p{n}", seed=n, date=f"2015-0{n + 1}-01")[0] for n in range(3)]
    zones = write_places(tmp_path / "zones.gpkg", [polygon_at(grid_at((60, 80)), blob((40, 30), 20, 1))])
    damaged = paths[1].with_name(paths[1].stem + SUFFIXES["uncertainty_surface"])
    damaged.write_bytes(damaged.read_bytes()[:-2000])
    with pytest.raises(InputError, match=r"p1_LST_UNC_SFC\.tif"):
        lst_raster.zones(paths, zones, output=tmp_path / "t.csv")
    assert not (tmp_path / "t.csv").exists()
    made = lst_raster.zones(paths, zones, skip_unreadable=True)
    assert made.products == ("p0_LST.tif", "p2_LST.tif") and "p1_LST_UNC_SFC.tif" in made.warnings[0]
    with pytest.raises(InputError, match="none of the products can be read"):
        lst_raster.zones(paths[1], zones, skip_unreadable=True)


def test_a_product_that_changes_while_it_is_read_is_an_error(tmp_path):
    paths = [area_product(tmp_path / "in", f"p{n}", seed=n, date=f"2015-0{n + 1}-01")[0] for n in range(2)]
    zones = write_places(tmp_path / "zones.gpkg", [polygon_at(grid_at((60, 80)), blob((40, 30), 20, 1))])

    def replaced(done, total):
        paths[1].write_bytes(paths[1].read_bytes() + b"\0")
        return True

    with pytest.raises(InputError, match="has changed while it was read"):
        lst_raster.zones(paths, zones, output=tmp_path / "t.csv", threads=1, progress=replaced)
    assert not (tmp_path / "t.csv").exists()


def test_scaled_integers_are_read(tmp_path):
    paths, fields = season(tmp_path / "in", shape=(60, 80), number=1, dtype="uint16")
    zones = write_places(tmp_path / "zones.gpkg", [polygon_at(grid_at((60, 80)), [(0, 0), (80, 0), (80, 60), (0, 60)])])
    row = only(lst_raster.zones(paths, zones).table, "z0")
    lst, uncertainty = (np.round(fields[0][key], 2) for key in ("lst", "uncertainty"))
    assert row["mean"] == pytest.approx(np.nanmean(lst), abs=1e-4)
    assert row["median"] == pytest.approx(np.nanquantile(lst, 0.5, method="inverted_cdf"), abs=0.5 / 128)
    assert row["uncertainty"] == pytest.approx(np.nanmean(uncertainty), rel=1e-3)  # all systematic


def test_outlines_are_repaired_to_their_polygons_and_named(tmp_path, caplog):
    """A spike and a point beside a polygon are what `make_valid` turns into collections."""
    path, _, _ = area_product(tmp_path / "in")
    grid = grid_at((60, 80))
    square = polygon_at(grid, [(10, 10), (20, 10), (20, 20), (10, 20)])
    spike = polygon_at(grid, [(10, 10), (20, 10), (20, 15), (28, 15), (20, 15), (20, 20), (10, 20)])
    collection = shapely.GeometryCollection([square, shapely.Point(square.centroid)])
    zones = write_places(tmp_path / "zones.geojson", [square, spike, collection], names=["a", "spike", "c"])
    table = lst_raster.zones(path, zones).table
    for zone in ("spike", "c"):
        row = {name: value for name, value in only(table, zone).items() if name not in ("zone", "geometry")}
        assert row == pytest.approx({name: only(table, "a")[name] for name in row}, nan_ok=True)
    assert "the outline of spike is invalid: repaired" in caplog.text


@pytest.mark.parametrize("box", [(-180, -90, 180, 90), (-180, 0, 180, 90)])
def test_a_zone_beyond_the_area_of_the_projection_is_cut_to_the_product(tmp_path, box):
    path, fields, _ = area_product(tmp_path / "in")
    zones = write_places(tmp_path / "world.gpkg", [shapely.box(*box)], crs=4326)
    row = only(lst_raster.zones(path, zones).table, "z0")
    assert row["count"] == pytest.approx(np.isfinite(fields["lst"]).sum(), rel=1e-3)
    assert row["mean"] == pytest.approx(np.nanmean(fields["lst"].astype("f8")), abs=1e-2)


def test_features_without_geometry_and_names_with_gaps(tmp_path, caplog):
    path, _, _ = area_product(tmp_path / "in")
    square = polygon_at(grid_at((60, 80)), [(10, 10), (20, 10), (20, 20), (10, 20)])
    zones = write_places(tmp_path / "z.gpkg", [square, square, None], names=[1.0, 2.0, 3.0], column="id")
    assert lst_raster.zones(path, zones, reference="1").table["zone"].tolist() == ["1", "2"]
    assert "1 of 3 features have no geometry and are left out" in caplog.text
    assert "2 overlap the reference zone 1" in caplog.text
    gap = write_places(tmp_path / "gap.gpkg", [square, square], names=[1.0, None], column="id")
    assert lst_raster.zones(path, gap).table["zone"].tolist() == ["1", "2"]  # numbers of the features
    with pytest.raises(InputError, match="column id has no value in 1 features"):
        lst_raster.zones(path, gap, identifier="id")


def test_a_reference_without_temperature_and_a_missing_component_are_warnings(tmp_path):
    path, _, _ = area_product(tmp_path / "in", gaps=0.0)
    inside = polygon_at(grid_at((60, 80)), [(10, 10), (20, 10), (20, 20), (10, 20)])
    outside = polygon_at(grid_at((60, 80)), [(500, 10), (520, 10), (520, 20)])
    zones = write_places(tmp_path / "z.gpkg", [inside, outside], names=["in", "out"])
    path.with_name("A_LST_UNC_SFC.tif").unlink()
    made = lst_raster.zones(path, zones, reference="out")
    assert made.table["difference"].isna().all()
    assert any("the reference zone out has no temperature in A_LST.tif" in line for line in made.warnings)
    assert any(line.startswith("A_LST_UNC_SFC.tif missing: the components") for line in made.warnings)
