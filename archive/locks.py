"""One crawl per agency and data directory: a lock that dies with its process."""

from __future__ import annotations

import fcntl
import os
from typing import TYPE_CHECKING

from archive.errors import ArchiveBusy, ArchiveWriteError

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path


class AgencyLock:
    """A held lock; :meth:`release` it, or let the process end."""

    def __init__(self, fd: int) -> None:
        self._fd: int | None = fd

    @classmethod
    def take(cls, folder: Path, agency: str, at: datetime) -> AgencyLock:
        """Take an agency's lock without waiting; the lock file says who holds it since when.

        Raises:
            ArchiveBusy: another crawl of the agency holds it.
            ArchiveWriteError: the lock file cannot be written.
        """
        path = folder / f"{agency}.lock"
        try:
            fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            message = f"{path}: the lock of {agency} cannot be made ({error.strerror}); give write permission"
            raise ArchiveWriteError(message) from error
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.ftruncate(fd, 0)
            os.pwrite(fd, f"pid {os.getpid()} since {at.isoformat(timespec='seconds')}\n".encode(), 0)
        except BlockingIOError as error:
            holder = os.pread(fd, 200, 0).decode("utf-8", "replace").strip() or "a process that did not say its pid"
            os.close(fd)
            message = (
                f"{agency} is being crawled into {folder.parent} by another process: {holder}; "
                "wait until it has ended, or use another data directory"
            )
            raise ArchiveBusy(message) from error
        except OSError as error:
            os.close(fd)
            message = f"{path}: the lock of {agency} cannot be written ({error.strerror}); make room, then try again"
            raise ArchiveWriteError(message) from error
        return cls(fd)

    def release(self) -> None:
        """Let another process crawl the agency; releasing twice does nothing."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None
