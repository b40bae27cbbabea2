"""What was asked of each server, how fast at most, and whether the pace that was promised was kept.

Every request of this machine has a row; rows older than GOVCRAWL_AUDIT_DAYS go, what was the most at any time stays.
"""

from __future__ import annotations

from collections import deque
from contextlib import closing
from dataclasses import dataclass, field, fields
from functools import partial
from typing import TYPE_CHECKING

from govcrawl.pace import PACE, REFUSALS

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable

    from govcrawl.machine import Machine

SLACK_SECONDS = 0.001  # instants are floats
SPANS_SECONDS = {"most_1s": 1.0, "most_60s": 60.0, "most_1h": 3600.0, "most_1d": 86_400.0}
CHORE_SECONDS = 86_400.0
_CHUNK_ROWS = 2000  # deleted in one transaction: others wait for that


@dataclass(frozen=True, slots=True)
class Quiet:
    """A time for which a server was left alone because it asked for that; seconds on the machine's time line."""

    from_at: float
    until_at: float
    why: str


@dataclass(frozen=True, slots=True)
class Broken:
    """A request that came too early."""

    at: float
    host: str
    agency: str
    why: str


@dataclass(slots=True)
class Record:
    """The counts of one server group; ``most_…`` are the most requests that began within any such span."""

    requests: int = 0
    bytes: int = 0
    refusals: int = 0  # answers 429 and 503
    first_at: float = 0.0
    last_at: float = 0.0
    smallest_gap_seconds: float | None = None
    most_1s: int = 0
    most_60s: int = 0
    most_1h: int = 0
    most_1d: int = 0
    broken: int = 0


@dataclass(slots=True)
class GroupAudit:
    """What is known of one server group."""

    group: str
    record: Record
    hosts: dict[str, int] = field(default_factory=dict)  # requests of each, of those that still have their rows
    quiets: list[Quiet] = field(default_factory=list)
    broken: list[Broken] = field(default_factory=list)  # the first ones

    @property
    def kept(self) -> bool:
        """Whether every request kept its gap and no quiet was broken."""
        return self.record.broken == 0


def audit_groups(machine: Machine, *, group: str | None, host: str | None, since: float | None) -> list[GroupAudit]:
    """Return the audit of each group.

    Args:
        machine: with the tables of :mod:`govcrawl.pace`.
        group: only this one.
        host: only groups this host was asked in; what counts is the group's pace, so other hosts of it count too.
        since: only requests from this instant on; None includes what is kept of rows that went.
    """
    return machine.snapshot(lambda db: [_audit(db, name, since) for name in _names(db, group, host, since)])


def prune(machine: Machine, days: int) -> int:
    """Drop audit rows older than ``days`` (0: none), once a day; their maxima stay. Returns how many went.

    For a thread of its own: nothing of it holds up the turns of this process, nor those of others for longer than a moment.
    """
    if machine.path is None or not days:
        return 0
    machine.ensure(PACE)  # a process that crawled nothing may be the first on this machine
    dropped = 0
    with closing(type(machine).open(machine.path.parent)) as own:
        before = own.now() - days * 86_400.0
        for name in own.transact_now(partial(_find_due, own.now(), before)):
            record = own.snapshot(partial(_audit, group=name, since=None, counted_until=before)).record
            own.transact_now(partial(_put_record, name, record))
            while went := own.transact_now(partial(_drop, name, record.last_at)):
                dropped += went
    return dropped


def _find_due(now: float, before: float, db: sqlite3.Connection) -> list[str]:
    """Return the groups that have old rows, where nobody looked for them today."""
    row = db.execute("SELECT done_at FROM chores WHERE name = 'prune'").fetchone()
    if row and 0 <= now - row[0] < CHORE_SECONDS:
        return []
    db.execute("INSERT OR REPLACE INTO chores VALUES ('prune', ?)", (now,))
    return [name for (name,) in db.execute("SELECT DISTINCT group_name FROM audit WHERE at <= ?", (before,))]


def _put_record(group: str, record: Record, db: sqlite3.Connection) -> None:
    """Keep what was folded; rows up to its ``last_at`` are not counted again, be they deleted yet or not."""
    values = [getattr(record, one.name) for one in fields(Record)]
    db.execute(f"INSERT OR REPLACE INTO audit_records VALUES ({', '.join('?' * 12)})", (group, *values))  # noqa: S608 - marks


def _drop(group: str, last_at: float, db: sqlite3.Connection) -> int:
    db.execute("DELETE FROM quiets WHERE group_name = ? AND until_at <= ?", (group, last_at))
    return db.execute(
        "DELETE FROM audit WHERE id IN (SELECT id FROM audit WHERE group_name = ? AND at <= ? LIMIT ?)",
        (group, last_at, _CHUNK_ROWS),
    ).rowcount


def _names(db: sqlite3.Connection, group: str | None, host: str | None, since: float | None) -> list[str]:
    rows = db.execute(
        "SELECT DISTINCT group_name FROM audit WHERE (?1 IS NULL OR group_name = ?1) AND (?2 IS NULL OR host = ?2) "
        "AND (?3 IS NULL OR at >= ?3) UNION SELECT group_name FROM audit_records WHERE ?2 IS NULL AND ?3 IS NULL AND "
        "(?1 IS NULL OR group_name = ?1) ORDER BY 1",
        (group, host, since),
    )
    return [name for (name,) in rows]


def _audit(db: sqlite3.Connection, group: str, since: float | None, counted_until: float | None = None) -> GroupAudit:
    """Audit one group; rows after ``counted_until`` bound spans that begin before it and are not counted."""
    last = None if counted_until is None else counted_until + max(SPANS_SECONDS.values())
    kept = (
        db.execute("SELECT * FROM audit_records WHERE group_name = ?", (group,)).fetchone() if since is None else None
    )
    folded = None if kept is None else kept["last_at"]
    where = "group_name = ?1 AND (?2 IS NULL OR at >= ?2) AND (?3 IS NULL OR at <= ?3) AND (?4 IS NULL OR at > ?4)"
    found = GroupAudit(group, Record(*tuple(kept)[1:]) if kept else Record())
    found.quiets = [
        Quiet(*row)
        for row in db.execute(
            "SELECT from_at, until_at, why FROM quiets WHERE group_name = ?1 AND (?2 IS NULL OR until_at >= ?2) ORDER BY from_at",
            (group, since),
        )
    ]
    rows = db.execute(
        "SELECT at, coalesce(sent_at, at) AS sent_at, host, agency, gap_seconds, status, bytes FROM audit "  # noqa: S608 - ours
        f"WHERE {where} ORDER BY coalesce(sent_at, at)",
        (group, since, last, folded),
    )
    _count(found, rows, counted_until)
    return found


def _count(found: GroupAudit, rows: Iterable[sqlite3.Row], counted_until: float | None) -> None:
    record = found.record
    spans: dict[str, deque[float]] = {name: deque() for name in SPANS_SECONDS}
    previous: float | None = record.last_at or None
    for row in rows:
        at = row["sent_at"]
        for name, span in SPANS_SECONDS.items():
            recent = spans[name]
            recent.append(at)
            while recent[0] <= at - span:
                recent.popleft()
            setattr(record, name, max(getattr(record, name), len(recent)))
        if counted_until is not None and row["at"] > counted_until:
            continue
        record.requests += 1
        record.bytes += row["bytes"] or 0
        record.refusals += row["status"] in REFUSALS
        record.first_at = record.first_at or at
        record.last_at = max(record.last_at, row["at"])
        found.hosts[row["host"]] = found.hosts.get(row["host"], 0) + 1
        gap = None if previous is None else at - previous
        if gap is not None and (record.smallest_gap_seconds is None or gap < record.smallest_gap_seconds):
            record.smallest_gap_seconds = gap
        why = ""
        if gap is not None and gap < row["gap_seconds"] - SLACK_SECONDS:
            why = f"{gap:.3f} s after the one before, promised {row['gap_seconds']:g} s"
        quiet = next((one for one in found.quiets if one.from_at < row["at"] < one.until_at - SLACK_SECONDS), None)
        if quiet is not None:
            why = f"while the server had asked for quiet ({quiet.why})"
        if why:
            record.broken += 1
            if len(found.broken) < 10:  # noqa: PLR2004 - to look at, not to count
                found.broken.append(Broken(at, row["host"], row["agency"], why))
        previous = at
