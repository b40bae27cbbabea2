"""A second question where one answer leaves it open: whether the whole host answers so, or only this address (对照请求).

Agencies take documents away with 403, with redirects and with friendly pages; walls answer with all of these, too. So where
an answer is blocked, refused, tiny or an error page at 200, the seed of its channel or the home page is asked for, once per
host and a while: where that is walled too, the host is blocked and nothing is said of the document; else it is the document.
What a host shows for an address that does not exist is learned in the same way (:mod:`govcrawl.soft404`).
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, cast
from urllib.parse import urlsplit

from scrapy import Request
from scrapy.exceptions import IgnoreRequest
from scrapy.http.request import NO_CALLBACK

from govcrawl.absences import HARD, Evidence, find_held_back
from govcrawl.breaker import Block, Breaker, Opening
from govcrawl.errors import BadStatus, BlockedPage, CrawlError, NotAPage, RefusedPage, TemplateMismatch, UnreadablePage
from govcrawl.failures import DOWNLOAD_ERRORS, CrawlEnding, read_failure
from govcrawl.guard import check, find_wall
from govcrawl.request_meta import request_meta
from govcrawl.responses import OK, READ_STATUSES, read_response
from govcrawl.soft404 import Fingerprint, find_unused_path, is_expected, is_same_page, read_fingerprint, shape_of

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from archive.model import Capture, Document, Kind
    from govcrawl.decode import Page
    from govcrawl.pace import Hold
    from govcrawl.session import Session

logger = logging.getLogger(__name__)

_SERVER_ERRORS = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What a host answered to a control request."""

    verdict: Literal["fine", "blocked", "failing"]
    url: str
    said: str  # status, or the guard's sentence
    capture: Capture | None
    signature: str = ""

    def __str__(self) -> str:
        """Say it with its evidence."""
        said = self.said.removeprefix(f"{self.url}: ")
        return f"{self.url} answered {said}" + (f" (capture {self.capture.record_id})" if self.capture else "")


class Control:
    """The second questions of one crawl, and what its server groups' breakers have to do with it."""

    def __init__(self, session: Session) -> None:
        settings = session.crawler.settings
        self._session = session
        self._seconds = settings.getfloat("GOVCRAWL_CONTROL_SECONDS")
        self.breaker = Breaker(
            session.governor.machine,
            blocks=settings.getint("GOVCRAWL_BREAKER_BLOCKS"),
            seconds=settings.getfloat("GOVCRAWL_BREAKER_SECONDS"),
        )
        session.governor.gate = self._find_hold
        self._looks: dict[str, tuple[float, Look]] = {}
        self._lists: dict[str, Look] = {}  # host → a list of it that was read in this crawl
        self._asking: dict[str, asyncio.Lock] = {}
        self._error_pages: dict[str, Fingerprint | None] = {}
        self._blocked: dict[str, str] = {}
        self._failing: dict[str, str] = {}

    # --- the breaker ---

    async def enter(self) -> bool:
        """Tell whether the crawl may begin; ends it where its server group is left alone, asks once where that is over.

        Raises:
            ArchiveError: the answer could not be stored.
        """
        url = next(iter(self._seeds().values()), self._session.spider.base_url)
        group = await self._group(url)
        standing = await self.breaker.enter(group)
        if standing == "closed":
            return True
        if isinstance(standing, Opening):
            self._session.stop("blocked", f"{standing.sentence}; nothing was asked")
            return False
        look = await self._ask(url, "probe")
        if look.verdict == "fine":
            await self.breaker.put_good(group)
            return True
        await self._open(url, look.signature, look.capture, f"{look}", host_wide=True)
        return False

    def _find_hold(self, db: sqlite3.Connection, group: str) -> Hold | None:
        """Return why nothing may be sent to a group; asked before every request, in its transaction."""
        opening = self.breaker.find_open(db, group)
        return opening.hold if opening else None

    async def _open(self, url: str, signature: str, capture: Capture | None, said: str, *, host_wide: bool) -> None:
        """Note a wall; ends the crawl where that opens the breaker."""
        record_id = capture.record_id if capture else None
        name = " ".join(filter(None, [f"status {capture.status}" if capture and capture.status else "", signature]))
        block = Block(signature=name or "no answer", url=url, record_id=record_id, agency=self._session.spider.name)
        opening = await self.breaker.put_block(await self._group(url), block, host_wide=host_wide)
        if opening:
            self._session.stop("blocked", f"{said}; {opening.sentence}")

    async def _group(self, url: str) -> str:
        return await self._session.governor.groups.of_url(url)

    # --- what an error means ---

    async def put_walled_host(self, said: str, signature: str, capture: Capture) -> None:
        """Note a wall in the place of robots.txt: it is the host's, and the crawl ends."""
        self._blocked[urlsplit(capture.url).netloc] = said
        await self._open(capture.url, signature, capture, said, host_wide=True)

    async def put_wall(self, error: BlockedPage, capture: Capture) -> None:
        """Note a wall that stands in the place of a file; nothing is asked for it."""
        if error.signature:
            await self._open(capture.url, error.signature, capture, str(error), host_wide=False)

    def put_list(self, capture: Capture) -> None:
        """Note a list page that was read: its host answers."""
        said = f"{capture.status} with its list"
        self._lists[urlsplit(capture.url).netloc] = Look(verdict="fine", url=capture.url, said=said, capture=capture)

    async def judge(self, error: CrawlError, request: Request, capture: Capture, *, known: bool = True) -> CrawlError:
        """Return what an error of a document or list means, given what the rest of its host says.

        Args:
            error: what the guard or the reader said of the answer.
            known: a document that the catalog knows, so that an absence may come of it.

        Returns:
            NotAPage: the document is gone, its reason names both captures; BlockedPage: a wall (the crawl is being ended
            where it is the host's); any other error as it was.

        Raises:
            ArchiveError: a control request's answer could not be stored.
        """
        why = request.meta.get("govcrawl") or {}
        kind, channel = why.get("kind"), why.get("channel")
        if isinstance(error, BadStatus) and (error.status or 0) >= _SERVER_ERRORS:
            self._session.tally.counts["server_errors"] += 1
            return error
        if isinstance(error, BlockedPage) and error.signature:
            await self._open(capture.url, error.signature, capture, str(error), host_wide=False)
            if self._session.tally.fatal:
                return error
        if isinstance(error, TemplateMismatch | UnreadablePage) and known and kind == "document":
            page = await self._session.call(self._session.read_page, capture, capture.url)
            if page.status != OK or not await self._is_error_page(page, request.url):
                return error
            error = NotAPage(f"{capture.url}: what this host shows for an address that does not exist")
        doubtful = isinstance(error, BlockedPage | RefusedPage) or (isinstance(error, NotAPage) and known)
        if not doubtful or (kind == "list" and isinstance(error, NotAPage)):
            return error
        asked = (request.meta.get("redirect_urls") or [capture.url])[0]
        host = urlsplit(asked).netloc
        if isinstance(error, NotAPage) and capture.status in HARD and host in self._lists:
            look = self._lists[host]  # the server itself says so, and it is there: no need to ask
        else:
            look = await self.look(asked, None if kind == "list" else channel)
        return await self._weigh(error, capture, look, absent=known and kind == "document")

    async def _weigh(self, error: CrawlError, capture: Capture, look: Look, *, absent: bool) -> CrawlError:
        """Return what an error means beside the control request's answer; ``absent``: an absence may come of it."""
        if look.verdict == "failing":
            return (
                error
                if isinstance(error, BlockedPage | BadStatus)
                else BadStatus(f"{error}; but {look}", capture.status)
            )
        if look.verdict == "blocked":
            signature = look.signature or (error.signature if isinstance(error, BlockedPage) else "")
            said = f"{error}; the whole host answers so: {look}"
            await self._open(look.url, signature, look.capture, said, host_wide=True)
            return BlockedPage(said, signature)
        if not absent or (isinstance(error, BlockedPage) and error.signature):
            return error
        if isinstance(error, BlockedPage):
            return UnreadablePage(f"{error}; the host answers otherwise: {look}; nothing is said of the document")
        return NotAPage(f"{error} (capture {capture.record_id}), while {look}")

    async def look(self, url: str, channel: str | None) -> Look:
        """Return what the host of an address answers otherwise; asked once in GOVCRAWL_CONTROL_SECONDS.

        Raises:
            ArchiveError: the answer could not be stored.
        """
        host = urlsplit(url).netloc
        async with self._asking.setdefault(host, asyncio.Lock()):
            now = asyncio.get_running_loop().time()
            at, look = self._looks.get(host, (0.0, None))
            if look is not None and now - at < self._seconds:
                return look
            look = await self._ask_host(url, channel)
            self._looks[host] = (now, look)
        logger.info("control host=%s verdict=%s: %s", host, look.verdict, look)
        if look.verdict == "blocked":
            self._blocked[host] = str(look)
        elif look.verdict == "failing":
            self._failing[host] = str(look)
        return look

    async def _ask_host(self, url: str, channel: str | None) -> Look:
        """Ask for the seed of a channel, and for the home page where that says nothing good and nothing certain."""
        parts = urlsplit(url)
        home = f"{parts.scheme}://{parts.netloc}/"
        seeds = self._seeds() if channel else {}
        seed = next((one for one in (seeds.get(channel or ""), *seeds.values()) if one), None)
        looks: list[Look] = []
        if seed and urlsplit(seed).netloc == parts.netloc and seed != url:
            looks.append(await self._ask(seed, "probe"))
        if not looks or (looks[0].verdict != "fine" and not looks[0].signature):
            looks.append(await self._ask(home, "home"))
        return next((one for one in looks if one.verdict == "fine" or one.signature), looks[-1])

    def _seeds(self) -> dict[str, str]:
        """Return the seeds that a plain client can read."""
        spider = self._session.spider
        return {name: url for name, url in spider.seeds().items() if name not in spider.browser_channels}

    async def _ask(self, url: str, kind: Kind) -> Look:
        """Ask for one page that says how its host answers.

        Raises:
            ArchiveError: the answer could not be stored.
        """
        capture: Capture | None = None
        try:
            page, capture = await self._fetch(url, kind)
            _check_look(page, url)
            verdict, said, signature = "fine", f"{page.status} with its page", ""
        except BlockedPage as error:
            verdict, said, signature = "blocked", f"{error}", error.signature
        except RefusedPage as error:
            verdict, said, signature = "blocked", f"{error}", ""
        except NotAPage as error:  # home pages that send their reader on at once are the site's own
            answers = kind == "home" and capture is not None and capture.status == OK
            verdict, said, signature = "fine" if answers else "failing", f"{error}", ""
        except (CrawlError, *DOWNLOAD_ERRORS, IgnoreRequest) as error:
            verdict, said, signature = "failing", read_failure(error)[1], ""
        verdict = cast("Literal['fine', 'blocked', 'failing']", verdict)
        return Look(verdict=verdict, url=url, said=said, capture=capture, signature=signature)

    async def _fetch(self, url: str, kind: Kind) -> tuple[Page, Capture]:
        meta = {"handle_httpstatus_list": READ_STATUSES, "allow_offsite": True, **request_meta(kind, hops="P")}
        response = await self._session.download(Request(url, meta=meta, callback=NO_CALLBACK, dont_filter=True))
        request = cast("Request", response.request)
        return read_response(response), request.meta["capture"]

    # --- learned error pages ---

    async def check_document(self, page: Page, asked: str, document: Document, titles: Sequence[str | None]) -> None:
        """Raise where what was read as a document is the page that its host shows for what does not exist.

        The host is asked only where what was read bears no title that is known of the document.

        Raises:
            NotAPage: it is.
            ArchiveError: the host's answer could not be stored.
        """
        if not is_expected(document, titles) and await self._is_error_page(page, asked):
            raise NotAPage(f"{page.url}: what this host shows for an address that does not exist")

    async def _is_error_page(self, page: Page, asked: str) -> bool:
        shape = shape_of(asked)
        async with self._asking.setdefault(f"404 {shape}", asyncio.Lock()):
            if shape not in self._error_pages:
                self._error_pages[shape] = await self._learn(asked)
        learned = self._error_pages[shape]
        return learned is not None and is_same_page(read_fingerprint(page, asked), learned)

    async def _learn(self, asked: str) -> Fingerprint | None:
        """Ask for what does not exist; None where the host says so by its status, or does not answer."""
        unused = find_unused_path(asked)
        try:
            page, _ = await self._fetch(unused, "probe")
        except (CrawlError, *DOWNLOAD_ERRORS, IgnoreRequest) as error:
            if isinstance(error, CrawlEnding):
                raise
            logger.info("error page not learned url=%s: %s", unused, read_failure(error)[1])
            return None
        logger.info("error page learned url=%s status=%d", unused, page.status)
        return read_fingerprint(page, unused) if page.status == OK else None

    # --- absences ---

    def find_held_back(self, statuses: Sequence[int | None]) -> list[str | None]:
        """Return for each absence of this crawl why it is not put, None where it is (:mod:`govcrawl.absences`)."""
        return find_held_back(Evidence.of(self._session.tally.counts, self._blocked, self._failing), statuses)


def _check_look(page: Page, asked: str) -> None:
    """Raise unless an answer is a page of the site.

    Raises:
        CrawlError: as :func:`govcrawl.guard.check`; BlockedPage also where a redirect leads to a wall.
    """
    if wall := find_wall(asked, page.url):
        raise BlockedPage(f"{asked} redirects to {page.url}", wall)
    check(page)
