"""Rows of the catalog to nouns of the model and back."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Required, TypedDict

from archive.model import Capture, File

if TYPE_CHECKING:
    from collections.abc import Mapping

    from archive.model import Kind, Truncation


class CaptureFields(TypedDict, total=False):
    """What ``Catalog.put_capture`` takes: a capture's fields but its id, and where the rest of its group lies."""

    agency: Required[str]
    crawl_id: Required[str]
    kind: Required[Kind]
    url: Required[str]
    method: Required[str]
    request_digest: str | None
    status: Required[int | None]
    media_type: str | None
    captured_at: Required[datetime]
    warc_file: Required[str]
    offset: Required[int]
    length: Required[int]
    record_id: Required[str]
    block_digest: Required[str]
    payload_digest: str | None
    payload_bytes: Required[int]
    truncated: Truncation | None
    revisit_profile: str | None
    refers_to: str | None
    etag: str | None
    last_modified: str | None
    ip: str | None
    request_record_id: str | None
    metadata_record_id: str | None
    request_offset: int | None
    group_length: Required[int]
    channel: str | None
    via: str | None
    tls_version: str | None
    tls_cipher: str | None
    elapsed_seconds: float | None


Row = dict[str, Any]

CAPTURE_COLUMNS = tuple(Capture.__dataclass_fields__)
FILE_COLUMNS = tuple(File.__dataclass_fields__)


def instant(at: datetime) -> str:
    """An aware instant as the catalog writes it: UTC, always with microseconds, so that text order is time order."""
    if at.tzinfo is None:
        msg = f"{at!r} has no time zone; the catalog takes aware instants only"
        raise ValueError(msg)
    return at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def parse_instant(text: str) -> datetime:
    """The aware instant that :func:`instant` wrote."""
    return datetime.fromisoformat(text)


def json_text(value: object) -> str:
    """A value as compact JSON with sorted keys, Chinese left readable."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def capture_of(row: Mapping[str, Any], prefix: str = "") -> Capture:
    """The capture in a row of ``captures`` (or a join that carries its columns under a prefix)."""
    values = {name: row[prefix + name] for name in CAPTURE_COLUMNS}
    values["captured_at"] = parse_instant(values["captured_at"])
    return Capture(**values)


def new_capture(number: int, fields: CaptureFields) -> Capture:
    """The capture of a row just inserted: what :func:`capture_of` returns for it, without asking for it again."""
    said: Mapping[str, Any] = fields
    values: dict[str, Any] = {name: said.get(name) for name in CAPTURE_COLUMNS} | {"id": number}
    values["captured_at"] = fields["captured_at"].astimezone(UTC)
    return Capture(**values)


def file_of(row: Mapping[str, Any]) -> File:
    """The file in a row of ``files``."""
    return File(**{name: row[name] for name in FILE_COLUMNS})


def of_agency(column: str, agency: str | None) -> tuple[str, tuple[str, ...]]:
    """A condition for rows of an agency, or of all, and what stands at its mark.

    Put together, not asked of SQLite (``agency = COALESCE(?, agency)``): only so an index answers it.
    """
    return ("1", ()) if agency is None else (f"{column} = ?", (agency,))
