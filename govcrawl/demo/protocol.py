"""As much of HTTP/1.1 as the replica portal speaks."""

from __future__ import annotations

import gzip
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

if TYPE_CHECKING:
    import asyncio

Kind = Literal[
    "home", "list", "document", "attachment", "image", "robots", "asset", "trap", "disallowed", "missing", "refused"
]  # fmt: skip

NOT_MODIFIED = 304
HTML = "text/html; charset=utf-8"
_CHUNK_BYTES = 1500
_MAX_BODY_BYTES = 65_536


@dataclass(frozen=True, slots=True)
class Asked:
    """A request."""

    method: str
    target: str
    headers: dict[str, str]  # names in lower case
    body: bytes = b""

    @property
    def path(self) -> str:
        """The target without its query."""
        return urlsplit(self.target).path


@dataclass(frozen=True, slots=True)
class Answer:
    """What is sent back."""

    kind: Kind
    body: bytes = b""
    status: int = 200
    media_type: str = HTML
    headers: dict[str, str] = field(default_factory=dict)
    compress: bool = False
    chunked: bool = False


_REASONS = {
    200: "OK", 302: "Found", 304: "Not Modified", 400: "Bad Request", 404: "Not Found", 405: "Method Not Allowed",
    421: "Misdirected Request", 503: "Service Unavailable",
}  # fmt: skip


def is_fresh(asked: Asked, etag: str, modified: datetime) -> bool:
    """Tell whether the client's copy is still good (RFC 9110, 13.2.2: If-None-Match decides where it is given)."""
    if "if-none-match" in asked.headers:
        return etag in [one.strip().removeprefix("W/") for one in asked.headers["if-none-match"].split(",")]
    if "if-modified-since" in asked.headers:
        with suppress(ValueError):
            return modified <= parsedate_to_datetime(asked.headers["if-modified-since"])
    return False


async def read_request(reader: asyncio.StreamReader) -> Asked | None:
    """Read the next request of a connection; None where the client closed it or does not speak HTTP/1."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    parts = head[0].split(" ")
    if len(parts) != len(("method", "target", "version")) or not parts[2].startswith("HTTP/1."):
        return None
    headers = {}
    for line in head[1:]:
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    length = headers.get("content-length", "0")
    if not length.isdecimal() or int(length) > _MAX_BODY_BYTES:
        return None
    return Asked(parts[0], parts[1], headers, await reader.readexactly(int(length)))


def write_answer(asked: Asked, answer: Answer) -> bytes:
    """Return the answer as bytes: content-coding where the client takes gzip, then framing."""
    body = answer.body
    headers = {
        "Date": format_datetime(datetime.now(UTC), usegmt=True),
        "Server": "YL-Demo",
        "X-Demonstration": "demo data, fictional agency",
        "Content-Type": answer.media_type,
        **answer.headers,
    }
    if answer.compress and "gzip" in asked.headers.get("accept-encoding", ""):
        body = gzip.compress(body, 6, mtime=0)
        headers |= {"Content-Encoding": "gzip", "Vary": "Accept-Encoding"}
    if answer.chunked:
        headers["Transfer-Encoding"] = "chunked"
        pieces = [body[at : at + _CHUNK_BYTES] for at in range(0, len(body), _CHUNK_BYTES)]
        body = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"
    elif answer.status != NOT_MODIFIED:  # which has no body to be framed (RFC 9110, 15.4.5)
        headers["Content-Length"] = str(len(body))
    head = f"HTTP/1.1 {answer.status} {_REASONS[answer.status]}\r\n"
    head += "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return head.encode("latin-1") + b"\r\n" + (b"" if asked.method == "HEAD" else body)
