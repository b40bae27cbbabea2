"""A crawl that dies, or whose disk fails, at a chosen step: run as ``python crash_crawl.py SCRAPY-ARGUMENTS…``.

``CRASH_AT`` counts the steps of the crawl's own process that change files or commit rows, from 1; ``CRASH_HOW`` is what
happens there: ``before``, ``after`` or ``half`` (of what is written) kill -9, or ``EIO`` or ``ENOSPC`` from then on.
``CRASH_COUNT`` names a file that gets the number of steps of a crawl that comes to its end.
"""

from __future__ import annotations

import errno
import os
import signal
import sqlite3
import sys
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from collections.abc import Callable

BY_DESCRIPTOR = ("pwrite", "fsync", "ftruncate")
BY_NAME = ("rename", "replace", "unlink", "link")
FAILURES = {"EIO": errno.EIO, "ENOSPC": errno.ENOSPC}
STATEMENTS = ("BEGIN", "COMMIT")


class Faults:
    """Counts steps and does what is asked for at one of them."""

    def __init__(self, at: int, how: str) -> None:
        self.steps = 0
        self._at = at
        self._how = how
        self._pid = os.getpid()  # readers are processes of their own, and none of them writes

    def step(self, run: Callable[[], Any], half: Callable[[], Any] | None = None) -> Any:
        """Run a step, unless it is the one at which everything ends."""
        if os.getpid() != self._pid:
            return run()
        self.steps += 1
        if self._how in FAILURES and 0 < self._at <= self.steps:
            raise OSError(FAILURES[self._how], os.strerror(FAILURES[self._how]))
        if self._how in FAILURES or self.steps != self._at:
            return run()
        if self._how == "after":
            run()
        elif self._how == "half" and half is not None:
            half()
        return die()


def die() -> NoReturn:
    """End as a crash does: at once, with nothing flushed."""
    os.kill(os.getpid(), signal.SIGKILL)
    raise SystemExit(1)


def in_data(target: int | str | os.PathLike[str]) -> bool:
    """Tell whether a step is about the data directory: that is the disk which fails."""
    path = Path(f"/proc/self/fd/{target}").readlink() if isinstance(target, int) else Path(target)
    return path.is_relative_to(os.environ["GOVCRAWL_DATA"])


def install(faults: Faults) -> None:
    """Put the steps of the operating system and of SQLite under the faults."""

    def counted(real: Callable[..., Any], *, halves: bool) -> Callable[..., Any]:
        @wraps(real)
        def step(*arguments: Any, **options: Any) -> Any:
            if not in_data(arguments[0]):
                return real(*arguments, **options)
            half = None
            if halves:
                fd, data, offset = arguments
                half = lambda: real(fd, bytes(data)[: len(data) // 2], offset)  # noqa: E731 - one expression
            return faults.step(lambda: real(*arguments, **options), half)

        return step

    for name in (*BY_DESCRIPTOR, *BY_NAME):
        setattr(os, name, counted(getattr(os, name), halves=name == "pwrite"))
    install_in_sqlite(faults)


def install_in_sqlite(faults: Faults) -> None:
    """Put the transactions of the catalog under the faults."""
    real_connect = sqlite3.connect

    class Connection(sqlite3.Connection):
        def execute(self, sql: str, *arguments: Any) -> sqlite3.Cursor:
            if not sql.startswith(STATEMENTS):
                return super().execute(sql, *arguments)
            try:
                cursor: sqlite3.Cursor = faults.step(lambda: super(Connection, self).execute(sql, *arguments))
            except OSError as error:
                failure = sqlite3.OperationalError(f"disk I/O error ({error})")
                failure.sqlite_errorcode = sqlite3.SQLITE_IOERR
                raise failure from error
            return cursor

    def connect(database: Any, *arguments: Any, **options: Any) -> sqlite3.Connection:
        if os.environ["GOVCRAWL_DATA"] not in str(database):  # what a machine remembers of servers lies on another disk
            return real_connect(database, *arguments, **options)  # type: ignore[no-any-return]
        return real_connect(database, *arguments, **{"factory": Connection, **options})  # type: ignore[no-any-return]

    sqlite3.connect = connect  # type: ignore[assignment]


def main() -> None:
    """Crawl."""
    faults = Faults(int(os.environ.get("CRASH_AT", "0")), os.environ.get("CRASH_HOW", "before"))
    install(faults)
    from scrapy.cmdline import execute  # noqa: PLC0415 - what it imports is to see the patched names

    try:
        execute(["scrapy", *sys.argv[1:]])
    finally:
        if target := os.environ.get("CRASH_COUNT"):
            Path(target).write_text(str(faults.steps), "ascii")


if __name__ == "__main__":
    main()
