"""Dates as Chinese agency pages print them."""

from __future__ import annotations

import re
from datetime import date, time
from typing import NamedTuple

from archive.text import nfkc

EARLIEST_YEAR, LATEST_YEAR = 1949, 2099

_DIGITS = {
    c: i
    for i, row in enumerate(("〇○◯零OoΟО", "一壹", "二贰", "三叁", "四肆", "五伍", "六陆", "七柒", "八捌", "九玖"))
    for c in row
}
_TENS = {"十": 10, "拾": 10, "廿": 20, "卅": 30}
_YEAR = rf"[0-9{''.join(_DIGITS)}]{{4}}"
_SMALL = rf"(?:[0-9]{{1,2}}|[{''.join(_DIGITS)}{''.join(_TENS)}]{{1,3}})"
_DAY = re.compile(
    rf"(?:公元)?(?P<y>{_YEAR})\s*(?:年|[-/.‐‑–—−])\s*(?P<m>{_SMALL})\s*(?:月|[-/.‐‑–—−])\s*(?P<d>{_SMALL})\s*[日号]?"
    r"|(?P<y8>[0-9]{4})(?P<m8>[0-9]{2})(?P<d8>[0-9]{2})(?![0-9])"
)
_WEEKDAY = r"\s*[(\[]?\s*(?:星期|周|礼拜)[一二三四五六日天]\s*[)\]]?\s*"
_CLOCK = re.compile(
    r"(?:[\sT,;\-]*|\s*)(?P<half>上午|下午|凌晨|中午|晚上|AM|PM)?\s*(?P<h>[0-9]{1,2})\s*(?:[:时点]|：)\s*(?P<i>[0-9]{1,2})(?:\s*[:分]\s*(?P<s>[0-9]{1,2})(?:\.[0-9]+)?)?\s*[秒分]?"
    r"(?:\+08:?00)?\s*(?P<half2>AM|PM)?",
    re.IGNORECASE,
)
_REST = re.compile(rf"(?:{_WEEKDAY})?[\s)\]}}】〕」』,。;、.|]*")
_NOON = 12


class Printed(NamedTuple):
    """A printed date, with the clock time where one is printed."""

    day: date
    clock: time | None


def parse_date(text: str | None) -> Printed | None:
    """Read one printed date value; None where it is not wholly a date.

    Takes what stands behind a label (``2022-03-15 15:49``, ``2024年3月5日``, ``二〇二六年五月一日``, ``(2024/03/05)``,
    ``2024-03-05-10:20:30``), full-width digits included. The value must be a date from beginning to end: dates inside running
    text or addresses are none. Midnight is what a CMS fills in where it knows no time, and counts as none.
    """
    if not text:
        return None
    value = nfkc(text).strip(" \t\r\n\u200b\ufeff([{【〔「『,:;|")
    found = _DAY.match(value)
    day = _day(found) if found else None
    if found is None or day is None:
        return None
    rest = re.sub(rf"^{_WEEKDAY}", " ", value[found.end() :])
    clock = _CLOCK.match(rest)
    if not _REST.fullmatch(rest[clock.end() :] if clock else rest):
        return None
    return Printed(day, _clock(clock) if clock else None)


def _day(found: re.Match[str]) -> date | None:
    parts = [found["y"], found["m"], found["d"]] if found["y"] else [found["y8"], found["m8"], found["d8"]]
    year, month, day = map(_number, parts)
    if not EARLIEST_YEAR <= year <= LATEST_YEAR:
        return None
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _number(digits: str) -> int:
    """Read 12, 〇-style digits (二〇二六) or a numeral up to 99 (十, 廿一, 三十一)."""
    if digits.isdecimal():
        return int(digits)
    if not any(c in _TENS for c in digits):
        return int("".join(str(_DIGITS.get(c, c)) for c in digits))
    value, ones = 0, 0
    for c in digits:
        if c in _TENS:
            value, ones = value + (ones * _TENS[c] if ones else _TENS[c]), 0
        else:
            ones = ones * 10 + int(_DIGITS.get(c, c))
    return value + ones


def _clock(found: re.Match[str]) -> time | None:
    hour, minute = int(found["h"]), int(found["i"])
    half = (found["half"] or found["half2"] or "").upper()
    if half in {"下午", "晚上", "PM"} and hour < _NOON:
        hour += _NOON
    if half == "AM" and hour == _NOON:
        hour = 0
    try:
        clock = time(hour, minute, int(found["s"] or 0))
    except ValueError:
        return None
    return clock if clock != time(0) else None
