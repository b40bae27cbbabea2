"""One pace per host (礼貌抓取): everything that is sent waits here for its turn.

A host's requests start at least ``delay`` apart (the configured delay or the site's Crawl-delay, whichever is longer), and
none starts while the host asked for quiet (Retry-After, RFC 9110 10.2.3) or is backed off from.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from govcrawl.failures import CrawlEnding

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

logger = logging.getLogger(__name__)

LONGEST_SLEEP_SECONDS = 1.0  # a waiter looks up this often, so that a crawl can end


@dataclass(slots=True)
class _Host:
    """The pace of one host; instants on the governor's clock, in seconds."""

    crawl_delay_seconds: float = 0.0
    last_start: float | None = None  # of those given so far the latest
    next_start: float = 0.0
    quiet_until: float = 0.0
    refusals: int = 0


@dataclass(slots=True)
class Governor:
    """Gives each request its turn.

    Args:
        delay_seconds: least distance between two starts at one host; 0 lifts it, Crawl-delay and Retry-After still hold.
        backoff_seconds: first wait after a refusal without Retry-After; doubles with each further one.
        clock, sleep: replaceable for tests.
    """

    delay_seconds: float
    backoff_seconds: float
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    closed: bool = False  # nobody waits any more: the crawl is being ended
    ending: Callable[[], bool] = bool  # whether it is being ended by somebody else
    starts: Counter[str] = field(default_factory=Counter)
    _hosts: dict[str, _Host] = field(default_factory=dict)

    async def turn(self, host: str) -> None:
        """Return when a request to ``host`` may start."""
        pace = self._hosts.setdefault(host, _Host())
        gap = max(self.delay_seconds, pace.crawl_delay_seconds)
        start = max(self.clock(), pace.next_start, pace.quiet_until)
        pace.next_start = start + gap  # reserved before waiting, so that two waiters never share a turn
        while (wait := max(start, pace.quiet_until) - self.clock()) > 0:
            if self.closed or self.ending():
                raise CrawlEnding(f"not sent: the crawl is being ended while {host} was waited for")
            await self.sleep(min(wait, LONGEST_SLEEP_SECONDS))
            if pace.quiet_until > start:  # refused while this one waited: queue up again behind the quiet
                start = max(self.clock(), pace.next_start, pace.quiet_until)
                pace.next_start = start + gap
        pace.last_start = start
        self.starts[host] += 1

    def put_crawl_delay(self, host: str, seconds: float) -> None:
        """Note the Crawl-delay that robots.txt states for us."""
        pace = self._hosts.setdefault(host, _Host())
        if seconds > pace.crawl_delay_seconds:  # http and https of a host may state two: the longer one holds
            pace.crawl_delay_seconds = seconds
            if pace.last_start is not None:  # it holds between robots.txt itself and what comes after it, too
                pace.next_start = max(pace.next_start, pace.last_start + seconds)
            logger.info("crawl delay host=%s seconds=%g", host, seconds)

    def refused(self, host: str, retry_after_seconds: float | None) -> float:
        """Note a 429 or 503 and return how many seconds the host is left alone.

        Refusals of requests that were on their way together count as one.
        """
        pace = self._hosts.setdefault(host, _Host())
        left = pace.quiet_until - self.clock()
        if retry_after_seconds is None and left > 0:
            return left
        seconds = retry_after_seconds if retry_after_seconds is not None else self.backoff_seconds * 2**pace.refusals
        pace.refusals += 1
        pace.quiet_until = max(pace.quiet_until, self.clock() + seconds)
        logger.info("refused host=%s quiet_seconds=%g retry_after=%s", host, seconds, retry_after_seconds is not None)
        return seconds

    def answered(self, host: str) -> None:
        """Note a good answer: the next refusal starts from the first back-off again."""
        if pace := self._hosts.get(host):
            pace.refusals = 0


def parse_retry_after(value: str | None, now: datetime | None = None) -> float | None:
    """Seconds that a Retry-After header asks for (RFC 9110 10.2.3: delay-seconds or HTTP-date), None when unreadable."""
    if value is None:
        return None
    text = value.strip()
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        at = parsedate_to_datetime(text)
    except (TypeError, ValueError):
        return None
    if at.tzinfo is None:
        at = at.replace(tzinfo=UTC)
    return max(0.0, (at - (now or datetime.now(UTC))).total_seconds())
