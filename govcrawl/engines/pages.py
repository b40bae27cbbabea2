"""Archived pages read again by an engine, those of one WARC file a unit, for ``govcrawl reextract``."""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from archive.errors import CaptureMissing, DigestMismatch, UnreadableContent
from archive.reader import open_capture
from govcrawl.engines import SpreadingWork, Unit, by_unit
from govcrawl.engines.kept import kept_readers
from govcrawl.errors import CrawlError
from govcrawl.reading import read_document, read_entry, read_stored
from govcrawl.workers import Readers, prepare

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator, Mapping

    from archive.model import Capture, Document
    from govcrawl.engines import Done, Place
    from govcrawl.engines.templates import Templates

WAITING_PAGES = 256  # that are being read ahead of the first one
WAITING_BYTES = 64 << 20  # of them

UNREAD = (CaptureMissing, DigestMismatch, UnreadableContent, CrawlError)
"""What costs one page."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A page to read: its capture, of a revisit the original too, and how its agency reads it."""

    agency: str
    template: str
    capture: Capture
    original: Capture | None
    entry: Mapping[str, Any] | None  # the list's line


@dataclass(frozen=True, slots=True)
class PageRead:
    """What was read, or why nothing was."""

    document: Document | None
    problem: str | None = None


@dataclass(slots=True)
class _Begun:
    unit: Unit
    reading: asyncio.Task[Document] | PageRead
    bytes: int = 0


@dataclass(frozen=True, slots=True)
class ReadPages(SpreadingWork):
    """Reads pages; a unit's argument is a sequence of :class:`Wanted`, its pieces are their :class:`PageRead` in order."""

    templates: Templates
    max_bytes: int  # of one page
    seconds: float  # for one page
    memory_bytes: int  # of one reader's process

    def do_all(self, units: Iterable[Unit], place: Place, processes: int) -> Iterator[Done]:
        """Read pages side by side, those of the next units while one is being handed out."""
        prepare()
        with (
            asyncio.Runner() as runner,
            closing(Readers(processes, self.seconds, self.memory_bytes)) as readers,
            closing(_Reading(self, place, readers, runner).in_order(units)) as pages,
        ):
            yield from by_unit(pages)

    def do(self, argument: Any, place: Place) -> Iterator[PageRead]:
        """Read the pages of one unit with the reader of this process."""
        runner, readers = kept_readers(self.seconds, self.memory_bytes)
        for _, page in _Reading(self, place, readers, runner).in_order([Unit(name="", argument=argument, files=())]):
            yield page


class _Reading:
    def __init__(self, work: ReadPages, place: Place, readers: Readers, runner: asyncio.Runner) -> None:
        self._work = work
        self._place = place
        self._readers = readers
        self._runner = runner
        self._find = work.templates.finder()
        self._at_once = asyncio.Semaphore(readers.processes + 1)  # a page's time limit runs from when it is handed over
        self._waiting: deque[_Begun] = deque()
        self._bytes = 0

    def in_order(self, units: Iterable[Unit]) -> Generator[tuple[Unit, PageRead], None, None]:
        """Yield the pages of units, while those behind them are being read."""
        try:
            for unit in units:
                for wanted in unit.argument:
                    self._begin(unit, wanted)
                    self._runner.run(asyncio.sleep(0))  # lets it begin
                    while len(self._waiting) > WAITING_PAGES or self._bytes > WAITING_BYTES:
                        yield self._first()
            while self._waiting:
                yield self._first()
        finally:
            for begun in self._waiting:
                if isinstance(begun.reading, asyncio.Task):
                    begun.reading.cancel()

    def _begin(self, unit: Unit, wanted: Wanted) -> None:
        template = self._find(wanted.agency, wanted.template)
        capture, place = wanted.capture, self._place
        try:
            with open_capture(
                place.of(place.data_dir), capture, original_of=lambda record_id: _original(wanted, record_id)
            ) as stored:
                page = read_stored(stored, capture.url, max_bytes=self._work.max_bytes)
        except UNREAD as error:
            self._waiting.append(_Begun(unit, PageRead(None, place.say(str(error)))))
            return
        entry = read_entry(wanted.entry)

        async def read() -> Document:
            async with self._at_once:
                return await read_document(self._readers, template, page, entry)

        task = self._runner.get_loop().create_task(read())
        self._waiting.append(_Begun(unit, task, len(page.body)))
        self._bytes += len(page.body)

    def _first(self) -> tuple[Unit, PageRead]:
        begun = self._waiting.popleft()
        self._bytes -= begun.bytes
        if isinstance(begun.reading, PageRead):
            return begun.unit, begun.reading
        return begun.unit, self._runner.run(_taken(begun.reading))


async def _taken(reading: asyncio.Task[Document]) -> PageRead:
    try:
        return PageRead(await reading)
    except CrawlError as error:
        return PageRead(None, str(error))


def _original(wanted: Wanted, record_id: str) -> Capture | None:
    original = wanted.original
    return original if original is not None and original.record_id == record_id else None
