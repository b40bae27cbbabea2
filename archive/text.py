"""Unicode normal form, quickly."""

from __future__ import annotations

import unicodedata

# Full-width punctuation stands in every Chinese text and each one makes the normaliser take its slow path. A character's
# compatibility decomposition does not depend on its neighbours (Unicode Standard Annex 15, NFKC = composition of NFKD), so
# replacing these first gives the same result.
_COMMON = tuple((char, unicodedata.normalize("NFKC", char)) for char in "，：；（）！？％．－～／\u3000\xa0")


def nfkc(text: str) -> str:
    """Return the text in normal form KC: full-width letters, digits and punctuation become their plain forms."""
    for char, plain in _COMMON:
        text = text.replace(char, plain)
    return unicodedata.normalize("NFKC", text)
