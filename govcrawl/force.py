"""Since when and until when a document is in force, where its own text says so with full dates.

Taken are formal sentences about the document itself only: 本办法自2024年5月1日起施行; 本规定有效期至2029年4月30日; 自2024年5月1日起施行，有效期至
2029年4月30日. Not taken is what would have to be worked out (自发布之日起施行, 有效期五年), and nothing where a text names two
different days: then nobody can say by rule which one is the document's own.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from archive.text import nfkc
from govcrawl.dates import parse_date

if TYPE_CHECKING:
    from datetime import date

_DATE = r"([0-9〇○零一二三四五六七八九]{4}\s*年\s*[0-9一二三四五六七八九十]{1,3}\s*月\s*[0-9一二三四五六七八九十]{1,3}\s*日)"
_OWN = r"(?:本|该|此)[\u4e00-\u9fff]{1,16}?"
_SINCE = re.compile(rf"(?:{_OWN}|[。；;\n]\s*)自\s*{_DATE}\s*(?:起|开始)\s*(?:正式)?\s*(?:施行|实施|执行|生效)")
_UNTIL = re.compile(
    rf"(?:{_OWN}[^。\n]{{0,60}}?|[。；;，,\n]\s*)有效期\s*(?:限)?\s*(?:截至|截止到|截止|至|到|为\s*{_DATE}\s*至)\s*{_DATE}"
)


class Force(NamedTuple):
    """First and last day in force, as the text states them."""

    since: date | None
    until: date | None


def read_force(text: str) -> Force:
    """Return the days that a document's own text states."""
    since = _only(_SINCE, text) if "起" in text or "开始" in text else None
    return Force(since, _only(_UNTIL, text) if "有效期" in text else None)


def _only(pattern: re.Pattern[str], text: str) -> date | None:
    days = {found.day for match in pattern.finditer(nfkc(text)) if (found := parse_date(match.groups()[-1]))}
    return days.pop() if len(days) == 1 else None
