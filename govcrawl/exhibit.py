"""One version of a document laid out for looking at: the page as archived, its files, and what each of them is.

Everything is read out of the WARC and compared with its digests before it is shown; what does not hold is not shown.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from archive import catalog_reads as reads
from archive.catalog_exchange import capture_near
from archive.errors import CatalogError
from archive.reader import open_capture
from archive.rows import instant
from govcrawl.decode import MAX_PAGE_BYTES, decode
from govcrawl.replay import SVG, render_css, render_replay
from govcrawl.urls import url_key

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from archive.catalog import Catalog
    from archive.model import Capture
    from archive.reader import StoredResponse
    from archive.rows import Row
    from govcrawl.replay import Use

MAX_CSS_BYTES = 4 << 20
MAX_SHEETS = 100

_CSS = "text/css"
_RASTER = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"BM", "image/bmp"),
    (b"\x00\x00\x01\x00", "image/x-icon"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A captured file that may be asked for."""

    capture: Capture
    original: Capture | None  # of a revisit
    filename: str | None = None  # of a download; None = part of the page


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A file of the document as the page around it names it."""

    label: str
    url: str
    path: str | None  # where it is served; None where it was not captured
    note: str  # digest, or why it is not there


@dataclass(slots=True, kw_only=True)
class Exhibit:
    """A version with everything that may be asked for; paths begin with a slash."""

    facts: Row  # as :func:`archive.catalog_reads.document_row` gives them
    version_count: int
    capture: Capture
    original: Capture | None
    page: bytes | None = None  # rewritten; None where the document is itself a file
    files: tuple[Shown, ...] = ()
    sheets: dict[str, bytes] = field(default_factory=dict)
    held: dict[str, Held] = field(default_factory=dict)


def read_exhibit(
    catalog: Catalog, data_dir: Path, document_id: str, number: int | None = None, *, prefix: str = ""
) -> Exhibit:
    """Read a version of a document (the current one unless given) out of the archive.

    Everything that may be asked for lies below ``prefix``, a path without a slash at its end.

    Raises:
        CatalogError: there is no such version.
        CaptureMissing: a record is not where its row says.
        DigestMismatch: stored bytes differ from what was recorded.
        UnreadableContent: the page is larger than any page that is read.
        UnreadablePage: there is nothing to parse.
    """
    with catalog.snapshot():
        row = reads.document_row(catalog, document_id, number)
        count = reads.version_count(catalog, document_id)
        if row is None:
            raise CatalogError(
                f"{document_id} has no version {number}; it has 1 to {count}",
                zh=f"{document_id} 没有第 {number} 版,共 {count} 版",
            )
        return _Curator(catalog, data_dir, row, count, prefix).lay_out()


class _Curator:
    def __init__(self, catalog: Catalog, data_dir: Path, row: Row, count: int, prefix: str) -> None:
        self._prefix = prefix
        self._catalog = catalog
        self._data_dir = data_dir
        self._row = row
        capture = catalog.capture(row["capture_id"])
        self._exhibit = Exhibit(facts=row, version_count=count, capture=capture, original=self._original(capture))
        self._captures: dict[str, int | None] = {}  # url_key of an attachment or image: what the version was made with
        self._downloads: dict[str, str] = {}  # url_key of an attachment: path
        self._places: dict[tuple[str, Use], str | None] = {}

    def lay_out(self) -> Exhibit:
        row, exhibit = self._row, self._exhibit
        attachments = reads.files(self._catalog, row["id"], "attachment")
        images = reads.files(self._catalog, row["id"], "image")
        shown = [self._show(file) for file in attachments]
        for file in images:
            self._captures.setdefault(url_key(file["url"]), file["capture_id"])
        if row["method"] == "binary":
            path = self._hold(exhibit.capture, _name_of(exhibit.capture.url))
            digest = exhibit.capture.payload_digest or ""
            own = Shown(label=row["title"] or row["url"], url=exhibit.capture.url, path=path, note=digest)
            exhibit.files = (own, *(file for file in shown if file.url != own.url))
            with self._opened(exhibit.capture):
                pass  # compared with its digests before it is offered
            return exhibit
        exhibit.files = tuple(shown)
        with self._opened(exhibit.capture) as stored:
            content = stored.read_content(max_bytes=MAX_PAGE_BYTES)
            declared = next((value for name, value in stored.headers if name.lower() == b"content-type"), None)
        exhibit.page = render_replay(
            content,
            url=exhibit.capture.url,
            content_type=declared.decode("latin-1") if declared else None,
            place=self._place,
        )
        return exhibit

    def _opened(self, capture: Capture) -> StoredResponse:
        return open_capture(self._data_dir, capture, original_of=self._catalog.capture_by_record_id)

    def _original(self, capture: Capture) -> Capture | None:
        return self._catalog.capture_by_record_id(capture.refers_to) if capture.refers_to else None

    def _show(self, file: Row) -> Shown:
        """Take an attachment of the version in; its capture is the one that the version was made with."""
        name = file["filename"] or _name_of(file["url"])
        path = None
        if file["capture_id"] is not None and file["sha256"]:
            path = self._hold(self._catalog.capture(file["capture_id"]), name)
            self._downloads.setdefault(url_key(file["url"]), path)
            self._captures.setdefault(url_key(file["url"]), file["capture_id"])
        note = f"sha256:{file['sha256']}" if file["sha256"] else str(file["error"] or "")
        return Shown(label=file["label"] or name, url=file["url"], path=path, note=note)

    def _hold(self, capture: Capture, filename: str | None) -> str:
        path = f"{self._prefix}/{'image' if filename is None else 'file'}/{capture.id}"
        self._exhibit.held[path] = Held(capture=capture, original=self._original(capture), filename=filename)
        return path

    def _place(self, url: str, use: Use) -> str | None:
        """Where the captured copy of an address is served."""
        if (url, use) not in self._places:
            self._places[url, use] = None  # a style sheet that imports itself ends here
            self._places[url, use] = self._find(url, use)
        return self._places[url, use]

    def _find(self, url: str, use: Use) -> str | None:
        if use == "link":
            return self._downloads.get(url_key(url))
        known = self._captures.get(url_key(url)) if use == "image" else None
        if known is not None:
            return self._hold(self._catalog.capture(known), None)
        capture = capture_near(self._catalog, self._row["agency"], url, instant(self._exhibit.capture.captured_at))
        if capture is None:
            return None
        if use == "style":
            return self._hang(capture) if capture.media_type == _CSS else None
        return self._hold(capture, None) if (capture.media_type or "").startswith("image/") else None

    def _hang(self, capture: Capture) -> str | None:
        """Rewrite a captured style sheet and say where it is served."""
        if len(self._exhibit.sheets) >= MAX_SHEETS:
            return None
        path = f"{self._prefix}/style/{capture.id}"
        self._exhibit.sheets[path] = b""
        with self._opened(capture) as stored:
            content = stored.read_content(max_bytes=MAX_CSS_BYTES)
        text = decode(content).text
        self._exhibit.sheets[path] = render_css(text, base=capture.url, place=self._place).encode("utf-8", "replace")
        return path


def media_type_of(start: bytes, declared: str | None) -> str | None:
    """The media type under which a part of a page may be shown: raster images by their first bytes, else SVG."""
    for mark, media_type in _RASTER:
        if start.startswith(mark):
            return media_type
    if start[:4] == b"RIFF" and start[8:12] == b"WEBP":
        return "image/webp"
    if start[4:12] in {b"ftypavif", b"ftypavis"}:
        return "image/avif"
    return SVG if declared == SVG else None


def iter_held(data_dir: Path, held: Held) -> Iterator[bytes]:
    """Yield a captured file's content; its bytes are compared with their digests before the first piece.

    Raises:
        CaptureMissing: the record is not where its row says.
        DigestMismatch: stored bytes differ from what was recorded.
    """
    with open_capture(data_dir, held.capture, original_of=lambda _: held.original) as stored:
        yield from stored.iter_content()


def _name_of(url: str) -> str:
    return unquote(urlsplit(url).path.rpartition("/")[2]) or "file"
