"""An archived page in two versions with a file, a picture and a style sheet; and the server that shows it."""

from __future__ import annotations

import hashlib
import struct
import threading
import zlib
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

from datadirs import EXTRACTION, begin, finish
from warcs import AGENCY, STARTED_AT, context_of, exchange_of, response_of

from archive.catalog import CATALOG_NAME, Catalog
from archive.model import Document, File
from archive.store import Store
from govcrawl.exhibit import read_exhibit
from govcrawl.replay_server import ReplayServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from archive.model import Capture
    from govcrawl.exhibit import Exhibit

BASE = "https://sfj.haidao.test/"
PAGE_URL, PDF_URL, PNG_URL, CSS_URL = f"{BASE}t1.htm", f"{BASE}P1.pdf", f"{BASE}P1.png", f"{BASE}a.css"
PDF = b"%PDF-1.4 invented"


def png(width: int = 3, height: int = 2) -> bytes:
    """A small black picture."""
    parts = (
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)),
        (b"IDAT", zlib.compress((b"\0" + b"\0" * width) * height)),
        (b"IEND", b""),
    )
    chunks = (
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in parts
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


PAGE = (
    '<!DOCTYPE html><html><head><title>公告</title><link rel="stylesheet" href="a.css"></head><body>'
    '<h1>关于茶山驿站的公告</h1><p id="text">正文在此</p><img id="picture" src="P1.png"><a id="file" href="P1.pdf">附件</a>'
    "<script>document.title='ran'</script></body></html>"
)


def html(text: str) -> bytes:
    """A response with a page."""
    return response_of(text.encode(), b"Content-Type: text/html; charset=utf-8")


def file_of(url: str, content: bytes, capture: Capture, label: str | None = None) -> File:
    """A file as the crawl puts it."""
    return File(
        url=url,
        label=label,
        filename=url.rpartition("/")[2],
        media_type=capture.media_type,
        bytes=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        capture_id=capture.id,
    )


def make_archive(folder: Path, *pages: str) -> Path:
    """One crawl for each state of the page, which has a file, a picture and a style sheet."""
    for number, text in enumerate(pages or (PAGE, PAGE.replace("正文在此", "正文已改")), 1):
        at = STARTED_AT + timedelta(days=number)
        with Store.open(folder) as store:
            begin(store, number)
            context = context_of(crawl_id=f"crawl-{number}")
            css = b"h1 { color: rgb(1, 2, 3); background: url(P1.png) }"
            made = store.put_captures(
                [
                    (exchange_of(response, url=url, started_at=at + timedelta(seconds=n)), context)
                    for n, (url, response) in enumerate(
                        (
                            (PAGE_URL, html(text)),
                            (PDF_URL, response_of(PDF, b"Content-Type: application/pdf")),
                            (PNG_URL, response_of(png(), b"Content-Type: text/html")),
                            (CSS_URL, response_of(css, b"Content-Type: text/css")),
                        )
                    )
                ]
            )
            own = Document(url=PAGE_URL, title="关于<茶山>驿站的公告", text=f"第{number}版", extraction=EXTRACTION)
            lost = File(
                url=f"{BASE}P2.doc",
                label="附件2",
                filename=None,
                media_type=None,
                bytes=None,
                sha256=None,
                capture_id=None,
                error="404",
            )
            for document, capture, files, images in (
                (own, made[0], [file_of(PDF_URL, PDF, made[1], "附件<1>"), lost], [file_of(PNG_URL, png(), made[2])]),
                (binary_document(), made[1], [file_of(PDF_URL, PDF, made[1])], []),
            ):
                store.catalog.put_document(
                    f"crawl-{number}",
                    AGENCY.name,
                    document,
                    url_key=document.url.removeprefix("https://"),
                    capture_id=capture.id,
                    attachments=files,
                    images=images,
                    at=at,
                )
            finish(store, number)
    return folder


def binary_document() -> Document:
    """A document that is itself a file."""
    extraction = type(EXTRACTION)(
        method="binary", extractor_version="1", trafilatura_version=None, encoding=None, container=None, agreement=None
    )
    return Document(url=PDF_URL, title="规划图", text=None, extraction=extraction)


def exhibit_of(data: Path, url: str = PAGE_URL, number: int | None = None) -> Exhibit:
    """A version of the document at an address."""
    with Catalog.open_read_only(data / CATALOG_NAME) as catalog:
        (known,) = [one for one in catalog.known_documents(AGENCY.name) if one.url == url]
        return read_exhibit(catalog, data, known.document_id, number)


@contextmanager
def serving(data: Path, exhibit: Exhibit) -> Iterator[ReplayServer]:
    """Serve an exhibit in a thread."""
    with ReplayServer(exhibit, data) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
