"""Shards merged: the catalog is what it would be had the crawl been done here, whatever happens to the merge."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from datadirs import told
from shard_chaos import Chaos
from shard_sites import NOW, OTHER, crawl, crawl_shard, later, lend_out, merge_at
from warcs import AGENCY
from whole_catalogs import content

from archive import leases
from archive.catalog import CATALOG_NAME, Catalog
from archive.catalog_search import differing_entries
from archive.errors import ArchiveBusy, ShardRefused
from archive.shard_merge import find_shards
from archive.shards import SHARDS, close_shard, lend
from archive.store import Store
from archive.verify import Counts, silent, verify_paths

ROOT = Path(__file__).parent.parent


def findings(data: Path) -> set[tuple[str, str]]:
    """What verify finds."""
    return told(list(verify_paths([data], deep=True, counts=Counts(), progress=silent)))


def assert_equal(found: Path, expected: Path) -> None:
    """Compare every table of two archives, and the search index with its documents."""
    said, wanted = content(found / CATALOG_NAME), content(expected / CATALOG_NAME)
    for table, rows in wanted.items():
        assert said[table] == rows, table
    hits = []
    for data in (found, expected):
        with Catalog.open_read_only(data / CATALOG_NAME) as catalog:
            assert list(differing_entries(catalog)) == []
            hits.append(
                catalog.file.row("SELECT COUNT(*) AS n FROM search_index WHERE search_index MATCH '\"附 件 里 的\"'")
            )
    assert hits[0] == hits[1] != {"n": 0}


def test_catalog_is_that_of_a_crawl_done_here(tmp_path: Path) -> None:
    """First crawl, further ones with changes, gaps filled, absences, and two agencies in turn: tables, files, manifests, index."""
    here, there = tmp_path / "here", tmp_path / "there"
    for number in (1, 2, 3, 4):
        for agency in (AGENCY, OTHER):
            crawl(here, number, agency)
            shard = crawl_shard(there, number, agency)
            assert merge_at(there, shard.folder).outcome == "merged"
            assert not shard.folder.exists()
    assert_equal(there, here)
    assert findings(there) == set()
    assert (there / "manifests" / AGENCY.name / "HEAD").read_bytes() == (
        here / "manifests" / AGENCY.name / "HEAD"
    ).read_bytes()


def test_two_agencies_of_a_group_are_one_shard(tmp_path: Path) -> None:
    """Both are lent, crawled and merged together, between crawls that are done here."""
    here, there = tmp_path / "here", tmp_path / "there"
    for data in (here, there):
        crawl(data, 1)
    shard = lend_out(there, [AGENCY, OTHER])
    for number, agency in ((2, AGENCY), (1, OTHER)):
        crawl(here, number, agency)
        crawl(shard.folder, number, agency)
    close_shard(shard.folder, {})
    merged = merge_at(there, shard.folder)
    assert (merged.agencies, merged.files) == ((OTHER.name, AGENCY.name), 2)
    for data in (here, there):
        crawl(data, 3)
    assert_equal(there, here)


def test_shard_is_merged_once(tmp_path: Path) -> None:
    """A second time it is known, and so is a copy of it; the archive stays as it is."""
    shard = crawl_shard(tmp_path / "data", 1)
    copy = tmp_path / "copy"
    shutil.copytree(shard.folder, copy)
    assert merge_at(tmp_path / "data", shard.folder).outcome == "merged"
    before = content(tmp_path / "data" / CATALOG_NAME)
    assert merge_at(tmp_path / "data", copy).outcome == "known"
    assert content(tmp_path / "data" / CATALOG_NAME) == before
    assert copy.exists(), "what does not lie in the archive's own folder is left"
    with sqlite3.connect(tmp_path / "data" / CATALOG_NAME) as db:  # the leases were lost with a damaged catalog
        db.execute("DELETE FROM leases")
    db.close()
    assert merge_at(tmp_path / "data", copy).outcome == "known"


def test_shard_whose_lease_was_lost_with_the_catalog_is_merged_where_it_fits(tmp_path: Path) -> None:
    """Nobody knows its lease any more, but the agency is as it was when it was lent: merged, and known from then on."""
    data = tmp_path / "data"
    crawl(data, 1)
    shard = crawl_shard(data, 2)
    with sqlite3.connect(data / CATALOG_NAME) as db:
        db.execute("DELETE FROM leases")
    db.close()
    copy = tmp_path / "copy"
    shutil.copytree(shard.folder, copy)
    assert merge_at(data, shard.folder).outcome == "merged"
    assert merge_at(data, copy).outcome == "known"


@pytest.mark.parametrize("how", ["before", "after", "ENOSPC"])
def test_merge_that_dies_at_any_step_goes_on(tmp_path: Path, how: str) -> None:
    """Killed before or after each of its steps, or out of room from there on, and run again: the same archive, nothing found."""
    base = tmp_path / "base"
    crawl(base, 1)
    shard = crawl_shard(base, 2)
    whole = tmp_path / "whole"
    shutil.copytree(base, whole)
    merge_at(whole, whole / SHARDS / shard.name)
    (tmp_path / "merged.txt").write_text(repr(content(whole / CATALOG_NAME)), "utf-8")
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    script = [sys.executable, str(ROOT / "tests" / "crash_merge.py"), str(tmp_path), how]
    done = subprocess.run(script, env=env, text=True, capture_output=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr[-3000:]
    assert int(done.stdout) >= 12


def test_agencies_wait_while_a_merge_is_cut_off(tmp_path: Path) -> None:
    """Between its steps nobody crawls or lends the agency, also long after the lease; merged again, it goes on."""
    data = tmp_path / "data"
    shard = crawl_shard(data, 1)
    with Store.open(data) as store:
        lease = leases.find(store.catalog, shard.token)
        assert lease is not None
        leases.begin_merge(store.catalog, lease)
    with Store.open(data) as store, pytest.raises(ArchiveBusy, match="merge it again"):
        store.lock_agency(AGENCY.name)
    with pytest.raises(ArchiveBusy, match="merge it again"):
        lend_out(data, at=later(1e6))
    assert merge_at(data, shard.folder, later(1e6)).outcome == "merged"
    lend_out(data, at=later(1e6))


def test_worker_that_died_is_merged_with_what_it_had(tmp_path: Path) -> None:
    """Its shard waits until the lease is over, then its captures are kept, its crawl goes on in the next shard, none twice."""
    data = tmp_path / "data"
    shard = lend_out(data)
    crawl(shard.folder, 1, dies=True)
    with pytest.raises(ShardRefused, match="still being crawled by node-1"):
        merge_at(data, shard.folder)
    merged = merge_at(data, shard.folder, later(600))
    assert (merged.outcome, merged.counts["captures"]) == ("merged", 7)
    again = lend_out(data, at=later(601))
    with Store.open(again.folder) as store:
        assert store.read(lambda catalog: catalog.frontier.may_go_on(f"{AGENCY.name}-1"))
        assert store.read(lambda catalog: catalog.frontier.lists(f"{AGENCY.name}-1"))
        captures = [store.catalog.capture(n + 1) for n in range(7)]
        for capture in captures:  # it goes on with the answers that it has
            with store.open_capture(capture) as stored:
                assert stored.status == 200
    assert findings(data) == set()


def test_shard_that_comes_too_late_is_set_aside(tmp_path: Path) -> None:
    """Its group was lent again: not a row of it is mixed in, all of it is kept and told; the one that holds the lease is merged."""
    data = tmp_path / "data"
    crawl(data, 1)
    late = lend_out(data)
    crawl(late.folder, 2, dies=True)
    shard = crawl_shard(data, 3, at=later(601))
    before = content(data / CATALOG_NAME)
    merged = merge_at(data, late.folder, later(602))
    assert merged.outcome == "fenced"
    assert "was lent again, to node-1" in (merged.sentence or "")
    assert content(data / CATALOG_NAME) == before
    assert merge_at(data, shard.folder, later(603)).outcome == "merged"
    aside = data / "fenced" / late.name
    assert "haidao_sfj was lent again" in json.loads((aside / "fenced.json").read_text("utf-8"))["why"]
    with Store.open(aside) as store:
        row = store.catalog.file.row("SELECT COUNT(*) AS n FROM captures WHERE crawl_id = ?", (f"{AGENCY.name}-2",))
        assert row is not None
        assert row["n"] == 7
    assert findings(data) == {("shard-fenced", f"fenced/{late.name}")}


def test_shard_is_late_too_where_the_agency_was_crawled_here_since(tmp_path: Path) -> None:
    """After the lease was over a crawl here came first, whole or not: the shard is set aside."""
    data = tmp_path / "data"
    crawl(data, 1)
    shard = crawl_shard(data, 2)
    with sqlite3.connect(data / CATALOG_NAME) as db:  # the lease is over, as the machine's clock has it
        db.execute("UPDATE leases SET lease_until = '2020-01-01T00:00:00.000000Z'")
    db.close()
    crawl(data, 3, dies=True)
    merged = merge_at(data, shard.folder, later(700))
    assert merged.outcome == "fenced"
    assert "crawled or changed here" in (merged.sentence or "")


def test_shard_without_anything_new_is_no_matter(tmp_path: Path) -> None:
    """A worker that lost its lease before it asked for anything leaves nothing to be set aside."""
    data = tmp_path / "data"
    crawl(data, 1)
    late = lend_out(data)
    crawl_shard(data, 2, at=later(601))
    assert merge_at(data, late.folder, later(602)).outcome == "known"
    assert not (data / "fenced").exists()


def test_damaged_shard_is_refused_and_nothing_of_it_merged(tmp_path: Path) -> None:
    """A WARC file with one other byte, one that is missing, a manifest cut off, one that goes on from elsewhere."""
    data = tmp_path / "data"
    crawl(data, 1)
    shard = crawl_shard(data, 2)
    before = content(data / CATALOG_NAME)
    spare = tmp_path / "spare"
    shutil.copytree(shard.folder, spare)

    def refused(message: str) -> None:
        with pytest.raises(ShardRefused, match=message):
            merge_at(data, shard.folder)
        assert content(data / CATALOG_NAME) == before
        assert len(list((data / "warc" / AGENCY.name).iterdir())) == 1
        shutil.rmtree(shard.folder)
        shutil.copytree(spare, shard.folder)

    (warc,) = (shard.folder / "warc" / AGENCY.name).iterdir()
    whole = bytearray(warc.read_bytes())
    whole[len(whole) // 2] ^= 1
    warc.write_bytes(whole)
    refused("was stated: it was damaged on its way")
    warc.unlink()
    refused("is not there; take the shard again")
    manifests = sorted((shard.folder / "manifests" / AGENCY.name).glob("*.sha256"))
    text = manifests[-1].read_text("utf-8")
    manifests[-1].write_text(text.replace(text.splitlines()[-1][:8], "00000000"), "utf-8")
    refused("goes on from")
    manifests[-1].unlink()
    refused("goes on from")
    (shard.folder / "shard.json").write_text("{}", "utf-8")
    refused("damaged or no shard")
    assert merge_at(data, shard.folder).outcome == "merged"


def test_lease_is_not_given_while_the_agency_is_crawled_here(tmp_path: Path) -> None:
    """Nor is a shard merged then: who crawls here is named."""
    data = tmp_path / "data"
    shard = crawl_shard(data, 1)
    with Store.open(data) as store:
        held = store.lock_agency(OTHER.name)
        with pytest.raises(ArchiveBusy, match="being crawled into"):
            lend(store, "g", [AGENCY.name, OTHER.name], holder="n", seconds=9, now=lambda: later(700))
        assert leases.of_agency(store.catalog, OTHER.name) is None
        held.release()
    with Store.open(data, now=lambda: later(700)) as store:
        held = store.lock_agency(AGENCY.name)
        with pytest.raises(ArchiveBusy, match="being crawled into"):
            merge_at(data, shard.folder)
        held.release()
    assert find_shards(data) == [shard.folder]
    assert later(700) > NOW


@pytest.mark.parametrize("seed", [2, 11])
def test_whatever_happens_no_capture_is_lost_and_none_is_there_twice(tmp_path: Path, seed: int) -> None:
    """Leases, crawls whole and cut off, late and repeated returns in any order (more: ``python3 run.py python tests/shard_chaos.py``)."""
    chaos = Chaos(tmp_path, seed)
    chaos.run(40)
    assert chaos.tally["merged"] > 1
