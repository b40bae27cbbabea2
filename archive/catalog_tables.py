"""Tables of the current versions of documents and of their attachments, read from the catalog in constant memory."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from archive.rows import of_agency

if TYPE_CHECKING:
    from collections.abc import Iterator

    from archive.catalog import Catalog
    from archive.rows import Row

Grid = list[list[str]]
"""A table: rows of cells, spans resolved."""


class Source(NamedTuple):
    """Where tables stand: the body of a document (``file`` is ``None``) or one of its attachments.

    Args:
        document: document_id, agency, url, title, publish_date, version_id.
        file: position, url, label, filename, sha256.
        tables: in order.
        members: of an archive (ZIP): name, text, tables (places in ``tables``: from, to) and more of each.
    """

    document: Row
    file: Row | None
    tables: list[Grid]
    members: list[dict[str, Any]]


_DOCUMENTS = """
SELECT d.id AS document_id, d.agency, d.url, v.id AS version_id, v.title, v.publish_date, v.tables,
  EXISTS (SELECT 1 FROM files AS f WHERE f.version_id = v.id AND f.kind = 'attachment') AS has_files
FROM documents AS d CROSS JOIN versions AS v ON v.id = d.current_version_id
WHERE (?1 IS NULL OR v.publish_date IS NULL OR v.publish_date >= ?1) AND {} AND {}
ORDER BY d.agency, d.id"""

_FILES = """
SELECT f.position, f.url, f.label, f.filename, f.sha256, t.tables, t.members
FROM files AS f JOIN file_texts AS t ON t.sha256 = f.sha256
WHERE f.version_id = ? AND f.kind = 'attachment' ORDER BY f.position"""


def documents_with_tables(
    catalog: Catalog, *, agency: str | None = None, since: str | None = None, document_id: str | None = None
) -> Iterator[list[Source]]:
    """Stream documents, each as its body followed by its attachments that were read, by agency and document id.

    The body comes first even where it has no table. ``since`` (local day) keeps undated documents.
    """
    of, given = of_agency("d.agency", agency)
    one = "1" if document_id is None else "d.id = ?"
    parameters = (since, *given, *(() if document_id is None else (document_id,)))
    for row in catalog.rows(_DOCUMENTS.format(of, one), parameters):
        document = {name: value for name, value in row.items() if name not in {"tables", "has_files"}}
        sources = [Source(document, None, json.loads(row["tables"]), [])]
        if row["has_files"]:
            sources += [
                Source(
                    document,
                    {name: value for name, value in file.items() if name not in {"tables", "members"}},
                    json.loads(file["tables"]),
                    json.loads(file["members"]),
                )
                for file in catalog.rows(_FILES, (row["version_id"],))
            ]
        yield sources


def text_of(catalog: Catalog, source: Source) -> str | None:
    """Return the text that stands around a source's tables."""
    if source.file is None:
        rows = catalog.rows("SELECT text FROM versions WHERE id = ?", (source.document["version_id"],))
    else:
        rows = catalog.rows("SELECT text FROM file_texts WHERE sha256 = ?", (source.file["sha256"],))
    text: str | None = next(rows)["text"]
    return text
