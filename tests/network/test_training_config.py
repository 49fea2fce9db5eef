"""A training configuration is understood as a whole or refused with a reason."""

import pytest

from lst_raster.errors import ConfigError, InputNotFoundError, UnknownSensorError
from lst_raster.network.config import LossConfig, OptimiserConfig, read_config

SMALLEST = 'sensor = "landsat8-b10"\ntier = "surface"\n[data]\ntrain = "learn.nc"\n'


@pytest.fixture
def config(tmp_path):
    def read(text):
        path = tmp_path / "train.toml"
        path.write_text(text)
        return read_config(path)

    return read


def test_what_a_file_leaves_out_has_defaults(config):
    read = config(SMALLEST)
    assert read.data.train == ("learn.nc",)
    assert read.loss == LossConfig()
    assert read.optimiser == OptimiserConfig()


def test_every_table_is_read(config):
    read = config(
        SMALLEST
        + 'test = {"GFS 2015" = "gfs.nc"}\n[loss]\nclosure = 2\n[samples]\nper_profile = 2\n[network]\nwidth = 8\n'
    )
    assert read.data.test == {"GFS 2015": "gfs.nc"}
    assert (read.loss.closure, read.samples.per_profile, read.network.width) == (2.0, 2, 8)


def test_several_sets_can_be_learnt_from(config):
    assert config(SMALLEST.replace('"learn.nc"', '["a.nc", "b.nc"]')).data.train == ("a.nc", "b.nc")


@pytest.mark.parametrize(
    ("extra", "named"),
    [
        ("[optimizer]\nsteps = 1\n", ["optimizer", "the file", "optimiser"]),
        ("[noise]\nwater_vapour = 0.1\n", ["noise", "the file", "samples"]),  # of earlier versions
        ("[samples]\nperturbed = 0.1\n", ["perturbed", "samples", "per_profile"]),
        ("[loss]\nlts = 1.0\n", ["lts", "loss", "transmittance, upwelling_radiance"]),
        ('[optimiser]\nsteps = "many"\n', ["optimiser.steps", "'many'", "whole number"]),
        ("[optimiser]\nsteps = 2.5\n", ["optimiser.steps", "2.5"]),
        ("[loss]\nlst = -1.0\n", ["loss.lst", "-1.0", "not negative"]),
        ("[loss]\nlst = true\n", ["loss.lst", "True"]),
    ],
)
def test_what_is_not_understood_is_named_with_what_is(config, extra, named):
    with pytest.raises(ConfigError) as raised:
        config(SMALLEST + extra)
    assert all(part in str(raised.value) for part in named)


def test_a_table_cannot_be_a_number(config):
    with pytest.raises(ConfigError, match="loss = 3 is not understood; a table is expected"):
        config("loss = 3\n" + SMALLEST)


def test_a_missing_key_is_named(config):
    with pytest.raises(ConfigError, match="data lacks the key 'train'"):
        config('sensor = "landsat8-b10"\ntier = "surface"\n[data]\n')


def test_an_absolute_path_is_refused_because_the_file_travels_with_the_model(config):
    with pytest.raises(ConfigError, match="--data"):
        config(SMALLEST.replace("learn.nc", "/somewhere/learn.nc"))


def test_an_unknown_tier_is_named_with_the_known_ones(config):
    for tier in ("sounding", "column"):
        with pytest.raises(ConfigError, match=f"'{tier}'; known are surface, profile"):
            config(SMALLEST.replace("surface", tier))


def test_an_unknown_sensor_is_refused(config):
    with pytest.raises(UnknownSensorError, match="landsat8-b10"):
        config(SMALLEST.replace("b10", "b12"))


def test_a_file_that_is_not_toml_is_refused(config):
    with pytest.raises(ConfigError, match="not a TOML file"):
        config("sensor: landsat8-b10")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputNotFoundError, match=r"none\.toml"):
        read_config(tmp_path / "none.toml")
