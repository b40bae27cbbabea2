"""What a real browser makes of ``govcrawl serve`` over an archive in which everything is hostile: it shows it, and that is all."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
from hostile_archive import BASE, HIDDEN_URL, UI_URL, make_hostile_archive, url_of
from hostile_captures import CAPTURES, PARTS, WORDS
from hostile_pages import OUTSIDE
from playwright.sync_api import Error as BrowserError
from playwright.sync_api import sync_playwright
from trap import Trap, launch, trapping
from warcs import AGENCY
from web_site import served

from archive.catalog import CATALOG_NAME, Catalog
from govcrawl.replay import PAGE_HEADERS, render_replay

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from playwright.sync_api import Browser, BrowserContext, Dialog, Page, Playwright, Route
    from web_site import Site

pytestmark = pytest.mark.browser
HELD_OPEN = 8
CLICKABLE = "a, button, area, input[type=submit], input[type=image], summary, label"
STOPPED = "chrome-error://"
"""Where a frame is that a policy did not let go where it wanted."""
DWELL_MILLISECONDS = 400
"""How long pages are watched after everything in them was clicked; a refresh of 0 seconds and an image take less."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The hostile archive; tests read it only."""
    return make_hostile_archive(tmp_path_factory.mktemp("hostile"))


@pytest.fixture(scope="module")
def site(folder: Path) -> Iterator[Site]:
    """The pages over it."""
    with served(folder) as site:
        yield site


@pytest.fixture(scope="module")
def trap() -> Iterator[Trap]:
    """The outside."""
    with trapping() as server:
        yield server


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    """What starts browsers."""
    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="module")
def chromium(playwright: Playwright, trap: Trap) -> Iterator[Browser]:
    """A browser for which every other name leads into the trap."""
    browser = launch(playwright, trap)
    yield browser
    browser.close()


@pytest.fixture(scope="module")
def ids(folder: Path) -> dict[str, str]:
    """Document ids by address."""
    with Catalog.open_read_only(folder / CATALOG_NAME) as catalog:
        return {one.url: one.document_id for one in catalog.known_documents(AGENCY.name)}


class Watch:
    """Everything that pages of a browser context did besides being shown."""

    def __init__(self, context: BrowserContext, own: str) -> None:
        self.own = own
        self.scripts: list[str] = []  # what scripts said, dialogs, workers
        self.left: list[str] = []  # pop-ups and frames that went elsewhere
        self._answered: list[str] = []
        context.on("console", lambda message: self.scripts.append(message.text) if message.text == "ran" else None)
        context.on("dialog", self._dialog)
        context.on("response", lambda response: self._answered.append(response.url))
        context.on("page", self._page)
        context.on("serviceworker", lambda worker: self.scripts.append(worker.url))

    @property
    def asked(self) -> list[str]:
        """Requests that went elsewhere and were answered; what a policy stops is never sent, what is not answered the trap counts."""
        return [url for url in self._answered if not url.startswith((self.own, "data:", "about:"))]

    def _dialog(self, dialog: Dialog) -> None:
        self.scripts.append(dialog.message)
        dialog.dismiss()

    def _page(self, page: Page) -> None:
        page.on("popup", lambda popup: self.left.append(popup.url))
        page.on("worker", lambda worker: self.scripts.append(worker.url))

    def check_frames(self, page: Page, address: str) -> None:
        """Note frames that are not where they began."""
        for frame in page.frames:
            where = frame.url
            stayed = where == address and where.startswith(f"{self.own}/")
            framed = frame != page.main_frame and where.startswith((f"{self.own}/", STOPPED, "about:"))
            if not (stayed or framed):
                self.left.append(where)


@contextmanager
def watched(chromium: Browser, own: str) -> Iterator[tuple[BrowserContext, Watch]]:
    """Open a browser context under watch, its downloads accepted."""
    context = chromium.new_context(accept_downloads=True)
    try:
        yield context, Watch(context, own)
    finally:
        context.close()


def look(context: BrowserContext, watch: Watch, addresses: Sequence[str], *, words: str | None = None) -> None:
    """Open each address in a tab, see the words, click whatever can be clicked there, and watch all of them for a while."""
    tabs = [context.new_page() for _ in addresses[:HELD_OPEN]]
    for start in range(0, len(addresses), HELD_OPEN):
        batch = list(zip(tabs, addresses[start:], strict=False))
        for tab, address in batch:
            tab.goto(address, wait_until="commit")
        opened = [_see(tab, words) for tab, _ in batch]
        tabs[0].wait_for_timeout(DWELL_MILLISECONDS)
        for (tab, _), address in zip(batch, opened, strict=True):
            watch.check_frames(tab, address)
    for tab in tabs:
        tab.close()


def _see(tab: Page, words: str | None) -> str:
    """See the words in the page or in what it frames, click what can be clicked, and return where the tab is."""
    tab.wait_for_load_state("load")
    address = tab.url
    if words is not None:
        body = tab.frames[-1].locator("body")
        assert words in body.inner_text(), address
        body.locator(CLICKABLE).evaluate_all(
            "found => found.forEach(one => one.dispatchEvent(new MouseEvent('click')))"
        )
    return address


def check(watch: Watch, trap: Trap) -> None:
    """Nothing ran, nothing was asked, nothing went anywhere."""
    assert watch.scripts == []
    assert watch.asked == []
    assert watch.left == []
    assert trap.asked == []
    assert trap.connections == 0


@pytest.mark.parametrize("way", ["framed", "alone"])
def test_replay(site: Site, ids: dict[str, str], chromium: Browser, trap: Trap, way: str) -> None:
    """Each capture shows its words, framed below /web/TIME/ADDRESS and alone: 0 scripts, 0 requests elsewhere, 0 ways away."""
    own = f"http://127.0.0.1:{site.port}"
    addresses = [
        f"{own}/web/20240306/{url_of(name)}" if way == "framed" else f"{own}/replay/{ids[url_of(name)]}/1/page"
        for name in CAPTURES
    ]
    trap.forget()
    with watched(chromium, own) as (context, watch):
        look(context, watch, addresses, words=WORDS)
        assert context.cookies() == []
    check(watch, trap)


def test_parts_and_files(site: Site, ids: dict[str, str], chromium: Browser, trap: Trap) -> None:
    """Style sheets and pictures of a capture opened by themselves run nothing; drawings and files are downloads, of whatever type."""
    own = f"http://127.0.0.1:{site.port}"
    known = ids[url_of("captured parts")]
    page = site.get(f"/replay/{known}/1/page").text
    parts = sorted({piece.partition('"')[0] for piece in page.split(f'"/replay/{known}/1/')[1:]})
    downloads = [
        part for part in parts if part.startswith("file/") or b"<svg" in site.get(f"/replay/{known}/1/{part}").body
    ]
    assert {part.partition("/")[0] for part in parts} == {"style", "image", "file"}
    trap.forget()
    with watched(chromium, own) as (context, watch):
        look(context, watch, [f"{own}/replay/{known}/1/{part}" for part in parts if part not in downloads])
        files = [f"/file/{known}/1/{place}" for place in range(1, len(PARTS) + 1)]
        for path in [*files, *(f"/replay/{known}/1/{part}" for part in downloads)]:
            tab = context.new_page()
            with tab.expect_download() as download, pytest.raises(BrowserError, match="Download is starting"):
                tab.goto(f"{own}{path}")
            assert "/" not in download.value.suggested_filename
            tab.close()
    check(watch, trap)


def test_pages_about_it(site: Site, ids: dict[str, str], chromium: Browser, trap: Trap) -> None:
    """Pages that show hostile titles, texts, tables, labels, reasons and queries show them as text; feeds and data too."""
    own = f"http://127.0.0.1:{site.port}"
    document, hidden = ids[UI_URL], f"{own}/document/{_hidden(site)}"
    typed = quote("\"甲<script>console.log(`ran`)</script>' OR x:<img src=x onerror=console.log(`ran`)>")
    pages = [
        "/", "/?q=%E7%94%B2&sort=newest", f"/?q={typed}", f"/?kind={typed}&cites={typed}&from=2020-01-01", f"/document/{document}",
        f"/document/{document}?version=1", f"/compare/{document}", f"/compare/{document}?view=whole", "/agencies",
        f"/agency/{AGENCY.name}", "/changes", f"/replay/{document}", f"/nowhere/{typed}", f"/web/2024/http://{OUTSIDE}/{typed}",
        f"/web/{typed}/x", f"/agency/{typed}", f"/document/{typed}", "/status",
    ]  # fmt: skip
    data = [
        f"/document/{document}/data.json",
        "/export/search.csv",
        "/export/search.jsonl?q=%E7%94%B2",
        f"/api/search?q={typed}", "/api/search", f"/compare/{document}?format=json", f"/timemap/{UI_URL}", f"/badge/{AGENCY.name}.svg",
        *(f"/document/{document}/cite.{form}" for form in ("txt", "bib", "json", "ris")),
        f"/feed/agency/{AGENCY.name}.atom", "/feed/agency/all.atom", "/feed/search.atom?q=%E7%94%B2",
    ]  # fmt: skip
    trap.forget()
    with watched(chromium, own) as (context, watch):
        look(context, watch, [f"{own}{path}" for path in pages] + [hidden])
        for path in data:
            tab = context.new_page()
            try:
                tab.goto(f"{own}{path}")
            except BrowserError as error:
                assert "Download is starting" in str(error), path  # noqa: PT017 - one of two good ends
            tab.close()
    check(watch, trap)


def _hidden(site: Site) -> str:
    """Return the id of the withheld document, which its address still leads to."""
    answer = site.get(f"/web/2024/{HIDDEN_URL}")
    assert answer.status == 410
    return answer.text.partition("<code>")[2].partition("</code>")[0]


@pytest.mark.parametrize("wall", ["none", "rewriting", "headers"])
def test_each_wall_alone(playwright: Playwright, trap: Trap, wall: str) -> None:
    """Without both walls captures run and ask, so that the watch is known to see; behind either alone none runs, none asks."""
    own = "http://127.0.0.1:9"  # nobody listens there: all answers are made here
    bodies = {
        f"{own}/{number}.htm": response.partition(b"\r\n\r\n")[2] for number, response in enumerate(CAPTURES.values())
    }
    harness = "".join(f"<iframe src='{url}'></iframe>" for url in bodies)

    def answer(route: Route) -> None:
        url = route.request.url
        body = bodies.get(url, harness.encode())
        if wall == "rewriting" and url in bodies:
            body = render_replay(body, url=f"{BASE}x.htm", content_type=None, place=lambda *_: None)
        headers = PAGE_HEADERS if wall == "headers" and url in bodies else {}
        route.fulfill(headers={"Content-Type": "text/html; charset=utf-8", **headers}, body=body)

    browser = launch(playwright, trap)  # of its own: browsers connect late to what a page once hinted at
    trap.forget()
    with watched(browser, own) as (context, watch):
        context.route(f"{own}/*", answer)
        look(context, watch, list(bodies)[:8] if wall == "none" else [f"{own}/harness"])
    browser.close()
    if wall == "none":
        assert watch.scripts
        assert watch.left
        assert watch.asked
        assert any(asked.startswith(OUTSIDE) for asked in trap.asked)
        return
    assert (watch.scripts, watch.asked, watch.left, trap.asked) == ([], [], [], [])
    if (
        wall == "rewriting"
    ):  # no policy forbids a page to have connections made in advance: only taking the hint out does
        assert trap.connections == 0


def test_no_name_is_looked_up(
    site: Site, ids: dict[str, str], playwright: Playwright, trap: Trap, tmp_path: Path
) -> None:
    """The browser's own log of its network names no other host: not one is looked up in advance for a link that is shown."""
    own = f"http://127.0.0.1:{site.port}"
    log = tmp_path / "network.json"
    browser = launch(playwright, trap, f"--log-net-log={log}")
    page = browser.new_page()
    for path in (f"/document/{ids[UI_URL]}", f"/agency/{AGENCY.name}", "/changes", f"/web/2024/{url_of('hints')}"):
        page.goto(f"{own}{path}")
        page.wait_for_timeout(100)
    browser.close()
    events = json.loads(log.read_text(errors="replace"))["events"]
    hosts = {str(event["params"]["host"]) for event in events if "host" in event.get("params", {})}
    assert any("127.0.0.1" in host for host in hosts)
    assert [host for host in hosts if ".test" in host] == []
