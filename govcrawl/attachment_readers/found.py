"""What a reader finds in a file, with bounds on how much of it is kept."""

from __future__ import annotations

import re
import struct
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from zipfile import BadZipFile

import lxml.etree

if TYPE_CHECKING:
    from collections.abc import Iterable

    from archive.model import TextStatus

MAX_CHARACTERS = 4_000_000  # the longest annual report seen has 0.35 million
MAX_CELLS = 400_000
MAX_PAGES = 2000
MAX_TABLE_PAGES = 100  # finding a page's tables costs twenty times as much as its text
MAX_UNPACKED_BYTES = 256 << 20  # of all members of a package together
MAX_PART_BYTES = 96 << 20  # of one member that is read
MIN_CHARACTERS_PER_PAGE = 20  # below it a paged file is taken for a scan

DAMAGE = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    BadZipFile,
    EOFError,
    LookupError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
    lxml.etree.LxmlError,
    struct.error,
    zlib.error,
)
"""What parsers raise over damaged or hostile files: they do not foresee everything. MemoryError is not among them."""

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff\ufeff\ufffe\uffff\u00ad\u200b\u2060]")
_LINE_END = re.compile(r"\r\n?|[\x0b\x0c\x85\u2028\u2029]")
_EMPTY_LINES = re.compile(r"\n{3,}")

Table = tuple[tuple[str, ...], ...]


class Full(Exception):
    """As much was found as is kept."""


class Refused(Exception):
    """A file cannot be read: its status and a sentence that says why."""

    def __init__(self, status: TextStatus, reason: str) -> None:
        super().__init__(status, reason)
        self.status: TextStatus = status
        self.reason = reason


@dataclass(slots=True, kw_only=True)
class Found:
    """What was found in one file so far.

    Args:
        media_type: what the content is, whatever it was called.
        pages: how many pages it has; ``None`` where that cannot be said.
        scans: pages with a picture or drawing and hardly a character.
        tables: tables > rows > cells, spans resolved.
        members: of an archive, one dict per member.
        flags: ``cut`` (more is there than is kept), ``tables_unread``, ``pages_without_text``.
    """

    media_type: str = "application/octet-stream"
    status: TextStatus = "text"
    reason: str | None = None
    pages: int | None = None
    scans: int = 0
    text: str | None = None
    tables: list[Table] = field(default_factory=list)
    members: list[dict[str, Any]] = field(default_factory=list)
    flags: set[str] = field(default_factory=set)
    _lines: list[str] = field(default_factory=list)
    _characters: int = 0
    _cells: int = 0

    @property
    def characters(self) -> int:
        """Characters found so far, blanks included."""
        return self._characters

    def add(self, text: str) -> None:
        """Put a paragraph, a line or a page.

        Raises:
            Full: more characters have come than are kept.
        """
        room = MAX_CHARACTERS - self._characters
        text = clean(text[: room + 1])
        self._lines.append(text[:room])
        self._characters += len(text) + 1
        if len(text) > room:
            raise Full

    def add_table(self, rows: Iterable[Iterable[str]], *, with_text: bool = True) -> None:
        """Put a table; with ``with_text`` its rows become lines of text too, cells parted by tabs.

        Rows and columns without a single character are left out of the table.

        Raises:
            Full: more cells or characters have come than are kept.
        """
        kept: list[tuple[str, ...]] = []
        try:
            for row in rows:
                cells = tuple(clean(cell).strip() for cell in row)
                self._cells += len(cells)
                if any(cells):
                    kept.append(cells)
                    if with_text:
                        self.add(row_line(cells))
                if self._cells > MAX_CELLS:
                    raise Full
        finally:
            if grid := _rectangle(kept):
                self.tables.append(grid)

    def close(self) -> None:
        """Join the lines into the text; say what it means that there is none."""
        lines = "\n".join(self._lines).split("\n")
        text = _EMPTY_LINES.sub("\n\n", "\n".join(line.rstrip() for line in lines)).strip("\n")
        self._lines.clear()
        self.text = text or None
        if self.status != "text":
            return
        if self.scans:
            self.flags.add("pages_without_text")
        shown = sum(not char.isspace() for char in text)
        if self.pages and self.scans and shown < MIN_CHARACTERS_PER_PAGE * self.pages:
            self.status = "needs_ocr"
            self.reason = (
                f"{shown} characters on {self.pages} pages, {self.scans} of them without text but with pictures"
            )
        elif not text and not self.tables:
            self.status, self.reason = "empty", "there is no text in it"


def clean(text: str) -> str:
    """Return text with line feeds as its only line ends and without control characters, soft hyphens and zero-width blanks."""
    return _CONTROL.sub("", _LINE_END.sub("\n", text))


def row_line(cells: Iterable[str]) -> str:
    """Return a table's row as a line of text."""
    return "\t".join(" ".join(cell.split("\n")) for cell in cells).rstrip("\t")


def _rectangle(rows: list[tuple[str, ...]]) -> Table:
    """Make all rows equally long and drop columns without text."""
    width = max(map(len, rows), default=0)
    used = [n for n in range(width) if any(len(row) > n and row[n] for row in rows)]
    return tuple(tuple(row[n] if n < len(row) else "" for n in used) for row in rows)
