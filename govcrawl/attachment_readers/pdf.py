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
    bare = 0
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
            if _is_ruled(page):
                ruled.append(number)
        except pdfium.PdfiumError:
            found.flags.add("pages_unread")
            continue
        finally:
            page.close()
        bare += len("".join(text.split())) < MIN_CHARACTERS_PER_PAGE
        found.add(text)
        found.add("")
    if pages > MAX_PAGES:
        found.flags.add("cut")
    if bare:
        found.flags.add("pages_without_text")
    return ruled


def _is_ruled(page: Any) -> bool:
    """Tell whether enough lines are drawn on a page for a table."""
    count = raw.FPDFPage_CountObjects(page)
    if not _MIN_RULES <= count <= _MAX_OBJECTS:
        return False
    rules = 0
    for number in range(count):
        rules += raw.FPDFPageObj_GetType(raw.FPDFPage_GetObject(page, number)) == raw.FPDF_PAGEOBJ_PATH
        if rules >= _MIN_RULES:
            return True
    return False


def _read_tables(data: bytes, numbers: Iterable[int], found: Found) -> None:
    """Put the tables of the given pages; what pdfplumber cannot read costs the tables, not the text."""
    import pdfplumber  # noqa: PLC0415 -- a third of a second; most files have no table

    logging.getLogger("pdfminer").setLevel(logging.ERROR)
    numbers = list(numbers)
    if len(numbers) > MAX_TABLE_PAGES:
        found.flags.add("tables_cut")
        numbers = numbers[:MAX_TABLE_PAGES]
    try:
        with pdfplumber.open(BytesIO(data), pages=[number + 1 for number in numbers]) as document:
            for page in document.pages:
                for rows in page.extract_tables():
                    table = [["" if cell is None else cell for cell in row] for row in rows]
                    if len(table) > 1 and max(map(len, table)) > 1:
                        found.add_table(table, with_text=False)
                page.close()
    except Full:
        found.flags.add("tables_cut")
    except DAMAGE:
        found.flags.add("tables_unread")
