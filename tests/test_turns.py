"""Several processes write one catalog: each gets its turn, none is told that the database is locked."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from scrapy.settings import Settings

from archive.database import CatalogFile
from archive.turns import Turns
from govcrawl import settings as project_settings
from govcrawl.workshop import Workshop
from spiders.templates.trt import FujianTrt

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

PROCESSES, TIMES = 4, 25

WRITER = """
import sys
from pathlib import Path
from archive.database import CatalogFile

path, name, times = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
errors, waits = 0, []
file = CatalogFile.open(path)
for number in range(times):
    with file._lock:
        (before,) = file._db.conn.execute("SELECT COUNT(*) FROM agencies").fetchone()
    try:
        with file.atomic():
            file.insert("agencies", {"name": f"{name}{number}", "title": "x", "base_url": "x", "template": "x"})
            (after,) = file._db.conn.execute("SELECT COUNT(*) FROM agencies").fetchone()
        waits.append(after - before - 1)
    except Exception as error:
        errors += 1
        print(error, file=sys.stderr)
file.close()
print(errors, sorted(waits)[len(waits) // 2])
"""


class turns_sfj(FujianTrt):  # noqa: N801 - as its file would be called
    """某市司法局."""

    name = "turns_sfj"
    agency = "某市司法局"
    base_url = "http://sfj.turns.test"
    channels = {"公告公示": "/zwgk/gsgg/"}  # noqa: RUF012 - as agencies are written


def test_processes_that_write_all_the_time_wait_for_each_other(tmp_path: Path) -> None:
    """Four processes, as many transactions as they can: no error, every row there, and nobody waits for more than a few others."""
    (tmp_path / "locks").mkdir()
    path = tmp_path / "catalog.db"
    CatalogFile.open(path).close()
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path), name, str(TIMES)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for name in "abcd"[:PROCESSES]
    ]
    for writer in writers:
        out, log = writer.communicate(timeout=120)
        errors, usual_wait = map(int, out.split())
        assert (writer.returncode, errors) == (0, 0), log
        assert usual_wait <= 2 * PROCESSES  # transactions of others between wanting to write and having written
    file = CatalogFile.open(path)
    assert file.rows("SELECT COUNT(*) AS n FROM agencies") == [{"n": PROCESSES * TIMES}]
    file.close()


def test_a_step_inside_a_transaction_can_fail_alone(tmp_path: Path) -> None:
    """An error in a nested step takes back that step and what is inside it, not what was done before."""
    file = CatalogFile.open(tmp_path / "catalog.db")
    row = {"title": "x", "base_url": "x", "template": "x"}
    with file.atomic():
        file.insert("agencies", {"name": "kept", **row})
        with pytest.raises(sqlite3.IntegrityError), file.atomic():  # noqa: PT012 - steps within steps
            with file.atomic():
                file.insert("agencies", {"name": "inmost", **row})
            file.insert("agencies", {"name": "kept", **row})
        file.insert("agencies", {"name": "after", **row})
    assert [one["name"] for one in file.rows("SELECT name FROM agencies ORDER BY name")] == ["after", "kept"]
    file.close()


def test_a_joined_step_is_part_of_its_transaction(tmp_path: Path) -> None:
    """Alone it is a transaction; inside one it goes with it."""
    file = CatalogFile.open(tmp_path / "catalog.db")
    row = {"title": "x", "base_url": "x", "template": "x"}
    with file.joined():
        file.insert("agencies", {"name": "alone", **row})
    with pytest.raises(sqlite3.IntegrityError), file.joined():  # noqa: PT012 - what is before the error goes too
        file.insert("agencies", {"name": "lost", **row})
        file.insert("agencies", {"name": "alone", **row})
    with pytest.raises(KeyError), file.atomic():  # noqa: PT012 - the same
        with file.joined():
            file.insert("agencies", {"name": "lost", **row})
        raise KeyError
    assert file.rows("SELECT name FROM agencies") == [{"name": "alone"}]
    file.close()


def test_work_put_off_is_done_once_before_the_commit(tmp_path: Path) -> None:
    """What is put off is done at the end of its transaction, once for each key; what fails is forgotten with it."""
    file = CatalogFile.open(tmp_path / "catalog.db")
    done: list[tuple[str, ...]] = []

    def note(_: CatalogFile, keys: Sequence[str]) -> None:
        done.append(tuple(keys))

    file.put_off(note, "at once")
    with file.atomic():
        for key in ("b", "a", "b"):
            file.put_off(note, key)
        assert done == [("at once",)]
        file.finish_late_work()
        file.put_off(note, "late")
    with pytest.raises(KeyError), file.atomic():  # noqa: PT012 - forgotten
        file.put_off(note, "never")
        raise KeyError
    with file.atomic():
        pass
    assert done == [("at once",), ("b", "a"), ("late",)]
    file.close()


def test_a_writer_that_waits_does_not_hold_up_the_reactor(tmp_path: Path) -> None:
    """While another process writes, a crawl that begins waits on the archive thread, and the loop goes round."""
    settings = Settings({"GOVCRAWL_READERS": 1, "USER_AGENT": "crawler/1"})
    settings.setmodule(project_settings, priority="default")
    settings.set("GOVCRAWL_DATA", str(tmp_path / "data"))
    settings.set("GOVCRAWL_STATE", str(tmp_path / "state"))
    workshop = Workshop(settings)
    other = Turns.of(tmp_path / "data" / "catalog.db")
    assert other is not None

    async def run() -> None:
        with other.taken():
            beginning = asyncio.ensure_future(workshop.begin(turns_sfj, {"mode": "full"}, settings))
            for _ in range(1000):
                await asyncio.sleep(0)
            assert not beginning.done()
        begun = await beginning
        assert workshop.take_begun("turns_sfj") == begun
        assert workshop.take_begun("turns_sfj") is None

    asyncio.run(run())
    other.close()
    workshop.close()


def test_outside_of_a_data_directory_nobody_waits(tmp_path: Path) -> None:
    """A catalog by itself has no folder of locks, and none is made."""
    CatalogFile.open(tmp_path / "catalog.db").close()
    assert Turns.of(tmp_path / "catalog.db") is None
    assert not (tmp_path / "locks").exists()
