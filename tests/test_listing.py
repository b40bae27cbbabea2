"""Rows of static lists: which of several lists is the page's own, and what one row says."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from govcrawl.decode import Page
from govcrawl.listing import find_rows, read_headings, read_row, says_empty

if TYPE_CHECKING:
    from govcrawl.items import ListEntry

URL = "http://a.test/zwgk/tzgg/"


def is_article(url: str) -> bool:
    """Tell the family's articles."""
    return re.search(r"/t\d{8}_\d+\.html$", url) is not None


def page(body: str) -> Page:
    """A list page."""
    return Page(url=URL, body=f"<html><body>{body}</body></html>".encode())


def read(body: str) -> list[ListEntry]:
    """Find and read the rows of a page."""
    here = page(body)
    rows = find_rows(here, is_article)
    columns = read_headings(rows[0]) if rows else {}
    found = (read_row(here, row, is_article=is_article, key_of=lambda _: None, columns=columns) for row in rows)
    return [entry for entry in found if entry is not None]


def row(number: int, title: str = "", date: str = "2026-03-05", tag: str = "li") -> str:
    """A row below the list's own directory."""
    return f'<{tag}><a href="./202603/t20260305_{number}.html">{title or f"第{number}号通知"}</a><span>{date}</span></{tag}>'


def test_the_pages_own_list_is_found_beside_longer_ones() -> None:
    """A short list below the page's directory outweighs a longer one in the side column, and links of the footer."""
    side = "".join(
        f'<li><a href="/ywdt/202601/t20260101_{n}.html">热点{n}号新闻</a><span>2026-01-01</span></li>' for n in range(9)
    )
    foot = '<div class="footer"><a href="/xz/P1.pdf">使用手册</a></div>'
    found = read(f'<div class="side"><ul>{side}</ul></div><div><ul>{row(1)}{row(2)}</ul></div>{foot}')
    assert [entry.title for entry in found] == ["第1号通知", "第2号通知"]


@pytest.mark.parametrize(
    "body",
    [
        f"<ul>{row(1)}{row(2)}</ul><ul>{row(3)}</ul>",
        "".join(f"<table><tr><td>·</td>{row(n, tag='td')}</tr></table>" for n in (1, 2, 3)),
        "<table>" + "".join(f"<tr>{row(n, tag='td')}</tr>" for n in (1, 2, 3)) + "</table>",
        "<dl>" + "".join(row(n, tag="dd") for n in (1, 2, 3)) + "</dl>",
        "<div>" + "".join(f"<div class='i'>{row(n, tag='p')}</div>" for n in (1, 2, 3)) + "</div>",
    ],
    ids=["blocks of ul", "a table for each row", "one table", "dl", "div"],
)
def test_layouts(body: str) -> None:
    """Rows are found in lists, tables and plain blocks."""
    found = read(body)
    assert [entry.title for entry in found] == ["第1号通知", "第2号通知", "第3号通知"]
    assert {entry.publish_date for entry in found} == {"2026-03-05"}


@pytest.mark.parametrize(
    ("markup", "printed", "day"),
    [
        ("<span>(2026-03-05)</span>", "(2026-03-05)", "2026-03-05"),
        (" 2026年3月5日", "2026年3月5日", "2026-03-05"),
        ("<span>[03-05]</span>", "[03-05]", None),
        ("<b>05</b><i>2026-03</i>", "05 2026-03", "2026-03-05"),
        ("<em>发布时间：2026-03-05</em>", "2026-03-05", "2026-03-05"),
        ("", None, None),
    ],
)
def test_dates(markup: str, printed: str | None, day: str | None) -> None:
    """A row's date is read where it is whole, kept as printed where its year is missing, and never taken from the address."""
    (entry,) = read(f'<ul><li><a href="./202401/t20240101_1.html">关于某事的通知</a>{markup}</li></ul>')
    assert (entry.date_text, entry.publish_date) == (printed, day)


@pytest.mark.parametrize(
    ("link", "title"),
    [
        ('<a href="t20240101_1.html" title="关于做好防汛工作的通知">关于做好防汛…</a>', "关于做好防汛工作的通知"),
        ('<a href="t20240101_1.html" title="点击查看">关于做好防汛工作的通知</a>', "关于做好防汛工作的通知"),
        (
            '<a href="t20240101_1.html" title="&lt;b&gt;关于做好防汛&lt;/b&gt;工作的通知"><img src="i.gif"></a>',
            "关于做好防汛工作的通知",
        ),
        ('<a href="t20240101_1.html">· 关于做好防汛工作的通知<span>2024-01-05</span></a>', "关于做好防汛工作的通知"),
        ('<a href="/zwgk/">[公告]</a><a href="t20240101_1.html">关于做好防汛工作的通知</a>', "关于做好防汛工作的通知"),
    ],
)
def test_titles(link: str, title: str) -> None:
    """A cut title is taken from the link's own title attribute, a whole one from what is shown."""
    (entry,) = read(f"<ul><li>{link}</li></ul>")
    assert entry.title == title


def test_lines_that_lead_elsewhere_belong_to_the_list() -> None:
    """A dated line to another site is kept, a column or a line without date of the same site is none."""
    other = '<li><a href="http://b.test/zwgk/t20240101_9.html">转载：省里的通知</a><span>2026-03-01</span></li>'
    column = '<li><a href="/zwgk/more/">更多公告信息</a></li>'
    found = read(f"<ul>{row(1)}{other}{column}{row(2)}</ul>")
    assert [entry.url.split("/")[2] for entry in found] == ["a.test", "b.test", "a.test"]


def test_a_list_says_that_it_is_empty_in_its_own_place() -> None:
    """暂无信息 counts where a reader sees it, not in a side column and not when hidden."""
    assert says_empty(page('<div class="list"><p>暂无信息</p></div>'))
    assert not says_empty(page('<div class="side"><p>暂无信息</p></div>'))
    assert not says_empty(page('<div style="display:none"><p>暂无信息</p></div>'))
    assert not says_empty(
        page("<p>关于暂无职业的人员申请临时救助有关问题的通知，现就有关事项说明如下，请遵照执行。本页不是列表。</p>")
    )


@given(st.lists(st.sampled_from(["<li>", "</li>", "<ul>", "</ul>", "<table>", "<tr>", "<td>", "</table>", "<div>", "</div>", row(1), row(2), "<a>", "<a href='javascript:x()'>更多的公告</a>", "2026-03-05", '<p class="x">']), max_size=30))  # fmt: skip
def test_broken_markup_is_read_without_error(pieces: list[str]) -> None:
    """However lists are nested and left open, each address is read at most once for each of its rows."""
    found = read("".join(pieces))
    assert all(entry.title and entry.url.startswith("http://a.test/") for entry in found)
