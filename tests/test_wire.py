"""The tap itself, without a network: pieces, ends, and what happens when a library changes."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.web._newclient import Request as TxRequest
from twisted.web.http_headers import Headers
from wire_cases import CASES, GARBAGE_BYTES, GARBAGE_CASES, Case

from govcrawl.libraries import SUPPORTED, check_names
from govcrawl.wire import SPOOL_BYTES, BoundConnection, Flight, Recording, TappedProtocol, TapPool, rehearse

if TYPE_CHECKING:
    from pathlib import Path

REQUEST = b"GET /a HTTP/1.1\r\nHost: a.example\r\n\r\n"
MISSING = [
    ("scrapy.core.downloader.handlers.http11", "_LenientHTTP11ClientProtocol"),
    ("scrapy.core.downloader.handlers.http11", "_LenientHTTPClientParser"),
    ("twisted.web._newclient", "HTTP11ClientProtocol._finishResponse"),
    ("twisted.web._newclient", "HTTP11ClientProtocol._parser"),
    ("twisted.web.client", "HTTPConnectionPool._factory"),
    ("twisted.web.client", "HTTPConnectionPool.getConnection"),
]


class StringLine(StringTransport):
    """A string as transport, without TLS."""

    abortConnection = StringTransport.loseConnection  # noqa: N815 - Twisted's name

    def getHandle(self) -> None:  # noqa: N802 - Twisted's name
        return None


@dataclass(frozen=True, slots=True)
class Seen:
    """What was recorded of one exchange."""

    request: bytes
    response: bytes
    truncated: str | None


class Line:
    """A tapped connection that leads into a string."""

    def __init__(self) -> None:
        self.free: list[Any] = []
        self.transport = StringLine()  # type: ignore[no-untyped-call]
        self.protocol = TappedProtocol(self.free.append)  # type: ignore[no-untyped-call]
        self.protocol.makeConnection(self.transport)

    def send(self, flight: Flight, method: bytes = b"GET") -> None:
        """Send one request; its outcome is of no interest here."""
        request = TxRequest(method, b"/a", Headers({b"Host": [b"a.example"]}), None, persistent=True)  # type: ignore[no-untyped-call]
        BoundConnection(self.protocol, flight).request(request).addErrback(lambda _: None)

    def lose(self, reason: type[Exception]) -> None:
        """End the connection from the other side."""
        self.protocol.connectionLost(Failure(reason()))  # type: ignore[no-untyped-call]


def recorded(flight: Flight) -> list[Seen]:
    """Close a flight and return what was recorded."""
    seen = []
    for recording in flight.close("unspecified"):
        exchange = recording.exchange("http://a.example/a", "GET")
        with exchange.response as response:
            seen.append(Seen(exchange.request, response.read(), exchange.truncated))
            assert exchange.response_bytes == len(seen[-1].response)
    return seen


def one_answer(case: Case) -> bytes:
    """Return the bytes of a case's first answer."""
    return b"".join(step for step in case.answers[0] if isinstance(step, bytes))


WHOLE = [
    case for case in CASES if case.truncated[:1] == (None,) and case.name != "head" and len(one_answer(case)) < 10_000
]


@settings(deadline=None)  # a busy machine is no finding
@given(st.data())
def test_pieces_do_not_matter(data: st.DataObject) -> None:
    """However an answer is cut into pieces by the network, the same bytes are recorded."""
    case = data.draw(st.sampled_from(WHOLE))
    answer = one_answer(case)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(answer)), max_size=12)))
    line, flight = Line(), Flight()
    line.send(flight)
    for start, end in zip([0, *cuts], [*cuts, len(answer)], strict=True):
        line.protocol.dataReceived(answer[start:end])
    line.lose(ConnectionDone)
    (exchange,) = recorded(flight)
    assert exchange.request == REQUEST
    assert exchange.response == answer
    assert exchange.truncated is None


@settings(deadline=None)  # a busy machine is no finding
@given(st.binary(max_size=300), st.integers(1, 50))
def test_anything_received_is_kept(answer: bytes, size: int) -> None:
    """What is no HTTP at all is recorded as far as it was received before the connection was given up."""
    line, flight = Line(), Flight()
    line.send(flight)
    received = b""
    for start in range(0, len(answer), size):
        if line.transport.disconnecting:
            break
        received += answer[start : start + size]
        line.protocol.dataReceived(answer[start : start + size])
    (exchange,) = recorded(flight)
    assert received.startswith(exchange.response)
    assert exchange.truncated is None or len(exchange.response) == len(received)


@pytest.mark.parametrize("case", GARBAGE_CASES, ids=lambda case: case.name)
def test_bytes_after_the_end_close_the_connection(case: Case) -> None:
    """A connection that brought more than its answer is not given back to the pool."""
    line, flight = Line(), Flight()
    line.send(flight, case.requests[0].get("method", "GET").encode())
    line.protocol.dataReceived(one_answer(case))
    (exchange,) = recorded(flight)
    assert exchange.response == one_answer(case)[: -GARBAGE_BYTES[case.name]]
    assert line.transport.disconnecting
    assert not line.free


def test_next_answer_does_not_leak_into_the_first() -> None:
    """Each exchange of a kept connection has its own bytes only, also those that come late."""
    line, first, second = Line(), Flight(), Flight()
    line.send(first)
    line.protocol.dataReceived(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\none")
    assert line.free == [line.protocol]
    line.send(second)
    line.protocol.dataReceived(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\ntwo")
    exchanges = recorded(second)
    line.protocol.dataReceived(b" late")
    assert [exchange.response for exchange in recorded(first)] == [b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\none"]
    assert [exchange.response for exchange in exchanges] == [b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\ntwo"]
    assert [exchange.request for exchange in exchanges] == [REQUEST]
    assert exchanges[0].truncated == "unspecified"


@pytest.mark.parametrize(("reason", "truncated"), [(ConnectionDone, None), (ConnectionLost, "disconnect")])
def test_body_ended_by_a_reset_is_cut(reason: type[Exception], truncated: str | None) -> None:
    """A body without a length is whole when the peer closes and cut when it resets the connection."""
    line, flight = Line(), Flight()
    line.send(flight)
    line.protocol.dataReceived(b"HTTP/1.0 200 OK\r\n\r\nbody")
    line.lose(reason)
    (exchange,) = recorded(flight)
    assert exchange.response == b"HTTP/1.0 200 OK\r\n\r\nbody"
    assert exchange.truncated == truncated


def test_no_room_for_the_response_gives_the_connection_up(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """When the temporary file cannot be written the failure is kept and nothing more is read."""
    line, flight = Line(), Flight()
    line.send(flight)
    line.protocol.dataReceived(b"HTTP/1.1 200 OK\r\nContent-Length: 9000000\r\n\r\n")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "not there"))
    line.protocol.dataReceived(b"x" * SPOOL_BYTES)
    (recording,) = flight.close("disconnect")
    recording.response.close()
    assert isinstance(recording.failure, FileNotFoundError)
    assert line.transport.disconnecting


def test_peer_without_an_address_has_none() -> None:
    """A peer that is not on TCP/IP has no IP address; nothing is made up."""
    for peer, ip in (("a socket file", None), (IPv4Address("TCP", "192.0.2.7", 80), "192.0.2.7")):
        recording = Recording(StringLine(peerAddress=peer))  # type: ignore[no-untyped-call]
        recording.response.close()
        assert recording.ip == ip


def test_pool_sends_nothing_unannounced() -> None:
    """A connection asked for outside a download is refused."""
    with pytest.raises(RuntimeError, match="without a flight"):
        TapPool(None).getConnection(("http", "a.example", 80), None)  # type: ignore[arg-type, no-untyped-call]


def test_installed_libraries_are_supported() -> None:
    """The self-test passes with what is installed."""
    check_names()
    rehearse()


@pytest.mark.parametrize(("module", "name"), MISSING, ids=[name for _, name in MISSING])
def test_missing_private_name_is_said_at_import(module: str, name: str) -> None:
    """Without a name it stands on, the tap does not import and says which versions are supported."""
    owner, _, attribute = f"module.{name}".rpartition(".")
    code = (
        f"import importlib; module = importlib.import_module({module!r}); del {owner}.{attribute}; import govcrawl.wire"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    last = run.stderr.strip().splitlines()[-1]
    assert last.startswith("govcrawl.errors.UnsupportedLibrary: wire-true capture cannot work")
    assert attribute in last
    assert SUPPORTED in last
    assert re.search(r"Scrapy \d+\.\d+\S* and Twisted \d+\.\d+", last)


def test_changed_behaviour_is_said_at_import() -> None:
    """When the names are there and the bytes do not come through them, the rehearsal says so."""
    code = (
        "from twisted.web._newclient import HTTP11ClientProtocol as P; end = P._finishResponse\n"
        "P._finishResponse = lambda self, rest: end(self, rest)\n"
        "from twisted.web._newclient import HTTPClientParser\n"
        "HTTPClientParser._finished = lambda self, rest: self.finisher(b'')\n"
        "import govcrawl.wire"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "UnsupportedLibrary" in run.stderr.splitlines()[-1]
    assert "rehearsed exchange" in run.stderr
