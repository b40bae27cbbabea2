"""``govcrawl export coverage``: channel by channel what is listed, what is had, and where the gaps are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from archive import catalog_reads as reads
from archive import export as exports
from archive.coverage import COVERAGE_FIELDS, export_coverage
from govcrawl.cli import complete_agency, data_option, open_catalog
from govcrawl.speech import say

if TYPE_CHECKING:
    from pathlib import Path


@click.command(
    help=say(
        "导出覆盖情况：每个栏目列出了多少、存下多少、站外、robots.txt 不许、失败（按原因）、待抓，列表自称多少。\n\n"
        "\b\n例：govcrawl export coverage --format csv --output coverage.csv\n"
        "    govcrawl export coverage --format jsonl --output - --agency xiamen_sfj",
        "Coverage: of each channel what is listed, captured, off-site, refused by robots.txt, failed (by reason), pending, and "
        "what the list says it has.\n\n"
        "\b\ne.g. govcrawl export coverage --format csv --output coverage.csv\n"
        "     govcrawl export coverage --format jsonl --output - --agency xiamen_sfj",
    )
)
@click.option("--format", "form", type=click.Choice(["csv", "jsonl"]), required=True, help=say("格式。", "Format."))
@click.option("--output", required=True, help=say("目标文件；- 为标准输出。", "File to write; - is standard output."))
@click.option("--agency", shell_complete=complete_agency, help=say("只导出这个机构。", "Only this agency."))
@data_option
def coverage(*, form: str, output: str, agency: str | None, data: Path) -> None:
    """Write a row a channel; says on standard error how many."""
    with open_catalog(data) as catalog, catalog.snapshot():
        if agency is not None:
            reads.check_agency(catalog, agency)
        rows = export_coverage(catalog, agency)
        with exports.opened(output) as target:
            if form == "csv":
                count = exports.write_csv(rows, target, fields=COVERAGE_FIELDS)
            else:
                count = exports.write_jsonl(rows, target)
    where = say("标准输出", "standard output") if output == "-" else output
    click.echo(say(f"已导出 {count} 个栏目到 {where}", f"{count} channels written to {where}"), err=True)
