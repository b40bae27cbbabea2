"""The catalog made again from the WARC files alone.

Every file is read in order. Captures, failures and decisions become rows by the functions that put them in the crawl; the
pages of documents are read again by their agency's template, in reader processes. What cannot be read is told and left out.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections import deque
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from archive import decisions
from archive.catalog import CATALOG_NAME
from archive.catalog_summaries import put_missing_summaries
from archive.errors import (
    ArchiveWriteError,
    CaptureMissing,
    CatalogError,
    DigestMismatch,
    UnreadableContent,
)
from archive.events import (
    CaptureTold,
    Damage,
    FileBegins,
    FileEnds,
    NoteTold,
    archived_agencies,
    warc_paths,
)
from archive.leases import carry_over
from archive.locks import take_catalog
from archive.manifest import listed_files
from archive.reader import open_capture
from archive.remake import Remake, discard, new_catalog, swap_in
from archive.withheld import mirror
from govcrawl.attachments import read_attachments
from govcrawl.engines import Lost, Unit, UnitLost
from govcrawl.engines.pool import PoolEngine
from govcrawl.engines.telling import TellFile
from govcrawl.engines.templates import Templates
from govcrawl.errors import CrawlError, UsageMistake
from govcrawl.loader import find_reader
from govcrawl.reading import read_document, read_entry, read_stored
from govcrawl.speech import say
from govcrawl.workers import Readers, prepare

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence
    from pathlib import Path

    from scrapy.settings import BaseSettings

    from archive.catalog import Catalog
    from archive.decisions import DocumentNote
    from archive.events import Event
    from archive.model import Document
    from govcrawl.engines import Engine
    from govcrawl.spider import DisclosureSpider

logger = logging.getLogger(__name__)

WAITING_NOTES = 256  # decisions that wait for a page to be read before them
WAITING_BYTES = 64 << 20  # of pages that wait to be read
EVENTS_PER_COMMIT = 5000

Progress = Callable[[int, int], None]
"""Told how many bytes of how many have been read."""

_LEFT_OUT = (
    CaptureMissing,
    DigestMismatch,
    UnreadableContent,
    CatalogError,
    CrawlError,
    sqlite3.IntegrityError,
    ValueError,
)
"""What costs one event, not the catalog: bytes, or a row that others need, are not there."""


@dataclass(slots=True)
class Report:
    """What a rebuild did."""

    files: int = 0
    captures: int = 0
    documents: int = 0  # pages read
    notes: int = 0
    texts: int = 0  # attachments read
    bytes: int = 0
    problems: list[str] = field(default_factory=list)
    kept: Path | None = None  # the catalog that was in use
    redone: list[str] = field(default_factory=list)  # files that were begun again, and why


def rebuild(
    data_dir: Path,
    settings: BaseSettings,
    *,
    output: Path | None = None,
    progress: Progress | None = None,
    engine: Engine | None = None,
) -> Report:
    """Make the catalog again and put it in the place of the one in use, or into ``output``.

    Args:
        data_dir: the data directory.
        settings: of the project.
        output: a new file for the catalog; the one in use stays.
        progress: told how far it is.
        engine: where WARC files, pages and attachments are read; None: in this process and children of it.

    Raises:
        ArchiveBusy: a crawl is going on in this data directory.
        ArchiveWriteError: the catalog cannot be written; the one in use is as it was.
        UsageMistake: there are no WARC files, or ``output`` is there already.
        BadAgency: the pages of an agency cannot be read: neither it nor its template is there.
        UnitLost: a WARC file could not be read by any worker of ``engine``; the catalog in use is as it was.
    """
    agencies = archived_agencies(data_dir)
    if not agencies:
        raise UsageMistake(
            say(
                f"{data_dir}: 其下没有 WARC 文件（warc/机构/*.warc.gz）；请指定有 WARC 文件的数据目录",
                f"{data_dir}: no WARC files below it (warc/AGENCY/*.warc.gz); name the data directory that has some",
            )
        )
    if output is not None and output.exists():
        raise UsageMistake(
            say(
                f"--output {output} 已经存在，未作改动；请另取新文件名",
                f"--output {output} is there already: it is left as it is; name a new file",
            )
        )
    now = datetime.now(UTC)
    with ExitStack() as steps:
        folder = data_dir / "locks"
        try:
            folder.mkdir(exist_ok=True)
        except OSError as error:
            raise ArchiveWriteError(
                f"{folder}: cannot be made ({error.strerror}); give write permission",
                zh=f"{folder} 不能建立（{error.strerror}）；请给予写权限",
            ) from error
        steps.callback(take_catalog(folder, now).release)
        steps.callback(discard, data_dir)
        catalog = new_catalog(data_dir)
        engine = engine or PoolEngine(data_dir, settings.getint("GOVCRAWL_READERS"))
        work = _Rebuild(data_dir, catalog, settings, progress, engine)
        try:
            report = asyncio.run(work.run(agencies))
            report.problems += mirror(catalog, data_dir)
            carry_over(data_dir / CATALOG_NAME, catalog)
            report.texts = read_attachments(
                data_dir, catalog, settings, problem=report.problems.append, engine=engine
            ).total()
            report.redone = list(engine.redone)
            put_missing_summaries(catalog)
        finally:
            catalog.close()
        report.kept = swap_in(data_dir, now, output)
    return report


@dataclass(slots=True)
class _Waiting:
    """A decision on its way into the catalog; a document's page is being read meanwhile."""

    event: NoteTold
    note: DocumentNote | None = None
    reading: asyncio.Future[Document] | None = None
    bytes: int = 0


class _Rebuild:
    def __init__(
        self, data_dir: Path, catalog: Catalog, settings: BaseSettings, progress: Progress | None, engine: Engine
    ) -> None:
        self._data_dir = data_dir
        self._engine = engine
        self._catalog = catalog
        self._remake = Remake(catalog)
        self._settings = settings
        self._progress = progress
        self._max_bytes = settings.getint("DOWNLOAD_MAXSIZE")
        self._readers = Readers(
            settings.getint("GOVCRAWL_READERS"),
            settings.getfloat("GOVCRAWL_READ_SECONDS"),
            settings.getint("GOVCRAWL_READER_MEMORY_BYTES"),
        )
        self._at_once = asyncio.Semaphore(
            self._readers.processes + 1
        )  # a page's time limit runs from when it is handed over
        self._waiting: deque[_Waiting] = deque()
        self._waiting_bytes = 0
        self._crawl: str | None = None
        self._template_name = ""
        self._templates: dict[str, type[DisclosureSpider]] = {}  # of the agency, by name
        self._report = Report()
        self._total_bytes = 0

    async def run(self, agencies: list[str]) -> Report:
        paths = {agency: warc_paths(self._data_dir, agency) for agency in agencies}
        self._total_bytes = sum(path.stat().st_size for group in paths.values() for path in group)
        for name in listed_files(self._data_dir):
            if not (self._data_dir / name).is_file():
                self._tell(
                    f"{self._data_dir / name}: named by its crawl's manifest and not there, so all that stood in it is left out; "
                    "put it back from a backup, then rebuild again"
                )
        prepare()
        transaction, count = ExitStack(), 0
        try:
            transaction.enter_context(self._catalog.atomic())
            async for event in self._told(paths):
                await self._take(*event)
                count += 1
                if count % EVENTS_PER_COMMIT == 0:
                    transaction.close()
                    transaction.enter_context(self._catalog.atomic())
            transaction.close()
        except BaseException as error:
            transaction.__exit__(type(error), error, error.__traceback__)
            raise
        finally:
            for one in self._waiting:
                if one.reading is not None:
                    one.reading.cancel()
            self._readers.close()
        return self._report

    async def _told(
        self, paths: Mapping[str, Sequence[Path]]
    ) -> AsyncIterator[tuple[Event, str, Document | CrawlError | None]]:
        """Yield events, each with its agency and what a worker elsewhere has read of it."""
        units = (_unit(path, agency) for agency, group in paths.items() for path in group)
        current = None
        for result in self._engine.run(self._telling(), units):
            if isinstance(result, Lost):
                raise UnitLost.of(result)
            _, agency = result.unit.argument
            if agency != current:
                current, self._crawl = agency, None
                self._templates.clear()
            for event, reading in result.pieces:
                yield event, agency, reading
            await self._drain()

    def _telling(self) -> TellFile:
        return TellFile(
            Templates.of(self._settings),
            self._max_bytes,
            self._settings.getfloat("GOVCRAWL_READ_SECONDS"),
            self._settings.getint("GOVCRAWL_READER_MEMORY_BYTES"),
        )

    async def _take(self, event: Event, agency: str, reading: Document | CrawlError | None) -> None:
        report = self._report
        if isinstance(event, CaptureTold):
            # Captures go in at once: a page that waits behind them needs their rows to be found in the files.
            report.captures += self._tried(lambda: self._remake.capture(event), event.fields["url"])
            self._show(event.fields["offset"])
        elif isinstance(event, NoteTold):
            report.notes += 1
            await self._take_note(event, agency, reading)
        elif isinstance(event, FileBegins):
            if event.crawl_id != self._crawl:
                await self._drain()
            self._crawl = event.crawl_id
            self._template_name = event.agency.template if event.agency else self._template_name
            self._tried(lambda: self._remake.begin_file(event, agency), event.warc_file)
        elif isinstance(event, FileEnds):
            report.files += 1
            report.bytes += event.bytes
            await self._drain()
            self._tried(lambda: self._remake.end_file(event), event.warc_file)
            self._show(0)
        elif isinstance(event, Damage):
            self._tell(f"{event} ({event.bytes} bytes left out)")

    async def _take_note(self, event: NoteTold, agency: str, reading: Document | CrawlError | None) -> None:
        waiting = _Waiting(event)
        if event.kind == "decision" and event.fields.get("decision") == decisions.PUT_DOCUMENT:
            name = self._template_name
            if name not in self._templates:
                self._templates[name] = find_reader(agency, name, self._settings)
            try:
                if reading is None:
                    self._begin_reading(waiting, self._templates[name])
                else:
                    self._note_reading(waiting, reading)
            except _LEFT_OUT as error:
                self._tell(f"{event.fields.get('url', event.record_id)}: document left out: {error}")
                return
        self._waiting.append(waiting)
        self._waiting_bytes += waiting.bytes
        await asyncio.sleep(0)  # lets the reading begin
        while self._waiting and (
            self._waiting[0].reading is None
            or self._waiting[0].reading.done()
            or len(self._waiting) > WAITING_NOTES
            or self._waiting_bytes > WAITING_BYTES
        ):
            await self._put_first()

    def _begin_reading(self, waiting: _Waiting, template: type[DisclosureSpider]) -> None:
        note = waiting.note = decisions.read_document_note(waiting.event.fields)
        capture = self._remake.page_capture(note)
        with open_capture(self._data_dir, capture, original_of=self._catalog.capture_by_record_id) as stored:
            page = read_stored(stored, capture.url, max_bytes=self._max_bytes)
        waiting.bytes = len(page.body)
        entry = read_entry(note.entry)

        async def read() -> Document:
            async with self._at_once:
                return await read_document(self._readers, template, page, entry)

        waiting.reading = asyncio.create_task(read())

    def _note_reading(self, waiting: _Waiting, reading: Document | CrawlError) -> None:
        """Take what a worker elsewhere has read."""
        note = waiting.note = decisions.read_document_note(waiting.event.fields)
        self._remake.page_capture(note)  # a page whose capture has no row is left out, whoever has read it
        waiting.reading = asyncio.get_running_loop().create_future()
        if isinstance(reading, CrawlError):
            waiting.reading.set_exception(reading)
        else:
            waiting.reading.set_result(reading)

    async def _put_first(self) -> None:
        one = self._waiting.popleft()
        self._waiting_bytes -= one.bytes
        if one.note is None or one.reading is None:
            self._tried(lambda: self._remake.note(one.event), one.event.fields.get("url") or one.event.url)
            return
        note = one.note
        try:
            document = await one.reading
        except _LEFT_OUT as error:
            self._tell(f"{note.url}: document left out, its page cannot be read any more: {error}")
            return
        self._report.documents += self._tried(lambda: self._remake.document(one.event, note, document), note.url)

    async def _drain(self) -> None:
        while self._waiting:
            await self._put_first()

    def _tried(self, put: Callable[[], None], what: str) -> bool:
        try:
            with self._catalog.atomic():
                put()
        except _LEFT_OUT as error:
            self._tell(f"{what}: left out: {error}")
            return False
        return True

    def _tell(self, problem: str) -> None:
        logger.info("%s", problem)  # the command says it at the end
        self._report.problems.append(problem)

    def _show(self, offset: int) -> None:
        if self._progress:
            self._progress(self._report.bytes + offset, self._total_bytes)


def _unit(path: Path, agency: str) -> Unit:
    return Unit(name=str(path), argument=(path, agency), files=(path,), bytes=path.stat().st_size)
