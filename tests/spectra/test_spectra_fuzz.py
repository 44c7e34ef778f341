"""Whatever the bytes, reading ends in valid spectra or in a NearedgeError."""

from __future__ import annotations

import importlib.util
import random
import resource
import tempfile
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nearedge.errors import NearedgeError
from nearedge.spectra import Spectrum, read_spectra


def load_helper(name: str):
    spec = importlib.util.spec_from_file_location(name, Path(__file__).parent / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


corpus = load_helper("fuzz_corpus")
FILES = [
    "feff/CoO_wurtzite_O_K/xmu.dat",
    "ocean/hematite_new/absspct",
    "ocean/hematite_v2.5/absspct",
    "ocean/rutile_O_K_3pol/absspct_total",
    "cross_code_anatase_Ti_K/anatase_theory_FEFF.txt",
    "xspectra/NiO.xspectra_dip.dat",
    "columns/Andradite_pt1_01.dat",
    "xdi/good/Mn_Mn2O3_rt_01.xdi",
    "athena/FeO.prj",
    "eels_O_K/oxygen_edge.msa",
]
# Files in which a cut number always shows, because all have a fixed width or an exponent, and how
# many of their rows are enough.
FIXED_WIDTH = {
    "feff/CoO_wurtzite_O_K/xmu.dat": None,
    "ocean/hematite_new/absspct": 60,
    "ocean/hematite_v2.5/absspct": None,
    "cross_code_anatase_Ti_K/anatase_theory_FEFF.txt": None,
    "li3feo35_ocean_0K/O_K_spectra.dat": 460,
}

fuzz = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def read_bytes(content: bytes) -> list[Spectrum] | None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "fuzz"
        path.write_bytes(content)
        spectra: list[Spectrum] = []
        refusal = None
        try:
            spectra = read_spectra(path)
        except NearedgeError as error:
            refusal = str(error)
    if refusal is not None:
        assert refusal.startswith(str(path))
        assert "\n" not in refusal
        return None
    assert spectra
    for spectrum in spectra:
        assert isinstance(spectrum, Spectrum)
        assert spectrum.energy_eV.shape == spectrum.intensity.shape
        assert (np.diff(spectrum.energy_eV) > 0).all()
        assert np.isfinite(spectrum.intensity).all()
    return spectra


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=2000))
def test_random_bytes(content):
    read_bytes(content)


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet='0123456789.-+eEdD,; \t\n\r#%!"naif_\x85µ', max_size=600))
def test_random_text_of_the_characters_that_matter(content):
    read_bytes(content.encode())


numbers = st.floats(allow_nan=True, allow_infinity=True).map(repr)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.lists(numbers, min_size=1, max_size=4), max_size=25),
    st.sampled_from([" ", ",", "\t", ";"]),
    st.sampled_from(["\n", "\r\n", "\r"]),
)
def test_random_tables_of_numbers(rows, separator, end):
    read_bytes(end.join(separator.join(row) for row in rows).encode())


@pytest.mark.parametrize("file", FILES)
@fuzz
@given(data=st.data())
def test_damaged_real_files(shared_data, file, data):
    content = bytearray((shared_data / file).read_bytes())
    places = st.integers(0, len(content) - 1)
    for place in data.draw(st.lists(places, min_size=1, max_size=5), label="places"):
        content[place] = data.draw(
            st.one_of(st.sampled_from(b" \n\t,#-.0123456789eE"), st.integers(0, 255))
        )
    start = data.draw(places, label="start of a removed piece")
    length = data.draw(st.one_of(st.just(0), st.integers(1, 400)), label="length")
    del content[start : start + length]
    read_bytes(bytes(content))


@pytest.mark.parametrize("file", FIXED_WIDTH)
@fuzz
@given(data=st.data())
def test_a_file_cut_anywhere_never_yields_a_wrong_number(shared_data, file, data):
    lines = (shared_data / file).read_bytes().splitlines(keepends=True)
    content = b"".join(lines[: FIXED_WIDTH[file]])
    originals = read_bytes(content)
    assert originals is not None
    removed = data.draw(
        st.one_of(st.integers(1, len(lines[-1])), st.integers(1, len(content) - 1)), label="removed"
    )
    for cut, original in zip(read_bytes(content[:-removed]) or [], originals, strict=False):
        kept = cut.energy_eV.size
        np.testing.assert_array_equal(cut.energy_eV, original.energy_eV[:kept])
        np.testing.assert_array_equal(cut.intensity, original.intensity[:kept])


# What a damaged file may cost in processor time and memory.
MOST_SECONDS = 5.0
MOST_BYTES = 500 * 10**6
# Real files, where they are there, beside those made in the tests.
REAL = [*FILES, "xdi/bad/bad_00.xdi", "athena/Fe.prj", "columns/AT11 Glass_Toner FeEXAFS.e",
        "cross_code_anatase_Ti_K/anatase_exp.txt"]  # fmt: skip


def fuzz_files(files: dict[str, bytes], cases: int, seed: int) -> Counter[str]:
    """Read so many damaged copies; count what became of them.

    In a fresh process: a helper process counts as large as the one that starts it until its own
    program begins, and this one may have grown large with other tests.
    """
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as fresh:
        return fresh.submit(_read_damaged, files, cases, seed).result()


def _read_damaged(files: dict[str, bytes], cases: int, seed: int) -> Counter[str]:
    outcome: Counter[str] = Counter()
    rng = random.Random(seed)
    names = sorted(files)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # Only a new record is ours.
    largest = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    for case in range(cases):
        name = names[case % len(names)]
        content = corpus.damage(files[name], rng)
        start = time.process_time()
        spectra = read_bytes(content)
        assert time.process_time() - start < MOST_SECONDS, (name, case, seed)
        outcome["read" if spectra else "refused"] += 1
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert used * 1024 < MOST_BYTES
    # Helper processes that have ended; the kernel holds the others to the same limit.
    now = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    assert now == largest or now * 1024 < 2 * MOST_BYTES
    return outcome


def test_every_file_of_the_corpus_is_sound():
    for name, content in {**corpus.text_files(), **corpus.hdf5_files()}.items():
        assert read_bytes(content), name


def test_damaged_text_files_are_read_or_refused():
    outcome = fuzz_files(corpus.text_files(), 600, seed=1)
    # The damage is neither so light nor so heavy that one outcome is never tested.
    assert min(outcome.values()) > 30


def test_damaged_hdf5_files_are_read_or_refused():
    outcome = fuzz_files(corpus.hdf5_files(), 90, seed=2)
    assert min(outcome.values()) > 9


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(8))
def test_ten_thousand_damaged_files_text(shared_data, seed):
    real = {file: (shared_data / file).read_bytes() for file in REAL}
    outcome = fuzz_files({**corpus.text_files(), **real}, 1000, seed=100 + seed)
    assert min(outcome.values()) > 50


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_ten_thousand_damaged_files_hdf5(seed):
    outcome = fuzz_files(corpus.hdf5_files(), 450, seed=200 + seed)
    assert min(outcome.values()) > 45


@pytest.mark.slow
def test_ten_thousand_damaged_files_gatan():
    gatan = load_helper("gatan_files")
    files = {}
    for version in (3, 4):
        spectrum = gatan.dm_file(version, corpus.MU, [(525.0, 0.5, "eV")])
        image = gatan.dm_file(
            version, np.ones((71, 2, 3)), [(525.0, 0.5, "eV"), (0.0, 1.0, "nm"), (0.0, 1.0, "nm")]
        )
        files |= {f"spectrum {version}": spectrum, f"image {version}": image}
    outcome = fuzz_files(files, 400, seed=300)
    assert min(outcome.values()) > 40
