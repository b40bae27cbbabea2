"""The pace of a crawl: no server is asked faster than its delay, its Crawl-delay or its Retry-After allows."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from datetime import UTC, datetime
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scrapy.settings import Settings

from govcrawl.errors import UsageMistake
from govcrawl.failures import CrawlEnding
from govcrawl.groups import Groups, parse_server_groups
from govcrawl.machine import Machine, Process
from govcrawl.opening_hours import Hours, parse_window
from govcrawl.pace import PACE, Asked, Hold, Limits, Turn, Wait, put_host, take_turn
from govcrawl.politeness import Ended, Governor, parse_retry_after, read_limits

if TYPE_CHECKING:
    from collections.abc import Iterator

A, B = "http://a.test/", "http://b.test/"
START = datetime(2026, 11, 21, 12, 0, tzinfo=UTC).timestamp()


class Clock:
    """A clock that moves only when somebody sleeps."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        """Let the others run, then be ``seconds`` later; concurrent sleepers share the time they sleep together."""
        until = self.now + seconds
        await asyncio.sleep(0)
        self.now = max(self.now, until)


@pytest.fixture
def machine() -> Iterator[Machine]:
    """A machine without a file."""
    machine = Machine([])
    machine.ensure(PACE)
    yield machine
    machine.close()


def governor(machine: Machine, clock: Clock, delay: float, **limits: float | Hours | None) -> Governor:
    """Return a governor on a virtual clock; every host is its own group."""

    async def resolve(_: str) -> list[str]:
        return []

    promised = Limits(delay_seconds=delay, **limits)  # type: ignore[arg-type]
    return Governor(
        machine, Groups(machine, named={}, resolve=resolve), promised, "small_sfj", clock=clock, sleep=clock.sleep
    )


async def starts(pace: Governor, clock: Clock, url: str, count: int, seconds: float = 0.0) -> list[float]:
    """Return the instants at which ``count`` concurrent requests to a host start; each exchange takes ``seconds``."""
    instants: list[float] = []

    async def one() -> None:
        ended = await pace.turn(url)
        instants.append(clock.now)
        if seconds:
            await clock.sleep(seconds)
        ended(Ended(200, 10, None, seconds))

    await asyncio.gather(*(one() for _ in range(count)))
    return [instant - START for instant in sorted(instants)]


async def refuse(pace: Governor, url: str, status: int = 429, retry_after: str | None = None) -> float:
    """Ask once and be refused; returns for how long the server is left alone."""
    ended = await pace.turn(url)
    before = pace._clock()
    ended(Ended(status, 0, retry_after, 0.0))
    row = pace.machine.rows("SELECT quiet_until FROM groups WHERE name = ?", (await pace.groups.of_url(url),))[0]
    return float(row[0]) - before


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=30)
@given(delay=st.floats(0.1, 5), crawl_delay=st.floats(0, 5), count=st.integers(2, 8), seconds=st.floats(0, 3))
def test_starts_are_never_closer_than_the_longer_of_the_two_delays(
    delay: float, crawl_delay: float, count: int, seconds: float
) -> None:
    """However many wait and however long an answer takes, two starts are the delay or the Crawl-delay apart, one at a time."""
    clock = Clock()
    machine = Machine([])
    pace = governor(machine, clock, delay)

    async def run() -> list[float]:
        await pace.put_promise(A, A, crawl_delay, None, START + 86400)
        return await starts(pace, clock, A, count, seconds)

    instants = asyncio.run(run())
    machine.close()
    assert len(instants) == count
    assert min(b - a for a, b in pairwise(instants)) >= max(delay, crawl_delay, seconds) - 1e-6


def test_a_lifted_delay_still_keeps_the_crawl_delay(machine: Machine) -> None:
    """DOWNLOAD_DELAY=0 lifts our own pace only; what robots.txt states holds, of http and https the longer one."""
    clock = Clock()
    pace = governor(machine, clock, 0)

    async def run() -> list[float]:
        assert await starts(pace, clock, A, 3, 1.0) == [0, 0, 0], "side by side"
        await pace.put_promise(A, "http://a.test", 3, None, START + 86400)
        await pace.put_promise("https://a.test/", "https://a.test", 1, None, START + 86400)
        return await starts(pace, clock, A, 3)

    assert [round(t) for t in asyncio.run(run())] == [3, 6, 9]


def test_hosts_do_not_wait_for_each_other(machine: Machine) -> None:
    """A pace belongs to one server."""
    clock = Clock()
    pace = governor(machine, clock, 10)

    async def both() -> None:
        await pace.turn(A)
        await pace.turn(B)

    asyncio.run(both())
    assert clock.now == START


def test_two_crawls_share_the_pace_of_a_server(machine: Machine) -> None:
    """Governors of one machine give turns as if they were one, also when an answer takes longer than the delay."""
    clock = Clock()
    one, two = governor(machine, clock, 1), governor(machine, clock, 1)

    async def run() -> tuple[list[float], list[float]]:
        return await asyncio.gather(starts(one, clock, A, 6, 2.0), starts(two, clock, A, 6, 2.0))

    first, second = asyncio.run(run())
    assert min(b - a for a, b in pairwise(sorted(first + second))) >= 2.0
    assert min(first[-1], second[-1]) > 12, "neither was kept waiting until the other had ended"


def test_nothing_starts_while_a_host_asked_for_quiet(machine: Machine) -> None:
    """Requests of every crawl of the machine wait until Retry-After has passed."""
    clock = Clock()

    async def run() -> list[float]:
        assert await refuse(governor(machine, clock, 0), A, 429, "30") == pytest.approx(30)
        return await starts(governor(machine, clock, 0), clock, A, 4)

    assert min(asyncio.run(run())) >= 30


def test_a_request_already_waiting_obeys_a_later_refusal(machine: Machine) -> None:
    """A refusal that arrives while a request waits for its turn sends that request behind the quiet, too."""
    clock = Clock()
    pace = governor(machine, clock, 2)

    async def run() -> float:
        ended = await pace.turn(A)
        waiting = asyncio.ensure_future(pace.turn(A))
        await asyncio.sleep(0)
        ended(Ended(503, 0, "50", 0.0))
        await waiting
        return clock.now - START

    assert asyncio.run(run()) >= 50


def test_back_off_doubles_and_is_forgiven_after_half_an_hour(machine: Machine) -> None:
    """429 or 503 without Retry-After is left alone for 5, 10, 20 … seconds, at most a day, up to a tenth more."""
    clock = Clock()
    pace = governor(machine, clock, 0, longest_wait_seconds=1e9)

    async def run() -> tuple[list[float], float]:
        times = []
        for number in range(16):
            times.append(await refuse(pace, A))
            clock.now += min(5 * 2**number, 86400) - 1
        await pace.turn(A)
        clock.now += 1801
        return times, await refuse(pace, A)

    times, later = asyncio.run(run())
    for number, seconds in enumerate(times):
        assert min(5 * 2**number, 86400) <= seconds <= 1.1 * min(5 * 2**number, 86400)
    assert 5 <= later <= 5.5


def test_refusals_of_requests_that_were_on_their_way_together_count_as_one(machine: Machine) -> None:
    """Eight requests refused at once are one refusal of an overloaded server, not eight: the wait is the first one's."""
    clock = Clock()
    pace = governor(machine, clock, 0)

    async def run() -> float:
        for ended in [await pace.turn(A) for _ in range(8)]:
            ended(Ended(429, 0, None, 0.0))
        return float(machine.rows("SELECT quiet_until FROM groups")[0][0]) - START

    assert 5 <= asyncio.run(run()) <= 5.5
    assert machine.rows("SELECT count(*) FROM quiets")[0][0] == 1


def test_more_quiet_than_a_crawl_waits_ends_it(machine: Machine) -> None:
    """A Retry-After over GOVCRAWL_MAX_WAIT_SECONDS ends the crawl, until when is said; the next one is told the same."""
    clock = Clock()
    held: list[Hold] = []
    for number in range(2):
        pace = governor(machine, clock, 0, longest_wait_seconds=600)
        pace.held = held.append
        if number == 0:
            asyncio.run(refuse(pace, A, 503, "7200"))
        with pytest.raises(CrawlEnding, match="not sent"):
            asyncio.run(pace.turn(A))
    assert held[0].reason == "quiet"
    assert held[0].sentence == held[1].sentence
    assert "503 with Retry-After 7200 s: it is left alone until 2026-11-21 22:00 UTC+8" in held[0].sentence


def test_a_gap_is_counted_from_when_the_request_went_out(machine: Machine) -> None:
    """Making a connection takes time: what counts at the server is when the request came, not when its turn was."""
    clock = Clock()
    pace = governor(machine, clock, 2)

    async def run() -> float:
        ended = await pace.turn(A)
        clock.now += 1.5
        ended(Ended(200, 10, None, 0.5))
        await pace.turn(A)
        return clock.now - START

    assert asyncio.run(run()) == pytest.approx(3.0)


def test_who_waits_is_told_when_the_crawl_ends(machine: Machine) -> None:
    """A crawl that is being ended does not sit out a long Retry-After, and sends nothing more."""
    clock = Clock()
    pace = governor(machine, clock, 0)
    asyncio.run(refuse(pace, A, 429, "500"))
    pace.ending = lambda: True
    with pytest.raises(CrawlEnding, match=r"a\.test"):
        asyncio.run(pace.turn(A))
    pace.closed = True
    with pytest.raises(CrawlEnding, match=r"b\.test"):
        asyncio.run(pace.turn(B))


def test_budgets_end_a_crawl_until_the_next_day_in_china(machine: Machine) -> None:
    """GOVCRAWL_DAILY_REQUESTS and _BYTES count everything the machine asks of a server on a calendar day of its own time."""
    clock = Clock()
    held: list[Hold] = []
    pace = governor(machine, clock, 0, daily_requests=3)
    pace.held = held.append
    other = governor(machine, clock, 0, daily_bytes=25)
    other.held = held.append

    async def run() -> None:
        await starts(pace, clock, A, 3)
        for each in (pace, other):
            with pytest.raises(CrawlEnding):
                await each.turn(A)
        await pace.turn(B)
        clock.now += 4 * 3600  # 00:00 in China
        await starts(pace, clock, A, 2)

    asyncio.run(run())
    assert [one.reason for one in held] == ["budget", "budget"]
    assert "GOVCRAWL_DAILY_REQUESTS is 3" in held[0].sentence
    assert "GOVCRAWL_DAILY_BYTES is 25 for server group a.test and 30 are spent today" in held[1].sentence
    assert "2026-11-22 00:00 UTC+8" in held[0].sentence


def test_nothing_is_asked_outside_of_the_hours(machine: Machine) -> None:
    """The operator's window and a site's Visit-time both hold, and the sentence says when they open."""
    clock = Clock()
    held: list[Hold] = []
    pace = governor(machine, clock, 0, window=parse_window("22:00-06:00"))
    pace.held = held.append
    other = governor(machine, clock, 0)
    other.held = held.append

    async def run() -> None:
        with pytest.raises(CrawlEnding):
            await pace.turn(A)
        clock.now += 2 * 3600
        await pace.turn(A)
        await other.put_promise(A, A, 0, Hours(0, 4 * 3600), START + 86400)
        with pytest.raises(CrawlEnding):
            await other.turn(A)
        await other.turn(B)

    asyncio.run(run())
    assert "22:00-06:00 UTC+8; it opens at 2026-11-21 22:00 UTC+8" in held[0].sentence
    assert "a.test allows visits at 00:00-04:00 UTC only (Visit-time); it opens at 2026-11-22 08:00" in held[1].sentence
    assert [one.reason for one in held] == ["window", "window"]


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("GOVCRAWL_DAILY_REQUESTS", "many"),
        ("GOVCRAWL_DAILY_BYTES", "-1"),
        ("GOVCRAWL_WINDOW", "22-6"),
        ("GOVCRAWL_WINDOW", "22:00-22:00"),
        ("GOVCRAWL_WINDOW", "22:60-23:00"),
    ],
)
def test_a_mistaken_promise_is_named(setting: str, value: str) -> None:
    """What is given, and what is expected."""
    with pytest.raises(UsageMistake, match=f"{setting} is '{value}'; expected"):
        read_limits(Settings({setting: value}))


@pytest.mark.parametrize("text", ["xiamen", "=a.test", "x=", "x=http://a.test", "x=a.test;y=a.test"])
def test_a_mistaken_group_is_named(text: str) -> None:
    """A part without name or hosts, an address for a host, a host in two groups."""
    with pytest.raises(UsageMistake, match="GOVCRAWL_SERVER_GROUPS"):
        parse_server_groups(text)


def test_which_hosts_are_one_server(machine: Machine) -> None:
    """Named groups, then the agency's own, then the lowest address, asked for once an hour, then the host."""
    asked: list[str] = []

    async def resolve(host: str) -> list[str]:
        asked.append(host)
        return {"a.example": ["192.0.2.9", "192.0.2.10", "2001:db8::1"], "b.example": ["2001:db8::2"]}.get(host, [])

    named = parse_server_groups("city=.city.test, www.other.test ; x = x.test")
    own = ("platform", frozenset({"mine.test"}))

    async def run(groups: Groups, *urls: str) -> list[str]:
        return list(await asyncio.gather(*(groups.of_url(url) for url in urls)))

    groups = Groups(machine, named=named, own=own, resolve=resolve)
    urls = ["http://sfj.city.test/", "https://www.other.test:8443/", "http://img.mine.test/", "http://[2001:DB8:0::7]/"]
    assert asyncio.run(run(groups, *urls)) == ["city", "city", "platform", "2001:db8::7"]
    urls = ["http://a.example/1", "https://A.example/2", "http://b.example/", "http://c.example/"]
    assert asyncio.run(run(groups, *urls)) == ["192.0.2.9", "192.0.2.9", "2001:db8::2", "c.example"]
    assert sorted(asked) == ["a.example", "b.example", "c.example"]
    other = Groups(machine, named={}, resolve=resolve)
    assert asyncio.run(run(other, "http://a.example/")) == ["192.0.2.9"]
    assert asked.count("a.example") == 1, "another crawl of the machine resolved it"
    stand_in = Groups(
        machine, named=named, connect_to="x.test:80:127.0.0.1:8080 a.example::127.0.0.1:", resolve=resolve
    )
    found = asyncio.run(run(stand_in, "http://x.test/", "https://a.example/", "https://x.test/"))
    assert found == ["x via 127.0.0.1:8080", "a.example via 127.0.0.1:443", "x"]


def asking(process: Process, name: str = "t") -> Asked:
    """A request of some process."""
    return Asked("g", "a.test", "small_sfj", "list", name, process, 600)


def test_what_a_dead_process_had_under_way_is_taken_for_ended(machine: Machine) -> None:
    """While it lives nobody else asks the group; when it is killed its place is free at once."""
    limits, wall = Limits(delay_seconds=1), datetime.now(UTC)

    def take(asked: Asked, now: float) -> Turn | Wait | Hold:
        return machine.transact_now(lambda db: take_turn(db, now, wall, limits, asked, ("", 0.0)))

    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        from govcrawl.machine import _started  # noqa: PLC0415

        other = Process(child.pid, _started(child.pid))
        assert isinstance(take(asking(other), START), Turn)
        assert take(asking(Process.own(), "u"), START + 5) == Wait("busy", 0.0)
        child.kill()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert isinstance(take(asking(Process.own(), "u"), START + 5), Turn)


def test_an_exchange_that_never_ended_does_not_stop_a_group_for_ever(machine: Machine) -> None:
    """After the longest time an exchange may take its place is free."""
    limits, wall = Limits(delay_seconds=1), datetime.now(UTC)

    def take(seconds: float) -> Turn | Wait | Hold:
        asked = asking(Process.own(), f"{seconds}")
        return machine.transact_now(lambda db: take_turn(db, START + seconds, wall, limits, asked, ("", 0.0)))

    assert [type(take(seconds)) for seconds in (0, 599, 601)] == [Turn, Wait, Turn]


def test_a_clock_that_was_set_back_keeps_gap_and_quiet(machine: Machine) -> None:
    """Instants in the future are brought back: the gap holds, a quiet lasts what it was to last, and neither for ever."""
    clock = Clock()
    pace = governor(machine, clock, 2)

    async def run() -> tuple[list[float], float]:
        (await pace.turn(A))(Ended())
        clock.now -= 100_000
        first = await starts(pace, clock, A, 2)
        await refuse(pace, A, 429, "60")
        clock.now -= 100_000
        before = clock.now
        await pace.turn(A)
        return first, clock.now - before

    first, quiet = asyncio.run(run())
    assert [round(t + 100_000) for t in first] == [2, 4]
    assert quiet == pytest.approx(60)


def test_a_host_that_moves_to_another_server_takes_its_quiet_along(machine: Machine) -> None:
    """A name that resolves to another address does not begin anew."""
    clock = Clock()
    pace = governor(machine, clock, 1)
    asyncio.run(refuse(pace, A, 429, "60"))
    machine.transact_now(lambda db: put_host(db, "a.test", "192.0.2.7", "a.test", clock.now))
    row = machine.rows("SELECT last_start_at, quiet_until FROM groups WHERE name = '192.0.2.7'")[0]
    assert (row[0], round(row[1] - START)) == (START, 60)


def test_the_audit_holds_every_request(machine: Machine) -> None:
    """Who asked what of whom, when, why it waited, and what came."""
    clock = Clock()
    pace = governor(machine, clock, 2)
    asyncio.run(starts(pace, clock, A, 2, 0.5))
    rows = [tuple(row)[1:-1] for row in machine.rows("SELECT * FROM audit ORDER BY id")]
    common = ("a.test", "a.test", "small_sfj", "other", 2.0)
    assert rows[0] == (START, *common, "", 0.0, os.getpid(), 200, 10)
    assert rows[1][:6] == (START + 2, *common)
    assert rows[1][6] == "pace"
    assert rows[1][7] == pytest.approx(2, abs=0.6)


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
