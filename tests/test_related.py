"""Links to other pages under a body."""

from __future__ import annotations

import pytest

from govcrawl.blocks import read_content
from govcrawl.decode import Page
from govcrawl.related import find_related

TEXT = "<p>现将有关事项通知如下，请遵照执行。</p>"
LINK = "<a href='t20240101_2.htm'>关于某事的解读</a>"


@pytest.mark.parametrize(
    "box",
    [
        f"<p>相关链接：</p><p>{LINK}</p>",
        f"<p><strong>【相关解读】</strong></p><ul><li>{LINK}</li><li>{LINK}</li></ul><p>扫一扫在手机打开当前页</p>",
        f"<div><h3>政策解读</h3><div>{LINK}</div></div><p>相关文件</p><p>{LINK}</p><p>【打印本页】　【关闭窗口】</p>",
    ],
)
def test_links_under_a_heading(box: str) -> None:
    """From such a heading on, everything goes, where nothing but links and buttons follows."""
    root = Page(url="http://a.test/1.htm", body=f"<div>{TEXT}{box}</div>".encode()).root
    assert read_content(root, find_related(root)).text == "现将有关事项通知如下，请遵照执行。"


@pytest.mark.parametrize(
    "box",
    [
        f"<p>政策解读</p><p>{LINK}</p><p>解读如下，供参考。</p>",
        "<p>政策解读</p><p>这是解读的正文，没有链接。</p>",
        "<p>相关文件</p><p><a href='P1.pdf'>附表</a></p>",
        f"<p>与此相关的{LINK}另见</p>",
    ],
)
def test_what_is_content_stays(box: str) -> None:
    """Text behind the heading, files, a link within a sentence: nothing goes."""
    root = Page(url="http://a.test/1.htm", body=f"<div>{TEXT}{box}</div>".encode()).root
    assert find_related(root) == []
