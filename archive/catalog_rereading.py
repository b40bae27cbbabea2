"""Versions read again from their own captures: same number, same capture, what the present extractor makes of it.

The site did not change, so nothing here adds a version, moves a date or changes a state. Called by
:mod:`govcrawl.reextract` inside one transaction per document.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from archive.catalog_changes import tell_change_anew
from archive.catalog_documents import Link, facts_of, file_values, files_of, known_digests, read_values
from archive.catalog_search import put_index
from archive.model import File
from archive.rows import instant, json_text
from archive.versions import changed_fields, content_of_row, version_digest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from archive.catalog import Catalog
    from archive.database import CatalogFile
    from archive.model import Document, FileLink
    from archive.rows import Row
    from archive.versions import Content

NOT_SEEN = "not fetched: the crawl that captured this page did not read this link"


def documents_to_read(
    catalog: Catalog, agency: str, since: str | None, *, but_by: str | None = None
) -> list[tuple[str, int]]:
    """Return the ids of an agency's documents and how many versions of each are to be read.

    Args:
        since: only those captured at or after this UTC instant or day.
        but_by: a document all of whose versions were read by this version of the extractor is left out.
    """
    rows = catalog.rows(
        "SELECT d.id, COUNT(*) AS n FROM documents AS d JOIN versions AS v ON v.document_id = d.id"
        " WHERE d.agency = ?1 AND (?2 IS NULL OR v.captured_at >= ?2) GROUP BY d.id"
        " HAVING ?3 IS NULL OR SUM(v.extractor_version <> ?3) > 0 ORDER BY d.id",
        (agency, since, but_by),
    )
    return [(row["id"], row["n"]) for row in rows]


def versions_to_read(catalog: Catalog, document_id: str, since: str | None) -> list[Row]:
    """Return versions of a document by number: document_id, number, capture_id, entry (JSON)."""
    return list(
        catalog.rows(
            "SELECT document_id, number, capture_id, entry FROM versions"
            " WHERE document_id = ?1 AND (?2 IS NULL OR captured_at >= ?2) ORDER BY number",
            (document_id, since),
        )
    )


class Change(NamedTuple):
    """A value of a version as it stands and as the present extractor reads it."""

    before: Any
    after: Any


def compare_readings(
    catalog: Catalog, document_id: str, readings: Mapping[int, Document]
) -> dict[int, dict[str, Change]]:
    """Return what :func:`put_readings` would change, by number and field, and change nothing.

    Fields are those that make a version, and ``method`` and ``flags``, which say how it was read.
    """
    db = catalog.file
    found: dict[int, dict[str, Change]] = {}
    for row in db.rows("SELECT * FROM versions WHERE document_id = ? ORDER BY number", (document_id,)):
        document = readings.get(row["number"])
        if document is None:
            continue
        attachments, images = files_of(db, row["id"])
        links = [*_links("attachment", document.attachments, attachments), *_links("image", document.images, images)]
        before = _content(db, row)
        known = known_digests(db, document_id, links, below=row["number"])
        after = content_of_row(row | read_values(document), *facts_of(links, known))
        changes = {name: Change(before[name], after[name]) for name in changed_fields(before, after)}
        values = read_values(document)
        changes |= {name: Change(row[name], values[name]) for name in ("method", "flags") if row[name] != values[name]}
        if changes:
            found[row["number"]] = changes
    return found


def put_readings(
    catalog: Catalog, document_id: str, readings: Mapping[int, Document], at: datetime
) -> dict[int, tuple[str, ...]]:
    """Put what the present extractor reads from the captures of a document's versions, by number.

    Returns the numbers of those that read differently now, with the names of what differs; a row of which only how it was
    read differs (method, flags, versions of software) is brought up to date and not returned. What each version changed
    against the one before is told anew; where the old extractor saw a change and the present one sees none, that is empty.
    """
    differing: dict[int, tuple[str, ...]] = {}
    with catalog.atomic():
        db = catalog.file
        rows = db.rows("SELECT * FROM versions WHERE document_id = ? ORDER BY number", (document_id,))
        touched = False
        for row in rows:
            if (document := readings.get(row["number"])) is not None:
                before = _content(db, row)
                touched |= _put_reading(db, row, document, at)
                row.update(read_values(document))
                if changes := changed_fields(before, _content(db, row)):
                    differing[row["number"]] = changes
        if touched:
            _tell_changes_anew(db, rows)
            put_index(db, document_id)
    return differing


def files_behind(links: Sequence[FileLink], got: Sequence[File]) -> list[File]:
    """Return the files of links as read now, with what was got of each when the page was captured.

    A link that was not read then has no file, and says so.
    """
    by_url = {file.url: file for file in got}
    unseen = File(
        url="", label=None, filename=None, media_type=None, bytes=None, sha256=None, capture_id=None, error=NOT_SEEN
    )
    files = []
    for link in links:
        file = by_url.get(link.url, unseen)
        files.append(replace(file, url=link.url, label=link.label, filename=link.filename))
    return files


def _put_reading(db: CatalogFile, row: Row, document: Document, at: datetime) -> bool:
    """Put a reading into a version's row; returns whether anything of it differs."""
    attachments, images = files_of(db, row["id"])
    now = [*_links("attachment", document.attachments, attachments), *_links("image", document.images, images)]
    values = read_values(document)
    same_files = [link.file for link in now] == [*attachments, *images]
    if same_files and all(row[name] == value for name, value in values.items()):
        return False
    db.update("versions", {"id": row["id"]}, values | {"reextracted_at": instant(at)})
    if not same_files:
        db.execute("DELETE FROM files WHERE version_id = ?", (row["id"],))
        for link in now:
            place = {"version_id": row["id"], "kind": link.kind, "position": link.position}
            db.insert("files", place | file_values(link.file))
    return True


def _links(kind: str, links: Sequence[FileLink], got: Sequence[File]) -> list[Link]:
    return [Link(kind, n, file) for n, file in enumerate(files_behind(links, got))]


def _content(db: CatalogFile, row: Row) -> Content:
    links = _links_of(db, row)
    return content_of_row(row, *facts_of(links, known_digests(db, row["document_id"], links, below=row["number"])))


def _links_of(db: CatalogFile, row: Row) -> list[Link]:
    attachments, images = files_of(db, row["id"])
    links = [Link("attachment", n, file) for n, file in enumerate(attachments)]
    return links + [Link("image", n, file) for n, file in enumerate(images)]


def _tell_changes_anew(db: CatalogFile, rows: Sequence[Row]) -> None:
    """Tell digest and changes of every version of a document, from the first on."""
    before: Content | None = None
    earlier: Row | None = None
    known: dict[tuple[str, str], str | None] = {}
    for row in rows:
        links = _links_of(db, row)
        content = content_of_row(row, *facts_of(links, known))
        fields = changed_fields(before, content) if before else ()
        values: dict[str, Any] = {
            "version_digest": version_digest(content),
            "changed_fields": json_text(fields),
        }
        if any(row[name] != value for name, value in values.items()):
            db.update("versions", {"id": row["id"]}, values)
        if earlier is not None:
            tell_change_anew(db, earlier, row, fields)
        earlier = row
        known = known_digests(db, row["document_id"], links, below=row["number"])
        before = content_of_row(row, *facts_of(links, known))
