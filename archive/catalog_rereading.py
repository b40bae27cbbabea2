"""Versions read again from their own captures: same number, same capture, what the present extractor makes of it.

The site did not change, so nothing here adds a version, moves a date or changes a state. Called by
:mod:`govcrawl.reextract` inside one transaction per document.
"""

from __future__ import annotations

import pickle
import sqlite3
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from archive.catalog_changes import tell_change_anew
from archive.catalog_documents import Link, facts_of, file_values, files_of, known_digests, read_values
from archive.catalog_search import put_index
from archive.model import File
from archive.rows import instant, json_text
from archive.versions import changed_fields, content_of_row, version_digest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from archive.catalog import Catalog
    from archive.database import CatalogFile
    from archive.model import Document, FileLink
    from archive.rows import Row
    from archive.versions import Content

NOT_SEEN = "not fetched: the crawl that captured this page did not read this link"


class RereadingPlan:
    """Which versions are to be read from which WARC file, and readings that wait for the other versions of their document.

    Files come in the order of their names, and a document's versions are put when the last file that holds one has been
    read. Held in a private temporary database of SQLite, which goes to disk by itself when it grows; close it.
    """

    def __init__(self) -> None:
        self._db = sqlite3.connect("", isolation_level=None)
        self._db.executescript(
            "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;"
            "CREATE TABLE wanted (warc_file TEXT, document_id TEXT, number INTEGER, agency TEXT, capture_id INTEGER, entry TEXT);"
            "CREATE TABLE readings (document_id TEXT, number INTEGER, reading BLOB);"
            "CREATE INDEX by_reading ON readings (document_id);"
        )

    def add(self, catalog: Catalog, agency: str, since: str | None, *, but_by: str | None = None) -> None:
        """Add the versions of an agency's documents.

        Args:
            since: only those captured at or after this UTC instant or day.
            but_by: a document all of whose versions were read by this version of the extractor is left out.
        """
        rows = catalog.rows(
            "SELECT COALESCE(o.warc_file, c.warc_file) AS warc_file, v.document_id, v.number, d.agency, v.capture_id, v.entry"
            " FROM versions AS v JOIN documents AS d ON d.id = v.document_id JOIN captures AS c ON c.id = v.capture_id"
            " LEFT JOIN captures AS o ON o.agency = c.agency AND o.record_id = c.refers_to"
            " WHERE d.agency = ?1 AND (?2 IS NULL OR v.captured_at >= ?2) AND (?3 IS NULL OR EXISTS"
            " (SELECT 1 FROM versions AS w WHERE w.document_id = d.id AND w.extractor_version <> ?3"
            " AND (?2 IS NULL OR w.captured_at >= ?2)))",
            (agency, since, but_by),
        )
        self._db.executemany("INSERT INTO wanted VALUES (?, ?, ?, ?, ?, ?)", (tuple(row.values()) for row in rows))

    def settle(self) -> int:
        """Take the plan as whole; returns how many versions it has."""
        self._db.executescript(
            "CREATE INDEX by_file ON wanted (warc_file, document_id, number);"
            "CREATE TABLE last AS SELECT document_id, MAX(warc_file) AS warc_file, COUNT(*) AS n FROM wanted GROUP BY document_id;"
            "CREATE INDEX by_last ON last (warc_file, document_id);"
        )
        (count,) = self._db.execute("SELECT COUNT(*) FROM wanted").fetchone()
        return int(count)

    def files(self) -> list[str]:
        """Return the WARC files to read, by name."""
        return [name for (name,) in self._db.execute("SELECT DISTINCT warc_file FROM wanted ORDER BY 1")]

    def versions(self, warc_file: str) -> list[PlannedVersion]:
        """Return the versions to read from a file, by document and number."""
        rows = self._db.execute(
            "SELECT document_id, number, agency, capture_id, entry FROM wanted WHERE warc_file = ? ORDER BY 1, 2",
            (warc_file,),
        )
        return [PlannedVersion(*row) for row in rows]

    def keep(self, version: PlannedVersion, document: Document) -> None:
        """Keep a reading until its document is complete."""
        reading = pickle.dumps(document, pickle.HIGHEST_PROTOCOL)
        self._db.execute("INSERT INTO readings VALUES (?, ?, ?)", (version.document_id, version.number, reading))

    def complete(self, warc_file: str) -> Iterator[tuple[str, dict[int, Document], int]]:
        """Yield the documents whose last file this is: id, readings by number, how many versions it has; their readings are dropped."""
        documents = self._db.execute(
            "SELECT document_id, n FROM last WHERE warc_file = ? ORDER BY document_id", (warc_file,)
        )
        for document_id, count in documents.fetchall():
            found = self._db.execute(
                "SELECT number, reading FROM readings WHERE document_id = ? ORDER BY number", (document_id,)
            )
            readings: dict[int, Document] = {
                number: pickle.loads(reading)  # noqa: S301 -- kept above
                for number, reading in found.fetchall()
            }
            yield document_id, readings, count
            self._db.execute("DELETE FROM readings WHERE document_id = ?", (document_id,))

    def close(self) -> None:
        """Forget everything."""
        self._db.close()


class PlannedVersion(NamedTuple):
    """A version that is to be read again."""

    document_id: str
    number: int
    agency: str
    capture_id: int
    entry: str | None  # JSON


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
