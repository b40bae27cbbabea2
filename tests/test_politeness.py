"""The pace of a crawl: no host is asked faster than its delay, its Crawl-delay or its Retry-After allows."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from govcrawl.failures import CrawlEnding
from govcrawl.politeness import Governor, parse_retry_after


class Clock:
    """A clock that moves only when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        """Let the others run, then be ``seconds`` later; concurrent sleepers share the time they sleep together."""
        until = self.now + seconds
        await asyncio.sleep(0)
        self.now = max(self.now, until)


def governor(delay: float, clock: Clock, backoff: float = 5.0) -> Governor:
    """Return a governor on a virtual clock."""
    return Governor(delay, backoff, clock=clock, sleep=clock.sleep)


async def starts(pace: Governor, clock: Clock, host: str, count: int) -> list[float]:
    """Return the instants at which ``count`` concurrent requests to a host start."""
    instants: list[float] = []

    async def one() -> None:
        await pace.turn(host)
        instants.append(clock.now)

    await asyncio.gather(*(one() for _ in range(count)))
    return instants


@given(delay=st.floats(0.1, 5), crawl_delay=st.floats(0, 5), count=st.integers(2, 12))
def test_starts_are_never_closer_than_the_longer_of_the_two_delays(
    delay: float, crawl_delay: float, count: int
) -> None:
    """However many requests wait, two starts at a host are the configured delay or the Crawl-delay apart."""
    clock = Clock()
    pace = governor(delay, clock)
    pace.put_crawl_delay("a.test", crawl_delay)
    instants = sorted(asyncio.run(starts(pace, clock, "a.test", count)))
    assert len(instants) == count
    assert min(b - a for a, b in pairwise(instants)) >= max(delay, crawl_delay) - 1e-6


def test_a_lifted_delay_still_keeps_the_crawl_delay() -> None:
    """DOWNLOAD_DELAY=0 lifts our own pace only; what robots.txt states holds."""
    clock = Clock()
    pace = governor(0, clock)
    pace.put_crawl_delay("a.test", 3)
    assert [round(t) for t in sorted(asyncio.run(starts(pace, clock, "a.test", 3)))] == [1000, 1003, 1006]


def test_hosts_do_not_wait_for_each_other() -> None:
    """A pace belongs to one host."""
    clock = Clock()
    pace = governor(10, clock)

    async def both() -> None:
        await pace.turn("a.test")
        await pace.turn("b.test")

    asyncio.run(both())
    assert clock.now == 1000


def test_nothing_starts_while_a_host_asked_for_quiet() -> None:
    """Requests that came before and after the refusal all wait until Retry-After has passed."""
    clock = Clock()
    pace = governor(0, clock)
    assert pace.refused("a.test", 30) == 30
    assert min(asyncio.run(starts(pace, clock, "a.test", 4))) >= 1030


def test_a_request_already_waiting_obeys_a_later_refusal() -> None:
    """A refusal that arrives while a request waits for its turn pushes that request back, too."""
    clock = Clock()
    pace = governor(2, clock)

    async def run() -> float:
        await pace.turn("a.test")
        waiting = asyncio.ensure_future(pace.turn("a.test"))
        await asyncio.sleep(0)
        pace.refused("a.test", 50)
        await waiting
        return clock.now

    assert asyncio.run(run()) >= 1050


def test_back_off_without_retry_after_doubles_and_is_forgiven_by_an_answer() -> None:
    """429 or 503 without Retry-After is backed off from for 5, 10, 20 … seconds, and from 5 again after a good answer."""
    clock = Clock()
    pace = governor(0, clock)

    def refused() -> float:
        clock.now += 1000
        return pace.refused("a.test", None)

    assert [refused() for _ in range(3)] == [5, 10, 20]
    pace.answered("a.test")
    assert refused() == 5


def test_refusals_of_requests_that_were_on_their_way_together_count_as_one() -> None:
    """Eight requests refused at once are one refusal of an overloaded server, not eight: the wait is the first one's."""
    pace = governor(0, Clock())
    assert [pace.refused("a.test", None) for _ in range(8)] == [5] * 8
    assert pace.refused("a.test", 30) == 30, "what the site asks for holds in any case"


def test_a_crawl_delay_holds_from_the_request_that_told_it_on() -> None:
    """The request after robots.txt starts a Crawl-delay after robots.txt; of two the longer one holds."""
    clock = Clock()
    pace = governor(0, clock)

    async def run() -> float:
        await pace.turn("a.test")
        pace.put_crawl_delay("a.test", 7)
        pace.put_crawl_delay("a.test", 2)
        await pace.turn("a.test")
        return clock.now

    assert asyncio.run(run()) == 1007


def test_who_waits_is_told_when_the_crawl_ends() -> None:
    """A crawl that is being ended does not sit out a long Retry-After."""
    clock = Clock()
    pace = governor(0, clock)
    pace.refused("a.test", 500)
    pace.closed = True
    with pytest.raises(CrawlEnding, match=r"a\.test"):
        asyncio.run(pace.turn("a.test"))


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120.0),
        (" 5 ", 5.0),
        ("Sat, 21 Nov 2026 08:00:30 GMT", 30.0),
        ("Sat, 21 Nov 2026 07:00:00 GMT", 0.0),
        ("soon", None),
        ("-3", None),
        ("", None),
        ("１２", None),
        (None, None),
    ],
)
def test_retry_after_is_read_in_both_forms_of_the_standard(value: str | None, seconds: float | None) -> None:
    """RFC 9110 10.2.3 allows seconds and a date; a date gone by means now, anything else is unreadable."""
    assert parse_retry_after(value, now=datetime(2026, 11, 21, 8, 0, tzinfo=UTC)) == seconds
