"""A made catalog many times over: its rows copied under the names of further agencies, by SQL.

To put millions of rows through the catalog's write functions takes hours; what they wrote once for some agencies is copied with other
agency names, addresses, row numbers, record ids and digests, and looks to every reader as if those agencies had been crawled too. Texts
repeat. The search index gets its entries from the copied rows.
"""

from __future__ import annotations

import json
import zlib
from typing import TYPE_CHECKING

from archive.schema import TABLES
from archive.search_text import spread
from benchmarks.made_catalog import FIRST

if TYPE_CHECKING:
    from archive.catalog import Catalog
    from archive.columns import Column, Table

_ORDER = (
    *("agencies", "crawls", "channels", "warc_files", "captures", "documents", "versions", "files", "file_texts"),
    *("aliases", "listings", "states", "failures", "changes", "change_captures", "walks", "findings", "search_rows"),
)
_NUMBERS = {
    **dict.fromkeys(("capture_id", "first_capture_id", "before_capture_id"), "captures"),
    **dict.fromkeys(("version_id", "previous_version_id"), "versions"),
    "change_id": "changes",
}
_RECORDS = frozenset({"record_id", "refers_to", "request_record_id", "metadata_record_id"})
_DIGESTS = frozenset({"payload_digest", "block_digest"})
_SEARCH_STEP = 20_000  # more than one copy has documents of one day
_OF = {
    "agencies": "name GLOB '{0}*'",
    "files": "version_id > {versions} AND version_id <= {versions_end}",
    "file_texts": "sha256 IN (SELECT f.sha256 FROM files AS f WHERE f.version_id > {versions} AND f.version_id <= {versions_end})",
    "change_captures": "change_id > {changes} AND change_id <= {changes_end}",
    "versions": "id > {versions} AND id <= {versions_end}",
    "states": "id > {states} AND id <= {states_end}",
}


class Copier:
    """Copies the rows of the crawled agencies; what is crawled later is not copied.

    The first copy is made of what was crawled, all further ones of that copy, so that it does not matter what became of the original.
    """

    def __init__(self, catalog: Catalog) -> None:
        """Take a catalog that holds what a maker made and nothing else."""
        self._db = catalog.file
        self._catalog = catalog
        self._made: dict[str, int] = {}  # table → its last row number
        for table in TABLES:
            if table.primary_key == ("id",) and table.columns[0].type == "INTEGER" and table.name in _ORDER:
                row = self._db.row(f"SELECT COALESCE(MAX(id), 0) AS n FROM {table.name}")  # noqa: S608 - own names
                self._made[table.name] = row["n"] if row else 0
        # between two copies there is room for the rows of crawls
        self._spans = {name: last + last // 4 + 10_000 for name, last in self._made.items()}
        self.copies = 0
        self._last: tuple[bytes, list[str]] = (b"", [])
        self._db.add_function("govcrawl_column", 2, self._column)

    def _column(self, packed: bytes, number: int) -> str:
        """Return one column of an entry of the index, spread as the index takes it."""
        if packed != self._last[0]:
            self._last = packed, [spread(text) for text in json.loads(zlib.decompress(packed))]
        return self._last[1][number]

    def copy(self) -> None:
        """Make one more copy, in one transaction."""
        source = min(self.copies, 1)
        self.copies += 1
        step = self.copies - source
        before, after = (f"{FIRST[0]}{number:02d}_" for number in (source, self.copies))
        bounds = {name: source * span for name, span in self._spans.items()}
        bounds |= {f"{name}_end": bounds[name] + last for name, last in self._made.items()}
        tables = {table.name: table for table in TABLES}
        with self._catalog.atomic():
            for name in _ORDER:
                where = _OF.get(name, "agency GLOB '{0}*'").format(before, **bounds)
                if name in self._spans and name not in {"search_rows", *_OF}:
                    where += f" AND id > {bounds[name]} AND id <= {bounds[f'{name}_end']}"
                if name == "search_rows":
                    self._copy_index(where, step * _SEARCH_STEP)
                self._copy(tables[name], where, step, before, after)
            self._db.execute(  # only now: no row may wait for one that comes later, or each of these is looked for everywhere
                "UPDATE documents SET current_version_id = (SELECT v.id FROM versions AS v WHERE v.document_id = documents.id"
                " ORDER BY v.number DESC LIMIT 1) WHERE agency GLOB ?",
                (f"{after}*",),
            )
            self._db.execute(
                "UPDATE summaries SET format = s.format, figures = REPLACE(s.figures, ?1, ?2) FROM summaries AS s"
                " WHERE summaries.agency GLOB ?2 || '*' AND s.agency = REPLACE(summaries.agency, ?2, ?1)",
                (before, after),
            )

    def _copy(self, table: Table, where: str, step: int, before: str, after: str) -> None:
        names = ", ".join(f'"{column.name}"' for column in table.columns)
        values = ", ".join(self._value(table, column, step, before, after) for column in table.columns)
        self._db.execute(
            f"INSERT INTO {table.name} ({names}) SELECT {values} FROM {table.name} WHERE {where} ORDER BY rowid"  # noqa: S608
        )

    def _value(self, table: Table, column: Column, step: int, before: str, after: str) -> str:
        """Return what a column of a copy is, in SQL."""
        name, mark = column.name, f"{self.copies:02x}"
        value = f'"{name}"'
        if name == "current_version_id":
            value = "NULL"
        elif name == "id" and table.name == "search_rows":
            value += f" + {step * _SEARCH_STEP}"
        elif name == "id" and table.name in self._spans:
            value += f" + {step * self._spans[table.name]}"
        elif name in _NUMBERS:
            value += f" + {step * self._spans[_NUMBERS[name]]}"
        elif name in _RECORDS or name in _DIGESTS or (name == "sha256" and table.name != "warc_files"):
            value = self._random(name, mark, step)
        elif column.type == "TEXT" and name not in {"text", "tables", "members", "title"}:
            value = f"REPLACE({value}, '{before}', '{after}')"
        return value

    @staticmethod
    def _random(name: str, mark: str, step: int) -> str:
        """Return what a record's id or a digest is in a copy: it begins with other digits of its own and ends with the copy's mark.

        So those of copies lie in no order, and not beside what they were copied from either: else all pages of an index fill up,
        and are split, at the same time.
        """
        first, tail = (11, "'>'") if name in _RECORDS else (8 if name in _DIGESTS else 1, "''")
        before = f"SUBSTR({name}, 1, {first - 1})"
        digits = f"SUBSTR(REPLACE({name}, '-', ''), {first + step}, 8)"
        rest = f"SUBSTR({name}, {first + 8}, LENGTH({name}) - {first + 7 + 2} - LENGTH({tail}))"
        return f"{before} || {digits} || {rest} || '{mark}' || {tail}"

    def _copy_index(self, where: str, step: int) -> None:
        columns = ", ".join(f"govcrawl_column(indexed, {number})" for number in range(5))
        self._db.execute(
            f"INSERT INTO search_index (rowid, title, number, body, tables, files) SELECT id + {step}, {columns}"  # noqa: S608
            f" FROM search_rows WHERE {where} ORDER BY id"
        )
