"""Agencies crawled in shards by processes of their own: the archive is that of a crawl done here, whoever dies."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from scrapy.settings import Settings
from small_site import HOST
from test_rebuild import assert_same, small_site

from archive.shards import renew
from archive.store import Store
from archive.verify import Counts, silent, verify_paths
from govcrawl.loader import AgencyLoader
from govcrawl.machine import Machine
from govcrawl.outpost import collect, crawl_group, lend_group

if TYPE_CHECKING:
    from collections.abc import Iterator

    from small_site import SmallSite

    from archive.shard_merge import Merged
    from archive.shards import Shard
    from govcrawl.outpost import Report

ROOT = Path(__file__).parent.parent


@pytest.fixture
def site(tmp_path: Path) -> Iterator[SmallSite]:
    """A site with files, moves and lists that share documents, running."""
    with small_site(tmp_path) as running:
        yield running


@pytest.fixture
def field(site: SmallSite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Field:
    """An archive whose agency stands on the site."""
    monkeypatch.syspath_prepend(str(tmp_path))
    return Field(tmp_path, site)


class Field:
    """An archive, and machines that crawl its shards."""

    def __init__(self, folder: Path, site: SmallSite) -> None:
        self.folder = folder
        self.data = folder / "data"
        self.site = site

    def settings(self) -> dict[str, Any]:
        """Settings of a crawl."""
        return {
            "SPIDER_MODULES": "smallspiders",
            "DOWNLOAD_DELAY": 0,
            "GOVCRAWL_READERS": 1,
            "GOVCRAWL_CONNECT_TO": f"{HOST}:80:127.0.0.1:{self.site.port}",
        }

    def lend(self, seconds: float = 60.0) -> Shard:
        """Lend the agency."""
        settings = Settings({**self.settings(), "SPIDER_MODULES": ["smallspiders"]})
        cls = AgencyLoader.from_settings(settings).load("small_sfj")
        with Store.open(self.data) as store, Machine.open(self.folder / "state") as machine:
            return lend_group(store, machine, HOST, [cls], holder="node", seconds=seconds)

    def crawl(self, shard: Shard, mode: str = "incremental", **more: Any) -> Report:
        """Crawl a shard, renewing its lease at the archive."""

        def ask() -> float:
            with Store.open(self.data) as store:
                return renew(store, shard.token, 60.0)

        return crawl_group(
            shard.folder,
            settings=self.settings(),
            mode=mode,
            renew=more.pop("renew", ask),
            environment={
                "PYTHONPATH": os.pathsep.join([str(self.folder), str(ROOT)]),
                "SCRAPY_SETTINGS_MODULE": "govcrawl.settings",
            },
            **more,
        )

    def merge(self, folder: Path) -> Merged:
        """Merge a shard."""
        with Store.open(self.data) as store, Machine.open(self.folder / "state") as machine:
            return collect(store, machine, folder)


def found(data: Path) -> list[Any]:
    """What verify finds."""
    findings = verify_paths([data], deep=True, jobs=1, counts=Counts(), progress=silent)
    return [one for one in findings if one.severity != "note"]


def test_crawl_in_a_shard_leaves_the_archive_as_a_crawl_here(field: Field, tmp_path: Path) -> None:
    """A first crawl in a shard, merged: finished, verify finds nothing, and the WARC files tell the same catalog."""
    shard = field.lend()
    report = field.crawl(shard, "full")
    assert (report.outcome, report.sentence) == ("finished", None)
    merged = field.merge(shard.folder)
    assert (merged.outcome, merged.counts["documents"], merged.files) == ("merged", 5, 1)
    assert found(field.data) == []
    assert_same(tmp_path, "first")
