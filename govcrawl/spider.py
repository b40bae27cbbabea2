"""The crawl loop that all agencies share.

A template (one CMS family) adds two pure functions, an agency adds attributes. What is fetched and when is decided here:
every list of the agency is walked, each listed document is fetched with its files, and what the catalog already knows is
fetched again where the mode asks for it.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, ClassVar, cast
from urllib.parse import urljoin, urlsplit

import scrapy
from scrapy import FormRequest, Request
from scrapy.exceptions import CloseSpider

from archive.decisions import decide_alias, decide_listings
from archive.errors import ArchiveError
from archive.model import Agency, Channel
from govcrawl import __version__
from govcrawl.browser_view import BrowserView
from govcrawl.declaration import check_agency, read_arguments
from govcrawl.documents import Documents, Job
from govcrawl.errors import BadAgency, BlockedPage, CrawlError, NotAPage, StubPage, UsageMistake
from govcrawl.failures import read_failure
from govcrawl.guard import check
from govcrawl.leftovers import find_leftovers
from govcrawl.responses import READ_STATUSES, check_whole, read_response, validators
from govcrawl.session import Absence, Session, request_meta
from govcrawl.urls import url_key, without_gateway
from govcrawl.walks import Walk, begin_walks

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping, Sequence

    from scrapy.http import Response
    from scrapy.settings import BaseSettings
    from twisted.python.failure import Failure

    from archive.model import Capture, Known
    from govcrawl.decode import Page
    from govcrawl.items import DocumentPage, ListEntry, ListPage, NextPage

logger = logging.getLogger(__name__)

PROJECT_URL = "https://govcrawl.example/"  # named in the User-Agent where no contact is set


class DisclosureSpider(scrapy.Spider):
    """Base of all templates.

    An agency sets ``name`` (= file = class), ``agency`` (official name in full), ``base_url`` and ``channels`` (printed name
    → seed path or URL); ``browser_channels`` names those whose list a plain client cannot read. A template sets
    ``template_name`` and writes :meth:`read_list` and :meth:`read_document`; ``browser_answer`` is a pattern of the address
    that a page's own script asks for its list: what it answers is read, and without one the rendered page is.

    Arguments (``-a NAME=VALUE``): ``mode`` incremental (default) or full; ``since`` YYYY-MM-DD compares the list's date and
    keeps undated rows; ``limit`` counts documents. The last two leave every state as it is.
    """

    template_name: ClassVar[str] = ""
    signals: ClassVar[Sequence[str]] = ()  # marks in a page's source by which the family is known
    agency: ClassVar[str] = ""
    base_url: ClassVar[str] = ""
    channels: ClassVar[Mapping[str, str]] = {}
    server_group: ClassVar[str] = ""  # agencies of one platform that share a pace; empty: those at one address do
    browser_channels: ClassVar[Sequence[str]] = ()
    browser_answer: ClassVar[str] = ""
    every_hours: ClassVar[float] = 0.0  # between two crawls; 0: as the setting GOVCRAWL_EVERY_HOURS says
    missing_page_is_cap: ClassVar[bool] = False  # 404 is what the CMS answers for pages it counts, but does not give

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Check an agency's declaration when its class is defined."""
        super().__init_subclass__(**kwargs)
        if cls.__dict__.get("name"):
            check_agency(cls)

    def __init__(
        self, mode: str = "incremental", since: str | None = None, limit: str | None = None, **kwargs: Any
    ) -> None:
        if kwargs:
            given = ", ".join(sorted(kwargs))
            raise UsageMistake(f"unknown spider argument {given}; accepted: mode, since, limit")
        self.mode, self.since, self.limit = read_arguments(mode, since, limit)
        super().__init__()
        self.allowed_domains = [urlsplit(self.base_url).hostname or ""]
        self.partial = self.since is not None or self.limit is not None
        self._walks: dict[str, Walk] = {}
        self._jobs: dict[str, Job] = {}
        self._asked = 0  # documents asked for, for limit
        self._documents: Documents | None = None
        self._leftovers_asked = False

    @classmethod
    def update_settings(cls, settings: BaseSettings) -> None:
        """Derive what other settings imply: the User-Agent from the contact, one request at a time from the pace."""
        super().update_settings(settings)
        if settings.get("USER_AGENT") is None:
            contact = settings.get("GOVCRAWL_CONTACT") or PROJECT_URL
            settings.set("USER_AGENT", f"govcrawl/{__version__} (+{contact})", priority="spider")
        if settings.getfloat("DOWNLOAD_DELAY") > 0:
            settings.set("CONCURRENT_REQUESTS_PER_DOMAIN", 1, priority="cmdline")

    # --- what a template writes ---

    @classmethod
    def read_list(cls, page: Page) -> ListPage:
        """Read one list page; pure. Written by the template.

        Raises:
            TemplateMismatch: nothing was found where entries must be.
        """
        raise BadAgency(
            f"{cls.__name__} has no read_list: derive it from a template in spiders.templates (page: {page.url})"
        )

    @classmethod
    def read_document(cls, page: Page) -> DocumentPage:
        """Read the hints of one document page; pure. Written by the template.

        Raises:
            TemplateMismatch: the page lacks what every document page of the family has.
        """
        raise BadAgency(
            f"{cls.__name__} has no read_document: derive it from a template in spiders.templates (page: {page.url})"
        )

    @classmethod
    def canonical(cls, url: str) -> str:
        """Return the one address of the document behind any of its addresses; pure.

        Gateways that turn a site into traditional Chinese (``/gate/big5/<host>/…``) are taken off. A template of a CMS that shows
        a document at several addresses (mobile twins) takes off its own after that.
        """
        return without_gateway(url)

    @classmethod
    def read_channels(cls, page: Page) -> dict[str, str]:
        """Read the channel tree that a page prints as data; printed name → seed URL, empty where it prints none; pure.

        Written by templates whose CMS keeps the tree in a script; what stands in links is found without.
        """
        del page
        return {}

    # --- facts ---

    @classmethod
    def agency_row(cls) -> Agency:
        """Return this agency as the catalog's noun."""
        rows = (Channel(name=n, seed_url=u, position=i) for i, (n, u) in enumerate(cls.seeds().items()))
        return Agency(
            name=cls.name, title=cls.agency, base_url=cls.base_url, template=cls.template_name, channels=tuple(rows)
        )

    @classmethod
    def seeds(cls) -> dict[str, str]:
        """Return printed channel name → absolute seed URL."""
        return {name: urljoin(cls.base_url, path) for name, path in cls.channels.items()}

    def arguments(self) -> dict[str, str]:
        """Return the arguments in force, as archived with the crawl."""
        given = {"mode": self.mode, "since": self.since, "limit": None if self.limit is None else str(self.limit)}
        return {name: value for name, value in given.items() if value is not None}

    @property
    def session(self) -> Session:
        """This crawl's session."""
        return Session.of(self.crawler)

    @property
    def documents(self) -> Documents:
        """Puts what this crawl fetches into the catalog."""
        self._documents = self._documents or Documents(self.session)
        return self._documents

    # --- lists ---

    async def start(self) -> AsyncIterator[Request]:
        """Ask for the first page of every channel."""
        walked = await self.session.call(self.session.store.walked_channels, self.name)
        full = self.mode == "full"
        walks, asked = begin_walks(self.seeds(), lambda name: full or name not in walked, self.browser_channels)
        # all are open before the first ends, so that the last to end is known to be the last
        self._walks = {walk.channel: walk for walk in walks}
        for walk in asked:
            yield self._list_request(walk, Request(walk.seed), via=None)
        for request in self._browser_requests():
            yield request

    def _browser_requests(self) -> Iterator[Request]:
        """Ask for the next channel that needs a browser: one after another, so that one page is open at a time."""
        walk = next((w for name in self.browser_channels if (w := self._walks[name]).view is None), None)
        if walk is not None:
            walk.view = BrowserView(self.browser_answer)
            yield self._list_request(walk, Request(walk.seed), via=None)

    def _list_request(self, walk: Walk, request: Request, via: str | None, click: str | None = None) -> Request:
        meta = {
            "handle_httpstatus_list": READ_STATUSES,
            **request_meta("list", channel=walk.channel, via=via, hops="L" * bool(via)),
            **(walk.view.request_meta(click) if walk.view else {}),
        }
        return request.replace(
            callback=self.parse_list,
            errback=self.list_failed,
            meta=meta,
            dont_filter=True,
            priority=10,
            cb_kwargs={"walk": walk},
        )

    async def parse_list(self, response: Response, walk: Walk) -> AsyncIterator[Request]:
        """Read a list page, ask for the documents it names and for the page after it."""
        together, walk.together = [walk, *walk.together], []
        try:
            for each in together:
                async for request in self._read_list_answer(response, each):
                    yield request
        except ArchiveError as error:
            raise self._archive_failed(error) from None

    async def _read_list_answer(self, response: Response, walk: Walk) -> AsyncIterator[Request]:
        session = self.session
        request = cast("Request", response.request)
        capture: Capture = request.meta["capture"]
        page = read_response(response, whole=False)
        page = replace(page, url=walk.page_url(page.url))
        session.tally.channel = walk.channel
        try:
            check_whole(response)
            check(page)
            listed = self.read_list(page)
        except CrawlError as error:
            async for asked in self._unread(request, walk, error, capture.id):
                yield asked
            return
        taken = walk.take(listed, self.canonical)
        if walk.repeats(listed, taken) and walk.ask_again():
            yield self._again(request, walk)
            return
        listings = walk.listings(taken, self.is_on_site)
        now = datetime.now(UTC)
        known = await session.put(decide_listings(session.crawl_id, self.name, walk.channel, listings, capture.id, now))
        session.tally.counts["lists"] += 1
        logger.info(
            "list channel=%s page=%d entries=%d new=%d url=%s",
            walk.channel,
            walk.pages,
            len(taken.fresh),
            sum(k.document_id is None for k in known),
            page.url,
        )
        for entry, row in zip(taken.fresh, known, strict=True):
            async for wanted in self._wanted(entry, row, walk, response.url):
                yield wanted
        for key, url in taken.twins:
            await self._twin(key, url)
        most_pages = self.crawler.settings.getint("GOVCRAWL_MAX_LIST_PAGES")
        following = walk.next_page(listed, taken, known, most_pages=most_pages, since=self.since)
        if following and not self._limit_reached():
            yield self._next_request(walk, following, response.url)
            return
        await self._walk_ended(walk, to_the_end=listed.next is None)
        async for leftover in self._after(walk):
            yield leftover

    def _next_request(self, walk: Walk, following: NextPage, via: str) -> Request:
        if walk.view and following.click:
            return self._list_request(walk, Request(walk.seed), via=via, click=following.click)
        form = following.form
        base = Request(following.url) if form is None else FormRequest(following.url, formdata=dict(form))
        return self._list_request(walk, base, via=via)

    async def _unread(self, request: Request, walk: Walk, error: CrawlError, capture_id: int) -> AsyncIterator[Request]:
        """Ask again for a stub; end the walk where a page cannot be read or is not there."""
        if isinstance(error, StubPage) and walk.ask_again():
            yield self._again(request, walk)
            return
        if isinstance(error, NotAPage) and walk.pages and self.missing_page_is_cap:
            walk.capped = True
            await self._walk_ended(walk, to_the_end=True)
        else:
            await self._list_unread(request, walk, error, capture_id)
        async for leftover in self._after(walk):
            yield leftover

    def _again(self, request: Request, walk: Walk) -> Request:
        logger.info("list page asked for again channel=%s time=%d url=%s", walk.channel, walk.asked_again, request.url)
        return request.replace(cb_kwargs={"walk": walk})

    def is_on_site(self, url: str) -> bool:
        """Tell whether an address lies on the agency's host or below it."""
        host = urlsplit(url).hostname or ""
        return any(host == own or host.endswith(f".{own}") for own in self.allowed_domains)

    async def _walk_ended(self, walk: Walk, *, to_the_end: bool) -> None:
        walk.ended = True
        if walk.capped:
            logger.warning("list capped channel=%s total=%s read=%d", walk.channel, walk.total, len(walk.seen))
            self.session.tally.counts["list/capped"] += 1
        elif to_the_end and walk.short and not self.partial:
            message = f"list of {walk.channel} of {self.name} says {walk.total} entries, {len(walk.seen)} were read on {walk.pages} pages; crawl again, and if it stays check the template's pager"
            self.session.fail("list_short", message)
            logger.warning("list short channel=%s total=%s read=%d", walk.channel, walk.total, len(walk.seen))
        if walk.full and not to_the_end and not self.partial:
            self.session.fail(
                "list_endless",
                f"list of {walk.channel} of {self.name} did not end after {walk.pages} pages; check the template's pager",
            )
        now = datetime.now(UTC)
        await self.session.put(
            walk.decision(self.session.crawl_id, self.name, now, to_the_end=to_the_end, asked=self.partial)
        )

    async def list_failed(self, failure: Failure) -> AsyncIterator[Request]:
        """Record a list page that could not be fetched; its channels stay incomplete."""
        request: Request = failure.request  # type: ignore[attr-defined]
        walk: Walk = request.cb_kwargs["walk"]
        for each in (walk, *walk.together):
            each.ended = True
        if isinstance(failure.value, ArchiveError):
            raise self._archive_failed(failure.value) from None
        try:
            reason, message = read_failure(failure.value)
            await self.session.put_failure(request, reason, message)
            if reason != "ending":  # then what ends the crawl is the reason, and stands already or is told at its end
                sentence = f"list of {walk.channel} of {self.name} could not be fetched: {request.url}: {message}"
                self.session.fail(reason, sentence)
            async for leftover in self._after(walk):
                yield leftover
        except ArchiveError as error:
            raise self._archive_failed(error) from None

    def _archive_failed(self, error: ArchiveError) -> CloseSpider:
        """End the crawl; return what Scrapy takes for an orderly end instead of a traceback."""
        self.session.stop("archive", str(error))
        return CloseSpider("archive")

    async def _list_unread(self, request: Request, walk: Walk, error: CrawlError, capture_id: int) -> None:
        walk.ended = True
        reason, message = read_failure(error)
        await self.session.put_failure(request, reason, message, capture_id)
        sentence = f"list of {walk.channel} of {self.name} could not be read: {error}"
        if isinstance(error, BlockedPage):
            self.session.stop(reason, sentence)
        else:
            self.session.fail(reason, sentence)

    async def _after(self, walk: Walk) -> AsyncIterator[Request]:
        """Ask for what comes after a walk."""
        if walk.view:
            await walk.view.close()
            for request in self._browser_requests():
                yield request
        async for leftover in self._leftovers():
            yield leftover

    # --- documents ---

    def _limit_reached(self) -> bool:
        return self.limit is not None and self._asked >= self.limit

    async def _wanted(self, entry: ListEntry, row: Known, walk: Walk, via: str) -> AsyncIterator[Request]:
        """Yield the request for a listed document that is to be fetched now."""
        if row.listing.offsite or self._limit_reached():
            return
        if self.since and entry.publish_date and entry.publish_date < self.since:
            return
        # known by its key, but listed at a new address: it may have moved there
        moved = row.url is not None and not row.listed_before and url_key(row.url) != row.listing.url_key
        stands = row.state in {"live", "unlisted"} and not row.changed_line and not moved
        if row.document_id and self.mode == "incremental" and stands:
            return
        names = [name for name in (row.listing.key, row.listing.url_key) if name]
        job = next((self._jobs[name] for name in names if name in self._jobs), None)
        if job:  # another list named it first: one document, one more address
            await self._another_address(job, entry.url, row.listing.url_key)
            self._jobs.update(dict.fromkeys(names, job))
            return
        job = Job(
            entry=entry, channel=walk.channel, via=via, known=None, retried=row.listed_before and not row.document_id
        )
        self._jobs.update(dict.fromkeys(names, job))  # claimed before anything is awaited: lists are read side by side
        self._asked += 1
        if row.document_id:
            job.known = await self.session.call(
                self.session.store.find_document, self.name, row.listing.url_key, row.listing.key
            )
        if job.known:
            job.document_id = job.known.document_id
            self._jobs.setdefault(url_key(job.known.url), job)
        yield self._document_request(job, job.known.url if job.known else entry.url)

    async def _another_address(self, job: Job, url: str, key: str) -> None:
        if job.document_id:
            await self.session.put(
                decide_alias(self.session.crawl_id, self.name, job.document_id, url, key, datetime.now(UTC))
            )
        else:
            job.aliases.append((url, key))

    async def _twin(self, key: str, url: str) -> None:
        """Note another address of a document, as a list printed it; ``key`` is that of its canonical address."""
        job = self._jobs.get(key)
        if job:
            await self._another_address(job, url, url_key(url))
            return
        known = await self.session.call(self.session.store.find_document, self.name, key, None)
        if known:
            await self.session.put(
                decide_alias(self.session.crawl_id, self.name, known.document_id, url, url_key(url), datetime.now(UTC))
            )

    def _document_request(self, job: Job, url: str) -> Request:
        said = {}
        if job.entry:
            said = {
                "title": job.entry.title,
                "date": job.entry.date_text or "",
                "key": job.entry.key or "",
                **job.entry.extra,
            }
        meta = request_meta(
            "document", channel=job.channel, via=job.via, hops="L", entry={k: v for k, v in said.items() if v}
        )
        return Request(
            url,
            callback=self.parse_document,
            errback=self.document_failed,
            headers=validators(job.known.last_capture if job.known and url == job.known.url else None),
            meta={"handle_httpstatus_list": READ_STATUSES, **meta},
            dont_filter=True,
            cb_kwargs={"job": job},
        )

    async def _leftovers(self) -> AsyncIterator[Request]:
        """After the last list: ask for what the lists would leave unasked (:mod:`govcrawl.leftovers`)."""
        if self._leftovers_asked or not all(walk.ended for walk in self._walks.values()):
            return
        self._leftovers_asked = True
        if self.partial:
            return
        for job, url, named in await find_leftovers(self.session, full=self.mode == "full"):
            names = [name for name in named if name]
            if any(name in self._jobs for name in names):
                continue
            self._jobs.update(dict.fromkeys(names, job))
            yield self._document_request(job, url)

    async def parse_document(self, response: Response, job: Job) -> Request | None:
        """Read a document, fetch its files, and put it all into the catalog.

        Returns a request for where a list says it stands now, when it is no longer at the address known.
        """
        request = cast("Request", response.request)
        capture: Capture = request.meta["capture"]
        session = self.session
        try:
            await self.documents.put_answer(response, job, capture)
        except NotAPage as error:
            if elsewhere := self.documents.find_elsewhere(job):
                job.tried_elsewhere = True
                return self._document_request(job, elsewhere)
            if job.known:
                logger.info("absent id=%s url=%s: %s", job.known.document_id, request.url, error)
                session.absences.append(Absence(job.known.document_id, capture.id, str(error)))
            else:
                await session.put_failure(request, *read_failure(error), capture.id)
        except CrawlError as error:
            await session.put_unread(request, error, capture.id, again=job.retried)
        except ArchiveError as error:
            session.stop("archive", str(error))
        finally:
            session.tally.counts["documents"] += 1
        return None

    async def document_failed(self, failure: Failure) -> None:
        """Record a document that could not be fetched."""
        request: Request = failure.request  # type: ignore[attr-defined]
        self.session.tally.counts["documents"] += 1
        if isinstance(failure.value, ArchiveError):
            self.session.stop("archive", str(failure.value))
            return
        capture: Capture | None = request.meta.get("capture")
        try:
            job: Job = request.cb_kwargs["job"]
            await self.session.put_unread(request, failure.value, capture.id if capture else None, again=job.retried)
        except ArchiveError as error:
            self.session.stop("archive", str(error))
