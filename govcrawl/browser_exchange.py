"""HTTP exchanges as a browser tells of them (Chrome DevTools Protocol), put together again as messages.

What is exact: the entity, decoded as its Content-Encoding says; over HTTP/1.x the lines of the response head and their
order. What is not: the request's lines stand in alphabetical order; the content coding is undone, so the fields that say
how the body was coded are renamed ``x-orig-…``; of a redirect the browser keeps no body; interim heads are not told. A
record made of this says so (``rebuiltBy`` in its metadata record).
"""

from __future__ import annotations

import asyncio
import io
import re
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any
from urllib.parse import urldefrag, urlsplit

from archive.model import Exchange
from govcrawl.politeness import Ended

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from archive.model import Truncation

Fields = list[tuple[bytes, bytes]]

REDIRECTS = frozenset({301, 302, 303, 307, 308})
_CODED = frozenset({b"content-encoding", b"transfer-encoding"})
_TLS = re.compile(r"TLS (\d(?:\.\d)?)")


@dataclass(slots=True, eq=False)
class Hop:
    """One request of a page and its answer; a redirect begins another hop of the same network request."""

    url: str
    method: str
    posted: bytes
    headers: Mapping[str, str]  # as the page set them; what was sent is in sent
    resource_type: str  # Document, XHR, Fetch, Script, Stylesheet …
    main: bool  # of the page itself, not of a frame in it
    via: tuple[str, ...] = ()  # addresses that redirected here
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    begun: float = field(default_factory=time.monotonic)
    elapsed_seconds: float = 0.0
    status: int = 0
    reason: str = ""
    fields: Fields = field(default_factory=list)  # as the interceptor shows them: without Set-Cookie
    entity: bytes = b""
    truncated: Truncation | None = None
    sent: Mapping[str, Any] | None = None  # Network.requestWillBeSentExtraInfo
    received: Mapping[str, Any] | None = None  # Network.responseReceivedExtraInfo
    response: Mapping[str, Any] | None = None  # Network.Response: peer, protocol, TLS
    told: asyncio.Event = field(default_factory=asyncio.Event)  # everything above is there, or never will be
    ended: Callable[[Ended], None] | None = None  # whom to tell that the server may be asked again

    def tell(self, name: str, event: Mapping[str, Any]) -> None:
        """Keep what the browser tells of it; the first word holds."""
        if getattr(self, name) is None:
            setattr(self, name, event)
        if self.sent is not None and self.received is not None and self.response is not None:
            self.told.set()

    def take(self, event: Mapping[str, Any]) -> None:
        """Note status and fields of the answer (Fetch.requestPaused at the response)."""
        self.status = event["responseStatusCode"]
        self.reason = event.get("responseStatusText") or ""
        self.fields = [(_bytes(f["name"]), _bytes(f["value"])) for f in event.get("responseHeaders") or ()]

    def end(self) -> None:
        """Say that the exchange is over, once."""
        tell, self.ended = self.ended, None
        if tell is not None:
            tell(
                Ended(self.status or None, len(self.entity), self.value(b"retry-after"), time.monotonic() - self.begun)
            )

    @property
    def redirects(self) -> bool:
        """Whether the answer sends the browser elsewhere."""
        return self.status in REDIRECTS and self.value(b"location") is not None

    def value(self, name: bytes) -> str | None:
        """Return a field of the answer, None where it has none of that name."""
        return next((value.decode("latin-1") for key, value in self.fields if key.lower() == name), None)


def read_hop(event: Mapping[str, Any], *, main: bool, before: Hop | None) -> Hop:
    """Return the hop that a paused request begins (Fetch.requestPaused at the request)."""
    request = event["request"]
    return Hop(
        url=urldefrag(request["url"])[0],
        method=request["method"],
        posted=posted_bytes(request),
        headers=request.get("headers") or {},
        resource_type=event.get("resourceType") or "Other",
        main=main,
        via=(*before.via, before.url) if before else (),
    )


def posted_bytes(request: Mapping[str, Any]) -> bytes:
    """Return a request's body: whole where the browser tells the bytes, else its text in UTF-8."""
    entries = request.get("postDataEntries")
    if entries:
        from base64 import b64decode  # noqa: PLC0415 - few pages post

        return b"".join(b64decode(entry.get("bytes") or "") for entry in entries)
    return (request.get("postData") or "").encode()


def exchange(hop: Hop, product: str) -> Exchange:
    """Return a hop as an exchange for the archive; ``product`` names the browser."""
    block = b"".join((*response_head(hop), hop.entity))
    told = hop.response or {}
    protocol = (told.get("protocol") or "").lower()
    return Exchange(
        url=hop.url,
        method=hop.method,
        request=request_block(hop),
        response=io.BytesIO(block),
        response_bytes=len(block),
        started_at=hop.started_at,
        elapsed_seconds=hop.elapsed_seconds,
        ip=_ip(told.get("remoteIPAddress")),
        truncated=hop.truncated,
        tls_version=_tls(told),
        http_version=None if not protocol or protocol.startswith("http/") else protocol,
        rebuilt_by=f"{product} (Chrome DevTools Protocol)",
    )


def request_block(hop: Hop) -> bytes:
    """Return the request as an HTTP/1.1 message: Host first, then the fields as the browser lists them, then the body."""
    parts = urlsplit(hop.url)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    told = hop.sent["headers"] if hop.sent else hop.headers
    fields = {name: value for name, value in told.items() if not name.startswith(":")}
    host = next((fields.pop(name) for name in list(fields) if name.lower() == "host"), None)
    lines = [f"{hop.method} {target} HTTP/1.1", f"Host: {host or parts.netloc}"]
    lines += [f"{name}: {value}" for name, joined in fields.items() for value in joined.split("\n")]
    return b"".join(_bytes(line) + b"\r\n" for line in lines) + b"\r\n" + hop.posted


def response_head(hop: Hop) -> Iterator[bytes]:
    """Yield the lines of the response head, the blank one included; fields that the stored body contradicts renamed."""
    for line in _head_lines(hop):
        name, colon, value = line.partition(b":")
        lowered = name.strip().lower()
        untrue = lowered in _CODED or (
            lowered == b"content-length" and hop.truncated is None and _contradicts(value, hop)
        )
        yield (b"x-orig-" if colon and untrue else b"") + line + b"\r\n"
    yield b"\r\n"


def response_fields(hop: Hop) -> Fields:
    """Return the fields of the stored head, as (name, value)."""
    pairs = (line.rstrip(b"\r\n").partition(b":") for line in list(response_head(hop))[1:-1])
    return [(name.strip(), value.strip()) for name, colon, value in pairs if colon]


def _contradicts(value: bytes, hop: Hop) -> bool:
    bodyless = hop.method == "HEAD" or hop.status in {HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED}
    return not bodyless and value.strip() != str(len(hop.entity)).encode()


def _head_lines(hop: Hop) -> Iterator[bytes]:
    told = hop.received or {}
    text = told.get("headersText")
    values = {name.lower(): value.split("\n") for name, value in (told.get("headers") or {}).items()}
    if text:
        first, *lines = text.removesuffix("\r\n").removesuffix("\r\n").split("\r\n")
        yield _bytes(first)
        for line in lines:
            yield _line_as_sent(line, values)
        return
    yield f"HTTP/1.1 {hop.status} {hop.reason}".encode()
    if values:
        for name, joined in told["headers"].items():
            if not name.startswith(":"):
                for value in joined.split("\n"):
                    yield _bytes(f"{name}: {value}")
    else:
        for key, content in hop.fields:
            yield key + b": " + content


def _line_as_sent(line: str, values: Mapping[str, list[str]]) -> bytes:
    """Return a line's bytes.

    The browser's text of the head leaves out bytes that are no UTF-8 (file names in GBK); its list of fields has them, one
    character for one byte.
    """
    name, _, shown = line.partition(":")
    bare = shown.strip()
    for value in values.get(name.strip().lower(), ()):
        received = _bytes(value)
        if not value.isascii() and received.decode("utf-8", "ignore").strip() == bare:
            before, after = shown.split(bare, 1) if bare else (" ", "")
            return f"{name}:{before}".encode() + received.strip() + after.encode()
    return line.encode("utf-8", "surrogatepass")


def _bytes(text: str) -> bytes:
    """Return text of the browser as bytes: one byte for a character where it has been read so, else UTF-8."""
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")


def _ip(text: str | None) -> str | None:
    try:
        return str(ip_address((text or "").strip("[]")))
    except ValueError:
        return None


def _tls(response: Mapping[str, Any]) -> str | None:
    """Return the TLS version as OpenSSL names it; which cipher suite it was is not told in full and left out."""
    found = _TLS.fullmatch((response.get("securityDetails") or {}).get("protocol") or "")
    return f"TLSv{found[1]}" if found else None
