"""What reading promises: every frame, the right cell, and one clear line where it cannot be."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import ase.io
import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, molecule
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import nearedge.structures
from nearedge.errors import NearedgeError
from nearedge.structures import read_structures

CELL_A = [[4.0, 0.0, 0.0], [0.5, 5.0, 0.0], [0.0, 0.3, 6.0]]
SCALED = [[0.0, 0.0, 0.0], [0.5, 0.5, 0.25], [0.1, 0.6, 0.7]]

POSCAR = """Fe and two O
1.0
4.0 0.0 0.0
0.5 5.0 0.0
0.0 0.3 6.0
Fe O
1 2
Direct
0.0 0.0 0.0
0.5 0.5 0.25
0.1 0.6 0.7
"""

XDATCAR = """Fe and two O
1.0
4.0 0.0 0.0
0.5 5.0 0.0
0.0 0.3 6.0
Fe O
1 2
Direct configuration=     1
0.0 0.0 0.0
0.5 0.5 0.25
0.1 0.6 0.7
Direct configuration=     2
0.1 0.0 0.0
0.5 0.5 0.25
0.1 0.6 0.7
"""

EXTXYZ = """3
Lattice="4.0 0.0 0.0 0.5 5.0 0.0 0.0 0.3 6.0" Properties=species:S:1:pos:R:3 trajectory_id=t1 \
snapshot_id=4 temperature_K=300
Fe 0.0 0.0 0.0
O 2.25 2.575 1.5
O 0.7 3.21 4.2
"""

CIF = """data_two_oxygens
_cell_length_a 4.0
_cell_length_b 5.0
_cell_length_c 6.0
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
_chemical_formula_sum 'Fe O2'
loop_
_symmetry_equiv_pos_as_xyz
'x, y, z'
loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
_atom_site_occupancy
Fe1 Fe 0.0 0.0 0.0 1.0
O1 O 0.5 0.5 0.25 1.0
O2 O 0.1 0.6 0.7 1.0
"""


def vasprun_step(first_x: float) -> str:
    return f"""
<calculation>
 <scstep><energy><i name="e_fr_energy">-9.5</i><i name="e_0_energy">-9.0</i></energy></scstep>
 <structure>
  <crystal><varray name="basis"><v>4 0 0</v><v>0.5 5 0</v><v>0 0.3 6</v></varray></crystal>
  <varray name="positions"><v>{first_x} 0 0</v><v>0.5 0.5 0.25</v><v>0.1 0.6 0.7</v></varray>
 </structure>
 <energy><i name="e_fr_energy">-9.5</i><i name="e_0_energy">-9.0</i></energy>
</calculation>"""


VASPRUN = f"""<?xml version="1.0" encoding="ISO-8859-1"?>
<modeling>
<kpoints><varray name="kpointlist"><v>0 0 0</v></varray><varray name="weights"><v>1</v></varray>
</kpoints>
<atominfo><array name="atoms"><set>
 <rc><c>Fe</c><c>1</c></rc><rc><c>O</c><c>2</c></rc><rc><c>O</c><c>2</c></rc>
</set></array></atominfo>
<structure name="initialpos">
 <crystal><varray name="basis"><v>4 0 0</v><v>0.5 5 0</v><v>0 0.3 6</v></varray></crystal>
 <varray name="positions"><v>0 0 0</v><v>0.5 0.5 0.25</v><v>0.1 0.6 0.7</v></varray>
</structure>{vasprun_step(0.0)}{vasprun_step(0.1)}
</modeling>
"""


def refusal(file: Path) -> str:
    """The message with which a file is refused; one line that starts with its path."""
    with pytest.raises(NearedgeError) as caught:
        read_structures(file)
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith(str(file))
    assert ";" in message, "the message does not say what to do"
    return message


@pytest.mark.parametrize(
    ("name", "text", "frames"),
    [
        ("POSCAR", POSCAR, 1),
        ("CONTCAR.relaxed", POSCAR, 1),
        ("relaxed.vasp", POSCAR, 1),
        ("XDATCAR", XDATCAR, 2),
        ("XDATCAR.300K", XDATCAR, 2),
        ("vasprun.xml", VASPRUN, 2),
        ("run1_vasprun.xml", VASPRUN, 2),
        ("run.extxyz", EXTXYZ, 1),
        ("run.xyz", EXTXYZ + EXTXYZ, 2),
        ("cell@300K.xyz", EXTXYZ, 1),
        ("no_name_at_all", POSCAR, 1),
        ("no_name_at_all", XDATCAR, 2),
        ("no_name_at_all", VASPRUN, 2),
        ("no_name_at_all", EXTXYZ, 1),
        ("no_name_at_all", CIF, 1),
        ("no_name_at_all", "# written by hand\n" + CIF, 1),
        ("windows_line_ends", POSCAR.replace("\n", "\r\n"), 1),
    ],
)
def test_a_format_is_known_by_its_name_or_else_by_its_content(tmp_path, name, text, frames):
    file = tmp_path / name
    file.write_bytes(text.encode())
    structures = read_structures(file)
    assert [s.get_chemical_symbols() for s in structures] == [["Fe", "O", "O"]] * frames
    assert all(s.pbc.all() for s in structures)


@pytest.mark.parametrize(
    ("name", "text"),
    [("POSCAR", POSCAR), ("XDATCAR", XDATCAR), ("vasprun.xml", VASPRUN), ("run.xyz", EXTXYZ)],
)
def test_cell_and_positions_are_those_of_the_file(tmp_path, name, text):
    file = tmp_path / name
    file.write_text(text)
    structure = read_structures(file)[0]
    np.testing.assert_allclose(structure.cell.array, CELL_A, atol=1e-12)
    np.testing.assert_allclose(structure.positions, np.array(SCALED) @ CELL_A, atol=1e-12)


@pytest.mark.parametrize(("name", "text"), [("XDATCAR", XDATCAR), ("vasprun.xml", VASPRUN)])
def test_every_frame_is_returned_in_its_order(tmp_path, name, text):
    file = tmp_path / name
    file.write_text(text)
    np.testing.assert_allclose([s.positions[0, 0] for s in read_structures(file)], [0.0, 0.4])


def test_an_xdatcar_with_a_changing_cell_gives_each_frame_its_own(tmp_path):
    file = tmp_path / "XDATCAR"
    file.write_text(XDATCAR + XDATCAR.replace("\n1.0\n", "\n1.1\n"))
    lengths = [s.cell.lengths()[0] for s in read_structures(file)]
    np.testing.assert_allclose(lengths, [4.0, 4.0, 4.4, 4.4])


def test_an_ase_trajectory_is_read_with_its_entries(tmp_path):
    frames = [bulk("FeO", "zincblende", a=4.5 + k / 10) for k in range(3)]
    for k, frame in enumerate(frames):
        frame.info = {"trajectory_id": "t0", "snapshot_id": k, "temperature_K": 300.0}
    ase.io.write(tmp_path / "run.traj", frames)
    (tmp_path / "no_name").write_bytes((tmp_path / "run.traj").read_bytes())
    for name in ("run.traj", "no_name"):
        structures = read_structures(tmp_path / name)
        assert [s.info for s in structures] == [f.info for f in frames]
        np.testing.assert_array_equal([s.cell for s in structures], [f.cell for f in frames])


def test_entries_of_extended_xyz_are_plain_text_and_numbers(tmp_path):
    file = tmp_path / "run.extxyz"
    file.write_text(EXTXYZ + EXTXYZ.replace("=t1", "=17").replace("=300", "=300.5"))
    first, second = (s.info for s in read_structures(file))
    assert first == {"trajectory_id": "t1", "snapshot_id": 4, "temperature_K": 300.0}
    assert second == {"trajectory_id": "17", "snapshot_id": 4, "temperature_K": 300.5}
    assert [type(v) for v in second.values()] == [str, int, float]


def test_a_molecule_without_a_lattice_is_not_periodic(tmp_path):
    file = tmp_path / "water.xyz"
    ase.io.write(file, molecule("H2O"), format="xyz")
    assert not read_structures(file)[0].pbc.any()


def test_a_slab_keeps_the_directions_in_which_it_is_periodic(tmp_path):
    slab = Atoms("Fe", cell=[3, 3, 20], pbc=(True, True, False))
    ase.io.write(tmp_path / "slab.extxyz", slab)
    assert read_structures(tmp_path / "slab.extxyz")[0].pbc.tolist() == [True, True, False]


@pytest.mark.parametrize(
    ("name", "formula", "frames"),
    [
        ("structures/POSCAR_Fe3O4", "Fe6O8", 1),
        ("structures/POSCAR_Li2O", "Li64O32", 1),
        ("structures/XDATCAR.MD", "Fe32O48", 5),
        ("structures/Li5GaO4_9zk.cif", "Ga8Li40O32", 1),
        ("structures/Li8Fe2NiCoO8.cif", "CoFe2Li8NiO8", 1),
        ("li3feo35_ocean_0K/POSCAR", "Fe14Li42O49", 1),
        ("cross_code_anatase_Ti_K/structure_files/mp-390/POSCAR", "O4Ti2", 1),
    ],
)
def test_real_files_give_their_published_composition(shared_data, name, formula, frames):
    structures = read_structures(shared_data / name)
    assert [s.get_chemical_formula() for s in structures] == [formula] * frames
    assert all(s.pbc.all() for s in structures)


def test_the_real_trajectory_moves_from_frame_to_frame(shared_data):
    structures = read_structures(shared_data / "structures" / "XDATCAR.MD")
    np.testing.assert_allclose([s.cell.lengths() for s in structures], 9.39)
    steps = np.diff([s.get_scaled_positions(wrap=False) for s in structures], axis=0)
    assert (np.abs(steps).max(axis=(1, 2)) > 0).all()


def test_the_symmetry_of_a_real_cif_is_applied(shared_data):
    [crystal] = read_structures(shared_data / "structures" / "Li5GaO4_9zk.cif")
    distances = crystal.get_all_distances(mic=True)[crystal.symbols == "Ga"]
    to_oxygen = np.sort(distances[:, crystal.symbols == "O"], axis=1)
    assert crystal.info == {"space_group": "Pbca"}
    # Ga is tetrahedral: four oxygens in the first shell and a gap behind it.
    assert to_oxygen[:, 3].max() < 2.2
    assert to_oxygen[:, 4].min() > 2.8


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("O1 O 0.5 0.5 0.25 1.0", "O1 O 0.5 0.5 0.25 0.75", r"O1 \(0\.75\)"),
        ("O2 O 0.1 0.6 0.7 1.0", "O2 O 0.1 0.6 0.7 0.50(2)", r"O2 \(0\.5\)"),
        ("Fe1 Fe 0.0 0.0 0.0 1.0", "Fe1 Fe 0.0 0.0 0.0 0", r"Fe1 \(0\)"),
    ],
)
def test_a_cif_with_partly_occupied_sites_is_refused_by_site(tmp_path, before, after, message):
    file = tmp_path / "disordered.cif"
    file.write_text(CIF.replace(before, after))
    with pytest.raises(NearedgeError, match=rf"not fully occupied: {message}"):
        read_structures(file)


@pytest.mark.parametrize("occupancy", ["1", "1.000(3)", ".", "?"])
def test_a_cif_with_full_or_unstated_occupancies_is_read(tmp_path, occupancy):
    file = tmp_path / "ordered.cif"
    file.write_text(CIF.replace("0.25 1.0", f"0.25 {occupancy}"))
    assert len(read_structures(file)[0]) == 3


def test_a_cif_whose_sites_contradict_its_formula_is_refused(tmp_path):
    file = tmp_path / "cut.cif"
    file.write_text(CIF.replace("O2 O 0.1 0.6 0.7 1.0\n", ""))
    assert "its formula is Fe O2, but its sites make FeO" in refusal(file)


OPERATIONS_OF_P21N = """_symmetry_equiv_pos_as_xyz
'x, y, z'
'-x, -y, -z'
'-x+1/2, y+1/2, -z+1/2'
'x+1/2, -y+1/2, z+1/2'"""


@pytest.mark.parametrize("name", ["'P 1 21/n 1'", "'P 21/n'", "'a name nobody knows'", "?", None])
def test_the_operations_of_a_cif_decide_whatever_its_space_group_is_called(tmp_path, name):
    text = CIF.replace("_symmetry_equiv_pos_as_xyz\n'x, y, z'", OPERATIONS_OF_P21N)
    if name is not None:
        text = text.replace(
            "_cell_length_a", f"_symmetry_space_group_name_H-M {name}\n_cell_length_a"
        )
    file = tmp_path / "monoclinic.cif"
    file.write_text(text.replace("Fe1 Fe 0.0 0.0 0.0", "Fe1 Fe 0.05 0.1 0.2"))
    [crystal] = read_structures(file)
    expected = [[0.05, 0.1, 0.2], [0.95, 0.9, 0.8], [0.45, 0.6, 0.3], [0.55, 0.4, 0.7]]
    found = crystal.get_scaled_positions()[crystal.symbols == "Fe"]
    np.testing.assert_allclose(sorted(found.tolist()), sorted(expected), atol=1e-9)
    assert crystal.info == ({} if name in ("?", None) else {"space_group": name.strip("'")})


def test_the_space_group_of_a_cif_decides_where_it_lists_no_operations(tmp_path):
    file = tmp_path / "salt.cif"
    text = CIF.replace(
        "loop_\n_symmetry_equiv_pos_as_xyz\n'x, y, z'\n", "_space_group_IT_number 225\n"
    )
    text = text[: text.index("Fe1 Fe")] + "Fe1 Fe 0 0 0 1.0\nO1 O 0.5 0 0 1.0\n"
    file.write_text(text.replace("_chemical_formula_sum 'Fe O2'\n", ""))
    assert read_structures(file)[0].get_chemical_formula() == "Fe4O4"


def test_a_cif_without_any_symmetry_is_refused(tmp_path):
    file = tmp_path / "none.cif"
    file.write_text(CIF.replace("loop_\n_symmetry_equiv_pos_as_xyz\n'x, y, z'\n", ""))
    assert "neither symmetry operations nor a space group" in refusal(file)


def test_a_cif_with_two_sites_in_one_place_is_refused(tmp_path):
    file = tmp_path / "twice.cif"
    file.write_text(CIF.replace("O2 O 0.1 0.6 0.7", "O2 O 0.5 0.5 0.25"))
    assert "equivalent" in refusal(file)


def test_every_structure_of_a_cif_with_several_is_returned(tmp_path):
    file = tmp_path / "two.cif"
    file.write_text(CIF + CIF.replace("data_two", "data_other").replace("a 4.0", "a 4.5"))
    assert [s.cell.lengths()[0] for s in read_structures(file)] == [4.0, 4.5]


@pytest.mark.parametrize("what", ["missing", "folder", "empty", "blank"])
def test_a_file_that_is_not_there_or_empty_is_refused(tmp_path, what):
    file = tmp_path / "POSCAR"
    if what == "folder":
        file.mkdir()
    elif what != "missing":
        file.write_text("" if what == "empty" else " \n\n")
    expected = "empty" if what in ("empty", "blank") else "cannot be read"
    assert expected in refusal(file)


@pytest.mark.parametrize(
    "name", ["POSCAR", "XDATCAR", "vasprun.xml", "a.xyz", "a.traj", "a.cif", "POSCAR.gz", "a.bin"]
)
def test_a_binary_file_is_refused_whatever_its_name(tmp_path, name):
    file = tmp_path / name
    file.write_bytes(np.random.default_rng(0).bytes(5000))
    refusal(file)


@pytest.mark.parametrize("name", ["POSCAR", "XDATCAR", "vasprun.xml", "a.xyz", "a.traj", "a.cif"])
def test_prose_is_refused_whatever_its_name(tmp_path, name):
    file = tmp_path / name
    file.write_text("This is a letter.\n" * 30)
    refusal(file)


def test_an_unknown_format_is_refused_with_the_known_ones(tmp_path):
    file = tmp_path / "spectrum.dat"
    file.write_text("0.0 1.0\n" * 20)
    assert "POSCAR, XDATCAR, vasprun.xml, extended XYZ, ASE trajectory, CIF" in refusal(file)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("POSCAR", POSCAR),
        ("XDATCAR", XDATCAR),
        ("vasprun.xml", VASPRUN),
        ("run.xyz", EXTXYZ + EXTXYZ),
        ("crystal.cif", CIF),
    ],
)
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(kept=st.floats(0.0, 1.0))
def test_a_text_file_cut_anywhere_never_loses_atoms(tmp_path, name, text, kept):
    """Cut inside the last line, a file may read as whole; anywhere before, it must not."""
    whole, last_line = text.rstrip("\n"), text.rstrip("\n").rindex("\n") + 1
    cut = whole[: int(kept * len(whole))]
    file = tmp_path / name
    file.write_text(cut)
    try:
        structures = read_structures(file)
    except NearedgeError:
        return
    frames = text.count("Direct configuration") or text.count("Lattice") or 1
    whole_frames = len(structures) if name in ("XDATCAR", "run.xyz") else frames
    assert all(s.get_chemical_formula() == "FeO2" for s in structures)
    assert len(cut) >= last_line or whole_frames < frames


def test_a_vasprun_of_an_unfinished_run_is_refused(tmp_path):
    file = tmp_path / "vasprun.xml"
    file.write_text(VASPRUN[: VASPRUN.rindex("<calculation>") + 100])
    assert "VASP still running" in refusal(file)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(kept=st.floats(0.0, 0.999))
def test_an_ase_trajectory_cut_anywhere_is_refused(tmp_path, kept):
    whole, cut = tmp_path / "whole.traj", tmp_path / "cut.traj"
    if not whole.exists():
        ase.io.write(whole, [bulk("Fe")] * 3)
    content = whole.read_bytes()
    cut.write_bytes(content[: int(kept * len(content))])
    refusal(cut)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        (
            "XDATCAR",
            XDATCAR.replace("Direct configuration=     2", "\nDirect configuration= 2"),
            "",
        ),
        ("run.xyz", EXTXYZ + "\n" + EXTXYZ, "line 6 does not start another frame"),
        ("run.xyz", EXTXYZ + "O 0.0 0.0 0.0\n", ""),
        ("run.xyz", EXTXYZ.replace("Fe 0.0", "Fe zero"), ""),
        ("run.xyz", EXTXYZ.replace("Fe 0.0", "Zz 0.0"), ""),
        ("run.xyz", EXTXYZ.replace("Fe 0.0", "X 0.0"), "atom 0 is of no known element"),
        ("run.xyz", EXTXYZ.replace("2.575", "nan"), "not finite"),
        ("run.xyz", EXTXYZ.replace('"4.0 0.0 0.0', '"0.0 0.0 0.0'), "no volume"),
        ("run.xyz", EXTXYZ.replace("=300", "=warm"), "temperature_K must be a number"),
        ("run.xyz", "0\n\n", "has no atoms"),
        ("POSCAR", POSCAR.replace("Fe O\n", ""), "VASP 4"),
        ("POSCAR", POSCAR.replace("Fe O\n", "Fe O Li\n"), "3 elements and line 7 has 2 counts"),
        ("POSCAR", POSCAR.replace("Fe O\n", "Fe Zz\n"), ""),
        ("POSCAR", POSCAR.replace("0.5 5.0 0.0", "8.0 0.0 0.0"), ""),
        ("crystal.cif", CIF[: CIF.index("loop_")], "holds no structure"),
        ("crystal.cif", CIF.replace("0.25 1.0", "0.25"), ""),
        ("crystal.cif", CIF.replace("_cell_length_b 5.0\n", ""), "of the cell are missing"),
        ("vasprun.xml", VASPRUN.replace("<calculation>", "<calculation"), ""),
        ("vasprun.xml", VASPRUN.replace("<c>Fe</c>", "<c>Zz</c>"), ""),
    ],
)
def test_a_damaged_file_is_refused_and_never_read_in_part(tmp_path, name, text, message):
    file = tmp_path / name
    file.write_text(text)
    assert message in refusal(file)


def test_importing_the_folder_loads_no_program():
    heavy = "ase", "torch", "scipy", "vesin", "pymatgen"
    code = f"import sys, nearedge.structures; print([m for m in {heavy} if m in sys.modules])"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert loaded.stdout.strip() == "[]"


def test_every_public_name_is_there_and_no_other():
    assert all(getattr(nearedge.structures, name) for name in nearedge.structures.__all__)
    assert set(nearedge.structures.__all__) <= set(dir(nearedge.structures))
    with pytest.raises(AttributeError, match="no attribute 'read_structure'"):
        nearedge.structures.read_structure  # noqa: B018
