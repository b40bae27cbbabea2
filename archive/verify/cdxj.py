"""CDXJ indexes: their order, their lines, and whether each line points at the record it describes."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from archive.verify.findings import find
from archive.verify.heads import read_digest
from archive.verify.manifests import safe_path

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterator

    from archive.verify.across import Records
    from archive.verify.findings import Finding
    from archive.verify.members import Reads

LINE_LIMIT_BYTES = 1 << 20
READ_BYTES = 1 << 20

_LINE = re.compile(rb"(\S+) (\d{14}|\d{17}) (\{.*\})")
_META = re.compile(rb"!\S+ (\{.*\}|\[.*\])")
_STRINGS = ("url", "mime", "status", "digest", "length", "offset", "filename")
_NEEDED = ("url", "offset", "length", "filename")
_NUMBER = re.compile(r"\d{1,18}")


def iter_lines(file: Reads, limit_bytes: int = LINE_LIMIT_BYTES) -> Iterator[tuple[bytes, bool]]:
    """Yield lines without their end, and whether they had one; a line over the limit is cut."""
    rest = b""
    while more := file.read(READ_BYTES):
        *lines, rest = (rest + more).split(b"\n")
        yield from ((line, True) for line in lines)
        if len(rest) > limit_bytes:
            yield rest[:limit_bytes], False
            rest = b""
    if rest:
        yield rest, False


def read_index(file: Reads, name: str, records: Records) -> Iterator[Finding]:
    """Read an index into the table ``cdxj`` of ``records``; yields what is wrong with its lines and their order."""
    records.db.execute(
        "CREATE TABLE IF NOT EXISTS cdxj (name, line, filename, offset, length, url, timestamp, mime, status, digest)"
    )
    before = b""
    for position, (line, ended) in enumerate(iter_lines(file), 1):
        if not ended:
            yield find("cdxj-line", name, "a line without end, or too long", offset=position, got=line[:80])
        if line < before:
            yield find(
                "cdxj-order",
                name,
                "line before one that is less",
                offset=position,
                got=line[:80],
                expected="lines sorted by bytes (LC_ALL=C)",
            )
        before = line
        if position == 1 and _META.fullmatch(line):
            continue
        fault, fields = _parse_line(line)
        if fault is not None:
            yield find(
                "cdxj-line", name, fault, offset=position, got=line[:200], expected="SURT, timestamp, JSON of strings"
            )
            continue
        values = (fields["filename"], int(fields["offset"]), int(fields["length"]), fields["url"], fields["timestamp"])
        more = (fields.get("mime"), fields.get("status"), fields.get("digest"))
        records.db.execute("INSERT INTO cdxj VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", (name, position, *values, *more))


def _parse_line(line: bytes) -> tuple[str | None, dict[str, Any]]:  # noqa: PLR0911 -- each fault its own words
    match = _LINE.fullmatch(line)
    if match is None:
        return "a line that is none", {}
    try:
        fields = json.loads(match[3])
    except (ValueError, RecursionError):
        return "JSON that is none", {}
    for name in _STRINGS:
        if name in fields and not isinstance(fields[name], str):
            return f"{name} is no string", {}
    for name in _NEEDED:
        if name not in fields:
            return f"no {name}", {}
    if not (_NUMBER.fullmatch(fields["offset"]) and _NUMBER.fullmatch(fields["length"])):
        return "offset or length is no number", {}
    if not safe_path(fields["filename"]):
        return "filename leads out of its folder", {}
    fields["timestamp"] = match[2].decode("ascii")
    return None, fields


def indexed_files(records: Records) -> list[str]:
    """Return the WARC files that the indexes read so far name."""
    return [row["filename"] for row in records.db.execute("SELECT DISTINCT filename FROM cdxj ORDER BY filename")]


def check_index(records: Records, place: Callable[[str], str | None]) -> Iterator[Finding]:
    """Yield lines that point at no record, or say something else than it.

    ``place`` tells what findings (and ``records``) call a file that an index names; ``None`` = it is not there.
    """
    records.db.execute("CREATE INDEX by_place ON records (offset, file)")
    records.db.execute("CREATE TABLE cdxj_files (filename PRIMARY KEY, file)")
    records.db.executemany(
        "INSERT INTO cdxj_files VALUES (?, ?)", [(filename, place(filename)) for filename in indexed_files(records)]
    )
    for row in records.rows(
        "SELECT c.name, c.filename, c.url, COUNT(*) AS lines, MIN(c.line) AS line FROM cdxj AS c JOIN cdxj_files AS f ON f.filename = c.filename"
        " WHERE f.file IS NULL GROUP BY c.name, c.filename ORDER BY c.name, line"
    ):
        more = f" and of {row['lines'] - 1} more lines" if row["lines"] > 1 else ""
        expected = (
            "a WARC file that is there: beside the index, or below a folder above it as a data directory has them"
        )
        yield find(
            "cdxj-target",
            row["name"],
            f"filename of {row['url']}{more}",
            offset=row["line"],
            got=row["filename"],
            expected=expected,
        )
    for row in records.rows(
        "SELECT c.*, f.file, r.record_id, r.type, r.uri, r.date, r.length AS r_length, r.payload_digest, r.status AS r_status,"
        " r.media_type FROM cdxj AS c JOIN cdxj_files AS f ON f.filename = c.filename AND f.file IS NOT NULL"
        " LEFT JOIN records AS r ON r.file = f.file AND r.offset = c.offset ORDER BY c.name, c.line"
    ):
        if row["type"] is None:
            yield _find("cdxj-target", row, f"offset in {row['filename']}", row["offset"], "where a record begins")
        else:
            yield from _compare(row)


def _compare(row: sqlite3.Row) -> Iterator[Finding]:
    if row["length"] != row["r_length"]:
        yield _find("cdxj-differs", row, "length", row["length"], row["r_length"])
    if row["url"] != row["uri"]:
        yield _find("cdxj-differs", row, "url", row["url"], row["uri"])
    digits = re.sub(r"\D", "", row["date"] or "")
    if not digits.ljust(17, "0").startswith(row["timestamp"]):
        yield _find("cdxj-differs", row, "timestamp", row["timestamp"], digits[:14])
    if (row["mime"] == "warc/revisit") != (row["type"] == "revisit"):
        yield _find("cdxj-differs", row, "mime", row["mime"], f"type {row['type']}")
    elif row["type"] == "response" and row["mime"] not in {None, "unk", "-", row["media_type"]}:
        yield _find("cdxj-differs", row, "mime", row["mime"], row["media_type"])
    if row["status"] not in {None, "-", ""} and row["r_status"] is not None and row["status"] != str(row["r_status"]):
        yield _find("cdxj-differs", row, "status", row["status"], row["r_status"])
    if row["digest"] not in {None, "-", ""} and row["payload_digest"] is not None:
        bare = row["digest"] if ":" in row["digest"] else f"{row['payload_digest'].partition(':')[0]}:{row['digest']}"
        read = read_digest(bare)
        if read is None or f"{read.algorithm}:{read.hexdigest}" != row["payload_digest"]:
            yield _find("cdxj-differs", row, "digest", row["digest"], row["payload_digest"])


def _find(code: str, row: sqlite3.Row, what: str, got: Any, expected: Any) -> Finding:
    what = f"{what} of {row['url']}"
    return find(code, row["name"], what, offset=row["line"], record_id=row["record_id"], got=got, expected=expected)
