"""How much of what is listed the archive holds, channel by channel (覆盖), so that a gap is stated and not guessed.

Each line of a list falls into exactly one case: captured, off-site, refused by robots.txt, failed, or pending; they add up to
``listed``. What the list says it has beyond the lines that were seen stands beside it, as ``unseen``.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from archive.catalog import Catalog
    from archive.rows import Row

COVERAGE_FIELDS = (
    "agency",
    "channel",
    "seed_url",
    "listed",
    "captured",
    "off_site",
    "refused_by_robots",
    "failed",
    "failed_by_reason",
    "pending",
    "listed_now",
    "documents",
    "live",
    "unlisted",
    "suspected",
    "withdrawn",
    "list_total",
    "unseen",
    "capped",
    "list_ending",
    "list_failed",
    "walked_to_end_at",
    "last_walk_at",
    "first_publish_date",
    "last_publish_date",
    "undated",
    "attachments",
    "attachments_captured",
    "attachments_failed",
    "attachments_failed_by_reason",
)
"""Columns, in order; append only."""

# what became of a line is looked up only where there is no document of it: known ones have been captured many times;
# CASE, because SQLite works out both sides of an AND
_LINES = """
SELECT g.channel, g.offsite, g.captured, g.reason, g.redirected, g.n,
  COALESCE(n.walked_crawl_id IS NULL OR c.started_at >= w.started_at, 1) AS now
FROM (
  SELECT channel, offsite, document_id IS NOT NULL AS captured, last_crawl_id,
    CASE WHEN document_id IS NULL AND NOT offsite THEN (
      SELECT f.reason FROM failures AS f WHERE f.agency = l.agency AND f.url = l.url AND f.kind = 'document'
      ORDER BY f.id DESC LIMIT 1) END AS reason,
    CASE WHEN document_id IS NULL AND NOT offsite THEN EXISTS (
      SELECT 1 FROM captures AS p WHERE p.agency = l.agency AND p.url = l.url AND p.kind = 'document'
      AND p.status BETWEEN 300 AND 399 AND p.status <> 304) ELSE 0 END AS redirected,
    COUNT(*) AS n
  FROM listings AS l WHERE agency = ?1 GROUP BY 1, 2, 3, 4, 5, 6
) AS g
LEFT JOIN channels AS n ON n.agency = ?1 AND n.name = g.channel
LEFT JOIN crawls AS c ON c.id = g.last_crawl_id LEFT JOIN crawls AS w ON w.id = n.walked_crawl_id
"""

_DOCUMENTS = """
SELECT l.channel, d.state, COUNT(*) AS n, SUM(COALESCE(v.publish_date, '') = '') AS undated,
  MIN(NULLIF(v.publish_date, '')) AS first, MAX(v.publish_date) AS last FROM
  (SELECT DISTINCT channel, document_id FROM listings WHERE agency = ?1 AND document_id IS NOT NULL) AS l
JOIN documents AS d ON d.id = l.document_id LEFT JOIN versions AS v ON v.id = d.current_version_id
GROUP BY 1, 2
"""

# one line of each channel that has the document; the plus keeps SQLite from walking through the lines of the whole agency
_FILES = """
SELECT l.channel, f.sha256 IS NOT NULL AS had, f.error, COUNT(*) AS n FROM documents AS d
CROSS JOIN files AS f ON f.version_id = d.current_version_id AND f.kind = 'attachment'
CROSS JOIN listings AS l ON l.document_id = d.id AND +l.agency = d.agency AND +l.url_key = (
  SELECT MIN(m.url_key) FROM listings AS m WHERE m.document_id = d.id AND +m.agency = d.agency AND +m.channel = l.channel)
WHERE d.agency = ?1 GROUP BY 1, 2, 3
"""

_WALKS = """
SELECT w.* FROM walks AS w WHERE w.agency = ?1 AND w.ended_at =
  (SELECT MAX(ended_at) FROM walks AS x WHERE x.agency = w.agency AND x.channel = w.channel)
"""

_LIST_FAILED = """
SELECT f.channel, f.reason FROM failures AS f WHERE f.agency = ?1 AND f.kind = 'list' AND f.crawl_id =
  (SELECT id FROM crawls WHERE agency = ?1 ORDER BY started_at DESC, id DESC LIMIT 1) ORDER BY f.id
"""

IN_PROGRESS = frozenset({"ending"})  # no failure: the crawl was being ended


def export_coverage(catalog: Catalog, agency: str | None = None) -> Iterator[dict[str, Any]]:
    """Yield a row for each channel of each agency (or of one), by agency and the agency's own order."""
    for row in list(catalog.rows("SELECT name FROM agencies WHERE name = COALESCE(?, name) ORDER BY name", (agency,))):
        yield from agency_coverage(catalog, row["name"])


def agency_coverage(catalog: Catalog, agency: str) -> list[dict[str, Any]]:
    """Return the rows of one agency's channels; a document that several channels list counts in each."""
    lines: dict[str, Counter[str]] = defaultdict(Counter)
    reasons: dict[str, Counter[str]] = defaultdict(Counter)
    for row in catalog.rows(_LINES, (agency,)):
        case, reason = _case(row)
        lines[row["channel"]][case] += row["n"]
        lines[row["channel"]]["listed"] += row["n"]
        lines[row["channel"]]["listed_now"] += row["now"] * row["n"]
        if reason:
            reasons[row["channel"]][reason] += row["n"]
    states: dict[str, Counter[str]] = defaultdict(Counter)
    dates: dict[str, list[str]] = defaultdict(list)
    for row in catalog.rows(_DOCUMENTS, (agency,)):
        states[row["channel"]][row["state"]] += row["n"]
        states[row["channel"]]["undated"] += row["undated"]
        dates[row["channel"]] += [day for day in (row["first"], row["last"]) if day]
    had: dict[str, Counter[bool]] = defaultdict(Counter)
    errors: dict[str, Counter[str]] = defaultdict(Counter)
    for row in catalog.rows(_FILES, (agency,)):
        had[row["channel"]][bool(row["had"])] += row["n"]
        if not row["had"]:
            errors[row["channel"]][(row["error"] or "unknown").partition(":")[0]] += row["n"]
    walks = {row["channel"]: row for row in catalog.rows(_WALKS, (agency,))}
    failed = {row["channel"]: row["reason"] for row in catalog.rows(_LIST_FAILED, (agency,))}
    found = []
    for channel in catalog.rows("SELECT * FROM channels WHERE agency = ? ORDER BY position, name", (agency,)):
        name = channel["name"]
        count, state, walk = lines[name], states[name], walks.get(name)
        unseen = _unseen(walk, count["listed_now"], channel)
        found.append(
            {
                "agency": agency,
                "channel": name,
                "seed_url": channel["seed_url"],
                "listed": count["listed"],
                **{case: count[case] for case in ("captured", "off_site", "refused_by_robots", "failed", "pending")},
                "failed_by_reason": _told(reasons[name]),
                "listed_now": count["listed_now"],
                "documents": sum(state[one] for one in ("live", "unlisted", "suspected", "withdrawn")),
                **{one: state[one] for one in ("live", "unlisted", "suspected", "withdrawn")},
                "list_total": walk["total"] if walk else channel["total"],
                "unseen": unseen,
                "capped": bool(walk and walk["ending"] == "capped"),
                "list_ending": walk["ending"] if walk else None,
                "list_failed": failed.get(name),
                "walked_to_end_at": channel["walked_to_end_at"],
                "last_walk_at": walk["ended_at"] if walk else None,
                "first_publish_date": min(dates[name], default=None),
                "last_publish_date": max(dates[name], default=None),
                "undated": state["undated"],
                "attachments": had[name].total(),
                "attachments_captured": had[name][True],
                "attachments_failed": had[name][False],
                "attachments_failed_by_reason": _told(errors[name]),
            }
        )
    return [{name: row[name] for name in COVERAGE_FIELDS} for row in found]


def _case(row: Row) -> tuple[str, str | None]:
    """Which case a line falls into, and why it failed where it did."""
    reason = row["reason"]
    if row["offsite"]:
        return "off_site", None
    if row["captured"]:
        return "captured", None
    if reason == "robots":
        return "refused_by_robots", None
    if reason is None and row["redirected"]:
        return "failed", "redirected_away"
    if reason is None or reason in IN_PROGRESS:
        return "pending", None
    return "failed", reason


def _unseen(walk: Row | None, listed_now: int, channel: Row) -> int | None:
    """How many entries the list says it has beyond the lines that were seen; ``None`` where it says no number."""
    total = walk["total"] if walk else channel["total"]
    if total is None:
        return None
    return max(0, int(total) - listed_now - (walk["skipped"] if walk else 0))


def _told(counts: Counter[str]) -> dict[str, int]:
    """Counts by reason, the largest first."""
    return dict(counts.most_common())
