"""What commands show and export, read from the catalog in constant memory.

Plain functions over a :class:`archive.catalog.Catalog`; wrap several in ``catalog.snapshot()`` for one view. Rows come as
dicts by column name; JSON columns stay text unless a function says otherwise.
"""

from __future__ import annotations

import difflib
import heapq
import json
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from archive.catalog_texts import TEXT_COLUMNS, text_counts
from archive.errors import CatalogError

if TYPE_CHECKING:
    from collections.abc import Iterator

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

_PLACE = """
  c.warc_file AS capture_warc_file, c.offset AS capture_offset, c.length AS capture_length,
  c.record_id AS capture_record_id, c.payload_digest AS capture_payload_digest"""

_AGREEMENT = (
    "CASE WHEN v.agreement IS NULL THEN 'none' WHEN v.agreement = 1 THEN '1' WHEN v.agreement >= 0.85 THEN '0.85-1'"
    " ELSE '<0.85' END"
)
_CURRENT = (
    "SELECT {} AS name, COUNT(*) AS n FROM documents AS d JOIN versions AS v ON v.id = d.current_version_id"
    " WHERE d.agency = ? GROUP BY 1 ORDER BY 2 DESC, 1"
)

_DOCUMENTS = f"""
SELECT d.id AS document_id, d.agency, d.url, d.key, d.state, d.state_since_at, d.first_captured_at, d.last_captured_at,
  d.last_checked_at, d.failures, v.*, {_PLACE}
FROM documents AS d
JOIN versions AS v ON v.id = d.current_version_id
JOIN captures AS c ON c.id = v.capture_id
"""  # noqa: S608 - put together from constants


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


def agencies(catalog: Catalog) -> list[Row]:
    """Rows of all agencies, by name."""
    return list(catalog.rows("SELECT * FROM agencies ORDER BY name"))


def check_agency(catalog: Catalog, agency: str) -> None:
    """Raise unless the catalog knows the agency.

    Raises:
        CatalogError: it does not; the message names those it knows.
    """
    names = [row["name"] for row in agencies(catalog)]
    if agency not in names:
        known = f"it knows {', '.join(names)}" if names else "it knows none yet"
        raise CatalogError(
            f"catalog {catalog.file.path} has no agency {agency!r}: {known}; crawl it first (scrapy crawl)"
        )


def channel_names(catalog: Catalog, agency: str | None = None) -> list[str]:
    """Names of the channels of an agency, or of all, each once, sorted."""
    sql = "SELECT DISTINCT name FROM channels WHERE agency = COALESCE(?, agency) ORDER BY name"
    return [row["name"] for row in catalog.rows(sql, (agency,))]


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
    conditions = ["1"]
    parameters: list[str] = []
    if agency is not None:
        conditions.append("d.agency = ?")
        parameters.append(agency)
    if since is not None:
        conditions.append("(v.publish_date IS NULL OR v.publish_date >= ?)")
        parameters.append(since)
    if changed_since is not None:
        conditions.append("(v.captured_at >= ? OR d.state_since_at >= ?)")
        parameters += [changed_since, changed_since]
    return catalog.rows(f"{_DOCUMENTS} WHERE {' AND '.join(conditions)} ORDER BY d.agency, d.id", parameters)


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


def channels(catalog: Catalog, document_id: str) -> list[str]:
    """Printed names of the channels that list (or listed) a document, in the agency's order."""
    rows = catalog.rows(
        "SELECT l.channel FROM listings AS l LEFT JOIN channels AS c ON c.agency = l.agency AND c.name = l.channel"
        " WHERE l.document_id = ? GROUP BY l.channel ORDER BY c.position IS NULL, c.position, l.channel",
        (document_id,),
    )
    return [row["channel"] for row in rows]


def files(catalog: Catalog, version_id: int, kind: str) -> list[Row]:
    """Attachments (``attachment``) or images (``image``) of a version with places in the WARC and texts, in order."""
    texts = "".join(f", t.{name}" for name in TEXT_COLUMNS)
    sql = (
        f"SELECT f.*, {_PLACE}{texts} FROM files AS f LEFT JOIN captures AS c ON c.id = f.capture_id"  # noqa: S608 - constants
        " LEFT JOIN file_texts AS t ON t.sha256 = f.sha256"
    )
    return list(
        catalog.rows(f"{sql} WHERE f.version_id = ? AND f.kind = ? ORDER BY f.position", (version_id, kind)),
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


LEAST_LIKE = 0.8
"""Share of characters that an id or address must have in common with what was asked for, to be what was meant."""


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

    rows = catalog.rows("SELECT id, url FROM documents ORDER BY id")
    alike = ((likeness(row), row["id"]) for row in rows)
    return [found for like, found in heapq.nlargest(count, (one for one in alike if one[0] >= LEAST_LIKE))]


def agency_status(catalog: Catalog, agency: Row) -> AgencyStatus:
    """What the archive holds of an agency (a row of :func:`agencies`)."""
    name = agency["name"]

    def counts(sql: str) -> dict[str, int]:
        return {row["name"]: row["n"] for row in catalog.rows(sql, (name,))}

    def one(sql: str) -> Row:
        return next(catalog.rows(sql, (name,)))

    states_found = counts("SELECT state AS name, COUNT(*) AS n FROM documents WHERE agency = ? GROUP BY state")
    flags: Counter[str] = Counter()
    for names, n in counts(
        "SELECT v.flags AS name, COUNT(*) AS n FROM documents AS d JOIN versions AS v ON v.id = d.current_version_id"
        " WHERE d.agency = ? GROUP BY v.flags"
    ).items():
        for flag in json.loads(names):
            flags[flag] += n
    attachments = one(
        "SELECT COUNT(*) AS n, COALESCE(SUM(f.sha256 IS NULL), 0) AS missing FROM documents AS d"
        " JOIN files AS f ON f.version_id = d.current_version_id AND f.kind = 'attachment' WHERE d.agency = ?"
    )
    warc = one(
        "SELECT COUNT(*) AS n, COALESCE(SUM(COALESCE(w.bytes, (SELECT MAX(c.offset + c.group_length) FROM captures AS c"
        " WHERE c.warc_file = w.path), 0)), 0) AS bytes FROM warc_files AS w WHERE w.agency = ?"
    )
    success = one("SELECT MAX(finished_at) AS at FROM crawls WHERE agency = ? AND outcome = 'finished'")
    crawl = next(
        catalog.rows("SELECT * FROM crawls WHERE agency = ? ORDER BY started_at DESC, id DESC LIMIT 1", (name,)), None
    )
    return AgencyStatus(
        agency=name,
        title=agency["title"],
        documents=sum(states_found.values()),
        states={state: states_found.get(state, 0) for state in ("live", "unlisted", "suspected", "withdrawn")},
        versions=one(
            "SELECT COUNT(*) AS n FROM documents AS d JOIN versions AS v ON v.document_id = d.id WHERE d.agency = ?"
        )["n"],
        captures=one("SELECT COUNT(*) AS n FROM captures WHERE agency = ?")["n"],
        warc_files=warc["n"],
        warc_bytes=warc["bytes"],
        attachments=attachments["n"],
        attachments_missing=attachments["missing"],
        last_crawl=_crawl_facts(crawl) if crawl else None,
        last_success_at=success["at"],
        failures=_failures(catalog, crawl["id"]) if crawl else {},
        missing=_missing(one(_missing_sql())),
        flags=dict(sorted(flags.items())),
        methods=counts(_CURRENT.format("v.method")),
        agreement=counts(_CURRENT.format(_AGREEMENT)),
        attachment_texts=text_counts(catalog, name),
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
