"""A file in memory: its bytes, its lines if it is text, its table if it holds one."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from nearedge.errors import NearedgeError
from nearedge.spectra.text import COMMENT_PREFIXES, NumberTable, is_comment, read_table

MAXIMUM_BYTES = 200 * 10**6

# Text holds tabs, line ends, form feeds and, from DOS, a closing Ctrl-Z; other control codes and
# NUL do not occur in it. UTF-16 holds a NUL for every ASCII letter.
_CONTROL_CODE = re.compile(rb"[\x00-\x08\x0e-\x19\x1b-\x1f]")
# str.splitlines would also split at \x85, which is an ellipsis in Windows' Latin-1 comments.
_LINE_END = re.compile(r"\r\n|\n|\r")


@dataclass(frozen=True, eq=False)
class SourceFile:
    """A file's content; text and table are worked out when a format asks for them."""

    name: str
    content: bytes

    @cached_property
    def lines(self) -> list[str]:
        """The lines of the file, if it is text.

        Raises
        ------
        NearedgeError
            If the file is binary.
        """
        if _CONTROL_CODE.search(self.content):
            raise NearedgeError(
                f"{self.name}: the file is binary (or UTF-16), in no format that nearedge reads; "
                "export it as a text table with the energy in the first column"
            )
        try:
            text = self.content.decode("utf-8-sig")
        except UnicodeDecodeError:
            text = self.content.decode("latin-1")
        return _LINE_END.split(text.replace("\x1a", ""))

    @cached_property
    def comments(self) -> list[str]:
        """The comment lines without their prefix."""
        return [line.strip().lstrip(COMMENT_PREFIXES) for line in self.lines if is_comment(line)]

    @cached_property
    def table(self) -> NumberTable:
        """The numbers of the file; see `read_table`."""
        return read_table(self.lines, self.name)


def load(path: str | Path) -> SourceFile:
    """Read a file into memory, refusing what cannot be one of spectra.

    Raises
    ------
    NearedgeError
        If there is no such file, or it is not a regular file, is empty, cannot be read or is
        larger than 200 MB.
    """
    name = str(path)
    try:
        if not os.path.exists(path):
            raise NearedgeError(f"{name}: no such file; check the path")
        if os.path.isdir(path):
            raise NearedgeError(f"{name}: this is a folder; name the files in it")
        if not os.path.isfile(path):
            raise NearedgeError(f"{name}: not a regular file; copy its content to one")
        size = os.path.getsize(path)
        if size > MAXIMUM_BYTES:
            raise NearedgeError(
                f"{name}: {size / 1e6:.0f} MB is more than the {MAXIMUM_BYTES / 1e6:.0f} MB that "
                "are read at once; split the file"
            )
        content = Path(path).read_bytes()
    except OSError as error:
        raise NearedgeError(
            f"{name}: cannot be read ({error.strerror}); check its permissions"
        ) from error
    if not content.strip():
        raise NearedgeError(f"{name}: the file is empty; was it written to the end?")
    return SourceFile(name, content)
