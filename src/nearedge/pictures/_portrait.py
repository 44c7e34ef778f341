"""All that a picture of one answer shows, as plain values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from nearedge.data import embedded_library
from nearedge.models import Model, unit_mean
from nearedge.models.attribution import Attribution, integrated_gradients, library_mean
from nearedge.models.bands import class_bands
from nearedge.models.nearest import nearest_sites
from nearedge.plain import printable
from nearedge.series import Record
from nearedge.series.summary import composition_of
from nearedge.spectra import EnergyGrid

# Bands of more classes than this hide one another.
_MOST_BANDS = 2
# Of a site's neighbours so many are written out.
_MOST_NEIGHBOURS = 6
# A class less probable than this is not shown as a band.
_PROBABLE = 0.1


@dataclass(frozen=True, eq=False)
class Portrait:
    """All that a picture of one answer shows.

    Attributes
    ----------
    title
        The file, and the scan within it.
    status, message
        Of the prediction; the message with the reason of a novelty.
    absorber, edge
        What the model knows.
    energy_eV
        The model's axis; shape (grid,).
    intensity
        The spectrum divided by its mean; None where there is no answer.
    mean
        The library's mean spectrum, divided by its mean.
    bands
        Rows of quantiles 10, 50 and 90 % of the library's spectra of the probable classes, the
        most probable first.
    explained
        The class whose probability `contribution` explains.
    contribution
        What each energy added to that probability, compared with the library's mean spectrum.
    labels, probabilities
        Of all classes.
    members, set_coverage
        The prediction set; None without one.
    coordination, interval, interval_coverage
        The coordination number; the latter two None without an interval.
    fractions
        Fraction of each environment in a sample, with the ends of its interval; may be empty.
    shift_eV
        What was added to the measured energies.
    nearest
        Two lines for each of the library's sites that the spectrum is nearest to; none for a model
        without its sites.
    """

    title: str
    status: str
    message: str
    absorber: str
    edge: str
    energy_eV: Float[np.ndarray, " grid"]
    intensity: Float[np.ndarray, " grid"] | None
    mean: Float[np.ndarray, " grid"]
    bands: dict[str, Float[np.ndarray, "3 grid"]]
    explained: str | None
    contribution: Attribution | None
    labels: tuple[str, ...]
    probabilities: tuple[float, ...]
    members: tuple[str, ...] | None
    set_coverage: float | None
    coordination: float | None
    interval: tuple[float, float] | None
    interval_coverage: float | None
    fractions: dict[str, tuple[float, float, float]]
    shift_eV: float | None
    nearest: tuple[str, ...]

    @property
    def number(self) -> tuple[str, ...]:
        """The answer, the number first; a second line for its interval."""
        if self.coordination is None:
            return ("No answer",)
        line = f"Coordination number {self.coordination:.2f}"
        if self.interval is None:
            return (line,)
        low, high = self.interval
        return (line, f"{low:.2f} to {high:.2f} at {100 * (self.interval_coverage or 0):.0f} %")

    @property
    def warning(self) -> str:
        """What a reader must know."""
        if self.status != "ok":
            return f"{self.status}: {self.message}"
        return self.message or "No warning."

    @property
    def energy_label(self) -> str:
        """Label of the energy axis, with the measured energy of its zero where it is known."""
        if self.shift_eV:
            return f"Energy relative to {-self.shift_eV:.1f} eV (eV)"
        return "Energy relative to the library's zero (eV)"

    @property
    def nearest_label(self) -> str:
        """What the lines of `nearest` begin with."""
        return "Nearest sites of the library; a distance of 1 is usual"

    @property
    def contribution_label(self) -> str:
        """What the contributions are."""
        return f"Probability of {self.explained} gained over the library's mean (per eV)"


def portrait(record: Record, model: Model) -> Portrait:
    """Collect what a picture of an answer shows.

    Examples
    --------
    >>> from nearedge import load_model
    >>> from nearedge.data import model_folder
    >>> from nearedge.predict import Prediction
    >>> record = Record(Prediction("a.xdi", None, "error", message="a.xdi: the file is empty"))
    >>> shown = portrait(record, load_model(model_folder("default")))
    >>> shown.number, shown.message
    (('No answer',), 'a.xdi: the file is empty')
    """
    answer, info = record.prediction, model.info
    grid, mean = EnergyGrid(**info["grid"]), library_mean(model)
    labels = tuple(str(label) for label in model.classifier.classes)
    environment, coordination = answer.environment or {}, answer.coordination or {}
    answered = answer.status == "ok" and record.intensity is not None
    found = environment.get("probabilities") or {}
    probabilities = tuple(float(found.get(label, 0.0)) for label in labels) if answered else ()
    label = environment.get("label") if answered else None
    interval = coordination.get("interval")
    reason = (answer.novelty or {}).get("reason") or ""
    said = [part for part in (answer.message, "" if reason in answer.message else reason) if part]
    spectrum = None if record.intensity is None else record.intensity.astype(float)
    return Portrait(
        title=printable(answer.file + (f" [{answer.scan}]" if answer.scan else "")),
        status=answer.status,
        message=printable("; ".join(said)),
        absorber=info["absorber"],
        edge=info["edge"],
        energy_eV=grid.energy_eV,
        intensity=spectrum,
        mean=unit_mean(mean[None])[0],
        bands=_shown_bands(model, grid, labels, probabilities, environment.get("set")),
        explained=label,
        contribution=(
            integrated_gradients(model.classifier, spectrum, mean, labels.index(label))
            if label is not None and spectrum is not None
            else None
        ),
        labels=labels,
        probabilities=probabilities,
        members=None if environment.get("set") is None else tuple(environment["set"]),
        set_coverage=environment.get("coverage"),
        coordination=coordination.get("mean") if answered else None,
        interval=None if interval is None else (float(interval[0]), float(interval[1])),
        interval_coverage=coordination.get("coverage"),
        fractions=composition_of(answer),
        shift_eV=(answer.alignment or {}).get("shift_eV"),
        nearest=() if spectrum is None else _nearest(model, spectrum),
    )


def _nearest(model: Model, spectrum: Float[np.ndarray, " grid"]) -> tuple[str, ...]:
    """The nearest sites in words; of many neighbours the nearest ones."""
    found = nearest_sites(model, spectrum[None])
    return tuple(_in_words(site) for site in (found or [[]])[0])


def _in_words(site: dict[str, Any]) -> str:
    around = [f"{one['element']} {one['distance_A']:.2f}" for one in site["neighbours"]]
    near = ", ".join(around[:_MOST_NEIGHBOURS])
    more = " and more" if len(around) > _MOST_NEIGHBOURS else ""
    return (
        f"{site['distance']:.1f}: {site['environment']}, {site['element']} {site['atom']} of "
        f"{site['structure']}\nin Å: {near or 'no neighbour within the cutoff'}{more}"
    )


def _shown_bands(
    model: Model,
    grid: EnergyGrid,
    labels: tuple[str, ...],
    probabilities: tuple[float, ...],
    members: list[str] | None,
) -> dict[str, Float[np.ndarray, "3 grid"]]:
    """Bands of the classes that the answer names."""
    order = sorted(zip(labels, probabilities, strict=False), key=lambda item: -item[1])
    named = [
        label
        for rank, (label, p) in enumerate(order)
        if rank == 0 or p >= _PROBABLE or label in (members or ())
    ]
    known = _bands(model.info, grid) if named else {}
    return {label: np.array(known[label]) for label in named[:_MOST_BANDS] if label in known}


def _bands(info: dict[str, Any], grid: EnergyGrid) -> dict[str, Any]:
    """Bands that the model carries, or else those of the library in the package if it made it."""
    if "bands" in info:
        return info["bands"]["intensity"]
    from nearedge.library import open_library
    from nearedge.mixtures import load_sites
    from nearedge.studies.training import library_hash

    library = open_library(embedded_library()).load()
    if library_hash(library) != info["library"]["hash"]:
        return {}
    sites = load_sites(library, grid)
    return class_bands(sites.intensity, sites.environment, sites.labels)["intensity"]
