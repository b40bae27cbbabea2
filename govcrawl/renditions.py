"""The body of a stored version as text, Markdown or clean HTML: text from the catalog, the others from the captured bytes.

They are stored nowhere: what the archive keeps is the capture, and the present extractor reads it.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Literal

from archive.errors import CatalogError
from archive.reader import open_capture
from govcrawl.clean_html import to_html, to_page
from govcrawl.loader import find_reader
from govcrawl.marked import to_markdown
from govcrawl.reading import is_file_answer, read_stored

if TYPE_CHECKING:
    from pathlib import Path

    from scrapy.settings import BaseSettings

    from archive.catalog import Catalog
    from archive.rows import Row
    from govcrawl.decode import Page
    from govcrawl.marked import Block

logger = logging.getLogger(__name__)

Form = Literal["text", "markdown", "html"]
FORMS: tuple[Form, ...] = ("text", "markdown", "html")
EXTENSIONS: dict[Form, str] = {"text": "txt", "markdown": "md", "html": "html"}


def render_blocks(blocks: tuple[Block, ...], form: Form) -> str:
    """Return blocks in one of the forms."""
    if form == "markdown":
        return to_markdown(blocks)
    if form == "html":
        return to_html(blocks)
    return "".join(f"{block.text}\n" for block in blocks if block.text)


def render_page(template: Any | None, page: Page, form: Form) -> str:
    """Return the body of a page in one of the forms; ``template`` None reads by strong hints.

    Raises:
        CrawlError: the page is none, or of another shape.
    """
    from govcrawl.extract import read_body_blocks  # noqa: PLC0415 - trafilatura takes half a second to import
    from govcrawl.guard import check  # noqa: PLC0415

    check(page)
    return render_blocks(read_body_blocks(page, template.read_document(page) if template else None), form)


class Renditions:
    """Renders versions of one data directory."""

    def __init__(self, data_dir: Path, catalog: Catalog, settings: BaseSettings) -> None:
        self._data_dir = data_dir
        self._catalog = catalog
        self._settings = settings
        self._max_bytes = settings.getint("DOWNLOAD_MAXSIZE")
        self._templates: dict[str, Any] = {}

    def render(self, row: Row, form: Form, *, whole: bool = False) -> str | None:
        """Return the body of a version (a row of :func:`archive.catalog_reads.document_row`); None where it is itself a file.

        Args:
            whole: with the title, as a document of its own.

        Raises:
            CaptureMissing, DigestMismatch, UnreadableContent: its bytes are not there as they were.
            CrawlError: its page cannot be read any more.
        """
        if row["text"] is None:
            return None
        body = row["text"] + "\n" if form == "text" else self._read(row, form)
        title = row["title"] or ""
        if not whole:
            return body
        if form == "html":
            return to_page(title, row["url"], body)
        return (f"# {title}\n\n{body}" if form == "markdown" else f"{title}\n\n{body}") if title else body

    def _read(self, row: Row, form: Form) -> str:
        from govcrawl.extract import read_body_blocks  # noqa: PLC0415 - trafilatura takes half a second to import

        template = self._template(row["agency"])
        capture = self._catalog.capture(row["capture_id"])
        with open_capture(self._data_dir, capture, original_of=self._catalog.capture_by_record_id) as stored:
            page = read_stored(stored, capture.url, max_bytes=self._max_bytes)
        blocks = () if is_file_answer(page) else read_body_blocks(page, template.read_document(page))
        if "\n".join(block.text for block in blocks if block.text) != row["text"]:
            logger.warning(
                "%s version %s was read by another extractor (%s): what is shown is how the present one reads its capture; "
                "reextract brings the catalog up to date",
                row["document_id"],
                row["number"],
                row["extractor_version"],
            )
        return render_blocks(blocks, form)

    def _template(self, agency: str) -> Any:
        if agency not in self._templates:
            row = next(self._catalog.rows("SELECT template FROM agencies WHERE name = ?", (agency,)), None)
            if row is None:
                raise CatalogError(f"catalog {self._catalog.file.path} has no agency {agency!r}")
            self._templates[agency] = find_reader(agency, row["template"], self._settings)
        return self._templates[agency]
