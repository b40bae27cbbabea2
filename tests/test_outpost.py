"""Agencies crawled in shards by processes of their own: the archive is that of a crawl done here, whoever dies."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from scrapy.settings import Settings
from small_site import HOST, crawl
from test_rebuild import NOTICES, address, assert_same, attachment, govcrawl, page, small_site, with_validator

from archive.catalog import CATALOG_NAME
from archive.errors import ArchiveBusy, LeaseLost
from archive.shards import renew
from archive.store import Store
from archive.verify import Counts, silent, verify_paths
from govcrawl.groups import group_of
from govcrawl.loader import AgencyLoader
from govcrawl.machine import Machine
from govcrawl.outpost import collect, crawl_group, lend_group
from govcrawl.tenure import boot_seconds

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

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

    def environment(self) -> dict[str, str]:
        """Where a process finds the agency."""
        return {
            "PYTHONPATH": os.pathsep.join([str(self.folder), str(ROOT)]),
            "SCRAPY_SETTINGS_MODULE": "govcrawl.settings",
        }

    def lend(self, seconds: float = 60.0) -> Shard:
        """Lend the agency."""
        settings = Settings({**self.settings(), "SPIDER_MODULES": ["smallspiders"]})
        cls = AgencyLoader.from_settings(settings).load("small_sfj")
        with Store.open(self.data) as store, Machine.open(self.folder / "state") as machine:
            return lend_group(store, machine, group_of(settings, machine, cls), [cls], holder="node", seconds=seconds)

    def crawl(self, shard: Shard, mode: str = "incremental", **more: Any) -> Report:
        """Crawl a shard, renewing its lease at the archive."""

        def ask() -> float:
            with Store.open(self.data) as store:
                return renew(store, shard.token, 60.0)

        return crawl_group(
            shard.folder,
            settings={**self.settings(), "DOWNLOAD_DELAY": more.pop("delay", 0)},
            mode=mode,
            renew=more.pop("renew", ask),
            environment=self.environment(),
            **more,
        )

    def merge(self, folder: Path) -> Merged:
        """Merge a shard."""
        with Store.open(self.data) as store, Machine.open(self.folder / "state") as machine:
            return collect(store, machine, folder)


def pause_before(answer: Any, begun: threading.Event) -> Any:
    """An answer that comes after a while, so that something happens before it; told when it is asked for."""

    def wait(headers: Mapping[str, str]) -> Any:
        begun.set()
        time.sleep(4.0)  # gives way to what ends the crawl; an answer that is not waited for costs nothing
        return answer(headers) if callable(answer) else answer

    return wait


def noted(answer: Any, times: list[float]) -> Any:
    """An answer of which it is noted when it was asked for."""

    def note(headers: Mapping[str, str]) -> Any:
        times.append(boot_seconds())
        return answer(headers) if callable(answer) else answer

    return note


def child_of(folder: Path) -> int:
    """The process that crawls a shard: it holds the agency's lock."""
    said = (folder / "locks" / "small_sfj.lock").read_text("ascii")
    return int(said.split()[1])


def found(data: Path) -> list[Any]:
    """What verify finds."""
    findings = verify_paths([data], deep=True, counts=Counts(), progress=silent)
    return [one for one in findings if one.severity != "note"]


def captured(data: Path) -> list[str]:
    """Addresses of the captures of an archive, in order."""
    with sqlite3.connect(data / CATALOG_NAME) as db:
        rows = [url for (url,) in db.execute("SELECT url FROM captures ORDER BY id")]
    db.close()
    return rows


def test_worker_that_is_killed_loses_nothing_and_its_crawl_goes_on(
    field: Field, site: SmallSite, tmp_path: Path
) -> None:
    """Killed in the middle of a crawl: what it fetched is merged and not asked for again; the second shard ends the crawl."""
    shard = field.lend()
    begun = threading.Event()
    site.routes[address(3)] = pause_before(site.routes[address(3)], begun)
    with ThreadPoolExecutor(1) as other:
        running = other.submit(field.crawl, shard, "full")
        assert begun.wait(60)
        os.kill(child_of(shard.folder), signal.SIGKILL)
        report = running.result()
    assert report.outcome == "failed"
    first = field.merge(shard.folder)
    assert first.outcome == "merged"
    had = captured(field.data)
    assert len(had) >= 3
    second = field.lend()
    assert second.token > shard.token
    assert field.crawl(second, "full").outcome == "finished"
    assert field.merge(second.folder).outcome == "merged"
    everything = captured(field.data)
    assert everything[: len(had)] == had
    assert len(set(everything)) == len(everything), "nothing is fetched twice"
    assert found(field.data) == []
    assert_same(tmp_path, "killed")


def test_worker_that_loses_its_lease_stops_asking(field: Field, site: SmallSite) -> None:
    """Somebody else has the group: the process ends at once, its shard comes too late where the other one crawled."""
    shard = field.lend()
    begun = threading.Event()
    site.routes[address(3)] = pause_before(site.routes[address(3)], begun)
    asked_at: list[int] = []

    def ask() -> float:
        asked_at.append(len(site.asked))
        if not begun.is_set():
            return 3.0  # so that it is asked again after a second
        raise LeaseLost("lease: its agencies are lent to somebody else by now")

    report = field.crawl(shard, "full", renew=ask)
    assert (report.outcome, report.sentence) == ("lost", "lease: its agencies are lent to somebody else by now")
    assert len(site.asked) == asked_at[-1]


def test_worker_that_is_cut_off_has_stopped_before_its_lease_is_over(field: Field, site: SmallSite) -> None:
    """Nobody can be asked: the crawl is ended in order while the lease still holds, and is merged as interrupted."""
    times: list[float] = []
    for target, answer in list(site.routes.items()):
        site.routes[target] = noted(answer, times)
    shard = field.lend()
    until: list[float] = []

    def ask() -> float:
        if until:
            raise ConnectionError("no route to the archive")
        until.append(boot_seconds() + 9.0)
        return 9.0

    report = field.crawl(shard, "full", renew=ask, delay=1.5)
    assert report.outcome in {"interrupted", "lost"}  # in order; at once where this machine is slow
    assert "renewed" in (report.sentence or "")
    assert max(times, default=0.0) < until[0]
    assert field.merge(shard.folder).outcome == "merged"
    assert found(field.data) == []


def test_changed_file_of_a_page_that_is_not_modified_is_read_in_a_shard(
    field: Field, site: SmallSite, tmp_path: Path
) -> None:
    """The page's bytes lie in a WARC file that is elsewhere: the record that came with the shard is read; a new version."""
    files = attachment(f"{NOTICES}202403/P2.xlsx")
    site.routes[address(2)] = with_validator('"p"', page(2, files=files)[2], "text/html; charset=utf-8")
    for body in (b"PK\x03\x04 first", b"PK\x03\x04 second"):
        site.routes[f"{NOTICES}202403/P2.xlsx"] = (200, {"Content-Type": "application/vnd.ms-excel"}, body)
        shard = field.lend()
        if captured(field.data):  # made again meanwhile: the leases are carried over
            assert govcrawl(tmp_path, "rebuild").returncode == 0
        report = field.crawl(shard, "full")
        assert (report.outcome, report.sentence, report.results[0]["outcome"]) == ("finished", None, "finished")
        merged = field.merge(shard.folder)
        assert (merged.outcome, merged.files) == ("merged", 1)
    with sqlite3.connect(field.data / CATALOG_NAME) as db:
        rows = db.execute("SELECT number, changed_fields FROM versions WHERE number > 1").fetchall()
    db.close()
    assert rows == [(2, '["attachments"]')]
    assert found(field.data) == []
    assert_same(tmp_path, "file")


def test_group_that_is_out_is_crawled_by_nobody_else(field: Field, site: SmallSite, tmp_path: Path) -> None:
    """Who else asks is told who has it, a crawl here too; nothing is crawled where the first renewal fails."""
    shard = field.lend()
    with pytest.raises(ArchiveBusy, match="is lent to node"):
        field.lend()
    here = crawl(tmp_path, site, "-a", "mode=full", GOVCRAWL_STATE=str(tmp_path / "state"))
    assert here.returncode != 0
    assert "is lent to node since" in here.stdout
    with Store.open(field.data) as store:  # another agency of the group may not be crawled here either
        store.catalog.file.execute("UPDATE leases SET agency = 'other_agency'")
    here = crawl(tmp_path, site, "-a", "mode=full", GOVCRAWL_STATE=str(tmp_path / "state"))
    assert "other_agency (server group sfj.small.test via 127.0.0.1" in here.stdout
    assert site.asked == []

    def ask() -> float:
        raise LeaseLost("lost")

    report = field.crawl(shard, renew=ask)
    assert (report.outcome, report.results) == ("lost", [])
    assert field.site.asked == []


def test_process_whose_parent_is_gone_ends(field: Field, site: SmallSite, tmp_path: Path) -> None:
    """Whoever renews the lease was killed: the crawl's process ends by itself and asks no more."""
    shard = field.lend()
    begun = threading.Event()
    site.routes[address(3)] = pause_before(site.routes[address(3)], begun)
    script = (
        "import json, sys; from pathlib import Path; from govcrawl.outpost import crawl_group;"
        "crawl_group(Path(sys.argv[1]), settings=json.loads(sys.argv[2]), mode='full', renew=lambda: 60.0)"
    )
    line = [sys.executable, "-c", script, str(shard.folder), json.dumps(field.settings())]
    with subprocess.Popen(line, env={**os.environ, **field.environment()}, cwd=tmp_path) as parent:
        assert begun.wait(60)
        child = child_of(shard.folder)
        parent.kill()
    until = time.monotonic() + 30
    while Path(f"/proc/{child}").exists() and time.monotonic() < until:
        time.sleep(0.05)
    assert not Path(f"/proc/{child}").exists()
