"""Everything a catalog says, with row numbers replaced by what they stand for, so that two catalogs can be compared."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

OPERATIONAL = {"frontier", "leases", "summaries"}
"""Tables of what is going on, which no WARC file tells."""
CAPTURE_COLUMNS = ("capture_id", "first_capture_id", "before_capture_id")
VERSION_COLUMNS = ("version_id", "current_version_id", "previous_version_id")
UNTOLD = {"warc_files": {"closed_at", "committed_bytes"}, "file_texts": {"read_at"}}
"""What the WARC files do not tell: when a file got its final name, how far it was committed before, when a text was read."""


def content(path: Path) -> dict[str, list[dict[str, Any]]]:
    """Rows by table, in the order of events where a table has one, else sorted."""
    with sqlite3.connect(path) as db:
        db.row_factory = sqlite3.Row
        captures = {row["id"]: row["record_id"] for row in db.execute("SELECT id, record_id FROM captures")}
        versions = {
            row["id"]: f"{row['document_id']} {row['number']}"
            for row in db.execute("SELECT id, document_id, number FROM versions")
        }
        changes = {
            row["id"]: f"{row['document_id']} {row['change']} {row['at']}"
            for row in db.execute("SELECT id, document_id, change, at FROM changes")
        }
        names = [
            row["name"]
            for row in db.execute(
                "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '\\_%' ESCAPE '\\'"
                " AND name NOT LIKE 'sqlite%' AND name NOT LIKE 'search\\_index%' ESCAPE '\\' ORDER BY name"
            )
            if row["name"] not in OPERATIONAL
        ]
        found: dict[str, list[dict[str, Any]]] = {}
        for name in names:
            rows = [dict(row) for row in db.execute(f"SELECT * FROM {name}")]  # noqa: S608 - SQLite's own names
            for row in rows:
                for column in UNTOLD.get(name, ()):
                    row.pop(column)
                if isinstance(row.get("id"), int):
                    row.pop("id")
                row.update({column: captures[row[column]] for column in CAPTURE_COLUMNS if row.get(column) is not None})
                row.update({column: versions[row[column]] for column in VERSION_COLUMNS if row.get(column) is not None})
                if "change_id" in row:
                    row["change_id"] = changes[row["change_id"]]
            # the index itself lies in pieces that depend on how it grew; what it was made from is in search_rows
            found[name] = rows if name in {"states", "changes", "failures", "captures"} else sorted(rows, key=repr)
    db.close()
    return found
