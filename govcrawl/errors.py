"""What can go wrong while crawling and reading.

::

    CrawlError
    ├── TemplateMismatch    a selector found nothing (or too much) where something must be
    │   └── StubPage        a list page that is next to nothing: asked again, it may be whole
    ├── BlockedPage         a challenge, login wall or empty shell instead of the page; never parsed as content
    ├── NotAPage            the address answers, but there is no document there (404, soft 404)
    ├── BadStatus           an HTTP status that says nothing about the document (500, 429 after all retries)
    │   └── RefusedPage     401, 403 and their like, unsigned: of this document where the host answers otherwise
    ├── UnreadablePage      what came cannot be parsed as a page: too large, nested beyond reason, nothing in it
    ├── BadAgency           an agency's declaration is wrong
    ├── UsageMistake        an argument the user gave cannot be used
    └── UnsupportedLibrary  private names the wire tap stands on are not there in this Scrapy or Twisted

Errors of the store are in :mod:`archive.errors`. All of these survive pickling: they cross process borders.
"""

from __future__ import annotations


class CrawlError(Exception):
    """Base of everything the crawl side raises."""


class TemplateMismatch(CrawlError):
    """The page does not have the shape its template states; the message names page and selector."""


class StubPage(TemplateMismatch):
    """A list page that a server left broken: a few hundred bytes, no rows. It is asked for again before the walk is given up."""


class BlockedPage(CrawlError):
    """The site answered with a challenge, a wall or an empty shell.

    ``signature`` is the wall's name (:mod:`govcrawl.signatures`), empty for an empty or tiny body, which nothing signs.
    """

    def __init__(self, message: str, signature: str = "") -> None:
        super().__init__(message)
        self.signature = signature


class NotAPage(CrawlError):
    """The address answers, but no document stands there (any more)."""


class UnreadablePage(CrawlError):
    """What came cannot be read as a page; says nothing about whether the document is still there."""


class BadStatus(CrawlError):
    """The server answered with a status that says nothing about the document itself; ``status`` where one is known."""

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class RefusedPage(BadStatus):
    """The server refuses this address (401, 403 …) and no firewall signs it: the document was taken away, or we are shut out."""


class BadAgency(CrawlError):
    """An agency's declaration is wrong; raised when its class is defined."""


class UsageMistake(CrawlError):
    """An argument or setting cannot be used; the message says which, what was given and what is accepted."""


class UnsupportedLibrary(CrawlError):
    """The installed Scrapy or Twisted lacks a private name that wire-true capture needs."""
