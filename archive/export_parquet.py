"""Rows as a Parquet file: typed columns, zstd, in row groups, so that memory does not grow with the catalog."""

from __future__ import annotations

import json
from itertools import islice
from typing import IO, TYPE_CHECKING, Any

import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from archive.resources import Resource, Type

GROUP_ROWS = 2000

_TYPES: dict[Type, pa.DataType] = {
    "text": pa.string(),
    "integer": pa.int64(),
    "real": pa.float64(),
    "texts": pa.list_(pa.string()),
    "tables": pa.list_(pa.list_(pa.list_(pa.string()))),
    "json": pa.string(),
}


def arrow_schema(resource: Resource) -> pa.Schema:
    """Return a resource's columns as Arrow types, each with its meaning as metadata."""
    fields = [
        pa.field(field.name, _TYPES[field.type], metadata={"zh": field.zh, "en": field.en}) for field in resource.fields
    ]
    return pa.schema(fields, metadata={"name": resource.name, "zh": resource.zh, "en": resource.en})


def write_parquet(rows: Iterable[Mapping[str, Any]], target: IO[bytes], resource: Resource) -> int:
    """Write rows; lists are lists, other nested values JSON text, missing ones null. Returns how many."""
    schema = arrow_schema(resource)
    nested = {field.name for field in resource.fields if field.type == "json"}
    count = 0
    waiting = iter(rows)
    with pq.ParquetWriter(target, schema, compression="zstd") as writer:
        while group := list(islice(waiting, GROUP_ROWS)):
            said = [{name: _value(row[name], name in nested) for name in schema.names} for row in group]
            writer.write_table(pa.Table.from_pylist(said, schema=schema))
            count += len(group)
    return count


def _value(value: Any, nested: bool) -> Any:  # noqa: FBT001 - one of two ways to say it
    return json.dumps(value, ensure_ascii=False, sort_keys=True) if nested and value is not None else value
