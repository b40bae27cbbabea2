"""``govcrawl export …``: what the archive holds, for others; here the documents as JSON lines or CSV."""

from __future__ import annotations

import re
from contextlib import closing
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

import click

from archive import export as exports
from archive.rows import instant
from govcrawl.cli import data_option, open_catalog
from govcrawl.cli.export_bodies import bodies
from govcrawl.cli.export_citations import citations
from govcrawl.cli.export_history import captures, changes, crawls, versions
from govcrawl.cli.export_records import bag, cdxj, wacz, warc
from govcrawl.cli.export_tables import figures, report_findings, tables
from govcrawl.speech import say

if TYPE_CHECKING:
    from pathlib import Path

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


def parse_day(ctx: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    """A calendar day, ``YYYY-MM-DD``."""
    del ctx
    if value is None:
        return None
    try:
        if _DAY.fullmatch(value):
            return date.fromisoformat(value).isoformat()
    except ValueError:
        pass
    raise click.BadParameter(
        say(f"{value!r} 不是日期,应写作 YYYY-MM-DD", f"{value!r} is no day; expected YYYY-MM-DD"), param=parameter
    )


def parse_moment(ctx: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    """A UTC day, or an instant with its zone, in the form the catalog compares with."""
    if value is None or _DAY.fullmatch(value):
        return parse_day(ctx, parameter, value)
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        raise click.BadParameter(
            say(
                f"{value!r} 不是时间,应写作 YYYY-MM-DD 或 YYYY-MM-DDTHH:MM:SSZ",
                f"{value!r} is no instant; expected YYYY-MM-DD or YYYY-MM-DDTHH:MM:SSZ",
            ),
            param=parameter,
        ) from None
    return instant(moment if moment.tzinfo else moment.replace(tzinfo=UTC))


@click.group(help=say("导出存档中的数据。", "Write out what the archive holds."))
def export() -> None:
    """Group of the exports."""


for _command in (
    *(bag, bodies, captures, cdxj, changes, citations, crawls),
    *(figures, report_findings, tables, versions, wacz, warc),
):
    export.add_command(_command)


@export.command(
    help=say("导出公开文件,每份一行,按机构和编号排序。", "Documents, one a row, by agency and document id.")
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["jsonl", "csv"]),
    required=True,
    help=say("格式。", "Format."),
)
@click.option("--output", required=True, help=say("目标文件;- 为标准输出。", "File to write; - is standard output."))
@click.option("--agency", help=say("只导出这个机构。", "Only this agency."))
@click.option(
    "--since",
    callback=parse_day,
    metavar="YYYY-MM-DD",
    help=say(
        "只导出该日及以后发布的(无日期的保留)。", "Only those published on or after this day; undated ones are kept."
    ),
)
@click.option(
    "--changed-since",
    callback=parse_moment,
    metavar="YYYY-MM-DD[THH:MM:SSZ]",
    help=say("只导出该时刻(UTC)以来有新版本或状态变化的。", "Only those with a new version or state since then (UTC)."),
)
@click.option("--no-bom", is_flag=True, help=say("CSV 不写 BOM。", "CSV without the byte order mark."))
@click.option(
    "--raw",
    is_flag=True,
    help=say("CSV 中形似公式的单元格不加单引号。", "CSV cells that look like formulas stay as they are."),
)
@data_option
def documents(
    *,
    form: str,
    output: str,
    agency: str | None,
    since: str | None,
    changed_since: str | None,
    no_bom: bool,
    raw: bool,
    data: Path,
) -> None:
    """Write the documents; says on standard error how many."""
    if form != "csv" and (no_bom or raw):
        raise click.UsageError(
            say("--no-bom 和 --raw 只用于 --format csv", "--no-bom and --raw go with --format csv only")
        )
    with (
        open_catalog(data) as catalog,
        closing(exports.export_documents(catalog, agency=agency, since=since, changed_since=changed_since)) as rows,
        exports.opened(output) as target,
    ):
        if form == "csv":
            count = exports.write_csv(rows, target, bom=not no_bom, guard=not raw)
        else:
            count = exports.write_jsonl(rows, target)
    where = say("标准输出", "standard output") if output == "-" else output
    click.echo(say(f"已导出 {count} 份公开文件到 {where}", f"{count} documents written to {where}"), err=True)
