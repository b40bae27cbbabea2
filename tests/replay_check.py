"""Whether other people's tools show what was archived: an own WACZ in pywb and in ReplayWeb.page, the text read off the screen.

Too slow, and too dependent on a package index and npm, for the test suite::

    python3 run.py python tests/replay_check.py --work DIR

``DIR`` takes the tools (fetched once), the archive that is crawled (the built-in demo and a small site that repeats
itself), the exports and one screenshot of each case. Needs python3 with venv, npm and a Chromium.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError
from urllib.parse import quote
from urllib.request import Request, urlopen

import click
from playwright.sync_api import Error as BrowserError
from playwright.sync_api import sync_playwright
from small_site import HOST, Answer, SmallSite, crawl, declare, document, listing, paragraphs

from archive.catalog import CATALOG_NAME, Catalog
from archive.cdxj import timestamp
from archive.reader import open_capture
from archive.rows import capture_of, instant

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from playwright.sync_api import Page

    from archive.model import Capture

PYWB, WACZ, REPLAYWEB = "pywb==2.10.0", "wacz==0.6.0", "replaywebpage@2.4.6"
BAGIT = "bagit==1.9.0"
BROWSER_FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
BROWSERS = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
SCREEN_SECONDS = 60.0
VIEW = """<!doctype html><meta charset="utf-8"><style>html,body,replay-web-page{height:100%%;margin:0;display:block}</style>
<script src="ui.js"></script>
<replay-web-page source="/archive.wacz" url="%s" ts="%s" embed="replayonly" replayBase="/replay/"></replay-web-page>
"""
WAIT = "<!doctype html><script>setTimeout(() => location.reload(), 300)</script>"
"""Stands where the player's service worker will answer, for when it is asked for before the worker has started."""


@dataclass(frozen=True, slots=True)
class Case:
    """An address at an instant, what must stand on the screen, and the digest of what must come byte for byte."""

    name: str
    url: str
    ts: str
    text: str
    payload_sha256: str


@click.command()
@click.option("--work", type=click.Path(path_type=Path), help="Directory for everything; default: a temporary one.")
def main(work: Path | None) -> None:
    """Crawl, export, replay in pywb and ReplayWeb.page, and look."""
    began = time.monotonic()
    work = (work or Path(tempfile.mkdtemp(prefix="replay-check-"))).resolve()
    tools = fetch_tools(work / "tools")
    data = make_archive(work)
    cases = pick_cases(data)
    for name in ("archive.wacz", "index.cdxj"):
        kind = name.rpartition(".")[2]
        run("-m", "govcrawl_command", "export", kind, "--data", str(data), "--output", str(work / name))
    failed = [*check_formats(work, data, tools), *replay(work, data, tools, cases)]
    for line in failed:
        click.secho(f"FAILED {line}", fg="red")
    click.echo(f"{len(cases)} cases, {len(failed)} failures, {time.monotonic() - began:.0f} s; screenshots in {work}")
    sys.exit(1 if failed else 0)


def run(*arguments: str) -> None:
    """Run this Python; ``-m govcrawl_command`` stands for the command line."""
    if arguments[:2] == ("-m", "govcrawl_command"):
        arguments = ("-c", "from govcrawl.cli import main; main(prog_name='govcrawl')", *arguments[2:])
    subprocess.run([sys.executable, *arguments], check=True)


def fetch_tools(folder: Path) -> Path:
    """Fetch pywb, wacz and bagit into environments of their own, and ReplayWeb.page's two scripts; once."""
    for name, package in (("pywb", PYWB), ("wacz", WACZ), ("bagit", BAGIT)):
        if not (folder / name / "ready").exists():
            click.echo(f"fetching {package}")
            shutil.rmtree(folder / name, ignore_errors=True)
            run("-m", "venv", str(folder / name))
            subprocess.run([folder / name / "bin" / "python", "-m", "pip", "-q", "install", package], check=True)
            (folder / name / "ready").touch()
    site = folder / "site"
    if not (site / "ui.js").exists():
        click.echo(f"fetching {REPLAYWEB}")
        npm = shutil.which("npm") or sys.exit("npm is not there: apt-get install npm")
        (site / "replay").mkdir(parents=True)
        subprocess.run([npm, "pack", "--silent", REPLAYWEB], cwd=folder, check=True, stdout=subprocess.DEVNULL)
        (packed,) = folder.glob("replaywebpage-*.tgz")
        shutil.unpack_archive(packed, folder / "npm", filter="data")
        shutil.copy(folder / "npm" / "package" / "sw.js", site / "replay" / "sw.js")
        shutil.copy(folder / "npm" / "package" / "ui.js", site / "ui.js")
    return folder


# The archive


def make_archive(work: Path) -> Path:
    """Crawl the demo, and twice a site whose pages do not change, into one data directory."""
    data = work / "data"
    shutil.rmtree(data, ignore_errors=True)
    run("-m", "govcrawl_command", "demo", "--keep", str(data))
    declare(work)
    with SmallSite(routes=small_routes()) as site:
        for mode in ("incremental", "full"):
            done = crawl(work, site, "-a", f"mode={mode}", GOVCRAWL_DATA=str(data))
            if done.returncode:
                sys.exit(done.stdout)
    return data


def small_routes() -> dict[str, Answer | Callable[[Mapping[str, str]], Answer]]:
    """A page that stays the same, one that is confirmed by 304, one in GBK, and a text file attached."""
    same = "/zwgk/gsgg/202403/t20240305_1.htm"
    kept = "/zwgk/gsgg/202403/t20240305_2.htm"
    gbk = "/zwgk/gsgg/202403/t20240305_3.htm"
    attached = '<p>附件：<a href="./P020240305.txt">茶山驿站开放时间表.txt</a></p>'
    _, _, body = document("茶山驿站法律服务时间公告", paragraphs("茶山") + attached, ident=1)
    _, headers, kept_body = document("溪口码头调解室公告", paragraphs("溪口"), ident=2)
    text = document("竹坝普法集市公告", paragraphs("竹坝"), ident=3)[2].decode().replace("utf-8", "gb2312", 1)

    def confirmed(asked: Mapping[str, str]) -> Answer:
        if asked.get("If-None-Match") == '"k1"':
            return 304, {"ETag": '"k1"'}, b""
        return 200, {**headers, "ETag": '"k1"'}, kept_body

    rows = [
        (same, "茶山驿站法律服务时间公告", "2024-03-05"),
        (kept, "溪口码头调解室公告", "2024-03-05"),
        (gbk, "竹坝普法集市公告", "2024-03-05"),
    ]
    return {
        "/robots.txt": (200, {"Content-Type": "text/plain"}, b"User-agent: *\nDisallow:\n"),
        "/": (200, {"Content-Type": "text/html"}, b"<html><body>home</body></html>"),
        "/zwgk/gsgg/": listing(rows),
        same: (200, headers, body),
        kept: confirmed,
        gbk: (200, {"Content-Type": "text/html; charset=gb2312"}, text.encode("gb18030")),
        "/zwgk/gsgg/202403/P020240305.txt": (
            200,
            {"Content-Type": "text/plain; charset=utf-8"},
            "茶山驿站开放时间：每周三上午九时\n".encode(),
        ),
    }


def pick_cases(data: Path) -> list[Case]:
    """One case of each kind out of the archive; ends the check where a kind is missing."""
    found: dict[str, Case] = {}
    with Catalog.open_read_only(data / CATALOG_NAME) as catalog, catalog.snapshot():
        rows = catalog.rows(
            "SELECT c.*, COALESCE((SELECT v.title FROM versions AS v JOIN captures AS o ON o.id = v.capture_id"
            " WHERE o.url = c.url ORDER BY v.number DESC LIMIT 1), '每周三上午九时') AS title FROM captures AS c"
            " WHERE c.status IN (200, 304) AND (c.kind = 'document' OR c.kind = 'attachment' AND c.url LIKE '%.txt')"
            " ORDER BY c.id"
        )
        for row in rows:
            capture = capture_of(row)
            with open_capture(data, capture, original_of=catalog.capture_by_record_id) as stored:
                payload = hashlib.sha256(b"".join(stored.iter_payload())).hexdigest()
                head = stored.head.lower()
            case = Case("", capture.url, timestamp(instant(capture.captured_at)), row["title"], payload)
            for name in kinds_of(capture, head):
                found.setdefault(name, Case(name, case.url, case.ts, case.text, payload))
    missing = {"plain", "chunked", "gzip", "revisit", "later 304", "GBK", "attachment"} - found.keys()
    if missing:
        sys.exit(f"the archive has no capture of the kinds {missing}: what is crawled has changed, change the check")
    return list(found.values())


def kinds_of(capture: Capture, head: bytes) -> Iterator[str]:
    """Name what a capture is an example of."""
    if capture.url.endswith(".txt"):
        names = {"attachment": capture.revisit_profile is None}
    elif capture.revisit_profile is not None:
        repeats = capture.revisit_profile == "identical-payload-digest"
        names = {"revisit" if repeats else "later 304": HOST in capture.url}
    else:
        chunked, coded, gbk = b"transfer-encoding: chunked" in head, b"content-encoding" in head, b"gb2312" in head
        names = {"chunked": chunked, "gzip": coded, "GBK": gbk, "plain": not (chunked or coded or gbk)}
        names = {name: holds and capture.media_type == "text/html" for name, holds in names.items()}
    yield from (name for name, holds in names.items() if holds)


# Formats


def check_formats(work: Path, data: Path, tools: Path) -> list[str]:
    """Ask wacz, bagit and cdxj-indexer what they think of the exports."""
    failed = []
    wacz = subprocess.run(
        [tools / "wacz" / "bin" / "wacz", "validate", "-f", work / "archive.wacz"],
        capture_output=True,
        text=True,
        check=False,
    )
    if wacz.returncode or "is valid" not in wacz.stdout:
        failed.append(f"wacz validate: {wacz.stdout}{wacz.stderr}")
    bag = work / "bag"
    shutil.rmtree(bag, ignore_errors=True)
    run("-m", "govcrawl_command", "export", "bag", "--agency", "demo_sfj", "--data", str(data), "--output", str(bag))
    python = tools / "bagit" / "bin" / "bagit.py"
    bagit = subprocess.run([python, "--validate", bag], capture_output=True, text=True, check=False)
    if bagit.returncode:
        failed.append(f"bagit.py --validate: {bagit.stderr}")
    return failed + check_index(work, data, tools)


def check_index(work: Path, data: Path, tools: Path) -> list[str]:
    """Compare the index with cdxj-indexer's: the same lines but for 304s, and for posted forms, which it keys by halves."""
    files = sorted((data / "warc").rglob("*.warc.gz"))
    made = subprocess.run(
        [tools / "wacz" / "bin" / "cdxj-indexer", "-p", *files], capture_output=True, check=True
    ).stdout.splitlines()
    theirs = {line for line in made if b'"status": "304"' not in line and b"/search" not in line}
    own_lines = (work / "index.cdxj").read_bytes().splitlines()
    own = {
        b'"filename": "'.join((a, b.rpartition(b"/")[2]))
        for a, _, b in (x.partition(b'"filename": "') for x in own_lines)
    }
    own = {line for line in own if b"/search" not in line}
    failed = [f"index, only here: {line.decode()}" for line in own - theirs]
    failed += [f"index, only in cdxj-indexer's: {line.decode()}" for line in theirs - own]
    if own_lines != sorted(own_lines):
        failed.append("index: not sorted by bytes")
    click.echo(f"index: {len(own & theirs)} lines equal to cdxj-indexer's, wacz and bagit.py asked")
    return failed


# Replay


def replay(work: Path, data: Path, tools: Path, cases: list[Case]) -> list[str]:
    """Show every case in every player; returns what was not as expected."""
    browser = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if browser is None:
        sys.exit("no Chromium on PATH: apt-get install chromium")
    site = tools / "site"
    shutil.copy(work / "archive.wacz", site / "archive.wacz")
    (site / "replay" / "index.html").write_text(WAIT, encoding="utf-8")
    for number, case in enumerate(cases):
        (site / f"view-{number}.html").write_text(VIEW % (case.url, case.ts), encoding="utf-8")
    failed = []
    with pywb(work, data, tools) as pywb_url, served(site) as site_url, sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=browser, args=BROWSER_FLAGS)
        click.echo(f"Chromium {chromium.version}, {PYWB}, {REPLAYWEB}")
        for number, case in enumerate(cases):
            players = {
                "pywb": f"{pywb_url}/wacz/{case.ts}mp_/{case.url}",
                "pywb-index": f"{pywb_url}/index/{case.ts}mp_/{case.url}",
                "replayweb": f"{site_url}/view-{number}.html",
            }
            for player, address in players.items():
                page = chromium.new_page(viewport={"width": 1000, "height": 700})
                went = look(page, address, case.text, work / f"{player}-{case.name.replace(' ', '-')}.png")
                page.close()
                click.echo(f"{player:11} {case.name:10} {'ok' if went is None else went}")
                if went is not None:
                    failed.append(f"{player}, {case.name} ({case.url} at {case.ts}): {went}")
            for collection in ("wacz", "index"):
                address = f"{pywb_url}/{collection}/{case.ts}id_/{quote(case.url, safe='%/:?&=')}"
                if digest_at(address) != case.payload_sha256:
                    failed.append(f"pywb, {collection}, {case.name}: other bytes than the payload archived")
        chromium.close()
    return failed


def digest_at(address: str) -> str | None:
    """SHA-256 of what an address answers, content codings kept; ``None`` where it answers no page."""
    try:
        with urlopen(Request(address, headers={"Accept-Encoding": "gzip"})) as answer:  # noqa: S310 -- loopback
            return hashlib.sha256(answer.read()).hexdigest()
    except HTTPError:
        return None


def look(page: Page, address: str, text: str, screenshot: Path) -> str | None:
    """Open an address and wait until a text stands on the screen; says what went wrong, ``None`` for nothing."""
    outside: list[str] = []
    page.on("request", lambda request: outside.append(request.url) if is_outside(request.url) else None)
    deadline = time.monotonic() + SCREEN_SECONDS
    shown = False
    try:
        page.goto(address, wait_until="commit")
        while not shown and time.monotonic() < deadline:
            page.wait_for_timeout(200)
            shown = any(text in visible_text(frame) for frame in page.frames)
        page.screenshot(path=screenshot)
    except BrowserError as error:
        return str(error).splitlines()[0]
    if not shown:
        return f"{text!r} did not appear within {SCREEN_SECONDS:.0f} s"
    return f"asked for {outside[0]}" if outside else None


def visible_text(frame: Any) -> str:
    """The text that a frame shows; a frame that is just being loaded shows none."""
    try:
        return str(frame.evaluate("document.body ? document.body.innerText : ''"))
    except BrowserError:
        return ""


def is_outside(url: str) -> bool:
    """Whether a request would leave this machine."""
    return url.startswith("http") and not url.startswith(("http://127.0.0.1:", "http://localhost:"))


@contextmanager
def pywb(work: Path, data: Path, tools: Path) -> Iterator[str]:
    """Serve the WACZ (``/wacz``), and the data directory itself by the exported index (``/index``), with pywb."""
    home = work / "pywb"
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir()
    programs = tools / "pywb" / "bin"
    for arguments in (("init", "wacz"), ("add", "--unpack-wacz", "wacz", str(work / "archive.wacz"))):
        subprocess.run([programs / "wb-manager", *arguments], cwd=home, check=True, capture_output=True)
    collection = f"collections:\n  index:\n    index: {work / 'index.cdxj'}\n    archive_paths: {data}/\n"
    (home / "config.yaml").write_text(collection, encoding="utf-8")
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with (home / "log").open("wb") as log:
        command: list[str | Path] = [programs / "wayback", "-b", "127.0.0.1", "-p", str(port)]
        process = subprocess.Popen(command, cwd=home, stdout=log, stderr=log, env={**os.environ, "no_proxy": "*"})
    try:
        for _ in range(300):
            with closing(socket.socket()) as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


class RangeHandler(SimpleHTTPRequestHandler):
    """Serves files, and ranges of them, which ReplayWeb.page asks for."""

    def send_head(self) -> Any:
        """Answer a range where one is asked for."""
        asked = self.headers.get("Range", "")
        path = Path(self.translate_path(self.path))
        if not asked.startswith("bytes=") or not path.is_file():
            return super().send_head()
        size = path.stat().st_size
        first, _, last = asked.removeprefix("bytes=").partition("-")
        start = int(first) if first else max(0, size - int(last))
        end = min(int(last), size - 1) if first and last else size - 1
        part = tempfile.TemporaryFile()  # noqa: SIM115 -- the base closes what it sends
        with path.open("rb") as file:
            file.seek(start)
            part.write(file.read(end - start + 1))
        part.seek(0)
        self.send_response(206)
        self.send_header("Content-Type", "application/octet-stream")
        self.send_header("Content-Length", str(end - start + 1))
        self.send_header("Content-Range", f"bytes {start}-{end}/{size}")
        self.end_headers()
        return part

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 -- the base's signature
        """Keep quiet."""


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve a folder on loopback."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(RangeHandler, directory=str(folder))) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


if __name__ == "__main__":
    main()
