"""The page on errors: every class, with its parents, and messages that the code really has."""

import ast
import importlib
import inspect
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import lst_raster
from lst_raster import errors
from lst_raster.atomic_write import atomic_write
from lst_raster.network import train as training_run
from lst_raster.product.staging import writing
from lst_raster.sensors import custom as own_sensor

ROOM = Path(lst_raster.__file__).parent
PAGE = (ROOM.parent / "docs" / "errors.md").read_text()


def rows(heading):
    """Cells of every table under a heading row."""
    tables = [block.split("\n\n")[0].strip() for block in PAGE.split(f"| {heading} |\n")[1:]]
    return [
        [cell.strip() for cell in line.strip("| ").split(" | ")] for table in tables for line in table.split("\n")[1:]
    ]


def texts():
    """Every text of the code; what is filled in is an ellipsis."""
    found = set()
    for path in ROOM.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.JoinedStr):
                parts = [part.value if isinstance(part, ast.Constant) else "..." for part in node.values]
                found.add("".join(map(str, parts)))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.add(node.value)
    return found


TEXTS = texts()
MESSAGES = [row[0].strip("`") for row in rows("message | why | what to do")]


@pytest.mark.parametrize("message", MESSAGES)
def test_a_message_of_the_page_is_one_of_the_code(message):
    assert any(text.startswith(message) for text in TEXTS)


def test_the_page_has_messages_and_each_has_why_and_what_to_do():
    assert len(MESSAGES) > 40
    assert len(set(MESSAGES)) == len(MESSAGES)
    assert all(len(row) == 3 and all(row) for row in rows("message | why | what to do"))


def test_every_class_is_on_the_page_with_its_other_parent():
    listed = {row[0].strip("`"): row[1].strip("`") for row in rows("class | also a | when")}
    classes = {name: found for name, found in vars(errors).items() if inspect.isclass(found)}
    assert set(listed) == set(classes)
    for name, parent in listed.items():
        assert parent in [above.__name__ for above in classes[name].__bases__], name


CLASSES = [found for found in vars(errors).values() if inspect.isclass(found)]


@pytest.mark.parametrize("error", CLASSES, ids=lambda error: error.__name__)
def test_no_error_of_the_package_is_taken_for_one_of_the_operating_system(tmp_path, error):
    assert not issubclass(error, OSError)
    for keeping in (atomic_write, writing, training_run._staging, own_sensor._staged):
        with pytest.raises(error, match=r"^as it was raised$"), keeping(tmp_path / "no" / "target"):
            raise error("as it was raised")


def test_errors_of_other_modules_are_children_of_those():
    for module in ("io.remote", "inputs.reanalysis.request", "compositing.products"):
        found = vars(importlib.import_module(f"lst_raster.{module}")).values()
        own = [value for value in found if inspect.isclass(value) and issubclass(value, BaseException)]
        own = [value for value in own if value.__module__.startswith("lst_raster.")]
        assert own
        assert all(issubclass(value, errors.LstRasterError) for value in own)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "code"), [(["--help"], 0), (["retrieve", "nothing_B10.tif"], 1), (["retrieve", "--bogus"], 2)]
)
def test_exit_codes_are_those_of_the_page(arguments, code, tmp_path):
    command = [sys.executable, "-c", "from lst_raster.cli.main import main; main()", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == code
    assert str(code) in [row[0] for row in rows("exit code | what")]
    if code == 1:
        assert done.stderr == "Error: scene nothing_B10.tif does not exist; check the path\n"


def test_the_exit_codes_of_the_page_are_those_of_the_command_line():
    assert {int(row[0]) for row in rows("exit code | what")} == {0, 1, 2, 128 + signal.SIGINT, 128 + signal.SIGTERM}


def test_the_code_of_the_page_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    block = re.search(r"(?:^    .*\n|^\n(?=    ))+", PAGE, re.MULTILINE)[0]
    exec(re.sub("^    ", "", block, flags=re.MULTILINE), {})
    assert capsys.readouterr().out.startswith("scene nothing_B10.tif does not exist")
