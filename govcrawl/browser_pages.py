"""The browser of a crawl: scrapy-playwright's, with the crawl's own recorder on every page (:mod:`govcrawl.browser_page`).

It is started when the first page is asked for. It is an honest visitor: its User-Agent is the browser's own with this project's name and contact behind it, nothing about
it is disguised, and nothing but the site's own names resolves in it.
"""

from __future__ import annotations

import logging
import os
import re
import signal
from typing import TYPE_CHECKING, cast
from urllib.parse import urlsplit

from playwright.async_api import Error as PlaywrightError
from scrapy import Request
from scrapy.exceptions import DownloadFailedError, DownloadTimeoutError
from scrapy.responsetypes import responsetypes
from scrapy_playwright.handler import ScrapyPlaywrightDownloadHandler
from tldextract import TLDExtract

from govcrawl.browser_page import BrowserPage, Desk, Taken
from govcrawl.browser_view import view_of
from govcrawl.connect_to import ConnectTo, parse_connect_to
from govcrawl.errors import UnsupportedLibrary
from govcrawl.request_meta import request_meta
from govcrawl.robots import RobotsMiddleware
from govcrawl.session import Session

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from pathlib import Path

    from scrapy.crawler import Crawler
    from scrapy.http import Response

    from archive.model import Capture, Exchange, Kind
    from govcrawl.browser_exchange import Hop
    from govcrawl.politeness import Ended
    from govcrawl.spider import DisclosureSpider

logger = logging.getLogger(__name__)

_USED = ("_launch", "_maybe_launch_browser", "_create_page", "close", "download_request")  # of scrapy-playwright
_MAX_PAGES = 2
_ARGUMENTS = (
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
    "--no-first-run",
)
_COMPLAINT = re.compile(r"\[err\]\s*(.+)")  # the first thing a browser that did not start says
_suffixes = TLDExtract(suffix_list_urls=(), include_psl_private_domains=True, cache_dir=None)


class BrowserPages(ScrapyPlaywrightDownloadHandler):  # type: ignore[misc]  # scrapy-playwright is untyped
    """Downloads what is to be seen in a browser; made when the first such request comes.

    Raises:
        UnsupportedLibrary: the installed scrapy-playwright lacks a name this stands on.
    """

    def __init__(self, crawler: Crawler, program: Path) -> None:
        for name in _USED:
            if not hasattr(ScrapyPlaywrightDownloadHandler, name):
                raise UnsupportedLibrary(f"ScrapyPlaywrightDownloadHandler has no {name}: use scrapy-playwright 0.0.48")
        super().__init__(crawler)
        settings = crawler.settings
        self._govcrawl = crawler
        self._program = program
        seeds = cast("type[DisclosureSpider]", crawler.spidercls).seeds()
        self._domains = frozenset(own_domain(url) for url in seeds.values())
        rules = resolver_rules(parse_connect_to(settings.get("GOVCRAWL_CONNECT_TO") or ""), self._domains)
        self.config.launch_options = {
            "executable_path": str(program),
            "chromium_sandbox": os.geteuid() != 0,  # Chromium does not start with its sandbox as root
            "handle_sigint": False,
            "args": [*_ARGUMENTS, f"--host-resolver-rules={rules}"],
        }
        self.config.max_pages_per_context = _MAX_PAGES
        self.config.navigation_timeout_ms = None
        self._started = False
        self._agent = self._product = ""

    async def download_request(self, request: Request) -> Response:
        """Show a list in the browser and return what is to be read of it.

        That is the answer of the list's own script where the view names one and it came, the document as it was received
        where the guard refuses it, and the rendered document else. ``request.meta["capture"]`` is the exchange it is from.

        Raises:
            Exceptions of :data:`govcrawl.failures.DOWNLOAD_ERRORS`, IgnoreRequest, ArchiveError, TemplateMismatch.
        """
        request.meta.pop("capture", None)
        view, click = view_of(request)
        if request.method != "GET":
            raise DownloadFailedError(f"{request.url}: a browser channel's next page is a link or a click, not a form")
        done = False
        try:
            page = view.page
            if click is None or not isinstance(page, BrowserPage):
                if click is not None:
                    raise DownloadFailedError(f"{request.url}: the browser page of this list is gone; crawl again")
                await view.close()
                view.page = page = await self._open(request)
                taken = await page.visit(request.url, view.answer)
            else:
                taken = await page.click(click, view.answer)
            response = await self._response(page, taken, request)
            done = True
        except PlaywrightError as error:
            raise DownloadFailedError(f"{request.url}: in the browser: {error.message.splitlines()[0]}") from None
        except TimeoutError:
            raise DownloadTimeoutError(f"{request.url}: the browser's page does not respond") from None
        finally:
            if not done:
                await view.close()
        return response

    async def _open(self, request: Request) -> BrowserPage:
        """Return a new page with its recorder; starts the browser where it does not run."""
        spider = self._govcrawl.spider
        if not self._started:
            self._started = True
            await self._start_driver()
        try:
            await self._maybe_launch_browser()
        except PlaywrightError as error:
            told = _COMPLAINT.search(error.message)
            reason = told[1] if told else error.message.strip().splitlines()[0]
            raise DownloadFailedError(
                f"the browser {self._program} did not start: {reason}; try it by hand, or name another with GOVCRAWL_BROWSER"
            ) from None
        if not self._agent:
            cdp = await self.browser.new_browser_cdp_session()
            told = await cdp.send("Browser.getVersion")
            await cdp.detach()
            self._product = told["product"]
            self._agent = f"{told['userAgent']} {self._govcrawl.settings['USER_AGENT']}"
            logger.info("browser started product=%s program=%s", self._product, self._program)
        request.meta["playwright_context_kwargs"] = {
            "user_agent": self._agent,
            "locale": "zh-CN",
            "ignore_https_errors": True,  # as for every other download: what a site's certificate is worth is not judged
            "service_workers": "block",
            "accept_downloads": False,
        }
        tab = await self._create_page(request, spider)
        return await BrowserPage.open(tab, self._desk(request))

    async def _start_driver(self) -> None:
        """Start Playwright's driver deaf to Ctrl-C, which a terminal sends to it too: the crawl ends, then the browser."""
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            await self._launch()
        finally:
            signal.signal(signal.SIGINT, before or signal.SIG_DFL)

    def _desk(self, request: Request) -> Desk:
        session = Session.of(self._govcrawl)
        robots = self._govcrawl.get_downloader_middleware(RobotsMiddleware)
        settings = self._govcrawl.settings

        async def permit(url: str) -> Callable[[Ended], None]:
            asked = Request(url)
            if robots is not None:
                await robots.process_request(asked)
            return await session.turn(asked)

        async def put_exchange(exchange: Exchange, hop: Hop, listed: bool) -> Capture:  # noqa: FBT001 - as Desk says
            why = request.meta["govcrawl"]
            first = hop.main and not hop.via
            via, hops = (why["via"], why["hops"]) if hop.main else (request.url, why["hops"] + "E")
            kind: Kind = why["kind"] if listed else "other"
            meta = request_meta(kind, channel=why["channel"], via=via, hops=hops)
            if not first and hop.via:
                meta["redirect_urls"] = list(hop.via)
            return await session.put_exchange(exchange, Request(exchange.url, method=exchange.method, meta=meta))

        return Desk(
            permit=permit,
            put_exchange=put_exchange,
            is_own=lambda host: any(host == own or host.endswith(f".{own}") for own in self._domains),
            product=self._product,
            stall_seconds=settings.getfloat("DOWNLOAD_TIMEOUT"),
            max_bytes=settings.getint("GOVCRAWL_BROWSER_MAX_BYTES"),
        )

    async def _response(self, page: BrowserPage, taken: Taken | None, request: Request) -> Response:
        """Return what is read, and archive what is shown beside it."""
        if page.main is None:
            raise DownloadFailedError(f"{request.url}: the browser showed nothing")
        if taken is not page.main:
            shown = await page.rendered()
            await Session.of(self._govcrawl).put_rendered(page.main.capture, page.tab.url, shown)
            if taken is None:
                taken = page.main._replace(
                    url=page.tab.url, body=shown, fields=[(b"Content-Type", b"text/html; charset=utf-8")]
                )
        request.meta["capture"] = taken.capture
        headers: dict[bytes, list[bytes]] = {}
        for name, value in taken.fields:
            headers.setdefault(name, []).append(value)
        kind = responsetypes.from_args(url=taken.url, body=taken.body)
        return kind(url=taken.url, status=taken.status, headers=headers, body=taken.body, request=request)


def own_domain(url: str) -> str:
    """Return the registrable domain of an address (sfj.city.gov.cn → city.gov.cn), the host itself where it has none."""
    host = urlsplit(url).hostname or ""
    return _suffixes(host).top_domain_under_public_suffix or host


def resolver_rules(connect_to: ConnectTo, domains: Collection[str]) -> str:
    """Return Chromium's ``--host-resolver-rules``: only the site's names resolve, by GOVCRAWL_CONNECT_TO where it speaks of them.

    Neither a page nor the browser itself reaches anybody else.
    """
    own = sorted(domains)
    if not connect_to:
        return ", ".join(("MAP * ~NOTFOUND", *(f"EXCLUDE {host}, EXCLUDE *.{host}" for host in own)))
    mapped = []
    for rule in connect_to.rules:
        every = [name for host in own for name in (host, f"*.{host}")]
        named = [rule.host] if rule.host and any(f".{rule.host}".endswith(f".{host}") for host in own) else []
        for host in every if rule.host is None else named:
            to = rule.to_host or host
            if "*" in to:  # Chromium cannot keep the host of a pattern and change its port only
                continue
            source = f"{host}:{rule.port}" if rule.port else host
            target = f"[{to}]" if ":" in to else to
            mapped.append(f"MAP {source} {target}:{rule.to_port}" if rule.to_port else f"MAP {source} {target}")
    return ", ".join((*mapped, *(f"MAP {host} {host}" for host in own), "MAP * ~NOTFOUND"))
