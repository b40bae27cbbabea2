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
import tempfile
from collections import Counter, deque
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from archive import catalog_texts
from archive.errors import ArchiveError
from archive.kept import is_shard
from archive.model import FileText
from archive.reader import open_capture
from govcrawl.file_workers import MAX_FILE_BYTES, FileReaders

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from scrapy.settings import BaseSettings

    from archive.catalog import Catalog
    from archive.catalog_texts import StoredFile
    from archive.model import Capture, File
    from archive.store import Store

logger = logging.getLogger(__name__)

READER_VERSION = "2"
"""Changes when any reader reads anything differently."""


def readers_of(settings: BaseSettings) -> FileReaders:
    """Return the readers that the settings ask for."""
    return FileReaders(settings.getfloat("GOVCRAWL_TEXT_SECONDS"), settings.getint("GOVCRAWL_READER_MEMORY_BYTES"))


def read_stored_file(data_dir: Path, catalog: Catalog, readers: FileReaders, file: StoredFile) -> FileText:
    """Return the text of a file as the archive holds it.

    Raises:
        CaptureMissing, DigestMismatch, UnreadableContent: the archive does not hold it any more.
    """
    with tempfile.TemporaryDirectory(prefix="govcrawl-") as folder:
        path = Path(folder) / "file"
        _copy(data_dir, catalog, catalog.capture(file.capture_id), path)
        found = readers.read(path)
    return FileText(
        sha256=file.sha256,
        media_type=found.media_type,
        status=found.status,
        reason=found.reason,
        pages=found.pages,
        text=found.text,
        tables=tuple(found.tables),
        members=tuple(found.members),
        flags=tuple(sorted(found.flags)),
        reader_version=READER_VERSION,
    )


def _copy(data_dir: Path, catalog: Catalog, capture: Capture, path: Path) -> None:
    """Copy a capture's content into a file, up to just beyond what is read."""
    with open_capture(data_dir, capture, original_of=catalog.capture_by_record_id) as stored, path.open("wb") as target:
        for piece in stored.iter_content():
            target.write(piece)
            if target.tell() > MAX_FILE_BYTES:
                return


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
    """
    if again:
        files = catalog_texts.all_files(catalog, agency=agency, since=since)
    else:
        files = catalog_texts.unread_files(catalog, agency=agency, since=since, reader_version=READER_VERSION)
    counts: Counter[str] = Counter()
    if not files:
        return counts
    processes = settings.getint("GOVCRAWL_READERS") or os.cpu_count() or 1
    readers = readers_of(settings)
    waiting: deque[tuple[StoredFile, Future[FileText]]] = deque()
    done = 0
    with ThreadPoolExecutor(processes, thread_name_prefix="file-reader") as pool, contextlib.closing(readers):
        try:
            for number, file in enumerate(files, 1):
                waiting.append((file, pool.submit(read_stored_file, data_dir, catalog, readers, file)))
                while waiting and (len(waiting) > 2 * processes or number == len(files)):
                    first, reading = waiting.popleft()
                    try:
                        text = reading.result()
                        if put is None:
                            catalog_texts.put_file_text(catalog, text, datetime.now(UTC))
                        else:
                            put(text)
                        counts[text.status] += 1
                    except ArchiveError as error:
                        counts["missing"] += 1
                        logger.warning("file sha256=%s cannot be read: %s", first.sha256, error)
                        if problem:
                            problem(f"sha256 {first.sha256}: {error}")
                    done += 1
                    if progress:
                        progress(done, len(files))
        finally:
            for _, reading in waiting:
                reading.cancel()
    return counts


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
        text = read_stored_file(self._store.data_dir, catalog, self._readers, file)
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
