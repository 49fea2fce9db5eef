"""Every command and Python block of README and docs/ is run, or compared with existing options, functions and files."""

import re
import shlex
import textwrap

import numpy as np
import pytest
import rasterio

import lst_raster
from tests.documented.files import Files
from tests.documented.follow import PageError, Reader, look_at_options
from tests.documented.pages import ROOT, blocks_of, inline_commands, pages
from tests.support.http_server import serving
from tests.support.reanalysis_servers import KEY, ClimateDataStore
from tests.support.servers import STORE_ENVIRONMENT, object_store

pytestmark = pytest.mark.slow

PAGES = {page: blocks_of(page) for page in pages()}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Files for the names on the pages."""
    return Files(tmp_path_factory.mktemp("documented"))


@pytest.fixture(scope="module")
def store():
    """Object store, started on first use."""
    with object_store() as running:
        yield running


@pytest.fixture
def servers(request, tmp_path, monkeypatch, files):
    """Local servers for the pages: an object store, and the Climate Data Store."""
    text = "".join(block.text for block in PAGES[request.node.callspec.params["page"]] if block.not_run is None)
    if "s3://" in text:
        for name, value in {**STORE_ENVIRONMENT, "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}.items():
            monkeypatch.setenv(name, value)
        files.store = request.getfixturevalue("store")
        monkeypatch.setenv("AWS_ENDPOINT_URL", files.store.endpoint)
    if "--source era5 " not in text:
        yield
        return
    (tmp_path / "served").mkdir()
    monkeypatch.setenv("CDSAPI_KEY", KEY)
    monkeypatch.setattr("lst_raster.inputs.reanalysis.fetch.cds._PATIENCE", {"retry_max": 4, "sleep_max": 0.01})
    with serving(ClimateDataStore(tmp_path / "served")) as address:
        monkeypatch.setenv("CDSAPI_URL", f"{address}/api")
        yield


@pytest.fixture
def reader(tmp_path, files, command, monkeypatch):
    """Reader with a home, a QGIS profile and an empty folder."""
    folder = tmp_path / "work"
    folder.mkdir()
    (tmp_path / "home" / ".local" / "share" / "QGIS" / "QGIS3" / "profiles" / "default").mkdir(parents=True)
    for name in ("XDG_DATA_HOME", "XDG_CONFIG_HOME", "QGIS_CUSTOM_CONFIG_PATH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(folder)
    return Reader(folder, files, command)


@pytest.mark.filterwarnings("ignore:Use `@` matmul:PendingDeprecationWarning")  # rioxarray's use of affine 3
@pytest.mark.parametrize("page", [page for page, blocks in PAGES.items() if blocks])
def test_the_commands_of_a_page_work(page, servers, reader):
    reader.follow(PAGES[page])
    assert len(reader.followed) == sum(block.pieces for block in PAGES[page] if block.runs)
    SHOWN.get(page, lambda: None)()


def arrays_equal_the_product_of_the_scene():
    """Page on Python: the product, the product from arrays, and the raster written by rioxarray are equal."""
    whole, arrays = lst_raster.open_product("alabama_LST.tif"), lst_raster.open_product("arrays_LST.tif")
    assert whole.attrs["model"].startswith("landsat8-b10/surface")
    np.testing.assert_allclose(arrays.lst, whole.lst, atol=1 / 128)  # both are rounded
    with rasterio.open("plain.tif") as plain:
        np.testing.assert_allclose(plain.read(1), arrays.lst, atol=1 / 256)  # the product is rounded


SHOWN = {"docs/python.md": arrays_equal_the_product_of_the_scene}
"""Additional checks of the output of a page, in the folder in which it was run."""


@pytest.mark.parametrize("page", PAGES)
def test_no_command_of_a_page_is_overlooked(page):
    lines = (ROOT / page).read_text(encoding="utf-8").splitlines()
    expected = {
        number for number, line in enumerate(lines, 1) if re.match(r"\s*(\$ )?lst-raster (-|[a-z][\w-]* \S)", line)
    }
    found = {command.line for block in PAGES[page] for command in block.commands}
    assert expected <= found, f"{page}: lines {sorted(expected - found)} look like commands outside of a shell block"


@pytest.mark.parametrize("page", PAGES)
def test_commands_within_the_text_of_a_page_have_the_options_they_name(page):
    for line, text in inline_commands(page):
        try:
            look_at_options(shlex.split(text)[1:])
        except AssertionError as error:
            pytest.fail(f"{page}:{line}: {text}: {error}")


def page_of(text):
    """Blocks of a synthetic page."""
    return blocks_of("page.md", textwrap.dedent(text))


@pytest.mark.parametrize(
    ("text", "place", "why"),
    [
        ("# A\n\n    lst-raster retrieve LC08_..._B10.TIF --no-such\n", "page.md:3", "No such option"),
        ("```bash\nlst-raster info LC08_x_B10.TIF\nlst-raster info nothing.tif\n```\n", "page.md:3", "does not exist"),
        (
            "<!-- not run: hours -->\n\n    lst-raster train a.toml --dta x -o m\n",
            "page.md:3",
            "No such option",
        ),
        ("<!-- not run -->\n    lst-raster doctor\n", "page.md:2", "needs a reason"),
        ("<!-- not run: x -->\n    python -m tests.no_such\n", "page.md:2", "no module"),
        (
            "<!-- not run: x -->\n    import lst_raster\n    lst_raster.retrieve('a', no=1)\n",
            "page.md:2",
            "no argument",
        ),
        ("<!-- not run: x -->\n    qgis_process run lst_raster:retrieve -- LAYR=a\n", "page.md:2", "has no LAYR"),
        ("    pip install 'lst-raster[gold]'\n", "page.md:1", "no extra gold"),
        ("```python\nx = 1\ny = x.no\n```\n", "page.md:2", "no attribute"),
        ("    lst-raster info nothing.tif | cat\n", "page.md:1", "does not exist"),
        ("    lst-raster validate nothing.csv > out.txt\n", "page.md:1", "nothing.csv"),
    ],
)
def test_failures_are_reported_with_page_and_line(text, place, why, reader):
    with pytest.raises(PageError) as caught:
        reader.follow(blocks_of("page.md", text))
    assert str(caught.value).startswith(f"{place}: ") and why in str(caught.value)


def test_commands_continue_from_earlier_ones_and_alternatives_replace_each_other(reader):
    reader.follow(
        page_of(
            """
            ```console
            $ lst-raster retrieve LC08_a_B10.TIF --emissivity 0.98 -o one.tif
            one.tif
            $ lst-raster retrieve LC08_a_B10.TIF \\
                --emissivity ndvi -o one.tif
            $ lst-raster info one.tif --json | python -c "import json, sys; json.load(sys.stdin)" && cp one.tif two.tif
            ```

            !!! note

                ```python
                from pathlib import Path
                import lst_raster
                emissivity = lst_raster.open_product("one.tif").attrs["emissivity"]
                ```

            Then:

                assert "ndvi" in emissivity
                Path("seen.txt").write_text(emissivity)
            """
        )
    )
    assert (reader.folder / "two.tif").is_file() and (reader.folder / "seen.txt").is_file()


def test_slow_commands_are_run_with_options_that_reduce_the_work(reader):
    asked = []
    reader.command = lambda *words: asked.append(words) or (0, [], [])
    reader.follow(
        blocks_of(
            "page.md",
            "<!-- run small: simulate --columns 60, train --steps 10 -->\n\n"
            "    lst-raster simulate --sensor x\n    lst-raster train --sensor x\n    lst-raster doctor\n",
        )
    )
    assert asked == [
        ("simulate", "--sensor", "x", "--columns", "60"), ("train", "--sensor", "x", "--steps", "10"), ("doctor",),
    ]  # fmt: skip


def test_blocks_that_are_not_code_are_ignored():
    indented = ("line lists -> absorption", "a,b\n    1,2016-07-01T16:36Z", "cover = (a - b)^2, within 0 and 1")
    text = "-\n\n" + "".join(f"    {block}\n\n-\n\n" for block in indented) + "```toml\nx = 1\n```\n"
    assert blocks_of("page.md", text) == []
