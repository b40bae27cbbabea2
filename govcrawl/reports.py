"""Annual reports (政府信息公开工作年度报告) as figures, their built-in sums checked. Pure.

Nothing is corrected and nothing is filled in: a figure is what its cell prints, a blank cell is no figure, and what does not
agree is a finding.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from archive.text import nfkc
from govcrawl import report_format as form
from govcrawl.report_grids import Cell, Place, read_cells, read_value
from govcrawl.traditional import simplified

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

FindingKind = Literal[
    "sum_differs",
    "sum_open",
    "year_unreadable",
    "year_differs",
    "unreadable_value",
    "ambiguous_cell",
    "repeated_differs",
    "missing_item",
    "missing_column",
    "missing_table",
    "unrecognised_row",
    "columns_unknown",
]

ROW_SUM = "自然人 + 法人或其他组织 = 总计"
BALANCE = "本年新收 + 上年结转 = （七）总计 + 结转下年度继续办理"
TOTAL = "（一）至（六）各项之和 = （七）总计"
DISPUTE_SUM = "结果维持 + 结果纠正 + 其他结果 + 尚未审结 = 总计"

FIRST_YEAR = 2019
"""Reports on earlier years are not in the national format."""

_REPORT = re.compile(r"信息公开.{0,30}年度?报告|信息公开.{0,10}年报|年度?(?:政府|政务)?信息公开.{0,10}报告")
_YEAR = re.compile(r"(20\d{2})\s*年(?!\s*\d{1,2}\s*月)")
_PERIOD = re.compile(r"统计(?:时间|数据)?的?(?:期限|期间|时限|周期|时间|范围)[^。\n]{0,20}?(20\d{2})\s*年")
_DIGITS = str.maketrans("〇○零一二三四五六七八九", "000123456789")
_NUMERAL_YEAR = re.compile(r"二[〇○零0][〇○零一二三四五六七八九0]{2}(?=\s*年)")
_HEADING = 60  # longest heading, in characters
_ENOUGH = 5  # items of 收到和处理申请 that make a report whatever its title


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One figure of a report.

    Args:
        item: the row, by the format's name; ``code`` is its number in the form (``3.3.1`` = 三（三）1).
        measure: the column of 主动公开 and 复议诉讼; ``applicant`` that of 收到和处理申请.
        value: ``None`` where the cell is blank, a dash, or no number.
        unit: as printed, in the cell or the heading; ``None`` where it is not.
        printed: the cell's text.
    """

    table: form.TableName
    code: str
    item: str
    measure: str | None
    applicant: str | None
    value: int | float | None
    unit: str | None
    printed: str
    printed_item: str
    place: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something in a report that does not agree or could not be read.

    Args:
        rule: of a sum, what should be equal; ``got`` is its right side (the printed total), ``expected`` its left side.
        cells: where; of a sum all cells that enter into it.
    """

    kind: FindingKind
    table: form.TableName | None = None
    item: str | None = None
    measure: str | None = None
    applicant: str | None = None
    rule: str | None = None
    got: int | float | str | None = None
    expected: int | float | str | None = None
    cells: tuple[Place, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """An annual report.

    Args:
        year: the year it is about; ``None`` where neither title nor text says so.
        layout: ``2019`` or ``2021``; ``None`` where neither's own rows or columns are there.
        sums_checked: sums that agree or disagree for certain; ``sums_open``: those that blank or missing cells leave open.
    """

    year: int | None
    layout: form.Layout | None
    figures: tuple[Figure, ...]
    findings: tuple[Finding, ...]
    sums_checked: int
    sums_open: int


def is_report_title(title: str | None) -> bool:
    """Tell whether a title is that of an annual report on government information disclosure."""
    return bool(title) and _REPORT.search("".join(simplified(nfkc(title or "")).split())) is not None


def read_report(
    tables: Iterable[Sequence[Sequence[str]]], text: str | None = None, title: str | None = None
) -> Report | None:
    """Read an annual report.

    Args:
        tables: tables > rows > cells; spans resolved (a page) or left blank (a PDF).
        text: its paragraphs, joined by newlines; only the year is read from it.
        title: its title, or the name of the file that it is.

    Returns:
        ``None`` where this is no annual report: neither the title says so, nor are there the tables of one.
    """
    readout = read_cells(tables)
    items = {cell.code for cell in readout.cells if cell.table == form.APPLICATIONS}
    titled = is_report_title(title)
    if not titled and len(items) < _ENOUGH:
        return None
    findings: list[Finding] = []
    year = _read_year(text or "", title or "", findings)
    sheet = _Sheet()
    for cell in readout.cells:
        sheet.put(cell, findings)
    layout = form.layout_of({figure.measure for figure in sheet.figures.values() if figure.measure}, items)
    findings += [Finding(kind=odd.kind, table=odd.table, got=odd.printed, cells=(odd.place,)) for odd in readout.odd]
    if sheet.figures or year is None or year >= FIRST_YEAR:
        findings += _missing(sheet, layout)
    sums = _Sums(sheet, findings)
    sums.check(layout)
    return Report(
        year=year,
        layout=layout,
        figures=tuple(sheet.figures.values()),
        findings=tuple(findings),
        sums_checked=sums.checked,
        sums_open=sums.open,
    )


def _read_year(text: str, title: str, findings: list[Finding]) -> int | None:
    """Read the year that a report is about: from its title, else its statistics period, else its own heading."""
    titles = _years(title)
    body = _plain(text)
    periods = {int(year) for year in _PERIOD.findall(body)}
    headings = {
        year for line in body.split("\n")[:3] if len(line) <= _HEADING and "信息公开" in line for year in _years(line)
    }
    for found in (titles, periods, headings):
        if len(found) == 1:
            (year,) = found
            others = sorted((titles | periods) - found)
            if others:
                findings.append(Finding(kind="year_differs", got=others[0], expected=year))
            return year
        if found:
            break
    findings.append(Finding(kind="year_unreadable", got=title or None))
    return None


def _plain(text: str) -> str:
    plain = simplified(nfkc(text))
    return _NUMERAL_YEAR.sub(lambda match: match.group().translate(_DIGITS).replace("二", "2"), plain)


def _years(text: str) -> set[int]:
    return {int(year) for year in _YEAR.findall(_plain(text))}


# --- figures ---

_Key = tuple[form.TableName, str, str | None]


@dataclass(slots=True)
class _Sheet:
    """Figures by table, item code and column."""

    figures: dict[_Key, Figure] = field(default_factory=dict)

    def put(self, cell: Cell, findings: list[Finding]) -> None:
        """Put a cell as a figure; what cannot be read, or is there twice and differs, is a finding."""
        value = read_value(cell.printed)
        figure = Figure(
            table=cell.table,
            code=cell.code,
            item=cell.item,
            measure=cell.measure,
            applicant=cell.applicant,
            value=None if cell.ambiguous else value.number,
            unit=value.unit or cell.unit,
            printed=cell.printed,
            printed_item=cell.printed_item,
            place=cell.place,
        )
        key = (cell.table, cell.code, cell.measure or cell.applicant)
        earlier = self.figures.setdefault(key, figure)
        if earlier is not figure:
            if earlier.value != figure.value:
                findings.append(
                    _finding("repeated_differs", figure, got=cell.printed, expected=earlier.printed, also=earlier.place)
                )
        elif cell.ambiguous:
            findings.append(_finding("ambiguous_cell", figure, got=cell.printed))
        elif not value.readable:
            findings.append(_finding("unreadable_value", figure, got=cell.printed))

    def find(self, table: form.TableName, code: str, column: str) -> Figure | None:
        """One figure."""
        return self.figures.get((table, code, column))


def _finding(
    kind: FindingKind, figure: Figure, *, got: str, expected: str | None = None, also: Place | None = None
) -> Finding:
    return Finding(
        kind=kind,
        table=figure.table,
        item=figure.item,
        measure=figure.measure,
        applicant=figure.applicant,
        got=got,
        expected=expected,
        cells=(figure.place, also) if also else (figure.place,),
    )


def _missing(sheet: _Sheet, layout: form.Layout | None) -> list[Finding]:
    """Name the tables, rows and columns of the layout that are not there."""
    tables = {table for table, _, _ in sheet.figures}
    findings = [
        Finding(kind="missing_table", table=table)
        for table in (form.DISCLOSURE, form.APPLICATIONS, form.DISPUTES)
        if table not in tables
    ]
    if form.DISCLOSURE in tables and layout is not None:
        findings += _missing_disclosure(sheet, layout)
    if form.APPLICATIONS in tables:
        findings += _missing_applications(sheet, layout)
    if form.DISPUTES in tables:
        findings += [
            Finding(kind="missing_column", table=form.DISPUTES, item=procedure, measure=result)
            for code, procedure in zip(form.PROCEDURE_CODES, form.PROCEDURES, strict=True)
            for result in form.RESULTS
            if sheet.find(form.DISPUTES, code, result) is None
        ]
    return findings


def _missing_disclosure(sheet: _Sheet, layout: form.Layout) -> Iterable[Finding]:
    for item in form.DISCLOSURE_ITEMS:
        if layout not in item.layouts:
            continue
        names = form.measures_of(item, layout)
        absent = [name for name in names if sheet.find(form.DISCLOSURE, item.code, name) is None]
        if len(absent) == len(names):
            yield Finding(kind="missing_item", table=form.DISCLOSURE, item=item.name)
        else:
            for name in absent:
                yield Finding(kind="missing_column", table=form.DISCLOSURE, item=item.name, measure=name)


def _missing_applications(sheet: _Sheet, layout: form.Layout | None) -> Iterable[Finding]:
    here = [(code, column) for table, code, column in sheet.figures if table == form.APPLICATIONS]
    codes, columns = {code for code, _ in here}, {column for _, column in here}
    for item in form.APPLICATION_ITEMS:
        if item.code not in codes and (len(item.layouts) > 1 or layout in item.layouts):
            yield Finding(kind="missing_item", table=form.APPLICATIONS, item=item.name)
    for name in form.APPLICANTS:
        if name not in columns:
            yield Finding(kind="missing_column", table=form.APPLICATIONS, applicant=name)


# --- sums ---


@dataclass(slots=True)
class _Sums:
    """The sums that the format itself prescribes."""

    sheet: _Sheet
    findings: list[Finding]
    checked: int = 0
    open: int = 0

    def check(self, layout: form.Layout | None) -> None:
        """Check every sum of the tables that are there."""
        tables = {table for table, _, _ in self.sheet.figures}
        if form.APPLICATIONS in tables:
            codes = {code for table, code, _ in self.sheet.figures if table == form.APPLICATIONS}
            for item in form.APPLICATION_ITEMS:
                if item.code in codes:
                    self._check(
                        ROW_SUM,
                        [(form.APPLICATIONS, item.code, name) for name in form.APPLICANTS[:-1]],
                        [(form.APPLICATIONS, item.code, form.APPLICANTS[-1])],
                        item=item.name,
                    )
            parts = [item.code for item in form.PARTS_OF_TOTAL if layout in item.layouts or len(item.layouts) > 1]
            if "3.6" in codes:
                parts = [code for code in parts if not code.startswith("3.6.")] + ["3.6"]
            for name in form.APPLICANTS:
                new, carried, total, left = ((form.APPLICATIONS, code, name) for code in ("1", "2", "3.7", "4"))
                self._check(BALANCE, [new, carried], [total, left], applicant=name)
                self._check(TOTAL, [(form.APPLICATIONS, code, name) for code in parts], [total], applicant=name)
        if form.DISPUTES in tables:
            for code, procedure in zip(form.PROCEDURE_CODES, form.PROCEDURES, strict=True):
                *results, total = ((form.DISPUTES, code, result) for result in form.RESULTS)
                self._check(DISPUTE_SUM, results, [total], item=procedure)

    def _check(
        self,
        rule: str,
        left: Sequence[_Key],
        right: Sequence[_Key],
        *,
        item: str | None = None,
        applicant: str | None = None,
    ) -> None:
        """Compare two sums.

        Parts without a value (blank, unreadable, missing) leave a sum open, for nobody knows whether they stand for 0. It is
        certain all the same where what is printed agrees without them, or is more than it should be: counts are not negative.
        """
        sums: list[int | float] = []
        whole: list[bool] = []
        cells: list[Place] = []
        printed = 0
        for keys in (left, right):
            figures = [figure for key in keys if (figure := self.sheet.figures.get(key)) is not None]
            values = [figure.value for figure in figures if figure.value is not None]
            sums.append(sum(values))
            whole.append(len(values) == len(keys))
            cells += [figure.place for figure in figures]
            printed += bool(values)
        expected, got = sums
        both = printed == len(sums)
        certain = (
            all(whole) or (both and expected == got) or (whole[1] and expected > got) or (whole[0] and got > expected)
        )
        self.checked += certain
        self.open += not certain
        if expected != got and both:
            self.findings.append(
                Finding(
                    kind="sum_differs" if certain else "sum_open",
                    table=left[0][0],
                    item=item,
                    applicant=applicant,
                    rule=rule,
                    got=got,
                    expected=expected,
                    cells=tuple(cells),
                )
            )
