"""Exchanges put together from what a browser tells of them."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive.digest import measure, read_head, read_request
from govcrawl.browser_exchange import Hop, exchange, posted_bytes, read_hop, request_block, response_head
from govcrawl.browser_pages import own_domain, resolver_rules
from govcrawl.connect_to import parse_connect_to

URL = "http://sfj.yunling.test/zwgk/list.php?cid=1&page=2"


def asked(url: str = URL, **request: Any) -> dict[str, Any]:
    """A request as the interceptor shows it."""
    return {"resourceType": "XHR", "request": {"url": url, "method": "GET", "headers": {"X-A": "1"}, **request}}


def answered(status: int, *fields: tuple[str, str], reason: str = "OK") -> dict[str, Any]:
    """An answer as the interceptor shows it."""
    headers = [{"name": name, "value": value} for name, value in fields]
    return {"responseStatusCode": status, "responseStatusText": reason, "responseHeaders": headers}


def hop_of(entity: bytes, text: str = "", headers: dict[str, str] | None = None, status: int = 200) -> Hop:
    """A hop whose head the browser told as ``text`` and as ``headers``."""
    hop = read_hop(asked(), main=False, before=None)
    hop.take(answered(status, ("content-type", "text/html")))
    hop.entity = entity
    if text or headers:
        hop.tell("received", {"headersText": text, "headers": headers or {}})
    return hop


def head_of(hop: Hop) -> bytes:
    """The head as it is stored."""
    return b"".join(response_head(hop))


def test_an_http_1_head_is_kept_line_by_line() -> None:
    """Order, case, blanks, repeated fields and the reason phrase stand as they were told."""
    text = "HTTP/1.1 200 Fine\r\nsErver:  x \r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nContent-Length: 2\r\n\r\n"
    assert head_of(hop_of(b"ok", text, {"Set-Cookie": "a=1\nb=2"})) == text.encode()


@pytest.mark.parametrize(
    ("told", "value", "stored"),
    [
        (" ", "\xb8\xbd\xbc\xfe", b" \xb8\xbd\xbc\xfe"),  # nothing of it is UTF-8
        (
            ' inline; filename=".doc"',
            'inline; filename="\xb8\xbd\xbc\xfe.doc"',
            b' inline; filename="\xb8\xbd\xbc\xfe.doc"',
        ),
        (" \u01e9", "\xc7\xa9\xc3\xfb", b" \xc7\xa9\xc3\xfb"),  # half of it happens to be UTF-8
        (" 附件", "附件", " 附件".encode()),
        (" é", "é", " é".encode()),
    ],
)
def test_bytes_of_head_lines_are_recovered(told: str, value: str, stored: bytes) -> None:
    """What the browser's text of the head leaves out, bytes that are no UTF-8, is taken from its list of fields."""
    text = f"HTTP/1.1 200 OK\r\nX-Name:{told}\r\nContent-Length: 2\r\n\r\n"
    assert b"\r\nX-Name:" + stored + b"\r\n" in head_of(hop_of(b"ok", text, {"X-Name": value, "Content-Length": "2"}))


def test_fields_that_the_stored_body_belies_are_renamed() -> None:
    """Content and transfer coding are undone in what is stored, so their fields are; a length that still holds stays."""
    text = "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nTransfer-Encoding: chunked\r\nContent-Length: {}\r\n\r\n"
    for length, name in (("2", "Content-Length"), ("22", "x-orig-Content-Length")):
        head = head_of(hop_of(b"ok", text.format(length))).decode()
        assert "\r\nx-orig-Content-Encoding: gzip\r\nx-orig-Transfer-Encoding: chunked\r\n" in head
        assert f"\r\n{name}: {length}\r\n" in head
    stored = exchange(hop_of(b"ok", text.format("22")), "Chrome/1")
    assert measure(stored.response, "GET").payload_bytes == 2


def test_http_2_is_written_as_http_1_and_says_so() -> None:
    """Without the text of a head it is made from the fields, repeated ones on lines of their own; the protocol is noted."""
    hop = hop_of(b"{}", "", {":status": "200", "content-type": "application/json", "set-cookie": "a=1\nb=2"})
    hop.tell("sent", {"headers": {":authority": "sfj.yunling.test", ":method": "GET", "accept": "*/*"}})
    hop.tell(
        "response",
        {
            "protocol": "h2",
            "remoteIPAddress": "[2001:db8::1]",
            "securityDetails": {"protocol": "TLS 1.3", "cipher": "AES_128_GCM"},
        },
    )
    assert hop.told.is_set()
    made = exchange(hop, "Chrome/1")
    assert made.response.read() == (
        b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nset-cookie: a=1\r\nset-cookie: b=2\r\n\r\n{}"
    )
    assert made.request == b"GET /zwgk/list.php?cid=1&page=2 HTTP/1.1\r\nHost: sfj.yunling.test\r\naccept: */*\r\n\r\n"
    assert (made.http_version, made.tls_version, made.tls_cipher, made.ip) == ("h2", "TLSv1.3", None, "2001:db8::1")
    assert made.rebuilt_by == "Chrome/1 (Chrome DevTools Protocol)"


def test_what_the_browser_did_not_tell_is_taken_from_the_interceptor() -> None:
    """Without a report of its own an exchange has the interceptor's status, fields and request; peer and TLS are unknown."""
    hop = hop_of(b"ok")
    made = exchange(hop, "Chrome/1")
    assert made.response.read() == b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\n\r\nok"
    assert made.request.startswith(b"GET /zwgk/list.php?cid=1&page=2 HTTP/1.1\r\nHost: sfj.yunling.test\r\nX-A: 1\r\n")
    assert (made.ip, made.tls_version, made.http_version) == (None, None, None)


def test_a_posted_body_is_kept_to_the_byte() -> None:
    """The bytes told in pieces hold; text alone is UTF-8."""
    pieces = [{"bytes": b64encode(b"id=\xd6").decode()}, {"bytes": b64encode(b"\xd0&x=1").decode()}]
    assert posted_bytes({"postData": "id=\ufffd", "postDataEntries": pieces}) == b"id=\xd6\xd0&x=1"
    assert posted_bytes({"postData": "名=1"}) == "名=1".encode()
    assert posted_bytes({}) == b""


def test_a_redirect_is_a_hop_that_the_next_one_remembers() -> None:
    """A hop that was redirected to names every address before it; a 304 or a redirect without Location leads nowhere."""
    first = read_hop(asked("http://a.test/1"), main=True, before=None)
    first.take(answered(302, ("Location", "/2")))
    second = read_hop(asked("http://a.test/2#top"), main=True, before=first)
    third = read_hop(asked("http://a.test/3"), main=True, before=second)
    assert first.redirects
    assert (second.url, third.via) == ("http://a.test/2", ("http://a.test/1", "http://a.test/2"))
    second.take(answered(302))
    third.take(answered(304, ("Location", "/4")))
    assert not second.redirects
    assert not third.redirects


@given(
    entity=st.binary(max_size=200),
    lines=st.lists(
        st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]), max_size=40), max_size=6
    ),
    values=st.dictionaries(st.text(max_size=10), st.text(max_size=20), max_size=4),
)
def test_any_head_and_body_make_a_message_that_reads_back(
    entity: bytes, lines: list[str], values: dict[str, str]
) -> None:
    """Whatever a server or browser says, the stored block has one head, and behind it the entity."""
    kept = [
        line for line in lines if line.strip() and not line.lower().startswith(("content-length", "transfer-encoding"))
    ]
    hop = hop_of(entity, "\r\n".join(("HTTP/1.1 200 OK", *kept)) + "\r\n\r\n", values)
    stored = exchange(hop, "Chrome/1")
    head = read_head(stored.response)
    assert head.status == 200
    stored.response.seek(head.end)
    assert stored.response.read() == entity
    assert read_request(stored.request)[1] == b""


def test_the_request_line_is_in_origin_form() -> None:
    """An address without path asks for /; the query is kept as it is."""
    for url, target in (("http://a.test", b"/"), ("http://a.test?b=%E4", b"/?b=%E4"), ("http://a.test/x?", b"/x")):
        assert request_block(read_hop(asked(url), main=False, before=None)).split(b" ")[1] == target


# --- which names resolve in the browser ---


@pytest.mark.parametrize(
    ("url", "domain"),
    [
        ("http://sfj.panjin.gov.cn/zwgk/", "panjin.gov.cn"),
        ("https://www.gov.cn/", "www.gov.cn"),
        ("http://sfj.yunling.test:8080/", "sfj.yunling.test"),
        ("http://127.0.0.1:80/", "127.0.0.1"),
    ],
)
def test_a_site_is_its_registrable_domain(url: str, domain: str) -> None:
    """Departments of a city stand under its domain; a name under no public suffix is its own."""
    assert own_domain(url) == domain


@pytest.mark.parametrize(
    ("connect_to", "rules"),
    [
        ("", "MAP * ~NOTFOUND, EXCLUDE x.test, EXCLUDE *.x.test"),
        (
            ":80:127.0.0.1:81",
            "MAP x.test:80 127.0.0.1:81, MAP *.x.test:80 127.0.0.1:81, MAP x.test x.test, MAP * ~NOTFOUND",
        ),
        (
            "a.x.test:443:[::1]:8443 y.test:80:127.0.0.1:81",
            "MAP a.x.test:443 [::1]:8443, MAP x.test x.test, MAP * ~NOTFOUND",
        ),
        ("x.test::127.0.0.1:", "MAP x.test 127.0.0.1, MAP x.test x.test, MAP * ~NOTFOUND"),
        (":80::8080", "MAP x.test:80 x.test:8080, MAP x.test x.test, MAP * ~NOTFOUND"),
    ],
)
def test_only_the_sites_own_names_resolve(connect_to: str, rules: str) -> None:
    """GOVCRAWL_CONNECT_TO is obeyed as far as it speaks of the site; every other name is unknown to the browser."""
    assert resolver_rules(parse_connect_to(connect_to), {"x.test"}) == rules
