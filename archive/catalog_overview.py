"""What an agency disclosed and how its archive stands, counted for pages and reports."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from archive.catalog import Catalog
    from archive.rows import Row


def kinds(catalog: Catalog, agency: str) -> list[Row]:
    """Rows of kind (NULL where no rule fires) and how many documents have it, the most frequent first."""
    sql = "SELECT kind, COUNT(*) AS documents FROM search_rows WHERE agency = ? GROUP BY kind ORDER BY 2 DESC, 1"
    return list(catalog.rows(sql, (agency,)))


def channels(catalog: Catalog, agency: str, newest: Mapping[str, str | None]) -> list[Row]:
    """Rows of an agency's channels in its order: what their lists show, what of it is archived, and how fresh that is.

    ``newest`` is the latest publication of the documents of each channel.
    """
    rows = catalog.rows(
        "SELECT c.name, c.seed_url, c.total, c.walked_to_end_at, COUNT(l.url_key) AS listed,"
        " SUM(l.document_id IS NOT NULL) AS archived, SUM(l.offsite) AS offsite,"
        " SUM(l.document_id IS NULL AND NOT l.offsite) AS missing"
        " FROM channels AS c LEFT JOIN listings AS l ON l.agency = c.agency AND l.channel = c.name"
        " WHERE c.agency = ? GROUP BY c.name ORDER BY c.position, c.name",
        (agency,),
    )
    return [{**row, "newest": newest.get(row["name"])} for row in rows]


def crawls(catalog: Catalog, agency: str, most: int) -> list[Row]:
    """Rows of an agency's latest crawls, the latest first."""
    sql = "SELECT * FROM crawls WHERE agency = ? ORDER BY started_at DESC, id DESC LIMIT ?"
    return list(catalog.rows(sql, (agency, most)))
