"""What a probe finds, and what it fetches with."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping

    from archive.model import Capture, Document
    from govcrawl.channels import Link
    from govcrawl.decode import Page
    from govcrawl.families import Family
    from govcrawl.items import ListEntry, ListPage


class Fetched(Protocol):
    """A page that was fetched, and its capture."""

    @property
    def page(self) -> Page:
        """The page."""

    @property
    def capture(self) -> Capture:
        """Its capture."""


class Fetcher(Protocol):
    """What a probe fetches with (:class:`govcrawl.look.Looker`)."""

    @property
    def requests(self) -> int:
        """Exchanges so far."""

    async def fetch(self, url: str, *, form: Mapping[str, str] | None = None, via: str | None = None) -> Fetched:
        """Fetch one page; CrawlError where no answer came."""


@dataclass(frozen=True, slots=True)
class FoundChannel:
    """A channel, and what was read of its list; ``listed`` is None where the CMS's own tree names it and it was not looked at."""

    name: str
    url: str
    listed: ListPage | None = None
    source: Fetched | None = None  # the page the rows were read from
    browser: str | None = None  # why a plain client does not get its rows


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A link that is no channel, and why."""

    name: str
    url: str
    reason: str


@dataclass(frozen=True, slots=True)
class FoundDocument:
    """A document as the family's template read it."""

    entry: ListEntry
    source: Fetched
    document: Document


@dataclass(slots=True)
class Finding:
    """What a probe found."""

    url: str  # where the start page was in the end
    family: Family | None = None
    others: list[Family] = field(default_factory=list)
    agency: str | None = None
    agency_source: str | None = None
    channels: list[FoundChannel] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)
    unseen: list[Link] = field(default_factory=list)  # not looked at: the limit of requests was reached
    document: FoundDocument | None = None
    document_problem: str | None = None
    requests: int = 0

    @property
    def base_url(self) -> str:
        """Scheme and host of the site."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc}"

    @property
    def list_case(self) -> FoundChannel | None:
        """The channel whose list page was read: the first with rows."""
        return next((one for one in self.channels if one.listed and one.listed.entries), None)
