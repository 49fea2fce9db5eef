"""Completion in shells: the scripts of click in real shells, and the completions they offer."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.shell_completion import ShellComplete

from lst_raster.cli.main import COMMANDS, cli

TIERS = ("profile", "surface")
HERE = [shell for shell in ("bash", "zsh", "fish") if shutil.which(shell)]


def offered(line):
    """What is offered for the last word of a line, as the protocol between click and shells has it."""
    *words, incomplete = line.split(" ")
    found = ShellComplete(cli, {}, "lst-raster", "_LST_RASTER_COMPLETE").get_completions(words[1:], incomplete)
    return [item.value if item.type == "plain" else f"<{item.type}>" for item in found]


@pytest.mark.parametrize(
    ("line", "values"),
    [
        ("lst-raster ", list(COMMANDS)),
        ("lst-raster com", ["compare", "composite"]),
        ("lst-raster --ver", ["--version"]),
        ("lst-raster qgis ", ["install", "uninstall", "where"]),
        ("lst-raster retrieve --sensor landsat8", ["landsat8-b10", "landsat8-b11"]),
        ("lst-raster simulate x.nc --sensor landsat9", ["landsat9-b10", "landsat9-b11"]),
        ("lst-raster retrieve x --model landsat7", [f"landsat7-b6/{tier}" for tier in TIERS]),
        ("lst-raster retrieve x --model my", ["<file>"]),
        ("lst-raster evaluate landsat4-b6/p", ["landsat4-b6/profile"]),
        ("lst-raster validate x --tier ", ["profile", "surface"]),
        ("lst-raster retrieve LC08", ["<file>"]),
        ("lst-raster retrieve x -o ", ["<file>"]),
        ("lst-raster batch ", ["<file>"]),
        ("lst-raster info landsat8-b10/s", ["landsat8-b10/surface"]),
        ("lst-raster info ./x", ["<file>"]),
        ("lst-raster retrieve x --emissivity n", ["ndvi"]),
        ("lst-raster retrieve x --emissivity my.t", ["<file>"]),
        ("lst-raster retrieve x --compress l", ["lzw", "lerc_zstd"]),
        ("lst-raster train ", ["<file>"]),
    ],
)
def test_commands_options_names_and_files_are_offered(line, values):
    assert offered(line) == values


def test_options_are_offered_with_the_words_of_the_help():
    assert {"--emissivity", "--water-vapour", "--json"} <= set(offered("lst-raster retrieve --"))


def test_a_wrong_file_of_defaults_does_not_disturb(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LST_RASTER_CONFIG", raising=False)
    Path("lst-raster.toml").write_text("[retrieve\n")
    assert offered("lst-raster retrieve --sensor landsat9") == ["landsat9-b10", "landsat9-b11"]


def test_completing_loads_nothing_heavy():
    code = "import sys\nfrom click.shell_completion import ShellComplete\nfrom lst_raster.cli.main import cli\n"
    code += "shell = ShellComplete(cli, {}, 'lst-raster', 'X')\n"
    code += "for words in ([], ['retrieve', '--model'], ['retrieve', '--sensor'], ['batch']):\n"
    code += "    assert shell.get_completions(words, '')\n"
    code += "print([n for n in ('torch', 'xarray', 'rasterio', 'onnxruntime', 'scipy') if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.fixture
def shell_home(tmp_path, monkeypatch):
    """A home with the program on the search path."""
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / "lst-raster"
    code = "from lst_raster.cli.main import main; main()"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -c "{code}" "$@"\n')
    program.chmod(0o755)
    for name in ("XDG_DATA_HOME", "XDG_CONFIG_HOME", "ZDOTDIR", "BASH_COMPLETION_USER_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    return tmp_path


ASK = {
    "bash": """
eval "$(_LST_RASTER_COMPLETE=bash_source lst-raster)"
compopt() { :; }
complete -p lst-raster >&2
COMP_WORDS=(lst-raster retrieve --sensor landsat9) COMP_CWORD=3
_lst_raster_completion lst-raster
printf '%s\\n' "${COMPREPLY[@]}"
""",
    "zsh": """
compdef() { print -r -- "$1 completes $2" >&2; }
compadd() { print -rl -- "${(@P)@[-1]}"; }
eval "$(_LST_RASTER_COMPLETE=zsh_source lst-raster)"
words=(lst-raster retrieve --sensor landsat9) CURRENT=4
_lst_raster_completion
""",
    "fish": """
_LST_RASTER_COMPLETE=fish_source lst-raster | source
complete --do-complete "lst-raster retrieve --sensor landsat9" | string replace -r "\\t.*" ""
""",
}


@pytest.mark.parametrize("shell", HERE)
def test_a_real_shell_takes_the_script_and_offers_the_names(shell, shell_home):
    done = subprocess.run([shell, "-c", ASK[shell]], capture_output=True, text=True, timeout=60)
    assert [line.strip() for line in done.stdout.split()][-2:] == ["landsat9-b10", "landsat9-b11"], done.stderr
