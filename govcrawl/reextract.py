"""Stored captures read again with the present extractor and the present readers of attachments, without network.

A version says what the site showed; how well it was read is ours. So a version that reads differently now keeps its number,
its capture and its dates and gets the new reading in its place (``versions.reextracted_at`` says when): no change of the
site is invented, and an export shows what every captured state of a page says. The WARC files hold no trace of it, since a
rebuild reads everything with the present extractor anyway.
"""

from __future__ import annotations

import json
import logging
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from archive.catalog import CATALOG_NAME, Catalog
from archive.catalog_reads import agencies, check_agency
from archive.catalog_rereading import RereadingPlan, compare_readings, put_readings
from archive.catalog_summaries import put_missing_summaries
from archive.catalog_texts import compare_file_text, put_file_text
from archive.store import Store
from govcrawl.attachments import read_attachments
from govcrawl.engines import Lost, Unit, UnitLost
from govcrawl.engines.pages import ReadPages, Wanted
from govcrawl.engines.pool import PoolEngine
from govcrawl.engines.templates import Templates
from govcrawl.loader import find_reader

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from scrapy.settings import BaseSettings

    from archive.catalog_rereading import PlannedVersion
    from archive.model import Document, FileText
    from govcrawl.engines import Engine
    from govcrawl.engines.pages import PageRead
    from govcrawl.rebuild import Progress

logger = logging.getLogger(__name__)


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
    redone: list[str] = field(default_factory=list)  # files that were begun again, and why

    def note(self, name: str, where: str, before: object, after: object) -> None:
        """Count a field that would change, and keep the first examples."""
        change = self.changes.setdefault(name, Change())
        change.versions += 1
        if len(change.examples) < EXAMPLES:
            change.examples.append((where, before, after))


def reextract(  # noqa: PLR0913 - what is to be read, how, and who is told
    data_dir: Path,
    settings: BaseSettings,
    *,
    agency: str | None = None,
    since: str | None = None,
    resume: bool = False,
    dry_run: bool = False,
    progress: Progress | None = None,
    files_progress: Progress | None = None,
    engine: Engine | None = None,
) -> Reread:
    """Read stored versions again: of one agency or all, captured since a UTC day or ever; and attachments that the present readers have not read.

    Args:
        resume: leave out documents that the present version of the extractor has read: those that an interrupted run has done.
        dry_run: change nothing, and tell in ``changes`` what would change.
        engine: where pages and files are read; None: in child processes of this one.

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
        templates = {row["name"]: row["template"] for row in rows}
        for name, template in templates.items():
            find_reader(name, template, settings)
        engine = engine or PoolEngine(data_dir, settings.getint("GOVCRAWL_READERS"))
        work = _Rereading(store, templates, progress, dry_run=dry_run)
        report = work.run(engine, pages_work(settings), since, resume=resume)
        _read_files(
            store, settings, report, engine, agency=agency, since=since, dry_run=dry_run, progress=files_progress
        )
        report.redone = list(engine.redone)
        if not dry_run:
            put_missing_summaries(store.catalog)
        return report


def pages_work(settings: BaseSettings) -> ReadPages:
    """Return how pages are read by these settings."""
    return ReadPages(
        Templates.of(settings),
        settings.getint("DOWNLOAD_MAXSIZE"),
        settings.getfloat("GOVCRAWL_READ_SECONDS"),
        settings.getint("GOVCRAWL_READER_MEMORY_BYTES"),
    )


def _read_files(
    store: Store,
    settings: BaseSettings,
    report: Reread,
    engine: Engine,
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
        engine=engine,
    )


class _Rereading:
    def __init__(self, store: Store, templates: Mapping[str, str], progress: Progress | None, *, dry_run: bool) -> None:
        self._store = store
        self._templates = templates
        self._progress = progress
        self._dry_run = dry_run
        self._report = Reread()
        self._read = 0

    def run(self, engine: Engine, work: ReadPages, since: str | None, *, resume: bool) -> Reread:
        """Read what is to be read; documents are put as their last version has been read."""
        from govcrawl.extract import EXTRACTOR_VERSION  # noqa: PLC0415 - loads trafilatura, which --help need not pay

        with closing(RereadingPlan()) as plan:
            for agency in self._templates:
                plan.add(self._store.catalog, agency, since, but_by=EXTRACTOR_VERSION if resume else None)
            total = plan.settle()
            units = (self._unit(name, plan.versions(name)) for name in plan.files())
            for result in engine.run(work, units):
                name = result.unit.name
                versions = plan.versions(name)
                if isinstance(result, Lost):
                    self._tell(f"{len(versions)} versions left as they are: {UnitLost.of(result)}")
                else:
                    for version, page in zip(versions, result.pieces, strict=True):
                        self._keep(plan, version, page, total)
                for document_id, readings, _ in plan.complete(name):
                    self._put(document_id, readings)
        self._report.differences.sort(key=lambda one: (one.document_id, one.number))
        return self._report

    def _unit(self, warc_file: str, versions: Sequence[PlannedVersion]) -> Unit:
        catalog, wanted, files = self._store.catalog, [], {warc_file}
        for version in versions:
            capture = catalog.capture(version.capture_id)
            original = catalog.capture_by_record_id(capture.refers_to) if capture.refers_to else None
            files.add(capture.warc_file)
            entry = json.loads(version.entry) if version.entry else None
            wanted.append(Wanted(version.agency, self._templates[version.agency], capture, original, entry))
        return Unit(name=warc_file, argument=wanted, files=tuple(self._store.data_dir / name for name in sorted(files)))

    def _keep(self, plan: RereadingPlan, version: PlannedVersion, page: PageRead, total: int) -> None:
        if page.document is None:
            self._tell(
                f"{version.document_id} version {version.number}: left as it is, its capture cannot be read now: {page.problem}"
            )
        else:
            plan.keep(version, page.document)
        self._read += 1
        if self._progress:
            self._progress(self._read, total)

    def _put(self, document_id: str, documents: Mapping[int, Document]) -> None:
        catalog = self._store.catalog
        if self._dry_run:
            found = self._compare(document_id, documents)
        else:
            found = put_readings(catalog, document_id, documents, datetime.now(UTC))
        self._report.documents += 1
        self._report.versions += len(documents)
        self._report.differences += [Difference(document_id, number, names) for number, names in found.items()]

    def _compare(self, document_id: str, documents: Mapping[int, Document]) -> dict[int, tuple[str, ...]]:
        found = compare_readings(self._store.catalog, document_id, documents)
        for number, changes in found.items():
            for name, (before, after) in changes.items():
                self._report.note(name, f"{document_id} {number}", before, after)
        return {number: tuple(changes) for number, changes in found.items()}

    def _tell(self, problem: str) -> None:
        logger.warning("%s", problem)
        self._report.problems.append(problem)
