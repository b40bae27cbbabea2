"""One channel's list being walked: what was seen of it, and when it is at its end."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urldefrag

from archive.decisions import decide_channel
from archive.model import Listing
from govcrawl.documents import qualified_key
from govcrawl.urls import url_key

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from datetime import datetime

    from archive.catalog_walks import Ending
    from archive.decisions import Decision
    from archive.model import Known
    from govcrawl.browser_view import BrowserView
    from govcrawl.items import ListEntry, ListPage, NextPage

ASK_AGAIN = 2
"""How often a list page is asked for again that came as a stub or only repeats what was seen, before the walk is given up."""


class Taken(NamedTuple):
    """What a list page adds to a walk."""

    fresh: tuple[ListEntry, ...]  # under their canonical addresses
    twins: tuple[tuple[str, str], ...]  # (key of the canonical address, the other address that was printed)


@dataclass(slots=True)
class Walk:
    """One channel's list being walked."""

    channel: str
    seed: str
    full: bool  # to its end, whatever is known already
    seen: set[str] = field(default_factory=set)
    pages: int = 0
    total: int | None = None
    skipped: int = 0  # lines that are no documents; the list's own count holds them
    capped: bool = False
    complete: bool = False
    ended: bool = False
    asked_again: int = 0  # for the page that is being waited for
    view: BrowserView | None = None  # where a browser shows it
    together: list[Walk] = field(default_factory=list)  # walks that begin on the same page, at other fragments

    def decision(self, crawl_id: str, agency: str, at: datetime, *, to_the_end: bool, asked: bool) -> Decision[None]:
        """Return how this walk ended as a decision to put; ``asked``: the crawl was asked for a part only."""
        self.complete = to_the_end and (self.capped or not self.short) and not asked
        ending: Ending
        if to_the_end:
            ending = "capped" if self.capped else "short" if self.short else "end"
        else:
            ending = "asked" if asked else "endless" if self.full else "known"
        return decide_channel(
            crawl_id,
            agency,
            self.channel,
            complete=self.complete,
            pages=self.pages,
            total=self.total,
            at=at,
            ending=ending,
            skipped=self.skipped,
        )

    @property
    def short(self) -> bool:
        """Whether fewer lines were seen than the list says it has."""
        return self.total is not None and len(self.seen) + self.skipped < self.total

    def page_url(self, url: str) -> str:
        """Return the address of an answer as a template reads it: servers never see the seed's fragment (``index#721``)."""
        fragment = urldefrag(self.seed).fragment
        return f"{urldefrag(url).url}#{fragment}" if fragment and not self.pages else url

    def take(self, listed: ListPage, canonical: Callable[[str], str]) -> Taken:
        """Add a list page; each document counts once, by its canonical address."""
        fresh: list[ListEntry] = []
        twins: list[tuple[str, str]] = []
        here: set[str] = set()  # keys of this page: lines that repeat one are counted by the list, as skipped ones are
        for entry in listed.entries:
            url = canonical(entry.url)
            key = url_key(url)
            if key != url_key(entry.url):
                twins.append((key, entry.url))
            here.add(key)
            if key not in self.seen:
                self.seen.add(key)
                fresh.append(entry if url == entry.url else replace(entry, url=url))
        if fresh or not listed.entries:
            self.asked_again = 0
        if fresh or not listed.entries or self.asked_again >= ASK_AGAIN:
            self.pages += 1
            self.skipped += listed.skipped + len(listed.entries) - len(here)
        self.capped = self.capped or listed.capped
        self.total = listed.total if listed.total is not None else self.total
        return Taken(tuple(fresh), tuple(twins))

    def listings(self, taken: Taken, on_site: Callable[[str], bool]) -> list[Listing]:
        """Return the lines of a page that was just taken as the catalog's nouns."""
        position = len(self.seen) - len(taken.fresh)
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
    ) -> NextPage | None:
        """Return the next page to ask for, None where the walk ends here."""
        if listed.next is None:
            return None
        if self.pages == 1 and not listed.entries:  # a frame that only says where its script gets the list
            return listed.next
        if (
            self.pages >= most_pages or not taken.fresh
        ):  # a page that only repeats what was seen: the list runs in a circle
            return None
        if since and all(e.publish_date and e.publish_date < since for e in listed.entries if not e.pinned):
            return None
        if not self.full and all(k.document_id and k.listed_before and k.settled and not k.changed_line for k in known):
            return None  # first page on which everything is known; pinned lines alone never end a walk, others stand beside them
        return listed.next


def begin_walks(
    seeds: Mapping[str, str], full: Callable[[str], bool], apart: Collection[str]
) -> tuple[list[Walk], list[Walk]]:
    """Return a walk for each channel, and those of them whose first page is to be asked for.

    Channels that begin on the same page, at other fragments of it, are read from one answer: they follow the first of them.

    Args:
        seeds: channel → address.
        full: whether a channel's list is walked to its end.
        apart: channels that are asked for in another way.
    """
    walks = [Walk(channel, seed, full(channel)) for channel, seed in seeds.items()]
    first: dict[str, Walk] = {}
    for walk in walks:
        if walk.channel not in apart:
            leader = first.setdefault(urldefrag(walk.seed).url, walk)
            leader.together += [walk] if leader is not walk else []
    return walks, list(first.values())
