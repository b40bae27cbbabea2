"""Content and transfer codings undone, in pieces and with bounds on what comes out.

Used through :mod:`archive.digest`. A compressed kilobyte can stand for a gigabyte: nothing here holds more than about
64 KiB of output at once, whatever the input is.
"""

from __future__ import annotations

import sys
import zlib
from itertools import chain
from typing import TYPE_CHECKING

import brotli

from archive.errors import UnreadableContent

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PIECE_BYTES = 65536
CODINGS_LIMIT = 5  # codings one message may stack; more is an attack, not a page
ZSTD_WINDOW_LOG_MAX = 23  # 8 MiB, the most a server may use (RFC 9659)

_ZSTD_OPTIONS: dict[int, int] = {zstd.DecompressionParameter.window_log_max: ZSTD_WINDOW_LOG_MAX}


def undo_codings(pieces: Iterator[bytes], codings: list[str]) -> Iterator[bytes]:
    """Undo codings named in the order they were applied, last one first (RFC 9110 section 8.4).

    Names that nobody knows are passed over. Raises :class:`UnreadableContent` when more are stacked than any page uses.
    """
    if len(codings) > CODINGS_LIMIT:
        message = f"{len(codings)} codings are stacked on one message; at most {CODINGS_LIMIT} are undone"
        raise UnreadableContent(message, zh=f"一条消息叠了 {len(codings)} 层内容编码，最多解 {CODINGS_LIMIT} 层")
    for coding in reversed(codings):
        decoder = _DECODERS.get(coding)
        if decoder is not None:
            pieces = decoder(pieces)
    return pieces


def _begun(pieces: Iterator[bytes]) -> tuple[bytes, Iterator[bytes]]:
    """Return the first four bytes at least, where there are so many, and all pieces again."""
    start = b""
    for piece in pieces:
        start += piece
        if len(start) >= 4:  # noqa: PLR2004 -- the longest magic number, zstd's
            break
    return start, chain((start,) if start else (), pieces)


def _gunzip(pieces: Iterator[bytes]) -> Iterator[bytes]:
    start, pieces = _begun(pieces)
    if not start.startswith(b"\x1f\x8b"):
        yield from pieces
        return
    yield from _inflate(pieces, lambda: zlib.decompressobj(31))


def _undeflate(pieces: Iterator[bytes]) -> Iterator[bytes]:
    start, pieces = _begun(pieces)
    wrapped = len(start) >= 2 and start[0] & 0x0F == 8 and int.from_bytes(start[:2]) % 31 == 0  # noqa: PLR2004 -- RFC 1950
    yield from _inflate(pieces, lambda: zlib.decompressobj(15 if wrapped else -15), passes_if_unread=True)


def _inflate(
    pieces: Iterator[bytes], new_inflater: Callable[[], zlib._Decompress], *, passes_if_unread: bool = False
) -> Iterator[bytes]:
    inflater = new_inflater()
    unread = True
    for piece in pieces:
        data = piece
        while data:
            try:
                out = inflater.decompress(data, PIECE_BYTES)
            except zlib.error:
                if passes_if_unread and unread:
                    yield from chain((piece,), pieces)
                return
            if out:
                unread = False
                yield out
            if inflater.eof:
                data = inflater.unused_data
                inflater = new_inflater()
            else:
                data = inflater.unconsumed_tail
    rest = inflater.flush()
    if rest:
        yield rest


def _unbrotli(pieces: Iterator[bytes]) -> Iterator[bytes]:
    decoder = brotli.Decompressor()
    unread = True
    for piece in pieces:
        data = piece
        while True:
            try:
                out = decoder.process(data, output_buffer_limit=PIECE_BYTES)
            except brotli.error:
                if unread:
                    yield from chain((piece,), pieces)
                return
            if out:
                unread = False
                yield out
            if decoder.is_finished():
                return
            if decoder.can_accept_more_data():
                break
            data = b""


def _unzstd(pieces: Iterator[bytes]) -> Iterator[bytes]:
    start, pieces = _begun(pieces)
    if not start.startswith(b"\x28\xb5\x2f\xfd"):
        yield from pieces
        return
    decoder = zstd.ZstdDecompressor(options=_ZSTD_OPTIONS)
    for piece in pieces:
        data = piece
        while data or not (decoder.needs_input or decoder.eof):
            try:
                out = decoder.decompress(data, PIECE_BYTES)
            except zstd.ZstdError:
                return
            if out:
                yield out
            data = b""
            if decoder.eof:
                data = decoder.unused_data
                decoder = zstd.ZstdDecompressor(options=_ZSTD_OPTIONS)


_DECODERS: dict[str, Callable[[Iterator[bytes]], Iterator[bytes]]] = {
    "gzip": _gunzip,
    "x-gzip": _gunzip,
    "deflate": _undeflate,
    "br": _unbrotli,
    "zstd": _unzstd,
}
