"""The quick way to the normal form gives what the standard's way gives."""

from __future__ import annotations

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from archive.text import nfkc

CJK = st.characters(min_codepoint=0x4E00, max_codepoint=0x9FFF)
PUNCTUATION = st.sampled_from("，：；（）！？％．－～／\u3000\xa0ＡＢ１２①㈠ﬁ\u0301\u3099\u0338 〔〕「」。、")


@given(st.text(st.one_of(CJK, PUNCTUATION, st.characters())))
def test_the_result_is_the_standard_normal_form(text: str) -> None:
    """Whatever the text, combining marks after full-width punctuation included."""
    assert nfkc(text) == unicodedata.normalize("NFKC", text)
