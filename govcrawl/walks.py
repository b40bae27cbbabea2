"""One channel's list being walked: what was seen of it, and when it is at its end."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, NamedTuple
from urllib.parse import urldefrag

from archive.decisions import decide_channel
from archive.model import Listing
from govcrawl.items import NextPage
from govcrawl.urls import qualified_key, url_key

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from datetime import datetime

    from archive.catalog_walks import Ending
    from archive.decisions import Decision
    from archive.model import Known
    from govcrawl.browser_view import BrowserView
    from govcrawl.items import ListEntry, ListPage

ASK_AGAIN = 2
"""How often a list page is asked for again that came as a stub or only repeats what was seen, before the walk is given up."""


class Line(NamedTuple):
    """One line of a list page under the canonical address of its document."""

    key: str  # of the canonical address
    entry: ListEntry
    twin: str | None  # the other address that was printed


class Taken(NamedTuple):
    """What a list page adds to a walk."""

    fresh: tuple[ListEntry, ...]  # under their canonical addresses
    twins: tuple[tuple[str, str], ...]  # (key of the canonical address, the other address that was printed)


Stop = Literal["end", "known", "since", "limit", "repeats", "too_long"]
"""Why a walk is over: the list's end, a page on which all is known, the arguments; a circle, too many pages."""


@dataclass(slots=True)
class Walk:
    """One channel's list being walked.

    What it has seen is asked of the catalog, whose lines name the crawl that saw them last; only where a browser shows the
    list, and a walk that was interrupted begins anew, the walk remembers it itself.
    """

    channel: str
    seed: str
    full: bool  # to its end, whatever is known already
    row_id: int = 0  # in the frontier
    count: int = 0  # lines seen
    pages: int = 0
    total: int | None = None
    skipped: int = 0  # lines that are no documents; the list's own count holds them
    capped: bool = False
    ended: bool = False
    ending: Stop | None = None  # known before it has ended: its end is still to be put
    asked_again: int = 0  # for the page that is being waited for
    read_id: int = 0  # capture last read for it: what the archive has beyond answers the page that is waited for
    following: NextPage | None = None  # the page to ask for; None = the first one
    via: str | None = None  # the page that leads to it
    view: BrowserView | None = None  # where a browser shows it
    seen: set[str] | None = None  # where a browser shows it: keys of its lines
    together: list[Walk] = field(default_factory=list)  # walks that begin on the same page, at other fragments

    @property
    def ended_as(self) -> Ending:
        """How this walk ended, in the catalog's words."""
        if self.ending == "end":
            return "capped" if self.capped else "short" if self.short else "end"
        words: dict[Stop | None, Ending] = {"known": "known", "repeats": "endless", "too_long": "endless"}
        return words.get(self.ending, "asked")

    def decision(self, crawl_id: str, agency: str, at: datetime, *, asked: bool) -> Decision[None]:
        """Return how this walk ended as a decision to put; ``asked``: the crawl was asked for a part only."""
        ending = self.ended_as
        return decide_channel(
            crawl_id,
            agency,
            self.channel,
            complete=ending in {"end", "capped"} and not asked,
            pages=self.pages,
            total=self.total,
            at=at,
            ending="asked" if asked and ending == "endless" else ending,
            skipped=self.skipped,
        )

    @property
    def short(self) -> bool:
        """Whether fewer lines were seen than the list says it has."""
        return self.total is not None and self.count + self.skipped < self.total

    def page_url(self, url: str) -> str:
        """Return the address of an answer as a template reads it: servers never see the seed's fragment (``index#721``)."""
        fragment = urldefrag(self.seed).fragment
        return f"{urldefrag(url).url}#{fragment}" if fragment and not self.pages else url

    def cursor(self) -> dict[str, Any]:
        """Say how far it has come, for the frontier; :meth:`go_on` is the way back."""
        values = {name: getattr(self, name) for name in _CURSOR}
        return {**values, "following": None if self.following is None else asdict(self.following)}

    def go_on(self, cursor: Mapping[str, Any]) -> None:
        """Go on where an interrupted sitting of the crawl left it."""
        for name in _CURSOR:
            setattr(self, name, cursor[name])
        self.following = None if cursor["following"] is None else NextPage(**cursor["following"])

    def read_lines(self, listed: ListPage, canonical: Callable[[str], str]) -> list[Line]:
        """Return a page's lines under the canonical addresses of their documents."""
        lines = []
        for entry in listed.entries:
            url = canonical(entry.url)
            twin = entry.url if url_key(url) != url_key(entry.url) else None
            lines.append(Line(url_key(url), entry if url == entry.url else replace(entry, url=url), twin))
        return lines

    def take(self, listed: ListPage, lines: Sequence[Line], seen: Collection[str]) -> Taken:
        """Add a list page, whose lines are as :meth:`read_lines` gave them; each document counts once.

        ``seen`` holds those keys that earlier pages had.
        """
        fresh: dict[str, ListEntry] = {}
        twins: list[tuple[str, str]] = []
        here: set[str] = set()  # keys of this page: lines that repeat one are counted by the list, as skipped ones are
        for key, entry, twin in lines:
            if twin is not None:
                twins.append((key, twin))
            here.add(key)
            if key not in seen:
                fresh.setdefault(key, entry)
        self.count += len(fresh)
        if self.seen is not None:
            self.seen.update(fresh)
        if fresh or not listed.entries:
            self.asked_again = 0
        if fresh or not listed.entries or self.asked_again >= ASK_AGAIN:
            self.pages += 1
            self.skipped += listed.skipped + len(listed.entries) - len(here)
        self.capped = self.capped or listed.capped
        self.total = listed.total if listed.total is not None else self.total
        return Taken(tuple(fresh.values()), tuple(twins))

    def listings(self, taken: Taken, on_site: Callable[[str], bool]) -> list[Listing]:
        """Return the lines of a page that was just taken as the catalog's nouns."""
        position = self.count - len(taken.fresh)
        return [
            Listing(
                url=entry.url,
                url_key=url_key(entry.url),
                key=qualified_key(entry.url, entry.key),
                title=entry.title,
                publish_date=entry.publish_date,
                date_text=entry.date_text,
                position=place,
                pinned=entry.pinned,
                offsite=not on_site(entry.url),
            )
            for place, entry in enumerate(taken.fresh, position)
        ]

    def repeats(self, listed: ListPage, taken: Taken) -> bool:
        """Tell whether a page has lines, but only such as were seen: some servers answer a later page with an earlier one."""
        return bool(listed.entries) and not taken.fresh

    def ask_again(self) -> bool:
        """Tell whether the page that came is worth another request; it does not count then."""
        if self.asked_again >= ASK_AGAIN:
            return False
        self.asked_again += 1
        return True

    def next_page(
        self, listed: ListPage, taken: Taken, known: Sequence[Known], *, most_pages: int, since: str | None
    ) -> NextPage | Stop:
        """Return the next page to ask for, or why the walk is over here."""
        if listed.next is None:
            return "end"
        if self.pages == 1 and not listed.entries:  # a frame that only says where its script gets the list
            return listed.next
        if not taken.fresh:  # a page that only repeats what was seen: the list runs in a circle
            return "repeats"
        if since and all(e.publish_date and e.publish_date < since for e in listed.entries if not e.pinned):
            return "since"
        if not self.full and all(k.listed_before and k.settled and not k.changed_line for k in known):
            # Pinned lines alone never end a walk, others stand beside them. A line without a document (on another host,
            # refused, failed) is as known as any: what can still be had of it is asked for after the last list.
            return "known"
        return "too_long" if self.pages >= most_pages else listed.next


_CURSOR = ("full", "count", "pages", "total", "skipped", "capped", "ending", "asked_again", "read_id", "via")


def group_walks(walks: Sequence[Walk], apart: Collection[str]) -> list[Walk]:
    """Return those walks whose next page is to be asked for; channels that are ``apart`` are asked for in another way.

    Channels that begin on the same page, at other fragments of it, are read from one answer: they follow the first of them.
    """
    asked: list[Walk] = []
    first: dict[str, Walk] = {}
    for walk in walks:
        if walk.channel in apart:
            continue
        page = urldefrag(walk.seed).url
        if walk.following is None and page in first:
            first[page].together.append(walk)
            continue
        asked.append(walk)
        if walk.following is None:
            first[page] = walk
    return asked
