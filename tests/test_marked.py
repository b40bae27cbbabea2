"""Bodies as Markdown and clean HTML."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import lxml.html
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from govcrawl.blocks import read_content
from govcrawl.cases import read_page_of
from govcrawl.clean_html import ATTRIBUTES, ELEMENTS, to_html, to_page
from govcrawl.errors import CrawlError
from govcrawl.extract import extract, read_body_blocks
from govcrawl.marked import Block, read_blocks, to_markdown

URL = "http://sfj.yunling.test/zwgk/t1.htm"
CASES = sorted(path.parent for path in (Path(__file__).parent / "pages").glob("*/*/meta.json"))


def blocks_of(markup: str) -> tuple[Block, ...]:
    """Return the blocks of an element with this content."""
    return read_blocks(lxml.html.fragment_fromstring(markup, create_parent="div"), (), URL, "utf-8")


def plain(blocks: tuple[Block, ...]) -> list[str]:
    """Return the paragraphs that show text."""
    return [block.text for block in blocks if not block.rows and block.text]


BODY = (
    "<h2>一、总体情况</h2><p>　　见<a href='./P1.pdf'>附件 1</a>及<a href='javascript:run()'>说明</a>。</p>"
    "<ol><li>第一<ul><li>甲</li><li>乙</li></ul></li><li>第二</li></ol><p><img src='W1.png' alt='流程图'></p>"
    "<table><tr><td>项目</td><td>数 | 量</td></tr><tr><td><a href='/x.html'>甲</a></td><td>1<br>2</td></tr></table><p>1. 不是列表</p>"
)


def test_markdown() -> None:
    """Headings, links, lists, images and tables in order; what would be markup by chance is escaped."""
    assert to_markdown(blocks_of(BODY)) == (
        "## 一、总体情况\n\n见[附件 1](<http://sfj.yunling.test/zwgk/P1.pdf>)及说明。\n\n1. 第一\n\n    - 甲\n\n    - 乙\n\n2. 第二\n\n"
        "![流程图](<http://sfj.yunling.test/zwgk/W1.png>)\n\n| 项目 | 数 \\| 量 |\n| --- | --- |\n"
        "| [甲](<http://sfj.yunling.test/x.html>) | 1<br>2 |\n\n1\\. 不是列表\n"
    )


def test_html() -> None:
    """The same as HTML, with nested lists and absolute addresses."""
    assert to_html(blocks_of(BODY)) == (
        "<h2>一、总体情况</h2>\n"
        '<p>见<a href="http://sfj.yunling.test/zwgk/P1.pdf" rel="nofollow noopener noreferrer">附件 1</a>及说明。</p>\n'
        "<ol>\n<li>\n第一\n<ul>\n<li>\n甲\n</li>\n<li>\n乙\n</li>\n</ul>\n</li>\n<li>\n第二\n</li>\n</ol>\n"
        '<p><img src="http://sfj.yunling.test/zwgk/W1.png" alt="流程图"></p>\n'
        "<table>\n<tbody>\n<tr><td>项目</td><td>数 | 量</td></tr>\n"
        '<tr><td><a href="http://sfj.yunling.test/x.html" rel="nofollow noopener noreferrer">甲</a></td><td>1<br>2</td></tr>\n'
        "</tbody>\n</table>\n<p>1. 不是列表</p>\n"
    )


@pytest.mark.parametrize(
    ("markup", "markdown"),
    [
        ("<p>甲 <a href='/a'> 乙</a> 丙</p>", "甲 [乙](<http://sfj.yunling.test/a>) 丙\n"),
        (
            "<a href='/a'><p>甲</p><p>乙</p></a>",
            "[甲](<http://sfj.yunling.test/a>)\n\n[乙](<http://sfj.yunling.test/a>)\n",
        ),
        ("<p># 一 *重* _点_</p>", "\\# 一 \\*重\\* \\_点\\_\n"),
        ("<p>- 一</p><p>12) 二</p>", "\\- 一\n\n12\\) 二\n"),
        ("<li>散的</li>", "- 散的\n"),
        ("<ul><li><p>一</p><p>续</p></li></ul>", "- 一\n\n    续\n"),
        ("<p>\ufdd0\ufde0甲\ufdd1</p>", "甲\n"),
        ("<p><a href='/a'></a></p>", ""),
        ("<p>&lt;script&gt;alert(1)&lt;/script&gt;</p>", "\\<script\\>alert(1)\\</script\\>\n"),
    ],
)
def test_details(markup: str, markdown: str) -> None:
    """Blanks around links, links around paragraphs, stray items, marks that a page sends itself."""
    assert to_markdown(blocks_of(markup)) == markdown


def test_furniture_is_cut_off_as_in_the_text() -> None:
    """Closing lines go although an image stands behind them; the image stays."""
    blocks = blocks_of("<p>正文。</p><p>附件下载：</p><p><img src='a.png'></p>")
    assert plain(blocks) == ["正文。"]
    assert blocks[-1].runs[0].image is not None


def test_a_whole_page_says_where_it_is_from_and_loads_nothing_but_images() -> None:
    """The page around a fragment has a policy without scripts, and its title cannot break out."""
    page = to_page("<b>题</b>", "http://a.test/?a=1&b='", to_html(blocks_of("<p>文</p>")))
    assert "<h1>&lt;b&gt;题&lt;/b&gt;</h1>" in page
    assert "default-src 'none'" in page
    assert lxml.html.document_fromstring(page).findtext("head/title") == "<b>题</b>"


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.parent.name}-{case.name}")
def test_every_saved_page_reads_the_same_in_all_forms(case: Path) -> None:
    """Without marks the blocks of a saved page are its text and its tables, and its HTML has nothing but the listed elements."""
    if json.loads((case / "meta.json").read_text("utf-8"))["kind"] != "document":
        return
    template, page = read_page_of(case)
    try:
        document = extract(page, template.read_document(page) if template else None)
    except CrawlError:
        return
    blocks = read_body_blocks(page, template.read_document(page) if template else None)
    assert "\n".join(plain(blocks)) == document.text
    grids = [
        [["\n".join("".join(run.text for run in line) for line in cell) for cell in row] for row in block.rows]
        for block in blocks
        if block.rows
    ]
    told = [[row for row in grid if any(row)] for grid in grids]
    assert [grid for grid in told if grid] == [[list(row) for row in table] for table in document.tables]
    assert_clean(to_html(blocks))


def assert_clean(fragment: str) -> None:
    """Assert that a fragment holds nothing but the listed elements, attributes and kinds of addresses."""
    if not fragment.strip():
        return
    for element in lxml.html.fragment_fromstring(fragment, create_parent="p").iterdescendants():
        assert element.tag in ELEMENTS
        assert set(element.attrib) <= ATTRIBUTES
        for name in ("href", "src"):
            assert element.get(name, "http://").startswith(("http://", "https://"))


PIECES = st.sampled_from(
    [
        *(
            "<p>",
            "</p>",
            "<a href='/a'>",
            "<a href='javascript:x()'>",
            '<a href="http://h.test/\'><script>">',
            "</a>",
            "<ul>",
            "</ul>",
        ),
        *(
            "<ol>",
            "<li>",
            "</li>",
            "<h3>",
            "</h3>",
            "<table><tr><td>",
            "</td><td>",
            "</td></tr><tr><td>",
            "</table>",
            "<br>",
        ),
        *(
            "<img src=a.png alt='\"><script>x</script>'>",
            "<script>x()</script>",
            "<div onclick=x()>",
            "</div>",
            "<svg onload=x()>",
        ),
        *(
            "甲乙",
            " ",
            "　",
            "\n",
            "\u200b",
            "&lt;img src=x onerror=y&gt;",
            "* _",
            "|",
            "1. ",
            "&#xfdd0;",
            "责任编辑：某",
        ),
    ]
)


@settings(deadline=None)
@given(st.lists(PIECES, max_size=40).map("".join))
def test_any_markup_gives_its_text_and_clean_html(markup: str) -> None:
    """Whatever the markup, paragraphs are those of the plain text, and neither form lets a page's markup through."""
    element: Any = lxml.html.fragment_fromstring(f"<div>{markup}</div>", create_parent="div")
    blocks = read_blocks(element, (), URL, "utf-8")  # takes noncharacters out of the tree
    assert list(read_content(element).paragraphs) == plain(blocks)
    assert_clean(to_html(blocks))
    assert "<script" not in to_markdown(blocks).replace("\\<", "")
