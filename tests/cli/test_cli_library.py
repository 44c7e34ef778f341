"""The commands on libraries: answers, errors in one line, exit codes, and nothing touched."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from nearedge.library import open_library

PLUGIN = Path(__file__).parents[1] / "engines" / "plugin"


def importing(files: Path, *more):
    return (
        "library", "import", "--structure", files / "POSCAR", "--spectra", files / "table.dat",
        "--absorber", "O", "--out", files / "lib.zarr", *more,
    )  # fmt: skip


def building(files: Path, *more):
    return (
        "library", "build", files / "recipe.toml", "--out", files / "lib.zarr", "--workers", "1",
        *more,
    )  # fmt: skip


def one_line(answer) -> str:
    """The error message, which is one line on standard error."""
    [line] = answer.err.splitlines()
    assert line.startswith("nearedge: ")
    return line


def test_import_makes_a_library_and_describes_it(nearedge, files):
    answer = nearedge(*importing(files, "--json"))
    assert (answer.code, answer.err) == (0, "")
    assert answer.document["sites"] == 2
    assert answer.document["classes"]["1 Fe"] == 2
    assert open_library(files / "lib.zarr").sizes["site"] == 2


def test_info_says_the_same_in_json_as_import_did(nearedge, files):
    made = nearedge(*importing(files, "--json")).document
    answer = nearedge("library", "info", files / "lib.zarr", "--json")
    assert (answer.code, answer.document) == (0, made)


def test_info_is_a_table_for_people(nearedge, files):
    nearedge(*importing(files))
    answer = nearedge("library", "info", files / "lib.zarr")
    assert answer.code == 0
    assert "1 Fe" in answer.out
    assert "li3feo35_oxygen" in answer.out


def test_import_takes_several_files_and_appends(nearedge, files):
    nearedge(*importing(files))
    answer = nearedge(*importing(files, "--append", "--snapshot", "1", "--trajectory", "POSCAR"))
    assert answer.code == 0
    assert open_library(files / "lib.zarr").sizes["site"] == 4


def test_build_reports_what_it_did_in_one_document(nearedge, files):
    answer = nearedge(*building(files, "--json"))
    assert (answer.code, answer.err) == (0, "")
    document = answer.document
    assert (document["sites"], document["computed"]) == (2, 2)
    assert (document["left_out"], document["failed"]) == ({}, {})
    assert document["path"] == str(files / "lib.zarr")


def test_build_lists_failed_sites_and_retries_them_when_asked(nearedge, files):
    (files / "control" / "fail").write_text("2")
    answer = nearedge(*building(files))
    assert answer.code == 0
    assert "failed: t1/0, atom 2: toy, t1 snapshot 0, atom 2 (O): NO LUCK" in answer.out
    assert "build again with --retry-failed" in answer.out
    (files / "control" / "fail").write_text("")
    assert nearedge(*building(files, "--json")).document["sites"] == 1
    assert nearedge(*building(files, "--retry-failed", "--json")).document["sites"] == 2


USAGE_ERRORS = {
    "unknown option": (lambda f: importing(f, "--colour", "red"), "--colour"),
    "missing option": (lambda f: ("library", "info"), "path"),
    "unknown command": (lambda f: ("library", "bild", f / "recipe.toml"), "bild"),
    "snapshot that is no number": (lambda f: importing(f, "--snapshot", "last"), "last"),
    "library exists": (importing, "lib.zarr: exists; choose another --out, or --append"),
    "unknown scheme": (
        lambda f: importing(f, "--append", "--scheme", "li3feo3"),
        "did you mean 'li3feo35_oxygen'",
    ),
    "build onto an imported library": (building, "exists and was not built here"),
    "no recipe": (
        lambda f: ("library", "build", f / "no.toml", "--out", f / "new.zarr"),
        "no.toml: cannot read the recipe",
    ),
    "recipe that is none": (
        lambda f: ("library", "build", f / "POSCAR", "--out", f / "new.zarr"),
        "POSCAR: not a TOML file",
    ),
}

ERRORS = {
    "no library": (lambda f: ("library", "info", f / "no.zarr"), "no library there"),
    "no library but a file": (lambda f: ("library", "info", f / "POSCAR"), "not a nearedge"),
    "no structure": (
        lambda f: (
            "library", "import", "--structure", f / "no", "--spectra", f / "table.dat",
            "--absorber", "O", "--out", f / "new.zarr",
        ),
        "no: cannot be read",
    ),
    "no spectra": (
        lambda f: (
            "library", "import", "--structure", f / "POSCAR", "--spectra", f / "no.dat",
            "--absorber", "O", "--out", f / "new.zarr",
        ),
        "no.dat: no such file",
    ),
    "wrong number of spectra": (
        lambda f: (
            "library", "import", "--structure", f / "POSCAR", "--spectra", f / "table.dat",
            f / "table.dat", "--absorber", "O", "--out", f / "new.zarr",
        ),
        "POSCAR has 2 O atoms, the spectra files hold 4 spectra",
    ),
    "same structure twice": (
        lambda f: importing(f, "--append"),
        "holds 'POSCAR/0' already; give another --trajectory or --snapshot",
    ),
    "foreign folder": (
        lambda f: ("library", "build", f / "recipe.toml", "--out", f),
        "exists and is not a library; choose another --out",
    ),
}  # fmt: skip


@pytest.mark.parametrize(
    ("code", "words", "message"),
    [(2, *case) for case in USAGE_ERRORS.values()] + [(1, *case) for case in ERRORS.values()],
    ids=[*USAGE_ERRORS, *ERRORS],
)
@pytest.mark.parametrize("json", [False, True])
def test_error_is_one_line_and_touches_nothing(
    code, words, message, json, nearedge, files, content
):
    assert nearedge(*importing(files)).code == 0
    before = content(files)
    answer = nearedge(*words(files), *(["--json"] if json else []))
    assert answer.code == code
    assert message in one_line(answer)
    if json:
        assert answer.document == {"error": one_line(answer).removeprefix("nearedge: ")}
    else:
        assert answer.out == ""
    assert content(files) == before


def test_debug_shows_where_an_error_arose(nearedge, files):
    from nearedge.errors import NearedgeError

    with pytest.raises(NearedgeError, match="no library there"):
        nearedge("library", "info", files / "no.zarr", "--debug")


def run(*words, **environment):
    return subprocess.run(
        [sys.executable, "-m", "nearedge", *map(str, words)],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(PLUGIN)} | environment,
        check=False,
    )


@pytest.mark.slow
def test_program_shows_the_traceback_only_when_asked(files):
    plain = run("library", "info", files / "no.zarr")
    assert plain.returncode == 1
    assert plain.stderr.count("\n") == 1
    debug = run("library", "info", files / "no.zarr", "--debug")
    assert debug.returncode == 1
    assert debug.stderr.startswith("Traceback")
    assert "NearedgeError" in debug.stderr


@pytest.mark.slow
def test_program_builds_with_worker_processes(files):
    done = run(*building(files, "--json"))
    assert (done.returncode, done.stderr) == (0, "")
    assert '"sites": 2' in done.stdout
