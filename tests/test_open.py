"""``govcrawl open``: the page around the archived one, what is served, to whom, and what a real browser makes of it."""

from __future__ import annotations

import hashlib
import http.client
import os
import signal
import struct
import subprocess
import sys
import threading
import zlib
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from datadirs import EXTRACTION, begin, finish
from hostile_pages import HOSTILE, OUTSIDE
from playwright.sync_api import sync_playwright
from scrapy.settings import Settings
from warcs import AGENCY, STARTED_AT, context_of, exchange_of, response_of

from archive.catalog import CATALOG_NAME, Catalog
from archive.errors import ArchiveError, CatalogError
from archive.model import Document, File
from archive.store import Store
from govcrawl.browser_find import find_browser
from govcrawl.exhibit import media_type_of, read_exhibit
from govcrawl.replay_server import ReplayServer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser

    from archive.model import Capture
    from govcrawl.exhibit import Exhibit

BASE = "https://sfj.haidao.test/"
PAGE_URL, PDF_URL, PNG_URL, CSS_URL = f"{BASE}t1.htm", f"{BASE}P1.pdf", f"{BASE}P1.png", f"{BASE}a.css"
PDF = b"%PDF-1.4 invented"
ROOT = Path(__file__).parent.parent


def png(width: int = 3, height: int = 2) -> bytes:
    """A small black picture."""
    parts = (
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)),
        (b"IDAT", zlib.compress((b"\0" + b"\0" * width) * height)),
        (b"IEND", b""),
    )
    chunks = (
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in parts
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


PAGE = (
    '<!DOCTYPE html><html><head><title>公告</title><link rel="stylesheet" href="a.css"></head><body>'
    '<h1>关于茶山驿站的公告</h1><p id="text">正文在此</p><img id="picture" src="P1.png"><a id="file" href="P1.pdf">附件</a>'
    "<script>document.title='ran'</script></body></html>"
)


def html(text: str) -> bytes:
    """A response with a page."""
    return response_of(text.encode(), b"Content-Type: text/html; charset=utf-8")


def file_of(url: str, content: bytes, capture: Capture, label: str | None = None) -> File:
    """A file as the crawl puts it."""
    return File(
        url=url,
        label=label,
        filename=url.rpartition("/")[2],
        media_type=capture.media_type,
        bytes=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        capture_id=capture.id,
    )


def make_archive(folder: Path, *pages: str) -> Path:
    """One crawl for each state of the page, which has a file, a picture and a style sheet."""
    for number, text in enumerate(pages or (PAGE, PAGE.replace("正文在此", "正文已改")), 1):
        at = STARTED_AT + timedelta(days=number)
        with Store.open(folder) as store:
            begin(store, number)
            context = context_of(crawl_id=f"crawl-{number}")
            css = b"h1 { color: rgb(1, 2, 3); background: url(P1.png) }"
            made = store.put_captures(
                [
                    (exchange_of(response, url=url, started_at=at + timedelta(seconds=n)), context)
                    for n, (url, response) in enumerate(
                        (
                            (PAGE_URL, html(text)),
                            (PDF_URL, response_of(PDF, b"Content-Type: application/pdf")),
                            (PNG_URL, response_of(png(), b"Content-Type: text/html")),
                            (CSS_URL, response_of(css, b"Content-Type: text/css")),
                        )
                    )
                ]
            )
            own = Document(url=PAGE_URL, title="关于<茶山>驿站的公告", text=f"第{number}版", extraction=EXTRACTION)
            lost = File(
                url=f"{BASE}P2.doc",
                label="附件2",
                filename=None,
                media_type=None,
                bytes=None,
                sha256=None,
                capture_id=None,
                error="404",
            )
            for document, capture, files, images in (
                (own, made[0], [file_of(PDF_URL, PDF, made[1], "附件<1>"), lost], [file_of(PNG_URL, png(), made[2])]),
                (binary_document(), made[1], [file_of(PDF_URL, PDF, made[1])], []),
            ):
                store.catalog.put_document(
                    f"crawl-{number}",
                    AGENCY.name,
                    document,
                    url_key=document.url.removeprefix("https://"),
                    capture_id=capture.id,
                    attachments=files,
                    images=images,
                    at=at,
                )
            finish(store, number)
    return folder


def binary_document() -> Document:
    """A document that is itself a file."""
    extraction = type(EXTRACTION)(
        method="binary", extractor_version="1", trafilatura_version=None, encoding=None, container=None, agreement=None
    )
    return Document(url=PDF_URL, title="规划图", text=None, extraction=extraction)


def exhibit_of(data: Path, url: str = PAGE_URL, number: int | None = None) -> Exhibit:
    """A version of the document at an address."""
    with Catalog.open_read_only(data / CATALOG_NAME) as catalog:
        (known,) = [one for one in catalog.known_documents(AGENCY.name) if one.url == url]
        return read_exhibit(catalog, data, known.document_id, number)


@contextmanager
def serving(data: Path, exhibit: Exhibit) -> Iterator[ReplayServer]:
    """Serve an exhibit in a thread."""
    with ReplayServer(exhibit, data) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def ask(server: ReplayServer, path: str, *, method: str = "GET", host: str | None = None) -> tuple[int, Any, bytes]:
    """Status, headers and body of an answer."""
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port)
    connection.putrequest(method, path, skip_host=True)
    connection.putheader("Host", host or f"127.0.0.1:{server.server_port}")
    connection.endheaders()
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, answer.headers, body


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The archive; tests read it only."""
    return make_archive(tmp_path_factory.mktemp("archive"))


def test_banner(data: Path) -> None:
    """The page around says what, when, which version and record, where it lies, its digests, and that scripts are off."""
    exhibit = exhibit_of(data, number=1)
    with serving(data, exhibit) as server:
        status, headers, body = ask(server, "/")
    text = body.decode()
    capture = exhibit.capture
    for said in (
        "关于&lt;茶山&gt;驿站的公告",
        PAGE_URL,
        "2024-03-06 06:07:08 UTC",
        "version 1 of 2",
        capture.record_id.replace("<", "&lt;").replace(">", "&gt;"),
        f"{capture.warc_file} @{capture.offset}+{capture.length}",
        str(capture.payload_digest),
        capture.block_digest,
        "Scripts are off",
        "附件&lt;1&gt;",
        "404",
        'sandbox="allow-downloads"',
    ):
        assert said in text
    assert status == 200
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert "<茶山>" not in text


def test_language(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The banner speaks the user's language."""
    monkeypatch.setenv("GOVCRAWL_LANG", "zh")
    with serving(data, exhibit_of(data, number=1)) as server:
        assert "脚本已关闭" in ask(server, "/")[2].decode()


def test_versions(data: Path) -> None:
    """Each version is shown as its own capture had it; the current one unless asked; one that is not there is an error."""
    assert "正文在此" in (exhibit_of(data, number=1).page or b"").decode()
    assert "正文已改" in (exhibit_of(data).page or b"").decode()
    with pytest.raises(CatalogError, match="no version 3"):
        exhibit_of(data, number=3)


def test_parts_of_the_page(data: Path) -> None:
    """Pictures come under the type that they are, not the one they were declared as; a file is a download; styles lead on."""
    with serving(data, exhibit_of(data)) as server:
        page = ask(server, "/page")[2].decode()
        picture = page.split('<img src="')[1].split('"')[0]
        status, headers, body = ask(server, picture)
        assert (status, headers["Content-Type"], body) == (200, "image/png", png())
        assert headers["Content-Security-Policy"].startswith("sandbox")
        attached = page.split('href="/file/')[1].split('"')[0]
        status, headers, body = ask(server, f"/file/{attached}")
        assert (status, headers["Content-Type"], body) == (200, "application/octet-stream", PDF)
        assert headers["Content-Disposition"].startswith('attachment; filename="P1.pdf"')
        sheet = page.split('rel="stylesheet" href="')[1].split('"')[0]
        status, headers, body = ask(server, sheet)
        assert (status, headers["Content-Type"]) == (200, "text/css; charset=utf-8")
        assert f'url("{picture}")'.encode() in body


def test_memento_headers(data: Path) -> None:
    """The page says which address it is a copy of, and of when (RFC 7089)."""
    with serving(data, exhibit_of(data, number=1)) as server:
        _, headers, _ = ask(server, "/page")
    assert headers["Memento-Datetime"] == "Wed, 06 Mar 2024 06:07:08 GMT"
    assert headers["Link"] == f'<{PAGE_URL}>; rel="original"'


def test_a_document_that_is_a_file(data: Path) -> None:
    """It is offered as a download, without a frame."""
    exhibit = exhibit_of(data, PDF_URL)
    with serving(data, exhibit) as server:
        text = ask(server, "/")[2].decode()
        assert "<iframe" not in text
        assert ask(server, "/page")[0] == 404
        (path,) = {file.path for file in exhibit.files}
        assert path is not None
        assert f'<a href="{path}">规划图</a>' in text
        assert ask(server, path)[2] == PDF


@pytest.mark.parametrize("host", ["evil.test", "evil.test:{}", "127.0.0.1", "127.0.0.1:1", "sfj.haidao.test"])
def test_only_under_its_own_address(data: Path, host: str) -> None:
    """A request under another name (DNS rebinding) is refused, whatever it asks for."""
    with serving(data, exhibit_of(data)) as server:
        for path in ("/", "/page", "/file/2"):
            status, _, body = ask(server, path, host=host.format(server.server_port))
            assert (status, b"\xe6" in body) == (421, False)
        assert ask(server, "/", host=f"localhost:{server.server_port}")[0] == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_read_only(data: Path, method: str) -> None:
    """Nothing but GET and HEAD is answered."""
    with serving(data, exhibit_of(data)) as server:
        status, headers, _ = ask(server, "/", method=method)
        assert (status, headers["Allow"]) == (405, "GET, HEAD")
        assert ask(server, "/", method="HEAD")[2] == b""


@pytest.mark.parametrize(
    "path", ["/catalog.db", "/../catalog.db", "/file/1/../../catalog.db", "/file/999", "/image/2", "/page/"]
)
def test_nothing_else(data: Path, path: str) -> None:
    """Only what belongs to the version is served."""
    with serving(data, exhibit_of(data)) as server:
        assert ask(server, path)[0] == 404


@pytest.mark.parametrize(
    ("start", "declared", "expected"),
    [
        (png(), "text/html", "image/png"),
        (b"\xff\xd8\xff\xe0", None, "image/jpeg"),
        (b"GIF89a", None, "image/gif"),
        (b"RIFF0000WEBPVP8 ", None, "image/webp"),
        (b"<svg xmlns=", "image/svg+xml", "image/svg+xml"),
        (b"<html><script>", "image/png", None),
        (b"", "image/png", None),
    ],
)
def test_what_is_a_picture(start: bytes, declared: str | None, expected: str | None) -> None:
    """A picture is what begins like one, or is declared as SVG; a page that is called a picture is not shown."""
    assert media_type_of(start, declared) == expected


def flip(data: Path, capture: Capture) -> None:
    """Flip a bit in the middle of a capture's record."""
    path = data / capture.warc_file
    content = bytearray(path.read_bytes())
    content[capture.offset + capture.length // 2] ^= 1
    path.write_bytes(content)


def test_changed_bytes_are_not_shown(tmp_path: Path) -> None:
    """A page whose record was changed is an error; a changed file is refused when it is asked for."""
    data = make_archive(tmp_path)
    exhibit = exhibit_of(data, number=1)
    (path,) = {file.path for file in exhibit.files if file.path}
    flip(data, exhibit.held[path].capture)
    with serving(data, exhibit) as server:
        assert ask(server, path)[0] == 502
    flip(data, exhibit.capture)
    with pytest.raises(ArchiveError):
        exhibit_of(data, number=1)


def test_command(data: Path) -> None:
    """``govcrawl open`` prints its address, serves until Ctrl-C, and ends with 0."""
    command = [sys.executable, "-c", "from govcrawl.cli import main; main(prog_name='govcrawl')"]
    command += ["open", PAGE_URL, "--version", "1", "--no-browser", "--data", str(data)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT)
    try:
        assert process.stdout
        port = process.stdout.readline().strip().rpartition(":")[2].rstrip("/")
        connection = http.client.HTTPConnection("127.0.0.1", int(port))
        connection.request("GET", "/page")
        assert "正文在此" in connection.getresponse().read().decode()
        connection.close()
    finally:
        process.send_signal(signal.SIGINT)
        _, complaint = process.communicate(timeout=20)
    assert (process.returncode, "Traceback" in complaint) == (0, False)


def test_a_port_that_is_taken(data: Path) -> None:
    """A port that cannot be had is a mistake of the call, said in one line."""
    with serving(data, exhibit_of(data)) as server:
        command = [sys.executable, "-c", "from govcrawl.cli import main; main(prog_name='govcrawl')"]
        command += ["open", PAGE_URL, "--port", str(server.server_port), "--no-browser", "--data", str(data)]
        done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)


# A real browser


class Trap(ThreadingHTTPServer):
    """The outside: a server that every name but this machine's leads to, and that counts who comes."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Counting)
        self.asked: list[str] = []


class _Counting(BaseHTTPRequestHandler):
    """Answers everything with a page that says so."""

    server: Trap

    def do_GET(self) -> None:
        self.server.asked.append(f"{self.headers['Host']} {self.path}")
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<title>outside</title>outside")

    do_POST = do_GET  # noqa: N815 - the base looks for this name

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base's signature
        """Keep quiet; ``asked`` is the log."""


@pytest.fixture(scope="module")
def trap() -> Iterator[Trap]:
    """The outside."""
    with Trap() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def chromium(trap: Trap) -> Iterator[Browser]:
    """A browser for which every other name leads into the trap."""
    found = find_browser(Settings({"GOVCRAWL_BROWSER": os.environ.get("GOVCRAWL_BROWSER", "")}))
    if found is None:
        pytest.fail("these tests need a browser: sudo apt-get install chromium, or -m 'not browser' to leave them out")
    rules = f"MAP *.test 127.0.0.1:{trap.server_port}"
    flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", f"--host-resolver-rules={rules}"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=flags)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """An archive for each hostile page, and one for a page that tries everything."""
    bodies = {**HOSTILE, "all": "".join(HOSTILE.values())}
    return {
        name: make_archive(tmp_path_factory.mktemp("hostile"), f"<!DOCTYPE html><p>正文在此</p>{body}")
        for name, body in bodies.items()
    }


@pytest.mark.browser
def test_the_trap_catches(chromium: Browser, trap: Trap) -> None:
    """Shown without the sandbox, the same pages do reach the outside: what follows proves something."""
    trap.asked.clear()
    page = chromium.new_page()
    page.set_content("".join(HOSTILE.values()))
    page.wait_for_timeout(1000)
    page.close()
    assert any(asked.startswith(OUTSIDE) for asked in trap.asked)


@pytest.mark.browser
@pytest.mark.parametrize("name", ["all", *HOSTILE])
@pytest.mark.parametrize("framed", [True, False], ids=["framed", "alone"])
def test_a_browser_runs_and_fetches_nothing(
    hostile: dict[str, Path], chromium: Browser, trap: Trap, name: str, *, framed: bool
) -> None:
    """In Chromium a hostile page shows its text, runs no script, asks no other host, and stays where it is when clicked."""
    data = hostile[name]
    trap.asked.clear()
    foreign: list[str] = []
    with serving(data, exhibit_of(data, number=1)) as server:
        page = chromium.new_page()
        page.on(
            "request", lambda request: foreign.append(request.url) if not request.url.startswith(server.url) else None
        )
        page.goto(server.url if framed else f"{server.url}page")
        page.wait_for_load_state("load")
        shown = page.frames[-1]
        assert "正文在此" in shown.locator("body").inner_text()
        for link in shown.locator("a, button, area").all():
            link.dispatch_event("click")
        page.wait_for_timeout(300)
        assert page.title() != "ran"
        assert {frame.url for frame in page.frames} <= {server.url, f"{server.url}page"}
        page.close()
    assert [url for url in foreign if not url.startswith("data:")] == []
    assert trap.asked == []


@pytest.mark.browser
def test_a_browser_shows_picture_style_and_file(data: Path, chromium: Browser) -> None:
    """Captured pictures and styles are seen in the frame, and the attachment can be downloaded from it."""
    with serving(data, exhibit_of(data)) as server:
        page = chromium.new_page()
        page.goto(server.url)
        frame = page.frame_locator("iframe")
        picture = frame.locator("#picture")
        picture.wait_for()
        box = picture.bounding_box()
        assert box is not None
        assert (box["width"], box["height"]) == (3, 2)
        style = frame.locator("h1")
        assert style.evaluate("element => getComputedStyle(element).color") == "rgb(1, 2, 3)"
        with page.expect_download() as download:
            frame.locator("#file").click()
        assert Path(download.value.path()).read_bytes() == PDF
        assert download.value.suggested_filename == "P1.pdf"
        page.close()
