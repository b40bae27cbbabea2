"""``govcrawl feed``: the latest changes as an Atom feed."""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING

import click

from archive import catalog_change_reads as reads
from archive.export import opened
from archive.export_rows import Done
from archive.feed import write_feed
from archive.search_changes import found_changes
from govcrawl.cli import complete_agency, data_option, open_catalog
from govcrawl.cli.choosing import change_option, check_agency, check_channel
from govcrawl.cli.export_options import say_done
from govcrawl.cli.saved import query_option, saved_option, words_of
from govcrawl.cli.search import build_query
from govcrawl.feeds import feed_entries, feed_head
from govcrawl.speech import say

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from archive.feed import FeedEntry
    from archive.rows import Row


@click.command(
    help=say(
        "把最近的变动写成 Atom 订阅源：全部、一个机构、一个栏目，或一次检索到的。\n\n例:\n\n"
        "  govcrawl feed --agency xiamen_sfj --output xiamen.atom\n\n"
        "  govcrawl feed --saved 援助 --change new --output aid.atom",
        "The latest changes as an Atom feed: all, of an agency, of a channel, or of what a search finds.\n\nExamples:\n\n"
        "  govcrawl feed --agency xiamen_sfj --output xiamen.atom\n\n"
        "  govcrawl feed --saved aid --change new --output aid.atom",
    )
)
@click.option(
    "--agency",
    shell_complete=complete_agency,
    help=say("只含这个机构;不给时为全部机构。", "Only this agency; all of them without it."),
)
@click.option("--channel", help=say("只含这个栏目列出的文件。", "Only documents that this channel lists."))
@query_option
@saved_option
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
def feed(  # noqa: PLR0913 - one parameter an option
    *,
    agency: str | None,
    channel: str | None,
    query: str | None,
    saved: str | None,
    kinds: tuple[str, ...],
    limit: int,
    self_url: str | None,
    output: str,
    data: Path,
) -> None:
    """Write the feed."""
    words = words_of(data, query, saved)
    wanted = build_query(words) if words is not None else None
    with open_catalog(data) as catalog, catalog.snapshot():
        check_agency(catalog, agency)
        check_channel(catalog, agency, channel)
        choice = reads.Choice(agency=agency, channel=channel, kinds=kinds)
        parts = (agency or "all", channel or "", *([f"search {words}"] if words else []), *kinds)
        head = feed_head(catalog, agency, name="/".join(parts), self_url=self_url, search=saved or words)
        tally: Counter[str] = Counter()
        with ExitStack() as steps:
            rows: Iterable[Row] = (
                found_changes(catalog, wanted, limit=limit, choice=choice)
                if wanted is not None
                else steps.enter_context(closing(reads.find_changes(catalog, choice, limit=limit, latest_first=True)))
            )
            target = steps.enter_context(opened(output))
            for piece in write_feed(_tallied(feed_entries(catalog, rows), tally), head):
                target.write(piece.encode())
    say_done(Done(tally.total()), "条变动", "changes", output)


def _tallied(entries: Iterable[FeedEntry], tally: Counter[str]) -> Iterator[FeedEntry]:
    """Count entries as they pass."""
    for entry in entries:
        tally["entries"] += 1
        yield entry
