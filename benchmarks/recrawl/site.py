"""A simulated agency site on a virtual clock: what is published, edited and withdrawn when, and what goes wrong.

Time is days since the first crawl. The rates are those of the reference model that the project began with; they are assumed, not
measured, and no part of the policy knows them.
"""

from __future__ import annotations

from bisect import insort
from dataclasses import dataclass, field
from random import Random
from typing import Literal

from govcrawl.items import ListEntry, ListPage, NextPage

HOST = "http://sim.test"
PAGE_LINES = 20
YEARS = 8.0
CHANNELS = 10
UNCOUNTED = frozenset({2, 5, 8})
"""Channels whose lists print no total."""
PINNED = 3  # per channel
UNMARKED = frozenset({1, 4, 7})
"""Channels whose pinned lines do not say so."""

NEW_PER_DAY = 8.0
BACKDATED = 0.04
EDITS = ((7.0, 0.01), (90.0, 0.0015), (float("inf"), 0.00008))
"""Edits a day by age: up to so many days, that many."""
TITLE_EDITS = 0.1  # of edits also change the title, and with it the list's line
WITHDRAWN_PER_DAY = 0.15
STAYS_LISTED = 0.2  # of withdrawn documents keep their line
COMES_BACK = 0.1  # of withdrawn documents are restored later
UNLISTED_PER_DAY = 0.05  # lose their line and go on answering
BATCH = (0.58, 60)
"""At this share of the time so many documents of one channel are withdrawn at once."""
OUTAGE = (0.25, 8.0, 40)
"""From this share of the time on, for so many days, so many documents of one channel answer 404 and come back."""
BLOCKED_DAY = 0.4  # at this share of the time everything is refused for a day

SERVER_ERROR = 0.005  # of requests are answered 503 …
SERVER_ERROR_AGAIN = 0.3  # … and so is a repeated one
EMPTY_LIST = 0.005  # of list pages come without a line, for once
EMPTY_CHANNEL = 0.002  # of channels and days: the list is empty whatever is asked, all day
CUT_LIST = 0.003  # of list pages come cut: half of them without a way on
SOFT_404 = 0.0005  # of looks at a document that is there meet the error page with status 200
SHIFT = 0.002  # of list pages: a new line moves all others on while the list is being walked
LOSS = 0.0001  # of list pages: a line is taken off meanwhile

Answer = Literal["ok", "absent", "error", "blocked"]


@dataclass(slots=True)
class Page:
    """One document of the site."""

    number: int
    channel: int
    published: float  # as printed; a back-dated one is put up later
    up_at: float
    url: str = ""
    version: int = 0
    title: int = 0
    edits: list[float] = field(default_factory=list)  # when it was edited
    gone_at: float | None = None
    back_at: float | None = None
    listed: bool = True
    out: tuple[float, float] | None = None  # while this holds it answers 404 and is not withdrawn

    def is_gone(self, now: float) -> bool:
        """Tell whether the agency has withdrawn it."""
        return (
            self.gone_at is not None and self.gone_at <= now and not (self.back_at is not None and self.back_at <= now)
        )


class Site:
    """The site; :meth:`advance` lets time pass, the other methods are requests."""

    def __init__(self, seed: int, days: float, documents: int, *, new_per_day: float = NEW_PER_DAY) -> None:
        self._random = Random(seed)  # noqa: S311 -- the same site for the same seed
        self._faults = Random(seed + 1)  # noqa: S311 -- the same
        self.days = days
        self.now = 0.0
        weights = [0.75**n for n in range(CHANNELS)]
        self.pages: list[Page] = []
        self.lists: list[list[tuple[float, int]]] = [[] for _ in range(CHANNELS)]  # (−published, number)
        self._events: list[tuple[float, int, str, int]] = []
        self._empty: set[tuple[int, int]] = set()
        for _ in range(documents):
            channel = self._random.choices(range(CHANNELS), weights)[0]
            self._make(channel, -self._random.random() * YEARS * 365, up_at=None)
        at = self._random.expovariate(new_per_day)
        while at < days:
            channel = self._random.choices(range(CHANNELS), weights)[0]
            back = self._random.uniform(10, 400) if self._random.random() < BACKDATED else 0.0
            self._make(channel, at - back, up_at=at)
            at += self._random.expovariate(new_per_day)
        self.pinned = [[number for _, number in self._random.sample(one, min(PINNED, len(one)))] for one in self.lists]
        self._plan_losses(documents)
        for day in range(1, int(days) + 60):
            self._empty |= {(day, c) for c in range(CHANNELS) if self._faults.random() < EMPTY_CHANNEL}
        self._events.sort()
        self._next = 0

    def _make(self, channel: int, published: float, up_at: float | None) -> None:
        number = len(self.pages)
        page = Page(
            number, channel, published, published if up_at is None else up_at, url=f"{HOST}/{channel}/t{number}.htm"
        )
        self.pages.append(page)
        if up_at is None:
            insort(self.lists[channel], (-published, number))
        else:
            self._events.append((up_at, number, "publish", number))
        below = 0.0
        for bound, rate in EDITS:
            at = max(published + below, page.up_at, 0.0)
            below = bound
            while (at := at + self._random.expovariate(rate)) < min(published + bound, self.days):
                page.edits.append(at)
                self._events.append((at, number, "title" if self._random.random() < TITLE_EDITS else "edit", number))
        page.edits.sort()

    def _plan_losses(self, documents: int) -> None:
        pinned = {number for one in self.pinned for number in one}
        free = [page for page in self.pages[:documents] if page.number not in pinned]
        self._random.shuffle(free)
        count = round(WITHDRAWN_PER_DAY * self.days)
        for page in free[:count]:
            self._withdraw_at(page, self._random.uniform(1, self.days), stays=self._random.random() < STAYS_LISTED)
            if self._random.random() < COMES_BACK and page.gone_at is not None:
                page.back_at = page.gone_at + 25
                self._events.append((page.back_at, page.number, "back", page.number))
        for page in free[count : count + round(UNLISTED_PER_DAY * self.days)]:
            self._events.append((self._random.uniform(1, self.days), page.number, "unlist", page.number))
        rest = [page for page in free[count + round(UNLISTED_PER_DAY * self.days) :] if page.channel == 0]
        share, size = BATCH
        for page in rest[: min(size, len(rest) // 10)]:
            self._withdraw_at(page, share * self.days, stays=False)
        share, long, size = OUTAGE
        for page in rest[-min(size, len(rest) // 10) :]:
            page.out = (share * self.days, share * self.days + long)

    def _withdraw_at(self, page: Page, at: float, *, stays: bool) -> None:
        page.gone_at = at
        self._events.append((at, page.number, "withdraw" if stays else "remove", page.number))

    # --- time ---

    def advance(self, now: float) -> None:
        """Let everything happen up to now."""
        self.now = now
        while self._next < len(self._events) and self._events[self._next][0] <= now:
            _, _, kind, number = self._events[self._next]
            self._next += 1
            self._happen(kind, self.pages[number])

    def _happen(self, kind: str, page: Page) -> None:
        if kind == "publish":
            self._list(page)
        elif kind in {"edit", "title"}:
            page.version += 1
            page.title += kind == "title"
        elif kind in {"remove", "unlist"}:
            self._unlist(page)
        elif kind == "back":
            self._list(page)

    def _list(self, page: Page) -> None:
        line = (-page.published, page.number)
        if line not in self.lists[page.channel]:
            insort(self.lists[page.channel], line)
        page.listed = True

    def _unlist(self, page: Page) -> None:
        line = (-page.published, page.number)
        if line in self.lists[page.channel]:
            self.lists[page.channel].remove(line)
        page.listed = False

    def _shift(self, channel: int) -> None:
        """Let the channel's next publication happen now, or take a line off, while its list is being walked."""
        if self._fault(SHIFT):
            coming = (
                e for e in self._events[self._next :] if e[2] == "publish" and self.pages[e[3]].channel == channel
            )
            found = next(coming, None)
            if found:
                page = self.pages[found[3]]
                page.published = page.up_at = self.now
                page.edits = [at for at in page.edits if at > self.now]
                self._list(page)
        if self._fault(LOSS) and len(self.lists[channel]) > PAGE_LINES:
            page = self.pages[self._faults.choice(self.lists[channel])[1]]
            if page.gone_at is None and page.out is None and page.number not in self.pinned[channel]:
                page.gone_at = self.now
                self._unlist(page)

    # --- requests ---

    def _fault(self, share: float) -> bool:
        """Tell whether something goes wrong now; the first crawl meets no faults, so that it is no part of what a recrawl costs."""
        return self._faults.random() < share and self.now > 0

    @property
    def blocked(self) -> bool:
        """Whether everything is refused now."""
        return int(self.now) == int(BLOCKED_DAY * self.days)

    def is_failing(self, *, again: bool) -> bool:
        """Tell whether a request is answered with a server error."""
        return self._fault(SERVER_ERROR_AGAIN if again else SERVER_ERROR)

    def list_page(self, channel: int, number: int) -> ListPage:
        """Return a page of a channel's list, from 1."""
        if number > 1:
            self._shift(channel)
        whole = [n for n in self.pinned[channel] if self.pages[n].listed] if number == 1 else []
        lines = self.lists[channel]
        pages = max(1, -(-len(lines) // PAGE_LINES))
        total = None if channel in UNCOUNTED else len(lines)
        if (int(self.now), channel) in self._empty or self._fault(EMPTY_LIST):
            return ListPage(entries=(), number=number, total=None if total is None else 0)
        pinned = len(whole)
        whole += [n for _, n in lines[(number - 1) * PAGE_LINES : number * PAGE_LINES]]
        following = NextPage(url=f"{HOST}/{channel}/{number + 1}", number=number + 1) if number < pages else None
        if self._fault(CUT_LIST):
            whole = whole[: self._faults.randrange(pinned, len(whole) + 1)]
            following = None if self._faults.random() < 0.5 else following  # noqa: PLR2004 -- half of them
        marked = pinned if channel not in UNMARKED else 0
        entries = tuple(
            ListEntry(
                url=self.pages[n].url,
                title=f"{n}.{self.pages[n].title}",
                publish_date="2024-01-01",
                pinned=place < marked,
            )
            for place, n in enumerate(whole)
        )
        return ListPage(entries=entries, number=number, next=following, total=total)

    def look(self, number: int) -> Answer:
        """Ask for a document."""
        page = self.pages[number]
        if page.is_gone(self.now) or (page.out is not None and page.out[0] <= self.now < page.out[1]):
            return "absent"
        return "absent" if self._fault(SOFT_404) else "ok"
