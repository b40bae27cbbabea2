"""``govcrawl export changes|versions|captures|crawls|attachments``: what happened, and what came with the documents."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from archive import export_history as history
from archive import resources
from archive.catalog_change_reads import Choice
from archive.export_attachments import export_attachments
from govcrawl.cli import data_option
from govcrawl.cli.choosing import DAY_OR_INSTANT, change_option, parse_since, parse_until
from govcrawl.cli.export_options import agency_option, format_option, output_option, say_done, write
from govcrawl.speech import say

if TYPE_CHECKING:
    from pathlib import Path

    from archive.export_rows import Format


@click.command(
    help=say(
        "导出变动,每条一行,按时间排序,附证据(捕获)和正文差异。",
        "Changes, one a row, in the order of time, with the captures that show them and what differs in the text.",
    )
)
@format_option()
@output_option
@agency_option
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
    form: Format,
    output: str,
    agency: str | None,
    since: str | None,
    until: str | None,
    kinds: tuple[str, ...],
    data: Path,
) -> None:
    """Write the changes."""
    choice = Choice(agency=agency, since=since, until=until, kinds=kinds)
    done = write(data, lambda catalog: history.export_changes(catalog, choice), resources.CHANGES, form, output)
    say_done(done, "条变动", "changes", output)


@click.command(help=say("导出每份公开文件的每个版本,每个一行。", "Every version of every document, one a row."))
@format_option()
@output_option
@agency_option
@data_option
def versions(*, form: Format, output: str, agency: str | None, data: Path) -> None:
    """Write the versions."""
    done = write(
        data, lambda catalog: history.export_versions(catalog, agency=agency), resources.VERSIONS, form, output
    )
    say_done(done, "个版本", "versions", output)


@click.command(help=say("导出每次捕获(一次 HTTP 往来),每次一行。", "Every capture (one HTTP exchange), one a row."))
@format_option()
@output_option
@agency_option
@data_option
def captures(*, form: Format, output: str, agency: str | None, data: Path) -> None:
    """Write the captures."""
    done = write(
        data, lambda catalog: history.export_captures(catalog, agency=agency), resources.CAPTURES, form, output
    )
    say_done(done, "次捕获", "captures", output)


@click.command(help=say("导出每次抓取及其计数,每次一行。", "Every crawl with what was counted, one a row."))
@format_option()
@output_option
@agency_option
@data_option
def crawls(*, form: Format, output: str, agency: str | None, data: Path) -> None:
    """Write the crawls."""
    done = write(data, lambda catalog: history.export_crawls(catalog, agency=agency), resources.CRAWLS, form, output)
    say_done(done, "次抓取", "crawls", output)


@click.command(
    help=say("导出当前版本的附件及其文字,每个一行。", "Attachments of current versions with their texts, one a row.")
)
@format_option()
@output_option
@agency_option
@data_option
def attachments(*, form: Format, output: str, agency: str | None, data: Path) -> None:
    """Write the attachments."""
    done = write(data, lambda catalog: export_attachments(catalog, agency=agency), resources.ATTACHMENTS, form, output)
    say_done(done, "个附件", "attachments", output)
