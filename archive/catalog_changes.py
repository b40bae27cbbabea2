"""What became of documents, event by event, with the captures that show it, in the catalog.

Called by :mod:`archive.catalog_documents`, :mod:`archive.catalog_states` and :mod:`archive.catalog_rereading` inside the
transaction that puts the version or the state, so that a rebuild tells the same events.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args
from urllib.parse import urldefrag

from archive.comparison import compare_files
from archive.rows import file_of, json_text
from archive.textdiff import diff_texts, dump_diff

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from archive.database import CatalogFile
    from archive.model import File
    from archive.rows import Row

Change = Literal["new", "changed", "moved", "unlisted", "listed", "suspected", "withdrawn", "restored"]
CHANGES: tuple[Change, ...] = get_args(Change)

Role = Literal["absent", "list", "file", "file_before"]
Evidence = tuple[Role, int]
"""What a capture shows, and its number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One event; see the columns of ``changes``. ``at`` is an instant as the catalog writes it."""

    change: Change
    agency: str
    document_id: str
    at: str
    crawl_id: str
    capture_id: int | None
    before_capture_id: int | None = None
    version_id: int | None = None
    previous_version_id: int | None = None
    fields: Iterable[str] = ()
    diff: str | None = None
    from_url: str | None = None
    to_url: str | None = None
    reason: str | None = None


def put_change(db: CatalogFile, event: Event, evidence: Iterable[Evidence] = ()) -> None:
    """Put an event and the captures that show it beside its own."""
    values: dict[str, Any] = {name: getattr(event, name) for name in Event.__slots__}
    number = db.insert("changes", values | {"fields": json_text(list(event.fields))})
    _add_evidence(db, number, evidence)


def _add_evidence(db: CatalogFile, change_id: int, evidence: Iterable[Evidence]) -> None:
    row = db.row("SELECT COALESCE(MAX(position), -1) + 1 AS n FROM change_captures WHERE change_id = ?", (change_id,))
    for position, (role, capture_id) in enumerate(evidence, row["n"] if row else 0):
        where = {"change_id": change_id, "position": position}
        db.insert("change_captures", where | {"role": role, "capture_id": capture_id})


def last_shown(db: CatalogFile, row: Row) -> int | None:
    """Return the last capture that showed a document (its row, as it was before now)."""
    shown = db.row(
        "SELECT MAX(id) AS id FROM captures WHERE agency = ?1 AND captured_at = ?3 AND url IN"
        " (SELECT url FROM documents WHERE id = ?2 UNION SELECT url FROM aliases WHERE document_id = ?2)",
        (row["agency"], row["id"], row["last_captured_at"]),
    )
    if shown and shown["id"] is not None:
        return int(shown["id"])
    read = db.row("SELECT capture_id FROM versions WHERE id = ?", (row["current_version_id"],))
    return read["capture_id"] if read else None


# Versions


def text_change(before: str | None, after: str | None) -> str | None:
    """Return the stored diff of two texts, ``None`` where they are the same; no text counts as an empty one."""
    return None if (before or "") == (after or "") else dump_diff(diff_texts(before or "", after or ""))


def file_evidence(before: Sequence[File], after: Sequence[File]) -> Iterator[Evidence]:
    """Yield the captures that hold what changed files were and are."""
    for change in compare_files(before, after):
        if change.before and change.before.capture_id is not None and change.kind != "renamed":
            yield "file_before", change.before.capture_id
        if change.after and change.after.capture_id is not None and change.kind != "renamed":
            yield "file", change.after.capture_id


def tell_change_anew(db: CatalogFile, before: Row, after: Row, fields: Iterable[str]) -> None:
    """Bring the event of a version up to date that was read again, or whose version before was.

    A version that no longer differs keeps its event, with no field: such are not listed.
    """
    found = db.row("SELECT * FROM changes WHERE version_id = ? AND change = 'changed'", (after["id"],))
    if found is None:
        return
    told = {"fields": json_text(list(fields)), "diff": text_change(before["text"], after["text"])}
    if any(found[name] != value for name, value in told.items()):
        db.update("changes", {"id": found["id"]}, told)
    evidence = list(file_evidence(_files(db, before["id"]), _files(db, after["id"])))
    known = db.rows(
        "SELECT role, capture_id FROM change_captures WHERE change_id = ? ORDER BY position", (found["id"],)
    )
    if [(row["role"], row["capture_id"]) for row in known] != evidence:
        db.execute("DELETE FROM change_captures WHERE change_id = ?", (found["id"],))
        _add_evidence(db, found["id"], evidence)


def _files(db: CatalogFile, version_id: int) -> list[File]:
    rows = db.rows("SELECT * FROM files WHERE version_id = ? ORDER BY kind, position", (version_id,))
    return [file_of(row) for row in rows]


# States


def add_absence(db: CatalogFile, document_id: str, capture_id: int | None) -> None:
    """Add a further look that failed to what shows that a document is suspected to be gone."""
    found = _last(db, document_id, "suspected")
    if found is not None and capture_id is not None:
        _add_evidence(db, found, [("absent", capture_id)])


def absences(db: CatalogFile, document_id: str) -> list[Evidence]:
    """Return the looks that failed since a document was suspected, in order."""
    return [("absent", capture_id) for capture_id in _evidence(db, _last(db, document_id, "suspected"), "absent")]


def last_absence(db: CatalogFile, document_id: str) -> int | None:
    """Return the last capture that showed that a document was gone, of those that a suspicion or withdrawal rests on."""
    latest = db.row(
        "SELECT id FROM changes WHERE document_id = ? AND change IN ('suspected', 'withdrawn') ORDER BY id DESC LIMIT 1",
        (document_id,),
    )
    found = _evidence(db, latest["id"] if latest else None, "absent")
    return found[-1] if found else None


def last_list_without(db: CatalogFile, document_id: str) -> int | None:
    """Return the last page of those lists that did not show a document when it was found unlisted."""
    found = _evidence(db, _last(db, document_id, "unlisted"), "list")
    return found[-1] if found else None


def _last(db: CatalogFile, document_id: str, change: Change) -> int | None:
    row = db.row("SELECT MAX(id) AS id FROM changes WHERE document_id = ? AND change = ?", (document_id, change))
    return row["id"] if row else None


def _evidence(db: CatalogFile, change_id: int | None, role: Role) -> list[int]:
    rows = db.rows(
        "SELECT capture_id FROM change_captures WHERE change_id = ? AND role = ? ORDER BY position", (change_id, role)
    )
    return [row["capture_id"] for row in rows]


def list_pages(db: CatalogFile, crawl_id: str, agency: str, document_id: str) -> list[Evidence]:
    """Return the pages that a crawl read of the lists which had shown a document, in order.

    A page that several channels begin on, at other fragments of it, was fetched for the first of them.
    """
    channels = db.rows(
        "SELECT c.name, c.seed_url FROM channels AS c WHERE c.agency = ?1 AND c.name IN"
        " (SELECT channel FROM listings WHERE agency = ?1 AND document_id = ?2)",
        (agency, document_id),
    )
    names = json_text([row["name"] for row in channels])
    seeds = json_text([urldefrag(row["seed_url"]).url for row in channels])
    pages = db.rows(
        "SELECT id FROM captures WHERE crawl_id = ? AND kind = 'list' AND status IN (200, 304)"
        " AND (channel IN (SELECT value FROM json_each(?)) OR url IN (SELECT value FROM json_each(?))) ORDER BY id",
        (crawl_id, names, seeds),
    )
    return [("list", page["id"]) for page in pages]
