"""The plugin: its algorithms, and their provider, which the Processing toolbox lists as "LST raster"."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from qgis import core
from qgis.PyQt.QtGui import QIcon

from . import forms
from .algorithm import SETTING, LstRasterAlgorithm, configured_program, load_when_done, style_when_loaded
from .program import HERE, ProgramError, plugin_version


class Retrieve(LstRasterAlgorithm):
    """Land surface temperature of one scene."""

    command = "retrieve"
    title = "Retrieve LST"
    form = forms.RETRIEVE
    keywords = "surface temperature,single channel,emissivity,water vapour,heat,urban heat island"
    help = (
        "<p>Land surface temperature, in kelvin, of a Landsat thermal scene (Landsat 4 to 9).</p>"
        "<p>Give the thermal band, a whole product, or a product identifier, whose files the program finds; a bounding "
        "box, such as the extent of the map, limits the scene. Missing data on atmosphere and surface are assumed, "
        "with a warning: the climatology of place and day, and an emissivity of 0.97. Water vapour and air "
        "temperature matter most; a reanalysis with pressure levels is best.</p>"
        "<p>The uncertainty (_UNC.tif), the quality bits (_QA.tif), a STAC item and a picture are written next to the "
        "temperature. Clouds are masked, if the scene has a quality band.</p>"
    )
    _layers = {"UNCERTAINTY": ("_UNC.tif", "LST uncertainty"), "QUALITY": ("_QA.tif", "LST quality")}  # noqa: RUF012

    def add_outputs(self) -> None:
        self.addParameter(
            core.QgsProcessingParameterBoolean("LOAD_ALL", "Open uncertainty and quality band as well", False)
        )
        self.addParameter(core.QgsProcessingParameterRasterDestination("OUTPUT", "Land surface temperature"))
        for name, (_, label) in self._layers.items():
            self.addOutput(core.QgsProcessingOutputRasterLayer(name, label))

    def processAlgorithm(self, parameters: dict[str, Any], context: Any, feedback: Any) -> dict[str, Any]:
        path = self.raster_destination(parameters, context)
        if self.run_command(feedback, "--overwrite", "--output", path) is None:
            return {}
        style_when_loaded(context, path)
        results = {"OUTPUT": path}
        for name, (suffix, label) in self._layers.items():
            layer = str(Path(path).with_suffix("")) + suffix
            if Path(layer).is_file() and not self._values["LST_ONLY"]:
                results[name] = layer
                if self.parameterAsBool(parameters, "LOAD_ALL", context):
                    load_when_done(context, layer, label, name)
        return results


class Batch(LstRasterAlgorithm):
    """Land surface temperature of many scenes."""

    command = "batch"
    title = "Retrieve LST of many scenes"
    form = forms.BATCH
    keywords = "batch,time series,scene list,STAC"
    help = (
        "<p>Land surface temperature, in kelvin, of many Landsat thermal scenes: files, a folder, or lists (CSV, "
        "STAC).</p>"
        "<p>Bounding box, emissivity and atmospheric inputs are as for one scene, and apply to all. A scene that fails "
        "does not stop the others; the folder gets a report, and a log for each scene. Products of an earlier run are "
        "kept.</p>"
    )

    def add_outputs(self) -> None:
        self.addParameter(core.QgsProcessingParameterBoolean("LOAD", "Open the products", False))
        self.addParameter(core.QgsProcessingParameterFolderDestination("OUTPUT", "Folder of the products"))
        self.addOutput(core.QgsProcessingOutputMultipleLayers("PRODUCTS", "Products"))
        self.addOutput(core.QgsProcessingOutputNumber("FAILED", "Scenes that failed"))

    def processAlgorithm(self, parameters: dict[str, Any], context: Any, feedback: Any) -> dict[str, Any]:
        folder = Path(self.parameterAsString(parameters, "OUTPUT", context))
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "report.json"
        before = path.stat().st_mtime_ns if path.is_file() else None
        failure = None
        try:
            if self.run_command(feedback, "--output", str(folder)) is None:
                return {}
        except core.QgsProcessingException as error:
            failure = error
        try:
            report = dict(json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            report = {}
        products = [str(scene["product"]) for scene in report.get("scenes", []) if scene.get("product")]
        if failure is not None:
            if not products or path.stat().st_mtime_ns == before:
                raise failure
            feedback.reportError(str(failure), False)  # the other scenes have products
        if self.parameterAsBool(parameters, "LOAD", context):
            for product in products:
                load_when_done(context, product, Path(product).stem, "PRODUCTS")
        failed = dict(report.get("counts", {})).get("failed", 0)
        return {"OUTPUT": str(folder), "PRODUCTS": products, "FAILED": failed}


class Compare(LstRasterAlgorithm):
    """Comparison of two rasters of surface temperature."""

    command = "compare"
    title = "Compare surface temperatures"
    form = forms.COMPARE
    keywords = "difference,bias,rmse,validation,USGS"
    help = (
        "<p>Difference of two rasters of surface temperature, A minus B, in kelvin, over the pixels with a value in "
        "both.</p>"
        "<p>Bias, median, RMSE, standard deviations and correlation are written to the log, and are outputs for models "
        "in QGIS. "
        "With a folder, a map and a histogram of the differences are written as PNG.</p>"
    )
    _numbers = {  # noqa: RUF012
        "COUNT": ("count", "Pixels compared"),
        "BIAS": ("bias", "Bias [K]"),
        "MEDIAN": ("median", "Median [K]"),
        "RMSE": ("rmse", "Root mean square difference [K]"),
        "SD": ("sd", "Standard deviation [K]"),
        "ROBUST_SD": ("robust_sd", "Robust standard deviation [K]"),
        "MINIMUM": ("minimum", "Minimum [K]"),
        "MAXIMUM": ("maximum", "Maximum [K]"),
        "CORRELATION": ("correlation", "Correlation"),
    }

    def add_outputs(self) -> None:
        folder = core.QgsProcessingParameterFolderDestination("OUTPUT", "Folder for map and histogram", optional=True)
        folder.setCreateByDefault(False)
        self.addParameter(folder)
        for name, (_, label) in self._numbers.items():
            self.addOutput(core.QgsProcessingOutputNumber(name, label))

    def processAlgorithm(self, parameters: dict[str, Any], context: Any, feedback: Any) -> dict[str, Any]:
        extra = ["--json"]
        folder = self.parameterAsString(parameters, "OUTPUT", context)
        if folder:
            Path(folder).mkdir(parents=True, exist_ok=True)
            extra += ["--output", folder, "--overwrite"]
        lines = self.run_command(feedback, *extra)
        if lines is None:
            return {}
        try:
            difference = dict(json.loads("\n".join(lines))["difference"])
        except (ValueError, KeyError, TypeError) as error:
            raise core.QgsProcessingException(f"lst-raster compare wrote unexpected JSON: {error}") from error
        results: dict[str, Any] = {"OUTPUT": folder} if folder else {}
        for name, (key, label) in self._numbers.items():
            number = results[name] = difference.get(key)
            feedback.pushInfo(f"{label}: {'none' if number is None else format(number, '.6g')}")
        return results


class Composite(LstRasterAlgorithm):
    """Statistics of products over time."""

    command = "composite"
    title = "Composite of surface temperatures"
    form = forms.COMPOSITE
    keywords = "mosaic,mean,median,percentile,season,time series"
    help = (
        "<p>One raster from many products: median, mean, percentile, maximum, minimum, standard deviation, count or "
        "uncertainty-weighted mean of each pixel over time.</p>"
        "<p>Pixels without a temperature, such as clouds, are ignored. The number of dates of each pixel is written as "
        "_COUNT.tif.</p>"
    )

    def add_outputs(self) -> None:
        self.addParameter(core.QgsProcessingParameterRasterDestination("OUTPUT", "Composite"))
        self.addOutput(core.QgsProcessingOutputRasterLayer("COUNT", "Number of dates"))

    def prepareAlgorithm(self, parameters: dict[str, Any], context: Any, feedback: Any) -> bool:
        ready = super().prepareAlgorithm(parameters, context, feedback)
        if self._values["STATISTIC"] != "percentile":  # it may be left over from an earlier run
            self._values["PERCENTILE"] = None
        return ready

    def processAlgorithm(self, parameters: dict[str, Any], context: Any, feedback: Any) -> dict[str, Any]:
        path = self.raster_destination(parameters, context)
        lines = self.run_command(feedback, "--overwrite", "--output", path)
        if lines is None:
            return {}
        style_when_loaded(context, path)
        counts = [line for line in lines if line.endswith("_COUNT.tif") and Path(line).is_file()]
        return {"OUTPUT": path, **({"COUNT": counts[0]} if counts else {})}


class Zones(LstRasterAlgorithm):
    """Statistics of products over polygons."""

    command = "zones"
    title = "Statistics over zones"
    form = forms.ZONES
    keywords = "zonal statistics,mean,median,urban heat island,district,park,uncertainty"
    help = (
        "<p>Mean, median, percentiles, extremes and valid fraction of surface temperatures in polygons, in kelvin, one "
        "row for each product and polygon.</p>"
        "<p>The uncertainty of a mean accounts for the correlation of errors: it does not shrink with the number of "
        "pixels. With a reference zone, every zone gets the difference of its mean from that of this zone, whose "
        "uncertainty is smaller than that of a mean.</p>"
    )

    def add_outputs(self) -> None:
        self.addParameter(core.QgsProcessingParameterVectorDestination("OUTPUT", "Statistics"))

    def processAlgorithm(self, parameters: dict[str, Any], context: Any, feedback: Any) -> dict[str, Any]:
        path = str(self.parameterAsOutputLayer(parameters, "OUTPUT", context))
        done = self.run_command(feedback, "--overwrite", "--output", path)
        return {} if done is None else {"OUTPUT": path}


class Series(LstRasterAlgorithm):
    """Time series of products."""

    command = "series"
    title = "Time series at points or zones"
    form = forms.SERIES
    keywords = "time series,station,trend,uncertainty,plot"
    help = (
        "<p>Surface temperatures of many products at points, or their means over polygons, in kelvin, with "
        "uncertainties; one row for each overpass and place, with the reason if there is no temperature.</p>"
        "<p>The summary has the mean over the dates of each place, with its uncertainty, and the fraction of clear "
        "dates. A plot shows up to 8 places.</p>"
    )

    def add_outputs(self) -> None:
        summary = core.QgsProcessingParameterVectorDestination("SUMMARY", "Means over the dates", optional=True)
        plot = core.QgsProcessingParameterFileDestination("PLOT", "Plot", "PNG (*.png)", optional=True)
        self.addParameter(core.QgsProcessingParameterVectorDestination("OUTPUT", "Time series"))
        for parameter in (summary, plot):
            parameter.setCreateByDefault(False)
            self.addParameter(parameter)

    def processAlgorithm(self, parameters: dict[str, Any], context: Any, feedback: Any) -> dict[str, Any]:
        results = {"OUTPUT": str(self.parameterAsOutputLayer(parameters, "OUTPUT", context))}
        if parameters.get("SUMMARY"):
            results["SUMMARY"] = str(self.parameterAsOutputLayer(parameters, "SUMMARY", context))
        if parameters.get("PLOT"):
            results["PLOT"] = str(self.parameterAsFileOutput(parameters, "PLOT", context))
        named = [text for name, path in results.items() for text in (f"--{name.lower()}", path)]
        return {} if self.run_command(feedback, "--overwrite", *named) is None else results


class LstRasterPlugin:
    """The plugin: a provider of algorithms, no menus."""

    def __init__(self) -> None:
        self._provider: LstRasterProvider | None = None

    def initProcessing(self) -> None:
        """Add the provider; headless runs call this method only."""
        self._provider = LstRasterProvider()
        core.QgsApplication.processingRegistry().addProvider(self._provider)

    def initGui(self) -> None:
        """Add the provider to the application."""
        self.initProcessing()

    def unload(self) -> None:
        """Remove the provider."""
        if self._provider is not None:
            core.QgsApplication.processingRegistry().removeProvider(self._provider)
            self._provider = None


class LstRasterProvider(core.QgsProcessingProvider):
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

    def supportedOutputVectorLayerExtensions(self) -> list[str]:
        return ["gpkg", "csv", "parquet"]

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
        for algorithm in (Retrieve, Batch, Compare, Composite, Zones, Series):
            self.addAlgorithm(algorithm())
