"""Single records kept in a shard whose WARC files are elsewhere: those that a crawl reads again.

A crawl refers to earlier captures by their record ids; it reads their bytes only where a page that was not modified has a
changed file, where a file comes again in a content coding, and where it goes on after an interruption. These records are
copied byte for byte, each into a file of its own, and the reader finds them there when the WARC file is not. Of any other it
is said that it is elsewhere.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from archive.errors import ArchiveWriteError

if TYPE_CHECKING:
    from pathlib import Path

    from archive.catalog import Catalog

KEPT = "kept"
"""Folder of kept records in a shard."""

SHARD_FILE = "shard.json"
"""What makes a data directory a shard."""

_ORIGINALS = """
SELECT COALESCE(o.id, c.id) AS id FROM captures AS c LEFT JOIN captures AS o ON o.record_id = c.refers_to
WHERE c.id IN (SELECT MAX(id) FROM captures WHERE kind = 'document' AND status IN (200, 304) AND method = 'GET'
  AND (truncated IS NULL OR revisit_profile IS NOT NULL) GROUP BY agency, url)
UNION SELECT COALESCE(o.id, c.id) FROM files AS f JOIN captures AS c ON c.id = f.capture_id
LEFT JOIN captures AS o ON o.record_id = c.refers_to
WHERE f.sha256 IS NOT NULL AND 'sha256:' || f.sha256 IS NOT COALESCE(o.payload_digest, c.payload_digest)
UNION SELECT c.id FROM captures AS c WHERE c.crawl_id IN (SELECT crawl_id FROM frontier)
UNION SELECT o.id FROM captures AS c JOIN captures AS o ON o.record_id = c.refers_to
WHERE c.crawl_id IN (SELECT crawl_id FROM frontier)
"""


def kept_path(data_dir: Path, agency: str, record_id: str) -> Path:
    """Return where a record is kept in a shard, if it is."""
    return data_dir / KEPT / agency / f"{hashlib.sha256(record_id.encode()).hexdigest()[:40]}.warc.gz"


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
        " ORDER BY warc_file, offset"
    )
    made: set[Path] = set()
    for row in rows:
        try:
            with (whole_dir / row["warc_file"]).open("rb") as file:
                file.seek(row["offset"])
                data = file.read(row["length"])
        except OSError:
            continue
        path = kept_path(folder, row["agency"], row["record_id"])
        try:
            if path.parent not in made:
                path.parent.mkdir(parents=True, exist_ok=True)
                made.add(path.parent)
            path.write_bytes(data)
        except OSError as error:
            raise ArchiveWriteError(f"{path}: cannot be written ({error.strerror or error}); make room") from error
    return len(rows)
