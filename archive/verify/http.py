"""An HTTP message in a record's block: its head, the framing of its body, the digest of its payload.

Independent of :mod:`archive.digest`, which the writer uses. Follows RFC 9112 strictly where a fault would be the
archive's and leniently where it is the server's: folded lines, bare line feeds and lines without colon are what came.
"""

from __future__ import annotations

import hashlib
import re
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

HASHES = {"md5": hashlib.md5, "sha1": hashlib.sha1, "sha256": hashlib.sha256, "sha512": hashlib.sha512}
"""What digests are made with; looking a name up in :mod:`hashlib` takes longer than a small digest."""

HEAD_LIMIT_BYTES = 1 << 20
SIZE_LINE_LIMIT_BYTES = 16384
NO_BODY = frozenset({204, 304})

_STATUS_LINE = re.compile(rb"HTTP/(\d\.\d)[ \t]+([1-9]\d\d)(?:[ \t][^\n]*)?\r?\n")
_REQUEST_LINE = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+) [^\n]* HTTP/\d\.\d\r?\n")
_HEAD_END = re.compile(rb"\n\r?\n")
_FOLD = re.compile(rb"[ \t]*\r?\n[ \t]+")
_FIELD = re.compile(
    rb"^(content-length|transfer-encoding|content-type|etag|last-modified|if-none-match|if-modified-since)[ \t]*:([^\n]*)",
    re.IGNORECASE | re.MULTILINE,
)
_SIZE_LINE = re.compile(rb"[ \t]*([0-9A-Fa-f]{1,15})[ \t]*(?:;.*)?\r?\n", re.DOTALL)
_BLANK = b" \t\r"


@dataclass(slots=True)
class Message:
    """What is to be said of a message once all of it was read."""

    begins_as_http: bool = False
    start_line: bytes = b""  # of the final head, cut to a readable length
    start_line_wrong: bool = False  # a head is there, and its first line is none
    version: str | None = None
    status: int | None = None
    method: str | None = None
    head_complete: bool = False
    fields: dict[bytes, list[bytes]] = field(default_factory=dict)  # those that matter, by lower-case name
    body_bytes: int = 0
    declared_bytes: int | None = None
    payload_bytes: int = 0
    chunks_fault: str | None = None
    chunked: bool = False
    undecodable: bytes | None = None  # a transfer coding that cannot be undone here

    def value(self, name: bytes) -> str | None:
        """Return the first non-empty value of a field, as Latin-1."""
        return next((value.decode("latin-1") for value in self.fields.get(name, ()) if value), None)


class MessageReader:
    """Takes a message piece by piece; digests its payload.

    ``payload`` is the digest that the record declares for it, as an object of :mod:`hashlib`; with chunked messages
    ``framed`` is that of the undecoded body.
    """

    def __init__(self, *, request: bool, algorithm: str | None) -> None:
        self.message = Message()
        self._request = request
        self._algorithm = algorithm
        self.payload = HASHES[algorithm]() if algorithm else None
        self.framed: hashlib._Hash | None = None
        self._head = b""
        self._in_head = True
        self._left: int | None = None
        self._chunks: _Chunks | None = None
        self._inflater: zlib._Decompress | None = None

    def feed(self, piece: bytes | memoryview) -> None:
        """Take the next piece of the block."""
        if self._in_head:
            head = self._head + bytes(piece) if self._head else piece
            end = self._read_head(head if isinstance(head, bytes) else bytes(head[:HEAD_LIMIT_BYTES]))
            if end is None:
                self._head = bytes(head)
                if len(head) <= HEAD_LIMIT_BYTES:
                    return
                end = len(head)
            self._in_head = False
            self._head = b""
            piece = memoryview(head)[end:]
        if piece:
            self._take_body(memoryview(piece))

    def close(self) -> Message:
        """Say what the message was."""
        if self._in_head and self._head:
            self._note_start(self._head)
            self._note_cut_head(self._head)
        message = self.message
        if self._chunks is not None:
            self._hash(self._chunks.close())
            message.chunks_fault = self._chunks.fault
        if self._inflater is not None:
            self._count(self._inflater.flush())
        return message

    def _note_start(self, head: bytes) -> None:
        self.message.begins_as_http = head[:5] == b"HTTP/" or self._request
        self.message.start_line = head[:100].partition(b"\n")[0].rstrip()

    def _note_cut_head(self, head: bytes) -> None:
        """Take the status from a head that was cut off behind its first line."""
        whole_lines = MessageReader(request=self._request, algorithm=None)
        whole_lines.feed(head[: head.rfind(b"\n") + 1] + b"\r\n")
        self.message.version, self.message.status = whole_lines.message.version, whole_lines.message.status

    def _read_head(self, data: bytes) -> int | None:
        """Read the final head; return where the body begins, ``None`` where more bytes are needed."""
        start = 0
        while True:
            while data[start : start + 1] in {b"\r", b"\n"}:  # RFC 9112 section 2.2: blank lines before the start line
                start += 1
            found = _HEAD_END.search(data, start)
            if found is None:
                if len(data) > HEAD_LIMIT_BYTES:
                    self._note_start(data[start:])
                return None
            head = data[start : found.end()]
            pattern = _REQUEST_LINE if self._request else _STATUS_LINE
            line = pattern.match(head)
            if line is None:
                self._note_start(head)
                self.message.start_line_wrong = True
                return 0 if not self._request else found.end()
            if self._request or (line[2][:1] != b"1" or line[2] == b"101"):
                break
            start = found.end()
        message = self.message
        message.begins_as_http = message.head_complete = True
        message.start_line = head[:100].partition(b"\n")[0]
        if self._request:
            message.method = line[1].decode("ascii")
        else:
            message.version, message.status = line[1].decode("ascii"), int(line[2])
        self._note_fields(head)
        return found.end()

    def _note_fields(self, head: bytes) -> None:
        if b"\n " in head or b"\n\t" in head:
            head = _FOLD.sub(b" ", head)
        message = self.message
        for name, value in _FIELD.findall(head):
            message.fields.setdefault(name.lower(), []).append(value.strip(_BLANK))
        if message.status in NO_BODY or message.status == 101:  # noqa: PLR2004 -- RFC 9110 section 15.2.2
            self._left = 0
            return
        codings = [
            part.split(b";")[0].strip().lower()
            for value in message.fields.get(b"transfer-encoding", ())
            for part in value.split(b",")
        ]
        codings = [coding for coding in codings if coding not in {b"", b"identity"}]
        if codings:
            self._set_codings(codings)
        else:
            given = {part.strip() for value in message.fields.get(b"content-length", ()) for part in value.split(b",")}
            if len(given) == 1 and re.fullmatch(rb"\d{1,18}", only := given.pop()):
                self._left = message.declared_bytes = int(only)

    def _set_codings(self, codings: list[bytes]) -> None:
        message = self.message
        if codings[-1] == b"chunked":
            self._chunks = _Chunks()
            message.chunked = True
            self.framed = HASHES[self._algorithm]() if self._algorithm else None
            codings = codings[:-1]
        if codings in ([b"gzip"], [b"x-gzip"], [b"deflate"]):
            self._inflater = zlib.decompressobj(31 if b"gzip" in codings[0] else 15)
        elif codings:
            message.undecodable = b", ".join(codings)

    def _take_body(self, piece: memoryview) -> None:
        message = self.message
        message.body_bytes += len(piece)
        if not message.head_complete:
            return
        if self._chunks is not None:
            if self.framed is not None:
                self.framed.update(piece)
            self._hash(self._chunks.feed(piece))
            return
        if self._left is not None:
            piece = piece[: self._left]
            self._left -= len(piece)
        self._hash((piece,))

    def _hash(self, pieces: Iterable[bytes | memoryview]) -> None:
        for piece in pieces:
            if self._inflater is None:
                self._count(piece)
                continue
            rest: bytes | memoryview = piece
            while rest and not self._inflater.eof:
                try:
                    self._count(self._inflater.decompress(rest, 1 << 18))
                except zlib.error as error:
                    self.message.undecodable = str(error).encode()
                    return
                rest = self._inflater.unconsumed_tail

    def _count(self, piece: bytes | memoryview) -> None:
        self.message.payload_bytes += len(piece)
        if self.payload is not None:
            self.payload.update(piece)


class _Chunks:
    """Undoes the chunked coding (RFC 9112 section 7.1), piece by piece."""

    def __init__(self) -> None:
        self.fault: str | None = None
        self._line = b""  # begun and not finished
        self._left = 0  # of the present chunk
        self._state = "size"  # size, data, end (of a chunk's data), trailer, over, raw

    def feed(self, piece: memoryview) -> Iterator[bytes | memoryview]:
        """Yield the payload in a piece of body."""
        data: bytes | memoryview = piece
        at = 0
        while at < len(data):
            if self._state == "data":
                taken = data[at : at + self._left]
                self._left -= len(taken)
                at += len(taken)
                yield taken
                if not self._left:
                    self._state = "end"
            elif self._state == "raw":
                yield data[at:]
                return
            elif self._state == "over":
                self.fault = self.fault or f"{len(data) - at} bytes behind the end of the chunked body"
                return
            else:
                line = bytes(data[at : at + SIZE_LINE_LIMIT_BYTES])
                end = line.find(b"\n") + 1
                self._line += line[:end] if end else line
                at += end or len(line)
                if end or len(self._line) >= SIZE_LINE_LIMIT_BYTES:
                    yield from self._take_line()

    def close(self) -> Iterator[bytes]:
        """Yield what is left when the body has ended."""
        if self._state != "over":
            self.fault = self.fault or f"the body ends within its chunks ({self._state})"
        if self._state == "size" and self._line.strip() and not _SIZE_LINE.fullmatch(self._line.rstrip(b"\r") + b"\n"):
            yield self._line

    def _take_line(self) -> Iterator[bytes]:
        line, self._line = self._line, b""
        if self._state == "trailer":
            if line in {b"\r\n", b"\n"}:
                self._state = "over"
            return
        if self._state == "end":
            self._state = "size"
            if line == b"\r\n":
                return
            self.fault = self.fault or f"a chunk is followed by {line[:20]!r}, expected CR LF"
            if line == b"\n":
                return
        size = _SIZE_LINE.fullmatch(line)
        if size is None:
            self.fault = self.fault or f"{line[:20]!r} stands where a chunk size was expected"
            self._state = "raw"
            yield line
            return
        self._left = int(size[1], 16)
        self._state = "data" if self._left else "trailer"
