"""Bytes to text by the stated rule, and the page's one tree."""

from __future__ import annotations

import gzip
import pickle

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from govcrawl.decode import MAX_PAGE_BYTES, GzippedPage, Page, decode
from govcrawl.errors import CrawlError, TemplateMismatch, UnreadablePage

SENTENCE = "关于印发《云岭市公证服务管理办法》的通知"
URL = "http://www.yunling.test/zwgk/t20240305_1.htm"


@pytest.mark.parametrize(
    ("body", "content_type", "encoding", "how"),
    [
        (b"\xef\xbb\xbf" + SENTENCE.encode(), "text/html; charset=gbk", "utf-8", "bom"),
        (SENTENCE.encode("utf-16"), None, "utf-16-le", "bom"),
        (SENTENCE.encode(), "text/html; charset=gb2312", "utf-8", "utf-8"),
        (SENTENCE.encode("gbk"), "text/html; charset=GB2312", "gb18030", "declared"),
        (
            b'<meta http-equiv=Content-Type content="text/html; charset=gb2312">' + SENTENCE.encode("gbk"),
            None,
            "gb18030",
            "declared",
        ),
        (b"<META CHARSET=x-gbk>" + SENTENCE.encode("gbk"), "text/html; charset=utf-8", "gb18030", "declared"),
        (b"<?xml version='1.0' encoding='big5'?>" + "陸豐市司法局".encode("big5"), None, "big5hkscs", "declared"),
        (SENTENCE.encode("gbk"), "text/html; charset=ISO-8859-1", "gb18030", "fewest-errors"),
        (SENTENCE.encode("gbk"), None, "gb18030", "fewest-errors"),
        (SENTENCE.encode("gbk"), "text/html; charset=no-such-codec", "gb18030", "fewest-errors"),
    ],
)
def test_rule(body: bytes, content_type: str | None, encoding: str, how: str) -> None:
    """BOM, then strict UTF-8, then what is declared and believed, then the codec with fewer errors."""
    got = decode(body, content_type)
    assert (got.encoding, got.how) == (encoding, how)
    assert "司法局" in got.text or SENTENCE in got.text


def test_characters_beyond_gb2312() -> None:
    """A page declared gb2312 may hold characters that only GB 18030 has."""
    body = '<meta charset="gb2312">㐂某、﨑某、€'.encode("gb18030")
    assert decode(body).text.endswith("㐂某、﨑某、€")


def test_declaration_beyond_4096_bytes_is_not_looked_for() -> None:
    """A declaration far down is not searched for; the text decides."""
    body = b" " * 4096 + b'<meta charset="big5">' + SENTENCE.encode("gbk")
    assert decode(body).how == "fewest-errors"


def test_body_cut_in_mid_character_stays_utf8() -> None:
    """A body that was cut inside its last character is still UTF-8."""
    got = decode(SENTENCE.encode()[:-1], "text/html; charset=gbk")
    assert got.encoding == "utf-8"
    assert got.text == SENTENCE[:-1] + "\ufffd"


def test_one_bad_byte_does_not_turn_declared_utf8_into_gbk() -> None:
    """One broken byte in a declared UTF-8 page costs one character, not the page."""
    body = b'<meta charset="utf-8">' + (SENTENCE * 20).encode() + b"\xff" + SENTENCE.encode()
    got = decode(body)
    assert got.encoding == "utf-8"
    assert got.text.count("\ufffd") == 1


def test_declared_utf8_that_is_gbk_throughout() -> None:
    """A declaration of UTF-8 that nothing on the page bears out is not believed."""
    assert SENTENCE in decode(b'<meta charset="utf-8">' + (SENTENCE * 5).encode("gbk")).text


@given(st.binary(max_size=600), st.none() | st.text(max_size=40))
def test_never_raises(body: bytes, content_type: str | None) -> None:
    """Whatever the bytes and the header, text comes out."""
    assert isinstance(decode(body, content_type).text, str)


@settings(deadline=None)
@given(st.binary(max_size=400).map(lambda tail: b"<html><body><p>a</p>" + tail))
def test_root_of_any_bytes(body: bytes) -> None:
    """Any bytes give a tree or a stated error."""
    try:
        assert Page(url=URL, body=body).root is not None
    except CrawlError as error:
        assert URL in str(error)  # noqa: PT017 - either outcome is right


def test_text_after_a_premature_end_of_html_is_in_the_tree() -> None:
    """An included header that closes body and html does not cut off what follows."""
    page = Page(url=URL, body="<html><body><p>页头</p></BODY ></html><div id=zoom>正文</div></body></html>".encode())
    assert [e.text for e in page.root.xpath("//body//div[@id='zoom']")] == ["正文"]
    assert page.selector.css("#zoom::text").get() == "正文"


def test_comments_are_out_of_reach() -> None:
    """What stands in comments is never read."""
    page = Page(url=URL, body="<p>前<!-- 来源：别处 -->后</p>".encode())
    assert "".join(page.root.itertext()) == "前后"


def test_xml_declaration_and_nul_bytes() -> None:
    """An XML declaration of another charset and NUL bytes do not disturb the parser."""
    page = Page(url=URL, body="<?xml version='1.0' encoding='gbk'?><p>中\x00文</p>".encode())
    assert page.root.text_content() == "中文"


@pytest.mark.parametrize("body", [b"", b" \r\n", b"<!-- only this -->"])
def test_nothing_to_parse(body: bytes) -> None:
    """An empty page has no tree, and the error says so."""
    with pytest.raises(UnreadablePage, match="nothing to parse"):
        _ = Page(url=URL, body=body).root


def test_absurd_nesting_is_an_error_not_a_short_page() -> None:
    """Markup nested beyond the parser's limit is refused, never silently cut."""
    with pytest.raises(UnreadablePage, match="cannot be parsed whole"):
        _ = Page(url=URL, body=b"<div>" * 100_000 + b"x").root


def test_deep_nesting_of_word_markup_is_read() -> None:
    """Some thousand unclosed spans, as Word leaves them, are no obstacle."""
    page = Page(url=URL, body=b"<span>" * 1500 + b"x")
    assert page.root.text_content() == "x"


def test_too_large_a_page_is_refused_unparsed() -> None:
    """A body of 50 MB is refused at once."""
    with pytest.raises(UnreadablePage, match=str(MAX_PAGE_BYTES)):
        _ = Page(url=URL, body=b"<p>" + b"x" * 50_000_000).root


def test_json() -> None:
    """A JSON body is read; anything else is a mismatch that shows its beginning."""
    assert Page(url=URL, body=b'{"data": []}').json() == {"data": []}
    with pytest.raises(TemplateMismatch, match="<html>"):
        Page(url=URL, body=b"<html>").json()
    with pytest.raises(TemplateMismatch):
        Page(url=URL, body=b"[" * 100_000).json()


def test_page_crosses_processes_without_its_tree() -> None:
    """A page that was parsed pickles as what was fetched."""
    page = Page(url=URL, body=b"<p>x", content_type="text/html", form={"page": "2"})
    assert page.root is page.root
    again = pickle.loads(pickle.dumps(page))  # noqa: S301 - made on the line itself
    assert again == page
    assert "root" not in vars(again)


def test_media_type() -> None:
    """The media type is lower case and bare."""
    assert Page(url=URL, body=b"", content_type="Text/HTML ; charset=x").media_type == "text/html"
    assert Page(url=URL, body=b"").media_type == ""


def test_a_gzipped_page_is_undone_where_it_is_read() -> None:
    """It goes to another process gzipped, tells what it begins with, and is then the page that it stands for."""
    body = b"\n \n<!DOCTYPE html><title>" + SENTENCE.encode() + b"</title>" + b"<p>x</p>" * 1000
    page = GzippedPage.of(gzip.compress(body), body[:100], url=URL, content_type="text/html", form={"page": "1"})
    sent = pickle.dumps(page)
    assert len(sent) < len(body)
    assert page.begins == b"<!DOCTYP"
    received = pickle.loads(sent)  # noqa: S301 - our own
    plain = Page(url=URL, body=body, content_type="text/html", form={"page": "1"})
    assert (received.body, received.begins, received.text, received.form) == (
        body,
        plain.begins,
        plain.text,
        plain.form,
    )
    assert pickle.loads(pickle.dumps(received)).body == body  # noqa: S301 - our own


def test_of_a_gzipped_page_that_was_cut_what_is_there_is_read() -> None:
    """A stream that ends early, or is broken on its way, gives what can be read of it."""
    body = SENTENCE.encode() * 100
    cut = gzip.compress(body)[:-20]
    assert body.startswith(GzippedPage.of(cut, body[:100], url=URL).body)
