"""The frontier: what a crawl still has to do outlives its process, and what is done is not done again."""

from __future__ import annotations

import random
import signal
import subprocess
import time
from contextlib import closing
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from catalogs import AGENCY, FIRST_DAY, Sample, fetched, key_of, read_document, url_of
from crash_frontier import FrontierHarness, make_site
from small_site import SmallSite, command, crawl, declare, document, listing, paragraphs

from archive.catalog import Catalog

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import Any

    from archive.catalog_frontier import FrontierRows

LIST = "/zwgk/gsgg/"
BROKEN = (500, {"Content-Type": "text/html"}, b"<html><body>Internal Server Error</body></html>")


@pytest.fixture
def sample(tmp_path: Path) -> Iterator[Sample]:
    """A catalog with one crawl begun."""
    made = Sample.make(tmp_path)
    yield made
    made.catalog.close()


def want(rows: FrontierRows, crawl_id: str, name: str, **more: Any) -> int:
    """Want a document by its short name."""
    usual = {"url": url_of(name), "url_key": key_of(url_of(name)), "why": "new", "job": {}}
    return rows.put_document(crawl_id, AGENCY.name, **(usual | more))


def pending(sample: Sample) -> list[str]:
    """Addresses and reasons of what is to be looked at."""
    return [
        f"{row['url'].rpartition('/')[2]} {row['why']}"
        for row in sample.catalog.frontier.pending(sample.crawl_id, (), 99)
    ]


def test_a_document_is_one_row_by_whatever_name_it_is_met(sample: Sample) -> None:
    """Its address, another address that a list printed, the CMS's key and its id all lead to the same row."""
    rows, crawl_id = sample.catalog.frontier, sample.crawl_id
    put = sample.put(read_document())
    number = want(rows, crawl_id, "t1", key="sfj.sample.test/1", document_id=put.document_id)
    row = rows.row(number)
    assert row is not None
    assert rows.put_alias(row, url_of("t2"), key_of(url_of("t2")))
    assert not rows.put_alias(row, url_of("t2"), key_of(url_of("t2")))
    for name, key, document_id in (
        ("t1", None, None),
        ("t2", None, None),
        ("t3", "sfj.sample.test/1", None),
        ("t3", None, put.document_id),
    ):
        found = rows.find(crawl_id, key_of(url_of(name)), key, document_id)
        assert found is not None
        assert found["id"] == number
    assert rows.find(crawl_id, key_of(url_of("t3")), None, None) is None
    assert rows.aliases(number) == [(url_of("t2"), key_of(url_of("t2")))]


def test_what_is_under_way_is_not_handed_out_again_and_later_looks_come_last(sample: Sample) -> None:
    """Rows come in the order in which they were wanted, without those that are under way or ended."""
    rows, crawl_id = sample.catalog.frontier, sample.crawl_id
    late = want(rows, crawl_id, "late", priority=1)
    first, second, third = (want(rows, crawl_id, name) for name in ("a", "b", "c"))
    rows.end(second, "done")
    assert [row["id"] for row in rows.pending(crawl_id, {first}, 99)] == [third, late]
    assert [row["id"] for row in rows.pending(crawl_id, (), 1)] == [first]


def test_a_document_that_answers_elsewhere_is_not_absent(sample: Sample) -> None:
    """Gone from its known address, but met at another one in the same crawl: no absence."""
    rows, crawl_id = sample.catalog.frontier, sample.crawl_id
    ids = [sample.put(read_document(name)).document_id for name in ("t1", "t2")]
    for name, document_id in zip(("t1", "t2"), ids, strict=True):
        rows.end(want(rows, crawl_id, name, document_id=document_id), "absent", capture_id=1, reason="404")
    rows.end(want(rows, crawl_id, "t9"), "done", document_id=ids[0], answered_url=url_of("t9"))
    assert [row["document_id"] for row in rows.absences(crawl_id)] == [ids[1]]
    assert rows.answered_url(crawl_id, ids[0]) == url_of("t9")


def test_only_the_latest_crawl_with_the_same_arguments_goes_on_and_not_for_ever(sample: Sample) -> None:
    """Other arguments, a crawl that ended or has no frontier, or a frontier that is too old: a new crawl begins."""
    rows, crawl_id, options = sample.catalog.frontier, sample.crawl_id, {"limit": None}
    day = timedelta(days=1)
    assert rows.resumable(AGENCY.name, "full", options, FIRST_DAY - day) is None
    rows.put_list(crawl_id, AGENCY.name, "公示公告", "http://sfj.sample.test/gsgg/", {})
    found = rows.resumable(AGENCY.name, "full", options, FIRST_DAY - day)
    assert found is not None
    assert found["id"] == crawl_id
    assert rows.resumable(AGENCY.name, "full", options, FIRST_DAY + day) is None
    assert rows.resumable(AGENCY.name, "incremental", options, FIRST_DAY - day) is None
    assert rows.resumable(AGENCY.name, "full", {"limit": "3"}, FIRST_DAY - day) is None
    sample.finish("failed", "blocked: …")
    assert rows.resumable(AGENCY.name, "full", options, FIRST_DAY - day) is None
    assert not rows.may_go_on(crawl_id)


def test_a_new_crawl_takes_over_what_no_list_would_give_again(sample: Sample) -> None:
    """Of a frontier that is dropped only owed looks at known documents stay: an edit that a line announced once."""
    rows = sample.catalog.frontier
    document_id = sample.put(read_document()).document_id
    want(rows, sample.crawl_id, "t1", document_id=document_id, why="edited")
    want(rows, sample.crawl_id, "t2")
    sample.finish("interrupted")
    crawl_id = sample.begin()
    rows.begin(crawl_id, AGENCY.name, [("公示公告", "http://sfj.sample.test/gsgg/", {})], adopt=True)
    assert pending(sample) == ["t1.htm edited"]
    assert len(rows.lists(crawl_id)) == 1
    rows.clear(crawl_id)
    assert sample.catalog.file.rows("SELECT * FROM frontier") == []


def test_leftovers_are_what_was_not_looked_at_and_what_failed_a_few_times(sample: Sample) -> None:
    """A full crawl looks at all that is known; an incremental one at pages and files that failed, for three crawls."""
    rows, agency = sample.catalog.frontier, AGENCY.name
    file_url = url_of("t2").replace("t2.htm", "P2.pdf")
    sample.put(read_document("t1"))
    sample.put(read_document("t2"), attachments=[fetched(file_url, None, error="timeout: …")])
    sample.put(read_document("t3"), attachments=[fetched(url_of("t3") + ".doc", None, error="robots: …")])
    for _ in range(3):
        sample.finish()
        crawl_id = sample.begin()
        for url, kind, reason in (
            (url_of("t1"), "document", "timeout"),
            (file_url, "attachment", "timeout"),
            (url_of("t3"), "document", "robots"),
        ):
            sample.catalog.put_failure(crawl_id, agency, url, kind, None, reason, "…", None, None, sample.now)  # type: ignore[arg-type]
        sample.now += timedelta(hours=1)
        if sample.crawls < 4:
            rows.want_missed(crawl_id, agency)
            assert sorted(pending(sample)) == ["t1.htm unread", "t2.htm missing_file"]
            assert rows.want_missed(crawl_id, agency) == 0
    assert rows.want_missed(sample.crawl_id, agency) == 0
    assert rows.want_known(sample.crawl_id, agency, "known") == 3
    assert rows.want_known(sample.crawl_id, agency, "known") == 0


def test_a_crawl_in_progress_is_counted_anew_from_its_rows(sample: Sample) -> None:
    """What a sitting counted is not lost with its process."""
    sample.put(read_document())
    sample.catalog.put_failure(
        sample.crawl_id, AGENCY.name, url_of("x"), "document", None, "blocked", "…", None, None, sample.now
    )
    counts = sample.catalog.frontier.recount(sample.crawl_id)
    assert (counts["requests"], counts["new"], counts["failed"], counts["failed/blocked"]) == (1, 1, 1, 1)


# Crawls


def path(number: int) -> str:
    """The address of document ``number``."""
    return f"{LIST}202403/t20240305_{number}.htm"


def row(number: int, title: str | None = None) -> tuple[str, str, str]:
    """The list's line of document ``number``."""
    return f"./202403/t20240305_{number}.htm", title or f"小城市司法局关于第{number}项工作的通知", "2024-03-05"


def page(number: int, title: str | None = None, files: str = "") -> Any:
    """The page of document ``number``."""
    return document(row(number, title)[1], paragraphs(f"第{number}号通知", 4), files=files, ident=number)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[SmallSite]:
    """Six documents in one channel."""
    declare(tmp_path)
    routes: dict[str, Any] = {LIST: listing([row(n) for n in range(1, 7)])}
    with SmallSite(routes | {path(n): page(n) for n in range(1, 7)}) as running:
        yield running


def crawls(folder: Path) -> list[tuple[str, str]]:
    """(id, outcome) of all crawls in order."""
    with closing(Catalog.open_read_only(folder / "data" / "catalog.db")) as catalog:
        return [(row["id"], row["outcome"]) for row in catalog.file.rows("SELECT * FROM crawls ORDER BY started_at")]


def test_an_interrupted_crawl_is_one_crawl_in_two_sittings(site: SmallSite, tmp_path: Path) -> None:
    """Ctrl-C, then the same command: the same crawl goes on, asks for nothing twice, and each sitting has its manifest."""
    line, env = command(tmp_path, site, "-a", "mode=full", "-s", "DOWNLOAD_DELAY=0.7")
    with subprocess.Popen(
        line, env=env, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as run:
        until = time.monotonic() + 60
        while len(site.asked) < 4 and time.monotonic() < until:
            time.sleep(0.01)
        run.send_signal(signal.SIGINT)
        said, _ = run.communicate(timeout=60)
    assert run.returncode == 1
    assert "the same command again goes on" in said
    ((crawl_id, outcome),) = crawls(tmp_path)
    assert outcome == "interrupted"
    done = crawl(tmp_path, site, "-a", "mode=full")
    assert done.returncode == 0, done.stdout
    assert crawls(tmp_path) == [(crawl_id, "finished")]
    assert sorted(target for target in site.targets() if target != "/robots.txt") == sorted(
        [LIST, *map(path, range(1, 7))]
    )
    names = sorted(one.name for one in (tmp_path / "data" / "manifests" / "small_sfj").glob("*.sha256"))
    assert names == [f"000001-{crawl_id}.sha256", f"000002-{crawl_id}.sha256"]


def test_an_incremental_crawl_asks_again_for_what_failed(site: SmallSite, tmp_path: Path) -> None:
    """A file that could not be had, and the page of an edit that a line announced, are asked for by the next crawl."""
    block = '<div class="article_attachment"><ul><li><a href="/files/P2.xls">表.xls</a></li></ul></div>'
    site.routes[path(2)] = page(2, files=block)
    site.routes["/files/P2.xls"] = BROKEN
    crawl(tmp_path, site, "-s", "RETRY_TIMES=0")
    site.routes[LIST] = listing([row(1, "改过的标题"), *(row(n) for n in range(2, 7))])
    site.routes[path(1)] = BROKEN
    crawl(tmp_path, site, "-s", "RETRY_TIMES=0")
    site.routes[path(1)] = page(1, "改过的标题")
    site.routes["/files/P2.xls"] = (200, {}, b"\xd0\xcf\x11\xe0" + b"0" * 3000)
    site.asked.clear()
    done = crawl(tmp_path, site)
    assert done.returncode == 0, done.stdout
    assert {path(1), "/files/P2.xls"} <= set(site.targets())
    assert path(3) not in site.targets()
    with closing(Catalog.open_read_only(tmp_path / "data" / "catalog.db")) as catalog:
        titles = {row["title"] for row in catalog.file.rows("SELECT title FROM versions")}
        missing = catalog.file.rows("SELECT * FROM files WHERE sha256 IS NULL")
    assert "改过的标题" in titles
    assert not missing


def test_killed_crawls_go_on_and_lose_nothing(tmp_path: Path) -> None:
    """Kill -9 at random points, then the same command: all there, nothing asked for twice but what was under way."""
    with make_site() as running:
        harness = FrontierHarness(tmp_path, running, random.Random())  # noqa: S311 - no secret
        harness.kill(5)
    assert harness.tally["kills"] >= 5
