"""What differs between two versions of a text, to the character, for Chinese (no spaces) as for anything else.

Paragraphs are aligned first, changed ones are paired by what they share, and only within a pair are characters compared. A
number, a date, a bracketed 文号 or a Latin word is one character here, so that none is torn apart, and short runs that are
equal by chance between two edits belong to the edit, so that what changed can be read. Pure; bounded in time: what is too large
or too repetitive is told in whole sentences or paragraphs, and :attr:`TextDiff.grain` says so.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

from archive.alignment import Effort, align
from archive.pairing import pair_paragraphs
from archive.readable import readable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from archive.readable import Edits

Side = Literal["equal", "delete", "insert"]

_PARAGRAPH_STEPS = 300_000
_CHARACTER_STEPS = 700_000  # about 0.2 s
_MOST_CHARACTERS = 400_000  # changed ones, of both texts together, up to which characters are compared
_SENTENCES = re.compile(r"[^。；！？;!?\n]*(?:[。；！？;!?\n]+|$)")
_CJK = "\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_NUMERAL = "〇○零一二三四五六七八九十百千万亿两"
_NO_CODE = "根据|依据|依照|按照|遵照|参照|执行|印发|转发|废止|[按据以见由和与及同经因凭]"  # words that lead to a 文号, no part of it
_YEAR = r"[〔\[［(（【]\d{4}[〕\]］)）】][ 　]*第?[ 　]*\d+[ 　]*[号號]?"
_TOKENS = re.compile(
    "|".join(
        (
            rf"(?<![{_CJK}])(?!{_NO_CODE})[{_CJK}]{{1,10}}{_YEAR}",  # 厦司〔2024〕12号 where something else stands before it
            _YEAR,
            r"\d{2,4}年(?:\d{1,2}月(?:\d{1,2}日)?)?|\d{1,2}月\d{1,2}日",
            rf"[{_NUMERAL}]{{4}}年(?:[{_NUMERAL}]{{1,3}}月(?:[{_NUMERAL}]{{1,3}}日)?)?",
            r"\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[:：]\d{2}(?:[:：]\d{2})?",
            r"\d{1,3}(?:[,，]\d{3})+(?:\.\d+)?[%％‰]?|\d+(?:[.-]\d+)*[%％‰]?",
            rf"[{_NUMERAL}]{{2,}}",
            r"[A-Za-z][A-Za-z0-9]*",
            r".[\u0300-\u036f\ufe00-\ufe0f\U000e0100-\U000e01ef]*",  # a character with what belongs to it
        )
    ),
    re.DOTALL,
)


class Operation(NamedTuple):
    """A run: ``equal`` stands on both sides, ``delete`` before only, ``insert`` after only. Positions count characters."""

    side: Side
    before: int
    before_end: int
    after: int
    after_end: int


@dataclass(frozen=True, slots=True)
class TextDiff:
    """Two texts and what leads from one to the other: operations in order that cover both without a gap."""

    before: str
    after: str
    operations: tuple[Operation, ...]
    grain: Literal["character", "coarse"]  # coarse: some of what changed is told in whole sentences or paragraphs

    def pieces(self) -> Iterator[tuple[Side, str]]:
        """Yield each operation with its text."""
        for side, before, before_end, after, after_end in self.operations:
            yield side, self.after[after:after_end] if side == "insert" else self.before[before:before_end]


def diff_texts(before: str, after: str) -> TextDiff:
    """Compare two texts; paragraphs are what newlines divide."""
    pieces, fine = _compare(_paragraphs(before), _paragraphs(after))
    operations = tuple(_placed(_merged(_without_last_newline(pieces))))
    return TextDiff(before, after, operations, "character" if fine else "coarse")


def tokens(text: str) -> list[str]:
    """Return a text in the units that are compared: characters, and what is not to be torn apart."""
    return _TOKENS.findall(text)


# The stored form


def dump_diff(diff: TextDiff) -> str:
    """Return a diff as compact JSON: ``grain`` and ``ops``, a number for so many equal characters, else +text or -text.

    With the text before it gives the text after (:func:`load_diff`), and read backwards the one before.
    """
    signs = {"delete": "-", "insert": "+"}
    said = [len(text) if side == "equal" else signs[side] + text for side, text in diff.pieces()]
    return json.dumps({"grain": diff.grain, "ops": said}, ensure_ascii=False, separators=(",", ":"))


def load_diff(stored: str, before: str) -> TextDiff:
    """Return the diff that :func:`dump_diff` wrote, given the text it begins with.

    Raises:
        ValueError: it is not of this text, or no such JSON.
    """
    said = json.loads(stored)
    pieces: list[tuple[Side, str]] = []
    place = 0
    for one in said["ops"]:
        side: Side = "equal" if isinstance(one, int) else {"-": "delete", "+": "insert"}[one[0]]  # type: ignore[assignment]
        text = before[place : place + one] if isinstance(one, int) else one[1:]
        if side != "insert":
            if before[place : place + len(text)] != text or (isinstance(one, int) and len(text) != one):
                raise ValueError(f"the stored diff is not of this text: at character {place} it has something else")
            place += len(text)
        pieces.append((side, text))
    if place != len(before):
        raise ValueError(f"the stored diff is of a text of {place} characters, this one has {len(before)}")
    after = "".join(text for side, text in pieces if side != "delete")
    return TextDiff(before, after, tuple(_placed(pieces)), said["grain"])


# Comparing


def _paragraphs(text: str) -> list[str]:
    """Return paragraphs, each with a newline; the last one's is taken off again at the end."""
    return [f"{line}\n" for line in text.split("\n")]


def _compare(before: list[str], after: list[str]) -> tuple[Edits, bool]:
    """Return pieces, and whether every changed paragraph was looked into."""
    effort = Effort(_PARAGRAPH_STEPS)
    matches = align(before, after, effort)
    blocks = []
    a = b = changed = 0
    for match in [*matches, (len(before), len(after), 0)]:
        block = (before[a : match[0]], after[b : match[1]], before[match[0] : match[0] + match[2]])
        blocks.append(block)
        if block[0] and block[1]:
            changed += sum(map(len, block[0])) + sum(map(len, block[1]))
        a, b = match[0] + match[2], match[1] + match[2]
    fine = changed <= _MOST_CHARACTERS and not effort.short
    steps = Effort(_CHARACTER_STEPS)
    pieces: Edits = []
    for gone, came, equal in blocks:
        if not (gone and came):
            pieces += _replaced(gone, came)
        elif changed > _MOST_CHARACTERS:
            pieces += _compare_sentences("".join(gone), "".join(came), steps)
        else:
            for old, new, alike in pair_paragraphs(gone, came, steps):
                pieces += _compare_pair("".join(old), "".join(new), steps) if alike else _replaced(old, new)
        pieces.append(("equal", "".join(equal)))
    return pieces, fine and not steps.short


def _compare_sentences(before: str, after: str, steps: Effort) -> Edits:
    """Compare texts that are too large for more by their sentences."""
    old, new = _SENTENCES.findall(before), _SENTENCES.findall(after)
    pieces: Edits = []
    a = b = 0
    for match in [*align(old, new, steps), (len(old), len(new), 0)]:
        pieces += _replaced(old[a : match[0]], new[b : match[1]])
        pieces.append(("equal", "".join(old[match[0] : match[0] + match[2]])))
        a, b = match[0] + match[2], match[1] + match[2]
    return pieces


def _replaced(gone: Iterable[str], came: Iterable[str]) -> Edits:
    return [("delete", "".join(gone)), ("insert", "".join(came))]


def _compare_pair(before: str, after: str, steps: Effort) -> Edits:
    """Compare the characters of paragraphs that belong together."""
    old, new = tokens(before), tokens(after)
    edits = []
    a = b = 0
    for match in [*align(old, new, steps, (8, 4, 2)), (len(old), len(new), 0)]:
        edits.append((old[a : match[0]], new[b : match[1]], old[match[0] : match[0] + match[2]]))
        a, b = match[0] + match[2], match[1] + match[2]
    return readable(edits)


def _without_last_newline(pieces: Edits) -> Edits:
    """Take off the newline that was put at the end of both texts.

    Where only one side's last edit holds it, that edit begins a newline earlier: the same edit, moved by one.
    """
    kept = _merged(pieces)
    if kept and kept[-1][0] == "equal":
        side, text = kept.pop()
        return [*kept, (side, text[:-1])]
    last: Edits = []
    while kept and kept[-1][0] != "equal":
        last.insert(0, kept.pop())
    if len(last) == 2:  # noqa: PLR2004 - both a deletion and an insertion, each with the newline
        return [*kept, *((side, text[:-1]) for side, text in last)]
    before = kept.pop()[1]
    return [*kept, ("equal", before[:-1]), *((side, "\n" + text[:-1]) for side, text in last)]


def _merged(pieces: Edits) -> Edits:
    """Return pieces without empty ones, between two equal ones at most one deletion and after it one insertion."""
    merged: Edits = []
    gone: list[str] = []
    came: list[str] = []
    same: list[str] = []

    def close() -> None:
        for side, texts in (("equal", same), ("delete", gone), ("insert", came)):
            if text := "".join(texts):
                merged.append((side, text))  # type: ignore[arg-type]
            texts.clear()

    for side, text in pieces:
        if not text:
            continue
        if side == "equal":
            if gone or came:
                close()
            same.append(text)
        elif side == "delete":
            gone.append(text)
        else:
            came.append(text)
    close()
    return merged


def _placed(pieces: Edits) -> Iterator[Operation]:
    """Yield pieces with their positions."""
    a = b = 0
    for side, text in pieces:
        if text:
            a_end = a + (len(text) if side != "insert" else 0)
            b_end = b + (len(text) if side != "delete" else 0)
            yield Operation(side, a, a_end, b, b_end)
            a, b = a_end, b_end
