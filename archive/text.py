"""Unicode normal form, quickly; text that XML can hold."""

from __future__ import annotations

import re
import unicodedata

_NO_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

# Full-width punctuation stands in every Chinese text and each one makes the normaliser take its slow path. A character's
# compatibility decomposition does not depend on its neighbours (Unicode Standard Annex 15, NFKC = composition of NFKD), so
# replacing these first gives the same result.
_COMMON = tuple((char, unicodedata.normalize("NFKC", char)) for char in "，：；（）！？％．－～／\u3000\xa0")

_NO_LINE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]+")


def nfkc(text: str) -> str:
    """Return the text in normal form KC: full-width letters, digits and punctuation become their plain forms."""
    for char, plain in _COMMON:
        text = text.replace(char, plain)
    return unicodedata.normalize("NFKC", text)


def without_controls(text: str) -> str:
    """Return the text without the characters that XML 1.0 does not allow (§2.2, 'Char')."""
    return _NO_XML.sub("", text)


def for_terminal(text: str) -> str:
    """Return a line of text that a terminal may be sent: control characters, line ends and turns of direction become blanks."""
    return _NO_LINE.sub(" ", text)
