"""Spectra in HDF5 files: NeXus (NXdata, NXxas) and simple stacks.

Runs in a helper process (`nearedge.spectra._isolated`), because the HDF5 library is not safe on
damaged files. Three layouts are tried, the first that gives spectra counts:

1. a NeXus group that names its ``signal`` and ``axes``, one of them the energy;
2. an ``NXxas`` entry with the datasets that its definition names;
3. a group with a dataset called energy (or in eV, keV) and others of matching shape, whose names
   tell the detectors as in a text table.

A signal has the shape (energy), (spectrum, energy), (y, x, energy), or energy first. NeXus: M.
Könnecke et al., J. Appl. Cryst. 48, 301 (2015); https://manual.nexusformat.org.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, cast

import h5py
import numpy as np

from nearedge.errors import NearedgeError, UsageError
from nearedge.spectra import hyperspy
from nearedge.spectra.axis import guess_axis
from nearedge.spectra.blocks import SpectrumBlock, row_faults
from nearedge.spectra.columns import Mode, Signal, known
from nearedge.spectra.header import Header, element_and_edge, scan_header
from nearedge.spectra.points import clean_points
from nearedge.spectra.spectrum import MINIMUM_POINTS, Kind
from nearedge.spectra.units import to_eV

_MOST_OBJECTS = 20_000
_DEEPEST = 12
_LARGEST_CHUNK_BYTES = 64 * 10**6
_MOST_POINTS = 1_000_000
_BLOCK_VALUES = 4_000_000
_CACHE_BYTES = 64 * 10**6
_ENERGY_NAME = re.compile(r"(?i)(.*[_ ])?energy|en|e|ev|photon_energy|mono_energy|energies")
_LONGEST_TEXT = 300

# Where NXxas keeps what it measures, relative to the entry, in both generations of the definition.
_NXXAS = {
    "energy": ("data/energy", "instrument/monochromator/energy", "energy"),
    "i0": ("instrument/incoming_beam/data", "monitor/data", "data/incoming_beam"),
    "absorbed": ("instrument/absorbed_beam/data", "data/absorbed_beam", "absorbed_beam"),
}


@dataclass
class _Layout:
    """Datasets that make one set of spectra."""

    label: str
    group: h5py.Group
    energy: h5py.Dataset
    columns: list[h5py.Dataset]
    signal: Signal
    notes: list[str] = field(default_factory=list)


def blocks(
    path: str, columns: str | None, mode: Mode, start: int, size: int
) -> Iterator[SpectrumBlock]:
    """Read the spectra of a file, block by block.

    Parameters
    ----------
    path
        The file.
    columns
        Paths of the energy and of a signal dataset with a comma in between, or None.
    mode
        Which kind of signal to take where several are possible.
    start
        How many spectra to leave out.
    size
        Most spectra in a block, fewer where spectra are long.

    Yields
    ------
    SpectrumBlock
        In the order of the file.

    Raises
    ------
    NearedgeError
        If the file holds no spectra in a layout that is known.
    """
    with h5py.File(path, "r", rdcc_nbytes=_CACHE_BYTES) as file:
        if str(_attribute(file, "file_format")).lower() == "hyperspy":
            yield from hyperspy.blocks(path, columns, mode, start, size)
            return
        layouts = _chosen(file, columns, path) if columns else _found(file, mode, path)
        several = len(layouts) > 1
        first = 0
        total = sum(map(_spectra, layouts))
        for layout in layouts:
            for block in _read(layout, path, several, max(start - first, 0), size, first):
                yield replace(block, total=total)
            first += _spectra(layout)


def _found(file: h5py.File, mode: Mode, path: str) -> list[_Layout]:
    groups = list(_groups(file))
    for search in (_nexus_data, _nxxas, _simple):
        layouts: list[_Layout] = []
        for group in groups:
            found = search(group, mode, path)
            known_already = [(_address(o.energy), [*map(_address, o.columns)]) for o in layouts]
            if found and (_address(found.energy), [*map(_address, found.columns)]) not in (
                known_already
            ):
                layouts.append(found)
        if layouts:
            return layouts
    datasets = [
        f"{child.name} {child.shape}"
        for group in groups
        for child in _children(group).values()
        if isinstance(child, h5py.Dataset)
    ]
    listed = ", ".join(datasets[:8]) + (" ..." if len(datasets) > 8 else "")
    raise NearedgeError(
        f"{path}: no spectra found: there is no NXdata or NXxas group with an energy axis, and no "
        f"dataset called energy with others of the same length; the file holds "
        f"{listed or 'no datasets'}; name two of them with columns, such as '/energy,/mu'"
    )


def _groups(file: h5py.File) -> Iterator[h5py.Group]:
    """All groups of the file itself, outermost first; other files are not followed."""
    queue: list[tuple[h5py.Group, int]] = [(file, 0)]
    seen = {_address(file)}
    count = 0
    while queue:
        group, depth = queue.pop(0)
        yield group
        for child in _children(group).values():
            count += 1
            if count > _MOST_OBJECTS:
                raise NearedgeError(
                    f"{file.filename}: more than {_MOST_OBJECTS} groups and datasets; name the "
                    "spectra with columns, such as '/entry/data/energy,/entry/data/mu'"
                )
            if isinstance(child, h5py.Group) and depth < _DEEPEST:
                address = _address(child)
                if address not in seen:
                    seen.add(address)
                    queue.append((child, depth + 1))


def _children(group: h5py.Group) -> dict[str, h5py.Group | h5py.Dataset]:
    children: dict[str, h5py.Group | h5py.Dataset] = {}
    for name in map(str, group):
        link = group.get(name, getlink=True)
        if isinstance(link, h5py.ExternalLink):
            continue
        child = group.get(name)
        if isinstance(child, h5py.Group | h5py.Dataset):
            children[name] = child
    return children


def _address(item: h5py.Group | h5py.Dataset) -> int:
    return h5py.h5o.get_info(item.id).addr  # pyright: ignore[reportAttributeAccessIssue]


def _nexus_data(group: h5py.Group, mode: Mode, path: str) -> _Layout | None:
    name = _attribute(group, "signal")
    children = _children(group)
    if not isinstance(name, str):
        # The older convention marks the dataset.
        marked = [
            n
            for n, child in children.items()
            if isinstance(child, h5py.Dataset) and str(_attribute(child, "signal")) == "1"
        ]
        name = marked[0] if len(marked) == 1 else None
    signal = children.get(name or "")
    if not isinstance(signal, h5py.Dataset) or not _is_numeric(signal):
        return None
    axes = _attribute(group, "axes") or _attribute(signal, "axes") or []
    if isinstance(axes, str):
        axes = re.split(r"[:,]", axes.strip("[]"))
    named = [children.get(str(axis).strip()) for axis in axes]
    energy = next((axis for axis in named if _is_energy(axis)), None)
    if energy is None:
        energy = next((child for child in children.values() if _is_energy(child)), None)
    if not isinstance(energy, h5py.Dataset) or not _fits(signal, energy):
        return None
    found = _by_names(group, energy, mode, path, children)
    # The signal may be one of several detectors in the group.
    if found and (signal in found.columns or found.signal.denominator):
        return found
    normalised = bool(re.match(r"(?i)norm|flat", str(name)))
    kind: Kind = (
        "mu" if re.match(r"(?i)mu|.*absorption|norm|flat|intensity", str(name)) else "unknown"
    )
    raw = False if normalised else True if kind == "mu" else None
    return _Layout(
        _label(group), group, energy, [signal], Signal(str(name), (0,), kind=kind, raw=raw)
    )


def _nxxas(group: h5py.Group, mode: Mode, path: str) -> _Layout | None:
    definition = group.get("definition") if "definition" in group else None
    if not isinstance(definition, h5py.Dataset) or "NXxas" not in str(_scalar(definition)):
        return None
    parts = {
        name: next((d for p in places if isinstance(d := group.get(p), h5py.Dataset)), None)
        for name, places in _NXXAS.items()
    }
    energy, absorbed, i0 = parts["energy"], parts["absorbed"], parts["i0"]
    if energy is None or absorbed is None or not _fits(absorbed, energy):
        return None
    words = str(_scalar(group.get("data/mode") or group.get("mode") or "")).lower()
    transmission = "transmission" in words
    kind = cast(
        Kind,
        "transmission" if transmission else "fluorescence" if "fluor" in words else
        "electron yield" if "electron" in words or "auger" in words else "unknown",
    )  # fmt: skip
    if i0 is None or not _fits(i0, energy) or kind == "unknown":
        signal = Signal("absorbed_beam", (0,), kind=kind, raw=True)
        return _Layout(_label(group), group, energy, [absorbed], signal)
    names = ("absorbed_beam", "incoming_beam")
    if transmission:
        signal = Signal(f"ln({names[1]}/{names[0]})", (1,), (0,), True, kind, True)
    else:
        signal = Signal(f"{names[0]}/{names[1]}", (0,), (1,), False, kind, True)
    return _Layout(
        _label(group), group, energy, [absorbed, i0], signal, [f"mu computed as {signal.label}"]
    )


def _simple(group: h5py.Group, mode: Mode, path: str) -> _Layout | None:
    children = _children(group)
    energies = [child for child in children.values() if _is_energy(child)]
    if not energies:
        return None
    energy = cast(h5py.Dataset, energies[0])
    if found := _by_names(group, energy, mode, path, children):
        return found
    fitting = [
        child
        for child in children.values()
        if isinstance(child, h5py.Dataset)
        and _address(child) != _address(energy)
        and _is_numeric(child)
        and _fits(child, energy)
    ]
    largest = max((child.ndim for child in fitting), default=0)
    fitting = [child for child in fitting if child.ndim == largest]
    if len(fitting) != 1:
        if fitting:
            names = ", ".join(str(child.name) for child in fitting)
            raise NearedgeError(
                f"{path}: several datasets could be the spectra ({names}); name one with columns, "
                f"such as '{energy.name},{fitting[0].name}'"
            )
        return None
    name = str(fitting[0].name).rsplit("/", 1)[-1]
    normalised = bool(re.match(r"(?i)norm|flat", name))
    signal = Signal(
        name, (0,), kind="mu" if normalised else "unknown", raw=False if normalised else None
    )
    return _Layout(_label(group), group, energy, fitting, signal)


def _by_names(
    group: h5py.Group,
    energy: h5py.Dataset,
    mode: Mode,
    path: str,
    children: dict[str, h5py.Group | h5py.Dataset],
) -> _Layout | None:
    """Detectors that their names tell, all of the energy's shape or all of one larger shape."""
    fitting = {
        name: child
        for name, child in children.items()
        if isinstance(child, h5py.Dataset) and _is_numeric(child) and _fits(child, energy)
    }
    shapes = sorted({child.shape for child in fitting.values()}, key=len, reverse=True)
    for shape in shapes:
        names = [n for n, child in fitting.items() if child.shape == shape and child != energy]
        try:
            choice = known(["energy", *names], mode, f"{path}, {group.name}", energy=0)
        except NearedgeError:
            continue
        if choice is None:
            continue
        signal = choice.signals[0]
        used = [*signal.numerator, *signal.denominator]
        place = {column: position for position, column in enumerate(used)}
        moved = Signal(
            signal.label,
            tuple(place[i] for i in signal.numerator),
            tuple(place[i] for i in signal.denominator),
            signal.logarithm,
            signal.kind,
            signal.raw,
        )
        notes = [f"mu computed as {signal.label}"] if signal.denominator else []
        if others := [other.label for other in choice.signals[1:]]:
            notes.append(f"also in the file: {', '.join(others)}")
        return _Layout(
            _label(group), group, energy, [fitting[names[i - 1]] for i in used], moved, notes
        )
    return None


def _chosen(file: h5py.File, columns: str, path: str) -> list[_Layout]:
    names = [name.strip() for name in columns.split(",")]
    if len(names) < 2:
        raise UsageError(
            f"{path}: columns {columns!r}: give the paths of the energy and of the signal dataset, "
            "such as '/entry/data/energy,/entry/data/mu'"
        )
    datasets = []
    for name in names:
        found = file.get(name)
        if not isinstance(found, h5py.Dataset) or not _is_numeric(found):
            raise UsageError(f"{path}: there is no dataset of numbers called {name!r}")
        datasets.append(found)
    energy, *signals = datasets
    for signal in signals:
        if not _fits(signal, energy):
            raise UsageError(
                f"{path}: {signal.name} of shape {signal.shape} does not fit the "
                f"{energy.size} energies of {energy.name}"
            )
    return [
        _Layout(name, signal.parent, energy, [signal], Signal(name, (0,)))
        for name, signal in zip(names[1:], signals, strict=True)
    ]


def _is_numeric(item: h5py.Dataset) -> bool:
    return item.dtype.kind in "fiu" and item.shape is not None and math.prod(item.shape) > 0


def _is_energy(item: h5py.Group | h5py.Dataset | None) -> bool:
    if not isinstance(item, h5py.Dataset) or not _is_numeric(item) or item.shape[-1:] < (2,):
        return False
    name = str(item.name).rsplit("/", 1)[-1]
    unit = str(_attribute(item, "units") or "").lower()
    return bool(_ENERGY_NAME.fullmatch(name)) or unit in ("ev", "kev")


def _fits(signal: h5py.Dataset, energy: h5py.Dataset) -> bool:
    if energy.ndim == 1:
        return 1 <= signal.ndim <= 3 and energy.size in (signal.shape[-1], signal.shape[0])
    return energy.ndim == 2 and signal.shape == energy.shape


def _energy_last(layout: _Layout) -> bool:
    return layout.columns[0].shape[-1] == layout.energy.shape[-1]


def _spectra(layout: _Layout) -> int:
    shape = layout.columns[0].shape
    return math.prod(shape[:-1] if _energy_last(layout) else shape[1:])


def _label(group: h5py.Group) -> str:
    return str(group.name).strip("/")


def _read(
    layout: _Layout, path: str, several: bool, start: int, size: int, first: int
) -> Iterator[SpectrumBlock]:
    for item in (layout.energy, *layout.columns):
        _check_storage(item, path)
    unit = _attribute(layout.energy, "units")
    where = f"{path}, {layout.energy.name}"
    points = layout.energy.shape[-1]
    total = _spectra(layout)
    if points > _MOST_POINTS:
        raise NearedgeError(f"{where}: {points} energies are no spectrum; name another dataset")
    own_energies = len(layout.energy.shape) == 2
    common, element, edge = _context(layout.group)
    rows = 1 if own_energies else max(1, min(size, _BLOCK_VALUES // points))
    inner = _inner_shape(layout)
    chunk = layout.columns[0].chunks
    if chunk and _energy_last(layout) and len(inner) == 1:
        whole = math.ceil(rows / chunk[0]) * chunk[0]
        rows = whole if whole * points <= 2 * _BLOCK_VALUES and whole <= 2 * size else rows
    energy_raw = None if own_energies else np.asarray(layout.energy[()], dtype=np.float64)
    while start < total:
        # Up to the next multiple, so that blocks keep to the chunks of the file.
        stop = min(total, (start // rows + 1) * rows)
        raw = energy_raw if energy_raw is not None else np.asarray(layout.energy[start], np.float64)
        energy, notes = to_eV(raw, str(unit) if unit is not None else None, where)
        if not np.isfinite(energy).all():
            raise NearedgeError(f"{where}: the energies hold NaN; was the scan interrupted?")
        values = _values(layout, start, stop)
        scans = clean_points(energy, values.T, where)
        if len(scans) > 1 and total > 1:
            raise NearedgeError(
                f"{where}: the energies go through {len(scans)} sweeps; give one stack a sweep"
            )
        headers = _headers(layout, start, stop, common)
        for number, scan in enumerate(scans, start=1):
            labels = [_scan_label(layout, several, total, i) for i in range(start, stop)]
            if len(scans) > 1:
                labels = [f"{label}, scan {number}" for label in labels]
            intensity = np.ascontiguousarray(scan.values.T)
            if scan.energy_eV.size < MINIMUM_POINTS:
                raise NearedgeError(
                    f"{where}: only {scan.energy_eV.size} energies; a spectrum needs at least "
                    f"{MINIMUM_POINTS}"
                )
            yield SpectrumBlock(
                scan.energy_eV,
                intensity,
                scans=tuple(labels),
                headers=tuple(headers),
                faults=row_faults(intensity, scan.energy_eV),
                first=first + start,
                axis=guess_axis(scan.energy_eV, where),
                source=path,
                format="hdf5",
                kind=layout.signal.kind,
                raw=layout.signal.raw,
                element=element,
                edge=edge,
                notes=(*layout.notes, *notes, *scan.notes),
            )
        start = stop


def _check_storage(item: h5py.Dataset, path: str) -> None:
    if item.is_virtual or item.external:
        raise NearedgeError(
            f"{path}: the numbers of {item.name} lie in other files, which are not followed; copy "
            "them into one file"
        )
    chunk_bytes = math.prod(item.chunks or (0,)) * item.dtype.itemsize
    if chunk_bytes > _LARGEST_CHUNK_BYTES:
        raise NearedgeError(
            f"{path}: {item.name} is stored in chunks of {chunk_bytes / 1e6:.0f} MB, more than the "
            f"{_LARGEST_CHUNK_BYTES / 1e6:.0f} MB that are read at once; store it in smaller ones"
        )


def _inner_shape(layout: _Layout) -> tuple[int, ...]:
    shape = layout.columns[0].shape
    return shape[:-1] if _energy_last(layout) else shape[1:]


def _values(layout: _Layout, start: int, stop: int) -> np.ndarray:
    """Rows start to stop of the signal: (spectrum, energy)."""
    columns = np.stack([_rows(layout, column, start, stop) for column in layout.columns], axis=-1)
    signal = layout.signal
    with np.errstate(all="ignore"):
        numerator = columns[..., signal.numerator].sum(axis=-1)
        if not signal.denominator:
            return numerator
        ratio = numerator / columns[..., signal.denominator].sum(axis=-1)
        return np.log(ratio) if signal.logarithm else ratio


def _rows(layout: _Layout, column: h5py.Dataset, start: int, stop: int) -> np.ndarray:
    last = _energy_last(layout)
    if column.ndim == 1:
        return np.asarray(column[()], dtype=np.float64)[None]
    if column.ndim == 2:
        read = column[start:stop] if last else column[:, start:stop].T
        return np.asarray(read, dtype=np.float64)
    width = _inner_shape(layout)[1]
    top, bottom = start // width, (stop - 1) // width + 1
    read = column[top:bottom] if last else np.moveaxis(column[:, top:bottom], 0, -1)
    flat = np.asarray(read, dtype=np.float64).reshape(-1, layout.energy.shape[-1])
    return flat[start - top * width : stop - top * width]


def _scan_label(layout: _Layout, several: bool, total: int, row: int) -> str:
    number = str(row + 1)
    if not several:
        return number
    return layout.label if total == 1 else f"{layout.label} {number}"


def _headers(layout: _Layout, start: int, stop: int, common: Header) -> list[Header]:
    inner = _inner_shape(layout)
    total = _spectra(layout)
    headers: list[Header] = [dict(common) for _ in range(start, stop)]
    if not inner:
        return headers
    if len(inner) == 2:
        for header, row in zip(headers, range(start, stop), strict=True):
            header["y"], header["x"] = divmod(row, inner[1])
    taken = {_address(layout.energy), *(_address(column) for column in layout.columns)}
    for name, child in _children(layout.group).items():
        if (
            not isinstance(child, h5py.Dataset)
            or child.shape not in ((total,), inner)
            or _address(child) in taken
            or child.is_virtual
            or child.external
        ):
            continue
        name, slope, offset = _named(name, _attribute(child, "units"))
        for header, value in zip(headers, _column(child, start, stop), strict=True):
            if isinstance(value, str):
                header[name] = value
            elif value is not None:
                header[name] = value if slope == 1 and offset == 0 else slope * value + offset
    return headers


def _column(item: h5py.Dataset, start: int, stop: int) -> list[Any]:
    flat = item if item.ndim == 1 else item[()].reshape(-1)
    if h5py.check_string_dtype(item.dtype):
        return [_text(value) for value in flat[start:stop]]
    if item.dtype.kind not in "fiub":
        return [None] * (stop - start)
    numbers = np.asarray(flat[start:stop]).tolist()
    return [value if math.isfinite(value) else None for value in numbers]


def _named(name: str, unit: Any) -> tuple[str, float, float]:
    """Give a temperature or voltage its usual name and unit: the name, a factor and an offset."""
    zero, one = (scan_header([(name, f"{number} {unit or ''}".strip())]) for number in (0, 1))
    for key, value in zero.items():
        if key.endswith(("_K", "_V")):
            return key, float(one[key]) - float(value), float(value)
    return name, 1.0, 0.0


def _context(group: h5py.Group) -> tuple[Header, str | None, str | None]:
    """What the group and those around it say of the whole measurement."""
    pairs: list[tuple[str, str]] = []
    words: dict[str, str] = {}
    while True:
        places = [
            group,
            *(g for n in ("sample", "element") if isinstance(g := group.get(n), h5py.Group)),
        ]
        for place in places:
            prefix = "sample " if place is not group else ""
            for name, child in list(_children(place).items())[:200]:
                if isinstance(child, h5py.Dataset) and child.shape == ():
                    value = _scalar(child)
                    unit = _attribute(child, "units")
                    if isinstance(value, str | int | float):
                        text = f"{value} {unit}" if unit else str(value)
                        pairs.append(
                            (prefix + name if name in ("name", "temperature") else name, text)
                        )
                        words.setdefault(name.lower(), text)
            for name in list(place.attrs)[:50]:
                value = _attribute(place, name)
                if isinstance(value, str | int | float) and name not in ("NX_class", "signal"):
                    pairs.append((name, str(value)))
                    words.setdefault(name.lower(), str(value))
        if group.name in ("/", None):
            break
        group = cast(h5py.Group, group.parent)
    symbol = next(
        (words[n] for n in ("element", "absorber", "absorbing_element", "symbol") if n in words),
        None,
    )
    shell = next((words[n] for n in ("edge", "absorption_edge") if n in words), None)
    return scan_header(pairs), *element_and_edge(symbol, shell)


def _attribute(item: h5py.Group | h5py.Dataset, name: str) -> Any:
    """Give an attribute as text, number or list of texts; None if it is absent or large."""
    if name not in item.attrs:
        return None
    if math.prod(item.attrs.get_id(name).shape or (1,)) > 50:
        return None
    value = item.attrs[name]
    if isinstance(value, np.ndarray):
        texts = [_text(v) for v in value.reshape(-1)]
        return texts[0] if len(texts) == 1 else texts
    return value.item() if isinstance(value, np.generic) else _text(value)


def _scalar(item: Any) -> Any:
    if isinstance(item, h5py.Dataset):
        if item.shape not in ((), (1,)) or item.is_virtual or item.external:
            return ""
        if item.dtype.itemsize > 10_000:
            return ""
        item = item[()]
        if isinstance(item, np.ndarray):
            item = item.reshape(-1)[0]
    if isinstance(item, np.generic):
        item = item.item()
    if isinstance(item, float) and not math.isfinite(item):
        return ""
    return item if isinstance(item, int | float) and not isinstance(item, bool) else _text(item)


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        value = value.decode("utf-8", errors="replace")
    return str(value)[:_LONGEST_TEXT]
