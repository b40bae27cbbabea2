"""What only shows when records are held against each other: ids, captures, revisits and their originals.

The records of all files stand in a private temporary database of SQLite, which goes to disk by itself when it grows and
is gone when it is closed; so an archive of any size is checked in bounded memory.
"""

from __future__ import annotations

import sqlite3
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Self

from archive.verify.findings import find
from archive.verify.rows import RecordRow

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from types import TracebackType

    from archive.verify.findings import Finding

CACHE_KIBIBYTES = 65536

_COMPARED = [
    "offset",
    "length",
    "record_id",
    "type",
    "date",
    "uri",
    "concurrent_to",
    "refers_to",
    "refers_to_uri",
    "refers_to_date",
    "profile",
    "ip",
    "payload_digest",
    "conditional",
]
"""What is compared with other records; the other columns only with rows of the catalog and lines of an index."""


class Records:
    """The records of the files that are checked; close it, or use it in a ``with``.

    ``whole`` keeps all that is known of each, not just what is compared with other records.
    """

    def __init__(self, *, whole: bool = True) -> None:
        names = RecordRow._fields if whole else _COMPARED
        columns = ", ".join(f'"{name}"' for name in names)
        self._insert = f"INSERT INTO records VALUES ({', '.join('?' * (len(names) + 1))})"  # noqa: S608 -- constants
        self._pick = itemgetter(*(RecordRow._fields.index(name) for name in names))
        self.db = sqlite3.connect("", isolation_level=None)
        self.db.row_factory = sqlite3.Row
        self.db.execute(f"PRAGMA cache_size = -{CACHE_KIBIBYTES}")
        self.db.execute("PRAGMA journal_mode = OFF")
        self.db.execute("PRAGMA synchronous = OFF")
        self.db.execute("BEGIN")
        self.db.execute(f"CREATE TABLE records (file TEXT, {columns})")
        self.db.execute("CREATE TABLE links (file TEXT, offset, record_id, target)")
        self._indexed = False

    def __enter__(self) -> Self:
        """Return itself; leaving closes it."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Forget everything."""
        self.db.close()

    def put(self, file: str, rows: Iterable[RecordRow]) -> None:
        """Take the records of a file."""
        rows = list(rows)
        self.db.executemany(self._insert, ((file, *self._pick(row)) for row in rows))
        links = (
            (file, row.offset, row.record_id, target)
            for row in rows
            if row.concurrent_to is not None
            for target in (row.concurrent_to, *(row.concurrent_more or "").split())
        )
        self.db.executemany("INSERT INTO links VALUES (?, ?, ?, ?)", links)

    def rows(self, sql: str, parameters: tuple[object, ...] = ()) -> Iterator[sqlite3.Row]:
        """Stream the rows of a query; the first one makes the indexes."""
        if not self._indexed:
            self._indexed = True
            # No index begins with the file: without statistics SQLite would prefer it, and a file has all the records.
            self.db.execute("CREATE INDEX by_id ON records (record_id, file)")
            self.db.execute("CREATE INDEX by_target ON links (target, file)")
        yield from self.db.execute(sql, parameters)

    def check(self) -> Iterator[Finding]:
        """Yield what is wrong between records."""
        yield from self._check_ids()
        yield from self._check_captures()
        yield from self._check_revisits()

    def _check_ids(self) -> Iterator[Finding]:
        for row in self.rows(
            "SELECT r.file, r.offset, r.record_id FROM records AS r JOIN (SELECT record_id FROM records"
            " WHERE record_id IS NOT NULL GROUP BY record_id HAVING COUNT(*) > 1) USING (record_id)"
            " ORDER BY r.record_id, r.file, r.offset"
        ):
            yield _find("record-id-twice", row, "WARC-Record-ID", row["record_id"], "used once in all files")

    def _check_captures(self) -> Iterator[Finding]:
        for row in self.rows(
            "SELECT l.* FROM links AS l WHERE NOT EXISTS"
            " (SELECT 1 FROM records AS r WHERE r.record_id = l.target AND r.file = l.file)"
        ):
            yield _find("concurrent-to", row, "WARC-Concurrent-To", row["target"], "a record of the same file")
        for row in self.rows(
            "SELECT a.file, a.offset, a.record_id, a.type, a.uri, a.date, a.ip,"
            " b.type AS b_type, b.uri AS b_uri, b.date AS b_date, b.ip AS b_ip"
            " FROM links AS l JOIN records AS a ON a.record_id = l.record_id AND a.file = l.file"
            " JOIN records AS b ON b.record_id = l.target AND b.file = l.file"
            " WHERE (a.uri IS NOT b.uri OR a.date IS NOT b.date OR a.ip IS NOT b.ip AND a.type <> 'metadata')"
            " AND a.type IN ('request', 'metadata', 'response', 'revisit') AND b.type IN ('request', 'response', 'revisit')"
        ):
            for column, name in (("uri", "WARC-Target-URI"), ("date", "WARC-Date"), ("ip", "WARC-IP-Address")):
                if row[column] != row[f"b_{column}"] and not (
                    column == "ip" and "metadata" in {row["type"], row["b_type"]}
                ):
                    what = f"{name} of {row['type']} and {row['b_type']} of one capture"
                    yield _find("pair", row, what, row[column], row[f"b_{column}"])
        for row in self.rows(
            "SELECT r.* FROM records AS r WHERE r.type = 'request' AND r.concurrent_to IS NULL AND NOT EXISTS"
            " (SELECT 1 FROM links AS l WHERE l.target = r.record_id)"
        ):
            yield _find("pair-missing", row, "request", row["uri"], "WARC-Concurrent-To here or on its response")

    def _check_revisits(self) -> Iterator[Finding]:
        for row in self.rows(
            "SELECT r.file, r.offset, r.record_id, r.type, r.refers_to, r.refers_to_uri, r.refers_to_date, r.profile,"
            " r.payload_digest, o.record_id AS o_id, o.type AS o_type, o.uri AS o_uri, o.date AS o_date,"
            " o.payload_digest AS o_digest"
            " FROM records AS r LEFT JOIN records AS o ON o.record_id = r.refers_to"
            " WHERE r.refers_to IS NOT NULL GROUP BY r.file, r.offset, r.record_id"
        ):
            if row["o_id"] is None:
                yield _find("refers-to", row, "WARC-Refers-To", row["refers_to"], "a record of the files checked")
            elif row["type"] == "revisit":
                yield from _compare_original(row)
        for row in self.rows(
            "SELECT r.* FROM records AS r WHERE r.type = 'revisit' AND (r.refers_to IS NULL OR r.refers_to_uri IS NULL"
            " OR r.refers_to_date IS NULL)"
        ):
            for column, name in (
                ("refers_to", "WARC-Refers-To"),
                ("refers_to_uri", "WARC-Refers-To-Target-URI"),
                ("refers_to_date", "WARC-Refers-To-Date"),
            ):
                if row[column] is None:
                    yield _find("field-missing", row, name, "no such field", "one on revisit: replay looks for it")
        for row in self.rows(
            "SELECT r.file, r.offset, r.record_id FROM records AS r WHERE r.profile = 'server-not-modified'"
            " AND EXISTS (SELECT 1 FROM links AS l JOIN records AS q ON q.record_id = l.record_id AND q.file = l.file"
            " WHERE l.target = r.record_id AND q.type = 'request' AND NOT q.conditional)"
        ):
            what = "the request of a server-not-modified revisit"
            yield _find("revisit-block", row, what, "asks without condition", "If-None-Match or If-Modified-Since")


def _compare_original(row: sqlite3.Row) -> Iterator[Finding]:
    if row["o_type"] not in {"response", "resource"}:
        yield _find("refers-to", row, "type of the record referred to", row["o_type"], "response")
        return
    if row["refers_to_date"] is not None and row["refers_to_date"] != row["o_date"]:
        yield _find("refers-to-date", row, "WARC-Refers-To-Date", row["refers_to_date"], row["o_date"])
    if row["refers_to_uri"] is not None and row["refers_to_uri"] != row["o_uri"]:
        yield _find("refers-to-uri", row, "WARC-Refers-To-Target-URI", row["refers_to_uri"], row["o_uri"])
    same_payload = row["profile"] == "identical-payload-digest" and None not in {row["payload_digest"], row["o_digest"]}
    if same_payload and row["payload_digest"] != row["o_digest"]:
        yield _find("payload-digest", row, "payload digest of a revisit", row["payload_digest"], row["o_digest"])


def _find(code: str, row: sqlite3.Row, what: str, got: Any, expected: Any) -> Finding:
    return find(code, row["file"], what, offset=row["offset"], record_id=row["record_id"], got=got, expected=expected)
