"""Which parts of two sequences are the same, in bounded time: unique runs first, Myers' algorithm in what lies between.

Long gaps are divided at runs of items that stand exactly once on each side and in the same order (the patience rule); short
ones are aligned by E. W. Myers, "An O(ND) Difference Algorithm and Its Variations" (1986). Every step is paid from an
:class:`Effort`, so that no input, however different or repetitive, takes longer than the effort allows; what could not be
aligned within it counts as different, and the effort says so.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

_SHORT = 64  # items on both sides together up to which Myers' algorithm is asked at once: its paths are found in < 1 ms
_MOST_EDITS = 1000  # of one gap: the paths kept to walk back take 2 × 8 MB then


class Match(NamedTuple):
    """A run that is the same on both sides: where it begins before and after, how many items it has."""

    before: int
    after: int
    length: int


@dataclass(slots=True)
class Effort:
    """What is left to spend; a step is about a comparison of two items."""

    left: int
    short: bool = False  # something was left unaligned for want of effort

    def spend(self, steps: int) -> bool:
        """Pay for steps; returns whether there was enough."""
        self.left -= steps
        return self.left >= 0


class _Range(NamedTuple):
    """A part of both sequences that is still to be aligned, with the first gram that is tried."""

    before: int
    before_end: int
    after: int
    after_end: int
    level: int


def align(
    before: Sequence[Hashable], after: Sequence[Hashable], effort: Effort, grams: tuple[int, ...] = (1,)
) -> list[Match]:
    """Return what is the same, in order, nothing twice.

    Args:
        before: items that can be compared and hashed.
        after: the same of the other side.
        effort: what may be spent; ``short`` is set where it did not suffice.
        grams: how many items in a row a run that divides a gap must have, the longest first.
    """
    found: list[Match] = []
    waiting = [_Range(0, len(before), 0, len(after), 0)]
    while waiting:
        here = _trim(before, after, waiting.pop(), found)
        if here.before == here.before_end or here.after == here.after_end:
            continue
        inner, level = _divide(before, after, here, grams, effort)
        if inner:
            found += inner
            waiting += _gaps(here, inner, level)
            continue
        path = _myers(before, after, here, effort)
        if path is None:
            effort.short = True
        else:
            found += path
    return _joined(sorted(found))


def _trim(before: Sequence[Hashable], after: Sequence[Hashable], here: _Range, found: list[Match]) -> _Range:
    """Take what is the same at both ends; returns what lies between."""
    a, a_end, b, b_end, level = here
    while a < a_end and b < b_end and before[a] == after[b]:
        a += 1
        b += 1
    if a > here.before:
        found.append(Match(here.before, here.after, a - here.before))
    while a < a_end and b < b_end and before[a_end - 1] == after[b_end - 1]:
        a_end -= 1
        b_end -= 1
    if a_end < here.before_end:
        found.append(Match(a_end, b_end, here.before_end - a_end))
    return _Range(a, a_end, b, b_end, level)


def _divide(
    before: Sequence[Hashable], after: Sequence[Hashable], here: _Range, grams: tuple[int, ...], effort: Effort
) -> tuple[list[Match], int]:
    """Return the runs that divide a long gap, and which of the grams found them; nothing for a short one."""
    items = here.before_end - here.before + here.after_end - here.after
    if items > _SHORT:
        for level in range(here.level, len(grams)):
            if not effort.spend(items):
                break
            if inner := _unique_runs(before, after, here, grams[level]):
                return inner, level
    return [], here.level


def _unique_runs(before: Sequence[Hashable], after: Sequence[Hashable], here: _Range, gram: int) -> list[Match]:
    """Return runs of at least ``gram`` items that stand once on each side, the longest chain of them in order."""
    places = _unique(after, here.after, here.after_end, gram)
    pairs = [
        (i, places[items])
        for items, i in _unique(before, here.before, here.before_end, gram).items()
        if i >= 0 and places.get(items, -1) >= 0
    ]
    runs: list[Match] = []
    for i, j in _longest_chain(pairs):
        if runs:
            last = runs[-1]
            overlap = max(last.before + last.length - i, last.after + last.length - j, 0)
            if overlap and i - last.before == j - last.after:
                runs[-1] = Match(last.before, last.after, i - last.before + gram)
                continue
            if overlap >= gram:
                continue
            runs.append(Match(i + overlap, j + overlap, gram - overlap))
        else:
            runs.append(Match(i, j, gram))
    return runs


def _unique(items: Sequence[Hashable], start: int, end: int, gram: int) -> dict[Hashable, int]:
    """Return where each gram of a part stands, -1 where it stands more than once."""
    places: dict[Hashable, int] = {}
    shifted = (items[start + n : end] for n in range(gram))
    for place, key in enumerate(zip(*shifted, strict=False), start):
        places[key] = -1 if key in places else place
    return places


def _longest_chain(pairs: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the longest part of pairs (sorted by the first) whose second numbers rise."""
    tails: list[int] = []  # smallest last number of a chain of each length
    ends: list[int] = []  # which pair that is
    links: list[int] = []  # the pair before each in its chain
    for number, (_, j) in enumerate(pairs):
        at = bisect_left(tails, j)
        links.append(ends[at - 1] if at else -1)
        if at == len(tails):
            tails.append(j)
            ends.append(number)
        else:
            tails[at], ends[at] = j, number
    chain = []
    number = ends[-1] if ends else -1
    while number >= 0:
        chain.append(pairs[number])
        number = links[number]
    return chain[::-1]


def _gaps(here: _Range, inner: Sequence[Match], level: int) -> list[_Range]:
    """Return what lies between runs."""
    gaps = []
    a, b = here.before, here.after
    for run in inner:
        gaps.append(_Range(a, run.before, b, run.after, level))
        a, b = run.before + run.length, run.after + run.length
    gaps.append(_Range(a, here.before_end, b, here.after_end, level))
    return gaps


def _myers(before: Sequence[Hashable], after: Sequence[Hashable], here: _Range, effort: Effort) -> list[Match] | None:
    """Return the same items of a gap by a shortest path of edits; ``None`` where the effort does not suffice."""
    start, _, other, _, _ = here
    n, m = here.before_end - start, here.after_end - other
    most = min(n + m, _MOST_EDITS)
    reach = [-1] * (2 * most + 3)  # how far on the side before each diagonal got
    middle = most + 1
    reach[middle + 1] = 0
    paths: list[list[int]] = []
    for edits in range(most + 1):
        paths.append(reach[middle - edits - 1 : middle + edits + 2])
        if not effort.spend(edits + 1):
            return None
        for k in range(-edits + 2 * max(0, edits - m), edits - 2 * max(0, edits - n) + 1, 2):
            at = middle + k
            down = k == -edits or (k != edits and reach[at - 1] < reach[at + 1])
            x = begun = reach[at + 1] if down else reach[at - 1] + 1
            y = x - k
            while x < n and y < m and before[start + x] == after[other + y]:
                x += 1
                y += 1
            effort.left -= x - begun
            reach[at] = x
            if x >= n and y >= m:
                return _walk_back(paths, here, edits)
    return None


def _walk_back(paths: Sequence[Sequence[int]], here: _Range, edits: int) -> list[Match]:
    """Return the diagonals of a path, from its end to its beginning."""
    found = []
    x, y = here.before_end - here.before, here.after_end - here.after
    for step in range(edits, -1, -1):
        reach, k = paths[step], x - y
        at = k + step + 1
        down = k == -step or (k != step and reach[at - 1] < reach[at + 1])
        from_k = k + 1 if down else k - 1
        from_x = reach[from_k + step + 1] if step else 0
        begun = (from_x if down else from_x + 1) if step else 0
        if x > begun:
            found.append(Match(here.before + begun, here.after + begun - k, x - begun))
        x, y = from_x, from_x - from_k
    return found


def _joined(matches: Sequence[Match]) -> list[Match]:
    """Return matches with those that touch made one."""
    joined: list[Match] = []
    for match in matches:
        if joined:
            last = joined[-1]
            if (last.before + last.length, last.after + last.length) == (match.before, match.after):
                joined[-1] = Match(last.before, last.after, last.length + match.length)
                continue
        joined.append(match)
    return joined
