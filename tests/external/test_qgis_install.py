"""`lst-raster qgis`: the plugin's way into a profile of QGIS, and out of it."""

import json
import os
import shutil
import stat
import sys
from pathlib import Path

import pytest

import lst_raster
from lst_raster.cli import qgis as qgis_plugin
from lst_raster.cli.qgis import PLUGIN, Profile, default_places, find_profiles, switched
from lst_raster.resources import plugin_path

INI = "[PythonPlugins]\nother=true\nlst_raster_provider=false\nzzz=false\n\n[UI]\ngeometry=@ByteArray(\\x1\\xd9)\n"


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A home folder in which QGIS was started once."""
    for name in ("XDG_DATA_HOME", "QGIS_CUSTOM_CONFIG_PATH", "APPDATA"):
        monkeypatch.delenv(name, raising=False)
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.setattr(sys, "platform", "linux")
    made(tmp_path / ".local" / "share" / "QGIS" / "QGIS3" / "profiles" / "default", INI)
    return tmp_path


def made(folder, settings=None, release=3):
    (folder / "QGIS").mkdir(parents=True)
    if settings is not None:
        (folder / "QGIS" / f"QGIS{release}.ini").write_text(settings, newline="")
    return folder


def everything(folder):
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def test_the_plugin_is_copied_switched_on_and_configured(home, command):
    code, out, err = command("qgis", "install")
    profile = home / ".local/share/QGIS/QGIS3/profiles/default"
    plugin = profile / "python" / "plugins" / PLUGIN
    assert (code, out) == (0, [str(plugin)])
    assert "Start QGIS" in err[-1]
    assert (plugin / "metadata.txt").read_bytes() == (plugin_path() / "metadata.txt").read_bytes()
    assert not list(plugin.rglob("__pycache__"))
    config = json.loads((plugin / "config.json").read_text())
    assert config["version"] == lst_raster.__version__
    assert Path(config["program"][0]).is_file()
    before = "[PythonPlugins]\nother=true\nlst_raster_provider=false\n"
    after = "[PythonPlugins]\nlst_raster_provider=true\nother=true\n"
    assert (profile / "QGIS" / "QGIS3.ini").read_text() == INI.replace(before, after)
    assert os.listdir(profile / "python") == ["plugins"]  # noqa: PTH208
    lines = command("qgis", "where")[1]
    assert lines == [
        f"profile: {profile}", f"plugin: {plugin}", f"installed: version {lst_raster.__version__}", "switched on: yes",
        f"program: {' '.join(config['program'])}",
    ]  # fmt: skip


def test_an_older_plugin_is_replaced_as_a_whole(home, command):
    command("qgis", "install")
    plugin = next(home.rglob(PLUGIN))
    before = everything(plugin)
    (plugin / "removed_since.py").write_text("")
    (plugin / "metadata.txt").write_text("[general]\nversion=0.0.1\n")
    _, _, err = command("qgis", "install", "--program", sys.executable)
    assert err[0] == f"Version 0.0.1 replaced; it runs {Path(sys.executable).absolute()}"
    assert everything(plugin) == before


def test_uninstalling_leaves_what_was_there_before(home, command):
    settings = home / ".local/share/QGIS/QGIS3/profiles/default/QGIS/QGIS3.ini"
    settings.write_text(INI.replace("lst_raster_provider=false\n", ""))
    command("qgis", "install")
    code, _, err = command("qgis", "uninstall")
    assert (code, err) == (0, [f"Removed from {settings.parents[1]}"])
    assert settings.read_text() == INI.replace("lst_raster_provider=false\n", "")
    assert everything(settings.parents[1] / "python") == {"plugins"}
    assert command("qgis", "uninstall")[2] == [f"Not installed in {settings.parents[1]}"]
    assert command("qgis", "where")[1][-1] == "installed: no"


def test_a_failed_copy_leaves_the_older_plugin(home, command, monkeypatch):
    command("qgis", "install")
    plugin = next(home.rglob(PLUGIN))
    before = everything(home)

    def full(source, target, **options):
        target.mkdir()
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(qgis_plugin.shutil, "copytree", full)
    code, _, err = command("qgis", "install")
    assert (code, err) == (1, [f"Error: cannot write {plugin}: No space left on device; is QGIS running?"])
    assert everything(home) == before


def test_a_plugin_that_cannot_take_its_place_gives_it_back_to_the_older_one(home, command, monkeypatch):
    command("qgis", "install")
    plugin = next(home.rglob(PLUGIN))
    (plugin / "mine.txt").write_text("kept")
    rename = Path.rename

    def refused(path, target):
        if path.name.endswith(".new"):
            raise PermissionError(13, "Permission denied")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", refused)
    code, _, err = command("qgis", "install")
    assert code == 1
    assert "Permission denied" in err[0]
    assert (plugin / "mine.txt").read_text() == "kept"


@pytest.mark.skipif(sys.platform == "win32", reason="links want rights there")
def test_a_link_of_a_developer_is_replaced_and_what_it_leads_to_stays(home, command, tmp_path):
    command("qgis", "install")
    plugin = next(home.rglob(PLUGIN))
    shutil.rmtree(plugin)
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "work.py").write_text("")
    plugin.symlink_to(tmp_path / "source")
    assert command("qgis", "install")[0] == 0
    assert not plugin.is_symlink()
    assert (tmp_path / "source" / "work.py").is_file()


def test_a_profile_is_found_by_its_name_and_an_unknown_one_is_an_error_that_lists_all(home, command):
    places = home / ".local" / "share" / "QGIS"
    made(places / "QGIS3" / "profiles" / "office")
    made(places / "QGIS4" / "profiles" / "default", "", release=4)
    assert command("qgis", "install", "--profile", "office")[1] == [
        str(places / "QGIS3" / "profiles" / "office" / "python" / "plugins" / PLUGIN)
    ]
    settings = places / "QGIS3" / "profiles" / "office" / "QGIS" / "QGIS3.ini"
    assert settings.read_text() == "[PythonPlugins]\nlst_raster_provider=true\n"
    code, out, err = command("qgis", "install", "--profile", "ofice")
    assert (code, out) == (1, [])
    assert "no profile 'ofice'; choose with --profile from" in err[0]
    assert str(places / "QGIS3" / "profiles" / "office") in err[0]


def test_qgis_3_and_4_and_a_flatpak_each_get_it(home):
    four = made(home / ".local/share/QGIS/QGIS4/profiles/default", "", release=4)
    flatpak = made(home / ".var/app/org.qgis.qgis/data/QGIS/QGIS3/profiles/default", "")
    found = find_profiles(None, None)
    assert [profile.folder for profile in found] == [home / ".local/share/QGIS/QGIS3/profiles/default", four, flatpak]
    found[1].enable(True)
    assert [path.name for path in (four / "QGIS").iterdir()] == ["QGIS4.ini"]


def test_the_profile_that_qgis_starts_with_is_taken(home):
    place = home / ".local/share/QGIS/QGIS3/profiles"
    (place / "profiles.ini").write_text("[core]\ndefaultProfile=field work\n")
    assert find_profiles(None, None)[0].folder.name == "default"  # there is no such profile
    made(place / "field work")
    assert find_profiles(None, None)[0].folder.name == "field work"


@pytest.mark.parametrize(
    ("platform", "variables", "folder"),
    [
        ("darwin", {}, "Library/Application Support/QGIS/QGIS3/profiles"),
        ("win32", {}, "AppData/Roaming/QGIS/QGIS3/profiles"),
        ("win32", {"APPDATA": "roaming"}, "roaming/QGIS/QGIS3/profiles"),
        ("linux", {"XDG_DATA_HOME": "data"}, "data/QGIS/QGIS3/profiles"),
        ("linux", {"QGIS_CUSTOM_CONFIG_PATH": "custom"}, "custom/profiles"),
    ],
)
def test_every_system_has_its_place(home, monkeypatch, platform, variables, folder):
    monkeypatch.setattr(sys, "platform", platform)
    for name, value in variables.items():
        monkeypatch.setenv(name, str(home / value))
    assert default_places()[0] == home / folder


def test_where_qgis_was_never_started_one_line_says_what_to_do(tmp_path, home, command):
    shutil.rmtree(home / ".local")
    code, _, err = command("qgis", "install")
    assert code == 1
    assert "start QGIS once, or give --profiles-folder" in err[0]
    place = tmp_path / "new" / "profiles"
    assert command("qgis", "install", "--profiles-folder", place)[0] == 0
    assert (place / "default" / "QGIS" / "QGIS3.ini").is_file()


def test_a_folder_that_cannot_be_made_and_a_program_that_is_not_there_are_one_line(tmp_path, home, command):
    (tmp_path / "file").write_text("")
    code, _, err = command("qgis", "install", "--profiles-folder", tmp_path / "file" / "below")
    assert (code, len(err)) == (1, 1)
    assert "cannot write" in err[0]
    code, _, err = command("qgis", "install", "--program", "no-such-program")
    assert (code, len(err)) == (1, 1)
    assert "no program no-such-program" in err[0]
    assert not list(home.rglob(PLUGIN))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[UI]\nx=1",
        "[UI]\r\nx=1\r\n[PythonPlugins]\r\na=true\r\n",
        INI,
        "[PythonPlugins]\nlst_raster_provider = true\n",
    ],
)
def test_switching_on_and_off_changes_one_line(text):
    on = switched(text, True)
    assert switched(on, True) == on
    assert on.count("lst_raster_provider") == 1
    assert on.index("[PythonPlugins]") < on.index("lst_raster_provider=true")
    assert ("\r" in on) == ("\r" in text)
    rest = [line for line in text.splitlines() if not line.startswith("lst_raster_provider")]
    assert [line for line in rest if line not in on.splitlines()] == []
    assert switched(switched(text, False), True) == on


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such modes")
def test_settings_keep_their_mode_their_bytes_and_the_link_that_leads_to_them(tmp_path):
    profile = Profile(folder=made(tmp_path / "default"))
    settings = tmp_path / "elsewhere.ini"
    settings.write_bytes(b"[UI]\nname=\xe9\xff\r\n")
    settings.chmod(0o600)
    (profile.folder / "QGIS" / "QGIS3.ini").symlink_to(settings)
    profile.enable(True)
    assert settings.read_bytes().startswith(b"[UI]\nname=\xe9\xff\r\n")
    assert stat.S_IMODE(settings.stat().st_mode) == 0o600
    assert profile.settings[0].is_symlink()
    assert profile.enabled


def test_this_program_is_its_file_or_its_interpreter(tmp_path, monkeypatch):
    program = tmp_path / "lst-raster"
    program.write_text("")
    monkeypatch.setattr(sys, "argv", [str(program)])
    assert qgis_plugin.this_program() == [str(program)]
    monkeypatch.setattr(sys, "argv", ["-c"])
    monkeypatch.setattr(sys, "executable", str(tmp_path / "other" / "python"))
    assert qgis_plugin.this_program()[:2] == [str(tmp_path / "other" / "python"), "-c"]
