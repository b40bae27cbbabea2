"""Whose turn it is to write into the catalog: processes that wait are let in one after another.

SQLite lets its writers wait by trying again after pauses of up to 100 ms; who comes while another pauses is let in first, so
that of several processes which write all the time one can wait until it gives up ("database is locked"). Here a writer waits in
the kernel (flock) and is woken when its turn comes. Two locks: who waits for the second holds the first, and who has just
written must take the first again, so that nobody who writes all the time passes the one at the head. Both die with their
process. They keep order among ourselves only: what keeps the catalog whole is SQLite's own lock.
"""

from __future__ import annotations

import fcntl
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Self

from archive.errors import ArchiveWriteError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FOLDER = "locks"
NAMES = (".catalog-next.lock", ".catalog-turn.lock")
"""The two lock files of a data directory; no agency can be called so."""


class Turns:
    """The two locks of one open catalog; of a process's threads one at a time takes a turn."""

    def __init__(self, fds: tuple[int, int]) -> None:
        self._next, self._turn = fds
        self._open = True

    @classmethod
    def of(cls, path: Path) -> Self | None:
        """Open the locks of a catalog file; None where it lies in no data directory, which a folder of locks tells.

        Raises:
            ArchiveWriteError: they cannot be made.
        """
        folder = path.parent / FOLDER
        if not folder.is_dir():
            return None
        fds: list[int] = []
        for name in NAMES:
            lock = folder / name
            try:
                fds.append(os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644))
            except OSError as error:
                for fd in fds:
                    os.close(fd)
                message = f"{lock}: cannot be made ({error.strerror}); give write permission"
                raise ArchiveWriteError(message, zh=f"{lock} 不能建立（{error.strerror}）；请给予写权限") from error
        return cls((fds[0], fds[1]))

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Wait for the turn and hold it; blocks the thread, never to be asked for on one that others wait for."""
        fcntl.flock(self._next, fcntl.LOCK_EX)
        try:
            fcntl.flock(self._turn, fcntl.LOCK_EX)
        finally:
            fcntl.flock(self._next, fcntl.LOCK_UN)
        try:
            yield
        finally:
            fcntl.flock(self._turn, fcntl.LOCK_UN)

    def close(self) -> None:
        """Close the lock files; a second time does nothing."""
        if self._open:
            self._open = False
            os.close(self._next)
            os.close(self._turn)
