"""The catalog as a data package: a folder of tables with one description of every column (Frictionless Data Package 1).

``datapackage.json`` names each table's file, its size and digest, and every column with type and meaning in Chinese and
English. Equal catalogs give equal packages, byte for byte: nothing in them says when they were made. The folder appears only
when it is complete.
"""

from __future__ import annotations

import hashlib
import json
import re
import secrets
import shutil
from contextlib import closing
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote, urlsplit

from archive.errors import ArchiveError, ArchiveWriteError, CaptureMissing, DigestMismatch, UnreadableContent
from archive.export_rows import write_rows
from archive.reader import open_capture
from archive.rows import of_agency

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
    from pathlib import Path

    from archive.catalog import Catalog
    from archive.export_rows import Format
    from archive.resources import Field, Resource, Type
    from archive.rows import Row

    Rows = Callable[[Catalog], Generator[dict[str, Any]]]

DESCRIPTOR = "datapackage.json"

_TYPES: dict[Type, str] = {
    "text": "string",
    "integer": "integer",
    "real": "number",
    "texts": "array",
    "tables": "array",
    "json": "any",
}
_MEDIA = {"csv": "text/csv", "jsonl": "application/x-ndjson", "parquet": "application/vnd.apache.parquet"}
_UNSAFE = re.compile(r'[\x00-\x1f<>:"/\\|?*\x7f]+')
_PIECE_BYTES = 1 << 20
_LONGEST_NAME = 100  # characters of a file's own name; file systems take 255 bytes, and Chinese takes three each

_FILES = (
    "SELECT d.agency, d.id AS document_id, f.position, f.url, f.filename, f.label, f.capture_id FROM documents AS d"
    " CROSS JOIN files AS f ON f.version_id = d.current_version_id AND f.kind = 'attachment'"
    " WHERE f.sha256 IS NOT NULL AND f.capture_id IS NOT NULL AND {}"
    " ORDER BY d.agency, d.id, f.position"
)
_PAGES = (
    "SELECT d.agency, d.id AS document_id, v.capture_id, v.method FROM documents AS d"
    " CROSS JOIN versions AS v ON v.id = d.current_version_id WHERE {} ORDER BY d.agency, d.id"
)


class Part(NamedTuple):
    """One table of a package and where its rows come from."""

    resource: Resource
    rows: Rows


class Made(NamedTuple):
    """What a package holds: rows by table, files, and what could not be read out of the archive."""

    rows: Mapping[str, int]
    files: int
    unread: tuple[tuple[str, ArchiveError], ...]


def export_package(
    catalog: Catalog,
    data_dir: Path,
    output: Path,
    parts: Sequence[Part],
    *,
    form: Format,
    agency: str | None = None,
    with_files: bool = False,
    progress: Callable[[str], None] = lambda _: None,
) -> Made:
    """Make a package; ``output`` appears only when it is complete.

    Args:
        parts: the tables, in order.
        form: csv, jsonl or parquet.
        with_files: also the attachments (``files/AGENCY/DOCUMENT/…``) and pages as captured (``pages/AGENCY/DOCUMENT.html``)
            of current versions, content-decoded.

    Raises:
        ArchiveWriteError: ``output`` is there already or cannot be made.
        CatalogError: the agency is not in the catalog.
    """
    output = output.absolute()
    if output.exists():
        raise ArchiveWriteError(
            f"export package: {output} is there already; name a directory that is not, or move it away",
            zh=f"export package：{output} 已经存在；请另选一个尚不存在的目录，或将它移走",
        )
    folder = output.with_name(f".{output.name}.{secrets.token_hex(4)}.part")
    try:
        (folder / "data").mkdir(parents=True)
        described, counts = [], {}
        for part in parts:
            progress(part.resource.name)
            path = folder / "data" / f"{part.resource.name}.{form}"
            with closing(part.rows(catalog)) as rows, path.open("wb") as target:
                counts[part.resource.name] = write_rows(rows, target, part.resource, form).rows
            described.append(_describe(part.resource, path, folder, form))
        count, unread = _copy(catalog, data_dir, folder, agency, progress) if with_files else (0, ())
        descriptor = {
            "profile": "data-package" if form == "parquet" else "tabular-data-package",
            "name": "govcrawl" if agency is None else f"govcrawl-{agency.replace('_', '-')}",
            "title": "政务公开档案 / disclosure archive",
            "description": (
                "公开文件及其版本、变动、附件和捕获；空值表示网页未印出，不作推测。 / Disclosed documents with versions, changes, attachments and "
                "captures; an empty value was not printed, nothing is guessed."
            ),
            "resources": described,
        }
        (folder / DESCRIPTOR).write_text(json.dumps(descriptor, ensure_ascii=False, indent=2) + "\n", "utf-8")
        folder.rename(output)
    except OSError as error:
        raise ArchiveWriteError(
            f"export package: {output} cannot be made ({error.strerror or error}); choose another --output or make room",
            zh=f"export package：{output} 不能建立（{error.strerror or error}）；请另选 --output 或腾出空间",
        ) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return Made(counts, count, unread)


def _describe(resource: Resource, path: Path, folder: Path, form: Format) -> dict[str, Any]:
    """Return a table's entry in the descriptor."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(_PIECE_BYTES):
            digest.update(piece)
    said: dict[str, Any] = {
        "name": resource.name.replace("_", "-"),
        "path": path.relative_to(folder).as_posix(),
        "title": f"{resource.zh} / {resource.name}",
        "description": resource.en,
        "format": form,
        "mediatype": _MEDIA[form],
        "bytes": path.stat().st_size,
        "hash": f"sha256:{digest.hexdigest()}",
        "schema": {
            "fields": [describe_field(field, form) for field in resource.fields],
            "primaryKey": list(resource.key),
            "missingValues": [""],
        },
    }
    if form == "csv":
        said |= {"profile": "tabular-data-resource", "encoding": "utf-8", "dialect": {"lineTerminator": "\r\n"}}
    return said


def describe_field(field: Field, form: Format) -> dict[str, str]:
    """Return a column's entry in the descriptor."""
    # in CSV a nested value is JSON text, which readers need not take apart to accept the file
    kind = "string" if form == "csv" and field.type in {"texts", "tables", "json"} else _TYPES[field.type]
    return {"name": field.name, "type": kind, "title": field.zh, "description": f"{field.zh}。{field.en}"}


# --- files and pages ---


def _copy(
    catalog: Catalog, data_dir: Path, folder: Path, agency: str | None, progress: Callable[[str], None]
) -> tuple[int, tuple[tuple[str, ArchiveError], ...]]:
    """Write attachments and captured pages; returns how many, and the path of each that could not be read, with why."""
    count = 0
    unread: list[tuple[str, ArchiveError]] = []
    for name, path, capture_id in _wanted(catalog, agency):
        progress(name)
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        capture = catalog.capture(capture_id)
        try:
            with (
                open_capture(data_dir, capture, original_of=catalog.capture_by_record_id) as stored,
                target.open("wb") as file,
            ):
                for piece in stored.iter_content():
                    file.write(piece)
            count += 1
        except (CaptureMissing, DigestMismatch, UnreadableContent) as error:
            target.unlink(missing_ok=True)
            unread.append((path, error))
    return count, tuple(unread)


def _wanted(catalog: Catalog, agency: str | None) -> Iterator[tuple[str, str, int]]:
    """Yield (document, path in the package, capture) of every attachment and page."""
    condition, given = of_agency("d.agency", agency)
    for row in catalog.rows(_FILES.format(condition), given):
        name = f"{row['position'] + 1:02d}-{_file_name(row)}"
        yield row["document_id"], f"files/{row['agency']}/{row['document_id']}/{name}", row["capture_id"]
    for row in catalog.rows(_PAGES.format(condition), given):
        if row["method"] != "binary":  # a document that is itself a file stands among the files
            yield row["document_id"], f"pages/{row['agency']}/{row['document_id']}.html", row["capture_id"]


def _file_name(row: Row) -> str:
    """Return a name that every file system takes, as near as can be to what the site calls the file."""
    own = row["filename"] or unquote(urlsplit(row["url"]).path.rpartition("/")[2]) or row["label"] or "file"
    plain = _UNSAFE.sub("_", own).strip(" .") or "file"
    stem, dot, suffix = plain.rpartition(".")
    room = max(1, _LONGEST_NAME - len(suffix) - 1)
    return f"{stem[:room]}.{suffix[:10]}" if dot and stem else plain[:_LONGEST_NAME]
