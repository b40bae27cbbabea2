"""What an agency's part of the catalog comes to, counted row by row; :mod:`archive.catalog_summaries` keeps it until something changes.

What depends on the time, and what is told of the latest crawl, is not counted here: :mod:`archive.catalog_status`.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

from archive import catalog_overview as overview
from archive.catalog_texts import text_counts
from archive.coverage import agency_coverage

if TYPE_CHECKING:
    from archive.catalog import Catalog
    from archive.rows import Row

COUNTED_FIELDS = (
    "title",
    "publish_date",
    "publish_time",
    "source",
    "publisher",
    "index_number",
    "document_number",
    "written_date",
    "topic",
    "validity",
    "text",
)
"""Fields whose missing values are counted; ``text`` only where the document is a page and not itself a file."""

_AGREEMENT = (
    "CASE WHEN v.agreement IS NULL THEN 'none' WHEN v.agreement = 1 THEN '1' WHEN v.agreement >= 0.85 THEN '0.85-1'"
    " ELSE '<0.85' END"
)
_CURRENT = (
    "SELECT {} AS name, COUNT(*) AS n FROM documents AS d JOIN versions AS v ON v.id = d.current_version_id"
    " WHERE d.agency = ? GROUP BY 1 ORDER BY 2 DESC, 1"
)


def count_agency(catalog: Catalog, agency: str) -> dict[str, Any]:
    """Return everything that is counted of an agency: values that JSON takes."""

    def counts(sql: str) -> dict[str, int]:
        return {row["name"]: row["n"] for row in catalog.rows(sql, (agency,))}

    def one(sql: str) -> Row:
        return next(catalog.rows(sql, (agency,)))

    states = counts("SELECT state AS name, COUNT(*) AS n FROM documents WHERE agency = ? GROUP BY state")
    flags: Counter[str] = Counter()
    for names, n in counts(_CURRENT.format("v.flags")).items():
        for flag in json.loads(names):
            flags[flag] += n
    attachments = one(
        "SELECT COUNT(*) AS n, COALESCE(SUM(f.sha256 IS NULL), 0) AS missing FROM documents AS d"
        " JOIN files AS f ON f.version_id = d.current_version_id AND f.kind = 'attachment' WHERE d.agency = ?"
    )
    newest = one(
        "SELECT MAX(v.publish_date) AS newest, MAX(d.first_captured_at) AS new_at FROM documents AS d"
        " LEFT JOIN versions AS v ON v.id = d.current_version_id WHERE d.agency = ?"
    )
    return {
        "documents": sum(states.values()),
        "states": {state: states.get(state, 0) for state in ("live", "unlisted", "suspected", "withdrawn")},
        "versions": one(
            "SELECT COUNT(*) AS n FROM documents AS d JOIN versions AS v ON v.document_id = d.id WHERE d.agency = ?"
        )["n"],
        "captures": one("SELECT COUNT(*) AS n FROM captures WHERE agency = ?")["n"],
        "attachments": attachments["n"],
        "attachments_missing": attachments["missing"],
        "missing": _missing(one(_missing_sql())),
        "flags": dict(sorted(flags.items())),
        "methods": counts(_CURRENT.format("v.method")),
        "agreement": counts(_CURRENT.format(_AGREEMENT)),
        "attachment_texts": text_counts(catalog, agency),
        "newest_publish_date": newest["newest"],
        "last_new_at": newest["new_at"],
        "coverage": agency_coverage(catalog, agency),
        "months": overview.months(catalog, agency),
        "kinds": overview.kinds(catalog, agency),
        "channels": overview.channels(catalog, agency),
    }


def _missing_sql() -> str:
    """The query that counts missing values of the current versions of an agency."""
    pages_only = " AND v.method <> 'binary'"
    sums = [f"SUM(v.{name} IS NULL{pages_only if name == 'text' else ''}) AS {name}" for name in COUNTED_FIELDS]
    return (
        f"SELECT {', '.join(sums)} FROM documents AS d"  # noqa: S608 - put together from constants
        " JOIN versions AS v ON v.id = d.current_version_id WHERE d.agency = ?"
    )


def _missing(row: Row) -> dict[str, Any]:
    """Counts by field; 0 where there is no document."""
    return {name: row[name] or 0 for name in COUNTED_FIELDS}
