"""What commands show and export, read from the catalog in constant memory.

Plain functions over a :class:`archive.catalog.Catalog`; wrap several in ``catalog.snapshot()`` for one view. Rows come as
dicts by column name; JSON columns stay text unless a function says otherwise.
"""

from __future__ import annotations

import difflib
import heapq
import json
from typing import TYPE_CHECKING

from archive.catalog_texts import TEXT_COLUMNS
from archive.errors import UnknownAgency
from archive.rows import of_agency

if TYPE_CHECKING:
    from collections.abc import Iterator

    from archive.catalog import Catalog
    from archive.rows import Row

_PLACE = """
  c.warc_file AS capture_warc_file, c.offset AS capture_offset, c.length AS capture_length,
  c.record_id AS capture_record_id, c.payload_digest AS capture_payload_digest"""

# beside each document, in its own statement: four more statements for each of a million take longer than all the rest
_OF_DOCUMENT = """
  (SELECT COUNT(*) FROM versions AS n WHERE n.document_id = d.id) AS version_count,
  (SELECT json_group_array(url) FROM (SELECT url FROM aliases WHERE document_id = d.id ORDER BY url)) AS alias_urls,
  (SELECT json_group_array(channel) FROM (SELECT l.channel FROM listings AS l
    LEFT JOIN channels AS k ON k.agency = l.agency AND k.name = l.channel WHERE l.document_id = d.id
    GROUP BY l.channel ORDER BY k.position IS NULL, k.position, l.channel)) AS channel_names,
  EXISTS (SELECT 1 FROM files AS f WHERE f.version_id = v.id) AS has_files"""

_DOCUMENTS = f"""
SELECT d.id AS document_id, d.agency, d.url, d.key, d.state, d.state_since_at, d.first_captured_at, d.last_captured_at,
  d.last_checked_at, d.failures, {_OF_DOCUMENT}, v.*, {_PLACE}
FROM documents AS d
JOIN versions AS v ON v.id = d.current_version_id
JOIN captures AS c ON c.id = v.capture_id
"""  # noqa: S608 - put together from constants


_CHANGED = (
    "WITH changed AS MATERIALIZED (SELECT document_id AS id FROM versions WHERE captured_at >= ?"
    " UNION SELECT id FROM documents WHERE state_since_at >= ?)"
)
"""Ids of documents with a version or another state since an instant: by indexes, so that what has not changed is not read."""


def agencies(catalog: Catalog) -> list[Row]:
    """Rows of all agencies, by name."""
    return list(catalog.rows("SELECT * FROM agencies ORDER BY name"))


def check_agency(catalog: Catalog, agency: str) -> None:
    """Raise unless the catalog knows the agency.

    Raises:
        UnknownAgency: it does not; the message names those it knows.
    """
    names = [row["name"] for row in agencies(catalog)]
    if agency not in names:
        known = f"it knows {', '.join(names)}" if names else "it knows none yet"
        there = f"有 {'、'.join(names)}" if names else "还没有机构"
        raise UnknownAgency(
            f"catalog {catalog.file.path} has no agency {agency!r}: {known}; crawl it first (scrapy crawl)",
            zh=f"目录库 {catalog.file.path} 里没有机构 {agency!r}（{there}）；请先抓取（scrapy crawl）",
        )


def channel_names(catalog: Catalog, agency: str | None = None) -> list[str]:
    """Names of the channels of an agency, or of all, each once, sorted."""
    condition, given = of_agency("agency", agency)
    sql = f"SELECT DISTINCT name FROM channels WHERE {condition} ORDER BY name"  # noqa: S608 - own words
    return [row["name"] for row in catalog.rows(sql, given)]


def document_rows(
    catalog: Catalog, *, agency: str | None = None, since: str | None = None, changed_since: str | None = None
) -> Iterator[Row]:
    """Stream documents with their current version and its place in the WARC, by agency and document id.

    Args:
        catalog: what to read from.
        agency: only this one.
        since: only those published on or after this local day; undated ones are kept.
        changed_since: only those that have got a version or another state at or after this UTC instant or day.
    """
    condition, given = of_agency("d.agency", agency)
    conditions, parameters = [condition], list(given)
    if since is not None:
        conditions.append("(v.publish_date IS NULL OR v.publish_date >= ?)")
        parameters.append(since)
    sql = _DOCUMENTS
    if changed_since is not None:
        sql = _CHANGED + sql.replace(
            "FROM documents AS d", "FROM changed AS n CROSS JOIN documents AS d ON d.id = n.id"
        )
        parameters = [changed_since, changed_since, *parameters]
    return catalog.rows(f"{sql} WHERE {' AND '.join(conditions)} ORDER BY d.agency, d.id", parameters)


def document_row(catalog: Catalog, document_id: str, version: int | None = None) -> Row | None:
    """One document as :func:`document_rows` gives it, with another version in place of the current one when asked."""
    if version is None:
        return next(catalog.rows(f"{_DOCUMENTS} WHERE d.id = ?", (document_id,)), None)
    sql = _DOCUMENTS.replace("v.id = d.current_version_id", "v.document_id = d.id")
    return next(catalog.rows(f"{sql} WHERE d.id = ? AND v.number = ?", (document_id, version)), None)


def version_count(catalog: Catalog, document_id: str) -> int:
    """How many versions a document has."""
    row = next(catalog.rows("SELECT COUNT(*) AS n FROM versions WHERE document_id = ?", (document_id,)))
    return int(row["n"])


def aliases(catalog: Catalog, document_id: str) -> list[str]:
    """Other URLs of a document, sorted."""
    rows = catalog.rows("SELECT url FROM aliases WHERE document_id = ? ORDER BY url", (document_id,))
    return [row["url"] for row in rows]


def files(catalog: Catalog, version_id: int, kind: str | None = None) -> list[Row]:
    """Attachments (``attachment``), images (``image``) or both of a version with places in the WARC and texts, in order."""
    texts = "".join(f", t.{name}" for name in TEXT_COLUMNS)
    sql = (
        f"SELECT f.*, {_PLACE}{texts} FROM files AS f LEFT JOIN captures AS c ON c.id = f.capture_id"  # noqa: S608 - constants
        " LEFT JOIN file_texts AS t ON t.sha256 = f.sha256"
    )
    return list(
        catalog.rows(
            f"{sql} WHERE f.version_id = ?1 AND (?2 IS NULL OR f.kind = ?2) ORDER BY f.kind, f.position",
            (version_id, kind),
        ),
    )


def versions(catalog: Catalog, document_id: str) -> list[Row]:
    """All versions of a document, without their texts, with their places in the WARC, in order."""
    sql = (
        "SELECT v.number, v.captured_at, v.version_digest, v.text_digest, v.title, v.changed_fields, v.method,"  # noqa: S608
        f" v.extractor_version, c.crawl_id, {_PLACE} FROM versions AS v JOIN captures AS c ON c.id = v.capture_id"
    )
    return list(catalog.rows(f"{sql} WHERE v.document_id = ? ORDER BY v.number", (document_id,)))


def states(catalog: Catalog, document_id: str) -> list[Row]:
    """The state history of a document, in order."""
    return list(
        catalog.rows(
            "SELECT s.state, s.at, s.reason, s.crawl_id, s.capture_id, c.record_id FROM states AS s"
            " LEFT JOIN captures AS c ON c.id = s.capture_id WHERE s.document_id = ? ORDER BY s.id",
            (document_id,),
        )
    )


def find_ids(catalog: Catalog, wanted: str, url_key: str | None) -> list[str]:
    """Ids of the documents with this id, this exact URL (canonical or alias), or this address whatever the scheme."""
    rows = catalog.rows(
        "SELECT id FROM documents WHERE id = ?1 OR url = ?1 OR url_key = ?2"
        " UNION SELECT document_id FROM aliases WHERE url = ?1 OR url_key = ?2 ORDER BY 1",
        (wanted, url_key),
    )
    return [row["id"] for row in rows]


_NEAR = """
SELECT id, url FROM documents WHERE agency IN (SELECT value FROM json_each(?1))
UNION SELECT id, url FROM documents WHERE url > 'http://' || ?2 || '/' AND url < 'http://' || ?2 || '0'
UNION SELECT id, url FROM documents WHERE url > 'https://' || ?2 || '/' AND url < 'https://' || ?2 || '0'
ORDER BY id"""
"""Documents of some agencies, and those on a host: what a mistyped id or address can mean ("0" comes after "/")."""

LEAST_LIKE = 0.8
"""Share of characters that an id or address must have in common with what was asked for, to be what was meant."""


def _agencies_like(catalog: Catalog, wanted: str) -> list[str]:
    """Return the agencies whose name looks like what an id begins with."""
    begins = wanted.rpartition("-")[0]
    return difflib.get_close_matches(begins, [row["name"] for row in agencies(catalog)], n=5, cutoff=LEAST_LIKE)


def nearest_ids(catalog: Catalog, wanted: str, count: int = 3) -> list[str]:
    """Ids of the documents whose id or URL looks like what was asked for but for a few characters, best first; empty where none does."""
    wanted = wanted.rpartition("://")[2]
    matcher = difflib.SequenceMatcher(b=wanted, autojunk=False)

    def likeness(row: Row) -> float:
        best = 0.0
        for text in (row["id"], row["url"].rpartition("://")[2]):
            if "/" in text and "/" in wanted and text.partition("/")[0] != wanted.partition("/")[0]:
                continue  # the address of another site
            matcher.set_seq1(text)
            if matcher.quick_ratio() > max(best, LEAST_LIKE):
                best = max(best, matcher.ratio())
        return best

    rows = catalog.rows(_NEAR, (json.dumps(_agencies_like(catalog, wanted)), wanted.partition("/")[0]))
    alike = ((likeness(row), row["id"]) for row in rows)
    return [found for like, found in heapq.nlargest(count, (one for one in alike if one[0] >= LEAST_LIKE))]
