"""Answers in words, for people who have not read the manual."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def sentence(text: str) -> str:
    """A text that begins like a sentence.

    Examples
    --------
    >>> sentence("energies shifted")
    'Energies shifted'
    """
    return text[:1].upper() + text[1:]


def number_words(entry: Mapping[str, Any]) -> tuple[str, str]:
    """The coordination number, and its interval.

    Examples
    --------
    >>> coordination = {"mean": 1.25, "interval": [0.74, 1.76], "coverage": 0.9}
    >>> number_words({"status": "ok", "coordination": coordination})
    ('1.25', '0.74 to 1.76 at 90 %')
    >>> number_words({"status": "error"})
    ('Not readable', '')
    """
    coordination = entry.get("coordination")
    if entry["status"] == "error":
        return "Not readable", ""
    if entry["status"] != "ok" or not coordination:
        return "No answer", "the spectrum was read, but no answer would be justified"
    interval = coordination.get("interval")
    if not interval:
        return f"{coordination['mean']:.2f}", "without an interval: the model is not calibrated"
    low, high = interval
    return f"{coordination['mean']:.2f}", (
        f"{low:.2f} to {high:.2f} at {100 * coordination['coverage']:.0f} %"
    )


def novelty_words(entry: Mapping[str, Any]) -> str:
    """How much a spectrum is like those that the model was trained on.

    Examples
    --------
    >>> novelty_words({"novelty": {"p_value": 0.42, "flag": False, "reason": ""}})
    'Like the library: of 100 spectra of its kind, 42 are as unusual as this one, or more.'
    """
    novelty = entry.get("novelty")
    if not novelty:
        return "Not compared with the library."
    p_value = novelty.get("p_value")
    if novelty.get("flag") or p_value is None:
        reason = str(novelty.get("reason") or "unlike the library")
        return sentence(reason).rstrip(".") + "."
    how = "Like the library" if p_value >= 0.1 else "At the margin of the library"
    return (
        f"{how}: of 100 spectra of its kind, {max(1, round(100 * p_value))} are as unusual as this "
        "one, or more."
    )


def set_words(entry: Mapping[str, Any]) -> str:
    """What the prediction set says.

    Examples
    --------
    >>> set_words({"environment": {"set": ["1 Fe", "2 Fe"], "coverage": 0.9}})
    'If all sites are alike, it is one of these 2 at 90 %:'
    """
    environment = entry.get("environment") or {}
    members = environment.get("set")
    if members is None:
        return "No prediction set: the model is not calibrated."
    share = f"{100 * environment['coverage']:.0f} %"
    if not members:
        return f"No environment is plausible at {share}."
    if len(members) == 1:
        return f"If all sites are alike, it is this one at {share}:"
    return f"If all sites are alike, it is one of these {len(members)} at {share}:"


_STEPS = {
    "glitches": "Glitches removed",
    "background": "Background below the edge",
    "normalisation": "Normalisation above the edge",
    "extension": "Continued to the ends of the model's axis",
    "alignment": "Energies aligned with the library",
    "sampling": "Sampled on the model's axis",
}


def steps_words(steps: Sequence[Mapping[str, Any]] | None) -> list[str]:
    """The steps of a preparation, each with its parameters.

    Examples
    --------
    >>> steps_words([{"step": "alignment", "shift_eV": -530.123456, "scale": 1.0}])
    ['Energies aligned with the library: shift -530.12 eV, scale 1']
    """
    lines = []
    for step in steps or []:
        name = str(step.get("step", ""))
        details = [
            _parameter(key, value)
            for key, value in step.items()
            if key != "step" and isinstance(value, int | float | str) and value != ""
        ]
        title = _STEPS.get(name, name.capitalize())
        lines.append(f"{title}: {', '.join(details)}" if details else title)
    return lines


def _parameter(key: str, value: float | str) -> str:
    name, unit = (key[:-3], " eV") if key.endswith("_eV") else (key, "")
    if not isinstance(value, str):
        value = f"{round(value, 2):g}" if unit else f"{value:.4g}"
    label = "" if key == "reason" else f"{name.replace('_', ' ')} "
    return f"{label}{value}{unit}"
