"""The catalog's migrations: the only DDL that is ever run, frozen once released.

A change of :mod:`archive.schema` comes with a new migration here; one that has been released is never edited.
:meth:`archive.database.CatalogFile.open` applies them in one transaction.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlite_utils.migrations import Migrations

from archive import ddl, ddl_scale
from archive.older_changes import tell_older_changes

if TYPE_CHECKING:
    from sqlite_utils.db import Database

MIGRATIONS = Migrations("govcrawl")
"""Every step from an empty file to the schema of this version, in order."""


def _run(db: Database, script: str) -> None:
    """Run statements one by one, in the transaction that is open (``executescript`` would end it)."""
    for statement in script.split(";\n"):
        if statement.strip():
            db.execute(statement)


@MIGRATIONS(name="0001_tables")
def _make_tables(db: Database) -> None:
    """Make every table of the first version."""
    _run(db, ddl.TABLES)


@MIGRATIONS(name="0002_rebuild")
def _add_what_a_rebuild_needs(db: Database) -> None:
    """Say how far a WARC file is committed, what a version was read with, and when it was read again."""
    db.execute('ALTER TABLE "warc_files" ADD COLUMN "committed_bytes" INTEGER')
    db.execute('ALTER TABLE "versions" ADD COLUMN "entry" TEXT')
    db.execute('ALTER TABLE "versions" ADD COLUMN "reextracted_at" TEXT')


@MIGRATIONS(name="0003_file_texts")
def _add_file_texts(db: Database) -> None:
    """Keep what was read out of files."""
    _run(db, ddl.FILE_TEXTS)


@MIGRATIONS(name="0004_fields")
def _add_fields(db: Database) -> None:
    """Keep editor, genre and site code, and where each field was read."""
    for column in ("editor", "genre", "site_id_code", "origins"):
        db.execute(f'ALTER TABLE "versions" ADD COLUMN "{column}" TEXT')


@MIGRATIONS(name="0005_frontier")
def _add_frontier(db: Database) -> None:
    """Keep what a crawl still has to do, so that one that was interrupted goes on."""
    _run(db, ddl.FRONTIER)


@MIGRATIONS(name="0006_changes")
def _add_changes(db: Database) -> None:
    """Keep what became of documents, event by event; what older catalogs hold of it is told."""
    _run(db, ddl.CHANGES)
    tell_older_changes(db)


@MIGRATIONS(name="0007_findings")
def _add_findings(db: Database) -> None:
    """Keep how lists were walked, and each crawl's verdict with what it rests on."""
    _run(db, ddl.FINDINGS)


@MIGRATIONS(name="0009_search")
def _add_search(db: Database) -> None:
    """Make room for the search index; documents that are there already get their entries by ``govcrawl reindex``."""
    _run(db, ddl.SEARCH)


@MIGRATIONS(name="0010_withheld")
def _add_withheld(db: Database) -> None:
    """Keep what is not shown; :mod:`archive.withheld` mirrors its log here."""
    db.execute(ddl.WITHHELD)


@MIGRATIONS(name="0008_recrawl_indexes")
def _add_recrawl_indexes(db: Database) -> None:
    """Let a recrawl be planned without reading the texts of versions."""
    db.execute(
        'CREATE INDEX "idx_versions_document_id_number_captured_at_publish_date"'
        ' ON "versions" ("document_id", "number", "captured_at", "publish_date")'
    )


@MIGRATIONS(name="0011_leases")
def _add_leases(db: Database) -> None:
    """Keep who crawls which agencies in a shard."""
    _run(db, ddl.LEASES)


@MIGRATIONS(name="0012_scale")
def _add_scale(db: Database) -> None:
    """Keep what is counted of agencies, and let every read find its rows by an index."""
    _run(db, ddl_scale.SCALE)


@MIGRATIONS(name="0013_states_of_crawl")
def _add_states_index(db: Database) -> None:
    """Let a crawl be judged without walking through the states of all agencies."""
    db.execute('CREATE INDEX "idx_states_crawl_id" ON "states" ("crawl_id")')


@MIGRATIONS(name="0014_addresses")
def _add_address_indexes(db: Database) -> None:
    """Let a document be found by its address alone, whosever it is."""
    for table in ("documents", "aliases"):
        for column in ("url", "url_key"):
            db.execute(f'CREATE INDEX "idx_{table}_{column}" ON "{table}" ("{column}")')
    # where rows of versions are put before what they refer to (a shard is merged), SQLite looks for who waits for each of them
    db.execute('CREATE INDEX "idx_documents_current_version_id" ON "documents" ("current_version_id")')
    db.execute('CREATE INDEX "idx_changes_previous_version_id" ON "changes" ("previous_version_id")')


@MIGRATIONS(name="0015_search_rows_alone")
def _drop_search_row_triggers(db: Database) -> None:
    """Let writes of index entries fire no trigger: for each that does, FTS5 writes out what it gathers for the transaction.

    What changes an entry writes a document or a line of a list too; only a new index does not, and says so itself.
    """
    for event in ("insert", "update", "delete"):
        db.execute(f'DROP TRIGGER IF EXISTS "summaries_search_rows_{event}"')


@MIGRATIONS(name="0016_search_filters")
def _add_filter_indexes(db: Database) -> None:
    """Let a search be narrowed by kind and attachments without reading every entry."""
    for column in ("kind", "attachments"):
        db.execute(f'CREATE INDEX "idx_search_rows_{column}" ON "search_rows" ("{column}")')


@MIGRATIONS(name="0017_kinds_of_agency")
def _index_kinds_by_agency(db: Database) -> None:
    """Let the kinds of an agency's documents be counted without reading their entries, which are long."""
    db.execute('DROP INDEX "idx_search_rows_agency"')
    db.execute('CREATE INDEX "idx_search_rows_agency_kind" ON "search_rows" ("agency", "kind")')


@MIGRATIONS(name="0018_records_of_agency")
def _group_records_by_agency(db: Database) -> None:
    """Let the ids of a crawl's records lie together in their index, and not each on a page of its own.

    SQLite changes no constraint of a table, and to make the table anew writes half of the catalog again: so the constraint is
    changed where it is written down, and its index filled again (https://sqlite.org/lang_altertable.html, section 8).
    """
    db.execute("PRAGMA writable_schema = ON")
    db.execute(
        'UPDATE sqlite_master SET sql = REPLACE(sql, \'UNIQUE ("record_id")\', \'UNIQUE ("agency", "record_id")\')'
        " WHERE type = 'table' AND name = 'captures'"
    )
    db.execute("PRAGMA writable_schema = RESET")
    db.execute('REINDEX "sqlite_autoindex_captures_1"')
