"""Archived pages rewritten: what may stay, what leads to its captured copy, what goes."""

from __future__ import annotations

import re

import lxml.html
import pytest
from hostile_pages import HOSTILE, OUTSIDE
from hypothesis import given
from hypothesis import strategies as st

from govcrawl.errors import UnreadablePage
from govcrawl.replay import FRAME_HEADERS, PAGE_HEADERS, Use, render_css, render_replay

URL = "http://sfj.haidao.test/zwgk/gsgg/t1.htm"
COPIES: dict[tuple[str, Use], str] = {
    ("http://sfj.haidao.test/zwgk/gsgg/P1.png", "image"): "/image/1",
    ("http://sfj.haidao.test/zwgk/gsgg/P2.docx", "link"): "/file/2",
    ("http://sfj.haidao.test/css/main.css", "style"): "/style/3",
}
ACTIVE = {"script", "iframe", "frame", "object", "embed", "applet", "base", "meta", "source", "video", "audio"}


def place(url: str, use: Use) -> str | None:
    """Three captured copies."""
    return COPIES.get((url, use))


def render(body: str, *, url: str = URL, content_type: str | None = "text/html; charset=utf-8") -> str:
    """A page rewritten."""
    return render_replay(body.encode(), url=url, content_type=content_type, place=place).decode()


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("<p>正文<b>粗</b></p>", "<p>正文<b>粗</b></p>"),
        ('<img src="./P1.png" alt="图" width="60">', '<img src="/image/1" alt="图" width="60">'),
        ('<img src="P9.png" alt="图">', '<img alt="图">'),
        ('<img src="data:image/png;base64,AA==">', '<img src="data:image/png;base64,AA==">'),
        ('<img src="data:text/html,x">', "<img>"),
        ('<a href="P2.docx" target="_blank">附件</a>', '<a href="/file/2">附件</a>'),
        ('<a href="/zwgk/">上级</a>', '<a title="/zwgk/">上级</a>'),
        ('<a href="/zwgk/" title="政务公开">上级</a>', '<a title="政务公开">上级</a>'),
        ('<a href="#fj" name="x">见附件</a>', '<a href="#fj" name="x">见附件</a>'),
        ('<link rel="stylesheet" href="/css/main.css">', '<link rel="stylesheet" href="/style/3" media="all">'),
        ('<link rel="stylesheet" href="/css/other.css">', ""),
        ('<link rel="icon" href="/css/main.css">', ""),
        ('<td background="P1.png" bgcolor="red">x</td>', 'background="/image/1"'),
        ('<p style="color: red; background: url(P1.png)">x</p>', 'background: url("/image/1")'),
        ('<p style="background: url(P9.png)">x</p>', 'background: url("data:,")'),
        ("<p>前<script>x</script>后</p>", "<p>前后</p>"),
        ("前<script>x</script>后", "前后"),
        ("<object data='x'><p>附图</p></object>", "<p>附图</p>"),
        ('<form action="/s"><input name="q"></form>', '<form><input name="q"></form>'),
    ],
)
def test_elements(body: str, expected: str) -> None:
    """Captured copies are led to, everything else leads nowhere, and the text stays."""
    rendered = render(f"<html><body><table><tr>{body}</tr></table></body></html>" if "<td" in body else body)
    assert expected in rendered.replace("\n", "")
    if not expected:
        assert "<link" not in rendered


def test_base_of_relative_addresses() -> None:
    """Addresses begin where the page's <base> says; the element itself goes."""
    rendered = render('<head><base href="/zwgk/gsgg/"></head><img src="P1.png">', url="http://sfj.haidao.test/x/y.htm")
    assert 'src="/image/1"' in rendered
    assert "<base" not in rendered


def test_a_gbk_page_becomes_utf_8() -> None:
    """A page is decoded by the same rule as everywhere, and its own claim about its encoding goes."""
    body = '<!DOCTYPE html><html><head><meta charset="gb2312"><title>公告</title></head><body>公告</body></html>'
    rendered = render_replay(body.encode("gb18030"), url=URL, content_type=None, place=place).decode("utf-8")
    assert rendered.startswith("<!DOCTYPE html>")
    assert "<title>公告</title>" in rendered
    assert "gb2312" not in rendered


def test_no_doctype_is_made_up() -> None:
    """A page without a doctype stays in the mode that it was made for."""
    assert render("<p>x</p>").startswith("<html>")


def test_style_sheets() -> None:
    """Imports and images of a style sheet lead to captured copies or nowhere; comments cannot hide any."""
    css = (
        '@import "/css/main.css"; @import url(/css/other.css) screen; a{background:url( "P1.png" )}'
        r"b{background:u\72 l(http://outside.test/x)} e{x:\url('y'); content:'\e900\61'} f{background:image-set('z' 1x)}"
        " c{background:u/**/rl(P1.png)} d{cursor:url(#x)}"
    )
    assert render_css(css, base=URL, place=place) == (
        '@import "/style/3";  a{background:url("/image/1")}'
        "b{background:url(\"data:,\")} e{x:url(\"data:,\"); content:'\\e900a'} f{background:none('z' 1x)}"
        " c{background:u rl(P1.png)} d{cursor:url(#x)}"
    )


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_pages(name: str) -> None:
    """Nothing of a hostile page that runs, fetches or leads away is left."""
    rendered = render(f"<!DOCTYPE html><html><head></head>{HOSTILE[name]}<p>正文在此</p></html>")
    styles = "".join(re.findall(r"<style>(.*?)</style>", rendered, re.DOTALL))
    assert re.search(r"(?:url\(|@import\s*)[\"']?http", styles) is None
    tree = lxml.html.document_fromstring(rendered)
    left = {str(element.tag) for element in tree.iter() if isinstance(element.tag, str)}
    assert not left & ACTIVE
    for element in tree.iter():
        for attribute, value in element.attrib.items():
            assert not attribute.lower().startswith("on")
            if attribute != "title":
                assert OUTSIDE not in value, attribute
    assert "正文在此" in rendered


@given(
    st.text(
        alphabet=st.sampled_from("<>/\"'= \t\x00\x0b{}@:;#&!-aAhrefscriptonloadstyle正文\ud800\uffff"), max_size=300
    )
)
def test_any_text_is_rendered_or_refused(body: str) -> None:
    """Whatever bytes a page is made of, the result has nothing active in it; else there was nothing to parse."""
    try:
        rendered = render_replay(body.encode("utf-8", "surrogatepass"), url=URL, content_type=None, place=place)
    except UnreadablePage:
        return
    text = rendered.decode("utf-8")
    assert re.search(r"<(script|iframe|base|meta)\b", text, re.IGNORECASE) is None
    assert re.search(r"<[a-z]+[^<>]*\son[a-z]+=", re.sub(r'"[^"]*"', '""', text), re.IGNORECASE) is None


@given(st.text())
def test_any_style_sheet(text: str) -> None:
    """A style sheet of any characters is rewritten without an error."""
    render_css(text, base=URL, place=place)


def test_headers() -> None:
    """The archived page is sandboxed and may fetch from its own server only; the page around it runs no script."""
    policy = PAGE_HEADERS["Content-Security-Policy"]
    assert policy.startswith("sandbox allow-downloads; default-src 'none';")
    assert "script-src" not in policy
    assert "allow-scripts" not in policy
    assert "Cross-Origin-Resource-Policy" not in PAGE_HEADERS, "it would block the page's own images"
    assert "frame-ancestors 'none'" in FRAME_HEADERS["Content-Security-Policy"]
    for headers in (PAGE_HEADERS, FRAME_HEADERS):
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "no-referrer"
