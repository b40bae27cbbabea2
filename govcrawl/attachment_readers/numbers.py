"""Word's automatic numbers: 第一条, 一、, （一）, 1.1 (ISO/IEC 29500-1 §17.9). They are nowhere in the text of a paragraph."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from govcrawl.attachment_readers.packages import attribute, local

if TYPE_CHECKING:
    from collections.abc import Callable

_LEVEL = re.compile(r"%([1-9])")
_DIGITS = "〇一二三四五六七八九"
_MAX_NUMBER = 9999
_STYLE_DEPTH = 8
_CHINESE = frozenset(
    {
        "chineseCounting",
        "chineseCountingThousand",
        "ideographDigital",
        "japaneseCounting",
        "taiwaneseCounting",
        "chinese-counting",
    }
)
_CIRCLED = frozenset({"decimalEnclosedCircle", "decimalEnclosedCircleChinese"})


class Numbering:
    """The numbers of one document, counted as its paragraphs are read in order.

    Args:
        numbering: roots of its numbering parts.
        styles: roots of its style parts; a style may number its paragraphs.
    """

    def __init__(self, numbering: list[Any], styles: list[Any]) -> None:
        self._abstract: dict[str, dict[int, tuple[str, str, int]]] = {}
        self._numbers: dict[str, tuple[str, dict[int, int]]] = {}
        self._styles: dict[str, tuple[str | None, str | None, int | None]] = {}
        self._counts: dict[str, dict[int, int]] = {}
        for root in numbering:
            self._read_numbering(root)
        for root in styles:
            self._read_styles(root)

    def label(self, paragraph: Any) -> str:
        """Return the number that Word prints before a paragraph and count it; ``""`` without one and for bullets."""
        number, level = self._number_of(paragraph)
        if number is None or number not in self._numbers:
            return ""
        abstract, starts = self._numbers[number]
        levels = self._abstract.get(abstract, {})
        if level not in levels:
            return ""
        form, pattern, start = levels[level]
        if form in {"bullet", "none"}:
            return ""
        counts = self._counts.setdefault(abstract, {})
        counts[level] = counts.get(level, starts.get(level, start) - 1) + 1
        for deeper in [other for other in counts if other > level]:
            del counts[deeper]

        def value(match: re.Match[str]) -> str:
            wanted = int(match[1]) - 1
            of_form, _, of_start = levels.get(wanted, (form, "", 1))
            return print_number(counts.get(wanted, of_start), of_form)

        return _LEVEL.sub(value, pattern)

    def _number_of(self, paragraph: Any) -> tuple[str | None, int]:
        properties = next((child for child in paragraph if local(child) == "pPr"), None)
        if properties is None:
            return None, 0
        number, level = _num_pr(properties)
        style = _child_value(properties, "pStyle")
        depth = 0
        while number is None and style in self._styles and depth < _STYLE_DEPTH:
            style, number, of_style = self._styles[style or ""]
            level = of_style if level is None else level
            depth += 1
        return number, level or 0

    def _read_numbering(self, root: Any) -> None:
        for element in root.iter():
            name = local(element)
            if name == "abstractNum":
                levels = {_integer(attribute(level, "ilvl")): level for level in element if local(level) == "lvl"}
                self._abstract[attribute(element, "abstractNumId") or ""] = {
                    number: (
                        _child_value(level, "numFmt") or "decimal",
                        _child_value(level, "lvlText") or "",
                        _integer(_child_value(level, "start"), 1),
                    )
                    for number, level in levels.items()
                }
            elif name == "num":
                starts = {
                    _integer(attribute(one, "ilvl")): _integer(_child_value(one, "startOverride"), 1)
                    for one in element
                    if local(one) == "lvlOverride" and _child_value(one, "startOverride") is not None
                }
                self._numbers[attribute(element, "numId") or ""] = (
                    _child_value(element, "abstractNumId") or "",
                    starts,
                )

    def _read_styles(self, root: Any) -> None:
        for element in root.iter():
            if local(element) == "style":
                properties = next((child for child in element if local(child) == "pPr"), None)
                number, level = (None, None) if properties is None else _num_pr(properties)
                self._styles[attribute(element, "styleId") or ""] = (_child_value(element, "basedOn"), number, level)


def print_number(number: int, form: str) -> str:
    """Return a number in one of the forms of ``w:numFmt`` (17.18.59 ST_NumberFormat)."""
    number = max(0, min(number, _MAX_NUMBER))
    if form in _CHINESE:
        return chinese(number)
    if form in _CIRCLED:
        return chr(0x2460 + number - 1) if 1 <= number <= 20 else str(number)  # noqa: PLR2004 -- ① to ⑳
    if form in _FORMS:
        return _FORMS[form](number)
    return str(number)


def chinese(number: int) -> str:
    """Return a number below 10,000 as it is counted in Chinese: 十一, 二十, 一百〇五."""
    if number == 0:
        return _DIGITS[0]
    pieces: list[str] = []
    zero = False
    for unit, sign in ((1000, "千"), (100, "百"), (10, "十"), (1, "")):
        digit = number // unit % 10
        if digit:
            pieces.append(("〇" if zero else "") + _DIGITS[digit] + sign)
            zero = False
        elif pieces:
            zero = True
    text = "".join(pieces)
    return text[1:] if text.startswith("一十") else text


def roman(number: int) -> str:
    """Return a number in Roman numerals."""
    values = zip(
        (1000, 900, 500, 400, 100, 90, 50, 40, 10, 9, 5, 4, 1),
        ["M", "CM", "D", "CD", "C", "XC", "L", "XL", "X", "IX", "V", "IV", "I"],
        strict=True,
    )
    text = ""
    for value, sign in values:
        text += sign * (number // value)
        number %= value
    return text


def _num_pr(properties: Any) -> tuple[str | None, int | None]:
    """Return numId and ilvl of a paragraph's or a style's properties."""
    for child in properties:
        if local(child) in {"numPr", "listPr"}:
            number = _child_value(child, "numId") or _child_value(child, "ilfo")
            level = _child_value(child, "ilvl")
            return number, None if level is None else _integer(level)
    return None, None


def _child_value(element: Any, name: str) -> str | None:
    return next((attribute(child, "val") for child in element if local(child) == name), None)


def _integer(text: str | None, default: int = 0) -> int:
    return int(text) if text and text.isdecimal() and len(text) < 6 else default  # noqa: PLR2004 -- any longer is absurd


def _letters(number: int) -> str:
    """Return A to Z, then AA, BB …, as Word counts."""
    return chr(ord("A") + (number - 1) % 26) * ((number - 1) // 26 + 1) if number else ""


_FORMS: dict[str, Callable[[int], str]] = {
    "upperLetter": _letters,
    "lowerLetter": lambda number: _letters(number).lower(),
    "upperRoman": roman,
    "lowerRoman": lambda number: roman(number).lower(),
    "decimalZero": lambda number: f"{number:02}",
    "decimalFullWidth": lambda number: "".join(chr(0xFF10 + int(digit)) for digit in str(number)),
}
