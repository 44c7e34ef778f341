"""Small files of every format, made here, and ways to damage them.

The fuzz tests damage these and, where the folder is there, the real files of ../shared/data.
"""

from __future__ import annotations

import gzip
import io
import random

import h5py
import numpy as np

RNG = np.random.default_rng(11)
ENERGY_EV = np.linspace(525.0, 560.0, 71)
MU, I0, IT = RNG.uniform(1.0, 2.0, (3, 71))

# Bytes that mean something to one of the formats.
TELLING = b" \t\n\r,;.#%!/:'\"()[]{}\\@$=-+0123456789eEdDnaifkVX_\x00\x1a\xff\x80\x7f"
NUMBERS = [b"nan", b"-inf", b"1e999", b"1e308", b"-1e308", b"1e-320", b"0", b"-0", b"99999999999",
           b"1_0", b"0x1p3", b"1e", b"--1", b"1.2.3", b"0,5", b"\xc2\xb5"]  # fmt: skip


def rows(*columns: np.ndarray, separator: str = "  ") -> str:
    return "".join(
        separator.join(f"{x:.6f}" for x in row) + "\n" for row in np.stack(columns, axis=1)
    )


def text_files() -> dict[str, bytes]:
    """One file of every text format, and Athena projects packed and not."""
    xdi = (
        "# XDI/1.0 TEST/1.0\n# Column.1: energy eV\n# Column.2: i0\n# Column.3: itrans\n"
        "# Element.symbol: O\n# Element.edge: K\n# Mono.d_spacing: 3.13\n"
        "# Sample.temperature: 300 K\n# Scan.start_time: 2026-01-02T03:04:05\n# ///\n"
        "# a comment\n# ----\n# energy i0 itrans\n"
    )
    msa = (
        "#FORMAT      : EMSA/MAS Spectral Data File\n#VERSION     : 1.0\n#TITLE       : loss\n"
        "#NPOINTS     : 71\n#XUNITS      : eV\n#DATATYPE    : {}\n#XPERCHAN    : 0.5\n"
        "#OFFSET      : 525.0\n#SIGNALTYPE  : ELS\n#SPECTRUM    : data\n{}#ENDOFDATA   : end\n"
    )
    quoted = {name: ",".join(f"'{x:.6f}'" for x in values) for name, values in
              (("x", ENERGY_EV), ("y", MU), ("i0", I0))}  # fmt: skip
    record = "".join(f"@{name} = ({values});\n" for name, values in quoted.items())
    settings = "'label','a scan','bkg_z','O','fft_edge','K','bkg_eshift','0.5','is_nor',0"
    project = "# Athena project file -- Demeter version 0.9.20\n" + "".join(
        f"$old_group = 'abc{i}';\n@args = ({settings});\n{record}[record]   #\n\n"
        for i in range(2)
    ) + "@journal = ();\n1;\n"  # fmt: skip
    k = np.linspace(-1.0, 3.0, 71)
    feff = (
        "# FEFF 9.6\n# xsedge+ 50, used to normalize mu  4.6001E-03\n"
        "#  omega    e    k    mu    mu0     chi     @#\n"
    )
    ocean = "# iter= 100 gam= 0.0036 kpref= 1.0\n#   Energy  Spect  Spect(0)  SPKK  SPKK(0)\n"
    relative = ENERGY_EV - 530.0
    constants = [np.full(71, value) for value in (100.0, 0.0036, 1.0, 71.0)]
    return {
        "xdi": (xdi + rows(ENERGY_EV, I0, IT)).encode(),
        "table": ("# energy mu\n" + rows(ENERGY_EV, MU)).encode(),
        "detectors": ("Energy(keV)\tI0\tIt\n" + rows(ENERGY_EV / 1e3, I0, IT)).encode(),
        "csv": ("energy,a,b\n" + rows(ENERGY_EV, MU, I0, separator=",")).encode(),
        "decimal commas": rows(ENERGY_EV, MU, separator=";").replace(".", ",").encode(),
        "latin-1": b"# \xb5-XANES\r\n=====\r\n" + rows(ENERGY_EV, MU).encode(),
        "two sweeps": (rows(ENERGY_EV, MU) + rows(ENERGY_EV[::-1], I0)).encode(),
        "msa pairs": msa.format("XY", rows(ENERGY_EV, MU, separator=", ")).encode(),
        "msa counts": msa.format("Y", rows(MU)).encode(),
        "project": project.encode(),
        "packed project": gzip.compress(project.encode(), mtime=0),
        "feff": (feff + rows(ENERGY_EV, relative, k, MU, I0, IT)).encode(),
        "ocean": (ocean + rows(relative, MU, I0, IT, MU)).encode(),
        "old ocean": rows(
            relative, MU, I0, IT, constants[0], constants[1], constants[2], constants[3]
        ).encode(),
        "xspectra": (
            "# Final state angular momentum:   1\n# Broadening parameter (in eV):    0.800\n"
            "# Energy (eV)   sigma_tot   sigma_up    sigma_down\n" + rows(relative, MU, I0, IT)
        ).encode(),
    }  # fmt: skip


def hdf5_files() -> dict[str, bytes]:
    """A stack, a NeXus file and one in the layout of a beamline."""
    files = {}
    for name in ("stack", "nexus", "beamline"):
        buffer = io.BytesIO()
        with h5py.File(buffer, "w") as file:
            if name == "stack":
                file["energy"] = ENERGY_EV
                file["energy"].attrs["units"] = "eV"
                stack = RNG.uniform(1.0, 2.0, (12, 71))
                file.create_dataset("mu", data=stack, chunks=(4, 71), compression="gzip")
                file["time"] = np.arange(12.0)
                file["who"] = [f"person {i}" for i in range(12)]
            elif name == "nexus":
                entry = file.create_group("entry")
                entry.attrs["NX_class"] = "NXentry"
                entry["definition"] = "NXxas"
                data = entry.create_group("data")
                data.attrs.update(NX_class="NXdata", signal="mu", axes="energy")
                data["energy"], data["mu"] = ENERGY_EV, MU
                entry["sample/temperature"] = 300.0
            else:
                group = file.create_group("1.1/measurement")
                group["energy"], group["I0"], group["I1"] = ENERGY_EV, I0, IT
        files[name] = buffer.getvalue()
    return files


def damage(content: bytes, rng: random.Random) -> bytes:
    """Change one to eight places of a file, and sometimes cut its end off.

    Many changes are light (a digit for a byte), so that damage also gets past the first check.
    """
    damaged = bytearray(content)
    for _ in range(rng.choice([1, 1, 1, 2, 4, 8])):
        if not damaged:
            break
        # Half of the changes go where the structure of a file is: to its beginning.
        place = rng.randrange(len(damaged) if rng.random() < 0.5 else min(len(damaged), 1500))
        what = rng.random()
        if what < 0.3:
            digit = chr(damaged[place]).isdigit()
            damaged[place] = rng.choice(b"0123456789" if digit else TELLING)
        elif what < 0.4:
            damaged[place] = rng.randrange(256)
        elif what < 0.5:
            damaged[place] = rng.choice(TELLING)
        elif what < 0.6:
            damaged[place : place + 8] = rng.choice([b"\xff" * 8, b"\0" * 8, rng.randbytes(8)])
        elif what < 0.7:
            damaged[place : place + rng.randint(1, 8)] = rng.choice(NUMBERS)
        elif what < 0.8:
            del damaged[place : place + rng.randint(1, 300)]
        elif what < 0.9:
            piece = damaged[place : place + rng.randint(1, 300)]
            other = rng.randrange(len(damaged))
            damaged[other:other] = piece
        else:
            damaged[place:place] = rng.randbytes(rng.randint(1, 20))
    if rng.random() < 0.1:
        del damaged[rng.randrange(len(damaged) + 1) :]
    return bytes(damaged)
