"""Documents are read in other processes: the reactor's thread never waits for a page to be parsed.

A reader that dies, hangs or eats memory costs one document, not the crawl.
"""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
import os
import resource
import signal
import threading
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import forkserver
from multiprocessing.connection import wait
from typing import TYPE_CHECKING

from govcrawl.errors import CrawlError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from multiprocessing.context import BaseContext

    from archive.model import Document
    from govcrawl.decode import Page
    from govcrawl.items import ListEntry
    from govcrawl.spider import DisclosureSpider

logger = logging.getLogger(__name__)

FORKSERVER = "forkserver"
PAGES_PER_PROCESS = 2000  # lxml and trafilatura keep caches: a fresh process now and then bounds the memory


class ReaderFailed(CrawlError):
    """A reader process died or took too long over one page."""


class Readers:
    """A pool of processes that turn pages into documents.

    Args:
        processes: how many; 0 means one per core.
        seconds: how long one page may take.
        memory_bytes: address space of one process.
    """

    def __init__(self, processes: int, seconds: float, memory_bytes: int) -> None:
        self.processes = processes or os.cpu_count() or 1
        self._seconds = seconds
        self._memory_bytes = memory_bytes
        self._pool: ProcessPoolExecutor | None = None
        self._pages = 0  # that went to this pool
        self._starting: threading.Thread | None = None
        self._places = asyncio.Semaphore(
            2 * self.processes
        )  # one that is read and one that waits: the limit is of reading
        self._alone = asyncio.Lock()

    async def read(self, template: type[DisclosureSpider], page: Page, entry: ListEntry | None) -> Document:
        """Read one document page.

        Raises:
            CrawlError: the page is none (NotAPage), blocked (BlockedPage), of another shape (TemplateMismatch), or its
                reader died twice or took longer than the limit (ReaderFailed).
        """
        if self._starting is not None and self._starting.is_alive():
            await asyncio.to_thread(self._starting.join)
        async with self._places:
            pool = self._take_pool()
            try:
                return await self._submit(pool, template, page, entry)
            except (BrokenProcessPool, TimeoutError):
                # every page in flight sees this; each is read once more alone, so that only the one that kills or hangs is given up
                self._drop(pool)
                logger.warning("reader died or hung url=%s: reading it alone", page.url)
        async with self._alone:
            pool = self._start(1)
            try:
                return await self._submit(pool, template, page, entry)
            except BrokenProcessPool:
                why = "ended its reader process twice"
            except TimeoutError:
                why = f"took longer than {self._seconds:g} s"
            finally:
                self._drop(pool)
        raise ReaderFailed(f"reading {page.url} ({len(page.body)} bytes) {why}; page skipped")

    async def _submit(
        self, pool: ProcessPoolExecutor, template: type[DisclosureSpider], page: Page, entry: ListEntry | None
    ) -> Document:
        """Read a page in a pool.

        Raises:
            BrokenProcessPool: the pool ended before the page was read.
            TimeoutError: the limit is over; the pool's processes have been ended.
        """
        try:
            async with asyncio.timeout(self._seconds):
                return await asyncio.wrap_future(pool.submit(_read, template, page, entry))
        except TimeoutError:
            for process in list((pool._processes or {}).values()):  # noqa: SLF001 - kill_workers() comes with Python 3.14
                process.kill()  # a hung reader does not end by being asked
            raise
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            raise BrokenProcessPool("dropped because of another page") from None
        except RuntimeError as error:  # shut down between two steps of the loop, because of another page
            raise BrokenProcessPool(str(error)) from None

    def _take_pool(self) -> ProcessPoolExecutor:
        """Return the pool that the next page goes to: after so many pages a fresh one.

        Not by ``max_tasks_per_child``: where pages wait, the executor counts processes as idle that are not, starts none in the
        place of those that have had their number, and stands still (https://github.com/python/cpython/issues/115634).
        """
        if self._pool is not None and self._pages >= PAGES_PER_PROCESS * self.processes:
            self._pool.shutdown(wait=False)  # its last pages are read to their ends
            self._pool = None
        if self._pool is None:
            self._pool, self._pages = self._start(self.processes), 0
        self._pages += 1
        return self._pool

    def start(self) -> None:
        """Start the processes ahead of the first page, without waiting for them; nothing where that was done.

        They are there a second later, when what reads is loaded: a crawl that finds nothing to read spares itself that.
        """
        if self._pool is None and self._starting is None:
            self._starting = threading.Thread(target=self._start_all, name="start-readers")
            self._starting.start()

    def close(self) -> None:
        """End the processes; pages not read yet are dropped."""
        if self._starting is not None:
            self._starting.join()
        if self._pool:
            self._pool.shutdown(wait=True, cancel_futures=True)
            self._pool = None

    def _start_all(self) -> None:
        pool = self._start(self.processes)
        for _ in range(self.processes):
            pool.submit(_warm)
        self._pool = pool

    def _start(self, processes: int) -> ProcessPoolExecutor:
        return ProcessPoolExecutor(
            processes,
            mp_context=_context(),
            initializer=_begin,
            initargs=(self._memory_bytes,),
        )

    def _drop(self, pool: ProcessPoolExecutor) -> None:
        """Let go of a pool that broke or was for one page; the next page starts another."""
        if self._pool is pool:
            self._pool = None
        pool.shutdown(wait=False, cancel_futures=True)


def name_modules(modules: Sequence[str]) -> None:
    """Name what the process that readers are forked from loads once for all, beside the reading code, when it is started."""
    if FORKSERVER in multiprocessing.get_all_start_methods():
        multiprocessing.get_context(FORKSERVER).set_forkserver_preload(
            ["govcrawl.extract", "govcrawl.attachment_readers.read", *modules]
        )


def prepare() -> None:
    """Start the process that readers are forked from, where pages are going to be read for certain."""
    name_modules(())
    if FORKSERVER in multiprocessing.get_all_start_methods():
        forkserver.ensure_running()


def _context() -> BaseContext:
    # never a plain fork: it would copy the reactor's sockets and the archive's locks into the readers
    methods = multiprocessing.get_all_start_methods()
    return multiprocessing.get_context(FORKSERVER if FORKSERVER in methods else "spawn")


def _begin(memory_bytes: int) -> None:
    signal.signal(
        signal.SIGINT, signal.SIG_IGN
    )  # Ctrl-C reaches the whole terminal group: the crawl decides when readers end
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    threading.Thread(target=_end_with_crawl, name="end-with-crawl", daemon=True).start()


def _end_with_crawl() -> None:
    """End this process when the crawl's is gone: one that was killed cannot say so, and its queues never close."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


def _warm() -> int:
    """Import what reading needs."""
    from govcrawl import extract  # noqa: PLC0415 - only readers pay for trafilatura

    return id(extract)


def _read(template: type[DisclosureSpider], page: Page, entry: ListEntry | None) -> Document:
    from govcrawl.extract import read_page  # noqa: PLC0415 - only readers pay for trafilatura

    try:
        return read_page(template, page, entry)
    except (MemoryError, RecursionError) as error:
        raise ReaderFailed(
            f"reading {page.url} ({len(page.body)} bytes) took more than a reader may take ({type(error).__name__}); page skipped"
        ) from None
