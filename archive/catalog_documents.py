"""Documents, versions and files in the catalog.

Called by :class:`archive.catalog.Catalog` inside one of its transactions.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from archive.catalog_changes import Event, file_evidence, last_shown, put_change, text_change
from archive.catalog_identity import find, host_of, link_listings, move, put_alias
from archive.catalog_identity import new_id as make_id
from archive.catalog_search import put_index
from archive.catalog_states import answered, insert_state
from archive.digest import text_digest
from archive.model import Put
from archive.rows import file_of, instant, json_text
from archive.versions import (
    PRINTED_FIELDS,
    changed_fields,
    content_of_document,
    content_of_row,
    version_digest,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from archive.catalog_states import Sighting
    from archive.database import CatalogFile
    from archive.model import Document, File
    from archive.rows import Row
    from archive.versions import Content, FileFacts


@dataclass(frozen=True, slots=True)
class Link:
    """A file with its kind and place in the document."""

    kind: str
    position: int
    file: File

    @property
    def address(self) -> tuple[str, str]:
        """What a file is known by from one version to the next."""
        return self.kind, self.file.url


@dataclass(frozen=True, slots=True)
class _Reading:
    """What one look at a page brought."""

    document: Document
    links: list[Link]
    entry: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class _Before:
    """The version that a new one follows, its files, and the names of what differs."""

    version: Row
    files: list[File]
    fields: tuple[str, ...]


# Documents and versions


def put_document(  # noqa: PLR0913 - one document and what came with it
    db: CatalogFile,
    sighting: Sighting,
    document: Document,
    *,
    url_key: str,
    attachments: Sequence[File],
    images: Sequence[File],
    aliases: Sequence[tuple[str, str]],
    moved: bool,
    entry: Mapping[str, Any] | None,
    new_id: str | None,
) -> Put:
    """Put a document as read: new, changed (a new version) or unchanged (only its dates move).

    ``entry`` is the list's line that it was read with; ``new_id`` is its id if it is new, where that was fixed before.
    ``url_key`` belongs to ``document.url``; ``aliases`` are (url, url_key) of other addresses that led to it. When the
    document is known under another address, this one becomes canonical with ``moved`` and an alias without. A file that
    could not be fetched counts with its earlier digest, and one fetched at last fills the gap its failures left:
    neither makes a version.
    """
    links = [Link("attachment", n, file) for n, file in enumerate(attachments)]
    links += [Link("image", n, file) for n, file in enumerate(images)]
    row = find(db, sighting.agency, url_key, document.key)
    for _, other in aliases:
        row = row or find(db, sighting.agency, other, None)
    if row is None:
        row = _insert_document(db, sighting, document, url_key, new_id)
    elif row["url_key"] != url_key:
        if moved:
            move(db, sighting, row, document.url, url_key)
        else:
            put_alias(db, sighting.agency, row["id"], document.url, url_key, sighting.at)
    for alias_url, alias_key in aliases:
        put_alias(db, sighting.agency, row["id"], alias_url, alias_key, sighting.at)
    if document.key is not None:
        db.update("documents", {"id": row["id"]}, {"key": document.key})
    link_listings(db, sighting.agency, row["id"], document.key, host_of(url_key))
    if row["current_version_id"] is None:
        content = content_of_document(document, *facts_of(links, {}))
        _insert_version(db, sighting, row, _Reading(document, links, entry), content)
        return Put(document_id=row["id"], outcome="new", version_number=1, changed_fields=())
    return _compare(db, sighting, row, _Reading(document, links, entry))


def _compare(db: CatalogFile, sighting: Sighting, row: Row, reading: _Reading) -> Put:
    """Put what was read beside the current version: a new version when it differs."""
    document, links = reading.document, reading.links
    current = db.row("SELECT * FROM versions WHERE id = ?", (row["current_version_id"],)) or {}
    known_links = [
        Link(file["kind"], file["position"], file_of(file))
        for file in db.rows("SELECT * FROM files WHERE version_id = ? ORDER BY kind, position", (current["id"],))
    ]
    known = known_digests(db, row["id"], known_links)
    before = content_of_row(current, *facts_of(known_links, known))
    after = content_of_document(document, *facts_of(links, known))
    gaps = {address for address, sha256 in known.items() if sha256 is None}
    restored = answered(db, sighting, row)
    number: int = current["number"]
    if before in (after, content_of_document(document, *facts_of(links, known, unknown=gaps))):
        if _fill_gaps(db, current["id"], links, after):
            put_index(db, row["id"])
        return Put(
            document_id=row["id"], outcome="unchanged", version_number=number, changed_fields=(), restored=restored
        )
    changes = changed_fields(before, after)
    _insert_version(db, sighting, row, reading, after, _Before(current, [link.file for link in known_links], changes))
    return Put(
        document_id=row["id"], outcome="changed", version_number=number + 1, changed_fields=changes, restored=restored
    )


def put_unchanged(db: CatalogFile, sighting: Sighting, row: Row) -> Put:
    """Note that the page answered with what the current version says."""
    restored = answered(db, sighting, row)
    current = db.row("SELECT number FROM versions WHERE id = ?", (row["current_version_id"],)) or {"number": 0}
    return Put(
        document_id=row["id"],
        outcome="unchanged",
        version_number=current["number"],
        changed_fields=(),
        restored=restored,
    )


def _insert_document(
    db: CatalogFile, sighting: Sighting, document: Document, url_key: str, document_id: str | None
) -> Row:
    """Put a document that was not known; it is live from its first capture on."""
    captured_at = instant(sighting.capture.captured_at)
    document_id = document_id or make_id(db, sighting.agency, url_key)
    values = {
        "id": document_id,
        "agency": sighting.agency,
        "url": document.url,
        "url_key": url_key,
        "key": document.key,
        "state": "live",
        "state_since_at": captured_at,
        "first_captured_at": captured_at,
        "last_captured_at": captured_at,
        "last_checked_at": instant(sighting.at),
        "last_crawl_id": sighting.crawl_id,
        "failures": 0,
        "first_failed_at": None,
        "current_version_id": None,
        "first_capture_id": sighting.capture.id,
    }
    db.insert("documents", values)
    insert_state(db, document_id, "live", captured_at, sighting.crawl_id, sighting.capture.id, "first seen")
    return values


def _insert_version(
    db: CatalogFile,
    sighting: Sighting,
    row: Row,
    reading: _Reading,
    content: Content,
    before: _Before | None = None,
) -> None:
    """Put a version with its files, make it the current one, and tell what it changes.

    ``row`` is the document's, as it was before this look.
    """
    document_id, fields = row["id"], before.fields if before else ()
    version_id = db.insert(
        "versions",
        read_values(reading.document)
        | {
            "document_id": document_id,
            "number": before.version["number"] + 1 if before else 1,
            "capture_id": sighting.capture.id,
            "captured_at": instant(sighting.capture.captured_at),
            "version_digest": version_digest(content),
            "changed_fields": json_text(fields),
            "entry": None if reading.entry is None else json_text(reading.entry),
        },
    )
    for link in reading.links:
        place = {"version_id": version_id, "kind": link.kind, "position": link.position}
        db.insert("files", place | file_values(link.file))
    event = Event(
        change="changed" if before else "new",
        agency=row["agency"],
        document_id=document_id,
        at=instant(sighting.capture.captured_at),
        crawl_id=sighting.crawl_id,
        capture_id=sighting.capture.id,
        before_capture_id=last_shown(db, row) if before else None,
        version_id=version_id,
        previous_version_id=before.version["id"] if before else None,
        fields=fields,
        diff=text_change(before.version["text"], reading.document.text) if before else None,
    )
    put_change(db, event, file_evidence(before.files, [link.file for link in reading.links]) if before else ())
    db.update("documents", {"id": document_id}, {"current_version_id": version_id})
    put_index(db, document_id)


def read_values(document: Document) -> dict[str, Any]:
    """The columns of a version that come from reading its page."""
    extraction = document.extraction
    return {name: getattr(document, name) for name in PRINTED_FIELDS} | {
        "text_digest": None if document.text is None else text_digest(document.text),
        "publish_date_source": document.publish_date_source,
        "publish_date_text": document.publish_date_text,
        "site_id_code": document.site_id_code,
        "origins": json_text(document.origins),
        "text": document.text,
        "tables": json_text(document.tables),
        "cites": json_text(document.cites),
        "method": extraction.method,
        "extractor_version": extraction.extractor_version,
        "trafilatura_version": extraction.trafilatura_version,
        "encoding": extraction.encoding,
        "container": extraction.container,
        "agreement": extraction.agreement,
        "flags": json_text(extraction.flags),
    }


def file_values(file: File) -> dict[str, Any]:
    """The columns of a file that come from the noun."""
    return {
        "url": file.url,
        "label": file.label,
        "filename": file.filename,
        "media_type": file.media_type,
        "bytes": file.bytes,
        "sha256": file.sha256,
        "capture_id": file.capture_id,
        "error": file.error,
    }


def known_digests(
    db: CatalogFile, document_id: str, links: Iterable[Link], *, below: int | None = None
) -> dict[tuple[str, str], str | None]:
    """The latest known digest of each file of a version: an older one where a fetch failed since.

    ``below``: of versions with a smaller number only.
    """
    known: dict[tuple[str, str], str | None] = {}
    for link in links:
        if known.get(link.address) is None:
            known[link.address] = link.file.sha256 or _earlier_digest(db, document_id, link, below)
    return known


def _earlier_digest(db: CatalogFile, document_id: str, link: Link, below: int | None) -> str | None:
    """The digest an older version has for a file."""
    row = db.row(
        "SELECT f.sha256 FROM files AS f JOIN versions AS v ON v.id = f.version_id WHERE v.document_id = ?"
        " AND f.kind = ? AND f.url = ? AND f.sha256 IS NOT NULL AND v.number < COALESCE(?, v.number + 1)"
        " ORDER BY v.number DESC LIMIT 1",
        (document_id, link.kind, link.file.url, below),
    )
    sha256: str | None = row["sha256"] if row else None
    return sha256


def facts_of(
    links: Iterable[Link],
    known: Mapping[tuple[str, str], str | None],
    unknown: Iterable[tuple[str, str]] = (),
) -> tuple[list[FileFacts], list[FileFacts]]:
    """What counts of attachments and images: the digest as fetched, else as known; ``None`` for ``unknown`` ones."""
    attachments: list[FileFacts] = []
    images: list[FileFacts] = []
    hidden = set(unknown)
    for link in links:
        sha256 = None if link.address in hidden else link.file.sha256 or known.get(link.address)
        target = attachments if link.kind == "attachment" else images
        target.append((link.file.url, link.file.label, sha256))
    return attachments, images


def _fill_gaps(db: CatalogFile, version_id: int, links: Iterable[Link], content: Content) -> bool:
    """Give files of a version that could not be fetched before what was fetched now; returns whether there were any."""
    filled = False
    for link in links:
        if link.file.sha256 is None:
            continue
        where = {"version_id": version_id, "kind": link.kind, "position": link.position, "sha256": None}
        filled |= bool(db.update("files", where, file_values(link.file)))
    if filled:
        db.update("versions", {"id": version_id}, {"version_digest": version_digest(content)})
    return filled


def files_of(db: CatalogFile, version_id: int | None) -> tuple[tuple[File, ...], tuple[File, ...]]:
    """Attachments and images of a version, in their order."""
    rows = db.rows("SELECT * FROM files WHERE version_id = ? ORDER BY kind, position", (version_id,))
    attachments = tuple(file_of(row) for row in rows if row["kind"] == "attachment")
    return attachments, tuple(file_of(row) for row in rows if row["kind"] == "image")


def entry_of(db: CatalogFile, version_id: int | None) -> dict[str, Any] | None:
    """The list's line that a version was read with."""
    row = db.row("SELECT entry FROM versions WHERE id = ?", (version_id,))
    return json.loads(row["entry"]) if row and row["entry"] else None
