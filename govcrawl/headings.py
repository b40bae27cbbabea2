"""The title as a page shows it, found by what it says and where it stands; dates that begin a line."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from govcrawl.blocks import is_hidden
from govcrawl.dates import parse_date
from govcrawl.labels import read_value, split_labels
from govcrawl.listing import is_aside
from govcrawl.pick import compiled, pick_some

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from govcrawl.decode import Page

_LONGEST_TITLE = 200
_SHORTEST_TITLE = 4
_LONGEST_NAME = 10  # names of agencies and columns are seldom longer, titles seldom shorter
_HOLDING = 0.95  # likeness of a heading that holds the stated title whole: 云岭市司法局政府信息公开指南
_LEAST_ALIKE = 0.5  # share of pairs of characters a heading has in common with the meta's title
_TITLE_NAME = re.compile(r"(?:^|[\s_-])(?:tit|title|bt|biaoti|headline|h1)\d?(?:$|[\s_-])", re.IGNORECASE)
_SITE_NAME = re.compile(r"欢迎(?:您|访问|光临|来到).*|.*(?:网站?|门户|网站群|人民政府|首页)")
_SITE_END = re.compile(r"\s*[_|\-–—].{2,30}$")


def read_heading(
    page: Page,
    body: Any,
    index: Sequence[Any],
    metas: Mapping[str, str],
    *,
    selector: str = "",
    before: Sequence[str] = (),
) -> str | None:
    """Return the title as the page shows it before the body; None where only meta tags or the window know it.

    Args:
        body: the body's first element; ``index``: index tables and boxes, in which no title is looked for.
        selector: of the title, where a template knows it.
        before: the short texts before the body.

    Raises:
        TemplateMismatch: the selector finds nothing.
    """
    if selector:
        shown = (read_value("".join(e.itertext())) for e in pick_some(page, selector, "the title"))
        return next(filter(None, shown), None)
    found = _shown(page, body, index, metas)
    if "title" not in metas and _is_name(found or window_title(page)):
        return _above_line(before) or found
    return found


def _shown(page: Page, body: Any, index: Sequence[Any], metas: Mapping[str, str]) -> str | None:
    """Return the title as the page shows it before the body; None where only meta tags know it."""
    stated = metas.get("title") or window_title(page)
    named: list[str] = []
    exact: str | None = None
    alike: list[tuple[float, str]] = []
    for element, text in _headings(page, body, index, {metas.get("site_name"), metas.get("column_name")}):
        if stated and _squeeze(text) == _squeeze(stated):
            if "title" in metas or len(text) > _LONGEST_NAME:
                return text
            exact = text  # a window's title that short may be the site's name, printed in the head
            named.clear()
            continue
        if stated:
            alike.append((_alike(text, stated), text))
        if element.tag in {"h1", "h2"} or _TITLE_NAME.search(f"{element.get('class') or ''} {element.get('id') or ''}"):
            named.append(text)
    if exact:
        return named[-1] if named else exact
    best = max(alike, default=(0.0, ""), key=lambda pair: pair[0])
    if best[0] >= _LEAST_ALIKE:
        return best[1]
    return named[-1] if named and "title" not in metas else None


def _is_name(title: str | None) -> bool:
    """Tell whether a title found is rather the name of a site or column."""
    return title is None or len(title) <= _LONGEST_NAME or _SITE_NAME.fullmatch(title) is not None


def _above_line(before: Sequence[str]) -> str | None:
    """Return what is printed above the line with date or source, where it is as long as a title."""
    said = [text for text in before if len(text) <= _LONGEST_TITLE]
    place = next((n for n, text in enumerate(said) if split_labels(text.strip("（()）")) or leading_date(text)), 0)
    above = [text for text in said[:place] if len(text) > _LONGEST_NAME]
    return above[-1] if above else None


def _headings(page: Page, body: Any, index: Sequence[Any], names: Collection[str | None]) -> Iterator[tuple[Any, str]]:
    """Yield what may be the title: short texts before the body, outside the index, that are no date and no name of site or column."""
    inside = set(body.iter())
    boxed = {element for box in index for element in box.iter()}
    for element in page.root.iter("h1", "h2", "h3", "h4", "div", "p", "td", "span", "strong"):
        if element in inside:
            return
        text = None if element in boxed else _short_text(element)
        if text and text not in names and not parse_date(text) and not is_aside(element) and not is_hidden(element):
            yield element, text


def _short_text(element: Any) -> str | None:
    """Return what an element without blocks in it shows, where it is as long as a title."""
    if any(child.tag in {"div", "table", "ul", "form"} for child in element):
        return None
    parts = [child for child in element if child.tag == "p"]
    if parts and not (len(parts) > 1 and len(parts) == len(element) and _TITLE_NAME.search(element.get("class") or "")):
        return None  # only a title may stand in two lines
    if len(element) and element.find(".//div") is not None:
        return None
    if element.find(".//a") is not None or next(element.iterancestors("a"), None) is not None:
        return None
    text = read_value(compiled("string(.)")(element))
    if text and len(element):  # date and source inside the heading are none of its words
        for said in [read_value(compiled("string(.)")(child)) for child in element]:
            if said and (parse_date(said) or leading_date(said) or split_labels(said)):
                text = text.removesuffix(said).rstrip() or text
    return text if text and _SHORTEST_TITLE <= len(text) <= _LONGEST_TITLE else None


def window_title(page: Page) -> str | None:
    """Return the window's title without the site's name behind it."""
    text = read_value(compiled("string((//head//title | //title)[1])")(page.root))
    return _SITE_END.sub("", text) if text else None


def _alike(text: str, stated: str) -> float:
    """Return the share of pairs of characters that two titles have in common."""
    if len(_squeeze(stated)) >= _SHORTEST_TITLE and _squeeze(stated) in _squeeze(text):
        return _HOLDING
    one, other = ({t[n : n + 2] for n in range(len(t) - 1)} for t in (_squeeze(text), _squeeze(stated)))
    return 2 * len(one & other) / max(len(one) + len(other), 1)


def _squeeze(text: str) -> str:
    return "".join(text.split())


def leading_date(text: str) -> str | None:
    """Return the date with which a line begins that goes on with other things (2024-01-10 09:00　来源：区政府办)."""
    words = text.strip("（([【").split()
    return next((start for count in (2, 1) if parse_date(start := " ".join(words[:count]))), None)
