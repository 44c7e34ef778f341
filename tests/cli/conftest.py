"""The toy engine, a recipe for it, and the command in this process."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import ase.io
import numpy as np
import pytest
from ase import Atoms

PLUGIN = Path(__file__).parents[1] / "engines" / "plugin"


class Answer(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def document(self):
        """Standard output as one JSON document and nothing else."""
        return json.loads(self.out)


@pytest.fixture
def nearedge(capsys, monkeypatch):
    """Run a command; builds use threads, which start at once."""
    monkeypatch.syspath_prepend(str(PLUGIN))
    monkeypatch.setattr("nearedge.compute.local_executor", ThreadPoolExecutor)

    def run(*words) -> Answer:
        from nearedge.cli import main

        capsys.readouterr()
        code = main([str(word) for word in words])
        return Answer(code, *capsys.readouterr())

    return run


def structure(distance_A: float = 1.9) -> Atoms:
    """Two oxygens around one iron."""
    return Atoms(
        "FeO2",
        [[0, 0, 0], [distance_A, 0, 0], [-distance_A, 0.2, 0]],
        cell=[9.0, 9.0, 9.0],
        pbc=True,
    )


@pytest.fixture
def files(tmp_path):
    """A structure, a table of its spectra, and a recipe for the toy engine."""
    energy_eV = np.arange(-8.0, 30.0, 0.2)
    columns = [np.exp(-((energy_eV - p) ** 2) / 4) for p in (2.0, 5.0)]
    np.savetxt(tmp_path / "table.dat", np.stack([energy_eV, *columns], axis=1))
    ase.io.write(tmp_path / "POSCAR", structure(), format="vasp")
    (tmp_path / "control").mkdir()
    (tmp_path / "recipe.toml").write_text(
        f'licence = "CC0-1.0"\nscheme = "li3feo35_oxygen"\n[engine]\nname = "toy"\n'
        f'settings = {{ control = "{tmp_path / "control"}" }}\n'
        f'[[files]]\npath = "POSCAR"\ntrajectory = "t1"\n'
    )
    return tmp_path


@pytest.fixture
def content():
    """Every byte under a path, to see that nothing was touched."""

    def read(path: Path) -> dict[str, bytes]:
        return {str(f): f.read_bytes() for f in sorted(path.rglob("*")) if f.is_file()}

    return read
