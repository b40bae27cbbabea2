"""Rows of a resource in any of the formats, into one file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any, Literal, get_args

from archive.export import begun, write_csv, write_jsonl

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from archive.resources import Resource

Format = Literal["csv", "jsonl", "parquet", "xlsx"]
FORMATS: tuple[Format, ...] = get_args(Format)


@dataclass(frozen=True, slots=True)
class Done:
    """What was written; ``cut`` cells were longer than the format allows."""

    rows: int
    cut: int = 0


def write_rows(
    rows: Iterable[Mapping[str, Any]],
    target: IO[bytes],
    resource: Resource,
    form: Format,
    *,
    bom: bool = True,
    guard: bool = True,
) -> Done:
    """Write rows of a resource; memory does not grow with their number. What fails before the first row has written nothing.

    Args:
        bom, guard: of CSV, as :func:`archive.export.write_csv` takes them.
    """
    if form == "csv":
        return Done(write_csv(rows, target, fields=resource.names, bom=bom, guard=guard))
    if form == "jsonl":
        return Done(write_jsonl(rows, target))
    rows = begun(rows)
    if form == "parquet":
        from archive.export_parquet import write_parquet  # noqa: PLC0415 - a tenth of a second that others need not pay

        return Done(write_parquet(rows, target, resource))
    from archive.export_xlsx import write_xlsx  # noqa: PLC0415 - as above

    written = write_xlsx(rows, target, resource)
    return Done(written.rows, written.cut)
