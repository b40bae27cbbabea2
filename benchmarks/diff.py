"""What comparing two versions costs, beside difflib on the same texts.

``python -m benchmarks.diff [--characters N] [--repeat K] [--skip-difflib] [--json FILE]``: pairs of Chinese texts of N (30,000)
characters, best of K (3); ``changed`` is what each calls different, of both texts together. difflib is
``SequenceMatcher(None, before, after, autojunk=False)`` on characters, its usual exact use; where it would
take minutes it is left out. The exit code is 1 when a pair of 30,000 characters takes longer than 0.5 s.
"""

from __future__ import annotations

import argparse
import difflib
import json
import random
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from archive.textdiff import diff_texts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

T = TypeVar("T")
BAR_SECONDS = 0.5
BAR_CHARACTERS = 30_000
LONG = 1_000_000


@dataclass(frozen=True, slots=True)
class Case:
    """Two texts; ``bar_seconds`` is ``None`` where there is none."""

    name: str
    before: str
    after: str
    bar_seconds: float | None = BAR_SECONDS
    difflib: bool = True


@dataclass(frozen=True, slots=True)
class Result:
    """Best times and how much each calls different."""

    name: str
    characters: int
    seconds: float
    grain: str
    changed: int
    difflib_seconds: float | None
    difflib_changed: int | None


def main() -> int:
    """Measure and print a line per case."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--characters", type=int, default=BAR_CHARACTERS, help="of each text (default 30,000)")
    parser.add_argument("--repeat", type=int, default=3, help="times each is measured, the best counts (default 3)")
    parser.add_argument("--skip-difflib", action="store_true", help="measure only this project's")
    parser.add_argument("--json", type=Path, help="where to write the results")
    options = parser.parse_args()
    results = []
    print(
        f"{'case':34} {'chars':>9} {'s':>8} {'grain':>10} {'changed':>9} {'difflib s':>10} {'changed':>9} {'ratio':>7}"
    )
    late = []
    for case in (*cases(options.characters), *long_cases()):
        result = measure(case, options.repeat, beside=not options.skip_difflib)
        results.append(result)
        theirs = "–" if result.difflib_seconds is None else f"{result.difflib_seconds:.3f}"
        changed = "–" if result.difflib_changed is None else str(result.difflib_changed)
        ratio = "–" if result.difflib_seconds is None else f"{result.difflib_seconds / result.seconds:.1f} ×"
        print(
            f"{case.name:34} {result.characters:>9} {result.seconds:>8.3f} {result.grain:>10} {result.changed:>9}"
            f" {theirs:>10} {changed:>9} {ratio:>7}"
        )
        if case.bar_seconds and options.characters <= BAR_CHARACTERS and result.seconds > case.bar_seconds:
            late.append(case.name)
    if options.json:
        options.json.write_text(json.dumps([asdict(one) for one in results], indent=1), "utf-8")
    if late:
        print(f"over {BAR_SECONDS} s: {', '.join(late)}", file=sys.stderr)
    return 1 if late else 0


def measure(case: Case, repeat: int, *, beside: bool) -> Result:
    """Time one case."""
    seconds, diff = _best(repeat, lambda: diff_texts(case.before, case.after))
    changed = sum(len(text) for side, text in diff.pieces() if side != "equal")
    theirs = theirs_changed = None
    if beside and case.difflib:
        theirs, opcodes = _best(
            1, lambda: difflib.SequenceMatcher(None, case.before, case.after, autojunk=False).get_opcodes()
        )
        theirs_changed = sum(a_end - a + b_end - b for tag, a, a_end, b, b_end in opcodes if tag != "equal")
    return Result(case.name, len(case.before), seconds, diff.grain, changed, theirs, theirs_changed)


def _best(repeat: int, work: Callable[[], T]) -> tuple[float, T]:
    """Return the best time of several, and what the work made."""
    best, made = _timed(work)
    for _ in range(repeat - 1):
        best = min(best, _timed(work)[0])
    return best, made


def _timed(work: Callable[[], T]) -> tuple[float, T]:
    started = time.perf_counter()
    made = work()
    return time.perf_counter() - started, made


def cases(characters: int) -> Iterator[Case]:
    """Yield pairs of texts of about so many characters; the same ones each time."""
    text = Text(5)
    before = text.make(characters)
    paragraphs = before.split("\n")
    third = len(paragraphs) // 3
    moved = "\n".join(paragraphs[third : 2 * third] + paragraphs[:third] + paragraphs[2 * third :])
    single = before.replace("\n", "")
    yield Case("the same", before, before)
    yield Case("10 edits", before, text.edit(before, 10))
    yield Case("300 edits", before, text.edit(before, characters // 100))
    yield Case("an edit in every tenth character", before, text.edit(before, characters // 10), difflib=False)
    yield Case("a third moved", before, moved)
    yield Case("all paragraphs shuffled", before, text.shuffle(before), difflib=False)
    yield Case("all paragraphs renumbered", _numbered(paragraphs, 1), _numbered(paragraphs, 2), difflib=False)
    yield Case("another text", before, text.make(characters), difflib=False)
    yield Case("one paragraph, 300 edits", single, text.edit(single, characters // 100), difflib=False)
    yield Case("one paragraph, another text", single, text.make(characters).replace("\n", ""), difflib=False)
    yield Case("two characters at random", text.noise(characters), text.noise(characters), difflib=False)
    yield Case(
        "lines of one character",
        "\n".join(text.noise(characters // 2)),
        "\n".join(text.noise(characters // 2)),
        difflib=False,
    )
    yield Case(
        "one character over and over",
        "的" * characters,
        "的" * (characters // 2) + "了" + "的" * (characters // 3),
        difflib=False,
    )


def long_cases() -> Iterator[Case]:
    """Yield pairs of a million characters, which have no bar."""
    text = Text(6)
    before = text.make(LONG)
    single = before.replace("\n", "")
    yield Case("1 M, 300 edits", before, text.edit(before, 300), None, difflib=False)
    yield Case("1 M, 20,000 edits", before, text.edit(before, 20_000), None, difflib=False)
    yield Case("1 M, another text", before, text.make(LONG), None, difflib=False)
    yield Case("1 M, one paragraph, 300 edits", single, text.edit(single, 300), None, difflib=False)


def _numbered(paragraphs: list[str], first: int) -> str:
    return "\n".join(f"第{number}条　{text}" for number, text in enumerate(paragraphs, first))


class Text:
    """Makes texts of words that are as unevenly frequent as Chinese ones."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 - texts, not secrets
        self._words = [self._word() for _ in range(3000)]

    def _word(self) -> str:
        length = self._random.randrange(2, 4)
        return "".join(chr(0x4E00 + int(self._random.paretovariate(0.6)) % 3000) for _ in range(length))

    def make(self, characters: int) -> str:
        """Return a text of paragraphs of 40 to 160 characters."""
        paragraphs = []
        size = 0
        while size < characters:
            goal, text = self._random.randrange(40, 160), ""
            while len(text) < goal:
                text += self._random.choice(self._words) + self._random.choice(("", "", "，", "。"))
            paragraphs.append(text)
            size += len(text) + 1
        return "\n".join(paragraphs)

    def edit(self, text: str, times: int) -> str:
        """Return a text with so many words put in, taken out or replaced."""
        characters = list(text)
        for _ in range(times):
            place = self._random.randrange(len(characters))
            new = self._random.choice(self._words) if self._random.random() < 0.7 else ""  # noqa: PLR2004 - two of three
            characters[place : place + self._random.randrange(4)] = new
        return "".join(characters)

    def shuffle(self, text: str) -> str:
        """Return a text with its paragraphs in any order."""
        paragraphs = text.split("\n")
        self._random.shuffle(paragraphs)
        return "\n".join(paragraphs)

    def noise(self, characters: int) -> str:
        """Return a text of two characters at random."""
        return "".join(self._random.choice("甲乙") for _ in range(characters))


if __name__ == "__main__":
    sys.exit(main())
