"""Word 97 to 2003 (DOC, WPS): the text by its piece table (MS-DOC 2.4.1), rows of tables by their paragraph marks.

Word 6 and 95 store one run of text in the code page of the system, which at Chinese agencies is GBK.
"""

from __future__ import annotations

import re
import struct
from bisect import bisect_right
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, NamedTuple

import olefile

from govcrawl.attachment_readers.found import DAMAGE, MAX_CHARACTERS, Found, Refused
from govcrawl.attachment_readers.spans import Cell, put_rows

if TYPE_CHECKING:
    from collections.abc import Iterator

_WORD97, _WORD6 = 0xA5EC, 0xA5DC
_ENCRYPTED, _TABLE1 = 0x0100, 0x0200
_FC_MIN, _CCP, _FC_PAPX, _FC_CLX = 0x18, 0x4C, 0x102, 0x1A2  # offsets in the Fib (2.5.1)
_PRC, _PCDT = 1, 2
_COMPRESSED = 0x4000_0000
_PAGE = 512
_BX = 13
_IN_TABLE, _ROW_END = 0x2416, 0x2417  # sprmPFInTable, sprmPFTtp
_VARIABLE = 6
_TC80, _MERGED_LEFT = 20, 0x2
_WIDTH = 1000
_OPERAND = {0: 1, 1: 1, 2: 2, 3: 4, 4: 2, 5: 2, 7: 3}  # bytes by spra (2.2.5.1); 6: told by the first byte
_TABLE_SPRM, _TABS_SPRM = 0xD608, 0xC615
_CELL, _LINE = "\x07", "\x0b"
_ENDS = frozenset("\r\x0c\x0e")  # paragraph, page or section, column
_MARK = re.compile(r"[\x07\r\x0c\x0e]")
_FIELD, _RESULT, _FIELD_END = "\x13", "\x14", "\x15"
_SHOWN = {"\x1e": "-", "\xa0": " ", "\t": "\t"}


@dataclass(frozen=True, slots=True)
class _Piece:
    """Characters that lie together: first character position, how many, where, how wide."""

    start: int
    count: int
    offset: int
    width: int  # bytes of one character

    def read(self, stream: bytes, codec: str) -> str:
        raw = stream[self.offset : self.offset + self.count * self.width]
        return raw.decode("utf-16-le" if self.width == 2 else codec, "replace")  # noqa: PLR2004


def read_doc(data: bytes, found: Found) -> None:
    """Read the main text, then foot- and endnotes and text boxes; headers, comments and field codes are left out."""
    try:
        with olefile.OleFileIO(BytesIO(data)) as ole:
            stream = ole.openstream("WordDocument").read()
            names = ("1Table", "0Table") if _flags(stream) & _TABLE1 else ("0Table", "1Table")
            table = next((ole.openstream(name).read() for name in names if ole.exists(name)), b"")
    except (OSError, struct.error) as error:
        raise Refused("broken", f"damaged Word document: {error}") from None
    ident = struct.unpack_from("<H", stream)[0]
    if _flags(stream) & _ENCRYPTED:
        raise Refused("encrypted", "it opens with a password only")
    if ident == _WORD97 and table:
        _read_97(stream, table, found)
    elif ident in {_WORD97, _WORD6} or not table:
        first, last = struct.unpack_from("<II", stream, _FC_MIN)
        _Writer(_Marks({}, set()), found).put(stream[first:last].decode("gb18030", "replace"))
    else:
        raise Refused("broken", f"a WordDocument stream that begins with {ident:#06x}")


def refuse_ole(data: bytes, found: Found) -> None:
    """Say of a storage in which no document was found whether it is damaged or of another program."""
    del found
    try:
        with olefile.OleFileIO(BytesIO(data)) as ole:
            names = ", ".join("/".join(name) for name in ole.listdir()[:5])
    except DAMAGE as error:
        raise Refused("broken", f"damaged OLE storage: {error}") from None
    raise Refused("unsupported", f"an OLE storage without Word, Excel or PowerPoint stream; it has {names or 'none'}")


def _flags(stream: bytes) -> int:
    flags: int = struct.unpack_from("<H", stream, 0x0A)[0]
    return flags


def _read_97(stream: bytes, table: bytes, found: Found) -> None:
    main, notes, headers, _, comments, endnotes, boxes = struct.unpack_from("<7i", stream, _CCP)
    counts = [max(0, count) for count in (main, notes, headers, comments, endnotes, boxes)]
    pieces = _pieces(stream, table)
    text, marks = _text(stream, pieces, _Paragraphs(stream, table), sum(counts) + 1)
    position = 0
    for number, count in enumerate(counts):
        if number not in {2, 3}:  # headers and footers, comments
            _Writer(marks.part(position, count), found).put(text[position : position + count])
        position += count


def _pieces(stream: bytes, table: bytes) -> list[_Piece]:
    """Return the piece table (2.8.35 PlcPcd) out of the Clx."""
    start, length = struct.unpack_from("<II", stream, _FC_CLX)
    clx = table[start : start + length]
    at = 0
    while at < len(clx) and clx[at] == _PRC:
        at += 3 + struct.unpack_from("<H", clx, at + 1)[0]
    if at >= len(clx) or clx[at] != _PCDT:
        raise Refused("broken", "damaged Word document: its piece table is not where it should be")
    size = struct.unpack_from("<I", clx, at + 1)[0]
    plc = clx[at + 5 : at + 5 + size]
    count = (len(plc) - 4) // 12
    positions = struct.unpack_from(f"<{count + 1}I", plc)
    pieces = []
    for number in range(count):
        place = struct.unpack_from("<I", plc, 4 * (count + 1) + 8 * number + 2)[0]
        width = 1 if place & _COMPRESSED else 2
        offset = (place & ~_COMPRESSED) // (2 if width == 1 else 1)
        length = positions[number + 1] - positions[number]
        if length < 0 or offset > len(stream):
            raise Refused("broken", f"damaged Word document: piece {number} lies outside the file")
        pieces.append(_Piece(positions[number], length, offset, width))
    return pieces


@dataclass(frozen=True, slots=True)
class _Marks:
    """Positions of the marks that end a row of a table, with its definition, and of those that end a paragraph in a cell."""

    row_ends: dict[int, bytes]
    inside: set[int]

    def part(self, start: int, count: int) -> _Marks:
        """Return those of a stretch of the text, counted from its beginning."""
        return _Marks(
            {at - start: row for at, row in self.row_ends.items() if start <= at < start + count},
            {at - start for at in self.inside if start <= at < start + count},
        )


class _Run(NamedTuple):
    """A stretch of the file that holds a paragraph in a table."""

    start: int
    end: int
    row_end: bool
    definition: bytes  # operand of sprmTDefTable of the paragraph that ends a row


class _Paragraphs:
    """Stretches of the file whose paragraphs stand in tables (2.8.24 PlcBtePapx, 2.9.176 PapxFkp)."""

    def __init__(self, stream: bytes, table: bytes) -> None:
        start, length = struct.unpack_from("<II", stream, _FC_PAPX)
        plc = table[start : start + length]
        count = max(0, (len(plc) - 4) // 8)
        found: set[_Run] = set()
        for number in range(count):
            page_number = struct.unpack_from("<I", plc, 4 * (count + 1) + 4 * number)[0] & 0x3F_FFFF
            page = stream[page_number * _PAGE : (page_number + 1) * _PAGE]
            if len(page) == _PAGE:
                found.update(_table_runs(page))
        self._runs = sorted(found)
        self._starts = [run.start for run in self._runs]

    def at(self, offset: int) -> _Run | None:
        """Return the paragraph there, ``None`` where it stands in no table."""
        number = bisect_right(self._starts, offset) - 1
        return self._runs[number] if number >= 0 and offset < self._runs[number].end else None


def _text(stream: bytes, pieces: list[_Piece], paragraphs: _Paragraphs, wanted: int) -> tuple[str, _Marks]:
    """Return the characters by position, and what their marks mean."""
    parts: list[str] = []
    marks = _Marks({}, set())
    length = 0
    for piece in pieces:
        if length >= min(wanted, 2 * MAX_CHARACTERS):
            break
        part = piece.read(stream, "cp1252")
        for mark in _MARK.finditer(part):
            run = paragraphs.at(piece.offset + mark.start() * piece.width)
            if run is not None and run.row_end and mark[0] == _CELL:
                marks.row_ends[length + mark.start()] = run.definition
            elif run is not None:
                marks.inside.add(length + mark.start())
        parts.append(part)
        length += len(part)
    return "".join(parts), marks


def _table_runs(page: bytes) -> Iterator[_Run]:
    """Yield the paragraphs in tables that a page of properties tells of."""
    runs = page[-1]
    if 4 * (runs + 1) + _BX * runs > _PAGE:
        return
    offsets = struct.unpack_from(f"<{runs + 1}I", page)
    for run in range(runs):
        at = 2 * page[4 * (runs + 1) + _BX * run]
        if not at or at + 2 > _PAGE:
            continue
        size = page[at]
        first, length = (at + 1, 2 * size - 1) if size else (at + 2, 2 * page[at + 1])
        in_table, row_end, definition = _table_sprms(page[first + 2 : first + length])  # behind the style's number
        if in_table or row_end:
            yield _Run(offsets[run], offsets[run + 1], row_end, definition)


def _table_sprms(grpprl: bytes) -> tuple[bool, bool, bytes]:
    """Return whether sprmPFInTable and sprmPFTtp are set, and the operand of sprmTDefTable."""
    in_table = row_end = False
    definition = b""
    at = 0
    while at + 3 <= len(grpprl):
        sprm = struct.unpack_from("<H", grpprl, at)[0]
        at += 2
        in_table |= sprm == _IN_TABLE and grpprl[at] != 0
        row_end |= sprm == _ROW_END and grpprl[at] != 0
        spra = sprm >> 13
        if spra != _VARIABLE:
            at += _OPERAND[spra]
        elif sprm == _TABLE_SPRM:
            size = int.from_bytes(grpprl[at : at + 2], "little")
            definition = grpprl[at + 2 : at + 1 + size]
            at += 1 + size
        elif sprm == _TABS_SPRM and grpprl[at] == 0xFF:  # noqa: PLR2004 -- longer than a byte can say; the last of its kind
            break
        else:
            at += 1 + grpprl[at]
    return in_table, row_end, definition


def _cells(texts: list[str], definition: bytes) -> list[Cell]:
    """Return a row's cells as their definition places them (2.9.315 TDefTableOperand); without one, one column each."""
    count = definition[0] if definition else 0
    if count < len(texts) or len(definition) < 1 + 2 * (count + 1):
        return [Cell(text, _WIDTH * number) for number, text in enumerate(texts, 1)]
    edges = struct.unpack_from(f"<{count + 1}h", definition, 1)
    cells: list[Cell] = []
    for number, text in enumerate(texts):
        at = 1 + 2 * (count + 1) + _TC80 * number
        flags = int.from_bytes(definition[at : at + 2], "little")
        if flags & _MERGED_LEFT and cells:
            cells[-1] = cells[-1]._replace(edge=edges[number + 1] - edges[0])
        else:
            cells.append(Cell(text, edges[number + 1] - edges[0], flags >> 5 & 3 == 1))
    return cells


class _Writer:
    """Puts paragraphs and tables as their marks come.

    Where the file says nothing of its tables, a cell mark right behind another one ends a row.
    """

    def __init__(self, marks: _Marks, found: Found) -> None:
        self._marks = marks
        self._found = found
        self._line: list[str] = []
        self._cells: list[str] = []
        self._rows: list[list[Cell]] = []
        self._fields: list[bool] = []  # whether the result of each open field is being read

    def put(self, text: str) -> None:  # noqa: C901 -- one branch for each mark
        """Put a stretch of text."""
        for position, char in enumerate(text):
            if char == _FIELD:
                self._fields.append(False)
            elif char == _RESULT and self._fields:
                self._fields[-1] = True
            elif char == _FIELD_END and self._fields:
                self._fields.pop()
            elif not all(self._fields):
                continue
            elif char == _CELL:
                self._end_cell(position)
            elif char in _ENDS:
                self._end_paragraph(position)
            elif char == _LINE:
                self._line.append("\n")
            elif char >= " " or char in _SHOWN:
                self._line.append(_SHOWN.get(char, char))
        self._end_table()
        if self._line:
            self._found.add("".join(self._line))

    def _end_cell(self, position: int) -> None:
        told = self._marks.row_ends
        if position in told or (not told and self._cells and not self._line):
            self._rows.append(_cells(self._cells, told.get(position, b"")))
            self._cells = []
        else:
            self._cells.append("".join(self._line).strip())
        self._line = []

    def _end_paragraph(self, position: int) -> None:
        if position in self._marks.inside or self._cells:
            self._line.append("\n")
            return
        self._end_table()
        self._found.add("".join(self._line))
        self._line = []

    def _end_table(self) -> None:
        if self._rows or self._cells:
            rows, self._rows, self._cells = [*self._rows, _cells(self._cells, b"")], [], []
            put_rows(rows, self._found)
