"""Single records kept in a shard whose WARC files are elsewhere: those that a crawl reads again.

A crawl refers to earlier captures by their record ids; it reads their bytes only where a page that was not modified has a
changed file, where a file comes again in a content coding, and where it goes on after an interruption. These records are
copied byte for byte into one file for each agency, with an index, and the reader finds them there when the WARC file is not. Of any other it
is said that it is elsewhere.
"""

from __future__ import annotations

import hashlib
import os
from itertools import groupby
from operator import itemgetter
from typing import IO, TYPE_CHECKING

from archive.errors import ArchiveWriteError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from archive.catalog import Catalog
    from archive.rows import Row

KEPT = "kept"
"""Folder of kept records in a shard."""

SHARD_FILE = "shard.json"
"""What makes a data directory a shard."""

_KEY_BYTES = 40
_LINE_BYTES = _KEY_BYTES + 17  # a blank, fifteen digits, a line end

_ORIGINALS = """
SELECT COALESCE(o.id, c.id) AS id FROM captures AS c LEFT JOIN captures AS o ON o.agency = c.agency AND o.record_id = c.refers_to
WHERE c.id IN (SELECT MAX(id) FROM captures WHERE kind = 'document' AND status IN (200, 304) AND method = 'GET'
  AND (truncated IS NULL OR revisit_profile IS NOT NULL) GROUP BY agency, url)
UNION SELECT COALESCE(o.id, c.id) FROM files AS f JOIN captures AS c ON c.id = f.capture_id
LEFT JOIN captures AS o ON o.agency = c.agency AND o.record_id = c.refers_to
WHERE f.sha256 IS NOT NULL AND 'sha256:' || f.sha256 IS NOT COALESCE(o.payload_digest, c.payload_digest)
UNION SELECT c.id FROM captures AS c WHERE c.crawl_id IN (SELECT crawl_id FROM frontier)
UNION SELECT o.id FROM captures AS c JOIN captures AS o ON o.agency = c.agency AND o.record_id = c.refers_to
WHERE c.crawl_id IN (SELECT crawl_id FROM frontier)
"""


def open_kept(data_dir: Path, agency: str, record_id: str) -> tuple[Path, IO[bytes], int] | None:
    """Open the file that keeps a record in a shard, and say where in it; None where it is not kept."""
    path = data_dir / KEPT / f"{agency}.warc.gz"
    try:
        with path.with_name(f"{agency}.index").open("rb") as index:
            offset = _find(index, _key(record_id))
        return None if offset is None else (path, path.open("rb"), offset)
    except FileNotFoundError:
        return None


def is_shard(data_dir: Path) -> bool:
    """Whether a data directory is a shard: it has rows of captures whose bytes are elsewhere."""
    return (data_dir / SHARD_FILE).is_file()


def keep_records(shard: Catalog, whole_dir: Path, folder: Path) -> int:
    """Copy the records that a crawl of a shard may read again from the WARC files of the archive; returns how many.

    One that is not there any more is left out: the crawl says so where it needs it.

    Raises:
        ArchiveWriteError: the shard cannot be written.
    """
    rows = shard.file.rows(
        f"SELECT agency, record_id, warc_file, offset, length FROM captures WHERE id IN ({_ORIGINALS})"  # noqa: S608 - constant
        " ORDER BY agency, warc_file, offset"
    )
    kept = 0
    try:
        for agency, own in groupby(rows, key=itemgetter("agency")):
            kept += _keep(list(own), whole_dir, folder / KEPT, agency)
    except OSError as error:
        raise ArchiveWriteError(
            f"{folder / KEPT}: cannot be written ({error.strerror or error}); make room",
            zh=f"不能写入 {folder / KEPT}（{error.strerror or error}）；请腾出空间",
        ) from error
    return kept


def _keep(rows: Sequence[Row], whole_dir: Path, folder: Path, agency: str) -> int:
    """Copy the records of one agency behind one another, and write where each begins."""
    folder.mkdir(exist_ok=True)
    lines = []
    with (folder / f"{agency}.warc.gz").open("wb") as kept:
        for name, own in groupby(rows, key=itemgetter("warc_file")):
            try:
                source = (whole_dir / name).open("rb")
            except OSError:
                continue
            with source:
                for row in own:
                    source.seek(row["offset"])
                    lines.append(b"%s %015d\n" % (_key(row["record_id"]), kept.tell()))
                    kept.write(source.read(row["length"]))
    (folder / f"{agency}.index").write_bytes(b"".join(sorted(lines)))
    return len(lines)


def _key(record_id: str) -> bytes:
    return hashlib.sha256(record_id.encode()).hexdigest()[:_KEY_BYTES].encode()


def _find(index: IO[bytes], key: bytes) -> int | None:
    """Find a key among sorted lines of one length."""
    low, high = 0, index.seek(0, os.SEEK_END) // _LINE_BYTES
    while low < high:
        middle = (low + high) // 2
        index.seek(middle * _LINE_BYTES)
        line = index.read(_LINE_BYTES)
        if line[:_KEY_BYTES] == key:
            return int(line[_KEY_BYTES:])
        low, high = (middle + 1, high) if line[:_KEY_BYTES] < key else (low, middle)
    return None
