"""A file that cannot be read ends in one line that names it, the place, and what to do."""

from __future__ import annotations

import os

import pytest

from nearedge.errors import NearedgeError
from nearedge.spectra import read_spectra

GOOD = [f"{528 + 0.5 * i:.1f} {0.001 * i:.3e}" for i in range(30)]


def text(*lines: str) -> bytes:
    return ("\n".join(lines) + "\n").encode()


# fmt: off
BAD_CONTENT = {
    "empty": (b"", "empty"),
    "blank": (b"\n  \n\t\n", "empty"),
    "only comments": (b"# energy mu\n# nothing else\n", "no rows of numbers"),
    "prose": (b"Dear colleague,\nplease find no data in here.\n", "no rows of numbers"),
    "binary": (bytes(range(256)) * 4, "binary"),
    "UTF-16": ("\n".join(GOOD).encode("utf-16"), "binary"),
    "gzip": (b"\x1f\x8b\x08\x00" + os.urandom(64), "compressed with gzip, but"),
    "one column": (text(*[row.split()[0] for row in GOOD]), "line 1: only one column"),
    "short row": (text(*GOOD[:5], "530.5", *GOOD[6:]), "line 6: 1 columns .* have 2"),
    "long row": (text(*GOOD[:5], "530.5 1 2", *GOOD[6:]), "line 6: 3 columns .* have 2"),
    "cut inside the last energy": ("\n".join(GOOD)[:-12].encode(), "line 30: 1 columns"),
    "cut inside the last intensity": ("\n".join(GOOD)[:-5].encode(), "line 30: .*inside the num"),
    "cut inside the last exponent": ("\n".join(GOOD)[:-1].encode(), "line 30: .*inside the num"),
    "word": (text(*GOOD[:5], "530.5 off", *GOOD[6:]), "line 6: column 2 holds 'off', which is not"),
    "missing cell": (text("528.0,", *[row.replace(" ", ",") for row in GOOD[1:]]), "line 2"),
    "empty cell": (text(*[row.replace(" ", ",,") for row in GOOD]), "column 2 holds ''"),
    "underscore": (text(*GOOD[:5], "530.5 1_0", *GOOD[6:]), "holds '1_0', which is not"),
    "decimal commas in some rows": (
        text(*GOOD[:5], "530,5 0,1", *GOOD[6:]), "line 6: column 1 holds '530,5'"
    ),
    "Fortran overflow": (text(*GOOD[:5], "530.5 *****", *GOOD[6:]), "holds '\\*"),
    "NaN": (text(*GOOD[:5], "530.5 NaN", *GOOD[6:]), "line 6: column 2 holds 'NaN'; remove"),
    "NaN first": (text("nan 0.1", *GOOD), "line 1: column 1 holds 'nan'; remove"),
    "infinity": (text(*GOOD[:5], "530.5 -inf", *GOOD[6:]), "line 6: column 2 holds '-inf'; remove"),
    "overflow": (text(*GOOD[:5], "530.5 1e999", *GOOD[6:]), "line 6: column 2 holds '1e999'"),
    "energy goes back": (text(*GOOD[:9], *GOOD[5:]), "line 10: energy 530.5 follows 532, which"),
    "a scan of each half": (text(*GOOD[15:], *GOOD[:15]), "line 16: energy 528 follows 542.5"),
    "too few points": (text(*GOOD[:9]), "only 9 points; a spectrum needs at least 10"),
    "keV": (text(*[f"{0.52 + 0.001 * i:.3f} 1" for i in range(60)]), "multiply the column by 1000"),
    "header after the data": (text(*GOOD, "energy mu"), "line 31: column 1 holds 'energy'"),
}


@pytest.mark.parametrize("case", BAD_CONTENT)
def test_bad_content(tmp_path, case):
    content, message = BAD_CONTENT[case]
    path = tmp_path / "scan.dat"
    path.write_bytes(content)
    assert_refused(path, message)


def test_the_good_rows_of_these_tests_are_good(tmp_path):
    path = tmp_path / "scan.dat"
    path.write_bytes(text(*GOOD))
    assert len(read_spectra(path)) == 1


def test_a_missing_file(tmp_path):
    assert_refused(tmp_path / "absent.dat", "no such file; check the path")


def test_a_name_that_no_file_can_have(tmp_path):
    with pytest.raises(NearedgeError, match="no such file"):
        read_spectra("a\0b")


def test_a_folder(tmp_path):
    assert_refused(tmp_path, "this is a folder; name the files in it")


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    assert_refused(tmp_path / "pipe", "not a regular file")


def test_a_file_that_may_not_be_read(tmp_path, monkeypatch):
    path = tmp_path / "scan.dat"
    path.write_bytes(text(*GOOD))

    def refuse(self):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.read_bytes", refuse)
    assert_refused(path, "Permission denied")


def test_a_huge_file_is_refused_unread(tmp_path):
    path = tmp_path / "huge.dat"
    with path.open("wb") as file:
        file.truncate(64_000_001)  # sparse: takes no space
    assert_refused(path, "64 MB is more than .* split the file")


def assert_refused(path, message):
    with pytest.raises(NearedgeError, match=message) as caught:
        read_spectra(path)
    assert str(caught.value).startswith(f"{path}")
    assert "\n" not in str(caught.value)
