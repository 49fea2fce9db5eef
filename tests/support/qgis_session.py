"""Run with the Python of QGIS: runs the jobs of FOLDER/jobs.json in one session and writes their results."""

import faulthandler
import json
import os
import sys
import time
from pathlib import Path

from qgis.core import (
    QgsApplication,
    QgsMapRendererSequentialJob,
    QgsMapSettings,
    QgsProcessingAlgRunnerTask,
    QgsProcessingContext,
    QgsProcessingFeedback,
    QgsProcessingOutputLayerDefinition,
    QgsProject,
    QgsRasterLayer,
    QgsSettings,
)
from qgis.PyQt.QtCore import QSize
from qgis.PyQt.QtGui import QColor, QImage

FOLDER = Path(sys.argv[1])
KEPT = []
"""References of the tasks, which QGIS may access after they have ended."""


class Feedback(QgsProcessingFeedback):
    """Collects the messages."""

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
    """Run as the dialog does: in a separate thread, cancelled when a file appears, layers loaded at the end."""
    for name, value in job.get("environment", {}).items():
        os.environ[name] = value
    QgsSettings().setValue("Processing/Configuration/LST_RASTER_PROGRAM", job.get("program", ""))
    context, feedback, ended = QgsProcessingContext(), Feedback(), []
    context.setProject(QgsProject.instance())
    values = dict(job["values"])
    if job.get("load"):
        values["OUTPUT"] = QgsProcessingOutputLayerDefinition(values["OUTPUT"], QgsProject.instance())
    for name in job.get("layers", []):
        layer = QgsRasterLayer(values[name], Path(values[name]).stem)
        values[name] = QgsProject.instance().addMapLayer(layer, False).id()
    task = QgsProcessingAlgRunnerTask(algorithm(job["algorithm"]), values, context, feedback)
    task.executed.connect(lambda well, results: ended.append((well, results)))
    KEPT.extend((context, feedback, task))
    QgsApplication.taskManager().addTask(task)
    cancelled = None
    while not ended and not (task.isCanceled() and cancelled is None):  # cancelled if not prepared
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


def loaded(context, feedback):
    """Layers added to the project by Processing, and their styles."""
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
    """Render a raster at its resolution."""
    layer = QgsRasterLayer(job["raster"], "lst")
    settings = QgsMapSettings()
    settings.setLayers([layer])
    settings.setDestinationCrs(layer.crs())
    settings.setExtent(layer.extent())
    settings.setOutputSize(QSize(layer.width(), layer.height()))
    settings.setBackgroundColor(QColor(0, 0, 0, 0))
    settings.setOutputImageFormat(QImage.Format_ARGB32)
    renderer = QgsMapRendererSequentialJob(settings)
    renderer.start()
    renderer.waitForFinished()
    renderer.renderedImage().save(job["picture"], "PNG")
    return {"renderer": layer.renderer().type(), "size": [layer.width(), layer.height()]}


def ask(job):
    """Description of the form of an algorithm."""
    found = algorithm(job["algorithm"])
    return {
        "parameters": {
            parameter.name(): {
                "type": parameter.type(), "label": parameter.description(), "help": parameter.help(),
                "default": parameter.defaultValue(),
                "advanced": bool(parameter.flags() & parameter.FlagAdvanced),
                "optional": bool(parameter.flags() & parameter.FlagOptional),
            }
            for parameter in found.parameterDefinitions()
        },
        "outputs": [output.name() for output in found.outputDefinitions()],
        "help": found.shortHelpString(), "title": found.displayName(),
        "warning": found.provider().warningMessage(), "version": found.provider().versionInfo(),
    }  # fmt: skip


def main():
    faulthandler.dump_traceback_later(280, exit=True)  # before the timeout of the test
    application = QgsApplication([], False, str(FOLDER))
    QgsApplication.setPrefixPath("/usr", True)
    application.initQgis()
    plugins = FOLDER / "profiles" / "default" / "python" / "plugins"
    sys.path += [str(plugins), f"{QgsApplication.pkgDataPath()}/python/plugins"]
    from processing.core.Processing import Processing

    Processing.initialize()
    import lst_raster_provider

    plugin = lst_raster_provider.classFactory(None)
    plugin.initProcessing()
    jobs = json.loads((FOLDER / "jobs.json").read_text())
    done = {name: {"run": run, "render": render, "ask": ask}[job["do"]](job) for name, job in jobs.items()}
    (FOLDER / "done.json").write_text(json.dumps(done, default=str))
    QgsProject.instance().removeAllMapLayers()  # otherwise they outlive QGIS, which crashes
    plugin.unload()
    application.exitQgis()


if __name__ == "__main__":
    main()
