"""From spectra to predictions: the one path that command line, server and notebooks share."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from nearedge._answering import average_answers, sensitivities
from nearedge._answering import why as why_of
from nearedge._measured import (
    Handling,
    NoAnswer,
    NoEdge,
    Stack,
    align,
    check_element,
    inputs,
    nodes,
    stretch_of,
)
from nearedge.data import DEFAULT_MODEL
from nearedge.environments import LabelScheme, overall_ratio
from nearedge.errors import NearedgeError, UsageError
from nearedge.spectra import (
    PREPARATION_STEPS,
    EnergyGrid,
    ShiftEstimate,
    Spectrum,
    check_background,
    check_steps,
    known_shift,
    read_spectra,
    resample,
)
from nearedge.spectra.edges import typical_fwhm_eV
from nearedge.uncertainty.answers import Answers
from nearedge.uncertainty.reasons import Correction

if TYPE_CHECKING:
    from nearedge.models import Model

__all__ = [
    "PREPARATION_STEPS",
    "NoEdge",
    "Prediction",
    "find_shift",
    "predict",
    "predict_files",
    "shift_from_reference",
]

# Two alignments this probable must agree ...
_RIVAL = 0.05
# ... in the environment, and in the number to within this, in units of the regressor.
_AGREE = 0.5
# An environment with less than the first share of a sample, where another has more than the second,
# is doubtful: on unseen trajectories 0.4 of such answers for single sites and 0.9 of those for
# averages of one environment are wrong (0.2 and 0.35 of all).
_HARDLY, _MOSTLY = 0.3, 0.4
# Kinds of spectra that no calculation gives.
_DETECTED = frozenset({"transmission", "fluorescence", "electron yield", "eels"})
# Formats of files that one engine writes; GPAW has none, but models of it.
_WRITTEN_BY = {"feff-xmu": "feff", "ocean-absspct": "ocean", "xspectra": "xspectra"}
_ENGINES = frozenset({*_WRITTEN_BY.values(), "gpaw"})
# Spectra that are sampled at once, and of how many the model is asked at once; bounds the memory.
_BLOCK = 5000
_TOGETHER = 1000


@dataclass(frozen=True)
class Prediction:
    """What the model says of one spectrum; `to_dict` gives the JSON of ``nearedge predict``.

    Attributes
    ----------
    file, scan
        Where the spectrum came from.
    status
        ``"ok"``; ``"abstained"``: read, but no answer is justified; ``"error"``: not readable.
    environment
        ``label``, ``probabilities``, ``set`` and ``coverage``. The set and its coverage are None
        while the model carries no calibration.
    coordination
        ``mean``, ``interval`` and ``coverage``; the latter two None without calibration. Where the
        label scheme defines it also ``ratio``: how many atoms of ``neighbours`` the sample has for
        one ``absorber``, with ``mean`` and ``interval``.
    novelty
        ``p_value``, ``flag`` and ``reason``.
    alignment
        ``shift_eV`` that was added to the energies and ``scale`` of the fit to the library. Where
        the shift was found from the spectrum also ``uncertainty_eV``, its standard deviation;
        ``broadening_eV`` and ``broadening_uncertainty_eV``, the full width of the Gaussian by which
        the library looks like the measurement; and ``explained``, the share of the spectrum's
        variance that the best mixture explains.
    message
        What a reader of the answer must know, or why there is none.
    preparation
        The steps from the file to the model's axis, in order: the name of each under ``step``, and
        its parameters.
    sensitivity
        The answers at ``shift_eV`` -0.5 and +0.5, ``broadening`` -20% and +20%, ``background`` -10%
        and +10%; None unless asked for.
    composition
        ``fractions`` of sites in each environment, which sum to 1; ``intervals`` and ``coverage``,
        None without calibration. None for a model without a reader of them.
    why
        Which energies decided, and the nearest sites of the library (docs/measured-spectra.md);
        None unless asked for.
    intensity
        What the model looked at: intensities on its grid. Not part of `to_dict`.
    """

    file: str
    scan: str | None
    status: Literal["ok", "abstained", "error"]
    environment: dict[str, Any] | None = None
    coordination: dict[str, Any] | None = None
    novelty: dict[str, Any] | None = None
    alignment: dict[str, Any] | None = None
    message: str = ""
    preparation: list[dict[str, Any]] | None = None
    sensitivity: dict[str, Any] | None = None
    composition: dict[str, Any] | None = None
    why: dict[str, Any] | None = None
    intensity: np.ndarray | None = field(default=None, repr=False, compare=False)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON.

        Examples
        --------
        >>> Prediction("a.dat", None, "error", message="a.dat: empty file").to_dict()["status"]
        'error'
        """
        return {f.name: getattr(self, f.name) for f in fields(self) if f.name != "intensity"}


def predict_files(
    paths: Sequence[str | os.PathLike[str]],
    model: str = DEFAULT_MODEL,
    *,
    skip: Collection[str] = (),
    background: str | None = None,
    shift_eV: float | ShiftEstimate | None = None,
    one_instrument: bool | None = None,
    sensitivity: bool = False,
    why: bool = False,
) -> list[Prediction]:
    """Read files and predict every spectrum in them; a file that cannot be read is one `error`.

    Parameters
    ----------
    paths
        Files in any format that `nearedge.spectra.read_spectra` knows.
    model
        Folder of a model, or ``"default"``.
    skip, background, shift_eV, one_instrument, sensitivity, why
        As for `predict`.

    Raises
    ------
    NearedgeError
        If the model cannot be loaded.
    UsageError
        If an argument is impossible.
    """
    from nearedge.models import cached_model

    loaded = cached_model(model)
    found: list[Prediction | Spectrum] = []
    for path in paths:
        try:
            found += read_spectra(Path(path))
        except NearedgeError as error:
            found.append(Prediction(str(path), None, "error", message=str(error)))
    answers = iter(
        predict(
            [one for one in found if isinstance(one, Spectrum)],
            loaded,
            skip=skip,
            background=background,
            shift_eV=shift_eV,
            one_instrument=one_instrument,
            sensitivity=sensitivity,
            why=why,
        )
    )
    return [one if isinstance(one, Prediction) else next(answers) for one in found]


def predict(
    spectra: Sequence[Spectrum],
    model: Model,
    *,
    skip: Collection[str] = (),
    background: str | None = None,
    shift_eV: float | ShiftEstimate | None = None,
    one_instrument: bool | None = None,
    sensitivity: bool = False,
    why: bool = False,
) -> list[Prediction]:
    """Predict the environment and the coordination number behind each spectrum.

    Energies are relative to the library's zero, as they come from a calculation, or absolute.
    Relative ones are never shifted, and their spectra are only sampled on the model's axis, unless
    their file says that a detector measured them: then there is no answer. Calculated ones are only
    sampled, too, relative to the Fermi level where the file tells it. Measured ones are prepared
    and aligned with the library; answers are averaged over the shifts that are possible, and
    `Prediction.preparation` tells every step.

    Parameters
    ----------
    spectra
        From `nearedge.spectra.read_spectra`, or made by hand.
    model
        From `nearedge.models.load_model`.
    skip
        Steps of preparation to leave out, from `PREPARATION_STEPS`.
    background
        Form of the pre-edge background, one of `nearedge.spectra.background.BACKGROUNDS`; None to
        choose it by what was measured.
    shift_eV
        What to add to absolute energies, as a number or from `find_shift` or
        `shift_from_reference`; None to find it.
    one_instrument
        Which measured spectra share one shift, found from their mean: True, all; False, none; None,
        those of one file that have the same energies.
    sensitivity
        Whether to tell how answers change with shift, broadening and background. It takes as long
        as six predictions.
    why
        Whether to tell which energies decided, and the nearest sites of the library. It takes some
        2 ms for each spectrum.

    Returns
    -------
    list of Prediction
        One per spectrum, in order.

    Raises
    ------
    UsageError
        If a step or background is unknown, or the shift is not a finite number.
    """
    check_steps(skip)
    check_background(background)
    handling = Handling(tuple(skip), background)
    shift = _given(shift_eV)
    measured = [i for i, spectrum in enumerate(spectra) if _is_measured(spectrum)]
    stacks = _grouped(spectra, measured, one_instrument)
    failed: NearedgeError | None = None
    if one_instrument and shift is None and len(measured) > 1:
        usable = [
            stack
            for rows in stacks
            if _shows_edge(stack := Stack([spectra[i] for i in rows], model, handling))
        ]
        try:
            shift = align(usable) if usable else None
        except NearedgeError as error:
            failed = error

    def questions() -> Iterator[_Question]:
        for rows in stacks:
            stack = Stack([spectra[i] for i in rows], model, handling)
            if failed is None:
                yield from _of_stack(stack, rows, shift, sensitivity)
            else:
                yield _all_unanswered(stack, rows, failed)
        calculated = [i for i in range(len(spectra)) if not _is_measured(spectra[i])]
        for rows in _grouped(spectra, calculated, None):
            yield from _of_calculated([spectra[i] for i in rows], rows, model, shift, sensitivity)

    answers = _answers(questions(), model, why)
    return [answers[index] for index in range(len(spectra))]


def find_shift(
    spectra: Sequence[Spectrum],
    model: Model,
    *,
    skip: Collection[str] = (),
    background: str | None = None,
) -> ShiftEstimate:
    """Find the one shift of measured spectra from one instrument, to predict a series in pieces.

    Parameters
    ----------
    spectra
        Measured, on absolute axes; those that do not show the model's edge do not count.
    model, skip, background
        As for `predict`.

    Returns
    -------
    ShiftEstimate
        For `predict`'s ``shift_eV``.

    Raises
    ------
    UsageError
        If a step or background is unknown, or no spectrum is on an absolute axis.
    NoEdge
        If none of the spectra shows the model's edge.
    NearedgeError
        If the spectra resemble nothing in its library.
    """
    check_steps(skip)
    check_background(background)
    handling = Handling(tuple(skip), background)
    measured = [i for i, spectrum in enumerate(spectra) if _is_measured(spectrum)]
    if not measured:
        raise UsageError("a shift is found for measured spectra on absolute axes; there are none")
    stacks = [
        Stack([spectra[i] for i in rows], model, handling)
        for rows in _grouped(spectra, measured, True)
    ]
    usable = [stack for stack in stacks if _shows_edge(stack)]
    if not usable:
        raise NoEdge(
            f"no spectrum shows the {model.info['absorber']} {model.info['edge']} edge that the "
            "model knows"
        )
    return align(usable)


def shift_from_reference(spectrum: Spectrum, model: Model, position_eV: float) -> float:
    """Shift from the spectrum of a known compound that the same instrument measured.

    Parameters
    ----------
    spectrum
        Of the known compound, on an absolute axis.
    model
        Whose edge it shows.
    position_eV
        Where the steepest point of that compound's edge lies on the model's axis, relative to the
        library's zero.

    Returns
    -------
    float
        For `predict`'s ``shift_eV``.

    Raises
    ------
    NearedgeError
        If the spectrum does not show the model's edge.
    """
    stack = Stack([spectrum], model, Handling())
    stack.check()
    [(_, block)] = stack.prepared()
    return position_eV - block.edge.steepest_eV


def _given(shift_eV: float | ShiftEstimate | None) -> ShiftEstimate | None:
    if shift_eV is None or isinstance(shift_eV, ShiftEstimate):
        return shift_eV
    if not np.isfinite(shift_eV):
        raise UsageError(f"a shift of {shift_eV} eV is not possible; give a finite number")
    return known_shift(shift_eV)


def _is_measured(spectrum: Spectrum) -> bool:
    known = spectrum.edge_energy_eV is not None and spectrum.kind == "computed"
    return spectrum.axis == "absolute" and not known


def _shows_edge(stack: Stack) -> bool:
    try:
        stack.check()
        next(stack.prepared())
    except NearedgeError:
        return False
    return True


def _grouped(
    spectra: Sequence[Spectrum], indices: Sequence[int], one_instrument: bool | None
) -> list[list[int]]:
    """Spectra that are treated together: same energies, kind, and file if that matters."""
    groups: dict[Any, list[int]] = {}
    for index in indices:
        one = spectra[index]
        key = (
            one.energy_eV.tobytes(),
            one.axis,
            one.edge_energy_eV if not _is_measured(one) else None,
            one.kind,
            one.raw,
            one.element,
            one.source if one_instrument is None and _is_measured(one) else None,
            index if one_instrument is False else None,
        )
        groups.setdefault(key, []).append(index)
    return list(groups.values())


@dataclass(frozen=True, eq=False)
class _Question:
    """Spectra with one shift that the model is asked about, and what is told beside its answers.

    Attributes
    ----------
    rows
        Positions of the spectra among those that were given.
    spectra
        The spectra as they were read.
    steps
        What was done to each; None where that is not known.
    error
        Why there is nothing to ask; what follows has no meaning then.
    sampled
        On the model's grid, for each of the shifts that are possible; shape (node, spectrum, grid).
    alignment, notes
        What is told of the shift.
    usable
        Which of the spectra show an edge.
    stretch
        See `average_answers`.
    fwhm_eV
        Full width that the spectra have, to tell how sensitive the answers are; None not to.
    rivals, at_rivals
        Separate alignments that are probable, and the spectra there as in `sampled`.
    """

    rows: Sequence[int]
    spectra: Sequence[Spectrum]
    steps: Sequence[list[dict[str, Any]] | None]
    error: NearedgeError | None = None
    sampled: np.ndarray = field(default_factory=lambda: np.zeros((1, 0, 1)))
    alignment: dict[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    usable: np.ndarray | None = None
    stretch: float = 1.0
    fwhm_eV: float | None = None
    rivals: Sequence[float] = ()
    at_rivals: np.ndarray | None = None

    @cached_property
    def good(self) -> np.ndarray:
        """Which of the spectra can be asked about."""
        positive = (self.sampled.mean(axis=2) > 0).all(axis=0)
        return positive if self.usable is None else positive & self.usable


def _of_calculated(
    spectra: Sequence[Spectrum],
    rows: Sequence[int],
    model: Model,
    given: ShiftEstimate | None,
    sensitivity: bool,
) -> Iterator[_Question]:
    """Questions about calculated or relative spectra that share their energies."""
    grid = EnergyGrid(**model.info["grid"])
    first, shift, notes = spectra[0], 0.0, []
    if first.axis == "absolute" and first.edge_energy_eV is not None:
        shift = -first.edge_energy_eV
        notes.append(
            f"energies taken relative to the file's Fermi level, {first.edge_energy_eV:.2f} eV"
        )
    elif first.kind != "computed":
        notes.append(
            "energies taken relative to a Fermi level or band minimum, as a calculation gives; "
            "a measurement needs absolute ones"
        )
    notes += _of_another_engine(first, model)
    if given is not None:
        notes.append("not shifted: a shift is for measured spectra on absolute axes")
    sampling = {"step": "sampling", **model.info["grid"]}
    for start in range(0, len(spectra), _BLOCK):
        block, at = spectra[start : start + _BLOCK], rows[start : start + _BLOCK]
        try:
            check_element(first, model)
            if first.raw or first.kind in _DETECTED:
                raise NoAnswer(
                    "a measured spectrum whose energies are relative to an unknown zero; give its "
                    "absolute energies, so that it can be prepared and aligned"
                )
            values = np.stack([spectrum.intensity for spectrum in block])
            sampled = resample(first.energy_eV + shift, values, grid)
        except NearedgeError as error:
            yield _Question(at, block, [None] * len(block), error)
            continue
        yield _Question(
            at,
            block,
            [[sampling]] * len(block),
            sampled=sampled[None],
            alignment={"shift_eV": shift, "scale": 1.0},
            notes=tuple(notes),
            fwhm_eV=_typical_width(model) if sensitivity else None,
        )


def _of_another_engine(spectrum: Spectrum, model: Model) -> list[str]:
    """A warning, if a spectrum is of another engine than those that the model knows."""
    known = model.info.get("library", {}).get("engine", "")
    engine = _WRITTEN_BY.get(spectrum.format)
    if engine is None or engine in known or not any(name in known for name in _ENGINES):
        return []
    return [
        f"calculated by {engine}, and the model knows spectra of {known}: those of another engine, "
        f"averages above all, may be read wrongly without being noticed; continue the model for "
        f"{engine} (nearedge train --from)"
    ]


def _of_stack(
    stack: Stack, rows: Sequence[int], shift: ShiftEstimate | None, sensitivity: bool
) -> Iterator[_Question]:
    """Questions about measured spectra that share their energies and their shift."""
    grid = EnergyGrid(**stack.model.info["grid"])
    try:
        stack.check()
        found = align([stack]) if shift is None else shift
        alignment, notes = _told(found, stack)
        at_eV = nodes(found)
        probable = [at for at, share in found.alternatives() if share >= _RIVAL]
        rivals = np.array(probable if len(probable) > 1 else [])
        tail = [
            {"step": "alignment", **alignment},
            {"step": "sampling", **stack.model.info["grid"]},
        ]
        for part, block in stack.prepared():
            yield _Question(
                rows[part],
                stack.spectra[part],
                [block.steps(row) + tail for row in range(len(block.intensity))],
                sampled=np.stack(list(inputs(block, grid, at_eV))),
                alignment=alignment,
                notes=notes,
                usable=block.rises,
                stretch=stretch_of(found, at_eV),
                fwhm_eV=_width(found, stack.model) if sensitivity else None,
                rivals=rivals.tolist(),
                at_rivals=np.stack(list(inputs(block, grid, rivals))) if rivals.size else None,
            )
    except UsageError:
        raise
    except NearedgeError as error:
        yield _all_unanswered(stack, rows, error)


def _all_unanswered(stack: Stack, rows: Sequence[int], error: NearedgeError) -> _Question:
    """No question about any spectrum of a stack, but what was done to them before."""
    try:
        stack.check()
        steps = [
            block.steps(row) for _, block in stack.prepared() for row in range(len(block.intensity))
        ]
    except NearedgeError:
        steps = [None] * len(stack.spectra)
    return _Question(rows, stack.spectra, steps, error)


def _answers(questions: Iterator[_Question], model: Model, why: bool) -> dict[int, Prediction]:
    """Ask the model about many spectra at once, as far as they have equally many shifts."""
    answers: dict[int, Prediction] = {}
    waiting: dict[int, list[_Question]] = {}

    def ask(together: list[_Question]) -> None:
        try:
            answers.update(_asked(together, model, why))
        except UsageError:
            raise
        except NearedgeError as error:
            if len(together) > 1:
                for question in together:
                    ask([question])
                return
            [one] = together
            answers.update(_asked([replace(one, error=error)], model, why))

    for question in questions:
        together = waiting.setdefault(len(question.sampled), [])
        together.append(question)
        if sum(len(one.rows) for one in together) >= _TOGETHER:
            ask(together)
            together.clear()
    for together in waiting.values():
        ask(together)
    return answers


def _told(found: ShiftEstimate, stack: Stack) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The alignment as JSON, and what a reader must know of it."""
    notes: list[str] = []
    if stack.spectra[0].kind == "fluorescence":
        notes.append(
            "measured in fluorescence: self-absorption is not corrected; it damps the peaks of a "
            "thick or concentrated sample, and the answer with them"
        )
    if found.shift_eV.size == 1:
        notes.insert(0, f"energies shifted by {found.mean_eV:.2f} eV as given")
        return {"shift_eV": found.mean_eV, "scale": 1.0}, tuple(notes)
    notes.insert(
        0,
        f"energies shifted by {found.mean_eV:.2f} ± {found.uncertainty_eV:.2f} eV to match the "
        f"library, broadened by {found.broadening_eV:.1f} eV",
    )
    trained = stack.model.info.get("trained_broadening_eV")
    if trained is not None and found.broadening_eV > trained + found.broadening_uncertainty_eV:
        notes.append(
            f"the measurement is {found.broadening_eV:.1f} eV broader than the library, and the "
            f"model is calibrated for up to {trained:g} eV"
        )
    alignment = {
        "shift_eV": found.mean_eV,
        "scale": found.scale,
        "uncertainty_eV": found.uncertainty_eV,
        "broadening_eV": found.broadening_eV,
        "broadening_uncertainty_eV": found.broadening_uncertainty_eV,
        "explained": found.explained,
    }
    return alignment, tuple(notes)


def _width(found: ShiftEstimate, model: Model) -> float:
    known = found.broadening_eV if np.isfinite(found.broadening_eV) else 0.0
    return max(known, _typical_width(model))


def _typical_width(model: Model) -> float:
    return typical_fwhm_eV(model.info["absorber"], model.info["edge"])


def _unanswered(
    spectrum: Spectrum, error: NearedgeError, steps: list[dict[str, Any]] | None = None
) -> Prediction:
    """An abstention from a spectrum that was read, with the steps that were taken."""
    return Prediction(
        spectrum.source, spectrum.scan, "abstained", message=str(error), preparation=steps
    )


def _asked(
    questions: Sequence[_Question], model: Model, why: bool
) -> Iterator[tuple[int, Prediction]]:
    """Position and prediction of every spectrum of questions with equally many shifts."""
    open_ones = [one for one in questions if one.error is None and one.good.any()]
    parts = [one.sampled[:, one.good] for one in open_ones]
    asked = reasons = None
    if parts:
        stretch = np.repeat([one.stretch for one in open_ones], [part.shape[1] for part in parts])
        together = np.concatenate(parts, axis=1)
        asked = average_answers(model, together, stretch)
        reasons = why_of(model, together[len(together) // 2]) if why else None
    start = 0
    for question in questions:
        if question.error is not None:
            found = [
                _unanswered(spectrum, question.error, steps)
                for spectrum, steps in zip(question.spectra, question.steps, strict=True)
            ]
        else:
            found = _answered(question, model, asked, reasons, start)
            start += int(question.good.sum())
        yield from zip(question.rows, found, strict=True)


def _answered(
    question: _Question,
    model: Model,
    asked: Answers | None,
    reasons: Sequence[dict[str, Any]] | None,
    start: int,
) -> list[Prediction]:
    """Predictions from the answers, of which the question's own begin at `start`."""
    good, steps = question.good, question.steps
    # Copied, so that the other shifts' intensities are not kept with it.
    middle = question.sampled[len(question.sampled) // 2].copy()
    changes: list[dict[str, Any]] | None = None
    if question.fwhm_eV is not None and good.any():
        grid = EnergyGrid(**model.info["grid"])
        changes = sensitivities(model, grid, middle[good], question.fwhm_eV)
    place, labels = np.cumsum(good) - 1, _labels(model)
    told = model.info.get("label_scheme")
    scheme = None if told is None else LabelScheme.from_dict(told)
    predictions = []
    for row, spectrum in enumerate(question.spectra):
        if asked is None or not good[row]:
            empty = NoAnswer("nothing rises at the edge, or the spectrum is not positive there")
            predictions.append(_unanswered(spectrum, empty, steps[row]))
            continue
        own = int(place[row])
        index = start + own
        answer = _row(labels, asked, index)
        if model.composition is not None and asked.composition is not None:
            kinds = [str(label) for label in model.composition.classes]
            answer["composition"] = _composition(kinds, asked, index)
        if scheme is not None:
            answer["coordination"] |= _ratio(scheme, answer["coordination"])
        novel = answer["novelty"]["flag"]
        reserve = answer["novelty"]["reason"] if novel else _doubt(answer)
        message = "; ".join(filter(None, (reserve, *spectrum.notes, *question.notes)))
        if novel:
            answer |= {"environment": None, "coordination": None, "composition": None}
        predictions.append(
            Prediction(
                spectrum.source,
                spectrum.scan,
                "abstained" if novel else "ok",
                **answer,
                alignment=dict(question.alignment),
                message=message,
                preparation=steps[row],
                sensitivity=None if changes is None else changes[own],
                why=None if reasons is None else reasons[index],
                intensity=middle[row],
            )
        )
    if question.at_rivals is None:
        return predictions
    return _only_agreed(predictions, model, question.at_rivals, question.rivals)


def _row(labels: Sequence[str], asked: Answers, index: int) -> dict[str, Any]:
    """One spectrum's share of the answers, as JSON holds it."""
    probabilities = asked.probabilities[index].tolist()
    in_set = None
    if asked.in_set is not None:
        in_set = [label for label, held in zip(labels, asked.in_set[index], strict=True) if held]
    interval = None
    if asked.low is not None and asked.high is not None:
        interval = [float(asked.low[index]), float(asked.high[index])]
    p_value = None if asked.p_value is None else float(asked.p_value[index])
    novel = asked.novel is not None and bool(asked.novel[index])
    reason = "" if p_value is not None else "not assessed: this model carries no calibration"
    if novel and p_value is not None:
        why = asked.reasons[index] if asked.reasons is not None else ""
        reason = f"unlike the spectra that the model was trained on (p = {p_value:.2g})"
        reason = f"{reason}: {why}" if why else reason
        correction = None if asked.corrections is None else asked.corrections[index]
        if correction is not None:
            reason += f"; {_effect(labels, correction)}"
    return {
        "environment": {
            "label": labels[int(asked.probabilities[index].argmax())],
            "probabilities": dict(zip(labels, probabilities, strict=True)),
            "set": in_set,
            "coverage": None if in_set is None else asked.coverage,
        },
        "coordination": {
            "mean": float(asked.mean[index]),
            "interval": interval,
            "coverage": None if interval is None else asked.coverage,
        },
        "novelty": {
            "p_value": p_value,
            "flag": novel,
            "reason": reason,
        },
    }


def _composition(labels: Sequence[str], asked: Answers, index: int) -> dict[str, Any]:
    """Fractions of one sample, as JSON holds them."""
    assert asked.composition is not None
    intervals = None
    if asked.composition_low is not None and asked.composition_high is not None:
        ends = np.stack([asked.composition_low[index], asked.composition_high[index]], axis=1)
        intervals = dict(zip(labels, ends.tolist(), strict=True))
    return {
        "fractions": dict(zip(labels, asked.composition[index].tolist(), strict=True)),
        "intervals": intervals,
        "coverage": None if intervals is None else asked.coverage,
    }


def _doubt(answer: dict[str, Any]) -> str:
    """What to say of an environment that hardly any of the sample has, as its fractions tell."""
    if "composition" not in answer:
        return ""
    label, fractions = answer["environment"]["label"], answer["composition"]["fractions"]
    most = max(fractions, key=fractions.__getitem__)
    if fractions.get(label, 0.0) >= _HARDLY or fractions[most] <= _MOSTLY:
        return ""
    return (
        f"read as one site this is {label}, read as a sample it is {fractions[most]:.0%} {most}: "
        f"the environment is doubtful, and of a sample the fractions hold"
    )


def _ratio(scheme: LabelScheme, number: dict[str, Any]) -> dict[str, Any]:
    """Overall composition of the sample under ``ratio``; nothing where it is not defined."""
    interval = number["interval"]
    ratio = overall_ratio(
        scheme, number["mean"], None if interval is None else (interval[0], interval[1])
    )
    if ratio is None:
        return {}
    return {
        "ratio": {
            "neighbours": list(scheme.neighbours),
            "absorber": scheme.absorber,
            "mean": ratio.mean,
            "interval": None if ratio.interval is None else list(ratio.interval),
        }
    }


def _effect(labels: Sequence[str], correction: Correction) -> str:
    """What a novel spectrum would be read as, if what makes it novel were mended."""
    done = {
        "shift": f"moved by {correction.amount:+.1f} eV",
        "background": f"without a background of {correction.amount:.0%} of the mean",
    }
    label = labels[int(correction.probabilities.argmax())]
    return f"{done[correction.kind]} it would be read as {label}, {correction.mean:.2f}"


def _labels(model: Model) -> list[str]:
    return [str(label) for label in model.classifier.classes]


def _only_agreed(
    answered: list[Prediction], model: Model, sampled: np.ndarray, shifts_eV: Sequence[float]
) -> list[Prediction]:
    """Abstain from what two separate alignments answer differently."""
    labels = _labels(model)
    at = [average_answers(model, rows[None]) for rows in sampled]
    most = _AGREE * model.regressor.unit
    kept = []
    for row, prediction in enumerate(answered):
        names = {labels[int(one.probabilities[row].argmax())] for one in at}
        numbers = [float(one.mean[row]) for one in at]
        if prediction.status != "ok" or (len(names) == 1 and max(numbers) - min(numbers) <= most):
            kept.append(prediction)
            continue
        said = ", ".join(
            f"{number:.2f} shifted by {shift:.1f} eV"
            for number, shift in zip(numbers, shifts_eV, strict=True)
        )
        message = (
            f"the energy axis fits the library in more than one place, and the coordination number "
            f"depends on which: {said}; give the shift"
        )
        kept.append(
            Prediction(
                prediction.file,
                prediction.scan,
                "abstained",
                alignment=prediction.alignment,
                novelty=prediction.novelty,
                message=message,
                preparation=prediction.preparation,
                sensitivity=prediction.sensitivity,
                why=prediction.why,
                intensity=prediction.intensity,
            )
        )
    return kept
