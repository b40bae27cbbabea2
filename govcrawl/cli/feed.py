"""``govcrawl feed``: the latest changes as an Atom feed."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import click

from archive import catalog_change_reads as reads
from archive.export import opened
from archive.feed import write_feed
from govcrawl.cli import complete_agency, data_option, open_catalog
from govcrawl.cli.choosing import change_option, check_agency, check_channel
from govcrawl.feeds import feed_entries, feed_head
from govcrawl.speech import say

if TYPE_CHECKING:
    from pathlib import Path


@click.command(
    help=say(
        "把最近的变动写成 Atom 订阅源。\n\n例: govcrawl feed --agency xiamen_sfj --output xiamen.atom",
        "The latest changes as an Atom feed.\n\nExample: govcrawl feed --agency xiamen_sfj --output xiamen.atom",
    )
)
@click.option(
    "--agency",
    shell_complete=complete_agency,
    help=say("只含这个机构;不给时为全部机构。", "Only this agency; all of them without it."),
)
@click.option("--channel", help=say("只含这个栏目列出的文件。", "Only documents that this channel lists."))
@change_option
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    default=100,
    show_default=True,
    help=say("最多几条。", "Entries at the most."),
)
@click.option(
    "--self-url", metavar="URL", help=say("订阅源将发布的网址。", "Where the feed will stand, for its own link.")
)
@click.option("--output", required=True, help=say("目标文件;- 为标准输出。", "File to write; - is standard output."))
@data_option
def feed(
    *,
    agency: str | None,
    channel: str | None,
    kinds: tuple[str, ...],
    limit: int,
    self_url: str | None,
    output: str,
    data: Path,
) -> None:
    """Write the feed."""
    with open_catalog(data) as catalog, catalog.snapshot():
        check_agency(catalog, agency)
        check_channel(catalog, agency, channel)
        choice = reads.Choice(agency=agency, channel=channel, kinds=kinds)
        head = feed_head(catalog, agency, name="/".join((agency or "all", channel or "", *kinds)), self_url=self_url)
        with (
            closing(reads.find_changes(catalog, choice, limit=limit, latest_first=True)) as rows,
            opened(output) as target,
        ):
            for piece in write_feed(feed_entries(catalog, rows), head):
                target.write(piece.encode())
