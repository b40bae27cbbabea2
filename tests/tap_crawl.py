"""A real crawl through the tap, with an archive in memory: run as ``python tap_crawl.py PLAN.json RESULT.json``.

The plan is ``{"connect_to", "settings", "requests": [{"url", …Request arguments}], "cancel": [url], "file_bytes": limit of
any file written, or null}``. The result holds every exchange handed to the archive and, per request, how it ended.
"""

from __future__ import annotations

import asyncio
import json
import resource
import sys
from base64 import b64encode
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from scrapy import Request, Spider, signals
from scrapy.crawler import AsyncCrawlerProcess
from scrapy.exceptions import StopDownload
from scrapy.resolver import CachingThreadedResolver
from scrapy.utils.defer import maybe_deferred_to_future
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.error import DNSLookupError
from twisted.internet.task import deferLater

from archive.errors import ArchiveWriteError
from archive.model import Capture, Exchange
from govcrawl.download import TapDownloadHandler

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from scrapy.crawler import Crawler
    from scrapy.http import Response
    from twisted.python.failure import Failure

    from govcrawl.politeness import Ended


def case_of(url: str) -> str:
    """Return the case a URL belongs to: the first segment of its path."""
    return urlsplit(url).path.split("/")[1]


class LoopbackResolver(CachingThreadedResolver):
    """Resolves addresses on loopback only: no test asks a name server."""

    def getHostByName(self, name: str, timeout: Any = ()) -> Deferred[str]:  # noqa: N802, ARG002 - Twisted's name
        """Return the address itself, or fail as an unknown name does."""
        return succeed(name) if name.startswith("127.") else fail(DNSLookupError(f"no such name: {name}"))


class Memory:
    """A :class:`govcrawl.download.CaptureSink` that keeps what it is given."""

    def __init__(self, crawler: Crawler) -> None:
        self.exchanges: list[dict[str, Any]] = []
        self.turns: list[str] = []
        self.ends: list[Ended] = []
        crawler.signals.connect(self.stop_at_head, signal=signals.headers_received)
        crawler.signals.connect(self.stop_at_body, signal=signals.bytes_received)

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Memory:
        """Return the crawl's memory."""
        return cls(crawler)

    def stop_at_head(self, request: Request) -> None:
        """Stop one case's download when its head is there."""
        if case_of(request.url) == "stop-at-head":
            raise StopDownload(fail=False)

    def stop_at_body(self, request: Request) -> None:
        """Stop one case's download when its first bytes are there."""
        if case_of(request.url) == "stop-at-body":
            raise StopDownload(fail=False)

    async def turn(self, request: Request) -> Callable[[Ended], None]:
        """Wait for an asyncio future."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()
        loop.call_soon(future.set_result, None)
        await future
        self.turns.append(request.url)
        return self.ends.append

    async def put_exchange(self, exchange: Exchange, request: Request) -> Capture:
        """Keep the exchange, after waiting for a Deferred; refuse what asks for it."""
        from twisted.internet import reactor  # noqa: PLC0415 - importing it installs one: not before Scrapy chose

        await maybe_deferred_to_future(deferLater(reactor, 0, lambda: None))
        case = case_of(request.url)
        self.exchanges.append(
            {
                "case": case,
                "url": exchange.url,
                "method": exchange.method,
                "request": b64encode(exchange.request).decode(),
                "response": b64encode(exchange.response.read()).decode(),
                "response_bytes": exchange.response_bytes,
                "spooled": bool(getattr(exchange.response, "_rolled", False)),
                "started_at": exchange.started_at.isoformat(),
                "elapsed_seconds": exchange.elapsed_seconds,
                "ip": exchange.ip,
                "truncated": exchange.truncated,
                "tls_version": exchange.tls_version,
                "tls_cipher": exchange.tls_cipher,
            }
        )
        if case.startswith("refused-"):
            raise ArchiveWriteError(f"refused for the test: {case}")
        number = len(self.exchanges)
        return Capture(
            id=number, agency="test", crawl_id="test", kind="other", url=exchange.url, method=exchange.method,
            request_digest=None, status=None, media_type=None, captured_at=exchange.started_at, warc_file="", offset=0,
            length=0, record_id=f"record-{number}", block_digest="", payload_digest=None, payload_bytes=0,
            truncated=exchange.truncated, revisit_profile=None, refers_to=None, etag=None, last_modified=None,
            ip=exchange.ip,
        )  # fmt: skip


class TapSpider(Spider):
    """Sends the plan's requests one after the other and notes how each ended."""

    name = "tap"
    plan: dict[str, Any]

    def __init__(self, plan: dict[str, Any]) -> None:
        super().__init__()
        self.plan = plan
        self.outcomes: list[dict[str, Any]] = []

    async def start(self) -> AsyncIterator[Request]:
        """Yield the plan's requests, then cancel what is to be cancelled."""
        for number, planned in enumerate(self.plan["requests"]):
            meta = {"dont_retry": True, **planned.pop("meta", {})}
            yield Request(
                **planned,
                meta=meta,
                callback=self.note,
                errback=self.note_failure,
                dont_filter=True,
                priority=-10 * number,
            )
        for url in self.plan["cancel"]:
            await self.cancel(Request(url))

    async def cancel(self, request: Request) -> None:
        """Start a download in the handler itself and cancel it in the midst of the body."""
        assert self.crawler.engine is not None
        handler = self.crawler.engine.downloader.handlers._get_handler(urlsplit(request.url).scheme)
        assert isinstance(handler, TapDownloadHandler)
        arrived = asyncio.Event()

        def note(request: Request) -> None:
            if case_of(request.url) == "cancelled":
                arrived.set()

        self.crawler.signals.connect(note, signal=signals.bytes_received)
        task = asyncio.ensure_future(handler.download_request(request))
        await arrived.wait()
        task.cancel()
        try:
            await task
        except asyncio.CancelledError as error:
            self._note(request, type(error).__name__)

    def note(self, response: Response) -> None:
        """Note a response."""
        assert response.request is not None
        self._note(response.request, " ".join([str(response.status), *response.flags]), response.body)

    def note_failure(self, failure: Failure) -> None:
        """Note an error."""
        self._note(failure.request, type(failure.value).__name__)  # type: ignore[attr-defined]

    def _note(self, request: Request, outcome: str, body: bytes = b"") -> None:
        capture = request.meta.get("capture")
        self.outcomes.append(
            {
                "case": case_of(request.url),
                "outcome": outcome,
                "body": b64encode(body).decode(),
                "capture": capture.record_id if capture else None,
                "headers": [name.decode("latin-1") for name in request.headers],
            }
        )


def main() -> None:
    """Crawl and write the result."""
    plan = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    process = AsyncCrawlerProcess(
        {
            "DOWNLOAD_HANDLERS": dict.fromkeys(("http", "https"), "govcrawl.download.TapDownloadHandler"),
            "EXTENSIONS": {Memory: 0},
            "TWISTED_DNS_RESOLVER": LoopbackResolver,
            "GOVCRAWL_CONNECT_TO": plan["connect_to"],
            "GOVCRAWL_FILE_SECONDS": 60.0,
            "CONCURRENT_REQUESTS": 1,
            "COOKIES_ENABLED": False,
            "HTTPERROR_ALLOW_ALL": True,
            "RETRY_HTTP_CODES": [503],
            "RETRY_TIMES": 1,
            "ROBOTSTXT_OBEY": True,
            "TELNETCONSOLE_ENABLED": False,
            "REMOTE_CONTROL_ENABLED": False,
            "LOG_LEVEL": "DEBUG",
            **plan["settings"],
        }
    )
    crawler = process.create_crawler(TapSpider)
    process.crawl(crawler, plan)
    unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)
    if plan["file_bytes"] is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (plan["file_bytes"], unlimited[1]))
    process.start()
    resource.setrlimit(resource.RLIMIT_FSIZE, unlimited)
    memory, spider = crawler.get_extension(Memory), crawler.spider
    result = {
        "exchanges": memory.exchanges if memory else [],
        "turns": memory.turns if memory else [],
        "ends": memory.ends if memory else [],
        "outcomes": spider.outcomes if isinstance(spider, TapSpider) else [],
    }
    Path(sys.argv[2]).write_text(json.dumps(result), encoding="utf-8")


if __name__ == "__main__":
    main()
