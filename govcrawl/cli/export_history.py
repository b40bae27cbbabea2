"""``govcrawl export changes|versions|captures|crawls``: what happened, as CSV or JSON lines."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

import click

from archive import export as exports
from archive import export_history as history
from archive.catalog_change_reads import Choice
from govcrawl.cli import data_option, open_catalog
from govcrawl.cli.choosing import DAY_OR_INSTANT, change_option, parse_since, parse_until
from govcrawl.cli.export_records import say_done
from govcrawl.speech import say

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from pathlib import Path

    from archive.catalog import Catalog

    Rows = Generator[dict[str, Any]]

_format_option = click.option(
    "--format",
    "form",
    type=click.Choice(["jsonl", "csv"]),
    required=True,
    help=say("格式。", "Format."),
)
_output_option = click.option(
    "--output", required=True, help=say("目标文件;- 为标准输出。", "File to write; - is standard output.")
)
_agency_option = click.option("--agency", help=say("只导出这个机构。", "Only this agency."))


@click.command(
    help=say(
        "导出变动,每条一行,按时间排序,附证据(捕获)和正文差异。",
        "Changes, one a row, in the order of time, with the captures that show them and what differs in the text.",
    )
)
@_format_option
@_output_option
@_agency_option
@click.option(
    "--since",
    callback=parse_since,
    metavar=DAY_OR_INSTANT,
    help=say("从这一天(北京时间)或这一时刻起。", "From this day (in China) or instant on."),
)
@click.option(
    "--until",
    callback=parse_until,
    metavar=DAY_OR_INSTANT,
    help=say("到这一天为止(含)或这一时刻之前。", "Up to the end of this day (in China), or before this instant."),
)
@change_option
@data_option
def changes(
    *,
    form: str,
    output: str,
    agency: str | None,
    since: str | None,
    until: str | None,
    kinds: tuple[str, ...],
    data: Path,
) -> None:
    """Write the changes."""
    choice = Choice(agency=agency, since=since, until=until, kinds=kinds)
    count = _write(data, lambda catalog: history.export_changes(catalog, choice), history.CHANGE_FIELDS, form, output)
    say_done(say(f"{count} 条变动", f"{count} changes"), output)


@click.command(help=say("导出每份公开文件的每个版本,每个一行。", "Every version of every document, one a row."))
@_format_option
@_output_option
@_agency_option
@data_option
def versions(*, form: str, output: str, agency: str | None, data: Path) -> None:
    """Write the versions."""
    count = _write(
        data, lambda catalog: history.export_versions(catalog, agency=agency), history.VERSION_FIELDS, form, output
    )
    say_done(say(f"{count} 个版本", f"{count} versions"), output)


@click.command(help=say("导出每次捕获(一次 HTTP 往来),每次一行。", "Every capture (one HTTP exchange), one a row."))
@_format_option
@_output_option
@_agency_option
@data_option
def captures(*, form: str, output: str, agency: str | None, data: Path) -> None:
    """Write the captures."""
    count = _write(
        data, lambda catalog: history.export_captures(catalog, agency=agency), history.CAPTURE_FIELDS, form, output
    )
    say_done(say(f"{count} 次捕获", f"{count} captures"), output)


@click.command(help=say("导出每次抓取及其计数,每次一行。", "Every crawl with what was counted, one a row."))
@_format_option
@_output_option
@_agency_option
@data_option
def crawls(*, form: str, output: str, agency: str | None, data: Path) -> None:
    """Write the crawls."""
    count = _write(
        data, lambda catalog: history.export_crawls(catalog, agency=agency), history.CRAWL_FIELDS, form, output
    )
    say_done(say(f"{count} 次抓取", f"{count} crawls"), output)


def _write(data: Path, rows_of: Callable[[Catalog], Rows], fields: tuple[str, ...], form: str, output: str) -> int:
    """Write rows in a format; returns how many."""
    with open_catalog(data) as catalog, closing(rows_of(catalog)) as rows, exports.opened(output) as target:
        if form == "csv":
            return exports.write_csv(rows, target, fields=fields)
        return exports.write_jsonl(rows, target)
