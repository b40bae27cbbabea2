"""Crawls of the simulated site: the project's own plan, walks, count check and absence rule, over a catalog in memory.

What differs between the rules that are compared is a :class:`Rule`; the site, its faults and everything else are the same.
"""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Protocol

from archive.catalog_frontier import PATIENCE_CRAWLS
from archive.catalog_states import absent_state
from archive.facts import ChannelFacts, DocumentFacts, Experience
from archive.model import Known
from benchmarks.recrawl.site import CHANNELS, HOST
from govcrawl.items import NextPage
from govcrawl.recrawl.rates import AGE_BOUNDS_DAYS, NO_EXPERIENCE, age_class
from govcrawl.urls import url_key
from govcrawl.walks import Walk

if TYPE_CHECKING:
    from collections.abc import Iterable

    from archive.model import Listing, State
    from benchmarks.recrawl.site import Answer, Page, Site
    from govcrawl.recrawl.plan import Plan, Walks
    from govcrawl.recrawl.policy import RecrawlPolicy

BEGAN_AT = datetime(2024, 1, 1, 2, tzinfo=UTC)
MOST_PAGES = 2000
RETRIES = 2


def instant(day: float) -> datetime:
    """Return a day of the simulation as an instant."""
    return BEGAN_AT + timedelta(days=day)


@dataclass(slots=True)
class Document:
    """What the catalog holds of a document."""

    number: int
    published: date
    first_at: float
    checked_at: float
    version: int
    state: State = "live"
    changes: int = 0
    failures: int = 0
    failed_at: float | None = None
    unread_at: float | None = None
    unread: int = 0  # crawls in a row that could not have its page
    crawl: int = 0  # in which it last answered
    looked_in: int = 0


@dataclass(slots=True)
class Line:
    """What the catalog holds of a list's line."""

    number: int | None
    title: str
    first_crawl: int
    last_crawl: int
    position: int


@dataclass(slots=True)
class Channel:
    """What the catalog holds of a channel."""

    walked_crawl: int | None = None
    pages: int | None = None
    total: int | None = None
    lines: dict[str, Line] = field(default_factory=dict)


@dataclass(slots=True)
class Found:
    """What was found and when; by document number."""

    new: dict[int, float] = field(default_factory=dict)
    edits: dict[tuple[int, float], float] = field(default_factory=dict)
    suspected: dict[int, float] = field(default_factory=dict)
    withdrawn: dict[int, float] = field(default_factory=dict)
    false_withdrawn: int = 0
    false_unlisted: int = 0
    requests: list[int] = field(default_factory=list)  # by crawl
    reasons: Counter[str] = field(default_factory=Counter)
    failed: int = 0  # crawls that were not complete


class Rule(Protocol):
    """What a crawl walks and looks at."""

    follows_up: bool  # looks at what lists show no more, and at lines that changed
    stops_at_first: bool  # a walk ends at the first known line

    def plan(self, crawler: Crawler) -> Plan:
        """Return what the crawl that begins now walks to the end and looks at."""

    def looked(self, document: Document, now: float, *, changed: bool) -> None:
        """Learn what a look brought."""


class Crawler:
    """One agency crawled day by day by one rule."""

    def __init__(self, site: Site, rule: Rule, policy: RecrawlPolicy) -> None:
        self.site = site
        self.rule = rule
        self.policy = policy
        self.documents: dict[int, Document] = {}
        self.channels = [Channel() for _ in range(CHANNELS)]
        self.found = Found()
        self.started: list[float] = [0.0]  # by crawl; crawls count from 1
        self._days = [0.0] * len(NO_EXPERIENCE.days)
        self._changes = [0] * len(NO_EXPERIENCE.changes)
        self._requests = 0
        self._short = False  # a list came short: the crawl is not complete
        self._failing = False  # a page could not be had
        self._absent: list[Document] = []
        self._without: set[str] = set()  # listed, and could not be had so far
        self._by_url: dict[str, int] = {page.url: page.number for page in site.pages}

    # --- facts ---

    @property
    def crawl(self) -> int:
        """The number of the crawl that is going on."""
        return len(self.started) - 1

    @property
    def now(self) -> float:
        """The time."""
        return self.site.now

    def channel_facts(self) -> list[ChannelFacts]:
        """Return what the catalog's query would."""
        facts = []
        for number, one in enumerate(self.channels):
            walked = one.walked_crawl
            stands = [line for line in one.lines.values() if walked is None or line.last_crawl >= walked]
            gone = sum(line.number in self.documents and self._is_gone(line.number) for line in stands)
            newer = 0 if walked is None else sum(line.first_crawl > walked for line in one.lines.values())
            facts.append(
                ChannelFacts(
                    name=str(number),
                    position=number,
                    walked_at=None if walked is None else instant(self.started[walked]),
                    pages=one.pages,
                    total=one.total,
                    lines=len(stands) - gone,
                    newer=newer,
                )
            )
        return facts

    def _is_gone(self, number: int | None) -> bool:
        return number is not None and self.documents[number].state in {"suspected", "withdrawn"}

    def document_facts(self) -> Iterable[DocumentFacts]:
        """Return what the catalog's query would."""
        unlisted = set(self._unlisted())
        for one in self.documents.values():
            yield DocumentFacts(
                document_id=str(one.number),
                state=one.state,
                first_captured_at=instant(one.first_at),
                last_checked_at=instant(one.checked_at),
                publish_date=one.published,
                changes=one.changes,
                unread_at=None if one.unread_at is None else instant(one.unread_at),
                unlisted=one.number in unlisted,
            )

    def experience(self) -> Experience:
        """Return what the catalog's query would."""
        return Experience(tuple(self._days), tuple(self._changes))

    def _unlisted(self) -> list[int]:
        return [
            line.number
            for one in self.channels
            for line in one.lines.values()
            if one.walked_crawl is not None and line.last_crawl < one.walked_crawl and line.number is not None
            if (document := self.documents.get(line.number)) and document.state == "live"
        ]

    # --- a crawl ---

    def crawl_at(self, day: float) -> None:
        """Run one crawl."""
        self.site.advance(day)
        plan = self.rule.plan(self)
        self.started.append(day)
        self._requests, self._short, self._failing, self._absent = 0, False, False, []
        if self.site.blocked:
            self._requests = CHANNELS  # each seed is refused, and the crawl ends
            self._failing = True
        else:
            facts = {one.name: one for one in self.channel_facts()}
            for number in range(CHANNELS):
                self._walk(number, facts[str(number)], plan.walks)
            self._leftovers()
            if self.rule.follows_up:
                self._look_at(self._unlisted(), "gone")
            for look in plan.looks:
                self._look_at([int(look.document_id)], look.why)
            if not self._failing:
                self._settle()
        self.found.failed += self._short or self._failing
        self.found.requests.append(self._requests)

    def _request(self) -> bool:
        """Make one request, repeated as the crawl does; tell whether it was answered."""
        for attempt in range(RETRIES + 1):
            self._requests += 1
            if not self.site.is_failing(again=attempt > 0):
                return True
        return False

    def _walk(self, number: int, facts: ChannelFacts, walks: Walks) -> None:
        channel = self.channels[number]
        name = str(number)
        full = name in walks.whole
        walk = Walk(name, f"{HOST}/{number}/", full, walks.least_pages.get(name, 0), facts=facts)
        while True:
            if not self._request():
                self._failing = True  # the server is failing: nothing is concluded from this crawl
                return
            listed = self.site.list_page(number, walk.following.number if walk.following else 1)
            lines = walk.read_lines(listed, str)
            seen = {one.key for one in lines if self._is_seen(channel, one.key)}
            taken = walk.take(listed, lines, seen)
            if walk.repeats(listed, taken) and walk.ask_again():
                continue
            known: list[Known] = []
            for line in walk.listings(taken, lambda _: True):
                if self.rule.stops_at_first and line.url_key in channel.lines:
                    return
                known.append(self._put_line(channel, line))
                self._wanted(known[-1])
            walk.note(known)
            if walk.doubtful(listed) and walk.ask_again(doubted=True):
                continue
            following = walk.next_page(listed, taken, most_pages=MOST_PAGES, since=None)
            if not isinstance(following, NextPage):
                walk.ending = following
                self._end(walk, channel)
                return
            walk.following = following

    def _is_seen(self, channel: Channel, key: str) -> bool:
        line = channel.lines.get(key)
        return line is not None and line.last_crawl == self.crawl

    def _put_line(self, channel: Channel, line: Listing) -> Known:
        number = self._by_url[line.url]
        before = channel.lines.get(line.url_key)
        document = self.documents.get(number)
        listed_before = before is not None and before.first_crawl != self.crawl
        changed = before is not None and before.last_crawl != self.crawl and before.title != line.title
        first = before.first_crawl if before else self.crawl
        channel.lines[line.url_key] = Line(number if document else None, line.title, first, self.crawl, line.position)
        return Known(
            listing=line,
            document_id=str(number) if document else None,
            url=line.url if document else None,
            state=document.state if document else None,
            listed_before=listed_before,
            changed_line=changed,
        )

    def _wanted(self, row: Known) -> None:
        if row.document_id is None:
            self._first_look(row.listing.url)
        elif self.rule.follows_up and (row.changed_line or row.state in {"suspected", "withdrawn"}):
            self._look_at([int(row.document_id)], "line")

    def _leftovers(self) -> None:
        """Ask again for what earlier crawls asked for in vain, as the frontier does."""
        for url in sorted(self._without):
            self._first_look(url)
        missed = [one.number for one in self.documents.values() if 0 < one.unread < PATIENCE_CRAWLS]
        self._look_at(missed, "missed")

    def _end(self, walk: Walk, channel: Channel) -> None:
        self._short |= walk.ended_as == "short"
        if walk.complete:
            channel.walked_crawl, channel.pages, channel.total = self.crawl, walk.pages, walk.total

    # --- documents ---

    def _first_look(self, url: str) -> None:
        number = self._by_url[url]
        if not self._request() or self.site.look(number) != "ok":
            self._without.add(url)  # the next crawl asks for it again
            return
        self._without.discard(url)
        page = self.site.pages[number]
        day = (BEGAN_AT + timedelta(days=page.published)).date()
        document = Document(number, day, self.now, self.now, page.version, crawl=self.crawl, looked_in=self.crawl)
        self.documents[number] = document
        self.channels[page.channel].lines[url_key(url)].number = number
        self.found.new[number] = self.now
        self._note_edits(page, -1.0)
        self.rule.looked(document, self.now, changed=True)

    def _note_edits(self, page: Page, since: float) -> None:
        for at in page.edits:
            if since < at <= self.now:
                self.found.edits.setdefault((page.number, at), self.now)

    def _look_at(self, numbers: Iterable[int], why: str) -> None:
        for number in numbers:
            document = self.documents[number]
            if document.looked_in == self.crawl:
                continue
            document.looked_in = self.crawl
            self.found.reasons[why] += 1
            answer: Answer = self.site.look(number) if self._request() else "error"
            if answer == "error":
                document.unread_at = self.now
                document.unread += 1
            elif answer == "absent":
                self._absent.append(document)
            else:
                self._answered(document)

    def _answered(self, document: Document) -> None:
        page = self.site.pages[document.number]
        age = age_class(self.now - page.published)
        for number, days in enumerate(_overlaps(document.checked_at - page.published, self.now - page.published)):
            self._days[number] += days
        changed = page.version != document.version
        if changed:
            self._changes[age] += 1
            document.changes += 1
        self._note_edits(page, document.checked_at)
        document.unread = 0
        document.version = page.version
        document.checked_at = self.now
        document.crawl = self.crawl
        document.failures, document.failed_at = 0, None
        if document.state in {"suspected", "withdrawn"}:
            document.state = "live"
        self.rule.looked(document, self.now, changed=changed)

    def _settle(self) -> None:
        """Put absences and what lists do not show, as a session does at its end."""
        for document in self._absent:
            document.failures += 1
            document.failed_at = self.now if document.failed_at is None else document.failed_at
            document.checked_at = self.now
            state = absent_state(
                document.state,
                document.failures,
                timedelta(days=self.now - document.failed_at),
                min_failures=int(self.policy.withdrawn_failures),
                min_days=int(self.policy.withdrawn_days),
            )
            page = self.site.pages[document.number]
            if page.is_gone(self.now):
                self.found.suspected.setdefault(document.number, self.now)
            if state == "withdrawn" and document.state != "withdrawn":
                self.found.withdrawn.setdefault(document.number, self.now)
                self.found.false_withdrawn += not page.is_gone(self.now)
            document.state = state
        for number in self._unlisted():
            document = self.documents[number]
            if (
                document.crawl == self.crawl
                and self.channels[self.site.pages[number].channel].walked_crawl == self.crawl
            ):
                document.state = "unlisted"
                self.found.false_unlisted += self.site.pages[number].listed
        for channel in self.channels:
            for line in channel.lines.values():
                if line.last_crawl == self.crawl and line.number is not None:
                    document = self.documents[line.number]
                    document.state = "live" if document.state == "unlisted" else document.state


def _overlaps(begin_age: float, end_age: float) -> list[float]:
    """Return how many days of an interval of age lie in each class."""
    bounds = (float("-inf"), *AGE_BOUNDS_DAYS, float("inf"))
    spans = itertools.pairwise(bounds)
    return [max(0.0, min(end_age, hi) - max(begin_age, lo)) for lo, hi in spans]
