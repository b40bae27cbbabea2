"""WARC files read into the records that are compared, with a count of what was read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from archive.progress import Progress
    from archive.verify.across import Records
    from archive.verify.findings import Finding
    from archive.verify.scan import Job, Scan


@dataclass(slots=True)
class Counts:
    """What was read."""

    files: int = 0
    records: int = 0
    bytes: int = 0
    captures: int = 0  # rows


def read_files(
    jobs: Sequence[Job],
    records: Records,
    scan: Scan,
    counts: Counts,
    progress: Progress,
    digests: dict[str, tuple[str, int]],
) -> Iterator[Finding]:
    """Read WARC files into ``records``, the largest first, and yield what is wrong with each by itself; notes their digests and sizes."""
    progress("files", 0, sum(job.bytes for job in jobs))
    read: dict[str, int] = {}
    for batch in scan(sorted(jobs, key=lambda job: job.bytes, reverse=True)):
        records.put(batch.file, batch.rows)
        counts.records += len(batch.rows)
        counts.bytes += batch.bytes - read.get(batch.file, 0)
        progress("files", batch.bytes - read.get(batch.file, 0), 0)
        read[batch.file] = batch.bytes
        if batch.sha256 is not None:
            counts.files += 1
            digests[batch.file] = (batch.sha256, batch.bytes)
        yield from batch.findings
