"""The rules that are compared: the project's policy, and what is done elsewhere."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from benchmarks.recrawl.crawler import Crawler, Document, instant
from benchmarks.recrawl.site import CHANNELS
from govcrawl.recrawl.plan import Look, Plan, Walks, plan
from govcrawl.recrawl.rates import Rates

if TYPE_CHECKING:
    from govcrawl.recrawl.policy import RecrawlPolicy

EVERYTHING = Walks({str(number): "sweep" for number in range(CHANNELS)}, {})


@dataclass
class Ours:
    """The policy itself."""

    policy: RecrawlPolicy
    follows_up: bool = True
    stops_at_first: bool = False
    budgets: list[int] = field(default_factory=list)  # looks by probe and cycle, by crawl

    def plan(self, crawler: Crawler) -> Plan:
        """Ask the policy."""
        last = instant(crawler.started[-1]) if crawler.crawl else None
        made = plan(
            self.policy,
            crawler.channel_facts(),
            crawler.document_facts(),
            Rates.learn(crawler.experience()),
            instant(crawler.now),
            last,
        )
        self.budgets.append(Counter(look.why for look in made.looks if look.why in {"probe", "cycle"}).total())
        return made

    def looked(self, document: Document, now: float, *, changed: bool) -> None:
        """The catalog remembers it."""


@dataclass
class Everything:
    """Every list to its end and every known document, every day."""

    follows_up: bool = True
    stops_at_first: bool = False

    def plan(self, crawler: Crawler) -> Plan:
        """Name everything."""
        looks = tuple(Look(str(number), "cycle") for number in crawler.documents)
        return Plan(EVERYTHING, looks)

    def looked(self, document: Document, now: float, *, changed: bool) -> None:
        """Nothing to learn."""


@dataclass
class NewOnly(Everything):
    """scrapy-deltafetch: lists are read whole, what once gave a document is never asked for again."""

    follows_up: bool = False

    def plan(self, crawler: Crawler) -> Plan:
        """Name every list."""
        del crawler
        return Plan(EVERYTHING, ())


@dataclass
class FirstKnown(Everything):
    """A list is read down to the first line that is known."""

    follows_up: bool = False
    stops_at_first: bool = True

    def plan(self, crawler: Crawler) -> Plan:
        """Name nothing."""
        del crawler
        return Plan(Walks({}, {}), ())


@dataclass
class Nutch(Ours):
    """The same walks, but looks by Nutch's AdaptiveFetchSchedule, at most as many a day as the policy made, due first first.

    With ``filled`` also documents that are not due yet, so that the whole budget is used. Its defaults: first interval 30 days, × 1.4 unmodified, × 0.8 modified, 60 s to 365 d, next time synchronised with the last
    change by 0.3 of its distance.
    """

    filled: bool = False
    daily: list[int] = field(default_factory=list)  # looks by probe and cycle that are allowed, by crawl
    _interval: dict[int, float] = field(default_factory=dict)
    _modified: dict[int, float] = field(default_factory=dict)
    _due: dict[int, float] = field(default_factory=dict)

    def plan(self, crawler: Crawler) -> Plan:
        """Take the policy's walks and Nutch's looks."""
        made = super().plan(crawler)
        allowed = self.daily[crawler.crawl] if crawler.crawl < len(self.daily) else 0
        others = {look.document_id for look in made.looks if look.why not in {"probe", "cycle"}}
        due = sorted(
            (at, number)
            for number, at in self._due.items()
            if (self.filled or at <= crawler.now)
            and crawler.documents[number].state in {"live", "unlisted"}
            and str(number) not in others
        )
        kept = tuple(look for look in made.looks if look.why not in {"probe", "cycle"})
        return Plan(made.walks, kept + tuple(Look(str(number), "cycle") for _, number in due[:allowed]))

    def looked(self, document: Document, now: float, *, changed: bool) -> None:
        """Adapt the document's interval (AdaptiveFetchSchedule.setFetchSchedule)."""
        number = document.number
        if number not in self._interval:
            self._interval[number], self._modified[number], self._due[number] = 30.0, now, now + 30.0
            return
        interval = self._interval[number] * (0.8 if changed else 1.4)
        if changed:
            self._modified[number] = now
        since = now - self._modified[number]
        interval = min(max(interval, since, 60 / 86_400), 365.0)
        self._interval[number] = interval
        self._due[number] = now - 0.3 * since + interval
