"""Shards merged: the catalog is what it would be had the crawl been done here, whatever happens to the merge."""

from __future__ import annotations

from typing import TYPE_CHECKING

from datadirs import told
from shard_sites import OTHER, crawl, crawl_shard, merge_at
from warcs import AGENCY
from whole_catalogs import content

from archive.verify import Counts, silent, verify_paths

if TYPE_CHECKING:
    from pathlib import Path


def findings(data: Path) -> set[tuple[str, str]]:
    """What verify finds."""
    return told(list(verify_paths([data], deep=True, jobs=1, counts=Counts(), progress=silent)))


def test_catalog_is_that_of_a_crawl_done_here(tmp_path: Path) -> None:
    """First crawl, further ones with changes, gaps filled, absences, and two agencies in turn: tables, files, manifests, index."""
    here, there = tmp_path / "here", tmp_path / "there"
    for number in (1, 2, 3, 4):
        for agency in (AGENCY, OTHER):
            crawl(here, number, agency)
            shard = crawl_shard(there, number, agency)
            assert merge_at(there, shard.folder).outcome == "merged"
            assert not shard.folder.exists()
    expected, found = content(here / "catalog.db"), content(there / "catalog.db")
    for table, rows in expected.items():
        assert found[table] == rows, table
    assert findings(there) == set()
