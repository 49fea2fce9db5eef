"""From a custom sensor band to a model that retrieve finds."""

import h5netcdf
import numpy as np
import pytest

from lst_raster.errors import InputError
from lst_raster.inference.model import Model
from lst_raster.network.config import read_config
from lst_raster.network.train import config_text
from lst_raster.profiles.profile_sets import library_path, read_profiles, water_vapour
from lst_raster.profiles.simulate import evenly_ranked, subsample
from lst_raster.profiles.simulated_set import read_simulated
from lst_raster.resources import models_path
from lst_raster.sensors.bands import response_path
from lst_raster.sensors.custom import SIMULATED
from lst_raster.simulator.band_simulation import simulate_effective, simulate_spectrum
from tests.simulator.test_band_simulation import make_column
from tests.support.custom_sensors import make_custom_sensor
from tests.support.factories import ramp, write_raster
from tests.support.simulated_sets import make_simulated_set

pytestmark = pytest.mark.slow


def test_a_narrow_band_is_simulated_where_it_sees_alone_and_gets_the_same(tmp_path, user_folder):
    make_custom_sensor(tmp_path)
    column = make_column(295.0, 0.01)
    whole, part = simulate_spectrum(column), simulate_spectrum(column, sensors=["aster-b13"])
    seen = part.transmittance > 0.0
    assert seen.reshape(24, 1000).any(axis=1).sum() == 9  # of 24 blocks: 900 to 990 cm-1
    np.testing.assert_array_equal(part.upwelling[seen], whole.upwelling[seen])
    alone, both = simulate_effective(column, ["aster-b13"]), simulate_effective(column, ["aster-b13", "landsat8-b11"])
    assert alone["aster-b13"] == both["aster-b13"]


def test_some_columns_are_spread_over_the_water_vapour_as_all_are():
    library = read_profiles(library_path())
    vapour = water_vapour(library)
    with subsample(library_path(), 290) as path:
        few = read_profiles(path)
        assert path.name == library_path().name
    assert few.sizes["profile"] == 290
    quantiles = np.linspace(0.05, 0.95, 10)
    np.testing.assert_allclose(np.quantile(water_vapour(few), quantiles), np.quantile(vapour, quantiles), rtol=0.03)
    assert not path.exists()
    with subsample(library_path(), None) as path:
        assert path == library_path()


def test_more_columns_than_there_are_is_refused():
    with pytest.raises(InputError, match="has 9000 columns, and 9001 are"), subsample(library_path(), 9001):
        pass
    assert evenly_ranked(np.arange(5.0), 5).tolist() == [0, 1, 2, 3, 4]


def test_simulate_needs_no_more_than_the_name_of_the_sensor(tmp_path, user_folder, command):
    make_custom_sensor(tmp_path)
    code, out, err = command("simulate", "--sensor", "aster-b13", "--columns", 50, "--quiet")
    assert (code, err) == (0, [])
    target = response_path("aster-b13").with_name(SIMULATED)
    assert out == [str(target)]
    simulated = read_simulated(target)
    assert (simulated.sensor, len(simulated)) == ("aster-b13", 50)
    assert simulated.source.startswith("library.nc: GFS 2011-01-15, ")
    assert np.ptp(simulated.gas_year) > 10.0  # drawn, as models are trained
    assert np.ptp(simulated.continuum_scaling) > 0.05
    code, _, err = command("simulate", "--sensor", "aster-b13", "--columns", 50, "--quiet")
    assert (code, "pass --overwrite" in err[0]) == (1, True)
    code, _, err = command("simulate", "--sensor", "landsat8-b10", "--quiet")
    assert (code, "give the output with -o" in err[-1]) == (2, True)


def test_a_stated_aerosol_is_not_drawn(tmp_path, user_folder, command):
    make_custom_sensor(tmp_path)
    command("simulate", "--sensor", "aster-b13", "--columns", 50, "--aerosol", 0.03, "--quiet")
    with h5netcdf.File(response_path("aster-b13").with_name(SIMULATED)) as file:
        assert set(np.asarray(file.variables["aerosol_optical_depth"])) == {np.float32(0.03)}


def test_train_puts_the_model_where_retrieve_finds_it_with_its_card(tmp_path, user_folder, command):
    make_custom_sensor(tmp_path, title="ASTER band 13")
    code, _, err = command("train", "--sensor", "aster-b13", "--tier", "surface", "-q")
    assert (code, "create it with lst-raster simulate --sensor aster-b13" in err[0]) == (1, True)
    make_simulated_set(response_path("aster-b13").with_name(SIMULATED), profiles=80, sensor="aster-b13")
    code, out, err = command("train", "--sensor", "aster-b13", "--tier", "surface", "--steps", 20, "-q")
    assert (code, err) == (0, [])
    folder = user_folder / "models" / "aster-b13" / "surface"
    assert out[-1] == str(folder)
    assert out[0].startswith("cross-validation: RMSE ")
    card = (folder / "MODEL_CARD.md").read_text()
    assert card.startswith("# aster-b13/surface, version 1")
    assert "from ASTER band 13 under a clear sky" in card
    config = read_config(folder / "train.toml")
    assert (config.optimiser.steps, config.data.train) == (20, (SIMULATED,))
    assert Model.load("aster-b13/surface").contract.sensor == "aster-b13"
    kelvin = write_raster(tmp_path / "scene.tif", ramp(285.0, 300.0).astype("f4"))
    air = ["--water-vapour", 20, "--air-temperature", 290, "--surface-pressure", 1000, "--emissivity", 0.97]
    code, out, err = command(
        "retrieve", kelvin, "--sensor", "aster-b13", "--quantity", "brightness-temperature", *air, "-o", tmp_path, "-q"
    )
    assert (code, out) == (0, [str(tmp_path / "scene_LST.tif")]), err
    code, _, err = command("train", "--sensor", "aster-b13", "--tier", "surface", "--steps", 20, "-q")
    assert (code, "pass --overwrite" in err[0]) == (1, True)


def test_what_is_trained_by_default_is_trained_as_the_shipped_models_are(tmp_path, user_folder):
    make_custom_sensor(tmp_path)
    for tier in ("surface", "profile"):
        path = tmp_path / f"{tier}.toml"
        path.write_text(config_text("aster-b13", tier, SIMULATED))
        own, shipped = read_config(path), read_config(models_path() / "landsat8-b10" / tier / "train.toml")
        assert (own.optimiser, own.calibration) == (shipped.optimiser, shipped.calibration)
        assert (own.network, own.samples, own.loss) == (shipped.network, shipped.samples, shipped.loss)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "give CONFIG, or --sensor NAME"),
        (["x.toml", "--sensor", "aster-b13"], "not both"),
        (["x.toml"], "give the folder of the model with -o"),
        (["x.toml", "-o", "y", "--tier", "profile"], "set them in CONFIG"),
    ],
)
def test_contradicting_options_are_refused(command, arguments, says):
    code, _, err = command("train", *arguments)
    assert (code, says in err[-1]) == (2, True)


def test_a_shipped_sensor_is_not_trained_by_accident(command):
    code, _, err = command("train", "--sensor", "landsat8-b10", "--tier", "profile", "-q")
    assert (code, "to train another, give --data and -o" in err[0]) == (1, True)
