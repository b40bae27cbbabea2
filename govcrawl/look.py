"""A look at a few pages outside a crawl, as politely as a crawl: robots.txt, pace, Retry-After, our name.

What is fetched goes through the same tapped wire as a crawl's pages. Without a data directory it is thrown away afterwards; with
one the exchanges stay as captures of kind ``probe`` under the name ``probe``, apart from every agency's own, so that no agency
gets a crawl, a document or a state by being looked at.
"""

from __future__ import annotations

import logging
import tempfile
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar, cast
from urllib.parse import urlsplit

from scrapy import FormRequest, Request
from scrapy.crawler import AsyncCrawlerProcess
from scrapy.exceptions import IgnoreRequest
from scrapy.http.request import NO_CALLBACK
from twisted.internet.error import ReactorNotRestartable

from archive.errors import ArchiveError
from govcrawl.connect_to import parse_connect_to
from govcrawl.errors import CrawlError, UsageMistake
from govcrawl.failures import DOWNLOAD_ERRORS, read_failure
from govcrawl.loader import project_settings
from govcrawl.request_meta import request_meta
from govcrawl.responses import READ_STATUSES, read_response
from govcrawl.session import Session
from govcrawl.speech import say
from govcrawl.spider import DisclosureSpider

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
    from pathlib import Path

    from scrapy.settings import Settings

    from archive.model import Capture
    from govcrawl.browser_view import BrowserView
    from govcrawl.decode import Page

LOOK_NAME = "probe"
"""Under which looks are kept; no agency can have this name."""

LOOK_SECONDS = 30.0  # DOWNLOAD_TIMEOUT of a look: somebody is waiting in front of it
T = TypeVar("T")


class NotFetched(CrawlError):
    """A page of a look could not be had; ``reason`` is the word for counting (robots, dns, refused, timeout …)."""

    def __init__(self, message: str, reason: str = "connection") -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Looked:
    """A page that was fetched, and its capture."""

    page: Page
    capture: Capture


class Looker:
    """Fetches pages for a look, one after another; knows how many requests that took."""

    def __init__(self, session: Session) -> None:
        self._session = session

    @property
    def requests(self) -> int:
        """Exchanges so far, robots.txt and redirects among them."""
        return self._session.tally.counts["requests"]

    async def fetch(self, url: str, *, form: Mapping[str, str] | None = None, via: str | None = None) -> Looked:
        """Fetch one page; whatever status it has.

        Args:
            form: what to post; None asks with GET.

        Raises:
            NotFetched: no answer came, or robots.txt or the site's Retry-After forbids to ask.
        """
        request = Request(url) if form is None else FormRequest(url, formdata=dict(form))
        return await self._fetch(request, {}, via)

    async def show(self, url: str, view: BrowserView, click: str | None = None) -> Looked:
        """Fetch a list page through a browser, or its next part by a click.

        Raises:
            NotFetched: as :meth:`fetch`; CrawlError: what is to be clicked is not there.
        """
        return await self._fetch(Request(url), view.request_meta(click), None)

    async def _fetch(self, request: Request, more: Mapping[str, Any], via: str | None) -> Looked:
        meta = {
            "handle_httpstatus_list": READ_STATUSES,
            "allow_offsite": True,
            **request_meta("probe", via=via),
            **more,
        }
        request = request.replace(meta=meta, callback=NO_CALLBACK, dont_filter=True)
        try:
            response = await self._session.download(request)
        except (*DOWNLOAD_ERRORS, IgnoreRequest) as error:
            reason, message = read_failure(error)
            raise NotFetched(message if request.url in message else f"{request.url}: {message}", reason) from error
        return Looked(read_response(response), cast("Request", response.request).meta["capture"])


class LookSession(Session):
    """The session of a look: pages are read in this process, so no readers are started."""

    def spider_opened(self) -> None:
        """Start nothing."""


@dataclass(slots=True)
class _Errand(Generic[T]):
    """What to do, and what came of it."""

    explore: Callable[[Looker], Awaitable[T]]
    values: list[T] = field(default_factory=list)
    errors: list[Exception] = field(default_factory=list)


class LookSpider(DisclosureSpider):
    """Runs one look instead of a walk."""

    errand: ClassVar[_Errand[Any]]

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(limit="1", **kwargs)  # no state changes by a part of a crawl
        self.mode = LOOK_NAME

    async def start(self) -> AsyncIterator[Request]:
        """Look; ask for nothing else."""
        try:
            self.errand.values.append(await self.errand.explore(Looker(self.session)))
        except (CrawlError, ArchiveError) as error:
            self.errand.errors.append(error)
        no_requests: tuple[Request, ...] = ()
        for request in no_requests:
            yield request


def look(
    explore: Callable[[Looker], Awaitable[T]],
    url: str,
    *,
    data: Path | None = None,
    delay_seconds: float | None = None,
    browser_channels: Sequence[str] = (),
) -> T:
    """Run a look to its end and return what it found. Once in a process: a reactor does not start twice.

    Args:
        explore: gets a :class:`Looker`; what it returns is returned, what it raises is raised.
        url: an address of the site.
        data: data directory where the exchanges stay; None keeps nothing.
        delay_seconds: the pace; None leaves the setting DOWNLOAD_DELAY.
        browser_channels: not empty where a browser will be needed.

    Raises:
        UsageMistake: the address or a setting cannot be used, or a browser is needed and not there.
        CrawlError, ArchiveError: as ``explore``.
    """
    settings = project_settings()
    parse_connect_to(settings.get("GOVCRAWL_CONNECT_TO") or "")
    errand = _Errand(explore)
    spider = _spider_of(url, errand, browser_channels)
    place = nullcontext(str(data)) if data else tempfile.TemporaryDirectory(prefix="govcrawl-look-")
    with place as folder:
        _configure(settings, folder, delay_seconds)
        process = AsyncCrawlerProcess(settings)
        logging.getLogger("scrapy.downloadermiddlewares.retry").setLevel(logging.CRITICAL)  # said by what is raised
        try:
            process.crawl(spider)
            process.start()
        except ReactorNotRestartable:
            raise RuntimeError("a look ran in this process before; a reactor does not start twice") from None
    if errand.errors:
        raise errand.errors[0]
    if not errand.values:
        raise CrawlError(
            f"the look at {url} was interrupted before its end; run the command again, or see what the log above says"
        )
    return errand.values[0]


def _configure(settings: Settings, folder: str, delay_seconds: float | None) -> None:
    changes: dict[str, Any] = {
        "GOVCRAWL_DATA": folder,
        "DOWNLOAD_TIMEOUT": min(LOOK_SECONDS, settings.getfloat("DOWNLOAD_TIMEOUT")),
        "RETRY_TIMES": min(1, settings.getint("RETRY_TIMES")),
        "LOG_LEVEL": "ERROR",  # what a look finds is its result, not its log
        "EXTENSIONS": {
            **settings.getdict("EXTENSIONS"),
            "govcrawl.session.Session": None,
            "govcrawl.monitors.Progress": None,
            "govcrawl.look.LookSession": 0,
        },
    }
    if delay_seconds is not None:
        changes["DOWNLOAD_DELAY"] = delay_seconds
    settings.setdict(changes, priority="cmdline")


def _spider_of(url: str, errand: _Errand[Any], browser_channels: Sequence[str]) -> type[LookSpider]:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise UsageMistake(
            say(
                f"{url!r} 不是网址，应以 http:// 或 https:// 开头并有主机名",
                f"{url!r} is no address of a site; expected http:// or https:// and a host name",
            )
        )
    declared = {
        "name": LOOK_NAME,
        "agency": "试看",
        "base_url": f"{parts.scheme}://{parts.netloc}",
        "channels": dict.fromkeys(browser_channels, "/") or {"试看": "/"},
        "browser_channels": tuple(browser_channels),
        "errand": errand,
    }
    return type(LOOK_NAME, (LookSpider,), declared)
