"""Which cell of a report's tables is which figure: rows by their items, columns by their headings.

Read row by row, so that it does not matter whether the three national tables stand in three tables of the page, in one, or in
pieces: a heading row opens a block, the rows that follow belong to it, a piece without headings continues the block before it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeVar

from archive.text import nfkc
from govcrawl import report_format as form
from govcrawl.report_format import TableName, label

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

Oddness = Literal["unrecognised_row", "columns_unknown", "ambiguous_cell"]

_NUMBER = re.compile(
    r"(?P<word>增加?|减少?)?\s*(?P<number>[+-]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?)\s*(?P<unit>万元|亿元|元|件|项|条|个|宗|起|次|份)?"
)
_MINUS = str.maketrans("−﹣–—―", "-----")
_NOTHING = frozenset({"", "/", "\\", "-", "--", "---", "无", "空", "·", "."})
_UNIT = re.compile(r"单位[::]?\s*(万元|亿元|元|件|项|个)")
_LONGEST_NUMBER = 40  # characters; the sum of all fees of the country needs fewer
_LONGEST_CELL = 200  # characters that are looked at for a number
_ENOUGH = 5  # rows without readable columns that are worth a word


class Value(NamedTuple):
    """What a cell says: a number, or none."""

    number: int | float | None
    unit: str | None
    readable: bool  # False: there is something, but it is no number


_BLANK = Value(None, None, readable=True)


class Place(NamedTuple):
    """A cell: table, row and column, each from 0."""

    table: int
    row: int
    column: int


class Cell(NamedTuple):
    """One figure as printed."""

    table: TableName
    code: str
    item: str
    measure: str | None
    applicant: str | None
    printed: str
    printed_item: str
    unit: str | None  # that of the heading
    place: Place
    ambiguous: bool = False


class Odd(NamedTuple):
    """What could not be recognised."""

    kind: Oddness
    table: TableName
    printed: str
    place: Place


@dataclass(slots=True)
class Readout:
    """The cells of a report, and what could not be recognised in its tables."""

    cells: list[Cell] = field(default_factory=list)
    odd: list[Odd] = field(default_factory=list)


class _Row(NamedTuple):
    """A row that holds figures."""

    place: Place  # of its item; the column is the last one that belongs to the label
    code: str
    item: str
    printed_item: str
    cells: Sequence[str]


@dataclass(slots=True)
class _Block:
    """Rows under one set of headings. ``heads`` is empty where a table goes on from the one before."""

    table: TableName
    number: int
    heads: list[Sequence[str]]
    rows: list[_Row] = field(default_factory=list)


def read_value(text: str) -> Value:
    """Read a cell: a number with or without its unit; blank, ``/``, ``-`` and 无 are no number, and nothing is taken for 0."""
    if not text:
        return _BLANK
    plain = nfkc(text[:_LONGEST_CELL]).translate(_MINUS).strip()
    if "".join(plain.split()) in _NOTHING:
        return _BLANK
    match = _NUMBER.fullmatch(plain) if len(plain) <= _LONGEST_NUMBER else None
    if match is None or (match["word"] and match["number"][0] in "+-"):
        return Value(None, None, readable=False)
    digits = match["number"].replace(",", "")
    number: int | float = float(digits) if "." in digits else int(digits)
    if match["word"] and match["word"].startswith("减"):
        number = -number
    return Value(number, match["unit"], readable=True)


def read_cells(tables: Iterable[Sequence[Sequence[str]]]) -> Readout:
    """Find the figures of the national format in tables (tables > rows > cells, spans resolved or left blank)."""
    readout = Readout()
    blocks = _joined(_blocks(tables, readout))
    order: tuple[str, ...] = ()  # applicants of the block before, left to right
    for block in blocks:
        if block.table == form.APPLICATIONS:
            order = _put_applications(block, order, readout)
        elif block.table == form.DISPUTES:
            _put_disputes(block, readout)
        else:
            _put_disclosure(block, readout)
    return readout


# --- rows into blocks ---


def _blocks(tables: Iterable[Sequence[Sequence[str]]], readout: Readout) -> list[_Block]:
    """Cut the tables into blocks."""
    blocks: list[_Block] = []
    waiting: _Block | None = None  # headings at the end of a table: their rows stand in the next one
    for number, table in enumerate(tables):
        block, group = waiting, ""
        for row_number, row in enumerate(table):
            keys = [label(cell) for cell in row]
            head = _head_of(keys)
            if head is not None:
                if block is None or block.table != head or block.rows:
                    block = _Block(head, number, [])
                    blocks.append(block)
                block.heads.append(row)
                group = ""
                continue
            if any(key.startswith("第二十条第") for key in keys):
                block = None
                continue
            group = next((code for code in map(form.group_of, reversed(keys)) if code), group)
            found = _row_of(block, Place(number, row_number, 0), row, keys, group)
            if found is not None:
                if block is None:
                    block = _Block(form.APPLICATIONS, number, [])
                    blocks.append(block)
                if not block.rows:
                    block.number = number
                block.rows.append(found)
            elif block is not None and block.rows and any(_is_number(cell) for cell in row):
                text = " ".join(filter(None, ("".join(cell.split()) for cell in dict.fromkeys(row))))
                readout.odd.append(Odd("unrecognised_row", block.table, text, Place(number, row_number, 0)))
        waiting = block if block is not None and not block.rows else None
    return [block for block in blocks if block.rows]


def _joined(blocks: list[_Block]) -> list[_Block]:
    """Join the blocks of 主动公开 that one table has under equal headings: their columns are the same."""
    joined: dict[object, _Block] = {}
    for block in blocks:
        alike = block.table == form.DISCLOSURE
        first = joined.setdefault((block.number, tuple(block.heads[-1])) if alike else id(block), block)
        if first is not block:
            first.rows += block.rows
    return list(joined.values())


def _head_of(keys: Sequence[str]) -> TableName | None:
    """Tell whose headings a row holds."""
    if any(key in form.APPLICANT_HEADS for key in keys):
        return form.APPLICATIONS
    if any(key in form.DISPUTE_HEADS for key in keys):
        return form.DISPUTES
    if any(form.measure_of(key) for key in keys if key):
        return form.DISCLOSURE
    return None


def _row_of(block: _Block | None, place: Place, row: Sequence[str], keys: Sequence[str], group: str) -> _Row | None:
    """Recognise a row that holds figures."""
    if block is not None and block.table == form.DISPUTES:
        if block.rows or len(row) != len(block.heads[-1]):
            return None
        values = [read_value(cell) for cell in row]
        readable = sum(value.readable for value in values)
        numbers = sum(value.number is not None for value in values)
        whole = readable == len(row) and any(cell.strip() for cell in row)
        return _Row(place, "", "", "", row) if whole or (numbers and 2 * readable > len(row)) else None
    end = next((n for n, cell in enumerate(row) if _is_number(cell)), len(row))
    for column in reversed(range(end)):
        if not (key := keys[column]):
            continue
        if block is not None and block.table == form.DISCLOSURE:
            item = form.disclosure_item(key)
        else:
            item = form.application_item(key, group)
        if item is not None:
            return _Row(place._replace(column=column), item.code, item.name, row[column], row)
    return None


def _is_number(cell: str) -> bool:
    return read_value(cell).number is not None


# --- columns of a block ---


def _put_applications(block: _Block, order: tuple[str, ...], readout: Readout) -> tuple[str, ...]:
    """Put the cells of 收到和处理申请; return its applicants from left to right, for a table that goes on from it."""
    columns = _applicant_columns(block.heads)
    named = {form.applicant_of(label(cell)) for head in block.heads for cell in head}
    printed = tuple(name for name in form.APPLICANTS if name in named) if block.heads else order
    complete = len(printed) == len(form.APPLICANTS)
    first = min(columns, default=0)
    below = [row for row in block.rows if row.place.column < first]
    if complete and 2 * len(below) < len(block.rows):  # the headings slid: then each row is told by itself
        first, below = 0, []
    picks = _picks(columns, below)
    unknown = []
    for row in block.rows:
        if row.place.column < first:
            found = picks(row)
        elif complete and (start := _start(row, len(printed))) is not None:
            # a row that a span pushed aside, or without headings: all are known, and there is a cell for each
            found = {name: (column, False) for column, name in enumerate(printed, start)}
        else:
            unknown.append(row)
            continue
        for name, (column, ambiguous) in found.items():
            place = row.place._replace(column=column)
            text = row.cells[column] if column < len(row.cells) else ""
            cell = Cell(
                form.APPLICATIONS, row.code, row.item, None, name, text, row.printed_item, None, place, ambiguous
            )
            readout.cells.append(cell)
    if unknown and (block.heads or order or len(unknown) >= _ENOUGH):
        readout.odd += [Odd("columns_unknown", form.APPLICATIONS, row.printed_item, row.place) for row in unknown]
    return printed if complete else ()


def _start(row: _Row, count: int) -> int | None:
    """Return where the last ``count`` cells of a row begin, if nothing else stands between them and its item."""
    start = len(row.cells) - count
    if start <= row.place.column or any(row.cells[column].strip() for column in range(row.place.column + 1, start)):
        return None
    return start


def _applicant_columns(heads: Sequence[Sequence[str]]) -> dict[int, str]:
    """Return what the lowest heading over each column names."""
    columns = {}
    for column in range(max(map(len, heads), default=0)):
        names = (form.applicant_of(label(row[column])) for row in reversed(heads) if column < len(row))
        if name := next(filter(None, names), None):
            columns[column] = name
    return columns


def _put_disputes(block: _Block, readout: Readout) -> None:
    """Put the cells of 复议诉讼."""
    (row,) = block.rows
    width = len(row.cells)
    columns: dict[int, tuple[str, str]] = {}
    for column in range(width):
        names = (form.result_of(label(head[column])) for head in reversed(block.heads) if column < len(head))
        result = next(filter(None, names), None)
        procedures = [form.procedure_of(_at_or_left(head, column)) for head in block.heads]
        procedure = next(filter(None, reversed(procedures)), None)
        if result and procedure:
            columns[column] = (procedure, result)
    every = [(procedure, result) for procedure in form.PROCEDURES for result in form.RESULTS]
    if set(columns.values()) != set(every) and width == len(every) and _all_procedures(block.heads):
        columns = dict(enumerate(every))
    picks = _picks(columns, block.rows)
    for (procedure, result), (column, ambiguous) in picks(row).items():
        place = row.place._replace(column=column)
        code = form.PROCEDURE_CODES[form.PROCEDURES.index(procedure)]
        cell = Cell(form.DISPUTES, code, procedure, result, None, row.cells[column], "", None, place, ambiguous)
        readout.cells.append(cell)


def _put_disclosure(block: _Block, readout: Readout) -> None:
    """Put the cells of 主动公开."""
    head = block.heads[-1]
    columns = {n: measure for n, cell in enumerate(head) if (measure := form.measure_of(label(cell)))}
    picks = _picks(columns, block.rows)
    for row in block.rows:
        for measure, (column, ambiguous) in picks(row).items():
            heading = nfkc(next(cell for n, cell in enumerate(head) if columns.get(n) == measure))
            stated = _UNIT.search(heading)
            unit = stated[1] if stated else "件" if "件数" in heading else None
            place = row.place._replace(column=column)
            text = row.cells[column] if column < len(row.cells) else ""
            readout.cells.append(
                Cell(form.DISCLOSURE, row.code, row.item, measure, None, text, row.printed_item, unit, place, ambiguous)
            )


def _all_procedures(heads: Sequence[Sequence[str]]) -> bool:
    found = {form.procedure_of(label(cell)) for head in heads for cell in head}
    return found >= set(form.PROCEDURES)


def _at_or_left(head: Sequence[str], column: int) -> str:
    """Return the heading that stands over a column: in its cell, or in the nearest one to the left that is not blank."""
    cells = (label(head[n]) for n in range(min(column, len(head) - 1), -1, -1))
    return next(filter(None, cells), "")


_Name = TypeVar("_Name", str, tuple[str, str])


def _picks(columns: dict[int, _Name], rows: Sequence[_Row]) -> Callable[[_Row], dict[_Name, tuple[int, bool]]]:
    """Return what tells, for a row, the column of each heading and whether that is doubtful.

    A heading may span several columns of the grid, and the cells below it need not span the same ones (Word). As long as they
    say one thing, that is it. Where they do not, the columns that are equal in all rows are taken together: when there are as
    many of these as headings, they correspond in order; otherwise the cell is doubtful.
    """
    names = list(dict.fromkeys(columns.values()))
    by_order: dict[_Name, int] = {}
    if any(len(_texts(columns, name, row)) > 1 for name in names for row in rows):
        starts: list[int] = []
        for column in range(min(columns), max(columns) + 1):
            if not starts or any(_at(row, column) != _at(row, column - 1) for row in rows):
                starts.append(column)
        if len(starts) == len(names):
            by_order = dict(zip(names, starts, strict=True))

    def pick(row: _Row) -> dict[_Name, tuple[int, bool]]:
        if by_order:
            return {name: (column, False) for name, column in by_order.items()}
        found: dict[_Name, tuple[int, bool]] = {}
        for name in names:
            texts = _texts(columns, name, row)
            column = next(iter(texts.values()), next(n for n in columns if columns[n] == name))
            found[name] = (column, len(texts) > 1)
        return found

    return pick


def _texts(columns: dict[int, _Name], name: _Name, row: _Row) -> dict[str, int]:
    """Return the different texts below a heading, each with its first column."""
    texts: dict[str, int] = {}
    for column, other in columns.items():
        if other == name and (text := _at(row, column)):
            texts.setdefault(text, column)
    return texts


def _at(row: _Row, column: int) -> str:
    return row.cells[column].strip() if column < len(row.cells) else ""
