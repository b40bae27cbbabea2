"""From an archived answer to a document: what a crawl does with a page as it comes in and a rebuild does with it later."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from govcrawl.decode import Page
from govcrawl.guard import is_file
from govcrawl.items import ListEntry
from govcrawl.responses import OK
from govcrawl.urls import is_file_url

if TYPE_CHECKING:
    from collections.abc import Mapping

    from archive.model import Document
    from archive.reader import StoredResponse
    from govcrawl.spider import DisclosureSpider
    from govcrawl.workers import Readers

PAGE_TYPES = ("text/", "application/xhtml", "application/xml", "application/json")  # anything else is a file


async def read_document(
    readers: Readers, template: type[DisclosureSpider], page: Page, entry: ListEntry | None
) -> Document:
    """Return the document of an answer: a file as its one attachment, a page as its template reads it.

    Raises:
        CrawlError: as :meth:`govcrawl.workers.Readers.read`.
    """
    if is_file_answer(page):
        from govcrawl.extract import read_file  # noqa: PLC0415 - loads trafilatura only where a list names a file

        return read_file(page.url, page.content_type, entry)
    return await readers.read(template, page, entry)


def is_file_answer(page: Page) -> bool:
    """Tell whether a document's address answered with a file, by its address, its bytes or its declared type."""
    return bool(
        is_file_url(page.url) or is_file(page) or (page.media_type and not page.media_type.startswith(PAGE_TYPES))
    )


def read_stored(stored: StoredResponse, url: str, *, max_bytes: int) -> Page:
    """Return the page that an archived answer to a GET holds; of a revisit, the page that it stands for.

    What its address or declared type says to be a file comes without its bytes: nothing in it is read.

    Raises:
        UnreadableContent: it decodes to more than ``max_bytes``.
    """
    declared = [value for name, value in stored.content_headers if name.lower() == b"content-type"]
    page = Page(
        url=url,
        body=b"",
        content_type=declared[-1].decode("latin-1") if declared else None,
        status=OK if stored.original else stored.status or 0,
    )
    return page if is_file_answer(page) else replace(page, body=stored.read_content(max_bytes=max_bytes))


def said_entry(entry: ListEntry | None) -> dict[str, Any] | None:
    """Say a list's line for the archive."""
    if entry is None:
        return None
    said = {**asdict(entry), "extra": dict(entry.extra)}
    return {name: value for name, value in said.items() if value}


def read_entry(said: Mapping[str, Any] | None) -> ListEntry | None:
    """Return the list's line that :func:`said_entry` said."""
    return None if said is None else ListEntry(**{"title": "", **said})
