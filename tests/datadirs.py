"""A data directory as crawls leave it: pages, a file, revisits of both kinds, a failure, versions, manifests."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import TYPE_CHECKING

from warcs import AGENCY, PAGE, STARTED_AT, context_of, exchange_of, response_of

from archive.model import Document, Extraction, File
from archive.store import Store

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from archive.model import Capture
    from archive.verify import Finding

URL = "https://sfj.haidao.test/tzgg/{}.html"
FILE_URL = "https://sfj.haidao.test/files/1.pdf"
PDF = b"%PDF-1.4 invented"
IF_NONE_MATCH = b'GET /tzgg/1.html HTTP/1.1\r\nHost: sfj.haidao.test\r\nIf-None-Match: "v1"\r\n\r\n'
TAGGED = response_of(PAGE, b"Content-Encoding: gzip", b'ETag: "v1"')
EXTRACTION = Extraction(
    method="container",
    extractor_version="1",
    trafilatura_version=None,
    encoding="utf-8",
    container="div",
    agreement=None,
)


def begin(store: Store, number: int) -> str:
    """Begin a crawl as a session does; each a day later."""
    crawl_id = f"crawl-{number}"
    store.begin_crawl(
        AGENCY,
        crawl_id=crawl_id,
        mode="full",
        options={},
        software="crawler/1",
        user_agent="crawler/1",
        contact=None,
        started_at=STARTED_AT + timedelta(days=number),
    )
    return crawl_id


def put_pages(store: Store, number: int) -> list[Capture]:
    """Put what one crawl fetches: a page of its own, one that repeats, a 304 or the page it confirms, a file, a failure."""
    at = STARTED_AT + timedelta(days=number)
    context = context_of(crawl_id=f"crawl-{number}", channel="通知公告", via="https://sfj.haidao.test/tzgg/", hops="L")
    first = exchange_of(TAGGED, url=URL.format(1), started_at=at)
    again = exchange_of(
        b'HTTP/1.1 304 Not Modified\r\nETag: "v1"\r\n\r\n', url=URL.format(1), started_at=at, request=IF_NONE_MATCH
    )
    second = timedelta(seconds=1)
    exchanges = [
        first if number == 1 else again,
        exchange_of(response_of(f"<p>{number}</p>".encode()), url=URL.format(f"new{number}"), started_at=at + second),
        exchange_of(response_of(b"<p>same</p>"), url=URL.format(2), started_at=at + 2 * second, tls_version="TLSv1.3"),
        exchange_of(
            response_of(PDF, b"Content-Type: application/pdf"), url=FILE_URL, started_at=at + 3 * second, ip=None
        ),
    ]
    captures = store.put_captures([(exchange, context) for exchange in exchanges])
    store.put_failure(context, URL.format("gone"), "GET", "dns", "no such host", at)
    return captures


def put_document(store: Store, number: int, captures: Sequence[Capture]) -> None:
    """Put the crawl's own page as a document with an attachment."""
    page, pdf = captures[1], captures[3]
    file = File(
        url=FILE_URL,
        label="附件",
        filename="1.pdf",
        media_type="application/pdf",
        bytes=len(PDF),
        sha256=hashlib.sha256(PDF).hexdigest(),
        capture_id=pdf.id,
    )
    store.catalog.put_document(
        f"crawl-{number}",
        AGENCY.name,
        Document(url=page.url, title=f"第{number}号", text="文", extraction=EXTRACTION),
        url_key=page.url.removeprefix("https://"),
        capture_id=page.id,
        attachments=[file],
        images=[],
        at=page.captured_at,
    )


def finish(store: Store, number: int) -> None:
    """Finish a crawl that went well."""
    store.finish_crawl(
        f"crawl-{number}", "finished", None, {"documents": 1}, STARTED_AT + timedelta(days=number, hours=1)
    )


def make_data(folder: Path, crawls: int = 3, *, max_file_bytes: int = 10**9) -> Path:
    """Make a data directory with so many crawls."""
    for number in range(1, crawls + 1):
        with Store.open(folder, max_file_bytes=max_file_bytes) as store:
            begin(store, number)
            put_document(store, number, put_pages(store, number))
            finish(store, number)
    return folder


def warcs_in(data: Path) -> list[Path]:
    """The WARC files, oldest first."""
    return sorted((data / "warc" / AGENCY.name).iterdir(), key=lambda path: path.stat().st_mtime_ns)


def manifests_in(data: Path) -> list[Path]:
    """The manifests, first one first."""
    return sorted((data / "manifests" / AGENCY.name).glob("*.sha256"))


def told(findings: list[Finding]) -> set[tuple[str, str]]:
    """Code and file of each finding that is none for information only."""
    return {(finding.code, finding.file) for finding in findings if finding.severity != "note"}
