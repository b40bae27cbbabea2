"""Pieces of a file or gzip member, looked at and taken from the front."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archive.verify.members import Member, Plain

if TYPE_CHECKING:
    Pieces = Member | Plain


class Window:
    """Pieces that are looked at from the front and taken."""

    def __init__(self, source: Pieces) -> None:
        self.read = source.read
        self.of_member = isinstance(source, Member)
        self.data = b""
        self.at = 0
        self._received = 0

    @property
    def taken(self) -> int:
        """Return how many bytes were taken."""
        return self._received - len(self.data) + self.at

    def more(self) -> bool:
        """Append the next piece; ``False`` at the end."""
        piece = self.read()
        if not piece:
            return False
        self.put(piece)
        return True

    def put(self, piece: bytes) -> None:
        """Append a piece that was read already."""
        self._received += len(piece)
        self.data = self.data[self.at :] + piece if self.at < len(self.data) else piece
        self.at = 0

    def holds(self, count: int) -> bool:
        """Tell whether ``count`` bytes are left."""
        while len(self.data) - self.at < count:
            if not self.more():
                return False
        return True

    def peek(self, count: int) -> bytes:
        """Return the next bytes without taking them; fewer at the end."""
        self.holds(count)
        return self.data[self.at : self.at + count]

    def drop(self) -> tuple[int, bytes]:
        """Take everything; return how many bytes that were, and the last four."""
        count, last = 0, b""
        while True:
            rest = self.data[self.at :]
            self.at = len(self.data)
            count += len(rest)
            last = (last + rest)[-4:]
            if not self.more():
                return count, last

    def skip_to(self, mark: bytes) -> bool:
        """Take everything before ``mark``; ``False`` where it does not come any more."""
        while (found := self.data.find(mark, self.at)) < 0:
            self.at = max(self.at, len(self.data) - len(mark) + 1)
            if not self.more():
                self.at = len(self.data)
                return False
        self.at = found
        return True
