"""Text of attachments: taken from the archived bytes, read in child processes, put into the catalog once for equal bytes.

During a crawl this goes on beside it (:class:`Attachments`, :class:`FileTexts`): documents never wait for it, and the end of a crawl waits for at most
``GOVCRAWL_TEXT_WAIT_SECONDS``. What was not read by then is read by the next crawl of the agency, or by :func:`read_attachments`,
which ``govcrawl attachments`` and ``govcrawl rebuild`` call.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from archive import catalog_texts
from archive.errors import ArchiveError
from archive.kept import is_shard
from govcrawl.archived_files import READER_VERSION, read_archived_file, readers_of
from govcrawl.engines import Lost, Unit, UnitLost
from govcrawl.engines.pool import PoolEngine
from govcrawl.engines.texts import FileRead, FileWanted, ReadTexts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from scrapy.settings import BaseSettings

    from archive.catalog import Catalog
    from archive.catalog_texts import StoredFile
    from archive.model import File, FileText
    from archive.store import Store
    from govcrawl.engines import Engine

logger = logging.getLogger(__name__)


def read_attachments(  # noqa: PLR0913 - what is to be read, how, and who is told
    data_dir: Path,
    catalog: Catalog,
    settings: BaseSettings,
    *,
    agency: str | None = None,
    since: str | None = None,
    again: bool = False,
    put: Callable[[FileText], None] | None = None,
    progress: Callable[[int, int], None] | None = None,
    problem: Callable[[str], None] | None = None,
    engine: Engine | None = None,
) -> Counter[str]:
    """Read every attachment that was not read by this version of the readers; returns how many came to which status.

    Resumable: each text is committed by itself.

    Args:
        data_dir: the data directory.
        catalog: open for writing.
        settings: limits (``GOVCRAWL_TEXT_SECONDS``, ``GOVCRAWL_READER_MEMORY_BYTES``, ``GOVCRAWL_READERS``).
        agency: only files of this agency's documents.
        since: only files captured at or after this UTC instant or day.
        again: also those that this version has read already.
        put: takes each text; None puts it into the catalog.
        progress: told how many of how many files are done.
        problem: told a sentence about each file that the archive does not hold any more.
        engine: where they are read; None: in child processes of this one.
    """
    if again:
        files = catalog_texts.all_files(catalog, agency=agency, since=since)
    else:
        files = catalog_texts.unread_files(catalog, agency=agency, since=since, reader_version=READER_VERSION)
    counts: Counter[str] = Counter()
    if not files:
        return counts
    work = ReadTexts(settings.getfloat("GOVCRAWL_TEXT_SECONDS"), settings.getint("GOVCRAWL_READER_MEMORY_BYTES"))
    engine = engine or PoolEngine(data_dir, settings.getint("GOVCRAWL_READERS"))
    for done, read in enumerate(_read_all(engine, work, _units(data_dir, catalog, files)), 1):
        if read.text is None:
            counts["missing"] += 1
            logger.warning("file sha256=%s cannot be read: %s", read.sha256, read.problem)
            if problem:
                problem(f"sha256 {read.sha256}: {read.problem}")
        else:
            counts[read.text.status] += 1
            if put is None:
                catalog_texts.put_file_text(catalog, read.text, datetime.now(UTC))
            else:
                put(read.text)
        if progress:
            progress(done, len(files))
    return counts


def _read_all(engine: Engine, work: ReadTexts, units: Iterable[Unit]) -> Iterator[FileRead]:
    """Yield what each file reads as; of a unit that was given up, that it was not read."""
    for result in engine.run(work, units):
        if isinstance(result, Lost):
            lost = str(UnitLost.of(result))
            yield from (FileRead(wanted.sha256, None, lost) for wanted in result.unit.argument)
        else:
            yield from result.pieces


def _units(data_dir: Path, catalog: Catalog, files: Iterable[StoredFile]) -> Iterator[Unit]:
    """Yield files by the WARC file that holds their bytes."""
    by_file: defaultdict[str, list[StoredFile]] = defaultdict(list)
    for file in files:
        capture = catalog.capture(file.capture_id)
        original = catalog.capture_by_record_id(capture.refers_to) if capture.refers_to else None
        by_file[(original or capture).warc_file].append(file)
    for name, together in sorted(by_file.items()):
        wanted, paths = [], {name}
        for file in together:
            capture = catalog.capture(file.capture_id)
            original = catalog.capture_by_record_id(capture.refers_to) if capture.refers_to else None
            paths.add(capture.warc_file)
            wanted.append(FileWanted(file.sha256, capture, original))
        yield Unit(name=name, argument=wanted, files=tuple(data_dir / path for path in sorted(paths)))


class FileTexts:
    """Reads archived files beside the crawls of a process and puts their texts into the catalog.

    Args:
        store: where the files are.
        settings: limits (``GOVCRAWL_TEXT_SECONDS``, ``GOVCRAWL_READER_MEMORY_BYTES``, ``GOVCRAWL_READERS``).
    """

    def __init__(self, store: Store, settings: BaseSettings) -> None:
        self._store = store
        self._readers = readers_of(settings)
        # threads and child processes begin with the files that need them: one crawl reads one file at a time
        processes = settings.getint("GOVCRAWL_READERS") or os.cpu_count() or 1
        self._threads = ThreadPoolExecutor(processes, thread_name_prefix="texts")

    async def unread(self, agency: str) -> list[StoredFile]:
        """Return what earlier crawls of an agency left unread; in a shard nothing: it has only what it fetches itself.

        Raises:
            ArchiveError: the catalog cannot be read.
        """
        if is_shard(self._store.data_dir):
            return []
        find = partial(catalog_texts.unread_files, self._store.catalog, agency=agency)
        return await asyncio.get_running_loop().run_in_executor(self._threads, find)

    async def read(self, file: StoredFile) -> str:
        """Read a file, put its text, and return its status; ``known`` where it was read before.

        Raises:
            ArchiveError: the archive does not hold it, or the text could not be put.
            ReadersClosed: the readers were closed meanwhile.
        """
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._read, file)

    def close(self) -> None:
        """End threads and child processes; a file that is being read is given up."""
        self._readers.close()  # first: a thread may be waiting for a file
        self._threads.shutdown(wait=True, cancel_futures=True)

    def _read(self, file: StoredFile) -> str:
        catalog = self._store.catalog
        if catalog_texts.has_file_text(catalog, file.sha256):
            return "known"
        text = read_archived_file(
            self._store.data_dir,
            file.sha256,
            catalog.capture(file.capture_id),
            catalog.capture_by_record_id,
            self._readers,
        )
        catalog_texts.put_file_text(catalog, text, datetime.now(UTC))
        return text.status


class Attachments:
    """Has the attachments of one crawl read beside it.

    Args:
        texts: reads files; shared with other crawls.
        agency: the one that is crawled.
        settings: ``GOVCRAWL_TEXTS`` whether anything is read at all, ``GOVCRAWL_TEXT_WAIT_SECONDS``.
    """

    def __init__(self, texts: FileTexts, agency: str, settings: BaseSettings) -> None:
        self._texts = texts
        self._agency = agency
        self._wanted = settings.getbool("GOVCRAWL_TEXTS")
        self._wait_seconds = settings.getfloat("GOVCRAWL_TEXT_WAIT_SECONDS")
        self._queue: asyncio.Queue[StoredFile | None] = asyncio.Queue()  # None = the crawl is over
        self._met: set[str] = set()
        self._task: asyncio.Task[None] | None = None
        self.counts: Counter[str] = Counter()

    def start(self) -> None:
        """Begin to read: first what earlier crawls left unread."""
        if self._wanted:
            self._task = asyncio.get_running_loop().create_task(self._work())

    def offer(self, files: Iterable[File]) -> None:
        """Take the attachments of a document that was put; those that were read are passed over."""
        for file in files:
            if self._task and file.sha256 and file.capture_id is not None:
                self._offer(catalog_texts.StoredFile(file.sha256, file.capture_id))

    async def finish(self, *, wait: bool) -> None:
        """Have what is left read, for at most the time that the settings give."""
        if self._task is None:
            return
        if wait:
            self._queue.put_nowait(None)
            await asyncio.wait({self._task}, timeout=self._wait_seconds)
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task
        left = sum(file is not None for file in self._left_in_queue())
        logger.info("texts of attachments read agency=%s: %s", self._agency, dict(self.counts))
        if left:
            logger.info("texts of %d files are left for the next crawl or `govcrawl attachments`", left)

    def _left_in_queue(self) -> list[StoredFile | None]:
        return [self._queue.get_nowait() for _ in range(self._queue.qsize())]

    def _offer(self, file: StoredFile) -> None:
        if file.sha256 not in self._met:
            self._met.add(file.sha256)
            self._queue.put_nowait(file)

    async def _work(self) -> None:
        try:
            for left in await self._texts.unread(self._agency):
                self._offer(left)
        except ArchiveError as error:
            logger.warning("files that earlier crawls left unread are not known: %s", error)
        while (file := await self._queue.get()) is not None:
            try:
                self.counts[await self._texts.read(file)] += 1
            except ArchiveError as error:  # the crawl goes on: the file is archived, and its text can be read later
                logger.warning("text of sha256=%s not read: %s", file.sha256, error)
