"""The nouns of the store, as frozen values.

``*_date`` is the agency's local calendar day (``YYYY-MM-DD``), ``*_at`` an aware UTC instant.
A missing value is ``None``; nothing here is ever guessed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

Truncation = Literal["length", "time", "disconnect", "unspecified"]
"""Why a capture is shorter than what the server meant to send (WARC 1.1, 'WARC-Truncated')."""

Kind = Literal["list", "document", "attachment", "image", "home", "robots", "probe", "other"]
"""Why a URL was fetched."""

State = Literal["live", "unlisted", "suspected", "withdrawn"]
"""``suspected`` = gone at the last look, not yet long enough to be called withdrawn."""

Outcome = Literal["new", "changed", "unchanged"]

COPY_FLAG = "traditional"
"""Quality flag of a copy in traditional characters."""

TextStatus = Literal[
    "text", "empty", "needs_ocr", "image", "encrypted", "broken", "unsupported", "too_large", "timeout"
]
"""What came of reading a file's text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Agency:
    """Whose disclosures these are (机构)."""

    name: str  # key: file = class = name, e.g. xiamen_sfj
    title: str  # official name in full, as printed
    base_url: str
    template: str  # name of the site template, e.g. trt
    channels: tuple[Channel, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """One section of the disclosure tree (栏目)."""

    name: str  # as printed on the site
    seed_url: str
    position: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """Why an exchange took place: what HTTP does not say and a rebuild of the catalog needs.

    Written as the ``metadata`` record of the capture (WARC 1.1, 'metadata').
    """

    agency: str
    crawl_id: str
    kind: Kind
    channel: str | None = None
    via: str | None = None  # URL of the page that led here
    hops: str = ""  # WARC 'hopsFromSeed': L link, E embed, R redirect, P prerequisite
    entry: Mapping[str, str] = field(default_factory=dict)  # what the list said: title, date, key …


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One HTTP exchange, exactly as it crossed the wire, or as a browser tells of it (``rebuilt_by``).

    ``response`` is a seekable binary file holding every byte received after the request was sent, interim (1xx) heads
    included; whoever made the exchange closes it after the archive has taken it.
    """

    url: str  # the URI as requested: absolute, percent-encoded, without fragment
    method: str
    request: bytes
    response: IO[bytes]
    response_bytes: int
    started_at: datetime  # UTC, the instant the capture began (WARC-Date)
    elapsed_seconds: float
    ip: str | None  # the peer that was really talked to
    truncated: Truncation | None = None
    tls_version: str | None = None  # as OpenSSL names it, e.g. TLSv1.3
    tls_cipher: str | None = None
    tls_chain: tuple[bytes, ...] = ()  # certificates as the server sent them, DER, its own first
    http_version: str | None = None  # h2: what crossed the wire was not HTTP/1.x, and the blocks only say the same
    rebuilt_by: str | None = None  # a browser: the blocks were put together from what it tells of the exchange


@dataclass(frozen=True, slots=True, kw_only=True)
class Capture:
    """One HTTP exchange as archived, with the place of its response (or revisit) record."""

    id: int
    agency: str
    crawl_id: str
    kind: Kind
    url: str
    method: str
    request_digest: str | None  # digest of the posted body, None for GET: part of a list page's identity
    status: int | None  # of the final head; None where what came was no HTTP response
    media_type: str | None  # as declared, lower case, without parameters
    captured_at: datetime
    warc_file: str  # relative to the data directory, final name
    offset: int  # of the gzip member
    length: int  # of the gzip member
    record_id: str
    block_digest: str
    payload_digest: str | None
    payload_bytes: int
    truncated: Truncation | None
    revisit_profile: Literal["identical-payload-digest", "server-not-modified"] | None
    refers_to: str | None  # record id of the original of a revisit
    etag: str | None
    last_modified: str | None
    ip: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FileLink:
    """A file a document links to (附件) or an image in its content, before it is fetched."""

    url: str
    label: str | None
    filename: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """An attachment or content image after it was (or could not be) fetched.

    ``sha256`` and ``bytes`` are of the file itself: after transfer- and content-decoding. Both are ``None`` together
    with a reason in ``error``.
    """

    url: str
    label: str | None
    filename: str | None
    media_type: str | None
    bytes: int | None
    sha256: str | None
    capture_id: int | None
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FileText:
    """What was read out of a file's content, once for equal bytes wherever they are linked."""

    sha256: str  # of the file itself, lower-case hex
    media_type: str  # what the content is, whatever it was called or declared
    status: TextStatus
    reason: str | None  # why there is no text
    pages: int | None
    text: str | None  # lines and paragraphs joined by newlines, rows of tables as lines with tabs between cells
    tables: tuple[tuple[tuple[str, ...], ...], ...] = ()  # tables > rows > cells, spans resolved
    members: tuple[
        Mapping[str, Any], ...
    ] = ()  # of an archive: name, bytes, media_type, status, reason, pages, text, tables [from, to]
    flags: tuple[str, ...] = ()  # cut, tables_unread, pages_without_text …, sorted
    reader_version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Extraction:
    """How a document was read."""

    method: str  # container | container+trafilatura | page+trafilatura | binary
    extractor_version: str
    trafilatura_version: str | None
    encoding: str | None  # the codec the page was decoded with
    container: str | None  # the selector whose element was read
    # 4-gram F1 of trafilatura's text against the container's complete text, of a whole page against the densest block's
    agreement: float | None
    flags: tuple[str, ...] = ()  # quality flags, sorted


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One disclosed thing as read from one page (公开文件). Fields are as printed; ``None`` = not printed."""

    url: str
    title: str | None
    subtitle: str | None = None
    publish_date: str | None = None
    publish_time: str | None = None  # HH:MM
    publish_date_source: Literal["label", "meta", "index", "list"] | None = None
    publish_date_text: str | None = None  # the printed string, also when it could not be read
    written_date: str | None = None
    effective_date: str | None = None
    expiry_date: str | None = None
    source: str | None = None
    publisher: str | None = None
    author: str | None = None
    editor: str | None = None  # 责任编辑
    index_number: str | None = None
    document_number: str | None = None
    topic: str | None = None
    genre: str | None = None  # 体裁
    validity: str | None = None
    keywords: str | None = None
    site_id_code: str | None = None  # 网站标识码
    origins: Mapping[str, str] = field(default_factory=dict)  # field → label, index, meta, list, text or heading
    text: str | None = None  # paragraphs joined by newlines; None where the document is itself a file
    tables: tuple[tuple[tuple[str, ...], ...], ...] = ()  # tables > rows > cells, spans resolved
    attachments: tuple[FileLink, ...] = ()
    images: tuple[FileLink, ...] = ()
    cites: tuple[str, ...] = ()
    key: str | None = None  # the CMS's own id of the document, unique on its host
    aliases: tuple[str, ...] = ()  # other addresses that the page gives of itself: mobile twin, traditional view
    extraction: Extraction


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """One line of a list page (条目)."""

    url: str
    url_key: str  # scheme-less canonical form: the identity of an address
    key: str | None  # the CMS's own id, unique on its host
    title: str
    publish_date: str | None
    date_text: str | None
    position: int  # within the channel, 0 = first line of the first page
    pinned: bool = False
    offsite: bool = False  # on another host: kept, never fetched as a document


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What the catalog knows of a listed address."""

    listing: Listing
    document_id: str | None
    url: str | None  # canonical URL of the document
    state: State | None
    listed_before: bool  # this channel had this line at an earlier crawl
    changed_line: bool  # title or date of the line differ from the earlier crawl's
    settled: bool = True  # the crawl that listed it first left no line out further down


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownDocument:
    """A document the catalog holds, as much as a recrawl needs."""

    document_id: str
    url: str
    key: str | None
    state: State
    version_id: int | None
    channel: str | None
    last_capture: Capture | None
    attachments: tuple[File, ...] = ()
    images: tuple[File, ...] = ()
    entry: Mapping[str, Any] | None = None  # the list's line that its current version was read with


@dataclass(frozen=True, slots=True, kw_only=True)
class Put:
    """What became of a document that was put into the catalog."""

    document_id: str
    outcome: Outcome
    version_number: int
    changed_fields: tuple[str, ...]
    restored: bool = False  # it had been suspected or withdrawn
