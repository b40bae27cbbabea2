"""One crawl per agency and data directory, and no crawl while the catalog is made again: locks that die with their process."""

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
            fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
        except OSError as error:
            message = f"{path}: the lock of {agency} cannot be made ({error.strerror}); give write permission"
            raise ArchiveWriteError(
                message, zh=f"{path}：{agency} 的锁文件不能建立（{error.strerror}）；请给予写权限"
            ) from error
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
            raise ArchiveBusy(
                message, zh=f"另一进程正在把 {agency} 抓取到 {folder.parent}：{holder}；请等它结束，或用另一个数据目录"
            ) from error
        except OSError as error:
            os.close(fd)
            message = f"{path}: the lock of {agency} cannot be written ({error.strerror}); make room, then try again"
            raise ArchiveWriteError(
                message, zh=f"{path}：不能写入 {agency} 的锁文件（{error.strerror}）；请腾出空间后再试"
            ) from error
        return cls(fd)

    def fileno(self) -> int:
        """Return the descriptor: a child process that is given it holds the lock too, until both have let go.

        Raises:
            ValueError: it was released.
        """
        if self._fd is None:
            raise ValueError("the lock was released")
        return self._fd

    def release(self) -> None:
        """Let another process crawl the agency; releasing twice does nothing."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None


CATALOG_LOCK = ".catalog.lock"
"""Held by every open store together, and by a rebuild alone; no agency can be called so."""


def share_catalog(folder: Path) -> AgencyLock:
    """Take part in the use of the catalog; many may at a time.

    Raises:
        ArchiveBusy: the catalog is being made again.
        ArchiveWriteError: the lock file cannot be made.
    """
    fd = _open_lock(folder / CATALOG_LOCK)
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError as error:
        holder = os.pread(fd, 200, 0).decode("utf-8", "replace").strip() or "a process that did not say its pid"
        os.close(fd)
        raise ArchiveBusy(
            f"the catalog of {folder.parent} is being made again by {holder}; wait until it has ended",
            zh=f"{folder.parent} 的目录库正由 {holder} 重建；请等它结束",
        ) from error
    return AgencyLock(fd)


def take_catalog(folder: Path, at: datetime) -> AgencyLock:
    """Have the catalog for oneself.

    Raises:
        ArchiveBusy: a crawl or another rebuild is using it.
        ArchiveWriteError: the lock file cannot be written.
    """
    fd = _open_lock(folder / CATALOG_LOCK)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.ftruncate(fd, 0)
        os.pwrite(fd, f"pid {os.getpid()} since {at.isoformat(timespec='seconds')}\n".encode(), 0)
    except BlockingIOError as error:
        os.close(fd)
        raise ArchiveBusy(
            f"{folder.parent} is in use by a crawl or another rebuild (the files in {folder} name the processes); "
            "wait until it has ended",
            zh=f"{folder.parent} 正被抓取或另一次重建使用（{folder} 里的文件写有进程号）；请等它结束",
        ) from error
    except OSError as error:
        os.close(fd)
        message = f"{folder / CATALOG_LOCK}: cannot be written ({error.strerror}); make room, then try again"
        raise ArchiveWriteError(
            message, zh=f"不能写入 {folder / CATALOG_LOCK}（{error.strerror}）；请腾出空间后再试"
        ) from error
    return AgencyLock(fd)


ROUND_LOCK = ".round.lock"
"""Held by a round of recrawls; no agency can be called so."""


def take_round(folder: Path, at: datetime) -> AgencyLock:
    """Have the rounds of recrawls of a data directory for oneself; the folder is made where it is not there.

    Raises:
        ArchiveBusy: another process is in the middle of one; the message says which since when.
        ArchiveWriteError: the lock file cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ArchiveWriteError(
            f"{folder}: cannot be made ({error.strerror}); give write permission",
            zh=f"{folder} 不能建立（{error.strerror}）；请给予写权限",
        ) from error
    fd = _open_lock(folder / ROUND_LOCK)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.ftruncate(fd, 0)
        os.pwrite(fd, f"pid {os.getpid()} since {at.isoformat(timespec='seconds')}\n".encode(), 0)
    except BlockingIOError as error:
        holder = os.pread(fd, 200, 0).decode("utf-8", "replace").strip() or "a process that did not say its pid"
        os.close(fd)
        raise ArchiveBusy(
            f"a round of recrawls into {folder.parent} is going on: {holder}; wait until it has ended",
            zh=f"{folder.parent} 正在进行一轮重抓：{holder}；请等它结束",
        ) from error
    except OSError as error:
        os.close(fd)
        message = f"{folder / ROUND_LOCK}: cannot be written ({error.strerror}); make room, then try again"
        raise ArchiveWriteError(
            message, zh=f"不能写入 {folder / ROUND_LOCK}（{error.strerror}）；请腾出空间后再试"
        ) from error
    return AgencyLock(fd)


def _open_lock(path: Path) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
    except OSError as error:
        raise ArchiveWriteError(
            f"{path}: cannot be made ({error.strerror}); give write permission",
            zh=f"{path} 不能建立（{error.strerror}）；请给予写权限",
        ) from error
