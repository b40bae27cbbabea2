"""Lines of lists in the catalog: what each showed when, and what is known behind it.

Called by :class:`archive.catalog.Catalog` inside one of its transactions.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from archive.catalog_identity import find
from archive.catalog_search import put_kind
from archive.model import Known, Listing
from archive.rows import instant

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime

    from archive.database import CatalogFile

NARROWING = ("since", "limit")  # options of a crawl that left lines out


@dataclass(frozen=True, slots=True)
class Look:
    """One look at a list page: in which crawl, of which channel, with which capture, when it is put."""

    crawl_id: str
    agency: str
    channel: str
    capture_id: int | None
    at: datetime
    settled: dict[str, bool] = field(default_factory=dict)  # crawl → whether what it listed first is no sign of a gap


def put_listings(db: CatalogFile, look: Look, lines: Sequence[Listing]) -> list[Known]:
    """Put the lines of one list page and tell, line by line, what was known of each."""
    return [_put_listing(db, look, line) for line in lines]


def _put_listing(db: CatalogFile, look: Look, line: Listing) -> Known:
    """Put one line."""
    where = {"agency": look.agency, "channel": look.channel, "url_key": line.url_key}
    before = db.row("SELECT * FROM listings WHERE agency = ? AND channel = ? AND url_key = ?", tuple(where.values()))
    document = find(db, look.agency, line.url_key, line.key)
    document_id = document["id"] if document else None
    seen = {
        "key": line.key,
        "title": line.title,
        "publish_date": line.publish_date,
        "date_text": line.date_text,
        "position": line.position,
        "pinned": int(line.pinned),
    }
    now = {
        "url": line.url,
        "offsite": int(line.offsite),
        "document_id": document_id,
        "last_listed_at": instant(look.at),
        "last_crawl_id": look.crawl_id,
        "capture_id": look.capture_id,
    }
    if before is None:
        first = {"first_listed_at": instant(look.at), "first_crawl_id": look.crawl_id}
        db.insert("listings", {**where, **seen, **now, **first})
        if document_id is not None:
            put_kind(db, document_id)
    elif before["last_crawl_id"] == look.crawl_id:
        gaps = {name: value for name, value in seen.items() if before[name] is None}
        db.update("listings", where, {**gaps, **now})
    else:
        db.update("listings", where, {**seen, **now})
    earlier = before is not None and before["last_crawl_id"] != look.crawl_id
    listed_before = before is not None and before["first_crawl_id"] != look.crawl_id
    return Known(
        listing=line,
        document_id=document_id,
        url=document["url"] if document else None,
        state=document["state"] if document else None,
        listed_before=listed_before,
        changed_line=earlier and _line_changed(before or {}, line),
        settled=listed_before and _is_settled(db, look, (before or {})["first_crawl_id"]),
    )


def _is_settled(db: CatalogFile, look: Look, first_crawl_id: str) -> bool:
    """Whether what a crawl listed first goes on, further down, with lines that are known.

    It does when that crawl was complete, or the channel was walked to its end in it or since. A crawl that broke off, or
    left lines out by its arguments, may have read this page and not the next.
    """
    if first_crawl_id not in look.settled:
        row = db.row(
            "SELECT c.outcome, c.options, c.started_at <= w.started_at AS walked_since FROM crawls AS c"
            " LEFT JOIN channels AS n ON n.agency = ? AND n.name = ? LEFT JOIN crawls AS w ON w.id = n.walked_crawl_id"
            " WHERE c.id = ?",
            (look.agency, look.channel, first_crawl_id),
        )
        whole = (
            row is not None and row["outcome"] == "finished" and not any(map(json.loads(row["options"]).get, NARROWING))
        )
        look.settled[first_crawl_id] = row is not None and (whole or bool(row["walked_since"]))
    return look.settled[first_crawl_id]


def _line_changed(before: Mapping[str, Any], line: Listing) -> bool:
    """Whether a line prints another title or date than at the earlier crawl; a date that only appears is no change."""
    if before["title"] != line.title:
        return True
    if before["publish_date"] and line.publish_date:
        return bool(before["publish_date"] != line.publish_date)
    return before["publish_date"] is None and line.publish_date is None and before["date_text"] != line.date_text


def listed_keys(db: CatalogFile, crawl_id: str, agency: str, channel: str, keys: Collection[str]) -> set[str]:
    """Those of some addresses that a crawl has seen in a channel's list already."""
    marks = ", ".join("?" * len(keys))
    rows = db.rows(
        "SELECT url_key FROM listings WHERE agency = ? AND channel = ? AND last_crawl_id = ?"  # noqa: S608 - marks only
        f" AND url_key IN ({marks})",
        (agency, channel, crawl_id, *keys),
    )
    return {row["url_key"] for row in rows}


def lines_without_document(db: CatalogFile, agency: str) -> list[tuple[str, Listing]]:
    """(channel, line) of what lists show on the agency's site and no document was ever made from, in their order.

    A line that the last walk to the channel's end did not show any more is left out.
    """
    rows = db.rows(
        "SELECT l.* FROM listings AS l JOIN channels AS n ON n.agency = l.agency AND n.name = l.channel"
        " JOIN crawls AS c ON c.id = l.last_crawl_id LEFT JOIN crawls AS w ON w.id = n.walked_crawl_id"
        " WHERE l.agency = ? AND l.document_id IS NULL AND NOT l.offsite"
        " AND (w.started_at IS NULL OR c.started_at >= w.started_at) ORDER BY n.position, l.position, l.url_key",
        (agency,),
    )
    names = ("url", "url_key", "key", "title", "publish_date", "date_text", "position")
    return [
        (row["channel"], Listing(**{name: row[name] for name in names}, pinned=bool(row["pinned"]))) for row in rows
    ]
