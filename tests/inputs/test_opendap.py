"""The reader of OPeNDAP, compared with pydap, which is another implementation, and with wrong answers."""

import struct

import numpy as np
import pytest

from lst_raster.errors import InputNotFoundError, RemoteAccessError, RemoteError
from lst_raster.inputs.reanalysis.opendap import parse_attributes, parse_data, read_subset
from lst_raster.io.address import Address
from lst_raster.io.remote import fetch_whole
from tests.support.http_server import serving
from tests.support.linear_air import cube
from tests.support.ncar_server import BASE, LATITUDE, LONGITUDE, Archive, served_by_pydap

FILE = "e5.oper.an.sfc/201507/e5.oper.an.sfc.128_137_tcwv.ll025sc.2015070100_2015073123.nc"
RANGES = [(448, 449), (235, 238), (1089, 1092)]


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch):
    monkeypatch.setattr("lst_raster.io.remote.PAUSE", 0.0)


def read_from(server, variable="TCWV", ranges=RANGES, query=""):
    with serving(server) as address:
        return read_subset(Address.parse(f"{address}{BASE}/{FILE}{query}"), variable, ranges)


def test_a_part_of_a_grid_is_read_with_its_coordinates_and_units():
    server = Archive()
    found = read_from(server)
    times = np.array(["2015-07-19T16:00", "2015-07-19T17:00"], "datetime64[s]")
    np.testing.assert_array_equal(found["time"].values.astype("datetime64[s]"), times)
    np.testing.assert_array_equal(found["latitude"], LATITUDE[235:239])
    np.testing.assert_array_equal(found["longitude"], LONGITUDE[1089:1093])
    expected = cube("tcwv", times, LATITUDE[235:239], LONGITUDE[1089:1093]).astype("f4")
    np.testing.assert_array_equal(found["TCWV"].values, expected)
    assert found["TCWV"].dtype == np.float32 and found["TCWV"].attrs["units"] == "kg m**-2"
    assert [path.rpartition(".")[2].partition("?")[0] for path in server.asked] == ["dods", "das"]
    assert "TCWV%5B448:1:449%5D%5B235:1:238%5D%5B1089:1:1092%5D" in server.asked[0]


def test_a_signature_stays_in_the_address():
    server = Archive()
    read_from(server, query="?sig=secret")
    assert server.asked[0].endswith("%5D&sig=secret") and server.asked[1].endswith(".das?sig=secret")


def test_fill_values_are_missing():
    def holes(name, times, *where):
        values = cube("tcwv", times, *where).astype("f4")
        values[0, 1, 2] = 9.999e20
        return values

    found = read_from(Archive(air=holes))["TCWV"].values
    assert np.isnan(found[0, 1, 2]) and np.isfinite(found).sum() == found.size - 1


@pytest.mark.parametrize("dtype", ["u1", "i2", "u2", "i4", "u4", "f4", "f8"])
@pytest.mark.parametrize("shape", [(1,), (3,), (2, 3), (5, 1, 7)])
def test_arrays_of_every_type_and_shape_are_read_as_pydap_sends_them(dtype, shape):
    values = np.arange(np.prod(shape)).reshape(shape).astype(dtype) - np.array(3).astype(dtype) * (dtype[0] != "u")
    names = [f"axis{number}" for number in range(len(shape))]
    content = served_by_pydap({"values": (names, values), "last": (names[:1], np.arange(shape[0]).astype("f8"))})
    found = parse_data(content, "there")
    assert list(found) == ["values", "last"] and found["values"][0] == tuple(names)
    np.testing.assert_array_equal(found["values"][1], values)
    np.testing.assert_array_equal(found["last"][1], np.arange(shape[0]))


def dods(declarations, *arrays):
    body = b"".join(
        struct.pack(">II", len(array), len(array)) + struct.pack(f">{len(array)}f", *array) for array in arrays
    )
    return f"Dataset {{\n{declarations}\n}} name;\n\nData:\r\n".encode() + body


def test_the_form_of_thredds_is_read():
    axes = "MAPS:\n Float32 time[time = 1];\n Float32 x[x = 2];\n"
    text = f"  Grid {{\n ARRAY:\n Float32 SP[time = 1][x = 2];\n {axes}  }} SP;"
    found = parse_data(dods(text, [1.0, 2.0], [5.0], [7.0, 8.0]), "there")
    assert {name: (axes, values.tolist()) for name, (axes, values) in found.items()} == {
        "SP": (("time", "x"), [[1.0, 2.0]]), "time": (("time",), [5.0]), "x": (("x",), [7.0, 8.0]),
    }  # fmt: skip


WRONG = [
    (b"", RemoteError, "sent nothing instead of OPeNDAP data"),
    (b"\x00\x01garbage" * 30, RemoteError, "a text or a file of another kind"),
    (b'Error {\n code = 500;\n message = "disk\n failure";\n};', RemoteError, r"reports an error \(disk failure\)"),
    (b'Error {\n code = 404;\n message = "x.nc";\n};', InputNotFoundError, r"does not exist \(x.nc\)"),
    (b"Error {\n};", RemoteError, "no message"),
    (b'Error { code = 400; message = "http://u:secret@x/y?sig=secret no"; };', RemoteError, "http://x/y no"),
    (dods("Float32 a[x = 3];", [1.0, 2.0, 3.0])[:-1], RemoteError, "only a part of the data"),
    (dods("Float32 a[x = 3];", [1.0, 2.0]), RemoteError, "only a part of the data"),
    (dods("Float32 a[x = 1];", [1.0, 2.0]), RemoteError, "the length of a is not the declared one"),
    (dods("Float32 a[x = 99999999][y = 99999999][z = 99999999];", [1.0]), RemoteError, "only a part of the data"),
    (dods("String a[x = 3];", [1.0]), RemoteError, "a is of type String, and not a number"),
    (dods("Sequence {\n Float32 a;\n } s;"), RemoteError, "is a sequence"),
]


@pytest.mark.parametrize(("content", "error", "words"), WRONG)
def test_a_wrong_answer_is_reported_with_what_it_is(content, error, words):
    with pytest.raises(error, match=words) as raised:
        parse_data(content, "there")
    assert "secret" not in str(raised.value)


def test_attributes_that_are_not_understood_are_left_out():
    text = """Attributes {
    NC_GLOBAL { String title "a {b} \\"c\\"; d"; }
    SP {
        String units "Pa"; String list "a", "b"; Float32 _FillValue 9.999e+20; Int32 level 5; Float64 range 0.1, 2.0;
        Float32 missing_value NaN; Url link "http://x";
    }
    empty { }
}"""
    found = parse_attributes(text)
    assert found["NC_GLOBAL"] == {"title": 'a {b} "c"; d'}
    assert found["SP"].pop("missing_value") != found["SP"].get("missing_value")
    assert found["SP"] == {"units": "Pa", "_FillValue": 9.999e20, "level": 5}
    assert parse_attributes("") == parse_attributes('<html>{;"') == {}


def test_times_that_cannot_be_decoded_are_reported():
    def change(dataset):
        dataset["time"].attributes["units"] = "hours since yesterday"

    with pytest.raises(RemoteError, match="invalid units, scale or fill value"):
        read_from(Archive(change=change))


def test_a_missing_variable_is_reported():
    with pytest.raises(RemoteError, match=r"has no arrays and not NOPE \(2, 4, 4\) as requested"):
        read_from(Archive(), "NOPE")


def test_a_whole_response_is_read_once_and_only_up_to_a_limit():
    asked = []

    def answer(request):
        asked.append(request.headers.get("Range"))
        request.answer(200, b"x" * 1000)

    with serving(answer) as address:
        assert fetch_whole(Address.parse(f"{address}/x"), 1000) == b"x" * 1000
        with pytest.raises(RemoteError, match="sends more than the expected 999 bytes"):
            fetch_whole(Address.parse(f"{address}/x"), 999)
    assert asked == [None, None]


def test_a_web_page_in_place_of_a_response_is_reported():
    page = serving(lambda request: request.answer(200, "<html>log in</html>"))
    with page as address, pytest.raises(RemoteAccessError, match="sent a web page instead"):
        fetch_whole(Address.parse(f"{address}/x"), 1000)
