"""One page in a browser: every request it makes is asked for permission first and archived after, then its list is read off.

Decisions, in the order a request meets them:

* only http and https, only hosts of the site's own registrable domain; images, fonts, media, beacons, prefetches and icons
  are not asked for; WebSockets, workers, service workers and pop-ups are not there: what could not be archived is not sent;
* robots.txt and the host's pace hold for every request, redirects too;
* the browser's cache is off, so that what a page shows was received for it;
* a document that the guard refuses — a script challenge, a firewall's page, a soft 404 — and one that is no page (a PDF, a
  download) is archived and handed back, but not given to the browser: a challenge's script never runs.
"""

from __future__ import annotations

import asyncio
import logging
import re
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

from playwright.async_api import Error as PlaywrightError
from playwright.async_api import TimeoutError as PlaywrightTimeout
from scrapy.exceptions import (
    CannotResolveHostError,
    DownloadConnectionRefusedError,
    DownloadFailedError,
    DownloadTimeoutError,
    IgnoreRequest,
)

from govcrawl.browser_body import read_body
from govcrawl.browser_exchange import Hop, exchange, read_hop, response_fields
from govcrawl.decode import Page
from govcrawl.errors import CrawlError, TemplateMismatch
from govcrawl.guard import check, is_file

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Mapping

    from playwright.async_api import CDPSession
    from playwright.async_api import Page as Tab

    from archive.model import Capture, Exchange
    from govcrawl.browser_exchange import Fields
    from govcrawl.politeness import Ended

logger = logging.getLogger(__name__)

QUIET_SECONDS = 1.0  # without a request under way after the load event: what the page shows is what it will show
TOLD_SECONDS = 5.0  # the browser's own report of an exchange follows its bytes within milliseconds
CLOSING_SECONDS = 10.0
PATIENCE = 5  # times DOWNLOAD_TIMEOUT for a page's whole step, waiting for turns included
UNREAD_TYPES = frozenset(
    {"Image", "Font", "Media", "Ping", "Prefetch", "Manifest", "TextTrack", "CSPViolationReport", "Other"}
)
PAGE_TYPES = ("text/", "application/xhtml", "application/xml", "application/json")

_ERRORS: tuple[tuple[str, type[Exception]], ...] = (
    ("ERR_NAME_NOT_RESOLVED", CannotResolveHostError),
    ("ERR_CONNECTION_REFUSED", DownloadConnectionRefusedError),
    ("TIMED_OUT", DownloadTimeoutError),
)
# What a page could send past the interceptor; nothing of it is needed to show a list.
_CLOSED_DOORS = """
for (const name of ['Worker', 'SharedWorker', 'WebTransport', 'RTCPeerConnection', 'EventSource'])
  Object.defineProperty(globalThis, name, {value: undefined});
globalThis.open = () => null;
"""


class Taken(NamedTuple):
    """An answer a page received, as archived."""

    url: str
    status: int
    fields: Fields
    body: bytes
    capture: Capture


@dataclass(frozen=True, slots=True)
class Desk:
    """What a page asks of the crawl."""

    permit: Callable[
        [str], Awaitable[Callable[[Ended], None]]
    ]  # returns when the address may be asked for, to be called with how that ended; IgnoreRequest where it may not
    put_exchange: Callable[[Exchange, Hop, bool], Awaitable[Capture]]  # (…, whether it is the list itself)
    is_own: Callable[[str], bool]  # whether a host is the site's
    product: str  # the browser
    stall_seconds: float  # without anything happening
    max_bytes: int


@dataclass(eq=False)
class BrowserPage:
    """A tab with its recorder. One step at a time: :meth:`visit`, then :meth:`click` as often as the list goes on."""

    tab: Tab
    cdp: CDPSession
    desk: Desk
    main: Taken | None = None  # the document that is shown
    _wanted: re.Pattern[str] | None = None
    _answer: Taken | None = None
    _refused: Taken | None = None  # a document not given to the browser
    _withheld: bool = False  # … is being archived, and the browser has been told already
    _failure: BaseException | None = None
    _begun_at: float = 0.0  # this step
    _loaded_at: float | None = None
    _closing: bool = False
    _waiting: int = 0  # requests waiting for their turn
    _stirred_at: float = field(default_factory=time.monotonic)
    _stir: asyncio.Event = field(default_factory=asyncio.Event)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _hops: dict[str, list[Hop]] = field(default_factory=dict)
    _main_frame: str = ""

    @classmethod
    async def open(cls, tab: Tab, desk: Desk) -> BrowserPage:
        """Start recording an empty tab."""
        cdp = await tab.context.new_cdp_session(tab)
        page = cls(tab, cdp, desk)
        cdp.on("Fetch.requestPaused", page._paused)
        cdp.on("Network.requestWillBeSent", page._will_be_sent)
        cdp.on("Network.requestWillBeSentExtraInfo", lambda event: page._tell(event, "sent", event))
        cdp.on("Network.responseReceivedExtraInfo", lambda event: page._tell(event, "received", event))
        cdp.on("Network.responseReceived", lambda event: page._tell(event, "response", event["response"]))
        cdp.on("Network.loadingFailed", page._loading_ended)
        tab.on("load", lambda _: page._on_load())
        tab.on("crash", lambda _: page._fail(DownloadFailedError(f"the browser's page crashed at {tab.url}")))
        tab.on("close", lambda _: page._fail(DownloadFailedError(f"the browser ended while it showed {tab.url}")))
        tree = await cdp.send("Page.getFrameTree")
        page._main_frame = tree["frameTree"]["frame"]["id"]
        await tab.add_init_script(_CLOSED_DOORS)
        await tab.route_web_socket(
            re.compile(""), lambda socket: logger.debug("websocket not opened url=%s", socket.url)
        )
        await cdp.send("Network.enable")
        await cdp.send("Network.setCacheDisabled", {"cacheDisabled": True})
        stages = ("Request", "Response")
        await cdp.send("Fetch.enable", {"patterns": [{"urlPattern": "*", "requestStage": stage} for stage in stages]})
        return page

    async def visit(self, url: str, answer: str) -> Taken | None:
        """Go to an address; return the answer that fills the page's list, or the document that was refused.

        None means that the rendered page is what there is to read.

        Args:
            answer: pattern of the list's own address; empty where the rendered page is to be read.

        Raises:
            Exceptions of :data:`govcrawl.failures.DOWNLOAD_ERRORS`, IgnoreRequest, ArchiveError.
        """
        self._begin(answer)
        self._loaded_at = None
        self._spawn(self._go(url))
        return await self._settle()

    async def click(self, xpath: str, answer: str) -> Taken | None:
        """Click what loads the list's next page; returns as :meth:`visit`.

        Raises:
            TemplateMismatch: there is nothing to click.
            Others as :meth:`visit`.
        """
        self._begin(answer)
        found = self.tab.locator(f"xpath={xpath}").first
        try:
            await found.wait_for(state="attached", timeout=TOLD_SECONDS * 1000)
        except PlaywrightTimeout:
            raise TemplateMismatch(
                f"{self.tab.url}: {xpath!r} found 0 on the rendered page, expected what loads the list's next page; see whether the pager changed"
            ) from None
        async with asyncio.timeout(self.desk.stall_seconds):
            await found.evaluate("element => element.click()")
        return await self._settle()

    async def rendered(self) -> bytes:
        """Return the document as it now stands in the browser, as HTML in UTF-8."""
        async with asyncio.timeout(self.desk.stall_seconds):
            await self.tab.evaluate("() => new Promise(done => requestAnimationFrame(() => setTimeout(done)))")
            return (await self.tab.content()).encode("utf-8", "replace")

    async def close(self) -> None:
        """Close the tab; what is on its way into the archive gets there first."""
        if self._closing:
            return
        self._closing = True
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=CLOSING_SECONDS if not self._waiting else 0)
        for task in self._tasks:
            task.cancel()
        for hop in (hop for hops in self._hops.values() for hop in hops):
            hop.end()
        if not self.tab.is_closed():
            try:
                await self.tab.close()
            except PlaywrightError as error:
                logger.debug("tab was gone already: %s", error)

    # --- waiting ---

    def _begin(self, answer: str) -> None:
        self._wanted = re.compile(answer) if answer else None
        self._answer = self._refused = None
        self._withheld = False
        self._begun_at = time.monotonic()
        self._note()

    def _note(self) -> None:
        self._stirred_at = time.monotonic()
        self._stir.set()

    def _fail(self, error: BaseException) -> None:
        if self._failure is None and not self._closing:
            self._failure = error
        self._note()

    async def _settle(self) -> Taken | None:
        while not self._settled():
            self._stir.clear()
            try:
                async with asyncio.timeout(QUIET_SECONDS / 4):
                    await self._stir.wait()
            except TimeoutError:
                continue
        return self._refused or self._answer

    def _settled(self) -> bool:
        """Tell whether the step is over; raise what ended it."""
        if self._failure is not None:
            raise self._failure
        now, stall = time.monotonic(), self.desk.stall_seconds
        if not self._tasks and (self._refused or self._answer):
            return True
        if self._loaded_at is not None:
            restless = now - max(self._loaded_at, self._begun_at) >= stall  # some pages ask for ever
            if restless or (not self._tasks and now - self._stirred_at >= QUIET_SECONDS):
                return True
        dead = now - self._stirred_at >= stall and not self._waiting
        if dead or now - self._begun_at >= PATIENCE * stall:
            raise DownloadTimeoutError(
                f"{self.tab.url}: the page was not there after {now - self._begun_at:.0f} s (DOWNLOAD_TIMEOUT {stall:g} s)"
            )
        return False

    # --- what the browser says ---

    def _on_load(self) -> None:
        self._loaded_at = time.monotonic()
        self._note()

    def _hop(self, event: Mapping[str, Any], lacking: str) -> Hop | None:
        hops = self._hops.get(event["requestId"], ())
        return next((hop for hop in hops if getattr(hop, lacking) is None), None)

    def _tell(self, event: Mapping[str, Any], name: str, what: Mapping[str, Any]) -> None:
        hop = self._hop(event, name)
        if hop is not None:
            hop.tell(name, what)

    def _will_be_sent(self, event: Mapping[str, Any]) -> None:
        if "redirectResponse" in event:
            self._tell(event, "response", event["redirectResponse"])

    def _loading_ended(self, event: Mapping[str, Any]) -> None:
        for hop in self._hops.get(event["requestId"], ()):
            hop.told.set()
            hop.end()

    def _paused(self, event: Mapping[str, Any]) -> None:
        answered = "responseStatusCode" in event or "responseErrorReason" in event
        self._spawn(self._take(event) if answered else self._ask(event))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self._fail(_failure(error) if isinstance(error, PlaywrightError) else error)
        self._note()

    async def _go(self, url: str) -> None:
        try:
            await self.tab.goto(url, wait_until="commit", timeout=0)
        except PlaywrightError as error:
            if not self._withheld and self._failure is None:
                raise _failure(error) from None

    # --- requests and answers ---

    async def _ask(self, event: Mapping[str, Any]) -> None:
        """Let a request go out, or stop it."""
        paused, url = {"requestId": event["requestId"]}, event["request"]["url"]
        parts = urlsplit(url)
        if parts.scheme in {"data", "blob", "about"}:
            await self.cdp.send("Fetch.continueRequest", paused)
            return
        main = event.get("frameId") == self._main_frame and event.get("resourceType") == "Document"
        foreign = parts.scheme not in {"http", "https"} or not self.desk.is_own(parts.hostname or "")
        refusal: IgnoreRequest | None = None
        ended: Callable[[Ended], None] | None = None
        if foreign:
            refusal = IgnoreRequest(f"{url} is not of the site; a browser channel asks its own site only")
        elif main or event.get("resourceType") not in UNREAD_TYPES:
            try:
                ended = await self._permission(url)
            except IgnoreRequest as error:
                refusal = error
        if refusal is not None or (not main and event.get("resourceType") in UNREAD_TYPES):
            logger.debug(
                "browser request stopped type=%s url=%s: %s", event.get("resourceType"), url, refusal or "not read"
            )
            if refusal is not None and (main or (self._wanted and self._wanted.search(url))):
                self._fail(refusal)
            await self.cdp.send("Fetch.failRequest", {**paused, "errorReason": "BlockedByClient"})
            return
        hops = self._hops.setdefault(event.get("networkId") or event["requestId"], [])
        hops.append(hop := read_hop(event, main=main, before=hops[-1] if hops else None))
        hop.ended = ended
        await self.cdp.send("Fetch.continueRequest", paused)

    async def _permission(self, url: str) -> Callable[[Ended], None]:
        self._waiting += 1
        try:
            return await self.desk.permit(url)
        finally:
            self._waiting -= 1
            self._note()

    async def _take(self, event: Mapping[str, Any]) -> None:
        """Keep an answer and let the page have it, then archive it."""
        paused = {"requestId": event["requestId"]}
        hops = self._hops.get(event.get("networkId") or event["requestId"])
        if not hops or "responseStatusCode" not in event:
            for hop in hops or ():
                hop.end()
            await self.cdp.send("Fetch.continueRequest", paused)
            return
        hop = hops[-1]
        hop.take(event)
        desk = self.desk
        withheld = not await read_body(
            self.cdp, event["requestId"], hop, max_bytes=desk.max_bytes, seconds=desk.stall_seconds
        )
        hop.elapsed_seconds = time.monotonic() - hop.begun
        hop.end()
        if hop.main and not hop.redirects:
            withheld = withheld or _is_withheld(hop)
        if withheld:
            self._withheld = self._withheld or hop.main
            await self.cdp.send("Fetch.failRequest", {**paused, "errorReason": "BlockedByClient"})
        else:
            await self.cdp.send("Fetch.continueRequest", paused)
        await self._archive(hop, withheld=withheld)

    async def _archive(self, hop: Hop, *, withheld: bool) -> None:
        try:
            async with asyncio.timeout(TOLD_SECONDS):
                await hop.told.wait()
        except TimeoutError:
            logger.debug("the browser told of an exchange in part only url=%s", hop.url)
        listed = bool(self._wanted and not hop.redirects and self._wanted.search(hop.url))
        capture = await self.desk.put_exchange(exchange(hop, self.desk.product), hop, listed or hop.main)
        if hop.redirects or not (listed or hop.main):
            hop.entity = b""
            return
        taken = Taken(hop.url, hop.status, response_fields(hop), hop.entity, capture)
        if hop.truncated is not None:
            self._fail(
                DownloadFailedError(f"{hop.url} was cut short in the browser ({hop.truncated}); what came is archived")
            )
        elif hop.main:
            self.main = taken
            self._refused = taken if withheld else None
        else:
            self._answer = taken


def _is_withheld(hop: Hop) -> bool:
    """Tell whether a document is not given to the browser: no page, or one that the guard refuses."""
    content_type = hop.value(b"content-type")
    page = Page(url=hop.url, body=hop.entity, content_type=content_type, status=hop.status)
    if is_file(page) or (page.media_type and not page.media_type.startswith(PAGE_TYPES)):
        return True
    if (hop.value(b"content-disposition") or "").strip().lower().startswith("attachment"):
        return True
    try:
        check(page)
    except CrawlError as error:
        logger.info("document kept from the browser url=%s: %s", hop.url, error)
        return True
    return False


def _failure(error: PlaywrightError) -> Exception:
    """Return what Scrapy and the crawl call an error of the browser."""
    text = error.message.splitlines()[0] if error.message else "the browser says nothing of why"
    kind = next((kind for mark, kind in _ERRORS if mark in text), DownloadFailedError)
    return kind(f"in the browser: {text}")
