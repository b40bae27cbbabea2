"""What one machine must know of a group's servers when it takes over from another: pace, quiet, promises, robots.txt, breakers.

Each machine keeps its own book (:mod:`govcrawl.machine`). A group is asked by one machine at a time, so its rows go with the
lease and come back with the shard; of two rows about one thing the later one counts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from govcrawl.breaker import BREAKERS
from govcrawl.pace import PACE
from govcrawl.robots import ROBOTS

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Mapping, Sequence

    from govcrawl.machine import Machine

Pace = dict[str, list[dict[str, Any]]]
"""Rows by table, as JSON."""

_DAYS_KEPT = 2  # of budgets: today, and the day before where the clocks differ

_LATER = {
    "groups": "excluded.last_start_at > groups.last_start_at OR excluded.quiet_from > groups.quiet_from",
    "hosts": "excluded.settled_at > hosts.settled_at",
    "promises": "excluded.valid_until > promises.valid_until",
    "days": "excluded.requests > days.requests OR excluded.bytes > days.bytes",
    "robots": "excluded.fetched_at > robots.fetched_at",
    "breakers": "excluded.since >= breakers.since",
}
"""When a row that comes is later than the one that is there."""

_KEYS = {
    "groups": "name",
    "hosts": "name",
    "promises": "origin",
    "days": "group_name, day",
    "robots": "origin, target",
    "breakers": "group_name",
}

_COLUMNS = {
    "groups": ("name", "last_start_at", "quiet_from", "quiet_until", "quiet_why", "refusals"),
    "hosts": ("name", "group_name", "settled_at"),
    "promises": (
        *("origin", "group_name", "host", "gap_seconds"),
        *("visit_from_seconds", "visit_until_seconds", "valid_until"),
    ),
    "days": ("group_name", "day", "requests", "bytes"),
    "robots": (
        *("origin", "target", "status", "text", "problem", "reason"),
        *("fetched_at", "valid_until", "crawl_id", "record_id"),
    ),
    "breakers": (
        *("group_name", "state", "openings", "since", "until"),
        *("signature", "url", "record_id", "agency"),
    ),
}


def read_pace(machine: Machine, hosts: Iterable[str], group: str) -> Pace:
    """Return what a machine knows of some hosts (and those below them) and of a group."""
    for tables in (PACE, BREAKERS, ROBOTS):
        machine.ensure(tables)
    wanted = sorted({host.lower() for host in hosts if host})
    return machine.snapshot(lambda db: _read(db, wanted, group))


def put_pace(machine: Machine, said: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
    """Put what another machine knows, where it is later than what this one does."""
    for tables in (PACE, BREAKERS, ROBOTS):
        machine.ensure(tables)

    def work(db: sqlite3.Connection) -> None:
        for table, columns in _COLUMNS.items():
            names, marks = ", ".join(columns), ", ".join("?" * len(columns))
            sets = ", ".join(f"{name} = excluded.{name}" for name in columns if name not in _KEYS[table].split(", "))
            if table == "groups":
                sets = sets.replace(
                    "last_start_at = excluded.last_start_at",
                    "last_start_at = max(groups.last_start_at, excluded.last_start_at)",
                )
            sql = (
                f"INSERT INTO {table} ({names}) VALUES ({marks}) ON CONFLICT ({_KEYS[table]}) DO UPDATE SET {sets}"  # noqa: S608
                f" WHERE {_LATER[table]}"
            )
            for row in said.get(table, ()):
                db.execute(sql, tuple(row.get(name) for name in columns))

    machine.transact_now(work)


def _read(db: sqlite3.Connection, hosts: Sequence[str], group: str) -> Pace:
    found: dict[str, list[sqlite3.Row]] = {table: [] for table in _COLUMNS}
    groups = {group}
    for host in hosts:
        same = (host, f"%.{host}")
        found["hosts"] += db.execute("SELECT * FROM hosts WHERE name = ? OR name LIKE ?", same)
        found["promises"] += db.execute("SELECT * FROM promises WHERE host = ? OR host LIKE ?", same)
        origins = (f"http://{host}%", f"https://{host}%", f"http://%.{host}%", f"https://%.{host}%")
        marks = " OR ".join(["origin LIKE ?"] * len(origins))
        found["robots"] += db.execute(f"SELECT * FROM robots WHERE {marks}", origins)  # noqa: S608 - marks only
        named = db.execute("SELECT name FROM groups WHERE name = ? OR name LIKE ?", (host, f"{host} via %"))
        groups |= {row["name"] for row in named}
    groups |= {row["group_name"] for row in [*found["hosts"], *found["promises"]]}
    for name in sorted(groups):
        found["groups"] += db.execute("SELECT * FROM groups WHERE name = ?", (name,))
        found["breakers"] += db.execute("SELECT * FROM breakers WHERE group_name = ?", (name,))
        days = "SELECT * FROM days WHERE group_name = ? ORDER BY day DESC LIMIT ?"
        found["days"] += db.execute(days, (name, _DAYS_KEPT))
    return {
        table: [{name: row[name] for name in _COLUMNS[table]} for row in rows] for table, rows in found.items() if rows
    }
