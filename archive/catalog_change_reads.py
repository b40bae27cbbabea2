"""What became of documents, read from the catalog in constant memory: events, what shows them, two versions compared.

Plain functions over a :class:`archive.catalog.Catalog`, as in :mod:`archive.catalog_reads`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from archive.catalog_documents import files_of
from archive.comparison import compare, content_of_version
from archive.errors import CatalogError
from archive.textdiff import load_diff

if TYPE_CHECKING:
    from collections.abc import Generator

    from archive.catalog import Catalog
    from archive.comparison import Comparison, VersionContent
    from archive.rows import Row
    from archive.textdiff import TextDiff

_EVENTS = """
SELECT e.*, d.url, d.state, g.title AS agency_title,
  COALESCE(v.title, (SELECT l.title FROM listings AS l WHERE l.document_id = d.id LIMIT 1)) AS title,
  v.number AS version, p.number AS previous_version, v.publish_date, v.document_number,
  c.record_id, c.captured_at, c.status AS capture_status, b.record_id AS before_record_id
FROM changes AS e JOIN documents AS d ON d.id = e.document_id JOIN agencies AS g ON g.name = e.agency
LEFT JOIN versions AS v ON v.id = e.version_id LEFT JOIN versions AS p ON p.id = e.previous_version_id
LEFT JOIN captures AS c ON c.id = e.capture_id LEFT JOIN captures AS b ON b.id = e.before_capture_id
"""
_REAL = "NOT (e.change = 'changed' AND e.fields = '[]')"  # one that the present extractor does not see is none


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Which events: each condition that is given holds. Instants are UTC as the catalog writes them, until excluded."""

    since: str | None = None
    until: str | None = None
    agency: str | None = None
    channel: str | None = None  # that lists (or listed) the document
    kinds: tuple[str, ...] = ()
    document_id: str | None = None
    crawl_id: str | None = None


def find_changes(
    catalog: Catalog, choice: Choice | None = None, *, limit: int | None = None, latest_first: bool = False
) -> Generator[Row]:
    """Stream events as dicts: the columns of ``changes`` (``fields`` as a list) and what a reader needs beside them.

    Beside them stand ``title`` and ``url`` of the document, ``agency_title``, ``state`` now, numbers of the versions, and
    the record ids of the captures. In the order of their instants; ``limit`` counts from the end that comes first.
    """
    wanted = choice or Choice()
    conditions = [_REAL]
    parameters: list[Any] = []
    for condition, value in (
        ("e.at >= ?", wanted.since),
        ("e.at < ?", wanted.until),
        ("e.agency = ?", wanted.agency),
        ("e.document_id = ?", wanted.document_id),
        ("e.crawl_id = ?", wanted.crawl_id),
        ("EXISTS (SELECT 1 FROM listings AS l WHERE l.document_id = e.document_id AND l.channel = ?)", wanted.channel),
        ("e.change IN (SELECT value FROM json_each(?))", json.dumps(wanted.kinds) if wanted.kinds else None),
    ):
        if value is not None:
            conditions.append(condition)
            parameters.append(value)
    order = "e.at DESC, e.id DESC" if latest_first else "e.at, e.id"
    sql = f"{_EVENTS} WHERE {' AND '.join(conditions)} ORDER BY {order} LIMIT ?"
    for row in catalog.rows(sql, (*parameters, -1 if limit is None else limit)):
        yield {**row, "fields": json.loads(row["fields"])}


def change_row(catalog: Catalog, change_id: int) -> Row | None:
    """One event as :func:`find_changes` gives it."""
    row = next(catalog.rows(f"{_EVENTS} WHERE e.id = ?", (change_id,)), None)
    return row and {**row, "fields": json.loads(row["fields"])}


def change_captures(catalog: Catalog, change_id: int) -> list[Row]:
    """Every capture that shows an event, with its role and its place in the WARC.

    Roles: ``before`` (what was before), ``page`` (the one that the event names), then those of ``change_captures``.
    """
    return list(
        catalog.rows(
            "SELECT s.role, c.* FROM ("
            " SELECT 'before' AS role, before_capture_id AS capture_id, -2 AS position FROM changes WHERE id = ?1"
            " UNION ALL SELECT 'page', capture_id, -1 FROM changes WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM"
            "  change_captures AS m WHERE m.change_id = ?1 AND m.capture_id = changes.capture_id)"
            " UNION ALL SELECT role, capture_id, position FROM change_captures WHERE change_id = ?1"
            ") AS s JOIN captures AS c ON c.id = s.capture_id ORDER BY s.position",
            (change_id,),
        )
    )


def text_diff(catalog: Catalog, change: Row) -> TextDiff | None:
    """The text diff of an event as it was stored, ``None`` where the text is the same."""
    if change["diff"] is None:
        return None
    row = next(catalog.rows("SELECT text FROM versions WHERE id = ?", (change["previous_version_id"],)), None)
    return load_diff(change["diff"], (row and row["text"]) or "")


def version_id(catalog: Catalog, document_id: str, number: int) -> int:
    """The row number of a version.

    Raises:
        CatalogError: the document has no such version; the message says which it has.
    """
    rows = list(catalog.rows("SELECT id, number FROM versions WHERE document_id = ? ORDER BY number", (document_id,)))
    found = next((row["id"] for row in rows if row["number"] == number), None)
    if found is None:
        raise CatalogError(
            f"{document_id} has no version {number}; it has 1 to {len(rows)}",
            zh=f"{document_id} 没有第 {number} 版，共 {len(rows)} 版",
        )
    return int(found)


def version_content(catalog: Catalog, version: int) -> VersionContent:
    """What a version (by row number) is compared by.

    Raises:
        CatalogError: there is no such version.
    """
    row = next(catalog.rows("SELECT * FROM versions WHERE id = ?", (version,)), None)
    if row is None:
        raise CatalogError(f"catalog {catalog.file.path} has no version with row number {version}")
    return content_of_version(row, *files_of(catalog.file, version))


def compare_versions(catalog: Catalog, before: int, after: int) -> Comparison:
    """Compare two versions, by row number; of the same document or of two.

    The text diff that was stored with the version is taken where it leads from one to the other.

    Raises:
        CatalogError: there is no such version.
    """
    stored = next(
        catalog.rows(
            "SELECT diff, previous_version_id FROM changes WHERE version_id = ? AND previous_version_id = ?"
            " AND change = 'changed'",
            (after, before),
        ),
        None,
    )
    return compare(
        version_content(catalog, before),
        version_content(catalog, after),
        text=text_diff(catalog, stored) if stored else None,
    )
