"""Tables as data: long (one cell a row) or wide (each table as it stands), as JSON lines, CSV, or one CSV file per table.

The names of the fields are a contract; new ones are only appended. Rows, columns and tables count from 0. Streams.
"""

from __future__ import annotations

import csv
import io
import re
import secrets
import shutil
import zipfile
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Protocol

from archive import catalog_reads as reads
from archive.catalog_tables import documents_with_tables
from archive.errors import ArchiveWriteError
from archive.export import opened, write_csv

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator, Mapping

    from archive.catalog import Catalog

_WHERE = ("agency", "document_id", "url", "title", "publish_date", "source", "file_url", "table")

LONG_FIELDS = (*_WHERE, "row", "column", "cell")
"""Fields of a cell. ``source`` is ``body`` or ``attachment``; ``file_url`` is the attachment's address."""

WIDE_FIELDS = (*_WHERE, "rows", "columns", "cells")
"""Fields of a table; ``cells`` holds its rows of cells, spans resolved, all rows equally long."""

INDEX_NAME = "tables.csv"
INDEX_FIELDS = ("file", *_WHERE, "rows", "columns")
"""Columns of the index that goes with one CSV file per table."""

_ZIP_TIME = (1980, 1, 1, 0, 0, 0)  # equal catalogs give equal files
_FORMULA = re.compile(r"[=+\-@\t\r](?![\d.,]*%?\s*$)|[=@\t\r]")


def export_tables(
    catalog: Catalog, *, agency: str | None = None, since: str | None = None, document_id: str | None = None
) -> Generator[dict[str, Any]]:
    """Stream the tables of documents and of their attachments as dicts of :data:`WIDE_FIELDS`, and ``name``.

    ``name`` is one for files: ``AGENCY/DOCUMENT-TABLE``, or ``AGENCY/DOCUMENT-aFILE-TABLE`` for attachments.
    Whoever may stop before the end closes it (``contextlib.closing``) before the catalog.

    Raises:
        CatalogError: the agency is not in the catalog.
    """
    with catalog.snapshot():
        if agency is not None:
            reads.check_agency(catalog, agency)
        for sources in documents_with_tables(catalog, agency=agency, since=since, document_id=document_id):
            for source in sources:
                document, file = source.document, source.file
                stem = f"{document['agency']}/{document['document_id']}"
                for number, grid in enumerate(source.tables):
                    yield {
                        **{name: document[name] for name in _WHERE[:5]},
                        "source": "attachment" if file else "body",
                        "file_url": file["url"] if file else None,
                        "table": number,
                        "rows": len(grid),
                        "columns": max(map(len, grid), default=0),
                        "cells": grid,
                        "name": f"{stem}-a{file['position']}-{number:03d}" if file else f"{stem}-{number:03d}",
                    }


def long_rows(tables: Iterable[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """Turn tables into cells, dicts of :data:`LONG_FIELDS`, empty ones included."""
    for table in tables:
        where = {name: table[name] for name in _WHERE}
        for number, row in enumerate(table["cells"]):
            for column, cell in enumerate(row):
                yield {**where, "row": number, "column": column, "cell": cell}


def wide_rows(tables: Iterable[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """Turn tables into dicts of :data:`WIDE_FIELDS`."""
    for table in tables:
        yield {name: table[name] for name in WIDE_FIELDS}


def guarded(text: str) -> str:
    """Return text that a spreadsheet does not run as a formula; a number with its sign stays a number."""
    return f"'{text}" if _FORMULA.match(text) else text


def guarded_rows(rows: Iterable[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """Guard the texts of rows that are going to be CSV (see :func:`guarded`)."""
    for row in rows:
        yield {name: guarded(value) if isinstance(value, str) else value for name, value in row.items()}


def write_long_csv(
    tables: Iterable[Mapping[str, Any]], target: IO[bytes], *, bom: bool = True, guard: bool = True
) -> int:
    """Write cells as CSV (see :func:`archive.export.write_csv`). Returns how many."""
    rows = long_rows(tables)
    return write_csv(guarded_rows(rows) if guard else rows, target, fields=LONG_FIELDS, bom=bom, guard=False)


def write_wide_csv(tables: Iterable[Mapping[str, Any]], output: str, *, bom: bool = True, guard: bool = True) -> int:
    """Write one CSV file per table and :data:`INDEX_NAME` into a new directory, or into a ZIP file where it ends in ``.zip``.

    The output appears only when it is complete. Returns how many tables.

    Raises:
        ArchiveWriteError: the directory is there already, or the output cannot be made.
    """
    writer = _zip if output.lower().endswith(".zip") else _directory
    index = io.BytesIO()
    with writer(output) as put:

        def lines() -> Iterator[dict[str, Any]]:
            for table in tables:
                name = f"{table['name']}.csv"
                put.file(name, _grid_csv(table["cells"], bom=bom, guard=guard))
                yield {**table, "file": name}

        count = write_csv(lines(), index, fields=INDEX_FIELDS, bom=bom, guard=guard)
        put.file(INDEX_NAME, index.getvalue())
    return count


def _grid_csv(grid: Iterable[Iterable[str]], *, bom: bool, guard: bool) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerows([guarded(cell) if guard else cell for cell in row] for row in grid)
    return text.getvalue().encode("utf-8-sig" if bom else "utf-8")


class _Put(Protocol):
    """Takes files one after another."""

    def file(self, name: str, content: bytes) -> None: ...


class _ZipPut:
    def __init__(self, package: zipfile.ZipFile) -> None:
        self._package = package

    def file(self, name: str, content: bytes) -> None:
        info = zipfile.ZipInfo(name, _ZIP_TIME)
        info.compress_type = zipfile.ZIP_DEFLATED
        self._package.writestr(info, content)


class _FolderPut:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def file(self, name: str, content: bytes) -> None:
        path = self._folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)


@contextmanager
def _zip(output: str) -> Iterator[_Put]:
    with opened(output) as target, zipfile.ZipFile(target, "w") as package:
        yield _ZipPut(package)


@contextmanager
def _directory(output: str) -> Iterator[_Put]:
    path = Path(output).absolute()
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        if path.exists():
            raise ArchiveWriteError(
                f"export tables: {output} is there already; name a directory that is not, or move it away",
                zh=f"export tables：{output} 已经存在；请另选一个尚不存在的目录，或将它移走",
            )
        try:
            part.mkdir()
            yield _FolderPut(part)
            part.rename(path)
        finally:
            shutil.rmtree(part, ignore_errors=True)  # nothing is left of it once it has its name
    except OSError as error:
        reason = error.strerror or error
        raise ArchiveWriteError(
            f"export tables: {output} cannot be made: {reason}; choose another --output or make room",
            zh=f"export tables：{output} 不能建立（{reason}）；请另选 --output 或腾出空间",
        ) from error
