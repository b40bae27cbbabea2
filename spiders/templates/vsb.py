"""西安博达 VSB (Visual SiteBuilder): universities, and some governments and their departments.

Lists are static, their pages numbered from the end: the first is ``tzgg.htm``, the second of eleven ``tzgg/10.htm``, the last
``tzgg/1.htm``. Articles stand at ``/info/<column>/<id>.htm``; one article has the same id in every column.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from govcrawl.articles import read_article
from govcrawl.containers import unlinked_length
from govcrawl.errors import TemplateMismatch
from govcrawl.items import DocumentPage, ListPage, NextPage
from govcrawl.labels import read_value
from govcrawl.listing import find_dated_rows, find_rows, read_headings, read_row, says_empty
from govcrawl.pagers import read_pager
from govcrawl.pick import compiled
from govcrawl.spider import DisclosureSpider

if TYPE_CHECKING:
    from govcrawl.decode import Page

_LINES = "//*[starts-with(@id,'line')]"
_LINE = re.compile(r"(line_?[a-z]?\d+)_\d+")
_PAGER = "//*[contains(@class,'pb_sys') or contains(@class,'p_pages') or starts-with(@id,'fanye') or contains(@class,'Next')]"
_ARTICLE = re.compile(r"/info/\d+/\d+\.htm$|/content\.jsp$")
_ID = re.compile(r"/info/\d+/(\d{4,})\.htm$")
_POSITION = re.compile(r"(?<![\d/-])(\d{1,5})\s*/\s*(\d{1,5})(?![\d/-])")
_TOTAL = re.compile(r"共\s*(\d+)\s*条")
_BODIES = (
    "//*[starts-with(@id,'vsb_content')]",
    "//*[@id='vsb_newscontent']",
    ".v_news_content",
    "[class^=contentstyle]",
)
_TITLES = (
    "[class^=titlestyle]",
    ".contenttitle",
    "form[name^=_newscontent] h1",
    "form[name^=_newscontent] h2",
    "form[name^=_newscontent] h3",
)
_FILLED = "img | .//img | .//a[@href] | .//iframe | .//embed | .//script[contains(., 'pdf')]"


class Vsb(DisclosureSpider):
    """Sites of 西安博达 VSB.

    An agency sets ``name``, ``agency``, ``base_url`` and ``channels`` (printed name → list page, e.g. ``/xxgk/tzgg.htm``).
    """

    template_name = "vsb"
    signals = (
        "vsb_content",
        "v_news_content",
        "vsb_newscontent",
        "img_vsb_content",
        "vsbcontent_start",
        "dynclicks_",
        "_showDynClick",
        "/system/resource/js/",
        "/system/_content/download.jsp",
        "_newscontent_fromname",
        "/__local/",
        "pb_sys_common",
        "statpagedown.js",
        "Visual SiteBuilder",
        "wbnewsid=",
        "wbtreeid=",
        'id="line_u',
        'class="leaderfont',
        'class="winstyle',
        'id="fanye',
    )

    @classmethod
    def read_list(cls, page: Page) -> ListPage:
        """Read a list page and its pager."""
        rows = _line_rows(page) or find_rows(page, is_article) or find_dated_rows(page)
        headings = read_headings(rows[0]) if rows else {}
        read = (read_row(page, row, is_article=is_article, key_of=news_id, columns=headings) for row in rows)
        entries = tuple({entry.url: entry for entry in read if entry is not None}.values())
        pager = read_pager(page)
        number, pages = _position(page)
        total = pager.total if pager.total is not None else _printed_total(page)
        if not entries:
            if total != 0 and not says_empty(page):
                raise TemplateMismatch(
                    f"{page.url}: the list's rows: {_LINES!r} and links like /info/COLUMN/ID.htm found 0, expected at least 1 or a text that says the list is empty; the list was redesigned or is filled by a script"
                )
            return ListPage(entries=(), number=number, pages=pages, total=0)
        more = pager.next_url is not None and (pages is None or number < pages)
        return ListPage(
            entries=entries,
            number=number,
            pages=pages if pages is not None else pager.pages,
            total=total,
            skipped=len(rows) - len(entries),
            next=NextPage(url=pager.next_url, number=number + 1) if more and pager.next_url else None,
        )

    @classmethod
    def read_document(cls, page: Page) -> DocumentPage:
        """Read title, labels, index table, body and attachments of a document page."""
        return read_article(page, title=_first(page, _TITLES), content=_body(page), key=news_id(page.url))


def is_article(url: str) -> bool:
    """Tell an article by its address: ``/info/<column>/<id>.htm``, or ``content.jsp?…wbnewsid=<id>`` before it is published."""
    parts = urlsplit(url)
    found = _ARTICLE.search(parts.path)
    return found is not None and (not found.group().endswith(".jsp") or "wbnewsid=" in parts.query)


def news_id(url: str) -> str | None:
    """Return the article's id, the same in every column; numbers of fewer than four digits are left out.

    VSB counts from 1001: where smaller ones occur, each column counts its own articles.
    """
    parts = urlsplit(url)
    found = _ID.search(parts.path)
    if found:
        return found[1]
    given = parse_qs(parts.query).get("wbnewsid", [""])[0]
    return given if len(given) > 3 and given.isdecimal() else None  # noqa: PLR2004 - as in the path


def _line_rows(page: Page) -> list[Any]:
    """Return the rows that VSB numbers (``line_u8_0``, ``line191_0``); of several lists the last before the pager, else the longest."""
    lists: dict[str, list[Any]] = {}
    for element in compiled(_LINES)(page.root):
        found = _LINE.fullmatch(element.get("id").strip())
        if found and next(element.iter("a"), None) is not None:
            parent = element.getparent()  # the number may stand on the link, the date beside it
            alone = element.tag == "a" and parent.tag in {"li", "td", "p", "div"} and len(list(parent.iter("a"))) == 1
            lists.setdefault(found[1], []).append(parent if alone else element)
    if not lists:
        return []
    if len(lists) > 1:
        places = {element: place for place, element in enumerate(page.root.iter())}
        pager = next((places[element] for element in compiled(_PAGER)(page.root)), None)
        before = [rows for rows in lists.values() if pager is not None and places[rows[-1]] < pager]
        if before:
            return max(before, key=lambda rows: places[rows[-1]])
    return max(lists.values(), key=len)


def _position(page: Page) -> tuple[int, int | None]:
    """Return (number, pages) as the pager prints them (2/11); (1, None) where it does not."""
    for element in compiled(_PAGER)(page.root):
        for holder in (element, element.getparent()):
            found = None if holder is None else _POSITION.search("".join(holder.itertext()))
            if found and 0 < int(found[1]) <= int(found[2]):
                return int(found[1]), int(found[2])
    return 1, None


def _printed_total(page: Page) -> int | None:
    for element in compiled(_PAGER)(page.root):
        found = _TOTAL.search("".join(element.itertext()))
        if found:
            return int(found[1])
    return None


def _first(page: Page, selectors: tuple[str, ...]) -> str:
    """Return the first selector that finds something with text, empty where none does."""
    for selector in selectors:
        if any(read_value("".join(element.itertext())) for element in compiled(selector)(page.root)):
            return selector
    return ""


def _body(page: Page) -> str:
    """Return the first of the family's containers that holds anything, empty where none does."""
    for selector in _BODIES:
        if any(unlinked_length(e) or e.xpath(_FILLED) for e in compiled(selector)(page.root)):
            return selector
    return ""
