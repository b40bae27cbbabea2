"""Rows of some agencies copied into a shard's catalog, and put from it into the one catalog.

Both catalogs are attached to one connection, so that rows go over in whole sets. Row numbers differ between them: a capture is
known by its record id, a version by its document and number, a change by its place among its agency's changes. Rows of an
agency that nobody else has touched (:func:`mark_agency`) are afterwards what the crawl would have put here itself.
"""

# ruff: noqa: S608 -- SQL put together from the schema's own names

from __future__ import annotations

import hashlib
import json
from contextlib import contextmanager
from typing import TYPE_CHECKING

from archive import schema
from archive.catalog_search import put_index, put_index_of_file, put_kind

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from archive.catalog import Catalog
    from archive.columns import Table
    from archive.database import CatalogFile
    from archive.rows import Row

_WANTED = "(SELECT agency FROM temp.wanted)"
_BY_AGENCY = f"agency IN {_WANTED}"
_DOCUMENTS = f"(SELECT id FROM {{db}}.documents WHERE {_BY_AGENCY})"
_VERSIONS = f"(SELECT id FROM {{db}}.versions WHERE document_id IN {_DOCUMENTS})"

SCOPES: dict[str, str] = {
    "agencies": f"name IN {_WANTED}",
    "channels": _BY_AGENCY,
    "crawls": _BY_AGENCY,
    "warc_files": _BY_AGENCY,
    "captures": _BY_AGENCY,
    "documents": _BY_AGENCY,
    "aliases": _BY_AGENCY,
    "listings": _BY_AGENCY,
    "versions": f"document_id IN {_DOCUMENTS}",
    "files": f"version_id IN {_VERSIONS}",
    "file_texts": f"sha256 IN (SELECT sha256 FROM {{db}}.files WHERE version_id IN {_VERSIONS})",
    "states": f"document_id IN {_DOCUMENTS}",
    "changes": _BY_AGENCY,
    "change_captures": f"change_id IN (SELECT id FROM {{db}}.changes WHERE {_BY_AGENCY})",
    "failures": _BY_AGENCY,
    "walks": _BY_AGENCY,
    "findings": _BY_AGENCY,
    "frontier": _BY_AGENCY,
    "withheld": f"document_id IN {_DOCUMENTS}",
}
"""Which rows of a table are those of the agencies that are wanted; the index for searching is made again, leases stay."""

EVENTS = ("states", "failures", "changes")
"""Tables to which rows are only added, in the order of events: new ones come after the last one that was shipped."""

_TABLES = {table.name: table for table in schema.TABLES if table.name in SCOPES}


@contextmanager
def attached(catalog: Catalog, path: Path, name: str, agencies: Sequence[str]) -> Iterator[None]:
    """Have another catalog under a name beside this one, for reading, with the agencies that are meant as ``temp.wanted``."""
    db = catalog.file
    db.execute(f"ATTACH DATABASE ? AS {name}", (f"{path.absolute().as_uri()}?mode=ro",))
    try:
        db.execute("CREATE TEMP TABLE wanted (agency TEXT PRIMARY KEY) WITHOUT ROWID")
        with catalog.atomic():
            for agency in agencies:
                db.execute("INSERT INTO temp.wanted VALUES (?)", (agency,))
        yield
    finally:
        db.execute("DROP TABLE IF EXISTS temp.wanted")
        db.execute(f"DETACH DATABASE {name}")


def copy_agencies(catalog: Catalog, whole: Path, agencies: Sequence[str]) -> dict[str, int]:
    """Copy everything that a catalog has of some agencies into a new, empty one, in one view of it.

    Returns:
        The greatest row number of each table of :data:`EVENTS` in the copy: later ones are new.
    """
    db = catalog.file
    with attached(catalog, whole, "whole", agencies), catalog.atomic():
        db.execute("PRAGMA defer_foreign_keys = ON")
        for name, table in _TABLES.items():
            columns = _names(table)
            scope = SCOPES[name].format(db="whole")
            db.execute(f"INSERT INTO main.{name} ({columns}) SELECT {columns} FROM whole.{name} WHERE {scope}")
        return {name: _greatest(db, name) for name in EVENTS}


def mark_agency(catalog: Catalog, agency: str) -> str:
    """Return a digest of what a catalog has of an agency: its crawls, its files, how many rows of what.

    It holds no row numbers: a catalog made again has the same.
    """
    db = catalog.file
    said: list[object] = [
        [tuple(row.values()) for row in db.rows(sql, (agency,))]
        for sql in (
            "SELECT id, outcome, finished_at FROM crawls WHERE agency = ? ORDER BY id",
            "SELECT path, sha256 FROM warc_files WHERE agency = ? ORDER BY path",
        )
    ]
    for table in ("captures", "documents", "aliases", "listings", "changes", "failures"):
        row = db.row(f"SELECT COUNT(*) AS n FROM {table} WHERE agency = ?", (agency,))
        said.append(row and row["n"])
    for table in ("versions", "states"):
        sql = f"SELECT COUNT(*) AS n FROM {table} WHERE document_id IN (SELECT id FROM documents WHERE agency = ?)"
        row = db.row(sql, (agency,))
        said.append(row and row["n"])
    return hashlib.sha256(json.dumps(said, ensure_ascii=False).encode()).hexdigest()


def new_files(catalog: Catalog, whole: Catalog, agency: str) -> list[Row]:
    """Return the rows of an agency's WARC files that a shard's catalog has and the one catalog has not, in their order."""
    known = {row["path"] for row in whole.file.rows("SELECT path FROM warc_files WHERE agency = ?", (agency,))}
    rows = catalog.file.rows("SELECT * FROM warc_files WHERE agency = ? ORDER BY opened_at, path", (agency,))
    return [row for row in rows if row["path"] not in known]


def lacks_nothing(catalog: Catalog, whole: Catalog, agencies: Sequence[str]) -> bool:
    """Whether the one catalog has every WARC file of a shard's catalog, with the same digest."""
    for agency in agencies:
        rows = catalog.file.rows("SELECT path, sha256 FROM warc_files WHERE agency = ?", (agency,))
        here = whole.file.rows("SELECT path, sha256 FROM warc_files WHERE agency = ?", (agency,))
        if {tuple(row.values()) for row in rows} - {tuple(row.values()) for row in here}:
            return False
    return True


def put_rows(catalog: Catalog, base: Mapping[str, int]) -> dict[str, int]:
    """Put what the catalog that is attached as ``shard`` has of the wanted agencies into this one; within a transaction.

    Args:
        catalog: the one catalog, with the shard's :func:`attached`.
        base: what :func:`copy_agencies` returned when the shard was made.

    Returns:
        How many rows are new, by table.
    """
    return _Put(catalog, base).run()


class _Put:
    def __init__(self, catalog: Catalog, base: Mapping[str, int]) -> None:
        self._catalog = catalog
        self._db = catalog.file
        self._base = base
        self.counts: dict[str, int] = {}

    def run(self) -> dict[str, int]:
        db = self._db
        db.execute("PRAGMA defer_foreign_keys = ON")  # documents and versions name each other
        for name in ("agencies", "crawls", "channels", "warc_files"):
            self._sync(name)
        self._map("captures", "m.agency = s.agency AND m.record_id = s.record_id")
        self._append("captures")
        self._map("versions", "m.document_id = s.document_id AND m.number = s.number")
        self._append("versions", capture_id="captures")
        self._note_differing()
        self._free_addresses()
        self._sync("documents", first_capture_id="captures", current_version_id="versions")
        self._sync("files", version_id="versions", capture_id="captures")
        self._put_texts()
        self._append_events("states", capture_id="captures")
        self._append_events("failures", capture_id="captures")
        self._replace_findings()
        self._map_changes()
        references = {"capture_id": "captures", "before_capture_id": "captures"}
        self._append("changes", **references, version_id="versions", previous_version_id="versions")
        self._sync("change_captures", change_id="changes", capture_id="captures")
        for name in ("aliases", "listings", "walks"):
            self._sync(name, **({} if name == "aliases" else {"capture_id": "captures"}))
        db.execute(
            f"DELETE FROM main.aliases WHERE {_BY_AGENCY} AND (agency, url_key) NOT IN"
            f" (SELECT agency, url_key FROM shard.aliases WHERE {_BY_AGENCY})"
        )
        self._replace_frontier()
        self._index()
        return self.counts

    # Row numbers there and here

    def _map(self, name: str, same: str) -> None:
        """Make ``temp.map_NAME``: row numbers of the shard and of this catalog; those not here yet come after the last one."""
        self._make_map(name)
        self._db.execute(
            f"INSERT INTO temp.map_{name} SELECT s.id, m.id, 0 FROM shard.{name} AS s JOIN main.{name} AS m ON {same}"
            f" WHERE {_scope(_TABLES[name], 'shard')}"
        )
        self._number(name, SCOPES[name].format(db="shard"))

    def _map_changes(self) -> None:
        """Map changes that were shipped by their places among the agency's, for a catalog made again numbers them anew."""
        self._make_map("changes")
        ranked = (
            "SELECT id, agency, ROW_NUMBER() OVER (PARTITION BY agency ORDER BY id) AS place FROM {}.changes"
            f" WHERE {_BY_AGENCY}"
        )
        self._db.execute(
            f"INSERT INTO temp.map_changes SELECT s.id, m.id, 0 FROM ({ranked.format('shard')} AND id <= ?) AS s"
            f" JOIN ({ranked.format('main')}) AS m ON m.agency = s.agency AND m.place = s.place",
            (self._base["changes"],),
        )
        self._number("changes", SCOPES["changes"])

    def _make_map(self, name: str) -> None:
        self._db.execute(f"DROP TABLE IF EXISTS temp.map_{name}")
        self._db.execute(f"CREATE TEMP TABLE map_{name} (old INTEGER PRIMARY KEY, new INTEGER, fresh INTEGER)")

    def _number(self, name: str, scope: str) -> None:
        """Give the rows of the shard that are not mapped yet the next numbers, in their order."""
        last = _greatest(self._db, name)
        cursor = self._db.execute(
            f"INSERT INTO temp.map_{name} SELECT id, ? + ROW_NUMBER() OVER (ORDER BY id), 1 FROM shard.{name}"
            f" WHERE {scope} AND id NOT IN (SELECT old FROM temp.map_{name})",
            (last,),
        )
        self.counts[name] = cursor.rowcount

    def _append(self, name: str, **references: str) -> None:
        """Insert the rows that were numbered; ``references`` are columns that hold row numbers of a mapped table."""
        table = _TABLES[name]
        values = _values(table, references | {"id": name})
        self._db.execute(
            f"INSERT INTO main.{name} ({_names(table)}) SELECT {values} FROM shard.{name} AS s"
            f" JOIN temp.map_{name} AS n ON n.old = s.id WHERE n.fresh ORDER BY n.new"
        )

    def _append_events(self, name: str, **references: str) -> None:
        """Insert the rows that came after those that were shipped, in their order."""
        scope = SCOPES[name].format(db="shard")
        self._insert_after(
            name, f"SELECT id FROM shard.{name} WHERE {scope} AND id > {int(self._base[name])}", references
        )

    def _insert_after(self, name: str, chosen: str, references: Mapping[str, str]) -> None:
        table = _TABLES[name]
        values = _values(table, references, own="? + ROW_NUMBER() OVER (ORDER BY s.id)")
        cursor = self._db.execute(
            f"INSERT INTO main.{name} ({_names(table)}) SELECT {values} FROM shard.{name} AS s"
            f" WHERE s.id IN ({chosen}) ORDER BY s.id",
            (_greatest(self._db, name),),
        )
        self.counts[name] = cursor.rowcount

    # Rows with keys of their own

    def _sync(self, name: str, **references: str) -> None:
        """Insert what is new and bring up to date what differs."""
        table = _TABLES[name]
        columns = _names(table)
        differing = (
            f"SELECT {_values(table, references)} FROM shard.{name} AS s WHERE {_scope(table, 'shard')}"
            f" EXCEPT SELECT {columns} FROM main.{name} WHERE {SCOPES[name].format(db='main')}"
        )
        keys = ", ".join(f'"{key}"' for key in table.primary_key)
        sets = ", ".join(f'"{c.name}" = excluded."{c.name}"' for c in table.columns if c.name not in table.primary_key)
        before = self._count(name)
        self._db.execute(
            f"INSERT INTO main.{name} ({columns}) SELECT * FROM ({differing}) WHERE true"
            f" ON CONFLICT ({keys}) DO UPDATE SET {sets}"
        )
        self.counts[name] = self._count(name) - before

    def _count(self, name: str) -> int:
        row = self._db.row(f"SELECT COUNT(*) AS n FROM main.{name} WHERE {SCOPES[name].format(db='main')}")
        return int(row["n"]) if row else 0

    def _free_addresses(self) -> None:
        """Let go of addresses that documents left, so that another one may have moved there."""
        self._db.execute(
            "UPDATE main.documents AS d SET url_key = ' ' || d.id WHERE d.id IN (SELECT s.id FROM shard.documents AS s"
            f" WHERE s.{_BY_AGENCY} AND s.url_key <> d.url_key AND s.id = d.id)"
        )

    def _note_differing(self) -> None:
        """Note what the index of the search has to follow; a version whose missing files came has another digest."""
        db = self._db
        db.execute("DROP TABLE IF EXISTS temp.touched")
        db.execute("CREATE TEMP TABLE touched (document_id TEXT PRIMARY KEY, whole INTEGER) WITHOUT ROWID")
        db.execute(
            "INSERT OR REPLACE INTO temp.touched SELECT DISTINCT v.document_id, 1 FROM shard.versions AS v"
            " JOIN temp.map_versions AS n ON n.old = v.id WHERE n.fresh"
        )
        filled = (
            "SELECT n.new AS id, v.document_id, v.version_digest FROM temp.map_versions AS n"
            " JOIN shard.versions AS v ON v.id = n.old JOIN main.versions AS m ON m.id = n.new"
            " WHERE NOT n.fresh AND m.version_digest <> v.version_digest AND EXISTS (SELECT 1 FROM shard.files AS f"
            " JOIN main.files AS g ON g.version_id = n.new AND g.kind = f.kind AND g.position = f.position"
            " WHERE f.version_id = n.old AND f.sha256 IS NOT NULL AND g.sha256 IS NULL)"
        )
        for row in db.rows(filled):
            db.update("versions", {"id": row["id"]}, {"version_digest": row["version_digest"]})
            db.execute("INSERT OR REPLACE INTO temp.touched VALUES (?, 1)", (row["document_id"],))
        db.execute(
            "INSERT OR IGNORE INTO temp.touched SELECT document_id, 0 FROM (SELECT DISTINCT document_id, channel"
            f" FROM shard.listings WHERE {_BY_AGENCY} AND document_id IS NOT NULL EXCEPT SELECT document_id, channel"
            f" FROM main.listings WHERE {_BY_AGENCY})"
        )

    def _put_texts(self) -> None:
        """Put texts of files that nobody here has read, or that were read later by other readers."""
        table = _TABLES["file_texts"]
        columns = _names(table)
        chosen = (
            "FROM shard.file_texts AS s LEFT JOIN main.file_texts AS m ON m.sha256 = s.sha256 WHERE m.sha256 IS NULL"
            " OR (m.reader_version <> s.reader_version AND m.read_at < s.read_at)"
        )
        self.texts = [row["sha256"] for row in self._db.rows(f"SELECT s.sha256 {chosen}")]
        values = ", ".join(f's."{c.name}"' for c in table.columns)
        self._db.execute(f"INSERT OR REPLACE INTO main.file_texts ({columns}) SELECT {values} {chosen}")
        self.counts["file_texts"] = len(self.texts)

    def _replace_findings(self) -> None:
        """Put what verdicts rest on, crawl by crawl: one that went on was judged again."""
        db, table = self._db, _TABLES["findings"]
        there = f"SELECT {_values(table, {'capture_id': 'captures'}, own='0')} FROM shard.findings AS s WHERE s.{_BY_AGENCY}"
        own = _names(table).replace('"id"', "0")
        here = f"SELECT {own} FROM main.findings WHERE {_BY_AGENCY}"
        crawl = _names(table).split(", ").index('"crawl_id"')
        columns = ", ".join("crawl_id" if n == crawl else f"c{n}" for n in range(len(table.columns)))
        db.execute("DROP TABLE IF EXISTS temp.judged")
        db.execute(
            f"CREATE TEMP TABLE judged AS WITH there ({columns}) AS ({there}), here ({columns}) AS ({here})"
            " SELECT crawl_id FROM (SELECT * FROM there EXCEPT SELECT * FROM here)"
            " UNION SELECT crawl_id FROM (SELECT * FROM here EXCEPT SELECT * FROM there)"
        )
        db.execute("DELETE FROM main.findings WHERE crawl_id IN (SELECT crawl_id FROM temp.judged)")
        chosen = "SELECT id FROM shard.findings WHERE crawl_id IN (SELECT crawl_id FROM temp.judged)"
        self._insert_after("findings", chosen, {"capture_id": "captures"})

    def _replace_frontier(self) -> None:
        self._db.execute(f"DELETE FROM main.frontier WHERE {_BY_AGENCY}")
        self._make_map("frontier")
        self._number("frontier", _BY_AGENCY)
        self._append("frontier", of_id="frontier", capture_id="captures")

    def _index(self) -> None:
        for sha256 in self.texts:
            put_index_of_file(self._db, sha256)
        for row in self._db.rows("SELECT document_id, whole FROM temp.touched ORDER BY document_id"):
            if row["whole"]:
                put_index(self._db, row["document_id"])
            else:
                put_kind(self._db, row["document_id"])


def _names(table: Table) -> str:
    return ", ".join(f'"{column.name}"' for column in table.columns)


def _values(table: Table, references: Mapping[str, str], own: str | None = None) -> str:
    """Say a row of the shard for this catalog: row numbers are those that it has here."""
    return ", ".join(
        own
        if own is not None and column.name == "id"
        else f'(SELECT r.new FROM temp.map_{references[column.name]} AS r WHERE r.old = s."{column.name}")'
        if column.name in references
        else f's."{column.name}"'
        for column in table.columns
    )


def _scope(table: Table, name: str) -> str:
    """The scope of a table, its column qualified."""
    return f"s.{SCOPES[table.name].format(db=name)}"


def _greatest(db: CatalogFile, name: str) -> int:
    row = db.row(f"SELECT COALESCE(MAX(id), 0) AS id FROM main.{name}")
    return int(row["id"]) if row else 0
