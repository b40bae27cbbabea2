"""Catalog and WARC files held against each other, both ways: every row its record, every record its row.

Reads the catalog with queries of its own: a checker must not trust the code it checks.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from archive.verify.findings import find

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from archive.verify.across import Records
    from archive.verify.findings import Finding

CATALOG = "catalog.db"

_CAPTURES = [
    "id",
    "agency",
    "crawl_id",
    "kind",
    "url",
    "method",
    "request_digest",
    "status",
    "media_type",
    "captured_at",
    "warc_file",
    "offset",
    "length",
    "record_id",
    "block_digest",
    "payload_digest",
    "payload_bytes",
    "truncated",
    "revisit_profile",
    "refers_to",
    "etag",
    "last_modified",
    "ip",
    "request_record_id",
    "metadata_record_id",
    "request_offset",
    "group_length",
    "channel",
    "via",
    "tls_version",
    "tls_cipher",
    "elapsed_seconds",
]
_COPIED = {
    "captures": _CAPTURES,
    "warc_files": "path agency crawl_id opened_at closed_at bytes sha256".split(),  # noqa: SIM905 -- as above
    "failures": "id record_id url".split(),  # noqa: SIM905
    "crawls": "id agency started_at finished_at outcome".split(),  # noqa: SIM905
}

_SAME_ON_RECORD = {  # column of captures → column of records, for the response or revisit record
    "warc_file": "file",
    "offset": "offset",
    "length": "length",
    "captured_at": "date",
    "block_digest": "block_digest",
    "payload_digest": "payload_digest",
    "revisit_profile": "profile",
    "refers_to": "refers_to",
    "status": "status",
    "media_type": "media_type",
    "etag": "etag",
    "last_modified": "last_modified",
    "ip": "ip",
    "tls_version": "tls_version",
    "tls_cipher": "tls_cipher",
}
_SAME_ON_RESPONSE = {"payload_bytes": "payload_bytes", "truncated": "truncated"}
_SAME_ON_REQUEST = {
    "request_record_id": "record_id",
    "request_offset": "offset",
    "method": "method",
    "request_digest": "payload_digest",
}
_SAME_ON_METADATA = {
    "metadata_record_id": "record_id",
    "agency": "agency",
    "crawl_id": "crawl",
    "kind": "kind",
    "channel": "channel",
    "via": "via",
}
UNREADABLE = "the catalog cannot be read"
_URI_SAFE = "%/:?#[]@!$&'()*+,;=~-._"  # RFC 3986 section 2, and % because what is encoded already stays


def copy_catalog(path: Path, records: Records) -> Iterator[Finding]:
    """Copy what is compared out of the catalog, in one view of it; yields what is wrong with the file itself."""
    tables = records.db
    for table, columns in _COPIED.items():
        tables.execute(f"CREATE TABLE {table} ({', '.join(columns)})")
    try:
        with closing(_open(path)) as catalog:
            catalog.execute("BEGIN")
            for table, columns in _COPIED.items():
                rows = catalog.execute(f"SELECT {', '.join(columns)} FROM {table}")  # noqa: S608 -- constants
                tables.executemany(f"INSERT INTO {table} VALUES ({', '.join('?' * len(columns))})", rows)  # noqa: S608
            for (verdict,) in catalog.execute("PRAGMA integrity_check(20)"):
                if verdict != "ok":
                    yield find("catalog-damaged", path.name, "SQLite's own check", got=verdict, expected="ok")
            for table, row, target, _ in catalog.execute("PRAGMA foreign_key_check"):
                yield find("catalog-reference", path.name, f"{table} row {row}", expected=f"a row of {target}")
    except sqlite3.Error as error:
        yield find(
            "catalog-damaged",
            path.name,
            UNREADABLE,
            got=str(error),
            expected="a catalog; make it again: govcrawl rebuild",
        )
    tables.execute("CREATE INDEX captures_by_record ON captures (record_id)")


def _open(path: Path) -> sqlite3.Connection:
    """Open a catalog without making any file beside it, where nobody is writing into it."""
    log = path.with_name(f"{path.name}-wal")
    mode = "mode=ro" if log.exists() and log.stat().st_size else "mode=ro&immutable=1"
    return sqlite3.connect(f"{path.absolute().as_uri()}?{mode}", uri=True, timeout=60.0)


def check_rows(records: Records) -> Iterator[Finding]:
    """Yield rows without their record, records without their row, and where the two disagree.

    ``records`` also has a table ``scanned (path)`` of the files whose records it holds.
    """
    records.db.execute("CREATE INDEX links_by_target ON links (target)")
    records.db.execute(
        "CREATE TABLE groups AS SELECT l.target AS capture, r.* FROM links AS l JOIN records AS r"
        " ON r.record_id = l.record_id AND r.file = l.file WHERE r.type IN ('request', 'metadata')"
    )
    records.db.execute("CREATE INDEX groups_by_capture ON groups (capture, type)")
    yield from _rows_without_record(records)
    yield from _different_rows(records)
    yield from _orphans(records)


def _rows_without_record(records: Records) -> Iterator[Finding]:
    for row in records.rows(
        "SELECT c.* FROM captures AS c JOIN scanned AS s ON s.path = c.warc_file WHERE NOT EXISTS"
        " (SELECT 1 FROM records AS r WHERE r.record_id = c.record_id AND r.type IN ('response', 'revisit'))"
    ):
        what = f"captures row {row['id']} ({row['url']})"
        yield _find("row-record", row["warc_file"], row, what, "no such record", row["record_id"])
    for row in records.rows(
        "SELECT f.* FROM failures AS f WHERE f.record_id IS NOT NULL AND NOT EXISTS"
        " (SELECT 1 FROM records AS r WHERE r.record_id = f.record_id) AND NOT EXISTS (SELECT 1 FROM skipped)"
    ):
        what = f"failures row {row['id']} ({row['url']})"
        yield find("row-record", CATALOG, what, record_id=row["record_id"], got="no such record")


def _different_rows(records: Records) -> Iterator[Finding]:
    yield from _compare(records, "r", _SAME_ON_RECORD, _joined("r.type IN ('response', 'revisit')"))
    yield from _compare(records, "r", _SAME_ON_RESPONSE, _joined("r.type = 'response'"))
    for kind, same in (("request", _SAME_ON_REQUEST), ("metadata", _SAME_ON_METADATA)):
        join = f"captures AS c JOIN scanned AS s ON s.path = c.warc_file JOIN records AS o ON o.record_id = c.record_id LEFT JOIN groups AS r ON r.capture = c.record_id AND r.type = '{kind}'"
        yield from _compare(records, "r", same, join)
    for row in records.rows(f"SELECT c.*, r.uri AS uri FROM {_joined('c.url IS NOT r.uri')}"):  # noqa: S608 -- constants
        if quote(row["url"], safe=_URI_SAFE) != row["uri"]:
            yield _differs(row, "url", row["url"], row["uri"])
    for row in records.rows(
        "SELECT c.*, r.length + (SELECT SUM(g.length) FROM groups AS g WHERE g.capture = c.record_id) AS found"  # noqa: S608
        f" FROM {_joined('c.group_length IS NOT found')}"
    ):
        yield _differs(row, "group_length", row["group_length"], row["found"])
    for row in records.rows(
        "SELECT c.*, g.fetch_ms AS found FROM captures AS c JOIN groups AS g ON g.capture = c.record_id"
        " WHERE g.type = 'metadata' AND ABS(COALESCE(c.elapsed_seconds, -1) * 1000 - g.fetch_ms) > 1"
    ):
        yield _differs(row, "elapsed_seconds", row["elapsed_seconds"], f"{row['found']} ms")
    for row in records.rows(
        "SELECT c.*, o.payload_bytes AS found FROM captures AS c JOIN records AS o ON o.record_id = c.refers_to"
        " JOIN scanned AS s ON s.path = c.warc_file"
        " WHERE c.payload_bytes IS NOT CASE c.revisit_profile WHEN 'identical-payload-digest' THEN o.payload_bytes ELSE 0 END"
    ):
        yield _differs(row, "payload_bytes", row["payload_bytes"], row["found"])


def _joined(condition: str) -> str:
    return (
        "captures AS c JOIN scanned AS s ON s.path = c.warc_file JOIN records AS r ON r.record_id = c.record_id"
        f" WHERE {condition}"
    )


def _compare(records: Records, alias: str, same: dict[str, str], source: str) -> Iterator[Finding]:
    """Compare columns of captures with those of a record; only rows that differ leave the database."""
    found = ", ".join(f'{alias}."{theirs}" AS found_{ours}' for ours, theirs in same.items())
    differs = " OR ".join(f'c."{ours}" IS NOT {alias}."{theirs}"' for ours, theirs in same.items())
    glue = "AND" if " WHERE " in source else "WHERE"
    for row in records.rows(f"SELECT c.*, {found} FROM {source} {glue} ({differs})"):  # noqa: S608 -- constants
        for ours in same:
            if row[ours] != row[f"found_{ours}"]:
                yield _differs(row, ours, row[ours], row[f"found_{ours}"])


def _orphans(records: Records) -> Iterator[Finding]:
    for row in records.rows(
        "SELECT r.* FROM records AS r JOIN scanned AS s ON s.path = r.file WHERE r.type IN ('response', 'revisit')"
        " AND NOT EXISTS (SELECT 1 FROM captures AS c WHERE c.record_id = r.record_id)"
    ):
        yield _find("record-orphan", row["file"], row, f"{row['type']} of {row['uri']}", "no row in captures", None)
    for row in records.rows(
        "SELECT g.* FROM groups AS g JOIN scanned AS s ON s.path = g.file JOIN captures AS c ON c.record_id = g.capture"
        " WHERE g.record_id IS NOT CASE g.type WHEN 'request' THEN c.request_record_id ELSE c.metadata_record_id END"
    ):
        yield _find("record-orphan", row["file"], row, f"{row['type']} of {row['uri']}", "not named by its row", None)
    for row in records.rows(
        "SELECT r.* FROM records AS r JOIN scanned AS s ON s.path = r.file WHERE r.note = 'failure'"
        " AND NOT EXISTS (SELECT 1 FROM failures AS f WHERE f.record_id = r.record_id)"
    ):
        yield _find("record-orphan", row["file"], row, f"failure of {row['uri']}", "no row in failures", None)


def _find(code: str, file: str, row: sqlite3.Row, what: str, got: Any, expected: Any) -> Finding:
    return find(code, file, what, offset=row["offset"], record_id=row["record_id"], got=got, expected=expected)


def _differs(row: sqlite3.Row, column: str, ours: Any, found: Any) -> Finding:
    what = f"captures row {row['id']}: {column}"
    got, expected = ("NULL" if ours is None else ours), ("nothing" if found is None else found)
    return _find("row-differs", row["warc_file"], row, what, got, expected)
