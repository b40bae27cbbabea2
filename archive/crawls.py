"""One crawl that is going on: its lock, its WARC writer, and the rows of the files it writes."""

from __future__ import annotations

import logging
import socket
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from archive.captures import Prepared, row_fields
from archive.losses import put_loss
from archive.manifest import (
    WARCINFO_FIELD,
    Line,
    crawl_in_name,
    files_in,
    last_manifest,
    manifest_folder,
    manifests_by_crawl,
    warcinfo_value,
    write_manifest,
)
from archive.records import Note, dump_json
from archive.recovery import describe_closed, recover_folder
from archive.writer import WARC_SUFFIX

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path
    from typing import Any

    from archive.catalog import Catalog
    from archive.decisions import Decision
    from archive.locks import AgencyLock
    from archive.model import Agency, Capture
    from archive.records import NewId
    from archive.rows import Row
    from archive.writer import Now, Placed, PlacedNote, WarcWriter

log = logging.getLogger(__name__)

WARC_1_1_URI = "http://iipc.github.io/warc-specifications/specifications/warc-format/warc-1.1/"


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenCrawl:
    """A crawl between its beginning and its end."""

    crawl_id: str
    agency: str
    lock: AgencyLock
    writer: WarcWriter
    catalog: Catalog

    def put_row(self, prepared: Prepared, place: Placed) -> Capture:
        """Put the row of a capture that was written; its file's is there."""
        return self.catalog.put_capture(**row_fields(prepared, place, warc_path(self.agency, place.warc_file)))

    def put_file_rows(self, place: Placed | PlacedNote) -> None:
        """Put the row of a file that something was written into, and of those that rotation closed before.

        Everything in the file up to the end of ``place`` is committed with it.
        """
        self._put_closed()
        path = warc_path(self.agency, place.warc_file)
        self.catalog.put_warc_file(path, self.agency, self.crawl_id, place.opened_at, place.end)

    def close_file(self) -> None:
        """Give the file being written its final name and put size and digest into its row."""
        self.writer.close()
        with self.catalog.atomic():
            self._put_closed()
        self.writer.keep()

    def close_with_manifest(self, data_dir: Path, said: Mapping[str, str], at: datetime) -> None:
        """Close the file being written, then write the manifest of what this sitting of the crawl wrote."""
        self.close_file()
        closed = self.catalog.closed_warc_files(self.agency, self.crawl_id)
        if files := _without_manifest(self.agency, data_dir, closed):
            write_manifest(data_dir, self.agency, self.crawl_id, [line for _, line in files], said, at)

    def note_of(self, decision: Decision[Any]) -> Note:
        """Say a decision for the WARC."""
        said = {"decision": decision.name, "agency": self.agency, "crawl": self.crawl_id}
        return Note(
            kind="decision", url=decision.target, fields={**said, **decision.fields(self.catalog)}, at=decision.at
        )

    def _put_closed(self) -> None:
        for closed in self.writer.closed:
            path = warc_path(self.agency, closed.warc_file)
            self.catalog.close_warc_file(path, closed.bytes, closed.sha256, closed.closed_at)


@contextmanager
def kept_or_undone(*crawls: OpenCrawl) -> Iterator[None]:
    """Cut off the WARC again what is written inside, unless the block ends well with its rows committed."""
    done = False
    try:
        yield
        done = True
    finally:
        for crawl in crawls:
            if done:
                crawl.writer.keep()
            else:
                crawl.writer.undo()


def warc_path(agency: str, warc_file: str) -> str:
    """Return a WARC file's path relative to the data directory, as the catalog has it."""
    return f"warc/{agency}/{warc_file}"


def warcinfo_fields(agency: Agency, crawl: Mapping[str, str]) -> dict[str, str]:
    """Say in each WARC file whose it is and how it was made (WARC 1.1, 'warcinfo').

    The agency stands there whole, as JSON, and the crawl as ``crawl`` gives it: a rebuild of the catalog needs both.
    """
    return {
        "format": "WARC File Format 1.1",
        "conformsTo": WARC_1_1_URI,
        "robots": "classic",
        "hostname": socket.gethostname(),
        "description": f"{agency.title}: {agency.base_url}",
        "digest": "sha256",
        "isPartOf": crawl.get("crawl", ""),
        "agency": dump_json(asdict(agency)),
        **crawl,
    }


def recover_agency(catalog: Catalog, agency: str, folder: Path, *, now: Now, new_id: NewId) -> None:
    """Repair the files that a dead crawl of the agency left open, and tell the catalog; the agency's lock is held."""
    recovered = recover_folder(
        folder,
        committed_end=lambda name: catalog.committed_end(warc_path(agency, name)),
        now=now,
        new_id=new_id,
    )
    if not recovered and not catalog.unclosed_warc_files(agency):
        return
    with catalog.atomic():
        known = set(catalog.unclosed_warc_files(agency))
        for one in recovered:
            path = warc_path(agency, one.warc_file)
            if one.closed is not None and path in known:  # the crash may have come before anything was committed
                catalog.close_warc_file(path, one.closed.bytes, one.closed.sha256, one.closed.closed_at)
                put_loss(catalog, path, one)
        for path in catalog.unclosed_warc_files(agency):  # a crash came between the last rename and its row
            final = folder / path.rpartition("/")[2]
            if final.is_file():
                closed = describe_closed(final, now())
                catalog.close_warc_file(path, closed.bytes, closed.sha256, closed.closed_at)


def warn_of_unknown_files(catalog: Catalog, agency: str, folder: Path, closed: Sequence[Row]) -> None:
    """Say so where WARC files of an agency are there and the catalog knows none of them: it was lost or is another's."""
    if closed:
        return
    unknown = sum(path.is_file() for path in folder.glob(f"*{WARC_SUFFIX}"))
    if unknown:
        log.warning(
            "%d WARC files of %s in %s are unknown to the catalog %s: what they hold is neither compared with nor shown; "
            "make the catalog again from them (govcrawl rebuild)",
            unknown,
            agency,
            folder,
            catalog.file.path,
        )


def heal_manifests(agency: str, data_dir: Path, closed: Sequence[Row], at: datetime) -> dict[str, str]:
    """Write the manifests of sittings that died between closing their files and that; the agency's lock is held.

    ``closed`` are the agency's closed files. Returns the field that tells the next crawl's WARC files which manifest is the last.
    """
    left: dict[str, list[Line]] = {}
    for crawl_id, line in _without_manifest(agency, data_dir, closed):
        left.setdefault(crawl_id, []).append(line)
    for crawl_id, files in left.items():
        said = {"note": "this crawl left no manifest; the next one wrote it, with what it found closed"}
        write_manifest(data_dir, agency, crawl_id, files, said, at)
    return {WARCINFO_FIELD: warcinfo_value(last_manifest(data_dir, agency))}


def _without_manifest(agency: str, data_dir: Path, rows: Sequence[Row]) -> list[tuple[str, Line]]:
    """Return (crawl, line) of those of an agency's (one crawl's) closed WARC files that no manifest names, in their order.

    A manifest bears its crawl's name, and each crawl begins by writing what those before it left unwritten: only the
    last one's manifests have to be read, of the others it is enough that they are there.
    """
    manifests = manifests_by_crawl(manifest_folder(data_dir, agency)) if rows else {}
    left: dict[str, set[str]] = {}
    for one in {row["crawl_id"] for row in rows}:
        written = manifests.get(crawl_in_name(one), [])
        if not written or one == rows[-1]["crawl_id"]:
            named = set[str]().union(*map(files_in, written))
            left[one] = {row["path"] for row in rows if row["crawl_id"] == one} - named
    return [
        (row["crawl_id"], Line(row["sha256"], row["path"]))
        for row in rows
        if row["path"] in left.get(row["crawl_id"], ())
    ]
