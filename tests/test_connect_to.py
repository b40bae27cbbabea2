"""Rules of GOVCRAWL_CONNECT_TO."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from govcrawl.connect_to import ConnectTo, parse_connect_to
from govcrawl.errors import UsageMistake


def test_no_rule_changes_nothing() -> None:
    """An empty or blank text gives no rule, and every target stays."""
    for text in ("", "  \t\n"):
        connect_to = parse_connect_to(text)
        assert not connect_to
        assert connect_to == ConnectTo()
        assert connect_to.target("sfj.example", 80) == ("sfj.example", 80)


@pytest.mark.parametrize(
    ("text", "asked", "target"),
    [
        ("sfj.example:80:127.0.0.1:8080", ("sfj.example", 80), ("127.0.0.1", 8080)),
        ("sfj.example:80:127.0.0.1:8080", ("sfj.example", 443), ("sfj.example", 443)),
        ("sfj.example:80:127.0.0.1:8080", ("www.sfj.example", 80), ("www.sfj.example", 80)),
        ("SFJ.Example:80:127.0.0.1:8080", ("sfj.example", 80), ("127.0.0.1", 8080)),
        ("sfj.example:80:127.0.0.1:8080", ("SFJ.EXAMPLE", 80), ("127.0.0.1", 8080)),
        (":80:127.0.0.1:8080", ("any.example", 80), ("127.0.0.1", 8080)),
        (":80:127.0.0.1:8080", ("any.example", 81), ("any.example", 81)),
        ("sfj.example::127.0.0.1:8080", ("sfj.example", 4711), ("127.0.0.1", 8080)),
        ("::127.0.0.1:8080", ("any.example", 4711), ("127.0.0.1", 8080)),
        ("sfj.example:80::8080", ("sfj.example", 80), ("sfj.example", 8080)),
        ("sfj.example:80:127.0.0.1:", ("sfj.example", 80), ("127.0.0.1", 80)),
        (":::", ("any.example", 80), ("any.example", 80)),
        ("[2001:db8::1]:80:[::1]:8080", ("2001:db8::1", 80), ("::1", 8080)),
        ("[2001:0db8:0::1]:80:127.0.0.1:8080", ("2001:db8::1", 80), ("127.0.0.1", 8080)),
        ("司法局.example:80:127.0.0.1:1", ("xn--sprq6q3no.example", 80), ("127.0.0.1", 1)),
        ("my_host.example:80:127.0.0.1:1", ("my_host.example", 80), ("127.0.0.1", 1)),
    ],
)
def test_rule_says_where_to_connect(text: str, asked: tuple[str, int], target: tuple[str, int]) -> None:
    """Empty HOST or PORT match any, empty HOST2 or PORT2 keep what was asked for."""
    connect_to = parse_connect_to(text)
    assert connect_to
    assert connect_to.target(*asked) == target


def test_first_matching_rule_wins() -> None:
    """Rules are tried in the order written, whatever blanks lie between them."""
    connect_to = parse_connect_to("  a.example:80:127.0.0.1:1\n:80:127.0.0.1:2\t::127.0.0.1:3 ")
    assert connect_to.target("a.example", 80) == ("127.0.0.1", 1)
    assert connect_to.target("b.example", 80) == ("127.0.0.1", 2)
    assert connect_to.target("a.example", 443) == ("127.0.0.1", 3)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("a.example:80:127.0.0.1", "3 parts"),
        ("a.example:80:127.0.0.1:8080:", "5 parts"),
        ("::1:80:127.0.0.1:8080", "6 parts"),
        ("https://a.example:443:127.0.0.1:8443", "5 parts"),
        ("a/b:80:127.0.0.1:8080", "HOST of"),
        ("-a.example:80:127.0.0.1:8080", "HOST of"),
        ("a..example:80:127.0.0.1:8080", "HOST of"),
        ("[::g]:80:127.0.0.1:8080", "HOST of"),
        ("[127.0.0.1]:80:127.0.0.1:8080", "HOST of"),
        ("a.example:http:127.0.0.1:8080", "PORT of"),
        ("a.example:0:127.0.0.1:8080", "PORT of"),
        ("a.example:65536:127.0.0.1:8080", "PORT of"),
        ("a.example:99999999999:127.0.0.1:8080", "PORT of"),
        ("a.example:-1:127.0.0.1:8080", "PORT of"),
        ("a.example:８０:127.0.0.1:8080", "PORT of"),
        ("a.example:80:b@c:8080", "HOST2 of"),
        ("a.example:80:[::1:8080", "parts"),
        ("a.example:80:127.0.0.1:x", "PORT2 of"),
    ],
)
def test_malformed_rule_is_named(text: str, part: str) -> None:
    """The message names the rule, the part of it, and what is accepted."""
    with pytest.raises(UsageMistake) as raised:
        parse_connect_to(f"ok.example:80:127.0.0.1:8080 {text}")
    message = str(raised.value)
    assert message.startswith("GOVCRAWL_CONNECT_TO")
    assert part in message
    assert repr(text) in message


@settings(deadline=None)  # a busy machine is no finding
@given(st.text(alphabet=st.characters(codec="utf-8")) | st.text(alphabet="a.:[]-_0189 "))
def test_any_text_is_rules_or_a_mistake(text: str) -> None:
    """Whatever is written is either understood or refused; what is understood gives usable targets."""
    try:
        connect_to = parse_connect_to(text)
    except UsageMistake:
        return
    host, port = connect_to.target("a.example", 80)
    assert host
    assert 0 < port < 65536
