"""What the archive holds of an agency, in figures, with how its latest crawl went."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from archive.catalog_summaries import read_summary

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from archive.catalog import Catalog
    from archive.rows import Row

_COUNTED = (
    *("documents", "states", "versions", "captures", "attachments", "attachments_missing"),
    *("missing", "flags", "methods", "agreement", "attachment_texts"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CrawlFacts:
    """How a crawl went."""

    crawl_id: str
    mode: str
    outcome: str
    reason: str | None
    started_at: str
    finished_at: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AgencyStatus:
    """What the archive holds of an agency. Counts are of documents unless their name says otherwise."""

    agency: str
    title: str
    documents: int
    states: dict[str, int]
    versions: int
    captures: int
    warc_files: int
    warc_bytes: int
    attachments: int
    attachments_missing: int
    last_crawl: CrawlFacts | None
    last_success_at: str | None
    failures: dict[str, int] = field(default_factory=dict)  # of the last crawl, by reason
    missing: dict[str, int] = field(default_factory=dict)  # by field, of current versions
    flags: dict[str, int] = field(default_factory=dict)  # quality flags of current versions
    methods: dict[str, int] = field(default_factory=dict)  # how the texts of current versions were found
    agreement: dict[str, int] = field(default_factory=dict)  # of the readers of current versions, in steps
    attachment_texts: dict[str, int] = field(default_factory=dict)  # attachments of current versions by status


def agency_status(catalog: Catalog, agency: Row, summary: Mapping[str, Any] | None = None) -> AgencyStatus:
    """What the archive holds of an agency (a row of :func:`archive.catalog_reads.agencies`).

    ``summary`` is what :func:`archive.catalog_summaries.read_summary` says of it, where the caller has it already.
    """
    name = agency["name"]
    counted = read_summary(catalog, name) if summary is None else summary
    warc = next(
        catalog.rows(
            "SELECT COUNT(*) AS n, COALESCE(SUM(COALESCE(w.bytes, (SELECT MAX(c.offset + c.group_length) FROM captures AS c"
            " WHERE c.warc_file = w.path), 0)), 0) AS bytes FROM warc_files AS w WHERE w.agency = ?",
            (name,),
        )
    )
    crawl = next(
        catalog.rows("SELECT * FROM crawls WHERE agency = ? ORDER BY started_at DESC, id DESC LIMIT 1", (name,)), None
    )
    success = next(
        catalog.rows("SELECT MAX(finished_at) AS at FROM crawls WHERE agency = ? AND outcome = 'finished'", (name,))
    )
    return AgencyStatus(
        agency=name,
        title=agency["title"],
        warc_files=warc["n"],
        warc_bytes=warc["bytes"],
        last_crawl=_crawl_facts(crawl) if crawl else None,
        last_success_at=success["at"],
        failures=_failures(catalog, crawl["id"]) if crawl else {},
        **{field_name: counted[field_name] for field_name in _COUNTED},
    )


def _crawl_facts(row: Row) -> CrawlFacts:
    """The facts of a crawl's row."""
    return CrawlFacts(
        crawl_id=row["id"],
        mode=row["mode"],
        outcome=row["outcome"],
        reason=row["reason"],
        started_at=row["started_at"],
        finished_at=row["finished_at"],
    )


def _failures(catalog: Catalog, crawl_id: str) -> dict[str, int]:
    """Failures of a crawl by reason, the most frequent first."""
    rows = catalog.rows(
        "SELECT reason, COUNT(*) AS n FROM failures WHERE crawl_id = ? GROUP BY reason ORDER BY n DESC, reason",
        (crawl_id,),
    )
    return {row["reason"]: row["n"] for row in rows}


def cards(catalog: Catalog) -> list[Row]:
    """Rows of all agencies by name: documents, newest publication, how many are gone, last success, latest crawl's outcome and verdict."""
    rows = list(
        catalog.rows(
            "SELECT a.name, a.title, a.base_url,"
            " (SELECT MAX(finished_at) FROM crawls AS c WHERE c.agency = a.name AND c.outcome = 'finished') AS success_at,"
            " (SELECT id FROM crawls AS c WHERE c.agency = a.name ORDER BY started_at DESC, id DESC LIMIT 1) AS crawl_id"
            " FROM agencies AS a ORDER BY a.name"
        )
    )
    return [_card(catalog, row) for row in rows]


def _card(catalog: Catalog, row: Row) -> Row:
    counted = read_summary(catalog, row["name"])
    said = next(catalog.rows("SELECT outcome, verdict FROM crawls WHERE id = ?", (row.pop("crawl_id"),)), None)
    return {
        **row,
        "documents": counted["documents"],
        "newest": counted["newest_publish_date"],
        "gone": counted["states"]["suspected"] + counted["states"]["withdrawn"],
        **(said or {"outcome": None, "verdict": None}),
    }
