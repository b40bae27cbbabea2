"""A whole data directory: its files, its catalog and its manifests, each against the others."""

from __future__ import annotations

import fcntl
import os
import re
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from archive.verify.across import Records
from archive.verify.catalog import CATALOG, UNREADABLE, check_rows, copy_catalog
from archive.verify.findings import find
from archive.verify.manifests import Chains
from archive.verify.reading import Counts, read_files
from archive.verify.scan import Job, scan_here

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from archive.progress import Progress
    from archive.verify.findings import Finding
    from archive.verify.scan import Scan

WARC = "warc"
OPEN = ".open"
FENCED = "fenced"

_WARC_NAME = re.compile(r"(?P<prefix>[A-Za-z0-9][A-Za-z0-9_-]*)-\d{14}-\d{5,}\.warc\.gz")
_TAIL = re.compile(r".*\.warc\.gz\.tail-[0-9TZ]+(?:-\d+)?")


@dataclass(slots=True)
class _Found:
    """The files of a data directory."""

    jobs: list[Job] = field(default_factory=list)
    live: set[str] = field(default_factory=set)  # files being written, by their final names
    live_agencies: set[str] = field(default_factory=set)
    closed: set[str] = field(default_factory=set)


def verify_data(
    data_dir: Path, *, deep: bool, counts: Counts, progress: Progress, scan: Scan = scan_here
) -> Iterator[Finding]:
    """Yield everything that is wrong with a data directory; reads only.

    Files that a running crawl writes are passed over with a note, and so is what it put into the catalog meanwhile.
    """
    began = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    found = _Found()
    yield from _list_files(data_dir, found)
    yield from _list_fenced(data_dir)
    with Records() as records:
        has_catalog = (data_dir / CATALOG).is_file()
        if has_catalog:
            for finding in copy_catalog(data_dir / CATALOG, records):
                has_catalog = (
                    has_catalog and finding.what != UNREADABLE
                )  # then nothing is held against rows nobody knows
                yield finding
        elif found.jobs:
            yield find(
                "catalog-missing", CATALOG, "make it again: govcrawl rebuild", got="no such file", expected="a catalog"
            )
        digests: dict[str, tuple[str, int]] = {}
        yield from read_files(found.jobs, records, scan, counts, progress, digests)
        yield from records.check()
        chains = Chains(data_dir)
        closed = {path: sha256 for path, (sha256, _) in digests.items() if path in found.closed}
        yield from chains.check(closed, frozenset(found.live_agencies))
        yield from chains.check_warcinfo(records)
        if has_catalog:
            _note_scanned(records, digests, found, began)
            counts.captures = next(records.rows("SELECT COUNT(*) AS n FROM captures"))["n"]
            yield from _check_files(records, digests, found)
            yield from check_rows(records)
            yield from chains.check_crawls(records)
    if deep and has_catalog:
        from archive.verify.deep import check_contents  # noqa: PLC0415 -- only what costs needs the reader's imports

        progress("contents", 0, counts.captures)
        yield from check_contents(data_dir, frozenset(found.live), lambda done: progress("contents", done, 0))


def _list_files(data_dir: Path, found: _Found) -> Iterator[Finding]:
    folder = data_dir / WARC
    if folder.is_symlink() or not folder.is_dir():
        if folder.is_symlink():
            yield find("file-link", WARC, "the folder of the WARC files")
        return
    for agency in sorted(folder.iterdir()):
        name = f"{WARC}/{agency.name}"
        if agency.is_symlink():
            yield find("file-link", name, "an agency's folder")
        elif not agency.is_dir():
            yield find("file-extra", name, "a file where agencies' folders are")
        else:
            for path in sorted(agency.iterdir()):
                yield from _list_file(path, f"{name}/{path.name}", found)


def _list_fenced(data_dir: Path) -> Iterator[Finding]:
    """Yield the shards that came too late; each is a data directory by itself."""
    folder = data_dir / FENCED
    for shard in sorted(folder.iterdir()) if folder.is_dir() else ():
        if not shard.name.startswith("."):
            yield find("shard-fenced", f"{FENCED}/{shard.name}", "set aside whole; fenced.json in it says why")


def _list_file(path: Path, name: str, found: _Found) -> Iterator[Finding]:
    if path.is_symlink() or not path.is_file():
        yield find("file-link" if path.is_symlink() else "file-extra", name, "no regular file")
        return
    final = name.removesuffix(OPEN)
    if _TAIL.fullmatch(path.name):
        yield find("file-tail", name, f"{path.stat().st_size} bytes")
        return
    if not _WARC_NAME.fullmatch(final.rpartition("/")[2]):
        form = "AGENCY-YYYYMMDDHHMMSS-NNNNN.warc.gz"
        yield find(
            "file-name" if ".warc" in final else "file-extra", name, "name of the file", got=path.name, expected=form
        )
        if not final.endswith((".warc.gz", ".warc")):
            return
    if name == final:
        found.closed.add(name)
    elif _is_locked(path):
        found.live.add(final)
        found.live_agencies.add(path.parent.name)
        yield find("file-live", name, "a running crawl writes it")
        return
    else:
        yield find("file-open", name, "no process writes it", expected="closed by the next crawl of the agency")
    with suppress(FileNotFoundError):  # a crawl may rename it meanwhile
        found.jobs.append(Job(path, name, final.rpartition("/")[2], path.stat().st_size))


def _is_locked(path: Path) -> bool:
    """Tell whether a living writer holds a file."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False


def _note_scanned(records: Records, digests: dict[str, tuple[str, int]], found: _Found, began: str) -> None:
    """Put which files were read and which were passed over where queries see it; an open file is known by its final name."""
    records.db.execute("UPDATE records SET file = substr(file, 1, length(file) - 5) WHERE file LIKE '%.warc.gz.open'")
    records.db.execute("UPDATE links SET file = substr(file, 1, length(file) - 5) WHERE file LIKE '%.warc.gz.open'")
    records.db.execute("CREATE TABLE scanned (path TEXT PRIMARY KEY)")
    records.db.executemany("INSERT INTO scanned VALUES (?)", [(path.removesuffix(OPEN),) for path in digests])
    records.db.execute("CREATE TABLE skipped (path TEXT PRIMARY KEY)")
    records.db.executemany("INSERT OR IGNORE INTO skipped VALUES (?)", [(path,) for path in found.live])
    records.db.execute("INSERT OR IGNORE INTO skipped SELECT path FROM warc_files WHERE opened_at >= ?", (began,))


def _check_files(records: Records, digests: dict[str, tuple[str, int]], found: _Found) -> Iterator[Finding]:
    """Compare the rows of WARC files with the files."""
    known = set()
    for row in records.rows("SELECT * FROM warc_files WHERE path NOT IN (SELECT path FROM skipped) ORDER BY path"):
        path = row["path"]
        known.add(path)
        if path not in digests:
            if f"{path}{OPEN}" not in digests:
                yield find(
                    "row-file", path, "file of a warc_files row", got="no such file", expected=f"{row['bytes']} bytes"
                )
            continue
        sha256, size = digests[path]
        if row["closed_at"] is None:
            if row["agency"] not in found.live_agencies:
                yield find("row-file-unclosed", path, "closed_at", got="NULL", expected="set by the next crawl")
        elif row["bytes"] != size:
            yield find("row-file-bytes", path, "bytes", got=size, expected=row["bytes"])
        elif row["sha256"] != sha256:
            yield find("row-file-digest", path, "SHA-256", got=sha256, expected=row["sha256"])
    for path in sorted({path.removesuffix(OPEN) for path in digests} - known):
        if path.split("/")[1] not in found.live_agencies:
            yield find("file-orphan", path, "no row in warc_files")
    yield from _check_missing(records)


def _check_missing(records: Records) -> Iterator[Finding]:
    """Yield WARC files that rows of captures name and neither a row nor a file stands for."""
    for row in records.rows(
        "SELECT warc_file, COUNT(*) AS n FROM captures WHERE warc_file NOT IN (SELECT path FROM scanned)"
        " AND warc_file NOT IN (SELECT path FROM skipped) AND warc_file NOT IN (SELECT path FROM warc_files)"
        " GROUP BY warc_file"
    ):
        yield find("row-file", row["warc_file"], f"file of {row['n']} captures rows", got="no such file")
