"""Names of other products in tables of match-ups."""

import pytest

from lst_raster.errors import InputError
from lst_raster.validation.matchups import read_matchups
from tests.support.matchup_tables import HEADER, row, write_table


@pytest.mark.parametrize(
    "name", ["lst-raster", "single-channel", "given_terms", "brightness_temperature", "Mono-Window"]
)
def test_a_product_cannot_have_the_name_of_a_method(tmp_path, name):
    header = f"other_{name}_K"
    write_table(tmp_path / "t.csv", (*row(), "290"), header=[*HEADER, header])
    with pytest.raises(InputError, match=f"has the column {header}, the name of a method that validate adds"):
        read_matchups(tmp_path / "t.csv")


def test_an_uncertainty_without_a_temperature_is_an_error(tmp_path):
    header = "other_modis_uncertainty_K"
    write_table(tmp_path / "t.csv", (*row(), "1"), header=[*HEADER, header])
    with pytest.raises(InputError, match=r"has an uncertainty of modis, but no temperature \(other_modis_K\)"):
        read_matchups(tmp_path / "t.csv")
