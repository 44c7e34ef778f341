"""A file to be read: its first bytes, its content, its lines if it is text, its table."""

from __future__ import annotations

import os
import re
import zlib
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path

from nearedge.errors import NearedgeError
from nearedge.spectra.text import (
    COMMENT_PREFIXES,
    LONGEST_COMMENT,
    NumberTable,
    is_comment,
    read_table,
)

# A text of this size holds five million numbers; stacks beyond it belong into HDF5, which streams.
MAXIMUM_BYTES = 64 * 10**6
_MOST_LINES = 1_000_000
_HEAD_BYTES = 4096
_MOST_COMMENTS = 300
_GZIP = b"\x1f\x8b"

# Text holds tabs, line ends, form feeds and, from DOS, a closing Ctrl-Z; other control codes and
# NUL do not occur in it. UTF-16 holds a NUL for every ASCII letter.
_CONTROL_CODE = re.compile(rb"[\x00-\x08\x0e-\x19\x1b-\x1f]")
# str.splitlines would also split at \x85, which is an ellipsis in Windows' Latin-1 comments.
_LINE_END = re.compile(r"\r\n|\n|\r")


@dataclass(frozen=True, eq=False)
class SourceFile:
    """A file that may be one of spectra; its parts are worked out when a format asks for them.

    Attributes
    ----------
    name
        The path as it was given, for messages.
    path, head
        Where it is, and its first bytes.
    original_name
        What it was called where it came from. Some programs write the element there.
    """

    name: str
    path: Path
    head: bytes
    original_name: str

    @cached_property
    def is_gzip(self) -> bool:
        """Whether the file is compressed with gzip."""
        return self.head.startswith(_GZIP)

    @cached_property
    def text_head(self) -> bytes:
        """The first bytes, unpacked if the file is compressed with gzip."""
        if not self.is_gzip:
            return self.head
        try:
            return zlib.decompressobj(wbits=31).decompress(self.head, _HEAD_BYTES)
        except zlib.error:
            return b""

    @cached_property
    def content(self) -> bytes:
        """All bytes of the file, unpacked if it is compressed with gzip.

        Raises
        ------
        NearedgeError
            If the file cannot be read, or is larger than 64 MB before or after unpacking.
        """
        try:
            size = os.path.getsize(self.path)
            if size > MAXIMUM_BYTES:
                raise NearedgeError(
                    f"{self.name}: {size / 1e6:.0f} MB is more than the {MAXIMUM_BYTES / 1e6:.0f} "
                    "MB of text that are read at once; split the file, or store the spectra in HDF5"
                )
            content = Path(self.path).read_bytes()
        except OSError as error:
            raise NearedgeError(
                f"{self.name}: cannot be read ({error.strerror}); check its permissions"
            ) from error
        return self._unpacked(content) if self.is_gzip else content

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
        if self.content.count(b"\n") + self.content.count(b"\r") > _MOST_LINES:
            raise NearedgeError(
                f"{self.name}: more than {_MOST_LINES} lines are no spectrum; split the file"
            )
        try:
            text = self.content.decode("utf-8-sig")
        except UnicodeDecodeError:
            text = self.content.decode("latin-1")
        return _LINE_END.split(text.replace("\x1a", ""))

    @cached_property
    def comments(self) -> list[str]:
        """The first comment lines without their prefix, each cut where no program writes on."""
        comments = islice(filter(is_comment, self.lines), _MOST_COMMENTS)
        return [line.strip()[:LONGEST_COMMENT].lstrip(COMMENT_PREFIXES) for line in comments]

    @cached_property
    def table(self) -> NumberTable:
        """The numbers of the file; see `read_table`."""
        return read_table(self.lines, self.name)

    def _unpacked(self, content: bytes) -> bytes:
        unpacker = zlib.decompressobj(wbits=31)
        try:
            unpacked = unpacker.decompress(content, MAXIMUM_BYTES + 1)
        except zlib.error as error:
            raise NearedgeError(
                f"{self.name}: compressed with gzip, but damaged ({error}); copy the file again"
            ) from error
        if len(unpacked) > MAXIMUM_BYTES:
            raise NearedgeError(
                f"{self.name}: unpacks to more than the {MAXIMUM_BYTES / 1e6:.0f} MB that are read "
                "at once; split the file"
            )
        if not unpacker.eof:
            raise NearedgeError(f"{self.name}: compressed with gzip, but cut off; copy it again")
        return unpacked


def load(path: str | Path, original_name: str | None = None) -> SourceFile:
    """Open a file and read its first bytes, refusing what cannot be one of spectra.

    Parameters
    ----------
    path
        The file.
    original_name
        What it was called where it came from, if not as now. It is read, and never opened.

    Raises
    ------
    NearedgeError
        If there is no such file, or it is not a regular file, is empty or cannot be read.
    """
    name = str(path)
    try:
        if not os.path.exists(path):
            raise NearedgeError(f"{name}: no such file; check the path")
        if os.path.isdir(path):
            raise NearedgeError(f"{name}: this is a folder; name the files in it")
        if not os.path.isfile(path):
            raise NearedgeError(f"{name}: not a regular file; copy its content to one")
        with open(path, "rb") as file:
            head = file.read(_HEAD_BYTES)
    except OSError as error:
        raise NearedgeError(
            f"{name}: cannot be read ({error.strerror}); check its permissions"
        ) from error
    called = Path(path).name if original_name is None else original_name
    source = SourceFile(name, Path(path), head, called)
    if not head.strip() and (len(head) < _HEAD_BYTES or not source.content.strip()):
        raise NearedgeError(f"{name}: the file is empty; was it written to the end?")
    return source
