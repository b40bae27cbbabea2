"""The data directory: its locks, its WARC writers and its catalog, behind the only door a crawl uses.

Order of every write: WARC first, made durable, then the rows in one transaction. When the rows cannot be put, what was
written for them is cut off the WARC again: a row always has its bytes, and bytes without a row only stay after a crash
(:mod:`archive.recovery`).
"""

from __future__ import annotations

import re
import tempfile
from contextlib import ExitStack
from datetime import UTC
from threading import RLock
from typing import TYPE_CHECKING, Self

from archive.captures import prepare
from archive.catalog import Catalog
from archive.crawls import OpenCrawl, heal_manifests, kept_or_undone, recover_agency, warcinfo_fields
from archive.errors import ArchiveWriteError
from archive.locks import AgencyLock
from archive.reader import StoredResponse, open_capture
from archive.records import context_fields, dump_json
from archive.writer import MAX_FILE_BYTES, Now, WarcWriter, random_record_id, utc_now

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path
    from types import TracebackType
    from typing import Any

    from archive.model import (
        Agency,
        Capture,
        Context,
        Document,
        Exchange,
        File,
        Known,
        KnownDocument,
        Listing,
        Put,
        State,
    )
    from archive.records import NewId
    from archive.writer import Placed

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
    ) -> None:
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
            CatalogError: its catalog is damaged or from a later version.
        """
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
            raise ArchiveWriteError(message) from error
        catalog = Catalog.open(data_dir / "catalog.db")
        return cls(data_dir, catalog, max_file_bytes=max_file_bytes, now=now, new_id=new_id)

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
            steps.callback(self.catalog.close)
            for crawl in self._crawls.values():
                steps.callback(crawl.lock.release)
                steps.callback(crawl.close_file)
            self._crawls.clear()

    # Crawls

    def lock_agency(self, agency: str) -> AgencyLock:
        """Take an agency's lock; :class:`ArchiveBusy` says which process crawls it since when."""
        if not _SAFE_NAME.fullmatch(agency):
            message = f"agency {agency!r}: a name of letters, digits, _ and - was expected; it names a folder"
            raise ValueError(message)
        return AgencyLock.take(self.data_dir / "locks", agency, self._now())

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

        ``extra_info`` are further fields for each WARC file's first record. Raises :class:`ArchiveBusy` when another
        process crawls the agency.
        """
        with self._lock:
            lock = self.lock_agency(agency.name)
            try:
                folder = self.data_dir / "warc" / agency.name
                recover_agency(self.catalog, agency.name, folder, now=self._now, new_id=self._new_id)
                chained = heal_manifests(self.catalog, agency.name, self.data_dir, self._now())
                with self.catalog.atomic():
                    self.catalog.put_agency(agency)
                    self.catalog.put_crawl(crawl_id, agency.name, mode, started_at, options, software)
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

    def finish_crawl(
        self, crawl_id: str, outcome: str, reason: str | None, counts: Mapping[str, Any], finished_at: datetime
    ) -> None:
        """End a crawl: close its WARC file, put its outcome, let go of its agency.

        Every step is tried even when one before it failed; then the failure is raised.
        """
        with self._lock:
            crawl = self._crawl(crawl_id)
            with ExitStack() as steps:  # the last one in is the first one done
                steps.callback(crawl.lock.release)
                steps.callback(self._crawls.pop, crawl_id)
                steps.callback(self.catalog.finish_crawl, crawl_id, finished_at, outcome, reason, counts)
                said = {"outcome": outcome, "reason": reason or "", "finished": finished_at.astimezone(UTC).isoformat()}
                steps.callback(crawl.close_with_manifest, self.data_dir, said, self._now())
                if crawl.writer.is_open:
                    fields = {"outcome": outcome, "reason": reason, "counts": dump_json(dict(counts))}
                    crawl.decide("finish_crawl", f"urn:govcrawl:crawl:{crawl_id}", fields, finished_at)

    # Captures and failures

    def put_captures(self, batch: Sequence[tuple[Exchange, Context]]) -> list[Capture]:
        """Store exchanges: WARC groups, one sync per file, then their rows in one transaction; in the given order.

        A payload that an earlier committed capture of the agency has becomes a revisit record, and so does a 304 whose
        validators are those of the last capture. An exchange without a single byte of response raises ValueError.
        """
        with self._lock:
            prepared = [prepare(exchange, context, self.catalog) for exchange, context in batch]
            crawl_ids = dict.fromkeys(context.crawl_id for _, context in batch)
            crawls = {crawl_id: self._crawl(crawl_id) for crawl_id in crawl_ids}
            with kept_or_undone(*crawls.values()):
                places: dict[str, Iterator[Placed]] = {}
                for crawl_id, crawl in crawls.items():
                    groups = [one.group for one in prepared if one.group.context.crawl_id == crawl_id]
                    places[crawl_id] = iter(crawl.writer.write_groups(groups))
                with self.catalog.atomic():
                    captures = []
                    for one in prepared:
                        crawl_id = one.group.context.crawl_id
                        captures.append(crawls[crawl_id].put_row(one, next(places[crawl_id])))
                    return captures

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
    ) -> None:
        """Store that a request brought no (whole) response, or that it could not be read: a metadata record and a row.

        ``reason`` is a short name for counting, ``message`` a sentence, ``capture_id`` what was captured of it.
        """
        with self._lock:
            crawl = self._crawl(context.crawl_id)
            capture = self.catalog.capture(capture_id) if capture_id is not None else None
            fields = {
                "method": method,
                "reason": reason,
                "message": message,
                "capture": capture.record_id if capture else None,
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

    def together(self, jobs: Sequence[Callable[[], Any]]) -> list[Any]:
        """Run several of the functions below in one transaction; when one of them fails, nothing of any is kept."""
        with self._lock, self.catalog.atomic():
            return [job() for job in jobs]

    # Lists and documents: the catalog's own, see there

    def put_listings(
        self,
        crawl_id: str,
        agency: str,
        channel: str,
        listings: Sequence[Listing],
        capture_id: int | None,
        at: datetime,
    ) -> list[Known]:
        """Put the lines of one list page and tell what was known of each."""
        return self.catalog.put_listings(crawl_id, agency, channel, listings, capture_id, at)

    def put_document(  # noqa: PLR0913 -- as the catalog's
        self,
        crawl_id: str,
        agency: str,
        document: Document,
        *,
        url_key: str,
        capture_id: int,
        attachments: Sequence[File],
        images: Sequence[File],
        aliases: Sequence[tuple[str, str]] = (),
        at: datetime,
        moved: bool = False,
    ) -> Put:
        """Put a document as read from a capture."""
        return self.catalog.put_document(
            crawl_id,
            agency,
            document,
            url_key=url_key,
            capture_id=capture_id,
            attachments=attachments,
            images=images,
            aliases=aliases,
            at=at,
            moved=moved,
        )

    def put_unchanged(self, crawl_id: str, document_id: str, capture_id: int, at: datetime) -> Put:
        """Note that a document's page answered with what is known already."""
        return self.catalog.put_unchanged(crawl_id, document_id, capture_id, at)

    def put_alias(self, agency: str, document_id: str, url: str, url_key: str, at: datetime) -> bool:
        """Put another address of a document."""
        return self.catalog.put_alias(agency, document_id, url, url_key, at)

    def find_document(self, agency: str, url_key: str, key: str | None) -> KnownDocument | None:
        """Find the document at an address, else the one with this CMS key on the same host."""
        return self.catalog.find_document(agency, url_key, key)

    def known_documents(self, agency: str) -> list[KnownDocument]:
        """Return every document of an agency, by id."""
        return self.catalog.known_documents(agency)

    def walked_channels(self, agency: str) -> set[str]:
        """Return the channels whose list was ever walked to its end."""
        return self.catalog.walked_channels(agency)

    def last_capture(
        self, agency: str, url: str, method: str = "GET", request_digest: str | None = None
    ) -> Capture | None:
        """Return the latest capture that shows what stands at an address, with the validators now in force."""
        return self.catalog.last_capture(agency, url, method, request_digest)

    # Decisions: what no exchange shows, so the WARC is told in words

    def put_absence(
        self,
        crawl_id: str,
        document_id: str,
        capture_id: int | None,
        reason: str,
        at: datetime,
        *,
        min_failures: int = 3,
        min_days: int = 14,
    ) -> State:
        """Note that a document's page is gone at this look; returns the state it has now."""
        capture = self.catalog.capture(capture_id) if capture_id is not None else None
        fields = {
            "document": document_id,
            "capture": capture.record_id if capture else None,
            "reason": reason,
            "minFailures": str(min_failures),
            "minDays": str(min_days),
        }
        with (
            self._lock,
            self._crawl(crawl_id).deciding("put_absence", f"urn:govcrawl:document:{document_id}", fields, at),
        ):
            return self.catalog.put_absence(
                crawl_id, document_id, capture_id, reason, at, min_failures=min_failures, min_days=min_days
            )

    def finish_channel(
        self,
        crawl_id: str,
        agency: str,
        channel: str,
        *,
        complete: bool,
        pages: int | None,
        total: int | None,
        at: datetime,
    ) -> None:
        """Note how far a channel's list was walked; ``complete`` = to its end, in this crawl."""
        fields = {
            "channel": channel,
            "complete": "yes" if complete else "no",
            "pages": None if pages is None else str(pages),
            "total": None if total is None else str(total),
        }
        with self._lock, self._crawl(crawl_id).deciding("finish_channel", f"urn:govcrawl:crawl:{crawl_id}", fields, at):
            self.catalog.finish_channel(crawl_id, agency, channel, complete=complete, pages=pages, total=total, at=at)

    def settle(self, crawl_id: str, agency: str, at: datetime) -> dict[str, int]:
        """Turn what this crawl's lists did and did not show into states; returns how many of each change."""
        with self._lock, self._crawl(crawl_id).deciding("settle", f"urn:govcrawl:crawl:{crawl_id}", {}, at):
            return self.catalog.settle(crawl_id, agency, at)

    def _crawl(self, crawl_id: str) -> OpenCrawl:
        crawl = self._crawls.get(crawl_id)
        if crawl is None:
            message = f"crawl {crawl_id} is not going on in this store; begin_crawl comes first"
            raise ValueError(message)
        return crawl
