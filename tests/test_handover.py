"""What one machine knows of a group's servers, taken over by another and given back."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from govcrawl.breaker import BREAKERS, Block, find_openings, open_breaker
from govcrawl.handover import put_pace, read_pace
from govcrawl.machine import Machine, Process
from govcrawl.opening_hours import day_of
from govcrawl.pace import PACE, Asked, End, Limits, Turn, end_turn, find_hold, put_host, put_promise, take_turn
from govcrawl.robots import ROBOTS, Rules, find_robots, put_robots

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator
    from pathlib import Path

HOST, GROUP = "sfj.haidao.test", "203.0.113.7"
LIMITS = Limits(delay_seconds=5.0)
WALL = datetime(2026, 1, 1, 4, tzinfo=UTC)


@pytest.fixture
def machines(tmp_path: Path) -> Iterator[tuple[Machine, Machine]]:
    """Two machines that know nothing yet."""
    with Machine.open(tmp_path / "one") as one, Machine.open(tmp_path / "two") as two:
        for machine in (one, two):
            for tables in (PACE, BREAKERS, ROBOTS):
                machine.ensure(tables)
        yield one, two


def ask(machine: Machine, status: int = 200, retry_after: float | None = None) -> float:
    """Ask the server once; returns when."""
    asked = Asked(GROUP, HOST, "haidao_sfj", "document", "t", Process.own(), 60.0)

    def work(db: sqlite3.Connection) -> float:
        now = machine.now()
        turn = take_turn(db, now, WALL, LIMITS, asked, ("", 0.0))
        assert isinstance(turn, Turn)
        end_turn(db, now, WALL, turn, End(now, status, 10, retry_after), 5.0)
        return now

    return machine.transact_now(work)


def test_pace_goes_from_machine_to_machine(machines: tuple[Machine, Machine]) -> None:
    """The next request waits from the last one on another machine; quiet, promises, budgets, robots.txt and walls hold there too."""
    one, two = machines
    now = ask(one, 429, 7200.0)
    rules = Rules(200, "User-agent: *\nCrawl-delay: 9\n", None, "", now, now + 3600)
    block = Block(signature="waf", url=f"http://{HOST}/", record_id=None, agency="haidao_sfj")

    def learn(db: sqlite3.Connection) -> None:
        put_host(db, HOST, GROUP, "", now)
        put_promise(db, f"http://{HOST}", GROUP, HOST, 9.0, None, now + 3600)
        put_robots(db, f"http://{HOST}", "", rules)
        open_breaker(db, now, GROUP, block, 600.0)
        put_host(db, "other.test", "203.0.113.8", "", now)

    one.transact_now(learn)
    said = read_pace(one, {HOST}, GROUP)
    assert [row["name"] for row in said["hosts"]] == [HOST]
    put_pace(two, said)
    put_pace(two, said)  # twice is once
    hold = two.transact_now(lambda db: find_hold(db, two.now(), WALL, LIMITS, GROUP, HOST))
    assert hold is not None
    assert (hold.reason, "Retry-After 7200" in hold.sentence) == ("quiet", True)
    found = two.transact_now(lambda db: find_robots(db, f"http://{HOST}", "", two.now()))
    assert found is not None
    assert found.text == rules.text
    assert [one.group for one in find_openings(two)] == [GROUP]
    days = two.rows("SELECT * FROM days")
    assert [(row["group_name"], row["day"], row["requests"]) for row in days] == [(GROUP, day_of(WALL), 1)]
    assert read_pace(two, {HOST}, GROUP) == said


def test_older_rows_do_not_replace_later_ones(machines: tuple[Machine, Machine]) -> None:
    """What comes back late from a machine that was cut off takes nothing away from what is known since."""
    one, two = machines
    ask(one)
    old = read_pace(one, {HOST}, GROUP)
    put_pace(two, old)
    two.transact_now(lambda db: db.execute("UPDATE groups SET last_start_at = last_start_at - 60"))
    later = ask(two, 503, 3600.0)
    put_pace(two, old)
    (row,) = two.rows("SELECT * FROM groups")
    assert row["last_start_at"] == later
    assert row["quiet_until"] > later + 3599
    put_pace(one, read_pace(two, {HOST}, GROUP))
    (row,) = one.rows("SELECT * FROM groups")
    assert row["last_start_at"] == later
