"""The machine's state: shared by processes, and never the reason that a crawl ends."""

from __future__ import annotations

import asyncio
import logging
import os
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from scrapy.settings import Settings

from govcrawl.machine import FILE_NAME, Machine, MachineBusy, Process, TableSet, state_folder

if TYPE_CHECKING:
    from collections.abc import Iterator

NOTES = TableSet("notes", ("CREATE TABLE notes (text TEXT NOT NULL)",))
LATER = TableSet("notes", (*NOTES.steps, "ALTER TABLE notes ADD COLUMN at REAL; CREATE INDEX noted ON notes (at)"))


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    """A machine of its own with one table."""
    machine = Machine.open(tmp_path / "state")
    machine.ensure(NOTES)
    yield machine
    machine.close()


def note(machine: Machine, text: str) -> None:
    """Write one row."""
    machine.transact_now(lambda db: db.execute("INSERT INTO notes (text) VALUES (?)", (text,)))


def texts(machine: Machine) -> list[str]:
    """Read all rows."""
    return [row["text"] for row in machine.rows("SELECT text FROM notes ORDER BY rowid")]


def test_what_one_opening_wrote_another_reads(machine: Machine, tmp_path: Path) -> None:
    """Two crawls, two processes or two runs see the same rows and the same time."""
    note(machine, "a")
    other = Machine.open(tmp_path / "state")
    other.ensure(NOTES)
    assert texts(other) == ["a"]
    assert abs(other.now() - machine.now()) < 1
    other.close()


def test_tables_are_brought_forward_and_older_programs_go_on(machine: Machine, tmp_path: Path) -> None:
    """A later version of a room's tables is added to the file; a program that knows the earlier one still writes."""
    note(machine, "before")
    later = Machine.open(tmp_path / "state")
    later.ensure(LATER)
    later.ensure(LATER)
    later.transact_now(lambda db: db.execute("INSERT INTO notes VALUES ('after', 1.0)"))
    machine.ensure(NOTES)
    note(machine, "old")
    assert texts(machine) == ["before", "after", "old"]
    later.close()


@pytest.mark.parametrize("content", [b"no database at all" * 100, b"SQLite format 3\0" + b"\xff" * 5000])
def test_a_damaged_file_is_set_aside_with_a_warning(
    tmp_path: Path, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """What cannot be read is kept under another name, said once, and the pace begins anew."""
    (tmp_path / FILE_NAME).write_bytes(content)
    machine = Machine.open(tmp_path)
    machine.ensure(NOTES)
    note(machine, "a")
    assert texts(machine) == ["a"]
    assert [path.read_bytes() for path in tmp_path.glob("*.damaged-*")] == [content]
    assert "set aside" in caplog.text
    machine.close()


def test_a_file_damaged_while_it_is_open_is_set_aside(machine: Machine, caplog: pytest.LogCaptureFixture) -> None:
    """Damage that shows in the middle of a crawl does not end it."""
    for number in range(300):
        note(machine, f"{number}" * 50)
    assert machine.path is not None
    machine.rows("SELECT 1")
    sqlite3.connect(machine.path).execute("PRAGMA wal_checkpoint(TRUNCATE)").connection.close()
    size = machine.path.stat().st_size
    with machine.path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xee" * (size - 4096))
    other = Machine.open(machine.path.parent)
    other.ensure(NOTES)
    note(other, "new")
    note(machine, "newer")
    assert texts(other)[-2:] == ["new", "newer"]
    assert "set aside" in caplog.text
    other.close()


def test_a_file_that_is_removed_while_it_is_open_is_made_again(machine: Machine) -> None:
    """Somebody tidies up: the next transaction makes the file anew, and other processes share it again."""
    note(machine, "a")
    assert machine.path is not None
    for path in machine.path.parent.glob("governor.db*"):
        path.unlink()
    note(machine, "b")
    assert texts(machine) == ["b"]
    assert machine.path.exists()


def test_a_folder_that_cannot_be_written_is_replaced_by_the_fallback(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """First the data directory's own folder, then memory; each is said with what to do about it."""
    (tmp_path / "file").write_text("in the way")
    machine = Machine.open(tmp_path / "file" / "state", fallback=tmp_path / "data" / "state")
    assert machine.path == tmp_path / "data" / "state" / FILE_NAME
    assert caplog.text.count("GOVCRAWL_STATE") == 1
    machine.close()
    alone = Machine.open(tmp_path / "file" / "state")
    alone.ensure(NOTES)
    note(alone, "a")
    assert alone.path is None
    assert texts(alone) == ["a"]
    assert "alone" in caplog.text
    alone.close()


def test_a_busy_file_does_not_hold_up_the_loop(machine: Machine) -> None:
    """While another connection writes, a transaction waits outside of the loop and is done afterwards."""
    assert machine.path is not None
    holder = sqlite3.connect(machine.path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(MachineBusy):
        machine.attempt(lambda db: db.execute("INSERT INTO notes VALUES ('a')"))
    ticks: list[int] = []

    async def run() -> None:
        writing = asyncio.ensure_future(machine.transact(lambda db: db.execute("INSERT INTO notes VALUES ('b')")))
        for tick in range(10):
            ticks.append(tick)
            await asyncio.sleep(0)
        holder.execute("COMMIT")
        await writing

    asyncio.run(run())
    holder.close()
    assert len(ticks) == 10
    assert texts(machine) == ["b"]


def test_a_transaction_that_fails_leaves_nothing(machine: Machine) -> None:
    """An error in the middle takes back what was written before it."""

    def work(db: sqlite3.Connection) -> None:
        db.execute("INSERT INTO notes VALUES ('a')")
        raise ValueError("half way")

    with pytest.raises(ValueError, match="half way"):
        machine.transact_now(work)
    assert texts(machine) == []


def test_a_dead_process_is_known_as_dead() -> None:
    """Also while its parent has not waited for it, and when its number is somebody else's by now."""
    assert Process.own().is_alive()
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        running = Process(child.pid, "")
        known = Process(child.pid, Path(f"/proc/{child.pid}/stat").read_text().rpartition(")")[2].split()[19])
        assert known.is_alive()
        assert not running.is_alive(), "another start than this one's"
        child.kill()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert not known.is_alive()
    assert not known.is_alive()


def test_many_processes_make_the_file_at_once(tmp_path: Path) -> None:
    """Whoever comes first makes the tables; none fails, none overwrites."""
    program = (
        "import sys; from pathlib import Path; from govcrawl.machine import Machine, TableSet\n"
        "m = Machine.open(Path(sys.argv[1])); m.ensure(TableSet('notes', ('CREATE TABLE notes (text TEXT NOT NULL)',)))\n"
        "[m.transact_now(lambda db: db.execute(\"INSERT INTO notes VALUES ('x')\")) for _ in range(50)]\n"
    )
    line = [sys.executable, "-c", program, str(tmp_path)]
    children = [subprocess.Popen(line, stderr=subprocess.PIPE) for _ in range(4)]
    assert [child.communicate()[1] for child in children] == [b""] * 4
    machine = Machine.open(tmp_path)
    assert len(texts(machine)) == 200
    machine.close()


def test_where_the_state_lies(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """GOVCRAWL_STATE, else XDG_STATE_HOME, else ~/.local/state; a relative XDG_STATE_HOME is not valid and passed over."""
    assert state_folder(Settings({"GOVCRAWL_STATE": "/a/b"})) == Path("/a/b")
    monkeypatch.delenv("GOVCRAWL_STATE")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert state_folder(Settings()) == tmp_path / "govcrawl"
    monkeypatch.setenv("XDG_STATE_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert state_folder(Settings()) == tmp_path / ".local/state/govcrawl"


def test_the_time_line_survives_a_set_clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that starts after the clock was set by minutes counts the same seconds as one that started before."""
    before = Machine.open(tmp_path)
    real = __import__("time").time
    monkeypatch.setattr("govcrawl.machine.time.time", lambda: real() - 600)
    after = Machine.open(tmp_path)
    assert abs(before.now() - after.now()) < 1
    before.close()
    after.close()


def test_what_is_no_fault_of_the_file_is_raised(machine: Machine, caplog: pytest.LogCaptureFixture) -> None:
    """A mistake in a statement is a bug: it is not hidden behind a new file."""
    with caplog.at_level(logging.WARNING), pytest.raises(sqlite3.OperationalError, match="no such table"):
        machine.rows("SELECT * FROM nowhere")
    assert not caplog.text
