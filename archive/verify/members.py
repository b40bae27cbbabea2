"""Bytes of a WARC file, taken apart into gzip members in bounded memory.

Written without the reader's and the writer's code: a checker must not trust what it checks. A member is inflated at
most :data:`PIECE_BYTES` at a time, whatever it claims to hold.
"""

from __future__ import annotations

import hashlib
import zlib
from typing import Protocol

READ_BYTES = 1 << 20
FEED_BYTES = 1 << 15  # given to zlib at once; what it does not need of it is copied, so not more
PIECE_BYTES = 1 << 18
MAGIC = b"\x1f\x8b\x08"


class Reads(Protocol):
    """Something to read bytes from, one after the other."""

    def read(self, size: int, /) -> bytes:
        """Return up to ``size`` bytes, ``b""`` at the end."""


class BrokenMember(Exception):
    """A gzip member cannot be inflated."""

    def __init__(self, code: str, what: str) -> None:
        super().__init__(what)
        self.code = code


class Bytes:
    """A file read forward once, through a buffer, with a digest of all of it."""

    def __init__(self, file: Reads) -> None:
        self._file = file
        self._sha256 = hashlib.sha256()
        self.total = 0  # read so far
        self.data = b""
        self.at = 0  # next byte of ``data``

    @property
    def offset(self) -> int:
        """Return the position in the file of the next byte."""
        return self.total - len(self.data) + self.at

    def fill(self) -> bool:
        """Read on, keeping what is not yet taken; ``False`` at the end of the file."""
        more = self._file.read(READ_BYTES)
        if not more:
            return False
        self._sha256.update(more)
        self.total += len(more)
        self.data = self.data[self.at :] + more if self.at < len(self.data) else more
        self.at = 0
        return True

    def holds(self, count: int) -> bool:
        """Tell whether ``count`` more bytes are there; reads on where needed."""
        while len(self.data) - self.at < count:
            if not self.fill():
                return False
        return True

    def skip_to_magic(self) -> bool:
        """Go on to the next place that looks like a gzip member with a WARC record; ``False`` where there is none."""
        while True:
            found = self.data.find(MAGIC, self.at)
            if found < 0:
                self.at = max(self.at, len(self.data) - len(MAGIC) + 1)
                if not self.fill():
                    self.at = len(self.data)
                    return False
                continue
            self.at = found
            self.holds(FEED_BYTES)
            if _begins_record(self.data[self.at : self.at + FEED_BYTES]):
                return True
            self.at += 1

    def hexdigest(self) -> str:
        """Return the SHA-256 of the whole file, lower-case hex; reads what is left."""
        while more := self._file.read(READ_BYTES):
            self._sha256.update(more)
            self.total += len(more)
            self.data, self.at = b"", 0
        return self._sha256.hexdigest()


def _begins_record(data: bytes) -> bool:
    try:
        return zlib.decompressobj(31).decompress(data, 5) == b"WARC/"
    except zlib.error:
        return False


class Member:
    """One gzip member, inflated in pieces."""

    def __init__(self, source: Bytes) -> None:
        self._source = source
        self._inflater = zlib.decompressobj(31)
        self.offset = source.offset
        self.ended = False  # all of it was read, and its CRC is right

    @property
    def length(self) -> int:
        """Return the bytes of the member that were taken; its length once it has ended."""
        return self._source.offset - self.offset

    def read(self) -> bytes:
        """Return the next piece, ``b""`` at the member's end.

        Raises :class:`BrokenMember` where it cannot be inflated, or the file ends within it.
        """
        source, inflater = self._source, self._inflater
        while not self.ended:
            if source.at >= len(source.data) and not source.fill():
                raise BrokenMember("gzip-truncated", f"{self.length} bytes of the member are there")
            feed = source.data[source.at : source.at + FEED_BYTES]
            try:
                out = inflater.decompress(feed, PIECE_BYTES)
            except zlib.error as error:
                source.at += 1 if self.length == 0 else 0
                raise BrokenMember("gzip-broken", str(error)) from error
            if inflater.eof:
                source.at += len(feed) - len(inflater.unused_data)
                self.ended = True
            else:
                source.at += len(feed) - len(inflater.unconsumed_tail)
            if out:
                return out
        return b""


class Plain:
    """A file that is not compressed, read in pieces as if it were one member."""

    def __init__(self, source: Bytes) -> None:
        self._source = source

    def read(self) -> bytes:
        """Return the next piece, ``b""`` at the end."""
        source = self._source
        if source.at >= len(source.data) and not source.fill():
            return b""
        piece = source.data[source.at :] if source.at else source.data
        source.at = len(source.data)
        return piece
