"""Rows of the catalog out again: documents as JSON lines or CSV.

The names of the fields are a contract; new ones are only appended. Streams: memory does not grow with the catalog.
"""

from __future__ import annotations

import csv
import io
import json
import os
import secrets
import stat
import sys
from contextlib import contextmanager
from itertools import chain, islice
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from archive import catalog_reads as reads
from archive.as_of import row_as_of
from archive.catalog_find import found_ids
from archive.catalog_search import check_index
from archive.catalog_texts import EXPORTED, exported_text
from archive.errors import ArchiveWriteError
from archive.kinds import find_kind

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence

    from archive.catalog import Catalog
    from archive.model import Document
    from archive.rows import Row
    from archive.search_query import Query

DOCUMENT_FIELDS = (
    "document_id",
    "agency",
    "url",
    "aliases",
    "channels",
    "title",
    "publish_date",
    "publish_time",
    "publish_date_source",
    "written_date",
    "source",
    "publisher",
    "index_number",
    "document_number",
    "topic",
    "validity",
    "text",
    "tables",
    "attachments",
    "images",
    "cites",
    "state",
    "version_count",
    "first_captured_at",
    "last_captured_at",
    "last_checked_at",
    "extraction",
    "capture",
    "subtitle",
    "author",
    "editor",
    "genre",
    "keywords",
    "effective_date",
    "expiry_date",
    "site_id_code",
    "kind",
    "kind_rule",
    "origins",
)
"""Fields of an exported document, in the order of CSV columns."""

_PRINTED = (
    "title",
    "publish_date",
    "publish_time",
    "publish_date_source",
    "written_date",
    "source",
    "publisher",
    "index_number",
    "document_number",
    "topic",
    "validity",
    "text",
    "subtitle",
    "author",
    "editor",
    "genre",
    "keywords",
    "effective_date",
    "expiry_date",
    "site_id_code",
)
_GUARDED = ("=", "+", "-", "@", "\t", "\r")


def export_documents(
    catalog: Catalog,
    *,
    agency: str | None = None,
    since: str | None = None,
    changed_since: str | None = None,
    query: Query | None = None,
    as_of: str | None = None,
) -> Generator[dict[str, Any]]:
    """Stream documents as dicts of :data:`DOCUMENT_FIELDS`, by agency and document id, from one view of the catalog.

    Whoever may stop before the end closes it (``contextlib.closing``) before the catalog.

    ``since`` (local day) keeps undated documents; ``changed_since`` is a UTC day or instant: those with a version or
    another state since then; ``query`` exactly those that this search finds; ``as_of`` is an instant: each document as it was
    known before it (:mod:`archive.as_of`), those that were not known yet left out.

    Raises:
        CatalogError: the agency is not in the catalog, or the search index is behind.
    """
    with catalog.snapshot():
        if agency is not None:
            reads.check_agency(catalog, agency)
        chosen = None
        if query is not None:
            check_index(catalog)
            chosen = set(found_ids(catalog, query))
        listed = None if as_of is not None else since  # the day that is printed may have been another one then
        for row in reads.document_rows(catalog, agency=agency, since=listed, changed_since=changed_since):
            if chosen is not None and row["document_id"] not in chosen:
                continue
            then = row if as_of is None else row_as_of(catalog, row["document_id"], as_of)
            if then is not None and (as_of is None or since is None or (then["publish_date"] or since) >= since):
                yield document_of_row(catalog, then)


def document_of_row(catalog: Catalog, row: Row) -> dict[str, Any]:
    """The exported form of a row of :func:`archive.catalog_reads.document_rows`."""
    document_id = row["document_id"]
    channels = json.loads(row["channel_names"])
    files = reads.files(catalog, row["id"]) if row["has_files"] else []
    return {
        **{name: row[name] for name in _PRINTED},
        **_kind(row, channels),
        "origins": json.loads(row["origins"] or "{}"),
        "document_id": document_id,
        "agency": row["agency"],
        "url": row["url"],
        "aliases": json.loads(row["alias_urls"]),
        "channels": channels,
        "tables": json.loads(row["tables"]),
        "attachments": [_attachment(file) for file in files if file["kind"] == "attachment"],
        "images": [_image(file) for file in files if file["kind"] == "image"],
        "cites": json.loads(row["cites"]),
        "state": row["state"],
        "version_count": row["version_count"],
        "first_captured_at": row["first_captured_at"],
        "last_captured_at": row["last_captured_at"],
        "last_checked_at": row["last_checked_at"],
        "extraction": {
            "method": row["method"],
            "version": row["extractor_version"],
            "trafilatura_version": row["trafilatura_version"],
            "encoding": row["encoding"],
            "container": row["container"],
            "agreement": row["agreement"],
            "flags": json.loads(row["flags"]),
        },
        "capture": _place(row),
    }


def document_of_page(document: Document, *, agency: str | None = None) -> dict[str, Any]:
    """The exported form of a document that was read outside a crawl: what only a catalog knows is null or empty."""
    extraction = document.extraction
    values: dict[str, Any] = dict.fromkeys(DOCUMENT_FIELDS)
    values.update((name, getattr(document, name)) for name in _PRINTED)
    values.update(_kind(values, ()))
    values.update(
        origins=dict(document.origins),
        agency=agency,
        url=document.url,
        aliases=[],
        channels=[],
        tables=[[list(row) for row in table] for table in document.tables],
        attachments=[
            dict.fromkeys(("media_type", "bytes", "sha256", "capture", "error", *EXPORTED))
            | {"url": link.url, "label": link.label, "filename": link.filename}
            for link in document.attachments
        ],
        images=[dict.fromkeys(("media_type", "bytes", "sha256")) | {"url": link.url} for link in document.images],
        cites=list(document.cites),
        extraction={
            "method": extraction.method,
            "version": extraction.extractor_version,
            "trafilatura_version": extraction.trafilatura_version,
            "encoding": extraction.encoding,
            "container": extraction.container,
            "agreement": extraction.agreement,
            "flags": list(extraction.flags),
        },
    )
    return values


def _kind(values: Mapping[str, Any], channels: Sequence[str]) -> dict[str, str | None]:
    """Kind of a document and the rule that says so."""
    names = ("title", "document_number", "genre")
    found = find_kind(**{name: values[name] for name in names}, channels=channels)
    return {"kind": found.kind if found else None, "kind_rule": found.rule if found else None}


def _place(row: Row) -> dict[str, Any] | None:
    """Where a capture lies, ``None`` where there is none."""
    if row["capture_record_id"] is None:
        return None
    names = ("warc_file", "offset", "length", "record_id", "payload_digest")
    return {name: row[f"capture_{name}"] for name in names}


def _attachment(row: Row) -> dict[str, Any]:
    """The exported form of an attachment, with what was read out of it."""
    names = ("url", "label", "filename", "media_type", "bytes", "sha256", "error")
    return {**{name: row[name] for name in names}, "capture": _place(row), **exported_text(row)}


def _image(row: Row) -> dict[str, Any]:
    """The exported form of a content image."""
    return {name: row[name] for name in ("url", "media_type", "bytes", "sha256")}


def json_line(value: Mapping[str, Any]) -> str:
    """One line of JSON: sorted keys, Chinese unescaped, without the line break."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


def write_jsonl(rows: Iterable[Mapping[str, Any]], target: IO[bytes]) -> int:
    """Write one JSON object a line, UTF-8. Returns how many."""
    count = 0
    for row in rows:
        target.write(json_line(row).encode() + b"\n")
        count += 1
    return count


def begun(rows: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """Return rows of which the first is there already: what makes an export fail at its beginning is raised before anything is written."""
    stream = iter(rows)
    first = list(islice(stream, 1))
    return chain(first, stream)


def write_csv(
    rows: Iterable[Mapping[str, Any]],
    target: IO[bytes],
    *,
    fields: tuple[str, ...] = DOCUMENT_FIELDS,
    bom: bool = True,
    guard: bool = True,
) -> int:
    """Write CSV (RFC 4180: CRLF, quotes doubled), nested values as JSON, missing ones empty. Returns how many rows.

    Args:
        rows: what to write.
        target: binary file.
        fields: columns, in order.
        bom: begin with a UTF-8 byte order mark, without which Excel reads Chinese as GBK.
        guard: put ``'`` before text that a spreadsheet would run as a formula (begins with = + - @, tab or CR).
    """
    rows = begun(rows)
    text = io.TextIOWrapper(target, encoding="utf-8-sig" if bom else "utf-8", newline="", write_through=False)
    count = 0
    try:
        writer = csv.writer(text, lineterminator="\r\n")
        writer.writerow(fields)
        for row in rows:
            writer.writerow([_cell(row[name], guard=guard) for name in fields])
            count += 1
    finally:
        text.detach()  # flushes; the target stays its owner's
    return count


def _cell(value: object, *, guard: bool) -> str:
    """A value as the text of a cell."""
    if value is None:
        return ""
    if isinstance(value, str):
        return f"'{value}" if guard and value.startswith(_GUARDED) else value
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


@contextmanager
def opened(target: str) -> Iterator[IO[bytes]]:
    """A binary file for an export: ``-`` is standard output; else a new file that takes its name only when complete.

    When the block raises, what stood at the target stays. A target that is no regular file (a pipe, a device) is written
    into directly.

    Raises:
        ArchiveWriteError: the target cannot be written.
    """
    if target == "-":
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    path = Path(os.path.realpath(target))  # a link stays a link
    with _said_clearly(target):
        special = path.exists() and not stat.S_ISREG(path.stat().st_mode) and not path.is_dir()
        if path.is_dir():
            raise ArchiveWriteError(
                f"export: {target} is a directory; name a file in it (--output {target}/NAME)",
                zh=f"导出：{target} 是目录；请写明其中的文件名（--output {target}/文件名）",
            )
        part = path if special else path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
        file = part.open("wb" if special else "xb")
    try:
        with _said_clearly(target), file:
            yield file
        if not special:
            with _said_clearly(target):
                part.replace(path)
    except BaseException:
        if not special:
            part.unlink(missing_ok=True)
        raise


@contextmanager
def _said_clearly(target: str) -> Iterator[None]:
    """Turn an operating system's error about the target into the store's own."""
    try:
        yield
    except OSError as exc:
        reason = exc.strerror or exc
        raise ArchiveWriteError(
            f"export: {target} cannot be written: {reason}; choose another --output, in a folder that is there, or make room",
            zh=f"导出：不能写入 {target}（{reason}）；请另选 --output（其目录须已存在）或腾出空间",
        ) from exc
