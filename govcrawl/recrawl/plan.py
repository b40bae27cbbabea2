"""What a recrawl walks and looks at, from what is known and the time; pure.

Every budget is proportional to the time since the last crawl, so that a crawl seconds after another only reads the heads of lists.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from heapq import nlargest
from math import ceil, floor
from typing import TYPE_CHECKING, Literal, NamedTuple

from govcrawl.recrawl.rates import look_value

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from archive.facts import ChannelFacts, DocumentFacts
    from govcrawl.recrawl.policy import RecrawlPolicy
    from govcrawl.recrawl.rates import Rates

WalkReason = Literal["never", "sweep"]
LookReason = Literal["suspected", "unlisted", "probe", "cycle", "withdrawn"]

SECONDS_PER_DAY = 86_400.0
_LEAST_DAYS = 1 / 24
"""Two crawls within an hour are one look at the site: the second has no budget."""
_MOST_PROBE_DAYS = 7.0
"""After a pause probes are made up for so many days at most: the cycle finds the rest."""
_TOLERANCE = 0.1
"""Share of the time between two crawls by which a bound may be overstepped: timers are not exact."""
_LEFT_TO_PROBES = 0.5
"""Share of what probes look at in a cycle that the cycle leaves to them."""
_HEAD_DAYS = 0.5
"""Heads of lists are read further down once a day; crawls between two such do not."""
_OLD_CRAWL_DAYS = 1.0
"""Time between crawls that is assumed where only one is known."""


class Look(NamedTuple):
    """One known document to look at."""

    document_id: str
    why: LookReason


@dataclass(frozen=True, slots=True)
class Walks:
    """How far lists are walked."""

    whole: Mapping[str, WalkReason]  # channels whose list is walked to its end
    least_pages: Mapping[str, int]  # others that are walked on for so many pages though all is known


@dataclass(frozen=True, slots=True)
class Plan:
    """What a crawl does beside the heads of the lists."""

    walks: Walks
    looks: tuple[Look, ...]


class _Waiting(NamedTuple):
    """A document that may be looked at; sorts by who waited longest."""

    looked_at: datetime
    document_id: str


class _Valued(NamedTuple):
    """A document that may be probed; sorts by what a look is worth."""

    value: float
    document_id: str
    rate: float  # changes a day
    looked_at: datetime


def plan(
    policy: RecrawlPolicy,
    channels: Sequence[ChannelFacts],
    documents: Iterable[DocumentFacts],
    rates: Rates,
    now: datetime,
    last_crawl_at: datetime | None,
) -> Plan:
    """Return what a crawl that begins now walks and looks at; arguments as of the two functions that it is made of."""
    walks = plan_walks(policy, channels, now, last_crawl_at)
    return Plan(walks, plan_looks(policy, documents, rates, now, last_crawl_at))


def plan_walks(
    policy: RecrawlPolicy, channels: Sequence[ChannelFacts], now: datetime, last_crawl_at: datetime | None
) -> Walks:
    """Return how far lists are walked.

    Args:
        policy: its parameters.
        channels: facts of the channels that are crawled.
        now: the crawl's beginning.
        last_crawl_at: the beginning of the one before; None where none is known.
    """
    whole: dict[str, WalkReason] = {one.name: "never" for one in channels if one.walked_at is None}
    days = _budget_days(now, last_crawl_at)
    if days:
        whole.update(dict.fromkeys(_sweep(policy, channels, now, days), "sweep"))
    heads = {one.name: ceil((one.pages or 0) * policy.uncounted_head) for one in channels if not one.total}
    return Walks(whole, {name: pages for name, pages in heads.items() if name not in whole and days >= _HEAD_DAYS})


def _budget_days(now: datetime, last_crawl_at: datetime | None) -> float:
    """Return for how many days a crawl has a budget."""
    days = _days(now, last_crawl_at) if last_crawl_at else _OLD_CRAWL_DAYS
    return days if days >= _LEAST_DAYS else 0.0


def _days(now: datetime, then: datetime) -> float:
    return (now - then).total_seconds() / SECONDS_PER_DAY


def _whole(per_day: float, now: datetime, days: float) -> int:
    """Return the whole number that a rate makes due in the days before now; over all crawls none is lost or counted twice."""
    today = now.timestamp() / SECONDS_PER_DAY
    return floor(per_day * today) - floor(per_day * (today - days))


def _sweep(policy: RecrawlPolicy, channels: Sequence[ChannelFacts], now: datetime, days: float) -> list[str]:
    """Return the channels whose turn it is to be walked to the end; long lists count by their pages.

    A list that prints its own count shows every day whether lines came or went further down; one that does not is walked more
    often.
    """
    bounds = [
        (one.walked_at + timedelta(days=policy.sweep_days if one.total else policy.uncounted_sweep_days), one)
        for one in channels
        if one.walked_at is not None
    ]
    bounds.sort(key=lambda each: (each[0], each[1].position))
    weights = [max(one.pages or 1, 1) for _, one in bounds]
    need, must = _need([_days(bound, now) for bound, _ in bounds], weights, days)
    chosen: list[str] = []
    taken = 0.0
    for number, (weight, (_, one)) in enumerate(zip(weights, bounds, strict=True)):
        if number < must or taken + weight / 2 <= need:
            chosen.append(one.name)
            taken += weight
    return chosen


def _need(left_days: Sequence[float], weights: Sequence[int], days: float) -> tuple[float, int]:
    """Return how much is to be done at this crawl so that nothing is late at a later one, and how many of the first must be.

    As much as at each of the crawls to come: what is due within h days, divided by the crawls that there will be until then,
    for every h. That spreads over a whole cycle what was done on one day, as by a first crawl, and makes up for days on
    which nothing could be done.

    Args:
        left_days: how long each may still wait, ascending.
        weights: what each costs.
        days: between two crawls.
    """
    need, total, must = 0.0, 0, 0
    for number, (left, weight) in enumerate(zip(left_days, weights, strict=True), 1):
        total += weight
        crawls = floor((left + _TOLERANCE * days) / days) + 1 if left > 0 else 1
        need = max(need, total / crawls)
        must = number if crawls == 1 else must
    return need, must


def plan_looks(
    policy: RecrawlPolicy,
    documents: Iterable[DocumentFacts],
    rates: Rates,
    now: datetime,
    last_crawl_at: datetime | None,
) -> tuple[Look, ...]:
    """Return the known documents to look at, whatever lists say of them, and why.

    Args:
        policy: its parameters.
        documents: facts of every known document; read once.
        rates: how often the agency's documents change.
        now: the crawl's beginning.
        last_crawl_at: the beginning of the one before; None where none is known.
    """
    days = _budget_days(now, last_crawl_at)
    if not days:
        return ()
    due: list[Look] = []
    valued: list[_Valued] = []
    withdrawn: list[_Waiting] = []
    again_days = policy.suspected_days - _TOLERANCE * min(days, policy.suspected_days)
    today = now.date()
    for one in documents:
        # one that cannot be read is tried again by other rules; it must not take the turn of others for ever
        looked_at = max(one.last_checked_at, one.unread_at) if one.unread_at else one.last_checked_at
        waited_days = max(_days(now, looked_at), 0.0)
        if one.state == "withdrawn":
            withdrawn.append(_Waiting(looked_at, one.document_id))
        elif one.state == "suspected":
            if waited_days >= again_days:
                due.append(Look(one.document_id, "suspected"))
        elif one.unlisted and waited_days >= again_days:
            due.append(Look(one.document_id, "unlisted"))
        else:
            age_days = (today - one.publish_date).days if one.publish_date else None
            rate = rates.rate(age_days, _days(one.last_checked_at, one.first_captured_at), one.changes)
            valued.append(_Valued(look_value(rate, waited_days), one.document_id, rate, looked_at))
    probes = min(policy.probes_per_day, policy.probes_share * len(valued))
    probed = nlargest(_whole(probes, now, min(days, _MOST_PROBE_DAYS)), valued)
    due += [Look(one.document_id, "probe") for one in probed]
    if policy.cycle_days:
        due += [Look(one, "cycle") for one in _cycle(policy, valued, probes, now, days)]
    due += [Look(one, "withdrawn") for one in _turn(withdrawn, policy.restored_days, now, days)]
    return tuple(dict.fromkeys(due))


def _cycle(policy: RecrawlPolicy, valued: list[_Valued], probes: float, now: datetime, days: float) -> list[str]:
    """Return the documents that are looked at for the cycle's sake.

    As many of those that change most as probes look at in half a cycle are left to them: of documents that waited equally
    long they are the first. One of them that is nearly late all the same is not.
    """
    count = int(probes * policy.cycle_days * _LEFT_TO_PROBES)
    late = now - timedelta(days=policy.cycle_days - 2 * days)
    left_to_probes = {
        one.document_id for one in nlargest(count, valued, key=lambda each: each.rate) if one.looked_at > late
    }
    waiting = [_Waiting(one.looked_at, one.document_id) for one in valued if one.document_id not in left_to_probes]
    return _turn(waiting, policy.cycle_days, now, days)


def _turn(waiting: list[_Waiting], cycle_days: float, now: datetime, days: float) -> list[str]:
    """Return whose turn it is when each is looked at once in a cycle: the longest waiting, as many as are needed."""
    waiting.sort()
    left_days = [cycle_days - _days(now, one.looked_at) for one in waiting]
    need, must = _need(left_days, [1] * len(waiting), days)
    count = max(_whole(need / days, now, days), must)
    return [one.document_id for one in waiting[:count]]
