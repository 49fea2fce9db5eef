"""The site: its pages, what is filled in while it is built, and the check of what was built."""

import importlib.util
import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

import lst_raster
from lst_raster.cli.main import COMMANDS, cli
from lst_raster.physics.planck import band_radiance_slope
from lst_raster.resources import models_path
from lst_raster.sensors.bands import sensor_band
from tests.docs import built_site

ROOT = Path(__file__).resolve().parents[2]
CONFIGURATION = (ROOT / "mkdocs.yml").read_text()
PAGES = [path for path in sorted((ROOT / "docs").rglob("*.md")) if path.parent.name != "lake_sunapee"]
SENSORS = sorted(path.name for path in Path(models_path()).iterdir() if path.is_dir())


@pytest.fixture(scope="module")
def hooks():
    spec = importlib.util.spec_from_file_location("site_hooks", ROOT / "docs" / "site_hooks.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_page_is_in_the_navigation_and_once():
    named = re.findall(r"^ +- (?:[^:\n]+: )?(\S+\.md)$", CONFIGURATION.partition("\nnav:\n")[2], re.MULTILINE)
    assert sorted(named) == sorted(str(path.relative_to(ROOT / "docs")) for path in PAGES)


def test_the_site_asks_nothing_of_other_servers():
    assert "font: false" in CONFIGURATION
    assert "://" not in CONFIGURATION


def test_every_command_is_on_the_page_as_its_help_shows_it(hooks):
    reference = hooks.command_reference()
    headings = re.findall(r"^## (lst-raster.*)$", reference, re.MULTILINE)
    assert [heading.split()[1] for heading in headings if len(heading.split()) == 2] == list(COMMANDS)
    for heading in headings:
        shown = CliRunner().invoke(
            cli, [*heading.split()[1:], "--help"], prog_name="lst-raster",
            terminal_width=hooks.WIDTH, max_content_width=hooks.WIDTH,
        )  # fmt: skip
        assert f"## {heading}\n\n```text\n{shown.output.rstrip()}\n```\n" in reference, heading


def test_every_public_name_is_asked_for(hooks):
    asked = re.findall(r"^::: lst_raster\.(\w+)$", hooks.name_reference(), re.MULTILINE)
    assert sorted(asked) == sorted(name for name in lst_raster.__all__ if name != "__version__")
    assert hooks.NAMES in (ROOT / "docs" / "api.md").read_text()
    assert hooks.COMMANDS in (ROOT / "docs" / "command-line.md").read_text()


def test_every_numbered_example_is_shown(hooks, tmp_path):
    for name in ("02_second.py", "01_first.py", "other.py"):
        (tmp_path / name).write_text(f'"""{name}."""\n')
    shown = [f'## {name}\n\n```python\n"""{name}."""\n```\n' for name in ("01_first.py", "02_second.py")]
    assert hooks.example_reference(tmp_path) == "\n".join(shown)
    assert hooks.EXAMPLES in (ROOT / "docs" / "examples.md").read_text()


def test_a_link_that_names_a_file_is_shown_by_the_title_of_the_page(hooks, tmp_path):
    (tmp_path / "one.md").write_text("# First page\n\n## A part of it\n")
    text = "[one.md](one.md) [one.md](one.md#a-part-of-it) [word](one.md) [gone.md](gone.md)"
    assert hooks.titled_links(text, tmp_path) == (
        "[First page](one.md) [First page, A part of it](one.md#a-part-of-it) [word](one.md) [gone.md](gone.md)"
    )


BEFORE = """\
Text
- one
  more

      code
- two

1. three

   | table |
2. four

Text

    code
5. no list
```
- fenced
  lines
```
"""
AFTER = """\
Text

- one
    more

        code

- two

1. three

    | table |

2. four

Text

    code
5. no list
```
- fenced
  lines
```
"""


def test_lists_are_set_as_mkdocs_wants_them(hooks):
    assert hooks.deeper_lists(BEFORE) == AFTER


def test_the_newest_released_version_of_the_changelog_is_this_one():
    headings = re.findall(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert next(heading for heading in headings if heading != "Unreleased") == lst_raster.__version__


@pytest.mark.parametrize(("inputs", "metric"), [("exact", "lst"), ("noisy", "lst_noisy")])
@pytest.mark.parametrize("sensor", SENSORS)
def test_the_page_on_sensors_has_the_accuracy_of_the_metrics_files(sensor, inputs, metric):
    page = (ROOT / "docs" / "sensors.md").read_text().partition(f"| {inputs} inputs |")[2]
    row = next(line for line in page.splitlines() if line.startswith(f"| `{sensor}`"))
    stated = []
    for tier in ("column", "surface", "profile"):
        metrics = json.loads(Path(models_path(), sensor, tier, "metrics.json").read_text())["GFS September 2015"][
            metric
        ]
        stated.append(f"{metrics['all']['rmse']:.2f} / {metrics['50+']['mae']:.2f}")
    assert row.strip("| ").split(" | ")[3:] == stated


@pytest.mark.parametrize("sensor", SENSORS)
def test_the_page_on_sensors_says_of_each_band_what_the_code_has(sensor):
    band = sensor_band(sensor)
    rows = (ROOT / "docs" / "sensors.md").read_text().partition("## How accurate")[0].splitlines()
    cells = next(line for line in rows if line.startswith(f"| `{sensor}`")).strip("| ").split(" | ")
    assert cells[1] in band.title
    assert cells[2].split()[-1 if cells[2].startswith("from") else 0] == str(band.first_year)
    assert [float(cell) for cell in (cells[3], *cells[5:7])] == [
        pytest.approx(band.wavelength, abs=0.0051), band.noise, band.calibration_uncertainty,
    ]  # fmt: skip
    step = cells[7].split()[0]
    assert f"{band.gain / float(band_radiance_slope(300.0, band.planck)):.{len(step) - 2}f}" == step


def made(folder, **pages):
    for name, body in pages.items():
        (folder / f"{name}.html").write_text(f"<html><body>{body}</body></html>")
    return built_site.check(folder)


def test_a_site_whose_links_hold_has_no_faults(tmp_path):
    faults, elsewhere = made(
        tmp_path,
        one='<a href="two.html#there">x</a><a href="#here">x</a><p id="here"><a href="https://example.org/a">x</a>',
        two='<p id="there"><link rel="canonical" href="https://example.org/two.html">',
    )
    assert (faults, elsewhere) == ([], ["https://example.org/a"])


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ('<a href="three.html">x</a>', "one.html: three.html is not there"),
        ('<a href="one.html#nowhere">x</a>', "one.html: one.html#nowhere is no place of that page"),
        ('<img src="picture.png">', "one.html: picture.png is not there"),
        ('<script src="https://example.org/a.js"></script>', "one.html needs https://example.org/a.js"),
        ('<a href="https://localhost/a">x</a>', "https://localhost/a is no address"),
    ],
)
def test_each_fault_of_a_site_is_found(tmp_path, body, fault):
    assert made(tmp_path, one=body)[0] == [fault]


def test_a_folder_without_pages_is_a_fault(tmp_path):
    assert built_site.check(tmp_path)[0]
