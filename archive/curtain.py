"""The one place where withheld documents are left out: what a reader of the catalog sees.

A reader's connection gets temporary views that bear the names of the catalog's tables and leave out every row of a withheld
document. SQLite looks a name up among the temporary ones first, so that every query there is, or will be, is answered without
them; only ``main.TABLE`` reaches behind. Without a withheld document there is no view and nothing costs anything.

What hides: the document with its versions, files, listings, aliases, states, changes and index entry, and the captures of its
addresses and files with every capture of the same content. What another document shows as its own is not hidden.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from archive.withheld import LOG_NAME, Change, read_log, redactor

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path

    from archive.catalog import Catalog

_OF_DOCUMENT = ("versions", "aliases", "states", "changes", "search_rows")

HIDING = (
    *("change_captures", "files", "file_texts", "captures", "failures", "listings", "frontier"),
    *("aliases", "states", "changes", "search_rows", "versions", "documents"),
)
"""Tables that a view stands before; first those whose view looks into another of them."""

REDACTED = (("findings", "facts"), ("crawls", "reason"))
"""Tables with sentences about more than one document: their rows stay, addresses in them do not."""

# CROSS JOIN: what is hidden is little and comes first; SQLite knows no sizes here and would walk through all captures
_GATHER = """
CREATE TEMP TABLE hidden_addresses (agency TEXT, url TEXT, url_key TEXT, PRIMARY KEY (agency, url)) WITHOUT ROWID;
INSERT OR IGNORE INTO hidden_addresses
  SELECT d.agency, d.url, d.url_key FROM hidden_documents AS h CROSS JOIN main.documents AS d ON d.id = h.id
  UNION ALL SELECT a.agency, a.url, a.url_key FROM hidden_documents AS h CROSS JOIN main.aliases AS a ON a.document_id = h.id
  UNION ALL SELECT l.agency, l.url, l.url_key FROM hidden_documents AS h CROSS JOIN main.listings AS l ON l.document_id = h.id
  UNION ALL SELECT c.agency, c.url, d.url_key FROM hidden_documents AS h CROSS JOIN main.documents AS d ON d.id = h.id
    CROSS JOIN main.versions AS v ON v.document_id = h.id CROSS JOIN main.captures AS c ON c.id = v.capture_id;
CREATE INDEX temp.hidden_keys ON hidden_addresses (agency, url_key);
CREATE TEMP TABLE hidden_files (sha256 TEXT PRIMARY KEY) WITHOUT ROWID;
INSERT OR IGNORE INTO hidden_files
  SELECT f.sha256 FROM hidden_documents AS h CROSS JOIN main.versions AS v ON v.document_id = h.id
  CROSS JOIN main.files AS f ON f.version_id = v.id WHERE f.sha256 IS NOT NULL AND NOT EXISTS (
    SELECT 1 FROM main.files AS other CROSS JOIN main.versions AS o ON o.id = other.version_id
    WHERE other.sha256 = f.sha256 AND o.document_id NOT IN (SELECT id FROM hidden_documents));
CREATE TEMP TABLE hidden_captures (id INTEGER PRIMARY KEY);
INSERT OR IGNORE INTO hidden_captures
  SELECT c.id FROM hidden_addresses AS a CROSS JOIN main.captures AS c ON c.agency = a.agency AND c.url = a.url
  UNION SELECT v.capture_id FROM hidden_documents AS h CROSS JOIN main.versions AS v ON v.document_id = h.id
  UNION SELECT c.id FROM hidden_documents AS h CROSS JOIN main.versions AS v ON v.document_id = h.id
    CROSS JOIN main.files AS f ON f.version_id = v.id CROSS JOIN main.documents AS d ON d.id = h.id
    CROSS JOIN main.captures AS c ON c.agency = d.agency AND c.url = f.url
  UNION SELECT f.capture_id FROM hidden_documents AS h CROSS JOIN main.versions AS v ON v.document_id = h.id
    CROSS JOIN main.files AS f ON f.version_id = v.id WHERE f.capture_id IS NOT NULL;
"""

_HIDE_EQUAL = """
INSERT OR IGNORE INTO hidden_captures
  SELECT same.id FROM hidden_captures AS h CROSS JOIN main.captures AS c ON c.id = h.id
  CROSS JOIN main.captures AS same ON same.payload_digest = c.payload_digest
  WHERE c.status = 200 AND c.payload_bytes > 0;
CREATE TEMP TABLE shown_captures (id INTEGER PRIMARY KEY);
INSERT OR IGNORE INTO shown_captures
  SELECT h.id FROM hidden_captures AS h CROSS JOIN main.versions AS v ON v.capture_id = h.id
    WHERE v.document_id NOT IN (SELECT id FROM hidden_documents)
  UNION SELECT h.id FROM hidden_captures AS h CROSS JOIN main.captures AS c ON c.id = h.id
    CROSS JOIN main.files AS f ON f.url = c.url AND f.capture_id = h.id CROSS JOIN main.versions AS v ON v.id = f.version_id
    WHERE v.document_id NOT IN (SELECT id FROM hidden_documents);
INSERT OR IGNORE INTO shown_captures
  SELECT o.id FROM shown_captures AS s CROSS JOIN main.captures AS c ON c.id = s.id
  CROSS JOIN main.captures AS o ON o.agency = c.agency AND o.record_id = c.refers_to;
DELETE FROM hidden_captures WHERE id IN (SELECT id FROM shown_captures);
DROP TABLE temp.shown_captures;
"""

_HIDE_LISTS = """
INSERT OR IGNORE INTO hidden_captures
  SELECT c.id FROM hidden_addresses AS a CROSS JOIN main.listings AS l ON l.agency = a.agency AND l.url_key = a.url_key
  CROSS JOIN main.captures AS c ON c.agency = l.agency AND c.kind IN ('list', 'home')
    AND (c.channel = l.channel OR c.channel IS NULL) AND c.captured_at <= (
      SELECT COALESCE(MAX(k.finished_at), '9999') FROM main.crawls AS k WHERE k.id = l.last_crawl_id)
    AND c.captured_at >= (SELECT MIN(k.started_at) FROM main.crawls AS k WHERE k.id = l.first_crawl_id);
INSERT OR IGNORE INTO hidden_captures
  SELECT c.id FROM main.captures AS c WHERE c.refers_to IN
    (SELECT o.record_id FROM hidden_captures AS h CROSS JOIN main.captures AS o ON o.id = h.id);
"""

_OF_A_DOCUMENT = """
CREATE TEMP VIEW {0} AS SELECT * FROM main.{0} AS t WHERE NOT EXISTS
  (SELECT 1 FROM temp.hidden_documents AS h WHERE h.id = t.document_id);
"""

_OTHERS = """
CREATE TEMP VIEW documents AS SELECT * FROM main.documents AS t WHERE NOT EXISTS
  (SELECT 1 FROM temp.hidden_documents AS h WHERE h.id = t.id);
CREATE TEMP VIEW listings AS SELECT * FROM main.listings AS t WHERE NOT EXISTS
  (SELECT 1 FROM temp.hidden_addresses AS h WHERE h.agency = t.agency AND h.url_key = t.url_key)
  AND NOT EXISTS (SELECT 1 FROM temp.hidden_documents AS h WHERE h.id = t.document_id);
CREATE TEMP VIEW files AS SELECT * FROM main.files AS t WHERE NOT EXISTS
  (SELECT 1 FROM main.versions AS v JOIN temp.hidden_documents AS h ON h.id = v.document_id WHERE v.id = t.version_id);
CREATE TEMP VIEW attachments AS SELECT * FROM temp.files WHERE kind = 'attachment';
CREATE TEMP VIEW file_texts AS SELECT * FROM main.file_texts AS t WHERE NOT EXISTS
  (SELECT 1 FROM temp.hidden_files AS h WHERE h.sha256 = t.sha256);
CREATE TEMP VIEW captures AS SELECT * FROM main.captures AS t WHERE NOT EXISTS
  (SELECT 1 FROM temp.hidden_captures AS h WHERE h.id = t.id);
CREATE TEMP VIEW change_captures AS SELECT * FROM main.change_captures AS t WHERE NOT EXISTS
  (SELECT 1 FROM main.changes AS c JOIN temp.hidden_documents AS h ON h.id = c.document_id WHERE c.id = t.change_id);
CREATE TEMP VIEW failures AS SELECT * FROM main.failures AS t WHERE NOT EXISTS
  (SELECT 1 FROM temp.hidden_addresses AS h WHERE h.agency = t.agency AND h.url = t.url);
CREATE TEMP VIEW frontier AS SELECT * FROM main.frontier WHERE 0;
"""

_VIEWS = "".join(map(_OF_A_DOCUMENT.format, _OF_DOCUMENT)) + _OTHERS


def draw(conn: sqlite3.Connection, data_dir: Path) -> dict[str, Change]:
    """Hide what is withheld from a reader's connection; returns it by document id.

    What the log says counts, and what the catalog's table says beside it where the log is lost.
    """
    standing = read_log(data_dir).standing()
    if not (data_dir / LOG_NAME).exists():
        for name, urls, reason, by, at in conn.execute(
            'SELECT document_id, urls, reason, "by", since_at FROM main.withheld'
        ):
            standing[name] = Change(
                at=at, action="withhold", document_id=name, urls=tuple(json.loads(urls)), reason=reason, by=by
            )
    if standing:
        conn.execute("CREATE TEMP TABLE hidden_documents (id TEXT PRIMARY KEY) WITHOUT ROWID")
        conn.executemany("INSERT INTO temp.hidden_documents VALUES (?)", [(name,) for name in standing])
        conn.commit()
        conn.executescript(_GATHER + _HIDE_EQUAL + _VIEWS)
        _redact(conn, standing)
    return standing


def _redact(conn: sqlite3.Connection, standing: dict[str, Change]) -> None:
    """Take the addresses of what is hidden out of the sentences of crawls and findings, which are about something else as well."""
    urls = {url for (url,) in conn.execute("SELECT url FROM temp.hidden_addresses")}
    take_out = redactor(urls.union(*(change.urls for change in standing.values())))
    conn.create_function("redacted", 1, lambda text: text and take_out(text), deterministic=True)
    for table, column in REDACTED:
        names = [row[1] for row in conn.execute(f"PRAGMA main.table_info({table})")]
        shown = ", ".join(f"redacted({name}) AS {name}" if name == column else f'"{name}"' for name in names)
        conn.execute(f"CREATE TEMP VIEW {table} AS SELECT {shown} FROM main.{table}")  # noqa: S608 - own names


def covered_agencies(conn: sqlite3.Connection) -> frozenset[str]:
    """Return the agencies of which some row is hidden from this connection: what was counted of them is not theirs to see."""
    return frozenset(
        name
        for (name,) in conn.execute(
            "SELECT d.agency FROM temp.hidden_documents AS h CROSS JOIN main.documents AS d ON d.id = h.id"
            " UNION SELECT agency FROM temp.hidden_addresses"
            " UNION SELECT c.agency FROM temp.hidden_captures AS h CROSS JOIN main.captures AS c ON c.id = h.id"
        )
    )


def hide_lists(catalog: Catalog) -> None:
    """Hide list pages too that were captured while they had a line of what is withheld: before records are handed on.

    A page of a list cannot be handed on without one of its lines; those of the channel and the time are left out.
    Home pages show the latest lines of any channel and go with them. Where nothing is withheld, nothing happens.
    """
    if catalog.file.withheld:
        for statement in (_HIDE_LISTS + _HIDE_EQUAL).split(";\n"):
            if statement.strip():
                catalog.file.execute(statement)


def hidden_id(catalog: Catalog, wanted: str, url_key: str | None) -> str | None:
    """Return the id of the withheld document that an id or address means; None where it means none."""
    if wanted in catalog.file.withheld:
        return wanted
    if not catalog.file.withheld or url_key is None:
        return None
    row = catalog.file.row(
        "SELECT d.id FROM temp.hidden_addresses AS a JOIN main.documents AS d ON d.agency = a.agency"
        " JOIN temp.hidden_documents AS h ON h.id = d.id WHERE a.url_key = ?1 AND (d.url_key = ?1 OR EXISTS"
        " (SELECT 1 FROM main.aliases AS o WHERE o.document_id = d.id AND o.url_key = ?1) OR EXISTS"
        " (SELECT 1 FROM main.listings AS l WHERE l.document_id = d.id AND l.url_key = ?1))",
        (url_key,),
    )
    if row is not None:
        return str(row["id"])
    return next((name for name, change in catalog.file.withheld.items() if wanted in change.urls), None)


def count_hidden(catalog: Catalog, agency: str | None = None) -> int:
    """Return how many documents a reader is not shown, of an agency or of all."""
    if agency is None or not catalog.file.withheld:
        return len(catalog.file.withheld)
    sql = "SELECT COUNT(*) AS n FROM main.documents WHERE agency = ? AND id IN (SELECT id FROM temp.hidden_documents)"
    row = catalog.file.row(sql, (agency,))
    return row["n"] if row else 0
