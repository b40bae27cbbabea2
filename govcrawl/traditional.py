"""Traditional Chinese copies (繁體) of documents: told apart, and compared with their originals in simplified form.

Such copies are made by machines, partly character by character, so that no two conversions agree in everything: they are compared
after turning them back, and by how far they agree.
"""

from __future__ import annotations

from functools import lru_cache
from operator import ne

import opencc

from archive.model import COPY_FLAG
from archive.text import nfkc

FLAG = COPY_FLAG
"""The quality flag of such documents."""

LEAST_CHANGED = 0.05
"""Share of a text's characters that simplifying changes in a traditional one; a third is usual, quotations stay far below."""

LEAST_AGREEMENT = 0.9
_LOOKED_AT = 2000  # characters


@lru_cache(maxsize=1)
def _converter() -> opencc.OpenCC:
    return opencc.OpenCC("t2s")


def simplified(text: str) -> str:
    """Return a text in simplified characters (OpenCC, t2s)."""
    return str(_converter().convert(text))


def is_traditional(text: str) -> bool:
    """Tell whether a text is written in traditional characters."""
    start = text[:_LOOKED_AT]
    plain = simplified(start)
    if plain == start:
        return False
    changed: int = sum(map(ne, start, plain))
    return changed >= LEAST_CHANGED * max(len(start), 1) and changed > 1


def is_copy(one: str | None, other: str | None) -> bool:
    """Tell whether two texts are one text, whichever characters they are written in."""
    a, b = (_pairs(simplified(text or "")) for text in (one, other))
    return 2 * len(a & b) >= LEAST_AGREEMENT * (len(a) + len(b)) and bool(a) == bool(b)


def _pairs(text: str) -> set[str]:
    plain = "".join(nfkc(text).split())
    return {plain[n : n + 2] for n in range(len(plain) - 1)}
