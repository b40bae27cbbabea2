"""``govcrawl export …``: what the archive holds, for others; here the documents."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from archive import export as exports
from archive.resources import DOCUMENTS
from govcrawl.cli import INCLUDE_WITHHELD, data_option
from govcrawl.cli.choosing import as_of_option, parse_day, parse_moment
from govcrawl.cli.export_bodies import bodies
from govcrawl.cli.export_citations import citations
from govcrawl.cli.export_coverage import coverage
from govcrawl.cli.export_dataset import dataset
from govcrawl.cli.export_history import attachments, captures, changes, crawls, versions
from govcrawl.cli.export_options import (
    agency_option,
    bom_option,
    format_option,
    output_option,
    raw_option,
    say_done,
    write,
)
from govcrawl.cli.export_package import package, sqlite
from govcrawl.cli.export_records import bag, cdxj, wacz, warc
from govcrawl.cli.export_tables import figures, report_findings, tables
from govcrawl.cli.saved import query_option, saved_option, words_of
from govcrawl.cli.search import build_query
from govcrawl.errors import UsageMistake
from govcrawl.speech import say

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from archive.catalog import Catalog
    from archive.export_rows import Format


@click.group(
    help=say(
        "导出存档中的数据。\n\n例:\n\n  govcrawl export documents --format csv --output documents.csv\n\n"
        "  govcrawl export wacz --agency xiamen_sfj --output xiamen.wacz",
        "Write out what the archive holds.\n\nExamples:\n\n  govcrawl export documents --format csv --output documents.csv\n\n"
        "  govcrawl export wacz --agency xiamen_sfj --output xiamen.wacz",
    )
)
@click.option(
    "--include-withheld",
    is_flag=True,
    help=say(
        "连不予显示的一并导出(供档案管理人员自用,勿公开)。",
        "With what is withheld, for the archivist's own use: do not publish it.",
    ),
)
@click.pass_context
def export(context: click.Context, *, include_withheld: bool) -> None:
    """Group of the exports."""
    context.meta[INCLUDE_WITHHELD] = include_withheld


for _command in (
    package,
    dataset,
    sqlite,
    attachments,
    *(bag, bodies, captures, cdxj, changes, citations, coverage, crawls),
    *(figures, report_findings, tables, versions, wacz, warc),
):
    export.add_command(_command)


@export.command(
    help=say("导出公开文件,每份一行,按机构和编号排序。", "Documents, one a row, by agency and document id.")
)
@format_option()
@output_option
@agency_option
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
@query_option
@saved_option
@as_of_option
@bom_option
@raw_option
@data_option
def documents(  # noqa: PLR0913 - one parameter an option
    *,
    form: Format,
    output: str,
    agency: str | None,
    since: str | None,
    changed_since: str | None,
    query: str | None,
    saved: str | None,
    as_of: str | None,
    no_bom: bool,
    raw: bool,
    data: Path,
) -> None:
    """Write the documents; says on standard error how many."""
    if as_of is not None and (query or saved or changed_since):
        raise UsageMistake(
            say(
                "--as-of 不能与 --query、--saved、--changed-since 同用：检索索引只有现在的版本",
                "--as-of goes without --query, --saved and --changed-since: the search index has present versions only",
            )
        )
    words = words_of(data, query, saved)
    wanted = build_query(words) if words is not None else None

    def rows(catalog: Catalog) -> Generator[dict[str, Any]]:
        return exports.export_documents(
            catalog, agency=agency, since=since, changed_since=changed_since, query=wanted, as_of=as_of
        )

    done = write(data, rows, DOCUMENTS, form, output, no_bom=no_bom, raw=raw)
    say_done(done, "份公开文件", "documents", output)
