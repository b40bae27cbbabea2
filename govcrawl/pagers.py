"""How lists in static pages say where they go on: the pagers that scripts write, and plain links (下一页)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

from govcrawl.pick import compiled
from govcrawl.urls import url_key, web_url

if TYPE_CHECKING:
    from govcrawl.decode import Page

CAPPED_PAGES = frozenset({500, 1000})
"""Page counts at which a CMS is known to stop: older entries exist and are not listed (site-templates, 3.1 and 7)."""

_COMMENTS = re.compile(r"/\*.*?\*/|(?<![:\"'\\])//[^\n]*", re.DOTALL)
_CALL = re.compile(r"\b(?<!function )createPage(?:HTML)?\s*\(([^()]*)\)", re.IGNORECASE)
_VARIABLE = r"""\b{}["']?\s*[=:]\s*["']?(\d+)"""
_CONFIG = re.compile(r"pagination_script_config\s*=\s*\{([^{}]*)\}")
_WRITTEN = re.compile(r"href=([\w-]*)_nextPage\.?(s?html?|jsp|aspx?|php)", re.IGNORECASE)
_NOISE = re.compile(r"[\s\\\"'+]+")
_NUMBERED = re.compile(r"_(\d{1,4})\.\w+$")
_EXTENSION = re.compile(r"\.(s?html?)$", re.IGNORECASE)
_NEXT = re.compile(r"^[\s\[【(<]*(?:下一?页|下頁|下一頁|后一?页|[>»›]|next(?:\s*page)?)[\s\]】)>»›]*$", re.IGNORECASE)
_NEXT_CLASS = re.compile(r"(?:^|[\s_-])next(?:$|[\s_-])", re.IGNORECASE)
_TOTAL = re.compile(r"共\s*(?:有|计)?\s*(\d{1,7})\s*(?:条|篇|项|个?(?:记录|信息))")
_PAGES = re.compile(r"共\s*(?:有|计)?\s*(\d{1,5})\s*页|页次\s*[:：]?\s*\d+\s*/\s*(\d+)|第?\s*\d+\s*/\s*(\d+)\s*页")
_AREA = re.compile(
    r"(?:^|[\s_-])(?:page|pages|pager|paging|pagination|fenye|fy)(?:$|[\s_-])|page(?:bar|box|list|num)", re.IGNORECASE
)
_LONGEST_AREA = 400
_HIGHEST = 3
_ARGUMENTS = 4


class Pager(NamedTuple):
    """What a list page says about its own list."""

    number: int  # 1 = the first page
    pages: int | None
    total: int | None
    next_url: str | None
    capped: bool = False  # the page count is one at which the CMS stops counting


def read_pager(page: Page) -> Pager:
    """Read the pager of a static list page.

    Dialects: ``createPageHTML(N, cur, "index", "htm")`` and ``createPage(…)`` with numbers or variables of the script, and
    the form with an element's id first, which counts from 1; ``countPage``/``currentPage`` and what the script writes;
    ``pagination_script_config = {pageNumber, total}``; ``pageCount``/``recordCount``; a link 下一页 beside 共N条. In the
    scripted ones page k, counted from 0, is ``<name>_k.<ext>``. Calls in comments do not count.
    """
    scripts = [_COMMENTS.sub("", text) for text in compiled("//script/text()")(page.root)]
    link, area = _next_link(page)
    texts = [*_areas(page, area), *(_NOISE.sub("", script) for script in scripts)]
    total = _first_number(scripts, "recordCount") or next((int(m[1]) for t in texts if (m := _TOTAL.search(t))), None)
    found = _called(page, scripts) or _counted(page, scripts)
    if found is None:
        pages = next((int(next(filter(None, m.groups()))) for t in texts if (m := _PAGES.search(t))), None)
        number = _number_in_url(page.url)
        return Pager(number, pages, total, link if pages is None or number < pages else None, pages in CAPPED_PAGES)
    number, pages, target = found
    capped = pages in CAPPED_PAGES
    following = web_url(target, page.url) if number < pages else None
    if following is not None and urlsplit(following).hostname != urlsplit(page.url).hostname:
        following = None
    return Pager(number, pages, total, following, capped)


def _called(page: Page, scripts: list[str]) -> tuple[int, int, str] | None:
    """Return (number, pages, name of the next page) of the last call of createPageHTML or createPage."""
    for script in reversed(scripts):
        for call in reversed(list(_CALL.finditer(script))):
            given = [_argument(text, scripts) for text in call[1].split(",")]
            first = 1  # createPageHTML('page_div', pages, number, …) counts from 1
            if given and given[0].isdecimal():
                first, given = 0, ["", *given]
            if len(given) < _ARGUMENTS - 1 or not (given[1].isdecimal() and given[2].isdecimal()):
                continue
            number = int(given[2]) + 1 - first
            name = given[3] if len(given) > 3 and given[3] else "index"  # noqa: PLR2004 - places of arguments
            ending = given[4].lstrip(".") if len(given) > 4 and given[4] else _extension(page)  # noqa: PLR2004
            return number, int(given[1]), f"{name}_{number + first}.{ending}"
    return None


def _argument(text: str, scripts: list[str]) -> str:
    """Return an argument's value: a literal, or what the scripts set the variable to."""
    value = text.strip()
    if re.fullmatch(r"[A-Za-z_]\w*", value):
        found = next((m for s in scripts if (m := re.search(rf"""\b{value}\s*=\s*["']?(\w+)""", s))), None)
        return found[1] if found else ""
    return value.strip("\"'")


def _counted(page: Page, scripts: list[str]) -> tuple[int, int, str] | None:
    """Return (number, pages, name of the next page) where scripts set variables or an object's fields."""
    for script in scripts:
        config = _CONFIG.search(script)
        within = config[1] if config else script
        pages = _first_number([within], "total" if config else "countPage", "pageCount")
        if pages is None:
            continue
        current = _first_number([within], "pageNumber" if config else "currentPage", "pageIndex", "curPage")
        number = _number_in_url(page.url) if current is None else current + 1
        if "pageCount" in within and "countPage" not in within and not config:
            number = _number_in_url(
                page.url
            )  # what counts beside pageCount starts at 0 on some sites and at 1 on others
        written = _WRITTEN.search(_NOISE.sub("", script))
        name, ending = (written[1] or "index", written[2]) if written else ("index", _extension(page))
        return number, pages, f"{name}_{number}.{ending}"
    return None


def _first_number(texts: list[str], *names: str) -> int | None:
    for name in names:
        found = next((m for text in texts if (m := re.search(_VARIABLE.format(name), text))), None)
        if found:
            return int(found[1])
    return None


def _number_in_url(url: str) -> int:
    """Return a page's number by its name: index.htm is 1, index_1.htm is 2."""
    found = _NUMBERED.search(urlsplit(url).path)
    return int(found[1]) + 1 if found else 1


def _extension(page: Page) -> str:
    """Return the extension of the site's static pages: the list's own, else that of most links on it."""
    own = _EXTENSION.search(urlsplit(page.url).path)
    if own:
        return own[1]
    endings = [
        m[1] for href in compiled("//a/@href")(page.root) if (m := _EXTENSION.search(href.split("?")[0].strip()))
    ]
    return max(set(endings), key=endings.count) if endings else "html"


def _next_link(page: Page) -> tuple[str | None, Any | None]:
    """Return the address of the link that says 下一页, and its element; None where it leads nowhere or is not there."""
    for link in page.root.iter("a"):
        text = "".join(link.itertext())
        named = bool(_NEXT.match(text)) or (
            bool(_NEXT_CLASS.search(link.get("class") or "")) and not text.strip().isdecimal()
        )
        if not named:
            continue
        url = web_url(link.get("href"), page.url, query_encoding=page.encoding)
        if (
            url is not None
            and url_key(url) != url_key(page.url)
            and urlsplit(url).hostname == urlsplit(page.url).hostname
        ):
            return url, link
        return None, link
    return None, None


def _areas(page: Page, link: Any | None) -> list[str]:
    """Return the texts in which a pager speaks: around its link, and in elements with a pager's class or id."""
    elements = [] if link is None else [e for _, e in zip(range(_HIGHEST), link.iterancestors(), strict=False)]
    elements += [
        e
        for e in page.root.iter("div", "span", "p", "td", "ul", "li")
        if _AREA.search(f"{e.get('class') or ''} {e.get('id') or ''}")
    ]
    texts = ["".join(compiled(".//text()[not(parent::script)]")(element)) for element in elements]
    return [text for text in texts if len(text) <= _LONGEST_AREA]
