"""A copy of the catalog as one SQLite file, with what Datasette shows of its tables and columns."""

from __future__ import annotations

import json
import sqlite3
from typing import TYPE_CHECKING, Any

from archive.catalog import CATALOG_NAME, Catalog
from archive.catalog_search import take_out
from archive.curtain import HIDING, REDACTED
from archive.errors import ArchiveWriteError
from archive.schema import TABLES, VIEWS

if TYPE_CHECKING:
    from pathlib import Path

    from archive.columns import Table


def copy_catalog(data_dir: Path, output: Path, *, include_withheld: bool = False) -> Path:
    """Copy the catalog, one view of it, also while others write; returns the metadata file made beside the copy.

    Raises:
        ArchiveWriteError: ``output`` is there already or cannot be written.
    """
    metadata = output.with_name(f"{output.name}.metadata.json")
    if output.exists():
        raise ArchiveWriteError(
            f"export sqlite: {output} is there already; name a file that is not, or move it away",
            zh=f"export sqlite：{output} 已经存在；请另选一个尚不存在的文件，或将它移走",
        )
    try:
        source = sqlite3.connect(f"{(data_dir / CATALOG_NAME).absolute().as_uri()}?mode=ro", uri=True)
        try:
            source.execute("VACUUM INTO ?", (str(output),))
        finally:
            source.close()
        if not include_withheld:
            try:
                _take_out_withheld(data_dir, output)
            except BaseException:
                output.unlink(missing_ok=True)  # it has everything
                raise
        metadata.write_text(json.dumps(datasette_metadata(output.stem), ensure_ascii=False, indent=2) + "\n", "utf-8")
    except (OSError, sqlite3.OperationalError) as error:
        raise ArchiveWriteError(
            f"export sqlite: {output} cannot be written ({error}); make room or choose another",
            zh=f"export sqlite：不能写入 {output}（{error}）；请腾出空间或另选 --output",
        ) from error
    return metadata


def _take_out_withheld(data_dir: Path, output: Path) -> None:
    """Take every row out of a copy that a reader of the catalog is not shown, and the room it took."""
    with Catalog.open(output) as copy:
        copy.file.execute("PRAGMA temp_store = FILE")  # rows of the whole catalog are compared
        copy.file.hide(data_dir)
        if not copy.file.withheld:
            return
        copy.file.execute("PRAGMA foreign_keys = OFF")
        hidden = copy.file.rows(
            "SELECT document_id FROM main.search_rows WHERE document_id IN (SELECT id FROM temp.hidden_documents)"
        )
        keys = {table.name: ", ".join(table.primary_key) for table in TABLES}
        with copy.atomic():
            for row in hidden:
                take_out(copy.file, row["document_id"])
            for name, column in REDACTED:
                copy.file.execute(
                    f"UPDATE main.{name} SET {column} = redacted({column}) WHERE {column} IS NOT redacted({column})"  # noqa: S608
                )
            for name in HIDING:
                key = keys[name]
                copy.file.execute(
                    f"DELETE FROM main.{name} WHERE ({key}) IN"  # noqa: S608 - own names
                    f" (SELECT {key} FROM main.{name} EXCEPT SELECT {key} FROM temp.{name})"
                )
            copy.file.execute("INSERT INTO search_index (search_index) VALUES ('optimize')")  # drops what was taken out
            copy.file.execute("UPDATE main.withheld SET urls = '[]'")
    connection = sqlite3.connect(output)
    try:
        connection.execute("PRAGMA journal_mode = DELETE")
        connection.execute("VACUUM")
    finally:
        connection.close()


def datasette_metadata(database: str) -> dict[str, Any]:
    """Return what Datasette shows of a copy: tables and columns with their meanings."""

    def said(table: Table) -> dict[str, Any]:
        return {
            "title": f"{table.zh} {table.name}",
            "description": table.en,
            "columns": {column.name: f"{column.zh}。{column.en}" for column in table.columns},
        }

    views = {view.name: {"title": f"{view.zh} {view.name}", "description": view.en} for view in VIEWS}
    tables = {table.name: said(table) for table in TABLES}
    return {"title": "政务公开档案 / disclosure archive", "databases": {database: {"tables": {**tables, **views}}}}
