"""A process under a lease: it stops asking, then ends, before the lease does; whatever keeps it."""

from __future__ import annotations

import asyncio
import io
from typing import TYPE_CHECKING

import pytest

from govcrawl import tenure
from govcrawl.failures import CrawlEnding
from govcrawl.groups import Groups
from govcrawl.machine import Machine
from govcrawl.pace import PACE, Limits
from govcrawl.politeness import Governor
from govcrawl.tenure import EXIT_LOST, Tenure, Watch

if TYPE_CHECKING:
    from pathlib import Path

    from govcrawl.pace import Hold


class Clock:
    """The clock of the machine, moved by hand."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.at = 1000.0
        monkeypatch.setattr(tenure, "boot_seconds", lambda: self.at)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """A clock that stands."""
    return Clock(monkeypatch)


def test_ends_come_one_after_another(clock: Clock) -> None:
    """In order first, once; then at once; both before the lease is over; renewed in time neither."""
    done: list[str | int] = []
    lease = Tenure.of(clock.at + 90, 90.0)
    watch = Watch(lease, io.StringIO(), stop=lambda: done.append("stop"), end=done.append)
    clock.at += 69
    watch.look()
    watch.obey(f"until {clock.at + 90}\n")
    clock.at += 69
    watch.look()
    assert done == []
    clock.at += 2
    watch.look()
    watch.look()
    assert done == ["stop"]
    clock.at += 16
    watch.look()
    assert done == ["stop", EXIT_LOST]
    assert lease.left_seconds() > 0


def test_sitting_ends_in_order(clock: Clock) -> None:
    """After its time a sitting is ended, however long the lease is."""
    done: list[str | int] = []
    watch = Watch(
        Tenure.of(clock.at + 900, 900.0),
        io.StringIO(),
        stop=lambda: done.append("stop"),
        end=done.append,
        sitting_seconds=60.0,
    )
    clock.at += 59
    watch.look()
    assert done == []
    clock.at += 2
    watch.look()
    assert done == ["stop"]


def test_nothing_is_sent_once_the_lease_is_nearly_over(clock: Clock, tmp_path: Path) -> None:
    """The governor gives no turn any more, also to a process that slept through it all; the crawl is told why."""
    holds: list[Hold] = []
    with Machine.open(tmp_path) as machine:
        machine.ensure(PACE)
        governor = Governor(machine, Groups(machine, named={"a.test": "g"}), Limits(), "a")
        governor.tenure = Tenure.of(clock.at + 90, 90.0)
        governor.held = holds.append
        asyncio.run(governor.turn("http://a.test/"))
        clock.at += 5000
        with pytest.raises(CrawlEnding, match="the lease of these agencies ends in 0 s"):
            asyncio.run(governor.turn("http://a.test/"))
    assert [hold.reason for hold in holds] == ["interrupted"]


def test_given_up_is_over_at_once(clock: Clock) -> None:
    """Told to stop, it sends nothing more, whatever is left of the lease."""
    lease = Tenure.of(clock.at + 90, 90.0)
    Watch(lease, io.StringIO()).obey("stop\n")
    assert lease.is_over()
