"""Attachments of current versions as rows of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archive import catalog_reads as reads
from archive.resources import ATTACHMENT_FIELDS
from archive.rows import of_agency

if TYPE_CHECKING:
    from collections.abc import Generator

    from archive.catalog import Catalog

_SQL = (
    "SELECT d.agency, d.id AS document_id, v.number AS version, f.position AS file_position, f.url, f.label, f.filename,"
    " f.media_type, f.bytes, f.sha256, f.error, t.media_type_sniffed, t.status AS text_status, t.pages AS text_pages, t.text,"
    " c.warc_file, c.offset, c.length, c.record_id, f.capture_id"
    " FROM documents AS d CROSS JOIN versions AS v ON v.id = d.current_version_id"
    " CROSS JOIN files AS f ON f.version_id = v.id AND f.kind = 'attachment'"
    " LEFT JOIN file_texts AS t ON t.sha256 = f.sha256 LEFT JOIN captures AS c ON c.id = f.capture_id"
    " WHERE {} ORDER BY d.agency, d.id, f.position"
)


def export_attachments(catalog: Catalog, *, agency: str | None = None) -> Generator[dict[str, Any]]:
    """Stream attachments as dicts of :data:`archive.resources.ATTACHMENT_FIELDS`, by agency, document and place.

    Raises:
        CatalogError: the agency is not in the catalog.
    """
    with catalog.snapshot():
        if agency is not None:
            reads.check_agency(catalog, agency)
        condition, given = of_agency("d.agency", agency)
        for row in catalog.rows(_SQL.format(condition), given):
            yield {name: row[name] for name in ATTACHMENT_FIELDS}
