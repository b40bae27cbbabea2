"""Data tables as grids with spans resolved, told apart from tables that only lay out a page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

_CELLS = frozenset({"td", "th", "cell"})
_ROWS = frozenset({"tr", "row"})
_SECTIONS = frozenset({"thead", "tbody", "tfoot", "colgroup", *_ROWS})
_LARGEST_COLSPAN = 256
_MOST_CELLS = 400_000
"""Cells of one resolved grid; beyond that spans are not expanded (a page of 24 MB can claim millions)."""

_LONG_CELL = 400  # characters; a cell that long holds running text


class Parts(NamedTuple):
    """What a table consists of: its rows of cells, and what broken markup left between them (texts, elements), in order."""

    rows: list[list[Any]]
    strays: list[Any]


def read_parts(table: Any) -> Parts:
    """Return a table's own rows and what stands outside its cells; nested tables are part of their cells."""
    parts = Parts([], [table.text] if table.text else [])
    stack = [(table, iter(table))]
    while stack:
        parent, children = stack[-1]
        child = next(children, None)
        if child is None:
            stack.pop()
            left = parent if stack else None
        elif child.tag in _SECTIONS:
            if child.tag in _ROWS:
                parts.rows.append([cell for cell in child if cell.tag in _CELLS])
            if child.text:
                parts.strays.append(child.text)
            stack.append((child, iter(child)))
            left = None
        else:
            if child.tag not in _CELLS or parent.tag not in _ROWS:
                parts.strays.append(child)
            left = child
        if left is not None and left.tail:
            parts.strays.append(left.tail)
    return parts


def is_layout(table: Any) -> bool:
    """Tell whether a table only arranges: ``role=presentation``, one column, one row with running text, or a frame around others."""
    if table.get("role") in {"presentation", "none"}:
        return True
    rows = [row for row in read_parts(table).rows if row]
    if max(map(len, rows), default=0) <= 1:
        return True
    cells = [cell for row in rows for cell in row]
    if any(cell.find(".//table") is not None for cell in cells):
        plain = [cell for cell in cells if cell.find(".//table") is None and "".join(cell.itertext()).strip()]
        return len(plain) <= len(cells) // 2 or max(sum(cell in plain for cell in row) for row in rows) <= 1
    return len(rows) == 1 and any(len("".join(cell.itertext()).strip()) > _LONG_CELL for cell in cells)


def read_grid(rows: list[list[Any]], text_of: Callable[[Any], str]) -> tuple[tuple[str, ...], ...]:
    """Return rows of cells, rectangular; a cell that spans rows or columns stands in each place it covers.

    Columns in which no cell begins (spans that only adjust widths) and rows without any text are left out.

    Args:
        text_of: gives a cell's text; called once for each cell, in order.
    """
    spans = [
        [(text_of(cell), _span(cell, "colspan", _LARGEST_COLSPAN), _span(cell, "rowspan", len(rows))) for cell in row]
        for row in rows
    ]
    if sum(across * down for row in spans for _, across, down in row) > _MOST_CELLS:
        spans = [[(text, 1, 1) for text, _, _ in row] for row in spans]
    grid: list[dict[int, str]] = [{} for _ in rows]
    begun: set[int] = set()
    for number, row in enumerate(spans):
        column = 0
        for text, across, down in row:
            while column in grid[number]:
                column += 1
            begun.add(column)
            for below in range(number, min(number + down, len(grid))):
                for beside in range(column, column + across):
                    grid[below].setdefault(beside, text)
            column += across
    columns = sorted(begun)
    lines = (tuple(line.get(column, "") for column in columns) for line in grid)
    return tuple(line for line in lines if any(line))


def _span(cell: Any, name: str, largest: int) -> int:
    value = (cell.get(name) or "1").strip()
    digits = value if value.isdecimal() and value.isascii() and len(value) < 9 else "1"  # noqa: PLR2004 - any longer is absurd
    number = int(digits)
    if name == "rowspan" and number == 0:  # to the end of the table
        return largest
    return max(1, min(number, largest))
