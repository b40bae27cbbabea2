"""Printed dates."""

from __future__ import annotations

from datetime import date, time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from govcrawl.dates import parse_date

NUMERALS = "〇一二三四五六七八九"


@pytest.mark.parametrize(
    "text",
    [
        *(
            "2026-05-01",
            "2026/05/01",
            "2026.5.1",
            "2026年5月1日",
            "2026 年 5 月 1 日",
            "(2026-05-01)",
            "[2026-05-01]",
            "20260501",
        ),
        *(
            "２０２６年５月１日",
            "２０２６－０５－０１",
            "2026年05月01日 星期五",
            "2026-05-01 00:00:00",
            "2026-05-01 00:00",
            "2026—05—01",
        ),
        *(
            "二〇二六年五月一日",
            "二○二六年五月一日",
            "二零二六年五月一日",
            "二Ｏ二六年五月一日",
            "二0二六年五月一日",
            "二〇二六年5月1日",
        ),
        *("公元2026年5月1日", "\u30002026-05-01\u00a0", "【2026-05-01】", "2026-05-01号"),
    ],
)
def test_days(text: str) -> None:
    """Every form in which agencies print a day; midnight is no time."""
    assert parse_date(text) == (date(2026, 5, 1), None)


@pytest.mark.parametrize(
    ("text", "clock"),
    [
        ("2022-03-15 15:49", time(15, 49)),
        ("2022-03-15 15：49", time(15, 49)),
        ("2022-03-15 15:49:25", time(15, 49, 25)),
        ("2022-03-15-15:49:25", time(15, 49, 25)),
        ("2022-03-15T15:49:25+08:00", time(15, 49, 25)),
        ("2022-03-15 15:49:25.0", time(15, 49, 25)),
        ("2022-03-1515:49", time(15, 49)),
        ("2022年3月15日15时49分", time(15, 49)),
        ("2022年3月15日 星期二 下午3:49", time(15, 49)),
        ("2022-03-15 03:49 PM", time(15, 49)),
        ("2022-03-15 24:10", None),
    ],
)
def test_times(text: str, clock: time | None) -> None:
    """The time is read in its forms; one that no clock shows is left out."""
    assert parse_date(text) == (date(2022, 3, 15), clock)


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("二〇二四年十二月三十一日", date(2024, 12, 31)),
        ("二〇二四年十月十日", date(2024, 10, 10)),
        ("二〇二四年十一月廿一日", date(2024, 11, 21)),
        ("二〇二四年一月二十日", date(2024, 1, 20)),
        ("二〇二四年十二月卅日", date(2024, 12, 30)),
    ],
)
def test_numerals(text: str, day: date) -> None:
    """Chinese numerals with 十, 廿 and 卅."""
    assert parse_date(text) == (day, None)


@pytest.mark.parametrize(
    "text",
    [
        *(
            None,
            "",
            "无",
            "03-05",
            "[03-05]",
            "2024-02-30",
            "2024-13-01",
            "1890-01-01",
            "2150-01-01",
            "2024年",
            "2024-03",
        ),
        *(
            "根据2019年3月1日起施行的规定",
            "2024-03-05 来源：本站",
            "见2024-03-05",
            "/202403/t20240305_12.htm",
            "2024-03-05 至 2024-03-12",
        ),
        *("20240305123", "二〇二四年三月", "2024-03-05T10:00:00Z"),
    ],
)
def test_not_a_printed_date(text: str | None) -> None:
    """What is not wholly a date is none: running text, addresses, days without year, impossible days, other time zones."""
    assert parse_date(text) is None


@given(st.dates(date(1949, 1, 1), date(2099, 12, 31)))
def test_every_day_in_every_form(day: date) -> None:
    """Each form of each day gives the day back."""
    year = "".join(NUMERALS[int(c)] for c in str(day.year))
    spoken = f"{year}年{spoken_number(day.month)}月{spoken_number(day.day)}日"
    for text in (day.isoformat(), f"{day.year}年{day.month}月{day.day}日", f"{day.year}/{day.month}/{day.day}", spoken):
        assert parse_date(text) == (day, None)


def spoken_number(number: int) -> str:
    """Write a number up to 31 in Chinese."""
    tens, ones = divmod(number, 10)
    return ("" if tens == 0 else "十" if tens == 1 else NUMERALS[tens] + "十") + (NUMERALS[ones] if ones else "")


@given(st.text(max_size=60))
def test_never_raises(text: str) -> None:
    """Any text gives a date or none."""
    found = parse_date(text)
    assert found is None or 1949 <= found.day.year <= 2099
