"""What happened, out again: changes, versions, captures and crawls as rows for CSV and JSON lines.

The names of the fields are a contract; new ones are only appended. Streams, like :mod:`archive.export`. Row numbers, which
change when a catalog is rebuilt, are not handed out: captures are named by their records' ids.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from archive import catalog_change_reads as changes
from archive import catalog_history as history
from archive import catalog_reads as reads
from archive.versions import PRINTED_FIELDS

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

    from archive.catalog import Catalog
    from archive.catalog_change_reads import Choice
    from archive.rows import Row

_PLACE = ("warc_file", "offset", "length", "record_id", "payload_digest")

CHANGE_FIELDS = (
    "agency",
    "document_id",
    "change",
    "at",
    "title",
    "url",
    "fields",
    "from_url",
    "to_url",
    "reason",
    "crawl_id",
    "version",
    "previous_version",
    "diff",
    "captures",
)
"""Fields of an exported change; ``captures`` are role, record_id, url, captured_at and place of each that shows it."""

VERSION_FIELDS = (
    "document_id",
    "agency",
    "number",
    "captured_at",
    "url",
    *PRINTED_FIELDS,
    "publish_date_source",
    "publish_date_text",
    "site_id_code",
    "text",
    "tables",
    "cites",
    "attachments",
    "images",
    "changed_fields",
    "version_digest",
    "text_digest",
    "extraction",
    "capture",
    "reextracted_at",
)
"""Fields of an exported version, in the order of CSV columns."""

CAPTURE_FIELDS = (
    "record_id",
    "agency",
    "crawl_id",
    "kind",
    "channel",
    "url",
    "method",
    "request_digest",
    "status",
    "media_type",
    "captured_at",
    "elapsed_seconds",
    "payload_bytes",
    "payload_digest",
    "block_digest",
    "truncated",
    "revisit_profile",
    "refers_to",
    "etag",
    "last_modified",
    "ip",
    "tls_version",
    "tls_cipher",
    "via",
    "warc_file",
    "offset",
    "length",
    "request_record_id",
    "metadata_record_id",
)
"""Fields of an exported capture: columns of ``captures``."""

CRAWL_FIELDS = (
    "crawl_id",
    "agency",
    "mode",
    "started_at",
    "finished_at",
    "outcome",
    "reason",
    "verdict",
    "software",
    "options",
    "counts",
    "captures",
    "payload_bytes",
    "failures",
    "changes",
)
"""Fields of an exported crawl; the last ones are counts, of changes by kind."""


def export_changes(catalog: Catalog, choice: Choice) -> Generator[dict[str, Any]]:
    """Stream changes as dicts of :data:`CHANGE_FIELDS`, in the order of their instants, from one view of the catalog.

    Raises:
        CatalogError: the agency is not in the catalog.
    """
    with catalog.snapshot():
        _check(catalog, choice.agency)
        for row in changes.find_changes(catalog, choice):
            shown = [
                {"role": one["role"], "url": one["url"], "captured_at": one["captured_at"], **_place(one)}
                for one in changes.change_captures(catalog, row["id"])
            ]
            said = {name: row[name] for name in CHANGE_FIELDS if name not in {"diff", "captures"}}
            yield said | {"diff": json.loads(row["diff"]) if row["diff"] else None, "captures": shown}


def export_versions(catalog: Catalog, *, agency: str | None = None) -> Generator[dict[str, Any]]:
    """Stream every version as a dict of :data:`VERSION_FIELDS`, by agency, document and number.

    Raises:
        CatalogError: the agency is not in the catalog.
    """
    with catalog.snapshot():
        _check(catalog, agency)
        for row in history.version_rows(catalog, agency):
            said = {name: row.get(name) for name in VERSION_FIELDS}
            said |= {name: json.loads(row[name]) for name in ("tables", "cites", "changed_fields")}
            said["extraction"] = {
                "method": row["method"],
                "version": row["extractor_version"],
                "trafilatura_version": row["trafilatura_version"],
                "encoding": row["encoding"],
                "container": row["container"],
                "agreement": row["agreement"],
                "flags": json.loads(row["flags"]),
            }
            said["capture"] = {name: row[f"capture_{name}"] for name in _PLACE}
            for name, kind in (("attachments", "attachment"), ("images", "image")):
                columns = ("url", "label", "filename", "media_type", "bytes", "sha256", "error")
                files = reads.files(catalog, row["id"], kind)
                said[name] = [{column: file[column] for column in columns} for file in files]
            yield said


def export_captures(catalog: Catalog, *, agency: str | None = None) -> Generator[dict[str, Any]]:
    """Stream captures as dicts of :data:`CAPTURE_FIELDS`, in the order in which they were archived.

    Raises:
        CatalogError: the agency is not in the catalog.
    """
    with catalog.snapshot():
        _check(catalog, agency)
        for row in history.capture_rows(catalog, agency):
            yield {name: row[name] for name in CAPTURE_FIELDS}


def export_crawls(catalog: Catalog, *, agency: str | None = None) -> Generator[dict[str, Any]]:
    """Stream crawls as dicts of :data:`CRAWL_FIELDS`, in the order in which they began.

    Raises:
        CatalogError: the agency is not in the catalog.
    """
    with catalog.snapshot():
        _check(catalog, agency)
        for row in history.crawl_rows(catalog, agency):
            said = {name: row.get(name) for name in CRAWL_FIELDS}
            yield said | {
                "crawl_id": row["id"],
                "options": json.loads(row["options"]),
                "counts": json.loads(row["counts"]) if row["counts"] else None,
                "changes": history.changes_by_kind(catalog, row["id"]),
            }


def _check(catalog: Catalog, agency: str | None) -> None:
    if agency is not None:
        reads.check_agency(catalog, agency)


def _place(row: Row | Mapping[str, Any]) -> dict[str, Any]:
    """Where a capture lies."""
    return {name: row[name] for name in _PLACE}
