"""Run by the Python of QGIS: does the jobs of FOLDER/jobs.json in one session, and writes what they gave."""

import faulthandler
import json
import os
import sys
import time
from pathlib import Path

from qgis.core import (
    QgsApplication,
    QgsCoordinateReferenceSystem,
    QgsMapRendererSequentialJob,
    QgsMapSettings,
    QgsProcessingAlgRunnerTask,
    QgsProcessingContext,
    QgsProcessingFeedback,
    QgsProcessingOutputLayerDefinition,
    QgsProcessingParameterDefinition,
    QgsProject,
    QgsRasterLayer,
    QgsRectangle,
    QgsSettings,
)
from qgis.gui import QgsGui, QgsMapCanvas, QgsProcessingGui, QgsProcessingParameterWidgetContext
from qgis.PyQt.QtCore import QSize
from qgis.PyQt.QtGui import QColor, QImage
from qgis.PyQt.QtWidgets import QMenu

FOLDER = Path(sys.argv[1])
KEPT = []
"""What the tasks refer to: QGIS may look at it after they have ended."""


class Feedback(QgsProcessingFeedback):
    """Keeps what is said."""

    def __init__(self):
        super().__init__()
        self.said = []
        self.shares = []
        self.progressChanged.connect(self.shares.append)

    def pushWarning(self, text):
        self.said.append(["warning", text])

    def pushInfo(self, text):
        self.said.append(["info", text])

    def pushCommandInfo(self, text):
        self.said.append(["command", text])

    def reportError(self, text, fatal=False):
        self.said.append(["error", text])


def algorithm(name):
    return QgsApplication.processingRegistry().algorithmById(f"lst_raster:{name}").create()


def run(job):
    """As in the application: in a separate thread, cancelled when a file appears, the layers loaded at the end."""
    for name, value in job.get("environment", {}).items():
        os.environ[name] = value
    QgsSettings().setValue("Processing/Configuration/LST_RASTER_PROGRAM", job.get("program", ""))
    context, feedback, ended = QgsProcessingContext(), Feedback(), []
    QgsProject.instance().setCrs(QgsCoordinateReferenceSystem(job.get("crs", "")))
    context.setProject(QgsProject.instance())
    values = dict(job["values"])
    if job.get("load"):
        values["OUTPUT"] = QgsProcessingOutputLayerDefinition(values["OUTPUT"], QgsProject.instance())
    for name in job.get("layers", []):
        layer = QgsRasterLayer(values[name], Path(values[name]).stem)
        values[name] = QgsProject.instance().addMapLayer(layer, False).id()
    if "canvas" in job:
        values["BBOX"] = canvas_extent(job, context)
    task = QgsProcessingAlgRunnerTask(algorithm(job["algorithm"]), values, context, feedback)
    task.executed.connect(lambda well, results: ended.append((well, results)))
    KEPT.extend((context, feedback, task))
    QgsApplication.taskManager().addTask(task)
    cancelled = None
    while not ended and not (task.isCanceled() and cancelled is None):  # what cannot be prepared is cancelled at once
        QgsApplication.processEvents()
        time.sleep(0.01)
        if cancelled is None and "cancel_at" in job and Path(job["cancel_at"]).exists():
            cancelled = time.monotonic()
            feedback.cancel()
    seconds = None if cancelled is None else time.monotonic() - cancelled
    for name in job.get("environment", {}):
        del os.environ[name]
    well, results = ended[0] if ended else (False, None)
    return {
        "well": well, "results": results, "said": feedback.said, "shares": feedback.shares,
        "seconds": seconds, "layers": loaded(context, feedback) if job.get("load") else None,
    }  # fmt: skip


def canvas_extent(job, context):
    """Value of the bounding box after 'Use Map Canvas Extent' in its widget."""
    canvas = QgsMapCanvas()
    canvas.setDestinationCrs(QgsProject.instance().crs())
    canvas.resize(400, 400)
    canvas.setExtent(QgsRectangle(*job["canvas"]))
    surroundings = QgsProcessingParameterWidgetContext()
    surroundings.setMapCanvas(canvas)
    surroundings.setProject(QgsProject.instance())
    form = algorithm(job["algorithm"])
    registry = QgsGui.processingGuiRegistry()
    wrapper = registry.createParameterWidgetWrapper(
        form.parameterDefinition("BBOX"), QgsProcessingGui.WidgetType.Standard
    )
    wrapper.setWidgetContext(surroundings)
    widget = wrapper.createWrappedWidget(context)
    KEPT.extend((canvas, form, wrapper, widget))
    actions = [action for menu in widget.findChildren(QMenu) for action in menu.actions()]
    (action,) = (action for action in actions if action.text() == "Use Map Canvas Extent")
    action.trigger()
    return wrapper.parameterValue()


def loaded(context, feedback):
    """Layers that the project gets, and how they are drawn, after what Processing does with them at the end."""
    from processing.gui.Postprocessing import handleAlgorithmResults

    before = set(QgsProject.instance().mapLayers())
    handleAlgorithmResults(algorithm("retrieve"), context, feedback)
    found = {}
    for name, layer in QgsProject.instance().mapLayers().items():
        if name not in before:
            renderer = layer.renderer()
            ends = [getattr(renderer, f"classification{end}", lambda: None)() for end in ("Min", "Max")]
            found[layer.name()] = {"renderer": renderer.type(), "ends": ends, "source": layer.source()}
    return found


def render(job):
    """A map of a raster, one pixel of the picture for each pixel of the raster."""
    layer = QgsRasterLayer(job["raster"], "lst")
    settings = QgsMapSettings()
    settings.setLayers([layer])
    settings.setDestinationCrs(layer.crs())
    settings.setExtent(layer.extent())
    settings.setOutputSize(QSize(layer.width(), layer.height()))
    settings.setBackgroundColor(QColor(0, 0, 0, 0))
    settings.setOutputImageFormat(QImage.Format.Format_ARGB32)
    renderer = QgsMapRendererSequentialJob(settings)
    renderer.start()
    renderer.waitForFinished()
    renderer.renderedImage().save(job["picture"], "PNG")
    return {"renderer": layer.renderer().type(), "size": [layer.width(), layer.height()]}


def ask(job):
    """What the form of an algorithm is."""
    found = algorithm(job["algorithm"])
    return {
        "parameters": {
            parameter.name(): {
                "type": parameter.type(), "label": parameter.description(), "help": parameter.help(),
                "default": parameter.defaultValue(),
                "advanced": bool(parameter.flags() & QgsProcessingParameterDefinition.Flag.FlagAdvanced),
                "optional": bool(parameter.flags() & QgsProcessingParameterDefinition.Flag.FlagOptional),
            }
            for parameter in found.parameterDefinitions()
        },
        "outputs": [output.name() for output in found.outputDefinitions()],
        "help": found.shortHelpString(), "title": found.displayName(),
        "warning": found.provider().warningMessage(), "version": found.provider().versionInfo(),
    }  # fmt: skip


def main():
    faulthandler.dump_traceback_later(280, exit=True)  # before the test gives up
    jobs = json.loads((FOLDER / "jobs.json").read_text())
    application = QgsApplication([], True, str(FOLDER))  # with widgets, on no screen
    QgsApplication.setPrefixPath("/usr", True)
    application.initQgis()
    plugins = FOLDER / "profiles" / "default" / "python" / "plugins"
    sys.path += [str(plugins), f"{QgsApplication.pkgDataPath()}/python/plugins"]
    from processing.core.Processing import Processing

    Processing.initialize()
    import lst_raster_provider

    plugin = lst_raster_provider.classFactory(None)
    plugin.initProcessing()
    done = {name: {"run": run, "render": render, "ask": ask}[job["do"]](job) for name, job in jobs.items()}
    (FOLDER / "done.json").write_text(json.dumps(done, default=str))
    QgsProject.instance().removeAllMapLayers()  # else they outlive QGIS, and it crashes
    plugin.unload()
    application.exitQgis()


if __name__ == "__main__":
    main()
