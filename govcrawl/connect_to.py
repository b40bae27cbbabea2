"""Connecting elsewhere: ``GOVCRAWL_CONNECT_TO="HOST:PORT:HOST2:PORT2 …"``, the meaning of ``curl --connect-to``.

A request for HOST:PORT is sent over a connection to HOST2:PORT2. Only the connection changes: the Host header, the name
in the TLS handshake (SNI) and the recorded URI stay the real ones. An empty HOST or PORT matches any, an empty HOST2 or
PORT2 keeps what was asked for; IPv6 addresses stand in brackets; rules are separated by blanks, the first that matches
wins.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field
from functools import lru_cache

from govcrawl.errors import UsageMistake
from govcrawl.speech import say

_PARTS = ("HOST", "PORT", "HOST2", "PORT2")
_COLON_OUTSIDE_BRACKETS = re.compile(r":(?![^\[]*\])")
_MAX_PORT = 65535
_NAME = re.compile(r"[a-z0-9_]([a-z0-9_.-]*[a-z0-9_.])?")  # underscores are no host names by the RFCs, but they occur


@dataclass(frozen=True, slots=True)
class Rule:
    """One ``HOST:PORT:HOST2:PORT2``; ``None`` = left empty. Hosts are lower case ASCII, IPv6 without brackets."""

    host: str | None
    port: int | None
    to_host: str | None
    to_port: int | None


@dataclass(frozen=True, slots=True)
class ConnectTo:
    """The rules in force, in the order given; falsy when there is none."""

    rules: tuple[Rule, ...] = ()
    _by_host: dict[str, tuple[Rule, ...]] = field(init=False, repr=False, compare=False)  # "": of hosts no rule names

    def __post_init__(self) -> None:
        """Sort the rules by host: there may be one for each of thousands, and every request asks."""
        sorted_: dict[str, list[Rule]] = {"": []}
        sorted_.update({rule.host: [] for rule in self.rules if rule.host is not None})
        for rule in self.rules:
            for rules in [*sorted_.values()] if rule.host is None else [sorted_[rule.host]]:
                rules.append(rule)
        object.__setattr__(self, "_by_host", {host: tuple(rules) for host, rules in sorted_.items()})

    def __bool__(self) -> bool:
        """Return whether any rule is in force."""
        return bool(self.rules)

    def target(self, host: str, port: int) -> tuple[str, int]:
        """Return the (host, port) to connect to for a request to ``host:port`` (IPv6 without brackets)."""
        for rule in self._by_host.get(host.lower(), self._by_host[""]):
            if rule.port in (None, port):
                return rule.to_host or host, rule.to_port or port
        return host, port


@lru_cache(maxsize=4)  # of a process, hardly more than one
def parse_connect_to(text: str) -> ConnectTo:
    """Return the rules written in ``text``; an empty text gives none.

    Raises:
        UsageMistake: a rule is malformed; the message names the rule and the part of it.
    """
    return ConnectTo(tuple(_parse_rule(rule) for rule in text.split()))


def is_public(host: str) -> bool:
    """Tell a host of the public network from this machine's own, private addresses and names without a dot."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_global
    except ValueError:
        return "." in host and not host.endswith((".localhost", ".local", ".internal"))


def _parse_rule(rule: str) -> Rule:
    parts = _COLON_OUTSIDE_BRACKETS.split(rule)
    if len(parts) != len(_PARTS):
        raise UsageMistake(
            say(
                f"GOVCRAWL_CONNECT_TO：{rule!r} 按冒号分成 {len(parts)} 段，应为 HOST:PORT:HOST2:PORT2 四段（可以为空）；IPv6 地址放在方括号里：[::1]",
                f"GOVCRAWL_CONNECT_TO: {rule!r} has {len(parts)} parts separated by colons, expected the four of "
                "HOST:PORT:HOST2:PORT2, any of them may be empty; put IPv6 addresses in brackets: [::1]",
            )
        )
    return Rule(
        host=_parse_host(parts[0], rule, _PARTS[0]),
        port=_parse_port(parts[1], rule, _PARTS[1]),
        to_host=_parse_host(parts[2], rule, _PARTS[2]),
        to_port=_parse_port(parts[3], rule, _PARTS[3]),
    )


def _parse_host(text: str, rule: str, part: str) -> str | None:
    if not text:
        return None
    if text.startswith("["):
        try:
            return ipaddress.IPv6Address(text[1:-1] if text.endswith("]") else text).compressed
        except ValueError as error:
            raise UsageMistake(
                say(
                    f"GOVCRAWL_CONNECT_TO：{rule!r} 的 {part} 是 {text!r}，不是方括号里的 IPv6 地址（{error}），应写作 [2001:db8::1]",
                    f"GOVCRAWL_CONNECT_TO: {part} of {rule!r} is {text!r}, which is no IPv6 address in brackets ({error}); "
                    "write it like [2001:db8::1]",
                )
            ) from error
    try:
        name = text.encode("idna").decode("ascii").lower()
    except UnicodeError:
        name = ""
    if not _NAME.fullmatch(name):
        raise UsageMistake(
            say(
                f"GOVCRAWL_CONNECT_TO：{rule!r} 的 {part} 是 {text!r}，应为不带协议和路径的主机名或 IP 地址，或留空",
                f"GOVCRAWL_CONNECT_TO: {part} of {rule!r} is {text!r}, expected a host name or an IP address without "
                "scheme and path, or nothing",
            )
        )
    return name


def _parse_port(text: str, rule: str, part: str) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and 0 < int(text[:6]) <= _MAX_PORT):
        raise UsageMistake(
            say(
                f"GOVCRAWL_CONNECT_TO：{rule!r} 的 {part} 是 {text!r}，应为 1 到 {_MAX_PORT} 的整数，或留空",
                f"GOVCRAWL_CONNECT_TO: {part} of {rule!r} is {text!r}, expected a number from 1 to {_MAX_PORT}, or nothing",
            )
        )
    return int(text)
