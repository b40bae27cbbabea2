"""A channel that only a browser shows: what its page asks, receives and shows is archived, and nothing else is sent."""

from __future__ import annotations

import gzip
import json
import os
import re
import signal
import ssl
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from browser_site import FRAME, HTML, JSON, RENDERED, ROBOTS, SIGNED, answer, rows, show
from oracle import write_certificate
from scrapy.settings import Settings
from small_site import HOST, SmallSite, command, crawl
from warcs import group_of

from archive.catalog import Catalog
from archive.reader import iter_records, open_capture
from archive.recovery import whole_end
from archive.writer import WarcWriter, utc_now
from govcrawl.browser_find import find_browser

if TYPE_CHECKING:
    from collections.abc import Iterator

    from archive.model import Capture
    from archive.reader import StoredRecord


def captures(folder: Path) -> dict[str, list[Capture]]:
    """What was archived, by URL."""
    found: dict[str, list[Capture]] = {}
    with Catalog.open_read_only(folder / "data" / "catalog.db") as catalog:
        for row in catalog.file.rows("SELECT id FROM captures ORDER BY id"):
            capture = catalog.capture(row["id"])
            found.setdefault(capture.url, []).append(capture)
    return found


def content(folder: Path, capture: Capture) -> bytes:
    """The entity of a capture, as the archive's reader gives it back."""
    with (
        Catalog.open_read_only(folder / "data" / "catalog.db") as catalog,
        open_capture(folder / "data", capture, original_of=catalog.capture_by_record_id) as stored,
    ):
        return stored.read_content()


def records(folder: Path) -> Iterator[tuple[StoredRecord, bytes]]:
    """Every WARC record with its block."""
    for path in sorted((folder / "data" / "warc" / "small_sfj").glob("*.warc.gz")):
        for record in iter_records(path):
            yield record, record.read_block()


def block(folder: Path, kind: str, url: str) -> bytes:
    """The block of the only record of a type for a URL."""
    (found,) = [b for record, b in records(folder) if record.type == kind and record.header("WARC-Target-URI") == url]
    return found


def listed(folder: Path) -> list[str]:
    """Titles of the listed lines, in order."""
    with Catalog.open_read_only(folder / "data" / "catalog.db") as catalog:
        return [row["title"] for row in catalog.file.rows("SELECT title FROM listings ORDER BY position, title")]


@pytest.fixture(scope="module")
def chromium() -> Path:
    """The browser of this machine."""
    found = find_browser(Settings({"GOVCRAWL_BROWSER": os.environ.get("GOVCRAWL_BROWSER", "")}))
    if found is None:
        pytest.fail("these tests need a browser: sudo apt-get install chromium, or -m 'not browser' to leave them out")
    return found


@pytest.fixture(scope="module")
def shown(chromium: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, SmallSite, str]:
    """One crawl of a list whose script signs what it asks, reached by a redirect, and of one that its script writes itself."""
    folder = tmp_path_factory.mktemp(f"shown-in-{chromium.name}")
    show(folder, {"签名列表": SIGNED.rstrip("/"), "渲染列表": RENDERED})
    page = {
        "Content-Type": "text/html",
        "Content-Encoding": "gzip",
        "X-Name": "\xc7\xa9\xc3\xfb",  # 签名 in GBK, as such servers send it
        "Set-Cookie": "small_P8SESSION=1; path=/",
        "sEt-cookie": "zh_choose=s; path=/",
    }
    lines = "".join(f"<li><a href='{r['url']}'>{r['title']}</a><span>{r['time']}</span></li>" for r in rows(8, 9))
    written = f"""<html><head><title>渲染列表</title></head><body><p>小城市司法局渲染列表，由页面脚本写出</p>
<div class="ny_list"><ul id="zwgk_list"></ul></div><script>zwgk_list.innerHTML = {json.dumps(lines)};</script></body></html>"""
    routes: dict[str, Any] = {
        "/robots.txt": ROBOTS,
        SIGNED.rstrip("/"): (302, {"Location": SIGNED, "Content-Type": "text/html"}, b"moved"),
        SIGNED: (200, page, gzip.compress(FRAME.encode("gb18030"))),
        "/images/style.css": (200, {"Content-Type": "text/css"}, b".wz{color:#333}"),
        "/zwgk/count.php": (200, JSON, b"{}"),
        "/zwgk/list.php?cid=1&page=1&s=62": answer(1, 1, 2),
        "/zwgk/list.php?cid=1&page=2&s=27": answer(2, 3, 4),
        RENDERED: (200, HTML, written.encode()),
    }
    with SmallSite(routes) as site:
        done = crawl(folder, site)
    assert done.returncode == 0, done.stdout
    return folder, site, done.stdout


@pytest.mark.browser
@pytest.mark.usefixtures("chromium")
def test_the_lists_are_walked_to_their_ends(shown: tuple[Path, SmallSite, str]) -> None:
    """Rows come from the answer the page's script got, page after page, or from the rendered page where it asked nothing."""
    folder, _, output = shown
    assert sorted(listed(folder)) == [f"第{n}号决定" for n in (1, 2, 3, 4, 8, 9)]
    assert "complete" in output


@pytest.mark.browser
@pytest.mark.usefixtures("chromium")
def test_nothing_is_sent_but_what_the_list_needs(shown: tuple[Path, SmallSite, str]) -> None:
    """No image, icon, beacon, socket, worker, pop-up or disallowed address is asked for, and one page load walks all pages."""
    _, site, _ = shown
    assert sorted(site.targets()) == sorted(
        [
            *("/robots.txt", SIGNED.rstrip("/"), SIGNED, RENDERED, "/images/style.css", "/zwgk/count.php"),
            *("/zwgk/list.php?cid=1&page=1&s=62", "/zwgk/list.php?cid=1&page=2&s=27"),
        ]
    )


@pytest.mark.browser
@pytest.mark.usefixtures("chromium")
def test_the_browser_says_who_it_is(shown: tuple[Path, SmallSite, str]) -> None:
    """The User-Agent is the browser's own, undisguised, with the project's name and contact behind it."""
    _, site, _ = shown
    agents = {headers["User-Agent"] for target, headers in site.asked if target != "/robots.txt"}
    assert len(agents) == 1
    assert re.search(r"Chrome/.* govcrawl/[\d.]+ \(\+", agents.pop())


@pytest.mark.browser
@pytest.mark.usefixtures("chromium")
def test_a_gbk_page_is_archived_to_the_byte(shown: tuple[Path, SmallSite, str]) -> None:
    """The entity is what the server sent, not transcoded; the head is verbatim but for the names that the stored body belies."""
    folder, _, _ = shown
    (capture,) = captures(folder)[f"http://{HOST}{SIGNED}"]
    assert content(folder, capture) == FRAME.encode("gb18030")
    assert capture.kind == "list"
    assert capture.ip == "127.0.0.1"
    head = block(folder, "response", capture.url).partition(b"\r\n\r\n")[0]
    lines = [line for line in head.split(b"\r\n") if not line.startswith((b"Server:", b"Date:"))]
    length = len(gzip.compress(FRAME.encode("gb18030")))
    assert lines == [
        b"HTTP/1.1 200 OK",
        b"x-orig-Content-Length: %d" % length,
        b"Content-Type: text/html",
        b"x-orig-Content-Encoding: gzip",
        b"X-Name: \xc7\xa9\xc3\xfb",
        b"Set-Cookie: small_P8SESSION=1; path=/",
        b"sEt-cookie: zh_choose=s; path=/",
    ]


@pytest.mark.browser
@pytest.mark.usefixtures("chromium")
def test_sub_resources_and_script_requests_are_archived(shown: tuple[Path, SmallSite, str]) -> None:
    """Style sheets, fetched answers and posts are captures of their own; the list's answers are captures of the list."""
    folder, _, _ = shown
    found = captures(folder)
    kinds = {url.removeprefix(f"http://{HOST}"): (c.method, c.kind, c.status) for url, (c,) in found.items()}
    assert kinds["/images/style.css"] == ("GET", "other", 200)
    assert kinds["/zwgk/count.php"] == ("POST", "other", 200)
    assert kinds["/zwgk/list.php?cid=1&page=1&s=62"] == ("GET", "list", 200)
    request = block(folder, "request", f"http://{HOST}/zwgk/count.php")
    assert request.startswith(f"POST /zwgk/count.php HTTP/1.1\r\nHost: {HOST}\r\n".encode())
    assert request.endswith("\r\n\r\nid=7&t=中".encode())
    assert b"Cookie: small_P8SESSION=1; zh_choose=s\r\n" in request


@pytest.mark.browser
@pytest.mark.usefixtures("chromium")
def test_a_redirect_is_a_capture(shown: tuple[Path, SmallSite, str]) -> None:
    """The browser keeps no body of it, and the record says that it is cut; what it led to says that it came from there."""
    folder, _, _ = shown
    start = f"http://{HOST}{SIGNED.rstrip('/')}"
    (capture,) = captures(folder)[start]
    assert (capture.status, capture.truncated) == (302, "unspecified")
    assert block(folder, "response", start).endswith(b"\r\n\r\n")
    about = block(folder, "metadata", f"http://{HOST}{SIGNED}").decode()
    assert f"via: {start}\r\n" in about
    assert "hopsFromSeed: R\r\n" in about


@pytest.mark.browser
@pytest.mark.usefixtures("chromium")
def test_every_record_of_the_browser_says_so(shown: tuple[Path, SmallSite, str]) -> None:
    """The metadata record of a rebuilt exchange names the browser; that of a wire-true one does not."""
    folder, _, _ = shown
    said = {}
    for record, text in records(folder):
        if record.type == "metadata" and record.header("WARC-Concurrent-To"):
            said[record.header("WARC-Target-URI")] = b"rebuiltBy: " in text
    assert said.pop(f"http://{HOST}/robots.txt") is False
    assert set(said.values()) == {True}
    assert len(said) == 7


@pytest.mark.browser
@pytest.mark.usefixtures("chromium")
def test_the_rendered_page_is_a_resource_and_no_response(shown: tuple[Path, SmallSite, str]) -> None:
    """Each list page as it was shown is a resource record beside its capture, without a row, in UTF-8."""
    folder, _, _ = shown
    shots = [(r, text.decode()) for r, text in records(folder) if r.type == "resource"]
    assert [r.header("WARC-Target-URI") for r, _ in shots] == [
        *[f"urn:dom:http://{HOST}{SIGNED}", f"urn:dom:http://{HOST}{SIGNED}"],
        f"urn:dom:http://{HOST}{RENDERED}",
    ]
    assert {r.header("Content-Type") for r, _ in shots} == {"text/html; charset=utf-8"}
    first, second, third = (text for _, text in shots)
    assert "第1号决定</a>" in first
    assert "第3号决定</a>" in second
    assert "第8号决定</a>" in third
    (capture,) = captures(folder)[f"http://{HOST}{SIGNED}"]
    assert {r.header("WARC-Concurrent-To") for r, _ in shots[:2]} == {capture.record_id}
    assert not any(url.startswith("urn:") for url in captures(folder))


@pytest.mark.browser
@pytest.mark.usefixtures("chromium")
def test_a_script_challenge_is_reported_and_not_run(tmp_path: Path) -> None:
    """A page that a browser would get past by running its script is archived and called blocked; its script never runs."""
    show(tmp_path, {"签名列表": SIGNED})
    script = b"<html><script>document.cookie='__jsl_clearance=1'; fetch('/solved'); location.reload();</script></html>"
    with SmallSite({"/robots.txt": ROBOTS, SIGNED: (521, HTML, script)}) as site:
        done = crawl(tmp_path, site)
    assert done.returncode == 1
    assert "not complete (blocked)" in done.stdout
    assert site.targets() == ["/robots.txt", SIGNED, "/"]  # the last one is the control request
    (capture,) = captures(tmp_path)[f"http://{HOST}{SIGNED}"]
    assert content(tmp_path, capture) == script


@pytest.mark.browser
@pytest.mark.usefixtures("chromium")
def test_a_file_is_archived_and_not_shown(tmp_path: Path) -> None:
    """A channel's address that answers with a PDF starts no viewer and no download."""
    show(tmp_path, {"签名列表": SIGNED})
    pdf = b"%PDF-1.4\n" + b"1 0 obj << /Type /Catalog >> endobj\n" + b"%%EOF\n"
    with SmallSite({"/robots.txt": ROBOTS, SIGNED: (200, {"Content-Type": "application/pdf"}, pdf)}) as site:
        done = crawl(tmp_path, site)
    assert done.returncode == 1
    assert site.targets() == ["/robots.txt", SIGNED]
    (capture,) = captures(tmp_path)[f"http://{HOST}{SIGNED}"]
    assert content(tmp_path, capture) == pdf


@pytest.mark.browser
@pytest.mark.usefixtures("chromium")
def test_an_answer_that_is_too_large_is_kept_as_a_prefix(tmp_path: Path) -> None:
    """What announces more than GOVCRAWL_BROWSER_MAX_BYTES is archived up to there and said to be cut; the list is not read."""
    show(tmp_path, {"签名列表": SIGNED})
    told = b'{"code":0,"list":[' + b" " * 200_000 + b"]}"
    routes: dict[str, Any] = {"/robots.txt": ROBOTS, "/zwgk/list.php?cid=1&page=1&s=62": (200, JSON, told)}
    routes[SIGNED] = (200, {"Content-Type": "text/html"}, FRAME.encode("gb18030"))
    with SmallSite(routes) as site:
        done = crawl(tmp_path, site, "-s", "GOVCRAWL_BROWSER_MAX_BYTES=100000", "-s", "RETRY_TIMES=0")
    assert done.returncode == 1
    assert "cut short in the browser (length)" in done.stdout
    (capture,) = captures(tmp_path)[f"http://{HOST}/zwgk/list.php?cid=1&page=1&s=62"]
    assert capture.truncated == "length"
    assert block(tmp_path, "response", capture.url).partition(b"\r\n\r\n")[2] == told[:100_000]


@pytest.mark.browser
@pytest.mark.usefixtures("chromium")
def test_a_page_that_asks_for_ever_is_read_as_it_stands(tmp_path: Path) -> None:
    """A page whose script never stops asking is taken as it shows itself after DOWNLOAD_TIMEOUT."""
    lines = "".join(f"<li><a href='{r['url']}'>{r['title']}</a></li>" for r in rows(8))
    text = f"""<html><body><p>小城市司法局的列表，页面不停轮询</p><div class="ny_list"><ul>{lines}</ul></div>
<script>setInterval(() => fetch('/poll'), 100)</script></body></html>"""
    show(tmp_path, {"渲染列表": RENDERED})
    routes: dict[str, Any] = {"/robots.txt": ROBOTS, RENDERED: (200, HTML, text.encode()), "/poll": (200, JSON, b"{}")}
    with SmallSite(routes) as site:
        done = crawl(tmp_path, site, "-s", "DOWNLOAD_TIMEOUT=3")
    assert done.returncode == 0, done.stdout
    assert listed(tmp_path) == ["第8号决定"]
    assert len(captures(tmp_path)[f"http://{HOST}/poll"]) > 1


@pytest.mark.browser
@pytest.mark.usefixtures("chromium")
def test_a_list_that_robots_disallows_is_not_asked_for(tmp_path: Path) -> None:
    """A page's script may not ask for what its site's robots.txt disallows, and the crawl says why the list is missing."""
    show(tmp_path, {"签名列表": SIGNED})
    frame = (
        "<html><body><p>小城市司法局的列表由脚本取得</p><script>fetch('/nbxx/list.php?cid=1')</script></body></html>"
    )
    with SmallSite({"/robots.txt": ROBOTS, SIGNED: (200, HTML, frame.encode())}) as site:
        done = crawl(tmp_path, site)
    assert done.returncode == 1
    assert "not complete (robots)" in done.stdout
    assert "/nbxx/list.php?cid=1" in done.stdout
    assert site.targets() == ["/robots.txt", SIGNED]


@pytest.mark.browser
@pytest.mark.usefixtures("chromium")
def test_https_with_a_certificate_of_its_own_is_shown(tmp_path: Path) -> None:
    """A self-signed, expired certificate for another name does not keep the list from being read; TLS is recorded."""
    show(tmp_path, {"签名列表": SIGNED}, base=f"https://{HOST}")
    routes: dict[str, Any] = {
        "/robots.txt": ROBOTS,
        SIGNED: (200, {"Content-Type": "text/html"}, FRAME.encode("gb18030")),
        "/zwgk/list.php?cid=1&page=1&s=62": answer(1, 1, 2),
        "/zwgk/list.php?cid=1&page=2&s=27": answer(2, 3, 4),
    }
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(write_certificate(tmp_path))
    with SmallSite(routes) as site:
        site._server.socket = tls.wrap_socket(site._server.socket, server_side=True)
        done = crawl(tmp_path, site, GOVCRAWL_CONNECT_TO=f":443:127.0.0.1:{site.port}")
    assert done.returncode == 0, done.stdout
    said = [
        r.headers
        for r, _ in records(tmp_path)
        if r.type == "response" and "list.php" in (r.header("WARC-Target-URI") or "")
    ]
    assert len(said) == 2
    for headers in said:
        assert [value for name, value in headers if name == "WARC-Protocol"] == ["http/1.1", "tls/1.3"]


def descendants(parent: int) -> Iterator[int]:
    """Processes that a process started, and those they started."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:  # it ended meanwhile
                continue
            if int(fields[1]) == parent:
                yield int(entry.name)
                yield from descendants(int(entry.name))


@pytest.mark.browser
def test_a_browser_that_dies_is_a_failure_with_its_reason(chromium: Path, tmp_path: Path) -> None:
    """When the browser is killed while it shows a page, the list is not complete, the reason is said, the crawl ends."""
    show(tmp_path, {"签名列表": SIGNED})
    started: list[int] = []

    def kill(_: Any) -> tuple[int, dict[str, str], bytes]:
        for pid in descendants(started[0]):
            try:
                if Path(f"/proc/{pid}/exe").resolve().name.startswith(("chrom", "headless_shell")):
                    os.kill(pid, signal.SIGKILL)
            except OSError:  # it ended with the one before
                continue
        return answer(1, 1, 2)

    routes: dict[str, Any] = {"/robots.txt": ROBOTS, "/zwgk/list.php?cid=1&page=1&s=62": kill}
    routes[SIGNED] = (200, {"Content-Type": "text/html"}, FRAME.encode("gb18030"))
    with SmallSite(routes) as site:
        line, env = command(tmp_path, site, "-s", "RETRY_TIMES=0", GOVCRAWL_BROWSER=str(chromium))
        with subprocess.Popen(
            line, env=env, cwd=tmp_path, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        ) as crawling:
            started.append(crawling.pid)
            output, _ = crawling.communicate(timeout=120)
    assert crawling.returncode == 1, output
    assert "not complete (connection)" in output
    assert "Traceback" not in output
    assert re.search(r"browser('s page crashed| ended)|in the browser:", output), output


@pytest.mark.browser
@pytest.mark.usefixtures("chromium")
def test_what_cannot_be_archived_is_not_read(tmp_path: Path) -> None:
    """When an answer that the page received cannot be stored, the crawl ends and nothing of the list is in the catalog."""
    refuse = """

from archive.errors import ArchiveWriteError
from govcrawl.session import Session

whole = Session.put_exchange


async def put_exchange(self, exchange, request):
    if "list.php" in exchange.url:
        raise ArchiveWriteError("no room, for the test")
    return await whole(self, exchange, request)


Session.put_exchange = put_exchange
"""
    show(tmp_path, {"签名列表": SIGNED}, more=refuse)
    routes: dict[str, Any] = {"/robots.txt": ROBOTS, "/zwgk/list.php?cid=1&page=1&s=62": answer(1, 1, 2)}
    routes[SIGNED] = (200, {"Content-Type": "text/html"}, FRAME.encode("gb18030"))
    with SmallSite(routes) as site:
        done = crawl(tmp_path, site)
    assert done.returncode == 1
    assert "not complete (archive): no room, for the test" in done.stdout
    assert "Traceback" not in done.stdout
    assert listed(tmp_path) == []


def test_a_rendered_page_is_whole_or_cut_off_after_a_crash(tmp_path: Path) -> None:
    """A resource record behind the last capture stays when a dead crawl's file is repaired, unless it is cut itself."""
    writer = WarcWriter(tmp_path, "small_sfj", warcinfo={})
    (placed,) = writer.write_groups([group_of()])
    shot = writer.write_resource("urn:dom:http://a.test/", b"<html></html>", "text/html", placed.record_id, utc_now())
    writer.keep()
    (path,) = tmp_path.glob("*.open")
    assert whole_end(path) == path.stat().st_size == shot.offset + shot.length
    data = path.read_bytes()
    cut = tmp_path / "cut.warc.gz"
    cut.write_bytes(data[:-1])
    assert whole_end(cut) == shot.offset
    writer.close()
