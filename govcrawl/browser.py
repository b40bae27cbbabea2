"""The download handler of a crawl: a browser for what asks for one, the tap on the wire for everything else.

A request asks for a browser with ``meta["playwright"]``, which :class:`govcrawl.browser_view.BrowserView` sets for the
lists of an agency's ``browser_channels``. Playwright is imported, and a browser started, for the first of them only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from govcrawl.browser_find import require_browser
from govcrawl.download import TapDownloadHandler
from govcrawl.errors import UsageMistake

if TYPE_CHECKING:
    from scrapy import Request
    from scrapy.crawler import Crawler
    from scrapy.http import Response

    from govcrawl.browser_pages import BrowserPages


class BrowserDownloadHandler(TapDownloadHandler):
    """Downloads over the tapped wire, or through a browser.

    Raises:
        UsageMistake: the agency has browser channels and there is no browser; or as of the tap.
    """

    def __init__(self, crawler: Crawler) -> None:
        super().__init__(crawler)
        self._owner = crawler
        self._program = require_browser(crawler.spidercls, crawler.settings)
        self._pages: BrowserPages | None = None

    async def download_request(self, request: Request) -> Response:
        """Download one request and archive what it brings.

        Raises:
            As of the tap; TemplateMismatch: the rendered page lacks what loads the next list page.
        """
        if not request.meta.get("playwright"):
            return await super().download_request(request)
        if self._pages is None:
            if self._program is None:
                raise UsageMistake(f"{request.url} asks for a browser, but the agency declares no browser_channels")
            from govcrawl.browser_pages import BrowserPages  # noqa: PLC0415 - loads Playwright

            self._pages = BrowserPages(self._owner, self._program)
        response: Response = await self._pages.download_request(request)
        return response

    async def close(self) -> None:
        """Close connections, and the browser if one was started."""
        pages, self._pages = self._pages, None
        if pages is not None:
            await pages.close()
        await super().close()
