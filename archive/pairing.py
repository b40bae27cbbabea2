"""Which changed paragraphs of two texts belong together: by what they share, in order, in time linear in their length."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from archive.alignment import Effort

_GRAM = 4
"""Characters in a row that speak for two paragraphs being the same one, where no other paragraph has them."""

_LEAST_SHARE = 0.1  # of the grams of the shorter paragraph
_ALIKE = 0.4  # likeness from which two paragraphs are compared character by character; below, one replaces the other
_MOST_PAIRS = 400  # of paragraphs without a vote that are all compared with each other
_GROWTH = 0.25  # of the likeness that is missing, which a second paragraph must add to be part of one divided or joined

_Block = tuple["Sequence[str]", "Sequence[str]", bool]
"""Paragraphs before, after, and whether they are the same ones, edited."""


class _Pair(NamedTuple):
    """Numbers of paragraphs, half open: usually one each, several where one was divided or some were joined."""

    before: int
    before_end: int
    after: int
    after_end: int


def pair_paragraphs(gone: Sequence[str], came: Sequence[str], effort: Effort) -> Iterator[_Block]:
    """Yield a block of changed paragraphs in parts, in order: edited ones in pairs, the rest told whole."""
    pairs = _grown(gone, came, _voted(gone, came, effort))
    whole = [*pairs, _Pair(len(gone), len(gone), len(came), len(came))]
    a = b = 0
    for pair in whole:
        yield from _pair_rest(gone[a : pair.before], came[b : pair.after], effort)
        if pair.before < pair.before_end:
            yield gone[pair.before : pair.before_end], came[pair.after : pair.after_end], True
        a, b = pair.before_end, pair.after_end


def likeness(before: str, after: str) -> float:
    """Return what two texts share of their characters in twos (threes of long ones), 0 to 1 (Dice)."""
    shorter = min(len(before), len(after))
    gram = 1 if shorter < 6 else 2 if shorter < 200 else 3  # noqa: PLR2004 - short texts share no long grams
    left, right = _grams(before, gram), _grams(after, gram)
    total = left.total() + right.total()
    return 2 * (left & right).total() / total if total else 0.0


def _grams(text: str, gram: int) -> Counter[str]:
    text = text.removesuffix("\n")
    return Counter(text[n : n + gram] for n in range(len(text) - gram + 1))


def _voted(gone: Sequence[str], came: Sequence[str], effort: Effort) -> list[_Pair]:
    """Return pairs that grams speak for which stand in one paragraph on each side, the strongest chain in order."""
    if not effort.spend((sum(map(len, gone)) + sum(map(len, came))) // 2):
        effort.short = True
        return []
    of_gone, of_came = _owners(gone), _owners(came)
    votes = Counter((i, of_came.get(gram, -1)) for gram, i in of_gone.items() if i >= 0)
    strong = [
        (i, j, n)
        for (i, j), n in votes.items()
        if j >= 0 and n >= _LEAST_SHARE * (min(len(gone[i]), len(came[j])) - _GRAM)
    ]
    chain = _heaviest_chain(strong, len(came))
    return [_Pair(i, i + 1, j, j + 1) for i, j in chain if likeness(gone[i], came[j]) >= _ALIKE / 2]


def _owners(paragraphs: Sequence[str]) -> dict[str, int]:
    """Return the paragraph that each gram stands in, -1 where it stands in several."""
    owners: dict[str, int] = {}
    for number, text in enumerate(paragraphs):
        for gram in {text[n : n + _GRAM] for n in range(len(text) - _GRAM)}:
            owners[gram] = -1 if gram in owners else number
    return owners


def _heaviest_chain(votes: Iterable[tuple[int, int, int]], size: int) -> list[tuple[int, int]]:
    """Return pairs of which both numbers rise, with the most votes together (a Fenwick tree of the best chain so far)."""
    best = [(0, -1)] * (size + 1)  # (votes, number of the last pair) of chains that end at or before a place
    pairs: list[tuple[int, int]] = []
    links: list[int] = []
    for i, j, n in sorted(votes, key=lambda vote: (vote[0], -vote[1])):
        total, link = 0, -1
        place = j
        while place > 0:
            if best[place][0] > total:
                total, link = best[place]
            place -= place & -place
        pairs.append((i, j))
        links.append(link)
        place = j + 1
        while place <= size:
            if total + n > best[place][0]:
                best[place] = (total + n, len(pairs) - 1)
            place += place & -place
    number = max(best)[1]
    chain = []
    while number >= 0:
        chain.append(pairs[number])
        number = links[number]
    return chain[::-1]


def _grown(gone: Sequence[str], came: Sequence[str], pairs: Sequence[_Pair]) -> list[_Pair]:
    """Return pairs with the neighbours that a paragraph was divided into or joined from."""
    grown: list[_Pair] = []
    for number, one in enumerate(pairs):
        following = pairs[number + 1] if number + 1 < len(pairs) else _Pair(len(gone), len(gone), len(came), len(came))
        pair = one
        a = grown[-1].before_end if grown else 0
        b = grown[-1].after_end if grown else 0
        for step in ((0, 0, 0, 1), (0, 0, -1, 0), (0, 1, 0, 0), (-1, 0, 0, 0)):
            while True:
                more = _Pair(*map(sum, zip(pair, step, strict=True)))
                inside = a <= more.before and more.before_end <= following.before
                inside = inside and b <= more.after and more.after_end <= following.after
                if not inside:
                    break
                now = _likeness(gone, came, pair)
                if _likeness(gone, came, more) < now + max(0.05, _GROWTH * (1 - now)):
                    break
                pair = more
        grown.append(pair)
    return grown


def _likeness(gone: Sequence[str], came: Sequence[str], pair: _Pair) -> float:
    return likeness("".join(gone[pair.before : pair.before_end]), "".join(came[pair.after : pair.after_end]))


def _pair_rest(gone: Sequence[str], came: Sequence[str], effort: Effort) -> Iterator[_Block]:
    """Yield paragraphs that no gram speaks for: few of them are all compared, of many the ones at the same place."""
    if not gone or not came:
        yield gone, came, False
        return
    found: list[tuple[int, int]] = []
    if len(gone) * len(came) <= _MOST_PAIRS and effort.spend(len(gone) * sum(map(len, came)) // 4):
        found = [(i, j) for i, old in enumerate(gone) for j, new in enumerate(came) if likeness(old, new) >= _ALIKE]
        found = _heaviest_chain(
            [(i, j, int(100 * likeness(gone[i], came[j])) + bisect_left((4, 8, 16), len(gone[i]))) for i, j in found],
            len(came),
        )
    elif len(gone) == len(came) and effort.spend(sum(map(len, gone)) // 4):
        found = [(n, n) for n in range(len(gone)) if likeness(gone[n], came[n]) >= _ALIKE]
    a = b = 0
    for i, j in [*found, (len(gone), len(came))]:
        if a < i or b < j:
            yield gone[a:i], came[b:j], False
        if i < len(gone):
            yield [gone[i]], [came[j]], True
        a, b = i + 1, j + 1
