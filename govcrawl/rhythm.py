"""How often a channel publishes, learned from its own dates, and whether it has been silent for longer than ever; pure.

A channel is judged once it was watched for :data:`WATCHED_DAYS` and has published on :data:`LEAST_DAYS` days. It must have kept its
rhythm when watching began: one that was silent then is dormant, and nothing broke.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from archive.catalog_walks import Finding

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from archive.catalog_facts import ChannelFacts, CrawlFacts

WATCHED_DAYS = 14  # no alarm on a young archive
LEAST_DAYS = 8  # days with something published before there is a rhythm
LEAST_SILENCE_DAYS = 21  # the longest public holiday with the days taken off around it is a good two weeks
WARNING_TIMES, ALARM_TIMES = 2.0, 3.0  # times the longest silence of the last two years
RECENT_DAYS = 365


@dataclass(frozen=True, slots=True, kw_only=True)
class Rhythm:
    """How a channel publishes."""

    last_date: str
    silent_days: int
    longest_days: int  # longest silence between two publications
    expected_days: int  # silence after which something is wrong


def read_rhythm(days: Sequence[str], last_new_at: str | None, today: str) -> Rhythm | None:
    """Learn a rhythm from days of publication; ``None`` where there are too few."""
    now = date.fromisoformat(today)
    past = sorted({day for day in map(date.fromisoformat, days) if day <= now})
    if len(past) < LEAST_DAYS:
        return None
    gaps = [(after - before).days for before, after in pairwise(past)]
    longest = max(gaps)
    # lines may be dated back: what was found yesterday is news, whatever it is dated
    last = max(past[-1], date.fromisoformat(last_new_at[:10])) if last_new_at else past[-1]
    return Rhythm(
        last_date=last.isoformat(),
        silent_days=max((now - last).days, 0),
        longest_days=longest,
        expected_days=max(LEAST_SILENCE_DAYS, round(WARNING_TIMES * longest)),
    )


def judge_rhythm(facts: CrawlFacts, declared: Collection[str], today: str) -> Iterator[Finding]:
    """Yield channels, or the whole agency, that have been silent for longer than their own rhythm."""
    channels = [one for one in facts.channels if one.name in declared and one.walk is not None]
    if facts.asked or not channels:
        return
    silent = [found for one in channels if (found := _judge_channel(one, today))]
    together = _judge_silence(
        sorted({day for one in channels for day in one.days}),
        max((one.last_new_at for one in channels if one.last_new_at), default=None),
        min((one.watched_since for one in channels if one.watched_since), default=None),
        today,
    )
    if together:
        severity, said = together
        yield Finding(kind="no_news", severity=severity, facts={**said, "channels": [one.name for one in channels]})
    else:
        yield from silent


def _judge_channel(channel: ChannelFacts, today: str) -> Finding | None:
    found = _judge_silence(channel.days, channel.last_new_at, channel.watched_since, today)
    if found is None or channel.walk is None:
        return None
    severity, said = found
    return Finding(
        kind="no_news", severity=severity, channel=channel.name, facts=said, capture_id=channel.walk.capture_id
    )


def _judge_silence(
    days: Sequence[str], last_new_at: str | None, watched_since: str | None, today: str
) -> tuple[Any, dict[str, Any]] | None:
    if watched_since is None:
        return None
    began = date.fromisoformat(watched_since[:10])
    if (date.fromisoformat(today) - began).days < WATCHED_DAYS:
        return None
    rhythm = read_rhythm(days, last_new_at, today)
    if rhythm is None or rhythm.silent_days <= rhythm.expected_days:
        return None
    if (began - date.fromisoformat(rhythm.last_date)).days > rhythm.expected_days:
        return None  # silent before anybody watched
    alarm = rhythm.silent_days > rhythm.expected_days * ALARM_TIMES / WARNING_TIMES
    said = {
        "last": rhythm.last_date,
        "silent_days": rhythm.silent_days,
        "longest_days": rhythm.longest_days,
        "expected_days": rhythm.expected_days,
    }
    return ("alarm" if alarm else "warning"), said
