"""One pace per server group (礼貌抓取) for everything that runs on this machine: what is sent waits here for its turn.

A group's requests start at least a gap apart — the configured delay or what robots.txt states, whichever is longer — and one
at a time while there is a gap; none starts while the group asked for quiet (Retry-After, RFC 9110 10.2.3) or is backed off
from. The book that all processes keep together is :mod:`govcrawl.pace`.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections import Counter
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from govcrawl.breaker import BREAKERS
from govcrawl.breaker import find_hold as find_blocked
from govcrawl.errors import UsageMistake
from govcrawl.failures import CrawlEnding
from govcrawl.groups import Groups
from govcrawl.machine import Machine, MachineBusy, Process
from govcrawl.opening_hours import parse_window
from govcrawl.pace import (
    LOOK_SECONDS,
    PACE,
    REFUSALS,
    Asked,
    End,
    Hold,
    Limits,
    Turn,
    Wait,
    end_turn,
    find_hold,
    put_promise,
    take_turn,
)
from govcrawl.speech import say
from govcrawl.tenure import SETTING as TENURE

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Awaitable, Callable, Iterable, Sequence

    from scrapy.settings import BaseSettings

    from govcrawl.opening_hours import Hours
    from govcrawl.tenure import Tenure

logger = logging.getLogger(__name__)

END_SECONDS = 0.01  # how long the end of an exchange waits to be noted with the next turn; a refusal never does
_POLL_SECONDS = (0.02, 0.25)  # between two looks at a group that another process asks right now: at first, at most
_LONGEST_SECONDS = 300.0  # an exchange that never said how it ended


class Ended(NamedTuple):
    """How an exchange ended on the wire.

    ``status`` is None where no answer came, ``seconds_ago`` since the request was sent, None where it never was.
    """

    status: int | None = None
    size_bytes: int = 0
    retry_after: str | None = None
    seconds_ago: float | None = None


class Governor:
    """Gives each request of a crawl its turn.

    Args:
        machine: the state that all processes share.
        groups: which hosts are one server.
        limits: what the operator promises.
        agency: for the audit.
        clock, sleep: replaceable for tests; the clock gives seconds since 1970.
    """

    def __init__(
        self,
        machine: Machine,
        groups: Groups,
        limits: Limits,
        agency: str,
        *,
        clock: Callable[[], float] | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.machine = machine
        self.groups = groups
        self.limits = limits
        self.closed = False  # nothing more is sent: the crawl is being ended
        self.ending: Callable[[], bool] = bool  # whether it is being ended by somebody else: nobody waits any more
        self.gate: Callable[[sqlite3.Connection, str], Hold | None] | None = None  # what else may keep from a group
        self.tenure: Tenure | None = None  # of crawls under a lease: when nothing may be sent any more
        self.held: Callable[[Hold], None] | None = None  # told when the crawl has to end here
        self._agency = agency
        self._clock = clock or machine.now
        self._virtual = clock is not None
        self._sleep = sleep
        self._process = Process.own()
        self._name = secrets.token_hex(4)
        self._number = count()
        self._lines: dict[str, asyncio.Lock] = {}
        self._ends: list[Callable[[sqlite3.Connection], None]] = []  # not noted yet
        self._late: set[asyncio.Task[None]] = set()
        machine.ensure(PACE)

    @classmethod
    def of(
        cls,
        settings: BaseSettings,
        machine: Machine,
        agency: str,
        own_group: str = "",
        own_hosts: Iterable[str] = (),
    ) -> Governor:
        """Make the governor of a crawl.

        Raises:
            UsageMistake: a setting is malformed.
        """
        limits = read_limits(settings)
        machine.ensure(PACE)
        governor = cls(machine, Groups.of(settings, machine, own_group, own_hosts), limits, agency)
        governor.tenure = settings.get(TENURE)
        return governor

    async def turn(
        self, url: str, kind: str = "other", longest_seconds: float = _LONGEST_SECONDS
    ) -> Callable[[Ended], None]:
        """Return when an address may be asked for; to be called with how that ended.

        Args:
            kind: what is asked for, for the audit.
            longest_seconds: after which the exchange is taken for ended, should nobody say so.

        Raises:
            CrawlEnding: the crawl is being ended, or ends here.
        """
        group = await self.groups.of_url(url)
        host = (urlsplit(url).hostname or "").lower()
        token = f"{self._name}-{next(self._number)}"
        asked = Asked(group, host, self._agency, kind, token, self._process, longest_seconds)
        line = self._lines.setdefault(group, asyncio.Lock())
        if not line.locked() and isinstance(first := await self._take(asked, Counter()), Turn):
            return partial(self.end, first)
        async with line:  # one of a process looks whether the group is free; the others come after it
            return partial(self.end, await self._wait(asked))

    async def _wait(self, asked: Asked) -> Turn:
        waited: Counter[str] = Counter()
        pause, most = _POLL_SECONDS
        while not isinstance(outcome := await self._take(asked, waited), Turn):
            if self.ending():
                raise CrawlEnding(f"not sent: the crawl is being ended while {asked.group} was waited for")
            seconds = min(outcome.seconds, LOOK_SECONDS)
            if outcome.seconds == 0:
                seconds, pause = pause, min(1.5 * pause, most)
            began = self._clock()
            await self._sleep(seconds)
            waited[outcome.reason] += self._clock() - began  # type: ignore[assignment]  # a Counter counts seconds too
        return outcome

    async def _take(self, asked: Asked, waited: Counter[str]) -> Turn | Wait:
        if self.closed:
            raise CrawlEnding(f"not sent: the crawl has been ended; {asked.host} was not asked any more")
        if self.tenure is not None and (over := self.tenure.find_hold()):
            self.hold(over)
            raise CrawlEnding(f"not sent: {over.sentence}")
        longest = waited.most_common(1)
        why = (longest[0][0], float(waited.total())) if longest else ("", 0.0)
        ends, self._ends = self._ends, []

        def work(db: sqlite3.Connection) -> Turn | Wait | Hold:
            _note(db, ends)
            hold = self.gate(db, asked.group) if self.gate else None
            return hold or take_turn(db, self._clock(), self._calendar(), self.limits, asked, why)

        noted = False
        try:
            outcome = await self.machine.transact(work)
            noted = True
        finally:
            if not noted:
                self._ends = ends + self._ends
        if isinstance(outcome, Hold):
            self.hold(outcome)
            raise CrawlEnding(f"not sent: {outcome.sentence}")
        return outcome

    def end(self, turn: Turn, how: Ended) -> None:
        """Note how an exchange ended; the group is free from then on, or quiet where it asked for that.

        It is noted together with this crawl's next turn, where one is taken within END_SECONDS: half the transactions.
        """
        now, wall = self._clock(), self._calendar()
        sent_at = None if how.seconds_ago is None else now - how.seconds_ago
        end = End(sent_at, how.status, how.size_bytes, parse_retry_after(how.retry_after, wall))
        self._ends.append(lambda db: end_turn(db, now, wall, turn, end, self.limits.backoff_seconds))
        if self._virtual or how.status in REFUSALS:
            self._put_ends()
        elif len(self._ends) == 1:
            asyncio.get_running_loop().call_later(END_SECONDS, self._put_ends)

    def _put_ends(self) -> None:
        """Note what no turn took along."""
        ends, self._ends = self._ends, []
        if not ends:
            return
        work = partial(_note, ends=ends)
        try:
            self.machine.attempt(work)
        except MachineBusy:  # another process writes: in a moment, without holding up the loop
            task = asyncio.ensure_future(self.machine.transact(work))
            self._late.add(task)
            task.add_done_callback(self._late.discard)

    def _calendar(self) -> datetime:
        """Return the instant by the wall clock, which budgets and hours of a day go by."""
        return datetime.fromtimestamp(self._clock(), UTC) if self._virtual else datetime.now(UTC)

    def hold(self, hold: Hold) -> None:
        """Tell the crawl that it ends here."""
        logger.info("held reason=%s until=%s", hold.reason, hold.until.isoformat(timespec="seconds"))
        if self.held is not None:
            self.held(hold)

    async def find_hold(self, url: str) -> Hold | None:
        """Return why the crawl has to end before an address is asked for, None where it need not."""
        group = await self.groups.of_url(url)
        host = (urlsplit(url).hostname or "").lower()
        return await self.machine.transact(
            lambda db: find_hold(db, self._clock(), self._calendar(), self.limits, group, host)
        )

    async def put_promise(
        self, url: str, origin: str, gap_seconds: float, visit: Hours | None, valid_until: float
    ) -> None:
        """Note what robots.txt states for us, until an instant of the machine's time line; ``origin`` names whose it is."""
        group = await self.groups.of_url(url)
        host = (urlsplit(url).hostname or "").lower()
        await self.machine.transact(lambda db: put_promise(db, origin, group, host, gap_seconds, visit, valid_until))

    async def close(self) -> None:
        """Wait until what ended is noted; the machine's state is closed by who opened it."""
        self._put_ends()
        if self._late:
            await asyncio.wait(self._late)


def _note(db: sqlite3.Connection, ends: Sequence[Callable[[sqlite3.Connection], None]]) -> None:
    for end in ends:
        end(db)


def read_limits(settings: BaseSettings) -> Limits:
    """Return what the settings promise.

    Raises:
        UsageMistake: GOVCRAWL_WINDOW or a budget is malformed.
    """
    return Limits(
        delay_seconds=settings.getfloat("DOWNLOAD_DELAY"),
        backoff_seconds=settings.getfloat("GOVCRAWL_BACKOFF_SECONDS"),
        longest_wait_seconds=settings.getfloat("GOVCRAWL_MAX_WAIT_SECONDS"),
        daily_requests=_read_count(settings, "GOVCRAWL_DAILY_REQUESTS"),
        daily_bytes=_read_count(settings, "GOVCRAWL_DAILY_BYTES"),
        window=parse_window(settings.get("GOVCRAWL_WINDOW") or ""),
    )


def _read_count(settings: BaseSettings, name: str) -> int:
    text = str(settings.get(name) or 0).strip()
    if not (text.isascii() and text.isdigit()):
        raise UsageMistake(
            say(
                f"{name} 为 {text!r}，应为每天的整数，0 为不限",
                f"{name} is {text!r}; expected a whole number for each day, or 0 for no bound",
            )
        )
    return int(text)


def find_hold_before(settings: BaseSettings, machine: Machine, urls: Iterable[str], own_group: str = "") -> Hold | None:
    """Return why a crawl of these addresses need not begin now: quiet, budget, hours or a wall; None where it may. Asks nobody.

    Raises:
        UsageMistake: a setting is malformed.
    """
    limits = read_limits(settings)
    machine.ensure(PACE)
    machine.ensure(BREAKERS)
    addresses = list(urls)
    groups = Groups.of(settings, machine, own_group, {(urlsplit(url).hostname or "").lower() for url in addresses})
    wall = datetime.now(UTC)
    for url in addresses:
        host = (urlsplit(url).hostname or "").lower()
        group = groups.remembered(url) or host
        hold = machine.transact_now(partial(_find_hold_now, machine, wall, limits, group, host))
        if hold is not None:
            return hold
    return None


def _find_hold_now(
    machine: Machine, wall: datetime, limits: Limits, group: str, host: str, db: sqlite3.Connection
) -> Hold | None:
    now = machine.now()
    return find_hold(db, now, wall, limits, group, host) or find_blocked(db, now, group)


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
