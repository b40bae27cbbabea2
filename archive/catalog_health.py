"""How the archive of an agency fares: the last verdict with its findings, channels with their gaps, crawls, changes by day."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from archive.catalog_status import agency_status
from archive.catalog_summaries import read_summary

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from archive.catalog import Catalog
    from archive.catalog_status import AgencyStatus
    from archive.rows import Row

MOST_CRAWLS = 60
RANK = {"alarm": 2, "warning": 1}


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """How the archive of an agency fares."""

    verdict: (
        str | None
    )  # on the last crawl that ended: ok, warning, alarm; None where it ended unjudged, or there is none
    verdict_at: str | None
    verdict_crawl_id: str | None
    findings: tuple[
        dict[str, Any], ...
    ]  # kind, severity, channel, facts, capture (WARC-Record-ID), at; the worst first
    channels: tuple[dict[str, Any], ...]  # rows of the coverage export, with ``verdict``
    newest_publish_date: str | None
    last_new_at: str | None  # when a document was last new to the archive


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What is reported of one agency."""

    status: AgencyStatus
    health: Health
    crawls: Sequence[Row]  # the oldest first
    days: Sequence[tuple[str, int, int]]  # UTC day, new, changed; the oldest first
    next_run_at: str | None  # as the schedule says


def agency_health(catalog: Catalog, agency: str, summary: Mapping[str, Any] | None = None) -> Health:
    """Read how the archive of an agency fares; ``summary`` as :func:`archive.catalog_status.agency_status` takes it."""
    counted = read_summary(catalog, agency) if summary is None else summary
    crawl = next(
        catalog.rows(
            "SELECT * FROM crawls WHERE agency = ? AND outcome <> 'running' ORDER BY started_at DESC, id DESC LIMIT 1",
            (agency,),
        ),
        None,
    )
    found = _findings(catalog, crawl["id"]) if crawl else ()
    judged = crawl is not None and crawl["verdict"] is not None
    return Health(
        verdict=crawl["verdict"] if crawl else None,
        verdict_at=crawl["finished_at"] if crawl else None,
        verdict_crawl_id=crawl["id"] if crawl else None,
        findings=found,
        channels=tuple(
            {**row, "verdict": _of_channel(found, row["channel"]) if judged else None} for row in counted["coverage"]
        ),
        newest_publish_date=counted["newest_publish_date"],
        last_new_at=counted["last_new_at"],
    )


def _findings(catalog: Catalog, crawl_id: str) -> tuple[dict[str, Any], ...]:
    rows = catalog.rows(
        "SELECT f.kind, f.severity, f.channel, f.facts, c.record_id AS capture, f.at FROM findings AS f"
        " LEFT JOIN captures AS c ON c.id = f.capture_id WHERE f.crawl_id = ? ORDER BY f.id",
        (crawl_id,),
    )
    return tuple({**row, "facts": json.loads(row["facts"])} for row in rows)


def _of_channel(findings: tuple[dict[str, Any], ...], channel: str) -> str:
    """The worst that is found of a channel itself or of the agency with it."""
    worst = max(
        (
            RANK.get(one["severity"], 0)
            for one in findings
            if one["channel"] == channel or channel in one["facts"].get("channels", ())
        ),
        default=0,
    )
    return next((name for name, rank in RANK.items() if rank == worst), "ok")


def crawls(catalog: Catalog, agency: str) -> list[Row]:
    """Rows of an agency's latest crawls, the oldest first: id, mode, times, outcome, verdict, counts as an object."""
    rows = catalog.rows(
        "SELECT id, mode, started_at, finished_at, outcome, reason, verdict, counts FROM crawls WHERE agency = ?"
        " ORDER BY started_at DESC, id DESC LIMIT ?",
        (agency, MOST_CRAWLS),
    )
    return [{**row, "counts": json.loads(row["counts"] or "{}")} for row in rows][::-1]


def changes_by_day(catalog: Catalog, agency: str, days: int = 30) -> list[tuple[str, int, int]]:
    """(UTC day, documents new, documents changed) of the latest days on which there was a crawl, the oldest first."""
    rows = catalog.rows(
        "SELECT SUBSTR(k.started_at, 1, 10) AS day,"
        " COALESCE(SUM(JSON_EXTRACT(k.counts, '$.new')), 0) AS new, COALESCE(SUM(JSON_EXTRACT(k.counts, '$.changed')), 0)"
        " AS changed FROM crawls AS k WHERE k.agency = ? AND k.counts IS NOT NULL GROUP BY 1 ORDER BY 1 DESC LIMIT ?",
        (agency, days),
    )
    return [(row["day"], row["new"], row["changed"]) for row in rows][::-1]


def read_report(catalog: Catalog, agency: Row, next_run_at: str | None, *, history: bool = True) -> Report:
    """Return everything that status shows of an agency (a row of :func:`archive.catalog_reads.agencies`).

    Without ``history`` the crawls and days are left out: they are for pages that draw them.
    """
    name = agency["name"]
    summary = read_summary(catalog, name)
    return Report(
        status=agency_status(catalog, agency, summary),
        health=agency_health(catalog, name, summary),
        crawls=crawls(catalog, name) if history else (),
        days=changes_by_day(catalog, name) if history else (),
        next_run_at=next_run_at,
    )
