"""`lst-raster completion`: scripts that real shells take, and what they offer."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.shell_completion import ShellComplete

from lst_raster.cli.main import COMMANDS, cli

TIERS = ("column", "profile", "surface")
SHELLS = ("bash", "zsh", "fish")
HERE = [shell for shell in SHELLS if shutil.which(shell)]


def offered(line):
    """What is offered for the last word of a line, as the protocol between click and shells has it."""
    *words, incomplete = line.split(" ")
    found = ShellComplete(cli, {}, "lst-raster", "_LST_RASTER_COMPLETE").get_completions(words[1:], incomplete)
    return [item.value if item.type == "plain" else f"<{item.type}>" for item in found]


@pytest.mark.parametrize(
    ("line", "values"),
    [
        ("lst-raster ", list(COMMANDS)),
        ("lst-raster com", ["compare", "composite", "completion"]),
        ("lst-raster --ver", ["--version"]),
        ("lst-raster qgis ", ["install", "uninstall", "where"]),
        ("lst-raster retrieve --sensor landsat8", ["landsat8-b10", "landsat8-b11"]),
        ("lst-raster simulate x.nc --sensor landsat9", ["landsat9-b10", "landsat9-b11"]),
        ("lst-raster retrieve x --model landsat7", [f"landsat7-b6/{tier}" for tier in TIERS]),
        ("lst-raster retrieve x --model my", ["<file>"]),
        ("lst-raster evaluate landsat4-b6/p", ["landsat4-b6/profile"]),
        ("lst-raster validate x --tier ", ["column", "surface"]),
        ("lst-raster retrieve LC08", ["<file>"]),
        ("lst-raster retrieve x -o ", ["<file>"]),
        ("lst-raster batch ", ["<file>"]),
        ("lst-raster info landsat8-b10/s", ["landsat8-b10/surface"]),
        ("lst-raster info ./x", ["<file>"]),
        ("lst-raster retrieve x --emissivity n", ["ndvi"]),
        ("lst-raster retrieve x --emissivity my.t", ["<file>"]),
        ("lst-raster retrieve x --compress l", ["lzw", "lerc_zstd"]),
        ("lst-raster completion ", list(SHELLS)),
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
source "$1"
compopt() { :; }
complete -p lst-raster >&2
COMP_WORDS=(lst-raster retrieve --sensor landsat9) COMP_CWORD=3
_lst_raster_completion lst-raster
printf '%s\\n' "${COMPREPLY[@]}"
""",
    "zsh": """
compdef() { print -r -- "$1 completes $2" >&2; }
compadd() { print -rl -- "${(@P)@[-1]}"; }
source "$1"
words=(lst-raster retrieve --sensor landsat9) CURRENT=4
_lst_raster_completion
""",
    "fish": """
source $argv[1]
complete --do-complete "lst-raster retrieve --sensor landsat9" | string replace -r "\\t.*" ""
""",
}


@pytest.mark.parametrize("shell", HERE)
def test_a_real_shell_takes_the_script_and_offers_the_names(shell, shell_home, command):
    code, out, err = command("completion", shell, "--install")
    assert code == 0 and Path(out[0]).is_file() and err
    ask = [shell, "-c", ASK[shell], *([shell] if shell != "fish" else []), out[0]]
    done = subprocess.run(ask, capture_output=True, text=True, timeout=60)
    assert [line.strip() for line in done.stdout.split()][-2:] == ["landsat9-b10", "landsat9-b11"], done.stderr


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_the_line_to_add_is_quoted_where_the_home_has_blanks(shell, shell_home, command, monkeypatch):
    home = shell_home / "my home; touch hacked"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    code, out, err = command("completion", shell, "--install")
    place = out[0] if shell == "bash" else str(Path(out[0]).parent)
    assert code == 0 and f"'{place}'" in err[0]


@pytest.mark.parametrize(
    ("shell", "place", "words"),
    [
        ("bash", ".local/share/bash-completion/completions/lst-raster", "add to ~/.bashrc: source"),
        ("zsh", ".zfunc/_lst-raster", "add to ~/.zshrc, before compinit"),
        ("fish", ".config/fish/completions/lst-raster.fish", "new shells complete"),
    ],
)
def test_the_script_is_written_to_where_the_shell_looks(shell, place, words, shell_home, command):
    script = command("completion", shell)[1]
    code, out, err = command("completion", shell, "--install")
    assert (code, out) == (0, [str(shell_home / place)])
    assert Path(out[0]).read_text().splitlines() == script
    assert words in err[0]
    assert command("completion", shell, "--install")[0] == 0  # again


def test_other_shells_and_folders_that_cannot_be_made_are_told(shell_home, command):
    assert command("completion", "tcsh")[0] == 2
    (shell_home / ".zfunc").touch()
    code, _, err = command("completion", "zsh", "--install")
    assert code == 1 and "cannot make the folder" in err[0]
