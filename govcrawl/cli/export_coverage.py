"""``govcrawl export coverage``: channel by channel what is listed, what is had, and where the gaps are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from archive import catalog_reads as reads
from archive.coverage import export_coverage
from archive.coverage_columns import COVERAGE
from govcrawl.cli import data_option
from govcrawl.cli.export_options import (
    agency_option,
    bom_option,
    format_option,
    output_option,
    raw_option,
    say_done,
    write,
)
from govcrawl.speech import say

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from archive.catalog import Catalog
    from archive.export_rows import Format


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
@format_option()
@output_option
@agency_option
@bom_option
@raw_option
@data_option
def coverage(*, form: Format, output: str, agency: str | None, no_bom: bool, raw: bool, data: Path) -> None:
    """Write a row a channel; says on standard error how many."""

    def rows(catalog: Catalog) -> Generator[dict[str, Any]]:
        with catalog.snapshot():
            if agency is not None:
                reads.check_agency(catalog, agency)
            for row in export_coverage(catalog, agency):
                yield row if form == "jsonl" else {**row, "capped": "true" if row["capped"] else "false"}

    done = write(data, rows, COVERAGE, form, output, no_bom=no_bom, raw=raw)
    say_done(done, "个栏目", "channels", output)
