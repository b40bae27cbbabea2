"""The tap on the wire: what Twisted's HTTP/1.x client writes and receives, byte for byte, one recording per exchange.

How a request finds its recording, without anything added to what is sent:

1. The download handler announces a :class:`Flight` (:func:`announce`) in a context variable and starts Scrapy's own
   download, which asks the pool for a connection before it suspends for the first time.
2. :class:`TapPool` takes the announced flight and hands out the connection bound to it; the binding marks the Twisted
   request object. The pool repeats nothing by itself.
3. :class:`TappedProtocol` opens a :class:`Recording` when the request starts to be written, tees both directions, and
   closes it when the parser says that the response has ended. Bytes received after that end are no part of the
   exchange: they are dropped and the connection is not used again (RFC 9112, section 6.3).

Bytes of a CONNECT to a proxy pass before the request begins and are not recorded. Names that Scrapy and Twisted do not
promise to keep are checked at import, and the tap is rehearsed once without a network.
"""

from __future__ import annotations

import logging
import re
import time
from contextvars import ContextVar
from datetime import UTC, datetime
from ipaddress import ip_address
from tempfile import SpooledTemporaryFile
from typing import TYPE_CHECKING, Any, Protocol, cast

from OpenSSL import SSL
from OpenSSL.crypto import FILETYPE_ASN1, dump_certificate
from twisted.internet.error import ConnectionLost
from twisted.internet.protocol import Factory, connectionDone
from twisted.web._newclient import Request as TxRequest
from twisted.web.client import HTTPConnectionPool
from twisted.web.http_headers import Headers
from zope.interface import directlyProvides, providedBy  # type: ignore[import-untyped]

from archive.digest import read_head
from archive.model import Exchange
from govcrawl.bodies import LARGE_BYTES, keep_beginning
from govcrawl.libraries import LenientParser, LenientProtocol, unsupported

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable

    from twisted.internet.defer import Deferred
    from twisted.internet.interfaces import IAddress, IStreamClientEndpoint
    from twisted.python.failure import Failure
    from twisted.web._newclient import HTTP11ClientProtocol
    from twisted.web.iweb import IResponse

    from archive.model import Truncation
    from govcrawl.bodies import Beginning, LargeTransfers

logger = logging.getLogger(__name__)

SPOOL_BYTES = 1024 * 1024  # of a response; more goes to a temporary file
_HEAD_BYTES = 65_536
_FINAL_STATUS = re.compile(rb"HTTP/1\.[01] ((?!429|503)[2-5]\d\d)[ \r\n]")  # of an answer whose head need not be read
_FLIGHT = "govcrawl_flight"  # attribute of the Twisted request object


class Recording:
    """One exchange while it is on the wire; open until the response ended or the flight was closed."""

    def __init__(self, transport: Any, flight: Flight | None = None) -> None:
        self._transport = transport
        self._large = flight.large if flight else None
        self._entered = False
        self._paused = False
        self._begun = self._heard = time.monotonic()
        self._open = True
        self.kept = False  # the connection had served before
        self.started_at = datetime.now(UTC)
        self.elapsed_seconds = 0.0
        self.request = bytearray()
        self.response: SpooledTemporaryFile[bytes] = SpooledTemporaryFile(  # noqa: SIM115 - closed by whoever hands it over
            max_size=SPOOL_BYTES, dir=flight.spool_folder if flight else None
        )
        self.response_bytes = 0
        self.truncated: Truncation | None = None
        self.failure: OSError | None = None  # the response could not be kept: no room for temporary files
        self.tls_version: str | None = None
        self.tls_cipher: str | None = None
        self.tls_chain: tuple[bytes, ...] = ()
        self.ip: str | None = None
        try:
            self.ip = str(ip_address(transport.getPeer().host))
        except (AttributeError, ValueError):  # not TCP/IP
            logger.debug("peer has no IP address peer=%s", transport.getPeer())

    def send(self, data: bytes) -> None:
        """Keep bytes written to the transport."""
        if self._open:
            self.request += data

    def receive(self, data: bytes) -> bool:
        """Keep bytes received; return False when they could not be kept and the connection is to be given up."""
        if not self._open:
            return True
        if self.response_bytes == 0:
            self._note_tls()
        try:
            self.response.write(data)
        except OSError as error:
            self.failure = error
            return False
        self.response_bytes += len(data)
        self._heard = time.monotonic()
        if self._large is not None and self.response_bytes > LARGE_BYTES and not self._entered:
            self._entered = True
            self._large.enter(self)
        return True

    def pause(self) -> None:
        """Take no more bytes off the connection for now."""
        self._paused = True
        self._transport.pauseProducing()

    def resume(self) -> None:
        """Go on after :meth:`pause`."""
        self._paused = False
        self._heard = time.monotonic()
        self._transport.resumeProducing()

    def quiet_seconds(self) -> float:
        """Return for how long nothing has come; a paused recording is never quiet."""
        return 0.0 if self._paused else time.monotonic() - self._heard

    def release(self) -> None:
        """Let go of the response: it is stored, or will not be."""
        self.response.close()
        if self._large is not None and self._entered:
            self._large.leave(self)

    def finish(self, rest_bytes: int = 0, truncated: Truncation | None = None) -> None:
        """Close the recording; the last ``rest_bytes`` received are not part of it."""
        if not self._open:
            return
        self._open = False
        self.elapsed_seconds = time.monotonic() - self._begun
        self.truncated = truncated
        if rest_bytes:
            self.response_bytes -= rest_bytes
            self.response.truncate(self.response_bytes)

    def age_seconds(self) -> float:
        """Return for how long the request has been on its way or answered."""
        return time.monotonic() - self._begun

    def read_verdict(self) -> tuple[int | None, str | None]:
        """Return status and Retry-After of the answer, None where it has none; to be called once it has ended."""
        if self.response_bytes == 0 or self.failure is not None:
            return None, None
        self.response.seek(0)
        start = self.response.read(_HEAD_BYTES)
        if (final := _FINAL_STATUS.match(start)) is not None:
            return int(final[1]), None
        head = read_head(start)
        return head.status, head.value(b"Retry-After")

    def exchange(self, url: str, method: str) -> Exchange:
        """Return what was recorded, its response positioned at the first byte."""
        self.response.seek(0)
        return Exchange(
            url=url,
            method=method,
            request=bytes(self.request),
            response=self.response,
            response_bytes=self.response_bytes,
            started_at=self.started_at,
            elapsed_seconds=self.elapsed_seconds,
            ip=self.ip,
            truncated=self.truncated,
            tls_version=self.tls_version,
            tls_cipher=self.tls_cipher,
            tls_chain=self.tls_chain,
        )

    @property
    def encrypted(self) -> bool:
        """Whether the response came over TLS."""
        return self.tls_version is not None

    def _note_tls(self) -> None:
        handle = self._transport.getHandle()
        if isinstance(handle, SSL.Connection):
            self.tls_version = handle.get_protocol_version_name()
            self.tls_cipher = handle.get_cipher_name()
            self.tls_chain = self._transport.read_chain(handle)


class Endpoint(Protocol):
    """Something that can be connected (Twisted's IStreamClientEndpoint)."""

    def connect(self, protocolFactory: Any) -> Any:  # noqa: N803 - Twisted's name
        """Return a Deferred of the protocol that the factory built for the new connection."""


class Flight:
    """What one download puts on the wire: one recording, none where no connection could be made."""

    def __init__(
        self,
        endpoint: Endpoint | None = None,
        *,
        body_limit: Callable[[str | None], int] | None = None,
        large: LargeTransfers | None = None,
        spool_folder: str | None = None,
    ) -> None:
        self.endpoint = endpoint  # connect here and not where the agent would
        self.large = large
        self.spool_folder = spool_folder  # for temporary files; None: where they usually lie
        self.recordings: list[Recording] = []
        self._body_limit = body_limit  # bytes to hold in memory, by the declared media type
        self._begun = time.monotonic()
        self._body: Beginning | None = None

    @property
    def body_cut(self) -> bool:
        """Whether only the beginning of the body is in memory."""
        return self._body is not None and self._body.cut

    @property
    def was_stale(self) -> bool:
        """Whether a kept connection brought nothing: the server had closed it, most likely before the request came."""
        return len(self.recordings) == 1 and self.recordings[0].kept and self.recordings[0].response_bytes == 0

    def begin(self, transport: Any, *, kept: bool = False) -> Recording:
        """Open a recording: the request is about to be written, on a connection that was ``kept`` or is new."""
        recording = Recording(transport, self)
        recording.kept = kept
        self.recordings.append(recording)
        return recording

    def answered(self, response: IResponse) -> IResponse:
        """Bound what is held in memory of a body that is about to be delivered."""
        if self._body_limit is not None:
            declared = cast("Any", response).headers.getRawHeaders(b"Content-Type") or [b""]
            self._body = keep_beginning(response, self._body_limit(declared[-1].decode("latin-1") or None))
        return response

    def quiet_seconds(self) -> float:
        """Return for how long nothing has come."""
        return self.recordings[-1].quiet_seconds() if self.recordings else time.monotonic() - self._begun

    def close(self, truncated: Truncation) -> list[Recording]:
        """End the flight: a recording whose response did not end was cut for the reason given."""
        for recording in self.recordings:
            recording.finish(truncated=truncated)
        return self.recordings


_announced: ContextVar[Flight | None] = ContextVar("govcrawl_announced", default=None)


def announce(flight: Flight | None) -> None:
    """Say that the next connection asked for in this context is for ``flight``; ``None``: for none."""
    _announced.set(flight)


class TappedTransport:
    """A transport that tells what is written to it."""

    def __init__(self, transport: Any, written: Callable[[bytes], None]) -> None:
        self._transport = transport
        self._written = written
        self._chain: tuple[bytes, ...] | None = None
        directlyProvides(self, providedBy(transport))  # the protocol asks for ITCPTransport before it sets TCP_NODELAY

    def write(self, data: bytes) -> None:
        """Write through."""
        self._written(data)
        self._transport.write(data)

    def writeSequence(self, pieces: Iterable[bytes]) -> None:  # noqa: N802 - Twisted's name
        """Write through, in one piece."""
        self.write(b"".join(pieces))

    def read_chain(self, handle: SSL.Connection) -> tuple[bytes, ...]:
        """Return the certificates that the peer of this connection showed, DER, its own first."""
        if self._chain is None:
            shown = handle.get_peer_cert_chain() or []
            self._chain = tuple(dump_certificate(FILETYPE_ASN1, certificate) for certificate in shown)
        return self._chain

    def __getattr__(self, name: str) -> Any:
        """Everything else is the transport's own."""
        return getattr(self._transport, name)


class TolerantParser(LenientParser):
    """Scrapy's response parser, which also reads past a header whose name Twisted refuses.

    Blanks between name and colon are left out, as browsers do; a name with other unfit bytes is skipped like a line without
    a colon. Either would lose the whole page otherwise; the archive has the head as it was.
    """

    def headerReceived(self, name: bytes, value: bytes) -> None:  # noqa: N802 - Twisted's name
        """Take one header."""
        try:
            super().headerReceived(name.rstrip(b" \t"), value)  # type: ignore[no-untyped-call]
        except ValueError:
            logger.debug("response header with an unfit name skipped name=%r", name)


class TappedProtocol(LenientProtocol):
    """Scrapy's HTTP/1.x client protocol with both directions teed into the recording of the current exchange."""

    _recording: Recording | None = None
    _tx_request: TxRequest | None = None
    _reset = False  # the peer broke the connection off instead of closing it

    def makeConnection(self, transport: Any) -> None:  # noqa: N802 - Twisted's name
        """Put the tap on the transport."""
        super().makeConnection(TappedTransport(transport, self._sent))  # type: ignore[no-untyped-call]

    def _sent(self, data: bytes) -> None:
        if self._recording is not None:
            self._recording.send(data)

    def request(self, request: TxRequest) -> Deferred[IResponse]:
        """Open a recording and send; a connection that is not free refuses the request as before."""
        if self.state == "QUIESCENT":
            flight: Flight = getattr(request, _FLIGHT)
            self._recording = flight.begin(self.transport, kept=self._tx_request is not None)
            self._tx_request = request
        response = super().request(request)
        if self._parser is not None:
            self._parser.__class__ = (
                TolerantParser  # as Scrapy does with its own: Twisted names the class in the method
            )
        return response

    def dataReceived(self, data: bytes) -> None:  # noqa: N802 - Twisted's name
        """Keep the bytes, then let them be parsed."""
        recording = self._recording
        if recording is not None and not recording.receive(data):
            cast("Any", self.transport).abortConnection()
            return
        super().dataReceived(data)  # type: ignore[no-untyped-call]

    def connectionLost(self, reason: Failure = connectionDone) -> None:  # noqa: N802 - Twisted's name
        """Remember how the connection ended.

        A body that ends with the connection (HTTP/1.0) is whole when the peer closed it and cut when the peer reset it.
        Over TLS the two cannot be told apart: many servers close without close_notify.
        """
        recording = self._recording
        if recording is not None and not recording.encrypted:
            self._reset = reason.check(ConnectionLost) is not None  # type: ignore[no-untyped-call]
        super().connectionLost(reason)  # type: ignore[no-untyped-call]

    def _finishResponse(self, rest: bytes) -> None:  # noqa: N802 - Twisted's name
        """Close the recording: the response ended ``len(rest)`` bytes before the last byte received."""
        recording, self._recording = self._recording, None
        if recording is not None:
            recording.finish(len(rest), "disconnect" if self._reset else None)
        if rest and self._tx_request is not None:
            logger.debug("bytes after the end of a response dropped bytes=%s peer=%s", len(rest), self.transport)
            self._tx_request.persistent = (
                False  # makes Twisted close the connection: the next answer could be out of step
            )
        super()._finishResponse(rest)


class TapFactory(Factory):
    """Builds :class:`TappedProtocol`; called by the pool as its own factory would be."""

    noisy = False

    def __init__(self, quiescent_callback: Callable[[HTTP11ClientProtocol], None], metadata: str) -> None:
        self._quiescent_callback = quiescent_callback
        self._metadata = metadata

    def __repr__(self) -> str:
        """Name the endpoint, for Twisted's log."""
        return f"TapFactory({self._metadata})"

    def buildProtocol(self, addr: IAddress | None) -> TappedProtocol:  # noqa: N802, ARG002 - Twisted's name
        """Return the protocol of a new connection."""
        return TappedProtocol(self._quiescent_callback)  # type: ignore[no-untyped-call]


class BoundConnection:
    """A connection handed out for one flight."""

    def __init__(self, connection: HTTP11ClientProtocol, flight: Flight) -> None:
        self._connection = connection
        self._flight = flight

    def request(self, request: TxRequest) -> Deferred[IResponse]:
        """Mark the Twisted request as the flight's and send it."""
        setattr(request, _FLIGHT, self._flight)
        return self._connection.request(request).addCallback(self._flight.answered)


class TapPool(HTTPConnectionPool):
    """Twisted's pool of persistent connections, all of them tapped."""

    _factory = cast("Any", TapFactory)
    retryAutomatically = False  # noqa: N815 - Twisted's name; a repetition is a request: it waits for its turn like any other

    def getConnection(self, key: Hashable, endpoint: IStreamClientEndpoint) -> Deferred[HTTP11ClientProtocol]:  # noqa: N802 - Twisted's name
        """Return a connection bound to the announced flight.

        Raises:
            RuntimeError: no flight was announced; what cannot be recorded is not sent.
        """
        flight = _announced.get()
        _announced.set(None)
        if flight is None:
            raise RuntimeError("a connection was asked for without a flight: nothing may be sent that is not recorded")
        deferred = super().getConnection(key, cast("IStreamClientEndpoint", flight.endpoint or endpoint))
        return cast("Deferred[HTTP11ClientProtocol]", deferred.addCallback(BoundConnection, flight))


class _Rehearsal:
    """A transport that leads nowhere."""

    def __init__(self) -> None:
        self.host = "192.0.2.1"
        self.lost = False

    def getPeer(self) -> _Rehearsal:  # noqa: N802 - Twisted's name
        return self

    def getHandle(self) -> None:  # noqa: N802 - Twisted's name
        return None

    def loseConnection(self) -> None:  # noqa: N802 - Twisted's name
        self.lost = True

    def write(self, data: bytes) -> None:
        """Send nothing."""

    def pauseProducing(self) -> None:  # noqa: N802 - Twisted's name
        """Nothing is read."""

    resumeProducing = pauseProducing  # noqa: N815 - Twisted's name


def rehearse() -> None:
    """Send one request to nowhere, feed an answer with bytes after its end, and compare what was recorded.

    Raises:
        UnsupportedLibrary: the tap does not see what was written and received.
    """
    request = b"GET /a HTTP/1.1\r\nHost: a.example\r\n\r\n"
    answer = b"HTTP/1.1 200 OK\r\ncontent-length:  2\r\n\r\nok"
    transport, flight = _Rehearsal(), Flight()
    protocol = TappedProtocol(lambda _: None)  # type: ignore[no-untyped-call]
    protocol.makeConnection(transport)
    tx_request = TxRequest(b"GET", b"/a", Headers({b"Host": [b"a.example"]}), None, persistent=True)  # type: ignore[no-untyped-call]
    BoundConnection(protocol, flight).request(tx_request)
    for start in range(0, len(answer), 7):
        protocol.dataReceived(answer[start : start + 7] + (b"rest" if start + 7 >= len(answer) else b""))
    seen = []
    for recording in flight.recordings:
        exchange = recording.exchange("http://a.example/a", "GET")
        with exchange.response:
            seen.append((exchange.request, exchange.response.read(), exchange.truncated))
    if seen != [(request, answer, None)] or not transport.lost:
        raise unsupported(f"a rehearsed exchange was not recorded as it was: {seen!r}")


rehearse()
