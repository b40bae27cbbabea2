"""Rows of the catalog made again from what the WARC files tell (:mod:`archive.events`), and the catalog file swapped in.

The same functions of the catalog put the rows that put them in the crawl, in the same order, so that equal captures and
equal readings make equal rows. Only row numbers and the instant a file was closed are not told by the WARC files.
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from archive import decisions
from archive.catalog import CATALOG_NAME, Catalog
from archive.catalog_reads import agencies
from archive.catalog_rereading import files_behind
from archive.catalog_states import row_of
from archive.errors import ArchiveWriteError, CaptureMissing, CatalogError
from archive.model import Agency, File
from archive.writer import sync_folder

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from archive.decisions import DocumentNote
    from archive.events import CaptureTold, FileBegins, FileEnds, NoteTold
    from archive.model import Capture, Document, FileLink

_FILE_FACTS = ("url", "label", "filename", "media_type", "bytes", "sha256", "error")
_SQLITE = b"SQLite format 3\0"
_IDENTICAL = "identical-payload-digest"


class Remake:
    """A catalog being made again.

    Its functions raise :class:`archive.errors.CatalogError`, :class:`archive.errors.CaptureMissing` or ValueError where
    something that came before could not be read: then nothing of that event is kept.
    """

    def __init__(self, catalog: Catalog) -> None:
        self.catalog = catalog
        self._file: tuple[str, str, str, datetime] | None = None  # the one being told
        self._crawls: set[str] = set()  # that have rows

    def begin_file(self, event: FileBegins, agency: str) -> None:
        """Put a file's row, and those of its agency and crawl where they are new."""
        crawl_id = event.crawl_id or unknown_crawl(agency)
        with self.catalog.atomic():
            if event.agency is not None:  # a later sitting may declare it otherwise
                self.catalog.put_agency(event.agency)
            started_at = event.started_at or event.opened_at
            self._crawl_is_there(crawl_id, agency, started_at, event)
            self.catalog.put_warc_file(event.warc_file, agency, crawl_id, event.opened_at)
        self._file = (event.warc_file, agency, crawl_id, event.opened_at)

    def end_file(self, event: FileEnds) -> None:
        """Close a file's row; of one that a dead crawl left open only how much of it is whole."""
        if self._file is None:
            return  # not a single record of it could be read
        with self.catalog.atomic():
            self.catalog.put_warc_file(*self._file, event.bytes)
            if event.sha256 is not None:
                self.catalog.close_warc_file(event.warc_file, event.bytes, event.sha256, event.last_at)
        self._file = None

    def _crawl_is_there(self, crawl_id: str, agency: str, started_at: datetime, told: FileBegins | None = None) -> None:
        """Put a crawl's row unless it is there; of one whose files' first records cannot be read little is known."""
        if crawl_id in self._crawls:
            return
        if not self.catalog.has_crawl(crawl_id):
            if not any(row["name"] == agency for row in agencies(self.catalog)):
                self.catalog.put_agency(Agency(name=agency, title=agency, base_url="", template=""))
            mode, options, software = (told.mode, told.options, told.software) if told else (None, {}, "")
            self.catalog.put_crawl(crawl_id, agency, mode or "unknown", started_at, options, software)
        self._crawls.add(crawl_id)

    def capture(self, event: CaptureTold) -> None:
        """Put the row of a capture."""
        fields = event.fields.copy()
        fields["crawl_id"] = fields["crawl_id"] or unknown_crawl(fields["agency"])
        self._crawl_is_there(fields["crawl_id"], fields["agency"], fields["captured_at"])
        if fields.get("revisit_profile") == _IDENTICAL:
            original = self.catalog.capture_by_record_id(fields.get("refers_to") or "")
            fields["payload_bytes"] = original.payload_bytes if original else 0
        self.catalog.put_capture(**fields)

    def page_capture(self, note: DocumentNote) -> Capture:
        """Return the capture that a document was read from.

        Raises:
            CaptureMissing: it could not be read.
        """
        return self._capture(note.capture, note.url)

    def note(self, event: NoteTold) -> None:
        """Put the rows of a failure or a decision, but a document's."""
        if event.kind == "failure":
            self._failure(event)
        elif event.kind == "decision":
            with self.catalog.atomic():
                self._decision(event, event.fields)

    def document(self, event: NoteTold, note: DocumentNote, document: Document) -> None:
        """Put a document as its page reads now."""
        self.catalog.put_document(
            event.fields["crawl"],
            event.fields["agency"],
            replace(document, url=note.url, key=note.key),
            url_key=note.url_key,
            capture_id=self.page_capture(note).id,
            attachments=self._files(document.attachments, note.attachments),
            images=self._files(document.images, note.images),
            aliases=note.aliases,
            at=event.at,
            moved=note.moved,
            entry=note.entry,
            new_id=note.id_if_new,
        )

    def _failure(self, event: NoteTold) -> None:
        said = event.fields
        capture = self.catalog.capture_by_record_id(said["capture"]) if "capture" in said else None
        self.catalog.put_failure(
            said["crawl"],
            said["agency"],
            event.url,
            said["kind"],  # type: ignore[arg-type]  # as it was written
            said.get("channel"),
            said["reason"],
            said.get("message", ""),
            capture.id if capture else None,
            event.record_id,
            event.at,
        )

    def _decision(self, event: NoteTold, said: Mapping[str, str]) -> None:
        catalog, name = self.catalog, said.get("decision")
        try:
            crawl_id, agency = said["crawl"], said["agency"]
            if name == decisions.PUT_LISTINGS:
                capture = catalog.capture_by_record_id(said["capture"]) if "capture" in said else None
                lines = decisions.read_listings(said)
                catalog.put_listings(
                    crawl_id, agency, said["channel"], lines, capture.id if capture else None, event.at
                )
            elif name == decisions.PUT_UNCHANGED:
                capture = self._capture(said["capture"], said["document"])
                catalog.put_unchanged(crawl_id, said["document"], capture.id, event.at)
            elif name == decisions.PUT_ALIAS:
                row_of(catalog.file, said["document"])
                catalog.put_alias(agency, said["document"], said["url"], said["urlKey"], event.at)
            elif name == decisions.PUT_ABSENCE:
                capture = catalog.capture_by_record_id(said["capture"]) if "capture" in said else None
                catalog.put_absence(
                    crawl_id,
                    said["document"],
                    capture.id if capture else None,
                    said.get("reason", ""),
                    event.at,
                    min_failures=int(said["minFailures"]),
                    min_days=int(said["minDays"]),
                )
            elif name == decisions.FINISH_CHANNEL:
                catalog.finish_channel(
                    crawl_id,
                    agency,
                    said["channel"],
                    complete=said["complete"] == "yes",
                    pages=int(said["pages"]) if "pages" in said else None,
                    total=int(said["total"]) if "total" in said else None,
                    at=event.at,
                    ending=said.get("ending"),
                    skipped=int(said.get("skipped", "0")),
                )
            elif name == decisions.SETTLE:
                catalog.settle(crawl_id, agency, event.at)
            elif name in {decisions.JUDGE_CRAWL, decisions.FINISH_CRAWL}:
                self._end(event, said)
            elif name == decisions.BEGIN_CRAWL:
                catalog.continue_crawl(crawl_id)
            else:
                raise ValueError(f"a decision {name!r} that this version does not know; update govcrawl")
        except KeyError as error:
            raise ValueError(f"the note of a decision {name!r} says no {error}") from error

    def _end(self, event: NoteTold, said: Mapping[str, str]) -> None:
        """Put a crawl's verdict or its end."""
        catalog, crawl_id = self.catalog, said["crawl"]
        if said["decision"] == decisions.JUDGE_CRAWL:
            found = decisions.read_findings(said, catalog.capture_by_record_id)
            catalog.put_verdict(crawl_id, said["agency"], said["verdict"], found, event.at)
        else:
            counts = json.loads(said.get("counts", "{}"))
            catalog.finish_crawl(crawl_id, event.at, said["outcome"], said.get("reason"), counts)

    def _capture(self, record_id: str, of: str) -> Capture:
        found = self.catalog.capture_by_record_id(record_id)
        if found is None:
            raise CaptureMissing(
                f"the capture {record_id} of {of} could not be read from the WARC files",
                zh=f"{of} 的捕获 {record_id} 不能从 WARC 文件读出",
            )
        return found

    def _files(self, links: Sequence[FileLink], said: Sequence[Mapping[str, Any]]) -> list[File]:
        """Return the files of the links that the page has as it reads now, with what the crawl got of each."""
        got = []
        for facts in said:
            capture = self.catalog.capture_by_record_id(facts["capture"]) if "capture" in facts else None
            values: dict[str, Any] = {name: facts.get(name) for name in _FILE_FACTS}
            got.append(File(**values, capture_id=capture.id if capture else None))
        return files_behind(links, got)


def unknown_crawl(agency: str) -> str:
    """Return the name under which captures stand whose crawl cannot be read any more."""
    return f"{agency}-unknown"


# The file


def new_catalog(data_dir: Path) -> Catalog:
    """Open an empty catalog beside the one in use; what an earlier attempt left is removed."""
    path = temporary_path(data_dir)
    discard(data_dir)
    catalog = Catalog.open(path)
    catalog.file.execute("PRAGMA synchronous = OFF")  # it counts only once it is whole, and is synced then
    return catalog


def temporary_path(data_dir: Path) -> Path:
    """Return where the catalog is made."""
    return data_dir / f".{CATALOG_NAME}.rebuild"


def discard(data_dir: Path) -> None:
    """Remove a catalog that was being made."""
    path = temporary_path(data_dir)
    for suffix in ("", "-wal", "-shm", "-journal"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def swap_in(data_dir: Path, at: datetime, output: Path | None = None) -> Path | None:
    """Put the catalog that was made in the place of the one in use; returns where that is kept, ``None`` without one.

    With ``output`` it is put there instead, and the one in use stays.

    At every instant there is a whole catalog under its name. The write-ahead log of a damaged one is kept with it: left
    behind it would be taken for the new one's.

    Raises:
        ArchiveWriteError: the disk refuses; the one in use is as it was.
    """
    made, used = temporary_path(data_dir), data_dir / CATALOG_NAME
    kept = data_dir / f"{CATALOG_NAME}.bak-{at:%Y%m%dT%H%M%S}Z"
    number = 1
    while kept.exists():
        number += 1
        kept = data_dir / f"{CATALOG_NAME}.bak-{at:%Y%m%dT%H%M%S}Z-{number}"
    try:
        with made.open("rb+") as file:
            os.fsync(file.fileno())
        if output is not None:
            shutil.move(made, output)
            return None
        there = used.exists()
        if there:
            _fold_log(used)
            os.link(used, kept)
            for suffix in ("-wal", "-shm"):
                log = used.with_name(used.name + suffix)
                with suppress(FileNotFoundError):
                    log.rename(kept.with_name(kept.name + suffix))
        made.replace(used)
        sync_folder(data_dir)
    except OSError as error:
        raise ArchiveWriteError(
            f"{used}: the new catalog {made} could not be put in its place ({error.strerror or error}); "
            "give write permission or make room, then rebuild again",
            zh=f"{used}：新目录库 {made} 不能换上（{error.strerror or error}）；请给予写权限或腾出空间，再重建一次",
        ) from error
    return kept if there else None


def _fold_log(path: Path) -> None:
    """Fold the write-ahead log of a catalog into it, where it is one that can be read."""
    with path.open("rb") as file:
        if file.read(len(_SQLITE)) != _SQLITE:
            return  # SQLite would throw the log away
    with suppress(sqlite3.DatabaseError, CatalogError, ArchiveWriteError):
        connection = sqlite3.connect(path)
        try:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        finally:
            connection.close()
