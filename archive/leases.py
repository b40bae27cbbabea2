"""Leases (租约): which server group is crawled by whom, where, until when; one holder at a time.

A lease is over some agencies, those of one server group, and bears a fencing token: a number greater than that of every
lease before it, also where the table was lost (it is never below the clock's milliseconds). What comes back under an older
token than the latest is known for what it is (:mod:`archive.shard_merge`).

Who holds a lease counts its time from before it asked for it, on a clock of its own that runs on: then clocks that differ
do no harm, and a holder that is cut off has stopped before anybody else may begin. Here the time is that of the machine
which has the catalog. A lease that is over is not renewed: somebody else may have crawled meanwhile.

Like the frontier this is operational: no WARC file tells it, no rebuild makes it; a rebuild carries it over.
"""

from __future__ import annotations

import logging
import sqlite3
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Literal, cast

from archive.errors import ArchiveBusy, LeaseLost
from archive.rows import instant, parse_instant

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from pathlib import Path

    from archive.catalog import Catalog
    from archive.database import CatalogFile
    from archive.rows import Row

log = logging.getLogger(__name__)

State = Literal["held", "merging", "merged", "free"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """Some agencies of one server group, lent to one holder."""

    group: str
    agencies: tuple[str, ...]  # sorted
    holder: str
    token: int
    leased_at: datetime
    lease_until: datetime
    state: State
    shard: str | None = None

    def is_valid(self, now: datetime) -> bool:
        """Whether its holder, and nobody else, may crawl these agencies now."""
        return self.state == "held" and now < self.lease_until


def take(catalog: Catalog, group: str, agencies: Sequence[str], *, holder: str, seconds: float, now: datetime) -> Lease:
    """Lend agencies of one server group; the caller holds the agencies' locks (:mod:`archive.locks`) meanwhile.

    Args:
        catalog: the one catalog, open for writing.
        group: name of the server group.
        agencies: which of its agencies; at least one.
        holder: who crawls them, for people.
        seconds: for how long; the holder renews it.
        now: the clock of the machine that has the catalog.

    Raises:
        ArchiveBusy: the group or one of the agencies is lent already, or its shard is being merged; says to whom until when.
    """
    names = tuple(sorted(set(agencies)))
    if not names:
        raise ValueError(f"lease of {group}: at least one agency was expected")
    with catalog.atomic():
        db = catalog.file
        for row in _rows(db, group, names):
            if _is_taken(row, now):
                raise _busy(row)
        last = db.row("SELECT MAX(token) AS token FROM leases")
        token = max(((last and last["token"]) or 0) + 1, int(now.timestamp() * 1000))
        lease = Lease(
            group=group,
            agencies=names,
            holder=holder,
            token=token,
            leased_at=now,
            lease_until=now + timedelta(seconds=seconds),
            state="held",
        )
        for name in names:
            db.execute("DELETE FROM leases WHERE agency = ?", (name,))
            db.insert("leases", _values(lease, name))
        return lease


def renew(catalog: Catalog, token: int, seconds: float, now: datetime) -> Lease:
    """Let a lease end ``seconds`` from now.

    Raises:
        LeaseLost: it is over, was given back, or somebody else has one of its agencies.
    """
    with catalog.atomic():
        lease = find(catalog, token)
        if lease is None or not lease.is_valid(now):
            raise _lost(lease, token)
        until = now + timedelta(seconds=seconds)
        catalog.file.update("leases", {"token": token}, {"lease_until": instant(until)})
        return cast("Lease", find(catalog, token))


def release(catalog: Catalog, token: int) -> None:
    """Give a lease back without a shard: nothing was crawled. One that is over or merged stays as it is."""
    with catalog.atomic():
        catalog.file.update("leases", {"token": token, "state": "held"}, {"state": "free"})


def note_shard(catalog: Catalog, token: int, shard: str) -> None:
    """Note which shard was checked out for a lease."""
    with catalog.atomic():
        catalog.file.update("leases", {"token": token}, {"shard": shard})


def begin_merge(catalog: Catalog, lease: Lease) -> None:
    """Note that a shard is being merged: until that is done nobody may crawl or lend its agencies, however long it takes.

    Where the rows of its lease were lost with the catalog they are put again.
    """
    with catalog.atomic():
        for name in lease.agencies:
            catalog.file.execute("DELETE FROM leases WHERE agency = ?", (name,))
            catalog.file.insert("leases", _values(replace(lease, state="merging"), name))


def end_merge(catalog: Catalog, token: int) -> None:
    """Note that a shard was merged; in the transaction of its rows."""
    catalog.file.update("leases", {"token": token}, {"state": "merged"})


def find(catalog: Catalog, token: int) -> Lease | None:
    """Return the lease with this token, as far as nobody took its agencies over."""
    rows = catalog.file.rows("SELECT * FROM leases WHERE token = ? ORDER BY agency", (token,))
    return _lease(rows) if rows else None


def of_agency(catalog: Catalog, agency: str) -> Lease | None:
    """Return the latest lease of an agency, whatever its state; ``None`` where it was never lent."""
    row = catalog.file.row("SELECT token FROM leases WHERE agency = ?", (agency,))
    return find(catalog, row["token"]) if row else None


def leases(catalog: Catalog) -> list[Lease]:
    """Return the latest lease of every agency that was ever lent, the latest last."""
    tokens = catalog.file.rows("SELECT DISTINCT token FROM leases ORDER BY token")
    return [lease for row in tokens if (lease := find(catalog, row["token"]))]


def check_not_lent(catalog: Catalog, agency: str, now: datetime) -> None:
    """Raise where an agency is lent, or its shard is being merged: then nobody here may crawl it. Its lock is held.

    Raises:
        ArchiveBusy: names the holder, and until when.
    """
    row = catalog.file.row("SELECT * FROM leases WHERE agency = ?", (agency,))
    if row is not None and _is_taken(row, now):
        raise _busy(row)


def check_group_not_lent(catalog: Catalog, group: str, now: datetime) -> None:
    """Raise where a server group is lent, whichever of its agencies: then none of them may be crawled here.

    Raises:
        ArchiveBusy: names the holder, and until when.
    """
    for row in catalog.file.rows("SELECT * FROM leases WHERE group_name = ? ORDER BY token DESC", (group,)):
        if _is_taken(row, now):
            raise _busy(row)


def carry_over(used: Path, catalog: Catalog) -> int:
    """Copy the leases of the catalog in use into the one that is to take its place; returns of how many agencies.

    Where they cannot be read, tokens still grow: they are never below the clock.
    """
    if not used.is_file():
        return 0
    try:
        with closing(sqlite3.connect(f"{used.absolute().as_uri()}?mode=ro", uri=True)) as db:
            db.row_factory = sqlite3.Row
            rows = [dict(row) for row in db.execute("SELECT * FROM leases")]
    except sqlite3.DatabaseError as error:
        log.debug("leases of %s are not carried over: %s", used, error)
        return 0
    with catalog.atomic():
        for row in rows:
            catalog.file.insert("leases", row)
    return len(rows)


def _rows(db: CatalogFile, group: str, names: Sequence[str]) -> list[Row]:
    marks = ", ".join("?" * len(names))
    sql = f"SELECT * FROM leases WHERE group_name = ? OR agency IN ({marks}) ORDER BY token DESC"  # noqa: S608 - marks only
    return db.rows(sql, (group, *names))


def _is_taken(row: Row, now: datetime) -> bool:
    return row["state"] == "merging" or (row["state"] == "held" and now < parse_instant(row["lease_until"]))


def _values(lease: Lease, agency: str) -> Row:
    return {
        "agency": agency,
        "group_name": lease.group,
        "token": lease.token,
        "holder": lease.holder,
        "leased_at": instant(lease.leased_at),
        "lease_until": instant(lease.lease_until),
        "state": lease.state,
        "shard": lease.shard,
    }


def _lease(rows: Sequence[Row]) -> Lease:
    first = rows[0]
    return Lease(
        group=first["group_name"],
        agencies=tuple(row["agency"] for row in rows),
        holder=first["holder"],
        token=first["token"],
        leased_at=parse_instant(first["leased_at"]),
        lease_until=parse_instant(first["lease_until"]),
        state=first["state"],
        shard=first["shard"],
    )


def _busy(row: Row) -> ArchiveBusy:
    """Return what is said where agencies are lent already."""
    who = f"{row['agency']} (server group {row['group_name']})"
    who_zh = f"{row['agency']}（服务器组 {row['group_name']}）"
    if row["state"] == "merging":
        shard = row["shard"] or row["token"]
        return ArchiveBusy(
            f"{who}: its shard {shard} was being merged and that has not ended; merge it again (govcrawl merge), then try again",
            zh=f"{who_zh}：其分片 {shard} 的并入没有完成；请再并入一次（govcrawl merge），然后重试",
        )
    return ArchiveBusy(
        f"{who} is lent to {row['holder']} since {row['leased_at']} until {row['lease_until']} (token {row['token']}): it is "
        "crawled there, and two must not ask one server; wait until its shard is merged or the lease is over",
        zh=f"{who_zh} 已借给 {row['holder']}，{row['leased_at']} 至 {row['lease_until']}（令牌 {row['token']}）：正在那里抓取，"
        "同一台服务器不能由两处访问；请等其分片并入或租约到期",
    )


def _lost(lease: Lease | None, token: int) -> LeaseLost:
    if lease is None:
        return LeaseLost(
            f"lease {token}: its agencies are lent to somebody else by now, or it never was; stop crawling them",
            zh=f"租约 {token}：其机构已借给别处，或从无此租约；请停止抓取它们",
        )
    return LeaseLost(
        f"lease {token} of {lease.group} ({', '.join(lease.agencies)}) is {lease.state}, it ended {lease.lease_until}; "
        "stop crawling them: somebody else may",
        zh=f"{lease.group} 的租约 {token}（{'、'.join(lease.agencies)}）为 {lease.state}，止于 {lease.lease_until}；请停止抓取："
        "别处可能正在抓取",
    )
