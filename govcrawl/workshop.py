"""What the crawls of one process share: the open data directory, its writing thread, the readers, the machine's state.

``scrapy crawl`` opens a workshop for its one crawl. Who runs many crawls in one process opens one for all of them, hands it to
each in the setting GOVCRAWL_WORKSHOP, and closes it after the last: a further crawl then costs no process, no thread and no
catalog of its own, and what several crawls have to write is made durable together.
"""

from __future__ import annotations

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, Self, TypeVar

from archive.decisions import Decision, Untold
from archive.errors import ArchiveError, ArchiveWriteError
from archive.model import Context, Exchange
from archive.store import Store
from govcrawl.attachments import FileTexts
from govcrawl.audit import prune
from govcrawl.batches import Batches
from govcrawl.beginning import begin_crawl
from govcrawl.machine import Machine
from govcrawl.workers import Readers

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from scrapy.settings import BaseSettings

    from govcrawl.beginning import Begun
    from govcrawl.spider import DisclosureSpider

logger = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")

Job = tuple[Exchange, Context] | Decision[Any] | Untold[Any]

SETTING = "GOVCRAWL_WORKSHOP"


class Workshop:
    """An open data directory with its archive thread and readers.

    Everything that touches the store runs on one thread (the archive thread), so that neither compression nor fsync holds up
    the reactor; what arrives while one batch is being made durable forms the next batch, whichever crawl it is of.

    Raises:
        ArchiveError: the data directory cannot be used.
    """

    def __init__(self, settings: BaseSettings) -> None:
        self.store = Store.open(
            Path(settings["GOVCRAWL_DATA"]), max_file_bytes=settings.getint("GOVCRAWL_WARC_MAX_BYTES")
        )
        self.machine = Machine.of(settings)
        self._audit_days = settings.getint("GOVCRAWL_AUDIT_DAYS")
        self.readers = Readers(
            settings.getint("GOVCRAWL_READERS"),
            settings.getfloat("GOVCRAWL_READ_SECONDS"),
            settings.getint("GOVCRAWL_READER_MEMORY_BYTES"),
        )
        self.texts = FileTexts(self.store, settings)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="archive")
        self._writes: Batches[Job, Any] = Batches(self._put_batch)
        self._begun: dict[str, Begun] = {}

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """Return itself: each crawler has a copy of the settings, and all of them work here."""
        return self

    async def call(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a function of the store on the archive thread.

        Raises:
            ArchiveError: from the store.
        """
        return await asyncio.get_running_loop().run_in_executor(self._thread, partial(function, *args, **kwargs))

    async def begin(
        self, agency: type[DisclosureSpider], arguments: Mapping[str, str], settings: BaseSettings
    ) -> Begun:
        """Begin a crawl on the archive thread, for the session that takes it over (:func:`govcrawl.beginning.begin_crawl`).

        Raises:
            ArchiveError, UsageMistake: it could not be begun.
        """
        self._begun[agency.name] = begun = await self.call(
            begin_crawl, self.store, self.machine, agency, arguments, settings
        )
        return begun

    def take_begun(self, agency: str) -> Begun | None:
        """Return the crawl of an agency that was begun here for this session; None: it begins its own."""
        return self._begun.pop(agency, None)

    async def put(self, job: Job) -> Any:
        """Put a capture or a decision together with what else waits; returns what the store returns once it is durable.

        Raises:
            ArchiveError: it could not be stored; what other crawls put is not concerned.
        """
        return await self._writes.put(job)

    async def drain(self) -> None:
        """Wait until everything that was put so far is stored or has failed."""
        await self._writes.drain()

    def close(self) -> None:
        """Close the data directory and end threads and processes; blocks until they have ended.

        Raises:
            ArchiveError: a file of a crawl that was not finished could not be closed.
        """
        self.texts.close()
        try:
            self.store.close()
        finally:
            self._thread.shutdown()
            self.readers.close()
            prune(self.machine, self._audit_days)
            self.machine.close()

    async def _put_batch(self, batch: list[Job]) -> list[Any]:
        """Store a batch with one sync per file and one transaction; return results in the batch's order.

        Where that fails and several crawls are in it, each crawl's part is tried by itself: a full disk or a damaged file
        of one is nothing that another one has to suffer for.
        """
        (results,) = await self._try([batch])
        if not isinstance(results, BaseException):
            return results
        parts: dict[str, list[Job]] = {}
        for job in batch:
            parts.setdefault(_crawl_of(job), []).append(job)
        if len(parts) == 1:
            return [_told(results)] * len(batch)
        came = dict(zip(parts, await self._try(list(parts.values())), strict=True))
        each = {
            crawl_id: iter([_told(result)] * len(parts[crawl_id]) if isinstance(result, BaseException) else result)
            for crawl_id, result in came.items()
        }
        return [next(each[_crawl_of(job)]) for job in batch]

    async def _try(self, batches: list[list[Job]]) -> list[list[Any] | BaseException]:
        """Store batches one after another; what kept one from being stored stands in the place of its results."""
        return await asyncio.gather(*(self.call(self._store, one) for one in batches), return_exceptions=True)

    def _store(self, batch: list[Job]) -> list[Any]:
        exchanges = [one for one in batch if isinstance(one, tuple)]
        decisions = [one for one in batch if not isinstance(one, tuple)]
        captures, results = self.store.put_batch(exchanges, decisions)
        took, came = iter(captures), iter(results)
        return [next(took) if isinstance(one, tuple) else next(came) for one in batch]


def _crawl_of(job: Job) -> str:
    return job[1].crawl_id if isinstance(job, tuple) else job.crawl_id


def _told(error: BaseException) -> ArchiveError:
    """Return what those are told who wait for a batch that was not stored."""
    if isinstance(error, ArchiveError):
        return error
    logger.error("a batch was not stored", exc_info=error)
    return ArchiveWriteError("a batch was not stored; the log says why")
