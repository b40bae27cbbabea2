"""Versions, captures and crawls as rows for export, read from the catalog in constant memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from archive.catalog import Catalog
    from archive.rows import Row


def version_rows(catalog: Catalog, agency: str | None = None) -> Iterator[Row]:
    """Stream every version with its document's agency and URL and its place in the WARC, by document and number."""
    return catalog.rows(
        "SELECT d.agency, d.url, v.*, c.warc_file AS capture_warc_file, c.offset AS capture_offset,"
        " c.length AS capture_length, c.record_id AS capture_record_id, c.payload_digest AS capture_payload_digest"
        " FROM documents AS d JOIN versions AS v ON v.document_id = d.id JOIN captures AS c ON c.id = v.capture_id"
        " WHERE d.agency = COALESCE(?, d.agency) ORDER BY d.agency, d.id, v.number",
        (agency,),
    )


def capture_rows(catalog: Catalog, agency: str | None = None) -> Iterator[Row]:
    """Stream captures in the order of their rows."""
    return catalog.rows("SELECT * FROM captures WHERE agency = COALESCE(?, agency) ORDER BY id", (agency,))


def crawl_rows(catalog: Catalog, agency: str | None = None) -> Iterator[Row]:
    """Stream crawls with counts of their captures, payload bytes and failures, in the order in which they began."""
    return catalog.rows(
        "SELECT w.*, (SELECT COUNT(*) FROM captures AS c WHERE c.crawl_id = w.id) AS captures,"
        " (SELECT COALESCE(SUM(c.payload_bytes), 0) FROM captures AS c WHERE c.crawl_id = w.id) AS payload_bytes,"
        " (SELECT COUNT(*) FROM failures AS f WHERE f.crawl_id = w.id) AS failures"
        " FROM crawls AS w WHERE w.agency = COALESCE(?, w.agency) ORDER BY w.started_at, w.id",
        (agency,),
    )


def changes_by_kind(catalog: Catalog, crawl_id: str) -> dict[str, int]:
    """How many events of each kind a crawl found."""
    rows = catalog.rows(
        "SELECT change, COUNT(*) AS n FROM changes WHERE crawl_id = ? AND NOT (change = 'changed' AND fields = '[]')"
        " GROUP BY change ORDER BY change",
        (crawl_id,),
    )
    return {row["change"]: row["n"] for row in rows}
