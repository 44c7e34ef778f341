"""The commands and their options."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import App, Parameter

from nearedge import __version__

app = App(
    name="nearedge",
    help="Reads the local environment of an atom from its X-ray near-edge spectrum.",
    version=__version__,
)
library = App(name="library", help="Build, import and look at libraries of spectra.")
app.command(library)


@Parameter(name="*")
@dataclass(frozen=True)
class Output:
    """How a command answers.

    Parameters
    ----------
    json
        Print one JSON document on standard output, and nothing else there.
    debug
        Show the traceback of an error.
    """

    json: Annotated[bool, Parameter(negative="")] = False
    debug: Annotated[bool, Parameter(negative="")] = False


_PLAIN = Output()
# Repeated from nearedge.models.sharing, whose import would make --help wait.
_TOLD = "absorber,edge"


@library.command(name="build")
def library_build(
    recipe: Path,
    *,
    out: Path,
    workers: int | None = None,
    dask: str | None = None,
    retry_failed: Annotated[bool, Parameter(negative="")] = False,
    output: Output = _PLAIN,
) -> None:
    """Make the library that a recipe describes; go on where an earlier call stopped.

    Parameters
    ----------
    recipe
        A TOML file; examples stand in examples/recipes.
    out
        Where the library goes. Work in progress stands beside it, in OUT.building.
    workers
        Processes on this machine that run at once; one per core if not given.
    dask
        Address of a Dask scheduler, tcp://host:8786 say, on whose cluster to run instead.
    retry_failed
        Compute again the sites that failed in an earlier call.
    """
    from nearedge.cli.show import print_json, progress_bar
    from nearedge.compute import cores, dask_executor, local_executor
    from nearedge.errors import UsageError
    from nearedge.library import build_library
    from nearedge.library.build import RETRY

    if dask is None:
        workers = cores() if workers is None else workers
        if workers < 1:
            raise UsageError(f"--workers {workers}: give at least 1")
        executor = local_executor(workers)
    elif workers is None:
        executor = dask_executor(dask)
        workers = executor.in_flight
    else:
        raise UsageError("--workers and --dask exclude each other; give one of them")
    with executor, progress_bar() as progress:
        report = build_library(
            # Absolute, since the cluster's workers stand in folders of their own.
            recipe.absolute() if dask else recipe,
            out.absolute() if dask else out,
            executor,
            workers=workers,
            retry_failed=retry_failed,
            progress=progress,
        )
    if output.json:
        print_json(vars(report) | {"path": str(out)})
        return
    print(
        f"{out}: {report.sites} sites ({report.computed} computed now, "
        f"{report.core_seconds_per_site:.1f} s of one core each)"
    )
    for name, mean in report.mean_coordination.items():
        print(
            f"  {name}: {mean['absorber']:.3f} neighbours an absorber, "
            f"{mean['neighbour']:.2f} absorbers a neighbour"
        )
    for title, sites in (("left out", report.left_out), ("failed", report.failed)):
        _list_sites(title, sites)
    if report.failed:
        print(f"  {RETRY}")
    print(f"Work files stay in {out}.building; delete them when you need no further sites.")


@library.command(name="import")
def library_import(
    *,
    structure: Path | None = None,
    spectra: Annotated[list[Path] | None, Parameter(consume_multiple=True)] = None,
    folder: Path | None = None,
    pattern: str | None = None,
    absorber: str,
    out: Path,
    scheme: str | None = None,
    edge: str = "K",
    window: Annotated[str | None, Parameter(allow_leading_hyphen=True)] = None,
    trajectory: str | None = None,
    snapshot: int = 0,
    append: Annotated[bool, Parameter(negative="")] = False,
    output: Output = _PLAIN,
) -> None:
    """Make a library of a structure and the spectra of its absorbers, or of a folder of sites.

    Parameters
    ----------
    structure
        POSCAR, XDATCAR, vasprun.xml, extxyz, ASE .traj or CIF with one structure. With --folder:
        the name of this file in every sub-folder, POSCAR if not given.
    spectra
        One table whose columns are the absorbers in structure order, or one file per absorber.
        With --folder: the name of the spectrum in every sub-folder, xmu.dat if not given.
    folder
        A folder with one sub-folder for each site.
    pattern
        What the sub-folders' paths look like, as in "{material}/site-{site}-{absorber}": {site} is
        the atom's index from 0, {number} the same from 1, {material} what is never split between
        training and test, and * anything else.
    absorber
        Element whose spectra these are.
    out
        Where the library goes.
    scheme
        Name or path of the label scheme; the built-in one for the absorber if not given.
    edge
        Absorption edge.
    window
        First and last energy of the library, relative to its zero: "-5:25" if not given.
    trajectory
        Name of the trajectory that the structure descends from; its file's name if not given.
    snapshot
        Number of the structure in its trajectory.
    append
        Add to an existing library.
    """
    from nearedge.errors import UsageError
    from nearedge.library import import_library

    window_eV = None if window is None else _windows(window, one=True)[0]
    if folder is not None:
        names = [structure or Path("POSCAR"), *(spectra or [Path("xmu.dat")])]
        if append or trajectory is not None or snapshot:
            raise UsageError("--folder takes no --append, --trajectory or --snapshot; leave it out")
        if pattern is None or len(names) != 2:
            raise UsageError("--folder needs a --pattern, and one name for --spectra at most")
        _import_folder(folder, pattern, names, absorber, out, scheme, edge, window_eV, output)
        return
    if structure is None or not spectra or pattern is not None:
        raise UsageError("give --structure and --spectra, or --folder and --pattern")
    import_library(
        structure,
        spectra,
        out,
        absorber=absorber,
        scheme=scheme,
        edge=edge,
        window_eV=window_eV,
        trajectory=trajectory,
        snapshot=snapshot,
        append=append,
    )
    _show_info(out, output)


def _import_folder(
    folder: Path,
    pattern: str,
    names: list[Path],
    absorber: str,
    out: Path,
    scheme: str | None,
    edge: str,
    window_eV: tuple[float, float] | None,
    output: Output,
) -> None:
    from nearedge.cli.show import print_json, progress_bar
    from nearedge.library import import_folder

    with progress_bar() as progress:
        report = import_folder(
            folder,
            pattern,
            out,
            absorber=absorber,
            scheme=scheme,
            edge=edge,
            window_eV=window_eV,
            structure_name=str(names[0]),
            spectrum_name=str(names[1]),
            progress=progress,
        )
    if output.json:
        print_json(vars(report) | {"path": str(out)})
        return
    others = f"; {report.other_absorbers} of other absorbers" if report.other_absorbers else ""
    print(
        f"{out}: {report.sites} sites in {report.structures} structures of {report.materials} "
        f"materials{others}"
    )
    _list_sites("left out", report.left_out)


@library.command(name="relabel")
def library_relabel(library: Path, scheme: str, *, out: Path, output: Output = _PLAIN) -> None:
    """Write a library again with the labels of another scheme, from the structures it carries.

    Parameters
    ----------
    library
        A library.
    scheme
        Name or path of the label scheme.
    out
        Where the new library goes.
    """
    from nearedge.cli.show import print_json
    from nearedge.library import relabel_library

    report = relabel_library(library, scheme, out)
    if output.json:
        print_json(vars(report) | {"path": str(out)})
        return
    print(f"{out}: {report.sites} sites, {report.changed} of them with another label")
    _list_sites("left out", report.left_out)


def _list_sites(title: str, sites: Mapping[str, str]) -> None:
    for site, reason in sites.items():
        print(f"  {title}: {site}: {reason}")


def _windows(text: str, one: bool = False) -> list[tuple[float, float]]:
    """Energy windows of an option, "-5:25,-1.2:11.5"."""
    from nearedge.errors import UsageError

    try:
        windows = [(float(a), float(b)) for a, b in (w.split(":") for w in text.split(","))]
    except ValueError:
        windows = []
    if not windows or (one and len(windows) > 1):
        raise UsageError(
            f"--window {text}: give first and last energy in eV as in -5:25"
            + ("" if one else ", and several with commas")
        )
    return windows


@library.command(name="info")
def library_info(path: Path, *, output: Output = _PLAIN) -> None:
    """Show what a library holds.

    Parameters
    ----------
    path
        A library: a Zarr directory or a .zarr.zip file.
    """
    _show_info(path, output)


def _show_info(path: Path, output: Output) -> None:
    from nearedge.cli.show import print_json, print_table
    from nearedge.library import library_info as describe

    info = describe(path)
    if output.json:
        print_json(info)
        return
    classes = info.pop("classes")
    rows = [[key.replace("_", " "), _words(value)] for key, value in info.items()]
    print_table(f"Library {path}", ["", ""], rows)
    print_table("Environments", ["class", "sites"], [[k, str(n)] for k, n in classes.items()])


def _words(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.3f}"
    if isinstance(value, list):
        return ", ".join(f"{entry:g}" for entry in value)
    if isinstance(value, dict):
        return ", ".join(f"{key} {entry}" for key, entry in value.items())
    return str(value)


@app.command
def init(
    structures: Annotated[list[Path], Parameter(required=True)],
    *,
    absorber: str,
    edge: str = "K",
    out: Path = Path("recipe.toml"),
    output: Output = _PLAIN,
) -> None:
    """Write a commented recipe for a library of structures, guessing what can be guessed.

    Parameters
    ----------
    structures
        Files with structures; each becomes a trajectory of its own.
    absorber
        Element whose sites are computed.
    edge
        Absorption edge.
    out
        The recipe.
    """
    from nearedge.cli.show import print_json
    from nearedge.library import write_recipe

    guess = write_recipe(structures, absorber, edge, out)
    if output.json:
        print_json(
            {
                "path": str(out),
                "scheme": guess.scheme.to_dict(),
                "sites": dict(guess.sites),
                "distinct_sites": sum(len(groups) for groups in guess.alike),
            }
        )
        return
    for shell in guess.shells:
        print(f"{absorber}-{shell.element}")
        for line in shell.histogram():
            print(f"  {line}")
    print("; ".join(f"{label}: {count} sites" for label, count in guess.sites.items() if count))
    print(f"Recipe in {out}: look at its comments, then nearedge library build {out} --out LIB")


@app.command
def reproduce(
    *,
    library: Path | None = None,
    out: Path = Path("results/reproduce"),
    quick: Annotated[bool, Parameter(negative="")] = False,
    full: Annotated[bool, Parameter(negative="")] = False,
    output: Output = _PLAIN,
) -> None:
    """Do the paper's study in both protocols: numbers, figures and a report.

    Parameters
    ----------
    library
        A library; the one in the package if not given.
    out
        Folder for results.json, figures and report.html.
    quick
        Three tenths of the examples and of most epochs: a look in under a minute, not for
        quoting.
    full
        Every sweep, five seeds.
    """
    from nearedge.cli.show import print_json, print_table, progress_bar
    from nearedge.compute import local_executor
    from nearedge.data import embedded_library
    from nearedge.errors import UsageError
    from nearedge.studies import reproduce as run

    if quick and full:
        raise UsageError("--quick and --full exclude each other; give one of them")
    extent = "quick" if quick else "full" if full else "default"
    with local_executor() as executor, progress_bar() as progress:
        results = run(library or embedded_library(), out, extent, executor, progress)
    if output.json:
        print_json(results)
        return
    from nearedge.studies.tables import tables

    for table in tables(results):
        print_table(table.title, table.header, table.rows)
    for line in results["headline"]:
        print(f"- {line}")
    print(f"Figures and report: {out}/report.html ({results['seconds']['total']:.0f} s)")


@app.command
def train(
    libraries: Annotated[list[Path], Parameter(required=True)],
    *,
    out: Path,
    pretrained: Annotated[str | None, Parameter(name="--from")] = None,
    categories: str = _TOLD,
    seed: int = 0,
    window: Annotated[str | None, Parameter(allow_leading_hyphen=True)] = None,
    output: Output = _PLAIN,
) -> None:
    """Assess nearedge's method on a library, train it on all sites, and save the model.

    Of several libraries it trains one shared model, see docs/many-compounds.md.

    Parameters
    ----------
    libraries
        A labelled library, or several of different absorbers or edges.
    out
        Folder of the model; of several libraries that of the models, OUT/Fe-K and so on.
    pretrained
        Continue from this model, a folder or "default", that was trained on another engine's
        spectra.
    categories
        What tells the sites of several libraries apart, of absorber, edge, space_group and defect.
    seed
        The same seed gives the same model.
    window
        First and last energy that the model looks at, in eV, as in "-5:25"; docs/your-compound.md
        says when to give it.
    """
    from nearedge.cli.show import print_json, progress_bar
    from nearedge.studies.training import train_model, train_together

    window_eV = None if window is None else _windows(window, one=True)[0]
    together = len(libraries) > 1
    with progress_bar() as progress:
        if together:
            _refuse_together(pretrained=pretrained)
            infos = train_together(
                libraries,
                out,
                categories=_split(categories),
                seed=seed,
                window_eV=window_eV,
                progress=progress,
            )
        else:
            info = train_model(
                libraries[0],
                out,
                pretrained=pretrained,
                seed=seed,
                window_eV=window_eV,
                progress=progress,
            )
            infos = {"": info}
    if output.json:
        print_json(infos if together else infos[""])
        return
    for name, info in infos.items():
        _show_assessment(info["held_out"])
        print("Forests, boosting and other baselines that must be tuned: nearedge assess.")
        print(f"Model in {out / name}; its card says what it was trained on and what holds.")


def _split(text: str) -> tuple[str, ...]:
    """Parts of an option between commas."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _refuse_together(**options: object) -> None:
    """Refuse what has no meaning for several libraries."""
    from nearedge.errors import UsageError

    given = {"pretrained": "--from", "windows": "several windows"}
    for name, value in options.items():
        if value:
            raise UsageError(f"{given[name]} and several libraries exclude each other")


@app.command
def assess(
    libraries: Annotated[list[Path], Parameter(required=True)],
    *,
    pretrained: Annotated[str | None, Parameter(name="--from")] = None,
    categories: str = _TOLD,
    group_by: Literal["trajectory", "atom", "structure"] | None = None,
    folds: int | None = None,
    seed: int = 0,
    window: Annotated[str | None, Parameter(allow_leading_hyphen=True)] = None,
    out: Path | None = None,
    output: Output = _PLAIN,
) -> None:
    """Cross-validate nearedge's method and the baselines on whole groups of a library.

    Of several libraries it assesses one shared model on each, see docs/many-compounds.md.

    Parameters
    ----------
    libraries
        A labelled library, or several of different absorbers or edges.
    pretrained
        Continue from this model, a folder or "default", in every fold.
    categories
        What tells the sites of several libraries apart, of absorber, edge, space_group and defect.
    group_by
        What is never split; trajectories where there are at least 5, else atoms.
    folds
        Number of folds; 5, or the number of groups if that is less.
    seed
        Of the folds and the training.
    window
        First and last energy that the method looks at, in eV. Several, as in "-5:25,-1.2:11.5",
        are compared on the same folds.
    out
        Folder for assessment.json, the figures and report.html.
    """
    from nearedge.cli.show import print_json, print_table, progress_bar
    from nearedge.compute import local_executor
    from nearedge.studies import assess as run
    from nearedge.studies.together import assess_together

    windows = [] if window is None else _windows(window)
    with local_executor() as executor, progress_bar() as progress:
        if len(libraries) > 1:
            _refuse_together(pretrained=pretrained, windows=windows[1:])
            result = assess_together(
                libraries,
                categories=_split(categories),
                group_by=group_by,
                folds=folds,
                seed=seed,
                window_eV=windows[0] if windows else None,
                out=out,
                executor=executor,
                progress=progress,
            )
        else:
            result = run(
                libraries[0],
                pretrained=pretrained,
                group_by=group_by,
                folds=folds,
                seed=seed,
                windows=windows,
                out=out,
                executor=executor,
                progress=progress,
            )
    if output.json:
        print_json(result)
        return
    for name, figures in result.get("libraries", {}).items():
        print(name)
        _show_assessment(figures)
    if "libraries" in result:
        return
    _show_assessment(result)
    if "windows" in result:
        rows = [
            [
                ":".join(f"{end:g}" for end in one["window_eV"]),
                f"{one['sites_test']:.1%}",
                f"{one['macro_f1']:.3f}",
                f"{one['mean_set_size']:.2f}",
                f"{one['mse_test']:.4f}",
            ]
            for one in result["windows"]
        ]
        print_table(
            "Windows, on the same folds",
            ["window, eV", "accuracy", "macro-F1", "mean set", "coordination MSE"],
            rows,
        )


def _show_assessment(result: dict[str, Any]) -> None:
    from nearedge.cli.show import print_table
    from nearedge.studies.scores import r2_in_words
    from nearedge.studies.tables import audit_table, winners

    classifier, regressor = result["classifier"]["held_out"], result["regressor"]["held_out"]
    rows = [
        ["nearedge", f"{classifier['sites_test']:.1%}", f"{regressor['mse_test']:.4f}"],
        ["constant training mean", "", f"{regressor['constant_mse_test']:.4f}"],
    ]
    # The baseline "mean" is the constant of the row above.
    names = dict.fromkeys([*classifier["baselines"], *regressor["baselines"]])
    for name in (n for n in names if n != "mean"):
        accuracy, mse = classifier["baselines"].get(name), regressor["baselines"].get(name)
        rows.append(
            [
                name,
                "" if accuracy is None else f"{accuracy:.1%}",
                "" if mse is None else f"{mse:.4f}",
            ]
        )
    print_table(
        f"Held-out: {result['sites']} sites, {result['folds']} folds by {result['group_by']}",
        ["method", "accuracy, single sites", "coordination MSE, mixtures"],
        rows,
    )
    print(
        f"nearedge: macro-F1 {classifier['macro_f1']:.3f}, accuracy after calibration "
        f"{classifier['calibrated']['accuracy']:.1%}, R2 of the coordination number "
        f"{r2_in_words(regressor)}"
    )
    print(
        f"made for 0.9 ({result['coverage_kind']}): sets hold {classifier['coverage']:.1%} of the "
        f"environments with {classifier['mean_set_size']:.2f} on average, intervals "
        f"{regressor['interval_coverage']:.1%} of the coordination numbers; "
        f"{classifier['abstained']} of {result['sites']} sites flagged as novel"
    )
    audit = audit_table(result["audit"])
    print_table(audit.title, audit.header, audit.rows)
    for line in winners(classifier, regressor):
        print(f"- {line}")


@app.command
def evaluate(model: str, library: Path, *, seed: int = 0, output: Output = _PLAIN) -> None:
    """Score a trained model on a labelled library, and tell whether it was trained on that.

    Parameters
    ----------
    model
        Folder of a model, or "default" for the one in the package.
    library
        A labelled library.
    seed
        Of the mixtures.
    """
    from nearedge.cli.show import print_json, print_table, progress_bar
    from nearedge.studies import evaluate as run

    with progress_bar() as progress:
        scores = run(model, library, seed, progress)
    if output.json:
        print_json(scores)
        return
    rows = [
        [key.replace("_", " "), f"{value:.4f}" if isinstance(value, float) else str(value)]
        for key, value in scores.items()
        if value is not None
    ]
    print_table(f"{model} on {library}", ["", ""], rows)
    if scores["trained_on"]:
        print(
            f"warning: {scores['trained_on']} of the {scores['sites']} sites are of trajectories "
            "that the model was trained on: what holds on unseen ones, nearedge assess tells"
        )


@Parameter(name="*")
@dataclass(frozen=True)
class Measured:
    """How measured spectra are read and prepared.

    Parameters
    ----------
    columns
        The energy and one or more signals, by name or number, where the file does not tell:
        "1,4", "energy,ln(i0/it)"; in HDF5 the paths of datasets.
    skip
        A step of the preparation to leave out: glitches, background, normalisation or extension.
        Can be given several times.
    background
        Form of the background below the edge: constant, line, victoreen or power law.
    shift
        What to add to measured energies, in eV, instead of finding it.
    reference
        Spectrum of a known compound from the same instrument, to take the shift from.
    reference_edge
        Where the steepest point of that compound's edge lies on the model's axis, in eV.
    one_instrument
        All measured spectra come from one instrument and share one shift.
    sensitivity
        Tell how answers change by 0.5 eV, 20 % of broadening and 10 % of background.
    """

    columns: str | None = None
    skip: Annotated[list[str], Parameter(negative="")] = field(default_factory=list)
    background: str | None = None
    shift: float | None = None
    reference: Path | None = None
    reference_edge: float | None = None
    one_instrument: Annotated[bool, Parameter(negative="")] = False
    sensitivity: Annotated[bool, Parameter(negative="")] = False


_AS_IT_COMES = Measured()


@app.command
def predict(
    files: Annotated[list[Path], Parameter(required=True)],
    *,
    model: str = "default",
    csv: Annotated[bool, Parameter(negative="")] = False,
    plot: Path | None = None,
    out: Path | None = None,
    measured: Measured = _AS_IT_COMES,
    output: Output = _PLAIN,
) -> int:
    """Predict the environment and the coordination number behind every spectrum of the files.

    Parameters
    ----------
    files
        Files with spectra, or folders of them, in order.
    model
        Folder of a model, or "default" for the one in the package.
    csv
        Print one line of comma-separated values per spectrum.
    plot
        Picture to write, .png or .html: of the answer, or of the series if there are several
        spectra.
    out
        Folder that keeps the results. Run again, the same call skips what is there and goes on.
    """
    from nearedge.compute import use_one_thread

    use_one_thread()
    from nearedge.cli.series import options_of, predict_and_show
    from nearedge.errors import UsageError

    if csv and output.json:
        raise UsageError("--csv and --json exclude each other; give one of them")
    return predict_and_show(
        files,
        model=model,
        form="json" if output.json else "csv" if csv else "text",
        plot=plot,
        out=out,
        options=options_of(model, **vars(measured)),
        debug=output.debug,
    )


@app.command
def serve(
    *,
    model: list[str] | None = None,
    host: str = "127.0.0.1",
    port: int = 8080,
    watch: Path | None = None,
    token: Annotated[str | None, Parameter(env_var="NEAREDGE_TOKEN")] = None,
    output: Output = _PLAIN,
) -> None:
    """Open a page and an interface for programs, for people without Python at the beamline.

    Everything stays on this machine. Needs the extra "web".

    Parameters
    ----------
    model
        Folder of a model, or "default"; can be given several times, to choose from on the page.
    host
        Address to listen at. Other machines reach the server only at another than the default, and
        with a token.
    port
        Port to listen at.
    watch
        Folder whose new scans appear on the page by themselves.
    token
        What others must give to be answered; made up and shown if HOST needs one.
    """
    from nearedge.cli.serving import serve_models

    serve_models(model or ["default"], host, port, watch, token, output.json)
