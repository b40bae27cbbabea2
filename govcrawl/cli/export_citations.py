"""``govcrawl export citations``: who cites whom, as an edge list."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import click

from archive import export as exports
from archive.export_citations import CITATION_FIELDS, export_citations, write_graphml
from govcrawl.citations import read_mentions
from govcrawl.cli import data_option, open_catalog
from govcrawl.speech import say

if TYPE_CHECKING:
    from pathlib import Path


@click.command(
    help=say(
        "导出引用关系:哪份文件引用了哪个文号、令或法规,并对应到目录库中的文件。",
        "Citations: which document cites which number, order or law, resolved to documents of the catalog.",
    )
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["csv", "jsonl", "graphml"]),
    required=True,
    help=say("格式。", "Format."),
)
@click.option("--output", required=True, help=say("目标文件;- 为标准输出。", "File to write; - is standard output."))
@click.option(
    "--agency",
    help=say(
        "只导出这个机构的文件所引用的(被引文件在全库中查找)。",
        "Only what this agency's documents cite; cited ones are looked for in the whole catalog.",
    ),
)
@data_option
def citations(*, form: str, output: str, agency: str | None, data: Path) -> None:
    """Write the edges; says on standard error how many."""
    with (
        open_catalog(data) as catalog,
        closing(export_citations(catalog, read_mentions, agency=agency)) as edges,
        exports.opened(output) as target,
    ):
        if form == "csv":
            count = exports.write_csv(edges, target, fields=CITATION_FIELDS)
        elif form == "jsonl":
            count = exports.write_jsonl(edges, target)
        else:
            count = write_graphml(catalog, edges, target)
    where = say("标准输出", "standard output") if output == "-" else output
    click.echo(say(f"已导出 {count} 条引用到 {where}", f"{count} citations written to {where}"), err=True)
