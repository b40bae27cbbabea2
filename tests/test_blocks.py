"""The complete content of an element."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from govcrawl.blocks import Content, normal_text, read_content
from govcrawl.decode import Page


def content_of(markup: str) -> Content:
    """Read the div around some markup."""
    return read_content(
        Page(url="http://www.yunling.test/a.htm", body=f"<body><article>{markup}</article>".encode()).root.find(
            ".//article"
        )
    )


def test_paragraphs_in_order() -> None:
    """Block elements and line breaks end paragraphs, inline ones do not; indents go; repeats stay."""
    content = content_of(
        "开头<p>　　第一段<b>加<i>粗</i></b>，<font>续</font>。</p><div>&nbsp;&nbsp;第二段<br>　　第三段<br/></div>之间"
        "<ul><li>甲</li><li>乙</li></ul><p>甲</p><p> </p><h2>标题</h2>结尾"
    )
    assert content.text == "开头\n第一段加粗，续。\n第二段\n第三段\n之间\n甲\n乙\n甲\n标题\n结尾"
    assert content.complete == content.text
    assert content.tables == ()


def test_word_markup() -> None:
    """Unknown tags of Word's namespaces are inline; source line breaks between Chinese characters are no blanks."""
    content = content_of(
        '<p class="MsoNormal"><span>二、主要\n任务</span><span lang="EN-US"><o:p></o:p></span></p>'
        '<p><st1:chsdate year="2024">2024年\n3月5日</st1:chsdate></p><style>p{}</style><p>SQL Server\n数据</p>'
    )
    assert content.text == "二、主要任务\n2024年 3月5日\nSQL Server 数据"


def test_tables_stand_apart() -> None:
    """A data table is a grid and no text; what stands around it stays in order."""
    content = content_of(
        "<p>前</p><table><caption>表一</caption><tr><td><p>甲</p></td><td><p>乙</p><p>丙</p></td></tr><tr><td>1</td><td>2<br>3</td></tr></table><p>后</p>"
    )
    assert content.text == "前\n表一\n后"
    assert content.tables == ((("甲", "乙\n丙"), ("1", "2\n3")),)
    assert content.complete == "前\n表一\n甲\n乙\n丙\n1\n2\n3\n后"


def test_layout_tables_are_text() -> None:
    """A table of one cell, and a frame around another table, are read as what they hold."""
    content = content_of(
        "<table><tr><td><p>一</p><p>二</p><table><tr><td>甲</td><td>乙</td></tr><tr><td>1</td><td>2</td></tr></table></td></tr></table>"
    )
    assert content.text == "一\n二"
    assert content.tables == ((("甲", "乙"), ("1", "2")),)


def test_hidden_rows_and_stray_text() -> None:
    """A hidden row of widths is nothing; text between rows, as broken markup leaves it, is kept."""
    content = content_of(
        "<table><tr style='display:none'><td>宽</td><td>宽</td></tr>散落<tr><td>甲</td><td>乙</td></tr><tr><td>1</td><td>2</td></tr></table>"
    )
    assert content.tables == ((("甲", "乙"), ("1", "2")),)
    assert content.text == "散落"
    broken = (
        "<table><tr><td>a</td><td>b</td></tr><tr><p>q</p><td>c</td><td>d</td></tr><td>loose</td><div>z</div></table>"
    )
    assert content_of(broken).text == "q\nloose\nz"


def test_what_is_not_shown() -> None:
    """Scripts, hidden elements and widgets by exact class or id are left out, their tails are kept."""
    content = content_of(
        "<script>var a;</script>一<div style='Display: NONE'>您访问的链接即将离开本站</div>二<div class='share_box'>微信</div>三"
        "<div id=ewm>扫一扫</div>四<p class=printing>打印件五份</p><select><option>选</option></select><p hidden>藏</p>"
    )
    assert content.text.replace("\n", "") == "一二三四打印件五份"


def test_furniture_at_the_edges() -> None:
    """Labels of page furniture go at the beginning and the end, and stay inside."""
    content = content_of(
        "<p>当前位置：首页 > 公告</p><p>【字体：大 中 小】</p><p>正文说明附件下载</p><p>附件下载</p><p>附件：1.名单.doc</p><p>附件下载</p>"
        "<p>（责任编辑：某某）</p><p>扫一扫在手机打开当前页</p><p>分享到：</p><p>打印 关闭</p><p>您访问的链接即将离开“云岭市”门户网站，是否继续？</p>"
    )
    assert content.text == "正文说明附件下载\n附件下载\n附件：1.名单.doc"


def test_drop() -> None:
    """Elements that are read elsewhere (an index box) are left out."""
    root = Page(url="http://www.yunling.test/a.htm", body="<div><ul><li>索引号：1</li></ul>正文</div>".encode()).root
    assert read_content(root.find(".//div"), root.findall(".//ul")).text == "正文"


def test_blanks() -> None:
    """Zero-width characters go, blanks collapse, a full-width blank inside stays one."""
    assert normal_text("\u3000\u3000第一条\u3000\u3000为了\u200b规范 \u00a0 A  B\ufeff") == "第一条\u3000为了规范 A B"


def test_very_deep_markup() -> None:
    """Nesting beyond Python's recursion limit is read."""
    assert content_of("<font>" * 1800 + "底").text == "底"


TAGS = st.sampled_from(
    ["p", "div", "span", "b", "br", "td", "tr", "table", "ul", "li", "font", "center", "th", "tbody"]
)


@settings(deadline=None)
@given(st.lists(st.tuples(TAGS, st.booleans(), st.integers(0, 99)), max_size=40))
def test_no_visible_character_is_lost_or_repeated(parts: list[tuple[str, bool, int]]) -> None:
    """However tags are mixed and left open, each piece of text comes out once, in order."""
    markup, pieces = [], []
    for place, (tag, closing, number) in enumerate(parts):
        piece = f"字{place}号{number}完"
        pieces.append(piece)
        markup.append(f"</{tag}>{piece}" if closing else f"<{tag}>{piece}")
    complete = content_of("".join(markup)).complete.replace("\n", "").replace(" ", "")
    assert [complete.count(piece) for piece in pieces] == [1] * len(pieces)
    if "table" not in "".join(markup):  # text that stands between the cells of a broken table comes before the table
        assert complete == "".join(pieces)
