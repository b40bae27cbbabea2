"""From an answer to a version: a document is read, its files are fetched after it, and all of it is put in one transaction."""

from __future__ import annotations

import asyncio
import logging
import re
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

from scrapy import Request

from archive.decisions import Untold, decide_alias, decide_document, decide_unchanged
from govcrawl.errors import BlockedPage, CrawlError, NotAPage
from govcrawl.failures import read_failure
from govcrawl.files import Files, read_file_response
from govcrawl.frontier import UNREAD
from govcrawl.guard import check, find_wall, leads_to_error
from govcrawl.reading import is_file_answer, read_document, said_entry
from govcrawl.request_meta import request_meta
from govcrawl.responses import NOT_MODIFIED, OK, READ_STATUSES, check_whole, read_response, validators
from govcrawl.stored import resumed_meta
from govcrawl.traditional import FLAG as TRADITIONAL
from govcrawl.traditional import is_copy, simplified
from govcrawl.urls import qualified_key, url_key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from scrapy.http import Response
    from twisted.python.failure import Failure

    from archive.catalog import Catalog
    from archive.model import Capture, Document, File, KnownDocument, Put
    from govcrawl.decode import Page
    from govcrawl.frontier import Frontier, Job
    from govcrawl.session import Session

logger = logging.getLogger(__name__)

COUNTED_FIELDS = ("title", "publish_date", "source")  # missing ones are counted for the crawl's row


class Documents:
    """Puts the documents of one crawl into the catalog."""

    def __init__(self, session: Session, frontier: Frontier) -> None:
        self._session = session
        self._frontier = frontier
        self._files = Files(session)
        self._copies: dict[
            str, list[tuple[str, str | None]]
        ] = {}  # simplified title → (url, text) of traditional copies
        self._putting: dict[str, list[asyncio.Future[None]]] = {}  # title → documents whose put is under way
        self._copying = asyncio.Lock()  # a copy and its original are put one after the other

    def request(self, job: Job) -> Request:
        """Return the request for a document; while the first is on its way the readers start."""
        self._session.readers.start()
        entry, known = job.entry, job.known
        said = {} if entry is None else {"title": entry.title, "date": entry.date_text, "key": entry.key, **entry.extra}
        meta = request_meta(
            "document", channel=job.channel, via=job.via, hops="L", entry={k: v for k, v in said.items() if v}
        )
        return Request(
            job.url,
            callback=self.answered,
            errback=self.failed,
            headers=validators(known.last_capture if known and job.url == known.url else None),
            meta={"handle_httpstatus_list": READ_STATUSES, **meta, **resumed_meta(self._session)},
            dont_filter=True,
            cb_kwargs={"job": job},
        )

    async def answered(self, response: Response, job: Job) -> None:
        """Read a document, fetch its files, and put it all into the catalog, with the end of its row in the frontier."""
        request = cast("Request", response.request)
        capture: Capture = request.meta["capture"]
        async with self._frontier.holding(job.row_id, self._given_up(job)):
            self._session.check_answered(response)
            try:
                await self._put_answer(response, job, capture)
            except CrawlError as first:
                error = await self._session.control.judge(first, request, capture, known=job.known is not None)
                if isinstance(error, NotAPage):
                    await self._put_absent(request, job, capture, error)
                else:
                    await self._put_unread(request, job, error, capture.id)
            self._session.tally.counts["documents"] += 1

    async def failed(self, failure: Failure) -> None:
        """Record a document that could not be fetched."""
        request: Request = failure.request  # type: ignore[attr-defined]
        job: Job = request.cb_kwargs["job"]
        capture: Capture | None = request.meta.get("capture")
        async with self._frontier.holding(job.row_id, self._given_up(job)):
            self._session.check_answered(failure.value)
            await self._put_unread(request, job, failure.value, capture.id if capture else None)
            self._session.tally.counts["documents"] += 1

    def _given_up(self, job: Job) -> Callable[[Catalog], None]:
        """Return what ends a job's row after an error that nobody foresaw."""
        return lambda catalog: catalog.frontier.end(job.row_id, "done", reason=UNREAD)

    async def _put_absent(self, request: Request, job: Job, capture: Capture, error: NotAPage) -> None:
        """Look where a list says that a known document stands now; note that it is gone where it is nowhere."""
        session, known = self._session, job.known
        if known is None:
            await session.put_failure(request, *read_failure(error), capture.id, self._given_up(job))
            return
        if elsewhere := await self._find_elsewhere(job, known):
            job.tried_elsewhere, job.url = True, elsewhere
            change = partial(_change, row_id=job.row_id, job=job.said(), url=elsewhere)
            await session.put(Untold(crawl_id=session.crawl_id, rows=change))
            self._frontier.put_job(job)
            return
        logger.info("absent id=%s url=%s: %s", known.document_id, request.url, error)
        absent = partial(_absent, row_id=job.row_id, capture_id=capture.id, reason=str(error))
        await session.put(Untold(crawl_id=session.crawl_id, rows=absent))

    async def _put_unread(
        self, request: Request, job: Job, error: BaseException | None, capture_id: int | None
    ) -> None:
        """Record a document that could not be had or read."""
        session = self._session
        reason, message = read_failure(error)
        # one that could not be had at an earlier crawl either says nothing of this one
        counts = job.why != UNREAD and reason not in {"robots", "off_site"}
        session.tally.counts["documents/unread"] += counts
        ended = partial(_unread, row_id=job.row_id, reason=UNREAD if counts else reason)
        await session.put_failure(request, reason, message, capture_id, ended)

    async def _put_answer(self, response: Response, job: Job, capture: Capture) -> None:
        """Put what a document request brought.

        Raises:
            CrawlError: it is no document (NotAPage), blocked, or not readable.
            ArchiveError: it could not be stored.
        """
        session = self._session
        if response.status == NOT_MODIFIED and job.known:
            await self._put_not_modified(job, job.known, capture)
            return
        moved = self._check_redirect(response, job)
        page = read_response(response, whole=False)
        if page.status != OK:
            check(page)  # a page that answers 200 is guarded by its reader, off the reactor's thread
        if is_file_answer(page):
            document = await read_document(session.readers, type(session.spider), page, job.entry)
            itself = await read_file_response(session, response, document.attachments[0], capture)
            await self._put(job, page.url, document, capture.id, ([itself], []), moved=moved)
        else:
            check_whole(response)
            await self._put_page(job, page, capture.id, moved=moved)

    async def _find_elsewhere(self, job: Job, known: KnownDocument) -> str | None:
        """Return where a document that is gone from its known address stands by its list's line, or answered in this crawl."""
        if job.tried_elsewhere:
            return None
        session, document_id = self._session, known.document_id
        met = await session.call(
            session.store.read, lambda catalog: catalog.frontier.answered_url(session.crawl_id, document_id)
        )
        urls = (job.entry.url if job.entry else None, met)
        return next((url for url in urls if url and url_key(url) != url_key(known.url)), None)

    def _check_redirect(self, response: Response, job: Job) -> bool:
        """Return whether a known document now stands at another address.

        Raises:
            NotAPage: the redirect leads to the home page, a list or an error page, which is how some sites withdraw.
            BlockedPage: it leads to a page to log in or to be verified.
        """
        request = cast("Request", response.request)
        here = self._session.spider.canonical(response.url)
        moved = job.known is not None and url_key(here) != url_key(job.known.url)
        if not request.meta.get("redirect_urls"):
            return moved
        asked = request.meta["redirect_urls"][0]
        if wall := find_wall(asked, response.url):
            raise BlockedPage(f"{asked} redirects to {response.url}, a page to log in or to be verified", wall)
        if leads_to_error(asked, response.url):
            raise NotAPage(f"{asked} redirects to {response.url}, an error page: the document is not there")
        lists = {url_key(url) for url in self._session.spider.seeds().values()}
        path = urlsplit(response.url).path
        itself = _place(asked) == _place(response.url)  # https, a slash or index.html added
        if not itself and (url_key(response.url) in lists or re.fullmatch(r"|.*/(index\.\w+)?", path)):
            raise NotAPage(f"{asked} redirects to {response.url}, a list or home page: the document is not there")
        return moved

    async def _put_not_modified(self, job: Job, known: KnownDocument, capture: Capture) -> None:
        """A 304: the page is as it was; its files are checked on their own."""
        session = self._session
        files = self._files
        attachments = [
            replace(file, capture_id=capture.id)
            if url_key(file.url) == url_key(known.url)
            else await files.fetch(file, "attachment", known.url, file)
            for file in known.attachments
        ]
        images = [await files.fetch(file, "image", known.url, file) for file in known.images]
        before = (*known.attachments, *known.images)
        if all(now.sha256 in {None, then.sha256} for now, then in zip((*attachments, *images), before, strict=True)):
            unchanged = decide_unchanged(session.crawl_id, known.document_id, capture.id, datetime.now(UTC))
            await session.put(unchanged.then(_done(job, known.url)))
            session.tally.counts["unchanged"] += 1
            job.document_id = known.document_id
            taken = len(job.aliases)
            await self._put_aliases(known.document_id, _other_addresses(job, known.url))
            await self._put_aliases(known.document_id, job.aliases[taken:])
            return
        page = await session.call(session.read_page, capture, known.url)  # a file changed: read it with the page again
        document = await read_document(session.readers, type(session.spider), page, job.entry)
        await self._put(job, known.url, document, capture.id, (attachments, images), moved=False)

    async def _put_page(self, job: Job, page: Page, capture_id: int, *, moved: bool) -> None:
        document = await self._session.readers.read(type(self._session.spider), page, job.entry)
        await self._session.control.check_document(page, job.url, document, _titles(job))
        before = {file.url: file for file in (*job.known.attachments, *job.known.images)} if job.known else {}
        attachments = [
            await self._files.fetch(link, "attachment", page.url, before.get(link.url)) for link in document.attachments
        ]
        images = [await self._files.fetch(link, "image", page.url, before.get(link.url)) for link in document.images]
        files = (attachments, images)
        if job.known is None and TRADITIONAL in document.extraction.flags:
            await self._put_copy(job, page.url, document, capture_id, files)
        elif job.known is None and (copies := self._copies_of(document)):
            async with self._copying:
                job.aliases += [(url, url_key(url)) for url in copies]
                await self._put(job, page.url, document, capture_id, files, moved=True)
        else:
            with self._being_put(document.title or ""):
                await self._put(job, page.url, document, capture_id, files, moved=moved)

    @contextmanager
    def _being_put(self, title: str) -> Iterator[None]:
        """Let a copy that is read meanwhile wait for the document that may be its original."""
        done = asyncio.get_running_loop().create_future()
        waiting = self._putting.setdefault(title, [])
        waiting.append(done)
        try:
            yield
        finally:
            done.set_result(None)
            waiting.remove(done)
            if not waiting:
                self._putting.pop(title, None)

    async def _put_copy(
        self, job: Job, url: str, document: Document, capture_id: int, files: tuple[Sequence[File], Sequence[File]]
    ) -> None:
        """Put a document in traditional characters: as another address of its original, where there is one."""
        session = self._session
        title = simplified(document.title or "")
        self._copies.setdefault(title, []).append((url, document.text))
        async with self._copying:
            await asyncio.gather(*self._putting.get(title, ()))
            titled = await session.call(session.store.titled_documents, session.spider.name, title)
            original = next((known for known, text in titled if is_copy(text, document.text)), None)
            if original is None:
                await self._put(job, url, document, capture_id, files, moved=False)
                return
            logger.info("traditional copy url=%s of=%s", url, original.url)
            job.document_id = original.document_id
            session.tally.counts["copies"] += 1
            await self._put_aliases(original.document_id, _other_addresses(job, original.url, url))
            copy_of = partial(_copy, row_id=job.row_id, document_id=original.document_id)
            await session.put(Untold(crawl_id=session.crawl_id, rows=copy_of))

    def _copies_of(self, document: Document) -> list[str]:
        """Return the addresses of traditional copies of a document that were read before it."""
        return [url for url, text in self._copies.get(document.title or "", ()) if is_copy(text, document.text)]

    async def _put(
        self,
        job: Job,
        url: str,
        document: Document,
        capture_id: int,
        files: tuple[Sequence[File], Sequence[File]],
        *,
        moved: bool,
    ) -> None:
        session = self._session
        taken = len(job.aliases)
        asked, url = url, session.spider.canonical(url)
        aliases = _other_addresses(job, url, asked, *document.aliases)
        key = qualified_key(url, document.key or (job.entry.key if job.entry else None))
        put = await session.put(
            decide_document(
                session.crawl_id,
                session.spider.name,
                replace(document, url=url, key=key),
                url_key=url_key(url),
                capture_id=capture_id,
                attachments=files[0],
                images=files[1],
                aliases=aliases,
                at=datetime.now(UTC),
                moved=moved,
                entry=said_entry(job.entry),
            ).then(_done(job, url))
        )
        job.document_id = put.document_id
        session.attachments.offer(files[0])
        await self._put_aliases(put.document_id, job.aliases[taken:])  # named by lists while the document was being put
        session.tally.counts[put.outcome] += 1
        session.tally.counts["restored"] += put.restored
        for name in COUNTED_FIELDS:
            if getattr(document, name) is None:
                session.tally.counts[f"field/{name}/missing"] += 1
        logger.debug(
            "document outcome=%s id=%s changed=%s url=%s",
            put.outcome,
            put.document_id,
            ",".join(put.changed_fields),
            url,
        )

    async def _put_aliases(self, document_id: str, aliases: Sequence[tuple[str, str]]) -> None:
        session = self._session
        for url, key in aliases:
            await session.put(
                decide_alias(session.crawl_id, session.spider.name, document_id, url, key, datetime.now(UTC))
            )


def _titles(job: Job) -> tuple[str | None, ...]:
    """Return the titles that lists gave a document, now and at the look its version was read from."""
    before = job.known.entry if job.known else None
    return (job.entry.title if job.entry else None, before.get("title") if before else None)


def _other_addresses(job: Job, url: str, *others: str) -> list[tuple[str, str]]:
    """Return every address but the canonical one at which a document was met, each once."""
    met = [*job.aliases, *((other, url_key(other)) for other in (*([job.entry.url] if job.entry else []), *others))]
    return list({key: (address, key) for address, key in met if key != url_key(url)}.values())


def _place(url: str) -> str:
    """Return what an address has in common with those that servers add a slash or an index file to."""
    return re.sub(r"/(?:index\.\w+)?$", "", url_key(url))


# What becomes of a job's row, in the transaction of what became of its document


def _done(job: Job, url: str) -> Callable[[Catalog, Put], Put]:
    def end(catalog: Catalog, put: Put) -> Put:
        catalog.frontier.end(job.row_id, "done", document_id=put.document_id, answered_url=url)
        return put

    return end


def _copy(catalog: Catalog, *, row_id: int, document_id: str) -> None:
    catalog.frontier.end(row_id, "done", document_id=document_id, reason="copy")


def _unread(catalog: Catalog, *, row_id: int, reason: str) -> None:
    catalog.frontier.end(row_id, "done", reason=reason)


def _absent(catalog: Catalog, *, row_id: int, capture_id: int, reason: str) -> None:
    catalog.frontier.end(row_id, "absent", capture_id=capture_id, reason=reason)


def _change(catalog: Catalog, *, row_id: int, job: Mapping[str, Any], url: str) -> None:
    catalog.frontier.change(row_id, job=job, url=url)
