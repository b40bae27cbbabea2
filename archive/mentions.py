"""What a text cites, before it is looked up: the value, and the forms in which numbers and titles are compared."""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

from archive.text import nfkc

CitedKind = Literal["document_number", "order", "law_title", "title"]
"""``title`` is any other 《…》; it counts as a citation only where a document of that title is known."""

_BLANKS = re.compile(r"[\s\u200b-\u200f\u2060\ufeff]+")
_YEAR = re.compile(r"[(\[{〔【〖〈](\d{4})年?[)\]}〕】〗〉]")
_QUOTES = str.maketrans("〈〉<>", "《》《》")


class Mention(NamedTuple):
    """One thing cited at one place of a text."""

    kind: CitedKind
    printed: str  # as it stands in the text
    normal: str  # 国办发〔2019〕14号, 国务院令第711号; of a title its form for comparison
    title: str | None  # the title in 《》 that stands beside it, without the brackets
    start: int  # of the printed form, in characters of the text
    end: int


def normal_number(number: str) -> str:
    """Return a document number with 〔〕 around the year, ASCII digits and no blanks, for comparison."""
    plain = _BLANKS.sub("", nfkc(number)).replace("號", "号")
    return _YEAR.sub(r"〔\1〕", plain)


def title_key(title: str) -> str:
    """Return a title for comparison: NFKC, no blanks, one kind of inner title marks, none around it."""
    plain = _BLANKS.sub("", nfkc(title)).translate(_QUOTES)
    return plain[1:-1] if plain.endswith("》") and _closing(plain) == len(plain) - 1 else plain


def _closing(text: str) -> int | None:
    """Return where the 《 that a text begins with is closed."""
    depth = 0
    for place, char in enumerate(text):
        depth += (char == "《") - (char == "》")
        if depth == 0:
            return place or None
    return None
