"""How much of a response stays in memory, and how many large ones come in at once.

The archive gets every byte from the tap's temporary file; what Scrapy holds beside it is for reading. A page is read
whole, but only up to a limit; of a file nobody reads more than the beginning: its size and digest come from the archive
(:mod:`govcrawl.files`).
"""

from __future__ import annotations

import io
import zlib
from collections import deque
from typing import TYPE_CHECKING, Any

from archive.digest import iter_content
from govcrawl.reading import PAGE_TYPES
from govcrawl.urls import is_file_url

if TYPE_CHECKING:
    from scrapy import Request
    from scrapy.http import Response
    from typing_extensions import Buffer

    from govcrawl.wire import Recording

BEGINNING_BYTES = 1024 * 1024
"""Of a file: its magic number, or the whole of any error page or challenge that comes in its place."""

LARGE_BYTES = 8 * 1024 * 1024  # a response is large from here on

_DEFLATE_MOST = 1_032
_BEGINNING_LOOKED_AT = 512  # bytes of a page

_FILE_KINDS = frozenset({"attachment", "image"})


def expects_file(request: Request) -> bool:
    """Tell whether a request is for a file: by why it is made, or by its address."""
    kind = request.meta.get("govcrawl", {}).get("kind")
    return kind in _FILE_KINDS or (kind == "document" and is_file_url(request.url))


def body_limit(request: Request, content_type: str | None, page_bytes: int) -> int:
    """Return how many bytes of a response's body are held in memory; ``page_bytes`` is the limit of a page."""
    if expects_file(request):
        return BEGINNING_BYTES
    document = request.meta.get("govcrawl", {}).get("kind") == "document"
    declared = (content_type or "").partition(";")[0].strip().lower()
    return BEGINNING_BYTES if document and declared and not declared.startswith(PAGE_TYPES) else page_bytes


def decode_body(response: Response, limit: int) -> tuple[bytes, bool]:
    """Undo a response's content coding up to a limit of bytes; returns them and whether there was more.

    As the archive does when the capture is read again; a bomb is never blown up further than the limit.
    """
    fields = tuple((b"Content-Encoding", value) for value in response.headers.getlist(b"Content-Encoding"))
    body = bytearray()
    for piece in iter_content((response.body,), fields):
        body += piece
        if len(body) > limit:
            return bytes(body[:limit]), True
    return bytes(body), False


def gunzip_beginning(response: Response, limit: int) -> bytes | None:
    """Return the beginning of a gzipped body that stays below a limit of bytes whatever is in it; ``None`` of any other.

    Deflate makes a byte of 1,032 at most (RFC 1951).
    """
    codings = response.headers.getlist(b"Content-Encoding")
    if len(codings) != 1 or codings[0].strip().lower() not in {b"gzip", b"x-gzip"}:
        return None
    body = response.body
    if not body.startswith(b"\x1f\x8b") or len(body) * _DEFLATE_MOST > limit:
        return None
    try:
        return zlib.decompressobj(31).decompress(body, _BEGINNING_LOOKED_AT)
    except zlib.error:
        return None


class Beginning(io.BytesIO):
    """Takes any number of bytes and keeps the first ones: what Scrapy collects a body in."""

    def __init__(self, limit: int) -> None:
        super().__init__()
        self._room = limit
        self.cut = False

    def write(self, data: Buffer) -> int:
        """Keep what there is room for."""
        piece = memoryview(data)[: self._room]
        self._room -= len(piece)
        self.cut = self.cut or len(piece) < len(memoryview(data))
        super().write(piece)
        return len(memoryview(data))


class LargeTransfers:
    """Lets so many large responses come in at once; the connections of others are paused until one of them is stored.

    Holds the disk space (or, where temporary files lie in memory, the memory) of what is not archived yet in bounds.
    """

    def __init__(self, at_once: int) -> None:
        self._free = at_once
        self._in: set[Recording] = set()
        self._waiting: deque[Recording] = deque()

    def enter(self, recording: Recording) -> None:
        """Note that a response has become large; it is paused when there are enough already."""
        if self._free:
            self._free -= 1
            self._in.add(recording)
        else:
            self._waiting.append(recording)
            recording.pause()

    def leave(self, recording: Recording) -> None:
        """Note that a response is stored or given up; the one that has waited longest goes on."""
        if recording in self._waiting:
            self._waiting.remove(recording)
        if recording not in self._in:
            return
        self._in.remove(recording)
        self._free += 1
        if self._waiting:
            following = self._waiting.popleft()
            self._free -= 1
            self._in.add(following)
            following.resume()


def keep_beginning(response: Any, limit: int) -> Beginning:
    """Make Twisted's response deliver its body into Scrapy's reader with a bound on what that holds.

    Scrapy's reader counts every byte all the same: size limits, time-outs and data loss stay its own.
    """
    beginning = Beginning(limit)
    deliver = response.deliverBody

    def deliver_body(reader: Any) -> None:
        reader._bodybuf = beginning  # noqa: SLF001 - checked by govcrawl.libraries
        deliver(reader)

    response.deliverBody = deliver_body
    return beginning
