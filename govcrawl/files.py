"""Attachments and content images: fetched after their document, each once per crawl, conditionally where known."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from dataclasses import replace
from typing import TYPE_CHECKING, Literal, cast

from scrapy import Request
from scrapy.exceptions import IgnoreRequest
from scrapy.http.request import NO_CALLBACK

from archive.errors import ArchiveError
from archive.model import Capture, File, FileLink
from govcrawl.errors import BadStatus, BlockedPage, CrawlError, UnreadablePage
from govcrawl.failures import DOWNLOAD_ERRORS, CrawlEnding, read_failure
from govcrawl.guard import check
from govcrawl.request_meta import request_meta
from govcrawl.responses import DECODED, NOT_MODIFIED, READ_STATUSES, read_response, validators
from govcrawl.stored import find_answer, read_answer

if TYPE_CHECKING:
    from scrapy.http import Response

    from archive.catalog import Catalog
    from archive.rows import Row
    from govcrawl.session import Session

FileKind = Literal["attachment", "image"]

REMEMBERED = 1024  # files of which a crawl knows without asking the catalog


class Files:
    """The files of one crawl."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._fetching: dict[str, asyncio.Future[File]] = {}
        self._fetched: OrderedDict[str, File] = OrderedDict()  # the last ones; of others the catalog tells

    async def fetch(self, link: FileLink | File, kind: FileKind, via: str, known: File | None) -> File:
        """Return the file behind a link; what could not be had is a File with ``error`` and no digest.

        Raises:
            ArchiveError: the exchange could not be stored.
            CrawlEnding: the crawl is being ended; it was not asked for.
        """
        file = self._fetched.get(link.url)
        if file is None:
            waiting = self._fetching.get(link.url)
            file = await (self._fetch_once(link, kind, via, known) if waiting is None else waiting)
        return replace(file, label=link.label, filename=link.filename)

    async def _fetch_once(self, link: FileLink | File, kind: FileKind, via: str, known: File | None) -> File:
        waiting = self._fetching[link.url] = asyncio.get_running_loop().create_future()
        try:
            file = await self._fetch(link, kind, via, known)
        except (ArchiveError, CrawlEnding) as error:
            waiting.set_exception(error)
            raise
        else:
            waiting.set_result(file)
            self._fetched[link.url] = file
            if len(self._fetched) > REMEMBERED:
                self._fetched.popitem(last=False)
            return file
        finally:  # after an error that nobody foresaw, those who wait for the same file still do not wait for ever
            if not waiting.done():
                waiting.set_exception(UnreadablePage(f"{link.url}: fetching it ended in an error; the log has it"))
            waiting.exception()  # where nobody else waits, nobody is told twice
            del self._fetching[link.url]

    async def _fetch(self, link: FileLink | File, kind: FileKind, via: str, known: File | None) -> File:
        session = self._session
        unread = File(
            url=link.url,
            label=link.label,
            filename=link.filename,
            media_type=None,
            bytes=None,
            sha256=None,
            capture_id=None,
        )
        request = Request(
            link.url,
            meta={
                "handle_httpstatus_list": READ_STATUSES,
                "allow_offsite": True,
                **request_meta(kind, via=via, hops="L" if kind == "attachment" else "E"),
            },
            callback=NO_CALLBACK,
            dont_filter=True,
            priority=5,  # a document is complete only with its files: they go before the next document
        )
        if failure := await session.call(session.store.read, lambda catalog: self._failure(catalog, link.url)):
            error = f"{failure['reason']}: {failure['message']}"
            return replace(unread, capture_id=failure["capture_id"], error=error)
        if capture := await find_answer(session, request):
            response = await read_answer(session, request, capture)
            return await self._read(request, response, link, unread)
        if known is not None and known.sha256 is not None:
            before = await session.call(session.store.capture_of_file, session.spider.name, known)
            for name, value in validators(before).items():
                request.headers[name] = value
        try:
            response = await session.download(request)
        except (*DOWNLOAD_ERRORS, IgnoreRequest) as error:
            session.check_answered(error)  # while the crawl is being ended, its document waits for a further sitting
            reason, message = read_failure(error)
            await session.put_failure(request, reason, message)
            return replace(unread, error=f"{reason}: {message}")
        session.check_answered(response)
        capture = cast("Request", response.request).meta["capture"]
        session.tally.counts["files"] += 1
        if response.status == NOT_MODIFIED and known:
            return replace(known, capture_id=capture.id)
        return await self._read(request, response, link, unread)

    async def _read(self, request: Request, response: Response, link: FileLink | File, unread: File) -> File:
        capture: Capture = cast("Request", response.request).meta["capture"]
        try:
            return await read_file_response(self._session, response, link, capture)
        except CrawlError as error:
            if isinstance(error, BlockedPage):
                await self._session.control.put_wall(error, capture)
            reason, message = read_failure(error)
            await self._session.put_failure(request, reason, message, capture.id)
            return replace(unread, capture_id=capture.id, error=f"{reason}: {message}")

    def _failure(self, catalog: Catalog, url: str) -> Row | None:
        return catalog.frontier.failed_file(self._session.crawl_id, self._session.spider.name, url)


async def read_file_response(session: Session, response: Response, link: FileLink | File, capture: Capture) -> File:
    """Return the file a response holds: size and digest as the archive has it, whatever of it is in memory.

    Raises:
        CrawlError: the response is an error page, a challenge or empty, or cannot be decoded within the limits.
        ArchiveError: the archive does not hold what its row says.
    """
    page = read_response(response, whole=False)
    if page.status != NOT_MODIFIED:
        check(page)
    digest, size = capture.payload_digest, capture.payload_bytes
    if DECODED in response.flags:
        digest, size = await session.call(session.measure_content, capture)
    if not size or digest is None:
        raise BadStatus(f"{page.url} answered {page.status} with an empty body")
    return File(
        url=link.url,
        label=link.label,
        filename=link.filename,
        media_type=capture.media_type or page.media_type,
        bytes=size,
        sha256=digest.removeprefix("sha256:"),
        capture_id=capture.id,
    )
