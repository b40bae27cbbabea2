"""Agencies, crawls and failures in the catalog.

Called by :class:`archive.catalog.Catalog` inside one of its transactions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archive.errors import CatalogError
from archive.rows import instant, json_text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from archive.database import CatalogFile
    from archive.model import Agency, Kind


def put_agency(db: CatalogFile, agency: Agency) -> None:
    """Put or update an agency and its channels, in their declared order; those no longer declared stay."""
    db.execute(
        "INSERT INTO agencies (name, title, base_url, template) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (name) DO UPDATE"
        " SET title = excluded.title, base_url = excluded.base_url, template = excluded.template",
        (agency.name, agency.title, agency.base_url, agency.template),
    )
    for position, channel in enumerate(sorted(agency.channels, key=lambda channel: channel.position)):
        db.execute(
            "INSERT INTO channels (agency, name, seed_url, position) VALUES (?, ?, ?, ?)"
            " ON CONFLICT (agency, name) DO UPDATE"
            " SET seed_url = excluded.seed_url, position = excluded.position",
            (agency.name, channel.name, channel.seed_url, position),
        )


def put_crawl(
    db: CatalogFile,
    crawl_id: str,
    agency: str,
    mode: str,
    started_at: datetime,
    options: Mapping[str, Any],
    software: str,
) -> None:
    """Put a crawl that begins; earlier ones of the agency still ``running`` were left by a dead process."""
    db.execute(
        "UPDATE crawls SET outcome = 'interrupted', reason = 'the process ended without closing the crawl'"
        " WHERE agency = ? AND outcome = 'running' AND id <> ?",
        (agency, crawl_id),
    )
    db.insert(
        "crawls",
        {
            "id": crawl_id,
            "agency": agency,
            "mode": mode,
            "started_at": instant(started_at),
            "outcome": "running",
            "software": software,
            "options": json_text(options),
        },
    )


def finish_crawl(
    db: CatalogFile,
    crawl_id: str,
    finished_at: datetime,
    outcome: str,
    reason: str | None,
    counts: Mapping[str, Any],
) -> None:
    """Close a crawl's row: outcome ``finished``, ``failed`` or ``interrupted``, with what was counted.

    Raises:
        CatalogError: there is no such crawl.
    """
    values = {
        "finished_at": instant(finished_at),
        "outcome": outcome,
        "reason": reason,
        "counts": json_text(counts),
    }
    if not db.update("crawls", {"id": crawl_id}, values):
        raise CatalogError(f"catalog {db.path} has no crawl {crawl_id}: put_crawl comes first")


def continue_crawl(db: CatalogFile, crawl_id: str) -> None:
    """Note that a crawl goes on: what was said of its end by an interrupted sitting holds no more."""
    values = {"outcome": "running", "finished_at": None, "reason": None, "counts": None}
    db.update("crawls", {"id": crawl_id}, values)


def put_failure(  # noqa: PLR0913, PLR0917 - one row, its columns
    db: CatalogFile,
    crawl_id: str,
    agency: str,
    url: str,
    kind: Kind,
    channel: str | None,
    reason: str,
    message: str,
    capture_id: int | None,
    record_id: str | None,
    at: datetime,
) -> None:
    """Put a fetch or reading that failed. ``reason`` is a short name for counting, ``message`` a sentence."""
    db.insert(
        "failures",
        {
            "crawl_id": crawl_id,
            "agency": agency,
            "url": url,
            "kind": kind,
            "channel": channel,
            "reason": reason,
            "message": message,
            "capture_id": capture_id,
            "record_id": record_id,
            "at": instant(at),
        },
    )
