"""Pagers of static lists: each dialect, and what only looks like one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from govcrawl.decode import Page
from govcrawl.pagers import Pager, read_pager

BASE = "http://a.test/zwgk/tzgg/"


def pager(body: str, url: str = BASE) -> Pager:
    """Read the pager of a page with this body."""
    return read_pager(Page(url=url, body=f"<html><body>{body}</body></html>".encode()))


def script(text: str) -> str:
    """A script with this text."""
    return f"<script>{text}</script>"


@pytest.mark.parametrize(
    ("body", "url", "expected"),
    [
        (script('createPageHTML(3, 0, "index", "htm");'), BASE, (1, 3, f"{BASE}index_1.htm")),
        (script("createPageHTML('3','1','index','shtml')"), f"{BASE}index_1.shtml", (2, 3, f"{BASE}index_2.shtml")),
        (script('createPageHTML(3, 2, "index", "htm");'), f"{BASE}index_2.htm", (3, 3, None)),
        (script('createPageHTML(1, 0, "index", "htm");'), BASE, (1, 1, None)),
        (script("createPageHTML('page_div',3, 1,'list','shtml',51);"), BASE, (1, 3, f"{BASE}list_2.shtml")),
        (script('var n = 4; var c = 1; createPage(n, c, "index", "html");'), BASE, (2, 4, f"{BASE}index_2.html")),
        (script("var currentPage = 0;//从0\nvar countPage = 2//共\n"), f"{BASE}index.shtml", (1, 2, f"{BASE}index_1.shtml")),
        (
            script('var currentPage = 1; var countPage = 5; document.write("<a href=\\"lb\\"+"_" + nextPage + "."+"htm\\">下一页</a>");'),
            BASE,
            (2, 5, f"{BASE}lb_2.htm"),
        ),
        (script("var pagination_script_config = { pageNumber: '0', total: '2' };"), BASE, (1, 2, f"{BASE}index_1.html")),
        (script("x({ pageCount: '90', recordCount: '894' })"), f"{BASE}index_3.htm", (4, 90, f"{BASE}index_4.htm")),
        ('<a href = "index_1.html">下一页</a>', BASE, (1, None, f"{BASE}index_1.html")),
        ('<a class="next" href="index_2.html">&gt;</a>', f"{BASE}index.html", (1, None, f"{BASE}index_2.html")),
    ],
)  # fmt: skip
def test_dialects(body: str, url: str, expected: tuple[int, int | None, str | None]) -> None:
    """Each dialect gives the page's number, the number of pages and the address of the next page."""
    found = pager(body, url)
    assert (found.number, found.pages, found.next_url) == expected


@pytest.mark.parametrize(
    "body",
    [
        script("function createPageHTML(_nPageCount, _nCurrIndex, _sPageName, _sPageExt){ }"),
        script('//createPageHTML(9, 0, "index", "html");'),
        script('/* createPageHTML(9, 0, "index", "html"); */'),
        '<!--<script>createPageHTML(9, 0, "index", "html");</script>-->',
        '<a href="javascript:next()">下一页</a>',
        '<a href="http://elsewhere.test/index_1.html">下一页</a>',
        f'<a href="{BASE}">下一页</a>',
        '<a href="index_1.html">下一篇</a>',
    ],
)
def test_what_only_looks_like_a_pager(body: str) -> None:
    """Definitions, comments, links of scripts, to other sites, to the page itself and to the next article lead nowhere."""
    assert pager(body).next_url is None


def test_counts_are_read_where_a_pager_speaks() -> None:
    """共N条 counts beside the pager's link and in its element, not in a title."""
    assert pager('<div class="page">共 23 条 <a href="index_1.html">下一页</a></div>').total == 23
    assert pager('<ul><li><a href="t20260101_1.html">关于共20条措施的通知</a></li></ul>').total is None
    assert pager(script('document.write("共"+"894"+"条")')).total == 894


def test_a_count_at_which_the_cms_stops_is_a_cap() -> None:
    """500 pages are what the CMS gives, not what there is."""
    assert pager(script('createPageHTML(500, 0, "index", "htm");')).capped
    assert not pager(script('createPageHTML(499, 0, "index", "htm");')).capped


@given(st.text(alphabet="createPageHTML()0123456789,\"'indexhtm_/*-=;{}:共条页 <>", max_size=200))
def test_hostile_scripts_end(text: str) -> None:
    """Whatever a script says, reading its pager ends, and no page lies on another site."""
    found = pager(script(text.replace("<", "")))
    assert found.next_url is None or found.next_url.startswith("http://a.test/")
