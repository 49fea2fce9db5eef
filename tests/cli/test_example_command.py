"""`lst-raster example`: the scene to try things on."""

from pathlib import Path

from lst_raster.cli.scenes import SCENE

DATA = Path(__file__).resolve().parents[2] / "examples" / "data"


def test_the_example_is_written_whole_and_can_be_retrieved(tmp_path, monkeypatch, command):
    monkeypatch.chdir(tmp_path)
    assert command("example") == (0, [SCENE], [])
    for path in tmp_path.iterdir():
        assert path.read_bytes() == (DATA / path.name).read_bytes()
    code, out, err = command("retrieve", SCENE)
    assert (code, out) == (0, ["LC08_alabama_LST.tif"])
    assert all("no emissivity given" in line or "no water vapour" in line for line in err) and len(err) == 2


def test_it_goes_into_another_folder_and_replaces_nothing_unasked(tmp_path, command):
    folder = tmp_path / "new" / "folder"
    assert command("example", "-o", folder)[1] == [str(folder / SCENE)]
    (folder / SCENE).write_bytes(b"mine")
    code, out, err = command("example", "-o", folder)
    assert (code, out) == (1, []) and "exists; pass --overwrite to replace it, or -o DIR" in err[0]
    assert (folder / SCENE).read_bytes() == b"mine"
    assert command("example", "-o", folder, "--overwrite")[0] == 0
    assert (folder / SCENE).read_bytes() == (DATA / SCENE).read_bytes()


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path, command):
    (tmp_path / "file").touch()
    assert command("example", "-o", tmp_path / "file")[0] == 2
    code, _, err = command("example", "-o", tmp_path / "file" / "below")
    assert code == 1 and "cannot make the folder" in err[0] and err[0].endswith("choose another")
