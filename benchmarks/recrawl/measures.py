"""What a run found, how late, at what cost; and the bars."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from benchmarks.recrawl.site import BLOCKED_DAY

if TYPE_CHECKING:
    from collections.abc import Iterable

    from benchmarks.recrawl.crawler import Crawler

NEVER = float("inf")


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """One run's figures; shares are 0 to 1, ``None`` where nothing of the kind happened."""

    requests_per_day: float
    worst_day: int
    new_1d: float | None  # on days on which the site answered
    new_1d_raw: float | None  # the blocked day counted against it
    new_7d: float | None
    edits_7d: float | None
    edits_30d: float | None
    withdrawn_7d: float | None
    withdrawn_30d: float | None
    false_withdrawn: int
    false_unlisted: int
    requests_per_change: float
    incomplete: int  # crawls


def measure(crawler: Crawler, days: float) -> Figures:
    """Measure what happened in the first so many days; the run went on for longer."""
    site, found = crawler.site, crawler.found
    new, edits, gone = [], [], []
    for page in site.pages:
        if 0 < page.up_at <= days and not (page.gone_at is not None and page.gone_at < page.up_at + 30):
            new.append((page.up_at, found.new.get(page.number, NEVER)))
        first = found.new.get(page.number, NEVER)
        last = page.gone_at if page.gone_at is not None else NEVER
        for at in page.edits:
            seen = found.edits.get((page.number, at), NEVER)
            if first < at <= days and (seen < NEVER or at + 30 < last):  # what is withdrawn unseen no rule can find
                edits.append((at, seen))
        if page.gone_at is not None and page.gone_at <= days and first < page.gone_at:
            gone.append((page.gone_at, found.suspected.get(page.number, NEVER)))
    blocked = int(BLOCKED_DAY * site.days)
    answered = [(at, seen) for at, seen in new if not blocked - 1 < at <= blocked]
    requests = found.requests[1 : int(days) + 1]
    changes = sum(seen <= days for _, seen in (*new, *edits, *gone))
    return Figures(
        requests_per_day=sum(requests) / len(requests),
        worst_day=max(requests),
        new_1d=share(answered, 1),
        new_1d_raw=share(new, 1),
        new_7d=share(new, 7),
        edits_7d=share(edits, 7),
        edits_30d=share(edits, 30),
        withdrawn_7d=share(gone, 7),
        withdrawn_30d=share(gone, 30),
        false_withdrawn=found.false_withdrawn,
        false_unlisted=found.false_unlisted,
        requests_per_change=sum(requests) / changes if changes else NEVER,
        incomplete=found.failed,
    )


def share(happened: Iterable[tuple[float, float]], days: float) -> float | None:
    """Return which share of (when it happened, when it was found) was found within so many days."""
    late = [seen - at for at, seen in happened]
    return sum(one <= days + 1e-6 for one in late) / len(late) if late else None


class Bar(NamedTuple):
    """One bar: a figure of a rule, and what it must be at least or at most."""

    rule: str
    figure: str
    least: float | None = None
    most: float | None = None
    of_full: bool = False  # the figure is divided by that of the daily full recrawl
    from_documents: int = 0  # a smaller site is held to no such bar: heads of lists alone cost more there


BARS = (
    Bar("policy", "new_1d", least=0.99),
    Bar("policy", "new_7d", least=1.0),
    Bar("policy", "edits_30d", least=1.0),
    Bar("policy", "withdrawn_30d", least=1.0),
    Bar("policy", "false_withdrawn", most=0),
    Bar("policy", "false_unlisted", most=0),
    Bar("policy", "requests_per_day", most=0.05, of_full=True, from_documents=5000),
    Bar("policy without cycle", "false_withdrawn", most=0),
    Bar("policy without cycle", "requests_per_day", most=0.02, of_full=True, from_documents=5000),
)
TIMES_NUTCH = 2.0
"""Edits found within 7 days: at least so many times those of Nutch's schedule at equal budget …"""
NUTCH = (
    ("policy", "Nutch, budget of policy"),
    ("policy without cycle", "Nutch, budget of policy without cycle"),
    ("policy without cycle", "Nutch filled up, budget of policy without cycle"),
)
"""… of these. Filled up with the cycle's budget it is a cycle itself, and found nearly as much: no bar, but a row of the table."""


def find_misses(figures: dict[str, Figures], full_requests: float, documents: int) -> list[str]:
    """Return a sentence for each bar that is missed."""
    misses = []
    for bar in BARS:
        if bar.rule not in figures or documents < bar.from_documents:
            continue
        value = getattr(figures[bar.rule], bar.figure)
        if value is None:
            continue
        value = value / full_requests if bar.of_full else value
        if (bar.least is not None and value < bar.least) or (bar.most is not None and value > bar.most):
            wanted = f"at least {bar.least}" if bar.least is not None else f"at most {bar.most}"
            misses.append(f"{bar.rule}: {bar.figure} is {value:.4f}, expected {wanted}")
    for name, nutch in NUTCH:
        other = figures.get(nutch)
        if other is None or name not in figures:
            continue
        ours, theirs = figures[name].edits_7d or 0.0, other.edits_7d or 0.0
        if ours < TIMES_NUTCH * theirs:
            misses.append(f"{name}: edits_7d is {ours:.3f}, expected {TIMES_NUTCH} × {theirs:.3f} of {nutch}")
    return misses
