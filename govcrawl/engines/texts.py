"""Texts of attachments read by an engine, those of one WARC file a unit."""

from __future__ import annotations

import os
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from archive.errors import ArchiveError
from govcrawl.archived_files import read_archived_file
from govcrawl.engines import SpreadingWork, by_unit
from govcrawl.engines.kept import kept_file_readers
from govcrawl.file_workers import FileReaders

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator

    from archive.model import Capture, FileText
    from govcrawl.engines import Done, Place, Unit


@dataclass(frozen=True, slots=True)
class FileWanted:
    """A file to read: its digest, the capture that holds it, and the original of that where it is a revisit."""

    sha256: str
    capture: Capture
    original: Capture | None


@dataclass(frozen=True, slots=True)
class FileRead:
    """What was read, or why the archive does not hold the file any more."""

    sha256: str
    text: FileText | None
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class ReadTexts(SpreadingWork):
    """Reads files; a unit's argument is a sequence of :class:`FileWanted`, its pieces are their :class:`FileRead` in order."""

    seconds: float  # for one file
    memory_bytes: int  # of one reader's process

    def do_all(self, units: Iterable[Unit], place: Place, processes: int) -> Iterator[Done]:
        """Read files side by side, those of the next units while one is being handed out."""
        processes = processes or os.cpu_count() or 1
        readers = FileReaders(self.seconds, self.memory_bytes)
        with (
            ThreadPoolExecutor(processes, thread_name_prefix="file-reader") as pool,
            closing(readers),
            closing(_in_order(units, place, pool, readers, 2 * processes)) as files,
        ):
            yield from by_unit(files)

    def do(self, argument: Any, place: Place) -> Iterator[FileRead]:
        """Read the files of one unit with the reader of this process."""
        readers = kept_file_readers(self.seconds, self.memory_bytes)
        for wanted in argument:
            yield _read(wanted, place, readers)


def _in_order(
    units: Iterable[Unit], place: Place, pool: ThreadPoolExecutor, readers: FileReaders, ahead: int
) -> Generator[tuple[Unit, FileRead], None, None]:
    waiting: deque[tuple[Unit, Future[FileRead]]] = deque()
    try:
        for unit in units:
            for wanted in unit.argument:
                waiting.append((unit, pool.submit(_read, wanted, place, readers)))
                if len(waiting) > ahead:
                    first, reading = waiting.popleft()
                    yield first, reading.result()
        while waiting:
            first, reading = waiting.popleft()
            yield first, reading.result()
    finally:
        for _, reading in waiting:
            reading.cancel()


def _read(wanted: FileWanted, place: Place, readers: FileReaders) -> FileRead:
    def original_of(record_id: str) -> Capture | None:
        return wanted.original if wanted.original and wanted.original.record_id == record_id else None

    try:
        text = read_archived_file(place.of(place.data_dir), wanted.sha256, wanted.capture, original_of, readers)
    except ArchiveError as error:
        return FileRead(wanted.sha256, None, place.say(str(error)))
    return FileRead(wanted.sha256, text)
