"""Stored captures read again with the present extractor and the present readers of attachments, without network.

A version says what the site showed; how well it was read is ours. So a version that reads differently now keeps its number,
its capture and its dates and gets the new reading in its place (``versions.reextracted_at`` says when): no change of the
site is invented, and an export shows what every captured state of a page says. The WARC files hold no trace of it, since a
rebuild reads everything with the present extractor anyway.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections import deque
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from archive.catalog import CATALOG_NAME, Catalog
from archive.catalog_reads import agencies, check_agency
from archive.catalog_rereading import compare_readings, documents_to_read, put_readings, versions_to_read
from archive.catalog_texts import compare_file_text, put_file_text
from archive.errors import CaptureMissing, DigestMismatch, UnreadableContent
from archive.store import Store
from govcrawl.attachments import read_attachments
from govcrawl.errors import CrawlError
from govcrawl.reading import read_document, read_entry, read_stored
from govcrawl.rebuild import WAITING_BYTES, WAITING_NOTES, find_reader
from govcrawl.workers import Readers, prepare

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from scrapy.settings import BaseSettings

    from archive.model import Document, FileText
    from archive.rows import Row
    from govcrawl.decode import Page
    from govcrawl.items import ListEntry
    from govcrawl.rebuild import Progress
    from govcrawl.spider import DisclosureSpider

logger = logging.getLogger(__name__)

_UNREAD = (CaptureMissing, DigestMismatch, UnreadableContent, CrawlError)


@dataclass(frozen=True, slots=True)
class Difference:
    """A version that reads differently now."""

    document_id: str
    number: int
    fields: tuple[str, ...]


@dataclass(slots=True)
class Change:
    """How often a field would read differently, with the first examples: (version, before, after)."""

    versions: int = 0
    examples: list[tuple[str, Any, Any]] = field(default_factory=list)


EXAMPLES = 5


@dataclass(slots=True)
class Reread:
    """What reading again brought, or would bring: then ``changes`` says it by field, of texts of attachments as ``attachment.text``."""

    documents: int = 0
    versions: int = 0
    files: int = 0  # attachments read again, or for the first time
    changed_files: int = 0
    differences: list[Difference] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    changes: dict[str, Change] = field(default_factory=dict)

    def note(self, name: str, where: str, before: object, after: object) -> None:
        """Count a field that would change, and keep the first examples."""
        change = self.changes.setdefault(name, Change())
        change.versions += 1
        if len(change.examples) < EXAMPLES:
            change.examples.append((where, before, after))


def reextract(
    data_dir: Path,
    settings: BaseSettings,
    *,
    agency: str | None = None,
    since: str | None = None,
    resume: bool = False,
    dry_run: bool = False,
    progress: Progress | None = None,
    files_progress: Progress | None = None,
) -> Reread:
    """Read stored versions again: of one agency or all, captured since a UTC day or ever; and attachments that the present readers have not read.

    Args:
        resume: leave out documents that the present version of the extractor has read: those that an interrupted run has done.
        dry_run: change nothing, and tell in ``changes`` what would change.

    Raises:
        ArchiveBusy: a crawl of an agency that is to be read is going on.
        CatalogError: the agency is not in the catalog.
        BadAgency: an agency's pages cannot be read: neither it nor its template is there.
    """
    Catalog.open_read_only(data_dir / CATALOG_NAME).close()  # where there is none, none is made
    with Store.open(data_dir) as store, ExitStack() as steps:
        if agency is not None:
            check_agency(store.catalog, agency)
        rows = [row for row in agencies(store.catalog) if agency in {None, row["name"]}]
        for row in rows:
            steps.callback(store.lock_agency(row["name"]).release)
        templates = {row["name"]: find_reader(row["name"], row["template"], settings) for row in rows}
        work = _Rereading(store, settings, since, progress)
        report = asyncio.run(work.run(templates, resume=resume, dry_run=dry_run))
        _read_files(store, settings, report, agency=agency, since=since, dry_run=dry_run, progress=files_progress)
        return report


def _read_files(
    store: Store,
    settings: BaseSettings,
    report: Reread,
    *,
    agency: str | None,
    since: str | None,
    dry_run: bool,
    progress: Progress | None,
) -> None:
    """Read the attachments that the present version of the readers has not read, and note what they read differently."""

    def put(text: FileText) -> None:
        changes = compare_file_text(store.catalog, text)
        report.files += 1
        report.changed_files += bool(changes)
        if not dry_run:
            put_file_text(store.catalog, text, datetime.now(UTC))
            return
        for name, (before, after) in changes.items():
            report.note(f"attachment.{name}", f"sha256 {text.sha256[:12]}", before, after)

    read_attachments(
        store.data_dir,
        store.catalog,
        settings,
        agency=agency,
        since=since,
        put=put,
        progress=progress,
        problem=report.problems.append,
    )


@dataclass(slots=True)
class _Waiting:
    document_id: str
    readings: dict[int, asyncio.Task[Document]]
    bytes: int


class _Rereading:
    def __init__(self, store: Store, settings: BaseSettings, since: str | None, progress: Progress | None) -> None:
        self._store = store
        self._since = since
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
        self._dry_run = False
        self._report = Reread()

    async def run(
        self, templates: dict[str, type[DisclosureSpider]], *, resume: bool = False, dry_run: bool = False
    ) -> Reread:
        from govcrawl.extract import EXTRACTOR_VERSION  # noqa: PLC0415 - loads trafilatura, which --help need not pay

        prepare([])
        self._dry_run = dry_run
        catalog = self._store.catalog
        done_by = EXTRACTOR_VERSION if resume else None
        todo = {name: documents_to_read(catalog, name, self._since, but_by=done_by) for name in templates}
        total = sum(count for documents in todo.values() for _, count in documents)
        try:
            for name, template in templates.items():
                for document_id, _ in todo[name]:
                    versions = versions_to_read(catalog, document_id, self._since)
                    self._waiting.append(self._begin(document_id, versions, template))
                    await asyncio.sleep(0)  # lets the readings begin
                    while self._is_full():
                        await self._put_first(total)
            while self._waiting:
                await self._put_first(total)
        finally:
            for one in self._waiting:
                for reading in one.readings.values():
                    reading.cancel()
            self._readers.close()
        return self._report

    def _is_full(self) -> bool:
        versions = sum(len(one.readings) for one in self._waiting)
        return versions > WAITING_NOTES or sum(one.bytes for one in self._waiting) > WAITING_BYTES

    def _begin(self, document_id: str, versions: Iterable[Row], template: type[DisclosureSpider]) -> _Waiting:
        waiting = _Waiting(document_id, {}, 0)
        for row in versions:
            try:
                capture = self._store.catalog.capture(row["capture_id"])
                with self._store.open_capture(capture) as stored:
                    page = read_stored(stored, capture.url, max_bytes=self._max_bytes)
            except _UNREAD as error:
                self._tell(row, error)
                continue
            entry = read_entry(json.loads(row["entry"])) if row["entry"] else None

            async def read(page: Page = page, entry: ListEntry | None = entry) -> Document:
                async with self._at_once:
                    return await read_document(self._readers, template, page, entry)

            waiting.bytes += len(page.body)
            waiting.readings[row["number"]] = asyncio.create_task(read())
        return waiting

    async def _put_first(self, total: int) -> None:
        one = self._waiting.popleft()
        documents: dict[int, Document] = {}
        for number, reading in one.readings.items():
            try:
                documents[number] = await reading
            except CrawlError as error:
                self._tell({"document_id": one.document_id, "number": number}, error)
        found = self._compare(one.document_id, documents) if self._dry_run else self._put(one.document_id, documents)
        self._report.documents += 1
        self._report.versions += len(documents)
        self._report.differences += [Difference(one.document_id, number, names) for number, names in found.items()]
        if self._progress:
            self._progress(self._report.versions, total)

    def _put(self, document_id: str, documents: dict[int, Document]) -> dict[int, tuple[str, ...]]:
        return put_readings(self._store.catalog, document_id, documents, datetime.now(UTC))

    def _compare(self, document_id: str, documents: dict[int, Document]) -> dict[int, tuple[str, ...]]:
        found = compare_readings(self._store.catalog, document_id, documents)
        for number, changes in found.items():
            for name, (before, after) in changes.items():
                self._report.note(name, f"{document_id} {number}", before, after)
        return {number: tuple(changes) for number, changes in found.items()}

    def _tell(self, row: Row, error: Exception) -> None:
        problem = (
            f"{row['document_id']} version {row['number']}: left as it is, its capture cannot be read now: {error}"
        )
        logger.warning("%s", problem)
        self._report.problems.append(problem)
