"""The provider: what the Processing toolbox lists under "LST raster"."""

from __future__ import annotations

from typing import Any

from qgis.core import QgsProcessingProvider, QgsSettings
from qgis.PyQt.QtGui import QIcon

from .algorithm import SETTING
from .batch import Batch
from .child import ProgramError
from .compare import Compare
from .composite import Composite
from .program import HERE, find_program, plugin_version
from .retrieve import Retrieve

ALGORITHMS = (Retrieve, Batch, Compare, Composite)
"""In the order of use."""


class LstRasterProvider(QgsProcessingProvider):
    """The algorithms of `lst-raster`."""

    def id(self) -> str:
        return "lst_raster"

    def name(self) -> str:
        return "LST raster"

    def longName(self) -> str:
        return "LST raster: land surface temperature"

    def icon(self) -> Any:
        return QIcon(str(HERE / "icon.svg"))

    def svgIconPath(self) -> str:
        return str(HERE / "icon.svg")

    def versionInfo(self) -> str:
        return plugin_version()

    def warningMessage(self) -> str:
        """Tell in the toolbox why the algorithms cannot run, where that is so."""
        try:
            find_program(str(QgsSettings().value(f"Processing/Configuration/{SETTING}") or ""))
        except ProgramError as error:
            return str(error)
        return ""

    def supportedOutputRasterLayerExtensions(self) -> list[str]:
        return ["tif"]

    def load(self) -> bool:
        """Offer the setting of the program's path, and the algorithms."""
        _settings(self.name(), self.icon())
        self.refreshAlgorithms()
        return True

    def unload(self) -> None:
        """Take the setting away."""
        try:
            from processing.core.ProcessingConfig import ProcessingConfig
        except ImportError:
            return
        ProcessingConfig.removeSetting(SETTING)

    def loadAlgorithms(self) -> None:
        for algorithm in ALGORITHMS:
            self.addAlgorithm(algorithm())


def _settings(group: str, icon: Any) -> None:
    try:
        from processing.core.ProcessingConfig import ProcessingConfig, Setting
    except ImportError:  # Processing's own plugin is off
        return
    ProcessingConfig.settingIcons[group] = icon
    text = "Program lst-raster (empty: as it was when the plugin was installed)"
    ProcessingConfig.addSetting(Setting(group, SETTING, text, "", valuetype=Setting.FILE))
    ProcessingConfig.readSettings()
