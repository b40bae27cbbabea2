"""One channel's list being walked: what was seen of it, and when it is at its end."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, NamedTuple
from urllib.parse import urldefrag

from archive.decisions import decide_channel
from archive.facts import ChannelFacts
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

SHRINKS = 0.1
"""Share of its lines that a list which prints no count may lose from one walk to the next and be believed. A batch of documents
taken off is a few per cent; more looks like a list that broke off."""
SHRINKS_BY_ITS_COUNT = 0.5
"""… and one whose own count agrees."""
FEW_LINES = 2  # of a short list


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
    least_pages: int = 0  # read though all is known
    row_id: int = 0  # in the frontier
    count: int = 0  # lines seen
    pages: int = 0
    total: int | None = None  # the list's own count, as it was first printed
    least: int | None = None  # the smallest count printed: lists shrink and grow while they are walked
    facts: ChannelFacts | None = None  # what was known of the list before; None where nothing is to be compared
    added: int = 0  # lines that this list never showed before
    skipped: int = 0  # lines that are no documents; the list's own count holds them
    capped: bool = False
    ended: bool = False
    ending: Stop | None = None  # known before it has ended: its end is still to be put
    asked_again: int = 0  # for the page that is being waited for
    doubted: bool = False  # that page came before and was not taken at its word
    pages_again: int = 0  # pages read the second time
    page_lines: int = 0  # lines on the page before, from the second on
    page_known: bool = True  # whether every line of this page is known that came so far
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

    @property
    def complete(self) -> bool:
        """Whether the whole list was seen, as far as the site gives it."""
        return self.ended_as == "capped" or (self.ended_as == "end" and not self.slipped)

    def decision(self, crawl_id: str, agency: str, at: datetime, *, asked: bool) -> Decision[None]:
        """Return how this walk ended as a decision to put; ``asked``: the crawl was asked for a part only."""
        ending = self.ended_as
        return decide_channel(
            crawl_id,
            agency,
            self.channel,
            complete=self.complete and not asked,
            pages=self.pages,
            total=self.total,
            at=at,
            ending="asked" if asked and ending == "endless" else ending,
            skipped=self.skipped,
        )

    @property
    def short(self) -> bool:
        """Whether fewer lines were seen than the list says it has, or far fewer than stood there before."""
        return (self.least is not None and self.count + self.skipped < self.least) or self.shrunk

    @property
    def lost(self) -> int:
        """How many lines that stood there before were not seen."""
        return self.facts.lines + self.added - self.count if self.facts else 0

    @property
    def shrunk(self) -> bool:
        """Whether so many lines are lost that the list rather than the agency is to blame."""
        share = SHRINKS_BY_ITS_COUNT if self.total else SHRINKS
        return self.facts is not None and self.lost > max(FEW_LINES, share * self.facts.lines)

    @property
    def slipped(self) -> bool:
        """Whether lines were taken off while the list was being walked: others moved up, past the page that was read next."""
        return self.total is not None and self.least is not None and self.least < self.total

    @property
    def miscount(self) -> int | None:
        """By how much the list's own count is above what it would be with the lines that are known; None where it prints none.

        Above: lines were added further down, dated back. Below: lines were taken off. Compared with its count when it was last
        walked to its end and with the lines that were added since.
        """
        if self.facts is None or self.facts.total is None or self.total is None:
            return None
        return self.total - (self.facts.total + self.facts.newer + self.added)

    @property
    def unexplained(self) -> bool:
        """Whether more lines are lost than the list's own count says were taken off."""
        return self.lost > -min(self.miscount or 0, 0)

    def page_url(self, url: str) -> str:
        """Return the address of an answer as a template reads it: servers never see the seed's fragment (``index#721``)."""
        fragment = urldefrag(self.seed).fragment
        first = not self.pages or (self.doubted and self.pages == 1) or self.pages_again == 1
        return f"{urldefrag(url).url}#{fragment}" if fragment and first else url

    def cursor(self) -> dict[str, Any]:
        """Say how far it has come, for the frontier; :meth:`go_on` is the way back."""
        values = {name: getattr(self, name) for name in _CURSOR}
        following = None if self.following is None else asdict(self.following)
        facts = None if self.facts is None else [self.facts.total, self.facts.lines, self.facts.newer]
        return {**values, "following": following, "facts": facts}

    def go_on(self, cursor: Mapping[str, Any]) -> None:
        """Go on where an interrupted sitting of the crawl left it."""
        for name in _CURSOR:
            setattr(self, name, cursor[name])
        self.following = None if cursor["following"] is None else NextPage(**cursor["following"])
        if cursor["facts"] is not None:
            total, lines, newer = cursor["facts"]
            self.facts = ChannelFacts(self.channel, 0, None, None, total, lines, newer)

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
        if self.doubted or self.pages_again:  # this page again: it is counted already
            pass
        elif fresh or not listed.entries or self.asked_again >= ASK_AGAIN:
            self.asked_again = 0 if fresh or not listed.entries else self.asked_again
            self.pages += 1
            self.skipped += listed.skipped + len(listed.entries) - len(here)
        self.capped = self.capped or listed.capped
        self.total = self.total or listed.total  # an empty page's "0" is no count of a list that has lines
        if listed.total is not None and (listed.entries or not self.count):
            self.least = listed.total if not self.least else min(self.least, listed.total)
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
        return bool(listed.entries) and not taken.fresh and not (self.doubted or self.pages_again)

    def note(self, known: Sequence[Known]) -> None:
        """Note what the catalog knows of the lines of a page that was just taken.

        Pinned lines do not make a page known or not: they stand on the first one whatever comes after them. A line without
        a document (on another host, refused, failed) is as known as any: what can still be had of it is asked for after
        the last list.
        """
        self.added += sum(not one.listed_before for one in known)
        self.page_known &= all(
            one.listed_before and one.settled and not one.changed_line for one in known if not one.listing.pinned
        )

    def doubtful(self, listed: ListPage) -> bool:
        """Tell whether a page just taken is better asked for again: it has no lines, fewer than expected, or ends a list too early.

        A page may come empty or cut for a moment; taken at its word it would make documents look withdrawn.
        """
        if listed.next is None and not listed.capped:
            unknown = self.facts is None or not self.facts.lines
            return self.short or self.unexplained or (not listed.entries and self.pages > 1 and unknown)
        if not listed.entries:
            return listed.number > 1
        # only the last page of a list is shorter than the others
        return not self.doubted and len(listed.entries) + listed.skipped < self.page_lines

    def ask_again(self, *, doubted: bool = False) -> bool:
        """Tell whether the page that came is worth another request.

        It does not count then; ``doubted``: its lines do, and the next answer adds to them.
        """
        if self.asked_again >= ASK_AGAIN:
            return False
        self.asked_again += 1
        self.doubted = self.doubted or doubted
        return True

    def next_page(self, listed: ListPage, taken: Taken, *, most_pages: int, since: str | None) -> NextPage | Stop:
        """Return the next page to ask for, or why the walk is over here.

        A walk that is not full ends on the first page on which everything is known. While the list's own count disagrees with
        what is known it goes on: to the line that was dated back and explains it, or to the end.
        """
        page_known = self.page_known and not (listed.entries and all(entry.pinned for entry in listed.entries))
        if listed.next is None or (self.pages_again and not self.unexplained):
            return self._once_more()
        if self.pages == 1 and not listed.entries:  # a frame that only says where its script gets the list
            return self._go_on(listed.next)
        again = self.doubted or self.pages_again
        if not taken.fresh and not again:  # a page that only repeats what was seen: the list runs in a circle
            return "repeats"
        if since and all(e.publish_date and e.publish_date < since for e in listed.entries if not e.pinned):
            return "since"
        may_end = not self.full and not self.pages_again and self.pages >= self.least_pages
        if may_end and page_known and not self.miscount:
            return "known"
        self.page_lines = len(listed.entries) + listed.skipped if listed.number > 1 else 0
        return "too_long" if self.pages >= most_pages else self._go_on(listed.next)

    def _once_more(self) -> NextPage | Stop:
        """Return the first page where the list is to be read a second time before it is believed.

        Lines that stood there before are lost, and no count says that so many were taken off: a page may have come cut, or they
        moved up from it while another was read. The documents of lines that stay lost are looked at.
        """
        if not self.unexplained or self.pages_again or self.view or self.capped:
            return "end"
        return self._go_on(NextPage(url=self.seed, number=1), again=True)

    def _go_on(self, following: NextPage, *, again: bool = False) -> NextPage | Stop:
        """Leave this page for another one."""
        self.asked_again = 0
        self.doubted = False
        self.page_known = True
        self.pages_again += bool(again or self.pages_again)
        return "end" if self.pages_again > 2 * self.pages + 1 else following


_CURSOR = (
    *(
        "full",
        "least_pages",
        "count",
        "pages",
        "total",
        "least",
        "added",
        "skipped",
        "capped",
        "ending",
        "asked_again",
        "doubted",
    ),
    *("pages_again", "page_lines", "page_known", "read_id", "via"),
)


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
