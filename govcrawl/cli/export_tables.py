"""``govcrawl export tables|figures|report-findings``: tables as data, annual reports as figures, what does not agree in them."""

from __future__ import annotations

from contextlib import ExitStack, closing
from typing import TYPE_CHECKING, Any

import click

from archive.export import opened, write_jsonl
from archive.export_rows import Done, write_rows
from archive.export_tables import export_tables, guarded_rows, long_rows, wide_rows, write_long_csv, write_wide_csv
from archive.resources import TABLE_CELLS
from govcrawl.cli import data_option, open_catalog
from govcrawl.cli.export_options import (
    agency_option,
    bom_option,
    check_csv,
    format_option,
    output_option,
    raw_option,
    say_done,
)
from govcrawl.cli.progress import counted
from govcrawl.cli.show import find_document
from govcrawl.errors import UsageMistake
from govcrawl.figures import FIGURES, FINDINGS, Tally, figure_rows, finding_rows, read_reports
from govcrawl.speech import many, say

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from archive.export_rows import Format
    from archive.resources import Resource
    from govcrawl.figures import Read

_since_option = click.option(
    "--since",
    type=click.DateTime(["%Y-%m-%d"]),
    help=say(
        "只导出该日及以后发布的(无日期的保留)。",
        "Only what was published on or after this day; undated documents are kept.",
    ),
)


@click.command(
    help=say(
        "导出正文和附件中的表格。long:每个单元格一行;wide:每张表原样(csv 为每表一个文件,放入新目录或 .zip)。",
        "Tables of bodies and attachments. long: one cell a row; wide: each table as it stands (csv: a file for each, in a new "
        "directory or a .zip).",
    )
)
@format_option()
@click.option(
    "--shape", type=click.Choice(["long", "wide"]), default="long", show_default=True, help=say("形状。", "Shape.")
)
@click.option(
    "--output",
    required=True,
    help=say(
        "目标文件;- 为标准输出;csv wide 为尚不存在的目录或 .zip 文件。",
        "File to write; - is standard output; for csv wide a directory that is not there yet, or a .zip file.",
    ),
)
@agency_option
@click.option(
    "--document", metavar="ID", help=say("只导出这份公开文件(编号或网址)。", "Only this document (id or URL).")
)
@_since_option
@bom_option
@raw_option
@data_option
def tables(  # noqa: PLR0913 - one for each option
    *,
    form: Format,
    shape: str,
    output: str,
    agency: str | None,
    document: str | None,
    since: Any,
    no_bom: bool,
    raw: bool,
    data: Path,
) -> None:
    """Write the tables."""
    check_csv(form, no_bom=no_bom, raw=raw)
    if shape == "wide" and form in {"parquet", "xlsx"}:
        raise UsageMistake(
            say(
                "--shape wide 只用于 csv 和 jsonl：每张表的列各不相同",
                "--shape wide goes with csv and jsonl: no two tables have the same columns",
            )
        )
    files = form == "csv" and shape == "wide"
    if files and output == "-":
        raise UsageMistake(
            say(
                "--format csv --shape wide 写出多个文件:--output 应为目录或 .zip 文件",
                "--format csv --shape wide writes many files: --output is a directory or a .zip file, not -",
            )
        )
    with open_catalog(data) as catalog:
        document_id = find_document(catalog, document) if document else None
        since_day = since.date().isoformat() if since else None
        with (
            closing(export_tables(catalog, agency=agency, since=since_day, document_id=document_id)) as tables_found,
            ExitStack() as steps,
        ):
            found = counted(steps, tables_found, say("导出表格", "exporting tables"))
            done, count = Done(0), 0
            if files:
                count = write_wide_csv(found, output, bom=not no_bom, guard=not raw)
            else:
                with opened(output) as target:
                    if form == "csv":
                        count = write_long_csv(found, target, bom=not no_bom, guard=not raw)
                    elif shape == "wide":
                        count = write_jsonl(wide_rows(found), target)
                    else:
                        done = write_rows(long_rows(found), target, TABLE_CELLS, form)
    done = done if shape == "long" and not files and form != "csv" else Done(count)
    say_done(done, "个单元格" if shape == "long" else "张表", "cells" if shape == "long" else "tables", output)


@click.command(
    help=say(
        "导出政府信息公开工作年度报告的数据,每个数一行;报告内合计的核对结果见 report-findings。",
        "The figures of annual reports (政府信息公开工作年度报告), one a row; report-findings says which sums do not agree.",
    )
)
@format_option()
@output_option
@agency_option
@_since_option
@bom_option
@raw_option
@data_option
def figures(*, form: Format, output: str, agency: str | None, since: Any, no_bom: bool, raw: bool, data: Path) -> None:
    """Write the figures."""
    check_csv(form, no_bom=no_bom, raw=raw)
    tally, done = _write(figure_rows, FIGURES, form=form, output=output, agency=agency, since=since,
                         no_bom=no_bom, raw=raw, data=data)  # fmt: skip
    say_done(done, "个数", "figures", output)
    _say_tally(tally)


@click.command(
    "report-findings",
    help=say(
        "导出年度报告中对不上、读不出或缺少之处:合计不符、年份不明、缺行缺列等。什么都不更正。",
        "What does not agree, cannot be read or is not there in annual reports: sums, years, rows, columns. Nothing is corrected.",
    ),
)
@format_option()
@output_option
@agency_option
@_since_option
@bom_option
@raw_option
@data_option
def report_findings(
    *, form: Format, output: str, agency: str | None, since: Any, no_bom: bool, raw: bool, data: Path
) -> None:
    """Write the findings."""
    check_csv(form, no_bom=no_bom, raw=raw)
    tally, done = _write(finding_rows, FINDINGS, form=form, output=output, agency=agency, since=since,
                         no_bom=no_bom, raw=raw, data=data)  # fmt: skip
    say_done(done, "条核对结果", "findings", output)
    _say_tally(tally)


def _write(  # noqa: PLR0913 - what the commands take
    rows_of: Callable[[Iterator[Read], Tally], Iterator[dict[str, Any]]],
    resource: Resource,
    *,
    form: Format,
    output: str,
    agency: str | None,
    since: Any,
    no_bom: bool,
    raw: bool,
    data: Path,
) -> tuple[Tally, Done]:
    """Write rows made of the annual reports; return what was counted."""
    tally = Tally()
    day = since.date().isoformat() if since else None
    with (
        open_catalog(data) as catalog,
        closing(read_reports(catalog, agency=agency, since=day)) as found,
        opened(output) as target,
        ExitStack() as steps,
    ):
        rows = rows_of(found, tally)
        if form == "csv" and not raw:
            rows = guarded_rows(rows)  # figures may be negative: only what is a formula is guarded
        passing = counted(steps, rows, say(f"导出 {resource.zh}", f"exporting {resource.name}"))
        return tally, write_rows(passing, target, resource, form, bom=not no_bom, guard=False)


def _say_tally(tally: Tally) -> None:
    differ = tally.findings["sum_differs"]
    click.echo(
        say(
            f"{tally.reports} 份年度报告;核对合计 {tally.sums_checked} 项,不符 {differ} 项,因空缺无法核对 {tally.sums_open} 项",
            f"{many(tally.reports, 'annual report')}; {many(tally.sums_checked, 'sum')} checked, {differ} disagree, {tally.sums_open} are left "
            "open by blank cells",
        ),
        err=True,
    )
