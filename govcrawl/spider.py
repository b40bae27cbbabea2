"""The crawl loop that all agencies share.

A template (one CMS family) adds two pure functions, an agency adds attributes. Every list of the agency is walked
(:mod:`govcrawl.lists`), each document that is wanted is fetched with its files (:mod:`govcrawl.documents`); what is wanted
stands in the frontier (:mod:`govcrawl.frontier`), and :mod:`govcrawl.agenda` decides what the lists do not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import urljoin, urlsplit

import scrapy

from archive.errors import ArchiveError
from archive.model import Agency, Channel
from govcrawl import __version__
from govcrawl.agenda import add_leftovers
from govcrawl.declaration import check_agency, read_arguments
from govcrawl.documents import Documents
from govcrawl.errors import BadAgency, UsageMistake
from govcrawl.frontier import Frontier
from govcrawl.lists import Lists
from govcrawl.session import Session
from govcrawl.speech import say
from govcrawl.urls import without_gateway
from govcrawl.walks import Walk

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from scrapy import Request
    from scrapy.settings import BaseSettings

    from govcrawl.decode import Page
    from govcrawl.items import DocumentPage, ListPage

PROJECT_URL = "https://govcrawl.example/"  # named in the User-Agent where no contact is set


class DisclosureSpider(scrapy.Spider):
    """Base of all templates.

    An agency sets ``name`` (= file = class), ``agency`` (official name in full), ``base_url`` and ``channels`` (printed name
    → seed path or URL); ``browser_channels`` names those whose list a plain client cannot read. A template sets
    ``template_name`` and writes :meth:`read_list` and :meth:`read_document`; ``browser_answer`` is a pattern of the address
    that a page's own script asks for its list: what it answers is read, and without one the rendered page is.

    Arguments (``-a NAME=VALUE``): ``mode`` incremental (default) or full; ``since`` YYYY-MM-DD compares the list's date and
    keeps undated rows; ``limit`` counts documents. The last two leave every state as it is.
    """

    template_name: ClassVar[str] = ""
    signals: ClassVar[Sequence[str]] = ()  # marks in a page's source by which the family is known
    agency: ClassVar[str] = ""
    base_url: ClassVar[str] = ""
    channels: ClassVar[Mapping[str, str]] = {}
    server_group: ClassVar[str] = ""  # agencies of one platform that share a pace; empty: those at one address do
    browser_channels: ClassVar[Sequence[str]] = ()
    browser_answer: ClassVar[str] = ""
    every_hours: ClassVar[float] = 0.0  # between two crawls; 0: as the setting GOVCRAWL_EVERY_HOURS says
    recrawl: ClassVar[Mapping[str, float]] = {}  # parameters of govcrawl.recrawl.policy that differ from the settings
    missing_page_is_cap: ClassVar[bool] = False  # 404 is what the CMS answers for pages it counts, but does not give

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Check an agency's declaration when its class is defined."""
        super().__init_subclass__(**kwargs)
        if cls.__dict__.get("name"):
            check_agency(cls)

    def __init__(
        self, mode: str = "incremental", since: str | None = None, limit: str | None = None, **kwargs: Any
    ) -> None:
        if kwargs:
            given = ", ".join(sorted(kwargs))
            raise UsageMistake(
                say(
                    f"没有爬虫参数 {given}，可用：mode, since, limit",
                    f"unknown spider argument {given}; accepted: mode, since, limit",
                )
            )
        self.mode, self.since, self.limit = read_arguments(mode, since, limit)
        super().__init__()
        self.allowed_domains = [urlsplit(self.base_url).hostname or ""]
        self.partial = self.since is not None or self.limit is not None

    @classmethod
    def update_settings(cls, settings: BaseSettings) -> None:
        """Derive what other settings imply: the User-Agent from the contact, one request at a time from the pace."""
        super().update_settings(settings)
        if settings.get("USER_AGENT") is None:
            contact = settings.get("GOVCRAWL_CONTACT") or PROJECT_URL
            settings.set("USER_AGENT", f"govcrawl/{__version__} (+{contact})", priority="spider")
        if settings.getfloat("DOWNLOAD_DELAY") > 0:
            settings.set("CONCURRENT_REQUESTS_PER_DOMAIN", 1, priority="cmdline")

    # --- what a template writes ---

    @classmethod
    def read_list(cls, page: Page) -> ListPage:
        """Read one list page; pure. Written by the template.

        Raises:
            TemplateMismatch: nothing was found where entries must be.
        """
        raise BadAgency(
            f"{cls.__name__} has no read_list: derive it from a template in spiders.templates (page: {page.url})"
        )

    @classmethod
    def read_document(cls, page: Page) -> DocumentPage:
        """Read the hints of one document page; pure. Written by the template.

        Raises:
            TemplateMismatch: the page lacks what every document page of the family has.
        """
        raise BadAgency(
            f"{cls.__name__} has no read_document: derive it from a template in spiders.templates (page: {page.url})"
        )

    @classmethod
    def canonical(cls, url: str) -> str:
        """Return the one address of the document behind any of its addresses; pure.

        Gateways that turn a site into traditional Chinese (``/gate/big5/<host>/…``) are taken off. A template of a CMS that shows
        a document at several addresses (mobile twins) takes off its own after that.
        """
        return without_gateway(url)

    @classmethod
    def read_channels(cls, page: Page) -> dict[str, str]:
        """Read the channel tree that a page prints as data; printed name → seed URL, empty where it prints none; pure.

        Written by templates whose CMS keeps the tree in a script; what stands in links is found without.
        """
        del page
        return {}

    # --- facts ---

    @classmethod
    def agency_row(cls) -> Agency:
        """Return this agency as the catalog's noun."""
        rows = (Channel(name=n, seed_url=u, position=i) for i, (n, u) in enumerate(cls.seeds().items()))
        return Agency(
            name=cls.name, title=cls.agency, base_url=cls.base_url, template=cls.template_name, channels=tuple(rows)
        )

    @classmethod
    def seeds(cls) -> dict[str, str]:
        """Return printed channel name → absolute seed URL."""
        return {name: urljoin(cls.base_url, path) for name, path in cls.channels.items()}

    def arguments(self) -> dict[str, str]:
        """Return the arguments in force, as archived with the crawl."""
        given = {"mode": self.mode, "since": self.since, "limit": None if self.limit is None else str(self.limit)}
        return {name: value for name, value in given.items() if value is not None}

    @property
    def session(self) -> Session:
        """This crawl's session."""
        return Session.of(self.crawler)

    # --- the loop ---

    async def start(self) -> AsyncIterator[Request]:
        """Ask for what the frontier hands out, until nothing is left in it.

        What a page leads to is put into the frontier, never asked for by the page's callback.
        """
        session = self.session
        frontier = Frontier(session)
        lists, documents = Lists(session, frontier), Documents(session, frontier)
        try:
            if not await session.control.enter():
                return
            await lists.begin()
            leftovers_are_due = True
            while True:
                work = await frontier.next()
                if isinstance(work, Walk):
                    yield lists.request(work)
                elif work is not None:
                    yield documents.request(work)
                elif leftovers_are_due and not session.is_ending():
                    leftovers_are_due = False
                    if await add_leftovers(session):
                        frontier.documents_came()
                else:
                    return
        except ArchiveError as error:
            session.stop("archive", str(error))

    def is_on_site(self, url: str) -> bool:
        """Tell whether an address lies on the agency's host or below it."""
        host = urlsplit(url).hostname or ""
        return any(host == own or host.endswith(f".{own}") for own in self.allowed_domains)
