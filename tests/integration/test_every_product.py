"""Every sensor, collection and product format: the true temperature is retrieved for a known atmosphere."""

import shutil

import numpy as np
import pytest
import rasterio

from lst_raster import Model, Scene, retrieve
from tests.support.factories import STATE, make_model, ramp
from tests.support.products import COLLECTIONS, SENSORS, in_form, make_product, product_stem, true_temperature
from tests.support.servers import STORE_ENVIRONMENT, object_store, web_server

FORMS = ("file", "folder", "txt", "json", "xml", "tar", "tar.gz", "http", "s3")
PRODUCTS = [(sensor, None, collection) for sensor in SENSORS for collection in COLLECTIONS]
PRODUCTS += [("landsat7-b6", "B6_VCID_2", collection) for collection in COLLECTIONS]
PRODUCTS.remove(("landsat9-b10", None, 1))  # Landsat 9 is only in Collection 2
PRODUCTS.remove(("landsat9-b11", None, 1))
CONSTANTS = {"uint8": (0.0671, -0.07), "uint16": (3.3e-4, 0.2)}  # near the real ones, and different from the defaults
HIGH_GAIN = (0.0373, 3.15)
SHAPE = (24, 20)
CLOUD = ramp(0.0, 1.0, SHAPE) > 0.9


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    return {sensor: Model.load(make_model(folder / sensor / "model.onnx", sensor)) for sensor in SENSORS}


@pytest.fixture(scope="module")
def web(tmp_path_factory):
    with web_server(tmp_path_factory.mktemp("web")) as server:
        yield server


@pytest.fixture(scope="module")
def store():
    with pytest.MonkeyPatch.context() as patch:
        for name, value in STORE_ENVIRONMENT.items():
            patch.setenv(name, value)
        with object_store() as store:
            patch.undo()  # otherwise rasterio searches for credentials on every access
            yield store


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Folders of the products, each created once; `copy` returns one that a test may modify."""
    root = tmp_path_factory.mktemp("products")

    def copy(target, sensor, suffix, collection):
        folder = root / f"{sensor}_{suffix}_{collection}"
        if not folder.exists():
            gain, offset = HIGH_GAIN if suffix == "B6_VCID_2" else CONSTANTS[SENSORS[sensor][3]]
            path = make_product(
                folder, sensor, collection, lst=ramp(272.0, 312.0, SHAPE), gain=gain, offset=offset, cloud=CLOUD,
                suffix=suffix,
            )  # fmt: skip
            (folder / "path").write_text(f"{path.name} {gain} {offset}")
        name, gain, offset = (folder / "path").read_text().split()
        target.mkdir()
        for file in folder.glob("L*_*"):
            shutil.copy(file, target)
        return target / name, float(gain), float(offset)

    return copy


@pytest.fixture
def place_of(request, monkeypatch):
    """Convert a scene to a format; returns the path for the command line."""

    def place(path, form):
        if form not in ("http", "s3"):
            return in_form(path, form)
        for name in ("NO_PROXY", "no_proxy"):
            monkeypatch.setenv(name, "127.0.0.1")
        if form == "s3":
            store = request.getfixturevalue("store")
            for name, value in {**STORE_ENVIRONMENT, "AWS_ENDPOINT_URL": store.endpoint}.items():
                monkeypatch.setenv(name, value)
            store.upload(path.parent, "products", f"{path.stem}/")
            return f"s3://products/{path.stem}/{path.name}"
        web = request.getfixturevalue("web")
        shutil.copytree(path.parent, web.root / path.stem)
        return web.url(f"{path.stem}/{path.name}")

    return place


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("sensor", "suffix", "collection"), PRODUCTS)
def test_the_temperature_is_true(tmp_path, models, made, place_of, sensor, suffix, collection, form):
    path, gain, offset = made(tmp_path / "in", sensor, suffix, collection)
    with rasterio.open(path) as dataset:
        truth = true_temperature(dataset.read(1), sensor, gain, offset)
    assert 271.0 < truth.min() < truth.max() < 313.0
    scene = Scene.open(place_of(path, form), band=sensor.rpartition("-")[2] if suffix is None else suffix)
    assert (scene.sensor, scene.stem) == (sensor, product_stem(sensor, collection))
    assert scene.files.mtl.collection == collection
    product = retrieve(scene, output=tmp_path / "x.tif", model=models[sensor], emissivity=0.97, **STATE)
    with rasterio.open(product.path) as dataset:
        temperature = dataset.read(1)
    np.testing.assert_array_equal(np.isnan(temperature), CLOUD)
    assert np.abs(temperature - truth)[~CLOUD].max() < 0.05
    assert product.warnings == ()
