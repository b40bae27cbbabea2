"""The catalog of a data directory (目录库): what is known of agencies, crawls, captures, listings and documents.

Rows in, nouns of :mod:`archive.model` out. SQL stands here, in :mod:`archive.catalog_documents` (documents, versions),
:mod:`archive.catalog_states` and :mod:`archive.catalog_reads` (what commands show and export), and nowhere else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self, Unpack

from archive import catalog_captures as captures
from archive import catalog_crawls as crawls
from archive import catalog_documents as documents
from archive import catalog_identity as identity
from archive import catalog_listings as lists
from archive import catalog_states as states
from archive import catalog_walks as walks
from archive.catalog_frontier import FrontierRows
from archive.catalog_states import Sighting
from archive.database import CatalogFile
from archive.errors import CatalogError
from archive.model import Capture, KnownDocument, Put
from archive.rows import instant

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager
    from datetime import datetime
    from pathlib import Path
    from types import TracebackType

    from archive.model import Agency, Document, File, Kind, Known, Listing, State
    from archive.rows import CaptureFields, Row


CATALOG_NAME = "catalog.db"
"""Name of the catalog's file in the data directory."""


class Catalog:
    """The catalog. ``open`` writes (one process per agency), ``open_read_only`` reads while others write.

    May be used from any thread, by one at a time. Every ``put_*`` is one transaction; several become one inside
    :meth:`atomic`. Instants are aware datetimes.
    """

    def __init__(self, file: CatalogFile) -> None:
        """Take an open file."""
        self.file = file
        self.frontier = FrontierRows(file)
        self._near: str | None = None  # the agency whose capture was dealt with last

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open for writing; makes the file where needed. Errors: :meth:`archive.database.CatalogFile.open`."""
        return cls(CatalogFile.open(path))

    @classmethod
    def open_read_only(cls, path: Path, *, include_withheld: bool = False) -> Self:
        """Open for reading, without what is withheld. Errors: :meth:`archive.database.CatalogFile.open_read_only`."""
        return cls(CatalogFile.open_read_only(path, include_withheld=include_withheld))

    def __enter__(self) -> Self:
        """Return itself; leaving closes it."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the file."""
        self.close()

    def close(self) -> None:
        """Close the file."""
        self.file.close()

    def atomic(self) -> AbstractContextManager[None]:
        """One transaction over several calls, all or nothing."""
        return self.file.atomic()

    # Agencies and crawls

    def put_agency(self, agency: Agency) -> None:
        """Put or update an agency and its channels, in their declared order; those no longer declared stay."""
        with self.atomic():
            crawls.put_agency(self.file, agency)

    def put_crawl(
        self, crawl_id: str, agency: str, mode: str, started_at: datetime, options: Mapping[str, Any], software: str
    ) -> None:
        """Put a crawl that begins; earlier ones of the agency still ``running`` were left by a dead process.

        The caller holds the agency's lock, so that no other crawl of it can be alive.
        """
        with self.atomic():
            crawls.put_crawl(self.file, crawl_id, agency, mode, started_at, options, software)

    def finish_crawl(
        self, crawl_id: str, finished_at: datetime, outcome: str, reason: str | None, counts: Mapping[str, Any]
    ) -> None:
        """Close a crawl's row: outcome ``finished``, ``failed`` or ``interrupted``, with what was counted.

        Raises:
            CatalogError: there is no such crawl.
        """
        with self.atomic():
            crawls.finish_crawl(self.file, crawl_id, finished_at, outcome, reason, counts)

    def continue_crawl(self, crawl_id: str) -> None:
        """Note that a crawl goes on: what was said of its end by an interrupted sitting holds no more."""
        with self.atomic():
            crawls.continue_crawl(self.file, crawl_id)

    def has_crawl(self, crawl_id: str) -> bool:
        """Whether there is a row of this crawl."""
        return self.file.row("SELECT 1 FROM crawls WHERE id = ?", (crawl_id,)) is not None

    # WARC files and captures

    def put_warc_file(
        self, path: str, agency: str, crawl_id: str, opened_at: datetime, committed_bytes: int | None = None
    ) -> None:
        """Put a WARC file that was opened; ``path`` is its final name. Of one that is known only the length grows.

        ``committed_bytes`` is how long the file is with what this transaction commits.
        """
        with self.file.joined():
            captures.put_warc_file(self.file, path, agency, crawl_id, opened_at, committed_bytes)

    def close_warc_file(self, path: str, bytes: int, sha256: str, closed_at: datetime) -> None:  # noqa: A002
        """Note that a WARC file is complete: its size, the hex SHA-256 of the whole file, and when.

        Raises:
            CatalogError: there is no such file.
        """
        with self.file.joined():
            captures.close_warc_file(self.file, path, bytes, sha256, closed_at)

    def put_capture(self, **fields: Unpack[CaptureFields]) -> Capture:
        """Put one archived exchange; its crawl and WARC file are known already."""
        with self.file.joined():
            self._near = fields["agency"]
            return captures.put_capture(self.file, fields)

    def capture(self, capture_id: int) -> Capture:
        """The capture with this row number.

        Raises:
            CaptureMissing: there is none.
        """
        found = captures.capture(self.file, capture_id)
        self._near = found.agency
        return found

    def capture_by_record_id(self, record_id: str) -> Capture | None:
        """The capture whose response or revisit record has this id, or ``None``.

        Soonest found where the capture that was dealt with last is of the same agency, as that of a revisit is.
        """
        found = captures.by_record_id(self.file, record_id, self._near)
        if found is not None:
            self._near = found.agency
        return found

    def original_of(self, agency: str, payload_digest: str) -> Capture | None:
        """The first whole 200 response of the agency with this payload, which a revisit record may refer to."""
        return captures.original_of(self.file, agency, payload_digest)

    def last_capture(
        self, agency: str, url: str, method: str = "GET", request_digest: str | None = None
    ) -> Capture | None:
        """The latest capture that shows what stands at an address: a whole 200 response or a revisit of one.

        Its validators are those now in force: a 304 leaves those in place that it does not repeat (RFC 9111 §3.2).
        """
        return captures.last_capture(self.file, agency, url, method, request_digest)

    def committed_end(self, warc_file: str) -> int | None:
        """Bytes of a WARC file up to the end of what was last committed of it; ``None`` when nothing was."""
        return captures.committed_end(self.file, warc_file)

    def unclosed_warc_files(self, agency: str) -> list[str]:
        """Paths of the agency's WARC files whose size and digest are not known: still written, or left by a crash."""
        return captures.unclosed_warc_files(self.file, agency)

    def closed_warc_files(self, agency: str, crawl_id: str | None = None) -> list[Row]:
        """Rows of an agency's (one crawl's) WARC files whose digest is known, in the order they were opened."""
        return captures.closed_warc_files(self.file, agency, crawl_id)

    def put_failure(  # noqa: PLR0913, PLR0917 - one row, its columns
        self,
        crawl_id: str,
        agency: str,
        url: str,
        kind: Kind,
        channel: str | None,
        reason: str,
        message: str,
        capture_id: int | None,
        record_id: str | None,
        at: datetime,
    ) -> None:
        """Put a fetch or reading that failed. ``reason`` is a short name for counting, ``message`` a sentence."""
        with self.atomic():
            crawls.put_failure(
                self.file, crawl_id, agency, url, kind, channel, reason, message, capture_id, record_id, at
            )

    # Lists

    def put_listings(
        self,
        crawl_id: str,
        agency: str,
        channel: str,
        listings: Sequence[Listing],
        capture_id: int | None,
        at: datetime,
    ) -> list[Known]:
        """Put the lines of one list page and tell, line by line, what was known of each.

        A line that stands twice in a channel (pinned and in its place) is kept as it stands first in a crawl.
        """
        with self.atomic():
            return lists.put_listings(self.file, lists.Look(crawl_id, agency, channel, capture_id, at), listings)

    def finish_channel(  # noqa: PLR0913 - how one walk ended
        self,
        crawl_id: str,
        agency: str,
        channel: str,
        *,
        complete: bool,
        pages: int | None,
        total: int | None,
        at: datetime,
        ending: str | None = None,
        skipped: int = 0,
    ) -> None:
        """Note how far a channel's list was walked; ``complete`` = to its end, in this crawl.

        ``ending`` says how the walk ended (:data:`archive.catalog_walks.ENDINGS`), ``skipped`` counts lines that are none.

        Raises:
            CatalogError: the agency has no such channel.
        """
        values = {"pages": pages, "total": total}
        walked = {"walked_to_end_at": instant(at), "walked_crawl_id": crawl_id} if complete else {}
        with self.atomic():
            if not self.file.update("channels", {"agency": agency, "name": channel}, {**values, **walked}):
                msg = f"agency {agency} has no channel {channel!r} in catalog {self.file.path}: put_agency comes first"
                raise CatalogError(msg)
            walks.put_walk(
                self.file,
                crawl_id,
                agency,
                channel,
                ending=ending or ("end" if complete else "unknown"),
                pages=pages,
                total=total,
                skipped=skipped,
                at=at,
            )

    def put_verdict(
        self, crawl_id: str, agency: str, verdict: str, findings: Sequence[walks.Finding], at: datetime
    ) -> None:
        """Put a crawl's verdict (ok, warning, alarm) and what it rests on."""
        with self.atomic():
            walks.put_verdict(self.file, crawl_id, agency, verdict, findings, at)

    def walked_channels(self, agency: str) -> set[str]:
        """Names of the channels whose list was ever walked to its end."""
        sql = "SELECT name FROM channels WHERE agency = ? AND walked_to_end_at IS NOT NULL"
        return {row["name"] for row in self.file.rows(sql, (agency,))}

    def listed_keys(self, crawl_id: str, agency: str, channel: str, keys: Collection[str]) -> set[str]:
        """Those of some addresses that this crawl has seen in a channel's list already."""
        return lists.listed_keys(self.file, crawl_id, agency, channel, keys)

    def lines_without_document(self, agency: str) -> list[tuple[str, Listing]]:
        """(channel, line) of what lists show and no document was made from; see :mod:`archive.catalog_listings`."""
        return lists.lines_without_document(self.file, agency)

    # Documents

    def find_document(self, agency: str, url_key: str, key: str | None) -> KnownDocument | None:
        """The document at an address (canonical or alias), else the one with this CMS key on the same host."""
        row = identity.find(self.file, agency, url_key, key)
        return self._known(row) if row else None

    def titled_documents(self, agency: str, title: str) -> list[tuple[KnownDocument, str | None]]:
        """The documents whose current version has this title, each with its text."""
        rows = self.file.rows(
            "SELECT d.*, v.text AS version_text FROM documents AS d JOIN versions AS v ON v.id = d.current_version_id"
            " WHERE d.agency = ? AND v.title = ? ORDER BY d.id",
            (agency, title),
        )
        return [(self._known(row), row["version_text"]) for row in rows]

    def known_documents(self, agency: str) -> list[KnownDocument]:
        """Every document of an agency, by id."""
        rows = self.file.rows("SELECT * FROM documents WHERE agency = ? ORDER BY id", (agency,))
        return [self._known(row) for row in rows]

    def known_document(self, document_id: str) -> KnownDocument:
        """One document.

        Raises:
            CatalogError: there is none.
        """
        return self._known(states.row_of(self.file, document_id))

    def _known(self, row: Row) -> KnownDocument:
        """What a recrawl needs of a document.

        A capture that was not put as the document (an error page, one that could not be read, one before a crash) is no
        ``last_capture``: if it were, a 304 would confirm what the document never said.
        """
        last = self.last_capture(row["agency"], row["url"])
        attachments, images = documents.files_of(self.file, row["current_version_id"])
        return KnownDocument(
            document_id=row["id"],
            url=row["url"],
            key=row["key"],
            state=row["state"],
            version_id=row["current_version_id"],
            channel=identity.first_channel(self.file, row["id"]),
            last_capture=last if last and instant(last.captured_at) <= row["last_captured_at"] else None,
            attachments=attachments,
            images=images,
            entry=documents.entry_of(self.file, row["current_version_id"]),
        )

    def put_document(  # noqa: PLR0913 - one document and what came with it
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
        entry: Mapping[str, Any] | None = None,
        new_id: str | None = None,
    ) -> Put:
        """Put a document as read from a capture; see :func:`archive.catalog_documents.put_document`."""
        with self.atomic():
            return documents.put_document(
                self.file,
                Sighting(crawl_id, agency, self.capture(capture_id), at),
                document,
                url_key=url_key,
                attachments=attachments,
                images=images,
                aliases=aliases,
                moved=moved,
                entry=entry,
                new_id=new_id,
            )

    def new_document_id(self, agency: str, url_key: str) -> str:
        """Return the id that a document first seen at this address would get."""
        return identity.new_id(self.file, agency, url_key)

    def put_unchanged(self, crawl_id: str, document_id: str, capture_id: int, at: datetime) -> Put:
        """Note that a document's page answered with what is known already (304, or the same payload)."""
        with self.file.joined():
            row = states.row_of(self.file, document_id)
            sighting = Sighting(crawl_id, row["agency"], self.capture(capture_id), at)
            if not states.is_gone(row):  # one statement
                return documents.put_unchanged(self.file, sighting, row)
            with self.atomic():
                return documents.put_unchanged(self.file, sighting, row)

    def put_alias(self, agency: str, document_id: str, url: str, url_key: str, at: datetime) -> bool:
        """Put another address of a document; ``False`` when the address already leads to a document."""
        with self.atomic():
            return identity.put_alias(self.file, agency, document_id, url, url_key, at)

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
        """Note that a document's page is gone at this look; returns the state it has now.

        ``suspected`` at first, ``withdrawn`` after at least ``min_failures`` such looks over at least ``min_days``.
        """
        with self.atomic():
            return states.put_absence(
                self.file, crawl_id, document_id, capture_id, reason, at, min_failures=min_failures, min_days=min_days
            )

    def settle(self, crawl_id: str, agency: str, at: datetime) -> dict[str, int]:
        """Turn what this crawl's lists did and did not show into states; returns how many of each change.

        ``unlisted``: live documents that answered in this crawl and whose every listing is in a channel that this crawl
        walked to its end without seeing it. ``listed``: unlisted ones that a list shows again.
        """
        with self.atomic():
            return states.settle(self.file, crawl_id, agency, at)

    def snapshot(self) -> AbstractContextManager[None]:
        """One unchanging view for several reads."""
        return self.file.atomic()

    def rows(self, sql: str, parameters: Sequence[object] = ()) -> Iterator[Row]:
        """Stream the rows of a query, for :mod:`archive.catalog_reads`."""
        return self.file.stream(sql, parameters)
