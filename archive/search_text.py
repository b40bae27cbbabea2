"""How text is folded for searching, and where in the original a folded phrase stands; pure.

Searching is substring search over folded text: Chinese has no blanks between words, so a word list would decide what can be
found. Folding works character by character, because only then is the folded form of a part a part of the folded form of
the whole; a dictionary of phrases would break that.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import opencc

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

SEPARATOR = "\u200b"
"""Stands between two characters in what is given to the index, so that each is a token of its own."""

BOUNDARY = "\ue000"
"""A private character that stands for the end of a paragraph or cell: no phrase reaches across it."""

_BRACKETS = dict.fromkeys("([{〔【〖", "〔") | dict.fromkeys(")]}〕】〗", "〕")
_LIKE = (
    _BRACKETS
    | dict.fromkeys("“”„‟″〝〞「」『』", '"')
    | dict.fromkeys("‘’‚‛′`", "'")
    | dict.fromkeys("‐‑‒–—―−─", "-")
    | {"〈": "《", "〉": "》", "•": "·", "‧": "·", "・": "·", "○": "〇"}
)
_DROPPED = frozenset({"Zs", "Zl", "Zp", "Cc", "Cf", "Cs", "Co", "Cn"})
_CHUNK_CHARACTERS = 20_000


class _Folds(dict[int, str]):
    """Character → folded form, worked out when a character is first met."""

    def __init__(self) -> None:
        super().__init__({ord("\n"): BOUNDARY})
        self._simplify = opencc.OpenCC("t2s").convert

    def __missing__(self, code: int) -> str:
        folded = "".join(map(self._fold, unicodedata.normalize("NFKC", chr(code))))
        self[code] = folded
        return folded

    def _fold(self, char: str) -> str:
        if unicodedata.category(char) in _DROPPED:
            return ""
        return "".join(_LIKE.get(one, one) for one in self._simplify(char).lower())


@lru_cache(maxsize=1)
def _folds() -> _Folds:
    return _Folds()


def fold(text: str) -> str:
    """Return a text as it is searched: NFKC, simplified, lower case, one kind of brackets, quotes and dashes, no blanks.

    A newline becomes :data:`BOUNDARY`.
    """
    return text.translate(_folds())


def spread(folded: str) -> str:
    """Return folded text as the index takes it: every character a token of its own."""
    return SEPARATOR.join(folded)


class Span(NamedTuple):
    """A place in a text, in characters."""

    start: int
    end: int


def find_spans(text: str, phrases: Sequence[str], most: int) -> list[Span]:
    """Return where the phrases (folded) stand in a text, from the front, without overlaps, at most ``most``."""
    wanted = [phrase for phrase in phrases if phrase]
    if not wanted or not text:
        return []
    pattern = re.compile("|".join(re.escape(phrase) for phrase in sorted(wanted, key=len, reverse=True)))
    found: list[Span] = []
    for span in _iter_spans(text, pattern, max(map(len, wanted))):
        if not found or span.start >= found[-1].end:
            found.append(span)
        if len(found) == most:
            break
    return found


def _iter_spans(text: str, pattern: re.Pattern[str], longest: int) -> Iterator[Span]:
    """Go through a text in chunks, so that a long one costs no more than up to its first places."""
    folds = _folds()
    start = 0
    while start < len(text):
        end = min(len(text), start + _CHUNK_CHARACTERS)
        places: list[int] = []
        pieces: list[str] = []
        place = start
        beyond = 0  # folded characters past the chunk's end, so that a phrase on the seam is found
        while place < len(text) and (place < end or beyond < longest):
            folded = folds[ord(text[place])]
            pieces.append(folded)
            places.extend([place] * len(folded))
            beyond += len(folded) if place >= end else 0
            place += 1
        for match in pattern.finditer("".join(pieces)):
            if places[match.start()] >= end:
                break
            yield Span(places[match.start()], places[match.end() - 1] + 1)
        start = end


class Piece(NamedTuple):
    """A stretch of a snippet; ``hit`` = it is what was searched for."""

    text: str
    hit: bool


def excerpt(text: str, spans: Sequence[Span], around: int) -> tuple[Piece, ...]:
    """Return the surroundings of the first place, other places in it marked too; the text's beginning where there is none.

    Args:
        text: the original.
        spans: places found in it, in order.
        around: characters to show before and after the first place.
    """
    if not spans:
        head = " ".join(text[: 2 * around].split())
        return (Piece(head + ("…" if len(text) > 2 * around else ""), hit=False),) if head else ()
    begin = max(0, spans[0].start - around)
    end = min(len(text), max(spans[0].end + around, begin + 2 * around))
    pieces: list[Piece] = [Piece("…", hit=False)] if begin else []
    at = begin
    for span in spans:
        if span.start >= end:
            break
        pieces += [
            Piece(text[at : span.start].replace("\n", " "), hit=False),
            Piece(text[span.start : min(span.end, end)].replace("\n", " "), hit=True),
        ]
        at = min(span.end, end)
    pieces.append(Piece(text[at:end].replace("\n", " ") + ("…" if end < len(text) else ""), hit=False))
    return tuple(piece for piece in pieces if piece.text)
