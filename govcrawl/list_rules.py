"""What lists tell of a site's state: gone, redesigned, empty, shorter than it says, dates that are none; pure.

Thresholds with their reasons: docs/monitoring.md.
"""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING, Any
from urllib.parse import urldefrag, urlsplit

from archive.catalog_walks import Finding

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from archive.catalog_facts import ChannelFacts, CrawlFacts, Trouble, WalkSeen

LEAST_LINES = 3  # fewer prove nothing
SAME_LINES, SAME_FIRST_LINES, SEVERAL_DAYS = 10, 30, 3
SHRUNK_ALARM, SHRUNK_ALARM_LINES = 0.5, 10
SHRUNK_WARNING, SHRUNK_WARNING_LINES = 0.8, 20
DATED_BEFORE, DATED_NOW = 0.9, 0.5
GARBLED_SHARE, GARBLED_BEFORE = 0.2, 0.05
TOTALS_BEFORE = 3  # walks that all named a total, before its absence means something

KINDS = {
    "template": "redesigned",
    "stub": "list_stub",
    "not_a_page": "list_gone",
    "dns": "site_gone",
    "refused": "site_gone",
    "timeout": "site_down",
    "connection": "site_down",
    "cut": "site_down",
    "http_status": "site_down",
    "forbidden": "forbidden",
    "robots": "robots_refuses",
    "robots_unavailable": "robots_unavailable",
    "off_site": "redirected",
}
"""What a failed list page means, by the reason of the failure; others are ``list_unread``, blocks are judged on their own."""


def judge_lists(facts: CrawlFacts, declared: Collection[str]) -> Iterator[Finding]:
    """Yield what the lists tell, what concerns all of them first."""
    channels = [one for one in facts.channels if one.name in declared]
    yield from _judge_unread(facts, channels)
    for channel in channels:
        if channel.walk is not None:
            yield from _judge_walk(channel, channel.walk, asked=bool(facts.asked))


def _judge_unread(facts: CrawlFacts, channels: Sequence[ChannelFacts]) -> Iterator[Finding]:
    """Lists that could not be fetched or read."""
    unread = [(one, trouble) for one in channels if one.walk is None and (trouble := _trouble_of(facts, one))]
    kinds: dict[str, list[tuple[ChannelFacts, Trouble]]] = {}
    for channel, trouble in unread:
        if trouble.reason in {"blocked", "login", "login_wall", "ending"}:
            continue
        kind = "redirected" if _led_astray(channel) else KINDS.get(trouble.reason, "list_unread")
        if kind == "list_gone" and trouble.url != urldefrag(channel.seed_url).url:
            kind = "list_broken"  # its first page is there
        kinds.setdefault(kind, []).append((channel, trouble))
    for kind, found in kinds.items():
        everything = len(found) == len(channels)
        first, trouble = found[0]
        said: dict[str, Any] = {
            "url": trouble.url,
            "reason": trouble.reason,
            "message": trouble.message,
            "to": first.redirected_to,
        }
        said = {name: value for name, value in said.items() if value is not None}
        if everything:
            # one channel alone says nothing of the site; of several all gone it does
            named = "site_gone" if kind == "list_gone" and len(found) > 1 else kind
            names = [channel.name for channel, _ in found]
            only = names[0] if len(names) == 1 else None
            said |= {"channels": names}
            yield Finding(kind=named, severity="alarm", channel=only, facts=said, capture_id=trouble.capture_id)
            continue
        for channel, each in found:
            own = {"url": each.url, "reason": each.reason, "message": each.message}
            own |= {"to": channel.redirected_to} if channel.redirected_to else {}
            named = "list_down" if kind in {"site_down", "site_gone"} else kind
            yield Finding(kind=named, severity="alarm", channel=channel.name, facts=own, capture_id=each.capture_id)


def _trouble_of(facts: CrawlFacts, channel: ChannelFacts) -> Trouble | None:
    """The failure that ended a channel's walk; channels on the same page fail together, and it is told once."""
    lists = [one for one in facts.troubles if one.kind == "list"]
    own = next((one for one in lists if one.channel == channel.name), None)
    page = urldefrag(channel.seed_url).url
    return own or next((one for one in lists if one.url == page), None)


def _led_astray(channel: ChannelFacts) -> bool:
    """Whether a list's first page leads somewhere else than to itself with another scheme, a slash or an index file."""
    if channel.redirected_to is None:
        return False
    here, there = urlsplit(channel.seed_url), urlsplit(channel.redirected_to)
    same_host = (here.hostname or "").removeprefix("www.") == (there.hostname or "").removeprefix("www.")
    return not (same_host and there.path.rpartition("/")[0].startswith(here.path.rstrip("/").rpartition("/")[0] + "/"))


def _judge_walk(channel: ChannelFacts, walk: WalkSeen, *, asked: bool) -> Iterator[Finding]:
    """Whether a list that was read is all there, and looks as it did."""

    def finding(kind: str, severity: Any, **said: Any) -> Finding:
        return Finding(kind=kind, severity=severity, channel=channel.name, facts=said, capture_id=walk.capture_id)

    whole = walk.ending in {"end", "short", "capped"}
    before = [one for one in channel.earlier if one.lines]
    if walk.lines == 0 and walk.ending != "asked":
        if before:
            yield finding("list_empty", "alarm", before=before[0].lines, url=channel.seed_url)
        return
    if walk.ending == "short":
        yield finding("list_short", "alarm", total=walk.total, lines=walk.lines, skipped=walk.skipped, pages=walk.pages)
    elif walk.ending == "endless":
        yield finding("list_endless", "alarm", pages=walk.pages, lines=walk.lines)
    elif walk.ending == "capped":
        known = any(one.ending == "capped" for one in channel.earlier)
        yield finding("capped", "note" if known else "warning", total=walk.total, lines=walk.lines)
    if asked:
        return
    yield from _judge_size(walk, channel.earlier, finding, whole=whole)
    yield from _judge_dates(walk, before, finding)
    garbled, earlier = walk.garbled / walk.lines, _share(before, "garbled")
    if walk.garbled >= LEAST_LINES and garbled >= GARBLED_SHARE and (earlier or 0.0) <= GARBLED_BEFORE:
        yield finding("garbled", "alarm", what="list", count=walk.garbled, of=walk.lines)


def _judge_size(walk: WalkSeen, earlier: Sequence[WalkSeen], finding: Any, *, whole: bool) -> Iterator[Finding]:
    """The list's own total, else its lines where the whole list was walked, against what they were."""
    totals = [one.total for one in earlier if one.total is not None]
    lines = [one.lines for one in earlier if one.ending in {"end", "capped"}]
    if walk.total is None and len(totals) >= TOTALS_BEFORE and len(totals) == len(earlier):
        yield finding("total_gone", "warning", before=totals[0])
    now, then = (walk.total, totals) if walk.total is not None and totals else (walk.lines if whole else None, lines)
    if now is None or not then:
        return
    usual = median(then)
    lost = usual - now
    said = {"now": now, "before": int(usual), "lines": walk.lines}
    if now <= SHRUNK_ALARM * usual and lost >= SHRUNK_ALARM_LINES:
        yield finding("list_shrank", "alarm", **said)
    elif now <= SHRUNK_WARNING * usual and lost >= SHRUNK_WARNING_LINES:
        yield finding("list_shrank", "warning", **said)


def _judge_dates(walk: WalkSeen, before: Sequence[WalkSeen], finding: Any) -> Iterator[Finding]:
    """Dates of the lines: there, readable, past, and not all one."""
    if walk.lines < LEAST_LINES:
        return
    dated = _share(before, "dated")
    if dated is not None and dated >= DATED_BEFORE and walk.dated / walk.lines <= DATED_NOW:
        unread = walk.undated * 2 >= walk.lines - walk.dated
        severity = "alarm" if walk.dated == 0 else "warning"
        said = {"what": "list", "count": walk.lines - walk.dated, "of": walk.lines}
        if unread:
            yield finding("dates_unread", severity, **said)
        else:
            yield finding("fields_missing", severity, field="publish_date", **said)
    if walk.future >= LEAST_LINES and walk.future == walk.dated:
        yield finding("dates_future", "alarm", what="list", count=walk.future, of=walk.lines)
    if walk.days == 1 and walk.dated == walk.lines:
        several = any(one.dated >= SAME_LINES and one.days >= SEVERAL_DAYS for one in before)
        if several and walk.lines >= SAME_LINES:
            yield finding("dates_same", "alarm", what="list", of=walk.lines)
        elif not before and walk.lines >= SAME_FIRST_LINES:
            yield finding("dates_same", "warning", what="list", of=walk.lines)


def _share(walks: Sequence[WalkSeen], name: str) -> float | None:
    """The share of lines of earlier walks of which something is the case."""
    lines = sum(one.lines for one in walks)
    return sum(getattr(one, name) for one in walks) / lines if lines else None
