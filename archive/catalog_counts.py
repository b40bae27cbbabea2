"""What an agency's part of the catalog comes to, counted row by row; :mod:`archive.catalog_summaries` keeps it until something changes.

What depends on the time, and what is told of the latest crawl, is not counted here: :mod:`archive.catalog_status`.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

from archive import catalog_overview as overview
from archive.catalog_texts import NO_FILE, text_counts
from archive.coverage import agency_coverage

if TYPE_CHECKING:
    from archive.catalog import Catalog
    from archive.rows import Row

_GONE = frozenset({"suspected", "withdrawn"})
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


def count_agency(catalog: Catalog, agency: str) -> dict[str, Any]:
    """Return everything that is counted of an agency: values that JSON takes."""

    def counts(sql: str) -> dict[str, int]:
        return {row["name"]: row["n"] for row in catalog.rows(sql, (agency,))}

    def one(sql: str) -> Row:
        return next(catalog.rows(sql, (agency,)))

    current = _Current(list(catalog.rows(_CURRENT, (agency,))))
    states = current.counts("state", every=True)
    flags: Counter[str] = Counter()
    for names, n in current.counts("flags").items():
        for flag in json.loads(names):
            flags[flag] += n
    attachments = text_counts(catalog, agency)
    missing = attachments.pop(NO_FILE, 0)
    covered = agency_coverage(catalog, agency)
    return {
        "documents": sum(states.values()),
        "states": {state: states.get(state, 0) for state in ("live", "unlisted", "suspected", "withdrawn")},
        "versions": one(
            "SELECT COUNT(*) AS n FROM documents AS d JOIN versions AS v ON v.document_id = d.id WHERE d.agency = ?"
        )["n"],
        "captures": one("SELECT COUNT(*) AS n FROM captures WHERE agency = ?")["n"],
        "attachments": attachments.total() + missing,
        "attachments_missing": missing,
        "missing": current.missing(),
        "flags": dict(sorted(flags.items())),
        "methods": current.counts("method"),
        "agreement": current.counts("agreement"),
        "attachment_texts": dict(attachments),
        "newest_publish_date": current.latest("newest"),
        "last_new_at": current.latest("new_at"),
        "coverage": covered,
        "months": current.months(),
        "kinds": overview.kinds(catalog, agency),
        "channels": overview.channels(catalog, agency, {row["channel"]: row["last_publish_date"] for row in covered}),
    }


def _current_sql() -> str:
    """Return the query of :class:`_Current`."""
    lacks = {name: f"v.{name} IS NULL" for name in COUNTED_FIELDS} | {"text": "v.text IS NULL AND v.method <> 'binary'"}
    bits = " | ".join(f"(({lacks[name]}) << {number})" for number, name in enumerate(COUNTED_FIELDS))
    return (
        f"SELECT d.state, v.flags, v.method, {_AGREEMENT} AS agreement, SUBSTR(v.publish_date, 1, 7) AS month,"  # noqa: S608 - constants
        f" CASE WHEN v.id IS NULL THEN 0 ELSE {bits} END AS missing, COUNT(*) AS n, COUNT(v.id) AS versions,"
        " MAX(v.publish_date) AS newest, MAX(d.first_captured_at) AS new_at FROM documents AS d"
        " LEFT JOIN versions AS v ON v.id = d.current_version_id WHERE d.agency = ? GROUP BY 1, 2, 3, 4, 5, 6"
    )


_CURRENT = _current_sql()


class _Current:
    """Documents with their current versions, in groups of equal state, flags, method, agreement, month and missing fields: read once.

    Rows of versions are as long as their texts; to go through them again for every figure was most of a count.
    """

    def __init__(self, groups: list[Row]) -> None:
        self._groups = groups

    def counts(self, name: str, *, every: bool = False) -> dict[str, int]:
        """Return how many have each value, the most frequent first; of those with a version, or of ``every`` document."""
        found: Counter[str] = Counter()
        for group in self._groups:
            if every or group["versions"]:
                found[group[name]] += group["n"]
        return dict(sorted(found.items(), key=lambda one: (-one[1], one[0])))

    def missing(self) -> dict[str, int]:
        """Return how many lack each field."""
        return {
            name: sum(group["n"] for group in self._groups if group["missing"] >> number & 1)
            for number, name in enumerate(COUNTED_FIELDS)
        }

    def latest(self, name: str) -> str | None:
        """Return the latest of a date or instant."""
        return max((group[name] for group in self._groups if group[name] is not None), default=None)

    def months(self) -> list[dict[str, Any]]:
        """Return rows of month (``YYYY-MM``), documents published in it, and how many of them are gone; undated ones are left out."""
        documents: Counter[str] = Counter()
        gone: Counter[str] = Counter()
        for group in self._groups:
            if group["month"] is not None:
                documents[group["month"]] += group["n"]
                gone[group["month"]] += group["n"] * (group["state"] in _GONE)
        return [{"month": month, "documents": documents[month], "gone": gone[month]} for month in sorted(documents)]
