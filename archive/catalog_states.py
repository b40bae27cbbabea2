"""States of documents in the catalog: seen again, gone, listed no more; every change with its evidence.

Called by :class:`archive.catalog.Catalog` inside one of its transactions.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal

from archive import catalog_changes as changes
from archive.catalog_changes import Event
from archive.errors import CatalogError
from archive.rows import instant, parse_instant

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from archive.catalog_changes import Change, Evidence
    from archive.database import CatalogFile
    from archive.model import Capture, State
    from archive.rows import Row


@dataclass(frozen=True, slots=True)
class Sighting:
    """One look at a document's page: in which crawl, whose, with which capture, when it is put."""

    crawl_id: str
    agency: str
    capture: Capture
    at: datetime


def row_of(db: CatalogFile, document_id: str) -> Row:
    """The row of a document.

    Raises:
        CatalogError: there is none.
    """
    row = db.row("SELECT * FROM documents WHERE id = ?", (document_id,))
    if row is None:
        msg = f"catalog {db.path} has no document {document_id}"
        raise CatalogError(msg, zh=f"目录库 {db.path} 没有公开文件 {document_id}")
    return row


def is_gone(row: Row) -> bool:
    """Whether a document (its row) was found gone, so that an answer of its page brings it back."""
    return row["state"] in {"suspected", "withdrawn"}


def answered(db: CatalogFile, sighting: Sighting, row: Row) -> bool:
    """Note that a document's page answered; returns whether that brings it back."""
    captured_at = instant(sighting.capture.captured_at)
    values: dict[str, Any] = {
        "last_captured_at": max(captured_at, row["last_captured_at"]),
        "last_checked_at": instant(sighting.at),
        "last_crawl_id": sighting.crawl_id,
        "failures": 0,
        "first_failed_at": None,
    }
    db.update("documents", {"id": row["id"]}, values)
    restored = is_gone(row)
    if restored:
        event = _event("restored", row, captured_at, sighting.crawl_id, sighting.capture.id, "answers again")
        _change_state(db, "live", replace(event, before_capture_id=changes.last_absence(db, row["id"])))
    return restored


def put_absence(
    db: CatalogFile,
    crawl_id: str,
    document_id: str,
    capture_id: int | None,
    reason: str,
    at: datetime,
    *,
    min_failures: int,
    min_days: int,
) -> State:
    """Note that a document is gone at this look; returns its state now."""
    row = row_of(db, document_id)
    failures: int = row["failures"] + 1
    first_failed_at = row["first_failed_at"] or instant(at)
    failing = at - parse_instant(first_failed_at)
    state = absent_state(row["state"], failures, failing, min_failures=min_failures, min_days=min_days)
    values = {"failures": failures, "first_failed_at": first_failed_at, "last_checked_at": instant(at)}
    db.update("documents", {"id": document_id}, values)
    if state != row["state"]:
        event = _event(state, row, instant(at), crawl_id, capture_id, reason)
        looks: list[Evidence] = changes.absences(db, document_id) if row["state"] == "suspected" else []
        looks += [] if capture_id is None else [("absent", capture_id)]
        _change_state(db, state, replace(event, before_capture_id=changes.last_shown(db, row)), looks)
    elif state == "suspected":
        changes.add_absence(db, document_id, capture_id)
    return state


def absent_state(
    state: State, failures: int, failing: timedelta, *, min_failures: int, min_days: int
) -> Literal["suspected", "withdrawn"]:
    """The state of a document after a look that found it gone; pure.

    ``failures`` looks in a row found it so, this one included, the first of them ``failing`` ago. Withdrawn stays withdrawn.
    """
    gone = failures >= min_failures and failing >= timedelta(days=min_days)
    return "withdrawn" if gone or state == "withdrawn" else "suspected"


def settle(db: CatalogFile, crawl_id: str, agency: str, at: datetime) -> dict[str, int]:
    """Turn what this crawl's lists did and did not show into ``unlisted`` and back."""
    gone = db.rows(
        "SELECT d.* FROM documents AS d WHERE d.agency = ? AND d.state = 'live' AND d.last_crawl_id = ?"
        " AND EXISTS (SELECT 1 FROM listings AS l WHERE l.document_id = d.id)"
        " AND NOT EXISTS (SELECT 1 FROM listings AS l"
        " LEFT JOIN channels AS c ON c.agency = l.agency AND c.name = l.channel"
        " WHERE l.document_id = d.id AND (l.last_crawl_id = ? OR c.walked_crawl_id IS NOT ?)) ORDER BY d.id",
        (agency, crawl_id, crawl_id, crawl_id),
    )
    back = db.rows(
        "SELECT d.*, MIN(l.capture_id) AS listed_capture_id FROM documents AS d"
        " JOIN listings AS l ON l.document_id = d.id"
        " WHERE d.agency = ? AND d.state = 'unlisted' AND l.last_crawl_id = ? GROUP BY d.id ORDER BY d.id",
        (agency, crawl_id),
    )
    for row in gone:
        shown = db.row(
            "SELECT MAX(id) AS id FROM captures WHERE agency = ? AND url = ? AND crawl_id = ?",
            (agency, row["url"], crawl_id),
        )
        listed = db.row("SELECT MAX(capture_id) AS id FROM listings WHERE document_id = ?", (row["id"],))
        reason = "answers, but no list shows it any more"
        event = _event("unlisted", row, instant(at), crawl_id, shown["id"] if shown else None, reason)
        event = replace(event, before_capture_id=listed["id"] if listed else None)
        _change_state(db, "unlisted", event, changes.list_pages(db, crawl_id, agency, row["id"]))
    for row in back:
        event = _event("listed", row, instant(at), crawl_id, row["listed_capture_id"], "listed again")
        _change_state(db, "live", replace(event, before_capture_id=changes.last_list_without(db, row["id"])))
    return {"unlisted": len(gone), "listed": len(back)}


def _event(change: Change, row: Row, at: str, crawl_id: str, capture_id: int | None, reason: str) -> Event:
    """A change of the state of a document (its row)."""
    return Event(
        change=change,
        agency=row["agency"],
        document_id=row["id"],
        at=at,
        crawl_id=crawl_id,
        capture_id=capture_id,
        version_id=row["current_version_id"],
        reason=reason,
    )


def _change_state(db: CatalogFile, state: State, event: Event, evidence: Iterable[Evidence] = ()) -> None:
    """Give a document another state and keep the evidence."""
    db.update("documents", {"id": event.document_id}, {"state": state, "state_since_at": event.at})
    reason = event.reason or ""
    insert_state(db, event.document_id, state, event.at, event.crawl_id, event.capture_id, reason)
    changes.put_change(db, event, evidence)


def insert_state(
    db: CatalogFile, document_id: str, state: State, at: str, crawl_id: str, capture_id: int | None, reason: str
) -> None:
    """Put one row of a document's state history."""
    values = {"document_id": document_id, "state": state, "at": at, "crawl_id": crawl_id}
    db.insert("states", values | {"capture_id": capture_id, "reason": reason})
