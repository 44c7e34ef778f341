"""Which columns of a table make a spectrum: chosen by the user, or known from their names."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float

from nearedge.errors import NearedgeError, UsageError, did_you_mean
from nearedge.spectra.spectrum import Kind

Mode = Literal["auto", "transmission", "fluorescence", "electron yield"]

_ENERGY = re.compile(r"(?i).*energ|.*omega|e$|k?ev$|photon")
# Names without case and punctuation: XDI's dictionary, Athena's, and those of beamlines.
_ROLES: dict[str, re.Pattern[str]] = {
    "i0": re.compile(r"i0|io|izero|imon|monitor|mon|i0eh\d?|incomingbeam|incident(beam)?"),
    "it": re.compile(r"i1|it|itrans|itr|itransmission|trans(mission)?|transmitted(beam)?"),
    "if": re.compile(r"if|iff|ifl|ifluor?|ifluo|fy|tfy|pfy|fl|fluo|fluor|fluorescence|sdd|fyc|ffc"),
    "iy": re.compile(r"tey|iey|ey|yield|eyield|iyield|drain|isample"),
    "ir": re.compile(r"i2|ir|iref|irefer|ref|reference|irefr?"),
    "mu transmission": re.compile(r"mutrans|mutransmission|mut"),
    "mu fluorescence": re.compile(r"mufluor?|mufluorescence|muf"),
    "mu": re.compile(r"mu|xmu|mue|mux|absorption|absorbance|xanes|exafs"),
    "normalised": re.compile(r"norm(trans|fluor|mu)?|munorm|normali[sz]ed(mu)?|flat(tened)?"),
    "reference mu": re.compile(r"murefer|muref|normrefer|normref"),
}  # fmt: skip
_CORRECTED = re.compile(r"(fy|if|ff)c")
_MODES: dict[str, Kind] = {
    "transmission": "transmission",
    "fluorescence": "fluorescence",
    "electron yield": "electron yield",
}
# A detector that was on shows something almost everywhere.
_ALIVE = 0.9
# Single points without beam are left out.
_MOST_LEFT_OUT = 0.05


@dataclass(frozen=True)
class Signal:
    """One spectrum as a combination of columns: a sum, a ratio of sums, or its logarithm.

    Parameters
    ----------
    label
        How the spectrum is called.
    numerator, denominator
        Columns to add, counted from 0; without a denominator the sum itself is the spectrum.
    logarithm
        Whether the natural logarithm of the ratio is taken.
    kind, raw
        As in `Spectrum`.
    """

    label: str
    numerator: tuple[int, ...]
    denominator: tuple[int, ...] = ()
    logarithm: bool = False
    kind: Kind = "unknown"
    raw: bool | None = None


@dataclass(frozen=True)
class Choice:
    """Which columns to read.

    Parameters
    ----------
    energy
        The energy column, counted from 0.
    signals
        What makes a spectrum.
    every
        Whether each signal is a spectrum, or the first whose detectors were on.
    unit
        Unit of the energies, if the user gave one.
    notes
        What the choice had to decide.
    """

    energy: int
    signals: tuple[Signal, ...]
    every: bool = True
    unit: str | None = None
    notes: tuple[str, ...] = ()


def chosen(columns: str, names: Sequence[str] | None, count: int, where: str) -> Choice:
    """Understand a choice such as ``"1,4"``, ``"energy,mu"`` or ``"energy keV,ln(i0/it)"``.

    First the energy, then the signals, with commas in between. A column is a number, counted from
    1, or its name in the header. A signal may be a ratio ``fy/i0``, a ratio of a sum
    ``(f1+f2)/i0``, or the logarithm of a ratio ``ln(i0/it)``.

    Parameters
    ----------
    columns
        The choice.
    names
        Names of the columns, if the file has them.
    count
        How many columns there are.
    where
        Name of the file, for messages.

    Raises
    ------
    UsageError
        If the choice cannot be understood, or names a column that is not there.

    Examples
    --------
    >>> choice = chosen("energy,ln(i0/it)", ("energy", "i0", "it"), 3, "a.dat")
    >>> choice.signals
    (Signal(label='ln(i0/it)', numerator=(1,), denominator=(2,), logarithm=True, \
kind='transmission', raw=True),)
    """
    energy_text, *signal_texts = [part.strip() for part in columns.split(",")]
    if not signal_texts or not all([energy_text, *signal_texts]):
        raise UsageError(
            f"{where}: columns {columns!r}: give the energy and at least one signal with a comma "
            "in between, such as 'energy,mu' or '1,4'"
        )
    unit = None
    if match := re.fullmatch(r"(?i)(.+?)\s+(k?eV)", energy_text):
        energy_text, unit = match[1], match[2]

    def column(text: str) -> int:
        return _column(text.strip(), names, count, where)

    signals = []
    for text in signal_texts:
        match = re.fullmatch(r"(?i)(ln\s*\()?([^/]+)(?:/([^/]+))?", text)
        logarithm = bool(match and match[1])
        if match is None or (logarithm and (not match[3] or not text.endswith(")"))):
            raise UsageError(
                f"{where}: signal {text!r} is not understood; give a column, a ratio such as "
                "'fy/i0' or '(f1+f2)/i0', or 'ln(i0/it)'"
            )
        numerator, denominator = match[2], match[3] or ""
        if logarithm:
            denominator = denominator[:-1]
        kind: Kind = "transmission" if logarithm else "fluorescence" if denominator else "unknown"
        signals.append(
            Signal(
                text,
                tuple(column(part) for part in _terms(numerator)),
                tuple(column(part) for part in _terms(denominator)),
                logarithm,
                kind,
                True if denominator else None,
            )
        )
    return Choice(column(energy_text), tuple(signals), unit=unit)


def known(names: Sequence[str], mode: Mode, where: str, energy: int | None = None) -> Choice | None:
    """Find energy and signal from the names of the columns, as a beamline or XDI writes them.

    Absorption that the file stores comes first, then transmission ln(i0/it), fluorescence and
    electron yield; `mode` asks for one of them. A reference foil is never taken for the sample.

    Parameters
    ----------
    names
        Names of all columns.
    mode
        ``"auto"``, or what to take.
    where
        Name of the file, for messages.
    energy
        The energy column, if it is known.

    Returns
    -------
    Choice or None
        The possible signals, best first; None where no name tells of a detector.

    Raises
    ------
    NearedgeError
        If the file does not hold what `mode` asks for.
    """
    if energy is None:
        energy = energy_column(names)
    roles = _roles(names, energy)
    if energy is None or (not roles and mode == "auto"):
        return None
    signals = _candidates(names, roles)
    if mode != "auto":
        signals = [signal for signal in signals if _serves(signal, mode)]
    if not signals and (mode != "auto" or "i0" in roles):
        wanted = f"{mode} signal" if mode != "auto" else "signal"
        raise NearedgeError(
            f"{where}: the columns {', '.join(names)} hold no {wanted} that is known by its name; "
            "choose with columns, such as 'energy,det/i0'"
        )
    if not signals:
        return None
    return Choice(energy, tuple(signals), every=False)


def has_monitor(names: Sequence[str]) -> bool:
    """Whether a column is the intensity before the sample, so that the others are detectors."""
    return "i0" in _roles(names, energy_column(names))


def energy_column(names: Sequence[str]) -> int | None:
    """Number of the energy column, the first one if several are called so."""
    return next((i for i, name in enumerate(names) if _ENERGY.match(name)), None)


def combine(
    signal: Signal, values: Float[np.ndarray, "row column"]
) -> tuple[Float[np.ndarray, " row"], np.ndarray]:
    """Work out a signal.

    Returns
    -------
    intensity
        One value per row.
    usable
        Which rows have one: where the beam was on.
    """
    with np.errstate(all="ignore"):
        numerator = values[:, signal.numerator].sum(axis=1)
        if not signal.denominator:
            return numerator, np.isfinite(numerator)
        ratio = numerator / values[:, signal.denominator].sum(axis=1)
        usable = np.isfinite(ratio)
        if signal.logarithm:
            usable &= ratio > 0
            return np.log(ratio), usable
    return ratio, usable


def first_alive(
    choice: Choice, values: Float[np.ndarray, "row column"], where: str
) -> tuple[Signal, np.ndarray, np.ndarray, tuple[str, ...]]:
    """Take the first signal whose detectors were on, and say what was computed and left out.

    Returns
    -------
    signal, intensity, usable, notes
        The signal, its values, the rows to keep, and one sentence for each thing that was done.

    Raises
    ------
    NearedgeError
        If no signal is alive.
    """
    notes: list[str] = []
    for position, signal in enumerate(choice.signals):
        intensity, usable = combine(signal, values)
        dead = [
            str(i + 1)
            for i in (*signal.numerator, *signal.denominator)
            if signal.denominator and np.mean(values[:, i] != 0) < _ALIVE
        ]
        if dead or usable.mean() < 1 - _MOST_LEFT_OUT or not np.ptp(intensity[usable]):
            why = f"column {' and '.join(dead)} is zero" if dead else "it has no usable values"
            notes.append(f"{signal.label} is not used: {why}")
            continue
        if signal.denominator:
            columns = " and ".join(str(i + 1) for i in (*signal.numerator, *signal.denominator))
            notes.append(f"mu computed as {signal.label} from columns {columns}")
        if not usable.all():
            lost = int((~usable).sum())
            notes.append(f"{lost} point{'s' if lost > 1 else ''} without beam left out")
        rest = choice.signals[position + 1 :]
        others = [other.label for other in rest if other.kind != signal.kind]
        if others:
            notes.append(f"also in the file: {', '.join(others)}")
        return signal, intensity, usable, tuple(notes)
    raise NearedgeError(
        f"{where}: no detector shows a signal ({'; '.join(notes)}); choose the columns, such as "
        "'energy,det/i0'"
    )


def _roles(names: Sequence[str], energy: int | None) -> dict[str, list[int]]:
    roles: dict[str, list[int]] = {}
    for position, name in enumerate(names):
        if position == energy:
            continue
        word = re.sub(r"[\W_]", "", name.lower().replace("µ", "mu").replace("\u03bc", "mu"))
        for role, pattern in _ROLES.items():
            if pattern.fullmatch(word):
                roles.setdefault(role, []).append(position)
                break
    return roles


def _candidates(names: Sequence[str], roles: dict[str, list[int]]) -> list[Signal]:
    signals = []
    for role, kind, raw in (
        ("mu", "mu", True),
        ("mu transmission", "transmission", True),
        ("mu fluorescence", "fluorescence", True),
        ("normalised", "mu", False),
    ):
        signals += [
            Signal(names[i], (i,), kind=kind, raw=raw)  # pyright: ignore[reportArgumentType]
            for i in roles.get(role, [])
        ]
    if monitors := roles.get("i0"):
        i0 = monitors[0]
        for i in roles.get("it", [])[:1]:
            signals.append(
                Signal(f"ln({names[i0]}/{names[i]})", (i0,), (i,), True, "transmission", True)
            )
        detectors = sorted(
            roles.get("if", []),
            key=lambda i: not _CORRECTED.fullmatch(re.sub(r"[\W_]", "", names[i].lower())),
        )
        # Dead-time corrected counts, where the file has both.
        for i in detectors[:1]:
            signals.append(
                Signal(f"{names[i]}/{names[i0]}", (i,), (i0,), False, "fluorescence", True)
            )
        for i in roles.get("iy", [])[:1]:
            signals.append(
                Signal(f"{names[i]}/{names[i0]}", (i,), (i0,), False, "electron yield", True)
            )
    return signals


def _serves(signal: Signal, mode: Mode) -> bool:
    return signal.kind == _MODES[mode]


def _terms(text: str) -> list[str]:
    text = text.strip()
    if text.startswith("(") and text.endswith(")"):
        return text[1:-1].split("+")
    return [text] if text else []


def _column(text: str, names: Sequence[str] | None, count: int, where: str) -> int:
    if text.isdecimal():
        if 1 <= int(text) <= count:
            return int(text) - 1
        raise UsageError(f"{where}: no column {text}; the table has columns 1 to {count}")
    if names is None:
        raise UsageError(f"{where}: the file names no columns, so {text!r} must be a number")
    for same in (str, str.lower):
        found = [i for i, name in enumerate(names) if same(name) == same(text)]
        if len(found) == 1:
            return found[0]
        if found:
            raise UsageError(f"{where}: several columns are called {text!r}; give the number")
    raise UsageError(f"{where}: no column {text!r}{did_you_mean(text, names)}")
