"""What became of documents, told from an older catalog's versions, states and aliases: the data of migration 0006.

As frozen as the migration: it knows the columns that there were then, and nothing of the present catalog's functions. Of
looks that failed, an older catalog kept those at which a state changed; ``govcrawl rebuild`` finds the others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archive.textdiff import diff_texts, dump_diff

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlite_utils.db import Database

_COLUMNS = (
    "agency",
    "document_id",
    "change",
    "at",
    "crawl_id",
    "capture_id",
    "before_capture_id",
    "version_id",
    "previous_version_id",
    "fields",
    "diff",
    "from_url",
    "to_url",
    "reason",
)
_BATCH = 500

_VERSIONS = """
SELECT d.agency, v.id, v.document_id, v.number, v.captured_at, v.capture_id, v.changed_fields, v.text, c.crawl_id,
  p.id AS previous_id, p.text AS previous_text, p.capture_id AS previous_capture_id
FROM versions AS v JOIN documents AS d ON d.id = v.document_id JOIN captures AS c ON c.id = v.capture_id
LEFT JOIN versions AS p ON p.document_id = v.document_id AND p.number = v.number - 1
ORDER BY v.document_id, v.number
"""

_STATES = """
SELECT d.agency, s.*,
  (SELECT v.id FROM versions AS v WHERE v.document_id = s.document_id AND v.captured_at <= s.at
   ORDER BY v.number DESC LIMIT 1) AS version_id
FROM states AS s JOIN documents AS d ON d.id = s.document_id ORDER BY s.document_id, s.id
"""

_MOVES = """
SELECT d.agency, d.id AS document_id, d.url, a.url AS old_url, a.first_seen_at,
  MAX(o.id) AS old_capture_id, n.id AS capture_id, n.captured_at, n.crawl_id,
  (SELECT v.id FROM versions AS v WHERE v.document_id = d.id AND v.captured_at < n.captured_at
   ORDER BY v.number DESC LIMIT 1) AS version_id
FROM aliases AS a JOIN documents AS d ON d.id = a.document_id
JOIN captures AS f ON f.id = d.first_capture_id
JOIN captures AS o ON o.agency = a.agency AND o.url = a.url AND o.kind = 'document' AND o.status IN (200, 304)
JOIN captures AS n ON n.id = (
  SELECT MIN(c.id) FROM captures AS c WHERE c.agency = d.agency AND c.url = d.url AND c.status = 200 AND c.id > o.id)
WHERE f.url = a.url AND n.crawl_id <> f.crawl_id
GROUP BY a.agency, a.url_key ORDER BY d.id, a.first_seen_at
"""


def tell_older_changes(db: Database) -> None:
    """Put the events that an older catalog's rows tell, in the order of their instants."""
    names = ", ".join(_COLUMNS)
    db.execute(f"CREATE TEMP TABLE older_changes ({names}, rank)")
    marks = ", ".join("?" * (len(_COLUMNS) + 1))
    for events in (_versions(db), _moves(db), _states(db)):
        for event in events:
            values = [event.get(name) for name in _COLUMNS]
            db.execute(f"INSERT INTO older_changes VALUES ({marks})", (*values, event["rank"]))  # noqa: S608 - marks only
    db.execute(
        f"INSERT INTO changes ({names}) SELECT {names} FROM older_changes ORDER BY at, rank, rowid"  # noqa: S608 - constants
    )
    db.execute("DROP TABLE older_changes")
    _put_evidence(db)


def _rows(db: Database, sql: str) -> Iterator[dict[str, Any]]:
    """Rows of a query; in batches, so that rows may be put between them."""
    cursor = db.conn.execute(sql)
    names = [column[0] for column in cursor.description]
    while batch := cursor.fetchmany(_BATCH):
        for row in batch:
            yield dict(zip(names, row, strict=True))


def _versions(db: Database) -> Iterator[dict[str, Any]]:
    for row in _rows(db, _VERSIONS):
        event = {
            "agency": row["agency"],
            "document_id": row["document_id"],
            "change": "new",
            "at": row["captured_at"],
            "crawl_id": row["crawl_id"],
            "capture_id": row["capture_id"],
            "version_id": row["id"],
            "fields": "[]",
            "rank": 0,
        }
        if row["previous_id"] is not None:
            before, after = row["previous_text"] or "", row["text"] or ""
            event |= {
                "change": "changed",
                "before_capture_id": row["previous_capture_id"],
                "previous_version_id": row["previous_id"],
                "fields": row["changed_fields"],
                "diff": None if before == after else dump_diff(diff_texts(before, after)),
                "rank": 3,
            }
        yield event


def _moves(db: Database) -> Iterator[dict[str, Any]]:
    """Addresses that were a document's own and are its alias now, where another crawl found it elsewhere."""
    for row in _rows(db, _MOVES):
        yield {
            "agency": row["agency"],
            "document_id": row["document_id"],
            "change": "moved",
            "at": row["captured_at"],
            "crawl_id": row["crawl_id"],
            "capture_id": row["capture_id"],
            "before_capture_id": row["old_capture_id"],
            "version_id": row["version_id"],
            "fields": "[]",
            "from_url": row["old_url"],
            "to_url": row["url"],
            "rank": 1,
        }


def _states(db: Database) -> Iterator[dict[str, Any]]:
    before: dict[str, Any] = {}
    for row in _rows(db, _STATES):
        earlier = before if before.get("document_id") == row["document_id"] else None
        before = row
        change = row["state"]
        if change == "live":
            if earlier is None:
                continue  # first seen: its first version says so
            change = "listed" if earlier["state"] == "unlisted" else "restored"
        yield {
            "agency": row["agency"],
            "document_id": row["document_id"],
            "change": change,
            "at": row["at"],
            "crawl_id": row["crawl_id"],
            "capture_id": row["capture_id"],
            "before_capture_id": earlier["capture_id"] if earlier else None,
            "version_id": row["version_id"],
            "fields": "[]",
            "reason": row["reason"],
            "rank": 2,
        }


def _put_evidence(db: Database) -> None:
    """Put the looks at which a document was gone, and the pages of lists that did not show it."""
    db.execute(
        "INSERT INTO change_captures SELECT id, 0, 'absent', capture_id FROM changes"
        " WHERE change = 'suspected' AND capture_id IS NOT NULL"
    )
    db.execute(
        "INSERT INTO change_captures SELECT w.id, ROW_NUMBER() OVER (PARTITION BY w.id ORDER BY s.id) - 1, 'absent',"
        " s.capture_id FROM changes AS w JOIN changes AS s ON s.document_id = w.document_id AND s.id <= w.id"
        " AND s.change IN ('suspected', 'withdrawn') AND s.capture_id IS NOT NULL AND s.id >= COALESCE((SELECT MAX(r.id)"
        " FROM changes AS r WHERE r.document_id = w.document_id AND r.change = 'restored' AND r.id < w.id), 0)"
        " WHERE w.change = 'withdrawn'"
    )
    db.execute(
        "INSERT INTO change_captures SELECT e.id, ROW_NUMBER() OVER (PARTITION BY e.id ORDER BY c.id) - 1, 'list', c.id"
        " FROM changes AS e JOIN captures AS c ON c.crawl_id = e.crawl_id AND c.kind = 'list' AND c.status IN (200, 304)"
        " AND c.channel IN (SELECT l.channel FROM listings AS l WHERE l.document_id = e.document_id)"
        " WHERE e.change = 'unlisted'"
    )
    for row in _rows(
        db,
        "SELECT id, version_id, previous_version_id FROM changes WHERE change = 'changed'"
        " AND (fields LIKE '%\"attachments\"%' OR fields LIKE '%\"images\"%')",
    ):
        _put_files(db, row)


def _put_files(db: Database, row: dict[str, Any]) -> None:
    """Put the captures of files whose bytes only one of two versions has."""
    sql = (
        "SELECT f.capture_id FROM files AS f WHERE f.version_id = ?1 AND f.capture_id IS NOT NULL AND NOT EXISTS"
        " (SELECT 1 FROM files AS o WHERE o.version_id = ?2 AND o.sha256 IS f.sha256) ORDER BY f.kind, f.position"
    )
    ids = (row["previous_version_id"], row["version_id"])
    found = [("file_before", *one) for one in db.conn.execute(sql, ids)]
    found += [("file", *one) for one in db.conn.execute(sql, ids[::-1])]
    for position, (role, capture_id) in enumerate(found):
        db.execute("INSERT INTO change_captures VALUES (?, ?, ?, ?)", (row["id"], position, role, capture_id))
