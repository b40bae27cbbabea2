"""robots.txt by RFC 9309, once a day for all crawls of this machine."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

from protego import Protego
from scrapy import Request
from scrapy.exceptions import IgnoreRequest, NotConfigured
from scrapy.http.request import NO_CALLBACK

from govcrawl.decode import Page
from govcrawl.errors import BlockedPage, CrawlError
from govcrawl.failures import DOWNLOAD_ERRORS, RobotsDisallowed, RobotsUnavailable, read_failure
from govcrawl.guard import check
from govcrawl.machine import TableSet
from govcrawl.opening_hours import Hours
from govcrawl.request_meta import request_meta
from govcrawl.session import Session

if TYPE_CHECKING:
    import sqlite3
    from datetime import time

    from scrapy.crawler import Crawler
    from scrapy.http import Response

logger = logging.getLogger(__name__)

KEPT_SECONDS = 86_400.0  # RFC 9309 2.4: not longer than 24 hours
REFUSED_SECONDS = 120.0  # after a 5xx or a challenge; nothing of the host is asked meanwhile, robots.txt neither
PARSED_BYTES = 512 * 1024  # RFC 9309 2.5: at least 500 KiB
REDIRECTS = 5  # RFC 9309 2.3.1.2: at least five; then the file counts as unavailable, which allows everything

ROBOTS = TableSet(
    "robots",
    (
        """
CREATE TABLE robots (
  origin TEXT NOT NULL, target TEXT NOT NULL, status INTEGER, text TEXT NOT NULL, problem TEXT, reason TEXT NOT NULL,
  fetched_at REAL NOT NULL, valid_until REAL NOT NULL, crawl_id TEXT, record_id TEXT, PRIMARY KEY (origin, target)
)
""",
    ),
)


@dataclass(frozen=True, slots=True)
class Rules:
    """What an origin's robots.txt says; ``problem`` is why nothing may be fetched, None where the text counts."""

    status: int | None
    text: str
    problem: str | None
    reason: str
    fetched_at: float  # on the machine's time line
    valid_until: float
    crawl_id: str | None = None
    record_id: str | None = None  # of the WARC record that holds it, in the archive of that crawl
    signature: str = ""  # of the wall that answered in its place, known to the crawl that asked


class RobotsMiddleware:
    """Obeys robots.txt by RFC 9309.

    2xx is parsed; 4xx allows everything (2.3.1.3); 5xx and a host that cannot be reached disallow everything (2.3.1.4), and so
    does a challenge page in its place. Crawl-delay, Request-rate and Visit-time that hold for us go to the governor.
    """

    def __init__(self, crawler: Crawler) -> None:
        self._crawler = crawler
        self._agent: str = crawler.settings["USER_AGENT"]
        self._rules: dict[str, asyncio.Future[tuple[Rules, Protego]]] = {}
        self._ready = False

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        """Make one for a crawl; ROBOTSTXT_OBEY=False turns it off."""
        if not crawler.settings.getbool("ROBOTSTXT_OBEY"):
            raise NotConfigured
        return cls(crawler)

    async def process_request(self, request: Request) -> None:
        """Let a request pass that the site's robots.txt allows."""
        if request.meta.get("dont_obey_robotstxt") or not request.url.startswith(("http:", "https:")):
            return
        parts = urlsplit(request.url)
        rules, parsed = await self._settled(f"{parts.scheme}://{parts.netloc}")
        if rules.problem is not None:
            raise RobotsUnavailable(rules.problem, rules.reason)
        if not parsed.can_fetch(request.url, self._agent):
            raise RobotsDisallowed(
                f"robots.txt of {parts.netloc} disallows {request.url}{_source(rules, self._session)}"
            )

    @property
    def _session(self) -> Session:
        return Session.of(self._crawler)

    async def _settled(self, origin: str) -> tuple[Rules, Protego]:
        """Return the rules of an origin that hold now; asks once, however many wait for the answer."""
        machine = self._session.governor.machine
        known = self._rules.get(origin)
        if known is not None and (not known.done() or known.result()[0].valid_until > machine.now()):
            return await known
        self._rules[origin] = known = asyncio.get_running_loop().create_future()
        message = f"{origin}/robots.txt could not be fetched or kept; nothing of the host may be fetched then"
        rules, parsed = Rules(None, "", message, "robots_unavailable", machine.now(), machine.now()), Protego()
        try:
            rules = await self._recall(origin) or await self._fetch(origin)
            parsed = Protego.parse(rules.text)
            await self._put_promise(origin, rules, parsed)
        finally:  # whatever happens, nobody waits for them for ever
            known.set_result((rules, parsed))
        return rules, parsed

    async def _recall(self, origin: str) -> Rules | None:
        """Return what this machine knows from another crawl or process."""
        governor = self._session.governor
        if not self._ready:
            governor.machine.ensure(ROBOTS)
            self._ready = True
        target = governor.groups.target(origin)
        row = await governor.machine.transact(lambda db: find_robots(db, origin, target, governor.machine.now()))
        if row is not None:
            logger.info("robots.txt of %s from crawl %s (WARC record %s)", origin, row.crawl_id, row.record_id)
        return row

    async def _fetch(self, origin: str) -> Rules:
        url = f"{origin}/robots.txt"
        meta = {
            "dont_obey_robotstxt": True,
            "allow_offsite": True,
            "redirect_ttl": REDIRECTS,
            **request_meta("robots", hops="P"),
        }
        request = Request(url, priority=1000, meta=meta, callback=NO_CALLBACK)
        machine = self._session.governor.machine
        refused = Rules(None, "", "", "robots_unavailable", machine.now(), machine.now() + REFUSED_SECONDS)
        try:
            response = await self._session.download(request)
        except (*DOWNLOAD_ERRORS, IgnoreRequest) as error:
            if "redirect" in str(error):  # Scrapy's "max redirections reached"
                return replace(refused, problem=None, valid_until=machine.now() + KEPT_SECONDS)
            reason, message = read_failure(error)
            problem = f"{url} could not be fetched: {message}; nothing of the host may be fetched then (RFC 9309)"
            return replace(refused, problem=problem, reason=reason)
        now = machine.now()
        rules = read_robots(url, response, now)
        capture = response.request.meta.get("capture") if response.request else None
        if capture is not None:
            rules = replace(rules, crawl_id=capture.crawl_id, record_id=capture.record_id)
            if rules.signature:  # what walls robots.txt walls the host
                await self._session.control.put_walled_host(rules.problem or "", rules.signature, capture)
        target = self._session.governor.groups.target(origin)
        await machine.transact(lambda db: put_robots(db, origin, target, rules))
        return rules

    async def _put_promise(self, origin: str, rules: Rules, parsed: Protego) -> None:
        if rules.problem is not None:
            return
        gap, visit = read_promise(parsed, self._agent)
        if gap:
            logger.info("robots.txt of %s asks for %g s between two requests", origin, gap)
        governor = self._session.governor
        key = f"{origin} {governor.groups.target(origin)}".strip()
        await governor.put_promise(origin, key, gap, visit, rules.valid_until)


def read_robots(url: str, response: Response, now: float) -> Rules:
    """Return what a final answer to a request for robots.txt means (RFC 9309 2.3.1); ``now`` on the machine's time line."""
    status = response.status
    refused = Rules(status, "", "", "robots_unavailable", now, now + REFUSED_SECONDS)
    declared = (response.headers.get(b"Content-Type") or b"").decode("latin-1") or None
    start = response.body[:PARSED_BYTES]
    if status >= 300 or b"<" in start[: PARSED_BYTES // 8]:  # noqa: PLR2004 - not a plain text file
        try:
            check(Page(url=url, body=response.body, content_type=declared, status=status))
        except BlockedPage as error:
            problem = f"in place of {url}: {error}; nothing of the host is fetched"
            return replace(refused, problem=problem, reason="blocked", signature=error.signature)
        except CrawlError:  # a page that says "not found", or a file: no rules
            pass
    if status >= 500:  # noqa: PLR2004 - a class of HTTP status codes
        return replace(refused, problem=f"{url} answered {status}; nothing of the host may be fetched then (RFC 9309)")
    if len(response.body) > PARSED_BYTES:
        start = start[: start.rfind(b"\n") + 1]  # not half a rule
    text = start.decode("utf-8-sig", "replace") if status < 300 else ""  # noqa: PLR2004
    return Rules(status, text, None, "", now, now + KEPT_SECONDS)


def read_promise(parsed: Protego, agent: str) -> tuple[float, Hours | None]:
    """Return the least distance of two requests in seconds and the hours of visits (UTC) that rules state for us.

    Crawl-delay and Request-rate are customs beside RFC 9309; of both the longer distance holds, at every hour.
    """
    rate = parsed.request_rate(agent)
    gap = max(float(parsed.crawl_delay(agent) or 0), rate.seconds / rate.requests if rate else 0.0)
    visit = parsed.visit_time(agent)
    return gap, Hours(_second_of(visit.start_time), _second_of(visit.end_time)) if visit else None


def find_robots(db: sqlite3.Connection, origin: str, target: str, now: float) -> Rules | None:
    """Return the rules of an origin that still hold."""
    row = db.execute(
        "SELECT status, text, problem, reason, fetched_at, valid_until, crawl_id, record_id FROM robots "
        "WHERE origin = ? AND target = ? AND valid_until > ? AND fetched_at <= ?",
        (origin, target, now, now),
    ).fetchone()
    return Rules(*row) if row else None


def put_robots(db: sqlite3.Connection, origin: str, target: str, rules: Rules) -> None:
    """Keep the rules of an origin for other crawls and processes."""
    values: tuple[Any, ...] = (
        rules.status,
        rules.text,
        rules.problem,
        rules.reason,
        rules.fetched_at,
        rules.valid_until,
    )
    db.execute(
        "INSERT OR REPLACE INTO robots VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (origin, target, *values, rules.crawl_id, rules.record_id),
    )


def _source(rules: Rules, session: Session) -> str:
    if rules.crawl_id in {None, session.crawl_id}:
        return ""
    at = datetime.fromtimestamp(rules.fetched_at, UTC)
    return f" (fetched {at:%Y-%m-%d %H:%M}Z by crawl {rules.crawl_id}, WARC record {rules.record_id})"


def _second_of(at: time) -> int:
    return at.hour * 3600 + at.minute * 60 + at.second
