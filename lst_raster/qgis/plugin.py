"""The plugin and its provider, which the Processing toolbox lists as "LST raster"."""

from __future__ import annotations

from typing import Any

from qgis.core import QgsApplication, QgsProcessingProvider
from qgis.PyQt.QtGui import QIcon

from .algorithm import SETTING, configured_program
from .algorithms import Batch, Compare, Composite, Retrieve
from .program import HERE, ProgramError, plugin_version


class LstRasterPlugin:
    """The plugin: a provider of algorithms, no menus."""

    def __init__(self) -> None:
        self._provider: LstRasterProvider | None = None

    def initProcessing(self) -> None:
        """Add the provider; headless runs call this method only."""
        self._provider = LstRasterProvider()
        QgsApplication.processingRegistry().addProvider(self._provider)

    def initGui(self) -> None:
        """Add the provider to the application."""
        self.initProcessing()

    def unload(self) -> None:
        """Remove the provider."""
        if self._provider is not None:
            QgsApplication.processingRegistry().removeProvider(self._provider)
            self._provider = None


class LstRasterProvider(QgsProcessingProvider):
    """The algorithms of `lst-raster`."""

    def id(self) -> str:
        return "lst_raster"

    def name(self) -> str:
        return "LST raster"

    def longName(self) -> str:
        return "LST raster: land surface temperature"

    def icon(self) -> Any:
        return QIcon(self.svgIconPath())

    def svgIconPath(self) -> str:
        return str(HERE / "icon.svg")

    def versionInfo(self) -> str:
        return plugin_version()

    def warningMessage(self) -> str:
        """Reason why the algorithms cannot run, for the toolbox."""
        try:
            configured_program()
        except ProgramError as error:
            return str(error)
        return ""

    def supportedOutputRasterLayerExtensions(self) -> list[str]:
        return ["tif"]

    def load(self) -> bool:
        """Add the algorithms, and the setting with the program's path if the Processing plugin is enabled."""
        try:
            from processing.core.ProcessingConfig import ProcessingConfig, Setting
        except ImportError:
            pass
        else:
            ProcessingConfig.settingIcons[self.name()] = self.icon()
            text = "Program lst-raster (empty: as at the installation of the plugin)"
            ProcessingConfig.addSetting(Setting(self.name(), SETTING, text, "", valuetype=Setting.FILE))
            ProcessingConfig.readSettings()
        self.refreshAlgorithms()
        return True

    def unload(self) -> None:
        """Remove the setting."""
        try:
            from processing.core.ProcessingConfig import ProcessingConfig
        except ImportError:
            return
        ProcessingConfig.removeSetting(SETTING)

    def loadAlgorithms(self) -> None:
        for algorithm in (Retrieve, Batch, Compare, Composite):
            self.addAlgorithm(algorithm())
