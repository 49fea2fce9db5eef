"""What QGIS switches on and off."""

from __future__ import annotations

from qgis.core import QgsApplication

from .provider import LstRasterProvider


class LstRasterPlugin:
    """The plugin: a provider of algorithms, nothing in the menus."""

    def __init__(self) -> None:
        self._provider: LstRasterProvider | None = None

    def initProcessing(self) -> None:
        """Add the provider; headless runs call this alone."""
        self._provider = LstRasterProvider()
        QgsApplication.processingRegistry().addProvider(self._provider)

    def initGui(self) -> None:
        """Add the provider to the window."""
        self.initProcessing()

    def unload(self) -> None:
        """Take the provider away."""
        if self._provider is not None:
            QgsApplication.processingRegistry().removeProvider(self._provider)
            self._provider = None
