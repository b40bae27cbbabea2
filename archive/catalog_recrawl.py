"""What a recrawl is planned from, read from the catalog: one statement for each kind of fact.

Plain functions over a :class:`archive.catalog.Catalog`.
"""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from archive.facts import ChannelFacts, DocumentFacts, Experience
from archive.rows import parse_instant

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from archive.catalog import Catalog

_STANDS = "(w.started_at IS NULL OR c.started_at >= w.started_at)"
"""Whether a line was seen when its channel was last walked to its end, or since; c, w: the crawls of both."""

_CHANNELS = f"""
SELECT n.name, n.position, w.started_at, k.pages, k.total,
  (SELECT COUNT(*) FROM listings AS l JOIN crawls AS c ON c.id = l.last_crawl_id
     LEFT JOIN documents AS d ON d.id = l.document_id
   WHERE l.agency = n.agency AND l.channel = n.name AND {_STANDS}
     AND COALESCE(d.state, '') NOT IN ('suspected', 'withdrawn')) AS lines,
  (SELECT COUNT(*) FROM listings AS l JOIN crawls AS c ON c.id = l.first_crawl_id
   WHERE l.agency = n.agency AND l.channel = n.name AND c.started_at > w.started_at) AS newer
FROM channels AS n
LEFT JOIN crawls AS w ON w.id = n.walked_crawl_id
LEFT JOIN walks AS k ON k.crawl_id = n.walked_crawl_id AND k.channel = n.name
WHERE n.agency = ? ORDER BY n.position, n.name
"""  # noqa: S608 - put together from constants

_UNLISTED = f"""
EXISTS (SELECT 1 FROM listings AS l WHERE l.document_id = d.id)
AND NOT EXISTS (SELECT 1 FROM listings AS l JOIN crawls AS c ON c.id = l.last_crawl_id
  LEFT JOIN channels AS n ON n.agency = l.agency AND n.name = l.channel
  LEFT JOIN crawls AS w ON w.id = n.walked_crawl_id WHERE l.document_id = d.id AND {_STANDS})
"""  # noqa: S608 - put together from constants

# "+v.id": by the covering index of documents' versions, for rows of versions are as long as their texts
_DOCUMENTS = f"""
SELECT d.id, d.state, d.first_captured_at, d.last_checked_at, v.publish_date, v.number - 1 AS changes, f.at AS unread_at,
  d.state = 'live' AND {_UNLISTED} AS unlisted
FROM documents AS d
LEFT JOIN versions AS v ON v.document_id = d.id AND +v.id = d.current_version_id
LEFT JOIN (SELECT url, MAX(at) AS at FROM failures WHERE agency = ?1 AND kind = 'document' GROUP BY url) AS f ON f.url = d.url
WHERE d.agency = ?1 ORDER BY d.id
"""  # noqa: S608 - put together from constants

_GONE = f"""
SELECT d.id FROM documents AS d WHERE d.agency = ? AND d.state = 'live' AND d.last_crawl_id IS NOT ? AND {_UNLISTED}
ORDER BY d.id
"""  # noqa: S608 - put together from constants


def read_channels(catalog: Catalog, agency: str) -> list[ChannelFacts]:
    """Facts of every channel of an agency, in its order."""
    return [
        ChannelFacts(
            name=row["name"],
            position=row["position"],
            walked_at=parse_instant(row["started_at"]) if row["started_at"] else None,
            pages=row["pages"],
            total=row["total"],
            lines=row["lines"],
            newer=row["newer"],
        )
        for row in catalog.rows(_CHANNELS, (agency,))
    ]


def read_documents(catalog: Catalog, agency: str) -> Iterator[DocumentFacts]:
    """Facts of every document of an agency, by id, one by one."""
    for row in catalog.rows(_DOCUMENTS, (agency,)):
        yield DocumentFacts(
            document_id=row["id"],
            state=row["state"],
            first_captured_at=parse_instant(row["first_captured_at"]),
            last_checked_at=parse_instant(row["last_checked_at"]),
            publish_date=date.fromisoformat(row["publish_date"]) if row["publish_date"] else None,
            changes=row["changes"] or 0,
            unread_at=parse_instant(row["unread_at"]) if row["unread_at"] else None,
            unlisted=bool(row["unlisted"]),
        )


def read_experience(catalog: Catalog, agency: str, bounds_days: Sequence[int]) -> Experience:
    """How often the agency's documents were seen to change, by age since publication; one more class for undated ones.

    Observed is a document from its first capture to its last look; a change counts at the age at which it was found.
    """
    classes = list(zip((-1_000_000, *bounds_days), (*bounds_days, 1_000_000), strict=True))
    begun, ended, born = "julianday(d.first_captured_at)", "julianday(d.last_checked_at)", "julianday(v.publish_date)"
    spans = ", ".join(f"SUM(MAX(0, MIN({ended}, {born} + {hi}) - MAX({begun}, {born} + {lo})))" for lo, hi in classes)
    versions = "documents AS d JOIN versions AS v ON v.document_id = d.id AND +v.id = d.current_version_id"
    (row,) = catalog.rows(
        f"SELECT {spans}, SUM(CASE WHEN v.publish_date IS NULL THEN MAX(0, {ended} - {begun}) END) AS undated"  # noqa: S608
        f" FROM {versions} WHERE d.agency = ?",
        (agency,),
    )
    age = f"julianday(v.captured_at) - {born}"
    found = ", ".join(f"SUM({age} >= {lo} AND {age} < {hi})" for lo, hi in classes)
    (changed,) = catalog.rows(
        f"SELECT {found}, SUM(v.publish_date IS NULL) AS undated FROM documents AS d"  # noqa: S608
        " JOIN versions AS v ON v.document_id = d.id WHERE d.agency = ? AND v.number > 1",
        (agency,),
    )
    return Experience(
        days=tuple(value or 0.0 for value in row.values()),
        changes=tuple(value or 0 for value in changed.values()),
    )


def read_beginnings(catalog: Catalog, agency: str, crawl_id: str) -> tuple[datetime, datetime | None]:
    """When a crawl began, and when the agency's latest before it did that ended by itself and was asked for no part only."""
    rows = catalog.rows(
        "SELECT t.started_at, (SELECT MAX(b.started_at) FROM crawls AS b WHERE b.agency = ?1 AND b.started_at < t.started_at"
        " AND b.outcome IN ('finished', 'failed') AND json_extract(b.options, '$.since') IS NULL"
        " AND json_extract(b.options, '$.limit') IS NULL) AS before FROM crawls AS t WHERE t.id = ?2",
        (agency, crawl_id),
    )
    (row,) = rows
    return parse_instant(row["started_at"]), parse_instant(row["before"]) if row["before"] else None


def find_gone(catalog: Catalog, agency: str, crawl_id: str) -> list[str]:
    """Ids of live documents that no list shows any more and that did not answer in this crawl.

    A list shows what was seen when it was last walked to its end, or since.
    """
    return [row["id"] for row in catalog.rows(_GONE, (agency, crawl_id))]
