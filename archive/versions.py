"""What makes a version (版本): the content of a document as one canonical value, its digest, and what differs.

Counted: text, tables, title, every printed field, (url, label, sha256) of attachments in order, sha256 of images.
Not counted: how it was read (method, agreement, flags, software versions, where each field was found), what is derived from
the text (cited numbers), and what is the site's rather than the document's (its code).
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from archive.rows import json_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from archive.model import Document

PRINTED_FIELDS = (
    "title",
    "subtitle",
    "publish_date",
    "publish_time",
    "written_date",
    "effective_date",
    "expiry_date",
    "source",
    "publisher",
    "author",
    "editor",
    "index_number",
    "document_number",
    "topic",
    "genre",
    "validity",
    "keywords",
)
"""Fields that count one by one; ``publish_date_text`` counts only where it is all that is known of the date."""

Content = dict[str, Any]
FileFacts = tuple[str, str | None, str | None]
"""(url, label, sha256) of a file."""


def content_of_document(document: Document, attachments: Iterable[FileFacts], images: Iterable[FileFacts]) -> Content:
    """The content of a document as just read, with the digests of its files."""
    values = {name: getattr(document, name) for name in (*PRINTED_FIELDS, "publish_date_text", "text")}
    tables = [[list(row) for row in table] for table in document.tables]
    return _content(values, tables, attachments, images)


def content_of_row(row: Mapping[str, Any], attachments: Iterable[FileFacts], images: Iterable[FileFacts]) -> Content:
    """The content of a stored version: its row, with the digests of its files."""
    return _content(row, json.loads(row["tables"]), attachments, images)


def _content(
    values: Mapping[str, Any], tables: list[Any], attachments: Iterable[FileFacts], images: Iterable[FileFacts]
) -> Content:
    """The canonical value."""
    content: Content = {name: values[name] for name in PRINTED_FIELDS}
    content["publish_date_text"] = values["publish_date_text"] if values["publish_date"] is None else None
    content["text"] = values["text"]
    content["tables"] = tables
    content["attachments"] = [list(facts) for facts in attachments]
    content["images"] = [sha256 for _, _, sha256 in images]
    return content


def version_digest(content: Content) -> str:
    """``sha256:`` over the canonical JSON (sorted keys, no white space, UTF-8) of a content."""
    return "sha256:" + hashlib.sha256(json_text(content).encode()).hexdigest()


def changed_fields(before: Content, after: Content) -> tuple[str, ...]:
    """Names of what differs, sorted."""
    return tuple(sorted(name for name in after if before[name] != after[name]))
