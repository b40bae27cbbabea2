"""``govcrawl export citations``: who cites whom, as an edge list."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Literal

import click

from archive.export import opened
from archive.export_citations import export_citations, write_graphml
from archive.export_rows import Done
from archive.resources import CITATIONS
from govcrawl.citations import read_mentions
from govcrawl.cli import complete_agency, data_option, open_catalog
from govcrawl.cli.export_options import begun, format_option, output_option, say_done, write
from govcrawl.speech import say

if TYPE_CHECKING:
    from pathlib import Path

    from archive.export_rows import Format


@click.command(
    help=say(
        "导出引用关系:哪份文件引用了哪个文号、令或法规,并对应到目录库中的文件。",
        "Citations: which document cites which number, order or law, resolved to documents of the catalog.",
    )
)
@format_option("graphml")
@output_option
@click.option(
    "--agency",
    shell_complete=complete_agency,
    help=say(
        "只导出这个机构的文件所引用的(被引文件在全库中查找)。",
        "Only what this agency's documents cite; cited ones are looked for in the whole catalog.",
    ),
)
@data_option
def citations(*, form: Format | Literal["graphml"], output: str, agency: str | None, data: Path) -> None:
    """Write the edges; says on standard error how many."""
    if form != "graphml":
        rows = partial(export_citations, read=read_mentions, agency=agency)
        say_done(write(data, rows, CITATIONS, form, output), "条引用", "citations", output)
        return
    with (
        open_catalog(data) as catalog,
        begun(export_citations(catalog, read_mentions, agency=agency)) as edges,
        opened(output) as target,
    ):
        count = write_graphml(catalog, edges, target)
    say_done(Done(count), "条引用", "citations", output)
