"""The style files by which QGIS shows a product."""

import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from lst_raster.errors import InputError
from lst_raster.plots.colours import inferno
from lst_raster.product.quality_flags import FLAGS, flag, values_of
from lst_raster.product.sidecars import QUALITY_CLASSES, lst_style, quality_style


def renderer(text):
    root = ElementTree.fromstring(text)
    assert text.startswith("<!DOCTYPE qgis PUBLIC")
    assert (root.tag, root.attrib["version"][:4]) == ("qgis", "3.22")
    found = root.find("pipe/rasterrenderer")
    assert found.attrib["band"] == "1"
    return found


def test_the_style_of_a_temperature_is_a_ramp_in_kelvin():
    found = renderer(lst_style(281.5, 317.5))
    assert found.attrib["type"] == "singlebandpseudocolor"
    assert (found.attrib["classificationMin"], found.attrib["classificationMax"]) == ("281.5", "317.5")
    shader = found.find("rastershader/colorrampshader")
    assert shader.attrib["colorRampType"] == "INTERPOLATED"
    items = shader.findall("item")
    values = [float(item.attrib["value"]) for item in items]
    assert np.allclose(values, np.linspace(281.5, 317.5, len(values)))
    colours = [bytes.fromhex(item.attrib["color"][1:]) for item in items]
    assert colours[0] == inferno()[0].tobytes()
    assert colours[-1] == inferno()[-1].tobytes()
    ramp_of_source = {
        option.attrib["name"]: option.attrib["value"] for option in shader.iterfind("colorramp//Option[@name]")
    }
    assert ramp_of_source["stops"].count(":") == len(items) - 3  # the ends have separate names
    assert shader.find("rampLegendSettings").attrib["suffix"] == " K"


def test_a_style_of_a_constant_temperature_has_a_range():
    found = renderer(lst_style(300.0, 300.0)).attrib
    assert float(found["classificationMin"]) < 300.0 < float(found["classificationMax"])
    with pytest.raises(InputError, match="swap them"):
        lst_style(300.0, 290.0)
    with pytest.raises(InputError, match="nan"):
        lst_style(np.nan, 290.0)


def entries(values):
    return {
        int(entry.attrib["value"]): (entry.attrib["label"], entry.attrib["color"], entry.attrib["alpha"])
        for entry in renderer(quality_style(values)).iterfind("colorPalette/paletteEntry")
    }


def bits(**fields):
    return sum(value << flag(name).offset for name, value in fields.items())


def test_every_value_has_a_colour_and_a_label():
    clear, water = bits(emissivity_source=5), bits(emissivity_source=5, water=1)
    cloud = bits(emissivity_source=5, cloud=1, water=1)
    found = entries([1, clear, water, cloud, bits(emissivity_source=5, uncertain=1, cloud_distance=2)])
    assert {value: label for value, (label, _, _) in found.items()} == {
        1: "fill",
        clear: "clear",
        water: "water",
        cloud: "cloud, water",
        bits(emissivity_source=5, uncertain=1, cloud_distance=2): "uncertain, 1 to 5 km from a cloud",
    }
    assert found[1][2] == "0"
    assert {alpha for value, (_, _, alpha) in found.items() if value != 1} == {"255"}
    assert len({colour for _, colour, _ in found.values()}) == 5


def test_labels_omit_flags_that_are_the_same_everywhere():
    same = bits(assumed_atmosphere=1, emissivity_source=1)
    assert entries([1, same, same | bits(water=1)])[same][0] == "clear"
    assert entries([same, bits(emissivity_source=5)])[same][0] == "clear, assumed atmosphere, emissivity: assumed"


@pytest.mark.slow
def test_every_reason_for_a_missing_temperature_is_a_class():
    names = {kind.field for kind in QUALITY_CLASSES}
    assert {"fill", "cloud", "cloud_shadow", "snow", "water", "saturated", "no_solution", "no_input"} <= names
    assert names <= {field.name for field in FLAGS}
    assert entries(range(1 << 16)).keys() == set(range(1 << 16))


def test_the_values_of_quality_bits_are_found_wherever_they_are():
    values = np.zeros((600, 1100), "u4")
    assert values_of(values) == {0}
    values[599, 1099], values[0, 0], values[511, 512] = 40000, 1, 2
    assert values_of(values) == {0, 1, 2, 40000}
