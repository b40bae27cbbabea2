"""Files are read in child processes with limits of time and memory: a hostile file costs itself, nothing else.

A file goes to a child as a path; the child holds no catalog, no socket and no right to write. One that hangs is killed, one that
dies is replaced. Before a file is given up for time or memory it is read once more without looking for tables.
"""

from __future__ import annotations

import contextlib
import logging
import multiprocessing
import os
import resource
import signal
from pathlib import Path
from queue import Empty, LifoQueue
from typing import TYPE_CHECKING, Any, Literal

from govcrawl.workers import FORKSERVER

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.connection import Connection
    from multiprocessing.process import BaseProcess

    from govcrawl.attachment_readers.found import Found

logger = logging.getLogger(__name__)

MAX_FILE_BYTES = 128 << 20
FILES_PER_PROCESS = 200  # libraries keep caches and leak: a fresh process now and then bounds the memory
_GRACE_SECONDS = 5.0
_START_SECONDS = 120.0
_READY = "ready"
_NICE = 10  # a crawl's pages go before files

Lost = Literal["timeout", "died", "memory"]


class ReadersClosed(Exception):
    """The readers were closed while a file was being read."""


class FileReaders:
    """Child processes that read files; may be used from several threads, each of which waits for its file.

    Args:
        seconds: how long one file may take.
        memory_bytes: address space of one child.
    """

    def __init__(self, seconds: float, memory_bytes: int) -> None:
        self._seconds = seconds
        self._memory_bytes = memory_bytes
        self._idle: LifoQueue[_Child] = LifoQueue()
        self._children: set[_Child] = set()
        self._closed = False

    def read(self, path: Path) -> Found:
        """Read a file; what cannot be read is told by the status of what comes back.

        Raises:
            ReadersClosed: the readers were closed meanwhile; nothing is known of the file.
        """
        from govcrawl.attachment_readers.found import Found  # noqa: PLC0415 -- brings lxml, which --help does not need

        size = path.stat().st_size
        if size > MAX_FILE_BYTES:
            return Found(status="too_large", reason=f"{size} bytes; files of up to {MAX_FILE_BYTES} are read")
        first = self._try(path, with_tables=True)
        if isinstance(first, Found):
            return first
        second = self._try(path, with_tables=False)
        if isinstance(second, Found):
            return second
        if second == "timeout":
            return Found(status="timeout", reason=f"reading it took longer than {self._seconds:g} s")
        if second == "memory":
            return Found(status="too_large", reason=f"reading it took more than {self._memory_bytes} bytes of memory")
        return Found(status="broken", reason="reading it ended the reader's process twice")

    def close(self) -> None:
        """End the children; those that are reading are killed, and whoever waits for them gets ReadersClosed."""
        self._closed = True
        for child in list(self._children):
            child.kill()
        with contextlib.suppress(Empty):
            while True:
                self._end(self._idle.get_nowait())

    def _end(self, child: _Child) -> None:
        child.close()
        self._children.discard(child)

    def _try(self, path: Path, *, with_tables: bool) -> Found | Lost:
        try:
            child = self._idle.get_nowait()
        except Empty:
            child = _Child(self._memory_bytes)
            self._children.add(child)
        if self._closed:
            child.kill()
        answer = child.read(path, self._seconds, with_tables=with_tables)
        if isinstance(answer, str) or child.files >= FILES_PER_PROCESS or self._closed:
            self._end(child)
        else:
            self._idle.put(child)
        if isinstance(answer, str) and self._closed:
            raise ReadersClosed
        return answer


class _Child:
    """One process and the pipe to it."""

    def __init__(self, memory_bytes: int) -> None:
        context: Any = multiprocessing.get_context(
            FORKSERVER if FORKSERVER in multiprocessing.get_all_start_methods() else "spawn"
        )
        ours, theirs = context.Pipe()
        self._pipe: Connection = ours
        self._process: BaseProcess = context.Process(
            target=serve, args=(theirs, memory_bytes), daemon=True, name="file-reader"
        )
        self._process.start()
        theirs.close()
        self.files = 0
        self._busy = True  # until it says that it is ready: only then does a file's time run

    def read(self, path: Path, seconds: float, *, with_tables: bool) -> Found | Lost:
        self.files += 1
        try:
            if self.files == 1 and not (self._pipe.poll(_START_SECONDS) and self._pipe.recv() == _READY):
                return "died"
            self._busy = True
            self._pipe.send((str(path), with_tables))
            if not self._pipe.poll(seconds):
                return "timeout"
            answer: Found | Lost = self._pipe.recv()
        except (EOFError, OSError):
            return "died"
        self._busy = False
        return answer

    def kill(self) -> None:
        """End the process at once; whoever waits for its answer learns that it died."""
        with contextlib.suppress(ValueError):  # ended and closed already by the thread that reads with it
            self._process.kill()

    def close(self) -> None:
        """End the process: one that waits for a file ends with its pipe, one that does not is killed."""
        self._pipe.close()
        if self._busy:
            self._process.kill()
        self._process.join(_GRACE_SECONDS)
        if self._process.is_alive():
            self._process.kill()
            self._process.join(_GRACE_SECONDS)
        self._process.close()


def serve(pipe: Connection, memory_bytes: int) -> None:
    """Read files as they are asked for, until the pipe is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole terminal group: who asked decides
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    os.nice(_NICE)
    logging.disable(logging.ERROR)  # libraries complain of each damaged object
    with Path(os.devnull).open("wb") as nowhere:
        os.dup2(nowhere.fileno(), 2)  # … and Rust prints a stack over each damaged workbook
    from govcrawl.attachment_readers.read import read_bytes  # noqa: PLC0415 -- after the limits

    with contextlib.suppress(EOFError, OSError):
        pipe.send(_READY)
        while True:
            path, with_tables = pipe.recv()
            pipe.send(_read(read_bytes, path, with_tables=with_tables))


def _read(read_bytes: Callable[..., Found], path: str, *, with_tables: bool) -> Found | Lost:
    try:
        return read_bytes(Path(path).read_bytes(), with_tables=with_tables)
    except MemoryError:
        return "memory"
