"""Lines, continuum, minor gases and the absorption table made from them."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.io import netcdf_file

from lst_raster.errors import CancelledError, InputError, InputNotFoundError
from lst_raster.inputs.emissivity.spectra import crop_spectra, make_components
from lst_raster.simulator import make_absorption_table as make_table
from lst_raster.simulator.absorption_table import lagrange_weights, packaged_table, read_table, wavenumber_grid
from lst_raster.simulator.cross_sections import LineList, cross_section, read_lines
from lst_raster.simulator.make_absorption_table import continuum_cross_sections, read_continuum
from lst_raster.simulator.minor_gases import (
    CROSS_SECTION_GASES,
    MINOR_GASES,
    NITRIC_ACID_STRENGTH,
    nitric_acid_absorption,
    pseudo_spectrum,
    read_cross_sections,
    read_k_distribution,
    scaling_factor,
)
from tests.support.shared import shared_path


def one_line(**changes) -> LineList:
    values = {
        "wavenumber": 900.0,
        "intensity": 1e-24,
        "air_width": 0.07,
        "self_width": 0.35,
        "lower_energy": 1000.0,
        "temperature_exponent": 0.7,
        "pressure_shift": 0.0,
    }
    arrays = {name: np.array([value]) for name, value in (values | changes).items()}
    return LineList(molecule=1, isotopologue=np.array([1]), **arrays)


def test_a_line_keeps_its_intensity_whatever_the_pressure():
    grid = np.arange(870.0, 930.0, 0.0005)
    for pressure in (1.0, 100.0, 1000.0):
        area = cross_section(one_line(), grid, pressure=pressure, temperature=296.0).sum() * 0.0005
        lost = 2 * 0.07 * pressure / 1013.25 / np.pi / 25.0  # the Lorentz wings beyond the cut
        assert area == pytest.approx(1e-24 * (1.0 - lost), rel=1e-4)


def test_without_its_pedestal_a_line_ends_at_zero():
    grid = np.arange(870.0, 930.0, 0.01)
    lowered = cross_section(one_line(), grid, pressure=1000.0, temperature=296.0, remove_pedestal=True)
    whole = cross_section(one_line(), grid, pressure=1000.0, temperature=296.0)
    inside = np.abs(grid - 900.0) < 24.999
    assert 0.0 <= lowered[inside].min() < 1e-3 * whole[inside].min()
    assert (whole[~inside & (np.abs(grid - 900.0) > 25.001)] == 0.0).all()


def test_self_broadening_and_the_shift_move_the_line():
    grid = np.arange(899.0, 901.0, 0.001)
    dry = cross_section(one_line(), grid, pressure=1013.25, temperature=296.0)
    humid = cross_section(one_line(), grid, pressure=1013.25, temperature=296.0, mole_fraction=0.04)
    assert humid.max() / dry.max() == pytest.approx(0.07 / (0.07 * 0.96 + 0.35 * 0.04), rel=1e-3)
    shifted = cross_section(one_line(pressure_shift=-0.1), grid, pressure=1013.25, temperature=296.0)
    assert grid[shifted.argmax()] == pytest.approx(899.9, abs=0.002)


def test_the_authors_continuum_example_is_reproduced():
    continuum = read_continuum(shared_path("data", "spectroscopy", "mt_ckd_h2o_4.3.nc"))
    path = shared_path("data", "spectroscopy", "mt_ckd_h2o_4.3_example_output.nc")
    with netcdf_file(path, mmap=False) as example:
        wavenumber, own, foreign = (
            np.array(example.variables[name][...]) for name in ("wavenumbers", "self_absorption", "frgn_absorption")
        )
    vapour, density = 0.00990098, continuum.reference_temperature / 300.0  # at 1013 hPa, 300 K
    ours_own, ours_foreign = continuum_cross_sections(continuum, wavenumber, 300.0)
    assert np.allclose(ours_own * vapour * density, own, rtol=1e-5)
    assert np.allclose(ours_foreign * (1.0 - vapour) * density, foreign, rtol=1e-5)


def test_the_k_distribution_holds_the_known_strength_of_the_cfcs():
    terms = read_k_distribution(shared_path("data", "spectroscopy", "socrates_sp_lw_300_orig"), 760.0, 1000.0)
    by_place = {(entry.gas, entry.band): entry for entry in terms}
    assert by_place["cfc12", 92].coefficient == pytest.approx([1060.1], abs=0.1)
    assert by_place["cfc11", 84].coefficient == pytest.approx([1755.0], abs=1.0)
    assert {entry.gas for entry in terms} == set(MINOR_GASES) - set(CROSS_SECTION_GASES.values()) - {"nitric_acid"}


EDGES = np.arange(760.0, 1000.5)
PER_MOLECULE = 1e4 / 6.02214e23  # m2 kg-1 times kg mol-1 to cm2 molecule-1


@pytest.mark.parametrize(
    ("name", "gas", "molar_mass", "strength", "peak"),
    [
        # molar mass [kg mol-1]; absorption integrated over 760 to 1000 cm-1 [cm molecule-1], and its strongest 10 cm-1
        ("CFC-113_IR00.xsc", "cfc113", 0.18737, 6.1e-17, 810.0),
        ("CHClF2.xsc", "hcfc22", 0.08647, 2.31e-17, 800.0),
        ("CCl4.xsc", "carbon_tetrachloride", 0.15382, 5.07e-17, 790.0),
    ],
)
def test_cross_sections_keep_their_strength(name, gas, molar_mass, strength, peak):
    read, coefficient = read_cross_sections(shared_path("data", "spectroscopy", "xsc", name), EDGES)
    assert read == gas and coefficient.shape == (240,) and coefficient.min() >= 0.0
    assert coefficient.sum() * molar_mass * PER_MOLECULE == pytest.approx(strength, rel=0.01)
    assert 760.0 + 10.0 * coefficient.reshape(24, 10).sum(axis=1).argmax() == peak


def test_the_spectrum_nearest_to_250_k_is_used(tmp_path):
    path = tmp_path / "CCl4.xsc"
    spectrum = "      CCl4  790.0000  800.0000        11{:10.4f}     .0000 1.000E-18NCAR-b" + " " * 20
    rows = [spectrum.format(kelvin) + ("\n" + " {:9.3E}" * 10).format(*[value] * 10) + f"\n {value:9.3E}"
            for kelvin, value in ((298.0, 3e-18), (248.0, 2e-18), (170.0, 1e-18))]  # fmt: skip
    path.write_text("\n".join(rows) + "\n\x1a")
    _, coefficient = read_cross_sections(path, EDGES)
    assert coefficient[30:40] * 0.153811 * PER_MOLECULE == pytest.approx(2e-18, rel=1e-5)
    assert not coefficient[:30].any() and not coefficient[40:].any()
    path.write_text(path.read_text()[:-40])
    with pytest.raises(InputError, match="not a HITRAN cross section file, or damaged"):
        read_cross_sections(path, EDGES)


def test_nitric_acid_has_its_band_strength():
    coefficient = nitric_acid_absorption(EDGES)
    assert coefficient.sum() * 0.063012 * PER_MOLECULE == pytest.approx(NITRIC_ACID_STRENGTH, rel=1e-4)
    assert coefficient[110:140].min() > 0.5 * coefficient.max()  # nu5 at 879 and 2nu9 at 896 cm-1
    assert not coefficient[:80].any() and not coefficient[170:].any()


def test_a_pseudo_spectrum_keeps_the_mean_and_the_order_of_strengths():
    terms = read_k_distribution(shared_path("data", "spectroscopy", "socrates_sp_lw_300_orig"), 960.0, 1000.0)
    for entry in terms:
        spectrum = pseudo_spectrum(entry, 1000)
        assert spectrum.mean() == pytest.approx((entry.coefficient * entry.weight).sum(), rel=1e-9)
        assert spectrum.max() <= entry.coefficient.max() * (1.0 + 1e-9)


def test_the_scaling_of_a_gas_is_one_at_its_reference_state():
    scaling = np.array([60.0, 230.0, 0.14, 1.9, -2.9])
    assert scaling_factor(scaling, np.array(60.0), np.array(230.0)) == pytest.approx(1.0)


def test_four_point_weights_reproduce_cubics_and_single_out_nodes():
    nodes = np.geomspace(1.0, 1100.0, 12)
    position = np.linspace(2.0, 1000.0, 50)
    weights = lagrange_weights(position, nodes)
    assert np.allclose(weights @ (nodes**3 - 5.0 * nodes), position**3 - 5.0 * position)
    assert np.allclose(lagrange_weights(nodes, nodes), np.eye(12), atol=1e-12)


def _water_and_grid():
    lines = read_lines(shared_path("data", "spectroscopy", "h2o_hitran2012_650-1300.par"))
    grid = wavenumber_grid()[14000:18000]  # 900 to 940 cm-1
    return lines, grid


@pytest.mark.parametrize(("pressure", "temperature", "fraction"), [(950.0, 291.0, 0.02), (420.0, 255.0, 0.002)])
def test_the_table_interpolates_to_what_the_lines_give_between_its_nodes(pressure, temperature, fraction):
    lines, grid = _water_and_grid()
    exact = cross_section(
        lines, grid, pressure=pressure, temperature=temperature, mole_fraction=fraction, remove_pedestal=True
    )
    table = packaged_table()
    by_temperature = lagrange_weights(np.array([temperature]), table.temperature)[0]

    def rows(name, nodes):
        by_pressure = lagrange_weights(np.log([pressure]), np.log(nodes))[0]
        part = table.coefficients[14:18, table.row_slices[name]]
        return np.einsum("i,bin->bn", np.outer(by_pressure, by_temperature).ravel(), part).ravel()

    ours = rows("water", table.pressure) + fraction * rows("self_broadening", table.humid_pressure)
    assert ours.mean() == pytest.approx(exact.mean(), rel=1e-3)
    assert np.abs(ours - exact).mean() < 4e-3 * exact.mean()  # half precision, and cubics between the nodes


@pytest.mark.slow
def test_the_packaged_table_is_what_the_maker_makes(tmp_path, monkeypatch):
    # Of the line lists the four highest pressures are made again; continuum and minor gases in full.
    monkeypatch.setattr(make_table, "PRESSURE", make_table.PRESSURE[-4:])
    monkeypatch.setattr(make_table, "HUMID_PRESSURE", make_table.PRESSURE[-1:])
    monkeypatch.setattr(make_table, "TEMPERATURE", make_table.TEMPERATURE[:7])
    folder = shared_path("data", "spectroscopy")
    sources = make_table.TableSources(
        water_lines=folder / "h2o_hitran2012_650-1300.par",
        carbon_dioxide_lines=(folder / "co2" / "626.par",),
        continuum=folder / "mt_ckd_h2o_4.3.nc",
        k_distribution=folder / "socrates_sp_lw_300_orig",
        cross_sections=tuple((folder / "xsc").iterdir()),
    )
    make_table.make_table(sources, tmp_path / "table.nc")
    made, packaged = read_table(tmp_path / "table.nc"), packaged_table()
    assert np.array_equal(made.gas_coefficients, packaged.gas_coefficients)
    again, kept = (table.coefficients[:, table.row_slices["self_continuum"]] for table in (made, packaged))
    assert np.array_equal(again, kept[:, :7])
    count = len(packaged.temperature)
    lowest = packaged.coefficients[:, packaged.row_slices["water"]].reshape(24, -1, count, 1000)[:, -4:, :7]
    assert np.array_equal(made.coefficients[:, made.row_slices["water"]].reshape(lowest.shape), lowest)


def test_a_stopped_build_leaves_no_table(tmp_path):
    folder = shared_path("data", "spectroscopy")
    sources = make_table.TableSources(
        water_lines=folder / "h2o_hitran2012_650-1300.par",
        carbon_dioxide_lines=(folder / "co2" / "838.par",),
        continuum=folder / "mt_ckd_h2o_4.3.nc",
        k_distribution=folder / "socrates_sp_lw_300_orig",
        cross_sections=tuple((folder / "xsc").iterdir()),
    )
    with pytest.raises(CancelledError):
        make_table.make_table(sources, tmp_path / "table.nc", lambda done, total: False)
    few = replace(sources, cross_sections=(folder / "xsc" / "CCl4.xsc",))
    with pytest.raises(InputError, match="no cross sections of cfc113, hcfc22"):
        make_table.make_table(few, tmp_path / "table.nc")
    assert list(tmp_path.iterdir()) == []


def test_wrong_files_are_named_with_what_they_are_not(tmp_path):
    text = tmp_path / "text.txt"
    text.write_text("not a line list, but long enough to be taken for one, were it only made of digits" * 3)
    for reader, message in (
        (read_lines, "not a HITRAN line file"),
        (read_continuum, "not an MT_CKD"),
        (lambda path: read_k_distribution(path, 760.0, 1000.0), "not a SOCRATES"),
        (lambda path: read_cross_sections(path, EDGES), "not a HITRAN cross section"),
    ):
        with pytest.raises(InputError, match=message):
            reader(text)
        with pytest.raises(InputNotFoundError):
            reader(tmp_path / "absent")


@pytest.mark.parametrize(
    "read",
    [
        read_lines, read_continuum, lambda path: read_k_distribution(path, 760.0, 1000.0),
        lambda path: read_cross_sections(path, EDGES),
        lambda path: crop_spectra(path, path.with_name("out.csv")),
        lambda path: make_components(path, path, path.with_name("out.csv")),
    ],
)  # fmt: skip
@pytest.mark.parametrize(
    "content", [b"\x1f\x8b\x08\xd3rest", b"*BLOCK: TYPE =    5: SUBTYPE =    0\n1 2\n*END", b"CDF\x01\xff"]
)
def test_sources_of_the_tables_that_are_something_else_are_refused(tmp_path, read, content):
    path = tmp_path / "source"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"source .*; give|source is not|expected"):
        read(path)
    assert [path.name for path in tmp_path.iterdir()] == ["source"]
