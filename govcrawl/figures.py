"""The annual reports of a catalog as figures and findings: computed from the stored tables, nothing new is stored.

The report is the body where it holds any table of one; otherwise each attachment that is one is a report by itself (the same
report in another format is left out). The names of the fields are a contract; new ones are only appended.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from archive import catalog_reads as reads
from archive.catalog_tables import documents_with_tables, text_of
from archive.resources import Resource, described
from govcrawl.reports import Report, is_report_title, read_report

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from archive.catalog import Catalog
    from archive.catalog_tables import Source

_WHERE = ("agency", "document_id", "url", "title", "year", "layout", "source", "file_url")

FIGURE_FIELDS = (
    *_WHERE,
    *("table", "item", "item_code", "measure", "applicant", "value", "unit", "printed", "printed_item"),
    *("table_number", "row", "column"),
    "member",
)
"""Fields of a figure."""

FIGURES = Resource(
    "figures",
    "年度报告数据",
    "Annual reports (政府信息公开工作年度报告) as figures, one a row.",
    described(
        FIGURE_FIELDS, source=("text", "出处", "body or attachment."), table=("text", "报告表", "Table of the format.")
    ),
    ("document_id", "file_url", "member", "table", "item", "measure", "applicant"),
)

FINDING_FIELDS = (
    *_WHERE,
    "finding",
    "table",
    "item",
    "measure",
    "applicant",
    "rule",
    "got",
    "expected",
    "cells",
    "member",
)
"""Fields of a finding; ``cells`` holds [table_number, row, column] of each cell that takes part."""

FINDINGS = Resource(
    "report_findings",
    "年度报告核对",
    "What does not agree, cannot be read or is not there in annual reports.",
    described(
        FINDING_FIELDS,
        source=("text", "出处", "body or attachment."),
        table=("text", "报告表", "Table of the format."),
        finding=("text", "核对结果", "sum_differs and others: see docs/tables.md."),
        rule=("text", "规则", "Rule that was checked."),
        got=("real", "实得", "What stands there."),
        expected=("real", "应得", "What the rule says."),
        cells=("json", "单元格", "[table_number, row, column] of each cell that takes part."),
    ),
    ("document_id", "file_url", "member", "finding", "table", "item", "measure", "applicant"),
)

_SIGNS = ("维持", "維持", "新收", "二十条", "二十條", "结转", "結轉")


class Read(NamedTuple):
    """A report and where it stands; in an archive (ZIP) also the member, and where its tables begin among the archive's."""

    source: Source
    report: Report
    member: str | None = None
    first_table: int = 0


@dataclass(slots=True)
class Tally:
    """What came of an export, for the last line."""

    reports: int = 0
    figures: int = 0
    sums_checked: int = 0
    sums_open: int = 0
    findings: Counter[str] = field(default_factory=Counter)


def read_reports(catalog: Catalog, *, agency: str | None = None, since: str | None = None) -> Generator[Read]:
    """Stream the annual reports among the current versions, by agency and document id.

    Whoever may stop before the end closes it (``contextlib.closing``) before the catalog.

    Raises:
        CatalogError: the agency is not in the catalog.
    """
    with catalog.snapshot():
        if agency is not None:
            reads.check_agency(catalog, agency)
        for body, *files in documents_with_tables(catalog, agency=agency, since=since):
            yield from _reports_of(catalog, body, files)


def _reports_of(catalog: Catalog, body: Source, files: list[Source]) -> Iterator[Read]:
    """Read the report or reports of one document."""
    title = body.document["title"]
    titled = is_report_title(title)
    if not (titled or _may_be_report(body) or any(map(_may_be_report, files))):
        return
    own = None
    if titled or _may_be_report(body):
        own = read_report(body.tables, text_of(catalog, body), title)
        if own is not None and own.figures:
            yield Read(body, own)
            return
    seen: set[tuple[object, ...]] = set()
    for file in files:
        if not _may_be_report(file):
            continue
        for read in _read_file(catalog, file, title if titled else None):
            report = read.report
            values = tuple((one.table, one.code, one.measure, one.applicant, one.value) for one in report.figures)
            # one report may be there as .pdf and .docx; in an archive equal reports may be those of several organs
            same = {(report.year, values, None), (report.year, values, _stem(read.member))}
            if report.figures and not same & seen:
                seen.add((report.year, values, _stem(read.member)))
                yield read
    if own is not None and not seen:
        yield Read(body, own)


def _read_file(catalog: Catalog, source: Source, title: str | None) -> Iterator[Read]:
    """Read an attachment, of an archive each member; its own name counts as its title where it is that of a report, else the document's does."""
    assert source.file is not None  # noqa: S101 - for the type checker
    names = (source.file["label"], source.file["filename"])
    title = next((name for name in names if is_report_title(name)), title)
    members = [member for member in source.members if member.get("tables")]
    if not members:
        report = read_report(source.tables, text_of(catalog, source), title)
        if report is not None:
            yield Read(source, report)
    for member in members:
        first, end = member["tables"]
        if first == end:
            continue
        name = member["name"].rsplit("/", 1)[-1]
        own = name if is_report_title(name) else title
        report = read_report(source.tables[first:end], member["text"], own)
        if report is not None:
            yield Read(source, report, member["name"], first)


def _stem(member: str | None) -> str | None:
    return member.rpartition(".")[0] if member else None


def _may_be_report(source: Source) -> bool:
    """Tell quickly whether tables can be those of a report."""
    for grid in source.tables:
        text = "".join("".join("".join(row) for row in grid).split())
        if any(sign in text for sign in _SIGNS):
            return True
    return False


def figure_rows(found: Iterator[Read], tally: Tally) -> Iterator[dict[str, Any]]:
    """Turn reports into dicts of :data:`FIGURE_FIELDS`, counting."""
    for source, report, member, first in found:
        _count(tally, report)
        where = _where(source, report)
        for figure in report.figures:
            yield {
                **where,
                "table": figure.table,
                "item": figure.item,
                "item_code": figure.code,
                "measure": figure.measure,
                "applicant": figure.applicant,
                "value": figure.value,
                "unit": figure.unit,
                "printed": figure.printed,
                "printed_item": figure.printed_item or None,
                "table_number": first + figure.place.table,
                "row": figure.place.row,
                "column": figure.place.column,
                "member": member,
            }


def finding_rows(found: Iterator[Read], tally: Tally) -> Iterator[dict[str, Any]]:
    """Turn reports into dicts of :data:`FINDING_FIELDS`, counting."""
    for source, report, member, first in found:
        _count(tally, report)
        where = _where(source, report)
        for one in report.findings:
            yield {
                **where,
                "finding": one.kind,
                "table": one.table,
                "item": one.item,
                "measure": one.measure,
                "applicant": one.applicant,
                "rule": one.rule,
                "got": one.got,
                "expected": one.expected,
                "cells": [[first + table, row, column] for table, row, column in one.cells],
                "member": member,
            }


def _where(source: Source, report: Report) -> dict[str, Any]:
    document, file = source.document, source.file
    return {
        **{name: document[name] for name in _WHERE[:4]},
        "year": report.year,
        "layout": report.layout,
        "source": "attachment" if file else "body",
        "file_url": file["url"] if file else None,
    }


def _count(tally: Tally, report: Report) -> None:
    tally.reports += 1
    tally.figures += len(report.figures)
    tally.sums_checked += report.sums_checked
    tally.sums_open += report.sums_open
    tally.findings.update(finding.kind for finding in report.findings)
