"""The sources of the plugin are safe for Qt 6 and QGIS 4, and for QGIS 3.22: imports, removed names, scoped enums."""

import ast
import json
import subprocess

import pytest

from lst_raster.resources import plugin_path
from tests.support import qgis_enums
from tests.support.qgis_home import PYTHON, SESSION, qgis_process

SOURCES = sorted(plugin_path().glob("*.py"))
MODULES = {
    "PyQt5", "PyQt6", "PySide2", "PySide6", "sip", "qgis._core", "qgis._gui", "qgis.PyQt.Qt", "qgis.PyQt.QtWebKit",
    "qgis.PyQt.QtWebKitWidgets", "qgis.PyQt.sip",
    "asynchat", "asyncore", "cgi", "distutils", "imp", "pkg_resources", "smtpd", "telnetlib",
}  # fmt: skip
"""Modules of one Qt only, private ones of QGIS, and those that the Python of QGIS 4 may lack."""
NAMES = {
    "AA_EnableHighDpiScaling", "AA_UseHighDpiPixmaps", "MidButton", "NULL", "QAction", "QDesktopWidget", "QGLWidget",
    "QMatrix", "QRegExp", "QRegExpValidator", "QTextCodec", "QVariant", "QgsMapLayerType", "QgsUnitTypes",
    "QgsWkbTypes", "desktop", "exec_", "fromTime_t", "print_", "pyqtSignature", "qApp", "resources_rc",
    "setResizeMode", "toTime_t",
}  # fmt: skip
"""Names that Qt 6, PyQt 6 or QGIS 4 removed, moved or deprecated."""


def foreign(text):
    """Modules and names in Python text that are not the same for Qt 5 and Qt 6."""
    found = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            modules, names = [alias.name for alias in node.names], []
        elif isinstance(node, ast.ImportFrom):
            names = [alias.name for alias in node.names]
            modules = [] if node.level else [node.module, *(f"{node.module}.{name}" for name in names)]
        else:
            modules = []
            names = [getattr(node, field) for field in ("id", "attr") if hasattr(node, field)]
        found += [name for name in modules if {name, name.split(".")[0]} & MODULES]
        found += [name for name in names if name in NAMES]
    return found


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_nothing_of_one_qt_only_is_imported_or_named(path):
    assert foreign(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("from PyQt5.QtCore import Qt", ["PyQt5.QtCore", "PyQt5.QtCore.Qt"]),
        ("import PyQt6", ["PyQt6"]),
        ("import sip", ["sip"]),
        ("from qgis.PyQt import sip", ["qgis.PyQt.sip"]),
        ("from qgis.PyQt.QtWidgets import QAction", ["QAction"]),
        ("from qgis.PyQt.QtCore import QVariant", ["QVariant"]),
        ("dialog.exec_()", ["exec_"]),
        ("core.QgsWkbTypes.Point", ["QgsWkbTypes"]),
        ("value == core.NULL", ["NULL"]),
        ("from qgis import core\nfrom qgis.PyQt.QtGui import QIcon\ndialog.exec()", []),
    ],
)
def test_the_check_finds_each(line, found):
    assert foreign(line) == found


def unscoped(*paths):
    """Problems with enums in files, by the installed QGIS."""
    qgis_process()
    done = subprocess.run([PYTHON, qgis_enums.__file__, *paths], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_every_enum_member_is_named_with_its_type():
    assert unscoped(*SOURCES, SESSION) == []


def test_a_member_without_its_type_and_an_unknown_name_are_found(tmp_path):
    path = tmp_path / "plugin.py"
    path.write_text(
        "import subprocess\n"
        "from qgis import core\n"
        "from qgis.core import QgsProcessing as P\n"
        "from qgis.PyQt.QtCore import Qt\n"
        "a = P.TypeRaster, P.SourceType.TypeRaster\n"
        "def f(parameter):\n"
        "    number = core.QgsProcessingParameterNumber\n"
        "    good = number.Type.Integer, core.QgsProcessingParameterFile.Behavior.Folder\n"
        "    bad = number.Integer\n"
        "    return parameter.flags() | parameter.FlagAdvanced, subprocess.PIPE\n"
        "def g(number):\n"
        "    return number.real, Qt.AlignLeft, Qt.AlignmentFlag.AlignLeft, core.Qgis.NoSuchThing\n"
    )
    assert unscoped(path) == [
        "plugin.py:5: P.TypeRaster is an enum member without its type",
        "plugin.py:9: number.Integer is an enum member without its type",
        "plugin.py:10: parameter.FlagAdvanced looks like an enum member without its type",
        "plugin.py:12: Qt.AlignLeft is an enum member without its type",
        "plugin.py:12: core.Qgis.NoSuchThing is not in this QGIS",
    ]
