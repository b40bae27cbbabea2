"""One WARC file read; what is found in it comes in batches of bounded size. Who reads several side by side is the caller's choice."""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from archive.verify.findings import find
from archive.verify.warc import Batch, WarcScan

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Job:
    """A WARC file to read, what findings call it, and what its warcinfo record should call it."""

    path: Path
    name: str
    filename: str | None
    bytes: int


def scan_path(job: Job) -> Iterator[Batch]:
    """Read one file; a file that cannot be read is a finding. Symbolic links are not followed."""
    try:
        fd = os.open(job.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with io.FileIO(fd, closefd=True) as file:
            if not stat.S_ISREG(os.fstat(fd).st_mode):
                yield _unreadable(job, "not a regular file")
                return
            yield from WarcScan(file, job.name, filename=job.filename).run()
    except OSError as error:
        yield _unreadable(job, error.strerror or str(error))


def _unreadable(job: Job, why: str) -> Batch:
    return Batch(job.name, [find("file-unreadable", job.name, "the file cannot be read", got=why)], sha256="")


Scan = Callable[[Sequence[Job]], Iterator[Batch]]
"""Reads files, in whatever processes or machines; batches come file by file, in the order of the files."""


def scan_here(jobs: Sequence[Job]) -> Iterator[Batch]:
    """Read files in this process, one after the other."""
    for job in jobs:
        yield from scan_path(job)
