"""The crawl loop where something went wrong before: what was missed is made up for, and nothing is said that is not so."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import time
from typing import TYPE_CHECKING

import pytest
from small_site import HOST, SmallSite, command, crawl, declare, document, listing, paragraphs

from archive.catalog import Catalog
from archive.export import export_documents

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import Any

LIST = "/zwgk/gsgg/"
SEARCH = "/fjdzapp/search"
BROKEN = (500, {"Content-Type": "text/html"}, b"<html><body>Internal Server Error</body></html>")
NO_RETRIES = ("-s", "RETRY_TIMES=0")


def path(number: int) -> str:
    """The address of document ``number``."""
    return f"{LIST}202403/t20240305_{number}.htm"


def row(number: int) -> tuple[str, str, str]:
    """The list's line of document ``number``."""
    return f"./202403/t20240305_{number}.htm", f"小城市司法局关于第{number}项工作的通知", "2024-03-05"


def page(number: int, *, files: str = "", ident: int | None = None) -> Any:
    """The page of document ``number``."""
    return document(row(number)[1], paragraphs(f"第{number}号通知", 5), files=files, ident=ident or number)


def found(numbers: list[int], *, total: int) -> Any:
    """The search service's second page of ten."""
    data = [
        {"docid": n, "doctitle": row(n)[1], "docpuburl": f"http://{HOST}{path(n)}", "docreltime": "2024-03-05"}
        for n in numbers
    ]
    answer = {"count": total, "page": 2, "prepage": 10, "pageCount": -(-total // 10), "data": data}
    return 200, {"Content-Type": "application/json"}, json.dumps(answer).encode()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[SmallSite]:
    """Twelve documents in one channel, ten of them on its first page."""
    declare(tmp_path)
    routes: dict[str, Any] = {
        LIST: listing([row(n) for n in range(1, 11)], total=12),
        SEARCH: found([11, 12], total=12),
    }
    routes |= {path(n): page(n) for n in range(1, 13)}
    with SmallSite(routes) as running:
        yield running


def rows(folder: Path) -> list[dict[str, Any]]:
    """The exported documents."""
    with Catalog.open_read_only(folder / "data" / "catalog.db") as catalog:
        return list(export_documents(catalog))


def states(folder: Path) -> dict[int, str]:
    """Document number → state."""
    return {int(re.findall(r"_(\d+)\.htm", doc["url"])[0]): doc["state"] for doc in rows(folder)}


def test_a_document_that_failed_is_asked_for_again_wherever_its_line_stands(site: SmallSite, tmp_path: Path) -> None:
    """An incremental crawl ends its walk on a page that is known; a line behind it that has no document yet is not forgotten."""
    good = site.routes[path(12)]
    site.routes[path(12)] = BROKEN
    crawl(tmp_path, site, *NO_RETRIES)
    assert 12 not in states(tmp_path)
    site.routes[path(12)] = good
    site.asked.clear()
    done = crawl(tmp_path, site)
    assert done.returncode == 0, done.stdout
    assert 12 in states(tmp_path)
    assert [target for target in site.targets() if target.endswith(".htm")] == [path(12)]


def test_what_a_broken_walk_did_not_reach_is_reached_by_the_next(site: SmallSite, tmp_path: Path) -> None:
    """New lines on two pages, the second not to be had: the next crawl does not stop where only the first is known."""
    crawl(tmp_path, site)
    site.routes[LIST] = listing([row(n) for n in range(20, 30)], total=24)
    site.routes[SEARCH] = BROKEN
    site.routes |= {path(n): page(n) for n in range(20, 32)}
    assert crawl(tmp_path, site, *NO_RETRIES).returncode == 1
    assert 29 in states(tmp_path)
    site.routes[SEARCH] = found([30, 31, *range(1, 13)], total=24)
    done = crawl(tmp_path, site)
    assert {30, 31} <= set(states(tmp_path)), done.stdout


def test_a_limited_crawl_does_not_hide_what_it_left_out(site: SmallSite, tmp_path: Path) -> None:
    """After limit=N ended a walk at the bottom of a page, the next crawl goes on below it."""
    crawl(tmp_path, site)
    site.routes[LIST] = listing([row(n) for n in range(20, 30)], total=24)
    site.routes[SEARCH] = found([30, 31, *range(1, 13)], total=24)
    site.routes |= {path(n): page(n) for n in range(20, 32)}
    crawl(tmp_path, site, "-a", "limit=10")
    assert 30 not in states(tmp_path)
    done = crawl(tmp_path, site)
    assert {30, 31} <= set(states(tmp_path)), done.stdout


def test_a_document_on_another_host_is_not_followed_to(site: SmallSite, tmp_path: Path) -> None:
    """A page that redirects to another host is not archived as the agency's document."""
    site.routes[path(3)] = (302, {"Location": "http://elsewhere.test/a.htm"}, b"")
    site.routes["/a.htm"] = page(3)
    everything = {"GOVCRAWL_CONNECT_TO": f"::127.0.0.1:{site.port}"}
    done = crawl(tmp_path, site, **everything)
    assert "/a.htm" not in site.targets(), done.stdout
    assert not [doc for doc in rows(tmp_path) if "elsewhere" in doc["url"]]


def test_a_document_known_by_its_pages_number_is_not_gone_when_it_moved(site: SmallSite, tmp_path: Path) -> None:
    """Only the page at the new address says that it is the known document; at an even pace the old address is asked after it."""
    site.routes[LIST] = listing([row(n) for n in (1, 2)])
    crawl(tmp_path, site)
    del site.routes[path(1)]
    site.routes[path(99)] = page(99, ident=1)
    site.routes[LIST] = listing([row(99), row(2)])
    done = crawl(tmp_path, site, "-a", "mode=full", "-s", "DOWNLOAD_DELAY=1")
    assert done.returncode == 0, done.stdout
    assert states(tmp_path) == {99: "live", 2: "live"}
    (moved,) = [doc for doc in rows(tmp_path) if doc["url"].endswith("_99.htm")]
    assert moved["aliases"] == [f"http://{HOST}{path(1)}"]


def test_a_file_of_two_documents_has_one_digest_in_both(site: SmallSite, tmp_path: Path) -> None:
    """A file was replaced, seen first with a new document; the older document learns of it instead of passing on what it knew."""
    block = '<div class="article_attachment"><ul><li><a href="/files/P1.xlsx">附表.xlsx</a></li></ul></div>'
    content, tag = [b"PK\x03\x04 first"], ['"1"']

    def file(headers: Any) -> Any:
        if headers.get("If-None-Match") == tag[0]:
            return 304, {"ETag": tag[0]}, b""
        return 200, {"Content-Type": "application/vnd.ms-excel", "ETag": tag[0]}, content[0]

    site.routes["/files/P1.xlsx"] = file
    site.routes[path(2)] = page(2, files=block)
    crawl(tmp_path, site)
    content[0], tag[0] = b"PK\x03\x04 second", '"2"'
    site.routes[LIST] = listing([row(n) for n in range(1, 10)] + [row(40)], total=13)
    site.routes[SEARCH] = found([10, 11, 12], total=13)
    site.routes[path(40)] = page(40, files=block)
    crawl(tmp_path, site)
    crawl(tmp_path, site, "-a", "mode=full")
    digests = {
        doc["url"]: (doc["attachments"][0]["sha256"], doc["version_count"])
        for doc in rows(tmp_path)
        if doc["attachments"]
    }
    assert len({sha256 for sha256, _ in digests.values()}) == 1, digests
    assert digests[f"http://{HOST}{path(40)}"][1] == 1
    assert digests[f"http://{HOST}{path(2)}"][1] == 2


def test_an_error_page_that_is_unchanged_is_no_document_that_is_unchanged(site: SmallSite, tmp_path: Path) -> None:
    """A soft 404 with a validator answers 304 at the next look: the document is still gone."""
    crawl(tmp_path, site)
    gone = "<html><head><title>页面不存在</title></head><body>您访问的页面不存在或已删除</body></html>".encode()

    def soft(headers: Any) -> Any:
        if headers.get("If-None-Match") == '"gone"':
            return 304, {"ETag": '"gone"'}, b""
        return 200, {"Content-Type": "text/html; charset=utf-8", "ETag": '"gone"'}, gone

    site.routes[path(5)] = soft
    crawl(tmp_path, site, "-a", "mode=full")
    assert states(tmp_path)[5] == "suspected"
    crawl(tmp_path, site, "-a", "mode=full")
    assert states(tmp_path)[5] == "suspected"


def test_a_page_that_could_not_be_read_is_not_unchanged_at_the_next_look(site: SmallSite, tmp_path: Path) -> None:
    """An edit came in a shape that the template does not know; its validator is not sent back as if it had been read."""
    crawl(tmp_path, site)
    odd = b"<html><body><div class='new-skin'>" + "新的版式，新的内容。".encode() * 200 + b"</div></body></html>"
    sent: list[str | None] = []

    def edited(headers: Any) -> Any:
        sent.append(headers.get("If-None-Match"))
        return 200, {"Content-Type": "text/html; charset=utf-8", "ETag": '"odd"'}, odd

    site.routes[path(5)] = edited
    crawl(tmp_path, site, "-a", "mode=full")
    crawl(tmp_path, site, "-a", "mode=full")
    assert sent == [None, None]


def test_crawls_whose_documents_all_fail_are_not_complete(site: SmallSite, tmp_path: Path) -> None:
    """Lists that can be read and not one document that can: the crawl failed and says why."""
    for number in range(1, 13):
        site.routes[path(number)] = (403, {"Content-Type": "text/html"}, b"<html><body>no</body></html>")
    done = crawl(tmp_path, site)
    assert done.returncode == 1, done.stdout
    assert "none of 12 documents" in done.stdout


def test_an_address_that_redirects_to_itself_with_a_slash_is_still_a_document(site: SmallSite, tmp_path: Path) -> None:
    """Some documents are folders; the redirect that adds the slash is no sign of a withdrawal."""
    site.routes[path(3)] = (301, {"Location": f"{path(3)}/"}, b"")
    site.routes[f"{path(3)}/"] = page(3)
    crawl(tmp_path, site)
    assert len(rows(tmp_path)) == 12


def test_without_a_contact_a_crawl_of_a_public_host_says_so_once(site: SmallSite, tmp_path: Path) -> None:
    """Whoever crawls is asked for an address that a site's operator can write to; with one nothing is said."""
    assert crawl(tmp_path, site).stdout.count("GOVCRAWL_CONTACT") == 1
    assert "GOVCRAWL_CONTACT" not in crawl(tmp_path, site, GOVCRAWL_CONTACT="mailto:archive@small.test").stdout


def test_robots_txt_counts_for_the_pace_that_it_asks_for(site: SmallSite, tmp_path: Path) -> None:
    """The first page is asked for a Crawl-delay after robots.txt, not at once."""
    instants: list[float] = []

    def timed(answer: Any) -> Any:
        def give(_: Any) -> Any:
            instants.append(time.monotonic())
            return answer

        return give

    site.routes["/robots.txt"] = timed((200, {"Content-Type": "text/plain"}, b"User-agent: *\nCrawl-delay: 1.5\n"))
    site.routes[LIST] = timed(listing([row(1)]))
    crawl(tmp_path, site)
    assert instants[1] - instants[0] >= 1.4


def test_robots_txt_with_a_byte_order_mark_is_obeyed(site: SmallSite, tmp_path: Path) -> None:
    """The mark before the first line does not make its group disappear."""
    site.routes["/robots.txt"] = (200, {"Content-Type": "text/plain"}, b"\xef\xbb\xbfUser-agent: *\nDisallow: /zwgk/\n")
    done = crawl(tmp_path, site)
    assert done.returncode == 1
    assert site.targets() == ["/robots.txt"]


def test_one_interrupt_ends_a_crawl_that_waits(site: SmallSite, tmp_path: Path) -> None:
    """Requests that wait for their turn are given up, not sat out."""
    site.routes["/robots.txt"] = (200, {"Content-Type": "text/plain"}, b"User-agent: *\nCrawl-delay: 50\n")
    line, env = command(tmp_path, site)
    with subprocess.Popen(
        line, env=env, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as run:
        until = time.monotonic() + 60
        while not site.asked and time.monotonic() < until:
            time.sleep(0.01)
        time.sleep(1)
        run.send_signal(signal.SIGINT)
        began = time.monotonic()
        said, _ = run.communicate(timeout=100)
    assert time.monotonic() - began < 20, said
    assert run.returncode == 1
    assert "not complete (interrupted)" in said
