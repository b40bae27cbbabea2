"""The declared schema, the migrations that make it, and opening files that are not this version's catalog."""

from __future__ import annotations

import hashlib
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from catalogs import AGENCY, FIRST_DAY, Sample
from click.testing import CliRunner
from sqlite_utils.db import Database

from archive import schema
from archive.catalog import CATALOG_NAME, Catalog
from archive.errors import ArchiveWriteError, CatalogError, SchemaTooNew
from archive.migrations import MIGRATIONS
from govcrawl.cli import main

ROOT = Path(__file__).parent.parent


def shape(conn: sqlite3.Connection) -> dict[str, Any]:
    """Everything SQLite says about tables, keys, indexes and views, whatever the wording of the DDL."""
    tables = [row[0] for row in conn.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]
    found: dict[str, Any] = {}
    for table in tables:
        if table.startswith(("_sqlite", "sqlite_")):
            continue
        indexes = []
        for _, name, unique, origin, partial in conn.execute(f"PRAGMA index_list('{table}')"):
            columns = tuple(row[2] for row in conn.execute(f"PRAGMA index_info('{name}')"))
            indexes.append((unique, origin, partial, columns, name if origin == "c" else None))
        found[table] = {
            "columns": list(conn.execute(f"PRAGMA table_xinfo('{table}')")),
            "references": sorted(row[2:5] for row in conn.execute(f"PRAGMA foreign_key_list('{table}')")),
            "indexes": sorted(indexes, key=repr),
        }
    views = conn.execute("SELECT name, sql FROM sqlite_master WHERE type = 'view' ORDER BY name")
    found["views"] = [(name, sql.partition(" AS ")[2]) for name, sql in views]
    return found


def test_migrations_make_the_declared_schema() -> None:
    """All migrations applied to an empty file give exactly the declared tables, columns, keys, indexes and views."""
    declared, migrated = sqlite3.connect(":memory:"), sqlite3.connect(":memory:")
    for table in schema.TABLES:
        for statement in schema.ddl(table):
            declared.execute(statement)
    for index in schema.INDEXES:
        declared.execute(index.ddl)
    for view in schema.VIEWS:
        declared.execute(f"CREATE VIEW {view.name} AS {view.sql}")
    MIGRATIONS.apply(Database(migrated, execute_plugins=False))
    assert shape(migrated) == shape(declared)
    declared.close()
    migrated.close()


def test_declared_references_lead_somewhere() -> None:
    """Every reference names a declared column, and every name is declared once."""
    columns = [f"{table.name}.{column.name}" for table in schema.TABLES for column in table.columns]
    assert len(columns) == len(set(columns))
    wanted = {column.refers_to for table in schema.TABLES for column in table.columns if column.refers_to}
    assert wanted <= set(columns)
    for table in schema.TABLES:
        names = {column.name for column in table.columns}
        assert {name for group in (table.primary_key, *table.unique, *table.indexes) for name in group} <= names


def test_schema_page_is_in_sync() -> None:
    """docs/schema.md is what ``python -m archive.schema`` prints."""
    printed = subprocess.run(
        [sys.executable, "-m", "archive.schema"], capture_output=True, check=True, cwd=ROOT, encoding="utf-8"
    ).stdout
    assert (ROOT / "docs" / "schema.md").read_text(encoding="utf-8") == printed


def test_every_meaning_is_given_in_both_languages() -> None:
    """No table or column goes without its Chinese name and English sentence."""
    for table in schema.TABLES:
        meanings = [(table.zh, table.en), *((column.zh, column.en) for column in table.columns)]
        assert all(zh and en.endswith((".", "…")) for zh, en in meanings)


def test_writer_pragmas(tmp_path: Path) -> None:
    """The writer's file is in WAL mode, with full synchronisation and foreign keys enforced."""
    with Catalog.open(tmp_path / CATALOG_NAME) as catalog:
        pragmas = {
            name: next(iter(catalog.file.rows(f"PRAGMA {name}")[0].values()))
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
        assert pragmas == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 60000}
        with pytest.raises(sqlite3.IntegrityError):
            catalog.put_warc_file("warc/x", "no agency", "no crawl", FIRST_DAY)


def test_later_catalog_is_left_untouched(tmp_path: Path) -> None:
    """A catalog with a migration unknown here raises SchemaTooNew for writer and reader, and not a byte changes."""
    sample = Sample.make(tmp_path)
    sample.catalog.close()
    conn = sqlite3.connect(sample.path)
    with conn:
        conn.execute(
            "INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES ('govcrawl', '0999_future', 'x')"
        )
    conn.close()
    before = hashlib.sha256(sample.path.read_bytes()).digest()
    for opening in (Catalog.open, Catalog.open_read_only):
        with pytest.raises(SchemaTooNew, match=r"0999_future.*update govcrawl"):
            opening(sample.path)
    assert hashlib.sha256(sample.path.read_bytes()).digest() == before


def test_missing_catalog_says_to_crawl_first(tmp_path: Path) -> None:
    """Reading where there is no catalog names the path and the command that makes one, and makes nothing."""
    with pytest.raises(CatalogError, match=r"no catalog at .*catalog\.db: run a crawl first"):
        Catalog.open_read_only(tmp_path / "nowhere" / CATALOG_NAME)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [b"not a database, but long enough to be read as one" * 40, b"\x00" * 4096])
def test_what_is_no_database_is_refused(tmp_path: Path, content: bytes) -> None:
    """A file that is no SQLite database is refused by writer and reader, and stays as it is."""
    path = tmp_path / CATALOG_NAME
    path.write_bytes(content)
    for opening in (Catalog.open, Catalog.open_read_only):
        with pytest.raises(CatalogError, match="not a readable catalog"):
            opening(path)
    assert path.read_bytes() == content


def test_another_programs_database_is_refused(tmp_path: Path) -> None:
    """A SQLite file of something else is refused, and stays as it is."""
    path = tmp_path / CATALOG_NAME
    conn = sqlite3.connect(path)
    with conn:
        conn.execute("CREATE TABLE albums (name)")
    conn.close()
    before = path.read_bytes()
    for opening in (Catalog.open, Catalog.open_read_only):
        with pytest.raises(CatalogError, match="of something else"):
            opening(path)
    assert path.read_bytes() == before


def test_empty_file_is_made_a_catalog(tmp_path: Path) -> None:
    """A file that a crash left empty is no catalog for a reader; a writer makes it one."""
    path = tmp_path / CATALOG_NAME
    path.touch()
    with pytest.raises(CatalogError, match="is empty: no crawl has written into it"):
        Catalog.open_read_only(path)
    Catalog.open(path).close()
    Catalog.open_read_only(path).close()


def test_an_earlier_catalog_is_told_how_it_is_brought_forward(tmp_path: Path) -> None:
    """A reader of a catalog that lacks a migration names it and a command that does without the network; that command does it."""
    path = tmp_path / CATALOG_NAME
    connection = sqlite3.connect(path)
    MIGRATIONS.apply(Database(connection, execute_plugins=False), stop_before="0016_search_filters")
    connection.commit()
    connection.close()
    runner = CliRunner(env={"GOVCRAWL_DATA": str(tmp_path), "GOVCRAWL_LANG": "en"})
    refused = runner.invoke(main, ["status"])
    assert refused.exit_code == 1
    assert "lacks 0016_search_filters" in refused.stderr
    assert "govcrawl attachments brings it forward" in refused.stderr
    assert runner.invoke(main, ["attachments"]).exit_code == 0
    assert runner.invoke(main, ["status"]).exit_code == 0


def test_captures_of_an_earlier_catalog_are_found_by_their_records(tmp_path: Path) -> None:
    """The index of record ids is filled again with agencies in it: every row is found, none comes twice, the file is whole."""
    sample = Sample.make(tmp_path)
    made = [sample.capture(f"http://sfj.sample.test/{number}") for number in range(300)]
    sample.catalog.close()
    path = tmp_path / "earlier" / CATALOG_NAME
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as earlier:
        MIGRATIONS.apply(Database(earlier, execute_plugins=False), stop_before="0018_records_of_agency")
        earlier.execute("ATTACH DATABASE ? AS made", (str(sample.path),))
        for table in ("agencies", "crawls", "warc_files", "captures"):
            earlier.execute(f"INSERT INTO main.{table} SELECT * FROM made.{table}")  # noqa: S608 - names from above
        earlier.commit()
    with Catalog.open(path) as catalog:
        assert catalog.file.rows("PRAGMA integrity_check") == [{"integrity_check": "ok"}]
        assert catalog.file.rows("PRAGMA foreign_key_check") == []
        assert [catalog.capture_by_record_id(one.record_id) for one in made] == made
        plan = catalog.file.rows(
            "EXPLAIN QUERY PLAN SELECT 1 FROM captures WHERE agency = ? AND record_id = ?", ("", "")
        )
        assert "agency=? AND record_id=?" in plan[0]["detail"]
        columns = ", ".join(
            row["name"] for row in catalog.file.rows("PRAGMA table_info(captures)") if row["name"] != "id"
        )
        with pytest.raises(sqlite3.IntegrityError, match=r"captures\.record_id"):
            catalog.file.execute(f"INSERT INTO captures ({columns}) SELECT {columns} FROM captures WHERE id = 1")  # noqa: S608 - the same


def test_folder_that_cannot_be_made(tmp_path: Path) -> None:
    """A data directory below a file cannot be made, and the error says what to do."""
    (tmp_path / "data").write_text("a file")
    with pytest.raises(ArchiveWriteError, match="choose a data directory that can be written"):
        Catalog.open(tmp_path / "data" / CATALOG_NAME)


def test_full_disk_is_an_archive_error(tmp_path: Path) -> None:
    """A write that finds no room raises ArchiveWriteError, and what was committed before is intact."""
    sample = Sample.make(tmp_path)
    pages = sample.catalog.file.rows("PRAGMA page_count")[0]["page_count"]
    sample.catalog.file.rows(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(ArchiveWriteError, match="full"):  # noqa: PT012 - the page that overflows may be any of them
        for number in range(1000):
            sample.capture(f"http://sfj.sample.test/{number}/{'x' * 500}")
    rows = sample.catalog.file.rows("SELECT COUNT(*) AS n FROM captures")[0]["n"]
    assert rows == sample.captures - 1
    assert sample.catalog.file.rows("PRAGMA integrity_check")[0]["integrity_check"] == "ok"
    sample.catalog.close()


_OPEN = """
import sys
from pathlib import Path
from archive.catalog import Catalog
print("ready", flush=True)
sys.stdin.readline()
Catalog.open(Path(sys.argv[1])).close()
"""


def test_two_processes_make_the_catalog_at_once(tmp_path: Path) -> None:
    """Crawls of several agencies that begin together in an empty directory all get the catalog."""
    path = tmp_path / CATALOG_NAME
    command = [sys.executable, "-c", _OPEN, str(path)]
    openers = [
        subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT, text=True
        )
        for _ in range(4)
    ]
    for opener in openers:
        assert opener.stdout
        assert opener.stdout.readline() == "ready\n"
    for opener in openers:
        assert opener.stdin
        opener.stdin.write("\n")
        opener.stdin.flush()
    complaints = [opener.communicate(timeout=60)[1] for opener in openers]
    assert complaints == [""] * len(openers)
    Catalog.open_read_only(path).close()


_KILLED = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, "tests")
from catalogs import Sample, read_document
sample = Sample.make(Path(sys.argv[1]))
print(sample.put(read_document("t1")).document_id, flush=True)
with sample.catalog.atomic():
    sample.put(read_document("t2"))
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_killed_writer_leaves_what_it_committed(tmp_path: Path) -> None:
    """After ``kill -9`` in mid-transaction a reader sees all that was committed and nothing else."""
    died = subprocess.run(
        [sys.executable, "-c", _KILLED, str(tmp_path)], capture_output=True, cwd=ROOT, text=True, check=False
    )
    assert died.returncode == -signal.SIGKILL, died.stderr
    assert (tmp_path / f"{CATALOG_NAME}-wal").stat().st_size > 0
    (tmp_path / f"{CATALOG_NAME}-shm").unlink()
    with Catalog.open_read_only(tmp_path / CATALOG_NAME) as catalog:
        assert [known.document_id for known in catalog.known_documents(AGENCY.name)] == [died.stdout.strip()]
