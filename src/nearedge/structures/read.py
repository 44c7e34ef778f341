"""Structures from files: one list of atoms whatever the format."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nearedge.errors import NearedgeError
from nearedge.structures.cif import read_cif

if TYPE_CHECKING:
    from ase import Atoms

# ASE's name of each format, and ours.
_FORMATS = {
    "vasp": "POSCAR",
    "vasp-xdatcar": "XDATCAR",
    "vasp-xml": "vasprun.xml",
    "extxyz": "extended XYZ",
    "traj": "ASE trajectory",
    "cif": "CIF",
}
# The first pattern that fits the lower-case file name decides; an ending says more than a start.
_BY_NAME = (
    ("*.cif", "cif"),
    ("*.xyz", "extxyz"),
    ("*.extxyz", "extxyz"),
    ("*.traj", "traj"),
    ("*vasprun*.xml", "vasp-xml"),
    ("*.vasp", "vasp"),
    ("*.poscar", "vasp"),
    ("xdatcar*", "vasp-xdatcar"),
    ("poscar*", "vasp"),
    ("contcar*", "vasp"),
)
_NUMBER = r"[ \t]*[-+]?[.\d][.\deE+-]*"
_VECTOR = rf"{_NUMBER}[ \t]{_NUMBER}[ \t]{_NUMBER}[ \t]*\r?\n"
_BY_CONTENT = (
    (re.compile(r"- of Ulm"), "traj"),
    (re.compile(r"(?s)\s*<\?xml.*<modeling"), "vasp-xml"),
    (re.compile(r"(?s).*^Direct configuration=", re.MULTILINE), "vasp-xdatcar"),
    (re.compile(r"(?is)(.*\n)?data_\S*\s.*^\s*(_cell|_atom|_symmetry|loop_)", re.MULTILINE), "cif"),
    (
        re.compile(rf"[^\n]*\n(?:{_NUMBER}[ \t]*\r?\n|{_VECTOR}){_VECTOR}{_VECTOR}{_VECTOR}\s*\w"),
        "vasp",
    ),
    (re.compile(r"[ \t]*\d+[ \t]*\r?\n[^\n]*\n[ \t]*[A-Z][a-z]?[ \t]"), "extxyz"),
)
_HEAD_BYTES = 20_000


def read_structures(path: str | os.PathLike[str]) -> list[Atoms]:
    """Read every structure of a POSCAR, XDATCAR, vasprun.xml, extended XYZ, ASE .traj or CIF file.

    The name of the file tells its format, and where it does not, the content does. All frames of
    a trajectory are returned, in their order.

    Parameters
    ----------
    path
        One file.

    Returns
    -------
    list of ase.Atoms
        At least one, in ångström, each periodic where the file says so (VASP files and CIF: in
        all directions; extended XYZ: where it has a lattice). Entries of an extended XYZ or ASE
        trajectory file are kept in ``info``: ``trajectory_id`` as text and ``temperature_K`` as a
        number where present.

    Raises
    ------
    NearedgeError
        If the file is missing, empty, truncated or of an unknown format, or if its atoms are not
        definite: sites partly occupied, elements unknown, positions or cell missing.

    Examples
    --------
    >>> import tempfile
    >>> from ase.build import bulk
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     bulk("MgO", "rocksalt", a=4.2).write(f"{folder}/POSCAR")
    ...     [structure] = read_structures(f"{folder}/POSCAR")
    >>> structure.get_chemical_formula(), bool(structure.pbc.all())
    ('MgO', True)
    """
    file = Path(path)
    try:
        with file.open("rb") as stream:
            head = stream.read(_HEAD_BYTES)
    except OSError as error:
        raise NearedgeError(f"{file}: cannot be read ({error.strerror}); check the path") from error
    if not head.strip():
        raise NearedgeError(f"{file}: is empty; give a file with at least one structure")
    kind = _format(file, head)
    if kind != "traj" and b"\0" in head:
        raise NearedgeError(
            f"{file}: is binary, not a {_FORMATS[kind]} file; give the text file, unpacked"
        )
    try:
        structures = _READERS[kind](file)
    except NearedgeError:
        raise
    except Exception as error:  # ASE's readers let any kind through on a damaged file
        detail = " ".join(f"{type(error).__name__}: {error}".split())
        raise NearedgeError(
            f"{file}: cannot be read as {_FORMATS[kind]}, it is damaged or truncated "
            f"({detail[:200]}); write the file again"
        ) from error
    if not structures:
        raise NearedgeError(f"{file}: holds no structure; give a {_FORMATS[kind]} file with one")
    for frame, structure in enumerate(structures):
        _check_definite(file, frame, structure)
        _plain_info(file, frame, structure)
    return structures


def _format(file: Path, head: bytes) -> str:
    for pattern, kind in _BY_NAME:
        if fnmatch(file.name.lower(), pattern):
            return kind
    text = head.decode("latin-1")
    for pattern, kind in _BY_CONTENT:
        if pattern.match(text):
            return kind
    raise NearedgeError(
        f"{file}: neither its name nor its content tells a format that can be read; "
        f"give one of {', '.join(_FORMATS.values())}"
    )


def _read_with_ase(file: Path, kind: str) -> list[Any]:
    from ase.io import read

    # Without `parallel=False` ASE would wait for the other processes of an MPI pool, and without
    # `do_not_split_by_at_sign` it would take "cell@300K" for a request for frame 300K.
    return list(read(file, ":", format=kind, parallel=False, do_not_split_by_at_sign=True))


def _text(file: Path) -> str:
    return file.read_text(encoding="utf-8", errors="replace")


def _read_poscar(file: Path) -> list[Any]:
    lines = _text(file).splitlines()
    elements, counts = lines[5].split(), lines[6].split("!")[0].split()
    if elements[0].isdigit():
        # ASE would guess the elements from the title.
        raise NearedgeError(
            f"{file}: line 6 has numbers where the elements must stand (a VASP 4 file); "
            f"insert a line with the symbols of the elements above it"
        )
    if len(elements) != len(counts):
        raise NearedgeError(
            f"{file}: line 6 has {len(elements)} elements and line 7 has {len(counts)} counts of "
            f"atoms; correct them"
        )
    return _read_with_ase(file, "vasp")


def _read_xdatcar(file: Path) -> list[Any]:
    structures = _read_with_ase(file, "vasp-xdatcar")
    # ASE stops without a word at the first line it does not understand between two frames.
    announced = _text(file).count("Direct configuration=")
    if announced != len(structures):
        raise NearedgeError(
            f"{file}: announces {announced} frames, but only {len(structures)} can be read; "
            f"look for a damaged or empty line after frame {len(structures)}"
        )
    return structures


def _read_extxyz(file: Path) -> list[Any]:
    structures = _read_with_ase(file, "extxyz")
    # ASE takes an empty line between two frames for the end of the file.
    lines = [n for n in _text(file).rstrip().splitlines() if not n.lstrip().startswith("VEC")]
    used = sum(len(structure) + 2 for structure in structures)
    if len(lines) > used:
        raise NearedgeError(
            f"{file}: line {used + 1} does not start another frame, though more follows; "
            f"remove the empty line or complete the frame"
        )
    return structures


def _read_traj(file: Path) -> list[Any]:
    return _read_with_ase(file, "traj")


def _read_vasprun(file: Path) -> list[Any]:
    from xml.etree import ElementTree

    # ASE leaves out, without a word, the steps from a damage or the end of an unfinished file on.
    announced = 0
    try:
        for _, element in ElementTree.iterparse(file):
            announced += element.tag == "calculation"
            element.clear()
    except ElementTree.ParseError as error:
        raise NearedgeError(
            f"{file}: is damaged or truncated ({error}; VASP still running, or stopped?); "
            f"let the run finish, or take the frames from its XDATCAR"
        ) from error
    structures = _read_with_ase(file, "vasp-xml")
    if announced != len(structures):
        raise NearedgeError(
            f"{file}: has {announced} ionic steps, but only {len(structures)} can be read; "
            f"write the file again"
        )
    return structures


def _check_definite(file: Path, frame: int, structure: Atoms) -> None:
    problem = None
    if len(structure) == 0:
        problem = "has no atoms"
    elif not structure.numbers.all():
        problem = f"atom {int(np.argmin(structure.numbers))} is of no known element"
    elif not (np.isfinite(structure.positions).all() and np.isfinite(structure.cell.array).all()):
        problem = "positions or cell are not finite numbers"
    elif structure.pbc.any() and (
        np.linalg.matrix_rank(structure.cell.array[structure.pbc]) < structure.pbc.sum()
    ):
        problem = "is periodic, but its cell has no volume"
    if problem:
        raise NearedgeError(f"{file}: structure {frame} (from 0) {problem}; correct the file")


def _plain_info(file: Path, frame: int, structure: Atoms) -> None:
    """Undo what ASE does to the entries: numbers as numpy scalars, ``run=7`` as a number."""
    for key, value in structure.info.items():
        if isinstance(value, np.generic):
            structure.info[key] = value.item()
    if "trajectory_id" in structure.info:
        structure.info["trajectory_id"] = str(structure.info["trajectory_id"])
    if "temperature_K" in structure.info:
        temperature = structure.info["temperature_K"]
        if isinstance(temperature, bool) or not isinstance(temperature, int | float):
            raise NearedgeError(
                f"{file}: structure {frame} (from 0) has the temperature {temperature!r}; "
                f"temperature_K must be a number in kelvin"
            )
        structure.info["temperature_K"] = float(temperature)


_READERS: dict[str, Callable[[Path], list[Any]]] = {
    "vasp": _read_poscar,
    "vasp-xdatcar": _read_xdatcar,
    "vasp-xml": _read_vasprun,
    "extxyz": _read_extxyz,
    "traj": _read_traj,
    "cif": read_cif,
}
