"""The frontier of a running crawl: what the catalog holds of it (:mod:`archive.catalog_frontier`), handed out in bounded number.

What is handed out is under way until it is given back, whatever became of it. No more of it than CONCURRENT_REQUESTS is on the
wire, which the downloader sees to, and that is what a crawl that dies repeats; the rest waits for the wire, is being read or
put, and answered already (:mod:`govcrawl.stored`). Only what is under way, and a little read ahead, is in memory.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from archive.errors import ArchiveError
from govcrawl.failures import CrawlEnding
from govcrawl.reading import read_entry, said_entry

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Collection

    from archive.catalog import Catalog
    from archive.model import KnownDocument
    from archive.rows import Row
    from govcrawl.items import ListEntry
    from govcrawl.session import Session
    from govcrawl.walks import Walk

UNDER_WAY = 3
"""Times CONCURRENT_REQUESTS: while some pages are fetched others are read, and others put, many in one transaction."""

EDITED = "edited"
MOVED = "moved"
AGAIN = "again"
GONE = "gone"
NEW = "new"
UNREAD = "unread"
"""Why a list's line is asked for: the line changed, its address did, a full crawl, its document was gone, new, failed before."""


@dataclass(slots=True)
class Job:
    """One document to look at, however many lists name it: a row of the frontier."""

    row_id: int
    url: str  # to be asked for
    why: str
    entry: ListEntry | None
    channel: str | None
    via: str | None
    known: KnownDocument | None
    aliases: list[tuple[str, str]] = field(default_factory=list)  # (url, url_key) other lists use
    document_id: str | None = None
    tried_elsewhere: bool = False  # asked for where it seems to stand now, after it was gone from where it was known

    def said(self) -> dict[str, Any]:
        """Say what of it the frontier keeps as JSON."""
        return say_job(self.entry, tried_elsewhere=self.tried_elsewhere)


def say_job(entry: ListEntry | None, *, tried_elsewhere: bool = False) -> dict[str, Any]:
    """Say what the frontier keeps of a document that is wanted: the list's line, and whether it was tried elsewhere."""
    said = {"entry": said_entry(entry), "tried_elsewhere": tried_elsewhere}
    return {name: value for name, value in said.items() if value}


class Frontier:
    """Hands out lists before documents, each in the order in which they were wanted."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._most = UNDER_WAY * max(1, session.crawler.settings.getint("CONCURRENT_REQUESTS"))
        self._walks: deque[Walk] = deque()
        self._jobs: deque[Job] = deque()  # read ahead
        self._under_way: dict[int, Job | None] = {}
        self._left: set[int] = set()  # given back unfinished: for a further sitting
        self._more = True  # there may be documents that were not read ahead yet
        self._changed = asyncio.Event()

    def put_walk(self, walk: Walk) -> None:
        """Take a list whose next page can be asked for."""
        self._walks.append(walk)
        self._changed.set()

    def put_job(self, job: Job) -> None:
        """Take a document that is to be asked for once more, at once."""
        self._jobs.appendleft(job)
        self._changed.set()

    def documents_came(self) -> None:
        """Note that the catalog holds more documents to be looked at."""
        self._more = True
        self._changed.set()

    def find(self, row_id: int) -> Job | None:
        """Return the job of a row that is in memory."""
        return self._under_way.get(row_id) or next((job for job in self._jobs if job.row_id == row_id), None)

    def release(self, row_id: int, *, done: bool = True) -> None:
        """Take back what was handed out; with ``done`` false it is left for a further sitting of the crawl."""
        self._under_way.pop(row_id, None)
        if not done:
            self._left.add(row_id)
        self._changed.set()

    @asynccontextmanager
    async def holding(self, row_id: int, give_up: Callable[[Catalog], object]) -> AsyncIterator[None]:
        """Hold what was handed out while it is answered for, and take it back after, whatever happens.

        Where the crawl is being ended it is left for a further sitting. After an error that nobody foresaw ``give_up``
        ends its row, so that it is not handed out again and again.
        """
        foreseen, done = False, True
        try:
            yield
            foreseen = True
        except CrawlEnding:
            foreseen, done = True, False
        except ArchiveError as error:
            foreseen, done = True, False
            self._session.stop("archive", str(error))
        except (asyncio.CancelledError, GeneratorExit):
            foreseen, done = True, False
            raise
        finally:
            if not foreseen:
                await self._session.call(self._session.store.put_rows, give_up)
            self.release(row_id, done=done)

    async def next(self) -> Walk | Job | None:
        """Return what is to be asked for next, once there is room; ``None`` when nothing is left, or the crawl is being ended.

        Raises:
            ArchiveError: the catalog cannot be read.
        """
        while not self._session.is_ending():
            self._changed.clear()
            if len(self._under_way) < self._most:
                if not self._walks and not self._jobs and self._more:
                    await self._read_ahead()
                    continue
                if self._walks:
                    walk = self._walks.popleft()
                    self._under_way[walk.row_id] = None
                    return walk
                if self._jobs:
                    job = self._jobs.popleft()
                    self._under_way[job.row_id] = job
                    return job
                if not self._under_way:
                    return None
            await self._changed.wait()
        return None

    async def _read_ahead(self) -> None:
        self._more = False  # before the catalog is asked: what comes meanwhile sets it again
        session = self._session
        under_way = {*self._under_way, *self._left}
        jobs = await session.call(
            session.store.read,
            lambda catalog: _read_jobs(catalog, session.crawl_id, under_way, self._most),
        )
        self._jobs.extend(jobs)
        self._more = self._more or bool(jobs)


def _read_jobs(catalog: Catalog, crawl_id: str, under_way: Collection[int], limit: int) -> list[Job]:
    rows = catalog.frontier.pending(crawl_id, under_way, limit)
    return [_job(catalog, row) for row in rows]


def _job(catalog: Catalog, row: Row) -> Job:
    known = catalog.known_document(row["document_id"]) if row["document_id"] else None
    said = json.loads(row["job"])
    # Of what no list names, the line that it was read with still holds: of a file it is all that tells title and date.
    entry = said.get("entry") or (known.entry if known and row["via"] is None else None)
    return Job(
        row_id=row["id"],
        url=row["url"],
        why=row["why"],
        entry=read_entry(entry),
        channel=row["channel"] or (known.channel if known else None),
        via=row["via"],
        known=known,
        aliases=catalog.frontier.aliases(row["id"]),
        document_id=row["document_id"],
        tried_elsewhere=bool(said.get("tried_elsewhere")),
    )
