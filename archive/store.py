"""The data directory: its locks, its WARC writers and its catalog, behind the only door a crawl uses.

Order of every write: WARC first, made durable, then the rows in one transaction. When the rows cannot be put, what was
written for them is cut off the WARC again: a row always has its bytes, and bytes without a row only stay after a crash
(:mod:`archive.recovery`).
"""

from __future__ import annotations

import logging
import re
import tempfile
from contextlib import ExitStack
from datetime import UTC
from threading import RLock
from typing import TYPE_CHECKING, Self, TypeVar, cast

from archive.captures import prepare
from archive.catalog import CATALOG_NAME, Catalog
from archive.catalog_summaries import put_summary
from archive.crawls import (
    OpenCrawl,
    heal_manifests,
    kept_or_undone,
    recover_agency,
    warcinfo_fields,
    warn_of_unknown_files,
)
from archive.decisions import Decision, decide_beginning, decide_end
from archive.errors import ArchiveWriteError
from archive.leases import check_not_lent
from archive.links import refuse_links
from archive.locks import AgencyLock, share_catalog
from archive.losses import refuse_losses
from archive.reader import StoredResponse, open_capture
from archive.records import context_fields, dump_json, one_line, plain_url
from archive.withheld import mirror
from archive.writer import MAX_FILE_BYTES, Now, WarcWriter, random_record_id, utc_now

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path
    from types import TracebackType
    from typing import Any

    from archive.decisions import Untold
    from archive.model import (
        Agency,
        Capture,
        Context,
        Exchange,
        File,
        KnownDocument,
        Listing,
    )
    from archive.records import NewId
    from archive.writer import Placed, PlacedNote

T = TypeVar("T")

log = logging.getLogger(__name__)

_SAFE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")


class Store:
    """A data directory open for crawls: one writer per agency, one catalog for all.

    Methods may be called from any thread; each holds the store until it is done. What cannot be made durable raises
    :class:`ArchiveWriteError`, and nothing of that call is kept.
    """

    def __init__(
        self,
        data_dir: Path,
        catalog: Catalog,
        *,
        max_file_bytes: int = MAX_FILE_BYTES,
        now: Now = utc_now,
        new_id: NewId = random_record_id,
        shared: AgencyLock | None = None,
    ) -> None:
        self._shared = shared
        self.data_dir = data_dir
        self.catalog = catalog
        self._max_file_bytes = max_file_bytes
        self._now = now
        self._new_id = new_id
        self._lock = RLock()
        self._crawls: dict[str, OpenCrawl] = {}

    @classmethod
    def open(
        cls,
        data_dir: Path,
        *,
        max_file_bytes: int = MAX_FILE_BYTES,
        now: Now = utc_now,
        new_id: NewId = random_record_id,
    ) -> Self:
        """Open a data directory for writing; make it where it is not there.

        Raises:
            ArchiveWriteError: it cannot be written, or is no directory.
            ArchiveBusy: its catalog is being made again.
            CatalogError: its catalog is damaged or from a later version.
        """
        refuse_links(data_dir)
        try:
            for folder in (data_dir / "warc", data_dir / "locks"):
                folder.mkdir(parents=True, exist_ok=True)
                with tempfile.TemporaryFile(dir=folder):
                    pass
        except OSError as error:
            message = (
                f"data directory {data_dir}: cannot be written ({error.strerror or error}); "
                "give write permission or choose another one (GOVCRAWL_DATA)"
            )
            raise ArchiveWriteError(
                message,
                zh=f"数据目录 {data_dir} 不能写入（{error.strerror or error}）；请给予写权限，或另选一个（GOVCRAWL_DATA）",
            ) from error
        shared = share_catalog(data_dir / "locks")
        try:
            catalog = Catalog.open(data_dir / CATALOG_NAME)
            try:
                for problem in mirror(catalog, data_dir):
                    log.warning("%s", problem)
            except BaseException:
                catalog.close()
                raise
        except BaseException:
            shared.release()
            raise
        return cls(data_dir, catalog, max_file_bytes=max_file_bytes, now=now, new_id=new_id, shared=shared)

    def __enter__(self) -> Self:
        """Return itself; leaving closes it."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        self.close()

    def close(self) -> None:
        """Close files, locks and catalog; a crawl that was not finished is marked so when the next one begins."""
        with self._lock, ExitStack() as steps:
            if self._shared is not None:
                steps.callback(self._shared.release)
            steps.callback(self.catalog.close)
            for crawl_id in list(self._crawls):
                steps.callback(self.leave_crawl, crawl_id)

    # Crawls

    def lock_agency(self, agency: str) -> AgencyLock:
        """Take an agency's lock; :class:`ArchiveBusy` says which process crawls it since when, or to whom it is lent."""
        if not _SAFE_NAME.fullmatch(agency):
            message = f"agency {agency!r}: a name of letters, digits, _ and - was expected; it names a folder"
            raise ValueError(message)
        lock = AgencyLock.take(self.data_dir / "locks", agency, self._now())
        try:
            check_not_lent(self.catalog, agency, self._now())
        except BaseException:
            lock.release()
            raise
        return lock

    def begin_crawl(  # noqa: PLR0913 -- what a crawl must say of itself
        self,
        agency: Agency,
        *,
        crawl_id: str,
        mode: str,
        options: Mapping[str, Any],
        software: str,
        user_agent: str,
        contact: str | None,
        started_at: datetime,
        extra_info: Mapping[str, str] | None = None,
    ) -> None:
        """Begin a crawl: lock its agency, repair what a dead process left, put agency and crawl into the catalog.

        The id of a crawl that was interrupted, with when it began, goes on with it: a further sitting. ``extra_info`` are further fields for each WARC file's first record. Raises :class:`ArchiveBusy` when another
        process crawls the agency.
        """
        with self._lock:
            lock = self.lock_agency(agency.name)
            try:
                folder = self.data_dir / "warc" / agency.name
                refuse_links(self.data_dir, agency.name)
                recover_agency(self.catalog, agency.name, folder, now=self._now, new_id=self._new_id)
                refuse_losses(self.catalog, agency.name, self.data_dir)
                closed = self.catalog.closed_warc_files(agency.name)
                warn_of_unknown_files(self.catalog, agency.name, folder, closed)
                chained = heal_manifests(agency.name, self.data_dir, closed, self._now())
                continued = self.catalog.frontier.may_go_on(crawl_id)
            except BaseException:
                lock.release()
                raise
            warcinfo = {
                "software": software,
                "http-header-user-agent": user_agent,
                "operator": contact or "",
                "crawl": crawl_id,
                "mode": mode,
                "startedAt": started_at.astimezone(UTC).isoformat(),
                "options": dump_json(dict(options)),
                **chained,
                **(extra_info or {}),
            }
            writer = WarcWriter(
                folder,
                agency.name,
                warcinfo=warcinfo_fields(agency, warcinfo),
                max_bytes=self._max_file_bytes,
                now=self._now,
                new_id=self._new_id,
            )
            self._crawls[crawl_id] = OpenCrawl(
                crawl_id=crawl_id, agency=agency.name, lock=lock, writer=writer, catalog=self.catalog
            )
            begun = False
            try:
                with self.catalog.atomic():
                    self.catalog.put_agency(agency)
                    if not continued:
                        self.catalog.put_crawl(crawl_id, agency.name, mode, started_at, options, software)
                    # noted at once: even a crawl that ends before its first capture can be told from the WARC files
                    self.put(decide_beginning(crawl_id, self._now() if continued else started_at))
                begun = True
            finally:
                if not begun:
                    self._crawls.pop(crawl_id)
                    writer.abandon()
                    lock.release()

    def finish_crawl(
        self,
        crawl_id: str,
        outcome: str,
        reason: str | None,
        counts: Mapping[str, Any],
        finished_at: datetime,
        *,
        last: Sequence[Decision[Any]] = (),
    ) -> None:
        """End a crawl, or a sitting of it: put its ``last`` decisions and its outcome, close its WARC file, let go of its agency.

        A finished crawl's frontier is dropped with its end; that of one that was interrupted waits for it to go on. Every step is tried even when one before it failed; then the failure is raised.
        """
        with self._lock:
            crawl = self._crawl(crawl_id)
            with ExitStack() as steps:  # the last one in is the first one done
                steps.callback(crawl.lock.release)
                steps.callback(self._crawls.pop, crawl_id)
                said = {"outcome": outcome, "reason": reason or "", "finished": finished_at.astimezone(UTC).isoformat()}
                steps.callback(crawl.close_with_manifest, self.data_dir, said, self._now())
                try:
                    end = decide_end(crawl_id, outcome, reason, counts, finished_at)
                    end = end.then(lambda catalog, _: _tidy(catalog, crawl, outcome))
                    self.put_batch((), (*last, end))
                except ArchiveWriteError:  # the WARC cannot be told: the catalog still is, where it can be
                    steps.callback(self.catalog.finish_crawl, crawl_id, finished_at, outcome, reason, counts)
                    raise

    def leave_crawl(self, crawl_id: str) -> None:
        """Close the file and let go of the agency of a crawl that was not finished; nothing where it was.

        It is marked as interrupted when the agency's next crawl begins.
        """
        with self._lock, ExitStack() as steps:
            if crawl := self._crawls.pop(crawl_id, None):
                steps.callback(crawl.lock.release)
                steps.callback(crawl.close_file)

    # Captures and failures

    def put_captures(self, batch: Sequence[tuple[Exchange, Context]]) -> list[Capture]:
        """Store exchanges; see :meth:`put_batch`."""
        captures, _ = self.put_batch(batch, ())
        return captures

    def put(self, decision: Decision[T]) -> T:
        """Store one decision (:mod:`archive.decisions`) and return what came of it; see :meth:`put_batch`."""
        _, (result,) = self.put_batch((), (decision,))
        return cast("T", result)

    def put_batch(
        self, exchanges: Sequence[tuple[Exchange, Context]], decisions: Sequence[Decision[Any] | Untold[Any]]
    ) -> tuple[list[Capture], list[Any]]:
        """Store exchanges, then decisions: WARC records, one sync per file, then their rows in one transaction.

        A payload that an earlier committed capture of the agency has becomes a revisit record, and so does a 304 whose
        validators are those of the last capture. An exchange without a single byte of response raises ValueError.
        Results come in the order given.
        """
        with self._lock:
            prepared = [prepare(exchange, context, self.catalog) for exchange, context in exchanges]
            told = [decision for decision in decisions if isinstance(decision, Decision)]
            crawl_ids = dict.fromkeys(
                [*(context.crawl_id for _, context in exchanges), *(decision.crawl_id for decision in told)]
            )
            crawls = {crawl_id: self._crawl(crawl_id) for crawl_id in crawl_ids}
            with kept_or_undone(*crawls.values()):
                places: dict[str, Iterator[Placed]] = {}
                ends: dict[str, Placed | PlacedNote] = {}
                for crawl_id, crawl in crawls.items():
                    groups = [one.group for one in prepared if one.group.context.crawl_id == crawl_id]
                    notes = [crawl.note_of(decision) for decision in told if decision.crawl_id == crawl_id]
                    placed, said = crawl.writer.write_batch(groups, notes)
                    places[crawl_id] = iter(placed)
                    ends[crawl_id] = said[-1] if said else placed[-1]
                with self.catalog.atomic():
                    for crawl_id, crawl in crawls.items():
                        crawl.put_file_rows(ends[crawl_id])
                    captures = []
                    for one in prepared:
                        crawl_id = one.group.context.crawl_id
                        captures.append(crawls[crawl_id].put_row(one, next(places[crawl_id])))
                    return captures, [decision.rows(self.catalog) for decision in decisions]

    def put_failure(
        self,
        context: Context,
        url: str,
        method: str,
        reason: str,
        message: str,
        at: datetime,
        *,
        capture_id: int | None = None,
        rows: Callable[[Catalog], object] | None = None,
    ) -> None:
        """Store that a request brought no (whole) response, or that it could not be read: a metadata record and a row.

        ``reason`` is a short name for counting, ``message`` a sentence, ``capture_id`` what was captured of it; ``rows``
        are further ones of the same transaction.
        """
        with self._lock:
            crawl = self._crawl(context.crawl_id)
            capture = self.catalog.capture(capture_id) if capture_id is not None else None
            message = one_line(message)  # the row says what the WARC can say
            fields = {
                "method": method,
                "reason": reason,
                "message": message,
                "capture": capture.record_id if capture else None,
                "url": plain_url(url),
                **context_fields(context),
            }
            with kept_or_undone(crawl):
                note = crawl.writer.write_failure(url, fields, at)
                with self.catalog.atomic():
                    crawl.put_file_rows(note)
                    self.catalog.put_failure(
                        context.crawl_id,
                        context.agency,
                        url,
                        context.kind,
                        context.channel,
                        reason,
                        message,
                        capture_id,
                        note.record_id,
                        at,
                    )
                    if rows is not None:
                        rows(self.catalog)

    def put_rows(self, rows: Callable[[Catalog], T]) -> T:
        """Run something of the catalog's frontier in a transaction of its own; nothing of it stands in the WARC."""
        with self._lock, self.catalog.atomic():
            return rows(self.catalog)

    def put_resource(self, capture: Capture, url: str, content: bytes, content_type: str, at: datetime) -> str:
        """Store what was made from a capture and no server sent, such as a rendered page; returns its record id.

        It is a ``resource`` record without a row: only exchanges have rows, so that nothing can take it for one.
        """
        with self._lock:
            crawl = self._crawl(capture.crawl_id)
            with kept_or_undone(crawl):
                placed = crawl.writer.write_resource(url, content, content_type, capture.record_id, at)
                with self.catalog.atomic():
                    crawl.put_file_rows(placed)
                return placed.record_id

    def open_capture(self, capture: Capture) -> StoredResponse:
        """Open a capture as the response it was; errors as :func:`archive.reader.open_capture`."""
        return open_capture(self.data_dir, capture, original_of=self.catalog.capture_by_record_id)

    # What is known: the catalog's own, see there

    def find_document(self, agency: str, url_key: str, key: str | None) -> KnownDocument | None:
        """Find the document at an address, else the one with this CMS key on the same host."""
        return self.catalog.find_document(agency, url_key, key)

    def titled_documents(self, agency: str, title: str) -> list[tuple[KnownDocument, str | None]]:
        """Return the documents whose current version has this title, each with its text."""
        return self.catalog.titled_documents(agency, title)

    def known_documents(self, agency: str) -> list[KnownDocument]:
        """Return every document of an agency, by id."""
        return self.catalog.known_documents(agency)

    def walked_channels(self, agency: str) -> set[str]:
        """Return the channels whose list was ever walked to its end."""
        return self.catalog.walked_channels(agency)

    def lines_without_document(self, agency: str) -> list[tuple[str, Listing]]:
        """Return (channel, line) of what lists show on the agency's site and no document was ever made from."""
        return self.catalog.lines_without_document(agency)

    def last_capture(
        self, agency: str, url: str, method: str = "GET", request_digest: str | None = None
    ) -> Capture | None:
        """Return the latest capture that shows what stands at an address, with the validators now in force."""
        return self.catalog.last_capture(agency, url, method, request_digest)

    def capture_of_file(self, agency: str, file: File) -> Capture | None:
        """Return the latest capture at a known file's address; ``None`` where it shows other bytes than the file's.

        Another document may have met the address since, or an error page stood there: a 304 would speak of that.
        """
        last = self.catalog.last_capture(agency, file.url)
        if last is None or file.capture_id is None:
            return None
        own = self.catalog.capture(file.capture_id)
        return last if (last.refers_to or last.record_id) == (own.refers_to or own.record_id) else None

    def read(self, question: Callable[[Catalog], T]) -> T:
        """Ask the catalog several things at once, by its named reads."""
        with self._lock:
            return question(self.catalog)

    def _crawl(self, crawl_id: str) -> OpenCrawl:
        crawl = self._crawls.get(crawl_id)
        if crawl is None:
            message = f"crawl {crawl_id} is not going on in this store; begin_crawl comes first"
            raise ValueError(message)
        return crawl


def _tidy(catalog: Catalog, crawl: OpenCrawl, outcome: str) -> None:
    """Drop what a finished crawl needs no more, and keep what its agency comes to."""
    if outcome == "finished":
        catalog.frontier.clear(crawl.crawl_id)
    put_summary(catalog, crawl.agency)
