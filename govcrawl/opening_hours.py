"""Hours of a day in which something may be done: a site's Visit-time, an operator's own window; pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo

from govcrawl.errors import UsageMistake
from govcrawl.speech import say

CHINA = timezone(timedelta(hours=8), "UTC+8")
"""The agencies' own time: all of China, without summer time since 1991."""

_WINDOW = re.compile(r"(\d{1,2}):(\d{2})\s*-\s*(\d{1,2}):(\d{2})")
_DAY_SECONDS = 86_400


@dataclass(frozen=True, slots=True)
class Hours:
    """From one time of day to another, over midnight where the end is not later; seconds since midnight, the end excluded.

    The same twice is the whole day.
    """

    from_seconds: int
    until_seconds: int
    zone: tzinfo = UTC

    def contains(self, at: datetime) -> bool:
        """Tell whether an instant lies within."""
        now = _second_of_day(at, self.zone)
        if self.from_seconds < self.until_seconds:
            return self.from_seconds <= now < self.until_seconds
        return now >= self.from_seconds or now < self.until_seconds or self.from_seconds == self.until_seconds

    def opens_after(self, at: datetime) -> datetime:
        """Return the next instant at which they begin."""
        local = at.astimezone(self.zone)
        opening = local.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(seconds=self.from_seconds)
        return opening if opening > local else opening + timedelta(seconds=_DAY_SECONDS)

    def __str__(self) -> str:
        """Write as ``22:00-06:00 UTC+8``."""
        return f"{_clock(self.from_seconds)}-{_clock(self.until_seconds)} {self.zone.tzname(None)}"


def parse_window(text: str) -> Hours | None:
    """Return the hours of GOVCRAWL_WINDOW, in the agencies' own time; an empty text is no bound.

    Raises:
        UsageMistake: it is not of the form HH:MM-HH:MM.
    """
    if not text.strip():
        return None
    found = _WINDOW.fullmatch(text.strip())
    if found:
        hour, minute, to_hour, to_minute = map(int, found.groups())
        start, end = hour * 60 + minute, to_hour * 60 + to_minute
        if minute < 60 and to_minute < 60 and start < 24 * 60 and end <= 24 * 60 and start != end:  # noqa: PLR2004 - a clock
            return Hours(start * 60, end * 60 % _DAY_SECONDS, CHINA)
    raise UsageMistake(
        say(
            f"GOVCRAWL_WINDOW 为 {text!r}，应为两个不同的北京时间时刻，如 22:00-06:00，或留空",
            f"GOVCRAWL_WINDOW is {text!r}; expected two different times of day in China's time, e.g. 22:00-06:00, or nothing",
        )
    )


def day_of(at: datetime) -> str:
    """Return the agencies' calendar day of an instant, YYYY-MM-DD."""
    return at.astimezone(CHINA).date().isoformat()


def next_day(at: datetime) -> datetime:
    """Return when the agencies' next calendar day begins."""
    return Hours(0, 0, CHINA).opens_after(at)


def _second_of_day(at: datetime, zone: tzinfo) -> float:
    local = at.astimezone(zone)
    return local.hour * 3600 + local.minute * 60 + local.second + local.microsecond / 1e6


def _clock(seconds: int) -> str:
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}"
