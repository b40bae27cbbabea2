"""The download handler of http and https: Scrapy's own with a tap on the wire (:mod:`govcrawl.wire`).

Whatever happens to a request — answer, redirect, 304, cut, over-size, time-out, cancellation — the bytes that crossed
the wire are handed to the crawl's archive before anything else sees the response. What cannot be archived fails.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from contextlib import ExitStack
from functools import partial
from tempfile import gettempdir
from typing import TYPE_CHECKING, Any, Protocol, cast, runtime_checkable
from urllib.parse import urldefrag

from scrapy.exceptions import DownloadCancelledError, DownloadFailedError, DownloadTimeoutError, StopDownload
from twisted.internet.endpoints import HostnameEndpoint, wrapClientTLS
from twisted.web.client import URI

from archive.errors import ArchiveWriteError
from govcrawl.bodies import LargeTransfers, body_limit, expects_file
from govcrawl.connect_to import parse_connect_to
from govcrawl.errors import UsageMistake
from govcrawl.libraries import HTTP11DownloadHandler
from govcrawl.politeness import Ended
from govcrawl.responses import CUT
from govcrawl.wire import Flight, TapPool, announce

if TYPE_CHECKING:
    from collections.abc import Callable

    from scrapy import Request
    from scrapy.crawler import Crawler
    from scrapy.http import Response

    from archive.model import Capture, Exchange, Truncation
    from govcrawl.wire import Endpoint, Recording

logger = logging.getLogger(__name__)

_REPEATABLE = frozenset({"GET", "HEAD"})
_CONNECT_SECONDS = 10.0  # as Scrapy's, where a request has no download_timeout


@runtime_checkable
class CaptureSink(Protocol):
    """The archive of a crawl as the handler sees it: one of the crawl's extensions."""

    async def turn(self, request: Request) -> Callable[[Ended], None]:
        """Wait until this request may be sent (politeness); awaited before anything is.

        What it returns is called with how the exchange ended, as soon as it did.
        """

    async def put_exchange(self, exchange: Exchange, request: Request) -> Capture:
        """Archive one exchange and return once it is durable; the response file is closed by the caller.

        Raises:
            archive.errors.ArchiveError: it could not be stored; the request fails with this error.
        """


class _Elsewhere:
    """An endpoint made only when a connection is really opened: preparing TLS costs more than using a kept one."""

    def __init__(self, make: Callable[[], Endpoint], target: str) -> None:
        self._make = make
        self._target = target

    def __repr__(self) -> str:
        return f"<connect to {self._target}>"

    def connect(self, protocolFactory: Any) -> Any:  # noqa: N803 - Twisted's name
        return self._make().connect(protocolFactory)


class TapDownloadHandler(HTTP11DownloadHandler):
    """Downloads over HTTP/1.x and hands every exchange with a response byte to the crawl's :class:`CaptureSink`.

    ``request.meta["capture"]`` is the :class:`archive.model.Capture` of the last exchange; it is not there when nothing
    was received. Bytes after the end of a response, as its own framing states it, are not part of the exchange.

    Raises:
        UsageMistake: not exactly one extension of the crawl takes captures; or GOVCRAWL_CONNECT_TO is malformed.
    """

    lazy = False

    def __init__(self, crawler: Crawler) -> None:
        self._sink = _pick_sink(crawler)
        self._connect_to = parse_connect_to(crawler.settings.get("GOVCRAWL_CONNECT_TO") or "")
        self._page_bytes = crawler.settings.getint("GOVCRAWL_PAGE_MAX_BYTES") or sys.maxsize
        self._file_seconds = crawler.settings.getfloat("GOVCRAWL_FILE_SECONDS")
        self._large = LargeTransfers(crawler.settings.getint("GOVCRAWL_LARGE_AT_ONCE") or sys.maxsize)
        self._spool_folder: str | None = crawler.settings.get("GOVCRAWL_DATA")
        super().__init__(crawler)

        from twisted.internet import reactor  # noqa: PLC0415 - importing it installs one: not before Scrapy chose

        pool = TapPool(reactor, persistent=True)  # type: ignore[no-untyped-call]
        pool.maxPersistentPerHost = self._pool.maxPersistentPerHost
        self._pool = pool

    async def download_request(self, request: Request) -> Response:
        """Wait for the host's turn, download, archive.

        Raises:
            archive.errors.ArchiveError: an exchange could not be archived, whatever else happened.
            Exception: as of Scrapy's handler.
        """
        request.meta.pop("capture", None)  # a retry or redirect carries its predecessor's meta
        for again in (False, True):
            flight = Flight(
                self._elsewhere(request),
                body_limit=partial(body_limit, request, page_bytes=self._page_bytes),
                large=self._large if expects_file(request) else None,
                spool_folder=self._spool_folder,
            )
            try:
                return await self._download(request, flight)
            except DownloadFailedError:
                if again or request.method not in _REPEATABLE or not flight.was_stale:
                    raise
                logger.debug("kept connection had been closed by the server url=%s: asked once more", request.url)
        raise AssertionError("the second attempt returns or raises")

    async def _download(self, request: Request, flight: Flight) -> Response:
        ended = await self._sink.turn(request)
        truncation: Truncation = "disconnect"
        announce(flight)
        try:
            response = await (
                self._download_file(request, flight) if expects_file(request) else super().download_request(request)
            )
            if "download_stopped" in response.flags:
                truncation = "length"
            if flight.body_cut:
                response.flags.append(CUT)
        except DownloadTimeoutError:
            truncation = "time"
            raise
        except StopDownload:
            truncation = "length"
            raise
        except DownloadCancelledError as error:
            truncation = self._cancelled_for(error, request, flight)
            raise
        except asyncio.CancelledError:
            truncation = "unspecified"
            raise
        finally:
            recordings = flight.close(truncation)
            ended(_how_ended(recordings))
            await self._hand_over(recordings, request)
        return response

    async def _download_file(self, request: Request, flight: Flight) -> Response:
        """Download what may be large: given up when nothing comes for ``download_timeout``, not when it takes long."""
        patience: float = request.meta.get("download_timeout") or _CONNECT_SECONDS
        request.meta["download_timeout"] = max(patience, self._file_seconds)
        task = asyncio.ensure_future(super().download_request(request))  # takes the announcement with it
        task.add_done_callback(_hear_out)
        announce(None)
        try:
            while not (await asyncio.wait({task}, timeout=max(patience - flight.quiet_seconds(), 0.01)))[0]:
                if flight.quiet_seconds() >= patience:
                    flight.close("time")  # before the connection is broken off, which would look like its end
                    raise DownloadTimeoutError(f"nothing came from {request.url} for {patience:g} seconds")
            return task.result()
        finally:
            request.meta["download_timeout"] = patience
            task.cancel()

    def _cancelled_for(self, error: DownloadCancelledError, request: Request, flight: Flight) -> Truncation:
        """Tell a response over DOWNLOAD_MAXSIZE (announced, or by count) from a request that somebody cancelled."""
        announced = error.__cause__ is None
        maxsize = request.meta.get("download_maxsize", self._default_maxsize)
        counted = bool(maxsize and flight.recordings and flight.recordings[-1].response_bytes > maxsize)
        return "length" if announced or counted else "unspecified"

    async def _hand_over(self, recordings: list[Recording], request: Request) -> None:
        url = urldefrag(request.url)[0]
        with ExitStack() as stack:
            for recording in recordings:
                stack.callback(recording.release)
            for recording in recordings:
                if recording.failure is not None:
                    raise ArchiveWriteError(
                        f"the response of {url} could not be kept in a temporary file in "
                        f"{self._spool_folder or gettempdir()} ({recording.failure}) after {recording.response_bytes} bytes; "
                        "make room there, then crawl again"
                    ) from recording.failure
                if recording.response_bytes == 0:
                    logger.debug("exchange without a response byte not archived url=%s peer=%s", url, recording.ip)
                    continue
                exchange = recording.exchange(url, request.method)
                request.meta["capture"] = await self._sink.put_exchange(exchange, request)

    def _elsewhere(self, request: Request) -> _Elsewhere | None:
        """Return where GOVCRAWL_CONNECT_TO sends this request, ``None`` where it says nothing.

        A proxy is left out then: the rule says where to connect to, and through a proxy the site itself would be asked.
        """
        if not self._connect_to:
            return None
        uri = URI.fromBytes(request.url.encode("ascii"))  # type: ignore[no-untyped-call]
        real = (uri.host.decode("ascii"), uri.port)
        host, port = self._connect_to.target(*real)
        if (host, port) == real:
            return None
        if request.meta.pop("proxy", None) is not None:
            request.headers.pop(b"Proxy-Authorization", None)
            logger.debug("proxy left out: GOVCRAWL_CONNECT_TO url=%s", request.url)

        bind_address = request.meta.get("bindaddress") or self._bind_address
        if isinstance(bind_address, str):
            bind_address = (bind_address, 0)
        timeout = request.meta.get("download_timeout") or _CONNECT_SECONDS

        context_factory: Any = self._contextFactory

        def make() -> Endpoint:
            from twisted.internet import reactor  # noqa: PLC0415 - see __init__

            endpoint: Any = HostnameEndpoint(reactor, host, port, timeout=timeout, bindAddress=bind_address)
            if uri.scheme == b"https":  # SNI and certificate name of the real host
                endpoint = wrapClientTLS(context_factory.creatorForNetloc(uri.host, uri.port), endpoint)
            return cast("Endpoint", endpoint)

        return _Elsewhere(make, f"{host}:{port}")


def _how_ended(recordings: list[Recording]) -> Ended:
    """Tell how a download ended on the wire, from what was received: also of an answer that was given up."""
    if not recordings:
        return Ended()
    last = recordings[-1]
    status, retry_after = last.read_verdict()
    size = sum(recording.response_bytes for recording in recordings)
    return Ended(status, size, retry_after, last.age_seconds())


def _hear_out(task: asyncio.Task[Response]) -> None:
    """Take note of how a download ended that nobody waits for any more."""
    if not task.cancelled() and task.exception() is not None:
        logger.debug("download ended with %s", type(task.exception()).__name__)


def _pick_sink(crawler: Crawler) -> CaptureSink:
    """Return the one extension of the crawl that takes captures."""
    sinks = [extension for extension in crawler.extensions.middlewares if isinstance(extension, CaptureSink)]
    if len(sinks) != 1:
        found = ", ".join(type(sink).__qualname__ for sink in sinks) or "none"
        raise UsageMistake(
            f"EXTENSIONS must hold one extension that takes captures (turn, put_exchange), found {found}: a crawl does "
            "not run without its archive; add govcrawl.session.Session to EXTENSIONS"
        )
    return sinks[0]
