"""Components of the uncertainty in products: their sum, their meaning, and that the total does not change."""

import numpy as np
import pytest
import rasterio

import lst_raster
from lst_raster.errors import InputError
from lst_raster.inputs.emissivity.source import UNCERTAINTY
from lst_raster.io.open_scene import open_scene
from lst_raster.physics.correlated_errors import Components
from lst_raster.physics.uncertainty import noise_radiance
from lst_raster.product.check import check_product
from lst_raster.product.paths import COMPONENTS, OutputFormat
from lst_raster.product.preview.run import find_preview_files, preview, read_view
from lst_raster.retrieval.inversion import sensor_noise
from lst_raster.sensors.bands import sensor_band
from tests.support.custom_sensors import make_custom_models, make_custom_sensor
from tests.support.factories import STATE, make_scene, ramp, write_raster
from tests.support.two_band_scenes import make_two_band_scene

FORM = {name: OutputFormat(uncertainty=name, precision="full") for name in ("total", "components")}


def read(path):
    with rasterio.open(path) as dataset:
        return dataset.read(1)


def companion(path, suffix):
    return read(path.with_name(f"{path.stem}{suffix}.tif"))


def parts_of(path):
    return Components(*(companion(path, f"_UNC_{name}").astype(float) for name in ("RAN", "ATM", "SFC", "SYS")))


@pytest.fixture
def scene(tmp_path):
    return make_scene(tmp_path / "scene", lst=ramp(285, 315))


def test_the_components_add_up_to_the_total_which_is_unchanged(tmp_path, scene):
    options = {"emissivity": 0.96, **STATE}
    one, other = (
        lst_raster.retrieve(scene, output=tmp_path / f"{name}.tif", form=form, **options) for name, form in FORM.items()
    )
    assert np.array_equal(read(one.path), read(other.path), equal_nan=True)
    total = companion(other.path, "_UNC")
    assert np.array_equal(companion(one.path, "_UNC"), total, equal_nan=True)
    parts = parts_of(other.path)
    np.testing.assert_allclose(np.sqrt(parts.random**2 + parts.atmosphere**2 + parts.surface**2), total, rtol=1e-5)
    assert {path.name for path in other.files} - {path.name.replace("total", "components") for path in one.files} == {
        f"components_UNC_{name}.tif" for name in ("RAN", "ATM", "SFC", "SYS")
    }
    assert not [finding for finding in check_product(other.path) if finding.outcome == "failed"]


def test_each_component_is_what_its_source_changes(tmp_path, scene):
    """Errors of one standard uncertainty of the calibration and of the emissivity, retrieved again."""
    band = sensor_band("landsat8-b10")
    made = lst_raster.retrieve(scene, output=tmp_path / "a.tif", emissivity="0.96", form=FORM["components"], **STATE)
    parts, temperature = parts_of(made.path), read(made.path).astype(float)
    less = lst_raster.retrieve(scene, output=tmp_path / "b.tif", emissivity=0.9599, form=FORM["total"], **STATE)
    by_emissivity = (read(less.path) - temperature) * (UNCERTAINTY / 1e-4)
    np.testing.assert_allclose(by_emissivity, parts.surface, rtol=0.1)
    ratio = parts.systematic / parts.random
    noise = sensor_noise(band, band.gain)
    np.testing.assert_allclose(ratio, noise_radiance(band.calibration_uncertainty, band.planck) / noise, rtol=1e-3)


def test_components_are_rounded_and_named_as_in_the_conventions(tmp_path, scene):
    form = OutputFormat(uncertainty="components", compress="lerc_zstd")
    made = lst_raster.retrieve(scene, output=tmp_path / "a.tif", emissivity=0.96, form=form, **STATE)
    dataset = lst_raster.open_product(made.path)
    for role, name in zip(COMPONENTS, ("ran", "loc_atm", "loc_sfc", "sys"), strict=True):
        variable = dataset[f"lst_{role}"]
        assert variable.attrs["units"] == "K" and variable.attrs["standard_name"].endswith("standard_error")
        assert variable.attrs["lst_cci_name"] == f"lst_unc_{name}"
        steps = variable.values[np.isfinite(variable.values)] * 256
        assert np.array_equal(steps, np.rint(steps)) and steps.size
    assert f"lst_{next(iter(COMPONENTS))}" in dataset.lst.attrs["ancillary_variables"]


def test_with_two_bands_stray_light_is_systematic(tmp_path):
    path = make_two_band_scene(tmp_path / "in", lst=ramp(285, 305))
    made = lst_raster.retrieve(path, output=tmp_path / "a.tif", emissivity=0.96, form=FORM["components"])
    parts, total = parts_of(made.path), companion(made.path, "_UNC")
    known = np.isfinite(total)
    without_stray = np.sqrt(parts.random**2 + parts.atmosphere**2 + parts.surface**2)
    stray = np.sqrt(np.maximum(total[known].astype(float) ** 2 - without_stray[known] ** 2, 0.0))
    assert (stray > 0.0).all() and (stray < parts.systematic[known]).all()
    assert "stray light" in made.tags["uncertainty_parts"]


def test_the_page_of_a_product_with_components_shows_them(tmp_path, scene):
    form = OutputFormat(uncertainty="components")
    made = lst_raster.retrieve(scene, output=tmp_path / "a.tif", emissivity=0.96, form=form, **STATE)
    view = read_view(find_preview_files(made.path), 100)
    assert list(view.components) == list(COMPONENTS)
    page = preview(made.path, tmp_path / "a.html", html=True).read_text()
    assert all(f'id="data-{role}"' in page for role in COMPONENTS) and "Uncertainty: random" in page
    (tmp_path / "a_UNC_SFC.tif").unlink()
    failed = [finding for finding in check_product(made.path) if finding.outcome == "failed"]
    assert any("uncertainty_surface" in finding.text or "UNC_SFC" in finding.text for finding in failed)


def test_the_temperature_alone_has_no_components(tmp_path, scene, command):
    with pytest.raises(InputError, match="--lst-only leaves out the uncertainty"):
        OutputFormat(uncertainty="components", lst_only=True)
    code, _, err = command("retrieve", scene, "--lst-only", "--uncertainty", "components", "-o", tmp_path / "a.tif")
    assert code == 1 and "leave out --uncertainty or --lst-only" in err[-1]
    assert not (tmp_path / "a.tif").exists()


def test_a_sensor_without_noise_has_components(tmp_path, user_folder):
    """A radiance without rounding, of a custom band with a noise of 0."""
    make_custom_sensor(tmp_path, "quiet", noise=0.0)
    radiance = np.full((20, 30), 8.0, np.float32)
    path = write_raster(tmp_path / "radiance.tif", radiance)
    scene = open_scene(path, sensor="quiet", quantity="radiance", date="2015-07-19")
    make_custom_models("quiet")
    made = lst_raster.retrieve(scene, output=tmp_path / "a.tif", emissivity=0.96, form=FORM["components"], **STATE)
    parts = parts_of(made.path)
    assert (parts.random == 0.0).all()
    assert (parts.systematic > 0.0).all() and np.isfinite(parts.atmosphere).all()
