"""The page on Python lists all public names, and its example runs."""

import re
import runpy
from pathlib import Path

import numpy as np
import pytest
import rasterio

import lst_raster
from lst_raster.product.quality_flags import FLAGS

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "python.md").read_text()
pytestmark = pytest.mark.filterwarnings("ignore:Use `@` matmul:PendingDeprecationWarning")


def test_the_page_names_every_function_every_flag_and_every_variable():
    public = {name for name in lst_raster.__all__ if name[0].islower() and callable(getattr(lst_raster, name))}
    assert public <= set(re.findall(r"`(\w+)`", PAGE))
    assert {flag.name for flag in FLAGS} <= set(re.findall(r"`(\w+)`", PAGE))


@pytest.mark.slow
def test_the_example_of_two_days_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["seasonal_change.py", str(tmp_path)])
    runpy.run_path(str(ROOT / "examples" / "seasonal_change.py"), run_name="__main__")
    printed = re.fullmatch(r"warmer by ([\d.]+) K, known to ([\d.]+) K\n", capsys.readouterr().out)
    assert 10 < float(printed[1]) < 40 and 1 < float(printed[2]) < 5
    winter, summer = (lst_raster.open_product(tmp_path / f"{day}_LST.tif") for day in ("2015-01-17", "2015-07-28"))
    assert (winter.attrs["acquisition_date"], summer.rio.crs.to_epsg()) == ("2015-01-17", 32616)
    assert str(summer.time.values)[:10] == "2015-07-28"
    with rasterio.open(tmp_path / "change.tif") as change:
        np.testing.assert_allclose(change.read(1), summer.lst - winter.lst, atol=1 / 128)  # both are rounded
