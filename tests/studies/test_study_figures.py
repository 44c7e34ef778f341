from __future__ import annotations

import struct
import subprocess
import sys
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from jaxtyping import TypeCheckError
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.text import Text

from nearedge.environments import label_sites, load_scheme
from nearedge.errors import NearedgeError
from nearedge.spectra import read_spectra
from nearedge.structures import read_structures
from nearedge.studies.atoms import draw_cluster, reach_A
from nearedge.studies.figures import (
    Cluster,
    Learning,
    Regression,
    Reliability,
    Score,
    SiteSpectra,
    Sweep,
    cluster_around,
    figure_averaged,
    figure_confusion,
    figure_examples,
    figure_groups,
    figure_hidden_nodes,
    figure_learning,
    figure_networks,
    figure_protocols,
    figure_regression,
    figure_reliability,
    figure_spectra,
    save_figures,
    typical_sites,
)
from nearedge.studies.style import PART_COLOURS, environment_colours, new_figure, spread

LABELS = ("0 Fe", "1 Fe", "2 Fe", "3 Fe", "4 Fe", "O-O dimer")
PARTS = ("train", "validation", "test", "held-out")
ENERGY_EV = np.linspace(-5.0, 25.0, 301)


def site_spectra(codes: tuple[int, ...] = (0, 0, 0, 1, 1, 2, 3, 4, 5)) -> SiteSpectra:
    rng = np.random.default_rng(0)
    edge_eV = 2.0 + 0.7 * np.array(codes)[:, None] + rng.normal(0, 0.2, (len(codes), 1))
    intensity = np.exp(-(((ENERGY_EV - edge_eV) / 1.5) ** 2)) + 0.03 * (ENERGY_EV > 0)
    neighbours = np.array([[0, 0, 0], [2.0, 0, 0], [0, 2.0, 0.3], [-1.5, 0, 1.4]])
    cluster = Cluster(("O", "Fe", "Li", "Li"), neighbours)
    return SiteSpectra(
        ENERGY_EV,
        intensity,
        np.array(codes),
        LABELS,
        {LABELS[code]: cluster for code in codes},
        energy_zero="mean edge energy (Fermi level or band minimum) of the structure's sites",
    )


def by_part(seeds: int, settings: int, parts: tuple[str, ...] = PARTS) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(1)
    top = {"train": 0.995, "validation": 0.99, "test": 0.99, "held-out": 0.74}
    top |= {"held-out averages": 0.74, "held-out sites": 0.6, "nearedge": 0.74, "paper": 0.7}
    return {
        part: np.clip(top[part] + rng.normal(0, 0.01, (seeds, settings)), 0, 1) for part in parts
    }


def hidden_sweep(seeds: int, widths: range) -> Sweep:
    ticks = tuple(f"{width}+{width - 2}" for width in widths)
    return Sweep(np.array(widths), by_part(seeds, len(widths)), ticks)


def learning(seeds: int, rate: float = 0.01) -> Learning:
    fall = np.exp(-np.arange(60) / 10)
    runs = {
        part: fall + level * np.ones((seeds, 60))
        for part, level in (("train", 0.004), ("validation", 0.0042), ("held-out", 0.12))
    }
    return Learning(rate, runs)


def regression(error: float) -> Regression:
    rng = np.random.default_rng(2)
    true = rng.normal(1.5, 0.1, 400)
    return Regression(true, true + error * rng.choice([-1.0, 1.0], 400), 0.01)


def reliability(count: int = 200) -> Reliability:
    rng = np.random.default_rng(3)
    probability = rng.uniform(0.4, 1.0, count)
    return Reliability(probability, rng.random(count) < probability)


def scores(seeds: int) -> list[Score]:
    value = np.linspace(0.70, 0.76, seeds)
    return [
        Score("paper", "published", np.array([0.987])),
        Score("paper's network", "pooled", np.full(seeds, 0.99)),
        Score("nearedge", "held-out", value + 0.1),
        Score("gradient boosting", "held-out", value, value - 0.05),
    ]


def every_figure(seeds: int) -> dict[str, Figure]:
    confusion = np.diag([200, 180, 7, 1600, 3, 0])
    rates = [learning(seeds, 0.01), learning(seeds, 0.001)]
    return {
        "spectra": figure_spectra(site_spectra()),
        "networks": figure_networks(LABELS, np.linspace(0, 1, 70), np.ones(70)),
        "hidden_nodes": figure_hidden_nodes(hidden_sweep(seeds, range(4, 17))),
        "examples": figure_examples(Sweep(np.arange(1000, 10001, 1000), by_part(seeds, 10))),
        "averaged": figure_averaged(
            Sweep(
                2 ** np.arange(7),
                by_part(seeds, 7, (*PARTS[:3], "held-out averages", "held-out sites")),
            )
        ),
        "groups": figure_groups(
            Sweep(np.array([1, 2, 3, 5, 7]), by_part(seeds, 5, ("nearedge", "paper"))),
            "trajectories",
        ),
        "learning": figure_learning(rates),
        "regression": figure_regression(regression(0.06), regression(0.4), "trajectories"),
        "confusion": figure_confusion(LABELS, confusion, confusion),
        "reliability": figure_reliability(reliability(), reliability(50)),
        "protocols": figure_protocols(scores(seeds), "trajectories"),
    }


@pytest.fixture(scope="module")
def figures() -> dict[str, Figure]:
    return every_figure(seeds=5)


def words(figure: Figure) -> str:
    return "\n".join(text.get_text() for text in figure.findobj(Text) if isinstance(text, Text))


def lines_named(axes: Axes, name: str) -> int:
    return sum(line.get_label() == name for line in axes.lines)


def drawn_texts(
    figure: Figure, monkeypatch: pytest.MonkeyPatch
) -> list[tuple[str, tuple[float, float, float, float]]]:
    """What is written and where (x0, y0, x1, y1 in pixels), ticks outside the limits left out."""
    seen: list[Text] = []
    draw = Text.draw

    def record(self: Text, renderer: object, *args: object) -> None:
        if self.get_visible() and self.get_text().strip():
            seen.append(self)
        draw(self, renderer, *args)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(Text, "draw", record)
        figure.draw_without_rendering()
    return [(text.get_text(), text.get_window_extent().extents) for text in seen]


@pytest.mark.parametrize("seeds", [1, 5])
def test_no_text_is_clipped_or_overlaps_another(
    seeds: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, figure in every_figure(seeds).items():
        texts = drawn_texts(figure, monkeypatch)
        width, height = figure.bbox.size
        for number, (text, (x0, y0, x1, y1)) in enumerate(texts):
            inside = x0 > -1 and y0 > -1 and x1 < width + 1 and y1 < height + 1
            assert inside, f"{name}: {text!r} is clipped"
            for other, (u0, v0, u1, v1) in texts[:number]:
                apart = x0 > u1 - 2 or u0 > x1 - 2 or y0 > v1 - 2 or v0 > y1 - 2
                assert apart, f"{name}: {text!r} overlaps {other!r}"


def test_all_type_is_legible_in_print(figures: dict[str, Figure]) -> None:
    for figure in figures.values():
        texts = [text for text in figure.findobj(Text) if isinstance(text, Text)]
        assert min(float(text.get_fontsize()) for text in texts if text.get_text()) >= 6.5


def test_figures_are_one_or_two_columns_wide(figures: dict[str, Figure]) -> None:
    widths = {name: figure.get_figwidth() * 25.4 for name, figure in figures.items()}
    double = {name for name, width in widths.items() if width == pytest.approx(175)}
    single = {name for name, width in widths.items() if width == pytest.approx(85)}
    assert double == {"networks", "learning", "regression", "confusion"}
    assert set(figures) - double - single <= {"protocols"}


def test_drawing_leaves_the_settings_of_matplotlib_alone() -> None:
    before = dict(matplotlib.rcParams)
    figure_hidden_nodes(hidden_sweep(1, range(4, 7)))
    assert dict(matplotlib.rcParams) == before


def test_the_look_does_not_depend_on_the_settings_of_the_caller(tmp_path: Path) -> None:
    sweep = hidden_sweep(2, range(4, 7))
    plain = save_figures({"plain": figure_hidden_nodes(sweep)}, tmp_path)["plain"]
    with matplotlib.rc_context({"font.size": 20, "xtick.labelsize": 30, "xtick.direction": "in"}):
        loud = save_figures({"loud": figure_hidden_nodes(sweep)}, tmp_path)["loud"]
    assert plain.read_bytes() == loud.read_bytes()


def test_studies_load_matplotlib_only_when_figures_are_drawn() -> None:
    code = "import sys, nearedge.studies; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_png_has_200_dots_per_inch_and_pdf_stands_beside_it(
    figures: dict[str, Figure], tmp_path: Path
) -> None:
    path = save_figures({"learning": figures["learning"]}, tmp_path / "new")["learning"]
    width, height = struct.unpack(">II", path.read_bytes()[16:24])
    assert (width, height) == (int(175 / 25.4 * 200), int(62 / 25.4 * 200))
    assert (tmp_path / "new" / "learning.pdf").read_bytes().startswith(b"%PDF")


def test_the_same_figure_is_saved_as_the_same_bytes(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        save_figures(
            {"regression": figure_regression(regression(0.1), regression(0.2))}, tmp_path / folder
        )
    for name in ("regression.png", "regression.pdf"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_a_folder_that_cannot_be_written_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(NearedgeError, match=r"file.*cannot write the figures"):
        save_figures({"x": new_figure(20.0, 20.0)}, tmp_path / "file")


def test_spectra_of_all_environments_are_drawn_with_70_points_band_and_atoms() -> None:
    figure = figure_spectra(site_spectra())
    panels = [axes for axes in figure.axes if axes.lines and axes.axison]
    pictures = [axes for axes in figure.axes if not axes.axison]
    assert len(panels) == 6
    assert len(pictures) == 6 + 1
    assert all(np.size(axes.lines[1].get_xdata()) == 70 for axes in panels)
    assert [len(axes.collections) for axes in panels] == [1, 1, 0, 0, 0, 0]
    assert "3 sites" in words(figure)


def test_an_environment_without_sites_is_said_to_be_absent() -> None:
    figure = figure_spectra(site_spectra((0, 0, 1, 3)))
    assert words(figure).count("no site in this library") == 3
    assert len([axes for axes in figure.axes if axes.axison]) == 6


def test_the_typical_site_is_one_of_its_class_and_nearest_to_the_median() -> None:
    levels = np.array([1.0, 5.0, 2.0, 9.0, 100.0])
    intensity = levels[:, None] * np.exp(-(ENERGY_EV**2))
    typical = typical_sites(ENERGY_EV, intensity, np.array([0, 2, 0, 0, 2]), LABELS)
    assert typical["0 Fe"] == 2
    assert set(typical) == {"0 Fe", "2 Fe"}


def test_real_spectra_and_their_atoms_are_drawn(shared_data: Path) -> None:
    folder = shared_data / "li3feo35_ocean_0K"
    spectra = read_spectra(folder / "O_K_spectra.dat")
    structure = next(iter(read_structures(folder / "POSCAR")))
    sites = label_sites(structure, load_scheme("li3feo35_oxygen"))
    codes = np.array([LABELS.index(label) for label in sites.environment])
    energy_eV = spectra[0].energy_eV
    intensity = np.stack([spectrum.intensity for spectrum in spectra])
    clusters = {
        label: cluster_around(structure, int(sites.atom_index[site]))
        for label, site in typical_sites(energy_eV, intensity, codes, LABELS).items()
    }
    figure = figure_spectra(SiteSpectra(energy_eV, intensity, codes, LABELS, clusters))
    assert {label: cluster.symbols.count("Fe") for label, cluster in clusters.items()} == {
        f"{count} Fe": count for count in range(5)
    }
    assert words(figure).count("no site in this library") == 1
    assert "17 sites" in words(figure)


def test_no_atom_is_cut_off_in_any_view() -> None:
    for seed in range(20):
        direction = np.random.default_rng(seed).normal(size=(4, 3))
        far = 2.6 * direction / np.linalg.norm(direction, axis=1)[:, None]
        cluster = Cluster(("O", "Li", "Li", "Fe", "Li"), np.concatenate([np.zeros((1, 3)), far]))
        axes = new_figure(30.0, 30.0).add_subplot()
        draw_cluster(axes, cluster, reach_A(cluster))
        for disc in axes.patches:
            x, y = disc.center
            assert max(abs(x), abs(y)) + disc.radius < axes.get_xlim()[1]


def test_a_cluster_crosses_the_boundary_of_the_cell(shared_data: Path) -> None:
    structure = next(iter(read_structures(shared_data / "li3feo35_ocean_0K" / "POSCAR")))
    oxygen = int(np.flatnonzero(np.array(structure.get_chemical_symbols()) == "O")[0])
    moved = structure.copy()
    moved.positions += structure.positions[oxygen] * -1 + 1e-3
    moved.wrap()
    one, other = cluster_around(structure, oxygen), cluster_around(moved, oxygen)
    distances = [np.sort(np.linalg.norm(c.positions_A, axis=1)) for c in (one, other)]
    np.testing.assert_allclose(distances[0], distances[1], atol=1e-9)


def test_no_ball_hides_another_completely() -> None:
    octahedron = 2.1 * np.concatenate([np.eye(3), -np.eye(3)])
    cluster = Cluster(("O", *["Fe"] * 6), np.concatenate([np.zeros((1, 3)), octahedron]))
    axes = new_figure(30.0, 30.0).add_subplot()
    draw_cluster(axes, cluster, reach_A(cluster))
    rims = [patch for patch in axes.patches if patch.get_linewidth() > 0]
    centres = np.array([patch.center for patch in rims])  # type: ignore[attr-defined]
    apart = np.linalg.norm(centres[:, None] - centres[None], axis=-1)
    assert len(rims) == 7
    assert apart[np.triu_indices(7, 1)].min() > 0.6


def test_a_distant_atom_of_the_absorbers_element_is_left_out_and_a_dimer_is_not() -> None:
    counts = []
    for distance_A in (1.45, 2.5):
        axes = new_figure(30.0, 30.0).add_subplot()
        positions = np.array([[0, 0, 0], [distance_A, 0, 0]])
        draw_cluster(axes, Cluster(("O", "O"), positions), 3.0)
        counts.append(sum(patch.get_linewidth() > 0 for patch in axes.patches))
    assert counts == [2, 1]


def test_networks_show_their_layers_and_name_every_class() -> None:
    figure = figure_networks(LABELS, np.linspace(0, 1, 70), np.ones(70))
    classifier, regressor = (axes for axes in figure.axes if not axes.axison)
    ellipsis = 3
    assert len(classifier.patches) == 10 + ellipsis + 8 + 6 + 6
    assert len(regressor.patches) == 10 + ellipsis + 8 + 6 + 1
    edges = [len(layer.get_segments()) for layer in classifier.collections]  # type: ignore[attr-defined]
    assert edges == [10 * 8, 8 * 6, 6 * 6]
    assert all(label in words(figure) for label in (*LABELS, "70", "softmax", "linear"))


@pytest.mark.parametrize(("seeds", "bands"), [(1, 0), (5, 4)])
def test_a_band_is_drawn_where_there_are_several_seeds(seeds: int, bands: int) -> None:
    axes = figure_hidden_nodes(hidden_sweep(seeds, range(4, 11))).axes[0]
    assert [lines_named(axes, part) for part in PARTS] == [1, 1, 1, 1]
    assert len(axes.collections) == bands
    assert [tick.get_text() for tick in axes.get_xticklabels()][0::6] == ["4+2", "10+8"]


def test_curves_show_the_median_and_the_range_in_percent() -> None:
    values = np.array([[0.5, 0.6], [0.9, 0.7], [0.6, 0.8]])
    axes = figure_examples(Sweep(np.array([1000, 2000]), {"held-out": values})).axes[0]
    np.testing.assert_allclose(np.asarray(axes.lines[0].get_ydata()), [60, 70])
    heights = np.asarray(axes.collections[0].get_paths()[0].vertices)[:, 1]
    assert (heights.min(), heights.max()) == pytest.approx((50, 90))


def test_a_missing_value_leaves_the_rest_of_the_curve() -> None:
    values = np.array([[0.9, np.nan, 0.8]])
    axes = figure_examples(Sweep(np.array([1, 2, 3]), {"test": values})).axes[0]
    assert np.isfinite(np.asarray(axes.lines[0].get_ydata(), dtype=float)).sum() == 2


def test_a_sweep_of_a_single_setting_is_drawn() -> None:
    for draw in (figure_hidden_nodes, figure_averaged):
        axes = draw(Sweep(np.array([8]), by_part(1, 1), ("8+6",))).axes[0]
        assert [tick.get_text() for tick in axes.get_xticklabels()] == ["8+6"]


def test_learning_curves_share_one_logarithmic_axis() -> None:
    figure = figure_learning([learning(5, 0.01), learning(5, 0.001)])
    assert [axes.get_yscale() for axes in figure.axes] == ["log", "log"]
    assert figure.axes[0].get_ylim() == figure.axes[1].get_ylim()
    assert "learning rate 0.001" in words(figure)
    assert all(lines_named(axes, "held-out") == 1 for axes in figure.axes)


def test_regression_states_its_errors_beside_those_of_the_constant_mean() -> None:
    figure = figure_regression(regression(0.06), regression(0.3))
    pooled, held_out = (axes.get_title(loc="left") for axes in figure.axes)
    assert "MSE 0.0036, RMSE 0.06, RMSE/mean 4 %" in pooled
    assert "constant training mean: MSE 0.01" in pooled
    assert "MSE 0.09, RMSE 0.3, RMSE/mean 20 %" in held_out
    assert figure.axes[0].get_xlim() == figure.axes[0].get_ylim() == figure.axes[1].get_xlim()


def test_confusion_colours_by_row_share_and_writes_counts() -> None:
    counts = np.array([[6, 2], [0, 0]])
    figure = figure_confusion(("0 Fe", "1 Fe"), counts, np.array([[1, 0], [1, 3]]))
    image = figure.axes[0].images[0]
    assert isinstance(image, AxesImage)
    np.testing.assert_allclose(np.asarray(image.get_array()), [[0.75, 0.25], [0, 0]])
    assert "Pooled: 75.0 % of 8 averages right" in words(figure)
    assert "Held-out: 80.0 % of 5 sites right" in words(figure)
    assert words(figure).count("no example") == 1


def test_reliability_is_the_share_of_right_answers_at_their_mean_probability() -> None:
    correct = np.array([True] * 5 + [False] * 5 + [True] * 10)
    answers = Reliability(np.repeat([0.5, 0.9], 10), correct)
    axes = figure_reliability(answers, answers, bins=2).axes[0]
    points = axes.containers[0].lines[0]  # type: ignore[union-attr]
    np.testing.assert_allclose(points.get_xdata(), [50, 90])
    np.testing.assert_allclose(points.get_ydata(), [50, 100])


def test_reliability_keeps_equal_probabilities_together() -> None:
    certain = Reliability(np.ones(40), np.arange(40) % 2 == 0)
    points = figure_reliability(certain, certain).axes[0].containers[0].lines[0]  # type: ignore[union-attr]
    np.testing.assert_allclose(points.get_xydata(), [[100, 50]])


def test_protocols_are_compared_in_one_chart_with_their_values() -> None:
    figure = figure_protocols(scores(3), "trajectories")
    text = words(figure)
    assert [lines_named(figure.axes[0], score.method) for score in scores(3)] == [1, 1, 1, 1]
    assert all(value in text for value in ("98.7", "99.0", "83.0", "73.0"))
    assert "unseen trajectories" in text


def test_each_environment_and_each_part_has_a_colour_of_its_own() -> None:
    assert len(set(environment_colours(LABELS).values())) == 6
    assert len(set(PART_COLOURS.values())) == 4


def test_places_are_spread_to_the_gap_in_their_order() -> None:
    wanted = np.array([0.99, 0.2, 0.98, 0.995])
    placed = spread(wanted, gap=0.1, low=0.0, high=1.0)
    assert np.diff(np.sort(placed)).min() >= 0.1 - 1e-12
    assert placed.max() <= 1.0 + 1e-12
    assert (np.argsort(placed) == np.argsort(wanted)).all()
    assert placed[1] == pytest.approx(0.2)


def _bad_data() -> dict[str, object]:
    two = np.array([0.5, 0.5])
    spectra = site_spectra()
    return {
        "cluster shape": lambda: Cluster(("O", "Fe"), np.zeros((1, 3))),
        "cluster origin": lambda: Cluster(("O",), np.ones((1, 3))),
        "site count": lambda: SiteSpectra(
            ENERGY_EV, spectra.intensity[:3], spectra.environment, LABELS
        ),
        "unknown code": lambda: SiteSpectra(
            ENERGY_EV, spectra.intensity, spectra.environment + 1, LABELS
        ),
        "cluster of no label": lambda: SiteSpectra(
            ENERGY_EV,
            spectra.intensity,
            spectra.environment,
            LABELS,
            {"5 Fe": spectra.clusters["0 Fe"]},
        ),
        "sweep length": lambda: Sweep(np.arange(3), {"test": np.zeros((1, 2))}),
        "sweep part": lambda: Sweep(np.arange(2), {"dev": np.zeros((1, 2))}),
        "sweep ticks": lambda: Sweep(np.arange(2), {"test": np.zeros((1, 2))}, ("4+2",)),
        "no part": lambda: Sweep(np.arange(2), {}),
        "no seed": lambda: Sweep(np.arange(2), {"test": np.zeros((0, 2))}),
        "epochs": lambda: Learning(0.1, {"train": np.zeros((1, 3)), "test": np.zeros((1, 2))}),
        "no panel": lambda: figure_learning([]),
        "regression": lambda: Regression(two, np.ones(3), 0.1),
        "reliability": lambda: Reliability(two, np.array([True])),
        "probability": lambda: Reliability(two + 1, np.array([True, False])),
        "protocol": lambda: Score("x", "open", two),  # type: ignore[arg-type]
        "no score": lambda: Score("x", "pooled", np.zeros(0)),
        "no scores": lambda: figure_protocols([]),
        "confusion": lambda: figure_confusion(LABELS, np.eye(5, dtype=int), np.eye(5, dtype=int)),
        "inputs": lambda: figure_networks(LABELS, np.ones(70), np.ones(60)),
    }


@pytest.mark.parametrize("case", _bad_data())
def test_data_that_do_not_fit_are_refused(case: str) -> None:
    # Where array shapes are checked, the checker refuses first.
    with pytest.raises((NearedgeError, TypeCheckError)) as caught:
        _bad_data()[case]()  # type: ignore[operator]
    assert caught.type is TypeCheckError or "\n" not in str(caught.value)


def test_the_atoms_shown_around_a_site_are_those_that_its_scheme_counts() -> None:
    from dataclasses import replace

    from ase.build import bulk

    from nearedge.environments import load_scheme
    from nearedge.studies.presentation import _reach_A

    scheme = load_scheme("li3feo35_oxygen")
    structure = bulk("FeO", "rocksalt", a=4.334)
    assert _reach_A(scheme, structure, 1) == 2.6
    each = replace(scheme, neighbours=("Fe", "Li"), cutoff_A=(2.6, 2.9))
    assert _reach_A(each, structure, 1) == 2.9
    assert _reach_A(replace(scheme, cutoff_A=None), structure, 1) == pytest.approx(2.167)
