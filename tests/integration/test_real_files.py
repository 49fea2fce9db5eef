"""Every command with real files of every kind, valid and invalid: a result or a one-line error, never a traceback."""

from itertools import groupby

import pytest

from tests.support.shared import SHARED

DATA = SHARED / "data"
ATMOSPHERE = ("--water-vapour", "20", "--surface-pressure", "1000", "--air-temperature", "290")
SCENE = DATA / "landsat" / "l8_l1_alabama_cc0" / "test_B10.tif"
COMMANDS = {
    "info": ("info", "FILE"),
    "check": ("check", "FILE"),
    "retrieve": ("retrieve", "FILE", "-o", "OUT", "--emissivity", "0.97", *ATMOSPHERE),
    "reanalysis": ("retrieve", SCENE, "-o", "OUT", "--date", "2015-01-17T16:20", "--reanalysis", "FILE"),
    "dem": ("retrieve", SCENE, "-o", "OUT", "--date", "2015-01-17", "--emissivity", "0.97", "--dem", "FILE", "--align"),
    "aster": ("retrieve", SCENE, "-o", "OUT", "--emissivity", "aster-ged:FILE", *ATMOSPHERE),
    "landcover": ("retrieve", SCENE, "-o", "OUT", "--emissivity", "landcover:FILE", *ATMOSPHERE),
    "st-emis": ("retrieve", SCENE, "-o", "OUT", "--emissivity", "st-emis:FILE", "--align", *ATMOSPHERE),
    "model": ("retrieve", SCENE, "-o", "OUT", "--model", "FILE"),
    "compare": ("compare", "FILE", "FILE"),
    "validate": ("validate", "FILE"),
    "preview": ("preview", "FILE", "-o", "OUT/p.png"),
    "composite": ("composite", "FILE", "FILE", "-o", "OUT/c.tif"),
    "batch": ("batch", "FILE", "-o", "OUT", "--emissivity", "0.97", *ATMOSPHERE),
    "simulate": ("simulate", "FILE", "--sensor", "landsat8-b10", "--columns", "2", "-o", "OUT/s.nc"),
    "evaluate": ("evaluate", "landsat8-b10/surface", "FILE"),
    "build profiles": ("build", "profiles", "FILE", "-o", "OUT/p.nc"),
    "profiles from-era5": ("profiles", "from-era5", "FILE", "-o", "OUT/p.nc", "--every", "8"),
    "sensor new": ("sensor", "new", "made", "--response", "FILE", "--folder", "OUT"),
}


FOLDERS = ("info", "check", "retrieve", "aster", "st-emis", "batch", "preview")
"""Commands that accept folders."""
FIELDS = ("info", "reanalysis", "simulate", "build profiles", "profiles from-era5")
"""Commands tested with every file of reanalyses and profiles."""


def kinds(name):
    """The first file of every extension in every part of the shared data, and other inputs of a command."""
    if not DATA.is_dir():
        pytest.skip("needs the shared data")
    files = sorted((path for path in DATA.rglob("*") if path.is_file()), key=_kind)
    first = [next(group) for _, group in groupby(files, key=_kind)]
    fields = [path for path in files if path.suffix.startswith((".gr", ".nc", ".npz"))]
    folders = {path.parent for path in first}
    return sorted({*first, *(fields if name in FIELDS else ()), *(folders if name in FOLDERS else ())})


def _kind(path):
    return path.relative_to(DATA).parts[0], path.suffix


@pytest.mark.filterwarnings("ignore")  # of libraries, about invalid files
@pytest.mark.parametrize("name", COMMANDS)
def test_a_real_file_is_used_or_refused_with_a_one_line_error(name, command, tmp_path, user_folder):
    for number, file in enumerate(kinds(name)):
        out = tmp_path / str(number)
        out.mkdir()
        words = [str(word).replace("FILE", str(file)).replace("OUT", str(out)) for word in COMMANDS[name]]
        code, out_lines, err = command(*words)
        assert code in (0, 1, 2), (file, code, err)
        shown = out_lines if name == "check" else []
        assert code == 0 or shown or any(line.startswith("Error") for line in err), (file, err)
        assert not any("Traceback" in line for line in err), (file, err)
