"""Everything the catalog holds of one document, as one value: what the command and the page show."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from archive import catalog_reads as reads
from archive.export import document_of_row

if TYPE_CHECKING:
    from archive.catalog import Catalog

_MORE = ("publish_date_text", "key", "failures", "text_digest", "version_digest", "state_since_at", "captured_at")


def read_facts(catalog: Catalog, document_id: str, number: int | None = None) -> dict[str, Any] | None:
    """Return a document's exported fields (of the version asked for), with all versions, states and unexported fields.

    None where there is no such document or version.
    """
    row = reads.document_row(catalog, document_id, number)
    if row is None:
        return None
    versions = reads.versions(catalog, document_id)
    return {
        **document_of_row(catalog, row),
        **{name: row[name] for name in _MORE},
        "version": row["number"],
        "versions": [{**version, "changed_fields": json.loads(version["changed_fields"])} for version in versions],
        "states": reads.states(catalog, document_id),
    }
