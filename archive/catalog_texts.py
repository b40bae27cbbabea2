"""Texts of files in the catalog: one row for equal bytes, wherever they are linked.

They are derived from the captures and are no part of a version: reading a file again changes no document.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

from archive.catalog_search import put_index_of_file
from archive.rows import instant, json_text, of_agency

if TYPE_CHECKING:
    from datetime import datetime

    from archive.catalog import Catalog
    from archive.model import FileText
    from archive.rows import Row


class StoredFile(NamedTuple):
    """A file's digest and the latest capture that holds it."""

    sha256: str
    capture_id: int


_UNREAD = """
SELECT f.sha256 AS sha256, MAX(f.capture_id) AS capture_id FROM {}
LEFT JOIN file_texts AS t ON t.sha256 = f.sha256
LEFT JOIN captures AS c ON c.id = f.capture_id
WHERE f.kind = 'attachment' AND f.sha256 IS NOT NULL AND f.capture_id IS NOT NULL
  AND (t.sha256 IS NULL OR t.reader_version <> COALESCE(?1, t.reader_version))
  AND (?2 IS NULL OR c.captured_at >= ?2) AND {}
GROUP BY f.sha256 ORDER BY f.sha256"""

_FILES_OF_AGENCY = (
    "documents AS d CROSS JOIN versions AS v ON v.document_id = d.id CROSS JOIN files AS f ON f.version_id = v.id"
)

TEXT_COLUMNS = ("media_type_sniffed", "status", "reason", "pages", "text", "tables", "members", "flags")


def put_file_text(catalog: Catalog, text: FileText, at: datetime) -> None:
    """Put what was read out of a file, in the place of an earlier reading."""
    with catalog.atomic():
        catalog.file.execute("DELETE FROM file_texts WHERE sha256 = ?", (text.sha256,))
        catalog.file.insert(
            "file_texts",
            {
                "sha256": text.sha256,
                "media_type_sniffed": text.media_type,
                "status": text.status,
                "reason": text.reason,
                "pages": text.pages,
                "text": text.text,
                "tables": json_text(text.tables),
                "members": json_text(text.members),
                "flags": json_text(text.flags),
                "reader_version": text.reader_version,
                "read_at": instant(at),
            },
        )
        put_index_of_file(catalog.file, text.sha256)


def unread_files(
    catalog: Catalog, *, agency: str | None = None, since: str | None = None, reader_version: str | None = None
) -> list[StoredFile]:
    """Return the attachments that nobody has read yet, by digest; with ``since`` those captured at or after this UTC instant or day.

    With ``reader_version`` also those that were read by another version of the readers.
    """
    condition, given = of_agency("d.agency", agency)
    source = "files AS f" if agency is None else _FILES_OF_AGENCY
    rows = catalog.file.rows(_UNREAD.format(source, condition), (reader_version, since, *given))
    return [StoredFile(row["sha256"], row["capture_id"]) for row in rows]


def all_files(catalog: Catalog, *, agency: str | None = None, since: str | None = None) -> list[StoredFile]:
    """Return every attachment, read or not, by digest."""
    return unread_files(catalog, agency=agency, since=since, reader_version="")


def compare_file_text(catalog: Catalog, text: FileText) -> dict[str, tuple[Any, Any]]:
    """Return by name what of a file's text differs from the stored reading: before and now; ``status`` from None where it was not read."""
    row = catalog.file.row("SELECT * FROM file_texts WHERE sha256 = ?", (text.sha256,))
    if row is None:
        return {"status": (None, text.status)}
    now = {
        "status": text.status,
        "text": text.text,
        "tables": json.loads(json_text(text.tables)),
        "members": json.loads(json_text(text.members)),
    }
    before = {name: row[name] if name in {"status", "text"} else json.loads(row[name]) for name in now}
    return {name: (before[name], now[name]) for name in now if before[name] != now[name]}


def has_file_text(catalog: Catalog, sha256: str) -> bool:
    """Tell whether a file was read."""
    return catalog.file.row("SELECT 1 FROM file_texts WHERE sha256 = ?", (sha256,)) is not None


def exported_text(row: Row) -> dict[str, Any]:
    """The exported fields of what was read out of an attachment; ``text_status`` is null where nobody has read it."""
    if row.get("status") is None:
        return dict.fromkeys(EXPORTED)
    values = (
        *(row[name] for name in ("text", "status", "reason", "pages", "media_type_sniffed")),
        *(json.loads(row[name]) for name in ("tables", "members", "flags")),
    )
    return dict(zip(EXPORTED, values, strict=True))


EXPORTED = (
    "text",
    "text_status",
    "text_reason",
    "text_pages",
    "media_type_sniffed",
    "text_tables",
    "text_members",
    "text_flags",
)
"""Fields of an exported attachment that come from its text."""


NO_FILE = "no file"
"""Stands for the status of an attachment that could not be fetched, in :func:`text_counts`."""


def text_counts(catalog: Catalog, agency: str) -> Counter[str]:
    """How many attachments of an agency's current versions were read with which status, the most frequent first.

    ``unread`` = not yet; :data:`NO_FILE` = there is nothing to read.
    """
    rows = catalog.rows(
        "SELECT CASE WHEN f.sha256 IS NULL THEN ?2 ELSE COALESCE(t.status, 'unread') END AS name, COUNT(*) AS n"
        " FROM documents AS d JOIN files AS f ON f.version_id = d.current_version_id AND f.kind = 'attachment'"
        " LEFT JOIN file_texts AS t ON t.sha256 = f.sha256 WHERE d.agency = ?1 GROUP BY 1 ORDER BY 2 DESC, 1",
        (agency, NO_FILE),
    )
    return Counter({row["name"]: row["n"] for row in rows})
