"""Versions, captures and crawls as rows for export, read from the catalog in constant memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archive.rows import of_agency

if TYPE_CHECKING:
    from collections.abc import Iterator

    from archive.catalog import Catalog
    from archive.rows import Row


def version_rows(catalog: Catalog, agency: str | None = None) -> Iterator[Row]:
    """Stream every version with its document's agency and URL and its place in the WARC, by document and number."""
    condition, given = of_agency("d.agency", agency)
    return catalog.rows(
        "SELECT d.agency, d.url, v.*, c.warc_file AS capture_warc_file, c.offset AS capture_offset,"  # noqa: S608 - own words
        " c.length AS capture_length, c.record_id AS capture_record_id, c.payload_digest AS capture_payload_digest"
        " FROM documents AS d CROSS JOIN versions AS v ON v.document_id = d.id JOIN captures AS c ON c.id = v.capture_id"
        f" WHERE {condition} ORDER BY d.agency, d.id, v.number",
        given,
    )


def capture_rows(catalog: Catalog, agency: str | None = None) -> Iterator[Row]:
    """Stream captures in the order of their rows."""
    if agency is None:
        return catalog.rows("SELECT * FROM captures ORDER BY id")
    ids = "SELECT id FROM captures WHERE agency = ?"  # sorted are numbers, not rows
    return catalog.rows(f"SELECT * FROM captures WHERE id IN ({ids}) ORDER BY id", (agency,))  # noqa: S608 - own words


def crawl_rows(catalog: Catalog, agency: str | None = None) -> Iterator[Row]:
    """Stream crawls with counts of their captures, payload bytes and failures, in the order in which they began."""
    condition, given = of_agency("w.agency", agency)
    return catalog.rows(
        "SELECT w.*, (SELECT COUNT(*) FROM captures AS c WHERE c.crawl_id = w.id) AS captures,"  # noqa: S608 - own words
        " (SELECT COALESCE(SUM(c.payload_bytes), 0) FROM captures AS c WHERE c.crawl_id = w.id) AS payload_bytes,"
        " (SELECT COUNT(*) FROM failures AS f WHERE f.crawl_id = w.id) AS failures"
        f" FROM crawls AS w WHERE {condition} ORDER BY w.started_at, w.id",
        given,
    )


def changes_by_kind(catalog: Catalog, crawl_id: str) -> dict[str, int]:
    """How many events of each kind a crawl found."""
    rows = catalog.rows(
        "SELECT change, COUNT(*) AS n FROM changes WHERE crawl_id = ? AND NOT (change = 'changed' AND fields = '[]')"
        " GROUP BY change ORDER BY change",
        (crawl_id,),
    )
    return {row["change"]: row["n"] for row in rows}
