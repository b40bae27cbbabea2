"""HTTP messages as they lie in the store: heads, payloads, contents, and the digests of them.

Three words, three byte sequences (RFC 9110 section 6.4, RFC 9112 section 6, WARC 1.1 'WARC-Payload-Digest'):

* block: every byte of the message as it crossed the wire;
* payload: the entity-body after transfer-decoding (de-chunked) and before content-decoding; what payload digests are
  of;
* content: the payload after content-decoding (gzip …); the page or file itself.

What servers send is hostile: everything here streams in pieces of at most about 64 KiB, reads heads of at most 1 MiB,
and takes of a broken message what is there.
"""

from __future__ import annotations

import hashlib
import io
import re
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

from archive.codings import CODINGS_LIMIT, PIECE_BYTES, undo_codings
from archive.errors import UnreadableContent
from archive.text import nfkc

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Source = bytes | IO[bytes]
"""Stored bytes: in memory, or a seekable binary file that starts with the message."""

Fields = tuple[tuple[bytes, bytes], ...]

HEAD_LIMIT_BYTES = 1 << 20
CHUNK_LINE_LIMIT_BYTES = 16384

NO_PAYLOAD_STATUSES = frozenset({204, 304})  # RFC 9112 section 6.3

_STATUS_LINE = re.compile(rb"HTTP/(\d(?:\.\d)?)[ \t]+([1-9]\d\d)(?:[ \t].*)?", re.DOTALL)
_CHUNK_SIZE = re.compile(rb"[ \t]*([0-9A-Fa-f]{1,15})[ \t]*(?:;.*)?\r?\n", re.DOTALL)
_DECIMAL = re.compile(rb"\d{1,18}")


@dataclass(frozen=True, slots=True)
class Head:
    """The final head of a stored response, and where it lies.

    Without an HTTP status line ``status`` and ``version`` are ``None``, ``headers`` is empty, ``start`` = ``end`` = 0.
    """

    start: int  # of the final status line; interim heads (1xx) come before it
    end: int  # just behind the blank line; where the body begins
    status: int | None
    version: str | None  # 1.1
    headers: Fields  # as received: names in their own case, folded lines joined by one space
    complete: bool  # the blank line arrived

    def values(self, name: bytes) -> list[bytes]:
        """Return the values of every field of that name (any case), in order."""
        lowered = name.lower()
        return [value for field, value in self.headers if field.lower() == lowered]

    def value(self, name: bytes) -> str | None:
        """Return the first non-empty value of that name as Latin-1 text, which keeps every byte, or ``None``."""
        lowered = name.lower()
        for field, value in self.headers:
            if value and field.lower() == lowered:
                return value.decode("latin-1")
        return None

    @property
    def media_type(self) -> str | None:
        """The declared media type: lower case, without parameters; ``None`` when none is declared."""
        declared = self.value(b"Content-Type")
        return (declared.partition(";")[0].strip().lower() or None) if declared else None


@dataclass(frozen=True, slots=True)
class Framing:
    """What is to be known of a stored response before it is written."""

    head: Head
    block_digest: str
    payload_digest: str | None  # None where the message has no payload
    payload_bytes: int


def read_head(source: Source) -> Head:
    """Find the final head of a stored response (RFC 9112 section 4; interim heads: RFC 9110 section 15.2).

    Tolerates bare LF line ends, folded lines, lines without colon, any bytes in values and blank lines before the
    status line. A head whose blank line never came ends with the message; its last, unfinished line is not read.
    """
    file = _as_file(source)
    size = file.seek(0, io.SEEK_END)
    file.seek(0)
    lines = _HeadLines(file)
    while True:
        start, line = lines.take_non_blank()
        match = _STATUS_LINE.fullmatch(line) if line is not None else None
        if match is None:
            return Head(start=0, end=0, status=None, version=None, headers=(), complete=False)
        headers, complete = _read_fields(lines)
        status = int(match[2])
        if not 100 <= status < 200 or status == 101:  # noqa: PLR2004 -- RFC 9110: 1xx is interim, but 101 ends HTTP
            break
    return Head(
        start=start,
        end=lines.position if complete else size,
        status=status,
        version=match[1].decode("ascii"),
        headers=headers,
        complete=complete,
    )


def read_request(request: bytes) -> tuple[Fields, bytes]:
    """Split a request into its header fields and its body (``b""`` where there is none)."""
    lines = _HeadLines(io.BytesIO(request))
    lines.take_non_blank()
    headers, complete = _read_fields(lines)
    return headers, request[lines.position :] if complete else b""


def has_payload(head: Head, method: str) -> bool:
    """Tell whether a response can have a payload at all (RFC 9112 section 6.3)."""
    return head.complete and method.upper() != "HEAD" and head.status not in {None, 101, *NO_PAYLOAD_STATUSES}


def iter_payload(source: Source, head: Head, method: str) -> Iterator[bytes]:
    """Yield the payload in pieces: the body after transfer-decoding, before content-decoding (RFC 9112 section 6).

    Of a broken chunk what is there is taken; where a chunk-size line should stand and something else does, the rest is
    taken as it is, which is what a body that only claims to be chunked needs. Never raises for what a server sent.
    """
    if not has_payload(head, method):
        return iter(())
    file = _as_file(source)
    codings = _codings(head.values(b"Transfer-Encoding"))
    if len(codings) > CODINGS_LIMIT:  # an attack, which must not keep a capture from being stored
        return _iter_plain(file, head.end, None)
    if not codings:
        return _iter_plain(file, head.end, _content_length(head))
    if codings[-1] == "chunked":
        return undo_codings(_iter_chunked(file, head.end), codings[:-1])
    return undo_codings(_iter_plain(file, head.end, None), codings)


def iter_content(payload: Iterable[bytes], headers: Fields, *, max_bytes: int | None = None) -> Iterator[bytes]:
    """Yield the content in pieces: the payload after undoing its content codings (RFC 9110 section 8.4).

    Knows gzip (several members too), deflate (with and without zlib wrapper), br and zstd, also stacked. A cut or
    broken stream yields what can be read; a payload that is not in the coding it claims passes as it is, and so does
    one with a coding nobody knows (``Content-Encoding: utf-8`` occurs).

    Raises:
        UnreadableContent: more than ``max_bytes`` come out, or more codings are stacked than any page uses.
    """
    named = [value for name, value in headers if name.lower() == b"content-encoding"]
    pieces = undo_codings(iter(payload), _codings(named))
    total = 0
    for piece in pieces:
        total += len(piece)
        if max_bytes is not None and total > max_bytes:
            message = (
                f"content coding {b', '.join(named)!r}: decodes to more than {max_bytes} bytes; "
                "raise the limit if the file is wanted"
            )
            raise UnreadableContent(
                message, zh=f"内容编码 {b', '.join(named)!r} 解开后超过 {max_bytes} 字节；确需此文件请提高上限"
            )
        yield piece


def measure(source: Source, method: str) -> Framing:
    """Read a stored response once for its framing and its digests."""
    head = read_head(source)
    block_digest, _ = digest_pieces(_iter_plain(_as_file(source), 0, None))
    if not has_payload(head, method):
        return Framing(head=head, block_digest=block_digest, payload_digest=None, payload_bytes=0)
    payload_digest, payload_bytes = digest_pieces(iter_payload(source, head, method))
    return Framing(head=head, block_digest=block_digest, payload_digest=payload_digest, payload_bytes=payload_bytes)


def digest_pieces(pieces: Iterable[bytes]) -> tuple[str, int]:
    """Return ``sha256:`` + lower-case hex over the pieces, and how many bytes they were."""
    digest = hashlib.sha256()
    total = 0
    for piece in pieces:
        digest.update(piece)
        total += len(piece)
    return f"sha256:{digest.hexdigest()}", total


def digest_bytes(data: bytes) -> str:
    """Return ``sha256:`` + lower-case hex of some bytes."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def text_digest(text: str) -> str:
    """Return ``sha256:`` + lower-case hex of a text in NFKC with every run of blanks as one space, as UTF-8.

    Tells whether a text changed; not a digest of any file.
    """
    normal = " ".join(nfkc(text).split())
    return digest_bytes(normal.encode("utf-8", "surrogatepass"))


def _as_file(source: Source) -> IO[bytes]:
    return io.BytesIO(source) if isinstance(source, bytes) else source


class _HeadLines:
    """Lines of a head, at most ``HEAD_LIMIT_BYTES`` of them."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.position = 0  # of the next line

    def take(self) -> bytes | None:
        """Return the next line without its end, ``None`` where no finished line is left within the limit."""
        line = self._file.readline(HEAD_LIMIT_BYTES - self.position)
        if not line.endswith(b"\n"):
            return None
        self.position += len(line)
        return line[:-2] if line.endswith(b"\r\n") else line[:-1]

    def take_non_blank(self) -> tuple[int, bytes | None]:
        while True:
            start = self.position
            line = self.take()
            if line != b"":
                return start, line


def _read_fields(lines: _HeadLines) -> tuple[Fields, bool]:
    fields: list[tuple[bytes, bytes]] = []
    folds_on_field = False
    while (line := lines.take()) is not None:
        if not line:
            return tuple(fields), True
        if line[:1] in {b" ", b"\t"}:
            if folds_on_field:
                name, value = fields[-1]
                fields[-1] = (name, (value + b" " + line.strip(b" \t")).strip(b" \t"))
            continue
        name, colon, value = line.partition(b":")
        folds_on_field = bool(colon)
        if colon:
            fields.append((name.rstrip(b" \t"), value.strip(b" \t\r")))
    return tuple(fields), False


def _codings(values: Iterable[bytes]) -> list[str]:
    """Read the coding names of a field that may be repeated, in the order they were applied, without ``identity``."""
    names = (part.split(b";")[0].strip().lower().decode("latin-1") for value in values for part in value.split(b","))
    return [name for name in names if name not in {"", "identity"}]


def _content_length(head: Head) -> int | None:
    """Read Content-Length; ``None`` where it is missing, unreadable or contradicts itself (RFC 9112 section 6.3)."""
    given = {part.strip() for value in head.values(b"Content-Length") for part in value.split(b",")}
    if len(given) != 1:
        return None
    (only,) = given
    return int(only) if _DECIMAL.fullmatch(only) else None


def _iter_plain(file: IO[bytes], position: int, length: int | None) -> Iterator[bytes]:
    left = length
    while left is None or left > 0:
        file.seek(position)  # the file may be read by others between two pieces
        piece = file.read(PIECE_BYTES if left is None else min(left, PIECE_BYTES))
        if not piece:
            return
        position += len(piece)
        if left is not None:
            left -= len(piece)
        yield piece


def _iter_chunked(file: IO[bytes], position: int) -> Iterator[bytes]:
    while True:
        file.seek(position)
        line = file.readline(CHUNK_LINE_LIMIT_BYTES)
        match = _CHUNK_SIZE.fullmatch(line)
        if match is None:
            if not _is_cut_size_line(line):
                yield from _iter_plain(file, position, None)
            return
        size = int(match[1], 16)
        if size == 0:
            return  # trailer fields are no payload
        position += len(line)
        for piece in _iter_plain(file, position, size):
            position += len(piece)
            yield piece
        file.seek(position)
        line_end = file.read(2)
        position += 2 if line_end == b"\r\n" else 1 if line_end[:1] == b"\n" else 0


def _is_cut_size_line(line: bytes) -> bool:
    """Tell a chunk-size line that was cut off (or nothing at all) from bytes that are no chunk-size line."""
    if line.endswith(b"\n"):
        return False
    return not line.strip() or _CHUNK_SIZE.fullmatch(line.rstrip(b"\r") + b"\n") is not None
