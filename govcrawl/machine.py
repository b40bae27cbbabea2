"""What this machine remembers between crawls and shares between processes: ``governor.db`` in the state folder.

Operational state only (pace, robots.txt, audit, breakers): losing it loses no page, so nothing here may end a crawl. A file
that is damaged is set aside and begun anew; where nothing can be written, this process goes on alone with a copy in
memory; each is said in one warning. Tables belong to the room that declares them (:class:`TableSet`).

The file keeps a write-ahead log with ``synchronous=OFF``: a crash of the machine may damage it, one of a process does not.
"""

from __future__ import annotations

import asyncio
import fcntl
import logging
import os
import random
import sqlite3
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING, Self, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from types import TracebackType

    from scrapy.settings import BaseSettings

logger = logging.getLogger(__name__)

T = TypeVar("T")

FILE_NAME = "governor.db"
BUSY_SECONDS = 0.01  # one attempt waits so long for other processes' transactions, which take 0.1 ms
PATIENCE_SECONDS = 30.0  # … all attempts together; then somebody holds the file who will not let go
_PAUSE_SECONDS = 0.005  # between two attempts; more with each further one
_CLOCK_STEP_SECONDS = 3600.0  # the wall clock was set: the common time line is laid anew

_DAMAGE_CODES = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_SCHEMA, sqlite3.SQLITE_FORMAT})
_STORAGE_CODES = frozenset(
    {
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_AUTH,
    }
)
_BUSY_CODES = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})


class MachineBusy(Exception):
    """Another process is in the middle of a transaction; nothing was done, try again in a moment."""


@dataclass(frozen=True, slots=True)
class TableSet:
    """The tables of one room.

    ``steps`` is DDL, one script per version of the set; a released step is never edited, a later one only adds (tables,
    columns with defaults, indexes), so that an older program works beside a newer one.
    """

    name: str
    steps: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Process:
    """A process of this machine; the start tells it from a later one with the same number."""

    pid: int
    started: str

    @classmethod
    def own(cls) -> Self:
        """Return the process that asks."""
        return cls(os.getpid(), _started(os.getpid()))

    def is_alive(self) -> bool:
        """Tell whether it still runs."""
        if self.pid == os.getpid():
            return True
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:  # somebody else's
            pass
        return _started(self.pid) == self.started


class Machine:
    """The state of this machine, open in this process; usable from any thread.

    ``path`` is None where nothing could be written, or no folder was named, and this process keeps its own copy.
    """

    def __init__(self, folders: Sequence[Path]) -> None:
        self._folders = folders
        self._lock = RLock()
        self._tables: list[TableSet] = []
        self._offset = 0.0
        self._inode = 0
        self.path: Path | None = None
        self._connection = self._open()

    @classmethod
    def open(cls, folder: Path, *, fallback: Path | None = None) -> Self:
        """Open the state of ``folder``, of ``fallback`` where that cannot be written, of memory where neither can."""
        return cls([folder] if fallback is None else [folder, fallback])

    @classmethod
    def of(cls, settings: BaseSettings) -> Self:
        """Open the state that a crawl with these settings uses."""
        return cls.open(state_folder(settings), fallback=Path(settings.get("GOVCRAWL_DATA") or "data") / "state")

    def __enter__(self) -> Self:
        """Return itself; leaving closes it."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        self.close()

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()

    def ensure(self, tables: TableSet) -> None:
        """Make a room's tables, or bring them forward; cheap when they are there."""
        with self._lock:
            if tables in self._tables:
                return
            self._tables.append(tables)
        self.transact_now(lambda connection: _migrate(connection, tables))

    def now(self) -> float:
        """Return the instant in seconds since 1970 on the one time line of all processes since this machine started.

        It runs on when somebody sets the clock, so that gaps and waits stay what they are. For the calendar use the clock.
        """
        return self._offset + _boot_seconds()

    async def transact(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run ``work`` in one ``BEGIN IMMEDIATE`` transaction without holding up the loop while others write.

        ``work`` may run twice: what it does outside the database must not matter.
        """
        deadline = time.monotonic() + PATIENCE_SECONDS
        pause = _PAUSE_SECONDS
        while True:
            try:
                return self.attempt(work)
            except MachineBusy as error:
                if time.monotonic() > deadline:
                    self._go_alone(error)
            await asyncio.sleep(random.uniform(0.5, 1.5) * pause)  # noqa: S311 - spreads processes, no secret
            pause = min(2 * pause, 0.1)

    def transact_now(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Do the same as :meth:`transact` where no loop runs: a command, the end of a crawl."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                return self.attempt(work)
            except MachineBusy as error:
                if time.monotonic() > deadline:
                    self._go_alone(error)
            time.sleep(_PAUSE_SECONDS)

    def snapshot(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run ``work``, which only reads, on one state of the file; holds nobody up, but this process's other threads."""
        with self._lock:
            try:
                with _transaction(self._connection, "BEGIN"):
                    return work(self._connection)
            except sqlite3.DatabaseError as error:
                if not _is_damage(error):
                    raise
        return self.transact_now(work)  # sets the file aside

    def rows(self, sql: str, parameters: Sequence[object] = ()) -> list[sqlite3.Row]:
        """Return the rows of a query; never waits for a writer."""
        return self.snapshot(lambda connection: connection.execute(sql, parameters).fetchall())

    # --- one attempt ---

    def attempt(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run one transaction.

        Raises:
            MachineBusy: another process has the file.
        """
        with self._lock:
            if self.path is not None and _inode(self.path) != self._inode:
                self._reopen(f"{self.path} was moved or removed")
            for again in (True, False):
                try:
                    with _transaction(self._connection):
                        return work(self._connection)
                except sqlite3.DatabaseError as error:
                    if _code(error) in _BUSY_CODES:
                        raise MachineBusy(str(error)) from error
                    if again and _is_damage(error) and self.path is not None:
                        _set_aside(self.path, self._inode, error)
                        self._reopen(str(error))
                    elif again and _code(error) in _STORAGE_CODES:
                        self._go_alone(error)
                    else:
                        raise
            raise AssertionError("the second attempt returns or raises")

    def _reopen(self, reason: str) -> None:
        logger.warning("machine state path=%s opened again: %s", self.path, reason)
        self._connection.close()
        self._connection = self._open()
        for tables in self._tables:
            with _transaction(self._connection):
                _migrate(self._connection, tables)

    def _go_alone(self, error: Exception) -> None:
        """Go on with a copy of one's own, so that the pace holds at least in this process."""
        _say_alone(self.path, error)
        with self._lock:
            self._connection.close()
            self.path = None
            self._connection = self._in_memory()
            for tables in self._tables:
                with _transaction(self._connection):
                    _migrate(self._connection, tables)

    # --- opening ---

    def _open(self) -> sqlite3.Connection:
        problem: Exception | None = None
        for number, folder in enumerate(self._folders):
            path = folder / FILE_NAME
            try:
                folder.mkdir(parents=True, exist_ok=True)
                connection = self._open_file(path)
            except (OSError, sqlite3.DatabaseError) as error:
                problem = error
                if number + 1 < len(self._folders):
                    logger.warning(
                        "machine state cannot be kept in %s (%s): kept in %s, which crawls into other data directories do "
                        "not see; name a folder that can be written with GOVCRAWL_STATE",
                        folder,
                        error,
                        self._folders[number + 1],
                    )
                continue
            self.path, self._inode = path, _inode(path)
            return connection
        if problem is not None:
            _say_alone(self._folders[-1] / FILE_NAME, problem)
        self.path = None
        return self._in_memory()

    def _open_file(self, path: Path) -> sqlite3.Connection:
        inode = _inode(path)
        try:
            return self._connect(str(path))
        except sqlite3.DatabaseError as error:
            if not _is_damage(error):
                raise
            _set_aside(path, inode, error)
        return self._connect(str(path))

    def _in_memory(self) -> sqlite3.Connection:
        return self._connect(":memory:")

    def _connect(self, name: str) -> sqlite3.Connection:
        connection = sqlite3.connect(name, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        try:
            connection.row_factory = sqlite3.Row
            _patiently(lambda: connection.execute("PRAGMA journal_mode = WAL").fetchall())
            connection.execute("PRAGMA synchronous = OFF")
            _patiently(lambda: self._anchor(connection))
        except BaseException:
            connection.close()
            raise
        return connection

    def _anchor(self, connection: sqlite3.Connection) -> None:
        """Take over the time line that the first process since the machine's start laid."""
        with _transaction(connection):
            _migrate(connection, _CLOCK)
            boot, here = _boot(), time.time() - _boot_seconds()
            row = connection.execute("SELECT offset_seconds FROM clock WHERE boot = ?", (boot,)).fetchone()
            if row is None or abs(row[0] - here) > _CLOCK_STEP_SECONDS:
                if row is not None:
                    logger.warning("the clock of this machine was set by %.0f s", here - row[0])
                connection.execute("INSERT OR REPLACE INTO clock VALUES (?, ?)", (boot, here))
                self._offset = here
            else:
                self._offset = row[0]


def state_folder(settings: BaseSettings) -> Path:
    """Return where this machine's state lies: GOVCRAWL_STATE, else ``govcrawl`` in the XDG state directory."""
    given = settings.get("GOVCRAWL_STATE") or os.environ.get("GOVCRAWL_STATE")
    if given:
        return Path(given).expanduser()
    home = os.environ.get("XDG_STATE_HOME") or ""
    base = Path(home) if Path(home).is_absolute() else Path("~/.local/state").expanduser()
    return base / "govcrawl"


_CLOCK = TableSet(
    "clock", ("CREATE TABLE clock (boot TEXT PRIMARY KEY, offset_seconds REAL NOT NULL) WITHOUT ROWID, STRICT",)
)


@contextmanager
def _transaction(connection: sqlite3.Connection, begin: str = "BEGIN IMMEDIATE") -> Iterator[None]:
    connection.execute(begin)
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        with suppress(sqlite3.DatabaseError):  # some errors have rolled it back already
            connection.execute("ROLLBACK")
        raise


def _migrate(connection: sqlite3.Connection, tables: TableSet) -> None:
    connection.execute(
        "CREATE TABLE IF NOT EXISTS rooms (name TEXT PRIMARY KEY, version INTEGER NOT NULL) WITHOUT ROWID"
    )
    row = connection.execute("SELECT version FROM rooms WHERE name = ?", (tables.name,)).fetchone()
    done = row[0] if row else 0
    for step in tables.steps[done:]:
        for statement in step.split(";"):
            if statement.strip():
                connection.execute(statement)
    if done < len(tables.steps):
        connection.execute("INSERT OR REPLACE INTO rooms VALUES (?, ?)", (tables.name, len(tables.steps)))


def _patiently(work: Callable[[], T]) -> T:
    """Run what several processes may do at once when a file is made."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return work()
        except sqlite3.OperationalError as error:
            if _code(error) not in _BUSY_CODES or time.monotonic() > deadline:
                raise
        time.sleep(_PAUSE_SECONDS)


def _code(error: sqlite3.DatabaseError) -> int:
    """Return the primary code of SQLite's error."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def _is_damage(error: sqlite3.DatabaseError) -> bool:
    return _code(error) in _DAMAGE_CODES


def _set_aside(path: Path, inode: int, error: sqlite3.DatabaseError) -> None:
    """Move a damaged file away, unless another process that found the damage too has done so."""
    with _exclusive(path.with_suffix(".lock")):
        if _inode(path) != inode:
            return
        aside = path.with_name(f"{path.name}.damaged-{datetime.now(UTC):%Y%m%dT%H%M%S}-{os.getpid()}")
        logger.warning(
            "machine state %s is damaged (%s): set aside as %s and begun anew; pace, robots.txt and audit up to now are not "
            "known any more",
            path,
            error,
            aside.name,
        )
        path.rename(aside)
        for suffix in ("-wal", "-shm"):
            with suppress(FileNotFoundError):
                path.with_name(path.name + suffix).unlink()


@contextmanager
def _exclusive(path: Path) -> Iterator[None]:
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


def _say_alone(path: Path | None, error: Exception) -> None:
    logger.warning(
        "machine state %s cannot be used (%s): this process keeps its pace alone, other processes and the next run do not "
        "know of it; name a folder that can be written with GOVCRAWL_STATE",
        path,
        error,
    )


def _inode(path: Path) -> int:
    try:
        return path.stat().st_ino
    except OSError:
        return 0


def _boot_seconds() -> float:
    """Return how long the machine has been running, the same in every process, sleep included where the system tells."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


def _boot() -> str:
    """Return a name of this run of the machine."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:  # not Linux: the instant it started, coarsely
        return f"{(time.time() - _boot_seconds()) / _CLOCK_STEP_SECONDS:.0f}"


def _started(pid: int) -> str:
    """Return when a process began, in the system's own words; empty where the system does not tell."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    fields = stat.rpartition(")")[2].split()  # proc_pid_stat(5), from field 3 on: behind the name
    return "" if fields[0] == "Z" else fields[19]  # one that has ended and was not waited for; field 22
