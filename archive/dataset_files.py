"""Files of a partitioned dataset being written: one for each year of an agency's table, with bounded memory."""

from __future__ import annotations

import json
import secrets
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from types import TracebackType

    from archive.resources import Resource, Type

FORMAT = 1
"""Of the files; one more with every change of how they are written, so that they are written anew."""

NO_YEAR = "__HIVE_DEFAULT_PARTITION__"
"""The partition of rows without a day, as Hive, Spark and DuckDB name it: their year is NULL."""

_MOST_WAITING = 2000  # rows, of all years together
_PLAIN: dict[Type, pa.DataType] = {
    "text": pa.string(),
    "integer": pa.int64(),
    "real": pa.float64(),
    "texts": pa.list_(pa.string()),
    "tables": pa.string(),
    "json": pa.string(),
}


class Part(NamedTuple):
    """A file that is complete under a name of its own, and the name it is to take."""

    temporary: Path
    path: Path
    rows: int


class PartitionWriter:
    """Writes rows of one agency into a file for each year. Whatever was not renamed is removed at the end of the block."""

    def __init__(self, folder: Path, resource: Resource, day: str | None, *, without: str) -> None:
        """``day`` is the column with the year, ``without`` the one that the folder's name says already."""
        self._folder, self._day = folder, day
        fields = [field for field in resource.fields if field.name != without]
        self._nested = {field.name for field in fields if field.type in {"json", "tables"}}
        self._schema = pa.schema(
            [pa.field(one.name, _PLAIN[one.type], metadata={"zh": one.zh, "en": one.en}) for one in fields],
            metadata={"name": resource.name, "zh": resource.zh, "en": resource.en},
        )
        self._waiting: dict[str, list[dict[str, Any]]] = {}
        self._count = 0
        self._files: dict[str, tuple[Path, pq.ParquetWriter]] = {}
        self._rows: dict[str, int] = {}

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Remove what was not renamed."""
        for path, writer in self._files.values():
            writer.close()
            path.unlink(missing_ok=True)

    def put(self, row: Mapping[str, Any]) -> None:
        """Put one row."""
        said = {name: self._value(name, row[name]) for name in self._schema.names}
        self._waiting.setdefault(self._year(row), []).append(said)
        self._count += 1
        if self._count >= _MOST_WAITING:  # the fullest goes, so that few groups of rows are small
            self._flush(max(self._waiting, key=lambda year: len(self._waiting[year])))

    def _year(self, row: Mapping[str, Any]) -> str:
        if self._day is None:
            return ""
        return str(row[self._day])[:4] if row[self._day] else NO_YEAR

    def _value(self, name: str, value: Any) -> Any:
        if name in self._nested and value is not None:
            return json.dumps(value, ensure_ascii=False, sort_keys=True)
        return value

    def _flush(self, year: str) -> None:
        rows = self._waiting.pop(year)
        self._count -= len(rows)
        if year not in self._files:
            folder = self._path(year).parent
            folder.mkdir(parents=True, exist_ok=True)
            path = folder / f".part-0.parquet.{secrets.token_hex(4)}.part"
            self._files[year] = path, pq.ParquetWriter(path, self._schema, compression="zstd")
        self._files[year][1].write_table(pa.Table.from_pylist(rows, schema=self._schema))
        self._rows[year] = self._rows.get(year, 0) + len(rows)

    def _path(self, year: str) -> Path:
        return (self._folder / f"year={year}" if year else self._folder) / "part-0.parquet"

    def close(self) -> list[Part]:
        """Complete the files; returns them, by year."""
        for year in list(self._waiting):
            self._flush(year)
        for _, writer in self._files.values():
            writer.close()
        return [Part(path, self._path(year), self._rows[year]) for year, (path, _) in sorted(self._files.items())]
