"""Answers that this very crawl has archived already: given again instead of asked for again.

A crawl that died between an answer and what was made of it goes on with the archived answer; a file is asked for once in a
crawl, however many documents link to it.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Self
from urllib.parse import urldefrag

from scrapy.http import Response

from archive.digest import digest_bytes
from archive.errors import UnreadableContent
from govcrawl.bodies import body_limit
from govcrawl.responses import CUT, DECODED, NOT_MODIFIED
from govcrawl.session import Session

if TYPE_CHECKING:
    from collections.abc import Iterable

    from scrapy import Request
    from scrapy.crawler import Crawler

    from archive.model import Capture
    from archive.reader import StoredResponse

logger = logging.getLogger(__name__)

_AFTER = "govcrawl_after"


def resumed_meta(session: Session, after_id: int = 0) -> dict[str, int]:
    """Return the part of ``Request.meta`` by which a request of a further sitting is answered from the archive where it can be.

    Args:
        session: of the crawl.
        after_id: number of the last capture that is not meant: what came before was read already.
    """
    return {_AFTER: after_id} if session.resumed else {}


class StoredAnswers:
    """Answers requests that bear :func:`resumed_meta` from the archive, each once."""

    def __init__(self, crawler: Crawler) -> None:
        self._crawler = crawler

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        """Make one for a crawl."""
        return cls(crawler)

    async def process_request(self, request: Request) -> Response | None:
        """Return the answer that this crawl has archived, ``None`` where it has none."""
        after_id = request.meta.pop(_AFTER, None)
        if after_id is None or request.meta.get("playwright"):
            return None
        session = Session.of(self._crawler)
        capture = await find_answer(session, request, after_id=after_id)
        if capture is None or capture.payload_bytes > self._crawler.settings.getint("GOVCRAWL_PAGE_MAX_BYTES"):
            return None
        return await read_answer(session, request, capture)


async def find_answer(session: Session, request: Request, *, after_id: int = 0) -> Capture | None:
    """Return the capture of a whole answer that this crawl has to a request."""
    url = urldefrag(request.url)[0]
    digest = digest_bytes(request.body) if request.body else None
    return await session.call(
        session.store.read,
        lambda catalog: catalog.frontier.answer(
            session.crawl_id, session.spider.name, url, request.method, digest, after_id=after_id
        ),
    )


async def read_answer(session: Session, request: Request, capture: Capture) -> Response:
    """Return an archived answer as the response that it was, its body up to what would be held in memory.

    Raises:
        CaptureMissing, DigestMismatch: the archive does not hold what the catalog says.
    """
    request.meta["capture"] = capture
    page_bytes = session.crawler.settings.getint("GOVCRAWL_PAGE_MAX_BYTES")

    def read() -> Response:
        with session.store.open_capture(capture) as stored:
            return _response(stored, request, page_bytes)

    return await session.call(read)


def _response(stored: StoredResponse, request: Request, page_bytes: int) -> Response:
    fields = stored.content_headers
    declared = [value for name, value in fields if name.lower() == b"content-type"]
    coded = any(name.lower() == b"content-encoding" for name, _ in fields)
    limit = body_limit(request, declared[-1].decode("latin-1") if declared else None, page_bytes)
    try:
        body = _beginning(stored.iter_content(), limit)
    except UnreadableContent as error:  # as the page was left when it came
        logger.warning("left as it came url=%s: %s", request.url, error)
        coded, body = False, _beginning(stored.iter_payload(), limit)
    flags = [DECODED] if coded or stored.capture.status == NOT_MODIFIED else []  # a 304 has no digest of the content
    return Response(
        request.url,
        status=stored.capture.status or 0,
        headers={b"Content-Type": declared[-1:]} if declared else None,
        body=body[:limit],
        flags=[*flags, CUT] if len(body) > limit else flags,
        request=request,
    )


def _beginning(pieces: Iterable[bytes], limit: int) -> bytes:
    """Return what comes, one piece beyond the limit at most."""
    body = bytearray()
    for piece in pieces:
        body += piece
        if len(body) > limit:
            break
    return bytes(body)
