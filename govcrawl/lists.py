"""The lists of a crawl: each page is read where it comes in, and what it brings is put in one transaction.

Its lines, the documents that it newly wants, its next page or the end of its walk stand or fall together.
"""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, cast

from scrapy import FormRequest, Request

from archive.decisions import decide_alias, decide_listings
from govcrawl.agenda import begin_walks
from govcrawl.browser_view import BrowserView
from govcrawl.errors import BlockedPage, CrawlError, NotAPage, StubPage
from govcrawl.failures import read_failure
from govcrawl.frontier import AGAIN, EDITED, GONE, MOVED, NEW, UNREAD, say_job
from govcrawl.guard import check
from govcrawl.items import NextPage
from govcrawl.request_meta import request_meta
from govcrawl.responses import READ_STATUSES, check_whole, read_response
from govcrawl.stored import resumed_meta
from govcrawl.urls import url_key
from govcrawl.walks import group_walks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scrapy.http import Response
    from twisted.python.failure import Failure

    from archive.catalog import Catalog
    from archive.model import Capture, Known
    from archive.rows import Row
    from govcrawl.frontier import Frontier
    from govcrawl.items import ListEntry, ListPage
    from govcrawl.session import Session
    from govcrawl.spider import DisclosureSpider
    from govcrawl.walks import Taken, Walk

logger = logging.getLogger(__name__)

BUG = ("bug", "an unexpected error, which the log has; please report it")


@dataclass(slots=True)
class _Brought:
    """What came of a list page's transaction."""

    fresh: int = 0  # lines without a document
    wanted: int = 0  # documents put into the frontier
    named: list[tuple[Row, str, str]] = field(
        default_factory=list
    )  # (row, url, url_key): other addresses of its document
    twins: list[tuple[str, str]] = field(default_factory=list)  # (document, another address of it)


class Lists:
    """Walks the lists of one crawl."""

    def __init__(self, session: Session, frontier: Frontier) -> None:
        self._session = session
        self._frontier = frontier
        self._spider: DisclosureSpider = session.spider
        self._walks: list[Walk] = []

    async def begin(self) -> None:
        """Hand every list that is to be walked to the frontier; of an interrupted crawl those that are not at their end.

        Raises:
            ArchiveError: the catalog cannot be read or written.
        """
        session = self._session
        self._walks = await begin_walks(session)
        open_walks = [walk for walk in self._walks if not walk.ended]
        for walk in open_walks:
            if walk.ending:  # its last page was put, but not its end
                await self._end(walk)
        for walk in group_walks([walk for walk in open_walks if not walk.ended], self._spider.browser_channels):
            self._frontier.put_walk(walk)
        self._begin_browser()

    def _begin_browser(self) -> None:
        """Hand on the next channel that needs a browser: one after another, so that one page is open at a time."""
        names = self._spider.browser_channels
        walk = next((w for w in self._walks if w.channel in names and not w.ended and w.view is None), None)
        if walk is not None:
            walk.view = BrowserView(self._spider.browser_answer)
            self._frontier.put_walk(walk)

    def request(self, walk: Walk) -> Request:
        """Return the request for a walk's next page."""
        following = walk.following
        click = following.click if walk.view and following else None
        if following is None or click:
            request = Request(walk.seed)
        elif following.form is None:
            request = Request(following.url)
        else:
            request = FormRequest(following.url, formdata=dict(following.form))
        meta = {
            "handle_httpstatus_list": READ_STATUSES,
            **request_meta("list", channel=walk.channel, via=walk.via, hops="L" * bool(walk.via)),
            **resumed_meta(self._session, walk.read_id),
            **(walk.view.request_meta(click) if walk.view else {}),
        }
        return request.replace(
            callback=self.answered,
            errback=self.failed,
            meta=meta,
            dont_filter=True,
            priority=10,
            cb_kwargs={"walk": walk},
        )

    async def answered(self, response: Response, walk: Walk) -> None:
        """Read a list page and put what it brings; channels that begin on the same page are read from one answer."""
        walks, walk.together = [walk, *walk.together], []
        going_on: list[Walk] = []
        try:
            async with self._frontier.holding(walk.row_id, partial(self._give_up, walks)):
                self._session.check_answered(response)
                going_on += [each for each in walks if await self._read_answer(response, each)]
        finally:
            await self._after(walks, going_on)

    async def failed(self, failure: Failure) -> None:
        """Record a list page that could not be fetched; its channels stay incomplete."""
        request: Request = failure.request  # type: ignore[attr-defined]
        walk: Walk = request.cb_kwargs["walk"]
        walks, walk.together = [walk, *walk.together], []
        async with self._frontier.holding(walk.row_id, partial(self._give_up, walks)):
            self._session.check_answered(failure.value)
            reason, message = read_failure(failure.value)
            sentence = f"list of {walk.channel} of {self._spider.name} could not be fetched: {request.url}: {message}"
            await self._session.put_failure(
                request, reason, message, rows=lambda catalog: _end_rows(catalog, walks, (reason, sentence))
            )
            self._session.fail(reason, sentence)
        await self._after(walks, [])

    def _give_up(self, walks: Sequence[Walk], catalog: Catalog) -> None:
        """End walks whose page ended in an error that nobody foresaw."""
        _end_rows(catalog, [walk for walk in walks if not walk.ending], BUG)

    async def _after(self, walks: Sequence[Walk], going_on: Sequence[Walk]) -> None:
        """Hand on what goes on; after a channel in a browser comes the next one."""
        for walk in going_on:
            self._frontier.put_walk(walk)
        for walk in walks:
            if walk.ended and walk.view:
                self._begin_browser()  # before anything is awaited: a frontier that has nothing left ends the crawl
                await walk.view.close()

    async def _read_answer(self, response: Response, walk: Walk) -> bool:
        """Put what a list page brings; returns whether its walk goes on."""
        session, spider = self._session, self._spider
        request = cast("Request", response.request)
        capture: Capture = request.meta["capture"]
        page = read_response(response, whole=False)
        page = replace(page, url=walk.page_url(page.url))
        session.tally.channel = walk.channel
        walk.read_id = capture.id
        try:
            check_whole(response)
            check(page)
            listed = spider.read_list(page)
        except CrawlError as first:
            error = await session.control.judge(first, request, capture)
            return await self._put_unread(request, walk, error, capture.id)
        session.control.put_list(capture)
        lines = walk.read_lines(listed, spider.canonical)
        taken = walk.take(listed, lines, await self._seen(walk, {line.key for line in lines}))
        if walk.repeats(listed, taken) and walk.ask_again():
            return await self._ask_again(request, walk)
        listings = walk.listings(taken, spider.is_on_site)
        now = datetime.now(UTC)
        brought = await session.put(
            decide_listings(session.crawl_id, spider.name, walk.channel, listings, capture.id, now).then(
                partial(self._take_in, walk, listed, taken, response.url)
            )
        )
        if brought.wanted:
            self._frontier.documents_came()
        session.tally.counts["lists"] += 1
        logger.info(
            "list channel=%s page=%d entries=%d new=%d url=%s",
            walk.channel,
            walk.pages,
            len(taken.fresh),
            brought.fresh,
            page.url,
        )
        await self._put_addresses(brought)
        if walk.ending:
            await self._end(walk)
        return not walk.ended

    async def _seen(self, walk: Walk, keys: set[str]) -> set[str]:
        """Return those of a page's keys that earlier pages of the walk had."""
        if walk.seen is not None or not walk.count:
            return walk.seen or set()
        session, agency = self._session, self._spider.name
        return await session.call(
            session.store.read, lambda catalog: catalog.listed_keys(session.crawl_id, agency, walk.channel, keys)
        )

    # What runs inside a list page's transaction

    def _take_in(
        self, walk: Walk, listed: ListPage, taken: Taken, url: str, catalog: Catalog, known: list[Known]
    ) -> _Brought:
        """Put the documents that a page wants, and where its walk goes on."""
        spider = self._spider
        brought = _Brought(fresh=sum(row.document_id is None for row in known))
        for entry, row in zip(taken.fresh, known, strict=True):
            if not self._limit_reached(catalog) and (why := self._why(entry, row)):
                self._want(catalog, walk, entry, row, why, url, brought)
        for key, twin in taken.twins:
            self._name_twin(catalog, key, twin, brought)
        walk.note(known)
        if walk.doubtful(listed) and walk.ask_again(doubted=True):
            logger.info("list page doubted channel=%s time=%d url=%s", walk.channel, walk.asked_again, url)
            catalog.frontier.change(walk.row_id, job=walk.cursor())
            return brought
        most_pages = self._session.crawler.settings.getint("GOVCRAWL_MAX_LIST_PAGES")
        following = walk.next_page(listed, taken, most_pages=most_pages, since=spider.since)
        if not isinstance(following, NextPage):
            walk.ending = following
        elif self._limit_reached(catalog):
            walk.ending = "limit"
        else:
            walk.following, walk.via = following, url
        catalog.frontier.change(walk.row_id, job=walk.cursor())
        return brought

    def _limit_reached(self, catalog: Catalog) -> bool:
        limit = self._spider.limit
        return limit is not None and catalog.frontier.count_documents(self._session.crawl_id) >= limit

    def _why(self, entry: ListEntry, row: Known) -> str | None:
        """Return why a listed document is to be fetched now, ``None`` where it is not."""
        spider = self._spider
        if row.listing.offsite:
            return None
        if spider.since and entry.publish_date and entry.publish_date < spider.since:
            return None
        reasons = (
            (UNREAD, not row.document_id and row.listed_before),
            (NEW, not row.document_id),
            (GONE, row.state not in {"live", "unlisted"}),
            (EDITED, row.changed_line),
            # known by its key, but listed at a new address: it may have moved there
            (MOVED, row.url is not None and not row.listed_before and url_key(row.url) != row.listing.url_key),
            (AGAIN, spider.mode == "full"),
        )
        return next((why for why, holds in reasons if holds), None)

    def _want(
        self, catalog: Catalog, walk: Walk, entry: ListEntry, row: Known, why: str, via: str, brought: _Brought
    ) -> None:
        """Put a document that a line names, or note one more address of one that another line named first."""
        crawl_id, line = self._session.crawl_id, row.listing
        there = catalog.frontier.find(crawl_id, line.url_key, line.key, row.document_id)
        if there is not None:
            _name(catalog, there, entry.url, line.url_key, brought)
            return
        brought.wanted += 1
        catalog.frontier.put_document(
            crawl_id,
            self._spider.name,
            url=row.url or entry.url,
            url_key=line.url_key,
            why=why,
            key=line.key,
            channel=walk.channel,
            via=via,
            document_id=row.document_id,
            job=say_job(entry),
        )

    def _name_twin(self, catalog: Catalog, key: str, url: str, brought: _Brought) -> None:
        """Note another address of a document, as a list printed it; ``key`` is that of its canonical address."""
        there = catalog.frontier.find(self._session.crawl_id, key, None, None)
        if there is not None:
            _name(catalog, there, url, url_key(url), brought)
        elif known := catalog.find_document(self._spider.name, key, None):
            brought.twins.append((known.document_id, url))

    async def _put_addresses(self, brought: _Brought) -> None:
        """Hand other addresses to the jobs that are under way, and put those of documents that are put already."""
        late = list(brought.twins)
        for row, url, key in brought.named:
            job = self._frontier.find(row["id"])
            if job is not None and job.document_id is None:
                job.aliases.append((url, key))
            elif document_id := (job.document_id if job else row["document_id"]):
                late.append((document_id, url))
        session = self._session
        for document_id, url in late:
            now = datetime.now(UTC)
            await session.put(decide_alias(session.crawl_id, self._spider.name, document_id, url, url_key(url), now))

    # Ends

    async def _ask_again(self, request: Request, walk: Walk) -> bool:
        logger.info("list page asked for again channel=%s time=%d url=%s", walk.channel, walk.asked_again, request.url)
        session = self._session
        await session.call(
            session.store.put_rows, lambda catalog: catalog.frontier.change(walk.row_id, job=walk.cursor())
        )
        return True

    async def _put_unread(self, request: Request, walk: Walk, error: CrawlError, capture_id: int) -> bool:
        """Ask again for a stub; end the walk where a page cannot be read or is not there. Returns whether it goes on."""
        if isinstance(error, StubPage) and walk.ask_again():
            return await self._ask_again(request, walk)
        if isinstance(error, NotAPage) and walk.pages and self._spider.missing_page_is_cap:
            walk.capped, walk.ending = True, "end"
            await self._end(walk)
            return False
        reason, message = read_failure(error)
        sentence = f"list of {walk.channel} of {self._spider.name} could not be read: {error}"
        await self._session.put_failure(
            request, reason, message, capture_id, lambda catalog: _end_rows(catalog, [walk], (reason, sentence))
        )
        if isinstance(error, BlockedPage):
            self._session.stop(reason, sentence)
        else:
            self._session.fail(reason, sentence)
        return False

    async def _end(self, walk: Walk) -> None:
        """Put the end of a walk, with the end of its row; one that is not as it should be fails the crawl."""
        session, partial_crawl = self._session, self._spider.partial
        wrong = None if partial_crawl else self._what_is_wrong(walk)
        if walk.capped:
            logger.warning("list capped channel=%s total=%s read=%d", walk.channel, walk.total, walk.count)
            session.tally.counts["list/capped"] += 1
        if wrong:
            logger.warning("list %s: %s", *wrong)
            session.fail(*wrong)
        ended = walk.decision(session.crawl_id, self._spider.name, datetime.now(UTC), asked=partial_crawl)
        await session.put(ended.then(lambda catalog, _: _end_rows(catalog, [walk], wrong)))

    def _what_is_wrong(self, walk: Walk) -> tuple[str, str] | None:
        name = f"list of {walk.channel} of {self._spider.name}"
        if walk.ended_as == "endless":
            return "list_endless", f"{name} did not end after {walk.pages} pages; check the template's pager"
        if walk.ended_as == "short":
            expected = f"says {walk.least} entries"
            if walk.facts and walk.shrunk:
                expected = f"showed {walk.facts.lines} entries before"
            sentence = (
                f"{name} {expected}, {walk.count} were read on {walk.pages} pages; crawl again, and if it stays "
                "check the template's pager"
            )
            return "list_short", sentence
        return None


def _name(catalog: Catalog, row: Row, url: str, key: str, brought: _Brought) -> None:
    if key != row["url_key"] and catalog.frontier.put_alias(row, url, key):
        brought.named.append((row, url, key))


def _end_rows(catalog: Catalog, walks: Sequence[Walk], wrong: tuple[str, str] | None) -> None:
    """End the rows of walks: as failed where there is a word and a sentence for it."""
    for walk in walks:
        walk.ended = True
        if wrong is None:
            catalog.frontier.end(walk.row_id, "done")
        else:
            catalog.frontier.end(walk.row_id, "failed", reason=json.dumps(wrong, ensure_ascii=False))
