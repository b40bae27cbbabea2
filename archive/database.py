"""The catalog file: opening it, its schema version, transactions, and what SQLite's errors mean here.

The writer keeps a write-ahead log (WAL) with ``synchronous=FULL``: a committed row survives a loss of power. Readers
open ``mode=ro`` and see the last committed state; they never block a writer, nor a writer them.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from contextlib import contextmanager, nullcontext
from itertools import islice
from threading import RLock
from typing import TYPE_CHECKING, Any, Literal, Self

from sqlite_utils.db import Database
from sqlite_utils.utils import dedupe_keys

from archive.curtain import covered_agencies, draw
from archive.errors import ArchiveWriteError, CatalogError, SchemaTooNew
from archive.migrations import MIGRATIONS
from archive.turns import Turns

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from archive.rows import Row
    from archive.withheld import Change

BUSY_SECONDS = 60.0
"""How long a statement waits for another process's transaction; ours take milliseconds, a large checkpoint seconds."""

_STEP_BACK_SECONDS = 0.01
_CACHE_KIBIBYTES = (
    65_536  # of a writer, where so much is used: random ids touch pages all over a large catalog's indexes
)
_CHECKPOINT_PAGES = 8_192  # 32 MiB of log: what many transactions write to is written back once for all of them
_ROWS_AT_ONCE = 256  # fetched while the lock is held
_STORAGE_CODES = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_PERM,
    }
)
_DAMAGE_CODES = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})


LateWork = Callable[["CatalogFile", "Sequence[str]"], None]
"""What is done for some keys at the end of a transaction."""


class CatalogFile:
    """An open catalog file.

    May be used from any thread, by one at a time: a transaction holds a lock until it ends.
    """

    def __init__(self, path: Path, db: Database, *, read_only: bool) -> None:
        """Take an open connection; :meth:`open` and :meth:`open_read_only` make one."""
        self.path = path
        self.read_only = read_only
        self.withheld: Mapping[str, Change] = {}
        self.withheld_of: frozenset[str] = frozenset()  # agencies some of whose rows this connection does not show
        self._db = db
        self._lock = RLock()
        self._turns = None if read_only else Turns.of(path)
        self._late: dict[LateWork, dict[str, None]] = {}  # of the transaction that is open

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open for writing; make the file when it is not there, bring an older one forward.

        A file that is no catalog, or one from a later version, is left untouched.

        Raises:
            SchemaTooNew: a later version of this software wrote it.
            CatalogError: it is no catalog.
            ArchiveWriteError: it cannot be made or written.
        """
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            begun = path.exists() and path.stat().st_size > 0
        except OSError as exc:
            msg = f"catalog {path}: cannot be made: {exc}; choose a data directory that can be written"
            raise ArchiveWriteError(msg, zh=f"目录库 {path} 不能建立（{exc}）；请选一个可写的数据目录") from exc
        if begun:
            with _connected(path, mode="ro", read_only=False) as db:
                try:
                    _check_known(path, db)
                finally:
                    db.close()
        with _connected(path, mode="rwc", read_only=False) as db:
            _use_wal(db.conn)
            db.conn.execute("PRAGMA synchronous = FULL")
            db.conn.execute("PRAGMA foreign_keys = ON")
            db.conn.execute(f"PRAGMA cache_size = -{_CACHE_KIBIBYTES}")
            db.conn.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}")
            file = cls(path, db, read_only=False)
            with file.atomic():
                MIGRATIONS.apply(db)
            # only now: an index is made with files. What a step keeps so as to be taken back goes into one from 64 KiB on else
            db.conn.execute("PRAGMA temp_store = MEMORY")
            return file

    @classmethod
    def open_read_only(cls, path: Path, *, include_withheld: bool = False) -> Self:
        """Open an existing catalog for reading; works while a crawl writes into it.

        What is withheld is not there for its queries (:mod:`archive.curtain`), unless it is asked for: :attr:`withheld`
        says what is left out.

        Raises:
            SchemaTooNew: a later version of this software wrote it.
            CatalogError: it is not there, is no catalog, is from an earlier version, or cannot be read.
        """
        if not path.is_file():
            msg = (
                f"no catalog at {path}: run a crawl first (scrapy crawl AGENCY), name the data directory that holds one "
                f"(GOVCRAWL_DATA), or make it again where WARC files are (govcrawl rebuild)"
            )
            raise CatalogError(
                msg,
                zh=f"{path} 处没有目录库：请先抓取（scrapy crawl 机构名），或用 --data、GOVCRAWL_DATA 指定有目录库的数据目录；"
                "只有 WARC 文件时用 govcrawl rebuild 重建",
            )
        with _connected(path, mode="ro", read_only=True) as db:
            _check_known(path, db)
            pending = [migration.name for migration in MIGRATIONS.pending(db)]
            if len(pending) == len(MIGRATIONS._migrations):  # noqa: SLF001 - there is no public list
                raise CatalogError(
                    f"catalog {path} is empty: no crawl has written into it; crawl (scrapy crawl AGENCY), or make it from the "
                    "WARC files (govcrawl rebuild)",
                    zh=f"目录库 {path} 是空的，还没有抓取写入；请抓取（scrapy crawl 机构名），或用 govcrawl rebuild 从 WARC 文件重建",
                )
            if pending:
                msg = (
                    f"catalog {path} lacks {', '.join(pending)}: it is from an earlier version of govcrawl; "
                    f"govcrawl attachments brings it forward without the network, and so does the next crawl (scrapy crawl AGENCY)"
                )
                raise CatalogError(
                    msg,
                    zh=f"目录库 {path} 缺 {', '.join(pending)}：它由较早的 govcrawl 写成；不联网运行 govcrawl attachments 即可更新它，"
                    "下次抓取（scrapy crawl 机构名）也会更新",
                )
            file = cls(path, db, read_only=True)
            if not include_withheld:
                file.hide(path.parent)
            return file

    def hide(self, data_dir: Path) -> None:
        """Leave out of this connection's queries what is withheld in a data directory."""
        self.withheld = draw(self._db.conn, data_dir)
        self.withheld_of = covered_agencies(self._db.conn) if self.withheld else frozenset()

    def close(self) -> None:
        """Close the file; a writer's log is folded into it when no one else has it open."""
        self._db.close()
        if self._turns:
            self._turns.close()

    @contextmanager
    def atomic(self) -> Iterator[None]:
        """One transaction: all or nothing. Inside another one, a savepoint of it.

        A writer's waits for its turn among the processes that write (:class:`archive.turns.Turns`) and begins with
        ``BEGIN IMMEDIATE``: a deferred transaction that reads and then writes fails at once (SQLITE_BUSY_SNAPSHOT) when
        another process committed in between. A reader's is one unchanging view of the catalog.

        Raises:
            ArchiveWriteError: the file cannot be written (disk full, no permission, locked too long).
            CatalogError: the file is damaged.
        """
        with self._lock, _translated(self.path, read_only=self.read_only):
            if self._db.conn.in_transaction:
                with self._savepoint():
                    yield
                return
            with self._turns.taken() if self._turns else nullcontext():
                self._db.conn.execute("BEGIN" if self.read_only else "BEGIN IMMEDIATE")
                try:
                    yield
                    self.finish_late_work()
                    self._db.conn.execute("COMMIT")
                except BaseException:
                    self._late.clear()
                    self._db.rollback()
                    raise

    @contextmanager
    def joined(self) -> Iterator[None]:
        """One transaction; inside another one a part of it that nothing sets apart, and no savepoint is paid for.

        For what is one statement, which SQLite takes back by itself where it fails.
        """
        with self._lock:
            if self._db.conn.in_transaction:
                with _translated(self.path, read_only=self.read_only):
                    yield
                return
            with self.atomic():
                yield

    def put_off(self, work: LateWork, key: str) -> None:
        """Have something done for a key at the end of the transaction that is open, once however often it is asked for.

        The work finds the rows as they are then, also where a step in between was taken back.
        """
        with self.joined():
            self._late.setdefault(work, {})[key] = None

    def finish_late_work(self) -> None:
        """Do now what was put off to the end of this transaction."""
        while self._late:
            work = next(iter(self._late))
            work(self, list(self._late.pop(work)))

    @contextmanager
    def _savepoint(self) -> Iterator[None]:
        """A savepoint by a name that is always the same, so that SQLite prepares its statements once; the inmost one counts."""
        conn = self._db.conn
        conn.execute("SAVEPOINT step")
        try:
            yield
        except BaseException:
            if conn.in_transaction:  # else the error has rolled back all of it
                conn.execute("ROLLBACK TO step")
                conn.execute("RELEASE step")
            raise
        conn.execute("RELEASE step")

    def rows(self, sql: str, parameters: Sequence[object] = ()) -> list[Row]:
        """All rows of a query, as dicts by column name."""
        with self._lock:
            return list(self.stream(sql, parameters))

    def row(self, sql: str, parameters: Sequence[object] = ()) -> Row | None:
        """The first row of a query, or ``None``."""
        with self._lock:
            return next(self.stream(sql, parameters), None)

    def stream(self, sql: str, parameters: Sequence[object] = (), *, at_once: int = _ROWS_AT_ONCE) -> Iterator[Row]:
        """Rows of a query one by one, in constant memory; wrap in :meth:`atomic` for one view over several queries.

        Of columns with one name the later ones bear a number. Each step waits for the transaction of another thread to end;
        ``at_once`` is how many rows it reads: few where most callers stop early.
        """
        with _translated(self.path, read_only=self.read_only):
            # not by sqlite-utils' query(): its savepoint costs two statements more, and one thread would release another's
            with self._lock:
                cursor = self._db.conn.execute(sql, parameters)
                names = [column[0] for column in cursor.description]
                if len(set(names)) < len(names):
                    names = list(dedupe_keys(names))
                rows = (dict(zip(names, row, strict=True)) for row in cursor)
                some = list(islice(rows, at_once))
            while some:
                yield from some
                with self._lock:
                    some = list(islice(rows, at_once))

    def execute(self, sql: str, parameters: Sequence[object] = ()) -> sqlite3.Cursor:
        """Run one statement that returns no rows."""
        with self._lock:
            if self._db.conn.in_transaction:
                return self._db.conn.execute(sql, parameters)
            return self._db.execute(sql, parameters)  # which commits it

    def add_function(self, name: str, arguments: int, function: Callable[..., Any]) -> None:
        """Let statements call a function that always gives the same for the same arguments."""
        self._db.conn.create_function(name, arguments, function, deterministic=True)

    def insert(self, table: str, values: Mapping[str, Any]) -> int:
        """Insert one row given by column names, which come from code and never from data. Returns its row number."""
        columns = ", ".join(f'"{name}"' for name in values)
        marks = ", ".join("?" * len(values))
        cursor = self.execute(f'INSERT INTO "{table}" ({columns}) VALUES ({marks})', tuple(values.values()))  # noqa: S608
        return cursor.lastrowid or 0

    def update(self, table: str, where: Mapping[str, Any], values: Mapping[str, Any]) -> int:
        """Update rows by equality (``None`` = is NULL); names come from code, never from data. Returns how many."""
        sets = ", ".join(f'"{name}" = ?' for name in values)
        wheres = " AND ".join(f'"{name}" IS ?' for name in where)
        sql = f'UPDATE "{table}" SET {sets} WHERE {wheres}'  # noqa: S608
        return self.execute(sql, (*values.values(), *where.values())).rowcount


@contextmanager
def _connected(path: Path, *, mode: Literal["ro", "rwc"], read_only: bool) -> Iterator[Database]:
    """A connection that is closed again when the block raises; ``read_only`` says for whom errors are worded."""
    uri = f"{path.absolute().as_uri()}?mode={mode}"
    with _translated(path, read_only=read_only):
        conn = sqlite3.connect(uri, uri=True, timeout=BUSY_SECONDS, check_same_thread=False)
        try:
            yield Database(conn, execute_plugins=False)
        except BaseException:
            conn.close()
            raise


def _use_wal(conn: sqlite3.Connection) -> None:
    """Switch a file to WAL mode, which it stays in.

    Two processes that make the catalog at once both hold a shared lock and want an exclusive one: SQLite then says
    SQLITE_BUSY at once instead of waiting, so that one of them must step back and try again.
    """
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            conn.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as exc:
            if exc.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(_STEP_BACK_SECONDS)
        else:
            return


def _check_known(path: Path, db: Database) -> None:
    """Raise unless the file is a catalog of this or an earlier version, or has no table at all yet."""
    applied = {migration.name for migration in MIGRATIONS.applied(db)}
    if not applied and db.table_names():
        msg = (
            f"{path} is not a govcrawl catalog but a SQLite file of something else: it is left as it is; "
            f"move it away or choose another data directory"
        )
        raise CatalogError(
            msg, zh=f"{path} 不是 govcrawl 的目录库，而是别的 SQLite 文件，未作改动；请将它移走，或另选数据目录"
        )
    known = {migration.name for migration in MIGRATIONS._migrations}  # noqa: SLF001 - there is no public list
    unknown = sorted(applied - known)
    if unknown:
        msg = (
            f"catalog {path} was written by a later version of govcrawl (it has {', '.join(unknown)}, unknown here): "
            f"it is left untouched; update govcrawl to use it"
        )
        raise SchemaTooNew(
            msg,
            zh=f"目录库 {path} 由较新的 govcrawl 写成（含本版本不认识的 {', '.join(unknown)}），未作改动；请更新 govcrawl",
        )


@contextmanager
def _translated(path: Path, *, read_only: bool) -> Iterator[None]:
    """Turn SQLite's errors about the file into the store's own; errors in statements stay what they are."""
    try:
        yield
    except sqlite3.DatabaseError as exc:
        code = getattr(exc, "sqlite_errorcode", 0) & 0xFF  # the primary code of an extended one
        if code in _DAMAGE_CODES:
            msg = f"{path} is not a readable catalog: {exc}; make it again from the WARC files (govcrawl rebuild)"
            raise CatalogError(
                msg, zh=f"{path} 不是可读的目录库（{exc}）；请用 govcrawl rebuild 从 WARC 文件重建目录库"
            ) from exc
        if code in _STORAGE_CODES and read_only:
            msg = f"catalog {path} cannot be read: {exc}; check free space and the permissions of its directory"
            raise CatalogError(msg, zh=f"目录库 {path} 读不出来（{exc}）；请检查剩余空间和所在目录的权限") from exc
        if code in _STORAGE_CODES:
            msg = (
                f"catalog {path}: {exc}; nothing of this step was stored: check free space, permissions and other users"
            )
            raise ArchiveWriteError(
                msg, zh=f"目录库 {path}：{exc}；这一步什么都没存：请检查剩余空间、权限和其他使用者"
            ) from exc
        raise
