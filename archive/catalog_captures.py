"""WARC files and captures in the catalog.

Called by :class:`archive.catalog.Catalog`; what writes, inside one of its transactions.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from archive.errors import CaptureMissing, CatalogError
from archive.rows import capture_of, instant, new_capture

if TYPE_CHECKING:
    from datetime import datetime

    from archive.database import CatalogFile
    from archive.model import Capture
    from archive.rows import CaptureFields, Row


def put_warc_file(
    db: CatalogFile, path: str, agency: str, crawl_id: str, opened_at: datetime, committed_bytes: int | None
) -> None:
    """Put a WARC file that was opened. Of one that is known only the length grows."""
    db.execute(
        "INSERT INTO warc_files (path, agency, crawl_id, opened_at, committed_bytes) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT (path) DO UPDATE SET committed_bytes = excluded.committed_bytes"
        " WHERE excluded.committed_bytes > COALESCE(committed_bytes, 0)",
        (path, agency, crawl_id, instant(opened_at), committed_bytes),
    )


def close_warc_file(db: CatalogFile, path: str, size_bytes: int, sha256: str, closed_at: datetime) -> None:
    """Note that a WARC file is complete.

    Raises:
        CatalogError: there is no such file.
    """
    values = {"bytes": size_bytes, "sha256": sha256, "closed_at": instant(closed_at)}
    if not db.update("warc_files", {"path": path}, values):
        raise CatalogError(f"catalog {db.path} has no WARC file {path}: put_warc_file comes first")


def put_capture(db: CatalogFile, fields: CaptureFields) -> Capture:
    """Put one archived exchange; its crawl and WARC file are known already."""
    return new_capture(db.insert("captures", {**fields, "captured_at": instant(fields["captured_at"])}), fields)


def capture(db: CatalogFile, capture_id: int) -> Capture:
    """The capture with this row number.

    Raises:
        CaptureMissing: there is none.
    """
    row = db.row("SELECT * FROM captures WHERE id = ?", (capture_id,))
    if row is None:
        msg = f"catalog {db.path} has no capture {capture_id}"
        raise CaptureMissing(msg, zh=f"目录库 {db.path} 没有捕获 {capture_id}")
    return capture_of(row)


def by_record_id(db: CatalogFile, record_id: str, near: str | None = None) -> Capture | None:
    """The capture whose response or revisit record has this id, or ``None``; looked for in the agency ``near`` first.

    Ids are kept by agency: to look for one everywhere is a look for each agency.
    """
    row = db.row("SELECT * FROM captures WHERE agency = ? AND record_id = ?", (near, record_id)) if near else None
    row = row or db.row(
        "SELECT c.* FROM agencies AS a CROSS JOIN captures AS c ON c.agency = a.name AND c.record_id = ?", (record_id,)
    )
    return None if row is None else capture_of(row)


def original_of(db: CatalogFile, agency: str, payload_digest: str) -> Capture | None:
    """The first whole 200 response of the agency with this payload, which a revisit record may refer to."""
    row = db.row(
        "SELECT * FROM captures WHERE payload_digest = ? AND agency = ? AND status = 200 AND payload_bytes > 0"
        " AND revisit_profile IS NULL AND truncated IS NULL ORDER BY id LIMIT 1",
        (payload_digest, agency),
    )
    return None if row is None else capture_of(row)


def last_capture(
    db: CatalogFile, agency: str, url: str, method: str = "GET", request_digest: str | None = None
) -> Capture | None:
    """The latest capture that shows what stands at an address: a whole 200 response or a revisit of one.

    Its validators are those now in force: a 304 leaves those in place that it does not repeat (RFC 9111 §3.2).
    """
    latest: Row | None = None
    etag = last_modified = None
    for row in db.stream(
        "SELECT * FROM captures WHERE agency = ? AND url = ? AND method = ? AND request_digest IS ? AND"
        " (status = 200 AND (truncated IS NULL OR revisit_profile IS NOT NULL)"
        " OR status = 304 AND revisit_profile = 'server-not-modified') ORDER BY id DESC LIMIT 50",
        (agency, url, method, request_digest),
        at_once=1,  # the latest whole one is mostly near; the rows of one address lie far apart
    ):
        latest = latest or row
        etag = etag or row["etag"]
        last_modified = last_modified or row["last_modified"]
        if row["status"] == 200 or (etag and last_modified):  # noqa: PLR2004 - HTTP's own number
            break
    return None if latest is None else replace(capture_of(latest), etag=etag, last_modified=last_modified)


def committed_end(db: CatalogFile, warc_file: str) -> int | None:
    """Bytes of a WARC file up to the end of what was last committed of it; ``None`` when nothing was."""
    row = db.row(
        "SELECT MAX(end) AS end FROM (SELECT committed_bytes AS end FROM warc_files WHERE path = ?1 UNION ALL"
        " SELECT MAX(MIN(offset, COALESCE(request_offset, offset)) + group_length) FROM captures"
        " WHERE warc_file = ?1)",
        (warc_file,),
    )
    end: int | None = row["end"] if row else None
    return end


def unclosed_warc_files(db: CatalogFile, agency: str) -> list[str]:
    """Paths of the agency's WARC files whose size and digest are not known: still written, or left by a crash."""
    sql = "SELECT path FROM warc_files WHERE agency = ? AND closed_at IS NULL ORDER BY path"
    return [row["path"] for row in db.rows(sql, (agency,))]


def closed_warc_files(db: CatalogFile, agency: str, crawl_id: str | None = None) -> list[Row]:
    """Rows of an agency's (one crawl's) WARC files whose digest is known, in the order they were opened."""
    sql = "SELECT * FROM warc_files WHERE agency = ? AND crawl_id = COALESCE(?, crawl_id) AND closed_at IS NOT NULL"
    return db.rows(f"{sql} ORDER BY opened_at, path", (agency, crawl_id))
