"""Rules of the architecture."""

import ast
import functools
import inspect
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import lst_raster
from lst_raster import physics
from tests.support.factories import STEM, make_scene, write_raster

ROOT = Path(lst_raster.__file__).resolve().parent
SOURCES = sorted(ROOT.rglob("*.py"))
PHYSICS = [
    path for path in SOURCES if path.parent.name == "physics" and path.name not in ("arrays.py", "error_metrics.py")
]
ARRAY_CALLS = {
    *(
        "exp",
        "log",
        "expm1",
        "log1p",
        "sqrt",
        "abs",
        "where",
        "ones_like",
        "full_like",
        "minimum",
        "maximum",
        "arctan2",
    ),
}


@functools.cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def run(code: str, *arguments: str | Path) -> str:
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_importing_the_package_loads_none_of_the_heavy_libraries():
    heavy = (
        "torch",
        "onnx",
        "onnxruntime",
        "xarray",
        "rasterio",
        "dask",
        "matplotlib",
        "scipy",
        "PIL",
        "urllib3",
        "boto3",
        "obstore",
    )
    loaded = run(f"import sys, lst_raster; print([name for name in {heavy} if name in sys.modules])")
    assert loaded.strip() == "[]"


def test_the_help_of_the_command_loads_none_of_them_either():
    code = "import sys, lst_raster.cli.main as m\ntry: m.main(['--help'])\nexcept SystemExit: pass\n"
    code += "print([n for n in ('torch', 'xarray', 'rasterio', 'onnxruntime', 'PIL') if n in sys.modules])"
    assert run(code).strip().splitlines()[-1] == "[]"


def test_a_retrieval_from_numbers_loads_no_library_that_it_does_not_use(tmp_path):
    code = "import gc, sys, lst_raster.cli.main as m\ntry: m.main(sys.argv[1:])\nexcept SystemExit: pass\n"
    unused = ("boto3", "scipy", "xarray", "h5py", "pandas", "dask", "matplotlib", "torch", "rich", "urllib3")
    code += f"print([n for n in {unused} if n in sys.modules], 'rasterio' in sys.modules, gc.isenabled())"
    scene = make_scene(tmp_path, lst=np.full((60, 70), 300.0))
    cloudy = np.full((60, 70), 21824, "uint16")
    cloudy[:8] = 22280
    write_raster(tmp_path / f"{STEM}_QA_PIXEL.TIF", cloudy)
    numbers = ("--emissivity", "0.98", "--water-vapour", "18", "--air-temperature", "285", "--surface-pressure", "1000")
    shown = run(code, "retrieve", scene, *numbers, "-o", tmp_path / "lst.tif").splitlines()
    assert shown == [str(tmp_path / "lst.tif"), "[] True True"]


def test_boto3_is_hidden_only_while_rasterio_is_imported():
    code = "import sys\nfrom lst_raster.resources import quick_imports\n"
    code += "with quick_imports():\n    import rasterio.session\nprint('boto3' in sys.modules, rasterio.session.boto3)"
    assert run(code).strip() == "False None"


def test_every_public_name_is_there():
    for name in lst_raster.__all__:
        assert getattr(lst_raster, name) is not None
    assert set(lst_raster.__all__) <= set(dir(lst_raster))
    with pytest.raises(AttributeError):
        lst_raster.no_such_name  # noqa: B018


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_no_file_is_longer_than_600_lines(path):
    assert len(path.read_text().splitlines()) <= 600


@pytest.mark.parametrize("path", PHYSICS, ids=name_of)
def test_the_formulas_keep_to_calls_that_both_array_libraries_have(path):
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "xp":
            assert node.attr in ARRAY_CALLS, f"line {node.lineno}: xp.{node.attr}"
        assert not isinstance(node, ast.AugAssign), f"line {node.lineno}: writes in place"


@pytest.mark.parametrize("path", PHYSICS, ids=name_of)
def test_every_formula_documents_its_units(path):
    for node in tree_of(path).body:
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            assert re.search(r"\[[^\]]+\]|units? ", ast.get_docstring(node) or ""), f"{path.name}: {node.name}"


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_only_the_command_line_prints(path):
    called = {
        node.func.id
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    assert "print" not in called
    if path.parent.name != "cli":
        assert "import click" not in path.read_text()


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_no_code_that_may_run_in_threads_changes_the_filters_of_warnings(path):
    """`catch_warnings` saves and restores a list of the process: interleaved in threads it leaves filters behind."""
    makers = {"network/onnx_export.py", "simulator/cross_sections.py", "sensors/response.py"}  # one thread each
    if path.relative_to(ROOT).as_posix() not in makers:
        assert "catch_warnings" not in {
            node.attr for node in ast.walk(tree_of(path)) if isinstance(node, ast.Attribute)
        }


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_private_modules_of_libraries_are_imported_behind_a_guard_alone(path):
    tree = tree_of(path)
    guarded = {node for block in ast.walk(tree) if isinstance(block, ast.Try) for node in ast.walk(block)}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom | ast.Import) and node not in guarded:
            modules = [node.module or ""] if isinstance(node, ast.ImportFrom) else [name.name for name in node.names]
            for module in modules:
                first, *rest = module.split(".")
                private = first != "lst_raster" and any(part.startswith("_") for part in rest)
                assert not private, f"line {node.lineno}: {module}"


def test_a_release_of_rasterio_without_its_private_names_can_be_used():
    code = "import rasterio, rasterio._err; del rasterio._err.CPLE_BaseError\n"
    code += "import lst_raster\nfor name in lst_raster.__all__: getattr(lst_raster, name)\n"
    code += "import lst_raster.compositing.composite, lst_raster.product.staging; print('ok')"
    assert run(code).strip() == "ok"


def test_every_folder_of_data_states_its_licence():
    for folder in (ROOT / "data").iterdir():
        if folder.is_dir() and folder.name != "__pycache__":
            text = (folder / "SOURCE.md").read_text()
            assert re.search("licence|licensed|public domain|copyright", text, re.IGNORECASE), folder.name


def test_no_model_and_no_document_holds_a_path_of_a_machine():
    top = ROOT.parent
    pattern = re.compile(rb"/(?:home|root|work|tmp|Users)/[A-Za-z0-9_.-]+")
    for folder in ("models", "docs", "examples", "lst_raster"):
        for path in (top / folder).rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                assert not pattern.search(path.read_bytes()), path.relative_to(top)


def test_the_formulas_have_a_package_docstring():
    assert inspect.getdoc(physics)
