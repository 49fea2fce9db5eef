"""Where over a scene the model is run."""

import numpy as np
import pytest

from lst_raster.inputs.fields import ElevationAdjustment, Field
from lst_raster.io.coarse_grid import Nodes, interpolate_at
from lst_raster.physics.elevation import LAPSE_RATE, air_temperature_between, water_vapour_between
from lst_raster.physics.quantities import AIR_TEMPERATURE, ELEVATION, WATER_VAPOUR
from lst_raster.retrieval.atmosphere import NODE_TOLERANCES, min_nodes

AXIS = np.append(np.arange(0.0, 1000.0, 32), 1000.0)


def vapour(values, axis=AXIS, quantity=WATER_VAPOUR, adjustment=None):
    return Field(
        quantity=quantity,
        source=Nodes(rows=axis, columns=axis, values=values, label="x"),
        origin="reanalysis",
        adjustment=adjustment,
    )


def bump(height, axis=AXIS):
    return 20.0 + 0.01 * axis[:, None] + height * np.exp(-(((axis - 500.0) / 60.0) ** 2))


def test_a_linear_field_needs_every_eighth_node_and_the_last():
    rows, columns = min_nodes([vapour(bump(0.0))])
    np.testing.assert_array_equal(rows, [0.0, 256.0, 512.0, 768.0, 1000.0])
    np.testing.assert_array_equal(columns, rows)


@pytest.mark.parametrize("height", [0.05, 0.2, 1.0, 30.0])
def test_interpolation_errors_stay_within_the_tolerance(height):
    values = bump(height)
    rows, columns = min_nodes([vapour(values)])
    kept = values[np.ix_(np.isin(AXIS, rows), np.isin(AXIS, columns))]
    column, row = np.meshgrid(AXIS, AXIS)
    assert (
        rows.size == AXIS.size
        or np.abs(interpolate_at(rows, columns, kept, row, column) - values).max() <= NODE_TOLERANCES["water_vapour"]
    )
    assert (rows.size == AXIS.size) == (height > 0.5)


def test_every_input_and_its_surface_elevation_limit_the_stride():
    smooth, bent = vapour(bump(0.0)), vapour(bump(30.0), quantity=AIR_TEMPERATURE)
    assert min_nodes([smooth, bent])[0].size == AXIS.size
    hill = Nodes(rows=AXIS, columns=AXIS, values=1000.0 * bump(1.0), label="z")
    ground = Field(quantity=ELEVATION, source=0.0, origin="given")
    lift = ElevationAdjustment(surface=hill, ground=ground, formula=water_vapour_between)
    assert min_nodes([vapour(bump(0.0), adjustment=lift)])[0].size == AXIS.size


def test_a_field_that_follows_its_surface_elevation_is_smooth_at_one_elevation():
    hill = Nodes(rows=AXIS, columns=AXIS, values=300.0 * (bump(1.0) - 20.0), label="z")
    ground = Field(quantity=ELEVATION, source=0.0, origin="given")
    lift = ElevationAdjustment(surface=hill, ground=ground, formula=air_temperature_between)
    air = 290.0 - LAPSE_RATE * hill.values
    assert min_nodes([vapour(air, quantity=AIR_TEMPERATURE)])[0].size == AXIS.size
    assert min_nodes([vapour(air, quantity=AIR_TEMPERATURE, adjustment=lift)])[0].size == 5


def test_fields_with_other_nodes_are_compared_at_their_own_nodes():
    coarse = np.linspace(0.0, 1000.0, 9)
    few = vapour(bump(0.0, coarse), coarse)
    assert min_nodes([few, vapour(bump(0.0))])[0].size == 5
    assert min_nodes([vapour(bump(30.0, coarse), coarse), vapour(bump(0.0))])[0].size == AXIS.size


def test_with_a_missing_value_all_nodes_are_kept():
    values = bump(0.0)
    values[3, 5] = np.nan
    assert min_nodes([vapour(values)])[0].size == AXIS.size


def test_numbers_have_no_nodes():
    assert min_nodes([Field(quantity=WATER_VAPOUR, source=20.0, origin="given")]) is None
