"""A list shown in a browser, as the spider holds it: it knows no browser, only how to ask for one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from scrapy import Request

_META = "govcrawl_view"
_CLICK = "govcrawl_click"


class OpenPage(Protocol):
    """A page open in a browser."""

    async def close(self) -> None:
        """Close it; what it received until then is archived."""


@dataclass(slots=True)
class BrowserView:
    """One channel's list in a browser, from its first page to its last; the page stays open in between.

    Args:
        answer: pattern of the address that the page's own script asks for its list; empty = the rendered page is read.
    """

    answer: str = ""
    page: OpenPage | None = None  # set by the download handler

    def request_meta(self, click: str | None) -> dict[str, Any]:
        """Return the part of ``Request.meta`` that sends a request through the browser.

        Args:
            click: XPath of what to click on the open page; None = go to the request's address.
        """
        # a slot of its own: a page's robots.txt and sub-resources wait for the host's turn while the page itself loads
        return {"playwright": True, "download_slot": "browser", _META: self, _CLICK: click}

    async def close(self) -> None:
        """Close the page, if one is open."""
        page, self.page = self.page, None
        if page is not None:
            await page.close()


def view_of(request: Request) -> tuple[BrowserView, str | None]:
    """Return the view a request is for, and what to click in it."""
    view = request.meta.get(_META)
    return (view if isinstance(view, BrowserView) else BrowserView()), request.meta.get(_CLICK)
