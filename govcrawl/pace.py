"""The machine's book of pace: when a server group may be asked next, in one transaction each.

Functions of one SQLite transaction and an instant on the machine's time line (:meth:`govcrawl.machine.Machine.now`); who waits
and how is :mod:`govcrawl.politeness`. A turn is taken, never promised ahead: what is in the book has happened, so that a
process that dies leaves no hole and a refusal that comes while others wait holds for all of them.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from govcrawl.machine import Process, TableSet
from govcrawl.opening_hours import CHINA, Hours, day_of, next_day

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

REFUSALS = frozenset({429, 503})
"""Statuses by which a server asks for quiet (RFC 6585 4, RFC 9110 15.6.4). Not 403: agencies withdraw documents with it."""

LONGEST_BACKOFF_SECONDS = 86_400.0
LONGEST_RETRY_AFTER_SECONDS = 30 * 86_400.0  # more is a mistake of the server's
FORGIVEN_SECONDS = 1800.0  # without a refusal after the last quiet: the next one counts as the first
LOOK_SECONDS = 1.0  # a waiter looks up at least this often
LINE_SECONDS = 0.5  # … and its place in the line is kept so much longer
CLOCK_SLACK_SECONDS = 5.0  # an instant so far in the future was written by a clock that was set since
BACKOFF_JITTER = 0.1  # only upward: crawls that were refused together do not come back together

PACE = TableSet(
    "pace",
    (
        """
CREATE TABLE groups (
  name TEXT PRIMARY KEY,
  last_start_at REAL NOT NULL DEFAULT 0,
  flight_token TEXT, flight_pid INTEGER, flight_started TEXT, flight_until REAL NOT NULL DEFAULT 0,
  next_token TEXT, next_until REAL NOT NULL DEFAULT 0,
  quiet_from REAL NOT NULL DEFAULT 0, quiet_until REAL NOT NULL DEFAULT 0, quiet_why TEXT NOT NULL DEFAULT '',
  refusals INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE TABLE hosts (name TEXT PRIMARY KEY, group_name TEXT NOT NULL, settled_at REAL NOT NULL) WITHOUT ROWID;
CREATE TABLE promises (
  origin TEXT PRIMARY KEY, group_name TEXT NOT NULL, host TEXT NOT NULL, gap_seconds REAL NOT NULL,
  visit_from_seconds INTEGER, visit_until_seconds INTEGER, valid_until REAL NOT NULL
) WITHOUT ROWID;
CREATE INDEX promises_of_group ON promises (group_name);
CREATE TABLE days (
  group_name TEXT NOT NULL, day TEXT NOT NULL, requests INTEGER NOT NULL, bytes INTEGER NOT NULL,
  PRIMARY KEY (group_name, day)
) WITHOUT ROWID;
CREATE TABLE quiets (
  id INTEGER PRIMARY KEY, group_name TEXT NOT NULL, from_at REAL NOT NULL, until_at REAL NOT NULL, why TEXT NOT NULL
);
CREATE TABLE audit (
  id INTEGER PRIMARY KEY, at REAL NOT NULL, group_name TEXT NOT NULL, host TEXT NOT NULL, agency TEXT NOT NULL,
  kind TEXT NOT NULL, gap_seconds REAL NOT NULL, waited_for TEXT NOT NULL, waited_seconds REAL NOT NULL,
  pid INTEGER NOT NULL, status INTEGER, bytes INTEGER
);
CREATE INDEX audit_of_group ON audit (group_name, at);
CREATE TABLE audit_records (
  group_name TEXT PRIMARY KEY, requests INTEGER NOT NULL, bytes INTEGER NOT NULL, refusals INTEGER NOT NULL,
  first_at REAL NOT NULL, last_at REAL NOT NULL, smallest_gap_seconds REAL, most_1s INTEGER NOT NULL,
  most_60s INTEGER NOT NULL, most_1h INTEGER NOT NULL, most_1d INTEGER NOT NULL, broken INTEGER NOT NULL
) WITHOUT ROWID
""",
        """
ALTER TABLE audit ADD COLUMN sent_at REAL;
CREATE TABLE chores (name TEXT PRIMARY KEY, done_at REAL NOT NULL) WITHOUT ROWID
""",
    ),
)


@dataclass(frozen=True, slots=True)
class Limits:
    """What the operator promises of a crawl; 0 lifts a number, None the window."""

    delay_seconds: float = 0.0
    backoff_seconds: float = 5.0
    longest_wait_seconds: float = 600.0
    daily_requests: int = 0
    daily_bytes: int = 0
    window: Hours | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that wants its turn."""

    group: str
    host: str
    agency: str
    kind: str
    token: str  # of this asking: whose place in the line it is
    process: Process
    longest_seconds: float  # an exchange never takes longer; what is under way after that is taken for ended


class Turn(NamedTuple):
    """A turn that was taken."""

    audit_id: int
    group: str
    token: str
    at: float


class End(NamedTuple):
    """How an exchange ended.

    ``sent_at`` is when the request went out, which can be later than its turn: a connection had to be made first.
    ``status`` is None where no answer came.
    """

    sent_at: float | None
    status: int | None
    size_bytes: int
    retry_after_seconds: float | None


class Wait(NamedTuple):
    """Why not yet, and for how long at least."""

    reason: str  # pace, busy, line or quiet
    seconds: float


class Hold(NamedTuple):
    """Why not in this crawl: it ends here, and the same command goes on from ``until_at`` on."""

    reason: str  # refused, budget or window
    sentence: str
    until: datetime


def find_hold(db: sqlite3.Connection, now: float, wall: datetime, limits: Limits, group: str, host: str) -> Hold | None:
    """Return why a group is not asked for longer than a crawl waits, None where it may be."""
    return _find_hold(db, now, wall, limits, (group, host), _promises(db, now, group), _group(db, group, now))


def _find_hold(
    db: sqlite3.Connection,
    now: float,
    wall: datetime,
    limits: Limits,
    asked: tuple[str, str],
    promises: Sequence[sqlite3.Row],
    row: sqlite3.Row | None,
) -> Hold | None:
    group, host = asked
    if limits.window and not limits.window.contains(wall):
        until = limits.window.opens_after(wall)
        return Hold("window", f"GOVCRAWL_WINDOW is {limits.window}; it opens at {_instant(until)}", until)
    for promise in promises:
        if promise["host"] == host and promise["visit_from_seconds"] is not None:
            hours = Hours(promise["visit_from_seconds"], promise["visit_until_seconds"])
            if not hours.contains(wall):
                until = hours.opens_after(wall)
                sentence = (
                    f"robots.txt of {host} allows visits at {hours} only (Visit-time); it opens at {_instant(until)}"
                )
                return Hold("window", sentence, until)
    if limits.daily_requests or limits.daily_bytes:
        spent = db.execute(
            "SELECT requests, bytes FROM days WHERE group_name = ? AND day = ?", (group, day_of(wall))
        ).fetchone()
        for name, bound, done in (
            ("REQUESTS", limits.daily_requests, spent["requests"] if spent else 0),
            ("BYTES", limits.daily_bytes, spent["bytes"] if spent else 0),
        ):
            if bound and done >= bound:
                until = next_day(wall)
                sentence = (
                    f"GOVCRAWL_DAILY_{name} is {bound} for server group {group} and {done} are spent today; "
                    f"it begins anew at {_instant(until)}"
                )
                return Hold("budget", sentence, until)
    left = row["quiet_until"] - now if row else 0.0
    if row and left > limits.longest_wait_seconds:
        until = datetime.fromtimestamp(wall.timestamp() + left, UTC)
        sentence = (
            f"{group} {row['quiet_why']}: it is left alone until {_instant(until)}, longer than a crawl waits "
            f"(GOVCRAWL_MAX_WAIT_SECONDS {limits.longest_wait_seconds:.0f}); the same command goes on after that"
        )
        return Hold("quiet", sentence, until)
    return None


def take_turn(
    db: sqlite3.Connection, now: float, wall: datetime, limits: Limits, asked: Asked, waited: tuple[str, float]
) -> Turn | Wait | Hold:
    """Take the group's next turn where it is free, else say for what to wait.

    Args:
        waited: for what it waited longest so far, and how long in all; goes into the audit.
    """
    promises, row = _promises(db, now, asked.group), _group(db, asked.group, now)
    if hold := _find_hold(db, now, wall, limits, (asked.group, asked.host), promises, row):
        return hold
    stated = max((promise["gap_seconds"] for promise in promises), default=0.0)
    gap = max(limits.delay_seconds, stated)
    if row is not None:
        if row["quiet_until"] > now:
            return Wait("quiet", row["quiet_until"] - now)
        if gap > 0 and (wait := _find_wait(db, row, now, gap, asked)):
            return wait
    flight = (asked.token, asked.process.pid, asked.process.started, now + asked.longest_seconds) if gap > 0 else None
    db.execute(
        "INSERT INTO groups (name, last_start_at) VALUES (?1, ?2) ON CONFLICT DO UPDATE SET last_start_at = ?2",
        (asked.group, now),
    )
    if flight:
        db.execute(
            "UPDATE groups SET flight_token = ?, flight_pid = ?, flight_started = ?, flight_until = ?, next_token = NULL, "
            "next_until = 0 WHERE name = ?",
            (*flight, asked.group),
        )
    db.execute(
        "INSERT INTO days VALUES (?, ?, 1, 0) ON CONFLICT DO UPDATE SET requests = requests + 1",
        (asked.group, day_of(wall)),
    )
    columns = (now, asked.group, asked.host, asked.agency, asked.kind, gap, *waited, asked.process.pid)
    cursor = db.execute(
        "INSERT INTO audit (at, group_name, host, agency, kind, gap_seconds, waited_for, waited_seconds, pid) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        columns,
    )
    return Turn(cursor.lastrowid or 0, asked.group, asked.token, now)


def _find_wait(db: sqlite3.Connection, row: sqlite3.Row, now: float, gap: float, asked: Asked) -> Wait | None:
    """Say for what a request waits at a group that is asked one at a time, and take the next place in the line."""
    wait: Wait | None = None
    flight = row["flight_token"] and row["flight_until"] > now
    if flight and Process(row["flight_pid"], row["flight_started"]).is_alive():
        wait = Wait("busy", 0.0)
    if wait is None and row["last_start_at"] + gap > now:
        wait = Wait("pace", row["last_start_at"] + gap - now)
    others = row["next_token"] not in {None, asked.token} and now < row["next_until"]
    if wait is None:
        return Wait("line", 0.0) if others else None
    if not others:  # whoever waits first is next: a process that asks again at once would always find the group free
        db.execute(
            "UPDATE groups SET next_token = ?, next_until = ? WHERE name = ?",
            (asked.token, now + min(wait.seconds, LOOK_SECONDS) + LINE_SECONDS, asked.group),
        )
    return wait


def end_turn(db: sqlite3.Connection, now: float, wall: datetime, turn: Turn, end: End, backoff_seconds: float) -> None:
    """Note how an exchange ended; the group is free for the next."""
    sent_at = min(max(end.sent_at or 0.0, turn.at), now)
    db.execute(
        "UPDATE audit SET status = ?, bytes = ?, sent_at = ? WHERE id = ?",
        (end.status, end.size_bytes, sent_at, turn.audit_id),
    )
    db.execute(
        "UPDATE groups SET last_start_at = max(last_start_at, ?), flight_token = CASE WHEN flight_token = ? THEN NULL ELSE "
        "flight_token END WHERE name = ?",
        (sent_at, turn.token, turn.group),
    )
    if end.size_bytes:
        db.execute(
            "INSERT INTO days VALUES (?1, ?2, 0, ?3) ON CONFLICT DO UPDATE SET bytes = bytes + ?3",
            (turn.group, day_of(wall), end.size_bytes),
        )
    if end.status in REFUSALS:
        put_refusal(db, now, turn.group, sent_at, end, backoff_seconds)


def put_refusal(
    db: sqlite3.Connection, now: float, group: str, sent_at: float, end: End, backoff_seconds: float
) -> None:
    """Leave a group alone as long as its server asks (RFC 9110 10.2.3), else for a back-off that doubles each time.

    Refusals of requests that were on their way together count as one.
    """
    row = _group(db, group, now)
    before, quiet_from = (row["refusals"], row["quiet_from"]) if row else (0, 0.0)
    quiet_until = row["quiet_until"] if row else 0.0
    together = before > 0 and sent_at <= quiet_from
    if now - quiet_until > FORGIVEN_SECONDS:
        before = 0
    if end.retry_after_seconds is not None:
        seconds = min(end.retry_after_seconds, LONGEST_RETRY_AFTER_SECONDS)
        why = f"answered {end.status} with Retry-After {end.retry_after_seconds:.0f} s"
    elif together:
        return
    else:
        seconds = min(backoff_seconds * 2.0**before, LONGEST_BACKOFF_SECONDS)
        seconds *= 1 + random.uniform(0, BACKOFF_JITTER)  # noqa: S311 - no secret
        why = f"answered {end.status} {before + 1} times without Retry-After" if before else f"answered {end.status}"
    db.execute(
        "INSERT INTO quiets (group_name, from_at, until_at, why) VALUES (?, ?, ?, ?)", (group, now, now + seconds, why)
    )
    until, why = (
        (now + seconds, why) if now + seconds >= quiet_until else (quiet_until, row["quiet_why"] if row else why)
    )
    db.execute(
        "INSERT INTO groups (name, quiet_from, quiet_until, quiet_why, refusals) VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO "
        "UPDATE SET quiet_from = ?2, quiet_until = ?3, quiet_why = ?4, refusals = ?5",
        (group, now, until, why, before if together else before + 1),
    )


def put_promise(
    db: sqlite3.Connection,
    origin: str,
    group: str,
    host: str,
    gap_seconds: float,
    visit: Hours | None,
    valid_until: float,
) -> None:
    """Note what an origin's robots.txt states for us: the distance of two requests and the hours of visits."""
    hours = (visit.from_seconds, visit.until_seconds) if visit else (None, None)
    db.execute(
        "INSERT OR REPLACE INTO promises VALUES (?, ?, ?, ?, ?, ?, ?)",
        (origin, group, host, gap_seconds, *hours, valid_until),
    )


def find_known_group(db: sqlite3.Connection, host: str) -> tuple[str, float]:
    """Return the group a host was found in last and when, ('', 0) where it never was."""
    row = db.execute("SELECT group_name, settled_at FROM hosts WHERE name = ?", (host,)).fetchone()
    return (row[0], row[1]) if row else ("", 0.0)


def put_host(db: sqlite3.Connection, host: str, group: str, before: str, now: float) -> None:
    """Note a host's group; what held for the one it was in before holds for the new one too."""
    db.execute("INSERT OR REPLACE INTO hosts VALUES (?, ?, ?)", (host, group, now))
    row = _group(db, before, now) if before and before != group else None
    if row is None:
        return
    db.execute("UPDATE promises SET group_name = ? WHERE host = ?", (group, host))
    db.execute(
        "INSERT INTO groups (name, last_start_at, quiet_from, quiet_until, quiet_why) VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT "
        "DO UPDATE SET last_start_at = max(last_start_at, ?2), quiet_from = iif(?4 > quiet_until, ?3, quiet_from), "
        "quiet_why = iif(?4 > quiet_until, ?5, quiet_why), quiet_until = max(quiet_until, ?4)",
        (group, row["last_start_at"], row["quiet_from"], row["quiet_until"], row["quiet_why"]),
    )


def _promises(db: sqlite3.Connection, now: float, group: str) -> list[sqlite3.Row]:
    return db.execute("SELECT * FROM promises WHERE group_name = ? AND valid_until > ?", (group, now)).fetchall()


def _group(db: sqlite3.Connection, name: str, now: float) -> sqlite3.Row | None:
    """Return a group's row; instants that a clock ahead of ours has left are brought back to now first."""
    row: sqlite3.Row | None = db.execute("SELECT * FROM groups WHERE name = ?", (name,)).fetchone()
    if row is None or max(row["last_start_at"], row["quiet_from"]) <= now + CLOCK_SLACK_SECONDS:
        return row
    ahead = max(row["quiet_from"] - now, 0.0)
    db.execute(
        "UPDATE groups SET last_start_at = min(last_start_at, ?1), quiet_from = quiet_from - ?2, quiet_until = quiet_until - ?2, "
        "flight_token = NULL, next_token = NULL WHERE name = ?3",
        (now, ahead, name),
    )
    moved: sqlite3.Row | None = db.execute("SELECT * FROM groups WHERE name = ?", (name,)).fetchone()
    return moved


def _instant(at: datetime) -> str:
    """Write an instant for people: in the agencies' time, to the minute, rounded up."""
    return f"{(at + timedelta(seconds=59)).astimezone(CHINA):%Y-%m-%d %H:%M} {CHINA}"
