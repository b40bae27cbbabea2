"""The crawl loop against a site that changes, hides, refuses and breaks."""

from __future__ import annotations

import json
import os
import re
import resource
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
MEBIBYTE = 1024 * 1024
ROBOTS = (200, {"Content-Type": "text/plain"}, b"User-agent: *\nDisallow: /nbzl/\n")


def row(number: int, day: str = "2024-03-05") -> tuple[str, str, str]:
    """The list's line of document ``number``."""
    return f"./202403/t20240305_{number}.htm", f"小城市司法局关于第{number}项工作的通知", day


def page(number: int, body: str = "", files: str = "") -> Any:
    """The page of document ``number``."""
    return document(row(number)[1], paragraphs(f"第{number}号通知", 5) + body, files=files, ident=number)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[SmallSite]:
    """Three documents in one channel, and an agency that declares it."""
    declare(tmp_path)
    routes: dict[str, Any] = {"/robots.txt": ROBOTS, LIST: listing([row(n) for n in (1, 2, 3)])}
    routes |= {f"{LIST}202403/t20240305_{n}.htm": page(n) for n in (1, 2, 3)}
    with SmallSite(routes) as running:
        yield running


def rows(folder: Path) -> list[dict[str, Any]]:
    """The exported documents."""
    with Catalog.open_read_only(folder / "data" / "catalog.db") as catalog:
        return list(export_documents(catalog))


def states(folder: Path) -> dict[str, str]:
    """Document number → state."""
    return {re.findall(r"_(\d+)", doc["url"])[0]: doc["state"] for doc in rows(folder)}


def test_a_first_crawl_finds_every_listed_document(site: SmallSite, tmp_path: Path) -> None:
    """The list is walked to its end, each document is fetched once, and the crawl says that it is complete."""
    done = crawl(tmp_path, site)
    assert done.returncode == 0, done.stdout
    assert "new 3 · changed 0" in done.stdout
    assert {doc["title"] for doc in rows(tmp_path)} == {row(n)[1] for n in (1, 2, 3)}
    assert sorted(site.targets()) == sorted(
        ["/robots.txt", LIST, *(f"{LIST}202403/t20240305_{n}.htm" for n in (1, 2, 3))]
    )


def test_an_incremental_crawl_asks_only_for_what_is_new(site: SmallSite, tmp_path: Path) -> None:
    """What is known and whose line is unchanged is not fetched again; a new line is."""
    crawl(tmp_path, site)
    site.routes[LIST] = listing([row(4, "2024-04-01"), *(row(n) for n in (1, 2, 3))])
    site.routes[f"{LIST}202403/t20240305_4.htm"] = page(4)
    site.asked.clear()
    done = crawl(tmp_path, site)
    assert done.returncode == 0, done.stdout
    assert site.targets() == [LIST, f"{LIST}202403/t20240305_4.htm"], "robots.txt is known for a day"
    assert "new 1 · changed 0" in done.stdout


def test_a_full_crawl_finds_edits_and_what_is_gone(site: SmallSite, tmp_path: Path) -> None:
    """An edited text is a version; a page that is gone is suspected; one no longer listed but still there is unlisted."""
    crawl(tmp_path, site)
    site.routes[LIST] = listing([row(2)])
    site.routes[f"{LIST}202403/t20240305_2.htm"] = page(2, "<p>　　补充规定：报送时间延长至月底，逾期不再受理。</p>")
    del site.routes[f"{LIST}202403/t20240305_3.htm"]
    done = crawl(tmp_path, site, "-a", "mode=full")
    assert done.returncode == 0, done.stdout
    assert states(tmp_path) == {"1": "unlisted", "2": "live", "3": "suspected"}
    assert {doc["version_count"] for doc in rows(tmp_path) if "_2.htm" in doc["url"]} == {2}
    site.routes[f"{LIST}202403/t20240305_3.htm"] = page(3)
    assert crawl(tmp_path, site, "-a", "mode=full").returncode == 0
    assert states(tmp_path)["3"] in {"live", "unlisted"}, "a document that is back is no longer suspected"


def test_a_replaced_attachment_makes_a_version_and_an_unchanged_one_is_not_sent_again(
    site: SmallSite, tmp_path: Path
) -> None:
    """Files are asked for conditionally; a 304 keeps the digest, new bytes at the same URL make a version."""
    block = '<div class="article_attachment"><ul><li><a href="./P1.xlsx">附表.xlsx</a></li></ul></div>'
    content, tag = [b"PK\x03\x04 first"], ['"1"']

    def file(headers: Any) -> Any:
        if headers.get("If-None-Match") == tag[0]:
            return 304, {"ETag": tag[0]}, b""
        return 200, {"Content-Type": "application/vnd.ms-excel", "ETag": tag[0]}, content[0]

    site.routes[f"{LIST}202403/t20240305_1.htm"] = page(1, files=block)
    site.routes[f"{LIST}202403/P1.xlsx"] = file
    crawl(tmp_path, site)
    assert crawl(tmp_path, site, "-a", "mode=full").returncode == 0
    (known,) = [doc for doc in rows(tmp_path) if doc["attachments"]]
    assert known["version_count"] == 1
    first = known["attachments"][0]["sha256"]
    content[0], tag[0] = b"PK\x03\x04 second", '"2"'
    assert crawl(tmp_path, site, "-a", "mode=full").returncode == 0
    (known,) = [doc for doc in rows(tmp_path) if doc["attachments"]]
    assert known["version_count"] == 2
    assert known["attachments"][0]["sha256"] != first


def test_an_attachment_that_cannot_be_had_stays_with_its_reason(site: SmallSite, tmp_path: Path) -> None:
    """A missing file has no digest and says why; the document and the crawl stand."""
    block = '<div class="article_attachment"><ul><li><a href="./P9.pdf">公告.pdf</a></li></ul></div>'
    site.routes[f"{LIST}202403/t20240305_1.htm"] = page(1, files=block)
    assert crawl(tmp_path, site).returncode == 0
    (known,) = [doc for doc in rows(tmp_path) if doc["attachments"]]
    (attachment,) = known["attachments"]
    assert attachment["sha256"] is None
    assert "404" in attachment["error"]


def test_limit_and_since_fetch_less_and_change_no_state(site: SmallSite, tmp_path: Path) -> None:
    """The argument limit counts documents, since compares the list's date; a document missing from such a crawl is not suspected."""
    crawl(tmp_path, site)
    site.routes[LIST] = listing([row(4, "2024-06-01"), row(5, "2024-05-01")])
    site.routes |= {f"{LIST}202403/t20240305_{n}.htm": page(n) for n in (4, 5)}
    del site.routes[f"{LIST}202403/t20240305_3.htm"]
    done = crawl(tmp_path, site, "-a", "mode=full", "-a", "since=2024-05-15")
    assert "new 1 " in done.stdout
    assert set(states(tmp_path)) == {"1", "2", "3", "4"}
    done = crawl(tmp_path, site, "-a", "mode=full", "-a", "limit=1")
    assert done.returncode == 0
    assert set(states(tmp_path).values()) == {"live"}


def test_a_list_without_rows_fails_the_crawl_and_names_the_page(site: SmallSite, tmp_path: Path) -> None:
    """A redesigned list is an error with page and selector, never an empty success; no state changes."""
    crawl(tmp_path, site)
    site.routes[LIST] = (
        200,
        {"Content-Type": "text/html"},
        "<html><body><div class='new-skin'>改版</div>".encode() + b"<p></p>" * 200,
    )
    done = crawl(tmp_path, site, "-a", "mode=full")
    assert done.returncode == 1
    assert f"http://{HOST}{LIST}" in done.stdout
    assert "not complete (template)" in done.stdout
    assert set(states(tmp_path).values()) == {"live"}


def test_a_short_list_is_not_complete(site: SmallSite, tmp_path: Path) -> None:
    """A list that says more entries than it shows is reported, and nothing is declared unlisted."""
    site.routes[LIST] = listing([row(n) for n in (1, 2, 3)], total=9)
    again = {
        "docid": 3,
        "doctitle": row(3)[1],
        "docpuburl": f"http://{HOST}{LIST}202403/t20240305_3.htm",
        "docreltime": "2024-03-05",
    }
    answer = json.dumps({"count": 9, "page": 1, "prepage": 10, "pageCount": 1, "data": [again]}).encode()
    site.routes["/fjdzapp/search"] = (200, {"Content-Type": "application/json"}, answer)
    done = crawl(tmp_path, site)
    assert done.returncode == 1
    assert "9 entries, 3 were read" in done.stdout
    assert len(rows(tmp_path)) == 3


def test_a_challenge_page_stops_the_crawl_and_is_never_content(site: SmallSite, tmp_path: Path) -> None:
    """A list behind a script challenge ends the crawl as blocked, and known documents keep their states."""
    crawl(tmp_path, site)
    challenge = b"<html><script>document.cookie='__jsl_clearance_s=1';location.reload();</script></html>"
    site.routes[LIST] = (521, {"Content-Type": "text/html", "Set-Cookie": "__jsluid_s=1"}, challenge)
    done = crawl(tmp_path, site, "-a", "mode=full")
    assert done.returncode == 1
    assert "not complete (blocked)" in done.stdout
    assert len(rows(tmp_path)) == 3
    assert set(states(tmp_path).values()) == {"live"}


def test_what_robots_disallows_is_not_asked_for(site: SmallSite, tmp_path: Path) -> None:
    """A disallowed document is counted with its reason; the rest is crawled."""
    site.routes["/robots.txt"] = (
        200,
        {"Content-Type": "text/plain"},
        f"User-agent: *\nDisallow: {LIST}202403/t20240305_2".encode(),
    )
    done = crawl(tmp_path, site)
    assert done.returncode == 0
    assert "failed 1 robots=1" in done.stdout
    assert not [target for target in site.targets() if "_2.htm" in target]


@pytest.mark.parametrize("status", [500, 503])
def test_robots_that_answers_with_an_error_disallows_the_host(site: SmallSite, tmp_path: Path, status: int) -> None:
    """RFC 9309 2.3.1.4: while robots.txt answers 5xx nothing of the host is fetched."""
    site.routes["/robots.txt"] = (status, {"Retry-After": "0"}, b"busy")
    done = crawl(tmp_path, site)
    assert done.returncode == 1
    assert "not complete (robots_unavailable)" in done.stdout
    assert set(site.targets()) == {"/robots.txt"}


def test_a_missing_robots_file_allows_everything(site: SmallSite, tmp_path: Path) -> None:
    """RFC 9309 2.3.1.3: 404 for robots.txt means no rules."""
    del site.routes["/robots.txt"]
    assert crawl(tmp_path, site).returncode == 0
    assert len(rows(tmp_path)) == 3


def test_retry_after_is_waited_for(site: SmallSite, tmp_path: Path) -> None:
    """After a 503 with Retry-After the host is left alone that long, then the document is had."""
    target = f"{LIST}202403/t20240305_1.htm"
    instants: list[float] = []

    def busy_once(_: Any) -> Any:
        instants.append(time.monotonic())
        return (503, {"Retry-After": "1"}, b"busy") if len(instants) == 1 else page(1)

    site.routes[target] = busy_once
    assert crawl(tmp_path, site).returncode == 0
    assert len(rows(tmp_path)) == 3
    assert instants[1] - instants[0] >= 1


def test_a_long_retry_after_ends_the_crawl_instead_of_being_ignored(site: SmallSite, tmp_path: Path) -> None:
    """Quiet that is longer than the limit is not waited for and not broken: the crawl says so and ends."""
    site.routes[LIST] = (429, {"Retry-After": "86400"}, b"later")
    done = crawl(tmp_path, site)
    assert done.returncode == 1
    assert "answered 429 with Retry-After 86400 s: it is left alone until" in done.stdout
    assert site.targets().count(LIST) == 1
    site.asked.clear()
    again = crawl(tmp_path, site)
    assert again.returncode == 1
    assert "not begun (quiet)" in again.stdout
    assert "answered 429 with Retry-After 86400 s: it is left alone until" in again.stdout
    assert site.targets() == [], "a new run inside the window asks nothing"


def test_a_tiny_body_is_asked_for_again_after_the_home_page(site: SmallSite, tmp_path: Path) -> None:
    """A page of two bytes is had with the cookie that the home page sets."""
    target = f"{LIST}202403/t20240305_1.htm"
    html = {"Content-Type": "text/html; charset=utf-8"}
    site.routes["/"] = (200, {**html, "Set-Cookie": "sid=7; Path=/"}, b"<html><body>" + b"<p>home</p>" * 50)
    site.routes[target] = lambda headers: page(1) if "sid=7" in headers.get("Cookie", "") else (200, html, b"\r\n")
    assert crawl(tmp_path, site).returncode == 0
    assert len(rows(tmp_path)) == 3
    assert site.targets().count("/") == 1


def test_a_moved_document_is_one_live_row_with_its_old_address_as_alias(site: SmallSite, tmp_path: Path) -> None:
    """A redirect of a known document to its new place moves the row; nothing is withdrawn or doubled."""
    crawl(tmp_path, site)
    old, new = f"{LIST}202403/t20240305_1.htm", f"{LIST}202404/t20240305_1.htm"
    site.routes[new] = site.routes[old]
    site.routes[old] = (302, {"Location": new}, b"")
    site.routes[LIST] = listing([("./202404/t20240305_1.htm", row(1)[1], "2024-03-05"), row(2), row(3)])
    assert crawl(tmp_path, site, "-a", "mode=full").returncode == 0
    (moved,) = [doc for doc in rows(tmp_path) if doc["title"] == row(1)[1]]
    assert (moved["url"], moved["state"]) == (f"http://{HOST}{new}", "live")
    assert f"http://{HOST}{old}" in moved["aliases"]
    assert len(rows(tmp_path)) == 3


def test_what_only_the_list_said_still_holds_when_it_lists_it_no_more(site: SmallSite, tmp_path: Path) -> None:
    """A listed file has its title and date from its line alone; unlisted and fetched again it is no other version."""
    line = ("./202403/P_7.pdf", "小城市司法局年度报告", "2024-03-01")
    site.routes[LIST] = listing([row(1), row(2), row(3), line])
    site.routes[f"{LIST}202403/P_7.pdf"] = 200, {"Content-Type": "application/pdf"}, b"%PDF-1.4\n" + b"% filling\n" * 40
    assert crawl(tmp_path, site).returncode == 0
    site.routes[LIST] = listing([row(1), row(2), row(3)])
    done = crawl(tmp_path, site, "-a", "mode=full")
    assert "changed 0" in done.stdout, done.stdout
    (report,) = (doc for doc in rows(tmp_path) if doc["url"].endswith("P_7.pdf"))
    assert (report["title"], report["publish_date"], report["state"]) == (line[1], line[2], "unlisted")


def test_a_document_that_moved_without_a_redirect_is_found_where_the_list_says(site: SmallSite, tmp_path: Path) -> None:
    """Its old address answers 404, its line bears the same DocId at a new one: one live row, nothing suspected."""
    crawl(tmp_path, site)
    old, new = f"{LIST}202403/t20240305_1.htm", f"{LIST}202404/t20240305_1.htm"
    site.routes[new] = site.routes.pop(old)
    site.routes[LIST] = listing([("./202404/t20240305_1.htm", row(1)[1], "2024-03-05"), row(2), row(3)])
    assert crawl(tmp_path, site, "-a", "mode=full").returncode == 0
    (moved,) = [doc for doc in rows(tmp_path) if doc["title"] == row(1)[1]]
    assert (moved["url"], moved["state"], moved["version_count"]) == (f"http://{HOST}{new}", "live", 1)
    assert f"http://{HOST}{old}" in moved["aliases"]


def test_a_redirect_to_the_list_is_how_a_document_goes_away(site: SmallSite, tmp_path: Path) -> None:
    """A known document whose address leads to the list now is suspected, not overwritten by the list's text."""
    crawl(tmp_path, site)
    site.routes[f"{LIST}202403/t20240305_1.htm"] = (302, {"Location": LIST}, b"")
    site.routes[LIST] = listing([row(2), row(3)])
    assert crawl(tmp_path, site, "-a", "mode=full").returncode == 0
    assert states(tmp_path)["1"] == "suspected"


def test_a_host_that_refuses_connections_is_named(tmp_path: Path) -> None:
    """A dead server fails the crawl with its reason."""
    declare(tmp_path)
    done = crawl(tmp_path, None, GOVCRAWL_CONNECT_TO=f"{HOST}:80:127.0.0.1:1")
    assert done.returncode == 1
    assert "not complete (refused)" in done.stdout


def test_a_full_disk_ends_the_crawl_and_leaves_a_sound_archive(site: SmallSite, tmp_path: Path) -> None:
    """When bytes cannot be made durable the crawl ends with the reason; what was committed before stays readable."""
    block = '<div class="article_attachment"><ul><li><a href="./P3.zip">附件.zip</a></li></ul></div>'
    site.routes[f"{LIST}202403/t20240305_3.htm"] = page(3, files=block)
    site.routes[f"{LIST}202403/P3.zip"] = (
        200,
        {"Content-Type": "application/zip"},
        b"PK" + os.urandom(5 * MEBIBYTE),
    )
    line, env = command(tmp_path, site)
    done = subprocess.run(
        line,
        env=env,
        cwd=tmp_path,
        text=True,
        capture_output=True,
        timeout=120,
        check=False,
        preexec_fn=lambda: _limit_file_size(3 * MEBIBYTE),
    )
    assert done.returncode == 1, done.stdout + done.stderr
    assert "not complete (archive)" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
    assert crawl(tmp_path, site).returncode == 0
    assert [len(doc["attachments"]) for doc in rows(tmp_path)].count(1) == 1
    assert len(rows(tmp_path)) == 3


def _limit_file_size(size_bytes: int) -> None:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # the write then fails with EFBIG instead of ending the process
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, size_bytes))


def test_killed_in_the_middle_and_run_again_nothing_is_lost(site: SmallSite, tmp_path: Path) -> None:
    """After kill -9 while documents are fetched; the same command run again completes the archive."""
    for n in range(4, 40):
        site.routes[f"{LIST}202403/t20240305_{n}.htm"] = page(n)
    site.routes[LIST] = listing([row(n) for n in range(1, 40)])
    line, env = command(tmp_path, site, "-s", "CONCURRENT_REQUESTS_PER_DOMAIN=1")
    with subprocess.Popen(line, env=env, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        until = time.monotonic() + 60
        while len(site.asked) < 15 and time.monotonic() < until:
            time.sleep(0.01)
        process.kill()
    assert len(site.asked) >= 15
    done = crawl(tmp_path, site)
    assert done.returncode == 0, done.stdout
    assert len(rows(tmp_path)) == 39
    assert not list((tmp_path / "data" / "warc").rglob("*.open"))


def test_two_crawls_of_one_agency_at_once_are_refused(site: SmallSite, tmp_path: Path) -> None:
    """The second says which process crawls since when, and exits with 1."""
    line, env = command(tmp_path, site, "-s", "DOWNLOAD_DELAY=5")
    with subprocess.Popen(line, env=env, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as first:
        until = time.monotonic() + 60
        while not site.asked and time.monotonic() < until:
            time.sleep(0.01)
        second = crawl(tmp_path, site)
        first.terminate()
    assert second.returncode == 1
    assert f"pid {first.pid}" in second.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("-a", "mode=fast"), "accepted: incremental, full"),
        (("-a", "since=yesterday"), "expected YYYY-MM-DD"),
        (("-a", "limit=0"), "whole number from 1"),
        (("-a", "pages=3"), "accepted: mode, since, limit"),
        (("-s", "GOVCRAWL_CONNECT_TO=here"), "HOST:PORT:HOST2:PORT2"),
    ],
)
def test_a_mistaken_argument_is_named_and_nothing_is_asked(
    site: SmallSite, tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    """Usage mistakes exit with 2 before anything is sent."""
    done = crawl(tmp_path, site, *arguments)
    assert done.returncode == 2
    assert said in done.stdout
    assert site.asked == []


def test_an_unknown_agency_is_answered_with_near_names(site: SmallSite, tmp_path: Path) -> None:
    """A misspelt agency exits with 2 and names what is near."""
    line, env = command(tmp_path, site)
    line[line.index("small_sfj")] = "smal_sfj"
    done = subprocess.run(line, env=env, cwd=tmp_path, text=True, capture_output=True, timeout=60, check=False)
    assert done.returncode == 2
    assert "small_sfj" in done.stderr
