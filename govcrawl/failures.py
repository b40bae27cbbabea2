"""Why something could not be had: one word for counting, one sentence for people."""

from __future__ import annotations

from scrapy.exceptions import (
    CannotResolveHostError,
    DownloadCancelledError,
    DownloadConnectionRefusedError,
    DownloadFailedError,
    DownloadTimeoutError,
    IgnoreRequest,
    ResponseDataLossError,
)

from govcrawl.errors import BadStatus, BlockedPage, CrawlError, NotAPage, RefusedPage, StubPage, TemplateMismatch


class RobotsDisallowed(IgnoreRequest):
    """The site's robots.txt disallows the address."""


class RobotsUnavailable(IgnoreRequest):
    """robots.txt could not be had, so nothing of the host may be fetched (RFC 9309, 2.3.1.4).

    ``reason`` is why it could not be had: of a host that cannot be reached, what kept us from it.
    """

    def __init__(self, message: str, reason: str = "robots_unavailable") -> None:
        super().__init__(message)
        self.reason = reason


class CrawlEnding(IgnoreRequest):
    """The crawl is being ended; nothing more is sent."""


DOWNLOAD_ERRORS = (
    CannotResolveHostError,
    DownloadCancelledError,
    DownloadConnectionRefusedError,
    DownloadFailedError,
    DownloadTimeoutError,
    ResponseDataLossError,
)

_REASONS: tuple[tuple[type[BaseException], str], ...] = (
    (CannotResolveHostError, "dns"),
    (DownloadConnectionRefusedError, "refused"),
    (DownloadTimeoutError, "timeout"),
    (DownloadCancelledError, "too_large"),
    (ResponseDataLossError, "cut"),
    (DownloadFailedError, "connection"),
    (RobotsDisallowed, "robots"),
    (CrawlEnding, "ending"),
    (IgnoreRequest, "off_site"),
    (RefusedPage, "forbidden"),
    (BadStatus, "http_status"),
    (BlockedPage, "blocked"),
    (NotAPage, "not_a_page"),
    (StubPage, "stub"),
    (TemplateMismatch, "template"),
    (CrawlError, "unreadable"),
)

_SENTENCES = {
    "dns": "the host name could not be resolved; check the network and the agency's base_url",
    "refused": "the server refuses connections; it may be down, try again later",
    "timeout": "the server did not answer in time (DOWNLOAD_TIMEOUT)",
    "too_large": "the body is larger than DOWNLOAD_MAXSIZE; its beginning is archived",
    "cut": "the connection was cut before the body ended; what came is archived",
    "connection": "the connection failed",
}


def read_failure(error: BaseException | None) -> tuple[str, str]:
    """Return (reason, sentence) of an error; reason is ``bug`` for one that nobody foresaw."""
    if isinstance(error, RobotsUnavailable):
        return error.reason, str(error)
    reason = next((name for kind, name in _REASONS if isinstance(error, kind)), "bug")
    detail = str(error) or type(error).__name__
    sentence = _SENTENCES.get(reason)
    return reason, f"{sentence} ({detail})" if sentence else detail
