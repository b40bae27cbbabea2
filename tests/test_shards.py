"""Shards: checked out with what a crawl needs and no more, packed, unpacked, refused where they are not what they say."""

from __future__ import annotations

import io
import json
import shutil
import sqlite3
import sys
import tarfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner
from shard_sites import GROUP, OTHER, crawl, crawl_shard, later, lend_out, merge_at
from warcs import AGENCY
from whole_catalogs import content

from archive.catalog import CATALOG_NAME
from archive.errors import ArchiveBusy, ArchiveWriteError, CaptureMissing, ShardRefused
from archive.shard_pack import pack, unpack
from archive.shards import read_shard
from archive.store import Store
from govcrawl.cli import main

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

if TYPE_CHECKING:
    from pathlib import Path


def test_shard_has_the_rows_of_its_agencies_and_of_no_other(tmp_path: Path) -> None:
    """Everything the archive has of the agency, nothing of the other one but the text of a file that both have."""
    data, alone = tmp_path / "data", tmp_path / "alone"
    for number in (1, 2):
        for agency in (AGENCY, OTHER):
            crawl(data, number, agency)
        crawl(alone, number)
    shard = lend_out(data)
    expected, found = content(alone / CATALOG_NAME), content(shard.folder / CATALOG_NAME)
    expected["search_rows"] = []  # made where it is searched
    assert {table: len(rows) for table, rows in found.items()} == {table: len(rows) for table, rows in expected.items()}
    assert found == expected
    assert read_shard(shard.folder) == shard


def test_shard_has_the_bytes_that_a_crawl_reads_again(tmp_path: Path) -> None:
    """Pages that may answer 304 are kept in it; of anything else it says where that is, and ships no WARC file."""
    data = tmp_path / "data"
    crawl(data, 1)
    shard = lend_out(data)
    assert not (shard.folder / "warc").exists()
    with Store.open(shard.folder) as store:
        page = store.last_capture(AGENCY.name, f"{AGENCY.base_url}a")
        assert page is not None
        with store.open_capture(page) as stored:
            assert b"".join(stored.iter_content()).decode() == "一直不变的正文"
        pdf = store.last_capture(AGENCY.name, f"{AGENCY.base_url}1.pdf")
        assert pdf is not None
        with pytest.raises(CaptureMissing, match="is kept in the archive that the shard"):
            store.open_capture(pdf)


def test_packed_shard_is_merged_as_it_was(tmp_path: Path) -> None:
    """Out and back without a shared folder: packed, unpacked, crawled, packed, unpacked, merged; equal to a crawl done here."""
    here, there, node = tmp_path / "here", tmp_path / "there", tmp_path / "node"
    for data in (here, there):
        crawl(data, 1)
    crawl(here, 2)
    shard = lend_out(there)
    sent = pack(shard, tmp_path / "out.tar.zst")
    away = unpack(sent, node)
    assert content(away / CATALOG_NAME) == content(shard.folder / CATALOG_NAME)
    crawl(away, 2)
    (away / "report.json").write_text("{}", "utf-8")
    back = pack(read_shard(away), tmp_path / "back.tar.zst", back=True)
    folder = unpack(back, there / "shards")
    assert folder == shard.folder
    assert not (folder / "kept").exists()
    assert merge_at(there, folder).outcome == "merged"
    assert content(there / CATALOG_NAME) == content(here / CATALOG_NAME)


def test_shards_that_are_unpacked_at_once_are_not_mixed(tmp_path: Path) -> None:
    """Packed files of one name, unpacked into one folder by several at the same time: each shard is its own, whole."""
    node = tmp_path / "node"
    packed, expected = [], {}
    for number in range(6):
        agency = replace(AGENCY, name=f"haidao_{number}", title=f"海岛{number}")
        crawl(tmp_path / f"data{number}", 1, agency)
        shard = lend_out(tmp_path / f"data{number}", [agency], group=f"{GROUP}{number}")
        expected[shard.name] = content(shard.folder / CATALOG_NAME)
        (tmp_path / f"{number}").mkdir()
        packed.append(pack(shard, tmp_path / f"{number}" / "sent.tar.zst"))
    with ThreadPoolExecutor(len(packed)) as pool:
        folders = list(pool.map(lambda path: unpack(path, node), packed))
    assert {folder.name: content(folder / CATALOG_NAME) for folder in folders} == expected
    assert {path.name for path in node.iterdir()} == set(expected)


def test_worker_that_died_can_be_packed(tmp_path: Path) -> None:
    """What it left open is closed first, so that its last captures go with it."""
    data = tmp_path / "data"
    shard = lend_out(data)
    crawl(shard.folder, 1, dies=True)
    folder = unpack(pack(shard, tmp_path / "back.tar.zst", back=True), tmp_path / "in")
    assert merge_at(data, folder, later(601)).counts["captures"] == 7


def repacked(packed: Path, target: Path, change: str) -> Path:
    """Write a packed shard again with one thing that must not be."""
    with packed.open("rb") as file, zstd.ZstdFile(file) as plain, tarfile.open(fileobj=plain) as tar:
        members = {info.name: (tar.extractfile(info) or io.BytesIO()).read() for info in tar}
    link = None
    if change == "byte":
        members["catalog.db"] = members["catalog.db"][:5000] + b"?" + members["catalog.db"][5001:]
    elif change == "missing":
        del members["shard.json"]
    elif change == "outside":
        members["../shard.json"] = members.pop("shard.json")
        members["SHA256SUMS"] = members["SHA256SUMS"].replace(b"  shard.json", b"  ../shard.json")
    elif change == "extra":
        members["notes.txt"] = b"x"
    else:
        link = "shard.json"
    with zstd.ZstdFile(target, "wb") as plain, tarfile.open(fileobj=plain, mode="w") as tar:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            if name == link:
                info.type, info.linkname, info.size = tarfile.SYMTYPE, "/etc/passwd", 0
            tar.addfile(info, io.BytesIO(data))
    return target


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("byte", "catalog.db has SHA-256"),
        ("missing", "lacks shard.json"),
        ("outside", r"'\.\./shard.json' is not stated .* or no file of a shard"),
        ("link", "is no regular file"),
        ("extra", "'notes.txt' is not stated"),
    ],
)
def test_packed_shard_that_is_not_what_it_says_is_refused(tmp_path: Path, change: str, message: str) -> None:
    """Another byte, a member less or more, a link, a name that leads out: refused, and nothing of it stays."""
    shard = lend_out(tmp_path / "data")
    bad = repacked(pack(shard, tmp_path / "good.tar.zst"), tmp_path / "bad.tar.zst", change)
    with pytest.raises(ShardRefused, match=message):
        unpack(bad, tmp_path / "in")
    assert list((tmp_path / "in").iterdir()) == []
    assert not (tmp_path / "shard.json").exists()


def test_packed_shard_cut_off_anywhere_is_refused(tmp_path: Path) -> None:
    """A part of it is never taken for the whole, nor is a file of something else."""
    packed = pack(lend_out(tmp_path / "data"), tmp_path / "good.tar.zst")
    data = packed.read_bytes()
    bad = tmp_path / "bad.tar.zst"
    for length in (0, 10, len(data) // 3, len(data) // 2, len(data) - 1):
        bad.write_bytes(data[:length])
        with pytest.raises(ShardRefused):
            unpack(bad, tmp_path / "in")
    assert list((tmp_path / "in").iterdir()) == []


def test_nothing_is_lent_where_the_shard_cannot_be_made(tmp_path: Path) -> None:
    """A folder that cannot be written costs the lease nothing: it is free again."""
    data = tmp_path / "data"
    crawl(data, 1)
    (data / "shards").write_text("no folder", "utf-8")
    with pytest.raises(ArchiveWriteError, match="nothing is lent"):
        lend_out(data)
    (data / "shards").unlink()
    assert lend_out(data).agencies == (AGENCY.name,)


def test_catalog_made_again_keeps_its_leases(tmp_path: Path) -> None:
    """Row numbers differ after that, the shard is merged all the same."""
    here, data = tmp_path / "here", tmp_path / "data"
    for one in (here, data):
        crawl(one, 1, OTHER)
        crawl(one, 1)
    shard = crawl_shard(data, 2)
    crawl(here, 2)
    _renumber(data / CATALOG_NAME)
    with pytest.raises(ArchiveBusy, match="is lent to"):
        lend_out(data)
    assert merge_at(data, shard.folder).outcome == "merged"
    expected, found = content(here / CATALOG_NAME), content(data / CATALOG_NAME)
    for table, rows in expected.items():
        assert found[table] == rows, table


_NUMBERS: dict[str, dict[str, tuple[str, ...]]] = {
    "captures": {
        **dict.fromkeys(("versions", "files", "listings", "states", "walks", "findings", "failures"), ("capture_id",)),
        "documents": ("first_capture_id",),
        "changes": ("capture_id", "before_capture_id"),
        "change_captures": ("capture_id",),
    },
    "versions": {
        "files": ("version_id",),
        "documents": ("current_version_id",),
        "changes": ("version_id", "previous_version_id"),
    },
    "changes": {"change_captures": ("change_id",)},
}


def _renumber(path: Path) -> None:
    """Give captures, versions and changes other numbers, as a rebuild may."""
    with sqlite3.connect(path) as db:
        for table, references in _NUMBERS.items():
            db.execute(f"UPDATE {table} SET id = -id - 1000")  # noqa: S608 - own names
            db.execute(f"UPDATE {table} SET id = -id")  # noqa: S608
            for name, columns in references.items():
                for column in columns:
                    db.execute(f"UPDATE {name} SET {column} = {column} + 1000")  # noqa: S608
    db.close()


def test_merge_command_tells_what_became_of_each(tmp_path: Path) -> None:
    """All that lie there, a packed one, one that is still out, one that is late: lines, JSON, exit codes."""
    data = tmp_path / "data"
    crawl(data, 1)
    done = crawl_shard(data, 2)
    out = lend_out(data, [OTHER], at=later(1e7 + 1e8))
    run = CliRunner()
    told = run.invoke(main, ["--lang", "en", "merge", "--data", str(data)])
    assert told.exit_code == 0, told.output
    lines = sorted(told.stdout.splitlines())
    assert lines[0].startswith(str(out.folder))
    assert "still being crawled" in lines[0]
    assert lines[1].startswith(f"{done.name}  merged  haidao_sfj  7 captures, 1 documents, ")
    listed = run.invoke(main, ["--lang", "en", "merge", "--list", "--data", str(data)])
    assert listed.stdout.startswith("203.0.113.7  lent to  node-1  until 2029-")
    listed = run.invoke(main, ["merge", "--list", "--json", "--data", str(data)])
    assert [(one["token"], one["agencies"]) for one in json.loads(listed.stdout)] == [(out.token, [OTHER.name])]
    named = run.invoke(main, ["merge", "--json", "--data", str(data), str(out.folder)])
    assert named.exit_code == 1
    assert json.loads(named.stdout)[0]["outcome"] == "out"
    crawl(out.folder, 1, OTHER)
    (out.folder / "report.json").write_text("{}", "utf-8")
    packed = pack(out, tmp_path / "one.tar.zst")
    shutil.rmtree(out.folder)
    told = run.invoke(main, ["merge", "--json", "--data", str(data), str(packed)])
    assert (told.exit_code, json.loads(told.stdout)[0]["outcome"]) == (0, "merged")
    assert run.invoke(main, ["merge", "--data", str(data), str(tmp_path / "no.tar.zst")]).exit_code == 2
    (tmp_path / "bad.tar.zst").write_bytes(b"no shard")
    told = run.invoke(main, ["--lang", "en", "merge", "--data", str(data), str(tmp_path / "bad.tar.zst")])
    assert told.exit_code == 1
    assert "refused" in told.stdout
    assert run.invoke(main, ["--lang", "en", "merge", "--list", "--data", str(data)]).stdout == "Nothing is lent.\n"
    assert run.invoke(main, ["--lang", "en", "merge", "--data", str(data)]).stdout == "There is no shard to merge.\n"
