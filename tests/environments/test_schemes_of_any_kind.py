"""Schemes for any absorber: polyhedra, several dimers, no cutoff, targets, and what is refused."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk

from nearedge.environments import (
    LabelScheme,
    Target,
    label_sites,
    load_scheme,
    neighbours_by_gap,
    overall_ratio,
    scheme_for,
)
from nearedge.errors import UsageError

SPINEL = """
name = "iron"
absorber = "Fe"

[neighbours]
rule = "largest gap"
elements = ["O"]
absorbers_per_neighbour = [2.9, 3.1]

[[dimer]]
elements = ["Fe"]
cutoff_A = 2.0
label = "iron pair"

[[dimer]]
elements = ["S", "C"]
cutoff_A = 1.9
label = "foreign bond"

[[classes]]
label = "tetrahedral"
polyhedron = "tetrahedron"

[[classes]]
label = "other four"
coordination = 4

[[classes]]
label = "octahedral"
polyhedron = "octahedron"

[target]
quantity = "mean distance"
"""


@pytest.fixture
def spinel_scheme(tmp_path) -> LabelScheme:
    path = tmp_path / "iron.toml"
    path.write_text(SPINEL)
    return load_scheme(path)


def around_iron(vectors, elements="O", distance_A: float = 2.0) -> Atoms:
    """One Fe in the middle of a large cell with neighbours in some directions."""
    bonds = np.array(vectors, dtype=float)
    bonds *= distance_A / np.linalg.norm(bonds, axis=1, keepdims=True)
    symbols = ["Fe", *([elements] * len(bonds) if isinstance(elements, str) else elements)]
    positions = np.concatenate([np.zeros((1, 3)), bonds]) + 10
    return Atoms(symbols, positions, cell=[20] * 3, pbc=True)


TETRAHEDRON = [[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]]
SQUARE = [[1, 0, 0], [0, 1, 0], [-1, 0, 0], [0, -1, 0]]


def test_a_file_with_everything_survives_json(spinel_scheme):
    values = json.loads(json.dumps(spinel_scheme.to_dict()))
    assert LabelScheme.from_dict(values) == spinel_scheme
    assert spinel_scheme.labels == (
        "tetrahedral", "other four", "octahedral", "iron pair", "foreign bond",
    )  # fmt: skip
    assert spinel_scheme.cutoffs_A is None


def test_a_polyhedron_wins_over_the_bare_count(spinel_scheme):
    found = [
        label_sites(around_iron(vectors), spinel_scheme).environment.tolist()
        for vectors in (TETRAHEDRON, SQUARE)
    ]
    assert found == [["tetrahedral"], ["other four"]]


def test_a_site_of_another_polyhedron_has_no_class_and_says_how_far_it_is():
    scheme = LabelScheme("tet", "Fe", ("O",), 2.5, (("tetrahedral", 4, "tetrahedron"), ("six", 6)))
    labels = label_sites(around_iron(SQUARE), scheme)
    assert labels.environment.tolist() == [""]
    assert labels.reasons[0] == (
        "4 O within 2.5 Å, nearest to a square plane (shape measure 0.0); of 4 neighbours the "
        "scheme 'tet' has tetrahedron"
    )


def test_the_first_dimer_that_fits_wins(spinel_scheme):
    structure = around_iron(TETRAHEDRON)
    structure += Atoms("S", [[10, 10, 11.8]])
    assert label_sites(structure, spinel_scheme).environment.tolist() == ["foreign bond"]
    structure += Atoms("Fe", [[10, 10, 8.5]])
    assert label_sites(structure, spinel_scheme).environment.tolist() == ["iron pair"] * 2


def test_each_element_has_its_own_cutoff():
    scheme = LabelScheme("two", "Fe", ("O", "S"), (1.9, 2.4), tuple((str(n), n) for n in range(5)))
    structure = around_iron(SQUARE, ["O", "O", "S", "S"])
    assert label_sites(structure, scheme).coordination.tolist() == [2]
    values = scheme.to_dict()
    assert values["neighbours"]["cutoff_A"] == {"O": 1.9, "S": 2.4}
    assert LabelScheme.from_dict(json.loads(json.dumps(values))) == scheme


@pytest.mark.parametrize(
    ("structure", "absorber", "neighbour", "count"),
    [
        (bulk("FeO", "rocksalt", a=4.33), "Fe", "O", 6),
        (bulk("CsCl", "cesiumchloride", a=4.12), "Cs", "Cl", 8),
        (bulk("ZnS", "zincblende", a=5.41), "Zn", "S", 4),
        (bulk("Cu", "fcc", a=3.61), "Cu", "Cu", 12),
        (around_iron(SQUARE), "Fe", "O", 4),
    ],
)
def test_the_largest_gap_finds_the_textbook_coordination(structure, absorber, neighbour, count):
    sites = np.flatnonzero(structure.symbols == absorber)
    pairs = neighbours_by_gap(structure, sites, [neighbour])
    assert np.bincount(pairs.first)[sites].tolist() == [count] * len(sites)


def test_the_largest_gap_needs_no_periodic_cell_and_survives_missing_elements():
    molecule = around_iron(TETRAHEDRON)
    molecule.pbc = False
    molecule.set_cell(None)
    assert len(neighbours_by_gap(molecule, np.array([0]), ["O"]).first) == 4
    assert len(neighbours_by_gap(molecule, np.array([0]), ["S"]).first) == 0


def test_the_gap_does_not_depend_on_where_the_search_begins():
    stretched = around_iron(TETRAHEDRON, distance_A=5.5)
    assert len(neighbours_by_gap(stretched, np.array([0]), ["O"]).first) == 4


def test_the_mean_distance_is_that_of_the_counted_neighbours(spinel_scheme):
    labels = label_sites(around_iron(TETRAHEDRON, distance_A=1.87), spinel_scheme)
    assert labels.target is not None
    assert labels.target.tolist() == pytest.approx([1.87])


def test_a_site_without_neighbours_has_no_mean_distance_and_no_class():
    scheme = LabelScheme(
        "bare", "Fe", ("O",), 2.5, (("bare", 0), ("four", 4)), target=Target("mean distance")
    )
    labels = label_sites(Atoms("Fe", cell=[9] * 3, pbc=True), scheme)
    assert labels.environment.tolist() == [""]
    assert labels.reasons == {0: "bare, but no mean distance"}


def oxidation(**given) -> LabelScheme:
    return LabelScheme(
        "ox", "Fe", ("O",), 2.6, (("4 O", 4), ("6 O", 6)), target=Target("oxidation state", **given)
    )


def test_oxidation_states_balance_the_other_elements():
    structure = bulk("FeO", "rocksalt", a=4.3, cubic=True)
    labels = label_sites(structure, oxidation(elements={"O": -2.0}))
    assert labels.target is not None
    assert labels.target.tolist() == [2.0] * 4
    structure.symbols[np.flatnonzero(structure.symbols == "Fe")[0]] = "Li"
    labels = label_sites(structure, oxidation(elements={"O": -2.0, "Li": 1.0}))
    assert labels.target is not None
    assert labels.target.tolist() == pytest.approx([7 / 3] * 3)


def test_oxidation_states_of_a_structure_win_and_may_differ_by_environment():
    structure = bulk("FeO", "rocksalt", a=4.3)
    structure.info["trajectory_id"] = "mixed"
    for given, expected in (({"mixed": 2.6}, 2.6), ({"mixed": {"6 O": 2.5, "4 O": 3.0}}, 2.5)):
        labels = label_sites(structure, oxidation(elements={"O": -2.0}, structures=given))
        assert labels.target is not None
        assert labels.target.tolist() == [expected]


def test_an_oxidation_state_is_never_guessed():
    structure = bulk("FeO", "rocksalt", a=4.3)
    with pytest.raises(UsageError, match=r"oxidation state of its Fe is not given.*add .* O to"):
        label_sites(structure, oxidation(elements={"Li": 1.0}))


def test_the_ratio_follows_from_the_average_coordination_with_both_uncertainties(spinel_scheme):
    counted = dataclasses.replace(spinel_scheme, target=None)
    ratio = overall_ratio(counted, 4.0, (3.8, 4.3))
    assert ratio is not None
    assert ratio.mean == pytest.approx(4 / 3)
    assert ratio.interval == pytest.approx((3.8 / 3.1, 4.3 / 2.9))


def test_the_ratio_of_a_crystal_is_its_formula():
    structure = bulk("CaF2", "fluorite", a=5.46)
    classes = tuple((f"{n} F", n) for n in range(1, 9))
    scheme = LabelScheme("fluorite", "Ca", ("F",), 2.6, classes, absorbers_per_neighbour=(4.0, 4.0))
    mean = float(label_sites(structure, scheme).coordination.mean())
    ratio = overall_ratio(scheme, mean, (mean - 0.4, mean + 0.4))
    assert ratio is not None
    assert ratio.mean == 2.0
    assert ratio.interval == pytest.approx((1.9, 2.1))


def test_the_published_cell_has_its_overall_composition(shared_data):
    from nearedge.structures import read_structures

    [cell] = read_structures(shared_data / "li3feo35_ocean_0K" / "POSCAR")
    scheme = load_scheme("li3feo35_oxygen")
    mean = float(label_sites(cell, scheme).coordination.mean())
    ratio = overall_ratio(scheme, mean, (mean, mean))
    assert ratio is not None
    assert ratio.interval is not None
    assert ratio.mean == pytest.approx(14 / 49, rel=0.02)
    assert ratio.interval[0] < 14 / 49 < ratio.interval[1]


def test_the_ratio_is_undefined_where_the_counts_do_not_close(spinel_scheme):
    open_ended = dataclasses.replace(spinel_scheme, absorbers_per_neighbour=None)
    assert overall_ratio(open_ended, 1.5, (1.4, 1.6)) is None


def test_the_ratio_is_undefined_where_another_number_is_learned(spinel_scheme):
    with_target = dataclasses.replace(spinel_scheme, target=Target("mean distance"))
    assert overall_ratio(with_target, 4.0, (3.8, 4.3)) is None


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('rule = "largest gap"', "", "give 'cutoff_A' or 'rule'"),
        ('rule = "largest gap"', 'rule = "largest gap"\ncutoff_A = 2', "one of the two"),
        ('rule = "largest gap"', 'rule = "voronoi"', "unknown neighbours.rule 'voronoi'"),
        ('rule = "largest gap"', "cutoff_A = { S = 2.0 }", "is for S, the elements are O"),
        ('polyhedron = "tetrahedron"', 'polyhedron = "tetrahedrn"', "did you mean 'tetrahedron'"),
        (
            'polyhedron = "tetrahedron"',
            'polyhedron = "tetrahedron"\ncoordination = 5',
            "a tetrahedron has 4 neighbours, not 5",
        ),
        ('polyhedron = "tetrahedron"', "", "'coordination' is missing"),
        ('"iron pair"', '"tetrahedral"', "'tetrahedral' is given twice"),
        ("[2.9, 3.1]", "[3.1, 2.9]", "absorbers_per_neighbour"),
        ("[2.9, 3.1]", "[1, 2, 3]", "absorbers_per_neighbour"),
        ('"mean distance"', '"mean angle"', "target.quantity = 'mean angle'"),
        ('"mean distance"', '"oxidation state"', "give at least one of them"),
        ('"mean distance"', '"mean distance"\nelements = { O = -2 }', "leave them out"),
        ('"mean distance"', '"oxidation state"\nelements = { O = "-2" }', "must be numbers"),
        ('"mean distance"', '"oxidation state"\nelements = -2', "must be a table"),
    ],
)
def test_what_contradicts_itself_is_refused(tmp_path, old, new, message):
    path = tmp_path / "wrong.toml"
    assert old in SPINEL
    path.write_text(SPINEL.replace(old, new))
    with pytest.raises(UsageError, match=message):
        load_scheme(path)


def test_a_scheme_is_found_by_its_absorber_where_there_is_just_one():
    assert scheme_for("O").name == "li3feo35_oxygen"
    with pytest.raises(UsageError, match=r"no built-in label schemes are for it.*nearedge init"):
        scheme_for("Fe")
    with pytest.raises(UsageError, match="labels O sites"):
        scheme_for("Fe", "li3feo35_oxygen")
