"""The circuit breaker of each server group: who was turned away by a wall leaves the group alone for a while, and so do all.

Its state lies in the machine's common file, so that every process and every later run knows it:

closed → open (signed blocks in one crawl, or one that a control request confirmed) → half-open once its time is over: one
process asks one page → closed where that is good, else open for twice as long.
"""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

from govcrawl.machine import Process, TableSet
from govcrawl.pace import Hold

if TYPE_CHECKING:
    import sqlite3

    from govcrawl.machine import Machine

logger = logging.getLogger(__name__)

LONGEST_SECONDS = (
    86_400.0  # what a wall was that stood for a day, a person should look at; asking once a day is no burden
)
PROBE_SECONDS = 300.0  # a process that asks and dies without an answer leaves the turn to another after this

BREAKERS = TableSet(
    "breakers",
    (
        """
CREATE TABLE breakers (
  group_name TEXT PRIMARY KEY,
  state TEXT NOT NULL CHECK (state IN ('closed', 'open', 'half-open')),
  openings INTEGER NOT NULL,
  since REAL NOT NULL,
  until REAL NOT NULL,
  signature TEXT NOT NULL,
  url TEXT NOT NULL,
  record_id TEXT,
  agency TEXT NOT NULL,
  probe_pid INTEGER,
  probe_started TEXT,
  probe_until REAL
) WITHOUT ROWID, STRICT
""",
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A wall that was met: which, where, in which capture of whose crawl."""

    signature: str
    url: str
    record_id: str | None
    agency: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """A breaker that is open; instants in seconds since 1970."""

    group: str
    since: float
    until: float
    block: Block
    probing: bool = False  # its time is over, and another process is asking the one page

    @property
    def sentence(self) -> str:
        """Say since when, why, and when it is tried again."""
        block = self.block
        capture = f", capture {block.record_id}" if block.record_id else ""
        again = "another process is asking for one page now" if self.probing else f"tried again {_instant(self.until)}"
        return (
            f"server group {self.group} is left alone since {_instant(self.since)}: {block.signature} at {block.url} "
            f"(crawl of {block.agency}{capture}); {again}"
        )

    @property
    def hold(self) -> Hold:
        """Say it as the governor says why nothing is sent."""
        return Hold("blocked", self.sentence, datetime.fromtimestamp(self.until, UTC))


def find_hold(db: sqlite3.Connection, now: float, group: str) -> Hold | None:
    """Return why a crawl of a group need not begin: its breaker is open, and not yet to be tried."""
    opening = find_open(db, group)
    return opening.hold if opening and now < opening.until else None


def find_open(db: sqlite3.Connection, group: str) -> Opening | None:
    """Return why nothing may be asked of a group, None where it may be; one look-up by key."""
    row = db.execute("SELECT * FROM breakers WHERE group_name = ? AND state <> 'closed'", (group,)).fetchone()
    return _opening(row) if row else None


def enter(db: sqlite3.Connection, now: float, group: str, process: Process) -> Literal["closed", "probe"] | Opening:
    """Return whether a crawl may begin; ``probe``: the caller, and nobody else, is to ask for one page now."""
    row = db.execute("SELECT * FROM breakers WHERE group_name = ?", (group,)).fetchone()
    if row is None or row["state"] == "closed":
        return "closed"
    if row["state"] == "half-open":
        asker = Process(row["probe_pid"], row["probe_started"])
        if now < row["probe_until"] and asker.is_alive():
            return _opening(row)
    elif now < row["until"]:
        return _opening(row)
    db.execute(
        "UPDATE breakers SET state = 'half-open', probe_pid = ?, probe_started = ?, probe_until = ? WHERE group_name = ?",
        (process.pid, process.started, now + PROBE_SECONDS, group),
    )
    return "probe"


def open_breaker(db: sqlite3.Connection, now: float, group: str, block: Block, base_seconds: float) -> Opening:
    """Open a group's breaker; one that is open stays as it is, one that is half-open opens for twice as long."""
    row = db.execute("SELECT * FROM breakers WHERE group_name = ?", (group,)).fetchone()
    if row is not None and row["state"] == "open":
        return _opening(row)
    again = row is not None and row["state"] == "half-open"
    openings = row["openings"] + 1 if again else 1
    until = now + min(base_seconds * 2.0 ** min(openings - 1, 30), LONGEST_SECONDS)
    since = row["since"] if again else now
    db.execute(
        "INSERT OR REPLACE INTO breakers (group_name, state, openings, since, until, signature, url, record_id, agency)"
        " VALUES (?, 'open', ?, ?, ?, ?, ?, ?, ?)",
        (group, openings, since, until, block.signature, block.url, block.record_id, block.agency),
    )
    return Opening(group=group, since=since, until=until, block=block)


def close_breaker(db: sqlite3.Connection, group: str) -> None:
    """Close a group's breaker after a good answer; what it was opened for stays to be read."""
    db.execute("UPDATE breakers SET state = 'closed', openings = 0 WHERE group_name = ?", (group,))


class Breaker:
    """The breakers as one crawl meets them.

    Args:
        machine: the state that all processes share.
        blocks: so many signed blocks in this crawl open a group's breaker.
        seconds: how long at first; doubles with each probe that fails, up to a day.
    """

    def __init__(self, machine: Machine, *, blocks: int, seconds: float) -> None:
        self._machine = machine
        self._blocks = blocks
        self._seconds = seconds
        self._met: Counter[str] = Counter()
        self._probing: set[str] = set()
        machine.ensure(BREAKERS)

    async def enter(self, group: str) -> Literal["closed", "probe"] | Opening:
        """Return whether this crawl may ask a group; see :func:`enter`."""
        standing = await self._machine.transact(lambda db: enter(db, self._machine.now(), group, Process.own()))
        if standing == "probe":
            self._probing.add(group)
        return standing

    def find_open(self, db: sqlite3.Connection, group: str) -> Opening | None:
        """Return why a request to a group may not be sent now; the probe of this crawl may."""
        return None if group in self._probing else find_open(db, group)

    async def put_block(self, group: str, block: Block, *, host_wide: bool = False) -> Opening | None:
        """Note a signed block; returns the opening where it opened the breaker, or found it open."""
        self._met[group] += 1
        if not host_wide and self._met[group] < self._blocks:
            return await self._machine.transact(lambda db: self.find_open(db, group))
        self._probing.discard(group)
        opening = await self._machine.transact(
            lambda db: open_breaker(db, self._machine.now(), group, block, self._seconds)
        )
        logger.warning("breaker open group=%s until=%s: %s", group, _instant(opening.until), block.signature)
        return opening

    async def put_good(self, group: str) -> None:
        """Note that the probe was answered as it should be."""
        self._probing.discard(group)
        await self._machine.transact(lambda db: close_breaker(db, group))
        logger.info("breaker closed group=%s", group)


def find_openings(machine: Machine) -> list[Opening]:
    """Return every breaker that is not closed, by group; for reports."""
    machine.ensure(BREAKERS)
    return [_opening(row) for row in machine.rows("SELECT * FROM breakers WHERE state <> 'closed' ORDER BY group_name")]


def _opening(row: sqlite3.Row) -> Opening:
    block = Block(signature=row["signature"], url=row["url"], record_id=row["record_id"], agency=row["agency"])
    return Opening(
        group=row["group_name"],
        since=row["since"],
        until=row["until"],
        block=block,
        probing=row["state"] == "half-open",
    )


def _instant(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%SZ}"
