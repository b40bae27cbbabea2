"""Traditional Chinese: told apart and compared in simplified form."""

from __future__ import annotations

import opencc

from govcrawl.traditional import is_copy, is_traditional, simplified

TEXT = (
    "为进一步规范行政执法工作，根据《中华人民共和国行政处罚法》有关规定，现将执法标准化建设情况公开如下。后续事项另行通知。"
    * 3
)
TRADITIONAL = opencc.OpenCC("s2t").convert(TEXT)


def test_traditional_texts_are_told_from_simplified_ones() -> None:
    """A text in traditional characters is recognised; one that only quotes a few is none, and an empty one neither."""
    assert is_traditional(TRADITIONAL)
    assert not is_traditional(TEXT)
    assert not is_traditional(f"{TEXT}「繁體」")
    assert not is_traditional("")


def test_conversions_are_compared_by_how_far_they_agree() -> None:
    """A conversion made partly character by character is a copy all the same; another text of the kind is none."""
    assert simplified(TRADITIONAL) == TEXT
    assert is_copy(TRADITIONAL.replace("標準", "标準").replace("規範", "規范"), TEXT)
    assert not is_copy(TRADITIONAL, "关于开展法治宣传月活动的通知：各镇司法所应当于七月底前报送总结。" * 5)
    assert not is_copy(TRADITIONAL, None)
