"""The names of Scrapy and Twisted that wire-true capture stands on, checked at import: neither promises to keep them."""

from __future__ import annotations

from importlib.metadata import version

from twisted.web._newclient import HTTP11ClientProtocol, Response
from twisted.web.client import HTTPConnectionPool

from govcrawl.errors import UnsupportedLibrary

SUPPORTED = "Scrapy 2.18 and 2.19 with Twisted 24.10 to 26.10"


def unsupported(missing: str) -> UnsupportedLibrary:
    """Return the error to raise when something the tap needs is not there."""
    return UnsupportedLibrary(
        f"wire-true capture cannot work with the installed Scrapy {version('scrapy')} and "
        f"Twisted {version('twisted')}: {missing}; supported: {SUPPORTED}. Install a supported version (the lock file of the project names one)"
    )


try:
    from scrapy.core.downloader.handlers.http11 import HTTP11DownloadHandler
    from scrapy.core.downloader.handlers.http11 import _LenientHTTP11ClientProtocol as LenientProtocol
    from scrapy.core.downloader.handlers.http11 import _LenientHTTPClientParser as LenientParser
    from scrapy.core.downloader.handlers.http11 import _ResponseReader as ResponseReader
except ImportError as error:
    raise unsupported(f"{error.name or 'scrapy'} lacks a name ({error})") from error

__all__ = ["SUPPORTED", "HTTP11DownloadHandler", "LenientParser", "LenientProtocol", "check_names", "unsupported"]

_METHODS = {
    LenientProtocol: (
        "makeConnection",
        "request",
        "state",
        "dataReceived",
        "connectionLost",
        "_finishResponse",
        "_parser",
    ),
    LenientParser: ("headerReceived",),
    ResponseReader: ("dataReceived", "_finish_response"),
    Response: ("deliverBody",),
    HTTPConnectionPool: ("_factory", "getConnection", "maxPersistentPerHost"),
    HTTP11DownloadHandler: ("download_request", "close"),
}
_ATTRIBUTES = ("_pool", "_contextFactory", "_bind_address")  # set by HTTP11DownloadHandler.__init__


def check_names() -> None:
    """Look for every private name in the installed Scrapy and Twisted.

    Raises:
        UnsupportedLibrary: one is not there.
    """
    if not issubclass(LenientProtocol, HTTP11ClientProtocol):
        raise unsupported(f"{LenientProtocol.__qualname__} is no HTTP11ClientProtocol")
    for owner, names in _METHODS.items():
        for name in names:
            if not hasattr(owner, name):
                raise unsupported(f"{owner.__module__}.{owner.__qualname__} has no {name}")
    set_by_handler = HTTP11DownloadHandler.__init__.__code__.co_names
    for name in _ATTRIBUTES:
        if name not in set_by_handler:
            raise unsupported(f"{HTTP11DownloadHandler.__qualname__} sets no {name}")
    for method in (ResponseReader.dataReceived, ResponseReader._finish_response):  # noqa: SLF001 - that is the point
        if "_bodybuf" not in method.__code__.co_names:
            raise unsupported(f"{method.__qualname__} does not use _bodybuf")
    if "_pool" not in HTTP11DownloadHandler.download_request.__code__.co_names:
        raise unsupported(f"{HTTP11DownloadHandler.__qualname__}.download_request does not use _pool")


check_names()
