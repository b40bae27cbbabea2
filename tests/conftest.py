"""What every test stands on: no network beyond this machine, and the same time zone, language and width everywhere."""

from __future__ import annotations

import atexit
import errno
import ipaddress
import itertools
import os
import socket
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

# Set when this file is imported, so that programs started by tests have it too. The zone is China's, in the POSIX form
# that needs no time-zone database; what confuses local time with UTC is eight hours off.
FIXED_ENVIRONMENT = {"TZ": "CST-8", "LC_ALL": "C.UTF-8", "LANG": "C.UTF-8", "PYTHONUTF8": "1", "COLUMNS": "120"}
DROPPED_ENVIRONMENT = {"LANGUAGE", "FORCE_COLOR", "CLICOLOR_FORCE", "SCRAPY_SETTINGS_MODULE", "SCRAPY_PROJECT"}

RESERVED_NAMES = ("test", "example", "invalid", "localhost")  # RFC 6761: they never lead anywhere

for name in list(os.environ):
    if name in DROPPED_ENVIRONMENT or name.startswith("GOVCRAWL_") or name.lower().endswith("_proxy"):
        del os.environ[name]
os.environ.update(FIXED_ENVIRONMENT)
# Where what this machine remembers of servers lies: not where its user's lies; of fixtures that outlive a test, here.
_STATE = tempfile.TemporaryDirectory(prefix="govcrawl-tests-state-")
os.environ["GOVCRAWL_STATE"] = _STATE.name
atexit.register(_STATE.cleanup)
_folders = itertools.count()
if hasattr(time, "tzset"):
    time.tzset()


@pytest.fixture(autouse=True)
def machine_state(monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give every test, and the programs it starts, a machine of its own: nobody's pace, robots.txt or quiet is known."""
    folder = Path(_STATE.name, f"{next(_folders)}")  # made by what needs it
    monkeypatch.setenv("GOVCRAWL_STATE", str(folder))
    return folder


def is_local(host: str | bytes | None) -> bool:
    """Tell whether a host as given to a socket is this machine; an empty one is a wildcard address."""
    text = host.decode() if isinstance(host, bytes) else host or ""
    try:
        return ipaddress.ip_address(text.partition("%")[0]).is_loopback
    except ValueError:
        return text in {"", "localhost"}


@pytest.fixture(autouse=True)
def loopback_only(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Refuse every connection that would leave this machine, and fail the test that tried, also if it went on.

    A name that is not this machine's does not resolve, as on a machine without network.
    """
    attempts: list[str] = []

    def refuse(host: object) -> OSError:
        attempts.append(repr(host))
        return OSError(errno.ENETUNREACH, f"tests stay on this machine: {host!r} is not loopback")

    def guard(method: Any) -> Any:
        def guarded(self: socket.socket, *arguments: Any) -> Any:
            address = arguments[-1]
            if self.family in {socket.AF_INET, socket.AF_INET6} and not is_local(address[0]):
                raise refuse(address)
            return method(self, *arguments)

        return guarded

    real_getaddrinfo = socket.getaddrinfo

    def getaddrinfo(host: str | bytes | None, *arguments: Any, **options: Any) -> Any:
        text = host.decode() if isinstance(host, bytes) else host or ""
        try:
            ipaddress.ip_address(text.partition("%")[0])
        except ValueError:
            if not is_local(text):
                if text.rstrip(".").rpartition(".")[2] not in RESERVED_NAMES:
                    attempts.append(text)
                raise socket.gaierror(socket.EAI_NONAME, f"tests resolve no names: {text}") from None
        return real_getaddrinfo(host, *arguments, **options)

    for method in ("connect", "connect_ex", "sendto"):
        monkeypatch.setattr(socket.socket, method, guard(getattr(socket.socket, method)))
    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    yield
    assert not attempts, f"the test tried to leave this machine: {', '.join(attempts)}"
