"""A text diff laid out in paragraphs: lines as they stand side by side, hunks with context, unified plain text."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from archive.textdiff import Side, TextDiff

CONTEXT = 1
"""Unchanged paragraphs shown on each side of a change, unless told otherwise."""


@dataclass(frozen=True, slots=True)
class Paragraph:
    """What stands beside each other: one paragraph each, or several where one was divided or some were joined.

    ``pieces`` are (side, text) in order: without the insertions they are what stood there before, without the deletions what
    stands there now. ``before`` and ``after`` are the number of the first of each from 1, ``None`` where there is none.
    """

    kind: Literal["equal", "delete", "insert", "change"]
    pieces: tuple[tuple[Side, str], ...]
    before: int | None
    after: int | None

    @property
    def old(self) -> str:
        """What stood there before."""
        return "".join(text for side, text in self.pieces if side != "insert")

    @property
    def new(self) -> str:
        """What stands there now."""
        return "".join(text for side, text in self.pieces if side != "delete")


@dataclass(frozen=True, slots=True)
class Hunk:
    """Paragraphs around one or more changes that stand near each other."""

    paragraphs: tuple[Paragraph, ...]


def side_by_side(diff: TextDiff) -> Iterator[Paragraph]:
    """Yield every paragraph of both texts, in order."""
    before = after = 1
    for pieces in _lines(_whole_lines(diff)):
        sides = {side for side, _ in pieces}
        kind = sides.pop() if len(sides) == 1 else "change"
        yield Paragraph(
            kind,
            _without_end(pieces),
            before if kind != "insert" else None,
            after if kind != "delete" else None,
        )
        before += sum(text.count("\n") for side, text in pieces if side != "insert")
        after += sum(text.count("\n") for side, text in pieces if side != "delete")


def hunks(diff: TextDiff, context: int = CONTEXT) -> Iterator[Hunk]:
    """Yield what changed, with so many unchanged paragraphs on each side; changes whose context meets are one hunk."""
    kept: list[Paragraph] = []
    unchanged = 0  # at the end of what is kept
    changed = False
    for paragraph in side_by_side(diff):
        kept.append(paragraph)
        if paragraph.kind != "equal":
            changed, unchanged = True, 0
            continue
        unchanged += 1
        if not changed:
            del kept[: max(0, len(kept) - context)]
        elif unchanged > 2 * context:
            yield Hunk(tuple(kept[: len(kept) - unchanged + context]))
            kept = kept[len(kept) - context :] if context else []
            changed, unchanged = False, 0
    if changed:
        yield Hunk(tuple(kept[: len(kept) - max(0, unchanged - context)]))


def unified(diff: TextDiff, context: int = CONTEXT) -> Iterator[tuple[Literal["@", " ", "-", "+"], str]]:
    """Yield the lines of a unified diff whose lines are paragraphs, as (mark, text); ``@`` leads a hunk.

    The marks of GNU diff -u; deleted paragraphs come before those in their place.
    """
    for hunk in hunks(diff, context):
        yield "@", f"@@ -{_range(hunk.paragraphs, 'before')} +{_range(hunk.paragraphs, 'after')} @@"
        waiting: list[str] = []  # insertions stand after the deletions of the same place
        for paragraph in hunk.paragraphs:
            if paragraph.kind == "equal":
                yield from (("+", line) for line in waiting)
                waiting = []
                yield " ", paragraph.old
                continue
            if paragraph.kind != "insert":
                yield from (("-", line) for line in paragraph.old.split("\n"))
            if paragraph.kind != "delete":
                waiting += paragraph.new.split("\n")
        yield from (("+", line) for line in waiting)


def _range(paragraphs: Sequence[Paragraph], side: Literal["before", "after"]) -> str:
    """Return first paragraph and count of one side of a hunk."""
    numbers = [(getattr(one, side), one) for one in paragraphs if getattr(one, side) is not None]
    if not numbers:
        return "0,0"
    count = sum((one.old if side == "before" else one.new).count("\n") + 1 for _, one in numbers)
    return f"{numbers[0][0]},{count}"


def _whole_lines(diff: TextDiff) -> list[tuple[Side, str]]:
    """Return the pieces of both texts with a newline at their end, edits moved so that they end with theirs.

    A paragraph added at the end is "newline, paragraph" between characters and "paragraph, newline" between lines.
    """
    pieces = [*diff.pieces(), ("equal", "\n")]
    moved: list[tuple[Side, str]] = []
    for number, (side, text) in enumerate(pieces):
        if side == "equal" and moved and text.startswith("\n"):
            edit, run = moved[-1]
            alone = number < 2 or pieces[number - 2][0] == "equal"  # noqa: PLR2004 - the one before the edit
            if edit != "equal" and alone and run.startswith("\n"):
                moved[-1:] = [("equal", "\n"), (edit, run[1:] + "\n"), ("equal", text[1:])]
                continue
        moved.append((side, text))
    return moved


def _lines(pieces: Iterable[tuple[Side, str]]) -> Iterator[list[tuple[Side, str]]]:
    """Yield pieces line by line: up to a newline on both sides, or to one of a line that stands on one side only."""
    line: list[tuple[Side, str]] = []
    for side, text in pieces:
        for part in re.findall(r"[^\n]*\n|[^\n]+", text):
            line.append((side, part))
            if part.endswith("\n") and (side == "equal" or all(one == side for one, _ in line)):
                yield line
                line = []


def _without_end(pieces: Sequence[tuple[Side, str]]) -> tuple[tuple[Side, str], ...]:
    """Return the pieces of a line without the newline at its end."""
    side, text = pieces[-1]
    return (*pieces[:-1], (side, text[:-1])) if text != "\n" else tuple(pieces[:-1])
