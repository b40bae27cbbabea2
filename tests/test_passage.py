"""The body of a page without known container: the lines between title and foot."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from govcrawl.blocks import read_content
from govcrawl.decode import Page
from govcrawl.errors import CrawlError
from govcrawl.extract import extract
from govcrawl.passage import find_passage

TITLE = "关于做好年度总结工作的通知"
TEXT = (
    "各县（市、区）司法局，市直有关单位：",
    "为规范公证服务，现就有关事项通知如下，请各单位遵照执行。",
    "云岭市司法局",
    "2024年2月28日",
)
BODY = "".join(f"<p>{text}</p>" for text in TEXT)
LINE = "<div>发布日期：2024-03-01　来源：云岭市司法局</div>"
MENU = "<ul>" + "".join(f"<li><a href='/{n}/'>栏目{n}</a></li>" for n in range(5)) + "</ul>"
FOOT = "<div class=footer><p>主办：云岭市司法局　地址：云岭市江滨路1号，邮编364000，欢迎监督。</p></div>"


def root_of(markup: str) -> Any:
    """Parse a page."""
    return Page(url="http://sfj.yunling.test/1.htm", body=f"<html><body>{markup}</body></html>".encode()).root


@pytest.mark.parametrize(
    "markup",
    [
        f"{MENU}<h1>{TITLE}</h1>{LINE}<div>{BODY}</div>{FOOT}",
        f"{MENU}<div><h1>{TITLE}</h1>{LINE}{BODY}<p>上一篇：<a href=/1>某事的公告</a></p></div>{FOOT}",
        f"<div>{TITLE[:6]}<br>{TITLE[6:]}</div>{LINE}<div>{BODY}</div><div>【打印本页】【关闭窗口】</div><p>无关的一段话，说别的事情。</p>",
        f"<div class=a>{TITLE}</div><p>云司〔2024〕1号</p>{LINE}<div>{BODY}</div><div>相关文件</div>{MENU}{FOOT}",
        f"<table><tr><td>{MENU}</td><td><table><tr><td>{TITLE}</td></tr><tr><td>2024-3-1　来自：办公室</td></tr><tr><td>{'<br>'.join(TEXT)}</td></tr><tr><td>责任编辑：张敏</td></tr></table></td></tr></table>{FOOT}",
        f"<div class=side><p>{'联系我们，地址在江滨路，电话总有人接听。' * 4}</p></div><div>{TITLE}</div>{LINE}<section><span>{'</span></section><section><span>'.join(TEXT)}</span></section>{FOOT}",
    ],
    ids=["blocks", "one block", "broken title", "links behind", "tables", "side column"],
)
def test_between_title_and_foot(markup: str) -> None:
    """It begins behind title, number and line, and ends before buttons, lists of links, the footer."""
    found = find_passage(root_of(markup), TITLE)
    assert found is not None
    assert found.anchored
    assert read_content(found.element).paragraphs == TEXT


def test_index_is_left_out() -> None:
    """What is given as index is no part of it, and the title in it is passed over for the one before the text."""
    root = root_of(f"<table id=i><tr><td>标题</td><td>{TITLE}</td></tr></table><h2>{TITLE}</h2>{BODY}")
    found = find_passage(root, TITLE, root.xpath("//*[@id='i']"))
    assert found is not None
    assert read_content(found.element).paragraphs == TEXT


def test_without_title() -> None:
    """Where nothing names the title the run with the most text is taken, and that nothing led to it is said."""
    found = find_passage(root_of(f"{MENU}<div class=x>{BODY}</div>{FOOT}"), None)
    assert found is not None
    assert not found.anchored
    assert read_content(found.element).paragraphs == TEXT


def test_pictures_alone() -> None:
    """A page whose body is a picture has a passage without text."""
    found = find_passage(root_of(f"<h1>{TITLE}</h1>{LINE}<div><img src=a.jpg></div>{FOOT}"), TITLE)
    assert found is not None
    assert [image.get("src") for image in found.element.iter("img")] == ["a.jpg"]
    assert find_passage(root_of(f"{MENU}{FOOT}"), None) is None


def test_the_page_stays_as_it_is() -> None:
    """What is cut off is cut off a copy."""
    root = root_of(f"<div><h1>{TITLE}</h1>{LINE}{BODY}<p>上一篇：无</p></div>")
    before = "".join(root.itertext())
    find_passage(root, TITLE)
    assert "".join(root.itertext()) == before


@settings(deadline=None, max_examples=150)
@given(st.text(alphabet="<>/divtabrphl1 ='甲，。：来源2024-5", max_size=300), st.text(alphabet="甲，来", max_size=8))
def test_any_markup(markup: str, title: str) -> None:
    """Whatever the markup, a page without container is a document or an error of the project."""
    page = Page(url="http://sfj.yunling.test/1.htm", body=f"<title>{title}</title><body>x{markup}".encode())
    try:
        document = extract(page)
    except CrawlError:
        return
    assert document.extraction.container is None
