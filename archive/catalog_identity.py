"""Which document an address leads to, its other addresses, and the lists' lines that lead to it, in the catalog.

Called by :class:`archive.catalog.Catalog` inside one of its transactions. Identity is the address (canonical or alias),
then the CMS's own key on the same host; an id once given stays.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from archive.catalog_changes import Event, last_shown, put_change
from archive.catalog_search import put_kind
from archive.errors import CatalogError
from archive.model import COPY_FLAG
from archive.rows import instant

if TYPE_CHECKING:
    from datetime import datetime

    from archive.catalog_states import Sighting
    from archive.database import CatalogFile
    from archive.rows import Row

_ID_HEX = 12
"""Hex digits of the digest in a document's id: 48 bits, so that a million documents collide with a chance of 0.2 %."""


FIND_BY_ADDRESS = "SELECT * FROM documents WHERE agency = ? AND url_key = ?"
FIND_BY_ALIAS = (
    "SELECT d.* FROM aliases AS a JOIN documents AS d ON d.id = a.document_id WHERE a.agency = ? AND a.url_key = ?"
)
# the plus keeps SQLite from walking the whole agency in the order of an index, to save itself a sort of one row
FIND_BY_KEY = "SELECT * FROM documents WHERE agency = ? AND key = ? ORDER BY +id"


def find(db: CatalogFile, agency: str, url_key: str, key: str | None) -> Row | None:
    """The row of the document at an address (canonical or alias), else of the one with this key on the same host."""
    row = db.row(FIND_BY_ADDRESS, (agency, url_key)) or db.row(FIND_BY_ALIAS, (agency, url_key))
    if row is None and key is not None:
        same_key = db.rows(FIND_BY_KEY, (agency, key))
        row = next((known for known in same_key if host_of(known["url_key"]) == host_of(url_key)), None)
    return row


def host_of(url_key: str) -> str:
    """The host (and port) of an address without scheme: keys are unique on their host only."""
    return url_key.lstrip("/").partition("/")[0]


def new_id(db: CatalogFile, agency: str, url_key: str) -> str:
    """An id for a document first seen at this address; longer where another address has the same short one."""
    digest = hashlib.sha256(url_key.encode()).hexdigest()
    for digits in range(_ID_HEX, len(digest) + 1):
        name = f"{agency}-{digest[:digits]}"
        if db.row("SELECT 1 FROM documents WHERE id = ?", (name,)) is None:
            return name
    msg = f"catalog {db.path}: no free id for {url_key} of {agency}: an earlier document has its whole digest"
    raise CatalogError(msg)


def put_alias(db: CatalogFile, agency: str, document_id: str, url: str, url_key: str, at: datetime) -> bool:
    """Put another address of a document unless the address already leads to a document."""
    if find(db, agency, url_key, None) is not None:
        return False
    values = {
        "agency": agency,
        "url": url,
        "url_key": url_key,
        "document_id": document_id,
        "first_seen_at": instant(at),
    }
    db.insert("aliases", values)
    if db.update("listings", {"agency": agency, "url_key": url_key, "document_id": None}, {"document_id": document_id}):
        put_kind(db, document_id)
    return True


def move(db: CatalogFile, sighting: Sighting, row: Row, url: str, url_key: str) -> None:
    """Make another address the canonical one; the old one becomes an alias.

    A document first seen in this very crawl did not move: two of its addresses were read in another order. Nor did one whose
    original is found now, after a copy of it in traditional characters.
    """
    shown = last_shown(db, row)
    db.execute("DELETE FROM aliases WHERE agency = ? AND url_key = ?", (row["agency"], url_key))
    db.update("documents", {"id": row["id"]}, {"url": url, "url_key": url_key})
    put_alias(db, row["agency"], row["id"], row["url"], row["url_key"], sighting.at)
    first = db.row("SELECT crawl_id FROM captures WHERE id = ?", (row["first_capture_id"],))
    known = db.row("SELECT flags FROM versions WHERE id = ?", (row["current_version_id"],))
    copy = known is not None and COPY_FLAG in json.loads(known["flags"])
    if first is None or first["crawl_id"] == sighting.crawl_id or copy:
        return
    event = Event(
        change="moved",
        agency=row["agency"],
        document_id=row["id"],
        at=instant(sighting.capture.captured_at),
        crawl_id=sighting.crawl_id,
        capture_id=sighting.capture.id,
        before_capture_id=shown,
        version_id=row["current_version_id"],
        from_url=row["url"],
        to_url=url,
    )
    put_change(db, event)


def first_channel(db: CatalogFile, document_id: str) -> str | None:
    """The channel that lists a document: the first in the agency's order."""
    row = db.row(
        "SELECT l.channel FROM listings AS l LEFT JOIN channels AS c ON c.agency = l.agency AND c.name = l.channel"
        " WHERE l.document_id = ? ORDER BY c.position IS NULL, c.position, l.channel LIMIT 1",
        (document_id,),
    )
    channel: str | None = row["channel"] if row else None
    return channel


def link_listings(db: CatalogFile, agency: str, document_id: str, key: str | None, host: str) -> None:
    """Tie lines that lead to a document to it, now that it is known."""
    db.execute(
        "UPDATE listings SET document_id = ? WHERE agency = ? AND document_id IS NULL AND url_key IN ("
        "SELECT url_key FROM documents WHERE id = ? UNION SELECT url_key FROM aliases WHERE document_id = ?)",
        (document_id, agency, document_id, document_id),
    )
    if key is not None:
        loose = db.rows(
            "SELECT channel, url_key FROM listings WHERE agency = ? AND key = ? AND document_id IS NULL", (agency, key)
        )
        for line in loose:
            if host_of(line["url_key"]) == host:
                db.update("listings", {"agency": agency, **line}, {"document_id": document_id})
