"""The circuit breaker of a server group, shared by processes and runs."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from govcrawl.breaker import (
    BREAKERS,
    LONGEST_SECONDS,
    PROBE_SECONDS,
    Block,
    Breaker,
    Opening,
    close_breaker,
    enter,
    find_hold,
    find_open,
    find_openings,
    open_breaker,
)
from govcrawl.machine import Machine, Process

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BLOCK = Block(signature="加速乐", url="http://a.test/zwgk/", record_id="<urn:uuid:1>", agency="a_sfj")
GONE = Process(2**22 + 7, "never")


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    """The state of a machine."""
    with_tables = Machine.open(tmp_path)
    with_tables.ensure(BREAKERS)
    yield with_tables
    with_tables.close()


def test_it_opens_at_the_third_block_of_a_crawl(machine: Machine) -> None:
    """One signed block is one document's; three are the host's, and the sentence says which, where and until when."""
    breaker = Breaker(machine, blocks=3, seconds=600)

    async def meet() -> list[Opening | None]:
        return [await breaker.put_block("g", BLOCK) for _ in range(3)]

    first, second, third = asyncio.run(meet())
    assert (first, second) == (None, None)
    assert third is not None
    assert third.until - third.since == pytest.approx(600)
    for part in ("g", "加速乐", "http://a.test/zwgk/", "<urn:uuid:1>", "a_sfj"):
        assert part in third.sentence
    assert [one.group for one in find_openings(machine)] == ["g"]


def test_a_confirmed_block_opens_it_at_once(machine: Machine) -> None:
    """What a control request confirmed is the host's at the first time."""
    breaker = Breaker(machine, blocks=3, seconds=600)
    assert asyncio.run(breaker.put_block("g", BLOCK, host_wide=True)) is not None


def test_groups_are_apart(machine: Machine) -> None:
    """A wall of one server says nothing of another."""
    machine.transact_now(lambda db: open_breaker(db, 100.0, "g", BLOCK, 10))
    assert machine.transact_now(lambda db: find_open(db, "other")) is None


def test_one_asks_when_its_time_is_over(machine: Machine) -> None:
    """While open nobody begins; afterwards exactly one does, until that one has its answer."""
    machine.transact_now(lambda db: open_breaker(db, 100.0, "g", BLOCK, 10))
    me = Process.own()
    assert isinstance(machine.transact_now(lambda db: enter(db, 109.0, "g", me)), Opening)
    assert machine.transact_now(lambda db: enter(db, 110.0, "g", me)) == "probe"
    second = machine.transact_now(lambda db: enter(db, 110.5, "g", me))
    assert isinstance(second, Opening)
    assert "another process" in second.sentence
    machine.transact_now(lambda db: close_breaker(db, "g"))
    assert machine.transact_now(lambda db: enter(db, 111.0, "g", me)) == "closed"


def test_an_asker_that_dies_leaves_its_turn_to_another(machine: Machine) -> None:
    """A process that is gone, or silent for long, does not keep a group half-open."""
    machine.transact_now(lambda db: open_breaker(db, 100.0, "g", BLOCK, 10))
    assert machine.transact_now(lambda db: enter(db, 110.0, "g", GONE)) == "probe"
    assert machine.transact_now(lambda db: enter(db, 110.1, "g", Process.own())) == "probe"
    late = 110.2 + PROBE_SECONDS
    assert machine.transact_now(lambda db: enter(db, late, "g", Process.own())) == "probe"


def test_each_probe_that_fails_doubles_the_wait_up_to_a_day(machine: Machine) -> None:
    """600 s, 1,200 s, 2,400 s … and never longer than a day; after a good answer it begins at 600 s again."""
    now, waits = 0.0, []
    for _ in range(10):
        opening = machine.transact_now(lambda db, now=now: open_breaker(db, now, "g", BLOCK, 600))  # type: ignore[misc]
        waits.append(opening.until - now)
        now = opening.until
        assert machine.transact_now(lambda db, now=now: enter(db, now, "g", GONE)) == "probe"  # type: ignore[misc]
    assert waits[:3] == [600, 1200, 2400]
    assert waits[-1] == LONGEST_SECONDS
    assert opening.since == 0.0
    machine.transact_now(lambda db: close_breaker(db, "g"))
    again = machine.transact_now(lambda db: open_breaker(db, now, "g", BLOCK, 600))
    assert again.until - now == 600


def test_the_first_opening_stands(machine: Machine) -> None:
    """Another process that meets the same wall a moment later changes nothing."""
    first = machine.transact_now(lambda db: open_breaker(db, 100.0, "g", BLOCK, 10))
    other = Block(signature="瑞数", url="http://b.test/", record_id=None, agency="b_sfj")
    assert machine.transact_now(lambda db: open_breaker(db, 105.0, "g", other, 10)) == first


def test_requests_of_the_asking_crawl_pass(machine: Machine) -> None:
    """Half-open, the crawl whose turn it is may send its one request; everybody else may not."""
    asker, other = (Breaker(machine, blocks=3, seconds=0) for _ in range(2))
    asyncio.run(asker.put_block("g", BLOCK, host_wide=True))
    assert asyncio.run(asker.enter("g")) == "probe"
    assert machine.transact_now(lambda db: asker.find_open(db, "g")) is None
    assert machine.transact_now(lambda db: other.find_open(db, "g")) is not None
    asyncio.run(asker.put_good("g"))
    assert machine.transact_now(lambda db: other.find_open(db, "g")) is None


ENTER = """
import sys
from pathlib import Path
from govcrawl.breaker import BREAKERS, enter
from govcrawl.machine import Machine, Process
machine = Machine.open(Path(sys.argv[1]))
machine.ensure(BREAKERS)
standing = machine.transact_now(lambda db: enter(db, machine.now(), "g", Process.own()))
print(standing if isinstance(standing, str) else "open", flush=True)
sys.stdin.read()
"""


def test_eight_processes_send_one_probe(tmp_path: Path) -> None:
    """Of eight processes that begin when the time is over, one asks; the others find it half-open."""
    machine = Machine.open(tmp_path)
    machine.ensure(BREAKERS)
    machine.transact_now(lambda db: open_breaker(db, machine.now() - 20, "g", BLOCK, 10))
    started = [
        subprocess.Popen(
            [sys.executable, "-c", ENTER, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(8)
    ]
    said = []
    for process in started:
        assert process.stdout is not None
        said.append(process.stdout.readline().strip())
    for process in started:
        process.communicate("")
    machine.close()
    assert sorted(said) == ["open"] * 7 + ["probe"]


def test_a_crawl_need_not_begin_before_its_time(machine: Machine) -> None:
    """What is due is not begun while a breaker is open; once its time is over it is, and asks."""
    machine.transact_now(lambda db: open_breaker(db, 100.0, "g", BLOCK, 10))
    hold = machine.transact_now(lambda db: find_hold(db, 109.0, "g"))
    assert hold is not None
    assert (hold.reason, hold.until.timestamp()) == ("blocked", 110.0)
    assert machine.transact_now(lambda db: find_hold(db, 110.0, "g")) is None
    assert machine.transact_now(lambda db: find_hold(db, 100.0, "other")) is None
