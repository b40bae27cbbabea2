"""A hostile data directory: links, names and lengths that lead a crawl or a reader nowhere."""

from __future__ import annotations

import os
import tracemalloc
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from test_store import begin, finish, put
from warcs import AGENCY, exchange_of, response_of

from archive.errors import ArchiveError, ArchiveWriteError, CaptureMissing
from archive.manifest import write_manifest
from archive.reader import iter_records
from archive.records import RecordWriter
from archive.store import Store
from archive.writer import random_record_id, utc_now

if TYPE_CHECKING:
    from pathlib import Path


def crawl(data: Path, crawl_id: str) -> None:
    """Crawl one page."""
    with Store.open(data) as store:
        begin(store, crawl_id)
        put(store, exchange_of(response_of(crawl_id.encode())), crawl_id=crawl_id)
        finish(store, crawl_id)


FOLDERS = ["warc", "locks", "manifests", f"warc/{AGENCY.name}", f"manifests/{AGENCY.name}"]
FILES = [
    "catalog.db",
    "catalog.db-wal",
    f"locks/{AGENCY.name}.lock",
    f"warc/{AGENCY.name}/{AGENCY.name}-20240305060000-00000.warc.gz.open",
    f"manifests/{AGENCY.name}/HEAD",
    f"manifests/{AGENCY.name}/.HEAD.tmp",
]


@pytest.mark.parametrize("planted", FOLDERS)
def test_linked_folder_is_not_written_into(tmp_path: Path, planted: str) -> None:
    """A folder that leads elsewhere is named, and nothing comes to be where it leads."""
    data, outside = tmp_path / "data", tmp_path / "outside"
    crawl(data, "crawl-1")
    (data / planted).rename(tmp_path / "moved")
    outside.mkdir()
    (data / planted).symlink_to(outside)
    with pytest.raises(ArchiveWriteError, match=rf"{planted} is a symbolic link \(to .*outside\)"):
        crawl(data, "crawl-2")
    assert list(outside.iterdir()) == []


@pytest.mark.parametrize("exists", [True, False])
@pytest.mark.parametrize("planted", FILES)
def test_linked_file_is_neither_changed_nor_made(tmp_path: Path, planted: str, *, exists: bool) -> None:
    """A file that leads elsewhere is named; what it leads to stays as it is, or stays not there."""
    data, outside = tmp_path / "data", tmp_path / "precious"
    crawl(data, "crawl-1")
    if exists:
        outside.write_bytes(b"precious")
    (data / planted).unlink(missing_ok=True)
    (data / planted).symlink_to(outside)
    with pytest.raises(ArchiveWriteError, match=r"is a symbolic link \(to .*precious\)"):
        crawl(data, "crawl-2")
    assert (outside.read_bytes() if outside.exists() else None) == (b"precious" if exists else None)


def test_data_directory_that_is_itself_a_link_is_what_it_leads_to(tmp_path: Path) -> None:
    """Whoever names the data directory may name a link: everything lies where it leads."""
    (tmp_path / "disk").mkdir()
    (tmp_path / "data").symlink_to(tmp_path / "disk")
    crawl(tmp_path / "data", "crawl-1")
    assert (tmp_path / "disk" / "catalog.db").is_file()


def test_closed_file_that_was_moved_away_and_linked_is_read(tmp_path: Path) -> None:
    """Closed WARC files are never written, so they may lie on another disk."""
    crawl(tmp_path / "data", "crawl-1")
    (path,) = tmp_path.glob("data/warc/*/*.gz")
    path.rename(tmp_path / "archive.gz")
    path.symlink_to(tmp_path / "archive.gz")
    crawl(tmp_path / "data", "crawl-2")
    with Store.open(tmp_path / "data") as store, store.open_capture(store.catalog.capture(1)) as response:
        assert response.read_content() == b"crawl-1"


@pytest.mark.parametrize(
    "name", ["/etc/passwd", "../outside.warc.gz", "warc/../../outside.warc.gz", "a\0b", "a" * 5000]
)
def test_row_cannot_name_a_file_outside(tmp_path: Path, name: str) -> None:
    """A row whose file is no path below the data directory points at nothing."""
    crawl(tmp_path / "data", "crawl-1")
    (tmp_path / "outside.warc.gz").write_bytes(next(tmp_path.glob("data/warc/*/*.gz")).read_bytes())
    with Store.open(tmp_path / "data") as store:
        capture = replace(store.catalog.capture(1), warc_file=name)
        with pytest.raises(CaptureMissing, match=r"no such WARC file|cannot be opened \(File name too long\)"):
            store.open_capture(capture)


def test_name_in_a_warcinfo_record_is_no_path(tmp_path: Path) -> None:
    """WARC-Filename may say anything: a file left open is repaired under the name it has, where it is."""
    data = tmp_path / "data"
    folder = data / "warc" / AGENCY.name
    folder.mkdir(parents=True)
    opened = folder / f"{AGENCY.name}-20240305060000-00000.warc.gz.open"
    with opened.open("wb") as file:
        writer = RecordWriter(file, new_id=random_record_id, level=6)
        writer.write_warcinfo("../../../outside.warc.gz", {"software": "x"}, utc_now())
        writer.write_note("failure", "urn:x", {"reason": "dns"}, utc_now())
    crawl(data, "crawl-2")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data"]
    assert {path.suffix for path in folder.iterdir()} == {".gz"}


def _read_all(path: Path) -> None:
    for record in iter_records(path):
        record.finish()


@pytest.mark.parametrize("length", ["9" * 17, "9" * 30, "-1", "1e9", ""])
def test_absurd_length_costs_nothing(tmp_path: Path, length: str) -> None:
    """A record that claims to be larger than any disk is refused without memory for it."""
    import gzip  # noqa: PLC0415 - only here

    path = tmp_path / "x.warc.gz"
    head = f"WARC/1.1\r\nWARC-Type: response\r\nWARC-Record-ID: <urn:x>\r\nContent-Length: {length}\r\n\r\n"
    path.write_bytes(gzip.compress(head.encode() + b"x" * 1000))
    tracemalloc.start()
    try:
        with pytest.raises(ArchiveError):
            _read_all(path)
        assert tracemalloc.get_traced_memory()[1] < 2_000_000
    finally:
        tracemalloc.stop()


def test_manifest_of_an_agency_is_written_below_the_data_directory(tmp_path: Path) -> None:
    """A crawl's id is no path either."""
    line = write_manifest(tmp_path, AGENCY.name, "../../x/y", [], {}, utc_now())
    assert os.path.normpath(line.path) == line.path
    assert (tmp_path / line.path).is_file()
