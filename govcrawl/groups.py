"""Which hosts are one server: what a pace, a quiet and a budget belong to.

Hundreds of agencies' sites stand behind one address of a city's platform (集约化平台): asked politely each on its own, they
would be asked a hundredfold together. In order: the group that the operator names (GOVCRAWL_SERVER_GROUPS), the agency's own
``server_group``, the lowest IP address the host resolves to, the host. What GOVCRAWL_CONNECT_TO sends elsewhere is named by
host and target: a stand-in's address says nothing of the real server.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import socket
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from govcrawl.connect_to import parse_connect_to
from govcrawl.errors import UsageMistake
from govcrawl.pace import PACE, find_known_group, put_host
from govcrawl.speech import say

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from scrapy.settings import BaseSettings

    from govcrawl.machine import Machine
    from govcrawl.spider import DisclosureSpider

logger = logging.getLogger(__name__)

RESOLVED_SECONDS = 3600.0  # how long an address is taken for the host's
UNRESOLVED_SECONDS = 60.0  # how long a host without address is its own group
_PORTS = {"http": 80, "https": 443}


class Groups:
    """The server group of any address; knows what other processes found in the last hour.

    Args:
        machine: with the tables of :mod:`govcrawl.pace`.
        named: host → group, from :func:`parse_server_groups`.
        own: (group, hosts) that the agency declares.
        connect_to: GOVCRAWL_CONNECT_TO.
        resolve: host → addresses; replaceable for tests.
    """

    def __init__(
        self,
        machine: Machine,
        *,
        named: dict[str, str],
        own: tuple[str, frozenset[str]] = ("", frozenset()),
        connect_to: str = "",
        resolve: Callable[[str], Awaitable[list[str]]] | None = None,
    ) -> None:
        self._machine = machine
        self._named = named
        self._own = own
        self._connect_to = parse_connect_to(connect_to)
        self._resolve = resolve or _resolve
        self._known: dict[str, tuple[str, float]] = {}
        self._asked: dict[str, asyncio.Future[str]] = {}

    @classmethod
    def of(cls, settings: BaseSettings, machine: Machine, own_group: str = "", own_hosts: Iterable[str] = ()) -> Groups:
        """Make the groups of a crawl.

        Raises:
            UsageMistake: GOVCRAWL_SERVER_GROUPS or GOVCRAWL_CONNECT_TO is malformed.
        """
        return cls(
            machine,
            named=parse_server_groups(settings.get("GOVCRAWL_SERVER_GROUPS") or ""),
            own=(own_group, frozenset(own_hosts)),
            connect_to=settings.get("GOVCRAWL_CONNECT_TO") or "",
        )

    def target(self, url: str) -> str:
        """Return where GOVCRAWL_CONNECT_TO sends an address, ``host:port``; empty where it says nothing."""
        parts = urlsplit(url)
        real = (parts.hostname or "", parts.port or _PORTS.get(parts.scheme, 0))
        to = self._connect_to.target(*real)
        return "" if to == real else f"{to[0]}:{to[1]}"

    def known(self, url: str) -> str | None:
        """Return the group of an address where nobody has to be asked for it."""
        host = (urlsplit(url).hostname or "").lower()
        group = self._declared(host)
        if target := self.target(url):
            return f"{group or host} via {target}"
        if group:
            return group
        try:
            return ipaddress.ip_address(host).compressed
        except ValueError:
            pass
        found, until = self._known.get(host, ("", 0.0))
        return found if until > self._machine.now() else None

    async def of_url(self, url: str) -> str:
        """Return the group of an address; resolves its host off the loop's thread where it has to."""
        if (group := self.known(url)) is not None:
            return group
        host = (urlsplit(url).hostname or "").lower()
        if host not in self._asked:
            self._asked[host] = asyncio.ensure_future(self._settle(host))
            self._asked[host].add_done_callback(lambda _: self._asked.pop(host, None))
        return await asyncio.shield(self._asked[host])

    def remembered(self, url: str) -> str | None:
        """Return the group of an address as this machine last knew it, without resolving anything."""
        host = (urlsplit(url).hostname or "").lower()
        return self.known(url) or self._machine.transact_now(lambda db: find_known_group(db, host))[0] or None

    def _declared(self, host: str) -> str:
        if host in self._named:
            return self._named[host]
        parents = host.split(".")
        for start in range(1, len(parents)):
            if group := self._named.get("." + ".".join(parents[start:])):
                return group
        group, hosts = self._own
        return group if any(host == one or host.endswith(f".{one}") for one in hosts) else ""

    async def _settle(self, host: str) -> str:
        now = self._machine.now()
        before, settled_at = await self._machine.transact(lambda db: find_known_group(db, host))
        if before and 0 <= now - settled_at < RESOLVED_SECONDS:
            self._known[host] = (before, settled_at + RESOLVED_SECONDS)
            return before
        addresses = await self._resolve(host)
        if not addresses:
            group = before or host
            self._known[host] = (group, self._machine.now() + UNRESOLVED_SECONDS)
            return group
        # A name that leads to several servers in turn stays with the one it was found at first, while that is among them.
        group = before if before in addresses else lowest(addresses)
        now = self._machine.now()
        await self._machine.transact(lambda db: put_host(db, host, group, before, now))
        self._known[host] = (group, now + RESOLVED_SECONDS)
        logger.debug("server group host=%s group=%s", host, group)
        return group


def group_of(settings: BaseSettings, machine: Machine, agency: type[DisclosureSpider]) -> str:
    """Return the server group of an agency's site as this machine knows it, without asking anybody; else its host.

    Raises:
        UsageMistake: a setting is malformed.
    """
    machine.ensure(PACE)
    host = (urlsplit(agency.base_url).hostname or "").lower()
    return Groups.of(settings, machine, agency.server_group, {host}).remembered(agency.base_url) or host


@lru_cache(maxsize=4)  # of a process, hardly more than one
def parse_server_groups(text: str) -> dict[str, str]:
    """Return host → group of GOVCRAWL_SERVER_GROUPS, ``name=host,host;name=host``; ``.city.gov.cn`` is every host below it.

    Raises:
        UsageMistake: a part is malformed, or a host is in two groups.
    """
    named: dict[str, str] = {}
    for part in filter(None, map(str.strip, text.split(";"))):
        name, equals, hosts = (piece.strip() for piece in part.partition("="))
        members = [host.strip().lower() for host in hosts.split(",") if host.strip()]
        if not name or not equals or not members or any("/" in host or ":" in host for host in members):
            raise UsageMistake(
                say(
                    f"GOVCRAWL_SERVER_GROUPS：{part!r} 没有写明分组，应写作 名称=主机,主机; 如 xiamen=.xm.gov.cn,www.haicang.gov.cn",
                    f"GOVCRAWL_SERVER_GROUPS: {part!r} names no group; expected NAME=HOST,HOST; e.g. xiamen=.xm.gov.cn,www.haicang.gov.cn",
                )
            )
        for host in members:
            if named.setdefault(host, name) != name:
                raise UsageMistake(
                    say(
                        f"GOVCRAWL_SERVER_GROUPS：{host} 同时在 {named[host]} 和 {name} 里；只写一次",
                        f"GOVCRAWL_SERVER_GROUPS: {host} is in {named[host]} and in {name}; name it once",
                    )
                )
    return named


def lowest(addresses: Iterable[str]) -> str:
    """Return the lowest address, IPv4 before IPv6: the same for everybody who resolves the name."""
    found = [ipaddress.ip_address(address) for address in addresses]
    return min(found, key=lambda address: (address.version, int(address))).compressed


async def _resolve(host: str) -> list[str]:
    """Return the addresses of a host, none where it does not resolve."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):  # UnicodeError: a label that is no name
        return []
    return sorted({str(address[0]).partition("%")[0] for *_, address in found})
