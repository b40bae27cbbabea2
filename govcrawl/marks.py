"""What a CMS marks by comments: ``<!--<$[信息来源]>begin-->…<!--<$[信息来源]>end-->``, ``<!--ZJEG_RSS.content.begin-->…``.

Values stand between such comments, never in them. The parser drops comments, so marks are looked for in the page's text.
"""

from __future__ import annotations

import re

from lxml import html

from govcrawl.decode import Page
from govcrawl.labels import read_value

MARKED_BODY = "div.marked-body"
"""Selector of the body in the page that :func:`mark_body` returns."""

_BODY = re.compile(
    r"<!--\s*ZJEG_RSS\.content\.begin\s*-->(?P<a>.*?)<!--\s*ZJEG_RSS\.content\.end\s*-->"
    r"|<!--\s*<\$\[信息内容[^\]]*\]>\s*begin\s*-->(?P<b>.*?)<!--\s*<\$\[信息内容[^\]]*\]>\s*end\s*-->"
    r"|<meta\b[^<>]*\bname\s*=\s*[\"']?ContentStart\b[^<>]*>(?P<c>.*?)<meta\b[^<>]*\bname\s*=\s*[\"']?ContentEnd\b[^<>]*>",
    re.DOTALL | re.IGNORECASE,
)
_FIELD = re.compile(
    r"<!--\s*<\$\[([^\]]{1,20})\]>\s*begin\s*-->(.*?)<!--\s*<\$\[\1\]>\s*end\s*-->", re.DOTALL | re.IGNORECASE
)
_NAMES = (  # what a mark's name holds → catalog field; the first that fits decides
    ("副标题", "subtitle"),
    ("标题", "title"),
    ("来源", "source"),
    ("文号", "document_number"),
    ("发布时间", "publish_date"),
    ("发布日期", "publish_date"),
    ("作者", "author"),
)
_SHOWS = re.compile(r"[^\s\u200b\ufeff]")
_CONTENT = re.compile(r"<(?:img|a|iframe|embed|object)\b", re.IGNORECASE)
_NOT_SHOWN = re.compile(r"<(script|style)\b.*?</\1\s*>|<[^<>]*>|&nbsp;|&#160;", re.DOTALL | re.IGNORECASE)
_LONGEST_VALUE = 2000


def read_marks(page: Page) -> dict[str, str]:
    """Return the values between comment marks by catalog field name; empty ones and those that say 无 left out."""
    out: dict[str, str] = {}
    for found in _FIELD.finditer(page.text):
        name = next((field for part, field in _NAMES if part in found[1]), None)
        if name is None or len(found[2]) > _LONGEST_VALUE or not _SHOWS.search(_NOT_SHOWN.sub("", found[2])):
            continue
        value = read_value("".join(html.fromstring(f"<div>{found[2]}</div>").itertext()))
        if value:
            out.setdefault(name, value)
    return out


def mark_body(page: Page) -> Page | None:
    """Return the page with an element around the marked body (:data:`MARKED_BODY`); None where no marks hold anything.

    Of several marked places the one with most text is the body.
    """
    best: tuple[int, int, int] | None = None
    for found in _BODY.finditer(page.text):
        group = next(name for name in ("a", "b", "c") if found[name] is not None)
        text = _NOT_SHOWN.sub("", found[group])
        length = len(_SHOWS.findall(text))
        if (length or _CONTENT.search(found[group])) and (best is None or length > best[0]):
            best = (length, *found.span(group))
    if best is None:
        return None
    text = page.text
    _, start, end = best
    marked = f'{text[:start]}<div class="marked-body">{text[start:end]}</div>{text[end:]}'
    codec = "utf-8" if page.encoding.startswith("utf") else page.encoding
    return Page(url=page.url, body=marked.encode(codec, "replace"), content_type=page.content_type, status=page.status)
