"""RTF (Word's Rich Text Format specification 1.9.1): text, rows of tables; 8-bit text by the character set of its font."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from govcrawl.attachment_readers.found import Found, Refused
from govcrawl.attachment_readers.spans import Cell, put_rows

_TOKEN = re.compile(
    rb"\\bin(\d{1,9}) ?|\\([a-zA-Z]{1,32})(-?\d{1,10})? ?|\\'([0-9a-fA-F]{2})|\\([^a-zA-Z])|([{}])|[\r\n]+|([^\\{}\r\n]+)",
    re.DOTALL,
)
_SILENT = frozenset(
    b"colortbl stylesheet info pict object themedata colorschememapping datastore xmlnstbl listtable listoverridetable rsidtbl "
    b"generator latentstyles pgptbl header headerl headerr headerf footer footerl footerr footerf fldinst bkmkstart bkmkend "
    b"annotation atnid atnauthor atnref atndate atnicn filetbl revtbl nonshppict mmathPr wgrffmtfilter template operator title".split()
)
_CODECS = {134: "gb18030", 136: "big5hkscs", 128: "cp932", 129: "cp949", 204: "cp1251", 238: "cp1250", 161: "cp1253"}
_PAGES = {936: "gb18030", 54936: "gb18030", 950: "big5hkscs", 932: "cp932", 949: "cp949", 65001: "utf-8"}
_CHARACTERS = {
    b"line": "\n",
    b"tab": "\t",
    b"emdash": "—",
    b"endash": "–",
    b"lquote": "‘",
    b"rquote": "’",
    b"ldblquote": "“",
    b"rdblquote": "”",
    b"bullet": "•",
    b"emspace": "\u2003",
    b"enspace": "\u2002",
}
_ENDS = frozenset({b"par", b"sect", b"page", b"column"})
_NESTED = {b"nestcell": "\t", b"nestrow": "\n"}
_WIDTH = 1000
_MAX_DEPTH = 2000
_SURROGATES = range(0xD800, 0xE000)


@dataclass(frozen=True, slots=True)
class _State:
    """What a group inherits."""

    silent: bool = False
    font_table: bool = False
    font: int | None = None
    fallback: int = 1  # characters that stand for a \u where Unicode is not read
    in_table: bool = False


class _Reading:
    def __init__(self, found: Found) -> None:
        self._found = found
        self._codec = "cp1252"
        self._fonts: dict[int, str] = {}
        self._default_font: int | None = None
        self._state = _State()
        self._stack: list[_State] = []
        self._bytes = bytearray()  # 8-bit text that waits for its other half
        self._line: list[str] = []
        self._cells: list[str] = []
        self._rows: list[list[Cell]] = []
        self._row: list[tuple[int, bytes]] = []  # right edge and merge flag of each cell of the row
        self._merge = b""
        self._skip = 0
        self._unit: int | None = None  # a high surrogate that waits for the low one

    def read(self, data: bytes) -> None:  # noqa: C901 -- one branch for each kind of token
        at = 0
        while (match := _TOKEN.match(data, at)) is not None:
            at = match.end()
            binary, word, number, code, symbol, brace, text = match.groups()
            if binary is not None:
                at += int(binary)
            elif brace == b"{":
                self._flush()
                if len(self._stack) >= _MAX_DEPTH:
                    raise Refused("broken", f"more than {_MAX_DEPTH} nested groups")
                self._stack.append(self._state)
                self._skip = 0
            elif brace == b"}":
                self._flush()
                self._state = self._stack.pop() if self._stack else self._state
                self._skip = 0
            elif word is not None:
                self._word(word, int(number) if number else None)
            elif code is not None:
                self._put_bytes(bytes([int(code, 16)]))
            elif symbol is not None:
                self._symbol(symbol)
            elif text is not None:
                self._put_bytes(text)
        self._flush()
        self._end_table()
        if self._line:
            self._found.add("".join(self._line))

    def _put_bytes(self, raw: bytes) -> None:
        if self._skip:
            skipped = min(self._skip, len(raw))
            self._skip -= skipped
            raw = raw[skipped:]
        if not self._state.silent:
            self._bytes += raw

    def _flush(self) -> None:
        if self._bytes:
            font = self._state.font if self._state.font is not None else self._default_font
            codec = self._fonts.get(font, self._codec) if font is not None else self._codec
            self._line.append(self._bytes.decode(codec, "replace"))
            self._bytes.clear()

    def _symbol(self, symbol: bytes) -> None:
        if symbol == b"*":
            self._state = replace(self._state, silent=True)
        elif symbol in b"\\{}":
            self._put_bytes(symbol)
        elif not self._state.silent and symbol in b"~_":
            self._flush()
            self._line.append(" " if symbol == b"~" else "-")
        elif symbol in b"\r\n":
            self._word(b"par", None)

    def _word(self, word: bytes, number: int | None) -> None:  # noqa: C901 -- one branch for each word
        state = self._state
        if word == b"fcharset" and state.font_table and state.font is not None:
            if number in _CODECS:
                self._fonts[state.font] = _CODECS[number]
            return
        if word == b"f" and number is not None:
            if not state.font_table:
                self._flush()
            self._state = replace(state, font=number)
            return
        if word == b"fonttbl":
            self._state = replace(state, font_table=True, silent=True)
        elif word in _SILENT:
            self._state = replace(state, silent=True)
        elif word == b"shptxt":  # the text of a shape stands in a group that is to be passed over
            self._state = replace(state, silent=False)
        elif word == b"uc":
            self._state = replace(state, fallback=min(max(number or 0, 0), 8))
        elif word == b"ansicpg" and number:
            self._codec = _PAGES.get(number, f"cp{number}" if 1250 <= number <= 1258 else "gb18030")  # noqa: PLR2004
        elif word == b"deff":
            self._default_font = number
        elif not state.silent:
            self._flush()
            self._shown_word(word, number)

    def _shown_word(self, word: bytes, number: int | None) -> None:  # noqa: C901 -- one branch for each word
        state = self._state
        if word == b"u" and number is not None:
            self._unicode(number & 0xFFFF)
            self._skip = state.fallback
        elif word in _CHARACTERS:
            self._line.append(_CHARACTERS[word])
        elif word == b"intbl":
            self._state = replace(state, in_table=True)
        elif word == b"pard":
            self._state = replace(state, in_table=False)
        elif word == b"trowd":
            self._row, self._merge = [], b""
        elif word in {b"clvmrg", b"clmrg"}:
            self._merge = word
        elif word == b"cellx":
            self._row.append((number or 0, self._merge))
            self._merge = b""
        elif word == b"cell":
            self._cells.append("".join(self._line).strip())
            self._line = []
        elif word == b"row":
            self._rows.append(self._take_row())
        elif word in _NESTED:  # a table inside a cell is part of its text
            self._line.append(_NESTED[word])
        elif word in _ENDS:
            self._end_paragraph()

    def _unicode(self, unit: int) -> None:
        if self._unit is not None and 0xDC00 <= unit < 0xE000:  # noqa: PLR2004 -- low surrogates
            self._line.append(chr(0x10000 + (self._unit - 0xD800) * 0x400 + unit - 0xDC00))
            self._unit = None
        elif unit in _SURROGATES:
            self._unit = unit
        else:
            self._line.append(chr(unit))

    def _end_paragraph(self) -> None:
        if self._cells or self._state.in_table:
            self._line.append("\n")
            return
        self._end_table()
        self._found.add("".join(self._line))
        self._line = []

    def _end_table(self) -> None:
        if self._rows or self._cells:
            rows, self._rows = [*self._rows, self._take_row()], []
            put_rows(rows, self._found)

    def _take_row(self) -> list[Cell]:
        """Return the cells that were read, as their row's definition places them."""
        texts, self._cells = self._cells, []
        if len(texts) > len(self._row):
            return [Cell(text, _WIDTH * number) for number, text in enumerate(texts, 1)]
        cells: list[Cell] = []
        for text, (edge, merge) in zip(texts, self._row, strict=False):
            if merge == b"clmrg" and cells:
                cells[-1] = cells[-1]._replace(edge=edge)
            else:
                cells.append(Cell(text, edge, merge == b"clvmrg"))
        return cells


def read_rtf(data: bytes, found: Found) -> None:
    """Read an RTF file: paragraphs and tables in order; headers, pictures, field codes and comments are left out."""
    _Reading(found).read(data)
