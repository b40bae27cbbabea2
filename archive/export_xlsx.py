"""Rows as an Excel workbook: a frozen header in Chinese and English, a sheet that explains the columns, no formula ever.

Excel's own limits hold: a sheet has 1,048,576 rows (more go on the next sheet), a cell 32,767 characters (what is longer is cut,
ends with a mark, and is counted). Rows go to disk as they come, so that memory does not grow with the catalog.
"""

from __future__ import annotations

import errno
import json
import re
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any, TypeVar

import xlsxwriter  # type: ignore[import-untyped]
from xlsxwriter.exceptions import FileCreateError  # type: ignore[import-untyped]

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from archive.resources import Resource

T = TypeVar("T")
SHEET_ROWS = 1_048_576
CELL_CHARACTERS = 32_767
CUT_MARK = "…〔截断 cut〕"

_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_HEADER_ROWS = 2
_OPTIONS = {
    "constant_memory": True,
    "strings_to_formulas": False,
    "strings_to_urls": False,
    "strings_to_numbers": False,
}


@dataclass(frozen=True, slots=True)
class Written:
    """How many rows were written, and how many cells were cut."""

    rows: int
    cut: int


def write_xlsx(
    rows: Iterable[Mapping[str, Any]], target: IO[bytes], resource: Resource, *, sheet_rows: int = SHEET_ROWS
) -> Written:
    """Write rows; nested values as JSON text, lists of texts joined by line breaks, missing ones empty.

    Raises:
        OSError: the target cannot be written.
    """
    book = xlsxwriter.Workbook(_Target(target), _OPTIONS)
    writer = _Writer(book, resource, sheet_rows)
    for row in rows:
        writer.put(row)
    _explain(book, resource, writer.written())
    try:
        book.close()
    except FileCreateError as error:
        raise OSError(*error.args[0].args) from error
    return writer.written()


class _Target:
    """A file that is done with at its first error: the library lets go of an unfinished ZIP file, which then writes again."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._at = 0  # where it is, or would be
        self._failed = False

    def write(self, data: bytes) -> int:
        """Write, or take it and do nothing after an error."""
        if not self._failed:
            self._tried(self._file.write, data)
        self._at += len(data)
        return len(data)

    def seek(self, offset: int) -> int:
        """Go to a place."""
        self._at = offset if self._failed else self._tried(self._file.seek, offset)
        return self._at

    def tell(self) -> int:
        """Return the place."""
        if not self._failed:
            self._at = self._tried(self._file.tell)
        return self._at

    def flush(self) -> None:
        """Write out what is held back."""
        if not self._failed:
            self._tried(self._file.flush)

    def _tried(self, call: Callable[..., T], *arguments: Any) -> T:
        try:
            return call(*arguments)
        except OSError as error:
            self._failed = error.errno != errno.ESPIPE  # a pipe has no places, and can be written all the same
            raise


class _Writer:
    """Puts rows on sheets."""

    def __init__(self, book: Any, resource: Resource, sheet_rows: int) -> None:
        self._book, self._resource, self._sheet_rows = book, resource, sheet_rows
        self._bold = book.add_format({"bold": True, "bottom": 1})
        self._sheets = self._rows = self._cut = 0
        self._next = sheet_rows
        self._sheet: Any = None
        self._begin_sheet()

    def _begin_sheet(self) -> None:
        self._sheets += 1
        name = self._resource.name if self._sheets == 1 else f"{self._resource.name} ({self._sheets})"
        self._sheet = self._book.add_worksheet(name)
        self._sheet.freeze_panes(_HEADER_ROWS, 1)
        for column, field in enumerate(self._resource.fields):
            self._sheet.write_string(0, column, field.zh, self._bold)
        for column, field in enumerate(self._resource.fields):
            self._sheet.write_string(1, column, field.name, self._bold)
        self._next = _HEADER_ROWS

    def put(self, row: Mapping[str, Any]) -> None:
        """Put one row."""
        if self._next >= self._sheet_rows:
            self._begin_sheet()
        for column, field in enumerate(self._resource.fields):
            value = row[field.name]
            if value is None:
                continue
            if isinstance(value, int | float) and not isinstance(value, bool):
                self._sheet.write_number(self._next, column, value)
            else:
                self._sheet.write_string(self._next, column, self._text(value, field.type == "texts"))
        self._next += 1
        self._rows += 1

    def _text(self, value: Any, listed: bool) -> str:  # noqa: FBT001 - one of two ways to say it
        if listed:
            value = "\n".join(value)
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)
        text = _NOT_XML.sub("", text)
        if _utf16_units(text) <= CELL_CHARACTERS:
            return text
        self._cut += 1
        return _first_units(text, CELL_CHARACTERS - len(CUT_MARK)) + CUT_MARK

    def written(self) -> Written:
        """Return what was written so far."""
        return Written(self._rows, self._cut)


def _utf16_units(text: str) -> int:
    """Return the length as Excel counts it."""
    return len(text) + sum(char > "\uffff" for char in text) if len(text) > CELL_CHARACTERS // 2 else len(text)


def _first_units(text: str, most: int) -> str:
    """Return the longest beginning of a text that is no longer than so many units."""
    cut = text[:most]
    while _utf16_units(cut) > most:
        cut = cut[: most - (_utf16_units(cut) - len(cut))]
    return cut


def _explain(book: Any, resource: Resource, written: Written) -> None:
    """Add the sheet that says what each column means, and how many cells were cut."""
    sheet = book.add_worksheet("字段 columns")
    bold = book.add_format({"bold": True})
    lines = [(field.name, field.zh, field.en) for field in resource.fields]
    for number, line in enumerate([("column", "字段", "meaning"), *lines]):
        for column, text in enumerate(line):
            sheet.write_string(number, column, text, *([bold] if number == 0 else []))
    said = f"{written.rows} 行 rows; {written.cut} 个单元格因 Excel 上限截断 cells cut at Excel's limit of {CELL_CHARACTERS} characters"
    sheet.write_string(len(lines) + 2, 0, said)
