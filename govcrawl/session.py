"""One crawl: its row, its counters, its way into the archive.

A Scrapy extension. What a crawl shares with others of its process (store, archive thread, readers) is its :class:`Workshop`.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, ParamSpec, Self, TypeVar, cast
from urllib.parse import urlsplit

from scrapy import signals

from archive.digest import digest_pieces
from archive.errors import ArchiveError, UnreadableContent
from archive.model import Capture, Context, Exchange
from govcrawl import notices
from govcrawl.attachments import Attachments
from govcrawl.beginning import begin_crawl
from govcrawl.bodies import expects_file
from govcrawl.connect_to import is_public
from govcrawl.control import Control
from govcrawl.endings import decide_states
from govcrawl.errors import UnreadablePage, UsageMistake
from govcrawl.failures import CrawlEnding, RobotsUnavailable, read_failure
from govcrawl.judgement import judge_crawl
from govcrawl.pace import REFUSALS
from govcrawl.politeness import Ended, Governor
from govcrawl.reading import read_stored
from govcrawl.recrawl.policy import read_policy
from govcrawl.workshop import SETTING, Workshop

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from scrapy import Request
    from scrapy.crawler import Crawler
    from scrapy.http import Response
    from twisted.python.failure import Failure

    from archive.catalog import Catalog
    from archive.decisions import Decision, Untold
    from govcrawl.decode import Page
    from govcrawl.spider import DisclosureSpider
    from govcrawl.verdicts import Verdict

logger = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")

PAUSES = frozenset({"interrupted", "quiet", "budget", "window"})
"""Reasons that are none of the site's pages: the same command, later, goes on from there."""

UNREAD_LIMIT = 3  # documents that could not be had, and not one that could: the crawl is no success


@dataclass(slots=True)
class Tally:
    """What happened so far, for progress, summary and the crawl's row."""

    counts: Counter[str] = field(default_factory=Counter)
    channel: str | None = None  # the one last read from
    fatal: tuple[str, str] | None = None  # (reason, sentence): why the crawl counts as failed
    reasons: set[str] = field(default_factory=set)  # all of them, the first one stands in ``fatal``


class Session:
    """The one crawl of a Crawler.

    Raises:
        ArchiveError: the data directory cannot be used, or another process crawls this agency.
    """

    def __init__(self, crawler: Crawler, spider: DisclosureSpider) -> None:
        settings = crawler.settings

        self.crawler = crawler
        self.spider = spider
        self.policy = read_policy(settings, spider.recrawl)
        self.finished_at: datetime | None = None
        self.outcome: str | None = None
        self.verdict: Verdict | None = None
        self._stopped = False  # it ends as failed, at once
        shared: Workshop | None = settings.get(SETTING)
        self._own = Workshop(settings) if shared is None else None
        self.workshop = self._own or cast("Workshop", shared)
        self.store = self.workshop.store
        self.readers = self.workshop.readers
        self.attachments = Attachments(self.workshop.texts, spider.name, settings)
        try:
            self.governor = Governor.of(
                settings, self.workshop.machine, spider.name, spider.server_group, spider.allowed_domains
            )
            self.governor.held = lambda hold: self.stop(hold.reason, hold.sentence)
            self.control = Control(self)  # what is asked where an answer leaves it open whether it speaks for its host
            begun = self.workshop.take_begun(spider.name) or begin_crawl(
                self.store, self.workshop.machine, type(spider), spider.arguments(), settings
            )
        except (ArchiveError, UsageMistake):
            if self._own:
                self._own.close()
            raise
        self.crawl_id, self.started_at, self.resumed = begun.crawl_id, begun.started_at, begun.resumed
        self.tally = Tally(counts=begun.counts)

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        """Begin the crawl's row."""
        spider: Any = crawler.spider
        session = cls(crawler, spider)
        crawler.signals.connect(session.spider_opened, signal=signals.spider_opened)
        crawler.signals.connect(session.spider_error, signal=signals.spider_error)
        crawler.signals.connect(session.spider_closed, signal=signals.spider_closed)
        return session

    @classmethod
    def of(cls, crawler: Crawler) -> Session:
        """Return the session of a running crawl."""
        session = crawler.get_extension(cls)
        if session is None:
            raise RuntimeError(
                "govcrawl.session.Session is not among EXTENSIONS: a crawl cannot run without its archive"
            )
        return session

    # --- what the download handler needs (govcrawl.download.CaptureSink) ---

    async def turn(self, request: Request) -> Callable[[Ended], None]:
        """Wait until the server may be asked again; to be called with how the exchange ended."""
        why = request.meta.get("govcrawl") or {"kind": "other"}
        seconds = self.crawler.settings.getfloat(
            "GOVCRAWL_FILE_SECONDS" if expects_file(request) else "DOWNLOAD_TIMEOUT"
        )
        return await self.governor.turn(request.url, why["kind"], 2 * seconds)

    async def put_exchange(self, exchange: Exchange, request: Request) -> Capture:
        """Archive one exchange; returns when it is durable and in the catalog.

        Raises:
            ArchiveError: it could not be stored; the crawl is being ended.
        """
        capture: Capture = await self._stored(self.workshop.put((exchange, self.context(request))))
        self.tally.counts["requests"] += 1
        self.tally.counts["bytes"] += exchange.response_bytes
        return capture

    async def put_rendered(self, capture: Capture, url: str, html: bytes) -> None:
        """Archive a rendered document (HTML in UTF-8) beside the capture of the page it was made from.

        Raises:
            ArchiveError: it could not be stored; the crawl is being ended.
        """
        content_type = "text/html; charset=utf-8"
        await self.call(self.store.put_resource, capture, f"urn:dom:{url}", html, content_type, datetime.now(UTC))

    def context(self, request: Request) -> Context:
        """Say why a request was made."""
        why = request.meta.get("govcrawl") or {"kind": "other"}
        redirects = request.meta.get("redirect_urls") or ()
        return Context(
            agency=self.spider.name,
            crawl_id=self.crawl_id,
            kind=why["kind"],
            channel=why.get("channel"),
            via=redirects[-1] if redirects else why.get("via"),
            hops=why.get("hops", "") + "R" * len(redirects),
            entry=why.get("entry") or {},
        )

    # --- what the spider needs ---

    async def call(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a function of the store on the archive thread.

        Raises:
            ArchiveError: from the store; the crawl is being ended.
        """
        return await self._stored(self.workshop.call(function, *args, **kwargs))

    async def put(self, decision: Decision[T] | Untold[T]) -> T:
        """Put a decision (:mod:`archive.decisions`) together with what else waits; returns once it is durable.

        Raises:
            ArchiveError: as :meth:`call`.
        """
        result: T = await self._stored(self.workshop.put(decision))
        return result

    async def _stored(self, storing: Awaitable[T]) -> T:
        """Wait for what the workshop does; a failure of the archive ends this crawl."""
        try:
            return await storing
        except ArchiveError as error:
            self.stop("archive", str(error))
            raise

    async def download(self, request: Request) -> Response:
        """Fetch one URL outside the scheduler: a file of a document, robots.txt, a home page.

        Raises:
            Exceptions of :data:`govcrawl.failures.DOWNLOAD_ERRORS`, IgnoreRequest, ArchiveError.
        """
        engine = self.crawler.engine
        if engine is None:
            raise RuntimeError(f"no engine runs for {request.url}: requests are made while a crawl runs only")
        return await engine.download_async(request)

    def read_page(self, capture: Capture, url: str) -> Page:
        """Return the archived page of a capture; runs on the archive thread (see :meth:`call`).

        Raises:
            CaptureMissing, DigestMismatch: the archive does not hold what the catalog says.
        """
        with self.store.open_capture(capture) as stored:
            return read_stored(stored, url, max_bytes=self.crawler.settings.getint("DOWNLOAD_MAXSIZE"))

    def measure_content(self, capture: Capture) -> tuple[str, int]:
        """Return digest and size of a capture's archived content; runs on the archive thread (see :meth:`call`).

        Raises:
            UnreadablePage: it decodes to more than DOWNLOAD_MAXSIZE.
            CaptureMissing, DigestMismatch: the archive does not hold what the catalog says.
        """
        with self.store.open_capture(capture) as stored:
            try:
                return digest_pieces(stored.iter_content(max_bytes=self.crawler.settings.getint("DOWNLOAD_MAXSIZE")))
            except UnreadableContent as error:
                raise UnreadablePage(f"{capture.url}: {error}") from error

    async def put_failure(
        self,
        request: Request,
        reason: str,
        message: str,
        capture_id: int | None = None,
        rows: Callable[[Catalog], object] | None = None,
    ) -> None:
        """Record what could not be got or read, and why, with ``rows`` of the frontier."""
        context = self.context(request)
        self.tally.counts["failed"] += 1
        self.tally.counts[f"failed/{reason}"] += 1
        logger.warning("failed kind=%s reason=%s url=%s: %s", context.kind, reason, request.url, message)
        await self.call(
            self.store.put_failure,
            context,
            url=request.url,
            method=request.method,
            reason=reason,
            message=message,
            capture_id=capture_id,
            at=datetime.now(UTC),
            rows=rows,
        )

    def stop(self, reason: str, sentence: str) -> None:
        """End the crawl as failed; the first reason stands."""
        if self._stopped:
            return
        self._stopped = True
        self.tally.reasons.add(reason)
        self.tally.fatal = (reason, sentence)
        logger.error("crawl stops reason=%s: %s", reason, sentence)
        self.governor.closed = True
        if self.crawler.crawling:
            self._ending = asyncio.ensure_future(self.crawler.engine.close_spider_async(reason=reason))

    def fail(self, reason: str, sentence: str) -> None:
        """Note that the crawl is not complete; it goes on."""
        self.tally.reasons.add(reason)
        if not self.tally.fatal:
            self.tally.fatal = (reason, sentence)

    def spider_opened(self) -> None:
        """Say what is to be said before the first request, and begin with what the last crawl left."""
        # an interrupt reaches the engine only: what waits for its turn then is given up, not sat out
        self.governor.ending = self.is_ending
        host = urlsplit(self.spider.base_url).hostname or ""
        if not self.crawler.settings.get("GOVCRAWL_CONTACT") and is_public(host):
            message = "no contact is set: %s sees %r in the User-Agent; set GOVCRAWL_CONTACT to an address or URL where its operator can reach you"
            logger.warning(message, host, self.crawler.settings["USER_AGENT"])
        if self._own and (
            self.spider.mode == "full" or not self.store.catalog.walked_channels(self.spider.name)
        ):  # it is going to read for certain; any other crawl starts them with its first document
            self.readers.start()
        self.attachments.start()

    def is_ending(self) -> bool:
        """Tell whether the crawl is being ended: nothing more is sent."""
        return self._stopped or not self.crawler.engine.running

    def check_answered(self, answer: Response | BaseException | None) -> None:
        """Raise where what a request brought says nothing of its page, so that it is left for a further sitting.

        Raises:
            CrawlEnding: the crawl is being ended; the server refused, or was not asked any more.
            ArchiveError: as it came.
        """
        if isinstance(answer, ArchiveError):
            raise answer
        if answer is None or isinstance(answer, BaseException):
            reason, sentence = read_failure(answer)  # of the page, or of the robots.txt before it
            left = reason == "ending" or (self.is_ending() and isinstance(answer, RobotsUnavailable))
        else:
            left, sentence = self.is_ending() and answer.status in REFUSALS, f"{answer.url} answered {answer.status}"
        if left:
            raise CrawlEnding(f"left for a further sitting of the crawl: {sentence}")

    def spider_error(self, failure: Failure) -> None:
        """Note an error that nobody foresaw; Scrapy logs it with its traceback."""
        self.tally.counts["failed"] += 1
        self.fail(
            "bug",
            f"unexpected {type(failure.value).__name__}: {failure.getErrorMessage()}; please report it with the log",
        )

    # --- the end ---

    async def spider_closed(self, reason: str) -> None:
        """Turn what was and was not seen into states, and close the crawl's row and WARC file."""
        if reason in {"shutdown", "cancelled"} and not self._stopped:
            sentence = (
                "the crawl was ended before its lists and documents were; the same command again goes on from here"
            )
            self.tally.reasons.add("interrupted")
            self.tally.fatal = ("interrupted", sentence)  # whatever else failed: it is not over yet
        elif reason != "finished":
            self.fail(reason, f"the crawl ended before its lists did ({reason}); the same command again begins anew")
        counts = self.tally.counts
        if counts["documents/unread"] >= UNREAD_LIMIT and not any(
            counts[name] for name in ("new", "changed", "unchanged")
        ):
            message = f"none of {counts['documents/unread']} documents asked for could be read; the log names each with its reason"
            self.fail("documents", message)
        try:
            await self.workshop.drain()
            await self.workshop.call(self._finish)
        except ArchiveError as error:
            self._could_not_close(error)
        finally:
            try:
                await self.attachments.finish(wait=reason == "finished")
                await self.governor.close()
            finally:
                await self._leave()
        await notices.tell(self)
        logger.info("crawl ended crawl=%s outcome=%s counts=%s", self.crawl_id, self.outcome, dict(self.tally.counts))

    async def _leave(self) -> None:
        """Let go of what this crawl alone holds; of the whole workshop where it is the only one in it."""
        try:
            if self._own:
                await asyncio.get_running_loop().run_in_executor(None, self._own.close)
            else:
                await self.workshop.call(self.store.leave_crawl, self.crawl_id)
        except ArchiveError as error:
            self._could_not_close(error)

    def _could_not_close(self, error: ArchiveError) -> None:
        self.fail("archive", str(error))
        self.outcome = "failed"
        logger.error("crawl could not be closed: %s", error)

    def _finish(self) -> None:
        self.finished_at = at = datetime.now(UTC)
        agency, fatal = self.spider.name, self.tally.fatal
        # a list that came short says nothing of the lists that came whole, nor of what was looked at: it is not walked to its end
        if self.tally.reasons <= {"list_short"} and not self.spider.partial:
            held_back = self.control.find_held_back
            ends = self.store.read(
                lambda catalog: decide_states(catalog, self.crawl_id, agency, at, held_back, self.policy)
            )
            _, (*states, settled) = self.store.put_batch((), ends)
            self.tally.counts.update(state for state in states if isinstance(state, str))
            self.tally.counts.update(settled)
        self.outcome = "finished" if fatal is None else "interrupted" if fatal[0] in PAUSES else "failed"
        paused = self.outcome == "interrupted"
        judged = judge_crawl(
            self.store.catalog, self.crawl_id, self.spider.seeds(), fatal, self.finished_at, paused=paused
        )
        self.verdict, last = (None, ()) if judged is None else (judged[0], judged[1:])
        self.store.finish_crawl(
            self.crawl_id,
            outcome=self.outcome,
            reason=f"{fatal[0]}: {fatal[1]}" if fatal else None,
            counts=dict(self.tally.counts),
            finished_at=self.finished_at,
            last=last,
        )
