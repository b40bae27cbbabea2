"""What costs: the content of every capture that a version or a file of the catalog was read from, decoded and digested.

Content is opened the way everything else in the project opens it, because the question is whether that works.
"""

from __future__ import annotations

import hashlib
import json
from contextlib import closing
from typing import TYPE_CHECKING

from archive.catalog import Catalog
from archive.errors import ArchiveError, UnreadableContent
from archive.reader import open_capture
from archive.verify.findings import find

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from archive.model import Capture
    from archive.rows import Row
    from archive.verify.findings import Finding

CONTENT_LIMIT_BYTES = 4 << 30
"""Of one decoded content: more than any file of a site, less than a hostile one could unfold to."""


def check_contents(data_dir: Path, skipped: frozenset[str], done: Callable[[int], None]) -> Iterator[Finding]:
    """Yield captures whose content cannot be read, and files whose content is not what their row says.

    ``skipped`` are WARC files that are being written; ``done`` is told how many captures were read since.
    """
    try:
        opened = Catalog.open_read_only(data_dir / "catalog.db", include_withheld=True)
    except ArchiveError as error:
        yield find("catalog-damaged", "catalog.db", "the catalog cannot be used", got=str(error))
        return
    with closing(opened) as catalog:
        wanted: dict[int, list[Row]] = {}
        for row in catalog.rows("SELECT DISTINCT capture_id FROM versions"):
            wanted.setdefault(row["capture_id"], [])
        for row in catalog.rows("SELECT * FROM files WHERE capture_id IS NOT NULL"):
            wanted.setdefault(row["capture_id"], []).append(row)
        for capture_id, files in sorted(wanted.items()):
            capture = catalog.capture(capture_id)
            if capture.warc_file not in skipped:
                yield from _check_content(data_dir, catalog, capture, files)
            done(1)
        yield from _check_json(catalog)


def _check_content(data_dir: Path, catalog: Catalog, capture: Capture, files: list[Row]) -> Iterator[Finding]:
    digest, total = hashlib.sha256(), 0
    try:
        with open_capture(data_dir, capture, original_of=catalog.capture_by_record_id) as stored:
            for piece in stored.iter_content(max_bytes=CONTENT_LIMIT_BYTES):
                digest.update(piece)
                total += len(piece)
    except (ArchiveError, OSError) as error:
        what = "content over the limit" if isinstance(error, UnreadableContent) else "content cannot be read"
        yield _find(capture, f"{what}: captures row {capture.id} ({capture.url})", str(error), None)
        return
    for row in files:
        where = f"files row of version {row['version_id']}, {row['kind']} {row['position']} ({row['url']})"
        if row["sha256"] is not None and row["sha256"] != digest.hexdigest():
            yield _find(capture, f"SHA-256 of the content; {where}", digest.hexdigest(), row["sha256"])
        if row["bytes"] is not None and row["bytes"] != total:
            yield _find(capture, f"bytes of the content; {where}", total, row["bytes"])


def _check_json(catalog: Catalog) -> Iterator[Finding]:
    """Yield versions whose JSON columns are none."""
    for row in catalog.rows("SELECT id, tables, cites, flags, changed_fields FROM versions"):
        for column in ("tables", "cites", "flags", "changed_fields"):
            try:
                json.loads(row[column])
            except ValueError as error:
                yield find(
                    "catalog-damaged",
                    "catalog.db",
                    f"versions row {row['id']}: {column}",
                    got=str(error),
                    expected="JSON",
                )


def _find(capture: Capture, what: str, got: object, expected: object) -> Finding:
    return find(
        "content",
        capture.warc_file,
        what,
        offset=capture.offset,
        record_id=capture.record_id,
        got=got,
        expected=expected,
    )
