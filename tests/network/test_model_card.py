"""Model cards: the shipped ones are those of the generator, and the licence is that of the training profiles."""

import json

import pytest

from lst_raster.inference.model import Model, shipped_models
from lst_raster.network.model_card import model_card
from lst_raster.resources import models_path


@pytest.mark.parametrize("name", shipped_models())
def test_a_shipped_card_is_that_of_the_generator(name):
    folder = models_path() / name
    metrics = json.loads((folder / "metrics.json").read_text())  # in the order of the configuration
    card = model_card({**Model.load(name).metadata, "metrics": metrics})
    assert (folder / "MODEL_CARD.md").read_text() == card


def test_the_card_has_the_licence_of_the_training_profiles():
    metadata = Model.load("landsat8-b10/surface").metadata
    assert "NCEP model output is a work of the US Government" in model_card(metadata)
    own = {**metadata, "training": {**metadata["training"], "sources": ["p.nc: ERA5 on 37 pressure levels"]}}
    card = model_card(own)
    assert "contains modified Copernicus Climate Change Service information" in card
    assert "NCEP" not in card and "of two dates" not in card
    both = {**metadata, "training": {**metadata["training"], "sources": ["ERA5", "NCEP"]}}
    assert "Licence of the profiles: that of their sources." in model_card(both)
