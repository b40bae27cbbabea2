"""``govcrawl open``: the page around the archived one, what is served, and to whom."""

from __future__ import annotations

import http.client
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from exhibits import PAGE_URL, PDF, PDF_URL, exhibit_of, make_archive, png, serving

from archive.errors import ArchiveError, CatalogError
from govcrawl.exhibit import media_type_of

if TYPE_CHECKING:
    from archive.model import Capture
    from govcrawl.replay_server import ReplayServer

ROOT = Path(__file__).parent.parent


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
