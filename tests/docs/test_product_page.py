"""The page on the product agrees with the code."""

import re
from pathlib import Path

from lst_raster.product.paths import file_names
from lst_raster.product.quality_flags import FLAGS
from lst_raster.product.stac import EXTENSIONS, STAC_VERSION
from tests.product.test_check import CHECKS

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "product.md").read_text()


def rows(heading):
    """Cells of the table below a heading row."""
    lines = PAGE[PAGE.index(f"| {heading} |") :].split("\n\n")[0].splitlines()[2:]
    return [tuple(cell.strip() for cell in line.strip("|").split(" | ")) for line in lines]


def test_the_table_of_bits_is_that_of_the_code():
    assert rows("bits | name | meaning") == [
        (
            f"{flag.offset}" if flag.length == 1 else f"{flag.offset}-{flag.offset + flag.length - 1}",
            f"`{flag.name}`",
            flag.description,
        )
        for flag in FLAGS
    ]


def test_the_values_of_the_longer_fields_are_those_of_the_code():
    assert rows("field | values") == [
        (f"`{flag.name}`", "; ".join(f"{value} `{name}`: {text}" for value, (name, text) in flag.values.items()))
        for flag in FLAGS
        if flag.length > 1
    ]


def test_the_files_the_checks_and_the_extensions_are_those_of_the_code():
    files = rows("file | key of the STAC asset | content")
    named = re.findall(r"`<name>([^`]+)`", "".join(cells[0] for cells in files))
    assert sorted(named) == sorted(name.removeprefix("x") for name in file_names("x.tif").values())
    assert [cells[0].strip("`") for cells in rows("check | condition")] == CHECKS
    versions = [f"{name} {url.split('/')[-2].removeprefix('v')}" for name, url in EXTENSIONS.items()]
    text = " ".join(PAGE.split())
    assert f"STAC {STAC_VERSION} with the extensions {', '.join(versions[:-1])} and {versions[-1]}." in text
