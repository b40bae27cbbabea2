"""How lists were walked, and the verdicts on crawls, in the catalog.

Called by :class:`archive.catalog.Catalog` inside one of its transactions.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, Literal, get_args

from archive.rows import instant, json_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    from archive.database import CatalogFile

Severity = Literal["note", "warning", "alarm"]
Ending = Literal["end", "short", "capped", "known", "asked", "endless", "unknown"]
ENDINGS: tuple[str, ...] = get_args(Ending)

LOCAL = timezone(timedelta(hours=8))  # the agencies' own calendar; China has one time and no summer time
FUTURE_DAYS = 2
"""A line may be dated so many days ahead: some sites prepare the next day's, and clocks differ."""


def midnight(day: date, days_later: int = 0) -> datetime:
    """Return the instant at which a day begins in China, or the one so many days later, in UTC.

    Where the calendar of Python ends (years 1 and 9999) it is the calendar's end: such days stand for "ever".
    """
    try:
        return (datetime(day.year, day.month, day.day, tzinfo=LOCAL) + timedelta(days=days_later)).astimezone(UTC)
    except OverflowError:
        return datetime.min.replace(tzinfo=UTC) if day.year == 1 else datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing a crawl's verdict rests on; ``facts`` are what was seen and what was expected, for people to read in sentences."""

    kind: str
    severity: Severity
    channel: str | None = None  # None: it is about the agency
    facts: Mapping[str, Any] = field(default_factory=dict)
    capture_id: int | None = None


def put_walk(  # noqa: PLR0913 - how one walk ended
    db: CatalogFile,
    crawl_id: str,
    agency: str,
    channel: str,
    *,
    ending: str,
    pages: int | None,
    total: int | None,
    skipped: int,
    at: datetime,
) -> None:
    """Put how a walk ended, with what its lines look like; a walk that goes on after a break is put again."""
    latest = (at.astimezone(LOCAL) + timedelta(days=FUTURE_DAYS)).date().isoformat()
    seen = db.row(
        "SELECT COUNT(*) AS lines, COALESCE(SUM(first_crawl_id = last_crawl_id), 0) AS fresh, COUNT(publish_date) AS dated,"
        " COALESCE(SUM(publish_date IS NULL AND TRIM(COALESCE(date_text, '')) <> ''), 0) AS undated,"
        " COUNT(DISTINCT publish_date) AS days, COALESCE(SUM(publish_date > ?), 0) AS future,"
        " COALESCE(SUM(INSTR(title, CHAR(65533)) > 0), 0) AS garbled"
        " FROM listings WHERE agency = ? AND channel = ? AND last_crawl_id = ?",
        (latest, agency, channel, crawl_id),
    )
    page = db.row(
        "SELECT MAX(id) AS id FROM captures WHERE crawl_id = ? AND kind = 'list' AND channel = ?", (crawl_id, channel)
    )
    db.execute("DELETE FROM walks WHERE crawl_id = ? AND channel = ?", (crawl_id, channel))
    said = {"ending": ending, "pages": pages, "total": total, "skipped": skipped}
    where = {"crawl_id": crawl_id, "agency": agency, "channel": channel, "ended_at": instant(at)}
    db.insert("walks", {**where, **said, **(seen or {}), "capture_id": page["id"] if page else None})


def put_verdict(
    db: CatalogFile, crawl_id: str, agency: str, verdict: str, findings: Sequence[Finding], at: datetime
) -> None:
    """Put a crawl's verdict and what it rests on, in place of an earlier one."""
    db.update("crawls", {"id": crawl_id}, {"verdict": verdict})
    db.execute("DELETE FROM findings WHERE crawl_id = ?", (crawl_id,))
    for one in findings:
        where = {"crawl_id": crawl_id, "agency": agency, "channel": one.channel, "at": instant(at)}
        facts = {"facts": json_text(one.facts), "capture_id": one.capture_id}
        db.insert("findings", {**where, "kind": one.kind, "severity": one.severity, **facts})
