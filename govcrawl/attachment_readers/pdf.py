"""PDF: text by PDFium, tables of ruled pages by pdfplumber.

PDFium reads the fonts without ToUnicode that agencies' software writes (UniGB-UCS2-H, GBK-EUC-H). Lines stay as they are printed.
"""

from __future__ import annotations

import logging
from io import BytesIO
from typing import TYPE_CHECKING, Any

import pypdfium2 as pdfium
from pypdfium2 import raw

from govcrawl.attachment_readers.found import (
    DAMAGE,
    MAX_PAGES,
    MAX_TABLE_PAGES,
    MIN_CHARACTERS_PER_PAGE,
    Found,
    Full,
    Refused,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

_PASSWORD = "password"  # noqa: S105 -- a word of PDFium's error
_MAX_PAGE_CHARACTERS = 400_000
_MIN_RULES = 4  # a table has at least a frame and a rule in each direction
_INSIDE = 1.0  # points by which a place lies inside a cell's frame
_MAX_OBJECTS = 20_000  # drawings (maps, plans) have more; looking for tables in them is without use and end


def read_pdf(data: bytes, found: Found, *, with_tables: bool = True) -> None:
    """Read a PDF page by page, then the tables of those pages on which lines are drawn."""
    try:
        document = pdfium.PdfDocument(data)
    except pdfium.PdfiumError as error:
        if _PASSWORD in str(error).lower():
            raise Refused("encrypted", "it opens with a password only") from None
        raise Refused("broken", f"damaged PDF: {error}") from None
    try:
        found.pages = len(document)
        if not found.pages:
            raise Refused("broken", "a PDF without pages")
        ruled = _read_pages(document, found)
    finally:
        document.close()
    if not with_tables:
        found.flags |= {"tables_unread"} if ruled else set()
    elif ruled:
        _read_tables(data, ruled, found)


def _read_pages(document: Any, found: Found) -> list[int]:
    """Put the text of each page; return the numbers of those with ruling lines."""
    ruled: list[int] = []
    pages = found.pages or 0
    for number in range(min(pages, MAX_PAGES)):
        try:
            page = document[number]
        except pdfium.PdfiumError:
            found.flags.add("pages_unread")
            continue
        try:
            text_page = page.get_textpage()
            text = text_page.get_text_range(count=min(text_page.count_chars(), _MAX_PAGE_CHARACTERS))
            text_page.close()
            rules, drawn = _look(page)
        except pdfium.PdfiumError:
            found.flags.add("pages_unread")
            continue
        finally:
            page.close()
        if rules:
            ruled.append(number)
        bare = len("".join(text.split())) < MIN_CHARACTERS_PER_PAGE
        found.scans += bare and drawn
        found.add(text)
        found.add("")
    if pages > MAX_PAGES:
        found.flags.add("cut")
    return ruled


def _look(page: Any) -> tuple[bool, bool]:
    """Return whether enough lines are drawn on a page for a table, and whether there is anything but text on it."""
    count = raw.FPDFPage_CountObjects(page)
    if count > _MAX_OBJECTS:
        return False, True
    kinds = [raw.FPDFPageObj_GetType(raw.FPDFPage_GetObject(page, number)) for number in range(count)]
    return kinds.count(raw.FPDF_PAGEOBJ_PATH) >= _MIN_RULES, any(kind != raw.FPDF_PAGEOBJ_TEXT for kind in kinds)


def _read_tables(data: bytes, numbers: Iterable[int], found: Found) -> None:
    """Put the tables of the given pages; what pdfplumber cannot read costs the tables, not the text."""
    import pdfplumber  # noqa: PLC0415 -- a third of a second; most files have no table
    from pdfminer.psexceptions import PSException  # noqa: PLC0415
    from pdfplumber.utils.exceptions import MalformedPDFException, PdfminerException  # noqa: PLC0415

    logging.getLogger("pdfminer").setLevel(logging.ERROR)
    numbers = list(numbers)
    if len(numbers) > MAX_TABLE_PAGES:
        found.flags.add("tables_cut")
        numbers = numbers[:MAX_TABLE_PAGES]
    try:
        with pdfplumber.open(BytesIO(data), pages=[number + 1 for number in numbers]) as document:
            for page in document.pages:
                for table in page.find_tables():
                    grid = _spread(table)
                    if len(grid) > 1 and max(map(len, grid)) > 1:
                        found.add_table(grid, with_text=False)
                page.close()
    except Full:
        found.flags.add("tables_cut")
    except (*DAMAGE, PSException, MalformedPDFException, PdfminerException):
        found.flags.add("tables_unread")


def _spread(table: Any) -> list[list[str]]:
    """Return a table's rows; where no cell begins stands the text of the one that covers the place."""
    texts = table.extract()
    boxes = [row.cells for row in table.rows]
    cells = [
        (box, text or "")
        for box_row, text_row in zip(boxes, texts, strict=True)
        for box, text in zip(box_row, text_row, strict=True)
        if box is not None
    ]
    lefts = [min((row[n][0] for row in boxes if row[n] is not None), default=None) for n in range(len(boxes[0]))]
    grid = []
    for box_row, text_row in zip(boxes, texts, strict=True):
        top = min((box[1] for box in box_row if box is not None), default=None)
        line = []
        for box, text, left in zip(box_row, text_row, lefts, strict=True):
            if box is not None or top is None or left is None:
                line.append(text or "")
            else:
                line.append(_covering(cells, left + _INSIDE, top + _INSIDE))
        grid.append(line)
    return grid


def _covering(cells: list[tuple[Any, str]], x: float, y: float) -> str:
    """Return the text of the cell that a point lies in, ``""`` where it lies in none."""
    return next((text for (left, top, right, bottom), text in cells if left <= x < right and top <= y < bottom), "")
