"""``govcrawl changes``: what became of documents."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

import click

from archive import catalog_change_reads as reads
from archive.change_words import change_word, details, headline
from archive.export import json_line
from archive.text import for_terminal
from govcrawl.cli import complete_agency, data_option, open_catalog
from govcrawl.cli.choosing import (
    DAY_OR_INSTANT,
    change_option,
    check_agency,
    check_channel,
    local_minute,
    parse_since,
    parse_until,
)
from govcrawl.cli.diff import print_diff
from govcrawl.cli.show import find_document
from govcrawl.speech import language, say

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from archive.catalog import Catalog
    from archive.comparison import Comparison
    from archive.rows import Row

_COLOURS = {
    "new": "green",
    "listed": "green",
    "restored": "green",
    "changed": "yellow",
    "moved": "yellow",
    "unlisted": "magenta",
    "suspected": "red",
    "withdrawn": "red",
}
_NOT_SAID = ("id", "capture_id", "before_capture_id", "version_id", "previous_version_id", "diff", "captured_at")


@click.command(
    help=say(
        "列出公开文件的变动:新增、变更、移址、不再列出、疑似撤下、撤下、恢复。时刻为北京时间（+08:00）。\n\n"
        "例: govcrawl changes --since 2024-05-01 --agency xiamen_sfj --diff",
        "What became of documents: new, changed, moved, unlisted, suspected gone, withdrawn, restored. Times are those of clocks in China (+08:00).\n\n"
        "Example: govcrawl changes --since 2024-05-01 --agency xiamen_sfj --diff",
    )
)
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
@click.option("--agency", shell_complete=complete_agency, help=say("只看这个机构。", "Only this agency."))
@click.option("--channel", help=say("只看这个栏目列出的文件。", "Only documents that this channel lists."))
@change_option
@click.option("--document", metavar="ID", help=say("只看这份公开文件(编号或网址)。", "Only this document (id or URL)."))
@click.option("--diff", "with_diff", is_flag=True, help=say("附上正文差异。", "With what differs in the text."))
@click.option(
    "--limit", type=click.IntRange(min=1), help=say("只看最近的 N 条。", "Only the latest so many."), metavar="N"
)
@click.option("--json", "as_json", is_flag=True, help=say("每条一行 JSON。", "As JSON, one line an event."))
@data_option
def changes(  # noqa: PLR0913 - one parameter an option
    *,
    since: str | None,
    until: str | None,
    agency: str | None,
    channel: str | None,
    kinds: tuple[str, ...],
    document: str | None,
    with_diff: bool,
    limit: int | None,
    as_json: bool,
    data: Path,
) -> None:
    """Print the events, in their order."""
    with open_catalog(data) as catalog, catalog.snapshot():
        check_agency(catalog, agency)
        check_channel(catalog, agency, channel)
        choice = reads.Choice(
            since=since,
            until=until,
            agency=agency,
            channel=channel,
            kinds=kinds,
            document_id=find_document(catalog, document) if document else None,
        )
        found = False
        with closing(_chosen(catalog, choice, limit)) as events:
            for event in events:
                found = True
                if as_json:
                    click.echo(json_line(_said(catalog, event, with_diff=with_diff)))
                else:
                    _show(catalog, event, with_diff=with_diff)
    if not found and not as_json:
        click.echo(say("没有这样的变动", "no such change"), err=True)


def _chosen(catalog: Catalog, choice: reads.Choice, limit: int | None) -> Generator[Row]:
    """Events in their order; of a limited number the latest."""
    if limit is None:
        yield from reads.find_changes(catalog, choice)
    else:
        yield from list(reads.find_changes(catalog, choice, limit=limit, latest_first=True))[::-1]


def _said(catalog: Catalog, event: Row, *, with_diff: bool) -> dict[str, Any]:
    """An event as JSON; with every capture that shows it."""
    said = {name: value for name, value in event.items() if name not in _NOT_SAID}
    names = ("role", "record_id", "url", "captured_at", "status", "warc_file", "offset", "length")
    said["captures"] = [{name: row[name] for name in names} for row in reads.change_captures(catalog, event["id"])]
    if with_diff:
        found = _comparison(catalog, event)
        said["comparison"] = found.as_json() if found else None
    return said


def _show(catalog: Catalog, event: Row, *, with_diff: bool) -> None:
    """An event for people."""
    word = change_word(event["change"], language())
    rest = headline(event, language()).removeprefix(word)
    head = f"{local_minute(event['at'])}  {event['agency']}  "
    click.echo(head + click.style(word, fg=_COLOURS[event["change"]], bold=True) + for_terminal(rest))
    click.echo(f"    {for_terminal(event['title'] or say('(无标题)', '(no title)'))}")
    click.echo(f"    {for_terminal(event['url'])}")
    found = _comparison(catalog, event)
    if found is not None:
        for line in details(found, language()):
            click.echo(f"    {for_terminal(line)}")
        if with_diff and found.text is not None:
            print_diff(found.text, indent="    ")


def _comparison(catalog: Catalog, event: Row) -> Comparison | None:
    """What differs between the two versions of an event that has two."""
    if event["previous_version_id"] is None:
        return None
    return reads.compare_versions(catalog, event["previous_version_id"], event["version_id"])
