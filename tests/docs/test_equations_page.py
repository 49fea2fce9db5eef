"""The page of equations lists every formula; every listed formula and reference exists in the code."""

import ast
import re
from importlib import import_module
from pathlib import Path

import lst_raster.physics

ROOM = Path(lst_raster.physics.__file__).parent
PAGE = (ROOM.parents[1] / "docs" / "science" / "equations.md").read_text()
NAMED = [pair for pair in re.findall(r"`(\w+)\.(\w+)`", PAGE) if pair[0] != "lst_raster" and pair[1] != "py"]
LOOKUPS = ("arrays", "error_metrics")  # no formulas


def functions(path):
    """Names of the public functions of a physics module."""
    return {
        node.name
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")
    }


def test_every_public_formula_is_on_the_page_and_once():
    found = {(path.stem, name) for path in ROOM.glob("*.py") if path.stem not in LOOKUPS for name in functions(path)}
    assert found, "no formulas found"
    assert {pair for pair in NAMED if pair[0] not in LOOKUPS} == found
    assert len(NAMED) == len(set(NAMED))


def test_every_formula_on_the_page_can_be_called():
    for module, name in NAMED:
        assert callable(getattr(import_module(f"lst_raster.physics.{module}"), name))


def test_every_reference_of_the_page_is_one_of_the_code():
    code = " ".join(" ".join(path.read_text().split()) for path in ROOM.glob("*.py"))
    identifiers = re.findall(r"doi:\S+", PAGE)
    assert len(identifiers) > 10
    for identifier in identifiers:
        assert identifier.rstrip(";,") in code, identifier
