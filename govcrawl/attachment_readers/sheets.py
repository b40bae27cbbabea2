"""Workbooks: XLSX, XLSB, XLS, ODS and ET through calamine; SpreadsheetML 2003 from its XML."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import date, datetime, time, timedelta
from io import BytesIO
from typing import TYPE_CHECKING, Any

import python_calamine as calamine

from govcrawl.attachment_readers.found import MAX_CELLS, Found, Full, Refused
from govcrawl.attachment_readers.packages import Package, attribute, local, parse_xml

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_ZIP = b"PK"
_ERRORS = (calamine.CalamineError, calamine.ZipError, calamine.XmlError, OSError, ValueError)
_MAX_COLUMN = 1 << 14


def read_workbook(data: bytes, found: Found) -> None:
    """Read every worksheet: its name, its rows; a merged cell's text stands in each place it covers."""
    if data.startswith(_ZIP):
        Package(data)  # what it unpacks to is bounded before it is unpacked
    with _panics_told():
        _read_sheets(data, found)


def _read_sheets(data: bytes, found: Found) -> None:
    try:
        workbook = calamine.CalamineWorkbook.from_filelike(BytesIO(data))
    except calamine.PasswordError:
        raise Refused("encrypted", "it opens with a password only") from None
    except _ERRORS as error:
        raise Refused("broken", f"damaged workbook: {error}") from None
    with workbook:
        kinds = {sheet.name: sheet.typ for sheet in workbook.sheets_metadata}
        for number, name in enumerate(workbook.sheet_names):
            if kinds.get(name) not in (None, calamine.SheetTypeEnum.WorkSheet):
                continue
            try:
                sheet = workbook.get_sheet_by_index(number)
            except _ERRORS:
                found.flags.add("sheets_unread")
                continue
            if sheet.height:
                found.add(name)
                _read_sheet(sheet, found)
                found.add("")


@contextmanager
def _panics_told() -> Iterator[None]:
    """Turn a panic of the Rust code, which no import can name, into what a damaged file is."""
    try:
        yield
    except BaseException as error:
        if type(error).__name__ == "PanicException":
            raise Refused("broken", f"damaged workbook: {error}"[:300]) from None
        raise


def _read_sheet(sheet: Any, found: Found) -> None:
    if sheet.width * sheet.height > 16 * MAX_CELLS:  # a stray cell far away makes millions of empty ones
        found.flags.add("cut")
    rows = [[_print(value) for value in row] for row in _bounded(sheet.iter_rows())]
    for row in rows:
        if any(row):
            found.add("\t".join(" ".join(cell.split()) for cell in row).strip("\t"))
    _spread(rows, sheet.merged_cell_ranges or [])
    found.add_table(rows, with_text=False)


def _bounded(rows: Iterable[list[Any]]) -> Iterator[list[Any]]:
    cells = 0
    for row in rows:
        cells += len(row)
        if cells > 16 * MAX_CELLS:
            return
        if any(value != "" for value in row) or cells <= MAX_CELLS:
            yield row


def _spread(rows: list[list[str]], merged: Iterable[Any]) -> None:
    """Put the text of merged cells into every place they cover."""
    room = MAX_CELLS
    for (top, first), (bottom, last) in merged:
        if top >= len(rows) or first >= len(rows[top]):
            continue
        text = rows[top][first]
        for row in rows[top : bottom + 1]:
            for column in range(first, min(last + 1, len(row))):
                row[column] = row[column] or text
                room -= 1
        if room < 0:
            return


def _print(value: Any) -> str:  # noqa: PLR0911 -- one for each type
    """Return a cell's value as text: whole numbers without a point, dates in ISO form."""
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else f"{value:.15g}"  # noqa: PLR2004 -- a double's exact integers
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == time() else value.isoformat(" ", "seconds")
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return str(value)
    return str(value)


def read_excel_xml(data: bytes, found: Found) -> None:
    """Read SpreadsheetML 2003: one XML file with ``Worksheet``, ``Row`` and ``Cell``."""
    root = parse_xml(data, "SpreadsheetML")
    for sheet in root:
        if local(sheet) != "Worksheet":
            continue
        found.add(attribute(sheet, "Name") or "")
        for table in sheet:
            if local(table) == "Table":
                found.add_table(_xml_rows(table))
        found.add("")


def _xml_rows(table: Any) -> Iterator[list[str]]:
    cells = 0
    for row in table:
        if local(row) != "Row":
            continue
        line: list[str] = []
        for cell in row:
            if local(cell) != "Cell":
                continue
            index = attribute(cell, "Index") or ""
            if index.isdecimal() and len(line) < int(index) - 1 < _MAX_COLUMN:
                line += [""] * (int(index) - 1 - len(line))
            text = "".join("".join(one.itertext()) for one in cell if local(one) == "Data")
            across = attribute(cell, "MergeAcross") or "0"
            line += [text] * (1 + (min(int(across), 255) if across.isdecimal() else 0))
            cells += 1
            if cells > MAX_CELLS:
                raise Full
        yield line
