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


def test_the_card_has_the_licences_of_all_training_profiles():
    metadata = Model.load("landsat8-b10/surface").metadata

    def card(*sources):
        return model_card({**metadata, "training": {**metadata["training"], "sources": list(sources)}})

    public, copernicus = "in the public domain", "contains modified Copernicus Climate Change Service information"
    assert public in card("library.nc: GFS 2011-01-15") and copernicus not in card("library.nc: GFS 2011-01-15")
    own = card("p.nc: ERA5 on 37 pressure levels")
    assert copernicus in own and public not in own
    library = card("library.nc: GFS 2011-01-15, ERA-Interim 2011-06-05, NCEP mean June, ERA5 1959-01-02")
    assert library.count(public) == 1 and copernicus in library and "(ECMWF)" in library
    assert "Licence of the profiles:\n- that of their sources.\n" in card("columns made for tests")
