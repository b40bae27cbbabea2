"""What stands between a request and the wire: server groups, cookies, patience, the home page before a second try."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit

from scrapy import Request
from scrapy.downloadermiddlewares import cookies
from scrapy.downloadermiddlewares.cookies import CookiesMiddleware
from scrapy.downloadermiddlewares.httpcompression import HttpCompressionMiddleware
from scrapy.downloadermiddlewares.redirect import RedirectMiddleware
from scrapy.downloadermiddlewares.retry import RetryMiddleware
from scrapy.exceptions import IgnoreRequest
from scrapy.http import Response
from scrapy.http.request import NO_CALLBACK
from tldextract import TLDExtract

from archive.errors import UnreadableContent
from govcrawl.bodies import body_limit, decode_body, gunzip_beginning
from govcrawl.errors import UnsupportedLibrary
from govcrawl.failures import DOWNLOAD_ERRORS
from govcrawl.pace import REFUSALS
from govcrawl.request_meta import request_meta
from govcrawl.responses import CUT, DECODED, GzippedResponse
from govcrawl.session import Session

if TYPE_CHECKING:
    from scrapy.crawler import Crawler

logger = logging.getLogger(__name__)

TINY_BYTES = 32  # a gateway's answer to a client without the home page's cookie was 2 bytes long on the sites seen
HTTP_OK = 200


class ServerGroupMiddleware:
    """Names the server group of a request as its slot, so that Scrapy counts what is under way as the governor does."""

    def __init__(self, crawler: Crawler) -> None:
        self._crawler = crawler

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        """Make one for a crawl."""
        return cls(crawler)

    async def process_request(self, request: Request) -> None:
        """Set ``download_slot``; a redirect or retry bears its predecessor's."""
        request.meta["download_slot"] = await Session.of(self._crawler).governor.groups.of_url(request.url)


class OnSiteMiddleware:
    """Keeps a document's redirect on the agency's site.

    Scrapy's own lets every request with ``dont_filter`` pass, which all of a crawl's are.
    """

    def __init__(self, crawler: Crawler) -> None:
        self._crawler = crawler

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        """Make one for a crawl."""
        return cls(crawler)

    async def process_request(self, request: Request) -> None:
        """Let a request pass unless it is where a document's address redirected to on another host."""
        redirects = request.meta.get("redirect_urls")
        if redirects and request.meta.get("govcrawl", {}).get("kind") == "document":
            host = urlsplit(request.url).hostname or ""
            if not Session.of(self._crawler).spider.is_on_site(request.url):
                raise IgnoreRequest(f"{redirects[0]} redirects to another host, {host}; nothing was asked of it")


class OfflineCookiesMiddleware(CookiesMiddleware):
    """Cookies with the public-suffix list that tldextract ships, so that nothing is fetched for it."""

    def __init__(self, debug: bool = False) -> None:  # noqa: FBT001, FBT002 - Scrapy's signature
        super().__init__(debug)
        if not isinstance(getattr(cookies, "_split_domain", None), TLDExtract):
            raise UnsupportedLibrary(
                "scrapy.downloadermiddlewares.cookies._split_domain is no TLDExtract: use Scrapy 2.18 or 2.19"
            )
        cookies._split_domain = TLDExtract(suffix_list_urls=(), include_psl_private_domains=True, cache_dir=None)  # noqa: SLF001


class PlainRedirectMiddleware(RedirectMiddleware):
    """Follows redirects without a Referer, as everything else is asked for without one.

    Scrapy's own looks for a middleware of Referers when each crawl begins, and warns where there is none.
    """

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        """Make one for a crawl."""
        made = cls(crawler.settings)
        made.crawler = crawler
        return made

    def handle_referer(self, request: Request, response: Response) -> None:
        """Let no Referer of the first address go to where it leads."""
        del response
        request.headers.pop("Referer", None)


class DecodingMiddleware(HttpCompressionMiddleware):
    """Undoes the content coding as the archive does, up to what of a body is held in memory; no charset is guessed.

    The page of a document is left gzipped for the process that reads it: nothing here needs more than its beginning.

    Scrapy copies a text response by asking it for its encoding first; on a gzipped page that names no charset this
    costs a millisecond for a guess that is thrown away. Charsets are read once, by :mod:`govcrawl.decode`.
    """

    def __init__(self, crawler: Crawler) -> None:
        super().__init__(crawler=crawler)
        self._page_bytes = crawler.settings.getint("GOVCRAWL_PAGE_MAX_BYTES")

    def process_response(self, request: Request, response: Response) -> Request | Response:  # type: ignore[override]
        """Return the response with its body decoded."""
        if request.method == "HEAD" or b"Content-Encoding" not in response.headers:
            return response
        declared = (response.headers.get(b"Content-Type") or b"").decode("latin-1")
        limit = body_limit(request, declared, self._page_bytes)
        if request.meta.get("govcrawl", {}).get("kind") == "document" and response.status == HTTP_OK:
            begins = gunzip_beginning(response, limit)
            if begins is not None and len(begins.strip()) > TINY_BYTES:
                return GzippedResponse(response, begins)
        try:
            body, more = decode_body(response, limit)
        except UnreadableContent as error:  # an attack; what cannot be read is not read as a page either
            logger.warning("left as it came url=%s: %s", response.url, error)
            return response
        headers = response.headers.copy()
        del headers[b"Content-Encoding"]
        flags = [*response.flags, DECODED]
        if more and CUT not in flags:
            flags.append(CUT)
        return Response(
            response.url,
            status=response.status,
            headers=headers,
            body=body,
            flags=flags,
            request=response.request,
            certificate=response.certificate,
            ip_address=response.ip_address,
            protocol=response.protocol,
        )


class PatientRetryMiddleware(RetryMiddleware):
    """Retries as Scrapy does, but not where the site asks for more quiet than a crawl waits; less is waited for as any turn."""

    async def process_response(self, request: Request, response: Response) -> Request | Response:  # type: ignore[override]
        """Retry what may succeed later, or end the crawl."""
        if response.status in REFUSALS:
            session = Session.of(self.crawler)
            if hold := await session.governor.find_hold(request.url):
                session.governor.hold(hold)
                return response
        return super().process_response(request, response)


class HomeFirstMiddleware:
    """Visits the home page once and asks again where a page came back with a few bytes only.

    Some gateways give the page only to clients that bear the home page's cookie. A script challenge is not solved.
    """

    def __init__(self, crawler: Crawler) -> None:
        self._crawler = crawler

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        """Make one for a crawl."""
        return cls(crawler)

    async def process_response(self, request: Request, response: Response) -> Request | Response:
        """Ask again after the home page, once per request."""
        what = request.meta.get("govcrawl", {}).get("kind")
        if what not in {"list", "document", "probe"} or response.status != HTTP_OK or request.meta.get("home_visited"):
            return response
        if isinstance(response, GzippedResponse) or len(response.body.strip()) > TINY_BYTES:
            return response
        parts = urlsplit(request.url)
        home = f"{parts.scheme}://{parts.netloc}/"
        logger.info("tiny body url=%s bytes=%d: visiting %s first", request.url, len(response.body), home)
        meta = {"allow_offsite": True, "handle_httpstatus_all": True, **request_meta("home", via=request.url, hops="P")}
        try:
            await Session.of(self._crawler).download(Request(home, meta=meta, callback=NO_CALLBACK, dont_filter=True))
        except (*DOWNLOAD_ERRORS, IgnoreRequest) as error:
            logger.warning("home page failed url=%s error=%s", home, error)
            return response
        return request.replace(
            dont_filter=True, meta={**request.meta, "home_visited": True}, priority=request.priority + 1
        )
