"""Trained models: lookup by name or path, check of the contract, inference."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import ArrayLike, NDArray

from lst_raster.errors import InputError, ModelError
from lst_raster.inference.contract import (
    BOTH_BANDS,
    EMISSIVITY_DIFFERENCE,
    GRAPHS,
    METADATA_KEY,
    PROFILE_UNCERTAINTY,
    SECOND_SURFACE_INPUTS,
    SURFACE_INPUTS,
    TEMPERATURE_DIFFERENCE,
    TWO_BAND_OUTPUTS,
    UNCERTAIN_INPUTS,
    Contract,
    PredictedAtmosphere,
    read_contract,
    uncertainty_name,
)
from lst_raster.inference.uncertainty import KNOWN_DIFFERENCE_UNCERTAINTY, REANALYSIS, default_uncertainty
from lst_raster.physics.planck import brightness_temperature
from lst_raster.resources import models_path, user_path
from lst_raster.sensors.bands import custom_sensor_names, second_band, sensor_band
from lst_raster.simulator.gases import BACKGROUND_AEROSOL, Composition

Float32 = NDArray[np.float32]

ROWS_PER_CALL = 16_384  # a million rows in one call take 1.3 GiB; 4 to 16 thousand are fastest
_QUIET = 4  # onnxruntime's severity "fatal": errors are raised as exceptions, nothing is printed


class Model:
    """A trained model of one sensor band and tier, created by `Model.load`.

    It can be pickled; the copy loads the same file, which must be unchanged.
    """

    def __init__(self, path: Path, session: Any, contract: Contract, metadata: Mapping[str, Any], digest: str) -> None:
        self.path = path
        """File of the model."""
        self.contract = contract
        """Inputs and outputs, with units and valid ranges."""
        self.metadata = metadata
        """Metadata of the file: contract, training provenance, metrics."""
        self.digest = digest
        """SHA-256 of the file when it was loaded, which identifies the model in the provenance of products."""
        self._session = session

    @classmethod
    def load(cls, reference: str | Path, *, graph: str = "retrieval") -> Model:
        """Load a model.

        Parameters
        ----------
        reference : str or path
            Name of a shipped model, for example ``landsat8-b10/surface``, or of a model for a custom sensor; or the
            path of an ONNX file or of its folder.
        graph : str
            ``retrieval``, or ``atmosphere`` for the part that needs no radiance; ignored for an ONNX file.

        Raises
        ------
        ModelError
            There is no such model, the file is not a model, or its contract is not supported.
        """
        if graph not in GRAPHS:
            raise ModelError(f"unknown graph {graph!r}; known are {', '.join(GRAPHS)}")
        path = _find(reference, GRAPHS[graph])
        try:
            content = path.read_bytes()
        except OSError as error:
            raise ModelError(f"{path} cannot be read: {error.strerror or error}; check the file") from error
        session = _open_session(content, path)
        try:
            text = session.get_modelmeta().custom_metadata_map.get(METADATA_KEY)
        except UnicodeDecodeError as reason:
            raise ModelError(f"{path} is damaged: its metadata are not text; fetch it again") from reason
        contract, metadata = read_contract(text, str(path))
        _check_graph(session, contract, path)
        return cls(path, session, contract, metadata, hashlib.sha256(content).hexdigest())

    def __reduce__(self) -> tuple[Any, ...]:
        return (load_same, (self.path, self.digest))  # sessions do not pickle

    def __repr__(self) -> str:
        return f"Model({self.contract.name!r}, {self.contract.graph}, {str(self.path)!r})"

    def predict(self, **inputs: ArrayLike) -> dict[str, Float32]:
        """Run the model.

        Parameters
        ----------
        **inputs : array or number
            One argument for each input of the contract, in its unit: `radiance` [W m-2 sr-1 um-1],
            `emissivity` [1], `water_vapour` [kg m-2], `surface_pressure` [hPa], `air_temperature` [K], for the tier
            profile also temperatures [K] and humidities [kg kg-1] on sigma levels. Optional are
            `brightness_temperature` [K] of the neighbourhood (default: that of the pixel), `aerosol_optical_depth` [1]
            (default: background), `gas_year` (default: 2018) and the standard uncertainties, each in the unit of its
            input (default: those of a reanalysis). The shapes broadcast together. Models of two bands also take
            `second_radiance` and `second_emissivity`; the differences of the bands in the neighbourhood are optional
            (default: those of the pixel).

        Returns
        -------
        dict of str to array of the common shape, float32
            One entry for each output of the contract: `lst` [K], `transmittance` [1], `upwelling_radiance` and
            `downwelling_radiance` [W m-2 sr-1 um-1], `optical_depth_uncertainty` [1] and
            `upwelling_temperature_uncertainty` [K]. NaN where an input is NaN, and for `lst` also where the
            emissivity is outside (0, 1] or the radiance does not exceed the path radiance.

        Raises
        ------
        InputError
            An input is missing, is not one of the contract or not numeric, or the shapes do not broadcast.
        """
        columns, shape = self._columns(inputs)
        size = columns[0].size
        outputs = {variable.name: np.empty(size, np.float32) for variable in self.contract.outputs}
        names = [variable.name for variable in self.contract.inputs]
        for start in range(0, size, ROWS_PER_CALL):
            rows = slice(start, start + ROWS_PER_CALL)
            feed = {name: column[rows] for name, column in zip(names, columns, strict=True)}
            for name, values in zip(outputs, self._session.run(list(outputs), feed), strict=True):
                outputs[name][rows] = values
        return {name: values.reshape(shape) for name, values in outputs.items()}

    def atmosphere(self, **inputs: ArrayLike) -> PredictedAtmosphere:
        """Predict terms of the atmosphere and their uncertainty, with either kind of graph.

        Parameters
        ----------
        **inputs : array or number
            The atmosphere inputs of the contract, as in `predict`; `brightness_temperature` is required.

        Returns
        -------
        PredictedAtmosphere of array, float32
            Transmittance [1], upwelling and downwelling radiance [W m-2 sr-1 um-1], standard uncertainties of the
            optical depth [1] and of the upwelling temperature [K], of the inputs' common shape.

        Raises
        ------
        InputError
            As in `predict`.
        """
        names = {variable.name for variable in self.contract.inputs}
        around = [name for name in ("brightness_temperature", *BOTH_BANDS) if name in names and name not in inputs]
        if around and "radiance" not in inputs:
            raise InputError(f"{self.contract.name} takes values of the neighbourhood of the pixels; give {around[0]}")
        # The atmosphere does not depend on the pixel, so a retrieval graph accepts any.
        surface = (*SURFACE_INPUTS, *SECOND_SURFACE_INPUTS)
        pixel = {name: 1.0 for name in surface if name in names and name not in inputs}
        outputs = self.predict(**pixel, **inputs)
        return PredictedAtmosphere(**{name: outputs[name] for name in TWO_BAND_OUTPUTS if name in outputs})

    def _columns(self, inputs: Mapping[str, ArrayLike]) -> tuple[list[Float32], tuple[int, ...]]:
        """Flatten the inputs in the graph's order; also their common shape."""
        names = [variable.name for variable in self.contract.inputs]
        inputs = self._with_defaults(inputs, names)
        missing = [name for name in names if name not in inputs]
        surplus = [name for name in inputs if name not in names]
        if missing or surplus:
            parts = [f"missing {', '.join(missing)}"] if missing else []
            parts += [f"not an input: {', '.join(surplus)}"] if surplus else []
            raise InputError(f"{self.contract.name} takes {', '.join(names)}; {'; '.join(parts)}; give exactly these")
        try:
            arrays = np.broadcast_arrays(*(np.asarray(inputs[name], np.float32) for name in names))
        except (TypeError, ValueError):
            found = ", ".join(f"{name} {np.shape(inputs[name])}" for name in names)
            raise InputError(f"inputs must be numbers of shapes that broadcast together; found {found}") from None
        return [np.ascontiguousarray(array).reshape(-1) for array in arrays], arrays[0].shape

    def _with_defaults(self, given: Mapping[str, ArrayLike], names: list[str]) -> dict[str, ArrayLike]:
        """Add the defaults of optional inputs."""
        inputs = {"aerosol_optical_depth": BACKGROUND_AEROSOL[0], "gas_year": Composition().year} | dict(given)
        if "aerosol_optical_depth" not in given:
            inputs.setdefault(uncertainty_name("aerosol_optical_depth"), BACKGROUND_AEROSOL[1])
        for name in UNCERTAIN_INPUTS:
            if name in given and uncertainty_name(name) not in given:
                known = default_uncertainty(name, REANALYSIS)
                inputs[uncertainty_name(name)] = known.at(np.asarray(given[name], np.float32))
        inputs.setdefault(PROFILE_UNCERTAINTY, 1.0)
        if "radiance" in given:
            pixel = self._brightness_temperature(given["radiance"], self.contract.sensor)
            inputs.setdefault("brightness_temperature", pixel)
        other = second_band(self.contract.sensor)
        if self.contract.has_two_bands and other is not None and {"radiance", "second_radiance"} <= given.keys():
            second = self._brightness_temperature(given["second_radiance"], other.name)
            inputs.setdefault(TEMPERATURE_DIFFERENCE, pixel - second)
            inputs.setdefault(uncertainty_name(TEMPERATURE_DIFFERENCE), other.stray_light)
        if self.contract.has_two_bands and other is not None and {"emissivity", "second_emissivity"} <= given.keys():
            first, second = (np.asarray(given[name], np.float32) for name in ("emissivity", "second_emissivity"))
            inputs.setdefault("neighbourhood_emissivity", first)
            inputs.setdefault(EMISSIVITY_DIFFERENCE, second - first)
            inputs.setdefault(uncertainty_name(EMISSIVITY_DIFFERENCE), KNOWN_DIFFERENCE_UNCERTAINTY)
        return {name: value for name, value in inputs.items() if name in names or name in given}

    @staticmethod
    def _brightness_temperature(radiance: ArrayLike, sensor: str) -> NDArray[Any]:
        with np.errstate(all="ignore"):  # without a brightness temperature there is no result
            found = brightness_temperature(np.asarray(radiance, np.float32), sensor_band(sensor).planck)
        return np.asarray(found)


def shipped_models() -> list[str]:
    """Names of the models that come with the package, for `Model.load`."""
    return _names_in(models_path())


def custom_models() -> list[str]:
    """Names of the models that the user has trained for custom sensors."""
    return _names_in(user_path("models"))


def has_model(name: str) -> bool:
    """Whether there is a shipped or custom model with a name."""
    return name in shipped_models() or name in custom_models()


def _names_in(folder: Path) -> list[str]:
    paths = folder.glob("*/*/" + GRAPHS["retrieval"])
    return sorted(path.parent.relative_to(folder).as_posix() for path in paths)


def _find(reference: str | Path, file: str) -> Path:
    for folder in (models_path(), user_path("models")):
        if isinstance(reference, str) and reference in _names_in(folder) and (folder / reference / file).is_file():
            return folder / reference / file
    path = Path(reference)
    path = path / file if path.is_dir() else path
    if path.is_file():
        return path.resolve()
    sensor, _, tier = str(reference).partition("/")
    if tier and sensor in custom_sensor_names():
        trained = ", ".join(name for name in custom_models() if name.startswith(f"{sensor}/")) or "none"
        raise ModelError(
            f"no model {str(reference)!r}, there are: {trained}; "
            f"train it: lst-raster train --sensor {sensor} --tier {tier}"
        )
    shipped = ", ".join(shipped_models()) or "none"
    custom = f", or of the custom ones: {', '.join(custom_models())}" if custom_models() else ""
    raise ModelError(
        f"no model {str(reference)!r}; give the path of an ONNX file, or one of those shipped: {shipped}{custom}"
    )


def load_same(reference: str | Path, digest: str) -> Model:
    """Load a model that another process has loaded; raises ModelError where its file is missing or different."""
    model = Model.load(reference)
    if model.digest != digest:
        raise ModelError(
            f"the model {reference} has changed since it was loaded, or another process has another version of it; "
            "start again, with the same version of lst-raster everywhere"
        )
    return model


def _open_session(content: bytes, path: Path) -> Any:
    onnxruntime.set_default_logger_severity(_QUIET)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # faster than two for a small network, and the caller uses the other cores
    options.inter_op_num_threads = 1
    options.log_severity_level = _QUIET
    try:
        return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's exceptions share no public parent
        reason = str(error).splitlines()[0]
        raise ModelError(f"{path} is not an ONNX model that can be run: {reason}") from error


def _check_graph(session: Any, contract: Contract, path: Path) -> None:
    """Compare inputs and outputs of the graph with the contract."""
    of_graph = (("inputs", session.get_inputs(), contract.inputs), ("outputs", session.get_outputs(), contract.outputs))
    for kind, nodes, variables in of_graph:
        found = {node.name: node.type for node in nodes}
        if found != {variable.name: "tensor(float)" for variable in variables}:
            text = ", ".join(f"{name} {type_}" for name, type_ in found.items())
            raise ModelError(f"the {kind} of {path} are {text}, unlike those of its contract; export the model again")
