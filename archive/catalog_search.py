"""The search index in the catalog: what is kept under which words, in step with the documents; :mod:`archive.catalog_find` asks it.

One row for each document, of its current version: title, numbers, text, cells of tables, and the text of its attachments. The
index (SQLite's FTS5, without the content) takes every character as a token of its own and finds phrases of them, which is
substring search over folded text (:mod:`archive.search_text`). What was indexed is kept packed beside it, because an entry
can only be taken out by what was put in. Row numbers follow the publication date: newest first costs no sorting, and a range
of days is a range of numbers.

Everything here is derived: :func:`put_all` makes it again.
"""

from __future__ import annotations

import json
import zlib
from datetime import date
from typing import TYPE_CHECKING, Any

from archive.errors import CatalogError
from archive.kinds import find_kind
from archive.search_query import COLUMNS
from archive.search_text import BOUNDARY, fold, spread

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from archive.catalog import Catalog
    from archive.database import CatalogFile
    from archive.rows import Row

DAY_BITS = 24  # 16 million documents of one day of publication
_AT_ONCE = 1000  # entries that are put together where all are
_FIRST_DAY = date(1900, 1, 1).toordinal()


# The index


def put_index(db: CatalogFile, document_id: str) -> None:
    """Bring a document's entry in step with its current version, at the end of the transaction."""
    db.put_off(_put_entries, document_id)


def _put_entries(db: CatalogFile, document_ids: Sequence[str]) -> None:
    """Bring the entries of documents in step.

    FTS5 gathers what is written in ascending order of numbers, and writes out what it has gathered at each step back and at
    each savepoint: hence the order, and all of a transaction at once.
    """
    writes = [write for document_id in document_ids for write in _put_entry(db, document_id)]
    for number, added, packed in sorted(writes, key=lambda write: write[:2]):
        _write(db, None if added else "delete", number, packed)


def _put_entry(db: CatalogFile, document_id: str) -> Iterator[tuple[int, bool, bytes]]:
    """Put the row of an entry; yield what is to be taken out of the index and put into it: number, whether put, the texts."""
    before = db.row("SELECT * FROM search_rows WHERE document_id = ?", (document_id,))
    values = _entry(db, document_id)
    if before is not None and values is not None and all(before[name] == value for name, value in values.items()):
        return
    if before is not None:
        kept = values is not None and all(before[name] == values[name] for name in ("indexed", "publish_date"))
        if values is not None and kept:
            db.update("search_rows", {"id": before["id"]}, values)
            return
        db.execute("DELETE FROM search_rows WHERE id = ?", (before["id"],))
        yield before["id"], False, before["indexed"]
    if values is not None:
        number = _next_number(db, values["publish_date"])
        db.insert("search_rows", {"id": number, "document_id": document_id, **values})
        yield number, True, values["indexed"]


def take_out(db: CatalogFile, document_id: str) -> None:
    """Take a document's entry out of the index."""
    row = db.row("SELECT * FROM main.search_rows WHERE document_id = ?", (document_id,))
    if row is not None:
        _write(db, "delete", row["id"], row["indexed"])
        db.execute("DELETE FROM main.search_rows WHERE id = ?", (row["id"],))


def put_index_of_file(db: CatalogFile, sha256: str) -> None:
    """Bring the entries of all documents in step whose current version has this file as attachment."""
    for row in db.rows(
        # by the version's document: documents have no index by their current version
        "SELECT DISTINCT d.id FROM files AS f CROSS JOIN versions AS v ON v.id = f.version_id"
        " CROSS JOIN documents AS d ON d.id = v.document_id AND d.current_version_id = v.id"
        " WHERE f.sha256 = ? AND f.kind = 'attachment' ORDER BY d.id",
        (sha256,),
    ):
        put_index(db, row["id"])


def put_kind(db: CatalogFile, document_id: str) -> None:
    """Work out a document's kind anew: a list shows it under another channel."""
    row = db.row(
        "SELECT v.title, v.document_number, v.genre FROM documents AS d JOIN versions AS v"
        " ON v.id = d.current_version_id WHERE d.id = ?",
        (document_id,),
    )
    if row is not None:
        db.update("search_rows", {"document_id": document_id}, {"kind": _kind(db, document_id, row)})


def put_all(catalog: Catalog, progress: Callable[[int], None] = lambda _: None) -> int:
    """Make the index again in one transaction; returns how many documents it has."""
    db = catalog.file
    with catalog.atomic():
        db.execute("INSERT INTO search_index (search_index) VALUES ('delete-all')")
        db.execute("DELETE FROM search_rows")
        names = [row["id"] for row in db.rows("SELECT id FROM documents ORDER BY id")]
        for start in range(0, len(names), _AT_ONCE):
            _put_entries(db, names[start : start + _AT_ONCE])
            progress(min(start + _AT_ONCE, len(names)))
        db.execute("UPDATE summaries SET writes = writes + 1, figures = NULL")  # kinds are counted by these entries
    return len(names)


def differing_entries(catalog: Catalog) -> Iterator[str]:
    """Yield the ids of documents whose entry is not what :func:`put_index` would put now."""
    db = catalog.file
    for row in db.rows(
        "SELECT id FROM documents WHERE current_version_id IS NOT NULL UNION SELECT document_id FROM search_rows ORDER BY 1"
    ):
        put = db.row("SELECT * FROM search_rows WHERE document_id = ?", (row["id"],))
        wanted = _entry(db, row["id"])
        if put is None or wanted is None or any(put[name] != value for name, value in wanted.items()):
            yield row["id"]


def check_index(catalog: Catalog) -> None:
    """Raise where the first or the latest document has no entry: then the catalog is of an earlier version.

    Entries are put together with their documents, so that none is missing in between; to count them all would take longer
    than most searches.

    Raises:
        CatalogError: the index is behind.
    """
    row = catalog.file.row(
        "SELECT id FROM (SELECT MIN(rowid) AS ends FROM main.documents UNION SELECT MAX(rowid) FROM main.documents)"
        " JOIN main.documents AS d ON d.rowid = ends WHERE current_version_id IS NOT NULL"
        " AND NOT EXISTS (SELECT 1 FROM main.search_rows AS s WHERE s.document_id = d.id)"
    )
    if row:
        raise CatalogError(
            f"catalog {catalog.file.path}: the search index lacks documents ({row['id']} for one); "
            "make it again (govcrawl reindex)",
            zh=f"目录库 {catalog.file.path} 的检索索引缺公开文件（如 {row['id']}）；请用 govcrawl reindex 重建",
        )


def _entry(db: CatalogFile, document_id: str) -> dict[str, Any] | None:
    """Return a document's entry as it should be; None without a version."""
    row = db.row(
        "SELECT d.agency, d.current_version_id, v.title, v.subtitle, v.document_number, v.index_number, v.genre, v.text,"
        " v.tables, v.publish_date FROM documents AS d JOIN versions AS v ON v.id = d.current_version_id WHERE d.id = ?",
        (document_id,),
    )
    if row is None:
        return None
    files = db.rows(
        "SELECT f.label, f.filename, t.text, t.members FROM files AS f LEFT JOIN file_texts AS t ON t.sha256 = f.sha256"
        " WHERE f.version_id = ? AND f.kind = 'attachment' ORDER BY f.position",
        (row["current_version_id"],),
    )
    return {
        "agency": row["agency"],
        "publish_date": row["publish_date"],
        "attachments": len(files),
        "kind": _kind(db, document_id, row),
        "indexed": _pack(_columns(row, files)),
    }


def _columns(row: Row, files: Sequence[Row]) -> list[str]:
    """Return what is indexed of a version, folded, in the order of :data:`archive.search_query.COLUMNS`."""
    cells = (cell for table in json.loads(row["tables"]) for line in table for cell in line)
    inside: list[str] = []
    for file in files:
        inside += [file["label"] or "", file["filename"] or "", file["text"] or ""]
        for member in json.loads(file["members"] or "[]"):
            inside += [member.get("name") or "", member.get("text") or ""]
    return [
        _joined((row["title"], row["subtitle"])),
        _joined((row["document_number"], row["index_number"])),
        _joined((row["text"],)),
        _joined(cells),
        _joined(inside),
    ]


def _joined(texts: Iterable[str | None]) -> str:
    return BOUNDARY.join(folded for text in texts if text and (folded := fold(text).strip(BOUNDARY)))


def _kind(db: CatalogFile, document_id: str, row: Row) -> str | None:
    listed = db.rows(
        "SELECT l.channel FROM listings AS l LEFT JOIN channels AS c ON c.agency = l.agency AND c.name = l.channel"
        " WHERE l.document_id = ? GROUP BY l.channel ORDER BY c.position IS NULL, c.position, l.channel",
        (document_id,),
    )
    kind = find_kind(
        title=row["title"],
        document_number=row["document_number"],
        genre=row["genre"],
        channels=[line["channel"] for line in listed],
    )
    return kind.kind if kind else None


def _pack(columns: Sequence[str]) -> bytes:
    return zlib.compress(json.dumps(columns, ensure_ascii=False).encode(), 1)


def _write(db: CatalogFile, command: str | None, number: int, packed: bytes) -> None:
    """Put an entry into the index, or take out (``delete``) what was put."""
    texts = [spread(folded) for folded in json.loads(zlib.decompress(packed))]
    names = ["rowid", *COLUMNS]
    values: list[Any] = [number, *texts]
    if command is not None:
        names, values = ["search_index", *names], [command, *values]
    marks = ", ".join("?" * len(values))
    db.execute(f"INSERT INTO search_index ({', '.join(names)}) VALUES ({marks})", values)  # noqa: S608 - own names


def _next_number(db: CatalogFile, publish_date: str | None) -> int:
    """Return the next free number of a day of publication; undated documents come before all days."""
    first = day_number(publish_date)
    row = db.row(
        "SELECT MAX(id) AS last FROM search_rows WHERE id BETWEEN ? AND ?", (first, first + (1 << DAY_BITS) - 1)
    )
    return first if row is None or row["last"] is None else int(row["last"]) + 1


def day_number(day: str | None) -> int:
    """Return the first row number of a local day (``YYYY-MM-DD``); 1 for no day, or one before 1900."""
    if day is None:
        return 1
    return max(0, date.fromisoformat(day).toordinal() - _FIRST_DAY + 1) << DAY_BITS or 1
