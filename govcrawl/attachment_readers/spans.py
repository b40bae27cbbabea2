"""Tables whose cells say where they end on the page (Word, RTF): columns found from the edges, spans resolved."""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING, NamedTuple

from govcrawl.attachment_readers.found import clean, row_line

if TYPE_CHECKING:
    from govcrawl.attachment_readers.found import Found

_SAME_EDGE = 30  # twentieths of a point: edges of one column differ by rounding only
_MAX_COLUMNS = 256


class Cell(NamedTuple):
    """A cell of one row: its text, its right edge in twentieths of a point, whether it continues the cell above."""

    text: str
    edge: int
    continues: bool = False


def grid_of(rows: list[list[Cell]]) -> list[list[str]]:
    """Return rows of cells in which a cell stands in every column and row that it covers."""
    edges: list[int] = []
    for edge in sorted({cell.edge for row in rows for cell in row}):
        if not edges or edge - edges[-1] > _SAME_EDGE:
            edges.append(edge)
    if len(edges) > _MAX_COLUMNS:
        return [[cell.text for cell in row] for row in rows]
    grid: list[list[str]] = []
    for row in rows:
        line: list[str] = []
        for cell in row:
            start = len(line)
            end = max(bisect_left(edges, cell.edge - _SAME_EDGE) + 1, start + 1)
            text = cell.text
            if cell.continues and grid and start < len(grid[-1]):
                text = grid[-1][start]
            line += [text] * (end - start)
        grid.append(line)
    return grid


def put_rows(rows: list[list[Cell]], found: Found) -> None:
    """Put a table: each row once as a line of text, and the grid."""
    try:
        for row in rows:
            if any(cell.text for cell in row):
                found.add(row_line(clean(cell.text) for cell in row))
    finally:
        found.add_table(grid_of([row for row in rows if row]), with_text=False)
