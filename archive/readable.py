"""Edits of a text made readable: no crumbs of chance equality between them, and cut where a reader would cut.

After Neil Fraser, "Diff Strategies" (2006), semantic clean-up, with bounds for Chinese, where one character is a word.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Sequence

Edits = list[tuple[Literal["equal", "delete", "insert"], str]]
"""(side, text) in order."""

_Edit = tuple[list[str], list[str], list[str]]
"""Tokens deleted, tokens inserted, equal tokens after them."""

_CRUMB = 3  # characters: equal runs up to this length between two edits that are as long belong to the edit
_FARTHEST = 200  # tokens that an edit is moved
_STOPS = frozenset("。；！？;!?\n")
_PAUSES = frozenset("，、：,:　 ")
_OPENS = frozenset("（(《〈“‘「『〔[【")
_CLOSES = frozenset("）)》〉”’」』〕]】")


def readable(edits: Sequence[tuple[list[str], list[str], list[str]]]) -> Edits:
    """Return the pieces of edits that are given as tokens (deleted, inserted, equal after them)."""
    pieces: Edits = []
    lead, rest = _slid(_swallowed(edits))
    pieces.append(("equal", "".join(lead)))
    for gone, came, equal in rest:
        pieces += [("delete", "".join(gone)), ("insert", "".join(came)), ("equal", "".join(equal))]
    return pieces


def _swallowed(edits: Sequence[_Edit]) -> list[_Edit]:
    """Return edits without the short equal runs between them: 2024年3月 → 2023年5月 is one change, not three."""
    kept: list[_Edit] = []
    for edit in edits:
        now = edit
        while kept and (kept[-1][0] or kept[-1][1]) and _is_crumb(kept[-1], now):
            gone, came, equal = kept.pop()
            now = (gone + equal + now[0], came + equal + now[1], now[2])
        kept.append(now)
    return kept


def _is_crumb(left: _Edit, right: _Edit) -> bool:
    """Whether the equal run between two edits is no longer than either of them, and short."""
    equal = left[2]
    size = _size(equal)
    if size > _CRUMB or "\n" in equal:
        return False
    return size <= max(_size(left[0]), _size(left[1])) and size <= max(_size(right[0]), _size(right[1]))


def _size(run: Sequence[str]) -> int:
    return sum(map(len, run))


def _slid(edits: Sequence[_Edit]) -> tuple[list[str], list[_Edit]]:
    """Return the equal run before the first edit, and the edits, moved where the same edit can be cut better."""
    lead: list[str] = []
    moved: list[_Edit] = []
    for gone, came, equal in edits:
        left = moved[-1][2] if moved else lead
        if bool(gone) != bool(came):
            shift = _best_shift(left, gone or came, equal)
            left, run, after = _shifted(left, gone or came, equal, shift)
            now = (run if gone else [], run if came else [], after)
        else:
            now = (gone, came, equal)
        if moved:
            moved[-1] = (moved[-1][0], moved[-1][1], left)
        else:
            lead = left
        moved.append(now)
    return lead, moved


def _best_shift(left: Sequence[str], run: Sequence[str], right: Sequence[str]) -> int:
    """Return by how many tokens an edit is moved: the least of those with the best cuts at both its ends."""
    most_left = 0
    cycle = len(run)
    while most_left < min(len(left), _FARTHEST) and left[-1 - most_left] == _at(left, run, cycle - 1 - most_left):
        most_left += 1
    most_right = 0
    while most_right < min(len(right), _FARTHEST) and right[most_right] == _at(run, right, most_right, of=cycle):
        most_right += 1
    best, best_score = 0, -1
    whole = [*left[len(left) - most_left :], *run, *right[:most_right]]
    for shift in sorted(range(-most_left, most_right + 1), key=abs):
        start = most_left + shift
        before = whole[start - 1] if start else (left[-most_left - 1] if len(left) > most_left else "")
        end = start + cycle
        after = whole[end] if end < len(whole) else (right[most_right] if len(right) > most_right else "")
        score = _cut(before, whole[start]) + _cut(whole[end - 1], after)
        if score > best_score:
            best, best_score = shift, score
    return best


def _at(first: Sequence[str], second: Sequence[str], place: int, of: int | None = None) -> str:
    """Return a token of the run as it goes on beyond its ends: leftwards into ``first`` or rightwards from it."""
    if of is None:
        return second[place] if place >= 0 else first[place]
    return first[place] if place < of else second[place - of]


def _shifted(left: list[str], run: list[str], right: list[str], shift: int) -> tuple[list[str], list[str], list[str]]:
    """Return an edit moved by some tokens, with the equal runs beside it."""
    if shift < 0:
        taken = left[shift:]
        whole = taken + run
        return left[:shift], whole[: len(run)], whole[len(run) :] + right
    whole = run + right[:shift]
    return left + whole[:shift], whole[shift:], right[shift:]


def _cut(before: str, after: str) -> int:
    """Return how well a text is cut between two tokens."""
    if not before or not after or before[-1] == "\n":
        return 5
    if before[-1] in _STOPS:
        return 4
    if before[-1] in _PAUSES:
        return 3
    if after[0] in _OPENS or before[-1] in _CLOSES:
        return 2
    return 1 if after[0] in _STOPS or after[0] in _PAUSES else 0
