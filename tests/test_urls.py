"""Canonical addresses, attachments and images."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from govcrawl.decode import Page
from govcrawl.urls import canonical_url, extension, file_links, image_links, is_file_url, url_key, web_url

BASE = "http://www.yunling.test/zwgk/gsgg/202403/t20240305_12.htm"


def root_of(markup: str) -> Any:
    """Parse a fragment as a page."""
    return Page(url=BASE, body=markup.encode()).root


@pytest.mark.parametrize(
    ("url", "canonical"),
    [
        ("HTTP://WWW.Yunling.TEST:80/a/./b/../c.htm#top", "http://www.yunling.test/a/c.htm"),
        ("https://www.yunling.test:443", "https://www.yunling.test/"),
        ("http://www.yunling.test:8080/a", "http://www.yunling.test:8080/a"),
        (" http://www.yunling.test/a\n.htm\t ", "http://www.yunling.test/a.htm"),
        ("http://www.yunling.test/s/p.htm;jsessionid=0A1B?x=1", "http://www.yunling.test/s/p.htm?x=1"),
        ("http://www.yunling.test/a?b=2&a=1", "http://www.yunling.test/a?b=2&a=1"),
        ("http://www.yunling.test/附件 1.doc", "http://www.yunling.test/%E9%99%84%E4%BB%B6%201.doc"),
        ("http://www.yunling.test/%e9%99%84%7Ea%2fb", "http://www.yunling.test/%E9%99%84~a%2Fb"),
        ("http://www.yunling.test/100%.htm", "http://www.yunling.test/100%25.htm"),
        ("http://www.yunling.test/a?", "http://www.yunling.test/a"),
        ("http://www.yunling.test/../../a", "http://www.yunling.test/a"),
        ("http://www.yunling.test/a/..", "http://www.yunling.test/"),
        ("http://云岭.test/a", "http://xn--9kqv75a.test/a"),
        ("http://www.yunling.test./a", "http://www.yunling.test/a"),
    ],
)
def test_canonical(url: str, canonical: str) -> None:
    """One address has one form; making it canonical again changes nothing."""
    assert canonical_url(url) == canonical
    assert canonical_url(canonical) == canonical


@pytest.mark.parametrize(
    ("href", "url"),
    [
        ("./P020240305.pdf", "http://www.yunling.test/zwgk/gsgg/202403/P020240305.pdf"),
        ("../../x/", "http://www.yunling.test/zwgk/x/"),
        ("..\\a.doc", "http://www.yunling.test/zwgk/gsgg/a.doc"),
        ("//img.yunling.test/a.jpg", "http://img.yunling.test/a.jpg"),
        ("?page=2", "http://www.yunling.test/zwgk/gsgg/202403/t20240305_12.htm?page=2"),
        ("javascript:;", None),
        ("mailto:a@yunling.test", None),
        ("#top", None),
        ("", None),
        (None, None),
        ("http://[broken", None),
        ("http://a.test:99999/", None),
    ],
)
def test_links(href: str | None, url: str | None) -> None:
    """Links are resolved against their page; what leads to no web address is none."""
    assert web_url(href, BASE) == url


def test_query_in_the_page_encoding() -> None:
    """A raw query is encoded as browsers do: in the page's own encoding."""
    assert canonical_url("/d.jsp?f=附", BASE, query_encoding="gb18030").endswith("?f=%B8%BD")


def test_key_is_without_scheme() -> None:
    """Twins on http and https are one address, on their default ports; another port is another."""
    twins = {url_key(u) for u in ("http://a.test/x?y=1", "https://a.test:443/x?y=1#z", "http://A.test:80/x?y=1")}
    assert twins == {"a.test/x?y=1"}
    assert url_key("http://a.test:8080/x") == "a.test:8080/x"


@pytest.mark.parametrize("url", ["javascript:;", "ftp://a.test/x", "/relative", "", "http://"])
def test_no_web_address(url: str) -> None:
    """What is no http or https address is an error that shows it."""
    with pytest.raises(ValueError, match="not a web address"):
        canonical_url(url)


@given(st.text(max_size=60))
def test_any_link(href: str) -> None:
    """Any text gives a stable address, or none."""
    url = web_url(href, BASE)
    assert url is None or canonical_url(url) == url


@pytest.mark.parametrize(
    ("url", "is_file"),
    [
        ("http://a.test/P02.PDF", True),
        ("http://a.test/x/%E9%99%84.Docx?v=1", True),
        ("http://a.test/module/download/downfile.jsp?classid=0&filename=2403.ofd", True),
        ("http://a.test/down?file=a.wps", True),
        ("http://a.test/t20240305_1.htm", False),
        ("http://a.test/view.jsp?back=list.doc.htm", False),
        ("http://a.test/pdf/", False),
        ("http://a.test/app.apk", False),
    ],
)
def test_file_urls(url: str, is_file: bool) -> None:  # noqa: FBT001 - the expected value
    """A file is told by its extension in any case, or by a download script's file name."""
    assert is_file_url(url) is is_file


def test_extension() -> None:
    """The extension is lower case; a dot file or a host has none."""
    assert (extension("http://a.test/b.TIF"), extension("http://a.test/.pdf"), extension("http://a.test")) == (
        "tif",
        "",
        "",
    )


def test_attachments() -> None:
    """What counts as an attachment, in order, with label and file name; share links, pages and app downloads do not."""
    root = root_of(
        """<div><a href="./P01.XLSX">附件1：汇总表.xlsx</a> <a href = "P02.pdf
"></a><a href="./P01.XLSX#again">又一次</a>
        <a appendix="true" href="/attachment/0/88">登记表</a><a href="/module/download/downfile.jsp?x=1&filename=240305.doc">说明</a>
        <a href="/f/77" oldsrc="W02.et">表格</a><a href="/f/78">附件：名单</a>
        <a href="/zwgk/t20240301_9.htm">附件所指的办法</a><a href="/zwgk/">附件目录</a><a class="bds_weixin" href="/x.doc">分享</a>
        <a href="/app/yunling.apk">客户端</a><a href="javascript:;">附件下载</a><a name="x">附件</a></div>"""
    )
    links = file_links([root], BASE)
    assert [(link.url.rsplit("/", 1)[1], link.label, link.filename) for link in links] == [
        ("P01.XLSX", "附件1：汇总表.xlsx", "P01.XLSX"),
        ("P02.pdf", None, "P02.pdf"),
        ("88", "登记表", None),
        ("downfile.jsp?x=1&filename=240305.doc", "说明", "240305.doc"),
        ("77", "表格", "W02.et"),
        ("78", "附件：名单", None),
    ]


def test_attachment_block() -> None:
    """In the page's own attachment block every link that leads to no page is an attachment."""
    root = root_of('<ul><li><a href="/f/1">汇总表</a></li><li><a href="/zwgk/index.htm">更多</a></li></ul>')
    assert [link.url for link in file_links([root], BASE, trusted=True)] == ["http://www.yunling.test/f/1"]
    assert file_links([root], BASE) == ()


def test_images() -> None:
    """Content images count; icons, emoticons, data: images, spacers and file-type pictures do not."""
    root = root_of(
        """<div><img src="./W01.jpg" alt="流程图"><img src="./W01.jpg"><img src="/ph.gif" data-original="./W02.png">
        <img src="data:image/png;base64,AAAA"><img src="/ueditor/dialogs/attachment/fileTypeImages/icon_pdf.gif">
        <img src="/ueditor/dialogs/emotion/images/j_01.gif"><img src="/p.gif" width=1 height=1><img src="/q.gif" style="width: 16px; height: 16px">
        <a href="P01.pdf"><img src="/pic/type.png"></a><img src="/images/icons/a.png"><img></div>"""
    )
    assert [(link.url.rsplit("/", 1)[1], link.label, link.filename) for link in image_links([root], BASE)] == [
        ("W01.jpg", "流程图", "W01.jpg"),
        ("W02.png", None, "W02.png"),
    ]
